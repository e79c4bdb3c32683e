/* Text and binary forms of types. */
#include "data/type.h"

enum print_form { PRINT_SUMMARY, PRINT_SUMMARY_WITH_ATTRIBUTES, PRINT_FULL };

static const char *const names[WEIR_TYPE_COUNT] = {
    [WEIR_TYPE_NULL] = "NULL",
    [WEIR_TYPE_BOOLEAN] = "BOOLEAN",
    [WEIR_TYPE_TINYINT] = "TINYINT",
    [WEIR_TYPE_SMALLINT] = "SMALLINT",
    [WEIR_TYPE_INT] = "INT",
    [WEIR_TYPE_BIGINT] = "BIGINT",
    [WEIR_TYPE_FLOAT] = "FLOAT",
    [WEIR_TYPE_DOUBLE] = "DOUBLE",
    [WEIR_TYPE_DECIMAL] = "DECIMAL",
    [WEIR_TYPE_CHAR] = "CHAR",
    [WEIR_TYPE_VARCHAR] = "VARCHAR",
    [WEIR_TYPE_BINARY] = "BINARY",
    [WEIR_TYPE_VARBINARY] = "VARBINARY",
    [WEIR_TYPE_DATE] = "DATE",
    [WEIR_TYPE_TIME] = "TIME",
    [WEIR_TYPE_TIMESTAMP] = "TIMESTAMP",
    [WEIR_TYPE_TIMESTAMP_LTZ] = "TIMESTAMP_LTZ",
    [WEIR_TYPE_INTERVAL_YEAR_MONTH] = "INTERVAL",
    [WEIR_TYPE_INTERVAL_DAY_TIME] = "INTERVAL",
    [WEIR_TYPE_ARRAY] = "ARRAY",
    [WEIR_TYPE_MAP] = "MAP",
    [WEIR_TYPE_MULTISET] = "MULTISET",
    [WEIR_TYPE_ROW] = "ROW",
};

static void print_interval(const struct weir_type *t, struct weir_buffer *to)
{
    const int days = 2, years = 2, fraction = t->precision;
    switch ((enum weir_interval_unit)t->interval_unit) {
    case WEIR_INTERVAL_UNIT_YEAR: weir_buffer_format(to, "INTERVAL YEAR(%d)", years); break;
    case WEIR_INTERVAL_UNIT_YEAR_TO_MONTH: weir_buffer_format(to, "INTERVAL YEAR(%d) TO MONTH", years); break;
    case WEIR_INTERVAL_UNIT_MONTH: weir_buffer_append_text(to, "INTERVAL MONTH"); break;
    case WEIR_INTERVAL_UNIT_DAY: weir_buffer_format(to, "INTERVAL DAY(%d)", days); break;
    case WEIR_INTERVAL_UNIT_DAY_TO_HOUR: weir_buffer_format(to, "INTERVAL DAY(%d) TO HOUR", days); break;
    case WEIR_INTERVAL_UNIT_DAY_TO_MINUTE: weir_buffer_format(to, "INTERVAL DAY(%d) TO MINUTE", days); break;
    case WEIR_INTERVAL_UNIT_DAY_TO_SECOND:
        weir_buffer_format(to, "INTERVAL DAY(%d) TO SECOND(%d)", days, fraction);
        break;
    case WEIR_INTERVAL_UNIT_HOUR: weir_buffer_append_text(to, "INTERVAL HOUR"); break;
    case WEIR_INTERVAL_UNIT_HOUR_TO_MINUTE: weir_buffer_append_text(to, "INTERVAL HOUR TO MINUTE"); break;
    case WEIR_INTERVAL_UNIT_HOUR_TO_SECOND:
        weir_buffer_format(to, "INTERVAL HOUR TO SECOND(%d)", fraction);
        break;
    case WEIR_INTERVAL_UNIT_MINUTE: weir_buffer_append_text(to, "INTERVAL MINUTE"); break;
    case WEIR_INTERVAL_UNIT_MINUTE_TO_SECOND:
        weir_buffer_format(to, "INTERVAL MINUTE TO SECOND(%d)", fraction);
        break;
    case WEIR_INTERVAL_UNIT_SECOND: weir_buffer_format(to, "INTERVAL SECOND(%d)", fraction); break;
    }
}

static void print_name(const char *name, struct weir_buffer *to)
{
    weir_buffer_append_byte(to, '`');
    for (; *name; name++) {
        if (*name == '`') weir_buffer_append_byte(to, '`');
        weir_buffer_append_byte(to, *name);
    }
    weir_buffer_append_byte(to, '`');
}

static void print_type(const struct weir_type *t, enum print_form form, struct weir_buffer *to)
{
    switch (t->id) {
    case WEIR_TYPE_DECIMAL: weir_buffer_format(to, "DECIMAL(%u, %u)", t->precision, t->scale); break;
    case WEIR_TYPE_CHAR:
    case WEIR_TYPE_BINARY: weir_buffer_format(to, "%s(%d)", names[t->id], t->length); break;
    case WEIR_TYPE_VARCHAR:
    case WEIR_TYPE_VARBINARY:
        if (t->length == WEIR_LENGTH_MAX && form != PRINT_FULL) {
            weir_buffer_append_text(to, t->id == WEIR_TYPE_VARCHAR ? "STRING" : "BYTES");
        } else {
            weir_buffer_format(to, "%s(%d)", names[t->id], t->length);
        }
        break;
    case WEIR_TYPE_TIME:
    case WEIR_TYPE_TIMESTAMP:
    case WEIR_TYPE_TIMESTAMP_LTZ: weir_buffer_format(to, "%s(%u)", names[t->id], t->precision); break;
    case WEIR_TYPE_INTERVAL_YEAR_MONTH:
    case WEIR_TYPE_INTERVAL_DAY_TIME: print_interval(t, to); break;
    case WEIR_TYPE_ARRAY:
    case WEIR_TYPE_MAP:
    case WEIR_TYPE_MULTISET:
    case WEIR_TYPE_ROW:
        weir_buffer_format(to, "%s<", names[t->id]);
        for (uint32_t i = 0; i < t->child_count; i++) {
            if (i) weir_buffer_append_text(to, ", ");
            if (t->field_names) {
                print_name(t->field_names[i], to);
                weir_buffer_append_byte(to, ' ');
            }
            print_type(t->children[i], form, to);
        }
        weir_buffer_append_byte(to, '>');
        break;
    default: weir_buffer_append_text(to, names[t->id]); break;
    }
    if (!t->nullable) weir_buffer_append_text(to, " NOT NULL");
    if (form != PRINT_SUMMARY_WITH_ATTRIBUTES || t->time_attribute == WEIR_TIME_ATTRIBUTE_NONE) return;
    weir_buffer_append_text(
        to, t->time_attribute == WEIR_TIME_ATTRIBUTE_ROWTIME ? " *ROWTIME*" : " *PROCTIME*");
}

void weir_type_print(const struct weir_type *type, bool with_attributes, struct weir_buffer *to)
{
    print_type(type, with_attributes ? PRINT_SUMMARY_WITH_ATTRIBUTES : PRINT_SUMMARY, to);
}

void weir_type_print_full(const struct weir_type *type, struct weir_buffer *to)
{
    print_type(type, PRINT_FULL, to);
}

enum { TYPE_TEXT_BYTES_MAX = 16 << 20 };

const char *weir_type_text(struct weir_arena *arena, const struct weir_type *type)
{
    struct weir_buffer buffer;
    weir_buffer_init(&buffer, arena->memory, TYPE_TEXT_BYTES_MAX);
    weir_type_print(type, false, &buffer);
    const char *text = weir_arena_copy(arena, buffer.data, buffer.length);
    weir_buffer_done(&buffer);
    return text;
}

/* Binary form: id, flags, then the parameters that the id has; children follow. */
enum { FLAG_NULLABLE = 1, FLAG_ATTRIBUTE_SHIFT = 1, FLAGS_MAX = 1 | 3 << 1 };

void weir_type_write(const struct weir_type *type, struct weir_buffer *to)
{
    weir_buffer_append_byte(to, (char)type->id);
    weir_buffer_append_byte(
        to, (char)((type->nullable ? FLAG_NULLABLE : 0) | type->time_attribute << FLAG_ATTRIBUTE_SHIFT));
    if (type->id == WEIR_TYPE_DECIMAL) weir_buffer_append_byte(to, (char)type->scale);
    if (weir_type_is_interval(type)) weir_buffer_append_byte(to, (char)type->interval_unit);
    if (weir_type_is_view(type)) weir_buffer_append_varint(to, (uint64_t)type->length);
    weir_buffer_append_byte(to, (char)type->precision);
    if (type->id == WEIR_TYPE_ROW) weir_buffer_append_varint(to, type->child_count);
    for (uint32_t i = 0; i < type->child_count; i++) {
        if (type->field_names) {
            size_t length = strlen(type->field_names[i]);
            weir_buffer_append_varint(to, length);
            weir_buffer_append(to, type->field_names[i], length);
        }
        weir_type_write(type->children[i], to);
    }
}

static bool is_valid(const struct weir_type *t)
{
    if (t->id == WEIR_TYPE_DECIMAL) {
        return t->precision >= 1 && t->precision <= WEIR_DECIMAL_PRECISION_MAX && t->scale <= t->precision;
    }
    if (t->id == WEIR_TYPE_INTERVAL_YEAR_MONTH) return t->interval_unit <= WEIR_INTERVAL_UNIT_MONTH;
    if (t->id == WEIR_TYPE_INTERVAL_DAY_TIME) {
        return t->interval_unit > WEIR_INTERVAL_UNIT_MONTH && t->interval_unit <= WEIR_INTERVAL_UNIT_SECOND;
    }
    return t->precision <= 9;
}

static uint32_t child_count_of(enum weir_type_id id, struct weir_reader *from)
{
    switch (id) {
    case WEIR_TYPE_ARRAY:
    case WEIR_TYPE_MULTISET: return 1;
    case WEIR_TYPE_MAP: return 2;
    case WEIR_TYPE_ROW: {
        uint64_t count = weir_reader_varint(from);
        if (count > WEIR_ROW_FIELDS_MAX || count * 3 > from->length - from->offset) from->failed = true;
        return from->failed ? 0 : (uint32_t)count;
    }
    default: return 0;
    }
}

static const char *read_name(struct weir_arena *arena, struct weir_reader *from)
{
    uint64_t length = weir_reader_varint(from);
    const char *bytes = weir_reader_bytes(from, (size_t)length);
    if (!bytes || memchr(bytes, 0, (size_t)length)) return NULL;
    return weir_arena_copy(arena, bytes, (size_t)length);
}

static const struct weir_type *read_type(struct weir_arena *arena, struct weir_reader *from, uint32_t depth)
{
    if (depth > WEIR_TYPE_DEPTH_MAX) return NULL;
    struct weir_type type = { 0 };
    uint8_t id = weir_reader_byte(from), flags = weir_reader_byte(from);
    if (from->failed || id >= WEIR_TYPE_COUNT || flags > FLAGS_MAX) return NULL;
    type.id = id;
    type.nullable = flags & FLAG_NULLABLE;
    type.time_attribute = flags >> FLAG_ATTRIBUTE_SHIFT;
    if (type.time_attribute > WEIR_TIME_ATTRIBUTE_PROCTIME) return NULL;
    if (type.id == WEIR_TYPE_DECIMAL) type.scale = weir_reader_byte(from);
    if (weir_type_is_interval(&type)) type.interval_unit = weir_reader_byte(from);
    if (weir_type_is_view(&type)) {
        uint64_t length = weir_reader_varint(from);
        if (length > WEIR_LENGTH_MAX) return NULL;
        type.length = (int32_t)length;
    }
    type.precision = weir_reader_byte(from);
    if (from->failed || !is_valid(&type)) return NULL;
    type.child_count = child_count_of(type.id, from);
    if (from->failed) return NULL;
    const struct weir_type **children = WEIR_ARENA_ARRAY(arena, const struct weir_type *, type.child_count);
    const char **field_names =
        type.id == WEIR_TYPE_ROW ? WEIR_ARENA_ARRAY(arena, const char *, type.child_count) : NULL;
    for (uint32_t i = 0; i < type.child_count; i++) {
        if (field_names && !(field_names[i] = read_name(arena, from))) return NULL;
        children[i] = read_type(arena, from, depth + 1);
        if (!children[i]) return NULL;
    }
    type.children = type.child_count ? children : NULL;
    type.field_names = field_names;
    struct weir_type *made = weir_arena_allocate(arena, sizeof *made);
    *made = type;
    return made;
}

const struct weir_type *weir_type_read(struct weir_arena *arena, struct weir_reader *from)
{
    return read_type(arena, from, 0);
}
