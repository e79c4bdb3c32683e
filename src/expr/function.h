/*
 * The table of scalar SQL functions. One line in functions.def per function; the kernel stands in
 * fn_<group>.c.
 *
 * A kernel gets FLAT or CONSTANT arguments only (the evaluator runs a one-dictionary-argument call over the
 * dictionary and flattens otherwise) and computes out at the rows it is given. Strict functions (the default)
 * never see NULLs: the evaluator has ANDed the validities; a faultable strict kernel is given only rows whose
 * arguments are all valid, a non-faultable one may be given any rows (values under NULL are harmless).
 * Functions with WEIR_FUNCTION_NULLS look at validity themselves.
 */
#ifndef WEIR_EXPR_FUNCTION_H
#define WEIR_EXPR_FUNCTION_H

#include "expr/expr.h"

enum weir_function_flag {
    WEIR_FUNCTION_FAULTABLE = 1 << 0,        /* may fail a row: runs on selected valid rows only */
    WEIR_FUNCTION_NULLS = 1 << 1,            /* not strict: handles NULL arguments itself */
    WEIR_FUNCTION_NONDETERMINISTIC = 1 << 2, /* RAND(), UUID(): never folded nor shared */
    WEIR_FUNCTION_DYNAMIC =
        1 << 3, /* CURRENT_TIMESTAMP ...: constant per record in streaming, per statement in batch */
    WEIR_FUNCTION_OPERATOR = 1 << 4, /* written infix or with special syntax; not callable by its name */
    WEIR_FUNCTION_NULLABLE = 1 << 5, /* result is nullable even if no argument is (beside what infer says) */
    WEIR_FUNCTION_CHECKED = 1 << 6,  /* FAULTABLE by its pattern only: infer checks literals, a call with
                                        literals behind the first argument cannot fail */
};

/* What a call knows at run time. */
struct weir_call {
    const struct weir_type *const *argument_types;
    uint32_t argument_count;
    const struct weir_type *type;
    const struct weir_eval_environment *environment;
    struct weir_arena *arena;                   /* evaluator's life: for prepared data */
    struct weir_arena *scratch;                 /* reset per batch */
    struct weir_heap_writer *heap;              /* for result strings */
    void *prepared;                             /* what bind returned: compiled pattern, parsed format ... */
    const struct weir_vector *const *constants; /* at bind: per argument its literal, or NULL */
    struct weir_error *error;
    uint64_t *random_state;
    void (*release)(struct weir_call *call); /* set by bind when prepared holds more than arena memory; the
                                                evaluator calls it when it is freed */
};

/* rows: the row numbers to compute, ascending; NULL = 0..count-1. Result validity: strict functions have it
 * set up by the evaluator and may clear more bits (weir_vector_set_null). Returns other than OK after
 * weir_error_set(call->error, ...). */
typedef enum weir_error_code (*weir_kernel)(struct weir_call *call,
    const struct weir_vector *const *arguments, struct weir_vector *out, const uint16_t *rows,
    uint32_t count);

struct weir_function_match {
    const struct weir_type *type; /* result type; preset to the planned one when a call is compiled, and the
                                     target of CAST; NULL while the call is built */
    const struct weir_type **argument_types; /* what arguments are to be cast to; preset to the given types */
    weir_kernel kernel;                      /* chosen for those types */
};

struct weir_function {
    const char *name;                      /* upper case; "+" for operators, "$FIELD" for internal ones */
    uint32_t arguments_min, arguments_max; /* max UINT32_MAX: any number */
    uint32_t flags;
    const char *signature; /* for docs/functions.md and error texts: "SUBSTRING(string, start [, length])" */
    const char *family;    /* heading in docs/functions.md: "String" ... */
    const char *description;
    /* Decides types and kernel. given are the arguments' types, literals[i] the literal or NULL. false: these
     * types do not fit (the caller makes the error text from signature), or reterr is set with a better one.
     */
    bool (*infer)(struct weir_arena *arena, const struct weir_function *function,
        const struct weir_type *const *given, const struct weir_vector *const *literals, uint32_t count,
        struct weir_function_match *ret, struct weir_error *reterr);
    /* Once per compiled call; may be NULL. Prepares constants; errors in constant patterns are found here. */
    enum weir_error_code (*bind)(struct weir_call *call);
};

/* Nullability of a strict function's result is not infer's business: it is nullable when an argument is, or
 * by WEIR_FUNCTION_NULLABLE. For the others it is as infer says. */
extern const struct weir_function weir_functions[];
extern const uint32_t weir_function_count;
const struct weir_function *weir_function_find(const char *name); /* case-insensitive; NULL */
const char *weir_function_nearest(const char *name); /* for error texts; NULL when nothing is near */

/* The whole table as Markdown (docs/functions.md), aggregates included; and as plain lines
 * "NAME<tab>signature". */
void weir_functions_markdown(struct weir_buffer *to);
void weir_functions_list(struct weir_buffer *to);

/* Loop helper for kernels: for each given row. */
#define WEIR_FOR_ROWS(i, rows, count)                                                          \
    for (uint32_t i##_position = 0, i = 0;                                                     \
         i##_position < (count) && ((i = (rows) ? (rows)[i##_position] : i##_position), true); \
         i##_position++)

#endif
