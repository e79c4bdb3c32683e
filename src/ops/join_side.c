#include "ops/join_side.h"
#include <stdio.h>

enum { SWEEP_ROWS = 64, FETCH_ROWS_MIN = 16384, CACHE_LINE_BYTES = 64 };

/* --- making --- */

static bool contains(const uint32_t *columns, uint32_t count, uint32_t column)
{
    for (uint32_t i = 0; i < count; i++)
        if (columns[i] == column) return true;
    return false;
}

/* Whether column c of the side is a key that the other side's column *equal equals bit by bit: -0.0 = 0.0 is
 * why floating point does not count. */
static bool is_known_by_key(
    const struct join_side *side, const struct join_side *other, uint32_t c, uint32_t *equal)
{
    const struct weir_type *const *types = side->ctx->input_types[side->input],
                                  *const *other_types = side->ctx->input_types[other->input];
    for (uint32_t k = 0; k < side->keys.count; k++) {
        *equal = other->keys.columns[k];
        if (side->keys.columns[k] != c || weir_type_is_approximate(types[c])) continue;
        if (weir_type_same(types[c], other_types[*equal])) return true;
    }
    return false;
}

/* What identifies a row goes first: join key and unique key, or everything. */
static void order_columns(struct join_side *side, const struct join_side *other, bool in_pairs_only)
{
    uint32_t n = 0, equal;
    for (uint32_t i = 0; i < side->keys.count && side->layout != JOIN_APPEND; i++)
        if (!contains(side->order, n, side->keys.columns[i])) side->order[n++] = side->keys.columns[i];
    for (uint32_t i = 0; i < side->unique_count && side->layout == JOIN_UNIQUE; i++)
        if (!contains(side->order, n, side->unique[i])) side->order[n++] = side->unique[i];
    side->identity_count = side->layout == JOIN_UNIQUE     ? n
                           : side->layout == JOIN_MULTISET ? side->column_count
                                                           : 0;
    for (uint32_t c = 0; c < side->column_count; c++) {
        if (side->chained && in_pairs_only && is_known_by_key(side, other, c, &equal))
            side->position[c] = JOIN_COLUMN_OF_INPUT | equal;
        else if (!contains(side->order, n, c))
            side->order[n++] = c;
    }
    for (uint32_t t = 0; t < n; t++) side->position[side->order[t]] = t;
    side->stored_count = n;
}

static void open_rows(struct join_side *side, const char *prefix)
{
    struct weir_arena *arena = side->ctx->arena;
    const struct weir_type **types =
        WEIR_ARENA_ARRAY(arena, const struct weir_type *, side->column_count + 1);
    for (uint32_t t = 0; t < side->stored_count; t++)
        types[t] = side->ctx->input_types[side->input][side->order[t]];
    size_t bytes = !side->chained       ? sizeof(struct join_row_payload)
                   : side->keeps_degree ? sizeof(struct join_chain_payload)
                                        : offsetof(struct join_chain_payload, degree);
    side->row_table = weir_table_open(
        side->ctx->state, &(struct weir_table_options){ .name = weir_arena_format(arena, "%s-rows", prefix),
                              .types = types,
                              .key_count = side->identity_count,
                              .column_count = side->stored_count,
                              .payload_bytes = (uint32_t)bytes,
                              .ttl_ms = side->ttl_ms,
                              .indexed = side->layout != JOIN_APPEND });
    side->row_payload = weir_table_payload_offset(side->row_table);
    side->link_offset = side->row_payload + offsetof(struct join_row_payload, link);
}

/* The side's unique key lies within its join key: there is one row per key. */
static bool covers_unique(const struct join_side *side)
{
    for (uint32_t i = 0; i < side->unique_count; i++)
        if (!contains(side->keys.columns, side->keys.count, side->unique[i])) return false;
    return side->unique_count > 0;
}

/* No column of a row refers to bytes elsewhere. */
static bool has_words_only(const struct join_side *side)
{
    for (uint32_t t = 0; t < side->stored_count; t++) {
        const struct weir_type *type = side->ctx->input_types[side->input][side->order[t]];
        if (weir_type_is_view(type) || weir_type_is_nested(type)) return false;
    }
    return true;
}

/* Bytes of a key's row that are the side's. */
static size_t list_bytes(const struct join_side *side)
{
    if (!side->chained) return sizeof(struct weir_row_list);
    return side->embedded ? side->row_payload : sizeof(weir_row_ref); /* a row without its header */
}

/* Header, columns and flags for NULLs of a row of keys: where its payload begins. */
static size_t key_bytes_of(const struct weir_type *const *types, uint32_t count)
{
    size_t at = sizeof(uint64_t);
    for (uint32_t i = 0; i < count; i++) {
        size_t width = weir_type_width(types[i]), alignment = WEIR_MAX((size_t)1, WEIR_MIN((size_t)8, width));
        at = (at + alignment - 1) / alignment * alignment + width;
    }
    return (at + (count + 7) / 8 + 7) / 8 * 8;
}

/* A row of a word or two per key, found with the key, is worth more than a narrow table of keys; but not when
 * the key's row gets longer than a cache line by it. The side whose keys are likely unique goes first. */
static void choose_embedded(struct join_side sides[2], size_t key_bytes)
{
    uint32_t first = covers_unique(&sides[0]) && !covers_unique(&sides[1]) ? 0 : 1;
    for (uint32_t i = 0; i < 2; i++) {
        struct join_side *side = &sides[i == 0 ? first : 1 - first];
        if (!side->chained || side->keeps_degree || !has_words_only(side)) continue;
        side->embedded = true;
        if (key_bytes + list_bytes(&sides[0]) + list_bytes(&sides[1]) > CACHE_LINE_BYTES)
            side->embedded = false;
    }
}

/* One table of keys for both sides; after their tables of rows. */
static struct weir_table *open_keys(struct join_side sides[2])
{
    struct weir_operator_context *ctx = sides[0].ctx;
    const struct ops_keys *keys = &sides[0].keys;
    const struct weir_type **types = WEIR_ARENA_ARRAY(ctx->arena, const struct weir_type *, keys->count + 1);
    /* Keys of either side are stored in it, and one of them may hold NULLs where the other may not. */
    for (uint32_t i = 0; i < keys->count; i++)
        types[i] = weir_type_nullable(ctx->arena, ctx->input_types[0][keys->columns[i]], true);
    size_t key_bytes = key_bytes_of(types, keys->count);
    choose_embedded(sides, key_bytes);
    size_t bytes[2] = { list_bytes(&sides[0]), list_bytes(&sides[1]) }, padding = 0;
    /* Little is lost where a row of keys is in one cache line, instead of being in two more often than not.
     */
    size_t row_bytes = key_bytes + bytes[0] + bytes[1];
    if (row_bytes > CACHE_LINE_BYTES * 2 / 3 && row_bytes < CACHE_LINE_BYTES)
        padding = CACHE_LINE_BYTES - row_bytes;
    struct weir_table *table =
        weir_table_open(ctx->state, &(struct weir_table_options){ .name = "keys",
                                        .types = types,
                                        .key_count = keys->count,
                                        .column_count = keys->count,
                                        .payload_bytes = (uint32_t)(bytes[0] + bytes[1] + padding),
                                        .indexed = true });
    /* What begins the list comes last in an embedded row, as in others. */
    for (uint32_t i = 0; i < 2; i++) {
        sides[i].list_offset = weir_table_payload_offset(table) + (i == 0 ? 0 : bytes[0]);
        if (sides[i].embedded) sides[i].list_offset += bytes[i] - sizeof(weir_row_ref);
        sides[1 - i].other_list_offset = sides[i].list_offset;
    }
    return table;
}

static enum weir_error_code read_side(struct join_side *side, const char *prefix)
{
    struct weir_operator_context *ctx = side->ctx;
    struct weir_arena *arena = ctx->arena;
    uint32_t *columns, count;
    enum weir_error_code code =
        ops_spec_columns(ctx, weir_arena_format(arena, "%s_keys", prefix), side->input, &columns, &count);
    if (!code)
        code = ops_spec_columns(ctx, weir_arena_format(arena, "%s_unique", prefix), side->input,
            &side->unique, &side->unique_count);
    if (code) return code;
    side->ttl_ms =
        ctx->bounded ? 0 : weir_spec_get_integer(ctx->spec, weir_arena_format(arena, "%s_ttl_ms", prefix), 0);
    bool append = weir_spec_get_boolean(ctx->spec, weir_arena_format(arena, "%s_append", prefix), false);
    side->layout = append ? JOIN_APPEND : side->unique_count > 0 ? JOIN_UNIQUE : JOIN_MULTISET;
    side->chained = append && side->ttl_ms == 0;
    ops_keys_init(&side->keys, ctx, columns, count);
    side->order = WEIR_ARENA_ARRAY(arena, uint32_t, side->column_count + 1);
    side->position = WEIR_ARENA_ARRAY(arena, uint32_t, side->column_count + 1);
    side->vectors = WEIR_ARENA_ARRAY(arena, const struct weir_vector *, side->column_count + 1);
    side->row_pointers = WEIR_ARENA_ARRAY(arena, uint8_t *, WEIR_BATCH_ROWS_MAX);
    side->key_pointers = WEIR_ARENA_ARRAY(arena, uint8_t *, WEIR_BATCH_ROWS_MAX);
    side->key_refs = WEIR_ARENA_ARRAY(arena, weir_row_ref, WEIR_BATCH_ROWS_MAX);
    side->identity_hashes = WEIR_ARENA_ARRAY(arena, uint64_t, WEIR_BATCH_ROWS_MAX);
    side->places = WEIR_ARENA_ARRAY(arena, uint16_t, WEIR_BATCH_ROWS_MAX);
    side->unmatchable = WEIR_ARENA_ARRAY(arena, uint8_t, WEIR_BATCH_ROWS_MAX);
    return WEIR_OK;
}

enum weir_error_code join_sides_init(struct join_side sides[2], struct weir_operator_context *ctx,
    const bool *null_safe, const bool keeps_degree[2], const bool in_pairs_only[2])
{
    static const char *const prefixes[] = { "left", "right" };
    for (uint32_t i = 0; i < 2; i++) {
        sides[i] = (struct join_side){ .ctx = ctx,
            .input = i,
            .column_count = ctx->input_column_counts[i],
            .null_safe = null_safe,
            .keeps_degree = keeps_degree[i] };
        enum weir_error_code code = read_side(&sides[i], prefixes[i]);
        if (code) return code;
    }
    for (uint32_t i = 0; i < 2; i++) {
        order_columns(&sides[i], &sides[1 - i], in_pairs_only[i]);
        open_rows(&sides[i], prefixes[i]);
    }
    sides[0].key_table = sides[1].key_table = open_keys(sides);
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
    for (uint32_t t = 0; t < side->stored_count; t++) side->vectors[t] = &batch->columns[side->order[t]];
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

static weir_row_ref *first_of(uint8_t *key_row, size_t list_offset)
{
    return (weir_row_ref *)(key_row + list_offset);
}

static void link_row(struct join_side *side, weir_row_ref ref, uint8_t *row, uint8_t *key_row,
    weir_row_ref key_ref, uint32_t degree)
{
    if (side->chained) {
        struct join_chain_payload *chain = (struct join_chain_payload *)(row + side->row_payload);
        weir_row_ref *first = first_of(key_row, side->list_offset);
        chain->next = *first & ~JOIN_ROW_IN_KEY;
        *first = ref | (*first & JOIN_ROW_IN_KEY);
        if (side->keeps_degree) chain->degree = degree;
        return;
    }
    struct join_row_payload *payload = (struct join_row_payload *)(row + side->row_payload);
    payload->key = key_ref;
    payload->copies = 1;
    payload->degree = degree;
    weir_row_list_append(
        side->row_table, side->link_offset, (struct weir_row_list *)(key_row + side->list_offset), ref);
}

/* The first row, of a list that begins in key_row; 0: none. */
static weir_row_ref first_in(const uint8_t *key_row, size_t list_offset, weir_row_ref key_ref)
{
    weir_row_ref first = *(const weir_row_ref *)(key_row + list_offset);
    return first & JOIN_ROW_IN_KEY ? key_ref | JOIN_ROW_IN_KEY : first;
}

/* Whether the row found its place in its key's row. */
static bool embed_row(struct join_side *side, uint8_t *key_row, uint16_t at)
{
    weir_row_ref *first = first_of(key_row, side->list_offset);
    if (!side->embedded || *first & JOIN_ROW_IN_KEY) return false;
    uint8_t *row = key_row + side->list_offset - side->row_payload;
    weir_table_columns_store(side->row_table, &row, 1, 0, side->stored_count, side->vectors, &at);
    *first |= JOIN_ROW_IN_KEY;
    return true;
}

/* Of the rows whose keys were found: embeds those it can, and leaves the others in keys and its arrays. */
static uint32_t embed_rows(
    struct join_side *side, uint32_t count, uint16_t *rows, uint64_t *hashes, uint16_t *groups)
{
    uint32_t left = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (embed_row(side, side->key_pointers[i], rows[i])) continue;
        rows[left] = rows[i];
        hashes[left] = hashes[i];
        groups[left] = groups[i];
        side->key_pointers[left] = side->key_pointers[i];
        side->key_refs[left++] = side->key_refs[i];
    }
    return left;
}

enum weir_error_code join_side_add_all(struct join_side *side, const struct join_side *other,
    const struct weir_batch *batch, weir_row_ref *firsts)
{
    WEIR_ASSERT(side->layout == JOIN_APPEND);
    uint16_t *places = side->places, rows[WEIR_BATCH_ROWS_MAX], groups[WEIR_BATCH_ROWS_MAX];
    uint64_t hashes[WEIR_BATCH_ROWS_MAX];
    weir_row_ref refs[WEIR_BATCH_ROWS_MAX];
    uint32_t count = matchable(side, batch, places, rows);
    side->place_count = count;
    memset(firsts, 0, weir_batch_selected(batch) * sizeof *firsts);
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
    /* The other side's rows are on their way while this side's are stored. */
    for (uint32_t i = 0; i < count; i++) {
        weir_row_ref first = first_in(side->key_pointers[i], side->other_list_offset, side->key_refs[i]);
        firsts[places[i]] = first;
        if (first && !(first & JOIN_ROW_IN_KEY)) join_row_prefetch(other, first);
    }
    if (side->embedded) keys.count = embed_rows(side, count, rows, hashes, groups);
    weir_table_append(side->row_table, &keys, side->vectors, side->row_pointers, refs);
    for (uint32_t i = 0; i < keys.count; i++)
        link_row(side, refs[i], side->row_pointers[i], side->key_pointers[i], side->key_refs[i], 0);
    return WEIR_OK;
}

void join_side_set_degrees(struct join_side *side, const uint32_t *degrees)
{
    for (uint32_t i = 0; i < side->place_count; i++) {
        uint8_t *payload = side->row_pointers[i] + side->row_payload;
        if (side->chained)
            ((struct join_chain_payload *)payload)->degree = degrees[side->places[i]];
        else
            ((struct join_row_payload *)payload)->degree = degrees[side->places[i]];
    }
}

/* Found one by one, rows that are in no cache cost a miss after the other; found as a batch they overlap. */
void join_side_fetch(struct join_side *side, const struct weir_batch *batch)
{
    if (side->layout == JOIN_APPEND || weir_table_rows(side->row_table) < FETCH_ROWS_MIN) return;
    struct weir_table_keys keys = { .count = weir_batch_selected(batch),
        .rows = ops_rows(batch),
        .columns = side->vectors,
        .hashes = side->identity_hashes,
        .key_groups = side->keys.groups };
    const uint8_t *rows[WEIR_BATCH_ROWS_MAX];
    weir_table_find(side->row_table, &keys, rows, NULL);
}

static struct weir_table_keys identity_keys(const struct join_side *side, uint32_t i, const uint16_t *row)
{
    return (struct weir_table_keys){ .count = 1,
        .rows = row,
        .columns = side->vectors,
        .hashes = &side->identity_hashes[i],
        .key_groups = &side->keys.groups[i] };
}

static struct weir_table_keys join_keys(const struct join_side *side, uint32_t i, const uint16_t *row)
{
    return (struct weir_table_keys){ .count = 1,
        .rows = row,
        .columns = side->keys.vectors,
        .hashes = &side->keys.hashes[i],
        .key_groups = &side->keys.groups[i] };
}

static enum weir_error_code add_appended(struct join_side *side, uint32_t i, uint16_t at, uint32_t degree)
{
    struct weir_table_keys keys = join_keys(side, i, &at);
    uint8_t *row, *key_row;
    weir_row_ref ref, key_ref;
    enum weir_error_code code =
        weir_table_upsert(side->key_table, &keys, &key_row, &key_ref, NULL, side->ctx->error);
    if (code || embed_row(side, key_row, at)) return code;
    weir_table_append(side->row_table, &keys, side->vectors, &row, &ref);
    link_row(side, ref, row, key_row, key_ref, degree);
    return WEIR_OK;
}

enum weir_error_code join_side_add(
    struct join_side *side, const struct weir_batch *batch, uint32_t i, uint32_t degree)
{
    uint16_t at = (uint16_t)weir_batch_row(batch, i);
    if (side->layout == JOIN_APPEND) return add_appended(side, i, at, degree);
    uint8_t *row, *key_row, state;
    weir_row_ref ref, key_ref;
    struct weir_table_keys identity = identity_keys(side, i, &at), keys = join_keys(side, i, &at);
    enum weir_error_code code =
        weir_table_upsert(side->row_table, &identity, &row, &ref, &state, side->ctx->error);
    if (code) return code;
    uint32_t first = state == WEIR_ROW_NEW ? side->identity_count : 0;
    if (state == WEIR_ROW_NEW || side->layout == JOIN_UNIQUE)
        weir_table_columns_store(
            side->row_table, &row, 1, first, side->stored_count - first, side->vectors + first, &at);
    if (state != WEIR_ROW_NEW) { /* linked already */
        struct join_row_payload *payload = (struct join_row_payload *)(row + side->row_payload);
        payload->copies = state == WEIR_ROW_FOUND && side->layout == JOIN_MULTISET ? payload->copies + 1 : 1;
        payload->degree = degree;
        return WEIR_OK;
    }
    code = weir_table_upsert(side->key_table, &keys, &key_row, &key_ref, NULL, side->ctx->error);
    if (!code) link_row(side, ref, row, key_row, key_ref, degree);
    return code;
}

/* key_row: for writing. */
static void delete_key_without_rows(struct join_side *side, const uint8_t *key_row, weir_row_ref key_ref)
{
    if (!first_in(key_row, side->list_offset, key_ref) &&
        !first_in(key_row, side->other_list_offset, key_ref))
        weir_table_delete(side->key_table, key_ref);
}

static void unlink_row(struct join_side *side, weir_row_ref ref)
{
    weir_row_ref key_ref = join_row(side, weir_table_read(side->row_table, ref))->key;
    uint8_t *key_row = weir_table_write(side->key_table, key_ref);
    weir_row_list_remove(
        side->row_table, side->link_offset, (struct weir_row_list *)(key_row + side->list_offset), ref);
    weir_table_delete(side->row_table, ref);
    delete_key_without_rows(side, key_row, key_ref);
}

/* Out of a singly linked chain; previous 0: the first, or behind the key's own row only. */
static void unchain_row(struct join_side *side, weir_row_ref key_ref, weir_row_ref previous, weir_row_ref ref)
{
    uint8_t *key_row = weir_table_write(side->key_table, key_ref);
    weir_row_ref *first = first_of(key_row, side->list_offset);
    if (ref & JOIN_ROW_IN_KEY) {
        *first &= ~JOIN_ROW_IN_KEY;
    } else {
        weir_row_ref next = join_row_next(side, weir_table_read(side->row_table, ref));
        if (previous && !(previous & JOIN_ROW_IN_KEY)) {
            uint8_t *row = weir_table_write(side->row_table, previous);
            ((struct join_chain_payload *)(row + side->row_payload))->next = next;
        } else {
            *first = next | (*first & JOIN_ROW_IN_KEY);
        }
        weir_table_delete(side->row_table, ref);
    }
    delete_key_without_rows(side, key_row, key_ref);
}

/* An insert-only side is never asked to, but a source may break its promise: then the first equal row goes.
 */
static void remove_from_list(struct join_side *side, uint32_t i, uint16_t at)
{
    struct weir_table_keys keys = join_keys(side, i, &at);
    const uint8_t *key_row;
    weir_row_ref key_ref, previous = WEIR_ROW_NONE;
    weir_table_find(side->key_table, &keys, &key_row, &key_ref);
    if (!key_row) return;
    for (weir_row_ref ref = first_in(key_row, side->list_offset, key_ref); ref;) {
        const uint8_t *row = join_row_at(side, ref);
        if (weir_table_columns_equal(side->row_table, row, 0, side->stored_count, side->vectors, at)) {
            if (side->chained)
                unchain_row(side, key_ref, previous, ref);
            else
                unlink_row(side, ref);
            return;
        }
        previous = ref;
        ref = join_row_next(side, row);
    }
}

enum weir_error_code join_side_remove(struct join_side *side, const struct weir_batch *batch, uint32_t i)
{
    uint16_t at = (uint16_t)weir_batch_row(batch, i);
    if (side->layout == JOIN_APPEND) {
        remove_from_list(side, i, at);
        return WEIR_OK;
    }
    struct weir_table_keys identity = identity_keys(side, i, &at);
    const uint8_t *found;
    weir_row_ref ref;
    weir_table_find(side->row_table, &identity, &found, &ref);
    if (!ref) return WEIR_OK;
    if (join_row(side, found)->copies > 1) {
        uint8_t *row = weir_table_write(side->row_table, ref);
        ((struct join_row_payload *)(row + side->row_payload))->copies--;
    } else {
        unlink_row(side, ref);
    }
    return WEIR_OK;
}

/* --- another side's batch --- */

void join_side_find(
    struct join_side *side, struct join_side *other, const struct weir_batch *batch, weir_row_ref *firsts)
{
    uint32_t n = weir_batch_selected(batch);
    struct weir_table_keys keys = { .count = n,
        .rows = ops_rows(batch),
        .columns = other->keys.vectors,
        .hashes = other->keys.hashes,
        .key_groups = other->keys.groups };
    const uint8_t *rows[WEIR_BATCH_ROWS_MAX];
    weir_row_ref refs[WEIR_BATCH_ROWS_MAX];
    weir_table_find(side->key_table, &keys, rows, refs);
    for (uint32_t i = 0; i < n; i++) {
        firsts[i] = WEIR_ROW_NONE;
        if (!rows[i] || other->unmatchable[i]) continue;
        firsts[i] = first_in(rows[i], side->list_offset, refs[i]);
        if (firsts[i]) join_row_prefetch(side, firsts[i]);
    }
}

static void expire(void *context, struct weir_table *table, weir_row_ref ref)
{
    unlink_row(context, ref);
}

void join_side_sweep(struct join_side *side)
{
    if (side->ttl_ms > 0) weir_table_sweep(side->row_table, SWEEP_ROWS, expire, side);
}
