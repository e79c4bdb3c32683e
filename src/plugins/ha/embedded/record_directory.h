/*
 * A record as a directory of versions, on a local disk: compare-and-set among processes of one host, without
 * a server.
 *
 * - Version n is the file <n> (20 digits), written under a temporary name, synced, then linked to its name:
 * link() is what decides between two writers. It has won when <n-1> is still there afterwards and fewer than
 * WEIR_RECORD_VERSIONS_KEPT versions are above <n>: pruning goes upwards from the lowest and keeps that many,
 * so that <n> cannot have been there and gone. A writer that is overtaken by as many while it looks is told
 * CONFLICT, although its version had been the newest for a moment.
 * - Readers take the highest version, list again when it vanished under them, and sync the directory before
 * they act on it, so that nobody acts on what a power loss takes back. A writer that has synced it takes the
 * permission to write from the file: then readers need not.
 * - Versions of several records may be one file, with a name in each of their directories: it is synced once.
 * - As a key's its versions have the directory's birth in their upper half, a number that chance gave it when
 * it was made: versions do not come again when somebody wipes the store, and a late write does not meet the
 * one it expects.
 * - Deleting is writing a version that says so, then removing the others, then it, then the directory. A name
 * is never used twice.
 * @thread any; several processes.
 */
#ifndef WEIR_PLUGINS_HA_EMBEDDED_RECORD_DIRECTORY_H
#define WEIR_PLUGINS_HA_EMBEDDED_RECORD_DIRECTORY_H

#include "base/buffer.h"
#include "spi/high_availability.h"

enum { WEIR_RECORD_VERSIONS_KEPT = 16, EMBEDDED_WRITES_MAX = 32 };
/* What is longer is taken for damage: a job index may be as long as this. */
enum { EMBEDDED_VALUE_BYTES_MAX = 16 << 20 };

/* expected 0: the record must not exist yet. *ret_version: the one written. error_text says why for
 * UNAVAILABLE and UNKNOWN. */
enum weir_ha_outcome embedded_record_write(const char *directory, uint64_t expected, const uint8_t *value,
    size_t length, uint64_t *ret_version, struct weir_error *reterr);
enum weir_ha_outcome embedded_record_delete(
    const char *directory, uint64_t expected, struct weir_error *reterr);
/* NOT_FOUND: there is none. value is appended. */
enum weir_ha_outcome embedded_record_read(
    const char *directory, struct weir_buffer *value, uint64_t *ret_version, struct weir_error *reterr);

/* The same for a key of the store: versions with the birth of their directory. */
enum weir_ha_outcome embedded_key_write(const char *directory, uint64_t expected, const uint8_t *value,
    size_t length, uint64_t *ret_version, struct weir_error *reterr);
/* Several keys that are there already (expected is not 0), each on its own: some may win and others lose. */
struct embedded_write {
    const char *directory;
    uint64_t expected;
    const uint8_t *value;
    size_t length;
    bool relaxed;                 /* its directory is synced later */
    enum weir_ha_outcome outcome; /* what came of it */
    uint64_t version;
};
/* parent: a directory above all of theirs, for the file before it has its names. Returns that file when
 * directories are to be synced yet, for embedded_keys_sync() or close(): those of relaxed writes that have
 * won; or -1. Until then readers sync them. */
int embedded_keys_write(
    const char *parent, struct embedded_write *writes, uint32_t count, struct weir_error *reterr);
void embedded_keys_sync(int descriptor, const char *const *directories, uint32_t count);
enum weir_ha_outcome embedded_key_delete(const char *directory, uint64_t expected, struct weir_error *reterr);
enum weir_ha_outcome embedded_key_read(
    const char *directory, struct weir_buffer *value, uint64_t *ret_version, struct weir_error *reterr);

#endif
