/*
 * Calendar and clock: proleptic Gregorian dates, wall-clock timestamps, their texts. Pure arithmetic; zones
 * are in zone.h. Years run from -290,000 to 290,000 or so (what a 64-bit count of microseconds holds); SQL
 * texts know 0 to 9999.
 */
#ifndef WEIR_DATA_TIME_H
#define WEIR_DATA_TIME_H

#include "base/macros.h"

#define WEIR_SECOND_MS   INT64_C(1000)
#define WEIR_SECOND_US   INT64_C(1000000)
#define WEIR_SECOND_NS   INT64_C(1000000000)
#define WEIR_DAY_SECONDS INT64_C(86400)
#define WEIR_DAY_MS      (WEIR_DAY_SECONDS * 1000)
#define WEIR_DAY_US      (WEIR_DAY_SECONDS * 1000000)
#define WEIR_DAY_NS      (WEIR_DAY_SECONDS * 1000000000)

/* Division and remainder that round down: the day of -1 microsecond is -1. */
static inline int64_t weir_floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b != 0 && (a % b < 0) != (b < 0));
}
static inline int64_t weir_floor_mod(int64_t a, int64_t b)
{
    return a - weir_floor_div(a, b) * b;
}

struct weir_civil {
    int32_t year, month, day; /* month and day from 1 */
    int32_t hour, minute, second;
    int32_t nanosecond;
};

bool weir_year_is_leap(int64_t year);
int32_t weir_month_days(int64_t year, int32_t month); /* 28..31 */
bool weir_date_is_valid(
    int64_t year, int64_t month, int64_t day); /* any year, month 1..12, a day that the month has */
int64_t weir_date_days(
    int64_t year, int32_t month, int32_t day);   /* since 1970-01-01; day may lie outside the month */
struct weir_civil weir_date_civil(int64_t days); /* clock fields 0 */
struct weir_civil weir_civil_from_us(int64_t us);
struct weir_civil weir_civil_from_ns(weir_int128 ns);
int64_t weir_civil_us(const struct weir_civil *civil);
weir_int128 weir_civil_ns(const struct weir_civil *civil);

int32_t weir_date_iso_weekday(int64_t days);                 /* Monday 1 .. Sunday 7 */
int32_t weir_date_day_of_year(int64_t days);                 /* 1..366 */
int32_t weir_date_iso_week(int64_t days, int64_t *iso_year); /* 1..53; iso_year may be NULL */
int64_t weir_date_add_months(int64_t days, int64_t months);  /* the day is cut to the month's last */

/* Parsers answer false for a text that is none; *days etc. are then unchanged. text needs no terminator.
 * DATE as CAST reads it: [ ]y[-m[-d]][ anything after a space]; years 0..9999. "2020", "2020-1-2",
 * "2020-01-02 10:00:00". */
bool weir_date_parse(const char *text, size_t length, int32_t *days);
/* TIME as CAST reads it: h[:m[:s[.fraction]]] with an optional +h[:m] or -h[:m]; milliseconds of the day. */
bool weir_time_parse(const char *text, size_t length, int32_t *ms);
/* TIMESTAMP as CAST reads it: yyyy-m-d[ h:m:s[.fraction]], one or two digits each, fraction cut to precision
 * digits. */
bool weir_timestamp_parse(const char *text, size_t length, uint32_t precision, struct weir_civil *civil);
/* The forms of formats ('SQL', 'ISO-8601'): separator is ' ' or 'T'; seconds and fraction are optional with
 * 'T'. With zoned a 'Z' must follow; without, must not. Fields have their full number of digits. */
bool weir_timestamp_parse_strict(
    const char *text, size_t length, char separator, bool zoned, struct weir_civil *civil);

/* Printers write at to (room for WEIR_TIME_TEXT_BYTES_MAX), add no NUL and return the length. */
enum { WEIR_TIME_TEXT_BYTES_MAX = 48 };
size_t weir_date_print(int64_t days, char *to); /* 2020-01-02, -0001-.., +10000-.. */
size_t weir_time_print(
    int64_t ms_of_day, uint32_t precision, char *to); /* 10:00:00[.123], precision digits (ms kept) */
/* 2020-01-02 10:00:00.123: exactly precision digits of the fraction, none and no point when 0. */
size_t weir_timestamp_print(const struct weir_civil *civil, char separator, uint32_t precision, char *to);
/* As java.time does: seconds only when not 0 (always with always_seconds), fraction in 3, 6 or 9 digits when
 * not 0. */
size_t weir_timestamp_print_java(const struct weir_civil *civil, bool always_seconds, char *to);
size_t weir_time_print_java(int64_t ms_of_day, char *to);
size_t weir_interval_print_months(int32_t months, char *to); /* +1-02 */
size_t weir_interval_print_ms(int64_t ms, char *to);         /* +0 00:00:01.000 */
/* As java.time.Period and Duration print themselves: P1Y2M, P0D; PT24H0.5S. */
size_t weir_period_print_java(int32_t months, char *to);
size_t weir_duration_print_java(int64_t ms, char *to);

/* value to precision digits of the second, toward the past: 0..6 of microseconds. */
int64_t weir_timestamp_us_floor(int64_t us, uint32_t precision);

#endif
