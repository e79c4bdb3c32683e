#include "data/value.h"
#include "base/assert.h"
#include "data/heap.h"
#include "data/utf8.h"

static uint32_t child_count(const struct weir_type *type)
{
    return type->id == WEIR_TYPE_MULTISET ? 2 : type->child_count;
}

/* Views into somebody else's heap become views into the arena. */
static void own_strings(struct weir_vector *v, uint32_t rows, struct weir_arena *arena)
{
    if (weir_type_is_view(v->type)) {
        struct weir_string *strings = v->data;
        for (uint32_t i = 0; i < rows; i++) {
            if (strings[i].length <= WEIR_STRING_INLINE_MAX) continue;
            strings[i].pointer = weir_arena_copy(arena, strings[i].pointer, strings[i].length);
        }
        return;
    }
    uint32_t child_rows = v->type->id == WEIR_TYPE_ROW ? rows : v->child_rows;
    for (uint32_t i = 0; i < child_count(v->type); i++) own_strings(&v->children[i], child_rows, arena);
}

struct weir_vector *weir_value_copy(const struct weir_vector *v, uint32_t row, struct weir_arena *arena)
{
    struct weir_vector *copy = WEIR_ARENA_NEW(arena, struct weir_vector);
    weir_vector_init(copy, v->type, 1, arena);
    weir_vector_gather(copy, 0, v, &row, 1, arena, NULL);
    own_strings(copy, 1, arena);
    copy->encoding = WEIR_ENCODING_CONSTANT;
    return copy;
}

static struct weir_vector *constant(struct weir_arena *arena, const struct weir_type *type, const void *value)
{
    struct weir_vector *v = WEIR_ARENA_NEW(arena, struct weir_vector);
    weir_vector_init(v, type, 1, arena);
    memcpy(v->data, value, weir_type_width(type));
    v->encoding = WEIR_ENCODING_CONSTANT;
    return v;
}

struct weir_vector *weir_value_boolean(struct weir_arena *arena, bool value)
{
    uint8_t byte = value;
    return constant(arena, &weir_type_boolean_not_null, &byte);
}

struct weir_vector *weir_value_int(struct weir_arena *arena, int32_t value)
{
    return constant(arena, &weir_type_int_not_null, &value);
}

struct weir_vector *weir_value_bigint(struct weir_arena *arena, int64_t value)
{
    return constant(arena, &weir_type_bigint_not_null, &value);
}

struct weir_vector *weir_value_double(struct weir_arena *arena, double value)
{
    static const struct weir_type double_not_null = { .id = WEIR_TYPE_DOUBLE };
    return constant(arena, &double_not_null, &value);
}

struct weir_vector *weir_value_string(struct weir_arena *arena, const char *text, size_t length)
{
    WEIR_ASSERT(length <= WEIR_LENGTH_MAX);
    int32_t characters = (int32_t)weir_utf8_count(text, length);
    const char *copy = length > WEIR_STRING_INLINE_MAX ? weir_arena_copy(arena, text, length) : text;
    struct weir_string string = weir_string_view(copy, (uint32_t)length);
    return constant(arena, weir_type_with_length(arena, WEIR_TYPE_CHAR, characters, false), &string);
}

struct weir_vector *weir_value_null(struct weir_arena *arena, const struct weir_type *type)
{
    struct weir_vector *v = WEIR_ARENA_NEW(arena, struct weir_vector);
    weir_vector_init_null(v, weir_type_nullable(arena, type, true), arena);
    return v;
}

/* Byte form: 0 for NULL; else 1 and: fixed width as in memory, strings with a varint length, lists with a
 * varint length and their elements, the fields of a row. */
void weir_value_write(const struct weir_vector *v, uint32_t row, struct weir_buffer *to)
{
    const struct weir_vector *flat;
    uint32_t at = weir_vector_locate(v, row, &flat);
    const struct weir_type *type = flat->type;
    bool null = weir_vector_is_null(v, row);
    weir_buffer_append_byte(to, !null);
    if (null) return;
    if (weir_type_is_view(type)) {
        const struct weir_string *s = (const struct weir_string *)flat->data + at;
        weir_buffer_append_varint(to, s->length);
        weir_buffer_append(to, weir_string_data(s), s->length);
    } else if (type->id == WEIR_TYPE_ROW) {
        for (uint32_t i = 0; i < type->child_count; i++) weir_value_write(&flat->children[i], at, to);
    } else if (weir_type_is_nested(type)) {
        struct weir_list list = ((const struct weir_list *)flat->data)[at];
        weir_buffer_append_varint(to, list.length);
        for (uint32_t i = 0; i < list.length; i++) {
            for (uint32_t c = 0; c < child_count(type); c++) {
                weir_value_write(&flat->children[c], list.offset + i, to);
            }
        }
    } else {
        uint32_t width = weir_type_width(type);
        weir_buffer_append(to, (const char *)flat->data + (size_t)at * width, width);
    }
}

struct reading {
    struct weir_reader *from;
    struct weir_arena *arena;
    struct weir_heap_writer *heap;
};

static bool read_value(struct reading *r, struct weir_vector *to, uint32_t row, uint32_t depth);

static bool read_string(struct reading *r, struct weir_vector *to, uint32_t row)
{
    uint64_t length = weir_reader_varint(r->from);
    if (length > WEIR_LENGTH_MAX) return false;
    const char *bytes = weir_reader_bytes(r->from, (size_t)length);
    if (!bytes) return false;
    struct weir_string *s = (struct weir_string *)to->data + row;
    if (r->heap) {
        *s = weir_heap_writer_string(r->heap, bytes, (uint32_t)length);
    } else {
        const char *own =
            length > WEIR_STRING_INLINE_MAX ? weir_arena_copy(r->arena, bytes, (size_t)length) : bytes;
        *s = weir_string_view(own, (uint32_t)length);
    }
    return true;
}

/* Room is made as elements really arrive, so that a length that lies allocates nothing. */
static bool read_list(struct reading *r, struct weir_vector *to, uint32_t row, uint32_t depth)
{
    uint64_t length = weir_reader_varint(r->from);
    if (r->from->failed || length > r->from->length - r->from->offset) return false;
    struct weir_list list = { to->child_rows, (uint32_t)length };
    for (uint32_t i = 0; i < list.length; i++) {
        weir_vector_reserve_children(to, 1, r->arena);
        uint32_t at = to->child_rows++;
        for (uint32_t c = 0; c < child_count(to->type); c++) {
            if (!read_value(r, &to->children[c], at, depth + 1)) return false;
        }
    }
    ((struct weir_list *)to->data)[row] = list;
    return true;
}

static bool read_value(struct reading *r, struct weir_vector *to, uint32_t row, uint32_t depth)
{
    uint8_t present = weir_reader_byte(r->from);
    if (r->from->failed || present > 1 || depth > WEIR_TYPE_DEPTH_MAX) return false;
    if (!present) {
        weir_vector_set_null(to, row, r->arena);
        return true;
    }
    if (to->type->id == WEIR_TYPE_NULL) return false;
    if (to->validity) weir_bit_set(to->validity, row);
    if (weir_type_is_view(to->type)) return read_string(r, to, row);
    if (to->type->id == WEIR_TYPE_ROW) {
        for (uint32_t i = 0; i < to->type->child_count; i++) {
            if (!read_value(r, &to->children[i], row, depth + 1)) return false;
        }
        return true;
    }
    if (weir_type_is_nested(to->type)) return read_list(r, to, row, depth);
    uint32_t width = weir_type_width(to->type);
    const uint8_t *bytes = weir_reader_bytes(r->from, width);
    if (!bytes || (to->type->id == WEIR_TYPE_BOOLEAN && *bytes > 1)) return false;
    memcpy((char *)to->data + (size_t)row * width, bytes, width);
    return true;
}

enum weir_error_code weir_value_read(struct weir_vector *to, uint32_t row, struct weir_reader *from,
    struct weir_arena *arena, struct weir_heap_writer *heap, struct weir_error *reterr)
{
    struct reading r = { from, arena, heap };
    WEIR_ASSERT(to->encoding != WEIR_ENCODING_DICTIONARY && row < to->capacity);
    if (read_value(&r, to, row, 0)) return WEIR_OK;
    from->failed = true;
    return weir_error_set(reterr, WEIR_E_FORMAT, "malformed value of type %s at byte %zu of %zu",
        weir_type_text(arena, to->type), from->offset, from->length);
}
