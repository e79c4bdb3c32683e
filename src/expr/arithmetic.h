/* Between the arithmetic files. */
#ifndef WEIR_EXPR_ARITHMETIC_H
#define WEIR_EXPR_ARITHMETIC_H

#include "expr/kernel.h"

enum weir_arithmetic {
    WEIR_ARITHMETIC_ADD,
    WEIR_ARITHMETIC_SUBTRACT,
    WEIR_ARITHMETIC_MULTIPLY,
    WEIR_ARITHMETIC_DIVIDE,
    WEIR_ARITHMETIC_REMAINDER,
    WEIR_ARITHMETIC_COUNT
};

/* Both operands and the result in one physical form, wrapping; NULL where there is none. */
weir_kernel weir_arithmetic_kernel(enum weir_arithmetic operation, enum weir_physical form);
enum weir_error_code weir_division_by_zero(struct weir_call *call);
/* DECIMAL with DECIMAL or an integer. */
bool weir_infer_decimal_arithmetic(struct weir_arena *arena, enum weir_arithmetic operation,
    const struct weir_type *a, const struct weir_type *b, struct weir_function_match *ret);
/* Dates, times, timestamps and intervals; false: not of that family. */
bool weir_infer_temporal_arithmetic(struct weir_arena *arena, enum weir_arithmetic operation,
    const struct weir_type *a, const struct weir_type *b, struct weir_function_match *ret);
/* Flink's result type of an operator on exact numbers (a, b as DECIMAL). */
void weir_decimal_result(enum weir_arithmetic operation, uint8_t precision_a, uint8_t scale_a,
    uint8_t precision_b, uint8_t scale_b, uint8_t *precision, uint8_t *scale);

#endif
