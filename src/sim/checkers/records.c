/* H2, H4, 4.1: a job's record is written by its epoch's leader alone, forwards alone. */
#include "sim/facts.h"
#include "sim/checkers.h"
#include <string.h>

static bool names(const Weir__JobRecord *record, uint64_t id)
{
    for (size_t i = 0; i < record->n_checkpoints; i++)
        if (record->checkpoints[i]->id == id) return true;
    return false;
}

static uint64_t newest(const Weir__JobRecord *record)
{
    uint64_t id = 0;
    for (size_t i = 0; i < record->n_checkpoints; i++) id = WEIR_MAX(id, record->checkpoints[i]->id);
    return id;
}

static void check_target(
    struct weir_sim *sim, const char *key, const Weir__JobRecord *old, const Weir__JobRecord *record)
{
    Weir__TargetKind was = old->target ? old->target->kind : WEIR__TARGET_KIND__TARGET_RUN;
    Weir__TargetKind is = record->target ? record->target->kind : WEIR__TARGET_KIND__TARGET_RUN;
    if (was == WEIR__TARGET_KIND__TARGET_CANCEL && is != was)
        weir_sim_fail(sim, "promise", "%s was to be cancelled and is not any more", key);
}

static bool is_stopped(const Weir__JobRecord *record)
{
    return record->n_checkpoints &&
           record->checkpoints[record->n_checkpoints - 1]->kind == WEIR__CHECKPOINT_KIND__STOP_SAVEPOINT;
}

static void check_checkpoints(
    struct weir_sim *sim, const char *key, const Weir__JobRecord *old, const Weir__JobRecord *record)
{
    for (size_t i = 1; i < record->n_checkpoints; i++)
        if (record->checkpoints[i]->id <= record->checkpoints[i - 1]->id)
            weir_sim_fail(sim, "H5", "%s names checkpoint %llu after %llu", key,
                (unsigned long long)record->checkpoints[i]->id,
                (unsigned long long)record->checkpoints[i - 1]->id);
    for (size_t i = 0; old && i < record->n_checkpoints; i++)
        if (!names(old, record->checkpoints[i]->id) && record->checkpoints[i]->id <= newest(old))
            weir_sim_fail(sim, "H5", "%s names checkpoint %llu, older than %llu that it had named", key,
                (unsigned long long)record->checkpoints[i]->id, (unsigned long long)newest(old));
    if (old && is_stopped(old) && newest(record) > newest(old))
        weir_sim_fail(sim, "promise", "%s names checkpoint %llu after the savepoint that stopped it", key,
            (unsigned long long)newest(record));
    if (old && newest(record) < newest(old) && record->status == WEIR__RECORD_STATUS__RECORD_ACTIVE)
        weir_sim_fail(sim, "H5", "%s falls back from checkpoint %llu to %llu", key,
            (unsigned long long)newest(old), (unsigned long long)newest(record));
}

static void check_change(struct weir_sim *sim, struct weir_sim_process *writer, const char *key,
    const Weir__JobRecord *old, const Weir__JobRecord *record)
{
    if (record->epoch < old->epoch)
        weir_sim_fail(sim, "H2", "%s writes %s of epoch %llu with epoch %llu", writer ? writer->name : "?",
            key, (unsigned long long)old->epoch, (unsigned long long)record->epoch);
    if (record->epoch == old->epoch && record->writer_incarnation != old->writer_incarnation)
        weir_sim_fail(
            sim, "H2", "%s is written by two in epoch %llu", key, (unsigned long long)record->epoch);
    if (record->epoch == old->epoch && record->write_counter <= old->write_counter)
        weir_sim_fail(sim, "H4", "a write of %s does not raise its counter %llu", key,
            (unsigned long long)old->write_counter);
    if (record->checkpoint_id_reserved < old->checkpoint_id_reserved)
        weir_sim_fail(sim, "H5", "%s gives reserved checkpoint ids back", key);
    if (record->plan_version < old->plan_version)
        weir_sim_fail(sim, "H13", "%s goes back to an older plan", key);
    if (record->status < old->status)
        weir_sim_fail(sim, "H7", "%s was terminal (%d) and is %d now", key, old->status, record->status);
    check_target(sim, key, old, record);
}

static void stored(struct weir_sim *sim, void *self, struct weir_sim_process *writer, const char *key,
    const struct weir_sim_entry *before, const struct weir_sim_entry *after)
{
    Weir__JobRecord *old = NULL, *record = NULL;
    struct weir_sim_facts *facts = weir_sim_facts(sim);
    if (strncmp(key, "jobs/", 5) != 0) return;
    if (before && weir_job_record_decode(&sim->scratch, before->value, before->length, &old, NULL)) return;
    if (!after) {
        if (old && sim->store.transactions && old->status != WEIR__RECORD_STATUS__RECORD_TERMINAL_CLEAN)
            weir_sim_fail(sim, "H7", "%s is removed before it was terminal and clean", key);
        return;
    }
    if (weir_job_record_decode(&sim->scratch, after->value, after->length, &record, NULL)) return;
    if (!facts->wiped && record->epoch < WEIR_SIM_EPOCHS_MAX &&
        facts->incarnations[record->epoch] != record->writer_incarnation)
        weir_sim_fail(sim, "H2", "%s is written for epoch %llu by one that does not lead it", key,
            (unsigned long long)record->epoch);
    if (!old && sim->store.transactions && !facts->wiped && record->epoch != facts->epoch)
        weir_sim_fail(sim, "H2", "%s is created by a leader of epoch %llu in epoch %llu", key,
            (unsigned long long)record->epoch, (unsigned long long)facts->epoch);
    struct weir_job_id id;
    const struct weir_sim_facts_job *job =
        weir_job_id_from(&record->job, &id) ? weir_sim_facts_job(sim, &id) : NULL;
    if (!job || !job->damaged) check_checkpoints(sim, key, old, record);
    if (job && job->damaged && job->job && job->job->settings.exactly_once_sinks && old &&
        newest(record) < newest(old) && record->status == WEIR__RECORD_STATUS__RECORD_ACTIVE)
        weir_sim_fail(sim, "H9", "%s, whose sinks are exactly-once, falls back from checkpoint %llu to %llu",
            key, (unsigned long long)newest(old), (unsigned long long)newest(record));
    if (old) check_change(sim, writer, key, old, record);
}

const struct weir_sim_checker weir_sim_checker_records = {
    .name = "H2", .text = "a record is written by its epoch's leader alone, forwards alone", .stored = stored
};
