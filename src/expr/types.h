/* Type rules that the function files share. */
#ifndef WEIR_EXPR_TYPES_H
#define WEIR_EXPR_TYPES_H

#include "data/type.h"

/* Precision and scale of an exact number: INT counts as DECIMAL(10, 0). false: not an exact number. */
bool weir_type_integer_as_decimal(const struct weir_type *type, uint8_t *precision, uint8_t *scale);

#endif
