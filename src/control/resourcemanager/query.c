/* What REST shows of the TaskManagers. */
#include "control/resourcemanager/internal.h"

static Weir__TaskManagerSummary *summary_of(
    struct weir_resourcemanager *rm, const struct rm__taskmanager *taskmanager, struct weir_arena *arena)
{
    Weir__TaskManagerSummary *summary =
        WEIR_PROTO_NEW(arena, Weir__TaskManagerSummary, weir__task_manager_summary);
    summary->node = WEIR_PROTO_NEW(arena, Weir__Node, weir__node);
    summary->node->name = (char *)weir_nodes_name(rm->nodes, taskmanager->node);
    summary->node->incarnation = taskmanager->incarnation;
    if (taskmanager->rpc_address) summary->node->rpc_address = taskmanager->rpc_address;
    if (taskmanager->rest_address) summary->node->rest_address = taskmanager->rest_address;
    if (taskmanager->data_address) summary->node->data_address = taskmanager->data_address;
    summary->slots = taskmanager->slot_count;
    summary->slots_free = taskmanager->free_count;
    summary->heard_ago_ms = (uint64_t)WEIR_MAX(rm->own_us - taskmanager->heard_us, (int64_t)0) / 1000;
    summary->attempts = taskmanager->attempts;
    summary->slot_jobs = WEIR_ARENA_ARRAY(arena, ProtobufCBinaryData, taskmanager->slot_count + 1);
    for (uint32_t i = 0; i < taskmanager->slot_count; i++) {
        const struct rm__slot *slot = &taskmanager->slots[i];
        if (slot->state != RM__SLOT_HELD) continue;
        summary->slot_jobs[summary->n_slot_jobs++] = weir_job_id_to(arena, &rm__job(rm, slot->job)->id);
    }
    return summary;
}

void rm__on_query(
    struct weir_resourcemanager *rm, const struct weir_event *event, struct weir_effects *effects)
{
    struct weir_arena *arena = effects->arena;
    Weir__ClientReply *reply = WEIR_PROTO_NEW(arena, Weir__ClientReply, weir__client_reply);
    reply->code = rm->leading ? WEIR__REPLY_CODE__REPLY_OK : WEIR__REPLY_CODE__REPLY_NOT_LEADER;
    reply->taskmanagers = WEIR_ARENA_ARRAY(arena, Weir__TaskManagerSummary *, rm->taskmanager_count + 1);
    for (uint32_t i = 0; i < rm->taskmanager_count && rm->leading; i++)
        if (rm->taskmanagers[i]->registered)
            reply->taskmanagers[reply->n_taskmanagers++] = summary_of(rm, rm->taskmanagers[i], arena);
    weir_effect_send(effects, event->from, WEIR_ROLE_CLIENT, NULL, event->envelope->request,
        WEIR__ENVELOPE__BODY_REPLY, reply);
}
