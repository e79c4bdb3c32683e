/*
 * Time attributes: the binder keeps them wherever a column is passed on; here they end where the operator
 * does not keep rows in the order of time (regular joins, group keys, unions of unequal columns). Done once,
 * bottom up, because interval joins are recognised by the attributes of their inputs and keep them for what
 * comes above.
 */
#include "expr/function.h"
#include "sql/optimizer.h"

struct walk {
    struct weir_planning *planning;
    struct weir_rel_map done;
};

static const struct weir_type *with(struct walk *w, const struct weir_type *type, uint8_t attribute)
{
    return weir_type_with_time_attribute(w->planning->arena, type, (enum weir_time_attribute)attribute);
}

static struct weir_expr *retype_column(void *context, struct weir_arena *arena, struct weir_expr *expr)
{
    const struct weir_rel *input = context;
    if (expr->kind != WEIR_EXPR_COLUMN || expr->column >= input->field_count) return expr;
    uint8_t attribute = input->fields[expr->column].type->time_attribute;
    if (expr->type->time_attribute == attribute) return expr;
    return weir_expr_column(arena, expr->column,
        weir_type_with_time_attribute(arena, expr->type, (enum weir_time_attribute)attribute));
}

static void retype_project(struct walk *w, struct weir_rel *rel)
{
    struct weir_expr **exprs = WEIR_ARENA_ARRAY(w->planning->arena, struct weir_expr *, rel->field_count + 1);
    for (uint32_t f = 0; f < rel->field_count; f++)
        exprs[f] =
            weir_expr_rewrite(w->planning->arena, rel->project.exprs[f], retype_column, rel->inputs[0]);
    rel->project.exprs = exprs;
}

/* The attribute of output column f. */
static uint8_t attribute_of(const struct weir_rel *rel, uint32_t f)
{
    const struct weir_rel *first = rel->input_count ? rel->inputs[0] : NULL;
    uint8_t own = rel->fields[f].type->time_attribute;
    switch (rel->kind) {
    case WEIR_REL_SCAN:
    case WEIR_REL_VALUES: return own;
    case WEIR_REL_PROJECT: {
        const struct weir_expr *expr = rel->project.exprs[f];
        if (expr->kind == WEIR_EXPR_COLUMN) return first->fields[expr->column].type->time_attribute;
        return expr->type->time_attribute == WEIR_TIME_ATTRIBUTE_PROCTIME ? own : WEIR_TIME_ATTRIBUTE_NONE;
    }
    case WEIR_REL_WATERMARK:
        return f == rel->watermark.rowtime ? WEIR_TIME_ATTRIBUTE_ROWTIME
                                           : first->fields[f].type->time_attribute;
    case WEIR_REL_AGGREGATE:
        /* Keys lose it; a legacy window's properties have their own. */
        return f < rel->aggregate.key_count + rel->aggregate.call_count ? WEIR_TIME_ATTRIBUTE_NONE : own;
    case WEIR_REL_DISTINCT:
    case WEIR_REL_EXPAND:
    case WEIR_REL_JOIN: return WEIR_TIME_ATTRIBUTE_NONE;
    case WEIR_REL_WINDOW_TVF:
        if (f >= first->field_count) return own;
        if (!rel->tvf.window.processing_time && f == rel->tvf.window.time_column)
            return WEIR_TIME_ATTRIBUTE_NONE;
        return first->fields[f].type->time_attribute;
    case WEIR_REL_UNION:
        for (uint32_t i = 1; i < rel->input_count; i++)
            if (rel->inputs[i]->fields[f].type->time_attribute != first->fields[f].type->time_attribute)
                return WEIR_TIME_ATTRIBUTE_NONE;
        return first->fields[f].type->time_attribute;
    case WEIR_REL_INTERVAL_JOIN:
        if (f < first->field_count) return first->fields[f].type->time_attribute;
        return rel->inputs[1]->fields[f - first->field_count].type->time_attribute;
    default: return f < first->field_count ? first->fields[f].type->time_attribute : own;
    }
}

static struct weir_rel *retype(struct walk *w, struct weir_rel *rel)
{
    struct weir_rel *known = weir_rel_map_get(&w->done, rel);
    if (known) return known;
    struct weir_rel *result = weir_rel_copy(w->planning, rel);
    bool changed = false;
    for (uint32_t i = 0; i < rel->input_count; i++) {
        struct weir_rel *input = retype(w, rel->inputs[i]);
        changed |= input != rel->inputs[i];
        ((struct weir_rel **)result->inputs)[i] = input;
    }
    if (result->kind == WEIR_REL_JOIN && weir_rule_enabled(w->planning, WEIR_RULE_INTERVAL_JOIN)) {
        struct weir_rel *interval = weir_interval_join(w->planning, result);
        if (interval) {
            result = interval;
            changed = true;
        }
    }
    if (changed && result->kind == WEIR_REL_PROJECT) retype_project(w, result);
    struct weir_rel_field *fields =
        WEIR_ARENA_ARRAY(w->planning->arena, struct weir_rel_field, rel->field_count + 1);
    for (uint32_t f = 0; f < rel->field_count && rel->kind != WEIR_REL_SINK; f++) {
        uint8_t attribute = attribute_of(result, f);
        fields[f] = result->fields[f];
        if (attribute == fields[f].type->time_attribute) continue;
        fields[f].type = with(w, fields[f].type, attribute);
        changed = true;
    }
    if (!changed)
        result = rel;
    else if (rel->kind != WEIR_REL_SINK)
        result->fields = fields;
    weir_rel_map_put(&w->done, rel, result);
    return result;
}

void weir_time_attributes(struct weir_planning *planning, struct weir_rel **roots, uint32_t root_count)
{
    struct walk w = { .planning = planning };
    weir_rel_map_init(&w.done, planning->arena);
    for (uint32_t r = 0; r < root_count; r++) roots[r] = retype(&w, roots[r]);
}
