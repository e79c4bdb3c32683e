#include "control/effect.h"
#include "control/local.h"
#include "base/assert.h"
#include <string.h>

void weir_effects_init(struct weir_effects *effects, struct weir_arena *arena)
{
    *effects = (struct weir_effects){ .arena = arena };
}

struct weir_effect *weir_effect_add(struct weir_effects *effects, enum weir_effect_kind kind)
{
    WEIR_ASSERT(effects->count < WEIR_EFFECTS_MAX);
    if (effects->count == effects->capacity) {
        uint32_t capacity = effects->capacity ? effects->capacity * 2 : 16;
        struct weir_effect *items =
            weir_arena_allocate(effects->arena, sizeof(struct weir_effect) * capacity);
        if (effects->count) memcpy(items, effects->items, sizeof *items * effects->count);
        effects->items = items;
        effects->capacity = capacity;
    }
    struct weir_effect *effect = &effects->items[effects->count++];
    memset(effect, 0, sizeof *effect);
    effect->kind = kind;
    return effect;
}

void weir_effect_timer(struct weir_effects *effects, struct weir_tag tag, int64_t at_us)
{
    struct weir_effect *effect = weir_effect_add(effects, WEIR_EFFECT_TIMER);
    effect->tag = tag;
    effect->at_us = at_us;
}

void weir_effect_send(struct weir_effects *effects, weir_node node, enum weir_role to,
    const struct weir_job_id *job, uint64_t request, Weir__Envelope__BodyCase body, void *message)
{
    Weir__Envelope *envelope = WEIR_PROTO_NEW(effects->arena, Weir__Envelope, weir__envelope);
    envelope->to = (Weir__Role)to;
    if (job) envelope->job = weir_job_id_to(effects->arena, job);
    envelope->request = request;
    envelope->body_case = body;
    envelope->greeting = message; /* all members of the union are pointers */
    struct weir_effect *effect = weir_effect_add(effects, WEIR_EFFECT_SEND);
    effect->node = node;
    effect->envelope = envelope;
}

void weir_effect_store(struct weir_effects *effects, struct weir_tag tag,
    const struct weir_store_operation *operations, uint32_t operation_count)
{
    WEIR_ASSERT(operation_count > 0 && operation_count <= WEIR_STORE_OPERATIONS_MAX);
    struct weir_effect *effect = weir_effect_add(effects, WEIR_EFFECT_STORE);
    effect->tag = tag;
    effect->operations = (const struct weir_store_operation *)weir_arena_copy(
        effects->arena, operations, sizeof *operations * operation_count);
    effect->operation_count = operation_count;
}

void weir_effect_blob(struct weir_effects *effects, struct weir_tag tag, struct weir_blob_effect blob)
{
    struct weir_effect *effect = weir_effect_add(effects, WEIR_EFFECT_BLOB);
    effect->tag = tag;
    effect->blob = blob;
}

void weir_effect_local(struct weir_effects *effects, enum weir_role to, const struct weir_job_id *job,
    const struct weir_local_message *message)
{
    struct weir_effect *effect = weir_effect_add(effects, WEIR_EFFECT_LOCAL);
    effect->to_role = to;
    if (job) effect->to_job = *job;
    effect->local =
        (const struct weir_local_message *)weir_arena_copy(effects->arena, message, sizeof *message);
}

void weir_effect_log(struct weir_effects *effects, enum weir_control_log_level level, const char *format, ...)
{
    struct weir_effect *effect = weir_effect_add(effects, WEIR_EFFECT_LOG);
    va_list arguments;
    va_start(arguments, format);
    effect->text = weir_arena_vformat(effects->arena, format, arguments);
    va_end(arguments);
    effect->level = level;
}

Weir__Node *weir_identity_node(const struct weir_identity *identity, struct weir_arena *arena)
{
    Weir__Node *node = WEIR_PROTO_NEW(arena, Weir__Node, weir__node);
    node->name = weir_arena_string(arena, identity->name);
    node->incarnation = identity->incarnation;
    node->host = weir_arena_string(arena, identity->host ? identity->host : "");
    node->rpc_address = weir_arena_string(arena, identity->rpc_address ? identity->rpc_address : "");
    node->data_address = weir_arena_string(arena, identity->data_address ? identity->data_address : "");
    node->storage = weir_arena_string(arena, identity->storage ? identity->storage : "");
    node->rest_address = weir_arena_string(arena, identity->rest_address ? identity->rest_address : "");
    return node;
}
