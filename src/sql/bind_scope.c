/* Which column a name means. */
#include "sql/bind.h"

#include <string.h>

void weir_bind_scope_of(struct bind_context *context, struct weir_rel *rel, const char *alias,
    const struct weir_sql_identifier *identifier, struct bind_scope *ret)
{
    memset(ret, 0, sizeof *ret);
    ret->context = context;
    ret->rel = rel;
    ret->clause = "";
    ret->sources = WEIR_ARENA_NEW(context->arena, struct bind_source);
    ret->sources[0].alias = alias;
    ret->sources[0].identifier = identifier;
    ret->source_count = 1;
    ret->columns = WEIR_ARENA_ARRAY(context->arena, struct bind_column, rel->field_count + 1);
    ret->column_count = rel->field_count;
    for (uint32_t i = 0; i < rel->field_count; i++) {
        ret->columns[i].name = rel->fields[i].name;
        ret->columns[i].expr = weir_bind_column(context, rel, i);
    }
}

/* parts[0..count) of a path name this source: t, database.t or catalog.database.t */
static bool source_is(const struct bind_source *source, const struct weir_sql_path *path, uint32_t count)
{
    const struct weir_sql_identifier *identifier = source->identifier;
    const char *last = path->parts[count - 1].text;
    if (!source->alias || strcmp(source->alias, last) != 0) return false;
    if (count == 1) return true;
    if (!identifier || strcmp(path->parts[count - 2].text, identifier->database) != 0) return false;
    return count == 2 || (count == 3 && strcmp(path->parts[0].text, identifier->catalog) == 0);
}

static uint32_t find_source(const struct bind_scope *scope, const struct weir_sql_path *path, uint32_t count)
{
    for (uint32_t i = 0; i < scope->source_count; i++) {
        if (source_is(&scope->sources[i], path, count)) return i;
    }
    return UINT32_MAX;
}

static const struct bind_column *find_in_source(
    const struct bind_scope *scope, uint32_t source, const char *name)
{
    for (uint32_t i = 0; i < scope->column_count; i++) {
        if (scope->columns[i].source == source && strcmp(scope->columns[i].name, name) == 0)
            return &scope->columns[i];
    }
    return NULL;
}

static const struct bind_column *find_unqualified(
    const struct bind_scope *scope, const char *name, bool *ambiguous)
{
    const struct bind_column *found = NULL;
    *ambiguous = false;
    for (uint32_t i = 0; i < scope->column_count; i++) {
        const struct bind_column *column = &scope->columns[i];
        if (column->hidden || strcmp(column->name, name) != 0) continue;
        if (found) *ambiguous = true;
        if (!found) found = column;
    }
    return found;
}

enum weir_error_code weir_bind_field(struct bind_context *context, struct weir_expr *row, const char *name,
    struct weir_sql_span span, struct weir_expr **ret)
{
    const struct weir_type *type = row->type;
    if (type->id != WEIR_TYPE_ROW) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, span,
            "Incompatible types: field '%s' is asked of a value of type %s, a ROW was expected", name,
            weir_type_text(context->arena, type));
    }
    for (uint32_t i = 0; i < type->child_count; i++) {
        if (strcmp(type->field_names[i], name) != 0) continue;
        *ret = weir_expr_field(context->arena, row, i);
        return WEIR_OK;
    }
    const char *nearest = weir_sql_nearest(name, type->field_names, type->child_count);
    return weir_bind_error(context, WEIR_E_SQL_VALIDATION, span, "Field '%s' not found in %s%s%s%s", name,
        weir_type_text(context->arena, type), nearest ? "; did you mean '" : "", nearest ? nearest : "",
        nearest ? "'?" : "");
}

static enum weir_error_code not_found(
    struct bind_scope *scope, const struct weir_sql_path *path, struct weir_sql_span span)
{
    struct bind_context *context = scope->context;
    const char **names = WEIR_ARENA_ARRAY(context->arena, const char *, scope->column_count + 1);
    for (uint32_t i = 0; i < scope->column_count; i++) names[i] = scope->columns[i].name;
    uint32_t source = path->count > 1 ? find_source(scope, path, path->count - 1) : UINT32_MAX;
    if (path->count > 1 && source == UINT32_MAX && find_source(scope, path, 1) == UINT32_MAX) {
        return weir_bind_error(
            context, WEIR_E_SQL_VALIDATION, span, "Table '%s' not found", path->parts[0].text);
    }
    const char *name = path->parts[path->count > 1 && source == UINT32_MAX ? 1 : path->count - 1].text;
    const char *nearest = weir_sql_nearest(name, names, scope->column_count);
    const char *where =
        path->count > 1 ? weir_arena_format(context->arena, "table '%s'", path->parts[0].text) : "any table";
    return weir_bind_error(context, WEIR_E_SQL_VALIDATION, span, "Column '%s' not found in %s%s%s%s", name,
        where, nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
}

/* *used: parts of the path that name the column; the rest are fields. NULL: not in this scope. */
static enum weir_error_code find_column(struct bind_scope *scope, const struct weir_sql_path *path,
    struct weir_sql_span span, const struct bind_column **ret, uint32_t *used)
{
    *ret = NULL;
    uint32_t prefix = path->count - 1 > 3 ? 3 : path->count - 1;
    for (; prefix > 0; prefix--) {
        uint32_t source = find_source(scope, path, prefix);
        if (source == UINT32_MAX) continue;
        *ret = find_in_source(scope, source, path->parts[prefix].text);
        *used = prefix + 1;
        if (*ret) return WEIR_OK;
    }
    bool ambiguous;
    *ret = find_unqualified(scope, path->parts[0].text, &ambiguous);
    *used = 1;
    if (ambiguous) {
        return weir_bind_error(
            scope->context, WEIR_E_SQL_VALIDATION, span, "Column '%s' is ambiguous", path->parts[0].text);
    }
    return WEIR_OK;
}

/* Fields of ROW columns can be named without their column, where only one has that name: nearest first. */
struct peek {
    const char *name;
    uint32_t found;
    struct weir_expr *expr;
};

static void peek_fields(
    struct bind_context *context, struct peek *peek, struct weir_expr *row, uint32_t depth)
{
    const struct weir_type *type = row->type;
    if (type->id != WEIR_TYPE_ROW) return;
    for (uint32_t i = 0; i < type->child_count; i++) {
        if (depth > 0) {
            if (type->children[i]->id != WEIR_TYPE_ROW) continue;
            peek_fields(context, peek, weir_expr_field(context->arena, row, i), depth - 1);
        } else if (strcmp(type->field_names[i], peek->name) == 0) {
            peek->found++;
            peek->expr = weir_expr_field(context->arena, row, i);
        }
    }
}

enum { PEEK_DEPTH_MAX = 4 };

static enum weir_error_code find_nested(struct bind_scope *scope, const struct weir_sql_path *path,
    struct weir_sql_span span, struct weir_expr **ret)
{
    struct peek peek = { .name = path->parts[0].text };
    *ret = NULL;
    for (uint32_t depth = 0; depth < PEEK_DEPTH_MAX && !peek.found; depth++) {
        for (uint32_t i = 0; i < scope->column_count; i++) {
            if (!scope->columns[i].hidden) peek_fields(scope->context, &peek, scope->columns[i].expr, depth);
        }
    }
    if (peek.found > 1) {
        return weir_bind_error(
            scope->context, WEIR_E_SQL_VALIDATION, span, "Column '%s' is ambiguous", path->parts[0].text);
    }
    *ret = peek.expr;
    return WEIR_OK;
}

static struct weir_expr *as_outer(void *context, struct weir_arena *arena, struct weir_expr *expr)
{
    const struct weir_sql_span *span = context;
    if (expr->kind != WEIR_EXPR_COLUMN) return expr;
    struct weir_expr *outer = weir_expr_column(arena, BIND_OUTER | expr->column, expr->type);
    outer->line = span->line;
    outer->column_position = span->column;
    return outer;
}

enum weir_error_code weir_bind_path(struct bind_scope *scope, const struct weir_sql_path *path,
    struct weir_sql_span span, struct weir_expr **ret)
{
    struct bind_context *context = scope->context;
    const struct bind_column *column;
    uint32_t used;
    WEIR_TRY(find_column(scope, path, span, &column, &used));
    uint32_t level = 0;
    for (struct bind_scope *outer = scope->outer; !column && outer; outer = outer->outer) {
        level++;
        WEIR_TRY(find_column(outer, path, span, &column, &used));
    }
    if (!column) {
        struct weir_expr *nested;
        WEIR_TRY(find_nested(scope, path, span, &nested));
        if (!nested) return not_found(scope, path, span);
        for (uint32_t i = 1; i < path->count; i++) {
            WEIR_TRY(weir_bind_field(context, nested, path->parts[i].text, path->parts[i].span, &nested));
        }
        *ret = nested;
        return WEIR_OK;
    }
    if (level > 1) {
        return weir_bind_unsupported(
            context, span, "A column of a query that is more than one level outside");
    }
    struct weir_expr *expr = column->expr;
    if (level) {
        expr = weir_expr_rewrite(context->arena, expr, as_outer, &span);
        scope->correlated = true;
    } else {
        struct weir_expr *copy = WEIR_ARENA_NEW(context->arena, struct weir_expr);
        *copy = *expr;
        copy->line = span.line;
        copy->column_position = span.column;
        expr = copy;
    }
    for (uint32_t i = used; i < path->count; i++) {
        WEIR_TRY(weir_bind_field(context, expr, path->parts[i].text, path->parts[i].span, &expr));
    }
    *ret = expr;
    return WEIR_OK;
}

struct star {
    struct weir_expr **exprs;
    const char **names;
    uint32_t count;
};

static void star_add(struct star *star, const char *name, struct weir_expr *expr)
{
    star->exprs[star->count] = expr;
    star->names[star->count++] = name;
}

/* row.* */
static enum weir_error_code star_of_row(struct bind_scope *scope, const struct weir_sql_path *qualifier,
    struct weir_sql_span span, struct star *star)
{
    struct bind_context *context = scope->context;
    struct weir_expr *row;
    bool ambiguous;
    if (!find_unqualified(scope, qualifier->parts[0].text, &ambiguous) &&
        (qualifier->count == 1 || find_source(scope, qualifier, 1) == UINT32_MAX)) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, span, "Unknown identifier '%s'",
            weir_bind_path_text(context, qualifier));
    }
    WEIR_TRY(weir_bind_path(scope, qualifier, span, &row));
    if (row->type->id != WEIR_TYPE_ROW) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, span,
            "'%s.*' asks for a table or a ROW, but '%s' is of type %s",
            weir_bind_path_text(context, qualifier), weir_bind_path_text(context, qualifier),
            weir_type_text(context->arena, row->type));
    }
    star->exprs = WEIR_ARENA_ARRAY(context->arena, struct weir_expr *, row->type->child_count + 1);
    star->names = WEIR_ARENA_ARRAY(context->arena, const char *, row->type->child_count + 1);
    for (uint32_t i = 0; i < row->type->child_count; i++) {
        star_add(star, row->type->field_names[i], weir_expr_field(context->arena, row, i));
    }
    return WEIR_OK;
}

enum weir_error_code weir_bind_star(struct bind_scope *scope, const struct weir_sql_path *qualifier,
    struct weir_sql_span span, struct weir_expr ***ret, const char ***ret_names, uint32_t *ret_count)
{
    struct bind_context *context = scope->context;
    struct star star = { WEIR_ARENA_ARRAY(context->arena, struct weir_expr *, scope->column_count + 1),
        WEIR_ARENA_ARRAY(context->arena, const char *, scope->column_count + 1), 0 };
    if (qualifier->count == 0) {
        for (uint32_t i = 0; i < scope->column_count; i++) {
            const struct bind_column *column = &scope->columns[i];
            if (!column->hidden) star_add(&star, column->name, column->expr);
        }
    } else {
        uint32_t source = find_source(scope, qualifier, qualifier->count > 3 ? 3 : qualifier->count);
        if (source == UINT32_MAX || qualifier->count > 3) {
            WEIR_TRY(star_of_row(scope, qualifier, span, &star));
        } else {
            for (uint32_t i = 0; i < scope->column_count; i++) {
                const struct bind_column *column = &scope->columns[i];
                if (column->source == source) star_add(&star, column->name, column->expr);
            }
        }
    }
    *ret = star.exprs;
    *ret_names = star.names;
    *ret_count = star.count;
    return WEIR_OK;
}
