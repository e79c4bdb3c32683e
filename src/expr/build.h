/* Between the files of this folder: building blocks of expression trees. */
#ifndef WEIR_EXPR_BUILD_H
#define WEIR_EXPR_BUILD_H

#include "expr/function.h"

/* A call as it is: no look-up, no casts. */
struct weir_expr *weir_expr_new_call(struct weir_arena *arena, const struct weir_function *function,
    const struct weir_type *type, struct weir_expr *const *arguments, uint32_t argument_count);
struct weir_expr *weir_expr_new_nary(struct weir_arena *arena, enum weir_expr_kind kind,
    const struct weir_type *type, struct weir_expr *const *arguments, uint32_t argument_count);
/* The operand as a value of type; where Flink converts implicitly (a string becomes a date as by TRY_CAST).
 * Literals are converted at once. */
struct weir_expr *weir_expr_convert(
    struct weir_arena *arena, struct weir_expr *operand, const struct weir_type *type);
/* May a value of type from be cast to type to by CAST? *can_fail: some values cannot (such a CAST is
 * faultable). */
bool weir_cast_is_allowed(const struct weir_type *from, const struct weir_type *to, bool *can_fail);
/* May this call, its operands aside, fail a row? Depends on its types: a CAST from INT to BIGINT may not. */
bool weir_call_can_fault(const struct weir_expr *call);
static inline bool weir_expr_has_arguments(const struct weir_expr *expr)
{
    return expr->kind >= WEIR_EXPR_CALL;
}
/* Runs infer for a node whose arguments are already cast: finds the kernel. */
bool weir_expr_infer(struct weir_arena *arena, const struct weir_function *function,
    struct weir_expr *const *arguments, uint32_t count, const struct weir_type *wanted,
    struct weir_function_match *ret, struct weir_error *reterr);

/* Compares a name of the table with one as written, whatever its case. */
bool weir_function_name_equal(const char *upper_case, const char *name);

#endif
