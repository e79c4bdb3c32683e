/*
 * Inside of the evaluator: expressions compiled to a directed acyclic graph of nodes (equal deterministic
 * subexpressions are one node), run batch-at-a-time within scopes. A scope is the set of rows to compute;
 * AND, OR, CASE and COALESCE open narrower ones, and a memoised result counts in its own scope and in those
 * below it.
 */
#ifndef WEIR_EXPR_EVALUATOR_H
#define WEIR_EXPR_EVALUATOR_H

#include "expr/build.h"
#include "expr/kernel.h"

struct weir_scope {
    const uint16_t *rows; /* ascending; NULL = 0..count-1 */
    uint32_t count;
    const struct weir_scope *parent;
};

struct weir_node {
    const struct weir_expr *expr;
    uint32_t *children;
    uint32_t child_count;
    uint32_t references;
    bool is_field;          /* $FIELD: answered by reference */
    bool can_fault;         /* it or anything below */
    bool deterministic;     /* it and everything below */
    bool is_constant;       /* literal, or folded at compile time */
    bool can_blend;         /* CASE, COALESCE: cheap operands, computed for all rows */
    bool costly;            /* it or anything below is worth guarding by a narrower selection */
    bool fixed_width;       /* call: arguments and result are primitive: any row may be computed */
    bool strict, faultable; /* call */
    weir_kernel kernel;
    struct weir_call call;
    const struct weir_vector **arguments; /* room for the call's */
    const struct weir_vector *constant;
    const struct weir_vector *null_constant;
    struct weir_vector out; /* reused every batch unless nested */
    uint64_t *out_validity;
    bool out_taken; /* in this batch */
    const struct weir_vector *memo;
    const struct weir_scope *memo_scope;
};

struct weir_evaluator {
    struct weir_arena *arena;
    struct weir_arena scratch;
    struct weir_heap_writer heap;
    struct weir_eval_environment environment;
    struct weir_node *nodes;
    uint32_t node_count;
    uint32_t *roots;
    uint32_t root_count;
    uint64_t random_state;
    uint32_t row_count; /* of the batch at hand */
    const struct weir_batch *batch;
    const uint16_t *selection;     /* as it was when root was made */
    const struct weir_scope *root; /* NULL: no batch yet */
    struct weir_error *error;
};

/* ret: valid at the rows of scope until the next reset. */
enum weir_error_code weir_node_run(struct weir_evaluator *evaluator, struct weir_node *node,
    const struct weir_scope *scope, const struct weir_vector **ret);
/* The lazy forms: eval_lazy.c. */
enum weir_error_code weir_node_run_junction(struct weir_evaluator *evaluator, struct weir_node *node,
    const struct weir_scope *scope, const struct weir_vector **ret);
enum weir_error_code weir_node_run_case(struct weir_evaluator *evaluator, struct weir_node *node,
    const struct weir_scope *scope, const struct weir_vector **ret);
enum weir_error_code weir_node_run_coalesce(struct weir_evaluator *evaluator, struct weir_node *node,
    const struct weir_scope *scope, const struct weir_vector **ret);
/* The dense way of CASE and COALESCE: eval_blend.c. */
bool weir_node_can_blend(const struct weir_evaluator *evaluator, const struct weir_node *node);
bool weir_scope_is_dense(const struct weir_evaluator *evaluator, const struct weir_scope *scope);
enum weir_error_code weir_node_run_blend(struct weir_evaluator *evaluator, struct weir_node *node,
    const struct weir_scope *scope, const struct weir_vector **ret);
/* Rows of scope where a BOOLEAN vector is TRUE. selection has room for scope->count. */
uint32_t weir_select_true(struct weir_evaluator *evaluator, const struct weir_vector *v,
    const struct weir_scope *scope, uint16_t *selection);
/* ORs of many comparisons with constants as look-ups: fn_in.c. */
struct weir_expr *weir_expr_gather_in(struct weir_arena *arena, struct weir_expr *expr);
/* The vector that a node's result goes to: FLAT, all valid. */
struct weir_vector *weir_node_output(
    struct weir_evaluator *evaluator, struct weir_node *node, uint32_t row_count);

#endif
