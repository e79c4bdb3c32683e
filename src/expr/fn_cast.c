/* CAST and TRY_CAST over vectors: loops between primitive numbers, converters value by value for all else. */
#include "expr/cast.h"
#include "expr/types.h"

#include "data/decimal.h"
#include "data/number.h"

/* --- primitive numbers --- */

#define FROM_INTEGER(from_suffix, from_type)                       \
    WEIR_KERNEL_UNARY(from_suffix##_to_i8, from_type, int8_t, x)   \
    WEIR_KERNEL_UNARY(from_suffix##_to_i16, from_type, int16_t, x) \
    WEIR_KERNEL_UNARY(from_suffix##_to_i32, from_type, int32_t, x) \
    WEIR_KERNEL_UNARY(from_suffix##_to_i64, from_type, int64_t, x) \
    WEIR_KERNEL_UNARY(from_suffix##_to_f32, from_type, float, x)   \
    WEIR_KERNEL_UNARY(from_suffix##_to_f64, from_type, double, x)
#define FROM_FLOAT(from_suffix, from_type)                                             \
    WEIR_KERNEL_UNARY(from_suffix##_to_i8, from_type, int8_t, weir_double_to_i32(x))   \
    WEIR_KERNEL_UNARY(from_suffix##_to_i16, from_type, int16_t, weir_double_to_i32(x)) \
    WEIR_KERNEL_UNARY(from_suffix##_to_i32, from_type, int32_t, weir_double_to_i32(x)) \
    WEIR_KERNEL_UNARY(from_suffix##_to_i64, from_type, int64_t, weir_double_to_i64(x)) \
    WEIR_KERNEL_UNARY(from_suffix##_to_f32, from_type, float, x)                       \
    WEIR_KERNEL_UNARY(from_suffix##_to_f64, from_type, double, x)
WEIR_FOR_INTEGERS(FROM_INTEGER)
WEIR_FOR_FLOATS(FROM_FLOAT)

#define TO_ALL(from)                                                                            \
    {                                                                                           \
        from##_to_i8, from##_to_i16, from##_to_i32, from##_to_i64, from##_to_f32, from##_to_f64 \
    }
static const weir_kernel number_kernels[6][6] = { TO_ALL(i8), TO_ALL(i16), TO_ALL(i32), TO_ALL(i64),
    TO_ALL(f32), TO_ALL(f64) };

static weir_kernel number_kernel(const struct weir_type *from, const struct weir_type *to)
{
    bool primitive = from->id >= WEIR_TYPE_TINYINT && from->id <= WEIR_TYPE_DOUBLE &&
                     to->id >= WEIR_TYPE_TINYINT && to->id <= WEIR_TYPE_DOUBLE;
    return primitive ? number_kernels[from->id - WEIR_TYPE_TINYINT][to->id - WEIR_TYPE_TINYINT] : NULL;
}

/* --- exact numbers to DECIMAL where the types prove that they fit --- */

#define SCALE_KERNEL(name, from_type, to_type)                                                     \
    static enum weir_error_code name(WEIR_KERNEL_PARAMETERS)                                       \
    {                                                                                              \
        to_type power =                                                                            \
            (to_type)weir_decimal_power((uint32_t)(out->type->scale - arguments[0]->type->scale)); \
        const from_type *from = arguments[0]->data;                                                \
        to_type *restrict to = out->data;                                                          \
        WEIR_FOR_ROWS(i, rows, count)                                                              \
        {                                                                                          \
            to[i] = from[weir_argument_row(arguments[0], i)] * power;                              \
        }                                                                                          \
        return WEIR_OK;                                                                            \
    }
SCALE_KERNEL(scale_i32_i64, int32_t, int64_t)
SCALE_KERNEL(scale_i64_i64, int64_t, int64_t)
SCALE_KERNEL(scale_i32_i128, int32_t, weir_int128)
SCALE_KERNEL(scale_i64_i128, int64_t, weir_int128)
SCALE_KERNEL(scale_i128_i128, weir_int128, weir_int128)

/* To a DECIMAL of 18 digits that may be too small: what does not fit is NULL. */
#define CHECKED_KERNEL(name, from_type)                                                                      \
    static enum weir_error_code name(WEIR_KERNEL_PARAMETERS)                                                 \
    {                                                                                                        \
        uint32_t up = (uint32_t)(out->type->scale - arguments[0]->type->scale);                              \
        int64_t power = weir_decimal_power_64[up], limit = weir_decimal_power_64[out->type->precision - up]; \
        const from_type *from = arguments[0]->data;                                                          \
        int64_t *restrict to = out->data;                                                                    \
        WEIR_FOR_ROWS(i, rows, count)                                                                        \
        {                                                                                                    \
            int64_t x = from[weir_argument_row(arguments[0], i)];                                            \
            if (WEIR_LIKELY(x > -limit && x < limit)) {                                                      \
                to[i] = x * power;                                                                           \
            } else {                                                                                         \
                weir_call_set_null(call, out, i);                                                            \
            }                                                                                                \
        }                                                                                                    \
        return WEIR_OK;                                                                                      \
    }
CHECKED_KERNEL(checked_i32, int32_t)
CHECKED_KERNEL(checked_i64, int64_t)

static weir_kernel checked_kernel(const struct weir_type *from, const struct weir_type *to)
{
    if (from->scale > to->scale || weir_type_is_wide_decimal(to)) return NULL;
    if (to->precision < to->scale - from->scale) return NULL;
    if (weir_physical_of(from) == WEIR_PHYSICAL_I32) return checked_i32;
    return weir_physical_of(from) == WEIR_PHYSICAL_I64 ? checked_i64 : NULL;
}

static weir_kernel scale_kernel(const struct weir_type *from, const struct weir_type *to)
{
    uint8_t precision, scale;
    if (to->id != WEIR_TYPE_DECIMAL || !weir_type_integer_as_decimal(from, &precision, &scale)) return NULL;
    if (to->scale < scale || to->precision - to->scale < precision - scale) return checked_kernel(from, to);
    bool wide = weir_type_is_wide_decimal(to);
    switch (weir_physical_of(from)) {
    case WEIR_PHYSICAL_I32: return wide ? scale_i32_i128 : scale_i32_i64;
    case WEIR_PHYSICAL_I64: return wide ? scale_i64_i128 : scale_i64_i64;
    case WEIR_PHYSICAL_I128: return scale_i128_i128;
    default: return NULL;
    }
}

/* --- everything else --- */

enum { QUOTED_BYTES_MAX = 128 };

static enum weir_error_code report(struct weir_call *call, const struct weir_vector *v, uint32_t row)
{
    struct weir_buffer value;
    weir_buffer_init(&value, call->scratch->memory, 64 << 10);
    weir_value_print(v, row, WEIR_TEXT_CAST, call->environment->local_zone, &value);
    size_t length = WEIR_MIN(value.length, (size_t)QUOTED_BYTES_MAX);
    enum weir_error_code code = weir_error_set(call->error, WEIR_E_CAST, "Cannot cast '%.*s'%s to %s%s",
        (int)length, value.data ? value.data : "", length < value.length ? "..." : "",
        weir_type_text(call->scratch, call->type),
        weir_type_is_nested(call->type) || weir_type_is_view(call->type)
            ? "."
            : ": the text is not of that form, or out of range.");
    weir_buffer_done(&value);
    return code;
}

enum weir_error_code weir_cast_row(
    struct weir_call *call, const struct weir_vector *v, struct weir_vector *out, uint32_t row)
{
    const struct weir_cast *cast = call->prepared;
    enum weir_cast_result result = cast->value(cast, v, weir_argument_row(v, row), out, row);
    if (result == WEIR_CAST_DONE) return WEIR_OK;
    if (result == WEIR_CAST_FAILED && !cast->is_try) return report(call, v, row);
    weir_call_set_null(call, out, row);
    return WEIR_OK;
}

static enum weir_error_code cast_rows(WEIR_KERNEL_PARAMETERS)
{
    enum weir_error_code code = WEIR_OK;
    WEIR_FOR_ROWS(i, rows, count)
    {
        code = weir_cast_row(call, arguments[0], out, i);
        if (code != WEIR_OK) break;
    }
    return code;
}

/* Nothing changes but the type's outside: which elements may be NULL, the unit of an interval, a time
 * attribute. */
static enum weir_error_code retype(WEIR_KERNEL_PARAMETERS)
{
    const struct weir_vector *v = arguments[0];
    uint64_t *validity = out->validity;
    const struct weir_type *type = out->type;
    *out = *v;
    out->type = type;
    if (validity) out->validity = validity;
    return WEIR_OK;
}

static bool is_shareable(const struct weir_type *from, const struct weir_type *to)
{
    return weir_type_is_nested(from) && weir_type_same(from, to);
}

/* ret->type holds the wanted type: casts are built by weir_expr_cast(), never by name and arguments alone. */
bool weir_infer_cast(WEIR_INFER_PARAMETERS)
{
    bool can_fail;
    if (!ret->type || !weir_cast_is_allowed(given[0], ret->type, &can_fail)) return false;
    ret->kernel = is_shareable(given[0], ret->type) ? retype : number_kernel(given[0], ret->type);
    if (!ret->kernel) ret->kernel = scale_kernel(given[0], ret->type);
    if (!ret->kernel) ret->kernel = weir_cast_text_kernel(given[0], ret->type);
    if (!ret->kernel) ret->kernel = weir_cast_time_kernel(given[0], ret->type);
    if (!ret->kernel) ret->kernel = cast_rows;
    return true;
}

static enum weir_error_code prepare(struct weir_call *call, bool is_try)
{
    if (call->argument_types[0]->id == WEIR_TYPE_NULL) return WEIR_OK;
    struct weir_cast *cast = WEIR_ARENA_NEW(call->arena, struct weir_cast);
    weir_cast_prepare(cast, call->argument_types[0], call->type, call);
    cast->is_try = is_try;
    call->prepared = cast;
    return WEIR_OK;
}

enum weir_error_code weir_cast_bind(struct weir_call *call)
{
    return prepare(call, false);
}

enum weir_error_code weir_try_cast_bind(struct weir_call *call)
{
    return prepare(call, true);
}
