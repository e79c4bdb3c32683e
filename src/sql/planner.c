/* From bound rels to the StreamGraph. */
#include "sql/physical.h"

static enum weir_error_code plan_physical(
    struct weir_planning *planning, struct weir_rel **roots, uint32_t count, struct weir_physical ***ret)
{
    enum weir_error_code code = weir_optimize(planning, roots, count);
    if (!code) code = weir_physical_convert(planning, roots, count, ret);
    if (!code) weir_physical_reuse(planning, *ret, count);
    if (!code) code = weir_changelog_infer(planning, *ret, count);
    return code;
}

enum weir_error_code weir_sql_plan_physical(struct weir_planning *planning,
    const struct weir_sql_planner_input *input, struct weir_physical ***ret, struct weir_error *reterr)
{
    enum weir_error_code code = weir_planning_start(planning, input, reterr);
    if (code) return code;
    struct weir_rel **roots = WEIR_ARENA_ARRAY(input->arena, struct weir_rel *, input->root_count + 1);
    for (uint32_t r = 0; r < input->root_count; r++) roots[r] = input->roots[r];
    return plan_physical(planning, roots, input->root_count, ret);
}

enum weir_error_code weir_sql_plan(const struct weir_sql_planner_input *input,
    const struct weir_stream_graph **ret, struct weir_error *reterr)
{
    struct weir_planning planning;
    struct weir_physical **physical;
    enum weir_error_code code = weir_sql_plan_physical(&planning, input, &physical, reterr);
    if (!code) code = weir_physical_to_graph(&planning, physical, input->root_count, ret);
    return code;
}

const char *weir_sql_rule_name(uint32_t rule)
{
    return weir_rule_name(rule);
}

const char *weir_sql_rule_description(uint32_t rule)
{
    return weir_rule_description(rule);
}
