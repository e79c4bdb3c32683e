/*
 * Interval join of two insert-only inputs: rows of one key whose times lie left - right in [lower, upper].
 *
 * Each side keeps its rows per key in a tree ordered by time, so that a probe reads the matching range only.
 * A row is kept until the other side's time has passed everything it can match: left row of time t     until
 * time > t - lower     (right.time <= left.time - lower) right row of time t    until time > t + upper and
 * not kept at all when that has happened already. Outer rows that matched nothing are padded when they go.
 * Time is the watermark, or the wall clock for processing time. What is emitted may be older than the
 * watermark by the width of the interval, so the watermark is held back by it (Flink:
 * KeyedCoProcessOperatorWithWatermarkDelay).
 *
 * Expired rows are found by going through the table, at most once per half interval (inner) so that a row is
 * looked at a bounded number of times; for outer joins whenever the oldest may have expired, as padding waits
 * for it.
 */
#include "ops/join_pairs.h"

WEIR_OPERATOR(interval_join);

struct interval_key {
    struct weir_row_tree rows;
};
struct interval_row {
    struct weir_row_node node;
    weir_row_ref key;
    int64_t time_ms;
    uint64_t matched;
};

struct interval_side {
    struct ops_keys keys;
    struct weir_table *key_table, *row_table;
    size_t key_payload, row_payload;
    uint32_t *position; /* input column -> table column: the identity */
    const struct weir_vector **vectors;
    struct weir_tree_order order;
    uint32_t column_count, time_column;
    bool outer;
    int64_t keep_ms;   /* a row of time t is kept while the time is <= t + keep_ms */
    int64_t oldest_ms; /* lower bound of the times in the table; INT64_MAX when empty */
    int64_t swept_ms;  /* time of the last sweep */
};

struct interval_join {
    struct weir_operator base;
    struct interval_side sides[2];
    struct join_pairs pairs;
    int64_t lower_ms, upper_ms;
    bool processing_time;
    /* the present batch */
    bool started;
    uint32_t emit_position, emit_pair, step_pair;
    int64_t times[WEIR_BATCH_ROWS_MAX];
    bool unmatchable[WEIR_BATCH_ROWS_MAX];
    /* a sweep that emits padding */
    struct weir_table_cursor cursor;
    uint32_t sweep_side;
    bool sweeping;
    int64_t sweep_oldest_ms;
};

/* --- making --- */

static int compare_times(const void *context, const uint8_t *a, const uint8_t *b)
{
    size_t payload = *(const size_t *)context;
    int64_t x = ((const struct interval_row *)(a + payload))->time_ms,
            y = ((const struct interval_row *)(b + payload))->time_ms;
    return (x > y) - (x < y);
}

static enum weir_error_code init_side(struct interval_join *op, uint32_t input, const char *prefix)
{
    struct weir_operator_context *ctx = op->base.ctx;
    struct interval_side *side = &op->sides[input];
    uint32_t *columns, count;
    enum weir_error_code code =
        ops_spec_columns(ctx, weir_arena_format(ctx->arena, "%s_keys", prefix), input, &columns, &count);
    if (code) return code;
    ops_keys_init(&side->keys, ctx, columns, count);
    side->column_count = ctx->input_column_counts[input];
    int64_t time = weir_spec_get_integer(ctx->spec, weir_arena_format(ctx->arena, "%s_time", prefix), -1);
    side->time_column = time < 0 ? UINT32_MAX : (uint32_t)time;
    if (!op->processing_time && side->time_column >= side->column_count)
        return weir_error_set(ctx->error, WEIR_E_FORMAT,
            "interval_join: the plan names the time column %lld of %u", (long long)time, side->column_count);
    const struct weir_type **key_types = WEIR_ARENA_ARRAY(ctx->arena, const struct weir_type *, count + 1);
    for (uint32_t i = 0; i < count; i++) key_types[i] = ctx->input_types[input][columns[i]];
    side->key_table = weir_table_open(
        ctx->state, &(struct weir_table_options){ .name = weir_arena_format(ctx->arena, "%s-keys", prefix),
                        .types = key_types,
                        .key_count = count,
                        .column_count = count,
                        .payload_bytes = sizeof(struct interval_key),
                        .indexed = true });
    side->row_table = weir_table_open(
        ctx->state, &(struct weir_table_options){ .name = weir_arena_format(ctx->arena, "%s-rows", prefix),
                        .types = ctx->input_types[input],
                        .key_count = 0,
                        .column_count = side->column_count,
                        .payload_bytes = sizeof(struct interval_row),
                        .indexed = false });
    side->key_payload = weir_table_payload_offset(side->key_table);
    side->row_payload = weir_table_payload_offset(side->row_table);
    side->order = (struct weir_tree_order){ .table = side->row_table,
        .node_offset = side->row_payload + offsetof(struct interval_row, node),
        .compare = compare_times,
        .context = &side->row_payload };
    side->position = WEIR_ARENA_ARRAY(ctx->arena, uint32_t, side->column_count + 1);
    side->vectors = WEIR_ARENA_ARRAY(ctx->arena, const struct weir_vector *, side->column_count + 1);
    for (uint32_t c = 0; c < side->column_count; c++) side->position[c] = c;
    side->oldest_ms = INT64_MIN; /* unknown: a restored table may hold rows */
    side->swept_ms = INT64_MIN;
    op->pairs.views[input] = (struct join_view){ side->row_table, side->column_count, side->position };
    return WEIR_OK;
}

static enum weir_error_code create(struct weir_operator_context *ctx, struct weir_operator **ret)
{
    struct interval_join *op = WEIR_ARENA_NEW(ctx->arena, struct interval_join);
    op->base = (struct weir_operator){ &weir_interval_join_operator_ops, ctx };
    const char *type = weir_spec_get_text(ctx->spec, "type", "inner");
    bool full = strcmp(type, "full") == 0;
    if (!full && strcmp(type, "inner") != 0 && strcmp(type, "left") != 0 && strcmp(type, "right") != 0)
        return weir_error_set(
            ctx->error, WEIR_E_UNSUPPORTED, "an interval join of type %s is not implemented", type);
    op->processing_time = weir_spec_get_boolean(ctx->spec, "processing_time", false);
    op->lower_ms = weir_spec_get_integer(ctx->spec, "lower_ms", 0);
    op->upper_ms = weir_spec_get_integer(ctx->spec, "upper_ms", 0);
    enum weir_error_code code = init_side(op, 0, "left");
    if (!code) code = init_side(op, 1, "right");
    if (!code) code = join_pairs_init(&op->pairs, ctx);
    if (code) return code;
    op->sides[0].outer = full || strcmp(type, "left") == 0;
    op->sides[1].outer = full || strcmp(type, "right") == 0;
    op->sides[0].keep_ms = -op->lower_ms;
    op->sides[1].keep_ms = op->upper_ms;
    *ret = &op->base;
    return WEIR_OK;
}

static void close_interval_join(struct weir_operator *base)
{
    join_pairs_done(&((struct interval_join *)base)->pairs);
}

/* --- time --- */

static int64_t operator_time(const struct interval_join *op)
{
    return op->processing_time ? op->base.ctx->now_us(op->base.ctx->clock) / 1000
                               : op->base.ctx->watermark_ms;
}

static int64_t add_clamped(int64_t a, int64_t b)
{
    int64_t sum;
    if (__builtin_add_overflow(a, b, &sum)) return b > 0 ? INT64_MAX : INT64_MIN;
    return sum;
}

/* --- a batch --- */

static void read_batch(struct interval_join *op, uint32_t input, const struct weir_batch *in)
{
    struct interval_side *side = &op->sides[input];
    uint32_t n = weir_batch_selected(in);
    int64_t now_ms = op->processing_time ? operator_time(op) : 0;
    ops_keys_read(&side->keys, op->base.ctx, in);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = weir_batch_row(in, i);
        op->times[i] = op->processing_time ? now_ms : ops_time_ms(&in->columns[side->time_column], row);
        op->unmatchable[i] = op->times[i] == INT64_MIN || op->lower_ms > op->upper_ms;
        for (uint32_t k = 0; k < side->keys.count; k++)
            op->unmatchable[i] |= weir_vector_is_null(side->keys.vectors[k], row);
    }
    for (uint32_t c = 0; c < side->column_count; c++) side->vectors[c] = &in->columns[c];
}

struct time_probe {
    size_t payload;
    int64_t from_ms;
};
static int probe_time(const void *context, const uint8_t *row)
{
    const struct time_probe *probe = context;
    return ((const struct interval_row *)(row + probe->payload))->time_ms >= probe->from_ms ? 1 : -1;
}

/* Stored rows of the other side whose time lies in the interval of each row. */
static enum weir_error_code find_pairs(struct interval_join *op, uint32_t input, const struct weir_batch *in)
{
    struct interval_side *side = &op->sides[input], *other = &op->sides[1 - input];
    uint32_t n = weir_batch_selected(in);
    const uint8_t *keys[WEIR_BATCH_ROWS_MAX];
    struct weir_table_keys wanted = { .count = n,
        .rows = ops_rows(in),
        .columns = side->keys.vectors,
        .hashes = side->keys.hashes,
        .key_groups = side->keys.groups };
    weir_table_find(other->key_table, &wanted, keys, NULL);
    op->pairs.count = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (!keys[i] || op->unmatchable[i]) continue;
        int64_t from_ms =
            input == 0 ? add_clamped(op->times[i], -op->upper_ms) : add_clamped(op->times[i], op->lower_ms);
        int64_t to_ms =
            input == 0 ? add_clamped(op->times[i], -op->lower_ms) : add_clamped(op->times[i], op->upper_ms);
        struct time_probe probe = { other->row_payload, from_ms };
        const struct weir_row_tree *tree =
            &((const struct interval_key *)(keys[i] + other->key_payload))->rows;
        for (weir_row_ref at = weir_row_tree_lower_bound(&other->order, tree, probe_time, &probe); at;
             at = weir_row_tree_next(&other->order, at)) {
            const uint8_t *row = weir_table_read(other->row_table, at);
            if (((const struct interval_row *)(row + other->row_payload))->time_ms > to_ms) break;
            join_push_pair(&op->pairs, i, at, row);
        }
    }
    return op->pairs.condition && op->pairs.count ? join_filter_pairs(&op->pairs, input, in, 0) : WEIR_OK;
}

static enum weir_error_code keep_row(
    struct interval_join *op, uint32_t input, const struct weir_batch *in, uint32_t i, bool matched)
{
    struct interval_side *side = &op->sides[input];
    uint16_t at = (uint16_t)weir_batch_row(in, i);
    struct weir_table_keys keys = { .count = 1,
        .rows = &at,
        .columns = side->keys.vectors,
        .hashes = &side->keys.hashes[i],
        .key_groups = &side->keys.groups[i] };
    uint8_t *key_row;
    weir_row_ref key_ref, ref;
    enum weir_error_code code =
        weir_table_upsert(side->key_table, &keys, &key_row, &key_ref, NULL, op->base.ctx->error);
    if (code) return code;
    uint8_t *row = weir_table_insert(side->row_table, side->keys.groups[i], side->keys.hashes[i], &ref);
    weir_table_columns_store(side->row_table, &row, 1, 0, side->column_count, side->vectors, &at);
    struct interval_row *payload = (struct interval_row *)(row + side->row_payload);
    payload->key = key_ref;
    payload->time_ms = op->times[i];
    payload->matched = matched;
    weir_row_tree_insert(&side->order, &((struct interval_key *)(key_row + side->key_payload))->rows, ref);
    side->oldest_ms = WEIR_MIN(side->oldest_ms, op->times[i]);
    return WEIR_OK;
}

static void mark_matched(struct interval_side *side, weir_row_ref ref)
{
    const struct interval_row *payload =
        (const struct interval_row *)(weir_table_read(side->row_table, ref) + side->row_payload);
    if (payload->matched) return;
    ((struct interval_row *)(weir_table_write(side->row_table, ref) + side->row_payload))->matched = 1;
}

static void plan_timer(struct interval_join *op)
{
    if (!op->processing_time) return;
    int64_t at_ms = INT64_MAX;
    for (uint32_t i = 0; i < 2; i++) {
        int64_t oldest_ms = op->sides[i].oldest_ms == INT64_MIN ? operator_time(op) : op->sides[i].oldest_ms;
        if (weir_table_rows(op->sides[i].row_table) > 0)
            at_ms = WEIR_MIN(at_ms, add_clamped(add_clamped(oldest_ms, op->sides[i].keep_ms), 1));
    }
    op->base.ctx->set_timer(op->base.ctx, at_ms);
}

static enum weir_operator_result process(
    struct weir_operator *base, uint32_t input, const struct weir_batch *in, struct weir_batch *out)
{
    struct interval_join *op = (struct interval_join *)base;
    struct interval_side *side = &op->sides[input], *other = &op->sides[1 - input];
    if (!op->started) {
        read_batch(op, input, in);
        if (find_pairs(op, input, in)) return WEIR_OPERATOR_FAILED;
        op->started = true;
        op->emit_position = op->emit_pair = op->step_pair = 0;
    }
    int64_t time_ms = operator_time(op);
    for (; op->emit_position < weir_batch_selected(in); op->emit_position++) {
        uint32_t i = op->emit_position;
        uint16_t row = (uint16_t)weir_batch_row(in, i);
        for (; op->step_pair < op->pairs.count && op->pairs.items[op->step_pair].position == i;
             op->step_pair++) {
            if (op->pairs.out_count == WEIR_BATCH_ROWS_MAX) goto full;
            weir_row_ref stored = op->pairs.items[op->step_pair].other;
            join_put(&op->pairs, WEIR_ROW_INSERT, row, weir_table_read(other->row_table, stored));
            if (other->outer) mark_matched(other, stored);
        }
        bool matched = op->step_pair > op->emit_pair;
        bool keep = !op->unmatchable[i] && time_ms < add_clamped(op->times[i], side->keep_ms);
        if (!keep && !matched && side->outer) {
            if (op->pairs.out_count == WEIR_BATCH_ROWS_MAX) goto full;
            join_put(&op->pairs, WEIR_ROW_INSERT, row, NULL);
        }
        if (keep && keep_row(op, input, in, i, matched)) return WEIR_OPERATOR_FAILED;
        op->emit_pair = op->step_pair;
    }
    join_flush(&op->pairs, input, in, out);
    op->started = false;
    plan_timer(op);
    return WEIR_OPERATOR_NEED_INPUT;
full:
    join_flush(&op->pairs, input, in, out);
    return WEIR_OPERATOR_HAVE_MORE;
}

/* --- expiry --- */

static bool sweep_is_due(const struct interval_join *op, const struct interval_side *side, int64_t time_ms)
{
    if (weir_table_rows(side->row_table) == 0 || time_ms == INT64_MIN) return false;
    if (side->oldest_ms != INT64_MIN && time_ms <= add_clamped(side->oldest_ms, side->keep_ms)) return false;
    if (side->outer || time_ms == INT64_MAX || side->swept_ms == INT64_MIN) return true;
    return time_ms >= add_clamped(side->swept_ms, (op->upper_ms - op->lower_ms) / 2);
}

static void forget_row(struct interval_side *side, weir_row_ref ref, const struct interval_row *payload)
{
    weir_row_ref key_ref = payload->key;
    struct interval_key *key =
        (struct interval_key *)(weir_table_write(side->key_table, key_ref) + side->key_payload);
    weir_row_tree_remove(&side->order, &key->rows, ref);
    bool empty = key->rows.root == WEIR_ROW_NONE;
    weir_table_delete(side->row_table, ref);
    if (empty) weir_table_delete(side->key_table, key_ref);
}

/* Goes on with a sweep; true: the output is full, or holds what it found. */
static bool sweep(struct interval_join *op, int64_t time_ms, struct weir_batch *out)
{
    for (; op->sweep_side < 2; op->sweep_side++, op->sweeping = false) {
        struct interval_side *side = &op->sides[op->sweep_side];
        if (!op->sweeping) {
            if (!sweep_is_due(op, side, time_ms)) continue;
            op->sweeping = true;
            op->cursor = (struct weir_table_cursor){ 0 };
            op->sweep_oldest_ms = INT64_MAX;
        }
        const uint8_t *rows[WEIR_BATCH_ROWS_MAX];
        weir_row_ref refs[WEIR_BATCH_ROWS_MAX], expired[WEIR_BATCH_ROWS_MAX];
        for (uint32_t n;
             (n = weir_table_scan(side->row_table, &op->cursor, rows, refs, WEIR_BATCH_ROWS_MAX)) > 0;) {
            uint32_t expired_count = 0;
            for (uint32_t i = 0; i < n; i++) {
                const struct interval_row *payload =
                    (const struct interval_row *)(rows[i] + side->row_payload);
                if (time_ms <= add_clamped(payload->time_ms, side->keep_ms) && time_ms != INT64_MAX) {
                    op->sweep_oldest_ms = WEIR_MIN(op->sweep_oldest_ms, payload->time_ms);
                    continue;
                }
                if (side->outer && !payload->matched)
                    join_put(&op->pairs, WEIR_ROW_INSERT, JOIN_NO_ROW, rows[i]);
                expired[expired_count++] = refs[i];
            }
            bool found = op->pairs.out_count > 0;
            join_flush(&op->pairs, 1 - op->sweep_side, NULL, out); /* before the rows' strings go */
            for (uint32_t i = 0; i < expired_count; i++)
                forget_row(side, expired[i],
                    (const struct interval_row *)(weir_table_read(side->row_table, expired[i]) +
                                                  side->row_payload));
            if (found) return true;
        }
        side->oldest_ms = op->sweep_oldest_ms;
        side->swept_ms = time_ms;
    }
    op->sweep_side = 0;
    return false;
}

static enum weir_operator_result watermark(
    struct weir_operator *base, int64_t watermark_ms, struct weir_batch *out, int64_t *forward_ms)
{
    struct interval_join *op = (struct interval_join *)base;
    if (watermark_ms != INT64_MAX) {
        int64_t delay_ms = WEIR_MAX(WEIR_MAX(op->sides[0].keep_ms, op->sides[1].keep_ms), (int64_t)0);
        if (!op->processing_time) *forward_ms = add_clamped(watermark_ms, -delay_ms);
    }
    if (op->processing_time && watermark_ms != INT64_MAX) return WEIR_OPERATOR_NEED_INPUT;
    return sweep(op, watermark_ms, out) ? WEIR_OPERATOR_HAVE_MORE : WEIR_OPERATOR_NEED_INPUT;
}

static enum weir_operator_result timer(struct weir_operator *base, int64_t now_ms, struct weir_batch *out)
{
    struct interval_join *op = (struct interval_join *)base;
    if (sweep(op, now_ms, out)) return WEIR_OPERATOR_HAVE_MORE;
    plan_timer(op);
    return WEIR_OPERATOR_NEED_INPUT;
}

const struct weir_operator_ops weir_interval_join_operator_ops = { .name = "interval_join",
    .create = create,
    .process = process,
    .watermark = watermark,
    .timer = timer,
    .close = close_interval_join };
