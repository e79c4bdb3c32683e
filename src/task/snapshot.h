/*
 * Snapshots in files. One subtask's part of a checkpoint is described by a manifest: sections (an operator's
 * blob, or one key group of its state or a part of one; key groups are never mixed), each a range of a file
 * with a hash, compressed or not. A
 * section that is the same in the base checkpoint is not written again: it refers to the base's file. So a
 * manifest refers to files written for its own checkpoint or reachable from its base, and to no others; a
 * savepoint has no base and stands on its own.
 *
 * What nobody has written to since the base is not even looked at; of the rest, what changed is found by
 * hash. A base's file of which little is still in use, or that would be one file too many, is not referred
 * to: its sections are written again. So files stay bounded.
 *
 * A file: "WEIRSNAP", u32 version, u32 zero, then the bytes of the sections, end to end. It is named
 * <prefix>-<vertex>-<subtask>-<checkpoint id | final>.state, opened without replacing, synced, closed;
 * nothing is written when no section changed. The owner's prefix names the attempt.
 *
 * Everything that is read is verified; errors name the file and the section.
 * @thread any (writing goes on beside the slot thread: state pages of the snapshot's epoch are immutable).
 */
#ifndef WEIR_TASK_SNAPSHOT_H
#define WEIR_TASK_SNAPSHOT_H

#include "spi/filesystem.h"
#include "task/local_store.h"
#include "task/subtask.h"

enum { WEIR_SNAPSHOT_FILES_MAX = 32, WEIR_SNAPSHOT_SECTIONS_MAX = 1 << 22 };

struct weir_snapshot_file {
    const char *path; /* where it is read from: the owner may put a copy with the same hash here */
    uint64_t bytes;
    uint64_t hash; /* XXH3 over all its bytes */
};
struct weir_snapshot_section {
    const char *uid;
    bool is_blob;
    uint32_t key_group;
    uint64_t part; /* of the key group: see struct weir_state_sink */
    uint32_t file; /* index into files */
    uint64_t offset, length;
    uint64_t raw_length; /* 0: stored as it is; else an LZ4 block that has so many bytes without */
    uint64_t hash;       /* XXH3 of the bytes, without compression */
};
struct weir_snapshot_manifest {
    uint64_t checkpoint_id; /* WEIR_FINAL_CHECKPOINT_ID: the final one */
    uint64_t epoch;
    uint32_t vertex_id, subtask_index, parallelism, max_parallelism;
    bool finished;
    struct weir_snapshot_file *files;
    uint32_t file_count;
    struct weir_snapshot_section
        *sections; /* by uid in chain order; a blob, then key groups and parts ascending */
    uint32_t section_count;
    uint64_t bytes_total, bytes_written; /* of sections; those that this checkpoint wrote itself */
};

enum weir_snapshot_compression { WEIR_SNAPSHOT_PLAIN, WEIR_SNAPSHOT_LZ4 };

/* Writes, once weir_subtask_snapshot_settle() has done its part. base: this subtask's manifest in the
 * checkpoint that the snapshot names as its base, NULL = none (the savepoint flag and a base of another
 * parallelism are seen to here). *ret lives in arena; memory is for what is needed meanwhile. On failure no
 * file is left, as far as the filesystem lets it be removed. */
enum weir_error_code weir_snapshot_write(struct weir_filesystem *fs, const char *directory,
    const char *prefix, const struct weir_job_vertex *vertex, uint32_t subtask_index,
    const struct weir_subtask_snapshot *snapshot, const struct weir_snapshot_manifest *base,
    struct weir_memory *memory, struct weir_arena *arena, struct weir_snapshot_manifest *ret,
    struct weir_error *reterr);
/* The same, compressed. Sections that it does not make smaller, or refers to, stay as they are. */
enum weir_error_code weir_snapshot_write_as(enum weir_snapshot_compression compression,
    struct weir_filesystem *fs, const char *directory, const char *prefix,
    const struct weir_job_vertex *vertex, uint32_t subtask_index,
    const struct weir_subtask_snapshot *snapshot, const struct weir_snapshot_manifest *base,
    struct weir_memory *memory, struct weir_arena *arena, struct weir_snapshot_manifest *ret,
    struct weir_error *reterr);

/* The stored form, versioned. Paths below directory are stored relative to it, so that what stands on its own
 * can be moved with it; directory NULL: all as they are. Reading checks everything that can be checked
 * without the files. */
void weir_snapshot_manifest_write(
    const struct weir_snapshot_manifest *manifest, const char *directory, struct weir_buffer *to);
enum weir_error_code weir_snapshot_manifest_read(struct weir_reader *from, const char *directory,
    struct weir_arena *arena, struct weir_snapshot_manifest *ret, struct weir_error *reterr);

/* The files are where paths say, in the manifest's order: whoever keeps manifests knows where they are now.
 */
enum weir_error_code weir_snapshot_manifest_place(struct weir_snapshot_manifest *manifest, char *const *paths,
    size_t path_count, struct weir_error *reterr);

/* The operators that have state in it, each once, in the manifest's order; in arena. */
char **weir_snapshot_manifest_operators(
    const struct weir_snapshot_manifest *manifest, struct weir_arena *arena, size_t *ret_count);

/* The first operator with state that the job does not have in the same vertex; NULL if there is none. */
const char *weir_snapshot_left_behind(const struct weir_snapshot_manifest *manifests, uint32_t manifest_count,
    const struct weir_job_graph *graph, struct weir_arena *scratch, uint32_t *ret_vertex_id);

/* What one subtask starts from, out of the manifests of all subtasks of all vertices of a checkpoint (those
 * of other vertices are passed over): all blobs, the key groups of its range. Bytes lie in arena. Refuses
 * another maximum parallelism, and a checkpoint without the vertex. checkpoint_id goes into *ret. finished:
 * see struct weir_subtask_restore. */
enum weir_error_code weir_snapshot_restore(struct weir_filesystem *fs, uint64_t checkpoint_id,
    const struct weir_snapshot_manifest *manifests, uint32_t manifest_count,
    const struct weir_job_vertex *vertex, uint32_t subtask_index, struct weir_arena *arena,
    struct weir_subtask_restore *ret, struct weir_error *reterr);

/* The same in pieces, for state that is large: blobs are read at once, into arena; key groups when
 * weir_subtask_new() asks for them, one at a time. Everything handed in stays until the reader is freed.
 * local NULL: from storage alone. @thread one at a time */
struct weir_snapshot_reader;
struct weir_snapshot_reader_config {
    struct weir_filesystem *filesystem;
    struct weir_memory *memory;
    struct weir_arena *arena;
    const struct weir_local_store *local;
    const char *job_id; /* where local copies are */
    uint64_t checkpoint_id;
    const struct weir_snapshot_manifest *manifests;
    uint32_t manifest_count;
    const struct weir_job_vertex *vertex;
    uint32_t subtask_index;
    bool unverified; /* what storage holds is believed: for a planted bug alone */
};
enum weir_error_code weir_snapshot_reader_new(const struct weir_snapshot_reader_config *config,
    struct weir_snapshot_reader **ret, struct weir_subtask_restore *ret_restore, struct weir_error *reterr);
void weir_snapshot_reader_free(struct weir_snapshot_reader *reader); /* NULL: nothing */

struct weir_snapshot_reader_statistics {
    uint64_t bytes_local, bytes_storage;
    uint32_t copies_refused; /* local ones that could not be read or held something else */
};
struct weir_snapshot_reader_statistics weir_snapshot_reader_statistics(
    const struct weir_snapshot_reader *reader);

#endif
