/* The jobs that simulated clusters run, planned from SQL; see sim/job_template.h. */
#ifndef WEIR_BIN_SIM_JOBS_H
#define WEIR_BIN_SIM_JOBS_H

#include "sim/job_template.h"

/* All templates; they live in arena. */
enum weir_error_code weir_sim_jobs_plan(struct weir_arena *arena, struct weir_memory *memory,
    const struct weir_sim_job_template **ret, uint32_t *ret_count, struct weir_error *reterr);

#endif
