/* ALTER TABLE and ALTER VIEW: a changed copy takes the place of the object. */
#include "sql/bind.h"

#include <string.h>

static struct weir_sql_table_column *columns_of(struct weir_sql_table *table)
{
    return (struct weir_sql_table_column *)(uintptr_t)table->columns;
}

static enum weir_error_code find_object(struct bind_context *context,
    const struct weir_sql_alter_object *alter, bool view, const struct weir_sql_table **ret)
{
    struct weir_sql_identifier identifier;
    WEIR_TRY(weir_bind_identifier(context, &alter->name, &identifier));
    *ret = weir_sql_catalog_find(context->input->catalog, &identifier);
    if (*ret && (*ret)->is_view == view) return WEIR_OK;
    if (!*ret && alter->if_exists) return WEIR_OK;
    const char *nearest = weir_sql_catalog_nearest(context->input->catalog, &identifier);
    return weir_bind_error(context, WEIR_E_NOT_FOUND, alter->name.span, "%s `%s`.`%s`.`%s` %s%s%s%s",
        view ? "View" : "Table", identifier.catalog, identifier.database, identifier.name,
        *ret ? (view ? "is a table." : "is a view; ALTER VIEW changes it.") : "doesn't exist.",
        !*ret && nearest ? " Did you mean '" : "", !*ret && nearest ? nearest : "",
        !*ret && nearest ? "'?" : "");
}

static enum weir_error_code column_index(struct bind_context *context, const struct weir_sql_table *table,
    const struct weir_sql_path *path, uint32_t *ret)
{
    if (path->count != 1) return weir_bind_unsupported(context, path->span, "ALTER of a nested column");
    *ret = weir_sql_table_find_column(table, path->parts[0].text);
    if (*ret != UINT32_MAX) return WEIR_OK;
    return weir_bind_error(context, WEIR_E_SQL_VALIDATION, path->span,
        "The column `%s` does not exist in the base table.", path->parts[0].text);
}

static bool contains(const uint32_t *columns, uint32_t count, uint32_t column)
{
    for (uint32_t i = 0; i < count; i++) {
        if (columns[i] == column) return true;
    }
    return false;
}

/* A column that something else of the table needs cannot go or change its name. */
static enum weir_error_code check_unused(struct bind_context *context, const struct weir_sql_table *table,
    uint32_t column, const char *action, struct weir_sql_span span)
{
    const char *name = table->columns[column].name, *user = NULL;
    if (contains(table->primary_key, table->primary_key_count, column)) user = "as the primary key";
    if (contains(table->partition_keys, table->partition_key_count, column)) user = "as the partition keys";
    if (contains(table->distribution_keys, table->distribution_key_count, column))
        user = "as a distribution key";
    if (table->has_watermark && table->watermark_column == column) user = "by the watermark";
    const char *quoted = weir_arena_format(context->arena, "`%s`", name);
    if (!user && table->has_watermark && strstr(table->watermark_text, quoted)) user = "by the watermark";
    for (uint32_t i = 0; i < table->column_count && !user; i++) {
        const struct weir_sql_table_column *other = &table->columns[i];
        if (other->kind != WEIR_SQL_COLUMN_COMPUTED || !strstr(other->expr_text, quoted)) continue;
        user = weir_arena_format(context->arena, "by the computed column `%s`", other->name);
    }
    if (!user) return WEIR_OK;
    return weir_bind_error(
        context, WEIR_E_SQL_VALIDATION, span, "Failed to %s column `%s`: it is used %s.", action, name, user);
}

static void drop_index(const uint32_t *columns, uint32_t count, uint32_t dropped)
{
    uint32_t *list = (uint32_t *)(uintptr_t)columns;
    for (uint32_t i = 0; i < count; i++) list[i] -= list[i] > dropped;
}

static enum weir_error_code drop_columns(
    struct bind_context *context, struct weir_sql_table *table, const struct weir_sql_alter_object *alter)
{
    for (uint32_t i = 0; i < alter->drop_count; i++) {
        uint32_t column;
        WEIR_TRY(column_index(context, table, &alter->drops[i], &column));
        /* Computed columns that go too do not count as users. */
        WEIR_TRY(check_unused(context, table, column, "drop", alter->drops[i].span));
        struct weir_sql_table_column *columns = columns_of(table);
        memmove(columns + column, columns + column + 1, (table->column_count - column - 1) * sizeof *columns);
        table->column_count--;
        drop_index(table->primary_key, table->primary_key_count, column);
        drop_index(table->partition_keys, table->partition_key_count, column);
        drop_index(table->distribution_keys, table->distribution_key_count, column);
        if (table->has_watermark && table->watermark_column > column) table->watermark_column--;
    }
    return WEIR_OK;
}

static enum weir_error_code rename_column(
    struct bind_context *context, struct weir_sql_table *table, const struct weir_sql_alter_object *alter)
{
    uint32_t column;
    const char *name = alter->new_name.parts[0].text;
    WEIR_TRY(column_index(context, table, &alter->column, &column));
    if (alter->new_name.count != 1)
        return weir_bind_unsupported(context, alter->new_name.span, "ALTER of a nested column");
    if (weir_sql_table_find_column(table, name) != UINT32_MAX) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, alter->new_name.span,
            "The column `%s` already existed in table schema.", name);
    }
    bool key = contains(table->primary_key, table->primary_key_count, column);
    struct weir_sql_table probe = *table; /* a key follows the new name; expressions do not */
    if (key) probe.primary_key_count = 0;
    WEIR_TRY(check_unused(context, &probe, column, "rename", alter->column.span));
    columns_of(table)[column].name = weir_arena_string(&table->arena, name);
    return WEIR_OK;
}

static void set_option(struct weir_sql_table *table, const char *key, const char *value)
{
    struct weir_sql_table_option *options =
        WEIR_ARENA_ARRAY(&table->arena, struct weir_sql_table_option, table->option_count + 1);
    uint32_t count = 0;
    bool found = false;
    for (uint32_t i = 0; i < table->option_count; i++) {
        bool same = strcmp(table->options[i].key, key) == 0;
        if (same && !value) continue;
        options[count] = table->options[i];
        if (same) options[count].value = weir_arena_string(&table->arena, value);
        found |= same;
        count++;
    }
    if (value && !found) {
        options[count].key = weir_arena_string(&table->arena, key);
        options[count++].value = weir_arena_string(&table->arena, value);
    }
    table->options = options;
    table->option_count = count;
}

static enum weir_error_code missing(
    struct bind_context *context, const struct weir_sql_alter_object *alter, const char *what)
{
    return weir_bind_error(
        context, WEIR_E_SQL_VALIDATION, alter->name.span, "The base table does not define any %s.", what);
}

static enum weir_error_code add_elements(
    struct bind_context *context, struct weir_sql_table *table, const struct weir_sql_alter_object *alter)
{
    bool modify = alter->action == WEIR_SQL_ALTER_MODIFY;
    if (alter->distribution)
        return weir_bind_unsupported(context, alter->name.span, "ALTER TABLE of a distribution");
    if (modify && alter->elements.watermark_count && !table->has_watermark)
        return missing(context, alter, "watermark");
    if (modify && alter->elements.constraint_count && !table->primary_key_name) {
        return missing(context, alter, "primary key constraint");
    }
    return weir_bind_add_elements(context, table, &alter->elements, modify);
}

static enum weir_error_code change_table(struct bind_context *context, struct weir_sql_table *table,
    const struct weir_sql_alter_object *alter, struct weir_sql_span span)
{
    switch (alter->action) {
    case WEIR_SQL_ALTER_ADD:
    case WEIR_SQL_ALTER_MODIFY: return add_elements(context, table, alter);
    case WEIR_SQL_ALTER_RENAME_COLUMN: return rename_column(context, table, alter);
    case WEIR_SQL_ALTER_DROP_COLUMNS: return drop_columns(context, table, alter);
    case WEIR_SQL_ALTER_DROP_CONSTRAINT:
        if (!table->primary_key_name) return missing(context, alter, "primary key");
        if (strcmp(table->primary_key_name, alter->constraint.text) != 0) {
            return weir_bind_error(context, WEIR_E_SQL_VALIDATION, alter->constraint.span,
                "The base table does not define a primary key constraint named '%s'. Available constraint "
                "name: ['%s'].",
                alter->constraint.text, table->primary_key_name);
        }
        table->primary_key_name = NULL;
        table->primary_key_count = 0;
        return WEIR_OK;
    case WEIR_SQL_ALTER_DROP_PRIMARY_KEY:
        if (!table->primary_key_name) return missing(context, alter, "primary key");
        table->primary_key_name = NULL;
        table->primary_key_count = 0;
        return WEIR_OK;
    case WEIR_SQL_ALTER_DROP_WATERMARK:
        if (!table->has_watermark) return missing(context, alter, "watermark strategy");
        table->has_watermark = false;
        return WEIR_OK;
    case WEIR_SQL_ALTER_DROP_DISTRIBUTION:
        if (!table->has_distribution) return missing(context, alter, "distribution");
        table->has_distribution = false;
        table->distribution_key_count = 0;
        return WEIR_OK;
    case WEIR_SQL_ALTER_SET:
        for (uint32_t i = 0; i < alter->options.count; i++) {
            set_option(table, alter->options.items[i].key, alter->options.items[i].value);
        }
        return WEIR_OK;
    case WEIR_SQL_ALTER_RESET:
        if (alter->key_count == 0) {
            return weir_bind_error(
                context, WEIR_E_SQL_VALIDATION, span, "ALTER TABLE RESET does not support empty key");
        }
        for (uint32_t i = 0; i < alter->key_count; i++) {
            if (strcmp(alter->keys[i], "connector") == 0) {
                return weir_bind_error(context, WEIR_E_SQL_VALIDATION, span,
                    "ALTER TABLE RESET does not support changing 'connector'");
            }
            set_option(table, alter->keys[i], NULL);
        }
        return WEIR_OK;
    case WEIR_SQL_ALTER_ADD_PARTITIONS:
    case WEIR_SQL_ALTER_DROP_PARTITIONS:
    case WEIR_SQL_ALTER_RENAME_PARTITION:
        return weir_bind_unsupported(context, span, "ALTER TABLE of partitions");
    default: return weir_bind_unsupported(context, span, "This form of ALTER TABLE");
    }
}

static enum weir_error_code replace(
    struct bind_context *context, struct weir_sql_table *table, struct weir_sql_span span)
{
    return weir_bind_at(
        context, weir_sql_catalog_add(context->input->catalog, table, false, true, context->error), span);
}

static enum weir_error_code rename_object(
    struct bind_context *context, const struct weir_sql_table *old, const struct weir_sql_alter_object *alter)
{
    struct weir_sql_identifier identifier = old->identifier;
    identifier.name = alter->new_name.parts[alter->new_name.count - 1].text;
    if (alter->new_name.count > 1) WEIR_TRY(weir_bind_identifier(context, &alter->new_name, &identifier));
    if (weir_sql_catalog_find_kind(context->input->catalog, &identifier, old->temporary)) {
        return weir_bind_error(context, WEIR_E_ALREADY_EXISTS, alter->new_name.span,
            "%s with identifier '%s.%s.%s' already exists.", old->is_view ? "View" : "Table",
            identifier.catalog, identifier.database, identifier.name);
    }
    struct weir_sql_table *table = weir_bind_copy_table(context, old);
    weir_bind_set_identifier(table, &identifier);
    WEIR_TRY(replace(context, table, alter->new_name.span));
    weir_sql_catalog_remove(context->input->catalog, old);
    return WEIR_OK;
}

enum weir_error_code weir_bind_alter_table(
    struct bind_context *context, const struct weir_sql_alter_object *alter, struct weir_sql_span span)
{
    const struct weir_sql_table *old;
    WEIR_TRY(find_object(context, alter, false, &old));
    if (!old) return WEIR_OK;
    if (alter->action == WEIR_SQL_ALTER_RENAME) return rename_object(context, old, alter);
    struct weir_sql_table *table = weir_bind_copy_table(context, old);
    enum weir_error_code code = change_table(context, table, alter, span);
    if (!code) code = weir_bind_check_table(context, table, alter->name.span);
    if (code) {
        weir_sql_table_free(table);
        return code;
    }
    return replace(context, table, alter->name.span);
}

enum weir_error_code weir_bind_alter_view(
    struct bind_context *context, const struct weir_sql_alter_object *alter, struct weir_sql_span span)
{
    const struct weir_sql_table *old;
    WEIR_TRY(find_object(context, alter, true, &old));
    if (!old) return WEIR_OK;
    if (alter->action == WEIR_SQL_ALTER_RENAME) return rename_object(context, old, alter);
    if (alter->action != WEIR_SQL_ALTER_AS)
        return weir_bind_unsupported(context, span, "This form of ALTER VIEW");
    struct weir_sql_table *view;
    WEIR_TRY(weir_bind_make_view(
        context, &alter->name, old->temporary, alter->query, NULL, NULL, 0, old->comment, &view));
    return replace(context, view, alter->name.span);
}
