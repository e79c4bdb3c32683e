/*
 * Fault points: where a test ends, stops or fails this process in the middle of a protocol step. The
 * environment says what:
 *
 *     WEIR_FAULT=<point>.<before|after>:<kill|stop|fail>[@<n>[+]][,...]
 *
 * kill and stop are signals to the process itself; fail lets what the point names fail, or, after it, its
 * success go unheard. @n: at the n-th time, n+: from then on; without it at the first. Points are in
 * fault_points.def. Without the variable nothing here costs anything: who wraps things for fault points asks
 * weir_fault_armed() first.
 * @thread init: main, before others are started. The rest: any.
 */
#ifndef WEIR_OS_FAULT_H
#define WEIR_OS_FAULT_H

#include "base/error.h"
#include <stdbool.h>

/* spec NULL: nothing is armed. WEIR_E_ARGUMENT names what is not understood. */
enum weir_error_code weir_fault_init(const char *spec, struct weir_error *reterr);
bool weir_fault_armed(void);
/* Does what is armed there. True: fail. */
bool weir_fault_at(const char *point, bool after);

#endif
