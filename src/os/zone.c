#include "os/zone.h"
#include "os/file.h"
#include "os/memory.h"
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DATABASE "/usr/share/zoneinfo/"

enum { NAME_BYTES_MAX = 64, FILE_BYTES_MAX = 1 << 20, BUCKETS = 256, UNKNOWN_NAMES_MAX = 512 };

/* One name that was asked for. Immutable once it is reachable, so readers need no lock; zone NULL: there is
 * no such zone. */
struct entry {
    struct entry *next;
    const struct weir_zone *zone;
    size_t length;
    char name[NAME_BYTES_MAX];
};

static _Atomic(struct entry *)
    buckets[BUCKETS]; /* new entries are put in front with release, read with acquire */
static pthread_mutex_t loading =
    PTHREAD_MUTEX_INITIALIZER; /* protects the two below, and who may add to a bucket */
static struct weir_arena kept;
static size_t unknown_names;

static bool name_is_safe(const char *name, size_t length)
{
    if (length == 0 || length >= NAME_BYTES_MAX) return false;
    for (size_t i = 0; i < length; i++) {
        char c = name[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        bool start = i == 0 || name[i - 1] == '/';
        if (start && !letter) return false;
        if (!letter && !(c >= '0' && c <= '9') && c != '_' && c != '+' && c != '-' && c != '/') return false;
    }
    if (name[length - 1] == '/') return false;
    /* Not regions: zones that count leap seconds, copies, and the machine's own setting. */
    static const char *const refused[] = { "right/", "posix/", "localtime", "posixrules" };
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(refused); i++) {
        size_t prefix = strlen(refused[i]);
        if (length >= prefix && memcmp(name, refused[i], prefix) == 0) return false;
    }
    return true;
}

static uint32_t bucket_of(const char *name, size_t length)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < length; i++) hash = (hash ^ (uint8_t)name[i]) * 16777619u;
    return (hash ^ hash >> 16) % BUCKETS;
}

static const struct entry *find(uint32_t bucket, const char *name, size_t length)
{
    const struct entry *entry = atomic_load_explicit(&buckets[bucket], memory_order_acquire);
    for (; entry; entry = entry->next) {
        if (entry->length == length && memcmp(entry->name, name, length) == 0) return entry;
    }
    return NULL;
}

/* Three letters that Java takes for a region. The tz database has files for some others ("EST"): those come
 * first. */
static const struct {
    char letters[4];
    const char *region;
} short_names[] = {
    { "ACT", "Australia/Darwin" },
    { "AET", "Australia/Sydney" },
    { "AGT", "America/Argentina/Buenos_Aires" },
    { "ART", "Africa/Cairo" },
    { "AST", "America/Anchorage" },
    { "BET", "America/Sao_Paulo" },
    { "BST", "Asia/Dhaka" },
    { "CAT", "Africa/Harare" },
    { "CNT", "America/St_Johns" },
    { "CST", "America/Chicago" },
    { "CTT", "Asia/Shanghai" },
    { "EAT", "Africa/Addis_Ababa" },
    { "ECT", "Europe/Paris" },
    { "IET", "America/Indiana/Indianapolis" },
    { "IST", "Asia/Kolkata" },
    { "JST", "Asia/Tokyo" },
    { "MIT", "Pacific/Apia" },
    { "NET", "Asia/Yerevan" },
    { "NST", "Pacific/Auckland" },
    { "PLT", "Asia/Karachi" },
    { "PNT", "America/Phoenix" },
    { "PRT", "America/Puerto_Rico" },
    { "PST", "America/Los_Angeles" },
    { "SST", "Pacific/Guadalcanal" },
    { "VST", "Asia/Ho_Chi_Minh" },
};

static void write_path(char path[static sizeof DATABASE + NAME_BYTES_MAX], const char *name)
{
    snprintf(path, sizeof DATABASE + NAME_BYTES_MAX, DATABASE "%s", name);
    if (weir_file_exists(path)) return;
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(short_names); i++) {
        if (strcmp(name, short_names[i].letters) != 0) continue;
        snprintf(path, sizeof DATABASE + NAME_BYTES_MAX, DATABASE "%s", short_names[i].region);
    }
}

/* *ret_certain: false when there is such a file and it could not be read. */
static const struct weir_zone *read_zone(const char *name, bool *ret_certain)
{
    char path[sizeof DATABASE + NAME_BYTES_MAX];
    write_path(path, name);
    *ret_certain = true;
    if (!weir_file_exists(path)) return NULL;
    struct weir_buffer bytes;
    weir_buffer_init(&bytes, weir_os_memory(), FILE_BYTES_MAX);
    const struct weir_zone *zone = NULL;
    *ret_certain = weir_file_read(path, FILE_BYTES_MAX, &bytes, NULL) == WEIR_OK;
    if (*ret_certain) {
        const uint8_t *data = (const uint8_t *)bytes.data;
        zone = weir_zone_parse_tzif(&kept, weir_arena_string(&kept, name), data, bytes.length, NULL);
    }
    weir_buffer_done(&bytes);
    return zone;
}

static const struct weir_zone *load_locked(uint32_t bucket, const char *name, size_t length)
{
    const struct entry *known = find(bucket, name, length); /* another thread may have been faster */
    if (known) return known->zone;
    if (!kept.memory) weir_arena_init(&kept, weir_os_memory());
    char text[NAME_BYTES_MAX] = { 0 };
    memcpy(text, name, length);
    bool certain;
    const struct weir_zone *zone = read_zone(text, &certain);
    /* Names that are no zone may come from data: remember some, so that they cost no file access, but not
     * without end. One that cannot be read now, for want of descriptors perhaps, is asked for again. */
    if (!zone && (!certain || unknown_names++ >= UNKNOWN_NAMES_MAX)) return NULL;
    struct entry *entry = WEIR_ARENA_NEW(&kept, struct entry);
    entry->zone = zone;
    entry->length = length;
    memcpy(entry->name, text, sizeof text);
    entry->next = atomic_load_explicit(&buckets[bucket], memory_order_relaxed);
    atomic_store_explicit(&buckets[bucket], entry, memory_order_release);
    return zone;
}

const struct weir_zone *weir_os_zone_load(const char *name, size_t length)
{
    if (!name_is_safe(name, length)) return NULL;
    uint32_t bucket = bucket_of(name, length);
    const struct entry *known = find(bucket, name, length);
    if (known) return known->zone;
    pthread_mutex_lock(&loading);
    const struct weir_zone *zone = load_locked(bucket, name, length);
    pthread_mutex_unlock(&loading);
    return zone;
}

void weir_os_zone_install(void)
{
    weir_zone_loader = weir_os_zone_load;
}

static bool take_name(char *name, size_t bytes_max, const char *from)
{
    size_t length = strcspn(from, "\r\n \t");
    if (length == 0 || length >= bytes_max) return false;
    char checked[NAME_BYTES_MAX];
    if (length >= sizeof checked) return false;
    memcpy(checked, from, length);
    checked[length] = 0;
    if (strcmp(checked, "UTC") != 0 && !weir_os_zone_load(checked, length)) return false;
    memcpy(name, checked, length + 1);
    return true;
}

void weir_os_zone_local_name(char *name, size_t bytes_max)
{
    const char *environment = getenv("TZ");
    if (environment && take_name(name, bytes_max, environment + (*environment == ':'))) return;
    char target[PATH_MAX];
    ssize_t length = readlink("/etc/localtime", target, sizeof target - 1);
    if (length > 0) {
        target[length] = 0;
        const char *found = strstr(target, "zoneinfo/");
        if (found && take_name(name, bytes_max, found + strlen("zoneinfo/"))) return;
    }
    struct weir_buffer text;
    weir_buffer_init(&text, weir_os_memory(), 4096);
    bool taken = weir_file_read("/etc/timezone", 256, &text, NULL) == WEIR_OK &&
                 take_name(name, bytes_max, weir_buffer_text(&text));
    weir_buffer_done(&text);
    if (!taken) snprintf(name, bytes_max, "UTC");
}
