/*
 * The JobMaster inside: one struct, and the functions that its files offer each other (jobmaster__*).
 *
 * How a step works: the event's handler notes what it says (states, reports, flags); then
 * jobmaster__advance() does everything that has become possible, in a fixed order, until nothing more is.
 * What would be more than one step's effects goes on in the next one (effects->more).
 */
#ifndef WEIR_CONTROL_JOBMASTER_INTERNAL_H
#define WEIR_CONTROL_JOBMASTER_INTERNAL_H

#include "control/jobmaster/execution_graph.h"
#include "control/jobmaster/jobmaster.h"
#include "control/jobmaster/restart_strategy.h"
#include "control/machines.h"
#include "control/planted.h"
#include <stdio.h>

enum {
    JOBMASTER_EFFECTS_PER_STEP = 1024, /* of ours; the coordinator adds its own */
    /* That one region may run on: it is deployed in one step, with one message each. */
    JOBMASTER_REGION_TASKMANAGERS_MAX = 1024,
    JOBMASTER_REQUESTS_MAX = 64,   /* clients that wait for a write to be confirmed */
    JOBMASTER_SAVEPOINTS_MAX = 16, /* remembered in the record */
    JOBMASTER_OVERRIDES_MAX = 1000,
    JOBMASTER_FLOORS_MAX = 256, /* in the record; more become one for all regions */
    JOBMASTER_STRAYS_MAX = 200000,
    JOBMASTER_REPORTS_MAX = 400000, /* of one TaskManager, before the plan is known */
    JOBMASTER_TEXT_BYTES_MAX = 512,
    JOBMASTER_ADVANCE_ROUNDS_MAX = 16,
    JOBMASTER_SINK_DELETES_MAX = 256, /* in flight */
    JOBMASTER_GARBAGE_MAX = 2000,     /* told at once */
    JOBMASTER_SINK_TRIES_MAX = 8      /* then the tombstone's sweep goes on with it */
};
#define JOBMASTER_BACK_OFF_FIRST_US  (100 * 1000LL)
#define JOBMASTER_BACK_OFF_MAX_US    (10 * 1000 * 1000LL)
#define JOBMASTER_NOT_FOUND_DELAY_US (2 * 1000 * 1000LL) /* H9: not found is believed the second time */
#define JOBMASTER_FINAL_COMMIT_US    (30 * 1000 * 1000LL)
#define JOBMASTER_COMMIT_RETRY_US    (200 * 1000LL)

enum jobmaster_tag_kind {
    JOBMASTER_TAG_RECORD = 1,
    JOBMASTER_TAG_PLAN,         /* blob */
    JOBMASTER_TAG_PLAN_DELETE,  /* blob */
    JOBMASTER_TAG_SINKS_LIST,   /* blob */
    JOBMASTER_TAG_SINKS_DELETE, /* blob */
    JOBMASTER_TAG_GARBAGE,      /* blob */
    JOBMASTER_TAG_TIMER         /* the one timer: everything that waits for a time */
};

struct jobmaster_taskmanager {
    weir_node node;
    uint64_t incarnation;
    char *data_address; /* in memory */
    size_t data_address_bytes;
    bool registered;
    bool lost; /* this incarnation is gone */
    /* Collected during a step, sent at its end. */
    struct outbox_item *cancels, *forgets;
    bool in_outbox;
    /* Scratch of grouping a region's members. */
    uint32_t group_mark, group_first, group_count;
    /* Before the graph is there: what it reported. */
    struct weir_arena report_arena;
    Weir__AttemptReport **reports;
    uint32_t report_count, report_capacity;
    uint32_t whole_count; /* the first of them: its report; the others have come since and name no splits */
};

struct outbox_item {
    struct outbox_item *next;
    struct weir_attempt_id attempt;
};

struct jobmaster_slot {
    struct weir_slot slot;
    uint32_t share; /* subtask index that it is for, GRAPH_NONE: free */
};

/* An attempt of another run than the present one that may still hold its slot. */
struct jobmaster_stray {
    bool used;
    uint32_t next; /* in its bucket, or of the free ones */
    struct weir_attempt_id attempt;
    uint32_t taskmanager, region; /* region GRAPH_NONE: of none any more */
    uint64_t report_mark;
};

/* END_SINKS: one place after the other is listed, and what is found there deleted. */
struct jobmaster_sinks {
    size_t place;
    uint32_t tries; /* of this place that failed */
    uint32_t deleting;
    bool listing, failed, more;
    uint64_t number; /* of the requests that count */
    int64_t at_us, back_off_us;
};

struct jobmaster_request {
    weir_node from;
    uint64_t request, change;
    Weir__ReplyCode code;
    const char *text; /* constant */
};

enum start_phase {
    START_NONE,
    START_CLAIMING, /* the record is being created, or claimed */
    START_PLAN,     /* the plan is being read */
    START_STATE,    /* the newest checkpoint is being read */
    START_DONE
};

enum end_phase {
    END_NONE,
    END_COMMITTING,    /* what the record names is being committed (H7) */
    END_CANCELLING,    /* until nothing runs */
    END_WRITING,       /* TERMINAL_DIRTY */
    END_CLEANING,      /* checkpoints */
    END_SINKS,         /* what sinks have left uncommitted */
    END_PLAN,          /* the plan is being deleted */
    END_CLEAN_WRITING, /* TERMINAL_CLEAN */
    END_DONE
};

struct weir_jobmaster {
    struct weir_memory *memory;
    struct weir_nodes *nodes;
    struct weir_identity *identity;
    const struct weir_control_options *options;
    struct weir_job_id job;
    uint64_t random;
    int64_t now_us, wall_us;
    uint64_t progress; /* grows with whatever may make something else possible */

    Weir__JobState state;
    bool suspended, fenced, fenced_told;

    /* start */
    enum start_phase start;
    bool recovered; /* the record was there before us: tasks may run */
    bool plan_not_found_once, plan_in_flight;
    const char *plan_failure; /* H9: final; in start_arena */
    int64_t plan_at_us, plan_back_off_us;
    struct weir_arena start_arena; /* key of the record, its plan as submitted */
    struct weir_arena plan_arena;
    const Weir__ExecutionPlan *plan;
    struct weir_record record;
    bool record_ready;
    struct weir_checkpoint_coordinator *coordinator;

    /* graph */
    struct weir_arena graph_arenas[2];
    uint32_t graph_arena;
    struct execution_graph graph;
    bool graph_ready;
    struct weir_checkpoint_task *tasks; /* as the coordinator sees them; in the graph's arena */
    /* The coordinator is told when it matters: at once when urgent, or when all run or no longer do; else in
     * time, so that ten thousand tasks that end one by one are not described ten thousand times. */
    bool tasks_dirty, tasks_urgent, told_all_running;
    int64_t told_at_us;
    uint64_t run_counter;
    bool scan;        /* regions may be deployed that could not before */
    uint32_t scan_at; /* where a scan that filled a step goes on */
    /* By subtask and by vertex, during a scan: what the newest checkpoint holds. In the graph's arena. */
    const Weir__SubtaskSnapshot **restored;
    const Weir__VertexSnapshot **restored_vertices;
    uint64_t forgotten_checkpoint; /* what it covers was forgotten */

    /* task managers and slots */
    struct jobmaster_taskmanager **taskmanagers;
    uint32_t taskmanager_count, taskmanager_capacity;
    uint32_t *taskmanager_of_node;
    uint32_t node_capacity;
    uint32_t group_mark;
    struct weir_arena outbox_arena;
    uint32_t *outbox;
    uint32_t outbox_count, outbox_capacity;
    struct jobmaster_slot *slots;
    uint32_t slot_count, slot_capacity;
    uint32_t *share_slot; /* by subtask index: position in slots, GRAPH_NONE */
    /* Where each ran last: its local snapshots are there, for every process of that host. */
    struct jobmaster_home {
        weir_node node; /* 0: nowhere yet */
        uint64_t host;
    } * share_home;
    uint32_t share_count;
    uint32_t slot_free;   /* no slot before this one is free */
    uint32_t *slot_index; /* open addressing by node and index */
    uint32_t slot_index_count;
    uint32_t slots_required;    /* as told last */
    uint64_t surplus_looked_at; /* what had happened when it was last seen that none can be given back */
    bool registered;
    struct jobmaster_stray *strays;
    uint32_t stray_count, stray_capacity, stray_free;
    uint32_t *stray_buckets, stray_bucket_count;

    /* failures */
    struct restart_strategy restart;
    uint64_t failovers;
    uint32_t tasks_restarted;       /* by the takeover that has begun this JobMaster */
    uint64_t unreadable_checkpoint; /* H9: the one that a task could not restore, since then */
    int64_t unreadable_since_us;
    struct weir_jobmaster_exception *exceptions; /* WEIR_JOBMASTER_EXCEPTIONS_MAX, from the first one on */
    uint32_t exception_count;                    /* ever; a ring */
    const char *coordinator_failure;             /* callback: to be acted on */
    char coordinator_failure_text[JOBMASTER_TEXT_BYTES_MAX];

    /* re-attachment */
    int64_t reattach_deadline_us;
    bool reattach_scan;   /* something was reported or lost */
    bool all_reported;    /* whatever could be waited for has been: what is missing runs nowhere in sight */
    uint64_t report_mark; /* the report being applied */

    /* requests */
    struct jobmaster_request requests[JOBMASTER_REQUESTS_MAX];
    uint32_t request_count;
    bool stop_told;           /* the coordinator knows of the STOP with this request */
    uint8_t stop_request[16]; /* may be any bytes */
    bool stop_failed;         /* callback */
    char stop_error[JOBMASTER_TEXT_BYTES_MAX];
    uint64_t savepoints_change; /* confirmed: the coordinator is told of new savepoints */
    uint64_t graph_version; /* plan version that the graph was built from; the record's is ahead: rescale */
    int64_t rescale_deadline_us; /* a checkpoint is waited for until then */
    uint64_t rescale_checkpoint; /* newest when it was asked for */
    uint64_t rescale_version;    /* plan version whose regions are being cancelled */
    int64_t rescale_slots_us;    /* since when, or since when again, it waits for slots; 0: it does not */
    uint64_t rescale_told;       /* plan version of which was said that it waits for slots */
    bool rescale_waits, rescale_cancelling;
    struct jobmaster_rescales *rescales; /* rescale_history.c; NULL: none yet */
    Weir__JobState rescale_seen;

    /* end */
    enum end_phase end;
    Weir__JobState end_state;
    char end_error[JOBMASTER_TEXT_BYTES_MAX];
    bool keep_all;    /* H9 */
    bool final_told;  /* the coordinator takes the final checkpoint */
    bool commit_told; /* the coordinator commits what the record names */
    bool committed;   /* callback */
    uint64_t committed_checkpoint, uncommitted_checkpoint;
    int64_t commit_deadline_us;
    uint64_t end_change;
    struct jobmaster_sinks sinks;
    int64_t state_wall_us, changed_wall_us; /* since when it is in its state; it, or a task of it */
    uint64_t garbage_number;                /* the last question of that kind */
    bool garbage_dry_run;
    bool plan_delete_in_flight;
    int64_t plan_delete_at_us;

    int64_t started_wall_ms, ended_wall_ms;
    bool status_dirty;
    uint64_t status_checkpoint;
    int64_t timer_us, timer_wanted_us;
};

/* jobmaster.c */
struct weir_tag jobmaster__tag(const struct weir_jobmaster *jm, enum jobmaster_tag_kind kind);
void jobmaster__set_state(struct weir_jobmaster *jm, Weir__JobState state); /* the one that makes it */
bool jobmaster__full(const struct weir_effects *effects);
/* No write of the record is under way or wanted: what the newest checkpoint is, is known (H8). */
bool jobmaster__settled(const struct weir_jobmaster *jm);
void jobmaster__record_changed(struct weir_jobmaster *jm, struct weir_effects *effects);
void jobmaster__wake(struct weir_jobmaster *jm, int64_t at_us); /* the timer fires then, or earlier */
int64_t jobmaster__back_off(int64_t *back_off_us);
/* The newest checkpoint that the record names; 0: none. */
uint64_t jobmaster__newest(const struct weir_jobmaster *jm, Weir__CheckpointKind *ret_kind);
/* What a region that is deployed now restores: the newest checkpoint, or the savepoint that the job was
 * started from; 0: nothing. */
uint64_t jobmaster__restore_point(const struct weir_jobmaster *jm);
bool jobmaster__ending(const struct weir_jobmaster *jm);
/* A STOP's savepoint or the final checkpoint is named: what is redeployed only commits and finishes. */
bool jobmaster__only_commit(const struct weir_jobmaster *jm);

/* start.c */
void start__begin(struct weir_jobmaster *jm, const struct weir_event *event, struct weir_effects *effects);
void start__plan_read(
    struct weir_jobmaster *jm, const struct weir_event *event, struct weir_effects *effects);
void start__advance(struct weir_jobmaster *jm, struct weir_effects *effects);

/* taskmanagers.c */
uint32_t taskmanagers__find(const struct weir_jobmaster *jm, weir_node node); /* GRAPH_NONE */
uint32_t taskmanagers__get(struct weir_jobmaster *jm, weir_node node);
void taskmanagers__free(struct weir_jobmaster *jm);
void taskmanagers__set_address(struct weir_jobmaster *jm, uint32_t taskmanager, const char *address);
void taskmanagers__cancel(
    struct weir_jobmaster *jm, uint32_t taskmanager, const struct weir_attempt_id *attempt);
void taskmanagers__forget(
    struct weir_jobmaster *jm, uint32_t taskmanager, const struct weir_attempt_id *attempt);
void taskmanagers__flush(struct weir_jobmaster *jm, struct weir_effects *effects);
void taskmanagers__add_stray(
    struct weir_jobmaster *jm, const struct weir_attempt_id *attempt, uint32_t taskmanager);
void taskmanagers__drop_stray(struct weir_jobmaster *jm, const struct weir_attempt_id *attempt);
struct jobmaster_stray *taskmanagers__find_stray(
    struct weir_jobmaster *jm, const struct weir_attempt_id *attempt);
/* Those whose last report is older; UINT64_MAX: all. */
void taskmanagers__drop_strays_of(struct weir_jobmaster *jm, uint32_t taskmanager, uint64_t older_than);
void taskmanagers__strays_rebind(struct weir_jobmaster *jm); /* the graph was exchanged */

/* slots.c */
void slots__require(struct weir_jobmaster *jm, struct weir_effects *effects);
void slots__granted(struct weir_jobmaster *jm, const struct weir_local_message *message);
void slots__bind(struct weir_jobmaster *jm, uint32_t share, uint32_t taskmanager, uint32_t slot);
uint32_t slots__for(struct weir_jobmaster *jm, uint32_t share); /* position in slots; GRAPH_NONE */
/* A deployment was refused: the slot is given back, another one comes. */
void slots__failed(struct weir_jobmaster *jm, uint32_t subtask, struct weir_effects *effects);
/* The graph has become narrower, and what ran in the slots that it needs no more has stopped: other jobs get
 * them. */
void slots__release_surplus(struct weir_jobmaster *jm, struct weir_effects *effects);
/* It has waited too long for more: what it holds and does not use goes to those who wait, or two jobs would
 * wait for what the other one holds. It still wants as many, behind all others. */
void slots__release_unused(struct weir_jobmaster *jm, struct weir_effects *effects);
/* Slots that the job was given for attempts of earlier runs, or before all that it has was reported. */
void slots__release_needless(struct weir_jobmaster *jm, struct weir_effects *effects);
void slots__release_all(struct weir_jobmaster *jm, struct weir_effects *effects);
void slots__shares(struct weir_jobmaster *jm); /* the graph's largest parallelism changed */
void slots__free(struct weir_jobmaster *jm);

/* deploy.c */
void deploy__advance(struct weir_jobmaster *jm, struct weir_effects *effects);
/* After a report that names none of them (jm->report_mark): deployments to that TaskManager that were lost
 * with their connection go again, under the same attempts. */
void deploy__send_again(struct weir_jobmaster *jm, uint32_t taskmanager, struct weir_effects *effects);
/* Asks every attempt of the region to end; STOPPED follows when finish, else WAITING. */
void deploy__cancel_region(struct weir_jobmaster *jm, uint32_t region, bool finish);
void deploy__state_update(
    struct weir_jobmaster *jm, const struct weir_event *event, struct weir_effects *effects);
/* What a TaskManager says about an attempt, by an update or in a report. */
void deploy__attempt_says(struct weir_jobmaster *jm, uint32_t taskmanager, const Weir__AttemptReport *report,
    struct weir_effects *effects);
/* When it started and ended, and what it had done by then: as its TaskManager has it, so that a later leader
 * says the same. commit_only: one that only commits what an earlier attempt has done, which is shown. */
void deploy__note_times(struct graph_subtask *subtask, const Weir__AttemptReport *report, bool commit_only);
void deploy__finished_checkpoint(struct weir_jobmaster *jm); /* forgets what a completed one covers */
void deploy__region_progress(struct weir_jobmaster *jm, uint32_t region);
/* Fills jm->restored and jm->restored_vertices. metadata: NULL is nothing. */
void deploy__find_restored(struct weir_jobmaster *jm, const Weir__CheckpointMetadata *metadata);
/* A stranger's, or of an earlier run: what still runs is cancelled, what has ended is forgotten (H11, H13).
 */
void deploy__not_ours(struct weir_jobmaster *jm, uint32_t taskmanager, const struct weir_attempt_id *attempt,
    Weir__ExecutionState state);

/* floors.c: runs that may not come back (H13) */
/* True when a floor was written: what is deployed waits until it is confirmed. */
bool floors__write(struct weir_jobmaster *jm, struct weir_effects *effects);
/* The same, for the record's next change to take along. cancelling: also of regions that are being cancelled.
 */
bool floors__add(struct weir_jobmaster *jm, bool cancelling);
void floors__read(struct weir_jobmaster *jm); /* from the record, into the regions */
bool floors__is_deposed(const struct graph_region *region, const struct weir_run *run);

/* failover.c */
void failover__subtask(
    struct weir_jobmaster *jm, uint32_t subtask, const char *reason, struct weir_effects *effects);
/* Not a failure of the job: a takeover did not find all of it. */
void failover__region_lost(
    struct weir_jobmaster *jm, uint32_t region, const char *reason, struct weir_effects *effects);
void failover__taskmanager_lost(
    struct weir_jobmaster *jm, uint32_t taskmanager, const char *reason, struct weir_effects *effects);
/* H9: a task says that the checkpoint which it was to restore cannot be read; believed the second time. */
void failover__unreadable(
    struct weir_jobmaster *jm, uint64_t checkpoint, const char *reason, struct weir_effects *effects);
/* A region that could not even be deployed. */
void failover__waiting(
    struct weir_jobmaster *jm, uint32_t region, const char *reason, struct weir_effects *effects);
void failover__all(struct weir_jobmaster *jm, const char *reason, struct weir_effects *effects);
void failover__job(struct weir_jobmaster *jm, const char *reason, struct weir_effects *effects);
/* After a drain that failed: what has ended for it goes back to the last checkpoint. The record's next change
 * says so, too: that must be the one that takes the stop back. */
void failover__drained(struct weir_jobmaster *jm, const char *reason, struct weir_effects *effects);
void failover__note(struct weir_jobmaster *jm, uint32_t subtask, const char *reason);

/* reattach.c */
/* Reports are acted on; before, they are remembered. When the end is decided, whatever runs is a stray. */
bool reattach__applies(const struct weir_jobmaster *jm);
void reattach__begin(struct weir_jobmaster *jm);
void reattach__report(
    struct weir_jobmaster *jm, const struct weir_local_message *message, struct weir_effects *effects);
void reattach__replay(struct weir_jobmaster *jm, struct weir_effects *effects); /* reports before the graph */
/* Before the graph is there: an update after the report. */
void reattach__remember(struct weir_jobmaster *jm, uint32_t taskmanager, const Weir__AttemptReport *report);
/* An update of an attempt of a region that is being re-attached. */
void reattach__says(struct weir_jobmaster *jm, uint32_t taskmanager, const Weir__AttemptReport *report,
    struct weir_effects *effects);
void reattach__advance(struct weir_jobmaster *jm, struct weir_effects *effects);

/* requests.c */
void requests__client(
    struct weir_jobmaster *jm, const struct weir_event *event, struct weir_effects *effects);
/* Answered when what the record wants by now is confirmed. text: constant. */
void requests__answer_later(struct weir_jobmaster *jm, weir_node from, uint64_t request, Weir__ReplyCode code,
    const char *text, struct weir_effects *effects);
void requests__advance(struct weir_jobmaster *jm, struct weir_effects *effects);
/* What has come of the savepoint of a STOP, also of one that a CANCEL took the place of; NULL: nobody asked
 * for one. Borrows from the record. */
Weir__SavepointRequest *requests__stopped_with(const Weir__JobRecord *record, struct weir_arena *arena);
/* The last ones that are complete: who asked for one may look only after the end. Borrows from the record. */
void requests__keep_savepoints(
    const Weir__JobRecord *record, Weir__JobResult *result, struct weir_arena *arena);
void requests__target_run(struct weir_jobmaster *jm, const char *error, struct weir_effects *effects);

/* rescale.c */
void rescale__request(struct weir_jobmaster *jm, weir_node from, uint64_t request,
    const Weir__RescaleJob *message, struct weir_effects *effects);
void rescale__advance(struct weir_jobmaster *jm, struct weir_effects *effects);
/* How many slots the width needs that the record wants, and that is not carried out yet; 0: there is none. */
uint32_t rescale__slots(const struct weir_jobmaster *jm);

/* rescale_history.c: what is shown of rescalings; nothing is decided by it. Gone with the leader. */
void rescales__requested(struct weir_jobmaster *jm);
void rescales__observe(struct weir_jobmaster *jm); /* whenever the state may have changed */
void rescales__describe(const struct weir_jobmaster *jm, Weir__JobDetails *details, struct weir_arena *arena);
void rescales__free(struct weir_jobmaster *jm);

/* tasks.c: what the coordinator sees */
void tasks__allocate(struct weir_jobmaster *jm);
void tasks__tell(struct weir_jobmaster *jm, struct weir_effects *effects);

/* sinks.c */
/* For the terminal record, as far as it is known; again before it says that all is clean. */
void sinks__note(struct weir_jobmaster *jm, Weir__JobResult *result, struct weir_arena *arena);
bool sinks__advance(struct weir_jobmaster *jm, struct weir_effects *effects); /* true: nothing is left */
void sinks__listed(struct weir_jobmaster *jm, const struct weir_event *event, struct weir_effects *effects);
void sinks__deleted(struct weir_jobmaster *jm, const struct weir_event *event);

/* garbage.c */
void garbage__asked(
    struct weir_jobmaster *jm, const struct weir_local_message *message, struct weir_effects *effects);
void garbage__listed(struct weir_jobmaster *jm, const struct weir_event *event, struct weir_effects *effects);

/* end.c */
void end__begin(
    struct weir_jobmaster *jm, Weir__JobState state, const char *error, struct weir_effects *effects);
void end__advance(struct weir_jobmaster *jm, struct weir_effects *effects);
void end__plan_deleted(
    struct weir_jobmaster *jm, const struct weir_event *event, struct weir_effects *effects);
/* A record found TERMINAL_DIRTY or TERMINAL_CLEAN. */
void end__recovered(struct weir_jobmaster *jm, struct weir_effects *effects);

/* summary.c */
void summary__send(struct weir_jobmaster *jm, struct weir_effects *effects);
Weir__JobSummary *summary__make(const struct weir_jobmaster *jm, struct weir_arena *arena);
void summary__reply(struct weir_jobmaster *jm, weir_node from, uint64_t request, Weir__ReplyCode code,
    const char *text, struct weir_effects *effects);

/* details.c */
/* What is shown of its state: of a job that was canceled or has failed, what became of its work, not of the
 * attempt that came after it to commit. */
Weir__ExecutionState details__state(const struct weir_jobmaster *jm, const struct graph_subtask *subtask);
#define DETAILS_ALL_PARTS UINT64_MAX
/* Borrows from the plan and the record: for a message that is sent in this step. */
/* checkpoint: its parts are among them; 0: of none. DETAILS_ALL_PARTS: of all. */
Weir__JobDetails *details__make(
    const struct weir_jobmaster *jm, uint64_t checkpoint, struct weir_arena *arena);

#endif
