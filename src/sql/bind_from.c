/* FROM: tables, views, WITH items, sub-queries, joins. */
#include "sql/bind.h"

#include <string.h>

/* ------------------------------------------------------------------------------------------------ named
 * tables */

enum weir_error_code weir_bind_find(struct bind_context *context, const struct weir_sql_path *path,
    const char *what, const struct weir_sql_table **ret)
{
    struct weir_sql_identifier identifier;
    if (path->count > 3) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, path->span,
            "A name of one to three parts was expected: [catalog.][database.]table");
    }
    identifier.name = path->parts[path->count - 1].text;
    identifier.database = path->count > 1 ? path->parts[path->count - 2].text : context->database;
    identifier.catalog = path->count > 2 ? path->parts[0].text : context->catalog;
    *ret = weir_sql_catalog_find(context->input->catalog, &identifier);
    if (*ret) return WEIR_OK;
    const char *nearest = weir_sql_catalog_nearest(context->input->catalog, &identifier);
    return weir_bind_error(context, WEIR_E_SQL_VALIDATION, path->span, "%s '%s' not found%s%s%s", what,
        weir_bind_path_text(context, path), nearest ? "; did you mean '" : "", nearest ? nearest : "",
        nearest ? "'?" : "");
}

static enum weir_error_code rename_columns(struct bind_context *context, const struct weir_sql_names *names,
    struct weir_sql_span span, struct weir_rel **rel)
{
    if (!names->count) return WEIR_OK;
    if (names->count != (*rel)->field_count) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, span,
            "List of column aliases must have same degree as table; table has %u columns, whereas alias list "
            "has %u columns",
            (*rel)->field_count, names->count);
    }
    struct weir_expr **exprs = WEIR_ARENA_ARRAY(context->arena, struct weir_expr *, names->count + 1);
    const char **texts = WEIR_ARENA_ARRAY(context->arena, const char *, names->count + 1);
    for (uint32_t i = 0; i < names->count; i++) {
        exprs[i] = weir_bind_column(context, *rel, i);
        texts[i] = names->items[i].text;
        for (uint32_t k = 0; k < i; k++) {
            if (strcmp(texts[i], texts[k]) != 0) continue;
            return weir_bind_error(context, WEIR_E_SQL_VALIDATION, names->items[i].span,
                "Duplicate name '%s' in column alias list", texts[i]);
        }
    }
    *rel = weir_bind_project(context, *rel, exprs, texts, names->count, span);
    return WEIR_OK;
}

static enum weir_error_code bind_cte(
    struct bind_context *context, struct bind_cte *cte, struct weir_rel **ret)
{
    if (!cte->rel) {
        struct bind_cte *visible = context->ctes;
        context->ctes = cte->next; /* it sees only those before it */
        enum weir_error_code code = weir_bind_plain_query(context, cte->item->query, false, &cte->rel);
        context->ctes = visible;
        if (code) return code;
        WEIR_TRY(rename_columns(context, &cte->item->columns, cte->item->span, &cte->rel));
    }
    *ret = cte->rel;
    return WEIR_OK;
}

static enum weir_error_code bind_view_query(struct bind_context *context, const struct weir_sql_table *view,
    struct weir_sql_span span, struct weir_rel **ret)
{
    struct bind_context inner = *context;
    inner.catalog = view->query_catalog;
    inner.database = view->query_database;
    inner.ctes = NULL;
    inner.view_depth++;
    inner.within = context->within ? context->within : &span;
    if (inner.view_depth > BIND_VIEW_DEPTH_MAX) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, span, "Views are nested more than %d deep: %s",
            BIND_VIEW_DEPTH_MAX, view->identifier_text);
    }
    enum weir_error_code code = weir_bind_plain_query(&inner, view->query, false, ret);
    context->rel_count = inner.rel_count;
    context->shared = inner.shared;
    if (code) {
        weir_error_wrap(context->error, "The view '%s' cannot be expanded", view->identifier_text);
        return code;
    }
    struct weir_sql_name *names =
        WEIR_ARENA_ARRAY(context->arena, struct weir_sql_name, view->column_count + 1);
    bool same = view->column_count == (*ret)->field_count;
    for (uint32_t i = 0; i < view->column_count; i++) {
        names[i].text = view->columns[i].name;
        same = same && strcmp(names[i].text, (*ret)->fields[i].name) == 0;
    }
    struct weir_sql_names list = { view->column_count, names };
    return same ? WEIR_OK : rename_columns(context, &list, span, ret);
}

static enum weir_error_code bind_view(struct bind_context *context, const struct weir_sql_table *view,
    struct weir_sql_span span, struct weir_rel **ret)
{
    for (struct bind_shared *at = context->shared; at; at = at->next) {
        if (at->key == view) {
            *ret = at->rel;
            return WEIR_OK;
        }
    }
    WEIR_TRY(bind_view_query(context, view, span, ret));
    struct bind_shared *shared = WEIR_ARENA_NEW(context->arena, struct bind_shared);
    *shared = (struct bind_shared){ view, *ret, context->shared };
    context->shared = shared;
    return WEIR_OK;
}

enum weir_error_code weir_bind_named(struct bind_context *context, const struct weir_sql_path *path,
    const struct weir_sql_hints *hints, struct weir_rel **ret,
    const struct weir_sql_identifier **ret_identifier)
{
    *ret_identifier = NULL;
    for (struct bind_cte *cte = path->count == 1 ? context->ctes : NULL; cte; cte = cte->next) {
        if (strcmp(cte->item->name.text, path->parts[0].text) == 0) return bind_cte(context, cte, ret);
    }
    const struct weir_sql_table *table;
    WEIR_TRY(weir_bind_find(context, path, "Object", &table));
    *ret_identifier = &table->identifier;
    const struct weir_sql_options *options = hints ? weir_bind_options_hint(hints) : NULL;
    if (!table->is_view) return weir_bind_scan(context, table, options, path->span, ret);
    if (options) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, path->span,
            "View '%s' cannot be enriched with new options. Hints can only be applied to tables.",
            table->identifier_text);
    }
    return bind_view(context, table, path->span, ret);
}

/* --------------------------------------------------------------------------------------------------------
 * joins */

struct weir_rel *weir_bind_join(struct bind_context *context, enum weir_join_type type, struct weir_rel *left,
    struct weir_rel *right, struct weir_expr *condition, struct weir_sql_span span)
{
    struct weir_rel *rel = weir_bind_rel(context, WEIR_REL_JOIN, 2, span);
    struct weir_rel **inputs = (struct weir_rel **)(uintptr_t)rel->inputs;
    inputs[0] = left;
    inputs[1] = right;
    rel->join.type = type;
    rel->join.condition = condition;
    if (type == WEIR_JOIN_SEMI || type == WEIR_JOIN_ANTI) {
        rel->fields = left->fields;
        rel->field_count = left->field_count;
        return rel;
    }
    uint32_t count = left->field_count + right->field_count;
    struct weir_rel_field *fields = WEIR_ARENA_ARRAY(context->arena, struct weir_rel_field, count + 1);
    const char **names = WEIR_ARENA_ARRAY(context->arena, const char *, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        bool of_left = i < left->field_count;
        fields[i] = of_left ? left->fields[i] : right->fields[i - left->field_count];
        names[i] = fields[i].name;
        bool padded = type == WEIR_JOIN_FULL || type == (of_left ? WEIR_JOIN_RIGHT : WEIR_JOIN_LEFT);
        if (padded) fields[i].type = weir_type_nullable(context->arena, fields[i].type, true);
    }
    weir_bind_unique_names(context, names, count);
    for (uint32_t i = 0; i < count; i++) fields[i].name = names[i];
    rel->fields = fields;
    rel->field_count = count;
    return rel;
}

struct rebase {
    const struct weir_rel *rel;
    uint32_t by;
};

static struct weir_expr *rebase_column(void *context, struct weir_arena *arena, struct weir_expr *expr)
{
    const struct rebase *rebase = context;
    if (expr->kind != WEIR_EXPR_COLUMN) return expr;
    uint32_t column = expr->column + rebase->by;
    return weir_expr_column(arena, column, rebase->rel->fields[column].type);
}

/* Sources and columns of both sides, over the join's row. */
static void combine(
    struct bind_scope *left, struct bind_scope *right, struct weir_rel *join, struct bind_scope *to)
{
    struct bind_context *context = left->context;
    uint32_t sources = left->source_count + right->source_count,
             columns = left->column_count + right->column_count;
    memset(to, 0, sizeof *to);
    to->context = context;
    to->rel = join;
    to->clause = "ON";
    to->sources = WEIR_ARENA_ARRAY(context->arena, struct bind_source, sources + 1);
    to->source_count = sources;
    memcpy(to->sources, left->sources, left->source_count * sizeof *to->sources);
    memcpy(to->sources + left->source_count, right->sources, right->source_count * sizeof *to->sources);
    to->columns = WEIR_ARENA_ARRAY(context->arena, struct bind_column, columns + 1);
    to->column_count = columns;
    for (uint32_t i = 0; i < columns; i++) {
        bool of_left = i < left->column_count;
        struct bind_column *column = &to->columns[i];
        struct rebase rebase = { join, of_left ? 0 : left->rel->field_count };
        *column = of_left ? left->columns[i] : right->columns[i - left->column_count];
        column->expr = weir_expr_rewrite(context->arena, column->expr, rebase_column, &rebase);
        if (!of_left && column->source != UINT32_MAX) column->source += left->source_count;
    }
}

static enum weir_error_code using_column(struct bind_scope *scope, uint32_t begin, uint32_t end,
    const char *name, struct weir_sql_span span, struct bind_column **ret)
{
    *ret = NULL;
    for (uint32_t i = begin; i < end; i++) {
        struct bind_column *column = &scope->columns[i];
        if (column->hidden || strcmp(column->name, name) != 0) continue;
        if (*ret) {
            return weir_bind_error(scope->context, WEIR_E_SQL_VALIDATION, span,
                "Column name '%s' in NATURAL join or USING clause is not unique on one side of join", name);
        }
        *ret = column;
    }
    if (*ret) return WEIR_OK;
    return weir_bind_error(
        scope->context, WEIR_E_SQL_VALIDATION, span, "Column '%s' not found in any table", name);
}

/* The names that NATURAL joins on, in the left side's order. */
static void natural_names(
    const struct bind_scope *left, const struct bind_scope *right, struct weir_sql_names *ret)
{
    struct weir_sql_name *names =
        WEIR_ARENA_ARRAY(left->context->arena, struct weir_sql_name, left->column_count + 1);
    uint32_t count = 0;
    for (uint32_t i = 0; i < left->column_count; i++) {
        if (left->columns[i].hidden) continue;
        for (uint32_t k = 0; k < right->column_count; k++) {
            if (right->columns[k].hidden || strcmp(left->columns[i].name, right->columns[k].name) != 0)
                continue;
            names[count++].text = left->columns[i].name;
            break;
        }
    }
    ret->count = count;
    ret->items = names;
}

static enum weir_error_code join_using(struct bind_scope *scope, uint32_t left_count,
    enum weir_join_type type, const struct weir_sql_names *names, struct weir_sql_span span,
    struct weir_expr **ret)
{
    struct bind_context *context = scope->context;
    struct weir_expr **parts = WEIR_ARENA_ARRAY(context->arena, struct weir_expr *, names->count + 1);
    struct bind_column *columns =
        WEIR_ARENA_ARRAY(context->arena, struct bind_column, scope->column_count + names->count + 1);
    for (uint32_t i = 0; i < names->count; i++) {
        const char *name = names->items[i].text;
        struct weir_sql_span at = names->items[i].span.line ? names->items[i].span : span;
        struct bind_column *left, *right;
        WEIR_TRY(using_column(scope, 0, left_count, name, at, &left));
        WEIR_TRY(using_column(scope, left_count, scope->column_count, name, at, &right));
        WEIR_TRY(weir_bind_compare(context, WEIR_SQL_OPERATOR_EQUAL, left->expr, right->expr, at, &parts[i]));
        struct weir_expr *merged = type == WEIR_JOIN_RIGHT ? right->expr : left->expr;
        if (type == WEIR_JOIN_FULL) {
            struct weir_expr *both[2] = { left->expr, right->expr };
            WEIR_TRY(weir_bind_apply(context, "COALESCE", both, 2, at, &merged));
        }
        left->hidden = right->hidden = true;
        columns[i] = (struct bind_column){ name, UINT32_MAX, merged, false };
    }
    memcpy(columns + names->count, scope->columns, scope->column_count * sizeof *columns);
    scope->columns = columns;
    scope->column_count += names->count;
    if (names->count) *ret = weir_expr_and(context->arena, parts, names->count);
    return WEIR_OK;
}

static enum weir_error_code join_type(
    struct bind_context *context, const struct weir_sql_table_ref *ref, enum weir_join_type *ret)
{
    switch (ref->join.kind) {
    case WEIR_SQL_JOIN_LEFT: *ret = WEIR_JOIN_LEFT; return WEIR_OK;
    case WEIR_SQL_JOIN_RIGHT: *ret = WEIR_JOIN_RIGHT; return WEIR_OK;
    case WEIR_SQL_JOIN_FULL: *ret = WEIR_JOIN_FULL; return WEIR_OK;
    case WEIR_SQL_JOIN_LEFT_SEMI: return weir_bind_unsupported(context, ref->span, "LEFT SEMI JOIN");
    case WEIR_SQL_JOIN_LEFT_ANTI: return weir_bind_unsupported(context, ref->span, "LEFT ANTI JOIN");
    default: *ret = WEIR_JOIN_INNER; return WEIR_OK;
    }
}

static enum weir_error_code check_aliases(
    struct bind_context *context, const struct bind_scope *scope, struct weir_sql_span span)
{
    for (uint32_t i = 0; i < scope->source_count; i++) {
        for (uint32_t k = 0; k < i; k++) {
            const struct bind_source *a = &scope->sources[i], *b = &scope->sources[k];
            if (!a->alias || !b->alias || strcmp(a->alias, b->alias) != 0) continue;
            if (a->identifier && b->identifier && a->identifier != b->identifier)
                continue; /* db1.t and db2.t */
            return weir_bind_error(context, WEIR_E_SQL_VALIDATION, span,
                "Duplicate relation name '%s' in FROM clause", a->alias);
        }
    }
    return WEIR_OK;
}

/* STATE_TTL('a' = '1d', 'b' = '2d'), by the sides of this join: left_ttl, right_ttl. A side that is itself a
 * join has no name. */
static const struct weir_spec *side_hints(struct bind_context *context, const struct weir_spec *hints,
    const struct bind_scope *left, const struct bind_scope *right)
{
    static const char *const names[] = { "left_ttl", "right_ttl" };
    const struct weir_spec *ttl = weir_spec_get(hints, "STATE_TTL");
    const struct bind_scope *sides[] = { left, right };
    if (!ttl) return hints;
    struct weir_spec *map = weir_spec_map(context->arena);
    for (uint32_t i = 0; i < hints->count; i++)
        weir_spec_put(context->arena, map, hints->names[i], hints->items[i]);
    for (uint32_t s = 0; s < 2; s++) {
        const char *alias = sides[s]->source_count == 1 ? sides[s]->sources[0].alias : NULL;
        const char *value = alias ? weir_spec_get_text(ttl, alias, NULL) : NULL;
        if (value) weir_spec_put(context->arena, map, names[s], weir_spec_text(context->arena, value));
    }
    return map;
}

static bool lacks_condition(const struct weir_sql_table_ref *ref)
{
    if (ref->join.kind == WEIR_SQL_JOIN_COMMA || ref->join.kind == WEIR_SQL_JOIN_CROSS) return false;
    return !ref->join.natural && !ref->join.on && ref->join.using_.count == 0;
}

static enum weir_error_code bind_join(struct bind_context *context, const struct weir_sql_table_ref *ref,
    const struct weir_spec *hints, struct bind_scope *ret)
{
    struct bind_scope left, right;
    enum weir_join_type type = WEIR_JOIN_INNER;
    WEIR_TRY(join_type(context, ref, &type));
    WEIR_TRY(weir_bind_from(context, ref->join.left, hints, &left));
    WEIR_TRY(weir_bind_from(context, ref->join.right, hints, &right));
    if (lacks_condition(ref)) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, ref->join.right->span,
            "INNER, LEFT, RIGHT or FULL join requires a condition (NATURAL keyword or ON or USING clause); "
            "every "
            "row with every other is CROSS JOIN");
    }
    struct weir_rel *rel = weir_bind_join(context, type, left.rel, right.rel, NULL, ref->join.right->span);
    rel->join.hints = side_hints(context, hints, &left, &right);
    combine(&left, &right, rel, ret);
    WEIR_TRY(check_aliases(context, ret, ref->join.right->span));
    struct weir_sql_names names = ref->join.using_;
    if (ref->join.natural) natural_names(&left, &right, &names);
    if (names.count) {
        WEIR_TRY(join_using(ret, left.column_count, type, &names, ref->span, &rel->join.condition));
    } else if (ref->join.on) {
        ret->no_subqueries = true;
        WEIR_TRY(weir_bind_boolean(ret, ref->join.on, "ON clause", &rel->join.condition));
        ret->no_subqueries = false;
        if (weir_expr_is_literal_true(rel->join.condition)) rel->join.condition = NULL;
    }
    return WEIR_OK;
}

/* ---------------------------------------------------------------------------------------------------------
 * FROM */

static enum weir_error_code bind_simple(struct bind_context *context, const struct weir_sql_table_ref *ref,
    struct weir_rel **ret, const char **alias, const struct weir_sql_identifier **identifier)
{
    switch (ref->kind) {
    case WEIR_SQL_TABLE_NAMED:
        if (ref->system_time) {
            return weir_bind_unsupported(
                context, ref->system_time->span, "FOR SYSTEM_TIME AS OF (temporal and lookup joins)");
        }
        *alias = ref->name.parts[ref->name.count - 1].text;
        return weir_bind_named(context, &ref->name, &ref->hints, ret, identifier);
    case WEIR_SQL_TABLE_QUERY:
        if (ref->lateral) return weir_bind_unsupported(context, ref->span, "LATERAL");
        return weir_bind_plain_query(context, ref->query, false, ret);
    case WEIR_SQL_TABLE_FUNCTION:
        if (ref->lateral) return weir_bind_unsupported(context, ref->span, "LATERAL TABLE of a function");
        return weir_bind_table_function(context, ref, ret);
    case WEIR_SQL_TABLE_UNNEST: return weir_bind_unsupported(context, ref->span, "UNNEST");
    default: return weir_bind_unsupported(context, ref->span, "MATCH_RECOGNIZE");
    }
}

enum weir_error_code weir_bind_from(struct bind_context *context, const struct weir_sql_table_ref *from,
    const struct weir_spec *hints, struct bind_scope *ret)
{
    if (from->sample_percentage) return weir_bind_unsupported(context, from->span, "TABLESAMPLE");
    if (from->kind == WEIR_SQL_TABLE_JOIN) return bind_join(context, from, hints, ret);
    struct weir_rel *rel;
    const char *alias = NULL;
    const struct weir_sql_identifier *identifier = NULL;
    WEIR_TRY(bind_simple(context, from, &rel, &alias, &identifier));
    if (from->alias.text) {
        alias = from->alias.text;
        identifier = NULL;
    }
    WEIR_TRY(rename_columns(context, &from->columns, from->span, &rel));
    weir_bind_scope_of(context, rel, alias, identifier, ret);
    return WEIR_OK;
}
