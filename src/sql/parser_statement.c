/* Which statement it is, and the small ones. */
#include "sql/parser_internal.h"
#include <string.h>

struct weir_sql_statement *weir_sql_statement_new(
    struct weir_sql_parser *parser, enum weir_sql_statement_kind kind, struct weir_sql_span from)
{
    struct weir_sql_statement *statement = WEIR_ARENA_NEW(parser->arena, struct weir_sql_statement);
    statement->kind = kind;
    statement->span = from;
    return statement;
}

static bool at_statement_end(struct weir_sql_parser *parser)
{
    return at(parser, T(END)) || at(parser, T(SEMICOLON));
}

static struct weir_sql_statement *query(struct weir_sql_parser *parser)
{
    struct weir_sql_statement *statement =
        weir_sql_statement_new(parser, WEIR_SQL_STATEMENT_QUERY, span_here(parser));
    statement->query = weir_sql_query_parse(parser);
    return statement;
}

/* ------------------------------------------------------------------------------------------------- statement
 * sets */

/* The INSERTs up to END, which is read too. */
static void set_body(struct weir_sql_parser *parser, struct weir_sql_statement_set *set)
{
    struct weir_sql_list list = { 0 };
    while (accept(parser, T(SEMICOLON))) {}
    while (!at_keyword(parser, K(END)) && !failed(parser)) {
        if (!at_keyword(parser, K(INSERT))) fail_expected(parser, "INSERT or END in a statement set");
        struct weir_sql_statement *insert = weir_sql_insert_parse(parser, span_here(parser), false);
        end_span(parser, &insert->span);
        if (!failed(parser))
            insert->text = weir_arena_copy(
                parser->arena, parser->text + insert->span.begin, insert->span.end - insert->span.begin);
        *LIST_ADD(parser, &list, const struct weir_sql_statement *) = insert;
        if (!accept(parser, T(SEMICOLON))) fail_expected(parser, "';' behind an INSERT of a statement set");
        while (accept(parser, T(SEMICOLON))) {}
    }
    struct weir_sql_span span = span_here(parser);
    expect_keyword(parser, K(END));
    if (list.count == 0)
        weir_sql_parser_fail_at(
            parser, span, WEIR_E_SQL_SYNTAX, "the statement set is empty, expected INSERT");
    set->count = list.count;
    set->statements = list.items;
}

/* STATEMENT SET BEGIN ... END, BEGIN STATEMENT SET; ... END */
static struct weir_sql_statement *statement_set(
    struct weir_sql_parser *parser, struct weir_sql_span from, bool execute)
{
    struct weir_sql_statement *statement =
        weir_sql_statement_new(parser, WEIR_SQL_STATEMENT_STATEMENT_SET, from);
    struct weir_sql_statement_set *set = WEIR_ARENA_NEW(parser->arena, struct weir_sql_statement_set);
    statement->statement_set = set;
    set->execute = execute;
    set->begin_form = accept_keyword(parser, K(BEGIN));
    expect_keyword(parser, K(STATEMENT));
    expect_keyword(parser, K(SET));
    if (set->begin_form)
        expect(parser, T(SEMICOLON));
    else
        expect_keyword(parser, K(BEGIN));
    set_body(parser, set);
    return statement;
}

/* What EXPLAIN and COMPILE PLAN take. */
static struct weir_sql_statement *inner_statement(struct weir_sql_parser *parser, bool queries)
{
    struct weir_sql_span from = span_here(parser);
    struct weir_sql_statement *statement;
    if (at_keyword(parser, K(STATEMENT)) || at_keyword(parser, K(BEGIN)))
        statement = statement_set(parser, from, false);
    else if (at_keyword(parser, K(INSERT)))
        statement = weir_sql_insert_parse(parser, from, false);
    else if (queries && (at_keyword(parser, K(CREATE)) || at_keyword(parser, K(REPLACE))))
        statement = weir_sql_create_parse(parser);
    else if (queries && (weir_sql_at_query(parser, 0) || at(parser, T(LEFT_PARENTHESIS))))
        statement = query(parser);
    else {
        fail_expected(parser, queries ? "a query, INSERT or STATEMENT SET" : "INSERT or STATEMENT SET");
        return weir_sql_statement_new(parser, WEIR_SQL_STATEMENT_QUERY, from);
    }
    end_span(parser, &statement->span);
    if (!failed(parser))
        statement->text = weir_arena_copy(
            parser->arena, parser->text + statement->span.begin, statement->span.end - statement->span.begin);
    return statement;
}

static struct weir_sql_statement *explain(struct weir_sql_parser *parser)
{
    struct weir_sql_statement *statement =
        weir_sql_statement_new(parser, WEIR_SQL_STATEMENT_EXPLAIN, span_here(parser));
    struct weir_sql_explain *explain = WEIR_ARENA_NEW(parser->arena, struct weir_sql_explain);
    statement->explain = explain;
    weir_sql_parser_next(parser);
    if (accept_keyword(parser, K(PLAN))) {
        explain->plan_for = true;
        expect_keyword(parser, K(FOR));
    } else if (!at_keyword(parser, K(INSERT)) && !at_keyword(parser, K(STATEMENT)) &&
               !weir_sql_at_query(parser, 0)) {
        bool any = false;
        do {
            bool one = true;
            if (accept_keyword(parser, K(ESTIMATED_COST)))
                explain->estimated_cost = true;
            else if (accept_keyword(parser, K(CHANGELOG_MODE)))
                explain->changelog_mode = true;
            else if (accept_keyword(parser, K(JSON_EXECUTION_PLAN)))
                explain->json_execution_plan = true;
            else if (accept_keyword(parser, K(PLAN_ADVICE)))
                explain->plan_advice = true;
            else
                one = false;
            if (any && !one)
                fail_expected(parser, "CHANGELOG_MODE, ESTIMATED_COST, JSON_EXECUTION_PLAN or PLAN_ADVICE");
            any |= one;
        } while (any && accept(parser, T(COMMA)));
    }
    explain->statement = inner_statement(parser, true);
    return statement;
}

static struct weir_sql_statement *compile_plan(struct weir_sql_parser *parser)
{
    struct weir_sql_statement *statement =
        weir_sql_statement_new(parser, WEIR_SQL_STATEMENT_COMPILE_PLAN, span_here(parser));
    struct weir_sql_plan *plan = WEIR_ARENA_NEW(parser->arena, struct weir_sql_plan);
    statement->plan = plan;
    weir_sql_parser_next(parser);
    plan->execute = accept_keywords(parser, K(AND), K(EXECUTE));
    expect_keyword(parser, K(PLAN));
    plan->file = weir_sql_string_parse(parser, "the plan's file in single quotes");
    plan->if_not_exists = accept_keywords(parser, K(IF), K(NOT), K(EXISTS));
    expect_keyword(parser, K(FOR));
    plan->statement = inner_statement(parser, false);
    return statement;
}

/* EXECUTE PLAN 'f', EXECUTE INSERT, EXECUTE STATEMENT SET, EXECUTE query */
static struct weir_sql_statement *execute(struct weir_sql_parser *parser)
{
    struct weir_sql_span from = span_here(parser);
    weir_sql_parser_next(parser);
    if (at_keyword(parser, K(INSERT))) return weir_sql_insert_parse(parser, from, true);
    if (at_keyword(parser, K(STATEMENT))) return statement_set(parser, from, true);
    if (weir_sql_at_query(parser, 0)) return query(parser);
    if (!accept_keyword(parser, K(PLAN))) fail_expected(parser, "INSERT, STATEMENT SET, PLAN or a query");
    struct weir_sql_statement *statement =
        weir_sql_statement_new(parser, WEIR_SQL_STATEMENT_EXECUTE_PLAN, from);
    struct weir_sql_plan *plan = WEIR_ARENA_NEW(parser->arena, struct weir_sql_plan);
    statement->plan = plan;
    plan->file = weir_sql_string_parse(parser, "the plan's file in single quotes");
    return statement;
}

/* --------------------------------------------------------------------------------------------------
 * settings, modules */

/* SET k = v without quotes: the key up to '=', the value up to the semicolon, as they stand in the text. */
static void set_bare(struct weir_sql_parser *parser, struct weir_sql_set *set)
{
    struct weir_sql_span key = span_here(parser), value;
    while (!at(parser, T(EQUAL)) && !at_statement_end(parser)) weir_sql_parser_next(parser);
    end_span(parser, &key);
    expect(parser, T(EQUAL));
    value = span_here(parser);
    value.end = value.begin;
    while (!at_statement_end(parser)) {
        weir_sql_parser_next(parser);
        end_span(parser, &value);
    }
    if (failed(parser)) return;
    if (key.end <= key.begin || value.end <= value.begin) fail_expected(parser, "SET 'key' = 'value'");
    set->bare = true;
    set->key = weir_arena_copy(parser->arena, parser->text + key.begin, key.end - key.begin);
    set->value = weir_arena_copy(parser->arena, parser->text + value.begin, value.end - value.begin);
    if (strlen(set->key) != key.end - key.begin || strlen(set->value) != value.end - value.begin)
        weir_sql_parser_fail_at(
            parser, key, WEIR_E_SQL_SYNTAX, "found a NUL character in a key or value of SET");
}

static struct weir_sql_statement *set_option(struct weir_sql_parser *parser)
{
    struct weir_sql_statement *statement =
        weir_sql_statement_new(parser, WEIR_SQL_STATEMENT_SET, span_here(parser));
    weir_sql_parser_next(parser);
    if (at_statement_end(parser)) return statement;
    if (!at(parser, T(STRING))) {
        if (!is_kind(parser, 0, T(WORD))) fail_expected(parser, "a key in single quotes");
        set_bare(parser, &statement->set);
        return statement;
    }
    statement->set.key = weir_sql_string_parse(parser, "a key in single quotes");
    if (accept(parser, T(EQUAL)))
        statement->set.value = weir_sql_string_parse(parser, "a value in single quotes");
    return statement;
}

static struct weir_sql_statement *reset(struct weir_sql_parser *parser)
{
    struct weir_sql_statement *statement =
        weir_sql_statement_new(parser, WEIR_SQL_STATEMENT_RESET, span_here(parser));
    weir_sql_parser_next(parser);
    if (!at_statement_end(parser))
        statement->set.key = weir_sql_string_parse(parser, "a key in single quotes");
    return statement;
}

static struct weir_sql_statement *jar(struct weir_sql_parser *parser, enum weir_sql_statement_kind kind)
{
    struct weir_sql_statement *statement = weir_sql_statement_new(parser, kind, span_here(parser));
    weir_sql_parser_next(parser);
    expect_keyword(parser, K(JAR));
    statement->uri = weir_sql_string_parse(parser, "a path in single quotes");
    return statement;
}

static struct weir_sql_statement *load(struct weir_sql_parser *parser, enum weir_sql_statement_kind kind)
{
    struct weir_sql_statement *statement = weir_sql_statement_new(parser, kind, span_here(parser));
    struct weir_sql_module *module = WEIR_ARENA_NEW(parser->arena, struct weir_sql_module);
    statement->module = module;
    weir_sql_parser_next(parser);
    expect_keyword(parser, K(MODULE));
    module->name = weir_sql_name_parse(parser, "a module's name");
    if (kind == WEIR_SQL_STATEMENT_LOAD_MODULE && accept_keyword(parser, K(WITH)))
        module->options = weir_sql_options_parse(parser);
    return statement;
}

static struct weir_sql_statement *use(struct weir_sql_parser *parser)
{
    struct weir_sql_span from = span_here(parser);
    struct weir_sql_statement *statement;
    weir_sql_parser_next(parser);
    if (is_keyword(parser, 0, K(CATALOG)) && weir_sql_at_identifier(parser, 1)) {
        weir_sql_parser_next(parser);
        statement = weir_sql_statement_new(parser, WEIR_SQL_STATEMENT_USE_CATALOG, from);
        struct weir_sql_name *name = WEIR_ARENA_NEW(parser->arena, struct weir_sql_name);
        *name = weir_sql_name_parse(parser, "a catalog's name");
        statement->name = (struct weir_sql_path){ name->span, 1, name };
        return statement;
    }
    if (accept_keyword(parser, K(MODULES))) {
        struct weir_sql_list names = { 0 };
        struct weir_sql_module *module = WEIR_ARENA_NEW(parser->arena, struct weir_sql_module);
        statement = weir_sql_statement_new(parser, WEIR_SQL_STATEMENT_USE_MODULES, from);
        do *LIST_ADD(parser, &names, struct weir_sql_name) = weir_sql_name_parse(parser, "a module's name");
        while (accept(parser, T(COMMA)));
        module->names = (struct weir_sql_names){ names.count, names.items };
        statement->module = module;
        return statement;
    }
    statement = weir_sql_statement_new(parser, WEIR_SQL_STATEMENT_USE_DATABASE, from);
    statement->name = weir_sql_path_parse(parser, "CATALOG, MODULES or a database's name behind USE");
    return statement;
}

static struct weir_sql_statement *stop_job(struct weir_sql_parser *parser)
{
    struct weir_sql_statement *statement =
        weir_sql_statement_new(parser, WEIR_SQL_STATEMENT_STOP_JOB, span_here(parser));
    weir_sql_parser_next(parser);
    expect_keyword(parser, K(JOB));
    statement->stop_job.job_id = weir_sql_string_parse(parser, "a job's id in single quotes");
    statement->stop_job.with_savepoint = accept_keywords(parser, K(WITH), K(SAVEPOINT));
    statement->stop_job.with_drain = accept_keywords(parser, K(WITH), K(DRAIN));
    return statement;
}

/* -------------------------------------------------------------------------------------------------------
 * tables, calls */

static struct weir_sql_statement *truncate(struct weir_sql_parser *parser)
{
    struct weir_sql_statement *statement =
        weir_sql_statement_new(parser, WEIR_SQL_STATEMENT_TRUNCATE, span_here(parser));
    weir_sql_parser_next(parser);
    expect_keyword(parser, K(TABLE));
    statement->name = weir_sql_path_parse(parser, "a table's name");
    return statement;
}

static struct weir_sql_statement *analyze(struct weir_sql_parser *parser)
{
    struct weir_sql_statement *statement =
        weir_sql_statement_new(parser, WEIR_SQL_STATEMENT_ANALYZE, span_here(parser));
    struct weir_sql_analyze *analyze = WEIR_ARENA_NEW(parser->arena, struct weir_sql_analyze);
    statement->analyze = analyze;
    weir_sql_parser_next(parser);
    expect_keyword(parser, K(TABLE));
    analyze->table = weir_sql_path_parse(parser, "a table's name");
    if (accept_keyword(parser, K(PARTITION))) weir_sql_partition_parse(parser, &analyze->partition);
    expect_keyword(parser, K(COMPUTE));
    expect_keyword(parser, K(STATISTICS));
    if (!accept_keyword(parser, K(FOR))) return statement;
    if (accept_keywords(parser, K(ALL), K(COLUMNS))) {
        analyze->all_columns = true;
        return statement;
    }
    struct weir_sql_list names = { 0 };
    if (!accept_keyword(parser, K(COLUMNS))) fail_expected(parser, "COLUMNS or ALL COLUMNS behind FOR");
    do *LIST_ADD(parser, &names, struct weir_sql_name) = weir_sql_name_parse(parser, "a column's name");
    while (accept(parser, T(COMMA)));
    analyze->columns = (struct weir_sql_names){ names.count, names.items };
    return statement;
}

static struct weir_sql_statement *call(struct weir_sql_parser *parser)
{
    struct weir_sql_statement *statement =
        weir_sql_statement_new(parser, WEIR_SQL_STATEMENT_CALL, span_here(parser));
    weir_sql_parser_next(parser);
    struct weir_sql_span from = span_here(parser);
    struct weir_sql_path path = weir_sql_path_parse(parser, "a procedure's name");
    statement->call = weir_sql_call_parse(parser, path, from);
    return statement;
}

/* QUIT, EXIT, CLEAR, HELP: alone on a statement. */
static struct weir_sql_statement *client(struct weir_sql_parser *parser)
{
    struct weir_sql_statement *statement =
        weir_sql_statement_new(parser, WEIR_SQL_STATEMENT_CLIENT, span_here(parser));
    statement->client.command = weir_sql_keyword_text(peek(parser, 0)->keyword);
    weir_sql_parser_next(parser);
    return statement;
}

static const struct {
    uint16_t keyword;
    struct weir_sql_statement *(*parse)(struct weir_sql_parser *parser);
} starts[] = {
    { K(ALTER), weir_sql_alter_parse },
    { K(ANALYZE), analyze },
    { K(CALL), call },
    { K(CLEAR), client },
    { K(COMPILE), compile_plan },
    { K(CREATE), weir_sql_create_parse },
    { K(DESC), weir_sql_describe_parse },
    { K(DESCRIBE), weir_sql_describe_parse },
    { K(DROP), weir_sql_drop_parse },
    { K(EXECUTE), execute },
    { K(EXIT), client },
    { K(EXPLAIN), explain },
    { K(HELP), client },
    { K(QUIT), client },
    { K(REPLACE), weir_sql_create_parse },
    { K(RESET), reset },
    { K(SELECT), query },
    { K(SET), set_option },
    { K(SHOW), weir_sql_show_parse },
    { K(STOP), stop_job },
    { K(TABLE), query },
    { K(TRUNCATE), truncate },
    { K(USE), use },
    { K(VALUES), query },
    { K(WITH), query },
};

struct weir_sql_statement *weir_sql_statement_parse(struct weir_sql_parser *parser)
{
    struct weir_sql_span from = span_here(parser);
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(starts); i++)
        if (at_keyword(parser, (enum weir_sql_keyword)starts[i].keyword)) return starts[i].parse(parser);
    if (at_keyword(parser, K(INSERT))) return weir_sql_insert_parse(parser, from, false);
    if (at_keyword(parser, K(UPDATE))) return weir_sql_update_parse(parser);
    if (at_keyword(parser, K(DELETE))) return weir_sql_delete_parse(parser);
    if (at_keyword(parser, K(STATEMENT)) || at_keyword(parser, K(BEGIN)))
        return statement_set(parser, from, false);
    if (at_keyword(parser, K(LOAD))) return load(parser, WEIR_SQL_STATEMENT_LOAD_MODULE);
    if (at_keyword(parser, K(UNLOAD))) return load(parser, WEIR_SQL_STATEMENT_UNLOAD_MODULE);
    if (at_keyword(parser, K(ADD))) return jar(parser, WEIR_SQL_STATEMENT_ADD_JAR);
    if (at_keyword(parser, K(REMOVE))) return jar(parser, WEIR_SQL_STATEMENT_REMOVE_JAR);
    if (at(parser, T(LEFT_PARENTHESIS))) return query(parser);
    if (at_keyword(parser, K(MERGE)) || at_keyword(parser, K(UPSERT)))
        weir_sql_parser_fail_at(parser, from, WEIR_E_UNSUPPORTED,
            "%s is not implemented; INSERT INTO a table with a primary key updates its rows",
            weir_sql_keyword_text(peek(parser, 0)->keyword));
    fail_expected(parser, "a statement");
    return weir_sql_statement_new(parser, WEIR_SQL_STATEMENT_QUERY, from);
}
