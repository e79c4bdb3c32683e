/*
 * TZif files (RFC 8536), versions 2 to 4: the 64-bit data block, then the footer's POSIX rule spelled out for
 * 400 years, after which it repeats. Leap seconds are ignored, as by Java.
 */
#include "base/buffer.h"
#include "data/time.h"
#include "data/zone_internal.h"

enum { TYPES_MAX = 256, SWITCHES_MAX = 10000, CYCLE_YEARS = 400, OFFSET_MAX = 26 * 3600 };

struct header {
    uint32_t utc_count, standard_count, leap_count, time_count, type_count, character_count;
    uint8_t version;
};

static uint32_t big_u32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static int64_t big_i64(const uint8_t *at)
{
    return (int64_t)((uint64_t)big_u32(at) << 32 | big_u32(at + 4));
}

static bool read_header(struct weir_reader *in, struct header *h)
{
    const uint8_t *at = weir_reader_bytes(in, 44);
    if (!at || memcmp(at, "TZif", 4) != 0) return false;
    h->version = at[4];
    h->utc_count = big_u32(at + 20);
    h->standard_count = big_u32(at + 24);
    h->leap_count = big_u32(at + 28);
    h->time_count = big_u32(at + 32);
    h->type_count = big_u32(at + 36);
    h->character_count = big_u32(at + 40);
    return h->type_count >= 1 && h->type_count <= TYPES_MAX && h->time_count <= SWITCHES_MAX &&
           h->utc_count <= TYPES_MAX && h->standard_count <= TYPES_MAX && h->leap_count <= SWITCHES_MAX &&
           h->character_count <= 65536;
}

static size_t block_bytes(const struct header *h, size_t time_bytes)
{
    return h->time_count * (time_bytes + 1) + (size_t)h->type_count * 6 + h->character_count +
           h->leap_count * (time_bytes + 4) + h->standard_count + h->utc_count;
}

/* A POSIX rule: "EST5EDT,M3.2.0,M11.1.0/2". */
struct rule_date {
    char kind; /* 'M' month.week.day, 'J' day 1..365 without leap days, 'D' day 0..365 */
    int32_t month, week, day;
    int32_t seconds; /* of the day, local; may be negative or beyond the day */
};

struct rule {
    int32_t standard, daylight; /* seconds east */
    bool has_daylight;
    struct rule_date start, end;
};

struct text {
    const char *at, *end;
};

static bool read_name(struct text *t)
{
    const char *start = t->at;
    if (t->at < t->end && *t->at == '<') {
        while (t->at < t->end && *t->at != '>') t->at++;
        if (t->at == t->end) return false;
        t->at++;
        return true;
    }
    while (t->at < t->end && ((*t->at | 32) >= 'a' && (*t->at | 32) <= 'z')) t->at++;
    return t->at - start >= 3;
}

static bool read_number(struct text *t, int32_t max, int32_t *value)
{
    const char *start = t->at;
    *value = 0;
    while (t->at < t->end && *t->at >= '0' && *t->at <= '9') {
        *value = *value * 10 + (*t->at++ - '0');
        if (*value > max) return false;
    }
    return t->at > start;
}

static bool skip(struct text *t, char c)
{
    if (t->at == t->end || *t->at != c) return false;
    t->at++;
    return true;
}

/* [+-]h[:m[:s]] */
static bool read_clock(struct text *t, int32_t *seconds)
{
    int32_t hour, minute = 0, second = 0;
    bool negative = skip(t, '-');
    if (!negative) skip(t, '+');
    if (!read_number(t, 167, &hour)) return false;
    if (skip(t, ':') && !read_number(t, 59, &minute)) return false;
    if (skip(t, ':') && !read_number(t, 59, &second)) return false;
    *seconds = hour * 3600 + minute * 60 + second;
    if (negative) *seconds = -*seconds;
    return true;
}

static bool read_rule_date(struct text *t, struct rule_date *date)
{
    *date = (struct rule_date){ .kind = 'D', .seconds = 2 * 3600 };
    if (!skip(t, ',')) return false;
    if (skip(t, 'M')) {
        date->kind = 'M';
        if (!read_number(t, 12, &date->month) || !skip(t, '.') || !read_number(t, 5, &date->week) ||
            !skip(t, '.') || !read_number(t, 6, &date->day) || date->month < 1 || date->week < 1) {
            return false;
        }
    } else {
        if (skip(t, 'J')) date->kind = 'J';
        if (!read_number(t, 365, &date->day) || (date->kind == 'J' && date->day < 1)) return false;
    }
    return !skip(t, '/') || read_clock(t, &date->seconds);
}

/* POSIX counts west of Greenwich. */
static bool read_offset_west(struct text *t, int32_t *seconds_east)
{
    int32_t seconds;
    if (!read_clock(t, &seconds) || seconds < 3600 - OFFSET_MAX || seconds > OFFSET_MAX - 3600) return false;
    *seconds_east = -seconds;
    return true;
}

static bool read_rule(struct text t, struct rule *rule)
{
    *rule = (struct rule){ 0 };
    if (!read_name(&t) || !read_offset_west(&t, &rule->standard)) return false;
    if (t.at == t.end) return true;
    if (!read_name(&t)) return false;
    rule->has_daylight = true;
    rule->daylight = rule->standard + 3600;
    if (t.at < t.end && *t.at != ',' && !read_offset_west(&t, &rule->daylight)) return false;
    if (!read_rule_date(&t, &rule->start) || !read_rule_date(&t, &rule->end)) return false;
    return t.at == t.end;
}

/* Local seconds at which the date's switch stands in that year. */
static int64_t switch_in_year(const struct rule_date *date, int64_t year)
{
    int64_t days;
    if (date->kind == 'M') {
        int64_t first = weir_date_days(year, date->month, 1);
        int64_t weekday = weir_floor_mod(first + 4, 7); /* Sunday 0 */
        int64_t day = weir_floor_mod(date->day - weekday, 7) + (date->week - 1) * 7;
        if (day >= weir_month_days(year, date->month)) day -= 7;
        days = first + day;
    } else {
        days = weir_date_days(year, 1, 1) + date->day;
        if (date->kind == 'J') days -= !(weir_year_is_leap(year) && date->day >= 60);
    }
    return days * WEIR_DAY_SECONDS + date->seconds;
}

struct building {
    struct weir_zone *zone;
    int64_t *utc, *local;
    int32_t *offsets;
};

static void add_switch(struct building *b, int64_t at, int32_t offset)
{
    struct weir_zone *zone = b->zone;
    int32_t before = zone->count ? b->offsets[zone->count - 1] : zone->first_offset;
    if (before == offset || (zone->count && at <= b->utc[zone->count - 1])) return;
    int64_t local = at + WEIR_MAX(before, offset);
    if (zone->count && local <= b->local[zone->count - 1]) local = b->local[zone->count - 1] + 1;
    b->utc[zone->count] = at;
    b->local[zone->count] = local;
    b->offsets[zone->count++] = offset;
}

static void add_rule(struct building *b, const struct rule *rule)
{
    struct weir_zone *zone = b->zone;
    int64_t last = zone->count ? b->utc[zone->count - 1] : INT64_MIN;
    if (!rule->has_daylight) {
        if (zone->count)
            add_switch(b, last + 1, rule->standard);
        else
            zone->first_offset = rule->standard;
        return;
    }
    int64_t first_year = zone->count ? weir_date_civil(weir_floor_div(last, WEIR_DAY_SECONDS)).year : 1970;
    for (int64_t year = first_year; year <= first_year + CYCLE_YEARS + 1; year++) {
        int64_t start = switch_in_year(&rule->start, year) - rule->standard;
        int64_t end = switch_in_year(&rule->end, year) - rule->daylight;
        if (start < end) {
            if (start > last) add_switch(b, start, rule->daylight);
            if (end > last) add_switch(b, end, rule->standard);
        } else {
            if (end > last) add_switch(b, end, rule->standard);
            if (start > last) add_switch(b, start, rule->daylight);
        }
    }
    zone->repeats = true;
    zone->last_seconds = weir_date_days(first_year + CYCLE_YEARS + 1, 1, 1) * WEIR_DAY_SECONDS;
}

enum { INDEX_SHIFT_MIN = 24 /* half a year */, INDEX_ENTRIES_MAX = 2048 };

static const uint16_t *make_index(
    const struct weir_zone *zone, const int64_t *switches, struct weir_arena *arena)
{
    uint16_t *index = WEIR_ARENA_ARRAY(arena, uint16_t, zone->index_count);
    uint32_t before = 0;
    for (uint32_t i = 0; i < zone->index_count; i++) {
        int64_t start = zone->index_start + ((int64_t)i << zone->index_shift);
        while (before < zone->count && switches[before] < start) before++;
        index[i] = (uint16_t)before;
    }
    return index;
}

static void add_indices(struct building *b, struct weir_arena *arena)
{
    struct weir_zone *zone = b->zone;
    if (!zone->count) return;
    zone->index_start = WEIR_MIN(b->utc[0], b->local[0]);
    uint64_t span = (uint64_t)(b->utc[zone->count - 1] - zone->index_start);
    zone->index_shift = INDEX_SHIFT_MIN;
    while (span >> zone->index_shift >= INDEX_ENTRIES_MAX) zone->index_shift++;
    zone->index_count = (uint32_t)(span >> zone->index_shift) + 1;
    zone->utc_index = make_index(zone, b->utc, arena);
    zone->local_index = make_index(zone, b->local, arena);
}

static enum weir_error_code malformed(struct weir_error *reterr, const char *name, const char *what)
{
    return weir_error_set(reterr, WEIR_E_FORMAT, "time zone '%s': malformed TZif file: %s", name, what);
}

static bool read_types(const uint8_t *types, uint32_t count, int32_t *offsets)
{
    for (uint32_t i = 0; i < count; i++) {
        offsets[i] = (int32_t)big_u32(types + (size_t)i * 6);
        if (offsets[i] < -OFFSET_MAX || offsets[i] > OFFSET_MAX) return false;
    }
    return true;
}

static bool add_table(struct building *b, const struct header *h, const uint8_t *block)
{
    const uint8_t *times = block, *indices = times + (size_t)h->time_count * 8,
                  *types = indices + h->time_count;
    int32_t offsets[TYPES_MAX];
    if (!read_types(types, h->type_count, offsets)) return false;
    b->zone->first_offset = offsets[0];
    for (uint32_t i = 0; i < h->time_count; i++) {
        if (indices[i] >= h->type_count) return false;
        int64_t at = big_i64(times + (size_t)i * 8);
        if (at < -(INT64_C(1) << 58) || at > INT64_C(1) << 58) continue; /* the big bang, in old files */
        add_switch(b, at, offsets[indices[i]]);
    }
    return true;
}

struct weir_zone *weir_zone_parse_tzif(struct weir_arena *arena, const char *name, const uint8_t *bytes,
    size_t length, struct weir_error *reterr)
{
    struct weir_reader in = { .data = bytes, .length = length };
    struct header h;
    if (!read_header(&in, &h)) return malformed(reterr, name, "no header"), NULL;
    if (h.version < '2') return malformed(reterr, name, "version 1 is too old, 2 or later is expected"), NULL;
    if (!weir_reader_bytes(&in, block_bytes(&h, 4))) return malformed(reterr, name, "it is cut short"), NULL;
    if (!read_header(&in, &h)) return malformed(reterr, name, "no second header"), NULL;
    const uint8_t *block = weir_reader_bytes(&in, block_bytes(&h, 8));
    if (!block) return malformed(reterr, name, "it is cut short"), NULL;
    struct weir_zone *zone = WEIR_ARENA_NEW(arena, struct weir_zone);
    size_t room = h.time_count + 2 * (CYCLE_YEARS + 3);
    struct building b = { zone, WEIR_ARENA_ARRAY(arena, int64_t, room),
        WEIR_ARENA_ARRAY(arena, int64_t, room), WEIR_ARENA_ARRAY(arena, int32_t, room) };
    zone->name = weir_arena_string(arena, name);
    if (!add_table(&b, &h, block)) return malformed(reterr, name, "an offset is impossible"), NULL;
    const char *footer = (const char *)bytes + in.offset, *end = (const char *)bytes + length;
    if (end - footer >= 2 && footer[0] == '\n') {
        const char *stop = memchr(footer + 1, '\n', (size_t)(end - footer - 1));
        struct rule rule;
        if (!stop) return malformed(reterr, name, "its footer does not end"), NULL;
        if (stop > footer + 1) {
            if (!read_rule((struct text){ footer + 1, stop }, &rule)) {
                return malformed(reterr, name, "its footer is no POSIX rule"), NULL;
            }
            add_rule(&b, &rule);
        }
    }
    add_indices(&b, arena);
    zone->utc_switches = b.utc;
    zone->local_switches = b.local;
    zone->offsets = b.offsets;
    return zone;
}
