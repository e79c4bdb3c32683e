/* Queries and table references as text. */
#include "sql/ast_print.h"

void weir_sql_print_hints(const struct weir_sql_hints *hints, struct weir_buffer *to)
{
    if (!hints->count) return;
    put(to, " /*+ ");
    for (uint32_t i = 0; i < hints->count; i++) {
        const struct weir_sql_hint *hint = &hints->items[i];
        put_comma(to, i);
        weir_sql_print_identifier(hint->name, to);
        if (hint->options.count) weir_sql_print_options(&hint->options, to);
        if (!hint->argument_count) continue;
        put(to, "(");
        for (uint32_t j = 0; j < hint->argument_count; j++) {
            put_comma(to, j);
            weir_sql_print_string(hint->arguments[j], to);
        }
        put(to, ")");
    }
    put(to, " */");
}

/* --------------------------------------------------------------------------------------------------------
 * tables */

static void join(const struct weir_sql_table_ref *table, struct weir_buffer *to)
{
    static const char *const words[] = {
        [WEIR_SQL_JOIN_COMMA] = ", ",
        [WEIR_SQL_JOIN_CROSS] = "CROSS JOIN ",
        [WEIR_SQL_JOIN_INNER] = "INNER JOIN ",
        [WEIR_SQL_JOIN_LEFT] = "LEFT JOIN ",
        [WEIR_SQL_JOIN_RIGHT] = "RIGHT JOIN ",
        [WEIR_SQL_JOIN_FULL] = "FULL JOIN ",
        [WEIR_SQL_JOIN_LEFT_SEMI] = "LEFT SEMI JOIN ",
        [WEIR_SQL_JOIN_LEFT_ANTI] = "LEFT ANTI JOIN ",
    };
    bool comma = table->join.kind == WEIR_SQL_JOIN_COMMA;
    bool parentheses = !comma && table->join.right->kind == WEIR_SQL_TABLE_JOIN;
    weir_sql_print_table(table->join.left, to);
    if (!comma) put(to, table->join.natural ? " NATURAL " : " ");
    put(to, words[table->join.kind]);
    if (parentheses) put(to, "(");
    weir_sql_print_table(table->join.right, to);
    if (parentheses) put(to, ")");
    if (table->join.on) {
        put(to, " ON ");
        weir_sql_print_expression(table->join.on, to);
    }
    if (table->join.using_.count) {
        put(to, " USING ");
        weir_sql_print_names(table->join.using_.items, table->join.using_.count, to);
    }
}

static void match_table(const struct weir_sql_table_ref *table, struct weir_buffer *to)
{
    const struct weir_sql_table_ref *input = table->match->input;
    bool parentheses = input->alias.text || input->sample_percentage || input->kind == WEIR_SQL_TABLE_MATCH;
    if (parentheses) put(to, "(");
    weir_sql_print_table(input, to);
    if (parentheses) put(to, ")");
    put(to, " MATCH_RECOGNIZE (");
    weir_sql_print_match(table->match, to);
    put(to, ")");
}

static void table_primary(const struct weir_sql_table_ref *table, struct weir_buffer *to)
{
    switch (table->kind) {
    case WEIR_SQL_TABLE_NAMED:
        weir_sql_print_path(&table->name, to);
        weir_sql_print_hints(&table->hints, to);
        return;
    case WEIR_SQL_TABLE_QUERY:
        put(to, "(");
        weir_sql_print_query(table->query, to);
        put(to, ")");
        return;
    case WEIR_SQL_TABLE_FUNCTION:
        if (!table->function.without_table) put(to, "TABLE(");
        weir_sql_print_expression(table->function.call, to);
        if (!table->function.without_table) put(to, ")");
        return;
    case WEIR_SQL_TABLE_UNNEST:
        put(to, "UNNEST(");
        weir_sql_print_exprs(&table->unnest.of, to);
        put(to, table->unnest.with_ordinality ? ") WITH ORDINALITY" : ")");
        return;
    case WEIR_SQL_TABLE_JOIN: join(table, to); return;
    case WEIR_SQL_TABLE_MATCH: match_table(table, to); return;
    }
}

void weir_sql_print_table(const struct weir_sql_table_ref *table, struct weir_buffer *to)
{
    if (table->lateral) put(to, "LATERAL ");
    table_primary(table, to);
    if (table->system_time) {
        put(to, " FOR SYSTEM_TIME AS OF ");
        weir_sql_print_expression(table->system_time, to);
    }
    if (table->alias.text) {
        put(to, " AS ");
        weir_sql_print_identifier(table->alias.text, to);
        if (table->columns.count) {
            put(to, " ");
            weir_sql_print_names(table->columns.items, table->columns.count, to);
        }
    }
    if (table->sample_percentage) {
        put(to, table->sample_system ? " TABLESAMPLE SYSTEM (" : " TABLESAMPLE BERNOULLI (");
        weir_sql_print_expression(table->sample_percentage, to);
        put(to, ")");
    }
}

/* -------------------------------------------------------------------------------------------------
 * MATCH_RECOGNIZE */

enum { PATTERN_ALTERNATION, PATTERN_CONCATENATION, PATTERN_FACTOR, PATTERN_PRIMARY };

static int pattern_level(const struct weir_sql_pattern *pattern)
{
    switch (pattern->kind) {
    case WEIR_SQL_PATTERN_ALTERNATION: return PATTERN_ALTERNATION;
    case WEIR_SQL_PATTERN_CONCATENATION: return PATTERN_CONCATENATION;
    case WEIR_SQL_PATTERN_REPETITION: return PATTERN_FACTOR;
    default: return PATTERN_PRIMARY;
    }
}

static void repetition(const struct weir_sql_pattern *pattern, struct weir_buffer *to)
{
    uint32_t from = pattern->repeat_min, end = pattern->repeat_max;
    if (from == 0 && end == UINT32_MAX)
        put(to, "*");
    else if (from == 1 && end == UINT32_MAX)
        put(to, "+");
    else if (from == 0 && end == 1)
        put(to, "?");
    else if (end == UINT32_MAX)
        weir_buffer_format(to, "{%u,}", from);
    else if (from == end)
        weir_buffer_format(to, "{%u}", from);
    else
        weir_buffer_format(to, "{%u,%u}", from, end);
    if (pattern->reluctant) put(to, "?");
}

static void pattern(const struct weir_sql_pattern *node, int floor, struct weir_buffer *to)
{
    int level = pattern_level(node);
    static const int child_floors[] = { PATTERN_CONCATENATION, PATTERN_FACTOR, PATTERN_PRIMARY,
        PATTERN_ALTERNATION };
    if (level < floor) put(to, "(");
    if (node->kind == WEIR_SQL_PATTERN_VARIABLE) weir_sql_print_identifier(node->variable.text, to);
    if (node->kind == WEIR_SQL_PATTERN_PERMUTATION) put(to, "PERMUTE(");
    if (node->kind == WEIR_SQL_PATTERN_EXCLUSION) put(to, "{- ");
    for (uint32_t i = 0; i < node->count; i++) {
        if (i)
            put(to, node->kind == WEIR_SQL_PATTERN_ALTERNATION   ? " | "
                    : node->kind == WEIR_SQL_PATTERN_PERMUTATION ? ", "
                                                                 : " ");
        pattern(node->children[i], child_floors[level], to);
    }
    if (node->kind == WEIR_SQL_PATTERN_REPETITION) repetition(node, to);
    if (node->kind == WEIR_SQL_PATTERN_PERMUTATION) put(to, ")");
    if (node->kind == WEIR_SQL_PATTERN_EXCLUSION) put(to, " -}");
    if (level < floor) put(to, ")");
}

static void after_match(const struct weir_sql_match *match, struct weir_buffer *to)
{
    static const char *const texts[] = {
        [WEIR_SQL_AFTER_UNSAID] = "",
        [WEIR_SQL_AFTER_NEXT_ROW] = "AFTER MATCH SKIP TO NEXT ROW ",
        [WEIR_SQL_AFTER_PAST_LAST_ROW] = "AFTER MATCH SKIP PAST LAST ROW ",
        [WEIR_SQL_AFTER_FIRST] = "AFTER MATCH SKIP TO FIRST ",
        [WEIR_SQL_AFTER_LAST] = "AFTER MATCH SKIP TO LAST ",
    };
    put(to, texts[match->after_match]);
    if (match->after_match < WEIR_SQL_AFTER_FIRST) return;
    weir_sql_print_identifier(match->after_variable.text, to);
    put(to, " ");
}

static void match_lists(const struct weir_sql_match *match, struct weir_buffer *to)
{
    for (uint32_t i = 0; i < match->subset_count; i++) {
        put(to, i ? ", " : " SUBSET ");
        weir_sql_print_identifier(match->subsets[i].name.text, to);
        put(to, " = ");
        weir_sql_print_names(match->subsets[i].variables.items, match->subsets[i].variables.count, to);
    }
    for (uint32_t i = 0; i < match->definition_count; i++) {
        put(to, i ? ", " : " DEFINE ");
        weir_sql_print_identifier(match->definitions[i].variable.text, to);
        put(to, " AS ");
        weir_sql_print_expression(match->definitions[i].condition, to);
    }
}

void weir_sql_print_match(const struct weir_sql_match *match, struct weir_buffer *to)
{
    if (match->partition_by.count) {
        put(to, "PARTITION BY ");
        weir_sql_print_exprs(&match->partition_by, to);
        put(to, " ");
    }
    if (match->order_by.count) {
        put(to, "ORDER BY ");
        weir_sql_print_order(&match->order_by, to);
        put(to, " ");
    }
    for (uint32_t i = 0; i < match->measure_count; i++) {
        put(to, i ? ", " : "MEASURES ");
        weir_sql_print_expression(match->measures[i].expr, to);
        put(to, " AS ");
        weir_sql_print_identifier(match->measures[i].alias.text, to);
    }
    if (match->measure_count) put(to, " ");
    if (match->rows_per_match)
        put(to, match->rows_per_match == WEIR_SQL_ROWS_ONE ? "ONE ROW PER MATCH " : "ALL ROWS PER MATCH ");
    after_match(match, to);
    put(to, match->starts_at_row ? "PATTERN (^ " : "PATTERN (");
    pattern(match->pattern, PATTERN_ALTERNATION, to);
    put(to, match->ends_at_row ? " $)" : ")");
    if (match->within) {
        put(to, " WITHIN ");
        weir_sql_print_expression(match->within, to);
    }
    match_lists(match, to);
}

/* -------------------------------------------------------------------------------------------------------
 * queries */

static void grouping(const struct weir_sql_grouping *group, struct weir_buffer *to)
{
    if (group->kind == WEIR_SQL_GROUPING_EXPRESSION) {
        if (group->parenthesized) put(to, "(");
        weir_sql_print_exprs(&group->exprs, to);
        if (group->parenthesized) put(to, ")");
        return;
    }
    put(to, group->kind == WEIR_SQL_GROUPING_SETS     ? "GROUPING SETS ("
            : group->kind == WEIR_SQL_GROUPING_ROLLUP ? "ROLLUP ("
                                                      : "CUBE (");
    for (uint32_t i = 0; i < group->count; i++) {
        put_comma(to, i);
        grouping(&group->items[i], to);
    }
    put(to, ")");
}

static void select_items(const struct weir_sql_select *select, struct weir_buffer *to)
{
    for (uint32_t i = 0; i < select->item_count; i++) {
        put_comma(to, i);
        weir_sql_print_expression(select->items[i].expr, to);
        if (!select->items[i].alias.text) continue;
        put(to, " AS ");
        weir_sql_print_identifier(select->items[i].alias.text, to);
    }
}

static void clause(const char *words, const struct weir_sql_expr *expr, struct weir_buffer *to)
{
    if (!expr) return;
    put(to, words);
    weir_sql_print_expression(expr, to);
}

static void select_query(const struct weir_sql_select *select, struct weir_buffer *to)
{
    put(to, "SELECT");
    weir_sql_print_hints(&select->hints, to);
    if (select->stream) put(to, " STREAM");
    if (select->quantifier)
        put(to, select->quantifier == WEIR_SQL_QUANTIFIER_DISTINCT ? " DISTINCT" : " ALL");
    put(to, " ");
    select_items(select, to);
    if (select->from) {
        put(to, " FROM ");
        weir_sql_print_table(select->from, to);
    }
    clause(" WHERE ", select->where, to);
    for (uint32_t i = 0; i < select->group_count; i++) {
        put(to, i ? ", " : select->group_by_distinct ? " GROUP BY DISTINCT " : " GROUP BY ");
        grouping(&select->group_by[i], to);
    }
    clause(" HAVING ", select->having, to);
    for (uint32_t i = 0; i < select->window_count; i++) {
        put(to, i ? ", " : " WINDOW ");
        weir_sql_print_identifier(select->windows[i].name.text, to);
        put(to, " AS ");
        weir_sql_print_window(&select->windows[i], to);
    }
    clause(" QUALIFY ", select->qualify, to);
}

static bool has_tail(const struct weir_sql_query *query)
{
    return query->with_count || query->order_by.count || query->limit || query->offset;
}

/* 0 UNION and EXCEPT, 1 INTERSECT, 2 what needs no parentheses in either */
static int set_level(const struct weir_sql_query *query)
{
    if (has_tail(query)) return -1;
    if (query->kind != WEIR_SQL_QUERY_SET_OPERATION) return 2;
    return query->set.operation == WEIR_SQL_SET_INTERSECT;
}

static void set_operand(const struct weir_sql_query *query, int floor, struct weir_buffer *to)
{
    bool parentheses = set_level(query) < floor;
    if (parentheses) put(to, "(");
    weir_sql_print_query(query, to);
    if (parentheses) put(to, ")");
}

static void set_operation(const struct weir_sql_query *query, struct weir_buffer *to)
{
    static const char *const words[] = {
        [WEIR_SQL_SET_UNION] = " UNION ",
        [WEIR_SQL_SET_INTERSECT] = " INTERSECT ",
        [WEIR_SQL_SET_EXCEPT] = " EXCEPT ",
    };
    int level = query->set.operation == WEIR_SQL_SET_INTERSECT;
    set_operand(query->set.left, level, to);
    put(to, words[query->set.operation]);
    if (query->set.all) put(to, "ALL ");
    set_operand(query->set.right, level + 1, to);
}

static void with(const struct weir_sql_query *query, struct weir_buffer *to)
{
    for (uint32_t i = 0; i < query->with_count; i++) {
        const struct weir_sql_with_item *item = &query->with[i];
        put(to, i ? ", " : query->recursive ? "WITH RECURSIVE " : "WITH ");
        weir_sql_print_identifier(item->name.text, to);
        if (item->columns.count) {
            put(to, " ");
            weir_sql_print_names(item->columns.items, item->columns.count, to);
        }
        put(to, " AS (");
        weir_sql_print_query(item->query, to);
        put(to, ")");
    }
    if (query->with_count) put(to, " ");
}

static void body(const struct weir_sql_query *query, struct weir_buffer *to)
{
    switch (query->kind) {
    case WEIR_SQL_QUERY_SELECT: select_query(query->select, to); return;
    case WEIR_SQL_QUERY_VALUES:
        put(to, "VALUES ");
        weir_sql_print_exprs(&query->values, to);
        return;
    case WEIR_SQL_QUERY_SET_OPERATION: set_operation(query, to); return;
    case WEIR_SQL_QUERY_TABLE:
        put(to, "TABLE ");
        weir_sql_print_path(&query->table, to);
        return;
    case WEIR_SQL_QUERY_NESTED:
        put(to, "(");
        weir_sql_print_query(query->nested, to);
        put(to, ")");
        return;
    }
}

void weir_sql_print_query(const struct weir_sql_query *query, struct weir_buffer *to)
{
    with(query, to);
    body(query, to);
    if (query->order_by.count) {
        put(to, " ORDER BY ");
        weir_sql_print_order(&query->order_by, to);
    }
    clause(" LIMIT ", query->limit, to);
    clause(" OFFSET ", query->offset, to);
}
