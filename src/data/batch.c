#include "data/batch.h"
#include "base/assert.h"

const char *weir_row_kind_text(enum weir_row_kind kind)
{
    static const char *const texts[] = { "+I", "-U", "+U", "-D" };
    WEIR_ASSERT((unsigned)kind < WEIR_ARRAY_COUNT(texts));
    return texts[kind];
}

static uint32_t child_count(const struct weir_vector *v)
{
    if (!v->children) return 0;
    return v->type->id == WEIR_TYPE_MULTISET ? 2 : v->type->child_count;
}

/*
 * What a column was after init is kept beside it, because operators assign to columns as they like (another
 * encoding, other buffers, grown children). A children array is therefore laid out twice, [own][fresh]; a
 * fresh vector points to the second half, and its first half is where the column's own children go back to.
 */
static struct weir_vector *keep_children(const struct weir_vector *v, struct weir_arena *arena)
{
    uint32_t count = child_count(v);
    if (!count) return NULL;
    struct weir_vector *fresh = WEIR_ARENA_ARRAY(arena, struct weir_vector, (size_t)count * 2) + count;
    for (uint32_t i = 0; i < count; i++) {
        fresh[i] = v->children[i];
        fresh[i].children = keep_children(&v->children[i], arena);
    }
    return fresh;
}

static void restore(struct weir_vector *own, const struct weir_vector *fresh, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t children = child_count(&fresh[i]);
        own[i] = fresh[i];
        if (!children) continue;
        own[i].children = fresh[i].children - children;
        restore(own[i].children, fresh[i].children, children);
    }
}

void weir_batch_init(struct weir_batch *b, const struct weir_type *const *types, uint32_t column_count,
    struct weir_memory *memory)
{
    *b = (struct weir_batch){ .column_count = column_count, .types = types };
    weir_arena_init(&b->arena, memory);
    weir_heap_writer_init(&b->heap, memory);
    b->own_columns = WEIR_ARENA_ARRAY(&b->arena, struct weir_vector, column_count);
    b->fresh_columns = WEIR_ARENA_ARRAY(&b->arena, struct weir_vector, column_count);
    for (uint32_t i = 0; i < column_count; i++) {
        struct weir_vector column;
        weir_vector_init(&column, types[i], WEIR_BATCH_ROWS_MAX, &b->arena);
        b->fresh_columns[i] = column;
        b->fresh_columns[i].children = keep_children(&column, &b->arena);
    }
    b->own_kinds = WEIR_ARENA_ARRAY(&b->arena, uint8_t, WEIR_BATCH_ROWS_MAX);
    b->own_selection = WEIR_ARENA_ARRAY(&b->arena, uint16_t, WEIR_BATCH_ROWS_MAX);
    b->mark_block = b->arena.current;
    b->mark_cursor = b->arena.cursor;
    b->mark_end = b->arena.end;
    weir_batch_reset(b);
}

static void release_heaps(struct weir_batch *b)
{
    for (uint32_t i = 0; i < b->heap_count; i++) weir_heap_unref(b->heaps[i]);
    b->heap_count = 0;
    b->heaps_incomplete = false;
}

void weir_batch_done(struct weir_batch *b)
{
    if (!b->own_kinds) return;
    release_heaps(b);
    weir_heap_writer_done(&b->heap);
    weir_arena_done(&b->arena);
    *b = (struct weir_batch){ 0 };
}

void weir_batch_reset(struct weir_batch *b)
{
    release_heaps(b);
    weir_heap_writer_reset(&b->heap);
    b->arena.current = b->mark_block;
    b->arena.cursor = b->mark_cursor;
    b->arena.end = b->mark_end;
    restore(b->own_columns, b->fresh_columns, b->column_count);
    b->columns = b->own_columns;
    b->kinds = NULL;
    b->selection = NULL;
    b->hashes = NULL;
    b->row_count = b->selected = 0;
}

uint8_t *weir_batch_ensure_kinds(struct weir_batch *b)
{
    if (b->kinds == b->own_kinds) return b->kinds;
    if (b->kinds)
        memcpy(b->own_kinds, b->kinds, b->row_count);
    else
        memset(b->own_kinds, WEIR_ROW_INSERT, WEIR_BATCH_ROWS_MAX);
    b->kinds = b->own_kinds;
    return b->kinds;
}

uint16_t *weir_batch_ensure_selection(struct weir_batch *b)
{
    b->selection = b->own_selection;
    b->selected = 0;
    return b->selection;
}

static bool refers_to(const struct weir_batch *b, const struct weir_heap *heap)
{
    for (uint32_t i = b->heap_count; i > 0; i--) {
        if (b->heaps[i - 1] == heap) return true;
    }
    for (uint32_t i = 0; i < b->heap.block_count; i++) {
        if (b->heap.blocks[i] == heap) return true;
    }
    return false;
}

static bool share_heap(struct weir_batch *to, struct weir_heap *heap)
{
    if (refers_to(to, heap)) return true;
    if (to->heap_count == WEIR_BATCH_HEAPS_MAX) return false;
    to->heaps[to->heap_count++] = weir_heap_ref(heap);
    return true;
}

bool weir_batch_share_heaps(struct weir_batch *to, const struct weir_batch *from)
{
    if (from->heaps_incomplete) return false;
    uint32_t before = to->heap_count;
    bool fits = true;
    for (uint32_t i = 0; fits && i < from->heap.block_count; i++) fits = share_heap(to, from->heap.blocks[i]);
    for (uint32_t i = 0; fits && i < from->heap_count; i++) fits = share_heap(to, from->heaps[i]);
    if (fits) return true;
    /* All or nothing: what was taken for a share that fails would only fill the table. */
    while (to->heap_count > before) weir_heap_unref(to->heaps[--to->heap_count]);
    return false;
}

void weir_batch_reference(struct weir_batch *to, const struct weir_batch *from)
{
    to->columns = from->columns;
    to->row_count = from->row_count;
    to->hashes = NULL;
    to->kinds = from->kinds;
    to->selection = from->selection;
    to->selected = from->selected;
    if (!weir_batch_share_heaps(to, from)) to->heaps_incomplete = true;
}

static bool has_views(const struct weir_type *type)
{
    if (weir_type_is_view(type)) return true;
    for (uint32_t i = 0; i < type->child_count; i++) {
        if (has_views(type->children[i])) return true;
    }
    return false;
}

static bool has_hashes(const struct weir_batch *b, const uint32_t *columns, uint32_t column_count)
{
    return b->hashes && b->hash_column_count == column_count &&
           memcmp(b->hash_columns, columns, column_count * sizeof *columns) == 0;
}

/* All rows of to have hashes over the same columns, or none: to has as many as before the rows were appended.
 */
static void append_hashes(
    struct weir_batch *to, const struct weir_batch *from, const uint32_t *rows, uint32_t count)
{
    uint64_t *hashes = (uint64_t *)to->hashes;
    if (to->row_count == 0 && from->hashes && from->hash_column_count > 0) {
        size_t bytes = from->hash_column_count * sizeof *from->hash_columns;
        uint32_t *columns = weir_arena_allocate(&to->arena, bytes);
        memcpy(columns, from->hash_columns, bytes);
        hashes = weir_arena_allocate(&to->arena, WEIR_BATCH_ROWS_MAX * sizeof *hashes);
        to->hash_columns = columns;
        to->hash_column_count = from->hash_column_count;
    } else if (!hashes || !has_hashes(from, to->hash_columns, to->hash_column_count)) {
        to->hashes = NULL;
        return;
    }
    to->hashes = hashes;
    hashes += to->row_count;
    for (uint32_t i = 0; i < count; i++) hashes[i] = from->hashes[rows ? rows[i] : i];
}

enum { CHUNK_ROWS = 512 };

static void append_rows(
    struct weir_batch *to, const struct weir_batch *from, const uint32_t *rows, uint32_t count, bool shared)
{
    for (uint32_t c = 0; c < to->column_count; c++) {
        weir_vector_gather(&to->columns[c], to->row_count, &from->columns[c], rows, count, &to->arena,
            shared ? NULL : &to->heap);
    }
    if (from->hashes || to->hashes) append_hashes(to, from, rows, count);
    if (from->kinds && !to->kinds) weir_batch_ensure_kinds(to);
    for (uint32_t i = 0; to->kinds && i < count; i++) {
        to->kinds[to->row_count + i] = weir_batch_kind(from, rows ? rows[i] : i);
    }
    to->row_count += count;
}

void weir_batch_append(
    struct weir_batch *to, const struct weir_batch *from, const uint32_t *rows, uint32_t count)
{
    WEIR_ASSERT(to->row_count + count <= WEIR_BATCH_ROWS_MAX && to->column_count <= from->column_count);
    WEIR_ASSERT(!to->selection);
    bool shared = true;
    for (uint32_t c = 0; shared && c < to->column_count; c++) {
        if (!has_views(from->columns[c].type)) continue;
        shared = weir_batch_share_heaps(to, from);
        break;
    }
    if (rows || !from->selection) {
        append_rows(to, from, rows, count, shared);
        return;
    }
    WEIR_ASSERT(count <= from->selected);
    uint32_t own[CHUNK_ROWS];
    for (uint32_t done = 0; done < count;) {
        uint32_t now = WEIR_MIN(count - done, (uint32_t)CHUNK_ROWS);
        for (uint32_t i = 0; i < now; i++) own[i] = from->selection[done + i];
        append_rows(to, from, own, now, shared);
        done += now;
    }
}

void weir_batch_hash(
    const struct weir_batch *b, const uint32_t *columns, uint32_t column_count, uint64_t *hashes)
{
    uint32_t count = weir_batch_selected(b);
    if (has_hashes(b, columns, column_count)) {
        if (!b->selection) memcpy(hashes, b->hashes, count * sizeof *hashes);
        for (uint32_t i = 0; b->selection && i < count; i++) hashes[i] = b->hashes[b->selection[i]];
        return;
    }
    if (!column_count) memset(hashes, 0, count * sizeof *hashes);
    for (uint32_t i = 0; i < column_count; i++) {
        WEIR_ASSERT(columns[i] < b->column_count);
        weir_vector_hash(&b->columns[columns[i]], b->selection, count, hashes, i > 0);
    }
}

static uint64_t flat_bytes(const struct weir_vector *v, uint32_t rows)
{
    const struct weir_type *type = v->type;
    uint64_t bytes = 0;
    if (weir_type_is_view(type)) {
        const struct weir_string *strings = v->data;
        bytes = (uint64_t)rows * sizeof(uint32_t);
        if (!v->validity)
            for (uint32_t i = 0; i < rows; i++) bytes += strings[i].length;
        for (uint32_t i = 0; v->validity && i < rows; i++)
            bytes += weir_bit_get(v->validity, i) ? strings[i].length : 0;
        return bytes;
    }
    if (!weir_type_is_nested(type)) return (uint64_t)rows * weir_type_width(type);
    bool is_row = type->id == WEIR_TYPE_ROW;
    uint32_t children = type->id == WEIR_TYPE_MULTISET ? 2 : type->child_count;
    if (!is_row) bytes = (uint64_t)rows * sizeof(uint32_t);
    for (uint32_t i = 0; i < children; i++)
        bytes += weir_vector_bytes(&v->children[i], is_row ? rows : v->child_rows);
    return bytes;
}

uint64_t weir_vector_bytes(const struct weir_vector *v, uint32_t rows)
{
    if (v->encoding == WEIR_ENCODING_FLAT) return flat_bytes(v, rows);
    if (v->encoding == WEIR_ENCODING_CONSTANT) return flat_bytes(v, 1) * rows;
    uint64_t bytes = 0;
    const struct weir_vector *flat = v->dictionary;
    if (!weir_type_is_view(v->type)) return (uint64_t)rows * weir_type_width(v->type);
    for (uint32_t i = 0; i < rows; i++) {
        uint32_t at = v->indices[i];
        bool valid = !flat->validity || weir_bit_get(flat->validity, at);
        bytes += sizeof(uint32_t) + (valid ? ((const struct weir_string *)flat->data)[at].length : 0);
    }
    return bytes;
}

uint64_t weir_batch_bytes(const struct weir_batch *b)
{
    uint64_t bytes = b->kinds ? b->row_count : 0;
    for (uint32_t i = 0; i < b->column_count; i++) bytes += weir_vector_bytes(&b->columns[i], b->row_count);
    return bytes;
}
