/*
 * Tables of keyed state: what operators keep their rows in. (state.h is the task's view: snapshot, restore.)
 *
 * A table holds fixed-stride rows: a header, typed columns (key columns, then value columns; strings up to 12
 * bytes inline, longer ones in the key group's heap), then `payload_bytes` that belong to the operator (a
 * plain struct: accumulators, list and tree nodes). Rows lie in pages per key group. An indexed table has a
 * hash directory over its key columns; the rows of one without are reached by reference only (chains of a
 * join key, nodes of a tree).
 *
 *     reference   weir_row_ref, 64 bits (48 used): key group, page, slot. Valid until the row is deleted;
 * survives snapshot, restore and rescaling, so rows may store references to rows OF THE SAME KEY GROUP. 0 =
 * none. pointer     uint8_t *row: where the row lies now. For reading: valid until the next write() of a row
 * in the same page. For writing: got from weir_table_write(), upsert or insert; valid until the next barrier
 * or delete. Operators fetch pointers anew in every call (process, watermark, timer); no snapshot begins
 * inside one.
 *
 * Key groups: the partition key's hash decides (data/key_group.h), also for tables whose own key is longer
 * (distinct values of a group, slices): all rows that refer to each other must lie in one key group. Callers
 * pass it per row.
 *
 * Time to live (ttl_ms > 0): a row expires ttl_ms after it was last created or written (upsert, insert,
 * weir_table_touch), in processing time. Expired rows are never returned: find misses them, upsert reports
 * WEIR_ROW_EXPIRED and leaves the old payload in place for the operator to let go what hangs on it and to
 * start anew.
 *
 * Families: a table may come in partitions (one per window slice), each with its own directory and pages, so
 * that dropping one is freeing pages.
 *
 * @thread slot.
 */
#ifndef WEIR_STATE_TABLE_H
#define WEIR_STATE_TABLE_H

#include "data/batch.h"
#include "data/key_group.h"
#include "state/state.h"

typedef uint64_t weir_row_ref;
enum { WEIR_ROW_NONE = 0 };

struct weir_table;

struct weir_table_options {
    const char *name;                     /* unique in the operator's state; part of the snapshot. Copied */
    const struct weir_type *const *types; /* key columns, then value columns. Borrowed from the plan */
    uint32_t key_count,
        column_count;       /* key_count of the columns are the key (0 with indexed: a single row per hash) */
    uint32_t payload_bytes; /* zeroed in a new row; 8-byte aligned in the row (no __int128 members) */
    int64_t ttl_ms;         /* 0 = never */
    bool indexed;           /* false: insert() and references only */
    bool transient;         /* scratch of one call: never in a snapshot */
    uint64_t meaning; /* of what looks alike (functions, windows): a snapshot's must be the same; 0: none */
};

/* Opens (creates) a table; done once per table in the operator's create(), before restore. Lives as long as
 * the state. */
struct weir_table *weir_table_open(struct weir_state *state, const struct weir_table_options *options);

/* --- families: weir_table_open() returns partition 0; others are made on demand and dropped as a whole ---
 */
struct weir_table *weir_table_partition(
    struct weir_table *any, int64_t partition, bool create); /* NULL: absent */
struct weir_table *weir_table_partition_first(
    struct weir_table *any); /* smallest partition that holds rows; NULL: none */
struct weir_table *weir_table_partition_next(
    struct weir_table *table); /* next larger that exists; NULL: none */
int64_t weir_table_partition_id(const struct weir_table *table);
void weir_table_partition_drop(
    struct weir_table *table); /* frees it (partition 0: clears it); the pointer is dead then */
void weir_table_clear(struct weir_table *table); /* forgets all rows; keeps the table */

/* --- keys of a batch --- */
/* Row i of the call is vector row rows[i] (NULL: i). columns are the key columns in table order, any
 * encoding. */
struct weir_table_keys {
    uint32_t count;
    const uint16_t *rows;
    const struct weir_vector *const *columns;
    const uint64_t *hashes;     /* of the table's key, per i */
    const uint16_t *key_groups; /* per i; NULL: derived from hashes */
};

enum weir_row_state { WEIR_ROW_FOUND, WEIR_ROW_NEW, WEIR_ROW_EXPIRED };

/* Finds or creates the row of every key, in order. refs and states may be NULL. rows[i] are for writing. Key
 * columns of new rows are stored; value columns are NULL, payload zero. A key group outside the state's range
 * gives WEIR_E_INTERNAL. */
enum weir_error_code weir_table_upsert(struct weir_table *table, const struct weir_table_keys *keys,
    uint8_t **rows, weir_row_ref *refs, uint8_t *states, struct weir_error *reterr);
/* rows[i] = for READING (weir_table_write() before writing), NULL: not there. refs may be NULL (0: not
 * there). */
void weir_table_find(
    struct weir_table *table, const struct weir_table_keys *keys, const uint8_t **rows, weir_row_ref *refs);
/* A hint that keys with these hashes are looked up soon: their places in the directory are fetched. */
void weir_table_prefetch(const struct weir_table *table, const uint64_t *hashes, uint32_t count);
/* One new row that no directory knows (indexed: hash is entered, duplicates are the caller's business).
 * Columns are NULL. */
uint8_t *weir_table_insert(struct weir_table *table, uint32_t key_group, uint64_t hash, weir_row_ref *ref);
/* A new row with all its columns for every key, in a table without a directory: vectors are the columns in
 * table order, keys->columns is not read; rows and key_groups (of the state's range) are not NULL. rows[i]
 * are for writing. */
void weir_table_append(struct weir_table *table, const struct weir_table_keys *keys,
    const struct weir_vector *const *vectors, uint8_t **rows, weir_row_ref *refs);
/* Takes the row out of the directory, frees its strings, reuses its slot. Payload's own belongings are the
 * caller's. */
void weir_table_delete(struct weir_table *table, weir_row_ref ref);

const uint8_t *weir_table_read(const struct weir_table *table, weir_row_ref ref);
uint8_t *weir_table_write(
    struct weir_table *table, weir_row_ref ref); /* copies the page first when a snapshot wants it */

static inline uint32_t weir_row_key_group(weir_row_ref ref)
{
    return (uint32_t)(ref >> 33) & 0x7fff;
}
uint64_t weir_table_row_hash(const struct weir_table *table, const uint8_t *row);
/* Payload of a row pointer. */
size_t weir_table_payload_offset(const struct weir_table *table);
static inline void *weir_row_payload(uint8_t *row, size_t payload_offset)
{
    return row + payload_offset;
}
void weir_table_touch(struct weir_table *table, uint8_t *row); /* renews the time to live */
bool weir_table_is_live(
    const struct weir_table *table, weir_row_ref ref); /* the slot of a once valid reference is in use */
bool weir_table_expired(const struct weir_table *table, const uint8_t *row);

size_t weir_table_rows(const struct weir_table *table); /* live rows, expired ones included */

/* --- columns of rows --- */
/* Stores vector row `at` into column c of a row for writing (strings are copied, what was there is freed). */
void weir_table_column_store(
    struct weir_table *table, uint8_t *row, uint32_t c, const struct weir_vector *from, uint32_t at);
/* Columns [first, first + count) of n rows at once: rows[i] gets vectors[..] row from_rows[i] (NULL: i). */
void weir_table_columns_store(struct weir_table *table, uint8_t *const *rows, uint32_t n, uint32_t first,
    uint32_t count, const struct weir_vector *const *vectors, const uint16_t *from_rows);
/* Appends column c of n rows to FLAT `to` at to_offset; a NULL row pointer gives NULL. Long strings are
 * copied to heap. */
void weir_table_column_load(const struct weir_table *table, const uint8_t *const *rows, uint32_t n,
    uint32_t c, struct weir_vector *to, uint32_t to_offset, struct weir_arena *arena,
    struct weir_heap_writer *heap);
bool weir_table_column_is_null(const struct weir_table *table, const uint8_t *row, uint32_t c);
void weir_table_column_set_null(struct weir_table *table, uint8_t *row, uint32_t c);
/* Equality (NULLs equal) and order (NULL first when nulls_first) of stored and batch values. */
bool weir_table_column_equal(
    const struct weir_table *table, const uint8_t *row, uint32_t c, const struct weir_vector *v, uint32_t at);
bool weir_table_columns_equal(const struct weir_table *table, const uint8_t *row, uint32_t first,
    uint32_t count, const struct weir_vector *const *vectors, uint32_t at);
bool weir_table_rows_equal(
    const struct weir_table *table, const uint8_t *a, const uint8_t *b, uint32_t first, uint32_t count);
int weir_table_column_compare(
    const struct weir_table *table, const uint8_t *a, const uint8_t *b, uint32_t c, bool nulls_first);
int weir_table_column_compare_vector(const struct weir_table *table, const uint8_t *row, uint32_t c,
    const struct weir_vector *v, uint32_t at, bool nulls_first);

/* --- bytes beside rows: in the key group's heap; the 16-byte form lies in a payload and is freed by the
 * operator --- */
struct weir_state_string {
    uint32_t length;
    char inlined[4]; /* and 8 more; beyond 12 bytes: prefix and reference */
    uint64_t reference;
};
/* `to` (in a writable row of key_group; zero or an earlier string, which is freed) becomes a copy of data. */
void weir_state_string_set(struct weir_table *table, uint32_t key_group, struct weir_state_string *to,
    const char *data, uint32_t length);
/* A view: of `from` itself when inline, else of the page: valid until the next write in the table. */
struct weir_string weir_state_string_get(
    const struct weir_table *table, const struct weir_state_string *from);
void weir_state_string_free(struct weir_table *table, struct weir_state_string *string); /* becomes empty */

/* --- going through a table --- */
struct weir_table_cursor {
    uint32_t key_group, page, slot; /* zero-initialised: the beginning */
};
/* Up to n live rows from the cursor on (key group order, then place); returns how many, 0 at the end. Rows
 * may be deleted and written meanwhile; rows inserted meanwhile may or may not be seen. */
uint32_t weir_table_scan(struct weir_table *table, struct weir_table_cursor *cursor, const uint8_t **rows,
    weir_row_ref *refs, uint32_t n);
/* Time to live, in the background: looks at up to `budget` rows from where it stopped last time, calls expire
 * for those that are expired (the operator frees what hangs on the row and deletes it). Call once per batch.
 */
void weir_table_sweep(struct weir_table *table, uint32_t budget,
    void (*expire)(void *context, struct weir_table *table, weir_row_ref ref), void *context);

/* --- doubly linked lists of rows in one key group: list.c --- */
struct weir_row_list { /* in the owner's payload; zero = empty */
    weir_row_ref first, last;
    uint64_t count;
};
struct weir_row_link { /* in the member row's payload, at an offset that all list calls are told */
    weir_row_ref previous, next;
};
/* link_offset counts from the row's start (weir_table_payload_offset() + offsetof). list lies in a row for
 * writing. */
void weir_row_list_append(
    struct weir_table *table, size_t link_offset, struct weir_row_list *list, weir_row_ref member);
void weir_row_list_prepend(
    struct weir_table *table, size_t link_offset, struct weir_row_list *list, weir_row_ref member);
void weir_row_list_remove(
    struct weir_table *table, size_t link_offset, struct weir_row_list *list, weir_row_ref member);
static inline weir_row_ref weir_row_list_next(const uint8_t *member_row, size_t link_offset)
{
    return ((const struct weir_row_link *)(member_row + link_offset))->next;
}

/* --- ordered trees of rows in one key group (treap with counts: rank and select in O(log n)): tree.c --- */
struct weir_row_tree { /* in the owner's payload; zero = empty */
    weir_row_ref root;
    uint64_t count;
};
struct weir_row_node { /* in the member row's payload */
    weir_row_ref left, right, parent;
    uint32_t count; /* members in this subtree */
    uint32_t priority;
};
/* Order of two member rows; <0, 0, >0. Members that compare equal stay in the order of insertion. */
struct weir_tree_order {
    struct weir_table *table;
    size_t node_offset;
    int (*compare)(const void *context, const uint8_t *a, const uint8_t *b);
    const void *context;
};
/* Returns the member's rank (0 = first). The row's columns must be stored before. */
uint64_t weir_row_tree_insert(
    const struct weir_tree_order *order, struct weir_row_tree *tree, weir_row_ref member);
void weir_row_tree_remove(
    const struct weir_tree_order *order, struct weir_row_tree *tree, weir_row_ref member);
uint64_t weir_row_tree_rank(
    const struct weir_tree_order *order, const struct weir_row_tree *tree, weir_row_ref member);
weir_row_ref weir_row_tree_at(
    const struct weir_tree_order *order, const struct weir_row_tree *tree, uint64_t rank); /* 0: none */
weir_row_ref weir_row_tree_first(const struct weir_tree_order *order, const struct weir_row_tree *tree);
weir_row_ref weir_row_tree_last(const struct weir_tree_order *order, const struct weir_row_tree *tree);
weir_row_ref weir_row_tree_next(const struct weir_tree_order *order, weir_row_ref member);
weir_row_ref weir_row_tree_previous(const struct weir_tree_order *order, weir_row_ref member);
/* First member for which probe(context2, row) >= 0, probe being monotonous in the order (lower bound); 0:
 * none. */
weir_row_ref weir_row_tree_lower_bound(const struct weir_tree_order *order, const struct weir_row_tree *tree,
    int (*probe)(const void *context, const uint8_t *row), const void *context);

#endif
