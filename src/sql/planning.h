/*
 * What the parts of the planner share: the context of one planning run, small helpers on rels, and the entry
 * points of each phase. Internal to src/sql; planner.h is what others call.
 *
 * Order of phases: rules rewrite rels (optimizer.c, rule_*.c), physical.c turns rels into physical nodes
 * bottom up (modify kinds and upsert keys are known as soon as a node exists), reuse.c merges equal
 * sub-plans, changelog.c decides update and delete kinds top down, graph.c writes the StreamGraph, explain*.c
 * the texts. One thread, one arena, nothing outlives it.
 */
#ifndef WEIR_SQL_PLANNING_H
#define WEIR_SQL_PLANNING_H

#include "sql/planner.h"

struct weir_physical;
struct weir_rel_map;

/* A query whose parts share parts can unfold without end when filters go down each way: past this many new
 * rels, rules rest. */
enum { WEIR_PLANNING_RELS_MAX = 100000 };

struct weir_planning {
    const struct weir_sql_planner_input *input;
    struct weir_arena *arena;
    struct weir_memory *memory;
    const struct weir_sql_config *config;
    bool batch;
    uint32_t rel_id;             /* last one given */
    uint32_t physical_id;        /* last one given */
    uint32_t round;              /* of the last question to all nodes, changelog.c */
    uint32_t mark;               /* of the last walk over physical nodes */
    uint32_t rel_id_limit;       /* rules rest beyond it */
    struct weir_rel_map *append; /* what weir_rel_is_append found */
    bool update_conflict;        /* changelog.c: a node was asked for different things */
    uint8_t *rules_off;          /* per line of rules.def */
    struct weir_error *error;    /* of the first failure within a phase; phases return a code */
};

/* --- rules --- */
enum weir_rule {
#define WEIR_RULE(identifier, name, description) WEIR_RULE_##identifier,
#include "sql/rules.def"
#undef WEIR_RULE
    WEIR_RULE_COUNT
};
bool weir_rule_enabled(const struct weir_planning *planning, enum weir_rule rule);
const char *weir_rule_name(uint32_t rule);        /* "filter-merge"; NULL past the end */
const char *weir_rule_description(uint32_t rule); /* for the list of options */

/* --- rels --- */
/* A shallow copy with room for its own inputs, to be changed by a rule before anyone else sees it. */
struct weir_rel *weir_rel_copy(struct weir_planning *planning, const struct weir_rel *rel);
struct weir_rel *weir_rel_make(struct weir_planning *planning, enum weir_rel_kind kind,
    struct weir_rel *const *inputs, uint32_t input_count, const struct weir_rel_field *fields,
    uint32_t field_count);
struct weir_rel *weir_rel_filter(
    struct weir_planning *planning, struct weir_rel *input, struct weir_expr *condition);
struct weir_rel *weir_rel_project(struct weir_planning *planning, struct weir_rel *input,
    struct weir_expr *const *exprs, const struct weir_rel_field *fields, uint32_t count);
/* Columns 0..count-1 of input as expressions. */
struct weir_expr **weir_rel_identity(struct weir_planning *planning, const struct weir_rel *input);
bool weir_rel_project_is_identity(const struct weir_rel *project);
/* ANDed parts of a condition (NULL: none), in an array of the caller's own; returns their number. */
uint32_t weir_expr_conjuncts(struct weir_arena *arena, struct weir_expr *condition, struct weir_expr ***ret);
/* Whether every column of the expression lies in [from, to). */
bool weir_expr_columns_within(
    struct weir_arena *arena, const struct weir_expr *expr, uint32_t from, uint32_t to, uint32_t width);
struct weir_expr *weir_expr_shift(
    struct weir_arena *arena, struct weir_expr *expr, int64_t by, uint32_t width);
/* Whether the projections below may be written out in the expressions above them, which made inlined. Not
 * where those grow too much: of "a + a" over "a + a", each layer doubles them. */
bool weir_exprs_may_inline(struct weir_expr *const *above, struct weir_expr *const *inlined, uint32_t count,
    struct weir_expr *const *below, uint32_t below_count);

/* --- configuration --- */
const char *weir_sql_config_text(
    const struct weir_sql_config *config, const char *key, const char *otherwise);
int64_t weir_sql_duration_parse(const char *text, int64_t otherwise); /* "5 s" -> 5000 */

bool weir_mini_batch_enabled(const struct weir_sql_config *config);
int64_t weir_mini_batch_latency_ms(const struct weir_sql_config *config);

uint32_t weir_default_parallelism(const struct weir_planning *planning);

/* --- phases --- */
enum weir_error_code weir_optimize(
    struct weir_planning *planning, struct weir_rel **roots, uint32_t root_count);
enum weir_error_code weir_planning_start(
    struct weir_planning *planning, const struct weir_sql_planner_input *input, struct weir_error *reterr);

#endif
