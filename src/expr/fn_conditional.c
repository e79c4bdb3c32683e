/* GREATEST, LEAST, TYPEOF, IS_ALPHA, IS_DECIMAL, IS_DIGIT, CURRENT_DATABASE. CASE and its kin are forms of
 * the evaluator. */
#include "expr/kernel.h"

#include "data/utf8.h"

#include <unicode/uchar.h>

/* --- GREATEST, LEAST --- */

/* As Flink compares: a NaN that comes first stays, a later one is passed over. */
#define EXTREME_KERNEL(name, type, IS_BETTER)                              \
    static enum weir_error_code name(WEIR_KERNEL_PARAMETERS)               \
    {                                                                      \
        WEIR_FOR_ROWS(i, rows, count)                                      \
        {                                                                  \
            const type *best = &WEIR_ARGUMENT(type, arguments[0], i);      \
            for (uint32_t k = 1; k < call->argument_count; k++) {          \
                const type *other = &WEIR_ARGUMENT(type, arguments[k], i); \
                if (IS_BETTER) best = other;                               \
            }                                                              \
            WEIR_RESULT(type, out, i) = *best;                             \
        }                                                                  \
        return WEIR_OK;                                                    \
    }
#define EXTREME_KERNELS(suffix, type)                       \
    EXTREME_KERNEL(greatest_##suffix, type, *other > *best) \
    EXTREME_KERNEL(least_##suffix, type, *other < *best)
EXTREME_KERNELS(u8, uint8_t)
WEIR_FOR_INTEGERS(EXTREME_KERNELS)
EXTREME_KERNELS(i128, weir_int128)
WEIR_FOR_FLOATS(EXTREME_KERNELS)
EXTREME_KERNEL(greatest_string, struct weir_string, weir_string_compare(other, best) > 0)
EXTREME_KERNEL(least_string, struct weir_string, weir_string_compare(other, best) < 0)

#define FORMS(o)                                                                                        \
    {                                                                                                   \
        [WEIR_PHYSICAL_U8] = o##_u8, [WEIR_PHYSICAL_I8] = o##_i8, [WEIR_PHYSICAL_I16] = o##_i16,        \
        [WEIR_PHYSICAL_I32] = o##_i32, [WEIR_PHYSICAL_I64] = o##_i64, [WEIR_PHYSICAL_I128] = o##_i128,  \
        [WEIR_PHYSICAL_F32] = o##_f32, [WEIR_PHYSICAL_F64] = o##_f64, [WEIR_PHYSICAL_VIEW] = o##_string \
    }
static const weir_kernel greatest_kernels[WEIR_PHYSICAL_NESTED + 1] = FORMS(greatest);
static const weir_kernel least_kernels[WEIR_PHYSICAL_NESTED + 1] = FORMS(least);

bool weir_infer_extreme(WEIR_INFER_PARAMETERS)
{
    const struct weir_type *type = weir_expr_common_type(arena, given, count);
    if (!type || weir_type_is_nested(type) || type->id == WEIR_TYPE_NULL) return false;
    for (uint32_t i = 0; i < count; i++) ret->argument_types[i] = type;
    ret->type = type;
    ret->kernel = (function->name[0] == 'G' ? greatest_kernels : least_kernels)[weir_physical_of(type)];
    return true;
}

/* --- TYPEOF --- */

static enum weir_error_code constant_text(WEIR_KERNEL_PARAMETERS)
{
    const struct weir_string *text = call->prepared;
    WEIR_FOR_ROWS(i, rows, count)
    {
        WEIR_RESULT(struct weir_string, out, i) = *text;
    }
    return WEIR_OK;
}

static void prepare_text(struct weir_call *call, const char *text, size_t length)
{
    struct weir_string *value = WEIR_ARENA_NEW(call->arena, struct weir_string);
    *value = weir_string_view(weir_arena_copy(call->arena, text, length), (uint32_t)length);
    call->prepared = value;
}

enum { TYPE_TEXT_BYTES_MAX = 1 << 20 };

enum weir_error_code weir_bind_typeof(struct weir_call *call)
{
    bool full = call->argument_count == 2 && call->constants[1] &&
                !weir_vector_is_null(call->constants[1], 0) && *(const uint8_t *)call->constants[1]->data;
    struct weir_buffer text;
    weir_buffer_init(&text, call->arena->memory, TYPE_TEXT_BYTES_MAX);
    if (full) {
        weir_type_print_full(call->argument_types[0], &text);
    } else {
        weir_type_print(call->argument_types[0], false, &text);
    }
    prepare_text(call, text.data ? text.data : "", text.length);
    weir_buffer_done(&text);
    return WEIR_OK;
}

bool weir_infer_typeof(WEIR_INFER_PARAMETERS)
{
    if (count == 2 && (given[1]->id != WEIR_TYPE_BOOLEAN || !literals[1])) return false;
    ret->type = &weir_type_string;
    ret->kernel = constant_text;
    return true;
}

/* --- IS_ALPHA, IS_DECIMAL, IS_DIGIT --- */

static bool all_code_points(const struct weir_string *value, UBool (*test)(UChar32))
{
    const char *data = weir_string_data(value);
    for (size_t at = 0; at < value->length;) {
        size_t bytes;
        uint32_t code_point = weir_utf8_decode(data + at, value->length - at, &bytes);
        if (!test((UChar32)code_point)) return false;
        at += bytes;
    }
    return value->length > 0;
}

static bool is_alpha(const struct weir_string *value)
{
    return all_code_points(value, u_isalpha);
}

static bool is_digit(const struct weir_string *value)
{
    return all_code_points(value, u_isdigit);
}

static size_t skip_digits(const char *data, size_t at, size_t length)
{
    while (at < length && data[at] >= '0' && data[at] <= '9') at++;
    return at;
}

/* [+-]digits[.digits][e[+-]digits] */
static bool is_decimal(const struct weir_string *value)
{
    const char *data = weir_string_data(value);
    size_t length = value->length, at = length && (data[0] == '-' || data[0] == '+');
    size_t whole = skip_digits(data, at, length), end = whole;
    if (whole < length && data[whole] == '.') end = skip_digits(data, whole + 1, length);
    bool any = whole > at || end > whole + 1;
    if (any && end < length && (data[end] == 'e' || data[end] == 'E')) {
        size_t exponent =
            end + 1 < length && (data[end + 1] == '-' || data[end + 1] == '+') ? end + 2 : end + 1;
        size_t stop = skip_digits(data, exponent, length);
        if (stop > exponent) end = stop;
    }
    return any && end == length;
}

#define TEXT_TEST_KERNEL(name, test)                                                            \
    static enum weir_error_code name(WEIR_KERNEL_PARAMETERS)                                    \
    {                                                                                           \
        const struct weir_vector *v = arguments[0];                                             \
        WEIR_FOR_ROWS(i, rows, count)                                                           \
        {                                                                                       \
            WEIR_RESULT(uint8_t, out, i) =                                                      \
                !weir_argument_is_null(v, i) && test(&WEIR_ARGUMENT(struct weir_string, v, i)); \
        }                                                                                       \
        return WEIR_OK;                                                                         \
    }
TEXT_TEST_KERNEL(is_alpha_kernel, is_alpha)
TEXT_TEST_KERNEL(is_digit_kernel, is_digit)
TEXT_TEST_KERNEL(is_decimal_kernel, is_decimal)

bool weir_infer_text_test(WEIR_INFER_PARAMETERS)
{
    bool text = weir_type_is_string(given[0]);
    bool convertible = weir_type_is_numeric(given[0]) || given[0]->id == WEIR_TYPE_NULL;
    if (!text && !convertible) return false;
    if (!text) ret->argument_types[0] = &weir_type_string;
    ret->type = &weir_type_boolean_not_null;
    ret->kernel = strcmp(function->name, "IS_ALPHA") == 0   ? is_alpha_kernel
                  : strcmp(function->name, "IS_DIGIT") == 0 ? is_digit_kernel
                                                            : is_decimal_kernel;
    return true;
}

/* --- CURRENT_DATABASE --- */

enum weir_error_code weir_bind_current_database(struct weir_call *call)
{
    const char *name = call->environment->current_database;
    if (!name) name = "default_database";
    prepare_text(call, name, strlen(name));
    return WEIR_OK;
}

bool weir_infer_current_database(WEIR_INFER_PARAMETERS)
{
    ret->type = &weir_type_string_not_null;
    ret->kernel = constant_text;
    return true;
}
