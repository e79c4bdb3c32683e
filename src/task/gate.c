#include "task/gate.h"
#include "base/assert.h"

void weir_gate_init(struct weir_gate *gate, struct weir_arena *arena, struct weir_channel *const *channels,
    const uint32_t *inputs, uint32_t channel_count, uint32_t input_count)
{
    WEIR_ASSERT(input_count <= WEIR_OPERATOR_INPUTS_MAX);
    *gate = (struct weir_gate){ .channel_count = channel_count,
        .open_count = channel_count,
        .input_count = input_count,
        .watermark_ms = INT64_MIN };
    gate->channels = WEIR_ARENA_ARRAY(arena, struct weir_gate_channel, channel_count ? channel_count : 1);
    for (uint32_t i = 0; i < input_count; i++) gate->inputs[i].watermark_ms = INT64_MIN;
    for (uint32_t i = 0; i < channel_count; i++) {
        WEIR_ASSERT(inputs[i] < input_count);
        gate->channels[i] = (struct weir_gate_channel){
            .channel = channels[i], .input = inputs[i], .watermark_ms = INT64_MIN, .aligned = true
        };
        gate->inputs[inputs[i]].channel_count++;
        gate->inputs[inputs[i]].open_count++;
    }
}

/* --- watermarks --- */

/* Recomputes one input from its channels; true when its watermark or idleness changed. */
static bool input_update(struct weir_gate *gate, uint32_t input)
{
    struct weir_gate_input *in = &gate->inputs[input];
    int64_t lowest = INT64_MAX, highest = INT64_MIN;
    bool any_aligned = false, all_idle = true;
    for (uint32_t i = 0; i < gate->channel_count; i++) {
        struct weir_gate_channel *c = &gate->channels[i];
        if (c->input != input) continue;
        highest = WEIR_MAX(highest, c->watermark_ms);
        if (c->idle) continue;
        all_idle = false;
        if (!c->aligned && c->watermark_ms >= in->watermark_ms) c->aligned = true;
        if (!c->aligned) continue;
        any_aligned = true;
        lowest = WEIR_MIN(lowest, c->watermark_ms);
    }
    bool changed = in->idle != all_idle;
    in->idle = all_idle;
    int64_t watermark_ms = all_idle ? highest : any_aligned ? lowest : INT64_MIN;
    if (watermark_ms > in->watermark_ms) {
        in->watermark_ms = watermark_ms;
        changed = true;
    }
    return changed;
}

/* The operator's watermark over its inputs; fills event when it advanced or idleness changed. */
static bool combine(struct weir_gate *gate, struct weir_gate_event *event)
{
    int64_t lowest = INT64_MAX, highest = INT64_MIN;
    bool all_idle = true;
    for (uint32_t i = 0; i < gate->input_count; i++) {
        highest = WEIR_MAX(highest, gate->inputs[i].watermark_ms);
        if (gate->inputs[i].idle) continue;
        all_idle = false;
        lowest = WEIR_MIN(lowest, gate->inputs[i].watermark_ms);
    }
    int64_t watermark_ms = all_idle ? highest : lowest;
    if (watermark_ms > gate->watermark_ms) {
        gate->watermark_ms = watermark_ms;
        *event = (struct weir_gate_event){ .kind = WEIR_GATE_WATERMARK, .value = watermark_ms };
        return true;
    }
    if (all_idle != gate->idle) {
        gate->idle = all_idle;
        *event = (struct weir_gate_event){ .kind = WEIR_GATE_IDLE, .value = all_idle };
        return true;
    }
    return false;
}

/* --- barriers --- */

static void unblock(struct weir_gate *gate)
{
    for (uint32_t i = 0; i < gate->channel_count; i++) gate->channels[i].blocked = false;
    gate->barriers = 0;
    gate->aligning.id = 0;
}

/* Aligned or given up: nothing more comes of it. */
static bool is_settled(const struct weir_gate *gate, uint64_t id)
{
    if (id <= gate->barrier_last) return true;
    for (uint32_t i = 0; i < gate->given_up_count; i++)
        if (gate->given_up[i] == id) return true;
    return false;
}

/* Everything up to id is settled: those given up need not be remembered one by one. */
static void settle_up_to(struct weir_gate *gate, uint64_t id)
{
    uint32_t kept = 0;
    gate->barrier_last = WEIR_MAX(gate->barrier_last, id);
    for (uint32_t i = 0; i < gate->given_up_count; i++)
        if (gate->given_up[i] > gate->barrier_last) gate->given_up[kept++] = gate->given_up[i];
    gate->given_up_count = kept;
}

static void remember_given_up(struct weir_gate *gate, uint64_t id)
{
    if (gate->given_up_count == WEIR_GATE_GIVEN_UP_MAX) {
        uint64_t lowest = UINT64_MAX;
        for (uint32_t i = 0; i < gate->given_up_count; i++) lowest = WEIR_MIN(lowest, gate->given_up[i]);
        settle_up_to(gate, lowest);
        if (gate->aligning.id <= lowest) unblock(gate);
    }
    if (id <= gate->barrier_last) return;
    gate->given_up[gate->given_up_count++] = id;
    if (gate->aligning.id == id) unblock(gate);
}

static bool give_up(struct weir_gate *gate, const struct weir_barrier *barrier,
    enum weir_decline_reason reason, struct weir_gate_event *event)
{
    *event = (struct weir_gate_event){ .kind = WEIR_GATE_CANCEL, .barrier = *barrier, .reason = reason };
    remember_given_up(gate, barrier->id);
    return true;
}

bool weir_gate_give_up(struct weir_gate *gate, uint64_t checkpoint_id, uint64_t *ret_epoch)
{
    WEIR_ASSERT(!gate->barrier_pending || gate->aligning.id != checkpoint_id);
    if (is_settled(gate, checkpoint_id)) return false;
    *ret_epoch = gate->aligning.id == checkpoint_id      ? gate->aligning.epoch
                 : gate->newest_seen.id == checkpoint_id ? gate->newest_seen.epoch
                                                         : 0;
    remember_given_up(gate, checkpoint_id);
    return true;
}

bool weir_gate_adopt_epoch(struct weir_gate *gate, uint64_t epoch, struct weir_barrier *ret)
{
    gate->epoch = WEIR_MAX(gate->epoch, epoch);
    if (!gate->aligning.id || gate->barrier_pending || gate->aligning.epoch >= gate->epoch) return false;
    *ret = gate->aligning;
    remember_given_up(gate, ret->id);
    return true;
}

bool weir_gate_trigger(
    struct weir_gate *gate, const struct weir_barrier *barrier, struct weir_gate_event *event)
{
    WEIR_ASSERT(gate->channel_count == 0 && !gate->barrier_pending);
    if (barrier->id > gate->newest_seen.id) gate->newest_seen = *barrier;
    if (is_settled(gate, barrier->id)) return false;
    if (barrier->epoch < gate->epoch) return give_up(gate, barrier, WEIR_DECLINE_EPOCH, event);
    gate->aligning = *barrier;
    gate->barrier_pending = true;
    *event = (struct weir_gate_event){ .kind = WEIR_GATE_BARRIER, .barrier = *barrier };
    return true;
}

/* Every open channel has delivered the barrier under alignment: report it. */
static bool aligned(struct weir_gate *gate, struct weir_gate_event *event)
{
    if (!gate->aligning.id || gate->barriers < gate->open_count) return false;
    gate->barrier_pending = true;
    *event = (struct weir_gate_event){ .kind = WEIR_GATE_BARRIER, .barrier = gate->aligning };
    return true;
}

static bool on_barrier(struct weir_gate *gate, struct weir_gate_channel *c,
    const struct weir_element *element, struct weir_gate_event *event)
{
    struct weir_barrier barrier = { .id = (uint64_t)element->value,
        .epoch = element->epoch,
        .base_id = element->base_id,
        .savepoint = element->savepoint };
    if (barrier.id > gate->newest_seen.id) gate->newest_seen = barrier;
    if (is_settled(gate, barrier.id)) return false;
    if (barrier.epoch < gate->epoch) return give_up(gate, &barrier, WEIR_DECLINE_EPOCH, event);
    if (gate->aligning.id && barrier.id < gate->aligning.id)
        return give_up(gate, &barrier, WEIR_DECLINE_SUPERSEDED, event);
    bool superseded = gate->aligning.id && barrier.id > gate->aligning.id;
    if (superseded) {
        struct weir_barrier older = gate->aligning;
        give_up(gate, &older, WEIR_DECLINE_SUPERSEDED, event);
    }
    gate->aligning = barrier;
    c->blocked = true;
    gate->barriers++;
    return superseded || aligned(gate, event);
}

static bool on_cancel(
    struct weir_gate *gate, const struct weir_element *element, struct weir_gate_event *event)
{
    struct weir_barrier barrier = { .id = (uint64_t)element->value, .epoch = element->epoch };
    if (is_settled(gate, barrier.id)) return false;
    return give_up(gate, &barrier, WEIR_DECLINE_CANCEL_MARKER, event);
}

void weir_gate_barrier_done(struct weir_gate *gate)
{
    WEIR_ASSERT(gate->barrier_pending);
    settle_up_to(gate, gate->aligning.id);
    gate->barrier_pending = false;
    unblock(gate);
}

static bool on_end(struct weir_gate *gate, struct weir_gate_channel *c, struct weir_gate_event *event)
{
    WEIR_ASSERT(!c->ended && gate->open_count > 0);
    c->ended = true;
    gate->open_count--;
    /* An ended channel holds nothing back: its watermark is MAX (already sent), it counts as idle only if it
     * never was active. */
    c->watermark_ms = INT64_MAX;
    c->idle = false;
    struct weir_gate_input *in = &gate->inputs[c->input];
    if (--in->open_count == 0) {
        in->ended = true;
        *event = (struct weir_gate_event){ .kind = WEIR_GATE_INPUT_END, .input = c->input };
        return true;
    }
    return false;
}

/* --- polling --- */

/* true: the element led to an event. */
static bool take(struct weir_gate *gate, uint32_t index, struct weir_gate_event *event)
{
    struct weir_gate_channel *c = &gate->channels[index];
    const struct weir_element element = *weir_channel_peek(c->channel);
    weir_channel_pop(c->channel);
    switch (element.kind) {
    case WEIR_ELEMENT_BATCH:
        gate->current = element.batch;
        gate->current_channel = index;
        *event = (struct weir_gate_event){
            .kind = WEIR_GATE_BATCH, .input = c->input, .channel = index, .batch = element.batch
        };
        return true;
    case WEIR_ELEMENT_WATERMARK:
        if (c->idle && element.value != INT64_MAX) return false; /* watermarks of idle channels are ignored */
        c->watermark_ms = WEIR_MAX(c->watermark_ms, element.value);
        return input_update(gate, c->input) && combine(gate, event);
    case WEIR_ELEMENT_IDLE:
        if (c->idle == (element.value != 0)) return false;
        c->idle = element.value != 0;
        if (!c->idle) c->aligned = c->watermark_ms >= gate->inputs[c->input].watermark_ms;
        return input_update(gate, c->input) && combine(gate, event);
    case WEIR_ELEMENT_BARRIER: return on_barrier(gate, c, &element, event);
    case WEIR_ELEMENT_CANCEL: return on_cancel(gate, &element, event);
    case WEIR_ELEMENT_END: return on_end(gate, c, event);
    }
    WEIR_UNREACHABLE();
}

struct weir_gate_event weir_gate_poll(struct weir_gate *gate)
{
    WEIR_ASSERT(!gate->current && !gate->barrier_pending);
    struct weir_gate_event event = { .kind = WEIR_GATE_NOTHING };
    /* When the last channel went idle the watermark may have advanced too: that was told, the idleness was
     * not. */
    if (combine(gate, &event)) return event;
    /* A cancel or an end may have left an alignment that is complete now. */
    if (aligned(gate, &event)) return event;
    if (gate->open_count == 0) {
        if (gate->end_reported) return event;
        gate->end_reported = true;
        return (struct weir_gate_event){ .kind = WEIR_GATE_END };
    }
    for (uint32_t tried = 0; tried < gate->channel_count;) {
        uint32_t index = gate->next;
        struct weir_gate_channel *c = &gate->channels[index];
        if (c->ended || c->blocked || !weir_channel_peek(c->channel)) {
            gate->next = index + 1 == gate->channel_count ? 0 : index + 1;
            tried++;
            continue;
        }
        /* One batch per turn, control elements until the next batch: rounds are fair by batch. */
        if (take(gate, index, &event)) {
            if (event.kind == WEIR_GATE_BATCH) gate->next = index + 1 == gate->channel_count ? 0 : index + 1;
            return event;
        }
        if (aligned(gate, &event)) return event;
        tried = 0;
        if (gate->open_count == 0) return weir_gate_poll(gate);
    }
    return event;
}

void weir_gate_batch_done(struct weir_gate *gate)
{
    WEIR_ASSERT(gate->current);
    weir_channel_give_back(gate->channels[gate->current_channel].channel, gate->current);
    gate->current = NULL;
}

void weir_gate_close(struct weir_gate *gate)
{
    for (uint32_t i = 0; i < gate->channel_count; i++) {
        struct weir_gate_channel *c = &gate->channels[i];
        weir_channel_close_consumer(c->channel);
        for (const struct weir_element *element; (element = weir_channel_peek(c->channel));) {
            struct weir_element taken = *element;
            weir_channel_pop(c->channel);
            if (taken.kind == WEIR_ELEMENT_BATCH) weir_channel_give_back(c->channel, taken.batch);
        }
    }
}
