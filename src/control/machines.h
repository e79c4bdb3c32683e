/*
 * The machines, for whoever drives them (actor). Each is made once with what it needs to know, then only
 * stepped. Options are configuration that was checked; times in microseconds.
 */
#ifndef WEIR_CONTROL_MACHINES_H
#define WEIR_CONTROL_MACHINES_H

#include "control/effect.h"
#include "control/local.h"

enum { WEIR_RESCALES_REMEMBERED_MAX = 64 };

struct weir_control_options {
    int64_t heartbeat_interval_us; /* 100 ms: a leader beats on each standing connection */
    int64_t heartbeat_timeout_us;  /* deafness past this is a lost connection */
    int64_t leader_silence_us;     /* 500 ms (H8) */
    int64_t reattach_timeout_us;   /* 10 s: weir.jobmanager.reattach-timeout */
    int64_t leaderless_grace_us;   /* INT64_MAX: weir.taskmanager.leaderless-grace */
    int64_t registration_timeout_us;
    int64_t
        leader_search_us;  /* taskmanager.registration.timeout: one that has never met a leader ends; 0: no */
    int64_t store_poll_us; /* 1 s: watches may be lost */
    int64_t suspicion_hold_off_us;   /* 10 s, doubles up to 1 h */
    int64_t tombstone_us;            /* 1 h */
    int64_t sweep_interval_us;       /* 60 s */
    int64_t slot_request_timeout_us; /* 5 min */
    int64_t idle_taskmanager_us;     /* 30 s: resourcemanager.taskmanager-timeout, of started workers */
    uint32_t jobs_max;               /* 1,000 and more */
    uint32_t tombstones_max;
    uint32_t index_bytes_max;    /* of a store without transactions; 0: what can be read again */
    uint32_t workers_wanted_max; /* resource driver; 0: none */
    uint32_t slots_per_worker;
    uint32_t slots_wanted_min;     /* slots that the resource driver keeps there whatever the jobs want */
    int64_t worker_recovery_us;    /* a new leader waits so long for workers of its predecessor */
    const char *storage_directory; /* high-availability.storageDir/<cluster> */
    const char *const *peers; /* JobManagers: "name=address", as configured or learned; standbys connect */
    uint32_t peer_count;
    bool application_mode;          /* one job; the cluster ends with it */
    struct weir_job_id application; /* its id; zero: the one that the leader record names */
    bool outlives_application;      /* execution.shutdown-on-application-finish: false */
    uint32_t rescales_remembered;   /* of each job, WEIR_RESCALES_REMEMBERED_MAX at most */
    bool evenly_spread_out_slots;   /* cluster.evenly-spread-out-slots */
};

struct weir_machine_config {
    struct weir_memory *memory;
    struct weir_nodes *nodes;
    struct weir_identity *identity;
    const struct weir_control_options *options;
    uint64_t random_seed;
};

/* leader/: election in a JobManager; greets, announces, beats; knows who leads. */
struct weir_leader *weir_leader_new(const struct weir_machine_config *config);
void weir_leader_step(
    struct weir_leader *leader, const struct weir_event *event, struct weir_effects *effects);
void weir_leader_free(struct weir_leader *leader);

struct weir_dispatcher *weir_dispatcher_new(const struct weir_machine_config *config);
void weir_dispatcher_step(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects);
void weir_dispatcher_free(struct weir_dispatcher *dispatcher);

struct weir_resourcemanager *weir_resourcemanager_new(const struct weir_machine_config *config);
void weir_resourcemanager_step(
    struct weir_resourcemanager *manager, const struct weir_event *event, struct weir_effects *effects);
void weir_resourcemanager_free(struct weir_resourcemanager *manager);

/* One per job; its first event is LOCAL / JOB_START. */
struct weir_jobmaster *weir_jobmaster_new(
    const struct weir_machine_config *config, const struct weir_job_id *job);
void weir_jobmaster_step(
    struct weir_jobmaster *jobmaster, const struct weir_event *event, struct weir_effects *effects);
void weir_jobmaster_free(struct weir_jobmaster *jobmaster);

/* A TaskManager: retrieval, registration, task life cycle, leaderless operation. */
struct weir_taskexecutor *weir_taskexecutor_new(
    const struct weir_machine_config *config, uint32_t slot_count);
void weir_taskexecutor_step(
    struct weir_taskexecutor *executor, const struct weir_event *event, struct weir_effects *effects);
void weir_taskexecutor_free(struct weir_taskexecutor *executor);

#endif
