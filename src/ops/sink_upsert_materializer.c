/*
 * SinkUpsertMaterializer: where changes of one sink key come from several upsert keys, their order may be
 * mixed up by shuffles. Per sink key the rows that are there are kept in a list; the sink sees its last one.
 */
#include "ops/rows.h"

WEIR_OPERATOR(sink_upsert_materializer);

enum { SWEEP_ROWS = 64 };
enum conflict { CONFLICT_DEDUPLICATE, CONFLICT_ERROR, CONFLICT_NOTHING };

struct materializer {
    struct weir_operator base;
    struct weir_table *keys_table; /* payload: struct weir_row_list */
    struct ops_row_table rows;     /* payload: struct weir_row_link */
    struct ops_keys keys;
    struct ops_mixer mixer;
    const uint32_t *upsert_key;
    uint32_t upsert_key_count;
    enum conflict conflict;
    int64_t ttl_ms;
    uint32_t position;
    uint8_t **key_rows;
    weir_row_ref *key_refs;
};

static struct weir_row_list *list_of(const struct materializer *op, const uint8_t *row)
{
    return (struct weir_row_list *)(row + weir_table_payload_offset(op->keys_table));
}

static enum weir_error_code create(struct weir_operator_context *ctx, struct weir_operator **ret)
{
    struct materializer *op = WEIR_ARENA_NEW(ctx->arena, struct materializer);
    op->base = (struct weir_operator){ &weir_sink_upsert_materializer_operator_ops, ctx };
    uint32_t *keys, *upsert, key_count;
    enum weir_error_code code = ops_spec_columns(ctx, "keys", 0, &keys, &key_count);
    if (!code) code = ops_spec_columns(ctx, "upsert_key", 0, &upsert, &op->upsert_key_count);
    if (code) return code;
    op->upsert_key = upsert;
    op->ttl_ms = weir_spec_get_integer(ctx->spec, "ttl_ms", 0);
    const char *conflict = weir_spec_get_text(ctx->spec, "conflict", "deduplicate");
    op->conflict = strcmp(conflict, "error") == 0     ? CONFLICT_ERROR
                   : strcmp(conflict, "nothing") == 0 ? CONFLICT_NOTHING
                                                      : CONFLICT_DEDUPLICATE;
    const struct weir_type **types = WEIR_ARENA_ARRAY(ctx->arena, const struct weir_type *, key_count + 1);
    for (uint32_t i = 0; i < key_count; i++) types[i] = ctx->input_types[0][keys[i]];
    op->keys_table = weir_table_open(ctx->state, &(struct weir_table_options){ .name = "keys",
                                                     .types = types,
                                                     .key_count = key_count,
                                                     .column_count = key_count,
                                                     .payload_bytes = sizeof(struct weir_row_list),
                                                     .ttl_ms = op->ttl_ms,
                                                     .indexed = true });
    ops_row_table_init(&op->rows, ctx,
        &(struct ops_row_table_options){ .name = "rows", .payload_bytes = sizeof(struct weir_row_link) });
    ops_keys_init(&op->keys, ctx, keys, key_count);
    ops_mixer_init(&op->mixer, ctx, &op->rows, false);
    op->key_rows = WEIR_ARENA_ARRAY(ctx->arena, uint8_t *, WEIR_BATCH_ROWS_MAX);
    op->key_refs = WEIR_ARENA_ARRAY(ctx->arena, weir_row_ref, WEIR_BATCH_ROWS_MAX);
    *ret = &op->base;
    return WEIR_OK;
}

static void close_materializer(struct weir_operator *base)
{
    ops_mixer_done(&((struct materializer *)base)->mixer);
}

static void clear_list(struct materializer *op, uint8_t *key_row)
{
    struct weir_row_list *list = list_of(op, key_row);
    while (list->first) {
        weir_row_ref ref = list->first;
        weir_row_list_remove(op->rows.table, op->rows.payload, list, ref);
        weir_table_delete(op->rows.table, ref);
    }
}

static void expire(void *context, struct weir_table *table, weir_row_ref ref)
{
    clear_list(context, weir_table_write(table, ref));
    weir_table_delete(table, ref);
}

/* The first row of the list with the same upsert key, or, without one, with all columns equal. */
static weir_row_ref find_row(
    struct materializer *op, const struct weir_row_list *list, const struct weir_batch *in, uint32_t at)
{
    for (weir_row_ref ref = list->first; ref;) {
        const uint8_t *row = weir_table_read(op->rows.table, ref);
        bool equal = true;
        for (uint32_t k = 0; k < op->upsert_key_count && equal; k++) {
            uint32_t c = op->upsert_key[k];
            equal = weir_table_column_equal(op->rows.table, row, op->rows.place[c], &in->columns[c], at);
        }
        if (op->upsert_key_count ? equal : ops_row_table_equal(&op->rows, row, in, at)) return ref;
        ref = weir_row_list_next(row, op->rows.payload);
    }
    return 0;
}

static enum weir_error_code add_row(
    struct materializer *op, uint32_t i, const struct weir_batch *in, uint32_t at)
{
    struct weir_row_list *list = list_of(op, op->key_rows[i]);
    weir_row_ref same = op->upsert_key_count ? find_row(op, list, in, at) : 0;
    bool was_empty = list->count == 0, was_last = same && same == list->last;
    if (!same && !was_empty && op->conflict == CONFLICT_ERROR) {
        return weir_error_set(op->base.ctx->error, WEIR_E_CONSTRAINT,
            "%s: two rows have the same primary key; ON CONFLICT DO ERROR asks to fail then",
            op->base.ctx->task_name);
    }
    uint8_t *row;
    if (same) {
        row = weir_table_write(op->rows.table, same);
    } else {
        row = weir_table_insert(op->rows.table, op->keys.groups[i], 0, &same);
        weir_row_list_append(op->rows.table, op->rows.payload, list, same);
    }
    ops_row_table_store(&op->rows, row, in, at, true);
    if (op->conflict == CONFLICT_NOTHING && !was_empty && !(was_last && list->first == same))
        return WEIR_OK; /* the first row stays what is seen */
    ops_mixer_put_input(&op->mixer, was_empty ? WEIR_ROW_INSERT : WEIR_ROW_UPDATE_AFTER, at, 0);
    return WEIR_OK;
}

static void remove_row(struct materializer *op, uint32_t i, const struct weir_batch *in, uint32_t at)
{
    struct weir_row_list *list = list_of(op, op->key_rows[i]);
    weir_row_ref ref = find_row(op, list, in, at);
    if (!ref) return; /* its time to live is over, or it was never there */
    bool seen = op->conflict == CONFLICT_NOTHING ? ref == list->first : ref == list->last;
    weir_row_list_remove(op->rows.table, op->rows.payload, list, ref);
    weir_table_delete(op->rows.table, ref);
    if (list->count == 0) {
        ops_mixer_put_input(&op->mixer, WEIR_ROW_DELETE, at, 0);
    } else if (seen) {
        weir_row_ref next = op->conflict == CONFLICT_NOTHING ? list->first : list->last;
        ops_mixer_put_state(&op->mixer, WEIR_ROW_UPDATE_AFTER, weir_table_read(op->rows.table, next), 0);
    }
}

static enum weir_error_code find_keys(struct materializer *op, const struct weir_batch *in)
{
    uint8_t states[WEIR_BATCH_ROWS_MAX];
    weir_table_sweep(op->keys_table, SWEEP_ROWS, expire, op);
    ops_keys_read(&op->keys, op->base.ctx, in);
    struct weir_table_keys keys = { .count = weir_batch_selected(in),
        .rows = ops_rows(in),
        .columns = op->keys.vectors,
        .hashes = op->keys.hashes,
        .key_groups = op->keys.groups };
    enum weir_error_code code =
        weir_table_upsert(op->keys_table, &keys, op->key_rows, op->key_refs, states, op->base.ctx->error);
    for (uint32_t i = 0; !code && op->ttl_ms && i < keys.count; i++) {
        if (states[i] == WEIR_ROW_EXPIRED) clear_list(op, op->key_rows[i]);
    }
    return code;
}

static enum weir_operator_result process(
    struct weir_operator *base, uint32_t input, const struct weir_batch *in, struct weir_batch *out)
{
    struct materializer *op = (struct materializer *)base;
    (void)input;
    if (find_keys(op, in)) return WEIR_OPERATOR_FAILED;
    uint32_t n = weir_batch_selected(in);
    for (uint32_t i = 0; i < n; i++) { /* at most one row out per row in */
        uint32_t at = weir_batch_row(in, i);
        if (!weir_row_kind_is_add(weir_batch_kind(in, at)))
            remove_row(op, i, in, at);
        else if (add_row(op, i, in, at))
            return WEIR_OPERATOR_FAILED;
        /* A row of the state must be out before the next input row changes it. */
        if (op->mixer.count && op->mixer.states[op->mixer.count - 1]) ops_mixer_flush(&op->mixer, in, out);
    }
    ops_mixer_flush(&op->mixer, in, out);
    for (uint32_t i = 0; i < n; i++) {
        if (!weir_table_is_live(op->keys_table, op->key_refs[i])) continue;
        if (list_of(op, weir_table_read(op->keys_table, op->key_refs[i]))->count == 0)
            weir_table_delete(op->keys_table, op->key_refs[i]);
    }
    return WEIR_OPERATOR_NEED_INPUT;
}

const struct weir_operator_ops weir_sink_upsert_materializer_operator_ops = {
    .name = "sink_upsert_materializer", .create = create, .process = process, .close = close_materializer
};
