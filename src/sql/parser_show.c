/* SHOW and DESCRIBE. */
#include "sql/parser_internal.h"

/* [NOT] LIKE | ILIKE 'pattern' */
static void like(struct weir_sql_parser *parser, struct weir_sql_show *show)
{
    show->negated = accept_keyword(parser, K(NOT));
    if (accept_keyword(parser, K(LIKE)))
        show->like = WEIR_SQL_LIKE;
    else if (accept_keyword(parser, K(ILIKE)))
        show->like = WEIR_SQL_ILIKE;
    else if (show->negated)
        fail_expected(parser, "LIKE or ILIKE behind NOT");
    else
        return;
    show->has_like = true;
    show->pattern = weir_sql_string_parse(parser, "a pattern in single quotes");
}

/* [FROM | IN path] */
static bool from(
    struct weir_sql_parser *parser, struct weir_sql_show *show, struct weir_sql_path *path, const char *what)
{
    show->in = accept_keyword(parser, K(IN));
    if (!show->in && !accept_keyword(parser, K(FROM))) return false;
    *path = weir_sql_path_parse(parser, what);
    return true;
}

static void show_create(struct weir_sql_parser *parser, struct weir_sql_show *show)
{
    static const struct {
        uint16_t keyword;
        uint8_t object;
    } objects[] = { { K(TABLE), WEIR_SQL_OBJECT_TABLE }, { K(VIEW), WEIR_SQL_OBJECT_VIEW },
        { K(CATALOG), WEIR_SQL_OBJECT_CATALOG }, { K(MODEL), WEIR_SQL_OBJECT_MODEL },
        { K(CONNECTION), WEIR_SQL_OBJECT_CONNECTION },
        { K(MATERIALIZED), WEIR_SQL_OBJECT_MATERIALIZED_TABLE }, { K(DATABASE), WEIR_SQL_OBJECT_DATABASE },
        { K(FUNCTION), WEIR_SQL_OBJECT_FUNCTION } };
    show->kind = WEIR_SQL_SHOW_CREATE;
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(objects); i++) {
        if (!accept_keyword(parser, (enum weir_sql_keyword)objects[i].keyword)) continue;
        if (objects[i].keyword == K(MATERIALIZED)) expect_keyword(parser, K(TABLE));
        show->object = (enum weir_sql_object)objects[i].object;
        show->name = weir_sql_path_parse(parser, "a name");
        return;
    }
    fail_expected(parser, "TABLE, VIEW, CATALOG, MODEL, CONNECTION or MATERIALIZED TABLE");
}

static void show_current(struct weir_sql_parser *parser, struct weir_sql_show *show)
{
    show->kind = WEIR_SQL_SHOW_CURRENT;
    if (accept_keyword(parser, K(CATALOG)))
        show->object = WEIR_SQL_OBJECT_CATALOG;
    else if (accept_keyword(parser, K(DATABASE)))
        show->object = WEIR_SQL_OBJECT_DATABASE;
    else
        fail_expected(parser, "CATALOG or DATABASE");
}

/* Lists that take FROM and LIKE; false: at none. */
static bool show_list(struct weir_sql_parser *parser, struct weir_sql_show *show)
{
    static const struct {
        uint16_t keyword;
        uint8_t object;
        bool scoped, plain;
    } lists[] = { { K(CATALOGS), WEIR_SQL_OBJECT_CATALOG, false, false },
        { K(DATABASES), WEIR_SQL_OBJECT_DATABASE, true, false },
        { K(TABLES), WEIR_SQL_OBJECT_TABLE, true, false }, { K(VIEWS), WEIR_SQL_OBJECT_VIEW, true, false },
        { K(FUNCTIONS), WEIR_SQL_OBJECT_FUNCTION, true, false },
        { K(PROCEDURES), WEIR_SQL_OBJECT_PROCEDURE, true, false },
        { K(MODELS), WEIR_SQL_OBJECT_MODEL, true, false },
        { K(CONNECTIONS), WEIR_SQL_OBJECT_CONNECTION, true, false },
        { K(MATERIALIZED), WEIR_SQL_OBJECT_MATERIALIZED_TABLE, true, false },
        { K(MODULES), WEIR_SQL_OBJECT_MODULE, false, true }, { K(JARS), WEIR_SQL_OBJECT_JAR, false, true },
        { K(JOBS), WEIR_SQL_OBJECT_JOB, false, true } };
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(lists); i++) {
        if (!accept_keyword(parser, (enum weir_sql_keyword)lists[i].keyword)) continue;
        if (lists[i].keyword == K(MATERIALIZED)) expect_keyword(parser, K(TABLES));
        show->object = (enum weir_sql_object)lists[i].object;
        if (lists[i].scoped) from(parser, show, &show->from, "a catalog or database behind FROM");
        if (!lists[i].plain) like(parser, show);
        return true;
    }
    return false;
}

struct weir_sql_statement *weir_sql_show_parse(struct weir_sql_parser *parser)
{
    struct weir_sql_statement *statement =
        weir_sql_statement_new(parser, WEIR_SQL_STATEMENT_SHOW, span_here(parser));
    struct weir_sql_show *show = WEIR_ARENA_NEW(parser->arena, struct weir_sql_show);
    statement->show = show;
    weir_sql_parser_next(parser);
    if (accept_keyword(parser, K(CREATE))) {
        show_create(parser, show);
    } else if (accept_keyword(parser, K(CURRENT))) {
        show_current(parser, show);
    } else if (accept_keyword(parser, K(COLUMNS))) {
        show->object = WEIR_SQL_OBJECT_COLUMN;
        if (!from(parser, show, &show->name, "a table's name")) fail_expected(parser, "FROM or IN");
        like(parser, show);
    } else if (accept_keyword(parser, K(PARTITIONS))) {
        show->object = WEIR_SQL_OBJECT_PARTITION;
        show->name = weir_sql_path_parse(parser, "a table's name");
        if (accept_keyword(parser, K(PARTITION))) weir_sql_partition_parse(parser, &show->partition);
    } else {
        show->user = accept_keyword(parser, K(USER));
        if (show->user && !at_keyword(parser, K(FUNCTIONS))) fail_expected(parser, "FUNCTIONS");
        show->full = !show->user && accept_keyword(parser, K(FULL));
        if (show->full && !at_keyword(parser, K(MODULES))) fail_expected(parser, "MODULES");
        if (!show_list(parser, show))
            fail_expected(parser,
                "CATALOGS, DATABASES, TABLES, VIEWS, COLUMNS, PARTITIONS, FUNCTIONS, MODULES, "
                "PROCEDURES, MODELS, CONNECTIONS, JARS, JOBS, CURRENT or CREATE");
    }
    return statement;
}

struct weir_sql_statement *weir_sql_describe_parse(struct weir_sql_parser *parser)
{
    static const struct {
        uint16_t keyword;
        uint8_t object;
    } objects[] = { { K(CATALOG), WEIR_SQL_OBJECT_CATALOG }, { K(DATABASE), WEIR_SQL_OBJECT_DATABASE },
        { K(FUNCTION), WEIR_SQL_OBJECT_FUNCTION }, { K(MODEL), WEIR_SQL_OBJECT_MODEL },
        { K(CONNECTION), WEIR_SQL_OBJECT_CONNECTION } };
    struct weir_sql_statement *statement =
        weir_sql_statement_new(parser, WEIR_SQL_STATEMENT_DESCRIBE, span_here(parser));
    struct weir_sql_describe *describe = WEIR_ARENA_NEW(parser->arena, struct weir_sql_describe);
    statement->describe = describe;
    weir_sql_parser_next(parser);
    if (is_keyword(parser, 0, K(JOB)) && is_kind(parser, 1, T(STRING))) {
        weir_sql_parser_next(parser);
        describe->object = WEIR_SQL_OBJECT_JOB;
        describe->job_id = weir_sql_string_parse(parser, "a job's id in single quotes");
        return statement;
    }
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(objects); i++) {
        /* some of these words may be names of tables */
        bool named = is_keyword(parser, 1, K(EXTENDED)) || weir_sql_at_identifier(parser, 1);
        if (!named || !accept_keyword(parser, (enum weir_sql_keyword)objects[i].keyword)) continue;
        describe->object = (enum weir_sql_object)objects[i].object;
        break;
    }
    describe->extended = accept_keyword(parser, K(EXTENDED));
    describe->name = weir_sql_path_parse(parser, "CATALOG, DATABASE, FUNCTION, MODEL, JOB or a table's name");
    return statement;
}
