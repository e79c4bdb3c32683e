/* Rows, arrays, maps: constructors, access, CARDINALITY, ELEMENT. */
#include "expr/list.h"

uint32_t weir_list_find(const struct weir_vector *haystack, uint32_t first, uint32_t count,
    const struct weir_vector *needle, uint32_t needle_row)
{
    for (uint32_t i = 0; i < count; i++) {
        if (weir_vector_equal_at(haystack, first + i, needle, needle_row)) return i;
    }
    return UINT32_MAX;
}

/* Field access is answered by the evaluator without a copy; its line gives it a name and a type. */
static enum weir_error_code no_kernel(WEIR_KERNEL_PARAMETERS)
{
    return weir_error_set(call->error, WEIR_E_INTERNAL, "Field access has no kernel");
}

bool weir_infer_field(WEIR_INFER_PARAMETERS)
{
    if (given[0]->id != WEIR_TYPE_ROW || given[1]->id != WEIR_TYPE_INT) return false;
    if (!literals[1] || weir_vector_is_null(literals[1], 0)) return false;
    uint32_t field = *(const uint32_t *)literals[1]->data;
    if (field >= given[0]->child_count) return false;
    ret->type = given[0]->children[field];
    ret->kernel = no_kernel;
    return true;
}

/* --- constructors --- */

/* The arguments become the fields as they are; nothing is copied. */
static enum weir_error_code row_kernel(WEIR_KERNEL_PARAMETERS)
{
    for (uint32_t i = 0; i < call->argument_count; i++) out->children[i] = *arguments[i];
    return WEIR_OK;
}

bool weir_infer_row(WEIR_INFER_PARAMETERS)
{
    if (count > WEIR_ROW_FIELDS_MAX) {
        weir_error_set(reterr, WEIR_E_SQL_VALIDATION, "A ROW has at most %d fields, this one has %u",
            WEIR_ROW_FIELDS_MAX, count);
        return false;
    }
    ret->type = weir_type_row(arena, given, ret->type ? ret->type->field_names : NULL, count, false);
    ret->kernel = row_kernel;
    return true;
}

static enum weir_error_code array_kernel(WEIR_KERNEL_PARAMETERS)
{
    uint32_t width = call->argument_count;
    weir_vector_reserve_children(out, width * count, call->scratch);
    WEIR_FOR_ROWS(i, rows, count)
    {
        uint32_t offset = out->child_rows;
        for (uint32_t k = 0; k < width; k++) weir_list_put(call, out, 0, offset + k, arguments[k], i);
        weir_list_end(out, i, offset, offset + width);
    }
    return WEIR_OK;
}

bool weir_infer_array(WEIR_INFER_PARAMETERS)
{
    const struct weir_type *element = weir_expr_common_type(arena, given, count);
    if (!element) return false;
    for (uint32_t i = 0; i < count; i++)
        ret->argument_types[i] = weir_type_nullable(arena, element, given[i]->nullable);
    ret->type = weir_type_array(arena, element, false);
    ret->kernel = array_kernel;
    return true;
}

/* A key that occurs again replaces the value at its first place. */
static enum weir_error_code map_kernel(WEIR_KERNEL_PARAMETERS)
{
    uint32_t pairs = call->argument_count / 2;
    weir_vector_reserve_children(out, pairs * count, call->scratch);
    WEIR_FOR_ROWS(i, rows, count)
    {
        uint32_t offset = out->child_rows, end = offset;
        for (uint32_t k = 0; k < pairs; k++) {
            uint32_t at = weir_list_find(&out->children[0], offset, end - offset, arguments[2 * k], i);
            if (at == UINT32_MAX) {
                weir_list_put(call, out, 0, end, arguments[2 * k], i);
                at = end++ - offset;
            }
            weir_list_put(call, out, 1, offset + at, arguments[2 * k + 1], i);
        }
        weir_list_end(out, i, offset, end);
    }
    return WEIR_OK;
}

bool weir_infer_map(WEIR_INFER_PARAMETERS)
{
    if (count % 2) return false;
    const struct weir_type **sides[2];
    const struct weir_type *common[2];
    for (uint32_t side = 0; side < 2; side++) {
        sides[side] = WEIR_ARENA_ARRAY(arena, const struct weir_type *, count / 2 + 1);
        for (uint32_t i = 0; i < count / 2; i++) sides[side][i] = given[2 * i + side];
        common[side] = weir_expr_common_type(arena, sides[side], count / 2);
        if (!common[side]) return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        ret->argument_types[i] = weir_type_nullable(arena, common[i % 2], given[i]->nullable);
    }
    ret->type = weir_type_map(arena, common[0], common[1], false);
    ret->kernel = map_kernel;
    return true;
}

/* --- access --- */

/* Element positions in children[1 or 0] for rows whose item exists; the others become NULL. */
static void gather_item(struct weir_call *call, struct weir_vector *out, const struct weir_vector *from,
    uint32_t row, uint32_t at)
{
    if (at == UINT32_MAX || weir_vector_is_null(from, at)) {
        weir_call_set_null(call, out, row);
        return;
    }
    weir_vector_gather(out, row, from, &at, 1, call->scratch, NULL);
}

static enum weir_error_code index_error(struct weir_call *call, int64_t index)
{
    return weir_error_set(call->error, WEIR_E_DATA,
        "Array element access needs an index starting at 1 but was %lld.", (long long)index);
}

static enum weir_error_code array_item(WEIR_KERNEL_PARAMETERS)
{
    const struct weir_vector *v = arguments[0];
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_list list = weir_list_of(v, i);
        int64_t index = WEIR_ARGUMENT(int64_t, arguments[1], i);
        if (index < 1) return index_error(call, index);
        gather_item(call, out, &v->children[0], i,
            index <= list.length ? list.offset + (uint32_t)(index - 1) : UINT32_MAX);
    }
    return WEIR_OK;
}

static enum weir_error_code map_item(WEIR_KERNEL_PARAMETERS)
{
    const struct weir_vector *v = arguments[0];
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_list list = weir_list_of(v, i);
        uint32_t at = weir_list_find(&v->children[0], list.offset, list.length, arguments[1], i);
        gather_item(call, out, &v->children[1], i, at == UINT32_MAX ? at : list.offset + at);
    }
    return WEIR_OK;
}

static uint32_t field_of(const struct weir_type *row, const struct weir_vector *literal)
{
    if (weir_type_is_integer(literal->type)) {
        if (literal->type->id != WEIR_TYPE_INT) return UINT32_MAX;
        int32_t position = *(const int32_t *)literal->data;
        return position >= 1 && (uint32_t)position <= row->child_count ? (uint32_t)position - 1 : UINT32_MAX;
    }
    if (!weir_type_is_string(literal->type)) return UINT32_MAX;
    const struct weir_string *name = literal->data;
    for (uint32_t i = 0; i < row->child_count; i++) {
        bool same = strlen(row->field_names[i]) == name->length &&
                    memcmp(row->field_names[i], weir_string_data(name), name->length) == 0;
        if (same) return i;
    }
    return UINT32_MAX;
}

static enum weir_error_code row_item(WEIR_KERNEL_PARAMETERS)
{
    const struct weir_vector *v = arguments[0];
    uint32_t field = field_of(v->type, call->constants[1]);
    WEIR_FOR_ROWS(i, rows, count)
    {
        gather_item(call, out, &v->children[field], i, weir_argument_row(v, i));
    }
    return WEIR_OK;
}

static bool infer_array_item(const struct weir_type *const *given, const struct weir_vector *const *literals,
    struct weir_function_match *ret, struct weir_error *reterr)
{
    if (!weir_type_is_integer(given[1]) && given[1]->id != WEIR_TYPE_NULL) return false;
    bool constant = literals[1] && given[1]->id == WEIR_TYPE_INT && !weir_vector_is_null(literals[1], 0);
    if (constant && *(const int32_t *)literals[1]->data < 1) {
        weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
            "Array element access needs an index starting at 1 but was %d.",
            *(const int32_t *)literals[1]->data);
        return false;
    }
    ret->argument_types[1] = weir_type_of(WEIR_TYPE_BIGINT);
    ret->type = given[0]->children[0];
    ret->kernel = array_item;
    return true;
}

bool weir_infer_item(WEIR_INFER_PARAMETERS)
{
    if (given[0]->id == WEIR_TYPE_ARRAY) return infer_array_item(given, literals, ret, reterr);
    if (given[0]->id == WEIR_TYPE_MAP) {
        if (!weir_expr_can_cast_implicitly(given[1], given[0]->children[0])) return false;
        ret->argument_types[1] = weir_type_nullable(arena, given[0]->children[0], given[1]->nullable);
        ret->type = given[0]->children[1];
        ret->kernel = map_item;
        return true;
    }
    if (given[0]->id != WEIR_TYPE_ROW || !literals[1]) return false;
    uint32_t field = field_of(given[0], literals[1]);
    if (field == UINT32_MAX) return false;
    ret->type = given[0]->children[field];
    ret->kernel = row_item;
    return true;
}

/* --- CARDINALITY, ELEMENT --- */

static enum weir_error_code cardinality_kernel(WEIR_KERNEL_PARAMETERS)
{
    const struct weir_vector *v = arguments[0];
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_list list = weir_list_of(v, i);
        int32_t total = (int32_t)list.length;
        if (v->type->id == WEIR_TYPE_MULTISET) { /* element and how often it occurs */
            total = 0;
            for (uint32_t k = 0; k < list.length; k++)
                total += ((const int32_t *)v->children[1].data)[list.offset + k];
        }
        WEIR_RESULT(int32_t, out, i) = total;
    }
    return WEIR_OK;
}

bool weir_infer_cardinality(WEIR_INFER_PARAMETERS)
{
    ret->type = weir_type_of(WEIR_TYPE_INT);
    ret->kernel = cardinality_kernel;
    return weir_type_is_nested(given[0]) && given[0]->id != WEIR_TYPE_ROW;
}

static enum weir_error_code element_kernel(WEIR_KERNEL_PARAMETERS)
{
    const struct weir_vector *v = arguments[0];
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_list list = weir_list_of(v, i);
        if (list.length > 1)
            return weir_error_set(call->error, WEIR_E_DATA, "Array has more than one element.");
        gather_item(call, out, &v->children[0], i, list.length ? list.offset : UINT32_MAX);
    }
    return WEIR_OK;
}

bool weir_infer_element(WEIR_INFER_PARAMETERS)
{
    if (given[0]->id != WEIR_TYPE_ARRAY && given[0]->id != WEIR_TYPE_MULTISET) return false;
    ret->type = given[0]->children[0];
    ret->kernel = element_kernel;
    return true;
}
