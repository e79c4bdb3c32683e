/*
 * The last jobs that have ended under this leader, as they were: vertices, checkpoints, failures. What
 * subtasks had put into a checkpoint is by far the most of it: of all jobs together a limited number of such
 * parts is kept, and the jobs that ended first lose theirs first.
 */
#include "control/dispatcher/internal.h"

static void drop_parts(struct weir_dispatcher *dispatcher, struct dispatcher_ended *ended)
{
    if (!ended->parts) return;
    weir_arena_done(&ended->parts_arena);
    dispatcher->ended_parts -= ended->part_count;
    ended->parts = NULL;
    ended->part_count = 0;
}

static void drop(struct weir_dispatcher *dispatcher, struct dispatcher_ended *ended)
{
    if (!ended->details) return;
    drop_parts(dispatcher, ended);
    weir_arena_done(&ended->arena);
    ended->details = NULL;
}

/* A shallow copy: other borrows what it points to. */
static Weir__JobDetails *with_checkpoints(
    const Weir__JobDetails *other, Weir__CheckpointDetails **checkpoints, struct weir_arena *arena)
{
    Weir__JobDetails *details = WEIR_PROTO_NEW(arena, Weir__JobDetails, weir__job_details);
    *details = *other;
    details->checkpoints = checkpoints;
    return details;
}

static Weir__JobDetails *without_parts(const Weir__JobDetails *details, struct weir_arena *arena)
{
    Weir__CheckpointDetails **all =
        WEIR_ARENA_ARRAY(arena, Weir__CheckpointDetails *, details->n_checkpoints + 1);
    for (size_t i = 0; i < details->n_checkpoints; i++) {
        all[i] = WEIR_PROTO_NEW(arena, Weir__CheckpointDetails, weir__checkpoint_details);
        *all[i] = *details->checkpoints[i];
        all[i]->n_parts = 0;
        all[i]->parts = NULL;
    }
    return with_checkpoints(details, all, arena);
}

/* Those of its newest checkpoints, as far as there is room for one job's. */
static void keep_parts(
    struct weir_dispatcher *dispatcher, struct dispatcher_ended *ended, const Weir__JobDetails *details)
{
    uint32_t kept = 0, parts = 0;
    while (kept < details->n_checkpoints &&
           details->checkpoints[kept]->n_parts <= DISPATCHER_ENDED_PARTS_MAX - parts)
        parts += (uint32_t)details->checkpoints[kept++]->n_parts;
    if (!parts) return;
    for (uint32_t i = 0; dispatcher->ended_parts + parts > DISPATCHER_ENDED_PARTS_MAX; i++)
        drop_parts(dispatcher, &dispatcher->ended[(dispatcher->ended_next + i) % DISPATCHER_ENDED_KEPT_MAX]);
    weir_arena_init(&ended->parts_arena, dispatcher->memory);
    ended->parts_arena.block_bytes = DISPATCHER_JOB_ARENA_BYTES;
    ended->parts =
        WEIR_ARENA_ARRAY(&ended->parts_arena, Weir__CheckpointDetails *, details->n_checkpoints + 1);
    for (uint32_t i = 0; i < details->n_checkpoints; i++)
        ended->parts[i] = i < kept ? WEIR_PROTO_COPY(&ended->parts_arena, details->checkpoints[i]) : NULL;
    ended->part_count = parts;
    dispatcher->ended_parts += parts;
}

void dispatcher__ended_keep(struct weir_dispatcher *dispatcher, const struct weir_job_id *id,
    const Weir__JobDetails *details, struct weir_arena *scratch)
{
    if (!details) return;
    struct dispatcher_ended *ended = &dispatcher->ended[dispatcher->ended_next++ % DISPATCHER_ENDED_KEPT_MAX];
    drop(dispatcher, ended);
    ended->id = *id;
    weir_arena_init(&ended->arena, dispatcher->memory);
    ended->arena.block_bytes = DISPATCHER_JOB_ARENA_BYTES;
    const Weir__JobDetails *plain = without_parts(details, scratch);
    ended->details = WEIR_PROTO_COPY(&ended->arena, plain);
    keep_parts(dispatcher, ended, details);
}

/* With the parts of that checkpoint, if they are kept. */
static Weir__JobDetails *with_parts(
    const struct dispatcher_ended *ended, uint64_t checkpoint, struct weir_arena *arena)
{
    Weir__JobDetails *details = ended->details;
    Weir__CheckpointDetails **all =
        WEIR_ARENA_ARRAY(arena, Weir__CheckpointDetails *, details->n_checkpoints + 1);
    for (size_t i = 0; i < details->n_checkpoints; i++) {
        bool wanted = ended->parts && ended->parts[i] && details->checkpoints[i]->id == checkpoint;
        all[i] = wanted ? ended->parts[i] : details->checkpoints[i];
    }
    return with_checkpoints(details, all, arena);
}

Weir__JobDetails *dispatcher__ended_find(const struct weir_dispatcher *dispatcher,
    const ProtobufCBinaryData *job, uint64_t checkpoint, struct weir_arena *arena)
{
    struct weir_job_id id;
    if (!weir_job_id_from(job, &id)) return NULL;
    for (uint32_t i = 0; i < DISPATCHER_ENDED_KEPT_MAX; i++) {
        const struct dispatcher_ended *ended = &dispatcher->ended[i];
        if (!ended->details || !weir_job_id_equal(&ended->id, &id)) continue;
        return checkpoint ? with_parts(ended, checkpoint, arena) : ended->details;
    }
    return NULL;
}

void dispatcher__ended_clear(struct weir_dispatcher *dispatcher)
{
    for (uint32_t i = 0; i < DISPATCHER_ENDED_KEPT_MAX; i++) drop(dispatcher, &dispatcher->ended[i]);
}
