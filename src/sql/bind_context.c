/* Small things that all of the binder needs: errors with positions, nodes, names. */
#include "sql/bind.h"
#include "sql/parser.h"

#include <stdio.h>
#include <string.h>

void weir_bind_context_init(
    struct bind_context *context, const struct weir_sql_binder_input *input, struct weir_error *reterr)
{
    memset(context, 0, sizeof *context);
    context->input = input;
    context->arena = input->arena;
    context->error = reterr;
    context->catalog = weir_sql_catalog_current(input->catalog);
    context->database = weir_sql_catalog_current_database(input->catalog);
}

enum weir_error_code weir_bind_error(struct bind_context *context, enum weir_error_code code,
    struct weir_sql_span span, const char *format, ...)
{
    if (context->within) span = *context->within;
    va_list arguments;
    va_start(arguments, format);
    weir_error_vset(context->error, code, format, arguments);
    va_end(arguments);
    if (context->error) {
        context->error->line = span.line;
        context->error->column = span.column;
    }
    return code;
}

enum weir_error_code weir_bind_at(
    struct bind_context *context, enum weir_error_code code, struct weir_sql_span span)
{
    if (code == WEIR_OK || !context->error) return code;
    if (context->within) span = *context->within;
    if (context->error->line == 0 || context->within) {
        context->error->line = span.line;
        context->error->column = span.column;
    }
    return code;
}

enum weir_error_code weir_bind_unsupported(
    struct bind_context *context, struct weir_sql_span span, const char *what)
{
    return weir_bind_error(context, WEIR_E_UNSUPPORTED, span, "%s is not implemented", what);
}

struct weir_rel *weir_bind_rel(
    struct bind_context *context, enum weir_rel_kind kind, uint32_t input_count, struct weir_sql_span span)
{
    struct weir_rel *rel = weir_rel_new(context->arena, kind, input_count);
    rel->id = ++context->rel_count;
    rel->line = span.line;
    rel->column = span.column;
    return rel;
}

static void set_input(struct weir_rel *rel, uint32_t index, struct weir_rel *input)
{
    ((struct weir_rel **)(uintptr_t)rel->inputs)[index] = input;
}

struct weir_rel *weir_bind_rel1(
    struct bind_context *context, enum weir_rel_kind kind, struct weir_rel *input, struct weir_sql_span span)
{
    struct weir_rel *rel = weir_bind_rel(context, kind, 1, span);
    set_input(rel, 0, input);
    rel->fields = input->fields;
    rel->field_count = input->field_count;
    return rel;
}

struct weir_rel *weir_bind_filter(struct bind_context *context, struct weir_rel *input,
    struct weir_expr *condition, struct weir_sql_span span)
{
    struct weir_rel *rel = weir_bind_rel1(context, WEIR_REL_FILTER, input, span);
    rel->filter.condition = condition;
    return rel;
}

struct weir_rel *weir_bind_project(struct bind_context *context, struct weir_rel *input,
    struct weir_expr *const *exprs, const char *const *names, uint32_t count, struct weir_sql_span span)
{
    struct weir_rel *rel = weir_bind_rel(context, WEIR_REL_PROJECT, 1, span);
    set_input(rel, 0, input);
    struct weir_rel_field *fields = WEIR_ARENA_ARRAY(context->arena, struct weir_rel_field, count + 1);
    struct weir_expr **copy = WEIR_ARENA_ARRAY(context->arena, struct weir_expr *, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        fields[i].name = names[i];
        fields[i].type = exprs[i]->type;
        copy[i] = exprs[i];
    }
    rel->fields = fields;
    rel->field_count = count;
    rel->project.exprs = copy;
    return rel;
}

struct weir_expr *weir_bind_column(struct bind_context *context, const struct weir_rel *rel, uint32_t column)
{
    return weir_expr_column(context->arena, column, rel->fields[column].type);
}

void *weir_bind_grow(
    struct bind_context *context, void *items, uint32_t count, uint32_t *capacity, size_t bytes)
{
    if (count < *capacity) return items;
    *capacity = *capacity ? *capacity * 2 : 8;
    void *larger = weir_arena_allocate_zeroed(context->arena, *capacity * bytes);
    if (count) memcpy(larger, items, count * bytes);
    return larger;
}

struct uses {
    uint32_t base;
    bool found;
};

static bool visit_uses(void *context, const struct weir_expr *expr)
{
    struct uses *uses = context;
    if (expr->kind == WEIR_EXPR_COLUMN && (expr->column & BIND_MASK) == uses->base) uses->found = true;
    return !uses->found;
}

bool weir_bind_uses(const struct weir_expr *expr, uint32_t base)
{
    struct uses uses = { base, false };
    weir_expr_visit(expr, visit_uses, &uses);
    return uses.found;
}

static bool find_outer(void *context, const struct weir_expr *expr)
{
    const struct weir_expr **found = context;
    if (expr->kind == WEIR_EXPR_COLUMN && (expr->column & BIND_MASK) == BIND_OUTER) *found = expr;
    return !*found;
}

enum weir_error_code weir_bind_no_outer(
    struct bind_context *context, struct weir_expr *const *exprs, uint32_t count, struct weir_sql_span span)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct weir_expr *found = NULL;
        weir_expr_visit(exprs[i], find_outer, &found);
        if (!found) continue;
        if (found->line) span.line = found->line, span.column = found->column_position;
        return weir_bind_unsupported(
            context, span, "A column of the outer query that does not stand in the WHERE of its sub-query");
    }
    return WEIR_OK;
}

struct weir_expr *weir_bind_without_time_attribute(struct bind_context *context, struct weir_expr *expr)
{
    if (expr->type->time_attribute == WEIR_TIME_ATTRIBUTE_NONE) return expr;
    struct weir_expr *copy = WEIR_ARENA_NEW(context->arena, struct weir_expr);
    *copy = *expr;
    copy->type = weir_type_with_time_attribute(context->arena, expr->type, WEIR_TIME_ATTRIBUTE_NONE);
    return copy;
}

static struct weir_expr *shift_column(void *by, struct weir_arena *arena, struct weir_expr *expr)
{
    if (expr->kind != WEIR_EXPR_COLUMN || expr->column & BIND_MASK) return expr;
    return weir_expr_column(arena, expr->column + *(uint32_t *)by, expr->type);
}

struct weir_expr *weir_bind_shift(struct bind_context *context, struct weir_expr *expr, uint32_t by)
{
    return weir_expr_rewrite(context->arena, expr, shift_column, &by);
}

static char folded(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

bool weir_bind_starts_with(const char *text, const char *prefix)
{
    for (; *prefix; text++, prefix++) {
        if (folded(*text) != folded(*prefix)) return false;
    }
    return true;
}

bool weir_bind_same_word(const char *a, const char *b)
{
    return strlen(a) == strlen(b) && weir_bind_starts_with(a, b);
}

const char *weir_bind_path_text(struct bind_context *context, const struct weir_sql_path *path)
{
    const char *text = path->count ? path->parts[0].text : "";
    for (uint32_t i = 1; i < path->count; i++) {
        text = weir_arena_format(context->arena, "%s.%s", text, path->parts[i].text);
    }
    return text;
}

enum { EXPR_TEXT_BYTES_MAX = 1 << 20 };

const char *weir_bind_expr_text(struct bind_context *context, const struct weir_sql_expr *expr)
{
    struct weir_buffer text;
    weir_buffer_init(&text, context->input->memory, EXPR_TEXT_BYTES_MAX);
    weir_sql_print_expression(expr, &text);
    const char *copy = weir_arena_string(context->arena, weir_buffer_text(&text));
    weir_buffer_done(&text);
    return copy;
}

enum weir_error_code weir_bind_type(
    struct bind_context *context, const struct weir_sql_type *ast, const struct weir_type **ret)
{
    if (!ast->type) {
        return weir_bind_error(
            context, WEIR_E_UNSUPPORTED, ast->span, "The data type %s is not implemented", ast->refused);
    }
    *ret = ast->type;
    return WEIR_OK;
}
