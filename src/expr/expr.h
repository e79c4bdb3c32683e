/*
 * Expressions: typed trees over the columns of one input row, built by the binder, rewritten by the planner,
 * evaluated in whole batches. Nodes are immutable once shared and live in an arena.
 *
 * Everything but literals, columns and the lazily evaluated forms is a CALL of a line in functions.def:
 * operators (name "+"), CAST ("CAST"), field access ("$FIELD" with a constant index), item access ("$ITEM"),
 * constructors ("ROW", "ARRAY", "MAP").
 */
#ifndef WEIR_EXPR_EXPR_H
#define WEIR_EXPR_EXPR_H

#include "data/batch.h"
#include "data/spec.h"
#include "data/value.h"
#include "data/zone.h"

enum weir_expr_kind {
    WEIR_EXPR_LITERAL,
    WEIR_EXPR_COLUMN, /* input column by index */
    WEIR_EXPR_CALL,   /* function(arguments), evaluated eagerly on the selected rows */
    WEIR_EXPR_AND,  /* n-ary, Kleene; narrows the selection from left to right, so later operands are guarded
                     */
    WEIR_EXPR_OR,   /* n-ary, Kleene; likewise */
    WEIR_EXPR_CASE, /* arguments: when, then, when, then ..., else; lazy */
    WEIR_EXPR_COALESCE /* n-ary, lazy */
};

struct weir_function; /* function.h */

enum { WEIR_EXPR_HEIGHT_MAX = 1000 /* of what is planned: it is stored, read and evaluated recursively */ };

struct weir_expr {
    enum weir_expr_kind kind;
    const struct weir_type *type;
    uint32_t line, column_position; /* source position for error texts; 0 = none */
    uint32_t node_count, height;    /* as a tree, of what it was made from; at most UINT32_MAX */
    union {
        const struct weir_vector *literal; /* LITERAL: one-row CONSTANT, NULL value = validity bit cleared */
        uint32_t column;                   /* COLUMN */
        struct {                           /* CALL AND OR CASE COALESCE */
            const struct weir_function *function; /* CALL */
            struct weir_expr *const *arguments;
            uint32_t argument_count;
        };
    };
};

/* --- building (arena-allocated, never fail except where a type rule says so) --- */
struct weir_expr *weir_expr_literal(struct weir_arena *arena, const struct weir_vector *value);
struct weir_expr *weir_expr_null(struct weir_arena *arena, const struct weir_type *type);
struct weir_expr *weir_expr_column(struct weir_arena *arena, uint32_t column, const struct weir_type *type);
/* Looks the function up by name and argument types, inserts implicit casts, infers the type. Errors say what
 * types the function takes, in Flink's words where it has them. */
enum weir_error_code weir_expr_call(struct weir_arena *arena, const char *name,
    struct weir_expr *const *arguments, uint32_t argument_count, struct weir_expr **ret,
    struct weir_error *reterr);
/* AND / OR of any number (0: TRUE / FALSE literal; 1: the operand itself); nested ones of the same kind are
 * flattened. */
struct weir_expr *weir_expr_and(struct weir_arena *arena, struct weir_expr *const *operands, uint32_t count);
struct weir_expr *weir_expr_or(struct weir_arena *arena, struct weir_expr *const *operands, uint32_t count);
struct weir_expr *weir_expr_not(struct weir_arena *arena, struct weir_expr *operand);
/* CASE of pairs and an else (NULL: ELSE NULL); finds the common type and casts the branches. */
enum weir_error_code weir_expr_case(struct weir_arena *arena, struct weir_expr *const *when_then,
    uint32_t pair_count, struct weir_expr *otherwise, struct weir_expr **ret, struct weir_error *reterr);
enum weir_error_code weir_expr_coalesce(struct weir_arena *arena, struct weir_expr *const *operands,
    uint32_t count, struct weir_expr **ret, struct weir_error *reterr);
/* Explicit CAST / TRY_CAST; an error when Flink has no such cast. A cast to the same type is the operand
 * itself. */
enum weir_error_code weir_expr_cast(struct weir_arena *arena, struct weir_expr *operand,
    const struct weir_type *type, bool try_cast, struct weir_expr **ret, struct weir_error *reterr);
/* Implicit cast for assignment (INSERT, set operations, CASE): only where Flink converts implicitly. */
bool weir_expr_can_cast_implicitly(const struct weir_type *from, const struct weir_type *to);
/* Least common type (Flink's LogicalTypeMerging); NULL: there is none. */
const struct weir_type *weir_expr_common_type(
    struct weir_arena *arena, const struct weir_type *const *types, uint32_t count);
struct weir_expr *weir_expr_field(
    struct weir_arena *arena, struct weir_expr *row, uint32_t field); /* ROW field access */

/* --- looking --- */
bool weir_expr_equal(const struct weir_expr *a, const struct weir_expr *b);
uint64_t weir_expr_hash(const struct weir_expr *expr);
bool weir_expr_is_deterministic(const struct weir_expr *expr);
bool weir_expr_is_dynamic(
    const struct weir_expr *expr); /* constant within one statement only (CURRENT_DATE in batch ...) */
bool weir_expr_can_fault(const struct weir_expr *expr);
bool weir_expr_is_literal(const struct weir_expr *expr); /* also: NULL literal */
bool weir_expr_is_literal_true(const struct weir_expr *expr);
bool weir_expr_is_literal_false_or_null(const struct weir_expr *expr);
/* Sets used[c] for every column referred to. */
void weir_expr_columns_used(const struct weir_expr *expr, bool *used);
/* Calls visit on every node, children last, until it returns false. */
bool weir_expr_visit(
    const struct weir_expr *expr, bool (*visit)(void *context, const struct weir_expr *), void *context);
/* Rebuilds bottom up: replace(context, node with new children) returns the node to stand in its place (or the
 * node itself). */
struct weir_expr *weir_expr_rewrite(struct weir_arena *arena, struct weir_expr *expr,
    struct weir_expr *(*replace)(void *context, struct weir_arena *arena, struct weir_expr *), void *context);
/* Column c becomes map[c] (map[c] == UINT32_MAX is an assertion). */
struct weir_expr *weir_expr_remap(struct weir_arena *arena, struct weir_expr *expr, const uint32_t *map);
/* Column c becomes replacements[c]: inlining a projection. */
struct weir_expr *weir_expr_substitute(
    struct weir_arena *arena, struct weir_expr *expr, struct weir_expr *const *replacements);
/* SQL-like text in Flink's EXPLAIN manner ("=(a, 1)" in AST style, "(a = 1)" in optimised style); names of
 * input columns. */
enum weir_expr_text_style { WEIR_EXPR_TEXT_AST, WEIR_EXPR_TEXT_PLAN };
void weir_expr_print(const struct weir_expr *expr, const char *const *column_names,
    enum weir_expr_text_style style, struct weir_buffer *to);

/* --- stored form --- */
struct weir_spec *weir_expr_to_spec(struct weir_arena *arena, const struct weir_expr *expr);
enum weir_error_code weir_expr_from_spec(struct weir_arena *arena, const struct weir_spec *spec,
    struct weir_expr **ret, struct weir_error *reterr);

/* --- evaluation: eval.c --- */
/* What an evaluation may know of its surroundings. Filled by the operator from its context; borrowed. */
struct weir_eval_environment {
    const struct weir_zone *local_zone; /* table.local-time-zone; NULL = UTC */
    int64_t (*now_us)(void *clock);     /* wall clock, UTC microseconds, for CURRENT_TIMESTAMP and the like */
    void *clock;
    int64_t statement_start_us; /* batch mode: what CURRENT_* return for the whole statement; 0 = streaming,
                                   use now_us */
    uint64_t random_seed;
    int64_t *current_watermark_ms; /* for CURRENT_WATERMARK; NULL or INT64_MIN: none yet */
    const char *current_catalog, *current_database;
};

struct weir_evaluator; /* a set of expressions over one input row type, compiled: common subexpressions once
                          per batch */

/* Compiles; allocates from arena (operator's life). Constant arguments are prepared here (patterns compiled,
 * formats parsed). */
enum weir_error_code weir_evaluator_new(struct weir_arena *arena, struct weir_memory *memory,
    struct weir_expr *const *exprs, uint32_t expr_count, const struct weir_eval_environment *environment,
    struct weir_evaluator **ret, struct weir_error *reterr);
void weir_evaluator_free(struct weir_evaluator *evaluator);
/* Evaluates expression number `index` on the selected rows of batch. *ret stays valid until
 * weir_evaluator_reset(); values at rows not selected are unspecified. Strings made here live in the
 * evaluator's heap writer: the caller's output batch must refer to it (weir_evaluator_share_heaps) if rows
 * outlive the call. A result may be FLAT, CONSTANT or DICTIONARY, indexed by the rows of the batch (not by
 * selection position). */
enum weir_error_code weir_evaluator_run(struct weir_evaluator *evaluator, uint32_t index,
    const struct weir_batch *batch, const struct weir_vector **ret, struct weir_error *reterr);
/* Narrows: writes rows of the batch's selection where expression number index (BOOLEAN) is TRUE; returns
 * their count. */
enum weir_error_code weir_evaluator_filter(struct weir_evaluator *evaluator, uint32_t index,
    const struct weir_batch *batch, uint16_t *selection, uint32_t *ret_count, struct weir_error *reterr);
bool weir_evaluator_share_heaps(struct weir_evaluator *evaluator, struct weir_batch *to);
/* Forget memoised results: call before each new batch. */
void weir_evaluator_reset(struct weir_evaluator *evaluator);
/* Evaluates an expression without columns once (constant folding, options). */
enum weir_error_code weir_expr_fold(struct weir_arena *arena, struct weir_memory *memory,
    const struct weir_expr *expr, const struct weir_eval_environment *environment, struct weir_vector **ret,
    struct weir_error *reterr);

#endif
