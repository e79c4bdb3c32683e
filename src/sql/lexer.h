/*
 * Text to tokens. A token is a span and what it is; its value (the decoded string, the identifier without
 * quotes) is made on demand by weir_sql_token_text, so that looking ahead costs no memory.
 *
 * The lexer reads every byte once. It validates UTF-8 and refuses NUL bytes outside of strings on the way, so
 * that everything behind it may rely on both.
 */
#ifndef WEIR_SQL_LEXER_H
#define WEIR_SQL_LEXER_H

#include "sql/ast.h"

enum weir_sql_keyword {
    WEIR_SQL_NO_KEYWORD,
#define X(word, class) WEIR_SQL_KEYWORD_##word,
#include "sql/keywords.def"
#undef X
    WEIR_SQL_KEYWORDS,
};

enum weir_sql_keyword_class { WEIR_SQL_WORD_RESERVED, WEIR_SQL_WORD_CALLABLE, WEIR_SQL_WORD_FREE };

enum weir_sql_token_kind {
    WEIR_SQL_TOKEN_END,  /* of the text */
    WEIR_SQL_TOKEN_WORD, /* identifier or keyword */
    WEIR_SQL_TOKEN_QUOTED_WORD,
    WEIR_SQL_TOKEN_STRING,         /* '', N'', _charset'' */
    WEIR_SQL_TOKEN_UNICODE_STRING, /* U&'' */
    WEIR_SQL_TOKEN_ESCAPED_STRING, /* E'' */
    WEIR_SQL_TOKEN_BINARY_STRING,  /* X'' */
    WEIR_SQL_TOKEN_INTEGER,
    WEIR_SQL_TOKEN_DECIMAL,
    WEIR_SQL_TOKEN_APPROXIMATE,
    WEIR_SQL_TOKEN_LEFT_PARENTHESIS,
    WEIR_SQL_TOKEN_RIGHT_PARENTHESIS,
    WEIR_SQL_TOKEN_LEFT_BRACKET,
    WEIR_SQL_TOKEN_RIGHT_BRACKET,
    WEIR_SQL_TOKEN_LEFT_BRACE,
    WEIR_SQL_TOKEN_RIGHT_BRACE,
    WEIR_SQL_TOKEN_COMMA,
    WEIR_SQL_TOKEN_DOT,
    WEIR_SQL_TOKEN_SEMICOLON,
    WEIR_SQL_TOKEN_COLON,
    WEIR_SQL_TOKEN_EQUAL,
    WEIR_SQL_TOKEN_NOT_EQUAL, /* <> and != */
    WEIR_SQL_TOKEN_LESS,
    WEIR_SQL_TOKEN_LESS_OR_EQUAL,
    WEIR_SQL_TOKEN_GREATER,
    WEIR_SQL_TOKEN_GREATER_OR_EQUAL,
    WEIR_SQL_TOKEN_PLUS,
    WEIR_SQL_TOKEN_MINUS,
    WEIR_SQL_TOKEN_STAR,
    WEIR_SQL_TOKEN_SLASH,
    WEIR_SQL_TOKEN_PERCENT,
    WEIR_SQL_TOKEN_CONCAT,
    WEIR_SQL_TOKEN_BAR,
    WEIR_SQL_TOKEN_CARET,
    WEIR_SQL_TOKEN_DOLLAR,
    WEIR_SQL_TOKEN_QUESTION,
    WEIR_SQL_TOKEN_ARROW,      /* => */
    WEIR_SQL_TOKEN_HINT_BEGIN, /* slash star plus */
    WEIR_SQL_TOKEN_HINT_END,
    WEIR_SQL_TOKEN_COUNT,
};

struct weir_sql_token {
    enum weir_sql_token_kind kind;
    enum weir_sql_keyword keyword; /* of a WORD */
    struct weir_sql_span span;
};

enum weir_sql_open { WEIR_SQL_OPEN_NOTHING, WEIR_SQL_OPEN_STRING, WEIR_SQL_OPEN_COMMENT };

struct weir_sql_lexer {
    const char *text;
    uint32_t length, at;
    uint32_t line, column;
    enum weir_sql_open open; /* why the text ended too early */
};

void weir_sql_lexer_init(struct weir_sql_lexer *lexer, const char *text, uint32_t length);
/* Skips without looking at tokens, to begin in the middle of a text; counts lines. */
void weir_sql_lexer_skip_to(struct weir_sql_lexer *lexer, uint32_t offset);
/* On an error the lexer stands behind what it could not read, so that a caller may go on. */
enum weir_error_code weir_sql_lexer_next(
    struct weir_sql_lexer *lexer, struct weir_sql_token *ret, struct weir_error *reterr);

/* The value of a word, string or number token, NUL-terminated; of other tokens "". escape is the UESCAPE
 * character of a UNICODE_STRING, else '\\'. */
enum weir_error_code weir_sql_token_text(struct weir_arena *arena, const char *source,
    const struct weir_sql_token *token, char escape, const char **ret, size_t *ret_length,
    struct weir_error *reterr);

enum weir_sql_keyword weir_sql_keyword_find(const char *word, size_t length);
const char *weir_sql_keyword_text(enum weir_sql_keyword keyword);
enum weir_sql_keyword_class weir_sql_keyword_class(enum weir_sql_keyword keyword);
/* The one of the count candidates that word is most likely a misspelling of, or NONE. */
enum weir_sql_keyword weir_sql_keyword_nearest(
    const char *word, size_t length, const uint16_t *candidates, uint32_t count);
const char *weir_sql_token_kind_text(enum weir_sql_token_kind kind); /* "','", "a string" */

#endif
