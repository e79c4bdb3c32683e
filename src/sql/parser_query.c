/* Queries: WITH, set operations, SELECT, VALUES, ORDER BY, LIMIT. */
#include "sql/parser_internal.h"

static struct weir_sql_query *query_new(
    struct weir_sql_parser *parser, enum weir_sql_query_kind kind, struct weir_sql_span from)
{
    struct weir_sql_query *query = WEIR_ARENA_NEW(parser->arena, struct weir_sql_query);
    query->kind = kind;
    query->height = 1;
    query->span = from;
    return query;
}

static void raise(struct weir_sql_parser *parser, struct weir_sql_query *query, uint32_t child)
{
    weir_sql_parser_raise(parser, &query->height, child);
}

/* -------------------------------------------------------------------------------------------------------
 * SELECT */

static void select_items(struct weir_sql_parser *parser, struct weir_sql_select *select, uint32_t *height)
{
    struct weir_sql_list list = { 0 };
    do {
        struct weir_sql_select_item *item = LIST_ADD(parser, &list, struct weir_sql_select_item);
        item->span = span_here(parser);
        struct weir_sql_expr *expr;
        if (accept(parser, T(STAR))) {
            expr = weir_sql_expr_new(parser, WEIR_SQL_EXPR_STAR, item->span);
        } else {
            expr = weir_sql_expr_parse(parser);
            weir_sql_parser_raise(parser, height, expr->height);
        }
        item->expr = expr;
        if (accept_keyword(parser, K(AS))) {
            item->alias = weir_sql_name_parse(parser, "an alias behind AS");
        } else if (expr->kind != WEIR_SQL_EXPR_STAR && weir_sql_at_identifier(parser, 0)) {
            item->alias = weir_sql_name_parse(parser, "an alias");
            parser->bare_alias = parser->previous;
        }
        end_span(parser, &item->span);
    } while (accept(parser, T(COMMA)));
    select->item_count = list.count;
    select->items = list.items;
}

static struct weir_sql_grouping grouping(struct weir_sql_parser *parser, uint32_t *height);

static void grouping_list(struct weir_sql_parser *parser, struct weir_sql_grouping *group,
    enum weir_sql_grouping_kind kind, uint32_t *height)
{
    struct weir_sql_list list = { 0 };
    group->kind = kind;
    expect(parser, T(LEFT_PARENTHESIS));
    do {
        struct weir_sql_grouping item = grouping(parser, height);
        *LIST_ADD(parser, &list, struct weir_sql_grouping) = item;
    } while (accept(parser, T(COMMA)));
    if (!accept(parser, T(RIGHT_PARENTHESIS))) fail_expected(parser, "',' or ')'");
    group->count = list.count;
    group->items = list.items;
}

static void grouping_expression(
    struct weir_sql_parser *parser, struct weir_sql_grouping *group, uint32_t *height)
{
    group->kind = WEIR_SQL_GROUPING_EXPRESSION;
    if (is_kind(parser, 0, T(LEFT_PARENTHESIS)) && is_kind(parser, 1, T(RIGHT_PARENTHESIS))) {
        weir_sql_parser_next(parser);
        weir_sql_parser_next(parser);
        group->parenthesized = true;
        return;
    }
    bool parenthesis = at(parser, T(LEFT_PARENTHESIS));
    const struct weir_sql_expr *expr = weir_sql_expr_parse(parser);
    weir_sql_parser_raise(parser, height, expr->height);
    group->parenthesized =
        parenthesis && expr->kind == WEIR_SQL_EXPR_ROW && expr->span.begin == group->span.begin;
    if (group->parenthesized) {
        group->exprs = expr->items;
    } else {
        const struct weir_sql_expr **items = WEIR_ARENA_ARRAY(parser->arena, const struct weir_sql_expr *, 1);
        items[0] = expr;
        group->exprs = (struct weir_sql_exprs){ 1, items };
    }
}

static struct weir_sql_grouping grouping(struct weir_sql_parser *parser, uint32_t *height)
{
    struct weir_sql_grouping group = { .span = span_here(parser) };
    if (weir_sql_parser_enter(parser)) {
        if (accept_keywords(parser, K(GROUPING), K(SETS)))
            grouping_list(parser, &group, WEIR_SQL_GROUPING_SETS, height);
        else if (accept_keyword(parser, K(ROLLUP)))
            grouping_list(parser, &group, WEIR_SQL_GROUPING_ROLLUP, height);
        else if (accept_keyword(parser, K(CUBE)))
            grouping_list(parser, &group, WEIR_SQL_GROUPING_CUBE, height);
        else
            grouping_expression(parser, &group, height);
    }
    weir_sql_parser_leave(parser);
    end_span(parser, &group.span);
    return group;
}

static void group_by(struct weir_sql_parser *parser, struct weir_sql_select *select, uint32_t *height)
{
    if (!accept_keyword(parser, K(GROUP))) return;
    struct weir_sql_list list = { 0 };
    expect_keyword(parser, K(BY));
    select->grouped = true;
    select->group_by_distinct = accept_keyword(parser, K(DISTINCT));
    if (!select->group_by_distinct) accept_keyword(parser, K(ALL));
    do {
        struct weir_sql_grouping item = grouping(parser, height);
        *LIST_ADD(parser, &list, struct weir_sql_grouping) = item;
    } while (accept(parser, T(COMMA)));
    select->group_count = list.count;
    select->group_by = list.items;
}

static const struct weir_sql_expr *condition(
    struct weir_sql_parser *parser, enum weir_sql_keyword keyword, uint32_t *height)
{
    if (!accept_keyword(parser, keyword)) return NULL;
    const struct weir_sql_expr *expr = weir_sql_expr_parse(parser);
    weir_sql_parser_raise(parser, height, expr->height);
    return expr;
}

static void windows(struct weir_sql_parser *parser, struct weir_sql_select *select, uint32_t *height)
{
    if (!accept_keyword(parser, K(WINDOW))) return;
    struct weir_sql_list list = { 0 };
    do {
        struct weir_sql_name name = weir_sql_name_parse(parser, "a window's name");
        expect_keyword(parser, K(AS));
        struct weir_sql_window window = weir_sql_window_parse(parser, height);
        window.name = name;
        *LIST_ADD(parser, &list, struct weir_sql_window) = window;
    } while (accept(parser, T(COMMA)));
    select->window_count = list.count;
    select->windows = list.items;
}

static struct weir_sql_query *select_query(struct weir_sql_parser *parser)
{
    struct weir_sql_query *query = query_new(parser, WEIR_SQL_QUERY_SELECT, span_here(parser));
    struct weir_sql_select *select = WEIR_ARENA_NEW(parser->arena, struct weir_sql_select);
    query->select = select;
    weir_sql_parser_next(parser);
    select->hints = weir_sql_hints_parse(parser);
    select->stream = accept_keyword(parser, K(STREAM));
    if (accept_keyword(parser, K(DISTINCT)))
        select->quantifier = WEIR_SQL_QUANTIFIER_DISTINCT;
    else if (accept_keyword(parser, K(ALL)))
        select->quantifier = WEIR_SQL_QUANTIFIER_ALL;
    select_items(parser, select, &query->height);
    if (accept_keyword(parser, K(FROM))) {
        struct weir_sql_table_ref *from = weir_sql_from_parse(parser);
        raise(parser, query, from->height);
        select->from = from;
    }
    select->where = condition(parser, K(WHERE), &query->height);
    group_by(parser, select, &query->height);
    select->having = condition(parser, K(HAVING), &query->height);
    windows(parser, select, &query->height);
    select->qualify = condition(parser, K(QUALIFY), &query->height);
    if (!select->window_count) windows(parser, select, &query->height);
    end_span(parser, &query->span);
    return query;
}

static struct weir_sql_query *values_query(struct weir_sql_parser *parser)
{
    struct weir_sql_query *query = query_new(parser, WEIR_SQL_QUERY_VALUES, span_here(parser));
    weir_sql_parser_next(parser);
    query->values = weir_sql_exprs_parse(parser, &query->height);
    end_span(parser, &query->span);
    return query;
}

static struct weir_sql_query *table_query(struct weir_sql_parser *parser)
{
    struct weir_sql_query *query = query_new(parser, WEIR_SQL_QUERY_TABLE, span_here(parser));
    weir_sql_parser_next(parser);
    query->table = weir_sql_path_parse(parser, "a table's name");
    end_span(parser, &query->span);
    return query;
}

/* ------------------------------------------------------------------------------------------------ set
 * operations */

/* SELECT, VALUES, TABLE t, (query) */
static struct weir_sql_query *term(struct weir_sql_parser *parser)
{
    if (at_keyword(parser, K(SELECT))) return select_query(parser);
    if (at_keyword(parser, K(VALUES))) return values_query(parser);
    if (at_keyword(parser, K(TABLE))) return table_query(parser);
    if (accept(parser, T(LEFT_PARENTHESIS))) {
        struct weir_sql_query *query = weir_sql_query_parse(parser);
        if (!accept(parser, T(RIGHT_PARENTHESIS))) fail_expected(parser, "')' behind the query");
        return query;
    }
    fail_expected(parser, "SELECT, VALUES, WITH, TABLE or '(' of a query");
    return query_new(parser, WEIR_SQL_QUERY_TABLE, span_here(parser));
}

static struct weir_sql_query *combine(struct weir_sql_parser *parser, enum weir_sql_set_operation operation,
    struct weir_sql_query *left, struct weir_sql_query *(*right)(struct weir_sql_parser *))
{
    struct weir_sql_query *query = query_new(parser, WEIR_SQL_QUERY_SET_OPERATION, left->span);
    weir_sql_parser_next(parser);
    query->set.operation = operation;
    query->set.all = accept_keyword(parser, K(ALL));
    if (!query->set.all) accept_keyword(parser, K(DISTINCT));
    query->set.left = left;
    struct weir_sql_query *other = right(parser);
    query->set.right = other;
    raise(parser, query, left->height);
    raise(parser, query, other->height);
    end_span(parser, &query->span);
    return query;
}

/* INTERSECT binds tighter than UNION and EXCEPT. */
static struct weir_sql_query *intersections_of(struct weir_sql_parser *parser, struct weir_sql_query *left)
{
    while (at_keyword(parser, K(INTERSECT))) left = combine(parser, WEIR_SQL_SET_INTERSECT, left, term);
    return left;
}

static struct weir_sql_query *intersections(struct weir_sql_parser *parser)
{
    return intersections_of(parser, term(parser));
}

static struct weir_sql_query *unions_of(struct weir_sql_parser *parser, struct weir_sql_query *left)
{
    for (;;) {
        if (at_keyword(parser, K(UNION)))
            left = combine(parser, WEIR_SQL_SET_UNION, left, intersections);
        else if (at_keyword(parser, K(EXCEPT)) || at_keyword(parser, K(MINUS)))
            left = combine(parser, WEIR_SQL_SET_EXCEPT, left, intersections);
        else
            return left;
    }
}

/* ------------------------------------------------------------------------------------- ORDER BY, LIMIT and
 * the whole */

static const struct weir_sql_expr *row_count(struct weir_sql_parser *parser, struct weir_sql_query *query)
{
    const struct weir_sql_expr *expr = weir_sql_expr_parse(parser);
    raise(parser, query, expr->height);
    return expr;
}

static void rows_word(struct weir_sql_parser *parser)
{
    if (!accept_keyword(parser, K(ROWS))) accept_keyword(parser, K(ROW));
}

/* FETCH {FIRST | NEXT} [n] {ROW | ROWS} ONLY */
static const struct weir_sql_expr *fetch(struct weir_sql_parser *parser, struct weir_sql_query *query)
{
    const struct weir_sql_expr *limit;
    if (!accept_keyword(parser, K(FIRST)) && !accept_keyword(parser, K(NEXT)))
        fail_expected(parser, "FIRST or NEXT behind FETCH");
    if (at_keyword(parser, K(ROW)) || at_keyword(parser, K(ROWS))) {
        struct weir_sql_expr *one = weir_sql_expr_new(parser, WEIR_SQL_EXPR_NUMBER, span_here(parser));
        one->number.text = "1";
        limit = one;
    } else {
        limit = row_count(parser, query);
    }
    rows_word(parser);
    expect_keyword(parser, K(ONLY));
    return limit;
}

static bool at_tail(struct weir_sql_parser *parser)
{
    return at_keyword(parser, K(ORDER)) || at_keyword(parser, K(LIMIT)) || at_keyword(parser, K(OFFSET)) ||
           at_keyword(parser, K(FETCH));
}

static void tail(struct weir_sql_parser *parser, struct weir_sql_query *query)
{
    if (accept_keyword(parser, K(ORDER))) {
        expect_keyword(parser, K(BY));
        query->order_by = weir_sql_order_parse(parser, &query->height);
    }
    bool limited = false;
    for (;;) {
        if (!limited && accept_keyword(parser, K(LIMIT))) {
            limited = true;
            if (!accept_keyword(parser, K(ALL))) query->limit = row_count(parser, query);
        } else if (!limited && accept_keyword(parser, K(FETCH))) {
            limited = true;
            query->limit = fetch(parser, query);
        } else if (!query->offset && accept_keyword(parser, K(OFFSET))) {
            query->offset = row_count(parser, query);
            rows_word(parser);
        } else {
            break;
        }
    }
    end_span(parser, &query->span);
}

static void with(struct weir_sql_parser *parser, struct weir_sql_query *query)
{
    struct weir_sql_list list = { 0 };
    query->recursive = accept_keyword(parser, K(RECURSIVE));
    do {
        struct weir_sql_with_item *item = LIST_ADD(parser, &list, struct weir_sql_with_item);
        item->span = span_here(parser);
        struct weir_sql_name name = weir_sql_name_parse(parser, "the name of a common table expression");
        struct weir_sql_names columns = { 0 };
        if (at(parser, T(LEFT_PARENTHESIS))) columns = weir_sql_names_parse(parser, "a column's name");
        expect_keyword(parser, K(AS));
        expect(parser, T(LEFT_PARENTHESIS));
        struct weir_sql_query *inner = weir_sql_query_parse(parser);
        if (!accept(parser, T(RIGHT_PARENTHESIS))) fail_expected(parser, "')' behind the query");
        raise(parser, query, inner->height);
        item->name = name;
        item->columns = columns;
        item->query = inner;
        end_span(parser, &item->span);
    } while (accept(parser, T(COMMA)));
    query->with_count = list.count;
    query->with = list.items;
}

/* Puts WITH (in outer) and the clauses that follow around the body. A body that has clauses of its own,
 * because it stood in parentheses, stays whole. */
static struct weir_sql_query *whole(struct weir_sql_parser *parser, struct weir_sql_query *outer,
    struct weir_sql_query *body, bool parenthesized)
{
    if (!outer->with_count && !at_tail(parser)) return body;
    bool own = body->with_count || body->order_by.count || body->limit || body->offset;
    if (own || parenthesized) {
        outer->kind = WEIR_SQL_QUERY_NESTED;
        outer->nested = body;
        raise(parser, outer, body->height);
    } else {
        struct weir_sql_query head = *outer;
        *outer = *body;
        outer->span = head.span;
        outer->recursive = head.recursive;
        outer->with_count = head.with_count;
        outer->with = head.with;
        if (head.height > outer->height) outer->height = head.height;
    }
    tail(parser, outer);
    return outer;
}

struct weir_sql_query *weir_sql_query_parse(struct weir_sql_parser *parser)
{
    struct weir_sql_query *outer = query_new(parser, WEIR_SQL_QUERY_NESTED, span_here(parser));
    struct weir_sql_query *query = outer;
    if (weir_sql_parser_enter(parser)) {
        if (accept_keyword(parser, K(WITH))) with(parser, outer);
        bool parenthesis = at(parser, T(LEFT_PARENTHESIS));
        struct weir_sql_query *first = term(parser);
        struct weir_sql_query *body = unions_of(parser, intersections_of(parser, first));
        query = whole(parser, outer, body, parenthesis && body == first);
    }
    weir_sql_parser_leave(parser);
    if (failed(parser)) return query_new(parser, WEIR_SQL_QUERY_TABLE, span_here(parser));
    return query;
}

bool weir_sql_at_query_continuation(struct weir_sql_parser *parser)
{
    return at_tail(parser) || at_keyword(parser, K(UNION)) || at_keyword(parser, K(EXCEPT)) ||
           at_keyword(parser, K(INTERSECT)) || at_keyword(parser, K(MINUS));
}

struct weir_sql_query *weir_sql_query_continue(struct weir_sql_parser *parser, struct weir_sql_query *left)
{
    struct weir_sql_query *outer = query_new(parser, WEIR_SQL_QUERY_NESTED, left->span);
    struct weir_sql_query *body = unions_of(parser, intersections_of(parser, left));
    return whole(parser, outer, body, body == left);
}
