/* AND, OR, CASE, COALESCE: forms that compute an operand only for the rows that need it. */
#include "expr/evaluator.h"

/* A BOOLEAN operand as FLAT or CONSTANT. */
static const struct weir_vector *plain_boolean(struct weir_evaluator *evaluator, const struct weir_vector *v)
{
    if (v->encoding != WEIR_ENCODING_DICTIONARY) return v;
    return weir_vector_flatten(v, evaluator->row_count, &evaluator->scratch);
}

static uint32_t select_all(const struct weir_scope *scope, uint16_t *selection)
{
    for (uint32_t p = 0; p < scope->count; p++) selection[p] = scope->rows ? scope->rows[p] : (uint16_t)p;
    return scope->count;
}

uint32_t weir_select_true(struct weir_evaluator *evaluator, const struct weir_vector *v,
    const struct weir_scope *scope, uint16_t *selection)
{
    v = plain_boolean(evaluator, v);
    const uint8_t *data = v->data;
    if (v->encoding == WEIR_ENCODING_CONSTANT) {
        return weir_vector_is_null(v, 0) || !data[0] ? 0 : select_all(scope, selection);
    }
    uint32_t n = 0;
    if (!scope->rows && !v->validity) {
        for (uint32_t i = 0; i < scope->count; i++) {
            selection[n] = (uint16_t)i;
            n += data[i];
        }
        return n;
    }
    if (!v->validity) {
        for (uint32_t p = 0; p < scope->count; p++) {
            selection[n] = scope->rows[p];
            n += data[scope->rows[p]];
        }
        return n;
    }
    for (uint32_t p = 0; p < scope->count; p++) {
        uint32_t row = scope->rows ? scope->rows[p] : p;
        selection[n] = (uint16_t)row;
        n += data[row] & (uint32_t)weir_bit_get(v->validity, row);
    }
    return n;
}

/* --- AND, OR --- */

/* The result so far: AND of the operands seen, or OR. A row that has the deciding value keeps it; another is
 * NULL in the end if an operand was. */
struct junction {
    uint8_t *result;
    uint8_t *unknown; /* an operand was NULL; NULL: none was */
    uint8_t deciding; /* the value that decides: 0 for AND, 1 for OR */
};

WEIR_CPU_CLONES static void and_bytes(uint8_t *restrict to, const uint8_t *from, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) to[i] &= from[i];
}

WEIR_CPU_CLONES static void or_bytes(uint8_t *restrict to, const uint8_t *from, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) to[i] |= from[i];
}

static void fold_operand(struct weir_evaluator *evaluator, struct junction *junction,
    const struct weir_vector *v, const struct weir_scope *scope)
{
    const uint8_t *data = v->data;
    uint8_t flip = (uint8_t)!junction->deciding;
    bool is_constant = v->encoding == WEIR_ENCODING_CONSTANT;
    if (v->validity && !junction->unknown)
        junction->unknown = weir_arena_allocate_zeroed(&evaluator->scratch, evaluator->row_count + 1);
    for (uint32_t p = 0; p < scope->count; p++) {
        uint32_t row = scope->rows ? scope->rows[p] : p;
        uint32_t at = is_constant ? 0 : row;
        uint8_t valid = !v->validity || weir_bit_get(v->validity, at);
        uint8_t decided = (data[at] ^ flip) & valid;
        junction->result[row] = ((junction->result[row] ^ flip) | decided) ^ flip;
        if (junction->unknown) junction->unknown[row] |= (uint8_t)!valid;
    }
}

/* Takes v, an operand computed for the rows of open, into the result. While no row was left out, all rows of
 * the batch are folded: those outside the scope are nobody's. */
static void fold_into(struct weir_evaluator *evaluator, struct junction *junction,
    const struct weir_vector *v, const struct weir_scope *scope, const struct weir_scope *open, bool first)
{
    uint32_t rows = evaluator->row_count;
    bool whole = v->encoding == WEIR_ENCODING_FLAT && !v->validity && open == scope;
    if (whole && first) {
        memcpy(junction->result, v->data, rows);
        return;
    }
    if (first) memset(junction->result, !junction->deciding, rows);
    if (whole) {
        (junction->deciding ? or_bytes : and_bytes)(junction->result, v->data, rows);
    } else {
        fold_operand(evaluator, junction, v, open);
    }
}

static const struct weir_scope *narrow_undecided(
    struct weir_evaluator *evaluator, const struct junction *junction, const struct weir_scope *scope)
{
    struct weir_scope *narrowed = WEIR_ARENA_NEW(&evaluator->scratch, struct weir_scope);
    uint16_t *rows = weir_arena_allocate(&evaluator->scratch, (scope->count + 1) * sizeof *rows);
    uint32_t n = 0;
    for (uint32_t p = 0; p < scope->count; p++) {
        uint32_t row = scope->rows ? scope->rows[p] : p;
        rows[n] = (uint16_t)row;
        n += junction->result[row] != junction->deciding;
    }
    if (n == scope->count) return scope;
    narrowed->rows = rows;
    narrowed->count = n;
    narrowed->parent = scope;
    return narrowed;
}

static void finish_junction(
    struct weir_evaluator *evaluator, const struct junction *junction, struct weir_vector *out)
{
    if (!junction->unknown) return;
    uint32_t row_count = evaluator->row_count;
    uint64_t *validity = weir_vector_ensure_validity(out, row_count, &evaluator->scratch);
    for (uint32_t first = 0; first < row_count; first += WEIR_VALIDITY_BITS) {
        uint32_t n = WEIR_MIN(row_count - first, (uint32_t)WEIR_VALIDITY_BITS);
        uint64_t nulls = 0;
        for (uint32_t k = 0; k < n; k++) {
            bool undecided = junction->result[first + k] != junction->deciding;
            nulls |= (uint64_t)(junction->unknown[first + k] & undecided) << k;
        }
        validity[first / WEIR_VALIDITY_BITS] &= ~nulls;
    }
}

enum weir_error_code weir_node_run_junction(struct weir_evaluator *evaluator, struct weir_node *node,
    const struct weir_scope *scope, const struct weir_vector **ret)
{
    struct weir_vector *out = weir_node_output(evaluator, node, evaluator->row_count);
    struct junction junction = { .result = out->data, .deciding = node->expr->kind == WEIR_EXPR_OR };
    const struct weir_scope *open = scope;
    for (uint32_t i = 0; i < node->child_count; i++) {
        struct weir_node *operand = &evaluator->nodes[node->children[i]];
        if (i && (operand->can_fault || operand->costly)) open = narrow_undecided(evaluator, &junction, open);
        if (open->count == 0) continue;
        const struct weir_vector *v;
        enum weir_error_code code = weir_node_run(evaluator, operand, open, &v);
        if (code != WEIR_OK) return code;
        fold_into(evaluator, &junction, plain_boolean(evaluator, v), scope, open, i == 0);
    }
    finish_junction(evaluator, &junction, out);
    *ret = out;
    return WEIR_OK;
}

/* --- CASE, COALESCE --- */

#define COPY_ROWS(type)                                      \
    do {                                                     \
        const type *source = flat->data;                     \
        type *target = to->data;                             \
        for (uint32_t p = 0; p < scope->count; p++) {        \
            uint32_t row = scope->rows ? scope->rows[p] : p; \
            target[row] = source[is_constant ? 0 : row];     \
        }                                                    \
    } while (0)

static void copy_nested(struct weir_evaluator *evaluator, struct weir_vector *to,
    const struct weir_vector *from, const struct weir_scope *scope)
{
    for (uint32_t p = 0; p < scope->count; p++) {
        uint32_t row = scope->rows ? scope->rows[p] : p;
        weir_vector_gather(to, row, from, &row, 1, &evaluator->scratch, NULL);
    }
}

/* Copies the rows of scope in place. */
static void copy_rows(struct weir_evaluator *evaluator, struct weir_vector *to,
    const struct weir_vector *from, const struct weir_scope *scope)
{
    if (weir_type_is_nested(to->type)) {
        copy_nested(evaluator, to, from, scope);
        return;
    }
    const struct weir_vector *flat = plain_boolean(evaluator, from);
    bool is_constant = flat->encoding == WEIR_ENCODING_CONSTANT;
    if (flat->validity || flat->type->id == WEIR_TYPE_NULL) {
        uint64_t *validity = weir_vector_ensure_validity(to, evaluator->row_count, &evaluator->scratch);
        for (uint32_t p = 0; p < scope->count; p++) {
            uint32_t row = scope->rows ? scope->rows[p] : p;
            if (weir_argument_is_null(flat, row)) weir_bit_clear(validity, row);
        }
    }
    if (flat->type->id == WEIR_TYPE_NULL || !flat->data) return;
    switch (weir_type_width(to->type)) {
    case 1: COPY_ROWS(uint8_t); break;
    case 2: COPY_ROWS(uint16_t); break;
    case 4: COPY_ROWS(uint32_t); break;
    case 8: COPY_ROWS(uint64_t); break;
    default: COPY_ROWS(weir_int128); break;
    }
}

static const struct weir_scope *new_scope(
    struct weir_evaluator *evaluator, const uint16_t *rows, uint32_t count, const struct weir_scope *parent)
{
    if (count == parent->count) return parent;
    struct weir_scope *scope = WEIR_ARENA_NEW(&evaluator->scratch, struct weir_scope);
    *scope = (struct weir_scope){ .rows = rows, .count = count, .parent = parent };
    return scope;
}

/* Splits scope in rows where v is TRUE and the others. */
static void split(struct weir_evaluator *evaluator, const struct weir_vector *v,
    const struct weir_scope *scope, const struct weir_scope **taken, const struct weir_scope **others)
{
    uint16_t *yes = weir_arena_allocate(&evaluator->scratch, (scope->count + 1) * sizeof *yes);
    uint16_t *no = weir_arena_allocate(&evaluator->scratch, (scope->count + 1) * sizeof *no);
    uint32_t yes_count = weir_select_true(evaluator, v, scope, yes), no_count = 0, at = 0;
    for (uint32_t p = 0; p < scope->count; p++) {
        uint16_t row = scope->rows ? scope->rows[p] : (uint16_t)p;
        bool is_taken = at < yes_count && yes[at] == row;
        no[no_count] = row;
        no_count += !is_taken;
        at += is_taken;
    }
    *taken = new_scope(evaluator, yes, yes_count, scope);
    *others = new_scope(evaluator, no, no_count, scope);
}

/* One branch: computes it for the rows of taken and puts them into out; a branch that takes all rows is the
 * result itself. */
static enum weir_error_code run_branch(struct weir_evaluator *evaluator, struct weir_node *node,
    struct weir_node *branch, const struct weir_scope *taken, const struct weir_scope *scope,
    struct weir_vector **out, const struct weir_vector **whole)
{
    const struct weir_vector *v;
    if (taken->count == 0) return WEIR_OK;
    enum weir_error_code code = weir_node_run(evaluator, branch, taken, &v);
    if (code != WEIR_OK) return code;
    if (taken->count == scope->count) {
        *whole = v;
        return WEIR_OK;
    }
    if (!*out) *out = weir_node_output(evaluator, node, evaluator->row_count);
    copy_rows(evaluator, *out, v, taken);
    return WEIR_OK;
}

enum weir_error_code weir_node_run_case(struct weir_evaluator *evaluator, struct weir_node *node,
    const struct weir_scope *scope, const struct weir_vector **ret)
{
    const struct weir_scope *open = scope, *taken;
    struct weir_vector *out = NULL;
    const struct weir_vector *whole = NULL;
    uint32_t i = 0;
    for (; i + 1 < node->child_count && open->count; i += 2) {
        const struct weir_vector *condition;
        enum weir_error_code code =
            weir_node_run(evaluator, &evaluator->nodes[node->children[i]], open, &condition);
        if (code != WEIR_OK) return code;
        split(evaluator, condition, open, &taken, &open);
        code =
            run_branch(evaluator, node, &evaluator->nodes[node->children[i + 1]], taken, scope, &out, &whole);
        if (code != WEIR_OK) return code;
    }
    struct weir_node *otherwise = &evaluator->nodes[node->children[node->child_count - 1]];
    enum weir_error_code code = run_branch(evaluator, node, otherwise, open, scope, &out, &whole);
    *ret = whole ? whole : out;
    return code;
}

enum weir_error_code weir_node_run_coalesce(struct weir_evaluator *evaluator, struct weir_node *node,
    const struct weir_scope *scope, const struct weir_vector **ret)
{
    const struct weir_scope *open = scope;
    struct weir_vector *out = NULL;
    for (uint32_t i = 0; i < node->child_count && open->count; i++) {
        const struct weir_vector *v;
        enum weir_error_code code = weir_node_run(evaluator, &evaluator->nodes[node->children[i]], open, &v);
        if (code != WEIR_OK) return code;
        uint16_t *rows = weir_arena_allocate(&evaluator->scratch, (open->count + 1) * sizeof *rows);
        uint32_t n = 0;
        for (uint32_t p = 0; p < open->count; p++) {
            uint32_t row = open->rows ? open->rows[p] : p;
            rows[n] = (uint16_t)row;
            n += weir_vector_is_null(v, row);
        }
        if (n == 0 && open == scope) {
            *ret = v;
            return WEIR_OK;
        }
        if (!out) out = weir_node_output(evaluator, node, evaluator->row_count);
        /* NULLs are copied, too, and overwritten by the next operand. */
        if (out->validity) {
            for (uint32_t p = 0; p < open->count; p++)
                weir_bit_set(out->validity, open->rows ? open->rows[p] : p);
        }
        copy_rows(evaluator, out, v, open);
        open = new_scope(evaluator, rows, n, open);
    }
    *ret = out;
    return WEIR_OK;
}
