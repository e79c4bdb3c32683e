/*
 * What the files of the parser share. Nobody else includes it.
 *
 * Failure is sticky: the first error is kept, from then on the parser sees the end of the text, accepts
 * nothing, and every function returns some node that nobody will read. So the grammar needs no checks;
 * weir_sql_parse_* report at the end.
 */
#ifndef WEIR_SQL_PARSER_INTERNAL_H
#define WEIR_SQL_PARSER_INTERNAL_H

#include "sql/ast.h"
#include "sql/lexer.h"
#include "sql/parser.h"

enum {
    WEIR_SQL_PARSE_DEPTH_MAX = 500, /* of nesting in the text: bounds the stack of the recursive descent */
    WEIR_SQL_LOOK_AHEAD_MAX = 8,
    WEIR_SQL_WANTED_MAX = 96, /* keywords remembered for "did you mean" */
};

struct weir_sql_parser {
    struct weir_arena *arena;
    const char *text;
    struct weir_error *error;
    enum weir_error_code code; /* of the first error */
    struct weir_sql_lexer lexer;
    struct weir_sql_token ring[WEIR_SQL_LOOK_AHEAD_MAX];
    uint32_t ring_first, ring_count;
    struct weir_sql_token previous; /* the token accepted last */
    uint32_t depth;
    uint32_t wanted_count;
    uint16_t wanted[WEIR_SQL_WANTED_MAX]; /* keywords that were asked for at the present token */
    struct weir_sql_token bare_alias;     /* the last alias without AS: perhaps a misspelt keyword */
    struct weir_error scratch;            /* where errors go that the caller does not want */
};

#define K(word) WEIR_SQL_KEYWORD_##word
#define T(kind) WEIR_SQL_TOKEN_##kind

void weir_sql_parser_init(struct weir_sql_parser *parser, struct weir_arena *arena, const char *text,
    size_t length, size_t offset, struct weir_error *error);
const struct weir_sql_token *weir_sql_parser_peek(struct weir_sql_parser *parser, uint32_t ahead);
void weir_sql_parser_next(struct weir_sql_parser *parser);
/* "found X, expected <expected>", at the present token. */
void weir_sql_parser_fail_expected(struct weir_sql_parser *parser, const char *expected);
void weir_sql_parser_fail_at(struct weir_sql_parser *parser, struct weir_sql_span span,
    enum weir_error_code code, const char *format, ...) WEIR_PRINTF(4, 5);
bool weir_sql_parser_want(struct weir_sql_parser *parser, enum weir_sql_keyword keyword); /* at it? */
bool weir_sql_parser_accept_keywords(
    struct weir_sql_parser *parser, const enum weir_sql_keyword *words, uint32_t count);
void weir_sql_parser_expect_keyword(struct weir_sql_parser *parser, enum weir_sql_keyword keyword);
void weir_sql_parser_expect(struct weir_sql_parser *parser, enum weir_sql_token_kind kind);
bool weir_sql_parser_enter(
    struct weir_sql_parser *parser); /* one level deeper; pair with leave, also when false */
void weir_sql_parser_leave(struct weir_sql_parser *parser);
/* *height becomes larger than child; fails at WEIR_SQL_HEIGHT_MAX. */
void weir_sql_parser_raise(struct weir_sql_parser *parser, uint32_t *height, uint32_t child);

static inline bool failed(const struct weir_sql_parser *parser)
{
    return parser->code != WEIR_OK;
}
static inline const struct weir_sql_token *peek(struct weir_sql_parser *parser, uint32_t ahead)
{
    return weir_sql_parser_peek(parser, ahead);
}
static inline bool at(struct weir_sql_parser *parser, enum weir_sql_token_kind kind)
{
    return peek(parser, 0)->kind == kind;
}
static inline bool at_keyword(struct weir_sql_parser *parser, enum weir_sql_keyword keyword)
{
    return weir_sql_parser_want(parser, keyword);
}
static inline bool is_keyword(struct weir_sql_parser *parser, uint32_t ahead, enum weir_sql_keyword keyword)
{
    return peek(parser, ahead)->keyword == keyword;
}
static inline bool is_kind(struct weir_sql_parser *parser, uint32_t ahead, enum weir_sql_token_kind kind)
{
    return peek(parser, ahead)->kind == kind;
}
static inline bool accept(struct weir_sql_parser *parser, enum weir_sql_token_kind kind)
{
    if (!at(parser, kind) || kind == WEIR_SQL_TOKEN_END) return false;
    weir_sql_parser_next(parser);
    return true;
}
static inline bool accept_keyword(struct weir_sql_parser *parser, enum weir_sql_keyword keyword)
{
    if (!at_keyword(parser, keyword)) return false;
    weir_sql_parser_next(parser);
    return true;
}
/* All of the words or none: accept_keywords(p, K(IF), K(EXISTS)). At most WEIR_SQL_LOOK_AHEAD_MAX words. */
#define accept_keywords(parser, ...)                                                          \
    weir_sql_parser_accept_keywords((parser), (const enum weir_sql_keyword[]){ __VA_ARGS__ }, \
        sizeof((const enum weir_sql_keyword[]){ __VA_ARGS__ }) / sizeof(enum weir_sql_keyword))
static inline void expect(struct weir_sql_parser *parser, enum weir_sql_token_kind kind)
{
    weir_sql_parser_expect(parser, kind);
}
static inline void expect_keyword(struct weir_sql_parser *parser, enum weir_sql_keyword keyword)
{
    weir_sql_parser_expect_keyword(parser, keyword);
}
static inline void fail_expected(struct weir_sql_parser *parser, const char *expected)
{
    weir_sql_parser_fail_expected(parser, expected);
}
static inline struct weir_sql_span span_here(struct weir_sql_parser *parser)
{
    return peek(parser, 0)->span;
}
static inline void end_span(const struct weir_sql_parser *parser, struct weir_sql_span *span)
{
    if (parser->previous.span.end > span->begin) span->end = parser->previous.span.end;
}

/* A growing array in the arena; what it outgrows stays there (at most as much again). */
struct weir_sql_list {
    void *items;
    uint32_t count, capacity;
};
void *weir_sql_list_add(
    struct weir_sql_parser *parser, struct weir_sql_list *list, size_t item_bytes); /* zeroed */
#define LIST_ADD(parser, list, type) ((type *)weir_sql_list_add((parser), (list), sizeof(type)))

/* parser.c: names and small things */
bool weir_sql_at_identifier(struct weir_sql_parser *parser, uint32_t ahead);
struct weir_sql_name weir_sql_name_parse(struct weir_sql_parser *parser, const char *what);
struct weir_sql_path weir_sql_path_parse(struct weir_sql_parser *parser, const char *what);
struct weir_sql_names weir_sql_names_parse(struct weir_sql_parser *parser, const char *what); /* (a, b) */
const char *weir_sql_string_parse(struct weir_sql_parser *parser, const char *what);
uint32_t weir_sql_number_parse(struct weir_sql_parser *parser, const char *what, uint32_t maximum);
struct weir_sql_options weir_sql_options_parse(struct weir_sql_parser *parser); /* ('k' = 'v', ...) */
bool weir_sql_at_query(struct weir_sql_parser *parser, uint32_t ahead);

/* parser_expr.c */
struct weir_sql_expr *weir_sql_expr_parse(struct weir_sql_parser *parser);
struct weir_sql_expr *weir_sql_addition_parse(
    struct weir_sql_parser *parser); /* no predicates: + - * / || only */
struct weir_sql_exprs weir_sql_exprs_parse(struct weir_sql_parser *parser, uint32_t *height); /* a, b, c */
struct weir_sql_expr *weir_sql_expr_new(
    struct weir_sql_parser *parser, enum weir_sql_expr_kind kind, struct weir_sql_span from);
struct weir_sql_expr *weir_sql_string_literal_parse(
    struct weir_sql_parser *parser, enum weir_sql_expr_kind kind);
void weir_sql_raise_over(
    struct weir_sql_parser *parser, struct weir_sql_expr *expr, const struct weir_sql_expr *child);
struct weir_sql_order weir_sql_order_parse(
    struct weir_sql_parser *parser, uint32_t *height); /* behind ORDER BY */
bool weir_sql_interval_unit_parse(struct weir_sql_parser *parser, enum weir_interval_unit *unit,
    uint8_t *multiplier, int8_t *leading_precision, int8_t *fraction_precision);

/* parser_function.c */
struct weir_sql_expr *weir_sql_special_call_parse(struct weir_sql_parser *parser); /* NULL: not at one */
struct weir_sql_expr *weir_sql_call_parse(
    struct weir_sql_parser *parser, struct weir_sql_path name, struct weir_sql_span from);
struct weir_sql_window weir_sql_window_parse(struct weir_sql_parser *parser, uint32_t *height); /* (...) */

/* parser_json.c */
struct weir_sql_expr *weir_sql_json_parse(struct weir_sql_parser *parser); /* NULL: not at one */
/* FILTER, OVER and so on behind the closing parenthesis. */
void weir_sql_call_suffix_parse(
    struct weir_sql_parser *parser, struct weir_sql_expr *expr, struct weir_sql_call *call);

/* parser_type.c */
const struct weir_sql_type *weir_sql_type_parse(struct weir_sql_parser *parser);

/* parser_query.c */
struct weir_sql_query *weir_sql_query_parse(struct weir_sql_parser *parser);
/* Goes on behind a parenthesised query that turned out to be the first part of a larger one. */
struct weir_sql_query *weir_sql_query_continue(struct weir_sql_parser *parser, struct weir_sql_query *left);
bool weir_sql_at_query_continuation(struct weir_sql_parser *parser);

/* parser_table.c */
struct weir_sql_table_ref *weir_sql_from_parse(struct weir_sql_parser *parser);
struct weir_sql_table_ref *weir_sql_table_argument_parse(struct weir_sql_parser *parser); /* behind TABLE */
struct weir_sql_hints weir_sql_hints_parse(struct weir_sql_parser *parser);               /* count 0: none */

/* parser_match.c: behind MATCH_RECOGNIZE */
struct weir_sql_match *weir_sql_match_parse(struct weir_sql_parser *parser, uint32_t *height);

/* parser_statement.c, parser_dml.c, parser_ddl.c, parser_alter.c, parser_show.c */
struct weir_sql_statement *weir_sql_statement_parse(struct weir_sql_parser *parser);
struct weir_sql_statement *weir_sql_statement_new(
    struct weir_sql_parser *parser, enum weir_sql_statement_kind kind, struct weir_sql_span from);
struct weir_sql_statement *weir_sql_insert_parse(
    struct weir_sql_parser *parser, struct weir_sql_span from, bool execute);
struct weir_sql_statement *weir_sql_update_parse(struct weir_sql_parser *parser);
struct weir_sql_statement *weir_sql_delete_parse(struct weir_sql_parser *parser);
void weir_sql_partition_parse(
    struct weir_sql_parser *parser, struct weir_sql_partition *ret); /* behind PARTITION */
struct weir_sql_statement *weir_sql_create_parse(struct weir_sql_parser *parser);
struct weir_sql_statement *weir_sql_drop_parse(struct weir_sql_parser *parser);
struct weir_sql_statement *weir_sql_alter_parse(struct weir_sql_parser *parser);
struct weir_sql_statement *weir_sql_show_parse(struct weir_sql_parser *parser);
struct weir_sql_statement *weir_sql_describe_parse(struct weir_sql_parser *parser);
void weir_sql_table_elements_parse(
    struct weir_sql_parser *parser, bool altering, bool parentheses, struct weir_sql_table_elements *ret);
struct weir_sql_distribution *weir_sql_distribution_parse(
    struct weir_sql_parser *parser); /* behind DISTRIBUTED */
uint8_t weir_sql_refresh_mode_parse(struct weir_sql_parser *parser);
const struct weir_sql_expr *weir_sql_freshness_parse(struct weir_sql_parser *parser);
void weir_sql_function_definition_parse(struct weir_sql_parser *parser, struct weir_sql_function *function);

#endif
