/* The phases of rewriting, and how rules are applied to a DAG of rels. */
#include "sql/optimizer.h"

#include "base/assert.h"
#include "expr/function.h"
#include "sql/catalog.h"

/* --- maps --- */

void weir_rel_map_init(struct weir_rel_map *map, struct weir_arena *arena)
{
    *map = (struct weir_rel_map){ .arena = arena, .capacity = 64 };
    map->keys = WEIR_ARENA_ARRAY(arena, const struct weir_rel *, map->capacity);
    map->values = WEIR_ARENA_ARRAY(arena, void *, map->capacity);
}

static uint32_t slot_of(const struct weir_rel_map *map, const struct weir_rel *rel)
{
    uint64_t hash = (uint64_t)(uintptr_t)rel * 0x9e3779b97f4a7c15u;
    uint32_t slot = (uint32_t)(hash >> 40) & (map->capacity - 1);
    while (map->keys[slot] && map->keys[slot] != rel) slot = (slot + 1) & (map->capacity - 1);
    return slot;
}

void *weir_rel_map_get(const struct weir_rel_map *map, const struct weir_rel *rel)
{
    uint32_t slot = slot_of(map, rel);
    return map->keys[slot] ? map->values[slot] : NULL;
}

void weir_rel_map_put(struct weir_rel_map *map, const struct weir_rel *rel, void *value)
{
    if (2 * (map->count + 1) > map->capacity) {
        struct weir_rel_map grown = { .arena = map->arena, .capacity = 2 * map->capacity };
        grown.keys = WEIR_ARENA_ARRAY(map->arena, const struct weir_rel *, grown.capacity);
        grown.values = WEIR_ARENA_ARRAY(map->arena, void *, grown.capacity);
        for (uint32_t i = 0; i < map->capacity; i++)
            if (map->keys[i]) weir_rel_map_put(&grown, map->keys[i], map->values[i]);
        *map = grown;
    }
    uint32_t slot = slot_of(map, rel);
    map->count += map->keys[slot] == NULL;
    map->keys[slot] = rel;
    map->values[slot] = value;
}

/* --- applying rules --- */

struct pass {
    struct weir_planning *planning;
    const struct weir_rewrite_rule *rules;
    uint32_t rule_count;
    struct weir_rel_map done;
    bool changed;
};

static struct weir_rel *rewrite(struct pass *pass, struct weir_rel *rel)
{
    struct weir_rel *known = weir_rel_map_get(&pass->done, rel);
    if (known) return known;
    struct weir_rel *result = rel;
    for (uint32_t i = 0; i < rel->input_count; i++) {
        struct weir_rel *input = rewrite(pass, rel->inputs[i]);
        if (input == rel->inputs[i]) continue;
        if (result == rel) result = weir_rel_copy(pass->planning, rel);
        ((struct weir_rel **)result->inputs)[i] = input;
    }
    for (uint32_t r = 0; r < pass->rule_count && pass->planning->rel_id < pass->planning->rel_id_limit; r++) {
        if (!weir_rule_enabled(pass->planning, pass->rules[r].rule)) continue;
        struct weir_rel *next = pass->rules[r].apply(pass->planning, result);
        if (!next || next == result) continue;
        pass->changed = true;
        result = next;
    }
    weir_rel_map_put(&pass->done, rel, result);
    return result;
}

bool weir_rewrite_once(struct weir_planning *planning, struct weir_rel **roots, uint32_t root_count,
    const struct weir_rewrite_rule *rules, uint32_t rule_count)
{
    struct pass pass = { .planning = planning, .rules = rules, .rule_count = rule_count };
    weir_rel_map_init(&pass.done, planning->arena);
    for (uint32_t r = 0; r < root_count; r++) roots[r] = rewrite(&pass, roots[r]);
    return pass.changed;
}

void weir_rewrite(struct weir_planning *planning, struct weir_rel **roots, uint32_t root_count,
    const struct weir_rewrite_rule *rules, uint32_t rule_count)
{
    for (uint32_t round = 0; round < WEIR_REWRITE_ROUNDS_MAX; round++)
        if (!weir_rewrite_once(planning, roots, root_count, rules, rule_count)) return;
}

/* --- expressions of a rel --- */

typedef struct weir_expr *(*expr_map)(struct weir_planning *planning, struct weir_expr *expr, bool condition);

static struct weir_expr *const *map_list(struct weir_planning *planning, struct weir_expr *const *exprs,
    uint32_t count, expr_map map, bool *changed)
{
    struct weir_expr **mapped = WEIR_ARENA_ARRAY(planning->arena, struct weir_expr *, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        mapped[i] = map(planning, exprs[i], false);
        *changed |= mapped[i] != exprs[i];
    }
    return mapped;
}

static struct weir_expr *const *const *map_lists(struct weir_planning *planning,
    struct weir_expr *const *const *lists, uint32_t list_count, uint32_t count, expr_map map, bool *changed)
{
    struct weir_expr *const **mapped =
        WEIR_ARENA_ARRAY(planning->arena, struct weir_expr *const *, list_count + 1);
    for (uint32_t i = 0; i < list_count; i++) mapped[i] = map_list(planning, lists[i], count, map, changed);
    return mapped;
}

struct weir_rel *weir_rel_map_exprs(struct weir_planning *planning, struct weir_rel *rel, expr_map map)
{
    struct weir_rel changed_rel = *rel;
    bool changed = false;
    switch (rel->kind) {
    case WEIR_REL_PROJECT:
        changed_rel.project.exprs = map_list(planning, rel->project.exprs, rel->field_count, map, &changed);
        break;
    case WEIR_REL_FILTER:
        changed_rel.filter.condition = map(planning, rel->filter.condition, true);
        changed = changed_rel.filter.condition != rel->filter.condition;
        break;
    case WEIR_REL_JOIN:
        if (!rel->join.condition) return rel;
        changed_rel.join.condition = map(planning, rel->join.condition, true);
        changed = changed_rel.join.condition != rel->join.condition;
        break;
    case WEIR_REL_VALUES:
        changed_rel.values.rows =
            map_lists(planning, rel->values.rows, rel->values.row_count, rel->field_count, map, &changed);
        break;
    case WEIR_REL_EXPAND:
        changed_rel.expand.lists =
            map_lists(planning, rel->expand.lists, rel->expand.list_count, rel->field_count, map, &changed);
        break;
    default: return rel;
    }
    return changed ? weir_rel_copy(planning, &changed_rel) : rel;
}

/* --- properties --- */

bool weir_expr_is_call(const struct weir_expr *expr, const char *name)
{
    return expr->kind == WEIR_EXPR_CALL && strcmp(expr->function->name, name) == 0;
}

bool weir_expr_literal_integer(const struct weir_expr *expr, int64_t *ret)
{
    if (expr->kind != WEIR_EXPR_LITERAL || weir_vector_is_null(expr->literal, 0)) return false;
    switch (expr->literal->type->id) {
    case WEIR_TYPE_TINYINT: *ret = *(const int8_t *)expr->literal->data; return true;
    case WEIR_TYPE_SMALLINT: *ret = *(const int16_t *)expr->literal->data; return true;
    case WEIR_TYPE_INT: *ret = *(const int32_t *)expr->literal->data; return true;
    case WEIR_TYPE_BIGINT: *ret = *(const int64_t *)expr->literal->data; return true;
    default: return false;
    }
}

static bool inputs_append(struct weir_planning *planning, const struct weir_rel *rel)
{
    for (uint32_t i = 0; i < rel->input_count; i++)
        if (!weir_rel_is_append(planning, rel->inputs[i])) return false;
    return true;
}

static bool is_append(struct weir_planning *planning, const struct weir_rel *rel)
{
    switch (rel->kind) {
    case WEIR_REL_SCAN: return !rel->scan.source || rel->scan.source->changelog_kinds == WEIR_SQL_KIND_I;
    case WEIR_REL_VALUES: return true;
    case WEIR_REL_WINDOW_AGGREGATE: return true;
    case WEIR_REL_AGGREGATE:
        return planning->batch || rel->aggregate.window ||
               (!rel->aggregate.call_count && inputs_append(planning, rel));
    case WEIR_REL_JOIN:
        if (planning->batch) return true;
        return (rel->join.type == WEIR_JOIN_INNER || rel->join.type == WEIR_JOIN_SEMI) &&
               inputs_append(planning, rel);
    case WEIR_REL_SORT:
        return planning->batch || (rel->sort.limit < 0 && inputs_append(planning, rel)) ||
               (!rel->sort.key_count && inputs_append(planning, rel));
    case WEIR_REL_RANK:
    case WEIR_REL_CHANGELOG_NORMALIZE: return planning->batch;
    case WEIR_REL_DEDUPLICATE: return planning->batch || !rel->deduplicate.keep_last;
    case WEIR_REL_SINK: return false;
    default: return inputs_append(planning, rel);
    }
}

bool weir_rel_is_append(struct weir_planning *planning, const struct weir_rel *rel)
{
    static char yes, no;
    if (!planning->append) {
        planning->append = WEIR_ARENA_NEW(planning->arena, struct weir_rel_map);
        weir_rel_map_init(planning->append, planning->arena);
    }
    void *known = weir_rel_map_get(planning->append, rel);
    if (known) return known == &yes;
    bool append = is_append(planning, rel);
    weir_rel_map_put(planning->append, rel, append ? &yes : &no);
    return append;
}

/* --- phases --- */

#define RUN(set) weir_rewrite(planning, roots, root_count, weir_##set##_rules, weir_##set##_rule_count)

enum weir_error_code weir_optimize(
    struct weir_planning *planning, struct weir_rel **roots, uint32_t root_count)
{
    RUN(expression);
    RUN(filter);
    weir_rewrite_once(planning, roots, root_count, weir_join_once_rules, weir_join_once_rule_count);
    RUN(filter);
    RUN(project);
    RUN(expression);
    RUN(join);
    RUN(project);
    weir_time_attributes(planning, roots, root_count);
    RUN(rank);
    RUN(filter);
    RUN(project);
    RUN(aggregate);
    RUN(window);
    RUN(project);
    weir_prune(planning, roots, root_count);
    RUN(project);
    RUN(rank);
    RUN(project);
    return WEIR_OK;
}
