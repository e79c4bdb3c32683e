/*
 * The file of one subtask in a checkpoint:
 *
 *   "WEIRSNAP" u32 version, u64 checkpoint id, u32 vertex id, u32 subtask, u32 parallelism, u32 max
 * parallelism, u8 finished, then sections: u8 kind (1 blob, 2 key group), varint uid length, uid, u32 key
 * group, u64 length, u64 XXH3 of the bytes, bytes then u8 0 (end). All integers little-endian.
 *
 * Written through the filesystem SPI, synced, closed; named so that nothing is overwritten. Reading verifies
 * every checksum. Key groups are never mixed in a section, so that another parallelism picks sections.
 * @thread any (write runs beside the slot thread: state pages of the snapshot's epoch are immutable).
 */
#ifndef WEIR_TASK_SNAPSHOT_FILE_H
#define WEIR_TASK_SNAPSHOT_FILE_H

#include "spi/filesystem.h"
#include "task/subtask.h"

enum weir_error_code weir_snapshot_file_write(struct weir_filesystem *fs, const char *path,
    const struct weir_job_vertex *vertex, uint32_t subtask_index,
    const struct weir_subtask_snapshot *snapshot, struct weir_memory *memory, uint64_t *ret_bytes,
    struct weir_error *reterr);

struct weir_snapshot_file {
    uint64_t checkpoint_id;
    uint32_t vertex_id, subtask_index, parallelism, max_parallelism;
    bool finished;
    struct weir_restore_section *sections; /* point into the bytes that were read, in arena */
    uint32_t section_count;
};
enum weir_error_code weir_snapshot_file_read(struct weir_filesystem *fs, struct weir_arena *arena,
    const char *path, struct weir_snapshot_file *ret, struct weir_error *reterr);

#endif
