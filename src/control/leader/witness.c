/*
 * Suspicion (4.3): when may a standby act before the session timeout? It must have had a connection to that
 * very incarnation, have seen it break and reconnecting refused (or answered by another incarnation), and
 * have a second witness: a TaskManager on another host than its own, or the leader's pidfd. Silence proves
 * nothing. Fencing makes takeovers safe; this only keeps them rare.
 */
#include "control/leader/internal.h"
#include "control/planted.h"
#include <string.h>

/* Everything is kept by whom it is about, and compared when it is needed: what is learned of a leader may
 * come before its record has been read. */
enum leader_reason leader__suspicion(struct weir_leader *leader, int64_t now_us)
{
    if (!leader->record || leader->holder == leader->identity->self) return LEADER_REASON_NONE;
    uint64_t incarnation = leader->record->holder->incarnation;
    const struct leader_peer *peer = leader__peer(leader, leader->holder);
    if (peer->died_incarnation == incarnation) return LEADER_REASON_DIED;
    if (peer->lost_incarnation != incarnation) return LEADER_REASON_NONE;
    if (now_us < leader->hold_off_until_us && !WEIR_PLANTED(no_hold_off)) return LEADER_REASON_NONE;
    if (WEIR_PLANTED(no_second_witness)) return LEADER_REASON_SUSPECTED;
    /* What a witness saw long ago says nothing about today. */
    int64_t age_max_us = leader->options->heartbeat_timeout_us;
    bool witnessed = leader->witness_epoch == leader->record->epoch &&
                     leader->witness_incarnation == incarnation &&
                     now_us - leader->witnessed_us <= age_max_us;
    return witnessed && now_us - peer->lost_us <= age_max_us ? LEADER_REASON_SUSPECTED : LEADER_REASON_NONE;
}

uint64_t leader__hold_off_ms(const struct weir_leader *leader, uint32_t wrong_suspicions)
{
    int64_t hold_off_us = leader->options->suspicion_hold_off_us;
    for (uint32_t i = 1; i < wrong_suspicions && hold_off_us < LEADER_HOLD_OFF_MAX_US; i++) hold_off_us *= 2;
    return (uint64_t)WEIR_MIN(hold_off_us, LEADER_HOLD_OFF_MAX_US) / 1000;
}

/* Counted from the moment when this process reads of it: no two hosts need the same clock. */
void leader__hold_off_read(struct weir_leader *leader, int64_t now_us)
{
    uint32_t count = leader->record ? leader->record->wrong_suspicions : 0;
    if (count == leader->hold_off_count) return;
    leader->hold_off_count = count;
    if (!count) return;
    int64_t hold_off_us =
        (int64_t)WEIR_MIN(leader->record->hold_off_ms, (uint64_t)LEADER_HOLD_OFF_MAX_US / 1000) * 1000;
    leader->hold_off_until_us = WEIR_MAX(leader->hold_off_until_us, now_us + hold_off_us);
}

void leader__on_leader_lost(struct weir_leader *leader, const struct weir_event *event)
{
    const Weir__LeaderLost *lost = event->envelope->leader_lost;
    /* On our own host it may be cut off together with us. */
    if (!lost->host[0] || strcmp(lost->host, leader->identity->host) == 0) return;
    if (!leader->record || lost->epoch > leader->record->epoch) leader->look_due = true;
    /* One about the leader of the record is not displaced by one about another. */
    if (leader->record && leader->witness_epoch == leader->record->epoch &&
        lost->epoch != leader->record->epoch)
        return;
    leader->witness_epoch = lost->epoch;
    leader->witness_incarnation = lost->leader_incarnation;
    leader->witnessed_us = event->now_us;
}

void leader__on_process_died(struct weir_leader *leader, const struct weir_event *event)
{
    if (event->from) leader__peer(leader, event->from)->died_incarnation = event->from_incarnation;
}

/* The leader counts it. Others hold off at once, for the leader may go before it has come to that. */
void leader__lives(struct weir_leader *leader, const char *name, uint64_t incarnation, int64_t now_us)
{
    const Weir__LeaderRecord *record = leader->record;
    for (size_t i = 0; record && i < record->n_suspected; i++) {
        if (record->suspected[i]->incarnation != incarnation || strcmp(record->suspected[i]->name, name) != 0)
            continue;
        for (uint32_t k = 0; k < leader->alive_count; k++)
            if (leader->alive[k] == incarnation) return;
        if (leader->state == LEADER_LEADING && leader->alive_count < LEADER_SUSPECTED_MAX)
            leader->alive[leader->alive_count++] = incarnation;
        if (leader->held_off_for == incarnation) return;
        leader->held_off_for = incarnation;
        int64_t hold_off_us = (int64_t)leader__hold_off_ms(leader, record->wrong_suspicions + 1) * 1000;
        leader->hold_off_until_us = WEIR_MAX(leader->hold_off_until_us, now_us + hold_off_us);
        return;
    }
}

static void suspect(struct leader_peer *peer, int64_t now_us)
{
    if (peer->lost_incarnation == peer->incarnation) return;
    peer->lost_incarnation = peer->incarnation;
    peer->lost_us = now_us;
}

static void on_up(struct weir_leader *leader, const struct weir_event *event, struct weir_effects *effects)
{
    struct leader_peer *peer = leader__peer(leader, event->from);
    /* Another incarnation answers where the leader was: that one is gone. */
    if (peer->incarnation && peer->incarnation != event->from_incarnation)
        suspect(peer, event->now_us);
    else
        peer->lost_incarnation = 0;
    leader__peer_up(leader, event->from, event->from_incarnation, event->now_us);
    leader__lives(
        leader, weir_nodes_name(leader->nodes, event->from), event->from_incarnation, event->now_us);
    leader__greet(leader, event->from, effects);
    leader__announce(leader, event->from, effects);
}

static void on_refused(struct weir_leader *leader, const struct weir_event *event)
{
    struct leader_peer *peer = leader__peer(leader, event->from);
    /* Never having been connected to it is no loss. */
    if (peer->broken_us) suspect(peer, event->now_us);
}

void leader__on_connection(
    struct weir_leader *leader, const struct weir_event *event, struct weir_effects *effects)
{
    if (!event->from) return;
    switch (event->connection) {
    case WEIR_CONNECTION_UP: on_up(leader, event, effects); break;
    case WEIR_CONNECTION_RESET:
        leader__peer_down(leader, event->from, event->now_us);
        /* Whoever of us two dials: the question is whether somebody listens there. */
        if (leader->record && event->from == leader->holder && leader->record->holder->rpc_address[0])
            leader__connect(leader, event->from, leader->record->holder->rpc_address, effects);
        break;
    case WEIR_CONNECTION_REFUSED: on_refused(leader, event); break;
    case WEIR_CONNECTION_TIMEOUT:
        /* No answer means nothing: only the session timeout decides. */
        if (WEIR_PLANTED(silence_is_death)) {
            on_refused(leader, event);
            struct leader_peer *peer = leader__peer(leader, event->from);
            peer->died_incarnation = peer->lost_incarnation;
        }
        break;
    }
}
