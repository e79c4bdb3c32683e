/* SHOW and DESCRIBE: answers as small tables of text, with Flink's column names. */
#include "expr/aggregate.h"
#include "expr/function.h"
#include "sql/bind.h"
#include "sql/parser.h"

#include <string.h>

struct answer {
    struct bind_context *context;
    const char **cells;
    uint32_t count, capacity;
    uint32_t width;
    const char *const *names;
};

static void add_cell(struct answer *answer, const char *text)
{
    answer->cells = weir_bind_grow(
        answer->context, answer->cells, answer->count, &answer->capacity, sizeof *answer->cells);
    answer->cells[answer->count++] = text ? weir_arena_string(answer->context->arena, text) : NULL;
}

static void start(
    struct answer *answer, struct bind_context *context, const char *const *names, uint32_t width)
{
    memset(answer, 0, sizeof *answer);
    answer->context = context;
    answer->names = names;
    answer->width = width;
}

static const struct weir_sql_answer *finish(struct answer *answer)
{
    struct weir_sql_answer *ret = WEIR_ARENA_NEW(answer->context->arena, struct weir_sql_answer);
    ret->column_count = answer->width;
    ret->row_count = answer->count / answer->width;
    ret->column_names = answer->names;
    ret->cells = answer->cells;
    return ret;
}

/* Rows of one cell in the order of their text. */
static void sort_cells(struct answer *answer)
{
    for (uint32_t gap = answer->count / 2; gap > 0; gap /= 2) {
        for (uint32_t i = gap; i < answer->count; i++) {
            const char *cell = answer->cells[i];
            uint32_t k = i;
            for (; k >= gap && strcmp(answer->cells[k - gap], cell) > 0; k -= gap)
                answer->cells[k] = answer->cells[k - gap];
            answer->cells[k] = cell;
        }
    }
}

/* ----------------------------------------------------------------------------------------------------------
 * LIKE */

static char folded(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool like(const char *text, const char *pattern, bool ignore_case)
{
    const char *star = NULL, *retry = NULL;
    while (*text) {
        bool literal = *pattern == '\\' && pattern[1];
        char want = literal ? pattern[1] : *pattern;
        bool same = ignore_case ? folded(want) == folded(*text) : want == *text;
        if (!literal && *pattern == '%') {
            star = ++pattern;
            retry = text;
        } else if ((!literal && *pattern == '_') || (same && want)) {
            pattern += literal ? 2 : 1;
            text++;
        } else if (star) {
            pattern = star;
            text = ++retry;
        } else {
            return false;
        }
    }
    while (*pattern == '%') pattern++;
    return *pattern == 0;
}

static bool passes(const struct weir_sql_show *show, const char *name)
{
    if (!show->has_like) return true;
    return like(name, show->pattern, show->like == WEIR_SQL_ILIKE) != show->negated;
}

/* --------------------------------------------------------------------------------------------------------
 * CREATE */

enum { CREATE_TEXT_BYTES_MAX = 8 << 20 };

static void append_name(struct weir_buffer *to, const char *name)
{
    weir_sql_print_identifier(name, to);
}

static void append_string(struct weir_buffer *to, const char *text)
{
    weir_sql_print_string(text, to);
}

static void append_names(
    struct weir_buffer *to, const struct weir_sql_table *table, const uint32_t *columns, uint32_t count)
{
    weir_buffer_append_byte(to, '(');
    for (uint32_t i = 0; i < count; i++) {
        if (i) weir_buffer_append_text(to, ", ");
        append_name(to, table->columns[columns[i]].name);
    }
    weir_buffer_append_byte(to, ')');
}

static void append_column(struct weir_buffer *to, const struct weir_sql_table_column *column)
{
    append_name(to, column->name);
    weir_buffer_append_byte(to, ' ');
    if (column->kind == WEIR_SQL_COLUMN_COMPUTED) {
        weir_buffer_format(to, "AS %s", column->expr_text);
    } else {
        weir_type_print_full(column->type, to);
    }
    if (column->kind == WEIR_SQL_COLUMN_METADATA) {
        weir_buffer_append_text(to, " METADATA");
        if (column->metadata_key_written) {
            weir_buffer_append_text(to, " FROM ");
            append_string(to, column->metadata_key);
        }
        if (column->is_virtual) weir_buffer_append_text(to, " VIRTUAL");
    }
    if (column->comment) {
        weir_buffer_append_text(to, " COMMENT ");
        append_string(to, column->comment);
    }
}

static void append_identifier(struct weir_buffer *to, const struct weir_sql_table *table)
{
    append_name(to, table->identifier.catalog);
    weir_buffer_append_byte(to, '.');
    append_name(to, table->identifier.database);
    weir_buffer_append_byte(to, '.');
    append_name(to, table->identifier.name);
}

static void append_distribution(struct weir_buffer *to, const struct weir_sql_table *table)
{
    static const char *const kinds[] = { "", "HASH", "RANGE" };
    weir_buffer_append_text(to, "DISTRIBUTED");
    if (table->distribution_key_count) {
        weir_buffer_format(to, " BY %s", kinds[table->distribution]);
        append_names(to, table, table->distribution_keys, table->distribution_key_count);
    }
    if (table->has_bucket_count) weir_buffer_format(to, " INTO %u BUCKETS", table->bucket_count);
    weir_buffer_append_byte(to, '\n');
}

static bool is_secret(const char *key)
{
    static const char *const words[] = { "password", "secret", "fs.azure.account.key", "apikey", "api-key",
        "auth-params", "service-key", "token", "basic-auth", "jaas.config", "http-headers" };
    for (uint32_t i = 0; i < WEIR_ARRAY_COUNT(words); i++) {
        for (const char *at = key; *at; at++) {
            size_t k = 0;
            while (words[i][k] && folded(at[k]) == words[i][k]) k++;
            if (!words[i][k]) return true;
        }
    }
    return false;
}

static void append_options(struct weir_buffer *to, const struct weir_sql_table *table)
{
    weir_buffer_append_text(to, "WITH (\n");
    for (uint32_t i = 0; i < table->option_count; i++) {
        weir_buffer_append_text(to, "  ");
        append_string(to, table->options[i].key);
        weir_buffer_append_text(to, " = ");
        append_string(to, is_secret(table->options[i].key) ? "******" : table->options[i].value);
        weir_buffer_append_text(to, i + 1 < table->option_count ? ",\n" : "\n");
    }
    weir_buffer_append_text(to, ")");
}

static void append_create_table(struct weir_buffer *to, const struct weir_sql_table *table)
{
    weir_buffer_format(to, "CREATE %sTABLE ", table->temporary ? "TEMPORARY " : "");
    append_identifier(to, table);
    weir_buffer_append_text(to, " (\n");
    for (uint32_t i = 0; i < table->column_count; i++) {
        weir_buffer_append_text(to, i ? ",\n  " : "  ");
        append_column(to, &table->columns[i]);
    }
    if (table->has_watermark) {
        weir_buffer_append_text(to, ",\n  WATERMARK FOR ");
        append_name(to, table->columns[table->watermark_column].name);
        weir_buffer_format(to, " AS %s", table->watermark_text);
    }
    if (table->primary_key_name) {
        weir_buffer_append_text(to, ",\n  CONSTRAINT ");
        append_name(to, table->primary_key_name);
        weir_buffer_append_text(to, " PRIMARY KEY ");
        append_names(to, table, table->primary_key, table->primary_key_count);
        weir_buffer_append_text(to, " NOT ENFORCED");
    }
    weir_buffer_append_text(to, "\n)\n");
    if (table->comment) {
        weir_buffer_append_text(to, "COMMENT ");
        append_string(to, table->comment);
        weir_buffer_append_byte(to, '\n');
    }
    if (table->has_distribution) append_distribution(to, table);
    if (table->partition_key_count) {
        weir_buffer_append_text(to, "PARTITIONED BY ");
        append_names(to, table, table->partition_keys, table->partition_key_count);
        weir_buffer_append_byte(to, '\n');
    }
    append_options(to, table);
    weir_buffer_append_byte(to, '\n');
}

static void append_create_view(struct weir_buffer *to, const struct weir_sql_table *view)
{
    weir_buffer_format(to, "CREATE %sVIEW ", view->temporary ? "TEMPORARY " : "");
    append_identifier(to, view);
    weir_buffer_append_text(to, " (\n");
    for (uint32_t i = 0; i < view->column_count; i++) {
        weir_buffer_append_text(to, i ? ",\n  " : "  ");
        append_name(to, view->columns[i].name);
        if (!view->columns[i].comment) continue;
        weir_buffer_append_text(to, " COMMENT ");
        append_string(to, view->columns[i].comment);
    }
    weir_buffer_append_text(to, "\n)\n");
    if (view->comment) {
        weir_buffer_append_text(to, "COMMENT ");
        append_string(to, view->comment);
        weir_buffer_append_byte(to, '\n');
    }
    weir_buffer_format(to, "AS %s\n", view->query_text);
}

static enum weir_error_code show_create(
    struct bind_context *context, const struct weir_sql_show *show, const struct weir_sql_answer **ret)
{
    static const char *const names[] = { "result" };
    const struct weir_sql_table *table;
    bool view = show->object == WEIR_SQL_OBJECT_VIEW;
    if (!view && show->object != WEIR_SQL_OBJECT_TABLE) {
        return weir_bind_unsupported(context, show->name.span, "SHOW CREATE of anything but a table or view");
    }
    WEIR_TRY(weir_bind_find(context, &show->name, view ? "View" : "Table", &table));
    if (table->is_view != view) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, show->name.span,
            "SHOW CREATE %s is only supported for %ss, but %s is a %s. Please use SHOW CREATE %s instead.",
            view ? "VIEW" : "TABLE", view ? "view" : "table", table->identifier_text, view ? "table" : "view",
            view ? "TABLE" : "VIEW");
    }
    struct weir_buffer text;
    weir_buffer_init(&text, context->input->memory, CREATE_TEXT_BYTES_MAX);
    if (view) {
        append_create_view(&text, table);
    } else {
        append_create_table(&text, table);
    }
    struct answer answer;
    start(&answer, context, names, 1);
    add_cell(&answer, weir_buffer_text(&text));
    weir_buffer_done(&text);
    *ret = finish(&answer);
    return WEIR_OK;
}

/* -------------------------------------------------------------------------------------------------------
 * columns */

static const char *extras_of(struct bind_context *context, const struct weir_sql_table *table, uint32_t index)
{
    const struct weir_sql_table_column *column = &table->columns[index];
    if (column->kind == WEIR_SQL_COLUMN_COMPUTED)
        return weir_arena_format(context->arena, "AS %s", column->expr_text);
    if (column->kind != WEIR_SQL_COLUMN_METADATA) return NULL;
    const char *from = column->metadata_key_written
                           ? weir_arena_format(context->arena, " FROM '%s'", column->metadata_key)
                           : "";
    return weir_arena_format(context->arena, "METADATA%s%s", from, column->is_virtual ? " VIRTUAL" : "");
}

static const char *key_of(struct bind_context *context, const struct weir_sql_table *table, uint32_t index)
{
    bool key = false;
    const char *list = "";
    for (uint32_t i = 0; i < table->primary_key_count; i++) {
        key |= table->primary_key[i] == index;
        list = weir_arena_format(
            context->arena, "%s%s%s", list, i ? ", " : "", table->columns[table->primary_key[i]].name);
    }
    return key ? weir_arena_format(context->arena, "PRI(%s)", list) : NULL;
}

static const char *type_of(struct bind_context *context, const struct weir_sql_table *table, uint32_t index)
{
    const struct weir_type *type = table->columns[index].type;
    bool rowtime = table->has_watermark && table->watermark_column == index;
    const struct weir_sql_expr *expr = table->columns[index].expr;
    bool proctime = expr && expr->kind == WEIR_SQL_EXPR_CALL && expr->call->arguments.count == 0 &&
                    weir_bind_same_word(expr->call->name.parts[expr->call->name.count - 1].text, "PROCTIME");
    const char *text = weir_type_text(context->arena, weir_type_nullable(context->arena, type, true));
    if (rowtime) return weir_arena_format(context->arena, "%s *ROWTIME*", text);
    return proctime ? weir_arena_format(context->arena, "%s *PROCTIME*", text) : text;
}

static bool has_comments(const struct weir_sql_table *table)
{
    for (uint32_t i = 0; i < table->column_count; i++) {
        if (table->columns[i].comment) return true;
    }
    return false;
}

static const struct weir_sql_answer *describe_columns(
    struct bind_context *context, const struct weir_sql_table *table, const struct weir_sql_show *show)
{
    static const char *const names[] = { "name", "type", "null", "key", "extras", "watermark", "comment" };
    bool comments = has_comments(table);
    struct answer answer;
    start(&answer, context, names, comments ? 7 : 6);
    for (uint32_t i = 0; i < table->column_count; i++) {
        const struct weir_sql_table_column *column = &table->columns[i];
        if (show && !passes(show, column->name)) continue;
        add_cell(&answer, column->name);
        add_cell(&answer, type_of(context, table, i));
        add_cell(&answer, column->type->nullable ? "TRUE" : "FALSE");
        add_cell(&answer, key_of(context, table, i));
        add_cell(&answer, extras_of(context, table, i));
        add_cell(
            &answer, table->has_watermark && table->watermark_column == i ? table->watermark_text : NULL);
        if (comments) add_cell(&answer, column->comment);
    }
    return finish(&answer);
}

/* ---------------------------------------------------------------------------------------------------------
 * lists */

static enum weir_error_code listed_database(struct bind_context *context, const struct weir_sql_show *show,
    const char **catalog_name, const char **database)
{
    struct weir_sql_catalog *catalog = context->input->catalog;
    *catalog_name = weir_sql_catalog_current(catalog);
    *database = weir_sql_catalog_current_database(catalog);
    if (show->from.count == 0) return WEIR_OK;
    *database = show->from.parts[show->from.count - 1].text;
    if (show->from.count > 1) *catalog_name = show->from.parts[0].text;
    if (weir_sql_catalog_find_database(catalog, *catalog_name, *database)) return WEIR_OK;
    return weir_bind_error(context, WEIR_E_NOT_FOUND, show->from.span, "Database '%s'.'%s' doesn't exist.",
        *catalog_name, *database);
}

static enum weir_error_code list_tables(
    struct bind_context *context, const struct weir_sql_show *show, const struct weir_sql_answer **ret)
{
    static const char *const tables[] = { "table name" }, *const views[] = { "view name" };
    bool only_views = show->object == WEIR_SQL_OBJECT_VIEW;
    const char *catalog, *database;
    WEIR_TRY(listed_database(context, show, &catalog, &database));
    struct answer answer;
    start(&answer, context, only_views ? views : tables, 1);
    const struct weir_sql_table *table;
    for (uint32_t i = 0; (table = weir_sql_catalog_table_at(context->input->catalog, i)); i++) {
        const struct weir_sql_identifier *name = &table->identifier;
        bool hidden = !table->temporary && weir_sql_catalog_find_kind(context->input->catalog, name, true);
        if (hidden || strcmp(name->catalog, catalog) != 0 || strcmp(name->database, database) != 0) continue;
        if ((only_views && !table->is_view) || !passes(show, name->name)) continue;
        add_cell(&answer, name->name);
    }
    sort_cells(&answer);
    *ret = finish(&answer);
    return WEIR_OK;
}

static enum weir_error_code list_databases(
    struct bind_context *context, const struct weir_sql_show *show, const struct weir_sql_answer **ret)
{
    static const char *const names[] = { "database name" };
    struct weir_sql_catalog *catalog = context->input->catalog;
    const char *from = show->from.count ? show->from.parts[0].text : weir_sql_catalog_current(catalog);
    if (!weir_sql_catalog_find_catalog(catalog, from)) {
        return weir_bind_error(
            context, WEIR_E_NOT_FOUND, show->from.span, "A catalog with name [%s] does not exist.", from);
    }
    struct answer answer;
    start(&answer, context, names, 1);
    const struct weir_sql_database *database;
    for (uint32_t i = 0; (database = weir_sql_catalog_database_at(catalog, i)); i++) {
        if (strcmp(database->catalog, from) == 0 && passes(show, database->name))
            add_cell(&answer, database->name);
    }
    sort_cells(&answer);
    *ret = finish(&answer);
    return WEIR_OK;
}

static void list_catalogs(
    struct bind_context *context, const struct weir_sql_show *show, const struct weir_sql_answer **ret)
{
    static const char *const names[] = { "catalog name" };
    struct answer answer;
    start(&answer, context, names, 1);
    const struct weir_sql_catalog_entry *entry;
    for (uint32_t i = 0; (entry = weir_sql_catalog_at(context->input->catalog, i)); i++) {
        if (passes(show, entry->name)) add_cell(&answer, entry->name);
    }
    sort_cells(&answer);
    *ret = finish(&answer);
}

static bool is_word(const char *name)
{
    return (name[0] >= 'A' && name[0] <= 'Z') || name[0] == '_';
}

static void list_functions(
    struct bind_context *context, const struct weir_sql_show *show, const struct weir_sql_answer **ret)
{
    static const char *const names[] = { "function name" };
    struct answer answer;
    start(&answer, context, names, 1);
    for (uint32_t i = 0; !show->user && i < weir_function_count; i++) {
        const struct weir_function *function = &weir_functions[i];
        bool callable = is_word(function->name) && !(function->flags & WEIR_FUNCTION_OPERATOR);
        if (callable && passes(show, function->name)) add_cell(&answer, function->name);
    }
    for (uint32_t i = 0; !show->user && i < weir_aggregate_function_count; i++) {
        const char *name = weir_aggregate_functions[i].name;
        if (is_word(name) && passes(show, name)) add_cell(&answer, name);
    }
    sort_cells(&answer);
    *ret = finish(&answer);
}

static enum weir_error_code show_columns(
    struct bind_context *context, const struct weir_sql_show *show, const struct weir_sql_answer **ret)
{
    const struct weir_sql_table *table;
    const struct weir_sql_path *path = show->name.count ? &show->name : &show->from;
    WEIR_TRY(weir_bind_find(context, path, "Table", &table));
    *ret = describe_columns(context, table, show);
    return WEIR_OK;
}

static enum weir_error_code show_list(struct bind_context *context, const struct weir_sql_show *show,
    struct weir_sql_span span, const struct weir_sql_answer **ret)
{
    static const char *const modules[] = { "module name" };
    struct answer answer;
    switch (show->object) {
    case WEIR_SQL_OBJECT_TABLE:
    case WEIR_SQL_OBJECT_VIEW: return list_tables(context, show, ret);
    case WEIR_SQL_OBJECT_DATABASE: return list_databases(context, show, ret);
    case WEIR_SQL_OBJECT_CATALOG: list_catalogs(context, show, ret); return WEIR_OK;
    case WEIR_SQL_OBJECT_FUNCTION: list_functions(context, show, ret); return WEIR_OK;
    case WEIR_SQL_OBJECT_COLUMN: return show_columns(context, show, ret);
    case WEIR_SQL_OBJECT_MODULE:
        start(&answer, context, modules, 1);
        add_cell(&answer, "core");
        *ret = finish(&answer);
        return WEIR_OK;
    default: return weir_bind_unsupported(context, span, "This form of SHOW");
    }
}

static enum weir_error_code show_current(
    struct bind_context *context, const struct weir_sql_show *show, const struct weir_sql_answer **ret)
{
    static const char *const catalogs[] = { "current catalog name" }, *const databases[] = {
        "current database name"
    };
    bool catalog = show->object == WEIR_SQL_OBJECT_CATALOG;
    struct answer answer;
    start(&answer, context, catalog ? catalogs : databases, 1);
    add_cell(&answer, catalog ? weir_sql_catalog_current(context->input->catalog)
                              : weir_sql_catalog_current_database(context->input->catalog));
    *ret = finish(&answer);
    return WEIR_OK;
}

/* ------------------------------------------------------------------------------------------------------
 * DESCRIBE */

static void add_pair(struct answer *answer, const char *name, const char *value)
{
    add_cell(answer, name);
    add_cell(answer, value);
}

static void add_options(struct answer *answer, const struct weir_sql_table_option *options, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const char *name = weir_arena_format(answer->context->arena, "option:%s", options[i].key);
        add_pair(answer, name, is_secret(options[i].key) ? "******" : options[i].value);
    }
}

static enum weir_error_code describe_container(struct bind_context *context,
    const struct weir_sql_describe *describe, const struct weir_sql_answer **ret)
{
    static const char *const names[] = { "info name", "info value" };
    struct weir_sql_catalog *catalog = context->input->catalog;
    const struct weir_sql_path *path = &describe->name;
    struct answer answer;
    start(&answer, context, names, 2);
    if (describe->object == WEIR_SQL_OBJECT_CATALOG) {
        const struct weir_sql_catalog_entry *entry =
            weir_sql_catalog_find_catalog(catalog, path->parts[0].text);
        if (!entry) {
            return weir_bind_error(context, WEIR_E_NOT_FOUND, path->span,
                "Cannot obtain metadata information from Catalog %s.", path->parts[0].text);
        }
        add_pair(&answer, "name", entry->name);
        add_pair(&answer, "type", "generic_in_memory");
        add_pair(&answer, "comment", entry->comment ? entry->comment : "");
        if (describe->extended) add_options(&answer, entry->options, entry->option_count);
        *ret = finish(&answer);
        return WEIR_OK;
    }
    const char *of = path->count > 1 ? path->parts[0].text : weir_sql_catalog_current(catalog);
    const struct weir_sql_database *database =
        weir_sql_catalog_find_database(catalog, of, path->parts[path->count - 1].text);
    if (!database) {
        return weir_bind_error(context, WEIR_E_NOT_FOUND, path->span,
            "Database %s does not exist in Catalog %s.", path->parts[path->count - 1].text, of);
    }
    add_pair(&answer, "name", database->name);
    add_pair(&answer, "comment", database->comment ? database->comment : "");
    if (describe->extended) add_options(&answer, database->options, database->option_count);
    *ret = finish(&answer);
    return WEIR_OK;
}

static enum weir_error_code describe_function(struct bind_context *context,
    const struct weir_sql_describe *describe, const struct weir_sql_answer **ret)
{
    static const char *const names[] = { "info name", "info value" };
    const char *name = describe->name.parts[describe->name.count - 1].text;
    const struct weir_function *function = weir_function_find(name);
    const struct weir_aggregate_function *aggregate = function ? NULL : weir_aggregate_function_find(name);
    if (!function && !aggregate) {
        const char *nearest = weir_function_nearest(name);
        return weir_bind_error(context, WEIR_E_NOT_FOUND, describe->name.span,
            "Function with the identifier '%s' doesn't exist.%s%s%s", name, nearest ? " Did you mean '" : "",
            nearest ? nearest : "", nearest ? "'?" : "");
    }
    struct answer answer;
    start(&answer, context, names, 2);
    add_pair(&answer, "is system function", "true");
    add_pair(&answer, "is temporary", "false");
    if (describe->extended) {
        bool deterministic = !function || !(function->flags & WEIR_FUNCTION_NONDETERMINISTIC);
        add_pair(&answer, "kind", function ? "SCALAR" : "AGGREGATE");
        add_pair(&answer, "requirements", "[]");
        add_pair(&answer, "is deterministic", deterministic ? "true" : "false");
        add_pair(&answer, "supports constant folding", deterministic ? "true" : "false");
        add_pair(&answer, "signature", function ? function->signature : aggregate->signature);
    }
    *ret = finish(&answer);
    return WEIR_OK;
}

static enum weir_error_code describe(struct bind_context *context, const struct weir_sql_describe *ast,
    struct weir_sql_span span, const struct weir_sql_answer **ret)
{
    const struct weir_sql_table *table;
    switch (ast->object) {
    case WEIR_SQL_OBJECT_TABLE:
    case WEIR_SQL_OBJECT_VIEW:
        WEIR_TRY(weir_bind_find(context, &ast->name, "Tables or views with the identifier", &table));
        *ret = describe_columns(context, table, NULL);
        return WEIR_OK;
    case WEIR_SQL_OBJECT_CATALOG:
    case WEIR_SQL_OBJECT_DATABASE: return describe_container(context, ast, ret);
    case WEIR_SQL_OBJECT_FUNCTION: return describe_function(context, ast, ret);
    default: return weir_bind_unsupported(context, span, "This form of DESCRIBE");
    }
}

bool weir_sql_statement_is_show(const struct weir_sql_statement *statement)
{
    return statement->kind == WEIR_SQL_STATEMENT_SHOW || statement->kind == WEIR_SQL_STATEMENT_DESCRIBE;
}

enum weir_error_code weir_sql_show(const struct weir_sql_binder_input *input,
    const struct weir_sql_statement *statement, const struct weir_sql_answer **ret, struct weir_error *reterr)
{
    struct bind_context context;
    weir_bind_context_init(&context, input, reterr);
    if (statement->kind == WEIR_SQL_STATEMENT_DESCRIBE) {
        return describe(&context, statement->describe, statement->span, ret);
    }
    const struct weir_sql_show *show = statement->show;
    switch (show->kind) {
    case WEIR_SQL_SHOW_CREATE: return show_create(&context, show, ret);
    case WEIR_SQL_SHOW_CURRENT: return show_current(&context, show, ret);
    default: return show_list(&context, show, statement->span, ret);
    }
}
