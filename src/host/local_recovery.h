/*
 * Local copies of snapshot files on this host (task/local_store.h), looked after: the folder of this process
 * is locked, folders of dead processes are taken over at the start, and a thread of its own removes what is
 * of no use any more.
 *
 * Copies of jobs of which nothing runs here stay while their originals are there, for ten minutes: a failover
 * may bring the job back, to this process or to another of the host.
 *
 * @thread new, free: the owner's; store: any; the rest: control.
 */
#ifndef WEIR_HOST_LOCAL_RECOVERY_H
#define WEIR_HOST_LOCAL_RECOVERY_H

#include "task/local_store.h"

enum { WEIR_LOCAL_RECOVERY_JOBS_MAX = 1024 };

struct weir_local_recovery_config {
    struct weir_memory *memory;
    struct weir_filesystem *filesystem;
    const char *root;  /* shared by the processes of one cluster on this host; made when it is not there */
    const char *owner; /* resource id of this TaskManager */
};

struct weir_local_recovery;
enum weir_error_code weir_local_recovery_new(const struct weir_local_recovery_config *config,
    struct weir_local_recovery **ret, struct weir_error *reterr);
void weir_local_recovery_free(struct weir_local_recovery *recovery); /* NULL: nothing */

/* NULL for NULL. */
const struct weir_local_store *weir_local_recovery_store(const struct weir_local_recovery *recovery);
/* Tasks of this job run here now; none does any more. */
void weir_local_recovery_used(struct weir_local_recovery *recovery, const char *job);
void weir_local_recovery_left(struct weir_local_recovery *recovery, const char *job);
/* True once for each: the caller then says which files (without folder) the tasks here refer to in it. */
bool weir_local_recovery_is_news(struct weir_local_recovery *recovery, const char *job, uint64_t checkpoint);
void weir_local_recovery_completed(struct weir_local_recovery *recovery, const char *job, uint64_t checkpoint,
    const char *const *files, uint32_t file_count);

#endif
