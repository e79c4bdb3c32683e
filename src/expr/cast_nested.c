/* Converters between dates, times and timestamps, and of arrays, maps, multisets and rows. */
#include "expr/cast.h"
#include "expr/decimal_access.h"

#include "data/time.h"

/* --- temporal: by way of a local timestamp in nanoseconds --- */

static weir_int128 zone_shift_ns(weir_int128 ns, const struct weir_zone *zone, bool to_utc)
{
    weir_int128 us = ns / 1000 - (ns % 1000 < 0);
    int64_t from = (int64_t)us;
    int64_t shifted = to_utc ? weir_zone_local_to_utc_us(zone, from) : weir_zone_utc_to_local_us(zone, from);
    return ns + (weir_int128)(shifted - from) * 1000;
}

static weir_int128 load_local_ns(const struct weir_cast *cast, const struct weir_vector *from, uint32_t at)
{
    switch (cast->from->id) {
    case WEIR_TYPE_DATE: return (weir_int128)((const int32_t *)from->data)[at] * WEIR_DAY_NS;
    case WEIR_TYPE_TIME: return (weir_int128)((const int32_t *)from->data)[at] * 1000000;
    default: break;
    }
    weir_int128 value = weir_wide_load(from, at);
    weir_int128 ns = weir_type_is_wide_timestamp(cast->from) ? value : value * 1000;
    const struct weir_zone *zone = cast->call->environment->local_zone;
    bool local = cast->from->id == WEIR_TYPE_TIMESTAMP || cast->to->id == WEIR_TYPE_TIMESTAMP_LTZ || !zone;
    return local ? ns : zone_shift_ns(ns, zone, false);
}

static weir_int128 floor_to(weir_int128 value, weir_int128 unit)
{
    weir_int128 rest = value % unit;
    return value - (rest < 0 ? rest + unit : rest);
}

static enum weir_cast_result to_timestamp(const struct weir_cast *cast, const struct weir_vector *from,
    uint32_t at, struct weir_vector *to, uint32_t row)
{
    weir_int128 ns = load_local_ns(cast, from, at);
    const struct weir_zone *zone = cast->call->environment->local_zone;
    if (cast->to->id == WEIR_TYPE_TIMESTAMP_LTZ && cast->from->id != WEIR_TYPE_TIMESTAMP_LTZ && zone) {
        ns = zone_shift_ns(ns, zone, true);
    }
    ns = floor_to(ns, weir_decimal_power(9u - cast->to->precision));
    weir_wide_store(to, row, weir_type_is_wide_timestamp(cast->to) ? ns : ns / 1000);
    return WEIR_CAST_DONE;
}

static enum weir_cast_result to_date(const struct weir_cast *cast, const struct weir_vector *from,
    uint32_t at, struct weir_vector *to, uint32_t row)
{
    weir_int128 ns = load_local_ns(cast, from, at);
    ((int32_t *)to->data)[row] = (int32_t)(floor_to(ns, WEIR_DAY_NS) / WEIR_DAY_NS);
    return WEIR_CAST_DONE;
}

static enum weir_cast_result to_time(const struct weir_cast *cast, const struct weir_vector *from,
    uint32_t at, struct weir_vector *to, uint32_t row)
{
    weir_int128 ns = load_local_ns(cast, from, at);
    int32_t ms = (int32_t)((ns - floor_to(ns, WEIR_DAY_NS)) / 1000000);
    ((int32_t *)to->data)[row] = weir_time_cut(ms, cast->to->precision);
    return WEIR_CAST_DONE;
}

weir_cast_value weir_cast_choose_temporal(const struct weir_type *from, const struct weir_type *to)
{
    if (to->id == WEIR_TYPE_DATE) return to_date;
    return to->id == WEIR_TYPE_TIME ? to_time : to_timestamp;
}

/* --- nested --- */

enum weir_cast_result weir_cast_child(const struct weir_cast *cast, const struct weir_vector *from,
    uint32_t at, struct weir_vector *to, uint32_t row)
{
    const struct weir_vector *flat;
    uint32_t flat_at = weir_vector_locate(from, at, &flat);
    enum weir_cast_result result = WEIR_CAST_NULL;
    if (!weir_vector_is_null(from, at)) result = cast->value(cast, flat, flat_at, to, row);
    if (result == WEIR_CAST_NULL) {
        weir_vector_set_null(to, row, cast->call->scratch);
        result = WEIR_CAST_DONE;
    }
    return result;
}

static enum weir_cast_result cast_list(const struct weir_cast *cast, const struct weir_vector *from,
    uint32_t at, struct weir_vector *to, uint32_t row)
{
    struct weir_list list = ((const struct weir_list *)from->data)[at];
    uint32_t children = cast->to->id == WEIR_TYPE_ARRAY ? 1 : 2, offset = to->child_rows;
    weir_vector_reserve_children(to, list.length, cast->call->scratch);
    for (uint32_t c = 0; c < children; c++) {
        for (uint32_t i = 0; i < list.length; i++) {
            enum weir_cast_result result = weir_cast_child(
                &cast->children[c], &from->children[c], list.offset + i, &to->children[c], offset + i);
            if (result == WEIR_CAST_FAILED) return result;
        }
    }
    ((struct weir_list *)to->data)[row] = (struct weir_list){ offset, list.length };
    to->child_rows = offset + list.length;
    return WEIR_CAST_DONE;
}

static enum weir_cast_result cast_row(const struct weir_cast *cast, const struct weir_vector *from,
    uint32_t at, struct weir_vector *to, uint32_t row)
{
    for (uint32_t i = 0; i < cast->to->child_count; i++) {
        enum weir_cast_result result =
            weir_cast_child(&cast->children[i], &from->children[i], at, &to->children[i], row);
        if (result == WEIR_CAST_FAILED) return result;
    }
    return WEIR_CAST_DONE;
}

weir_cast_value weir_cast_choose_nested(const struct weir_type *from, const struct weir_type *to)
{
    return to->id == WEIR_TYPE_ROW ? cast_row : cast_list;
}
