/*
 * Upsert keys: sets of columns that identify a row of a changelog, and that rows of one key travel together
 * by (a shuffle by other columns breaks them). They decide whether a consumer may do without -U.
 */
#include "sql/physical.h"

#include "expr/function.h"
#include "sql/catalog.h"

static int compare_columns(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void sort_columns(uint32_t *columns, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++)
        for (uint32_t j = i; j > 0 && compare_columns(&columns[j - 1], &columns[j]) > 0; j--) {
            uint32_t swap = columns[j];
            columns[j] = columns[j - 1];
            columns[j - 1] = swap;
        }
}

struct weir_column_set weir_column_set_make(struct weir_arena *arena, const uint32_t *columns, uint32_t count)
{
    uint32_t *own = WEIR_ARENA_ARRAY(arena, uint32_t, count + 1), kept = 0;
    if (count) memcpy(own, columns, count * sizeof *own);
    sort_columns(own, count);
    for (uint32_t i = 0; i < count; i++)
        if (!kept || own[kept - 1] != own[i]) own[kept++] = own[i];
    return (struct weir_column_set){ kept, own };
}

bool weir_column_set_contains(struct weir_column_set set, const uint32_t *columns, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        bool found = false;
        for (uint32_t j = 0; j < set.count && !found; j++) found = set.columns[j] == columns[i];
        if (!found) return false;
    }
    return true;
}

static bool sets_equal(struct weir_column_set a, struct weir_column_set b)
{
    return a.count == b.count && weir_column_set_contains(a, b.columns, b.count);
}

const struct weir_column_set *weir_key_list_find(
    const struct weir_key_list *list, const uint32_t *columns, uint32_t count)
{
    const struct weir_column_set *best = NULL;
    for (uint32_t k = 0; k < list->count; k++)
        if (weir_column_set_contains(list->keys[k], columns, count) &&
            (!best || list->keys[k].count < best->count))
            best = &list->keys[k];
    return best;
}

static void add(
    struct weir_planning *planning, struct weir_key_list *list, const uint32_t *columns, uint32_t count)
{
    struct weir_column_set set = weir_column_set_make(planning->arena, columns, count);
    if (!list->keys) list->keys = WEIR_ARENA_ARRAY(planning->arena, struct weir_column_set, WEIR_KEYS_MAX);
    for (uint32_t k = 0; k < list->count; k++)
        if (sets_equal(list->keys[k], set)) return;
    if (list->count < WEIR_KEYS_MAX) list->keys[list->count++] = set;
}

static void keep_containing(struct weir_planning *planning, struct weir_key_list *to,
    const struct weir_key_list *from, const uint32_t *columns, uint32_t count)
{
    for (uint32_t k = 0; k < from->count; k++)
        if (weir_column_set_contains(from->keys[k], columns, count))
            add(planning, to, from->keys[k].columns, from->keys[k].count);
}

/* The declared primary key where all of its columns are read. */
static void scan_keys(struct weir_planning *planning, struct weir_physical *node)
{
    const struct weir_sql_table *table = node->rel->scan.table;
    if (!table || !table->primary_key_count) return;
    uint32_t *columns = WEIR_ARENA_ARRAY(planning->arena, uint32_t, table->primary_key_count + 1);
    for (uint32_t k = 0; k < table->primary_key_count; k++) {
        uint32_t physical = weir_sql_table_physical_index(table, table->primary_key[k]), at = UINT32_MAX;
        for (uint32_t f = 0; f < node->field_count; f++) {
            const struct weir_scan_column *column = &node->rel->scan.columns[f];
            if (!column->metadata && !column->path_length && column->column == physical && at == UINT32_MAX)
                at = f;
        }
        if (at == UINT32_MAX) return;
        columns[k] = at;
    }
    add(planning, &node->upsert_keys, columns, table->primary_key_count);
}

/* Casts that give different results for different values. */
static bool is_injective_cast(const struct weir_expr *expr)
{
    if (expr->kind != WEIR_EXPR_CALL || strcmp(expr->function->name, "CAST") != 0) return false;
    const struct weir_type *from = expr->arguments[0]->type, *to = expr->type;
    if (expr->arguments[0]->kind != WEIR_EXPR_COLUMN) return false;
    if (weir_type_is_integer(from))
        return (weir_type_is_integer(to) && to->id >= from->id) ||
               (weir_type_is_string(to) && to->length >= 20);
    if (weir_type_is_string(from))
        return weir_type_is_string(to) && to->id == WEIR_TYPE_VARCHAR && to->length >= from->length;
    if (weir_type_is_timestamp(from)) return to->id == from->id && to->precision >= from->precision;
    return weir_type_same(from, to);
}

static void calc_keys(struct weir_planning *planning, struct weir_physical *node)
{
    const struct weir_physical *input = node->inputs[0];
    uint32_t *output_of = WEIR_ARENA_ARRAY(planning->arena, uint32_t, input->field_count + 1);
    for (uint32_t c = 0; c < input->field_count; c++) output_of[c] = UINT32_MAX;
    for (uint32_t f = node->field_count; f-- > 0;) {
        const struct weir_expr *expr = node->projections[f];
        if (is_injective_cast(expr)) expr = expr->arguments[0];
        if (expr->kind == WEIR_EXPR_COLUMN) output_of[expr->column] = f;
    }
    for (uint32_t k = 0; k < input->upsert_keys.count; k++) {
        struct weir_column_set key = input->upsert_keys.keys[k];
        uint32_t *columns = WEIR_ARENA_ARRAY(planning->arena, uint32_t, key.count + 1);
        bool whole = true;
        for (uint32_t i = 0; i < key.count && whole; i++) {
            columns[i] = output_of[key.columns[i]];
            whole = columns[i] != UINT32_MAX;
        }
        if (whole) add(planning, &node->upsert_keys, columns, key.count);
    }
}

static void prefix_key(struct weir_planning *planning, struct weir_physical *node, uint32_t count,
    const uint32_t *further, uint32_t further_count)
{
    uint32_t *columns = WEIR_ARENA_ARRAY(planning->arena, uint32_t, count + further_count + 1);
    for (uint32_t i = 0; i < count; i++) columns[i] = i;
    for (uint32_t i = 0; i < further_count; i++) columns[count + i] = further[i];
    add(planning, &node->upsert_keys, columns, count + further_count);
}

static void window_aggregate_keys(struct weir_planning *planning, struct weir_physical *node)
{
    const struct weir_rel *rel = node->rel;
    for (uint32_t p = 0; p < rel->aggregate.property_count; p++) {
        uint32_t column = rel->aggregate.key_count + rel->aggregate.call_count + p;
        if (rel->aggregate.properties[p] == WEIR_WINDOW_START ||
            rel->aggregate.properties[p] == WEIR_WINDOW_END)
            prefix_key(planning, node, node->key_count, &column, 1);
    }
}

static void shift_add(struct weir_planning *planning, struct weir_key_list *to, struct weir_column_set left,
    struct weir_column_set right, uint32_t width)
{
    uint32_t *columns = WEIR_ARENA_ARRAY(planning->arena, uint32_t, left.count + right.count + 1);
    for (uint32_t i = 0; i < left.count; i++) columns[i] = left.columns[i];
    for (uint32_t i = 0; i < right.count; i++) columns[left.count + i] = right.columns[i] + width;
    add(planning, to, columns, left.count + right.count);
}

/* A key with one side's equi column in the place of the other's is a key as well (inner joins). */
static void substitute_equals(struct weir_planning *planning, struct weir_physical *node, uint32_t width)
{
    uint32_t known = node->upsert_keys.count;
    for (uint32_t k = 0; k < known; k++) {
        struct weir_column_set key = node->upsert_keys.keys[k];
        for (uint32_t to_right = 0; to_right < 2; to_right++) {
            uint32_t *columns = WEIR_ARENA_ARRAY(planning->arena, uint32_t, key.count + 1);
            for (uint32_t i = 0; i < key.count; i++) {
                columns[i] = key.columns[i];
                for (uint32_t j = 0; j < node->join_key_count; j++) {
                    uint32_t left = node->left_keys[j], right = node->right_keys[j] + width;
                    if (columns[i] == (to_right ? left : right)) {
                        columns[i] = to_right ? right : left;
                        break;
                    }
                }
            }
            add(planning, &node->upsert_keys, columns, key.count);
        }
    }
}

static void join_keys(struct weir_planning *planning, struct weir_physical *node, enum weir_join_type type)
{
    const struct weir_physical *left = node->inputs[0], *right = node->inputs[1];
    uint32_t width = left->field_count, n = node->join_key_count;
    if (type == WEIR_JOIN_SEMI || type == WEIR_JOIN_ANTI) {
        keep_containing(planning, &node->upsert_keys, &left->upsert_keys, node->left_keys, n);
        return;
    }
    bool left_makes_nulls = type == WEIR_JOIN_RIGHT || type == WEIR_JOIN_FULL;
    bool right_makes_nulls = type == WEIR_JOIN_LEFT || type == WEIR_JOIN_FULL;
    /* Unique on the join key: some key of the side lies within its join columns. */
    bool left_unique = false, right_unique = false;
    struct weir_column_set left_columns = weir_column_set_make(planning->arena, node->left_keys, n);
    struct weir_column_set right_columns = weir_column_set_make(planning->arena, node->right_keys, n);
    for (uint32_t k = 0; k < left->upsert_keys.count; k++)
        left_unique |= weir_column_set_contains(
            left_columns, left->upsert_keys.keys[k].columns, left->upsert_keys.keys[k].count);
    for (uint32_t k = 0; k < right->upsert_keys.count; k++)
        right_unique |= weir_column_set_contains(
            right_columns, right->upsert_keys.keys[k].columns, right->upsert_keys.keys[k].count);
    struct weir_column_set none = { 0, NULL };
    for (uint32_t k = 0; right_unique && !left_makes_nulls && k < left->upsert_keys.count; k++)
        shift_add(planning, &node->upsert_keys, left->upsert_keys.keys[k], none, width);
    for (uint32_t k = 0; left_unique && !right_makes_nulls && k < right->upsert_keys.count; k++)
        shift_add(planning, &node->upsert_keys, none, right->upsert_keys.keys[k], width);
    for (uint32_t l = 0; l < left->upsert_keys.count; l++)
        for (uint32_t r = 0; r < right->upsert_keys.count; r++)
            shift_add(
                planning, &node->upsert_keys, left->upsert_keys.keys[l], right->upsert_keys.keys[r], width);
    if (type == WEIR_JOIN_INNER) substitute_equals(planning, node, width);
}

static void rank_keys(struct weir_planning *planning, struct weir_physical *node)
{
    const struct weir_rel *rel = node->rel;
    bool row_number = strcmp(rel->rank.function, "ROW_NUMBER") == 0;
    if (row_number && rel->rank.end_column < 0 && rel->rank.start == rel->rank.end)
        add(planning, &node->upsert_keys, node->keys, node->key_count);
    if (row_number && rel->rank.with_rank) {
        uint32_t *columns = WEIR_ARENA_ARRAY(planning->arena, uint32_t, node->key_count + 1);
        for (uint32_t i = 0; i < node->key_count; i++) columns[i] = node->keys[i];
        columns[node->key_count] = node->field_count - 1;
        add(planning, &node->upsert_keys, columns, node->key_count + 1);
    }
    keep_containing(planning, &node->upsert_keys, &node->inputs[0]->upsert_keys, node->keys, node->key_count);
}

void weir_physical_upsert_keys(struct weir_planning *planning, struct weir_physical *node)
{
    const struct weir_physical *input = node->input_count ? node->inputs[0] : NULL;
    node->upsert_keys = (struct weir_key_list){ 0, NULL };
    switch (node->kind) {
    case WEIR_PHYSICAL_SCAN: scan_keys(planning, node); break;
    case WEIR_PHYSICAL_CALC: calc_keys(planning, node); break;
    case WEIR_PHYSICAL_EXCHANGE:
        keep_containing(planning, &node->upsert_keys, &input->upsert_keys, node->keys, node->key_count);
        break;
    case WEIR_PHYSICAL_GROUP_AGGREGATE: prefix_key(planning, node, node->key_count, NULL, 0); break;
    case WEIR_PHYSICAL_WINDOW_AGGREGATE: window_aggregate_keys(planning, node); break;
    case WEIR_PHYSICAL_JOIN: join_keys(planning, node, node->rel->join.type); break;
    case WEIR_PHYSICAL_INTERVAL_JOIN: join_keys(planning, node, node->rel->interval_join.type); break;
    case WEIR_PHYSICAL_RANK: rank_keys(planning, node); break;
    case WEIR_PHYSICAL_DEDUPLICATE:
    case WEIR_PHYSICAL_CHANGELOG_NORMALIZE:
        add(planning, &node->upsert_keys, node->keys, node->key_count);
        break;
    case WEIR_PHYSICAL_WATERMARK:
    case WEIR_PHYSICAL_SORT:
    case WEIR_PHYSICAL_TEMPORAL_SORT:
    case WEIR_PHYSICAL_SORT_LIMIT:
    case WEIR_PHYSICAL_LIMIT:
    case WEIR_PHYSICAL_DROP_UPDATE_BEFORE:
    case WEIR_PHYSICAL_ENFORCER:
        keep_containing(planning, &node->upsert_keys, &input->upsert_keys, NULL, 0);
        break;
    case WEIR_PHYSICAL_VALUES:
    case WEIR_PHYSICAL_EXPAND:
    case WEIR_PHYSICAL_WINDOW_TVF:
    case WEIR_PHYSICAL_UNION:
    case WEIR_PHYSICAL_MATERIALIZER:
    case WEIR_PHYSICAL_SINK: break;
    }
}
