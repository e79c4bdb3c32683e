/* What machines of one JobManager tell each other. Same loop turn, in order, never lost; dropped at REVOKED.
 */
#ifndef WEIR_CONTROL_LOCAL_H
#define WEIR_CONTROL_LOCAL_H

#include "control/event.h"

enum weir_local_kind {
    WEIR_LOCAL_CONTINUE, /* the machine itself asked for it with effects->more */

    /* leader -> dispatcher, resourcemanager (which pass on what their own need) */
    /* epoch, leader_version, known_since_us, job: this process leads; job: the id of an application */
    WEIR_LOCAL_GRANTED,
    WEIR_LOCAL_REVOKED, /* it does not any more: forget everything, answer nothing */
    WEIR_LOCAL_EPOCH,   /* H1: a larger epoch was met; the leader record was rewritten: epoch, leader_version,
                           job */
    WEIR_LOCAL_SUSPENDED, /* H8: the store is out of reach: confirm nothing, complete nothing */
    WEIR_LOCAL_RESUMED,
    WEIR_LOCAL_RETRIEVED, /* node, epoch: who leads now, 0 when nobody; to standbys, too */
    /* leader -> resourcemanager, of standbys, too: node, incarnation, address: a TaskManager is connected */
    WEIR_LOCAL_TASKMANAGER_GREETED,
    /* leader -> dispatcher: the leader record says that the cluster ends; at GRANTED, too, when it did before
     */
    WEIR_LOCAL_END_RECORDED,
    /* dispatcher -> resourcemanager: every job of the store has its JobMaster; attempts of any other are
       cancelled */
    WEIR_LOCAL_RECOVERED,

    /* dispatcher -> jobmaster */
    WEIR_LOCAL_JOB_START, /* job_start; by WEIR_EFFECT_JOB_START */
    WEIR_LOCAL_CLIENT,    /* from, envelope: a request about this job; the jobmaster answers */
    WEIR_LOCAL_GARBAGE, /* garbage: what has it given up and not deleted yet? answered once, as long as it is
                           there */
    /* jobmaster -> dispatcher */
    /* summary: on every change that a list shows. The first one of a new job (record_version 0) says that its
     * record is confirmed: the client is answered. */
    WEIR_LOCAL_JOB_STATUS,
    WEIR_LOCAL_JOB_TERMINAL, /* result is durable (TERMINAL_DIRTY confirmed); clean-up goes on */
    WEIR_LOCAL_JOB_CLEAN, /* nothing of it is left but its record: the dispatcher puts a tombstone and removes
                             it */
    WEIR_LOCAL_GARBAGE_FOUND, /* garbage */
    WEIR_LOCAL_JOB_FENCED, /* another leader wrote the record: this process is deposed or mistaken; to leader,
                              too */

    /* jobmaster -> resourcemanager */
    WEIR_LOCAL_REQUIRE,     /* slots_wanted: for this job in all, 0 releases */
    WEIR_LOCAL_RELEASE,     /* slots: nothing of the job runs there any more */
    WEIR_LOCAL_SLOT_FAILED, /* slot: deployment there was refused; take it back and give another */
    /* resourcemanager -> jobmaster */
    WEIR_LOCAL_SLOTS,            /* slots: all that the job holds now */
    WEIR_LOCAL_TASKMANAGER_LOST, /* node, incarnation, reason */
    WEIR_LOCAL_REPORT, /* node, incarnation, report: what a TaskManager that registered runs of this job,
                          maybe nothing */

    /* Every TaskManager that could be known of has reported or is gone: what none has reported runs nowhere.
     * After all their REPORTs; once for a leadership and job. */
    WEIR_LOCAL_ALL_REPORTED,

    /* actor -> resourcemanager: its JobMaster is gone, and with it what it wanted and held: job */
    WEIR_LOCAL_JOB_STOPPED,

    /* any -> leader */
    WEIR_LOCAL_EPOCH_SEEN, /* epoch, incarnation: larger than ours, or ours under another incarnation (H1) */
    WEIR_LOCAL_END_WANTED, /* dispatcher -> leader: the record is to say that the cluster ends; answered when
                              it does */
    /* dispatcher -> leader: all jobs have ended and no more are wanted: the leader record says so, all exit.
     * result: of the application, or NULL */
    WEIR_LOCAL_SHUTDOWN,
    /* dispatcher, leader -> resourcemanager: nobody leads this cluster on: what its driver started ends, too
     */
    WEIR_LOCAL_END_WORKERS
};

struct weir_slot {
    weir_node node;
    uint64_t incarnation; /* of the TaskManager */
    uint32_t index;
};

struct weir_local_message {
    enum weir_local_kind kind;
    enum weir_role from;
    struct weir_job_id job; /* jobmaster -> others: which */
    uint64_t epoch, incarnation;
    uint64_t
        leader_version; /* store version of the leader record: CHECKed with creations and deletions (4.1) */
    weir_node node;
    /* GRANTED: among the candidates since then, where TaskManagers look for whom to connect with; own clock
     */
    int64_t known_since_us;
    const char *address;
    const char *reason;
    const Weir__JobDetails *details; /* JOB_TERMINAL: as it ended; NULL: not known any more */
    union {
        struct {
            const char *record_key;
            uint64_t record_version;         /* of what was read, or 0: create it */
            const Weir__JobRecord *record;   /* as read, not claimed yet; or the new one */
            const Weir__ExecutionPlan *plan; /* new jobs: just submitted; else NULL: read plan_pointer */
            bool transactions;
        } job_start;
        struct {
            weir_node from;
            const Weir__Envelope *envelope;
        } client;
        struct {
            uint64_t number; /* of the question */
            bool dry_run;
            bool failed, cut; /* of the answer: storage did not say; there is more */
            Weir__GarbageItem *const *items;
            uint32_t item_count;
        } garbage;
        const Weir__JobSummary *summary;
        const Weir__JobResult *result;
        uint32_t slots_wanted;
        struct {
            const struct weir_slot *slots;
            uint32_t slot_count;
            bool behind; /* RELEASE: whoever waits for slots comes before this job now */
        };
        struct {
            Weir__AttemptReport *const *attempts;
            uint32_t attempt_count;
            Weir__LocalSnapshot *const *local_snapshots;
            uint32_t local_snapshot_count;
            const char *data_address;
        } report;
    };
};

#endif
