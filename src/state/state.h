/*
 * Keyed state of one operator in one subtask: tables whose rows lie in pages per key group, copied on first
 * write while a snapshot of them is pending. This header is what the task layer sees; tables for operators
 * are in table.h.
 *
 * A snapshot: begin() at the barrier on the slot thread (O(tables), raises the epoch, no row is touched);
 * write() may run on another thread while the slot thread goes on writing (pages of the older epoch are
 * immutable to it); end() lets the copies go. Snapshot bytes: per key group one self-contained section (never
 * mixed), so that rescaling picks sections and rewrites none.
 * @thread slot, except write().
 */
#ifndef WEIR_STATE_STATE_H
#define WEIR_STATE_STATE_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"

struct weir_state;

/* Key groups [first, last] of max_parallelism. now_ms for time to live: a pointer the task keeps up to date
 * per batch. */
struct weir_state *weir_state_new(struct weir_memory *memory, uint32_t key_group_first,
    uint32_t key_group_last, uint32_t max_parallelism, const int64_t *now_ms);
void weir_state_free(struct weir_state *state);

struct weir_state_snapshot;
struct weir_state_snapshot *weir_state_snapshot_begin(struct weir_state *state, uint64_t checkpoint_id);
/* Calls put for each key group section that holds rows: put(context, key_group, bytes, length). Full
 * snapshot. */
enum weir_error_code weir_state_snapshot_write(struct weir_state_snapshot *snapshot,
    enum weir_error_code (*put)(
        void *context, uint32_t key_group, const void *bytes, size_t length, struct weir_error *reterr),
    void *context, struct weir_error *reterr);
void weir_state_snapshot_end(struct weir_state_snapshot *snapshot);
/* Loads one section; tables must have been opened (operator created). A section outside the range is refused.
 */
enum weir_error_code weir_state_restore(struct weir_state *state, uint32_t key_group, const void *bytes,
    size_t length, struct weir_error *reterr);
size_t weir_state_bytes(const struct weir_state *state);

#endif
