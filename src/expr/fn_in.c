/*
 * x IN (constants): what an OR of many comparisons of one value with constants becomes when it is compiled.
 * One look-up in a hash table instead of a comparison per constant.
 */
#include "expr/evaluator.h"

enum { IN_COMPARISONS_MIN = 8, IN_VALUES_MAX = 8 };

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

/* The comparisons of one value among the operands of an OR. A list with constants of several types compares
 * several: x, and x cast to a type that the others fit in. */
struct in_group {
    struct weir_expr *of;
    uint32_t count;
    bool gathered;
    struct weir_expr **arguments; /* of, then the constants */
};

struct in_groups {
    struct in_group items[IN_VALUES_MAX];
    uint32_t count;
    uint8_t *of_operand; /* per operand: its group + 1; 0 = stays what it is */
};

static void assign_group(struct in_groups *groups, struct weir_expr *const *operands, uint32_t at)
{
    struct weir_expr *of = operands[at]->arguments[0];
    uint32_t g = 0;
    while (g < groups->count && !weir_expr_equal(groups->items[g].of, of)) g++;
    if (g == groups->count) {
        if (g == IN_VALUES_MAX || !weir_expr_is_deterministic(of)) return;
        /* What may fail must not be computed for more rows than before: the first operand runs for all of
         * them. */
        if (at > 0 && weir_expr_can_fault(of)) return;
        groups->items[groups->count++].of = of;
    }
    groups->items[g].count++;
    groups->of_operand[at] = (uint8_t)(g + 1);
}

static void find_groups(struct in_groups *groups, struct weir_arena *arena, const struct weir_expr * or)
{
    groups->of_operand = WEIR_ARENA_ARRAY(arena, uint8_t, or->argument_count);
    for (uint32_t i = 0; i < or->argument_count; i++) {
        if (is_comparison(or->arguments[i])) assign_group(groups, or->arguments, i);
    }
    for (uint32_t g = 0; g < groups->count; g++) {
        struct in_group *group = &groups->items[g];
        group->gathered = group->count >= IN_COMPARISONS_MIN;
        if (!group->gathered) continue;
        group->arguments = WEIR_ARENA_ARRAY(arena, struct weir_expr *, group->count + 1);
        group->arguments[0] = group->of;
        group->count = 0;
    }
}

static struct weir_expr *in_call(struct weir_arena *arena, const struct in_group *group)
{
    const struct weir_type *type =
        weir_type_nullable(arena, weir_type_of(WEIR_TYPE_BOOLEAN), group->of->type->nullable);
    return weir_expr_new_call(arena, weir_function_find("$IN"), type, group->arguments, group->count + 1);
}

/* Of an OR, the comparisons of one value become one call, before what stays. */
static struct weir_expr *gather_in(void *context, struct weir_arena *arena, struct weir_expr *expr)
{
    if (expr->kind != WEIR_EXPR_OR || expr->argument_count < IN_COMPARISONS_MIN) return expr;
    struct in_groups groups = { .count = 0 };
    find_groups(&groups, arena, expr);
    struct weir_expr **parts = WEIR_ARENA_ARRAY(arena, struct weir_expr *, expr->argument_count + 1);
    uint32_t count = 0, left = 0;
    for (uint32_t g = 0; g < groups.count; g++) count += groups.items[g].gathered;
    if (!count) return expr;
    left = count;
    for (uint32_t i = 0; i < expr->argument_count; i++) {
        uint32_t g = groups.of_operand[i];
        struct in_group *group = g ? &groups.items[g - 1] : NULL;
        if (group && group->gathered) {
            group->arguments[++group->count] = expr->arguments[i]->arguments[1];
        } else {
            parts[left++] = expr->arguments[i];
        }
    }
    count = 0;
    for (uint32_t g = 0; g < groups.count; g++) {
        if (groups.items[g].gathered) parts[count++] = in_call(arena, &groups.items[g]);
    }
    return left == 1 ? parts[0] : weir_expr_or(arena, parts, left);
}

struct weir_expr *weir_expr_gather_in(struct weir_arena *arena, struct weir_expr *expr)
{
    return weir_expr_rewrite(arena, expr, gather_in, NULL);
}
