/* Shared inside actor/. */
#ifndef WEIR_ACTOR_INTERNAL_H
#define WEIR_ACTOR_INTERNAL_H

#include "actor/actor.h"

/* A JobMaster and when it was made: a job that is started again is another instance. */
struct actor__job {
    struct weir_job_id id;
    uint64_t instance;
    struct weir_jobmaster *machine;
};

/* Open addressing with linear probing; at most half full. */
struct actor__jobs {
    struct weir_memory *memory;
    struct actor__job *slots; /* machine NULL: free */
    uint32_t capacity, count; /* capacity is a power of two */
};
void actor__jobs_init(struct actor__jobs *jobs, struct weir_memory *memory);
void actor__jobs_done(struct actor__jobs *jobs); /* frees the JobMasters */
struct actor__job *actor__jobs_find(const struct actor__jobs *jobs, const struct weir_job_id *id);
/* The id must not be there. */
void actor__jobs_add(struct actor__jobs *jobs, const struct actor__job *job);
void actor__jobs_remove(struct actor__jobs *jobs, struct actor__job *job); /* does not free the machine */

/* What becomes of a message that was decoded. */
enum actor__verdict {
    ACTOR__PASS,
    ACTOR__MALFORMED, /* a field lacks, or nobody here is meant */
    ACTOR__CLUSTER,
    ACTOR__EPOCH,     /* of another leader than the one followed (H3) */
    ACTOR__EPOCH_SEEN /* H1: as EPOCH, and the leader of this process must hear of it */
};
struct actor__fenced {
    enum actor__verdict verdict;
    enum weir_role to;
    bool to_resourcemanager; /* too: it listens for TaskManagers */
};
/* H3, in one place. sender: the name that the connection belongs to. */
struct actor__fenced actor__fence(
    const struct weir_identity *identity, const char *sender, const Weir__Envelope *envelope);
/* The fields that machines rely on are there. */
bool actor__body_is_complete(const Weir__Envelope *envelope);

#endif
