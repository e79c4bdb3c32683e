/*
 * Assertions: on in every build. They state what the programmer promises; input from outside the process is
 * never asserted but validated and answered (DESIGN.md section 9).
 */
#ifndef WEIR_BASE_ASSERT_H
#define WEIR_BASE_ASSERT_H

/* Prints nothing itself: pure libraries have no I/O. Calls the hook if one is set, then traps. */
_Noreturn void weir_assert_failed(const char *expression, const char *file, int line);

/* The process that wants a message on stderr before the trap installs a hook at start (os does). */
extern void (*weir_assert_hook)(const char *expression, const char *file, int line);

#ifdef WEIR_PLANTED_BUGS
/* Planted bugs must be seen by checkers, not by assertions of the product (control/planted.h). */
#define WEIR_ASSERT(expression) ((void)(expression))
#else
#define WEIR_ASSERT(expression) \
    (__builtin_expect(!!(expression), 1) ? (void)0 : weir_assert_failed(#expression, __FILE__, __LINE__))
#endif

#define WEIR_UNREACHABLE() weir_assert_failed("unreachable", __FILE__, __LINE__)

#endif
