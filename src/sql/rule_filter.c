/* Filters: merged, and pushed as far down as their columns allow. A filter with a nondeterministic part stays
 * where it is. */
#include "expr/function.h"
#include "sql/optimizer.h"

static bool movable(const struct weir_rel *filter)
{
    return filter->kind == WEIR_REL_FILTER && weir_expr_is_deterministic(filter->filter.condition);
}

static struct weir_rel *with_input(
    struct weir_planning *planning, const struct weir_rel *rel, struct weir_rel *input)
{
    struct weir_rel *copy = weir_rel_copy(planning, rel);
    ((struct weir_rel **)copy->inputs)[0] = input;
    return copy;
}

static struct weir_rel *merge(struct weir_planning *planning, struct weir_rel *rel)
{
    if (rel->kind != WEIR_REL_FILTER || rel->inputs[0]->kind != WEIR_REL_FILTER) return NULL;
    struct weir_rel *below = rel->inputs[0];
    struct weir_expr *both[2] = { below->filter.condition, rel->filter.condition };
    return weir_rel_filter(planning, below->inputs[0], weir_expr_and(planning->arena, both, 2));
}

static struct weir_rel *drop_true(struct weir_planning *planning, struct weir_rel *rel)
{
    (void)planning;
    return rel->kind == WEIR_REL_FILTER && weir_expr_is_literal_true(rel->filter.condition) ? rel->inputs[0]
                                                                                            : NULL;
}

static struct weir_rel *drop_false(struct weir_planning *planning, struct weir_rel *rel)
{
    if (rel->kind != WEIR_REL_FILTER || !weir_expr_is_literal_false_or_null(rel->filter.condition))
        return NULL;
    return weir_rel_make(planning, WEIR_REL_VALUES, NULL, 0, rel->fields, rel->field_count);
}

static struct weir_rel *through_project(struct weir_planning *planning, struct weir_rel *rel)
{
    if (!movable(rel) || rel->inputs[0]->kind != WEIR_REL_PROJECT) return NULL;
    struct weir_rel *project = rel->inputs[0];
    bool *used = WEIR_ARENA_ARRAY(planning->arena, bool, project->field_count + 1);
    weir_expr_columns_used(rel->filter.condition, used);
    for (uint32_t f = 0; f < project->field_count; f++)
        if (used[f] && !weir_expr_is_deterministic(project->project.exprs[f])) return NULL;
    struct weir_expr *condition =
        weir_expr_substitute(planning->arena, rel->filter.condition, project->project.exprs);
    if (!weir_exprs_may_inline(
            &rel->filter.condition, &condition, 1, project->project.exprs, project->field_count))
        return NULL;
    return with_input(planning, project, weir_rel_filter(planning, project->inputs[0], condition));
}

static struct weir_rel *through_union(struct weir_planning *planning, struct weir_rel *rel)
{
    if (!movable(rel) || rel->inputs[0]->kind != WEIR_REL_UNION) return NULL;
    struct weir_rel *copy = weir_rel_copy(planning, rel->inputs[0]);
    for (uint32_t i = 0; i < copy->input_count; i++)
        ((struct weir_rel **)copy->inputs)[i] =
            weir_rel_filter(planning, copy->inputs[i], rel->filter.condition);
    return copy;
}

/* Splits the filter's conjuncts: those whose columns all have a place in map go below (remapped), the others
 * stay. */
static struct weir_rel *push_mapped(
    struct weir_planning *planning, struct weir_rel *filter, const uint32_t *map)
{
    struct weir_rel *node = filter->inputs[0];
    struct weir_expr **conjuncts;
    uint32_t count = weir_expr_conjuncts(planning->arena, filter->filter.condition, &conjuncts), stay = 0,
             go = 0;
    struct weir_expr **below = WEIR_ARENA_ARRAY(planning->arena, struct weir_expr *, count + 1);
    bool *used = WEIR_ARENA_ARRAY(planning->arena, bool, node->field_count + 1);
    for (uint32_t i = 0; i < count; i++) {
        bool fits = true, any = false;
        memset(used, 0, node->field_count);
        weir_expr_columns_used(conjuncts[i], used);
        for (uint32_t c = 0; c < node->field_count; c++) {
            any |= used[c];
            fits &= !used[c] || map[c] != UINT32_MAX;
        }
        if (fits && any)
            below[go++] = weir_expr_remap(planning->arena, conjuncts[i], map);
        else
            conjuncts[stay++] = conjuncts[i];
    }
    if (!go) return NULL;
    struct weir_rel *pushed =
        weir_rel_filter(planning, node->inputs[0], weir_expr_and(planning->arena, below, go));
    struct weir_rel *result = with_input(planning, node, pushed);
    return stay ? weir_rel_filter(planning, result, weir_expr_and(planning->arena, conjuncts, stay)) : result;
}

static uint32_t *empty_map(struct weir_planning *planning, const struct weir_rel *rel)
{
    uint32_t *map = WEIR_ARENA_ARRAY(planning->arena, uint32_t, rel->field_count + 1);
    for (uint32_t c = 0; c < rel->field_count; c++) map[c] = UINT32_MAX;
    return map;
}

static struct weir_rel *through_aggregate(struct weir_planning *planning, struct weir_rel *rel)
{
    if (!movable(rel)) return NULL;
    struct weir_rel *node = rel->inputs[0];
    if (node->kind != WEIR_REL_AGGREGATE && node->kind != WEIR_REL_WINDOW_AGGREGATE &&
        node->kind != WEIR_REL_DISTINCT)
        return NULL;
    uint32_t *map = empty_map(planning, node);
    uint32_t count = node->kind == WEIR_REL_DISTINCT ? node->field_count : node->aggregate.key_count;
    for (uint32_t k = 0; k < count; k++)
        map[k] = node->kind == WEIR_REL_DISTINCT ? k : node->aggregate.keys[k];
    return push_mapped(planning, rel, map);
}

/* Below operators that treat each partition by itself: whole partitions may go. */
static struct weir_rel *through_partitions(struct weir_planning *planning, struct weir_rel *rel)
{
    if (!movable(rel)) return NULL;
    struct weir_rel *node = rel->inputs[0];
    const uint32_t *columns;
    uint32_t count;
    switch (node->kind) {
    case WEIR_REL_RANK: columns = node->rank.partition, count = node->rank.partition_count; break;
    case WEIR_REL_OVER: columns = node->over.partition, count = node->over.partition_count; break;
    case WEIR_REL_DEDUPLICATE: columns = node->deduplicate.keys, count = node->deduplicate.key_count; break;
    case WEIR_REL_CHANGELOG_NORMALIZE:
        columns = node->normalize.keys, count = node->normalize.key_count;
        break;
    default: return NULL;
    }
    uint32_t *map = empty_map(planning, node);
    for (uint32_t k = 0; k < count; k++) map[columns[k]] = columns[k];
    return push_mapped(planning, rel, map);
}

static struct weir_rel *through_window(struct weir_planning *planning, struct weir_rel *rel)
{
    if (!movable(rel) || rel->inputs[0]->kind != WEIR_REL_WINDOW_TVF) return NULL;
    struct weir_rel *node = rel->inputs[0];
    const struct weir_window *window = &node->tvf.window;
    uint32_t *map = empty_map(planning, node);
    if (window->kind == WEIR_WINDOW_SESSION) {
        for (uint32_t k = 0; k < window->partition_count; k++)
            map[window->partition[k]] = window->partition[k];
    } else {
        for (uint32_t c = 0; c < node->inputs[0]->field_count; c++) map[c] = c;
    }
    return push_mapped(planning, rel, map);
}

/* --- joins --- */

enum side { SIDE_LEFT, SIDE_RIGHT, SIDE_BOTH };

static enum side side_of(
    struct weir_planning *planning, const struct weir_rel *join, const struct weir_expr *conjunct)
{
    uint32_t left = join->inputs[0]->field_count, width = left + join->inputs[1]->field_count;
    if (weir_expr_columns_within(planning->arena, conjunct, 0, left, width)) return SIDE_LEFT;
    return weir_expr_columns_within(planning->arena, conjunct, left, width, width) ? SIDE_RIGHT : SIDE_BOTH;
}

static bool has_columns(struct weir_planning *planning, const struct weir_expr *expr, uint32_t width)
{
    bool *used = WEIR_ARENA_ARRAY(planning->arena, bool, width + 1);
    weir_expr_columns_used(expr, used);
    for (uint32_t c = 0; c < width; c++)
        if (used[c]) return true;
    return false;
}

static struct weir_rel *filtered(
    struct weir_planning *planning, struct weir_rel *input, struct weir_expr **parts, uint32_t count)
{
    return count ? weir_rel_filter(planning, input, weir_expr_and(planning->arena, parts, count)) : input;
}

/* Distributes conjuncts of a filter above the join (above) or of its condition (!above) to the inputs. */
static struct weir_rel *distribute(
    struct weir_planning *planning, struct weir_rel *join, struct weir_expr *condition, bool above)
{
    static const struct {
        bool left, right, condition; /* where a conjunct may go */
    } may[2][6] = {
        /* INNER LEFT RIGHT FULL SEMI ANTI: of the condition */
        { { 1, 1, 0 }, { 0, 1, 0 }, { 1, 0, 0 }, { 0, 0, 0 }, { 1, 1, 0 }, { 0, 1, 0 } },
        /* of a filter above */
        { { 1, 1, 1 }, { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 0 }, { 1, 0, 0 }, { 1, 0, 0 } },
    };
    struct weir_arena *arena = planning->arena;
    uint32_t left_width = join->inputs[0]->field_count, width = left_width + join->inputs[1]->field_count;
    struct weir_expr **conjuncts;
    uint32_t count = weir_expr_conjuncts(arena, condition, &conjuncts), stay = 0, left = 0, right = 0, on = 0;
    struct weir_expr **to_left = WEIR_ARENA_ARRAY(arena, struct weir_expr *, count + 1);
    struct weir_expr **to_right = WEIR_ARENA_ARRAY(arena, struct weir_expr *, count + 1);
    struct weir_expr **to_condition = WEIR_ARENA_ARRAY(arena, struct weir_expr *, count + 2);
    for (uint32_t i = 0; i < count; i++) {
        struct weir_expr *conjunct = conjuncts[i];
        enum side side = weir_expr_is_deterministic(conjunct) ? side_of(planning, join, conjunct) : SIDE_BOTH;
        bool plain = weir_expr_is_deterministic(conjunct) && has_columns(planning, conjunct, width);
        if (plain && side == SIDE_LEFT && may[above][join->join.type].left)
            to_left[left++] = conjunct;
        else if (plain && side == SIDE_RIGHT && may[above][join->join.type].right)
            to_right[right++] = weir_expr_shift(arena, conjunct, -(int64_t)left_width, width);
        else if (plain && may[above][join->join.type].condition)
            to_condition[on++] = conjunct;
        else
            conjuncts[stay++] = conjunct;
    }
    if (!left && !right && !on) return NULL;
    struct weir_rel *result = weir_rel_copy(planning, join);
    ((struct weir_rel **)result->inputs)[0] = filtered(planning, join->inputs[0], to_left, left);
    ((struct weir_rel **)result->inputs)[1] = filtered(planning, join->inputs[1], to_right, right);
    if (!above) {
        result->join.condition = stay ? weir_expr_and(arena, conjuncts, stay) : NULL;
        return result;
    }
    if (on) {
        if (join->join.condition) to_condition[on++] = join->join.condition;
        result->join.condition = weir_expr_and(arena, to_condition, on);
    }
    return filtered(planning, result, conjuncts, stay);
}

static struct weir_rel *into_join(struct weir_planning *planning, struct weir_rel *rel)
{
    if (rel->kind != WEIR_REL_FILTER || rel->inputs[0]->kind != WEIR_REL_JOIN) return NULL;
    return distribute(planning, rel->inputs[0], rel->filter.condition, true);
}

static struct weir_rel *out_of_condition(struct weir_planning *planning, struct weir_rel *rel)
{
    if (rel->kind != WEIR_REL_JOIN || !rel->join.condition) return NULL;
    return distribute(planning, rel, rel->join.condition, false);
}

static bool is_strict(const struct weir_expr *expr)
{
    return expr->kind == WEIR_EXPR_CALL && !(expr->function->flags & WEIR_FUNCTION_NULLS);
}

/* The expression is NULL when the columns in [from, to) are all NULL. */
static bool becomes_null(const struct weir_expr *expr, uint32_t from, uint32_t to)
{
    if (expr->kind == WEIR_EXPR_COLUMN) return expr->column >= from && expr->column < to;
    if (!is_strict(expr)) return false;
    for (uint32_t i = 0; i < expr->argument_count; i++)
        if (becomes_null(expr->arguments[i], from, to)) return true;
    return false;
}

/* The expression cannot be TRUE then: less than being NULL, which alone survives a NOT. */
static bool rejects_nulls(const struct weir_expr *expr, uint32_t from, uint32_t to)
{
    if (becomes_null(expr, from, to)) return true;
    if (expr->kind == WEIR_EXPR_AND) {
        for (uint32_t i = 0; i < expr->argument_count; i++)
            if (rejects_nulls(expr->arguments[i], from, to)) return true;
        return false;
    }
    if (weir_expr_is_call(expr, "IS NOT NULL")) return becomes_null(expr->arguments[0], from, to);
    return weir_expr_is_call(expr, "IS TRUE") && rejects_nulls(expr->arguments[0], from, to);
}

static struct weir_rel *simplify_outer(struct weir_planning *planning, struct weir_rel *rel)
{
    if (rel->kind != WEIR_REL_FILTER || rel->inputs[0]->kind != WEIR_REL_JOIN) return NULL;
    struct weir_rel *join = rel->inputs[0];
    enum weir_join_type type = join->join.type;
    if (type != WEIR_JOIN_LEFT && type != WEIR_JOIN_RIGHT && type != WEIR_JOIN_FULL) return NULL;
    uint32_t left = join->inputs[0]->field_count, width = join->field_count;
    bool no_left_nulls = rejects_nulls(rel->filter.condition, 0, left);
    bool no_right_nulls = rejects_nulls(rel->filter.condition, left, width);
    enum weir_join_type next = type;
    if (type == WEIR_JOIN_LEFT && no_right_nulls) next = WEIR_JOIN_INNER;
    if (type == WEIR_JOIN_RIGHT && no_left_nulls) next = WEIR_JOIN_INNER;
    if (type == WEIR_JOIN_FULL && no_left_nulls && no_right_nulls) next = WEIR_JOIN_INNER;
    if (type == WEIR_JOIN_FULL && no_left_nulls && !no_right_nulls) next = WEIR_JOIN_LEFT;
    if (type == WEIR_JOIN_FULL && !no_left_nulls && no_right_nulls) next = WEIR_JOIN_RIGHT;
    if (next == type) return NULL;
    struct weir_rel *copy = weir_rel_copy(planning, join);
    copy->join.type = next;
    return with_input(planning, rel, copy);
}

const struct weir_rewrite_rule weir_filter_rules[] = {
    { WEIR_RULE_FILTER_MERGE, merge },
    { WEIR_RULE_FILTER_REMOVE, drop_true },
    { WEIR_RULE_FILTER_EMPTY, drop_false },
    { WEIR_RULE_FILTER_PUSH_PROJECT, through_project },
    { WEIR_RULE_FILTER_PUSH_UNION, through_union },
    { WEIR_RULE_FILTER_PUSH_AGGREGATE, through_aggregate },
    { WEIR_RULE_FILTER_PUSH_PARTITION, through_partitions },
    { WEIR_RULE_FILTER_PUSH_WINDOW, through_window },
    { WEIR_RULE_JOIN_OUTER_SIMPLIFY, simplify_outer },
    { WEIR_RULE_FILTER_PUSH_JOIN, into_join },
    { WEIR_RULE_JOIN_CONDITION_PUSH, out_of_condition },
};
const uint32_t weir_filter_rule_count = WEIR_ARRAY_COUNT(weir_filter_rules);
