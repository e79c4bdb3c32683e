/*
 * Mini-batch: rows are accumulated at once, and what they change is held back, over batches: one transition
 * for each group that changed, in the order in which the groups came up. When a bundle goes out: bundle.h.
 *
 * Aggregates that can step give their results with each row, so that nothing but `after` is read when the
 * bundle goes out. The rows of others are read again then.
 *
 * A group of the bundle carries a mark and its place in the list of groups; the list confirms it.
 */
#include "ops/group_aggregate.h"

enum { TAKE_ROWS = 64, FLUSH_ROWS = 256, SECTIONS_MAX = 1 << 15 };
static const weir_row_ref GROUP_EXISTED = (weir_row_ref)1 << 63;

void group_bundle_init(struct group_aggregate *op)
{
    struct group_bundle *b = &op->bundle;
    ops_bundle_init(&b->base, op->base.ctx, GROUP_BUNDLE_ROWS_MAX);
    b->preaggregated = weir_spec_get_boolean(op->base.ctx->spec, "mini_batch_preaggregated", false);
    b->needs_before = op->retract || op->emit_update_before || !(op->ttl_ms || op->set.counts_rows);
    b->mark = 1;
    b->steps = op->set.steps;
    b->before = (struct ops_batches){ .types = op->set.result_types, .column_count = op->set.count };
    b->after = (struct ops_batches){ .types = op->base.ctx->output_types,
        .column_count = op->base.ctx->output_column_count };
}

void group_bundle_done(struct group_aggregate *op)
{
    struct group_bundle *b = &op->bundle;
    struct weir_memory *memory = op->base.ctx->memory;
    ops_batches_done(&b->before, memory);
    ops_batches_done(&b->after, memory);
    weir_memory_release(memory, b->refs, b->capacity * sizeof *b->refs);
}

/* How many sections ago the group came up last, by its mark. */
static inline uint32_t age_of(const struct group_bundle *b, const struct ops_group *group)
{
    return (uint16_t)(b->mark - (group->flags >> OPS_FLAGS_MAX));
}

static inline bool holds(const struct group_bundle *b, const struct ops_group *group, weir_row_ref ref)
{
    return age_of(b, group) <= b->sections && group->touched < b->count &&
           (b->refs[group->touched] & ~GROUP_EXISTED) == ref;
}

static inline void mark(struct group_bundle *b, struct ops_group *group, bool held)
{
    b->size += !b->preaggregated || !held || age_of(b, group) != 0;
    group->flags = (group->flags & (((uint32_t)1 << OPS_FLAGS_MAX) - 1)) | (uint32_t)b->mark << OPS_FLAGS_MAX;
}

/* The next place in the bundle is the group's. */
static inline void hold(struct group_bundle *b, struct ops_group *group, weir_row_ref ref)
{
    group->touched = b->count;
    b->refs[b->count++] = ref | (group->count != 0 ? GROUP_EXISTED : 0);
}

bool group_bundle_holds(const struct group_aggregate *op, uint8_t *row, weir_row_ref ref)
{
    return holds(&op->bundle, group_of(op, row), ref);
}

/* --- taking in --- */

static void reserve(struct group_aggregate *op, uint32_t more)
{
    struct group_bundle *b = &op->bundle;
    if (b->count + more <= b->capacity) return;
    uint32_t capacity = WEIR_MAX(WEIR_MAX(1024u, b->capacity * 2), b->count + more);
    b->refs = weir_memory_reallocate(
        op->base.ctx->memory, b->refs, b->capacity * sizeof *b->refs, capacity * sizeof *b->refs);
    b->capacity = capacity;
}

/* How many rows are taken in at once: at most as many new groups as one batch has places left. */
static uint32_t rows_at_once(const struct group_aggregate *op, const struct weir_batch *in)
{
    const struct group_bundle *b = &op->bundle;
    uint32_t left = weir_batch_selected(in) - op->position;
    left = WEIR_MIN(left, WEIR_BATCH_ROWS_MAX - b->count % WEIR_BATCH_ROWS_MAX);
    return (uint32_t)WEIR_MIN(
        (uint64_t)WEIR_MIN(left, (uint32_t)TAKE_ROWS), b->base.size_max - b->section_rows);
}

/* Finds the groups of the next rows; those of the rows behind them are fetched meanwhile. */
static enum weir_error_code find(struct group_aggregate *op, const struct weir_batch *in, uint32_t n)
{
    uint32_t from = op->position;
    enum weir_error_code code = group_aggregate_find(op, in, from, n);
    if (code) return code;
    group_aggregate_prefetch(op, in, from + n, TAKE_ROWS);
    reserve(op, n);
    return WEIR_OK;
}

/* Which of the rows count; groups that are new to the bundle become op->touched. Returns how many rows. */
static uint32_t mark_groups(
    struct group_aggregate *op, const struct weir_batch *in, uint32_t from, uint32_t n)
{
    struct group_bundle *b = &op->bundle;
    uint32_t taken = 0;
    op->touched_count = 0;
    for (uint32_t i = from; i < from + n; i++) {
        uint32_t at = weir_batch_row(in, i);
        uint8_t *row = op->rows[i];
        weir_row_ref ref = op->refs[i];
        struct ops_group *group = group_of(op, row);
        bool add = !op->retract || weir_row_kind_is_add(weir_batch_kind(in, at));
        bool held = holds(b, group, ref);
        if (!add && group->count == 0) {
            if (!held) op->dead[op->dead_count++] = ref; /* made by the look-up only */
            continue;
        }
        mark(b, group, held);
        if (!held) {
            hold(b, group, ref);
            op->existed[op->touched_count] = group->count != 0;
            op->touched_refs[op->touched_count] = ref;
            op->touched[op->touched_count++] = row;
        }
        if (op->retract) group->count += add ? 1 : -1;
        op->in_rows[taken] = row;
        op->in_refs[taken] = ref;
        op->in_at[taken] = (uint16_t)at;
        op->in_retract[taken++] = !add;
    }
    return taken;
}

static void advance(struct group_aggregate *op, uint32_t n)
{
    struct group_bundle *b = &op->bundle;
    op->position += n;
    b->base.rows += n;
    b->section_rows += n;
    if (b->section_rows < b->base.size_max) return;
    b->section_rows = 0;
    b->sections++;
    b->mark++;
    /* Nearly full is full: another section would go far past the size. */
    b->base.flushing = b->size >= b->base.size_max - b->base.size_max / 10 || b->sections == SECTIONS_MAX;
}

static enum weir_error_code take_rows(struct group_aggregate *op, const struct weir_batch *in)
{
    struct group_bundle *b = &op->bundle;
    uint32_t n = rows_at_once(op, in), first = b->count;
    enum weir_error_code code = find(op, in, n);
    if (code) return code;
    uint32_t taken = mark_groups(op, in, op->position, n);
    group_aggregate_restart(op);
    if (b->needs_before && op->touched_count) {
        struct weir_batch *to = ops_batches_at(&b->before, first, op->base.ctx->memory);
        ops_aggregates_finish(&op->set, (const uint8_t *const *)op->touched, op->touched_refs,
            op->touched_count, to, 0, first % WEIR_BATCH_ROWS_MAX);
    }
    if (!op->retract) {
        for (uint32_t i = 0; i < taken; i++) group_of(op, op->in_rows[i])->count++;
    }
    struct ops_aggregate_rows rows = { .count = taken,
        .rows = op->in_rows,
        .refs = op->in_refs,
        .at = op->in_at,
        .retract = op->retract ? op->in_retract : NULL,
        .batch = in };
    advance(op, n);
    return ops_aggregates_accumulate(&op->set, &rows, op->base.ctx->error);
}

/* Column `from` of op->results, row i, becomes the result of the group at places[i]; later rows win. */
static void scatter(struct group_aggregate *op, uint32_t c, const uint32_t *places, uint32_t n)
{
    const struct weir_vector *from = &op->results.columns[c];
    uint32_t width = weir_type_width(from->type);
    for (uint32_t i = 0; i < n; i++) {
        struct weir_batch *batch = op->bundle.after.items[places[i] / WEIR_BATCH_ROWS_MAX];
        struct weir_vector *to = &batch->columns[op->keys.count + c];
        uint32_t at = places[i] % WEIR_BATCH_ROWS_MAX;
        if (from->validity && !weir_bit_get(from->validity, i)) {
            weir_vector_set_null(to, at, &batch->arena);
            continue;
        }
        if (to->validity) weir_bit_set(to->validity, at);
        switch (width) {
        case 1: ((uint8_t *)to->data)[at] = ((const uint8_t *)from->data)[i]; break;
        case 2: ((uint16_t *)to->data)[at] = ((const uint16_t *)from->data)[i]; break;
        case 4: ((uint32_t *)to->data)[at] = ((const uint32_t *)from->data)[i]; break;
        default: ((uint64_t *)to->data)[at] = ((const uint64_t *)from->data)[i];
        }
    }
}

/* Rows of which some belong to groups that the bundle had already, or whose results before are wanted. */
static void step_and_scatter(
    struct group_aggregate *op, const struct ops_aggregate_rows *rows, const uint32_t *places, uint32_t first)
{
    struct group_bundle *b = &op->bundle;
    uint32_t n = rows->count, fresh = 0, sources[TAKE_ROWS];
    weir_batch_reset(&op->results);
    struct ops_aggregate_step to = {
        .before = b->needs_before ? n : UINT32_MAX, .after = 0, .owner = &op->results
    };
    ops_aggregates_step(&op->set, rows, 0, &to);
    for (uint32_t c = 0; c < op->set.count; c++) scatter(op, c, places, n);
    if (!b->needs_before || b->count == first) return;
    for (uint32_t i = 0; i < n; i++) {
        if (places[i] == first + fresh) sources[fresh++] = n + i; /* where it comes up first */
    }
    struct weir_batch *before = ops_batches_at(&b->before, first, op->base.ctx->memory);
    for (uint32_t c = 0; c < op->set.count; c++) {
        weir_vector_gather(&before->columns[c], first % WEIR_BATCH_ROWS_MAX, &op->results.columns[c], sources,
            fresh, &before->arena, NULL);
    }
}

/* Gives places[i] of the bundle to the groups of n rows, and counts these. While few of them are in the
 * bundle already, these take a new place, too, and free the old one: writing places in order is cheaper than
 * finding them. */
static void place_groups(struct group_aggregate *op, uint32_t n, uint32_t *places)
{
    struct group_bundle *b = &op->bundle;
    uint8_t *const *rows = op->rows + op->position;
    const weir_row_ref *refs = op->refs + op->position;
    weir_row_ref *list = b->refs;
    const uint32_t first = b->count, sections = b->sections, group_mark = b->mark;
    const bool append = b->appends;
    uint32_t count = first, held_count = 0, again_count = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct ops_group *group = group_of(op, rows[i]);
        uint32_t flags = group->flags, age = (uint16_t)(group_mark - (flags >> OPS_FLAGS_MAX));
        uint32_t place = group->touched;
        bool held = age <= sections && place < count && (list[place] & ~GROUP_EXISTED) == refs[i];
        held_count += held;
        again_count += held && age == 0;
        group->flags = (flags & (((uint32_t)1 << OPS_FLAGS_MAX) - 1)) | group_mark << OPS_FLAGS_MAX;
        if (!held || append) {
            weir_row_ref existed = group->count != 0 ? GROUP_EXISTED : 0;
            if (held) {
                existed = list[place] & GROUP_EXISTED;
                list[place] = WEIR_ROW_NONE;
            }
            op->touched[count - first] = rows[i];
            list[count] = refs[i] | existed;
            group->touched = place = count++;
        }
        places[i] = place;
        op->counts[i] = ++group->count;
    }
    b->count = count;
    b->size += b->preaggregated ? n - again_count : n;
    b->appends = !b->needs_before && held_count <= n / 4;
}

/* Stores that miss the cache hold up all behind them: the places that the next rows take are fetched ahead.
 */
static void fetch_places(struct weir_batch *after, uint32_t at)
{
    enum { LINE_BYTES = 64 };
    for (uint32_t c = 0; c < after->column_count; c++) {
        size_t width = weir_type_width(after->columns[c].type);
        const char *data = after->columns[c].data;
        if (!data || at + TAKE_ROWS > WEIR_BATCH_ROWS_MAX) continue;
        for (size_t offset = 0; offset < TAKE_ROWS * width; offset += LINE_BYTES)
            __builtin_prefetch(data + at * width + offset, 1);
    }
}

static enum weir_error_code take_steps(struct group_aggregate *op, const struct weir_batch *in)
{
    struct group_bundle *b = &op->bundle;
    uint32_t n = rows_at_once(op, in), from = op->position, first = b->count, places[TAKE_ROWS];
    enum weir_error_code code = find(op, in, n);
    if (code) return code;
    struct weir_batch *after = ops_batches_at(&b->after, first, op->base.ctx->memory);
    const uint32_t base = first % WEIR_BATCH_ROWS_MAX;
    fetch_places(after, base + n);
    for (uint32_t i = n; i < n + TAKE_ROWS && first + i < b->capacity; i += 8)
        __builtin_prefetch(&b->refs[first + i], 1);
    uint8_t *kinds = weir_batch_ensure_kinds(after) + base;
    place_groups(op, n, places);
    uint32_t fresh = b->count - first;
    after->row_count = base + fresh;
    for (uint32_t i = 0; i < fresh; i++)
        kinds[i] = b->refs[first + i] & GROUP_EXISTED ? WEIR_ROW_UPDATE_AFTER : WEIR_ROW_INSERT;
    for (uint32_t c = 0; c < op->keys.count; c++) {
        weir_table_column_load(op->table, (const uint8_t *const *)op->touched, fresh, c, &after->columns[c],
            base, &after->arena, &after->heap);
    }
    struct ops_aggregate_rows rows = { .count = n,
        .rows = op->rows + from,
        .refs = op->refs + from,
        .at = ops_rows(in) + from,
        .batch = in,
        .counts = op->counts };
    if (fresh == n && !b->needs_before) {
        struct ops_aggregate_step to = { .before = UINT32_MAX, .after = base, .owner = after };
        ops_aggregates_step(&op->set, &rows, op->keys.count, &to);
    } else {
        step_and_scatter(op, &rows, places, first);
    }
    advance(op, n);
    return WEIR_OK;
}

/* --- letting go --- */

/* Groups [flushed, flushed + n) of the bundle become op->touched. */
static void fetch_groups(struct group_aggregate *op, uint32_t n)
{
    const struct group_bundle *b = &op->bundle;
    for (uint32_t i = 0; i < n; i++) {
        weir_row_ref ref = b->refs[b->flushed + i];
        op->existed[i] = (ref & GROUP_EXISTED) != 0;
        op->touched_refs[i] = ref & ~GROUP_EXISTED;
        op->touched[i] = weir_table_write(op->table, op->touched_refs[i]);
        __builtin_prefetch(op->touched[i] + op->payload, 1);
    }
    op->touched_count = n;
}

static void flush_after_only(struct group_aggregate *op, struct weir_batch *out)
{
    uint8_t kinds[FLUSH_ROWS];
    const uint8_t *const *groups = (const uint8_t *const *)op->touched;
    uint32_t n = op->touched_count;
    for (uint32_t i = 0; i < n; i++) kinds[i] = op->existed[i] ? WEIR_ROW_UPDATE_AFTER : WEIR_ROW_INSERT;
    group_aggregate_emit_keys(op, kinds, groups, n, out);
    ops_aggregates_finish(&op->set, groups, op->touched_refs, n, out, op->keys.count, out->row_count);
    out->row_count += n;
}

/* Results of the next n groups out of a list of batches, from column `first` on, into op->results at `at`. */
static void read_batch(
    struct group_aggregate *op, const struct ops_batches *list, uint32_t first, uint32_t at, uint32_t n)
{
    const struct weir_batch *from = list->items[op->bundle.flushed / WEIR_BATCH_ROWS_MAX];
    uint32_t rows[FLUSH_ROWS];
    for (uint32_t i = 0; i < n; i++) rows[i] = op->bundle.flushed % WEIR_BATCH_ROWS_MAX + i;
    bool shared = weir_batch_share_heaps(&op->results, from);
    for (uint32_t c = 0; c < op->set.count; c++) {
        weir_vector_gather(&op->results.columns[c], at, &from->columns[first + c], rows, n,
            &op->results.arena, shared ? NULL : &op->results.heap);
    }
}

static void flush_compared(struct group_aggregate *op, struct weir_batch *out)
{
    uint32_t n = op->touched_count;
    weir_batch_reset(&op->results);
    read_batch(op, &op->bundle.before, 0, 0, n);
    ops_aggregates_finish(
        &op->set, (const uint8_t *const *)op->touched, op->touched_refs, n, &op->results, 0, n);
    struct group_transitions transitions;
    transitions.count = 0;
    group_aggregate_plan(op, &transitions);
    group_aggregate_emit(op, &transitions, out);
    for (uint32_t i = 0; i < n && op->retract; i++) {
        if (group_of(op, op->touched[i])->count != 0) continue;
        ops_aggregates_clear(&op->set, op->touched[i], op->touched_refs[i]);
        weir_table_delete(op->table, op->touched_refs[i]);
    }
}

/* Of aggregates that step: all is in batches. Changes that change nothing stay. */
static void flush_steps(struct group_aggregate *op, uint32_t n, struct weir_batch *out)
{
    const struct group_bundle *b = &op->bundle;
    const struct weir_batch *after = b->after.items[b->flushed / WEIR_BATCH_ROWS_MAX];
    uint32_t keys[2 * FLUSH_ROWS], results[2 * FLUSH_ROWS], count = 0,
                                                            base = b->flushed % WEIR_BATCH_ROWS_MAX;
    uint8_t kinds[2 * FLUSH_ROWS];
    weir_batch_reset(&op->results);
    read_batch(op, &b->before, 0, 0, n);
    read_batch(op, &b->after, op->keys.count, n, n);
    op->touched_count = n;
    for (uint32_t g = 0; g < n; g++) {
        bool existed = after->kinds[base + g] != WEIR_ROW_INSERT;
        if (existed && !op->ttl_ms && group_aggregate_results_equal(op, g)) continue;
        if (existed && op->emit_update_before)
            kinds[count] = WEIR_ROW_UPDATE_BEFORE, keys[count] = base + g, results[count++] = g;
        kinds[count] = after->kinds[base + g], keys[count] = base + g, results[count++] = n + g;
    }
    if (count == 0) return;
    uint32_t first = out->row_count;
    memcpy(weir_batch_ensure_kinds(out) + first, kinds, count);
    bool shared = weir_batch_share_heaps(out, after);
    for (uint32_t c = 0; c < op->keys.count; c++) {
        weir_vector_gather(&out->columns[c], first, &after->columns[c], keys, count, &out->arena,
            shared ? NULL : &out->heap);
    }
    for (uint32_t c = 0; c < op->set.count; c++) {
        weir_vector_gather(&out->columns[op->keys.count + c], first, &op->results.columns[c], results, count,
            &out->arena, NULL);
    }
    out->row_count = first + count;
}

/* A batch of the bundle as it is; it stays until the next bundle. */
static void lend_batch(struct group_aggregate *op, struct weir_batch *out)
{
    struct group_bundle *b = &op->bundle;
    const struct weir_batch *after = b->after.items[b->flushed / WEIR_BATCH_ROWS_MAX];
    const weir_row_ref *refs = b->refs + b->flushed;
    uint32_t n = after->row_count, selected = 0;
    uint8_t any = WEIR_ROW_INSERT;
    b->flushed += n;
    weir_batch_reference(out, after);
    uint16_t *selection = weir_batch_ensure_selection(out);
    for (uint32_t i = 0; i < n; i++) {
        selection[selected] = (uint16_t)i;
        selected += refs[i] != WEIR_ROW_NONE;
        any |= after->kinds[i];
    }
    out->selected = selected;
    if (selected == n) out->selection = NULL;
    if (any == WEIR_ROW_INSERT) out->kinds = NULL;
    if (selected == 0) weir_batch_reset(out);
}

static void end(struct group_aggregate *op)
{
    struct group_bundle *b = &op->bundle;
    b->count = b->flushed = 0;
    b->mark++;
    b->size = b->section_rows = b->sections = 0;
    ops_bundle_end(&b->base);
}

enum weir_operator_result group_bundle_flush(struct group_aggregate *op, struct weir_batch *out)
{
    struct group_bundle *b = &op->bundle;
    if (b->base.rows == 0) return WEIR_OPERATOR_NEED_INPUT;
    b->base.flushing = true;
    while (b->flushed < b->count) {
        if (b->steps && !b->needs_before) {
            if (out->row_count) return WEIR_OPERATOR_HAVE_MORE;
            lend_batch(op, out);
            continue;
        }
        uint32_t n = WEIR_MIN(b->count - b->flushed, WEIR_BATCH_ROWS_MAX - b->flushed % WEIR_BATCH_ROWS_MAX);
        n = WEIR_MIN(n, ops_room(out) / (op->emit_update_before ? 2 : 1));
        n = WEIR_MIN(n, (uint32_t)FLUSH_ROWS);
        if (n == 0) return WEIR_OPERATOR_HAVE_MORE;
        if (b->steps) {
            flush_steps(op, n, out);
        } else {
            fetch_groups(op, n);
            if (b->needs_before)
                flush_compared(op, out);
            else
                flush_after_only(op, out);
        }
        b->flushed += n;
    }
    end(op);
    return WEIR_OPERATOR_NEED_INPUT;
}

enum weir_operator_result group_bundle_process(
    struct group_aggregate *op, const struct weir_batch *in, struct weir_batch *out)
{
    struct group_bundle *b = &op->bundle;
    uint32_t n = weir_batch_selected(in);
    for (;;) {
        if (b->base.flushing && group_bundle_flush(op, out) == WEIR_OPERATOR_HAVE_MORE)
            return WEIR_OPERATOR_HAVE_MORE;
        if (op->position == n) break;
        if (b->base.rows == 0) {
            if (out->row_count && b->steps)
                return WEIR_OPERATOR_HAVE_MORE; /* it may be a batch that is lent */
            ops_bundle_begin(&b->base);
        }
        if (b->steps ? take_steps(op, in) : take_rows(op, in)) return WEIR_OPERATOR_FAILED;
    }
    op->position = 0;
    group_aggregate_delete_dead(op);
    return WEIR_OPERATOR_NEED_INPUT;
}

enum weir_operator_result group_bundle_watermark(
    struct group_aggregate *op, int64_t watermark_ms, struct weir_batch *out, int64_t *forward_ms)
{
    bool flush = ops_bundle_watermark(&op->bundle.base, watermark_ms, forward_ms);
    return flush ? group_bundle_flush(op, out) : WEIR_OPERATOR_NEED_INPUT;
}
