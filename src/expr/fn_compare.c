/* = <> < <= > >= and IS [NOT] DISTINCT FROM for every type. */
#include "expr/build.h"
#include "expr/decimal_access.h"
#include "expr/kernel.h"
#include "expr/types.h"

enum operation { EQUAL, NOT_EQUAL, LESS, LESS_EQUAL, GREATER, GREATER_EQUAL, OPERATION_COUNT };

static const char *const operation_names[OPERATION_COUNT] = { "=", "<>", "<", "<=", ">", ">=" };

/* --- kernels of primitive types --- */

#define COMPARE_KERNELS(BINARY, suffix, type)                                                          \
    BINARY(equal_##suffix, type, type, uint8_t, x == y)                                                \
    BINARY(not_equal_##suffix, type, type, uint8_t, x != y)                                            \
    BINARY(less_##suffix, type, type, uint8_t, x < y)                                                  \
    BINARY(less_equal_##suffix, type, type, uint8_t, x <= y)                                           \
    BINARY(greater_##suffix, type, type, uint8_t, x > y)                                               \
    BINARY(greater_equal_##suffix, type, type, uint8_t, x >= y)                                        \
    static const weir_kernel kernels_##suffix[OPERATION_COUNT] = { equal_##suffix, not_equal_##suffix, \
        less_##suffix, less_equal_##suffix, greater_##suffix, greater_equal_##suffix };

COMPARE_KERNELS(WEIR_KERNEL_BINARY, u8, uint8_t)
COMPARE_KERNELS(WEIR_KERNEL_BINARY, i8, int8_t)
COMPARE_KERNELS(WEIR_KERNEL_BINARY, i16, int16_t)
COMPARE_KERNELS(WEIR_KERNEL_BINARY_CLONED, i32, int32_t)
COMPARE_KERNELS(WEIR_KERNEL_BINARY_CLONED, i64, int64_t)
COMPARE_KERNELS(WEIR_KERNEL_BINARY, i128, weir_int128)
COMPARE_KERNELS(WEIR_KERNEL_BINARY_CLONED, f32, float)
COMPARE_KERNELS(WEIR_KERNEL_BINARY_CLONED, f64, double)

/* --- strings --- */

/* Beside a constant that is SHORT enough FAST tells the answer wherever it DECIDES; else EXPRESSION does. */
#define STRING_KERNEL(name, EXPRESSION, SHORT, DECIDES, FAST)                      \
    static enum weir_error_code name(WEIR_KERNEL_PARAMETERS)                       \
    {                                                                              \
        const struct weir_string *a = arguments[0]->data, *b = arguments[1]->data; \
        uint32_t step_a = arguments[0]->encoding != WEIR_ENCODING_CONSTANT;        \
        uint32_t step_b = arguments[1]->encoding != WEIR_ENCODING_CONSTANT;        \
        uint8_t *restrict to = out->data;                                          \
        if (step_a && !step_b && (SHORT)) {                                        \
            const struct weir_string constant = *b, *y = &constant;                \
            WEIR_FOR_ROWS(i, rows, count)                                          \
            {                                                                      \
                const struct weir_string *x = &a[i];                               \
                to[i] = WEIR_LIKELY(DECIDES) ? (FAST) : (EXPRESSION);              \
            }                                                                      \
            return WEIR_OK;                                                        \
        }                                                                          \
        WEIR_FOR_ROWS(i, rows, count)                                              \
        {                                                                          \
            const struct weir_string *x = &a[i * step_a], *y = &b[i * step_b];     \
            to[i] = (EXPRESSION);                                                  \
        }                                                                          \
        return WEIR_OK;                                                            \
    }

/* The first four bytes as a number in their order. */
static inline uint32_t first_bytes(const struct weir_string *s)
{
    return __builtin_bswap32((uint32_t)weir_load_u32(s->prefix));
}

/* Where one of them is inline, the 16 bytes tell. */
static inline bool equal_inline(const struct weir_string *x, const struct weir_string *y)
{
    uint64_t words_x[2], words_y[2];
    memcpy(words_x, x, sizeof words_x);
    memcpy(words_y, y, sizeof words_y);
    return ((words_x[0] ^ words_y[0]) | (words_x[1] ^ words_y[1])) == 0;
}

#define EQUALITY_KERNEL(name, EXPRESSION, FAST) \
    STRING_KERNEL(name, EXPRESSION, b->length <= WEIR_STRING_INLINE_MAX, true, FAST)
#define ORDER_STRING_KERNEL(name, TEST)                                                           \
    STRING_KERNEL(name, weir_string_compare(x, y) TEST 0, true, first_bytes(x) != first_bytes(y), \
        first_bytes(x) TEST first_bytes(y))
EQUALITY_KERNEL(equal_string, weir_string_equal(x, y), equal_inline(x, y))
EQUALITY_KERNEL(not_equal_string, !weir_string_equal(x, y), !equal_inline(x, y))
ORDER_STRING_KERNEL(less_string, <)
ORDER_STRING_KERNEL(less_equal_string, <=)
ORDER_STRING_KERNEL(greater_string, >)
ORDER_STRING_KERNEL(greater_equal_string, >=)
static const weir_kernel kernels_string[OPERATION_COUNT] = { equal_string, not_equal_string, less_string,
    less_equal_string, greater_string, greater_equal_string };

/* --- decimals of different scales, and nested values --- */

#define ORDER_KERNELS(suffix, ORDER)                                                                   \
    ORDER_KERNEL(equal_##suffix, ORDER, == 0)                                                          \
    ORDER_KERNEL(not_equal_##suffix, ORDER, != 0)                                                      \
    ORDER_KERNEL(less_##suffix, ORDER, < 0)                                                            \
    ORDER_KERNEL(less_equal_##suffix, ORDER, <= 0)                                                     \
    ORDER_KERNEL(greater_##suffix, ORDER, > 0)                                                         \
    ORDER_KERNEL(greater_equal_##suffix, ORDER, >= 0)                                                  \
    static const weir_kernel kernels_##suffix[OPERATION_COUNT] = { equal_##suffix, not_equal_##suffix, \
        less_##suffix, less_equal_##suffix, greater_##suffix, greater_equal_##suffix };

#define ORDER_KERNEL(name, ORDER, TEST)                        \
    static enum weir_error_code name(WEIR_KERNEL_PARAMETERS)   \
    {                                                          \
        uint8_t *restrict to = out->data;                      \
        WEIR_FOR_ROWS(i, rows, count)                          \
        {                                                      \
            to[i] = ORDER(arguments[0], arguments[1], i) TEST; \
        }                                                      \
        return WEIR_OK;                                        \
    }

static int order_decimal(const struct weir_vector *a, const struct weir_vector *b, uint32_t row)
{
    return weir_decimal_compare(weir_wide_load(a, weir_argument_row(a, row)), a->type->scale,
        weir_wide_load(b, weir_argument_row(b, row)), b->type->scale);
}
ORDER_KERNELS(decimal, order_decimal)

/* Both fit 38 digits at the greater scale: aligning them cannot overflow. */
static int order_aligned(const struct weir_vector *a, const struct weir_vector *b, uint32_t row)
{
    uint32_t scale_a = a->type->scale, scale_b = b->type->scale;
    weir_int128 x = weir_wide_load(a, weir_argument_row(a, row)),
                y = weir_wide_load(b, weir_argument_row(b, row));
    if (scale_a < scale_b) x *= weir_decimal_power(scale_b - scale_a);
    if (scale_b < scale_a) y *= weir_decimal_power(scale_a - scale_b);
    return (x > y) - (x < y);
}
ORDER_KERNELS(aligned, order_aligned)

static int order_nested(const struct weir_vector *a, const struct weir_vector *b, uint32_t row)
{
    return weir_vector_compare_at(a, row, b, row, true);
}
ORDER_KERNELS(nested_order, order_nested)

static enum weir_error_code equal_nested(WEIR_KERNEL_PARAMETERS)
{
    uint8_t *restrict to = out->data;
    WEIR_FOR_ROWS(i, rows, count)
    {
        to[i] = weir_vector_equal_at(arguments[0], i, arguments[1], i);
    }
    return WEIR_OK;
}

static enum weir_error_code not_equal_nested(WEIR_KERNEL_PARAMETERS)
{
    uint8_t *restrict to = out->data;
    WEIR_FOR_ROWS(i, rows, count)
    {
        to[i] = !weir_vector_equal_at(arguments[0], i, arguments[1], i);
    }
    return WEIR_OK;
}

/* a and b are comparable types, already cast. */
static weir_kernel kernel_for(const struct weir_type *a, const struct weir_type *b, enum operation operation)
{
    if (a->id == WEIR_TYPE_DECIMAL && (a->scale != b->scale || weir_physical_of(a) != weir_physical_of(b))) {
        int scale = WEIR_MAX(a->scale, b->scale);
        int digits = WEIR_MAX(a->precision - a->scale, b->precision - b->scale);
        return (digits + scale <= WEIR_DECIMAL_PRECISION_MAX ? kernels_aligned : kernels_decimal)[operation];
    }
    switch (weir_physical_of(a)) {
    case WEIR_PHYSICAL_U8: return kernels_u8[operation];
    case WEIR_PHYSICAL_I8: return kernels_i8[operation];
    case WEIR_PHYSICAL_I16: return kernels_i16[operation];
    case WEIR_PHYSICAL_I32: return kernels_i32[operation];
    case WEIR_PHYSICAL_I64: return kernels_i64[operation];
    case WEIR_PHYSICAL_I128: return kernels_i128[operation];
    case WEIR_PHYSICAL_F32: return kernels_f32[operation];
    case WEIR_PHYSICAL_F64: return kernels_f64[operation];
    case WEIR_PHYSICAL_VIEW: return kernels_string[operation];
    case WEIR_PHYSICAL_NESTED:
        if (operation == EQUAL) return equal_nested;
        if (operation == NOT_EQUAL) return not_equal_nested;
        return kernels_nested_order[operation];
    case WEIR_PHYSICAL_NONE: break;
    }
    return NULL;
}

/* --- types --- */

static bool is_temporal(const struct weir_type *type)
{
    return type->id >= WEIR_TYPE_DATE && type->id <= WEIR_TYPE_TIMESTAMP_LTZ;
}

static void both(struct weir_function_match *ret, const struct weir_type *type)
{
    ret->argument_types[0] = ret->argument_types[1] = type;
}

static void align_numeric(struct weir_arena *arena, const struct weir_type *a, const struct weir_type *b,
    struct weir_function_match *ret)
{
    const struct weir_type *types[2] = { a, b };
    bool decimal = a->id == WEIR_TYPE_DECIMAL || b->id == WEIR_TYPE_DECIMAL;
    if (!decimal || weir_type_is_approximate(a) || weir_type_is_approximate(b)) {
        both(ret, weir_expr_common_type(arena, types, 2));
        return;
    }
    for (uint32_t i = 0; i < 2; i++) { /* compared exactly, each at its own scale */
        uint8_t precision, scale;
        weir_type_integer_as_decimal(types[i], &precision, &scale);
        ret->argument_types[i] = weir_type_decimal(arena, precision, scale, types[i]->nullable);
    }
}

static const char *calcite_name(const struct weir_type *type)
{
    static const char *const names[WEIR_TYPE_COUNT] = { [WEIR_TYPE_NULL] = "NULL",
        [WEIR_TYPE_BOOLEAN] = "BOOLEAN",
        [WEIR_TYPE_TINYINT] = "TINYINT",
        [WEIR_TYPE_SMALLINT] = "SMALLINT",
        [WEIR_TYPE_INT] = "INTEGER",
        [WEIR_TYPE_BIGINT] = "BIGINT",
        [WEIR_TYPE_FLOAT] = "FLOAT",
        [WEIR_TYPE_DOUBLE] = "DOUBLE",
        [WEIR_TYPE_DECIMAL] = "DECIMAL",
        [WEIR_TYPE_CHAR] = "CHAR",
        [WEIR_TYPE_VARCHAR] = "VARCHAR",
        [WEIR_TYPE_BINARY] = "BINARY",
        [WEIR_TYPE_VARBINARY] = "VARBINARY",
        [WEIR_TYPE_DATE] = "DATE",
        [WEIR_TYPE_TIME] = "TIME",
        [WEIR_TYPE_TIMESTAMP] = "TIMESTAMP",
        [WEIR_TYPE_TIMESTAMP_LTZ] = "TIMESTAMP_WITH_LOCAL_TIME_ZONE",
        [WEIR_TYPE_INTERVAL_YEAR_MONTH] = "INTERVAL_YEAR_MONTH",
        [WEIR_TYPE_INTERVAL_DAY_TIME] = "INTERVAL_DAY_TIME",
        [WEIR_TYPE_ARRAY] = "ARRAY",
        [WEIR_TYPE_MAP] = "MAP",
        [WEIR_TYPE_MULTISET] = "MULTISET",
        [WEIR_TYPE_ROW] = "ROW" };
    return names[type->id];
}

static bool not_comparable(struct weir_arena *arena, const char *name, const struct weir_type *a,
    const struct weir_type *b, struct weir_error *reterr)
{
    bool simple = !weir_type_is_nested(a) && !weir_type_is_nested(b);
    if (simple && (weir_type_is_string(a) || weir_type_is_string(b))) {
        weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
            "implicit type conversion between %s and %s is not supported now", calcite_name(a),
            calcite_name(b));
        return false;
    }
    weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
        "Cannot apply '%s' to arguments of type '<%s> %s <%s>': the two types cannot be compared", name,
        weir_type_text(arena, a), name, weir_type_text(arena, b));
    return false;
}

static bool align_types(struct weir_arena *arena, const char *name, const struct weir_type *a,
    const struct weir_type *b, struct weir_function_match *ret, struct weir_error *reterr)
{
    const struct weir_type *types[2] = { a, b };
    if (a->id == WEIR_TYPE_NULL || b->id == WEIR_TYPE_NULL) {
        const struct weir_type *type = a->id == WEIR_TYPE_NULL ? b : a;
        both(ret, type->id == WEIR_TYPE_NULL ? weir_type_of(WEIR_TYPE_BOOLEAN) : type);
        return true;
    }
    if (weir_type_is_numeric(a) && weir_type_is_numeric(b)) {
        align_numeric(arena, a, b, ret);
        return true;
    }
    if (weir_type_is_string(a) && weir_type_is_string(b)) return true;
    if (weir_type_is_binary(a) && weir_type_is_binary(b)) return true;
    if (weir_type_is_interval(a) && a->id == b->id) return true;
    if (weir_type_is_string(a) && is_temporal(b)) {
        both(ret, b);
        return true;
    }
    if (weir_type_is_string(b) && is_temporal(a)) {
        both(ret, a);
        return true;
    }
    const struct weir_type *type = weir_expr_common_type(arena, types, 2);
    if (!type) return not_comparable(arena, name, a, b, reterr);
    bool same_form = weir_physical_of(a) == weir_physical_of(b) && a->id == b->id && !weir_type_is_nested(a);
    if (!same_form) both(ret, type);
    return true;
}

/* A literal that is no date, time or timestamp is an error; a column with such texts compares as NULL. */
static bool check_literal(struct weir_arena *arena, const struct weir_vector *literal,
    const struct weir_type *wanted, struct weir_error *reterr)
{
    if (!literal || !weir_type_is_string(literal->type) || !is_temporal(wanted) ||
        weir_vector_is_null(literal, 0)) {
        return true;
    }
    struct weir_expr *cast;
    struct weir_vector *value;
    return weir_expr_cast(arena, weir_expr_literal(arena, literal), wanted, false, &cast, reterr) ==
               WEIR_OK &&
           weir_expr_fold(arena, arena->memory, cast, NULL, &value, reterr) == WEIR_OK;
}

bool weir_infer_compare(WEIR_INFER_PARAMETERS)
{
    if (!align_types(arena, function->name, given[0], given[1], ret, reterr)) return false;
    for (uint32_t i = 0; i < 2; i++) {
        if (!check_literal(arena, literals[i], ret->argument_types[i], reterr)) return false;
    }
    for (uint32_t operation = 0; operation < OPERATION_COUNT; operation++) {
        if (strcmp(function->name, operation_names[operation]) == 0) {
            ret->kernel =
                kernel_for(ret->argument_types[0], ret->argument_types[1], (enum operation)operation);
        }
    }
    ret->type = weir_type_of(WEIR_TYPE_BOOLEAN);
    return ret->kernel != NULL;
}

/* --- IS [NOT] DISTINCT FROM --- */

static enum weir_error_code distinct(WEIR_KERNEL_PARAMETERS, bool wanted)
{
    const struct weir_vector *a = arguments[0], *b = arguments[1];
    uint8_t *to = out->data;
    uint32_t capacity = 0;
    WEIR_FOR_ROWS(last, rows, count)
    {
        capacity = last + 1;
    }
    uint16_t *both_valid = weir_arena_allocate(call->scratch, (capacity + 1) * sizeof *both_valid);
    uint32_t n = 0;
    WEIR_FOR_ROWS(i, rows, count)
    {
        bool null_a = weir_argument_is_null(a, i), null_b = weir_argument_is_null(b, i);
        to[i] = (null_a != null_b) == wanted;
        both_valid[n] = (uint16_t)i;
        n += !null_a && !null_b;
    }
    weir_kernel kernel =
        kernel_for(call->argument_types[0], call->argument_types[1], wanted ? NOT_EQUAL : EQUAL);
    return n ? kernel(call, arguments, out, both_valid, n) : WEIR_OK;
}

static enum weir_error_code is_distinct(WEIR_KERNEL_PARAMETERS)
{
    return distinct(call, arguments, out, rows, count, true);
}

static enum weir_error_code is_not_distinct(WEIR_KERNEL_PARAMETERS)
{
    return distinct(call, arguments, out, rows, count, false);
}

bool weir_infer_distinct(WEIR_INFER_PARAMETERS)
{
    if (!align_types(arena, function->name, given[0], given[1], ret, reterr)) return false;
    ret->kernel = strcmp(function->name, "IS DISTINCT FROM") == 0 ? is_distinct : is_not_distinct;
    ret->type = &weir_type_boolean_not_null;
    return true;
}
