/* How a Top-N keeps its rows: by what its input may do to them. */
#include "sql/physical.h"

enum direction { DIRECTION_UNKNOWN, DIRECTION_CONSTANT, DIRECTION_UP, DIRECTION_DOWN };

static enum direction aggregate_direction(const struct weir_physical *node, uint32_t column)
{
    const struct weir_rel *rel = node->rel;
    if (column < node->key_count) return DIRECTION_CONSTANT;
    /* A retraction takes back what was counted. */
    if (rel->kind == WEIR_REL_DISTINCT || (node->inputs[0]->modify & ~WEIR_MODIFY_INSERT))
        return DIRECTION_UNKNOWN;
    uint32_t call = column - node->key_count;
    if (call >= rel->aggregate.call_count) return DIRECTION_UNKNOWN;
    const char *name = rel->aggregate.calls[call].function->name;
    if (strcmp(name, "COUNT") == 0 || strcmp(name, "MAX") == 0) return DIRECTION_UP;
    if (strcmp(name, "MIN") == 0) return DIRECTION_DOWN;
    return DIRECTION_UNKNOWN;
}

/* Where the values of a column may move when the row of an upsert key is updated. */
static enum direction direction_of(const struct weir_physical *node, uint32_t column)
{
    switch (node->kind) {
    case WEIR_PHYSICAL_GROUP_AGGREGATE: return aggregate_direction(node, column);
    case WEIR_PHYSICAL_EXCHANGE: return direction_of(node->inputs[0], column);
    case WEIR_PHYSICAL_CALC: {
        const struct weir_expr *expr = node->projections[column];
        if (weir_expr_is_literal(expr)) return DIRECTION_CONSTANT;
        if (expr->kind != WEIR_EXPR_COLUMN) return DIRECTION_UNKNOWN;
        return direction_of(node->inputs[0], expr->column);
    }
    default: return DIRECTION_UNKNOWN;
    }
}

static bool moves_to_the_top(
    const struct weir_physical *input, const struct weir_sort_key *order, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        enum direction direction = direction_of(input, order[i].column);
        if (direction == DIRECTION_CONSTANT) continue;
        if (direction != (order[i].descending ? DIRECTION_UP : DIRECTION_DOWN)) return false;
    }
    return count > 0;
}

/* The window that a column is the start or the end of. */
static const struct weir_window *window_of(
    const struct weir_physical *node, uint32_t column, enum weir_window_property *property)
{
    const struct weir_rel *rel = node->rel;
    switch (node->kind) {
    case WEIR_PHYSICAL_EXCHANGE: return window_of(node->inputs[0], column, property);
    case WEIR_PHYSICAL_CALC: {
        const struct weir_expr *expr = node->projections[column];
        return expr->kind == WEIR_EXPR_COLUMN ? window_of(node->inputs[0], expr->column, property) : NULL;
    }
    case WEIR_PHYSICAL_WINDOW_TVF: {
        uint32_t own = node->inputs[0]->field_count;
        if (column < own) return window_of(node->inputs[0], column, property);
        if (column > own + 1) return NULL;
        *property = column == own ? WEIR_WINDOW_START : WEIR_WINDOW_END;
        return &rel->tvf.window;
    }
    case WEIR_PHYSICAL_WINDOW_AGGREGATE: {
        uint32_t first = rel->aggregate.key_count + rel->aggregate.call_count;
        if (column < first || column - first >= rel->aggregate.property_count) return NULL;
        *property = rel->aggregate.properties[column - first];
        return rel->aggregate.window->legacy ? NULL : rel->aggregate.window;
    }
    default: return NULL;
    }
}

const struct weir_window *weir_physical_window(
    const struct weir_physical *node, const uint32_t *columns, uint32_t count, uint32_t *end)
{
    const struct weir_window *starts = NULL, *ends = NULL;
    for (uint32_t i = 0; i < count; i++) {
        enum weir_window_property property = WEIR_WINDOW_PROCTIME;
        const struct weir_window *window = window_of(node, columns[i], &property);
        if (!window || window->processing_time) continue;
        if (property == WEIR_WINDOW_START) starts = window;
        if (property != WEIR_WINDOW_END) continue;
        ends = window;
        *end = columns[i];
    }
    return starts && starts == ends ? ends : NULL;
}

void weir_physical_choose_strategy(struct weir_planning *planning, struct weir_physical *rank)
{
    const struct weir_physical *input = rank->inputs[0];
    const struct weir_rel *rel = rank->rel;
    bool sort = rank->kind == WEIR_PHYSICAL_SORT_LIMIT;
    const struct weir_sort_key *order = sort ? rel->sort.keys : rel->rank.order;
    uint32_t order_count = sort ? rel->sort.key_count : rel->rank.order_count;
    rank->strategy = WEIR_RANK_RETRACT;
    if (input->modify == WEIR_MODIFY_INSERT) {
        rank->strategy = WEIR_RANK_APPEND;
        if (sort || planning->batch) return;
        const struct weir_window *window =
            weir_physical_window(input, rank->keys, rank->key_count, &rank->window_end);
        rank->windowed = window != NULL;
        rank->window_local = window && window->local_zone;
        return;
    }
    if ((input->modify & WEIR_MODIFY_DELETE) || planning->batch) return;
    const struct weir_column_set *key = weir_key_list_find(&input->upsert_keys, rank->keys, rank->key_count);
    if (!key || !moves_to_the_top(input, order, order_count)) return;
    rank->strategy = WEIR_RANK_UPDATE;
    rank->strategy_key = *key;
}
