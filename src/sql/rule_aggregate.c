/* Aggregates: DISTINCT as an aggregate without calls, equal calls computed once. */
#include "expr/function.h"
#include "sql/optimizer.h"

static struct weir_rel *distinct(struct weir_planning *planning, struct weir_rel *rel)
{
    if (rel->kind != WEIR_REL_DISTINCT) return NULL;
    struct weir_rel *result =
        weir_rel_make(planning, WEIR_REL_AGGREGATE, rel->inputs, 1, rel->fields, rel->field_count);
    uint32_t *keys = WEIR_ARENA_ARRAY(planning->arena, uint32_t, rel->field_count + 1);
    for (uint32_t k = 0; k < rel->field_count; k++) keys[k] = k;
    result->aggregate.keys = keys;
    result->aggregate.key_count = rel->field_count;
    result->line = rel->line;
    result->column = rel->column;
    return result;
}

/* Whether two columns of the input always hold the same. */
static bool columns_equal(const struct weir_rel *input, uint32_t a, uint32_t b)
{
    if (a == b) return true;
    if (input->kind != WEIR_REL_PROJECT) return false;
    const struct weir_expr *x = input->project.exprs[a], *y = input->project.exprs[b];
    return weir_expr_is_deterministic(x) && weir_expr_equal(x, y);
}

static bool calls_equal(
    const struct weir_rel *input, const struct weir_aggregate_call *a, const struct weir_aggregate_call *b)
{
    if ((a->filter < 0) != (b->filter < 0)) return false;
    if (a->filter >= 0 && !columns_equal(input, (uint32_t)a->filter, (uint32_t)b->filter)) return false;
    if (a->function != b->function || a->argument_count != b->argument_count || a->distinct != b->distinct ||
        a->ignore_nulls != b->ignore_nulls || !weir_type_equal(a->type, b->type))
        return false;
    for (uint32_t i = 0; i < a->argument_count; i++)
        if (!columns_equal(input, a->arguments[i], b->arguments[i])) return false;
    return true;
}

static struct weir_rel *equal_calls(struct weir_planning *planning, struct weir_rel *rel)
{
    if (rel->kind != WEIR_REL_AGGREGATE) return NULL;
    uint32_t first = rel->aggregate.key_count, count = rel->aggregate.call_count, kept = 0;
    struct weir_aggregate_call *calls =
        WEIR_ARENA_ARRAY(planning->arena, struct weir_aggregate_call, count + 1);
    uint32_t *output_of = WEIR_ARENA_ARRAY(planning->arena, uint32_t, rel->field_count + 1);
    struct weir_rel_field *fields =
        WEIR_ARENA_ARRAY(planning->arena, struct weir_rel_field, rel->field_count + 1);
    for (uint32_t f = 0; f < first; f++) {
        output_of[f] = f;
        fields[f] = rel->fields[f];
    }
    for (uint32_t c = 0; c < count; c++) {
        uint32_t same = 0;
        while (same < kept && !calls_equal(rel->inputs[0], &calls[same], &rel->aggregate.calls[c])) same++;
        if (same == kept) {
            fields[first + kept] = rel->fields[first + c];
            calls[kept++] = rel->aggregate.calls[c];
        }
        output_of[first + c] = first + same;
    }
    if (kept == count) return NULL;
    for (uint32_t f = first + count; f < rel->field_count; f++) {
        output_of[f] = f - count + kept;
        fields[output_of[f]] = rel->fields[f];
    }
    struct weir_rel *copy = weir_rel_copy(planning, rel);
    copy->aggregate.calls = calls;
    copy->aggregate.call_count = kept;
    copy->fields = fields;
    copy->field_count = rel->field_count - count + kept;
    struct weir_expr **exprs = WEIR_ARENA_ARRAY(planning->arena, struct weir_expr *, rel->field_count + 1);
    for (uint32_t f = 0; f < rel->field_count; f++)
        exprs[f] = weir_expr_column(planning->arena, output_of[f], rel->fields[f].type);
    return weir_rel_project(planning, copy, exprs, rel->fields, rel->field_count);
}

const struct weir_rewrite_rule weir_aggregate_rules[] = {
    { WEIR_RULE_DISTINCT_TO_AGGREGATE, distinct },
    { WEIR_RULE_AGGREGATE_MERGE_CALLS, equal_calls },
};
const uint32_t weir_aggregate_rule_count = WEIR_ARRAY_COUNT(weir_aggregate_rules);
