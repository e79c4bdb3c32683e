/* ROW_NUMBER() with a filter on its result becomes RANK (Top-N), Top-1 by a time attribute becomes
 * DEDUPLICATE. */
#include "expr/function.h"
#include "sql/optimizer.h"

struct range {
    const struct weir_rel *over;
    int64_t start, end;
    int32_t end_column;
    bool bounded_above;
};

static const char *flipped(const char *name)
{
    static const char *const pairs[][2] = { { "<", ">" }, { "<=", ">=" }, { ">", "<" }, { ">=", "<=" },
        { "=", "=" } };
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(pairs); i++)
        if (strcmp(name, pairs[i][0]) == 0) return pairs[i][1];
    return NULL;
}

/* A bound that is a column: BIGINT, and the same for all rows of a partition. */
static bool is_bound_column(const struct weir_rel *over, const struct weir_expr *expr)
{
    if (expr->kind != WEIR_EXPR_COLUMN || expr->type->id != WEIR_TYPE_BIGINT) return false;
    for (uint32_t p = 0; p < over->over.partition_count; p++)
        if (over->over.partition[p] == expr->column) return true;
    return false;
}

/* Narrows the range by "number <operator> other"; false: the conjunct says nothing that a rank can use. */
static bool narrow(const char *operator, const struct weir_expr * other, uint32_t number, struct range *range)
{
    int64_t value;
    if (other->kind == WEIR_EXPR_COLUMN) {
        if (strcmp(operator, "<=") != 0 || range->bounded_above || !is_bound_column(range->over, other))
            return false;
        range->end_column = (int32_t)other->column;
        range->bounded_above = true;
        return true;
    }
    if (!weir_expr_literal_integer(other, &value) || range->end_column >= 0) return false;
    if (strcmp(operator, "<") == 0) value--;
    if (strcmp(operator, ">") == 0) value++;
    if (operator[0] == '<' || operator[0] == '=') {
        range->end = range->bounded_above ? WEIR_MIN(range->end, value) : value;
        range->bounded_above = true;
    }
    if (operator[0] == '>' || operator[0] == '=') range->start = WEIR_MAX(range->start, value);
    return true;
}

static const struct weir_expr *through_cast(const struct weir_expr *expr)
{
    return weir_expr_is_call(expr, "CAST") && expr->type->id == WEIR_TYPE_BIGINT ? expr->arguments[0] : expr;
}

static bool takes_part(const struct weir_expr *conjunct, uint32_t number, struct range *range)
{
    if (conjunct->kind != WEIR_EXPR_CALL || conjunct->argument_count != 2 ||
        !flipped(conjunct->function->name))
        return false;
    const struct weir_expr *a = through_cast(conjunct->arguments[0]),
                           *b = through_cast(conjunct->arguments[1]);
    if (a->kind == WEIR_EXPR_COLUMN && a->column == number)
        return narrow(conjunct->function->name, b, number, range);
    if (b->kind == WEIR_EXPR_COLUMN && b->column == number)
        return narrow(flipped(conjunct->function->name), a, number, range);
    return false;
}

static struct weir_rel *make_rank(
    struct weir_planning *planning, const struct weir_rel *over, const struct range *range)
{
    struct weir_rel *rank =
        weir_rel_make(planning, WEIR_REL_RANK, over->inputs, 1, over->fields, over->field_count);
    rank->line = over->line;
    rank->column = over->column;
    rank->rank.partition = over->over.partition;
    rank->rank.partition_count = over->over.partition_count;
    rank->rank.order = over->over.order;
    rank->rank.order_count = over->over.order_count;
    rank->rank.start = range->start;
    rank->rank.end = range->end;
    rank->rank.end_column = range->end_column;
    rank->rank.with_rank = true;
    rank->rank.function = over->over.calls[0].function;
    return rank;
}

static struct weir_rel *over_to_rank(struct weir_planning *planning, struct weir_rel *rel)
{
    if (rel->kind != WEIR_REL_FILTER) return NULL;
    struct weir_rel *project = rel->inputs[0]->kind == WEIR_REL_PROJECT ? rel->inputs[0] : NULL;
    const struct weir_rel *over = project ? project->inputs[0] : rel->inputs[0];
    if (over->kind != WEIR_REL_OVER || over->over.call_count != 1 || over->over.calls[0].aggregate)
        return NULL;
    struct weir_expr *condition = rel->filter.condition;
    if (project) condition = weir_expr_substitute(planning->arena, condition, project->project.exprs);
    struct weir_expr **conjuncts;
    uint32_t count = weir_expr_conjuncts(planning->arena, condition, &conjuncts), rest = 0;
    struct range range = { .over = over, .start = 1, .end = INT64_MAX, .end_column = -1 };
    for (uint32_t i = 0; i < count; i++)
        if (!takes_part(conjuncts[i], over->field_count - 1, &range)) conjuncts[rest++] = conjuncts[i];
    if (!range.bounded_above) return NULL;
    struct weir_rel *result = make_rank(planning, over, &range);
    if (rest) result = weir_rel_filter(planning, result, weir_expr_and(planning->arena, conjuncts, rest));
    if (project)
        result = weir_rel_project(planning, result, project->project.exprs, rel->fields, rel->field_count);
    return result;
}

/* The number of the only rank is known. */
static struct weir_rel *constant_number(struct weir_planning *planning, struct weir_rel *rel)
{
    if (rel->kind != WEIR_REL_RANK || !rel->rank.with_rank || rel->rank.end_column >= 0) return NULL;
    if (rel->rank.start != rel->rank.end || strcmp(rel->rank.function, "ROW_NUMBER") != 0) return NULL;
    struct weir_rel *rank = weir_rel_copy(planning, rel);
    rank->rank.with_rank = false;
    rank->field_count--;
    struct weir_expr **exprs = WEIR_ARENA_ARRAY(planning->arena, struct weir_expr *, rel->field_count + 1);
    for (uint32_t f = 0; f < rank->field_count; f++)
        exprs[f] = weir_expr_column(planning->arena, f, rel->fields[f].type);
    exprs[rank->field_count] =
        weir_expr_literal(planning->arena, weir_value_bigint(planning->arena, rel->rank.start));
    return weir_rel_project(planning, rank, exprs, rel->fields, rel->field_count);
}

static struct weir_rel *to_deduplicate(struct weir_planning *planning, struct weir_rel *rel)
{
    if (planning->batch || rel->kind != WEIR_REL_RANK || rel->rank.with_rank || rel->rank.end_column >= 0)
        return NULL;
    if (rel->rank.start != 1 || rel->rank.end != 1 || rel->rank.order_count != 1) return NULL;
    if (strcmp(rel->rank.function, "ROW_NUMBER") != 0) return NULL;
    uint32_t column = rel->rank.order[0].column;
    uint8_t attribute = rel->inputs[0]->fields[column].type->time_attribute;
    if (attribute == WEIR_TIME_ATTRIBUTE_NONE || !weir_rel_is_append(planning, rel->inputs[0])) return NULL;
    struct weir_rel *result = weir_rel_make(
        planning, WEIR_REL_DEDUPLICATE, rel->inputs, 1, rel->inputs[0]->fields, rel->inputs[0]->field_count);
    result->deduplicate.keys = rel->rank.partition;
    result->deduplicate.key_count = rel->rank.partition_count;
    result->deduplicate.rowtime = attribute == WEIR_TIME_ATTRIBUTE_ROWTIME ? (int32_t)column : -1;
    result->deduplicate.keep_last = rel->rank.order[0].descending;
    return result;
}

const struct weir_rewrite_rule weir_rank_rules[] = {
    { WEIR_RULE_OVER_TO_RANK, over_to_rank },
    { WEIR_RULE_RANK_NUMBER_CONSTANT, constant_number },
    { WEIR_RULE_RANK_TO_DEDUPLICATE, to_deduplicate },
};
const uint32_t weir_rank_rule_count = WEIR_ARRAY_COUNT(weir_rank_rules);
