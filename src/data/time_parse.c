/* Texts to dates, times and timestamps: the forms that CAST accepts, and the stricter ones of formats. */
#include "data/number.h"
#include "data/time.h"
#include <string.h>

struct cursor {
    const char *at, *end;
};

static const char *find(const char *from, const char *end, char c)
{
    return from < end ? memchr(from, c, (size_t)(end - from)) : NULL;
}

/* Digits only, spaces around; a value beyond nine digits is no field of a date. */
static bool read_integer(const char *from, const char *end, int32_t *value)
{
    struct weir_slice text = weir_slice_trim(from, from < end ? (size_t)(end - from) : 0);
    int64_t sum = 0;
    if (!text.length) return false;
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') return false;
        sum = sum * 10 + (text.data[i] - '0');
        if (sum > 999999999) return false;
    }
    *value = (int32_t)sum;
    return true;
}

bool weir_date_parse(const char *text, size_t length, int32_t *days)
{
    const char *end = text + length, *space = find(text, end, ' ');
    if (space && space > text) end = space;
    int32_t year, month = 1, day = 1;
    const char *first = find(text, end, '-');
    if (!read_integer(text, first ? first : end, &year)) return false;
    if (first) {
        const char *second = find(first + 1, end, '-');
        if (!read_integer(first + 1, second ? second : end, &month)) return false;
        if (second && !read_integer(second + 1, end, &day)) return false;
    }
    if (year > 9999 || !weir_date_is_valid(year, month, day)) return false;
    *days = (int32_t)weir_date_days(year, month, day);
    return true;
}

/* Milliseconds of ".123456", rounded by the fourth digit; anything that is no digit counts as 0. */
static int32_t read_milliseconds(const char *at, const char *end)
{
    struct weir_slice text = weir_slice_trim(at, (size_t)(end - at));
    int32_t sum = 0, unit = 100;
    for (size_t i = 0; i < text.length && unit; i++, unit /= 10) {
        char c = text.data[i];
        if (c >= '0' && c <= '9') sum += unit * (c - '0');
        if (unit == 1 && i + 1 < text.length && text.data[i + 1] >= '5') sum++;
    }
    return sum;
}

static bool read_zone_shift(const char *at, const char *end, int32_t *minutes)
{
    const char *colon = find(at, end, ':');
    int32_t hour, minute = 0;
    if (!read_integer(at, colon ? colon : end, &hour)) return false;
    if (colon && !read_integer(colon + 1, end, &minute)) return false;
    if (hour > 24 || minute > 59) return false;
    *minutes = hour * 60 + minute;
    return true;
}

bool weir_time_parse(const char *text, size_t length, int32_t *ms)
{
    const char *end = text + length, *zone = find(text, end, '-');
    int32_t hour, minute = 0, second = 0, milliseconds = 0, shift = 0, sign = -1;
    if (!zone) {
        zone = find(text, end, '+');
        sign = 1;
    }
    if (zone) {
        if (!read_zone_shift(zone + 1, end, &shift)) return false;
        end = zone;
    }
    const char *first = find(text, end, ':');
    if (!read_integer(text, first ? first : end, &hour)) return false;
    const char *second_colon = first ? find(first + 1, end, ':') : NULL;
    if (first && !read_integer(first + 1, second_colon ? second_colon : end, &minute)) return false;
    if (second_colon) {
        const char *point = find(second_colon, end, '.');
        if (!read_integer(second_colon + 1, point ? point : end, &second)) return false;
        if (point) milliseconds = read_milliseconds(point + 1, end);
    }
    if (hour > 23 || minute > 59 || second > 59) return false;
    int64_t total = (hour * 60 + minute + (int64_t)sign * shift) * 60000 + second * 1000 + milliseconds;
    *ms = (int32_t)weir_floor_mod(total, WEIR_DAY_MS);
    return true;
}

/* Between min and max digits. */
static bool read_digits(struct cursor *c, uint32_t min, uint32_t max, int32_t *value)
{
    uint32_t count = 0;
    int32_t sum = 0;
    for (; count < max && c->at < c->end && *c->at >= '0' && *c->at <= '9'; count++)
        sum = sum * 10 + (*c->at++ - '0');
    if (count < min) return false;
    *value = sum;
    return true;
}

static bool read_character(struct cursor *c, char expected)
{
    if (c->at == c->end || *c->at != expected) return false;
    c->at++;
    return true;
}

/* "." and up to nine digits, or nothing. */
static bool read_nanoseconds(struct cursor *c, int32_t *nanoseconds)
{
    *nanoseconds = 0;
    if (!read_character(c, '.')) return true;
    int32_t unit = 100000000;
    const char *start = c->at;
    for (; unit && c->at < c->end && *c->at >= '0' && *c->at <= '9'; unit /= 10) {
        *nanoseconds += unit * (*c->at++ - '0');
    }
    return c->at > start;
}

static bool read_clock(struct cursor *c, uint32_t digits_min, bool seconds_optional, struct weir_civil *civil)
{
    if (!read_digits(c, digits_min, 2, &civil->hour) || !read_character(c, ':')) return false;
    if (!read_digits(c, digits_min, 2, &civil->minute)) return false;
    if (read_character(c, ':')) {
        if (!read_digits(c, digits_min, 2, &civil->second) || !read_nanoseconds(c, &civil->nanosecond))
            return false;
    } else if (!seconds_optional) {
        return false;
    }
    return civil->hour <= 23 && civil->minute <= 59 && civil->second <= 59;
}

/* Four digits; more need a sign. */
static bool read_year(struct cursor *c, int32_t *year)
{
    bool minus = read_character(c, '-');
    bool sign = minus || read_character(c, '+');
    if (!read_digits(c, 4, sign ? 6 : 4, year)) return false;
    if (minus) *year = -*year;
    return true;
}

static bool read_date(struct cursor *c, uint32_t digits_min, struct weir_civil *civil)
{
    return read_year(c, &civil->year) && read_character(c, '-') &&
           read_digits(c, digits_min, 2, &civil->month) && read_character(c, '-') &&
           read_digits(c, digits_min, 2, &civil->day) && civil->month >= 1 && civil->month <= 12 &&
           civil->day >= 1 && civil->day <= 31;
}

/* As Java's smart resolver: the 31st of a month that has 30 days is its last. */
static void cut_day(struct weir_civil *civil)
{
    int32_t last = weir_month_days(civil->year, civil->month);
    if (civil->day > last) civil->day = last;
}

bool weir_timestamp_parse(const char *text, size_t length, uint32_t precision, struct weir_civil *civil)
{
    static const int32_t units[] = { 1000000000, 100000000, 10000000, 1000000, 100000, 10000, 1000, 100, 10,
        1 };
    struct cursor c = { text, text + length };
    struct weir_civil found = { 0 };
    if (!read_date(&c, 1, &found) || found.year < 0) return false;
    cut_day(&found);
    if (c.at < c.end && !(read_character(&c, ' ') && read_clock(&c, 1, false, &found))) return false;
    if (c.at < c.end) return false;
    found.nanosecond -= found.nanosecond % units[precision < 9 ? precision : 9];
    *civil = found;
    return true;
}

bool weir_timestamp_parse_strict(
    const char *text, size_t length, char separator, bool zoned, struct weir_civil *civil)
{
    struct cursor c = { text, text + length };
    struct weir_civil found = { 0 };
    if (!read_date(&c, 2, &found) || !read_character(&c, separator)) return false;
    if (separator == 'T' && found.day > weir_month_days(found.year, found.month)) return false;
    cut_day(&found);
    if (!read_clock(&c, 2, separator == 'T', &found)) return false;
    if (zoned && !read_character(&c, 'Z')) return false;
    if (c.at < c.end) return false;
    *civil = found;
    return true;
}
