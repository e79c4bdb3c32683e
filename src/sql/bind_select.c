/* SELECT: list, FROM, WHERE, GROUP BY, HAVING, QUALIFY, DISTINCT, ORDER BY, LIMIT. */
#include "expr/function.h"
#include "sql/bind.h"

#include <string.h>

/* Everything of one SELECT that is mapped together from the rows of FROM to what aggregate and OVER give. */
struct items {
    struct bind_context *context;
    struct bind_scope *scope;
    const struct weir_sql_select *ast;
    struct weir_expr **exprs;
    uint32_t count, capacity;
    const char **names; /* of the SELECT list */
    uint32_t name_capacity, list_count;
    struct bind_names different; /* names of the list */
    /* indices into exprs */
    uint32_t first_having, having_count, qualify, first_order;
    /* IN and EXISTS of HAVING: operands start at first_semi[i] */
    struct semi {
        const struct weir_sql_expr *ast;
        bool negated;
        uint32_t first, count;
    } * semis;
    uint32_t semi_count, semi_capacity;
    struct weir_sort_key *sort; /* columns: indices into the output, hidden ones included */
    uint32_t sort_count;
    struct bind_conditions correlated;
    struct weir_sql_span span;
};

static uint32_t add_expr(struct items *items, struct weir_expr *expr)
{
    items->exprs =
        weir_bind_grow(items->context, items->exprs, items->count, &items->capacity, sizeof *items->exprs);
    items->exprs[items->count] = expr;
    return items->count++;
}

/* ------------------------------------------------------------------------------------------------ SELECT
 * list */

static void add_item(struct items *items, struct weir_expr *expr, const char *name)
{
    weir_bind_names_add(&items->different, name);
    uint32_t index = add_expr(items, expr);
    items->names =
        weir_bind_grow(items->context, items->names, index, &items->name_capacity, sizeof *items->names);
    items->names[index] = name;
    items->list_count = index + 1;
}

/* Unnamed items are EXPR$n, where n counts the different names before. */
static const char *unnamed(struct items *items)
{
    return weir_arena_format(items->context->arena, "EXPR$%u", items->different.count);
}

static const char *item_name(struct items *items, const struct weir_sql_select_item *item)
{
    if (item->alias.text) return item->alias.text;
    if (item->expr->kind == WEIR_SQL_EXPR_COLUMN)
        return item->expr->column.parts[item->expr->column.count - 1].text;
    if (item->expr->kind == WEIR_SQL_EXPR_FIELD) return item->expr->field.name.text;
    return unnamed(items);
}

static enum weir_error_code bind_star_item(struct items *items, const struct weir_sql_expr *ast)
{
    struct weir_expr **exprs;
    const char **names;
    uint32_t count;
    if (!items->ast->from) {
        return weir_bind_error(
            items->context, WEIR_E_SQL_VALIDATION, ast->span, "SELECT * requires a FROM clause");
    }
    WEIR_TRY(weir_bind_star(items->scope, &ast->column, ast->span, &exprs, &names, &count));
    for (uint32_t i = 0; i < count; i++) {
        struct weir_expr *copy = WEIR_ARENA_NEW(items->context->arena, struct weir_expr);
        *copy = *exprs[i];
        copy->line = ast->span.line;
        copy->column_position = ast->span.column;
        add_item(items, copy, names[i]);
    }
    return WEIR_OK;
}

static enum weir_error_code bind_row_star_item(struct items *items, const struct weir_sql_expr *ast)
{
    struct weir_expr *row;
    WEIR_TRY(weir_bind_expr(items->scope, ast->field.of, &row));
    if (row->type->id != WEIR_TYPE_ROW) {
        return weir_bind_error(items->context, WEIR_E_SQL_VALIDATION, ast->span,
            "'.*' asks for a ROW, but the expression is of type %s",
            weir_type_text(items->context->arena, row->type));
    }
    for (uint32_t i = 0; i < row->type->child_count; i++) {
        add_item(items, weir_expr_field(items->context->arena, row, i), row->type->field_names[i]);
    }
    return WEIR_OK;
}

static enum weir_error_code bind_list(struct items *items)
{
    items->scope->clause = "SELECT";
    for (uint32_t i = 0; i < items->ast->item_count; i++) {
        const struct weir_sql_select_item *item = &items->ast->items[i];
        if (item->expr->kind == WEIR_SQL_EXPR_STAR) {
            WEIR_TRY(bind_star_item(items, item->expr));
            continue;
        }
        if (item->expr->kind == WEIR_SQL_EXPR_FIELD && item->expr->field.star) {
            WEIR_TRY(bind_row_star_item(items, item->expr));
            continue;
        }
        struct weir_expr *expr;
        WEIR_TRY(weir_bind_expr(items->scope, item->expr, &expr));
        add_item(items, expr, item_name(items, item));
    }
    return WEIR_OK;
}

/* ------------------------------------------------------------------------------------------- HAVING, QUALIFY
 */

static enum weir_error_code bind_having(struct items *items)
{
    struct bind_context *context = items->context;
    items->first_having = items->count;
    if (!items->ast->having) return WEIR_OK;
    items->scope->clause = "HAVING";
    const struct weir_sql_expr **parts;
    uint32_t count = weir_bind_conjuncts(context, items->ast->having, &parts);
    for (uint32_t i = 0; i < count; i++) {
        bool negated;
        const struct weir_sql_expr *query;
        if (weir_bind_is_membership(parts[i], &negated, &query)) continue;
        struct weir_expr *expr;
        WEIR_TRY(weir_bind_boolean(items->scope, parts[i], "HAVING clause", &expr));
        add_expr(items, expr);
    }
    items->having_count = items->count - items->first_having;
    for (uint32_t i = 0; i < count; i++) {
        struct semi semi = { 0 };
        if (!weir_bind_is_membership(parts[i], &semi.negated, &semi.ast)) continue;
        struct weir_expr **operands;
        WEIR_TRY(weir_bind_semi_operands(items->scope, semi.ast, &operands, &semi.count));
        semi.first = items->count;
        for (uint32_t k = 0; k < semi.count; k++) add_expr(items, operands[k]);
        items->semis = weir_bind_grow(
            context, items->semis, items->semi_count, &items->semi_capacity, sizeof *items->semis);
        items->semis[items->semi_count++] = semi;
    }
    return WEIR_OK;
}

static const struct weir_sql_select_item *item_with_alias(const struct weir_sql_select *ast, const char *name)
{
    for (uint32_t i = 0; i < ast->item_count; i++) {
        if (ast->items[i].alias.text && strcmp(ast->items[i].alias.text, name) == 0) return &ast->items[i];
    }
    return NULL;
}

/* The SELECT list's aliases as columns of a scope behind the real ones: QUALIFY may use them. */
static void with_aliases(struct items *items, struct bind_scope *scope)
{
    struct bind_context *context = items->context;
    struct bind_column *columns =
        WEIR_ARENA_ARRAY(context->arena, struct bind_column, scope->column_count + items->list_count + 1);
    memcpy(columns, scope->columns, scope->column_count * sizeof *columns);
    uint32_t count = scope->column_count;
    for (uint32_t i = 0; i < items->list_count; i++) {
        bool taken = !item_with_alias(items->ast, items->names[i]);
        for (uint32_t k = 0; k < scope->column_count && !taken; k++) {
            taken = strcmp(scope->columns[k].name, items->names[i]) == 0;
        }
        if (!taken)
            columns[count++] = (struct bind_column){ items->names[i], UINT32_MAX, items->exprs[i], false };
    }
    scope->columns = columns;
    scope->column_count = count;
}

static enum weir_error_code bind_qualify(struct items *items)
{
    items->qualify = UINT32_MAX;
    if (!items->ast->qualify) return WEIR_OK;
    struct bind_scope scope = *items->scope;
    scope.clause = "QUALIFY";
    with_aliases(items, &scope);
    struct weir_expr *expr;
    WEIR_TRY(weir_bind_boolean(&scope, items->ast->qualify, "QUALIFY clause", &expr));
    if (items->scope->select->over_count == 0) {
        return weir_bind_error(items->context, WEIR_E_SQL_VALIDATION, items->ast->qualify->span,
            "QUALIFY expression must contain a window function");
    }
    items->scope->rel = scope.rel;
    items->qualify = add_expr(items, expr);
    return WEIR_OK;
}

/* --------------------------------------------------------------------------------------------------- ORDER
 * BY */

/* The item that an ORDER BY expression names by number or alias; UINT32_MAX: it is an expression. */
static enum weir_error_code ordered_item(struct items *items, const struct weir_sql_expr *ast, uint32_t *ret)
{
    *ret = UINT32_MAX;
    if (ast->kind == WEIR_SQL_EXPR_NUMBER && ast->number.kind == WEIR_SQL_NUMBER_INTEGER) {
        uint64_t number = 0;
        for (const char *at = ast->number.text; *at && number <= items->list_count; at++) {
            number = number * 10 + (uint64_t)(*at - '0');
        }
        if (number < 1 || number > items->list_count) {
            return weir_bind_error(items->context, WEIR_E_SQL_VALIDATION, ast->span, "Ordinal out of range");
        }
        *ret = (uint32_t)number - 1;
        return WEIR_OK;
    }
    if (ast->kind != WEIR_SQL_EXPR_COLUMN || ast->column.count != 1) return WEIR_OK;
    for (uint32_t i = 0; i < items->list_count; i++) {
        if (strcmp(items->names[i], ast->column.parts[0].text) == 0 &&
            item_with_alias(items->ast, items->names[i])) {
            *ret = i;
            return WEIR_OK;
        }
    }
    return WEIR_OK;
}

static enum weir_error_code bind_order(struct items *items, const struct weir_sql_order *order)
{
    struct bind_context *context = items->context;
    items->first_order = items->count;
    items->sort = WEIR_ARENA_ARRAY(context->arena, struct weir_sort_key, order->count + 1);
    items->sort_count = order->count;
    items->scope->clause = "ORDER BY";
    for (uint32_t i = 0; i < order->count; i++) {
        const struct weir_sql_order_item *item = &order->items[i];
        uint32_t column;
        WEIR_TRY(ordered_item(items, item->expr, &column));
        if (column == UINT32_MAX) {
            struct weir_expr *expr;
            WEIR_TRY(weir_bind_expr(items->scope, item->expr, &expr));
            for (uint32_t k = 0; k < items->list_count && column == UINT32_MAX; k++) {
                if (weir_expr_equal(items->exprs[k], expr)) column = k;
            }
            if (column == UINT32_MAX) {
                if (items->ast->quantifier == WEIR_SQL_QUANTIFIER_DISTINCT) {
                    return weir_bind_error(context, WEIR_E_SQL_VALIDATION, item->expr->span,
                        "Expression in the ORDER BY clause of SELECT DISTINCT must be in its SELECT list");
                }
                column = items->list_count + (add_expr(items, expr) - items->first_order);
            }
        }
        items->sort[i].column = column;
        items->sort[i].descending = item->descending;
        items->sort[i].nulls_first = item->null_order == WEIR_SQL_NULL_ORDER_UNSAID
                                         ? !item->descending
                                         : item->null_order == WEIR_SQL_NULL_ORDER_FIRST;
    }
    return WEIR_OK;
}

/* -------------------------------------------------------------------------------------------------------
 * nodes */

/* A correlated condition beside aggregates: inner = outer makes inner one more group key. */
static enum weir_error_code group_by_correlated(struct items *items)
{
    struct bind_context *context = items->context;
    struct bind_select *select = items->scope->select;
    for (uint32_t i = 0; i < items->correlated.count; i++) {
        struct weir_expr *condition = items->correlated.items[i];
        bool equal = condition->kind == WEIR_EXPR_CALL && strcmp(condition->function->name, "=") == 0;
        int inner = -1;
        for (int side = 0; equal && side < 2; side++) {
            const struct weir_expr *here = condition->arguments[side],
                                   *there = condition->arguments[1 - side];
            if (!weir_bind_uses(here, BIND_OUTER) && weir_bind_uses(there, BIND_OUTER)) inner = side;
        }
        if (inner < 0 || select->set_count || select->window) {
            return weir_bind_unsupported(context, items->span,
                "A correlated condition other than inner = outer in a sub-query with aggregates");
        }
        uint32_t capacity = select->key_capacity;
        select->keys =
            weir_bind_grow(context, select->keys, select->key_count, &capacity, sizeof *select->keys);
        select->key_names = weir_bind_grow(
            context, select->key_names, select->key_count, &select->key_capacity, sizeof *select->key_names);
        select->key_names[select->key_count] = NULL;
        select->keys[select->key_count++] = condition->arguments[inner];
    }
    return WEIR_OK;
}

static void name_aggregates(struct items *items)
{
    struct bind_select *select = items->scope->select;
    for (uint32_t i = 0; i < items->list_count; i++) {
        const struct weir_expr *expr = items->exprs[i];
        if (expr->kind != WEIR_EXPR_COLUMN || (expr->column & BIND_MASK) != BIND_AGGREGATE) {
            for (uint32_t k = 0; k < select->key_count; k++) {
                if (!select->key_names[k] && weir_expr_equal(select->keys[k], expr))
                    select->key_names[k] = items->names[i];
            }
            continue;
        }
        struct bind_aggregate *aggregate = select->aggregates[expr->column & ~(uint32_t)BIND_MASK];
        if (!aggregate->name) aggregate->name = items->names[i];
    }
}

static enum weir_error_code apply_having(struct items *items, struct weir_rel **rel)
{
    struct bind_context *context = items->context;
    if (items->having_count) {
        struct weir_expr *condition =
            weir_expr_and(context->arena, items->exprs + items->first_having, items->having_count);
        *rel = weir_bind_filter(context, *rel, condition, items->ast->having->span);
    }
    for (uint32_t i = 0; i < items->semi_count; i++) {
        const struct semi *semi = &items->semis[i];
        WEIR_TRY(weir_bind_semi(
            items->scope, semi->ast, semi->negated, items->exprs + semi->first, semi->count, rel));
    }
    return WEIR_OK;
}

struct columns {
    bool *used;
    uint32_t count;
};

static bool note_column(void *context, const struct weir_expr *expr)
{
    struct columns *columns = context;
    if (expr->kind == WEIR_EXPR_COLUMN && !(expr->column & BIND_MASK)) columns->used[expr->column] = true;
    return true;
}

struct renumber {
    const uint32_t *to;
};

static struct weir_expr *renumber_column(void *context, struct weir_arena *arena, struct weir_expr *expr)
{
    const struct renumber *renumber = context;
    if (expr->kind != WEIR_EXPR_COLUMN || expr->column & BIND_MASK) return expr;
    return weir_expr_column(arena, renumber->to[expr->column], expr->type);
}

/* The SELECT list, then what ORDER BY needs, then what correlated conditions need. */
static struct weir_rel *project(struct items *items, struct weir_rel *rel, struct bind_result *ret)
{
    struct bind_context *context = items->context;
    uint32_t hidden = items->count - items->first_order;
    uint32_t width = items->list_count + hidden + rel->field_count;
    struct weir_expr **exprs = WEIR_ARENA_ARRAY(context->arena, struct weir_expr *, width + 1);
    const char **names = WEIR_ARENA_ARRAY(context->arena, const char *, width + 1);
    uint32_t count = items->list_count;
    memcpy(exprs, items->exprs, count * sizeof *exprs);
    memcpy(names, items->names, count * sizeof *names);
    for (uint32_t i = 0; i < hidden; i++, count++) {
        exprs[count] = items->exprs[items->first_order + i];
        names[count] = "EXPR$";
    }
    if (items->correlated.count) {
        struct columns columns = { WEIR_ARENA_ARRAY(context->arena, bool, rel->field_count + 1),
            rel->field_count };
        uint32_t *to = WEIR_ARENA_ARRAY(context->arena, uint32_t, rel->field_count + 1);
        for (uint32_t i = 0; i < items->correlated.count; i++) {
            weir_expr_visit(items->correlated.items[i], note_column, &columns);
        }
        for (uint32_t i = 0; i < rel->field_count; i++) {
            if (!columns.used[i]) continue;
            to[i] = count;
            exprs[count] = weir_bind_column(context, rel, i);
            names[count++] = rel->fields[i].name;
        }
        struct renumber renumber = { to };
        for (uint32_t i = 0; i < items->correlated.count; i++) {
            items->correlated.items[i] =
                weir_expr_rewrite(context->arena, items->correlated.items[i], renumber_column, &renumber);
        }
    }
    weir_bind_unique_names(context, names, count);
    ret->visible_count = items->list_count;
    return weir_bind_project(context, rel, exprs, names, count, items->span);
}

static enum weir_error_code sort_and_limit(
    struct items *items, const struct weir_sql_query *query, bool top, struct weir_rel **rel)
{
    struct bind_context *context = items->context;
    int64_t offset, limit;
    WEIR_TRY(weir_bind_limit(context, query, &offset, &limit));
    bool limited = offset > 0 || limit >= 0;
    bool sorted = items->sort_count && (top || limited); /* elsewhere an order has no meaning */
    if (!limited && !sorted) return WEIR_OK;
    struct weir_rel *sort = weir_bind_rel1(
        context, WEIR_REL_SORT, *rel, query->order_by.count ? query->order_by.items[0].span : query->span);
    sort->sort.keys = items->sort;
    sort->sort.key_count = sorted ? items->sort_count : 0;
    sort->sort.offset = offset;
    sort->sort.limit = limit;
    *rel = sort;
    return WEIR_OK;
}

static void drop_hidden(struct items *items, struct weir_rel **rel)
{
    if (items->count == items->first_order) return;
    struct bind_context *context = items->context;
    uint32_t hidden = items->count - items->first_order, count = 0;
    struct weir_expr **exprs = WEIR_ARENA_ARRAY(context->arena, struct weir_expr *, (*rel)->field_count + 1);
    const char **names = WEIR_ARENA_ARRAY(context->arena, const char *, (*rel)->field_count + 1);
    for (uint32_t i = 0; i < (*rel)->field_count; i++) {
        if (i >= items->list_count && i < items->list_count + hidden) continue;
        exprs[count] = weir_bind_column(context, *rel, i);
        names[count++] = (*rel)->fields[i].name;
    }
    *rel = weir_bind_project(context, *rel, exprs, names, count, items->span);
}

/* ---------------------------------------------------------------------------------------------------- SELECT
 */

static struct weir_spec *hints_of(struct bind_context *context, const struct weir_sql_hints *hints)
{
    if (!hints->count) return NULL;
    struct weir_spec *map = weir_spec_map(context->arena);
    for (uint32_t i = 0; i < hints->count; i++) {
        const struct weir_sql_hint *hint = &hints->items[i];
        /* A hint that is repeated adds to what stands; the first one wins per key. */
        struct weir_spec *body = (struct weir_spec *)(uintptr_t)weir_spec_get(map, hint->name);
        if (!body) {
            body = weir_spec_map(context->arena);
            weir_spec_put(context->arena, map, hint->name, body);
        }
        for (uint32_t k = 0; k < hint->options.count; k++) {
            const struct weir_sql_option *option = &hint->options.items[k];
            if (weir_spec_get(body, option->key)) continue;
            weir_spec_put(context->arena, body, option->key, weir_spec_text(context->arena, option->value));
        }
        for (uint32_t k = 0; k < hint->argument_count; k++) {
            weir_spec_put(context->arena, body, hint->arguments[k], weir_spec_text(context->arena, ""));
        }
    }
    return map;
}

static bool is_aggregated(const struct weir_sql_query *query, const struct weir_sql_select *ast)
{
    if (ast->grouped || ast->having) return true;
    for (uint32_t i = 0; i < ast->item_count; i++) {
        if (weir_bind_has_aggregate(ast->items[i].expr)) return true;
    }
    for (uint32_t i = 0; i < query->order_by.count; i++) {
        if (weir_bind_has_aggregate(query->order_by.items[i].expr)) return true;
    }
    return ast->qualify && weir_bind_has_aggregate(ast->qualify);
}

static enum weir_error_code dummy_row(
    struct bind_context *context, struct bind_scope *scope, struct weir_sql_span span)
{
    struct weir_rel *rel = weir_bind_rel(context, WEIR_REL_VALUES, 0, span);
    struct weir_rel_field *field = WEIR_ARENA_NEW(context->arena, struct weir_rel_field);
    *field = (struct weir_rel_field){ "ZERO", &weir_type_int_not_null };
    struct weir_expr **row = WEIR_ARENA_NEW(context->arena, struct weir_expr *);
    row[0] = weir_expr_literal(context->arena, weir_value_int(context->arena, 0));
    struct weir_expr *const **rows = WEIR_ARENA_NEW(context->arena, struct weir_expr *const *);
    rows[0] = row;
    rel->fields = field;
    rel->field_count = 1;
    rel->values.rows = rows;
    rel->values.row_count = 1;
    weir_bind_scope_of(context, rel, NULL, NULL, scope);
    scope->column_count = 0;
    return WEIR_OK;
}

static enum weir_error_code bind_clauses(struct items *items, const struct weir_sql_query *query)
{
    const struct weir_sql_select *ast = items->ast;
    struct bind_scope *scope = items->scope;
    if (ast->where) WEIR_TRY(weir_bind_where(scope, ast->where, "WHERE", &items->correlated));
    struct bind_select *select = scope->select;
    scope->select = NULL; /* no aggregates in GROUP BY */
    struct bind_scope grouping = *scope;
    grouping.select = select;
    if (ast->grouped) WEIR_TRY(weir_bind_group_by(&grouping, ast));
    *scope = grouping;
    WEIR_TRY(bind_list(items));
    WEIR_TRY(bind_having(items));
    WEIR_TRY(bind_qualify(items));
    WEIR_TRY(bind_order(items, &query->order_by));
    return WEIR_OK;
}

static bool is_bare_count(const struct items *items)
{
    if (items->list_count != 1 || items->exprs[0]->kind != WEIR_EXPR_COLUMN) return false;
    if ((items->exprs[0]->column & BIND_MASK) != BIND_AGGREGATE) return false;
    uint32_t index = items->exprs[0]->column & ~(uint32_t)BIND_MASK;
    return strcmp(items->scope->select->aggregates[index]->function->name, "COUNT") == 0;
}

static enum weir_error_code check_outer(struct items *items)
{
    struct bind_context *context = items->context;
    const struct bind_select *select = items->scope->select;
    WEIR_TRY(weir_bind_no_outer(context, items->exprs, items->count, items->span));
    for (uint32_t i = 0; i < select->aggregate_count; i++) {
        struct bind_aggregate *aggregate = select->aggregates[i];
        WEIR_TRY(weir_bind_no_outer(context, aggregate->arguments, aggregate->argument_count, items->span));
        if (aggregate->filter) WEIR_TRY(weir_bind_no_outer(context, &aggregate->filter, 1, items->span));
    }
    for (uint32_t i = 0; i < select->over_count; i++) {
        struct bind_over *over = select->overs[i];
        WEIR_TRY(weir_bind_no_outer(context, over->partition, over->partition_count, items->span));
        WEIR_TRY(weir_bind_no_outer(context, over->order, over->order_count, items->span));
        if (!over->aggregate) continue;
        WEIR_TRY(weir_bind_no_outer(
            context, over->aggregate->arguments, over->aggregate->argument_count, items->span));
        if (over->aggregate->filter)
            WEIR_TRY(weir_bind_no_outer(context, &over->aggregate->filter, 1, items->span));
    }
    if (select->window_time) return weir_bind_no_outer(context, &select->window_time, 1, items->span);
    return WEIR_OK;
}

static enum weir_error_code make_nodes(
    struct items *items, const struct weir_sql_query *query, bool top, struct bind_result *ret)
{
    struct bind_context *context = items->context;
    struct bind_scope *scope = items->scope;
    struct bind_select *select = scope->select;
    struct weir_rel *rel = scope->rel;
    WEIR_TRY(check_outer(items));
    if (select->aggregated) {
        ret->single_row =
            select->key_count == 0 && !select->set_count && !select->window && !items->ast->having;
        ret->first_is_count = ret->single_row && is_bare_count(items);
        WEIR_TRY(group_by_correlated(items));
        name_aggregates(items);
        uint32_t own = items->count;
        for (uint32_t i = 0; i < items->correlated.count; i++) add_expr(items, items->correlated.items[i]);
        WEIR_TRY(weir_bind_make_aggregate(scope, items->exprs, items->count, &rel));
        items->count = own;
        memcpy(items->correlated.items, items->exprs + own, items->correlated.count * sizeof *items->exprs);
        WEIR_TRY(apply_having(items, &rel));
    }
    if (select->over_count) {
        WEIR_TRY(weir_bind_make_over(scope, rel, items->exprs, items->count, &rel));
    }
    if (items->qualify != UINT32_MAX) {
        rel = weir_bind_filter(context, rel, items->exprs[items->qualify], items->ast->qualify->span);
    }
    rel = project(items, rel, ret);
    if (items->ast->quantifier == WEIR_SQL_QUANTIFIER_DISTINCT) {
        if (items->correlated.count)
            ret->visible_count = items->list_count; /* hidden columns take part: same rows */
        rel = weir_bind_rel1(context, WEIR_REL_DISTINCT, rel, items->span);
    }
    if (items->correlated.count && (query->limit || query->offset)) {
        return weir_bind_unsupported(context, query->span, "LIMIT in a correlated sub-query");
    }
    WEIR_TRY(sort_and_limit(items, query, top, &rel));
    drop_hidden(items, &rel);
    ret->rel = rel;
    ret->conditions = items->correlated.items;
    ret->condition_count = items->correlated.count;
    return WEIR_OK;
}

enum weir_error_code weir_bind_select(struct bind_context *context, const struct weir_sql_query *query,
    struct bind_scope *outer, bool top, struct bind_result *ret)
{
    const struct weir_sql_select *ast = query->select;
    struct bind_scope scope;
    struct bind_select select = { .ast = ast };
    if (ast->stream) return weir_bind_unsupported(context, query->span, "SELECT STREAM");
    select.hints = hints_of(context, &ast->hints);
    if (ast->from) {
        WEIR_TRY(weir_bind_from(context, ast->from, select.hints, &scope));
    } else {
        WEIR_TRY(dummy_row(context, &scope, query->span));
    }
    scope.outer = outer;
    scope.select = &select;
    select.aggregated = is_aggregated(query, ast);
    struct items items = { .context = context,
        .scope = &scope,
        .ast = ast,
        .span = query->span,
        .different = { .context = context } };
    WEIR_TRY(bind_clauses(&items, query));
    return make_nodes(&items, query, top, ret);
}
