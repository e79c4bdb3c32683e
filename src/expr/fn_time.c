/* EXTRACT and its short forms, FLOOR and CEIL to a unit. */
#include "expr/moment.h"

enum weir_time_unit weir_time_unit_of(struct weir_slice name)
{
    static const struct {
        const char *name;
        enum weir_time_unit unit;
    } units[] = { { "MILLENNIUM", WEIR_TIME_UNIT_MILLENNIUM }, { "CENTURY", WEIR_TIME_UNIT_CENTURY },
        { "DECADE", WEIR_TIME_UNIT_DECADE }, { "YEAR", WEIR_TIME_UNIT_YEAR },
        { "ISOYEAR", WEIR_TIME_UNIT_ISOYEAR }, { "QUARTER", WEIR_TIME_UNIT_QUARTER },
        { "MONTH", WEIR_TIME_UNIT_MONTH }, { "WEEK", WEIR_TIME_UNIT_WEEK }, { "DAY", WEIR_TIME_UNIT_DAY },
        { "DOW", WEIR_TIME_UNIT_DOW }, { "ISODOW", WEIR_TIME_UNIT_ISODOW }, { "DOY", WEIR_TIME_UNIT_DOY },
        { "HOUR", WEIR_TIME_UNIT_HOUR }, { "MINUTE", WEIR_TIME_UNIT_MINUTE },
        { "SECOND", WEIR_TIME_UNIT_SECOND }, { "MILLISECOND", WEIR_TIME_UNIT_MILLISECOND },
        { "MICROSECOND", WEIR_TIME_UNIT_MICROSECOND }, { "NANOSECOND", WEIR_TIME_UNIT_NANOSECOND },
        { "FRAC_SECOND", WEIR_TIME_UNIT_MICROSECOND }, { "EPOCH", WEIR_TIME_UNIT_EPOCH } };
    if (name.length > 8 && memcmp(name.data, "SQL_TSI_", 8) == 0) name.data += 8, name.length -= 8;
    for (size_t k = 0; k < WEIR_ARRAY_COUNT(units); k++) {
        if (strlen(units[k].name) == name.length && memcmp(units[k].name, name.data, name.length) == 0)
            return units[k].unit;
    }
    return WEIR_TIME_UNIT_NONE;
}

enum weir_time_unit weir_time_unit_literal(const struct weir_vector *literal, struct weir_error *reterr)
{
    struct weir_slice name;
    if (!weir_literal_text(literal, &name)) return WEIR_TIME_UNIT_ANY;
    enum weir_time_unit unit = weir_time_unit_of(name);
    if (unit == WEIR_TIME_UNIT_NONE) {
        weir_error_set(
            reterr, WEIR_E_SQL_VALIDATION, "'%.*s' is not a valid time unit", (int)name.length, name.data);
    }
    return unit;
}

/* --- EXTRACT --- */
static int64_t era(int64_t year, int64_t length)
{
    return year > 0 ? (year + length - 1) / length : (year - length + 1) / length;
}

static int64_t extract_day_field(enum weir_time_unit unit, int64_t days)
{
    struct weir_civil civil;
    int64_t iso_year;
    switch (unit) {
    case WEIR_TIME_UNIT_DOW: return weir_floor_mod(days + 4, 7) + 1; /* Sunday 1; 1970-01-01 was a Thursday */
    case WEIR_TIME_UNIT_ISODOW: return weir_date_iso_weekday(days);
    case WEIR_TIME_UNIT_DOY: return weir_date_day_of_year(days);
    case WEIR_TIME_UNIT_WEEK: return weir_date_iso_week(days, NULL);
    case WEIR_TIME_UNIT_ISOYEAR: weir_date_iso_week(days, &iso_year); return iso_year;
    default: break;
    }
    civil = weir_date_civil(days);
    switch (unit) {
    case WEIR_TIME_UNIT_MILLENNIUM: return era(civil.year, 1000);
    case WEIR_TIME_UNIT_CENTURY: return era(civil.year, 100);
    case WEIR_TIME_UNIT_DECADE: return civil.year / 10;
    case WEIR_TIME_UNIT_YEAR: return civil.year;
    case WEIR_TIME_UNIT_QUARTER: return (civil.month + 2) / 3;
    case WEIR_TIME_UNIT_MONTH: return civil.month;
    default: return civil.day;
    }
}

static int64_t extract_clock_field(enum weir_time_unit unit, struct weir_moment m)
{
    int64_t us_of_day = weir_floor_mod(m.us, WEIR_DAY_US), us_of_second = us_of_day % WEIR_SECOND_US;
    switch (unit) {
    case WEIR_TIME_UNIT_HOUR: return us_of_day / (3600 * WEIR_SECOND_US);
    case WEIR_TIME_UNIT_MINUTE: return us_of_day / (60 * WEIR_SECOND_US) % 60;
    case WEIR_TIME_UNIT_SECOND: return us_of_day / WEIR_SECOND_US % 60;
    case WEIR_TIME_UNIT_MILLISECOND: return us_of_second / 1000;
    case WEIR_TIME_UNIT_MICROSECOND: return us_of_second;
    case WEIR_TIME_UNIT_NANOSECOND: return us_of_second * 1000 + m.nanoseconds;
    default: return weir_floor_div(m.us, WEIR_SECOND_US); /* EPOCH */
    }
}

static int64_t extract_interval_field(enum weir_time_unit unit, const struct weir_vector *v, uint32_t row)
{
    if (v->type->id == WEIR_TYPE_INTERVAL_YEAR_MONTH) {
        int64_t months = WEIR_ARGUMENT(int32_t, v, row);
        switch (unit) {
        case WEIR_TIME_UNIT_MILLENNIUM: return months / 12000;
        case WEIR_TIME_UNIT_CENTURY: return months / 1200;
        case WEIR_TIME_UNIT_DECADE: return months / 120;
        case WEIR_TIME_UNIT_YEAR: return months / 12;
        case WEIR_TIME_UNIT_QUARTER: return months % 12 / 3 + 1;
        default: return months % 12;
        }
    }
    int64_t ms = WEIR_ARGUMENT(int64_t, v, row);
    switch (unit) {
    case WEIR_TIME_UNIT_DAY: return ms / WEIR_DAY_MS;
    case WEIR_TIME_UNIT_HOUR: return ms % WEIR_DAY_MS / 3600000;
    case WEIR_TIME_UNIT_MINUTE: return ms % 3600000 / 60000;
    case WEIR_TIME_UNIT_SECOND: return ms % 60000 / 1000;
    case WEIR_TIME_UNIT_MILLISECOND: return ms % 1000;
    case WEIR_TIME_UNIT_MICROSECOND: return ms % 1000 * 1000;
    case WEIR_TIME_UNIT_NANOSECOND: return ms % 1000 * 1000000;
    default: return ms / 1000;
    }
}

static void extract_rows(struct weir_call *call, const struct weir_vector *units, enum weir_time_unit unit,
    const struct weir_vector *v, struct weir_vector *out, const uint16_t *rows, uint32_t count)
{
    bool interval = weir_type_is_interval(v->type),
         varies = units && units->encoding != WEIR_ENCODING_CONSTANT;
    if (units && !varies) unit = weir_time_unit_argument(units, 0);
    int64_t known_day = INT64_MIN, known = 0;
    WEIR_FOR_ROWS(i, rows, count)
    {
        if (varies) unit = weir_time_unit_argument(units, i), known_day = INT64_MIN;
        int64_t value;
        if (interval) {
            value = extract_interval_field(unit, v, i);
        } else {
            struct weir_moment m = weir_moment_local(call, v, i);
            if (unit >= WEIR_TIME_UNIT_HOUR) {
                value = extract_clock_field(unit, m);
            } else {
                int64_t day = weir_floor_div(m.us, WEIR_DAY_US);
                if (day != known_day) known = extract_day_field(unit, day), known_day = day;
                value = known;
            }
        }
        WEIR_RESULT(int64_t, out, i) = value;
    }
}

static enum weir_error_code extract(WEIR_KERNEL_PARAMETERS)
{
    extract_rows(call, arguments[0], WEIR_TIME_UNIT_NONE, arguments[1], out, rows, count);
    return WEIR_OK;
}

static bool has_field(const struct weir_type *type, enum weir_time_unit unit)
{
    bool clock = unit >= WEIR_TIME_UNIT_HOUR, any = unit == WEIR_TIME_UNIT_ANY;
    switch (type->id) {
    case WEIR_TYPE_DATE:
    case WEIR_TYPE_TIMESTAMP:
    case WEIR_TYPE_TIMESTAMP_LTZ: return true;
    case WEIR_TYPE_TIME: return clock;
    case WEIR_TYPE_INTERVAL_DAY_TIME: return clock || unit == WEIR_TIME_UNIT_DAY;
    case WEIR_TYPE_INTERVAL_YEAR_MONTH:
        return any || (unit <= WEIR_TIME_UNIT_MONTH && unit != WEIR_TIME_UNIT_ISOYEAR);
    default: return false;
    }
}

static bool extract_types(struct weir_arena *arena, const struct weir_type *type, enum weir_time_unit unit,
    uint32_t argument, weir_kernel kernel, struct weir_function_match *ret)
{
    if (type->id == WEIR_TYPE_NULL || weir_type_is_string(type)) {
        type = weir_type_with_precision(arena, WEIR_TYPE_TIMESTAMP, 3, true);
        ret->argument_types[argument] = type;
    }
    if (!has_field(type, unit)) return false;
    ret->type = weir_type_nullable(arena, weir_type_of(WEIR_TYPE_BIGINT), type->nullable);
    ret->kernel = kernel;
    return true;
}

bool weir_infer_extract(WEIR_INFER_PARAMETERS)
{
    (void)function, (void)count;
    if (!weir_type_is_string(given[0])) return false;
    enum weir_time_unit unit = weir_time_unit_literal(literals[0], reterr);
    return unit != WEIR_TIME_UNIT_NONE && extract_types(arena, given[1], unit, 1, extract, ret);
}

#define EXTRACT_KERNEL(name, unit)                                      \
    static enum weir_error_code name(WEIR_KERNEL_PARAMETERS)            \
    {                                                                   \
        extract_rows(call, NULL, unit, arguments[0], out, rows, count); \
        return WEIR_OK;                                                 \
    }
EXTRACT_KERNEL(extract_year, WEIR_TIME_UNIT_YEAR)
EXTRACT_KERNEL(extract_quarter, WEIR_TIME_UNIT_QUARTER)
EXTRACT_KERNEL(extract_month, WEIR_TIME_UNIT_MONTH)
EXTRACT_KERNEL(extract_week, WEIR_TIME_UNIT_WEEK)
EXTRACT_KERNEL(extract_day_of_year, WEIR_TIME_UNIT_DOY)
EXTRACT_KERNEL(extract_day_of_month, WEIR_TIME_UNIT_DAY)
EXTRACT_KERNEL(extract_day_of_week, WEIR_TIME_UNIT_DOW)
EXTRACT_KERNEL(extract_hour, WEIR_TIME_UNIT_HOUR)
EXTRACT_KERNEL(extract_minute, WEIR_TIME_UNIT_MINUTE)
EXTRACT_KERNEL(extract_second, WEIR_TIME_UNIT_SECOND)

bool weir_infer_extract_field(WEIR_INFER_PARAMETERS)
{
    (void)literals, (void)count, (void)reterr;
    static const struct {
        const char *name;
        enum weir_time_unit unit;
        weir_kernel kernel;
    } fields[] = { { "YEAR", WEIR_TIME_UNIT_YEAR, extract_year },
        { "QUARTER", WEIR_TIME_UNIT_QUARTER, extract_quarter },
        { "MONTH", WEIR_TIME_UNIT_MONTH, extract_month }, { "WEEK", WEIR_TIME_UNIT_WEEK, extract_week },
        { "DAYOFYEAR", WEIR_TIME_UNIT_DOY, extract_day_of_year },
        { "DAYOFMONTH", WEIR_TIME_UNIT_DAY, extract_day_of_month },
        { "DAYOFWEEK", WEIR_TIME_UNIT_DOW, extract_day_of_week },
        { "HOUR", WEIR_TIME_UNIT_HOUR, extract_hour }, { "MINUTE", WEIR_TIME_UNIT_MINUTE, extract_minute },
        { "SECOND", WEIR_TIME_UNIT_SECOND, extract_second } };
    for (size_t k = 0; k < WEIR_ARRAY_COUNT(fields); k++) {
        if (strcmp(fields[k].name, function->name) == 0) {
            return extract_types(arena, given[0], fields[k].unit, 0, fields[k].kernel, ret);
        }
    }
    return false;
}

/* --- FLOOR and CEIL ---
 * As Flink has them: weeks start on Sunday; CEIL looks at the day only where the unit is longer than one (an
 * hour past a month's first midnight is still that month); quarters, decades and longer always go up but for
 * a year's first day. */
static int64_t first_of(int64_t year, int64_t month)
{
    return weir_date_days(
        year + weir_floor_div(month - 1, 12), (int32_t)weir_floor_mod(month - 1, 12) + 1, 1);
}

static int64_t round_days(enum weir_time_unit unit, int64_t days, bool up)
{
    struct weir_civil c = weir_date_civil(days);
    int64_t year = c.year, month = c.month;
    bool later = month > 1 || c.day > 1;
    switch (unit) {
    case WEIR_TIME_UNIT_MILLENNIUM:
        return first_of(1000 * weir_floor_div(year + 999, 1000) + (up ? 1 : -999), 1);
    case WEIR_TIME_UNIT_CENTURY: return first_of(100 * weir_floor_div(year + 99, 100) + (up ? 1 : -99), 1);
    case WEIR_TIME_UNIT_DECADE: return first_of(10 * (weir_floor_div(year, 10) + up), 1);
    case WEIR_TIME_UNIT_YEAR: return first_of(year + (up && later), 1);
    case WEIR_TIME_UNIT_QUARTER: return first_of(year, 3 * ((month + 2) / 3 + (up && later)) - 2);
    case WEIR_TIME_UNIT_MONTH: return first_of(year, month + (up && c.day > 1));
    case WEIR_TIME_UNIT_WEEK: {
        int64_t past_sunday = weir_floor_mod(days + 4, 7);
        return days - past_sunday + (up && past_sunday ? 7 : 0);
    }
    default: return days;
    }
}

static int64_t unit_ms(enum weir_time_unit unit)
{
    switch (unit) {
    case WEIR_TIME_UNIT_DAY: return WEIR_DAY_MS;
    case WEIR_TIME_UNIT_HOUR: return 3600000;
    case WEIR_TIME_UNIT_MINUTE: return 60000;
    case WEIR_TIME_UNIT_SECOND: return 1000;
    case WEIR_TIME_UNIT_MILLISECOND: return 1;
    default: return 0;
    }
}

/* Times tend to come in order: the day seen last is kept with what it is rounded to. */
struct day_cache {
    enum weir_time_unit unit;
    int64_t day, rounded;
};

static int64_t round_days_cached(struct day_cache *cache, enum weir_time_unit unit, int64_t day, bool up)
{
    if (cache->day != day || cache->unit != unit) {
        *cache = (struct day_cache){ unit, day, round_days(unit, day, up) };
    }
    return cache->rounded;
}

static struct weir_moment round_moment(
    struct day_cache *cache, enum weir_time_unit unit, struct weir_moment m, bool up)
{
    int64_t length = unit_ms(unit), ms = weir_floor_div(m.us, 1000);
    if (unit == WEIR_TIME_UNIT_MICROSECOND) return (struct weir_moment){ m.us, 0 };
    if (unit == WEIR_TIME_UNIT_NANOSECOND) return m;
    if (length == 0) {
        int64_t day = round_days_cached(cache, unit, weir_floor_div(m.us, WEIR_DAY_US), up);
        return (struct weir_moment){ day * WEIR_DAY_US, 0 };
    }
    int64_t rounded = weir_floor_div(ms + (up ? length - 1 : 0), length) * length;
    return (struct weir_moment){ rounded * 1000, 0 };
}

static int32_t round_date(enum weir_time_unit unit, int32_t days, bool up)
{
    if (unit == WEIR_TIME_UNIT_DAY) return days + up; /* Flink's CEIL(date TO DAY) is the next day */
    return (int32_t)round_days(unit, days, up);
}

static enum weir_error_code round_time(WEIR_KERNEL_PARAMETERS, bool up)
{
    const struct weir_vector *v = arguments[0], *units = arguments[1];
    const struct weir_zone *zone =
        v->type->id == WEIR_TYPE_TIMESTAMP_LTZ ? call->environment->local_zone : NULL;
    enum weir_time_unit unit = WEIR_TIME_UNIT_NONE;
    bool varies = units->encoding != WEIR_ENCODING_CONSTANT;
    struct day_cache cache = { .unit = WEIR_TIME_UNIT_NONE };
    if (!varies) unit = weir_time_unit_argument(units, 0);
    WEIR_FOR_ROWS(i, rows, count)
    {
        if (varies) unit = weir_time_unit_argument(units, i);
        if (v->type->id == WEIR_TYPE_DATE) {
            WEIR_RESULT(int32_t, out, i) = round_date(unit, WEIR_ARGUMENT(int32_t, v, i), up);
            continue;
        }
        struct weir_moment m = weir_moment_local(call, v, i);
        m = round_moment(&cache, unit, m, up);
        if (zone) m.us = weir_zone_local_to_utc_us(zone, m.us);
        weir_moment_put(out, i, m);
    }
    return WEIR_OK;
}

static enum weir_error_code floor_time(WEIR_KERNEL_PARAMETERS)
{
    return round_time(call, arguments, out, rows, count, false);
}

static enum weir_error_code ceil_time(WEIR_KERNEL_PARAMETERS)
{
    return round_time(call, arguments, out, rows, count, true);
}

bool weir_infer_floor_time(WEIR_INFER_PARAMETERS)
{
    if (count != 2 || !weir_type_is_moment(given[0]) || !weir_type_is_string(given[1])) return false;
    enum weir_time_unit unit = weir_time_unit_literal(literals[1], reterr);
    if (unit == WEIR_TIME_UNIT_NONE) return false;
    bool floors = unit != WEIR_TIME_UNIT_EPOCH && unit != WEIR_TIME_UNIT_ISOYEAR &&
                  (unit < WEIR_TIME_UNIT_DOW || unit > WEIR_TIME_UNIT_DOY);
    if (!floors || (given[0]->id == WEIR_TYPE_TIME && unit < WEIR_TIME_UNIT_HOUR)) return false;
    ret->type = weir_type_with_time_attribute(arena, given[0], WEIR_TIME_ATTRIBUTE_NONE);
    ret->kernel = function->name[0] == 'F' ? floor_time : ceil_time;
    return true;
}
