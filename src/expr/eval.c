/* Running compiled expressions: calls, memoised results, dictionaries, constants. */
#include "expr/evaluator.h"

#include "base/assert.h"

static bool scope_covers(const struct weir_scope *outer, const struct weir_scope *scope)
{
    for (; scope; scope = scope->parent) {
        if (scope == outer) return true;
    }
    return false;
}

struct weir_vector *weir_node_output(
    struct weir_evaluator *evaluator, struct weir_node *node, uint32_t row_count)
{
    bool reusable =
        !weir_type_is_nested(node->expr->type) && row_count <= WEIR_BATCH_ROWS_MAX && !node->out_taken;
    if (!reusable) {
        struct weir_vector *out = WEIR_ARENA_NEW(&evaluator->scratch, struct weir_vector);
        weir_vector_init(out, node->expr->type, row_count, &evaluator->scratch);
        return out;
    }
    if (!node->out.type) {
        weir_vector_init(&node->out, node->expr->type, WEIR_BATCH_ROWS_MAX, evaluator->arena);
        node->out_validity =
            WEIR_ARENA_ARRAY(evaluator->arena, uint64_t, weir_validity_words(WEIR_BATCH_ROWS_MAX));
    }
    node->out_taken = true;
    node->out.validity = NULL;
    return &node->out;
}

static uint64_t *output_validity(
    struct weir_evaluator *evaluator, struct weir_node *node, struct weir_vector *out, uint32_t rows)
{
    if (out == &node->out) return node->out_validity;
    return WEIR_ARENA_ARRAY(
        &evaluator->scratch, uint64_t, weir_validity_words(WEIR_MAX(out->capacity, rows)));
}

/* out is NULL where an argument is. */
static void and_validities(struct weir_evaluator *evaluator, struct weir_node *node,
    const struct weir_vector *const *arguments, struct weir_vector *out, uint32_t row_count)
{
    uint64_t *to = NULL;
    size_t words = weir_validity_words(row_count);
    for (uint32_t i = 0; i < node->child_count; i++) {
        const uint64_t *from = arguments[i]->encoding == WEIR_ENCODING_FLAT ? arguments[i]->validity : NULL;
        if (!from) continue;
        if (!to) {
            to = output_validity(evaluator, node, out, row_count);
            memcpy(to, from, words * sizeof *to);
        } else {
            for (size_t w = 0; w < words; w++) to[w] &= from[w];
        }
    }
    out->validity = to;
}

/* The rows among those given that are valid in out; NULL views at the others so that nobody follows a stale
 * pointer. */
static const uint16_t *valid_rows(struct weir_evaluator *evaluator, struct weir_vector *out,
    const uint16_t *rows, uint32_t count, uint32_t *ret_count)
{
    uint16_t *valid = weir_arena_allocate(&evaluator->scratch, (count + 1) * sizeof *valid);
    uint32_t n = 0;
    for (uint32_t p = 0; p < count; p++) {
        uint32_t row = rows ? rows[p] : p;
        valid[n] = (uint16_t)row;
        n += weir_bit_get(out->validity, row);
    }
    if (weir_type_is_view(out->type) && n < count) {
        struct weir_string *strings = out->data;
        for (uint32_t p = 0; p < count; p++) {
            uint32_t row = rows ? rows[p] : p;
            if (!weir_bit_get(out->validity, row)) memset(&strings[row], 0, sizeof strings[row]);
        }
    }
    *ret_count = n;
    return valid;
}

/* Arguments are FLAT or CONSTANT, indexed by row in 0..row_count-1. */
static enum weir_error_code run_kernel(struct weir_evaluator *evaluator, struct weir_node *node,
    const struct weir_vector *const *arguments, const uint16_t *rows, uint32_t count, uint32_t row_count,
    struct weir_vector *out)
{
    node->call.error = evaluator->error;
    if (node->strict) and_validities(evaluator, node, arguments, out, row_count);
    if (node->fixed_width && !node->faultable) {
        bool dense = !rows || count * 4 >= row_count;
        return node->kernel(&node->call, arguments, out, dense ? NULL : rows, dense ? row_count : count);
    }
    if (node->strict && out->validity) rows = valid_rows(evaluator, out, rows, count, &count);
    return count ? node->kernel(&node->call, arguments, out, rows, count) : WEIR_OK;
}

static enum weir_error_code run_constant(struct weir_evaluator *evaluator, struct weir_node *node,
    const struct weir_vector *const *arguments, const struct weir_vector **ret)
{
    struct weir_vector *out = WEIR_ARENA_NEW(&evaluator->scratch, struct weir_vector);
    weir_vector_init(out, node->expr->type, 1, &evaluator->scratch);
    static const uint16_t first[1] = { 0 };
    node->call.error = evaluator->error;
    enum weir_error_code code = node->kernel(&node->call, arguments, out, first, 1);
    out->encoding = WEIR_ENCODING_CONSTANT;
    *ret = out;
    return code;
}

/* Runs the call once per dictionary entry in use. */
static enum weir_error_code run_dictionary(struct weir_evaluator *evaluator, struct weir_node *node,
    uint32_t argument, const struct weir_scope *scope, const struct weir_vector **ret)
{
    const struct weir_vector *v = node->arguments[argument];
    uint32_t entries = v->dictionary->capacity;
    uint64_t *used = WEIR_ARENA_ARRAY(&evaluator->scratch, uint64_t, weir_validity_words(entries));
    uint16_t *rows = weir_arena_allocate(&evaluator->scratch, (entries + 1) * sizeof *rows);
    for (uint32_t p = 0; p < scope->count; p++)
        weir_bit_set(used, v->indices[scope->rows ? scope->rows[p] : p]);
    uint32_t count = 0;
    for (uint32_t entry = 0; entry < entries; entry++) {
        rows[count] = (uint16_t)entry;
        count += weir_bit_get(used, entry);
    }
    struct weir_vector *result = WEIR_ARENA_NEW(&evaluator->scratch, struct weir_vector);
    struct weir_vector *out = weir_node_output(evaluator, node, entries);
    node->arguments[argument] = v->dictionary;
    enum weir_error_code code = run_kernel(evaluator, node, node->arguments, rows, count, entries, out);
    *result = (struct weir_vector){ .type = node->expr->type,
        .encoding = WEIR_ENCODING_DICTIONARY,
        .capacity = v->capacity,
        .indices = v->indices,
        .dictionary = out };
    *ret = result;
    return code;
}

enum { DICTIONARY_ENTRIES_MAX = UINT16_MAX };

static enum weir_error_code run_call(struct weir_evaluator *evaluator, struct weir_node *node,
    const struct weir_scope *scope, const struct weir_vector **ret)
{
    bool all_constant = node->deterministic;
    uint32_t dictionaries = 0, dictionary_at = 0;
    for (uint32_t i = 0; i < node->child_count; i++) {
        enum weir_error_code code =
            weir_node_run(evaluator, &evaluator->nodes[node->children[i]], scope, &node->arguments[i]);
        if (code != WEIR_OK) return code;
        const struct weir_vector *v = node->arguments[i];
        bool is_constant = v->encoding == WEIR_ENCODING_CONSTANT;
        if (node->strict && is_constant && weir_vector_is_null(v, 0)) {
            *ret = node->null_constant;
            return WEIR_OK;
        }
        all_constant &= is_constant;
        if (v->encoding == WEIR_ENCODING_DICTIONARY) dictionaries++, dictionary_at = i;
        if (v->encoding == WEIR_ENCODING_FLAT) dictionaries = 2;
    }
    if (all_constant) return run_constant(evaluator, node, node->arguments, ret);
    if (dictionaries == 1 && node->deterministic) {
        uint32_t entries = node->arguments[dictionary_at]->dictionary->capacity;
        if (entries <= scope->count && entries <= DICTIONARY_ENTRIES_MAX) {
            return run_dictionary(evaluator, node, dictionary_at, scope, ret);
        }
    }
    for (uint32_t i = 0; i < node->child_count; i++) {
        if (node->arguments[i]->encoding != WEIR_ENCODING_DICTIONARY) continue;
        node->arguments[i] =
            weir_vector_flatten(node->arguments[i], evaluator->row_count, &evaluator->scratch);
    }
    struct weir_vector *out = weir_node_output(evaluator, node, evaluator->row_count);
    *ret = out;
    return run_kernel(evaluator, node, node->arguments, scope->rows, scope->count, evaluator->row_count, out);
}

/* Field access needs no copy: the row's child, NULL where the row is. */
static enum weir_error_code run_field(struct weir_evaluator *evaluator, struct weir_node *node,
    const struct weir_scope *scope, const struct weir_vector **ret)
{
    const struct weir_vector *row;
    enum weir_error_code code = weir_node_run(evaluator, &evaluator->nodes[node->children[0]], scope, &row);
    if (code != WEIR_OK) return code;
    const struct weir_vector *holder = row->encoding == WEIR_ENCODING_DICTIONARY ? row->dictionary : row;
    uint32_t field = *(const uint32_t *)node->expr->arguments[1]->literal->data;
    const struct weir_vector *child = &holder->children[field];
    if (holder->encoding == WEIR_ENCODING_CONSTANT) {
        *ret = weir_vector_is_null(holder, 0) || weir_vector_is_null(child, 0) ? node->null_constant : child;
        if (*ret == child && child->encoding == WEIR_ENCODING_FLAT) {
            struct weir_vector *constant = WEIR_ARENA_NEW(&evaluator->scratch, struct weir_vector);
            *constant = *child;
            constant->encoding = WEIR_ENCODING_CONSTANT;
            *ret = constant;
        }
        return WEIR_OK;
    }
    if (holder->validity) {
        uint32_t rows = row->encoding == WEIR_ENCODING_DICTIONARY ? holder->capacity : evaluator->row_count;
        struct weir_vector *masked = WEIR_ARENA_NEW(&evaluator->scratch, struct weir_vector);
        *masked = *weir_vector_flatten(child, rows, &evaluator->scratch);
        size_t words = weir_validity_words(rows);
        uint64_t *validity = WEIR_ARENA_ARRAY(
            &evaluator->scratch, uint64_t, weir_validity_words(WEIR_MAX(rows, masked->capacity)));
        for (size_t w = 0; w < words; w++)
            validity[w] = holder->validity[w] & (masked->validity ? masked->validity[w] : ~UINT64_C(0));
        masked->validity = validity;
        child = masked;
    }
    *ret = child;
    if (row->encoding == WEIR_ENCODING_DICTIONARY) {
        struct weir_vector *result = WEIR_ARENA_NEW(&evaluator->scratch, struct weir_vector);
        *result = (struct weir_vector){ .type = node->expr->type,
            .encoding = WEIR_ENCODING_DICTIONARY,
            .capacity = row->capacity,
            .indices = row->indices,
            .dictionary = (struct weir_vector *)(uintptr_t)weir_vector_flatten(
                child, holder->capacity, &evaluator->scratch) };
        *ret = result;
    }
    return WEIR_OK;
}

static enum weir_error_code run_kind(struct weir_evaluator *evaluator, struct weir_node *node,
    const struct weir_scope *scope, const struct weir_vector **ret)
{
    if (node->can_blend && weir_scope_is_dense(evaluator, scope)) {
        return weir_node_run_blend(evaluator, node, scope, ret);
    }
    switch (node->expr->kind) {
    case WEIR_EXPR_CALL:
        return node->is_field ? run_field(evaluator, node, scope, ret)
                              : run_call(evaluator, node, scope, ret);
    case WEIR_EXPR_AND:
    case WEIR_EXPR_OR: return weir_node_run_junction(evaluator, node, scope, ret);
    case WEIR_EXPR_CASE: return weir_node_run_case(evaluator, node, scope, ret);
    case WEIR_EXPR_COALESCE: return weir_node_run_coalesce(evaluator, node, scope, ret);
    case WEIR_EXPR_LITERAL:
    case WEIR_EXPR_COLUMN: break;
    }
    WEIR_UNREACHABLE();
}

enum weir_error_code weir_node_run(struct weir_evaluator *evaluator, struct weir_node *node,
    const struct weir_scope *scope, const struct weir_vector **ret)
{
    if (node->is_constant) {
        *ret = node->constant;
        return WEIR_OK;
    }
    if (node->expr->kind == WEIR_EXPR_COLUMN) {
        WEIR_ASSERT(node->expr->column < evaluator->batch->column_count);
        *ret = &evaluator->batch->columns[node->expr->column];
        return WEIR_OK;
    }
    if (node->memo && scope_covers(node->memo_scope, scope)) {
        *ret = node->memo;
        return WEIR_OK;
    }
    if (scope->count == 0) {
        *ret = node->null_constant;
        return WEIR_OK;
    }
    /* What is used several times and cannot fail is computed for the whole batch at once. */
    if (node->references > 1 && !node->can_fault) scope = evaluator->root;
    enum weir_error_code code = run_kind(evaluator, node, scope, ret);
    if (code == WEIR_OK) node->memo = *ret, node->memo_scope = scope;
    return code;
}

/* --- the interface --- */

static void enter_batch(struct weir_evaluator *evaluator, const struct weir_batch *batch)
{
    uint32_t selected = weir_batch_selected(batch);
    const struct weir_scope *root = evaluator->root;
    if (root && evaluator->batch == batch && evaluator->selection == batch->selection &&
        root->count == selected)
        return;
    struct weir_scope *scope = WEIR_ARENA_NEW(&evaluator->scratch, struct weir_scope);
    scope->count = selected;
    if (batch->selection) {
        /* A copy: the owner may narrow its selection in place. */
        uint16_t *rows = weir_arena_allocate(&evaluator->scratch, (selected + 1) * sizeof *rows);
        memcpy(rows, batch->selection, selected * sizeof *rows);
        scope->rows = rows;
    }
    scope->parent = evaluator->batch == batch ? root : NULL;
    evaluator->root = scope;
    evaluator->batch = batch;
    evaluator->selection = batch->selection;
    evaluator->row_count = batch->row_count;
}

enum weir_error_code weir_evaluator_run(struct weir_evaluator *evaluator, uint32_t index,
    const struct weir_batch *batch, const struct weir_vector **ret, struct weir_error *reterr)
{
    WEIR_ASSERT(index < evaluator->root_count);
    enter_batch(evaluator, batch);
    evaluator->error = reterr;
    return weir_node_run(evaluator, &evaluator->nodes[evaluator->roots[index]], evaluator->root, ret);
}

enum weir_error_code weir_evaluator_filter(struct weir_evaluator *evaluator, uint32_t index,
    const struct weir_batch *batch, uint16_t *selection, uint32_t *ret_count, struct weir_error *reterr)
{
    WEIR_ASSERT(index < evaluator->root_count);
    enter_batch(evaluator, batch);
    evaluator->error = reterr;
    struct weir_node *node = &evaluator->nodes[evaluator->roots[index]];
    bool conjunction = node->expr->kind == WEIR_EXPR_AND && !node->is_constant;
    uint32_t operands = conjunction ? node->child_count : 1;
    const struct weir_scope *scope = evaluator->root;
    for (uint32_t i = 0; i < operands; i++) {
        const struct weir_vector *v;
        struct weir_node *operand = conjunction ? &evaluator->nodes[node->children[i]] : node;
        enum weir_error_code code = weir_node_run(evaluator, operand, scope, &v);
        if (code != WEIR_OK) return code;
        uint16_t *rows = weir_arena_allocate(&evaluator->scratch, (scope->count + 1) * sizeof *rows);
        struct weir_scope *narrowed = WEIR_ARENA_NEW(&evaluator->scratch, struct weir_scope);
        narrowed->count = weir_select_true(evaluator, v, scope, rows);
        narrowed->rows = rows;
        narrowed->parent = scope;
        scope = narrowed;
        if (scope->count == 0) break;
    }
    memcpy(selection, scope->rows, scope->count * sizeof *selection);
    *ret_count = scope->count;
    return WEIR_OK;
}

bool weir_evaluator_share_heaps(struct weir_evaluator *evaluator, struct weir_batch *to)
{
    for (uint32_t i = 0; i < evaluator->heap.block_count; i++) {
        struct weir_heap *block = evaluator->heap.blocks[i];
        bool known = false;
        for (uint32_t k = 0; k < to->heap_count && !known; k++) known = to->heaps[k] == block;
        if (known) continue;
        if (to->heap_count == WEIR_BATCH_HEAPS_MAX) return false;
        to->heaps[to->heap_count++] = weir_heap_ref(block);
    }
    return true;
}

void weir_evaluator_reset(struct weir_evaluator *evaluator)
{
    for (uint32_t i = 0; i < evaluator->node_count; i++) {
        evaluator->nodes[i].memo = NULL;
        evaluator->nodes[i].out_taken = false;
    }
    evaluator->root = NULL;
    evaluator->batch = NULL;
    evaluator->selection = NULL;
    weir_arena_reset(&evaluator->scratch);
    weir_heap_writer_reset(&evaluator->heap);
}
