/*
 * The way of a statement: parse (parser.h) -> bind (binder.h: AST and catalog -> rel) -> plan (this): rewrite
 * in phases, changelog inference, physical choice -> StreamGraph. Pure: text and catalog in, graph or EXPLAIN
 * text out.
 */
#ifndef WEIR_SQL_PLANNER_H
#define WEIR_SQL_PLANNER_H

#include "plan/stream_graph.h"
#include "sql/rel.h"

/* What the planner needs of the configuration: looked up by Flink's key; NULL = not set (defaults are the
 * planner's). */
struct weir_sql_config {
    const char *(*get)(void *context, const char *key);
    void *context;
};
bool weir_sql_config_boolean(const struct weir_sql_config *config, const char *key, bool otherwise);
int64_t weir_sql_config_duration_ms(const struct weir_sql_config *config, const char *key, int64_t otherwise);
int64_t weir_sql_config_integer(const struct weir_sql_config *config, const char *key, int64_t otherwise);

struct weir_sql_planner_input {
    struct weir_arena *arena;
    struct weir_memory *memory;
    const struct weir_sql_config *config;
    struct weir_rel *const *roots; /* SINK nodes: one for INSERT or SELECT, several for a statement set */
    uint32_t root_count;
    bool batch;                                      /* execution.runtime-mode */
    const struct weir_eval_environment *environment; /* for constant folding */
};

enum weir_error_code weir_sql_plan(const struct weir_sql_planner_input *input,
    const struct weir_stream_graph **ret, struct weir_error *reterr);

/* The rewrite rules, for whoever checks `table.optimizer.rule.<name>` or lists them; NULL past the last. */
const char *weir_sql_rule_name(uint32_t rule);
const char *weir_sql_rule_description(uint32_t rule);

/* EXPLAIN in Flink's layout: "== Abstract Syntax Tree ==", "== Optimized Physical Plan ==", "== Optimized
 * Execution Plan ==". */
enum weir_explain_detail {
    WEIR_EXPLAIN_ESTIMATED_COST = 1,
    WEIR_EXPLAIN_CHANGELOG_MODE = 2,
    WEIR_EXPLAIN_JSON_EXECUTION_PLAN = 4,
    WEIR_EXPLAIN_PLAN_ADVICE = 8
};
enum weir_error_code weir_sql_explain(const struct weir_sql_planner_input *input, uint32_t details,
    struct weir_buffer *to, struct weir_error *reterr);

#endif
