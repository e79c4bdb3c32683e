/* Table references: names, subqueries, table functions, joins, hints. */
#include "sql/parser_internal.h"

static struct weir_sql_table_ref *table_new(
    struct weir_sql_parser *parser, enum weir_sql_table_kind kind, struct weir_sql_span from)
{
    struct weir_sql_table_ref *table = WEIR_ARENA_NEW(parser->arena, struct weir_sql_table_ref);
    table->kind = kind;
    table->height = 1;
    table->span = from;
    return table;
}

/* --------------------------------------------------------------------------------------------------------
 * hints */

static bool at_string(struct weir_sql_parser *parser, uint32_t ahead)
{
    enum weir_sql_token_kind kind = peek(parser, ahead)->kind;
    return kind >= T(STRING) && kind <= T(ESCAPED_STRING);
}

/* An identifier (any word: hints have keywords of their own), a dotted name, a number or a string, as text.
 */
static const char *hint_word(struct weir_sql_parser *parser)
{
    if (at_string(parser, 0)) return weir_sql_string_parse(parser, "a string");
    struct weir_sql_token token = *peek(parser, 0);
    if (token.kind == T(INTEGER) || token.kind == T(WORD)) {
        weir_sql_parser_next(parser);
        uint32_t end = token.span.end;
        while (token.kind == T(WORD) && at(parser, T(DOT)) && is_kind(parser, 1, T(WORD))) {
            weir_sql_parser_next(parser);
            weir_sql_parser_next(parser);
            end = parser->previous.span.end;
        }
        if (failed(parser)) return "";
        return weir_arena_copy(parser->arena, parser->text + token.span.begin, end - token.span.begin);
    }
    return weir_sql_name_parse(parser, "an identifier, a number or a string in a hint").text;
}

static void hint_arguments(struct weir_sql_parser *parser, struct weir_sql_hint *hint)
{
    struct weir_sql_list words = { 0 }, options = { 0 };
    while (!at(parser, T(RIGHT_PARENTHESIS)) && !failed(parser)) {
        struct weir_sql_span span = span_here(parser);
        const char *text = hint_word(parser);
        if (accept(parser, T(EQUAL))) {
            struct weir_sql_option *option = LIST_ADD(parser, &options, struct weir_sql_option);
            option->span = span;
            option->key = text;
            option->value_span = span_here(parser);
            option->value = hint_word(parser);
            end_span(parser, &option->value_span);
            end_span(parser, &option->span);
        } else {
            *LIST_ADD(parser, &words, const char *) = text;
        }
        if (words.count && options.count)
            fail_expected(parser, "either names or 'key' = 'value' pairs in one hint");
        if (!accept(parser, T(COMMA))) break;
    }
    if (!accept(parser, T(RIGHT_PARENTHESIS))) fail_expected(parser, "',' or ')' in a hint");
    hint->argument_count = words.count;
    hint->arguments = words.items;
    hint->options = (struct weir_sql_options){ options.count, options.items };
}

struct weir_sql_hints weir_sql_hints_parse(struct weir_sql_parser *parser)
{
    struct weir_sql_list hints = { 0 };
    if (!accept(parser, T(HINT_BEGIN))) return (struct weir_sql_hints){ 0 };
    do {
        struct weir_sql_hint *hint = LIST_ADD(parser, &hints, struct weir_sql_hint);
        hint->span = span_here(parser);
        hint->name = weir_sql_name_parse(parser, "a hint's name").text;
        if (accept(parser, T(LEFT_PARENTHESIS))) hint_arguments(parser, hint);
        end_span(parser, &hint->span);
    } while (accept(parser, T(COMMA)) || weir_sql_at_identifier(parser, 0));
    if (!accept(parser, T(HINT_END))) fail_expected(parser, "',' or \"*/\" behind a hint");
    return (struct weir_sql_hints){ hints.count, hints.items };
}

/* ---------------------------------------------------------------------------------------------- what follows
 * a table */

static void alias(struct weir_sql_parser *parser, struct weir_sql_table_ref *table)
{
    if (accept_keyword(parser, K(AS))) {
        table->alias = weir_sql_name_parse(parser, "an alias behind AS");
    } else if (weir_sql_at_identifier(parser, 0)) {
        table->alias = weir_sql_name_parse(parser, "an alias");
        parser->bare_alias = parser->previous;
    } else {
        return;
    }
    if (at(parser, T(LEFT_PARENTHESIS))) table->columns = weir_sql_names_parse(parser, "a column's name");
}

static void sample(struct weir_sql_parser *parser, struct weir_sql_table_ref *table)
{
    if (table->sample_percentage || !accept_keyword(parser, K(TABLESAMPLE))) return;
    if (accept_keyword(parser, K(SYSTEM)))
        table->sample_system = true;
    else if (!accept_keyword(parser, K(BERNOULLI)))
        fail_expected(parser, "BERNOULLI or SYSTEM behind TABLESAMPLE");
    expect(parser, T(LEFT_PARENTHESIS));
    const struct weir_sql_expr *percentage = weir_sql_expr_parse(parser);
    table->sample_percentage = percentage;
    weir_sql_parser_raise(parser, &table->height, percentage->height);
    expect(parser, T(RIGHT_PARENTHESIS));
    if (at_keyword(parser, K(REPEATABLE)))
        weir_sql_parser_fail_at(
            parser, span_here(parser), WEIR_E_UNSUPPORTED, "TABLESAMPLE ... REPEATABLE is not implemented");
}

static void system_time(struct weir_sql_parser *parser, struct weir_sql_table_ref *table)
{
    if (table->system_time || !accept_keywords(parser, K(FOR), K(SYSTEM_TIME))) return;
    expect_keyword(parser, K(AS));
    expect_keyword(parser, K(OF));
    const struct weir_sql_expr *time = weir_sql_expr_parse(parser);
    table->system_time = time;
    weir_sql_parser_raise(parser, &table->height, time->height);
}

static struct weir_sql_table_ref *match(struct weir_sql_parser *parser, struct weir_sql_table_ref *input)
{
    if (!accept_keyword(parser, K(MATCH_RECOGNIZE))) return input;
    struct weir_sql_table_ref *table = table_new(parser, WEIR_SQL_TABLE_MATCH, input->span);
    weir_sql_parser_raise(parser, &table->height, input->height);
    struct weir_sql_match *clauses = weir_sql_match_parse(parser, &table->height);
    clauses->input = input;
    table->match = clauses;
    return table;
}

static struct weir_sql_table_ref *suffix(struct weir_sql_parser *parser, struct weir_sql_table_ref *table)
{
    end_span(parser, &table->span);
    if (table->kind == WEIR_SQL_TABLE_NAMED) system_time(parser, table);
    table = match(parser, table);
    if (at_keyword(parser, K(PIVOT)) || at_keyword(parser, K(UNPIVOT)))
        weir_sql_parser_fail_at(
            parser, span_here(parser), WEIR_E_UNSUPPORTED, "PIVOT and UNPIVOT are not implemented");
    alias(parser, table);
    if (table->kind == WEIR_SQL_TABLE_NAMED) system_time(parser, table);
    sample(parser, table);
    end_span(parser, &table->span);
    return table;
}

/* ------------------------------------------------------------------------------------------------------
 * primaries */

static struct weir_sql_table_ref *joins(struct weir_sql_parser *parser);

static struct weir_sql_table_ref *query_table(
    struct weir_sql_parser *parser, struct weir_sql_span from, const struct weir_sql_query *query)
{
    struct weir_sql_table_ref *table = table_new(parser, WEIR_SQL_TABLE_QUERY, from);
    table->query = query;
    weir_sql_parser_raise(parser, &table->height, query->height);
    return table;
}

static bool is_bare_query(const struct weir_sql_table_ref *table)
{
    return table->kind == WEIR_SQL_TABLE_QUERY && !table->alias.text && !table->lateral &&
           !table->sample_percentage;
}

/* (query), (a JOIN b), ((query) UNION ...) */
static struct weir_sql_table_ref *parenthesized(struct weir_sql_parser *parser)
{
    struct weir_sql_span from = span_here(parser);
    struct weir_sql_table_ref *table;
    expect(parser, T(LEFT_PARENTHESIS));
    if (weir_sql_at_query(parser, 0)) {
        table = query_table(parser, from, weir_sql_query_parse(parser));
    } else {
        table = joins(parser);
        if (is_bare_query(table) && weir_sql_at_query_continuation(parser))
            table = query_table(
                parser, from, weir_sql_query_continue(parser, (struct weir_sql_query *)table->query));
    }
    if (!accept(parser, T(RIGHT_PARENTHESIS))) fail_expected(parser, "')'");
    return table;
}

static struct weir_sql_table_ref *unnest(struct weir_sql_parser *parser)
{
    struct weir_sql_table_ref *table = table_new(parser, WEIR_SQL_TABLE_UNNEST, span_here(parser));
    weir_sql_parser_next(parser);
    expect(parser, T(LEFT_PARENTHESIS));
    table->unnest.of = weir_sql_exprs_parse(parser, &table->height);
    expect(parser, T(RIGHT_PARENTHESIS));
    table->unnest.with_ordinality = accept_keywords(parser, K(WITH), K(ORDINALITY));
    return table;
}

static struct weir_sql_table_ref *function_table(struct weir_sql_parser *parser, struct weir_sql_span from,
    const struct weir_sql_expr *call, bool without_table)
{
    struct weir_sql_table_ref *table = table_new(parser, WEIR_SQL_TABLE_FUNCTION, from);
    const struct weir_sql_call *plain = call->call;
    if (plain->over || plain->filter || plain->within_group.count || plain->within_distinct.count ||
        plain->null_treatment)
        weir_sql_parser_fail_at(parser, call->span, WEIR_E_SQL_SYNTAX,
            "expected a table function, which has no OVER, FILTER, WITHIN or NULLS clause");
    table->function.call = call;
    table->function.without_table = without_table;
    weir_sql_parser_raise(parser, &table->height, call->height);
    return table;
}

/* TABLE(f(...)) */
static struct weir_sql_table_ref *table_function(struct weir_sql_parser *parser)
{
    struct weir_sql_span from = span_here(parser);
    weir_sql_parser_next(parser);
    expect(parser, T(LEFT_PARENTHESIS));
    struct weir_sql_span call_span = span_here(parser);
    struct weir_sql_expr *call = weir_sql_expr_parse(parser);
    if (call->kind != WEIR_SQL_EXPR_CALL) {
        weir_sql_parser_fail_at(
            parser, call_span, WEIR_E_SQL_SYNTAX, "expected a function call f(...) inside TABLE(...)");
        return table_new(parser, WEIR_SQL_TABLE_NAMED, from);
    }
    if (!accept(parser, T(RIGHT_PARENTHESIS)))
        fail_expected(parser, "')' behind the function call of TABLE(...)");
    return function_table(parser, from, call, false);
}

static struct weir_sql_table_ref *named(struct weir_sql_parser *parser)
{
    struct weir_sql_span from = span_here(parser);
    struct weir_sql_path name = weir_sql_path_parse(parser, "a table's name, '(', TABLE, UNNEST or LATERAL");
    if (at(parser, T(LEFT_PARENTHESIS)))
        return function_table(parser, from, weir_sql_call_parse(parser, name, from), true);
    struct weir_sql_table_ref *table = table_new(parser, WEIR_SQL_TABLE_NAMED, from);
    table->name = name;
    table->hints = weir_sql_hints_parse(parser);
    return table;
}

static struct weir_sql_table_ref *primary(struct weir_sql_parser *parser)
{
    struct weir_sql_span from = span_here(parser);
    struct weir_sql_table_ref *table;
    if (!weir_sql_parser_enter(parser)) {
        weir_sql_parser_leave(parser);
        return table_new(parser, WEIR_SQL_TABLE_NAMED, from);
    }
    bool lateral = accept_keyword(parser, K(LATERAL));
    if (at(parser, T(LEFT_PARENTHESIS)))
        table = parenthesized(parser);
    else if (at_keyword(parser, K(UNNEST)))
        table = unnest(parser);
    else if (at_keyword(parser, K(TABLE)))
        table = table_function(parser);
    else
        table = named(parser);
    if (lateral && (table->kind == WEIR_SQL_TABLE_NAMED || table->kind == WEIR_SQL_TABLE_JOIN))
        weir_sql_parser_fail_at(
            parser, from, WEIR_E_SQL_SYNTAX, "expected a subquery, TABLE(f(...)) or UNNEST behind LATERAL");
    if (lateral) {
        table->lateral = true;
        table->span = from;
    }
    bool bare = table->kind != WEIR_SQL_TABLE_JOIN && !table->alias.text;
    if (bare) table = suffix(parser, table);
    weir_sql_parser_leave(parser);
    return table;
}

struct weir_sql_table_ref *weir_sql_table_argument_parse(struct weir_sql_parser *parser)
{
    struct weir_sql_span from = span_here(parser);
    struct weir_sql_table_ref *table;
    if (accept(parser, T(LEFT_PARENTHESIS))) {
        table = query_table(parser, from, weir_sql_query_parse(parser));
        if (!accept(parser, T(RIGHT_PARENTHESIS))) fail_expected(parser, "')' behind the query");
    } else {
        table = table_new(parser, WEIR_SQL_TABLE_NAMED, from);
        table->name = weir_sql_path_parse(parser, "a table's name or '(' behind TABLE");
        table->hints = weir_sql_hints_parse(parser);
        system_time(parser, table);
        if (accept_keyword(parser, K(AS))) table->alias = weir_sql_name_parse(parser, "an alias behind AS");
    }
    end_span(parser, &table->span);
    return table;
}

/* ----------------------------------------------------------------------------------------------------------
 * joins */

/* Reads [NATURAL] [kind] JOIN; false: at none. */
static bool join_kind(struct weir_sql_parser *parser, enum weir_sql_join *kind, bool *natural)
{
    *natural = accept_keyword(parser, K(NATURAL));
    *kind = WEIR_SQL_JOIN_INNER;
    if (accept_keyword(parser, K(JOIN))) return true;
    if (accept_keyword(parser, K(CROSS))) {
        if (at_keyword(parser, K(JOIN)))
            *kind = WEIR_SQL_JOIN_CROSS;
        else
            weir_sql_parser_fail_at(parser, span_here(parser),
                is_kind(parser, 0, T(WORD)) ? WEIR_E_UNSUPPORTED : WEIR_E_SQL_SYNTAX,
                "expected JOIN behind CROSS; CROSS APPLY is not implemented, write CROSS JOIN LATERAL");
    } else if (accept_keyword(parser, K(LEFT))) {
        *kind = WEIR_SQL_JOIN_LEFT;
        const struct weir_sql_token *token = peek(parser, 0);
        uint32_t length = token->span.end - token->span.begin;
        if (token->kind == T(WORD) && length == 4 && is_keyword(parser, 1, K(JOIN))) {
            const char *word = parser->text + token->span.begin;
            bool semi = (word[0] | 32) == 's' && (word[1] | 32) == 'e' && (word[2] | 32) == 'm' &&
                        (word[3] | 32) == 'i';
            bool anti = (word[0] | 32) == 'a' && (word[1] | 32) == 'n' && (word[2] | 32) == 't' &&
                        (word[3] | 32) == 'i';
            if (semi || anti) {
                *kind = semi ? WEIR_SQL_JOIN_LEFT_SEMI : WEIR_SQL_JOIN_LEFT_ANTI;
                weir_sql_parser_next(parser);
            }
        }
        accept_keyword(parser, K(OUTER));
    } else if (accept_keyword(parser, K(RIGHT))) {
        *kind = WEIR_SQL_JOIN_RIGHT;
        accept_keyword(parser, K(OUTER));
    } else if (accept_keyword(parser, K(FULL))) {
        *kind = WEIR_SQL_JOIN_FULL;
        accept_keyword(parser, K(OUTER));
    } else if (!accept_keyword(parser, K(INNER))) {
        if (*natural) fail_expected(parser, "JOIN behind NATURAL");
        return false;
    }
    expect_keyword(parser, K(JOIN));
    return true;
}

static struct weir_sql_table_ref *join_tables(struct weir_sql_parser *parser, enum weir_sql_join kind,
    struct weir_sql_table_ref *left, struct weir_sql_table_ref *right)
{
    struct weir_sql_table_ref *join = table_new(parser, WEIR_SQL_TABLE_JOIN, left->span);
    join->join.kind = kind;
    join->join.left = left;
    join->join.right = right;
    weir_sql_parser_raise(parser, &join->height, left->height);
    weir_sql_parser_raise(parser, &join->height, right->height);
    return join;
}

static void join_condition(struct weir_sql_parser *parser, struct weir_sql_table_ref *join)
{
    /* INSERT ... SELECT ... JOIN t ON CONFLICT DO NOTHING */
    bool conflict =
        is_keyword(parser, 0, K(ON)) && is_keyword(parser, 1, K(CONFLICT)) && is_keyword(parser, 2, K(DO));
    if (!conflict && accept_keyword(parser, K(ON))) {
        const struct weir_sql_expr *on = weir_sql_expr_parse(parser);
        join->join.on = on;
        weir_sql_parser_raise(parser, &join->height, on->height);
    } else if (accept_keyword(parser, K(USING))) {
        join->join.using_ = weir_sql_names_parse(parser, "a column's name");
    }
}

static struct weir_sql_table_ref *joins(struct weir_sql_parser *parser)
{
    struct weir_sql_table_ref *left = primary(parser);
    enum weir_sql_join kind;
    bool natural;
    while (!failed(parser) && join_kind(parser, &kind, &natural)) {
        struct weir_sql_table_ref *right = primary(parser);
        left = join_tables(parser, kind, left, right);
        left->join.natural = natural;
        if (kind != WEIR_SQL_JOIN_CROSS && !natural) join_condition(parser, left);
        end_span(parser, &left->span);
    }
    return left;
}

struct weir_sql_table_ref *weir_sql_from_parse(struct weir_sql_parser *parser)
{
    struct weir_sql_table_ref *left = joins(parser);
    while (accept(parser, T(COMMA))) {
        left = join_tables(parser, WEIR_SQL_JOIN_COMMA, left, joins(parser));
        end_span(parser, &left->span);
    }
    return left;
}
