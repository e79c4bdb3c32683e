/*
 * Batch: up to WEIR_BATCH_ROWS_MAX rows, columnar; row kinds; a selection of the rows that count.
 *
 * Lifetime: a batch has its own arena (column buffers, reset with it) and refers to string heaps by reference
 * count. Inside a chain a batch is lent for the length of a call; who keeps rows longer copies them (or
 * refers to its heaps). Between threads batches move by pointer and come back to their pool. After warm-up
 * neither reset nor append allocates.
 *
 * Row kinds: NULL = all +I. A -U is directly followed by its +U and never split from it by a batch boundary
 * (operators emit pairs with room for two, exchanges keep them or downgrade to -D/+I when keys differ).
 *
 * Selection: when selection is set, the rows that count are selection[0..selected-1], ascending, in columns
 * of row_count rows. Use weir_batch_selected() for the number of rows that count.
 */
#ifndef WEIR_DATA_BATCH_H
#define WEIR_DATA_BATCH_H

#include "data/heap.h"
#include "data/vector.h"

enum {
    WEIR_BATCH_ROWS_MAX = 1024,
    WEIR_BATCH_BYTES_MAX = 256 << 10, /* a source ends a batch at whichever comes first */
    WEIR_BATCH_HEAPS_MAX = 64,
};

enum weir_row_kind { WEIR_ROW_INSERT, WEIR_ROW_UPDATE_BEFORE, WEIR_ROW_UPDATE_AFTER, WEIR_ROW_DELETE };
static inline bool weir_row_kind_is_add(uint8_t kind)
{
    return kind == WEIR_ROW_INSERT || kind == WEIR_ROW_UPDATE_AFTER;
}
const char *weir_row_kind_text(enum weir_row_kind kind); /* +I -U +U -D */

struct weir_batch {
    uint32_t row_count; /* rows in the columns */
    uint32_t column_count;
    struct weir_vector *columns;
    uint8_t *kinds;      /* enum weir_row_kind per row; NULL = all +I */
    uint16_t *selection; /* NULL = all rows */
    uint32_t selected;   /* valid with selection */
    /* Of each row of the columns, over the key columns hash_columns, as weir_batch_hash() gives them; NULL =
     * not known. Who exchanges rows has hashed them, so nobody need hash them again. weir_batch_append()
     * takes them along; who changes the columns of a batch that has them sets them to NULL. */
    const uint64_t *hashes;
    const uint32_t *hash_columns;
    uint32_t hash_column_count;
    struct weir_arena arena;                       /* column buffers and scratch of this batch */
    struct weir_heap_writer heap;                  /* where strings made for this batch go */
    struct weir_heap *heaps[WEIR_BATCH_HEAPS_MAX]; /* referred to by columns' strings, beside heap's own */
    uint32_t heap_count;
    const struct weir_type *const *types; /* column types, borrowed from the plan */
    struct weir_vector *own_columns;      /* what columns pointed to before weir_batch_reference() */
    uint8_t *own_kinds;
    uint16_t *own_selection;
    struct weir_vector *fresh_columns;   /* the columns as after init, deep: what reset goes back to */
    struct weir_arena_block *mark_block; /* the arena behind the column buffers: where reset rewinds to */
    char *mark_cursor, *mark_end;
    bool heaps_incomplete; /* of a referenced batch whose heaps did not fit: share_heaps from here says no */
};

static inline uint32_t weir_batch_selected(const struct weir_batch *b)
{
    return b->selection ? b->selected : b->row_count;
}
static inline uint32_t weir_batch_row(const struct weir_batch *b, uint32_t i)
{
    return b->selection ? b->selection[i] : i;
}
static inline uint8_t weir_batch_kind(const struct weir_batch *b, uint32_t row)
{
    return b->kinds ? b->kinds[row] : WEIR_ROW_INSERT;
}

/* types is borrowed for the batch's life. Columns are FLAT with room for WEIR_BATCH_ROWS_MAX rows. */
void weir_batch_init(struct weir_batch *b, const struct weir_type *const *types, uint32_t column_count,
    struct weir_memory *memory);
void weir_batch_done(struct weir_batch *b);
/* Empty again: columns FLAT, no kinds, no selection, heaps let go; buffers are kept. */
void weir_batch_reset(struct weir_batch *b);
/* Gives the batch a kinds column (all +I so far). */
uint8_t *weir_batch_ensure_kinds(struct weir_batch *b);
/* Gives the batch a selection array of its own (contents unspecified, selected = 0). */
uint16_t *weir_batch_ensure_selection(struct weir_batch *b);
/* to becomes a view of from's columns, kinds and selection (shallow); valid while from is. Heaps are referred
 * to as well. */
void weir_batch_reference(struct weir_batch *to, const struct weir_batch *from);
/* to refers to every heap of from: for operators whose output columns carry views out of from. Duplicates are
 * skipped; when WEIR_BATCH_HEAPS_MAX is reached the call returns false and the caller copies bytes instead
 * (weir_vector_gather with heap). */
bool weir_batch_share_heaps(struct weir_batch *to, const struct weir_batch *from);
/* Appends rows (row indices of from, NULL = its selected rows in order) to a batch with FLAT columns of the
 * same types; the caller sees to room. Kinds are kept. String bytes are shared by heap reference where
 * possible, else copied. */
void weir_batch_append(
    struct weir_batch *to, const struct weir_batch *from, const uint32_t *rows, uint32_t count);

/* Exchange and snapshot codec: self-delimiting, validates everything it reads (lengths, offsets, UTF-8 is not
 * checked). Writes the selected rows only. */
void weir_batch_encode(const struct weir_batch *b, struct weir_buffer *to);
/* What all rows take when they are sent, strings included, whatever their encoding here: what the codec
 * writes without its headers and validity. */
uint64_t weir_batch_bytes(const struct weir_batch *b);

/* Bytes of the encoded batch that starts here, 0 when length is too short to tell. */
size_t weir_batch_encoded_bytes(const uint8_t *bytes, size_t length);
/* Into a batch just reset (or made); length is that of exactly one encoded batch. On failure the batch is
 * reset. */
enum weir_error_code weir_batch_decode(
    struct weir_batch *b, const uint8_t *bytes, size_t length, struct weir_error *reterr);

/* Hashes of the selected rows over key columns (row order of the selection). Bounded WEIR_BATCH_ROWS_MAX. */
void weir_batch_hash(
    const struct weir_batch *b, const uint32_t *columns, uint32_t column_count, uint64_t *hashes);

#endif
