#include "sql/lexer.h"
#include "base/assert.h"
#include <string.h>

void weir_sql_lexer_init(struct weir_sql_lexer *lexer, const char *text, uint32_t length)
{
    *lexer = (struct weir_sql_lexer){ .text = text, .length = length, .line = 1, .column = 1 };
    if (length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) lexer->at = 3; /* a byte order mark is no text */
}

/* Length of the UTF-8 sequence at the place, 0 if it is none (overlong forms, surrogates and NUL are none).
 */
static uint32_t sequence_bytes(const char *text, uint32_t available)
{
    const uint8_t *bytes = (const uint8_t *)text;
    if (bytes[0] < 0x80) return bytes[0] ? 1 : 0;
    uint32_t count = bytes[0] >= 0xF0 ? 4 : bytes[0] >= 0xE0 ? 3 : 2;
    if (bytes[0] < 0xC2 || bytes[0] > 0xF4 || available < count) return 0;
    for (uint32_t i = 1; i < count; i++)
        if ((bytes[i] & 0xC0) != 0x80) return 0;
    if (bytes[0] == 0xE0 && bytes[1] < 0xA0) return 0;
    if (bytes[0] == 0xED && bytes[1] > 0x9F) return 0;
    if (bytes[0] == 0xF0 && bytes[1] < 0x90) return 0;
    if (bytes[0] == 0xF4 && bytes[1] > 0x8F) return 0;
    return count;
}

/* Columns count the bytes that begin a character, also in text that is none, so that all ways to count agree.
 */
static inline bool begins_character(char byte)
{
    return ((uint8_t)byte & 0xC0) != 0x80;
}

static inline bool at_end(const struct weir_sql_lexer *lexer)
{
    return lexer->at >= lexer->length;
}

static inline char look(const struct weir_sql_lexer *lexer, uint32_t ahead)
{
    return lexer->length - lexer->at > ahead ? lexer->text[lexer->at + ahead] : 0;
}

/* One code point on; false at bytes that are no text. */
static bool step(struct weir_sql_lexer *lexer)
{
    const char *at = lexer->text + lexer->at;
    if ((signed char)*at > 0) {
        if (*at == '\n') {
            lexer->line++;
            lexer->column = 0;
        }
        lexer->at++;
        lexer->column++;
        return true;
    }
    uint32_t count = sequence_bytes(at, lexer->length - lexer->at);
    lexer->at += count ? count : 1;
    lexer->column += begins_character(*at);
    return count != 0;
}

static void step_ascii(struct weir_sql_lexer *lexer, uint32_t count)
{
    lexer->at += count;
    lexer->column += count;
}

void weir_sql_lexer_skip_to(struct weir_sql_lexer *lexer, uint32_t offset)
{
    if (offset > lexer->length) offset = lexer->length;
    uint32_t line_start = lexer->at;
    for (uint32_t i = lexer->at; i < offset; i++) {
        if (lexer->text[i] != '\n') continue;
        lexer->line++;
        lexer->column = 1;
        line_start = i + 1;
    }
    if (offset > lexer->at) lexer->at = offset;
    for (uint32_t i = line_start; i < offset; i++) lexer->column += begins_character(lexer->text[i]);
}

static enum weir_error_code not_text(const struct weir_sql_lexer *lexer, struct weir_error *reterr)
{
    uint8_t byte = (uint8_t)lexer->text[lexer->at - 1];
    uint32_t column = lexer->column - begins_character((char)byte);
    if (byte == 0)
        return weir_error_set_at(
            reterr, WEIR_E_SQL_SYNTAX, lexer->line, column, "SQL text contains a NUL byte");
    return weir_error_set_at(
        reterr, WEIR_E_SQL_SYNTAX, lexer->line, column, "SQL text is not valid UTF-8: byte 0x%02X", byte);
}

static bool is_letter(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_' || byte == '$' ||
           (signed char)byte < 0;
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_space(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* Characters that editors and web pages put in place of quotes and blanks. They would otherwise become
 * identifiers that nobody sees. */
static const char *disguise_of(const char *at, uint32_t available)
{
    static const struct {
        const char *bytes, *hint;
    } disguises[] = {
        { "\xC2\xA0", "a no-break space; write a blank" },
        { "\xE2\x80\x8B", "a zero-width space; remove it" },
        { "\xEF\xBB\xBF", "a byte order mark; remove it" },
        { "\xE3\x80\x80", "an ideographic space; write a blank" },
        { "\xE2\x80\x98", "a typographic quote; strings are written 'x'" },
        { "\xE2\x80\x99", "a typographic quote; strings are written 'x'" },
        { "\xE2\x80\x9C", "a typographic quote; strings are written 'x', identifiers `x`" },
        { "\xE2\x80\x9D", "a typographic quote; strings are written 'x', identifiers `x`" },
    };
    for (size_t i = 0; i < sizeof(disguises) / sizeof(disguises[0]); i++) {
        size_t bytes = strlen(disguises[i].bytes);
        if (available >= bytes && memcmp(at, disguises[i].bytes, bytes) == 0) return disguises[i].hint;
    }
    return NULL;
}

static enum weir_error_code block_comment(struct weir_sql_lexer *lexer, struct weir_error *reterr)
{
    uint32_t line = lexer->line, column = lexer->column;
    step_ascii(lexer, 2);
    while (!at_end(lexer)) {
        if (look(lexer, 0) == '*' && look(lexer, 1) == '/') {
            step_ascii(lexer, 2);
            return WEIR_OK;
        }
        if (!step(lexer)) return not_text(lexer, reterr);
    }
    lexer->open = WEIR_SQL_OPEN_COMMENT;
    return weir_error_set_at(
        reterr, WEIR_E_SQL_SYNTAX, line, column, "the comment that begins here has no end; expected \"*/\"");
}

/* White space and comments. A hint is none. */
static enum weir_error_code skip_blanks(struct weir_sql_lexer *lexer, struct weir_error *reterr)
{
    while (!at_end(lexer)) {
        char byte = look(lexer, 0);
        if (is_space(byte)) {
            step(lexer);
        } else if (byte == '-' && look(lexer, 1) == '-') {
            while (!at_end(lexer) && look(lexer, 0) != '\n')
                if (!step(lexer)) return not_text(lexer, reterr);
        } else if (byte == '/' && look(lexer, 1) == '*' && look(lexer, 2) != '+') {
            enum weir_error_code code = block_comment(lexer, reterr);
            if (code) return code;
        } else {
            break;
        }
    }
    return WEIR_OK;
}

/* Behind the opening quote to behind the closing one; a doubled quote stands for one. */
static enum weir_error_code scan_quoted(struct weir_sql_lexer *lexer, const struct weir_sql_token *token,
    char quote, bool backslash, struct weir_error *reterr)
{
    step_ascii(lexer, 1);
    while (!at_end(lexer)) {
        char byte = look(lexer, 0);
        if (byte == quote) {
            step_ascii(lexer, 1);
            if (look(lexer, 0) != quote) return WEIR_OK;
            step_ascii(lexer, 1);
        } else if (backslash && byte == '\\' && lexer->length - lexer->at > 1) {
            step_ascii(lexer, 1);
            if (!step(lexer)) return not_text(lexer, reterr);
        } else if (!step(lexer) && (lexer->text[lexer->at - 1] || quote == '`')) {
            return not_text(lexer, reterr); /* a NUL is a character of a string, as any other */
        }
    }
    lexer->open = WEIR_SQL_OPEN_STRING;
    return weir_error_set_at(reterr, WEIR_E_SQL_SYNTAX, token->span.line, token->span.column,
        "the %s that begins here has no end; expected a closing %c", quote == '`' ? "identifier" : "string",
        quote);
}

static void scan_digits(struct weir_sql_lexer *lexer)
{
    while (is_digit(look(lexer, 0))) step_ascii(lexer, 1);
}

static void scan_number(struct weir_sql_lexer *lexer, struct weir_sql_token *token)
{
    token->kind = WEIR_SQL_TOKEN_INTEGER;
    scan_digits(lexer);
    if (look(lexer, 0) == '.' && look(lexer, 1) != '.') {
        token->kind = WEIR_SQL_TOKEN_DECIMAL;
        step_ascii(lexer, 1);
        scan_digits(lexer);
    }
    if ((look(lexer, 0) | 32) == 'e') {
        uint32_t sign = look(lexer, 1) == '+' || look(lexer, 1) == '-';
        if (is_digit(look(lexer, 1 + sign))) {
            token->kind = WEIR_SQL_TOKEN_APPROXIMATE;
            step_ascii(lexer, 1 + sign);
            scan_digits(lexer);
        }
    }
}

/* A word that a quote follows at once is the prefix of a string: X'', N'', U&'', E'', _UTF8''. */
static enum weir_error_code scan_word(
    struct weir_sql_lexer *lexer, struct weir_sql_token *token, struct weir_error *reterr)
{
    const char *word = lexer->text + lexer->at;
    if ((*word | 32) == 'u' && look(lexer, 1) == '&' && look(lexer, 2) == '\'') {
        token->kind = WEIR_SQL_TOKEN_UNICODE_STRING;
        step_ascii(lexer, 2);
        return scan_quoted(lexer, token, '\'', false, reterr);
    }
    uint32_t start = lexer->at;
    while (!at_end(lexer) && (is_letter(look(lexer, 0)) || is_digit(look(lexer, 0)))) {
        if ((signed char)look(lexer, 0) < 0) {
            const char *hint = disguise_of(lexer->text + lexer->at, lexer->length - lexer->at);
            if (hint && lexer->at > start) break; /* told of when it is the next token */
            uint32_t line = lexer->line, column = lexer->column;
            if (!step(lexer)) return not_text(lexer, reterr);
            if (hint) return weir_error_set_at(reterr, WEIR_E_SQL_SYNTAX, line, column, "found %s", hint);
        } else {
            step_ascii(lexer, 1);
        }
    }
    uint32_t length = lexer->at - start;
    if (look(lexer, 0) == '\'') {
        char first = (char)(*word | 32);
        bool charset = *word == '_' && length > 1;
        if (charset || (length == 1 && first == 'n'))
            token->kind = WEIR_SQL_TOKEN_STRING;
        else if (length == 1 && first == 'x')
            token->kind = WEIR_SQL_TOKEN_BINARY_STRING;
        else if (length == 1 && first == 'e')
            token->kind = WEIR_SQL_TOKEN_ESCAPED_STRING;
        if (token->kind != WEIR_SQL_TOKEN_END)
            return scan_quoted(lexer, token, '\'', token->kind == WEIR_SQL_TOKEN_ESCAPED_STRING, reterr);
    }
    token->kind = WEIR_SQL_TOKEN_WORD;
    token->keyword = weir_sql_keyword_find(word, length);
    return WEIR_OK;
}

static enum weir_sql_token_kind symbol_of(const struct weir_sql_lexer *lexer, uint32_t *ret_length)
{
    static const struct {
        char text[4];
        enum weir_sql_token_kind kind;
    } long_ones[] = {
        { "/*+", WEIR_SQL_TOKEN_HINT_BEGIN },
        { "*/", WEIR_SQL_TOKEN_HINT_END },
        { "<>", WEIR_SQL_TOKEN_NOT_EQUAL },
        { "!=", WEIR_SQL_TOKEN_NOT_EQUAL },
        { "<=", WEIR_SQL_TOKEN_LESS_OR_EQUAL },
        { ">=", WEIR_SQL_TOKEN_GREATER_OR_EQUAL },
        { "||", WEIR_SQL_TOKEN_CONCAT },
        { "=>", WEIR_SQL_TOKEN_ARROW },
    };
    static const char shorts[] = "()[]{},.;:=<>+-*/%|^$?";
    static const uint8_t short_kinds[] = { WEIR_SQL_TOKEN_LEFT_PARENTHESIS, WEIR_SQL_TOKEN_RIGHT_PARENTHESIS,
        WEIR_SQL_TOKEN_LEFT_BRACKET, WEIR_SQL_TOKEN_RIGHT_BRACKET, WEIR_SQL_TOKEN_LEFT_BRACE,
        WEIR_SQL_TOKEN_RIGHT_BRACE, WEIR_SQL_TOKEN_COMMA, WEIR_SQL_TOKEN_DOT, WEIR_SQL_TOKEN_SEMICOLON,
        WEIR_SQL_TOKEN_COLON, WEIR_SQL_TOKEN_EQUAL, WEIR_SQL_TOKEN_LESS, WEIR_SQL_TOKEN_GREATER,
        WEIR_SQL_TOKEN_PLUS, WEIR_SQL_TOKEN_MINUS, WEIR_SQL_TOKEN_STAR, WEIR_SQL_TOKEN_SLASH,
        WEIR_SQL_TOKEN_PERCENT, WEIR_SQL_TOKEN_BAR, WEIR_SQL_TOKEN_CARET, WEIR_SQL_TOKEN_DOLLAR,
        WEIR_SQL_TOKEN_QUESTION };
    for (size_t i = 0; i < sizeof(long_ones) / sizeof(long_ones[0]); i++) {
        uint32_t length = (uint32_t)strlen(long_ones[i].text);
        if (lexer->length - lexer->at >= length &&
            memcmp(lexer->text + lexer->at, long_ones[i].text, length) == 0) {
            *ret_length = length;
            return long_ones[i].kind;
        }
    }
    const char *found = strchr(shorts, look(lexer, 0));
    *ret_length = 1;
    return found && *found ? (enum weir_sql_token_kind)short_kinds[found - shorts] : WEIR_SQL_TOKEN_END;
}

static enum weir_error_code unknown_character(
    struct weir_sql_lexer *lexer, const struct weir_sql_token *token, struct weir_error *reterr)
{
    char byte = look(lexer, 0);
    if (!step(lexer)) return not_text(lexer, reterr);
    uint32_t line = token->span.line, column = token->span.column;
    if (byte == '"')
        return weir_error_set_at(reterr, WEIR_E_SQL_SYNTAX, line, column,
            "found '\"'; strings are written 'x', identifiers are quoted `x`");
    if (byte < ' ' || byte == 0x7F)
        return weir_error_set_at(
            reterr, WEIR_E_SQL_SYNTAX, line, column, "found the control character 0x%02X", (uint8_t)byte);
    return weir_error_set_at(
        reterr, WEIR_E_SQL_SYNTAX, line, column, "found '%c', which begins nothing in SQL", byte);
}

enum weir_error_code weir_sql_lexer_next(
    struct weir_sql_lexer *lexer, struct weir_sql_token *ret, struct weir_error *reterr)
{
    *ret = (struct weir_sql_token){ .kind = WEIR_SQL_TOKEN_END };
    enum weir_error_code code = skip_blanks(lexer, reterr);
    ret->span = (struct weir_sql_span){ lexer->line, lexer->column, lexer->at, lexer->at };
    if (code || at_end(lexer)) return code;
    char byte = look(lexer, 0);
    if (byte == '\'') {
        ret->kind = WEIR_SQL_TOKEN_STRING;
        code = scan_quoted(lexer, ret, '\'', false, reterr);
    } else if (byte == '`') {
        ret->kind = WEIR_SQL_TOKEN_QUOTED_WORD;
        code = scan_quoted(lexer, ret, '`', false, reterr);
    } else if (is_digit(byte) || (byte == '.' && is_digit(look(lexer, 1)))) {
        scan_number(lexer, ret);
    } else if (is_letter(byte) && !(byte == '$' && !is_letter(look(lexer, 1)) && !is_digit(look(lexer, 1)))) {
        code = scan_word(lexer, ret, reterr);
    } else {
        uint32_t length;
        ret->kind = symbol_of(lexer, &length);
        if (ret->kind == WEIR_SQL_TOKEN_END)
            code = unknown_character(lexer, ret, reterr);
        else
            step_ascii(lexer, length);
    }
    ret->span.end = lexer->at;
    return code;
}

/* ------------------------------------------------------------------------------------------------ values of
 * tokens */

static int hex_digit(char byte)
{
    if (is_digit(byte)) return byte - '0';
    char lower = (char)(byte | 32);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Appends a code point; 0 bytes for what is none. */
static uint32_t put_code_point(char *to, uint32_t code)
{
    if (code == 0 || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return 0;
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        to[0] = (char)(0xC0 | code >> 6);
        to[1] = (char)(0x80 | (code & 63));
        return 2;
    }
    if (code < 0x10000) {
        to[0] = (char)(0xE0 | code >> 12);
        to[1] = (char)(0x80 | (code >> 6 & 63));
        to[2] = (char)(0x80 | (code & 63));
        return 3;
    }
    to[0] = (char)(0xF0 | code >> 18);
    to[1] = (char)(0x80 | (code >> 12 & 63));
    to[2] = (char)(0x80 | (code >> 6 & 63));
    to[3] = (char)(0x80 | (code & 63));
    return 4;
}

static bool read_hex(const char *at, const char *end, uint32_t digits, uint32_t *ret)
{
    *ret = 0;
    if ((size_t)(end - at) < digits) return false;
    for (uint32_t i = 0; i < digits; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0) return false;
        *ret = *ret << 4 | (uint32_t)digit;
    }
    return true;
}

/* The escape at *at (behind the escape character) of a U&'' string; surrogate pairs may be written as two
 * escapes. */
static uint32_t unicode_escape(const char **at, const char *end, char escape, char *to)
{
    uint32_t code, low, digits = 4;
    if (*at < end && **at == escape) {
        *to = escape;
        (*at)++;
        return 1;
    }
    if (*at < end && **at == '+') {
        (*at)++;
        digits = 6;
    }
    if (!read_hex(*at, end, digits, &code)) return 0;
    *at += digits;
    if (code >= 0xD800 && code < 0xDC00 && end - *at >= 5 && **at == escape &&
        read_hex(*at + 1, end, 4, &low) && low >= 0xDC00 && low < 0xE000) {
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        *at += 5;
    }
    return put_code_point(to, code);
}

static uint32_t backslash_escape(const char **at, const char *end, char *to)
{
    static const char names[] = "bfnrt\\'\"", values[] = "\b\f\n\r\t\\'\"";
    if (*at >= end) return 0;
    char byte = *(*at)++;
    const char *found = byte ? strchr(names, byte) : NULL;
    if (found) {
        *to = values[found - names];
        return 1;
    }
    uint32_t code, digits = byte == 'u' ? 4 : byte == 'U' ? 8 : byte == 'x' ? 2 : 0;
    if (!digits || !read_hex(*at, end, digits, &code)) return 0;
    *at += digits;
    return put_code_point(to, code);
}

static enum weir_error_code binary_text(struct weir_arena *arena, const char *at, const char *end,
    const struct weir_sql_token *token, const char **ret, size_t *ret_length, struct weir_error *reterr)
{
    size_t digits = (size_t)(end - at);
    char *to = weir_arena_allocate(arena, digits / 2 + 1);
    *ret = to;
    *ret_length = digits / 2;
    if (digits % 2)
        return weir_error_set_at(reterr, WEIR_E_SQL_SYNTAX, token->span.line, token->span.column,
            "a binary string X'...' has %zu hexadecimal digits; expected an even number", digits);
    for (; at < end; at += 2) {
        uint32_t byte;
        if (!read_hex(at, end, 2, &byte))
            return weir_error_set_at(reterr, WEIR_E_SQL_SYNTAX, token->span.line, token->span.column,
                "a binary string X'...' contains \"%c%c\"; expected hexadecimal digits",
                at[0] > 0 ? at[0] : '?', at[1] > 0 ? at[1] : '?');
        *to++ = (char)byte;
    }
    *to = 0;
    return WEIR_OK;
}

enum weir_error_code weir_sql_token_text(struct weir_arena *arena, const char *source,
    const struct weir_sql_token *token, char escape, const char **ret, size_t *ret_length,
    struct weir_error *reterr)
{
    const char *at = source + token->span.begin, *end = source + token->span.end;
    *ret = "";
    *ret_length = 0;
    if (token->kind < WEIR_SQL_TOKEN_WORD || token->kind > WEIR_SQL_TOKEN_APPROXIMATE) return WEIR_OK;
    if (token->kind == WEIR_SQL_TOKEN_WORD ||
        (token->kind >= WEIR_SQL_TOKEN_INTEGER && token->kind <= WEIR_SQL_TOKEN_APPROXIMATE)) {
        *ret_length = (size_t)(end - at);
        *ret = weir_arena_copy(arena, at, *ret_length);
        return WEIR_OK;
    }
    char quote = token->kind == WEIR_SQL_TOKEN_QUOTED_WORD ? '`' : '\'';
    while (*at != quote) at++;
    at++;
    end--;
    if (token->kind == WEIR_SQL_TOKEN_BINARY_STRING)
        return binary_text(arena, at, end, token, ret, ret_length, reterr);
    /* no escape is shorter than the bytes that it stands for */
    char *to = weir_arena_allocate(arena, (size_t)(end - at) + 1);
    *ret = to;
    while (at < end) {
        uint32_t written = 1;
        if (*at == quote && at + 1 < end && at[1] == quote) {
            *to = quote;
            at += 2;
        } else if (token->kind == WEIR_SQL_TOKEN_UNICODE_STRING && *at == escape) {
            at++;
            written = unicode_escape(&at, end, escape, to);
        } else if (token->kind == WEIR_SQL_TOKEN_ESCAPED_STRING && *at == '\\') {
            at++;
            written = backslash_escape(&at, end, to);
        } else {
            *to = *at++;
        }
        if (!written)
            return weir_error_set_at(reterr, WEIR_E_SQL_SYNTAX, token->span.line, token->span.column,
                "the string contains an escape that is none; expected %s",
                token->kind == WEIR_SQL_TOKEN_UNICODE_STRING
                    ? "the escape character and four hexadecimal digits, or '+' and six, of a character that "
                      "is not NUL"
                    : "one of \\b \\f \\n \\r \\t \\\\ \\' \\xHH \\uHHHH \\UHHHHHHHH");
        to += written;
    }
    *to = 0;
    *ret_length = (size_t)(to - *ret);
    return WEIR_OK;
}
