/* + - * / % on DECIMAL: result types, 64-bit fast paths where the types prove that nothing overflows, exact
 * 128-bit otherwise. */
#include "expr/arithmetic.h"
#include "expr/decimal_access.h"
#include "expr/types.h"

enum { DECIMAL_SCALE_KEPT = 6 };

/* More than 38 digits: scale is given up, down to 6, so that the integral part fits. */
static void limit(int precision, int scale, uint8_t *ret_precision, uint8_t *ret_scale)
{
    if (precision > WEIR_DECIMAL_PRECISION_MAX) {
        scale =
            WEIR_MAX(WEIR_DECIMAL_PRECISION_MAX - (precision - scale), WEIR_MIN(scale, DECIMAL_SCALE_KEPT));
        precision = WEIR_DECIMAL_PRECISION_MAX;
    }
    *ret_precision = (uint8_t)precision;
    *ret_scale = (uint8_t)scale;
}

void weir_decimal_result(enum weir_arithmetic operation, uint8_t precision_a, uint8_t scale_a,
    uint8_t precision_b, uint8_t scale_b, uint8_t *precision, uint8_t *scale)
{
    int digits_a = precision_a - scale_a, digits_b = precision_b - scale_b, s;
    switch (operation) {
    case WEIR_ARITHMETIC_MULTIPLY:
        limit(precision_a + precision_b + 1, scale_a + scale_b, precision, scale);
        break;
    case WEIR_ARITHMETIC_DIVIDE:
        s = WEIR_MAX(DECIMAL_SCALE_KEPT, scale_a + precision_b + 1);
        limit(digits_a + scale_b + s, s, precision, scale);
        break;
    case WEIR_ARITHMETIC_REMAINDER:
        s = WEIR_MAX(scale_a, scale_b);
        limit(WEIR_MIN(digits_a, digits_b) + s, s, precision, scale);
        break;
    default:
        s = WEIR_MAX(scale_a, scale_b);
        limit(WEIR_MAX(digits_a, digits_b) + s + 1, s, precision, scale);
        break;
    }
}

/* Operands and result of at most 18 digits: scaling up and adding cannot overflow 64 bits. */
#define COMPACT_LOOP(EXPRESSION)                                              \
    WEIR_FOR_ROWS(i, rows, count)                                             \
    {                                                                         \
        int64_t x = a[i * step_a] * powers[0], y = b[i * step_b] * powers[1]; \
        to[i] = (EXPRESSION);                                                 \
    }

/* A constant is scaled up once; where nothing is left to be scaled, these are sums of integers. */
static enum weir_error_code compact_sum(WEIR_KERNEL_PARAMETERS, enum weir_arithmetic operation)
{
    struct weir_vector scaled[2];
    const struct weir_vector *operands[2];
    int64_t values[2], powers[2];
    for (uint32_t k = 0; k < 2; k++) {
        operands[k] = arguments[k];
        powers[k] = weir_decimal_power_64[call->type->scale - arguments[k]->type->scale];
        if (arguments[k]->encoding != WEIR_ENCODING_CONSTANT) continue;
        values[k] = ((const int64_t *)arguments[k]->data)[0] * powers[k];
        powers[k] = 1;
        scaled[k] = *arguments[k];
        scaled[k].data = &values[k];
        operands[k] = &scaled[k];
    }
    if (powers[0] == 1 && powers[1] == 1)
        return weir_arithmetic_kernel(operation, WEIR_PHYSICAL_I64)(call, operands, out, rows, count);
    const int64_t *a = operands[0]->data, *b = operands[1]->data;
    uint32_t step_a = operands[0]->encoding != WEIR_ENCODING_CONSTANT;
    uint32_t step_b = operands[1]->encoding != WEIR_ENCODING_CONSTANT;
    int64_t *restrict to = out->data;
    if (operation == WEIR_ARITHMETIC_ADD) {
        COMPACT_LOOP(x + y)
    } else {
        COMPACT_LOOP(x - y)
    }
    return WEIR_OK;
}

static enum weir_error_code add_compact(WEIR_KERNEL_PARAMETERS)
{
    return compact_sum(call, arguments, out, rows, count, WEIR_ARITHMETIC_ADD);
}

static enum weir_error_code subtract_compact(WEIR_KERNEL_PARAMETERS)
{
    return compact_sum(call, arguments, out, rows, count, WEIR_ARITHMETIC_SUBTRACT);
}

WEIR_KERNEL_BINARY(multiply_to_wide, int64_t, int64_t, weir_int128, (weir_int128)x *y)

/* Operands of either width whose result the types prove to fit: exact without checks. A loop knows the
 * widths, and that a wide operand has the result's scale; the last one takes anything. */
#define LOSSLESS_LOOP(TX, TY, X, Y, EXPRESSION) \
    const TX *xs = a->data;                     \
    const TY *ys = b->data;                     \
    WEIR_FOR_ROWS(i, rows, count)               \
    {                                           \
        weir_int128 x = (X), y = (Y);           \
        to[i] = (EXPRESSION);                   \
    }
#define LOSSLESS_KERNEL(name, scale_x, scale_y, EXPRESSION)                                     \
    static enum weir_error_code name(WEIR_KERNEL_PARAMETERS)                                    \
    {                                                                                           \
        const struct weir_vector *a = arguments[0], *b = arguments[1];                          \
        const weir_int128 power_x = (scale_x), power_y = (scale_y);                             \
        const bool wide_x = weir_type_is_wide_decimal(a->type);                                 \
        const bool wide_y = weir_type_is_wide_decimal(b->type);                                 \
        const uint32_t step_x = a->encoding != WEIR_ENCODING_CONSTANT;                          \
        const uint32_t step_y = b->encoding != WEIR_ENCODING_CONSTANT;                          \
        weir_int128 *restrict to = out->data;                                                   \
        if (wide_x && wide_y && power_x == 1 && power_y == 1) {                                 \
            LOSSLESS_LOOP(weir_int128, weir_int128, xs[i * step_x], ys[i * step_y], EXPRESSION) \
        } else if (wide_x && !wide_y && power_x == 1 && power_y <= INT64_MAX) {                 \
            LOSSLESS_LOOP(weir_int128, int64_t, xs[i * step_x],                                 \
                (weir_int128)ys[i * step_y] * (int64_t)power_y, EXPRESSION)                     \
        } else if (!wide_x && wide_y && power_y == 1 && power_x <= INT64_MAX) {                 \
            LOSSLESS_LOOP(int64_t, weir_int128, (weir_int128)xs[i * step_x] * (int64_t)power_x, \
                ys[i * step_y], EXPRESSION)                                                     \
        } else {                                                                                \
            WEIR_FOR_ROWS(i, rows, count)                                                       \
            {                                                                                   \
                weir_int128 x = weir_wide_load(a, i * step_x) * power_x;                        \
                weir_int128 y = weir_wide_load(b, i * step_y) * power_y;                        \
                to[i] = (EXPRESSION);                                                           \
            }                                                                                   \
        }                                                                                       \
        return WEIR_OK;                                                                         \
    }
#define ALIGN(v) weir_decimal_power((uint32_t)(call->type->scale - (v)->type->scale))
LOSSLESS_KERNEL(add_lossless, ALIGN(a), ALIGN(b), x + y)
LOSSLESS_KERNEL(subtract_lossless, ALIGN(a), ALIGN(b), x - y)
LOSSLESS_KERNEL(multiply_lossless, 1, 1, x *y)

typedef bool (*decimal_operation)(weir_int128 a, uint32_t scale_a, weir_int128 b, uint32_t scale_b,
    uint32_t precision, uint32_t scale, weir_int128 *result);

/* What does not fit becomes NULL. */
static enum weir_error_code run_exact(WEIR_KERNEL_PARAMETERS, decimal_operation operation, bool divides)
{
    const struct weir_vector *a = arguments[0], *b = arguments[1];
    WEIR_FOR_ROWS(i, rows, count)
    {
        weir_int128 x = weir_wide_load(a, weir_argument_row(a, i)),
                    y = weir_wide_load(b, weir_argument_row(b, i)), result;
        if (divides && y == 0) return weir_division_by_zero(call);
        if (operation(
                x, a->type->scale, y, b->type->scale, call->type->precision, call->type->scale, &result)) {
            weir_wide_store(out, i, result);
        } else {
            weir_call_set_null(call, out, i);
        }
    }
    return WEIR_OK;
}

#define EXACT_KERNEL(name, operation, divides)                                   \
    static enum weir_error_code name(WEIR_KERNEL_PARAMETERS)                     \
    {                                                                            \
        return run_exact(call, arguments, out, rows, count, operation, divides); \
    }
EXACT_KERNEL(add_exact, weir_decimal_add, false)
EXACT_KERNEL(subtract_exact, weir_decimal_subtract, false)
EXACT_KERNEL(multiply_exact, weir_decimal_multiply, false)
EXACT_KERNEL(divide_exact, weir_decimal_divide, true)
EXACT_KERNEL(remainder_exact, weir_decimal_remainder, true)

/* The types alone prove that every result fits: it has fewer digits than there may be, or the rule for its
 * digits had nothing to cut. */
static bool is_lossless(enum weir_arithmetic operation, const struct weir_type *a, const struct weir_type *b,
    const struct weir_type *type)
{
    if (type->precision < WEIR_DECIMAL_PRECISION_MAX) return true;
    uint8_t precision_a, scale_a, precision_b, scale_b;
    weir_type_integer_as_decimal(a, &precision_a, &scale_a);
    weir_type_integer_as_decimal(b, &precision_b, &scale_b);
    if (operation == WEIR_ARITHMETIC_MULTIPLY) return precision_a + precision_b < WEIR_DECIMAL_PRECISION_MAX;
    int digits = WEIR_MAX(precision_a - scale_a, precision_b - scale_b);
    return digits + WEIR_MAX(scale_a, scale_b) < WEIR_DECIMAL_PRECISION_MAX;
}

static weir_kernel choose(enum weir_arithmetic operation, const struct weir_type *a,
    const struct weir_type *b, const struct weir_type *type)
{
    static const weir_kernel exact[WEIR_ARITHMETIC_COUNT] = { add_exact, subtract_exact, multiply_exact,
        divide_exact, remainder_exact };
    bool compact_operands =
        weir_physical_of(a) == WEIR_PHYSICAL_I64 && weir_physical_of(b) == WEIR_PHYSICAL_I64;
    bool compact = compact_operands && !weir_type_is_wide_decimal(type);
    bool lossless = weir_type_is_wide_decimal(type) && is_lossless(operation, a, b, type);
    if (operation == WEIR_ARITHMETIC_ADD && compact) return add_compact;
    if (operation == WEIR_ARITHMETIC_SUBTRACT && compact) return subtract_compact;
    if (operation == WEIR_ARITHMETIC_MULTIPLY && compact)
        return weir_arithmetic_kernel(operation, WEIR_PHYSICAL_I64);
    if (operation == WEIR_ARITHMETIC_MULTIPLY && compact_operands && lossless) return multiply_to_wide;
    if (operation == WEIR_ARITHMETIC_ADD && lossless) return add_lossless;
    if (operation == WEIR_ARITHMETIC_SUBTRACT && lossless) return subtract_lossless;
    if (operation == WEIR_ARITHMETIC_MULTIPLY && lossless) return multiply_lossless;
    return exact[operation];
}

/* An integer takes part as BIGINT, which costs no conversion to speak of; it counts with the digits of its
 * own type. */
static const struct weir_type *as_operand(struct weir_arena *arena, const struct weir_type *type)
{
    if (type->id == WEIR_TYPE_DECIMAL) return type;
    return weir_type_nullable(arena, weir_type_of(WEIR_TYPE_BIGINT), type->nullable);
}

bool weir_infer_decimal_arithmetic(struct weir_arena *arena, enum weir_arithmetic operation,
    const struct weir_type *a, const struct weir_type *b, struct weir_function_match *ret)
{
    uint8_t precision_a, scale_a, precision_b, scale_b, precision, scale;
    weir_type_integer_as_decimal(a, &precision_a, &scale_a);
    weir_type_integer_as_decimal(b, &precision_b, &scale_b);
    a = ret->argument_types[0] = as_operand(arena, a);
    b = ret->argument_types[1] = as_operand(arena, b);
    if (!ret->type) { /* a compiled call keeps the planned type: its integers have become BIGINT */
        weir_decimal_result(operation, precision_a, scale_a, precision_b, scale_b, &precision, &scale);
        ret->type = weir_type_decimal(arena, precision, scale, true);
    }
    ret->kernel = choose(operation, a, b, ret->type);
    return ret->type->id == WEIR_TYPE_DECIMAL;
}
