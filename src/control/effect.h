/*
 * What a state machine of the control plane wants done. A step only writes these down; the actor carries them
 * out in order, and a failure comes back as an event. Messages and texts live in effects->arena, which is
 * reset after they were carried out; nothing else is allocated in a step.
 *
 * Bounded: at most WEIR_EFFECTS_MAX per step. A machine with more to do sets `more` and is called again, with
 * an event of kind LOCAL / CONTINUE, before anything else happens to it.
 */
#ifndef WEIR_CONTROL_EFFECT_H
#define WEIR_CONTROL_EFFECT_H

#include "control/event.h"

enum { WEIR_EFFECTS_MAX = 4096, WEIR_STORE_OPERATIONS_MAX = 6 };

enum weir_effect_kind {
    WEIR_EFFECT_TIMER = 1,  /* tag, at_us: (re)sets it; INT64_MAX unsets */
    WEIR_EFFECT_SEND,       /* node, envelope: over the standing connection; lost when there is none */
    WEIR_EFFECT_CONNECT,    /* node, text address: keep a standing connection, tried again until DISCONNECT */
    WEIR_EFFECT_DISCONNECT, /* node */
    WEIR_EFFECT_STORE,      /* tag, operations: one request */
    WEIR_EFFECT_STORE_WATCH, /* text key: tell once when it changes, appears or goes */
    WEIR_EFFECT_BLOB,        /* tag, blob */
    WEIR_EFFECT_TASK,        /* taskexecutor -> runtime */
    WEIR_EFFECT_WORKER,      /* worker_start, text name: resource driver */
    WEIR_EFFECT_LOCAL,       /* to_role, to_job, local: another machine of this process */
    WEIR_EFFECT_JOB_START,   /* to_job, local (JOB_START): make a JobMaster and hand it the message */
    WEIR_EFFECT_JOB_STOP,    /* to_job: drop the JobMaster; nothing of it is heard any more */
    WEIR_EFFECT_LOG,         /* level, text; the actor adds to_role and to_job: of the machine that says it */
    WEIR_EFFECT_EXIT         /* exit_code, text: this process ends */
};

enum weir_store_operation_kind {
    WEIR_STORE_CHECK,            /* version */
    WEIR_STORE_READ,             /* sees every write confirmed before it was asked */
    WEIR_STORE_READ_STALE,       /* may be old */
    WEIR_STORE_LIST,             /* children of key with their values; sees what READ would */
    WEIR_STORE_CREATE,           /* fails with CONFLICT when there */
    WEIR_STORE_CREATE_EPHEMERAL, /* goes with the session */
    WEIR_STORE_SET,              /* version */
    WEIR_STORE_DELETE            /* version */
};
enum { WEIR_STORE_VERSION_ANY = 0 };       /* for CHECK: the key is there; versions start at 1 */
#define WEIR_STORE_VERSION_NONE UINT64_MAX /* for CHECK: the key is not there */

struct weir_store_operation {
    enum weir_store_operation_kind kind;
    const char *key; /* "leader", "candidates/jm-1", "jobs/..." */
    uint64_t version;
    const uint8_t *value;
    size_t length;
    bool relaxed; /* SET: may be answered before it is durable (spi/high_availability.h) */
};

enum weir_blob_operation {
    WEIR_BLOB_PUT /* without replacing, synced */,
    WEIR_BLOB_GET,
    WEIR_BLOB_LIST,
    WEIR_BLOB_DELETE, /* absent: OK */
    WEIR_BLOB_COPY,   /* path to copy_to, without replacing, synced; NOT_FOUND: path is absent */
    WEIR_BLOB_PRUNE   /* the empty folders below path, and path when it is one; files stay. Absent: OK */
};
struct weir_blob_effect {
    enum weir_blob_operation operation;
    const char *path; /* LIST: directory; absent: no names */
    const char *copy_to;
    const char *name_prefix; /* LIST: only files whose own names begin with it; NULL: all */
    const uint8_t *bytes;
    size_t length;
    size_t bytes_max; /* GET: longer is an ERROR */
};

#define WEIR_TASK_FINAL (UINT64_MAX - 2) /* as a checkpoint: the final snapshot of an attempt that ended */

enum weir_task_action {
    WEIR_TASK_DEPLOY,      /* deploy, attempt: make it, restore it, run it */
    WEIR_TASK_CANCEL,      /* answered by CANCELED, ENDED or FAILED */
    WEIR_TASK_TRIGGER,     /* sources: checkpoint ...; others learn its directory */
    WEIR_TASK_ABORT,       /* checkpoint; resume */
    WEIR_TASK_ADOPT_EPOCH, /* all tasks: epoch; alignments of older ones are aborted with cancel markers */
    WEIR_TASK_COMPLETE, /* checkpoint: commit. WEIR_TASK_FINAL: the final snapshot of one that ended without
                           having acknowledged that checkpoint */
    WEIR_TASK_DRAIN,    /* sources end; the STOP's savepoint is made of final snapshots */
    WEIR_TASK_ASSIGN_SPLITS,
    WEIR_TASK_DISCOVER_SPLITS, /* a source: answered by SPLITS_FOUND */
    WEIR_TASK_FORGET           /* an ended, failed or canceled attempt: free it */
};
struct weir_task_effect {
    enum weir_task_action action;
    struct weir_attempt_id attempt;
    uint64_t epoch;
    uint64_t checkpoint, base;
    bool savepoint, suspend, resume;
    const char *directory;
    const Weir__DeployTasks *deploy;
    const Weir__AssignSplits *splits;
};

enum weir_control_log_level { WEIR_CONTROL_DEBUG, WEIR_CONTROL_INFO, WEIR_CONTROL_WARN, WEIR_CONTROL_ERROR };

struct weir_effect {
    enum weir_effect_kind kind;
    struct weir_tag tag;
    int64_t at_us;
    weir_node node;
    const Weir__Envelope *envelope;
    enum weir_role to_role;
    struct weir_job_id to_job;
    union {
        struct {
            const struct weir_store_operation *operations;
            uint32_t operation_count;
        };
        struct weir_blob_effect blob;
        struct weir_task_effect task;
        const struct weir_local_message *local;
        struct {
            const char *text;
            enum weir_control_log_level level;
            int32_t exit_code;
            bool worker_start;
        };
    };
};

struct weir_effects {
    struct weir_arena *arena; /* of this step */
    struct weir_effect *items;
    uint32_t count, capacity;
    bool more;
};

void weir_effects_init(struct weir_effects *effects, struct weir_arena *arena); /* items grow in the arena */
struct weir_effect *weir_effect_add(struct weir_effects *effects, enum weir_effect_kind kind);

/* Short forms; everything passed must live in effects->arena or longer than the step. */
void weir_effect_timer(struct weir_effects *effects, struct weir_tag tag, int64_t at_us);
/* The envelope's addressing (cluster, sender, epoch) is stamped by the actor from struct weir_identity. */
void weir_effect_send(struct weir_effects *effects, weir_node node, enum weir_role to,
    const struct weir_job_id *job, uint64_t request, Weir__Envelope__BodyCase body, void *message);
void weir_effect_store(struct weir_effects *effects, struct weir_tag tag,
    const struct weir_store_operation *operations, uint32_t operation_count);
void weir_effect_blob(struct weir_effects *effects, struct weir_tag tag, struct weir_blob_effect blob);
void weir_effect_local(struct weir_effects *effects, enum weir_role to, const struct weir_job_id *job,
    const struct weir_local_message *message);
void weir_effect_log(struct weir_effects *effects, enum weir_control_log_level level, const char *format, ...)
    WEIR_PRINTF(3, 4);

/*
 * Who this process is; shared by its machines, written by its leader machine (JobManager) or taskexecutor
 * (TaskManager). The actor stamps every envelope with it, and rejects what an older leader sends (H3).
 */
struct weir_identity {
    const char *cluster;
    const char *name; /* of this node */
    weir_node self;
    uint64_t incarnation;
    const char *host, *rpc_address, *data_address, *rest_address;
    const char *storage; /* JobManager: its storage directory; else NULL */
    bool jobmanager;
    /* JobManager: its own epoch while it leads, else 0. TaskManager: the leader it has adopted. */
    uint64_t epoch, leader_incarnation;
    weir_node leader;
    bool suspended; /* JobManager: the store is out of reach */
    bool waits;     /* JobManager, H8: suspended, and the session may be over: it deploys nothing either */
};
/* Node message of this process. */
Weir__Node *weir_identity_node(const struct weir_identity *identity, struct weir_arena *arena);

#endif
