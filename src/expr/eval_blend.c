/*
 * CASE and COALESCE whose operands are cheap and cannot fail: every operand is computed for all rows and the
 * results are blended under byte masks, which costs less than splitting selections.
 */
#include "expr/evaluator.h"

enum { DENSE_ROWS_DIVISOR = 4 };

bool weir_node_can_blend(const struct weir_evaluator *evaluator, const struct weir_node *node)
{
    if (node->expr->kind != WEIR_EXPR_CASE && node->expr->kind != WEIR_EXPR_COALESCE) return false;
    if (weir_type_is_nested(node->expr->type) || node->expr->type->id == WEIR_TYPE_NULL) return false;
    for (uint32_t i = 0; i < node->child_count; i++) {
        const struct weir_node *child = &evaluator->nodes[node->children[i]];
        if (child->can_fault || child->costly || !child->deterministic) return false;
    }
    return true;
}

bool weir_scope_is_dense(const struct weir_evaluator *evaluator, const struct weir_scope *scope)
{
    return scope->count * DENSE_ROWS_DIVISOR >= evaluator->row_count;
}

static enum weir_error_code run_plain(struct weir_evaluator *evaluator, uint32_t child,
    const struct weir_scope *scope, const struct weir_vector **ret)
{
    enum weir_error_code code = weir_node_run(evaluator, &evaluator->nodes[child], scope, ret);
    if (code == WEIR_OK && (*ret)->encoding == WEIR_ENCODING_DICTIONARY) {
        *ret = weir_vector_flatten(*ret, evaluator->row_count, &evaluator->scratch);
    }
    return code;
}

#define BLEND(type)                                                                          \
    do {                                                                                     \
        type *restrict target = to->data;                                                    \
        const type *source = from->data;                                                     \
        if (from->encoding == WEIR_ENCODING_CONSTANT) {                                      \
            type value = source[0];                                                          \
            for (uint32_t i = 0; i < rows; i++) target[i] = mask[i] ? value : target[i];     \
        } else {                                                                             \
            for (uint32_t i = 0; i < rows; i++) target[i] = mask[i] ? source[i] : target[i]; \
        }                                                                                    \
    } while (0)

static uint64_t mask_word(const uint8_t *mask, uint32_t count)
{
    uint64_t word = 0;
    for (uint32_t k = 0; k < count; k++) word |= (uint64_t)mask[k] << k;
    return word;
}

static uint64_t validity_word(const struct weir_vector *v, size_t word)
{
    if (v->encoding == WEIR_ENCODING_CONSTANT) return weir_vector_is_null(v, 0) ? 0 : ~UINT64_C(0);
    return v->validity ? v->validity[word] : ~UINT64_C(0);
}

/* Where mask is 1, to takes from. */
static void blend(struct weir_evaluator *evaluator, struct weir_vector *to, const struct weir_vector *from,
    const uint8_t *mask)
{
    uint32_t rows = evaluator->row_count;
    if (from->validity || to->validity) {
        uint64_t *validity = weir_vector_ensure_validity(to, rows, &evaluator->scratch);
        for (size_t word = 0; word < weir_validity_words(rows); word++) {
            uint32_t first = (uint32_t)word * WEIR_VALIDITY_BITS;
            uint64_t taken = mask_word(mask + first, WEIR_MIN(rows - first, (uint32_t)WEIR_VALIDITY_BITS));
            validity[word] = (validity[word] & ~taken) | (validity_word(from, word) & taken);
        }
    }
    if (!from->data) return; /* a NULL constant */
    switch (weir_type_width(to->type)) {
    case 1: BLEND(uint8_t); break;
    case 2: BLEND(uint16_t); break;
    case 4: BLEND(uint32_t); break;
    case 8: BLEND(uint64_t); break;
    default: BLEND(weir_int128); break;
    }
}

/* 1 where condition is TRUE. */
static void mask_of(
    const struct weir_evaluator *evaluator, const struct weir_vector *condition, uint8_t *mask)
{
    uint32_t rows = evaluator->row_count;
    const uint8_t *data = condition->data;
    if (condition->encoding == WEIR_ENCODING_CONSTANT) {
        memset(mask, !weir_vector_is_null(condition, 0) && data[0], rows);
        return;
    }
    for (uint32_t i = 0; i < rows; i++) mask[i] = data[i] != 0;
    if (!condition->validity) return;
    for (uint32_t i = 0; i < rows; i++) mask[i] &= (uint8_t)weir_bit_get(condition->validity, i);
}

static enum weir_error_code blend_child(struct weir_evaluator *evaluator, uint32_t child,
    const struct weir_scope *scope, struct weir_vector *out, const uint8_t *mask)
{
    const struct weir_vector *value;
    enum weir_error_code code = run_plain(evaluator, child, scope, &value);
    if (code == WEIR_OK) blend(evaluator, out, value, mask);
    return code;
}

/* From the ELSE backwards: an earlier WHEN overwrites what a later one has chosen. */
static enum weir_error_code blend_case(struct weir_evaluator *evaluator, struct weir_node *node,
    const struct weir_scope *scope, struct weir_vector *out, uint8_t *mask)
{
    memset(mask, 1, evaluator->row_count);
    enum weir_error_code code =
        blend_child(evaluator, node->children[node->child_count - 1], scope, out, mask);
    for (uint32_t pair = node->child_count / 2; pair-- > 0 && code == WEIR_OK;) {
        const struct weir_vector *condition;
        code = run_plain(evaluator, node->children[2 * pair], scope, &condition);
        if (code != WEIR_OK) break;
        mask_of(evaluator, condition, mask);
        code = blend_child(evaluator, node->children[2 * pair + 1], scope, out, mask);
    }
    return code;
}

static enum weir_error_code blend_coalesce(struct weir_evaluator *evaluator, struct weir_node *node,
    const struct weir_scope *scope, struct weir_vector *out, uint8_t *mask)
{
    enum weir_error_code code = WEIR_OK;
    memset(mask, 1, evaluator->row_count);
    code = blend_child(evaluator, node->children[node->child_count - 1], scope, out, mask);
    for (uint32_t operand = node->child_count - 1; operand-- > 0 && code == WEIR_OK;) {
        const struct weir_vector *value;
        code = run_plain(evaluator, node->children[operand], scope, &value);
        if (code != WEIR_OK) break;
        for (uint32_t i = 0; i < evaluator->row_count; i++) mask[i] = !weir_argument_is_null(value, i);
        blend(evaluator, out, value, mask);
    }
    return code;
}

enum weir_error_code weir_node_run_blend(struct weir_evaluator *evaluator, struct weir_node *node,
    const struct weir_scope *scope, const struct weir_vector **ret)
{
    uint8_t *mask = weir_arena_allocate(&evaluator->scratch, evaluator->row_count + 1);
    struct weir_vector *out = weir_node_output(evaluator, node, evaluator->row_count);
    *ret = out;
    bool is_case = node->expr->kind == WEIR_EXPR_CASE;
    return (is_case ? blend_case : blend_coalesce)(evaluator, node, scope, out, mask);
}
