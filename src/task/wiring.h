/*
 * Which channels a subtask has: to the consumers of its vertex' output edges and from the producers of its
 * input edges, as the job graph says. Who makes a channel (a ring in the process, an exchange between
 * processes, a simulated link) is the caller's.
 */
#ifndef WEIR_TASK_WIRING_H
#define WEIR_TASK_WIRING_H

#include "base/arena.h"
#include "task/subtask.h"

struct weir_wiring {
    /* The channel of this subtask between two subtasks of an edge (index into the graph's edges);
     * is_producer: this subtask is the first of the two. Called once for each, outputs first. */
    enum weir_error_code (*connect)(void *owner, uint32_t edge, uint32_t producer, uint32_t consumer,
        bool is_producer, struct weir_channel **ret, struct weir_error *reterr);
    void *owner;
    struct weir_arena *arena; /* of the lists in the configuration */
};

/* How often connect() may be called, for outputs and for inputs. */
uint32_t weir_wiring_outputs_max(const struct weir_job_graph *graph, const struct weir_job_vertex *vertex);
uint32_t weir_wiring_inputs_max(const struct weir_job_graph *graph, const struct weir_job_vertex *vertex);
/* Fills outputs and inputs of a configuration that has its graph, vertex and subtask_index. The first error
 * of connect() ends it; what was connected before is known to who did it. */
enum weir_error_code weir_wiring_make(
    const struct weir_wiring *wiring, struct weir_subtask_config *config, struct weir_error *reterr);

#endif
