/* The leader machine: its states, what it tells the other machines, and the way of an event through it. */
#include "control/leader/internal.h"
#include "base/assert.h"
#include "control/planted.h"

static bool transition_is_legal(enum leader_state from, enum leader_state to)
{
    switch (from) {
    case LEADER_CANDIDATE: return to == LEADER_STANDBY || to == LEADER_CLAIMING;
    case LEADER_STANDBY: return to == LEADER_CANDIDATE || to == LEADER_CLAIMING;
    case LEADER_CLAIMING: return to == LEADER_CANDIDATE || to == LEADER_STANDBY || to == LEADER_LEADING;
    case LEADER_LEADING: return to == LEADER_DEPOSED;
    case LEADER_DEPOSED: return to == LEADER_CANDIDATE;
    }
    return false;
}

void leader__set_state(struct weir_leader *leader, enum leader_state state)
{
    if (leader->state == state) return;
    WEIR_ASSERT(transition_is_legal(leader->state, state));
    leader->state = state;
}

struct weir_leader *weir_leader_new(const struct weir_machine_config *config)
{
    struct weir_leader *leader = weir_memory_allocate_zeroed(config->memory, sizeof *leader);
    leader->memory = config->memory;
    leader->nodes = config->nodes;
    leader->identity = config->identity;
    leader->options = config->options;
    leader->random = config->random_seed | 1;
    leader->look_due = leader->presence_due = true;
    leader->known_since_us = INT64_MAX;
    weir_arena_init(&leader->record_arena, config->memory);
    leader->record_arena.block_bytes = LEADER_ARENA_BYTES;
    return leader;
}

void weir_leader_free(struct weir_leader *leader)
{
    if (!leader) return;
    leader__peers_done(leader);
    weir_arena_done(&leader->record_arena);
    weir_memory_release(leader->memory, leader, sizeof *leader);
}

/* ---------------------------------------------------------------- what others are told */

static void tell(struct weir_leader *leader, struct weir_local_message message, struct weir_effects *effects)
{
    message.from = WEIR_ROLE_LEADER;
    weir_effect_local(effects, WEIR_ROLE_RESOURCEMANAGER, NULL, &message);
    weir_effect_local(effects, WEIR_ROLE_DISPATCHER, NULL, &message);
}

static void timer(enum leader_tag kind, int64_t at_us, struct weir_effects *effects)
{
    weir_effect_timer(effects, (struct weir_tag){ .role = WEIR_ROLE_LEADER, .kind = kind }, at_us);
}

static int64_t poll_interval_us(const struct weir_leader *leader)
{
    int64_t poll_us = leader->options->store_poll_us;
    /* A leader must know early enough that it is out of contact: own clock, H8. */
    if (leader->state == LEADER_LEADING && leader->session_timeout_us)
        poll_us = WEIR_MIN(poll_us, WEIR_MAX(leader->session_timeout_us / 3, (int64_t)LEADER_RETRY_FIRST_US));
    return poll_us;
}

void leader__retrieved(struct weir_leader *leader, struct weir_effects *effects)
{
    weir_node holder = leader->record ? leader->holder : 0;
    uint64_t epoch = leader->record ? leader->record->epoch : 0;
    if (holder == leader->told_holder && epoch == leader->told_epoch) return;
    leader->told_holder = holder;
    leader->told_epoch = epoch;
    leader->identity->leader = holder;
    leader->identity->leader_incarnation = leader->record ? leader->record->holder->incarnation : 0;
    tell(leader,
        (struct weir_local_message){ .kind = WEIR_LOCAL_RETRIEVED,
            .node = holder,
            .epoch = epoch,
            .incarnation = leader->identity->leader_incarnation },
        effects);
}

/* Its end is promised to clients when it is recorded: the next leader goes on with it. */
static void tell_end(struct weir_leader *leader, struct weir_effects *effects)
{
    if (!leader->record->ends || leader->record->shut_down) return;
    leader->end_wanted = true; /* should the store be wiped */
    struct weir_local_message message = { .kind = WEIR_LOCAL_END_RECORDED, .from = WEIR_ROLE_LEADER };
    weir_effect_local(effects, WEIR_ROLE_DISPATCHER, NULL, &message);
}

void leader__grant(struct weir_leader *leader, int64_t now_us, struct weir_effects *effects)
{
    struct weir_identity *identity = leader->identity;
    leader__set_state(leader, LEADER_LEADING);
    identity->epoch = leader->record->epoch;
    identity->suspended = leader->suspended = identity->waits = false;
    leader->epoch_led = identity->epoch;
    leader->epoch_seen = WEIR_MAX(leader->epoch_seen, identity->epoch);
    leader->raise_due = false;
    leader->alive_count = 0;
    leader->quiet_since_us = now_us;
    leader->takeover_ms = (uint32_t)WEIR_MIN((now_us - leader->claim_started_us) / 1000, (int64_t)UINT32_MAX);
    weir_effect_log(effects, WEIR_CONTROL_INFO, "leads with epoch %llu", (unsigned long long)identity->epoch);
    tell(leader,
        (struct weir_local_message){ .kind = WEIR_LOCAL_GRANTED,
            .epoch = identity->epoch,
            .incarnation = identity->incarnation,
            .leader_version = leader->record_version,
            .job = leader->application,
            .known_since_us = leader->known_since_us },
        effects);
    tell_end(leader, effects);
    leader__retrieved(leader, effects);
    leader__beat_all(leader, now_us, effects);
    timer(LEADER_TAG_BEAT, now_us + leader->options->heartbeat_interval_us, effects);
    timer(LEADER_TAG_POLL, now_us + poll_interval_us(leader), effects);
}

void leader__revoke(
    struct weir_leader *leader, const char *reason, int64_t now_us, struct weir_effects *effects)
{
    WEIR_ASSERT(leader->state == LEADER_LEADING);
    weir_effect_log(effects, WEIR_CONTROL_WARN, "no longer leads, epoch %llu: %s",
        (unsigned long long)leader->identity->epoch, reason);
    leader__set_state(leader, LEADER_DEPOSED);
    leader->epoch_led = WEIR_MAX(leader->epoch_led, leader->identity->epoch);
    leader->identity->epoch = 0;
    leader->identity->leader = 0;
    leader->identity->leader_incarnation = 0;
    leader->identity->suspended = leader->suspended = leader->identity->waits = false;
    leader->raise_due = leader->end_wanted = leader->shutdown_due = leader->beating = false;
    leader->application_state = WEIR__JOB_STATE__JOB_STATE_UNSPECIFIED;
    leader->alive_count = 0;
    leader->told_holder = 0;
    leader->told_epoch = 0;
    tell(leader, (struct weir_local_message){ .kind = WEIR_LOCAL_REVOKED, .reason = reason }, effects);
    timer(LEADER_TAG_BEAT, INT64_MAX, effects);
    leader->look_due = true;
    leader__set_state(leader, LEADER_CANDIDATE);
}

void leader__rewritten(
    struct weir_leader *leader, uint64_t epoch, int64_t now_us, struct weir_effects *effects)
{
    struct weir_identity *identity = leader->identity;
    bool raised = epoch > identity->epoch;
    if (raised) {
        weir_effect_log(effects, WEIR_CONTROL_WARN,
            "takes epoch %llu instead of %llu: somebody knew one as large, so the store was wiped or set "
            "back",
            (unsigned long long)epoch, (unsigned long long)identity->epoch);
        identity->epoch = epoch;
        leader->epoch_led = epoch;
    }
    leader->raise_due = leader->epoch_seen > identity->epoch;
    leader->epoch_seen = WEIR_MAX(leader->epoch_seen, epoch);
    tell(leader,
        (struct weir_local_message){ .kind = WEIR_LOCAL_EPOCH,
            .epoch = identity->epoch,
            .incarnation = identity->incarnation,
            .leader_version = leader->record_version,
            .job = leader->application },
        effects);
    tell_end(leader, effects);
    leader__retrieved(leader, effects);
    if (raised) leader__beat_all(leader, now_us, effects);
}

void leader__suspend(struct weir_leader *leader, const char *reason, struct weir_effects *effects)
{
    if (leader->state != LEADER_LEADING) return;
    leader->suspended = leader->identity->suspended = true;
    if (!leader->session_timeout_us) leader->identity->waits = true; /* nobody knows how long it is safe */
    weir_effect_log(effects, WEIR_CONTROL_WARN, "leadership is suspended: %s", reason);
    tell(leader, (struct weir_local_message){ .kind = WEIR_LOCAL_SUSPENDED, .reason = reason }, effects);
}

void leader__resume(struct weir_leader *leader, struct weir_effects *effects)
{
    if (!leader->suspended) return;
    leader->suspended = leader->identity->suspended = leader->identity->waits = false;
    tell(leader, (struct weir_local_message){ .kind = WEIR_LOCAL_RESUMED }, effects);
}

/* H1: somebody follows a larger epoch, or ours under another incarnation. The compare-and-set of the raise
 * tells whether the store still knows us. */
void leader__epoch_seen(struct weir_leader *leader, uint64_t epoch, uint64_t incarnation)
{
    if (epoch > LEADER_EPOCH_MAX) return;
    leader->epoch_seen = WEIR_MAX(leader->epoch_seen, epoch);
    if (leader->state != LEADER_LEADING || WEIR_PLANTED(epoch_seen_ignored)) return;
    const struct weir_identity *identity = leader->identity;
    if (epoch > identity->epoch || (epoch == identity->epoch && incarnation != identity->incarnation))
        leader->raise_due = true;
}

/* ---------------------------------------------------------------- events */

static void on_store_state(
    struct weir_leader *leader, const struct weir_event *event, struct weir_effects *effects)
{
    const struct weir_store_event *store = &event->store;
    switch (store->state) {
    case WEIR_STORE_CONNECTED:
        leader->connected = true;
        leader->request = LEADER_REQUEST_NONE; /* an answer still to come is too old; a look shows more */
        leader->transactions = store->transactions;
        leader->session_timeout_us = store->session_timeout_us;
        leader->look_due = true;
        leader->not_before_us = 0;
        leader->watching_record = leader->watching_holder = false;
        break;
    case WEIR_STORE_SUSPENDED:
        leader->connected = false;
        if (!leader->suspended) leader__suspend(leader, "no contact to the coordination store", effects);
        break;
    case WEIR_STORE_LOST:
        leader->connected = false;
        leader__session_over(leader);
        if (leader->state == LEADER_LEADING)
            leader__revoke(leader, "the session with the coordination store is over", event->now_us, effects);
        else if (leader->state != LEADER_CANDIDATE)
            leader__set_state(leader, LEADER_CANDIDATE);
        break;
    }
}

/* H8: on its own monotonic clock. Answers are counted from when they were asked for: the session lived then.
 */
static void check_contact(struct weir_leader *leader, int64_t now_us, struct weir_effects *effects)
{
    if (leader->state != LEADER_LEADING || !leader->session_timeout_us) return;
    if (now_us - leader->contact_us <= leader->session_timeout_us) return;
    if (!leader->suspended) leader__suspend(leader, "the coordination store does not answer", effects);
    if (leader->identity->waits) return;
    leader->identity->waits = true;
    leader__suspend(leader, "the session may be over: somebody else may lead", effects);
}

/* A leader that is silent for so long is no longer reached by that connection: a new one will tell. */
static void check_deafness(struct weir_leader *leader, int64_t now_us, struct weir_effects *effects)
{
    if (leader->state != LEADER_STANDBY || !leader->holder || !leader->record->holder->rpc_address[0]) return;
    struct leader_peer *peer = leader__peer(leader, leader->holder);
    if (!peer->up_index || now_us - peer->heard_us <= leader->options->heartbeat_timeout_us) return;
    weir_effect_add(effects, WEIR_EFFECT_DISCONNECT)->node = leader->holder;
    leader__peer_down(leader, leader->holder, now_us);
    leader__connect(leader, leader->holder, leader->record->holder->rpc_address, effects);
}

static void on_timer(struct weir_leader *leader, const struct weir_event *event, struct weir_effects *effects)
{
    switch (event->tag.kind) {
    case LEADER_TAG_POLL:
        if (!WEIR_PLANTED(leader_not_polled)) leader->look_due = true;
        check_deafness(leader, event->now_us, effects);
        if (leader->request != LEADER_REQUEST_NONE &&
            event->now_us - leader->request_sent_us > LEADER_REQUEST_LOST_US)
            leader->request = LEADER_REQUEST_NONE; /* its outcome is unknown; the look shows it */
        timer(LEADER_TAG_POLL, event->now_us + poll_interval_us(leader), effects);
        break;
    case LEADER_TAG_BEAT:
        if (leader->state != LEADER_LEADING) break;
        leader__beat_all(leader, event->now_us, effects);
        timer(LEADER_TAG_BEAT, event->now_us + leader->options->heartbeat_interval_us, effects);
        break;
    default: break; /* RETRY: deciding again is all */
    }
}

/* Of standbys, too: who is there before it leads is waited for when it does. */
static void tell_greeted(
    struct weir_leader *leader, const struct weir_event *event, struct weir_effects *effects)
{
    const Weir__Node *node = event->envelope->greeting->node;
    struct weir_local_message message = { .kind = WEIR_LOCAL_TASKMANAGER_GREETED,
        .from = WEIR_ROLE_LEADER,
        .node = event->from,
        .incarnation = event->from_incarnation,
        .address = weir_arena_string(effects->arena, node ? node->rpc_address : "") };
    weir_effect_local(effects, WEIR_ROLE_RESOURCEMANAGER, NULL, &message);
}

static void on_message(
    struct weir_leader *leader, const struct weir_event *event, struct weir_effects *effects)
{
    const Weir__Envelope *envelope = event->envelope;
    if (envelope->body_case == WEIR__ENVELOPE__BODY_QUERY_LEADER) {
        leader__on_query(leader, event, effects);
        return;
    }
    struct leader_peer *peer = leader__peer(leader, event->from);
    peer->heard_us = event->now_us;
    switch (envelope->body_case) {
    case WEIR__ENVELOPE__BODY_GREETING: {
        bool jobmanager = envelope->greeting->role == WEIR__NODE_ROLE__NODE_JOBMANAGER;
        peer->jobmanager = jobmanager;
        if (jobmanager) leader__peer_greeted(leader, event->from, envelope->greeting->node);
        if (envelope->greeting->role == WEIR__NODE_ROLE__NODE_TASKMANAGER)
            tell_greeted(leader, event, effects);
        leader__lives(
            leader, weir_nodes_name(leader->nodes, event->from), event->from_incarnation, event->now_us);
        leader__epoch_seen(leader, envelope->greeting->epoch, envelope->greeting->leader_incarnation);
        break;
    }
    case WEIR__ENVELOPE__BODY_LEADER_ANNOUNCEMENT:
        peer->jobmanager = true;
        if (envelope->leader_announcement->steps_down) peer->stepped_down = event->from_incarnation;
        if (!leader->record || envelope->leader_announcement->epoch > leader->record->epoch)
            leader->look_due = true;
        leader__epoch_seen(
            leader, envelope->leader_announcement->epoch, envelope->leader_announcement->leader->incarnation);
        break;
    case WEIR__ENVELOPE__BODY_LEADER_LOST: leader__on_leader_lost(leader, event); break;
    default: break; /* heartbeats: heard_us is what they are for */
    }
}

static void on_local(struct weir_leader *leader, const struct weir_event *event, struct weir_effects *effects)
{
    const struct weir_local_message *local = event->local;
    switch (local->kind) {
    case WEIR_LOCAL_CONTINUE:
        if (leader->beating && leader->state == LEADER_LEADING) leader__beat(leader, event->now_us, effects);
        break;
    case WEIR_LOCAL_EPOCH_SEEN: leader__epoch_seen(leader, local->epoch, local->incarnation); break;
    case WEIR_LOCAL_JOB_FENCED: leader->look_due = true; break;
    case WEIR_LOCAL_END_WANTED:
        leader->end_wanted = leader->end_wanted || leader->state == LEADER_LEADING;
        break;
    case WEIR_LOCAL_SHUTDOWN:
        if (leader->state != LEADER_LEADING) break;
        leader->shutdown_due = true;
        leader->application_state =
            local->result ? local->result->state : WEIR__JOB_STATE__JOB_STATE_UNSPECIFIED;
        break;
    default: break;
    }
}

/* Told to end: standbys learn that nothing was wrong. With no standby to lead on, the workers of the resource
 * driver would serve nobody. */
static void on_stop(struct weir_leader *leader, struct weir_effects *effects)
{
    if (leader->state != LEADER_LEADING) return;
    leader__step_down(leader, effects);
    for (uint32_t i = 0; i < leader->up_count; i++)
        if (leader->peers[leader->up[i]].greeted) return;
    struct weir_local_message message = { .kind = WEIR_LOCAL_END_WORKERS };
    weir_effect_local(effects, WEIR_ROLE_RESOURCEMANAGER, NULL, &message);
}

void weir_leader_step(
    struct weir_leader *leader, const struct weir_event *event, struct weir_effects *effects)
{
    switch (event->kind) {
    case WEIR_EVENT_START:
        leader__dial_configured(leader, effects);
        timer(LEADER_TAG_POLL, event->now_us + poll_interval_us(leader), effects);
        break;
    case WEIR_EVENT_TIMER: on_timer(leader, event, effects); break;
    case WEIR_EVENT_MESSAGE: on_message(leader, event, effects); break;
    case WEIR_EVENT_CONNECTION: leader__on_connection(leader, event, effects); break;
    case WEIR_EVENT_STORE_STATE: on_store_state(leader, event, effects); break;
    case WEIR_EVENT_STORE_DONE: leader__store_done(leader, event, effects); break;
    case WEIR_EVENT_STORE_CHANGED:
        leader->watching_record = leader->watching_holder = false;
        leader->look_due = true;
        break;
    case WEIR_EVENT_PROCESS_DIED: leader__on_process_died(leader, event); break;
    case WEIR_EVENT_LOCAL: on_local(leader, event, effects); break;
    case WEIR_EVENT_STOP: on_stop(leader, effects); break;
    default: break;
    }
    check_contact(leader, event->now_us, effects);
    leader__decide(leader, event->now_us, event->wall_us, effects);
}
