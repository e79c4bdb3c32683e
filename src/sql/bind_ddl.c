/* CREATE, ALTER, DROP and USE: catalog statements. */
#include "sql/bind.h"
#include "sql/parser.h"

#include <string.h>

enum { VIEW_TEXT_BYTES_MAX = 4 << 20 };

/* ---------------------------------------------------------------------------------------------------------
 * views */

static enum weir_error_code fill_view(struct bind_context *context, struct weir_sql_table *view,
    const struct weir_sql_query *query, const struct weir_sql_name *columns, const char *const *comments,
    uint32_t column_count)
{
    struct weir_rel *rel;
    WEIR_TRY(weir_bind_plain_query(context, query, false, &rel));
    if (column_count && column_count != rel->field_count) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, columns[0].span,
            "VIEW definition and input fields not match:\n\tThe view has %u columns, its query has %u",
            column_count, rel->field_count);
    }
    struct weir_sql_table_column *list =
        WEIR_ARENA_ARRAY(&view->arena, struct weir_sql_table_column, rel->field_count + 1);
    for (uint32_t i = 0; i < rel->field_count; i++) {
        const struct weir_type *type =
            weir_type_with_time_attribute(context->arena, rel->fields[i].type, WEIR_TIME_ATTRIBUTE_NONE);
        list[i].name = weir_arena_string(&view->arena, column_count ? columns[i].text : rel->fields[i].name);
        list[i].kind = WEIR_SQL_COLUMN_PHYSICAL;
        list[i].type = weir_type_copy(&view->arena, type);
        if (comments && comments[i]) list[i].comment = weir_arena_string(&view->arena, comments[i]);
        for (uint32_t k = 0; k < i; k++) {
            if (strcmp(list[i].name, list[k].name) != 0) continue;
            return weir_bind_error(context, WEIR_E_SQL_VALIDATION, query->span,
                "A column with the same name '%s' has been defined at %u-th position.", list[i].name, k + 1);
        }
    }
    view->columns = list;
    view->column_count = rel->field_count;
    struct weir_buffer text;
    weir_buffer_init(&text, context->input->memory, VIEW_TEXT_BYTES_MAX);
    weir_sql_print_query(query, &text);
    view->query_text = weir_arena_string(&view->arena, weir_buffer_text(&text));
    weir_buffer_done(&text);
    view->query_catalog = weir_arena_string(&view->arena, weir_sql_catalog_current(context->input->catalog));
    view->query_database =
        weir_arena_string(&view->arena, weir_sql_catalog_current_database(context->input->catalog));
    return weir_bind_at(context,
        weir_sql_parse_query(
            &view->arena, view->query_text, strlen(view->query_text), &view->query, context->error),
        query->span);
}

enum weir_error_code weir_bind_make_view(struct bind_context *context, const struct weir_sql_path *path,
    bool temporary, const struct weir_sql_query *query, const struct weir_sql_name *columns,
    const char *const *column_comments, uint32_t column_count, const char *comment,
    struct weir_sql_table **ret)
{
    struct weir_sql_identifier identifier;
    WEIR_TRY(weir_bind_identifier(context, path, &identifier));
    struct weir_sql_table *view = weir_sql_table_new(weir_sql_catalog_memory(context->input->catalog));
    weir_bind_set_identifier(view, &identifier);
    view->temporary = temporary;
    view->is_view = true;
    view->comment = comment ? weir_arena_string(&view->arena, comment) : NULL;
    enum weir_error_code code = fill_view(context, view, query, columns, column_comments, column_count);
    if (code) {
        weir_sql_table_free(view);
        return code;
    }
    *ret = view;
    return WEIR_OK;
}

static enum weir_error_code create_view(
    struct bind_context *context, const struct weir_sql_create_view *create)
{
    struct weir_sql_catalog *catalog = context->input->catalog;
    struct weir_sql_identifier identifier;
    WEIR_TRY(weir_bind_identifier(context, &create->name, &identifier));
    const struct weir_sql_table *old = weir_sql_catalog_find_kind(catalog, &identifier, create->temporary);
    if (old && create->if_not_exists) return WEIR_OK;
    struct weir_sql_table *view;
    WEIR_TRY(weir_bind_make_view(context, &create->name, create->temporary, create->query, create->columns,
        create->column_comments, create->column_count, create->comment, &view));
    return weir_bind_at(context,
        weir_sql_catalog_add(catalog, view, create->if_not_exists, create->replace, context->error),
        create->name.span);
}

/* --------------------------------------------------------------------------------------------------------
 * tables */

static enum weir_error_code create_table(
    struct bind_context *context, const struct weir_sql_create_table *create, struct weir_rel **ret_insert)
{
    struct weir_sql_catalog *catalog = context->input->catalog;
    struct weir_sql_identifier identifier;
    struct weir_sql_table *table;
    bool existed;
    WEIR_TRY(weir_bind_identifier(context, &create->name, &identifier));
    existed = weir_sql_catalog_find_kind(catalog, &identifier, create->temporary) != NULL;
    if (existed && create->if_not_exists) return WEIR_OK;
    if (!existed && create->replace && !create->create) {
        return weir_bind_error(context, WEIR_E_NOT_FOUND, create->name.span,
            "The table '%s.%s.%s' to be replaced doesn't exist. You can try to use CREATE TABLE AS statement "
            "or "
            "CREATE OR REPLACE TABLE AS statement.",
            identifier.catalog, identifier.database, identifier.name);
    }
    WEIR_TRY(weir_bind_create_table(context, create, &table, &existed));
    if (create->query) {
        /* Planned before the table is in the catalog, so that a query that fails leaves nothing behind. */
        enum weir_error_code code =
            weir_bind_insert_root(context, table, NULL, create->query, create->name.span, ret_insert);
        if (code) {
            weir_sql_table_free(table);
            return code;
        }
    }
    enum weir_error_code code =
        weir_sql_catalog_add(catalog, table, create->if_not_exists, create->replace, context->error);
    if (code) *ret_insert = NULL;
    return weir_bind_at(context, code, create->name.span);
}

static enum weir_error_code drop_table(
    struct bind_context *context, const struct weir_sql_drop *drop, struct weir_sql_span span)
{
    struct weir_sql_catalog *catalog = context->input->catalog;
    struct weir_sql_identifier identifier;
    bool view = drop->object == WEIR_SQL_OBJECT_VIEW;
    WEIR_TRY(weir_bind_identifier(context, &drop->name, &identifier));
    const struct weir_sql_table *table = weir_sql_catalog_find_kind(catalog, &identifier, drop->temporary);
    if (!drop->temporary) {
        const struct weir_sql_table *hiding = weir_sql_catalog_find_kind(catalog, &identifier, true);
        if (hiding && hiding->is_view == view) {
            return weir_bind_error(context, WEIR_E_SQL_VALIDATION, drop->name.span,
                "Temporary %s with identifier '%s' exists. Drop it first before removing the permanent %s.",
                view ? "view" : "table", hiding->identifier_text, view ? "view" : "table");
        }
    }
    if (!table || table->is_view != view) {
        if (drop->if_exists) return WEIR_OK;
        const char *nearest = weir_sql_catalog_nearest(catalog, &identifier);
        return weir_bind_error(context, WEIR_E_NOT_FOUND, drop->name.span.line ? drop->name.span : span,
            "%s%s with identifier '%s.%s.%s' does not exist.%s%s%s", drop->temporary ? "Temporary " : "",
            view ? (drop->temporary ? "view" : "View") : (drop->temporary ? "table" : "Table"),
            identifier.catalog, identifier.database, identifier.name,
            nearest && !table ? " Did you mean '" : "", nearest && !table ? nearest : "",
            nearest && !table ? "'?" : "");
    }
    weir_sql_catalog_remove(catalog, table);
    return WEIR_OK;
}

/* ------------------------------------------------------------------------------------------- databases,
 * catalogs */

static enum weir_error_code database_path(struct bind_context *context, const struct weir_sql_path *path,
    const char **catalog, const char **database)
{
    if (path->count > 2) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, path->span,
            "A name of one or two parts was expected: [catalog.]database");
    }
    *database = path->parts[path->count - 1].text;
    *catalog = path->count == 2 ? path->parts[0].text : weir_sql_catalog_current(context->input->catalog);
    return WEIR_OK;
}

static enum weir_error_code one_part(struct bind_context *context, const struct weir_sql_path *path)
{
    if (path->count == 1) return WEIR_OK;
    return weir_bind_error(context, WEIR_E_SQL_VALIDATION, path->span, "A name of one part was expected");
}

static enum weir_error_code create_database(
    struct bind_context *context, const struct weir_sql_create_object *create)
{
    const char *catalog, *database;
    WEIR_TRY(database_path(context, &create->name, &catalog, &database));
    return weir_bind_at(context,
        weir_sql_catalog_add_database(context->input->catalog, catalog, database, create->comment,
            &create->options, create->if_not_exists, context->error),
        create->name.span);
}

static enum weir_error_code create_catalog(
    struct bind_context *context, const struct weir_sql_create_object *create)
{
    WEIR_TRY(one_part(context, &create->name));
    const char *type = NULL;
    for (uint32_t i = 0; i < create->options.count; i++) {
        const struct weir_sql_option *option = &create->options.items[i];
        if (strcmp(option->key, "type") == 0) {
            type = option->value;
        } else if (strcmp(option->key, "default-database") != 0) {
            return weir_bind_error(context, WEIR_E_SQL_VALIDATION, option->span,
                "Unsupported option '%s' of a catalog; the options are 'type' and 'default-database'",
                option->key);
        }
    }
    if (!type) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, create->name.span,
            "A catalog needs the option 'type'; the type that exists is 'generic_in_memory'");
    }
    if (strcmp(type, "generic_in_memory") != 0) {
        return weir_bind_unsupported(
            context, create->name.span, weir_arena_format(context->arena, "A catalog of type '%s'", type));
    }
    const char *name = create->name.parts[0].text, *database = "default";
    bool existed = weir_sql_catalog_find_catalog(context->input->catalog, name) != NULL;
    for (uint32_t i = 0; i < create->options.count; i++) {
        if (strcmp(create->options.items[i].key, "default-database") == 0)
            database = create->options.items[i].value;
    }
    WEIR_TRY(weir_bind_at(context,
        weir_sql_catalog_add_catalog(context->input->catalog, name, create->comment, &create->options,
            create->if_not_exists, context->error),
        create->name.span));
    if (existed) return WEIR_OK;
    return weir_sql_catalog_add_database(
        context->input->catalog, name, database, NULL, NULL, true, context->error);
}

static enum weir_error_code drop_object(
    struct bind_context *context, const struct weir_sql_drop *drop, struct weir_sql_span span)
{
    struct weir_sql_catalog *catalog = context->input->catalog;
    const char *catalog_name, *database;
    switch (drop->object) {
    case WEIR_SQL_OBJECT_TABLE:
    case WEIR_SQL_OBJECT_VIEW: return drop_table(context, drop, span);
    case WEIR_SQL_OBJECT_DATABASE:
        WEIR_TRY(database_path(context, &drop->name, &catalog_name, &database));
        return weir_bind_at(context,
            weir_sql_catalog_drop_database(catalog, catalog_name, database, drop->if_exists,
                drop->behavior == WEIR_SQL_DROP_CASCADE, context->error),
            drop->name.span);
    case WEIR_SQL_OBJECT_CATALOG:
        WEIR_TRY(one_part(context, &drop->name));
        return weir_bind_at(context,
            weir_sql_catalog_drop_catalog(catalog, drop->name.parts[0].text, drop->if_exists, context->error),
            drop->name.span);
    case WEIR_SQL_OBJECT_FUNCTION: return weir_bind_unsupported(context, span, "DROP FUNCTION");
    case WEIR_SQL_OBJECT_MODEL: return weir_bind_unsupported(context, span, "DROP MODEL");
    case WEIR_SQL_OBJECT_CONNECTION: return weir_bind_unsupported(context, span, "DROP CONNECTION");
    default: return weir_bind_unsupported(context, span, "DROP MATERIALIZED TABLE");
    }
}

static enum weir_error_code alter_database(
    struct bind_context *context, const struct weir_sql_alter_object *alter)
{
    struct weir_sql_catalog *catalog = context->input->catalog;
    const char *catalog_name, *name;
    WEIR_TRY(database_path(context, &alter->name, &catalog_name, &name));
    const struct weir_sql_database *database = weir_sql_catalog_find_database(catalog, catalog_name, name);
    if (!database) {
        return weir_bind_error(context, WEIR_E_NOT_FOUND, alter->name.span,
            "Database %s does not exist in Catalog %s.", name, catalog_name);
    }
    for (uint32_t i = 0; i < alter->options.count; i++) {
        weir_sql_catalog_set_database_option(
            catalog, database, alter->options.items[i].key, alter->options.items[i].value);
    }
    for (uint32_t i = 0; i < alter->key_count; i++) {
        weir_sql_catalog_set_database_option(catalog, database, alter->keys[i], NULL);
    }
    return WEIR_OK;
}

static enum weir_error_code use_database(struct bind_context *context, const struct weir_sql_path *path)
{
    const char *catalog, *database;
    WEIR_TRY(database_path(context, path, &catalog, &database));
    return weir_bind_at(context,
        weir_sql_catalog_use_database(context->input->catalog, catalog, database, context->error),
        path->span);
}

static enum weir_error_code use_catalog(struct bind_context *context, const struct weir_sql_path *path)
{
    WEIR_TRY(one_part(context, path));
    const char *name = path->parts[0].text;
    WEIR_TRY(weir_bind_at(
        context, weir_sql_catalog_use(context->input->catalog, name, context->error), path->span));
    if (weir_sql_catalog_current_database(context->input->catalog)[0]) return WEIR_OK;
    const struct weir_sql_catalog_entry *entry = weir_sql_catalog_find_catalog(context->input->catalog, name);
    const char *database = "default";
    for (uint32_t i = 0; i < entry->option_count; i++) {
        if (strcmp(entry->options[i].key, "default-database") == 0) database = entry->options[i].value;
    }
    if (!weir_sql_catalog_find_database(context->input->catalog, name, database)) return WEIR_OK;
    return weir_sql_catalog_use_database(context->input->catalog, name, database, context->error);
}

/* -----------------------------------------------------------------------------------------------------------
 * all */

bool weir_sql_statement_is_ddl(const struct weir_sql_statement *statement)
{
    switch (statement->kind) {
    case WEIR_SQL_STATEMENT_CREATE_TABLE:
    case WEIR_SQL_STATEMENT_CREATE_VIEW:
    case WEIR_SQL_STATEMENT_CREATE_DATABASE:
    case WEIR_SQL_STATEMENT_CREATE_CATALOG:
    case WEIR_SQL_STATEMENT_ALTER_TABLE:
    case WEIR_SQL_STATEMENT_ALTER_VIEW:
    case WEIR_SQL_STATEMENT_ALTER_DATABASE:
    case WEIR_SQL_STATEMENT_DROP:
    case WEIR_SQL_STATEMENT_USE_CATALOG:
    case WEIR_SQL_STATEMENT_USE_DATABASE: return true;
    default: return false;
    }
}

enum weir_error_code weir_sql_execute_ddl(const struct weir_sql_binder_input *input,
    const struct weir_sql_statement *statement, struct weir_rel **ret_insert, struct weir_error *reterr)
{
    struct bind_context context;
    struct weir_rel *insert = NULL;
    weir_bind_context_init(&context, input, reterr);
    weir_sql_catalog_sweep(input->catalog);
    if (!ret_insert) ret_insert = &insert;
    *ret_insert = NULL;
    switch (statement->kind) {
    case WEIR_SQL_STATEMENT_CREATE_TABLE: return create_table(&context, statement->create_table, ret_insert);
    case WEIR_SQL_STATEMENT_CREATE_VIEW: return create_view(&context, statement->create_view);
    case WEIR_SQL_STATEMENT_CREATE_DATABASE: return create_database(&context, statement->create_object);
    case WEIR_SQL_STATEMENT_CREATE_CATALOG: return create_catalog(&context, statement->create_object);
    case WEIR_SQL_STATEMENT_ALTER_TABLE:
        return weir_bind_alter_table(&context, statement->alter, statement->span);
    case WEIR_SQL_STATEMENT_ALTER_VIEW:
        return weir_bind_alter_view(&context, statement->alter, statement->span);
    case WEIR_SQL_STATEMENT_ALTER_DATABASE: return alter_database(&context, statement->alter);
    case WEIR_SQL_STATEMENT_DROP: return drop_object(&context, statement->drop, statement->span);
    case WEIR_SQL_STATEMENT_USE_CATALOG: return use_catalog(&context, &statement->name);
    case WEIR_SQL_STATEMENT_USE_DATABASE: return use_database(&context, &statement->name);
    default: return weir_bind_unsupported(&context, statement->span, "This statement");
    }
}
