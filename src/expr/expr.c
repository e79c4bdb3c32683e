/* Building expressions: look-up, inference, implicit casts, the lazy forms. */
#include "expr/build.h"
#include "expr/kernel.h"

static struct weir_expr *new_expr(
    struct weir_arena *arena, enum weir_expr_kind kind, const struct weir_type *type)
{
    struct weir_expr *expr = WEIR_ARENA_NEW(arena, struct weir_expr);
    expr->kind = kind;
    expr->type = type;
    expr->node_count = expr->height = 1;
    return expr;
}

struct weir_expr *weir_expr_literal(struct weir_arena *arena, const struct weir_vector *value)
{
    struct weir_expr *expr = new_expr(arena, WEIR_EXPR_LITERAL, value->type);
    expr->literal = value;
    return expr;
}

struct weir_expr *weir_expr_null(struct weir_arena *arena, const struct weir_type *type)
{
    return weir_expr_literal(arena, weir_value_null(arena, weir_type_nullable(arena, type, true)));
}

struct weir_expr *weir_expr_column(struct weir_arena *arena, uint32_t column, const struct weir_type *type)
{
    struct weir_expr *expr = new_expr(arena, WEIR_EXPR_COLUMN, type);
    expr->column = column;
    return expr;
}

struct weir_expr *weir_expr_new_nary(struct weir_arena *arena, enum weir_expr_kind kind,
    const struct weir_type *type, struct weir_expr *const *arguments, uint32_t argument_count)
{
    struct weir_expr *expr = new_expr(arena, kind, type);
    struct weir_expr **copy = WEIR_ARENA_ARRAY(arena, struct weir_expr *, argument_count + 1);
    if (argument_count) memcpy(copy, arguments, argument_count * sizeof *copy);
    expr->arguments = copy;
    expr->argument_count = argument_count;
    uint64_t nodes = 1;
    for (uint32_t i = 0; i < argument_count; i++) {
        nodes += arguments[i]->node_count;
        if (arguments[i]->height >= expr->height) expr->height = arguments[i]->height + 1;
    }
    expr->node_count = (uint32_t)WEIR_MIN(nodes, (uint64_t)UINT32_MAX);
    return expr;
}

struct weir_expr *weir_expr_new_call(struct weir_arena *arena, const struct weir_function *function,
    const struct weir_type *type, struct weir_expr *const *arguments, uint32_t argument_count)
{
    struct weir_expr *expr = weir_expr_new_nary(arena, WEIR_EXPR_CALL, type, arguments, argument_count);
    expr->function = function;
    return expr;
}

/* --- conversions --- */

static struct weir_expr *cast_node(
    struct weir_arena *arena, struct weir_expr *operand, const struct weir_type *type, bool try_cast)
{
    const struct weir_type *to = weir_type_nullable(arena, type, try_cast || operand->type->nullable);
    return weir_expr_new_call(arena, weir_function_find(try_cast ? "TRY_CAST" : "CAST"), to, &operand, 1);
}

struct weir_expr *weir_expr_convert(
    struct weir_arena *arena, struct weir_expr *operand, const struct weir_type *type)
{
    if (weir_type_same(operand->type, type)) return operand;
    if (weir_expr_is_literal(operand) && weir_vector_is_null(operand->literal, 0))
        return weir_expr_null(arena, type);
    bool from_string = weir_type_is_string(operand->type) && !weir_type_is_string(type);
    struct weir_expr *cast = cast_node(arena, operand, type, from_string);
    if (operand->kind != WEIR_EXPR_LITERAL || weir_type_is_timestamp(type))
        return cast; /* zones are known at run time only */
    struct weir_vector *value;
    if (weir_expr_fold(arena, arena->memory, cast, NULL, &value, NULL) != WEIR_OK) return cast;
    return weir_expr_literal(arena, value);
}

/* Nullability of elements, units of intervals and time attributes count: a cast that changes them is a call.
 */
static bool is_cast_to_itself(
    struct weir_arena *arena, const struct weir_type *from, const struct weir_type *to)
{
    if (from->time_attribute != WEIR_TIME_ATTRIBUTE_NONE) return false;
    if (weir_type_is_interval(from) && from->interval_unit != to->interval_unit) return false;
    return weir_type_equal(weir_type_nullable(arena, from, to->nullable), to);
}

enum weir_error_code weir_expr_cast(struct weir_arena *arena, struct weir_expr *operand,
    const struct weir_type *type, bool try_cast, struct weir_expr **ret, struct weir_error *reterr)
{
    bool can_fail;
    if (operand->type->id == WEIR_TYPE_NULL ||
        (weir_type_same(operand->type, type) && operand->kind == WEIR_EXPR_LITERAL &&
            weir_vector_is_null(operand->literal, 0))) {
        *ret = weir_expr_null(arena, type);
        return WEIR_OK;
    }
    if (!weir_cast_is_allowed(operand->type, type, &can_fail)) {
        bool numeric_to_time = weir_type_is_numeric(operand->type) && weir_type_is_timestamp(type);
        return weir_error_set_at(reterr, WEIR_E_SQL_VALIDATION, operand->line, operand->column_position,
            "Cast function cannot convert value of type %s to type %s.%s",
            weir_type_text(arena, operand->type), weir_type_text(arena, type),
            numeric_to_time
                ? " The cast from NUMERIC type to TIMESTAMP type is not allowed. It's recommended to use"
                  " TO_TIMESTAMP(FROM_UNIXTIME(numeric_col)) or TO_TIMESTAMP_LTZ(numeric_col, precision) "
                  "instead."
                : "");
    }
    if (is_cast_to_itself(arena, operand->type, type)) {
        *ret = operand;
        return WEIR_OK;
    }
    *ret = cast_node(arena, operand, type, try_cast);
    return WEIR_OK;
}

/* --- calls --- */

static enum weir_error_code signature_error(struct weir_arena *arena, const struct weir_function *function,
    struct weir_expr *const *arguments, uint32_t count, struct weir_error *reterr)
{
    struct weir_buffer text;
    weir_buffer_init(&text, arena->memory, WEIR_ERROR_MESSAGE_BYTES_MAX);
    weir_buffer_format(&text, "%s(", function->name);
    for (uint32_t i = 0; i < count; i++) {
        if (i) weir_buffer_append_text(&text, ", ");
        weir_type_print(arguments[i]->type, false, &text);
    }
    weir_buffer_append_byte(&text, ')');
    enum weir_error_code code = weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
        "Invalid function call:\n%s\nexpected is: %s", weir_buffer_text(&text), function->signature);
    weir_buffer_done(&text);
    return code;
}

bool weir_expr_infer(struct weir_arena *arena, const struct weir_function *function,
    struct weir_expr *const *arguments, uint32_t count, const struct weir_type *wanted,
    struct weir_function_match *ret, struct weir_error *reterr)
{
    const struct weir_type **given = WEIR_ARENA_ARRAY(arena, const struct weir_type *, count + 1);
    const struct weir_vector **literals = WEIR_ARENA_ARRAY(arena, const struct weir_vector *, count + 1);
    ret->argument_types = WEIR_ARENA_ARRAY(arena, const struct weir_type *, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        ret->argument_types[i] = given[i] = arguments[i]->type;
        literals[i] = arguments[i]->kind == WEIR_EXPR_LITERAL ? arguments[i]->literal : NULL;
    }
    ret->type = wanted;
    ret->kernel = NULL;
    if (reterr) reterr->code = WEIR_OK, reterr->message[0] = '\0';
    return function->infer(arena, function, given, literals, count, ret, reterr);
}

/* What is computed from a time attribute is none. */
static const struct weir_type *computed(struct weir_arena *arena, const struct weir_type *type)
{
    return weir_type_with_time_attribute(arena, type, WEIR_TIME_ATTRIBUTE_NONE);
}

static enum weir_error_code call_function(struct weir_arena *arena, const struct weir_function *function,
    struct weir_expr *const *arguments, uint32_t count, struct weir_expr **ret, struct weir_error *reterr)
{
    struct weir_error own;
    struct weir_error *why = reterr ? reterr : &own;
    if (count < function->arguments_min || count > function->arguments_max) {
        return signature_error(arena, function, arguments, count, reterr);
    }
    struct weir_function_match match;
    if (!weir_expr_infer(arena, function, arguments, count, NULL, &match, why)) {
        return why->code != WEIR_OK ? why->code : signature_error(arena, function, arguments, count, reterr);
    }
    struct weir_expr **cast = WEIR_ARENA_ARRAY(arena, struct weir_expr *, count + 1);
    bool nullable = false;
    for (uint32_t i = 0; i < count; i++) {
        cast[i] = weir_expr_convert(arena, arguments[i], match.argument_types[i]);
        nullable |= cast[i]->type->nullable;
    }
    if (function->flags & WEIR_FUNCTION_NULLS) nullable = match.type->nullable;
    if (function->flags & WEIR_FUNCTION_NULLABLE) nullable = true;
    const struct weir_type *type = weir_type_nullable(arena, match.type, nullable);
    if (count) type = computed(arena, type);
    if (type->child_count && weir_type_depth(type) > WEIR_TYPE_DEPTH_MAX) {
        return weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
            "The type of %s is nested too deeply; at most %d levels are possible", function->name,
            WEIR_TYPE_DEPTH_MAX);
    }
    *ret = weir_expr_new_call(arena, function, type, cast, count);
    return WEIR_OK;
}

struct lazy_form {
    const char *name;
    uint32_t min, max;
    enum weir_error_code (*build)(struct weir_arena *arena, struct weir_expr *const *arguments,
        uint32_t count, struct weir_expr **ret, struct weir_error *reterr);
};

static bool is_boolean(const struct weir_expr *expr)
{
    return expr->type->id == WEIR_TYPE_BOOLEAN || expr->type->id == WEIR_TYPE_NULL;
}

static enum weir_error_code need_booleans(struct weir_arena *arena, const char *name,
    struct weir_expr *const *arguments, uint32_t count, struct weir_error *reterr)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!is_boolean(arguments[i])) {
            return weir_error_set_at(reterr, WEIR_E_SQL_VALIDATION, arguments[i]->line,
                arguments[i]->column_position,
                "Operand %u of %s must be of type BOOLEAN, but it is of type %s", i + 1, name,
                weir_type_text(arena, arguments[i]->type));
        }
    }
    return WEIR_OK;
}

static enum weir_error_code build_and(struct weir_arena *arena, struct weir_expr *const *arguments,
    uint32_t count, struct weir_expr **ret, struct weir_error *reterr)
{
    *ret = weir_expr_and(arena, arguments, count);
    return need_booleans(arena, "AND", arguments, count, reterr);
}

static enum weir_error_code build_or(struct weir_arena *arena, struct weir_expr *const *arguments,
    uint32_t count, struct weir_expr **ret, struct weir_error *reterr)
{
    *ret = weir_expr_or(arena, arguments, count);
    return need_booleans(arena, "OR", arguments, count, reterr);
}

static enum weir_error_code build_if(struct weir_arena *arena, struct weir_expr *const *arguments,
    uint32_t count, struct weir_expr **ret, struct weir_error *reterr)
{
    return weir_expr_case(arena, arguments, 1, arguments[2], ret, reterr);
}

static enum weir_error_code build_case(struct weir_arena *arena, struct weir_expr *const *arguments,
    uint32_t count, struct weir_expr **ret, struct weir_error *reterr)
{
    return weir_expr_case(arena, arguments, count / 2, count % 2 ? arguments[count - 1] : NULL, ret, reterr);
}

static enum weir_error_code build_nullif(struct weir_arena *arena, struct weir_expr *const *arguments,
    uint32_t count, struct weir_expr **ret, struct weir_error *reterr)
{
    struct weir_expr *pair[2];
    enum weir_error_code code = weir_expr_call(arena, "=", arguments, 2, &pair[0], reterr);
    if (code != WEIR_OK) return code;
    pair[1] = weir_expr_null(arena, arguments[0]->type);
    return weir_expr_case(arena, pair, 1, arguments[0], ret, reterr);
}

static const struct lazy_form lazy_forms[] = {
    { "AND", 2, WEIR_ANY_COUNT, build_and },
    { "OR", 2, WEIR_ANY_COUNT, build_or },
    { "CASE", 2, WEIR_ANY_COUNT, build_case },
    { "IF", 3, 3, build_if },
    { "NULLIF", 2, 2, build_nullif },
    { "COALESCE", 1, WEIR_ANY_COUNT, weir_expr_coalesce },
    { "IFNULL", 2, 2, weir_expr_coalesce },
};

bool weir_infer_lazy(WEIR_INFER_PARAMETERS)
{
    return false; /* these forms never become calls */
}

/* What Flink has and Weir has not: refused by name. */
static const char *const missing_functions[] = {
#define X(name) name,
#include "expr/functions_missing.def"
#undef X
};

static enum weir_error_code unknown_function(const char *name, struct weir_error *reterr)
{
    for (uint32_t i = 0; i < WEIR_ARRAY_COUNT(missing_functions); i++) {
        if (weir_function_name_equal(missing_functions[i], name)) {
            return weir_error_set(
                reterr, WEIR_E_UNSUPPORTED, "Function %s is not implemented", missing_functions[i]);
        }
    }
    const char *nearest = weir_function_nearest(name);
    return weir_error_set(reterr, WEIR_E_SQL_VALIDATION, "No match found for function signature %s%s%s%s",
        name, nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
}

enum weir_error_code weir_expr_call(struct weir_arena *arena, const char *name,
    struct weir_expr *const *arguments, uint32_t argument_count, struct weir_expr **ret,
    struct weir_error *reterr)
{
    const struct weir_function *function = weir_function_find(name);
    if (!function) return unknown_function(name, reterr);
    for (uint32_t i = 0; i < WEIR_ARRAY_COUNT(lazy_forms); i++) {
        const struct lazy_form *form = &lazy_forms[i];
        if (strcmp(function->name, form->name) != 0) continue;
        if (argument_count < form->min || argument_count > form->max) {
            return signature_error(arena, function, arguments, argument_count, reterr);
        }
        return form->build(arena, arguments, argument_count, ret, reterr);
    }
    return call_function(arena, function, arguments, argument_count, ret, reterr);
}

/* --- logic and the lazy forms --- */

static uint32_t flattened_count(enum weir_expr_kind kind, struct weir_expr *const *operands, uint32_t count)
{
    uint32_t total = 0;
    for (uint32_t i = 0; i < count; i++) total += operands[i]->kind == kind ? operands[i]->argument_count : 1;
    return total;
}

static struct weir_expr *junction(
    struct weir_arena *arena, enum weir_expr_kind kind, struct weir_expr *const *operands, uint32_t count)
{
    if (count == 0) return weir_expr_literal(arena, weir_value_boolean(arena, kind == WEIR_EXPR_AND));
    if (count == 1) return operands[0];
    uint32_t total = flattened_count(kind, operands, count), at = 0;
    struct weir_expr **all = WEIR_ARENA_ARRAY(arena, struct weir_expr *, total + 1);
    bool nullable = false;
    for (uint32_t i = 0; i < count; i++) {
        struct weir_expr *operand = operands[i];
        if (operand->type->id == WEIR_TYPE_NULL)
            operand = weir_expr_null(arena, weir_type_of(WEIR_TYPE_BOOLEAN));
        nullable |= operand->type->nullable;
        if (operand->kind != kind) {
            all[at++] = operand;
            continue;
        }
        for (uint32_t k = 0; k < operand->argument_count; k++) all[at++] = operand->arguments[k];
    }
    const struct weir_type *type = nullable ? weir_type_of(WEIR_TYPE_BOOLEAN) : &weir_type_boolean_not_null;
    return weir_expr_new_nary(arena, kind, type, all, total);
}

struct weir_expr *weir_expr_and(struct weir_arena *arena, struct weir_expr *const *operands, uint32_t count)
{
    return junction(arena, WEIR_EXPR_AND, operands, count);
}

struct weir_expr *weir_expr_or(struct weir_arena *arena, struct weir_expr *const *operands, uint32_t count)
{
    return junction(arena, WEIR_EXPR_OR, operands, count);
}

struct weir_expr *weir_expr_not(struct weir_arena *arena, struct weir_expr *operand)
{
    if (operand->type->id == WEIR_TYPE_NULL) return weir_expr_null(arena, weir_type_of(WEIR_TYPE_BOOLEAN));
    const struct weir_type *type =
        operand->type->nullable ? weir_type_of(WEIR_TYPE_BOOLEAN) : &weir_type_boolean_not_null;
    return weir_expr_new_call(arena, weir_function_find("NOT"), type, &operand, 1);
}

static enum weir_error_code no_common_type(struct weir_arena *arena, const char *form,
    const struct weir_type *const *types, uint32_t count, struct weir_error *reterr)
{
    struct weir_buffer text;
    weir_buffer_init(&text, arena->memory, WEIR_ERROR_MESSAGE_BYTES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        if (i) weir_buffer_append_text(&text, ", ");
        weir_type_print(types[i], false, &text);
    }
    enum weir_error_code code = weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
        "Invalid function call: the operands of %s have no common type: %s", form, weir_buffer_text(&text));
    weir_buffer_done(&text);
    return code;
}

enum weir_error_code weir_expr_case(struct weir_arena *arena, struct weir_expr *const *when_then,
    uint32_t pair_count, struct weir_expr *otherwise, struct weir_expr **ret, struct weir_error *reterr)
{
    const struct weir_type **types = WEIR_ARENA_ARRAY(arena, const struct weir_type *, pair_count + 1);
    struct weir_expr **arguments = WEIR_ARENA_ARRAY(arena, struct weir_expr *, 2 * pair_count + 1);
    for (uint32_t i = 0; i < pair_count; i++) {
        enum weir_error_code code = need_booleans(arena, "CASE WHEN", &when_then[2 * i], 1, reterr);
        if (code != WEIR_OK) return code;
        types[i] = when_then[2 * i + 1]->type;
    }
    types[pair_count] = otherwise ? otherwise->type : weir_type_of(WEIR_TYPE_NULL);
    const struct weir_type *type = weir_expr_common_type(arena, types, pair_count + 1);
    if (!type) return no_common_type(arena, "CASE", types, pair_count + 1, reterr);
    type = computed(arena, weir_type_nullable(arena, type, weir_types_any_nullable(types, pair_count + 1)));
    for (uint32_t i = 0; i < pair_count; i++) {
        struct weir_expr *when = when_then[2 * i];
        bool untyped = when->type->id == WEIR_TYPE_NULL;
        arguments[2 * i] = untyped ? weir_expr_null(arena, weir_type_of(WEIR_TYPE_BOOLEAN)) : when;
        arguments[2 * i + 1] = weir_expr_convert(arena, when_then[2 * i + 1], type);
    }
    arguments[2 * pair_count] =
        otherwise ? weir_expr_convert(arena, otherwise, type) : weir_expr_null(arena, type);
    *ret = weir_expr_new_nary(arena, WEIR_EXPR_CASE, type, arguments, 2 * pair_count + 1);
    return WEIR_OK;
}

enum weir_error_code weir_expr_coalesce(struct weir_arena *arena, struct weir_expr *const *operands,
    uint32_t count, struct weir_expr **ret, struct weir_error *reterr)
{
    const struct weir_type **types = WEIR_ARENA_ARRAY(arena, const struct weir_type *, count + 1);
    struct weir_expr **arguments = WEIR_ARENA_ARRAY(arena, struct weir_expr *, count + 1);
    bool nullable = true;
    for (uint32_t i = 0; i < count; i++) {
        types[i] = operands[i]->type;
        nullable &= types[i]->nullable;
    }
    const struct weir_type *type = weir_expr_common_type(arena, types, count);
    if (!type) return no_common_type(arena, "COALESCE", types, count, reterr);
    type = computed(arena, weir_type_nullable(arena, type, nullable));
    for (uint32_t i = 0; i < count; i++) arguments[i] = weir_expr_convert(arena, operands[i], type);
    *ret = count == 1 ? arguments[0] : weir_expr_new_nary(arena, WEIR_EXPR_COALESCE, type, arguments, count);
    return WEIR_OK;
}

struct weir_expr *weir_expr_field(struct weir_arena *arena, struct weir_expr *row, uint32_t field)
{
    const struct weir_type *type = row->type->children[field];
    struct weir_expr *arguments[2] = { row, weir_expr_literal(arena, weir_value_int(arena, (int32_t)field)) };
    return weir_expr_new_call(arena, weir_function_find("$FIELD"),
        weir_type_nullable(arena, type, type->nullable || row->type->nullable), arguments, 2);
}
