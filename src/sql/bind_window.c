/* Window table functions: TUMBLE, HOP, CUMULATE, SESSION. */
#include "sql/bind.h"

#include <string.h>

enum { PARAMETERS_MAX = 5 };

struct signature {
    const char *name;
    enum weir_window_kind kind;
    uint32_t least, most;
    const char *parameters[PARAMETERS_MAX];
};

static const struct signature signatures[] = {
    { "TUMBLE", WEIR_WINDOW_TUMBLE, 3, 4, { "DATA", "TIMECOL", "SIZE", "OFFSET" } },
    { "HOP", WEIR_WINDOW_HOP, 4, 5, { "DATA", "TIMECOL", "SLIDE", "SIZE", "OFFSET" } },
    { "CUMULATE", WEIR_WINDOW_CUMULATE, 4, 5, { "DATA", "TIMECOL", "STEP", "SIZE", "OFFSET" } },
    { "SESSION", WEIR_WINDOW_SESSION, 3, 3, { "DATA", "TIMECOL", "GAP" } },
};

/* Arguments in the order of the parameters; NULL where one is left out. */
static enum weir_error_code order_arguments(struct bind_context *context, const struct weir_sql_expr *ast,
    const struct signature *signature, const struct weir_sql_expr **ret)
{
    const struct weir_sql_call *call = ast->call;
    if (call->arguments.count > signature->most) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, ast->span,
            "Invalid number of arguments to function '%s'. Was expecting %u to %u arguments", signature->name,
            signature->least, signature->most);
    }
    for (uint32_t i = 0; i < call->arguments.count; i++) {
        const char *name = call->argument_names ? call->argument_names[i].text : NULL;
        uint32_t at = name ? 0 : i;
        while (name && at < signature->most && !weir_bind_same_word(signature->parameters[at], name)) at++;
        if (at == signature->most) {
            return weir_bind_error(context, WEIR_E_SQL_VALIDATION, call->argument_names[i].span,
                "%s has no parameter '%s'", signature->name, name);
        }
        if (call->arguments.items[i]->kind != WEIR_SQL_EXPR_DEFAULT) ret[at] = call->arguments.items[i];
    }
    for (uint32_t i = 0; i < signature->least; i++) {
        if (ret[i]) continue;
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, ast->span,
            "Invalid number of arguments to function '%s'. Was expecting %u to %u arguments; '%s' is missing",
            signature->name, signature->least, signature->most, signature->parameters[i]);
    }
    return WEIR_OK;
}

static enum weir_error_code interval_argument(struct bind_context *context, const struct signature *signature,
    const struct weir_sql_expr *ast, uint32_t index, int64_t *ret)
{
    if (!ast) return WEIR_OK;
    struct bind_scope scope = { .context = context, .clause = "TABLE", .no_subqueries = true };
    struct weir_expr *expr;
    WEIR_TRY(weir_bind_expr(&scope, ast, &expr));
    if (expr->type->id == WEIR_TYPE_INTERVAL_DAY_TIME && weir_bind_literal_i64(expr, ret)) return WEIR_OK;
    return weir_bind_error(context, WEIR_E_SQL_VALIDATION, ast->span,
        "%s of %s must be a constant interval of days, hours, minutes or seconds, but it is of type %s",
        signature->parameters[index], signature->name, weir_type_text(context->arena, expr->type));
}

static enum weir_error_code check_sizes(
    struct bind_context *context, const struct weir_window *window, struct weir_sql_span span)
{
    if (window->kind == WEIR_WINDOW_SESSION) {
        if (window->gap_ms > 0) return WEIR_OK;
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, span,
            "SESSION table function based aggregate requires a gap greater than 0 ms, but got gap %lld ms.",
            (long long)window->gap_ms);
    }
    int64_t part = window->kind == WEIR_WINDOW_HOP        ? window->slide_ms
                   : window->kind == WEIR_WINDOW_CUMULATE ? window->step_ms
                                                          : window->size_ms;
    const char *name = signatures[window->kind].name;
    if (window->size_ms <= 0 || part <= 0) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, span,
            "%s table function based aggregate requires its intervals to be greater than 0 ms, but got size "
            "%lld ms and %s %lld ms.",
            name, (long long)window->size_ms, signatures[window->kind].parameters[2], (long long)part);
    }
    if (window->size_ms % part != 0) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, span,
            "%s table function based aggregate requires %s must be an integral multiple of %s, but got size "
            "%lld ms and %s %lld ms",
            name, window->kind == WEIR_WINDOW_CUMULATE ? "maxSize" : "size",
            window->kind == WEIR_WINDOW_CUMULATE ? "step" : "slide", (long long)window->size_ms,
            window->kind == WEIR_WINDOW_CUMULATE ? "step" : "slide", (long long)part);
    }
    int64_t offset = window->offset_ms < 0 ? -window->offset_ms : window->offset_ms;
    if (offset >= (window->kind == WEIR_WINDOW_TUMBLE ? window->size_ms : part) &&
        offset >= window->size_ms) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, span,
            "%s table function parameters must satisfy abs(offset) < size, but got size %lld ms and offset "
            "%lld ms.",
            name, (long long)window->size_ms, (long long)window->offset_ms);
    }
    return WEIR_OK;
}

static enum weir_error_code find_descriptor(struct bind_context *context, const struct signature *signature,
    const struct weir_sql_expr *ast, const struct weir_rel *input, uint32_t *ret)
{
    if (ast->kind != WEIR_SQL_EXPR_DESCRIPTOR || ast->descriptor.count != 1) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, ast->span,
            "%s of %s must be DESCRIPTOR(column) with one column", signature->parameters[1], signature->name);
    }
    const struct weir_sql_name *name = &ast->descriptor.columns[0];
    const char **names = WEIR_ARENA_ARRAY(context->arena, const char *, input->field_count + 1);
    for (uint32_t i = 0; i < input->field_count; i++) {
        names[i] = input->fields[i].name;
        if (strcmp(names[i], name->text) != 0) continue;
        *ret = i;
        return WEIR_OK;
    }
    const char *nearest = weir_sql_nearest(name->text, names, input->field_count);
    return weir_bind_error(context, WEIR_E_SQL_VALIDATION, name->span, "Unknown identifier '%s'%s%s%s",
        name->text, nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
}

static enum weir_error_code check_time(
    struct bind_context *context, const struct weir_type *type, struct weir_sql_span span)
{
    bool fits = context->input->batch ? weir_type_is_timestamp(type)
                                      : type->time_attribute != WEIR_TIME_ATTRIBUTE_NONE;
    if (fits) return WEIR_OK;
    return weir_bind_error(context, WEIR_E_SQL_VALIDATION, span,
        "The window function requires the timecol is a time attribute type, but is %s.",
        weir_type_text(context->arena, type));
}

static enum weir_error_code bind_input(struct bind_context *context, const struct signature *signature,
    const struct weir_sql_expr *ast, struct weir_rel **ret, struct bind_scope *scope)
{
    if (ast->kind == WEIR_SQL_EXPR_SUBQUERY) { /* TUMBLE((query), ...) */
        WEIR_TRY(weir_bind_plain_query(context, ast->query, false, ret));
        weir_bind_scope_of(context, *ret, NULL, NULL, scope);
        return WEIR_OK;
    }
    if (ast->kind != WEIR_SQL_EXPR_TABLE) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, ast->span,
            "%s of %s must be a table: TABLE name or TABLE (query)", signature->parameters[0],
            signature->name);
    }
    if (ast->table.order_by.count)
        return weir_bind_unsupported(context, ast->span, "ORDER BY of a table argument");
    if (ast->table.partition_by.count && signature->kind != WEIR_WINDOW_SESSION) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, ast->span,
            "%s takes no PARTITION BY: only SESSION does", signature->name);
    }
    WEIR_TRY(weir_bind_from(context, ast->table.table, NULL, scope));
    *ret = scope->rel;
    return WEIR_OK;
}

static enum weir_error_code bind_partition(
    struct bind_scope *scope, const struct weir_sql_exprs *list, struct weir_window *window)
{
    struct bind_context *context = scope->context;
    uint32_t *columns = WEIR_ARENA_ARRAY(context->arena, uint32_t, list->count + 1);
    uint32_t count = 0;
    scope->no_subqueries = true;
    for (uint32_t i = 0; i < list->count; i++) {
        struct weir_expr *expr;
        WEIR_TRY(weir_bind_expr(scope, list->items[i], &expr));
        if (expr->kind != WEIR_EXPR_COLUMN) {
            return weir_bind_unsupported(
                context, list->items[i]->span, "PARTITION BY of an expression that is no column");
        }
        bool repeated = false;
        for (uint32_t k = 0; k < count; k++) repeated |= columns[k] == expr->column;
        if (!repeated) columns[count++] = expr->column;
    }
    window->partition = columns;
    window->partition_count = count;
    return WEIR_OK;
}

static struct weir_rel *window_node(struct bind_context *context, struct weir_rel *input,
    const struct weir_window *window, struct weir_sql_span span)
{
    uint32_t count = input->field_count + 3;
    struct weir_rel *rel = weir_bind_rel1(context, WEIR_REL_WINDOW_TVF, input, span);
    struct weir_rel_field *fields = WEIR_ARENA_ARRAY(context->arena, struct weir_rel_field, count);
    const char **names = WEIR_ARENA_ARRAY(context->arena, const char *, count);
    memcpy(fields, input->fields, input->field_count * sizeof *fields);
    const struct weir_type *plain = weir_type_with_precision(context->arena, WEIR_TYPE_TIMESTAMP, 3, false);
    const struct weir_type *time = input->fields[window->time_column].type;
    const struct weir_type *window_time = weir_type_with_time_attribute(
        context->arena, weir_type_with_precision(context->arena, time->id, 3, false), time->time_attribute);
    fields[count - 3] = (struct weir_rel_field){ "window_start", plain };
    fields[count - 2] = (struct weir_rel_field){ "window_end", plain };
    fields[count - 1] = (struct weir_rel_field){ "window_time", window_time };
    for (uint32_t i = 0; i < count; i++) names[i] = fields[i].name;
    weir_bind_unique_names(context, names, count);
    for (uint32_t i = 0; i < count; i++) fields[i].name = names[i];
    rel->fields = fields;
    rel->field_count = count;
    rel->tvf.window = *window;
    return rel;
}

static enum weir_error_code bind_window(struct bind_context *context, const struct weir_sql_expr *ast,
    const struct signature *signature, struct weir_rel **ret)
{
    const struct weir_sql_expr *arguments[PARAMETERS_MAX] = { 0 };
    WEIR_TRY(order_arguments(context, ast, signature, arguments));
    struct bind_scope scope;
    struct weir_rel *input = NULL;
    struct weir_window window = { .kind = signature->kind };
    WEIR_TRY(bind_input(context, signature, arguments[0], &input, &scope));
    WEIR_TRY(find_descriptor(context, signature, arguments[1], input, &window.time_column));
    const struct weir_type *time = input->fields[window.time_column].type;
    WEIR_TRY(check_time(context, time, arguments[1]->span));
    if (arguments[0]->kind == WEIR_SQL_EXPR_TABLE) {
        WEIR_TRY(bind_partition(&scope, &arguments[0]->table.partition_by, &window));
    }
    int64_t *targets[PARAMETERS_MAX] = { NULL, NULL, &window.size_ms, &window.offset_ms, NULL };
    if (signature->kind == WEIR_WINDOW_SESSION) targets[2] = &window.gap_ms;
    if (signature->kind == WEIR_WINDOW_HOP || signature->kind == WEIR_WINDOW_CUMULATE) {
        targets[2] = signature->kind == WEIR_WINDOW_HOP ? &window.slide_ms : &window.step_ms;
        targets[3] = &window.size_ms;
        targets[4] = &window.offset_ms;
    }
    for (uint32_t i = 2; i < signature->most; i++) {
        WEIR_TRY(interval_argument(context, signature, arguments[i], i, targets[i]));
    }
    WEIR_TRY(check_sizes(context, &window, ast->span));
    window.processing_time = time->time_attribute == WEIR_TIME_ATTRIBUTE_PROCTIME;
    window.local_zone = time->id == WEIR_TYPE_TIMESTAMP_LTZ;
    *ret = window_node(context, input, &window, ast->span);
    return WEIR_OK;
}

enum weir_error_code weir_bind_table_function(
    struct bind_context *context, const struct weir_sql_table_ref *ref, struct weir_rel **ret)
{
    static const char *const later[] = { "ML_PREDICT", "ML_EVALUATE", "VECTOR_SEARCH", "TO_CHANGELOG",
        "FROM_CHANGELOG", "SNAPSHOT" };
    const struct weir_sql_expr *ast = ref->function.call;
    const struct weir_sql_call *call = ast->call;
    const char *name = call->name.parts[call->name.count - 1].text;
    for (uint32_t i = 0; call->name.count == 1 && i < WEIR_ARRAY_COUNT(signatures); i++) {
        if (weir_bind_same_word(name, signatures[i].name))
            return bind_window(context, ast, &signatures[i], ret);
    }
    for (uint32_t i = 0; i < WEIR_ARRAY_COUNT(later); i++) {
        if (!weir_bind_same_word(name, later[i])) continue;
        return weir_bind_unsupported(
            context, ast->span, weir_arena_format(context->arena, "The table function %s", later[i]));
    }
    return weir_bind_error(context, WEIR_E_SQL_VALIDATION, ast->span,
        "No match found for function signature %s; the table functions are TUMBLE, HOP, CUMULATE and SESSION",
        weir_bind_path_text(context, &call->name));
}
