/*
 * x IN (constants): what an OR of many comparisons of one value with constants becomes when it is compiled.
 * One look-up in a hash table instead of a comparison per constant.
 */
#include "expr/evaluator.h"

enum { IN_COMPARISONS_MIN = 8 };

struct in_table {
    uint32_t mask;
    uint32_t *slots; /* index + 1 of a constant, 0 = free */
    int64_t *integers;
    struct weir_string *strings;
};

static uint64_t mix(uint64_t value)
{
    value *= UINT64_C(0x9e3779b97f4a7c15);
    return value ^ value >> 32;
}

static uint64_t hash_string(const struct weir_string *string)
{
    const char *data = weir_string_data(string);
    uint64_t hash = string->length;
    for (uint32_t i = 0; i < string->length; i += 8) {
        uint64_t word = 0;
        memcpy(&word, data + i, WEIR_MIN(string->length - i, 8u));
        hash = mix(hash ^ word);
    }
    return hash;
}

static bool has_integer(const struct in_table *table, int64_t value)
{
    for (uint32_t at = (uint32_t)mix((uint64_t)value) & table->mask;; at = (at + 1) & table->mask) {
        uint32_t slot = table->slots[at];
        if (slot == 0) return false;
        if (table->integers[slot - 1] == value) return true;
    }
}

static bool has_string(const struct in_table *table, const struct weir_string *value)
{
    for (uint32_t at = (uint32_t)hash_string(value) & table->mask;; at = (at + 1) & table->mask) {
        uint32_t slot = table->slots[at];
        if (slot == 0) return false;
        if (weir_string_equal(&table->strings[slot - 1], value)) return true;
    }
}

static int64_t load_integer(const struct weir_vector *v, uint32_t at)
{
    switch (weir_physical_of(v->type)) {
    case WEIR_PHYSICAL_I8: return ((const int8_t *)v->data)[at];
    case WEIR_PHYSICAL_I16: return ((const int16_t *)v->data)[at];
    case WEIR_PHYSICAL_I32: return ((const int32_t *)v->data)[at];
    default: return ((const int64_t *)v->data)[at];
    }
}

#define IN_KERNEL(name, type, TEST)                                                            \
    static enum weir_error_code name(WEIR_KERNEL_PARAMETERS)                                   \
    {                                                                                          \
        const struct in_table *table = call->prepared;                                         \
        WEIR_FOR_ROWS(i, rows, count)                                                          \
        {                                                                                      \
            WEIR_RESULT(uint8_t, out, i) = TEST(table, &WEIR_ARGUMENT(type, arguments[0], i)); \
        }                                                                                      \
        return WEIR_OK;                                                                        \
    }
#define HAS_INTEGER(table, value) has_integer(table, *(value))
IN_KERNEL(in_i8, int8_t, HAS_INTEGER)
IN_KERNEL(in_i16, int16_t, HAS_INTEGER)
IN_KERNEL(in_i32, int32_t, HAS_INTEGER)
IN_KERNEL(in_i64, int64_t, HAS_INTEGER)
IN_KERNEL(in_string, struct weir_string, has_string)

static weir_kernel kernel_for(const struct weir_type *type)
{
    switch (weir_physical_of(type)) {
    case WEIR_PHYSICAL_I8: return in_i8;
    case WEIR_PHYSICAL_I16: return in_i16;
    case WEIR_PHYSICAL_I32: return in_i32;
    case WEIR_PHYSICAL_I64: return in_i64;
    case WEIR_PHYSICAL_VIEW: return in_string;
    default: return NULL;
    }
}

bool weir_infer_in(WEIR_INFER_PARAMETERS)
{
    ret->type = weir_type_of(WEIR_TYPE_BOOLEAN);
    ret->kernel = kernel_for(given[0]);
    for (uint32_t i = 1; i < count; i++) {
        bool constant = literals[i] && !weir_vector_is_null(literals[i], 0);
        bool same =
            weir_physical_of(given[i]) == weir_physical_of(given[0]) && given[i]->scale == given[0]->scale;
        if (!constant || !same) return false;
    }
    return ret->kernel != NULL;
}

enum weir_error_code weir_bind_in(struct weir_call *call)
{
    struct in_table *table = WEIR_ARENA_NEW(call->arena, struct in_table);
    uint32_t count = call->argument_count - 1, size = 16;
    while (size < 2 * count) size *= 2;
    bool strings = weir_type_is_view(call->argument_types[0]);
    table->mask = size - 1;
    table->slots = WEIR_ARENA_ARRAY(call->arena, uint32_t, size);
    table->integers = WEIR_ARENA_ARRAY(call->arena, int64_t, strings ? 1 : count);
    table->strings = WEIR_ARENA_ARRAY(call->arena, struct weir_string, strings ? count : 1);
    for (uint32_t i = 0; i < count; i++) {
        const struct weir_vector *constant = call->constants[i + 1];
        uint64_t hash;
        if (strings) {
            table->strings[i] = *(const struct weir_string *)constant->data;
            hash = hash_string(&table->strings[i]);
        } else {
            table->integers[i] = load_integer(constant, 0);
            hash = mix((uint64_t)table->integers[i]);
        }
        uint32_t at = (uint32_t)hash & table->mask;
        while (table->slots[at]) at = (at + 1) & table->mask;
        table->slots[at] = i + 1;
    }
    call->prepared = table;
    return WEIR_OK;
}

/* --- finding it --- */

/* x = constant: both of one physical form, the constant not NULL. */
static bool is_comparison(const struct weir_expr *expr)
{
    if (expr->kind != WEIR_EXPR_CALL || strcmp(expr->function->name, "=") != 0) return false;
    const struct weir_expr *x = expr->arguments[0], *y = expr->arguments[1];
    return y->kind == WEIR_EXPR_LITERAL && !weir_vector_is_null(y->literal, 0) && kernel_for(x->type) &&
           weir_physical_of(x->type) == weir_physical_of(y->type) && x->type->scale == y->type->scale;
}

static struct weir_expr *in_call(
    struct weir_arena *arena, struct weir_expr *const *comparisons, uint32_t count)
{
    struct weir_expr **arguments = WEIR_ARENA_ARRAY(arena, struct weir_expr *, count + 1);
    arguments[0] = comparisons[0]->arguments[0];
    for (uint32_t i = 0; i < count; i++) arguments[i + 1] = comparisons[i]->arguments[1];
    const struct weir_type *type =
        weir_type_nullable(arena, weir_type_of(WEIR_TYPE_BOOLEAN), arguments[0]->type->nullable);
    return weir_expr_new_call(arena, weir_function_find("$IN"), type, arguments, count + 1);
}

/* Of an OR, the comparisons of the first compared value become one call. */
static struct weir_expr *gather_in(void *context, struct weir_arena *arena, struct weir_expr *expr)
{
    if (expr->kind != WEIR_EXPR_OR || expr->argument_count < IN_COMPARISONS_MIN) return expr;
    struct weir_expr **gathered = WEIR_ARENA_ARRAY(arena, struct weir_expr *, expr->argument_count);
    struct weir_expr **others = WEIR_ARENA_ARRAY(arena, struct weir_expr *, expr->argument_count + 1);
    uint32_t gathered_count = 0, other_count = 1; /* others[0] is for the call */
    for (uint32_t i = 0; i < expr->argument_count; i++) {
        struct weir_expr *operand = expr->arguments[i];
        bool joins =
            is_comparison(operand) && weir_expr_is_deterministic(operand) &&
            (gathered_count == 0 || weir_expr_equal(gathered[0]->arguments[0], operand->arguments[0]));
        if (joins) {
            gathered[gathered_count++] = operand;
        } else {
            others[other_count++] = operand;
        }
    }
    if (gathered_count < IN_COMPARISONS_MIN || weir_expr_can_fault(gathered[0])) return expr;
    others[0] = in_call(arena, gathered, gathered_count);
    return other_count == 1 ? others[0] : weir_expr_or(arena, others, other_count);
}

struct weir_expr *weir_expr_gather_in(struct weir_arena *arena, struct weir_expr *expr)
{
    return weir_expr_rewrite(arena, expr, gather_in, NULL);
}
