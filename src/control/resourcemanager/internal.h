/* Shared inside control/resourcemanager/. */
#ifndef WEIR_CONTROL_RESOURCEMANAGER_INTERNAL_H
#define WEIR_CONTROL_RESOURCEMANAGER_INTERNAL_H

#include "control/machines.h"
#include "control/planted.h"

enum {
    RM__SLOTS_MAX = 1024, /* of one TaskManager; what it has beyond is not used */
    RM__BUCKETS = RM__SLOTS_MAX + 1,
    RM__STEP_EFFECTS_MAX = 2000, /* then the step is continued; one TaskManager adds at most 2 x its slots */
    RM__SUPERSEDED_MAX = 8,
    RM__WORKERS_MAX = 4096,
    RM__WORKER_NAMES_MAX = 2048, /* that are made; then those of the ended come again, the oldest first */
    RM__STARTS_PER_STEP_MAX = 64,
    RM__KNOWN_AFTER_POLLS = 6 /* of the store: TaskManagers list the candidates at every fifth */
};
#define RM__PROBE_DELAY_US         (20 * 1000LL)   /* after a reset, before we dial ourselves */
#define RM__SLOT_BLOCKED_US        (1000 * 1000LL) /* after a refused deployment */
#define RM__WORKER_BACK_OFF_US     (1000 * 1000LL)
#define RM__WORKER_BACK_OFF_MAX_US (60 * 1000 * 1000LL)
#define RM__WORKER_YOUNG_US        (1000 * 1000LL) /* dead within that: the next one waits */
#define RM__WORKER_PREFIX          "worker-"

enum rm__slot_state { RM__SLOT_FREE, RM__SLOT_HELD, RM__SLOT_BLOCKED, RM__SLOT_STRAY };

struct rm__slot {
    enum rm__slot_state state;
    uint32_t job;      /* HELD: index of the job */
    uint32_t position; /* HELD: in the job's slots */
    uint32_t strays;   /* STRAY: attempts of jobs that do not exist */
    int64_t until_us;  /* BLOCKED */
};

/* Attempts of one job in one report. */
struct rm__group {
    struct rm__group *next; /* of the job */
    uint32_t taskmanager;
    uint64_t generation; /* of the report; an older one is void */
    Weir__AttemptReport **attempts;
    uint32_t attempt_count, attempt_capacity;
    Weir__LocalSnapshot **local_snapshots;
    uint32_t local_snapshot_count, local_snapshot_capacity;
};

struct rm__taskmanager {
    weir_node node;
    uint32_t index;
    bool up; /* connected */
    uint64_t connection_incarnation;
    bool reset;      /* it broke and did not come back yet */
    int64_t down_us; /* when */
    /* Whether or not this process led then: the newest incarnation that has connected, 0: none has; and
     * whether its process is known to be gone. */
    uint64_t greeted;
    bool gone;
    bool dialled;        /* by us, who only want to know */
    int64_t probe_at_us; /* INT64_MAX: no probe is due */
    bool registered, stopping;
    uint64_t incarnation; /* that registered */
    uint64_t superseded[RM__SUPERSEDED_MAX];
    uint32_t superseded_next;
    char *data_address, *rpc_address, *rest_address; /* owned; may be NULL */
    struct rm__slot *slots;
    uint32_t slot_count, free_count, busy_count; /* busy: HELD and STRAY */
    uint32_t bucket;                             /* 0: in none */
    struct rm__taskmanager *bucket_next, *bucket_previous;
    int64_t heard_us;      /* of the machine's own clock */
    int64_t idle_since_us; /* INT64_MAX: it is not idle */
    uint32_t attempts;     /* that it keeps */
    uint64_t generation;   /* of its report */
    bool has_kept;
    struct weir_arena report_arena; /* kept groups, for jobs that have not registered yet */
    struct weir_job_id *reported;   /* jobs that have attempts there */
    uint32_t reported_count, reported_capacity;
    const struct rm__group *group; /* while one job is told of all */
};

struct rm__job_slot {
    uint32_t taskmanager, index;
};
struct rm__job {
    struct weir_job_id id;
    bool used, registered, waiting, dirty, required;
    uint32_t wanted;
    struct rm__job_slot *slots;
    uint32_t slot_count, slot_capacity;
    uint64_t order; /* of its requirement */
    int64_t waiting_since_us;
    uint32_t next, previous; /* waiting list; index + 1 */
    uint32_t dirty_next;     /* index + 1 */
    uint32_t hash_next;      /* index + 1 */
    uint32_t free_next;
    struct rm__group *kept;  /* reported before it registered */
    struct rm__group *group; /* in the report that is being told */
    uint64_t mark;
};

enum rm__worker_state { RM__WORKER_STARTING = 1, RM__WORKER_REGISTERED, RM__WORKER_STOPPING };
struct rm__worker {
    enum rm__worker_state state;
    weir_node node;
    bool own; /* this leader had it started */
    int64_t since_us, registered_us;
};

struct weir_resourcemanager {
    struct weir_memory *memory;
    struct weir_nodes *nodes;
    struct weir_identity *identity;
    const struct weir_control_options *options;
    bool leading;
    /* A new leader waits until all whom it knows of have reported or are gone (await.c); it knows all when
     * TaskManagers have been able to find it for long enough. */
    bool awaiting, all_reported;
    bool telling_all_reported;
    uint32_t await_cursor, telling_all_reported_cursor; /* nobody before await_cursor is waited for */
    int64_t known_since_us;
    bool recovering, recovered; /* attempts of jobs that did not register are being, were ended */
    uint32_t recovering_cursor;
    uint64_t epoch;
    struct rm__taskmanager **taskmanagers;
    uint32_t taskmanager_count, taskmanager_capacity;
    uint32_t *taskmanager_of_node; /* index + 1 */
    uint32_t node_capacity;
    struct rm__taskmanager *buckets[RM__BUCKETS], *bucket_tails[RM__BUCKETS];
    uint64_t bucket_bits[(RM__BUCKETS + 63) / 64];
    uint32_t slot_total, free_total, blocked_total, registered_count;
    struct rm__job *jobs;
    uint32_t job_count, job_capacity, job_free; /* free: index + 1 */
    uint32_t *job_buckets;                      /* index + 1 */
    uint32_t job_bucket_count;
    uint32_t waiting_first, waiting_last, dirty_first, dirty_last; /* index + 1 */
    uint64_t orders, marks, generations;
    uint64_t missing_total; /* wanted and not held, of all waiting jobs */
    /* Its own clock: grows by ticks, not by pauses. */
    int64_t own_us, last_tick_us;
    bool ticked;
    /* What a step has left over. */
    uint32_t telling_job, telling_job_cursor;                 /* index + 1: reports for a new job */
    uint32_t telling_taskmanager, telling_taskmanager_cursor; /* index + 1: a report for all jobs */
    struct weir_arena telling_arena;
    uint32_t scan_cursor;
    bool scanning;
    int64_t now_us;
    /* workers */
    struct rm__worker workers[RM__WORKERS_MAX];
    uint32_t worker_count, starting_count;
    uint64_t worker_numbers;
    weir_node ended_names[RM__WORKER_NAMES_MAX]; /* a ring, of this leadership */
    uint32_t ended_first, ended_count, names_made;
    int64_t worker_back_off_us, worker_start_at_us;
    bool workers_ended; /* the cluster ends: no more are started */
};

enum rm__tag_kind { RM__TAG_TICK = 1, RM__TAG_PROBE, RM__TAG_RECOVERED };

static inline struct rm__job *rm__job(struct weir_resourcemanager *rm, uint32_t index)
{
    return &rm->jobs[index];
}
static inline uint32_t rm__job_index(const struct weir_resourcemanager *rm, const struct rm__job *job)
{
    return (uint32_t)(job - rm->jobs);
}

/* --- jobs.c --- */
struct rm__job *rm__job_find(struct weir_resourcemanager *rm, const struct weir_job_id *id);
/* Pointers to other jobs are void after it. */
struct rm__job *rm__job_get(struct weir_resourcemanager *rm, const struct weir_job_id *id);
void rm__job_drop(struct weir_resourcemanager *rm, struct rm__job *job); /* it holds nothing */
void rm__jobs_clear(struct weir_resourcemanager *rm);
void rm__job_dirty(struct weir_resourcemanager *rm, struct rm__job *job);
/* After wanted or the slots changed: in the waiting list or not. */
void rm__job_requeue(
    struct weir_resourcemanager *rm, struct rm__job *job, uint32_t held_before, uint32_t wanted_before);
/* It has waited long enough in front of others. */
void rm__job_to_the_end(struct weir_resourcemanager *rm, struct rm__job *job);
void rm__on_require(struct weir_resourcemanager *rm, const struct weir_local_message *message);
void rm__on_release(struct weir_resourcemanager *rm, const struct weir_local_message *message);
void rm__on_slot_failed(struct weir_resourcemanager *rm, const struct weir_local_message *message);
void rm__on_job_stopped(struct weir_resourcemanager *rm, const struct weir_local_message *message);
/* The following say false when there is more than fits into this step. */
bool rm__tell_new_job(struct weir_resourcemanager *rm, struct weir_effects *effects);
bool rm__tell_report(struct weir_resourcemanager *rm, struct weir_effects *effects);
bool rm__tell_slots(struct weir_resourcemanager *rm, struct weir_effects *effects);
void rm__tell_lost(struct weir_resourcemanager *rm, const struct rm__job *job,
    const struct rm__taskmanager *taskmanager, const char *reason, struct weir_effects *effects);

/* --- slots.c --- */
void rm__slots_make(struct weir_resourcemanager *rm, struct rm__taskmanager *taskmanager, uint32_t count);
void rm__slots_drop(struct weir_resourcemanager *rm, struct rm__taskmanager *taskmanager);
/* FREE -> HELD */
void rm__slot_give(struct weir_resourcemanager *rm, struct rm__job *job, struct rm__taskmanager *taskmanager,
    uint32_t index);
/* HELD -> FREE */
void rm__slot_take_back(struct weir_resourcemanager *rm, struct rm__taskmanager *taskmanager, uint32_t index);
/* FREE -> BLOCKED or STRAY, and back */
void rm__slot_block(struct weir_resourcemanager *rm, struct rm__taskmanager *taskmanager, uint32_t index,
    enum rm__slot_state state);
void rm__slot_unblock(struct weir_resourcemanager *rm, struct rm__taskmanager *taskmanager, uint32_t index);
/* Its free slots are given to nobody any more. */
void rm__slots_withhold(struct weir_resourcemanager *rm, struct rm__taskmanager *taskmanager);
void rm__job_release_all(struct weir_resourcemanager *rm, struct rm__job *job);
void rm__allocate(struct weir_resourcemanager *rm);

/* --- taskmanagers.c --- */
struct rm__taskmanager *rm__taskmanager_find(struct weir_resourcemanager *rm, weir_node node);
struct rm__taskmanager *rm__taskmanager_get(struct weir_resourcemanager *rm, weir_node node);
void rm__taskmanager_set_address(
    struct weir_resourcemanager *rm, struct rm__taskmanager *taskmanager, const char *rpc_address);
/* Dials it, in a moment: whether anybody listens there decides. */
void rm__taskmanager_probe(struct weir_resourcemanager *rm, struct rm__taskmanager *taskmanager,
    int64_t at_us, struct weir_effects *effects);
void rm__taskmanagers_free(struct weir_resourcemanager *rm);
void rm__taskmanagers_forget(struct weir_resourcemanager *rm); /* all registrations */
void rm__on_report(
    struct weir_resourcemanager *rm, const struct weir_event *event, struct weir_effects *effects);
void rm__on_connection(
    struct weir_resourcemanager *rm, const struct weir_event *event, struct weir_effects *effects);
void rm__on_heartbeat(
    struct weir_resourcemanager *rm, const struct weir_event *event, struct weir_effects *effects);
void rm__on_process_died(
    struct weir_resourcemanager *rm, const struct weir_event *event, struct weir_effects *effects);
void rm__on_probe(struct weir_resourcemanager *rm, struct weir_effects *effects);
void rm__heard(struct weir_resourcemanager *rm, weir_node node, uint64_t incarnation);
void rm__taskmanager_lose(struct weir_resourcemanager *rm, struct rm__taskmanager *taskmanager,
    const char *reason, struct weir_effects *effects);
/* Deafness, blocked slots, idleness. False: there is more than fits into this step. */
bool rm__scan(struct weir_resourcemanager *rm, struct weir_effects *effects);

/* --- await.c --- */
void rm__await_begin(
    struct weir_resourcemanager *rm, const struct weir_local_message *granted, struct weir_effects *effects);
void rm__await_end(struct weir_resourcemanager *rm, struct weir_effects *effects);
void rm__on_greeted(struct weir_resourcemanager *rm, const struct weir_local_message *message);
/* It is, or may be, alive: it is waited for again. */
void rm__await(struct weir_resourcemanager *rm, const struct rm__taskmanager *taskmanager);
bool rm__is_awaited(const struct weir_resourcemanager *rm, const struct rm__taskmanager *taskmanager);
/* Tells jobs when nobody is waited for any more. False: there is more than fits into this step. */
bool rm__tell_all_reported(struct weir_resourcemanager *rm, struct weir_effects *effects);
void rm__tell_job_all_reported(
    const struct weir_resourcemanager *rm, const struct rm__job *job, struct weir_effects *effects);

/* --- query.c --- */
void rm__on_query(
    struct weir_resourcemanager *rm, const struct weir_event *event, struct weir_effects *effects);

/* --- strays.c --- */
/* An attempt of a report whose job does not exist: collected for cancellation or forgetting. */
struct rm__strays {
    Weir__AttemptId **cancels, **forgets;
    size_t cancel_count, forget_count;
};
/* report_count: how many of them there may be. */
void rm__stray_add(struct rm__strays *strays, struct weir_resourcemanager *rm,
    struct rm__taskmanager *taskmanager, Weir__AttemptReport *report, size_t report_count,
    struct weir_arena *arena);
void rm__strays_send(
    const struct rm__strays *strays, const struct rm__taskmanager *taskmanager, struct weir_effects *effects);
/* Every job of the store has registered by now. False: there is more than fits into this step. */
bool rm__on_recovered(struct weir_resourcemanager *rm, struct weir_effects *effects);
/* Of an attempt whose job has no JobMaster. */
void rm__on_task_state(
    struct weir_resourcemanager *rm, const struct weir_event *event, struct weir_effects *effects);

/* --- workers.c --- */
void rm__workers_clear(struct weir_resourcemanager *rm);
void rm__workers_recover(struct weir_resourcemanager *rm); /* of a new leadership */
void rm__workers_end(struct weir_resourcemanager *rm, struct weir_effects *effects);
/* Its registration is over: its process is ended, too, so that another may take its place. */
void rm__worker_lost(
    struct weir_resourcemanager *rm, const struct rm__taskmanager *taskmanager, struct weir_effects *effects);
void rm__worker_registered(struct weir_resourcemanager *rm, struct rm__taskmanager *taskmanager);
void rm__on_worker(
    struct weir_resourcemanager *rm, const struct weir_event *event, struct weir_effects *effects);
/* A worker beyond those that are to be there always. */
bool rm__is_spare_worker(struct weir_resourcemanager *rm, const struct rm__taskmanager *taskmanager);
void rm__worker_stop(
    struct weir_resourcemanager *rm, struct rm__taskmanager *taskmanager, struct weir_effects *effects);
/* Starts what is missing, stops what did not come. */
void rm__workers_advance(struct weir_resourcemanager *rm, struct weir_effects *effects);

#endif
