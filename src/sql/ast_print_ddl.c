/* CREATE, ALTER and DROP as text. */
#include "sql/ast_print.h"

static const char *const object_words[] = {
    [WEIR_SQL_OBJECT_TABLE] = "TABLE",
    [WEIR_SQL_OBJECT_MATERIALIZED_TABLE] = "MATERIALIZED TABLE",
    [WEIR_SQL_OBJECT_VIEW] = "VIEW",
    [WEIR_SQL_OBJECT_DATABASE] = "DATABASE",
    [WEIR_SQL_OBJECT_CATALOG] = "CATALOG",
    [WEIR_SQL_OBJECT_FUNCTION] = "FUNCTION",
    [WEIR_SQL_OBJECT_MODEL] = "MODEL",
    [WEIR_SQL_OBJECT_CONNECTION] = "CONNECTION",
};

static void text(const char *words, const char *value, struct weir_buffer *to)
{
    if (!value) return;
    put(to, words);
    weir_sql_print_string(value, to);
}

static void with_options(const struct weir_sql_options *options, struct weir_buffer *to)
{
    if (!options->count) return;
    put(to, " WITH ");
    weir_sql_print_options(options, to);
}

/* ------------------------------------------------------------------------------------------------ table
 * elements */

static void column(const struct weir_sql_column *column, struct weir_buffer *to)
{
    weir_sql_print_path(&column->name, to);
    if (column->type) {
        put(to, " ");
        weir_sql_print_type(column->type, to);
    }
    if (column->expr) {
        put(to, " AS ");
        weir_sql_print_expression(column->expr, to);
    }
    if (column->kind == WEIR_SQL_COLUMN_METADATA) {
        put(to, " METADATA");
        text(" FROM ", column->metadata_key, to);
        if (column->is_virtual) put(to, " VIRTUAL");
    }
    text(" COMMENT ", column->comment, to);
    if (column->position == WEIR_SQL_POSITION_FIRST) put(to, " FIRST");
    if (column->position != WEIR_SQL_POSITION_AFTER) return;
    put(to, " AFTER ");
    weir_sql_print_path(&column->after, to);
}

static void constraint(const struct weir_sql_constraint *constraint, struct weir_buffer *to)
{
    if (constraint->name.text) {
        put(to, "CONSTRAINT ");
        weir_sql_print_identifier(constraint->name.text, to);
        put(to, " ");
    }
    put(to, constraint->kind == WEIR_SQL_CONSTRAINT_PRIMARY_KEY ? "PRIMARY KEY " : "UNIQUE ");
    weir_sql_print_names(constraint->columns.items, constraint->columns.count, to);
    if (constraint->enforcement)
        put(to, constraint->enforcement == WEIR_SQL_ENFORCED ? " ENFORCED" : " NOT ENFORCED");
}

static void elements(const struct weir_sql_table_elements *elements, bool parentheses, struct weir_buffer *to)
{
    uint32_t count = 0;
    if (elements->column_count + elements->constraint_count + elements->watermark_count != 1)
        parentheses = true;
    if (parentheses) put(to, "(");
    for (uint32_t i = 0; i < elements->column_count; i++) {
        put_comma(to, count++);
        column(&elements->columns[i], to);
    }
    for (uint32_t i = 0; i < elements->constraint_count; i++) {
        put_comma(to, count++);
        constraint(&elements->constraints[i], to);
    }
    for (uint32_t i = 0; i < elements->watermark_count; i++) {
        put_comma(to, count++);
        put(to, "WATERMARK FOR ");
        weir_sql_print_path(&elements->watermarks[i].column, to);
        put(to, " AS ");
        weir_sql_print_expression(elements->watermarks[i].expr, to);
    }
    if (parentheses) put(to, ")");
}

static void distribution(const struct weir_sql_distribution *distribution, struct weir_buffer *to)
{
    static const char *const kinds[] = {
        [WEIR_SQL_DISTRIBUTION_UNKNOWN] = "",
        [WEIR_SQL_DISTRIBUTION_HASH] = "HASH ",
        [WEIR_SQL_DISTRIBUTION_RANGE] = "RANGE ",
    };
    if (distribution->columns.count) {
        weir_buffer_format(to, " BY %s", kinds[distribution->kind]);
        weir_sql_print_names(distribution->columns.items, distribution->columns.count, to);
    }
    if (distribution->has_bucket_count)
        weir_buffer_format(to, " INTO %u BUCKETS", distribution->bucket_count);
}

static void table_like(const struct weir_sql_table_like *like, struct weir_buffer *to)
{
    static const char *const mergings[] = {
        [WEIR_SQL_LIKE_INCLUDING] = "INCLUDING",
        [WEIR_SQL_LIKE_EXCLUDING] = "EXCLUDING",
        [WEIR_SQL_LIKE_OVERWRITING] = "OVERWRITING",
    };
    static const char *const features[] = {
        [WEIR_SQL_LIKE_ALL] = "ALL",
        [WEIR_SQL_LIKE_CONSTRAINTS] = "CONSTRAINTS",
        [WEIR_SQL_LIKE_DISTRIBUTION] = "DISTRIBUTION",
        [WEIR_SQL_LIKE_PARTITIONS] = "PARTITIONS",
        [WEIR_SQL_LIKE_GENERATED] = "GENERATED",
        [WEIR_SQL_LIKE_OPTIONS] = "OPTIONS",
        [WEIR_SQL_LIKE_WATERMARKS] = "WATERMARKS",
        [WEIR_SQL_LIKE_METADATA] = "METADATA",
    };
    put(to, " LIKE ");
    weir_sql_print_path(&like->table, to);
    for (uint32_t i = 0; i < like->option_count; i++)
        weir_buffer_format(to, "%s%s %s", i ? " " : " (", mergings[like->options[i].merging],
            features[like->options[i].feature]);
    if (like->option_count) put(to, ")");
}

/* --------------------------------------------------------------------------------------------------------
 * CREATE */

static void create(
    bool temporary, bool system, bool replace, const char *what, bool if_not_exists, struct weir_buffer *to)
{
    weir_buffer_format(to, "CREATE %s%s%s%s %s", replace ? "OR REPLACE " : "", temporary ? "TEMPORARY " : "",
        system ? "SYSTEM " : "", what, if_not_exists ? "IF NOT EXISTS " : "");
}

static void materialized_clauses(const struct weir_sql_create_table *table, struct weir_buffer *to)
{
    if (table->freshness) {
        put(to, " FRESHNESS = ");
        weir_sql_print_expression(table->freshness, to);
    }
    if (table->refresh_mode)
        put(to, table->refresh_mode == WEIR_SQL_REFRESH_FULL ? " REFRESH_MODE = FULL"
                                                             : " REFRESH_MODE = CONTINUOUS");
}

static void create_table(const struct weir_sql_create_table *table, bool materialized, struct weir_buffer *to)
{
    if (table->or_alter)
        put(to, "CREATE OR ALTER MATERIALIZED TABLE ");
    else if (!table->create)
        put(to, "REPLACE TABLE ");
    else
        create(table->temporary, false, table->replace, materialized ? "MATERIALIZED TABLE" : "TABLE",
            table->if_not_exists, to);
    weir_sql_print_path(&table->name, to);
    if (table->has_elements) {
        put(to, " ");
        elements(&table->elements, true, to);
    }
    text(" COMMENT ", table->comment, to);
    if (table->distribution) {
        put(to, " DISTRIBUTED");
        distribution(table->distribution, to);
    }
    if (table->partitioned_by.count) {
        put(to, " PARTITIONED BY ");
        weir_sql_print_names(table->partitioned_by.items, table->partitioned_by.count, to);
    }
    with_options(&table->options, to);
    materialized_clauses(table, to);
    if (table->like) table_like(table->like, to);
    if (!table->query) return;
    put(to, " AS ");
    weir_sql_print_query(table->query, to);
}

static void create_view(const struct weir_sql_create_view *view, struct weir_buffer *to)
{
    create(view->temporary, false, view->replace, "VIEW", view->if_not_exists, to);
    weir_sql_print_path(&view->name, to);
    for (uint32_t i = 0; i < view->column_count; i++) {
        put(to, i ? ", " : " (");
        weir_sql_print_identifier(view->columns[i].text, to);
        if (view->column_comments) text(" COMMENT ", view->column_comments[i], to);
    }
    if (view->column_count) put(to, ")");
    text(" COMMENT ", view->comment, to);
    put(to, " AS ");
    weir_sql_print_query(view->query, to);
}

static void create_object(
    const struct weir_sql_create_object *object, const char *what, struct weir_buffer *to)
{
    create(object->temporary, object->system, false, what, object->if_not_exists, to);
    weir_sql_print_path(&object->name, to);
    text(" COMMENT ", object->comment, to);
    with_options(&object->options, to);
}

static void function_definition(const struct weir_sql_function *function, struct weir_buffer *to)
{
    static const char *const languages[] = {
        [WEIR_SQL_LANGUAGE_UNSAID] = "",
        [WEIR_SQL_LANGUAGE_JAVA] = " LANGUAGE JAVA",
        [WEIR_SQL_LANGUAGE_SCALA] = " LANGUAGE SCALA",
        [WEIR_SQL_LANGUAGE_PYTHON] = " LANGUAGE PYTHON",
        [WEIR_SQL_LANGUAGE_SQL] = " LANGUAGE SQL",
        [WEIR_SQL_LANGUAGE_C] = " LANGUAGE C",
    };
    weir_sql_print_path(&function->name, to);
    text(" AS ", function->class_name, to);
    put(to, languages[function->language]);
    for (uint32_t i = 0; i < function->resource_count; i++) {
        weir_buffer_format(to, "%s%s ", i ? ", " : " USING ", function->resources[i].kind);
        weir_sql_print_string(function->resources[i].uri, to);
    }
    with_options(&function->options, to);
}

static void alter_function(const struct weir_sql_function *function, struct weir_buffer *to)
{
    weir_buffer_format(to, "ALTER %s%sFUNCTION %s", function->temporary ? "TEMPORARY " : "",
        function->system ? "SYSTEM " : "", function->if_exists ? "IF EXISTS " : "");
    function_definition(function, to);
}

static void model_columns(
    const char *word, const struct weir_sql_column *columns, uint32_t count, struct weir_buffer *to)
{
    for (uint32_t i = 0; i < count; i++) {
        put(to, i ? ", " : word);
        column(&columns[i], to);
    }
    if (count) put(to, ")");
}

static void create_model(const struct weir_sql_create_model *model, struct weir_buffer *to)
{
    create(model->temporary, false, false, "MODEL", model->if_not_exists, to);
    weir_sql_print_path(&model->name, to);
    model_columns(" INPUT (", model->inputs, model->input_count, to);
    model_columns(" OUTPUT (", model->outputs, model->output_count, to);
    text(" COMMENT ", model->comment, to);
    with_options(&model->options, to);
    if (!model->query) return;
    put(to, " AS ");
    weir_sql_print_query(model->query, to);
}

/* ---------------------------------------------------------------------------------------------------------
 * ALTER */

static void add_or_modify(const struct weir_sql_alter_object *alter, struct weir_buffer *to)
{
    put(to, alter->action == WEIR_SQL_ALTER_ADD ? " ADD " : " MODIFY ");
    if (alter->distribution) {
        put(to, "DISTRIBUTION");
        distribution(alter->distribution, to);
        return;
    }
    elements(&alter->elements, alter->has_parentheses, to);
}

static void drop_columns(const struct weir_sql_alter_object *alter, struct weir_buffer *to)
{
    put(to, alter->has_parentheses ? " DROP (" : " DROP ");
    for (uint32_t i = 0; i < alter->drop_count; i++) {
        put_comma(to, i);
        weir_sql_print_path(&alter->drops[i], to);
    }
    if (alter->has_parentheses) put(to, ")");
}

static void partitions(const struct weir_sql_alter_object *alter, struct weir_buffer *to)
{
    bool add = alter->action == WEIR_SQL_ALTER_ADD_PARTITIONS,
         drop = alter->action == WEIR_SQL_ALTER_DROP_PARTITIONS;
    if (add) put(to, alter->if_not_exists_partition ? " ADD IF NOT EXISTS" : " ADD");
    if (drop) put(to, alter->if_exists_partition ? " DROP IF EXISTS" : " DROP");
    if (alter->action == WEIR_SQL_ALTER_REFRESH) put(to, " REFRESH");
    for (uint32_t i = 0; i < alter->partition_count; i++) {
        if (i) put(to, drop ? "," : alter->action == WEIR_SQL_ALTER_RENAME_PARTITION ? " RENAME TO" : "");
        weir_sql_print_partition(&alter->partitions[i], to);
        with_options(&alter->partitions[i].options, to);
    }
}

static void reset(const struct weir_sql_alter_object *alter, struct weir_buffer *to)
{
    put(to, " RESET (");
    for (uint32_t i = 0; i < alter->key_count; i++) {
        put_comma(to, i);
        weir_sql_print_string(alter->keys[i], to);
    }
    put(to, ")");
}

static void rename(const struct weir_sql_alter_object *alter, struct weir_buffer *to)
{
    put(to, " RENAME ");
    if (alter->action == WEIR_SQL_ALTER_RENAME_COLUMN) {
        weir_sql_print_path(&alter->column, to);
        put(to, " ");
    }
    put(to, "TO ");
    weir_sql_print_path(&alter->new_name, to);
}

static void alter_action(const struct weir_sql_alter_object *alter, struct weir_buffer *to)
{
    switch (alter->action) {
    case WEIR_SQL_ALTER_RENAME:
    case WEIR_SQL_ALTER_RENAME_COLUMN: rename(alter, to); return;
    case WEIR_SQL_ALTER_ADD:
    case WEIR_SQL_ALTER_MODIFY: add_or_modify(alter, to); return;
    case WEIR_SQL_ALTER_DROP_COLUMNS: drop_columns(alter, to); return;
    case WEIR_SQL_ALTER_DROP_PRIMARY_KEY: put(to, " DROP PRIMARY KEY"); return;
    case WEIR_SQL_ALTER_DROP_CONSTRAINT:
        put(to, " DROP CONSTRAINT ");
        weir_sql_print_identifier(alter->constraint.text, to);
        return;
    case WEIR_SQL_ALTER_DROP_WATERMARK: put(to, " DROP WATERMARK"); return;
    case WEIR_SQL_ALTER_DROP_DISTRIBUTION: put(to, " DROP DISTRIBUTION"); return;
    case WEIR_SQL_ALTER_ADD_PARTITIONS:
    case WEIR_SQL_ALTER_DROP_PARTITIONS:
    case WEIR_SQL_ALTER_RENAME_PARTITION:
    case WEIR_SQL_ALTER_REFRESH: partitions(alter, to); return;
    case WEIR_SQL_ALTER_SET:
        put(to, " SET ");
        weir_sql_print_options(&alter->options, to);
        return;
    case WEIR_SQL_ALTER_RESET: reset(alter, to); return;
    case WEIR_SQL_ALTER_COMMENT: text(" COMMENT ", alter->comment, to); return;
    case WEIR_SQL_ALTER_AS:
        put(to, " AS ");
        weir_sql_print_query(alter->query, to);
        return;
    case WEIR_SQL_ALTER_SUSPEND: put(to, " SUSPEND"); return;
    case WEIR_SQL_ALTER_RESUME:
        put(to, " RESUME");
        with_options(&alter->options, to);
        return;
    case WEIR_SQL_ALTER_FRESHNESS:
        put(to, " SET FRESHNESS = ");
        weir_sql_print_expression(alter->freshness, to);
        return;
    case WEIR_SQL_ALTER_REFRESH_MODE:
        put(to, " SET REFRESH_MODE = ");
        put(to, alter->refresh_mode == WEIR_SQL_REFRESH_FULL ? "FULL" : "CONTINUOUS");
        return;
    }
}

static void alter(
    enum weir_sql_object object, const struct weir_sql_alter_object *alter, struct weir_buffer *to)
{
    weir_buffer_format(to, "ALTER %s %s", object_words[object], alter->if_exists ? "IF EXISTS " : "");
    weir_sql_print_path(&alter->name, to);
    alter_action(alter, to);
}

static void drop(const struct weir_sql_drop *drop, struct weir_buffer *to)
{
    weir_buffer_format(to, "DROP %s%s%s %s", drop->temporary ? "TEMPORARY " : "",
        drop->system ? "SYSTEM " : "", object_words[drop->object], drop->if_exists ? "IF EXISTS " : "");
    weir_sql_print_path(&drop->name, to);
    if (drop->behavior) put(to, drop->behavior == WEIR_SQL_DROP_CASCADE ? " CASCADE" : " RESTRICT");
}

void weir_sql_print_ddl(const struct weir_sql_statement *statement, struct weir_buffer *to)
{
    switch (statement->kind) {
    case WEIR_SQL_STATEMENT_CREATE_TABLE: create_table(statement->create_table, false, to); return;
    case WEIR_SQL_STATEMENT_CREATE_MATERIALIZED_TABLE:
        create_table(statement->create_table, true, to);
        return;
    case WEIR_SQL_STATEMENT_CREATE_VIEW: create_view(statement->create_view, to); return;
    case WEIR_SQL_STATEMENT_CREATE_DATABASE: create_object(statement->create_object, "DATABASE", to); return;
    case WEIR_SQL_STATEMENT_CREATE_CATALOG: create_object(statement->create_object, "CATALOG", to); return;
    case WEIR_SQL_STATEMENT_CREATE_CONNECTION:
        create_object(statement->create_object, "CONNECTION", to);
        return;
    case WEIR_SQL_STATEMENT_CREATE_FUNCTION: {
        const struct weir_sql_function *function = statement->function;
        create(function->temporary, function->system, false, "FUNCTION", function->if_not_exists, to);
        function_definition(function, to);
        return;
    }
    case WEIR_SQL_STATEMENT_CREATE_MODEL: create_model(statement->create_model, to); return;
    case WEIR_SQL_STATEMENT_ALTER_TABLE: alter(WEIR_SQL_OBJECT_TABLE, statement->alter, to); return;
    case WEIR_SQL_STATEMENT_ALTER_MATERIALIZED_TABLE:
        alter(WEIR_SQL_OBJECT_MATERIALIZED_TABLE, statement->alter, to);
        return;
    case WEIR_SQL_STATEMENT_ALTER_VIEW: alter(WEIR_SQL_OBJECT_VIEW, statement->alter, to); return;
    case WEIR_SQL_STATEMENT_ALTER_DATABASE: alter(WEIR_SQL_OBJECT_DATABASE, statement->alter, to); return;
    case WEIR_SQL_STATEMENT_ALTER_CATALOG: alter(WEIR_SQL_OBJECT_CATALOG, statement->alter, to); return;
    case WEIR_SQL_STATEMENT_ALTER_MODEL: alter(WEIR_SQL_OBJECT_MODEL, statement->alter, to); return;
    case WEIR_SQL_STATEMENT_ALTER_CONNECTION: alter(WEIR_SQL_OBJECT_CONNECTION, statement->alter, to); return;
    case WEIR_SQL_STATEMENT_ALTER_FUNCTION: alter_function(statement->function, to); return;
    case WEIR_SQL_STATEMENT_DROP: drop(statement->drop, to); return;
    default: return;
    }
}
