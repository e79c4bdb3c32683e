/*
 * Top-N per partition and its relatives: rank (ROW_NUMBER() <= N), sort_limit (one partition), limit over
 * changelogs (one partition, order of arrival) and sort (all rows, at the end of input).
 *
 * A partition's rows hang on a tree ordered by the sort keys, ties by arrival. "append" and "update" keep the
 * first `end` rows, "retract" keeps all. What the consumer sees are the ranks start..end: with numbers (or an
 * offset) every shifted row is an update, without numbers only the row that leaves and the row that comes.
 *
 * With `window_end` (partitions of a window) nothing is emitted before the window closes: then its rows come
 * out once, as +I, and the partition goes. Rows of a window that has closed are late.
 */
#include "ops/rank.h"
#include "ops/rows.h"
#include "ops/window.h"

WEIR_OPERATOR(rank);
WEIR_OPERATOR(sort_limit);
WEIR_OPERATOR(sort);

static const struct weir_operator_ops limited_ops; /* of limit over a changelog */

enum strategy { STRATEGY_APPEND, STRATEGY_UPDATE, STRATEGY_RETRACT };
enum function { FUNCTION_ROW_NUMBER, FUNCTION_RANK, FUNCTION_DENSE_RANK };
enum { SWEEP_ROWS = 64 };

struct partition { /* payload of a partition's row */
    struct weir_row_tree tree;
    int64_t end;        /* from a column; 0: not known yet */
    int64_t window_end; /* in window time; 0: not known yet */
};
struct member { /* payload of a row */
    struct weir_row_node node;
    weir_row_ref partition;
};

struct rank {
    struct weir_operator base;
    struct weir_table *partitions;
    struct ops_row_table rows;
    struct ops_keys keys, unique;
    struct ops_sort_key *order;
    uint32_t order_count;
    struct weir_tree_order tree_order;
    int64_t start, end;
    int32_t end_column;
    int32_t window_end; /* column, -1: not windowed */
    struct ops_window window;
    struct ops_heap heap; /* (window end, partition) */
    struct ops_past past;
    bool heap_built;
    bool with_rank, shifts; /* shifts: rows that change their rank are updates */
    bool emit_update_before;
    enum strategy strategy;
    enum function function;
    int64_t ttl_ms;
    struct ops_mixer mixer;
    /* of the present input batch */
    uint32_t position;
    uint8_t **partition_rows;
    weir_row_ref *partition_refs;
    /* a shift that did not fit in one output: it goes on at rank shift_at */
    bool shifting;
    int64_t shift_at, shift_end;
    /* of the end of input in batch mode */
    struct weir_table_cursor cursor;
    weir_row_ref ending, ending_row;
    int64_t ending_number, ending_rank, ending_dense;
};

static struct partition *partition_of(const struct rank *op, const uint8_t *row)
{
    return (struct partition *)(row + weir_table_payload_offset(op->partitions));
}

static int compare_rows(const void *context, const uint8_t *a, const uint8_t *b)
{
    const struct rank *op = context;
    return ops_row_table_compare(&op->rows, op->order, op->order_count, a, b);
}

/* --- making --- */

static enum weir_error_code create_common(
    struct weir_operator_context *ctx, const struct weir_operator_ops *ops, struct rank **ret)
{
    struct rank *op = WEIR_ARENA_NEW(ctx->arena, struct rank);
    op->base = (struct weir_operator){ ops, ctx };
    op->end_column = op->window_end = -1;
    op->heap.memory = ctx->memory;
    op->start = 1;
    op->end = INT64_MAX;
    op->emit_update_before = weir_spec_get_boolean(ctx->spec, "emit_ub", false);
    op->ttl_ms = ctx->bounded ? 0 : weir_spec_get_integer(ctx->spec, "ttl_ms", 0);
    const char *strategy = weir_spec_get_text(ctx->spec, "strategy", "retract");
    op->strategy = strcmp(strategy, "append") == 0   ? STRATEGY_APPEND
                   : strcmp(strategy, "update") == 0 ? STRATEGY_UPDATE
                                                     : STRATEGY_RETRACT;
    *ret = op;
    return ops_spec_order(ctx, "order", &op->order, &op->order_count);
}

static enum weir_error_code open_tables(struct rank *op)
{
    struct weir_operator_context *ctx = op->base.ctx;
    uint32_t *keys, *unique, key_count, unique_count;
    enum weir_error_code code = ops_spec_columns(ctx, "partition", 0, &keys, &key_count);
    if (!code) code = ops_spec_columns(ctx, "unique_key", 0, &unique, &unique_count);
    if (code) return code;
    const struct weir_type **types = WEIR_ARENA_ARRAY(ctx->arena, const struct weir_type *, key_count + 1);
    for (uint32_t i = 0; i < key_count; i++) types[i] = ctx->input_types[0][keys[i]];
    op->partitions = weir_table_open(ctx->state, &(struct weir_table_options){ .name = "partitions",
                                                     .types = types,
                                                     .key_count = key_count,
                                                     .column_count = key_count,
                                                     .payload_bytes = sizeof(struct partition),
                                                     .ttl_ms = op->ttl_ms,
                                                     .indexed = true });
    bool update = op->strategy == STRATEGY_UPDATE;
    ops_row_table_init(&op->rows, ctx,
        &(struct ops_row_table_options){ .name = "rows",
            .keys = unique,
            .key_count = update ? unique_count : 0,
            .payload_bytes = sizeof(struct member),
            .indexed = update });
    ops_keys_init(&op->keys, ctx, keys, key_count);
    ops_keys_init(&op->unique, ctx, unique, update ? unique_count : 0);
    op->tree_order = (struct weir_tree_order){ .table = op->rows.table,
        .node_offset = op->rows.payload + offsetof(struct member, node),
        .compare = compare_rows,
        .context = op };
    ops_mixer_init(&op->mixer, ctx, &op->rows, op->with_rank);
    op->partition_rows = WEIR_ARENA_ARRAY(ctx->arena, uint8_t *, WEIR_BATCH_ROWS_MAX);
    op->partition_refs = WEIR_ARENA_ARRAY(ctx->arena, weir_row_ref, WEIR_BATCH_ROWS_MAX);
    op->shifts = op->with_rank || op->start > 1;
    return WEIR_OK;
}

static enum weir_error_code finish_create(
    struct rank *op, enum weir_error_code code, struct weir_operator **ret)
{
    if (!code) code = open_tables(op);
    if (!code) *ret = &op->base;
    return code;
}

static enum weir_error_code create_rank(struct weir_operator_context *ctx, struct weir_operator **ret)
{
    struct rank *op;
    enum weir_error_code code = create_common(ctx, &weir_rank_operator_ops, &op);
    op->start = weir_spec_get_integer(ctx->spec, "start", 1);
    op->end = weir_spec_get_integer(ctx->spec, "end", INT64_MAX);
    op->end_column = (int32_t)weir_spec_get_integer(ctx->spec, "end_column", -1);
    op->with_rank = weir_spec_get_boolean(ctx->spec, "with_rank", false);
    op->window_end = (int32_t)weir_spec_get_integer(ctx->spec, "window_end", -1);
    if (weir_spec_get_boolean(ctx->spec, "local_zone", false)) op->window.zone = ctx->local_zone;
    if (op->window_end >= (int32_t)ctx->input_column_counts[0]) op->window_end = -1;
    const char *function = weir_spec_get_text(ctx->spec, "function", "row_number");
    if (strcmp(function, "rank") == 0) op->function = FUNCTION_RANK;
    if (strcmp(function, "dense_rank") == 0) op->function = FUNCTION_DENSE_RANK;
    if (!code && op->function != FUNCTION_ROW_NUMBER && !ctx->bounded) {
        code = weir_error_set(ctx->error, WEIR_E_UNSUPPORTED,
            "%s() on streaming table is not supported currently",
            op->function == FUNCTION_RANK ? "RANK" : "DENSE_RANK");
    }
    if (op->function != FUNCTION_ROW_NUMBER)
        op->strategy = STRATEGY_RETRACT; /* ties: how many rows are in cannot be said before */
    return finish_create(op, code, ret);
}

static enum weir_error_code create_limited(
    struct weir_operator_context *ctx, const struct weir_operator_ops *ops, struct weir_operator **ret)
{
    struct rank *op;
    enum weir_error_code code = create_common(ctx, ops, &op);
    int64_t offset = weir_spec_get_integer(ctx->spec, "offset", 0),
            limit = weir_spec_get_integer(ctx->spec, "limit", -1);
    op->start = WEIR_MAX(offset, 0) + 1;
    op->end = limit < 0 || limit > INT64_MAX - op->start ? INT64_MAX : op->start - 1 + limit;
    return finish_create(op, code, ret);
}

static enum weir_error_code create_sort_limit(struct weir_operator_context *ctx, struct weir_operator **ret)
{
    return create_limited(ctx, &weir_sort_limit_operator_ops, ret);
}

static enum weir_error_code create_sort(struct weir_operator_context *ctx, struct weir_operator **ret)
{
    return create_limited(ctx, &weir_sort_operator_ops, ret);
}

enum weir_error_code ops_rank_create_limited(struct weir_operator_context *ctx, struct weir_operator **ret)
{
    return create_limited(ctx, &limited_ops, ret);
}

static void close_rank(struct weir_operator *base)
{
    struct rank *op = (struct rank *)base;
    ops_mixer_done(&op->mixer);
    ops_heap_done(&op->heap);
}

/* --- rows of a partition --- */

static bool in_range(const struct rank *op, int64_t rank, int64_t end)
{
    return rank >= op->start && rank <= end;
}

static void put_input(struct rank *op, uint8_t kind, uint32_t at, int64_t rank)
{
    if (kind == WEIR_ROW_UPDATE_BEFORE && !op->emit_update_before) return;
    ops_mixer_put_input(&op->mixer, kind, at, rank);
}

static void put_state(struct rank *op, uint8_t kind, weir_row_ref ref, int64_t rank)
{
    if (kind == WEIR_ROW_UPDATE_BEFORE && !op->emit_update_before) return;
    ops_mixer_put_state(&op->mixer, kind, weir_table_read(op->rows.table, ref), rank);
}

static weir_row_ref row_at(const struct rank *op, const struct partition *partition, int64_t rank)
{
    return weir_row_tree_at(&op->tree_order, &partition->tree, (uint64_t)rank - 1);
}

static weir_row_ref insert_row(struct rank *op, struct partition *partition, weir_row_ref partition_ref,
    const struct weir_batch *in, uint32_t i, int64_t *rank)
{
    weir_row_ref ref;
    uint64_t hash = op->strategy == STRATEGY_UPDATE ? op->unique.hashes[i] : 0;
    uint8_t *row = weir_table_insert(op->rows.table, op->keys.groups[i], hash, &ref);
    ops_row_table_store(&op->rows, row, in, weir_batch_row(in, i), true);
    ((struct member *)(row + op->rows.payload))->partition = partition_ref;
    *rank = (int64_t)weir_row_tree_insert(&op->tree_order, &partition->tree, ref) + 1;
    return ref;
}

static void remove_row(struct rank *op, struct partition *partition, weir_row_ref ref)
{
    weir_row_tree_remove(&op->tree_order, &partition->tree, ref);
    weir_table_delete(op->rows.table, ref);
}

static void clear_partition(struct rank *op, uint8_t *row)
{
    struct partition *partition = partition_of(op, row);
    while (partition->tree.root) remove_row(op, partition, partition->tree.root);
    partition->end = 0;
}

static void expire(void *context, struct weir_table *table, weir_row_ref ref)
{
    struct rank *op = context;
    clear_partition(op, weir_table_write(table, ref));
    weir_table_delete(table, ref);
}

struct probe {
    const struct rank *op;
    const struct weir_batch *batch;
    uint32_t at;
};

static int probe_row(const void *context, const uint8_t *row)
{
    const struct probe *probe = context;
    return ops_row_table_compare_batch(
        &probe->op->rows, probe->op->order, probe->op->order_count, row, probe->batch, probe->at);
}

/* The first row of the partition that equals the batch row in all columns; 0: none. */
static weir_row_ref find_equal(
    struct rank *op, const struct partition *partition, const struct weir_batch *in, uint32_t at)
{
    struct probe probe = { op, in, at };
    weir_row_ref ref = weir_row_tree_lower_bound(&op->tree_order, &partition->tree, probe_row, &probe);
    for (; ref; ref = weir_row_tree_next(&op->tree_order, ref)) {
        const uint8_t *row = weir_table_read(op->rows.table, ref);
        if (probe_row(&probe, row) > 0) return 0;
        if (ops_row_table_equal(&op->rows, row, in, at)) return ref;
    }
    return 0;
}

/* --- emission --- */

/* The rows at ranks shift_at .. shift_end: each was one rank higher before (or lower, when `down` is -1).
 * Puts what there is room for; true when done. The tree is as it is after the change. */
static bool put_shifted(struct rank *op, const struct partition *partition, int64_t end, uint32_t room)
{
    weir_row_ref now = op->shift_at <= op->shift_end ? row_at(op, partition, op->shift_at) : 0;
    weir_row_ref before = op->shift_at > 1 ? row_at(op, partition, op->shift_at + 1) : 0;
    (void)before;
    for (; op->shift_at <= op->shift_end && now; op->shift_at++) {
        if (op->mixer.count + 2 > room) return false;
        weir_row_ref next = weir_row_tree_next(&op->tree_order, now);
        /* After an insertion the row that held this rank is the next one; it moved down. */
        if (in_range(op, op->shift_at, end)) {
            if (next) put_state(op, WEIR_ROW_UPDATE_BEFORE, next, op->shift_at);
            put_state(op, next ? WEIR_ROW_UPDATE_AFTER : WEIR_ROW_INSERT, now, op->shift_at);
        }
        now = next;
    }
    return true;
}

/* The same after a removal: rank r was held by the row before it (first: by `removed`, a batch row), now by
 * the row at r. */
static bool put_closed_up(struct rank *op, const struct partition *partition, const struct weir_batch *in,
    uint32_t removed, int64_t first, int64_t end, uint32_t room)
{
    int64_t last = WEIR_MIN(end, (int64_t)partition->tree.count + 1);
    for (; op->shift_at <= last; op->shift_at++) {
        if (op->mixer.count + 2 > room) return false;
        if (!in_range(op, op->shift_at, end)) continue;
        weir_row_ref now = row_at(op, partition, op->shift_at);
        weir_row_ref was = op->shift_at == first ? 0 : row_at(op, partition, op->shift_at - 1);
        uint8_t gone = now ? WEIR_ROW_UPDATE_BEFORE : WEIR_ROW_DELETE;
        if (was)
            put_state(op, gone, was, op->shift_at);
        else
            put_input(op, gone, removed, op->shift_at);
        if (now) put_state(op, WEIR_ROW_UPDATE_AFTER, now, op->shift_at);
    }
    return true;
}

/* --- one input row; false: the output is full, call again --- */

static bool add_retracting(struct rank *op, struct partition *partition, weir_row_ref partition_ref,
    const struct weir_batch *in, uint32_t i, int64_t end, uint32_t room)
{
    uint32_t at = weir_batch_row(in, i);
    if (!op->shifting) {
        int64_t rank;
        insert_row(op, partition, partition_ref, in, i, &rank);
        op->shift_at = rank;
        op->shift_end = end;
        op->shifting = true;
    }
    if (op->shifts) {
        if (!put_shifted(op, partition, end, room)) return false;
    } else if (op->shift_at <= end) {
        if ((int64_t)partition->tree.count > end)
            put_state(op, WEIR_ROW_DELETE, row_at(op, partition, end + 1), 0);
        put_input(op, WEIR_ROW_INSERT, at, 0);
    }
    op->shifting = false;
    return true;
}

static bool remove_retracting(struct rank *op, struct partition *partition, const struct weir_batch *in,
    uint32_t i, int64_t end, uint32_t room)
{
    uint32_t at = weir_batch_row(in, i);
    if (!op->shifting) {
        weir_row_ref ref = find_equal(op, partition, in, at);
        if (!ref) return true; /* lenient, as Flink */
        op->shift_end = op->shift_at =
            (int64_t)weir_row_tree_rank(&op->tree_order, &partition->tree, ref) + 1;
        remove_row(op, partition, ref);
        op->shifting = true;
    }
    if (op->shifts) {
        if (!put_closed_up(op, partition, in, at, op->shift_end, end, room)) return false;
    } else if (op->shift_at <= end) {
        put_input(op, WEIR_ROW_DELETE, at, 0);
        if ((int64_t)partition->tree.count >= end)
            put_state(op, WEIR_ROW_INSERT, row_at(op, partition, end), 0);
    }
    op->shifting = false;
    return true;
}

/* Keeps the best `end` rows only. The row that falls out is deleted after its values are out. */
static bool add_appending(struct rank *op, struct partition *partition, weir_row_ref partition_ref,
    const struct weir_batch *in, uint32_t i, int64_t end, uint32_t room, struct weir_batch *out)
{
    uint32_t at = weir_batch_row(in, i);
    if (!op->shifting) {
        if ((int64_t)partition->tree.count >= end) {
            weir_row_ref last = weir_row_tree_last(&op->tree_order, &partition->tree);
            if (!last || ops_row_table_compare_batch(&op->rows, op->order, op->order_count,
                             weir_table_read(op->rows.table, last), in, at) <= 0)
                return true;
            if (end == 1 &&
                op->start == 1) { /* the best row only: an update, not a deletion and an insertion */
                put_state(op, WEIR_ROW_UPDATE_BEFORE, last, 1);
                put_input(op, WEIR_ROW_UPDATE_AFTER, at, 1);
                ops_mixer_flush(&op->mixer, in, out);
                remove_row(op, partition, last);
                insert_row(op, partition, partition_ref, in, i, &(int64_t){ 0 });
                return true;
            }
        }
        int64_t rank;
        insert_row(op, partition, partition_ref, in, i, &rank);
        op->shift_at = rank;
        op->shift_end = end;
        op->shifting = true;
    }
    if (op->shifts) {
        if (!put_shifted(op, partition, end, room)) return false;
    } else {
        if ((int64_t)partition->tree.count > end)
            put_state(op, WEIR_ROW_DELETE, row_at(op, partition, end + 1), 0);
        put_input(op, WEIR_ROW_INSERT, at, 0);
    }
    op->shifting = false;
    if ((int64_t)partition->tree.count > end) {
        ops_mixer_flush(&op->mixer, in, out);
        remove_row(op, partition, weir_row_tree_last(&op->tree_order, &partition->tree));
    }
    return true;
}

static weir_row_ref find_unique(struct rank *op, const struct weir_batch *in, uint32_t i)
{
    uint16_t at = (uint16_t)weir_batch_row(in, i);
    struct weir_table_keys keys = { .count = 1,
        .rows = &at,
        .columns = op->unique.vectors,
        .hashes = op->unique.hashes + i,
        .key_groups = op->keys.groups + i };
    const uint8_t *row;
    weir_row_ref ref;
    weir_table_find(op->rows.table, &keys, &row, &ref);
    return ref;
}

/* The row with the same unique key changes; it only moves towards the top (or stays). Its old rank keeps the
 * shift in bounds. */
static bool update_row(struct rank *op, struct partition *partition, weir_row_ref partition_ref,
    weir_row_ref old, const struct weir_batch *in, uint32_t i, int64_t end, uint32_t room,
    struct weir_batch *out)
{
    uint32_t at = weir_batch_row(in, i);
    int64_t old_rank = (int64_t)weir_row_tree_rank(&op->tree_order, &partition->tree, old) + 1, new_rank;
    struct probe probe = { op, in, at };
    if (!op->shifts || (end == 1 && op->start == 1)) {
        if (end == 1 && probe_row(&probe, weir_table_read(op->rows.table, old)) <= 0)
            return true; /* not strictly better */
        put_state(op, WEIR_ROW_UPDATE_BEFORE, old, old_rank);
        put_input(op, WEIR_ROW_UPDATE_AFTER, at, old_rank);
        ops_mixer_flush(&op->mixer, in, out);
        remove_row(op, partition, old);
        insert_row(op, partition, partition_ref, in, i, &new_rank);
        return true;
    }
    /* What is at each rank before and after; both ends count, in case it moved down after all. */
    weir_row_ref ref = weir_row_tree_lower_bound(&op->tree_order, &partition->tree, probe_row, &probe);
    while (ref && (ref == old || probe_row(&probe, weir_table_read(op->rows.table, ref)) == 0))
        ref = weir_row_tree_next(&op->tree_order, ref);
    new_rank = ref ? (int64_t)weir_row_tree_rank(&op->tree_order, &partition->tree, ref) + 1
                   : (int64_t)partition->tree.count + 1;
    if (new_rank > old_rank) new_rank--;
    int64_t first = WEIR_MIN(old_rank, new_rank), last = WEIR_MAX(old_rank, new_rank);
    if ((uint64_t)(last - first + 1) * 2 > room) return false;
    for (int64_t rank = first; rank <= last; rank++) {
        if (!in_range(op, rank, end)) continue;
        put_state(op, WEIR_ROW_UPDATE_BEFORE, row_at(op, partition, rank), rank);
        if (rank == new_rank)
            put_input(op, WEIR_ROW_UPDATE_AFTER, at, rank);
        else
            put_state(op, WEIR_ROW_UPDATE_AFTER, row_at(op, partition, rank + (old_rank > new_rank ? -1 : 1)),
                rank);
    }
    ops_mixer_flush(&op->mixer, in, out);
    remove_row(op, partition, old);
    insert_row(op, partition, partition_ref, in, i, &new_rank);
    return true;
}

/* --- windows --- */

static void build_heap(struct rank *op)
{
    if (op->heap_built) return;
    op->heap_built = true;
    struct weir_table_cursor cursor = { 0 };
    const uint8_t *row;
    weir_row_ref ref;
    while (weir_table_scan(op->partitions, &cursor, &row, &ref, 1)) {
        if (partition_of(op, row)->window_end)
            ops_heap_push(&op->heap, partition_of(op, row)->window_end, ref);
    }
}

/* false: the row is late, or has no window. */
static bool note_window(
    struct rank *op, struct partition *partition, weir_row_ref ref, const struct weir_batch *in, uint32_t at)
{
    struct weir_operator_context *ctx = op->base.ctx;
    build_heap(op);
    int64_t end = ops_time_ms(&in->columns[op->window_end], at);
    if (end == INT64_MIN) return false;
    int64_t past = ops_past_watermark(&op->past, ctx, weir_row_key_group(ref));
    if (!ctx->bounded && past != INT64_MIN && ops_window_utc_ms(&op->window, end - 1) <= past) {
        ctx->metrics->late_records_dropped++;
        return false;
    }
    if (partition->window_end == 0) {
        partition->window_end = end;
        ops_heap_push(&op->heap, end, ref);
    }
    return true;
}

static bool handle_row(struct rank *op, const struct weir_batch *in, uint32_t i, struct weir_batch *out)
{
    uint32_t at = weir_batch_row(in, i), room = ops_room(out);
    weir_row_ref partition_ref = op->partition_refs[i];
    struct partition *partition = partition_of(op, op->partition_rows[i]);
    bool add = weir_row_kind_is_add(weir_batch_kind(in, at));
    if (op->end_column >= 0 && partition->end == 0)
        partition->end = ops_time_ms(&in->columns[op->end_column], at);
    int64_t end = op->end_column >= 0 ? partition->end : op->end;
    bool quiet = op->base.ctx->bounded || op->window_end >= 0;
    if (op->window_end >= 0 && !note_window(op, partition, partition_ref, in, at)) return true;
    if (quiet && op->strategy != STRATEGY_UPDATE) { /* nothing is emitted before the end */
        int64_t rank;
        weir_row_ref ref = add ? 0 : find_equal(op, partition, in, at);
        if (add)
            insert_row(op, partition, partition_ref, in, i, &rank);
        else if (ref)
            remove_row(op, partition, ref);
        if (op->function == FUNCTION_ROW_NUMBER && op->strategy == STRATEGY_APPEND &&
            (int64_t)partition->tree.count > end) {
            remove_row(op, partition, weir_row_tree_last(&op->tree_order, &partition->tree));
        }
        return true;
    }
    if (op->strategy == STRATEGY_RETRACT) {
        return add ? add_retracting(op, partition, partition_ref, in, i, end, room)
                   : remove_retracting(op, partition, in, i, end, room);
    }
    weir_row_ref old = op->strategy == STRATEGY_UPDATE && !op->shifting ? find_unique(op, in, i) : 0;
    if (!add) {
        if (old) remove_row(op, partition, old); /* the planner gives "update" no deletions */
        return true;
    }
    if (old && !quiet) return update_row(op, partition, partition_ref, old, in, i, end, room, out);
    if (old) remove_row(op, partition, old);
    return add_appending(op, partition, partition_ref, in, i, end, room, out);
}

static enum weir_error_code find_partitions(struct rank *op, const struct weir_batch *in)
{
    uint8_t states[WEIR_BATCH_ROWS_MAX];
    ops_keys_read(&op->keys, op->base.ctx, in);
    if (op->strategy == STRATEGY_UPDATE) ops_keys_read(&op->unique, op->base.ctx, in);
    struct weir_table_keys keys = { .count = weir_batch_selected(in),
        .rows = ops_rows(in),
        .columns = op->keys.vectors,
        .hashes = op->keys.hashes,
        .key_groups = op->keys.groups };
    enum weir_error_code code = weir_table_upsert(
        op->partitions, &keys, op->partition_rows, op->partition_refs, states, op->base.ctx->error);
    for (uint32_t i = 0; !code && op->ttl_ms && i < keys.count; i++) {
        if (states[i] == WEIR_ROW_EXPIRED) clear_partition(op, op->partition_rows[i]);
    }
    return code;
}

static void drop_empty(struct rank *op, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (!weir_table_is_live(op->partitions, op->partition_refs[i])) continue;
        if (partition_of(op, weir_table_read(op->partitions, op->partition_refs[i]))->tree.count == 0) {
            weir_table_delete(op->partitions, op->partition_refs[i]);
        }
    }
}

static enum weir_operator_result process(
    struct weir_operator *base, uint32_t input, const struct weir_batch *in, struct weir_batch *out)
{
    struct rank *op = (struct rank *)base;
    (void)input;
    uint32_t n = weir_batch_selected(in);
    if (op->position == 0 && !op->shifting) {
        weir_table_sweep(op->partitions, SWEEP_ROWS, expire, op);
        if (find_partitions(op, in)) return WEIR_OPERATOR_FAILED;
    }
    for (; op->position < n; op->position++) {
        if (ops_room(out) < 4) return WEIR_OPERATOR_HAVE_MORE;
        bool done = handle_row(op, in, op->position, out);
        ops_mixer_flush(&op->mixer, in, out);
        if (done) continue;
        if (out->row_count == 0) {
            weir_error_set(base->ctx->error, WEIR_E_UNSUPPORTED,
                "%s: an update that moves a row over more than %u ranks is not implemented",
                base->ctx->task_name, WEIR_BATCH_ROWS_MAX / 2);
            return WEIR_OPERATOR_FAILED;
        }
        return WEIR_OPERATOR_HAVE_MORE;
    }
    drop_empty(op, n);
    op->position = 0;
    return WEIR_OPERATOR_NEED_INPUT;
}

/* --- end of input in batch mode: the rows in order, partition by partition --- */

static void number_row(struct rank *op, weir_row_ref previous)
{
    op->ending_number++;
    bool tie = previous && compare_rows(op, weir_table_read(op->rows.table, previous),
                               weir_table_read(op->rows.table, op->ending_row)) == 0;
    if (tie) return;
    op->ending_rank = op->ending_number;
    op->ending_dense++;
}

static void begin_partition(struct rank *op, const uint8_t *row)
{
    op->ending_row = weir_row_tree_first(&op->tree_order, &partition_of(op, row)->tree);
    op->ending_number = op->ending_rank = op->ending_dense = 0;
    if (op->ending_row) number_row(op, 0);
}

/* The rows of the partition `ending` within the range, from ending_row on; false: out is full. */
static bool put_ranked(struct rank *op, struct weir_batch *out)
{
    const struct partition *partition = partition_of(op, weir_table_read(op->partitions, op->ending));
    int64_t end = op->end_column >= 0 ? partition->end : op->end;
    while (op->ending_row) {
        if (out->row_count + op->mixer.count == WEIR_BATCH_ROWS_MAX) {
            ops_mixer_flush(&op->mixer, NULL, out);
            return false;
        }
        int64_t rank = op->function == FUNCTION_RANK         ? op->ending_rank
                       : op->function == FUNCTION_DENSE_RANK ? op->ending_dense
                                                             : op->ending_number;
        if (rank > end) break;
        if (rank >= op->start)
            ops_mixer_put_state(
                &op->mixer, WEIR_ROW_INSERT, weir_table_read(op->rows.table, op->ending_row), rank);
        weir_row_ref previous = op->ending_row;
        op->ending_row = weir_row_tree_next(&op->tree_order, op->ending_row);
        if (op->ending_row) number_row(op, previous);
    }
    return true;
}

static enum weir_operator_result watermark(
    struct weir_operator *base, int64_t watermark_ms, struct weir_batch *out, int64_t *forward_ms)
{
    struct rank *op = (struct rank *)base;
    (void)forward_ms;
    if (op->window_end < 0 || base->ctx->bounded) return WEIR_OPERATOR_NEED_INPUT;
    build_heap(op);
    for (;;) {
        if (!op->ending) {
            if (!op->heap.count) break;
            if (watermark_ms != INT64_MAX &&
                ops_window_utc_ms(&op->window, op->heap.entries[0].time - 1) > watermark_ms)
                break;
            struct ops_heap_entry entry = ops_heap_pop(&op->heap);
            if (!weir_table_is_live(op->partitions, entry.row)) continue;
            const uint8_t *row = weir_table_read(op->partitions, entry.row);
            if (partition_of(op, row)->window_end != entry.time)
                continue; /* another partition has the slot now */
            op->ending = entry.row;
            begin_partition(op, row);
        }
        if (!put_ranked(op, out)) return WEIR_OPERATOR_HAVE_MORE;
        ops_mixer_flush(&op->mixer, NULL, out);
        clear_partition(op, weir_table_write(op->partitions, op->ending));
        weir_table_delete(op->partitions, op->ending);
        op->ending = 0;
    }
    return WEIR_OPERATOR_NEED_INPUT;
}

static enum weir_operator_result end_input(struct weir_operator *base, uint32_t input, struct weir_batch *out)
{
    struct rank *op = (struct rank *)base;
    (void)input;
    if (!base->ctx->bounded) return WEIR_OPERATOR_NEED_INPUT;
    for (;;) {
        const uint8_t *row;
        if (!op->ending) {
            if (weir_table_scan(op->partitions, &op->cursor, &row, &op->ending, 1) == 0) break;
            begin_partition(op, row);
        }
        if (!put_ranked(op, out)) return WEIR_OPERATOR_HAVE_MORE;
        op->ending = 0;
    }
    ops_mixer_flush(&op->mixer, NULL, out);
    return WEIR_OPERATOR_NEED_INPUT;
}

static enum weir_error_code snapshot(
    struct weir_operator *base, uint64_t checkpoint_id, struct weir_buffer *to, struct weir_error *reterr)
{
    struct rank *op = (struct rank *)base;
    (void)checkpoint_id;
    (void)reterr;
    if (op->window_end >= 0) ops_past_snapshot(&op->past, base->ctx, to);
    return WEIR_OK;
}

static enum weir_error_code restore(struct weir_operator *base, const struct weir_operator_blob *blobs,
    uint32_t count, struct weir_error *reterr)
{
    struct rank *op = (struct rank *)base;
    return op->window_end >= 0 ? ops_past_restore(&op->past, base->ctx, blobs, count, reterr) : WEIR_OK;
}

#define RANK_OPERATOR(name_, create_)                                              \
    const struct weir_operator_ops weir_##name_##_operator_ops = { .name = #name_, \
        .create = create_,                                                         \
        .process = process,                                                        \
        .watermark = watermark,                                                    \
        .end_input = end_input,                                                    \
        .snapshot = snapshot,                                                      \
        .restore = restore,                                                        \
        .close = close_rank }
RANK_OPERATOR(rank, create_rank);
RANK_OPERATOR(sort_limit, create_sort_limit);
RANK_OPERATOR(sort, create_sort);
static const struct weir_operator_ops limited_ops = {
    .name = "limit", .process = process, .watermark = watermark, .end_input = end_input, .close = close_rank
};
