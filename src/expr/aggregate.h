/*
 * The table of aggregate functions: one line in aggregates.def each; used by group aggregation, windows and
 * (later) OVER.
 *
 * An accumulator is a fixed-size struct of plain bytes (no pointers: it lives in state pages, is copied on
 * write and goes into snapshots as it is). What does not fit - distinct sets, value lists, ordered values for
 * MIN/MAX under retraction, LISTAGG parts, strings beyond 12 bytes - goes through struct weir_aggregate_heap,
 * which ops implement on keyed state.
 */
#ifndef WEIR_EXPR_AGGREGATE_H
#define WEIR_EXPR_AGGREGATE_H

#include "expr/expr.h"

/* Names: COUNT SUM $SUM0 AVG MIN MAX STDDEV_POP STDDEV_SAMP VAR_POP VAR_SAMP (STDDEV, VARIANCE are aliases)
 * FIRST_VALUE LAST_VALUE LISTAGG COLLECT ARRAY_AGG PERCENTILE SINGLE_VALUE APPROX_COUNT_DISTINCT (exact:
 * batch only). */
struct weir_aggregate_function {
    const char *name;
    uint32_t arguments_min, arguments_max;
    const char *signature, *description;
    /* Result type from argument types (grouped: false = global aggregate, whose empty input makes results
     * nullable). */
    bool (*infer)(struct weir_arena *arena, const struct weir_type *const *given, uint32_t count,
        bool grouped, const struct weir_type **ret, const struct weir_type **argument_types,
        struct weir_error *reterr);
};
extern const struct weir_aggregate_function weir_aggregate_functions[];
extern const uint32_t weir_aggregate_function_count;
const struct weir_aggregate_function *weir_aggregate_function_find(const char *name);

/* One aggregate call of an operator: args are input columns (the planner projects expressions below). */
struct weir_aggregate_call {
    const struct weir_aggregate_function *function;
    const struct weir_type *type; /* of the result */
    uint32_t arguments[4];
    uint32_t argument_count;
    int32_t filter; /* BOOLEAN input column, -1 = none */
    bool distinct;
    bool ignore_nulls;
};
/* Stored form in an operator's spec: {"function": text, "type": type, "arguments": [integers], "filter":
 * -1|c, "distinct": b}. */
struct weir_spec *weir_aggregate_call_to_spec(
    struct weir_arena *arena, const struct weir_aggregate_call *call);
enum weir_error_code weir_aggregate_call_from_spec(const struct weir_spec *spec, struct weir_arena *arena,
    struct weir_aggregate_call *ret, struct weir_error *reterr);

#endif
