/*
 * What a process sets up once at its start: what a failed assertion prints, and what signals do.
 * @thread main, before others are started; what says so from any thread.
 */
#ifndef WEIR_OS_PROCESS_H
#define WEIR_OS_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

/* A failed assertion then prints "weir: assertion failed: <expression> (<file>:<line>)" before the trap. */
void weir_os_assert_hook_install(void);

/*
 * SIGINT and SIGTERM ask to stop: the first raises the flag and makes the descriptor readable, the second
 * ends the process at once with exit code 128 + signal, for somebody who will not wait. SIGPIPE is ignored: a
 * closed stdout is an error of write().
 */
void weir_os_signals_install(void);
bool weir_os_stop_requested(void);
void weir_os_stop(void);           /* as SIGTERM would; nothing when it was asked for already. Any thread. */
int weir_os_stop_signal(void);     /* the signal's number, 0 before there was one */
int weir_os_stop_descriptor(void); /* readable once stopping was asked for: for poll(); -1 before install */
void weir_os_stop_clear(void);     /* a prompt goes on after a statement was interrupted */

/*
 * From now on the first signal ends the process, too, with the same exit code, about a second after it,
 * unless weir_os_stop_requested() has said so before: then the program is ending by itself, however long that
 * takes. For clients, which may be in the middle of long computations that nobody has to finish and that do
 * not ask.
 */
void weir_os_stop_deadline(void);

/*
 * Asks for as many descriptors as the system lets this process have (up to 65,536), where it was started with
 * fewer. What the process opens for others is a share of them, so that they leave some for its files: one in
 * parts, at most max, at least 1.
 */
void weir_os_descriptors_raise(void);
uint32_t weir_os_descriptors_share(uint32_t parts, uint32_t max);

unsigned weir_os_processors(void); /* how many this process may use, at least 1 */

/*
 * Runs work on a thread of its own that gives way to the process's others where processors are scarce, and
 * waits for its end. It gets a tenth of what another one gets there, never nothing. Where there can be no
 * such thread the caller's own does the work. @thread any
 */
void weir_os_run_yielding(void (*work)(void *), void *argument);

#endif
