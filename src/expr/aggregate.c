/* The table of aggregate functions: result types and stored form. How they compute is the operators'
 * business. */
#include "expr/aggregate.h"

#include "base/macros.h"

#define INFER_PARAMETERS                                                                          \
    struct weir_arena *arena, const struct weir_type *const *given, uint32_t count, bool grouped, \
        const struct weir_type **ret, const struct weir_type **argument_types, struct weir_error *reterr

/* Over no rows at all the result is NULL: nullable unless grouped and never NULL itself. */
static const struct weir_type *as_result(
    struct weir_arena *arena, const struct weir_type *type, const struct weir_type *argument, bool grouped)
{
    return weir_type_nullable(arena, type, argument->nullable || !grouped);
}

static bool infer_count(INFER_PARAMETERS)
{
    *ret = &weir_type_bigint_not_null;
    return true;
}

static bool infer_same(INFER_PARAMETERS)
{
    *ret = as_result(arena, given[0], given[0], grouped);
    return given[0]->id != WEIR_TYPE_NULL;
}

static bool infer_single(INFER_PARAMETERS)
{
    *ret = weir_type_nullable(arena, given[0], true);
    return true;
}

static bool infer_extreme(INFER_PARAMETERS)
{
    if (weir_type_is_nested(given[0])) return false;
    return infer_same(arena, given, count, grouped, ret, argument_types, reterr);
}

static const struct weir_type *sum_type(struct weir_arena *arena, const struct weir_type *type)
{
    if (type->id != WEIR_TYPE_DECIMAL) return type;
    return weir_type_decimal(arena, WEIR_DECIMAL_PRECISION_MAX, type->scale, type->nullable);
}

static bool infer_sum(INFER_PARAMETERS)
{
    if (!weir_type_is_numeric(given[0])) return false;
    *ret = as_result(arena, sum_type(arena, given[0]), given[0], grouped);
    return true;
}

static bool infer_sum0(INFER_PARAMETERS)
{
    if (!weir_type_is_numeric(given[0])) return false;
    *ret = weir_type_nullable(arena, sum_type(arena, given[0]), false);
    return true;
}

enum { AVERAGE_SCALE_MIN = 6 };

static bool infer_average(INFER_PARAMETERS)
{
    if (!weir_type_is_numeric(given[0])) return false;
    const struct weir_type *type = given[0];
    if (type->id == WEIR_TYPE_DECIMAL) {
        uint8_t scale = WEIR_MAX(type->scale, (uint8_t)AVERAGE_SCALE_MIN);
        type = weir_type_decimal(arena, WEIR_DECIMAL_PRECISION_MAX, scale, true);
    }
    *ret = as_result(arena, type, given[0], grouped);
    return true;
}

/* One row has no sample deviation. */
static bool infer_sample(INFER_PARAMETERS)
{
    if (!infer_average(arena, given, count, grouped, ret, argument_types, reterr)) return false;
    *ret = weir_type_nullable(arena, *ret, true);
    return true;
}

static bool infer_listagg(INFER_PARAMETERS)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!weir_type_is_string(given[i])) return false;
    }
    *ret = as_result(arena, &weir_type_string, given[0], grouped);
    return true;
}

static bool infer_collect(INFER_PARAMETERS)
{
    *ret = weir_type_multiset(arena, given[0], false);
    return true;
}

static bool infer_array_agg(INFER_PARAMETERS)
{
    *ret = weir_type_array(arena, given[0], true);
    return true;
}

static bool infer_percentile(INFER_PARAMETERS)
{
    const struct weir_type *percentage = given[1];
    bool several = percentage->id == WEIR_TYPE_ARRAY;
    if (several) percentage = percentage->children[0];
    if (!weir_type_is_numeric(given[0]) || !weir_type_is_numeric(percentage)) return false;
    if (count == 3 && !weir_type_is_integer(given[2])) return false;
    argument_types[0] = weir_type_nullable(arena, weir_type_of(WEIR_TYPE_DOUBLE), given[0]->nullable);
    const struct weir_type *number =
        weir_type_nullable(arena, weir_type_of(WEIR_TYPE_DOUBLE), percentage->nullable);
    argument_types[1] = several ? weir_type_array(arena, number, given[1]->nullable) : number;
    if (count == 3)
        argument_types[2] = weir_type_nullable(arena, weir_type_of(WEIR_TYPE_BIGINT), given[2]->nullable);
    *ret = several ? weir_type_array(arena, weir_type_of(WEIR_TYPE_DOUBLE), true)
                   : weir_type_of(WEIR_TYPE_DOUBLE);
    return true;
}

const struct weir_aggregate_function weir_aggregate_functions[] = {
#define X(name_, min_, max_, signature_, description_, infer_) \
    { .name = name_,                                           \
        .arguments_min = min_,                                 \
        .arguments_max = max_,                                 \
        .signature = signature_,                               \
        .description = description_,                           \
        .infer = infer_ },
#include "expr/aggregates.def"
#undef X
};
const uint32_t weir_aggregate_function_count = WEIR_ARRAY_COUNT(weir_aggregate_functions);

const struct weir_aggregate_function *weir_aggregate_function_find(const char *name)
{
    for (uint32_t i = 0; i < weir_aggregate_function_count; i++) {
        const char *a = weir_aggregate_functions[i].name, *b = name;
        while (*a && *a == (*b >= 'a' && *b <= 'z' ? *b - 'a' + 'A' : *b)) a++, b++;
        if (!*a && !*b) return &weir_aggregate_functions[i];
    }
    return NULL;
}

struct weir_spec *weir_aggregate_call_to_spec(
    struct weir_arena *arena, const struct weir_aggregate_call *call)
{
    struct weir_spec *spec = weir_spec_map(arena);
    weir_spec_put(arena, spec, "function", weir_spec_text(arena, call->function->name));
    weir_spec_put(arena, spec, "type", weir_spec_type(arena, call->type));
    weir_spec_put(arena, spec, "arguments", weir_spec_integers(arena, call->arguments, call->argument_count));
    weir_spec_put(arena, spec, "filter", weir_spec_integer(arena, call->filter));
    weir_spec_put(arena, spec, "distinct", weir_spec_boolean(arena, call->distinct));
    weir_spec_put(arena, spec, "ignore_nulls", weir_spec_boolean(arena, call->ignore_nulls));
    return spec;
}

enum weir_error_code weir_aggregate_call_from_spec(const struct weir_spec *spec, struct weir_arena *arena,
    struct weir_aggregate_call *ret, struct weir_error *reterr)
{
    const struct weir_spec *name = weir_spec_get(spec, "function"), *type = weir_spec_get(spec, "type");
    if (!name || name->kind != WEIR_SPEC_TEXT || !type || type->kind != WEIR_SPEC_TYPE) {
        return weir_error_set(reterr, WEIR_E_FORMAT, "A stored aggregate call lacks its function or type");
    }
    const char *text = weir_arena_copy(arena, name->text.data, name->text.length);
    *ret = (struct weir_aggregate_call){ .function = weir_aggregate_function_find(text), .type = type->type };
    if (!ret->function) {
        return weir_error_set(reterr, WEIR_E_NOT_FOUND,
            "A stored plan calls the aggregate function %s, which does not exist", text);
    }
    uint32_t count;
    const uint32_t *arguments = weir_spec_get_integers(spec, "arguments", &count, arena);
    if (count > WEIR_ARRAY_COUNT(ret->arguments)) {
        return weir_error_set(reterr, WEIR_E_FORMAT,
            "A stored call of %s has %u arguments, at most 4 are possible", text, count);
    }
    for (uint32_t i = 0; i < count; i++) ret->arguments[i] = arguments[i];
    ret->argument_count = count;
    ret->filter = (int32_t)weir_spec_get_integer(spec, "filter", -1);
    ret->distinct = weir_spec_get_boolean(spec, "distinct", false);
    ret->ignore_nulls = weir_spec_get_boolean(spec, "ignore_nulls", false);
    return WEIR_OK;
}
