/* ARRAY_*: functions of arrays. Elements are equal as in IS NOT DISTINCT FROM: NULLs are equal. */
#include "expr/list.h"

static bool is_array(const struct weir_type *type)
{
    return type->id == WEIR_TYPE_ARRAY;
}

/* Appends elements first..first+length-1 of argument v to the list being built; end of it. */
static uint32_t put_all(struct weir_call *call, struct weir_vector *out, uint32_t end,
    const struct weir_vector *v, struct weir_list list)
{
    for (uint32_t k = 0; k < list.length; k++)
        weir_list_put(call, out, 0, end + k, &v->children[0], list.offset + k);
    return end + list.length;
}

/* --- one array and an element --- */

/* The element is cast to the array's; an element that may be NULL makes the result's elements nullable. */
static bool infer_with_element(
    struct weir_arena *arena, const struct weir_type *const *given, struct weir_function_match *ret)
{
    if (!is_array(given[0])) return false;
    const struct weir_type *element = given[0]->children[0];
    if (!weir_expr_can_cast_implicitly(given[1], element)) return false;
    ret->argument_types[1] = weir_type_nullable(arena, element, given[1]->nullable);
    return true;
}

static enum weir_error_code extend(WEIR_KERNEL_PARAMETERS, bool in_front)
{
    const struct weir_vector *v = arguments[0];
    WEIR_FOR_ROWS(i, rows, count)
    {
        if (weir_argument_is_null(v, i)) {
            weir_call_set_null(call, out, i);
            continue;
        }
        struct weir_list list = weir_list_of(v, i);
        uint32_t offset = out->child_rows, end = offset;
        weir_vector_reserve_children(out, list.length + 1, call->scratch);
        if (in_front) weir_list_put(call, out, 0, end++, arguments[1], i);
        end = put_all(call, out, end, v, list);
        if (!in_front) weir_list_put(call, out, 0, end++, arguments[1], i);
        weir_list_end(out, i, offset, end);
    }
    return WEIR_OK;
}

static enum weir_error_code append_kernel(WEIR_KERNEL_PARAMETERS)
{
    return extend(call, arguments, out, rows, count, false);
}

static enum weir_error_code prepend_kernel(WEIR_KERNEL_PARAMETERS)
{
    return extend(call, arguments, out, rows, count, true);
}

bool weir_infer_array_extend(WEIR_INFER_PARAMETERS)
{
    if (!infer_with_element(arena, given, ret)) return false;
    const struct weir_type *element = given[0]->children[0];
    element = weir_type_nullable(arena, element, element->nullable || given[1]->nullable);
    ret->type = weir_type_array(arena, element, given[0]->nullable);
    ret->kernel = strcmp(function->name, "ARRAY_APPEND") == 0 ? append_kernel : prepend_kernel;
    return true;
}

static enum weir_error_code contains_kernel(WEIR_KERNEL_PARAMETERS)
{
    const struct weir_vector *v = arguments[0];
    WEIR_FOR_ROWS(i, rows, count)
    {
        if (weir_argument_is_null(v, i)) {
            weir_call_set_null(call, out, i);
            continue;
        }
        struct weir_list list = weir_list_of(v, i);
        uint32_t at = weir_list_find(&v->children[0], list.offset, list.length, arguments[1], i);
        WEIR_RESULT(uint8_t, out, i) = at != UINT32_MAX;
    }
    return WEIR_OK;
}

bool weir_infer_array_contains(WEIR_INFER_PARAMETERS)
{
    ret->type = weir_type_nullable(arena, weir_type_of(WEIR_TYPE_BOOLEAN), given[0]->nullable);
    ret->kernel = contains_kernel;
    return infer_with_element(arena, given, ret);
}

static enum weir_error_code position_kernel(WEIR_KERNEL_PARAMETERS)
{
    const struct weir_vector *v = arguments[0];
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_list list = weir_list_of(v, i);
        uint32_t at = weir_list_find(&v->children[0], list.offset, list.length, arguments[1], i);
        WEIR_RESULT(int32_t, out, i) = at == UINT32_MAX ? 0 : (int32_t)at + 1;
    }
    return WEIR_OK;
}

bool weir_infer_array_position(WEIR_INFER_PARAMETERS)
{
    ret->type = weir_type_of(WEIR_TYPE_INT);
    ret->kernel = position_kernel;
    return infer_with_element(arena, given, ret);
}

static enum weir_error_code remove_kernel(WEIR_KERNEL_PARAMETERS)
{
    const struct weir_vector *v = arguments[0];
    WEIR_FOR_ROWS(i, rows, count)
    {
        if (weir_argument_is_null(v, i)) {
            weir_call_set_null(call, out, i);
            continue;
        }
        struct weir_list list = weir_list_of(v, i);
        uint32_t offset = out->child_rows, end = offset;
        weir_vector_reserve_children(out, list.length, call->scratch);
        for (uint32_t k = 0; k < list.length; k++) {
            if (weir_vector_equal_at(&v->children[0], list.offset + k, arguments[1], i)) continue;
            weir_list_put(call, out, 0, end++, &v->children[0], list.offset + k);
        }
        weir_list_end(out, i, offset, end);
    }
    return WEIR_OK;
}

bool weir_infer_array_remove(WEIR_INFER_PARAMETERS)
{
    ret->type = given[0];
    ret->kernel = remove_kernel;
    return infer_with_element(arena, given, ret);
}

/* --- sets --- */

static bool infer_common_arrays(struct weir_arena *arena, const struct weir_type *const *given,
    uint32_t count, struct weir_function_match *ret)
{
    const struct weir_type *type = weir_expr_common_type(arena, given, count);
    if (!type || !is_array(type)) return false;
    for (uint32_t i = 0; i < count; i++)
        ret->argument_types[i] = weir_type_nullable(arena, type, given[i]->nullable);
    ret->type = type;
    return true;
}

enum membership { OF_ANY, NOT_IN_SECOND, IN_SECOND };

/* Adds the elements of v that the list being built does not have yet and that pass the test against other. */
static uint32_t put_distinct(struct weir_call *call, struct weir_vector *out, uint32_t offset, uint32_t end,
    const struct weir_vector *v, struct weir_list list, const struct weir_vector *other,
    struct weir_list other_list, enum membership membership)
{
    const struct weir_vector *elements = &v->children[0];
    for (uint32_t k = 0; k < list.length; k++) {
        uint32_t row = list.offset + k;
        if (membership != OF_ANY) {
            uint32_t at =
                weir_list_find(&other->children[0], other_list.offset, other_list.length, elements, row);
            if ((at != UINT32_MAX) != (membership == IN_SECOND)) continue;
        }
        if (weir_list_find(&out->children[0], offset, end - offset, elements, row) != UINT32_MAX) continue;
        weir_list_put(call, out, 0, end++, elements, row);
    }
    return end;
}

static enum weir_error_code set_operation(WEIR_KERNEL_PARAMETERS, enum membership membership)
{
    const struct weir_vector *a = arguments[0], *b = call->argument_count > 1 ? arguments[1] : NULL;
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_list left = weir_list_of(a, i),
                         right = b ? weir_list_of(b, i) : (struct weir_list){ 0, 0 };
        uint32_t offset = out->child_rows;
        weir_vector_reserve_children(out, left.length + right.length, call->scratch);
        uint32_t end = put_distinct(call, out, offset, offset, a, left, b, right, membership);
        if (b && membership == OF_ANY)
            end = put_distinct(call, out, offset, end, b, right, NULL, left, OF_ANY);
        weir_list_end(out, i, offset, end);
    }
    return WEIR_OK;
}

static enum weir_error_code union_kernel(WEIR_KERNEL_PARAMETERS)
{
    return set_operation(call, arguments, out, rows, count, OF_ANY);
}

static enum weir_error_code except_kernel(WEIR_KERNEL_PARAMETERS)
{
    return set_operation(call, arguments, out, rows, count, NOT_IN_SECOND);
}

static enum weir_error_code intersect_kernel(WEIR_KERNEL_PARAMETERS)
{
    return set_operation(call, arguments, out, rows, count, IN_SECOND);
}

bool weir_infer_array_set(WEIR_INFER_PARAMETERS)
{
    ret->kernel = strcmp(function->name, "ARRAY_EXCEPT") == 0 ? except_kernel
                  : strcmp(function->name, "ARRAY_INTERSECT") == 0
                      ? intersect_kernel
                      : union_kernel; /* ARRAY_UNION, ARRAY_DISTINCT */
    return infer_common_arrays(arena, given, count, ret);
}

static enum weir_error_code concat_kernel(WEIR_KERNEL_PARAMETERS)
{
    WEIR_FOR_ROWS(i, rows, count)
    {
        uint32_t offset = out->child_rows, end = offset, total = 0;
        for (uint32_t k = 0; k < call->argument_count; k++) total += weir_list_of(arguments[k], i).length;
        weir_vector_reserve_children(out, total, call->scratch);
        for (uint32_t k = 0; k < call->argument_count; k++) {
            end = put_all(call, out, end, arguments[k], weir_list_of(arguments[k], i));
        }
        weir_list_end(out, i, offset, end);
    }
    return WEIR_OK;
}

bool weir_infer_array_concat(WEIR_INFER_PARAMETERS)
{
    ret->kernel = concat_kernel;
    return infer_common_arrays(arena, given, count, ret);
}

/* --- one array --- */

static enum weir_error_code reverse_kernel(WEIR_KERNEL_PARAMETERS)
{
    const struct weir_vector *v = arguments[0];
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_list list = weir_list_of(v, i);
        uint32_t offset = out->child_rows;
        weir_vector_reserve_children(out, list.length, call->scratch);
        for (uint32_t k = 0; k < list.length; k++) {
            weir_list_put(call, out, 0, offset + k, &v->children[0], list.offset + list.length - 1 - k);
        }
        weir_list_end(out, i, offset, offset + list.length);
    }
    return WEIR_OK;
}

bool weir_infer_array_reverse(WEIR_INFER_PARAMETERS)
{
    ret->type = given[0];
    ret->kernel = reverse_kernel;
    return is_array(given[0]);
}

/* Positions count from 1, negative ones from the end; both ends are included. */
static struct weir_list slice(struct weir_list list, int64_t start, int64_t end)
{
    int64_t length = list.length;
    if (start < 0) start += length + 1;
    if (end < 0) end += length + 1;
    start = WEIR_MAX(start, 1);
    end = WEIR_MIN(end == 0 ? 1 : end, length);
    if (end < start) return (struct weir_list){ list.offset, 0 };
    return (struct weir_list){ list.offset + (uint32_t)(start - 1), (uint32_t)(end - start + 1) };
}

static enum weir_error_code slice_kernel(WEIR_KERNEL_PARAMETERS)
{
    const struct weir_vector *v = arguments[0];
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_list list = weir_list_of(v, i);
        int64_t start = WEIR_ARGUMENT(int64_t, arguments[1], i);
        int64_t last = call->argument_count > 2 ? WEIR_ARGUMENT(int64_t, arguments[2], i) : list.length;
        list = slice(list, start, last);
        uint32_t offset = out->child_rows;
        weir_vector_reserve_children(out, list.length, call->scratch);
        weir_list_end(out, i, offset, put_all(call, out, offset, v, list));
    }
    return WEIR_OK;
}

bool weir_infer_array_slice(WEIR_INFER_PARAMETERS)
{
    for (uint32_t i = 1; i < count; i++) {
        if (!weir_type_is_integer(given[i]) && given[i]->id != WEIR_TYPE_NULL) return false;
        ret->argument_types[i] = weir_type_of(WEIR_TYPE_BIGINT);
    }
    ret->type = given[0];
    ret->kernel = slice_kernel;
    return is_array(given[0]);
}

/* --- order --- */

static bool has_order(const struct weir_type *type)
{
    return !weir_type_is_nested(type) && type->id != WEIR_TYPE_BOOLEAN && type->id != WEIR_TYPE_NULL;
}

static enum weir_error_code extreme_kernel(WEIR_KERNEL_PARAMETERS, int wanted)
{
    const struct weir_vector *v = arguments[0], *elements = &v->children[0];
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_list list = weir_list_of(v, i);
        uint32_t best = UINT32_MAX;
        for (uint32_t k = list.offset; k < list.offset + list.length; k++) {
            if (weir_vector_is_null(elements, k)) continue;
            if (best == UINT32_MAX || weir_vector_compare_at(elements, k, elements, best, true) * wanted > 0)
                best = k;
        }
        if (best == UINT32_MAX) {
            weir_call_set_null(call, out, i);
        } else {
            weir_vector_gather(out, i, elements, &best, 1, call->scratch, NULL);
        }
    }
    return WEIR_OK;
}

static enum weir_error_code max_kernel(WEIR_KERNEL_PARAMETERS)
{
    return extreme_kernel(call, arguments, out, rows, count, 1);
}

static enum weir_error_code min_kernel(WEIR_KERNEL_PARAMETERS)
{
    return extreme_kernel(call, arguments, out, rows, count, -1);
}

bool weir_infer_array_extreme(WEIR_INFER_PARAMETERS)
{
    if (!is_array(given[0]) || !has_order(given[0]->children[0])) return false;
    ret->type = given[0]->children[0];
    ret->kernel = strcmp(function->name, "ARRAY_MAX") == 0 ? max_kernel : min_kernel;
    return true;
}

struct order {
    const struct weir_vector *elements;
    bool ascending, nulls_first;
};

static int order_of(const struct order *order, uint32_t a, uint32_t b)
{
    bool null_a = weir_vector_is_null(order->elements, a), null_b = weir_vector_is_null(order->elements, b);
    if (null_a || null_b) return null_a == null_b ? 0 : null_a == order->nulls_first ? -1 : 1;
    int result = weir_vector_compare_at(order->elements, a, order->elements, b, true);
    return order->ascending ? result : -result;
}

/* Merge sort, stable; other is scratch of the same size. Returns where the sorted positions stand. */
static uint32_t *merge_sort(const struct order *order, uint32_t *positions, uint32_t *other, uint32_t count)
{
    for (uint32_t width = 1; width < count; width *= 2) {
        for (uint32_t start = 0; start < count; start += 2 * width) {
            uint32_t left = start, middle = WEIR_MIN(start + width, count), right = middle,
                     end = WEIR_MIN(middle + width, count);
            for (uint32_t at = start; at < end; at++) {
                bool take_left = left < middle &&
                                 (right == end || order_of(order, positions[left], positions[right]) <= 0);
                other[at] = take_left ? positions[left++] : positions[right++];
            }
        }
        uint32_t *swap = positions;
        positions = other;
        other = swap;
    }
    return positions;
}

static enum weir_error_code sort_kernel(WEIR_KERNEL_PARAMETERS)
{
    const struct weir_vector *v = arguments[0];
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_list list = weir_list_of(v, i);
        struct order order = { .elements = &v->children[0], .ascending = true };
        if (call->argument_count > 1) order.ascending = WEIR_ARGUMENT(uint8_t, arguments[1], i);
        order.nulls_first =
            call->argument_count > 2 ? WEIR_ARGUMENT(uint8_t, arguments[2], i) : order.ascending;
        uint32_t *positions =
            weir_arena_allocate(call->scratch, (2 * (size_t)list.length + 1) * sizeof *positions);
        for (uint32_t k = 0; k < list.length; k++) positions[k] = list.offset + k;
        positions = merge_sort(&order, positions, positions + list.length, list.length);
        uint32_t offset = out->child_rows;
        weir_vector_reserve_children(out, list.length, call->scratch);
        weir_vector_gather(
            &out->children[0], offset, order.elements, positions, list.length, call->scratch, NULL);
        weir_list_end(out, i, offset, offset + list.length);
    }
    return WEIR_OK;
}

bool weir_infer_array_sort(WEIR_INFER_PARAMETERS)
{
    if (!is_array(given[0]) || !has_order(given[0]->children[0])) return false;
    for (uint32_t i = 1; i < count; i++) {
        if (given[i]->id != WEIR_TYPE_BOOLEAN && given[i]->id != WEIR_TYPE_NULL) return false;
        ret->argument_types[i] =
            weir_type_nullable(arena, weir_type_of(WEIR_TYPE_BOOLEAN), given[i]->nullable);
    }
    ret->type = given[0];
    ret->kernel = sort_kernel;
    return true;
}

/* --- ARRAY_JOIN --- */

static void join(struct weir_call *call, const struct weir_vector *const *arguments, struct weir_vector *out,
    uint32_t row, struct weir_buffer *text)
{
    const struct weir_vector *v = arguments[0], *elements = &v->children[0];
    struct weir_list list = weir_list_of(v, row);
    const struct weir_string *separator = &WEIR_ARGUMENT(struct weir_string, arguments[1], row);
    const struct weir_string *for_null =
        call->argument_count > 2 ? &WEIR_ARGUMENT(struct weir_string, arguments[2], row) : NULL;
    bool first = true;
    weir_buffer_clear(text);
    for (uint32_t k = list.offset; k < list.offset + list.length; k++) {
        const struct weir_string *element = &((const struct weir_string *)elements->data)[k];
        if (weir_vector_is_null(elements, k)) element = for_null;
        if (!element) continue;
        if (!first) weir_buffer_append(text, weir_string_data(separator), separator->length);
        weir_buffer_append(text, weir_string_data(element), element->length);
        first = false;
    }
    WEIR_RESULT(struct weir_string, out, row) =
        weir_heap_writer_string(call->heap, text->data, (uint32_t)text->length);
}

enum { JOINED_BYTES_MAX = 256 << 20 };

static enum weir_error_code join_kernel(WEIR_KERNEL_PARAMETERS)
{
    struct weir_buffer text;
    weir_buffer_init(&text, call->scratch->memory, JOINED_BYTES_MAX);
    WEIR_FOR_ROWS(i, rows, count)
    {
        join(call, arguments, out, i, &text);
    }
    bool overflowed = text.overflowed;
    weir_buffer_done(&text);
    if (!overflowed) return WEIR_OK;
    return weir_error_set(
        call->error, WEIR_E_DATA, "ARRAY_JOIN: the result is longer than %d bytes", JOINED_BYTES_MAX);
}

bool weir_infer_array_join(WEIR_INFER_PARAMETERS)
{
    if (!is_array(given[0]) || !weir_type_is_string(given[0]->children[0])) return false;
    for (uint32_t i = 1; i < count; i++) {
        if (given[i]->id == WEIR_TYPE_NULL) {
            ret->argument_types[i] = &weir_type_string;
        } else if (!weir_type_is_string(given[i])) {
            return false;
        }
    }
    ret->type = &weir_type_string;
    ret->kernel = join_kernel;
    return true;
}
