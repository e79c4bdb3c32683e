/* Random types and values for the tests of this folder: seeded, every type, NULLs, strings short and long,
 * every encoding. */
#ifndef WEIR_TEST_RANDOM_DATA_H
#define WEIR_TEST_RANDOM_DATA_H

#include "data/batch.h"
#include "data/value.h"

struct random {
    uint64_t state;
};

static inline uint64_t random_next(struct random *r)
{
    r->state = r->state * 6364136223846793005u + 1442695040888963407u;
    return (r->state ^ r->state >> 33) * 0xff51afd7ed558ccdu >> 7;
}

static inline uint32_t random_below(struct random *r, uint32_t limit)
{
    return (uint32_t)(random_next(r) % limit);
}

static inline const struct weir_type *random_type(struct random *r, struct weir_arena *arena, uint32_t depth)
{
    bool nullable = random_below(r, 3) > 0;
    enum weir_type_id id = random_below(r, depth ? WEIR_TYPE_COUNT : WEIR_TYPE_ARRAY);
    switch (id) {
    case WEIR_TYPE_DECIMAL: return weir_type_decimal(arena, (uint8_t)(1 + random_below(r, 38)), 0, nullable);
    case WEIR_TYPE_CHAR:
    case WEIR_TYPE_BINARY: return weir_type_with_length(arena, id, 5, nullable);
    case WEIR_TYPE_VARCHAR:
    case WEIR_TYPE_VARBINARY: return weir_type_with_length(arena, id, WEIR_LENGTH_MAX, nullable);
    case WEIR_TYPE_TIME: return weir_type_with_precision(arena, id, 3, nullable);
    case WEIR_TYPE_TIMESTAMP:
    case WEIR_TYPE_TIMESTAMP_LTZ:
        return weir_type_with_precision(arena, id, (uint8_t)random_below(r, 10), nullable);
    case WEIR_TYPE_INTERVAL_YEAR_MONTH: return weir_type_interval(arena, WEIR_INTERVAL_UNIT_MONTH, nullable);
    case WEIR_TYPE_INTERVAL_DAY_TIME: return weir_type_interval(arena, WEIR_INTERVAL_UNIT_SECOND, nullable);
    case WEIR_TYPE_ARRAY: return weir_type_array(arena, random_type(r, arena, depth - 1), nullable);
    case WEIR_TYPE_MULTISET: return weir_type_multiset(arena, random_type(r, arena, depth - 1), nullable);
    case WEIR_TYPE_MAP:
        return weir_type_map(
            arena, random_type(r, arena, depth - 1), random_type(r, arena, depth - 1), nullable);
    case WEIR_TYPE_ROW: {
        const struct weir_type *children[4];
        uint32_t count = random_below(r, 5);
        for (uint32_t i = 0; i < count; i++) children[i] = random_type(r, arena, depth - 1);
        return weir_type_row(arena, children, NULL, count, nullable);
    }
    default: return weir_type_nullable(arena, weir_type_of(id), nullable || id == WEIR_TYPE_NULL);
    }
}

static inline struct weir_string random_string(struct random *r, struct weir_heap_writer *heap)
{
    char text[64];
    uint32_t length = random_below(r, 4) ? random_below(r, 14) : random_below(r, sizeof text);
    for (uint32_t i = 0; i < length; i++) text[i] = (char)('a' + random_below(r, 3));
    return weir_heap_writer_string(heap, text, length);
}

static inline void random_fill(struct random *r, struct weir_vector *v, uint32_t rows,
    struct weir_arena *arena, struct weir_heap_writer *heap);

static inline void random_lists(struct random *r, struct weir_vector *v, uint32_t rows,
    struct weir_arena *arena, struct weir_heap_writer *heap)
{
    struct weir_list *lists = v->data;
    uint32_t total = 0;
    for (uint32_t i = 0; i < rows; i++) {
        lists[i] = (struct weir_list){ total, random_below(r, 4) };
        total += lists[i].length + random_below(r, 2); /* some elements belong to nobody */
    }
    weir_vector_reserve_children(v, total, arena);
    for (uint32_t i = 0; i < (v->type->id == WEIR_TYPE_ARRAY ? 1u : 2u); i++) {
        random_fill(r, &v->children[i], total, arena, heap);
    }
    v->child_rows = total;
}

static inline void random_fill(struct random *r, struct weir_vector *v, uint32_t rows,
    struct weir_arena *arena, struct weir_heap_writer *heap)
{
    const struct weir_type *type = v->type;
    uint32_t width = weir_type_width(type);
    if (type->id == WEIR_TYPE_ROW) {
        for (uint32_t i = 0; i < type->child_count; i++) random_fill(r, &v->children[i], rows, arena, heap);
    } else if (weir_type_is_nested(type)) {
        random_lists(r, v, rows, arena, heap);
    } else {
        for (uint32_t i = 0; i < rows; i++) {
            if (weir_type_is_view(type)) {
                ((struct weir_string *)v->data)[i] = random_string(r, heap);
                continue;
            }
            /* Few different values, so that equal ones occur. */
            int64_t value = (int64_t)random_below(r, 6) - (type->id == WEIR_TYPE_BOOLEAN ? 0 : 3);
            if (type->id == WEIR_TYPE_BOOLEAN) value &= 1;
            char *at = (char *)v->data + (size_t)i * width;
            if (type->id == WEIR_TYPE_DOUBLE)
                ((double *)v->data)[i] = value == 2 ? __builtin_nan("") : (double)value / 2;
            else if (type->id == WEIR_TYPE_FLOAT)
                ((float *)v->data)[i] = value ? (float)value / 2 : -0.0f;
            else if (width == 16)
                *(weir_int128 *)(void *)at = (weir_int128)value * ((weir_int128)1 << (value & 1 ? 90 : 0));
            else if (width)
                memcpy(at, &value, width);
        }
    }
    for (uint32_t i = 0; type->nullable && i < rows; i++) {
        if (random_below(r, 5) == 0) weir_vector_set_null(v, i, arena);
    }
}

/* A column of rows rows in a random encoding. */
static inline struct weir_vector random_vector(struct random *r, const struct weir_type *type, uint32_t rows,
    struct weir_arena *arena, struct weir_heap_writer *heap)
{
    struct weir_vector v;
    switch (random_below(r, 3)) {
    case 0:
        weir_vector_init(&v, type, rows ? rows : 1, arena);
        random_fill(r, &v, rows, arena, heap);
        return v;
    case 1:
        weir_vector_init(&v, type, 1, arena);
        random_fill(r, &v, 1, arena, heap);
        v.encoding = WEIR_ENCODING_CONSTANT;
        return v;
    default: {
        uint32_t entries = 1 + random_below(r, 20);
        struct weir_vector *dictionary = WEIR_ARENA_NEW(arena, struct weir_vector);
        weir_vector_init(dictionary, type, entries, arena);
        random_fill(r, dictionary, entries, arena, heap);
        v = (struct weir_vector){
            .type = type, .encoding = WEIR_ENCODING_DICTIONARY, .capacity = rows, .dictionary = dictionary
        };
        v.indices = WEIR_ARENA_ARRAY(arena, uint32_t, rows);
        for (uint32_t i = 0; i < rows; i++) v.indices[i] = random_below(r, entries);
        return v;
    }
    }
}

/* A batch just reset becomes one of random columns, kinds and selection. Unused parameters of its types stay
 * as they are. */
static inline void random_batch(struct random *r, struct weir_batch *b)
{
    b->row_count = random_below(r, 8) ? random_below(r, 70) : random_below(r, WEIR_BATCH_ROWS_MAX + 1);
    for (uint32_t c = 0; c < b->column_count; c++) {
        if (random_below(r, 3) == 0) {
            random_fill(r, &b->columns[c], b->row_count, &b->arena, &b->heap);
        } else {
            b->columns[c] = random_vector(r, b->types[c], b->row_count, &b->arena, &b->heap);
        }
    }
    if (random_below(r, 2)) {
        uint8_t *kinds = weir_batch_ensure_kinds(b);
        for (uint32_t i = 0; i < b->row_count; i++) kinds[i] = (uint8_t)random_below(r, 4);
    }
    if (random_below(r, 2)) {
        uint16_t *selection = weir_batch_ensure_selection(b);
        for (uint32_t i = 0; i < b->row_count; i++) {
            if (random_below(r, 2)) selection[b->selected++] = (uint16_t)i;
        }
    }
}

#endif
