/* ALTER. */
#include "sql/parser_internal.h"

/* ('k1', 'k2') */
static void reset_keys(struct weir_sql_parser *parser, struct weir_sql_alter_object *alter)
{
    struct weir_sql_list list = { 0 };
    alter->action = WEIR_SQL_ALTER_RESET;
    expect(parser, T(LEFT_PARENTHESIS));
    if (!at(parser, T(RIGHT_PARENTHESIS))) {
        do
            *LIST_ADD(parser, &list, const char *) =
                weir_sql_string_parse(parser, "an option's key in single quotes");
        while (accept(parser, T(COMMA)));
    }
    expect(parser, T(RIGHT_PARENTHESIS));
    alter->key_count = list.count;
    alter->keys = list.items;
}

static void set_options(struct weir_sql_parser *parser, struct weir_sql_alter_object *alter)
{
    alter->action = WEIR_SQL_ALTER_SET;
    alter->options = weir_sql_options_parse(parser);
}

static void rename_to(struct weir_sql_parser *parser, struct weir_sql_alter_object *alter)
{
    alter->action = WEIR_SQL_ALTER_RENAME;
    expect_keyword(parser, K(TO));
    alter->new_name = weir_sql_path_parse(parser, "a new name");
}

/* PARTITION (..) [WITH (..)] PARTITION (..) ... or, for DROP, with commas between */
static void partitions(struct weir_sql_parser *parser, struct weir_sql_alter_object *alter, bool options)
{
    struct weir_sql_list list = { 0 };
    while (accept_keyword(parser, K(PARTITION))) {
        struct weir_sql_partition *partition = LIST_ADD(parser, &list, struct weir_sql_partition);
        weir_sql_partition_parse(parser, partition);
        if (options && accept_keyword(parser, K(WITH))) partition->options = weir_sql_options_parse(parser);
        if (!options && accept(parser, T(COMMA)) && !at_keyword(parser, K(PARTITION)))
            fail_expected(parser, "PARTITION");
    }
    alter->partition_count = list.count;
    alter->partitions = list.items;
}

static void add_or_modify(struct weir_sql_parser *parser, struct weir_sql_alter_object *alter, bool add)
{
    alter->action = add ? WEIR_SQL_ALTER_ADD : WEIR_SQL_ALTER_MODIFY;
    if (add) {
        alter->if_not_exists_partition = accept_keywords(parser, K(IF), K(NOT), K(EXISTS));
        if (at_keyword(parser, K(PARTITION))) {
            alter->action = WEIR_SQL_ALTER_ADD_PARTITIONS;
            partitions(parser, alter, true);
            return;
        }
        if (alter->if_not_exists_partition) fail_expected(parser, "PARTITION");
    }
    if (accept_keyword(parser, K(DISTRIBUTION))) {
        alter->distribution = weir_sql_distribution_parse(parser);
        return;
    }
    accept_keyword(parser, K(COLUMN));
    alter->has_parentheses = at(parser, T(LEFT_PARENTHESIS));
    weir_sql_table_elements_parse(parser, true, alter->has_parentheses, &alter->elements);
}

static void drop_columns(struct weir_sql_parser *parser, struct weir_sql_alter_object *alter)
{
    struct weir_sql_list list = { 0 };
    alter->action = WEIR_SQL_ALTER_DROP_COLUMNS;
    alter->has_parentheses = accept(parser, T(LEFT_PARENTHESIS));
    do
        *LIST_ADD(parser, &list, struct weir_sql_path) = weir_sql_path_parse(
            parser, "a column, PRIMARY KEY, CONSTRAINT, WATERMARK, DISTRIBUTION or PARTITION behind DROP");
    while (alter->has_parentheses && accept(parser, T(COMMA)));
    if (alter->has_parentheses) expect(parser, T(RIGHT_PARENTHESIS));
    alter->drop_count = list.count;
    alter->drops = list.items;
}

static void drop(struct weir_sql_parser *parser, struct weir_sql_alter_object *alter)
{
    alter->if_exists_partition = accept_keywords(parser, K(IF), K(EXISTS));
    if (at_keyword(parser, K(PARTITION))) {
        alter->action = WEIR_SQL_ALTER_DROP_PARTITIONS;
        partitions(parser, alter, false);
    } else if (alter->if_exists_partition) {
        fail_expected(parser, "PARTITION");
    } else if (accept_keyword(parser, K(PRIMARY))) {
        expect_keyword(parser, K(KEY));
        alter->action = WEIR_SQL_ALTER_DROP_PRIMARY_KEY;
    } else if (accept_keyword(parser, K(CONSTRAINT))) {
        alter->action = WEIR_SQL_ALTER_DROP_CONSTRAINT;
        alter->constraint = weir_sql_name_parse(parser, "a constraint's name");
    } else if (accept_keyword(parser, K(WATERMARK))) {
        alter->action = WEIR_SQL_ALTER_DROP_WATERMARK;
    } else if (accept_keyword(parser, K(DISTRIBUTION))) {
        alter->action = WEIR_SQL_ALTER_DROP_DISTRIBUTION;
    } else {
        accept_keyword(parser, K(COLUMN));
        drop_columns(parser, alter);
    }
}

static void rename_table_part(struct weir_sql_parser *parser, struct weir_sql_alter_object *alter)
{
    if (at_keyword(parser, K(TO))) {
        rename_to(parser, alter);
        return;
    }
    accept_keyword(parser, K(COLUMN));
    alter->action = WEIR_SQL_ALTER_RENAME_COLUMN;
    alter->column = weir_sql_path_parse(parser, "TO or a column's name behind RENAME");
    expect_keyword(parser, K(TO));
    alter->new_name = weir_sql_path_parse(parser, "a new name");
}

/* PARTITION (..) RENAME TO PARTITION (..) */
static void rename_partition(struct weir_sql_parser *parser, struct weir_sql_alter_object *alter)
{
    struct weir_sql_partition *both = WEIR_ARENA_ARRAY(parser->arena, struct weir_sql_partition, 2);
    alter->action = WEIR_SQL_ALTER_RENAME_PARTITION;
    alter->partition_count = 2;
    alter->partitions = both;
    weir_sql_partition_parse(parser, &both[0]);
    expect_keyword(parser, K(RENAME));
    expect_keyword(parser, K(TO));
    expect_keyword(parser, K(PARTITION));
    weir_sql_partition_parse(parser, &both[1]);
}

/* What ALTER TABLE and ALTER MATERIALIZED TABLE have in common; false: none of it. */
static bool table_action(struct weir_sql_parser *parser, struct weir_sql_alter_object *alter)
{
    if (accept_keyword(parser, K(SET)))
        set_options(parser, alter);
    else if (accept_keyword(parser, K(RESET)))
        reset_keys(parser, alter);
    else if (accept_keyword(parser, K(ADD)))
        add_or_modify(parser, alter, true);
    else if (accept_keyword(parser, K(MODIFY)))
        add_or_modify(parser, alter, false);
    else if (accept_keyword(parser, K(DROP)))
        drop(parser, alter);
    else if (accept_keyword(parser, K(RENAME)))
        rename_table_part(parser, alter);
    else
        return false;
    return true;
}

static void alter_table(struct weir_sql_parser *parser, struct weir_sql_alter_object *alter)
{
    if (table_action(parser, alter)) return;
    if (accept_keyword(parser, K(PARTITION)))
        rename_partition(parser, alter);
    else
        fail_expected(parser, "ADD, MODIFY, DROP, RENAME, SET, RESET or PARTITION");
}

static void alter_materialized_table(struct weir_sql_parser *parser, struct weir_sql_alter_object *alter)
{
    if (is_keyword(parser, 0, K(SET)) && !is_kind(parser, 1, T(LEFT_PARENTHESIS))) {
        weir_sql_parser_next(parser);
        if (accept_keyword(parser, K(FRESHNESS))) {
            alter->action = WEIR_SQL_ALTER_FRESHNESS;
            alter->freshness = weir_sql_freshness_parse(parser);
        } else if (accept_keyword(parser, K(REFRESH_MODE))) {
            alter->action = WEIR_SQL_ALTER_REFRESH_MODE;
            alter->refresh_mode = weir_sql_refresh_mode_parse(parser);
        } else {
            fail_expected(parser, "FRESHNESS, REFRESH_MODE or '(' behind SET");
        }
        return;
    }
    if (table_action(parser, alter)) return;
    if (accept_keyword(parser, K(SUSPEND))) {
        alter->action = WEIR_SQL_ALTER_SUSPEND;
    } else if (accept_keyword(parser, K(RESUME))) {
        alter->action = WEIR_SQL_ALTER_RESUME;
        if (accept_keyword(parser, K(WITH))) alter->options = weir_sql_options_parse(parser);
    } else if (accept_keyword(parser, K(REFRESH))) {
        alter->action = WEIR_SQL_ALTER_REFRESH;
        if (accept_keyword(parser, K(PARTITION))) {
            struct weir_sql_partition *partition = WEIR_ARENA_NEW(parser->arena, struct weir_sql_partition);
            weir_sql_partition_parse(parser, partition);
            alter->partition_count = 1;
            alter->partitions = partition;
        }
    } else if (accept_keyword(parser, K(AS))) {
        alter->action = WEIR_SQL_ALTER_AS;
        alter->query = weir_sql_query_parse(parser);
    } else {
        fail_expected(parser, "SUSPEND, RESUME, REFRESH, SET, RESET, ADD, MODIFY, DROP, RENAME or AS");
    }
}

static void alter_view(struct weir_sql_parser *parser, struct weir_sql_alter_object *alter)
{
    if (accept_keyword(parser, K(RENAME))) {
        rename_to(parser, alter);
    } else if (accept_keyword(parser, K(AS))) {
        alter->action = WEIR_SQL_ALTER_AS;
        alter->query = weir_sql_query_parse(parser);
    } else {
        fail_expected(parser, "RENAME TO or AS");
    }
}

static void alter_catalog(struct weir_sql_parser *parser, struct weir_sql_alter_object *alter)
{
    if (accept_keyword(parser, K(SET))) {
        set_options(parser, alter);
    } else if (accept_keyword(parser, K(RESET))) {
        reset_keys(parser, alter);
    } else if (accept_keyword(parser, K(COMMENT))) {
        alter->action = WEIR_SQL_ALTER_COMMENT;
        alter->comment = weir_sql_string_parse(parser, "a comment in single quotes");
    } else {
        fail_expected(parser, "SET, RESET or COMMENT");
    }
}

static void alter_database(struct weir_sql_parser *parser, struct weir_sql_alter_object *alter)
{
    expect_keyword(parser, K(SET));
    set_options(parser, alter);
}

/* MODEL, CONNECTION */
static void alter_options(struct weir_sql_parser *parser, struct weir_sql_alter_object *alter)
{
    if (accept_keyword(parser, K(RENAME)))
        rename_to(parser, alter);
    else if (accept_keyword(parser, K(SET)))
        set_options(parser, alter);
    else if (accept_keyword(parser, K(RESET)))
        reset_keys(parser, alter);
    else
        fail_expected(parser, "RENAME TO, SET or RESET");
}

static struct weir_sql_statement *alter_function(struct weir_sql_parser *parser, struct weir_sql_span from)
{
    struct weir_sql_statement *statement =
        weir_sql_statement_new(parser, WEIR_SQL_STATEMENT_ALTER_FUNCTION, from);
    struct weir_sql_function *function = WEIR_ARENA_NEW(parser->arena, struct weir_sql_function);
    statement->function = function;
    function->temporary = accept_keyword(parser, K(TEMPORARY));
    if (function->temporary) function->system = accept_keyword(parser, K(SYSTEM));
    expect_keyword(parser, K(FUNCTION));
    function->if_exists = accept_keywords(parser, K(IF), K(EXISTS));
    weir_sql_function_definition_parse(parser, function);
    return statement;
}

struct weir_sql_statement *weir_sql_alter_parse(struct weir_sql_parser *parser)
{
    static const struct {
        uint16_t keyword;
        uint8_t kind;
        void (*parse)(struct weir_sql_parser *, struct weir_sql_alter_object *);
    } objects[] = {
        { K(TABLE), WEIR_SQL_STATEMENT_ALTER_TABLE, alter_table },
        { K(VIEW), WEIR_SQL_STATEMENT_ALTER_VIEW, alter_view },
        { K(DATABASE), WEIR_SQL_STATEMENT_ALTER_DATABASE, alter_database },
        { K(CATALOG), WEIR_SQL_STATEMENT_ALTER_CATALOG, alter_catalog },
        { K(MODEL), WEIR_SQL_STATEMENT_ALTER_MODEL, alter_options },
        { K(CONNECTION), WEIR_SQL_STATEMENT_ALTER_CONNECTION, alter_options },
        { K(MATERIALIZED), WEIR_SQL_STATEMENT_ALTER_MATERIALIZED_TABLE, alter_materialized_table },
    };
    struct weir_sql_span from = span_here(parser);
    weir_sql_parser_next(parser);
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(objects); i++) {
        if (!accept_keyword(parser, (enum weir_sql_keyword)objects[i].keyword)) continue;
        if (objects[i].keyword == K(MATERIALIZED)) expect_keyword(parser, K(TABLE));
        struct weir_sql_statement *statement =
            weir_sql_statement_new(parser, (enum weir_sql_statement_kind)objects[i].kind, from);
        struct weir_sql_alter_object *alter = WEIR_ARENA_NEW(parser->arena, struct weir_sql_alter_object);
        statement->alter = alter;
        alter->if_exists = accept_keywords(parser, K(IF), K(EXISTS));
        alter->name = weir_sql_path_parse(parser, "a name");
        objects[i].parse(parser, alter);
        return statement;
    }
    if (at_keyword(parser, K(FUNCTION)) || at_keyword(parser, K(TEMPORARY)))
        return alter_function(parser, from);
    fail_expected(
        parser, "TABLE, VIEW, DATABASE, CATALOG, FUNCTION, MODEL, CONNECTION or MATERIALIZED TABLE");
    return weir_sql_statement_new(parser, WEIR_SQL_STATEMENT_QUERY, from);
}
