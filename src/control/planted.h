/*
 * Planted bugs: defects put into product code on purpose, one at a time, to prove that a checker of the
 * simulator sees them. Absent from ordinary builds: WEIR_PLANTED(name) is then the constant false.
 *
 *     if (WEIR_PLANTED(settle_guessed)) return take_for_lost(record);
 *
 * Names are lines of planted.def. With -DWEIR_PLANTED_BUGS=ON the simulator picks one in weir_planted_bug.
 * @thread control: set before the first step, never during a run.
 */
#ifndef WEIR_CONTROL_PLANTED_H
#define WEIR_CONTROL_PLANTED_H

#include "base/macros.h"

enum weir_planted {
    WEIR_PLANTED_NONE,
#define X(name, text) WEIR_PLANTED_##name,
#include "control/planted.def"
#undef X
    WEIR_PLANTED_COUNT
};

extern enum weir_planted weir_planted_bug;
extern const bool weir_planted_built; /* this build has them */

const char *weir_planted_name(enum weir_planted bug); /* "none" ... */
const char *weir_planted_text(enum weir_planted bug); /* what is wrong then */
/* False: there is no such name. */
bool weir_planted_find(const char *name, enum weir_planted *ret);

#ifdef WEIR_PLANTED_BUGS
#define WEIR_PLANTED(name) (weir_planted_bug == WEIR_PLANTED_##name)
#else
#define WEIR_PLANTED(name) false
#endif

#endif
