/* Expressions: operators and special forms. Calls are in bind_call.c. */
#include "expr/function.h"
#include "sql/bind.h"

#include <string.h>

static const char *const operator_names[WEIR_SQL_OPERATOR_COUNT] = {
    [WEIR_SQL_OPERATOR_EQUAL] = "=",
    [WEIR_SQL_OPERATOR_NOT_EQUAL] = "<>",
    [WEIR_SQL_OPERATOR_LESS] = "<",
    [WEIR_SQL_OPERATOR_LESS_OR_EQUAL] = "<=",
    [WEIR_SQL_OPERATOR_GREATER] = ">",
    [WEIR_SQL_OPERATOR_GREATER_OR_EQUAL] = ">=",
    [WEIR_SQL_OPERATOR_IS_DISTINCT_FROM] = "IS DISTINCT FROM",
    [WEIR_SQL_OPERATOR_IS_NOT_DISTINCT_FROM] = "IS NOT DISTINCT FROM",
    [WEIR_SQL_OPERATOR_CONCAT] = "||",
    [WEIR_SQL_OPERATOR_ADD] = "+",
    [WEIR_SQL_OPERATOR_SUBTRACT] = "-",
    [WEIR_SQL_OPERATOR_MULTIPLY] = "*",
    [WEIR_SQL_OPERATOR_DIVIDE] = "/",
    [WEIR_SQL_OPERATOR_MODULO] = "%",
};

static const char *const refused_operators[WEIR_SQL_OPERATOR_COUNT] = {
    [WEIR_SQL_OPERATOR_CONTAINS] = "CONTAINS",
    [WEIR_SQL_OPERATOR_EQUALS] = "EQUALS of periods",
    [WEIR_SQL_OPERATOR_PRECEDES] = "PRECEDES",
    [WEIR_SQL_OPERATOR_SUCCEEDS] = "SUCCEEDS",
    [WEIR_SQL_OPERATOR_IMMEDIATELY_PRECEDES] = "IMMEDIATELY PRECEDES",
    [WEIR_SQL_OPERATOR_IMMEDIATELY_SUCCEEDS] = "IMMEDIATELY SUCCEEDS",
    [WEIR_SQL_OPERATOR_MEMBER_OF] = "MEMBER OF",
    [WEIR_SQL_OPERATOR_SUBMULTISET_OF] = "SUBMULTISET OF",
    [WEIR_SQL_OPERATOR_RUNNING] = "RUNNING",
    [WEIR_SQL_OPERATOR_FINAL] = "FINAL",
};

enum weir_error_code weir_bind_apply(struct bind_context *context, const char *name,
    struct weir_expr *const *arguments, uint32_t count, struct weir_sql_span span, struct weir_expr **ret)
{
    if (context->error) context->error->line = context->error->column = 0;
    enum weir_error_code code = weir_expr_call(context->arena, name, arguments, count, ret, context->error);
    if (code) return weir_bind_at(context, code, span);
    *ret = weir_bind_without_time_attribute(context, *ret);
    if ((*ret)->line == 0) {
        (*ret)->line = span.line;
        (*ret)->column_position = span.column;
    }
    return WEIR_OK;
}

enum weir_error_code weir_bind_cast(struct bind_context *context, struct weir_expr *expr,
    const struct weir_type *type, bool try_cast, struct weir_sql_span span, struct weir_expr **ret)
{
    if (context->error) context->error->line = context->error->column = 0;
    enum weir_error_code code = weir_expr_cast(context->arena, expr, type, try_cast, ret, context->error);
    if (code) return weir_bind_at(context, code, span);
    *ret = weir_bind_without_time_attribute(context, *ret);
    return WEIR_OK;
}

static enum weir_error_code bind_list(
    struct bind_scope *scope, const struct weir_sql_exprs *list, struct weir_expr ***ret)
{
    struct weir_expr **exprs = WEIR_ARENA_ARRAY(scope->context->arena, struct weir_expr *, list->count + 1);
    for (uint32_t i = 0; i < list->count; i++) WEIR_TRY(weir_bind_expr(scope, list->items[i], &exprs[i]));
    *ret = exprs;
    return WEIR_OK;
}

enum weir_error_code weir_bind_boolean(
    struct bind_scope *scope, const struct weir_sql_expr *ast, const char *clause, struct weir_expr **ret)
{
    struct bind_context *context = scope->context;
    WEIR_TRY(weir_bind_expr(scope, ast, ret));
    if ((*ret)->type->id == WEIR_TYPE_NULL)
        *ret = weir_expr_null(context->arena, weir_type_of(WEIR_TYPE_BOOLEAN));
    if ((*ret)->type->id == WEIR_TYPE_BOOLEAN) return WEIR_OK;
    return weir_bind_error(context, WEIR_E_SQL_VALIDATION, ast->span,
        "%s must be a condition, but it is of type %s", clause, weir_type_text(context->arena, (*ret)->type));
}

/* ------------------------------------------------------------------------------------------- comparisons */

/* Elements of a ROW(...) constructor, or the expression itself. */
static uint32_t row_parts(struct weir_expr **expr, struct weir_expr *const **ret)
{
    const struct weir_expr *row = *expr;
    if (row->kind == WEIR_EXPR_CALL && strcmp(row->function->name, "ROW") == 0) {
        *ret = row->arguments;
        return row->argument_count;
    }
    *ret = expr;
    return 0;
}

static enum weir_error_code compare_rows(struct bind_context *context, enum weir_sql_operator op,
    struct weir_expr *const *left, struct weir_expr *const *right, uint32_t count, struct weir_sql_span span,
    struct weir_expr **ret)
{
    bool negated = op == WEIR_SQL_OPERATOR_NOT_EQUAL || op == WEIR_SQL_OPERATOR_IS_DISTINCT_FROM;
    struct weir_expr **parts = WEIR_ARENA_ARRAY(context->arena, struct weir_expr *, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        WEIR_TRY(weir_bind_compare(context, op, left[i], right[i], span, &parts[i]));
    }
    *ret = negated ? weir_expr_or(context->arena, parts, count) : weir_expr_and(context->arena, parts, count);
    return WEIR_OK;
}

enum weir_error_code weir_bind_compare(struct bind_context *context, enum weir_sql_operator op,
    struct weir_expr *left, struct weir_expr *right, struct weir_sql_span span, struct weir_expr **ret)
{
    struct weir_expr *const *left_parts, *const *right_parts;
    uint32_t left_count = row_parts(&left, &left_parts), right_count = row_parts(&right, &right_parts);
    bool ordered = op >= WEIR_SQL_OPERATOR_LESS && op <= WEIR_SQL_OPERATOR_GREATER_OR_EQUAL;
    if (left_count && right_count && !ordered) {
        if (left_count == right_count) {
            return compare_rows(context, op, left_parts, right_parts, left_count, span, ret);
        }
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, span,
            "Unequal number of entries in ROW expressions: %u and %u", left_count, right_count);
    }
    struct weir_expr *arguments[2] = { left, right };
    return weir_bind_apply(context, operator_names[op], arguments, 2, span, ret);
}

static bool is_and(const struct weir_sql_expr *ast)
{
    return ast->kind == WEIR_SQL_EXPR_BINARY && ast->binary.op == WEIR_SQL_OPERATOR_AND;
}

static uint32_t count_conjuncts(const struct weir_sql_expr *ast)
{
    return is_and(ast) ? count_conjuncts(ast->binary.left) + count_conjuncts(ast->binary.right) : 1;
}

static const struct weir_sql_expr **put_conjuncts(
    const struct weir_sql_expr *ast, const struct weir_sql_expr **to)
{
    if (is_and(ast)) return put_conjuncts(ast->binary.right, put_conjuncts(ast->binary.left, to));
    *to = ast;
    return to + 1;
}

uint32_t weir_bind_conjuncts(
    struct bind_context *context, const struct weir_sql_expr *ast, const struct weir_sql_expr ***ret)
{
    uint32_t count =
        count_conjuncts(ast); /* on both sides: of parentheses, and because long chains are balanced */
    *ret = WEIR_ARENA_ARRAY(context->arena, const struct weir_sql_expr *, count);
    put_conjuncts(ast, *ret);
    return count;
}

/* A left-deep chain of ANDs or ORs as one n-ary node. */
static enum weir_error_code bind_junction(
    struct bind_scope *scope, const struct weir_sql_expr *ast, struct weir_expr **ret)
{
    struct weir_arena *arena = scope->context->arena;
    enum weir_sql_operator op = ast->binary.op;
    const char *name = op == WEIR_SQL_OPERATOR_AND ? "Operand of AND" : "Operand of OR";
    uint32_t count = 1;
    for (const struct weir_sql_expr *at = ast; at->kind == WEIR_SQL_EXPR_BINARY && at->binary.op == op;
         at = at->binary.left) {
        count++;
    }
    struct weir_expr **parts = WEIR_ARENA_ARRAY(arena, struct weir_expr *, count);
    const struct weir_sql_expr **items = WEIR_ARENA_ARRAY(arena, const struct weir_sql_expr *, count);
    uint32_t index = count;
    while (index > 1) {
        items[--index] = ast->binary.right;
        ast = ast->binary.left;
    }
    items[0] = ast;
    for (uint32_t i = 0; i < count; i++) WEIR_TRY(weir_bind_boolean(scope, items[i], name, &parts[i]));
    *ret =
        op == WEIR_SQL_OPERATOR_AND ? weir_expr_and(arena, parts, count) : weir_expr_or(arena, parts, count);
    return WEIR_OK;
}

static enum weir_error_code bind_overlaps(
    struct bind_scope *scope, const struct weir_sql_expr *ast, struct weir_expr **ret)
{
    struct bind_context *context = scope->context;
    const struct weir_sql_expr *sides[2] = { ast->binary.left, ast->binary.right };
    struct weir_expr *arguments[4];
    for (int i = 0; i < 2; i++) {
        if (sides[i]->kind != WEIR_SQL_EXPR_ROW || sides[i]->items.count != 2) {
            return weir_bind_error(context, WEIR_E_SQL_VALIDATION, sides[i]->span,
                "OVERLAPS needs a period (start, end) or (start, interval) on either side");
        }
        WEIR_TRY(weir_bind_expr(scope, sides[i]->items.items[0], &arguments[2 * i]));
        WEIR_TRY(weir_bind_expr(scope, sides[i]->items.items[1], &arguments[2 * i + 1]));
    }
    return weir_bind_apply(context, "OVERLAPS", arguments, 4, ast->span, ret);
}

static enum weir_error_code bind_binary(
    struct bind_scope *scope, const struct weir_sql_expr *ast, struct weir_expr **ret)
{
    struct bind_context *context = scope->context;
    enum weir_sql_operator op = ast->binary.op;
    if (op == WEIR_SQL_OPERATOR_AND || op == WEIR_SQL_OPERATOR_OR) return bind_junction(scope, ast, ret);
    if (op == WEIR_SQL_OPERATOR_OVERLAPS) return bind_overlaps(scope, ast, ret);
    if (refused_operators[op]) return weir_bind_unsupported(context, ast->span, refused_operators[op]);
    struct weir_expr *arguments[2];
    WEIR_TRY(weir_bind_expr(scope, ast->binary.left, &arguments[0]));
    WEIR_TRY(weir_bind_expr(scope, ast->binary.right, &arguments[1]));
    if (op <= WEIR_SQL_OPERATOR_IS_NOT_DISTINCT_FROM) {
        return weir_bind_compare(context, op, arguments[0], arguments[1], ast->span, ret);
    }
    return weir_bind_apply(context, operator_names[op], arguments, 2, ast->span, ret);
}

static enum weir_error_code bind_unary(
    struct bind_scope *scope, const struct weir_sql_expr *ast, struct weir_expr **ret)
{
    struct bind_context *context = scope->context;
    const struct weir_sql_expr *of = ast->unary.of;
    if (refused_operators[ast->unary.op]) {
        return weir_bind_unsupported(context, ast->span, refused_operators[ast->unary.op]);
    }
    if (ast->unary.op == WEIR_SQL_OPERATOR_NOT) {
        WEIR_TRY(weir_bind_boolean(scope, of, "Operand of NOT", ret));
        *ret = weir_expr_not(context->arena, *ret);
        return WEIR_OK;
    }
    if (ast->unary.op == WEIR_SQL_OPERATOR_PLUS) return weir_bind_expr(scope, of, ret);
    if (of->kind == WEIR_SQL_EXPR_NUMBER || of->kind == WEIR_SQL_EXPR_INTERVAL) {
        struct weir_expr *literal;
        WEIR_TRY(weir_bind_literal(context, of, &literal));
        struct weir_expr *negative = weir_bind_negate_literal(context, literal);
        if (negative) {
            *ret = negative;
            return WEIR_OK;
        }
    }
    struct weir_expr *argument;
    WEIR_TRY(weir_bind_expr(scope, of, &argument));
    return weir_bind_apply(context, "-", &argument, 1, ast->span, ret);
}

static enum weir_error_code bind_is(
    struct bind_scope *scope, const struct weir_sql_expr *ast, struct weir_expr **ret)
{
    static const char *const names[][2] = {
        [WEIR_SQL_IS_NULL] = { "IS NULL", "IS NOT NULL" },
        [WEIR_SQL_IS_TRUE] = { "IS TRUE", "IS NOT TRUE" },
        [WEIR_SQL_IS_FALSE] = { "IS FALSE", "IS NOT FALSE" },
        [WEIR_SQL_IS_UNKNOWN] = { "IS NULL", "IS NOT NULL" },
        [WEIR_SQL_IS_JSON_VALUE] = { NULL, "IS JSON" },
        [WEIR_SQL_IS_JSON_OBJECT] = { NULL, "IS JSON OBJECT" },
        [WEIR_SQL_IS_JSON_ARRAY] = { NULL, "IS JSON ARRAY" },
        [WEIR_SQL_IS_JSON_SCALAR] = { NULL, "IS JSON SCALAR" },
        [WEIR_SQL_IS_A_SET] = { NULL, "IS A SET" },
        [WEIR_SQL_IS_EMPTY] = { NULL, "IS EMPTY" },
    };
    struct bind_context *context = scope->context;
    if (!names[ast->is.what][0]) return weir_bind_unsupported(context, ast->span, names[ast->is.what][1]);
    struct weir_expr *argument;
    if (ast->is.what == WEIR_SQL_IS_NULL) {
        WEIR_TRY(weir_bind_expr(scope, ast->is.of, &argument));
    } else {
        WEIR_TRY(
            weir_bind_boolean(scope, ast->is.of, "Operand of IS TRUE, IS FALSE and IS UNKNOWN", &argument));
    }
    return weir_bind_apply(context, names[ast->is.what][ast->is.negated], &argument, 1, ast->span, ret);
}

static enum weir_error_code bind_range(struct bind_context *context, struct weir_expr *of,
    struct weir_expr *low, struct weir_expr *high, struct weir_sql_span span, struct weir_expr **ret)
{
    struct weir_expr *bounds[2];
    WEIR_TRY(weir_bind_compare(context, WEIR_SQL_OPERATOR_GREATER_OR_EQUAL, of, low, span, &bounds[0]));
    WEIR_TRY(weir_bind_compare(context, WEIR_SQL_OPERATOR_LESS_OR_EQUAL, of, high, span, &bounds[1]));
    *ret = weir_expr_and(context->arena, bounds, 2);
    return WEIR_OK;
}

static enum weir_error_code bind_between(
    struct bind_scope *scope, const struct weir_sql_expr *ast, struct weir_expr **ret)
{
    struct bind_context *context = scope->context;
    struct weir_expr *of, *low, *high;
    WEIR_TRY(weir_bind_expr(scope, ast->between.of, &of));
    WEIR_TRY(weir_bind_expr(scope, ast->between.low, &low));
    WEIR_TRY(weir_bind_expr(scope, ast->between.high, &high));
    WEIR_TRY(bind_range(context, of, low, high, ast->span, ret));
    if (ast->between.symmetric) {
        struct weir_expr *both[2] = { *ret, NULL };
        WEIR_TRY(bind_range(context, of, high, low, ast->span, &both[1]));
        *ret = weir_expr_or(context->arena, both, 2);
    }
    if (ast->between.negated) *ret = weir_expr_not(context->arena, *ret);
    return WEIR_OK;
}

static enum weir_error_code bind_like(
    struct bind_scope *scope, const struct weir_sql_expr *ast, struct weir_expr **ret)
{
    struct bind_context *context = scope->context;
    struct weir_expr *arguments[3];
    uint32_t count = 2;
    WEIR_TRY(weir_bind_expr(scope, ast->like.of, &arguments[0]));
    WEIR_TRY(weir_bind_expr(scope, ast->like.pattern, &arguments[1]));
    if (ast->like.escape) WEIR_TRY(weir_bind_expr(scope, ast->like.escape, &arguments[count++]));
    const char *name = "LIKE";
    if (ast->like.kind == WEIR_SQL_SIMILAR_TO) name = "SIMILAR TO";
    if (ast->like.kind == WEIR_SQL_RLIKE) name = "REGEXP";
    if (ast->like.kind == WEIR_SQL_ILIKE) {
        for (uint32_t i = 0; i < 2; i++) {
            WEIR_TRY(weir_bind_apply(context, "LOWER", &arguments[i], 1, ast->span, &arguments[i]));
        }
    }
    WEIR_TRY(weir_bind_apply(context, name, arguments, count, ast->span, ret));
    if (ast->like.negated) *ret = weir_expr_not(context->arena, *ret);
    return WEIR_OK;
}

static enum weir_error_code bind_any_of(struct bind_scope *scope, struct weir_expr *of,
    const struct weir_sql_exprs *list, enum weir_sql_operator op, bool all, struct weir_sql_span span,
    struct weir_expr **ret)
{
    struct bind_context *context = scope->context;
    struct weir_expr **items, **parts = WEIR_ARENA_ARRAY(context->arena, struct weir_expr *, list->count + 1);
    WEIR_TRY(bind_list(scope, list, &items));
    for (uint32_t i = 0; i < list->count; i++) {
        WEIR_TRY(weir_bind_compare(context, op, of, items[i], span, &parts[i]));
    }
    *ret = all ? weir_expr_and(context->arena, parts, list->count)
               : weir_expr_or(context->arena, parts, list->count);
    return WEIR_OK;
}

static enum weir_error_code bind_in_list(
    struct bind_scope *scope, const struct weir_sql_expr *ast, struct weir_expr **ret)
{
    struct weir_expr *of;
    WEIR_TRY(weir_bind_expr(scope, ast->in.of, &of));
    WEIR_TRY(bind_any_of(scope, of, &ast->in.list, WEIR_SQL_OPERATOR_EQUAL, false, ast->span, ret));
    if (ast->in.negated) *ret = weir_expr_not(scope->context->arena, *ret);
    return WEIR_OK;
}

static enum weir_error_code bind_quantified(
    struct bind_scope *scope, const struct weir_sql_expr *ast, struct weir_expr **ret)
{
    if (ast->quantified.query) {
        return weir_bind_unsupported(scope->context, ast->span, "ALL, ANY and SOME with a sub-query");
    }
    struct weir_expr *of;
    WEIR_TRY(weir_bind_expr(scope, ast->quantified.of, &of));
    bool all = ast->quantified.quantifier == WEIR_SQL_QUANTIFIED_ALL;
    return bind_any_of(scope, of, &ast->quantified.list, ast->quantified.op, all, ast->span, ret);
}

/* ------------------------------------------------------------------------------------------------- the rest
 */

static enum weir_error_code bind_case(
    struct bind_scope *scope, const struct weir_sql_expr *ast, struct weir_expr **ret)
{
    struct bind_context *context = scope->context;
    uint32_t count = ast->switch_.count;
    struct weir_expr **pairs = WEIR_ARENA_ARRAY(context->arena, struct weir_expr *, 2 * count + 1);
    struct weir_expr *operand = NULL, *otherwise = NULL;
    if (ast->switch_.operand) WEIR_TRY(weir_bind_expr(scope, ast->switch_.operand, &operand));
    for (uint32_t i = 0; i < count; i++) {
        const struct weir_sql_when *when = &ast->switch_.whens[i];
        if (operand) {
            struct weir_expr *value;
            WEIR_TRY(weir_bind_expr(scope, when->when, &value));
            WEIR_TRY(weir_bind_compare(
                context, WEIR_SQL_OPERATOR_EQUAL, operand, value, when->when->span, &pairs[2 * i]));
        } else {
            WEIR_TRY(weir_bind_boolean(scope, when->when, "WHEN of CASE", &pairs[2 * i]));
        }
        WEIR_TRY(weir_bind_expr(scope, when->then, &pairs[2 * i + 1]));
    }
    if (ast->switch_.otherwise) WEIR_TRY(weir_bind_expr(scope, ast->switch_.otherwise, &otherwise));
    if (context->error) context->error->line = context->error->column = 0;
    WEIR_TRY(weir_bind_at(
        context, weir_expr_case(context->arena, pairs, count, otherwise, ret, context->error), ast->span));
    *ret = weir_bind_without_time_attribute(context, *ret);
    return WEIR_OK;
}

static enum weir_error_code bind_item(
    struct bind_scope *scope, const struct weir_sql_expr *ast, struct weir_expr **ret)
{
    struct bind_context *context = scope->context;
    struct weir_expr *arguments[2];
    WEIR_TRY(weir_bind_expr(scope, ast->item.of, &arguments[0]));
    WEIR_TRY(weir_bind_expr(scope, ast->item.index, &arguments[1]));
    const struct weir_type *type = arguments[0]->type;
    if (type->id != WEIR_TYPE_ROW) return weir_bind_apply(context, "$ITEM", arguments, 2, ast->span, ret);
    int64_t index;
    if (weir_bind_literal_i64(arguments[1], &index)) {
        if (index < 1 || index > type->child_count) {
            return weir_bind_error(context, WEIR_E_SQL_VALIDATION, ast->item.index->span,
                "ROW type has %u fields, field %lld was asked", type->child_count, (long long)index);
        }
        *ret = weir_expr_field(context->arena, arguments[0], (uint32_t)index - 1);
        return WEIR_OK;
    }
    if (ast->item.index->kind == WEIR_SQL_EXPR_STRING) {
        return weir_bind_field(context, arguments[0], ast->item.index->string.text, ast->span, ret);
    }
    return weir_bind_error(context, WEIR_E_SQL_VALIDATION, ast->item.index->span,
        "A field of a ROW is asked by a literal: its name or its number");
}

static enum weir_error_code bind_constructor(
    struct bind_scope *scope, const struct weir_sql_expr *ast, const char *name, struct weir_expr **ret)
{
    struct weir_expr **arguments;
    WEIR_TRY(bind_list(scope, &ast->items, &arguments));
    return weir_bind_apply(scope->context, name, arguments, ast->items.count, ast->span, ret);
}

static enum weir_error_code bind_cast(
    struct bind_scope *scope, const struct weir_sql_expr *ast, struct weir_expr **ret)
{
    struct bind_context *context = scope->context;
    const struct weir_type *type;
    WEIR_TRY(weir_bind_type(context, ast->cast.type, &type));
    struct weir_expr *of;
    WEIR_TRY(weir_bind_expr(scope, ast->cast.of, &of));
    return weir_bind_cast(context, of, type, ast->cast.try_, ast->span, ret);
}

static enum weir_error_code bind_interval_of(
    struct bind_scope *scope, const struct weir_sql_expr *ast, struct weir_expr **ret)
{
    struct weir_sql_expr one = *ast;
    one.kind = WEIR_SQL_EXPR_INTERVAL;
    one.interval.text = "1";
    struct weir_expr *arguments[2];
    WEIR_TRY(weir_bind_expr(scope, ast->interval.value, &arguments[0]));
    WEIR_TRY(weir_bind_literal(scope->context, &one, &arguments[1]));
    return weir_bind_apply(scope->context, "*", arguments, 2, ast->span, ret);
}

static enum weir_error_code bind_number(
    struct bind_scope *scope, const struct weir_sql_expr *ast, struct weir_expr **ret)
{
    int64_t number;
    WEIR_TRY(weir_bind_literal(scope->context, ast, ret));
    if (weir_bind_literal_i64(*ret, &number) && number == INT64_MIN) { /* 2^63 without its minus */
        return weir_bind_error(scope->context, WEIR_E_SQL_VALIDATION, ast->span,
            "Numeric literal '%s' out of range", ast->number.text);
    }
    return WEIR_OK;
}

static enum weir_error_code bind_field(
    struct bind_scope *scope, const struct weir_sql_expr *ast, struct weir_expr **ret)
{
    if (ast->field.star) {
        return weir_bind_error(
            scope->context, WEIR_E_SQL_VALIDATION, ast->span, "row.* can only stand in a SELECT list");
    }
    struct weir_expr *of;
    WEIR_TRY(weir_bind_expr(scope, ast->field.of, &of));
    return weir_bind_field(scope->context, of, ast->field.name.text, ast->field.name.span, ret);
}

static enum weir_error_code bind_other(
    struct bind_scope *scope, const struct weir_sql_expr *ast, struct weir_expr **ret)
{
    struct bind_context *context = scope->context;
    switch (ast->kind) {
    case WEIR_SQL_EXPR_STAR:
        return weir_bind_error(
            context, WEIR_E_SQL_VALIDATION, ast->span, "'*' can only stand in a SELECT list and in COUNT(*)");
    case WEIR_SQL_EXPR_UNIQUE: return weir_bind_unsupported(context, ast->span, "UNIQUE");
    case WEIR_SQL_EXPR_JSON_CALL:
        return weir_bind_unsupported(context, ast->span, weir_bind_path_text(context, &ast->json.call->name));
    case WEIR_SQL_EXPR_MULTISET: return weir_bind_unsupported(context, ast->span, "The MULTISET constructor");
    case WEIR_SQL_EXPR_COLLECTION_QUERY:
        return weir_bind_unsupported(context, ast->span, "ARRAY, MAP or MULTISET of a query");
    case WEIR_SQL_EXPR_MODEL: return weir_bind_unsupported(context, ast->span, "MODEL");
    case WEIR_SQL_EXPR_DEFAULT: return weir_bind_unsupported(context, ast->span, "DEFAULT as a value");
    case WEIR_SQL_EXPR_SYMBOL: /* a unit or the like, as the function takes it */
        *ret = weir_expr_literal(
            context->arena, weir_value_string(context->arena, ast->symbol, strlen(ast->symbol)));
        return WEIR_OK;
    default:
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, ast->span,
            "This can only stand among the arguments of a table function");
    }
}

enum weir_error_code weir_bind_expr(
    struct bind_scope *scope, const struct weir_sql_expr *ast, struct weir_expr **ret)
{
    switch (ast->kind) {
    case WEIR_SQL_EXPR_NUMBER: return bind_number(scope, ast, ret);
    case WEIR_SQL_EXPR_NULL:
    case WEIR_SQL_EXPR_BOOLEAN:
    case WEIR_SQL_EXPR_STRING:
    case WEIR_SQL_EXPR_BINARY_STRING:
    case WEIR_SQL_EXPR_DATE:
    case WEIR_SQL_EXPR_TIME:
    case WEIR_SQL_EXPR_TIMESTAMP:
    case WEIR_SQL_EXPR_TIMESTAMP_LTZ:
    case WEIR_SQL_EXPR_INTERVAL: return weir_bind_literal(scope->context, ast, ret);
    case WEIR_SQL_EXPR_INTERVAL_OF: return bind_interval_of(scope, ast, ret);
    case WEIR_SQL_EXPR_COLUMN: return weir_bind_path(scope, &ast->column, ast->span, ret);
    case WEIR_SQL_EXPR_FIELD: return bind_field(scope, ast, ret);
    case WEIR_SQL_EXPR_ITEM: return bind_item(scope, ast, ret);
    case WEIR_SQL_EXPR_UNARY: return bind_unary(scope, ast, ret);
    case WEIR_SQL_EXPR_BINARY: return bind_binary(scope, ast, ret);
    case WEIR_SQL_EXPR_IS: return bind_is(scope, ast, ret);
    case WEIR_SQL_EXPR_BETWEEN: return bind_between(scope, ast, ret);
    case WEIR_SQL_EXPR_LIKE: return bind_like(scope, ast, ret);
    case WEIR_SQL_EXPR_IN_LIST: return bind_in_list(scope, ast, ret);
    case WEIR_SQL_EXPR_IN_QUERY:
    case WEIR_SQL_EXPR_EXISTS: return weir_bind_membership(scope, ast, ret);
    case WEIR_SQL_EXPR_QUANTIFIED: return bind_quantified(scope, ast, ret);
    case WEIR_SQL_EXPR_CASE: return bind_case(scope, ast, ret);
    case WEIR_SQL_EXPR_CAST: return bind_cast(scope, ast, ret);
    case WEIR_SQL_EXPR_CALL: return weir_bind_call(scope, ast, ret);
    case WEIR_SQL_EXPR_ROW: return bind_constructor(scope, ast, "ROW", ret);
    case WEIR_SQL_EXPR_ARRAY: return bind_constructor(scope, ast, "ARRAY", ret);
    case WEIR_SQL_EXPR_MAP: return bind_constructor(scope, ast, "MAP", ret);
    case WEIR_SQL_EXPR_SUBQUERY: return weir_bind_scalar_query(scope, ast, ret);
    default: return bind_other(scope, ast, ret);
    }
}
