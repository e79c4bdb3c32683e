/*
 * Text to syntax tree (ast.h), and back.
 *
 * Every function is pure: all memory comes from the arena. Errors are WEIR_E_SYNTAX (or what parser.c
 * documents) with line and column in reterr, counted from the start of the text handed in;
 * weir_sql_error_render shows them in the text.
 */
#ifndef WEIR_SQL_PARSER_H
#define WEIR_SQL_PARSER_H

#include "sql/ast.h"

/* Parses the statement that starts at *offset and sets *offset behind it and its semicolon. *ret is NULL at
 * the end of the text (only white space, comments and semicolons are left). On an error *offset is behind the
 * next semicolon that is outside of strings and comments, so that a caller can go on with the statement after
 * it. The last statement needs no semicolon. */
enum weir_error_code weir_sql_parse_statement(struct weir_arena *arena, const char *text, size_t length,
    size_t *offset, const struct weir_sql_statement **ret, struct weir_error *reterr);

/* The same for a script of many statements: it remembers the line that it has come to, where
 * weir_sql_parse_statement has to count from the start of the text at every call. Parsing all of a script is
 * linear in its length. */
struct weir_sql_script {
    const char *text; /* borrowed */
    size_t length, offset;
    uint32_t line, column; /* of offset */
};
void weir_sql_script_init(struct weir_sql_script *script, const char *text, size_t length);
enum weir_error_code weir_sql_script_next(struct weir_sql_script *script, struct weir_arena *arena,
    const struct weir_sql_statement **ret, struct weir_error *reterr);

/* One expression, query or type and nothing else (a trailing semicolon is an error too). */
enum weir_error_code weir_sql_parse_expression(struct weir_arena *arena, const char *text, size_t length,
    const struct weir_sql_expr **ret, struct weir_error *reterr);
enum weir_error_code weir_sql_parse_query(struct weir_arena *arena, const char *text, size_t length,
    const struct weir_sql_query **ret, struct weir_error *reterr);
enum weir_error_code weir_sql_parse_type(struct weir_arena *arena, const char *text, size_t length,
    const struct weir_sql_type **ret, struct weir_error *reterr);
/* a.b.c with or without backquotes: the paths of options and of the catalog API. */
enum weir_error_code weir_sql_parse_path(struct weir_arena *arena, const char *text, size_t length,
    struct weir_sql_path *ret, struct weir_error *reterr);

/* For interactive use and for splitting scripts: where the statement at offset ends (behind its semicolon),
 * without parsing it. A semicolon inside a string, an identifier, a comment or STATEMENT SET BEGIN ... END
 * does not end it. */
enum weir_sql_end {
    WEIR_SQL_END_NOTHING,    /* only white space and comments are left */
    WEIR_SQL_END_STATEMENT,  /* a whole statement: *offset is behind its semicolon */
    WEIR_SQL_END_UNFINISHED, /* the text ends before a semicolon */
    WEIR_SQL_END_IN_STRING,  /* the text ends inside a string or a quoted identifier */
    WEIR_SQL_END_IN_COMMENT, /* inside a block comment */
    WEIR_SQL_END_IN_SET,     /* inside BEGIN STATEMENT SET ... END */
};
enum weir_sql_end weir_sql_find_end(const char *text, size_t length, size_t *offset);

/* The original text of a node of this statement; not NUL-terminated. */
const char *weir_sql_quote(
    const struct weir_sql_statement *statement, struct weir_sql_span span, size_t *ret_length);

/* Reserved words cannot be identifiers without backquotes. Case does not matter. */
bool weir_sql_is_reserved(const char *word, size_t length);

/* The tree as canonical SQL text: keywords in upper case, every identifier in backquotes, minimal
 * parentheses. Parsing the output gives a tree that prints the same. */
void weir_sql_print_statement(const struct weir_sql_statement *statement, struct weir_buffer *to);
void weir_sql_print_expression(const struct weir_sql_expr *expr, struct weir_buffer *to);
void weir_sql_print_query(const struct weir_sql_query *query, struct weir_buffer *to);
void weir_sql_print_type(const struct weir_sql_type *type, struct weir_buffer *to);
void weir_sql_print_path(const struct weir_sql_path *path, struct weir_buffer *to);
void weir_sql_print_identifier(const char *name, struct weir_buffer *to); /* `a``b` */
void weir_sql_print_string(const char *value, struct weir_buffer *to);    /* 'it''s' */

/* The message of an error, then the line of the text that it points at with a caret below it. Tabs become one
 * space, long lines are clipped around the caret, the caret stands right under UTF-8 text of single-width
 * characters. */
void weir_sql_error_render(
    const struct weir_error *error, const char *text, size_t length, struct weir_buffer *to);

#endif
