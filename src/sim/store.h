/*
 * The coordination store as its clients see it: versioned entries, sessions with ephemeral entries, one-shot
 * watches, transactions where there are any. Presets: `zookeeper` (transactions, sessions that time out in
 * ticks, expiry learned only after reconnecting) and `embedded` (one operation a request, presence by a lock
 * that ends with the process, a lease against hangs).
 */
#ifndef WEIR_SIM_STORE_H
#define WEIR_SIM_STORE_H

#include "sim/network.h"

enum {
    WEIR_SIM_STORE_ENTRIES_MAX = 65536,
    WEIR_SIM_STORE_PENDING_MAX = 1 << 16,
    WEIR_SIM_SESSIONS_MAX = 8192,
    WEIR_SIM_STALE_MAX = 4
};

enum weir_sim_store_preset { WEIR_SIM_STORE_ZOOKEEPER, WEIR_SIM_STORE_EMBEDDED };

struct weir_sim_entry {
    char *key;
    uint64_t version;
    uint8_t *value;
    size_t length;
    uint64_t session; /* ephemeral: whose; else 0 */
};
/* What a key was before: for stale reads. */
struct weir_sim_old_entry {
    char *key;
    bool found;
    uint64_t version;
    uint8_t *value;
    size_t length;
    int64_t replaced_us;
};

struct weir_sim_watch {
    char *key;
    uint32_t process, start;
    uint64_t session;
};

enum weir_sim_session_state {
    WEIR_SIM_SESSION_NONE,      /* never connected in this start */
    WEIR_SIM_SESSION_CONNECTED, /* as the client knows */
    WEIR_SIM_SESSION_SUSPENDED
};

struct weir_sim_pending {
    uint64_t number;
    struct weir_tag tag;
};

/* What one process has with the store. */
struct weir_sim_store_client {
    enum weir_sim_session_state state;
    uint64_t session; /* 0: none; it may have ended at the server without the client's knowing */
    bool linked, cut; /* the network lets it through; cut: a fault */
    uint32_t link_number;
    bool lost_something; /* a request or reply, since the link was lost */
    int64_t unlinked_us;
    int64_t arrival_us, reply_us; /* in order */
    struct weir_sim_pending *pending;
    uint32_t pending_count, pending_capacity;
};

struct weir_sim_store {
    struct weir_sim *sim;
    struct weir_sim_random random;
    enum weir_sim_store_preset preset;
    bool transactions, down;
    bool damaging;                     /* what is stored now nobody has written */
    bool ended[WEIR_SIM_SESSIONS_MAX]; /* by session */
    int64_t session_timeout_us, tick_us, delay_min_us, delay_max_us;
    uint32_t unknown_permille, late_permille, lost_watch_permille;
    int64_t late_max_us, stale_max_us;
    uint64_t sessions, requests, applied, numbers;
    struct weir_sim_entry *entries; /* sorted by key */
    uint32_t entry_count, entry_capacity;
    struct weir_sim_old_entry *old; /* a ring */
    uint32_t old_count, old_next;
    struct weir_sim_watch *watches;
    uint32_t watch_count, watch_capacity;
    struct weir_sim_store_client clients[WEIR_SIM_NODES_MAX];
};

void weir_sim_store_init(
    struct weir_sim_store *store, struct weir_sim *sim, enum weir_sim_store_preset preset);
void weir_sim_store_done(struct weir_sim_store *store);
void weir_sim_store_execute(struct weir_sim_process *process, const struct weir_effect *effect);
void weir_sim_store_watch(struct weir_sim_process *process, const char *key);
/* After anything that may let a process reach the store, or not: its state, a cut, the store's own. */
void weir_sim_store_link_changed(struct weir_sim_store *store, uint32_t process);
void weir_sim_store_process_started(struct weir_sim_store *store, struct weir_sim_process *process);
void weir_sim_store_process_ended(struct weir_sim_store *store, struct weir_sim_process *process);
void weir_sim_store_set_down(struct weir_sim_store *store, bool down);
void weir_sim_store_set_cut(struct weir_sim_store *store, uint32_t process, bool cut);
/* Ends the session of a process at the server. */
void weir_sim_store_expire(struct weir_sim_store *store, uint32_t process);
/* "x/": everything below it is gone; "x": that one. */
void weir_sim_store_wipe(struct weir_sim_store *store, const char *folder_or_key);
/* The entry holds other bytes, under the same version. Keeps no hold of bytes. */
void weir_sim_store_damage(
    struct weir_sim_store *store, const char *key, const uint8_t *bytes, size_t length);
const struct weir_sim_entry *weir_sim_store_find(const struct weir_sim_store *store, const char *key);

#endif
