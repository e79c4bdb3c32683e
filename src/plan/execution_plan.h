/*
 * ExecutionPlan: the stored form of a job, made once at submission (proto/weir.proto). The control plane
 * reads its vertices and settings; TaskManagers make the job graph of its `graph` again: the stream graph and
 * what chaining depended on, so that every process builds the same vertices.
 *
 * Rescaling changes the parallelism of vertices, never the chaining: a FORWARD edge whose ends differ
 * afterwards becomes REBALANCE.
 * @thread any.
 */
#ifndef WEIR_PLAN_EXECUTION_PLAN_H
#define WEIR_PLAN_EXECUTION_PLAN_H

#include "plan/job_graph.h"
#include "proto/codec.h"

/* job: 16 bytes. settings are borrowed. The plan lives in arena. */
enum weir_error_code weir_execution_plan_make(struct weir_arena *arena, struct weir_memory *memory,
    const uint8_t job[16], const char *name, const struct weir_stream_graph *graph, uint32_t parallelism,
    uint32_t max_parallelism, bool chaining, Weir__JobSettings *settings, Weir__ExecutionPlan **ret,
    struct weir_error *reterr);

/* A sink keeps files there that it has not committed: the end of the job removes them (spi/connector.h). */
void weir_execution_plan_uncommitted_add(
    struct weir_arena *arena, Weir__ExecutionPlan *plan, const char *directory, const char *prefix);

/* The job graph with overrides laid over (those of unknown vertices or beyond the maximum are refused). */
enum weir_error_code weir_execution_plan_graph(struct weir_arena *arena, const Weir__ExecutionPlan *plan,
    Weir__ParallelismOverride *const *overrides, size_t override_count, const struct weir_job_graph **ret,
    struct weir_error *reterr);

#endif
