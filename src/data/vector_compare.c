/* Equality and order of single values; the bulk paths of sort and hash tables call these only for candidates.
 */
#include "base/assert.h"
#include "data/vector.h"

static int compare_lists(
    const struct weir_vector *a, uint32_t row_a, const struct weir_vector *b, uint32_t row_b)
{
    struct weir_list x = ((const struct weir_list *)a->data)[row_a];
    struct weir_list y = ((const struct weir_list *)b->data)[row_b];
    uint32_t shorter = WEIR_MIN(x.length, y.length);
    for (uint32_t i = 0; i < shorter; i++) {
        int order =
            weir_vector_compare_at(&a->children[0], x.offset + i, &b->children[0], y.offset + i, true);
        if (order) return order;
    }
    return (x.length > y.length) - (x.length < y.length);
}

static int compare_entries(
    const struct weir_vector *a, uint32_t at_a, const struct weir_vector *b, uint32_t at_b)
{
    for (uint32_t c = 0; c < 2; c++) {
        int order = weir_vector_compare_at(&a->children[c], at_a, &b->children[c], at_b, true);
        if (order) return order;
    }
    return 0;
}

static bool entry_is_before(const struct weir_vector *v, uint32_t a, uint32_t b)
{
    int order = compare_entries(v, a, v, b);
    return order ? order < 0 : a < b;
}

/* The entry that follows after (UINT32_MAX: the first) by key, value and place; UINT32_MAX when there is
 * none. */
static uint32_t next_entry(const struct weir_vector *v, struct weir_list list, uint32_t after)
{
    uint32_t best = UINT32_MAX;
    for (uint32_t i = list.offset; i < list.offset + list.length; i++) {
        if (after != UINT32_MAX && !entry_is_before(v, after, i)) continue;
        if (best == UINT32_MAX || entry_is_before(v, i, best)) best = i;
    }
    return best;
}

/* Maps and multisets by their entries in key order, whatever order they stand in. */
static int compare_maps(
    const struct weir_vector *a, uint32_t row_a, const struct weir_vector *b, uint32_t row_b)
{
    struct weir_list x = ((const struct weir_list *)a->data)[row_a];
    struct weir_list y = ((const struct weir_list *)b->data)[row_b];
    if (x.length == y.length) {
        bool same = true;
        for (uint32_t i = 0; same && i < x.length; i++) {
            same = compare_entries(a, x.offset + i, b, y.offset + i) == 0;
        }
        if (same) return 0;
    }
    uint32_t at_a = UINT32_MAX, at_b = UINT32_MAX;
    for (;;) {
        at_a = next_entry(a, x, at_a);
        at_b = next_entry(b, y, at_b);
        if (at_a == UINT32_MAX || at_b == UINT32_MAX) break;
        int order = compare_entries(a, at_a, b, at_b);
        if (order) return order;
    }
    return (at_a != UINT32_MAX) - (at_b != UINT32_MAX);
}

#define ORDER(type)                                                                  \
    do {                                                                             \
        type x = ((const type *)a->data)[row_a], y = ((const type *)b->data)[row_b]; \
        return (x > y) - (x < y);                                                    \
    } while (0)

/* NaN is equal to itself and greater than anything. */
#define ORDER_FLOATING(type)                                                         \
    do {                                                                             \
        type x = ((const type *)a->data)[row_a], y = ((const type *)b->data)[row_b]; \
        if (x != x || y != y) return (x != x) - (y != y);                            \
        return (x > y) - (x < y);                                                    \
    } while (0)

static int compare_fields(
    const struct weir_vector *a, uint32_t row_a, const struct weir_vector *b, uint32_t row_b)
{
    for (uint32_t c = 0; c < a->type->child_count; c++) {
        int order = weir_vector_compare_at(&a->children[c], row_a, &b->children[c], row_b, true);
        if (order) return order;
    }
    return 0;
}

static int compare_values(
    const struct weir_vector *a, uint32_t row_a, const struct weir_vector *b, uint32_t row_b)
{
    switch (a->type->id) {
    case WEIR_TYPE_BOOLEAN: ORDER(uint8_t);
    case WEIR_TYPE_TINYINT: ORDER(int8_t);
    case WEIR_TYPE_SMALLINT: ORDER(int16_t);
    case WEIR_TYPE_INT:
    case WEIR_TYPE_DATE:
    case WEIR_TYPE_TIME:
    case WEIR_TYPE_INTERVAL_YEAR_MONTH: ORDER(int32_t);
    case WEIR_TYPE_BIGINT:
    case WEIR_TYPE_INTERVAL_DAY_TIME: ORDER(int64_t);
    case WEIR_TYPE_FLOAT: ORDER_FLOATING(float);
    case WEIR_TYPE_DOUBLE: ORDER_FLOATING(double);
    case WEIR_TYPE_DECIMAL:
    case WEIR_TYPE_TIMESTAMP:
    case WEIR_TYPE_TIMESTAMP_LTZ:
        if (weir_type_width(a->type) == 8) ORDER(int64_t);
        ORDER(weir_int128);
    case WEIR_TYPE_CHAR:
    case WEIR_TYPE_VARCHAR:
    case WEIR_TYPE_BINARY:
    case WEIR_TYPE_VARBINARY:
        return weir_string_compare(
            (const struct weir_string *)a->data + row_a, (const struct weir_string *)b->data + row_b);
    case WEIR_TYPE_ARRAY: return compare_lists(a, row_a, b, row_b);
    case WEIR_TYPE_MAP:
    case WEIR_TYPE_MULTISET: return compare_maps(a, row_a, b, row_b);
    case WEIR_TYPE_ROW: return compare_fields(a, row_a, b, row_b);
    case WEIR_TYPE_NULL:
    case WEIR_TYPE_COUNT: return 0;
    }
    return 0;
}

static inline bool is_null(const struct weir_vector *flat, uint32_t at)
{
    return flat->type->id == WEIR_TYPE_NULL || (flat->validity && !weir_bit_get(flat->validity, at));
}

int weir_vector_compare_at(const struct weir_vector *a, uint32_t row_a, const struct weir_vector *b,
    uint32_t row_b, bool nulls_first)
{
    const struct weir_vector *flat_a, *flat_b;
    uint32_t at_a = weir_vector_locate(a, row_a, &flat_a), at_b = weir_vector_locate(b, row_b, &flat_b);
    bool null_a = is_null(flat_a, at_a), null_b = is_null(flat_b, at_b);
    if (null_a || null_b) return nulls_first ? null_b - null_a : null_a - null_b;
    WEIR_ASSERT(weir_type_width(flat_a->type) == weir_type_width(flat_b->type));
    return compare_values(flat_a, at_a, flat_b, at_b);
}

bool weir_vector_equal_at(
    const struct weir_vector *a, uint32_t row_a, const struct weir_vector *b, uint32_t row_b)
{
    const struct weir_vector *flat_a, *flat_b;
    uint32_t at_a = weir_vector_locate(a, row_a, &flat_a), at_b = weir_vector_locate(b, row_b, &flat_b);
    bool null_a = is_null(flat_a, at_a), null_b = is_null(flat_b, at_b);
    if (null_a || null_b) return null_a && null_b;
    if (weir_type_is_view(flat_a->type)) {
        return weir_string_equal(
            (const struct weir_string *)flat_a->data + at_a, (const struct weir_string *)flat_b->data + at_b);
    }
    WEIR_ASSERT(weir_type_width(flat_a->type) == weir_type_width(flat_b->type));
    return compare_values(flat_a, at_a, flat_b, at_b) == 0;
}
