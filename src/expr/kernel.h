/*
 * For the files that implement functions (fn_*.c) only: the form of functions.def, declarations of what it
 * names, loop generators and small helpers.
 *
 * functions.def has one line per function:
 *     X(name, arguments_min, arguments_max, flags, signature, family, description, infer)
 *     XB(... the same ..., infer, bind)
 * infer and bind are functions with external linkage, named weir_infer_<x> and weir_bind_<x>; they are
 * declared here.
 */
#ifndef WEIR_EXPR_KERNEL_H
#define WEIR_EXPR_KERNEL_H

#include "expr/function.h"

#define WEIR_ANY_COUNT UINT32_MAX

typedef bool weir_infer(struct weir_arena *arena, const struct weir_function *function,
    const struct weir_type *const *given, const struct weir_vector *const *literals, uint32_t count,
    struct weir_function_match *ret, struct weir_error *reterr);
typedef enum weir_error_code weir_bind(struct weir_call *call);

#define WEIR_INFER_PARAMETERS                                                                             \
    struct weir_arena *arena, const struct weir_function *function, const struct weir_type *const *given, \
        const struct weir_vector *const *literals, uint32_t count, struct weir_function_match *ret,       \
        struct weir_error *reterr
#define WEIR_KERNEL_PARAMETERS                                                                   \
    struct weir_call *call, const struct weir_vector *const *arguments, struct weir_vector *out, \
        const uint16_t *rows, uint32_t count

#define X(name, min, max, flags, signature, family, description, infer) weir_infer infer;
#define XB(name, min, max, flags, signature, family, description, infer, bind) \
    weir_infer infer;                                                          \
    weir_bind bind;
#include "expr/functions.def"
#undef X
#undef XB

/* Row i of a FLAT or CONSTANT argument. */
static inline uint32_t weir_argument_row(const struct weir_vector *v, uint32_t row)
{
    return v->encoding == WEIR_ENCODING_CONSTANT ? 0 : row;
}
#define WEIR_ARGUMENT(type, v, row) (((const type *)(v)->data)[weir_argument_row((v), (row))])
#define WEIR_RESULT(type, out, row) (((type *)(out)->data)[row])

static inline bool weir_argument_is_null(const struct weir_vector *v, uint32_t row)
{
    return v->type->id == WEIR_TYPE_NULL ||
           (v->validity && !weir_bit_get(v->validity, weir_argument_row(v, row)));
}

/* Makes row of the result NULL. */
static inline void weir_call_set_null(struct weir_call *call, struct weir_vector *out, uint32_t row)
{
    weir_vector_set_null(out, row, call->scratch);
}

bool weir_types_any_nullable(const struct weir_type *const *types, uint32_t count);

/*
 * Loops over primitive values: dense ones have a form per (vector, constant) pair that the compiler
 * vectorises. EXPRESSION computes r from x (and y). _CLONED: for expressions that are quicker in wide
 * registers.
 */
#define WEIR_KERNEL_UNARY(name, TX, TR, EXPRESSION)          \
    static enum weir_error_code name(WEIR_KERNEL_PARAMETERS) \
    {                                                        \
        const TX *a = arguments[0]->data;                    \
        TR *restrict to = out->data;                         \
        if (!rows) {                                         \
            for (uint32_t i = 0; i < count; i++) {           \
                TX x = a[i];                                 \
                to[i] = (TR)(EXPRESSION);                    \
            }                                                \
        } else {                                             \
            for (uint32_t p = 0; p < count; p++) {           \
                TX x = a[rows[p]];                           \
                to[rows[p]] = (TR)(EXPRESSION);              \
            }                                                \
        }                                                    \
        return WEIR_OK;                                      \
    }

#define WEIR_KERNEL_BINARY(name, TX, TY, TR, EXPRESSION)                    \
    static enum weir_error_code name(WEIR_KERNEL_PARAMETERS)                \
    {                                                                       \
        const TX *a = arguments[0]->data;                                   \
        const TY *b = arguments[1]->data;                                   \
        TR *restrict to = out->data;                                        \
        bool a_constant = arguments[0]->encoding == WEIR_ENCODING_CONSTANT; \
        bool b_constant = arguments[1]->encoding == WEIR_ENCODING_CONSTANT; \
        if (rows || (a_constant && b_constant)) {                           \
            for (uint32_t p = 0; p < count; p++) {                          \
                uint32_t i = rows ? rows[p] : p;                            \
                TX x = a[a_constant ? 0 : i];                               \
                TY y = b[b_constant ? 0 : i];                               \
                to[i] = (TR)(EXPRESSION);                                   \
            }                                                               \
        } else if (b_constant) {                                            \
            TY y = b[0];                                                    \
            for (uint32_t i = 0; i < count; i++) {                          \
                TX x = a[i];                                                \
                to[i] = (TR)(EXPRESSION);                                   \
            }                                                               \
        } else if (a_constant) {                                            \
            TX x = a[0];                                                    \
            for (uint32_t i = 0; i < count; i++) {                          \
                TY y = b[i];                                                \
                to[i] = (TR)(EXPRESSION);                                   \
            }                                                               \
        } else {                                                            \
            for (uint32_t i = 0; i < count; i++) {                          \
                TX x = a[i];                                                \
                TY y = b[i];                                                \
                to[i] = (TR)(EXPRESSION);                                   \
            }                                                               \
        }                                                                   \
        return WEIR_OK;                                                     \
    }

#define WEIR_KERNEL_BINARY_CLONED(name, TX, TY, TR, EXPRESSION) \
    WEIR_CPU_CLONES WEIR_KERNEL_BINARY(name, TX, TY, TR, EXPRESSION)

/* X-macro over the primitive physical forms: (SUFFIX, C type). */
#define WEIR_FOR_INTEGERS(M) M(i8, int8_t) M(i16, int16_t) M(i32, int32_t) M(i64, int64_t)
#define WEIR_FOR_FLOATS(M)   M(f32, float) M(f64, double)

/* Physical form of a type's values. */
enum weir_physical {
    WEIR_PHYSICAL_NONE,
    WEIR_PHYSICAL_U8,
    WEIR_PHYSICAL_I8,
    WEIR_PHYSICAL_I16,
    WEIR_PHYSICAL_I32,
    WEIR_PHYSICAL_I64,
    WEIR_PHYSICAL_I128,
    WEIR_PHYSICAL_F32,
    WEIR_PHYSICAL_F64,
    WEIR_PHYSICAL_VIEW,
    WEIR_PHYSICAL_NESTED
};
enum weir_physical weir_physical_of(const struct weir_type *type);

#endif
