#include "sql/lexer.h"
#include "sql/parser.h"
#include "base/assert.h"
#include <string.h>

static const struct {
    const char *text;
    enum weir_sql_keyword_class class;
} keywords[WEIR_SQL_KEYWORDS] = {
    [WEIR_SQL_NO_KEYWORD] = { "", WEIR_SQL_WORD_FREE },
#define X(word, class) [WEIR_SQL_KEYWORD_##word] = { #word, WEIR_SQL_WORD_##class },
#include "sql/keywords.def"
#undef X
};

enum { KEYWORD_BYTES_MAX = 40 };

static bool upper_copy(const char *word, size_t length, char *to)
{
    if (length == 0 || length >= KEYWORD_BYTES_MAX) return false;
    for (size_t i = 0; i < length; i++)
        to[i] = word[i] >= 'a' && word[i] <= 'z' ? (char)(word[i] - 32) : word[i];
    to[length] = 0;
    return true;
}

enum weir_sql_keyword weir_sql_keyword_find(const char *word, size_t length)
{
    char upper[KEYWORD_BYTES_MAX];
    if (!upper_copy(word, length, upper)) return WEIR_SQL_NO_KEYWORD;
    uint32_t low = 1, high = WEIR_SQL_KEYWORDS;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        int order = strcmp(upper, keywords[middle].text);
        if (order == 0) return (enum weir_sql_keyword)middle;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return WEIR_SQL_NO_KEYWORD;
}

const char *weir_sql_keyword_text(enum weir_sql_keyword keyword)
{
    return keywords[keyword].text;
}

enum weir_sql_keyword_class weir_sql_keyword_class(enum weir_sql_keyword keyword)
{
    return keywords[keyword].class;
}

bool weir_sql_is_reserved(const char *word, size_t length)
{
    return weir_sql_keyword_class(weir_sql_keyword_find(word, length)) != WEIR_SQL_WORD_FREE;
}

/* Edit distance in which swapping two neighbours is one edit: FORM is as near to FROM as FRM is. */
static uint32_t edit_distance(const char *a, uint32_t a_length, const char *b, uint32_t b_length)
{
    uint32_t rows[3][KEYWORD_BYTES_MAX + 1];
    uint32_t *before = rows[0], *last = rows[1], *current = rows[2];
    for (uint32_t j = 0; j <= b_length; j++) before[j] = last[j] = j;
    for (uint32_t i = 1; i <= a_length; i++) {
        current[0] = i;
        for (uint32_t j = 1; j <= b_length; j++) {
            uint32_t best = last[j - 1] + (a[i - 1] != b[j - 1]);
            if (last[j] + 1 < best) best = last[j] + 1;
            if (current[j - 1] + 1 < best) best = current[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            current[j] = best;
        }
        uint32_t *free_row = before;
        before = last;
        last = current;
        current = free_row;
    }
    return last[b_length];
}

enum weir_sql_keyword weir_sql_keyword_nearest(
    const char *word, size_t length, const uint16_t *candidates, uint32_t count)
{
    char upper[KEYWORD_BYTES_MAX];
    if (length < 2 || !upper_copy(word, length, upper)) return WEIR_SQL_NO_KEYWORD;
    enum weir_sql_keyword best = WEIR_SQL_NO_KEYWORD;
    uint32_t best_distance = length <= 4 ? 2 : 3; /* one edit in a short word, two in a long one */
    for (uint32_t i = 0; i < count; i++) {
        const char *text = keywords[candidates[i]].text;
        size_t text_length = strlen(text);
        if (text_length < 2 || text_length + 2 < length || length + 2 < text_length) continue;
        uint32_t distance = edit_distance(upper, (uint32_t)length, text, (uint32_t)text_length);
        if (distance > 0 && distance < best_distance) {
            best_distance = distance;
            best = (enum weir_sql_keyword)candidates[i];
        }
    }
    return best;
}

const char *weir_sql_token_kind_text(enum weir_sql_token_kind kind)
{
    static const char *const texts[WEIR_SQL_TOKEN_COUNT] = {
        [WEIR_SQL_TOKEN_END] = "the end of the text",
        [WEIR_SQL_TOKEN_WORD] = "an identifier",
        [WEIR_SQL_TOKEN_QUOTED_WORD] = "an identifier",
        [WEIR_SQL_TOKEN_STRING] = "a string in single quotes",
        [WEIR_SQL_TOKEN_UNICODE_STRING] = "a string in single quotes",
        [WEIR_SQL_TOKEN_ESCAPED_STRING] = "a string in single quotes",
        [WEIR_SQL_TOKEN_BINARY_STRING] = "a binary string",
        [WEIR_SQL_TOKEN_INTEGER] = "a whole number",
        [WEIR_SQL_TOKEN_DECIMAL] = "a number",
        [WEIR_SQL_TOKEN_APPROXIMATE] = "a number",
        [WEIR_SQL_TOKEN_LEFT_PARENTHESIS] = "'('",
        [WEIR_SQL_TOKEN_RIGHT_PARENTHESIS] = "')'",
        [WEIR_SQL_TOKEN_LEFT_BRACKET] = "'['",
        [WEIR_SQL_TOKEN_RIGHT_BRACKET] = "']'",
        [WEIR_SQL_TOKEN_LEFT_BRACE] = "'{'",
        [WEIR_SQL_TOKEN_RIGHT_BRACE] = "'}'",
        [WEIR_SQL_TOKEN_COMMA] = "','",
        [WEIR_SQL_TOKEN_DOT] = "'.'",
        [WEIR_SQL_TOKEN_SEMICOLON] = "';'",
        [WEIR_SQL_TOKEN_COLON] = "':'",
        [WEIR_SQL_TOKEN_EQUAL] = "'='",
        [WEIR_SQL_TOKEN_NOT_EQUAL] = "'<>'",
        [WEIR_SQL_TOKEN_LESS] = "'<'",
        [WEIR_SQL_TOKEN_LESS_OR_EQUAL] = "'<='",
        [WEIR_SQL_TOKEN_GREATER] = "'>'",
        [WEIR_SQL_TOKEN_GREATER_OR_EQUAL] = "'>='",
        [WEIR_SQL_TOKEN_PLUS] = "'+'",
        [WEIR_SQL_TOKEN_MINUS] = "'-'",
        [WEIR_SQL_TOKEN_STAR] = "'*'",
        [WEIR_SQL_TOKEN_SLASH] = "'/'",
        [WEIR_SQL_TOKEN_PERCENT] = "'%'",
        [WEIR_SQL_TOKEN_CONCAT] = "'||'",
        [WEIR_SQL_TOKEN_BAR] = "'|'",
        [WEIR_SQL_TOKEN_CARET] = "'^'",
        [WEIR_SQL_TOKEN_DOLLAR] = "'$'",
        [WEIR_SQL_TOKEN_QUESTION] = "'?'",
        [WEIR_SQL_TOKEN_ARROW] = "'=>'",
        [WEIR_SQL_TOKEN_HINT_BEGIN] = "a hint",
        [WEIR_SQL_TOKEN_HINT_END] = "'*/'",
    };
    return texts[kind];
}
