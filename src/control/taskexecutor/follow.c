/* Which leader this TaskManager follows, and what it does when there is none.
 */
#include "control/taskexecutor/internal.h"
#include <string.h>

/* ---------------------------------------------------------------- connections */

struct te__connection *te__connection_find(struct weir_taskexecutor *executor, weir_node node)
{
    for (uint32_t i = 0; i < executor->connection_count; i++)
        if (executor->connections[i].node == node) return &executor->connections[i];
    return NULL;
}

/* It is not dialled any more. */
static void hang_up(
    struct weir_taskexecutor *executor, struct te__connection *connection, struct weir_effects *effects)
{
    if (connection->address) weir_effect_add(effects, WEIR_EFFECT_DISCONNECT)->node = connection->node;
    te__text_free(executor->memory, connection->address);
    connection->address = NULL;
}

/* JobManagers that are gone make room: every restart on a port of its own is another name. */
static struct te__connection *room_for_connection(
    struct weir_taskexecutor *executor, struct weir_effects *effects)
{
    if (executor->connection_count < TE__CONNECTIONS_MAX)
        return &executor->connections[executor->connection_count++];
    for (uint32_t i = 0; i < TE__CONNECTIONS_MAX; i++) {
        struct te__connection *connection =
            &executor->connections[executor->connection_next++ % TE__CONNECTIONS_MAX];
        if (connection->up || connection->configured || connection->node == executor->identity->leader)
            continue;
        hang_up(executor, connection, effects);
        return connection;
    }
    return NULL;
}

struct te__connection *te__connection_add(
    struct weir_taskexecutor *executor, weir_node node, const char *address, struct weir_effects *effects)
{
    struct te__connection *connection = te__connection_find(executor, node);
    if (!node || node == executor->identity->self) return NULL;
    if (!connection) {
        connection = room_for_connection(executor, effects);
        if (!connection) return NULL;
        *connection = (struct te__connection){ .node = node };
    }
    if (address) {
        te__text_free(executor->memory, connection->address);
        connection->address = te__text_copy(executor->memory, address);
    }
    return connection;
}

static void dial(
    struct weir_taskexecutor *executor, const char *name, const char *address, struct weir_effects *effects)
{
    if (!address[0]) return;
    weir_node node = weir_nodes_intern(executor->nodes, name);
    struct te__connection *known = te__connection_find(executor, node);
    if (known && known->address && strcmp(known->address, address) == 0) return;
    struct te__connection *connection = te__connection_add(executor, node, address, effects);
    if (!connection) return;
    struct weir_effect *effect = weir_effect_add(effects, WEIR_EFFECT_CONNECT);
    effect->node = node;
    effect->text = weir_arena_string(effects->arena, connection->address);
}

void te__greet(struct weir_taskexecutor *executor, weir_node node, struct weir_effects *effects)
{
    Weir__Greeting *greeting = WEIR_PROTO_NEW(effects->arena, Weir__Greeting, weir__greeting);
    greeting->node = weir_identity_node(executor->identity, effects->arena);
    greeting->role = WEIR__NODE_ROLE__NODE_TASKMANAGER;
    greeting->epoch = executor->identity->epoch;
    greeting->leader_incarnation = executor->identity->leader_incarnation;
    weir_effect_send(effects, node, WEIR_ROLE_LEADER, NULL, 0, WEIR__ENVELOPE__BODY_GREETING, greeting);
}

/* ---------------------------------------------------------------- adoption */

/* H3: one step. */
static void adopt(struct weir_taskexecutor *executor, const struct weir_event *event, uint64_t epoch,
    struct weir_effects *effects)
{
    struct weir_identity *identity = executor->identity;
    identity->epoch = epoch;
    identity->leader_incarnation = event->from_incarnation;
    identity->leader = event->from;
    executor->leader_lost = false;
    weir_effect_log(effects, WEIR_CONTROL_INFO, "Follows leader '%s' of epoch %llu.",
        weir_nodes_name(executor->nodes, identity->leader), (unsigned long long)epoch);
    if (!WEIR_PLANTED(adopted_without_abort)) {
        struct weir_effect *effect = weir_effect_add(effects, WEIR_EFFECT_TASK);
        effect->task = (struct weir_task_effect){ .action = WEIR_TASK_ADOPT_EPOCH, .epoch = epoch };
        te__checkpoints_adopt(executor, epoch);
    }
    te__on_heard(executor);
    te__report_start(executor);
}

void te__on_announcement(
    struct weir_taskexecutor *executor, const struct weir_event *event, struct weir_effects *effects)
{
    const Weir__LeaderAnnouncement *announcement = event->envelope->leader_announcement;
    const struct weir_identity *identity = executor->identity;
    /* Nobody speaks for another. */
    if (strcmp(announcement->leader->name, weir_nodes_name(executor->nodes, event->from)) != 0 ||
        announcement->leader->incarnation != event->from_incarnation)
        return;
    bool same = announcement->epoch == identity->epoch && event->from == identity->leader &&
                event->from_incarnation == identity->leader_incarnation;
    if (announcement->epoch > identity->epoch)
        adopt(executor, event, announcement->epoch, effects);
    else if (same && !executor->reported && !executor->reporting)
        te__report_start(executor);
    else if (!same)
        te__greet(executor, event->from, effects); /* H1: it learns that it is not the newest */
    if (announcement->epoch != identity->epoch || event->from != identity->leader) return;
    /* Whoever leads next is connected already, whatever happens before the store is asked again. */
    for (size_t i = 0; i < announcement->n_standbys && i < TE__CONNECTIONS_MAX / 2; i++)
        dial(executor, announcement->standbys[i]->name, announcement->standbys[i]->rpc_address, effects);
}

/* ---------------------------------------------------------------- silence */

void te__on_heard(struct weir_taskexecutor *executor)
{
    executor->silence_us = 0;
    executor->grace_over = false; /* the next silence is another one */
    if (!executor->silent) return;
    executor->silent = false;
    for (uint32_t i = 0; i < executor->attempt_count; i++)
        if (executor->attempts[i]->held_count) te__attempt_queue(executor, executor->attempts[i]);
}

/* The runtime goes on; only what has waited for its leader's word longer than
 * the grace is stopped. */
static void end_grace(struct weir_taskexecutor *executor, struct weir_effects *effects)
{
    executor->grace_over = true;
    weir_effect_log(effects, WEIR_CONTROL_WARN,
        "No leader for %lld ms: all tasks are cancelled "
        "(weir.taskmanager.leaderless-grace).",
        (long long)(executor->silence_us / 1000));
    for (uint32_t i = 0; i < executor->attempt_count; i++)
        if (!te__state_is_terminal(executor->attempts[i]->state))
            te__attempt_cancel(executor, executor->attempts[i]);
}

static void redial(struct te__connection *connection, int64_t now_us, struct weir_effects *effects)
{
    connection->redialed_us = now_us;
    weir_effect_add(effects, WEIR_EFFECT_DISCONNECT)->node = connection->node;
    struct weir_effect *effect = weir_effect_add(effects, WEIR_EFFECT_CONNECT);
    effect->node = connection->node;
    effect->text = weir_arena_string(effects->arena, connection->address);
    connection->up = false;
}

/* Connections that may be open on this side alone: nothing comes, for longer
 * than anything may take. */
void te__redial_deaf(struct weir_taskexecutor *executor, int64_t now_us, struct weir_effects *effects)
{
    int64_t timeout_us = executor->options->heartbeat_timeout_us;
    if (executor->silence_us < timeout_us) return;
    for (uint32_t i = 0; i < executor->connection_count; i++) {
        struct te__connection *connection = &executor->connections[i];
        if (!connection->up || !connection->address) continue;
        if (now_us - connection->up_since_us < timeout_us || now_us - connection->redialed_us < timeout_us)
            continue;
        redial(connection, now_us, effects);
    }
    executor->reported = te__leader_hears(executor);
}

void te__on_heartbeat(
    struct weir_taskexecutor *executor, const struct weir_event *event, struct weir_effects *effects)
{
    struct te__connection *connection = te__connection_find(executor, event->from);
    uint64_t heard_ago_ms = event->envelope->heartbeat->heard_ago_ms;
    int64_t timeout_us = executor->options->heartbeat_timeout_us;
    if (!connection || !connection->up || !connection->address || heard_ago_ms == UINT64_MAX) return;
    if (event->now_us - connection->up_since_us < timeout_us) return;
    if (heard_ago_ms <= (uint64_t)timeout_us / 1000) return;
    redial(connection, event->now_us, effects); /* it is deaf to us */
    executor->reported = false;
}

void te__on_tick_follow(
    struct weir_taskexecutor *executor, const struct weir_event *event, struct weir_effects *effects)
{
    int64_t interval_us = executor->options->heartbeat_interval_us, passed_us = 0;
    if (executor->ticked) passed_us = event->now_us - executor->last_tick_us;
    executor->ticked = true;
    executor->last_tick_us = event->now_us;
    /* It was this process that stood still, not the leader. */
    if (passed_us > 2 * interval_us && !WEIR_PLANTED(pause_is_silence)) passed_us = interval_us;
    executor->silence_us += passed_us;
    if (!executor->identity->epoch) { /* nobody has led yet, or where it led nobody hears of it */
        te__redial_deaf(executor, event->now_us, effects);
        return;
    }
    te__pending_age(executor, passed_us);
    if (executor->silence_us < executor->options->leader_silence_us) return;
    executor->silent = true;
    te__abort_silent(executor, effects);
    if (executor->silence_us >= executor->options->leaderless_grace_us && !executor->grace_over)
        end_grace(executor, effects);
    te__redial_deaf(executor, event->now_us, effects);
}

/* ---------------------------------------------------------------- the second witness */

void te__tell_lost(struct weir_taskexecutor *executor, weir_node standby, struct weir_effects *effects)
{
    Weir__LeaderLost *lost = WEIR_PROTO_NEW(effects->arena, Weir__LeaderLost, weir__leader_lost);
    lost->epoch = executor->identity->epoch;
    lost->leader_incarnation = executor->identity->leader_incarnation;
    lost->host = weir_arena_string(effects->arena, executor->identity->host);
    weir_effect_send(effects, standby, WEIR_ROLE_LEADER, NULL, 0, WEIR__ENVELOPE__BODY_LEADER_LOST, lost);
}

void te__leader_is_lost(struct weir_taskexecutor *executor, struct weir_effects *effects)
{
    if (!executor->identity->epoch || executor->leader_lost) return;
    executor->leader_lost = true;
    for (uint32_t i = 0; i < executor->connection_count; i++)
        if (executor->connections[i].up) te__tell_lost(executor, executor->connections[i].node, effects);
}

static void on_up(
    struct weir_taskexecutor *executor, const struct weir_event *event, struct weir_effects *effects)
{
    const struct weir_identity *identity = executor->identity;
    struct te__connection *connection = te__connection_add(executor, event->from, NULL, effects);
    if (!connection) return;
    connection->up = true;
    connection->reset = false;
    connection->incarnation = event->from_incarnation;
    connection->up_since_us = event->now_us;
    te__greet(executor, event->from, effects);
    bool is_leader = identity->epoch && event->from == identity->leader;
    if (is_leader) {
        executor->reported = executor->reporting = false;
        if (event->from_incarnation == identity->leader_incarnation)
            executor->leader_lost = false; /* the network was at fault */
        else
            te__leader_is_lost(executor, effects);
    }
    if (executor->leader_lost) te__tell_lost(executor, event->from, effects);
}

void te__on_connection(
    struct weir_taskexecutor *executor, const struct weir_event *event, struct weir_effects *effects)
{
    if (event->connection == WEIR_CONNECTION_UP) {
        on_up(executor, event, effects);
        return;
    }
    struct te__connection *connection = te__connection_find(executor, event->from);
    if (!connection) return;
    bool is_leader = executor->identity->epoch && event->from == executor->identity->leader;
    if (event->connection == WEIR_CONNECTION_RESET) connection->reset = true;
    connection->up = false;
    if (!is_leader) return;
    executor->reported = executor->reporting = false;
    if (event->connection == WEIR_CONNECTION_REFUSED && connection->reset)
        te__leader_is_lost(executor, effects);
}

/* ---------------------------------------------------------------- retrieval from the store */

void te__store_poll(struct weir_taskexecutor *executor, int64_t now_us, struct weir_effects *effects)
{
    if (!executor->store_connected || executor->store_reading || now_us < executor->store_read_at_us) return;
    executor->store_reading = true;
    executor->store_read_at_us = now_us + executor->options->store_poll_us;
    struct weir_store_operation read = { .kind = WEIR_STORE_READ_STALE, .key = "leader" };
    struct weir_tag tag = {
        .role = WEIR_ROLE_TASKEXECUTOR, .kind = TE__TAG_STORE, .number = ++executor->store_reads
    };
    weir_effect_add(effects, WEIR_EFFECT_STORE_WATCH)->text = "leader";
    weir_effect_store(effects, tag, &read, 1);
}

/* Only where the leader is to be found: it is believed by its own announcement.
 */
static void on_record(
    struct weir_taskexecutor *executor, const struct weir_store_entry *entry, struct weir_effects *effects)
{
    Weir__LeaderRecord *record = NULL;
    if (weir_leader_record_decode(effects->arena, entry->value, entry->length, &record, NULL)) return;
    executor->recorded = weir_nodes_intern(executor->nodes, record->holder->name);
    dial(executor, record->holder->name, record->holder->rpc_address, effects);
}

/* Standbys, too: what a TaskManager sees of the leader's end is their second
 * witness (4.3). */
static void ask_candidates(struct weir_taskexecutor *executor, int64_t now_us, struct weir_effects *effects)
{
    executor->store_reading = executor->candidates_reading = true;
    executor->candidates_read_at_us = now_us + TE__CANDIDATES_POLLS * executor->options->store_poll_us;
    struct weir_store_operation list = { .kind = WEIR_STORE_LIST, .key = "candidates" };
    struct weir_tag tag = {
        .role = WEIR_ROLE_TASKEXECUTOR, .kind = TE__TAG_STORE, .number = ++executor->store_reads
    };
    weir_effect_store(effects, tag, &list, 1);
}

/* Who is neither there nor connected: its name does not come again, when it was of a port. */
static void hang_up_gone(struct weir_taskexecutor *executor, struct weir_effects *effects)
{
    for (uint32_t i = executor->connection_count; i-- > 0;) {
        struct te__connection *connection = &executor->connections[i];
        if (connection->up || connection->configured || connection->listed) continue;
        if (connection->node == executor->identity->leader || connection->node == executor->recorded)
            continue;
        hang_up(executor, connection, effects);
        *connection = executor->connections[--executor->connection_count];
    }
}

static void on_candidates(
    struct weir_taskexecutor *executor, const struct weir_store_event *store, struct weir_effects *effects)
{
    for (uint32_t i = 0; i < executor->connection_count; i++) executor->connections[i].listed = false;
    for (uint32_t i = 0; i < store->entry_count && i < TE__CONNECTIONS_MAX / 2; i++) {
        const struct weir_store_entry *entry = &store->entries[i];
        ProtobufCMessage *message = NULL;
        if (weir_proto_decode(&weir__node__descriptor, effects->arena, entry->value, entry->length,
                WEIR_RECORD_BYTES_MAX, &message, NULL))
            continue;
        const Weir__Node *node = (const Weir__Node *)message;
        dial(executor, node->name, node->rpc_address, effects);
        struct te__connection *connection =
            te__connection_find(executor, weir_nodes_find(executor->nodes, node->name));
        if (connection) connection->listed = true;
    }
    hang_up_gone(executor, effects);
}

void te__on_store(
    struct weir_taskexecutor *executor, const struct weir_event *event, struct weir_effects *effects)
{
    if (event->kind == WEIR_EVENT_STORE_STATE) {
        executor->store_connected = event->store.state == WEIR_STORE_CONNECTED;
        executor->store_reading = executor->candidates_reading = false;
        executor->store_read_at_us = executor->candidates_read_at_us = 0;
    } else if (event->kind == WEIR_EVENT_STORE_CHANGED) {
        executor->store_read_at_us = executor->candidates_read_at_us = 0;
    } else if (event->tag.number == executor->store_reads) {
        bool candidates = executor->candidates_reading;
        executor->store_reading = executor->candidates_reading = false;
        if (event->store.outcome == WEIR_STORE_OK && candidates)
            on_candidates(executor, &event->store, effects);
        else if (event->store.outcome == WEIR_STORE_OK && event->store.entry_count &&
                 event->store.entries[0].found)
            on_record(executor, &event->store.entries[0], effects);
        if (!candidates && executor->store_connected && event->now_us >= executor->candidates_read_at_us)
            ask_candidates(executor, event->now_us, effects);
    }
    te__store_poll(executor, event->now_us, effects);
}
