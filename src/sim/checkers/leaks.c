/* H10: when all jobs have ended and been cleaned up, nothing of them is left but what they were told to keep.
 */
#include "sim/facts.h"
#include "sim/checkers.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct state {
    char reason[256];
};

/* Of two jobs that write to one folder each has its own files. "/savepoints/savepoint-<job's first
 * digits>-..." */
static bool is_of(const char *path, const struct weir_sim_facts_job *job)
{
    static const char savepoint[] = "/savepoints/savepoint-";
    if (strncmp(path, savepoint, sizeof savepoint - 1) == 0)
        return strncmp(path + sizeof savepoint - 1, job->hex, 6) == 0;
    const char *name = strncmp(path, "/sink/", 6) == 0 ? strrchr(path, '/') : path;
    return strstr(name, job->hex) != NULL;
}

/* A savepoint is the user's, with all that it refers to. */
static bool savepoint_needs(const char *path, const struct weir_sim_facts_job *job)
{
    uint64_t hash = weir_sim_path_hash(path);
    for (uint32_t n = 0; n < job->named_count; n++) {
        const struct weir_sim_named *named = &job->named[n];
        if (named->kind != WEIR__CHECKPOINT_KIND__SAVEPOINT &&
            named->kind != WEIR__CHECKPOINT_KIND__STOP_SAVEPOINT)
            continue;
        for (uint32_t i = 0; i < named->file_count; i++)
            if (named->files[i] == hash) return true;
    }
    return false;
}

/* A job that did not finish leaves what a savepoint, or a checkpoint that its retention keeps, may name:
 * files begun before it. ".part-<job>-<sink>-<epoch>-<number>-<subtask>-<checkpoint>-<part>.inprogress" */
static bool is_kept_by_something(const char *name, const struct weir_sim_facts_job *job)
{
    if (!job->job || job->result == WEIR__JOB_STATE__JOB_FINISHED) return false;
    const char *at = name;
    for (int dash = 0; at && dash < 6; dash++) at = strchr(at, '-') ? strchr(at, '-') + 1 : NULL;
    uint64_t begun = at ? strtoull(at, NULL, 10) : 0, newest = 0;
    for (uint32_t n = 0; n < job->named_count; n++) newest = WEIR_MAX(newest, job->named[n].id);
    return at && begun < newest;
}

/* "<job>-e<epoch>-<number>": a leader never touches what one of a later epoch may have put. Where the store
 * has been wiped and nobody was left who knew, epochs began anew: it goes when they have come past it. */
static bool is_of_later_epoch(const char *path, const struct weir_sim_facts *facts)
{
    const char *epoch = strstr(path, "-e");
    return facts->wiped && strncmp(path, "/ha/sim/plans/", 14) == 0 && epoch &&
           strtoull(epoch + 2, NULL, 10) > facts->epoch;
}

/* May this file be there when its job has ended? */
static bool may_stay(const char *path, const struct weir_sim_facts_job *job)
{
    const char *name = strrchr(path, '/');
    bool unread = job->damaged && job->result != WEIR__JOB_STATE__JOB_FINISHED; /* H9: all is kept */
    if (strncmp(path, "/sink/", 6) == 0)                                        /* committed: visible */
        return unread || name[1] != '.' || job->haunted || is_kept_by_something(name + 1, job);
    if (strncmp(path, "/savepoints", 11) == 0)
        return unread || savepoint_needs(path, job) || job->haunted || job->came_back;
    if (strncmp(path, "/checkpoints/", 13) == 0)
        return (job->job && job->result != WEIR__JOB_STATE__JOB_FINISHED) || /* retention is the user's */
               job->haunted || savepoint_needs(path, job) || job->came_back;
    return false;
}

static bool files_are_tidy(struct weir_sim *sim, struct state *state)
{
    struct weir_sim_facts *facts = weir_sim_facts(sim);
    const char *path;
    for (uint32_t n = 0; (path = weir_sim_filesystem_path(sim->shared_disk, n)) != NULL; n++) {
        for (uint32_t i = 0; i < facts->job_count; i++) {
            struct weir_sim_facts_job *job = facts->jobs[i];
            size_t length;
            if (!job->terminal || !is_of(path, job) || may_stay(path, job)) continue;
            if (is_of_later_epoch(path, facts)) continue;
            if (!weir_sim_filesystem_bytes(sim->shared_disk, path, &length)) continue; /* a folder */
            snprintf(state->reason, sizeof state->reason, "%.200s is left", path);
            return false;
        }
    }
    return true;
}

static bool store_is_tidy(struct weir_sim *sim, struct state *state)
{
    for (uint32_t i = 0; i < sim->store.entry_count; i++) {
        const struct weir_sim_entry *entry = &sim->store.entries[i];
        Weir__JobRecord *record;
        struct weir_job_id id;
        if (strncmp(entry->key, "jobs/", 5) != 0) continue;
        weir_arena_reset(&sim->scratch);
        if (weir_job_record_decode(&sim->scratch, entry->value, entry->length, &record, NULL) ||
            !weir_job_id_from(&record->job, &id))
            continue;
        struct weir_sim_facts_job *job = weir_sim_facts_job(sim, &id);
        if (job && !job->terminal && job->exists) continue;
        snprintf(state->reason, sizeof state->reason, "the record %.200s is left", entry->key);
        return false;
    }
    return true;
}

static bool slots_are_free(struct weir_sim *sim, struct state *state)
{
    struct weir_sim_facts *facts = weir_sim_facts(sim);
    for (uint32_t i = 0; i < facts->job_count; i++)
        if (!facts->jobs[i]->terminal) return true;
    for (uint32_t i = 0; i < sim->process_count; i++) {
        struct weir_sim_runtime_statistics statistics;
        if (!sim->processes[i].runtime) continue;
        weir_sim_runtime_statistics(sim->processes[i].runtime, &statistics);
        if (!statistics.subtasks) continue;
        snprintf(state->reason, sizeof state->reason, "%u subtasks are left at %s", statistics.subtasks,
            sim->processes[i].name);
        return false;
    }
    return true;
}

static bool at_rest(struct weir_sim *sim, void *self, const char **reason)
{
    struct state *state = (struct state *)self;
    *reason = state->reason;
    return store_is_tidy(sim, state) && slots_are_free(sim, state) && files_are_tidy(sim, state);
}

const struct weir_sim_checker weir_sim_checker_leaks = { .name = "H10",
    .text = "nothing is left of what has ended",
    .state_bytes = sizeof(struct state),
    .at_rest = at_rest };
