/* Which CASTs there are, and which of them can fail. */
#include "expr/cast.h"

static bool is_single_unit(const struct weir_type *interval)
{
    switch ((enum weir_interval_unit)interval->interval_unit) {
    case WEIR_INTERVAL_UNIT_YEAR:
    case WEIR_INTERVAL_UNIT_MONTH:
    case WEIR_INTERVAL_UNIT_DAY:
    case WEIR_INTERVAL_UNIT_HOUR:
    case WEIR_INTERVAL_UNIT_MINUTE:
    case WEIR_INTERVAL_UNIT_SECOND: return true;
    default: return false;
    }
}

static bool is_point(const struct weir_type *type)
{
    return type->id >= WEIR_TYPE_DATE && type->id <= WEIR_TYPE_TIMESTAMP_LTZ;
}

static bool nested_allowed(const struct weir_type *from, const struct weir_type *to, bool *can_fail)
{
    bool any = false;
    if (from->id != to->id || from->child_count != to->child_count) return false;
    for (uint32_t i = 0; i < from->child_count; i++) {
        bool child_fails = false;
        if (!weir_cast_is_allowed(from->children[i], to->children[i], &child_fails)) return false;
        any |= child_fails;
    }
    *can_fail = any;
    return true;
}

static bool to_number(const struct weir_type *from, const struct weir_type *to)
{
    if (weir_type_is_numeric(from) || weir_type_is_string(from) || from->id == WEIR_TYPE_BOOLEAN) return true;
    bool exact = weir_type_is_integer(to) || to->id == WEIR_TYPE_DECIMAL;
    return weir_type_is_interval(from) && exact && is_single_unit(from);
}

static bool to_interval(const struct weir_type *from, const struct weir_type *to)
{
    if (from->id == to->id) return true;
    bool exact = weir_type_is_integer(from) || from->id == WEIR_TYPE_DECIMAL;
    return exact && is_single_unit(to);
}

bool weir_cast_is_allowed(const struct weir_type *from, const struct weir_type *to, bool *can_fail)
{
    *can_fail = false;
    if (from->id == WEIR_TYPE_NULL) return true;
    if (weir_type_is_string(to)) return true;
    *can_fail = weir_type_is_string(from) && !weir_type_is_binary(to);
    switch (to->id) {
    case WEIR_TYPE_BOOLEAN:
        return from->id == WEIR_TYPE_BOOLEAN || weir_type_is_string(from) || weir_type_is_integer(from);
    case WEIR_TYPE_BINARY:
    case WEIR_TYPE_VARBINARY: return weir_type_is_string(from) || weir_type_is_binary(from);
    case WEIR_TYPE_TINYINT:
    case WEIR_TYPE_SMALLINT:
    case WEIR_TYPE_INT:
    case WEIR_TYPE_BIGINT:
    case WEIR_TYPE_FLOAT:
    case WEIR_TYPE_DOUBLE:
    case WEIR_TYPE_DECIMAL: return to_number(from, to);
    case WEIR_TYPE_DATE: return weir_type_is_string(from) || (is_point(from) && from->id != WEIR_TYPE_TIME);
    case WEIR_TYPE_TIME: return weir_type_is_string(from) || (is_point(from) && from->id != WEIR_TYPE_DATE);
    case WEIR_TYPE_TIMESTAMP:
    case WEIR_TYPE_TIMESTAMP_LTZ: return weir_type_is_string(from) || is_point(from);
    case WEIR_TYPE_INTERVAL_YEAR_MONTH:
    case WEIR_TYPE_INTERVAL_DAY_TIME: return to_interval(from, to);
    case WEIR_TYPE_ARRAY:
    case WEIR_TYPE_MAP:
    case WEIR_TYPE_MULTISET:
    case WEIR_TYPE_ROW: return nested_allowed(from, to, can_fail);
    default: return false;
    }
}
