#include "data/zone.h"
#include "base/assert.h"
#include "data/time.h"
#include "data/zone_internal.h"

static int64_t floor_seconds(int64_t us)
{
    return weir_floor_div(us, WEIR_SECOND_US);
}

/* Instants beyond the table fall into the 400 years that it ends with: the calendar and its weekdays repeat.
 */
static int64_t fold(const struct weir_zone *zone, int64_t seconds)
{
    if (!zone->repeats || seconds <= zone->last_seconds) return seconds;
    int64_t cycles = (seconds - zone->last_seconds + WEIR_ZONE_CYCLE_SECONDS - 1) / WEIR_ZONE_CYCLE_SECONDS;
    return seconds - cycles * WEIR_ZONE_CYCLE_SECONDS;
}

/* The offset after the last of switches that is not later than seconds. Few switches share an entry of the
 * index. */
static int32_t find_offset(
    const struct weir_zone *zone, const int64_t *switches, const uint16_t *index, int64_t seconds)
{
    if (seconds < switches[0]) return zone->first_offset;
    uint64_t entry =
        seconds < zone->index_start ? 0 : (uint64_t)(seconds - zone->index_start) >> zone->index_shift;
    uint32_t after = index[WEIR_MIN(entry, (uint64_t)zone->index_count - 1)];
    while (after < zone->count && switches[after] <= seconds) after++;
    return zone->offsets[after - 1];
}

int32_t weir_zone_offset_at_utc(const struct weir_zone *zone, int64_t epoch_seconds)
{
    if (!zone) return 0;
    if (!zone->count) return zone->first_offset;
    return find_offset(zone, zone->utc_switches, zone->utc_index, fold(zone, epoch_seconds));
}

int32_t weir_zone_offset_at_local(const struct weir_zone *zone, int64_t local_seconds)
{
    if (!zone) return 0;
    if (!zone->count) return zone->first_offset;
    return find_offset(zone, zone->local_switches, zone->local_index, fold(zone, local_seconds));
}

int64_t weir_zone_utc_to_local_us(const struct weir_zone *zone, int64_t utc_us)
{
    return zone ? utc_us + weir_zone_offset_at_utc(zone, floor_seconds(utc_us)) * WEIR_SECOND_US : utc_us;
}

int64_t weir_zone_local_to_utc_us(const struct weir_zone *zone, int64_t local_us)
{
    return zone ? local_us - weir_zone_offset_at_local(zone, floor_seconds(local_us)) * WEIR_SECOND_US
                : local_us;
}

const char *weir_zone_name(const struct weir_zone *zone)
{
    return zone ? zone->name : "UTC";
}

struct weir_zone *weir_zone_fixed(struct weir_arena *arena, const char *name, int32_t offset_seconds)
{
    struct weir_zone *zone = WEIR_ARENA_NEW(arena, struct weir_zone);
    zone->name = weir_arena_string(arena, name);
    zone->first_offset = offset_seconds;
    return zone;
}

static bool starts_with(const char *name, size_t length, const char *prefix)
{
    size_t count = strlen(prefix);
    return length >= count && memcmp(name, prefix, count) == 0;
}

/* One or two digits. */
static size_t read_two(const char *at, size_t left, int32_t *value)
{
    size_t count = 0;
    *value = 0;
    while (count < 2 && count < left && at[count] >= '0' && at[count] <= '9')
        *value = *value * 10 + (at[count++] - '0');
    return count;
}

/* h, hh, hh:mm, hhmm, hh:mm:ss, hhmmss */
static bool read_offset(const char *at, size_t left, int32_t *seconds)
{
    int32_t parts[3] = { 0, 0, 0 };
    bool colons = false;
    for (uint32_t i = 0; i < 3 && left; i++) {
        if (i == 1) colons = *at == ':';
        if (i && colons) {
            if (*at != ':') return false;
            at++;
            left--;
        }
        size_t count = read_two(at, left, &parts[i]);
        if (count == 0 || (i > 0 && count < 2)) return false;
        at += count;
        left -= count;
        if (i == 0 && count < 2 && left && *at != ':') return false;
    }
    if (left || parts[1] > 59 || parts[2] > 59) return false;
    *seconds = parts[0] * 3600 + parts[1] * 60 + parts[2];
    return *seconds <= WEIR_ZONE_OFFSET_SECONDS_MAX;
}

bool weir_zone_parse_offset(const char *name, size_t length, int32_t *seconds)
{
    static const char *const prefixes[] = { "UTC", "GMT", "UT" };
    if (length == 1 && (*name == 'Z' || *name == 'z')) {
        *seconds = 0;
        return true;
    }
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(prefixes); i++) {
        if (!starts_with(name, length, prefixes[i])) continue;
        name += strlen(prefixes[i]);
        length -= strlen(prefixes[i]);
        if (length) break;
        *seconds = 0;
        return true;
    }
    if (length < 2 || (*name != '+' && *name != '-')) return false;
    bool negative = *name == '-';
    if (!read_offset(name + 1, length - 1, seconds)) return false;
    if (negative) *seconds = -*seconds;
    return true;
}

const struct weir_zone *(*weir_zone_loader)(const char *name, size_t length);

/*
 * Zones of whole minutes, -18:00 to +18:00, are made here once and shared, so that an offset needs no loader
 * and no arena. A slot is written by the one who moves its state from EMPTY to BUSY; others wait for READY (a
 * few instructions away).
 */
enum { FIXED_MINUTES_MAX = WEIR_ZONE_OFFSET_SECONDS_MAX / 60, FIXED_NAME_BYTES = 12 };
enum { SLOT_EMPTY, SLOT_BUSY, SLOT_READY };
static struct fixed_slot {
    _Atomic uint32_t state;
    struct weir_zone zone;
    char name[FIXED_NAME_BYTES];
} fixed_slots[2 * FIXED_MINUTES_MAX + 1];

static void fill_slot(struct fixed_slot *slot, int32_t minutes)
{
    int32_t magnitude = minutes < 0 ? -minutes : minutes, hours = magnitude / 60, rest = magnitude % 60;
    char *name = slot->name;
    name[0] = minutes < 0 ? '-' : '+';
    name[1] = (char)('0' + hours / 10);
    name[2] = (char)('0' + hours % 10);
    name[3] = ':';
    name[4] = (char)('0' + rest / 10);
    name[5] = (char)('0' + rest % 10);
    name[6] = 0;
    slot->zone = (struct weir_zone){ .name = name, .first_offset = minutes * 60 };
}

static const struct weir_zone *shared_fixed(int32_t minutes)
{
    struct fixed_slot *slot = &fixed_slots[minutes + FIXED_MINUTES_MAX];
    uint32_t empty = SLOT_EMPTY;
    if (atomic_load_explicit(&slot->state, memory_order_acquire) == SLOT_READY) return &slot->zone;
    if (atomic_compare_exchange_strong(&slot->state, &empty, SLOT_BUSY)) {
        fill_slot(slot, minutes);
        atomic_store_explicit(&slot->state, SLOT_READY, memory_order_release);
    } else {
        while (atomic_load_explicit(&slot->state, memory_order_acquire) != SLOT_READY) {}
    }
    return &slot->zone;
}

enum weir_error_code weir_zone_find(
    const char *name, size_t length, const struct weir_zone **zone, struct weir_error *reterr)
{
    int32_t seconds;
    if (weir_zone_parse_offset(name, length, &seconds) && seconds % 60 == 0) {
        *zone = seconds ? shared_fixed(seconds / 60) : NULL;
        return WEIR_OK;
    }
    const struct weir_zone *found = weir_zone_loader ? weir_zone_loader(name, length) : NULL;
    if (!found) {
        return weir_error_set(reterr, WEIR_E_ARGUMENT,
            "unknown time zone '%.*s': expected a name such as 'Europe/Paris', 'UTC', or an offset such as "
            "'GMT+08:00'",
            (int)WEIR_MIN(length, (size_t)200), name);
    }
    *zone = found;
    return WEIR_OK;
}
