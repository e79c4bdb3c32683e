#define _GNU_SOURCE
#include "record_directory.h"
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
 * value, value. Little-endian.
 */
enum {
    HEADER_BYTES = 32,
    PATH_BYTES = 4096,
    READ_TRIES_MAX = 100,
    TEMPORARIES_SWEPT_EVERY = 64,
    TEMPORARY_SECONDS_MAX = 3600,
    BIRTH_BYTES = 8
};
#define NUMBER_MASK UINT64_C(0xffffffff)
static const char magic[8] = "WEIRREC1";

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

/* A synced file under a name that nobody else has. */
static bool write_temporary(
    const char *path, char kind, const uint8_t *value, size_t length, struct weir_error *reterr)
{
    uint8_t header[HEADER_BYTES] = { 0 };
    memcpy(header, magic, sizeof magic);
    header[8] = (uint8_t)kind;
    put_u64(header + 16, length);
    put_u64(header + 24, XXH3_64bits(value, length));
    int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    bool good = descriptor >= 0 && write_whole(descriptor, header, sizeof header) &&
                write_whole(descriptor, value, length) && fsync(descriptor) == 0;
    if (!good) weir_os_error_set(reterr, errno, "cannot write %s", path);
    if (descriptor >= 0) close(descriptor);
    if (!good) unlink(path);
    return good;
}

struct versions {
    uint64_t lowest, highest;
    uint32_t count;
};

static bool list_versions(const char *directory, struct versions *ret)
{
    *ret = (struct versions){ .lowest = UINT64_MAX };
    DIR *stream = opendir(directory);
    if (!stream) return false;
    const struct dirent *entry;
    while ((entry = readdir(stream))) {
        char *end;
        if (entry->d_name[0] < '0' || entry->d_name[0] > '9') continue;
        uint64_t version = strtoull(entry->d_name, &end, 10);
        if (*end || !version) continue;
        ret->count++;
        if (version < ret->lowest) ret->lowest = version;
        if (version > ret->highest) ret->highest = version;
    }
    closedir(stream);
    return true;
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

static void prune(const char *directory)
{
    struct versions versions;
    if (list_versions(directory, &versions) && versions.highest >= WEIR_RECORD_VERSIONS_KEPT)
        remove_below(directory, &versions, versions.highest - WEIR_RECORD_VERSIONS_KEPT + 1);
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
 * predecessor is gone when the record was deleted.
 */
static bool is_successor(const char *directory, uint64_t expected)
{
    struct versions versions;
    char before[PATH_BYTES];
    version_path(before, directory, expected);
    if (expected && access(before, F_OK) != 0) return false;
    return list_versions(directory, &versions) && versions.highest < expected + 1 + WEIR_RECORD_VERSIONS_KEPT;
}

/* Decides by link(). */
static enum weir_ha_outcome link_version(
    const char *directory, const char *temporary, uint64_t expected, struct weir_error *reterr)
{
    char path[PATH_BYTES];
    version_path(path, directory, expected + 1);
    if (link(temporary, path) != 0) {
        if (errno == EEXIST) return WEIR_HA_CONFLICT;
        if (errno == ENOENT) return WEIR_HA_NOT_FOUND;
        weir_os_error_set(reterr, errno, "cannot link %s", path);
        return WEIR_HA_UNAVAILABLE;
    }
    if (!is_successor(directory, expected)) {
        unlink(path);
        return WEIR_HA_CONFLICT;
    }
    if (!sync_directory(directory)) {
        weir_os_error_set(reterr, errno, "cannot sync %s", directory);
        return WEIR_HA_UNKNOWN;
    }
    return WEIR_HA_OK;
}

/* ---------------------------------------------------------------- births */

static void birth_path(char path[PATH_BYTES], const char *directory)
{
    snprintf(path, PATH_BYTES, "%.4000s/.birth", directory);
}

/* The upper half of its versions; 0: it has none, of an older Weir. */
static uint64_t birth_of(const char *directory)
{
    char path[PATH_BYTES], text[BIRTH_BYTES + 1] = { 0 };
    birth_path(path, directory);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return 0;
    ssize_t got = read(descriptor, text, BIRTH_BYTES);
    close(descriptor);
    return got == BIRTH_BYTES ? strtoull(text, NULL, 16) << 32 : 0;
}

/* One of those who make the directory gives it its birth; a record that has versions keeps what it has. */
static void give_birth(const char *directory)
{
    struct versions versions;
    char path[PATH_BYTES], temporary[PATH_BYTES], text[BIRTH_BYTES + 1];
    if (!list_versions(directory, &versions) || versions.count) return;
    birth_path(path, directory);
    temporary_path(temporary, directory);
    snprintf(text, sizeof text, "%08x", (unsigned)((chance_next() & 0x7fffffff) | 1));
    int descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (descriptor < 0) return;
    if (write_whole(descriptor, (const uint8_t *)text, BIRTH_BYTES) && fsync(descriptor) == 0)
        (void)!link(temporary, path);
    close(descriptor);
    unlink(temporary);
}

/* ---------------------------------------------------------------- writing */

/* birth, when there is one: the directory must be the one that has it. Read behind the temporary file, whose
 * name is never used twice: when the link finds that file, nothing was wiped in between. */
static enum weir_ha_outcome write_version(const char *directory, const uint64_t *birth, uint64_t expected,
    char kind, const uint8_t *value, size_t length, struct weir_error *reterr)
{
    char temporary[PATH_BYTES];
    temporary_path(temporary, directory);
    if (!write_temporary(temporary, kind, value, length, reterr))
        return access(directory, F_OK) == 0 ? WEIR_HA_UNAVAILABLE : WEIR_HA_NOT_FOUND;
    if (birth && birth_of(directory) != *birth) {
        unlink(temporary);
        return WEIR_HA_CONFLICT;
    }
    enum weir_ha_outcome outcome = link_version(directory, temporary, expected, reterr);
    unlink(temporary);
    if (outcome == WEIR_HA_OK) prune(directory);
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
        give_birth(directory);
        birth = birth_of(directory);
    }
    *ret_version = birth | ((expected & NUMBER_MASK) + 1);
    return write_version(directory, &birth, expected & NUMBER_MASK, 'V', value, length, reterr);
}

/* The version that says "deleted" decides; what cannot be removed now reads as absent, and whoever reads it
 * next goes on here. It goes last: without it an older version would be the highest, and the record there
 * again. Names are never used twice. */
static void finish_removal(const char *directory)
{
    struct versions versions;
    char path[PATH_BYTES];
    if (!list_versions(directory, &versions) || !remove_below(directory, &versions, versions.highest)) return;
    remove_temporaries(directory, time(NULL));
    version_path(path, directory, versions.highest);
    if (!sync_directory(directory) || unlink(path) != 0) return;
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

/* OK, NOT_FOUND (it vanished: list again), or UNAVAILABLE. */
static enum weir_ha_outcome read_version(
    const char *path, struct weir_buffer *value, bool *ret_deleted, struct weir_error *reterr)
{
    size_t start = value->length;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        if (errno == ENOENT) return WEIR_HA_NOT_FOUND;
        weir_os_error_set(reterr, errno, "cannot open %s", path);
        return WEIR_HA_UNAVAILABLE;
    }
    uint8_t header[HEADER_BYTES];
    ssize_t got = read(descriptor, header, sizeof header);
    uint64_t length = got == HEADER_BYTES ? get_u64(header + 16) : 0;
    bool good =
        got == HEADER_BYTES && memcmp(header, magic, sizeof magic) == 0 && length <= WEIR_HA_VALUE_BYTES_MAX;
    char *to = good ? weir_buffer_reserve(value, length + 1) : NULL;
    for (uint64_t have = 0; to && good && have < length;) {
        got = read(descriptor, to + have, length - have);
        if (got < 0 && errno == EINTR) continue;
        good = got > 0;
        have += good ? (uint64_t)got : 0;
    }
    close(descriptor);
    if (!to || !good || XXH3_64bits(to, length) != get_u64(header + 24)) {
        value->length = start;
        weir_error_set(reterr, WEIR_E_STATE, "%s is damaged: its length or checksum is wrong", path);
        return WEIR_HA_UNAVAILABLE;
    }
    value->length = start + length;
    *ret_deleted = header[8] == 'D';
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
        if (!versions.count) return WEIR_HA_NOT_FOUND; /* being created, or removed */
        char path[PATH_BYTES];
        version_path(path, directory, versions.highest);
        bool deleted = false;
        enum weir_ha_outcome outcome = read_version(path, value, &deleted, reterr);
        if (outcome == WEIR_HA_NOT_FOUND) continue;
        if (outcome != WEIR_HA_OK) return outcome;
        if (!sync_directory(directory)) {
            if (errno == ENOENT) continue;
            weir_os_error_set(reterr, errno, "cannot sync %s", directory);
            return WEIR_HA_UNAVAILABLE;
        }
        if (deleted) {
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
        uint64_t birth = birth_of(directory);
        enum weir_ha_outcome outcome = embedded_record_read(directory, value, ret_version, reterr);
        if (outcome != WEIR_HA_OK) return outcome;
        *ret_version |= birth;
        if (birth_of(directory) == birth) return WEIR_HA_OK;
        value->length = start;
    }
    weir_error_set(reterr, WEIR_E_IO, "%s is made anew faster than it can be read", directory);
    return WEIR_HA_UNAVAILABLE;
}
