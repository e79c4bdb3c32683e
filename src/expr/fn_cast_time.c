/* Casts among DATE and timestamps of up to 6 digits as loops; zones, TIME and more digits go value by value.
 */
#include "expr/cast.h"

#include "data/decimal.h"
#include "data/time.h"

WEIR_KERNEL_UNARY(keep_i32, int32_t, int32_t, x)
WEIR_KERNEL_UNARY(keep_i64, int64_t, int64_t, x)
WEIR_KERNEL_UNARY(us_to_date, int64_t, int32_t, weir_floor_div(x, WEIR_DAY_US))
WEIR_KERNEL_UNARY(date_to_us, int32_t, int64_t, x *WEIR_DAY_US)

/* Toward the past, to the digits of the result. */
static enum weir_error_code floor_us(WEIR_KERNEL_PARAMETERS)
{
    int64_t unit = weir_decimal_power_64[WEIR_TIMESTAMP_COMPACT_PRECISION_MAX - out->type->precision];
    const int64_t *from = arguments[0]->data;
    int64_t *restrict to = out->data;
    WEIR_FOR_ROWS(i, rows, count)
    {
        int64_t x = from[weir_argument_row(arguments[0], i)];
        to[i] = x - weir_floor_mod(x, unit);
    }
    return WEIR_OK;
}

static bool is_compact(const struct weir_type *type)
{
    return weir_type_is_timestamp(type) && !weir_type_is_wide_timestamp(type);
}

weir_kernel weir_cast_time_kernel(const struct weir_type *from, const struct weir_type *to)
{
    bool same = from->id == to->id;
    if (same && from->id == WEIR_TYPE_DATE) return keep_i32;
    if (same && from->id == WEIR_TYPE_TIME && to->precision >= from->precision) return keep_i32;
    if (same && is_compact(from) && is_compact(to))
        return to->precision >= from->precision ? keep_i64 : floor_us;
    bool local_from = from->id == WEIR_TYPE_TIMESTAMP && is_compact(from);
    bool local_to = to->id == WEIR_TYPE_TIMESTAMP && is_compact(to);
    if (local_from && to->id == WEIR_TYPE_DATE) return us_to_date;
    return from->id == WEIR_TYPE_DATE && local_to ? date_to_us : NULL;
}
