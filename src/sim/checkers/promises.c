/* What clients were told is so: written to the record before it was answered (4.1, H7). */
#include "sim/facts.h"
#include "sim/checkers.h"
#include <string.h>

struct state {
    bool ended; /* the leader record has said so */
};

/* The newest record of the job: without transactions there may be others that no index names. */
static bool decode_record(struct weir_sim *sim, const struct weir_job_id *id, Weir__JobRecord **ret)
{
    *ret = NULL;
    for (uint32_t i = 0; i < sim->store.entry_count; i++) {
        const struct weir_sim_entry *entry = &sim->store.entries[i];
        struct weir_job_id found;
        Weir__JobRecord *record;
        if (strncmp(entry->key, "jobs/", 5) != 0 ||
            weir_job_record_decode(&sim->scratch, entry->value, entry->length, &record, NULL) ||
            !weir_job_id_from(&record->job, &found) || !weir_job_id_equal(&found, id))
            continue;
        if (!*ret || record->epoch > (*ret)->epoch ||
            (record->epoch == (*ret)->epoch && record->write_counter > (*ret)->write_counter))
            *ret = record;
    }
    return *ret != NULL;
}

static void check_stop(struct weir_sim *sim, const struct weir_sim_facts_job *job,
    const Weir__JobRecord *record, const ProtobufCBinaryData *request)
{
    bool is_target = record->target && record->target->request.len == 16 &&
                     memcmp(record->target->request.data, request->data, 16) == 0;
    bool is_known = false;
    for (size_t i = 0; i < record->n_savepoints; i++)
        if (record->savepoints[i]->request.len == 16 &&
            memcmp(record->savepoints[i]->request.data, request->data, 16) == 0)
            is_known = true;
    if (!is_target && !is_known)
        weir_sim_fail(
            sim, "promise", "a stop or savepoint of %.8s was accepted and is not in its record", job->hex);
}

static void check_end(struct weir_sim *sim, const struct state *state)
{
    Weir__LeaderRecord *record = NULL;
    for (uint32_t i = 0; i < sim->store.entry_count; i++) {
        const struct weir_sim_entry *entry = &sim->store.entries[i];
        if (strcmp(entry->key, "leader") == 0 &&
            weir_leader_record_decode(&sim->scratch, entry->value, entry->length, &record, NULL))
            record = NULL;
    }
    if (!state->ended && (!record || !record->ends))
        weir_sim_fail(
            sim, "promise", "the end of the cluster was accepted, the leader record does not say so");
}

static void answered(
    struct weir_sim *sim, void *self, const Weir__Envelope *request, const Weir__ClientReply *reply)
{
    struct weir_job_id id = { { 0 } };
    Weir__JobRecord *record;
    const ProtobufCBinaryData *job_bytes = NULL, *request_bytes = NULL;
    switch (request->body_case) {
    case WEIR__ENVELOPE__BODY_SUBMIT: job_bytes = &request->submit->job; break;
    case WEIR__ENVELOPE__BODY_CANCEL: job_bytes = &request->cancel->job; break;
    case WEIR__ENVELOPE__BODY_STOP:
        job_bytes = &request->stop->job;
        request_bytes = &request->stop->request;
        break;
    case WEIR__ENVELOPE__BODY_SAVEPOINT:
        job_bytes = &request->savepoint->job;
        request_bytes = &request->savepoint->request;
        break;
    case WEIR__ENVELOPE__BODY_RESCALE: job_bytes = &request->rescale->job; break;
    case WEIR__ENVELOPE__BODY_SHUTDOWN:
        if (reply->code == WEIR__REPLY_CODE__REPLY_OK) check_end(sim, (const struct state *)self);
        return;
    default: return;
    }
    if (!weir_job_id_from(job_bytes, &id)) return;
    struct weir_sim_facts_job *job = weir_sim_facts_job(sim, &id);
    if (reply->code == WEIR__REPLY_CODE__REPLY_BAD_REQUEST &&
        request->body_case != WEIR__ENVELOPE__BODY_RESCALE)
        weir_sim_fail(sim, "promise", "a request was refused as bad: %s", reply->text);
    if (reply->code == WEIR__REPLY_CODE__REPLY_NOT_FOUND &&
        request->body_case != WEIR__ENVELOPE__BODY_SUBMIT && job && job->ever && !job->terminal)
        weir_sim_fail(sim, "promise", "%.8s was submitted, and is not found", job->hex);
    if (reply->code != WEIR__REPLY_CODE__REPLY_OK) return;
    if (!job || !job->ever) {
        weir_sim_fail(sim, "promise", "a job was accepted, and there is no record of it");
        return;
    }
    if (job->terminal || !decode_record(sim, &id, &record)) return;
    /* A job whose end has begun ends anyway. */
    const struct weir_sim_named *newest = weir_sim_facts_named(job, job->newest);
    bool ends = newest && (newest->kind == WEIR__CHECKPOINT_KIND__STOP_SAVEPOINT ||
                              newest->kind == WEIR__CHECKPOINT_KIND__FINAL_CHECKPOINT);
    if (request->body_case == WEIR__ENVELOPE__BODY_CANCEL && !ends &&
        job->target != WEIR__TARGET_KIND__TARGET_CANCEL)
        weir_sim_fail(sim, "promise", "cancelling %.8s was accepted, its record does not say so", job->hex);
    if (request_bytes) check_stop(sim, job, record, request_bytes);
}

static bool at_rest(struct weir_sim *sim, void *self, const char **reason)
{
    *reason = "the cluster was to end, and goes on";
    return !sim->clients->end_promised || ((const struct state *)self)->ended;
}

/* Whoever asked for a stop asks what came of it, and is not to wait for ever. */
static void stored(struct weir_sim *sim, void *self, struct weir_sim_process *writer, const char *key,
    const struct weir_sim_entry *before, const struct weir_sim_entry *after)
{
    Weir__JobRecord *record;
    Weir__LeaderRecord *leader;
    if (strcmp(key, "leader") == 0 && after &&
        !weir_leader_record_decode(&sim->scratch, after->value, after->length, &leader, NULL) &&
        leader->shut_down)
        ((struct state *)self)->ended = true;
    if (strncmp(key, "jobs/", 5) != 0 || !after ||
        weir_job_record_decode(&sim->scratch, after->value, after->length, &record, NULL) ||
        !record->result || !record->target || record->target->request.len != 16)
        return;
    const Weir__SavepointRequest *savepoint = record->result->savepoint;
    if (!savepoint || savepoint->request.len != 16 ||
        memcmp(savepoint->request.data, record->target->request.data, 16) != 0 ||
        savepoint->state == WEIR__SAVEPOINT_STATE__SAVEPOINT_IN_PROGRESS)
        weir_sim_fail(sim, "promise", "%s has ended and does not say what came of its stop", key);
}

const struct weir_sim_checker weir_sim_checker_promises = { .name = "promise",
    .text = "what clients were told is so",
    .state_bytes = sizeof(struct state),
    .answered = answered,
    .stored = stored,
    .at_rest = at_rest };
