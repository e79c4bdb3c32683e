#include "data/vector.h"
#include "base/assert.h"
#include "data/heap.h"

static uint32_t child_vector_count(const struct weir_type *type)
{
    return type->id == WEIR_TYPE_MULTISET ? 2 : type->child_count;
}

static const struct weir_type *child_vector_type(const struct weir_type *type, uint32_t i)
{
    return type->id == WEIR_TYPE_MULTISET && i == 1 ? &weir_type_int_not_null : type->children[i];
}

void weir_vector_init(
    struct weir_vector *v, const struct weir_type *type, uint32_t capacity, struct weir_arena *arena)
{
    *v = (struct weir_vector){ .type = type, .encoding = WEIR_ENCODING_FLAT, .capacity = capacity };
    uint32_t width = weir_type_width(type);
    if (width) v->data = weir_arena_allocate_zeroed(arena, (size_t)width * capacity);
    uint32_t count = child_vector_count(type);
    if (!count) return;
    v->children = WEIR_ARENA_ARRAY(arena, struct weir_vector, count);
    for (uint32_t i = 0; i < count; i++) {
        weir_vector_init(&v->children[i], child_vector_type(type, i), capacity, arena);
    }
}

uint64_t *weir_vector_ensure_validity(struct weir_vector *v, uint32_t rows, struct weir_arena *arena)
{
    if (v->validity && rows <= v->capacity) return v->validity;
    uint32_t room = WEIR_MAX(rows, v->capacity);
    size_t words = weir_validity_words(room);
    uint64_t *validity = weir_arena_allocate(arena, WEIR_MAX(words, (size_t)1) * sizeof *validity);
    memset(validity, 0xff, words * sizeof *validity);
    if (v->validity) memcpy(validity, v->validity, weir_validity_words(v->capacity) * sizeof *validity);
    v->validity = validity;
    return validity;
}

void weir_vector_set_null(struct weir_vector *v, uint32_t row, struct weir_arena *arena)
{
    WEIR_ASSERT(v->encoding != WEIR_ENCODING_DICTIONARY);
    if (v->type->id == WEIR_TYPE_NULL) return;
    weir_bit_clear(weir_vector_ensure_validity(v, row + 1, arena), row);
    uint32_t width = weir_type_width(v->type);
    if (width) memset((char *)v->data + (size_t)row * width, 0, width);
}

/* The vector's rows grow to capacity; a ROW's children are as long as it is, a list's are not its rows. */
static void grow(struct weir_vector *v, uint32_t used, uint32_t capacity, struct weir_arena *arena)
{
    if (v->encoding != WEIR_ENCODING_FLAT || v->capacity >= capacity) return;
    if (v->validity) weir_vector_ensure_validity(v, capacity, arena);
    uint32_t width = weir_type_width(v->type);
    if (width) {
        char *data = weir_arena_allocate(arena, (size_t)width * capacity);
        memcpy(data, v->data, (size_t)width * used);
        memset(data + (size_t)width * used, 0, (size_t)width * (capacity - used));
        v->data = data;
    }
    v->capacity = capacity;
    if (v->type->id != WEIR_TYPE_ROW) return;
    for (uint32_t i = 0; i < v->type->child_count; i++) grow(&v->children[i], used, capacity, arena);
}

void weir_vector_reserve_children(struct weir_vector *v, uint32_t more, struct weir_arena *arena)
{
    WEIR_ASSERT(v->children && v->type->id != WEIR_TYPE_ROW);
    uint64_t needed = (uint64_t)v->child_rows + more;
    WEIR_ASSERT(needed < UINT32_MAX / 2);
    for (uint32_t i = 0; i < child_vector_count(v->type); i++) {
        struct weir_vector *child = &v->children[i];
        if (child->capacity >= needed) continue;
        uint32_t doubled = WEIR_MAX(child->capacity * 2, 16u);
        grow(child, v->child_rows, WEIR_MAX(doubled, (uint32_t)needed), arena);
    }
}

void weir_vector_init_null(struct weir_vector *v, const struct weir_type *type, struct weir_arena *arena)
{
    weir_vector_init(v, type, 1, arena);
    v->encoding = WEIR_ENCODING_CONSTANT;
    weir_vector_set_null(v, 0, arena);
}

/* What a gather is about: rows of a flat source go to rows to_offset.. of a flat target. */
struct gather {
    struct weir_vector *to;
    uint32_t to_offset;
    const struct weir_vector *from; /* FLAT, or CONSTANT with every position 0 */
    const uint32_t *rows;           /* NULL = 0, 1, ... */
    uint32_t count;
    struct weir_arena *arena;
    struct weir_heap_writer *heap;
};

static inline uint32_t position(const struct gather *g, uint32_t i)
{
    return g->rows ? g->rows[i] : i;
}

static inline bool source_is_valid(const struct gather *g, uint32_t i)
{
    return !g->from->validity || weir_bit_get(g->from->validity, position(g, i));
}

/* count bits from bit at on, 1 to 64 of them. */
static inline uint64_t load_bits(const uint64_t *bits, uint32_t at, uint32_t count)
{
    uint32_t shift = at & 63;
    uint64_t word = bits[at >> 6] >> shift;
    if (shift && shift + count > 64) word |= bits[(at >> 6) + 1] << (64 - shift);
    return word;
}

static inline void store_bits(uint64_t *bits, uint32_t at, uint64_t word, uint32_t count)
{
    uint32_t shift = at & 63;
    uint64_t mask = count == 64 ? UINT64_MAX : ((uint64_t)1 << count) - 1;
    word &= mask;
    bits[at >> 6] = (bits[at >> 6] & ~(mask << shift)) | word << shift;
    if (shift + count <= 64) return;
    bits[(at >> 6) + 1] = (bits[(at >> 6) + 1] & ~(mask >> (64 - shift))) | word >> (64 - shift);
}

static void copy_validity(const struct gather *g)
{
    struct weir_vector *to = g->to;
    const uint64_t *from = g->from->validity;
    if (!from && !to->validity) return;
    uint64_t *bits = weir_vector_ensure_validity(to, g->to_offset + g->count, g->arena);
    for (uint32_t i = 0; i < g->count; i += 64) {
        uint32_t now = WEIR_MIN(g->count - i, 64u);
        uint64_t word = UINT64_MAX;
        if (from && !g->rows) {
            word = load_bits(from, i, now);
        } else if (from) {
            word = 0;
            for (uint32_t k = 0; k < now; k++) word |= (uint64_t)weir_bit_get(from, g->rows[i + k]) << k;
        }
        store_bits(bits, g->to_offset + i, word, now);
    }
}

/* The numbers of the rows are read from a copy of what g says: what is written might be g, as far as the
 * compiler knows. */
#define COPY_ROWS(type)                                            \
    do {                                                           \
        type *restrict out = (type *)g->to->data + g->to_offset;   \
        const type *in = g->from->data;                            \
        const uint32_t *rows = g->rows;                            \
        uint32_t count = g->count;                                 \
        for (uint32_t i = 0; i < count; i++) out[i] = in[rows[i]]; \
    } while (0)

struct sixteen {
    uint64_t halves[2];
};

static void copy_fixed(const struct gather *g, uint32_t width)
{
    if (!g->rows) {
        memcpy((char *)g->to->data + (size_t)g->to_offset * width, g->from->data, (size_t)g->count * width);
        return;
    }
    switch (width) {
    case 1: COPY_ROWS(uint8_t); break;
    case 2: COPY_ROWS(uint16_t); break;
    case 4: COPY_ROWS(uint32_t); break;
    case 8: COPY_ROWS(uint64_t); break;
    case 16: COPY_ROWS(struct sixteen); break;
    default: WEIR_UNREACHABLE();
    }
}

/* Views under NULL become empty: what stands there in the source may point to memory that is gone. */
static void copy_views(const struct gather *g)
{
    struct weir_string *out = (struct weir_string *)g->to->data + g->to_offset;
    const struct weir_string *in = g->from->data;
    if (!g->heap) {
        copy_fixed(g, sizeof *out);
        if (!g->from->validity) return;
        for (uint32_t i = 0; i < g->count; i++) {
            if (!source_is_valid(g, i)) out[i] = (struct weir_string){ 0 };
        }
        return;
    }
    for (uint32_t i = 0; i < g->count; i++) {
        const struct weir_string *s = &in[position(g, i)];
        if (!source_is_valid(g, i))
            out[i] = (struct weir_string){ 0 };
        else if (s->length <= WEIR_STRING_INLINE_MAX)
            out[i] = *s;
        else
            out[i] = weir_heap_writer_string(g->heap, s->pointer, s->length);
    }
}

enum { CHUNK_ROWS = 512 };

static void flush_elements(const struct gather *g, const uint32_t *elements, uint32_t count)
{
    if (!count) return;
    weir_vector_reserve_children(g->to, count, g->arena);
    for (uint32_t c = 0; c < child_vector_count(g->to->type); c++) {
        weir_vector_gather(&g->to->children[c], g->to->child_rows, &g->from->children[c], elements, count,
            g->arena, g->heap);
    }
    g->to->child_rows += count;
}

static void copy_lists(const struct gather *g)
{
    struct weir_list *out = (struct weir_list *)g->to->data + g->to_offset;
    const struct weir_list *in = g->from->data;
    uint32_t elements[CHUNK_ROWS], pending = 0;
    for (uint32_t i = 0; i < g->count; i++) {
        struct weir_list list = { 0 };
        if (source_is_valid(g, i)) list = in[position(g, i)];
        out[i] = (struct weir_list){ g->to->child_rows + pending, list.length };
        for (uint32_t k = 0; k < list.length; k++) {
            if (pending == CHUNK_ROWS) {
                flush_elements(g, elements, pending);
                pending = 0;
            }
            elements[pending++] = list.offset + k;
        }
    }
    flush_elements(g, elements, pending);
}

static void gather_run(const struct gather *g, uint32_t start, uint32_t count)
{
    uint32_t own[CHUNK_ROWS];
    for (uint32_t done = 0; done < count;) {
        uint32_t now = WEIR_MIN(count - done, (uint32_t)CHUNK_ROWS);
        for (uint32_t i = 0; i < now; i++) own[i] = position(g, start + done + i);
        for (uint32_t c = 0; c < g->to->type->child_count; c++) {
            weir_vector_gather(&g->to->children[c], g->to_offset + start + done, &g->from->children[c], own,
                now, g->arena, g->heap);
        }
        done += now;
    }
}

/* Fields of a NULL row are unspecified in the source: they become NULL here, so that nobody follows a stale
 * view. */
static void copy_fields(const struct gather *g)
{
    if (!g->from->validity) {
        for (uint32_t c = 0; c < g->to->type->child_count; c++) {
            weir_vector_gather(&g->to->children[c], g->to_offset, &g->from->children[c], g->rows, g->count,
                g->arena, g->heap);
        }
        return;
    }
    for (uint32_t i = 0; i < g->count;) {
        uint32_t start = i;
        while (i < g->count && source_is_valid(g, i)) i++;
        if (i > start) gather_run(g, start, i - start);
        for (; i < g->count && !source_is_valid(g, i); i++) {
            for (uint32_t c = 0; c < g->to->type->child_count; c++) {
                weir_vector_set_null(&g->to->children[c], g->to_offset + i, g->arena);
            }
        }
    }
}

static void gather_flat(const struct gather *g)
{
    const struct weir_type *type = g->to->type;
    WEIR_ASSERT(g->to->encoding == WEIR_ENCODING_FLAT && g->to_offset + g->count <= g->to->capacity);
    if (type->id == WEIR_TYPE_NULL) return;
    if (g->from->type->id == WEIR_TYPE_NULL) {
        for (uint32_t i = 0; i < g->count; i++) weir_vector_set_null(g->to, g->to_offset + i, g->arena);
        return;
    }
    copy_validity(g);
    if (type->id == WEIR_TYPE_ROW)
        copy_fields(g);
    else if (weir_type_is_nested(type))
        copy_lists(g);
    else if (weir_type_is_view(type))
        copy_views(g);
    else
        copy_fixed(g, weir_type_width(type));
}

void weir_vector_gather(struct weir_vector *to, uint32_t to_offset, const struct weir_vector *from,
    const uint32_t *from_rows, uint32_t count, struct weir_arena *arena, struct weir_heap_writer *heap)
{
    struct gather g = { to, to_offset, from, from_rows, count, arena, heap };
    if (!count) return;
    if (from->encoding == WEIR_ENCODING_FLAT) {
        gather_flat(&g);
        return;
    }
    uint32_t positions[CHUNK_ROWS] = { 0 };
    g.rows = positions;
    if (from->encoding == WEIR_ENCODING_DICTIONARY) g.from = from->dictionary;
    for (uint32_t done = 0; done < count; done += g.count) {
        g.to_offset = to_offset + done;
        g.count = WEIR_MIN(count - done, (uint32_t)CHUNK_ROWS);
        for (uint32_t i = 0; from->encoding == WEIR_ENCODING_DICTIONARY && i < g.count; i++) {
            positions[i] = from->indices[from_rows ? from_rows[done + i] : done + i];
        }
        gather_flat(&g);
    }
}

const struct weir_vector *weir_vector_flatten(
    const struct weir_vector *v, uint32_t rows, struct weir_arena *arena)
{
    if (v->encoding == WEIR_ENCODING_FLAT) return v;
    struct weir_vector *flat = WEIR_ARENA_NEW(arena, struct weir_vector);
    weir_vector_init(flat, v->type, rows, arena);
    weir_vector_gather(flat, 0, v, NULL, rows, arena, NULL);
    return flat;
}
