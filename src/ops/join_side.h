/*
 * One side of a regular join: its rows in keyed state, chained per join key.
 *
 *   keys  one row per join key, shared by the two sides: the list of each side's rows with that key
 *   rows  the side's rows; linked into their key's list. Of three layouts:
 *         append     insert-only input: no index, equal rows lie side by side
 *         unique     a unique key is known: found by join key and unique key; a second add replaces
 *         multiset   found by the whole row; `copies` counts equal ones
 *
 * A side that is only ever asked for its rows by key, of a few words that fit beside the key, has the first
 * row of each key in the key's own row: the look-up ends there, and where keys are unique nothing else is
 * stored.
 *
 * `degree` is the number of matching rows of the other side; kept only for sides that need it (outer, semi,
 * anti).
 */
#ifndef WEIR_OPS_JOIN_SIDE_H
#define WEIR_OPS_JOIN_SIDE_H

#include "ops/join_pairs.h"

enum join_layout { JOIN_APPEND, JOIN_UNIQUE, JOIN_MULTISET };

/* A row's payload, but for chained sides. */
struct join_row_payload {
    struct weir_row_link link;
    weir_row_ref key;
    uint32_t degree, copies;
};
/* In references to rows of a side: the row that lies in the key's row, whose reference this is otherwise. In
 * the reference that a key's row begins a chain with: it has a row in itself, before those of the chain. */
#define JOIN_ROW_IN_KEY (UINT64_C(1) << 63)

/* Of a chained side: without `degree` where that is not kept. Rows are many, so every byte counts. */
struct join_chain_payload {
    weir_row_ref next;
    uint64_t degree;
};

struct join_side {
    struct weir_operator_context *ctx;
    uint32_t input, column_count;
    enum join_layout layout;
    bool keeps_degree;
    bool chained; /* rows never go: new ones are put in front of a singly linked chain, which touches no other
                     row; the key's row holds the chain's first row instead of a struct weir_row_list */
    int64_t ttl_ms;
    const bool *null_safe; /* per key column */
    struct ops_keys keys;  /* of this side's batches */
    struct weir_table *key_table, *row_table;
    size_t row_payload, link_offset;
    size_t list_offset, other_list_offset; /* in a key's row; either begins with the first row's reference */
    bool embedded; /* the key's row has one of the side's rows. It looks like any other to who knows where its
                      columns and the next row are: that is where the list begins */
    uint32_t *order;       /* table column -> input column: what identifies a row comes first */
    uint32_t stored_count; /* of the table's columns */
    uint32_t *position;    /* input column -> table column, or JOIN_COLUMN_OF_INPUT + column */
    uint32_t identity_count;
    uint32_t *unique, unique_count;
    /* scratch */
    const struct weir_vector **vectors; /* in table order */
    uint8_t **row_pointers, **key_pointers;
    weir_row_ref *key_refs;
    uint16_t *places; /* in the selection, of the rows that row_pointers has */
    uint32_t place_count;
    uint64_t *identity_hashes;
    uint8_t *unmatchable; /* per selected row: a NULL in a key that is compared by = */
};

/* Both sides; types, keys and unique keys come from the context's spec. in_pairs_only: the side's rows come
 * out only in pairs with rows of the other side's input, so that what is in the key, being equal, need not be
 * stored with every row. */
enum weir_error_code join_sides_init(struct join_side sides[2], struct weir_operator_context *ctx,
    const bool *null_safe, const bool keeps_degree[2], const bool in_pairs_only[2]);

/* Hashes, key groups and NULL tests of a batch of this side. */
void join_side_read(struct join_side *side, const struct weir_batch *batch);
/* All selected, matchable rows of an insert-only batch at once. firsts[i]: the first row of the other side's
 * list for selected row i, 0: none. */
enum weir_error_code join_side_add_all(struct join_side *side, const struct join_side *other,
    const struct weir_batch *batch, weir_row_ref *firsts);
/* Of the rows added by join_side_add_all() in this call of the operator; per selected row. */
void join_side_set_degrees(struct join_side *side, const uint32_t *degrees);
/* A hint: the rows of the batch read last are added or taken away one by one soon. */
void join_side_fetch(struct join_side *side, const struct weir_batch *batch);
/* Selected row i of the batch read last: added, or taken away (one that is not there is ignored). */
enum weir_error_code join_side_add(
    struct join_side *side, const struct weir_batch *batch, uint32_t i, uint32_t degree);
enum weir_error_code join_side_remove(struct join_side *side, const struct weir_batch *batch, uint32_t i);
/* Looks up the lists of this side for the keys of another side's batch: firsts[i] 0 where there is none. */
void join_side_find(
    struct join_side *side, struct join_side *other, const struct weir_batch *batch, weir_row_ref *firsts);

static inline const struct join_row_payload *join_row(const struct join_side *side, const uint8_t *row)
{
    return (const struct join_row_payload *)(row + side->row_payload);
}
static inline const struct join_chain_payload *join_chained_row(
    const struct join_side *side, const uint8_t *row)
{
    return (const struct join_chain_payload *)(row + side->row_payload);
}
/* Where the row is, for reading. */
static inline const uint8_t *join_row_at(const struct join_side *side, weir_row_ref ref)
{
    if (!(ref & JOIN_ROW_IN_KEY)) return weir_table_read(side->row_table, ref);
    return weir_table_read(side->key_table, ref & ~JOIN_ROW_IN_KEY) + side->list_offset - side->row_payload;
}
static inline void join_row_prefetch(const struct join_side *side, weir_row_ref ref)
{
    const uint8_t *row = join_row_at(side, ref);
    __builtin_prefetch(row);
    __builtin_prefetch(row + side->row_payload); /* where the next one is */
}
static inline weir_row_ref join_row_next(const struct join_side *side, const uint8_t *row)
{
    return side->chained ? join_chained_row(side, row)->next & ~JOIN_ROW_IN_KEY
                         : join_row(side, row)->link.next;
}
static inline uint32_t join_row_degree(const struct join_side *side, const uint8_t *row)
{
    return side->chained ? (uint32_t)join_chained_row(side, row)->degree : join_row(side, row)->degree;
}
static inline bool join_row_is_live(const struct join_side *side, const uint8_t *row)
{
    return side->ttl_ms == 0 || !weir_table_expired(side->row_table, row);
}
/* How often the row is there; 0: expired. */
static inline uint32_t join_row_copies(const struct join_side *side, const uint8_t *row)
{
    if (side->chained) return 1;
    return join_row_is_live(side, row) ? join_row(side, row)->copies : 0;
}
/* Sets the degree; the pointer that was read stays good for reading columns. Sides that keep it only. */
static inline void join_row_set_degree(struct join_side *side, weir_row_ref ref, uint32_t degree)
{
    uint8_t *payload = weir_table_write(side->row_table, ref) + side->row_payload;
    if (side->chained)
        ((struct join_chain_payload *)payload)->degree = degree;
    else
        ((struct join_row_payload *)payload)->degree = degree;
}
/* Time to live: looks at some rows and lets expired ones go. */
void join_side_sweep(struct join_side *side);

#endif
