/* + - * / % on integers and floating point; which family an operator belongs to by its operand types. */
#include "expr/arithmetic.h"
#include "expr/kernel.h"
#include "expr/types.h"

#include <math.h>

/* Integers wrap around as in Java (-fwrapv). */
#define ARITHMETIC_KERNELS(BINARY, suffix, type)       \
    BINARY(add_##suffix, type, type, type, x + y)      \
    BINARY(subtract_##suffix, type, type, type, x - y) \
    BINARY(multiply_##suffix, type, type, type, x *y)  \
    WEIR_KERNEL_UNARY(negate_##suffix, type, type, -x) \
    WEIR_KERNEL_UNARY(keep_##suffix, type, type, x)

ARITHMETIC_KERNELS(WEIR_KERNEL_BINARY, i8, int8_t)
ARITHMETIC_KERNELS(WEIR_KERNEL_BINARY, i16, int16_t)
ARITHMETIC_KERNELS(WEIR_KERNEL_BINARY_CLONED, i32, int32_t)
ARITHMETIC_KERNELS(WEIR_KERNEL_BINARY_CLONED, i64, int64_t)
ARITHMETIC_KERNELS(WEIR_KERNEL_BINARY, i128, weir_int128)
ARITHMETIC_KERNELS(WEIR_KERNEL_BINARY_CLONED, f32, float)
ARITHMETIC_KERNELS(WEIR_KERNEL_BINARY_CLONED, f64, double)

WEIR_KERNEL_BINARY_CLONED(divide_f32, float, float, float, x / y)
WEIR_KERNEL_BINARY_CLONED(divide_f64, double, double, double, x / y)
WEIR_KERNEL_BINARY(remainder_f32, float, float, float, fmodf(x, y))
WEIR_KERNEL_BINARY(remainder_f64, double, double, double, fmod(x, y))

enum weir_error_code weir_division_by_zero(struct weir_call *call)
{
    return weir_error_set(call->error, WEIR_E_ARITHMETIC, "Division by zero");
}

/* -1 is apart: the smallest number divided by it has no result in hardware; here it wraps. */
#define DIVISION_KERNELS(suffix, type)                                                               \
    static enum weir_error_code divide_##suffix(WEIR_KERNEL_PARAMETERS)                              \
    {                                                                                                \
        type *to = out->data;                                                                        \
        WEIR_FOR_ROWS(i, rows, count)                                                                \
        {                                                                                            \
            type x = WEIR_ARGUMENT(type, arguments[0], i), y = WEIR_ARGUMENT(type, arguments[1], i); \
            if (y == 0) return weir_division_by_zero(call);                                          \
            to[i] = (type)(y == -1 ? -x : x / y);                                                    \
        }                                                                                            \
        return WEIR_OK;                                                                              \
    }                                                                                                \
    static enum weir_error_code remainder_##suffix(WEIR_KERNEL_PARAMETERS)                           \
    {                                                                                                \
        type *to = out->data;                                                                        \
        WEIR_FOR_ROWS(i, rows, count)                                                                \
        {                                                                                            \
            type x = WEIR_ARGUMENT(type, arguments[0], i), y = WEIR_ARGUMENT(type, arguments[1], i); \
            if (y == 0) return weir_division_by_zero(call);                                          \
            to[i] = (type)(y == -1 ? 0 : x % y);                                                     \
        }                                                                                            \
        return WEIR_OK;                                                                              \
    }
WEIR_FOR_INTEGERS(DIVISION_KERNELS)

/* The remainder has the type of the divisor even where the dividend is wider. */
static enum weir_error_code remainder_narrow(WEIR_KERNEL_PARAMETERS)
{
    WEIR_FOR_ROWS(i, rows, count)
    {
        int64_t x = WEIR_ARGUMENT(int64_t, arguments[0], i), y = WEIR_ARGUMENT(int64_t, arguments[1], i);
        if (y == 0) return weir_division_by_zero(call);
        int64_t result = y == -1 ? 0 : x % y;
        switch (weir_type_width(out->type)) {
        case 1: WEIR_RESULT(int8_t, out, i) = (int8_t)result; break;
        case 2: WEIR_RESULT(int16_t, out, i) = (int16_t)result; break;
        case 4: WEIR_RESULT(int32_t, out, i) = (int32_t)result; break;
        default: WEIR_RESULT(int64_t, out, i) = result; break;
        }
    }
    return WEIR_OK;
}

#define BY_FORM(operation, i8_, i16_, i32_, i64_, i128_, f32_, f64_)                          \
    {                                                                                         \
        [WEIR_PHYSICAL_I8] = i8_, [WEIR_PHYSICAL_I16] = i16_, [WEIR_PHYSICAL_I32] = i32_,     \
        [WEIR_PHYSICAL_I64] = i64_, [WEIR_PHYSICAL_I128] = i128_, [WEIR_PHYSICAL_F32] = f32_, \
        [WEIR_PHYSICAL_F64] = f64_                                                            \
    }
#define ALL_FORMS(o)    BY_FORM(o, o##_i8, o##_i16, o##_i32, o##_i64, o##_i128, o##_f32, o##_f64)
#define NO_WIDE_FORM(o) BY_FORM(o, o##_i8, o##_i16, o##_i32, o##_i64, NULL, o##_f32, o##_f64)

static const weir_kernel kernels[WEIR_ARITHMETIC_COUNT][WEIR_PHYSICAL_NESTED + 1] = {
    [WEIR_ARITHMETIC_ADD] = ALL_FORMS(add),
    [WEIR_ARITHMETIC_SUBTRACT] = ALL_FORMS(subtract),
    [WEIR_ARITHMETIC_MULTIPLY] = ALL_FORMS(multiply),
    [WEIR_ARITHMETIC_DIVIDE] = NO_WIDE_FORM(divide),
    [WEIR_ARITHMETIC_REMAINDER] = NO_WIDE_FORM(remainder),
};
static const weir_kernel negate_kernels[WEIR_PHYSICAL_NESTED + 1] = ALL_FORMS(negate);
static const weir_kernel keep_kernels[WEIR_PHYSICAL_NESTED + 1] = ALL_FORMS(keep);

weir_kernel weir_arithmetic_kernel(enum weir_arithmetic operation, enum weir_physical form)
{
    return kernels[operation][form];
}

/* --- types --- */

static bool operation_of(const struct weir_function *function, enum weir_arithmetic *operation)
{
    static const char *const names[WEIR_ARITHMETIC_COUNT] = { "+", "-", "*", "/", "%" };
    if (strcmp(function->name, "MOD") == 0) {
        *operation = WEIR_ARITHMETIC_REMAINDER;
        return true;
    }
    for (uint32_t i = 0; i < WEIR_ARITHMETIC_COUNT; i++) {
        if (strcmp(function->name, names[i]) == 0) {
            *operation = (enum weir_arithmetic)i;
            return true;
        }
    }
    return false;
}

static bool infer_sign(
    const struct weir_function *function, const struct weir_type *type, struct weir_function_match *ret)
{
    bool signed_type = weir_type_is_numeric(type) || weir_type_is_interval(type);
    if (!signed_type) return false;
    ret->type = type;
    ret->kernel = (function->name[0] == '-' ? negate_kernels : keep_kernels)[weir_physical_of(type)];
    return true;
}

static bool infer_integers(struct weir_arena *arena, enum weir_arithmetic operation,
    const struct weir_type *a, const struct weir_type *b, struct weir_function_match *ret)
{
    const struct weir_type *types[2] = { a, b };
    const struct weir_type *type = weir_expr_common_type(arena, types, 2);
    const struct weir_type *narrow =
        ret->type ? ret->type : b; /* of a compiled call the operands are BIGINT already */
    if (operation == WEIR_ARITHMETIC_REMAINDER && narrow->id < type->id) {
        ret->argument_types[0] = ret->argument_types[1] = weir_type_of(WEIR_TYPE_BIGINT);
        ret->type = narrow;
        ret->kernel = remainder_narrow;
        return true;
    }
    ret->argument_types[0] = ret->argument_types[1] = ret->type = type;
    ret->kernel = kernels[operation][weir_physical_of(type)];
    return true;
}

bool weir_infer_arithmetic(WEIR_INFER_PARAMETERS)
{
    enum weir_arithmetic operation;
    if (!operation_of(function, &operation)) return false;
    if (count == 1) return given[0]->id == WEIR_TYPE_NULL ? false : infer_sign(function, given[0], ret);
    const struct weir_type *a = given[0], *b = given[1];
    if (a->id == WEIR_TYPE_NULL && b->id == WEIR_TYPE_NULL) a = b = weir_type_of(WEIR_TYPE_INT);
    if (a->id == WEIR_TYPE_NULL) a = weir_type_nullable(arena, b, true);
    if (b->id == WEIR_TYPE_NULL) b = weir_type_nullable(arena, a, true);
    ret->argument_types[0] = a;
    ret->argument_types[1] = b;
    if (weir_infer_temporal_arithmetic(arena, operation, a, b, ret)) return true;
    if (!weir_type_is_numeric(a) || !weir_type_is_numeric(b)) {
        weir_error_set(reterr, WEIR_E_SQL_VALIDATION, "Cannot apply '%s' to arguments of type '<%s> %s <%s>'",
            function->name, weir_type_text(arena, given[0]), function->name, weir_type_text(arena, given[1]));
        return false;
    }
    bool approximate = weir_type_is_approximate(a) || weir_type_is_approximate(b);
    if (!approximate && (a->id == WEIR_TYPE_DECIMAL || b->id == WEIR_TYPE_DECIMAL)) {
        return weir_infer_decimal_arithmetic(arena, operation, a, b, ret);
    }
    return infer_integers(arena, operation, a, b, ret);
}
