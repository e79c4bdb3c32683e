/* The verbs of the weir binary and what they share. */
#ifndef WEIR_BIN_MAIN_H
#define WEIR_BIN_MAIN_H

#include "config/config.h"

/* Each verb: arguments behind the verb's name; returns the exit code. */
#define X(name, function, usage, what) int function(int argument_count, char **arguments);
#include "verbs.def"
#undef X

/* verb_run() within a process that is more than a client: a signal is no matter of this alone. */
int client_run(int argument_count, char **arguments);

const char *verb_usage(const char *name);
/* "weir sql: what went wrong" and how it is used, on stderr; returns the exit code: 1 for the verbs of
 * Flink's client, else 2. */
int usage_error(const char *verb, const char *format, ...) WEIR_PRINTF(2, 3);
int usage_exit_code(const char *verb);
/* What getopt did not understand, with opterr 0: found is '?' or ':', arguments what getopt was given. */
int option_error(const char *verb, int found, char **arguments);
/* "[ERROR] message" with causes on stderr; returns exit code 1. */
int print_error(const struct weir_error *error);
/* Configuration of the process: the folder named by WEIR_CONF_DIR, FLINK_CONF_DIR, or ../conf beside the
 * program; then the -D arguments. NULL after an error that was printed. Notices go to stderr once. */
struct weir_config *load_config(char *const *definitions, uint32_t definition_count, bool with_notices);
/* Writes all of it to a descriptor; false when that cannot be done any more. */
bool write_all(int descriptor, const char *bytes, size_t length);

enum { DEFINITIONS_MAX = 1000 };

#endif
