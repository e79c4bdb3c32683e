/*
 * A cluster in virtual time: JobManagers, TaskManagers and clients as they are, network, clock, coordination
 * store and disks simulated, all of it decided by one 64-bit seed. A history has two phases: faults happen,
 * then they stop and everything must come to rest within a bound (H12). Checkers watch messages, store, files
 * and ledgers.
 *
 * @thread one; no clock, no system calls; memory from whoever calls.
 */
#ifndef WEIR_SIM_SIM_H
#define WEIR_SIM_SIM_H

#include "base/buffer.h"
#include "base/memory.h"

enum weir_sim_feature {
#define X(name, chance, text) WEIR_SIM_##name,
#include "sim/features.def"
#undef X
    WEIR_SIM_FEATURE_COUNT
};
const char *weir_sim_feature_name(uint32_t feature);
const char *weir_sim_feature_text(uint32_t feature);

enum { WEIR_SIM_FAILURE_BYTES_MAX = 512, WEIR_SIM_SECTION_BYTES_MAX = 24 };

struct weir_sim_job_template;

struct weir_sim_history {
    uint64_t seed;
    uint32_t workload; /* index into workloads.def */
    uint64_t features; /* bits of enum weir_sim_feature */
    /* Enumeration of crashes: 2n - 1 kills a process before the n-th durable effect, 2n after it; 0: none. */
    uint64_t crash_point;
};

struct weir_sim_result {
    bool failed;
    char checker[WEIR_SIM_SECTION_BYTES_MAX]; /* which rule: "H5" */
    char text[WEIR_SIM_FAILURE_BYTES_MAX];
    int64_t at_us, ended_us; /* virtual */
    uint64_t trace_hash;     /* equal seeds, equal hashes */
    uint64_t items, messages, store_requests, steps;
    uint64_t checkpoints_completed, takeovers, faults, rows_judged, jobs_submitted, jobs_ended;
    uint64_t durable_effects; /* crash points of this history */
};

/* What was ever seen, over many histories: for the report. Grows only. */
struct weir_sim_coverage;
struct weir_sim_coverage *weir_sim_coverage_new(struct weir_memory *memory);
void weir_sim_coverage_free(struct weir_sim_coverage *coverage);
void weir_sim_coverage_add(struct weir_sim_coverage *to, const struct weir_sim_coverage *from);
/* As bytes, from one process to another. */
size_t weir_sim_coverage_bytes(void);
void weir_sim_coverage_take(struct weir_sim_coverage *coverage, const void *bytes);
/* What was met, how often; and what of sim/coverage.def never was. */
void weir_sim_coverage_report(const struct weir_sim_coverage *coverage, struct weir_buffer *to);

struct weir_sim_options {
    struct weir_memory *memory;
    /* A line of the timeline, without line end; NULL: no trace. */
    void (*trace)(void *owner, const char *line);
    void *trace_owner;
    bool trace_heartbeats;
    /* What jobs are made of; planned by whoever has a planner (jobs.def). None: no jobs. */
    const struct weir_sim_job_template *templates;
    uint32_t template_count;
    struct weir_sim_coverage *coverage; /* or NULL */
};

uint32_t weir_sim_workload_count(void);
const char *weir_sim_workload_name(uint32_t workload);
const char *weir_sim_workload_text(uint32_t workload);
/* The history that a seed draws; workload UINT32_MAX: it is drawn, too. */
struct weir_sim_history weir_sim_history_draw(uint64_t seed, uint32_t workload);
void weir_sim_run(const struct weir_sim_history *history, const struct weir_sim_options *options,
    struct weir_sim_result *ret);
/* Takes features away one by one as long as the same checker still fails. Returns the smallest found. */
struct weir_sim_history weir_sim_shrink(const struct weir_sim_history *history,
    const struct weir_sim_options *options, const struct weir_sim_result *failed, uint32_t runs_max,
    struct weir_sim_result *ret);

#endif
