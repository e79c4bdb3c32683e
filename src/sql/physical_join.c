/* Regular joins: equi keys are split off the condition, both sides are hashed by them. */
#include "sql/physical.h"

#include "expr/function.h"

struct key_pair {
    uint32_t left, right;
    bool null_safe;
};

/* Whether equal values of both types have equal bytes, so that hashing may stand for comparing. */
static bool hash_alike(const struct weir_type *a, const struct weir_type *b)
{
    if (weir_type_is_string(a) && weir_type_is_string(b)) return true;
    if (weir_type_is_binary(a) && weir_type_is_binary(b)) return true;
    return weir_type_same(a, b);
}

static bool equi_pair(const struct weir_expr *conjunct, const struct weir_physical *left,
    const struct weir_physical *right, struct key_pair *ret)
{
    if (conjunct->kind != WEIR_EXPR_CALL || conjunct->argument_count != 2) return false;
    bool equal = strcmp(conjunct->function->name, "=") == 0;
    bool null_safe = strcmp(conjunct->function->name, "IS NOT DISTINCT FROM") == 0;
    const struct weir_expr *a = conjunct->arguments[0], *b = conjunct->arguments[1];
    if (!(equal || null_safe) || a->kind != WEIR_EXPR_COLUMN || b->kind != WEIR_EXPR_COLUMN) return false;
    uint32_t width = left->field_count;
    if (a->column >= width) {
        const struct weir_expr *swap = a;
        a = b;
        b = swap;
    }
    if (a->column >= width || b->column < width) return false;
    if (!hash_alike(left->fields[a->column].type, right->fields[b->column - width].type)) return false;
    *ret = (struct key_pair){ a->column, b->column - width, null_safe };
    return true;
}

static bool pair_known(const struct key_pair *pairs, uint32_t count, const struct key_pair *pair)
{
    for (uint32_t i = 0; i < count; i++)
        if (pairs[i].left == pair->left && pairs[i].right == pair->right &&
            pairs[i].null_safe == pair->null_safe)
            return true;
    return false;
}

enum weir_error_code weir_physical_join(struct weir_planning *planning, const struct weir_rel *rel,
    struct weir_physical *left, struct weir_physical *right, struct weir_physical **ret)
{
    struct weir_arena *arena = planning->arena;
    struct weir_physical *node = weir_physical_new(planning, WEIR_PHYSICAL_JOIN, rel, 2);
    struct weir_expr **conjuncts;
    uint32_t conjunct_count = weir_expr_conjuncts(arena, rel->join.condition, &conjuncts), pair_count = 0,
             rest_count = 0;
    struct key_pair *pairs = WEIR_ARENA_ARRAY(arena, struct key_pair, conjunct_count + 1);
    struct weir_expr **rest = WEIR_ARENA_ARRAY(arena, struct weir_expr *, conjunct_count + 1);
    for (uint32_t i = 0; i < conjunct_count; i++) {
        struct key_pair pair;
        if (!equi_pair(conjuncts[i], left, right, &pair))
            rest[rest_count++] = conjuncts[i];
        else if (!pair_known(pairs, pair_count, &pair))
            pairs[pair_count++] = pair;
    }
    uint32_t *left_keys = WEIR_ARENA_ARRAY(arena, uint32_t, pair_count + 1);
    uint32_t *right_keys = WEIR_ARENA_ARRAY(arena, uint32_t, pair_count + 1);
    bool *null_safe = WEIR_ARENA_ARRAY(arena, bool, pair_count + 1);
    for (uint32_t i = 0; i < pair_count; i++) {
        left_keys[i] = pairs[i].left;
        right_keys[i] = pairs[i].right;
        null_safe[i] = pairs[i].null_safe;
    }
    node->left_keys = left_keys;
    node->right_keys = right_keys;
    node->join_key_count = pair_count;
    node->null_safe = null_safe;
    node->condition = rest_count ? weir_expr_and(arena, rest, rest_count) : NULL;
    if (node->condition && weir_expr_is_literal_true(node->condition)) node->condition = NULL;
    node->inputs[0] = weir_physical_exchange(planning, left, WEIR_EXCHANGE_HASH, left_keys, pair_count);
    node->inputs[1] = weir_physical_exchange(planning, right, WEIR_EXCHANGE_HASH, right_keys, pair_count);
    weir_physical_finish(planning, node);
    *ret = node;
    return WEIR_OK;
}
