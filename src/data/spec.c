#include "data/spec.h"
#include "base/assert.h"
#include "data/number.h"
#include "data/value.h"

static struct weir_spec *make(struct weir_arena *arena, enum weir_spec_kind kind)
{
    struct weir_spec *spec = WEIR_ARENA_NEW(arena, struct weir_spec);
    spec->kind = kind;
    return spec;
}

struct weir_spec *weir_spec_map(struct weir_arena *arena)
{
    return make(arena, WEIR_SPEC_MAP);
}

struct weir_spec *weir_spec_list(struct weir_arena *arena)
{
    return make(arena, WEIR_SPEC_LIST);
}

struct weir_spec *weir_spec_boolean(struct weir_arena *arena, bool value)
{
    struct weir_spec *spec = make(arena, WEIR_SPEC_BOOLEAN);
    spec->boolean = value;
    return spec;
}

struct weir_spec *weir_spec_integer(struct weir_arena *arena, int64_t value)
{
    struct weir_spec *spec = make(arena, WEIR_SPEC_INTEGER);
    spec->integer = value;
    return spec;
}

struct weir_spec *weir_spec_double(struct weir_arena *arena, double value)
{
    struct weir_spec *spec = make(arena, WEIR_SPEC_DOUBLE);
    spec->number = value;
    return spec;
}

struct weir_spec *weir_spec_bytes(struct weir_arena *arena, const void *bytes, size_t length)
{
    struct weir_spec *spec = make(arena, WEIR_SPEC_TEXT);
    spec->text = (struct weir_slice){ weir_arena_copy(arena, bytes, length), length };
    return spec;
}

struct weir_spec *weir_spec_text(struct weir_arena *arena, const char *text)
{
    return weir_spec_bytes(arena, text, strlen(text));
}

struct weir_spec *weir_spec_type(struct weir_arena *arena, const struct weir_type *type)
{
    struct weir_spec *spec = make(arena, WEIR_SPEC_TYPE);
    spec->type = type;
    return spec;
}

struct weir_spec *weir_spec_value(struct weir_arena *arena, const struct weir_vector *value)
{
    struct weir_spec *spec = make(arena, WEIR_SPEC_VALUE);
    spec->value = value;
    return spec;
}

struct weir_spec *weir_spec_integers(struct weir_arena *arena, const uint32_t *values, uint32_t count)
{
    struct weir_spec *list = weir_spec_list(arena);
    for (uint32_t i = 0; i < count; i++) weir_spec_add(arena, list, weir_spec_integer(arena, values[i]));
    return list;
}

static void append(struct weir_arena *arena, struct weir_spec *spec, const char *name, struct weir_spec *item)
{
    if (spec->count == spec->capacity) {
        uint32_t capacity = spec->capacity ? spec->capacity * 2 : 8;
        struct weir_spec **items = WEIR_ARENA_ARRAY(arena, struct weir_spec *, capacity);
        const char **names =
            spec->kind == WEIR_SPEC_MAP ? WEIR_ARENA_ARRAY(arena, const char *, capacity) : NULL;
        for (uint32_t i = 0; i < spec->count; i++) {
            items[i] = spec->items[i];
            if (names) names[i] = spec->names[i];
        }
        spec->items = items;
        spec->names = names;
        spec->capacity = capacity;
    }
    if (spec->names) spec->names[spec->count] = weir_arena_string(arena, name);
    spec->items[spec->count++] = item;
}

void weir_spec_put(struct weir_arena *arena, struct weir_spec *map, const char *name, struct weir_spec *item)
{
    WEIR_ASSERT(map->kind == WEIR_SPEC_MAP && item);
    for (uint32_t i = 0; i < map->count; i++) {
        if (strcmp(map->names[i], name) != 0) continue;
        map->items[i] = item;
        return;
    }
    append(arena, map, name, item);
}

void weir_spec_add(struct weir_arena *arena, struct weir_spec *list, struct weir_spec *item)
{
    WEIR_ASSERT(list->kind == WEIR_SPEC_LIST && item);
    append(arena, list, NULL, item);
}

const struct weir_spec *weir_spec_get(const struct weir_spec *map, const char *name)
{
    if (!map || map->kind != WEIR_SPEC_MAP) return NULL;
    for (uint32_t i = 0; i < map->count; i++) {
        if (strcmp(map->names[i], name) == 0) return map->items[i];
    }
    return NULL;
}

bool weir_spec_get_boolean(const struct weir_spec *map, const char *name, bool otherwise)
{
    const struct weir_spec *spec = weir_spec_get(map, name);
    if (!spec) return otherwise;
    WEIR_ASSERT(spec->kind == WEIR_SPEC_BOOLEAN);
    return spec->boolean;
}

int64_t weir_spec_get_integer(const struct weir_spec *map, const char *name, int64_t otherwise)
{
    const struct weir_spec *spec = weir_spec_get(map, name);
    if (!spec) return otherwise;
    WEIR_ASSERT(spec->kind == WEIR_SPEC_INTEGER);
    return spec->integer;
}

const char *weir_spec_get_text(const struct weir_spec *map, const char *name, const char *otherwise)
{
    const struct weir_spec *spec = weir_spec_get(map, name);
    if (!spec) return otherwise;
    WEIR_ASSERT(spec->kind == WEIR_SPEC_TEXT);
    return spec->text.data;
}

uint32_t *weir_spec_get_integers(
    const struct weir_spec *map, const char *name, uint32_t *count, struct weir_arena *arena)
{
    const struct weir_spec *list = weir_spec_get(map, name);
    *count = 0;
    if (!list) return NULL;
    WEIR_ASSERT(list->kind == WEIR_SPEC_LIST);
    uint32_t *values = WEIR_ARENA_ARRAY(arena, uint32_t, list->count);
    for (uint32_t i = 0; i < list->count; i++) {
        WEIR_ASSERT(list->items[i]->kind == WEIR_SPEC_INTEGER);
        values[i] = (uint32_t)list->items[i]->integer;
    }
    *count = list->count;
    return values;
}

static void write_text(const char *text, size_t length, struct weir_buffer *to)
{
    weir_buffer_append_varint(to, length);
    weir_buffer_append(to, text, length);
}

void weir_spec_write(const struct weir_spec *spec, struct weir_buffer *to)
{
    uint64_t bits;
    weir_buffer_append_byte(to, (char)spec->kind);
    switch (spec->kind) {
    case WEIR_SPEC_NONE: break;
    case WEIR_SPEC_BOOLEAN: weir_buffer_append_byte(to, spec->boolean); break;
    case WEIR_SPEC_INTEGER: /* zigzag: small negative numbers stay short */
        weir_buffer_append_varint(to, (uint64_t)spec->integer << 1 ^ (uint64_t)(spec->integer >> 63));
        break;
    case WEIR_SPEC_DOUBLE:
        memcpy(&bits, &spec->number, sizeof bits);
        weir_buffer_append_u64(to, bits);
        break;
    case WEIR_SPEC_TEXT: write_text(spec->text.data, spec->text.length, to); break;
    case WEIR_SPEC_TYPE: weir_type_write(spec->type, to); break;
    case WEIR_SPEC_VALUE:
        weir_type_write(spec->value->type, to);
        weir_value_write(spec->value, 0, to);
        break;
    case WEIR_SPEC_LIST:
    case WEIR_SPEC_MAP:
        weir_buffer_append_varint(to, spec->count);
        for (uint32_t i = 0; i < spec->count; i++) {
            if (spec->kind == WEIR_SPEC_MAP) write_text(spec->names[i], strlen(spec->names[i]), to);
            weir_spec_write(spec->items[i], to);
        }
        break;
    }
}

static struct weir_spec *read_spec(struct weir_arena *arena, struct weir_reader *from, uint32_t depth);

static bool read_items(
    struct weir_arena *arena, struct weir_reader *from, struct weir_spec *spec, uint32_t depth)
{
    uint64_t count = weir_reader_varint(from);
    if (from->failed || count > from->length - from->offset) return false;
    for (uint64_t i = 0; i < count; i++) {
        const char *name = NULL;
        if (spec->kind == WEIR_SPEC_MAP) {
            uint64_t length = weir_reader_varint(from);
            const char *bytes = weir_reader_bytes(from, (size_t)length);
            if (!bytes || memchr(bytes, 0, (size_t)length)) return false;
            name = weir_arena_copy(arena, bytes, (size_t)length);
            if (weir_spec_get(spec, name)) return false;
        }
        struct weir_spec *item = read_spec(arena, from, depth + 1);
        if (!item) return false;
        append(arena, spec, name, item);
    }
    return true;
}

static bool read_value(struct weir_arena *arena, struct weir_reader *from, struct weir_spec *spec)
{
    const struct weir_type *type = weir_type_read(arena, from);
    if (!type) return false;
    struct weir_vector *value = WEIR_ARENA_NEW(arena, struct weir_vector);
    weir_vector_init(value, type, 1, arena);
    if (weir_value_read(value, 0, from, arena, NULL, NULL) != WEIR_OK) return false;
    value->encoding = WEIR_ENCODING_CONSTANT;
    spec->value = value;
    return true;
}

static struct weir_spec *read_spec(struct weir_arena *arena, struct weir_reader *from, uint32_t depth)
{
    if (depth > WEIR_SPEC_DEPTH_MAX) return NULL;
    struct weir_spec *spec = make(arena, weir_reader_byte(from));
    bool read = true;
    uint64_t bits;
    switch (spec->kind) {
    case WEIR_SPEC_NONE: break;
    case WEIR_SPEC_BOOLEAN: {
        uint8_t byte = weir_reader_byte(from);
        spec->boolean = byte == 1;
        read = byte <= 1;
        break;
    }
    case WEIR_SPEC_INTEGER:
        bits = weir_reader_varint(from);
        spec->integer = (int64_t)(bits >> 1 ^ -(bits & 1));
        break;
    case WEIR_SPEC_DOUBLE:
        bits = weir_reader_u64(from);
        memcpy(&spec->number, &bits, sizeof bits);
        break;
    case WEIR_SPEC_TEXT: {
        uint64_t length = weir_reader_varint(from);
        const char *bytes = weir_reader_bytes(from, (size_t)length);
        if (bytes)
            spec->text = (struct weir_slice){ weir_arena_copy(arena, bytes, (size_t)length), (size_t)length };
        read = bytes != NULL;
        break;
    }
    case WEIR_SPEC_TYPE:
        spec->type = weir_type_read(arena, from);
        read = spec->type != NULL;
        break;
    case WEIR_SPEC_VALUE: read = read_value(arena, from, spec); break;
    case WEIR_SPEC_LIST:
    case WEIR_SPEC_MAP: read = read_items(arena, from, spec, depth); break;
    default: read = false; break;
    }
    return read && !from->failed ? spec : NULL;
}

struct weir_spec *weir_spec_read(
    struct weir_arena *arena, struct weir_reader *from, struct weir_error *reterr)
{
    struct weir_spec *spec = read_spec(arena, from, 0);
    if (!spec) {
        weir_error_set(reterr, WEIR_E_FORMAT, "malformed plan: no value can be read at byte %zu of %zu",
            from->offset, from->length);
    }
    return spec;
}

static void print_text(const char *text, size_t length, struct weir_buffer *to)
{
    weir_buffer_append_byte(to, '"');
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\')
            weir_buffer_format(to, "\\%c", c);
        else if (c < ' ')
            weir_buffer_format(to, "\\u%04x", c);
        else
            weir_buffer_append_byte(to, (char)c);
    }
    weir_buffer_append_byte(to, '"');
}

void weir_spec_print(const struct weir_spec *spec, struct weir_buffer *to)
{
    char number[WEIR_NUMBER_TEXT_BYTES_MAX];
    switch (spec->kind) {
    case WEIR_SPEC_NONE: weir_buffer_append_text(to, "null"); break;
    case WEIR_SPEC_BOOLEAN: weir_buffer_append_text(to, spec->boolean ? "true" : "false"); break;
    case WEIR_SPEC_INTEGER: weir_buffer_append(to, number, weir_i64_print(spec->integer, number)); break;
    case WEIR_SPEC_DOUBLE: weir_buffer_append(to, number, weir_double_print(spec->number, number)); break;
    case WEIR_SPEC_TEXT: print_text(spec->text.data, spec->text.length, to); break;
    case WEIR_SPEC_TYPE: weir_type_print(spec->type, true, to); break;
    case WEIR_SPEC_VALUE:
        weir_value_print(spec->value, 0, WEIR_TEXT_CAST, NULL, to);
        weir_buffer_append_text(to, ":");
        weir_type_print(spec->value->type, false, to);
        break;
    case WEIR_SPEC_LIST:
    case WEIR_SPEC_MAP:
        weir_buffer_append_byte(to, spec->kind == WEIR_SPEC_MAP ? '{' : '[');
        for (uint32_t i = 0; i < spec->count; i++) {
            if (i) weir_buffer_append_text(to, ", ");
            if (spec->kind == WEIR_SPEC_MAP) {
                print_text(spec->names[i], strlen(spec->names[i]), to);
                weir_buffer_append_text(to, ": ");
            }
            weir_spec_print(spec->items[i], to);
        }
        weir_buffer_append_byte(to, spec->kind == WEIR_SPEC_MAP ? '}' : ']');
        break;
    }
}
