#include "config/options.h"
#include "base/assert.h"
#include "config/value.h"
#include <string.h>

enum { KEY_BYTES_COMPARED_MAX = 96 };

static const struct weir_option options[] = {
#define X(key_, type_, default_, unit_, old_names_, meaning_, status_) \
    { .key = key_,                                                     \
        .type = WEIR_OPTION_##type_,                                   \
        .default_value = default_,                                     \
        .unit = unit_,                                                 \
        .old_names = old_names_,                                       \
        .meaning = meaning_,                                           \
        .status = WEIR_OPTION_##status_ },
#include "config/options.def"
#undef X
};

size_t weir_option_count(void)
{
    return WEIR_ARRAY_COUNT(options);
}

const struct weir_option *weir_option_at(size_t index)
{
    return index < WEIR_ARRAY_COUNT(options) ? &options[index] : NULL;
}

bool weir_option_is_pattern(const struct weir_option *option)
{
    return strchr(option->key, '<') != NULL;
}

static const struct weir_option *find_exact(const char *key, size_t length)
{
    size_t low = 0, high = WEIR_ARRAY_COUNT(options);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *candidate = options[middle].key;
        int order = strncmp(key, candidate, length);
        if (order == 0 && candidate[length] != 0) order = -1;
        if (order == 0) return &options[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* "<x>" takes one segment, at the end of the pattern all that is left; both at least one byte. */
static bool pattern_matches(const char *pattern, const char *key, size_t length)
{
    size_t at = 0;
    while (*pattern) {
        if (*pattern != '<') {
            if (at == length || key[at] != *pattern) return false;
            at++;
            pattern++;
            continue;
        }
        pattern = strchr(pattern, '>') + 1;
        size_t start = at;
        if (!*pattern) return start < length;
        while (at < length && key[at] != '.') at++;
        if (at == start) return false;
    }
    return at == length;
}

static bool is_map_entry(const struct weir_option *option, const char *key, size_t length)
{
    size_t prefix = strlen(option->key);
    return option->type == WEIR_OPTION_MAP && length > prefix + 1 && key[prefix] == '.' &&
           memcmp(option->key, key, prefix) == 0;
}

const struct weir_option *weir_option_find(const char *key, size_t length)
{
    if (length == 0 || memchr(key, 0, length)) return NULL;
    const struct weir_option *exact = find_exact(key, length);
    if (exact && !weir_option_is_pattern(exact)) return exact;
    /* Of several patterns the one with the longest fixed part decides: "...<name>.interval" before
     * "...<name>.<parameter>". */
    const struct weir_option *best = NULL;
    size_t best_fixed = 0;
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(options); i++) {
        const struct weir_option *option = &options[i];
        if (option->key[0] != key[0]) continue;
        bool matches = weir_option_is_pattern(option) ? pattern_matches(option->key, key, length)
                                                      : is_map_entry(option, key, length);
        if (!matches) continue;
        size_t fixed = 0;
        bool inside = false;
        for (const char *at = option->key; *at; at++) {
            inside = inside ? *at != '>' : *at == '<';
            fixed += !inside && *at != '>';
        }
        if (fixed > best_fixed) {
            best = option;
            best_fixed = fixed;
        }
    }
    return best;
}

static bool names_contain(const char *names, const char *name, size_t length)
{
    while (*names) {
        size_t bytes = strcspn(names, " ");
        if (bytes == length && memcmp(names, name, length) == 0) return true;
        names += bytes;
        names += *names == ' ';
    }
    return false;
}

const struct weir_option *weir_option_find_by_old_name(const char *name, size_t length, size_t *from)
{
    while (*from < WEIR_ARRAY_COUNT(options)) {
        const struct weir_option *option = &options[(*from)++];
        if (option->old_names[0] && names_contain(option->old_names, name, length)) return option;
    }
    return NULL;
}

/* Edits (insert, delete, replace, swap of neighbours) between two short texts; at most limit + 1 is told
 * exactly. */
static size_t edit_distance(const char *a, size_t a_length, const char *b, size_t b_length, size_t limit)
{
    if (a_length > b_length + limit || b_length > a_length + limit) return limit + 1;
    uint8_t rows[3][KEY_BYTES_COMPARED_MAX + 1];
    uint8_t *before = rows[0], *last = rows[1], *now = rows[2];
    for (size_t j = 0; j <= b_length; j++) last[j] = (uint8_t)j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t least = now[0] = (uint8_t)i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t cost = last[j - 1] + (a[i - 1] != b[j - 1]);
            cost = WEIR_MIN(cost, (size_t)last[j] + 1);
            cost = WEIR_MIN(cost, (size_t)now[j - 1] + 1);
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped) cost = WEIR_MIN(cost, (size_t)before[j - 2] + 1);
            now[j] = (uint8_t)cost;
            least = WEIR_MIN(least, cost);
        }
        if (least > limit) return limit + 1;
        uint8_t *oldest = before;
        before = last;
        last = now;
        now = oldest;
    }
    return last[b_length];
}

const char *weir_option_nearest(const char *key, size_t length)
{
    if (length == 0 || length > KEY_BYTES_COMPARED_MAX) return NULL;
    const char *best = NULL;
    size_t limit = WEIR_MAX(length / 4, (size_t)2); /* more than that is another word, not a slip */
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(options); i++) {
        const struct weir_option *option = &options[i];
        size_t candidate_length = strlen(option->key);
        if (candidate_length > KEY_BYTES_COMPARED_MAX || weir_option_is_pattern(option)) continue;
        size_t distance = edit_distance(key, length, option->key, candidate_length, limit);
        if (distance <= limit) {
            best = option->key;
            if (distance == 0) return best;
            limit = distance - 1;
        }
    }
    if (best) return best;
    /* A key without its first segments ("state.ttl") names the option that ends with it. */
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(options); i++) {
        size_t candidate_length = strlen(options[i].key);
        if (candidate_length <= length + 1 || weir_option_is_pattern(&options[i])) continue;
        const char *tail = options[i].key + candidate_length - length;
        if (tail[-1] == '.' && memcmp(tail, key, length) == 0) return options[i].key;
    }
    return NULL;
}

const char *weir_option_type_name(enum weir_option_type type)
{
    switch (type) {
    case WEIR_OPTION_BOOLEAN: return "Boolean";
    case WEIR_OPTION_INTEGER: return "Integer";
    case WEIR_OPTION_LONG: return "Long";
    case WEIR_OPTION_DOUBLE: return "Double";
    case WEIR_OPTION_DURATION: return "Duration";
    case WEIR_OPTION_MEMORY: return "MemorySize";
    case WEIR_OPTION_TEXT: return "String";
    case WEIR_OPTION_ENUM: return "Enum";
    case WEIR_OPTION_LIST: return "List";
    case WEIR_OPTION_MAP: return "Map";
    }
    return "";
}

const char *weir_option_range(const struct weir_option *option, int64_t *ret_least, int64_t *ret_most)
{
    bool is_long = option->type == WEIR_OPTION_LONG;
    const char *dots = strstr(option->unit, "..");
    *ret_least = is_long ? INT64_MIN : INT32_MIN;
    *ret_most = is_long ? INT64_MAX : INT32_MAX;
    if (!dots || (option->type != WEIR_OPTION_INTEGER && !is_long)) return option->unit;
    const char *space = strchr(dots, ' '), *rest = space ? space + 1 : dots + strlen(dots);
    struct weir_slice least = { option->unit, (size_t)(dots - option->unit) };
    struct weir_slice most = { dots + 2, (size_t)((space ? space : rest) - dots - 2) };
    bool good = weir_value_parse_long(least, ret_least) && weir_value_parse_long(most, ret_most);
    WEIR_ASSERT(good); /* options.def */
    return rest;
}

const char *weir_option_type_form(enum weir_option_type type)
{
    switch (type) {
    case WEIR_OPTION_BOOLEAN: return "true or false";
    case WEIR_OPTION_INTEGER: return "a whole number from -2147483648 to 2147483647";
    case WEIR_OPTION_LONG: return "a whole number of 64 bits";
    case WEIR_OPTION_DOUBLE: return "a number such as 0.5";
    case WEIR_OPTION_DURATION:
        return "a duration such as '500 ms', '10 s', '5 min', '1 h' or '1 d' (a bare number is ms)";
    case WEIR_OPTION_MEMORY:
        return "a memory size such as '64 kb', '512 mb' or '1 gb' (a bare number is bytes)";
    case WEIR_OPTION_TEXT: return "text";
    case WEIR_OPTION_ENUM: return "a word";
    case WEIR_OPTION_LIST: return "a list such as 'a;b' or, in YAML, [a, b]";
    case WEIR_OPTION_MAP: return "a map such as 'k1:v1,k2:v2' or, in YAML, {k1: v1, k2: v2}";
    }
    return "";
}
