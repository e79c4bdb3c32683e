/* Shared inside dispatcher/. */
#ifndef WEIR_CONTROL_DISPATCHER_INTERNAL_H
#define WEIR_CONTROL_DISPATCHER_INTERNAL_H

#include "control/machines.h"
#include "control/record/record.h"

enum {
    DISPATCHER_SUBMISSIONS_MAX = 64, /* whose plan is on its way to storage */
    DISPATCHER_WAITING_MAX = 8,      /* clients that wait for the same submission */
    DISPATCHER_EFFECTS_PER_STEP_MAX = 2048,
    DISPATCHER_LISTED_FINISHED_MAX = 2000,
    DISPATCHER_ENDED_KEPT_MAX = 32,
    DISPATCHER_ENDED_PARTS_MAX = 16384, /* of checkpoints, of all of these together */
    DISPATCHER_TRIES_MAX = 5,           /* of a submission's plan, and of its record */
    DISPATCHER_RECORD_NAME_BYTES = 96,
    DISPATCHER_RETRY_FIRST_US = 20 * 1000,
    DISPATCHER_RETRY_LAST_US = 1000 * 1000,
    DISPATCHER_JOB_ARENA_BYTES = 512,
    DISPATCHER_NAME_BYTES_MAX = 1024,
    DISPATCHER_SWEEP_DELETES_MAX = 512, /* in one round */
    DISPATCHER_GARBAGE_MAX = 2000,      /* in one answer */
    DISPATCHER_GARBAGE_LISTS_MAX = 1000,
    DISPATCHER_GIVEN_UP_MAX = 16, /* folders of one tombstone: the newest */
    DISPATCHER_GIVEN_UP_BYTES_MAX = 4096,
    DISPATCHER_LISTED_WHOLE_MAX = 1 << 20, /* names */
    DISPATCHER_LOOKUPS_MAX = 64            /* clients that ask for jobs which are not in the table */
};

/* What nobody has written to for so long, no checkpoint is under way in. */
#define DISPATCHER_ABANDONED_AFTER_US (INT64_C(24) * 3600 * 1000 * 1000)
/* A larger one is damage: nobody could take one above it. */
#define DISPATCHER_EPOCH_MAX          (UINT64_C(1) << 62)

enum dispatcher_state {
    DISPATCHER_STANDBY,    /* somebody else leads, or nobody */
    DISPATCHER_RECOVERING, /* leads; reads which jobs there are */
    DISPATCHER_SERVING
};

/* PLANNING -> CREATING -> ACTIVE -> TERMINAL -> REMOVING; a recovered one starts as ACTIVE, UNREADABLE or
 * REMOVING; LOADING is read (again). */
enum dispatcher_job_state {
    DISPATCHER_JOB_PLANNING,   /* its plan is on its way to storage */
    DISPATCHER_JOB_CREATING,   /* its record is being created */
    DISPATCHER_JOB_LOADING,    /* its record is being read */
    DISPATCHER_JOB_ACTIVE,     /* has a JobMaster */
    DISPATCHER_JOB_UNREADABLE, /* H9: failed alone; its record is kept */
    DISPATCHER_JOB_TERMINAL,   /* its result is durable, its JobMaster cleans up */
    DISPATCHER_JOB_REMOVING    /* its tombstone is being put */
};

enum dispatcher_tag {
    DISPATCHER_TAG_RECOVERY_RETRY = 1, /* timer */
    DISPATCHER_TAG_TOMBSTONES,
    DISPATCHER_TAG_JOBS,
    DISPATCHER_TAG_INDEX_READ,
    DISPATCHER_TAG_INDEX, /* the index's record */
    DISPATCHER_TAG_INDEX_LOOK,
    DISPATCHER_TAG_JOB_TIMER,
    DISPATCHER_TAG_PLAN,
    DISPATCHER_TAG_CREATE,
    DISPATCHER_TAG_LOAD,
    DISPATCHER_TAG_REMOVE_READ,
    DISPATCHER_TAG_REMOVE,
    DISPATCHER_TAG_DELETE, /* of a record that the index no longer names */
    DISPATCHER_TAG_PRUNE,
    DISPATCHER_TAG_HOUSEKEEPING, /* timer: sweep, tombstones */
    DISPATCHER_TAG_SWEEP_PLANS,
    DISPATCHER_TAG_SWEEP_RECORDS,
    DISPATCHER_TAG_SWEEP_DELETE,
    DISPATCHER_TAG_LOOKUP,
    DISPATCHER_TAG_SWEEP_LEFTOVERS,
    DISPATCHER_TAG_GARBAGE
};

struct dispatcher_client {
    weir_node node;
    uint64_t request;
};

/* A client that asked for a job which is not in the table; number 0: free. */
struct dispatcher_lookup {
    uint64_t number;
    struct dispatcher_client client;
};

struct dispatcher_job {
    struct weir_job_id id;
    enum dispatcher_job_state state;
    bool jobmaster;     /* one runs */
    bool claimed;       /* and has told that its record is claimed or created */
    bool cancel_asked;  /* by the end of the cluster */
    bool missed;        /* its record was not there when it was read last */
    uint64_t led_epoch; /* the newest of the last JobMaster that it had; 0: it had none */
    uint64_t request;   /* the answer that is waited for */
    uint32_t tries;
    uint64_t garbage;        /* the collection that waits for its JobMaster's word; 0: none */
    uint64_t index_change;   /* waits for the index to have confirmed it; 0: none */
    struct weir_arena arena; /* of what follows; rebuilt with each status */
    Weir__JobSummary *summary;
    /* PLANNING, CREATING */
    struct dispatcher_client waiting[DISPATCHER_WAITING_MAX];
    uint32_t waiting_count;
    uint8_t *plan; /* encoded */
    size_t plan_bytes;
    uint64_t plan_epoch;
    char *plan_path;
    Weir__RestoreOrigin *restore;
    char record_name[DISPATCHER_RECORD_NAME_BYTES]; /* its key */
    uint64_t plan_hash;                             /* of the plan that its record names; 0: not known */
    uint64_t record_version;
};

struct dispatcher_tombstone {
    struct weir_job_id id;
    int64_t seen_us; /* own monotonic clock: when this leader read or wrote it */
    uint64_t version;
    uint64_t index_change; /* being dropped from the index */
    uint8_t *bytes;        /* Weir__Tombstone */
    size_t length;
    int64_t leftovers_at_us; /* its directory is looked at again; waits double */
    uint32_t leftovers_looks;
};

/* Open addressing by job id, at most half full; what lies in it is the caller's. Both kinds start with their
 * id. */
struct dispatcher_table {
    struct weir_memory *memory;
    struct weir_job_id **slots;
    uint32_t capacity, count;
};

/* How a job looked when it ended, for who looks at it afterwards. In memory alone. */
struct dispatcher_ended {
    struct weir_job_id id;
    struct weir_arena arena;
    Weir__JobDetails *details; /* NULL: free */
    /* By checkpoint of details, each with what its subtasks had put into it, or NULL; NULL: none are kept. */
    Weir__CheckpointDetails **parts;
    struct weir_arena parts_arena;
    uint32_t part_count;
};

/* One collection at a time; its answer waits until every place was listed. */
struct dispatcher_garbage {
    bool active, dry_run;
    weir_node from;
    uint64_t request, number; /* the client's; of the lists that count */
    uint32_t waiting;
    bool cut, failed;
    struct weir_arena arena;
    Weir__GarbageItem **items;
    uint32_t item_count;
    uint64_t bytes;
};

struct weir_dispatcher {
    struct weir_memory *memory;
    struct weir_nodes *nodes;
    struct weir_identity *identity;
    const struct weir_control_options *options;
    uint64_t random;
    enum dispatcher_state state;
    uint64_t epoch, leader_version;
    bool suspended, transactions;
    weir_node leader;
    uint64_t requests; /* numbers */
    uint64_t names;    /* of plans and records, within an epoch */
    uint32_t recovery_tries;
    uint64_t recovery_request;
    uint32_t recovery_pending; /* jobs whose record is being read */
    bool waits_for_epoch, recovery_listed;

    struct weir_job_id application; /* the only job of an application cluster; zero: a session cluster */
    struct dispatcher_table jobs, tombstones;
    struct dispatcher_tombstone **tombstone_queue; /* oldest first: a ring */
    uint32_t queue_first, queue_count, queue_capacity;
    uint32_t submissions;
    uint32_t tasks_restarted; /* by JobMasters, because the takeover did not find them running */
    bool shutting_down, shutdown_told;
    struct dispatcher_client ending[DISPATCHER_WAITING_MAX]; /* who asked for the cluster's end */
    uint32_t ending_count;

    /* A message that goes to all JobMasters, or their end: in portions. */
    struct weir_local_message spread;
    uint32_t spread_cursor;
    bool spreading;

    /* stores without transactions */
    struct weir_record index;
    bool index_live, index_more;
    uint64_t index_recovered_change;
    uint64_t index_request;

    struct dispatcher_ended ended[DISPATCHER_ENDED_KEPT_MAX]; /* a ring */
    uint32_t ended_next, ended_parts;                         /* parts: of all */

    struct dispatcher_lookup lookups[DISPATCHER_LOOKUPS_MAX];

    /* sweep */
    uint64_t sweep_request, sweep_records_request;
    struct dispatcher_garbage garbage;
    uint64_t swept; /* plans and records that nothing named */
};

/* dispatcher.c */
void dispatcher__set_state(struct weir_dispatcher *dispatcher, enum dispatcher_state state);

/* table.c */
void dispatcher__table_init(struct dispatcher_table *table, struct weir_memory *memory);
void dispatcher__table_done(struct dispatcher_table *table);
void *dispatcher__table_find(const struct dispatcher_table *table, const struct weir_job_id *id);
void dispatcher__table_add(struct dispatcher_table *table, struct weir_job_id *item);
void dispatcher__table_remove(struct dispatcher_table *table, const struct weir_job_id *id);

/* jobs.c */
struct dispatcher_job *dispatcher__job_new(struct weir_dispatcher *dispatcher, const struct weir_job_id *id,
    const char *name, enum dispatcher_job_state state);
void dispatcher__job_free(struct weir_dispatcher *dispatcher, struct dispatcher_job *job);
void dispatcher__job_set_state(struct dispatcher_job *job, enum dispatcher_job_state state);
void dispatcher__job_set_summary(struct dispatcher_job *job, const Weir__JobSummary *summary);
/* How it has ended; NULL: not known. */
void dispatcher__job_set_result(struct dispatcher_job *job, const Weir__JobResult *result);
void dispatcher__job_fail(struct dispatcher_job *job, const char *error);
void dispatcher__job_start(struct weir_dispatcher *dispatcher, struct dispatcher_job *job,
    const Weir__JobRecord *record, uint64_t version, const Weir__ExecutionPlan *plan,
    struct weir_effects *effects);
void dispatcher__job_stop(
    struct weir_dispatcher *dispatcher, struct dispatcher_job *job, struct weir_effects *effects);
void dispatcher__job_retry(struct weir_dispatcher *dispatcher, struct dispatcher_job *job, int64_t now_us,
    struct weir_effects *effects);
void dispatcher__job_answer(
    struct dispatcher_job *job, Weir__ReplyCode code, const char *text, struct weir_effects *effects);
struct weir_tag dispatcher__job_tag(
    struct weir_dispatcher *dispatcher, struct dispatcher_job *job, enum dispatcher_tag kind);

/* recovery.c */
void dispatcher__recover(struct weir_dispatcher *dispatcher, int64_t now_us, struct weir_effects *effects);
void dispatcher__on_tombstones(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects);
void dispatcher__on_jobs(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects);
void dispatcher__load(
    struct weir_dispatcher *dispatcher, struct dispatcher_job *job, struct weir_effects *effects);
void dispatcher__on_loaded(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects);
void dispatcher__recovery_check(struct weir_dispatcher *dispatcher, struct weir_effects *effects);
void dispatcher__recover_again(
    struct weir_dispatcher *dispatcher, int64_t now_us, struct weir_effects *effects);
/* H1: a record was written under an epoch that is not below ours by somebody else. */
bool dispatcher__is_of_later_leader(
    const struct weir_dispatcher *dispatcher, uint64_t epoch, uint64_t incarnation);
/* H1: one above ours. */
void dispatcher__want_epoch(struct weir_dispatcher *dispatcher, struct weir_effects *effects);
void dispatcher__tell_epoch_seen(
    struct weir_dispatcher *dispatcher, uint64_t epoch, uint64_t incarnation, struct weir_effects *effects);

/* submission.c */
void dispatcher__submit(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects);
void dispatcher__put_plan(
    struct weir_dispatcher *dispatcher, struct dispatcher_job *job, struct weir_effects *effects);
void dispatcher__on_plan(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects);
void dispatcher__create(struct weir_dispatcher *dispatcher, struct dispatcher_job *job, int64_t wall_us,
    struct weir_effects *effects);
void dispatcher__on_created(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects);
void dispatcher__submission_failed(struct weir_dispatcher *dispatcher, struct dispatcher_job *job,
    Weir__ReplyCode code, const char *text, struct weir_effects *effects);
void dispatcher__submission_done(struct weir_dispatcher *dispatcher, struct dispatcher_job *job);

/* removal.c */
void dispatcher__remove(
    struct weir_dispatcher *dispatcher, struct dispatcher_job *job, struct weir_effects *effects);
void dispatcher__on_remove_read(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects);
void dispatcher__on_removed(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects);
/* The job is gone from the store. Its entry is freed. */
void dispatcher__removed(
    struct weir_dispatcher *dispatcher, struct dispatcher_job *job, struct weir_effects *effects);
void dispatcher__tombstone_add(struct weir_dispatcher *dispatcher, const struct weir_job_id *id,
    const Weir__Tombstone *tombstone, uint64_t version, int64_t now_us);
void dispatcher__tombstones_clear(struct weir_dispatcher *dispatcher);
void dispatcher__prune(struct weir_dispatcher *dispatcher, int64_t now_us, struct weir_effects *effects);
void dispatcher__on_pruned(struct weir_dispatcher *dispatcher, const struct weir_event *event);
/* Whoever waits for the end of the cluster to be recorded. */
void dispatcher__answer_ending(
    struct weir_dispatcher *dispatcher, Weir__ReplyCode code, const char *text, struct weir_effects *effects);
/* It is recorded: whatever this leader and the next ones meet is cancelled. */
void dispatcher__end_recorded(struct weir_dispatcher *dispatcher, struct weir_effects *effects);
void dispatcher__check_end(struct weir_dispatcher *dispatcher, struct weir_effects *effects);

/* ended.c */
/* Copies details; NULL: nothing is known of it. */
void dispatcher__ended_keep(struct weir_dispatcher *dispatcher, const struct weir_job_id *id,
    const Weir__JobDetails *details, struct weir_arena *scratch);
/* checkpoint: with its parts; 0: of none. Borrowed, or in arena. */
Weir__JobDetails *dispatcher__ended_find(const struct weir_dispatcher *dispatcher,
    const ProtobufCBinaryData *job, uint64_t checkpoint, struct weir_arena *arena);
void dispatcher__ended_clear(struct weir_dispatcher *dispatcher);

/* client.c */
void dispatcher__on_client(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects);
void dispatcher__on_lookup(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects);
void dispatcher__reply(
    weir_node node, uint64_t request, Weir__ReplyCode code, const char *text, struct weir_effects *effects);
void dispatcher__cancel_all(struct weir_dispatcher *dispatcher, struct weir_effects *effects);

/* index.c */
void dispatcher__index_look(struct weir_dispatcher *dispatcher, struct weir_effects *effects);
void dispatcher__on_index_look(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects);
void dispatcher__index_read(struct weir_dispatcher *dispatcher, struct weir_effects *effects);
void dispatcher__on_index_read(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects);
/* The index's record made progress, or was fenced. */
void dispatcher__on_index(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects);
uint64_t dispatcher__index_add(struct weir_dispatcher *dispatcher, const struct dispatcher_job *job,
    int64_t now_us, struct weir_effects *effects);
/* No more jobs: every one leaves a tombstone, and the index must stay readable. */
bool dispatcher__index_is_full(const struct weir_dispatcher *dispatcher);
uint64_t dispatcher__index_remove(struct weir_dispatcher *dispatcher, const struct weir_job_id *id,
    const Weir__Tombstone *tombstone, int64_t now_us, struct weir_effects *effects);
uint64_t dispatcher__index_prune(struct weir_dispatcher *dispatcher, const struct weir_job_id *id,
    int64_t now_us, struct weir_effects *effects);
/* Goes on with what waited for the index, where a step's room was not enough. */
void dispatcher__index_continue(struct weir_dispatcher *dispatcher, struct weir_effects *effects);
void dispatcher__index_done(struct weir_dispatcher *dispatcher);

/* sweep.c */
uint64_t dispatcher__plan_hash(const char *path); /* of the name in it alone; never 0 */
void dispatcher__sweep(struct weir_dispatcher *dispatcher, struct weir_effects *effects);
/* What no record names and nobody will name. */
bool dispatcher__plan_may_go(const struct weir_dispatcher *dispatcher, const char *path);
bool dispatcher__record_may_go(const struct weir_dispatcher *dispatcher, const char *key);

/* garbage.c: somebody asks what there is to be swept */
void dispatcher__collect_garbage(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects);
/* Of a JobMaster that was asked; and when it is gone without an answer. */
void dispatcher__on_garbage_found(struct weir_dispatcher *dispatcher, struct dispatcher_job *job,
    const struct weir_local_message *message, struct weir_effects *effects);
void dispatcher__garbage_left(
    struct weir_dispatcher *dispatcher, struct dispatcher_job *job, struct weir_effects *effects);
void dispatcher__on_garbage_listed(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects);
void dispatcher__garbage_clear(struct weir_dispatcher *dispatcher);

/* leftovers.c */
/* NULL: it left nothing that would have to be looked for. */
const Weir__JobResult *dispatcher__leftovers_of(
    const struct dispatcher_tombstone *tombstone, struct weir_arena *arena);
/* Places are counted: 0 is the checkpoint directory, then come the sinks' places, then folders of savepoints
 * that came to nothing. False: there is nothing to list. */
uint64_t dispatcher__leftover_places(const Weir__JobResult *result);
bool dispatcher__leftover_list(
    const Weir__JobResult *result, uint64_t place, struct weir_blob_effect *ret, struct weir_arena *arena);
bool dispatcher__leftover_may_go(const Weir__JobResult *result, uint64_t place, const char *path);
void dispatcher__sweep_leftovers(
    struct weir_dispatcher *dispatcher, int64_t now_us, struct weir_effects *effects);
void dispatcher__on_leftovers(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects);
void dispatcher__on_sweep_plans(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects);
void dispatcher__on_sweep_records(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects);

#endif
