/* Takes down what the store says, before any other checker sees it; and what must hold of a record that names
 * a checkpoint: metadata and files are there already (H4). */
#include "sim/facts.h"
#include "proto/metadata.h"
#include "sim/checkers.h"
#include <stdio.h>
#include <string.h>

struct weir_sim_facts *weir_sim_facts(struct weir_sim *sim)
{
    return (struct weir_sim_facts *)sim->checker_states[0];
}

struct weir_sim_facts_job *weir_sim_facts_job(struct weir_sim *sim, const struct weir_job_id *id)
{
    struct weir_sim_facts *facts = weir_sim_facts(sim);
    for (uint32_t i = 0; i < facts->job_count; i++)
        if (weir_job_id_equal(&facts->jobs[i]->id, id)) return facts->jobs[i];
    return NULL;
}

const struct weir_sim_named *weir_sim_facts_named(const struct weir_sim_facts_job *job, uint64_t checkpoint)
{
    for (uint32_t i = 0; i < job->named_count; i++)
        if (job->named[i].id == checkpoint) return &job->named[i];
    return NULL;
}

uint64_t weir_sim_path_hash(const char *path)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *path; path++)
        if (!(path[0] == '/' && path[1] == '/')) hash = (hash ^ (uint8_t)*path) * 0x100000001b3u;
    return hash;
}

static struct weir_sim_facts_job *job_of(struct weir_sim *sim, const struct weir_job_id *id)
{
    struct weir_sim_facts *facts = weir_sim_facts(sim);
    struct weir_sim_facts_job *job = weir_sim_facts_job(sim, id);
    if (job || facts->job_count == WEIR_SIM_FACT_JOBS_MAX) return job;
    job = WEIR_ARENA_NEW(&sim->arena, struct weir_sim_facts_job);
    job->id = *id;
    weir_job_id_print(id, job->hex);
    job->job = weir_sim_job_find(sim, id);
    facts->jobs[facts->job_count++] = job;
    return job;
}

/* --- the leader record --- */

static void leader_stored(struct weir_sim *sim, const struct weir_sim_entry *after)
{
    struct weir_sim_facts *facts = weir_sim_facts(sim);
    Weir__LeaderRecord *record;
    if (!after || sim->store.damaging) {
        facts->wiped = true;
        facts->epoch = 0;
        facts->holder_incarnation = 0;
        return;
    }
    if (weir_leader_record_decode(&sim->scratch, after->value, after->length, &record, NULL)) {
        weir_sim_fail(sim, "H1", "the leader record that was written cannot be read");
        return;
    }
    if (facts->epoch != record->epoch) sim->result->takeovers++;
    facts->epoch = record->epoch;
    facts->holder_incarnation = record->holder ? record->holder->incarnation : 0;
    facts->epoch_max = WEIR_MAX(facts->epoch_max, record->epoch);
    if (record->epoch < WEIR_SIM_EPOCHS_MAX && !facts->incarnations[record->epoch])
        facts->incarnations[record->epoch] = facts->holder_incarnation;
}

/* --- records --- */

static bool file_is_there(struct weir_sim *sim, const char *path)
{
    size_t length;
    return weir_sim_filesystem_bytes(sim->shared_disk, path, &length) != NULL;
}

static void collect_files(struct weir_sim *sim, struct weir_sim_facts_job *job, struct weir_sim_named *named,
    const Weir__CheckpointMetadata *metadata, const char *pointer)
{
    uint32_t count = 1;
    for (size_t v = 0; v < metadata->n_vertices; v++)
        for (size_t s = 0; s < metadata->vertices[v]->n_subtasks; s++)
            count += (uint32_t)metadata->vertices[v]->subtasks[s]->n_files;
    named->files = WEIR_ARENA_ARRAY(&sim->arena, uint64_t, count);
    named->files[named->file_count++] = weir_sim_path_hash(pointer);
    for (size_t v = 0; v < metadata->n_vertices; v++) {
        for (size_t s = 0; s < metadata->vertices[v]->n_subtasks; s++) {
            const Weir__SubtaskSnapshot *snapshot = metadata->vertices[v]->subtasks[s];
            for (size_t i = 0; i < snapshot->n_files; i++) {
                named->files[named->file_count++] = weir_sim_path_hash(snapshot->files[i]);
                if (!file_is_there(sim, snapshot->files[i]))
                    weir_sim_fail(sim, "H4",
                        "the record of %.8s names checkpoint %llu, whose file %s is not there", job->hex,
                        (unsigned long long)named->id, snapshot->files[i]);
            }
        }
    }
}

/* 4.5: a savepoint is its owner's, who may move it: it refers to nothing outside of its folder. */
static void check_self_contained(struct weir_sim *sim, const Weir__CompletedCheckpoint *checkpoint,
    const Weir__CheckpointMetadata *metadata)
{
    if (checkpoint->kind != WEIR__CHECKPOINT_KIND__SAVEPOINT &&
        checkpoint->kind != WEIR__CHECKPOINT_KIND__STOP_SAVEPOINT)
        return;
    const char *slash = strrchr(checkpoint->pointer, '/');
    size_t length = slash ? (size_t)(slash - checkpoint->pointer) + 1 : 0;
    for (size_t v = 0; v < metadata->n_vertices; v++)
        for (size_t s = 0; s < metadata->vertices[v]->n_subtasks; s++) {
            const Weir__SubtaskSnapshot *snapshot = metadata->vertices[v]->subtasks[s];
            for (size_t f = 0; f < snapshot->n_files; f++)
                if (strncmp(snapshot->files[f], checkpoint->pointer, length) != 0)
                    weir_sim_fail(
                        sim, "H10", "the savepoint %s refers to %s", checkpoint->pointer, snapshot->files[f]);
        }
}

static void name_checkpoint(
    struct weir_sim *sim, struct weir_sim_facts_job *job, const Weir__CompletedCheckpoint *checkpoint)
{
    for (uint32_t i = 0; i < job->named_count; i++) {
        if (job->named[i].id != checkpoint->id) continue;
        job->named[i].current = true;
        return;
    }
    if (job->named_count == WEIR_SIM_NAMED_MAX) return;
    struct weir_sim_named *named = &job->named[job->named_count++];
    *named = (struct weir_sim_named){ .id = checkpoint->id,
        .epoch = checkpoint->epoch,
        .kind = checkpoint->kind,
        .current = true,
        .pointer = weir_arena_string(&sim->arena, checkpoint->pointer) };
    sim->result->checkpoints_completed++;
    size_t length = 0;
    const uint8_t *bytes = weir_sim_filesystem_bytes(sim->shared_disk, checkpoint->pointer, &length);
    Weir__CheckpointMetadata *metadata;
    if (!bytes) {
        weir_sim_fail(sim, "H4", "the record of %.8s names checkpoint %llu, but %s is not there", job->hex,
            (unsigned long long)checkpoint->id, checkpoint->pointer);
    } else if (weir_checkpoint_metadata_decode(&sim->scratch, bytes, length, &metadata, NULL)) {
        if (!job->damaged) weir_sim_fail(sim, "H4", "%s is named and cannot be read", checkpoint->pointer);
    } else if (metadata->id != checkpoint->id) {
        weir_sim_fail(sim, "H4", "%s is of checkpoint %llu, not of %llu", checkpoint->pointer,
            (unsigned long long)metadata->id, (unsigned long long)checkpoint->id);
    } else if (weir_checkpoint_metadata_place(&sim->scratch, metadata, checkpoint->pointer, NULL)) {
        weir_sim_fail(sim, "H4", "%s names files outside of its folder", checkpoint->pointer);
    } else {
        check_self_contained(sim, checkpoint, metadata);
        collect_files(sim, job, named, metadata, checkpoint->pointer);
        weir_sim_regions_check(sim, job, checkpoint->id, metadata);
    }
}

/* A savepoint's folder or its metadata. */
static void name_savepoint(
    struct weir_sim *sim, struct weir_sim_facts_job *job, const Weir__SavepointRequest *savepoint)
{
    if (savepoint->state != WEIR__SAVEPOINT_STATE__SAVEPOINT_COMPLETED || !savepoint->checkpoint) return;
    if (weir_sim_facts_named(job, savepoint->checkpoint)) return;
    Weir__CompletedCheckpoint named;
    weir__completed_checkpoint__init(&named);
    named.id = savepoint->checkpoint;
    named.kind = WEIR__CHECKPOINT_KIND__SAVEPOINT;
    named.pointer = savepoint->path;
    if (!file_is_there(sim, named.pointer))
        named.pointer = weir_arena_format(&sim->scratch, "%s/_metadata", savepoint->path);
    name_checkpoint(sim, job, &named);
}

static void record_stored(struct weir_sim *sim, const char *key, const struct weir_sim_entry *after)
{
    Weir__JobRecord *record;
    struct weir_job_id id;
    if (weir_job_record_decode(&sim->scratch, after->value, after->length, &record, NULL) ||
        !weir_job_id_from(&record->job, &id)) {
        weir_sim_fail(sim, "H4", "the job record that was written as %s cannot be read", key);
        return;
    }
    struct weir_sim_facts_job *job = job_of(sim, &id);
    if (!job) return;
    if (!sim->store.transactions && strcmp(key, job->record) != 0) return; /* it does not exist (4.1) */
    if (sim->store.transactions) job->exists = true;
    if (sim->store.transactions) job->ever = true;
    job->epoch = record->epoch;
    job->counter = record->write_counter;
    job->reserved = record->checkpoint_id_reserved;
    job->plan_version = record->plan_version;
    job->status = record->status;
    job->target = record->target ? record->target->kind : WEIR__TARGET_KIND__TARGET_RUN;
    if (record->target && record->target->request.len == 16)
        memcpy(job->target_request, record->target->request.data, 16);
    if (record->status >= WEIR__RECORD_STATUS__RECORD_TERMINAL_DIRTY && !job->terminal) {
        job->terminal = true;
        sim->result->jobs_ended++;
    }
    if (record->result) {
        job->result = record->result->state;
        job->says_why = record->result->error && record->result->error[0];
    }
    for (uint32_t i = 0; i < job->named_count; i++) job->named[i].current = false;
    for (size_t i = 0; i < record->n_savepoints; i++) name_savepoint(sim, job, record->savepoints[i]);
    for (size_t i = 0; i < record->n_checkpoints; i++) {
        name_checkpoint(sim, job, record->checkpoints[i]);
        job->newest = WEIR_MAX(job->newest, record->checkpoints[i]->id);
    }
}

static void index_stored(struct weir_sim *sim, const struct weir_sim_entry *after)
{
    struct weir_sim_facts *facts = weir_sim_facts(sim);
    Weir__JobIndex *index;
    ProtobufCMessage *message;
    if (weir_proto_decode(&weir__job_index__descriptor, &sim->scratch, after->value, after->length,
            WEIR_RECORD_BYTES_MAX, &message, NULL)) {
        weir_sim_fail(sim, "H4", "the job index that was written cannot be read");
        return;
    }
    index = (Weir__JobIndex *)message;
    for (uint32_t i = 0; i < facts->job_count; i++) facts->jobs[i]->exists = false;
    for (size_t i = 0; i < index->n_jobs; i++) {
        struct weir_job_id id;
        struct weir_sim_facts_job *job =
            weir_job_id_from(&index->jobs[i]->job, &id) ? job_of(sim, &id) : NULL;
        if (!job) continue;
        job->exists = job->ever = true;
        const char *name = index->jobs[i]->record;
        snprintf(
            job->record, sizeof job->record, "%s%.100s", strncmp(name, "jobs/", 5) == 0 ? "" : "jobs/", name);
        const struct weir_sim_entry *record = weir_sim_store_find(&sim->store, job->record);
        if (record && !job->record_damaged) record_stored(sim, job->record, record);
    }
}

static void stored(struct weir_sim *sim, void *state, struct weir_sim_process *writer, const char *key,
    const struct weir_sim_entry *before, const struct weir_sim_entry *after)
{
    if (strcmp(key, "leader") == 0) {
        leader_stored(sim, after);
    } else if (strcmp(key, "index") == 0 && after) {
        index_stored(sim, after);
    } else if (strncmp(key, "jobs/", 5) == 0) {
        struct weir_job_id id;
        char hex[33] = { 0 };
        snprintf(hex, sizeof hex, "%.32s", key + 5);
        if (sim->store.damaging) return;
        if (after)
            record_stored(sim, key, after);
        else if (sim->store.transactions && weir_job_id_parse(hex, &id) && weir_sim_facts_job(sim, &id))
            weir_sim_facts_job(sim, &id)->exists = false;
    }
}

static void task_event(
    struct weir_sim *sim, void *state, struct weir_sim_process *process, const struct weir_task_event *event)
{
    struct weir_sim_facts_job *job = weir_sim_facts_job(sim, &event->attempt.job);
    if (job && job->terminal &&
        (event->kind == WEIR_TASK_ENDED || event->kind == WEIR_TASK_ACKNOWLEDGED ||
            event->kind == WEIR_TASK_FAILED))
        job->haunted = true;
}

const struct weir_sim_checker weir_sim_checker_facts = { .name = "facts",
    .text = "what the store has said",
    .state_bytes = sizeof(struct weir_sim_facts),
    .stored = stored,
    .task_event = task_event };
