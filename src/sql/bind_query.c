/* Queries around SELECT: WITH, VALUES, UNION, ORDER BY and LIMIT over them. */
#include "sql/bind.h"

#include <string.h>

/* --------------------------------------------------------------------------------------------- limit and
 * order */

static enum weir_error_code bind_count(
    struct bind_context *context, const struct weir_sql_expr *ast, const char *what, int64_t *ret)
{
    if (!ast) return WEIR_OK;
    struct weir_expr *literal;
    if (ast->kind == WEIR_SQL_EXPR_NUMBER && ast->number.kind == WEIR_SQL_NUMBER_INTEGER) {
        WEIR_TRY(weir_bind_literal(context, ast, &literal));
        if (weir_bind_literal_i64(literal, ret) && *ret >= 0) return WEIR_OK;
    }
    return weir_bind_error(
        context, WEIR_E_SQL_VALIDATION, ast->span, "%s needs an integer literal that is not negative", what);
}

enum weir_error_code weir_bind_limit(
    struct bind_context *context, const struct weir_sql_query *query, int64_t *offset, int64_t *limit)
{
    *offset = 0;
    *limit = -1;
    WEIR_TRY(bind_count(context, query->offset, "OFFSET", offset));
    return bind_count(context, query->limit, "LIMIT", limit);
}

static enum weir_error_code order_column(
    struct bind_scope *scope, const struct weir_sql_expr *ast, struct weir_expr **ret)
{
    struct bind_context *context = scope->context;
    if (ast->kind != WEIR_SQL_EXPR_NUMBER) return weir_bind_expr(scope, ast, ret);
    struct weir_expr *literal;
    int64_t ordinal;
    WEIR_TRY(weir_bind_literal(context, ast, &literal));
    if (!weir_bind_literal_i64(literal, &ordinal) || ordinal < 1 || ordinal > scope->column_count) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, ast->span, "Ordinal out of range");
    }
    *ret = scope->columns[ordinal - 1].expr;
    return WEIR_OK;
}

/* ORDER BY and LIMIT over what a query that is no SELECT gives. */
static enum weir_error_code order_and_limit(
    struct bind_context *context, const struct weir_sql_query *query, bool top, struct weir_rel **rel)
{
    int64_t offset, limit;
    WEIR_TRY(weir_bind_limit(context, query, &offset, &limit));
    bool limited = offset > 0 || limit >= 0;
    bool sorted = query->order_by.count && (top || limited);
    if (!limited && !sorted) return WEIR_OK;
    uint32_t width = (*rel)->field_count, count = width;
    struct bind_scope scope;
    weir_bind_scope_of(context, *rel, NULL, NULL, &scope);
    scope.clause = "ORDER BY";
    scope.no_subqueries = true;
    struct weir_expr **exprs =
        WEIR_ARENA_ARRAY(context->arena, struct weir_expr *, width + query->order_by.count + 1);
    const char **names = WEIR_ARENA_ARRAY(context->arena, const char *, width + query->order_by.count + 1);
    struct weir_sort_key *keys =
        WEIR_ARENA_ARRAY(context->arena, struct weir_sort_key, query->order_by.count + 1);
    for (uint32_t i = 0; i < width; i++) {
        exprs[i] = scope.columns[i].expr;
        names[i] = (*rel)->fields[i].name;
    }
    for (uint32_t i = 0; sorted && i < query->order_by.count; i++) {
        const struct weir_sql_order_item *item = &query->order_by.items[i];
        struct weir_expr *expr;
        WEIR_TRY(order_column(&scope, item->expr, &expr));
        bool first = item->null_order == WEIR_SQL_NULL_ORDER_UNSAID
                         ? !item->descending
                         : item->null_order == WEIR_SQL_NULL_ORDER_FIRST;
        keys[i] = (struct weir_sort_key){ count, item->descending, first };
        if (expr->kind == WEIR_EXPR_COLUMN) {
            keys[i].column = expr->column;
        } else {
            exprs[count] = expr;
            names[count++] = "EXPR$";
        }
    }
    if (count > width) {
        weir_bind_unique_names(context, names, count);
        *rel = weir_bind_project(context, *rel, exprs, names, count, query->span);
    }
    struct weir_rel *sort = weir_bind_rel1(context, WEIR_REL_SORT, *rel, query->span);
    sort->sort.keys = keys;
    sort->sort.key_count = sorted ? query->order_by.count : 0;
    sort->sort.offset = offset;
    sort->sort.limit = limit;
    *rel = sort;
    if (count > width) *rel = weir_bind_project(context, *rel, exprs, names, width, query->span);
    return WEIR_OK;
}

/* -------------------------------------------------------------------------------------------------
 * conversions */

struct weir_rel *weir_bind_convert(struct bind_context *context, struct weir_rel *rel,
    const struct weir_type *const *types, struct weir_sql_span span)
{
    bool change = false;
    struct weir_expr **exprs = WEIR_ARENA_ARRAY(context->arena, struct weir_expr *, rel->field_count + 1);
    const char **names = WEIR_ARENA_ARRAY(context->arena, const char *, rel->field_count + 1);
    for (uint32_t i = 0; i < rel->field_count; i++) {
        const struct weir_type *from = rel->fields[i].type, *to = types[i];
        exprs[i] = weir_bind_column(context, rel, i);
        names[i] = rel->fields[i].name;
        if (from->time_attribute != to->time_attribute) {
            exprs[i] = weir_bind_without_time_attribute(context, exprs[i]);
            change = true;
        }
        if (weir_type_same(from, to)) continue;
        change = true;
        if (weir_expr_cast(context->arena, exprs[i], to, false, &exprs[i], NULL) != WEIR_OK) {
            exprs[i] = weir_expr_null(context->arena, to); /* only an untyped NULL gets here */
        }
    }
    return change ? weir_bind_project(context, rel, exprs, names, rel->field_count, span) : rel;
}

/* -------------------------------------------------------------------------------------------------------
 * VALUES */

static uint32_t row_width(const struct weir_sql_expr *row)
{
    return row->kind == WEIR_SQL_EXPR_ROW ? row->items.count : 1;
}

static enum weir_error_code bind_rows(struct bind_context *context, const struct weir_sql_exprs *values,
    uint32_t width, struct weir_expr ***rows)
{
    struct bind_scope scope = { .context = context, .clause = "VALUES", .no_subqueries = true };
    for (uint32_t r = 0; r < values->count; r++) {
        const struct weir_sql_expr *row = values->items[r];
        if (row_width(row) != width) {
            return weir_bind_error(context, WEIR_E_SQL_VALIDATION, row->span,
                "Values passed to VALUES operator must have compatible types: row 1 has %u values, row %u "
                "has %u",
                width, r + 1, row_width(row));
        }
        rows[r] = WEIR_ARENA_ARRAY(context->arena, struct weir_expr *, width + 1);
        for (uint32_t i = 0; i < width; i++) {
            const struct weir_sql_expr *item = row->kind == WEIR_SQL_EXPR_ROW ? row->items.items[i] : row;
            WEIR_TRY(weir_bind_expr(&scope, item, &rows[r][i]));
        }
    }
    return WEIR_OK;
}

static enum weir_error_code bind_values(
    struct bind_context *context, const struct weir_sql_query *query, struct weir_rel **ret)
{
    const struct weir_sql_exprs *values = &query->values;
    uint32_t width = row_width(values->items[0]);
    struct weir_expr ***rows = WEIR_ARENA_ARRAY(context->arena, struct weir_expr **, values->count + 1);
    WEIR_TRY(bind_rows(context, values, width, rows));
    struct weir_rel *rel = weir_bind_rel(context, WEIR_REL_VALUES, 0, query->span);
    struct weir_rel_field *fields = WEIR_ARENA_ARRAY(context->arena, struct weir_rel_field, width + 1);
    const struct weir_type **types =
        WEIR_ARENA_ARRAY(context->arena, const struct weir_type *, values->count + 1);
    for (uint32_t i = 0; i < width; i++) {
        bool nullable = false;
        for (uint32_t r = 0; r < values->count; r++) {
            rows[r][i] = weir_bind_without_time_attribute(context, rows[r][i]);
            types[r] = rows[r][i]->type;
            nullable |= types[r]->nullable;
        }
        const struct weir_type *type = weir_expr_common_type(context->arena, types, values->count);
        if (!type) {
            return weir_bind_error(context, WEIR_E_SQL_VALIDATION, query->span,
                "Values passed to VALUES operator must have compatible types: column %u has none in common",
                i + 1);
        }
        fields[i] = (struct weir_rel_field){ weir_arena_format(context->arena, "EXPR$%u", i),
            weir_type_nullable(context->arena, type, nullable) };
        for (uint32_t r = 0; r < values->count; r++) {
            if (weir_type_same(types[r], type)) continue;
            WEIR_TRY(weir_bind_cast(context, rows[r][i], type, false, values->items[r]->span, &rows[r][i]));
        }
    }
    rel->fields = fields;
    rel->field_count = width;
    rel->values.rows = (struct weir_expr *const *const *)rows;
    rel->values.row_count = values->count;
    *ret = rel;
    return WEIR_OK;
}

/* ------------------------------------------------------------------------------------------------- set
 * operations */

struct terms {
    const struct weir_sql_query **items;
    uint32_t count, capacity;
};

static bool is_bare_union(const struct weir_sql_query *query, bool all)
{
    return query->kind == WEIR_SQL_QUERY_SET_OPERATION && query->set.operation == WEIR_SQL_SET_UNION &&
           query->set.all == all && !query->with_count && !query->order_by.count && !query->limit &&
           !query->offset;
}

/* The operands of a left-deep chain of UNION ALLs (or of UNIONs). */
static void collect_terms(struct bind_context *context, const struct weir_sql_query *query, bool all,
    bool root, struct terms *terms)
{
    if (root || is_bare_union(query, all)) {
        collect_terms(context, query->set.left, all, false, terms);
        query = query->set.right;
    }
    terms->items =
        weir_bind_grow(context, terms->items, terms->count, &terms->capacity, sizeof *terms->items);
    terms->items[terms->count++] = query;
}

static enum weir_error_code common_types(struct bind_context *context, struct weir_rel *const *rels,
    const struct terms *terms, const char *name, const struct weir_type ***ret)
{
    uint32_t width = rels[0]->field_count;
    const struct weir_type **types = WEIR_ARENA_ARRAY(context->arena, const struct weir_type *, width + 1);
    const struct weir_type **column =
        WEIR_ARENA_ARRAY(context->arena, const struct weir_type *, terms->count + 1);
    for (uint32_t t = 1; t < terms->count; t++) {
        if (rels[t]->field_count == width) continue;
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, terms->items[t]->span,
            "Column count mismatch in %s: %u and %u", name, width, rels[t]->field_count);
    }
    for (uint32_t i = 0; i < width; i++) {
        bool nullable = false, attributes_differ = false;
        uint8_t attribute = rels[0]->fields[i].type->time_attribute;
        for (uint32_t t = 0; t < terms->count; t++) {
            const struct weir_type *type = rels[t]->fields[i].type;
            column[t] = weir_type_with_time_attribute(context->arena, type, WEIR_TIME_ATTRIBUTE_NONE);
            nullable |= type->nullable;
            attributes_differ |= type->time_attribute != attribute;
        }
        types[i] = weir_expr_common_type(context->arena, column, terms->count);
        if (!types[i]) {
            return weir_bind_error(context, WEIR_E_SQL_VALIDATION, terms->items[1]->span,
                "Type mismatch in column %u of %s: %s and %s", i + 1, name,
                weir_type_text(context->arena, column[0]), weir_type_text(context->arena, column[1]));
        }
        types[i] = weir_type_nullable(context->arena, types[i], nullable);
        bool keep = !attributes_differ && weir_type_same(types[i], column[0]);
        if (keep) types[i] = weir_type_with_time_attribute(context->arena, types[i], attribute);
    }
    *ret = types;
    return WEIR_OK;
}

static enum weir_error_code bind_union(
    struct bind_context *context, const struct weir_sql_query *query, struct weir_rel **ret)
{
    const char *name = query->set.all ? "UNION ALL" : "UNION";
    struct terms terms = { 0 };
    collect_terms(context, query, query->set.all, true, &terms);
    struct weir_rel **rels = WEIR_ARENA_ARRAY(context->arena, struct weir_rel *, terms.count + 1);
    for (uint32_t i = 0; i < terms.count; i++) {
        WEIR_TRY(weir_bind_plain_query(context, terms.items[i], false, &rels[i]));
    }
    const struct weir_type **types = NULL;
    WEIR_TRY(common_types(context, rels, &terms, name, &types));
    struct weir_rel *rel = weir_bind_rel(context, WEIR_REL_UNION, terms.count, query->span);
    for (uint32_t i = 0; i < terms.count; i++) {
        ((struct weir_rel **)(uintptr_t)rel->inputs)[i] =
            weir_bind_convert(context, rels[i], types, query->span);
    }
    uint32_t width = rels[0]->field_count;
    struct weir_rel_field *fields = WEIR_ARENA_ARRAY(context->arena, struct weir_rel_field, width + 1);
    for (uint32_t i = 0; i < width; i++)
        fields[i] = (struct weir_rel_field){ rels[0]->fields[i].name, types[i] };
    rel->fields = fields;
    rel->field_count = width;
    *ret = query->set.all ? rel : weir_bind_rel1(context, WEIR_REL_DISTINCT, rel, query->span);
    return WEIR_OK;
}

static enum weir_error_code bind_set_operation(
    struct bind_context *context, const struct weir_sql_query *query, struct weir_rel **ret)
{
    switch (query->set.operation) {
    case WEIR_SQL_SET_UNION: return bind_union(context, query, ret);
    case WEIR_SQL_SET_INTERSECT: return weir_bind_unsupported(context, query->span, "INTERSECT");
    default: return weir_bind_unsupported(context, query->span, "EXCEPT");
    }
}

/* --------------------------------------------------------------------------------------------------------
 * queries */

static enum weir_error_code push_with(struct bind_context *context, const struct weir_sql_query *query)
{
    if (query->recursive) return weir_bind_unsupported(context, query->span, "WITH RECURSIVE");
    for (uint32_t i = 0; i < query->with_count; i++) {
        for (uint32_t k = 0; k < i; k++) {
            if (strcmp(query->with[i].name.text, query->with[k].name.text) != 0) continue;
            return weir_bind_error(context, WEIR_E_SQL_VALIDATION, query->with[i].span,
                "The name '%s' is given twice in WITH", query->with[i].name.text);
        }
        struct bind_cte *cte = WEIR_ARENA_NEW(context->arena, struct bind_cte);
        cte->item = &query->with[i];
        cte->next = context->ctes;
        context->ctes = cte;
    }
    return WEIR_OK;
}

static enum weir_error_code bind_other(
    struct bind_context *context, const struct weir_sql_query *query, bool top, struct weir_rel **ret)
{
    const struct weir_sql_identifier *identifier;
    switch (query->kind) {
    case WEIR_SQL_QUERY_VALUES: WEIR_TRY(bind_values(context, query, ret)); break;
    case WEIR_SQL_QUERY_SET_OPERATION: WEIR_TRY(bind_set_operation(context, query, ret)); break;
    case WEIR_SQL_QUERY_TABLE:
        WEIR_TRY(weir_bind_named(context, &query->table, NULL, ret, &identifier));
        break;
    default: WEIR_TRY(weir_bind_plain_query(context, query->nested, false, ret)); break;
    }
    return order_and_limit(context, query, top, ret);
}

enum weir_error_code weir_bind_query(struct bind_context *context, const struct weir_sql_query *query,
    struct bind_scope *outer, bool top, struct bind_result *ret)
{
    struct bind_cte *ctes = context->ctes;
    memset(ret, 0, sizeof *ret);
    WEIR_TRY(push_with(context, query));
    enum weir_error_code code;
    if (query->kind == WEIR_SQL_QUERY_SELECT) {
        code = weir_bind_select(context, query, outer, top, ret);
    } else {
        code = bind_other(context, query, top, &ret->rel);
        if (!code) ret->visible_count = ret->rel->field_count;
    }
    context->ctes = ctes;
    return code;
}

enum weir_error_code weir_bind_plain_query(
    struct bind_context *context, const struct weir_sql_query *query, bool top, struct weir_rel **ret)
{
    struct bind_result result;
    WEIR_TRY(weir_bind_query(context, query, NULL, top, &result));
    *ret = result.rel;
    return WEIR_OK;
}
