/* The last jobs that have ended under this leader, as they were: vertices, checkpoints, failures. */
#include "control/dispatcher/internal.h"

static void drop(struct dispatcher_ended *ended)
{
    if (!ended->details) return;
    weir_arena_done(&ended->arena);
    ended->details = NULL;
}

void dispatcher__ended_keep(
    struct weir_dispatcher *dispatcher, const struct weir_job_id *id, const Weir__JobDetails *details)
{
    if (!details) return;
    struct dispatcher_ended *ended = &dispatcher->ended[dispatcher->ended_next++ % DISPATCHER_ENDED_KEPT_MAX];
    drop(ended);
    ended->id = *id;
    weir_arena_init(&ended->arena, dispatcher->memory);
    ended->arena.block_bytes = DISPATCHER_JOB_ARENA_BYTES;
    ended->details = WEIR_PROTO_COPY(&ended->arena, details);
}

Weir__JobDetails *dispatcher__ended_find(
    const struct weir_dispatcher *dispatcher, const ProtobufCBinaryData *job)
{
    struct weir_job_id id;
    if (!weir_job_id_from(job, &id)) return NULL;
    for (uint32_t i = 0; i < DISPATCHER_ENDED_KEPT_MAX; i++) {
        const struct dispatcher_ended *ended = &dispatcher->ended[i];
        if (ended->details && weir_job_id_equal(&ended->id, &id)) return ended->details;
    }
    return NULL;
}

void dispatcher__ended_clear(struct weir_dispatcher *dispatcher)
{
    for (uint32_t i = 0; i < DISPATCHER_ENDED_KEPT_MAX; i++) drop(&dispatcher->ended[i]);
}
