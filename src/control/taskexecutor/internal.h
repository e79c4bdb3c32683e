/* Shared inside control/taskexecutor/. */
#ifndef WEIR_CONTROL_TASKEXECUTOR_INTERNAL_H
#define WEIR_CONTROL_TASKEXECUTOR_INTERNAL_H

#include "control/machines.h"
#include "control/planted.h"

enum {
    TE__ATTEMPTS_MAX = 2048,     /* with terminal ones that nobody has acknowledged */
    TE__BUCKETS = 1024,          /* of the table of attempts */
    TE__STEP_EFFECTS_MAX = 2048, /* then the step is continued */
    TE__PENDING_MAX = 8,         /* checkpoints of one attempt that are neither acknowledged nor given up */
    TE__TAKEN_MAX = 16,          /* acknowledged ones that are remembered */
    TE__GIVEN_UP_MAX = 8,        /* given up ones that are remembered */
    TE__HELD_MAX = 8,            /* messages of one attempt that wait for a leader */
    TE__PEERS_MAX = 4096,        /* TaskManagers of one region */
    TE__SPLITS_MAX = 1 << 20,    /* of one attempt, since the newest completed checkpoint: all of a source */
    TE__FOUND_MAX = 1000,        /* splits in one message that tells of them */
    TE__LOCAL_SNAPSHOTS_MAX = 4096,
    TE__CANDIDATES_POLLS = 5,
    TE__CONNECTIONS_MAX = 64 /* JobManagers */
};

/* What waits for a leader, packed: an AcknowledgeCheckpoint or a DeclineCheckpoint. */
struct te__held {
    bool acknowledge;
    bool sent; /* on this connection */
    uint64_t checkpoint, barrier_epoch;
    uint8_t *bytes;
    size_t length;
};

struct te__pending {
    uint64_t checkpoint, epoch;
    uint64_t split_epoch, split_sequence; /* a source: received when it was triggered */
    int64_t age_us;                       /* time of its own loop */
};

/* A checkpoint that this attempt took: what it covers. */
struct te__taken {
    uint64_t checkpoint, split_epoch, split_sequence;
};

struct te__split {
    char *id; /* owned */
    uint64_t epoch, sequence, order;
    uint32_t vertex;
    bool finished;
};

struct te__peer {
    char *name; /* owned */
    uint64_t incarnation;
};

struct te__attempt {
    struct weir_attempt_id id;
    struct weir_run run;
    Weir__ExecutionState state;    /* INITIALIZING RUNNING CANCELING FINISHED CANCELED FAILED */
    uint32_t slot, index;          /* index: place in attempts */
    struct te__attempt *next;      /* of its bucket */
    struct te__attempt *slot_next; /* living ones of its slot */
    bool update_due, cancel_due;   /* effects that are still to be emitted */
    bool queued;                   /* in the list of those */
    struct te__attempt *queue_next;
    struct te__peer *peers;
    uint32_t peer_count;
    uint64_t newest_barrier, newest_barrier_epoch;
    uint8_t *final_snapshot; /* packed */
    size_t final_snapshot_length;
    char *error;
    bool state_unreadable;
    int64_t started_ms, ended_ms;
    bool has_figures;
    Weir__TaskFigures figures; /* what it had done when it ended */
    uint64_t committed_checkpoint;
    uint64_t final_asked; /* the checkpoint for which the final snapshot was told complete */
    struct te__pending pending[TE__PENDING_MAX];
    uint32_t pending_count;
    struct te__taken taken[TE__TAKEN_MAX];
    uint32_t taken_count;
    uint64_t given_up[TE__GIVEN_UP_MAX]; /* a ring */
    uint32_t given_up_next;
    struct te__held held[TE__HELD_MAX];
    uint32_t held_count;
    struct te__split *splits;
    uint32_t split_count, split_capacity;
    uint64_t split_epoch, split_sequence; /* newest received */
    bool split_wanted;                    /* a source that waits for its next one */
    int64_t split_asked_us;               /* when the leader was last told so */
};

struct te__slot {
    struct te__attempt *first; /* living ones */
};

/* A JobManager, or what may be one. */
struct te__connection {
    weir_node node;
    char *address;           /* owned; NULL: not ours to dial */
    bool up, reset;          /* reset: it was up and broke */
    bool configured, listed; /* listed: by the newest look at the candidates */
    uint64_t incarnation;
    int64_t up_since_us;
    int64_t redialed_us;
};

struct te__local_snapshot {
    struct weir_job_id job;
    char *file; /* owned */
    uint64_t hash, checkpoint;
};

struct weir_taskexecutor {
    struct weir_memory *memory;
    struct weir_nodes *nodes;
    struct weir_identity *identity;
    const struct weir_control_options *options;
    struct te__slot *slots;
    uint32_t slot_count;
    struct te__attempt *attempts[TE__ATTEMPTS_MAX];
    uint32_t attempt_count;
    struct te__attempt *buckets[TE__BUCKETS];
    struct te__attempt *queue_first, *queue_last; /* with effects due */
    struct te__connection connections[TE__CONNECTIONS_MAX];
    uint32_t connection_count, connection_next; /* next: the first to make room */
    int64_t last_tick_us, silence_us;           /* silence: by ticks of its own loop */
    int64_t searched_us; /* no leader was ever met: for so long, counted in the same way */
    bool search_told;
    bool ticked, silent, grace_over;
    bool reported;          /* on this connection, under this epoch */
    bool reporting;         /* held acknowledgements go out, then the report */
    uint32_t report_cursor; /* attempts whose acknowledgements are out */
    bool leader_lost;       /* told to standbys */
    weir_node recorded;     /* the leader that the store named last */
    struct te__local_snapshot *local_snapshots;
    uint32_t local_snapshot_count, local_snapshot_capacity;
    /* store */
    bool store_connected, store_reading, candidates_reading;
    int64_t store_read_at_us, candidates_read_at_us;
    uint64_t store_reads;
};

/* --- attempts.c --- */
bool te__state_is_terminal(Weir__ExecutionState state);
bool te__transition_is_legal(Weir__ExecutionState from, Weir__ExecutionState to);
/* The one place where a state changes. An illegal change is not made: false. */
bool te__attempt_set_state(
    struct weir_taskexecutor *executor, struct te__attempt *attempt, Weir__ExecutionState state);
struct te__attempt *te__attempt_find(
    const struct weir_taskexecutor *executor, const struct weir_attempt_id *id);
/* A living attempt of the same subtask, or of the same vertex or another job in that slot: NULL when free. */
struct te__attempt *te__attempt_in_the_way(
    const struct weir_taskexecutor *executor, const struct weir_attempt_id *id, uint32_t slot);
/* The table has room. It is in no slot yet. */
struct te__attempt *te__attempt_add(struct weir_taskexecutor *executor, const struct weir_attempt_id *id,
    const struct weir_run *run, uint32_t slot);
void te__attempt_enter_slot(struct weir_taskexecutor *executor, struct te__attempt *attempt); /* free */
void te__attempt_remove(struct weir_taskexecutor *executor, struct te__attempt *attempt);
/* What it holds goes out at the end of the step; its update; its cancellation. */
void te__attempt_queue(struct weir_taskexecutor *executor, struct te__attempt *attempt);
void te__attempt_update(struct weir_taskexecutor *executor, struct te__attempt *attempt);
void te__attempt_cancel(struct weir_taskexecutor *executor, struct te__attempt *attempt);
char *te__text_copy(struct weir_memory *memory, const char *text);
void te__text_free(struct weir_memory *memory, char *text); /* NULL: nothing */

/* --- deploy.c --- */
void te__on_deploy(
    struct weir_taskexecutor *executor, const struct weir_event *event, struct weir_effects *effects);
void te__on_cancel(
    struct weir_taskexecutor *executor, const struct weir_event *event, struct weir_effects *effects);
void te__on_forget(
    struct weir_taskexecutor *executor, const struct weir_event *event, struct weir_effects *effects);
void te__on_task(
    struct weir_taskexecutor *executor, const struct weir_event *event, struct weir_effects *effects);

/* --- checkpoints.c --- */
void te__on_trigger(
    struct weir_taskexecutor *executor, const struct weir_event *event, struct weir_effects *effects);
void te__on_complete(
    struct weir_taskexecutor *executor, const struct weir_event *event, struct weir_effects *effects);
void te__on_abort(
    struct weir_taskexecutor *executor, const struct weir_event *event, struct weir_effects *effects);
void te__on_acknowledged(struct weir_taskexecutor *executor, struct te__attempt *attempt,
    const struct weir_task_event *task, struct weir_effects *effects);
void te__on_declined(struct weir_taskexecutor *executor, struct te__attempt *attempt,
    const struct weir_task_event *task, struct weir_effects *effects);
void te__on_committed(struct weir_taskexecutor *executor, struct te__attempt *attempt,
    const struct weir_task_event *task, struct weir_effects *effects);
void te__on_barrier(struct te__attempt *attempt, const struct weir_task_event *task);
/* Alignments that wait for a leader that is silent are given up (H8). */
void te__abort_silent(struct weir_taskexecutor *executor, struct weir_effects *effects);
/* Gives up what the attempt has a barrier or a trigger of and has not acknowledged, and says so. */
void te__abort_pending(
    struct weir_taskexecutor *executor, struct te__attempt *attempt, struct weir_effects *effects);
/* Epoch: the one adopted. What was held or pending for older ones is dropped. */
void te__checkpoints_adopt(struct weir_taskexecutor *executor, uint64_t epoch);
/* Time of its own loop has passed. */
void te__pending_age(struct weir_taskexecutor *executor, int64_t passed_us);

/* --- splits.c --- */
void te__on_splits(
    struct weir_taskexecutor *executor, const struct weir_event *event, struct weir_effects *effects);
void te__on_discover(
    struct weir_taskexecutor *executor, const struct weir_event *event, struct weir_effects *effects);
void te__on_splits_wanted(struct weir_taskexecutor *executor, struct te__attempt *attempt, int64_t now_us,
    struct weir_effects *effects);
void te__on_splits_found(struct weir_taskexecutor *executor, struct te__attempt *attempt,
    const struct weir_task_event *task, struct weir_effects *effects);
/* Asks again for those who still wait: a request may have been lost, or come before the leader knew them. */
void te__splits_ask_again(struct weir_taskexecutor *executor, int64_t now_us, struct weir_effects *effects);
/* What a completed checkpoint covers need not be reported. */
void te__splits_covered(
    struct weir_taskexecutor *executor, struct te__attempt *attempt, uint64_t epoch, uint64_t sequence);

/* --- report.c --- */
bool te__leader_hears(const struct weir_taskexecutor *executor); /* connected, adopted, reported */
void te__send_to_leader(struct weir_taskexecutor *executor, struct weir_effects *effects, enum weir_role to,
    const struct weir_job_id *job, Weir__Envelope__BodyCase body, void *message);
Weir__AttemptReport *te__attempt_report(
    const struct te__attempt *attempt, bool whole, struct weir_arena *arena);
/* Held acknowledgements, then the report, at the end of this step: on a new connection to the adopted leader,
 * and on adoption. */
void te__report_start(struct weir_taskexecutor *executor);
/* False: there is more than fits into this step. */
bool te__report_continue(struct weir_taskexecutor *executor, struct weir_effects *effects);
/* takes nothing: packs the message. */
void te__hold(struct weir_taskexecutor *executor, struct te__attempt *attempt, bool acknowledge,
    uint64_t checkpoint, uint64_t barrier_epoch, const ProtobufCMessage *message);
void te__held_remove(struct weir_taskexecutor *executor, struct te__attempt *attempt, uint32_t index);
/* Sends what is held of this attempt and may be heard now. */
void te__held_flush(
    struct weir_taskexecutor *executor, struct te__attempt *attempt, struct weir_effects *effects);
/* Updates and cancellations that are due; false: there are more than fit into this step. */
bool te__flush_queue(struct weir_taskexecutor *executor, struct weir_effects *effects);
void te__local_snapshot_keep(
    struct weir_taskexecutor *executor, const struct weir_job_id *job, const Weir__SubtaskSnapshot *snapshot);
void te__local_snapshots_forget(
    struct weir_taskexecutor *executor, const struct weir_job_id *job, uint64_t below_checkpoint);

/* --- follow.c --- */
struct te__connection *te__connection_find(struct weir_taskexecutor *executor, weir_node node);
/* address NULL: it dials us. NULL: too many. */
struct te__connection *te__connection_add(
    struct weir_taskexecutor *executor, weir_node node, const char *address, struct weir_effects *effects);
void te__on_announcement(
    struct weir_taskexecutor *executor, const struct weir_event *event, struct weir_effects *effects);
void te__on_heard(struct weir_taskexecutor *executor); /* something came from the adopted leader */
void te__greet(struct weir_taskexecutor *executor, weir_node node, struct weir_effects *effects);
/* The leader's process is gone: standbys are told, once for each. */
void te__leader_is_lost(struct weir_taskexecutor *executor, struct weir_effects *effects);
void te__tell_lost(struct weir_taskexecutor *executor, weir_node standby, struct weir_effects *effects);
void te__on_tick_follow(
    struct weir_taskexecutor *executor, const struct weir_event *event, struct weir_effects *effects);
void te__redial_deaf(struct weir_taskexecutor *executor, int64_t now_us, struct weir_effects *effects);
void te__on_heartbeat(
    struct weir_taskexecutor *executor, const struct weir_event *event, struct weir_effects *effects);
void te__on_connection(
    struct weir_taskexecutor *executor, const struct weir_event *event, struct weir_effects *effects);
void te__on_store(
    struct weir_taskexecutor *executor, const struct weir_event *event, struct weir_effects *effects);
void te__store_poll(struct weir_taskexecutor *executor, int64_t now_us, struct weir_effects *effects);

#define TE__SEARCH_TOLD_US (10 * 1000 * 1000LL)

enum te__tag_kind { TE__TAG_TICK = 1, TE__TAG_STORE };

#endif
