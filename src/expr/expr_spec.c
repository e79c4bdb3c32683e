/*
 * Expressions in stored form: a list whose first item is the kind.
 *   [0, type, value]  literal      [1, column, type]      [2, function name, type, argument ...]   [3..6,
 * type, argument ...]
 */
#include "expr/build.h"
#include "expr/kernel.h"

struct weir_spec *weir_expr_to_spec(struct weir_arena *arena, const struct weir_expr *expr)
{
    struct weir_spec *spec = weir_spec_list(arena);
    weir_spec_add(arena, spec, weir_spec_integer(arena, expr->kind));
    if (expr->kind == WEIR_EXPR_LITERAL) {
        weir_spec_add(arena, spec, weir_spec_type(arena, expr->type));
        weir_spec_add(arena, spec, weir_spec_value(arena, expr->literal));
        return spec;
    }
    if (expr->kind == WEIR_EXPR_COLUMN) {
        weir_spec_add(arena, spec, weir_spec_integer(arena, expr->column));
        weir_spec_add(arena, spec, weir_spec_type(arena, expr->type));
        return spec;
    }
    if (expr->kind == WEIR_EXPR_CALL) weir_spec_add(arena, spec, weir_spec_text(arena, expr->function->name));
    weir_spec_add(arena, spec, weir_spec_type(arena, expr->type));
    for (uint32_t i = 0; i < expr->argument_count; i++)
        weir_spec_add(arena, spec, weir_expr_to_spec(arena, expr->arguments[i]));
    return spec;
}

static enum weir_error_code malformed(struct weir_error *reterr, const char *what)
{
    return weir_error_set(reterr, WEIR_E_FORMAT, "A stored expression is malformed: %s", what);
}

static const struct weir_spec *item(const struct weir_spec *spec, uint32_t index, enum weir_spec_kind kind)
{
    if (index >= spec->count || spec->items[index]->kind != kind) return NULL;
    return spec->items[index];
}

static enum weir_error_code read_leaf(struct weir_arena *arena, const struct weir_spec *spec,
    enum weir_expr_kind kind, struct weir_expr **ret, struct weir_error *reterr)
{
    if (kind == WEIR_EXPR_LITERAL) {
        const struct weir_spec *value = item(spec, 2, WEIR_SPEC_VALUE);
        if (!value) return malformed(reterr, "a literal has no value");
        *ret = weir_expr_literal(arena, value->value);
        return WEIR_OK;
    }
    const struct weir_spec *column = item(spec, 1, WEIR_SPEC_INTEGER), *type = item(spec, 2, WEIR_SPEC_TYPE);
    if (!column || !type || column->integer < 0 || column->integer > UINT16_MAX)
        return malformed(reterr, "a column");
    *ret = weir_expr_column(arena, (uint32_t)column->integer, type->type);
    return WEIR_OK;
}

static enum weir_error_code read_expr(struct weir_arena *arena, const struct weir_spec *spec, uint32_t depth,
    struct weir_expr **ret, struct weir_error *reterr)
{
    if (!spec || spec->kind != WEIR_SPEC_LIST || depth > WEIR_SPEC_DEPTH_MAX)
        return malformed(reterr, "not a list, or too deep");
    const struct weir_spec *kind = item(spec, 0, WEIR_SPEC_INTEGER);
    if (!kind || kind->integer < WEIR_EXPR_LITERAL || kind->integer > WEIR_EXPR_COALESCE)
        return malformed(reterr, "unknown kind");
    if (kind->integer <= WEIR_EXPR_COLUMN)
        return read_leaf(arena, spec, (enum weir_expr_kind)kind->integer, ret, reterr);

    uint32_t at = 1;
    const struct weir_function *function = NULL;
    if (kind->integer == WEIR_EXPR_CALL) {
        const struct weir_spec *name = item(spec, at++, WEIR_SPEC_TEXT);
        if (!name) return malformed(reterr, "a call has no function");
        function = weir_function_find(weir_arena_copy(arena, name->text.data, name->text.length));
        if (!function) {
            return weir_error_set(reterr, WEIR_E_NOT_FOUND,
                "A stored expression calls function %.*s, which does not exist", (int)name->text.length,
                name->text.data);
        }
    }
    const struct weir_spec *type = item(spec, at++, WEIR_SPEC_TYPE);
    if (!type) return malformed(reterr, "no type");
    uint32_t count = spec->count - at;
    struct weir_expr **arguments = WEIR_ARENA_ARRAY(arena, struct weir_expr *, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        enum weir_error_code code = read_expr(arena, spec->items[at + i], depth + 1, &arguments[i], reterr);
        if (code != WEIR_OK) return code;
    }
    if (!function) {
        if (count == 0) return malformed(reterr, "no operands");
        *ret = weir_expr_new_nary(arena, (enum weir_expr_kind)kind->integer, type->type, arguments, count);
        return WEIR_OK;
    }
    if (count < function->arguments_min || count > function->arguments_max)
        return malformed(reterr, "number of arguments");
    *ret = weir_expr_new_call(arena, function, type->type, arguments, count);
    return WEIR_OK;
}

enum weir_error_code weir_expr_from_spec(
    struct weir_arena *arena, const struct weir_spec *spec, struct weir_expr **ret, struct weir_error *reterr)
{
    return read_expr(arena, spec, 0, ret, reterr);
}
