/* Elementary functions, ABS, SIGN, CEIL, FLOOR, BIN, HEX, UNHEX. */
#include "expr/decimal_access.h"
#include "expr/kernel.h"
#include "expr/types.h"

#include "data/number.h"

#include <math.h>

/* --- functions of one or two DOUBLEs --- */

static const double degrees_of_radian = 57.29577951308232, radians_of_degree = 0.017453292519943295;

WEIR_KERNEL_UNARY(sqrt_kernel, double, double, sqrt(x))
WEIR_KERNEL_UNARY(ln_kernel, double, double, log(x))
WEIR_KERNEL_UNARY(log10_kernel, double, double, log10(x))
WEIR_KERNEL_UNARY(log2_kernel, double, double, log(x) / log(2.0))
WEIR_KERNEL_UNARY(exp_kernel, double, double, exp(x))
WEIR_KERNEL_UNARY(sin_kernel, double, double, sin(x))
WEIR_KERNEL_UNARY(sinh_kernel, double, double, sinh(x))
WEIR_KERNEL_UNARY(cos_kernel, double, double, cos(x))
WEIR_KERNEL_UNARY(cosh_kernel, double, double, cosh(x))
WEIR_KERNEL_UNARY(tan_kernel, double, double, tan(x))
WEIR_KERNEL_UNARY(tanh_kernel, double, double, tanh(x))
WEIR_KERNEL_UNARY(cot_kernel, double, double, 1.0 / tan(x))
WEIR_KERNEL_UNARY(asin_kernel, double, double, asin(x))
WEIR_KERNEL_UNARY(acos_kernel, double, double, acos(x))
WEIR_KERNEL_UNARY(atan_kernel, double, double, atan(x))
WEIR_KERNEL_UNARY(degrees_kernel, double, double, x *degrees_of_radian)
WEIR_KERNEL_UNARY(radians_kernel, double, double, x *radians_of_degree)
WEIR_KERNEL_BINARY(power_kernel, double, double, double, pow(x, y))
WEIR_KERNEL_BINARY(atan2_kernel, double, double, double, atan2(x, y))
WEIR_KERNEL_BINARY(log_kernel, double, double, double, log(y) / log(x))

static const struct {
    const char *name;
    uint32_t arguments;
    weir_kernel kernel;
} double_functions[] = {
    { "SQRT", 1, sqrt_kernel },
    { "LN", 1, ln_kernel },
    { "LOG10", 1, log10_kernel },
    { "LOG2", 1, log2_kernel },
    { "LOG", 1, ln_kernel },
    { "LOG", 2, log_kernel },
    { "EXP", 1, exp_kernel },
    { "SIN", 1, sin_kernel },
    { "SINH", 1, sinh_kernel },
    { "COS", 1, cos_kernel },
    { "COSH", 1, cosh_kernel },
    { "TAN", 1, tan_kernel },
    { "TANH", 1, tanh_kernel },
    { "COT", 1, cot_kernel },
    { "ASIN", 1, asin_kernel },
    { "ACOS", 1, acos_kernel },
    { "ATAN", 1, atan_kernel },
    { "ATAN2", 2, atan2_kernel },
    { "DEGREES", 1, degrees_kernel },
    { "RADIANS", 1, radians_kernel },
    { "POWER", 2, power_kernel },
};

static bool numeric_or_null(const struct weir_type *type)
{
    return weir_type_is_numeric(type) || type->id == WEIR_TYPE_NULL;
}

bool weir_infer_double(WEIR_INFER_PARAMETERS)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!numeric_or_null(given[i])) return false;
        ret->argument_types[i] =
            weir_type_nullable(arena, weir_type_of(WEIR_TYPE_DOUBLE), given[i]->nullable);
    }
    for (uint32_t i = 0; i < WEIR_ARRAY_COUNT(double_functions); i++) {
        bool fits =
            strcmp(double_functions[i].name, function->name) == 0 && double_functions[i].arguments == count;
        if (fits) ret->kernel = double_functions[i].kernel;
    }
    ret->type = weir_type_of(WEIR_TYPE_DOUBLE);
    return ret->kernel != NULL;
}

static enum weir_error_code pi_kernel(WEIR_KERNEL_PARAMETERS)
{
    WEIR_FOR_ROWS(i, rows, count)
    {
        WEIR_RESULT(double, out, i) = M_PI;
    }
    return WEIR_OK;
}

static enum weir_error_code e_kernel(WEIR_KERNEL_PARAMETERS)
{
    WEIR_FOR_ROWS(i, rows, count)
    {
        WEIR_RESULT(double, out, i) = M_E;
    }
    return WEIR_OK;
}

bool weir_infer_constant(WEIR_INFER_PARAMETERS)
{
    ret->type = weir_type_of(WEIR_TYPE_DOUBLE);
    ret->kernel = function->name[0] == 'P' ? pi_kernel : e_kernel;
    return true;
}

/* --- ABS, SIGN --- */

#define SIGN_KERNELS(suffix, type)                              \
    WEIR_KERNEL_UNARY(abs_##suffix, type, type, x < 0 ? -x : x) \
    WEIR_KERNEL_UNARY(sign_##suffix, type, type, (x > 0) - (x < 0))
WEIR_FOR_INTEGERS(SIGN_KERNELS)
SIGN_KERNELS(i128, weir_int128)
WEIR_KERNEL_UNARY(abs_f32, float, float, fabsf(x))
WEIR_KERNEL_UNARY(abs_f64, double, double, fabs(x))
WEIR_KERNEL_UNARY(sign_f32, float, float, x > 0 ? 1 : x < 0 ? -1 : x)
WEIR_KERNEL_UNARY(sign_f64, double, double, x > 0 ? 1 : x < 0 ? -1 : x)

/* 1, 0 or -1 at the argument's scale; NULL where the type has no room for a 1. */
static enum weir_error_code sign_decimal(WEIR_KERNEL_PARAMETERS)
{
    weir_int128 one = weir_decimal_power(call->type->scale);
    bool fits = weir_decimal_fits(one, call->type->precision);
    WEIR_FOR_ROWS(i, rows, count)
    {
        weir_int128 x = weir_wide_load(arguments[0], weir_argument_row(arguments[0], i));
        weir_int128 sign = x == 0 ? 0 : x < 0 ? -one : one;
        if (x == 0 || fits) {
            weir_wide_store(out, i, sign);
        } else {
            weir_call_set_null(call, out, i);
        }
    }
    return WEIR_OK;
}

#define FORMS(o)                                                                                       \
    {                                                                                                  \
        [WEIR_PHYSICAL_I8] = o##_i8, [WEIR_PHYSICAL_I16] = o##_i16, [WEIR_PHYSICAL_I32] = o##_i32,     \
        [WEIR_PHYSICAL_I64] = o##_i64, [WEIR_PHYSICAL_I128] = o##_i128, [WEIR_PHYSICAL_F32] = o##_f32, \
        [WEIR_PHYSICAL_F64] = o##_f64                                                                  \
    }
static const weir_kernel abs_kernels[WEIR_PHYSICAL_NESTED + 1] = FORMS(abs);
static const weir_kernel sign_kernels[WEIR_PHYSICAL_NESTED + 1] = FORMS(sign);

static const struct weir_type *number_or_int(struct weir_arena *arena, const struct weir_type *type)
{
    return type->id == WEIR_TYPE_NULL ? weir_type_of(WEIR_TYPE_INT) : type;
}

bool weir_infer_abs(WEIR_INFER_PARAMETERS)
{
    if (!numeric_or_null(given[0])) return false;
    ret->type = ret->argument_types[0] = number_or_int(arena, given[0]);
    ret->kernel = abs_kernels[weir_physical_of(ret->type)];
    return true;
}

bool weir_infer_sign(WEIR_INFER_PARAMETERS)
{
    if (!numeric_or_null(given[0])) return false;
    ret->type = ret->argument_types[0] = number_or_int(arena, given[0]);
    bool decimal = ret->type->id == WEIR_TYPE_DECIMAL;
    ret->kernel = decimal ? sign_decimal : sign_kernels[weir_physical_of(ret->type)];
    return true;
}

/* --- BIN, HEX, UNHEX --- */

static enum weir_error_code radix_kernel(WEIR_KERNEL_PARAMETERS, uint32_t bits)
{
    WEIR_FOR_ROWS(i, rows, count)
    {
        char text[64];
        uint32_t at = sizeof text;
        uint64_t value = (uint64_t)WEIR_ARGUMENT(int64_t, arguments[0], i);
        do {
            text[--at] = "0123456789ABCDEF"[value & ((1u << bits) - 1)];
            value >>= bits;
        } while (value);
        WEIR_RESULT(struct weir_string, out, i) =
            weir_heap_writer_string(call->heap, text + at, (uint32_t)sizeof text - at);
    }
    return WEIR_OK;
}

static enum weir_error_code bin_kernel(WEIR_KERNEL_PARAMETERS)
{
    return radix_kernel(call, arguments, out, rows, count, 1);
}

static enum weir_error_code hex_integer(WEIR_KERNEL_PARAMETERS)
{
    return radix_kernel(call, arguments, out, rows, count, 4);
}

static enum weir_error_code hex_string(WEIR_KERNEL_PARAMETERS)
{
    WEIR_FOR_ROWS(i, rows, count)
    {
        const struct weir_string *value = &WEIR_ARGUMENT(struct weir_string, arguments[0], i);
        const char *from = weir_string_data(value);
        char *to = weir_heap_writer_allocate(call->heap, (size_t)value->length * 2 + 1);
        for (uint32_t k = 0; k < value->length; k++) {
            to[2 * k] = "0123456789ABCDEF"[(unsigned char)from[k] >> 4];
            to[2 * k + 1] = "0123456789ABCDEF"[(unsigned char)from[k] & 15];
        }
        WEIR_RESULT(struct weir_string, out, i) = weir_string_view(to, value->length * 2);
    }
    return WEIR_OK;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Pairs from the end; an odd first digit is checked but counts as 0, as in Flink. */
static bool unhex(const char *from, uint32_t length, char *to)
{
    uint32_t odd = length & 1;
    if (odd && digit(from[0]) < 0) return false;
    if (odd) *to++ = 0;
    for (uint32_t k = odd; k < length; k += 2) {
        int high = digit(from[k]), low = digit(from[k + 1]);
        if (high < 0 || low < 0) return false;
        *to++ = (char)(high << 4 | low);
    }
    return true;
}

static enum weir_error_code unhex_kernel(WEIR_KERNEL_PARAMETERS)
{
    WEIR_FOR_ROWS(i, rows, count)
    {
        const struct weir_string *value = &WEIR_ARGUMENT(struct weir_string, arguments[0], i);
        char *to = weir_heap_writer_allocate(call->heap, value->length / 2 + 1);
        if (unhex(weir_string_data(value), value->length, to)) {
            WEIR_RESULT(struct weir_string, out, i) = weir_string_view(to, (value->length + 1) / 2);
        } else {
            weir_call_set_null(call, out, i);
        }
    }
    return WEIR_OK;
}

bool weir_infer_bin(WEIR_INFER_PARAMETERS)
{
    if (!weir_type_is_integer(given[0]) && given[0]->id != WEIR_TYPE_NULL) return false;
    ret->argument_types[0] = weir_type_of(WEIR_TYPE_BIGINT);
    ret->type = &weir_type_string;
    ret->kernel = bin_kernel;
    return true;
}

bool weir_infer_hex(WEIR_INFER_PARAMETERS)
{
    ret->type = &weir_type_string;
    if (weir_type_is_integer(given[0])) {
        ret->argument_types[0] = weir_type_of(WEIR_TYPE_BIGINT);
        ret->kernel = hex_integer;
        return true;
    }
    if (given[0]->id == WEIR_TYPE_NULL) ret->argument_types[0] = &weir_type_string;
    ret->kernel = hex_string;
    return weir_type_is_string(ret->argument_types[0]);
}

bool weir_infer_unhex(WEIR_INFER_PARAMETERS)
{
    if (given[0]->id == WEIR_TYPE_NULL) ret->argument_types[0] = &weir_type_string;
    ret->type = &weir_type_bytes;
    ret->kernel = unhex_kernel;
    return weir_type_is_string(ret->argument_types[0]);
}
