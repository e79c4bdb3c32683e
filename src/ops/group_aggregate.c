/*
 * GROUP BY without windows. One state row per key; what changes is emitted as -U/+U, +I, -D.
 *
 * Row-exact emission (mini_batch off), of aggregates that can step: every row of a run gives its transition
 * in one pass. Else: find the groups of rows, read their results, accumulate, read again, emit one transition
 * per group; a run ends before a group comes up a second time, so that every intermediate result is seen.
 * Groups whose count reached 0 are deleted when the whole input batch is done, so that row pointers stay
 * good. With mini_batch: group_bundle.c.
 *
 * Batch mode (ctx->bounded): nothing until the end of input, then +I of every group; a global aggregate gives
 * one row even when there was no input.
 */
#include "ops/group_aggregate.h"

WEIR_OPERATOR(group_aggregate);

enum { RUN_ROWS = WEIR_BATCH_ROWS_MAX / 2, STEP_ROWS = 64, SWEEP_ROWS = 64 };

/* --- making --- */

static void make_scratch(struct group_aggregate *op, struct weir_arena *arena)
{
    op->rows = WEIR_ARENA_ARRAY(arena, uint8_t *, WEIR_BATCH_ROWS_MAX);
    op->refs = WEIR_ARENA_ARRAY(arena, weir_row_ref, WEIR_BATCH_ROWS_MAX);
    op->dead = WEIR_ARENA_ARRAY(arena, weir_row_ref, WEIR_BATCH_ROWS_MAX);
    op->in_rows = WEIR_ARENA_ARRAY(arena, uint8_t *, RUN_ROWS);
    op->in_refs = WEIR_ARENA_ARRAY(arena, weir_row_ref, RUN_ROWS);
    op->in_at = WEIR_ARENA_ARRAY(arena, uint16_t, RUN_ROWS);
    op->in_retract = WEIR_ARENA_ARRAY(arena, uint8_t, RUN_ROWS);
    op->touched = WEIR_ARENA_ARRAY(arena, uint8_t *, RUN_ROWS);
    op->touched_refs = WEIR_ARENA_ARRAY(arena, weir_row_ref, RUN_ROWS);
    op->existed = WEIR_ARENA_ARRAY(arena, bool, RUN_ROWS);
    op->counts = WEIR_ARENA_ARRAY(arena, int64_t, STEP_ROWS);
}

static enum weir_error_code create(struct weir_operator_context *ctx, struct weir_operator **ret)
{
    struct group_aggregate *op = WEIR_ARENA_NEW(ctx->arena, struct group_aggregate);
    op->base = (struct weir_operator){ &weir_group_aggregate_operator_ops, ctx };
    uint32_t *columns, key_count;
    enum weir_error_code code = ops_spec_columns(ctx, "keys", 0, &columns, &key_count);
    if (code) return code;
    const struct weir_type **key_types =
        WEIR_ARENA_ARRAY(ctx->arena, const struct weir_type *, WEIR_MAX(1u, key_count));
    for (uint32_t i = 0; i < key_count; i++) key_types[i] = ctx->input_types[0][columns[i]];
    op->retract = weir_spec_get_boolean(ctx->spec, "retract", false);
    op->emit_update_before = weir_spec_get_boolean(ctx->spec, "emit_ub", false);
    op->row_exact = ctx->bounded || !weir_spec_get_boolean(ctx->spec, "mini_batch", false);
    op->ttl_ms = ctx->bounded ? 0 : weir_spec_get_integer(ctx->spec, "ttl_ms", 0);
    code = ops_aggregates_init(&op->set, ctx, key_types, key_count, op->retract);
    if (code) return code;
    op->table = weir_table_open(ctx->state, &(struct weir_table_options){ .name = "groups",
                                                .types = op->set.types,
                                                .key_count = key_count,
                                                .column_count = op->set.column_count,
                                                .payload_bytes = op->set.payload_bytes,
                                                .ttl_ms = op->ttl_ms,
                                                .indexed = true,
                                                .meaning = ops_aggregates_meaning(&op->set) });
    ops_aggregates_attach(&op->set, op->table);
    op->payload = weir_table_payload_offset(op->table);
    ops_keys_init(&op->keys, ctx, columns, key_count);
    weir_batch_init(&op->results, op->set.result_types, op->set.count, ctx->memory);
    make_scratch(op, ctx->arena);
    group_bundle_init(op);
    *ret = &op->base;
    return WEIR_OK;
}

static void close_group_aggregate(struct weir_operator *base)
{
    struct group_aggregate *op = (struct group_aggregate *)base;
    group_bundle_done(op);
    weir_batch_done(&op->results);
    ops_aggregates_done(&op->set);
}

/* --- one bundle --- */

static void expire(void *context, struct weir_table *table, weir_row_ref ref)
{
    struct group_aggregate *op = context;
    if (!op->row_exact && group_bundle_holds(op, weir_table_write(table, ref), ref)) return;
    ops_aggregates_clear(&op->set, weir_table_write(table, ref), ref);
    weir_table_delete(table, ref);
}

enum weir_error_code group_aggregate_find(
    struct group_aggregate *op, const struct weir_batch *in, uint32_t from, uint32_t count)
{
    uint8_t states[WEIR_BATCH_ROWS_MAX];
    struct weir_table_keys keys = { .count = count,
        .rows = ops_rows(in) + from,
        .columns = op->keys.vectors,
        .hashes = op->keys.hashes + from,
        .key_groups = op->keys.groups + from };
    enum weir_error_code code =
        weir_table_upsert(op->table, &keys, op->rows + from, op->refs + from, states, op->base.ctx->error);
    if (code || !op->ttl_ms) return code;
    for (uint32_t i = 0; i < count; i++) {
        if (states[i] != WEIR_ROW_EXPIRED) continue;
        ops_aggregates_clear(&op->set, op->rows[from + i], op->refs[from + i]);
        group_of(op, op->rows[from + i])->count = 0;
    }
    return WEIR_OK;
}

void group_aggregate_prefetch(
    struct group_aggregate *op, const struct weir_batch *in, uint32_t from, uint32_t n)
{
    weir_table_prefetch(op->table, op->keys.hashes + from, WEIR_MIN(n, weir_batch_selected(in) - from));
}

static bool is_touched(const struct group_aggregate *op, const struct ops_group *group, const uint8_t *row)
{
    return group->touched < op->touched_count && op->touched[group->touched] == row;
}

/* Takes the next run of input rows; returns their number. */
static uint32_t take_rows(struct group_aggregate *op, const struct weir_batch *in, uint32_t rows_max)
{
    uint32_t n = weir_batch_selected(in), taken = 0;
    op->touched_count = 0;
    bool transitions = !op->base.ctx->bounded;
    for (; op->position < n && taken < rows_max; op->position++) {
        uint32_t at = weir_batch_row(in, op->position);
        uint8_t *row = op->rows[op->position];
        struct ops_group *group = group_of(op, row);
        bool add = weir_row_kind_is_add(weir_batch_kind(in, at));
        if (transitions && is_touched(op, group, row)) break;
        if (!add && group->count == 0) {
            op->dead[op->dead_count++] = op->refs[op->position]; /* made by the look-up only */
            continue;
        }
        if (transitions) {
            group->touched = op->touched_count;
            op->existed[op->touched_count] = group->count != 0;
            op->touched_refs[op->touched_count] = op->refs[op->position];
            op->touched[op->touched_count++] = row;
        }
        if (op->retract) group->count += add ? 1 : -1; /* else counted with the accumulators */
        op->in_rows[taken] = row;
        op->in_refs[taken] = op->refs[op->position];
        op->in_at[taken] = (uint16_t)at;
        op->in_retract[taken++] = !add;
    }
    return taken;
}

bool group_aggregate_results_equal(const struct group_aggregate *op, uint32_t g)
{
    for (uint32_t c = 0; c < op->set.count; c++) {
        const struct weir_vector *v = &op->results.columns[c];
        if (!weir_vector_equal_at(v, g, v, op->touched_count + g)) return false;
    }
    return true;
}

static inline void put_transition(
    struct group_transitions *to, enum weir_row_kind kind, const uint8_t *group, uint32_t result)
{
    to->kinds[to->count] = (uint8_t)kind;
    to->groups[to->count] = group;
    to->results[to->count++] = result;
}

void group_aggregate_emit_keys(struct group_aggregate *op, const uint8_t *kinds, const uint8_t *const *groups,
    uint32_t n, struct weir_batch *out)
{
    uint32_t first = out->row_count;
    uint8_t any = 0;
    for (uint32_t i = 0; i < n; i++) any |= kinds[i];
    if (any != WEIR_ROW_INSERT || out->kinds) memcpy(weir_batch_ensure_kinds(out) + first, kinds, n);
    for (uint32_t c = 0; c < op->keys.count; c++) {
        weir_table_column_load(op->table, groups, n, c, &out->columns[c], first, &out->arena, &out->heap);
    }
}

void group_aggregate_emit(
    struct group_aggregate *op, const struct group_transitions *from, struct weir_batch *out)
{
    uint32_t first = out->row_count, n = from->count;
    if (n == 0) return;
    group_aggregate_emit_keys(op, from->kinds, from->groups, n, out);
    bool shared = weir_batch_share_heaps(out, &op->results);
    for (uint32_t c = 0; c < op->set.count; c++) {
        weir_vector_gather(&out->columns[op->keys.count + c], first, &op->results.columns[c], from->results,
            n, &out->arena, shared ? NULL : &out->heap);
    }
    out->row_count = first + n;
}

void group_aggregate_plan(struct group_aggregate *op, struct group_transitions *to)
{
    uint32_t count = op->touched_count;
    for (uint32_t g = 0; g < count; g++) {
        const uint8_t *group = op->touched[g];
        bool exists = group_of(op, op->touched[g])->count != 0;
        if (!op->existed[g]) {
            if (exists) put_transition(to, WEIR_ROW_INSERT, group, count + g);
        } else if (!exists) {
            put_transition(to, WEIR_ROW_DELETE, group, g);
        } else if (op->ttl_ms || !group_aggregate_results_equal(op, g)) {
            if (op->emit_update_before) put_transition(to, WEIR_ROW_UPDATE_BEFORE, group, g);
            put_transition(to, WEIR_ROW_UPDATE_AFTER, group, count + g);
        }
    }
}

void group_aggregate_delete_dead(struct group_aggregate *op)
{
    for (uint32_t i = 0; i < op->dead_count; i++) {
        if (!weir_table_is_live(op->table, op->dead[i])) continue;
        uint8_t *row = weir_table_write(op->table, op->dead[i]);
        if (group_of(op, row)->count != 0 || group_bundle_holds(op, row, op->dead[i])) continue;
        ops_aggregates_clear(&op->set, row, op->dead[i]);
        weir_table_delete(op->table, op->dead[i]);
    }
    op->dead_count = 0;
}

/* A group that died and came back within a batch starts from nothing: retracting all that was added leaves
 * just that, but for what a lenient retraction left behind. */
void group_aggregate_restart(struct group_aggregate *op)
{
    if (!op->retract) return;
    for (uint32_t g = 0; g < op->touched_count; g++) {
        if (!op->existed[g]) ops_aggregates_clear(&op->set, op->touched[g], op->touched_refs[g]);
    }
}

static enum weir_error_code process_run(
    struct group_aggregate *op, const struct weir_batch *in, struct weir_batch *out)
{
    uint32_t taken = take_rows(op, in, WEIR_MIN((uint32_t)RUN_ROWS, ops_room(out) / 2));
    uint32_t count = op->touched_count;
    weir_batch_reset(&op->results);
    group_aggregate_restart(op);
    const uint8_t *const *touched = (const uint8_t *const *)op->touched;
    ops_aggregates_finish(&op->set, touched, op->touched_refs, count, &op->results, 0, 0);
    if (!op->retract) {
        for (uint32_t i = 0; i < taken; i++) group_of(op, op->in_rows[i])->count++;
    }
    struct ops_aggregate_rows rows = { .count = taken,
        .rows = op->in_rows,
        .refs = op->in_refs,
        .at = op->in_at,
        .retract = op->retract ? op->in_retract : NULL,
        .batch = in };
    enum weir_error_code code = ops_aggregates_accumulate(&op->set, &rows, op->base.ctx->error);
    if (code) return code;
    ops_aggregates_finish(&op->set, touched, op->touched_refs, count, &op->results, 0, count);
    struct group_transitions transitions;
    transitions.count = 0;
    for (uint32_t g = 0; g < count; g++) {
        if (group_of(op, op->touched[g])->count == 0) op->dead[op->dead_count++] = op->touched_refs[g];
    }
    group_aggregate_plan(op, &transitions);
    group_aggregate_emit(op, &transitions, out);
    return WEIR_OK;
}

/* Row-exact without retractions, of aggregates that can step: a transition per row, in one pass. */
static enum weir_error_code process_steps(
    struct group_aggregate *op, const struct weir_batch *in, struct weir_batch *out)
{
    uint32_t from = op->position;
    uint32_t n = WEIR_MIN(weir_batch_selected(in) - from, ops_room(out) / (op->emit_update_before ? 2 : 1));
    n = WEIR_MIN(n, (uint32_t)STEP_ROWS);
    uint8_t *const *groups = op->rows + from;
    enum weir_error_code code = group_aggregate_find(op, in, from, n);
    if (code) return code;
    uint32_t next = from + n;
    group_aggregate_prefetch(op, in, next, STEP_ROWS);
    uint8_t kinds[STEP_ROWS], changed[STEP_ROWS];
    for (uint32_t i = 0; i < n; i++) {
        struct ops_group *group = group_of(op, groups[i]);
        kinds[i] = group->count ? WEIR_ROW_UPDATE_AFTER : WEIR_ROW_INSERT;
        op->counts[i] = ++group->count;
    }
    struct ops_aggregate_rows rows = { .count = n,
        .rows = groups,
        .refs = op->refs + from,
        .at = ops_rows(in) + from,
        .batch = in,
        .counts = op->counts };
    op->position = next;
    bool all_change = op->ttl_ms || op->set.counts_rows;
    if (all_change && !op->emit_update_before) {
        struct ops_aggregate_step to = { .before = UINT32_MAX, .after = out->row_count, .owner = out };
        ops_aggregates_step(&op->set, &rows, op->keys.count, &to);
        group_aggregate_emit_keys(op, kinds, (const uint8_t *const *)groups, n, out);
        out->row_count += n;
        return WEIR_OK;
    }
    weir_batch_reset(&op->results);
    memset(changed, all_change, n);
    struct ops_aggregate_step to = { .before = op->emit_update_before ? n : UINT32_MAX,
        .after = 0,
        .changed = changed,
        .owner = &op->results };
    ops_aggregates_step(&op->set, &rows, 0, &to);
    struct group_transitions transitions;
    transitions.count = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (kinds[i] != WEIR_ROW_INSERT && !changed[i]) continue;
        if (kinds[i] != WEIR_ROW_INSERT && op->emit_update_before)
            put_transition(&transitions, WEIR_ROW_UPDATE_BEFORE, groups[i], n + i);
        put_transition(&transitions, kinds[i], groups[i], i);
    }
    group_aggregate_emit(op, &transitions, out);
    return WEIR_OK;
}

static enum weir_operator_result process(
    struct weir_operator *base, uint32_t input, const struct weir_batch *in, struct weir_batch *out)
{
    struct group_aggregate *op = (struct group_aggregate *)base;
    (void)input;
    uint32_t n = weir_batch_selected(in);
    bool steps = op->set.steps && !base->ctx->bounded;
    if (op->position == 0) {
        weir_table_sweep(op->table, SWEEP_ROWS, expire, op);
        ops_keys_read(&op->keys, base->ctx, in);
        if (op->row_exact && !steps && group_aggregate_find(op, in, 0, n)) return WEIR_OPERATOR_FAILED;
    }
    if (!op->row_exact) return group_bundle_process(op, in, out);
    while (op->position < n && ops_room(out) >= 2) { /* a row in makes at most two out */
        if (steps ? process_steps(op, in, out) : process_run(op, in, out)) return WEIR_OPERATOR_FAILED;
    }
    if (op->position < n) return WEIR_OPERATOR_HAVE_MORE;
    op->position = 0;
    group_aggregate_delete_dead(op);
    return WEIR_OPERATOR_NEED_INPUT;
}

/* --- end of input in batch mode --- */

static void emit_groups(struct group_aggregate *op, const uint8_t *const *rows, const weir_row_ref *refs,
    uint32_t n, struct weir_batch *out)
{
    for (uint32_t c = 0; c < op->keys.count; c++)
        weir_table_column_load(op->table, rows, n, c, &out->columns[c], 0, &out->arena, &out->heap);
    ops_aggregates_finish(&op->set, rows, refs, n, out, op->keys.count, 0);
    out->row_count = n;
}

/* COUNT(*) of nothing is 0, SUM of nothing is NULL. */
static enum weir_error_code emit_empty_global(struct group_aggregate *op, struct weir_batch *out)
{
    uint64_t hash = 0;
    uint8_t *row;
    weir_row_ref ref;
    struct weir_table_keys keys = { .count = 1, .columns = op->keys.vectors, .hashes = &hash };
    enum weir_error_code code = weir_table_upsert(op->table, &keys, &row, &ref, NULL, op->base.ctx->error);
    if (code) return code;
    const uint8_t *rows[1] = { row };
    emit_groups(op, rows, &ref, 1, out);
    weir_table_delete(op->table, ref);
    return WEIR_OK;
}

static enum weir_operator_result end_input(struct weir_operator *base, uint32_t input, struct weir_batch *out)
{
    struct group_aggregate *op = (struct group_aggregate *)base;
    (void)input;
    if (!base->ctx->bounded) return group_bundle_flush(op, out);
    if (op->keys.count == 0 && weir_table_rows(op->table) == 0) {
        if (op->global_done || !base->ctx->spec ||
            weir_spec_get_boolean(base->ctx->spec, "distinct_only", false))
            return WEIR_OPERATOR_NEED_INPUT;
        op->global_done = true;
        return emit_empty_global(op, out) ? WEIR_OPERATOR_FAILED : WEIR_OPERATOR_NEED_INPUT;
    }
    const uint8_t *rows[WEIR_BATCH_ROWS_MAX];
    weir_row_ref refs[WEIR_BATCH_ROWS_MAX];
    uint32_t n = weir_table_scan(op->table, &op->cursor, rows, refs, WEIR_BATCH_ROWS_MAX);
    if (n == 0) return WEIR_OPERATOR_NEED_INPUT;
    emit_groups(op, rows, refs, n, out);
    op->global_done = true;
    return WEIR_OPERATOR_HAVE_MORE;
}

static enum weir_operator_result flush(struct weir_operator *base, struct weir_batch *out)
{
    return group_bundle_flush((struct group_aggregate *)base, out);
}

static enum weir_operator_result timer(struct weir_operator *base, int64_t now_ms, struct weir_batch *out)
{
    (void)now_ms;
    return group_bundle_flush((struct group_aggregate *)base, out);
}

static enum weir_operator_result watermark(
    struct weir_operator *base, int64_t watermark_ms, struct weir_batch *out, int64_t *forward_ms)
{
    return group_bundle_watermark((struct group_aggregate *)base, watermark_ms, out, forward_ms);
}

const struct weir_operator_ops weir_group_aggregate_operator_ops = { .name = "group_aggregate",
    .create = create,
    .process = process,
    .watermark = watermark,
    .timer = timer,
    .end_input = end_input,
    .flush = flush,
    .close = close_group_aggregate };
