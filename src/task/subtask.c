#include "task/subtask.h"
#include "base/assert.h"
#include "data/key_group.h"
#include <stdio.h>

enum { OUTPUT_LINGER_MS = 5 };

/* --- creation --- */

static void fill_context(struct weir_subtask *s, struct weir_operator_context *ctx,
    const struct weir_plan_node *node, uint32_t index)
{
    const struct weir_subtask_config *config = &s->config;
    ctx->spec = node->spec;
    ctx->output_types = node->types;
    ctx->output_column_count = node->column_count;
    ctx->subtask_index = config->subtask_index;
    ctx->parallelism = config->vertex->parallelism;
    ctx->max_parallelism = config->vertex->max_parallelism;
    ctx->task_name = config->vertex->name;
    ctx->arena = &s->arena;
    ctx->memory = config->memory;
    ctx->state = s->states[index];
    ctx->connectors = config->connectors;
    ctx->filesystem = config->filesystem;
    ctx->uid = weir_plan_node_uid(&s->arena, node);
    ctx->job_id = config->job_id ? config->job_id : "";
    ctx->attempt_epoch = config->attempt_epoch;
    ctx->newest_savepoint_id = config->newest_savepoint_id;
    ctx->attempt_number = config->attempt_number;
    ctx->restored_checkpoint_id = config->restore ? config->restore->checkpoint_id : 0;
    ctx->restored_parallelism = config->restore ? config->restore->parallelism : 0;
    ctx->metrics = &s->metrics[index];
    ctx->error = &s->error;
    ctx->now_us = config->now_us;
    ctx->clock = config->clock;
    ctx->bounded = config->graph->bounded;
    ctx->restored = config->restore != NULL;
    ctx->restored_ended = config->restore && config->restore->ended;
    ctx->local_zone = config->local_zone;
    ctx->statement_start_us = config->statement_start_us;
    ctx->random_seed = config->random_seed ^ ((uint64_t)node->id << 32) ^ config->subtask_index;
    ctx->current_catalog = config->current_catalog;
    ctx->current_database = config->current_database;
    ctx->write_stdout = config->write_stdout;
    ctx->console = config->console;
    ctx->watermark_ms = INT64_MIN;
    ctx->emit_watermark_ms = INT64_MIN;
    ctx->metrics->current_watermark_ms = INT64_MIN;
}

/* Input types of the operator at position index of the vertex' chain. */
static void fill_inputs(struct weir_subtask *s, struct weir_operator_context *ctx, uint32_t index)
{
    const struct weir_job_vertex *vertex = s->config.vertex;
    const struct weir_plan_node *nodes = s->config.graph->stream_graph->nodes;
    const struct weir_plan_node *node = vertex->operators[index];
    for (uint32_t e = 0; e < node->input_edge_count; e++) {
        const struct weir_plan_edge *edge = &node->inputs[e];
        WEIR_ASSERT(edge->input < WEIR_OPERATOR_INPUTS_MAX);
        ctx->input_count = WEIR_MAX(ctx->input_count, edge->input + 1);
        ctx->input_types[edge->input] = nodes[edge->from].types;
        ctx->input_column_counts[edge->input] = nodes[edge->from].column_count;
    }
}

static enum weir_error_code create_source(
    struct weir_subtask *s, const struct weir_plan_node *node, struct weir_error *reterr)
{
    const struct weir_source_ops *ops = s->config.find_source(s->config.registry, node);
    if (!ops)
        return weir_error_set(
            reterr, WEIR_E_NOT_FOUND, "no source \"%s\" in this process", node->operator_name);
    fill_context(s, &s->source_ctx, node, 0);
    s->source_ctx.enumerated =
        s->config.splits_wanted && ops->add_split && weir_spec_get_boolean(node->spec, "enumerated", false);
    weir_batch_init(&s->source_batch, node->types, node->column_count, s->config.memory);
    enum weir_error_code code = ops->create(&s->source_ctx, &s->source);
    if (code) {
        if (reterr) *reterr = s->error;
        s->source = NULL;
    }
    return code;
}

static enum weir_error_code create_operator(
    struct weir_subtask *s, uint32_t index, uint32_t level, struct weir_error *reterr)
{
    const struct weir_plan_node *node = s->config.vertex->operators[index];
    const struct weir_operator_ops *ops = s->config.find_operator(s->config.registry, node);
    if (!ops)
        return weir_error_set(
            reterr, WEIR_E_NOT_FOUND, "no operator \"%s\" in this process", node->operator_name);
    struct weir_key_group_range range = weir_key_group_range_of(
        s->config.subtask_index, s->config.vertex->max_parallelism, s->config.vertex->parallelism);
    s->states[index] = weir_state_new(
        s->config.memory, range.first, range.last, s->config.vertex->max_parallelism, &s->now_ms);
    struct weir_chain_level *l = &s->chain.levels[level];
    fill_context(s, l->ctx, node, index);
    fill_inputs(s, l->ctx, index);
    enum weir_error_code code = ops->create(l->ctx, &l->op);
    if (code) {
        if (reterr) *reterr = s->error;
        l->op = NULL;
        return code;
    }
    weir_batch_init(&l->out, node->types, node->column_count, s->config.memory);
    return WEIR_OK;
}

/* The memory whose limit is passed: the slot's, or the process's. */
static const struct weir_memory *used_up(const struct weir_subtask *s)
{
    const struct weir_memory *memory = s->config.memory;
    while (memory->parent && !(memory->limit_bytes && atomic_load(&memory->used_bytes) > memory->limit_bytes))
        memory = memory->parent;
    return memory;
}

static enum weir_error_code does_not_fit(const struct weir_subtask *s, struct weir_error *reterr)
{
    const struct weir_memory *memory = used_up(s);
    return weir_error_set(reterr, WEIR_E_BUDGET,
        "the state of operator '%s' (%u/%u) does not fit into memory (%zu of %zu MB used): raise "
        "taskmanager.memory.managed.size or taskmanager.memory.process.size, or the parallelism",
        s->config.vertex->name, s->config.subtask_index + 1, s->config.vertex->parallelism,
        atomic_load(&memory->used_bytes) >> 20, memory->limit_bytes >> 20);
}

static uint64_t state_bytes(const struct weir_subtask_restore *restore, const char *uid)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < restore->section_count; i++)
        if (!restore->sections[i].is_blob && strcmp(restore->sections[i].uid, uid) == 0)
            bytes += restore->sections[i].length;
    return bytes;
}

static enum weir_error_code restore_one(
    struct weir_subtask *s, uint32_t index, uint32_t level, struct weir_error *reterr)
{
    const struct weir_subtask_restore *restore = s->config.restore;
    const char *uid = weir_plan_node_uid(&s->arena, s->config.vertex->operators[index]);
    struct weir_operator_blob *blobs =
        WEIR_ARENA_ARRAY(&s->arena, struct weir_operator_blob, restore->section_count + 1);
    uint32_t blob_count = 0;
    if (s->states[index]) weir_state_restore_expect(s->states[index], state_bytes(restore, uid));
    for (uint32_t i = 0; i < restore->section_count; i++) {
        const struct weir_restore_section *section = &restore->sections[i];
        if (strcmp(section->uid, uid) != 0) continue;
        if (section->is_blob) {
            blobs[blob_count++] = (struct weir_operator_blob){
                .bytes = section->bytes, .length = section->length, .subtask_index = section->old_subtask
            };
            continue;
        }
        uint32_t owner = weir_key_group_subtask(
            section->key_group, s->config.vertex->max_parallelism, s->config.vertex->parallelism);
        if (owner != s->config.subtask_index || !s->states[index]) continue;
        const uint8_t *bytes = section->bytes;
        enum weir_error_code code = bytes ? WEIR_OK : restore->load(restore->reader, i, &bytes, reterr);
        if (!code)
            code = weir_state_restore(s->states[index], section->key_group, bytes, section->length, reterr);
        if (!code && weir_memory_over_limit(s->config.memory)) code = does_not_fit(s, reterr);
        if (code) return code;
    }
    if (s->states[index]) {
        enum weir_error_code code = weir_state_restored(s->states[index], restore->checkpoint_id, reterr);
        if (code) return code;
    }
    if (index == 0 && s->source) {
        return s->source->ops->restore ? s->source->ops->restore(s->source, blobs, blob_count, reterr)
                                       : WEIR_OK;
    }
    struct weir_operator *op = s->chain.levels[level].op;
    return op->ops->restore ? op->ops->restore(op, blobs, blob_count, reterr) : WEIR_OK;
}

enum weir_error_code weir_subtask_new(
    const struct weir_subtask_config *config, struct weir_subtask **ret, struct weir_error *reterr)
{
    struct weir_subtask *s = weir_memory_allocate_zeroed(config->memory, sizeof *s);
    s->config = *config;
    weir_arena_init(&s->arena, config->memory);
    weir_split_inbox_init(&s->splits, config->memory);
    s->now_ms = config->now_us(config->clock) / 1000;
    s->building_since_ms = s->now_ms;
    const struct weir_job_vertex *vertex = config->vertex;
    s->metrics = WEIR_ARENA_ARRAY(&s->arena, struct weir_operator_metrics, vertex->operator_count);
    s->states = WEIR_ARENA_ARRAY(&s->arena, struct weir_state *, vertex->operator_count);
    uint32_t source_count = vertex->operators[0]->kind == WEIR_PLAN_SOURCE;
    weir_output_init(&s->output, &s->arena, config->outputs, config->output_count, vertex->max_parallelism);
    weir_chain_init(&s->chain, &s->arena, vertex->operator_count - source_count, &s->output, &s->error);
    uint32_t input_count = 0;
    for (uint32_t i = 0; i < config->input_channel_count; i++)
        input_count = WEIR_MAX(input_count, config->input_numbers[i] + 1);
    weir_gate_init(
        &s->gate, &s->arena, config->inputs, config->input_numbers, config->input_channel_count, input_count);
    enum weir_error_code code = source_count ? create_source(s, vertex->operators[0], reterr) : WEIR_OK;
    for (uint32_t i = source_count; !code && i < vertex->operator_count; i++)
        code = create_operator(s, i, i - source_count, reterr);
    for (uint32_t i = 0; config->restore && !code && i < vertex->operator_count; i++) {
        code = restore_one(s, i, i - source_count, reterr);
    }
    (void)weir_gate_adopt_epoch(&s->gate, config->epoch, &s->barrier);
    s->epoch_seen = config->epoch;
    if (config->restore && config->restore->finished) {
        s->source_finished = true;
        s->chain.finished_level = s->chain.level_count;
        s->restored_finished = true;
    }
    s->config.restore = NULL; /* let go by the caller from here on */
    if (code) {
        weir_error_wrap(
            reterr, "cannot start %s (%u/%u)", vertex->name, config->subtask_index + 1, vertex->parallelism);
        weir_subtask_free(s);
        return code;
    }
    *ret = s;
    return WEIR_OK;
}

void weir_subtask_snapshot_free(struct weir_subtask_snapshot *snapshot)
{
    if (!snapshot) return;
    for (uint32_t i = 0; i < snapshot->item_count; i++) {
        struct weir_snapshot_item *item = &snapshot->items[i];
        weir_buffer_done(&item->blob);
        for (uint32_t w = 0; w < item->work_count; w++) item->works[w].release(item->works[w].argument);
        weir_memory_release(snapshot->memory, item->works, item->work_capacity * sizeof *item->works);
    }
    weir_memory_release(snapshot->memory, snapshot->items, snapshot->item_count * sizeof *snapshot->items);
    weir_memory_release(snapshot->memory, snapshot, sizeof *snapshot);
}

enum weir_error_code weir_subtask_snapshot_settle(
    const struct weir_subtask_snapshot *snapshot, struct weir_error *reterr)
{
    for (uint32_t i = 0; i < snapshot->item_count; i++) {
        const struct weir_snapshot_item *item = &snapshot->items[i];
        for (uint32_t w = 0; w < item->work_count; w++) {
            enum weir_error_code code = item->works[w].run(item->works[w].argument, reterr);
            if (code) return code;
        }
    }
    return WEIR_OK;
}

static void end_state_snapshots(struct weir_subtask_snapshot *snapshot)
{
    for (uint32_t i = 0; i < snapshot->item_count; i++) {
        if (snapshot->items[i].state) weir_state_snapshot_end(snapshot->items[i].state);
        snapshot->items[i].state = NULL;
    }
}

void weir_subtask_free(struct weir_subtask *s)
{
    if (!s) return;
    for (uint32_t i = 0; i < s->in_flight_count; i++) {
        end_state_snapshots(s->in_flight[i]);
        weir_subtask_snapshot_free(s->in_flight[i]);
    }
    for (uint32_t i = 0; i < s->chain.level_count; i++) {
        struct weir_chain_level *l = &s->chain.levels[i];
        if (!l->op) continue;
        if (l->op->ops->close) l->op->ops->close(l->op);
        weir_batch_done(&l->out);
    }
    if (s->source && s->source->ops->close) s->source->ops->close(s->source);
    if (s->source_batch.types) weir_batch_done(&s->source_batch);
    weir_split_inbox_done(&s->splits);
    for (uint32_t e = 0; e < s->output.edge_count; e++) {
        struct weir_output_edge *edge = &s->output.edges[e];
        for (uint32_t c = 0; edge->building && c < edge->channel_count; c++) {
            if (!edge->building[c]) continue;
            weir_batch_done(edge->building[c]);
            weir_memory_release(edge->channels[c]->memory, edge->building[c], sizeof *edge->building[c]);
        }
    }
    if (s->gate.current) weir_gate_batch_done(&s->gate);
    for (uint32_t i = 0; s->states && i < s->config.vertex->operator_count; i++)
        weir_state_free(s->states[i]);
    weir_arena_done(&s->arena);
    weir_memory_release(s->config.memory, s, sizeof *s);
}

/* --- snapshots --- */

static void defer(struct weir_operator_context *ctx, struct weir_durable_work work)
{
    struct weir_snapshot_item *item = ctx->defer_owner;
    if (item->work_count == item->work_capacity) {
        uint32_t capacity = item->work_capacity ? item->work_capacity * 2 : 8;
        item->works = weir_memory_reallocate(item->memory, item->works,
            item->work_capacity * sizeof *item->works, capacity * sizeof *item->works);
        item->work_capacity = capacity;
    }
    item->works[item->work_count++] = work;
}

static enum weir_error_code snapshot_item(struct weir_subtask *s, uint32_t index,
    const struct weir_barrier *barrier, struct weir_snapshot_item *item)
{
    enum { BLOB_BYTES_MAX = 1 << 30 };
    uint64_t checkpoint_id = barrier->id;
    bool of_source = index == 0 && s->source;
    uint32_t level = index - (s->source != NULL);
    struct weir_operator *op = of_source ? NULL : s->chain.levels[level].op;
    struct weir_operator_context *ctx = of_source ? &s->source_ctx : s->chain.levels[level].ctx;
    item->uid = ctx->uid;
    item->memory = s->config.memory;
    weir_buffer_init(&item->blob, s->config.memory, BLOB_BYTES_MAX);
    ctx->savepoint = barrier->savepoint;
    ctx->defer = defer;
    ctx->defer_owner = item;
    enum weir_error_code code = WEIR_OK;
    if (of_source && s->source->ops->snapshot)
        code = s->source->ops->snapshot(s->source, checkpoint_id, &item->blob, &s->error);
    if (op && op->ops->snapshot) code = op->ops->snapshot(op, checkpoint_id, &item->blob, &s->error);
    ctx->defer = NULL;
    ctx->defer_owner = NULL;
    if (op && !code && weir_state_bytes(s->states[index]) > 0)
        item->state = weir_state_snapshot_begin(s->states[index], checkpoint_id);
    return code;
}

static enum weir_error_code discover_splits(struct weir_subtask *s)
{
    struct weir_arena arena;
    const char *const *ids = NULL;
    uint32_t count = 0;
    bool all = false;
    weir_arena_init(&arena, s->config.memory);
    enum weir_error_code code = s->source->ops->discover(s->source, &arena, &ids, &count, &all);
    if (!code) s->config.splits_found(s->config.owner, s, ids, count, all);
    weir_arena_done(&arena);
    return code;
}

/* What has come for an enumerated source. It may be asked again at once, whatever it was waiting for. Who had
 * no turn for long was asked many times what there is: one answer is for all. */
static enum weir_error_code take_splits(struct weir_subtask *s)
{
    const struct weir_split_item *item;
    bool discover = false;
    if (!s->source || !s->source_ctx.enumerated) return WEIR_OK;
    while ((item = weir_split_inbox_take(&s->splits))) {
        enum weir_error_code code = WEIR_OK;
        if (item->kind == WEIR_SPLIT_ITEM_DISCOVER) {
            discover = s->source->ops->discover != NULL;
        } else if (item->kind == WEIR_SPLIT_ITEM_END) {
            s->source->ops->no_more_splits(s->source);
            s->split_asked = s->source_ctx.split_wanted = false;
        } else {
            code = s->source->ops->add_split(s->source, item->id);
            s->split_epoch = item->epoch;
            s->split_sequence = item->sequence;
            s->split_asked = s->source_ctx.split_wanted = false;
        }
        s->source_idle_until_ms = 0;
        if (code) return code;
    }
    return discover ? discover_splits(s) : WEIR_OK;
}

static enum weir_error_code take_snapshot(
    struct weir_subtask *s, const struct weir_barrier *barrier, bool finished)
{
    WEIR_ASSERT(s->in_flight_count < WEIR_SUBTASK_SNAPSHOTS_MAX);
    enum weir_error_code taken = take_splits(s); /* those given before the trigger are in it */
    if (taken) return taken;
    struct weir_subtask_snapshot *snapshot = weir_memory_allocate_zeroed(s->config.memory, sizeof *snapshot);
    *snapshot = (struct weir_subtask_snapshot){ .checkpoint_id = barrier->id,
        .epoch = barrier->epoch,
        .base_id = barrier->base_id,
        .savepoint = barrier->savepoint,
        .finished = finished,
        .split_epoch = s->split_epoch,
        .split_sequence = s->split_sequence,
        .memory = s->config.memory,
        .aligned_us = s->config.now_us(s->config.clock),
        .item_count = s->config.vertex->operator_count };
    snapshot->barrier_us = s->newest_published == barrier->id ? s->newest_published_us : snapshot->aligned_us;
    snapshot->items =
        weir_memory_allocate_zeroed(s->config.memory, snapshot->item_count * sizeof *snapshot->items);
    s->in_flight[s->in_flight_count++] = snapshot;
    for (uint32_t i = 0; i < snapshot->item_count; i++) {
        enum weir_error_code code = snapshot_item(s, i, barrier, &snapshot->items[i]);
        if (code) return code;
    }
    snapshot->taken_us = s->config.now_us(s->config.clock);
    s->config.acknowledge(s->config.owner, s, snapshot);
    return WEIR_OK;
}

static struct weir_subtask_snapshot *find_in_flight(
    struct weir_subtask *s, uint64_t checkpoint_id, uint32_t *ret_index)
{
    for (uint32_t i = 0; i < s->in_flight_count; i++) {
        if (s->in_flight[i]->checkpoint_id != checkpoint_id) continue;
        *ret_index = i;
        return s->in_flight[i];
    }
    return NULL;
}

/* Those that the owner needs no more. */
static void let_snapshots_go(struct weir_subtask *s)
{
    for (uint32_t i = 0; i < WEIR_SUBTASK_SNAPSHOTS_MAX && s->in_flight_count > 0; i++) {
        if (!atomic_load_explicit(&s->written[i], memory_order_relaxed)) continue;
        /* Acquire: what the writer read of the snapshot was read before. */
        uint64_t id = atomic_exchange_explicit(&s->written[i], 0, memory_order_acquire);
        uint32_t index;
        struct weir_subtask_snapshot *snapshot = find_in_flight(s, id, &index);
        if (!snapshot) continue;
        end_state_snapshots(snapshot);
        weir_subtask_snapshot_free(snapshot);
        s->in_flight[index] = s->in_flight[--s->in_flight_count];
    }
}

/* --- giving up --- */

static void decline(
    struct weir_subtask *s, const struct weir_barrier *barrier, enum weir_decline_reason reason)
{
    if (s->config.decline) s->config.decline(s->config.owner, s, barrier->id, barrier->epoch, reason);
}

/* Declines, and queues a cancel marker. */
static void give_up(
    struct weir_subtask *s, const struct weir_barrier *barrier, enum weir_decline_reason reason)
{
    if (!s->ended) { /* behind END nothing is sent */
        if (s->cancel_count == WEIR_SUBTASK_CANCELS_MAX)
            memmove(s->cancels, s->cancels + 1, --s->cancel_count * sizeof *s->cancels);
        s->cancels[s->cancel_count++] = *barrier;
    }
    decline(s, barrier, reason);
}

/* Acknowledged and perhaps not written yet: the owner may still keep it back. */
static void give_up_in_flight(
    struct weir_subtask *s, struct weir_subtask_snapshot *snapshot, enum weir_decline_reason reason)
{
    if (snapshot->finished || snapshot->given_up) return;
    snapshot->given_up = true;
    struct weir_barrier barrier = { .id = snapshot->checkpoint_id, .epoch = snapshot->epoch };
    give_up(s, &barrier, reason);
}

/* The barrier whose FLUSH is under way: what takes its place is sent when the chain is idle. */
static void give_up_barrier(struct weir_subtask *s, enum weir_decline_reason reason)
{
    if (s->barrier_given_up) return;
    s->barrier_given_up = true;
    give_up(s, &s->barrier, reason);
}

static void abort_checkpoint(struct weir_subtask *s, uint64_t id)
{
    uint32_t index;
    struct weir_barrier barrier = { .id = id };
    struct weir_subtask_snapshot *snapshot = find_in_flight(s, id, &index);
    if (s->after == WEIR_AFTER_BARRIER && s->barrier.id == id)
        give_up_barrier(s, WEIR_DECLINE_ABORTED);
    else if (snapshot)
        give_up_in_flight(s, snapshot, WEIR_DECLINE_ABORTED);
    else if (!s->ended && weir_gate_give_up(&s->gate, id, &barrier.epoch))
        give_up(s, &barrier, WEIR_DECLINE_ABORTED);
}

static void adopt_epoch(struct weir_subtask *s, uint64_t epoch)
{
    struct weir_barrier barrier;
    s->epoch_seen = epoch;
    if (weir_gate_adopt_epoch(&s->gate, epoch, &barrier)) give_up(s, &barrier, WEIR_DECLINE_EPOCH);
    if (s->after == WEIR_AFTER_BARRIER && s->barrier.epoch < epoch) give_up_barrier(s, WEIR_DECLINE_EPOCH);
    for (uint32_t i = 0; i < s->in_flight_count; i++)
        if (s->in_flight[i]->epoch < epoch) give_up_in_flight(s, s->in_flight[i], WEIR_DECLINE_EPOCH);
}

/* --- running --- */

static void notify_complete(struct weir_subtask *s, uint64_t checkpoint_id)
{
    if (s->source && s->source->ops->notify_complete)
        s->source->ops->notify_complete(s->source, checkpoint_id);
    for (uint32_t i = 0; i < s->chain.level_count; i++) {
        struct weir_operator *op = s->chain.levels[i].op;
        if (op->ops->notify_complete) op->ops->notify_complete(op, checkpoint_id);
    }
}

/* Input is over: MAX watermark, END_INPUT, END; from the level behind an operator that finished early, if one
 * did. */
static void start_end(struct weir_subtask *s)
{
    if (s->end_started) return;
    s->end_started = true;
    s->after = WEIR_AFTER_END_WATERMARK;
    weir_chain_start(&s->chain, s->chain.finished_level, WEIR_CHAIN_WATERMARK, 0, NULL, INT64_MAX);
}

/* Everything before the barrier is through: it goes on to the outputs, then the snapshot is taken. */
static bool pass_barrier(struct weir_subtask *s)
{
    weir_gate_barrier_done(&s->gate);
    let_snapshots_go(s);
    if (s->in_flight_count == WEIR_SUBTASK_SNAPSHOTS_MAX) give_up_barrier(s, WEIR_DECLINE_NOT_READY);
    if (s->barrier_given_up) return true;
    weir_output_barrier(&s->output, &s->barrier);
    if (s->barrier_suspends) s->suspended_id = s->barrier.id;
    return take_snapshot(s, &s->barrier, false) == WEIR_OK;
}

/* What was waiting for the chain to become idle. Returns false when it failed. */
static bool go_on_after_chain(struct weir_subtask *s)
{
    enum weir_subtask_after after = s->after;
    s->after = WEIR_AFTER_NOTHING;
    switch (after) {
    case WEIR_AFTER_NOTHING: return true;
    case WEIR_AFTER_BATCH:
        if (s->gate.current) weir_gate_batch_done(&s->gate);
        return true;
    case WEIR_AFTER_BARRIER: return pass_barrier(s);
    case WEIR_AFTER_END_WATERMARK:
        s->after = WEIR_AFTER_END;
        /* Fed by a gate, the head has already heard END_INPUT per input. */
        if (s->source || s->chain.finished_level > 0)
            weir_chain_start(&s->chain, s->chain.finished_level, WEIR_CHAIN_END_INPUT, 0, NULL, 1);
        return true;
    case WEIR_AFTER_END:
        weir_output_broadcast(&s->output, WEIR_ELEMENT_END, 0);
        s->ended = true;
        return true;
    }
    WEIR_UNREACHABLE();
}

static void start_barrier(struct weir_subtask *s, const struct weir_barrier *barrier)
{
    s->barrier = *barrier;
    s->barrier_given_up = s->barrier_suspends = false;
    s->after = WEIR_AFTER_BARRIER;
    weir_chain_start(&s->chain, s->chain.finished_level, WEIR_CHAIN_FLUSH, 0, NULL, 0);
}

static void publish_newest_barrier(struct weir_subtask *s)
{
    const struct weir_barrier *newest = &s->gate.newest_seen;
    if (newest->id == s->newest_published) return;
    s->newest_published = newest->id;
    s->newest_published_us = s->config.now_us(s->config.clock);
    weir_pair_cell_write(&s->newest_barrier, newest->id, newest->epoch);
}

/* The next trigger, if there is one; a source's. */
static bool take_trigger(struct weir_subtask *s)
{
    const struct weir_mailbox_orders *orders = &s->orders;
    while (s->triggers_seen < orders->trigger_count) {
        if (orders->trigger_count - s->triggers_seen > WEIR_MAILBOX_TRIGGERS_MAX)
            s->triggers_seen = orders->trigger_count - WEIR_MAILBOX_TRIGGERS_MAX;
        const struct weir_checkpoint_trigger *trigger =
            &orders->triggers[s->triggers_seen++ % WEIR_MAILBOX_TRIGGERS_MAX];
        struct weir_barrier barrier = { .id = trigger->id,
            .epoch = trigger->epoch,
            .base_id = trigger->base_id,
            .savepoint = trigger->savepoint };
        struct weir_gate_event event;
        if (!weir_gate_trigger(&s->gate, &barrier, &event)) continue; /* it was aborted before */
        if (event.kind == WEIR_GATE_CANCEL) {
            give_up(s, &barrier, event.reason);
        } else {
            start_barrier(s, &barrier);
            s->barrier_suspends = trigger->suspend && trigger->id > orders->resumed_id;
        }
        publish_newest_barrier(s);
        return true;
    }
    return false;
}

static void ask_for_split(struct weir_subtask *s)
{
    if (!s->source_ctx.split_wanted || s->split_asked) return;
    s->split_asked = true;
    s->config.splits_wanted(s->config.owner, s);
}

static enum weir_subtask_result poll_source(struct weir_subtask *s, int64_t *wake_ms)
{
    if (take_trigger(s)) return WEIR_SUBTASK_WORKED;
    if (s->orders.drain) s->source_finished = true;
    if (s->source_finished) {
        start_end(s);
        return WEIR_SUBTASK_WORKED;
    }
    if (s->suspended_id) return WEIR_SUBTASK_IDLE;
    if (take_splits(s)) return WEIR_SUBTASK_FAILED;
    if (s->now_ms < s->source_idle_until_ms) {
        *wake_ms = WEIR_MIN(*wake_ms, s->source_idle_until_ms);
        return WEIR_SUBTASK_IDLE;
    }
    weir_batch_reset(&s->source_batch);
    int64_t idle_until_ms = s->now_ms + 100;
    switch (s->source->ops->poll(s->source, &s->source_batch, &idle_until_ms)) {
    case WEIR_SOURCE_FAILED: return WEIR_SUBTASK_FAILED;
    case WEIR_SOURCE_FINISHED: s->source_finished = true; break;
    case WEIR_SOURCE_IDLE:
        s->source_idle_until_ms = idle_until_ms;
        *wake_ms = WEIR_MIN(*wake_ms, idle_until_ms);
        ask_for_split(s);
        if (weir_batch_selected(&s->source_batch) == 0) return WEIR_SUBTASK_IDLE;
        break;
    case WEIR_SOURCE_ROWS: break;
    }
    ask_for_split(s);
    uint32_t rows = weir_batch_selected(&s->source_batch);
    if (rows) {
        s->metrics[0].records_out += rows;
        s->after = WEIR_AFTER_BATCH;
        weir_chain_start(&s->chain, 0, WEIR_CHAIN_PROCESS, 0, &s->source_batch, 0);
    }
    return WEIR_SUBTASK_WORKED;
}

static enum weir_subtask_result poll_gate(struct weir_subtask *s)
{
    struct weir_gate_event event = weir_gate_poll(&s->gate);
    publish_newest_barrier(s);
    switch (event.kind) {
    case WEIR_GATE_NOTHING: return WEIR_SUBTASK_IDLE;
    case WEIR_GATE_BATCH:
        s->after = WEIR_AFTER_BATCH;
        s->counters.batches_in++;
        s->counters.bytes_in += weir_batch_bytes(event.batch);
        weir_chain_start(&s->chain, 0, WEIR_CHAIN_PROCESS, event.input, event.batch, 0);
        break;
    case WEIR_GATE_WATERMARK:
        weir_chain_start(&s->chain, 0, WEIR_CHAIN_WATERMARK, 0, NULL, event.value);
        break;
    case WEIR_GATE_IDLE: weir_output_broadcast(&s->output, WEIR_ELEMENT_IDLE, event.value); break;
    case WEIR_GATE_BARRIER: start_barrier(s, &event.barrier); break;
    case WEIR_GATE_CANCEL: give_up(s, &event.barrier, event.reason); break;
    case WEIR_GATE_INPUT_END:
        weir_chain_start(&s->chain, 0, WEIR_CHAIN_END_INPUT, event.input, NULL, s->gate.open_count == 0);
        break;
    case WEIR_GATE_END: start_end(s); break;
    }
    return WEIR_SUBTASK_WORKED;
}

/* Nobody wants our rows, or an operator has had enough: end now. */
static bool wants_to_end_early(struct weir_subtask *s)
{
    if (s->end_started) return false;
    if (s->chain.finished_level > 0 || weir_output_unwanted(&s->output)) {
        if (!s->source) weir_gate_close(&s->gate);
        s->source_finished = true;
        if (s->chain.finished_level == 0)
            s->chain.finished_level = s->chain.level_count; /* outputs are closed: nothing to emit for */
        return true;
    }
    return s->restored_finished;
}

static enum weir_subtask_result end_step(struct weir_subtask *s)
{
    if (s->final_taken) return WEIR_SUBTASK_ENDED;
    /* Behind those before it, which it must not stand for: the owner may write them in any order. */
    if (s->in_flight_count > 0) return WEIR_SUBTASK_IDLE;
    s->final_taken = true;
    struct weir_barrier barrier = { .id = WEIR_FINAL_CHECKPOINT_ID, .epoch = s->epoch_seen };
    return take_snapshot(s, &barrier, true) ? WEIR_SUBTASK_FAILED : WEIR_SUBTASK_WORKED;
}

static bool follow_completion(struct weir_subtask *s)
{
    const struct weir_mailbox_orders *orders = &s->orders;
    if (orders->completed_count == s->completions_seen) return true;
    s->completions_seen = orders->completed_count;
    if (orders->completed_id > s->completed_seen) {
        s->completed_seen = orders->completed_id;
        s->error.code = WEIR_OK;
        notify_complete(s, orders->completed_id);
        if (s->error.code) return false;
    }
    if (s->config.committed) s->config.committed(s->config.owner, s, orders->completed_id);
    return true;
}

static bool handle_mailbox(struct weir_subtask *s)
{
    let_snapshots_go(s);
    if (!weir_mailbox_poll(&s->mailbox, &s->orders_version, &s->orders)) return true;
    const struct weir_mailbox_orders *orders = &s->orders;
    if (orders->epoch > s->epoch_seen) adopt_epoch(s, orders->epoch);
    if (orders->abort_count - s->aborts_seen > WEIR_MAILBOX_ABORTS_MAX)
        s->aborts_seen = orders->abort_count - WEIR_MAILBOX_ABORTS_MAX;
    while (s->aborts_seen < orders->abort_count)
        abort_checkpoint(s, orders->aborts[s->aborts_seen++ % WEIR_MAILBOX_ABORTS_MAX]);
    if (orders->resumed_id >= s->suspended_id) s->suspended_id = 0;
    if (s->barrier_suspends && orders->resumed_id >= s->barrier.id) s->barrier_suspends = false;
    return follow_completion(s);
}

/* Cancel markers, as many as there is room for. */
static void send_cancels(struct weir_subtask *s)
{
    uint32_t sent = 0;
    while (sent < s->cancel_count && weir_output_has_room(&s->output)) {
        weir_output_cancel(&s->output, s->cancels[sent].id, s->cancels[sent].epoch);
        sent++;
    }
    s->cancel_count -= sent;
    memmove(s->cancels, s->cancels + sent, s->cancel_count * sizeof *s->cancels);
}

static void linger(struct weir_subtask *s)
{
    if (!s->output.building) {
        s->building_since_ms = s->now_ms;
        return;
    }
    if (s->now_ms - s->building_since_ms < OUTPUT_LINGER_MS || !weir_output_has_room(&s->output)) return;
    weir_output_flush(&s->output);
    s->building_since_ms = s->now_ms;
}

enum weir_subtask_result weir_subtask_run_once(struct weir_subtask *s, int64_t *wake_ms)
{
    *wake_ms = INT64_MAX;
    s->now_ms = s->config.now_us(s->config.clock) / 1000;
    if (atomic_load_explicit(&s->canceled, memory_order_relaxed)) return WEIR_SUBTASK_CANCELED;
    if (!handle_mailbox(s)) return WEIR_SUBTASK_FAILED;
    if (s->ended) return end_step(s);
    linger(s);
    switch (weir_chain_run(&s->chain)) {
    case WEIR_CHAIN_FAILED: return WEIR_SUBTASK_FAILED;
    case WEIR_CHAIN_BLOCKED: return WEIR_SUBTASK_BLOCKED;
    case WEIR_CHAIN_DONE: break;
    }
    if (s->cancel_count > 0) send_cancels(s);
    if (!weir_output_has_room(&s->output)) return WEIR_SUBTASK_BLOCKED;
    if (s->after != WEIR_AFTER_NOTHING)
        return go_on_after_chain(s) ? WEIR_SUBTASK_WORKED : WEIR_SUBTASK_FAILED;
    if (weir_memory_over_limit(s->config.memory) &&
        (!s->config.fails_over_budget || s->config.fails_over_budget(s->config.owner))) {
        weir_error_set(&s->error, WEIR_E_BUDGET,
            "the managed memory of this slot is used up (%zu of %zu bytes): raise "
            "taskmanager.memory.managed.size",
            atomic_load(&s->config.memory->used_bytes), s->config.memory->limit_bytes);
        return WEIR_SUBTASK_FAILED;
    }
    if (wants_to_end_early(s)) {
        start_end(s);
        return WEIR_SUBTASK_WORKED;
    }
    uint32_t level = 0;
    int64_t timer_ms = s->suspended_id ? INT64_MAX : weir_chain_timer_ms(&s->chain, &level);
    if (timer_ms <= s->now_ms) {
        weir_chain_start(&s->chain, level, WEIR_CHAIN_TIMER, 0, NULL, s->now_ms);
        return WEIR_SUBTASK_WORKED;
    }
    *wake_ms = timer_ms;
    enum weir_subtask_result result = s->source ? poll_source(s, wake_ms) : poll_gate(s);
    if (result == WEIR_SUBTASK_IDLE && s->output.building) {
        weir_output_flush(&s->output); /* nothing else to do: do not keep what is ready */
        return WEIR_SUBTASK_WORKED;
    }
    return result;
}

/* --- mailbox --- */

void weir_subtask_trigger(struct weir_subtask *s, const struct weir_checkpoint_trigger *trigger)
{
    struct weir_mailbox_orders orders;
    weir_mailbox_begin(&s->mailbox, &orders);
    uint64_t count = orders.trigger_count;
    if (count == 0 || trigger->id > orders.triggers[(count - 1) % WEIR_MAILBOX_TRIGGERS_MAX].id) {
        orders.triggers[count % WEIR_MAILBOX_TRIGGERS_MAX] = *trigger;
        orders.trigger_count++;
    }
    weir_mailbox_end(&s->mailbox, &orders);
}

void weir_subtask_abort(struct weir_subtask *s, uint64_t checkpoint_id)
{
    struct weir_mailbox_orders orders;
    weir_mailbox_begin(&s->mailbox, &orders);
    orders.aborts[orders.abort_count++ % WEIR_MAILBOX_ABORTS_MAX] = checkpoint_id;
    weir_mailbox_end(&s->mailbox, &orders);
}

void weir_subtask_adopt_epoch(struct weir_subtask *s, uint64_t epoch)
{
    struct weir_mailbox_orders orders;
    weir_mailbox_begin(&s->mailbox, &orders);
    orders.epoch = WEIR_MAX(orders.epoch, epoch);
    weir_mailbox_end(&s->mailbox, &orders);
}

void weir_subtask_notify_complete(struct weir_subtask *s, uint64_t checkpoint_id)
{
    struct weir_mailbox_orders orders;
    weir_mailbox_begin(&s->mailbox, &orders);
    orders.completed_id = WEIR_MAX(orders.completed_id, checkpoint_id);
    orders.completed_count++;
    weir_mailbox_end(&s->mailbox, &orders);
}

void weir_subtask_resume(struct weir_subtask *s, uint64_t checkpoint_id)
{
    struct weir_mailbox_orders orders;
    weir_mailbox_begin(&s->mailbox, &orders);
    orders.resumed_id = WEIR_MAX(orders.resumed_id, checkpoint_id);
    weir_mailbox_end(&s->mailbox, &orders);
}

void weir_subtask_assign_split(
    struct weir_subtask *subtask, const char *id, uint64_t epoch, uint64_t sequence)
{
    weir_split_inbox_put(&subtask->splits, WEIR_SPLIT_ITEM_SPLIT, id, epoch, sequence);
}

void weir_subtask_no_more_splits(struct weir_subtask *subtask)
{
    weir_split_inbox_put(&subtask->splits, WEIR_SPLIT_ITEM_END, NULL, 0, 0);
}

void weir_subtask_discover_splits(struct weir_subtask *subtask)
{
    weir_split_inbox_put(&subtask->splits, WEIR_SPLIT_ITEM_DISCOVER, NULL, 0, 0);
}

void weir_subtask_drain(struct weir_subtask *s)
{
    struct weir_mailbox_orders orders;
    weir_mailbox_begin(&s->mailbox, &orders);
    orders.drain = 1;
    weir_mailbox_end(&s->mailbox, &orders);
}

void weir_subtask_snapshot_written(struct weir_subtask *s, uint64_t checkpoint_id)
{
    for (uint32_t i = 0; i < WEIR_SUBTASK_SNAPSHOTS_MAX; i++) {
        uint64_t none = 0;
        /* Release: the caller has read the snapshot before. Each one in flight is told once, so a cell is
         * free. */
        if (atomic_compare_exchange_strong_explicit(
                &s->written[i], &none, checkpoint_id, memory_order_release, memory_order_relaxed))
            return;
        if (none == checkpoint_id) return;
    }
    WEIR_UNREACHABLE();
}

void weir_subtask_cancel(struct weir_subtask *s)
{
    atomic_store(&s->canceled, true);
}

struct weir_barrier_seen weir_subtask_newest_barrier(struct weir_subtask *s)
{
    struct weir_barrier_seen seen;
    weir_pair_cell_read(&s->newest_barrier, &seen.id, &seen.epoch);
    return seen;
}
