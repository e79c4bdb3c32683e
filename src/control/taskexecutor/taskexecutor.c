#include "control/taskexecutor/internal.h"
#include "base/assert.h"
#include <string.h>

struct weir_taskexecutor *weir_taskexecutor_new(const struct weir_machine_config *config, uint32_t slot_count)
{
    struct weir_taskexecutor *executor = weir_memory_allocate_zeroed(config->memory, sizeof *executor);
    executor->memory = config->memory;
    executor->nodes = config->nodes;
    executor->identity = config->identity;
    executor->options = config->options;
    executor->slot_count = slot_count;
    executor->slots = weir_memory_allocate_zeroed(config->memory, sizeof *executor->slots * (slot_count + 1));
    return executor;
}

void weir_taskexecutor_free(struct weir_taskexecutor *executor)
{
    if (!executor) return;
    struct weir_memory *memory = executor->memory;
    while (executor->attempt_count)
        te__attempt_remove(executor, executor->attempts[executor->attempt_count - 1]);
    for (uint32_t i = 0; i < executor->connection_count; i++)
        te__text_free(memory, executor->connections[i].address);
    for (uint32_t i = 0; i < executor->local_snapshot_count; i++)
        te__text_free(memory, executor->local_snapshots[i].file);
    weir_memory_release(memory, executor->local_snapshots,
        sizeof *executor->local_snapshots * executor->local_snapshot_capacity);
    weir_memory_release(memory, executor->slots, sizeof *executor->slots * (executor->slot_count + 1));
    weir_memory_release(memory, executor, sizeof *executor);
}

static void set_tick(const struct weir_taskexecutor *executor, int64_t now_us, struct weir_effects *effects)
{
    struct weir_tag tag = { .role = WEIR_ROLE_TASKEXECUTOR, .kind = TE__TAG_TICK };
    weir_effect_timer(effects, tag, now_us + executor->options->heartbeat_interval_us);
}

/* "name=address" */
static void dial_peer(struct weir_taskexecutor *executor, const char *peer, struct weir_effects *effects)
{
    const char *equals = strchr(peer, '=');
    if (!equals) return;
    char *name = weir_arena_copy(effects->arena, peer, (size_t)(equals - peer));
    weir_node node = weir_nodes_intern(executor->nodes, name);
    struct te__connection *connection = te__connection_add(executor, node, equals + 1, effects);
    if (!connection) return;
    connection->configured = true;
    struct weir_effect *effect = weir_effect_add(effects, WEIR_EFFECT_CONNECT);
    effect->node = node;
    effect->text = weir_arena_string(effects->arena, connection->address);
}

static void on_start(
    struct weir_taskexecutor *executor, const struct weir_event *event, struct weir_effects *effects)
{
    for (uint32_t i = 0; i < executor->options->peer_count; i++)
        dial_peer(executor, executor->options->peers[i], effects);
    set_tick(executor, event->now_us, effects);
}

static void beat(
    struct weir_taskexecutor *executor, const struct weir_event *event, struct weir_effects *effects)
{
    if (!te__leader_hears(executor)) return;
    Weir__Heartbeat *heartbeat = WEIR_PROTO_NEW(effects->arena, Weir__Heartbeat, weir__heartbeat);
    heartbeat->heard_ago_ms = (uint64_t)executor->silence_us / 1000;
    heartbeat->attempts = executor->attempt_count;
    weir_effect_send(effects, executor->identity->leader, WEIR_ROLE_RESOURCEMANAGER, NULL, 0,
        WEIR__ENVELOPE__BODY_HEARTBEAT, heartbeat);
}

/* A process of another cluster, or with another store, finds nobody: it says so, and does not wait for ever.
 * A TaskManager that has met a leader waits for the next one. */
static void search(
    struct weir_taskexecutor *executor, const struct weir_event *event, struct weir_effects *effects)
{
    const struct weir_control_options *options = executor->options;
    if (executor->identity->epoch || !options->leader_search_us) return;
    executor->searched_us += options->heartbeat_interval_us;
    long long seconds = executor->searched_us / 1000000;
    const char *wanted = "expected one with the same high-availability.cluster-id, in the same coordination "
                         "store (high-availability.type, storageDir or quorum)";
    if (!executor->search_told &&
        executor->searched_us >= WEIR_MIN(TE__SEARCH_TOLD_US, options->leader_search_us / 2)) {
        executor->search_told = true;
        weir_effect_log(effects, WEIR_CONTROL_WARN,
            "No JobManager of cluster '%s' leads, as far as is known after %lld s: %s.",
            executor->identity->cluster, seconds, wanted);
    }
    if (executor->searched_us < options->leader_search_us) return;
    struct weir_effect *effect = weir_effect_add(effects, WEIR_EFFECT_EXIT);
    effect->exit_code = 1;
    effect->text = weir_arena_format(effects->arena,
        "No leading JobManager of cluster '%s' was found within %lld s (taskmanager.registration.timeout): "
        "%s.",
        executor->identity->cluster, seconds, wanted);
}

static void on_timer(
    struct weir_taskexecutor *executor, const struct weir_event *event, struct weir_effects *effects)
{
    if (event->tag.kind != TE__TAG_TICK) return;
    set_tick(executor, event->now_us, effects);
    te__on_tick_follow(executor, event, effects);
    te__store_poll(executor, event->now_us, effects);
    te__splits_ask_again(executor, event->now_us, effects);
    beat(executor, event, effects);
    search(executor, event, effects);
}

/* 4.5: another process of this name has registered since. */
static void on_report_accepted(
    struct weir_taskexecutor *executor, const struct weir_event *event, struct weir_effects *effects)
{
    const char *refused = event->envelope->report_accepted->refused;
    if (!refused[0]) return;
    struct weir_effect *effect = weir_effect_add(effects, WEIR_EFFECT_EXIT);
    effect->exit_code = 1;
    effect->text = weir_arena_string(effects->arena, refused);
}

/* The leader's resource driver had this process started and does not need it any more. */
static void on_end(const struct weir_event *event, struct weir_effects *effects)
{
    struct weir_effect *effect = weir_effect_add(effects, WEIR_EFFECT_EXIT);
    effect->text = weir_arena_format(
        effects->arena, "This TaskManager ends: %s.", event->envelope->end_taskmanager->reason);
}

static void on_message(
    struct weir_taskexecutor *executor, const struct weir_event *event, struct weir_effects *effects)
{
    const struct weir_identity *identity = executor->identity;
    if (identity->epoch && event->from == identity->leader &&
        event->from_incarnation == identity->leader_incarnation)
        te__on_heard(executor);
    switch (event->envelope->body_case) {
    case WEIR__ENVELOPE__BODY_LEADER_ANNOUNCEMENT: te__on_announcement(executor, event, effects); break;
    case WEIR__ENVELOPE__BODY_HEARTBEAT: te__on_heartbeat(executor, event, effects); break;
    case WEIR__ENVELOPE__BODY_REPORT_ACCEPTED: on_report_accepted(executor, event, effects); break;
    case WEIR__ENVELOPE__BODY_END_TASKMANAGER: on_end(event, effects); break;
    case WEIR__ENVELOPE__BODY_DEPLOY: te__on_deploy(executor, event, effects); break;
    case WEIR__ENVELOPE__BODY_CANCEL_TASKS: te__on_cancel(executor, event, effects); break;
    case WEIR__ENVELOPE__BODY_FORGET: te__on_forget(executor, event, effects); break;
    case WEIR__ENVELOPE__BODY_TRIGGER: te__on_trigger(executor, event, effects); break;
    case WEIR__ENVELOPE__BODY_COMPLETE: te__on_complete(executor, event, effects); break;
    case WEIR__ENVELOPE__BODY_ABORT: te__on_abort(executor, event, effects); break;
    case WEIR__ENVELOPE__BODY_ASSIGN_SPLITS: te__on_splits(executor, event, effects); break;
    case WEIR__ENVELOPE__BODY_DISCOVER_SPLITS: te__on_discover(executor, event, effects); break;
    default: break; /* greetings: the connection's event said all that is of use here */
    }
}

void weir_taskexecutor_step(
    struct weir_taskexecutor *executor, const struct weir_event *event, struct weir_effects *effects)
{
    switch (event->kind) {
    case WEIR_EVENT_START: on_start(executor, event, effects); break;
    case WEIR_EVENT_TIMER: on_timer(executor, event, effects); break;
    case WEIR_EVENT_MESSAGE: on_message(executor, event, effects); break;
    case WEIR_EVENT_CONNECTION: te__on_connection(executor, event, effects); break;
    case WEIR_EVENT_STORE_STATE:
    case WEIR_EVENT_STORE_DONE:
    case WEIR_EVENT_STORE_CHANGED: te__on_store(executor, event, effects); break;
    case WEIR_EVENT_TASK: te__on_task(executor, event, effects); break;
    case WEIR_EVENT_PROCESS_DIED:
        if (event->from == executor->identity->leader &&
            event->from_incarnation == executor->identity->leader_incarnation)
            te__leader_is_lost(executor, effects);
        break;
    default: break; /* LOCAL / CONTINUE */
    }
    if (!te__report_continue(executor, effects) || !te__flush_queue(executor, effects)) effects->more = true;
}
