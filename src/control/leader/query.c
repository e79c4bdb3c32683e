/* Who leads, as far as this JobManager knows: what REST shows, and where a standby sends its clients. */
#include "control/leader/internal.h"

/* Kept in place: the answer is encoded before the next step. */
static Weir__Node *leading_node(const struct weir_leader *leader, struct weir_arena *arena)
{
    if (leader->state == LEADER_LEADING) return weir_identity_node(leader->identity, arena);
    return leader->record ? leader->record->holder : NULL;
}

static void add_standbys(
    const struct weir_leader *leader, Weir__LeaderSummary *summary, struct weir_arena *arena)
{
    summary->standbys = WEIR_ARENA_ARRAY(arena, Weir__Node *, leader->up_count + 1);
    if (leader->state != LEADER_LEADING)
        summary->standbys[summary->n_standbys++] = weir_identity_node(leader->identity, arena);
    for (uint32_t i = 0; i < leader->up_count; i++) {
        weir_node node = leader->up[i];
        const struct leader_peer *peer = &leader->peers[node];
        if (!peer->greeted || (leader->state != LEADER_LEADING && node == leader->holder)) continue;
        summary->standbys[summary->n_standbys++] = peer->greeted;
    }
}

/* The record was written before it was known how long that takes. */
static void measure_newest(
    const struct weir_leader *leader, Weir__LeaderSummary *summary, struct weir_arena *arena)
{
    size_t count = summary->n_failovers;
    if (!count || summary->failovers[count - 1]->epoch != summary->epoch) return;
    Weir__Failover **failovers = WEIR_ARENA_ARRAY(arena, Weir__Failover *, count);
    for (size_t i = 0; i < count; i++) failovers[i] = summary->failovers[i];
    Weir__Failover *newest = WEIR_PROTO_COPY(arena, failovers[count - 1]);
    newest->takeover_ms = leader->takeover_ms;
    newest->measured = true;
    failovers[count - 1] = newest;
    summary->failovers = failovers;
}

void leader__on_query(
    const struct weir_leader *leader, const struct weir_event *event, struct weir_effects *effects)
{
    struct weir_arena *arena = effects->arena;
    Weir__LeaderSummary *summary = WEIR_PROTO_NEW(arena, Weir__LeaderSummary, weir__leader_summary);
    summary->leads = leader->state == LEADER_LEADING;
    summary->suspended = leader->suspended;
    summary->leader = leading_node(leader, arena);
    if (summary->leader) summary->epoch = summary->leads ? leader->identity->epoch : leader->record->epoch;
    summary->self = weir_identity_node(leader->identity, arena);
    add_standbys(leader, summary, arena);
    if (!weir_job_id_is_zero(&leader->application))
        summary->application = weir_job_id_to(arena, &leader->application);
    if (leader->record) {
        summary->failovers = leader->record->failovers;
        summary->n_failovers = leader->record->n_failovers;
        if (summary->leads) measure_newest(leader, summary, arena);
    }
    Weir__ClientReply *reply = WEIR_PROTO_NEW(arena, Weir__ClientReply, weir__client_reply);
    reply->code = WEIR__REPLY_CODE__REPLY_OK;
    reply->leadership = summary;
    weir_effect_send(effects, event->from, WEIR_ROLE_CLIENT, NULL, event->envelope->request,
        WEIR__ENVELOPE__BODY_REPLY, reply);
}
