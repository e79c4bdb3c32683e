/*
 * Local recovery: copies of snapshot files near the tasks, so that a restore need not go to the checkpoint
 * storage. They are a cache: nothing is lost with them, nothing waits for them, and none is believed: a
 * restore takes a copy only where name, length and the hash in the name are those of the manifest, verifies
 * each section that it reads, and reads from storage where anything differs.
 *
 *   <root>/<owner>/<job>/<hash of the file>-<name of the file>    a hard link where that is possible
 *   <root>/<owner>/<job>/origin                                   the folder of the originals
 *
 * owner is a TaskManager's resource id; it writes in its own folder only, and reads in all: processes of one
 * host may take each other's, and a new one takes over the folders of dead ones.
 *
 * A copy goes when its original is gone, or when a newer checkpoint than its own is complete that does not
 * refer to it; see weir_local_store_sweep().
 * @thread any: there is nothing in here but names.
 */
#ifndef WEIR_TASK_LOCAL_STORE_H
#define WEIR_TASK_LOCAL_STORE_H

#include "spi/filesystem.h"

struct weir_snapshot_file;

/* Constant once made; all borrowed. */
struct weir_local_store {
    struct weir_filesystem *filesystem; /* of the copies */
    struct weir_filesystem *storage;    /* of the originals; the same one: copies may be links */
    struct weir_memory *memory;
    const char *root;
    const char *owner;
    bool unverified; /* a defect that the simulator plants: any copy of the subtask is taken for the right one
                      */
};

/* directory: the job's folder in the checkpoint storage, which files are below. */
enum weir_error_code weir_local_store_keep(const struct weir_local_store *store, const char *job,
    const char *directory, const struct weir_snapshot_file *file, struct weir_error *reterr);

/* Folders of the root in which copies may be, the own one first. */
struct weir_local_folders {
    const char **paths; /* <root>/<owner>/<job> */
    uint32_t count;
};
void weir_local_store_folders(const struct weir_local_store *store, const char *job, struct weir_arena *arena,
    struct weir_local_folders *ret);
/* The copy's path in arena; NULL: there is none of this name, hash and length. */
const char *weir_local_store_find(const struct weir_local_store *store,
    const struct weir_local_folders *folders, const struct weir_snapshot_file *file,
    struct weir_arena *arena);

/* Removes copies of this job that are of no use: those whose original is gone, and those of checkpoints below
 * newest that are none of the files (names without folder) that newest refers to. newest 0: the former only.
 * ret_left: how many stay; with none, the folder goes. */
enum weir_error_code weir_local_store_sweep(const struct weir_local_store *store, const char *job,
    uint64_t newest, const char *const *files, uint32_t file_count, uint32_t *ret_left,
    struct weir_error *reterr);
/* All of the job's. */
enum weir_error_code weir_local_store_forget(
    const struct weir_local_store *store, const char *job, struct weir_error *reterr);
/* What another owner, who must be dead, has left becomes ours. */
enum weir_error_code weir_local_store_adopt(
    const struct weir_local_store *store, const char *owner, struct weir_error *reterr);

#endif
