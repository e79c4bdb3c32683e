#include "ops/join_side.h"
#include <stdio.h>

enum { SWEEP_ROWS = 64 };

/* --- making --- */

static bool contains(const uint32_t *columns, uint32_t count, uint32_t column)
{
    for (uint32_t i = 0; i < count; i++)
        if (columns[i] == column) return true;
    return false;
}

/* What identifies a row goes first: join key and unique key, or everything. */
static void order_columns(struct join_side *side, const uint32_t *unique, uint32_t unique_count)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < side->keys.count; i++)
        if (!contains(side->order, n, side->keys.columns[i])) side->order[n++] = side->keys.columns[i];
    for (uint32_t i = 0; i < unique_count; i++)
        if (!contains(side->order, n, unique[i])) side->order[n++] = unique[i];
    side->identity_count = side->layout == JOIN_UNIQUE     ? n
                           : side->layout == JOIN_MULTISET ? side->column_count
                                                           : 0;
    for (uint32_t c = 0; c < side->column_count; c++)
        if (!contains(side->order, n, c)) side->order[n++] = c;
    WEIR_ASSERT(n == side->column_count);
    for (uint32_t t = 0; t < n; t++) side->position[side->order[t]] = t;
}

static void open_tables(struct join_side *side, const char *prefix, struct weir_table *key_table)
{
    struct weir_arena *arena = side->ctx->arena;
    const struct weir_type *const *input_types = side->ctx->input_types[side->input];
    const struct weir_type **key_types =
        WEIR_ARENA_ARRAY(arena, const struct weir_type *, side->keys.count + 1);
    /* Keys of either side are stored in it, and one of them may hold NULLs where the other may not. */
    for (uint32_t i = 0; i < side->keys.count; i++)
        key_types[i] = weir_type_nullable(arena, input_types[side->keys.columns[i]], true);
    const struct weir_type **row_types =
        WEIR_ARENA_ARRAY(arena, const struct weir_type *, side->column_count + 1);
    for (uint32_t t = 0; t < side->column_count; t++) row_types[t] = input_types[side->order[t]];
    const struct weir_table_options keys = { .name = "keys",
        .types = key_types,
        .key_count = side->keys.count,
        .column_count = side->keys.count,
        .payload_bytes = sizeof(struct join_key_payload),
        .indexed = true };
    side->key_table = key_table ? key_table : weir_table_open(side->ctx->state, &keys);
    side->row_table = weir_table_open(
        side->ctx->state, &(struct weir_table_options){ .name = weir_arena_format(arena, "%s-rows", prefix),
                              .types = row_types,
                              .key_count = side->identity_count,
                              .column_count = side->column_count,
                              .payload_bytes = sizeof(struct join_row_payload),
                              .ttl_ms = side->ttl_ms,
                              .indexed = side->layout != JOIN_APPEND });
    side->key_payload = weir_table_payload_offset(side->key_table);
    side->row_payload = weir_table_payload_offset(side->row_table);
    side->link_offset = side->row_payload + offsetof(struct join_row_payload, link);
}

enum weir_error_code join_side_init(struct join_side *side, struct weir_operator_context *ctx, uint32_t input,
    const char *prefix, const bool *null_safe, bool keeps_degree, struct weir_table *key_table)
{
    struct weir_arena *arena = ctx->arena;
    *side = (struct join_side){ .ctx = ctx,
        .input = input,
        .column_count = ctx->input_column_counts[input],
        .null_safe = null_safe,
        .keeps_degree = keeps_degree };
    uint32_t *columns, *unique, count, unique_count;
    enum weir_error_code code =
        ops_spec_columns(ctx, weir_arena_format(arena, "%s_keys", prefix), input, &columns, &count);
    if (!code)
        code = ops_spec_columns(
            ctx, weir_arena_format(arena, "%s_unique", prefix), input, &unique, &unique_count);
    if (code) return code;
    side->ttl_ms =
        ctx->bounded ? 0 : weir_spec_get_integer(ctx->spec, weir_arena_format(arena, "%s_ttl_ms", prefix), 0);
    bool append = weir_spec_get_boolean(ctx->spec, weir_arena_format(arena, "%s_append", prefix), false);
    side->layout = append ? JOIN_APPEND : unique_count > 0 ? JOIN_UNIQUE : JOIN_MULTISET;
    side->chained = append && side->ttl_ms == 0;
    ops_keys_init(&side->keys, ctx, columns, count);
    side->order = WEIR_ARENA_ARRAY(arena, uint32_t, side->column_count + 1);
    side->position = WEIR_ARENA_ARRAY(arena, uint32_t, side->column_count + 1);
    order_columns(side, unique, unique_count);
    open_tables(side, prefix, key_table);
    side->vectors = WEIR_ARENA_ARRAY(arena, const struct weir_vector *, side->column_count + 1);
    side->row_pointers = WEIR_ARENA_ARRAY(arena, uint8_t *, WEIR_BATCH_ROWS_MAX);
    side->key_pointers = WEIR_ARENA_ARRAY(arena, uint8_t *, WEIR_BATCH_ROWS_MAX);
    side->key_refs = WEIR_ARENA_ARRAY(arena, weir_row_ref, WEIR_BATCH_ROWS_MAX);
    side->identity_hashes = WEIR_ARENA_ARRAY(arena, uint64_t, WEIR_BATCH_ROWS_MAX);
    side->unmatchable = WEIR_ARENA_ARRAY(arena, uint8_t, WEIR_BATCH_ROWS_MAX);
    return WEIR_OK;
}

/* --- a batch of this side --- */

void join_side_read(struct join_side *side, const struct weir_batch *batch)
{
    uint32_t n = weir_batch_selected(batch);
    ops_keys_read(&side->keys, side->ctx, batch);
    memset(side->unmatchable, 0, n);
    for (uint32_t k = 0; k < side->keys.count; k++) {
        const struct weir_vector *v = side->keys.vectors[k];
        if (side->null_safe[k] ||
            (v->encoding != WEIR_ENCODING_DICTIONARY && !v->validity && v->type->id != WEIR_TYPE_NULL))
            continue;
        for (uint32_t i = 0; i < n; i++)
            side->unmatchable[i] |= weir_vector_is_null(v, weir_batch_row(batch, i));
    }
    for (uint32_t t = 0; t < side->column_count; t++) side->vectors[t] = &batch->columns[side->order[t]];
    if (side->layout != JOIN_APPEND)
        weir_batch_hash(batch, side->order, side->identity_count, side->identity_hashes);
}

/* The matchable ones of the selected rows: their places in the selection and their batch rows. */
static uint32_t matchable(
    const struct join_side *side, const struct weir_batch *batch, uint16_t *places, uint16_t *rows)
{
    uint32_t n = weir_batch_selected(batch), count = 0;
    for (uint32_t i = 0; i < n; i++) {
        places[count] = (uint16_t)i;
        rows[count] = (uint16_t)weir_batch_row(batch, i);
        count += !side->unmatchable[i];
    }
    return count;
}

static void link_row(struct join_side *side, weir_row_ref ref, uint8_t *row, uint8_t *key_row,
    weir_row_ref key_ref, uint32_t degree)
{
    struct join_row_payload *payload = (struct join_row_payload *)(row + side->row_payload);
    payload->key = key_ref;
    payload->copies = 1;
    payload->degree = degree;
    struct weir_row_list *list =
        &((struct join_key_payload *)(key_row + side->key_payload))->rows[side->input];
    if (!side->chained) {
        weir_row_list_append(side->row_table, side->link_offset, list, ref);
        return;
    }
    payload->link.next = list->first;
    list->first = ref;
    list->count++;
}

enum weir_error_code join_side_add_all(
    struct join_side *side, const struct weir_batch *batch, const uint32_t *degrees)
{
    WEIR_ASSERT(side->layout == JOIN_APPEND);
    uint16_t places[WEIR_BATCH_ROWS_MAX], rows[WEIR_BATCH_ROWS_MAX], groups[WEIR_BATCH_ROWS_MAX];
    uint64_t hashes[WEIR_BATCH_ROWS_MAX];
    weir_row_ref refs[WEIR_BATCH_ROWS_MAX];
    uint32_t count = matchable(side, batch, places, rows);
    if (count == 0) return WEIR_OK;
    for (uint32_t i = 0; i < count; i++) {
        hashes[i] = side->keys.hashes[places[i]];
        groups[i] = side->keys.groups[places[i]];
    }
    struct weir_table_keys keys = {
        .count = count, .rows = rows, .columns = side->keys.vectors, .hashes = hashes, .key_groups = groups
    };
    enum weir_error_code code =
        weir_table_upsert(side->key_table, &keys, side->key_pointers, side->key_refs, NULL, side->ctx->error);
    if (code) return code;
    for (uint32_t i = 0; i < count; i++)
        side->row_pointers[i] = weir_table_insert(side->row_table, groups[i], hashes[i], &refs[i]);
    weir_table_columns_store(
        side->row_table, side->row_pointers, count, 0, side->column_count, side->vectors, rows);
    for (uint32_t i = 0; i < count; i++)
        link_row(side, refs[i], side->row_pointers[i], side->key_pointers[i], side->key_refs[i],
            degrees ? degrees[places[i]] : 0);
    return WEIR_OK;
}

static struct weir_table_keys identity_keys(const struct join_side *side, uint32_t i, const uint16_t *row)
{
    return (struct weir_table_keys){ .count = 1,
        .rows = row,
        .columns = side->vectors,
        .hashes = &side->identity_hashes[i],
        .key_groups = &side->keys.groups[i] };
}

enum weir_error_code join_side_add(
    struct join_side *side, const struct weir_batch *batch, uint32_t i, uint32_t degree)
{
    uint16_t at = (uint16_t)weir_batch_row(batch, i);
    uint8_t *row, *key_row, state = WEIR_ROW_NEW;
    weir_row_ref ref, key_ref;
    enum weir_error_code code;
    if (side->layout == JOIN_APPEND) {
        row = weir_table_insert(side->row_table, side->keys.groups[i], side->keys.hashes[i], &ref);
    } else {
        struct weir_table_keys identity = identity_keys(side, i, &at);
        code = weir_table_upsert(side->row_table, &identity, &row, &ref, &state, side->ctx->error);
        if (code) return code;
    }
    struct join_row_payload *payload = (struct join_row_payload *)(row + side->row_payload);
    uint32_t first = state == WEIR_ROW_NEW && side->layout != JOIN_APPEND ? side->identity_count : 0;
    if (state == WEIR_ROW_NEW || side->layout == JOIN_UNIQUE)
        weir_table_columns_store(
            side->row_table, &row, 1, first, side->column_count - first, side->vectors + first, &at);
    if (state != WEIR_ROW_NEW) { /* linked already */
        payload->copies = state == WEIR_ROW_FOUND && side->layout == JOIN_MULTISET ? payload->copies + 1 : 1;
        payload->degree = degree;
        return WEIR_OK;
    }
    struct weir_table_keys keys = { .count = 1,
        .rows = &at,
        .columns = side->keys.vectors,
        .hashes = &side->keys.hashes[i],
        .key_groups = &side->keys.groups[i] };
    code = weir_table_upsert(side->key_table, &keys, &key_row, &key_ref, NULL, side->ctx->error);
    if (!code) link_row(side, ref, row, key_row, key_ref, degree);
    return code;
}

/* Out of a singly linked chain: only where an insert-only source broke its promise. */
static void unchain_row(struct join_side *side, struct weir_row_list *list, weir_row_ref ref)
{
    weir_row_ref next = join_row(side, weir_table_read(side->row_table, ref))->link.next;
    list->count--;
    if (list->first == ref) {
        list->first = next;
        return;
    }
    weir_row_ref at = list->first;
    while (join_row(side, weir_table_read(side->row_table, at))->link.next != ref)
        at = join_row(side, weir_table_read(side->row_table, at))->link.next;
    ((struct join_row_payload *)(weir_table_write(side->row_table, at) + side->row_payload))->link.next =
        next;
}

static void unlink_row(struct join_side *side, weir_row_ref ref)
{
    const struct join_row_payload *payload = join_row(side, weir_table_read(side->row_table, ref));
    weir_row_ref key_ref = payload->key;
    struct join_key_payload *key =
        (struct join_key_payload *)(weir_table_write(side->key_table, key_ref) + side->key_payload);
    if (side->chained)
        unchain_row(side, &key->rows[side->input], ref);
    else
        weir_row_list_remove(side->row_table, side->link_offset, &key->rows[side->input], ref);
    weir_table_delete(side->row_table, ref);
    if (key->rows[0].count + key->rows[1].count == 0) weir_table_delete(side->key_table, key_ref);
}

/* An insert-only side is never asked to, but a source may break its promise: then the first equal row goes.
 */
static weir_row_ref find_in_list(struct join_side *side, uint32_t i, uint16_t at)
{
    struct weir_table_keys keys = { .count = 1,
        .rows = &at,
        .columns = side->keys.vectors,
        .hashes = &side->keys.hashes[i],
        .key_groups = &side->keys.groups[i] };
    const uint8_t *key_row;
    weir_row_ref ref;
    weir_table_find(side->key_table, &keys, &key_row, &ref);
    if (!key_row) return WEIR_ROW_NONE;
    weir_row_ref member =
        ((const struct join_key_payload *)(key_row + side->key_payload))->rows[side->input].first;
    while (member) {
        const uint8_t *row = weir_table_read(side->row_table, member);
        if (weir_table_columns_equal(side->row_table, row, 0, side->column_count, side->vectors, at)) break;
        member = weir_row_list_next(row, side->link_offset);
    }
    return member;
}

enum weir_error_code join_side_remove(struct join_side *side, const struct weir_batch *batch, uint32_t i)
{
    uint16_t at = (uint16_t)weir_batch_row(batch, i);
    weir_row_ref ref;
    if (side->layout == JOIN_APPEND) {
        ref = find_in_list(side, i, at);
    } else {
        struct weir_table_keys identity = identity_keys(side, i, &at);
        const uint8_t *row;
        weir_table_find(side->row_table, &identity, &row, &ref);
    }
    if (!ref) return WEIR_OK;
    const struct join_row_payload *payload = join_row(side, weir_table_read(side->row_table, ref));
    if (payload->copies > 1) {
        uint8_t *row = weir_table_write(side->row_table, ref);
        ((struct join_row_payload *)(row + side->row_payload))->copies--;
    } else {
        unlink_row(side, ref);
    }
    return WEIR_OK;
}

/* --- another side's batch --- */

void join_side_find(struct join_side *side, struct join_side *other, const struct weir_batch *batch,
    const struct weir_row_list **lists)
{
    uint32_t n = weir_batch_selected(batch);
    struct weir_table_keys keys = { .count = n,
        .rows = ops_rows(batch),
        .columns = other->keys.vectors,
        .hashes = other->keys.hashes,
        .key_groups = other->keys.groups };
    const uint8_t *rows[WEIR_BATCH_ROWS_MAX];
    weir_table_find(side->key_table, &keys, rows, NULL);
    for (uint32_t i = 0; i < n; i++) {
        bool found = rows[i] && !other->unmatchable[i];
        lists[i] = found
                       ? &((const struct join_key_payload *)(rows[i] + side->key_payload))->rows[side->input]
                       : NULL;
        if (found) __builtin_prefetch(lists[i]);
    }
    for (uint32_t i = 0; i < n; i++)
        if (lists[i] && lists[i]->first)
            __builtin_prefetch(weir_table_read(side->row_table, lists[i]->first));
}

static void expire(void *context, struct weir_table *table, weir_row_ref ref)
{
    unlink_row(context, ref);
}

void join_side_sweep(struct join_side *side)
{
    if (side->ttl_ms > 0) weir_table_sweep(side->row_table, SWEEP_ROWS, expire, side);
}
