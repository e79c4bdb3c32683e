/* Typed columns of rows: storing from vectors, loading into vectors, equality and order; strings in the key
 * group's heap. */
#include "state/internal.h"

/* --- strings --- */

static void set_bytes(struct weir_table *table, uint32_t key_group, struct weir_state_string *to,
    const char *data, uint32_t length)
{
    struct weir_state_string made = { .length = length };
    if (length <= WEIR_STRING_INLINE_MAX) {
        if (length) memcpy((char *)&made + 4, data, length);
    } else {
        memcpy(made.inlined, data, 4);
        made.reference = weir_heap_allocate(table, key_group, length);
        struct group *group = table_group(table, key_group);
        struct page *page = own_page(table->state, &group->heap, heap_page(made.reference));
        memcpy(page->data + heap_offset(made.reference), data, length);
    }
    *to = made;
}

void weir_state_string_free(struct weir_table *table, struct weir_state_string *string)
{
    if (string->length > WEIR_STRING_INLINE_MAX) weir_heap_release(table, string->reference, string->length);
    memset(string, 0, sizeof *string);
}

void weir_state_string_set(struct weir_table *table, uint32_t key_group, struct weir_state_string *to,
    const char *data, uint32_t length)
{
    struct weir_state_string old = *to;
    set_bytes(table, key_group, to, data, length); /* before the old one goes: data may be a view of it */
    if (old.length > WEIR_STRING_INLINE_MAX) weir_heap_release(table, old.reference, old.length);
}

struct weir_string weir_state_string_get(const struct weir_table *table, const struct weir_state_string *from)
{
    struct weir_string view;
    memcpy(&view, from, sizeof view);
    if (view.length > WEIR_STRING_INLINE_MAX) view.pointer = heap_data(table, from->reference);
    return view;
}

static const char *bytes_of(const struct weir_table *table, const struct weir_state_string *string)
{
    return string->length <= WEIR_STRING_INLINE_MAX ? (const char *)string + 4
                                                    : heap_data(table, string->reference);
}

void weir_row_strings_free(struct weir_table *table, uint8_t *row)
{
    const struct family *family = table->family;
    for (uint32_t c = 0; c < family->column_count; c++) {
        if (family->columns[c].kind < COLUMN_STRING) continue;
        weir_state_string_free(table, (struct weir_state_string *)(row + family->columns[c].offset));
    }
}

/* --- nested values: their stand-alone byte form --- */

static struct weir_slice nested_bytes(struct weir_state *state, const struct weir_vector *v, uint32_t at)
{
    weir_buffer_clear(&state->bytes);
    weir_value_write(v, at, &state->bytes);
    return (struct weir_slice){ state->bytes.data, state->bytes.length };
}

static void nested_read(const struct weir_table *table, const uint8_t *row, const struct column *column,
    struct weir_vector *to, uint32_t at, struct weir_arena *arena, struct weir_heap_writer *heap)
{
    const struct weir_state_string *string = (const struct weir_state_string *)(row + column->offset);
    struct weir_reader reader = { .data = (const uint8_t *)bytes_of(table, string),
        .length = string->length };
    enum weir_error_code code = weir_value_read(to, at, &reader, arena, heap, NULL);
    WEIR_ASSERT(code == WEIR_OK);
}

/* --- storing --- */

bool weir_table_column_is_null(const struct weir_table *table, const uint8_t *row, uint32_t c)
{
    return null_get(table->family, row, c);
}

static void mark_null(const struct family *family, uint8_t *row, uint32_t c, bool null)
{
    uint8_t *byte = row + family->nulls_offset + (c >> 3), bit = (uint8_t)(1u << (c & 7));
    *byte = null ? *byte | bit : *byte & (uint8_t)~bit;
}

void weir_table_column_set_null(struct weir_table *table, uint8_t *row, uint32_t c)
{
    const struct column *column = &table->family->columns[c];
    if (column->kind >= COLUMN_STRING)
        weir_state_string_free(table, (struct weir_state_string *)(row + column->offset));
    else
        memset(row + column->offset, 0, column->width);
    mark_null(table->family, row, c, true);
}

void weir_table_column_store(
    struct weir_table *table, uint8_t *row, uint32_t c, const struct weir_vector *from, uint32_t at)
{
    const struct column *column = &table->family->columns[c];
    const struct weir_vector *flat;
    uint32_t place = weir_vector_locate(from, at, &flat);
    if (flat->type->id == WEIR_TYPE_NULL || (flat->validity && !weir_bit_get(flat->validity, place))) {
        weir_table_column_set_null(table, row, c);
        return;
    }
    mark_null(table->family, row, c, false);
    uint8_t *to = row + column->offset;
    switch ((enum column_kind)column->kind) {
    case COLUMN_NONE: return;
    case COLUMN_1: *to = ((const uint8_t *)flat->data)[place]; return;
    case COLUMN_2: memcpy(to, (const uint16_t *)flat->data + place, 2); return;
    case COLUMN_4:
    case COLUMN_FLOAT: memcpy(to, (const uint32_t *)flat->data + place, 4); return;
    case COLUMN_8:
    case COLUMN_DOUBLE: memcpy(to, (const uint64_t *)flat->data + place, 8); return;
    case COLUMN_16: memcpy(to, (const char *)flat->data + (size_t)place * 16, 16); return;
    case COLUMN_STRING: {
        const struct weir_string *string = (const struct weir_string *)flat->data + place;
        weir_state_string_set(
            table, row_group(row), (struct weir_state_string *)to, weir_string_data(string), string->length);
        return;
    }
    case COLUMN_NESTED: {
        struct weir_slice bytes = nested_bytes(table->state, from, at);
        weir_state_string_set(
            table, row_group(row), (struct weir_state_string *)to, bytes.data, (uint32_t)bytes.length);
        return;
    }
    }
}

void weir_table_columns_store(struct weir_table *table, uint8_t *const *rows, uint32_t n, uint32_t first,
    uint32_t count, const struct weir_vector *const *vectors, const uint16_t *from_rows)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = from_rows ? from_rows[i] : i;
        for (uint32_t c = 0; c < count; c++)
            weir_table_column_store(table, rows[i], first + c, vectors[c], at);
    }
}

/* --- loading --- */

#define LOAD_FIXED(name, type)                                                                        \
    static void name(const struct family *family, uint32_t c, const uint8_t *const *rows, uint32_t n, \
        struct weir_vector *to, uint32_t at, struct weir_arena *arena)                                \
    {                                                                                                 \
        uint32_t offset = family->columns[c].offset;                                                  \
        type *data = (type *)to->data + at;                                                           \
        for (uint32_t i = 0; i < n; i++) {                                                            \
            if (WEIR_UNLIKELY(!rows[i] || null_get(family, rows[i], c))) {                            \
                memset(&data[i], 0, sizeof(type));                                                    \
                weir_vector_set_null(to, at + i, arena);                                              \
            } else {                                                                                  \
                memcpy(&data[i], rows[i] + offset, sizeof(type));                                     \
            }                                                                                         \
        }                                                                                             \
    }
struct bytes_16 {
    uint64_t words[2];
};
LOAD_FIXED(load_1, uint8_t)
LOAD_FIXED(load_2, uint16_t)
LOAD_FIXED(load_4, uint32_t)
LOAD_FIXED(load_8, uint64_t)
LOAD_FIXED(load_16, struct bytes_16)

static void load_strings(const struct weir_table *table, uint32_t c, const uint8_t *const *rows, uint32_t n,
    struct weir_vector *to, uint32_t at, struct weir_arena *arena, struct weir_heap_writer *heap)
{
    uint32_t offset = table->family->columns[c].offset;
    struct weir_string *data = (struct weir_string *)to->data + at;
    for (uint32_t i = 0; i < n; i++) {
        if (!rows[i] || null_get(table->family, rows[i], c)) {
            memset(&data[i], 0, sizeof data[i]);
            weir_vector_set_null(to, at + i, arena);
            continue;
        }
        data[i] = weir_state_string_get(table, (const struct weir_state_string *)(rows[i] + offset));
        if (heap && data[i].length > WEIR_STRING_INLINE_MAX)
            data[i] = weir_heap_writer_string(heap, data[i].pointer, data[i].length);
    }
}

static void load_nested(const struct weir_table *table, uint32_t c, const uint8_t *const *rows, uint32_t n,
    struct weir_vector *to, uint32_t at, struct weir_arena *arena, struct weir_heap_writer *heap)
{
    for (uint32_t i = 0; i < n; i++) {
        if (!rows[i] || null_get(table->family, rows[i], c))
            weir_vector_set_null(to, at + i, arena);
        else
            nested_read(table, rows[i], &table->family->columns[c], to, at + i, arena, heap);
    }
}

void weir_table_column_load(const struct weir_table *table, const uint8_t *const *rows, uint32_t n,
    uint32_t c, struct weir_vector *to, uint32_t to_offset, struct weir_arena *arena,
    struct weir_heap_writer *heap)
{
    const struct family *family = table->family;
    if (n == 0) return;
    switch ((enum column_kind)family->columns[c].kind) {
    case COLUMN_NONE:
        for (uint32_t i = 0; i < n; i++) weir_vector_set_null(to, to_offset + i, arena);
        return;
    case COLUMN_1: load_1(family, c, rows, n, to, to_offset, arena); return;
    case COLUMN_2: load_2(family, c, rows, n, to, to_offset, arena); return;
    case COLUMN_4:
    case COLUMN_FLOAT: load_4(family, c, rows, n, to, to_offset, arena); return;
    case COLUMN_8:
    case COLUMN_DOUBLE: load_8(family, c, rows, n, to, to_offset, arena); return;
    case COLUMN_16: load_16(family, c, rows, n, to, to_offset, arena); return;
    case COLUMN_STRING: load_strings(table, c, rows, n, to, to_offset, arena, heap); return;
    case COLUMN_NESTED: load_nested(table, c, rows, n, to, to_offset, arena, heap); return;
    }
}

/* --- equality --- */

static bool double_equal(double a, double b)
{
    return a == b || (a != a && b != b);
}

bool weir_table_column_equal(
    const struct weir_table *table, const uint8_t *row, uint32_t c, const struct weir_vector *v, uint32_t at)
{
    const struct family *family = table->family;
    const struct column *column = &family->columns[c];
    const struct weir_vector *flat;
    uint32_t place = weir_vector_locate(v, at, &flat);
    bool null = flat->type->id == WEIR_TYPE_NULL || (flat->validity && !weir_bit_get(flat->validity, place));
    if (null || null_get(family, row, c)) return null && null_get(family, row, c);
    const uint8_t *stored = row + column->offset;
    switch ((enum column_kind)column->kind) {
    case COLUMN_NONE: return true;
    case COLUMN_1: return *stored == ((const uint8_t *)flat->data)[place];
    case COLUMN_2: return memcmp(stored, (const uint16_t *)flat->data + place, 2) == 0;
    case COLUMN_4: return memcmp(stored, (const uint32_t *)flat->data + place, 4) == 0;
    case COLUMN_8: return memcmp(stored, (const uint64_t *)flat->data + place, 8) == 0;
    case COLUMN_16: return memcmp(stored, (const char *)flat->data + (size_t)place * 16, 16) == 0;
    case COLUMN_FLOAT: {
        float value;
        memcpy(&value, stored, 4);
        return double_equal((double)value, (double)((const float *)flat->data)[place]);
    }
    case COLUMN_DOUBLE: {
        double value;
        memcpy(&value, stored, 8);
        return double_equal(value, ((const double *)flat->data)[place]);
    }
    case COLUMN_STRING: {
        struct weir_string view = weir_state_string_get(table, (const struct weir_state_string *)stored);
        return weir_string_equal(&view, (const struct weir_string *)flat->data + place);
    }
    case COLUMN_NESTED: {
        struct weir_slice bytes = nested_bytes(table->state, v, at);
        const struct weir_state_string *string = (const struct weir_state_string *)stored;
        return string->length == bytes.length &&
               memcmp(bytes_of(table, string), bytes.data, bytes.length) == 0;
    }
    }
    return false;
}

bool weir_table_columns_equal(const struct weir_table *table, const uint8_t *row, uint32_t first,
    uint32_t count, const struct weir_vector *const *vectors, uint32_t at)
{
    for (uint32_t c = 0; c < count; c++) {
        if (!weir_table_column_equal(table, row, first + c, vectors[c], at)) return false;
    }
    return true;
}

static bool stored_equal(const struct weir_table *table, const uint8_t *a, const uint8_t *b, uint32_t c)
{
    const struct family *family = table->family;
    const struct column *column = &family->columns[c];
    if (null_get(family, a, c) || null_get(family, b, c))
        return null_get(family, a, c) == null_get(family, b, c);
    if (column->kind == COLUMN_FLOAT || column->kind == COLUMN_DOUBLE)
        return weir_table_column_compare(table, a, b, c, true) == 0;
    if (column->kind < COLUMN_STRING)
        return memcmp(a + column->offset, b + column->offset, column->width) == 0;
    const struct weir_state_string *x = (const struct weir_state_string *)(a + column->offset),
                                   *y = (const struct weir_state_string *)(b + column->offset);
    return x->length == y->length && memcmp(bytes_of(table, x), bytes_of(table, y), x->length) == 0;
}

bool weir_table_rows_equal(
    const struct weir_table *table, const uint8_t *a, const uint8_t *b, uint32_t first, uint32_t count)
{
    for (uint32_t c = first; c < first + count; c++) {
        if (!stored_equal(table, a, b, c)) return false;
    }
    return true;
}

/* --- order --- */

static struct weir_vector stored_vector(const struct weir_table *table, const uint8_t *row, uint32_t c)
{
    struct weir_vector v;
    weir_vector_init(&v, table->family->columns[c].type, 1, &table->state->scratch);
    weir_table_column_load(table, &row, 1, c, &v, 0, &table->state->scratch, NULL);
    v.encoding = WEIR_ENCODING_CONSTANT;
    return v;
}

#define ORDER(x, y) (((x) > (y)) - ((x) < (y)))

/* Most columns that are sorted by are integers of 4 or 8 bytes; the rest goes through vectors. */
static bool is_plain_integer(const struct column *column)
{
    return (column->kind == COLUMN_8 || column->kind == COLUMN_4) && column->type->id != WEIR_TYPE_BOOLEAN;
}

static int64_t stored_integer(const struct column *column, const uint8_t *row)
{
    if (column->kind == COLUMN_4) {
        int32_t value;
        memcpy(&value, row + column->offset, 4);
        return value;
    }
    int64_t value;
    memcpy(&value, row + column->offset, 8);
    return value;
}

int weir_table_column_compare(
    const struct weir_table *table, const uint8_t *a, const uint8_t *b, uint32_t c, bool nulls_first)
{
    const struct column *column = &table->family->columns[c];
    bool a_null = null_get(table->family, a, c), b_null = null_get(table->family, b, c);
    if (a_null || b_null) return a_null == b_null ? 0 : (a_null == nulls_first ? -1 : 1);
    if (is_plain_integer(column)) {
        int64_t x = stored_integer(column, a), y = stored_integer(column, b);
        return ORDER(x, y);
    }
    if (column->kind == COLUMN_STRING) {
        struct weir_string x =
            weir_state_string_get(table, (const struct weir_state_string *)(a + column->offset));
        struct weir_string y =
            weir_state_string_get(table, (const struct weir_state_string *)(b + column->offset));
        return weir_string_compare(&x, &y);
    }
    weir_arena_reset(&table->state->scratch);
    struct weir_vector x = stored_vector(table, a, c), y = stored_vector(table, b, c);
    return weir_vector_compare_at(&x, 0, &y, 0, nulls_first);
}

int weir_table_column_compare_vector(const struct weir_table *table, const uint8_t *row, uint32_t c,
    const struct weir_vector *v, uint32_t at, bool nulls_first)
{
    const struct column *column = &table->family->columns[c];
    const struct weir_vector *flat;
    uint32_t place = weir_vector_locate(v, at, &flat);
    bool a_null = null_get(table->family, row, c);
    bool b_null =
        flat->type->id == WEIR_TYPE_NULL || (flat->validity && !weir_bit_get(flat->validity, place));
    if (a_null || b_null) return a_null == b_null ? 0 : (a_null == nulls_first ? -1 : 1);
    if (is_plain_integer(column)) {
        int64_t x = stored_integer(column, row);
        int64_t y = column->kind == COLUMN_4 ? ((const int32_t *)flat->data)[place]
                                             : ((const int64_t *)flat->data)[place];
        return ORDER(x, y);
    }
    weir_arena_reset(&table->state->scratch);
    struct weir_vector x = stored_vector(table, row, c);
    return weir_vector_compare_at(&x, 0, v, at, nulls_first);
}
