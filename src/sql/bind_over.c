/* Window functions: f(...) OVER (...), and the nodes that compute them. */
#include "sql/bind.h"

#include <string.h>

static const struct weir_sql_window *named_window(const struct bind_select *select, const char *name)
{
    for (uint32_t i = 0; i < select->ast->window_count; i++) {
        if (strcmp(select->ast->windows[i].name.text, name) == 0) return &select->ast->windows[i];
    }
    return NULL;
}

static enum weir_error_code resolve_window(
    struct bind_scope *scope, const struct weir_sql_window *over, struct weir_sql_window *ret)
{
    const struct weir_sql_name *name = over->reference_only ? &over->name : &over->base;
    *ret = *over;
    if (!name->text) return WEIR_OK;
    const struct weir_sql_window *base = named_window(scope->select, name->text);
    if (!base) {
        return weir_bind_error(
            scope->context, WEIR_E_SQL_VALIDATION, name->span, "Window '%s' not found", name->text);
    }
    struct weir_sql_window merged = *base;
    if (!over->reference_only) {
        if (over->order_by.count) merged.order_by = over->order_by;
        if (over->frame != WEIR_SQL_FRAME_NONE) {
            merged.frame = over->frame;
            merged.frame_from = over->frame_from;
            merged.frame_to = over->frame_to;
            merged.from = over->from;
            merged.to = over->to;
        }
    }
    *ret = merged;
    return WEIR_OK;
}

static enum weir_error_code bind_frame(
    struct bind_scope *scope, const struct weir_sql_window *window, struct bind_over *over)
{
    struct bind_context *context = scope->context;
    over->unbounded_preceding = true;
    if (window->frame == WEIR_SQL_FRAME_NONE) return WEIR_OK;
    over->rows = window->frame == WEIR_SQL_FRAME_ROWS;
    if (window->frame_to != WEIR_SQL_FRAME_CURRENT_ROW) {
        return weir_bind_unsupported(
            context, window->span, "An OVER window that does not end at the CURRENT ROW");
    }
    switch (window->frame_from) {
    case WEIR_SQL_FRAME_UNBOUNDED_PRECEDING: return WEIR_OK;
    case WEIR_SQL_FRAME_CURRENT_ROW: over->unbounded_preceding = false; return WEIR_OK;
    case WEIR_SQL_FRAME_PRECEDING: break;
    default:
        return weir_bind_unsupported(
            context, window->span, "An OVER window that starts behind the CURRENT ROW");
    }
    over->unbounded_preceding = false;
    struct weir_expr *bound;
    WEIR_TRY(weir_bind_expr(scope, window->from, &bound));
    bool fits =
        over->rows ? weir_type_is_integer(bound->type) : bound->type->id == WEIR_TYPE_INTERVAL_DAY_TIME;
    if (!fits || !weir_bind_literal_i64(bound, &over->preceding) || over->preceding < 0) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, window->from->span,
            "PRECEDING of %s needs a constant %s that is not negative", over->rows ? "ROWS" : "RANGE",
            over->rows ? "number of rows" : "interval of days and time");
    }
    return WEIR_OK;
}

static enum weir_error_code bind_window(
    struct bind_scope *scope, const struct weir_sql_window *window, struct bind_over *over)
{
    struct weir_arena *arena = scope->context->arena;
    over->partition_count = window->partition_by.count;
    over->partition = WEIR_ARENA_ARRAY(arena, struct weir_expr *, over->partition_count + 1);
    for (uint32_t i = 0; i < over->partition_count; i++) {
        WEIR_TRY(weir_bind_expr(scope, window->partition_by.items[i], &over->partition[i]));
    }
    over->order_count = window->order_by.count;
    over->order = WEIR_ARENA_ARRAY(arena, struct weir_expr *, over->order_count + 1);
    over->descending = WEIR_ARENA_ARRAY(arena, bool, over->order_count + 1);
    over->nulls_first = WEIR_ARENA_ARRAY(arena, bool, over->order_count + 1);
    for (uint32_t i = 0; i < over->order_count; i++) {
        const struct weir_sql_order_item *item = &window->order_by.items[i];
        WEIR_TRY(weir_bind_expr(scope, item->expr, &over->order[i]));
        over->descending[i] = item->descending;
        over->nulls_first[i] = item->null_order == WEIR_SQL_NULL_ORDER_UNSAID
                                   ? !item->descending
                                   : item->null_order == WEIR_SQL_NULL_ORDER_FIRST;
    }
    return bind_frame(scope, window, over);
}

static enum weir_error_code bind_function(
    struct bind_scope *scope, const struct weir_sql_expr *ast, struct bind_over *over)
{
    static const char *const ranking[] = { "ROW_NUMBER", "RANK", "DENSE_RANK" };
    static const char *const later[] = { "NTILE", "CUME_DIST", "PERCENT_RANK", "LAG", "LEAD" };
    struct bind_context *context = scope->context;
    const char *name = ast->call->name.parts[ast->call->name.count - 1].text;
    for (uint32_t i = 0; i < WEIR_ARRAY_COUNT(ranking); i++) {
        if (!weir_bind_same_word(name, ranking[i])) continue;
        if (ast->call->arguments.count) {
            return weir_bind_error(
                context, WEIR_E_SQL_VALIDATION, ast->span, "%s takes no arguments", ranking[i]);
        }
        if (over->order_count == 0 && i > 0) {
            return weir_bind_error(context, WEIR_E_SQL_VALIDATION, ast->span,
                "RANK or DENSE_RANK functions require ORDER BY clause in window specification");
        }
        over->function = ranking[i];
        over->type = &weir_type_bigint_not_null;
        return WEIR_OK;
    }
    for (uint32_t i = 0; i < WEIR_ARRAY_COUNT(later); i++) {
        if (weir_bind_same_word(name, later[i])) {
            return weir_bind_unsupported(
                context, ast->span, weir_arena_format(context->arena, "%s OVER", later[i]));
        }
    }
    if (ast->call->name.count != 1 || !weir_aggregate_function_find(name)) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, ast->span,
            "OVER must be applied to an aggregate or window function, %s is none", name);
    }
    WEIR_TRY(weir_bind_aggregate_call(scope, ast, &over->aggregate));
    over->function = over->aggregate->function->name;
    over->type = over->aggregate->type;
    return WEIR_OK;
}

enum weir_error_code weir_bind_over(
    struct bind_scope *scope, const struct weir_sql_expr *ast, struct weir_expr **ret)
{
    struct bind_context *context = scope->context;
    struct bind_select *select = scope->select;
    if (!select || scope->in_over) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, ast->span,
            select ? "Window functions cannot be nested"
                   : "A window function can only stand in a SELECT list, ORDER BY or QUALIFY");
    }
    struct weir_sql_window window;
    WEIR_TRY(resolve_window(scope, ast->call->over, &window));
    struct bind_over *over = WEIR_ARENA_NEW(context->arena, struct bind_over);
    over->line = ast->span.line;
    over->column = ast->span.column;
    scope->in_over = true;
    enum weir_error_code code = bind_window(scope, &window, over);
    if (!code) code = bind_function(scope, ast, over);
    scope->in_over = false;
    if (code) return code;
    select->overs = weir_bind_grow(
        context, select->overs, select->over_count, &select->over_capacity, sizeof *select->overs);
    select->overs[select->over_count] = over;
    *ret = weir_expr_column(context->arena, BIND_OVER | select->over_count++, over->type);
    return WEIR_OK;
}

/* --------------------------------------------------------------------------------------------------- nodes
 */

static bool same_list(struct weir_expr *const *a, struct weir_expr *const *b, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!weir_expr_equal(a[i], b[i])) return false;
    }
    return true;
}

static bool same_window(const struct bind_over *a, const struct bind_over *b)
{
    return a->partition_count == b->partition_count && a->order_count == b->order_count &&
           same_list(a->partition, b->partition, a->partition_count) &&
           same_list(a->order, b->order, a->order_count) &&
           memcmp(a->descending, b->descending, a->order_count * sizeof(bool)) == 0 &&
           memcmp(a->nulls_first, b->nulls_first, a->order_count * sizeof(bool)) == 0;
}

/* The input's columns and behind them what is computed for the window. */
struct inputs {
    struct bind_context *context;
    struct weir_rel *rel;
    struct weir_expr **exprs;
    const char **names;
    uint32_t count, capacity;
};

static void inputs_start(struct inputs *inputs, struct bind_context *context, struct weir_rel *rel)
{
    memset(inputs, 0, sizeof *inputs);
    inputs->context = context;
    inputs->rel = rel;
    inputs->capacity = inputs->count = rel->field_count;
    inputs->exprs = WEIR_ARENA_ARRAY(context->arena, struct weir_expr *, rel->field_count + 1);
    inputs->names = WEIR_ARENA_ARRAY(context->arena, const char *, rel->field_count + 1);
    for (uint32_t i = 0; i < rel->field_count; i++) {
        inputs->exprs[i] = weir_bind_column(context, rel, i);
        inputs->names[i] = rel->fields[i].name;
    }
}

static uint32_t inputs_add(struct inputs *inputs, struct weir_expr *expr)
{
    if (expr->kind == WEIR_EXPR_COLUMN) return expr->column;
    for (uint32_t i = inputs->rel->field_count; i < inputs->count; i++) {
        if (weir_expr_equal(inputs->exprs[i], expr)) return i;
    }
    uint32_t capacity = inputs->capacity;
    inputs->exprs =
        weir_bind_grow(inputs->context, inputs->exprs, inputs->count, &capacity, sizeof *inputs->exprs);
    inputs->names = weir_bind_grow(
        inputs->context, inputs->names, inputs->count, &inputs->capacity, sizeof *inputs->names);
    inputs->exprs[inputs->count] = expr;
    inputs->names[inputs->count] = weir_arena_format(inputs->context->arena, "$%u", inputs->count);
    return inputs->count++;
}

static struct weir_rel *over_node(struct bind_context *context, struct weir_rel *input,
    struct bind_over **group, uint32_t group_count, struct weir_sql_span span)
{
    struct inputs inputs;
    inputs_start(&inputs, context, input);
    const struct bind_over *first = group[0];
    uint32_t *partition = WEIR_ARENA_ARRAY(context->arena, uint32_t, first->partition_count + 1);
    struct weir_sort_key *order =
        WEIR_ARENA_ARRAY(context->arena, struct weir_sort_key, first->order_count + 1);
    struct weir_over_call *calls = WEIR_ARENA_ARRAY(context->arena, struct weir_over_call, group_count);
    uint32_t partition_count = 0; /* a set: what is named twice is one key */
    for (uint32_t i = 0; i < first->partition_count; i++) {
        uint32_t column = inputs_add(&inputs, first->partition[i]), known = 0;
        while (known < partition_count && partition[known] != column) known++;
        if (known == partition_count) partition[partition_count++] = column;
    }
    for (uint32_t i = 0; i < first->order_count; i++) {
        order[i] = (struct weir_sort_key){ inputs_add(&inputs, first->order[i]), first->descending[i],
            first->nulls_first[i] };
    }
    for (uint32_t g = 0; g < group_count; g++) {
        const struct bind_over *over = group[g];
        calls[g] = (struct weir_over_call){ .function = over->function,
            .type = over->type,
            .rows = over->rows,
            .unbounded_preceding = over->unbounded_preceding,
            .preceding = over->preceding };
        if (!over->aggregate) continue;
        struct weir_aggregate_call *call = WEIR_ARENA_NEW(context->arena, struct weir_aggregate_call);
        *call = (struct weir_aggregate_call){ .function = over->aggregate->function,
            .type = over->aggregate->type,
            .argument_count = over->aggregate->argument_count,
            .filter = -1,
            .distinct = over->aggregate->distinct,
            .ignore_nulls = over->aggregate->ignore_nulls };
        for (uint32_t i = 0; i < call->argument_count; i++) {
            call->arguments[i] = inputs_add(&inputs, over->aggregate->arguments[i]);
        }
        if (over->aggregate->filter) call->filter = (int32_t)inputs_add(&inputs, over->aggregate->filter);
        calls[g].aggregate = call;
    }
    if (inputs.count > input->field_count) {
        input = weir_bind_project(context, input, inputs.exprs, inputs.names, inputs.count, span);
    }
    struct weir_rel *rel = weir_bind_rel1(context, WEIR_REL_OVER, input, span);
    struct weir_rel_field *fields =
        WEIR_ARENA_ARRAY(context->arena, struct weir_rel_field, input->field_count + group_count);
    memcpy(fields, input->fields, input->field_count * sizeof *fields);
    for (uint32_t g = 0; g < group_count; g++) {
        fields[input->field_count + g] =
            (struct weir_rel_field){ weir_arena_format(context->arena, "w%u$o%u", 0u, g), group[g]->type };
        group[g]->result = input->field_count + g;
    }
    rel->fields = fields;
    rel->field_count = input->field_count + group_count;
    rel->over.partition = partition;
    rel->over.partition_count = partition_count;
    rel->over.order = order;
    rel->over.order_count = first->order_count;
    rel->over.calls = calls;
    rel->over.call_count = group_count;
    return rel;
}

static struct weir_expr *map_over(void *context, struct weir_arena *arena, struct weir_expr *expr)
{
    const struct bind_select *select = context;
    if (expr->kind != WEIR_EXPR_COLUMN || (expr->column & BIND_MASK) != BIND_OVER) return expr;
    const struct bind_over *over = select->overs[expr->column & ~(uint32_t)BIND_MASK];
    return weir_expr_column(arena, over->result, over->type);
}

enum weir_error_code weir_bind_make_over(struct bind_scope *scope, struct weir_rel *input,
    struct weir_expr **exprs, uint32_t expr_count, struct weir_rel **ret)
{
    struct bind_context *context = scope->context;
    struct bind_select *select = scope->select;
    bool *done = WEIR_ARENA_ARRAY(context->arena, bool, select->over_count + 1);
    struct bind_over **group = WEIR_ARENA_ARRAY(context->arena, struct bind_over *, select->over_count + 1);
    for (uint32_t i = 0; i < select->over_count; i++) {
        if (done[i]) continue;
        uint32_t count = 0;
        for (uint32_t k = i; k < select->over_count; k++) {
            if (done[k] || !same_window(select->overs[i], select->overs[k])) continue;
            done[k] = true;
            group[count++] = select->overs[k];
        }
        struct weir_sql_span span = { .line = group[0]->line, .column = group[0]->column };
        input = over_node(context, input, group, count, span);
    }
    for (uint32_t i = 0; i < expr_count; i++) {
        exprs[i] = weir_expr_rewrite(context->arena, exprs[i], map_over, select);
    }
    *ret = input;
    return WEIR_OK;
}
