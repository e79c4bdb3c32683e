#define PCRE2_CODE_UNIT_WIDTH 8
#include "plugins/connector/filesystem/pattern.h"
#include <pcre2.h>
#include <string.h>

struct pattern {
    pcre2_code *code;
    pcre2_match_data *match;
};

enum weir_error_code pattern_new(
    struct weir_arena *arena, const char *text, struct pattern **ret, struct weir_error *reterr)
{
    int number;
    PCRE2_SIZE offset;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)text, strlen(text),
        PCRE2_UTF | PCRE2_ANCHORED | PCRE2_ENDANCHORED, &number, &offset, NULL);
    if (!code) {
        PCRE2_UCHAR message[256];
        pcre2_get_error_message(number, message, sizeof message);
        return weir_error_set(reterr, WEIR_E_ARGUMENT,
            "option 'source.path.regex-pattern' = '%s': %s at character %zu", text, (const char *)message,
            (size_t)offset + 1);
    }
    *ret = WEIR_ARENA_NEW(arena, struct pattern);
    **ret = (struct pattern){ code, pcre2_match_data_create_from_pattern(code, NULL) };
    return WEIR_OK;
}

bool pattern_matches(struct pattern *pattern, const char *path)
{
    return pcre2_match(pattern->code, (PCRE2_SPTR)path, strlen(path), 0, 0, pattern->match, NULL) >= 0;
}

void pattern_free(struct pattern *pattern)
{
    pcre2_match_data_free(pattern->match);
    pcre2_code_free(pattern->code);
}
