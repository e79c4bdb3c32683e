/* Expressions as text. Binding powers are those of parser_expr.c. */
#include "sql/ast_print.h"
#include <string.h>

enum {
    POWER_OR = 22,
    POWER_AND = 24,
    POWER_NOT = 26,
    POWER_IS = 28,
    POWER_COMPARISON = 30,
    POWER_RANGE = 32,
    POWER_ADD = 40,
    POWER_MULTIPLY = 60,
    POWER_SIGN = 80,
    POWER_PRIMARY = 100,
};

static const struct {
    const char *text;
    int power;
} operators[WEIR_SQL_OPERATOR_COUNT] = {
    [WEIR_SQL_OPERATOR_OR] = { "OR", POWER_OR },
    [WEIR_SQL_OPERATOR_AND] = { "AND", POWER_AND },
    [WEIR_SQL_OPERATOR_EQUAL] = { "=", POWER_COMPARISON },
    [WEIR_SQL_OPERATOR_NOT_EQUAL] = { "<>", POWER_COMPARISON },
    [WEIR_SQL_OPERATOR_LESS] = { "<", POWER_COMPARISON },
    [WEIR_SQL_OPERATOR_LESS_OR_EQUAL] = { "<=", POWER_COMPARISON },
    [WEIR_SQL_OPERATOR_GREATER] = { ">", POWER_COMPARISON },
    [WEIR_SQL_OPERATOR_GREATER_OR_EQUAL] = { ">=", POWER_COMPARISON },
    [WEIR_SQL_OPERATOR_IS_DISTINCT_FROM] = { "IS DISTINCT FROM", POWER_COMPARISON },
    [WEIR_SQL_OPERATOR_IS_NOT_DISTINCT_FROM] = { "IS NOT DISTINCT FROM", POWER_COMPARISON },
    [WEIR_SQL_OPERATOR_OVERLAPS] = { "OVERLAPS", POWER_COMPARISON },
    [WEIR_SQL_OPERATOR_CONTAINS] = { "CONTAINS", POWER_COMPARISON },
    [WEIR_SQL_OPERATOR_EQUALS] = { "EQUALS", POWER_COMPARISON },
    [WEIR_SQL_OPERATOR_PRECEDES] = { "PRECEDES", POWER_COMPARISON },
    [WEIR_SQL_OPERATOR_SUCCEEDS] = { "SUCCEEDS", POWER_COMPARISON },
    [WEIR_SQL_OPERATOR_IMMEDIATELY_PRECEDES] = { "IMMEDIATELY PRECEDES", POWER_COMPARISON },
    [WEIR_SQL_OPERATOR_IMMEDIATELY_SUCCEEDS] = { "IMMEDIATELY SUCCEEDS", POWER_COMPARISON },
    [WEIR_SQL_OPERATOR_MEMBER_OF] = { "MEMBER OF", POWER_COMPARISON },
    [WEIR_SQL_OPERATOR_SUBMULTISET_OF] = { "SUBMULTISET OF", POWER_COMPARISON },
    [WEIR_SQL_OPERATOR_CONCAT] = { "||", POWER_MULTIPLY },
    [WEIR_SQL_OPERATOR_ADD] = { "+", POWER_ADD },
    [WEIR_SQL_OPERATOR_SUBTRACT] = { "-", POWER_ADD },
    [WEIR_SQL_OPERATOR_MULTIPLY] = { "*", POWER_MULTIPLY },
    [WEIR_SQL_OPERATOR_DIVIDE] = { "/", POWER_MULTIPLY },
    [WEIR_SQL_OPERATOR_MODULO] = { "%", POWER_MULTIPLY },
    [WEIR_SQL_OPERATOR_NOT] = { "NOT ", POWER_NOT },
    [WEIR_SQL_OPERATOR_PLUS] = { "+", POWER_SIGN },
    [WEIR_SQL_OPERATOR_MINUS] = { "-", POWER_SIGN },
    [WEIR_SQL_OPERATOR_RUNNING] = { "RUNNING ", POWER_SIGN },
    [WEIR_SQL_OPERATOR_FINAL] = { "FINAL ", POWER_SIGN },
};

/* ---------------------------------------------------------------------------------------------- names and
 * literals */

static void quoted(const char *text, size_t length, char quote, struct weir_buffer *to)
{
    weir_buffer_append_byte(to, quote);
    for (size_t i = 0; i < length; i++) {
        if (text[i] == quote) weir_buffer_append_byte(to, quote);
        weir_buffer_append_byte(to, text[i]);
    }
    weir_buffer_append_byte(to, quote);
}

void weir_sql_print_identifier(const char *name, struct weir_buffer *to)
{
    quoted(name, strlen(name), '`', to);
}

void weir_sql_print_string(const char *value, struct weir_buffer *to)
{
    quoted(value, strlen(value), '\'', to);
}

void weir_sql_print_path(const struct weir_sql_path *path, struct weir_buffer *to)
{
    for (uint32_t i = 0; i < path->count; i++) {
        if (i) put(to, ".");
        weir_sql_print_identifier(path->parts[i].text, to);
    }
}

void weir_sql_print_names(const struct weir_sql_name *names, uint32_t count, struct weir_buffer *to)
{
    put(to, "(");
    for (uint32_t i = 0; i < count; i++) {
        put_comma(to, i);
        weir_sql_print_identifier(names[i].text, to);
    }
    put(to, ")");
}

void weir_sql_print_type(const struct weir_sql_type *type, struct weir_buffer *to)
{
    if (type->type)
        weir_type_print(type->type, false, to);
    else
        put(to, type->text);
}

void weir_sql_print_exprs(const struct weir_sql_exprs *exprs, struct weir_buffer *to)
{
    for (uint32_t i = 0; i < exprs->count; i++) {
        put_comma(to, i);
        weir_sql_print_expression(exprs->items[i], to);
    }
}

void weir_sql_print_order(const struct weir_sql_order *order, struct weir_buffer *to)
{
    for (uint32_t i = 0; i < order->count; i++) {
        const struct weir_sql_order_item *item = &order->items[i];
        put_comma(to, i);
        weir_sql_print_expression(item->expr, to);
        if (item->descending) put(to, " DESC");
        if (item->null_order)
            put(to, item->null_order == WEIR_SQL_NULL_ORDER_FIRST ? " NULLS FIRST" : " NULLS LAST");
    }
}

void weir_sql_print_interval_unit(enum weir_interval_unit unit, uint8_t multiplier, int8_t leading_precision,
    int8_t fraction_precision, struct weir_buffer *to)
{
    static const struct {
        const char *from, *end;
    } units[] = {
        [WEIR_INTERVAL_UNIT_YEAR] = { "YEAR", NULL },
        [WEIR_INTERVAL_UNIT_YEAR_TO_MONTH] = { "YEAR", "MONTH" },
        [WEIR_INTERVAL_UNIT_MONTH] = { "MONTH", NULL },
        [WEIR_INTERVAL_UNIT_DAY] = { "DAY", NULL },
        [WEIR_INTERVAL_UNIT_DAY_TO_HOUR] = { "DAY", "HOUR" },
        [WEIR_INTERVAL_UNIT_DAY_TO_MINUTE] = { "DAY", "MINUTE" },
        [WEIR_INTERVAL_UNIT_DAY_TO_SECOND] = { "DAY", "SECOND" },
        [WEIR_INTERVAL_UNIT_HOUR] = { "HOUR", NULL },
        [WEIR_INTERVAL_UNIT_HOUR_TO_MINUTE] = { "HOUR", "MINUTE" },
        [WEIR_INTERVAL_UNIT_HOUR_TO_SECOND] = { "HOUR", "SECOND" },
        [WEIR_INTERVAL_UNIT_MINUTE] = { "MINUTE", NULL },
        [WEIR_INTERVAL_UNIT_MINUTE_TO_SECOND] = { "MINUTE", "SECOND" },
        [WEIR_INTERVAL_UNIT_SECOND] = { "SECOND", NULL },
    };
    put(to, multiplier == 7 ? "WEEK" : multiplier == 3 ? "QUARTER" : units[unit].from);
    if (leading_precision >= 0) {
        weir_buffer_format(to, "(%d", leading_precision);
        if (!units[unit].end && fraction_precision >= 0) weir_buffer_format(to, ", %d", fraction_precision);
        put(to, ")");
    }
    if (!units[unit].end) return;
    weir_buffer_format(to, " TO %s", units[unit].end);
    if (fraction_precision >= 0) weir_buffer_format(to, "(%d)", fraction_precision);
}

static void interval(const struct weir_sql_expr *expr, struct weir_buffer *to)
{
    put(to, expr->interval.negative ? "INTERVAL -" : "INTERVAL ");
    if (expr->kind == WEIR_SQL_EXPR_INTERVAL) {
        weir_sql_print_string(expr->interval.text, to);
    } else {
        /* a sign behind INTERVAL would be read as the interval's own */
        bool sign = expr->interval.value->kind == WEIR_SQL_EXPR_UNARY ||
                    expr->interval.value->kind == WEIR_SQL_EXPR_STRING;
        weir_sql_print_operand(expr->interval.value, sign ? POWER_PRIMARY + 1 : POWER_SIGN, to);
    }
    put(to, " ");
    weir_sql_print_interval_unit(expr->interval.unit, expr->interval.multiplier,
        expr->interval.leading_precision, expr->interval.fraction_precision, to);
}

static void binary_string(const struct weir_sql_expr *expr, struct weir_buffer *to)
{
    put(to, "X'");
    for (size_t i = 0; i < expr->string.length; i++)
        weir_buffer_format(to, "%02X", (uint8_t)expr->string.text[i]);
    put(to, "'");
}

/* ----------------------------------------------------------------------------------------------------
 * operators */

static int power_of(const struct weir_sql_expr *expr)
{
    switch (expr->kind) {
    case WEIR_SQL_EXPR_UNARY: return operators[expr->unary.op].power;
    case WEIR_SQL_EXPR_BINARY: return operators[expr->binary.op].power;
    case WEIR_SQL_EXPR_IS: return POWER_IS;
    case WEIR_SQL_EXPR_BETWEEN:
    case WEIR_SQL_EXPR_LIKE:
    case WEIR_SQL_EXPR_IN_LIST:
    case WEIR_SQL_EXPR_IN_QUERY: return POWER_RANGE;
    case WEIR_SQL_EXPR_QUANTIFIED: return POWER_COMPARISON;
    default: return POWER_PRIMARY;
    }
}

void weir_sql_print_operand(const struct weir_sql_expr *expr, int floor, struct weir_buffer *to)
{
    bool parentheses = power_of(expr) < floor;
    if (parentheses) put(to, "(");
    weir_sql_print_expression(expr, to);
    if (parentheses) put(to, ")");
}

static void unary(const struct weir_sql_expr *expr, struct weir_buffer *to)
{
    put(to, operators[expr->unary.op].text);
    bool sign =
        expr->unary.of->kind == WEIR_SQL_EXPR_UNARY && expr->unary.of->unary.op != WEIR_SQL_OPERATOR_NOT;
    if (sign && expr->unary.op != WEIR_SQL_OPERATOR_NOT)
        put(to, " "); /* two signs at once would begin a comment */
    weir_sql_print_operand(expr->unary.of, operators[expr->unary.op].power, to);
}

static void binary(const struct weir_sql_expr *expr, struct weir_buffer *to)
{
    enum weir_sql_operator op = expr->binary.op;
    int power = operators[op].power;
    bool associative = op == WEIR_SQL_OPERATOR_AND || op == WEIR_SQL_OPERATOR_OR;
    weir_sql_print_operand(expr->binary.left, power, to);
    weir_buffer_format(to, " %s ", operators[op].text);
    weir_sql_print_operand(expr->binary.right, associative ? power : power + 1, to);
}

static void is(const struct weir_sql_expr *expr, struct weir_buffer *to)
{
    static const char *const texts[] = {
        [WEIR_SQL_IS_NULL] = "NULL",
        [WEIR_SQL_IS_TRUE] = "TRUE",
        [WEIR_SQL_IS_FALSE] = "FALSE",
        [WEIR_SQL_IS_UNKNOWN] = "UNKNOWN",
        [WEIR_SQL_IS_JSON_VALUE] = "JSON VALUE",
        [WEIR_SQL_IS_JSON_OBJECT] = "JSON OBJECT",
        [WEIR_SQL_IS_JSON_ARRAY] = "JSON ARRAY",
        [WEIR_SQL_IS_JSON_SCALAR] = "JSON SCALAR",
        [WEIR_SQL_IS_A_SET] = "A SET",
        [WEIR_SQL_IS_EMPTY] = "EMPTY",
    };
    weir_sql_print_operand(expr->is.of, POWER_IS, to);
    weir_buffer_format(to, expr->is.negated ? " IS NOT %s" : " IS %s", texts[expr->is.what]);
}

static void between(const struct weir_sql_expr *expr, struct weir_buffer *to)
{
    weir_sql_print_operand(expr->between.of, POWER_RANGE, to);
    put(to, expr->between.negated ? " NOT BETWEEN " : " BETWEEN ");
    if (expr->between.symmetric) put(to, "SYMMETRIC ");
    weir_sql_print_operand(expr->between.low, POWER_RANGE + 1, to);
    put(to, " AND ");
    weir_sql_print_operand(expr->between.high, POWER_RANGE + 1, to);
}

static void like(const struct weir_sql_expr *expr, struct weir_buffer *to)
{
    static const char *const texts[] = {
        [WEIR_SQL_LIKE] = "LIKE",
        [WEIR_SQL_ILIKE] = "ILIKE",
        [WEIR_SQL_SIMILAR_TO] = "SIMILAR TO",
        [WEIR_SQL_RLIKE] = "RLIKE",
    };
    weir_sql_print_operand(expr->like.of, POWER_RANGE, to);
    weir_buffer_format(to, expr->like.negated ? " NOT %s " : " %s ", texts[expr->like.kind]);
    weir_sql_print_operand(expr->like.pattern, POWER_RANGE + 1, to);
    if (!expr->like.escape) return;
    put(to, " ESCAPE ");
    weir_sql_print_operand(expr->like.escape, POWER_RANGE + 1, to);
}

static void list_or_query(
    const struct weir_sql_exprs *list, const struct weir_sql_query *query, struct weir_buffer *to)
{
    put(to, "(");
    if (query)
        weir_sql_print_query(query, to);
    else
        weir_sql_print_exprs(list, to);
    put(to, ")");
}

static void in(const struct weir_sql_expr *expr, struct weir_buffer *to)
{
    weir_sql_print_operand(expr->in.of, POWER_RANGE, to);
    put(to, expr->in.negated ? " NOT IN " : " IN ");
    list_or_query(&expr->in.list, expr->in.query, to);
}

static void quantified(const struct weir_sql_expr *expr, struct weir_buffer *to)
{
    weir_sql_print_operand(expr->quantified.of, POWER_COMPARISON, to);
    weir_buffer_format(to, " %s %s ", operators[expr->quantified.op].text,
        expr->quantified.quantifier == WEIR_SQL_QUANTIFIED_ALL ? "ALL" : "SOME");
    list_or_query(&expr->quantified.list, expr->quantified.query, to);
}

/* ----------------------------------------------------------------------------------------------------
 * primaries */

static void switch_case(const struct weir_sql_expr *expr, struct weir_buffer *to)
{
    put(to, "CASE");
    if (expr->switch_.operand) {
        put(to, " ");
        weir_sql_print_expression(expr->switch_.operand, to);
    }
    for (uint32_t i = 0; i < expr->switch_.count; i++) {
        put(to, " WHEN ");
        weir_sql_print_expression(expr->switch_.whens[i].when, to);
        put(to, " THEN ");
        weir_sql_print_expression(expr->switch_.whens[i].then, to);
    }
    if (expr->switch_.otherwise) {
        put(to, " ELSE ");
        weir_sql_print_expression(expr->switch_.otherwise, to);
    }
    put(to, " END");
}

static void cast(const struct weir_sql_expr *expr, struct weir_buffer *to)
{
    put(to, expr->cast.try_ ? "TRY_CAST(" : "CAST(");
    weir_sql_print_expression(expr->cast.of, to);
    put(to, " AS ");
    weir_sql_print_type(expr->cast.type, to);
    put(to, ")");
}

/* What a field or an item is taken from. A column in parentheses is not a longer path. */
static void base(const struct weir_sql_expr *expr, bool field, struct weir_buffer *to)
{
    bool parentheses = (field && expr->kind == WEIR_SQL_EXPR_COLUMN) || expr->kind == WEIR_SQL_EXPR_NUMBER ||
                       expr->kind == WEIR_SQL_EXPR_INTERVAL || expr->kind == WEIR_SQL_EXPR_INTERVAL_OF;
    weir_sql_print_operand(expr, parentheses ? POWER_PRIMARY + 1 : POWER_PRIMARY, to);
}

static void table_argument(const struct weir_sql_expr *expr, struct weir_buffer *to)
{
    put(to, "TABLE ");
    weir_sql_print_table(expr->table.table, to);
    if (expr->table.partition_by.count) {
        put(to, " PARTITION BY (");
        weir_sql_print_exprs(&expr->table.partition_by, to);
        put(to, ")");
    }
    if (expr->table.order_by.count) {
        put(to, " ORDER BY (");
        weir_sql_print_order(&expr->table.order_by, to);
        put(to, ")");
    }
}

static void collection(const struct weir_sql_expr *expr, struct weir_buffer *to)
{
    bool query = expr->kind == WEIR_SQL_EXPR_COLLECTION_QUERY;
    enum weir_sql_expr_kind kind = query ? expr->collection.of : expr->kind;
    put(to, kind == WEIR_SQL_EXPR_ARRAY ? "ARRAY" : kind == WEIR_SQL_EXPR_MAP ? "MAP" : "MULTISET");
    put(to, query ? "(" : "[");
    if (query)
        weir_sql_print_query(expr->collection.query, to);
    else
        weir_sql_print_exprs(&expr->items, to);
    put(to, query ? ")" : "]");
}

static void subquery(const struct weir_sql_expr *expr, const char *before, struct weir_buffer *to)
{
    put(to, before);
    put(to, "(");
    weir_sql_print_query(expr->query, to);
    put(to, ")");
}

static void temporal(const struct weir_sql_expr *expr, const char *before, struct weir_buffer *to)
{
    put(to, before);
    quoted(expr->string.text, expr->string.length, '\'', to);
}

static void star(const struct weir_sql_expr *expr, struct weir_buffer *to)
{
    if (expr->column.count) {
        weir_sql_print_path(&expr->column, to);
        put(to, ".");
    }
    put(to, "*");
}

static void field(const struct weir_sql_expr *expr, struct weir_buffer *to)
{
    base(expr->field.of, true, to);
    put(to, ".");
    if (expr->field.star)
        put(to, "*");
    else
        weir_sql_print_identifier(expr->field.name.text, to);
}

static void item(const struct weir_sql_expr *expr, struct weir_buffer *to)
{
    base(expr->item.of, false, to);
    put(to, "[");
    weir_sql_print_expression(expr->item.index, to);
    put(to, "]");
}

void weir_sql_print_expression(const struct weir_sql_expr *expr, struct weir_buffer *to)
{
    switch (expr->kind) {
    case WEIR_SQL_EXPR_NULL: put(to, "NULL"); return;
    case WEIR_SQL_EXPR_BOOLEAN: put(to, expr->boolean ? "TRUE" : "FALSE"); return;
    case WEIR_SQL_EXPR_NUMBER: put(to, expr->number.text); return;
    case WEIR_SQL_EXPR_STRING: temporal(expr, "", to); return;
    case WEIR_SQL_EXPR_BINARY_STRING: binary_string(expr, to); return;
    case WEIR_SQL_EXPR_DATE: temporal(expr, "DATE ", to); return;
    case WEIR_SQL_EXPR_TIME: temporal(expr, "TIME ", to); return;
    case WEIR_SQL_EXPR_TIMESTAMP: temporal(expr, "TIMESTAMP ", to); return;
    case WEIR_SQL_EXPR_TIMESTAMP_LTZ: temporal(expr, "TIMESTAMP WITH LOCAL TIME ZONE ", to); return;
    case WEIR_SQL_EXPR_INTERVAL:
    case WEIR_SQL_EXPR_INTERVAL_OF: interval(expr, to); return;
    case WEIR_SQL_EXPR_COLUMN: weir_sql_print_path(&expr->column, to); return;
    case WEIR_SQL_EXPR_STAR: star(expr, to); return;
    case WEIR_SQL_EXPR_FIELD: field(expr, to); return;
    case WEIR_SQL_EXPR_ITEM: item(expr, to); return;
    case WEIR_SQL_EXPR_UNARY: unary(expr, to); return;
    case WEIR_SQL_EXPR_BINARY: binary(expr, to); return;
    case WEIR_SQL_EXPR_IS: is(expr, to); return;
    case WEIR_SQL_EXPR_BETWEEN: between(expr, to); return;
    case WEIR_SQL_EXPR_LIKE: like(expr, to); return;
    case WEIR_SQL_EXPR_IN_LIST:
    case WEIR_SQL_EXPR_IN_QUERY: in(expr, to); return;
    case WEIR_SQL_EXPR_EXISTS: subquery(expr, "EXISTS ", to); return;
    case WEIR_SQL_EXPR_UNIQUE: subquery(expr, "UNIQUE ", to); return;
    case WEIR_SQL_EXPR_QUANTIFIED: quantified(expr, to); return;
    case WEIR_SQL_EXPR_CASE: switch_case(expr, to); return;
    case WEIR_SQL_EXPR_CAST: cast(expr, to); return;
    case WEIR_SQL_EXPR_CALL: weir_sql_print_call(expr->call, to); return;
    case WEIR_SQL_EXPR_JSON_CALL: weir_sql_print_json(expr->json.call, expr->json.clauses, to); return;
    case WEIR_SQL_EXPR_ROW:
        put(to, "ROW(");
        weir_sql_print_exprs(&expr->items, to);
        put(to, ")");
        return;
    case WEIR_SQL_EXPR_ARRAY:
    case WEIR_SQL_EXPR_MAP:
    case WEIR_SQL_EXPR_MULTISET:
    case WEIR_SQL_EXPR_COLLECTION_QUERY: collection(expr, to); return;
    case WEIR_SQL_EXPR_SUBQUERY: subquery(expr, "", to); return;
    case WEIR_SQL_EXPR_SYMBOL: put(to, expr->symbol); return;
    case WEIR_SQL_EXPR_DEFAULT: put(to, "DEFAULT"); return;
    case WEIR_SQL_EXPR_DESCRIPTOR:
        put(to, "DESCRIPTOR");
        weir_sql_print_names(expr->descriptor.columns, expr->descriptor.count, to);
        return;
    case WEIR_SQL_EXPR_TABLE: table_argument(expr, to); return;
    case WEIR_SQL_EXPR_MODEL:
        put(to, "MODEL ");
        weir_sql_print_path(&expr->model, to);
        return;
    }
}
