/* Dates, times, timestamps and intervals: + and - with intervals, differences, multiples of intervals. */
#include "expr/arithmetic.h"
#include "expr/decimal_access.h"

#include "data/time.h"

/* DATE + days of the interval; TIME wraps around midnight. */
WEIR_KERNEL_BINARY(date_plus_ms, int32_t, int64_t, int32_t, x + (int32_t)(y / WEIR_DAY_MS))
WEIR_KERNEL_BINARY(date_minus_ms, int32_t, int64_t, int32_t, x - (int32_t)(y / WEIR_DAY_MS))
WEIR_KERNEL_BINARY(date_plus_months, int32_t, int32_t, int32_t, weir_date_add_months(x, y))
WEIR_KERNEL_BINARY(date_minus_months, int32_t, int32_t, int32_t, weir_date_add_months(x, -(int64_t)y))
WEIR_KERNEL_BINARY(time_plus_ms, int32_t, int64_t, int32_t, weir_floor_mod(x + y % WEIR_DAY_MS, WEIR_DAY_MS))
WEIR_KERNEL_BINARY(time_minus_ms, int32_t, int64_t, int32_t, weir_floor_mod(x - y % WEIR_DAY_MS, WEIR_DAY_MS))
WEIR_KERNEL_BINARY(time_plus_months, int32_t, int32_t, int32_t, x + 0 * y)

WEIR_KERNEL_BINARY(us_plus_ms, int64_t, int64_t, int64_t, x + y * 1000)
WEIR_KERNEL_BINARY(us_minus_ms, int64_t, int64_t, int64_t, x - y * 1000)
WEIR_KERNEL_BINARY(ns_plus_ms, weir_int128, int64_t, weir_int128, x + (weir_int128)y * 1000000)
WEIR_KERNEL_BINARY(ns_minus_ms, weir_int128, int64_t, weir_int128, x - (weir_int128)y * 1000000)

static int64_t us_add_months(int64_t us, int64_t months)
{
    int64_t day = weir_floor_div(us, WEIR_DAY_US);
    return weir_date_add_months(day, months) * WEIR_DAY_US + (us - day * WEIR_DAY_US);
}

static weir_int128 ns_add_months(weir_int128 ns, int64_t months)
{
    weir_int128 day = ns / WEIR_DAY_NS - (ns % WEIR_DAY_NS < 0);
    return (weir_int128)weir_date_add_months((int64_t)day, months) * WEIR_DAY_NS + (ns - day * WEIR_DAY_NS);
}

WEIR_KERNEL_BINARY(us_plus_months, int64_t, int32_t, int64_t, us_add_months(x, y))
WEIR_KERNEL_BINARY(us_minus_months, int64_t, int32_t, int64_t, us_add_months(x, -(int64_t)y))
WEIR_KERNEL_BINARY(ns_plus_months, weir_int128, int32_t, weir_int128, ns_add_months(x, y))
WEIR_KERNEL_BINARY(ns_minus_months, weir_int128, int32_t, weir_int128, ns_add_months(x, -(int64_t)y))

WEIR_KERNEL_BINARY(date_difference_ms, int32_t, int32_t, int64_t, ((int64_t)x - y) * WEIR_DAY_MS)
WEIR_KERNEL_BINARY(time_difference_ms, int32_t, int32_t, int64_t, (int64_t)x - y)
WEIR_KERNEL_BINARY(
    us_difference_ms, int64_t, int64_t, int64_t, weir_floor_div(x, 1000) - weir_floor_div(y, 1000))
WEIR_KERNEL_BINARY(ns_difference_ms, weir_int128, weir_int128, int64_t, (x - y) / 1000000)

WEIR_KERNEL_BINARY(months_times, int32_t, int64_t, int32_t, x *y)
WEIR_KERNEL_BINARY(times_months, int64_t, int32_t, int32_t, x *y)
WEIR_KERNEL_BINARY(months_times_double, int32_t, double, int32_t, x *y)
WEIR_KERNEL_BINARY(ms_times_double, int64_t, double, int64_t, (double)x *y)

static bool is_point(const struct weir_type *type)
{
    return type->id >= WEIR_TYPE_DATE && type->id <= WEIR_TYPE_TIMESTAMP_LTZ;
}

static weir_kernel point_kernel(const struct weir_type *point, bool months, bool minus)
{
    static const weir_kernel date[2][2] = { { date_plus_ms, date_minus_ms },
        { date_plus_months, date_minus_months } };
    static const weir_kernel time[2][2] = { { time_plus_ms, time_minus_ms },
        { time_plus_months, time_plus_months } };
    static const weir_kernel us[2][2] = { { us_plus_ms, us_minus_ms }, { us_plus_months, us_minus_months } };
    static const weir_kernel ns[2][2] = { { ns_plus_ms, ns_minus_ms }, { ns_plus_months, ns_minus_months } };
    if (point->id == WEIR_TYPE_DATE) return date[months][minus];
    if (point->id == WEIR_TYPE_TIME) return time[months][minus];
    return weir_type_is_wide_timestamp(point) ? ns[months][minus] : us[months][minus];
}

static bool is_sub_day(const struct weir_type *interval)
{
    return interval->id == WEIR_TYPE_INTERVAL_DAY_TIME && interval->interval_unit != WEIR_INTERVAL_UNIT_DAY;
}

/* A point in time plus or minus an interval; a DATE moved by hours becomes a TIMESTAMP. */
static bool infer_point(struct weir_arena *arena, const struct weir_type *point,
    const struct weir_type *interval, bool minus, uint32_t point_at, struct weir_function_match *ret)
{
    bool months = interval->id == WEIR_TYPE_INTERVAL_YEAR_MONTH;
    if (point->id == WEIR_TYPE_DATE && is_sub_day(interval)) {
        point = weir_type_with_precision(arena, WEIR_TYPE_TIMESTAMP, 3, point->nullable);
        ret->argument_types[point_at] = point;
    }
    ret->type = point;
    ret->kernel = point_kernel(point, months, minus);
    return true;
}

/* interval + point: the kernels take the point first. */
static enum weir_error_code run_swapped(WEIR_KERNEL_PARAMETERS)
{
    const struct weir_vector *swapped[2] = { arguments[1], arguments[0] };
    bool months = arguments[0]->type->id == WEIR_TYPE_INTERVAL_YEAR_MONTH;
    return point_kernel(arguments[1]->type, months, false)(call, swapped, out, rows, count);
}

static bool infer_difference(struct weir_arena *arena, const struct weir_type *a, const struct weir_type *b,
    struct weir_function_match *ret)
{
    const struct weir_type *types[2] = { a, b };
    const struct weir_type *common = weir_expr_common_type(arena, types, 2);
    if (!common) return false;
    ret->argument_types[0] = ret->argument_types[1] = common;
    ret->type = weir_type_interval(arena, WEIR_INTERVAL_UNIT_DAY_TO_SECOND, true);
    switch (common->id) {
    case WEIR_TYPE_DATE: ret->kernel = date_difference_ms; break;
    case WEIR_TYPE_TIME: ret->kernel = time_difference_ms; break;
    default: ret->kernel = weir_type_is_wide_timestamp(common) ? ns_difference_ms : us_difference_ms; break;
    }
    return true;
}

static bool infer_multiple(
    const struct weir_type *a, const struct weir_type *b, struct weir_function_match *ret)
{
    bool interval_first = weir_type_is_interval(a);
    const struct weir_type *interval = interval_first ? a : b, *factor = interval_first ? b : a;
    bool months = interval->id == WEIR_TYPE_INTERVAL_YEAR_MONTH;
    ret->type = interval;
    if (!weir_type_is_integer(factor)) {
        if (!interval_first) return false;
        ret->argument_types[1] = weir_type_of(WEIR_TYPE_DOUBLE);
        ret->kernel = months ? months_times_double : ms_times_double;
        return true;
    }
    ret->argument_types[interval_first ? 1 : 0] = weir_type_of(WEIR_TYPE_BIGINT);
    ret->kernel = months ? (interval_first ? months_times : times_months)
                         : weir_arithmetic_kernel(WEIR_ARITHMETIC_MULTIPLY, WEIR_PHYSICAL_I64);
    return true;
}

static enum weir_error_code divide_interval(WEIR_KERNEL_PARAMETERS)
{
    bool months = arguments[0]->type->id == WEIR_TYPE_INTERVAL_YEAR_MONTH;
    WEIR_FOR_ROWS(i, rows, count)
    {
        int64_t divisor = WEIR_ARGUMENT(int64_t, arguments[1], i);
        if (divisor == 0) return weir_division_by_zero(call);
        if (months) {
            WEIR_RESULT(int32_t, out, i) = (int32_t)(WEIR_ARGUMENT(int32_t, arguments[0], i) / divisor);
        } else {
            int64_t amount = WEIR_ARGUMENT(int64_t, arguments[0], i);
            WEIR_RESULT(int64_t, out, i) = divisor == -1 ? -amount : amount / divisor;
        }
    }
    return WEIR_OK;
}

bool weir_infer_temporal_arithmetic(struct weir_arena *arena, enum weir_arithmetic operation,
    const struct weir_type *a, const struct weir_type *b, struct weir_function_match *ret)
{
    bool adds = operation == WEIR_ARITHMETIC_ADD, subtracts = operation == WEIR_ARITHMETIC_SUBTRACT;
    bool interval_a = weir_type_is_interval(a), interval_b = weir_type_is_interval(b);
    if (is_point(a) && interval_b && (adds || subtracts)) return infer_point(arena, a, b, subtracts, 0, ret);
    if (interval_a && is_point(b) && adds) {
        infer_point(arena, b, a, false, 1, ret);
        ret->kernel = run_swapped;
        return true;
    }
    if (is_point(a) && is_point(b) && subtracts) return infer_difference(arena, a, b, ret);
    if (interval_a && interval_b && a->id == b->id && (adds || subtracts)) {
        const struct weir_type *types[2] = { a, b };
        ret->type = weir_expr_common_type(arena, types, 2);
        ret->kernel = weir_arithmetic_kernel(operation, weir_physical_of(a));
        return true;
    }
    bool multiplies = operation == WEIR_ARITHMETIC_MULTIPLY;
    if (multiplies && ((interval_a && weir_type_is_numeric(b)) || (interval_b && weir_type_is_numeric(a)))) {
        return infer_multiple(a, b, ret);
    }
    if (operation == WEIR_ARITHMETIC_DIVIDE && interval_a && weir_type_is_integer(b)) {
        ret->argument_types[1] = weir_type_of(WEIR_TYPE_BIGINT);
        ret->type = a;
        ret->kernel = divide_interval;
        return true;
    }
    return false;
}
