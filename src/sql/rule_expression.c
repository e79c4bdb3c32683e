/*
 * Expressions by themselves: constants, booleans, CASE and COALESCE, casts. The type of what stands in an
 * expression's place is the same up to nullability. What would fail is not folded: it may never be evaluated.
 */
#include "expr/function.h"
#include "sql/optimizer.h"

static struct weir_expr *boolean(struct weir_arena *arena, bool value)
{
    return weir_expr_literal(arena, weir_value_boolean(arena, value));
}

static bool has_arguments(const struct weir_expr *expr)
{
    return expr->kind >= WEIR_EXPR_CALL;
}

/* --- constant folding --- */

static struct weir_expr *fold(void *context, struct weir_arena *arena, struct weir_expr *expr)
{
    struct weir_planning *planning = context;
    if (!has_arguments(expr) || weir_type_is_nested(expr->type) || expr->type->id == WEIR_TYPE_NULL)
        return expr;
    for (uint32_t i = 0; i < expr->argument_count; i++)
        if (!weir_expr_is_literal(expr->arguments[i])) return expr;
    if (!weir_expr_is_deterministic(expr) || weir_expr_is_dynamic(expr)) return expr;
    if (expr->type->time_attribute != WEIR_TIME_ATTRIBUTE_NONE) return expr;
    struct weir_vector *value;
    struct weir_error ignored;
    if (weir_expr_fold(arena, planning->memory, expr, planning->input->environment, &value, &ignored))
        return expr;
    if (!weir_type_same(value->type, expr->type)) return expr;
    return weir_expr_literal(arena, value);
}

static struct weir_expr *fold_all(struct weir_planning *planning, struct weir_expr *expr, bool condition)
{
    (void)condition;
    return weir_expr_rewrite(planning->arena, expr, fold, planning);
}

static struct weir_rel *constant_folding(struct weir_planning *planning, struct weir_rel *rel)
{
    return rel->kind == WEIR_REL_VALUES ? NULL : weir_rel_map_exprs(planning, rel, fold_all);
}

/* --- booleans --- */

/* Operands that were kept, found by hash: lists of tens of thousands of constants come as one OR. */
struct operand_set {
    struct weir_expr **kept;
    uint32_t count;
    uint32_t *slots; /* index + 1 into kept; 0 = free */
    uint32_t slot_count;
};

static bool add_operand(struct operand_set *set, struct weir_expr *expr)
{
    uint32_t at = (uint32_t)weir_expr_hash(expr) & (set->slot_count - 1);
    for (; set->slots[at]; at = (at + 1) & (set->slot_count - 1))
        if (weir_expr_equal(set->kept[set->slots[at] - 1], expr)) return false;
    set->kept[set->count++] = expr;
    set->slots[at] = set->count;
    return true;
}

static void operand_set_init(struct operand_set *set, struct weir_arena *arena, uint32_t capacity)
{
    set->count = 0;
    for (set->slot_count = 4; set->slot_count < capacity * 2; set->slot_count *= 2) {}
    set->kept = WEIR_ARENA_ARRAY(arena, struct weir_expr *, capacity + 1);
    set->slots = WEIR_ARENA_ARRAY(arena, uint32_t, set->slot_count);
}

/* AND: FALSE decides, TRUE goes; OR: the other way round. Doubles go. */
static struct weir_expr *simplify_nary(struct weir_arena *arena, struct weir_expr *expr)
{
    bool is_and = expr->kind == WEIR_EXPR_AND;
    struct operand_set set;
    operand_set_init(&set, arena, expr->argument_count);
    for (uint32_t i = 0; i < expr->argument_count; i++) {
        struct weir_expr *argument = expr->arguments[i];
        bool literal = weir_expr_is_literal(argument) && argument->type->id == WEIR_TYPE_BOOLEAN &&
                       !weir_vector_is_null(argument->literal, 0);
        bool value = literal && weir_expr_is_literal_true(argument);
        if (literal && value != is_and) return argument;
        if (literal) continue;
        if (weir_expr_is_deterministic(argument))
            add_operand(&set, argument);
        else
            set.kept[set.count++] = argument;
    }
    if (set.count == expr->argument_count) return expr;
    if (!set.count) return boolean(arena, is_and);
    return is_and ? weir_expr_and(arena, set.kept, set.count) : weir_expr_or(arena, set.kept, set.count);
}

static struct weir_expr *simplify_not(struct weir_arena *arena, struct weir_expr *expr)
{
    static const char *const opposite[][2] = { { "=", "<>" }, { "<>", "=" }, { "<", ">=" }, { ">=", "<" },
        { ">", "<=" }, { "<=", ">" }, { "IS NULL", "IS NOT NULL" }, { "IS NOT NULL", "IS NULL" },
        { "IS TRUE", "IS NOT TRUE" }, { "IS NOT TRUE", "IS TRUE" }, { "IS FALSE", "IS NOT FALSE" },
        { "IS NOT FALSE", "IS FALSE" } };
    struct weir_expr *operand = expr->arguments[0], *result;
    if (weir_expr_is_call(operand, "NOT")) return operand->arguments[0];
    if (operand->kind != WEIR_EXPR_CALL) return expr;
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(opposite); i++)
        if (strcmp(operand->function->name, opposite[i][0]) == 0 &&
            !weir_expr_call(
                arena, opposite[i][1], operand->arguments, operand->argument_count, &result, NULL))
            return result;
    return expr;
}

static struct weir_expr *simplify_boolean(void *context, struct weir_arena *arena, struct weir_expr *expr)
{
    (void)context;
    if (expr->kind == WEIR_EXPR_AND || expr->kind == WEIR_EXPR_OR) return simplify_nary(arena, expr);
    if (expr->kind != WEIR_EXPR_CALL) return expr;
    if (weir_expr_is_call(expr, "NOT")) return simplify_not(arena, expr);
    bool is_null = weir_expr_is_call(expr, "IS NULL"), is_not_null = weir_expr_is_call(expr, "IS NOT NULL");
    if ((is_null || is_not_null) && !expr->arguments[0]->type->nullable &&
        !weir_expr_can_fault(expr->arguments[0]))
        return boolean(arena, is_not_null);
    return expr;
}

static struct weir_expr *simplify_booleans(
    struct weir_planning *planning, struct weir_expr *expr, bool condition)
{
    expr = weir_expr_rewrite(planning->arena, expr, simplify_boolean, planning);
    /* Where only TRUE counts, x IS TRUE is x. */
    return condition && weir_expr_is_call(expr, "IS TRUE") ? expr->arguments[0] : expr;
}

static struct weir_rel *boolean_simplification(struct weir_planning *planning, struct weir_rel *rel)
{
    return weir_rel_map_exprs(planning, rel, simplify_booleans);
}

/* --- CASE, COALESCE --- */

static struct weir_expr *with_arguments(struct weir_arena *arena, const struct weir_expr *expr,
    struct weir_expr *const *arguments, uint32_t count)
{
    struct weir_expr *copy = WEIR_ARENA_NEW(arena, struct weir_expr);
    *copy = *expr;
    copy->arguments = arguments;
    copy->argument_count = count;
    return copy;
}

static struct weir_expr *simplify_case(struct weir_arena *arena, struct weir_expr *expr)
{
    struct weir_expr **kept = WEIR_ARENA_ARRAY(arena, struct weir_expr *, expr->argument_count + 1);
    uint32_t count = 0, pairs = expr->argument_count / 2;
    struct weir_expr *otherwise = expr->arguments[expr->argument_count - 1];
    for (uint32_t p = 0; p < pairs; p++) {
        struct weir_expr *when = expr->arguments[2 * p], *then = expr->arguments[2 * p + 1];
        if (weir_expr_is_literal_false_or_null(when)) continue;
        if (weir_expr_is_literal_true(when)) {
            otherwise = then;
            break;
        }
        kept[count++] = when;
        kept[count++] = then;
    }
    if (!count) return weir_type_same(otherwise->type, expr->type) ? otherwise : expr;
    if (count + 1 == expr->argument_count) return expr;
    kept[count++] = otherwise;
    return with_arguments(arena, expr, kept, count);
}

static struct weir_expr *simplify_coalesce(struct weir_arena *arena, struct weir_expr *expr)
{
    struct weir_expr **kept = WEIR_ARENA_ARRAY(arena, struct weir_expr *, expr->argument_count + 1);
    uint32_t count = 0;
    for (uint32_t i = 0; i < expr->argument_count; i++) {
        struct weir_expr *argument = expr->arguments[i];
        if (argument->kind == WEIR_EXPR_LITERAL && weir_vector_is_null(argument->literal, 0)) continue;
        kept[count++] = argument;
        if (!argument->type->nullable) break;
    }
    if (count == expr->argument_count || !count) return expr;
    if (count == 1) return weir_type_same(kept[0]->type, expr->type) ? kept[0] : expr;
    return with_arguments(arena, expr, kept, count);
}

static struct weir_expr *simplify_conditional(void *context, struct weir_arena *arena, struct weir_expr *expr)
{
    (void)context;
    if (expr->kind == WEIR_EXPR_CASE) return simplify_case(arena, expr);
    return expr->kind == WEIR_EXPR_COALESCE ? simplify_coalesce(arena, expr) : expr;
}

static struct weir_expr *simplify_conditionals(
    struct weir_planning *planning, struct weir_expr *expr, bool condition)
{
    (void)condition;
    return weir_expr_rewrite(planning->arena, expr, simplify_conditional, planning);
}

static struct weir_rel *case_simplification(struct weir_planning *planning, struct weir_rel *rel)
{
    return weir_rel_map_exprs(planning, rel, simplify_conditionals);
}

/* --- casts --- */

static bool fits(int64_t value, enum weir_type_id id)
{
    static const int64_t limits[] = { INT8_MAX, INT16_MAX, INT32_MAX, INT64_MAX };
    int64_t limit = limits[id - WEIR_TYPE_TINYINT];
    return value <= limit && value >= -limit - 1;
}

/* CAST(small AS BIGINT) = 5 is small = 5 where 5 is a value of the small type. */
static struct weir_expr *narrow_comparison(struct weir_arena *arena, struct weir_expr *expr)
{
    static const char *const operators[] = { "=", "<>", "<", "<=", ">", ">=" };
    bool comparison = false;
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(operators); i++)
        comparison |= strcmp(expr->function->name, operators[i]) == 0;
    if (!comparison) return expr;
    for (uint32_t i = 0; i < 2; i++) {
        struct weir_expr *cast = expr->arguments[i], *other = expr->arguments[1 - i], *literal, *result;
        int64_t value;
        if (!weir_expr_is_call(cast, "CAST") || !weir_expr_literal_integer(other, &value)) continue;
        struct weir_expr *operand = cast->arguments[0];
        if (!weir_type_is_integer(operand->type) || !weir_type_is_integer(cast->type) ||
            cast->type->id < operand->type->id)
            continue;
        if (!fits(value, operand->type->id)) continue;
        const struct weir_type *type = weir_type_nullable(arena, operand->type, false);
        struct weir_vector *constant;
        if (weir_expr_cast(arena, other, type, false, &literal, NULL)) continue;
        if (!weir_expr_is_literal(literal)) {
            if (weir_expr_fold(arena, arena->memory, literal, NULL, &constant, NULL)) continue;
            literal = weir_expr_literal(arena, constant);
        }
        struct weir_expr *pair[2] = { i ? literal : operand, i ? operand : literal };
        if (!weir_expr_call(arena, expr->function->name, pair, 2, &result, NULL)) return result;
    }
    return expr;
}

static struct weir_expr *simplify_cast(void *context, struct weir_arena *arena, struct weir_expr *expr)
{
    (void)context;
    if (expr->kind != WEIR_EXPR_CALL) return expr;
    if (expr->argument_count == 2) return narrow_comparison(arena, expr);
    if (!weir_expr_is_call(expr, "CAST")) return expr;
    struct weir_expr *operand = expr->arguments[0];
    /* A time attribute's cast takes the attribute away: it stays. */
    if (weir_type_same(operand->type, expr->type) &&
        operand->type->time_attribute == expr->type->time_attribute)
        return operand;
    if (!weir_expr_is_call(operand, "CAST")) return expr;
    struct weir_expr *inner = operand->arguments[0];
    bool integers = weir_type_is_integer(inner->type) && weir_type_is_integer(operand->type) &&
                    weir_type_is_integer(expr->type);
    bool widened = integers && operand->type->id >= inner->type->id;
    if (widened && weir_type_same(inner->type, expr->type)) return inner;
    return expr;
}

static struct weir_expr *simplify_casts(
    struct weir_planning *planning, struct weir_expr *expr, bool condition)
{
    (void)condition;
    return weir_expr_rewrite(planning->arena, expr, simplify_cast, planning);
}

static struct weir_rel *cast_elimination(struct weir_planning *planning, struct weir_rel *rel)
{
    return weir_rel_map_exprs(planning, rel, simplify_casts);
}

const struct weir_rewrite_rule weir_expression_rules[] = {
    { WEIR_RULE_CAST_ELIMINATION, cast_elimination },
    { WEIR_RULE_CONSTANT_FOLDING, constant_folding },
    { WEIR_RULE_CASE_SIMPLIFICATION, case_simplification },
    { WEIR_RULE_BOOLEAN_SIMPLIFICATION, boolean_simplification },
};
const uint32_t weir_expression_rule_count = WEIR_ARRAY_COUNT(weir_expression_rules);
