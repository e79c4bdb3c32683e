/* MAP_*: functions of maps. */
#include "expr/list.h"

/* The lists stay, the children are referred to: nothing but offsets is copied. */
static void share_lists(
    const struct weir_vector *v, struct weir_vector *out, const uint16_t *rows, uint32_t count)
{
    WEIR_FOR_ROWS(i, rows, count)
    {
        WEIR_RESULT(struct weir_list, out, i) = weir_list_of(v, i);
    }
    out->child_rows = v->child_rows;
}

static enum weir_error_code keys_kernel(WEIR_KERNEL_PARAMETERS)
{
    share_lists(arguments[0], out, rows, count);
    out->children[0] = arguments[0]->children[0];
    return WEIR_OK;
}

static enum weir_error_code values_kernel(WEIR_KERNEL_PARAMETERS)
{
    share_lists(arguments[0], out, rows, count);
    out->children[0] = arguments[0]->children[1];
    return WEIR_OK;
}

static enum weir_error_code entries_kernel(WEIR_KERNEL_PARAMETERS)
{
    const struct weir_vector *v = arguments[0];
    share_lists(v, out, rows, count);
    struct weir_vector *entry = &out->children[0];
    entry->capacity = v->children[0].capacity;
    entry->children[0] = v->children[0];
    entry->children[1] = v->children[1];
    return WEIR_OK;
}

bool weir_infer_map_parts(WEIR_INFER_PARAMETERS)
{
    if (given[0]->id != WEIR_TYPE_MAP) return false;
    static const char *const names[2] = { "key", "value" };
    const struct weir_type *element = given[0]->children[0];
    ret->kernel = keys_kernel;
    if (strcmp(function->name, "MAP_VALUES") == 0) {
        element = given[0]->children[1];
        ret->kernel = values_kernel;
    } else if (strcmp(function->name, "MAP_ENTRIES") == 0) {
        element = weir_type_row(arena, given[0]->children, names, 2, true);
        ret->kernel = entries_kernel;
    }
    ret->type = weir_type_array(arena, element, given[0]->nullable);
    return true;
}

/* Entries of later maps replace those of earlier ones. */
static enum weir_error_code union_kernel(WEIR_KERNEL_PARAMETERS)
{
    WEIR_FOR_ROWS(i, rows, count)
    {
        uint32_t offset = out->child_rows, end = offset, total = 0;
        for (uint32_t m = 0; m < call->argument_count; m++) total += weir_list_of(arguments[m], i).length;
        weir_vector_reserve_children(out, total, call->scratch);
        for (uint32_t m = 0; m < call->argument_count; m++) {
            const struct weir_vector *v = arguments[m];
            struct weir_list list = weir_list_of(v, i);
            for (uint32_t k = list.offset; k < list.offset + list.length; k++) {
                uint32_t at = weir_list_find(&out->children[0], offset, end - offset, &v->children[0], k);
                if (at == UINT32_MAX) {
                    weir_list_put(call, out, 0, end, &v->children[0], k);
                    at = end++ - offset;
                }
                weir_list_put(call, out, 1, offset + at, &v->children[1], k);
            }
        }
        weir_list_end(out, i, offset, end);
    }
    return WEIR_OK;
}

bool weir_infer_map_union(WEIR_INFER_PARAMETERS)
{
    const struct weir_type *type = weir_expr_common_type(arena, given, count);
    if (!type || type->id != WEIR_TYPE_MAP) return false;
    for (uint32_t i = 0; i < count; i++)
        ret->argument_types[i] = weir_type_nullable(arena, type, given[i]->nullable);
    ret->type = type;
    ret->kernel = union_kernel;
    return true;
}

static enum weir_error_code from_arrays_kernel(WEIR_KERNEL_PARAMETERS)
{
    const struct weir_vector *keys = arguments[0], *values = arguments[1];
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_list key = weir_list_of(keys, i), value = weir_list_of(values, i);
        if (key.length != value.length) {
            return weir_error_set(call->error, WEIR_E_DATA,
                "Invalid function MAP_FROM_ARRAYS call:\nThe length of the keys array %u is not equal to the "
                "length of the"
                " values array %u",
                key.length, value.length);
        }
        uint32_t offset = out->child_rows;
        weir_vector_reserve_children(out, key.length, call->scratch);
        for (uint32_t k = 0; k < key.length; k++) {
            weir_list_put(call, out, 0, offset + k, &keys->children[0], key.offset + k);
            weir_list_put(call, out, 1, offset + k, &values->children[0], value.offset + k);
        }
        weir_list_end(out, i, offset, offset + key.length);
    }
    return WEIR_OK;
}

bool weir_infer_map_from_arrays(WEIR_INFER_PARAMETERS)
{
    if (given[0]->id != WEIR_TYPE_ARRAY || given[1]->id != WEIR_TYPE_ARRAY) return false;
    ret->type = weir_type_map(arena, given[0]->children[0], given[1]->children[0], true);
    ret->kernel = from_arrays_kernel;
    return true;
}
