/* Calls: scalar functions, aggregates, window functions, group windows. */
#include "expr/function.h"
#include "sql/bind.h"

#include <string.h>

static bool named(const struct weir_sql_expr *ast, const char *name)
{
    return ast->call->name.count == 1 && weir_bind_same_word(ast->call->name.parts[0].text, name);
}

static bool named_one_of(const struct weir_sql_expr *ast, const char *const *names, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (named(ast, names[i])) return true;
    }
    return false;
}

static const char *const ranking_names[] = { "ROW_NUMBER", "RANK", "DENSE_RANK", "NTILE", "CUME_DIST",
    "PERCENT_RANK", "LAG", "LEAD" };
static const char *const grouping_names[] = { "GROUPING", "GROUPING_ID", "GROUP_ID" };
static const char *const window_names[] = { "TUMBLE", "HOP", "SESSION" };

static bool is_window_only(const struct weir_sql_expr *ast)
{
    return named_one_of(ast, ranking_names, WEIR_ARRAY_COUNT(ranking_names));
}

static const struct weir_aggregate_function *aggregate_of(const struct weir_sql_expr *ast)
{
    if (ast->call->name.count != 1) return NULL;
    const char *name = ast->call->name.parts[0].text;
    return name[0] == '$' ? NULL : weir_aggregate_function_find(name);
}

/* ------------------------------------------------------------------------------------- is it aggregated? */

static bool any_aggregate(const struct weir_sql_exprs *list)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (weir_bind_has_aggregate(list->items[i])) return true;
    }
    return false;
}

static bool call_has_aggregate(const struct weir_sql_expr *ast)
{
    const struct weir_sql_call *call = ast->call;
    if (call->over) {
        bool found = any_aggregate(&call->arguments) || any_aggregate(&call->over->partition_by);
        for (uint32_t i = 0; i < call->over->order_by.count; i++) {
            found = found || weir_bind_has_aggregate(call->over->order_by.items[i].expr);
        }
        return found;
    }
    if (aggregate_of(ast) || named_one_of(ast, grouping_names, WEIR_ARRAY_COUNT(grouping_names))) return true;
    return any_aggregate(&call->arguments);
}

static bool case_has_aggregate(const struct weir_sql_expr *ast)
{
    if (ast->switch_.operand && weir_bind_has_aggregate(ast->switch_.operand)) return true;
    if (ast->switch_.otherwise && weir_bind_has_aggregate(ast->switch_.otherwise)) return true;
    for (uint32_t i = 0; i < ast->switch_.count; i++) {
        if (weir_bind_has_aggregate(ast->switch_.whens[i].when)) return true;
        if (weir_bind_has_aggregate(ast->switch_.whens[i].then)) return true;
    }
    return false;
}

bool weir_bind_has_aggregate(const struct weir_sql_expr *ast)
{
    switch (ast->kind) {
    case WEIR_SQL_EXPR_CALL: return call_has_aggregate(ast);
    case WEIR_SQL_EXPR_CASE: return case_has_aggregate(ast);
    case WEIR_SQL_EXPR_UNARY: return weir_bind_has_aggregate(ast->unary.of);
    case WEIR_SQL_EXPR_BINARY:
        return weir_bind_has_aggregate(ast->binary.left) || weir_bind_has_aggregate(ast->binary.right);
    case WEIR_SQL_EXPR_IS: return weir_bind_has_aggregate(ast->is.of);
    case WEIR_SQL_EXPR_BETWEEN:
        return weir_bind_has_aggregate(ast->between.of) || weir_bind_has_aggregate(ast->between.low) ||
               weir_bind_has_aggregate(ast->between.high);
    case WEIR_SQL_EXPR_LIKE:
        return weir_bind_has_aggregate(ast->like.of) || weir_bind_has_aggregate(ast->like.pattern);
    case WEIR_SQL_EXPR_IN_LIST: return weir_bind_has_aggregate(ast->in.of) || any_aggregate(&ast->in.list);
    case WEIR_SQL_EXPR_IN_QUERY: return weir_bind_has_aggregate(ast->in.of);
    case WEIR_SQL_EXPR_QUANTIFIED: return weir_bind_has_aggregate(ast->quantified.of);
    case WEIR_SQL_EXPR_CAST: return weir_bind_has_aggregate(ast->cast.of);
    case WEIR_SQL_EXPR_FIELD: return weir_bind_has_aggregate(ast->field.of);
    case WEIR_SQL_EXPR_ITEM:
        return weir_bind_has_aggregate(ast->item.of) || weir_bind_has_aggregate(ast->item.index);
    case WEIR_SQL_EXPR_INTERVAL_OF: return weir_bind_has_aggregate(ast->interval.value);
    case WEIR_SQL_EXPR_ROW:
    case WEIR_SQL_EXPR_ARRAY:
    case WEIR_SQL_EXPR_MAP:
    case WEIR_SQL_EXPR_MULTISET: return any_aggregate(&ast->items);
    default: return false;
    }
}

/* ------------------------------------------------------------------------------------------------ aggregates
 */

static enum weir_error_code bind_arguments(
    struct bind_scope *scope, const struct weir_sql_call *call, struct weir_expr ***ret)
{
    struct weir_expr **arguments =
        WEIR_ARENA_ARRAY(scope->context->arena, struct weir_expr *, call->arguments.count + 1);
    for (uint32_t i = 0; i < call->arguments.count; i++) {
        if (call->argument_names && call->argument_names[i].text) {
            return weir_bind_unsupported(
                scope->context, call->argument_names[i].span, "A named argument of a function");
        }
        WEIR_TRY(weir_bind_expr(scope, call->arguments.items[i], &arguments[i]));
    }
    *ret = arguments;
    return WEIR_OK;
}

static enum weir_error_code refuse_clauses(struct bind_context *context, const struct weir_sql_expr *ast)
{
    const struct weir_sql_call *call = ast->call;
    if (call->within.count) return weir_bind_unsupported(context, ast->span, "ORDER BY inside an aggregate");
    if (call->within_group.count) return weir_bind_unsupported(context, ast->span, "WITHIN GROUP");
    if (call->within_distinct.count) return weir_bind_unsupported(context, ast->span, "WITHIN DISTINCT");
    return WEIR_OK;
}

static enum weir_error_code wrong_aggregate(
    struct bind_context *context, const struct weir_sql_expr *ast, const struct bind_aggregate *aggregate)
{
    const char *given = "";
    for (uint32_t i = 0; i < aggregate->argument_count; i++) {
        given = weir_arena_format(context->arena, "%s%s%s", given, i ? ", " : "",
            weir_type_text(context->arena, aggregate->arguments[i]->type));
    }
    return weir_bind_error(context, WEIR_E_SQL_VALIDATION, ast->span,
        "Invalid function call:\n%s(%s)\nexpected is: %s", aggregate->function->name, given,
        aggregate->function->signature);
}

static enum weir_error_code infer_aggregate(
    struct bind_scope *scope, const struct weir_sql_expr *ast, struct bind_aggregate *aggregate, bool grouped)
{
    struct bind_context *context = scope->context;
    const struct weir_aggregate_function *function = aggregate->function;
    const struct weir_type *given[4], *wanted[4];
    uint32_t count = aggregate->argument_count;
    if (count < function->arguments_min || count > function->arguments_max) {
        return wrong_aggregate(context, ast, aggregate);
    }
    for (uint32_t i = 0; i < count; i++) {
        given[i] = weir_type_with_time_attribute(
            context->arena, aggregate->arguments[i]->type, WEIR_TIME_ATTRIBUTE_NONE);
        wanted[i] = given[i];
    }
    struct weir_error *error = context->error;
    if (error) error->code = WEIR_OK, error->line = error->column = 0, error->message[0] = 0;
    if (!function->infer(context->arena, given, count, grouped, &aggregate->type, wanted, error)) {
        if (error && error->code) return weir_bind_at(context, error->code, ast->span);
        return wrong_aggregate(context, ast, aggregate);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (weir_type_same(given[i], wanted[i])) continue;
        WEIR_TRY(weir_bind_cast(
            context, aggregate->arguments[i], wanted[i], false, ast->span, &aggregate->arguments[i]));
    }
    aggregate->type =
        weir_type_with_time_attribute(context->arena, aggregate->type, WEIR_TIME_ATTRIBUTE_NONE);
    return WEIR_OK;
}

static bool counts_all(const struct weir_sql_call *call)
{
    return call->arguments.count == 1 && call->arguments.items[0]->kind == WEIR_SQL_EXPR_STAR;
}

enum weir_error_code weir_bind_aggregate_call(
    struct bind_scope *scope, const struct weir_sql_expr *ast, struct bind_aggregate **ret)
{
    struct bind_context *context = scope->context;
    const struct weir_sql_call *call = ast->call;
    struct bind_aggregate *aggregate = WEIR_ARENA_NEW(context->arena, struct bind_aggregate);
    aggregate->function = aggregate_of(ast);
    WEIR_TRY(refuse_clauses(context, ast));
    if (counts_all(call)) {
        if (strcmp(aggregate->function->name, "COUNT") != 0 || call->arguments.items[0]->column.count) {
            return weir_bind_error(context, WEIR_E_SQL_VALIDATION, ast->span, "Only COUNT(*) takes a '*'");
        }
        if (call->quantifier == WEIR_SQL_QUANTIFIER_DISTINCT) {
            return weir_bind_error(context, WEIR_E_SQL_VALIDATION, ast->span,
                "COUNT(DISTINCT *) has no meaning: expected COUNT(*) or columns");
        }
    } else {
        struct weir_expr **arguments;
        if (call->arguments.count > WEIR_ARRAY_COUNT(aggregate->arguments)) {
            return weir_bind_unsupported(context, ast->span, "An aggregate of more than four arguments");
        }
        WEIR_TRY(bind_arguments(scope, call, &arguments));
        aggregate->argument_count = call->arguments.count;
        memcpy(aggregate->arguments, arguments, call->arguments.count * sizeof(*arguments));
    }
    if (call->filter) WEIR_TRY(weir_bind_boolean(scope, call->filter, "FILTER", &aggregate->filter));
    aggregate->distinct = call->quantifier == WEIR_SQL_QUANTIFIER_DISTINCT;
    aggregate->ignore_nulls = call->null_treatment == WEIR_SQL_NULLS_IGNORE;
    /* A FILTER may leave a group without any row. */
    bool grouped = !call->filter && (call->over || (scope->select && scope->select->key_count));
    WEIR_TRY(infer_aggregate(scope, ast, aggregate, grouped));
    *ret = aggregate;
    return WEIR_OK;
}

static bool same_expr(const struct weir_expr *a, const struct weir_expr *b)
{
    return a == b || (a && b && weir_expr_equal(a, b) && weir_expr_is_deterministic(a));
}

static bool same_aggregate(const struct bind_aggregate *a, const struct bind_aggregate *b)
{
    if (a->function != b->function || a->argument_count != b->argument_count || a->distinct != b->distinct ||
        a->ignore_nulls != b->ignore_nulls || !same_expr(a->filter, b->filter)) {
        return false;
    }
    for (uint32_t i = 0; i < a->argument_count; i++) {
        if (!same_expr(a->arguments[i], b->arguments[i])) return false;
    }
    return true;
}

static enum weir_error_code bind_aggregate(
    struct bind_scope *scope, const struct weir_sql_expr *ast, struct weir_expr **ret)
{
    struct bind_context *context = scope->context;
    struct bind_select *select = scope->select;
    if (scope->in_aggregate) {
        return weir_bind_error(
            context, WEIR_E_SQL_VALIDATION, ast->span, "Aggregate expressions cannot be nested");
    }
    if (!select) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, ast->span,
            "Aggregate expression is illegal in %s clause", scope->clause);
    }
    struct bind_aggregate *aggregate;
    scope->in_aggregate = true;
    enum weir_error_code code = weir_bind_aggregate_call(scope, ast, &aggregate);
    scope->in_aggregate = false;
    if (code) return code;
    uint32_t index = 0;
    while (index < select->aggregate_count && !same_aggregate(select->aggregates[index], aggregate)) index++;
    if (index == select->aggregate_count) {
        select->aggregates = weir_bind_grow(context, select->aggregates, select->aggregate_count,
            &select->aggregate_capacity, sizeof *select->aggregates);
        select->aggregates[select->aggregate_count++] = aggregate;
    }
    *ret = weir_expr_column(context->arena, BIND_AGGREGATE | index, aggregate->type);
    return WEIR_OK;
}

/* -------------------------------------------------------------------------------------- GROUPING, group
 * windows */

static enum weir_error_code bind_grouping(
    struct bind_scope *scope, const struct weir_sql_expr *ast, struct weir_expr **ret)
{
    struct bind_context *context = scope->context;
    struct bind_select *select = scope->select;
    const struct weir_sql_exprs *arguments = &ast->call->arguments;
    if (!select || !select->aggregated) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, ast->span,
            "%s operator may only occur in an aggregate query", ast->call->name.parts[0].text);
    }
    struct bind_grouping grouping = { .count = arguments->count };
    if (grouping.count > WEIR_ARRAY_COUNT(grouping.keys)) {
        return weir_bind_unsupported(context, ast->span, "GROUPING of more than 32 columns");
    }
    for (uint32_t i = 0; i < arguments->count; i++) {
        struct weir_expr *argument;
        WEIR_TRY(weir_bind_expr(scope, arguments->items[i], &argument));
        uint32_t key = 0;
        while (key < select->key_count && !weir_expr_equal(select->keys[key], argument)) key++;
        if (key == select->key_count) {
            return weir_bind_error(context, WEIR_E_SQL_VALIDATION, arguments->items[i]->span,
                "Argument to %s operator must be a grouped expression", ast->call->name.parts[0].text);
        }
        grouping.keys[i] = key;
    }
    select->groupings = weir_bind_grow(context, select->groupings, select->grouping_count,
        &select->grouping_capacity, sizeof *select->groupings);
    select->groupings[select->grouping_count] = grouping;
    *ret = weir_expr_column(
        context->arena, BIND_GROUPING | select->grouping_count++, &weir_type_bigint_not_null);
    return WEIR_OK;
}

bool weir_bind_is_group_window(const struct weir_sql_expr *ast)
{
    return ast->kind == WEIR_SQL_EXPR_CALL && !ast->call->over && ast->call->arguments.count >= 2 &&
           named_one_of(ast, window_names, WEIR_ARRAY_COUNT(window_names));
}

static enum weir_error_code window_interval(
    struct bind_scope *scope, const struct weir_sql_expr *ast, int64_t *ret)
{
    struct bind_context *context = scope->context;
    struct weir_expr *expr;
    WEIR_TRY(weir_bind_expr(scope, ast, &expr));
    if (expr->type->id != WEIR_TYPE_INTERVAL_DAY_TIME || !weir_bind_literal_i64(expr, ret)) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, ast->span,
            "Only constant window intervals with millisecond resolution are supported");
    }
    return WEIR_OK;
}

static enum weir_error_code check_window_time(
    struct bind_context *context, const struct weir_expr *time, struct weir_sql_span span)
{
    bool attribute = time->type->time_attribute != WEIR_TIME_ATTRIBUTE_NONE;
    if (attribute || (context->input->batch && weir_type_is_timestamp(time->type))) return WEIR_OK;
    return weir_bind_error(context, WEIR_E_SQL_VALIDATION, span,
        "Window aggregate can only be defined over a time attribute column, but %s encountered.",
        weir_type_text(context->arena, time->type));
}

/* TUMBLE(time, size [, offset]), HOP(time, slide, size [, offset]), SESSION(time, gap) */
static enum weir_error_code read_window(struct bind_scope *scope, const struct weir_sql_expr *ast,
    const char *name, struct weir_window *window, struct weir_expr **time)
{
    struct bind_context *context = scope->context;
    const struct weir_sql_exprs *arguments = &ast->call->arguments;
    bool hop = weir_bind_starts_with(name, "HOP"), session = weir_bind_starts_with(name, "SESSION");
    uint32_t least = hop ? 3 : 2;
    if (arguments->count < least || arguments->count > least + !session) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, ast->span,
            "Invalid number of arguments to function '%s'. Was expecting %u arguments", name, least);
    }
    memset(window, 0, sizeof *window);
    window->legacy = true;
    WEIR_TRY(weir_bind_expr(scope, arguments->items[0], time));
    if (hop) {
        window->kind = WEIR_WINDOW_HOP;
        WEIR_TRY(window_interval(scope, arguments->items[1], &window->slide_ms));
        WEIR_TRY(window_interval(scope, arguments->items[2], &window->size_ms));
    } else {
        window->kind = session ? WEIR_WINDOW_SESSION : WEIR_WINDOW_TUMBLE;
        WEIR_TRY(window_interval(scope, arguments->items[1], session ? &window->gap_ms : &window->size_ms));
    }
    if (arguments->count > least)
        WEIR_TRY(window_interval(scope, arguments->items[least], &window->offset_ms));
    if (window->size_ms + window->gap_ms <= 0 || (hop && window->slide_ms <= 0)) {
        return weir_bind_error(
            context, WEIR_E_SQL_VALIDATION, ast->span, "The intervals of %s must be greater than zero", name);
    }
    window->processing_time = (*time)->type->time_attribute == WEIR_TIME_ATTRIBUTE_PROCTIME;
    window->local_zone = (*time)->type->id == WEIR_TYPE_TIMESTAMP_LTZ;
    return WEIR_OK;
}

enum weir_error_code weir_bind_group_window(struct bind_scope *scope, const struct weir_sql_expr *ast)
{
    struct bind_select *select = scope->select;
    if (select->window) {
        return weir_bind_error(scope->context, WEIR_E_SQL_VALIDATION, ast->span,
            "Only a single window group function may be used in GROUP BY");
    }
    struct weir_window *window = WEIR_ARENA_NEW(scope->context->arena, struct weir_window);
    WEIR_TRY(read_window(scope, ast, ast->call->name.parts[0].text, window, &select->window_time));
    WEIR_TRY(check_window_time(scope->context, select->window_time, ast->call->arguments.items[0]->span));
    select->window = window;
    return WEIR_OK;
}

struct property {
    const char *suffix;
    enum weir_window_property property;
};

static const struct property *property_of(const struct weir_sql_expr *ast)
{
    static const struct property properties[] = { { "_START", WEIR_WINDOW_START },
        { "_END", WEIR_WINDOW_END }, { "_ROWTIME", WEIR_WINDOW_ROWTIME },
        { "_PROCTIME", WEIR_WINDOW_PROCTIME } };
    if (ast->call->name.count != 1) return NULL;
    const char *name = ast->call->name.parts[0].text;
    for (uint32_t w = 0; w < WEIR_ARRAY_COUNT(window_names); w++) {
        size_t length = strlen(window_names[w]);
        if (!weir_bind_starts_with(name, window_names[w])) continue;
        for (uint32_t i = 0; i < WEIR_ARRAY_COUNT(properties); i++) {
            if (weir_bind_same_word(name + length, properties[i].suffix)) return &properties[i];
        }
    }
    return NULL;
}

static const struct weir_type *property_type(
    struct bind_context *context, enum weir_window_property property, const struct weir_window *window)
{
    enum weir_type_id id = WEIR_TYPE_TIMESTAMP;
    enum weir_time_attribute attribute = WEIR_TIME_ATTRIBUTE_NONE;
    if (property == WEIR_WINDOW_ROWTIME) {
        id = window->local_zone ? WEIR_TYPE_TIMESTAMP_LTZ : WEIR_TYPE_TIMESTAMP;
        attribute = context->input->batch ? WEIR_TIME_ATTRIBUTE_NONE : WEIR_TIME_ATTRIBUTE_ROWTIME;
    }
    if (property == WEIR_WINDOW_PROCTIME) {
        id = WEIR_TYPE_TIMESTAMP_LTZ;
        attribute = WEIR_TIME_ATTRIBUTE_PROCTIME;
    }
    return weir_type_with_time_attribute(
        context->arena, weir_type_with_precision(context->arena, id, 3, false), attribute);
}

static enum weir_error_code bind_property(struct bind_scope *scope, const struct weir_sql_expr *ast,
    enum weir_window_property property, struct weir_expr **ret)
{
    struct bind_context *context = scope->context;
    struct bind_select *select = scope->select;
    const char *name = ast->call->name.parts[0].text;
    struct weir_window window;
    struct weir_expr *time;
    if (!select || !select->window || scope->in_aggregate) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, ast->span,
            "Call to auxiliary group function '%s' must have matching call to group function '%.*s' in GROUP "
            "BY clause",
            name, (int)strcspn(name, "_"), name);
    }
    WEIR_TRY(read_window(scope, ast, name, &window, &time));
    const struct weir_window *of = select->window;
    if (window.kind != of->kind || window.size_ms != of->size_ms || window.slide_ms != of->slide_ms ||
        window.gap_ms != of->gap_ms || !weir_expr_equal(time, select->window_time)) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, ast->span,
            "Call to auxiliary group function '%s' must have matching call to group function '%.*s' in GROUP "
            "BY clause",
            name, (int)strcspn(name, "_"), name);
    }
    if (property == WEIR_WINDOW_ROWTIME && of->processing_time) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, ast->span,
            "A proctime window cannot provide a rowtime attribute.");
    }
    uint32_t index = 0;
    while (index < select->property_count && select->properties[index] != property) index++;
    if (index == select->property_count) select->properties[select->property_count++] = property;
    *ret = weir_expr_column(context->arena, BIND_PROPERTY | index, property_type(context, property, of));
    return WEIR_OK;
}

/* -----------------------------------------------------------------------------------------------------
 * scalar */

static struct weir_expr *with_attribute(
    struct bind_context *context, struct weir_expr *expr, enum weir_time_attribute attribute)
{
    struct weir_expr *copy = WEIR_ARENA_NEW(context->arena, struct weir_expr);
    *copy = *expr;
    copy->type = weir_type_with_time_attribute(context->arena, expr->type, attribute);
    return copy;
}

static enum weir_error_code bind_scalar(
    struct bind_scope *scope, const struct weir_sql_expr *ast, struct weir_expr **ret)
{
    struct bind_context *context = scope->context;
    const struct weir_sql_call *call = ast->call;
    if (call->name.count != 1) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, ast->span,
            "No match found for function signature %s", weir_bind_path_text(context, &call->name));
    }
    if (call->quantifier == WEIR_SQL_QUANTIFIER_DISTINCT || call->filter) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, ast->span,
            "DISTINCT and FILTER can only be applied to aggregate functions, %s is none",
            call->name.parts[0].text);
    }
    if (call->without_parentheses && !weir_function_find(call->name.parts[0].text)) {
        return weir_bind_path(
            scope, &call->name, ast->span, ret); /* USER: a function elsewhere, a name here */
    }
    struct weir_expr **arguments;
    WEIR_TRY(bind_arguments(scope, call, &arguments));
    WEIR_TRY(
        weir_bind_apply(context, call->name.parts[0].text, arguments, call->arguments.count, ast->span, ret));
    if (named(ast, "PROCTIME") && !context->input->batch) {
        *ret = with_attribute(context, *ret, WEIR_TIME_ATTRIBUTE_PROCTIME);
    }
    return WEIR_OK;
}

enum weir_error_code weir_bind_call(
    struct bind_scope *scope, const struct weir_sql_expr *ast, struct weir_expr **ret)
{
    struct bind_context *context = scope->context;
    if (ast->call->over) return weir_bind_over(scope, ast, ret);
    if (aggregate_of(ast)) return bind_aggregate(scope, ast, ret);
    if (is_window_only(ast)) {
        return weir_bind_error(
            context, WEIR_E_SQL_VALIDATION, ast->span, "OVER clause is necessary for window functions");
    }
    if (named_one_of(ast, grouping_names, WEIR_ARRAY_COUNT(grouping_names)))
        return bind_grouping(scope, ast, ret);
    const struct property *property = property_of(ast);
    if (property) return bind_property(scope, ast, property->property, ret);
    if (weir_bind_is_group_window(ast)) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, ast->span,
            "Group function '%s' can only appear in GROUP BY clause", ast->call->name.parts[0].text);
    }
    return bind_scalar(scope, ast, ret);
}
