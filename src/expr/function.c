/* The table of functions and looking things up in it. */
#include "expr/kernel.h"
#include "expr/aggregate.h"
#include "expr/build.h"

const struct weir_function weir_functions[] = {
#define X(name_, min_, max_, flags_, signature_, family_, description_, infer_) \
    { .name = name_,                                                            \
        .arguments_min = min_,                                                  \
        .arguments_max = max_,                                                  \
        .flags = flags_,                                                        \
        .signature = signature_,                                                \
        .family = family_,                                                      \
        .description = description_,                                            \
        .infer = infer_ },
#define XB(name_, min_, max_, flags_, signature_, family_, description_, infer_, bind_) \
    { .name = name_,                                                                    \
        .arguments_min = min_,                                                          \
        .arguments_max = max_,                                                          \
        .flags = flags_,                                                                \
        .signature = signature_,                                                        \
        .family = family_,                                                              \
        .description = description_,                                                    \
        .infer = infer_,                                                                \
        .bind = bind_ },
#include "expr/functions.def"
#undef X
#undef XB
};
const uint32_t weir_function_count = WEIR_ARRAY_COUNT(weir_functions);

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

bool weir_function_name_equal(const char *upper_case, const char *name)
{
    while (*upper_case && *upper_case == upper(*name)) upper_case++, name++;
    return *upper_case == '\0' && *name == '\0';
}

const struct weir_function *weir_function_find(const char *name)
{
    for (uint32_t i = 0; i < weir_function_count; i++) {
        if (weir_function_name_equal(weir_functions[i].name, name)) return &weir_functions[i];
    }
    return NULL;
}

enum { NEAREST_NAME_BYTES_MAX = 64, NEAREST_DISTANCE_MAX = 3 };

/* Levenshtein distance, case-insensitive. */
static uint32_t distance(const char *a, const char *b)
{
    uint32_t row[NEAREST_NAME_BYTES_MAX + 1];
    uint32_t length = (uint32_t)strlen(b);
    for (uint32_t j = 0; j <= length; j++) row[j] = j;
    for (uint32_t i = 1; a[i - 1]; i++) {
        uint32_t diagonal = row[0];
        row[0] = i;
        for (uint32_t j = 1; j <= length; j++) {
            uint32_t replaced = diagonal + (upper(a[i - 1]) != upper(b[j - 1]));
            diagonal = row[j];
            row[j] = WEIR_MIN(replaced, WEIR_MIN(row[j], row[j - 1]) + 1);
        }
    }
    return row[length];
}

const char *weir_function_nearest(const char *name)
{
    size_t length = strlen(name);
    if (length == 0 || length > NEAREST_NAME_BYTES_MAX) return NULL;
    uint32_t best = (uint32_t)WEIR_MIN(length / 3 + 1, (size_t)NEAREST_DISTANCE_MAX) + 1;
    const char *nearest = NULL;
    for (uint32_t i = 0; i < weir_function_count; i++) {
        const struct weir_function *function = &weir_functions[i];
        if (function->flags & WEIR_FUNCTION_OPERATOR || strlen(function->name) > NEAREST_NAME_BYTES_MAX)
            continue;
        uint32_t away = distance(name, function->name);
        if (away < best) best = away, nearest = function->name;
    }
    for (uint32_t i = 0; i < weir_aggregate_function_count; i++) {
        uint32_t away = distance(name, weir_aggregate_functions[i].name);
        if (away < best) best = away, nearest = weir_aggregate_functions[i].name;
    }
    return nearest;
}
