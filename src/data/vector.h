/*
 * Vectors: one column of a batch. Rows are counted by the batch; a vector knows only its capacity.
 *
 * Encodings: FLAT (data[i]), CONSTANT (data[0] for every row), DICTIONARY (dictionary vector at indices[i]).
 * Validity: bit i set = row i not NULL, LSB first in 64-bit words (Arrow); NULL pointer = all valid. A
 * CONSTANT has bit 0. A DICTIONARY vector has no validity of its own: NULL is a property of the dictionary's
 * entries. Values under a cleared validity bit are unspecified but initialised memory; kernels may compute on
 * them, faultable ones not.
 *
 * Ownership: a vector owns nothing. Buffers come from an arena, or from the batch that the vector stands in;
 * strings point into heaps that the batch refers to. @thread the batch's owner.
 */
#ifndef WEIR_DATA_VECTOR_H
#define WEIR_DATA_VECTOR_H

#include "data/string_view.h"
#include "data/type.h"

enum weir_encoding { WEIR_ENCODING_FLAT, WEIR_ENCODING_CONSTANT, WEIR_ENCODING_DICTIONARY };

struct weir_list {
    uint32_t offset, length; /* into the children of an ARRAY, MAP or MULTISET vector */
};

struct weir_vector {
    const struct weir_type *type;
    enum weir_encoding encoding;
    uint32_t capacity;              /* rows that data and validity have room for (FLAT); 1 for CONSTANT */
    uint64_t *validity;             /* NULL = no NULLs */
    void *data;                     /* FLAT, CONSTANT: values; NULL for ROW */
    uint32_t *indices;              /* DICTIONARY */
    struct weir_vector *dictionary; /* DICTIONARY: flat */
    struct weir_vector *children;   /* ARRAY 1, MAP 2, MULTISET 2, ROW child_count (FLAT or CONSTANT) */
    uint32_t child_rows;            /* ARRAY MAP MULTISET: rows used in the children */
};

enum { WEIR_VALIDITY_BITS = 64 };
static inline size_t weir_validity_words(uint32_t rows)
{
    return ((size_t)rows + 63) / 64;
}
static inline bool weir_bit_get(const uint64_t *bits, uint32_t i)
{
    return bits[i >> 6] >> (i & 63) & 1;
}
static inline void weir_bit_set(uint64_t *bits, uint32_t i)
{
    bits[i >> 6] |= (uint64_t)1 << (i & 63);
}
static inline void weir_bit_clear(uint64_t *bits, uint32_t i)
{
    bits[i >> 6] &= ~((uint64_t)1 << (i & 63));
}

/* Where row's value lies: index into the flat data and validity; *flat is the vector that holds it. */
static inline uint32_t weir_vector_locate(
    const struct weir_vector *v, uint32_t row, const struct weir_vector **flat)
{
    switch (v->encoding) {
    case WEIR_ENCODING_FLAT: *flat = v; return row;
    case WEIR_ENCODING_CONSTANT: *flat = v; return 0;
    case WEIR_ENCODING_DICTIONARY: *flat = v->dictionary; return v->indices[row];
    }
    __builtin_unreachable();
}

static inline bool weir_vector_is_null(const struct weir_vector *v, uint32_t row)
{
    const struct weir_vector *flat;
    uint32_t at = weir_vector_locate(v, row, &flat);
    return flat->type->id == WEIR_TYPE_NULL || (flat->validity && !weir_bit_get(flat->validity, at));
}

/* A FLAT vector with room for capacity rows (and children alike: lists start with room for capacity elements
 * and grow by weir_vector_reserve_children). Data zeroed, no validity. */
void weir_vector_init(
    struct weir_vector *v, const struct weir_type *type, uint32_t capacity, struct weir_arena *arena);
/* Gives the vector validity words, all valid, for at least rows; keeps what is there. */
uint64_t *weir_vector_ensure_validity(struct weir_vector *v, uint32_t rows, struct weir_arena *arena);
void weir_vector_set_null(struct weir_vector *v, uint32_t row, struct weir_arena *arena); /* FLAT */
/* Room for more rows behind child_rows in every child of a list vector; grows by doubling, copying within
 * arena. */
void weir_vector_reserve_children(struct weir_vector *v, uint32_t more, struct weir_arena *arena);
/* A CONSTANT of all NULL. */
void weir_vector_init_null(struct weir_vector *v, const struct weir_type *type, struct weir_arena *arena);

/* Copies rows of from (any encoding; from_rows[i] or, if NULL, i) to to[to_offset + i], to FLAT of the same
 * type with room. Strings: views are copied, not bytes, unless heap is given: then bytes beyond 12 go there.
 * Nested values are deep. */
struct weir_heap_writer;
void weir_vector_gather(struct weir_vector *to, uint32_t to_offset, const struct weir_vector *from,
    const uint32_t *from_rows, uint32_t count, struct weir_arena *arena, struct weir_heap_writer *heap);
/* Makes any encoding FLAT for rows 0..rows-1 (into arena); a FLAT vector is returned as it is. */
const struct weir_vector *weir_vector_flatten(
    const struct weir_vector *v, uint32_t rows, struct weir_arena *arena);

/* Value equality as GROUP BY, DISTINCT and IS NOT DISTINCT FROM see it (NULLs equal, NaN equal, -0.0 = 0.0),
 * any encodings. */
bool weir_vector_equal_at(
    const struct weir_vector *a, uint32_t row_a, const struct weir_vector *b, uint32_t row_b);
/* Total order for sorting (NULL first when nulls_first), <0 0 >0. Types that have no order (MAP, MULTISET)
 * compare by content. */
int weir_vector_compare_at(const struct weir_vector *a, uint32_t row_a, const struct weir_vector *b,
    uint32_t row_b, bool nulls_first);

/* What rows 0..rows-1 take when they are sent (weir_batch_bytes()). */
uint64_t weir_vector_bytes(const struct weir_vector *v, uint32_t rows);

/* 64-bit hashes of a column, combined into hashes[] (seeded if combine is false). Equal values (as above)
 * give equal hashes, whatever the encoding and on whatever machine: routing, state and restore depend on it.
 */
void weir_vector_hash(
    const struct weir_vector *v, const uint16_t *selection, uint32_t count, uint64_t *hashes, bool combine);

#endif
