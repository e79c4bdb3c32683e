/* Standing connections: whom this JobManager knows, greets, announces itself to and beats for. */
#include "control/leader/internal.h"
#include "base/assert.h"
#include <string.h>

static void *grown(
    struct weir_memory *memory, void *old, uint32_t *capacity, uint32_t wanted, size_t bytes_each)
{
    uint32_t grown_capacity = *capacity ? *capacity : 16;
    while (grown_capacity <= wanted) grown_capacity *= 2;
    char *items =
        weir_memory_reallocate(memory, old, bytes_each * *capacity, bytes_each * (size_t)grown_capacity);
    memset(items + bytes_each * *capacity, 0, bytes_each * (grown_capacity - *capacity));
    *capacity = grown_capacity;
    return items;
}

/* Valid until a larger node is asked for. */
struct leader_peer *leader__peer(struct weir_leader *leader, weir_node node)
{
    WEIR_ASSERT(node <= WEIR_NODES_MAX);
    if (node >= leader->peer_capacity)
        leader->peers =
            grown(leader->memory, leader->peers, &leader->peer_capacity, node, sizeof *leader->peers);
    return &leader->peers[node];
}

/* What it says of itself: where its clients find it. */
void leader__peer_greeted(struct weir_leader *leader, weir_node node, const Weir__Node *greeted)
{
    struct leader_peer *peer = leader__peer(leader, node);
    if (!peer->greeted) {
        weir_arena_init(&peer->greeted_arena, leader->memory);
        peer->greeted_arena.block_bytes = LEADER_GREETED_BYTES;
    } else {
        weir_arena_reset(&peer->greeted_arena);
    }
    peer->greeted = WEIR_PROTO_COPY(&peer->greeted_arena, greeted);
    leader->standbys_version++; /* TaskManagers hear of it with the next beat */
}

void leader__peers_done(struct weir_leader *leader)
{
    for (uint32_t i = 0; i < leader->peer_capacity; i++)
        if (leader->peers[i].greeted) weir_arena_done(&leader->peers[i].greeted_arena);
    weir_memory_release(leader->memory, leader->peers, sizeof *leader->peers * leader->peer_capacity);
    weir_memory_release(leader->memory, leader->up, sizeof *leader->up * leader->up_capacity);
}

static uint64_t hash_of(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *text; text++) hash = (hash ^ (uint8_t)*text) * 0x100000001b3u;
    return hash;
}

void leader__connect(
    struct weir_leader *leader, weir_node node, const char *address, struct weir_effects *effects)
{
    struct leader_peer *peer = leader__peer(leader, node);
    if (!peer->dialled) leader->dialled_count++;
    peer->dialled = true;
    peer->dialled_address = hash_of(address);
    struct weir_effect *effect = weir_effect_add(effects, WEIR_EFFECT_CONNECT);
    effect->node = node;
    effect->text = weir_arena_string(effects->arena, address);
}

/* Of two JobManagers the one with the lower name dials: one connection for a pair. */
void leader__dial(
    struct weir_leader *leader, const char *name, const char *address, struct weir_effects *effects)
{
    weir_node node = weir_nodes_intern(leader->nodes, name);
    if (!node || node == leader->identity->self) return;
    struct leader_peer *peer = leader__peer(leader, node);
    peer->jobmanager = true;
    if (!address[0] || strcmp(leader->identity->name, name) > 0) return;
    if (peer->dialled && peer->dialled_address == hash_of(address)) return;
    if (!peer->dialled && leader->dialled_count >= LEADER_PEERS_MAX) return;
    leader__connect(leader, node, address, effects);
}

/* Every restart on a port of its own is another name: without this they would be dialled for ever, and soon
 * nobody new any more. */
void leader__hang_up_gone(struct weir_leader *leader, struct weir_effects *effects)
{
    for (weir_node node = 1; leader->dialled_count && node < leader->peer_capacity; node++) {
        struct leader_peer *peer = &leader->peers[node];
        if (!peer->dialled || peer->configured || peer->up_index || node == leader->holder ||
            peer->listed_look == leader->looks)
            continue;
        peer->dialled = false;
        leader->dialled_count--;
        weir_effect_add(effects, WEIR_EFFECT_DISCONNECT)->node = node;
    }
}

void leader__dial_configured(struct weir_leader *leader, struct weir_effects *effects)
{
    for (uint32_t i = 0; i < leader->options->peer_count; i++) {
        const char *text = leader->options->peers[i], *equals = strchr(text, '=');
        if (!equals) continue;
        const char *name = weir_arena_copy(effects->arena, text, (size_t)(equals - text));
        weir_node node = weir_nodes_intern(leader->nodes, name);
        if (node) leader__peer(leader, node)->configured = true;
        leader__dial(leader, name, equals + 1, effects);
    }
}

void leader__peer_up(struct weir_leader *leader, weir_node node, uint64_t incarnation, int64_t now_us)
{
    struct leader_peer *peer = leader__peer(leader, node);
    peer->incarnation = incarnation;
    peer->heard_us = now_us;
    peer->broken_us = 0;
    peer->announced_epoch = 0;
    peer->announced_standbys = 0;
    if (peer->up_index) return;
    if (leader->up_count == leader->up_capacity)
        leader->up =
            grown(leader->memory, leader->up, &leader->up_capacity, leader->up_count, sizeof *leader->up);
    leader->up[leader->up_count++] = node;
    leader__peer(leader, node)->up_index = leader->up_count;
}

void leader__peer_down(struct weir_leader *leader, weir_node node, int64_t now_us)
{
    struct leader_peer *peer = leader__peer(leader, node);
    if (!peer->up_index) return;
    weir_node last = leader->up[--leader->up_count];
    leader->up[peer->up_index - 1] = last;
    leader__peer(leader, last)->up_index = peer->up_index;
    peer->up_index = 0;
    peer->broken_us = now_us;
}

static void send(struct weir_leader *leader, weir_node node, Weir__Envelope__BodyCase body, void *message,
    struct weir_effects *effects)
{
    enum weir_role to = leader__peer(leader, node)->jobmanager ? WEIR_ROLE_LEADER : WEIR_ROLE_TASKEXECUTOR;
    weir_effect_send(effects, node, to, NULL, 0, body, message);
}

/* Tells the newest epoch that it knows of: a leader of a wiped store learns from it (H1). */
void leader__greet(struct weir_leader *leader, weir_node node, struct weir_effects *effects)
{
    const struct weir_identity *identity = leader->identity;
    Weir__Greeting *greeting = WEIR_PROTO_NEW(effects->arena, Weir__Greeting, weir__greeting);
    greeting->node = weir_identity_node(identity, effects->arena);
    greeting->role = WEIR__NODE_ROLE__NODE_JOBMANAGER;
    if (identity->epoch) {
        greeting->epoch = identity->epoch;
        greeting->leader_incarnation = identity->incarnation;
    } else if (leader->record) {
        greeting->epoch = leader->record->epoch;
        greeting->leader_incarnation = leader->record->holder->incarnation;
    }
    send(leader, node, WEIR__ENVELOPE__BODY_GREETING, greeting, effects);
}

static Weir__LeaderAnnouncement *make_announcement(const struct weir_leader *leader, struct weir_arena *arena)
{
    Weir__LeaderAnnouncement *announcement =
        WEIR_PROTO_NEW(arena, Weir__LeaderAnnouncement, weir__leader_announcement);
    announcement->epoch = leader->identity->epoch;
    announcement->leader = weir_identity_node(leader->identity, arena);
    return announcement;
}

static void add_standbys(
    const struct weir_leader *leader, Weir__LeaderAnnouncement *announcement, struct weir_arena *arena)
{
    announcement->standbys = WEIR_ARENA_ARRAY(arena, Weir__Node *, LEADER_STANDBYS_MAX);
    for (uint32_t i = 0; i < leader->up_count && announcement->n_standbys < LEADER_STANDBYS_MAX; i++) {
        const struct leader_peer *peer = &leader->peers[leader->up[i]];
        if (peer->greeted) announcement->standbys[announcement->n_standbys++] = peer->greeted;
    }
}

void leader__step_down(struct weir_leader *leader, struct weir_effects *effects)
{
    for (uint32_t i = 0; i < leader->up_count; i++) {
        weir_node node = leader->up[i];
        if (!leader->peers[node].jobmanager) continue;
        Weir__LeaderAnnouncement *announcement = make_announcement(leader, effects->arena);
        announcement->steps_down = true;
        send(leader, node, WEIR__ENVELOPE__BODY_LEADER_ANNOUNCEMENT, announcement, effects);
    }
}

void leader__announce(struct weir_leader *leader, weir_node node, struct weir_effects *effects)
{
    struct leader_peer *peer = leader__peer(leader, node);
    bool standbys_known = peer->jobmanager || peer->announced_standbys == leader->standbys_version;
    if (leader->state != LEADER_LEADING) return;
    if (peer->announced_epoch == leader->identity->epoch && standbys_known) return;
    peer->announced_epoch = leader->identity->epoch;
    peer->announced_standbys = leader->standbys_version;
    Weir__LeaderAnnouncement *announcement = make_announcement(leader, effects->arena);
    if (!peer->jobmanager) add_standbys(leader, announcement, effects->arena);
    send(leader, node, WEIR__ENVELOPE__BODY_LEADER_ANNOUNCEMENT, announcement, effects);
}

void leader__beat(struct weir_leader *leader, int64_t now_us, struct weir_effects *effects)
{
    uint32_t end = WEIR_MIN(leader->beat_cursor + LEADER_BEATS_PER_STEP_MAX, leader->up_count);
    for (; leader->beat_cursor < end; leader->beat_cursor++) {
        weir_node node = leader->up[leader->beat_cursor];
        leader__announce(leader, node, effects);
        Weir__Heartbeat *beat = WEIR_PROTO_NEW(effects->arena, Weir__Heartbeat, weir__heartbeat);
        int64_t heard_us = leader__peer(leader, node)->heard_us;
        beat->heard_ago_ms = heard_us ? (uint64_t)(now_us - heard_us) / 1000 : UINT64_MAX;
        send(leader, node, WEIR__ENVELOPE__BODY_HEARTBEAT, beat, effects);
    }
    leader->beating = leader->beat_cursor < leader->up_count;
    if (leader->beating) effects->more = true;
}

void leader__beat_all(struct weir_leader *leader, int64_t now_us, struct weir_effects *effects)
{
    leader->beat_cursor = 0;
    leader__beat(leader, now_us, effects);
}
