/*
 * Aggregation by TUMBLE, HOP and CUMULATE windows, and by windows that rows carry already: one partition of
 * the table per slice, merged when a window fires. SESSION windows are in window_session.c.
 *
 * A row is late when the last window that holds its slice has fired; if only earlier ones have, it counts for
 * the later ones. Each window gives one +I per key. Windows fire in the order of their ends when the
 * watermark reaches end - 1 (processing time: when the clock reaches the end).
 *
 * What has fired must survive a restart at another parallelism: snapshot() notes the watermark with the
 * subtask's key groups; after restore a key group's rows stay out of windows that had fired for it.
 */
#include "ops/window_aggregate.h"

WEIR_OPERATOR(window_aggregate);

enum { SLICES_COLLECTED = 16 };
#define MERGED_PARTITION INT64_MIN

static int64_t now_ms(const struct weir_operator_context *ctx)
{
    return ctx->now_us(ctx->clock) / 1000;
}

static struct ops_group *group_of(const struct window_aggregate *op, uint8_t *row)
{
    return (struct ops_group *)(row + op->payload);
}

/* --- making --- */

static enum weir_error_code read_properties(struct window_aggregate *op)
{
    struct weir_operator_context *ctx = op->base.ctx;
    const struct weir_spec *list = weir_spec_get(ctx->spec, "properties");
    op->property_count = list ? list->count : 0;
    op->properties = WEIR_ARENA_ARRAY(ctx->arena, enum window_property, WEIR_MAX(1u, op->property_count));
    static const char *const names[] = { "start", "end", "rowtime", "proctime" };
    for (uint32_t i = 0; i < op->property_count; i++) {
        uint32_t p = 0;
        while (p < WEIR_ARRAY_COUNT(names) &&
               (list->items[i]->text.length != strlen(names[p]) ||
                   memcmp(list->items[i]->text.data, names[p], strlen(names[p])) != 0)) {
            p++;
        }
        if (p == WEIR_ARRAY_COUNT(names))
            return weir_error_set(
                ctx->error, WEIR_E_FORMAT, "%s: unknown window property in the plan", ctx->task_name);
        op->properties[i] = (enum window_property)p;
    }
    return WEIR_OK;
}

/* Slices are cut by the window's sizes: those of others would fire at the wrong ends. */
static uint64_t windows_meaning(const struct window_aggregate *op)
{
    const struct ops_window *window = &op->window;
    const int64_t sizes[] = { (int64_t)window->kind, window->size_ms, window->slide_ms, window->offset_ms };
    uint64_t meaning = ops_aggregates_meaning(&op->set);
    for (uint32_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        meaning = (meaning ^ (uint64_t)sizes[i]) * 1099511628211ull;
    return meaning;
}

static enum weir_error_code create(struct weir_operator_context *ctx, struct weir_operator **ret)
{
    struct window_aggregate *op = WEIR_ARENA_NEW(ctx->arena, struct window_aggregate);
    op->base = (struct weir_operator){ &weir_window_aggregate_operator_ops, ctx };
    op->fired_end = INT64_MIN;
    op->retract = weir_spec_get_boolean(ctx->spec, "retract", false);
    uint32_t *columns;
    enum weir_error_code code = ops_window_read(&op->window, ctx);
    if (!code) code = ops_spec_columns(ctx, "keys", 0, &columns, &op->key_count);
    if (!code) code = read_properties(op);
    if (code) return code;
    op->starts = op->window.attached && op->window.start_column != UINT32_MAX;
    const struct weir_type **key_types =
        WEIR_ARENA_ARRAY(ctx->arena, const struct weir_type *, op->key_count + 1);
    for (uint32_t i = 0; i < op->key_count; i++) key_types[i] = ctx->input_types[0][columns[i]];
    if (op->starts) key_types[op->key_count] = ctx->input_types[0][op->window.start_column];
    code = ops_aggregates_init(&op->set, ctx, key_types, op->key_count + op->starts, op->retract);
    if (code) return code;
    ops_keys_init(&op->keys, ctx, columns, op->key_count);
    op->keys.vectors = WEIR_ARENA_ARRAY(ctx->arena, const struct weir_vector *, op->key_count + 1);
    op->rows = WEIR_ARENA_ARRAY(ctx->arena, uint8_t *, WEIR_BATCH_ROWS_MAX);
    op->refs = WEIR_ARENA_ARRAY(ctx->arena, weir_row_ref, WEIR_BATCH_ROWS_MAX);
    op->slices = WEIR_ARENA_ARRAY(ctx->arena, int64_t, WEIR_BATCH_ROWS_MAX);
    op->order = WEIR_ARENA_ARRAY(ctx->arena, uint16_t, WEIR_BATCH_ROWS_MAX);
    op->at = WEIR_ARENA_ARRAY(ctx->arena, uint16_t, WEIR_BATCH_ROWS_MAX);
    op->hashes = WEIR_ARENA_ARRAY(ctx->arena, uint64_t, WEIR_BATCH_ROWS_MAX);
    op->groups = WEIR_ARENA_ARRAY(ctx->arena, uint16_t, WEIR_BATCH_ROWS_MAX);
    op->retracts = WEIR_ARENA_ARRAY(ctx->arena, uint8_t, WEIR_BATCH_ROWS_MAX);
    op->start_hashes = WEIR_ARENA_ARRAY(ctx->arena, uint64_t, WEIR_BATCH_ROWS_MAX);
    code = op->window.kind == OPS_WINDOW_SESSION && !op->window.attached ? ops_session_create(op) : WEIR_OK;
    if (code) return code;
    if (!op->session) {
        op->table = weir_table_open(ctx->state, &(struct weir_table_options){ .name = "windows",
                                                    .types = op->set.types,
                                                    .key_count = op->key_count + op->starts,
                                                    .column_count = op->set.column_count,
                                                    .payload_bytes = op->set.payload_bytes,
                                                    .indexed = true,
                                                    .meaning = windows_meaning(op) });
        ops_aggregates_attach(&op->set, op->table);
        op->payload = weir_table_payload_offset(op->table);
    }
    *ret = &op->base;
    return WEIR_OK;
}

static void close_window_aggregate(struct weir_operator *base)
{
    struct window_aggregate *op = (struct window_aggregate *)base;
    if (op->session) ops_session_close(op);
    weir_batch_done(&op->key_batch);
    ops_aggregates_done(&op->set);
}

/* --- rows in --- */

/* The end of the last window whose firing is over, in window time. */
static int64_t progress(const struct window_aggregate *op)
{
    return ops_window_local_ms(&op->window, op->base.ctx->watermark_ms);
}

/* Slices of the selected rows; dropped rows leave the list. Returns how many stay. */
static uint32_t assign(struct window_aggregate *op, const struct weir_batch *in)
{
    struct weir_operator_context *ctx = op->base.ctx;
    uint32_t n = weir_batch_selected(in), kept = 0;
    int64_t now = op->window.processing_time ? now_ms(ctx) : 0, done = progress(op),
            done_utc = ctx->watermark_ms;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = weir_batch_row(in, i);
        int64_t slice;
        if (op->window.attached) {
            slice = ops_time_ms(&in->columns[op->window.end_column], row);
        } else {
            int64_t ms = ops_window_row_ms(&op->window, in, row, now);
            slice = ms == INT64_MIN ? ms : ops_window_slice_end(&op->window, ms);
        }
        if (slice == INT64_MIN) {
            ctx->metrics->null_records_dropped++;
            continue;
        }
        int64_t last = ops_window_last_end(&op->window, slice);
        bool late =
            !op->window.processing_time && done != INT64_MIN &&
            (op->window.zone ? ops_window_utc_ms(&op->window, last - 1) <= done_utc : last - 1 <= done);
        if (late && !ctx->bounded) {
            ctx->metrics->late_records_dropped++;
            continue;
        }
        op->slices[i] = slice;
        op->order[kept++] = (uint16_t)i;
    }
    return kept;
}

/* The rows named by op->at[0..n) (positions) go to one slice. */
static enum weir_error_code accumulate(
    struct window_aggregate *op, const struct weir_batch *in, int64_t slice, uint32_t n)
{
    struct weir_table *table = weir_table_partition(op->table, slice, true);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t position = op->at[i];
        op->hashes[i] = op->starts ? ops_mix(op->keys.hashes[position] ^ op->start_hashes[position])
                                   : op->keys.hashes[position];
        op->groups[i] = op->keys.groups[position];
        op->at[i] = (uint16_t)weir_batch_row(in, position);
        op->retracts[i] = !weir_row_kind_is_add(weir_batch_kind(in, op->at[i]));
    }
    struct weir_table_keys keys = { .count = n,
        .rows = op->at,
        .columns = op->keys.vectors,
        .hashes = op->hashes,
        .key_groups = op->groups };
    enum weir_error_code code =
        weir_table_upsert(table, &keys, op->rows, op->refs, NULL, op->base.ctx->error);
    if (code) return code;
    for (uint32_t i = 0; i < n; i++) group_of(op, op->rows[i])->count += op->retracts[i] ? -1 : 1;
    ops_aggregates_select(&op->set, table);
    struct ops_aggregate_rows rows = { .count = n,
        .rows = op->rows,
        .refs = op->refs,
        .at = op->at,
        .retract = op->retract ? op->retracts : NULL,
        .batch = in };
    return ops_aggregates_accumulate(&op->set, &rows, op->base.ctx->error);
}

/* Rows slice by slice: of the first few slices all their rows at once, then in runs. */
static enum weir_error_code accumulate_all(
    struct window_aggregate *op, const struct weir_batch *in, uint32_t kept)
{
    for (uint32_t slices = 0; kept; slices++) {
        int64_t slice = op->slices[op->order[0]];
        uint32_t taken = 0, left = 0, i = 0;
        for (; i < kept; i++) {
            if (op->slices[op->order[i]] == slice)
                op->at[taken++] = op->order[i];
            else if (slices < SLICES_COLLECTED)
                op->order[left++] = op->order[i];
            else
                break;
        }
        memmove(&op->order[left], &op->order[i], (kept - i) * sizeof *op->order);
        kept = left + kept - i;
        enum weir_error_code code = accumulate(op, in, slice, taken);
        if (code) return code;
    }
    return WEIR_OK;
}

static void set_timer(struct window_aggregate *op)
{
    if (!op->window.processing_time) return;
    int64_t next = INT64_MAX;
    for (struct weir_table *t = weir_table_partition_first(op->table); t; t = weir_table_partition_next(t)) {
        int64_t end = ops_window_next_end(&op->window, weir_table_partition_id(t), op->fired_end);
        if (end < next) next = end;
    }
    op->base.ctx->set_timer(op->base.ctx, ops_window_utc_ms(&op->window, next));
}

static enum weir_operator_result process(
    struct weir_operator *base, uint32_t input, const struct weir_batch *in, struct weir_batch *out)
{
    struct window_aggregate *op = (struct window_aggregate *)base;
    (void)input;
    ops_keys_read(&op->keys, base->ctx, in);
    if (op->session) return ops_session_process(op, in);
    if (op->starts) {
        op->keys.vectors[op->key_count] = &in->columns[op->window.start_column];
        weir_vector_hash(
            op->keys.vectors[op->key_count], in->selection, weir_batch_selected(in), op->start_hashes, false);
    }
    uint32_t kept = assign(op, in);
    if (kept && accumulate_all(op, in, kept)) return WEIR_OPERATOR_FAILED;
    set_timer(op);
    return WEIR_OPERATOR_NEED_INPUT;
}

/* --- firing --- */

/* The next window to fire: the smallest end above what has fired of all slices that hold rows; INT64_MAX:
 * none. */
static int64_t next_window(struct window_aggregate *op)
{
    int64_t next = INT64_MAX;
    for (struct weir_table *t = weir_table_partition_first(op->table); t; t = weir_table_partition_next(t)) {
        int64_t slice = weir_table_partition_id(t);
        if (slice >= next) break; /* ascending, and no window ends before its slices */
        int64_t end = ops_window_next_end(&op->window, slice, op->fired_end);
        if (end < next) next = end;
    }
    return next;
}

static void merge_slice(struct window_aggregate *op, struct weir_table *into, struct weir_table *from)
{
    enum { CHUNK = 256 };
    const uint8_t *rows[CHUNK];
    weir_row_ref refs[CHUNK];
    struct weir_table_cursor cursor = { 0 };
    struct weir_batch *keys = &op->key_batch;
    uint64_t hashes[CHUNK];
    uint16_t groups[CHUNK];
    uint8_t *into_rows[CHUNK];
    weir_row_ref into_refs[CHUNK];
    if (!keys->own_kinds) weir_batch_init(keys, op->set.types, op->set.key_count, op->base.ctx->memory);
    for (uint32_t n; (n = weir_table_scan(from, &cursor, rows, refs, CHUNK)) > 0;) {
        weir_batch_reset(keys);
        for (uint32_t c = 0; c < op->set.key_count; c++)
            weir_table_column_load(from, rows, n, c, &keys->columns[c], 0, &keys->arena, NULL);
        const struct weir_vector *columns[op->set.key_count + 1];
        for (uint32_t c = 0; c < op->set.key_count; c++) columns[c] = &keys->columns[c];
        for (uint32_t i = 0; i < n; i++) {
            hashes[i] = weir_table_row_hash(from, rows[i]);
            groups[i] = (uint16_t)weir_row_key_group(refs[i]);
        }
        struct weir_table_keys into_keys = {
            .count = n, .columns = columns, .hashes = hashes, .key_groups = groups
        };
        enum weir_error_code code = weir_table_upsert(into, &into_keys, into_rows, into_refs, NULL, NULL);
        WEIR_ASSERT(code == WEIR_OK);
        for (uint32_t i = 0; i < n; i++) {
            const struct ops_group *group = (const struct ops_group *)(rows[i] + op->payload);
            group_of(op, into_rows[i])->count += group->count;
            ops_aggregates_merge(&op->set, into, into_rows[i], into_refs[i], from, rows[i], refs[i]);
        }
    }
}

static void drop_slice(struct window_aggregate *op, struct weir_table *table)
{
    ops_aggregates_drop(&op->set, weir_table_partition_id(table));
    weir_table_partition_drop(table);
}

/* Makes op->firing the table that holds the window's groups. */
static void gather_hop(struct window_aggregate *op, int64_t end)
{
    struct weir_table *only = NULL;
    uint32_t count = 0;
    for (struct weir_table *t = weir_table_partition_first(op->table); t; t = weir_table_partition_next(t)) {
        int64_t slice = weir_table_partition_id(t);
        if (slice > end) break;
        if (slice <= end - op->window.size_ms) continue;
        only = t;
        count++;
    }
    op->firing = only;
    if (count <= 1) return;
    op->firing = weir_table_partition(op->table, MERGED_PARTITION, true);
    int64_t slice = INT64_MIN;
    for (struct weir_table *t = weir_table_partition_next(op->firing);
         t && (slice = weir_table_partition_id(t)) <= end; t = weir_table_partition_next(t)) {
        if (slice > end - op->window.size_ms) merge_slice(op, op->firing, t);
    }
}

static void gather_cumulate(struct window_aggregate *op, int64_t end)
{
    int64_t first = ops_window_start(&op->window, end) + op->window.slice_ms;
    struct weir_table *into = weir_table_partition(op->table, first, true);
    for (int64_t slice = first + op->window.slice_ms; slice <= end; slice += op->window.slice_ms) {
        struct weir_table *from = weir_table_partition(op->table, slice, false);
        if (!from || weir_table_rows(from) == 0) continue;
        merge_slice(op, into, from);
        drop_slice(op, from);
    }
    op->firing = into;
}

static void begin_window(struct window_aggregate *op, int64_t end)
{
    op->firing_end = end;
    op->cursor = (struct weir_table_cursor){ 0 };
    if (op->window.attached || op->window.kind == OPS_WINDOW_TUMBLE)
        op->firing = weir_table_partition(op->table, end, false);
    else if (op->window.kind == OPS_WINDOW_HOP)
        gather_hop(op, end);
    else
        gather_cumulate(op, end);
}

static void end_window(struct window_aggregate *op)
{
    int64_t end = op->firing_end;
    op->fired_end = end;
    op->firing = NULL;
    struct weir_table *merged = weir_table_partition(op->table, MERGED_PARTITION, false);
    if (merged) drop_slice(op, merged);
    for (struct weir_table *t = weir_table_partition_first(op->table), *next; t; t = next) {
        next = weir_table_partition_next(t);
        if (weir_table_partition_id(t) > end) break;
        if (ops_window_last_end(&op->window, weir_table_partition_id(t)) <= end) drop_slice(op, t);
    }
}

static int64_t property_ms(const struct window_aggregate *op, enum window_property property, int64_t start,
    int64_t end, const struct weir_type *type)
{
    switch (property) {
    case WINDOW_START: return start;
    case WINDOW_END: return end;
    case WINDOW_ROWTIME:
        return type->id == WEIR_TYPE_TIMESTAMP_LTZ ? ops_window_utc_ms(&op->window, end - 1) : end - 1;
    case WINDOW_PROCTIME: return now_ms(op->base.ctx);
    }
    WEIR_UNREACHABLE();
}

void ops_window_emit(struct window_aggregate *op, struct weir_table *table, const uint8_t *const *rows,
    const weir_row_ref *refs, uint32_t n, const int64_t *starts, const int64_t *ends, struct weir_batch *out)
{
    uint32_t first = out->row_count, c = 0;
    for (; c < op->key_count; c++)
        weir_table_column_load(table, rows, n, c, &out->columns[c], first, &out->arena, &out->heap);
    ops_aggregates_finish(&op->set, rows, refs, n, out, c, first);
    c += op->set.count;
    for (uint32_t p = 0; p < op->property_count; p++, c++) {
        struct weir_vector *to = &out->columns[c];
        if (op->properties[p] == WINDOW_START && op->starts) {
            weir_table_column_load(table, rows, n, op->key_count, to, first, &out->arena, &out->heap);
            continue;
        }
        for (uint32_t i = 0; i < n; i++)
            ops_time_store(to, first + i, property_ms(op, op->properties[p], starts[i], ends[i], to->type));
    }
    out->row_count += n;
}

/* Groups that were retracted to nothing, and key groups for which this window fired before a restart, give no
 * row. */
static uint32_t keep_rows(struct window_aggregate *op, const uint8_t **rows, weir_row_ref *refs, uint32_t n)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (op->retract && ((const struct ops_group *)(rows[i] + op->payload))->count == 0) continue;
        if (op->restored_ends && op->restored_ends[weir_row_key_group(refs[i])] >= op->firing_end) continue;
        rows[kept] = rows[i];
        refs[kept++] = refs[i];
    }
    return kept;
}

/* Fires all windows with an end up to limit. */
static enum weir_operator_result fire(struct window_aggregate *op, int64_t limit, struct weir_batch *out)
{
    const uint8_t *rows[WEIR_BATCH_ROWS_MAX];
    weir_row_ref refs[WEIR_BATCH_ROWS_MAX];
    int64_t starts[WEIR_BATCH_ROWS_MAX], ends[WEIR_BATCH_ROWS_MAX];
    for (;;) {
        if (!op->firing) {
            int64_t end = next_window(op);
            if (end > limit) return WEIR_OPERATOR_NEED_INPUT;
            begin_window(op, end);
        }
        uint32_t room = ops_room(out);
        if (room == 0) return WEIR_OPERATOR_HAVE_MORE;
        uint32_t n = weir_table_scan(op->firing, &op->cursor, rows, refs, room);
        uint32_t kept = keep_rows(op, rows, refs, n);
        ops_aggregates_select(&op->set, op->firing);
        int64_t start = ops_window_start(&op->window, op->firing_end);
        for (uint32_t i = 0; i < kept; i++) {
            starts[i] = start;
            ends[i] = op->firing_end;
        }
        if (kept) ops_window_emit(op, op->firing, rows, refs, kept, starts, ends, out);
        if (n < room) end_window(op);
    }
}

/* The largest end, in window time, whose trigger has come. Triggers never go back as ends grow, so it can be
 * searched for. */
static int64_t end_limit(const struct window_aggregate *op, int64_t watermark_ms)
{
    enum { SHIFT_MS_MAX = 3 * 3600 * 1000 }; /* more than any change of an offset */
    if (watermark_ms == INT64_MAX) return INT64_MAX - 1;
    int64_t local = ops_window_local_ms(&op->window, watermark_ms) + 1;
    if (!op->window.zone) return local;
    int64_t low = local - SHIFT_MS_MAX, high = local + SHIFT_MS_MAX; /* low has come, high has not */
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (ops_window_utc_ms(&op->window, middle - 1) <= watermark_ms)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static enum weir_operator_result watermark(
    struct weir_operator *base, int64_t watermark_ms, struct weir_batch *out, int64_t *forward_ms)
{
    struct window_aggregate *op = (struct window_aggregate *)base;
    (void)forward_ms;
    if (op->window.processing_time || base->ctx->bounded) return WEIR_OPERATOR_NEED_INPUT;
    if (op->session) return ops_session_fire(op, watermark_ms, out);
    enum weir_operator_result result = fire(op, end_limit(op, watermark_ms), out);
    if (result == WEIR_OPERATOR_NEED_INPUT) {
        int64_t limit = end_limit(op, watermark_ms);
        if (limit > op->fired_end) op->fired_end = limit; /* windows that had no rows have fired as well */
    }
    return result;
}

/* In batch mode rows may come behind the last watermark: operators before this one answer at their end, too.
 */
static enum weir_operator_result end_input(struct weir_operator *base, uint32_t input, struct weir_batch *out)
{
    struct window_aggregate *op = (struct window_aggregate *)base;
    (void)input;
    if (op->window.processing_time || !base->ctx->bounded) return WEIR_OPERATOR_NEED_INPUT;
    if (op->session) return ops_session_fire(op, INT64_MAX, out);
    return fire(op, INT64_MAX - 1, out);
}

static enum weir_operator_result timer(struct weir_operator *base, int64_t now, struct weir_batch *out)
{
    struct window_aggregate *op = (struct window_aggregate *)base;
    if (op->session) return ops_session_fire(op, now - 1, out);
    enum weir_operator_result result = fire(op, ops_window_local_ms(&op->window, now), out);
    if (result == WEIR_OPERATOR_NEED_INPUT) set_timer(op);
    return result;
}

/* --- snapshots --- */

static enum weir_error_code snapshot(
    struct weir_operator *base, uint64_t checkpoint_id, struct weir_buffer *to, struct weir_error *reterr)
{
    struct window_aggregate *op = (struct window_aggregate *)base;
    (void)checkpoint_id;
    (void)reterr;
    if (op->session) {
        ops_past_snapshot(&op->past, base->ctx, to);
        return WEIR_OK;
    }
    struct weir_key_group_range range =
        weir_key_group_range_of(base->ctx->subtask_index, base->ctx->max_parallelism, base->ctx->parallelism);
    weir_buffer_append_u32(to, range.first);
    weir_buffer_append_u32(to, range.last);
    int64_t end = op->fired_end;
    for (uint32_t g = range.first; g <= range.last; g++) {
        weir_buffer_append_u64(to, (uint64_t)(op->restored_ends ? WEIR_MAX(end, op->restored_ends[g]) : end));
    }
    return WEIR_OK;
}

static enum weir_error_code restore(struct weir_operator *base, const struct weir_operator_blob *blobs,
    uint32_t count, struct weir_error *reterr)
{
    struct window_aggregate *op = (struct window_aggregate *)base;
    if (op->session) return ops_past_restore(&op->past, base->ctx, blobs, count, reterr);
    uint32_t groups = base->ctx->max_parallelism;
    op->restored_ends = WEIR_ARENA_ARRAY(base->ctx->arena, int64_t, groups);
    for (uint32_t g = 0; g < groups; g++) op->restored_ends[g] = INT64_MIN;
    for (uint32_t b = 0; b < count; b++) {
        if (blobs[b].length == 0) continue;
        struct weir_reader reader = { .data = blobs[b].bytes, .length = blobs[b].length };
        uint32_t first = weir_reader_u32(&reader), last = weir_reader_u32(&reader);
        for (uint32_t g = first; g <= last && g < groups && !reader.failed; g++)
            op->restored_ends[g] = (int64_t)weir_reader_u64(&reader);
        if (reader.failed)
            return weir_error_set(reterr, WEIR_E_STATE, "%s: the window operator's snapshot is malformed",
                base->ctx->task_name);
    }
    return WEIR_OK;
}

const struct weir_operator_ops weir_window_aggregate_operator_ops = { .name = "window_aggregate",
    .create = create,
    .process = process,
    .watermark = watermark,
    .end_input = end_input,
    .timer = timer,
    .snapshot = snapshot,
    .restore = restore,
    .close = close_window_aggregate };
