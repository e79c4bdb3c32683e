/*
 * What comes into a state machine of the control plane. Time and randomness come in with it: a machine has no
 * clock of its own. Pointers are valid during the step only.
 */
#ifndef WEIR_CONTROL_EVENT_H
#define WEIR_CONTROL_EVENT_H

#include "control/ids.h"
#include "control/nodes.h"

enum weir_role {
    WEIR_ROLE_NONE = WEIR__ROLE__ROLE_UNSPECIFIED,
    WEIR_ROLE_LEADER = WEIR__ROLE__ROLE_LEADER, /* election in a JobManager, retrieval in a TaskManager */
    WEIR_ROLE_DISPATCHER = WEIR__ROLE__ROLE_DISPATCHER,
    WEIR_ROLE_RESOURCEMANAGER = WEIR__ROLE__ROLE_RESOURCEMANAGER,
    WEIR_ROLE_JOBMASTER = WEIR__ROLE__ROLE_JOBMASTER, /* one per job */
    WEIR_ROLE_TASKEXECUTOR = WEIR__ROLE__ROLE_TASKEXECUTOR,
    WEIR_ROLE_CLIENT = WEIR__ROLE__ROLE_CLIENT
};

/* Names a timer or a request, and the machine that an answer goes to. kind and number are the machine's own.
 */
struct weir_tag {
    enum weir_role role;
    uint32_t kind;
    struct weir_job_id job; /* JOBMASTER */
    uint64_t number;
    /* Stamped by the actor, passed back unchanged: what a JobMaster asked for before it was stopped is not
     * answered to the next one of that job. Machines leave it alone; it does not tell timers apart. */
    uint64_t instance;
};

enum weir_event_kind {
    WEIR_EVENT_START,      /* first of all */
    WEIR_EVENT_TIMER,      /* tag */
    WEIR_EVENT_MESSAGE,    /* from, envelope: version, cluster and fields were checked, its epoch was not */
    WEIR_EVENT_CONNECTION, /* from, connection */
    WEIR_EVENT_STORE_STATE,
    WEIR_EVENT_STORE_DONE,    /* tag, store */
    WEIR_EVENT_STORE_CHANGED, /* store.key: a watch fired; may be late, lost or for nothing */
    WEIR_EVENT_BLOB_DONE,     /* tag, blob */
    WEIR_EVENT_TASK,          /* taskexecutor: the runtime says */
    WEIR_EVENT_PROCESS_DIED,  /* from: its pidfd says that this incarnation is dead (same host) */
    WEIR_EVENT_WORKER,        /* resource driver */
    WEIR_EVENT_LOCAL,         /* local: from another machine of this process */
    WEIR_EVENT_STOP           /* this JobManager was told to end and will, whatever the machines say now */
};

enum weir_connection_state {
    WEIR_CONNECTION_UP,      /* greeted: incarnation is known */
    WEIR_CONNECTION_RESET,   /* closed or reset by the other side, or by the network */
    WEIR_CONNECTION_REFUSED, /* nobody listens */
    WEIR_CONNECTION_TIMEOUT, /* no answer: means nothing */
};

enum weir_store_state {
    WEIR_STORE_CONNECTED,
    WEIR_STORE_SUSPENDED, /* no contact; the session may live on */
    WEIR_STORE_LOST       /* the session is over: ephemeral entries are gone */
};

enum weir_store_outcome {
    WEIR_STORE_OK,
    WEIR_STORE_CONFLICT,    /* a version differed, or CREATE found the key taken: nothing was changed */
    WEIR_STORE_NOT_FOUND,   /* nothing was changed */
    WEIR_STORE_UNAVAILABLE, /* nothing was changed and will be by this request */
    WEIR_STORE_UNKNOWN      /* may have been applied, may still be (H4) */
};

struct weir_store_entry {
    const char *key; /* READ: as asked; LIST: full keys of the children */
    bool found;
    uint64_t version;
    const uint8_t *value;
    size_t length;
};

struct weir_store_event {
    enum weir_store_state state; /* STORE_STATE */
    int64_t session_timeout_us;  /* STORE_STATE CONNECTED: negotiated */
    bool transactions;           /* STORE_STATE: several operations in one request are atomic */
    enum weir_store_outcome outcome;
    const struct weir_store_entry *entries; /* one per READ and per child of LIST, in order; CREATE and SET:
                                               one with the new version */
    uint32_t entry_count;
    const char *key; /* STORE_CHANGED */
};

enum weir_blob_outcome {
    WEIR_BLOB_OK,
    WEIR_BLOB_EXISTS,    /* PUT: the name is taken */
    WEIR_BLOB_NOT_FOUND, /* GET */
    WEIR_BLOB_ERROR      /* try again later; error says what */
};
struct weir_blob_event {
    enum weir_blob_outcome outcome;
    const char *path;
    const uint8_t *bytes; /* GET */
    size_t length;
    const char *const *names; /* LIST: full paths, recursive, files only */
    const int64_t *modified_us, *size_bytes;
    uint32_t name_count;
    const char *error;
    bool no_space; /* ERROR: because the storage is full */
    bool denied;   /* ERROR: no time mends it: read-only, another user's, a folder, a name too long */
};

/* The task runtime speaks to the taskexecutor. */
enum weir_task_event_kind {
    WEIR_TASK_RUNNING,       /* all restored, peers connected */
    WEIR_TASK_ENDED,         /* snapshot: the final one, written */
    WEIR_TASK_FAILED,        /* error; nothing of it runs any more */
    WEIR_TASK_CANCELED,      /* nothing of it runs any more */
    WEIR_TASK_ACKNOWLEDGED,  /* snapshot written: checkpoint, barrier_epoch */
    WEIR_TASK_DECLINED,      /* checkpoint, reason, error */
    WEIR_TASK_COMMITTED,     /* checkpoint: what notify complete asked for is done */
    WEIR_TASK_BARRIER,       /* checkpoint, barrier_epoch: the first barrier of it has arrived */
    WEIR_TASK_SPLITS_WANTED, /* a source has room for one more, and is not told again until it got an answer
                              */
    WEIR_TASK_SPLITS_FOUND   /* found, found_count, found_all: what there is */
};
struct weir_task_event {
    enum weir_task_event_kind kind;
    struct weir_attempt_id attempt;
    uint64_t checkpoint, barrier_epoch;
    const Weir__SubtaskSnapshot *snapshot;
    /* ACKNOWLEDGED, where they are known: what it took, and when the first barrier came (UTC). */
    uint32_t alignment_ms, sync_ms, async_ms;
    int64_t barrier_ms;
    Weir__DeclineReason reason;
    const char *error;
    bool state_unreadable; /* FAILED: what it was to restore is not there, or was read whole and is wrong */
    const char *const *found;
    uint32_t found_count;
    bool found_all;                   /* there will be no others */
    const Weir__TaskFigures *figures; /* ENDED, FAILED, CANCELED: of all its life; NULL: nobody counted */
};

struct weir_local_message; /* control/local.h */

struct weir_event {
    enum weir_event_kind kind;
    int64_t now_us;  /* monotonic, of this process */
    int64_t wall_us; /* since 1970, UTC; may jump */
    struct weir_tag tag;
    weir_node from;
    uint64_t from_incarnation;      /* MESSAGE, CONNECTION UP, PROCESS_DIED */
    const Weir__Envelope *envelope; /* MESSAGE */
    enum weir_connection_state connection;
    union {
        struct weir_store_event store;
        struct weir_blob_event blob;
        struct weir_task_event task;
        struct {
            bool started; /* false: it ended or could not be started */
            const char *name;
        } worker;
        const struct weir_local_message *local;
    };
};

#endif
