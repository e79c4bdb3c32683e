/*
 * Jobs for simulated clusters: planned once from SQL, then made again and again with other sizes. Texts of
 * connector options hold placeholders: @job@ (32 hex digits), @rows@, @rate@, @keys@, @partitions@, @seed@,
 * @seed1@ (seed + 1),
 * @batch@, @bounded@.
 */
#ifndef WEIR_SIM_JOB_TEMPLATE_H
#define WEIR_SIM_JOB_TEMPLATE_H

#include "plan/execution_plan.h"
#include "sim/ledger.h"

enum { WEIR_SIM_SINKS_MAX = 4 };

struct weir_sim_job_sink {
    const char *name; /* directory is /sink/<job>/<name> */
    enum weir_ledger_expectation expectation;
    uint32_t seed_offset; /* its source's seed is seed + this */
};

struct weir_sim_job_template {
    const char *name;
    const struct weir_stream_graph *graph; /* with placeholders */
    struct weir_sim_job_sink sinks[WEIR_SIM_SINKS_MAX];
    uint32_t sink_count;
};

struct weir_sim_job_parameters {
    uint8_t job[16];
    uint8_t place[16]; /* the job whose folders its sinks write to; all zero: its own */
    int64_t rows, rate, keys, partitions, batch;
    uint64_t seed;
    uint32_t parallelism, max_parallelism;
    bool bounded;
    Weir__JobSettings *settings;
};

enum { WEIR_SIM_WINDOW_MS = 1000 }; /* of every TUMBLE in the templates */

/* The plan lives in arena. */
enum weir_error_code weir_sim_job_make(struct weir_arena *arena, struct weir_memory *memory,
    const struct weir_sim_job_template *job, const struct weir_sim_job_parameters *parameters,
    Weir__ExecutionPlan **ret, struct weir_error *reterr);
/* Judges all sinks of the job; the verdicts are summed, first is that of the first bad line. */
void weir_sim_job_judge(const struct weir_sim_filesystem *disk, const struct weir_sim_job_template *job,
    const struct weir_sim_job_parameters *parameters, bool complete, struct weir_memory *memory,
    struct weir_ledger_verdict *ret);

#endif
