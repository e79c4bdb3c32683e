/* Projections: those that follow each other become one, those that change nothing go. */
#include "sql/optimizer.h"

static bool all_deterministic(const struct weir_rel *project)
{
    for (uint32_t f = 0; f < project->field_count; f++)
        if (!weir_expr_is_deterministic(project->project.exprs[f])) return false;
    return true;
}

static struct weir_rel *merge(struct weir_planning *planning, struct weir_rel *rel)
{
    if (rel->kind != WEIR_REL_PROJECT || rel->inputs[0]->kind != WEIR_REL_PROJECT) return NULL;
    struct weir_rel *below = rel->inputs[0];
    if (!all_deterministic(below)) return NULL;
    struct weir_expr **exprs = WEIR_ARENA_ARRAY(planning->arena, struct weir_expr *, rel->field_count + 1);
    for (uint32_t f = 0; f < rel->field_count; f++)
        exprs[f] = weir_expr_substitute(planning->arena, rel->project.exprs[f], below->project.exprs);
    if (!weir_exprs_may_inline(
            rel->project.exprs, exprs, rel->field_count, below->project.exprs, below->field_count))
        return NULL;
    return weir_rel_project(planning, below->inputs[0], exprs, rel->fields, rel->field_count);
}

static bool names_equal(const struct weir_rel *a, const struct weir_rel *b)
{
    for (uint32_t f = 0; f < a->field_count; f++)
        if (strcmp(a->fields[f].name, b->fields[f].name) != 0) return false;
    return true;
}

/* A renaming is kept only where somebody sees the names. */
static struct weir_rel *drop(struct weir_planning *planning, struct weir_rel *rel)
{
    if (rel->kind != WEIR_REL_PROJECT || !weir_rel_project_is_identity(rel)) return NULL;
    return names_equal(rel, rel->inputs[0]) ? rel->inputs[0] : NULL;
}

const struct weir_rewrite_rule weir_project_rules[] = {
    { WEIR_RULE_PROJECT_MERGE, merge },
    { WEIR_RULE_PROJECT_REMOVE, drop },
};
const uint32_t weir_project_rule_count = WEIR_ARRAY_COUNT(weir_project_rules);
