/*
 * Ordered trees of rows: treaps with subtree counts. Priorities come from the reference itself, so that the
 * shape is the same wherever and whenever the tree is built.
 */
#include "state/internal.h"

static const struct weir_row_node *peek(const struct weir_tree_order *order, weir_row_ref ref)
{
    return (const struct weir_row_node *)(row_at(order->table, ref) + order->node_offset);
}
static struct weir_row_node *poke(const struct weir_tree_order *order, weir_row_ref ref)
{
    return (struct weir_row_node *)(row_for_writing(order->table, ref) + order->node_offset);
}
static uint32_t count_of(const struct weir_tree_order *order, weir_row_ref ref)
{
    return ref ? peek(order, ref)->count : 0;
}

static uint32_t priority_of(weir_row_ref ref)
{
    uint64_t x = ref * 0x9e3779b97f4a7c15ull;
    x ^= x >> 29;
    x *= 0xbf58476d1ce4e5b9ull;
    return (uint32_t)(x >> 32);
}

static void replace_child(const struct weir_tree_order *order, struct weir_row_tree *tree,
    weir_row_ref parent, weir_row_ref old, weir_row_ref new)
{
    if (!parent) {
        tree->root = new;
    } else {
        struct weir_row_node *node = poke(order, parent);
        if (node->left == old)
            node->left = new;
        else
            node->right = new;
    }
    if (new) poke(order, new)->parent = parent;
}

/* The child takes its parent's place, the parent goes below it. */
static void rotate_up(const struct weir_tree_order *order, struct weir_row_tree *tree, weir_row_ref child)
{
    weir_row_ref parent = peek(order, child)->parent;
    weir_row_ref grand = peek(order, parent)->parent;
    struct weir_row_node *c = poke(order, child), *p = poke(order, parent);
    weir_row_ref moved;
    if (p->left == child) {
        moved = c->right;
        p->left = moved;
        c->right = parent;
    } else {
        moved = c->left;
        p->right = moved;
        c->left = parent;
    }
    if (moved) poke(order, moved)->parent = parent;
    c->count = p->count;
    p->count = 1 + count_of(order, p->left) + count_of(order, p->right);
    replace_child(order, tree, grand, parent, child);
    p->parent = child;
}

uint64_t weir_row_tree_insert(
    const struct weir_tree_order *order, struct weir_row_tree *tree, weir_row_ref member)
{
    struct weir_row_node *node = poke(order, member);
    *node = (struct weir_row_node){ .count = 1, .priority = priority_of(member) };
    weir_row_ref at = tree->root, parent = 0;
    uint64_t rank = 0;
    bool left = false;
    const uint8_t *row = row_at(order->table, member);
    while (at) {
        struct weir_row_node *here = poke(order, at);
        here->count++;
        parent = at;
        left = order->compare(order->context, row, row_at(order->table, at)) < 0;
        if (left) {
            at = here->left;
        } else {
            rank += 1 + count_of(order, here->left);
            at = here->right;
        }
    }
    node = poke(order, member);
    node->parent = parent;
    if (!parent)
        tree->root = member;
    else if (left)
        poke(order, parent)->left = member;
    else
        poke(order, parent)->right = member;
    tree->count++;
    while (
        peek(order, member)->parent && peek(order, peek(order, member)->parent)->priority < node->priority) {
        rotate_up(order, tree, member);
    }
    return rank;
}

void weir_row_tree_remove(
    const struct weir_tree_order *order, struct weir_row_tree *tree, weir_row_ref member)
{
    for (;;) { /* sink it until it is a leaf or has one child */
        const struct weir_row_node *node = peek(order, member);
        if (!node->left || !node->right) break;
        bool left = peek(order, node->left)->priority > peek(order, node->right)->priority;
        rotate_up(order, tree, left ? node->left : node->right);
    }
    const struct weir_row_node *node = peek(order, member);
    weir_row_ref parent = node->parent;
    replace_child(order, tree, parent, member, node->left ? node->left : node->right);
    for (weir_row_ref at = parent; at; at = peek(order, at)->parent) poke(order, at)->count--;
    tree->count--;
}

uint64_t weir_row_tree_rank(
    const struct weir_tree_order *order, const struct weir_row_tree *tree, weir_row_ref member)
{
    (void)tree;
    uint64_t rank = count_of(order, peek(order, member)->left);
    for (weir_row_ref at = member;;) {
        weir_row_ref parent = peek(order, at)->parent;
        if (!parent) return rank;
        if (peek(order, parent)->right == at) rank += 1 + count_of(order, peek(order, parent)->left);
        at = parent;
    }
}

weir_row_ref weir_row_tree_at(
    const struct weir_tree_order *order, const struct weir_row_tree *tree, uint64_t rank)
{
    weir_row_ref at = tree->root;
    while (at) {
        const struct weir_row_node *node = peek(order, at);
        uint64_t before = count_of(order, node->left);
        if (rank == before) return at;
        if (rank < before) {
            at = node->left;
        } else {
            rank -= before + 1;
            at = node->right;
        }
    }
    return 0;
}

static weir_row_ref leftmost(const struct weir_tree_order *order, weir_row_ref at)
{
    while (at && peek(order, at)->left) at = peek(order, at)->left;
    return at;
}
static weir_row_ref rightmost(const struct weir_tree_order *order, weir_row_ref at)
{
    while (at && peek(order, at)->right) at = peek(order, at)->right;
    return at;
}

weir_row_ref weir_row_tree_first(const struct weir_tree_order *order, const struct weir_row_tree *tree)
{
    return leftmost(order, tree->root);
}
weir_row_ref weir_row_tree_last(const struct weir_tree_order *order, const struct weir_row_tree *tree)
{
    return rightmost(order, tree->root);
}

weir_row_ref weir_row_tree_next(const struct weir_tree_order *order, weir_row_ref member)
{
    weir_row_ref right = peek(order, member)->right;
    if (right) return leftmost(order, right);
    weir_row_ref at = member, parent = peek(order, at)->parent;
    while (parent && peek(order, parent)->right == at) {
        at = parent;
        parent = peek(order, at)->parent;
    }
    return parent;
}

weir_row_ref weir_row_tree_previous(const struct weir_tree_order *order, weir_row_ref member)
{
    weir_row_ref left = peek(order, member)->left;
    if (left) return rightmost(order, left);
    weir_row_ref at = member, parent = peek(order, at)->parent;
    while (parent && peek(order, parent)->left == at) {
        at = parent;
        parent = peek(order, at)->parent;
    }
    return parent;
}

weir_row_ref weir_row_tree_lower_bound(const struct weir_tree_order *order, const struct weir_row_tree *tree,
    int (*probe)(const void *context, const uint8_t *row), const void *context)
{
    weir_row_ref at = tree->root, found = 0;
    while (at) {
        if (probe(context, row_at(order->table, at)) >= 0) {
            found = at;
            at = peek(order, at)->left;
        } else {
            at = peek(order, at)->right;
        }
    }
    return found;
}
