/*
 * What others may ask about a JobMaster without stepping it: REST shows it. The machine itself is in
 * control/machines.h. Everything returned is the JobMaster's and valid until its next step.
 * @thread control.
 */
#ifndef WEIR_CONTROL_JOBMASTER_JOBMASTER_H
#define WEIR_CONTROL_JOBMASTER_JOBMASTER_H

#include "control/ids.h"
#include "control/nodes.h"

struct weir_jobmaster;
struct weir_checkpoint_coordinator;

enum {
    WEIR_JOBMASTER_EXCEPTIONS_MAX = 16,
    WEIR_JOBMASTER_CONCURRENT_MAX = 8,
    WEIR_EXCEPTION_BYTES_MAX = 512
};

/* One failure with those that came while it was being handled. subtask UINT32_MAX: of the job as a whole. */
struct weir_jobmaster_failure {
    uint32_t vertex, subtask; /* id of the vertex */
    weir_node node;
    int64_t wall_us;
    char text[WEIR_EXCEPTION_BYTES_MAX];
};
struct weir_jobmaster_exception {
    struct weir_jobmaster_failure root;
    struct weir_jobmaster_failure concurrent[WEIR_JOBMASTER_CONCURRENT_MAX];
    uint32_t concurrent_count; /* ever; only the first are kept */
};
/* Newest first; NULL past the end. */
const struct weir_jobmaster_exception *weir_jobmaster_exception(
    const struct weir_jobmaster *jm, uint32_t index);

struct weir_jobmaster_subtask {
    uint32_t vertex, subtask; /* id of the vertex */
    Weir__ExecutionState state;
    struct weir_attempt_id attempt; /* number 0: none yet */
    weir_node node;
    uint32_t region;
    int64_t started_wall_us, ended_wall_us; /* 0: not yet */
};
uint32_t weir_jobmaster_subtask_count(const struct weir_jobmaster *jm); /* 0 until the plan is known */
void weir_jobmaster_subtask(
    const struct weir_jobmaster *jm, uint32_t index, struct weir_jobmaster_subtask *ret);
uint32_t weir_jobmaster_region_count(const struct weir_jobmaster *jm);

Weir__JobState weir_jobmaster_state(const struct weir_jobmaster *jm);
const Weir__ExecutionPlan *weir_jobmaster_plan(const struct weir_jobmaster *jm); /* NULL: not known */
const Weir__JobRecord *weir_jobmaster_record(const struct weir_jobmaster *jm); /* confirmed; NULL: none yet */
const struct weir_checkpoint_coordinator *weir_jobmaster_checkpoints(const struct weir_jobmaster *jm);
uint64_t weir_jobmaster_failovers(const struct weir_jobmaster *jm); /* regions restarted, in all */

#endif
