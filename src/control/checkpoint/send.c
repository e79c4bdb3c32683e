/*
 * Messages to TaskManagers. A step has room for so many effects; what is beyond waits, in order, and goes
 * with the next steps, which the timer makes follow at once.
 */
#include "control/checkpoint/internal.h"
#include "base/assert.h"
#include <string.h>

struct outgoing {
    weir_node node;
    Weir__Envelope__BodyCase body;
    void *message; /* in the outbox' arena */
};

static void outbox_push(struct weir_checkpoint_coordinator *c, weir_node node, Weir__Envelope__BodyCase body,
    const ProtobufCMessage *message)
{
    WEIR_ASSERT(c->outbox_count < CHECKPOINT_OUTBOX_MAX);
    if (c->outbox_count == c->outbox_capacity) {
        uint32_t capacity = c->outbox_capacity ? c->outbox_capacity * 2 : 64;
        c->outbox = weir_memory_reallocate(c->memory, c->outbox, sizeof(struct outgoing) * c->outbox_capacity,
            sizeof(struct outgoing) * capacity);
        c->outbox_capacity = capacity;
    }
    c->outbox[c->outbox_count++] =
        (struct outgoing){ node, body, weir_proto_copy(&c->outbox_arena, message) };
}

void checkpoint__send(struct weir_checkpoint_coordinator *c, weir_node node, Weir__Envelope__BodyCase body,
    ProtobufCMessage *message, struct weir_effects *effects)
{
    if (c->outbox_sent < c->outbox_count || effects->count >= CHECKPOINT_STEP_EFFECTS_MAX)
        outbox_push(c, node, body, message);
    else
        weir_effect_send(effects, node, WEIR_ROLE_TASKEXECUTOR, &c->job, 0, body, message);
}

void checkpoint__send_advance(struct weir_checkpoint_coordinator *c, struct weir_effects *effects)
{
    while (c->outbox_sent < c->outbox_count && effects->count < CHECKPOINT_STEP_EFFECTS_MAX) {
        const struct outgoing *next = &c->outbox[c->outbox_sent++];
        weir_effect_send(effects, next->node, WEIR_ROLE_TASKEXECUTOR, &c->job, 0, next->body,
            weir_proto_copy(effects->arena, next->message));
    }
    if (c->outbox_sent < c->outbox_count || !c->outbox_count) return;
    c->outbox_sent = c->outbox_count = 0;
    weir_arena_done(&c->outbox_arena);
    weir_arena_init(&c->outbox_arena, c->memory);
}

bool checkpoint__send_waits(const struct weir_checkpoint_coordinator *c)
{
    return c->outbox_sent < c->outbox_count;
}

void checkpoint__send_free(struct weir_checkpoint_coordinator *c)
{
    weir_memory_release(c->memory, c->outbox, sizeof(struct outgoing) * c->outbox_capacity);
    weir_arena_done(&c->outbox_arena);
}
