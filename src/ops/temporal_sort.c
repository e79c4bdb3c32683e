/*
 * ORDER BY a time attribute (ascending) and further columns in a stream: rows wait for the watermark and come
 * out sorted. Rows that are not above the last watermark are dropped. Runs as one subtask: all rows lie in
 * one key group. By processing time rows are in order as they come; they are sorted by the further columns
 * within a batch that came at once.
 */
#include "ops/rows.h"

WEIR_OPERATOR(temporal_sort);

struct root { /* payload of the only row of the table that holds the tree */
    struct weir_row_tree tree;
};

struct temporal_sort {
    struct weir_operator base;
    struct weir_table *roots;
    struct ops_row_table rows; /* payload: struct weir_row_node */
    struct ops_keys keys;
    struct ops_mixer mixer;
    struct weir_tree_order tree_order;
    struct ops_sort_key *order; /* the row time first */
    uint32_t order_count;
    int32_t rowtime;
    int64_t done_ms; /* time of the newest row that is out: what is not above it is late */
    struct weir_vector time;
};

static int compare_rows(const void *context, const uint8_t *a, const uint8_t *b)
{
    const struct temporal_sort *op = context;
    return ops_row_table_compare(&op->rows, op->order, op->order_count, a, b);
}

static enum weir_error_code create(struct weir_operator_context *ctx, struct weir_operator **ret)
{
    struct temporal_sort *op = WEIR_ARENA_NEW(ctx->arena, struct temporal_sort);
    op->base = (struct weir_operator){ &weir_temporal_sort_operator_ops, ctx };
    op->rowtime = (int32_t)weir_spec_get_integer(ctx->spec, "rowtime", -1);
    op->done_ms = INT64_MIN;
    struct ops_sort_key *further;
    uint32_t count;
    enum weir_error_code code = ops_spec_order(ctx, "order", &further, &count);
    if (code) return code;
    if (op->rowtime >= (int32_t)ctx->input_column_counts[0]) {
        return weir_error_set(ctx->error, WEIR_E_FORMAT, "%s: the plan's rowtime column %d does not exist",
            ctx->task_name, op->rowtime);
    }
    op->order = WEIR_ARENA_ARRAY(ctx->arena, struct ops_sort_key, count + 1);
    if (op->rowtime >= 0)
        op->order[op->order_count++] =
            (struct ops_sort_key){ .column = (uint32_t)op->rowtime, .nulls_first = true };
    for (uint32_t i = 0; i < count; i++) op->order[op->order_count++] = further[i];
    op->roots = weir_table_open(
        ctx->state, &(struct weir_table_options){
                        .name = "roots", .payload_bytes = sizeof(struct root), .indexed = true });
    ops_row_table_init(&op->rows, ctx,
        &(struct ops_row_table_options){ .name = "rows", .payload_bytes = sizeof(struct weir_row_node) });
    ops_mixer_init(&op->mixer, ctx, &op->rows, false);
    op->tree_order = (struct weir_tree_order){
        .table = op->rows.table, .node_offset = op->rows.payload, .compare = compare_rows, .context = op
    };
    ops_keys_init(&op->keys, ctx, NULL, 0);
    if (op->rowtime >= 0) weir_vector_init(&op->time, ctx->input_types[0][op->rowtime], 1, ctx->arena);
    *ret = &op->base;
    return WEIR_OK;
}

static void close_sort(struct weir_operator *base)
{
    ops_mixer_done(&((struct temporal_sort *)base)->mixer);
}

static struct root *root_of(struct temporal_sort *op)
{
    uint64_t hash = 0;
    uint8_t *row;
    struct weir_table_keys keys = { .count = 1, .columns = op->keys.vectors, .hashes = &hash };
    if (weir_table_upsert(op->roots, &keys, &row, NULL, NULL, op->base.ctx->error)) return NULL;
    return (struct root *)(row + weir_table_payload_offset(op->roots));
}

static int64_t row_ms(struct temporal_sort *op, weir_row_ref ref)
{
    const uint8_t *row = weir_table_read(op->rows.table, ref);
    op->time.validity = NULL;
    weir_table_column_load(
        op->rows.table, &row, 1, op->rows.place[op->rowtime], &op->time, 0, op->base.ctx->arena, NULL);
    return ops_time_ms(&op->time, 0);
}

/* Emits the rows up to limit_ms, as far as there is room. */
static enum weir_operator_result drain(struct temporal_sort *op, int64_t limit_ms, struct weir_batch *out)
{
    struct root *root = root_of(op);
    if (!root) return WEIR_OPERATOR_FAILED;
    weir_row_ref refs[WEIR_BATCH_ROWS_MAX];
    uint32_t n = 0;
    weir_row_ref ref = weir_row_tree_first(&op->tree_order, &root->tree);
    for (; ref && n < ops_room(out) &&
           (op->rowtime < 0 || limit_ms == INT64_MAX || row_ms(op, ref) <= limit_ms);
         n++) {
        refs[n] = ref;
        int64_t ms = op->rowtime >= 0 ? row_ms(op, ref) : INT64_MIN;
        op->done_ms = WEIR_MAX(op->done_ms, ms);
        ops_mixer_put_state(&op->mixer, WEIR_ROW_INSERT, weir_table_read(op->rows.table, ref), 0);
        ref = weir_row_tree_next(&op->tree_order, ref);
    }
    bool more = ref && n == ops_room(out);
    ops_mixer_flush(&op->mixer, NULL, out);
    for (uint32_t i = 0; i < n; i++) {
        weir_row_tree_remove(&op->tree_order, &root->tree, refs[i]);
        weir_table_delete(op->rows.table, refs[i]);
    }
    return more ? WEIR_OPERATOR_HAVE_MORE : WEIR_OPERATOR_NEED_INPUT;
}

static enum weir_operator_result process(
    struct weir_operator *base, uint32_t input, const struct weir_batch *in, struct weir_batch *out)
{
    struct temporal_sort *op = (struct temporal_sort *)base;
    (void)input;
    if (op->order_count == 0) {
        weir_batch_reference(out, in);
        return WEIR_OPERATOR_NEED_INPUT;
    }
    struct root *root = root_of(op);
    if (!root) return WEIR_OPERATOR_FAILED;
    if (op->rowtime < 0 && root->tree.count) return drain(op, INT64_MAX, out); /* the rest of this batch */
    uint32_t group = weir_key_group_of(0, base->ctx->max_parallelism);
    for (uint32_t i = 0, n = weir_batch_selected(in); i < n; i++) {
        uint32_t at = weir_batch_row(in, i);
        if (op->rowtime >= 0 && !base->ctx->bounded) {
            int64_t ms = ops_time_ms(&in->columns[op->rowtime], at);
            if (ms != INT64_MIN && op->done_ms != INT64_MIN && ms <= op->done_ms) {
                base->ctx->metrics->late_records_dropped++;
                continue;
            }
        }
        weir_row_ref ref;
        uint8_t *row = weir_table_insert(op->rows.table, group, 0, &ref);
        ops_row_table_store(&op->rows, row, in, at, true);
        weir_row_tree_insert(&op->tree_order, &root->tree, ref);
    }
    return op->rowtime < 0 ? drain(op, INT64_MAX, out) : WEIR_OPERATOR_NEED_INPUT;
}

static enum weir_operator_result watermark(
    struct weir_operator *base, int64_t watermark_ms, struct weir_batch *out, int64_t *forward_ms)
{
    struct temporal_sort *op = (struct temporal_sort *)base;
    (void)forward_ms;
    if (op->rowtime < 0) return WEIR_OPERATOR_NEED_INPUT;
    return drain(op, watermark_ms, out);
}

static enum weir_error_code snapshot(
    struct weir_operator *base, uint64_t checkpoint_id, struct weir_buffer *to, struct weir_error *reterr)
{
    (void)checkpoint_id;
    (void)reterr;
    weir_buffer_append_u64(to, (uint64_t)((struct temporal_sort *)base)->done_ms);
    return WEIR_OK;
}

static enum weir_error_code restore(struct weir_operator *base, const struct weir_operator_blob *blobs,
    uint32_t count, struct weir_error *reterr)
{
    (void)reterr;
    for (uint32_t b = 0; b < count; b++) {
        struct weir_reader reader = { .data = blobs[b].bytes, .length = blobs[b].length };
        if (blobs[b].length < 8) continue;
        struct temporal_sort *op = (struct temporal_sort *)base;
        int64_t done_ms = (int64_t)weir_reader_u64(&reader);
        op->done_ms = WEIR_MAX(op->done_ms, done_ms);
    }
    return WEIR_OK;
}

const struct weir_operator_ops weir_temporal_sort_operator_ops = { .name = "temporal_sort",
    .create = create,
    .process = process,
    .watermark = watermark,
    .snapshot = snapshot,
    .restore = restore,
    .close = close_sort };
