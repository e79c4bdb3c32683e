/* Building arrays and maps in a result vector, element by element. */
#ifndef WEIR_EXPR_LIST_H
#define WEIR_EXPR_LIST_H

#include "expr/kernel.h"

/* The list at row of a FLAT or CONSTANT argument. */
static inline struct weir_list weir_list_of(const struct weir_vector *v, uint32_t row)
{
    return ((const struct weir_list *)v->data)[weir_argument_row(v, row)];
}

/* Copies from's row (any encoding, NULLs too) behind the elements that child has so far; count them with
 * weir_list_end(). */
static inline void weir_list_put(struct weir_call *call, struct weir_vector *out, uint32_t child,
    uint32_t element, const struct weir_vector *from, uint32_t row)
{
    weir_vector_gather(&out->children[child], element, from, &row, 1, call->scratch, NULL);
}

/* Closes the list at row, whose elements stand from offset up to end. */
static inline void weir_list_end(struct weir_vector *out, uint32_t row, uint32_t offset, uint32_t end)
{
    ((struct weir_list *)out->data)[row] = (struct weir_list){ offset, end - offset };
    out->child_rows = end;
}

/* Position of the element equal to needle's row in elements first..first+count-1 of haystack; UINT32_MAX:
 * there is none. */
uint32_t weir_list_find(const struct weir_vector *haystack, uint32_t first, uint32_t count,
    const struct weir_vector *needle, uint32_t needle_row);

#endif
