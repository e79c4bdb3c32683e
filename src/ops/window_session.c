/*
 * Aggregation by SESSION windows: per key a list of open sessions (nearly always one), each a row with its
 * accumulators. A row at t is the session [t, t + gap]; sessions that overlap or touch are one. Ends are
 * found by a heap of (end, session) that is looked at lazily: a session that was extended or merged meanwhile
 * is put back or skipped when its entry comes up, so that a row costs no heap operation.
 */
#include "ops/rows.h"
#include "ops/window_aggregate.h"

struct session {
    struct weir_row_link link;
    int64_t start, end; /* window time */
    weir_row_ref key;
};

struct ops_session {
    struct weir_table *keys, *sessions;
    size_t key_payload, session_offset; /* from the row's start */
    struct ops_heap heap;
    bool heap_built;  /* after a restore it is made from the table */
    uint32_t pending; /* rows assigned and not yet accumulated: op->rows, refs, at, retracts */
};

static int64_t now_ms(const struct weir_operator_context *ctx)
{
    return ctx->now_us(ctx->clock) / 1000;
}

static struct session *session_of(const struct ops_session *s, const uint8_t *row)
{
    return (struct session *)(row + s->session_offset);
}

static void build_heap(struct window_aggregate *op)
{
    struct ops_session *s = op->session;
    if (s->heap_built) return;
    s->heap_built = true;
    const uint8_t *rows[256];
    weir_row_ref refs[256];
    struct weir_table_cursor cursor = { 0 };
    for (uint32_t n; (n = weir_table_scan(s->sessions, &cursor, rows, refs, 256)) > 0;) {
        for (uint32_t i = 0; i < n; i++) ops_heap_push(&s->heap, session_of(s, rows[i])->end, refs[i]);
    }
}

/* --- making --- */

enum weir_error_code ops_session_create(struct window_aggregate *op)
{
    struct weir_operator_context *ctx = op->base.ctx;
    struct ops_session *s = op->session = WEIR_ARENA_NEW(ctx->arena, struct ops_session);
    s->keys = weir_table_open(ctx->state, &(struct weir_table_options){ .name = "session_keys",
                                              .types = op->set.types,
                                              .key_count = op->key_count,
                                              .column_count = op->key_count,
                                              .payload_bytes = sizeof(struct weir_row_list),
                                              .indexed = true });
    s->sessions = weir_table_open(
        ctx->state, &(struct weir_table_options){ .name = "sessions",
                        .types = op->set.types,
                        .key_count = op->key_count,
                        .column_count = op->set.column_count,
                        .payload_bytes = op->set.payload_bytes + (uint32_t)sizeof(struct session),
                        .meaning = ops_aggregates_meaning(&op->set) });
    s->heap.memory = ctx->memory;
    s->key_payload = weir_table_payload_offset(s->keys);
    op->payload = weir_table_payload_offset(s->sessions);
    s->session_offset = op->payload + op->set.payload_bytes;
    op->table = s->sessions;
    ops_aggregates_attach(&op->set, s->sessions);
    return WEIR_OK;
}

void ops_session_close(struct window_aggregate *op)
{
    ops_heap_done(&op->session->heap);
}

/* --- rows in --- */

static enum weir_error_code flush_pending(struct window_aggregate *op, const struct weir_batch *in)
{
    struct ops_aggregate_rows rows = { .count = op->session->pending,
        .rows = op->rows,
        .refs = op->refs,
        .at = op->at,
        .retract = op->retract ? op->retracts : NULL,
        .batch = in };
    op->session->pending = 0;
    return rows.count ? ops_aggregates_accumulate(&op->set, &rows, op->base.ctx->error) : WEIR_OK;
}

static struct weir_row_list *list_of(struct window_aggregate *op, weir_row_ref key)
{
    return (struct weir_row_list *)(weir_table_write(op->session->keys, key) + op->session->key_payload);
}

static void delete_session(struct window_aggregate *op, weir_row_ref ref)
{
    struct ops_session *s = op->session;
    uint8_t *row = weir_table_write(s->sessions, ref);
    weir_row_ref key = session_of(s, row)->key;
    weir_row_list_remove(s->sessions, s->session_offset, list_of(op, key), ref);
    ops_aggregates_clear(&op->set, row, ref);
    weir_table_delete(s->sessions, ref);
}

/* The session of the key that takes [start, end]; others that it now touches are merged into it. 0: late. */
static enum weir_error_code find_session(struct window_aggregate *op, const struct weir_batch *in,
    weir_row_ref key, uint32_t position, int64_t start, weir_row_ref *ret)
{
    struct ops_session *s = op->session;
    struct weir_operator_context *ctx = op->base.ctx;
    int64_t end = start + op->window.gap_ms;
    weir_row_ref found = 0;
    for (weir_row_ref at = list_of(op, key)->first, next; at; at = next) {
        const uint8_t *row = weir_table_read(s->sessions, at);
        const struct session *session = session_of(s, row);
        next = session->link.next;
        if (session->start > end || session->end < start) continue;
        if (!found) {
            found = at;
        } else {
            enum weir_error_code code = flush_pending(op, in);
            if (code) return code;
            uint8_t *into = weir_table_write(s->sessions, found);
            struct ops_group *group = (struct ops_group *)(into + op->payload);
            row = weir_table_read(s->sessions, at);
            group->count += ((const struct ops_group *)(row + op->payload))->count;
            ops_aggregates_merge(&op->set, s->sessions, into, found, s->sessions, row, at);
            struct session *merged = session_of(s, into);
            merged->start = WEIR_MIN(merged->start, session_of(s, row)->start);
            merged->end = WEIR_MAX(merged->end, session_of(s, row)->end);
            delete_session(op, at);
        }
        struct session *grown = session_of(s, weir_table_write(s->sessions, found));
        grown->start = WEIR_MIN(grown->start, start);
        grown->end = WEIR_MAX(grown->end, end);
        start = grown->start;
        end = grown->end;
    }
    *ret = found;
    if (found) return WEIR_OK;
    int64_t past = ops_past_watermark(&op->past, ctx, weir_row_key_group(key));
    if (!op->window.processing_time && !ctx->bounded && past != INT64_MIN &&
        ops_window_utc_ms(&op->window, end - 1) <= past) {
        ctx->metrics->late_records_dropped++;
        return WEIR_OK;
    }
    uint8_t *row =
        weir_table_insert(s->sessions, op->keys.groups[position], op->keys.hashes[position], &found);
    for (uint32_t c = 0; c < op->key_count; c++) {
        weir_table_column_store(s->sessions, row, c, op->keys.vectors[c], weir_batch_row(in, position));
    }
    *session_of(s, row) = (struct session){ .start = start, .end = end, .key = key };
    weir_row_list_append(s->sessions, s->session_offset, list_of(op, key), found);
    ops_heap_push(&s->heap, end, found);
    *ret = found;
    return WEIR_OK;
}

static void set_timer(struct window_aggregate *op)
{
    if (!op->window.processing_time) return;
    struct ops_session *s = op->session;
    op->base.ctx->set_timer(
        op->base.ctx, s->heap.count ? ops_window_utc_ms(&op->window, s->heap.entries[0].time) : INT64_MAX);
}

enum weir_operator_result ops_session_process(struct window_aggregate *op, const struct weir_batch *in)
{
    struct ops_session *s = op->session;
    struct weir_operator_context *ctx = op->base.ctx;
    build_heap(op);
    uint32_t n = weir_batch_selected(in);
    int64_t now = op->window.processing_time ? now_ms(ctx) : 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = weir_batch_row(in, i);
        int64_t ms = ops_window_row_ms(&op->window, in, row, now);
        if (ms == INT64_MIN) {
            ctx->metrics->null_records_dropped++;
            continue;
        }
        uint16_t at = (uint16_t)row;
        struct weir_table_keys keys = { .count = 1,
            .rows = &at,
            .columns = op->keys.vectors,
            .hashes = op->keys.hashes + i,
            .key_groups = op->keys.groups + i };
        uint8_t *key_row;
        weir_row_ref key, session;
        if (weir_table_upsert(s->keys, &keys, &key_row, &key, NULL, ctx->error)) return WEIR_OPERATOR_FAILED;
        if (find_session(op, in, key, i, ms, &session)) return WEIR_OPERATOR_FAILED;
        if (!session) {
            if (list_of(op, key)->count == 0) weir_table_delete(s->keys, key);
            continue;
        }
        uint8_t *session_row = weir_table_write(s->sessions, session);
        bool retract = !weir_row_kind_is_add(weir_batch_kind(in, row));
        ((struct ops_group *)(session_row + op->payload))->count += retract ? -1 : 1;
        op->rows[s->pending] = session_row;
        op->refs[s->pending] = session;
        op->at[s->pending] = at;
        op->retracts[s->pending++] = retract;
    }
    if (flush_pending(op, in)) return WEIR_OPERATOR_FAILED;
    set_timer(op);
    return WEIR_OPERATOR_NEED_INPUT;
}

/* --- firing --- */

enum weir_operator_result ops_session_fire(
    struct window_aggregate *op, int64_t time_ms, struct weir_batch *out)
{
    struct ops_session *s = op->session;
    build_heap(op);
    while (s->heap.count) {
        if (time_ms != INT64_MAX && ops_window_utc_ms(&op->window, s->heap.entries[0].time - 1) > time_ms)
            break;
        if (ops_room(out) == 0) return WEIR_OPERATOR_HAVE_MORE;
        struct ops_heap_entry entry = ops_heap_pop(&s->heap);
        if (!weir_table_is_live(s->sessions, entry.row)) continue;
        const uint8_t *row = weir_table_read(s->sessions, entry.row);
        struct session session = *session_of(s, row);
        if (session.end != entry.time) {
            ops_heap_push(&s->heap, session.end, entry.row);
            continue;
        }
        bool empty = op->retract && ((const struct ops_group *)(row + op->payload))->count == 0;
        if (!empty) ops_window_emit(op, s->sessions, &row, &entry.row, 1, &session.start, &session.end, out);
        delete_session(op, entry.row);
        if (list_of(op, session.key)->count == 0) weir_table_delete(s->keys, session.key);
    }
    set_timer(op);
    return WEIR_OPERATOR_NEED_INPUT;
}
