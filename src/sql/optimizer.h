/* Between optimizer.c and the rules. Internal to the planner. */
#ifndef WEIR_SQL_OPTIMIZER_H
#define WEIR_SQL_OPTIMIZER_H

#include "sql/planning.h"

/* From a rel to whatever a walk keeps of it; by identity. */
struct weir_rel_map {
    struct weir_arena *arena;
    const struct weir_rel **keys;
    void **values;
    uint32_t count, capacity;
};
void weir_rel_map_init(struct weir_rel_map *map, struct weir_arena *arena);
void *weir_rel_map_get(const struct weir_rel_map *map, const struct weir_rel *rel); /* NULL: none */
void weir_rel_map_put(struct weir_rel_map *map, const struct weir_rel *rel, void *value);

/* A rule answers with the rel to stand in the place of rel, or NULL where it does not apply. It never changes
 * rel itself. */
struct weir_rewrite_rule {
    enum weir_rule rule;
    struct weir_rel *(*apply)(struct weir_planning *planning, struct weir_rel *rel);
};
/* Bottom up over the DAG until nothing applies any more (or after WEIR_REWRITE_ROUNDS_MAX rounds). */
enum { WEIR_REWRITE_ROUNDS_MAX = 64 };
void weir_rewrite(struct weir_planning *planning, struct weir_rel **roots, uint32_t root_count,
    const struct weir_rewrite_rule *rules, uint32_t rule_count);
/* One round only. */
bool weir_rewrite_once(struct weir_planning *planning, struct weir_rel **roots, uint32_t root_count,
    const struct weir_rewrite_rule *rules, uint32_t rule_count);
/* The rel with map applied to all of its own expressions; rel itself when none changed. */
struct weir_rel *weir_rel_map_exprs(struct weir_planning *planning, struct weir_rel *rel,
    struct weir_expr *(*map)(struct weir_planning *planning, struct weir_expr *expr, bool condition));

/* Every row that the rel makes is an insertion. */
bool weir_rel_is_append(struct weir_planning *planning, const struct weir_rel *rel);
bool weir_expr_literal_integer(const struct weir_expr *expr, int64_t *ret);
bool weir_expr_is_call(const struct weir_expr *expr, const char *name);

extern const struct weir_rewrite_rule weir_expression_rules[], weir_filter_rules[], weir_project_rules[],
    weir_rank_rules[], weir_window_rules[], weir_join_rules[], weir_join_once_rules[], weir_aggregate_rules[];
extern const uint32_t weir_expression_rule_count, weir_filter_rule_count, weir_project_rule_count,
    weir_rank_rule_count, weir_window_rule_count, weir_join_rule_count, weir_join_once_rule_count,
    weir_aggregate_rule_count;

/* rule_time.c: time attributes end where they end in Flink; interval joins are found on the way. */
void weir_time_attributes(struct weir_planning *planning, struct weir_rel **roots, uint32_t root_count);
struct weir_rel *weir_interval_join(struct weir_planning *planning, struct weir_rel *join);
/* rule_prune.c */
void weir_prune(struct weir_planning *planning, struct weir_rel **roots, uint32_t root_count);

#endif
