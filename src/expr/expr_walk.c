/* Looking at expressions and rebuilding them. */
#include "expr/build.h"

#include "base/assert.h"

static bool literal_equal(const struct weir_vector *a, const struct weir_vector *b)
{
    bool null_a = weir_vector_is_null(a, 0), null_b = weir_vector_is_null(b, 0);
    if (null_a || null_b) return null_a == null_b;
    if (weir_type_is_approximate(a->type))
        return memcmp(a->data, b->data, weir_type_width(a->type)) == 0; /* 0.0 is not -0.0 */
    return weir_vector_equal_at(a, 0, b, 0);
}

bool weir_expr_equal(const struct weir_expr *a, const struct weir_expr *b)
{
    if (a == b) return true;
    if (a->kind != b->kind) return false;
    if (a->kind == WEIR_EXPR_COLUMN) return a->column == b->column;
    if (!weir_type_equal(a->type, b->type)) return false;
    if (a->kind == WEIR_EXPR_LITERAL) return literal_equal(a->literal, b->literal);
    if (a->argument_count != b->argument_count) return false;
    if (a->kind == WEIR_EXPR_CALL && a->function != b->function) return false;
    for (uint32_t i = 0; i < a->argument_count; i++) {
        if (!weir_expr_equal(a->arguments[i], b->arguments[i])) return false;
    }
    return true;
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

uint64_t weir_expr_hash(const struct weir_expr *expr)
{
    uint64_t hash = mix(UINT64_C(0x51ed270b7f6d3a25), expr->kind);
    switch (expr->kind) {
    case WEIR_EXPR_COLUMN: return mix(hash, expr->column);
    case WEIR_EXPR_LITERAL: {
        uint64_t value = 0;
        if (!weir_vector_is_null(expr->literal, 0)) {
            uint16_t first = 0;
            weir_vector_hash(expr->literal, &first, 1, &value, false);
        }
        return mix(mix(hash, expr->type->id), value);
    }
    case WEIR_EXPR_CALL: hash = mix(hash, (uint64_t)(expr->function - weir_functions)); break;
    default: break;
    }
    hash = mix(hash, expr->type->id);
    for (uint32_t i = 0; i < expr->argument_count; i++) hash = mix(hash, weir_expr_hash(expr->arguments[i]));
    return hash;
}

bool weir_expr_visit(
    const struct weir_expr *expr, bool (*visit)(void *context, const struct weir_expr *), void *context)
{
    if (!visit(context, expr)) return false;
    if (!weir_expr_has_arguments(expr)) return true;
    for (uint32_t i = 0; i < expr->argument_count; i++) {
        if (!weir_expr_visit(expr->arguments[i], visit, context)) return false;
    }
    return true;
}

static bool lacks_flags(void *context, const struct weir_expr *expr)
{
    const uint32_t *flags = context;
    return expr->kind != WEIR_EXPR_CALL || !(expr->function->flags & *flags);
}

static bool has_flags(const struct weir_expr *expr, uint32_t flags)
{
    return !weir_expr_visit(expr, lacks_flags, &flags);
}

bool weir_expr_is_deterministic(const struct weir_expr *expr)
{
    return !has_flags(expr, WEIR_FUNCTION_NONDETERMINISTIC);
}

bool weir_expr_is_dynamic(const struct weir_expr *expr)
{
    return has_flags(expr, WEIR_FUNCTION_DYNAMIC);
}

static bool only_first_varies(const struct weir_expr *call)
{
    for (uint32_t i = 1; i < call->argument_count; i++) {
        if (call->arguments[i]->kind != WEIR_EXPR_LITERAL) return false;
    }
    return true;
}

bool weir_call_can_fault(const struct weir_expr *call)
{
    uint32_t flags = call->function->flags;
    if (!(flags & WEIR_FUNCTION_FAULTABLE)) return false;
    if (flags & WEIR_FUNCTION_CHECKED && only_first_varies(call)) return false;
    const char *name = call->function->name;
    bool can_fail = true;
    if (strcmp(name, "CAST") == 0) weir_cast_is_allowed(call->arguments[0]->type, call->type, &can_fail);
    bool divides = strcmp(name, "/") == 0 || strcmp(name, "%") == 0 || strcmp(name, "MOD") == 0;
    return can_fail && !(divides && weir_type_is_approximate(call->type));
}

static bool cannot_fault(void *context, const struct weir_expr *expr)
{
    return expr->kind != WEIR_EXPR_CALL || !weir_call_can_fault(expr);
}

bool weir_expr_can_fault(const struct weir_expr *expr)
{
    return !weir_expr_visit(expr, cannot_fault, NULL);
}

bool weir_expr_is_literal(const struct weir_expr *expr)
{
    return expr->kind == WEIR_EXPR_LITERAL;
}

bool weir_expr_is_literal_true(const struct weir_expr *expr)
{
    return expr->kind == WEIR_EXPR_LITERAL && expr->type->id == WEIR_TYPE_BOOLEAN &&
           !weir_vector_is_null(expr->literal, 0) && *(const uint8_t *)expr->literal->data;
}

bool weir_expr_is_literal_false_or_null(const struct weir_expr *expr)
{
    if (expr->kind != WEIR_EXPR_LITERAL) return false;
    if (weir_vector_is_null(expr->literal, 0)) return true;
    return expr->type->id == WEIR_TYPE_BOOLEAN && !*(const uint8_t *)expr->literal->data;
}

static bool mark_column(void *context, const struct weir_expr *expr)
{
    bool *used = context;
    if (expr->kind == WEIR_EXPR_COLUMN) used[expr->column] = true;
    return true;
}

void weir_expr_columns_used(const struct weir_expr *expr, bool *used)
{
    weir_expr_visit(expr, mark_column, used);
}

static struct weir_expr *with_arguments(
    struct weir_arena *arena, const struct weir_expr *expr, struct weir_expr **arguments)
{
    struct weir_expr *copy =
        expr->kind == WEIR_EXPR_CALL
            ? weir_expr_new_call(arena, expr->function, expr->type, arguments, expr->argument_count)
            : weir_expr_new_nary(arena, expr->kind, expr->type, arguments, expr->argument_count);
    copy->line = expr->line;
    copy->column_position = expr->column_position;
    return copy;
}

struct weir_expr *weir_expr_rewrite(struct weir_arena *arena, struct weir_expr *expr,
    struct weir_expr *(*replace)(void *context, struct weir_arena *arena, struct weir_expr *), void *context)
{
    if (!weir_expr_has_arguments(expr)) return replace(context, arena, expr);
    struct weir_expr **arguments = WEIR_ARENA_ARRAY(arena, struct weir_expr *, expr->argument_count + 1);
    bool changed = false;
    for (uint32_t i = 0; i < expr->argument_count; i++) {
        arguments[i] = weir_expr_rewrite(arena, expr->arguments[i], replace, context);
        changed |= arguments[i] != expr->arguments[i];
    }
    return replace(context, arena, changed ? with_arguments(arena, expr, arguments) : expr);
}

static struct weir_expr *remap_column(void *context, struct weir_arena *arena, struct weir_expr *expr)
{
    const uint32_t *map = context;
    if (expr->kind != WEIR_EXPR_COLUMN || map[expr->column] == expr->column) return expr;
    WEIR_ASSERT(map[expr->column] != UINT32_MAX);
    struct weir_expr *column = weir_expr_column(arena, map[expr->column], expr->type);
    column->line = expr->line;
    column->column_position = expr->column_position;
    return column;
}

struct weir_expr *weir_expr_remap(struct weir_arena *arena, struct weir_expr *expr, const uint32_t *map)
{
    return weir_expr_rewrite(arena, expr, remap_column, (void *)(uintptr_t)map);
}

static struct weir_expr *replace_column(void *context, struct weir_arena *arena, struct weir_expr *expr)
{
    struct weir_expr *const *replacements = context;
    return expr->kind == WEIR_EXPR_COLUMN ? replacements[expr->column] : expr;
}

struct weir_expr *weir_expr_substitute(
    struct weir_arena *arena, struct weir_expr *expr, struct weir_expr *const *replacements)
{
    return weir_expr_rewrite(arena, expr, replace_column, (void *)(uintptr_t)replacements);
}
