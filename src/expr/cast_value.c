/* Converters between numbers, booleans, binary and intervals. */
#include "expr/cast.h"
#include "expr/decimal_access.h"

#include "base/assert.h"
#include "data/number.h"
#include "data/time.h"

/* An exact number, boolean or interval as an integer of its own scale. */
static weir_int128 load_exact(const struct weir_vector *from, uint32_t at)
{
    switch (from->type->id) {
    case WEIR_TYPE_BOOLEAN: return ((const uint8_t *)from->data)[at];
    case WEIR_TYPE_TINYINT: return ((const int8_t *)from->data)[at];
    case WEIR_TYPE_SMALLINT: return ((const int16_t *)from->data)[at];
    case WEIR_TYPE_INT:
    case WEIR_TYPE_INTERVAL_YEAR_MONTH: return ((const int32_t *)from->data)[at];
    case WEIR_TYPE_BIGINT:
    case WEIR_TYPE_INTERVAL_DAY_TIME: return ((const int64_t *)from->data)[at];
    default: return weir_wide_load(from, at);
    }
}

static double load_double(const struct weir_vector *from, uint32_t at)
{
    return from->type->id == WEIR_TYPE_FLOAT ? ((const float *)from->data)[at]
                                             : ((const double *)from->data)[at];
}

/* Wraps around as Java's narrowing does. */
static void store_integer(struct weir_vector *to, uint32_t row, int64_t value)
{
    switch (to->type->id) {
    case WEIR_TYPE_BOOLEAN: ((uint8_t *)to->data)[row] = value != 0; break;
    case WEIR_TYPE_TINYINT: ((int8_t *)to->data)[row] = (int8_t)value; break;
    case WEIR_TYPE_SMALLINT: ((int16_t *)to->data)[row] = (int16_t)value; break;
    case WEIR_TYPE_INT:
    case WEIR_TYPE_INTERVAL_YEAR_MONTH: ((int32_t *)to->data)[row] = (int32_t)value; break;
    default: ((int64_t *)to->data)[row] = value; break;
    }
}

static enum weir_cast_result exact_to_integer(const struct weir_cast *cast, const struct weir_vector *from,
    uint32_t at, struct weir_vector *to, uint32_t row)
{
    weir_int128 value = load_exact(from, at);
    if (cast->from->id == WEIR_TYPE_DECIMAL) value = weir_decimal_truncate(value, cast->from->scale);
    if (cast->to->id == WEIR_TYPE_BOOLEAN) value = value != 0;
    store_integer(to, row, (int64_t)value);
    return WEIR_CAST_DONE;
}

static enum weir_cast_result double_to_integer(const struct weir_cast *cast, const struct weir_vector *from,
    uint32_t at, struct weir_vector *to, uint32_t row)
{
    double value = load_double(from, at);
    store_integer(
        to, row, cast->to->id == WEIR_TYPE_BIGINT ? weir_double_to_i64(value) : weir_double_to_i32(value));
    return WEIR_CAST_DONE;
}

static enum weir_cast_result exact_to_double(const struct weir_cast *cast, const struct weir_vector *from,
    uint32_t at, struct weir_vector *to, uint32_t row)
{
    weir_int128 exact = load_exact(from, at);
    bool is_decimal = cast->from->id == WEIR_TYPE_DECIMAL;
    if (cast->to->id == WEIR_TYPE_FLOAT) {
        ((float *)to->data)[row] =
            is_decimal ? (float)weir_decimal_double(exact, cast->from->scale) : (float)(int64_t)exact;
    } else {
        ((double *)to->data)[row] =
            is_decimal ? weir_decimal_double(exact, cast->from->scale) : (double)(int64_t)exact;
    }
    return WEIR_CAST_DONE;
}

static enum weir_cast_result double_to_double(const struct weir_cast *cast, const struct weir_vector *from,
    uint32_t at, struct weir_vector *to, uint32_t row)
{
    double value = load_double(from, at);
    if (cast->to->id == WEIR_TYPE_FLOAT) {
        ((float *)to->data)[row] = (float)value;
    } else {
        ((double *)to->data)[row] = value;
    }
    return WEIR_CAST_DONE;
}

static enum weir_cast_result exact_to_decimal(const struct weir_cast *cast, const struct weir_vector *from,
    uint32_t at, struct weir_vector *to, uint32_t row)
{
    weir_int128 result;
    uint32_t scale = cast->from->id == WEIR_TYPE_DECIMAL ? cast->from->scale : 0;
    if (!weir_decimal_rescale(load_exact(from, at), scale, cast->to->precision, cast->to->scale, &result))
        return WEIR_CAST_NULL;
    weir_wide_store(to, row, result);
    return WEIR_CAST_DONE;
}

static enum weir_cast_result double_to_decimal(const struct weir_cast *cast, const struct weir_vector *from,
    uint32_t at, struct weir_vector *to, uint32_t row)
{
    weir_int128 result;
    if (!weir_decimal_from_double(load_double(from, at), cast->to->precision, cast->to->scale, &result))
        return WEIR_CAST_NULL;
    weir_wide_store(to, row, result);
    return WEIR_CAST_DONE;
}

/* --- intervals: a single-unit one as a number of its units --- */

static int64_t unit_size(const struct weir_type *interval)
{
    switch ((enum weir_interval_unit)interval->interval_unit) {
    case WEIR_INTERVAL_UNIT_YEAR: return 12;
    case WEIR_INTERVAL_UNIT_DAY: return WEIR_DAY_MS;
    case WEIR_INTERVAL_UNIT_HOUR: return 3600000;
    case WEIR_INTERVAL_UNIT_MINUTE: return 60000;
    case WEIR_INTERVAL_UNIT_SECOND: return 1000;
    default: return 1;
    }
}

static enum weir_cast_result interval_to_exact(const struct weir_cast *cast, const struct weir_vector *from,
    uint32_t at, struct weir_vector *to, uint32_t row)
{
    weir_int128 amount = load_exact(from, at) / unit_size(cast->from), result;
    if (cast->to->id != WEIR_TYPE_DECIMAL) {
        store_integer(to, row, (int64_t)amount);
        return WEIR_CAST_DONE;
    }
    if (!weir_decimal_rescale(amount, 0, cast->to->precision, cast->to->scale, &result))
        return WEIR_CAST_NULL;
    weir_wide_store(to, row, result);
    return WEIR_CAST_DONE;
}

static enum weir_cast_result exact_to_interval(const struct weir_cast *cast, const struct weir_vector *from,
    uint32_t at, struct weir_vector *to, uint32_t row)
{
    weir_int128 value = load_exact(from, at);
    if (cast->from->id == WEIR_TYPE_DECIMAL) value = weir_decimal_truncate(value, cast->from->scale);
    store_integer(to, row, (int64_t)(value * unit_size(cast->to)));
    return WEIR_CAST_DONE;
}

static enum weir_cast_result interval_to_interval(const struct weir_cast *cast,
    const struct weir_vector *from, uint32_t at, struct weir_vector *to, uint32_t row)
{
    store_integer(to, row, (int64_t)load_exact(from, at));
    return WEIR_CAST_DONE;
}

/* --- binary --- */

static enum weir_cast_result to_binary(const struct weir_cast *cast, const struct weir_vector *from,
    uint32_t at, struct weir_vector *to, uint32_t row)
{
    const struct weir_string *value = &((const struct weir_string *)from->data)[at];
    uint32_t length = WEIR_MIN(value->length, (uint32_t)cast->to->length);
    struct weir_string *result = &((struct weir_string *)to->data)[row];
    if (cast->to->id == WEIR_TYPE_BINARY && length < (uint32_t)cast->to->length) {
        char *padded = weir_heap_writer_allocate(cast->call->heap, (size_t)cast->to->length);
        memcpy(padded, weir_string_data(value), length);
        memset(padded + length, 0, (size_t)cast->to->length - length);
        *result = weir_string_view(padded, (uint32_t)cast->to->length);
    } else {
        *result = weir_string_view(weir_string_data(value), length);
    }
    return WEIR_CAST_DONE;
}

/* --- choosing --- */

weir_cast_value weir_cast_choose(const struct weir_type *from, const struct weir_type *to)
{
    if (weir_type_is_string(to)) return weir_cast_choose_to_string(from, to);
    if (weir_type_is_binary(to)) return to_binary;
    if (weir_type_is_string(from)) return weir_cast_choose_from_string(to);
    if (weir_type_is_nested(to)) return weir_cast_choose_nested(from, to);
    if (weir_type_is_interval(to))
        return weir_type_is_interval(from) ? interval_to_interval : exact_to_interval;
    if (weir_type_is_interval(from)) return interval_to_exact;
    if (from->id >= WEIR_TYPE_DATE) return weir_cast_choose_temporal(from, to);
    bool approximate = weir_type_is_approximate(from);
    if (to->id == WEIR_TYPE_DECIMAL) return approximate ? double_to_decimal : exact_to_decimal;
    if (weir_type_is_approximate(to)) return approximate ? double_to_double : exact_to_double;
    return approximate ? double_to_integer : exact_to_integer;
}

void weir_cast_prepare(
    struct weir_cast *cast, const struct weir_type *from, const struct weir_type *to, struct weir_call *call)
{
    *cast = (struct weir_cast){ .from = from, .to = to, .call = call, .value = weir_cast_choose(from, to) };
    if (!weir_type_is_nested(to)) return;
    uint32_t count = WEIR_MAX(to->child_count, 2u);
    cast->children = WEIR_ARENA_ARRAY(call->arena, struct weir_cast, count);
    for (uint32_t i = 0; i < to->child_count; i++) {
        weir_cast_prepare(&cast->children[i], from->children[i], to->children[i], call);
    }
    if (to->id == WEIR_TYPE_MULTISET) {
        weir_cast_prepare(&cast->children[1], &weir_type_int_not_null, &weir_type_int_not_null, call);
    }
}
