/* Shared inside leader/. */
#ifndef WEIR_CONTROL_LEADER_INTERNAL_H
#define WEIR_CONTROL_LEADER_INTERNAL_H

#include "control/machines.h"

enum {
    LEADER_RETRY_FIRST_US = 20 * 1000,
    LEADER_RETRY_LAST_US = 1000 * 1000,
    LEADER_BEATS_PER_STEP_MAX = 1024,
    LEADER_FAILOVERS_MAX = 16,
    LEADER_SUSPECTED_MAX = 4,
    LEADER_ARENA_BYTES = 2048,
    LEADER_GREETED_BYTES = 512,
    LEADER_PEERS_MAX = 64,                     /* JobManagers that are dialled at a time */
    LEADER_STANDBYS_MAX = 16,                  /* that TaskManagers are told of */
    LEADER_REQUEST_LOST_US = 10 * 1000 * 1000, /* past this no answer is expected any more */
    LEADER_LEADERSHIPS_MAX = 2,                /* that one claim ends */
    LEADER_REPAIR_LOOKS = 10                   /* a damaged record is written anew when it was met so often */
};
#define LEADER_HOLD_OFF_MAX_US INT64_C(3600000000)
#define LEADER_QUIET_US        INT64_C(3600000000) /* this long without a wrong suspicion: it is forgotten */
#define LEADER_EPOCH_MAX       (UINT64_C(1) << 62) /* larger ones are no epochs but damage */

/* CANDIDATE: nobody is known to lead. STANDBY: somebody does. CLAIMING: a write of ours that makes us the
 * leader is on its way or its outcome unknown. DEPOSED: was leader; on the next look it is a candidate again.
 */
enum leader_state { LEADER_CANDIDATE, LEADER_STANDBY, LEADER_CLAIMING, LEADER_LEADING, LEADER_DEPOSED };

enum leader_tag { LEADER_TAG_STORE = 1, LEADER_TAG_POLL, LEADER_TAG_BEAT, LEADER_TAG_RETRY };

/* The one request on its way to the store. */
enum leader_request {
    LEADER_REQUEST_NONE,
    LEADER_REQUEST_PRESENCE,
    LEADER_REQUEST_LOOK_RECORD,
    LEADER_REQUEST_LOOK_CANDIDATES,
    LEADER_REQUEST_LOOK_JOBS, /* H1: without a leader record the jobs' records know epochs */
    LEADER_REQUEST_LOOK_INDEX,
    LEADER_REQUEST_LOOK_LEADERSHIPS, /* H1: which ones stand, when the record does not tell */
    LEADER_REQUEST_TIDY,             /* ends leaderships that are too many for one claim */
    LEADER_REQUEST_CLAIM,
    LEADER_REQUEST_REWRITE /* of its own record, by the leader: larger epoch, wrong suspicion, end of the
                              cluster */
};

/* What entitles to take over (4.3). */
enum leader_reason {
    LEADER_REASON_NONE,
    LEADER_REASON_FIRST,    /* there is no leader record */
    LEADER_REASON_OWN,      /* it names this very process, which does not lead (any more) */
    LEADER_REASON_ABSENT,   /* its holder is not among the candidates */
    LEADER_REASON_DIED,     /* its holder's pidfd says so */
    LEADER_REASON_SUSPECTED /* connection broken, reconnecting refused, and a second witness */
};

struct leader_peer {
    uint64_t incarnation; /* of the connection that is or was last up; 0: never */
    int64_t heard_us;     /* last message; 0: never */
    int64_t broken_us;    /* when it broke, 0: it is up or never was */
    /* The incarnation whose connection broke and where reconnecting was refused or answered by another; 0:
     * none. */
    uint64_t lost_incarnation;
    int64_t lost_us;
    uint64_t died_incarnation;   /* the newest whose pidfd has said so; 0: none */
    uint64_t announced_epoch;    /* on this connection */
    uint32_t announced_standbys; /* on this connection: standbys_version */
    uint32_t up_index;           /* 1 + place in up[]; 0: no connection */
    bool jobmanager;
    bool dialled, configured; /* configured ones are dialled for ever */
    uint64_t dialled_address; /* hash of it */
    uint64_t listed_look;     /* the newest one that found it among the candidates */
    uint64_t stepped_down;    /* the incarnation that has said so */
    Weir__Node *greeted;      /* JobManagers: as it greeted; in greeted_arena */
    struct weir_arena greeted_arena;
};

struct weir_leader {
    struct weir_memory *memory;
    struct weir_nodes *nodes;
    struct weir_identity *identity;
    const struct weir_control_options *options;
    uint64_t random;
    enum leader_state state;

    /* the store */
    bool connected, transactions;
    int64_t session_timeout_us;
    int64_t contact_us; /* when the newest answered request was sent: the session lived then */
    enum leader_request request;
    uint64_t request_number;
    int64_t request_sent_us;
    int64_t not_before_us;
    uint32_t retries;
    bool look_due, watching_record, watching_holder;

    /* what the last look saw */
    bool looked, jobs_looked, fresh; /* fresh: not acted on yet */
    struct weir_arena record_arena;
    Weir__LeaderRecord *record; /* NULL: none, or damaged */
    bool record_found;
    bool record_newer; /* of a newer format: hands off */
    uint32_t damaged_looks;
    uint64_t record_version;
    weir_node holder; /* of record; 0: none */
    bool holder_present, holder_name_present;
    uint64_t holder_candidate_version;
    uint64_t holder_seen; /* the incarnation that was present as holder last */
    bool own_present, own_blocked, presence_due;
    int64_t known_since_us;     /* own_present since then; INT64_MAX: it is not */
    uint64_t own_stale_version; /* of an older incarnation's presence under our name */

    /* leaderships (H1), of stores with transactions: the record names the one that stands, or they are listed
     */
    struct {
        char key[64];
        uint64_t version;
    } leaderships[LEADER_LEADERSHIPS_MAX];
    uint32_t leadership_count; /* that were listed; there may be more than fit */
    bool leaderships_listed, leaderships_due, leadership_gone; /* gone: our own, as the last look saw */
    weir_node told_holder;                                     /* RETRIEVED */
    uint64_t told_epoch;

    /* epochs */
    uint64_t epoch_seen; /* the largest anybody has spoken of */
    uint64_t epoch_led;  /* the newest that was led, or tried for in a session that is over */
    uint64_t epoch_claimed, epoch_rewritten;
    uint64_t led_version; /* of the record, as the other machines know it */
    enum leader_reason claim_reason;
    int64_t claim_started_us;
    uint32_t detection_ms, takeover_ms;
    bool raise_due;

    /* suspicion */
    uint64_t witness_epoch,
        witness_incarnation; /* of the leader that a TaskManager elsewhere has lost last */
    int64_t witnessed_us;
    int64_t hold_off_until_us;
    uint32_t hold_off_count;              /* wrong_suspicions that hold_off_until_us is about */
    uint64_t alive[LEADER_SUSPECTED_MAX]; /* incarnations that the record names suspected, and that live */
    uint32_t alive_count;
    uint64_t held_off_for; /* a suspicion by others, seen to be wrong before it was counted */
    int64_t quiet_since_us;

    /* H8 */
    bool suspended; /* told to others */

    /* the end of the cluster */
    bool end_wanted;                    /* the record is to say `ends` */
    bool shutdown_due, ended, was_open; /* was_open: a record without the mark was seen in this life */
    Weir__JobState application_state;   /* how it has ended, with shutdown_due */
    struct weir_job_id application;     /* of an open record; zero: none was seen */

    struct leader_peer *peers; /* by node */
    uint32_t peer_capacity;
    weir_node *up;
    uint32_t up_count, up_capacity;
    uint32_t dialled_count, standbys_version;
    uint64_t looks;
    uint32_t beat_cursor;
    bool beating;
};

/* leader.c */
void leader__set_state(struct weir_leader *leader, enum leader_state state);
void leader__grant(struct weir_leader *leader, int64_t now_us, struct weir_effects *effects);
void leader__revoke(
    struct weir_leader *leader, const char *reason, int64_t now_us, struct weir_effects *effects);
/* The record was written by this leader: others learn the epoch and the version to check. */
void leader__rewritten(
    struct weir_leader *leader, uint64_t epoch, int64_t now_us, struct weir_effects *effects);
void leader__retrieved(struct weir_leader *leader, struct weir_effects *effects);
void leader__suspend(struct weir_leader *leader, const char *reason, struct weir_effects *effects);
void leader__resume(struct weir_leader *leader, struct weir_effects *effects);
void leader__epoch_seen(struct weir_leader *leader, uint64_t epoch, uint64_t incarnation);

/* election.c */
/* Sends the next request when one is due and none is on its way. */
void leader__decide(
    struct weir_leader *leader, int64_t now_us, int64_t wall_us, struct weir_effects *effects);
void leader__store_done(
    struct weir_leader *leader, const struct weir_event *event, struct weir_effects *effects);
void leader__session_over(struct weir_leader *leader);

/* witness.c */
enum leader_reason leader__suspicion(struct weir_leader *leader, int64_t now_us);
void leader__hold_off_read(struct weir_leader *leader, int64_t now_us);
uint64_t leader__hold_off_ms(const struct weir_leader *leader, uint32_t wrong_suspicions);
void leader__on_leader_lost(struct weir_leader *leader, const struct weir_event *event);
void leader__on_connection(
    struct weir_leader *leader, const struct weir_event *event, struct weir_effects *effects);
void leader__on_process_died(struct weir_leader *leader, const struct weir_event *event);
/* That incarnation lives: was it deposed on a suspicion? */
void leader__lives(struct weir_leader *leader, const char *name, uint64_t incarnation, int64_t now_us);

/* peers.c */
struct leader_peer *leader__peer(struct weir_leader *leader, weir_node node);
void leader__dial_configured(struct weir_leader *leader, struct weir_effects *effects);
void leader__dial(
    struct weir_leader *leader, const char *name, const char *address, struct weir_effects *effects);
/* Whoever of the two dials by rule. */
void leader__connect(
    struct weir_leader *leader, weir_node node, const char *address, struct weir_effects *effects);
/* After a look at the candidates: JobManagers that are gone are not dialled any more. */
void leader__hang_up_gone(struct weir_leader *leader, struct weir_effects *effects);
/* To standbys: this process ends because it was told to. */
void leader__step_down(struct weir_leader *leader, struct weir_effects *effects);
void leader__peer_up(struct weir_leader *leader, weir_node node, uint64_t incarnation, int64_t now_us);
void leader__peer_down(struct weir_leader *leader, weir_node node, int64_t now_us);
void leader__greet(struct weir_leader *leader, weir_node node, struct weir_effects *effects);
void leader__announce(struct weir_leader *leader, weir_node node, struct weir_effects *effects);
/* Starts a round over all connections, announcements first where this epoch's is missing. */
void leader__beat_all(struct weir_leader *leader, int64_t now_us, struct weir_effects *effects);
void leader__beat(struct weir_leader *leader, int64_t now_us, struct weir_effects *effects);
void leader__peers_done(struct weir_leader *leader);
void leader__peer_greeted(struct weir_leader *leader, weir_node node, const Weir__Node *greeted);

/* query.c */
void leader__on_query(
    const struct weir_leader *leader, const struct weir_event *event, struct weir_effects *effects);

#endif
