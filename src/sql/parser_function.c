/* Function calls: plain ones, those with a syntax of their own, and windows. */
#include "sql/parser_internal.h"
#include <string.h>

/* ------------------------------------------------------------------------------------------------------
 * windows */

static enum weir_sql_frame_bound frame_bound(
    struct weir_sql_parser *parser, const struct weir_sql_expr **offset, uint32_t *height)
{
    if (accept_keywords(parser, K(CURRENT), K(ROW))) return WEIR_SQL_FRAME_CURRENT_ROW;
    if (accept_keywords(parser, K(UNBOUNDED), K(PRECEDING))) return WEIR_SQL_FRAME_UNBOUNDED_PRECEDING;
    if (accept_keywords(parser, K(UNBOUNDED), K(FOLLOWING))) return WEIR_SQL_FRAME_UNBOUNDED_FOLLOWING;
    const struct weir_sql_expr *expr = weir_sql_expr_parse(parser);
    *offset = expr;
    weir_sql_parser_raise(parser, height, expr->height);
    if (accept_keyword(parser, K(PRECEDING))) return WEIR_SQL_FRAME_PRECEDING;
    if (!accept_keyword(parser, K(FOLLOWING))) fail_expected(parser, "PRECEDING or FOLLOWING");
    return WEIR_SQL_FRAME_FOLLOWING;
}

static void frame(struct weir_sql_parser *parser, struct weir_sql_window *window, uint32_t *height)
{
    if (accept_keyword(parser, K(ROWS)))
        window->frame = WEIR_SQL_FRAME_ROWS;
    else if (accept_keyword(parser, K(RANGE)))
        window->frame = WEIR_SQL_FRAME_RANGE;
    else
        return;
    window->frame_to = WEIR_SQL_FRAME_CURRENT_ROW;
    window->frame_between = accept_keyword(parser, K(BETWEEN));
    if (window->frame_between) {
        window->frame_from = (uint8_t)frame_bound(parser, &window->from, height);
        expect_keyword(parser, K(AND));
        window->frame_to = (uint8_t)frame_bound(parser, &window->to, height);
    } else {
        window->frame_from = (uint8_t)frame_bound(parser, &window->from, height);
    }
}

struct weir_sql_window weir_sql_window_parse(struct weir_sql_parser *parser, uint32_t *height)
{
    struct weir_sql_window window = { .span = span_here(parser) };
    expect(parser, T(LEFT_PARENTHESIS));
    if (weir_sql_at_identifier(parser, 0)) window.base = weir_sql_name_parse(parser, "a window's name");
    if (accept_keyword(parser, K(PARTITION))) {
        expect_keyword(parser, K(BY));
        window.partition_by = weir_sql_exprs_parse(parser, height);
    }
    if (accept_keyword(parser, K(ORDER))) {
        expect_keyword(parser, K(BY));
        window.order_by = weir_sql_order_parse(parser, height);
    }
    frame(parser, &window, height);
    if (accept_keywords(parser, K(ALLOW), K(PARTIAL)))
        window.allow_partial = 1;
    else if (accept_keywords(parser, K(DISALLOW), K(PARTIAL)))
        window.allow_partial = -1;
    if (!accept(parser, T(RIGHT_PARENTHESIS)))
        fail_expected(parser, "PARTITION BY, ORDER BY, ROWS, RANGE or ')'");
    end_span(parser, &window.span);
    return window;
}

/* -------------------------------------------------------------------------------------------- behind the
 * arguments */

static bool null_treatment(struct weir_sql_parser *parser, struct weir_sql_call *call)
{
    if (call->null_treatment) return false;
    if (accept_keywords(parser, K(IGNORE), K(NULLS)))
        call->null_treatment = WEIR_SQL_NULLS_IGNORE;
    else if (accept_keywords(parser, K(RESPECT), K(NULLS)))
        call->null_treatment = WEIR_SQL_NULLS_RESPECT;
    return call->null_treatment != WEIR_SQL_NULLS_UNSAID;
}

static bool within(struct weir_sql_parser *parser, struct weir_sql_expr *expr, struct weir_sql_call *call)
{
    if (accept_keywords(parser, K(WITHIN), K(GROUP))) {
        expect(parser, T(LEFT_PARENTHESIS));
        expect_keyword(parser, K(ORDER));
        expect_keyword(parser, K(BY));
        call->within_group = weir_sql_order_parse(parser, &expr->height);
    } else if (accept_keywords(parser, K(WITHIN), K(DISTINCT))) {
        expect(parser, T(LEFT_PARENTHESIS));
        call->within_distinct = weir_sql_exprs_parse(parser, &expr->height);
    } else {
        return false;
    }
    expect(parser, T(RIGHT_PARENTHESIS));
    return true;
}

void weir_sql_call_suffix_parse(
    struct weir_sql_parser *parser, struct weir_sql_expr *expr, struct weir_sql_call *call)
{
    while (within(parser, expr, call) || null_treatment(parser, call)) {}
    if (is_keyword(parser, 0, K(FILTER)) && is_kind(parser, 1, T(LEFT_PARENTHESIS))) {
        weir_sql_parser_next(parser);
        expect(parser, T(LEFT_PARENTHESIS));
        expect_keyword(parser, K(WHERE));
        call->filter = weir_sql_expr_parse(parser);
        weir_sql_raise_over(parser, expr, call->filter);
        expect(parser, T(RIGHT_PARENTHESIS));
    }
    null_treatment(parser, call);
    if (accept_keyword(parser, K(OVER))) {
        struct weir_sql_window *window = WEIR_ARENA_NEW(parser->arena, struct weir_sql_window);
        if (at(parser, T(LEFT_PARENTHESIS))) {
            *window = weir_sql_window_parse(parser, &expr->height);
        } else {
            window->name = weir_sql_name_parse(parser, "'(' or a window's name behind OVER");
            window->span = window->name.span;
            window->reference_only = true;
        }
        call->over = window;
    }
    end_span(parser, &expr->span);
}

/* ----------------------------------------------------------------------------------------------------
 * arguments */

static struct weir_sql_expr *descriptor(struct weir_sql_parser *parser)
{
    struct weir_sql_expr *expr = weir_sql_expr_new(parser, WEIR_SQL_EXPR_DESCRIPTOR, span_here(parser));
    weir_sql_parser_next(parser);
    struct weir_sql_names names = weir_sql_names_parse(parser, "a column's name");
    expr->descriptor.count = names.count;
    expr->descriptor.columns = names.items;
    end_span(parser, &expr->span);
    return expr;
}

/* a, or (a, b) */
static struct weir_sql_exprs one_or_list(struct weir_sql_parser *parser, uint32_t *height)
{
    bool parentheses = accept(parser, T(LEFT_PARENTHESIS));
    if (parentheses) {
        struct weir_sql_exprs exprs = weir_sql_exprs_parse(parser, height);
        expect(parser, T(RIGHT_PARENTHESIS));
        return exprs;
    }
    struct weir_sql_list list = { 0 };
    const struct weir_sql_expr *expr = weir_sql_expr_parse(parser);
    weir_sql_parser_raise(parser, height, expr->height);
    *LIST_ADD(parser, &list, const struct weir_sql_expr *) = expr;
    return (struct weir_sql_exprs){ list.count, list.items };
}

/* TABLE t, TABLE (query), (query) as an argument, then PARTITION BY and ORDER BY. */
static struct weir_sql_expr *table_argument(struct weir_sql_parser *parser)
{
    struct weir_sql_expr *expr = weir_sql_expr_new(parser, WEIR_SQL_EXPR_TABLE, span_here(parser));
    accept_keyword(parser, K(TABLE));
    struct weir_sql_table_ref *table = weir_sql_table_argument_parse(parser);
    expr->table.table = table;
    weir_sql_parser_raise(parser, &expr->height, table->height);
    if (accept_keyword(parser, K(PARTITION))) {
        expect_keyword(parser, K(BY));
        expr->table.partition_by = one_or_list(parser, &expr->height);
    }
    if (accept_keyword(parser, K(ORDER))) {
        expect_keyword(parser, K(BY));
        bool parentheses = accept(parser, T(LEFT_PARENTHESIS));
        if (parentheses) {
            expr->table.order_by = weir_sql_order_parse(parser, &expr->height);
            expect(parser, T(RIGHT_PARENTHESIS));
        } else {
            struct weir_sql_order_item *item = WEIR_ARENA_NEW(parser->arena, struct weir_sql_order_item);
            item->span = span_here(parser);
            item->expr = weir_sql_expr_parse(parser);
            if (!accept_keyword(parser, K(ASC))) item->descending = accept_keyword(parser, K(DESC));
            end_span(parser, &item->span);
            weir_sql_raise_over(parser, expr, item->expr);
            expr->table.order_by = (struct weir_sql_order){ 1, item };
        }
    }
    end_span(parser, &expr->span);
    return expr;
}

static struct weir_sql_expr *argument(struct weir_sql_parser *parser)
{
    struct weir_sql_span from = span_here(parser);
    enum weir_sql_keyword keyword = peek(parser, 0)->keyword;
    if (keyword == K(DESCRIPTOR) && is_kind(parser, 1, T(LEFT_PARENTHESIS))) return descriptor(parser);
    if (keyword == K(TABLE)) return table_argument(parser);
    if (keyword == K(MODEL) && weir_sql_at_identifier(parser, 1)) {
        struct weir_sql_expr *expr = weir_sql_expr_new(parser, WEIR_SQL_EXPR_MODEL, from);
        weir_sql_parser_next(parser);
        expr->model = weir_sql_path_parse(parser, "a model's name");
        end_span(parser, &expr->span);
        return expr;
    }
    if (at(parser, T(STAR))) {
        struct weir_sql_expr *expr = weir_sql_expr_new(parser, WEIR_SQL_EXPR_STAR, from);
        weir_sql_parser_next(parser);
        end_span(parser, &expr->span);
        return expr;
    }
    if (weir_sql_at_query(parser, 0)) { /* a query without parentheses of its own: f(SELECT 1) */
        struct weir_sql_expr *expr = weir_sql_expr_new(parser, WEIR_SQL_EXPR_SUBQUERY, from);
        const struct weir_sql_query *query = weir_sql_query_parse(parser);
        expr->query = query;
        weir_sql_parser_raise(parser, &expr->height, query->height);
        end_span(parser, &expr->span);
        return expr;
    }
    struct weir_sql_expr *expr = weir_sql_expr_parse(parser);
    if (expr->kind != WEIR_SQL_EXPR_SUBQUERY || !is_keyword(parser, 0, K(PARTITION))) return expr;
    /* (query) PARTITION BY k */
    struct weir_sql_expr *table = weir_sql_expr_new(parser, WEIR_SQL_EXPR_TABLE, from);
    struct weir_sql_table_ref *reference = WEIR_ARENA_NEW(parser->arena, struct weir_sql_table_ref);
    reference->kind = WEIR_SQL_TABLE_QUERY;
    reference->span = expr->span;
    reference->query = expr->query;
    reference->height = expr->height;
    table->table.table = reference;
    weir_sql_raise_over(parser, table, expr);
    weir_sql_parser_next(parser);
    expect_keyword(parser, K(BY));
    table->table.partition_by = one_or_list(parser, &table->height);
    end_span(parser, &table->span);
    return table;
}

/* name => */
static bool at_argument_name(struct weir_sql_parser *parser)
{
    return (is_kind(parser, 0, T(WORD)) || is_kind(parser, 0, T(QUOTED_WORD))) &&
           is_kind(parser, 1, T(ARROW));
}

static struct weir_sql_name argument_name(struct weir_sql_parser *parser)
{
    struct weir_sql_token token = *peek(parser, 0);
    struct weir_sql_name name = { .span = token.span, .quoted = token.kind == T(QUOTED_WORD) };
    size_t length;
    weir_sql_token_text(parser->arena, parser->text, &token, 0, &name.text, &length, parser->error);
    if (length == 0) fail_expected(parser, "a parameter's name");
    weir_sql_parser_next(parser);
    weir_sql_parser_next(parser);
    return name;
}

static void arguments(struct weir_sql_parser *parser, struct weir_sql_expr *expr, struct weir_sql_call *call)
{
    struct weir_sql_list list = { 0 }, names = { 0 };
    bool any_name = false;
    if (accept_keyword(parser, K(DISTINCT)))
        call->quantifier = WEIR_SQL_QUANTIFIER_DISTINCT;
    else if (accept_keyword(parser, K(ALL)))
        call->quantifier = WEIR_SQL_QUANTIFIER_ALL;
    if (!at(parser, T(RIGHT_PARENTHESIS))) {
        do {
            struct weir_sql_name *name = LIST_ADD(parser, &names, struct weir_sql_name);
            if (at_argument_name(parser)) {
                *name = argument_name(parser);
                any_name = true;
            }
            const struct weir_sql_expr *item = argument(parser);
            weir_sql_raise_over(parser, expr, item);
            *LIST_ADD(parser, &list, const struct weir_sql_expr *) = item;
        } while (accept(parser, T(COMMA)));
    }
    call->arguments = (struct weir_sql_exprs){ list.count, list.items };
    if (any_name) call->argument_names = names.items;
    null_treatment(parser, call);
    if (accept_keyword(parser, K(ORDER))) {
        expect_keyword(parser, K(BY));
        call->within = weir_sql_order_parse(parser, &expr->height);
    }
    null_treatment(parser, call);
    if (!accept(parser, T(RIGHT_PARENTHESIS))) fail_expected(parser, "',' or ')' behind an argument");
}

struct weir_sql_expr *weir_sql_call_parse(
    struct weir_sql_parser *parser, struct weir_sql_path name, struct weir_sql_span from)
{
    struct weir_sql_expr *expr = weir_sql_expr_new(parser, WEIR_SQL_EXPR_CALL, from);
    struct weir_sql_call *call = WEIR_ARENA_NEW(parser->arena, struct weir_sql_call);
    expr->call = call;
    call->name = name;
    expect(parser, T(LEFT_PARENTHESIS));
    arguments(parser, expr, call);
    weir_sql_call_suffix_parse(parser, expr, call);
    return expr;
}

/* ------------------------------------------------------------------------------------- functions with own
 * syntax */

struct special {
    struct weir_sql_expr *expr;
    struct weir_sql_call *call;
    struct weir_sql_list arguments;
};

/* The keyword at the present token as a path of one name, in the case in which it is written. */
static struct weir_sql_path keyword_path(struct weir_sql_parser *parser)
{
    struct weir_sql_token token = *peek(parser, 0);
    struct weir_sql_name *name = WEIR_ARENA_NEW(parser->arena, struct weir_sql_name);
    size_t length;
    name->span = token.span;
    weir_sql_token_text(parser->arena, parser->text, &token, 0, &name->text, &length, parser->error);
    weir_sql_parser_next(parser);
    return (struct weir_sql_path){ token.span, 1, name };
}

static void special_begin(struct weir_sql_parser *parser, struct special *special)
{
    *special = (struct special){ .expr = weir_sql_expr_new(parser, WEIR_SQL_EXPR_CALL, span_here(parser)),
        .call = WEIR_ARENA_NEW(parser->arena, struct weir_sql_call) };
    special->expr->call = special->call;
    special->call->name = keyword_path(parser);
    expect(parser, T(LEFT_PARENTHESIS));
}

static void special_add(
    struct weir_sql_parser *parser, struct special *special, const struct weir_sql_expr *argument)
{
    weir_sql_raise_over(parser, special->expr, argument);
    *LIST_ADD(parser, &special->arguments, const struct weir_sql_expr *) = argument;
}

static struct weir_sql_expr *special_end(struct weir_sql_parser *parser, struct special *special)
{
    special->call->arguments = (struct weir_sql_exprs){ special->arguments.count, special->arguments.items };
    if (!accept(parser, T(RIGHT_PARENTHESIS))) fail_expected(parser, "',' or ')' behind an argument");
    weir_sql_call_suffix_parse(parser, special->expr, special->call);
    return special->expr;
}

/* The rest of name(a, b, c) as positional arguments. */
static struct weir_sql_expr *special_rest(struct weir_sql_parser *parser, struct special *special)
{
    while (accept(parser, T(COMMA))) special_add(parser, special, weir_sql_expr_parse(parser));
    return special_end(parser, special);
}

static struct weir_sql_expr *symbol(struct weir_sql_parser *parser, const char *text)
{
    struct weir_sql_expr *expr = weir_sql_expr_new(parser, WEIR_SQL_EXPR_SYMBOL, span_here(parser));
    expr->symbol = text;
    weir_sql_parser_next(parser);
    end_span(parser, &expr->span);
    return expr;
}

/* A unit of time by its canonical name, or NULL. */
static const char *time_unit(struct weir_sql_parser *parser)
{
    static const char *const units[] = { "YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE",
        "SECOND", "MILLISECOND", "MICROSECOND", "NANOSECOND", "EPOCH", "DOW", "ISODOW", "DOY", "ISOYEAR",
        "CENTURY", "DECADE", "MILLENNIUM" };
    const struct weir_sql_token *token = peek(parser, 0);
    char upper[32];
    size_t length = token->span.end - token->span.begin;
    if (token->kind != T(WORD) || length >= sizeof(upper)) return NULL;
    const char *text = parser->text + token->span.begin;
    for (size_t i = 0; i < length; i++)
        upper[i] = text[i] >= 'a' && text[i] <= 'z' ? (char)(text[i] - 32) : text[i];
    upper[length] = 0;
    const char *name = strncmp(upper, "SQL_TSI_", 8) == 0 ? upper + 8 : upper;
    if (strcmp(name, "FRAC_SECOND") == 0) return "MICROSECOND";
    length = strlen(name);
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(units); i++) {
        size_t unit_length = strlen(units[i]);
        bool plural = length == unit_length + 1 && name[unit_length] == 'S';
        if ((length == unit_length || plural) && memcmp(name, units[i], unit_length) == 0) return units[i];
    }
    return NULL;
}

/* EXTRACT(unit FROM x) */
static struct weir_sql_expr *extract(struct weir_sql_parser *parser)
{
    struct special special;
    special_begin(parser, &special);
    const char *unit = time_unit(parser);
    if (!unit) {
        fail_expected(parser, "a unit such as YEAR, MONTH, DAY, HOUR, MINUTE or SECOND");
        return special.expr;
    }
    special_add(parser, &special, symbol(parser, unit));
    special.call->special_syntax = true;
    expect_keyword(parser, K(FROM));
    special_add(parser, &special, weir_sql_expr_parse(parser));
    return special_end(parser, &special);
}

/* TRIM([BOTH | LEADING | TRAILING] [c] FROM x), TRIM(c FROM x), TRIM(x) */
static struct weir_sql_expr *trim(struct weir_sql_parser *parser)
{
    struct special special;
    special_begin(parser, &special);
    struct weir_sql_expr *side = NULL;
    if (at_keyword(parser, K(BOTH)) || at_keyword(parser, K(LEADING)) || at_keyword(parser, K(TRAILING)))
        side = symbol(parser, weir_sql_keyword_text(peek(parser, 0)->keyword));
    struct weir_sql_expr *first = NULL;
    if (!(side && at_keyword(parser, K(FROM)))) first = weir_sql_expr_parse(parser);
    if (!side && !at_keyword(parser, K(FROM))) {
        special_add(parser, &special, first);
        return special_rest(parser, &special);
    }
    special.call->special_syntax = true;
    if (!side) {
        side = weir_sql_expr_new(parser, WEIR_SQL_EXPR_SYMBOL, first->span);
        side->symbol = "BOTH";
    }
    if (!first) {
        first = weir_sql_expr_new(parser, WEIR_SQL_EXPR_STRING, side->span);
        first->string.text = " ";
        first->string.length = 1;
    }
    special_add(parser, &special, side);
    special_add(parser, &special, first);
    expect_keyword(parser, K(FROM));
    special_add(parser, &special, weir_sql_expr_parse(parser));
    return special_end(parser, &special);
}

/* SUBSTRING(x FROM y [FOR z]), SUBSTRING(x, y[, z]) */
static struct weir_sql_expr *substring(struct weir_sql_parser *parser)
{
    struct special special;
    special_begin(parser, &special);
    special_add(parser, &special, weir_sql_expr_parse(parser));
    if (!accept_keyword(parser, K(FROM))) return special_rest(parser, &special);
    special.call->special_syntax = true;
    special_add(parser, &special, weir_sql_expr_parse(parser));
    if (accept_keyword(parser, K(FOR))) special_add(parser, &special, weir_sql_expr_parse(parser));
    return special_end(parser, &special);
}

/* OVERLAY(x PLACING y FROM z [FOR n]) */
static struct weir_sql_expr *overlay(struct weir_sql_parser *parser)
{
    struct special special;
    special_begin(parser, &special);
    special_add(parser, &special, weir_sql_expr_parse(parser));
    if (!accept_keyword(parser, K(PLACING))) return special_rest(parser, &special);
    special.call->special_syntax = true;
    special_add(parser, &special, weir_sql_expr_parse(parser));
    expect_keyword(parser, K(FROM));
    special_add(parser, &special, weir_sql_expr_parse(parser));
    if (accept_keyword(parser, K(FOR))) special_add(parser, &special, weir_sql_expr_parse(parser));
    return special_end(parser, &special);
}

/* x IN y inside POSITION is no predicate: IN is read here, so x must be parsed without it. */
static struct weir_sql_expr *position(struct weir_sql_parser *parser)
{
    struct special special;
    special_begin(parser, &special);
    struct weir_sql_expr *first = weir_sql_addition_parse(parser);
    special_add(parser, &special, first);
    if (!accept_keyword(parser, K(IN))) return special_rest(parser, &special);
    special.call->special_syntax = true;
    special_add(parser, &special, weir_sql_expr_parse(parser));
    if (accept_keyword(parser, K(FROM))) special_add(parser, &special, weir_sql_expr_parse(parser));
    return special_end(parser, &special);
}

/* CEIL(x), CEIL(x TO unit) */
static struct weir_sql_expr *ceil_or_floor(struct weir_sql_parser *parser)
{
    struct special special;
    special_begin(parser, &special);
    special_add(parser, &special, weir_sql_expr_parse(parser));
    if (!accept_keyword(parser, K(TO))) return special_rest(parser, &special);
    special.call->special_syntax = true;
    const char *unit = time_unit(parser);
    if (unit)
        special_add(parser, &special, symbol(parser, unit));
    else
        fail_expected(parser, "a unit such as YEAR, MONTH, DAY, HOUR, MINUTE or SECOND");
    return special_end(parser, &special);
}

/* TIMESTAMPADD(unit, n, t), TIMESTAMPDIFF(unit, a, b) */
static struct weir_sql_expr *timestamp_arithmetic(struct weir_sql_parser *parser)
{
    struct special special;
    special_begin(parser, &special);
    const char *unit = time_unit(parser);
    if (!unit) {
        fail_expected(parser, "a unit such as YEAR, MONTH, DAY, HOUR, MINUTE or SECOND");
        return special.expr;
    }
    special_add(parser, &special, symbol(parser, unit));
    return special_rest(parser, &special);
}

/* CURRENT_DATE, LOCALTIMESTAMP, also with a precision: CURRENT_TIMESTAMP(3). */
static struct weir_sql_expr *niladic(struct weir_sql_parser *parser)
{
    struct weir_sql_span from = span_here(parser);
    struct weir_sql_path name = keyword_path(parser);
    if (at(parser, T(LEFT_PARENTHESIS))) return weir_sql_call_parse(parser, name, from);
    struct weir_sql_expr *expr = weir_sql_expr_new(parser, WEIR_SQL_EXPR_CALL, from);
    struct weir_sql_call *call = WEIR_ARENA_NEW(parser->arena, struct weir_sql_call);
    call->name = name;
    call->without_parentheses = true;
    expr->call = call;
    return expr;
}

struct weir_sql_expr *weir_sql_special_call_parse(struct weir_sql_parser *parser)
{
    enum weir_sql_keyword keyword = peek(parser, 0)->keyword;
    bool called = is_kind(parser, 1, T(LEFT_PARENTHESIS));
    switch (keyword) {
    case K(CURRENT_DATE):
    case K(CURRENT_TIME):
    case K(CURRENT_TIMESTAMP):
    case K(LOCALTIME):
    case K(LOCALTIMESTAMP):
    case K(CURRENT_USER):
    case K(SESSION_USER):
    case K(SYSTEM_USER):
    case K(USER):
    case K(CURRENT_CATALOG):
    case K(CURRENT_SCHEMA):
    case K(CURRENT_ROLE):
    case K(CURRENT_PATH): return niladic(parser);
    case K(EXTRACT): return extract(parser);
    case K(SUBSTRING): return substring(parser);
    case K(POSITION): return position(parser);
    case K(OVERLAY): return overlay(parser);
    case K(TRIM): return called ? trim(parser) : NULL;
    case K(CEIL):
    case K(CEILING):
    case K(FLOOR): return called ? ceil_or_floor(parser) : NULL;
    case K(TIMESTAMPADD):
    case K(TIMESTAMPDIFF): return called ? timestamp_arithmetic(parser) : NULL;
    default: break;
    }
    /* reserved words that are functions when arguments follow */
    if (!called || weir_sql_keyword_class(keyword) != WEIR_SQL_WORD_CALLABLE) return NULL;
    struct weir_sql_span from = span_here(parser);
    return weir_sql_call_parse(parser, keyword_path(parser), from);
}
