/* Dates, times, timestamps and intervals to text. */
#include "base/assert.h"
#include "data/number.h"
#include "data/number_internal.h"
#include "data/time.h"
#include <string.h>

static char *put_two(char *to, int32_t value)
{
    memcpy(to, weir_digit_pairs + (uint32_t)value * 2, 2);
    return to + 2;
}

static char *put_year(char *to, int64_t year)
{
    uint64_t magnitude = year < 0 ? (uint64_t)-year : (uint64_t)year;
    if (year < 0)
        *to++ = '-';
    else if (year > 9999)
        *to++ = '+';
    if (magnitude > 9999) return to + weir_u64_print(magnitude, to);
    to = put_two(to, (int32_t)(magnitude / 100));
    return put_two(to, (int32_t)(magnitude % 100));
}

static char *put_date(char *to, const struct weir_civil *civil)
{
    to = put_year(to, civil->year);
    *to++ = '-';
    to = put_two(to, civil->month);
    *to++ = '-';
    return put_two(to, civil->day);
}

static char *put_clock(char *to, const struct weir_civil *civil, bool seconds)
{
    to = put_two(to, civil->hour);
    *to++ = ':';
    to = put_two(to, civil->minute);
    if (!seconds) return to;
    *to++ = ':';
    return put_two(to, civil->second);
}

static char *put_fraction(char *to, uint32_t nanosecond, uint32_t digits)
{
    if (!digits) return to;
    char all[10];
    uint32_t milliseconds = nanosecond / 1000000, rest = nanosecond % 1000000;
    all[0] = (char)('0' + milliseconds / 100);
    put_two(all + 1, (int32_t)(milliseconds % 100));
    put_two(all + 3, (int32_t)(rest / 10000));
    put_two(all + 5, (int32_t)(rest / 100 % 100));
    put_two(all + 7, (int32_t)(rest % 100));
    *to++ = '.';
    for (uint32_t i = 0; i < digits; i++) to[i] = all[i];
    return to + digits;
}

static struct weir_civil clock_of_ms(int64_t ms)
{
    uint32_t of_day = (uint32_t)weir_floor_mod(ms, WEIR_DAY_MS), seconds = of_day / 1000;
    return (struct weir_civil){ .hour = (int32_t)(seconds / 3600),
        .minute = (int32_t)(seconds / 60 % 60),
        .second = (int32_t)(seconds % 60),
        .nanosecond = (int32_t)(of_day % 1000) * 1000000 };
}

size_t weir_date_print(int64_t days, char *to)
{
    struct weir_civil civil = weir_date_civil(days);
    return (size_t)(put_date(to, &civil) - to);
}

size_t weir_time_print(int64_t ms_of_day, uint32_t precision, char *to)
{
    struct weir_civil civil = clock_of_ms(ms_of_day);
    char *at = put_clock(to, &civil, true);
    /* Zeros at the end are left out, but the first digit. */
    uint32_t digits = 3;
    for (int32_t shown = civil.nanosecond / 1000000; digits > 1 && shown % 10 == 0; shown /= 10) digits--;
    digits = WEIR_MIN(digits, precision);
    return (size_t)(put_fraction(at, (uint32_t)civil.nanosecond, digits) - to);
}

size_t weir_timestamp_print(const struct weir_civil *civil, char separator, uint32_t precision, char *to)
{
    WEIR_ASSERT(precision <= 9);
    char *at = put_date(to, civil);
    *at++ = separator;
    at = put_clock(at, civil, true);
    return (size_t)(put_fraction(at, (uint32_t)civil->nanosecond, precision) - to);
}

static char *put_clock_java(char *to, const struct weir_civil *civil, bool always_seconds)
{
    int32_t ns = civil->nanosecond;
    to = put_clock(to, civil, always_seconds || civil->second || ns);
    return put_fraction(to, (uint32_t)ns, ns == 0 ? 0 : ns % 1000000 == 0 ? 3 : ns % 1000 == 0 ? 6 : 9);
}

size_t weir_timestamp_print_java(const struct weir_civil *civil, bool always_seconds, char *to)
{
    char *at = put_date(to, civil);
    *at++ = 'T';
    return (size_t)(put_clock_java(at, civil, always_seconds) - to);
}

size_t weir_time_print_java(int64_t ms_of_day, char *to)
{
    struct weir_civil civil = clock_of_ms(ms_of_day);
    return (size_t)(put_clock_java(to, &civil, false) - to);
}

size_t weir_interval_print_months(int32_t months, char *to)
{
    uint64_t magnitude = months < 0 ? (uint64_t) - (int64_t)months : (uint64_t)months;
    char *at = to;
    *at++ = months < 0 ? '-' : '+';
    at += weir_u64_print(magnitude / 12, at);
    *at++ = '-';
    return (size_t)(put_two(at, (int32_t)(magnitude % 12)) - to);
}

size_t weir_interval_print_ms(int64_t ms, char *to)
{
    uint64_t magnitude = ms < 0 ? -(uint64_t)ms : (uint64_t)ms;
    struct weir_civil civil = clock_of_ms((int64_t)(magnitude % (uint64_t)WEIR_DAY_MS));
    char *at = to;
    *at++ = ms < 0 ? '-' : '+';
    at += weir_u64_print(magnitude / (uint64_t)WEIR_DAY_MS, at);
    *at++ = ' ';
    at = put_clock(at, &civil, true);
    return (size_t)(put_fraction(at, (uint32_t)civil.nanosecond, 3) - to);
}

static char *put_part(char *to, int64_t value, char unit)
{
    if (!value) return to;
    to += weir_i64_print(value, to);
    *to++ = unit;
    return to;
}

size_t weir_period_print_java(int32_t months, char *to)
{
    char *at = to;
    *at++ = 'P';
    at = put_part(at, months / 12, 'Y');
    at = put_part(at, months % 12, 'M');
    if (months == 0) {
        *at++ = '0';
        *at++ = 'D';
    }
    return (size_t)(at - to);
}

size_t weir_duration_print_java(int64_t ms, char *to)
{
    char *at = to;
    *at++ = 'P';
    *at++ = 'T';
    if (ms == 0) {
        *at++ = '0';
        *at++ = 'S';
        return (size_t)(at - to);
    }
    int64_t rest = ms % 60000; /* the sign is that of ms in every part */
    at = put_part(at, ms / 3600000, 'H');
    at = put_part(at, ms / 60000 % 60, 'M');
    if (!rest) return (size_t)(at - to);
    uint64_t magnitude = rest < 0 ? (uint64_t)-rest : (uint64_t)rest;
    if (rest < 0) *at++ = '-';
    at += weir_u64_print(magnitude / 1000, at);
    uint32_t fraction = (uint32_t)(magnitude % 1000);
    if (fraction) {
        at = put_fraction(at, fraction * 1000000, 3);
        while (at[-1] == '0') at--;
    }
    *at++ = 'S';
    return (size_t)(at - to);
}
