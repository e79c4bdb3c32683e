/* CREATE TABLE, and the making of table objects. */
#include "sql/bind.h"
#include "sql/parser.h"

#include <string.h>

enum { STORED_TEXT_BYTES_MAX = 1 << 20 };

enum weir_error_code weir_bind_identifier(
    struct bind_context *context, const struct weir_sql_path *path, struct weir_sql_identifier *ret)
{
    return weir_bind_at(
        context, weir_sql_catalog_qualify(context->input->catalog, path, ret, context->error), path->span);
}

void weir_bind_set_identifier(struct weir_sql_table *table, const struct weir_sql_identifier *identifier)
{
    table->identifier.catalog = weir_arena_string(&table->arena, identifier->catalog);
    table->identifier.database = weir_arena_string(&table->arena, identifier->database);
    table->identifier.name = weir_arena_string(&table->arena, identifier->name);
    table->identifier_text = weir_arena_format(
        &table->arena, "%s.%s.%s", identifier->catalog, identifier->database, identifier->name);
}

/* The expression as canonical text, parsed again into the table's arena: it outlives the statement. */
enum weir_error_code weir_bind_store_expr(struct bind_context *context, struct weir_sql_table *table,
    const struct weir_sql_expr *ast, const struct weir_sql_expr **ret, const char **ret_text)
{
    struct weir_buffer text;
    weir_buffer_init(&text, context->input->memory, STORED_TEXT_BYTES_MAX);
    weir_sql_print_expression(ast, &text);
    *ret_text = weir_arena_string(&table->arena, weir_buffer_text(&text));
    weir_buffer_done(&text);
    return weir_bind_at(context,
        weir_sql_parse_expression(&table->arena, *ret_text, strlen(*ret_text), ret, context->error),
        ast->span);
}

/* -------------------------------------------------------------------------------------------------------
 * columns */

static struct weir_sql_table_column *columns_of(struct weir_sql_table *table)
{
    return (struct weir_sql_table_column *)(uintptr_t)table->columns;
}

/* Room for that many more columns: then they are added in place. */
static void reserve_columns(struct weir_sql_table *table, uint32_t more)
{
    struct weir_sql_table_column *columns =
        WEIR_ARENA_ARRAY(&table->arena, struct weir_sql_table_column, table->column_count + more + 1);
    if (table->column_count) memcpy(columns, table->columns, table->column_count * sizeof *columns);
    table->columns = columns;
}

/* Room for one more must be reserved. */
static struct weir_sql_table_column *append_column(struct weir_sql_table *table)
{
    return &columns_of(table)[table->column_count++];
}

static const char *copy_text(struct weir_sql_table *table, const char *text)
{
    return text ? weir_arena_string(&table->arena, text) : NULL;
}

static enum weir_error_code fill_column(struct bind_context *context, struct weir_sql_table *table,
    const struct weir_sql_column *from, struct weir_sql_table_column *to)
{
    memset(to, 0, sizeof *to);
    to->name = copy_text(table, from->name.parts[0].text);
    to->kind = from->kind;
    to->comment = copy_text(table, from->comment);
    to->is_virtual = from->is_virtual;
    if (from->kind == WEIR_SQL_COLUMN_COMPUTED) {
        return weir_bind_store_expr(context, table, from->expr, &to->expr, &to->expr_text);
    }
    if (from->kind == WEIR_SQL_COLUMN_METADATA) {
        to->metadata_key_written = from->metadata_key != NULL;
        to->metadata_key = from->metadata_key ? copy_text(table, from->metadata_key) : to->name;
    }
    const struct weir_type *type;
    if (!from->type) {
        return weir_bind_error(
            context, WEIR_E_SQL_VALIDATION, from->span, "Column '%s' needs a type", to->name);
    }
    WEIR_TRY(weir_bind_type(context, from->type, &type));
    to->type = weir_type_copy(&table->arena, type);
    return WEIR_OK;
}

static enum weir_error_code column_place(struct bind_context *context, const struct weir_sql_table *table,
    const struct weir_sql_column *column, uint32_t otherwise, uint32_t *ret)
{
    *ret = otherwise;
    if (column->position == WEIR_SQL_POSITION_FIRST) *ret = 0;
    if (column->position != WEIR_SQL_POSITION_AFTER) return WEIR_OK;
    uint32_t after = weir_sql_table_find_column(table, column->after.parts[0].text);
    if (after == UINT32_MAX) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, column->after.span,
            "Referenced column `%s` by 'AFTER' does not exist in the table.", column->after.parts[0].text);
    }
    *ret = after + 1;
    return WEIR_OK;
}

static void remap(uint32_t *indices, uint32_t count, const uint32_t *to)
{
    for (uint32_t i = 0; i < count; i++) indices[i] = to[indices[i]];
}

/* Column from moved to before, or in between: every index that the table keeps follows. from UINT32_MAX: a
 * new one. */
static void follow_move(struct weir_sql_table *table, uint32_t from, uint32_t to)
{
    uint32_t *map = WEIR_ARENA_ARRAY(&table->arena, uint32_t, table->column_count + 1);
    for (uint32_t i = 0; i < table->column_count; i++) {
        uint32_t at = i;
        if (from != UINT32_MAX && i > from) at--;
        if (at >= to && i != from) at++;
        if (i == from) at = to;
        map[i] = at;
    }
    remap((uint32_t *)(uintptr_t)table->primary_key, table->primary_key_count, map);
    remap((uint32_t *)(uintptr_t)table->partition_keys, table->partition_key_count, map);
    remap((uint32_t *)(uintptr_t)table->distribution_keys, table->distribution_key_count, map);
    if (table->has_watermark) table->watermark_column = map[table->watermark_column];
}

/* Room for one more must be reserved. */
static enum weir_error_code add_column(
    struct bind_context *context, struct weir_sql_table *table, const struct weir_sql_column *column)
{
    uint32_t at;
    if (column->name.count != 1)
        return weir_bind_unsupported(context, column->span, "ADD of a nested column");
    const char *name = column->name.parts[0].text;
    if (weir_sql_table_find_column(table, name) != UINT32_MAX) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, column->span,
            "A column named '%s' already exists in the table.", name);
    }
    if (table->column_count >= WEIR_SQL_COLUMNS_MAX) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, column->span, "A table has at most %d columns",
            WEIR_SQL_COLUMNS_MAX);
    }
    WEIR_TRY(column_place(context, table, column, table->column_count, &at));
    if (at < table->column_count) follow_move(table, UINT32_MAX, at);
    struct weir_sql_table_column *columns = columns_of(table);
    memmove(columns + at + 1, columns + at, (table->column_count - at) * sizeof *columns);
    table->column_count++;
    return fill_column(context, table, column, &columns[at]);
}

static enum weir_error_code modify_column(
    struct bind_context *context, struct weir_sql_table *table, const struct weir_sql_column *column)
{
    if (column->name.count != 1)
        return weir_bind_unsupported(context, column->span, "MODIFY of a nested column");
    uint32_t from = weir_sql_table_find_column(table, column->name.parts[0].text), to;
    if (from == UINT32_MAX) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, column->span,
            "Try to modify a column `%s` which does not exist in the table.", column->name.parts[0].text);
    }
    struct weir_sql_table_column changed;
    WEIR_TRY(fill_column(context, table, column, &changed));
    if (!changed.comment) changed.comment = table->columns[from].comment;
    WEIR_TRY(column_place(context, table, column, from, &to));
    if (column->position == WEIR_SQL_POSITION_AFTER && to > from) to--;
    follow_move(table, from, to);
    struct weir_sql_table_column *columns = columns_of(table);
    memmove(columns + from, columns + from + 1, (table->column_count - from - 1) * sizeof *columns);
    memmove(columns + to + 1, columns + to, (table->column_count - 1 - to) * sizeof *columns);
    columns[to] = changed;
    return WEIR_OK;
}

/* ---------------------------------------------------------------------------------------- keys and watermark
 */

static enum weir_error_code name_columns(struct bind_context *context, struct weir_sql_table *table,
    const struct weir_sql_names *names, const char *what, const uint32_t **ret)
{
    uint32_t *columns = WEIR_ARENA_ARRAY(&table->arena, uint32_t, names->count + 1);
    for (uint32_t i = 0; i < names->count; i++) {
        columns[i] = weir_sql_table_find_column(table, names->items[i].text);
        if (columns[i] == UINT32_MAX) {
            return weir_bind_error(context, WEIR_E_SQL_VALIDATION, names->items[i].span,
                "%s column '%s' not defined in the table schema", what, names->items[i].text);
        }
        for (uint32_t k = 0; k < i; k++) {
            if (columns[i] != columns[k]) continue;
            return weir_bind_error(context, WEIR_E_SQL_VALIDATION, names->items[i].span,
                "%s column '%s' is named twice", what, names->items[i].text);
        }
    }
    *ret = columns;
    return WEIR_OK;
}

static enum weir_error_code add_constraint(struct bind_context *context, struct weir_sql_table *table,
    const struct weir_sql_constraint *constraint, bool modify)
{
    if (constraint->kind == WEIR_SQL_CONSTRAINT_UNIQUE) {
        return weir_bind_error(
            context, WEIR_E_UNSUPPORTED, constraint->span, "UNIQUE constraint is not supported yet");
    }
    if (constraint->enforcement != WEIR_SQL_NOT_ENFORCED) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, constraint->span,
            "ENFORCED mode for a PRIMARY KEY constraint is not supported: the data is not owned by this "
            "engine, so "
            "that nothing can check it. The only supported mode is NOT ENFORCED: PRIMARY KEY (..) NOT "
            "ENFORCED");
    }
    if (table->primary_key_name && !modify) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, constraint->span,
            "Duplicate primary key definition: the table has one already");
    }
    WEIR_TRY(name_columns(context, table, &constraint->columns, "Primary key", &table->primary_key));
    table->primary_key_count = constraint->columns.count;
    const char *name = "PK";
    for (uint32_t i = 0; i < table->primary_key_count; i++) {
        name = weir_arena_format(context->arena, "%s_%s", name, table->columns[table->primary_key[i]].name);
    }
    table->primary_key_name = copy_text(table, constraint->name.text ? constraint->name.text : name);
    return WEIR_OK;
}

static enum weir_error_code add_watermark(struct bind_context *context, struct weir_sql_table *table,
    const struct weir_sql_watermark *watermark, bool modify)
{
    if (table->has_watermark && !modify) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, watermark->span,
            "Multiple WATERMARK declarations are not supported yet: the table has one already");
    }
    if (watermark->column.count != 1) {
        return weir_bind_unsupported(context, watermark->column.span, "A watermark for a field of a column");
    }
    const char *name = watermark->column.parts[0].text;
    table->watermark_column = weir_sql_table_find_column(table, name);
    if (table->watermark_column == UINT32_MAX) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, watermark->column.span,
            "The rowtime attribute field '%s' is not defined in the table schema", name);
    }
    table->has_watermark = true;
    return weir_bind_store_expr(
        context, table, watermark->expr, &table->watermark_expr, &table->watermark_text);
}

enum weir_error_code weir_bind_add_elements(struct bind_context *context, struct weir_sql_table *table,
    const struct weir_sql_table_elements *elements, bool modify)
{
    if (!modify) reserve_columns(table, WEIR_MIN(elements->column_count, (uint32_t)WEIR_SQL_COLUMNS_MAX));
    for (uint32_t i = 0; i < elements->column_count; i++) {
        WEIR_TRY(modify ? modify_column(context, table, &elements->columns[i])
                        : add_column(context, table, &elements->columns[i]));
    }
    for (uint32_t i = 0; i < elements->constraint_count; i++) {
        WEIR_TRY(add_constraint(context, table, &elements->constraints[i], modify));
    }
    for (uint32_t i = 0; i < elements->watermark_count; i++) {
        WEIR_TRY(add_watermark(context, table, &elements->watermarks[i], modify));
    }
    return WEIR_OK;
}

/* ----------------------------------------------------------------------------------------------------------
 * checks */

static enum weir_error_code check_computed(
    struct bind_context *context, struct weir_sql_table *table, struct weir_sql_span span)
{
    struct bind_context inner = *context;
    inner.within = &span;
    for (uint32_t i = 0; i < table->column_count; i++) {
        struct weir_sql_table_column *column = &columns_of(table)[i];
        struct weir_expr *expr;
        if (column->kind != WEIR_SQL_COLUMN_COMPUTED) continue;
        enum weir_error_code code = weir_bind_table_expr(&inner, table, column->expr, false, &expr);
        if (code) {
            weir_error_wrap(context->error, "Invalid expression for computed column '%s'", column->name);
            return code;
        }
        if (expr->type->id == WEIR_TYPE_NULL) {
            return weir_bind_error(context, WEIR_E_SQL_VALIDATION, span,
                "The computed column '%s' has no type: cast the NULL", column->name);
        }
        const struct weir_type *plain =
            weir_type_with_time_attribute(context->arena, expr->type, WEIR_TIME_ATTRIBUTE_NONE);
        column->type = weir_type_copy(&table->arena, plain);
    }
    return WEIR_OK;
}

static enum weir_error_code check_watermark(
    struct bind_context *context, struct weir_sql_table *table, struct weir_sql_span span)
{
    if (!table->has_watermark) return WEIR_OK;
    struct bind_context inner = *context;
    inner.within = &span;
    const struct weir_type *time = table->columns[table->watermark_column].type;
    if (!weir_type_is_timestamp(time) || time->precision > 3) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, span,
            "Invalid data type of time field for watermark definition. The field must be of type "
            "TIMESTAMP(p) or "
            "TIMESTAMP_LTZ(p), the supported precision 'p' is from 0 to 3, but the time field type is %s",
            weir_type_text(context->arena, time));
    }
    struct weir_expr *expr;
    enum weir_error_code code = weir_bind_table_expr(&inner, table, table->watermark_expr, true, &expr);
    if (code) {
        weir_error_wrap(context->error, "Invalid expression for watermark '%s'", table->watermark_text);
        return code;
    }
    if (!weir_type_is_timestamp(expr->type) || expr->type->precision > 3) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, span,
            "Invalid data type of expression for watermark definition. The field must be of type "
            "TIMESTAMP(p) or "
            "TIMESTAMP_LTZ(p), the supported precision 'p' is from 0 to 3, but the watermark expression type "
            "is %s",
            weir_type_text(context->arena, expr->type));
    }
    if (expr->type->id != time->id) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, span,
            "The watermark output type %s is different from input time filed type %s.",
            weir_type_text(context->arena, expr->type), weir_type_text(context->arena, time));
    }
    return WEIR_OK;
}

static enum weir_error_code check_keys(
    struct bind_context *context, struct weir_sql_table *table, struct weir_sql_span span)
{
    for (uint32_t i = 0; i < table->primary_key_count; i++) {
        struct weir_sql_table_column *column = &columns_of(table)[table->primary_key[i]];
        if (column->kind != WEIR_SQL_COLUMN_PHYSICAL) {
            return weir_bind_error(context, WEIR_E_SQL_VALIDATION, span,
                "Invalid primary key '%s'. Column '%s' is not a physical column.", table->primary_key_name,
                column->name);
        }
        column->type = weir_type_nullable(&table->arena, column->type, false);
    }
    for (uint32_t i = 0; i < table->partition_key_count; i++) {
        const struct weir_sql_table_column *column = &table->columns[table->partition_keys[i]];
        if (column->kind == WEIR_SQL_COLUMN_PHYSICAL) continue;
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, span,
            "Partition column '%s' is not a physical column.", column->name);
    }
    return WEIR_OK;
}

enum weir_error_code weir_bind_check_table(
    struct bind_context *context, struct weir_sql_table *table, struct weir_sql_span span)
{
    WEIR_TRY(check_keys(context, table, span)); /* first: a key's columns become NOT NULL */
    WEIR_TRY(check_computed(context, table, span));
    WEIR_TRY(check_watermark(context, table, span));
    if (weir_sql_table_physical_count(table) == 0) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, span, "Table '%s' has no physical columns",
            table->identifier_text);
    }
    return WEIR_OK;
}

/* ------------------------------------------------------------------------------------------------------------
 * copy */

static void copy_column(
    struct weir_sql_table *to, const struct weir_sql_table_column *from, struct weir_sql_table_column *column)
{
    *column = *from;
    column->name = copy_text(to, from->name);
    column->comment = copy_text(to, from->comment);
    column->metadata_key = copy_text(to, from->metadata_key);
    column->expr_text = copy_text(to, from->expr_text);
    if (from->type) column->type = weir_type_copy(&to->arena, from->type);
    if (column->expr_text) {
        weir_sql_parse_expression(
            &to->arena, column->expr_text, strlen(column->expr_text), &column->expr, NULL);
    }
}

static const uint32_t *copy_indices(struct weir_sql_table *to, const uint32_t *from, uint32_t count)
{
    uint32_t *copy = WEIR_ARENA_ARRAY(&to->arena, uint32_t, count + 1);
    if (count) memcpy(copy, from, count * sizeof *copy);
    return copy;
}

static void copy_options(struct weir_sql_table *to, const struct weir_sql_table *from)
{
    struct weir_sql_table_option *options =
        WEIR_ARENA_ARRAY(&to->arena, struct weir_sql_table_option, from->option_count + 1);
    for (uint32_t i = 0; i < from->option_count; i++) {
        options[i] = (struct weir_sql_table_option){ copy_text(to, from->options[i].key),
            copy_text(to, from->options[i].value) };
    }
    to->options = options;
    to->option_count = from->option_count;
}

struct weir_sql_table *weir_bind_copy_table(struct bind_context *context, const struct weir_sql_table *from)
{
    struct weir_sql_table *to = weir_sql_table_new(weir_sql_catalog_memory(context->input->catalog));
    struct weir_arena arena = to->arena;
    *to = *from;
    to->arena = arena;
    weir_bind_set_identifier(to, &from->identifier);
    struct weir_sql_table_column *columns =
        WEIR_ARENA_ARRAY(&to->arena, struct weir_sql_table_column, from->column_count + 1);
    for (uint32_t i = 0; i < from->column_count; i++) copy_column(to, &from->columns[i], &columns[i]);
    to->columns = columns;
    to->comment = copy_text(to, from->comment);
    to->primary_key_name = copy_text(to, from->primary_key_name);
    to->primary_key = copy_indices(to, from->primary_key, from->primary_key_count);
    to->partition_keys = copy_indices(to, from->partition_keys, from->partition_key_count);
    to->distribution_keys = copy_indices(to, from->distribution_keys, from->distribution_key_count);
    copy_options(to, from);
    if (from->has_watermark) {
        to->watermark_text = copy_text(to, from->watermark_text);
        weir_sql_parse_expression(
            &to->arena, to->watermark_text, strlen(to->watermark_text), &to->watermark_expr, NULL);
    }
    if (from->is_view) {
        to->query_text = copy_text(to, from->query_text);
        to->query_catalog = copy_text(to, from->query_catalog);
        to->query_database = copy_text(to, from->query_database);
        weir_sql_parse_query(&to->arena, to->query_text, strlen(to->query_text), &to->query, NULL);
    }
    return to;
}

/* -------------------------------------------------------------------------------------------------------------
 * LIKE */

static enum weir_error_code like_strategies(struct bind_context *context,
    const struct weir_sql_table_like *like, enum weir_sql_like_merging *strategies)
{
    enum weir_sql_like_merging rest = WEIR_SQL_LIKE_INCLUDING;
    bool said[WEIR_SQL_LIKE_METADATA + 1] = { false }, all = false;
    for (uint32_t i = 0; i < like->option_count; i++) {
        const struct weir_sql_like_option *option = &like->options[i];
        bool fixed = option->feature == WEIR_SQL_LIKE_CONSTRAINTS ||
                     option->feature == WEIR_SQL_LIKE_PARTITIONS ||
                     option->feature == WEIR_SQL_LIKE_DISTRIBUTION || option->feature == WEIR_SQL_LIKE_ALL;
        if (said[option->feature]) {
            return weir_bind_error(context, WEIR_E_SQL_VALIDATION, option->span,
                "Each like option feature can be declared only once.");
        }
        if (fixed && option->merging == WEIR_SQL_LIKE_OVERWRITING) {
            return weir_bind_error(context, WEIR_E_SQL_VALIDATION, option->span,
                "Illegal merging strategy 'OVERWRITING' for this like option.");
        }
        said[option->feature] = true;
        strategies[option->feature] = option->merging;
        if (option->feature == WEIR_SQL_LIKE_ALL) rest = option->merging, all = true;
    }
    for (uint32_t i = 0; i <= WEIR_SQL_LIKE_METADATA; i++) {
        if (!said[i]) strategies[i] = rest;
    }
    if (!said[WEIR_SQL_LIKE_OPTIONS] && !all) strategies[WEIR_SQL_LIKE_OPTIONS] = WEIR_SQL_LIKE_OVERWRITING;
    return WEIR_OK;
}

static bool is_kept(const struct weir_sql_table_column *column, const enum weir_sql_like_merging *strategies,
    const struct weir_sql_table_elements *elements)
{
    enum weir_sql_like_feature feature =
        column->kind == WEIR_SQL_COLUMN_COMPUTED ? WEIR_SQL_LIKE_GENERATED : WEIR_SQL_LIKE_METADATA;
    if (column->kind == WEIR_SQL_COLUMN_PHYSICAL) return true;
    if (strategies[feature] == WEIR_SQL_LIKE_EXCLUDING) return false;
    for (uint32_t i = 0; strategies[feature] == WEIR_SQL_LIKE_OVERWRITING && i < elements->column_count;
         i++) {
        if (strcmp(elements->columns[i].name.parts[0].text, column->name) == 0) return false;
    }
    return true;
}

static const uint32_t *follow(
    struct weir_sql_table *to, const struct weir_sql_table *from, const uint32_t *columns, uint32_t *count)
{
    uint32_t *copy = WEIR_ARENA_ARRAY(&to->arena, uint32_t, *count + 1), kept = 0;
    for (uint32_t i = 0; i < *count; i++) {
        uint32_t column = weir_sql_table_find_column(to, from->columns[columns[i]].name);
        if (column != UINT32_MAX) copy[kept++] = column;
    }
    *count = kept;
    return copy;
}

static enum weir_error_code apply_like(
    struct bind_context *context, const struct weir_sql_create_table *create, struct weir_sql_table *to)
{
    enum weir_sql_like_merging strategies[WEIR_SQL_LIKE_METADATA + 1];
    const struct weir_sql_table *from;
    WEIR_TRY(weir_bind_find(context, &create->like->table, "Source table of the LIKE clause", &from));
    WEIR_TRY(like_strategies(context, create->like, strategies));
    if (from->is_view && strategies[WEIR_SQL_LIKE_OPTIONS] == WEIR_SQL_LIKE_INCLUDING &&
        create->like->option_count == 0) {
        strategies[WEIR_SQL_LIKE_OPTIONS] = WEIR_SQL_LIKE_OVERWRITING;
    }
    reserve_columns(to, from->column_count);
    for (uint32_t i = 0; i < from->column_count; i++) {
        if (!is_kept(&from->columns[i], strategies, &create->elements)) continue;
        struct weir_sql_table_column *column = append_column(to);
        copy_column(to, &from->columns[i], column);
    }
    if (strategies[WEIR_SQL_LIKE_CONSTRAINTS] == WEIR_SQL_LIKE_INCLUDING && from->primary_key_name) {
        to->primary_key_name = copy_text(to, from->primary_key_name);
        to->primary_key_count = from->primary_key_count;
        to->primary_key = follow(to, from, from->primary_key, &to->primary_key_count);
    }
    if (strategies[WEIR_SQL_LIKE_PARTITIONS] == WEIR_SQL_LIKE_INCLUDING) {
        to->partition_key_count = from->partition_key_count;
        to->partition_keys = follow(to, from, from->partition_keys, &to->partition_key_count);
    }
    if (strategies[WEIR_SQL_LIKE_DISTRIBUTION] == WEIR_SQL_LIKE_INCLUDING) {
        to->has_distribution = from->has_distribution;
        to->distribution = from->distribution;
        to->has_bucket_count = from->has_bucket_count;
        to->bucket_count = from->bucket_count;
        to->distribution_key_count = from->distribution_key_count;
        to->distribution_keys = follow(to, from, from->distribution_keys, &to->distribution_key_count);
    }
    bool replaced =
        strategies[WEIR_SQL_LIKE_WATERMARKS] == WEIR_SQL_LIKE_OVERWRITING && create->elements.watermark_count;
    if (strategies[WEIR_SQL_LIKE_WATERMARKS] != WEIR_SQL_LIKE_EXCLUDING && from->has_watermark && !replaced) {
        uint32_t column = weir_sql_table_find_column(to, from->columns[from->watermark_column].name);
        if (column != UINT32_MAX) {
            to->has_watermark = true;
            to->watermark_column = column;
            WEIR_TRY(weir_bind_store_expr(
                context, to, from->watermark_expr, &to->watermark_expr, &to->watermark_text));
        }
    }
    if (strategies[WEIR_SQL_LIKE_OPTIONS] != WEIR_SQL_LIKE_EXCLUDING) copy_options(to, from);
    if (strategies[WEIR_SQL_LIKE_OPTIONS] != WEIR_SQL_LIKE_INCLUDING) return WEIR_OK;
    for (uint32_t i = 0; i < create->options.count; i++) {
        if (!weir_sql_table_option(to, create->options.items[i].key)) continue;
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, create->options.items[i].span,
            "There already exists an option ['%s' -> '%s'] in the base table. You might want to specify "
            "EXCLUDING OPTIONS or OVERWRITING OPTIONS.",
            create->options.items[i].key, weir_sql_table_option(to, create->options.items[i].key));
    }
    return WEIR_OK;
}

/* ------------------------------------------------------------------------------------------------------
 * CREATE TABLE */

static void set_options(struct weir_sql_table *table, const struct weir_sql_options *given)
{
    struct weir_sql_table_option *options =
        WEIR_ARENA_ARRAY(&table->arena, struct weir_sql_table_option, table->option_count + given->count + 1);
    uint32_t count = table->option_count;
    if (count) memcpy(options, table->options, count * sizeof *options);
    for (uint32_t i = 0; i < given->count; i++) {
        uint32_t at = 0;
        while (at < count && strcmp(options[at].key, given->items[i].key) != 0) at++;
        if (at == count) options[count++].key = copy_text(table, given->items[i].key);
        options[at].value = copy_text(table, given->items[i].value);
    }
    table->options = options;
    table->option_count = count;
}

static enum weir_error_code set_distribution(struct bind_context *context, struct weir_sql_table *table,
    const struct weir_sql_distribution *distribution)
{
    table->has_distribution = true;
    table->distribution = distribution->kind;
    table->has_bucket_count = distribution->has_bucket_count;
    table->bucket_count = distribution->bucket_count;
    table->distribution_key_count = distribution->columns.count;
    return name_columns(context, table, &distribution->columns, "Bucket key", &table->distribution_keys);
}

/* CREATE TABLE t [(..)] AS query: the query's columns behind those that are declared. */
static enum weir_error_code query_columns(
    struct bind_context *context, const struct weir_sql_create_table *create, struct weir_sql_table *table)
{
    struct weir_rel *rel;
    WEIR_TRY(weir_bind_plain_query(context, create->query, true, &rel));
    reserve_columns(table, rel->field_count);
    for (uint32_t i = 0; i < rel->field_count; i++) {
        if (weir_sql_table_find_column(table, rel->fields[i].name) != UINT32_MAX) continue;
        if (rel->fields[i].type->id == WEIR_TYPE_NULL) {
            return weir_bind_error(context, WEIR_E_SQL_VALIDATION, create->query->span,
                "Column '%s' of the query has no type: cast the NULL", rel->fields[i].name);
        }
        struct weir_sql_table_column *column = append_column(table);
        column->name = copy_text(table, rel->fields[i].name);
        column->kind = WEIR_SQL_COLUMN_PHYSICAL;
        column->type = weir_type_copy(&table->arena,
            weir_type_with_time_attribute(context->arena, rel->fields[i].type, WEIR_TIME_ATTRIBUTE_NONE));
    }
    return WEIR_OK;
}

static bool is_bare(const struct weir_sql_column *column)
{
    return !column->type && column->kind == WEIR_SQL_COLUMN_PHYSICAL;
}

/* CREATE TABLE t (b, a) AS query: the query's columns in that order. */
static enum weir_error_code order_columns(
    struct bind_context *context, const struct weir_sql_create_table *create, struct weir_sql_table *table)
{
    uint32_t count = create->elements.column_count;
    struct weir_sql_table_column *columns =
        WEIR_ARENA_ARRAY(&table->arena, struct weir_sql_table_column, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        const struct weir_sql_column *column = &create->elements.columns[i];
        uint32_t at = weir_sql_table_find_column(table, column->name.parts[0].text);
        if (!is_bare(column)) {
            return weir_bind_unsupported(
                context, column->span, "A list of columns of which some have a type and some have none");
        }
        if (at == UINT32_MAX) {
            return weir_bind_error(context, WEIR_E_SQL_VALIDATION, column->span,
                "Column '%s' not found in the source schema.", column->name.parts[0].text);
        }
        for (uint32_t k = 0; k < i; k++) {
            if (strcmp(columns[k].name, table->columns[at].name) != 0) continue;
            return weir_bind_error(context, WEIR_E_SQL_VALIDATION, column->span,
                "A column named '%s' already exists in the table.", columns[k].name);
        }
        columns[i] = table->columns[at];
    }
    if (count != table->column_count) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, create->name.span,
            "The number of columns in the column list must match the number of columns in the source schema: "
            "%u and %u",
            count, table->column_count);
    }
    table->columns = columns;
    return WEIR_OK;
}

static enum weir_error_code fill_table(
    struct bind_context *context, const struct weir_sql_create_table *create, struct weir_sql_table *table)
{
    bool ordered = create->query && create->elements.column_count && is_bare(&create->elements.columns[0]);
    struct weir_sql_table_elements columns = { .column_count = create->elements.column_count,
        .columns = create->elements.columns };
    struct weir_sql_table_elements rest = create->elements;
    rest.column_count = 0;
    if (ordered) columns.column_count = 0;
    if (create->like) WEIR_TRY(apply_like(context, create, table));
    WEIR_TRY(weir_bind_add_elements(context, table, &columns, false));
    if (create->query) WEIR_TRY(query_columns(context, create, table));
    if (ordered) WEIR_TRY(order_columns(context, create, table));
    WEIR_TRY(weir_bind_add_elements(context, table, &rest, false));
    set_options(table, &create->options);
    table->comment = copy_text(table, create->comment);
    if (create->partitioned_by.count) {
        table->partition_key_count = create->partitioned_by.count;
        WEIR_TRY(name_columns(context, table, &create->partitioned_by, "Partition", &table->partition_keys));
    }
    if (create->distribution) WEIR_TRY(set_distribution(context, table, create->distribution));
    return weir_bind_check_table(context, table, create->name.span);
}

enum weir_error_code weir_bind_create_table(struct bind_context *context,
    const struct weir_sql_create_table *create, struct weir_sql_table **ret, bool *ret_existed)
{
    struct weir_sql_identifier identifier;
    WEIR_TRY(weir_bind_identifier(context, &create->name, &identifier));
    *ret_existed =
        weir_sql_catalog_find_kind(context->input->catalog, &identifier, create->temporary) != NULL;
    struct weir_sql_table *table = weir_sql_table_new(weir_sql_catalog_memory(context->input->catalog));
    weir_bind_set_identifier(table, &identifier);
    table->temporary = create->temporary;
    enum weir_error_code code = fill_table(context, create, table);
    if (code) {
        weir_sql_table_free(table);
        return code;
    }
    *ret = table;
    return WEIR_OK;
}
