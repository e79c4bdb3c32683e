/* The JSON functions of the SQL standard. */
#include "sql/parser_internal.h"

struct json {
    struct weir_sql_expr *expr;
    struct weir_sql_call *call;
    struct weir_sql_json *clauses;
    struct weir_sql_list arguments, formats;
    bool any_format;
};

static void json_begin(
    struct weir_sql_parser *parser, struct json *json, enum weir_sql_json_function function)
{
    *json = (struct json){ .expr = weir_sql_expr_new(parser, WEIR_SQL_EXPR_JSON_CALL, span_here(parser)),
        .call = WEIR_ARENA_NEW(parser->arena, struct weir_sql_call),
        .clauses = WEIR_ARENA_NEW(parser->arena, struct weir_sql_json) };
    struct weir_sql_token token = *peek(parser, 0);
    struct weir_sql_name *name = WEIR_ARENA_NEW(parser->arena, struct weir_sql_name);
    size_t length;
    name->span = token.span;
    weir_sql_token_text(parser->arena, parser->text, &token, 0, &name->text, &length, parser->error);
    json->call->name = (struct weir_sql_path){ token.span, 1, name };
    json->clauses->function = (uint8_t)function;
    json->expr->json.call = json->call;
    json->expr->json.clauses = json->clauses;
    weir_sql_parser_next(parser);
    expect(parser, T(LEFT_PARENTHESIS));
}

static void json_add(struct weir_sql_parser *parser, struct json *json, const struct weir_sql_expr *argument)
{
    weir_sql_raise_over(parser, json->expr, argument);
    *LIST_ADD(parser, &json->arguments, const struct weir_sql_expr *) = argument;
    bool format = accept_keywords(parser, K(FORMAT), K(JSON));
    *LIST_ADD(parser, &json->formats, bool) = format;
    json->any_format |= format;
}

static struct weir_sql_expr *json_end(struct weir_sql_parser *parser, struct json *json, const char *expected)
{
    json->call->arguments = (struct weir_sql_exprs){ json->arguments.count, json->arguments.items };
    if (json->any_format) json->clauses->format_json = json->formats.items;
    if (!accept(parser, T(RIGHT_PARENTHESIS))) fail_expected(parser, expected);
    weir_sql_call_suffix_parse(parser, json->expr, json->call);
    return json->expr;
}

/* NULL ON EMPTY, DEFAULT x ON ERROR ... ; false: at none. */
static bool behavior(struct weir_sql_parser *parser, struct json *json)
{
    enum weir_sql_json_behavior what;
    const struct weir_sql_expr *value = NULL;
    if (accept_keyword(parser, K(ERROR)))
        what = WEIR_SQL_JSON_BEHAVIOR_ERROR;
    else if (accept_keyword(parser, K(NULL)))
        what = WEIR_SQL_JSON_BEHAVIOR_NULL;
    else if (accept_keywords(parser, K(EMPTY), K(ARRAY)))
        what = WEIR_SQL_JSON_BEHAVIOR_EMPTY_ARRAY;
    else if (accept_keywords(parser, K(EMPTY), K(OBJECT)))
        what = WEIR_SQL_JSON_BEHAVIOR_EMPTY_OBJECT;
    else if (accept_keyword(parser, K(EMPTY)))
        what = WEIR_SQL_JSON_BEHAVIOR_EMPTY;
    else if (accept_keyword(parser, K(TRUE)))
        what = WEIR_SQL_JSON_BEHAVIOR_TRUE;
    else if (accept_keyword(parser, K(FALSE)))
        what = WEIR_SQL_JSON_BEHAVIOR_FALSE;
    else if (accept_keyword(parser, K(UNKNOWN)))
        what = WEIR_SQL_JSON_BEHAVIOR_UNKNOWN;
    else if (accept_keyword(parser, K(DEFAULT))) {
        what = WEIR_SQL_JSON_BEHAVIOR_DEFAULT;
        value = weir_sql_expr_parse(parser);
        weir_sql_raise_over(parser, json->expr, value);
    } else
        return false;
    expect_keyword(parser, K(ON));
    struct weir_sql_json *clauses = json->clauses;
    if (!clauses->on_empty && accept_keyword(parser, K(EMPTY))) {
        clauses->on_empty = (uint8_t)what;
        clauses->empty_default = value;
    } else if (!clauses->on_error && accept_keyword(parser, K(ERROR))) {
        clauses->on_error = (uint8_t)what;
        clauses->error_default = value;
    } else {
        fail_expected(parser, clauses->on_empty ? "ERROR" : clauses->on_error ? "EMPTY" : "EMPTY or ERROR");
    }
    return true;
}

static void returning(struct weir_sql_parser *parser, struct json *json)
{
    if (accept_keyword(parser, K(RETURNING))) json->clauses->returning = weir_sql_type_parse(parser);
}

static void wrapper(struct weir_sql_parser *parser, struct json *json)
{
    uint8_t what;
    if (accept_keyword(parser, K(WITHOUT))) {
        what = WEIR_SQL_JSON_WRAPPER_WITHOUT;
    } else if (accept_keyword(parser, K(WITH))) {
        what = accept_keyword(parser, K(CONDITIONAL)) ? WEIR_SQL_JSON_WRAPPER_CONDITIONAL
                                                      : WEIR_SQL_JSON_WRAPPER_UNCONDITIONAL;
        if (what == WEIR_SQL_JSON_WRAPPER_UNCONDITIONAL) accept_keyword(parser, K(UNCONDITIONAL));
    } else {
        return;
    }
    accept_keyword(parser, K(ARRAY));
    expect_keyword(parser, K(WRAPPER));
    json->clauses->wrapper = what;
}

/* JSON_EXISTS, JSON_VALUE, JSON_QUERY */
static struct weir_sql_expr *json_path_function(
    struct weir_sql_parser *parser, enum weir_sql_json_function function)
{
    struct json json;
    json_begin(parser, &json, function);
    json_add(parser, &json, weir_sql_expr_parse(parser));
    expect(parser, T(COMMA));
    json_add(parser, &json, weir_sql_expr_parse(parser));
    if (is_keyword(parser, 0, K(RETURNING)) && function == WEIR_SQL_JSON_EXISTS)
        fail_expected(parser, "')' or ON ERROR");
    returning(parser, &json);
    if (function == WEIR_SQL_JSON_QUERY) wrapper(parser, &json);
    while (behavior(parser, &json)) {}
    return json_end(parser, &json, "RETURNING, ON EMPTY, ON ERROR or ')'");
}

/* NULL ON NULL, ABSENT ON NULL */
static bool json_nulls(struct weir_sql_parser *parser, struct json *json)
{
    if (accept_keywords(parser, K(NULL), K(ON), K(NULL)))
        json->clauses->nulls = WEIR_SQL_JSON_NULL_ON_NULL;
    else if (accept_keywords(parser, K(ABSENT), K(ON), K(NULL)))
        json->clauses->nulls = WEIR_SQL_JSON_ABSENT_ON_NULL;
    else
        return false;
    return true;
}

/* [KEY] k VALUE v, k : v, k, v */
static void json_pair(struct weir_sql_parser *parser, struct json *json)
{
    if (is_keyword(parser, 0, K(KEY)) && !is_keyword(parser, 1, K(VALUE)) && !is_kind(parser, 1, T(COLON)) &&
        !is_kind(parser, 1, T(COMMA)) && !is_kind(parser, 1, T(DOT)))
        weir_sql_parser_next(parser);
    const struct weir_sql_expr *key = weir_sql_expr_parse(parser);
    weir_sql_raise_over(parser, json->expr, key);
    *LIST_ADD(parser, &json->arguments, const struct weir_sql_expr *) = key;
    *LIST_ADD(parser, &json->formats, bool) = false;
    if (!accept_keyword(parser, K(VALUE)) && !accept(parser, T(COLON)) && !accept(parser, T(COMMA)))
        fail_expected(parser, "VALUE or ':' behind the key");
    json_add(parser, json, weir_sql_expr_parse(parser));
}

static struct weir_sql_expr *json_object(struct weir_sql_parser *parser, enum weir_sql_json_function function)
{
    struct json json;
    json_begin(parser, &json, function);
    if (!at(parser, T(RIGHT_PARENTHESIS)) && !json_nulls(parser, &json)) {
        do json_pair(parser, &json);
        while (function == WEIR_SQL_JSON_OBJECT && accept(parser, T(COMMA)));
        json_nulls(parser, &json);
    }
    return json_end(parser, &json, "',', NULL ON NULL, ABSENT ON NULL or ')'");
}

static struct weir_sql_expr *json_array(struct weir_sql_parser *parser, enum weir_sql_json_function function)
{
    struct json json;
    json_begin(parser, &json, function);
    if (!at(parser, T(RIGHT_PARENTHESIS)) && !json_nulls(parser, &json)) {
        do json_add(parser, &json, weir_sql_expr_parse(parser));
        while (function == WEIR_SQL_JSON_ARRAY && accept(parser, T(COMMA)));
        if (function == WEIR_SQL_JSON_ARRAYAGG && accept_keyword(parser, K(ORDER))) {
            expect_keyword(parser, K(BY));
            json.call->within = weir_sql_order_parse(parser, &json.expr->height);
        }
        json_nulls(parser, &json);
    }
    return json_end(parser, &json, "',', NULL ON NULL, ABSENT ON NULL or ')'");
}

struct weir_sql_expr *weir_sql_json_parse(struct weir_sql_parser *parser)
{
    switch (peek(parser, 0)->keyword) {
    case K(JSON_EXISTS): return json_path_function(parser, WEIR_SQL_JSON_EXISTS);
    case K(JSON_VALUE): return json_path_function(parser, WEIR_SQL_JSON_VALUE);
    case K(JSON_QUERY): return json_path_function(parser, WEIR_SQL_JSON_QUERY);
    case K(JSON_OBJECT): return json_object(parser, WEIR_SQL_JSON_OBJECT);
    case K(JSON_OBJECTAGG): return json_object(parser, WEIR_SQL_JSON_OBJECTAGG);
    case K(JSON_ARRAY): return json_array(parser, WEIR_SQL_JSON_ARRAY);
    case K(JSON_ARRAYAGG): return json_array(parser, WEIR_SQL_JSON_ARRAYAGG);
    default: return NULL;
    }
}
