/* Whole input rows in state, and output that mixes rows of the input with rows of the state. */
#ifndef WEIR_OPS_ROWS_H
#define WEIR_OPS_ROWS_H

#include "ops/common.h"

/* --- a table of input rows: the key columns first, then the others --- */
struct ops_row_table {
    struct weir_table *table;
    uint32_t column_count; /* of the input */
    uint32_t key_count;
    uint32_t *place;                    /* input column -> table column */
    const struct weir_vector **vectors; /* scratch: the batch's columns in table order */
    size_t payload;
};
struct ops_row_table_options {
    const char *name;
    uint32_t input;
    const uint32_t *keys;
    uint32_t key_count;
    uint32_t payload_bytes;
    int64_t ttl_ms;
    bool indexed;
};
void ops_row_table_init(struct ops_row_table *rows, struct weir_operator_context *ctx,
    const struct ops_row_table_options *options);
/* All columns, or those behind the key. */
void ops_row_table_store(
    struct ops_row_table *rows, uint8_t *row, const struct weir_batch *batch, uint32_t at, bool with_key);
bool ops_row_table_equal(
    struct ops_row_table *rows, const uint8_t *row, const struct weir_batch *batch, uint32_t at);
/* Order of two rows, of a row and a batch row, by sort keys. */
int ops_row_table_compare(const struct ops_row_table *rows, const struct ops_sort_key *order, uint32_t count,
    const uint8_t *a, const uint8_t *b);
int ops_row_table_compare_batch(const struct ops_row_table *rows, const struct ops_sort_key *order,
    uint32_t count, const uint8_t *row, const struct weir_batch *batch, uint32_t at);

/* --- output --- */
struct ops_mixer {
    struct ops_row_table *rows;
    uint32_t count; /* entries waiting */
    uint32_t capacity;
    uint8_t *kinds;
    const uint8_t **states; /* NULL: a row of the input */
    uint32_t *at;           /* input row */
    int64_t *numbers;       /* for a BIGINT column behind the others */
    bool numbered;
    struct weir_batch scratch;
    const uint8_t **load;
    uint32_t *gather, *order;
};
void ops_mixer_init(
    struct ops_mixer *mixer, struct weir_operator_context *ctx, struct ops_row_table *rows, bool numbered);
void ops_mixer_done(struct ops_mixer *mixer);
/* Entries come out in the order they were put; the caller sees to room in out (WEIR_BATCH_ROWS_MAX in all).
 */
static inline void ops_mixer_put_state(
    struct ops_mixer *mixer, uint8_t kind, const uint8_t *row, int64_t number)
{
    mixer->kinds[mixer->count] = kind;
    mixer->states[mixer->count] = row;
    mixer->numbers[mixer->count++] = number;
}
static inline void ops_mixer_put_input(struct ops_mixer *mixer, uint8_t kind, uint32_t at, int64_t number)
{
    mixer->kinds[mixer->count] = kind;
    mixer->states[mixer->count] = NULL;
    mixer->at[mixer->count] = at;
    mixer->numbers[mixer->count++] = number;
}
/* Appends all entries to out and forgets them: before the state rows they name change. batch may be NULL
 * without input rows. */
void ops_mixer_flush(struct ops_mixer *mixer, const struct weir_batch *batch, struct weir_batch *out);

/* --- a heap of (time, row), looked at lazily by those who use it --- */
struct ops_heap_entry {
    int64_t time;
    weir_row_ref row;
};
struct ops_heap {
    struct weir_memory *memory;
    struct ops_heap_entry *entries;
    uint32_t count, capacity;
};
void ops_heap_push(struct ops_heap *heap, int64_t time, weir_row_ref row);
struct ops_heap_entry ops_heap_pop(struct ops_heap *heap);
void ops_heap_done(struct ops_heap *heap);

#endif
