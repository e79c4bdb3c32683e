/*
 * The byte form of a batch, for exchanges between processes and for snapshots.
 *
 *   u32 bytes in all, u8 version, u8 flags (1: kinds follow), varint rows, varint columns
 *   kinds: one byte a row, all below 4
 *   column: u8 form (bit 0: one value stands for every row; bit 1: validity words follow), validity words,
 * values values: fixed width: as in memory; strings: u32 lengths, then the bytes; lists: u32 lengths, then
 * the element columns (varint rows, then as columns); ROW: its fields as columns
 *
 * Little-endian, as every machine that this runs on. Reading checks every length before it allocates for it.
 */
#include "base/assert.h"
#include "data/batch.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the codec writes memory as it is");

enum { CODEC_VERSION = 1, FLAG_KINDS = 1, FORM_CONSTANT = 1, FORM_VALIDITY = 2 };
enum { HEADER_BYTES = 6, CODEC_DEPTH_MAX = WEIR_TYPE_DEPTH_MAX, EMPTY_ELEMENTS_MAX = 1 << 16 };

static uint32_t child_count(const struct weir_type *type)
{
    return type->id == WEIR_TYPE_MULTISET ? 2 : type->child_count;
}

static bool has_null(const struct weir_vector *v, uint32_t rows)
{
    if (!v->validity) return false;
    for (uint32_t i = 0; i < rows / 64; i++) {
        if (v->validity[i] != UINT64_MAX) return true;
    }
    uint32_t rest = rows % 64;
    return rest && (~v->validity[rows / 64] & (((uint64_t)1 << rest) - 1));
}

static void write_validity(const struct weir_vector *v, uint32_t rows, struct weir_buffer *to)
{
    for (uint32_t i = 0; i < weir_validity_words(rows); i++) {
        uint32_t left = rows - i * 64;
        uint64_t word = left >= 64 ? v->validity[i] : v->validity[i] & (((uint64_t)1 << left) - 1);
        weir_buffer_append_u64(to, word);
    }
}

/* Views and lists under NULL are empty here: the vector comes out of a gather. */
static void write_strings(const struct weir_vector *v, uint32_t rows, struct weir_buffer *to)
{
    const struct weir_string *strings = v->data;
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < rows; i++) bytes += strings[i].length;
    char *at = weir_buffer_reserve(to, rows * sizeof(uint32_t) + (size_t)bytes);
    if (!at) return;
    for (uint32_t i = 0; i < rows; i++)
        memcpy(at + i * sizeof(uint32_t), &strings[i].length, sizeof(uint32_t));
    at += rows * sizeof(uint32_t);
    for (uint32_t i = 0; i < rows; i++) {
        memcpy(at, weir_string_data(&strings[i]), strings[i].length);
        at += strings[i].length;
    }
    to->length += rows * sizeof(uint32_t) + (size_t)bytes;
}

static void write_flat(const struct weir_vector *v, uint32_t rows, bool constant, struct weir_buffer *to)
{
    const struct weir_type *type = v->type;
    bool nulls = has_null(v, rows);
    weir_buffer_append_byte(to, (char)((constant ? FORM_CONSTANT : 0) | (nulls ? FORM_VALIDITY : 0)));
    if (nulls) write_validity(v, rows, to);
    if (weir_type_is_view(type)) {
        write_strings(v, rows, to);
    } else if (type->id == WEIR_TYPE_ROW) {
        for (uint32_t i = 0; i < type->child_count; i++) write_flat(&v->children[i], rows, false, to);
    } else if (weir_type_is_nested(type)) {
        const struct weir_list *lists = v->data;
        for (uint32_t i = 0; i < rows; i++) weir_buffer_append_u32(to, lists[i].length);
        weir_buffer_append_varint(to, v->child_rows);
        for (uint32_t i = 0; i < child_count(type); i++)
            write_flat(&v->children[i], v->child_rows, false, to);
    } else {
        weir_buffer_append(to, v->data, (size_t)rows * weir_type_width(type));
    }
}

static bool can_write_in_place(const struct weir_batch *b, const struct weir_vector *v)
{
    return v->encoding == WEIR_ENCODING_FLAT && !b->selection && !weir_type_is_nested(v->type) &&
           !(weir_type_is_view(v->type) && v->validity);
}

static void write_column(
    const struct weir_batch *b, const struct weir_vector *v, struct weir_arena *arena, struct weir_buffer *to)
{
    uint32_t rows = weir_batch_selected(b);
    bool constant = v->encoding == WEIR_ENCODING_CONSTANT;
    if (can_write_in_place(b, v)) {
        write_flat(v, rows, false, to);
        return;
    }
    /* One gather makes every encoding, selection and sliced list dense. */
    struct weir_vector dense;
    uint32_t positions[WEIR_BATCH_ROWS_MAX];
    uint32_t count = constant ? WEIR_MIN(rows, 1u) : rows;
    for (uint32_t i = 0; i < count; i++) positions[i] = weir_batch_row(b, i);
    weir_vector_init(&dense, v->type, WEIR_MAX(count, 1u), arena);
    weir_vector_gather(&dense, 0, v, positions, count, arena, NULL);
    write_flat(&dense, count, constant, to);
    weir_arena_reset(arena);
}

void weir_batch_encode(const struct weir_batch *b, struct weir_buffer *to)
{
    size_t start = to->length;
    uint32_t rows = weir_batch_selected(b);
    struct weir_arena scratch;
    weir_arena_init(&scratch, to->memory);
    weir_buffer_append_u32(to, 0);
    weir_buffer_append_byte(to, CODEC_VERSION);
    weir_buffer_append_byte(to, b->kinds ? FLAG_KINDS : 0);
    weir_buffer_append_varint(to, rows);
    weir_buffer_append_varint(to, b->column_count);
    for (uint32_t i = 0; b->kinds && i < rows; i++) {
        weir_buffer_append_byte(to, (char)b->kinds[weir_batch_row(b, i)]);
    }
    for (uint32_t c = 0; c < b->column_count; c++) write_column(b, &b->columns[c], &scratch, to);
    weir_arena_done(&scratch);
    if (to->overflowed) return;
    uint32_t bytes = (uint32_t)(to->length - start);
    memcpy(to->data + start, &bytes, sizeof bytes);
}

size_t weir_batch_encoded_bytes(const uint8_t *bytes, size_t length)
{
    uint32_t total;
    if (length < sizeof total) return 0;
    memcpy(&total, bytes, sizeof total);
    return total;
}

struct decoder {
    struct weir_reader in;
    struct weir_batch *batch;
};

static size_t left(const struct decoder *d)
{
    return d->in.failed ? 0 : d->in.length - d->in.offset;
}

static bool read_validity(struct decoder *d, struct weir_vector *v, uint32_t rows)
{
    size_t words = weir_validity_words(rows);
    const void *bytes = weir_reader_bytes(&d->in, words * sizeof(uint64_t));
    if (!bytes) return false;
    uint64_t *validity = weir_vector_ensure_validity(v, WEIR_MAX(rows, 1u), &d->batch->arena);
    memcpy(validity, bytes, words * sizeof(uint64_t));
    if (rows % 64) validity[rows / 64] |= ~(((uint64_t)1 << rows % 64) - 1);
    return true;
}

static uint32_t length_at(const uint8_t *lengths, uint32_t i)
{
    uint32_t length;
    memcpy(&length, lengths + (size_t)i * sizeof length, sizeof length);
    return length;
}

/* The lengths of rows strings or lists, and their sum. */
static const uint8_t *read_lengths(struct decoder *d, uint32_t rows, uint64_t *sum)
{
    const uint8_t *lengths = weir_reader_bytes(&d->in, (size_t)rows * sizeof(uint32_t));
    *sum = 0;
    for (uint32_t i = 0; lengths && i < rows; i++) *sum += length_at(lengths, i);
    return lengths;
}

static bool read_strings(struct decoder *d, struct weir_vector *v, uint32_t rows)
{
    uint64_t bytes;
    const uint8_t *lengths = read_lengths(d, rows, &bytes);
    if (!lengths || bytes > left(d)) return false;
    const char *data = weir_reader_bytes(&d->in, (size_t)bytes);
    struct weir_string *out = v->data;
    if (!data) return false;
    uint32_t longest = 0;
    for (uint32_t i = 0; i < rows; i++) longest = WEIR_MAX(longest, length_at(lengths, i));
    if (longest > WEIR_STRING_INLINE_MAX) {
        /* One copy of all is faster than one of each that needs it. */
        char *heap = weir_heap_writer_allocate(&d->batch->heap, (size_t)bytes);
        data = memcpy(heap, data, (size_t)bytes);
    }
    for (uint32_t i = 0; i < rows; i++) {
        uint32_t length = length_at(lengths, i);
        out[i] = weir_string_view(data, length);
        data += length;
    }
    return true;
}

static bool read_column(struct decoder *d, struct weir_vector *v, uint32_t rows, bool top, uint32_t depth);

/* What one value takes at least; 0 for rows without fields (and NULLs), which cost nothing and are limited
 * otherwise. */
static size_t bytes_min(const struct weir_type *type)
{
    if (weir_type_is_view(type)) return sizeof(uint32_t);
    if (type->id != WEIR_TYPE_ROW)
        return weir_type_is_nested(type) ? sizeof(uint32_t) : weir_type_width(type);
    size_t bytes = 0;
    for (uint32_t i = 0; i < type->child_count; i++) bytes += bytes_min(type->children[i]);
    return bytes;
}

static bool element_count_is_possible(const struct decoder *d, const struct weir_vector *v, uint64_t elements)
{
    size_t bytes =
        bytes_min(v->children[0].type) + (child_count(v->type) > 1 ? bytes_min(v->children[1].type) : 0);
    return bytes ? elements <= left(d) / bytes : elements <= EMPTY_ELEMENTS_MAX;
}

static bool read_lists(struct decoder *d, struct weir_vector *v, uint32_t rows, uint32_t depth)
{
    uint64_t elements;
    const uint8_t *lengths = read_lengths(d, rows, &elements);
    uint64_t child_rows = weir_reader_varint(&d->in);
    if (!lengths || d->in.failed || child_rows != elements) return false;
    if (!element_count_is_possible(d, v, elements)) return false;
    struct weir_list *lists = v->data;
    uint32_t offset = 0;
    for (uint32_t i = 0; i < rows; i++) {
        lists[i] = (struct weir_list){ offset, length_at(lengths, i) };
        offset += lists[i].length;
    }
    weir_vector_reserve_children(v, (uint32_t)elements, &d->batch->arena);
    v->child_rows = (uint32_t)elements;
    for (uint32_t i = 0; i < child_count(v->type); i++) {
        if (!read_column(d, &v->children[i], (uint32_t)elements, false, depth + 1)) return false;
    }
    return true;
}

static bool read_fixed(struct decoder *d, struct weir_vector *v, uint32_t rows)
{
    size_t bytes = (size_t)rows * weir_type_width(v->type);
    const uint8_t *data = weir_reader_bytes(&d->in, bytes);
    if (!data) return false;
    if (v->type->id == WEIR_TYPE_BOOLEAN) {
        uint8_t any = 0;
        for (uint32_t i = 0; i < rows; i++) any |= data[i];
        if (any > 1) return false;
    }
    if (bytes) memcpy(v->data, data, bytes);
    return true;
}

/* Empty values under NULL would be lost if bytes from outside could put something else there. */
static bool nulls_are_empty(const struct weir_vector *v, uint32_t rows)
{
    if (!v->validity || !(weir_type_is_view(v->type) || weir_type_is_nested(v->type))) return true;
    if (v->type->id == WEIR_TYPE_ROW) return true;
    for (uint32_t i = 0; i < rows; i++) {
        if (weir_bit_get(v->validity, i)) continue;
        uint32_t length = weir_type_is_view(v->type) ? ((const struct weir_string *)v->data)[i].length
                                                     : ((const struct weir_list *)v->data)[i].length;
        if (length) return false;
    }
    return true;
}

static bool read_column(struct decoder *d, struct weir_vector *v, uint32_t rows, bool top, uint32_t depth)
{
    uint8_t form = weir_reader_byte(&d->in);
    if (d->in.failed || form > (FORM_CONSTANT | FORM_VALIDITY) || depth > CODEC_DEPTH_MAX) return false;
    if (form & FORM_CONSTANT) {
        if (!top) return false;
        v->encoding = WEIR_ENCODING_CONSTANT;
        rows = WEIR_MIN(rows, 1u);
    }
    if (form & FORM_VALIDITY && !read_validity(d, v, rows)) return false;
    bool read = true;
    if (weir_type_is_view(v->type)) {
        read = read_strings(d, v, rows);
    } else if (v->type->id == WEIR_TYPE_ROW) {
        for (uint32_t i = 0; read && i < v->type->child_count; i++) {
            read = read_column(d, &v->children[i], rows, false, depth + 1);
        }
    } else if (weir_type_is_nested(v->type)) {
        read = read_lists(d, v, rows, depth);
    } else {
        read = read_fixed(d, v, rows);
    }
    return read && nulls_are_empty(v, rows);
}

static enum weir_error_code fail(struct decoder *d, struct weir_error *reterr, const char *what)
{
    size_t at = d->in.offset;
    weir_batch_reset(d->batch);
    return weir_error_set(
        reterr, WEIR_E_FORMAT, "malformed batch at byte %zu of %zu: %s", at, d->in.length, what);
}

static bool read_kinds(struct decoder *d, uint32_t rows)
{
    const uint8_t *kinds = weir_reader_bytes(&d->in, rows);
    if (!kinds) return false;
    for (uint32_t i = 0; i < rows; i++) {
        if (kinds[i] > WEIR_ROW_DELETE) return false;
    }
    if (rows)
        memcpy(weir_batch_ensure_kinds(d->batch), kinds, rows);
    else
        weir_batch_ensure_kinds(d->batch);
    return true;
}

enum weir_error_code weir_batch_decode(
    struct weir_batch *b, const uint8_t *bytes, size_t length, struct weir_error *reterr)
{
    struct decoder d = { .in = { .data = bytes, .length = length }, .batch = b };
    WEIR_ASSERT(b->columns == b->own_columns && b->row_count == 0);
    uint32_t total = weir_reader_u32(&d.in);
    uint8_t version = weir_reader_byte(&d.in), flags = weir_reader_byte(&d.in);
    if (d.in.failed || total != length) return fail(&d, reterr, "its length does not agree with its header");
    if (version != CODEC_VERSION || flags > FLAG_KINDS) return fail(&d, reterr, "its version is not known");
    uint64_t rows = weir_reader_varint(&d.in), columns = weir_reader_varint(&d.in);
    if (d.in.failed || rows > WEIR_BATCH_ROWS_MAX) return fail(&d, reterr, "at most 1024 rows were expected");
    if (columns != b->column_count) return fail(&d, reterr, "it has another number of columns");
    if (flags & FLAG_KINDS && !read_kinds(&d, (uint32_t)rows)) return fail(&d, reterr, "row kinds");
    for (uint32_t c = 0; c < b->column_count; c++) {
        if (!read_column(&d, &b->columns[c], (uint32_t)rows, true, 0))
            return fail(&d, reterr, "column values");
    }
    if (d.in.offset != length) return fail(&d, reterr, "bytes are left over");
    b->row_count = (uint32_t)rows;
    return WEIR_OK;
}
