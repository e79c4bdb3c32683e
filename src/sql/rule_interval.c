/* A join whose condition bounds the difference of both sides' time attributes is an interval join. */
#include "expr/function.h"
#include "sql/optimizer.h"

struct bounds {
    int64_t lower, upper; /* of left time - right time, in ms */
    bool has_lower, has_upper;
    uint32_t left, right; /* columns of either input, UINT32_MAX: none seen yet */
};

/* column + offset, or just offset. */
struct linear {
    bool has_column;
    uint32_t column;
    int64_t offset_ms;
};

static bool interval_literal(const struct weir_expr *expr, int64_t *ret)
{
    if (expr->kind != WEIR_EXPR_LITERAL || expr->type->id != WEIR_TYPE_INTERVAL_DAY_TIME) return false;
    if (weir_vector_is_null(expr->literal, 0)) return false;
    *ret = *(const int64_t *)expr->literal->data;
    return true;
}

static bool to_linear(const struct weir_expr *expr, struct linear *ret)
{
    int64_t interval;
    if (expr->kind == WEIR_EXPR_COLUMN) {
        *ret = (struct linear){ true, expr->column, 0 };
        return true;
    }
    if (interval_literal(expr, &interval)) {
        *ret = (struct linear){ false, 0, interval };
        return true;
    }
    if (expr->kind != WEIR_EXPR_CALL) return false;
    if (weir_expr_is_call(expr, "CAST") && weir_type_is_timestamp(expr->type) &&
        expr->arguments[0]->type->id == expr->type->id)
        return to_linear(expr->arguments[0], ret);
    bool minus = strcmp(expr->function->name, "-") == 0;
    if ((!minus && strcmp(expr->function->name, "+") != 0)) return false;
    struct linear a = { 0 }, b;
    bool unary = expr->argument_count == 1;
    if (!unary && !to_linear(expr->arguments[0], &a)) return false;
    if (!to_linear(expr->arguments[unary ? 0 : 1], &b)) return false;
    if (b.has_column && (minus || a.has_column)) return false;
    *ret = (struct linear){ a.has_column || b.has_column, a.has_column ? a.column : b.column,
        minus ? a.offset_ms - b.offset_ms : a.offset_ms + b.offset_ms };
    return true;
}

static uint8_t attribute(const struct weir_rel *join, uint32_t column)
{
    uint32_t width = join->inputs[0]->field_count;
    const struct weir_rel_field *fields =
        column < width ? join->inputs[0]->fields : join->inputs[1]->fields - width;
    return fields[column].type->time_attribute;
}

static void bound_above(struct bounds *b, int64_t upper)
{
    b->upper = b->has_upper ? WEIR_MIN(b->upper, upper) : upper;
    b->has_upper = true;
}

static void bound_below(struct bounds *b, int64_t lower)
{
    b->lower = b->has_lower ? WEIR_MAX(b->lower, lower) : lower;
    b->has_lower = true;
}

/* Takes a conjunct in when it compares a time attribute of each side. */
static bool take(const struct weir_rel *join, const struct weir_expr *conjunct, struct bounds *b)
{
    static const char *const operators[] = { "<", "<=", ">", ">=", "=" };
    struct linear x, y;
    uint32_t width = join->inputs[0]->field_count, op = 0;
    if (conjunct->kind != WEIR_EXPR_CALL || conjunct->argument_count != 2) return false;
    while (op < 5 && strcmp(conjunct->function->name, operators[op]) != 0) op++;
    if (op == 5 || !to_linear(conjunct->arguments[0], &x) || !to_linear(conjunct->arguments[1], &y))
        return false;
    if (!x.has_column || !y.has_column || (x.column < width) == (y.column < width)) return false;
    uint8_t kind = attribute(join, x.column);
    if (kind == WEIR_TIME_ATTRIBUTE_NONE || attribute(join, y.column) != kind) return false;
    /* x.column + x.offset OP y.column + y.offset; with left on the left. */
    bool swap = x.column >= width;
    struct linear left = swap ? y : x, right = swap ? x : y;
    if (swap && op < 4) op ^= 2;
    if (b->left != UINT32_MAX && (b->left != left.column || b->right != right.column - width)) return false;
    b->left = left.column;
    b->right = right.column - width;
    int64_t difference = right.offset_ms - left.offset_ms;
    if (op == 0) bound_above(b, difference - 1);
    if (op == 1 || op == 4) bound_above(b, difference);
    if (op == 2) bound_below(b, difference + 1);
    if (op == 3 || op == 4) bound_below(b, difference);
    return true;
}

static bool is_key(
    const struct weir_expr *conjunct, const struct weir_rel *join, uint32_t *left, uint32_t *right)
{
    uint32_t width = join->inputs[0]->field_count;
    if (!weir_expr_is_call(conjunct, "=")) return false;
    const struct weir_expr *a = conjunct->arguments[0], *b = conjunct->arguments[1];
    if (a->kind != WEIR_EXPR_COLUMN || b->kind != WEIR_EXPR_COLUMN ||
        (a->column < width) == (b->column < width))
        return false;
    const struct weir_type *types[2] = { a->type, b->type };
    bool strings = weir_type_is_string(types[0]) && weir_type_is_string(types[1]);
    if (!strings && !weir_type_same(types[0], types[1])) return false;
    *left = WEIR_MIN(a->column, b->column);
    *right = WEIR_MAX(a->column, b->column) - width;
    return true;
}

struct weir_rel *weir_interval_join(struct weir_planning *planning, struct weir_rel *join)
{
    if (planning->batch || join->join.type > WEIR_JOIN_FULL || !join->join.condition) return NULL;
    struct weir_expr **conjuncts;
    uint32_t count = weir_expr_conjuncts(planning->arena, join->join.condition, &conjuncts), rest = 0,
             key_count = 0;
    struct bounds b = { .left = UINT32_MAX, .right = UINT32_MAX };
    for (uint32_t i = 0; i < count; i++)
        if (!take(join, conjuncts[i], &b)) conjuncts[rest++] = conjuncts[i];
    if (!b.has_lower || !b.has_upper) return NULL;
    if (!weir_rel_is_append(planning, join->inputs[0]) || !weir_rel_is_append(planning, join->inputs[1]))
        return NULL;
    uint32_t *left = WEIR_ARENA_ARRAY(planning->arena, uint32_t, rest + 1),
             *right = WEIR_ARENA_ARRAY(planning->arena, uint32_t, rest + 1);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < rest; i++) {
        if (is_key(conjuncts[i], join, &left[key_count], &right[key_count]))
            key_count++;
        else
            conjuncts[kept++] = conjuncts[i];
    }
    struct weir_rel *result =
        weir_rel_make(planning, WEIR_REL_INTERVAL_JOIN, join->inputs, 2, join->fields, join->field_count);
    result->line = join->line;
    result->column = join->column;
    result->interval_join.type = join->join.type;
    result->interval_join.condition = kept ? weir_expr_and(planning->arena, conjuncts, kept) : NULL;
    result->interval_join.left_keys = left;
    result->interval_join.right_keys = right;
    result->interval_join.key_count = key_count;
    result->interval_join.left_time = b.left;
    result->interval_join.right_time = b.right;
    result->interval_join.processing_time = attribute(join, b.left) == WEIR_TIME_ATTRIBUTE_PROCTIME;
    result->interval_join.lower_ms = b.lower;
    result->interval_join.upper_ms = b.upper;
    return result;
}
