/* ROUND, TRUNCATE, CEIL, FLOOR on numbers. CEIL and FLOOR TO a time unit are found here and answered by the
 * time functions. */
#include "expr/decimal_access.h"
#include "expr/kernel.h"
#include "expr/moment.h"

#include "data/number.h"

#include <math.h>

/* --- CEIL, FLOOR --- */

WEIR_KERNEL_UNARY(ceil_f32, float, float, ceilf(x))
WEIR_KERNEL_UNARY(ceil_f64, double, double, ceil(x))
WEIR_KERNEL_UNARY(floor_f32, float, float, floorf(x))
WEIR_KERNEL_UNARY(floor_f64, double, double, floor(x))
#define KEEP_KERNEL(suffix, type) WEIR_KERNEL_UNARY(keep_##suffix, type, type, x)
WEIR_FOR_INTEGERS(KEEP_KERNEL)

/* Result scale 0. */
static enum weir_error_code whole_decimal(WEIR_KERNEL_PARAMETERS, enum weir_rounding mode)
{
    const struct weir_vector *v = arguments[0];
    uint32_t scale = v->type->scale;
    weir_int128 unit = weir_decimal_power(scale);
    WEIR_FOR_ROWS(i, rows, count)
    {
        weir_int128 result, x = weir_wide_load(v, weir_argument_row(v, i));
        if (weir_decimal_round(x, scale, 0, mode, &result) &&
            weir_decimal_fits(result / unit, call->type->precision)) {
            weir_wide_store(out, i, result / unit);
        } else {
            weir_call_set_null(call, out, i);
        }
    }
    return WEIR_OK;
}

static enum weir_error_code ceil_decimal(WEIR_KERNEL_PARAMETERS)
{
    return whole_decimal(call, arguments, out, rows, count, WEIR_ROUND_CEILING);
}

static enum weir_error_code floor_decimal(WEIR_KERNEL_PARAMETERS)
{
    return whole_decimal(call, arguments, out, rows, count, WEIR_ROUND_FLOOR);
}

static weir_kernel keep_kernel(const struct weir_type *type)
{
    switch (weir_physical_of(type)) {
    case WEIR_PHYSICAL_I8: return keep_i8;
    case WEIR_PHYSICAL_I16: return keep_i16;
    case WEIR_PHYSICAL_I32: return keep_i32;
    default: return keep_i64;
    }
}

bool weir_infer_whole(WEIR_INFER_PARAMETERS)
{
    if (count == 2) return weir_infer_floor_time(arena, function, given, literals, count, ret, reterr);
    bool up = function->name[0] == 'C';
    const struct weir_type *type = given[0];
    if (type->id == WEIR_TYPE_NULL) type = ret->argument_types[0] = weir_type_of(WEIR_TYPE_INT);
    if (count != 1 || !weir_type_is_numeric(type)) return false;
    ret->type = type;
    if (type->id == WEIR_TYPE_DECIMAL) {
        ret->type = weir_type_decimal(arena, type->precision, 0, type->nullable);
        ret->kernel = up ? ceil_decimal : floor_decimal;
    } else if (type->id == WEIR_TYPE_FLOAT) {
        ret->kernel = up ? ceil_f32 : floor_f32;
    } else if (type->id == WEIR_TYPE_DOUBLE) {
        ret->kernel = up ? ceil_f64 : floor_f64;
    } else {
        ret->kernel = keep_kernel(type);
    }
    return true;
}

/* --- ROUND, TRUNCATE --- */

static int32_t digits_of(
    const struct weir_vector *const *arguments, const struct weir_call *call, uint32_t row)
{
    return call->argument_count > 1 ? WEIR_ARGUMENT(int32_t, arguments[1], row) : 0;
}

static enum weir_error_code round_decimal(WEIR_KERNEL_PARAMETERS, enum weir_rounding mode)
{
    const struct weir_vector *v = arguments[0];
    uint32_t scale = v->type->scale;
    WEIR_FOR_ROWS(i, rows, count)
    {
        weir_int128 rounded, result, x = weir_wide_load(v, weir_argument_row(v, i));
        int32_t digits = digits_of(arguments, call, i);
        bool fits = weir_decimal_round(x, scale, WEIR_MIN(digits, (int32_t)scale), mode, &rounded) &&
                    weir_decimal_rescale(rounded, scale, call->type->precision, call->type->scale, &result);
        if (fits) {
            weir_wide_store(out, i, result);
        } else {
            weir_call_set_null(call, out, i);
        }
    }
    return WEIR_OK;
}

/* Only negative digits change an integer; what leaves the type's range wraps around. */
static int64_t round_integer(int64_t x, int32_t digits, bool half_up)
{
    if (digits >= 0) return x;
    if (digits < -18) return 0;
    int64_t unit = weir_decimal_power_64[-digits];
    int64_t rest = x % unit;
    int64_t away = half_up && (rest < 0 ? -rest : rest) >= unit / 2 ? (x < 0 ? -unit : unit) : 0;
    return (int64_t)((weir_int128)(x - rest) + away);
}

/* By way of the shortest decimal text, as BigDecimal.valueOf(x).setScale(digits). */
static double round_double(double x, int32_t digits, bool half_up)
{
    if (!isfinite(x) || x == 0) return x;
    uint64_t significand;
    int32_t exponent;
    weir_double_shortest(fabs(x), &significand, &exponent);
    int32_t drop = -digits - exponent; /* digits behind the place to round to */
    if (drop <= 0) return x;
    if (drop > 19) return x < 0 ? -0.0 : 0.0;
    weir_int128 unit = weir_decimal_power((uint32_t)drop);
    weir_int128 kept = significand / unit, rest = significand % unit;
    if (half_up && rest * 2 >= unit) kept++;
    double result = weir_double_from_decimal((uint64_t)kept, (int64_t)exponent + drop);
    return x < 0 ? -result : result;
}

#define ROUND_KERNEL(suffix, type, EXPRESSION)                                       \
    static enum weir_error_code round_##suffix(WEIR_KERNEL_PARAMETERS, bool half_up) \
    {                                                                                \
        WEIR_FOR_ROWS(i, rows, count)                                                \
        {                                                                            \
            type x = WEIR_ARGUMENT(type, arguments[0], i);                           \
            int32_t digits = digits_of(arguments, call, i);                          \
            WEIR_RESULT(type, out, i) = (type)(EXPRESSION);                          \
        }                                                                            \
        return WEIR_OK;                                                              \
    }
#define ROUND_INTEGER_KERNEL(suffix, type) ROUND_KERNEL(suffix, type, round_integer(x, digits, half_up))
#define ROUND_FLOAT_KERNEL(suffix, type)   ROUND_KERNEL(suffix, type, round_double(x, digits, half_up))
WEIR_FOR_INTEGERS(ROUND_INTEGER_KERNEL)
WEIR_FOR_FLOATS(ROUND_FLOAT_KERNEL)

static enum weir_error_code round_any(WEIR_KERNEL_PARAMETERS, bool half_up)
{
    switch (call->type->id) {
    case WEIR_TYPE_TINYINT: return round_i8(call, arguments, out, rows, count, half_up);
    case WEIR_TYPE_SMALLINT: return round_i16(call, arguments, out, rows, count, half_up);
    case WEIR_TYPE_INT: return round_i32(call, arguments, out, rows, count, half_up);
    case WEIR_TYPE_BIGINT: return round_i64(call, arguments, out, rows, count, half_up);
    case WEIR_TYPE_FLOAT: return round_f32(call, arguments, out, rows, count, half_up);
    case WEIR_TYPE_DOUBLE: return round_f64(call, arguments, out, rows, count, half_up);
    default:
        return round_decimal(
            call, arguments, out, rows, count, half_up ? WEIR_ROUND_HALF_UP : WEIR_ROUND_DOWN);
    }
}

static enum weir_error_code round_kernel(WEIR_KERNEL_PARAMETERS)
{
    return round_any(call, arguments, out, rows, count, true);
}

static enum weir_error_code truncate_kernel(WEIR_KERNEL_PARAMETERS)
{
    return round_any(call, arguments, out, rows, count, false);
}

static const struct weir_type *rounded_decimal(
    struct weir_arena *arena, const struct weir_type *type, bool known, int32_t digits)
{
    int precision = type->precision, scale = type->scale;
    if (!known || digits >= scale) return type;
    if (digits < 0)
        return weir_type_decimal(
            arena, (uint8_t)WEIR_MIN(WEIR_DECIMAL_PRECISION_MAX, 1 + precision - scale), 0, true);
    return weir_type_decimal(arena, (uint8_t)(1 + precision - scale + digits), (uint8_t)digits, true);
}

bool weir_infer_round(WEIR_INFER_PARAMETERS)
{
    const struct weir_type *type = given[0];
    if (type->id == WEIR_TYPE_NULL) type = ret->argument_types[0] = weir_type_of(WEIR_TYPE_INT);
    if (!weir_type_is_numeric(type)) return false;
    bool known = count == 1;
    int32_t digits = 0;
    if (count == 2) {
        bool integer = weir_type_is_integer(given[1]) && given[1]->id != WEIR_TYPE_BIGINT;
        if (!integer && given[1]->id != WEIR_TYPE_NULL) return false;
        ret->argument_types[1] = weir_type_of(WEIR_TYPE_INT);
        if (literals[1] && given[1]->id == WEIR_TYPE_INT && !weir_vector_is_null(literals[1], 0)) {
            known = true;
            digits = *(const int32_t *)literals[1]->data;
        }
    }
    ret->type = type->id == WEIR_TYPE_DECIMAL ? rounded_decimal(arena, type, known, digits) : type;
    ret->kernel = function->name[0] == 'R' ? round_kernel : truncate_kernel;
    return true;
}
