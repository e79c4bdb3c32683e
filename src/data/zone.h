/*
 * Time zones: UTC, fixed offsets ("GMT+08:00", "UTC+8"), and region names of the system's tz database, with
 * Java's rules for local times in a gap (moved forward by its length) and in an overlap (earlier offset).
 *
 * Pure: the bytes of a TZif file (RFC 8536) are handed in by a loader that the process installs; results are
 * cached by it.
 */
#ifndef WEIR_DATA_ZONE_H
#define WEIR_DATA_ZONE_H

#include "base/arena.h"
#include "base/error.h"

struct weir_zone; /* immutable; lives as long as the arena it was made in, or for ever when cached */

/* NULL means UTC in every function below. */
int32_t weir_zone_offset_at_utc(const struct weir_zone *zone, int64_t epoch_seconds); /* seconds east */
int32_t weir_zone_offset_at_local(
    const struct weir_zone *zone, int64_t local_seconds); /* Java's rule for gaps and overlaps */
int64_t weir_zone_utc_to_local_us(const struct weir_zone *zone, int64_t utc_us);
int64_t weir_zone_local_to_utc_us(const struct weir_zone *zone, int64_t local_us);
const char *weir_zone_name(const struct weir_zone *zone);

struct weir_zone *weir_zone_parse_tzif(struct weir_arena *arena, const char *name, const uint8_t *bytes,
    size_t length, struct weir_error *reterr);
struct weir_zone *weir_zone_fixed(struct weir_arena *arena, const char *name, int32_t offset_seconds);
/* "UTC", "Z", "GMT", "+08:00", "UTC+8", "GMT-03:30": true and *seconds. */
bool weir_zone_parse_offset(const char *name, size_t length, int32_t *seconds);

/* Finds a zone by name (never freed, thread-safe, cached): installed once at process start by os (reads
 * /usr/share/zoneinfo); NULL: no such zone. Without a loader only offsets are known. */
extern const struct weir_zone *(*weir_zone_loader)(const char *name, size_t length);
/* *zone = NULL for UTC. */
enum weir_error_code weir_zone_find(
    const char *name, size_t length, const struct weir_zone **zone, struct weir_error *reterr);

#endif
