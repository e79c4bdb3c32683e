/* INSERT, UPDATE, DELETE. */
#include "sql/parser_internal.h"

/* (a = 1, b) */
void weir_sql_partition_parse(struct weir_sql_parser *parser, struct weir_sql_partition *ret)
{
    struct weir_sql_list list = { 0 };
    ret->span = span_here(parser);
    expect(parser, T(LEFT_PARENTHESIS));
    do {
        struct weir_sql_partition_item *item = LIST_ADD(parser, &list, struct weir_sql_partition_item);
        item->name = weir_sql_name_parse(parser, "a partition column's name");
        if (accept(parser, T(EQUAL))) item->value = weir_sql_expr_parse(parser);
    } while (accept(parser, T(COMMA)));
    if (!accept(parser, T(RIGHT_PARENTHESIS))) fail_expected(parser, "',' or ')' behind a partition column");
    ret->count = list.count;
    ret->items = list.items;
    end_span(parser, &ret->span);
}

/* The column list (a, b.c): not to be taken for a query in parentheses. */
static void insert_columns(struct weir_sql_parser *parser, struct weir_sql_insert *insert)
{
    if (!is_kind(parser, 0, T(LEFT_PARENTHESIS)) || !weir_sql_at_identifier(parser, 1)) return;
    struct weir_sql_list list = { 0 };
    weir_sql_parser_next(parser);
    do *LIST_ADD(parser, &list, struct weir_sql_path) = weir_sql_path_parse(parser, "a column's name");
    while (accept(parser, T(COMMA)));
    if (!accept(parser, T(RIGHT_PARENTHESIS))) fail_expected(parser, "',' or ')' behind a column's name");
    insert->column_count = list.count;
    insert->columns = list.items;
}

static uint8_t on_conflict(struct weir_sql_parser *parser)
{
    if (!accept_keyword(parser, K(ON))) return WEIR_SQL_ON_CONFLICT_UNSAID;
    expect_keyword(parser, K(CONFLICT));
    expect_keyword(parser, K(DO));
    if (accept_keyword(parser, K(NOTHING))) return WEIR_SQL_ON_CONFLICT_NOTHING;
    if (accept_keyword(parser, K(ERROR))) return WEIR_SQL_ON_CONFLICT_ERROR;
    if (!accept_keyword(parser, K(DEDUPLICATE)))
        fail_expected(parser, "NOTHING, ERROR or DEDUPLICATE behind DO");
    return WEIR_SQL_ON_CONFLICT_DEDUPLICATE;
}

struct weir_sql_statement *weir_sql_insert_parse(
    struct weir_sql_parser *parser, struct weir_sql_span from, bool execute)
{
    struct weir_sql_statement *statement = weir_sql_statement_new(parser, WEIR_SQL_STATEMENT_INSERT, from);
    struct weir_sql_insert *insert = WEIR_ARENA_NEW(parser->arena, struct weir_sql_insert);
    statement->insert = insert;
    insert->execute = execute;
    expect_keyword(parser, K(INSERT));
    insert->overwrite = accept_keyword(parser, K(OVERWRITE));
    if (!insert->overwrite && !accept_keyword(parser, K(INTO)))
        fail_expected(parser, "INTO or OVERWRITE behind INSERT");
    accept_keyword(parser, K(TABLE));
    insert->table = weir_sql_path_parse(parser, "a table's name");
    insert->hints = weir_sql_hints_parse(parser);
    if (accept_keyword(parser, K(PARTITION))) weir_sql_partition_parse(parser, &insert->partition);
    insert_columns(parser, insert);
    if (!weir_sql_at_query(parser, 0) && !at(parser, T(LEFT_PARENTHESIS)))
        fail_expected(parser, "SELECT, VALUES, WITH or '(' of a query to insert");
    insert->query = weir_sql_query_parse(parser);
    insert->on_conflict = on_conflict(parser);
    return statement;
}

static void row_alias(struct weir_sql_parser *parser, struct weir_sql_name *ret)
{
    if (accept_keyword(parser, K(AS)) || weir_sql_at_identifier(parser, 0))
        *ret = weir_sql_name_parse(parser, "an alias");
}

struct weir_sql_statement *weir_sql_update_parse(struct weir_sql_parser *parser)
{
    struct weir_sql_statement *statement =
        weir_sql_statement_new(parser, WEIR_SQL_STATEMENT_UPDATE, span_here(parser));
    struct weir_sql_update *update = WEIR_ARENA_NEW(parser->arena, struct weir_sql_update);
    struct weir_sql_list list = { 0 };
    statement->update = update;
    weir_sql_parser_next(parser);
    update->table = weir_sql_path_parse(parser, "a table's name");
    update->hints = weir_sql_hints_parse(parser);
    row_alias(parser, &update->alias);
    expect_keyword(parser, K(SET));
    do {
        struct weir_sql_assignment *assignment = LIST_ADD(parser, &list, struct weir_sql_assignment);
        assignment->column = weir_sql_path_parse(parser, "a column's name");
        expect(parser, T(EQUAL));
        assignment->value = weir_sql_expr_parse(parser);
    } while (accept(parser, T(COMMA)));
    update->assignment_count = list.count;
    update->assignments = list.items;
    if (accept_keyword(parser, K(WHERE))) update->where = weir_sql_expr_parse(parser);
    return statement;
}

struct weir_sql_statement *weir_sql_delete_parse(struct weir_sql_parser *parser)
{
    struct weir_sql_statement *statement =
        weir_sql_statement_new(parser, WEIR_SQL_STATEMENT_DELETE, span_here(parser));
    struct weir_sql_delete *delete = WEIR_ARENA_NEW(parser->arena, struct weir_sql_delete);
    statement->delete_ = delete;
    weir_sql_parser_next(parser);
    expect_keyword(parser, K(FROM));
    delete->table = weir_sql_path_parse(parser, "a table's name");
    delete->hints = weir_sql_hints_parse(parser);
    row_alias(parser, &delete->alias);
    if (accept_keyword(parser, K(WHERE))) delete->where = weir_sql_expr_parse(parser);
    return statement;
}
