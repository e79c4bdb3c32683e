/* WHERE and HAVING with their sub-queries: IN and EXISTS become semi and anti joins, scalar ones left joins.
 */
#include "expr/function.h"
#include "sql/bind.h"

#include <string.h>

static enum weir_error_code check_place(struct bind_scope *scope, struct weir_sql_span span)
{
    if (!scope->no_subqueries && scope->rel) return WEIR_OK;
    return weir_bind_unsupported(scope->context, span,
        weir_arena_format(
            scope->context->arena, "A sub-query in %s", scope->clause[0] ? scope->clause : "this place"));
}

/* ---------------------------------------------------------------------------------------------------
 * conditions */

struct outer {
    const struct weir_rel *left;
    uint32_t by;
};

/* Over the join's row: inner columns move behind the outer ones. */
static struct weir_expr *over_join(void *context, struct weir_arena *arena, struct weir_expr *expr)
{
    const struct outer *outer = context;
    if (expr->kind != WEIR_EXPR_COLUMN) return expr;
    if ((expr->column & BIND_MASK) == BIND_OUTER) {
        return weir_expr_column(arena, expr->column & ~(uint32_t)BIND_MASK, expr->type);
    }
    return weir_expr_column(arena, expr->column + outer->by, expr->type);
}

static void add_correlated(struct bind_context *context, struct weir_rel *left,
    const struct bind_result *query, struct weir_expr **parts, uint32_t *count)
{
    struct outer outer = { left, left->field_count };
    for (uint32_t i = 0; i < query->condition_count; i++) {
        parts[(*count)++] = weir_expr_rewrite(context->arena, query->conditions[i], over_join, &outer);
    }
}

static struct weir_expr *join_condition(
    struct bind_context *context, struct weir_expr **parts, uint32_t count)
{
    return count ? weir_expr_and(context->arena, parts, count) : NULL;
}

/* ------------------------------------------------------------------------------------------------ IN and
 * EXISTS */

bool weir_bind_is_membership(const struct weir_sql_expr *ast, bool *negated, const struct weir_sql_expr **ret)
{
    *negated = false;
    while (ast->kind == WEIR_SQL_EXPR_UNARY && ast->unary.op == WEIR_SQL_OPERATOR_NOT) {
        *negated = !*negated;
        ast = ast->unary.of;
    }
    *ret = ast;
    if (ast->kind == WEIR_SQL_EXPR_EXISTS) return true;
    if (ast->kind != WEIR_SQL_EXPR_IN_QUERY) return false;
    *negated ^= ast->in.negated;
    return true;
}

enum weir_error_code weir_bind_semi_operands(
    struct bind_scope *scope, const struct weir_sql_expr *ast, struct weir_expr ***ret, uint32_t *ret_count)
{
    *ret = NULL;
    *ret_count = 0;
    if (ast->kind == WEIR_SQL_EXPR_EXISTS) return WEIR_OK;
    const struct weir_sql_expr *of = ast->in.of;
    const struct weir_sql_expr *const *items = of->kind == WEIR_SQL_EXPR_ROW ? of->items.items : &of;
    uint32_t count = of->kind == WEIR_SQL_EXPR_ROW ? of->items.count : 1;
    *ret = WEIR_ARENA_ARRAY(scope->context->arena, struct weir_expr *, count + 1);
    for (uint32_t i = 0; i < count; i++) WEIR_TRY(weir_bind_expr(scope, items[i], &(*ret)[i]));
    *ret_count = count;
    return weir_bind_no_outer(scope->context, *ret, count, ast->span);
}

/* left = right, or for NOT IN "not known to be different". */
static enum weir_error_code match_column(struct bind_context *context, struct weir_expr *left,
    struct weir_expr *right, bool null_aware, struct weir_sql_span span, struct weir_expr **ret)
{
    WEIR_TRY(weir_bind_compare(context, WEIR_SQL_OPERATOR_EQUAL, left, right, span, ret));
    if (!null_aware) return WEIR_OK;
    struct weir_expr *parts[3] = { *ret };
    uint32_t count = 1;
    if (left->type->nullable) WEIR_TRY(weir_bind_apply(context, "IS NULL", &left, 1, span, &parts[count++]));
    if (right->type->nullable)
        WEIR_TRY(weir_bind_apply(context, "IS NULL", &right, 1, span, &parts[count++]));
    *ret = weir_expr_or(context->arena, parts, count);
    return WEIR_OK;
}

static enum weir_error_code column_count(
    struct bind_context *context, const struct weir_sql_expr *ast, uint32_t given, uint32_t wanted)
{
    if (given == wanted) return WEIR_OK;
    return weir_bind_error(context, WEIR_E_SQL_VALIDATION, ast->span,
        "Values passed to IN operator must have compatible types: %u on the left, %u columns in the "
        "sub-query",
        wanted, given);
}

enum weir_error_code weir_bind_semi(struct bind_scope *scope, const struct weir_sql_expr *ast, bool negated,
    struct weir_expr *const *left, uint32_t left_count, struct weir_rel **rel)
{
    struct bind_context *context = scope->context;
    struct bind_result query;
    bool exists = ast->kind == WEIR_SQL_EXPR_EXISTS;
    WEIR_TRY(weir_bind_query(context, exists ? ast->query : ast->in.query, scope, false, &query));
    if (!exists) WEIR_TRY(column_count(context, ast, query.visible_count, left_count));
    if (query.condition_count && *rel != scope->rel && scope->select && scope->select->aggregated) {
        return weir_bind_unsupported(context, ast->span, "A correlated sub-query in HAVING");
    }
    struct weir_expr **parts =
        WEIR_ARENA_ARRAY(context->arena, struct weir_expr *, left_count + query.condition_count + 1);
    uint32_t count = 0;
    for (uint32_t i = 0; i < left_count; i++) {
        struct weir_expr *right =
            weir_bind_shift(context, weir_bind_column(context, query.rel, i), (*rel)->field_count);
        WEIR_TRY(match_column(context, left[i], right, negated, ast->span, &parts[count++]));
    }
    add_correlated(context, *rel, &query, parts, &count);
    *rel = weir_bind_join(context, negated ? WEIR_JOIN_ANTI : WEIR_JOIN_SEMI, *rel, query.rel,
        join_condition(context, parts, count), ast->span);
    return WEIR_OK;
}

static void add_condition(struct bind_context *context, struct bind_conditions *to, struct weir_expr *expr)
{
    to->items = weir_bind_grow(context, to->items, to->count, &to->capacity, sizeof *to->items);
    to->items[to->count++] = expr;
}

enum weir_error_code weir_bind_where(struct bind_scope *scope, const struct weir_sql_expr *ast,
    const char *clause, struct bind_conditions *correlated)
{
    struct bind_context *context = scope->context;
    const struct weir_sql_expr **parts;
    uint32_t count = weir_bind_conjuncts(context, ast, &parts);
    struct bind_conditions filters = { 0 };
    struct bind_select *select = scope->select;
    scope->select = NULL;
    scope->clause = clause;
    const char *what = weir_arena_format(context->arena, "%s clause", clause);
    for (uint32_t i = 0; i < count; i++) {
        bool negated;
        const struct weir_sql_expr *query;
        struct weir_expr *expr;
        if (weir_bind_is_membership(parts[i], &negated, &query)) continue;
        WEIR_TRY(weir_bind_boolean(scope, parts[i], what, &expr));
        add_condition(context, weir_bind_uses(expr, BIND_OUTER) ? correlated : &filters, expr);
    }
    if (filters.count) {
        struct weir_expr *condition = weir_expr_and(context->arena, filters.items, filters.count);
        scope->rel = weir_bind_filter(context, scope->rel, condition, ast->span);
    }
    for (uint32_t i = 0; i < count; i++) {
        bool negated;
        const struct weir_sql_expr *query;
        struct weir_expr **left;
        uint32_t left_count;
        if (!weir_bind_is_membership(parts[i], &negated, &query)) continue;
        WEIR_TRY(check_place(scope, query->span));
        WEIR_TRY(weir_bind_semi_operands(scope, query, &left, &left_count));
        WEIR_TRY(weir_bind_semi(scope, query, negated, left, left_count, &scope->rel));
    }
    scope->select = select;
    return WEIR_OK;
}

/* -----------------------------------------------------------------------------------------------------
 * aggregates */

static enum weir_error_code aggregate_call(struct bind_context *context, const char *name,
    const struct weir_rel *rel, int32_t column, struct weir_sql_span span, struct weir_aggregate_call *ret)
{
    const struct weir_aggregate_function *function = weir_aggregate_function_find(name);
    const struct weir_type *given[1], *wanted[1];
    uint32_t count = column < 0 ? 0 : 1;
    if (count) given[0] = wanted[0] = rel->fields[column].type;
    *ret = (struct weir_aggregate_call){ .function = function, .argument_count = count, .filter = -1 };
    if (count) ret->arguments[0] = (uint32_t)column;
    if (function->infer(context->arena, given, count, false, &ret->type, wanted, context->error))
        return WEIR_OK;
    return weir_bind_error(context, WEIR_E_SQL_VALIDATION, span, "%s cannot be taken of %s", name,
        count ? weir_type_text(context->arena, given[0]) : "rows");
}

static struct weir_rel *global_aggregate(struct bind_context *context, struct weir_rel *input,
    const struct weir_aggregate_call *calls, uint32_t call_count, struct weir_sql_span span)
{
    struct weir_rel *rel = weir_bind_rel1(context, WEIR_REL_AGGREGATE, input, span);
    struct weir_rel_field *fields = WEIR_ARENA_ARRAY(context->arena, struct weir_rel_field, call_count);
    for (uint32_t i = 0; i < call_count; i++) {
        fields[i] = (struct weir_rel_field){ weir_arena_format(context->arena, "$f%u", i), calls[i].type };
    }
    rel->fields = fields;
    rel->field_count = call_count;
    rel->aggregate.calls = calls;
    rel->aggregate.call_count = call_count;
    return rel;
}

/* At most one row: SINGLE_VALUE fails on more. */
static enum weir_error_code single_value(
    struct bind_context *context, struct weir_rel **rel, struct weir_sql_span span)
{
    struct weir_aggregate_call *call = WEIR_ARENA_NEW(context->arena, struct weir_aggregate_call);
    WEIR_TRY(aggregate_call(context, "SINGLE_VALUE", *rel, 0, span, call));
    *rel = global_aggregate(context, *rel, call, 1, span);
    return WEIR_OK;
}

/* --------------------------------------------------------------------------------------------- scalar
 * sub-queries */

static struct weir_expr *late_column(struct bind_scope *scope, struct weir_rel *rel)
{
    struct bind_select *select = scope->select;
    const struct weir_type *type = weir_type_nullable(scope->context->arena, rel->fields[0].type, true);
    select->lates = weir_bind_grow(
        scope->context, select->lates, select->late_count, &select->late_capacity, sizeof *select->lates);
    select->lates[select->late_count] = (struct bind_late){ rel, type };
    return weir_expr_column(scope->context->arena, BIND_LATE | select->late_count++, type);
}

static bool is_late(const struct bind_scope *scope)
{
    return scope->select && scope->select->aggregated && !scope->in_aggregate;
}

static bool uses_inner(void *context, const struct weir_expr *expr)
{
    bool *found = context;
    *found = *found || (expr->kind == WEIR_EXPR_COLUMN && !(expr->column & BIND_MASK));
    return !*found;
}

/* inner = outer, either way round: *inner has no outer column, *outer no inner one. */
static bool split_equality(
    const struct weir_expr *condition, struct weir_expr **inner, struct weir_expr **outer)
{
    if (condition->kind != WEIR_EXPR_CALL || strcmp(condition->function->name, "=") != 0) return false;
    for (int side = 0; side < 2; side++) {
        bool mixed = false;
        *inner = condition->arguments[side];
        *outer = condition->arguments[1 - side];
        weir_expr_visit(*outer, uses_inner, &mixed);
        if (!mixed && !weir_bind_uses(*inner, BIND_OUTER) && weir_bind_uses(*outer, BIND_OUTER)) return true;
    }
    return false;
}

/* Without an aggregate of its own: at most one row for each value of what is compared with the outer query.
 */
static enum weir_error_code single_value_by_key(
    struct bind_context *context, struct bind_result *query, struct weir_sql_span span)
{
    uint32_t count = query->condition_count;
    struct weir_expr **exprs = WEIR_ARENA_ARRAY(context->arena, struct weir_expr *, count + 1);
    struct weir_expr **outer = WEIR_ARENA_ARRAY(context->arena, struct weir_expr *, count + 1);
    const char **names = WEIR_ARENA_ARRAY(context->arena, const char *, count + 1);
    uint32_t *keys = WEIR_ARENA_ARRAY(context->arena, uint32_t, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        if (!split_equality(query->conditions[i], &exprs[i], &outer[i])) {
            return weir_bind_unsupported(
                context, span, "A correlated condition other than inner = outer in a scalar sub-query");
        }
        keys[i] = i;
        names[i] = weir_arena_format(context->arena, "$f%u", i);
    }
    exprs[count] = weir_bind_column(context, query->rel, 0);
    names[count] = query->rel->fields[0].name;
    struct weir_rel *input = weir_bind_project(context, query->rel, exprs, names, count + 1, span);
    struct weir_aggregate_call *call = WEIR_ARENA_NEW(context->arena, struct weir_aggregate_call);
    WEIR_TRY(aggregate_call(context, "SINGLE_VALUE", input, (int32_t)count, span, call));
    struct weir_rel *rel = weir_bind_rel1(context, WEIR_REL_AGGREGATE, input, span);
    rel->aggregate.keys = keys;
    rel->aggregate.key_count = count;
    rel->aggregate.calls = call;
    rel->aggregate.call_count = 1;
    struct weir_rel_field *fields = WEIR_ARENA_ARRAY(context->arena, struct weir_rel_field, count + 1);
    memcpy(fields, input->fields, count * sizeof *fields);
    fields[count] = (struct weir_rel_field){ names[count], call->type };
    rel->fields = fields;
    /* The value first, as with every scalar sub-query. */
    struct weir_expr **columns = WEIR_ARENA_ARRAY(context->arena, struct weir_expr *, count + 1);
    const char **column_names = WEIR_ARENA_ARRAY(context->arena, const char *, count + 1);
    columns[0] = weir_bind_column(context, rel, count);
    column_names[0] = names[count];
    for (uint32_t i = 0; i < count; i++) {
        columns[i + 1] = weir_bind_column(context, rel, i);
        column_names[i + 1] = names[i];
    }
    query->rel = weir_bind_project(context, rel, columns, column_names, count + 1, span);
    for (uint32_t i = 0; i < count; i++) {
        struct weir_expr *key = weir_bind_column(context, query->rel, i + 1);
        WEIR_TRY(
            weir_bind_compare(context, WEIR_SQL_OPERATOR_EQUAL, key, outer[i], span, &query->conditions[i]));
    }
    return WEIR_OK;
}

static enum weir_error_code correlated_scalar(struct bind_scope *scope, const struct weir_sql_expr *ast,
    struct bind_result *query, struct weir_expr **ret)
{
    struct bind_context *context = scope->context;
    if (is_late(scope)) {
        return weir_bind_unsupported(context, ast->span, "A correlated scalar sub-query beside aggregates");
    }
    if (!query->single_row) WEIR_TRY(single_value_by_key(context, query, ast->span));
    struct weir_expr **parts =
        WEIR_ARENA_ARRAY(context->arena, struct weir_expr *, query->condition_count + 1);
    uint32_t count = 0, column = scope->rel->field_count;
    add_correlated(context, scope->rel, query, parts, &count);
    scope->rel = weir_bind_join(
        context, WEIR_JOIN_LEFT, scope->rel, query->rel, join_condition(context, parts, count), ast->span);
    *ret = weir_bind_column(context, scope->rel, column);
    if (!query->first_is_count) return WEIR_OK;
    struct weir_expr *zero[2] = { *ret,
        weir_expr_literal(context->arena, weir_value_bigint(context->arena, 0)) };
    return weir_bind_apply(context, "COALESCE", zero, 2, ast->span, ret);
}

enum weir_error_code weir_bind_scalar_query(
    struct bind_scope *scope, const struct weir_sql_expr *ast, struct weir_expr **ret)
{
    struct bind_context *context = scope->context;
    WEIR_TRY(check_place(scope, ast->span));
    struct bind_result query;
    WEIR_TRY(weir_bind_query(context, ast->query, scope, false, &query));
    if (query.visible_count != 1) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, ast->span,
            "Cannot apply '$SCALAR_QUERY': a sub-query that stands for a value needs one column, it has %u",
            query.visible_count);
    }
    if (query.condition_count) return correlated_scalar(scope, ast, &query, ret);
    if (!query.single_row) WEIR_TRY(single_value(context, &query.rel, ast->span));
    if (is_late(scope)) {
        *ret = late_column(scope, query.rel);
        return WEIR_OK;
    }
    uint32_t column = scope->rel->field_count;
    scope->rel = weir_bind_join(context, WEIR_JOIN_LEFT, scope->rel, query.rel, NULL, ast->span);
    *ret = weir_bind_column(context, scope->rel, column);
    return WEIR_OK;
}

/* ------------------------------------------------------------------- IN and EXISTS as values (under OR, in
 * CASE) */

/* EXISTS: the number of rows is not zero. */
static enum weir_error_code exists_value(
    struct bind_scope *scope, const struct weir_sql_expr *ast, struct weir_rel *rel, struct weir_expr **ret)
{
    struct bind_context *context = scope->context;
    struct weir_aggregate_call *call = WEIR_ARENA_NEW(context->arena, struct weir_aggregate_call);
    WEIR_TRY(aggregate_call(context, "COUNT", rel, -1, ast->span, call));
    uint32_t column = scope->rel->field_count;
    scope->rel = weir_bind_join(context, WEIR_JOIN_LEFT, scope->rel,
        global_aggregate(context, rel, call, 1, ast->span), NULL, ast->span);
    struct weir_expr *sides[2] = { weir_bind_column(context, scope->rel, column),
        weir_expr_literal(context->arena, weir_value_bigint(context->arena, 0)) };
    WEIR_TRY(weir_bind_apply(context, ">", sides, 2, ast->span, ret));
    return weir_bind_apply(context, "IS TRUE", ret, 1, ast->span, ret);
}

/*
 * x IN (query): joined with the distinct values, each marked, and with the counts of rows and of values.
 *   no rows -> FALSE; x is NULL -> unknown; marked -> TRUE; a NULL among the values -> unknown; else FALSE
 */
static enum weir_error_code in_value(struct bind_scope *scope, const struct weir_sql_expr *ast,
    struct weir_expr *of, struct weir_rel *rel, struct weir_expr **ret)
{
    struct bind_context *context = scope->context;
    struct weir_arena *arena = context->arena;
    struct weir_aggregate_call *calls = WEIR_ARENA_ARRAY(arena, struct weir_aggregate_call, 2);
    WEIR_TRY(aggregate_call(context, "COUNT", rel, -1, ast->span, &calls[0]));
    WEIR_TRY(aggregate_call(context, "COUNT", rel, 0, ast->span, &calls[1]));
    uint32_t counts = scope->rel->field_count;
    scope->rel = weir_bind_join(context, WEIR_JOIN_LEFT, scope->rel,
        global_aggregate(context, rel, calls, 2, ast->span), NULL, ast->span);
    struct weir_expr *marked[2] = { weir_bind_column(context, rel, 0),
        weir_expr_literal(arena, weir_value_boolean(arena, true)) };
    const char *names[2] = { rel->fields[0].name, "$mark" };
    struct weir_rel *values = weir_bind_rel1(
        context, WEIR_REL_DISTINCT, weir_bind_project(context, rel, marked, names, 2, ast->span), ast->span);
    uint32_t value = scope->rel->field_count;
    struct weir_expr *condition;
    WEIR_TRY(weir_bind_compare(context, WEIR_SQL_OPERATOR_EQUAL, of,
        weir_expr_column(arena, value, values->fields[0].type), ast->span, &condition));
    scope->rel = weir_bind_join(context, WEIR_JOIN_LEFT, scope->rel, values, condition, ast->span);
    struct weir_expr *rows = weir_bind_column(context, scope->rel, counts);
    struct weir_expr *known = weir_bind_column(context, scope->rel, counts + 1);
    struct weir_expr *mark = weir_bind_column(context, scope->rel, value + 1);
    struct weir_expr *zero[2] = { rows, weir_expr_literal(arena, weir_value_bigint(arena, 0)) };
    struct weir_expr *fewer[2] = { known, rows }, *pairs[8], *some;
    struct weir_expr *no = weir_expr_literal(arena, weir_value_boolean(arena, false));
    struct weir_expr *unknown = weir_expr_null(arena, weir_type_of(WEIR_TYPE_BOOLEAN));
    WEIR_TRY(weir_bind_apply(context, ">", zero, 2, ast->span, &some));
    WEIR_TRY(weir_bind_apply(context, "IS NOT TRUE", &some, 1, ast->span, &pairs[0]));
    WEIR_TRY(weir_bind_apply(context, "IS NULL", &of, 1, ast->span, &pairs[2]));
    WEIR_TRY(weir_bind_apply(context, "IS NOT NULL", &mark, 1, ast->span, &pairs[4]));
    WEIR_TRY(weir_bind_apply(context, "<", fewer, 2, ast->span, &pairs[6]));
    pairs[1] = no;
    pairs[3] = unknown;
    pairs[5] = marked[1];
    pairs[7] = unknown;
    return weir_bind_at(context, weir_expr_case(arena, pairs, 4, no, ret, context->error), ast->span);
}

enum weir_error_code weir_bind_membership(
    struct bind_scope *scope, const struct weir_sql_expr *ast, struct weir_expr **ret)
{
    struct bind_context *context = scope->context;
    WEIR_TRY(check_place(scope, ast->span));
    bool exists = ast->kind == WEIR_SQL_EXPR_EXISTS;
    if (is_late(scope)) {
        return weir_bind_unsupported(context, ast->span, "IN or EXISTS as a value beside aggregates");
    }
    struct bind_result query;
    WEIR_TRY(weir_bind_query(context, exists ? ast->query : ast->in.query, scope, false, &query));
    if (query.condition_count) {
        return weir_bind_unsupported(
            context, ast->span, "A correlated IN or EXISTS that is no condition of its own");
    }
    if (exists) return exists_value(scope, ast, query.rel, ret);
    if (ast->in.of->kind == WEIR_SQL_EXPR_ROW) {
        return weir_bind_unsupported(
            context, ast->span, "IN of several columns that is no condition of its own");
    }
    WEIR_TRY(column_count(context, ast, query.visible_count, 1));
    struct weir_expr *of;
    WEIR_TRY(weir_bind_expr(scope, ast->in.of, &of));
    WEIR_TRY(weir_bind_no_outer(context, &of, 1, ast->in.of->span));
    WEIR_TRY(in_value(scope, ast, of, query.rel, ret));
    if (ast->in.negated) *ret = weir_expr_not(context->arena, *ret);
    return WEIR_OK;
}
