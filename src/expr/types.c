/* Types of expressions: physical form, least common type, implicit casts. */
#include "expr/kernel.h"
#include "expr/types.h"

enum weir_physical weir_physical_of(const struct weir_type *type)
{
    switch (type->id) {
    case WEIR_TYPE_BOOLEAN: return WEIR_PHYSICAL_U8;
    case WEIR_TYPE_TINYINT: return WEIR_PHYSICAL_I8;
    case WEIR_TYPE_SMALLINT: return WEIR_PHYSICAL_I16;
    case WEIR_TYPE_INT:
    case WEIR_TYPE_DATE:
    case WEIR_TYPE_TIME:
    case WEIR_TYPE_INTERVAL_YEAR_MONTH: return WEIR_PHYSICAL_I32;
    case WEIR_TYPE_BIGINT:
    case WEIR_TYPE_INTERVAL_DAY_TIME: return WEIR_PHYSICAL_I64;
    case WEIR_TYPE_FLOAT: return WEIR_PHYSICAL_F32;
    case WEIR_TYPE_DOUBLE: return WEIR_PHYSICAL_F64;
    case WEIR_TYPE_DECIMAL: return weir_type_is_wide_decimal(type) ? WEIR_PHYSICAL_I128 : WEIR_PHYSICAL_I64;
    case WEIR_TYPE_TIMESTAMP:
    case WEIR_TYPE_TIMESTAMP_LTZ:
        return weir_type_is_wide_timestamp(type) ? WEIR_PHYSICAL_I128 : WEIR_PHYSICAL_I64;
    case WEIR_TYPE_CHAR:
    case WEIR_TYPE_VARCHAR:
    case WEIR_TYPE_BINARY:
    case WEIR_TYPE_VARBINARY: return WEIR_PHYSICAL_VIEW;
    case WEIR_TYPE_ARRAY:
    case WEIR_TYPE_MAP:
    case WEIR_TYPE_MULTISET:
    case WEIR_TYPE_ROW: return WEIR_PHYSICAL_NESTED;
    case WEIR_TYPE_NULL:
    case WEIR_TYPE_COUNT: break;
    }
    return WEIR_PHYSICAL_NONE;
}

bool weir_types_any_nullable(const struct weir_type *const *types, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (types[i]->nullable) return true;
    }
    return false;
}

bool weir_type_integer_as_decimal(const struct weir_type *type, uint8_t *precision, uint8_t *scale)
{
    *scale = 0;
    switch (type->id) {
    case WEIR_TYPE_TINYINT: *precision = 3; return true;
    case WEIR_TYPE_SMALLINT: *precision = 5; return true;
    case WEIR_TYPE_INT: *precision = 10; return true;
    case WEIR_TYPE_BIGINT: *precision = 19; return true;
    case WEIR_TYPE_DECIMAL:
        *precision = type->precision;
        *scale = type->scale;
        return true;
    default: return false;
    }
}

static const struct weir_type *plain(struct weir_arena *arena, enum weir_type_id id, bool nullable)
{
    return weir_type_nullable(arena, weir_type_of(id), nullable);
}

static const struct weir_type *common_numeric(
    struct weir_arena *arena, const struct weir_type *a, const struct weir_type *b, bool nullable)
{
    if (weir_type_is_approximate(a) || weir_type_is_approximate(b)) {
        bool is_double = a->id == WEIR_TYPE_DOUBLE || b->id == WEIR_TYPE_DOUBLE ||
                         a->id == WEIR_TYPE_DECIMAL || b->id == WEIR_TYPE_DECIMAL;
        return plain(arena, is_double ? WEIR_TYPE_DOUBLE : WEIR_TYPE_FLOAT, nullable);
    }
    if (a->id != WEIR_TYPE_DECIMAL && b->id != WEIR_TYPE_DECIMAL)
        return plain(arena, WEIR_MAX(a->id, b->id), nullable);
    uint8_t precision_a = 0, precision_b = 0, scale_a = 0, scale_b = 0;
    weir_type_integer_as_decimal(a, &precision_a, &scale_a);
    weir_type_integer_as_decimal(b, &precision_b, &scale_b);
    int digits = WEIR_MIN(WEIR_MAX(precision_a - scale_a, precision_b - scale_b), WEIR_DECIMAL_PRECISION_MAX);
    int scale = WEIR_MIN(WEIR_MAX(scale_a, scale_b), WEIR_DECIMAL_PRECISION_MAX - digits);
    return weir_type_decimal(arena, (uint8_t)(digits + scale), (uint8_t)scale, nullable);
}

static const struct weir_type *common_length(
    struct weir_arena *arena, const struct weir_type *a, const struct weir_type *b, bool nullable)
{
    bool fixed =
        a->id == b->id && (a->id == WEIR_TYPE_CHAR || a->id == WEIR_TYPE_BINARY) && a->length == b->length;
    enum weir_type_id varying = weir_type_is_string(a) ? WEIR_TYPE_VARCHAR : WEIR_TYPE_VARBINARY;
    return weir_type_with_length(arena, fixed ? a->id : varying, WEIR_MAX(a->length, b->length), nullable);
}

static const struct weir_type *common_two(
    struct weir_arena *arena, const struct weir_type *a, const struct weir_type *b);

static const struct weir_type *common_row(
    struct weir_arena *arena, const struct weir_type *a, const struct weir_type *b, bool nullable)
{
    if (a->child_count != b->child_count) return NULL;
    const struct weir_type **children = WEIR_ARENA_ARRAY(arena, const struct weir_type *, a->child_count + 1);
    for (uint32_t i = 0; i < a->child_count; i++) {
        children[i] = common_two(arena, a->children[i], b->children[i]);
        if (!children[i]) return NULL;
    }
    return weir_type_row(arena, children, a->field_names, a->child_count, nullable);
}

static const struct weir_type *common_nested(
    struct weir_arena *arena, const struct weir_type *a, const struct weir_type *b, bool nullable)
{
    if (a->id != b->id) return NULL;
    if (a->id == WEIR_TYPE_ROW) return common_row(arena, a, b, nullable);
    const struct weir_type *first = common_two(arena, a->children[0], b->children[0]);
    if (!first) return NULL;
    if (a->id == WEIR_TYPE_ARRAY) return weir_type_array(arena, first, nullable);
    if (a->id == WEIR_TYPE_MULTISET) return weir_type_multiset(arena, first, nullable);
    const struct weir_type *second = common_two(arena, a->children[1], b->children[1]);
    return second ? weir_type_map(arena, first, second, nullable) : NULL;
}

static const struct weir_type *common_temporal(
    struct weir_arena *arena, const struct weir_type *a, const struct weir_type *b, bool nullable)
{
    if (a->id == WEIR_TYPE_TIME && b->id == WEIR_TYPE_TIME) {
        return weir_type_with_precision(arena, a->id, WEIR_MAX(a->precision, b->precision), nullable);
    }
    if (weir_type_is_timestamp(a) && weir_type_is_timestamp(b)) {
        enum weir_type_id id = WEIR_MAX(a->id, b->id); /* TIMESTAMP_LTZ when one is */
        return weir_type_with_precision(arena, id, WEIR_MAX(a->precision, b->precision), nullable);
    }
    if (a->id == WEIR_TYPE_DATE && weir_type_is_timestamp(b)) {
        return weir_type_with_precision(arena, b->id, b->precision, nullable);
    }
    if (b->id == WEIR_TYPE_DATE && weir_type_is_timestamp(a)) {
        return weir_type_with_precision(arena, a->id, a->precision, nullable);
    }
    if (weir_type_is_interval(a) && a->id == b->id) return weir_type_nullable(arena, a, nullable);
    return NULL;
}

static const struct weir_type *common_two(
    struct weir_arena *arena, const struct weir_type *a, const struct weir_type *b)
{
    bool nullable = a->nullable || b->nullable;
    if (a->id == WEIR_TYPE_NULL) return weir_type_nullable(arena, b, true);
    if (b->id == WEIR_TYPE_NULL) return weir_type_nullable(arena, a, true);
    if (weir_type_equal(a, b)) return a;
    if (weir_type_same(a, b) && !weir_type_is_nested(a)) return weir_type_nullable(arena, a, nullable);
    if (weir_type_is_numeric(a) && weir_type_is_numeric(b)) return common_numeric(arena, a, b, nullable);
    if (weir_type_is_string(a) && weir_type_is_string(b)) return common_length(arena, a, b, nullable);
    if (weir_type_is_binary(a) && weir_type_is_binary(b)) return common_length(arena, a, b, nullable);
    if (weir_type_is_nested(a) && weir_type_is_nested(b)) return common_nested(arena, a, b, nullable);
    return common_temporal(arena, a, b, nullable);
}

const struct weir_type *weir_expr_common_type(
    struct weir_arena *arena, const struct weir_type *const *types, uint32_t count)
{
    if (count == 0) return NULL;
    const struct weir_type *common = types[0];
    for (uint32_t i = 1; i < count && common; i++) common = common_two(arena, common, types[i]);
    return common;
}

static bool implicit_children(const struct weir_type *from, const struct weir_type *to)
{
    if (from->child_count != to->child_count) return false;
    for (uint32_t i = 0; i < from->child_count; i++) {
        if (!weir_expr_can_cast_implicitly(from->children[i], to->children[i])) return false;
    }
    return true;
}

bool weir_expr_can_cast_implicitly(const struct weir_type *from, const struct weir_type *to)
{
    if (from->id == WEIR_TYPE_NULL) return true;
    switch (to->id) {
    case WEIR_TYPE_CHAR:
    case WEIR_TYPE_VARCHAR: return weir_type_is_string(from);
    case WEIR_TYPE_BINARY:
    case WEIR_TYPE_VARBINARY: return weir_type_is_binary(from);
    case WEIR_TYPE_TINYINT:
    case WEIR_TYPE_SMALLINT:
    case WEIR_TYPE_INT:
    case WEIR_TYPE_BIGINT: return weir_type_is_integer(from) && from->id <= to->id;
    case WEIR_TYPE_DECIMAL: return weir_type_is_numeric(from);
    case WEIR_TYPE_FLOAT: return weir_type_is_numeric(from) && from->id != WEIR_TYPE_DOUBLE;
    case WEIR_TYPE_DOUBLE: return weir_type_is_numeric(from);
    case WEIR_TYPE_DATE: return from->id == WEIR_TYPE_DATE || weir_type_is_timestamp(from);
    case WEIR_TYPE_TIME: return from->id == WEIR_TYPE_TIME || weir_type_is_timestamp(from);
    case WEIR_TYPE_TIMESTAMP:
    case WEIR_TYPE_TIMESTAMP_LTZ: return weir_type_is_timestamp(from) || from->id == WEIR_TYPE_DATE;
    case WEIR_TYPE_ARRAY:
    case WEIR_TYPE_MAP:
    case WEIR_TYPE_MULTISET:
    case WEIR_TYPE_ROW: return from->id == to->id && implicit_children(from, to);
    default: return from->id == to->id;
    }
}
