/* What a seed draws: features, jobs and their settings, and what clients will ask of them. */
#include "base/assert.h"
#include "sim/facts.h"
#include "sim/workload.h"
#include <string.h>

static const uint32_t chances[] = {
#define X(name, chance, text) chance,
#include "sim/features.def"
#undef X
};

/* Nothing in it is a reason for a job to fail; so that its jobs are not allowed a single failure. */
#define SILENCE_FEATURES                                                          \
    (UINT64_C(1) << WEIR_SIM_pause_leader | UINT64_C(1) << WEIR_SIM_slow_clocks | \
        UINT64_C(1) << WEIR_SIM_store_stale | UINT64_C(1) << WEIR_SIM_slow_network)

/* Other faults would only hide what these make rare enough. */
#define GENERATIONS_FEATURES                                                                   \
    (UINT64_C(1) << WEIR_SIM_hide_taskmanager | UINT64_C(1) << WEIR_SIM_slow_tasks |           \
        UINT64_C(1) << WEIR_SIM_store_stale | UINT64_C(1) << WEIR_SIM_late_submission |        \
        UINT64_C(1) << WEIR_SIM_no_store_at_taskmanagers | UINT64_C(1) << WEIR_SIM_stop_jobs | \
        UINT64_C(1) << WEIR_SIM_rescale_jobs)

static bool is_called(uint32_t workload, const char *name)
{
    return strcmp(weir_sim_workloads[workload].name, name) == 0;
}

static bool is_silence(uint32_t workload)
{
    return is_called(workload, "silence");
}

/* Workloads that came later have a share of their own, so that all other seeds mean what they meant. */
enum { WORKLOADS_FIRST = 24, WORKLOADS_NEVER = 1, LATER_ONE_IN = 10, WORKLOADS_NEVER_LAST = 1 };

static uint32_t draw_workload(uint64_t seed, struct weir_sim_random *random)
{
    uint32_t drawn = (uint32_t)weir_sim_random_below(random, WORKLOADS_FIRST);
    uint64_t later = weir_sim_mix(seed ^ UINT64_C(0x6c61746572));
    uint32_t first = WORKLOADS_FIRST + WORKLOADS_NEVER,
             end = weir_sim_workload_count() - WORKLOADS_NEVER_LAST;
    if (later % LATER_ONE_IN) return drawn;
    return first + (uint32_t)(later / LATER_ONE_IN % (end - first));
}

struct weir_sim_history weir_sim_history_draw(uint64_t seed, uint32_t workload)
{
    struct weir_sim_random random = weir_sim_random_make(seed, WEIR_SIM_STREAM_WORKLOAD);
    struct weir_sim_history history = { .seed = seed, .workload = workload };
    uint32_t drawn = draw_workload(seed, &random);
    if (workload >= weir_sim_workload_count()) history.workload = drawn;
    /* Swarm: some histories have few kinds of faults and many of each, others a little of everything. */
    uint32_t scale = (uint32_t)weir_sim_random_range(&random, 200, 1400);
    for (uint32_t i = 0; i < WEIR_SIM_FEATURE_COUNT; i++)
        if (weir_sim_random_permille(&random, chances[i] * scale / 1000))
            history.features |= UINT64_C(1) << i;
    history.features |= weir_sim_workloads[history.workload].features;
    if (is_silence(history.workload)) history.features &= SILENCE_FEATURES;
    if (is_called(history.workload, "generations")) history.features &= GENERATIONS_FEATURES;
    if (history.features >> WEIR_SIM_resume_jobs & 1) /* of two jobs nobody could say whose damage it was */
        history.features &= ~(UINT64_C(1) << WEIR_SIM_damage | UINT64_C(1) << WEIR_SIM_unbounded_jobs);
    if (is_called(history.workload, "ended")) /* with the leader record goes what was promised */
        history.features &= ~(UINT64_C(1) << WEIR_SIM_store_wiped | UINT64_C(1) << WEIR_SIM_damage);
    if (is_called(history.workload, "scarce")) /* jobs that may fail only so often */
        history.features &= ~(UINT64_C(1) << WEIR_SIM_damage);
    if (is_called(history.workload, "quiet")) history.features = 0;
    return history;
}

static const struct weir_sim_job_template *draw_template(struct weir_sim *sim, struct weir_sim_random *random)
{
    const struct weir_sim_workload *workload = &weir_sim_workloads[sim->history.workload];
    uint32_t named = 0;
    while (named < WEIR_ARRAY_COUNT(workload->templates) && workload->templates[named]) named++;
    uint64_t draw = weir_sim_random_next(random);
    if (named) {
        const char *name = workload->templates[draw % named];
        for (uint32_t i = 0; i < sim->options->template_count; i++)
            if (strcmp(sim->options->templates[i].name, name) == 0) return &sim->options->templates[i];
    }
    uint32_t any = 0;
    while (any < sim->options->template_count && strcmp(sim->options->templates[any].name, "splits") != 0)
        any++;
    return &sim->options->templates[draw % any];
}

static void draw_settings(struct weir_sim_job *job, struct weir_sim_random *random, uint32_t workload)
{
    static const Weir__RestartStrategy strategies[] = { WEIR__RESTART_STRATEGY__RESTART_FIXED_DELAY,
        WEIR__RESTART_STRATEGY__RESTART_FIXED_DELAY, WEIR__RESTART_STRATEGY__RESTART_EXPONENTIAL_DELAY };
    Weir__JobSettings *settings = &job->settings;
    weir__job_settings__init(settings);
    settings->checkpoint_interval_ms = (uint64_t)weir_sim_random_scale(random, 100, 800);
    settings->checkpoint_timeout_ms = (uint64_t)weir_sim_random_range(random, 2000, 10000);
    settings->checkpoint_min_pause_ms = weir_sim_random_permille(random, 300) ? 50 : 0;
    settings->checkpoint_max_concurrent = weir_sim_random_permille(random, 800) ? 1 : 2;
    settings->checkpoint_tolerable_failures = UINT32_MAX;
    settings->checkpoint_retained = (uint32_t)weir_sim_random_range(random, 1, 3);
    settings->externalized_retention = weir_sim_random_permille(random, 500)
                                           ? WEIR__EXTERNALIZED_RETENTION__DELETE_ON_CANCELLATION
                                           : WEIR__EXTERNALIZED_RETENTION__NO_EXTERNALIZED_CHECKPOINTS;
    settings->checkpoint_directory = "/checkpoints";
    settings->savepoint_directory = "/savepoints";
    settings->restart_strategy = strategies[weir_sim_random_below(random, WEIR_ARRAY_COUNT(strategies))];
    settings->restart_attempts_max = UINT32_MAX;
    settings->restart_delay_ms = (uint64_t)weir_sim_random_range(random, 10, 200);
    settings->restart_delay_max_ms = 1000;
    settings->restart_multiplier_percent = 150;
    settings->restart_jitter_percent = 10;
    settings->restart_reset_ms = 10000;
    settings->reattach_timeout_ms = (uint64_t)weir_sim_random_range(random, 1000, 4000);
    settings->final_commit_timeout_ms = 3600000;
    if (is_silence(workload)) {
        settings->restart_strategy = WEIR__RESTART_STRATEGY__RESTART_NONE;
        settings->checkpoint_tolerable_failures = 0;
        settings->checkpoint_timeout_ms = 600000;
    }
    settings->bounded = true;
    settings->exactly_once_sinks = true;
}

static void plan_job(struct weir_sim *sim, struct weir_sim_job *job)
{
    struct weir_error error = { 0 };
    memcpy(job->parameters.job, job->id.bytes, 16);
    job->parameters.settings = &job->settings;
    if (weir_sim_job_make(&sim->arena, sim->memory, job->template, &job->parameters, &job->plan, &error))
        weir_sim_fail(sim, "plan", "job %s cannot be planned: %s", job->template->name, error.message);
}

/* The same rows into the same folders. */
static void draw_successor(
    struct weir_sim_random *random, struct weir_sim_job *job, const struct weir_sim_job *of)
{
    *job = *of;
    for (uint32_t i = 0; i < 16; i++) job->id.bytes[i] = (uint8_t)weir_sim_random_next(random);
    job->predecessor = of;
    job->claim_mode =
        weir_sim_random_permille(random, 500) ? WEIR__CLAIM_MODE__CLAIM : WEIR__CLAIM_MODE__NO_CLAIM;
    if (!of->predecessor) memcpy(job->parameters.place, of->id.bytes, 16);
    if (weir_sim_random_permille(random, 500))
        job->parameters.parallelism = (uint32_t)weir_sim_random_range(random, 1, 4);
}

static void draw_job(struct weir_sim *sim, struct weir_sim_random *random, struct weir_sim_job *job)
{
    const struct weir_sim_workload *workload = &weir_sim_workloads[sim->history.workload];
    for (uint32_t i = 0; i < 16; i++) job->id.bytes[i] = (uint8_t)weir_sim_random_next(random);
    job->template = draw_template(sim, random);
    job->bounded = true;
    draw_settings(job, random, sim->history.workload);
    /* Refused to sinks that are exactly-once, whatever is allowed. */
    bool damages = weir_sim_has(sim, WEIR_SIM_damage) || weir_sim_has(sim, WEIR_SIM_damage_state);
    if (damages) job->settings.allow_fall_back = true;
    if (damages && weir_sim_random_permille(random, 500)) {
        job->settings.exactly_once_sinks = false;
        job->settings.allow_fall_back = true;
        /* A sink may need a file that was committed since: then the job is to fail, and not to try for ever.
         */
        job->settings.restart_strategy = WEIR__RESTART_STRATEGY__RESTART_FIXED_DELAY;
        job->settings.restart_attempts_max = 60;
        job->settings.final_commit_timeout_ms = 20000;
    } else if (damages) {
        job->settings.checkpoint_retained = 3; /* there is something to fall back to */
    }
    if (weir_sim_has(sim, WEIR_SIM_no_interval))
        job->settings.checkpoint_interval_ms = weir_sim_random_permille(random, 700) ? 0 : 5000;
    if (weir_sim_has(sim, WEIR_SIM_resume_jobs) && weir_sim_random_permille(random, 700))
        job->settings.externalized_retention = WEIR__EXTERNALIZED_RETENTION__RETAIN_ON_CANCELLATION;
    if (weir_sim_has(sim, WEIR_SIM_unbounded_jobs) && strcmp(job->template->name, "splits") != 0 &&
        strcmp(job->template->name, "uneven") != 0 && weir_sim_random_permille(random, 700)) {
        job->bounded = false;
        job->settings.bounded = false;
    }
    struct weir_sim_job_parameters *parameters = &job->parameters;
    parameters->bounded = job->bounded;
    bool small = workload->jobs_max > 6;
    parameters->partitions = small ? 2 : 4;
    parameters->rows = workload->rows ? workload->rows : weir_sim_random_range(random, 600, 1600);
    parameters->rate = workload->rows ? 40 : weir_sim_random_range(random, 50, 120);
    if (strcmp(job->template->name, "splits") == 0) { /* many small ones that come one after the other */
        parameters->partitions *= 6;
        parameters->rows /= 6;
        parameters->rate *= 3;
    }
    parameters->keys = weir_sim_random_range(random, 3, 24);
    parameters->batch = weir_sim_random_range(random, 4, 32);
    parameters->seed = weir_sim_random_next(random) >> 40;
    parameters->parallelism = small ? 1 : (uint32_t)weir_sim_random_range(random, 1, 4);
    bool spread =
        weir_sim_has(sim, WEIR_SIM_hide_taskmanager) || weir_sim_has(sim, WEIR_SIM_strand_taskmanager);
    if (spread && parameters->parallelism < 2) parameters->parallelism = 3;
    if (weir_sim_has(sim, WEIR_SIM_few_slots))
        parameters->parallelism = (uint32_t)weir_sim_random_range(random, 2, 4);
    parameters->max_parallelism = 8;
}

static void act(struct weir_sim *sim, struct weir_sim_random *random, enum weir_sim_action_kind kind,
    uint32_t job, int64_t at_us)
{
    struct weir_sim_clients *clients = sim->clients;
    if (clients->action_count == WEIR_SIM_ACTIONS_MAX) return;
    struct weir_sim_action *action = &clients->actions[clients->action_count++];
    *action = (struct weir_sim_action){ .kind = kind, .at_us = at_us, .job = job };
    action->drain = weir_sim_random_permille(random, 400);
    action->directory = "/savepoints";
    for (uint32_t i = 0; i < 16; i++) action->request[i] = (uint8_t)weir_sim_random_next(random);
    const Weir__ExecutionPlan *plan = clients->jobs[job].plan;
    if (!plan || !plan->n_vertices) return;
    action->vertex = plan->vertices[weir_sim_random_below(random, plan->n_vertices)]->id;
    action->parallelism = (uint32_t)weir_sim_random_range(random, 1, 4);
}

/* Each but the last one is ended, and leaves what the next one is started from; now and then among its own
 * checkpoints. */
static void draw_chain(struct weir_sim *sim, struct weir_sim_random *random, uint32_t job, bool last)
{
    struct weir_sim_clients *clients = sim->clients;
    int64_t phase = sim->knobs.fault_phase_us, part = phase / 4;
    uint32_t first = clients->action_count;
    act(sim, random, WEIR_SIM_SUBMIT, job, 100000);
    if (weir_sim_random_permille(random, 300))
        act(sim, random, WEIR_SIM_SAVEPOINT, job, weir_sim_random_range(random, job * part, phase));
    if (!last)
        act(sim, random, weir_sim_random_permille(random, 600) ? WEIR_SIM_STOP : WEIR_SIM_CANCEL, job,
            weir_sim_random_range(random, (int64_t)job * part + 500000, (int64_t)(job + 1) * part));
    bool inside = weir_sim_random_permille(random, 300);
    char hex[WEIR_JOB_ID_TEXT_BYTES];
    const char *directory = weir_arena_format(
        &sim->arena, "/checkpoints/%s/saved", weir_job_id_print(&clients->jobs[job].id, hex));
    for (uint32_t i = first; i < clients->action_count; i++) {
        clients->actions[i].drain = false; /* windows would end before they are full */
        if (inside) clients->actions[i].directory = directory;
    }
}

static void draw_actions(struct weir_sim *sim, struct weir_sim_random *random, uint32_t job)
{
    int64_t phase = sim->knobs.fault_phase_us;
    int64_t submitted = 100000;
    if (weir_sim_has(sim, WEIR_SIM_late_submission))
        submitted = weir_sim_random_range(random, 100000, phase * 2 / 3);
    act(sim, random, WEIR_SIM_SUBMIT, job, submitted);
    if (weir_sim_has(sim, WEIR_SIM_duplicate_requests))
        act(sim, random, WEIR_SIM_SUBMIT, job, submitted + weir_sim_random_range(random, 0, 2000000));
    if (weir_sim_has(sim, WEIR_SIM_savepoint_jobs))
        for (uint64_t n = 1 + weir_sim_random_below(random, 2); n > 0; n--)
            act(sim, random, WEIR_SIM_SAVEPOINT, job, weir_sim_random_range(random, submitted, phase));
    if (weir_sim_has(sim, WEIR_SIM_rescale_jobs))
        for (uint64_t n = 1 + weir_sim_random_below(random, 3); n > 0; n--)
            act(sim, random, WEIR_SIM_RESCALE, job, weir_sim_random_range(random, submitted, phase));
    if (weir_sim_has(sim, WEIR_SIM_cancel_jobs) && weir_sim_random_permille(random, 400))
        act(sim, random, WEIR_SIM_CANCEL, job, weir_sim_random_range(random, submitted, phase));
    if (weir_sim_has(sim, WEIR_SIM_stop_jobs) && weir_sim_random_permille(random, 600))
        act(sim, random, WEIR_SIM_STOP, job, weir_sim_random_range(random, submitted, phase));
    if (sim->clients->jobs[job].bounded) return;
    if (weir_sim_random_permille(random, 500))
        act(sim, random, WEIR_SIM_STOP, job, phase + weir_sim_random_range(random, 0, 2000000));
    act(sim, random, WEIR_SIM_CANCEL, job, phase + weir_sim_random_range(random, 3000000, 8000000));
}

void weir_sim_clients_start(struct weir_sim *sim)
{
    struct weir_sim_random random = weir_sim_stream(sim, WEIR_SIM_STREAM_CLIENTS);
    sim->clients = WEIR_ARENA_NEW(&sim->arena, struct weir_sim_clients);
    sim->clients->sim = sim;
    const struct weir_sim_workload *workload = &weir_sim_workloads[sim->history.workload];
    uint32_t count = (uint32_t)weir_sim_random_range(&random, workload->jobs_min, workload->jobs_max);
    if (weir_sim_has(sim, WEIR_SIM_many_jobs) && count < 6) count = WEIR_MIN(count * 2, 6u);
    if (!sim->options->template_count) count = 0;
    for (uint32_t i = 0; i < count && i < WEIR_SIM_JOBS_MAX; i++) {
        struct weir_sim_job *job = &sim->clients->jobs[i];
        bool resumes = weir_sim_has(sim, WEIR_SIM_resume_jobs);
        if (resumes && i > 0)
            draw_successor(&random, job, job - 1);
        else
            draw_job(sim, &random, job);
        plan_job(sim, job);
        sim->clients->job_count++;
        if (resumes)
            draw_chain(sim, &random, i, i + 1 == count);
        else
            draw_actions(sim, &random, i);
    }
    if (weir_sim_has(sim, WEIR_SIM_end_cluster))
        act(sim, &random, WEIR_SIM_END, 0,
            weir_sim_random_range(&random, 2000000, sim->knobs.fault_phase_us));
    sim->result->jobs_submitted = sim->clients->job_count;
    for (uint32_t i = 0; i < WEIR_SIM_CLIENTS_MAX; i++) {
        char name[16] = "client-0";
        name[7] = (char)('1' + i);
        struct weir_sim_process *process = weir_sim_process_add(
            sim, WEIR_SIM_CLIENT, name, WEIR_SIM_HOSTS_MAX - 1 - i, &weir_sim_client_program);
        weir_sim_process_start(process, 1000);
    }
}

static const struct weir_sim_named *left_by(const struct weir_sim_facts_job *facts)
{
    const struct weir_sim_named *newest = NULL;
    bool retains =
        facts->result == WEIR__JOB_STATE__JOB_CANCELED &&
        facts->job->settings.externalized_retention == WEIR__EXTERNALIZED_RETENTION__RETAIN_ON_CANCELLATION;
    for (uint32_t n = 0; n < facts->named_count; n++)
        if (facts->named[n].kind != WEIR__CHECKPOINT_KIND__SAVEPOINT &&
            (!newest || facts->named[n].id > newest->id))
            newest = &facts->named[n];
    if (newest && newest->kind == WEIR__CHECKPOINT_KIND__STOP_SAVEPOINT) return newest;
    return newest && newest->current && retains ? newest : NULL;
}

bool weir_sim_job_origin(struct weir_sim *sim, struct weir_sim_job *job)
{
    if (job->origin || job->skipped) return true;
    const struct weir_sim_facts_job *facts = weir_sim_facts_job(sim, &job->predecessor->id);
    job->skipped = job->predecessor->skipped;
    if (!facts || !facts->terminal) return job->skipped;
    const struct weir_sim_named *left = left_by(facts);
    if (left)
        job->origin = weir_arena_format(
            &sim->arena, "%.*s", (int)(strrchr(left->pointer, '/') - left->pointer), left->pointer);
    job->skipped = !left;
    return true;
}

struct weir_sim_job *weir_sim_job_find(struct weir_sim *sim, const struct weir_job_id *id)
{
    if (!sim->clients) return NULL;
    for (uint32_t i = 0; i < sim->clients->job_count; i++)
        if (weir_job_id_equal(&sim->clients->jobs[i].id, id)) return &sim->clients->jobs[i];
    return NULL;
}
