/*
 * The execution graph of one job: vertices, subtasks with their current attempt, pipelined regions. It knows
 * states and counts them; it decides nothing. Built from the plan and the overrides of parallelism; its size
 * is the plan's and never grows.
 * @thread control.
 */
#ifndef WEIR_CONTROL_JOBMASTER_EXECUTION_GRAPH_H
#define WEIR_CONTROL_JOBMASTER_EXECUTION_GRAPH_H

#include "control/checkpoint/checkpoint.h"
#include "control/jobmaster/states.h"

enum {
    WEIR_GRAPH_VERTICES_MAX = 10000,
    WEIR_GRAPH_SUBTASKS_MAX = 200000,
    WEIR_GRAPH_PARALLELISM_MAX = 32768
};
/* PlanEdge.exchange: enum weir_exchange, of which control knows this one alone. */
enum { GRAPH_EXCHANGE_FORWARD = 0 };
#define GRAPH_NONE UINT32_MAX

enum region_state {
    REGION_RECONCILING, /* after a takeover: reports decide */
    REGION_WAITING,     /* nothing of it runs; wants to be deployed */
    REGION_DEPLOYING,
    REGION_RUNNING,
    REGION_FINISHED,
    REGION_CANCELLING, /* until nothing of it runs */
    REGION_STOPPED     /* nothing of it runs, and nothing shall: the job ends or is rescaled */
};

struct graph_peer {
    weir_node node;
    uint64_t incarnation;
};

struct graph_subtask {
    uint32_t vertex, index, region; /* vertex: position in graph.vertices */
    Weir__ExecutionState state;
    struct weir_attempt_id attempt; /* number 0: never had one */
    struct weir_run run;
    uint32_t number_last;
    weir_node ran_on;     /* its present attempt, also when it has been forgotten there; 0: nowhere */
    uint32_t taskmanager; /* position in the jobmaster's table, GRAPH_NONE: nowhere */
    uint32_t slot;        /* index of the slot there */
    bool reported;        /* RECONCILING: a report names it, and what it says */
    Weir__ExecutionState reported_state;
    struct graph_peer *peers; /* TaskManagers of its region as it knows them */
    uint32_t peer_count;
    uint64_t report_mark;
    int64_t started_wall_us, ended_wall_us;
    Weir__ExecutionState work_ended; /* its region only commits: how the last attempt with work to do ended */
    bool has_figures;                /* its present attempt has ended, and somebody counted */
    Weir__TaskFigures figures;
    const Weir__SubtaskSnapshot *final_snapshot; /* FINISHED: in the region's arena */
};

struct graph_vertex {
    const Weir__PlanVertex *plan;
    uint32_t id, parallelism, max_parallelism, first; /* first: its subtask 0 in graph.subtasks */
    uint64_t plan_version;                            /* of its last override; 0: never */
    uint32_t number_floor; /* attempts of subtasks that it has lost had numbers up to this one */
};

struct graph_region {
    enum region_state state;
    uint32_t first, count; /* in graph.members */
    uint32_t counts[WEIR_EXECUTION_STATES];
    uint32_t strays;       /* attempts of other runs that may still hold slots */
    uint64_t plan_version; /* runs of older versions do not fit any more */
    struct weir_run run;
    int64_t restart_at_us;
    int64_t waiting_since_us;
    bool unseen;                         /* attempts of earlier runs may still run where nobody sees them */
    uint64_t floor_epoch, floor_counter; /* runs below are deposed */
    bool snapshots_told;                 /* the coordinator looks at final snapshots in the arena */
    bool commit_only;                    /* deployed, or to be, only to commit */
    bool finish_wanted;                  /* CANCELLING: STOPPED follows, not WAITING */
    struct weir_arena arena;             /* final snapshots of its present run */
};

struct execution_graph {
    struct weir_arena *arena;
    struct graph_vertex *vertices; /* in the plan's order */
    uint32_t vertex_count;
    uint32_t *by_id; /* positions of vertices, by id */
    struct graph_subtask *subtasks;
    uint32_t subtask_count;
    uint32_t *members; /* subtasks by region */
    struct graph_region *regions;
    uint32_t region_count;
    uint32_t counts[WEIR_EXECUTION_STATES];
    uint32_t region_counts[REGION_STOPPED + 1];
    uint32_t parallelism_max;
    /* That it was built with; the record may want others by now. */
    Weir__ParallelismOverride **overrides;
    size_t override_count;
    uint64_t changes; /* of states, ever */
};

/* Checks the plan whole: ids, parallelism, edges. A plan that this refuses fails its job. */
enum weir_error_code graph__build(struct execution_graph *graph, struct weir_arena *arena,
    struct weir_memory *memory, const Weir__ExecutionPlan *plan, Weir__ParallelismOverride *const *overrides,
    size_t override_count, struct weir_error *reterr);
void graph__done(struct execution_graph *graph); /* regions' arenas; the graph's own is its owner's */

uint32_t graph__find_vertex(const struct execution_graph *graph, uint32_t id); /* GRAPH_NONE */
uint32_t graph__find_subtask(const struct execution_graph *graph, uint32_t vertex_id, uint32_t index);
/* The one place that changes a subtask's state; the change is legal. */
void graph__set_state(struct execution_graph *graph, uint32_t subtask, Weir__ExecutionState state);
/* The one place that changes a region's state. */
void graph__set_region(struct execution_graph *graph, uint32_t region, enum region_state state);
static inline uint32_t graph__region_alive(const struct graph_region *region)
{
    return region->counts[WEIR__EXECUTION_STATE__EXECUTION_DEPLOYING] +
           region->counts[WEIR__EXECUTION_STATE__EXECUTION_INITIALIZING] +
           region->counts[WEIR__EXECUTION_STATE__EXECUTION_RUNNING] +
           region->counts[WEIR__EXECUTION_STATE__EXECUTION_CANCELING];
}

/* Parallelism of a vertex under overrides. */
uint32_t graph__parallelism(const Weir__PlanVertex *vertex, Weir__ParallelismOverride *const *overrides,
    size_t override_count, uint64_t *ret_plan_version);

#endif
