/*
 * One side of a regular join: its rows in keyed state, chained per join key.
 *
 *   keys  one row per join key, shared by the two sides: the list of each side's rows with that key
 *   rows  the side's rows; linked into their key's list. Of three layouts:
 *         append     insert-only input: no index, equal rows lie side by side
 *         unique     a unique key is known: found by join key and unique key; a second add replaces
 *         multiset   found by the whole row; `copies` counts equal ones
 *
 * `degree` is the number of matching rows of the other side; kept only for sides that need it (outer, semi,
 * anti).
 */
#ifndef WEIR_OPS_JOIN_SIDE_H
#define WEIR_OPS_JOIN_SIDE_H

#include "ops/common.h"

enum join_layout { JOIN_APPEND, JOIN_UNIQUE, JOIN_MULTISET };

/* Both sides share the table of keys: a row looks its own chain and the other side's up at once. */
struct join_key_payload {
    struct weir_row_list rows[2]; /* per side */
};

struct join_row_payload {
    struct weir_row_link link;
    weir_row_ref key;
    uint32_t degree, copies;
};

struct join_side {
    struct weir_operator_context *ctx;
    uint32_t input, column_count;
    enum join_layout layout;
    bool keeps_degree;
    bool chained; /* rows never go: new ones are put in front of a singly linked chain, which touches no other
                     row */
    int64_t ttl_ms;
    const bool *null_safe; /* per key column */
    struct ops_keys keys;  /* of this side's batches */
    struct weir_table *key_table, *row_table;
    size_t key_payload, row_payload, link_offset;
    uint32_t *order;    /* table column -> input column: what identifies a row comes first */
    uint32_t *position; /* input column -> table column */
    uint32_t identity_count;
    /* scratch */
    const struct weir_vector **vectors; /* in table order */
    uint8_t **row_pointers, **key_pointers;
    weir_row_ref *key_refs;
    uint64_t *identity_hashes;
    uint8_t *unmatchable; /* per selected row: a NULL in a key that is compared by = */
};

/* key_table: NULL for the first side, which makes it; the second is given the first's.
 * prefix: "left" or "right". types, keys and unique key come from the context's spec. */
enum weir_error_code join_side_init(struct join_side *side, struct weir_operator_context *ctx, uint32_t input,
    const char *prefix, const bool *null_safe, bool keeps_degree, struct weir_table *key_table);

/* Hashes, key groups and NULL tests of a batch of this side. */
void join_side_read(struct join_side *side, const struct weir_batch *batch);
/* All selected, matchable rows of an insert-only batch at once; degrees (per selected row) may be NULL. */
enum weir_error_code join_side_add_all(
    struct join_side *side, const struct weir_batch *batch, const uint32_t *degrees);
/* Selected row i of the batch read last: added, or taken away (one that is not there is ignored). */
enum weir_error_code join_side_add(
    struct join_side *side, const struct weir_batch *batch, uint32_t i, uint32_t degree);
enum weir_error_code join_side_remove(struct join_side *side, const struct weir_batch *batch, uint32_t i);
/* Looks up the lists of this side for the keys of another side's batch: lists[i] NULL where there is none. */
void join_side_find(struct join_side *side, struct join_side *other, const struct weir_batch *batch,
    const struct weir_row_list **lists);

static inline const struct join_row_payload *join_row(const struct join_side *side, const uint8_t *row)
{
    return (const struct join_row_payload *)(row + side->row_payload);
}
static inline bool join_row_is_live(const struct join_side *side, const uint8_t *row)
{
    return side->ttl_ms == 0 || !weir_table_expired(side->row_table, row);
}
/* Sets the degree; the pointer that was read stays good for reading columns. */
static inline void join_row_set_degree(struct join_side *side, weir_row_ref ref, uint32_t degree)
{
    uint8_t *row = weir_table_write(side->row_table, ref);
    ((struct join_row_payload *)(row + side->row_payload))->degree = degree;
}
/* Time to live: looks at some rows and lets expired ones go. */
void join_side_sweep(struct join_side *side);

#endif
