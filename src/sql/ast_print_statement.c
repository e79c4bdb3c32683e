/* Statements that are no definitions, as text. */
#include "sql/ast_print.h"

void weir_sql_print_options(const struct weir_sql_options *options, struct weir_buffer *to)
{
    put(to, "(");
    for (uint32_t i = 0; i < options->count; i++) {
        put_comma(to, i);
        weir_sql_print_string(options->items[i].key, to);
        put(to, " = ");
        weir_sql_print_string(options->items[i].value, to);
    }
    put(to, ")");
}

void weir_sql_print_partition(const struct weir_sql_partition *partition, struct weir_buffer *to)
{
    for (uint32_t i = 0; i < partition->count; i++) {
        put(to, i ? ", " : " PARTITION (");
        weir_sql_print_identifier(partition->items[i].name.text, to);
        if (!partition->items[i].value) continue;
        put(to, " = ");
        weir_sql_print_expression(partition->items[i].value, to);
    }
    if (partition->count) put(to, ")");
}

static void insert(const struct weir_sql_insert *insert, struct weir_buffer *to)
{
    static const char *const conflicts[] = {
        [WEIR_SQL_ON_CONFLICT_UNSAID] = "",
        [WEIR_SQL_ON_CONFLICT_NOTHING] = " ON CONFLICT DO NOTHING",
        [WEIR_SQL_ON_CONFLICT_ERROR] = " ON CONFLICT DO ERROR",
        [WEIR_SQL_ON_CONFLICT_DEDUPLICATE] = " ON CONFLICT DO DEDUPLICATE",
    };
    weir_buffer_format(
        to, "%sINSERT %s ", insert->execute ? "EXECUTE " : "", insert->overwrite ? "OVERWRITE" : "INTO");
    weir_sql_print_path(&insert->table, to);
    weir_sql_print_hints(&insert->hints, to);
    weir_sql_print_partition(&insert->partition, to);
    for (uint32_t i = 0; i < insert->column_count; i++) {
        put(to, i ? ", " : " (");
        weir_sql_print_path(&insert->columns[i], to);
    }
    put(to, insert->column_count ? ") " : " ");
    weir_sql_print_query(insert->query, to);
    put(to, conflicts[insert->on_conflict]);
}

static void target(const struct weir_sql_path *table, const struct weir_sql_hints *hints,
    const struct weir_sql_name *alias, struct weir_buffer *to)
{
    weir_sql_print_path(table, to);
    weir_sql_print_hints(hints, to);
    if (!alias->text) return;
    put(to, " AS ");
    weir_sql_print_identifier(alias->text, to);
}

static void where(const struct weir_sql_expr *condition, struct weir_buffer *to)
{
    if (!condition) return;
    put(to, " WHERE ");
    weir_sql_print_expression(condition, to);
}

static void update(const struct weir_sql_update *update, struct weir_buffer *to)
{
    put(to, "UPDATE ");
    target(&update->table, &update->hints, &update->alias, to);
    for (uint32_t i = 0; i < update->assignment_count; i++) {
        put(to, i ? ", " : " SET ");
        weir_sql_print_path(&update->assignments[i].column, to);
        put(to, " = ");
        weir_sql_print_expression(update->assignments[i].value, to);
    }
    where(update->where, to);
}

static void delete (const struct weir_sql_delete *delete, struct weir_buffer *to)
{
    put(to, "DELETE FROM ");
    target(&delete->table, &delete->hints, &delete->alias, to);
    where(delete->where, to);
}

static void statement_set(const struct weir_sql_statement_set *set, struct weir_buffer *to)
{
    put(to, set->begin_form ? "BEGIN STATEMENT SET; "
            : set->execute  ? "EXECUTE STATEMENT SET BEGIN "
                            : "STATEMENT SET BEGIN ");
    for (uint32_t i = 0; i < set->count; i++) {
        weir_sql_print_statement(set->statements[i], to);
        put(to, "; ");
    }
    put(to, "END");
}

static void analyze(const struct weir_sql_analyze *analyze, struct weir_buffer *to)
{
    put(to, "ANALYZE TABLE ");
    weir_sql_print_path(&analyze->table, to);
    weir_sql_print_partition(&analyze->partition, to);
    put(to, " COMPUTE STATISTICS");
    if (analyze->all_columns) put(to, " FOR ALL COLUMNS");
    for (uint32_t i = 0; i < analyze->columns.count; i++) {
        put(to, i ? ", " : " FOR COLUMNS ");
        weir_sql_print_identifier(analyze->columns.items[i].text, to);
    }
}

static const char *list_words(const struct weir_sql_show *show)
{
    static const char *const words[] = {
        [WEIR_SQL_OBJECT_TABLE] = "TABLES",
        [WEIR_SQL_OBJECT_MATERIALIZED_TABLE] = "MATERIALIZED TABLES",
        [WEIR_SQL_OBJECT_VIEW] = "VIEWS",
        [WEIR_SQL_OBJECT_DATABASE] = "DATABASES",
        [WEIR_SQL_OBJECT_CATALOG] = "CATALOGS",
        [WEIR_SQL_OBJECT_FUNCTION] = "FUNCTIONS",
        [WEIR_SQL_OBJECT_MODEL] = "MODELS",
        [WEIR_SQL_OBJECT_CONNECTION] = "CONNECTIONS",
        [WEIR_SQL_OBJECT_COLUMN] = "COLUMNS",
        [WEIR_SQL_OBJECT_PARTITION] = "PARTITIONS",
        [WEIR_SQL_OBJECT_MODULE] = "MODULES",
        [WEIR_SQL_OBJECT_PROCEDURE] = "PROCEDURES",
        [WEIR_SQL_OBJECT_JAR] = "JARS",
        [WEIR_SQL_OBJECT_JOB] = "JOBS",
    };
    return words[show->object];
}

static const char *object_word(enum weir_sql_object object)
{
    static const char *const words[] = {
        [WEIR_SQL_OBJECT_TABLE] = "TABLE ",
        [WEIR_SQL_OBJECT_MATERIALIZED_TABLE] = "MATERIALIZED TABLE ",
        [WEIR_SQL_OBJECT_VIEW] = "VIEW ",
        [WEIR_SQL_OBJECT_DATABASE] = "DATABASE ",
        [WEIR_SQL_OBJECT_CATALOG] = "CATALOG ",
        [WEIR_SQL_OBJECT_FUNCTION] = "FUNCTION ",
        [WEIR_SQL_OBJECT_MODEL] = "MODEL ",
        [WEIR_SQL_OBJECT_CONNECTION] = "CONNECTION ",
        [WEIR_SQL_OBJECT_JOB] = "JOB ",
    };
    return words[object];
}

static void show(const struct weir_sql_show *show, struct weir_buffer *to)
{
    put(to, "SHOW ");
    if (show->kind == WEIR_SQL_SHOW_CURRENT) {
        put(to, show->object == WEIR_SQL_OBJECT_CATALOG ? "CURRENT CATALOG" : "CURRENT DATABASE");
        return;
    }
    if (show->kind == WEIR_SQL_SHOW_CREATE) {
        weir_buffer_format(to, "CREATE %s", object_word(show->object));
        weir_sql_print_path(&show->name, to);
        return;
    }
    weir_buffer_format(to, "%s%s%s", show->user ? "USER " : "", show->full ? "FULL " : "", list_words(show));
    const struct weir_sql_path *path = show->object == WEIR_SQL_OBJECT_COLUMN ? &show->name : &show->from;
    if (show->object == WEIR_SQL_OBJECT_PARTITION) {
        put(to, " ");
        weir_sql_print_path(&show->name, to);
    } else if (path->count) {
        put(to, show->in ? " IN " : " FROM ");
        weir_sql_print_path(path, to);
    }
    weir_sql_print_partition(&show->partition, to);
    if (!show->has_like) return;
    weir_buffer_format(
        to, "%s %s ", show->negated ? " NOT" : "", show->like == WEIR_SQL_ILIKE ? "ILIKE" : "LIKE");
    weir_sql_print_string(show->pattern, to);
}

static void describe(const struct weir_sql_describe *describe, struct weir_buffer *to)
{
    put(to, "DESCRIBE ");
    if (describe->object != WEIR_SQL_OBJECT_TABLE) put(to, object_word(describe->object));
    if (describe->extended) put(to, "EXTENDED ");
    if (describe->job_id)
        weir_sql_print_string(describe->job_id, to);
    else
        weir_sql_print_path(&describe->name, to);
}

static void explain(const struct weir_sql_explain *explain, struct weir_buffer *to)
{
    const struct {
        bool on;
        const char *word;
    } details[] = {
        { explain->estimated_cost, "ESTIMATED_COST" },
        { explain->changelog_mode, "CHANGELOG_MODE" },
        { explain->json_execution_plan, "JSON_EXECUTION_PLAN" },
        { explain->plan_advice, "PLAN_ADVICE" },
    };
    uint32_t count = 0;
    put(to, explain->plan_for ? "EXPLAIN PLAN FOR " : "EXPLAIN ");
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(details); i++) {
        if (!details[i].on) continue;
        put_comma(to, count++);
        put(to, details[i].word);
    }
    if (count) put(to, " ");
    weir_sql_print_statement(explain->statement, to);
}

static void plan(const struct weir_sql_plan *plan, bool compile, struct weir_buffer *to)
{
    put(to, !compile ? "EXECUTE PLAN " : plan->execute ? "COMPILE AND EXECUTE PLAN " : "COMPILE PLAN ");
    weir_sql_print_string(plan->file, to);
    if (!compile) return;
    put(to, plan->if_not_exists ? " IF NOT EXISTS FOR " : " FOR ");
    weir_sql_print_statement(plan->statement, to);
}

static void module(const char *words, const struct weir_sql_module *module, struct weir_buffer *to)
{
    put(to, words);
    for (uint32_t i = 0; i < module->names.count; i++) {
        put_comma(to, i);
        weir_sql_print_identifier(module->names.items[i].text, to);
    }
    if (module->name.text) weir_sql_print_identifier(module->name.text, to);
    if (!module->options.count) return;
    put(to, " WITH ");
    weir_sql_print_options(&module->options, to);
}

static void set(const char *word, const struct weir_sql_set *set, struct weir_buffer *to)
{
    put(to, word);
    if (set->key) {
        put(to, " ");
        weir_sql_print_string(set->key, to);
    }
    if (!set->value) return;
    put(to, " = ");
    weir_sql_print_string(set->value, to);
}

static void named(const char *words, const struct weir_sql_path *path, struct weir_buffer *to)
{
    put(to, words);
    weir_sql_print_path(path, to);
}

static void quoted(const char *words, const char *value, struct weir_buffer *to)
{
    put(to, words);
    weir_sql_print_string(value, to);
}

void weir_sql_print_statement(const struct weir_sql_statement *statement, struct weir_buffer *to)
{
    switch (statement->kind) {
    case WEIR_SQL_STATEMENT_QUERY: weir_sql_print_query(statement->query, to); return;
    case WEIR_SQL_STATEMENT_INSERT: insert(statement->insert, to); return;
    case WEIR_SQL_STATEMENT_UPDATE: update(statement->update, to); return;
    case WEIR_SQL_STATEMENT_DELETE: delete (statement->delete_, to); return;
    case WEIR_SQL_STATEMENT_STATEMENT_SET: statement_set(statement->statement_set, to); return;
    case WEIR_SQL_STATEMENT_CALL:
        put(to, "CALL ");
        weir_sql_print_expression(statement->call, to);
        return;
    case WEIR_SQL_STATEMENT_TRUNCATE: named("TRUNCATE TABLE ", &statement->name, to); return;
    case WEIR_SQL_STATEMENT_ANALYZE: analyze(statement->analyze, to); return;
    case WEIR_SQL_STATEMENT_SHOW: show(statement->show, to); return;
    case WEIR_SQL_STATEMENT_DESCRIBE: describe(statement->describe, to); return;
    case WEIR_SQL_STATEMENT_EXPLAIN: explain(statement->explain, to); return;
    case WEIR_SQL_STATEMENT_COMPILE_PLAN: plan(statement->plan, true, to); return;
    case WEIR_SQL_STATEMENT_EXECUTE_PLAN: plan(statement->plan, false, to); return;
    case WEIR_SQL_STATEMENT_USE_CATALOG: named("USE CATALOG ", &statement->name, to); return;
    case WEIR_SQL_STATEMENT_USE_DATABASE: named("USE ", &statement->name, to); return;
    case WEIR_SQL_STATEMENT_USE_MODULES: module("USE MODULES ", statement->module, to); return;
    case WEIR_SQL_STATEMENT_LOAD_MODULE: module("LOAD MODULE ", statement->module, to); return;
    case WEIR_SQL_STATEMENT_UNLOAD_MODULE: module("UNLOAD MODULE ", statement->module, to); return;
    case WEIR_SQL_STATEMENT_SET: set("SET", &statement->set, to); return;
    case WEIR_SQL_STATEMENT_RESET: set("RESET", &statement->set, to); return;
    case WEIR_SQL_STATEMENT_ADD_JAR: quoted("ADD JAR ", statement->uri, to); return;
    case WEIR_SQL_STATEMENT_REMOVE_JAR: quoted("REMOVE JAR ", statement->uri, to); return;
    case WEIR_SQL_STATEMENT_STOP_JOB:
        quoted("STOP JOB ", statement->stop_job.job_id, to);
        if (statement->stop_job.with_savepoint) put(to, " WITH SAVEPOINT");
        if (statement->stop_job.with_drain) put(to, " WITH DRAIN");
        return;
    case WEIR_SQL_STATEMENT_CLIENT: put(to, statement->client.command); return;
    default: weir_sql_print_ddl(statement, to); return;
    }
}
