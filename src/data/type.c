#include "data/type.h"
#include "base/assert.h"

#define PLAIN(type_id, null)                \
    {                                       \
        .id = (type_id), .nullable = (null) \
    }

static const struct weir_type plain_types[WEIR_TYPE_COUNT] = {
    [WEIR_TYPE_NULL] = PLAIN(WEIR_TYPE_NULL, true),
    [WEIR_TYPE_BOOLEAN] = PLAIN(WEIR_TYPE_BOOLEAN, true),
    [WEIR_TYPE_TINYINT] = PLAIN(WEIR_TYPE_TINYINT, true),
    [WEIR_TYPE_SMALLINT] = PLAIN(WEIR_TYPE_SMALLINT, true),
    [WEIR_TYPE_INT] = PLAIN(WEIR_TYPE_INT, true),
    [WEIR_TYPE_BIGINT] = PLAIN(WEIR_TYPE_BIGINT, true),
    [WEIR_TYPE_FLOAT] = PLAIN(WEIR_TYPE_FLOAT, true),
    [WEIR_TYPE_DOUBLE] = PLAIN(WEIR_TYPE_DOUBLE, true),
    [WEIR_TYPE_DATE] = PLAIN(WEIR_TYPE_DATE, true),
};

const struct weir_type weir_type_string = {
    .id = WEIR_TYPE_VARCHAR, .nullable = true, .length = WEIR_LENGTH_MAX
};
const struct weir_type weir_type_bytes = {
    .id = WEIR_TYPE_VARBINARY, .nullable = true, .length = WEIR_LENGTH_MAX
};
const struct weir_type weir_type_boolean_not_null = PLAIN(WEIR_TYPE_BOOLEAN, false);
const struct weir_type weir_type_int_not_null = PLAIN(WEIR_TYPE_INT, false);
const struct weir_type weir_type_bigint_not_null = PLAIN(WEIR_TYPE_BIGINT, false);
const struct weir_type weir_type_string_not_null = { .id = WEIR_TYPE_VARCHAR, .length = WEIR_LENGTH_MAX };

const struct weir_type *weir_type_of(enum weir_type_id id)
{
    switch (id) {
    case WEIR_TYPE_VARCHAR: return &weir_type_string;
    case WEIR_TYPE_VARBINARY: return &weir_type_bytes;
    case WEIR_TYPE_NULL:
    case WEIR_TYPE_BOOLEAN:
    case WEIR_TYPE_TINYINT:
    case WEIR_TYPE_SMALLINT:
    case WEIR_TYPE_INT:
    case WEIR_TYPE_BIGINT:
    case WEIR_TYPE_FLOAT:
    case WEIR_TYPE_DOUBLE:
    case WEIR_TYPE_DATE: return &plain_types[id];
    default: return NULL;
    }
}

static struct weir_type *new_type(struct weir_arena *arena, struct weir_type type)
{
    struct weir_type *made = weir_arena_allocate(arena, sizeof *made);
    *made = type;
    return made;
}

const struct weir_type *weir_type_decimal(
    struct weir_arena *arena, uint8_t precision, uint8_t scale, bool nullable)
{
    WEIR_ASSERT(precision >= 1 && precision <= WEIR_DECIMAL_PRECISION_MAX && scale <= precision);
    return new_type(
        arena, (struct weir_type){
                   .id = WEIR_TYPE_DECIMAL, .nullable = nullable, .precision = precision, .scale = scale });
}

const struct weir_type *weir_type_with_length(
    struct weir_arena *arena, enum weir_type_id id, int32_t length, bool nullable)
{
    WEIR_ASSERT(id >= WEIR_TYPE_CHAR && id <= WEIR_TYPE_VARBINARY && length >= 0);
    return new_type(arena, (struct weir_type){ .id = id, .nullable = nullable, .length = length });
}

const struct weir_type *weir_type_with_precision(
    struct weir_arena *arena, enum weir_type_id id, uint8_t precision, bool nullable)
{
    WEIR_ASSERT(id == WEIR_TYPE_TIME || id == WEIR_TYPE_TIMESTAMP || id == WEIR_TYPE_TIMESTAMP_LTZ);
    WEIR_ASSERT(precision <= 9);
    return new_type(arena, (struct weir_type){ .id = id, .nullable = nullable, .precision = precision });
}

enum { INTERVAL_YEAR_DIGITS = 2, INTERVAL_FRACTION_DIGITS = 3 };

const struct weir_type *weir_type_interval(
    struct weir_arena *arena, enum weir_interval_unit unit, bool nullable)
{
    bool months = unit <= WEIR_INTERVAL_UNIT_MONTH;
    return new_type(arena, (struct weir_type){
                               .id = months ? WEIR_TYPE_INTERVAL_YEAR_MONTH : WEIR_TYPE_INTERVAL_DAY_TIME,
                               .nullable = nullable,
                               .interval_unit = (uint8_t)unit,
                               .precision = months ? INTERVAL_YEAR_DIGITS : INTERVAL_FRACTION_DIGITS,
                           });
}

static const struct weir_type *nested(struct weir_arena *arena, enum weir_type_id id,
    const struct weir_type *const *children, uint32_t count, bool nullable)
{
    const struct weir_type **own = WEIR_ARENA_ARRAY(arena, const struct weir_type *, count);
    for (uint32_t i = 0; i < count; i++) own[i] = children[i];
    return new_type(
        arena, (struct weir_type){ .id = id, .nullable = nullable, .child_count = count, .children = own });
}

const struct weir_type *weir_type_array(
    struct weir_arena *arena, const struct weir_type *element, bool nullable)
{
    return nested(arena, WEIR_TYPE_ARRAY, &element, 1, nullable);
}

const struct weir_type *weir_type_map(
    struct weir_arena *arena, const struct weir_type *key, const struct weir_type *value, bool nullable)
{
    const struct weir_type *children[2] = { key, value };
    return nested(arena, WEIR_TYPE_MAP, children, 2, nullable);
}

const struct weir_type *weir_type_multiset(
    struct weir_arena *arena, const struct weir_type *element, bool nullable)
{
    return nested(arena, WEIR_TYPE_MULTISET, &element, 1, nullable);
}

const struct weir_type *weir_type_row(struct weir_arena *arena, const struct weir_type *const *children,
    const char *const *names, uint32_t count, bool nullable)
{
    WEIR_ASSERT(count <= WEIR_ROW_FIELDS_MAX);
    struct weir_type row = *nested(arena, WEIR_TYPE_ROW, children, count, nullable);
    const char **own = WEIR_ARENA_ARRAY(arena, const char *, count);
    for (uint32_t i = 0; i < count; i++) {
        own[i] = names ? weir_arena_string(arena, names[i]) : weir_arena_format(arena, "EXPR$%u", i);
    }
    row.field_names = own;
    return new_type(arena, row);
}

const struct weir_type *weir_type_nullable(
    struct weir_arena *arena, const struct weir_type *type, bool nullable)
{
    if (type->nullable == nullable) return type;
    struct weir_type changed = *type;
    changed.nullable = nullable;
    return new_type(arena, changed);
}

const struct weir_type *weir_type_with_time_attribute(
    struct weir_arena *arena, const struct weir_type *type, enum weir_time_attribute attribute)
{
    if (type->time_attribute == attribute) return type;
    struct weir_type changed = *type;
    changed.time_attribute = (uint8_t)attribute;
    return new_type(arena, changed);
}

uint32_t weir_type_depth(const struct weir_type *type)
{
    uint32_t depth = 0;
    for (uint32_t i = 0; i < type->child_count; i++) {
        uint32_t child = weir_type_depth(type->children[i]);
        if (child > depth) depth = child;
    }
    return depth + 1;
}

const struct weir_type *weir_type_copy(struct weir_arena *arena, const struct weir_type *type)
{
    struct weir_type copy = *type;
    const struct weir_type **children = WEIR_ARENA_ARRAY(arena, const struct weir_type *, type->child_count);
    for (uint32_t i = 0; i < type->child_count; i++) {
        children[i] = weir_type_copy(arena, type->children[i]);
    }
    copy.children = type->child_count ? children : NULL;
    if (type->field_names) {
        const char **names = WEIR_ARENA_ARRAY(arena, const char *, type->child_count);
        for (uint32_t i = 0; i < type->child_count; i++) {
            names[i] = weir_arena_string(arena, type->field_names[i]);
        }
        copy.field_names = names;
    }
    return new_type(arena, copy);
}

static bool equal_parameters(const struct weir_type *a, const struct weir_type *b)
{
    if (a->id != b->id || a->child_count != b->child_count) return false;
    if (a->length != b->length || a->scale != b->scale) return false;
    return weir_type_is_interval(a) || a->precision == b->precision;
}

static bool equal_types(const struct weir_type *a, const struct weir_type *b, bool nullability)
{
    if (a == b) return true;
    if (!equal_parameters(a, b) || (nullability && a->nullable != b->nullable)) return false;
    for (uint32_t i = 0; i < a->child_count; i++) {
        if (a->field_names && strcmp(a->field_names[i], b->field_names[i]) != 0) return false;
        if (!equal_types(a->children[i], b->children[i], nullability)) return false;
    }
    return true;
}

bool weir_type_equal(const struct weir_type *a, const struct weir_type *b)
{
    return equal_types(a, b, true);
}

bool weir_type_same(const struct weir_type *a, const struct weir_type *b)
{
    return equal_types(a, b, false);
}

uint32_t weir_type_width(const struct weir_type *type)
{
    switch (type->id) {
    case WEIR_TYPE_BOOLEAN:
    case WEIR_TYPE_TINYINT: return 1;
    case WEIR_TYPE_SMALLINT: return 2;
    case WEIR_TYPE_INT:
    case WEIR_TYPE_FLOAT:
    case WEIR_TYPE_DATE:
    case WEIR_TYPE_TIME:
    case WEIR_TYPE_INTERVAL_YEAR_MONTH: return 4;
    case WEIR_TYPE_BIGINT:
    case WEIR_TYPE_DOUBLE:
    case WEIR_TYPE_INTERVAL_DAY_TIME:
    case WEIR_TYPE_ARRAY:
    case WEIR_TYPE_MAP:
    case WEIR_TYPE_MULTISET: return 8;
    case WEIR_TYPE_DECIMAL: return weir_type_is_wide_decimal(type) ? 16 : 8;
    case WEIR_TYPE_TIMESTAMP:
    case WEIR_TYPE_TIMESTAMP_LTZ: return weir_type_is_wide_timestamp(type) ? 16 : 8;
    case WEIR_TYPE_CHAR:
    case WEIR_TYPE_VARCHAR:
    case WEIR_TYPE_BINARY:
    case WEIR_TYPE_VARBINARY: return 16;
    case WEIR_TYPE_NULL:
    case WEIR_TYPE_ROW:
    case WEIR_TYPE_COUNT: return 0;
    }
    return 0;
}
