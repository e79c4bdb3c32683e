/*
 * Feeds the state machines of one process with events and carries out their effects on a struct weir_env: the
 * same code in production and in simulation.
 *
 * - Routes by role and job; LOCAL messages go through a FIFO that is emptied before the next outside event.
 * - Bytes from the network are decoded, checked and fenced here and nowhere else (H3): wrong version,
 * cluster, truncated or huge, from an older epoch or a leader that this process does not follow: rejected,
 * counted, logged once a kind.
 * - A machine that sets effects->more is stepped again before anything else.
 * - Nothing of a stopped JobMaster is heard: neither what it said before nor answers to what it had asked
 * for. Its slots are given back for it (JOB_STOPPED).
 *
 * One outside event is one turn: all memory that its steps and their messages take is one arena, which is
 * reset at the end and warm after a while. Time stands still during a turn.
 * @thread control.
 */
#ifndef WEIR_ACTOR_ACTOR_H
#define WEIR_ACTOR_ACTOR_H

#include "control/machines.h"
#include "env/env.h"

enum weir_actor_kind { WEIR_ACTOR_JOBMANAGER, WEIR_ACTOR_TASKMANAGER };

struct weir_actor_config {
    enum weir_actor_kind kind;
    struct weir_memory *memory;
    struct weir_env *env;
    const char *cluster, *name, *host, *rpc_address, *data_address, *rest_address;
    uint64_t incarnation; /* random, of this start */
    uint32_t slot_count;  /* TASKMANAGER */
    const struct weir_control_options *options;
    uint64_t random_seed;
    /* Sees every step, for traces and checkers; may be NULL. */
    void (*observe)(void *observer, enum weir_role role, const struct weir_event *event,
        const struct weir_effects *effects);
    void *observer;
};

struct weir_actor;
struct weir_actor *weir_actor_new(const struct weir_actor_config *config);
void weir_actor_free(struct weir_actor *actor);
void weir_actor_start(struct weir_actor *actor);
/* TIMER, CONNECTION, STORE_*, BLOB_DONE, TASK, PROCESS_DIED, WORKER. now_us and wall_us are filled in. */
void weir_actor_event(struct weir_actor *actor, struct weir_event *event);
/* Bytes that came over the standing connection to `from`. */
void weir_actor_bytes(struct weir_actor *actor, weir_node from, const uint8_t *bytes, size_t length);
struct weir_nodes *weir_actor_nodes(struct weir_actor *actor);
const struct weir_identity *weir_actor_identity(const struct weir_actor *actor);

struct weir_actor_statistics {
    uint64_t events, effects, messages_in, messages_out;
    uint64_t rejected_malformed, rejected_version, rejected_cluster, rejected_epoch;
    uint64_t undeliverable; /* well-formed, for a JobMaster that is not there (any more) */
    uint64_t too_long;      /* messages of our own past WEIR_ENVELOPE_BYTES_MAX: not sent */
    uint64_t local_queue_peak, jobmasters;
};
void weir_actor_statistics(const struct weir_actor *actor, struct weir_actor_statistics *ret);

#endif
