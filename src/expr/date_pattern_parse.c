/* Patterns of dates: reading; see date_pattern.h. */
#include "expr/date_pattern.h"
#include "expr/date_pattern_items.h"

#include <string.h>

struct parse {
    const struct weir_date_pattern *pattern;
    const char *start, *at, *end;
    struct weir_date_fields fields;
    int64_t day_of_year;  /* 0: not given */
    int32_t hour_of_half; /* 0..11, -1: not given */
    bool has_hour, afternoon, has_half, before_era, has_year, has_month;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Text regardless of case. */
static bool take_text(struct parse *p, const char *text, size_t length)
{
    if ((size_t)(p->end - p->at) < length) return false;
    for (size_t k = 0; k < length; k++) {
        char a = p->at[k], b = text[k];
        if (a >= 'A' && a <= 'Z') a = (char)(a + 32);
        if (b >= 'A' && b <= 'Z') b = (char)(b + 32);
        if (a != b) return false;
    }
    p->at += length;
    return true;
}

static bool take_name(struct parse *p, const char *const *names, int32_t count, bool full, int32_t *ret)
{
    for (int32_t k = 0; k < count; k++) {
        bool simple = p->pattern->dialect == WEIR_DATE_SIMPLE;
        if ((full || simple) && take_text(p, names[k], strlen(names[k]))) {
            *ret = k;
            return true;
        }
        if ((!full || simple) && take_text(p, names[k], 3)) {
            *ret = k;
            return true;
        }
    }
    return false;
}

/* Digits of the number items that follow item directly: a number of open width leaves them alone. */
static uint32_t reserved_digits(const struct weir_date_pattern *pattern, uint32_t item)
{
    uint32_t digits = 0;
    for (uint32_t k = item + 1; k < pattern->item_count; k++) {
        if (!weir_date_item_is_number(pattern, &pattern->items[k])) break;
        digits += pattern->items[k].count;
    }
    return digits;
}

static bool take_digits(struct parse *p, uint32_t digits_min, uint32_t digits_max, int64_t *ret)
{
    int64_t value = 0;
    uint32_t digits = 0;
    while (p->at < p->end && is_digit(*p->at) && digits < digits_max && digits < 18) {
        value = value * 10 + (*p->at++ - '0');
        digits++;
    }
    *ret = value;
    return digits >= digits_min && digits > 0;
}

/* How many digits item takes at most: all there are but for those that the numbers behind it want. */
static uint32_t open_width(const struct parse *p, uint32_t item)
{
    uint32_t present = 0, reserved = reserved_digits(p->pattern, item);
    while (p->at + present < p->end && is_digit(p->at[present])) present++;
    return present > reserved ? present - reserved : 1;
}

static bool take_number(struct parse *p, uint32_t index, int64_t *ret)
{
    const struct weir_date_item *item = &p->pattern->items[index];
    uint32_t count = item->count;
    bool negative = false, year = item->letter == 'y' || item->letter == 'u' || item->letter == 'Y';
    if (p->pattern->dialect == WEIR_DATE_SIMPLE) {
        while (p->at < p->end && (*p->at == ' ' || *p->at == '\t')) p->at++;
        bool adjacent = index + 1 < p->pattern->item_count &&
                        weir_date_item_is_number(p->pattern, &p->pattern->items[index + 1]);
        if (!adjacent && p->at < p->end && *p->at == '-') negative = true, p->at++;
        bool good = take_digits(p, 1, adjacent ? count : 18, ret);
        if (negative) *ret = -*ret;
        return good;
    }
    bool fixed = count == 2 || (count == 3 && item->letter == 'D') || (count > 1 && !year);
    if (fixed) return take_digits(p, count, count, ret);
    bool positive = false;
    if (year && p->at < p->end && (*p->at == '-' || *p->at == '+')) {
        negative = *p->at == '-', positive = !negative;
        p->at++;
    }
    const char *from = p->at;
    bool good = take_digits(p, count, open_width(p, index), ret);
    /* A year of four letters has more digits only behind a sign. */
    if (year && count >= 4 && p->at - from > (ptrdiff_t)count && !negative && !positive) good = false;
    if (negative) *ret = -*ret;
    return good;
}

/* Two digits: 2000..2099, or (SimpleDateFormat) from 80 years ago to 20 years ahead, for which 2025 stands as
 * now. */
static int64_t short_year(const struct weir_date_pattern *pattern, int64_t value)
{
    if (pattern->dialect == WEIR_DATE_FORMATTER) return 2000 + value;
    return value < 45 ? 2000 + value : 1900 + value;
}

static bool take_year(struct parse *p, uint32_t index)
{
    const char *from = p->at;
    int64_t value;
    if (!take_number(p, index, &value)) return false;
    uint32_t count = p->pattern->items[index].count;
    bool two = count == 2 || (p->pattern->dialect == WEIR_DATE_SIMPLE && count < 2);
    if (two && p->at - from == 2 && value >= 0) value = short_year(p->pattern, value);
    if (value > 290000 || value < -290000) return false;
    p->fields.year = value;
    p->has_year = true;
    return true;
}

static bool take_fraction(struct parse *p, uint32_t index)
{
    int64_t value;
    uint32_t count = p->pattern->items[index].count;
    if (p->pattern->dialect == WEIR_DATE_SIMPLE) { /* a number of milliseconds */
        if (!take_number(p, index, &value) || value > INT64_C(1000000000000)) return false;
        p->fields.second += (int32_t)(value / 1000);
        p->fields.nanosecond = (int32_t)(value % 1000) * 1000000;
        return true;
    }
    if (count > 9 || !take_digits(p, count, count, &value)) return false;
    for (uint32_t k = count; k < 9; k++) value *= 10;
    p->fields.nanosecond = (int32_t)value;
    return true;
}

/* Z, +08, +0800, +08:00, GMT+8, UTC */
static bool take_offset(struct parse *p)
{
    p->fields.has_offset = true;
    p->fields.offset_seconds = 0;
    if (p->at < p->end && *p->at == 'Z') {
        p->at++;
        return true;
    }
    bool named = take_text(p, "GMT", 3) || take_text(p, "UTC", 3);
    if (p->at == p->end || (*p->at != '+' && *p->at != '-')) return named;
    bool negative = *p->at++ == '-';
    int64_t hours, minutes = 0;
    if (!take_digits(p, 1, 2, &hours)) return false;
    if (p->at < p->end && *p->at == ':') p->at++;
    if (p->at < p->end && is_digit(*p->at) && !take_digits(p, 2, 2, &minutes)) return false;
    int32_t seconds = (int32_t)(hours * 3600 + minutes * 60);
    p->fields.offset_seconds = negative ? -seconds : seconds;
    return hours <= 18 && minutes < 60;
}

static bool in_range(const struct parse *p, int64_t value, int64_t low, int64_t high)
{
    if (p->pattern->dialect == WEIR_DATE_SIMPLE) return value > INT32_MIN / 2 && value < INT32_MAX / 2;
    return value >= low && value <= high;
}

static bool take_month(struct parse *p, uint32_t index)
{
    const struct weir_date_item *item = &p->pattern->items[index];
    int64_t value;
    int32_t month;
    p->has_month = true;
    if (item->count > 2) {
        if (!take_name(p, weir_month_names, 12, item->count == 4, &month)) return false;
        p->fields.month = month + 1;
        return true;
    }
    if (!take_number(p, index, &value) || !in_range(p, value, 1, 12)) return false;
    p->fields.month = (int32_t)value;
    return true;
}

static bool take_small(struct parse *p, uint32_t index, int64_t low, int64_t high, int32_t *ret)
{
    int64_t value;
    if (!take_number(p, index, &value) || !in_range(p, value, low, high)) return false;
    *ret = (int32_t)value;
    return true;
}

static bool take_half_hour(struct parse *p, uint32_t index, int64_t low, int64_t high)
{
    int32_t value;
    if (!take_small(p, index, low, high, &value)) return false;
    p->hour_of_half = value == 12 && high == 12 ? 0 : value;
    return true;
}

static bool take_letter(struct parse *p, uint32_t index)
{
    const struct weir_date_item *item = &p->pattern->items[index];
    int64_t value;
    int32_t ignored;
    switch (item->letter) {
    case 'y': return take_year(p, index);
    case 'u':
        return p->pattern->dialect == WEIR_DATE_FORMATTER ? take_year(p, index)
                                                          : take_number(p, index, &value);
    case 'M':
    case 'L': return take_month(p, index);
    case 'd': return take_small(p, index, 1, 31, &p->fields.day);
    case 'D':
        if (!take_number(p, index, &value) || !in_range(p, value, 1, 366)) return false;
        p->day_of_year = value;
        return true;
    case 'H': p->has_hour = true; return take_small(p, index, 0, 23, &p->fields.hour);
    case 'k':
        p->has_hour = true;
        if (!take_small(p, index, 1, 24, &p->fields.hour)) return false;
        if (p->fields.hour == 24) p->fields.hour = 0;
        return true;
    case 'h': return take_half_hour(p, index, 1, 12);
    case 'K': return take_half_hour(p, index, 0, 11);
    case 'm': return take_small(p, index, 0, 59, &p->fields.minute);
    case 's': return take_small(p, index, 0, 59, &p->fields.second);
    case 'S': return take_fraction(p, index);
    case 'n':
        if (!take_number(p, index, &value) || value > 999999999) return false;
        p->fields.nanosecond = (int32_t)value;
        return true;
    case 'a':
        p->has_half = true;
        p->afternoon = take_text(p, "PM", 2);
        return p->afternoon || take_text(p, "AM", 2);
    case 'E': return take_name(p, weir_weekday_names, 7, item->count >= 4, &ignored);
    case 'G': p->before_era = take_text(p, "BC", 2); return p->before_era || take_text(p, "AD", 2);
    case 'O':
    case 'V':
    case 'X':
    case 'x':
    case 'z':
    case 'Z': return take_offset(p);
    default: return take_number(p, index, &value); /* weeks and quarters are read and not used */
    }
}

/* The item behind the ']' that belongs to the '[' at open. */
static uint32_t behind_optional(const struct weir_date_pattern *pattern, uint32_t open)
{
    uint32_t depth = 0;
    for (uint32_t k = open; k < pattern->item_count; k++) {
        if (pattern->items[k].letter == '[') depth++;
        if (pattern->items[k].letter == ']' && --depth == 0) return k + 1;
    }
    return pattern->item_count;
}

static bool take_items(struct parse *p, uint32_t from, uint32_t end)
{
    for (uint32_t k = from; k < end;) {
        const struct weir_date_item *item = &p->pattern->items[k];
        if (item->letter == '[') {
            uint32_t behind = behind_optional(p->pattern, k);
            struct parse attempt = *p;
            bool closed = p->pattern->items[behind - 1].letter == ']';
            if (take_items(&attempt, k + 1, behind - closed)) *p = attempt;
            k = behind;
            continue;
        }
        if (!item->letter) {
            if ((size_t)(p->end - p->at) < item->count || memcmp(p->at, item->text, item->count) != 0)
                return false;
            p->at += item->count;
        } else if (!take_letter(p, k)) {
            return false;
        }
        k++;
    }
    return true;
}

/* Checks what only the fields together tell; a day behind the month's last becomes its last
 * (DateTimeFormatter, "smart"). */
static bool resolve(struct parse *p)
{
    struct weir_date_fields *f = &p->fields;
    bool strict = p->pattern->dialect == WEIR_DATE_FORMATTER;
    if (p->hour_of_half >= 0 && !p->has_hour && (p->has_half || !strict))
        f->hour = p->hour_of_half + (p->afternoon ? 12 : 0);
    if (p->before_era) f->year = 1 - f->year;
    if (p->day_of_year && !p->has_month) {
        if (strict && p->day_of_year > 365 + weir_year_is_leap(f->year)) return false;
        struct weir_civil civil = weir_date_civil(weir_date_days(f->year, 1, 1) + p->day_of_year - 1);
        f->year = civil.year, f->month = civil.month, f->day = civil.day;
    }
    if (!strict) return true;
    if (f->day > weir_month_days(f->year, f->month)) {
        if (!p->has_year) return false;
        f->day = weir_month_days(f->year, f->month);
    }
    return true;
}

bool weir_date_pattern_parse(
    const struct weir_date_pattern *pattern, struct weir_slice text, struct weir_date_fields *ret)
{
    struct parse p = { .pattern = pattern,
        .start = text.data,
        .at = text.data,
        .end = text.data + text.length,
        .hour_of_half = -1,
        .fields = { .year = 1970, .month = 1, .day = 1 } };
    if (!take_items(&p, 0, pattern->item_count)) return false;
    if (pattern->dialect == WEIR_DATE_FORMATTER && p.at != p.end) return false;
    if (!resolve(&p)) return false;
    *ret = p.fields;
    return true;
}

int64_t weir_date_fields_us(const struct weir_date_fields *fields)
{
    int64_t month = (int64_t)fields->month - 1, year = fields->year + weir_floor_div(month, 12);
    int64_t days = weir_date_days(year, (int32_t)weir_floor_mod(month, 12) + 1, 1) + fields->day - 1;
    int64_t seconds = (int64_t)fields->hour * 3600 + (int64_t)fields->minute * 60 + fields->second;
    return days * WEIR_DAY_US + seconds * WEIR_SECOND_US + fields->nanosecond / 1000;
}
