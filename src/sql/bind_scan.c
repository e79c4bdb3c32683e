/* A catalog table as nodes: Scan, ChangelogNormalize, Project (metadata and computed columns), Watermark. */
#include "sql/bind.h"

#include <string.h>

const struct weir_sql_options *weir_bind_options_hint(const struct weir_sql_hints *hints)
{
    for (uint32_t i = 0; i < hints->count; i++) {
        if (strcmp(hints->items[i].name, "OPTIONS") == 0) return &hints->items[i].options;
    }
    return NULL;
}

enum weir_error_code weir_bind_metadata(struct bind_context *context, const struct weir_sql_table *table,
    const struct weir_spec *options, uint32_t column, struct weir_sql_span span,
    const struct weir_sql_metadata_column **ret)
{
    const struct weir_sql_connectors *connectors = context->input->connectors;
    const struct weir_sql_table_descriptor *descriptor =
        weir_sql_table_describe(table, options, context->input->batch, context->arena);
    const char *key = table->columns[column].metadata_key;
    const struct weir_sql_metadata_column *all;
    uint32_t count;
    WEIR_TRY(weir_bind_at(
        context, connectors->metadata(connectors->context, descriptor, &all, &count, context->error), span));
    const char **keys = WEIR_ARENA_ARRAY(context->arena, const char *, count + 1);
    const char *list = "";
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(all[i].key, key) == 0) {
            *ret = &all[i];
            return WEIR_OK;
        }
        keys[i] = all[i].key;
        list = weir_arena_format(context->arena, "%s\n%s", list, all[i].key);
    }
    const char *nearest = weir_sql_nearest(key, keys, count);
    return weir_bind_error(context, WEIR_E_SQL_VALIDATION, span,
        "Invalid metadata key '%s' in column '%s' of table '%s'%s%s%s\nThe connector supports the following "
        "metadata keys:%s",
        key, table->columns[column].name, table->identifier_text, nearest ? "; did you mean '" : ".",
        nearest ? nearest : "", nearest ? "'?" : "", count ? list : " none");
}

enum weir_error_code weir_bind_table_expr(struct bind_context *context, const struct weir_sql_table *table,
    const struct weir_sql_expr *ast, bool with_computed, struct weir_expr **ret)
{
    struct weir_rel rel = { 0 };
    struct weir_rel_field *fields =
        WEIR_ARENA_ARRAY(context->arena, struct weir_rel_field, table->column_count + 1);
    for (uint32_t i = 0; i < table->column_count; i++) {
        const struct weir_type *type = table->columns[i].type;
        fields[i] =
            (struct weir_rel_field){ table->columns[i].name, type ? type : weir_type_of(WEIR_TYPE_NULL) };
    }
    rel.fields = fields;
    rel.field_count = table->column_count;
    struct bind_scope scope;
    weir_bind_scope_of(context, &rel, table->identifier.name, &table->identifier, &scope);
    uint32_t count = 0;
    for (uint32_t i = 0; i < table->column_count; i++) {
        if (with_computed || table->columns[i].kind != WEIR_SQL_COLUMN_COMPUTED)
            scope.columns[count++] = scope.columns[i];
    }
    scope.column_count = count;
    scope.clause = "a table's definition";
    scope.no_subqueries = true;
    return weir_bind_expr(&scope, ast, ret);
}

/* ---------------------------------------------------------------------------------------------------------
 * nodes */

static enum weir_error_code scan_node(struct bind_context *context, const struct weir_sql_table *table,
    const struct weir_spec *options, struct weir_sql_span span, struct weir_rel **ret)
{
    const struct weir_sql_connectors *connectors = context->input->connectors;
    struct weir_sql_source_description *source =
        WEIR_ARENA_NEW(context->arena, struct weir_sql_source_description);
    const struct weir_sql_table_descriptor *descriptor =
        weir_sql_table_describe(table, options, context->input->batch, context->arena);
    enum weir_error_code code =
        connectors->describe_source(connectors->context, descriptor, source, context->error);
    if (code) {
        weir_error_wrap(
            context->error, "Unable to create a source for reading table '%s'", table->identifier_text);
        return weir_bind_at(context, code, span);
    }
    struct weir_rel *rel = weir_bind_rel(context, WEIR_REL_SCAN, 0, span);
    struct weir_rel_field *fields =
        WEIR_ARENA_ARRAY(context->arena, struct weir_rel_field, table->column_count + 1);
    struct weir_scan_column *columns =
        WEIR_ARENA_ARRAY(context->arena, struct weir_scan_column, table->column_count + 1);
    uint32_t count = 0;
    for (uint32_t i = 0; i < table->column_count; i++) {
        if (table->columns[i].kind != WEIR_SQL_COLUMN_PHYSICAL) continue;
        fields[count] = (struct weir_rel_field){ table->columns[i].name, table->columns[i].type };
        columns[count] = (struct weir_scan_column){ .column = count };
        count++;
    }
    for (uint32_t i = 0; i < table->column_count; i++) {
        if (table->columns[i].kind != WEIR_SQL_COLUMN_METADATA) continue;
        const struct weir_sql_metadata_column *metadata;
        WEIR_TRY(weir_bind_metadata(context, table, options, i, span, &metadata));
        fields[count] = (struct weir_rel_field){ table->columns[i].name, metadata->type };
        columns[count] = (struct weir_scan_column){ .column = UINT32_MAX, .metadata = metadata->key };
        count++;
    }
    rel->fields = fields;
    rel->field_count = count;
    rel->scan.table = table;
    rel->scan.columns = columns;
    rel->scan.options = options;
    rel->scan.source = source;
    *ret = rel;
    return WEIR_OK;
}

static enum weir_error_code normalize(struct bind_context *context, const struct weir_sql_table *table,
    struct weir_sql_span span, struct weir_rel **rel)
{
    uint32_t kinds = (*rel)->scan.source->changelog_kinds;
    if (!(kinds & WEIR_SQL_KIND_UA) || kinds & WEIR_SQL_KIND_UB) return WEIR_OK;
    if (!table->primary_key_name) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, span,
            "Table '%s' produces a changelog stream that contains UPDATE_AFTER but no UPDATE_BEFORE, "
            "this requires defining primary key constraint on the table.",
            table->identifier_text);
    }
    uint32_t *keys = WEIR_ARENA_ARRAY(context->arena, uint32_t, table->primary_key_count + 1);
    for (uint32_t i = 0; i < table->primary_key_count; i++) {
        keys[i] = weir_sql_table_physical_index(table, table->primary_key[i]);
    }
    *rel = weir_bind_rel1(context, WEIR_REL_CHANGELOG_NORMALIZE, *rel, span);
    (*rel)->normalize.keys = keys;
    (*rel)->normalize.key_count = table->primary_key_count;
    return WEIR_OK;
}

/* Declared columns in their order over the scan's row. */
static enum weir_error_code declared_columns(struct bind_context *context, const struct weir_sql_table *table,
    struct weir_sql_span span, struct weir_rel **rel)
{
    uint32_t count = table->column_count, physical = 0, metadata = weir_sql_table_physical_count(table);
    bool identity = metadata == count;
    if (identity) return WEIR_OK;
    struct weir_expr **exprs = WEIR_ARENA_ARRAY(context->arena, struct weir_expr *, count + 1);
    const char **names = WEIR_ARENA_ARRAY(context->arena, const char *, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        const struct weir_sql_table_column *column = &table->columns[i];
        names[i] = column->name;
        if (column->kind == WEIR_SQL_COLUMN_PHYSICAL) exprs[i] = weir_bind_column(context, *rel, physical++);
        if (column->kind != WEIR_SQL_COLUMN_METADATA) continue;
        exprs[i] = weir_bind_column(context, *rel, metadata++);
        WEIR_TRY(weir_bind_cast(context, exprs[i], column->type, false, span, &exprs[i]));
    }
    for (uint32_t i = 0; i < count; i++) { /* over the declared columns, so their expressions are put in */
        if (table->columns[i].kind != WEIR_SQL_COLUMN_COMPUTED) continue;
        struct weir_expr *computed;
        WEIR_TRY(weir_bind_table_expr(context, table, table->columns[i].expr, false, &computed));
        exprs[i] = weir_expr_substitute(context->arena, computed, exprs);
    }
    *rel = weir_bind_project(context, *rel, exprs, names, count, span);
    return WEIR_OK;
}

static enum weir_error_code watermark_node(struct bind_context *context, const struct weir_sql_table *table,
    const struct weir_spec *options, struct weir_sql_span span, struct weir_rel **rel)
{
    if (!table->has_watermark || context->input->batch) return WEIR_OK;
    struct weir_expr *expr;
    WEIR_TRY(weir_bind_table_expr(context, table, table->watermark_expr, true, &expr));
    struct weir_rel *input = *rel;
    *rel = weir_bind_rel1(context, WEIR_REL_WATERMARK, input, span);
    struct weir_rel_field *fields =
        WEIR_ARENA_ARRAY(context->arena, struct weir_rel_field, input->field_count + 1);
    memcpy(fields, input->fields, input->field_count * sizeof *fields);
    struct weir_rel_field *time = &fields[table->watermark_column];
    time->type = weir_type_with_time_attribute(context->arena, time->type, WEIR_TIME_ATTRIBUTE_ROWTIME);
    (*rel)->fields = fields;
    (*rel)->watermark.rowtime = table->watermark_column;
    (*rel)->watermark.expression = expr;
    (*rel)->watermark.options = options;
    return WEIR_OK;
}

static enum weir_error_code table_nodes(struct bind_context *context, const struct weir_sql_table *table,
    const struct weir_sql_options *hint, struct weir_sql_span span, struct weir_rel **ret)
{
    const struct weir_spec *options = weir_sql_table_options(table, hint, context->arena);
    WEIR_TRY(scan_node(context, table, options, span, ret));
    WEIR_TRY(normalize(context, table, span, ret));
    WEIR_TRY(declared_columns(context, table, span, ret));
    return watermark_node(context, table, options, span, ret);
}

enum weir_error_code weir_bind_scan(struct bind_context *context, const struct weir_sql_table *table,
    const struct weir_sql_options *hint, struct weir_sql_span span, struct weir_rel **ret)
{
    for (struct bind_shared *at = hint ? NULL : context->shared; at; at = at->next) {
        if (at->key != table) continue;
        *ret = at->rel;
        return WEIR_OK;
    }
    struct bind_context inner = *context; /* the definition's text has positions of its own */
    inner.within = context->within ? context->within : &span;
    enum weir_error_code code = table_nodes(&inner, table, hint, span, ret);
    context->rel_count = inner.rel_count;
    if (code || hint) return code;
    struct bind_shared *shared = WEIR_ARENA_NEW(context->arena, struct bind_shared);
    *shared = (struct bind_shared){ table, *ret, context->shared };
    context->shared = shared;
    return WEIR_OK;
}
