/* H13: in a completed checkpoint all subtasks of a pipelined region are of one run, or had ended; and a run
 * that another one has followed is in none any more. */
#include "sim/checkers.h"
#include "plan/exchange.h"
#include "sim/facts.h"
#include <string.h>

enum { SUBTASKS_MAX = 1024, DEPLOYED_MAX = 4096 };

struct state {
    struct deployed {
        struct weir_attempt_id attempt; /* its epoch 0: free */
        struct weir_run run;
        bool had_ended;       /* in what it was to restore */
    } deployed[DEPLOYED_MAX]; /* open addressing by job, vertex, subtask: the newest run that was sent */
};

static struct state *state_of(struct weir_sim *sim)
{
    for (uint32_t i = 0; i < sim->checker_count; i++)
        if (sim->checkers[i] == &weir_sim_checker_regions) return (struct state *)sim->checker_states[i];
    return NULL;
}

static struct deployed *find_deployed(struct state *state, const struct weir_attempt_id *attempt)
{
    uint64_t hash =
        weir_sim_mix(weir_job_id_hash(&attempt->job) ^ (uint64_t)attempt->vertex << 32 ^ attempt->subtask);
    for (uint32_t n = 0; n < DEPLOYED_MAX; n++) {
        struct deployed *deployed = &state->deployed[(hash + n) % DEPLOYED_MAX];
        if (!deployed->attempt.epoch ||
            (weir_job_id_equal(&deployed->attempt.job, &attempt->job) &&
                deployed->attempt.vertex == attempt->vertex && deployed->attempt.subtask == attempt->subtask))
            return deployed;
    }
    return NULL;
}

static bool is_older(const struct weir_run *run, const struct weir_run *than)
{
    return run->epoch < than->epoch || (run->epoch == than->epoch && run->counter < than->counter);
}

/* H7: what the checkpoint names finished is not run again. Sinks are, for their commits. */
static void check_finished(struct weir_sim *sim, const struct weir_sim_facts_job *job,
    const Weir__DeployTasks *deploy, const struct weir_attempt_id *attempt)
{
    const Weir__PlanVertex *vertex = NULL;
    for (size_t v = 0; job->job && job->job->plan && v < job->job->plan->n_vertices; v++)
        if (job->job->plan->vertices[v]->id == attempt->vertex) vertex = job->job->plan->vertices[v];
    if (!vertex || vertex->sink) return;
    uint32_t parallelism = vertex->parallelism;
    for (size_t i = 0; i < deploy->n_overrides; i++)
        if (deploy->overrides[i]->vertex == vertex->id) parallelism = deploy->overrides[i]->parallelism;
    for (size_t v = 0; v < deploy->n_restore; v++) {
        const Weir__VertexSnapshot *restored = deploy->restore[v];
        for (size_t s = 0; restored->vertex == attempt->vertex && s < restored->n_subtasks; s++)
            if (restored->subtasks[s]->subtask == attempt->subtask && restored->subtasks[s]->finished &&
                restored->parallelism == parallelism)
                weir_sim_fail(sim, "H7", "v%u/s%u of %.8s, which had ended in the checkpoint, is run again",
                    attempt->vertex, attempt->subtask, job->hex);
    }
}

/* 4.1: what a STOP's savepoint holds is committed, and nothing after it is computed. */
static void check_stopped(
    struct weir_sim *sim, const struct weir_sim_facts_job *job, const Weir__DeployTasks *deploy)
{
    const struct weir_sim_named *newest = weir_sim_facts_named(job, job->newest);
    if (newest && newest->kind == WEIR__CHECKPOINT_KIND__STOP_SAVEPOINT && !deploy->commit_only &&
        deploy->run->restored_checkpoint == newest->id)
        weir_sim_fail(sim, "promise", "%.8s, which savepoint %llu has stopped, runs on", job->hex,
            (unsigned long long)newest->id);
}

static bool had_ended(const Weir__DeployTasks *deploy, const struct weir_attempt_id *attempt)
{
    for (size_t v = 0; v < deploy->n_restore; v++)
        for (size_t s = 0;
             deploy->restore[v]->vertex == attempt->vertex && s < deploy->restore[v]->n_subtasks; s++)
            if (deploy->restore[v]->subtasks[s]->subtask == attempt->subtask)
                return deploy->restore[v]->subtasks[s]->finished;
    return false;
}

static void sent(struct weir_sim *sim, void *self, struct weir_sim_process *from, struct weir_sim_process *to,
    const Weir__Envelope *envelope, bool lost)
{
    struct weir_attempt_id attempt;
    struct weir_run run;
    if (envelope->body_case != WEIR__ENVELOPE__BODY_DEPLOY || !weir_run_from(envelope->deploy->run, &run))
        return;
    for (size_t i = 0; i < envelope->deploy->n_tasks; i++) {
        if (!weir_attempt_id_from(envelope->deploy->tasks[i]->attempt, &attempt)) continue;
        struct weir_sim_facts_job *job = weir_sim_facts_job(sim, &attempt.job);
        if (job) check_finished(sim, job, envelope->deploy, &attempt);
        if (job) check_stopped(sim, job, envelope->deploy);
        struct deployed *deployed = find_deployed((struct state *)self, &attempt);
        if (!deployed || (deployed->attempt.epoch && is_older(&run, &deployed->run))) continue;
        *deployed = (struct deployed){
            .attempt = attempt, .run = run, .had_ended = had_ended(envelope->deploy, &attempt)
        };
    }
}

struct sets {
    uint32_t parents[SUBTASKS_MAX];
};

static uint32_t root_of(struct sets *sets, uint32_t at)
{
    while (sets->parents[at] != at) at = sets->parents[at] = sets->parents[sets->parents[at]];
    return at;
}

static void join(struct sets *sets, uint32_t a, uint32_t b)
{
    sets->parents[root_of(sets, a)] = root_of(sets, b);
}

static const Weir__VertexSnapshot *vertex_of(
    const Weir__CheckpointMetadata *metadata, uint32_t id, uint32_t *ret_first)
{
    *ret_first = 0;
    for (size_t i = 0; i < metadata->n_vertices; i++) {
        if (metadata->vertices[i]->vertex == id) return metadata->vertices[i];
        *ret_first += metadata->vertices[i]->parallelism;
    }
    return NULL;
}

/* Connects what exchanges data. False: too large, or not all of the plan is there. */
static bool make_regions(
    struct sets *sets, const Weir__ExecutionPlan *plan, const Weir__CheckpointMetadata *metadata)
{
    uint32_t count = 0, from_first, to_first;
    for (size_t i = 0; i < metadata->n_vertices; i++) count += metadata->vertices[i]->parallelism;
    if (count > SUBTASKS_MAX) return false;
    for (uint32_t i = 0; i < count; i++) sets->parents[i] = i;
    for (size_t v = 0; v < plan->n_vertices; v++) {
        const Weir__VertexSnapshot *to = vertex_of(metadata, plan->vertices[v]->id, &to_first);
        if (!to) return false;
        for (size_t e = 0; e < plan->vertices[v]->n_inputs; e++) {
            const Weir__PlanEdge *edge = plan->vertices[v]->inputs[e];
            const Weir__VertexSnapshot *from = vertex_of(metadata, edge->from_vertex, &from_first);
            if (!from) return false;
            bool forward = edge->exchange == WEIR_EXCHANGE_FORWARD && from->parallelism == to->parallelism;
            for (uint32_t i = 0; i < from->parallelism; i++)
                for (uint32_t k = 0; k < to->parallelism; k++)
                    if (!forward || i == k) join(sets, from_first + i, to_first + k);
        }
    }
    return true;
}

static void check_newest(struct weir_sim *sim, const struct weir_sim_facts_job *job, uint64_t checkpoint,
    const Weir__SubtaskSnapshot *snapshot, const struct weir_run *run)
{
    struct weir_attempt_id attempt = {
        .job = job->id, .vertex = snapshot->vertex, .subtask = snapshot->subtask
    };
    const struct deployed *deployed = find_deployed(state_of(sim), &attempt);
    if (!deployed || !deployed->attempt.epoch || !is_older(run, &deployed->run)) return;
    /* Who had ended is deployed again to commit alone: its end is what it was. */
    if (snapshot->finished && deployed->had_ended) return;
    weir_sim_fail(sim, "H13",
        "checkpoint %llu of %.8s holds v%u/s%u of run %llu.%llu; run %llu.%llu has followed it",
        (unsigned long long)checkpoint, job->hex, snapshot->vertex, snapshot->subtask,
        (unsigned long long)run->epoch, (unsigned long long)run->counter,
        (unsigned long long)deployed->run.epoch, (unsigned long long)deployed->run.counter);
}

void weir_sim_regions_check(struct weir_sim *sim, const struct weir_sim_facts_job *job, uint64_t checkpoint,
    const Weir__CheckpointMetadata *metadata)
{
    struct sets sets;
    const Weir__SubtaskSnapshot *first_of[SUBTASKS_MAX] = { NULL };
    if (!job->job || !job->job->plan || !make_regions(&sets, job->job->plan, metadata)) return;
    for (size_t v = 0, base = 0; v < metadata->n_vertices; base += metadata->vertices[v++]->parallelism) {
        const Weir__VertexSnapshot *vertex = metadata->vertices[v];
        for (size_t s = 0; s < vertex->n_subtasks; s++) {
            const Weir__SubtaskSnapshot *snapshot = vertex->subtasks[s];
            struct weir_run run, other;
            if (snapshot->subtask >= vertex->parallelism || !weir_run_from(snapshot->run, &run)) continue;
            check_newest(sim, job, checkpoint, snapshot, &run);
            if (snapshot->finished) continue;
            uint32_t region = root_of(&sets, (uint32_t)base + snapshot->subtask);
            if (!first_of[region]) first_of[region] = snapshot;
            weir_run_from(first_of[region]->run, &other);
            if (!weir_run_equal(&run, &other))
                weir_sim_fail(sim, "H13",
                    "checkpoint %llu of %.8s holds v%u/s%u of run %llu.%llu beside v%u/s%u of run %llu.%llu",
                    (unsigned long long)checkpoint, job->hex, snapshot->vertex, snapshot->subtask,
                    (unsigned long long)run.epoch, (unsigned long long)run.counter, first_of[region]->vertex,
                    first_of[region]->subtask, (unsigned long long)other.epoch,
                    (unsigned long long)other.counter);
        }
    }
}

const struct weir_sim_checker weir_sim_checker_regions = { .name = "H13",
    .text = "a region is of one run, the newest; what has ended is not run again",
    .state_bytes = sizeof(struct state),
    .sent = sent };
