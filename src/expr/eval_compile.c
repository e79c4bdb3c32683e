/* Compiling expressions to the evaluator's graph; folding of constants. */
#include "expr/evaluator.h"

#include "base/assert.h"

struct compiler {
    struct weir_evaluator *evaluator;
    uint32_t node_capacity;
    uint64_t *hashes; /* per node */
    uint32_t *slots; /* deterministic nodes by hash: index + 1, 0 = free; a list may have 100,000 constants */
    uint32_t slot_count; /* a power of two */
    struct weir_memory *memory;
    struct weir_error *reterr;
};

static const struct weir_eval_environment no_environment;

static uint32_t count_nodes(const struct weir_expr *expr)
{
    uint32_t total = 1;
    if (!weir_expr_has_arguments(expr)) return total;
    for (uint32_t i = 0; i < expr->argument_count; i++) total += count_nodes(expr->arguments[i]);
    return total;
}

static struct weir_vector *null_constant(struct weir_arena *arena, const struct weir_type *type)
{
    struct weir_vector *v = WEIR_ARENA_NEW(arena, struct weir_vector);
    weir_vector_init_null(v, type, arena);
    return v;
}

static bool all_fixed_width(const struct weir_expr *expr)
{
    for (uint32_t i = 0; i < expr->argument_count; i++) {
        if (weir_physical_of(expr->arguments[i]->type) >= WEIR_PHYSICAL_VIEW) return false;
        if (weir_physical_of(expr->arguments[i]->type) == WEIR_PHYSICAL_NONE) return false;
    }
    enum weir_physical result = weir_physical_of(expr->type);
    return result != WEIR_PHYSICAL_NONE && result < WEIR_PHYSICAL_VIEW;
}

/* A string compared with a short constant: the view mostly decides. */
static bool compares_short(const struct weir_expr *expr)
{
    static const char *const names[] = { "=", "<>", "<", "<=", ">", ">=" };
    bool is_comparison = false;
    for (uint32_t i = 0; i < WEIR_ARRAY_COUNT(names); i++)
        is_comparison |= strcmp(expr->function->name, names[i]) == 0;
    if (!is_comparison || !weir_type_is_view(expr->arguments[0]->type)) return false;
    const struct weir_expr *constant = expr->arguments[1];
    if (expr->arguments[0]->kind == WEIR_EXPR_LITERAL) constant = expr->arguments[0];
    if (constant->kind != WEIR_EXPR_LITERAL || weir_vector_is_null(constant->literal, 0)) return false;
    return ((const struct weir_string *)constant->literal->data)->length <= WEIR_STRING_INLINE_MAX;
}

/* Wide decimals and everything that is not primitive costs enough to be guarded by a narrower selection. */
static bool call_is_costly(const struct weir_expr *expr)
{
    if (compares_short(expr)) return false;
    return !all_fixed_width(expr) || weir_physical_of(expr->type) == WEIR_PHYSICAL_I128;
}

static enum weir_error_code prepare_call(struct compiler *compiler, struct weir_node *node)
{
    struct weir_evaluator *evaluator = compiler->evaluator;
    const struct weir_expr *expr = node->expr;
    const struct weir_function *function = expr->function;
    struct weir_function_match match;
    struct weir_error own, *why = compiler->reterr ? compiler->reterr : &own;
    if (!weir_expr_infer(
            evaluator->arena, function, expr->arguments, expr->argument_count, expr->type, &match, why) ||
        !match.kernel) {
        if (why->code != WEIR_OK) return why->code;
        return weir_error_set(why, WEIR_E_SQL_VALIDATION,
            "Function %s cannot be applied to these argument types; expected is: %s", function->name,
            function->signature);
    }
    if (match.type && weir_physical_of(match.type) != weir_physical_of(expr->type)) {
        return weir_error_set(why, WEIR_E_INTERNAL,
            "Function %s was planned to return %s, but returns %s here", function->name,
            weir_type_text(evaluator->arena, expr->type), weir_type_text(evaluator->arena, match.type));
    }
    if (strcmp(function->name, "$FIELD") == 0) {
        node->is_field = true;
        return WEIR_OK;
    }
    node->kernel = match.kernel;
    node->strict = !(function->flags & WEIR_FUNCTION_NULLS);
    node->faultable = weir_call_can_fault(expr);
    node->fixed_width = all_fixed_width(expr) && !(function->flags & WEIR_FUNCTION_NONDETERMINISTIC);
    node->costly |= call_is_costly(expr);
    const struct weir_vector **constants =
        WEIR_ARENA_ARRAY(evaluator->arena, const struct weir_vector *, expr->argument_count + 1);
    const struct weir_type **types =
        WEIR_ARENA_ARRAY(evaluator->arena, const struct weir_type *, expr->argument_count + 1);
    for (uint32_t i = 0; i < expr->argument_count; i++) {
        const struct weir_node *child = &evaluator->nodes[node->children[i]];
        constants[i] = child->is_constant ? child->constant : NULL;
        types[i] = expr->arguments[i]->type;
    }
    node->call = (struct weir_call){ .argument_types = types,
        .argument_count = expr->argument_count,
        .type = expr->type,
        .environment = &evaluator->environment,
        .arena = evaluator->arena,
        .scratch = &evaluator->scratch,
        .heap = &evaluator->heap,
        .constants = constants,
        .error = why,
        .random_state = &evaluator->random_state };
    if (!function->bind) return WEIR_OK;
    for (uint32_t i = 0; node->strict && i < expr->argument_count; i++) {
        if (constants[i] && weir_vector_is_null(constants[i], 0)) return WEIR_OK; /* never runs */
    }
    return function->bind(&node->call);
}

static bool is_foldable(const struct weir_evaluator *evaluator, const struct weir_node *node)
{
    const struct weir_expr *expr = node->expr;
    if (!weir_expr_has_arguments(expr) || node->is_field) return false;
    if (expr->kind == WEIR_EXPR_CALL &&
        expr->function->flags & (WEIR_FUNCTION_NONDETERMINISTIC | WEIR_FUNCTION_DYNAMIC)) {
        return false;
    }
    for (uint32_t i = 0; i < node->child_count; i++) {
        if (!evaluator->nodes[node->children[i]].is_constant) return false;
    }
    return true;
}

/* A call of constants becomes a constant; one that fails stays a call, for it may be guarded at run time. */
static void fold_node(struct compiler *compiler, struct weir_node *node)
{
    struct weir_evaluator *evaluator = compiler->evaluator;
    struct weir_batch batch = { .row_count = 1 };
    static const struct weir_scope one = { .count = 1 };
    struct weir_error ignored;
    const struct weir_vector *result;
    evaluator->batch = &batch;
    evaluator->row_count = 1;
    evaluator->root = &one;
    evaluator->error = &ignored;
    if (weir_node_run(evaluator, node, &one, &result) == WEIR_OK) {
        node->constant = weir_value_copy(result, 0, evaluator->arena);
        node->is_constant = true;
        node->can_fault = false;
    }
    weir_evaluator_reset(evaluator);
}

/* The node that computes expr already, or UINT32_MAX. */
static uint32_t find_node(const struct compiler *compiler, const struct weir_expr *expr, uint64_t hash)
{
    uint32_t mask = compiler->slot_count - 1;
    for (uint32_t at = (uint32_t)hash & mask; compiler->slots[at]; at = (at + 1) & mask) {
        uint32_t index = compiler->slots[at] - 1;
        if (compiler->hashes[index] == hash && weir_expr_equal(compiler->evaluator->nodes[index].expr, expr))
            return index;
    }
    return UINT32_MAX;
}

static void remember_node(struct compiler *compiler, uint32_t index)
{
    uint32_t mask = compiler->slot_count - 1, at = (uint32_t)compiler->hashes[index] & mask;
    while (compiler->slots[at]) at = (at + 1) & mask;
    compiler->slots[at] = index + 1;
}

static enum weir_error_code compile(struct compiler *compiler, const struct weir_expr *expr, uint32_t *ret)
{
    struct weir_evaluator *evaluator = compiler->evaluator;
    uint64_t hash = weir_expr_hash(expr);
    *ret = find_node(compiler, expr, hash);
    if (*ret != UINT32_MAX) {
        evaluator->nodes[*ret].references++;
        return WEIR_OK;
    }
    uint32_t count = weir_expr_has_arguments(expr) ? expr->argument_count : 0;
    uint32_t *children = WEIR_ARENA_ARRAY(evaluator->arena, uint32_t, count + 1);
    bool faults = false, deterministic = true, costly = false;
    for (uint32_t i = 0; i < count; i++) {
        enum weir_error_code code = compile(compiler, expr->arguments[i], &children[i]);
        if (code != WEIR_OK) return code;
        const struct weir_node *child = &evaluator->nodes[children[i]];
        faults |= child->can_fault;
        deterministic &= child->deterministic;
        costly |= child->costly;
    }
    WEIR_ASSERT(evaluator->node_count < compiler->node_capacity);
    uint32_t index = evaluator->node_count++;
    struct weir_node *node = &evaluator->nodes[index];
    compiler->hashes[index] = hash;
    *node = (struct weir_node){ .expr = expr,
        .children = children,
        .child_count = count,
        .references = 1,
        .can_fault = faults,
        .deterministic = deterministic,
        .costly = costly,
        .arguments = WEIR_ARENA_ARRAY(evaluator->arena, const struct weir_vector *, count + 1),
        .null_constant = null_constant(evaluator->arena, expr->type) };
    if (expr->kind == WEIR_EXPR_LITERAL) node->constant = expr->literal, node->is_constant = true;
    if (expr->kind == WEIR_EXPR_CALL) {
        node->can_fault |= weir_call_can_fault(expr);
        node->deterministic &= !(expr->function->flags & WEIR_FUNCTION_NONDETERMINISTIC);
        enum weir_error_code code = prepare_call(compiler, node);
        if (code != WEIR_OK) return code;
    }
    node->can_blend = weir_node_can_blend(evaluator, node);
    if (is_foldable(evaluator, node)) fold_node(compiler, node);
    if (node->deterministic) remember_node(compiler, index);
    *ret = index;
    return WEIR_OK;
}

enum weir_error_code weir_evaluator_new(struct weir_arena *arena, struct weir_memory *memory,
    struct weir_expr *const *exprs, uint32_t expr_count, const struct weir_eval_environment *environment,
    struct weir_evaluator **ret, struct weir_error *reterr)
{
    struct weir_evaluator *evaluator = WEIR_ARENA_NEW(arena, struct weir_evaluator);
    evaluator->arena = arena;
    weir_arena_init(&evaluator->scratch, memory);
    weir_heap_writer_init(&evaluator->heap, memory);
    evaluator->environment = environment ? *environment : no_environment;
    evaluator->random_state = evaluator->environment.random_seed;
    uint32_t capacity = 0, slot_count = 16;
    struct weir_expr **gathered = WEIR_ARENA_ARRAY(arena, struct weir_expr *, expr_count + 1);
    for (uint32_t i = 0; i < expr_count; i++) {
        gathered[i] = weir_expr_gather_in(arena, exprs[i]);
        capacity += count_nodes(gathered[i]);
    }
    while (slot_count < 2 * capacity) slot_count *= 2;
    evaluator->nodes = WEIR_ARENA_ARRAY(arena, struct weir_node, capacity + 1);
    evaluator->roots = WEIR_ARENA_ARRAY(arena, uint32_t, expr_count + 1);
    evaluator->root_count = expr_count;
    struct compiler compiler = { .evaluator = evaluator,
        .node_capacity = capacity,
        .memory = memory,
        .reterr = reterr,
        .hashes = WEIR_ARENA_ARRAY(arena, uint64_t, capacity + 1),
        .slots = WEIR_ARENA_ARRAY(arena, uint32_t, slot_count),
        .slot_count = slot_count };
    for (uint32_t i = 0; i < expr_count; i++) {
        enum weir_error_code code = compile(&compiler, gathered[i], &evaluator->roots[i]);
        if (code != WEIR_OK) {
            weir_evaluator_free(evaluator);
            return code;
        }
    }
    *ret = evaluator;
    return WEIR_OK;
}

void weir_evaluator_free(struct weir_evaluator *evaluator)
{
    if (!evaluator) return;
    for (uint32_t i = 0; i < evaluator->node_count; i++) {
        struct weir_call *call = &evaluator->nodes[i].call;
        if (call->release) call->release(call);
    }
    weir_heap_writer_done(&evaluator->heap);
    weir_arena_done(&evaluator->scratch);
}

enum weir_error_code weir_expr_fold(struct weir_arena *arena, struct weir_memory *memory,
    const struct weir_expr *expr, const struct weir_eval_environment *environment, struct weir_vector **ret,
    struct weir_error *reterr)
{
    struct weir_arena temporary;
    weir_arena_init(&temporary, memory);
    struct weir_evaluator *evaluator;
    struct weir_expr *one = (struct weir_expr *)(uintptr_t)expr;
    enum weir_error_code code =
        weir_evaluator_new(&temporary, memory, &one, 1, environment, &evaluator, reterr);
    if (code == WEIR_OK) {
        struct weir_batch batch = { .row_count = 1 };
        const struct weir_vector *result;
        code = weir_evaluator_run(evaluator, 0, &batch, &result, reterr);
        if (code == WEIR_OK) {
            *ret = weir_value_copy(result, 0, arena);
            (*ret)->type = weir_type_copy(arena, expr->type);
        }
        weir_evaluator_free(evaluator);
    }
    weir_arena_done(&temporary);
    return code;
}
