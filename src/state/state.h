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
/* The same as parts, for who keeps what an earlier one wrote: a key group of some size is a head and parts of
 * a few pages each, a small one a head alone. Those that nobody has written to since the snapshot of
 * checkpoint base_id (0: none; it may be the one restored) are offered first: reuse() true: it is taken from
 * there, and not put. Parts of a key group come in ascending order, the head first, which is part 0. */
struct weir_state_sink {
    void *context;
    bool (*reuse)(void *context, uint32_t key_group, uint64_t part);
    enum weir_error_code (*put)(void *context, uint32_t key_group, uint64_t part, const void *bytes,
        size_t length, struct weir_error *reterr);
};
enum weir_error_code weir_state_snapshot_write_parts(struct weir_state_snapshot *snapshot, uint64_t base_id,
    const struct weir_state_sink *sink, struct weir_error *reterr);
void weir_state_snapshot_end(struct weir_state_snapshot *snapshot);
/* Sections and parts of so many bytes in all are to be loaded: directories are made as large as they have to
 * be at once. Without it they grow. */
void weir_state_restore_expect(struct weir_state *state, uint64_t bytes);
/* Loads one section or part, a head before its parts; tables must have been opened (operator created). What
 * is outside the range is refused. */
enum weir_error_code weir_state_restore(struct weir_state *state, uint32_t key_group, const void *bytes,
    size_t length, struct weir_error *reterr);
/* All that checkpoint_id holds has been loaded: refuses when a part is missing. */
enum weir_error_code weir_state_restored(
    struct weir_state *state, uint64_t checkpoint_id, struct weir_error *reterr);
size_t weir_state_bytes(const struct weir_state *state);

#endif
