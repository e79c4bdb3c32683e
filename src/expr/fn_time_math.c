/* TIMESTAMPADD, TIMESTAMPDIFF, OVERLAPS. */
#include "expr/moment.h"

/* Months in a unit; 0: the unit has a fixed length. */
static int64_t unit_months(enum weir_time_unit unit)
{
    switch (unit) {
    case WEIR_TIME_UNIT_MILLENNIUM: return 12000;
    case WEIR_TIME_UNIT_CENTURY: return 1200;
    case WEIR_TIME_UNIT_DECADE: return 120;
    case WEIR_TIME_UNIT_YEAR: return 12;
    case WEIR_TIME_UNIT_QUARTER: return 3;
    case WEIR_TIME_UNIT_MONTH: return 1;
    default: return 0;
    }
}

static int64_t unit_us(enum weir_time_unit unit)
{
    switch (unit) {
    case WEIR_TIME_UNIT_WEEK: return 7 * WEIR_DAY_US;
    case WEIR_TIME_UNIT_DAY: return WEIR_DAY_US;
    case WEIR_TIME_UNIT_HOUR: return 3600 * WEIR_SECOND_US;
    case WEIR_TIME_UNIT_MINUTE: return 60 * WEIR_SECOND_US;
    case WEIR_TIME_UNIT_SECOND: return WEIR_SECOND_US;
    case WEIR_TIME_UNIT_MILLISECOND: return 1000;
    case WEIR_TIME_UNIT_MICROSECOND: return 1;
    default: return 0;
    }
}

static int64_t add_months(int64_t us, int64_t months)
{
    int64_t day = weir_floor_div(us, WEIR_DAY_US);
    return weir_date_add_months(day, months) * WEIR_DAY_US + (us - day * WEIR_DAY_US);
}

static bool is_countable(enum weir_time_unit unit)
{
    return unit_months(unit) || unit_us(unit) || unit == WEIR_TIME_UNIT_ANY;
}

/* What a timestamp can hold at all: beyond it is an error rather than another time. */
enum { YEARS_MAX = 280000 };

static bool add_units(struct weir_moment *m, enum weir_time_unit unit, int64_t n, bool is_time)
{
    int64_t months = unit_months(unit), us, sum;
    if (months) {
        if (is_time) return true;
        if (n > YEARS_MAX * INT64_C(12) / months || n < -(YEARS_MAX * INT64_C(12) / months)) return false;
        m->us = add_months(m->us, n * months);
        return true;
    }
    if (__builtin_mul_overflow(n, unit_us(unit), &us) || __builtin_add_overflow(m->us, us, &sum))
        return false;
    m->us = sum;
    return true;
}

/* TIMESTAMPADD('UNIT', n, t). Months of a TIMESTAMP_LTZ are counted on the wall clock. */
static enum weir_error_code timestamp_add(WEIR_KERNEL_PARAMETERS)
{
    const struct weir_vector *units = arguments[0], *v = arguments[2];
    const struct weir_zone *zone =
        v->type->id == WEIR_TYPE_TIMESTAMP_LTZ ? call->environment->local_zone : NULL;
    bool varies = units->encoding != WEIR_ENCODING_CONSTANT;
    enum weir_time_unit unit = varies ? WEIR_TIME_UNIT_NONE : weir_time_unit_argument(units, 0);
    WEIR_FOR_ROWS(i, rows, count)
    {
        if (varies) unit = weir_time_unit_argument(units, i);
        bool local = zone && unit_months(unit);
        struct weir_moment m = local ? weir_moment_local(call, v, i) : weir_moment_argument(v, i);
        int64_t n = WEIR_ARGUMENT(int64_t, arguments[1], i);
        if (!add_units(&m, unit, n, v->type->id == WEIR_TYPE_TIME)) {
            return weir_error_set(call->error, WEIR_E_ARITHMETIC,
                "TIMESTAMPADD: adding %lld units goes beyond what a timestamp can hold", (long long)n);
        }
        if (local) m.us = weir_zone_local_to_utc_us(zone, m.us);
        weir_moment_put(out, i, m);
    }
    return WEIR_OK;
}

bool weir_infer_timestamp_add(WEIR_INFER_PARAMETERS)
{
    (void)function, (void)count;
    if (!weir_type_is_string(given[0])) return false;
    enum weir_time_unit unit = weir_time_unit_literal(literals[0], reterr);
    if (!is_countable(unit)) return false;
    const struct weir_type *time = given[2], *number = weir_type_of(WEIR_TYPE_BIGINT);
    if (!weir_type_is_integer(given[1]) && given[1]->id != WEIR_TYPE_NULL) return false;
    if (time->id == WEIR_TYPE_NULL || weir_type_is_string(time))
        time = weir_type_with_precision(arena, WEIR_TYPE_TIMESTAMP, 3, true);
    if (!weir_type_is_moment(time)) return false;
    ret->argument_types[1] = weir_type_nullable(arena, number, given[1]->nullable);
    ret->argument_types[2] = time;
    bool nullable = weir_types_any_nullable(given, 3);
    bool clock = unit_us(unit) && unit != WEIR_TIME_UNIT_DAY && unit != WEIR_TIME_UNIT_WEEK;
    const struct weir_type *result = weir_type_with_time_attribute(arena, time, WEIR_TIME_ATTRIBUTE_NONE);
    if (time->id == WEIR_TYPE_DATE && clock)
        result = weir_type_with_precision(arena, WEIR_TYPE_TIMESTAMP, 6, nullable);
    ret->type = weir_type_nullable(arena, result, nullable);
    ret->kernel = timestamp_add;
    return true;
}

/* Whole months from day b to day a: the first guess is never too large, for no month has more than 31 days.
 */
static int64_t months_between_days(int64_t a, int64_t b)
{
    if (a < b) return -months_between_days(b, a);
    int64_t months = (a - b) / 31;
    while (weir_date_add_months(b, months) < a && weir_date_add_months(b, months + 1) <= a) months++;
    return months;
}

static int64_t months_between(int64_t a_us, int64_t b_us)
{
    int64_t a_day = weir_floor_div(a_us, WEIR_DAY_US), b_day = weir_floor_div(b_us, WEIR_DAY_US);
    int64_t months = months_between_days(a_day, b_day);
    bool earlier = a_us - a_day * WEIR_DAY_US < b_us - b_day * WEIR_DAY_US;
    if (weir_date_add_months(b_day, months) == a_day && earlier) months--;
    return months;
}

/* TIMESTAMPDIFF('UNIT', from, to): whole units, toward zero. */
static enum weir_error_code timestamp_diff(WEIR_KERNEL_PARAMETERS)
{
    (void)call;
    bool varies = arguments[0]->encoding != WEIR_ENCODING_CONSTANT;
    enum weir_time_unit unit = varies ? WEIR_TIME_UNIT_NONE : weir_time_unit_argument(arguments[0], 0);
    WEIR_FOR_ROWS(i, rows, count)
    {
        if (varies) unit = weir_time_unit_argument(arguments[0], i);
        int64_t from = weir_moment_argument(arguments[1], i).us,
                to = weir_moment_argument(arguments[2], i).us;
        int64_t months = unit_months(unit), us = unit_us(unit), difference = 0;
        if (months) {
            difference = months_between(to, from) / months;
        } else if (us) {
            /* Flink counts in milliseconds before it divides. */
            difference = weir_floor_div(to, 1000) - weir_floor_div(from, 1000);
            difference = us >= 1000 ? difference / (us / 1000) : difference * 1000;
        }
        WEIR_RESULT(int32_t, out, i) = (int32_t)difference;
    }
    return WEIR_OK;
}

bool weir_infer_timestamp_diff(WEIR_INFER_PARAMETERS)
{
    (void)function, (void)count;
    if (!weir_type_is_string(given[0])) return false;
    enum weir_time_unit unit = weir_time_unit_literal(literals[0], reterr);
    if (!is_countable(unit)) return false;
    bool zoned[2], known[2];
    for (uint32_t k = 1; k <= 2; k++) {
        const struct weir_type *type = given[k];
        known[k - 1] = type->id != WEIR_TYPE_NULL;
        if (!known[k - 1] || weir_type_is_string(type))
            type = weir_type_with_precision(arena, WEIR_TYPE_TIMESTAMP, 3, true);
        if (!weir_type_is_moment(type)) return false;
        zoned[k - 1] = type->id == WEIR_TYPE_TIMESTAMP_LTZ;
        ret->argument_types[k] = type;
    }
    if (zoned[0] != zoned[1] && known[0] && known[1]) {
        weir_error_set(
            reterr, WEIR_E_SQL_VALIDATION, "TIMESTAMP_LTZ only supports diff between the same type.");
        return false;
    }
    ret->type = weir_type_nullable(arena, weir_type_of(WEIR_TYPE_INT), weir_types_any_nullable(given, 3));
    ret->kernel = timestamp_diff;
    return true;
}

/* --- OVERLAPS(start1, end1, start2, end2): an end may be an interval behind its start; touching counts ---
 */
static int64_t period_end(const struct weir_vector *ends, uint32_t row, int64_t start)
{
    if (ends->type->id == WEIR_TYPE_INTERVAL_DAY_TIME)
        return start + WEIR_ARGUMENT(int64_t, ends, row) * 1000;
    if (ends->type->id == WEIR_TYPE_INTERVAL_YEAR_MONTH)
        return add_months(start, WEIR_ARGUMENT(int32_t, ends, row));
    return weir_moment_argument(ends, row).us;
}

static enum weir_error_code overlaps(WEIR_KERNEL_PARAMETERS)
{
    (void)call;
    WEIR_FOR_ROWS(i, rows, count)
    {
        int64_t a0 = weir_moment_argument(arguments[0], i).us, b0 = weir_moment_argument(arguments[2], i).us;
        int64_t a1 = period_end(arguments[1], i, a0), b1 = period_end(arguments[3], i, b0);
        WEIR_RESULT(uint8_t, out, i) =
            WEIR_MAX(a0, a1) >= WEIR_MIN(b0, b1) && WEIR_MAX(b0, b1) >= WEIR_MIN(a0, a1);
    }
    return WEIR_OK;
}

bool weir_infer_overlaps(WEIR_INFER_PARAMETERS)
{
    (void)function, (void)literals, (void)reterr;
    for (uint32_t k = 0; k < 4; k += 2) {
        bool interval = weir_type_is_interval(given[k + 1]);
        if (!weir_type_is_moment(given[k]) || !(interval || given[k + 1]->id == given[k]->id)) return false;
        if (given[k]->id != given[0]->id) return false;
    }
    ret->type =
        weir_type_nullable(arena, weir_type_of(WEIR_TYPE_BOOLEAN), weir_types_any_nullable(given, count));
    ret->kernel = overlaps;
    return true;
}
