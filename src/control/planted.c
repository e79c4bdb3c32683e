#include "control/planted.h"
#include <string.h>

enum weir_planted weir_planted_bug = WEIR_PLANTED_NONE;

#ifdef WEIR_PLANTED_BUGS
const bool weir_planted_built = true;
#else
const bool weir_planted_built = false;
#endif

static const struct {
    const char *name, *text;
} rows[WEIR_PLANTED_COUNT] = {
    { "none", "nothing" },
#define X(name, text) { #name, text },
#include "control/planted.def"
#undef X
};

const char *weir_planted_name(enum weir_planted bug)
{
    return (uint32_t)bug < WEIR_PLANTED_COUNT ? rows[bug].name : "?";
}

const char *weir_planted_text(enum weir_planted bug)
{
    return (uint32_t)bug < WEIR_PLANTED_COUNT ? rows[bug].text : "?";
}

bool weir_planted_find(const char *name, enum weir_planted *ret)
{
    for (uint32_t i = 0; i < WEIR_PLANTED_COUNT; i++) {
        if (strcmp(rows[i].name, name) != 0) continue;
        *ret = (enum weir_planted)i;
        return true;
    }
    return false;
}
