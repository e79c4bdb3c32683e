/*
 * What the store has ever said about leaders and jobs: common knowledge of all checkers, taken from nothing
 * but the writes that it applied. For src/sim alone.
 */
#ifndef WEIR_SIM_FACTS_H
#define WEIR_SIM_FACTS_H

#include "sim/workload.h"

enum {
    WEIR_SIM_EPOCHS_MAX = 4096,
    WEIR_SIM_NAMED_MAX = 1024,
    WEIR_SIM_FACT_JOBS_MAX = 64,
    WEIR_SIM_FACT_FILES_MAX = 4096
};

struct weir_sim_named {
    uint64_t id, epoch;
    Weir__CheckpointKind kind;
    bool current; /* in the record as it is now */
    const char *pointer;
    uint64_t *files; /* hashes of the paths that its metadata reaches, and of the metadata's own */
    uint32_t file_count;
};

struct weir_sim_facts_job {
    struct weir_job_id id;
    char hex[WEIR_JOB_ID_TEXT_BYTES];
    char record[128];             /* without transactions: the one that the index names */
    struct weir_sim_job *job;     /* NULL: nobody's */
    bool exists;                  /* a record that counts is there now */
    bool ever, terminal;          /* a record was there; said TERMINAL_DIRTY or later */
    bool damaged, record_damaged; /* something of it is: it may fail, and with duplicates go back (H9) */
    bool came_back; /* the storage lost its power: removed names may be there again, of whatever use they are
                     */
    bool haunted;   /* cut off from all leaders, attempts of it went on after its end */
    Weir__JobState result;
    bool says_why; /* the result has an error text */
    uint64_t epoch, counter, reserved, plan_version;
    Weir__RecordStatus status;
    Weir__TargetKind target;
    uint8_t target_request[16];
    struct weir_sim_named named[WEIR_SIM_NAMED_MAX]; /* ever, in order */
    uint32_t named_count;
    uint64_t newest;
};

struct weir_sim_facts {
    bool wiped;     /* the leader record has vanished once */
    uint64_t epoch; /* of the leader record now; 0: none */
    uint64_t holder_incarnation;
    uint64_t epoch_max;
    uint64_t incarnations[WEIR_SIM_EPOCHS_MAX]; /* by epoch: who wrote it first */
    struct weir_sim_facts_job *jobs[WEIR_SIM_FACT_JOBS_MAX];
    uint32_t job_count;
};

struct weir_sim_facts *weir_sim_facts(struct weir_sim *sim);
struct weir_sim_facts_job *weir_sim_facts_job(
    struct weir_sim *sim, const struct weir_job_id *id); /* or NULL */
const struct weir_sim_named *weir_sim_facts_named(const struct weir_sim_facts_job *job, uint64_t checkpoint);
uint64_t weir_sim_path_hash(const char *path);
/* checkers/regions.c: a checkpoint is named for the first time. */
void weir_sim_regions_check(struct weir_sim *sim, const struct weir_sim_facts_job *job, uint64_t checkpoint,
    const Weir__CheckpointMetadata *metadata);

#endif
