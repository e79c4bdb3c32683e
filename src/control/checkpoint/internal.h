/*
 * What the files of the checkpoint coordinator share. Functions here are called by its public ones only.
 *
 * How it works: every public function records what has happened and then calls checkpoint__advance(), which
 * looks at the whole state and does what can be done now: so nothing depends on the order in which events
 * arrive. One timer carries the earliest thing that is waited for.
 */
#ifndef WEIR_CONTROL_CHECKPOINT_INTERNAL_H
#define WEIR_CONTROL_CHECKPOINT_INTERNAL_H

#include "control/checkpoint/checkpoint.h"
#include "control/planted.h"

enum {
    CHECKPOINT_PENDING_MAX = 16,
    CHECKPOINT_BARRIERS_MAX = 4,  /* under way: a source holds so many triggers, and loses what is beyond */
    CHECKPOINT_ID_BLOCK = 64,     /* ids reserved by one write of the record */
    CHECKPOINT_ID_BLOCK_LOW = 8,  /* left of it when the next is reserved */
    CHECKPOINT_REQUESTS_MAX = 32, /* savepoints asked for and not finished */
    CHECKPOINT_TRIES_MAX = 3,     /* of a savepoint or a stop that failed for a reason that counts */
    CHECKPOINT_DELETIONS_MAX = 1 << 16,
    CHECKPOINT_DELETIONS_IN_FLIGHT_MAX = 64,
    CHECKPOINT_ASIDES_MAX = 64,
    CHECKPOINT_GIVEN_UP_MAX = 64, /* remembered ids */
    CHECKPOINT_FOLDERS_MAX = 48,  /* of savepoints that were given up, in the record */
    CHECKPOINT_FOLDERS_BYTES_MAX = 8192,
    CHECKPOINT_STEP_EFFECTS_MAX = 2048, /* the jobmaster's own come beside */
    CHECKPOINT_OUTBOX_MAX = 1 << 22,
    CHECKPOINT_HISTORY_MAX = WEIR_CHECKPOINT_HISTORY_MAX,
    CHECKPOINT_PATH_BYTES_MAX = 4096
};
#define CHECKPOINT_BACK_OFF_FIRST_US  (100 * 1000LL)
#define CHECKPOINT_BACK_OFF_MAX_US    (10 * 1000 * 1000LL)
#define CHECKPOINT_NOT_FOUND_DELAY_US (2 * 1000 * 1000LL) /* H9: not found is believed the second time */
#define CHECKPOINT_NOTIFY_FIRST_US    (1000 * 1000LL)
#define CHECKPOINT_NOTIFY_MAX_US      (30 * 1000 * 1000LL)
#define CHECKPOINT_SWEEP_FIRST_US     (5 * 1000 * 1000LL)
#define CHECKPOINT_SWEEP_SLOW_US      (600 * 1000 * 1000LL)
#define CHECKPOINT_SWEEP_INTERVAL_US  (60 * 1000 * 1000LL)

enum checkpoint_tag_kind {
    CHECKPOINT_TAG_TIMER = WEIR_CHECKPOINT_TAG_FIRST,
    CHECKPOINT_TAG_LIST_IDS,
    CHECKPOINT_TAG_LOAD,
    CHECKPOINT_TAG_PUT,
    CHECKPOINT_TAG_COMPARE,
    CHECKPOINT_TAG_DELETE,
    CHECKPOINT_TAG_SWEEP,
    CHECKPOINT_TAG_SWEEP_ASIDE,
    CHECKPOINT_TAG_PRUNE,
    CHECKPOINT_TAG_CLAIM_PUT,
    CHECKPOINT_TAG_CLAIM_GET,
    CHECKPOINT_TAG_CLAIM_LIST,
    CHECKPOINT_TAG_SPLITS,
    CHECKPOINT_TAG_COPY
};

/* --- strings --- */

struct text_set {
    struct weir_arena *arena;
    const char **slots;
    uint32_t slot_count, count;
};
void checkpoint__set_init(struct text_set *set, struct weir_arena *arena, uint32_t expected);
void checkpoint__set_add(struct text_set *set, const char *text); /* borrows text */
bool checkpoint__set_has(const struct text_set *set, const char *text);
bool checkpoint__starts_with(const char *text, const char *prefix);

/* Paths of a job's files; all in arena. */
const char *checkpoint__job_directory(const struct weir_checkpoint_coordinator *c, struct weir_arena *arena);
const char *checkpoint__directory(
    const struct weir_checkpoint_coordinator *c, struct weir_arena *arena, uint64_t id);
const char *checkpoint__savepoint_directory(
    const struct weir_checkpoint_coordinator *c, struct weir_arena *arena, const char *parent, uint64_t id);
/* The id in ".../chk-<id>/..." below the job's directory; 0: none. */
uint64_t checkpoint__path_id(const char *job_directory, const char *path);

/* --- a task, across its attempts --- */

struct task_note {
    bool used;
    uint32_t vertex, subtask;
    struct weir_attempt_id attempt; /* the present one */
    uint32_t task;                  /* index into c->tasks; UINT32_MAX: gone */
    uint64_t committed;             /* newest checkpoint whose commit this attempt has acknowledged */
    /* enumerated sources */
    struct weir_attempt_id split_reported; /* said which splits it has, maybe before it is the present one */
    bool split_waiting;
    uint64_t split_epoch, split_sequence; /* of the last assignment sent */
};

/* --- pending --- */

enum pending_state {
    PENDING_RESERVED = 1, /* a savepoint's id goes into the record before it is triggered */
    PENDING_TRIGGERED,
    PENDING_METADATA,
    PENDING_RECORD
};

struct checkpoint_part {
    struct weir_attempt_id attempt;
    struct weir_run run;
    weir_node node;
    uint32_t parallelism, max_parallelism;
    bool final;                            /* had ended when the checkpoint was triggered */
    const Weir__SubtaskSnapshot *snapshot; /* in the pending's arena; NULL: not acknowledged yet */
    struct weir_checkpoint_part shown;     /* when it is */
};

/* A file that belongs to something else, and that the checkpoint gets a copy of. */
struct checkpoint_copy {
    const char *from, *to;
    uint64_t number; /* of the request under way; 0: none */
    bool done;
    int64_t at_us, back_off_us;
};

struct checkpoint_pending {
    enum pending_state state;
    uint64_t id, epoch, base;
    Weir__CheckpointKind kind;
    bool suspend, drain;
    int64_t triggered_us, triggered_wall_us, deadline_us;
    struct weir_arena arena;
    const char *directory, *pointer;
    struct checkpoint_part *parts;
    uint32_t part_count, acknowledged_count;
    uint64_t bytes_full, bytes_written;
    Weir__CheckpointMetadata *metadata;
    struct checkpoint_copy *copies; /* before the metadata is written */
    uint32_t copy_count, copies_done;
    bool put_in_flight;
    int64_t put_at_us, put_back_off_us;
    const char *put_error; /* of the last try that failed; in arena, told once */
    uint64_t change;       /* of the record: RESERVED and RECORD */
    uint8_t request[16];   /* savepoints */
    bool has_request;
};

/* --- completed --- */

struct checkpoint_completed {
    uint64_t id, epoch;
    Weir__CheckpointKind kind;
    const char *pointer;
    bool named;      /* by the confirmed record */
    bool loaded;     /* files are known */
    bool unreadable; /* H9; keeps its directory */
    bool not_found_once;
    int64_t load_at_us, load_back_off_us;
    struct weir_arena arena; /* of all of the above that is text, and of files */
    const char *const *files;
    uint32_t file_count;
    struct text_set reached; /* the same; made when first asked */
    struct weir_arena metadata_arena;
    Weir__CheckpointMetadata *metadata; /* the newest one's only */
    const char *failure;
};

struct savepoint_request {
    uint8_t request[16];
    char directory[CHECKPOINT_PATH_BYTES_MAX];
    uint32_t tries;
    int64_t at_us;
    bool active; /* one of the pending ones is for it */
};

enum claim_state {
    CLAIM_NONE,
    CLAIM_MARK,
    CLAIM_MARKING,
    CLAIM_READING,
    CLAIM_OWNED,
    CLAIM_DELETING, /* its files; what says that it is there, and whose, goes after them */
    CLAIM_DELETED,
    CLAIM_REFUSED
};

struct deletion {
    char *path; /* NULL: none */
    uint32_t bytes;
    bool in_flight;
    uint64_t number; /* tag */
    int64_t at_us, back_off_us;
};

/* The directory of a savepoint that was given up: all in it goes. Looked at twice, for a task may be late. */
struct aside {
    char *path;
    uint32_t bytes;
    uint32_t passes_left;
    bool in_flight;
    int64_t at_us;
};

enum clean_state { CLEAN_NONE, CLEAN_LOADING, CLEAN_LISTING, CLEAN_LISTED, CLEAN_PRUNING, CLEAN_DONE };

struct enumerator; /* splits.c */
struct outgoing;   /* send.c */

struct weir_checkpoint_coordinator {
    struct weir_memory *memory;
    struct weir_arena arena; /* settings, vertices: for life */
    struct weir_job_id job;
    const Weir__JobSettings *settings;
    Weir__PlanVertex **vertices;
    size_t vertex_count;
    struct weir_record *record;
    const struct weir_identity *identity;
    struct weir_checkpoint_callbacks callbacks;
    uint64_t random;

    bool started, suspended, paused;
    bool closing;   /* what there is to commit is named: nothing is triggered any more */
    uint32_t depth; /* of public calls: callbacks run in the outermost one */
    int64_t now_us, wall_us, timer_us;
    uint64_t epoch; /* seen last: a change aborts what is pending */

    /* ids */
    uint64_t reserved_before; /* the record's when it was claimed: older leaders may have used up to it */
    uint64_t next_id;
    uint64_t origin_id; /* runs and files are told apart by the id that they restored: ours are all larger */
    bool id_wanted;
    bool ids_known, ids_listing; /* a fresh job looks for chk-N first */
    int64_t ids_at_us, ids_back_off_us;

    /* tasks */
    const struct weir_checkpoint_task *tasks;
    uint32_t task_count;
    bool all_running;
    struct task_note *notes;
    uint32_t note_slots, note_count;

    struct checkpoint_pending *pending[CHECKPOINT_PENDING_MAX]; /* by id */
    uint32_t pending_count;
    struct checkpoint_completed **completed; /* by id */
    uint32_t completed_count, completed_capacity;
    struct checkpoint_completed *origin; /* what the job was started from; NULL: nothing */
    bool newest_loaded;
    struct checkpoint_completed *loading;
    uint64_t load_number;
    uint64_t fall_back_change; /* the record drops unreadable ones: loaded when confirmed */
    const char *load_failure;

    enum claim_state claim;
    int64_t claim_at_us, claim_back_off_us;
    const char *claim_denied; /* why the mark could not be written, which no time mends; NULL: it could */

    /* periodic */
    int64_t due_us;            /* next periodic trigger */
    bool asked;                /* one was asked for by hand */
    int64_t last_completed_us; /* for min-pause */
    int64_t retry_back_off_us;
    uint32_t failures_in_row;

    /* requests */
    struct savepoint_request *requests; /* CHECKPOINT_REQUESTS_MAX */
    uint32_t request_count;
    bool stopping, stop_drain, final_wanted;
    uint32_t stop_tries;
    bool resumed;       /* as a new leader: once all run */
    uint64_t resume_id; /* the last try that has suspended sources and was given up */
    char stop_directory[CHECKPOINT_PATH_BYTES_MAX];

    /* commits */
    uint64_t notify_id;
    int64_t notify_at_us, notify_back_off_us;
    uint64_t
        committed_of; /* the newest, when sinks were last looked at; from the first that has not answered */
    uint32_t committed_at;
    bool await_committed; /* callback when all sinks have */

    /* files */
    char **deletions; /* waiting; each CHECKPOINT_PATH_BYTES_MAX at most */
    uint32_t deletion_count, deletion_capacity;
    struct deletion deleting[CHECKPOINT_DELETIONS_IN_FLIGHT_MAX];
    uint32_t deleting_count;
    uint64_t deletion_number;
    struct aside asides[CHECKPOINT_ASIDES_MAX];
    uint32_t aside_count;
    uint32_t puts_in_flight; /* of metadata and copies: a clean-up waits for them */
    uint64_t copy_number;
    bool sweep_in_flight;
    uint32_t sweeps_left;
    bool deposed_since;                         /* attempts were replaced since the newest checkpoint */
    uint64_t given_up[CHECKPOINT_GIVEN_UP_MAX]; /* ids of this leader, the last ones */
    uint32_t given_up_count;
    int64_t sweep_at_us;
    uint64_t sweep_number;
    enum clean_state clean;
    bool clean_keeps;

    uint64_t split_epoch; /* attempts below it say what splits they have before any is given out */
    struct outgoing *outbox;
    uint32_t outbox_count, outbox_sent, outbox_capacity;
    struct weir_arena outbox_arena;
    struct enumerator *enumerators;
    uint32_t enumerator_count;

    /* callbacks to make when the outermost call ends */
    const char *call_failure;
    char call_failure_text[512];
    const char *call_stop_failed;
    char call_stop_failed_text[512];
    bool call_committed;

    struct weir_checkpoint_statistics statistics;
    struct weir_checkpoint_history_entry history[CHECKPOINT_HISTORY_MAX];
    struct history_parts {
        struct weir_checkpoint_part *parts; /* NULL: none are kept */
        uint32_t count;
    } history_parts[CHECKPOINT_HISTORY_MAX];
    uint32_t history_parts_count; /* of all together */
    uint32_t history_count;       /* ever */
};

/* history.c */
void checkpoint__history_add(struct weir_checkpoint_coordinator *c, const struct checkpoint_pending *p,
    enum weir_checkpoint_outcome outcome, const char *text);
void checkpoint__history_free(struct weir_checkpoint_coordinator *c);
/* The part has its snapshot now. message: NULL of one that had ended. */
void checkpoint__part_note(struct weir_checkpoint_coordinator *c, const struct checkpoint_pending *p,
    struct checkpoint_part *part, const Weir__AcknowledgeCheckpoint *message);

/* coordinator.c */
struct weir_tag checkpoint__tag(
    const struct weir_checkpoint_coordinator *c, enum checkpoint_tag_kind kind, uint64_t number);
/* Every public function begins and ends with these; the outermost one makes the callbacks. wall_us 0: as
 * last. */
void checkpoint__enter(struct weir_checkpoint_coordinator *c, int64_t now_us, int64_t wall_us);
void checkpoint__leave(struct weir_checkpoint_coordinator *c, struct weir_effects *effects);
void checkpoint__advance(struct weir_checkpoint_coordinator *c, struct weir_effects *effects);
int64_t checkpoint__back_off(int64_t *back_off_us);                    /* doubles; returns the wait */
bool checkpoint__may_act(const struct weir_checkpoint_coordinator *c); /* leads, and the store is there */
bool checkpoint__may_trigger(const struct weir_checkpoint_coordinator *c);

/* send.c */
void checkpoint__send(struct weir_checkpoint_coordinator *c, weir_node node, Weir__Envelope__BodyCase body,
    ProtobufCMessage *message, struct weir_effects *effects);
void checkpoint__send_advance(struct weir_checkpoint_coordinator *c, struct weir_effects *effects);
bool checkpoint__send_waits(const struct weir_checkpoint_coordinator *c);
void checkpoint__send_free(struct weir_checkpoint_coordinator *c);

/* tasks.c */
struct task_note *checkpoint__note(
    const struct weir_checkpoint_coordinator *c, uint32_t vertex, uint32_t subtask); /* NULL: never seen */
struct task_note *checkpoint__note_add(
    struct weir_checkpoint_coordinator *c, uint32_t vertex, uint32_t subtask);
const struct weir_checkpoint_task *checkpoint__task(
    const struct weir_checkpoint_coordinator *c, uint32_t vertex, uint32_t subtask); /* NULL: gone */
void checkpoint__tasks_noted(struct weir_checkpoint_coordinator *c);
bool checkpoint__all_finished(const struct weir_checkpoint_coordinator *c);

struct node_group {
    weir_node node;
    Weir__AttemptId **attempts;
    size_t attempt_count, capacity;
};
struct node_groups {
    struct weir_arena *arena;
    struct node_group *items;
    uint32_t count, capacity;
    uint32_t *slots;
    uint32_t slot_count;
};
void checkpoint__groups_init(struct node_groups *groups, struct weir_arena *arena);
void checkpoint__groups_add(
    struct node_groups *groups, weir_node node, const struct weir_attempt_id *attempt);

/* pending.c */
void checkpoint__start_due(struct weir_checkpoint_coordinator *c, struct weir_effects *effects);
void checkpoint__pending_advance(struct weir_checkpoint_coordinator *c, struct weir_effects *effects);
struct checkpoint_pending *checkpoint__pending_find(const struct weir_checkpoint_coordinator *c, uint64_t id);
enum abort_reason {
    ABORT_COUNTED,     /* a failure of the checkpoint */
    ABORT_NOT_COUNTED, /* takeover, silence, store, failover */
    ABORT_TASK_ENDED   /* try again at once */
};
void checkpoint__abort(struct weir_checkpoint_coordinator *c, struct checkpoint_pending *p,
    enum abort_reason reason, const char *text, struct weir_effects *effects);
void checkpoint__abort_all(struct weir_checkpoint_coordinator *c, enum abort_reason reason, const char *text,
    struct weir_effects *effects);
void checkpoint__acknowledged(
    struct weir_checkpoint_coordinator *c, const struct weir_event *event, struct weir_effects *effects);
void checkpoint__declined(
    struct weir_checkpoint_coordinator *c, const struct weir_event *event, struct weir_effects *effects);
void checkpoint__put_done(
    struct weir_checkpoint_coordinator *c, const struct weir_event *event, struct weir_effects *effects);
void checkpoint__pending_tasks_changed(struct weir_checkpoint_coordinator *c, struct weir_effects *effects);
/* Sources that a given-up stop has suspended go on; node 0: on all. */
void checkpoint__resume_send(
    struct weir_checkpoint_coordinator *c, weir_node node, struct weir_effects *effects);
void checkpoint__pending_free(struct weir_checkpoint_coordinator *c, struct checkpoint_pending *p);
uint64_t checkpoint__id_take(struct weir_checkpoint_coordinator *c); /* 0: none is reserved yet */

/* copies.c: what a checkpoint takes over of others */
/* Names copies of what p must not refer to where it is. */
void checkpoint__copies_plan(const struct weir_checkpoint_coordinator *c, struct checkpoint_pending *p);
/* True: all are there. */
bool checkpoint__copies_advance(
    struct weir_checkpoint_coordinator *c, struct checkpoint_pending *p, struct weir_effects *effects);
void checkpoint__copied(
    struct weir_checkpoint_coordinator *c, const struct weir_event *event, struct weir_effects *effects);
int64_t checkpoint__copies_due(const struct checkpoint_pending *p);

/* completed.c: what the record names */
void checkpoint__completed_sync(struct weir_checkpoint_coordinator *c); /* with the confirmed record */
struct checkpoint_completed *checkpoint__newest(const struct weir_checkpoint_coordinator *c);
uint64_t checkpoint__newest_base(const struct weir_checkpoint_coordinator *c);
struct checkpoint_completed *checkpoint__completed_find(
    const struct weir_checkpoint_coordinator *c, uint64_t id);
/* Takes the pending's metadata. */
void checkpoint__completed_add(struct weir_checkpoint_coordinator *c, struct checkpoint_pending *p);
void checkpoint__completed_free(struct weir_checkpoint_coordinator *c, struct checkpoint_completed *done);
/* Drops what neither the record nor a pending base needs, and deletes its files. */
void checkpoint__subsume(struct weir_checkpoint_coordinator *c, struct weir_effects *effects);
/* Adds p to the record's checkpoints, without what is beyond the retained count. */
void checkpoint__record_add(struct weir_checkpoint_coordinator *c, const struct checkpoint_pending *p);
void checkpoint__record_retract(struct weir_checkpoint_coordinator *c, struct weir_effects *effects);
const Weir__SubtaskSnapshot *checkpoint__snapshot_of(
    const Weir__VertexSnapshot *vertex, uint32_t subtask); /* NULL: it had none */
const struct checkpoint_completed *checkpoint__restore_point(const struct weir_checkpoint_coordinator *c);
struct checkpoint_completed *checkpoint__origin_new(
    struct weir_checkpoint_coordinator *c, const char *pointer);

/* load.c: reading what earlier leaders completed */
void checkpoint__load_start(struct weir_checkpoint_coordinator *c, struct weir_effects *effects);
void checkpoint__load_advance(struct weir_checkpoint_coordinator *c, struct weir_effects *effects);
void checkpoint__loaded(
    struct weir_checkpoint_coordinator *c, const struct weir_event *event, struct weir_effects *effects);
void checkpoint__ids_listed(
    struct weir_checkpoint_coordinator *c, const struct weir_event *event, struct weir_effects *effects);
/* The job has ended without a checkpoint of its own: what it claimed is free again. */
void checkpoint__origin_release(struct weir_checkpoint_coordinator *c, struct weir_effects *effects);
/* What the origin names is not another one's, and nothing here protects it. */
bool checkpoint__origin_is_ours(const struct weir_checkpoint_coordinator *c);
void checkpoint__claim_listed(struct weir_checkpoint_coordinator *c, const struct weir_event *event);
void checkpoint__claim_done(
    struct weir_checkpoint_coordinator *c, const struct weir_event *event, struct weir_effects *effects);
void checkpoint__metadata_take(struct checkpoint_completed *done, Weir__CheckpointMetadata *metadata);
bool checkpoint__all_loaded(const struct weir_checkpoint_coordinator *c); /* what is reached is known */

/* files.c: deletion and sweep */
/* Deletes those of the paths, all below the job's directory, that nothing names and nothing will (H5, H10).
 */
void checkpoint__collect(struct weir_checkpoint_coordinator *c, const char *const *paths, uint32_t count,
    struct weir_effects *effects);
/* What our completed ones reach. */
void checkpoint__mark_checkpoints(
    const struct weir_checkpoint_coordinator *c, struct text_set *set, struct weir_arena *arena);
/* And what those in flight, ended subtasks and the origin do. */
void checkpoint__mark_all(
    const struct weir_checkpoint_coordinator *c, struct text_set *set, struct weir_arena *arena);
void checkpoint__delete(struct weir_checkpoint_coordinator *c, const char *path);
void checkpoint__files_advance(struct weir_checkpoint_coordinator *c, struct weir_effects *effects);
void checkpoint__files_done(
    struct weir_checkpoint_coordinator *c, const struct weir_event *event, struct weir_effects *effects);
void checkpoint__clean_start(struct weir_checkpoint_coordinator *c, struct weir_effects *effects);
bool checkpoint__clean_leaves(
    const struct weir_checkpoint_coordinator *c, const struct checkpoint_completed *done);
void checkpoint__sweep_want(struct weir_checkpoint_coordinator *c);
void checkpoint__sweep_aside(struct weir_checkpoint_coordinator *c, const char *directory);
void checkpoint__files_free(struct weir_checkpoint_coordinator *c);
int64_t checkpoint__files_due(const struct weir_checkpoint_coordinator *c); /* INT64_MAX: nothing waits */

/* notify.c: commits */
void checkpoint__notify(struct weir_checkpoint_coordinator *c, uint64_t id, struct weir_effects *effects);
void checkpoint__notify_advance(struct weir_checkpoint_coordinator *c, struct weir_effects *effects);
void checkpoint__committed(
    struct weir_checkpoint_coordinator *c, const struct weir_event *event, struct weir_effects *effects);
bool checkpoint__all_committed(struct weir_checkpoint_coordinator *c);

/* savepoint.c: requests of clients */
void checkpoint__requests_found(struct weir_checkpoint_coordinator *c, struct weir_effects *effects);
/* Nothing will ever name what a try has written to that folder: it is emptied, and the record remembers it.
 */
void checkpoint__folder_given_up(struct weir_checkpoint_coordinator *c, const char *directory);
struct savepoint_request *checkpoint__request_find(
    const struct weir_checkpoint_coordinator *c, const uint8_t request[16]);
/* Writes how far it is into the record; returns the record's change. */
uint64_t checkpoint__request_write(struct weir_checkpoint_coordinator *c, const uint8_t request[16],
    Weir__SavepointState state, const char *path, const char *error, uint64_t checkpoint,
    struct weir_effects *effects);
void checkpoint__request_failed(struct weir_checkpoint_coordinator *c, const uint8_t request[16],
    const char *error, struct weir_effects *effects);
void checkpoint__request_drop(struct weir_checkpoint_coordinator *c, const uint8_t request[16]);

/* splits.c */
void checkpoint__splits_start(struct weir_checkpoint_coordinator *c);
void checkpoint__splits_free(struct weir_checkpoint_coordinator *c);
void checkpoint__splits_epoch(struct weir_checkpoint_coordinator *c); /* a new one was taken */
void checkpoint__splits_tasks_changed(struct weir_checkpoint_coordinator *c, struct weir_effects *effects);
void checkpoint__splits_advance(struct weir_checkpoint_coordinator *c, struct weir_effects *effects);
void checkpoint__splits_requested(
    struct weir_checkpoint_coordinator *c, const struct weir_event *event, struct weir_effects *effects);
/* A reader has looked which splits there are. */
void checkpoint__splits_found(
    struct weir_checkpoint_coordinator *c, const struct weir_event *event, struct weir_effects *effects);
void checkpoint__splits_listed(
    struct weir_checkpoint_coordinator *c, const struct weir_event *event, struct weir_effects *effects);
/* Sends again what the checkpointed state of the reader does not show as received. */
void checkpoint__splits_resend(
    struct weir_checkpoint_coordinator *c, uint32_t vertex, uint32_t subtask, struct weir_effects *effects);
/* left_behind.c: NULL when the job takes all state of its origin, or may leave the rest behind (which is
 * logged); else the text that refuses it, in the step's arena. */
const char *checkpoint__left_behind(const struct weir_checkpoint_coordinator *c,
    const struct checkpoint_completed *origin, const Weir__CheckpointMetadata *metadata,
    struct weir_effects *effects);

/* Sets vertex->enumerator, for an enumerated vertex. */
void checkpoint__enumerator_write(
    const struct weir_checkpoint_coordinator *c, Weir__VertexSnapshot *vertex, struct weir_arena *arena);
int64_t checkpoint__splits_due(const struct weir_checkpoint_coordinator *c);

#endif
