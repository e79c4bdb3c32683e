/* H13: in a completed checkpoint all subtasks of a pipelined region are of one run, or had ended. */
#include "sim/checkers.h"
#include "plan/exchange.h"
#include "sim/facts.h"
#include <string.h>

enum { SUBTASKS_MAX = 1024 };

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
            if (snapshot->finished || snapshot->subtask >= vertex->parallelism ||
                !weir_run_from(snapshot->run, &run))
                continue;
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
