/*
 * TUMBLE, HOP, CUMULATE and SESSION as table functions: input rows with window_start, window_end,
 * window_time.
 *
 * The first three emit each row at once, in every window it belongs to: pass k of a batch emits the k-th
 * window of all rows, the input columns by reference. Rows without a time are dropped, late ones are not.
 * SESSION keeps rows until their session closes.
 */
#include "data/time.h"
#include "ops/rows.h"
#include "ops/window.h"

WEIR_OPERATOR(window_table_function);

struct session { /* payload of a session's row */
    struct weir_row_link link;
    int64_t start, end;
    struct weir_row_list rows;
    weir_row_ref key;
};
struct buffered { /* payload of a row that waits */
    struct weir_row_link link;
};

struct window_table_function {
    struct weir_operator base;
    struct ops_window window;
    uint32_t pass; /* windows of the present input emitted so far */
    int64_t now;
    /* SESSION */
    struct ops_row_table rows;
    struct weir_table *keys_table, *sessions;
    struct ops_keys keys;
    struct ops_mixer mixer;
    struct ops_heap heap;
    bool heap_built;
    int64_t *starts, *ends; /* per output row */
};

static int64_t now_ms(const struct weir_operator_context *ctx)
{
    return ctx->now_us(ctx->clock) / 1000;
}

static struct session *session_of(const struct window_table_function *op, const uint8_t *row)
{
    return (struct session *)(row + weir_table_payload_offset(op->sessions));
}

static enum weir_error_code create_session(struct window_table_function *op)
{
    struct weir_operator_context *ctx = op->base.ctx;
    const struct weir_type **types =
        WEIR_ARENA_ARRAY(ctx->arena, const struct weir_type *, op->window.partition_count + 1);
    for (uint32_t i = 0; i < op->window.partition_count; i++) {
        if (op->window.partition[i] >= ctx->input_column_counts[0]) {
            return weir_error_set(ctx->error, WEIR_E_FORMAT,
                "%s: the plan's partition column %u does not exist", ctx->task_name, op->window.partition[i]);
        }
        types[i] = ctx->input_types[0][op->window.partition[i]];
    }
    op->keys_table = weir_table_open(ctx->state, &(struct weir_table_options){ .name = "session_keys",
                                                     .types = types,
                                                     .key_count = op->window.partition_count,
                                                     .column_count = op->window.partition_count,
                                                     .payload_bytes = sizeof(struct weir_row_list),
                                                     .indexed = true });
    op->sessions = weir_table_open(ctx->state,
        &(struct weir_table_options){ .name = "sessions", .payload_bytes = sizeof(struct session) });
    ops_row_table_init(&op->rows, ctx,
        &(struct ops_row_table_options){ .name = "rows", .payload_bytes = sizeof(struct buffered) });
    ops_keys_init(&op->keys, ctx, op->window.partition, op->window.partition_count);
    ops_mixer_init(&op->mixer, ctx, &op->rows, false);
    op->heap.memory = ctx->memory;
    op->starts = WEIR_ARENA_ARRAY(ctx->arena, int64_t, WEIR_BATCH_ROWS_MAX);
    op->ends = WEIR_ARENA_ARRAY(ctx->arena, int64_t, WEIR_BATCH_ROWS_MAX);
    return WEIR_OK;
}

static enum weir_error_code create(struct weir_operator_context *ctx, struct weir_operator **ret)
{
    struct window_table_function *op = WEIR_ARENA_NEW(ctx->arena, struct window_table_function);
    op->base = (struct weir_operator){ &weir_window_table_function_operator_ops, ctx };
    enum weir_error_code code = ops_window_read(&op->window, ctx);
    if (!code && op->window.kind == OPS_WINDOW_SESSION) code = create_session(op);
    *ret = &op->base;
    return code;
}

static void close_function(struct weir_operator *base)
{
    struct window_table_function *op = (struct window_table_function *)base;
    if (op->window.kind != OPS_WINDOW_SESSION) return;
    ops_mixer_done(&op->mixer);
    ops_heap_done(&op->heap);
}

static void store_window(
    struct window_table_function *op, struct weir_batch *out, uint32_t row, int64_t start, int64_t end)
{
    uint32_t c = op->base.ctx->input_column_counts[0];
    ops_time_store(&out->columns[c], row, start);
    ops_time_store(&out->columns[c + 1], row, end);
    bool instant = out->columns[c + 2].type->id == WEIR_TYPE_TIMESTAMP_LTZ;
    ops_time_store(&out->columns[c + 2], row, instant ? ops_window_utc_ms(&op->window, end - 1) : end - 1);
}

/* --- TUMBLE, HOP, CUMULATE --- */

/* End of the pass-th window of a row, in the order Flink emits them (HOP: latest first); INT64_MIN: it has no
 * more. */
static int64_t window_end(const struct ops_window *window, int64_t ms, uint32_t pass)
{
    if (window->kind == OPS_WINDOW_TUMBLE) return pass == 0 ? ops_window_slice_end(window, ms) : INT64_MIN;
    if (window->kind == OPS_WINDOW_HOP) {
        int64_t start =
            ms - weir_floor_mod(ms - window->offset_ms, window->slide_ms) - (int64_t)pass * window->slide_ms;
        return start > ms - window->size_ms ? start + window->size_ms : INT64_MIN;
    }
    int64_t start = ms - weir_floor_mod(ms - window->offset_ms, window->size_ms);
    int64_t end = start + ((ms - start) / window->slide_ms + 1 + (int64_t)pass) * window->slide_ms;
    return end <= start + window->size_ms ? end : INT64_MIN;
}

static enum weir_operator_result emit_pass(
    struct window_table_function *op, const struct weir_batch *in, struct weir_batch *out)
{
    uint32_t n = weir_batch_selected(in), selected = 0, columns = op->base.ctx->input_column_counts[0];
    if (op->pass == 0) op->now = op->window.processing_time ? now_ms(op->base.ctx) : 0;
    uint16_t *selection = weir_batch_ensure_selection(out);
    bool more = false;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = weir_batch_row(in, i);
        int64_t ms = ops_window_row_ms(&op->window, in, row, op->now);
        if (ms == INT64_MIN) {
            if (op->pass == 0) op->base.ctx->metrics->null_records_dropped++;
            continue;
        }
        int64_t end = window_end(&op->window, ms, op->pass);
        if (end == INT64_MIN) continue;
        more = more || window_end(&op->window, ms, op->pass + 1) != INT64_MIN;
        int64_t start = op->window.kind == OPS_WINDOW_CUMULATE ? ops_window_start(&op->window, end)
                                                               : end - op->window.size_ms;
        store_window(op, out, row, start, end);
        selection[selected++] = (uint16_t)row;
    }
    for (uint32_t c = 0; c < columns; c++) out->columns[c] = in->columns[c];
    out->row_count = in->row_count;
    out->kinds = in->kinds;
    out->selected = selected;
    if (!weir_batch_share_heaps(out, in)) out->heaps_incomplete = true;
    op->pass = more ? op->pass + 1 : 0;
    return more ? WEIR_OPERATOR_HAVE_MORE : WEIR_OPERATOR_NEED_INPUT;
}

/* --- SESSION --- */

static void build_heap(struct window_table_function *op)
{
    if (op->heap_built) return;
    op->heap_built = true;
    struct weir_table_cursor cursor = { 0 };
    const uint8_t *row;
    weir_row_ref ref;
    while (weir_table_scan(op->sessions, &cursor, &row, &ref, 1))
        ops_heap_push(&op->heap, session_of(op, row)->end, ref);
}

static struct weir_row_list *sessions_of_key(struct window_table_function *op, weir_row_ref key)
{
    return (struct weir_row_list *)(weir_table_write(op->keys_table, key) +
                                    weir_table_payload_offset(op->keys_table));
}

/* All rows of one session go behind those of another; the emptied one is deleted. */
static void move_rows(struct window_table_function *op, weir_row_ref from_ref, weir_row_ref into_ref)
{
    size_t link = weir_table_payload_offset(op->sessions);
    struct session *from = session_of(op, weir_table_write(op->sessions, from_ref)),
                   *into = session_of(op, weir_table_write(op->sessions, into_ref));
    while (from->rows.first) {
        weir_row_ref row = from->rows.first;
        weir_row_list_remove(op->rows.table, op->rows.payload, &from->rows, row);
        weir_row_list_append(op->rows.table, op->rows.payload, &into->rows, row);
    }
    into->start = WEIR_MIN(into->start, from->start);
    into->end = WEIR_MAX(into->end, from->end);
    weir_row_list_remove(op->sessions, link, sessions_of_key(op, from->key), from_ref);
    weir_table_delete(op->sessions, from_ref);
}

static weir_row_ref find_session(
    struct window_table_function *op, weir_row_ref key, uint32_t group, int64_t start)
{
    struct weir_operator_context *ctx = op->base.ctx;
    size_t link = weir_table_payload_offset(op->sessions);
    int64_t end = start + op->window.gap_ms;
    weir_row_ref found = 0;
    for (weir_row_ref at = sessions_of_key(op, key)->first, next; at; at = next) {
        const struct session *session = session_of(op, weir_table_read(op->sessions, at));
        next = session->link.next;
        if (session->start > end || session->end < start) continue;
        if (found)
            move_rows(op, at, found);
        else
            found = at;
        struct session *grown = session_of(op, weir_table_write(op->sessions, found));
        start = grown->start = WEIR_MIN(grown->start, start);
        end = grown->end = WEIR_MAX(grown->end, end);
    }
    if (found) return found;
    if (!op->window.processing_time && !ctx->bounded && ctx->watermark_ms != INT64_MIN &&
        ops_window_utc_ms(&op->window, end - 1) <= ctx->watermark_ms) {
        ctx->metrics->late_records_dropped++;
        return 0;
    }
    uint8_t *row = weir_table_insert(op->sessions, group, 0, &found);
    *session_of(op, row) = (struct session){ .start = start, .end = end, .key = key };
    weir_row_list_append(op->sessions, link, sessions_of_key(op, key), found);
    ops_heap_push(&op->heap, end, found);
    return found;
}

static void set_timer(struct window_table_function *op)
{
    if (!op->window.processing_time) return;
    op->base.ctx->set_timer(
        op->base.ctx, op->heap.count ? ops_window_utc_ms(&op->window, op->heap.entries[0].time) : INT64_MAX);
}

static enum weir_operator_result buffer_rows(struct window_table_function *op, const struct weir_batch *in)
{
    struct weir_operator_context *ctx = op->base.ctx;
    int64_t now = op->window.processing_time ? now_ms(ctx) : 0;
    build_heap(op);
    ops_keys_read(&op->keys, ctx, in);
    for (uint32_t i = 0, n = weir_batch_selected(in); i < n; i++) {
        uint16_t at = (uint16_t)weir_batch_row(in, i);
        int64_t ms = ops_window_row_ms(&op->window, in, at, now);
        if (ms == INT64_MIN) {
            ctx->metrics->null_records_dropped++;
            continue;
        }
        struct weir_table_keys keys = { .count = 1,
            .rows = &at,
            .columns = op->keys.vectors,
            .hashes = op->keys.hashes + i,
            .key_groups = op->keys.groups + i };
        uint8_t *key_row, *row;
        weir_row_ref key, session, ref;
        if (weir_table_upsert(op->keys_table, &keys, &key_row, &key, NULL, ctx->error))
            return WEIR_OPERATOR_FAILED;
        session = find_session(op, key, op->keys.groups[i], ms);
        if (!session) {
            if (sessions_of_key(op, key)->count == 0) weir_table_delete(op->keys_table, key);
            continue;
        }
        row = weir_table_insert(op->rows.table, op->keys.groups[i], 0, &ref);
        ops_row_table_store(&op->rows, row, in, at, true);
        weir_row_list_append(op->rows.table, op->rows.payload,
            &session_of(op, weir_table_write(op->sessions, session))->rows, ref);
    }
    set_timer(op);
    return WEIR_OPERATOR_NEED_INPUT;
}

/* Emits from the front of the session as far as there is room; true when it is empty. */
static bool drain_session(struct window_table_function *op, weir_row_ref ref, struct weir_batch *out)
{
    struct session *session = session_of(op, weir_table_write(op->sessions, ref));
    uint32_t first = out->row_count, n = 0;
    weir_row_ref row = session->rows.first;
    for (; row && first + n < WEIR_BATCH_ROWS_MAX; n++) {
        ops_mixer_put_state(&op->mixer, WEIR_ROW_INSERT, weir_table_read(op->rows.table, row), 0);
        row = weir_row_list_next(weir_table_read(op->rows.table, row), op->rows.payload);
    }
    ops_mixer_flush(&op->mixer, NULL, out);
    for (uint32_t i = 0; i < n; i++) {
        store_window(op, out, first + i, session->start, session->end);
        weir_row_ref done = session->rows.first;
        weir_row_list_remove(op->rows.table, op->rows.payload, &session->rows, done);
        weir_table_delete(op->rows.table, done);
    }
    return session->rows.count == 0;
}

static enum weir_operator_result fire(
    struct window_table_function *op, int64_t time_ms, struct weir_batch *out)
{
    build_heap(op);
    while (op->heap.count) {
        if (time_ms != INT64_MAX && ops_window_utc_ms(&op->window, op->heap.entries[0].time - 1) > time_ms)
            break;
        if (ops_room(out) == 0) return WEIR_OPERATOR_HAVE_MORE;
        struct ops_heap_entry entry = op->heap.entries[0];
        const struct session *session = weir_table_is_live(op->sessions, entry.row)
                                            ? session_of(op, weir_table_read(op->sessions, entry.row))
                                            : NULL;
        if (!session || session->end != entry.time) {
            ops_heap_pop(&op->heap);
            if (session) ops_heap_push(&op->heap, session->end, entry.row);
            continue;
        }
        if (!drain_session(op, entry.row, out)) return WEIR_OPERATOR_HAVE_MORE;
        ops_heap_pop(&op->heap);
        weir_row_ref key = session_of(op, weir_table_read(op->sessions, entry.row))->key;
        struct weir_row_list *list = sessions_of_key(op, key);
        weir_row_list_remove(op->sessions, weir_table_payload_offset(op->sessions), list, entry.row);
        weir_table_delete(op->sessions, entry.row);
        if (list->count == 0) weir_table_delete(op->keys_table, key);
    }
    set_timer(op);
    return WEIR_OPERATOR_NEED_INPUT;
}

static enum weir_operator_result process(
    struct weir_operator *base, uint32_t input, const struct weir_batch *in, struct weir_batch *out)
{
    struct window_table_function *op = (struct window_table_function *)base;
    (void)input;
    return op->window.kind == OPS_WINDOW_SESSION ? buffer_rows(op, in) : emit_pass(op, in, out);
}

static enum weir_operator_result watermark(
    struct weir_operator *base, int64_t watermark_ms, struct weir_batch *out, int64_t *forward_ms)
{
    struct window_table_function *op = (struct window_table_function *)base;
    (void)forward_ms;
    if (op->window.kind != OPS_WINDOW_SESSION || op->window.processing_time) return WEIR_OPERATOR_NEED_INPUT;
    return fire(op, watermark_ms, out);
}

static enum weir_operator_result timer(struct weir_operator *base, int64_t now, struct weir_batch *out)
{
    struct window_table_function *op = (struct window_table_function *)base;
    return op->window.kind == OPS_WINDOW_SESSION ? fire(op, now - 1, out) : WEIR_OPERATOR_NEED_INPUT;
}

const struct weir_operator_ops weir_window_table_function_operator_ops = { .name = "window_table_function",
    .create = create,
    .process = process,
    .watermark = watermark,
    .timer = timer,
    .close = close_function };
