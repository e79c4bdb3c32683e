/* Patterns of dates: compiling and writing; see date_pattern.h. */
#include "expr/date_pattern.h"
#include "expr/date_pattern_items.h"

#include "data/number.h"
#include <string.h>

const char *const weir_month_names[12] = { "January", "February", "March", "April", "May", "June", "July",
    "August", "September", "October", "November", "December" };
const char *const weir_weekday_names[7] = { "Monday", "Tuesday", "Wednesday", "Thursday", "Friday",
    "Saturday", "Sunday" };

static const char known_letters[2][32] = {
    [WEIR_DATE_FORMATTER] = "GuyYQqMLwWdDEeFaHkKhmsSAnNVzOXxZ",
    [WEIR_DATE_SIMPLE] = "GyYMLwWDdFEuaHkKhmsSzZX",
};

static enum weir_error_code invalid(struct weir_error *reterr, struct weir_slice text, const char *what)
{
    return weir_error_set(reterr, WEIR_E_ARGUMENT, "Invalid date pattern '%.*s': %s",
        (int)WEIR_MIN(text.length, (size_t)200), text.data, what);
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The length of time within which a letter's text stays the same. */
static int64_t letter_resolution_us(char letter)
{
    switch (letter) {
    case 'H':
    case 'h':
    case 'K':
    case 'k':
    case 'a': return 3600 * WEIR_SECOND_US;
    case 'm': return 60 * WEIR_SECOND_US;
    case 's': return WEIR_SECOND_US;
    case 'S':
    case 'n':
    case 'N': return 1; /* nanoseconds below it are compared by the caller */
    case 'A': return 1000;
    case 'V':
    case 'z':
    case 'O':
    case 'X':
    case 'x':
    case 'Z': return 60 * WEIR_SECOND_US; /* an offset may change within the day */
    default: return WEIR_DAY_US;
    }
}

static void add_item(struct weir_date_pattern *p, struct weir_date_item item)
{
    p->items[p->item_count++] = item;
    p->bytes_max += item.letter ? (size_t)item.count + 40 : item.count;
    if (item.letter && item.letter != '[' && item.letter != ']') {
        p->resolution_us = WEIR_MIN(p->resolution_us, letter_resolution_us(item.letter));
    }
}

/* From an opening quote on; returns the offset behind the closing one, 0: it is not closed. Two quotes are
 * one. */
static size_t add_quoted(
    struct weir_arena *arena, struct weir_date_pattern *p, struct weir_slice text, size_t at)
{
    if (at + 1 < text.length && text.data[at + 1] == '\'') {
        add_item(p, (struct weir_date_item){ .count = 1, .text = "'" });
        return at + 2;
    }
    char *copy = weir_arena_allocate(arena, text.length + 1);
    uint32_t length = 0;
    for (at++; at < text.length; at++) {
        if (text.data[at] == '\'') {
            if (at + 1 == text.length || text.data[at + 1] != '\'') {
                add_item(p, (struct weir_date_item){ .count = length, .text = copy });
                return at + 1;
            }
            at++;
        }
        copy[length++] = text.data[at];
    }
    return 0;
}

enum weir_error_code weir_date_pattern_compile(struct weir_arena *arena, struct weir_slice text,
    enum weir_date_dialect dialect, struct weir_date_pattern **ret, struct weir_error *reterr)
{
    if (text.length > WEIR_DATE_PATTERN_BYTES_MAX)
        return invalid(reterr, text, "it is longer than 512 bytes");
    const char *own = weir_arena_copy(arena, text.data, text.length);
    struct weir_date_pattern *p = WEIR_ARENA_NEW(arena, struct weir_date_pattern);
    *p = (struct weir_date_pattern){ .dialect = dialect,
        .items = WEIR_ARENA_ARRAY(arena, struct weir_date_item, text.length + 1),
        .resolution_us = WEIR_DAY_US,
        .known_day = INT64_MIN };
    bool formatter = dialect == WEIR_DATE_FORMATTER;
    uint32_t open = 0;
    for (size_t at = 0; at < text.length;) {
        char c = own[at];
        if (c == '\'') {
            at = add_quoted(arena, p, text, at);
            if (at == 0) return invalid(reterr, text, "a quote is not closed");
        } else if (is_letter(c)) {
            size_t from = at;
            while (at < text.length && own[at] == c) at++;
            if (!strchr(known_letters[dialect], c))
                return invalid(reterr, text, "it has a letter that means nothing");
            if (at - from > 19) return invalid(reterr, text, "too many letters in a row");
            add_item(p, (struct weir_date_item){ .letter = c, .count = (uint32_t)(at - from) });
        } else if (formatter && (c == '[' || c == ']')) {
            open += c == '[' ? 1u : 0u;
            if (c == ']' && open-- == 0) return invalid(reterr, text, "a ']' has no '['");
            add_item(p, (struct weir_date_item){ .letter = c });
            at++;
        } else if (formatter && (c == '{' || c == '}' || c == '#')) {
            return invalid(reterr, text, "it has a reserved character");
        } else {
            add_item(p, (struct weir_date_item){ .count = 1, .text = own + at });
            at++;
        }
    }
    *ret = p;
    return WEIR_OK;
}

uint32_t weir_date_pattern_fraction(struct weir_slice text)
{
    uint32_t longest = 0, run = 0;
    bool quoted = false;
    for (size_t at = 0; at < text.length; at++) {
        quoted ^= text.data[at] == '\'';
        run = !quoted && text.data[at] == 'S' ? run + 1 : 0;
        longest = WEIR_MAX(longest, run);
    }
    return longest;
}

bool weir_date_item_is_number(const struct weir_date_pattern *pattern, const struct weir_date_item *item)
{
    switch (item->letter) {
    case 'y':
    case 'Y':
    case 'w':
    case 'W':
    case 'd':
    case 'D':
    case 'F':
    case 'H':
    case 'k':
    case 'K':
    case 'h':
    case 'm':
    case 's':
    case 'S':
    case 'A':
    case 'n':
    case 'N':
    case 'u': return true;
    case 'Q':
    case 'q':
    case 'e':
    case 'M':
    case 'L': return item->count <= 2;
    default: (void)pattern; return false;
    }
}

size_t weir_date_pattern_bytes_max(const struct weir_date_pattern *pattern)
{
    return pattern->bytes_max;
}

int64_t weir_date_pattern_resolution_us(const struct weir_date_pattern *pattern)
{
    return pattern->resolution_us;
}

/* --- writing --- */
struct format {
    struct weir_civil civil;
    int64_t days, us_of_day;
    int32_t nanoseconds; /* of the second */
    const struct weir_zone *zone;
    int32_t offset_seconds;
    char *at;
};

static void put_text(struct format *f, const char *text, size_t length)
{
    if (WEIR_LIKELY(length == 1)) {
        *f->at++ = *text;
        return;
    }
    memcpy(f->at, text, length);
    f->at += length;
}

static void put_number(struct format *f, int64_t value, uint32_t digits)
{
    static const int32_t limits[5] = { 1, 10, 100, 1000, 10000 };
    if (WEIR_LIKELY(digits <= 4 && value >= 0 && value < limits[digits])) {
        uint32_t rest = (uint32_t)value;
        for (uint32_t k = digits; k-- > 0; rest /= 10) f->at[k] = (char)('0' + rest % 10);
        f->at += digits;
        return;
    }
    char text[WEIR_NUMBER_TEXT_BYTES_MAX];
    if (value < 0) *f->at++ = '-', value = -value;
    size_t length = weir_i64_print(value, text);
    for (size_t k = length; k < digits; k++) *f->at++ = '0';
    put_text(f, text, length);
}

/* Years: two letters are the last two digits. */
static void put_year(
    const struct weir_date_pattern *p, struct format *f, int64_t year, uint32_t count, bool of_era)
{
    int64_t shown = of_era && year <= 0 ? 1 - year : year;
    if (count == 2) {
        put_number(f, weir_floor_mod(shown, 100), 2);
        return;
    }
    if (p->dialect == WEIR_DATE_FORMATTER && count >= 4 && shown >= 10000) *f->at++ = '+';
    put_number(f, shown, count);
}

/* Weeks as in the United States: they start on Sunday, and the first is the one with January 1st. */
static int32_t us_week(int64_t days, int32_t year, int64_t *week_year)
{
    int64_t first = weir_date_days(year, 1, 1), next = weir_date_days((int64_t)year + 1, 1, 1);
    int64_t first_sunday = first - weir_floor_mod(first + 4, 7),
            next_sunday = next - weir_floor_mod(next + 4, 7);
    *week_year = year;
    if (days >= next_sunday) {
        *week_year = year + 1;
        return 1;
    }
    return (int32_t)((days - first_sunday) / 7 + 1);
}

static void put_fraction(struct format *f, uint32_t digits)
{
    int32_t value = f->nanoseconds, unit = 100000000;
    for (uint32_t k = 0; k < digits; k++) {
        *f->at++ = k < 9 ? (char)('0' + value / unit % 10) : '0';
        unit = unit > 1 ? unit / 10 : 1;
    }
}

static void put_offset(struct format *f, char letter, uint32_t count)
{
    int32_t seconds = f->offset_seconds, absolute = seconds < 0 ? -seconds : seconds;
    bool colon = letter == 'Z' ? count == 5 : count == 3 || count == 5,
         minutes = letter == 'Z' || count > 1 || absolute / 60 % 60;
    if (letter == 'O' || (letter == 'Z' && count == 4)) {
        put_text(f, "GMT", 3);
        if (seconds == 0) return;
        colon = true;
    } else if (letter == 'X' && seconds == 0) {
        *f->at++ = 'Z';
        return;
    }
    *f->at++ = seconds < 0 ? '-' : '+';
    put_number(f, absolute / 3600, 2);
    if (!minutes) return;
    if (colon) *f->at++ = ':';
    put_number(f, absolute / 60 % 60, 2);
}

static void put_month(struct format *f, uint32_t count)
{
    const char *name = weir_month_names[f->civil.month - 1];
    if (count <= 2)
        put_number(f, f->civil.month, count);
    else
        put_text(f, name, count == 4 ? strlen(name) : count == 5 ? 1 : 3);
}

static void put_weekday(const struct weir_date_pattern *p, struct format *f, uint32_t count)
{
    const char *name = weir_weekday_names[weir_date_iso_weekday(f->days) - 1];
    bool full = count >= 4, narrow = p->dialect == WEIR_DATE_FORMATTER && count == 5;
    put_text(f, name, narrow ? 1 : full ? strlen(name) : 3);
}

static void put_quarter(struct format *f, uint32_t count)
{
    static const char *const names[4] = { "1st quarter", "2nd quarter", "3rd quarter", "4th quarter" };
    int32_t quarter = (f->civil.month + 2) / 3;
    if (count == 3) *f->at++ = 'Q';
    if (count == 4)
        put_text(f, names[quarter - 1], strlen(names[0]));
    else
        put_number(f, quarter, count <= 2 ? count : 1);
}

static void put_date_letter(
    const struct weir_date_pattern *p, struct format *f, const struct weir_date_item *item)
{
    const struct weir_civil *c = &f->civil;
    bool formatter = p->dialect == WEIR_DATE_FORMATTER;
    int64_t week_year;
    int32_t week;
    switch (item->letter) {
    case 'y': put_year(p, f, c->year, item->count, true); break;
    case 'u':
        if (formatter)
            put_year(p, f, c->year, item->count, false);
        else
            put_number(f, weir_date_iso_weekday(f->days), item->count);
        break;
    case 'Y':
        us_week(f->days, c->year, &week_year);
        put_year(p, f, week_year, item->count, false);
        break;
    case 'w':
        week = us_week(f->days, c->year, &week_year);
        put_number(f, week, item->count);
        break;
    case 'W':
        put_number(f, (c->day + weir_floor_mod(f->days - c->day + 1 + 4, 7) - 1) / 7 + 1, item->count);
        break;
    case 'F': put_number(f, (c->day - 1) / 7 + 1, item->count); break;
    case 'M':
    case 'L': put_month(f, item->count); break;
    case 'Q':
    case 'q': put_quarter(f, item->count); break;
    case 'd': put_number(f, c->day, item->count); break;
    case 'D': put_number(f, weir_date_day_of_year(f->days), item->count); break;
    case 'E': put_weekday(p, f, item->count); break;
    case 'e':
        if (item->count <= 2)
            put_number(f, weir_floor_mod(f->days + 4, 7) + 1, item->count);
        else
            put_weekday(p, f, item->count);
        break;
    case 'G': {
        const char *era = formatter && item->count == 4 ? (c->year > 0 ? "Anno Domini" : "Before Christ")
                          : c->year > 0                 ? "AD"
                                                        : "BC";
        put_text(f, era, strlen(era));
        break;
    }
    default: break;
    }
}

static void put_clock_letter(
    const struct weir_date_pattern *p, struct format *f, const struct weir_date_item *item)
{
    const struct weir_civil *c = &f->civil;
    const char *name;
    switch (item->letter) {
    case 'H': put_number(f, c->hour, item->count); break;
    case 'k': put_number(f, c->hour ? c->hour : 24, item->count); break;
    case 'K': put_number(f, c->hour % 12, item->count); break;
    case 'h': put_number(f, c->hour % 12 ? c->hour % 12 : 12, item->count); break;
    case 'm': put_number(f, c->minute, item->count); break;
    case 's': put_number(f, c->second, item->count); break;
    case 'S':
        if (p->dialect == WEIR_DATE_FORMATTER)
            put_fraction(f, item->count);
        else
            put_number(f, f->nanoseconds / 1000000, item->count);
        break;
    case 'A': put_number(f, f->us_of_day / 1000, item->count); break;
    case 'n': put_number(f, f->nanoseconds, item->count); break;
    case 'N': put_number(f, f->us_of_day * 1000 + f->nanoseconds % 1000, item->count); break;
    case 'a': put_text(f, c->hour < 12 ? "AM" : "PM", 2); break;
    case 'V':
    case 'z':
        name = f->zone ? weir_zone_name(f->zone) : "UTC";
        put_text(f, name, WEIR_MIN(strlen(name), (size_t)40));
        break;
    case 'O':
    case 'X':
    case 'x':
    case 'Z': put_offset(f, item->letter, item->count); break;
    default: put_date_letter(p, f, item); break;
    }
}

size_t weir_date_pattern_format(struct weir_date_pattern *pattern, int64_t us, int32_t nanoseconds,
    const struct weir_zone *zone, int32_t offset_seconds, char *to)
{
    int64_t days = weir_floor_div(us, WEIR_DAY_US);
    if (days != pattern->known_day) {
        pattern->known_day = days;
        pattern->known_date = weir_date_civil(days);
    }
    struct format f = { .civil = pattern->known_date,
        .days = days,
        .us_of_day = us - days * WEIR_DAY_US,
        .zone = zone,
        .offset_seconds = offset_seconds,
        .at = to };
    uint32_t second = (uint32_t)(f.us_of_day / WEIR_SECOND_US);
    f.civil.hour = (int32_t)(second / 3600);
    f.civil.minute = (int32_t)(second / 60 % 60);
    f.civil.second = (int32_t)(second % 60);
    f.nanoseconds = (int32_t)(f.us_of_day - (int64_t)second * WEIR_SECOND_US) * 1000 + nanoseconds;
    for (uint32_t k = 0; k < pattern->item_count; k++) {
        const struct weir_date_item *item = &pattern->items[k];
        if (!item->letter)
            put_text(&f, item->text, item->count);
        else
            put_clock_letter(pattern, &f, item);
    }
    return (size_t)(f.at - to);
}
