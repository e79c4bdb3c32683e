#define _GNU_SOURCE
#include "record_directory.h"
#include "base/assert.h"
#include "os/file.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

/*
 * A version's file: "WEIRREC1", u8 kind (V value, D deleted), 7 bytes zero, u64 length, u64 XXH3 of the
 * value, value. Or, with a name in each of several records: "WEIRRECS", u64 count, u64 XXH3 of the table,
 * 8 bytes zero, the table (u64 XXH3 of the directory's name, u64 version, u64 offset, u64 length, u64 XXH3 of
 * the value), values. Little-endian.
 */
enum {
    HEADER_BYTES = 32,
    SHARED_ENTRY_BYTES = 40,
    MODE_LINKED = 0644, /* its names may be lost yet */
    MODE_SYNCED = 0444, /* every directory that names it was synced */
    PATH_BYTES = 4096,
    READ_TRIES_MAX = 100,
    TEMPORARIES_SWEPT_EVERY = 64,
    SHARED_SWEPT_EVERY = 16, /* few are ever left there */
    TEMPORARY_SECONDS_MAX = 3600,
    BIRTH_BYTES = 8
};
#define NUMBER_MASK UINT64_C(0xffffffff)
static const char magic[8] = "WEIRREC1", shared_magic[8] = "WEIRRECS";

static void version_path(char path[PATH_BYTES], const char *directory, uint64_t version)
{
    snprintf(path, PATH_BYTES, "%.4000s/%020llu", directory, (unsigned long long)version);
}

static bool sync_directory(const char *directory)
{
    int descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return false;
    bool synced = fsync(descriptor) == 0;
    close(descriptor);
    return synced;
}

static bool write_whole(int descriptor, const uint8_t *bytes, size_t length)
{
    while (length > 0) {
        ssize_t wrote = write(descriptor, bytes, length);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) return false;
        bytes += wrote;
        length -= (size_t)wrote;
    }
    return true;
}

static void put_u64(uint8_t *to, uint64_t value)
{
    for (uint32_t i = 0; i < 8; i++) to[i] = (uint8_t)(value >> (8 * i));
}
static uint64_t get_u64(const uint8_t *from)
{
    uint64_t value = 0;
    for (uint32_t i = 0; i < 8; i++) value |= (uint64_t)from[i] << (8 * i);
    return value;
}

/* A file under a name that nobody else has, to be written; -1: cannot. */
static int open_temporary(const char *path)
{
    return open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, MODE_LINKED);
}

/* Closes it and takes it away when it is not good. The descriptor, or -1. */
static int finish_temporary(const char *path, int descriptor, bool good, struct weir_error *reterr)
{
    if (good) return descriptor;
    weir_os_error_set(reterr, errno, "cannot write %s", path);
    if (descriptor < 0) return -1;
    close(descriptor);
    unlink(path);
    return -1;
}

/* A synced file under a name that nobody else has, open. -1: it cannot be written. */
static int write_temporary(
    const char *path, char kind, const uint8_t *value, size_t length, struct weir_error *reterr)
{
    if (length > EMBEDDED_VALUE_BYTES_MAX) { /* nobody could read it */
        weir_error_set(reterr, WEIR_E_STATE, "%s would have %zu bytes; at most %d are read again", path,
            length, EMBEDDED_VALUE_BYTES_MAX);
        return -1;
    }
    uint8_t header[HEADER_BYTES] = { 0 };
    memcpy(header, magic, sizeof magic);
    header[8] = (uint8_t)kind;
    put_u64(header + 16, length);
    put_u64(header + 24, XXH3_64bits(value, length));
    int descriptor = open_temporary(path);
    bool good = descriptor >= 0 && write_whole(descriptor, header, sizeof header) &&
                write_whole(descriptor, value, length) && fsync(descriptor) == 0;
    return finish_temporary(path, descriptor, good, reterr);
}

struct versions {
    uint64_t lowest, highest;
    uint32_t count;
};

/* False: errno says why. */
static bool list_versions(const char *directory, struct versions *ret)
{
    *ret = (struct versions){ .lowest = UINT64_MAX };
    DIR *stream = opendir(directory);
    if (!stream) return false;
    const struct dirent *entry;
    while (errno = 0, (entry = readdir(stream))) {
        char *end;
        if (entry->d_name[0] < '0' || entry->d_name[0] > '9') continue;
        uint64_t version = strtoull(entry->d_name, &end, 10);
        if (*end || !version) continue;
        ret->count++;
        if (version < ret->lowest) ret->lowest = version;
        if (version > ret->highest) ret->highest = version;
    }
    int why = errno;
    closedir(stream);
    errno = why;
    return !why;
}

/* Removes what lies below `end`, upwards: no gap ever opens below a version that is there. */
static bool remove_below(const char *directory, const struct versions *versions, uint64_t end)
{
    char path[PATH_BYTES];
    for (uint64_t v = versions->lowest; v < end; v++) {
        version_path(path, directory, v);
        if (unlink(path) != 0 && errno != ENOENT) return false;
    }
    return true;
}

static void prune(const char *directory, const struct versions *versions)
{
    if (versions->highest >= WEIR_RECORD_VERSIONS_KEPT)
        remove_below(directory, versions, versions->highest - WEIR_RECORD_VERSIONS_KEPT + 1);
}

/* What writers that died left behind. Only those that nobody can be writing any more. */
static void remove_temporaries(const char *directory, time_t older_than)
{
    DIR *stream = opendir(directory);
    if (!stream) return;
    const struct dirent *entry;
    while ((entry = readdir(stream))) {
        struct stat status;
        if (strncmp(entry->d_name, ".tmp-", 5) != 0) continue;
        if (fstatat(dirfd(stream), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            status.st_mtime < older_than)
            unlinkat(dirfd(stream), entry->d_name, 0);
    }
    closedir(stream);
}

static uint64_t chance_next(void)
{
    static _Atomic uint64_t counter;
    uint64_t chance = 0;
    if (getrandom(&chance, sizeof chance, GRND_NONBLOCK) != (ssize_t)sizeof chance)
        chance = (uint64_t)time(NULL) << 20;
    return chance + atomic_fetch_add(&counter, 1);
}

static void temporary_path(char path[PATH_BYTES], const char *directory)
{
    /* Process ids repeat, in containers above all: chance keeps the names of a dead one's files apart. */
    uint64_t chance = chance_next();
    snprintf(
        path, PATH_BYTES, "%.4000s/.tmp-%ld-%016llx", directory, (long)getpid(), (unsigned long long)chance);
}

/*
 * Whether the version just linked is the one that follows `expected`, not one whose name had been pruned and
 * is free again. A name is pruned only when WEIR_RECORD_VERSIONS_KEPT newer ones are there, and the newest
 * never vanishes before the older ones: so it had not been pruned when fewer than that are above it now. Its
 * predecessor is gone when the record was deleted. UNKNOWN: it cannot be seen.
 */
static enum weir_ha_outcome is_successor(
    const char *directory, uint64_t expected, struct versions *ret, struct weir_error *reterr)
{
    char before[PATH_BYTES];
    version_path(before, directory, expected);
    if (expected && access(before, F_OK) != 0) return WEIR_HA_CONFLICT;
    if (!list_versions(directory, ret)) {
        if (errno == ENOENT) return WEIR_HA_CONFLICT;
        weir_os_error_set(reterr, errno, "cannot list %s", directory);
        return WEIR_HA_UNKNOWN;
    }
    return ret->highest < expected + 1 + WEIR_RECORD_VERSIONS_KEPT ? WEIR_HA_OK : WEIR_HA_CONFLICT;
}

/* Decides by link(). Won: the directory is to be synced yet. */
static enum weir_ha_outcome link_version(const char *directory, const char *temporary, uint64_t expected,
    struct versions *ret, struct weir_error *reterr)
{
    char path[PATH_BYTES];
    version_path(path, directory, expected + 1);
    if (link(temporary, path) != 0) {
        if (errno == EEXIST) return WEIR_HA_CONFLICT;
        if (errno == ENOENT) return WEIR_HA_NOT_FOUND;
        weir_os_error_set(reterr, errno, "cannot link %s", path);
        return WEIR_HA_UNAVAILABLE;
    }
    enum weir_ha_outcome outcome = is_successor(directory, expected, ret, reterr);
    /* One of unknown outcome stays: somebody may have read it, and written the next one. */
    if (outcome == WEIR_HA_CONFLICT) unlink(path);
    return outcome;
}

static enum weir_ha_outcome sync_link(const char *directory, struct weir_error *reterr)
{
    if (sync_directory(directory)) return WEIR_HA_OK;
    weir_os_error_set(reterr, errno, "cannot sync %s", directory);
    return WEIR_HA_UNKNOWN;
}

/* Whoever reads it needs not sync any more. Only a hint: lost, it is synced again. */
static void mark_synced(int descriptor)
{
    (void)!fchmod(descriptor, MODE_SYNCED);
}

/* ---------------------------------------------------------------- births */

static void birth_path(char path[PATH_BYTES], const char *directory)
{
    snprintf(path, PATH_BYTES, "%.4000s/.birth", directory);
}

/* The upper half of its versions; 0: it has none, of an older Weir. False: it cannot be seen. */
static bool birth_of(const char *directory, uint64_t *ret, struct weir_error *reterr)
{
    char path[PATH_BYTES], text[BIRTH_BYTES + 1] = { 0 };
    *ret = 0;
    birth_path(path, directory);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = descriptor < 0 ? -1 : read(descriptor, text, BIRTH_BYTES);
    bool seen = got >= 0 || (descriptor < 0 && (errno == ENOENT || errno == ENOTDIR));
    if (!seen) weir_os_error_set(reterr, errno, "cannot read %s", path);
    if (descriptor >= 0) close(descriptor);
    if (got == BIRTH_BYTES) *ret = strtoull(text, NULL, 16) << 32;
    return seen;
}

/* OK, CONFLICT: it is of another one, or UNAVAILABLE. */
static enum weir_ha_outcome check_birth(const char *directory, uint64_t birth, struct weir_error *reterr)
{
    uint64_t found;
    if (!birth_of(directory, &found, reterr)) return WEIR_HA_UNAVAILABLE;
    return found == birth ? WEIR_HA_OK : WEIR_HA_CONFLICT;
}

/* One of those who make the directory gives it its birth; a record that has versions keeps what it has. */
static enum weir_ha_outcome give_birth(const char *directory, struct weir_error *reterr)
{
    struct versions versions;
    char path[PATH_BYTES], temporary[PATH_BYTES], text[BIRTH_BYTES + 1];
    bool listed = list_versions(directory, &versions);
    if (listed && versions.count) return WEIR_HA_OK;
    birth_path(path, directory);
    temporary_path(temporary, directory);
    snprintf(text, sizeof text, "%08x", (unsigned)((chance_next() & 0x7fffffff) | 1));
    int descriptor = listed ? open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644) : -1;
    bool given = descriptor >= 0 && write_whole(descriptor, (const uint8_t *)text, BIRTH_BYTES) &&
                 fsync(descriptor) == 0 && (link(temporary, path) == 0 || errno == EEXIST);
    if (!given) weir_os_error_set(reterr, errno, "cannot write %s", path);
    if (descriptor >= 0) {
        close(descriptor);
        unlink(temporary);
    }
    return given ? WEIR_HA_OK : WEIR_HA_UNAVAILABLE;
}

/* ---------------------------------------------------------------- writing */

/* birth, when there is one: the directory must be the one that has it. Read behind the temporary file, whose
 * name is never used twice: when the link finds that file, nothing was wiped in between. */
static enum weir_ha_outcome write_version(const char *directory, const uint64_t *birth, uint64_t expected,
    char kind, const uint8_t *value, size_t length, struct weir_error *reterr)
{
    char temporary[PATH_BYTES];
    temporary_path(temporary, directory);
    int descriptor = write_temporary(temporary, kind, value, length, reterr);
    if (descriptor < 0) return access(directory, F_OK) == 0 ? WEIR_HA_UNAVAILABLE : WEIR_HA_NOT_FOUND;
    struct versions versions;
    enum weir_ha_outcome outcome = birth ? check_birth(directory, *birth, reterr) : WEIR_HA_OK;
    if (outcome == WEIR_HA_OK) outcome = link_version(directory, temporary, expected, &versions, reterr);
    if (outcome == WEIR_HA_OK) outcome = sync_link(directory, reterr);
    if (outcome == WEIR_HA_OK) mark_synced(descriptor);
    close(descriptor);
    unlink(temporary);
    /* Of a deleted record: our file may have kept its deleter from removing the directory. */
    if (outcome != WEIR_HA_OK && expected) (void)rmdir(directory);
    if (outcome == WEIR_HA_OK) prune(directory, &versions);
    if (outcome == WEIR_HA_OK && expected % TEMPORARIES_SWEPT_EVERY == 0)
        remove_temporaries(directory, time(NULL) - TEMPORARY_SECONDS_MAX);
    return outcome;
}

static enum weir_ha_outcome make_directory(const char *directory, struct weir_error *reterr)
{
    if (weir_directory_create(directory, reterr)) return WEIR_HA_UNAVAILABLE;
    char parent[PATH_BYTES];
    snprintf(parent, sizeof parent, "%s", directory);
    *strrchr(parent, '/') = '\0';
    if (sync_directory(parent)) return WEIR_HA_OK;
    weir_os_error_set(reterr, errno, "cannot sync %s", parent);
    return WEIR_HA_UNAVAILABLE;
}

enum weir_ha_outcome embedded_record_write(const char *directory, uint64_t expected, const uint8_t *value,
    size_t length, uint64_t *ret_version, struct weir_error *reterr)
{
    enum weir_ha_outcome outcome = expected ? WEIR_HA_OK : make_directory(directory, reterr);
    if (outcome != WEIR_HA_OK) return outcome;
    *ret_version = expected + 1;
    return write_version(directory, NULL, expected, 'V', value, length, reterr);
}

enum weir_ha_outcome embedded_key_write(const char *directory, uint64_t expected, const uint8_t *value,
    size_t length, uint64_t *ret_version, struct weir_error *reterr)
{
    uint64_t birth = expected & ~NUMBER_MASK;
    enum weir_ha_outcome outcome = expected ? WEIR_HA_OK : make_directory(directory, reterr);
    if (outcome != WEIR_HA_OK) return outcome;
    if (!expected) {
        outcome = give_birth(directory, reterr);
        if (outcome == WEIR_HA_OK && !birth_of(directory, &birth, reterr)) outcome = WEIR_HA_UNAVAILABLE;
        if (outcome != WEIR_HA_OK) return outcome;
    }
    *ret_version = birth | ((expected & NUMBER_MASK) + 1);
    return write_version(directory, &birth, expected & NUMBER_MASK, 'V', value, length, reterr);
}

/* ---------------------------------------------------------------- several at once */

static uint64_t name_hash(const char *directory)
{
    const char *slash = strrchr(directory, '/');
    const char *name = slash ? slash + 1 : directory;
    return XXH3_64bits(name, strlen(name));
}

/* As write_temporary(), with the values of all. */
static int write_shared(
    const char *path, const struct embedded_write *writes, uint32_t count, struct weir_error *reterr)
{
    uint8_t head[HEADER_BYTES + EMBEDDED_WRITES_MAX * SHARED_ENTRY_BYTES] = { 0 };
    size_t head_bytes = HEADER_BYTES + (size_t)count * SHARED_ENTRY_BYTES, offset = head_bytes;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *entry = head + HEADER_BYTES + (size_t)i * SHARED_ENTRY_BYTES;
        put_u64(entry, name_hash(writes[i].directory));
        put_u64(entry + 8, (writes[i].expected & NUMBER_MASK) + 1);
        put_u64(entry + 16, offset);
        put_u64(entry + 24, writes[i].length);
        put_u64(entry + 32, XXH3_64bits(writes[i].value, writes[i].length));
        offset += writes[i].length;
    }
    memcpy(head, shared_magic, sizeof shared_magic);
    put_u64(head + 8, count);
    put_u64(head + 16, XXH3_64bits(head + HEADER_BYTES, head_bytes - HEADER_BYTES));
    int descriptor = open_temporary(path);
    bool good = descriptor >= 0 && write_whole(descriptor, head, head_bytes);
    for (uint32_t i = 0; good && i < count; i++)
        good = write_whole(descriptor, writes[i].value, writes[i].length);
    good = good && fsync(descriptor) == 0;
    return finish_temporary(path, descriptor, good, reterr);
}

int embedded_keys_write(
    const char *parent, struct embedded_write *writes, uint32_t count, struct weir_error *reterr)
{
    WEIR_ASSERT(count <= EMBEDDED_WRITES_MAX);
    char temporary[PATH_BYTES];
    temporary_path(temporary, parent);
    int descriptor = write_shared(temporary, writes, count, reterr);
    struct versions versions[EMBEDDED_WRITES_MAX];
    for (uint32_t i = 0; i < count; i++) {
        struct embedded_write *write = &writes[i];
        uint64_t birth = write->expected & ~NUMBER_MASK, number = write->expected & NUMBER_MASK;
        write->version = birth | (number + 1);
        if (access(write->directory, F_OK) != 0)
            write->outcome = WEIR_HA_NOT_FOUND;
        else if (descriptor < 0)
            write->outcome = WEIR_HA_UNAVAILABLE;
        else
            write->outcome = check_birth(write->directory, birth, reterr);
        if (write->outcome == WEIR_HA_OK)
            write->outcome = link_version(write->directory, temporary, number, &versions[i], reterr);
    }
    bool all_synced = true, later = false;
    for (uint32_t i = 0; i < count; i++) {
        if (writes[i].outcome == WEIR_HA_UNKNOWN) all_synced = false; /* it may have its name */
        if (writes[i].outcome != WEIR_HA_OK) continue;
        later = later || writes[i].relaxed;
        if (writes[i].relaxed) continue;
        writes[i].outcome = sync_link(writes[i].directory, reterr);
        all_synced = all_synced && writes[i].outcome == WEIR_HA_OK;
    }
    if (descriptor < 0) return -1;
    if (all_synced && !later) mark_synced(descriptor);
    if (!all_synced || !later) {
        close(descriptor);
        descriptor = -1;
    }
    unlink(temporary);
    for (uint32_t i = 0; i < count; i++)
        if (writes[i].outcome == WEIR_HA_OK) prune(writes[i].directory, &versions[i]);
    if ((writes[0].expected & NUMBER_MASK) % SHARED_SWEPT_EVERY == 0)
        remove_temporaries(parent, time(NULL) - TEMPORARY_SECONDS_MAX);
    return descriptor;
}

void embedded_keys_sync(int descriptor, const char *const *directories, uint32_t count)
{
    bool all_synced = true;
    for (uint32_t i = 0; i < count; i++) /* one that is gone names nothing */
        all_synced = (sync_directory(directories[i]) || errno == ENOENT) && all_synced;
    if (all_synced) mark_synced(descriptor);
    close(descriptor);
}

/* ---------------------------------------------------------------- deleting */

/* The version that says "deleted" decides; what cannot be removed now reads as absent, and whoever reads it
 * next goes on here. It goes last: without it an older version would be the highest, and the record there
 * again. Names are never used twice. */
static void finish_removal(const char *directory)
{
    struct versions versions;
    char path[PATH_BYTES];
    if (!list_versions(directory, &versions) || !remove_below(directory, &versions, versions.highest)) return;
    remove_temporaries(directory, INT64_MAX); /* of the dead, and of those who have lost */
    version_path(path, directory, versions.highest);
    if (!sync_directory(directory) || unlink(path) != 0) return;
    birth_path(path, directory);
    unlink(path);
    (void)rmdir(directory);
}

/* Whoever made or removed it died over it. One who still creates, and slept for that long, finds its file
 * gone and fails. */
static void remove_abandoned(const char *directory)
{
    struct stat status;
    time_t older_than = time(NULL) - TEMPORARY_SECONDS_MAX;
    if (stat(directory, &status) != 0 || status.st_mtime >= older_than) return;
    remove_temporaries(directory, older_than);
    char path[PATH_BYTES];
    birth_path(path, directory);
    unlink(path);
    (void)rmdir(directory);
}

static enum weir_ha_outcome delete_version(
    const char *directory, const uint64_t *birth, uint64_t expected, struct weir_error *reterr)
{
    enum weir_ha_outcome outcome =
        write_version(directory, birth, expected, 'D', (const uint8_t *)"", 0, reterr);
    if (outcome != WEIR_HA_OK) return outcome;
    finish_removal(directory);
    return WEIR_HA_OK;
}

enum weir_ha_outcome embedded_record_delete(
    const char *directory, uint64_t expected, struct weir_error *reterr)
{
    return delete_version(directory, NULL, expected, reterr);
}

enum weir_ha_outcome embedded_key_delete(const char *directory, uint64_t expected, struct weir_error *reterr)
{
    uint64_t birth = expected & ~NUMBER_MASK;
    return delete_version(directory, &birth, expected & NUMBER_MASK, reterr);
}

/* ---------------------------------------------------------------- reading */

/* Where a value lies in its file. */
struct extent {
    uint64_t offset, length, hash;
    bool deleted, synced;
};

static bool read_at(int descriptor, void *to, size_t length, uint64_t offset)
{
    for (size_t have = 0; have < length;) {
        ssize_t got = pread(descriptor, (char *)to + have, length - have, (off_t)(offset + have));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        have += (size_t)got;
    }
    return true;
}

/* In a file that several records have. */
static bool find_shared(int descriptor, const uint8_t header[HEADER_BYTES], const char *directory,
    uint64_t version, struct extent *ret)
{
    uint8_t table[EMBEDDED_WRITES_MAX * SHARED_ENTRY_BYTES];
    uint64_t count = get_u64(header + 8), name = name_hash(directory);
    if (count > EMBEDDED_WRITES_MAX) return false;
    size_t bytes = (size_t)count * SHARED_ENTRY_BYTES;
    if (!read_at(descriptor, table, bytes, HEADER_BYTES) || XXH3_64bits(table, bytes) != get_u64(header + 16))
        return false;
    for (const uint8_t *entry = table; entry < table + bytes; entry += SHARED_ENTRY_BYTES) {
        if (get_u64(entry) != name || get_u64(entry + 8) != version) continue;
        ret->offset = get_u64(entry + 16);
        ret->length = get_u64(entry + 24);
        ret->hash = get_u64(entry + 32);
        return true;
    }
    return false;
}

static bool find_value(int descriptor, const char *directory, uint64_t version, struct extent *ret)
{
    uint8_t header[HEADER_BYTES];
    struct stat status;
    *ret = (struct extent){ 0 };
    if (fstat(descriptor, &status) != 0 || !read_at(descriptor, header, sizeof header, 0)) return false;
    ret->synced = !(status.st_mode & S_IWUSR);
    if (memcmp(header, shared_magic, sizeof shared_magic) == 0)
        return find_shared(descriptor, header, directory, version, ret);
    ret->offset = HEADER_BYTES;
    ret->length = get_u64(header + 16);
    ret->hash = get_u64(header + 24);
    ret->deleted = header[8] == 'D';
    return memcmp(header, magic, sizeof magic) == 0;
}

/* OK, NOT_FOUND (it vanished: list again), or UNAVAILABLE. */
static enum weir_ha_outcome read_version(const char *directory, uint64_t version, struct weir_buffer *value,
    struct extent *ret, struct weir_error *reterr)
{
    size_t start = value->length;
    char path[PATH_BYTES];
    version_path(path, directory, version);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        if (errno == ENOENT) return WEIR_HA_NOT_FOUND;
        weir_os_error_set(reterr, errno, "cannot open %s", path);
        return WEIR_HA_UNAVAILABLE;
    }
    bool good = find_value(descriptor, directory, version, ret) && ret->length <= EMBEDDED_VALUE_BYTES_MAX;
    char *to = good ? weir_buffer_reserve(value, ret->length + 1) : NULL;
    good =
        to && read_at(descriptor, to, ret->length, ret->offset) && XXH3_64bits(to, ret->length) == ret->hash;
    close(descriptor);
    if (!good) {
        value->length = start;
        weir_error_set(reterr, WEIR_E_STATE, "%s is damaged: its length or checksum is wrong", path);
        return WEIR_HA_UNAVAILABLE;
    }
    value->length = start + ret->length;
    return WEIR_HA_OK;
}

enum weir_ha_outcome embedded_record_read(
    const char *directory, struct weir_buffer *value, uint64_t *ret_version, struct weir_error *reterr)
{
    size_t start = value->length;
    for (uint32_t i = 0; i < READ_TRIES_MAX; i++) {
        struct versions versions;
        if (!list_versions(directory, &versions)) {
            if (errno == ENOENT || errno == ENOTDIR) return WEIR_HA_NOT_FOUND;
            weir_os_error_set(reterr, errno, "cannot list %s", directory);
            return WEIR_HA_UNAVAILABLE;
        }
        if (!versions.count) { /* being created, or removed */
            remove_abandoned(directory);
            return WEIR_HA_NOT_FOUND;
        }
        struct extent extent;
        enum weir_ha_outcome outcome = read_version(directory, versions.highest, value, &extent, reterr);
        if (outcome == WEIR_HA_NOT_FOUND) continue;
        if (outcome != WEIR_HA_OK) return outcome;
        if (!extent.synced && !sync_directory(directory)) {
            if (errno == ENOENT) {
                value->length = start;
                continue;
            }
            weir_os_error_set(reterr, errno, "cannot sync %s", directory);
            return WEIR_HA_UNAVAILABLE;
        }
        if (extent.deleted) {
            value->length = start;
            finish_removal(directory); /* its deleter may have died over it */
            return WEIR_HA_NOT_FOUND;
        }
        *ret_version = versions.highest;
        return WEIR_HA_OK;
    }
    weir_error_set(reterr, WEIR_E_IO, "%s changes faster than it can be read", directory);
    return WEIR_HA_UNAVAILABLE;
}

/* The same birth before and after: nothing was wiped in between, so the version is of that birth. */
enum weir_ha_outcome embedded_key_read(
    const char *directory, struct weir_buffer *value, uint64_t *ret_version, struct weir_error *reterr)
{
    size_t start = value->length;
    for (uint32_t i = 0; i < READ_TRIES_MAX; i++) {
        uint64_t birth;
        if (!birth_of(directory, &birth, reterr)) return WEIR_HA_UNAVAILABLE;
        enum weir_ha_outcome outcome = embedded_record_read(directory, value, ret_version, reterr);
        if (outcome != WEIR_HA_OK) return outcome;
        *ret_version |= birth;
        outcome = check_birth(directory, birth, reterr);
        if (outcome == WEIR_HA_OK) return WEIR_HA_OK;
        value->length = start;
        if (outcome == WEIR_HA_UNAVAILABLE) return outcome;
    }
    weir_error_set(reterr, WEIR_E_IO, "%s is made anew faster than it can be read", directory);
    return WEIR_HA_UNAVAILABLE;
}
