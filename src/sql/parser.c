/* The parser's frame: tokens, errors, names, and the public entry points. */
#include "sql/parser_internal.h"
#include <stdio.h>
#include <string.h>

void weir_sql_parser_init(struct weir_sql_parser *parser, struct weir_arena *arena, const char *text,
    size_t length, size_t offset, struct weir_error *error)
{
    memset(parser, 0, offsetof(struct weir_sql_parser, scratch));
    parser->arena = arena;
    parser->text = text;
    parser->error = error ? error : &parser->scratch;
    if (length > WEIR_SQL_TEXT_BYTES_MAX) {
        parser->code = weir_error_set(parser->error, WEIR_E_SQL_SYNTAX,
            "SQL text of %zu bytes is too long; expected at most %d bytes", length, WEIR_SQL_TEXT_BYTES_MAX);
        length = 0;
    }
    weir_sql_lexer_init(&parser->lexer, text, (uint32_t)length);
    weir_sql_lexer_skip_to(&parser->lexer, (uint32_t)WEIR_MIN(offset, length));
}

/* ------------------------------------------------------------------------------------------------------
 * tokens */

const struct weir_sql_token *weir_sql_parser_peek(struct weir_sql_parser *parser, uint32_t ahead)
{
    static const struct weir_sql_token nothing = { .kind = WEIR_SQL_TOKEN_END };
    if (failed(parser)) return &nothing;
    while (parser->ring_count <= ahead) {
        uint32_t place = (parser->ring_first + parser->ring_count) % WEIR_SQL_LOOK_AHEAD_MAX;
        parser->code = weir_sql_lexer_next(&parser->lexer, &parser->ring[place], parser->error);
        if (failed(parser)) return &nothing;
        parser->ring_count++;
    }
    return &parser->ring[(parser->ring_first + ahead) % WEIR_SQL_LOOK_AHEAD_MAX];
}

void weir_sql_parser_next(struct weir_sql_parser *parser)
{
    parser->previous = *weir_sql_parser_peek(parser, 0);
    parser->wanted_count = 0;
    if (failed(parser) || parser->previous.kind == WEIR_SQL_TOKEN_END) return;
    parser->ring_first = (parser->ring_first + 1) % WEIR_SQL_LOOK_AHEAD_MAX;
    parser->ring_count--;
}

bool weir_sql_parser_want(struct weir_sql_parser *parser, enum weir_sql_keyword keyword)
{
    const struct weir_sql_token *token = weir_sql_parser_peek(parser, 0);
    if (token->keyword == keyword) return true;
    if (parser->wanted_count < WEIR_SQL_WANTED_MAX)
        parser->wanted[parser->wanted_count++] = (uint16_t)keyword;
    return false;
}

bool weir_sql_parser_accept_keywords(
    struct weir_sql_parser *parser, const enum weir_sql_keyword *words, uint32_t count)
{
    if (!at_keyword(parser, words[0])) return false;
    for (uint32_t i = 1; i < count; i++)
        if (!is_keyword(parser, i, words[i])) return false;
    for (uint32_t i = 0; i < count; i++) weir_sql_parser_next(parser);
    return true;
}

void weir_sql_parser_expect_keyword(struct weir_sql_parser *parser, enum weir_sql_keyword keyword)
{
    if (!accept_keyword(parser, keyword)) fail_expected(parser, weir_sql_keyword_text(keyword));
}

void weir_sql_parser_expect(struct weir_sql_parser *parser, enum weir_sql_token_kind kind)
{
    if (!accept(parser, kind)) fail_expected(parser, weir_sql_token_kind_text(kind));
}

bool weir_sql_parser_enter(struct weir_sql_parser *parser)
{
    if (++parser->depth <= WEIR_SQL_PARSE_DEPTH_MAX) return !failed(parser);
    weir_sql_parser_fail_at(parser, span_here(parser), WEIR_E_SQL_SYNTAX,
        "the statement is nested too deeply; at most %d levels are possible", WEIR_SQL_PARSE_DEPTH_MAX);
    return false;
}

void weir_sql_parser_leave(struct weir_sql_parser *parser)
{
    parser->depth--;
}

void weir_sql_parser_raise(struct weir_sql_parser *parser, uint32_t *height, uint32_t child)
{
    if (child < *height) return;
    *height = child + 1;
    if (*height > WEIR_SQL_HEIGHT_MAX)
        weir_sql_parser_fail_at(parser, span_here(parser), WEIR_E_SQL_SYNTAX,
            "too many operators, joins or set operations build on each other here; at most %d are possible",
            WEIR_SQL_HEIGHT_MAX);
}

/* -------------------------------------------------------------------------------------------------------
 * errors */

void weir_sql_parser_fail_at(struct weir_sql_parser *parser, struct weir_sql_span span,
    enum weir_error_code code, const char *format, ...)
{
    if (failed(parser)) return;
    va_list arguments;
    va_start(arguments, format);
    weir_error_vset(parser->error, code, format, arguments);
    va_end(arguments);
    parser->error->line = span.line;
    parser->error->column = span.column;
    parser->code = code;
}

enum { FOUND_BYTES_MAX = 48 };

/* What stands in the text, shortened to whole characters, on one line. */
static const char *found_text(
    const struct weir_sql_parser *parser, const struct weir_sql_token *token, char *to, size_t room)
{
    if (token->kind == WEIR_SQL_TOKEN_END) return "the end of the text";
    uint32_t length = token->span.end - token->span.begin;
    bool cut = length > FOUND_BYTES_MAX;
    if (cut) length = FOUND_BYTES_MAX;
    const char *from = parser->text + token->span.begin;
    while (cut && length > 0 && ((uint8_t)from[length] & 0xC0) == 0x80) length--;
    for (uint32_t i = 0; i < length; i++)
        if ((uint8_t)from[i] < ' ') length = i, cut = true;
    snprintf(to, room, "\"%.*s%s\"", (int)length, from, cut ? "..." : "");
    return to;
}

/* A reserved word where an expression should be: rather a column's name than the next clause. */
static bool likely_name(enum weir_sql_keyword keyword)
{
    static const uint16_t clauses[] = { K(FROM), K(WHERE), K(GROUP), K(HAVING), K(ORDER), K(LIMIT), K(JOIN),
        K(ON), K(AS), K(AND), K(OR), K(THEN), K(ELSE), K(END), K(WHEN), K(UNION), K(EXCEPT), K(INTERSECT),
        K(BY), K(INTO), K(SET), K(WITH), K(SELECT), K(INSERT), K(CREATE), K(IN), K(IS), K(LIKE), K(BETWEEN),
        K(OVER), K(WINDOW) };
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(clauses); i++)
        if (clauses[i] == keyword) return false;
    return weir_sql_keyword_class(keyword) != WEIR_SQL_WORD_FREE;
}

void weir_sql_parser_fail_expected(struct weir_sql_parser *parser, const char *expected)
{
    const struct weir_sql_token *token = weir_sql_parser_peek(parser, 0);
    if (failed(parser)) return;
    char found[FOUND_BYTES_MAX + 16], hint[160] = "";
    const struct weir_sql_token *alias = &parser->bare_alias;
    enum weir_sql_keyword near = WEIR_SQL_NO_KEYWORD;
    if (token->kind == WEIR_SQL_TOKEN_WORD)
        near = weir_sql_keyword_nearest(parser->text + token->span.begin, token->span.end - token->span.begin,
            parser->wanted, parser->wanted_count);
    if (near) {
        snprintf(hint, sizeof(hint), "; did you mean %s?", weir_sql_keyword_text(near));
    } else if (alias->kind == WEIR_SQL_TOKEN_WORD && alias->span.end == parser->previous.span.end) {
        static const uint16_t clauses[] = { K(FROM), K(WHERE), K(GROUP), K(HAVING), K(ORDER), K(LIMIT),
            K(JOIN), K(LEFT), K(RIGHT), K(INNER), K(CROSS), K(UNION), K(OFFSET), K(FETCH), K(WINDOW),
            K(QUALIFY), K(EXCEPT), K(INTERSECT), K(FULL), K(NATURAL), K(MATCH_RECOGNIZE), K(ON), K(USING),
            K(FOR) };
        uint32_t length = alias->span.end - alias->span.begin;
        near = weir_sql_keyword_nearest(
            parser->text + alias->span.begin, length, clauses, WEIR_ARRAY_COUNT(clauses));
        if (near)
            snprintf(hint, sizeof(hint), "; \"%.*s\" before it was read as an alias, did you mean %s?",
                (int)length, parser->text + alias->span.begin, weir_sql_keyword_text(near));
    }
    if (!hint[0] && strcmp(expected, "an expression") == 0 && likely_name(token->keyword))
        snprintf(hint, sizeof(hint), "; %s is a reserved word, as an identifier it is written `%.*s`",
            weir_sql_keyword_text(token->keyword), (int)(token->span.end - token->span.begin),
            parser->text + token->span.begin);
    weir_sql_parser_fail_at(parser, token->span, WEIR_E_SQL_SYNTAX, "found %s, expected %s%s",
        found_text(parser, token, found, sizeof(found)), expected, hint);
}

/* -------------------------------------------------------------------------------------------- names and
 * small things */

void *weir_sql_list_add(struct weir_sql_parser *parser, struct weir_sql_list *list, size_t item_bytes)
{
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity ? list->capacity * 2 : 4;
        void *items = weir_arena_allocate_zeroed(parser->arena, capacity * item_bytes);
        if (list->count) memcpy(items, list->items, list->count * item_bytes);
        list->items = items;
        list->capacity = capacity;
    }
    return (char *)list->items + item_bytes * list->count++;
}

bool weir_sql_at_identifier(struct weir_sql_parser *parser, uint32_t ahead)
{
    const struct weir_sql_token *token = peek(parser, ahead);
    if (token->kind == WEIR_SQL_TOKEN_QUOTED_WORD) return true;
    return token->kind == WEIR_SQL_TOKEN_WORD && weir_sql_keyword_class(token->keyword) == WEIR_SQL_WORD_FREE;
}

struct weir_sql_name weir_sql_name_parse(struct weir_sql_parser *parser, const char *what)
{
    struct weir_sql_name name = { .span = span_here(parser), .text = "" };
    struct weir_sql_token token = *peek(parser, 0);
    if (!weir_sql_at_identifier(parser, 0)) {
        if (token.kind == WEIR_SQL_TOKEN_WORD)
            weir_sql_parser_fail_at(parser, token.span, WEIR_E_SQL_SYNTAX,
                "found \"%.*s\", expected %s; %s is a reserved word, as an identifier it is written `%.*s`",
                (int)(token.span.end - token.span.begin), parser->text + token.span.begin, what,
                weir_sql_keyword_text(token.keyword), (int)(token.span.end - token.span.begin),
                parser->text + token.span.begin);
        fail_expected(parser, what);
        return name;
    }
    size_t length;
    enum weir_error_code code =
        weir_sql_token_text(parser->arena, parser->text, &token, '\\', &name.text, &length, parser->error);
    if (code) parser->code = code;
    if (length == 0 || length > WEIR_SQL_IDENTIFIER_BYTES_MAX)
        weir_sql_parser_fail_at(parser, token.span, WEIR_E_SQL_SYNTAX,
            "found an identifier of %zu bytes, expected 1 to %d", length, WEIR_SQL_IDENTIFIER_BYTES_MAX);
    name.quoted = token.kind == WEIR_SQL_TOKEN_QUOTED_WORD;
    weir_sql_parser_next(parser);
    return name;
}

struct weir_sql_path weir_sql_path_parse(struct weir_sql_parser *parser, const char *what)
{
    struct weir_sql_path path = { .span = span_here(parser) };
    struct weir_sql_list parts = { 0 };
    *LIST_ADD(parser, &parts, struct weir_sql_name) = weir_sql_name_parse(parser, what);
    while (at(parser, T(DOT)) && !is_kind(parser, 1, T(STAR)) && accept(parser, T(DOT)))
        *LIST_ADD(parser, &parts, struct weir_sql_name) =
            weir_sql_name_parse(parser, "an identifier behind '.'");
    path.count = parts.count;
    path.parts = parts.items;
    end_span(parser, &path.span);
    return path;
}

struct weir_sql_names weir_sql_names_parse(struct weir_sql_parser *parser, const char *what)
{
    struct weir_sql_list names = { 0 };
    expect(parser, T(LEFT_PARENTHESIS));
    do *LIST_ADD(parser, &names, struct weir_sql_name) = weir_sql_name_parse(parser, what);
    while (accept(parser, T(COMMA)));
    expect(parser, T(RIGHT_PARENTHESIS));
    return (struct weir_sql_names){ names.count, names.items };
}

const char *weir_sql_string_parse(struct weir_sql_parser *parser, const char *what)
{
    const struct weir_sql_token *token = peek(parser, 0);
    if (token->kind < WEIR_SQL_TOKEN_STRING || token->kind > WEIR_SQL_TOKEN_ESCAPED_STRING) {
        fail_expected(parser, what);
        return "";
    }
    const struct weir_sql_expr *literal = weir_sql_string_literal_parse(parser, WEIR_SQL_EXPR_STRING);
    if (strlen(literal->string.text) != literal->string.length)
        weir_sql_parser_fail_at(parser, literal->span, WEIR_E_SQL_SYNTAX,
            "found a string with a NUL character, expected %s without", what);
    return literal->string.text;
}

uint32_t weir_sql_number_parse(struct weir_sql_parser *parser, const char *what, uint32_t maximum)
{
    struct weir_sql_token token = *peek(parser, 0);
    if (!accept(parser, T(INTEGER))) {
        fail_expected(parser, what);
        return 0;
    }
    uint64_t value = 0;
    for (uint32_t i = token.span.begin; i < token.span.end && value <= maximum; i++)
        value = value * 10 + (uint64_t)(parser->text[i] - '0');
    if (value > maximum)
        weir_sql_parser_fail_at(parser, token.span, WEIR_E_SQL_SYNTAX,
            "found %.*s, expected %s of at most %u", (int)WEIR_MIN(token.span.end - token.span.begin, 40),
            parser->text + token.span.begin, what, maximum);
    return (uint32_t)value;
}

struct weir_sql_options weir_sql_options_parse(struct weir_sql_parser *parser)
{
    struct weir_sql_list options = { 0 };
    expect(parser, T(LEFT_PARENTHESIS));
    while (!at(parser, T(RIGHT_PARENTHESIS)) && !failed(parser)) {
        struct weir_sql_option *option = LIST_ADD(parser, &options, struct weir_sql_option);
        option->span = span_here(parser);
        option->key = weir_sql_string_parse(parser, "an option's key in single quotes");
        expect(parser, T(EQUAL));
        option->value_span = span_here(parser);
        option->value = weir_sql_string_parse(parser, "an option's value in single quotes");
        end_span(parser, &option->value_span);
        end_span(parser, &option->span);
        if (!accept(parser, T(COMMA))) break;
        if (at(parser, T(RIGHT_PARENTHESIS))) fail_expected(parser, "an option's key in single quotes");
    }
    if (!accept(parser, T(RIGHT_PARENTHESIS))) fail_expected(parser, "',' or ')' behind an option");
    return (struct weir_sql_options){ options.count, options.items };
}

bool weir_sql_at_query(struct weir_sql_parser *parser, uint32_t ahead)
{
    const struct weir_sql_token *token = peek(parser, ahead);
    switch (token->keyword) {
    case K(SELECT):
    case K(WITH):
    case K(VALUES): return true;
    case K(TABLE): return weir_sql_at_identifier(parser, ahead + 1);
    default: return false;
    }
}

/* ------------------------------------------------------------------------------------------------ public
 * functions */

static enum weir_error_code expect_nothing_more(struct weir_sql_parser *parser, const char *what)
{
    if (!at(parser, T(END))) fail_expected(parser, what);
    return parser->code;
}

enum weir_error_code weir_sql_parse_expression(struct weir_arena *arena, const char *text, size_t length,
    const struct weir_sql_expr **ret, struct weir_error *reterr)
{
    struct weir_sql_parser parser;
    weir_sql_parser_init(&parser, arena, text, length, 0, reterr);
    *ret = weir_sql_expr_parse(&parser);
    return expect_nothing_more(&parser, "an operator or the end of the expression");
}

enum weir_error_code weir_sql_parse_query(struct weir_arena *arena, const char *text, size_t length,
    const struct weir_sql_query **ret, struct weir_error *reterr)
{
    struct weir_sql_parser parser;
    weir_sql_parser_init(&parser, arena, text, length, 0, reterr);
    *ret = weir_sql_query_parse(&parser);
    return expect_nothing_more(&parser, "the end of the query");
}

enum weir_error_code weir_sql_parse_type(struct weir_arena *arena, const char *text, size_t length,
    const struct weir_sql_type **ret, struct weir_error *reterr)
{
    struct weir_sql_parser parser;
    weir_sql_parser_init(&parser, arena, text, length, 0, reterr);
    *ret = weir_sql_type_parse(&parser);
    return expect_nothing_more(&parser, "the end of the type");
}

enum weir_error_code weir_sql_parse_path(struct weir_arena *arena, const char *text, size_t length,
    struct weir_sql_path *ret, struct weir_error *reterr)
{
    struct weir_sql_parser parser;
    weir_sql_parser_init(&parser, arena, text, length, 0, reterr);
    *ret = weir_sql_path_parse(&parser, "an identifier");
    return expect_nothing_more(&parser, "'.' or the end of the path");
}

const char *weir_sql_quote(
    const struct weir_sql_statement *statement, struct weir_sql_span span, size_t *ret_length)
{
    *ret_length = span.end - span.begin;
    return statement->text + (span.begin - statement->span.begin);
}

/* Reads up to the semicolon that ends the statement; the lexer stands behind it then. */
static enum weir_sql_end find_end(struct weir_sql_lexer *lexer)
{
    struct weir_error ignored;
    struct weir_sql_token token;
    enum weir_sql_keyword before[3] = { 0 }; /* the latest words, newest first */
    bool in_set = false, fresh = true, nothing = true;
    for (;;) {
        if (weir_sql_lexer_next(lexer, &token, &ignored) != WEIR_OK) {
            nothing = false;
            if (lexer->open == WEIR_SQL_OPEN_STRING) return WEIR_SQL_END_IN_STRING;
            if (lexer->open == WEIR_SQL_OPEN_COMMENT) return WEIR_SQL_END_IN_COMMENT;
            continue;
        }
        if (token.kind == WEIR_SQL_TOKEN_END)
            return in_set ? WEIR_SQL_END_IN_SET : nothing ? WEIR_SQL_END_NOTHING : WEIR_SQL_END_UNFINISHED;
        if (token.kind == WEIR_SQL_TOKEN_SEMICOLON) {
            if (before[0] == K(SET) && before[1] == K(STATEMENT) && before[2] == K(BEGIN)) in_set = true;
            if (!in_set && !nothing) return WEIR_SQL_END_STATEMENT;
            fresh = true;
            continue;
        }
        nothing = false;
        if (token.keyword == K(BEGIN) && before[0] == K(SET) && before[1] == K(STATEMENT)) in_set = true;
        if (in_set && fresh && token.keyword == K(END)) in_set = false;
        fresh = token.keyword == K(BEGIN) && in_set;
        before[2] = before[1];
        before[1] = before[0];
        before[0] = token.keyword;
    }
}

enum weir_sql_end weir_sql_find_end(const char *text, size_t length, size_t *offset)
{
    struct weir_sql_lexer lexer;
    if (length > WEIR_SQL_TEXT_BYTES_MAX) length = WEIR_SQL_TEXT_BYTES_MAX;
    weir_sql_lexer_init(&lexer, text, (uint32_t)length);
    if (*offset > lexer.at) lexer.at = (uint32_t)WEIR_MIN(*offset, length); /* lines do not matter here */
    enum weir_sql_end end = find_end(&lexer);
    *offset = end == WEIR_SQL_END_STATEMENT ? lexer.at : length;
    return end;
}

static void script_stand(struct weir_sql_script *script, const struct weir_sql_lexer *lexer)
{
    script->offset = lexer->at;
    script->line = lexer->line;
    script->column = lexer->column;
}

/* Behind the token: a semicolon, so on the same line. */
static void script_stand_behind(struct weir_sql_script *script, const struct weir_sql_token *token)
{
    script->offset = token->span.end;
    script->line = token->span.line;
    script->column = token->span.column + 1;
}

void weir_sql_script_init(struct weir_sql_script *script, const char *text, size_t length)
{
    *script = (struct weir_sql_script){ .text = text, .length = length, .line = 1, .column = 1 };
}

enum weir_error_code weir_sql_script_next(struct weir_sql_script *script, struct weir_arena *arena,
    const struct weir_sql_statement **ret, struct weir_error *reterr)
{
    struct weir_sql_parser parser;
    struct weir_sql_statement *statement = NULL;
    *ret = NULL;
    weir_sql_parser_init(&parser, arena, script->text, script->length, 0, reterr);
    if (failed(&parser)) {
        script->offset = script->length;
        return parser.code;
    }
    if (script->offset > parser.lexer.at) {
        parser.lexer.at = (uint32_t)WEIR_MIN(script->offset, script->length);
        parser.lexer.line = script->line;
        parser.lexer.column = script->column;
    }
    while (accept(&parser, T(SEMICOLON))) script_stand_behind(script, &parser.previous);
    if (!failed(&parser) && !at(&parser, T(END))) {
        statement = weir_sql_statement_parse(&parser);
        if (!failed(&parser)) end_span(&parser, &statement->span);
        if (!at(&parser, T(END)) && !at(&parser, T(SEMICOLON)))
            fail_expected(&parser, "';' or the end of the statement");
    }
    if (failed(&parser)) {
        struct weir_sql_lexer lexer;
        weir_sql_lexer_init(&lexer, script->text, (uint32_t)script->length);
        if (script->offset > lexer.at) {
            lexer.at = (uint32_t)script->offset;
            lexer.line = script->line;
            lexer.column = script->column;
        }
        find_end(&lexer);
        script_stand(script, &lexer);
        return parser.code;
    }
    if (accept(&parser, T(SEMICOLON)))
        script_stand_behind(script, &parser.previous);
    else
        script->offset = script->length;
    if (!statement) return WEIR_OK;
    const struct weir_sql_span *span = &statement->span;
    statement->text = weir_arena_copy(arena, script->text + span->begin, span->end - span->begin);
    *ret = statement;
    return WEIR_OK;
}

enum weir_error_code weir_sql_parse_statement(struct weir_arena *arena, const char *text, size_t length,
    size_t *offset, const struct weir_sql_statement **ret, struct weir_error *reterr)
{
    struct weir_sql_script script;
    weir_sql_script_init(&script, text, length);
    if (*offset && length <= WEIR_SQL_TEXT_BYTES_MAX) {
        struct weir_sql_lexer lexer;
        weir_sql_lexer_init(&lexer, text, (uint32_t)length);
        weir_sql_lexer_skip_to(&lexer, (uint32_t)WEIR_MIN(*offset, length));
        script_stand(&script, &lexer);
    }
    enum weir_error_code code = weir_sql_script_next(&script, arena, ret, reterr);
    *offset = script.offset;
    return code;
}
