/* Expressions: operators by precedence climbing, and the primaries that are no calls. */
#include "sql/parser_internal.h"
#include <string.h>

/* Binding powers, the larger the tighter. */
enum {
    BIND_OR = 22,
    BIND_AND = 24,
    BIND_NOT = 26,
    BIND_IS = 28,
    BIND_COMPARISON = 30,
    BIND_RANGE = 32, /* IN, BETWEEN, LIKE */
    BIND_ADD = 40,
    BIND_MULTIPLY = 60,
    BIND_SIGN = 80,
    BALANCED_OPERANDS_MIN = 33, /* chains of AND and OR from this length on become balanced trees */
};

static struct weir_sql_expr *binary(struct weir_sql_parser *parser, int floor);

struct weir_sql_expr *weir_sql_expr_new(
    struct weir_sql_parser *parser, enum weir_sql_expr_kind kind, struct weir_sql_span from)
{
    struct weir_sql_expr *expr = WEIR_ARENA_NEW(parser->arena, struct weir_sql_expr);
    expr->kind = kind;
    expr->height = 1;
    expr->span = from;
    end_span(parser, &expr->span);
    return expr;
}

void weir_sql_raise_over(
    struct weir_sql_parser *parser, struct weir_sql_expr *expr, const struct weir_sql_expr *child)
{
    weir_sql_parser_raise(parser, &expr->height, child->height);
}

struct weir_sql_exprs weir_sql_exprs_parse(struct weir_sql_parser *parser, uint32_t *height)
{
    struct weir_sql_list list = { 0 };
    do {
        struct weir_sql_expr *expr = weir_sql_expr_parse(parser);
        weir_sql_parser_raise(parser, height, expr->height);
        *LIST_ADD(parser, &list, const struct weir_sql_expr *) = expr;
    } while (accept(parser, T(COMMA)));
    return (struct weir_sql_exprs){ list.count, list.items };
}

struct weir_sql_order weir_sql_order_parse(struct weir_sql_parser *parser, uint32_t *height)
{
    struct weir_sql_list list = { 0 };
    do {
        struct weir_sql_order_item *item = LIST_ADD(parser, &list, struct weir_sql_order_item);
        item->span = span_here(parser);
        const struct weir_sql_expr *expr = weir_sql_expr_parse(parser);
        weir_sql_parser_raise(parser, height, expr->height);
        item->expr = expr;
        if (!accept_keyword(parser, K(ASC))) item->descending = accept_keyword(parser, K(DESC));
        if (accept_keyword(parser, K(NULLS))) {
            if (accept_keyword(parser, K(FIRST)))
                item->null_order = WEIR_SQL_NULL_ORDER_FIRST;
            else if (accept_keyword(parser, K(LAST)))
                item->null_order = WEIR_SQL_NULL_ORDER_LAST;
            else
                fail_expected(parser, "FIRST or LAST behind NULLS");
        }
        end_span(parser, &item->span);
    } while (accept(parser, T(COMMA)));
    return (struct weir_sql_order){ list.count, list.items };
}

/* -----------------------------------------------------------------------------------------------------
 * literals */

/* The escape character of U&'' UESCAPE 'c', read ahead of the string that it belongs to. */
static char unicode_escape_character(struct weir_sql_parser *parser)
{
    if (!is_kind(parser, 0, T(UNICODE_STRING)) || !is_keyword(parser, 1, K(UESCAPE))) return '\\';
    const struct weir_sql_token *token = peek(parser, 2);
    const char *text = parser->text + token->span.begin;
    if (token->kind == T(STRING) && token->span.end - token->span.begin == 3 && (uint8_t)text[1] < 0x80 &&
        !strchr("+\"' \t\r\n0123456789abcdefABCDEF", text[1]))
        return text[1];
    weir_sql_parser_fail_at(parser, token->span, WEIR_E_SQL_SYNTAX,
        "expected one character in quotes behind UESCAPE that is no hexadecimal digit, '+', quote or blank");
    return '\\';
}

struct weir_sql_expr *weir_sql_string_literal_parse(
    struct weir_sql_parser *parser, enum weir_sql_expr_kind kind)
{
    struct weir_sql_expr *expr = weir_sql_expr_new(parser, kind, span_here(parser));
    expr->string.text = "";
    struct weir_buffer *parts = NULL;
    struct weir_buffer buffer;
    for (;;) {
        struct weir_sql_token token = *peek(parser, 0);
        char escape = unicode_escape_character(parser);
        if (failed(parser)) break;
        const char *text;
        size_t length;
        enum weir_error_code code =
            weir_sql_token_text(parser->arena, parser->text, &token, escape, &text, &length, parser->error);
        if (code) {
            parser->code = code;
            break;
        }
        weir_sql_parser_next(parser);
        if (token.kind == T(UNICODE_STRING) && accept_keyword(parser, K(UESCAPE))) expect(parser, T(STRING));
        if (parts) weir_buffer_append(parts, text, length);
        expr->string.text = text;
        expr->string.length = length;
        if (!is_kind(parser, 0, T(STRING)) || kind == WEIR_SQL_EXPR_BINARY_STRING) break;
        if (parts) continue;
        /* 'a' 'b' is one string */
        weir_buffer_init(&buffer, parser->arena->memory, WEIR_SQL_TEXT_BYTES_MAX);
        parts = &buffer;
        weir_buffer_append(parts, text, length);
    }
    if (parts) {
        expr->string.text = weir_arena_copy(parser->arena, buffer.data, buffer.length);
        expr->string.length = buffer.length;
        weir_buffer_done(&buffer);
    }
    end_span(parser, &expr->span);
    return expr;
}

static struct weir_sql_expr *number(struct weir_sql_parser *parser)
{
    struct weir_sql_token token = *peek(parser, 0);
    struct weir_sql_expr *expr = weir_sql_expr_new(parser, WEIR_SQL_EXPR_NUMBER, token.span);
    expr->number.kind = (enum weir_sql_number)(token.kind - T(INTEGER));
    size_t length;
    weir_sql_token_text(parser->arena, parser->text, &token, 0, &expr->number.text, &length, parser->error);
    weir_sql_parser_next(parser);
    return expr;
}

struct unit_name {
    const char *text;
    uint8_t unit, multiplier;
};

static const struct unit_name *interval_unit_at(struct weir_sql_parser *parser)
{
    static const struct unit_name units[] = {
        { "YEAR", WEIR_INTERVAL_UNIT_YEAR, 1 },
        { "YEARS", WEIR_INTERVAL_UNIT_YEAR, 1 },
        { "QUARTER", WEIR_INTERVAL_UNIT_MONTH, 3 },
        { "QUARTERS", WEIR_INTERVAL_UNIT_MONTH, 3 },
        { "MONTH", WEIR_INTERVAL_UNIT_MONTH, 1 },
        { "MONTHS", WEIR_INTERVAL_UNIT_MONTH, 1 },
        { "WEEK", WEIR_INTERVAL_UNIT_DAY, 7 },
        { "WEEKS", WEIR_INTERVAL_UNIT_DAY, 7 },
        { "DAY", WEIR_INTERVAL_UNIT_DAY, 1 },
        { "DAYS", WEIR_INTERVAL_UNIT_DAY, 1 },
        { "HOUR", WEIR_INTERVAL_UNIT_HOUR, 1 },
        { "HOURS", WEIR_INTERVAL_UNIT_HOUR, 1 },
        { "MINUTE", WEIR_INTERVAL_UNIT_MINUTE, 1 },
        { "MINUTES", WEIR_INTERVAL_UNIT_MINUTE, 1 },
        { "SECOND", WEIR_INTERVAL_UNIT_SECOND, 1 },
        { "SECONDS", WEIR_INTERVAL_UNIT_SECOND, 1 },
    };
    const struct weir_sql_token *token = peek(parser, 0);
    if (token->kind != T(WORD)) return NULL;
    const char *text = parser->text + token->span.begin;
    size_t length = token->span.end - token->span.begin;
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(units); i++) {
        if (strlen(units[i].text) != length) continue;
        size_t same = 0;
        while (same < length && (text[same] & ~32) == units[i].text[same]) same++;
        if (same == length) return &units[i];
    }
    return NULL;
}

static int8_t unit_precision(struct weir_sql_parser *parser, uint32_t maximum)
{
    if (!is_kind(parser, 0, T(LEFT_PARENTHESIS)) || !is_kind(parser, 1, T(INTEGER))) return -1;
    weir_sql_parser_next(parser);
    int8_t precision = (int8_t)weir_sql_number_parse(parser, "a precision", maximum);
    if (maximum == 10 && at(parser, T(COMMA))) return precision; /* SECOND(p, s): the caller goes on */
    expect(parser, T(RIGHT_PARENTHESIS));
    return precision;
}

static bool combined_unit(
    enum weir_interval_unit from, enum weir_interval_unit to, enum weir_interval_unit *ret)
{
    static const uint8_t combinations[][3] = {
        { WEIR_INTERVAL_UNIT_YEAR, WEIR_INTERVAL_UNIT_MONTH, WEIR_INTERVAL_UNIT_YEAR_TO_MONTH },
        { WEIR_INTERVAL_UNIT_DAY, WEIR_INTERVAL_UNIT_HOUR, WEIR_INTERVAL_UNIT_DAY_TO_HOUR },
        { WEIR_INTERVAL_UNIT_DAY, WEIR_INTERVAL_UNIT_MINUTE, WEIR_INTERVAL_UNIT_DAY_TO_MINUTE },
        { WEIR_INTERVAL_UNIT_DAY, WEIR_INTERVAL_UNIT_SECOND, WEIR_INTERVAL_UNIT_DAY_TO_SECOND },
        { WEIR_INTERVAL_UNIT_HOUR, WEIR_INTERVAL_UNIT_MINUTE, WEIR_INTERVAL_UNIT_HOUR_TO_MINUTE },
        { WEIR_INTERVAL_UNIT_HOUR, WEIR_INTERVAL_UNIT_SECOND, WEIR_INTERVAL_UNIT_HOUR_TO_SECOND },
        { WEIR_INTERVAL_UNIT_MINUTE, WEIR_INTERVAL_UNIT_SECOND, WEIR_INTERVAL_UNIT_MINUTE_TO_SECOND },
    };
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(combinations); i++) {
        if (combinations[i][0] != from || combinations[i][1] != to) continue;
        *ret = (enum weir_interval_unit)combinations[i][2];
        return true;
    }
    return false;
}

bool weir_sql_interval_unit_parse(struct weir_sql_parser *parser, enum weir_interval_unit *unit,
    uint8_t *multiplier, int8_t *leading_precision, int8_t *fraction_precision)
{
    const struct unit_name *from = interval_unit_at(parser);
    *leading_precision = *fraction_precision = -1;
    if (!from) return false;
    weir_sql_parser_next(parser);
    *unit = (enum weir_interval_unit)from->unit;
    *multiplier = from->multiplier;
    *leading_precision = unit_precision(parser, 10);
    bool open = *leading_precision >= 0 && parser->previous.kind != T(RIGHT_PARENTHESIS);
    if (open && accept(parser, T(COMMA))) {
        *fraction_precision = (int8_t)weir_sql_number_parse(parser, "a fractional precision", 9);
        expect(parser, T(RIGHT_PARENTHESIS));
        if (from->unit != WEIR_INTERVAL_UNIT_SECOND)
            fail_expected(parser, "one precision only for this unit");
    }
    if (!accept_keyword(parser, K(TO))) return true;
    const struct unit_name *to = interval_unit_at(parser);
    if (!to || to->multiplier != 1 || from->multiplier != 1 ||
        !combined_unit(*unit, (enum weir_interval_unit)to->unit, unit)) {
        fail_expected(parser, "a smaller unit of the same kind behind TO (YEAR TO MONTH, DAY TO SECOND)");
        return true;
    }
    weir_sql_parser_next(parser);
    if (to->unit == WEIR_INTERVAL_UNIT_SECOND) *fraction_precision = unit_precision(parser, 9);
    return true;
}

static struct weir_sql_expr *interval(struct weir_sql_parser *parser)
{
    struct weir_sql_expr *expr = weir_sql_expr_new(parser, WEIR_SQL_EXPR_INTERVAL, span_here(parser));
    expr->interval.multiplier = 1;
    expr->interval.text = "";
    weir_sql_parser_next(parser);
    if (!is_kind(parser, 0, T(LEFT_PARENTHESIS)) && !accept(parser, T(PLUS)))
        expr->interval.negative = accept(parser, T(MINUS));
    if (at(parser, T(STRING))) {
        expr->interval.text = weir_sql_string_parse(parser, "a string");
    } else {
        expr->kind = WEIR_SQL_EXPR_INTERVAL_OF;
        expr->interval.value = binary(parser, BIND_SIGN);
        weir_sql_raise_over(parser, expr, expr->interval.value);
    }
    if (!weir_sql_interval_unit_parse(parser, &expr->interval.unit, &expr->interval.multiplier,
            &expr->interval.leading_precision, &expr->interval.fraction_precision))
        fail_expected(parser, "an interval's unit such as DAY, HOUR or YEAR TO MONTH");
    end_span(parser, &expr->span);
    return expr;
}

/* DATE '...', TIME '...', TIMESTAMP '...' */
static struct weir_sql_expr *temporal(
    struct weir_sql_parser *parser, enum weir_sql_expr_kind kind, const char *what)
{
    struct weir_sql_span from = span_here(parser);
    weir_sql_parser_next(parser);
    if (kind == WEIR_SQL_EXPR_TIMESTAMP && accept_keywords(parser, K(WITH), K(LOCAL), K(TIME), K(ZONE)))
        kind = WEIR_SQL_EXPR_TIMESTAMP_LTZ;
    if (!at(parser, T(STRING))) {
        fail_expected(parser, what);
        return weir_sql_expr_new(parser, WEIR_SQL_EXPR_NULL, from);
    }
    struct weir_sql_expr *expr = weir_sql_string_literal_parse(parser, kind);
    expr->span.line = from.line;
    expr->span.column = from.column;
    expr->span.begin = from.begin;
    return expr;
}

/* ----------------------------------------------------------------------------------------------------
 * primaries */

static struct weir_sql_expr *wrapped_query(
    struct weir_sql_parser *parser, enum weir_sql_expr_kind kind, struct weir_sql_span from)
{
    expect(parser, T(LEFT_PARENTHESIS));
    struct weir_sql_query *query = weir_sql_query_parse(parser);
    expect(parser, T(RIGHT_PARENTHESIS));
    struct weir_sql_expr *expr = weir_sql_expr_new(parser, kind, from);
    expr->query = query;
    weir_sql_parser_raise(parser, &expr->height, query->height);
    return expr;
}

/* (expression), (row, of, values), (query), ((query) UNION ...) */
static struct weir_sql_expr *parenthesized(struct weir_sql_parser *parser)
{
    struct weir_sql_span from = span_here(parser);
    if (weir_sql_at_query(parser, 1)) return wrapped_query(parser, WEIR_SQL_EXPR_SUBQUERY, from);
    expect(parser, T(LEFT_PARENTHESIS));
    struct weir_sql_expr *first = binary(parser, 0);
    if (first->kind == WEIR_SQL_EXPR_SUBQUERY && weir_sql_at_query_continuation(parser)) {
        struct weir_sql_query *whole = weir_sql_query_continue(parser, (struct weir_sql_query *)first->query);
        first = weir_sql_expr_new(parser, WEIR_SQL_EXPR_SUBQUERY, from);
        first->query = whole;
        weir_sql_parser_raise(parser, &first->height, whole->height);
    } else if (at(parser, T(COMMA))) {
        struct weir_sql_expr *row = weir_sql_expr_new(parser, WEIR_SQL_EXPR_ROW, from);
        struct weir_sql_list items = { 0 };
        weir_sql_raise_over(parser, row, first);
        *LIST_ADD(parser, &items, const struct weir_sql_expr *) = first;
        while (accept(parser, T(COMMA))) {
            const struct weir_sql_expr *item = weir_sql_expr_parse(parser);
            weir_sql_raise_over(parser, row, item);
            *LIST_ADD(parser, &items, const struct weir_sql_expr *) = item;
        }
        row->items = (struct weir_sql_exprs){ items.count, items.items };
        first = row;
    }
    if (!accept(parser, T(RIGHT_PARENTHESIS))) fail_expected(parser, "an operator, ',' or ')'");
    first->span = from;
    end_span(parser, &first->span);
    return first;
}

/* CASE x WHEN 1, 2 THEN ... has no place in the tree: it becomes CASE WHEN x IN (1, 2) THEN ..., every other
 * WHEN of it x = value. */
static const struct weir_sql_expr *searched(struct weir_sql_parser *parser,
    const struct weir_sql_expr *operand, const struct weir_sql_expr *value, const struct weir_sql_exprs *more)
{
    struct weir_sql_expr *condition = weir_sql_expr_new(parser, WEIR_SQL_EXPR_IN_LIST, value->span);
    weir_sql_raise_over(parser, condition, operand);
    if (more->count) {
        condition->in.of = operand;
        condition->in.list = *more;
        for (uint32_t i = 0; i < more->count; i++) weir_sql_raise_over(parser, condition, more->items[i]);
    } else {
        condition->kind = WEIR_SQL_EXPR_BINARY;
        condition->binary.op = WEIR_SQL_OPERATOR_EQUAL;
        condition->binary.left = operand;
        condition->binary.right = value;
        weir_sql_raise_over(parser, condition, value);
    }
    return condition;
}

static void make_searched(struct weir_sql_parser *parser, struct weir_sql_expr *expr,
    struct weir_sql_when *whens, const struct weir_sql_exprs *lists)
{
    for (uint32_t i = 0; i < expr->switch_.count && !failed(parser); i++) {
        whens[i].when = searched(parser, expr->switch_.operand, whens[i].when, &lists[i]);
        weir_sql_raise_over(parser, expr, whens[i].when);
    }
    expr->switch_.operand = NULL;
}

static struct weir_sql_expr *switch_case(struct weir_sql_parser *parser)
{
    struct weir_sql_expr *expr = weir_sql_expr_new(parser, WEIR_SQL_EXPR_CASE, span_here(parser));
    struct weir_sql_list whens = { 0 }, lists = { 0 };
    bool any_list = false;
    weir_sql_parser_next(parser);
    if (!at_keyword(parser, K(WHEN))) {
        expr->switch_.operand = weir_sql_expr_parse(parser);
        weir_sql_raise_over(parser, expr, expr->switch_.operand);
    }
    if (!at_keyword(parser, K(WHEN))) fail_expected(parser, "WHEN");
    while (accept_keyword(parser, K(WHEN))) {
        struct weir_sql_exprs values = weir_sql_exprs_parse(parser, &expr->height);
        if (values.count > 1 && !expr->switch_.operand)
            fail_expected(
                parser, "one condition only behind WHEN where nothing stands between CASE and WHEN");
        expect_keyword(parser, K(THEN));
        struct weir_sql_expr *then = weir_sql_expr_parse(parser);
        weir_sql_raise_over(parser, expr, then);
        *LIST_ADD(parser, &whens, struct weir_sql_when) = (struct weir_sql_when){ values.items[0], then };
        any_list |= values.count > 1;
        if (values.count == 1) values.count = 0;
        *LIST_ADD(parser, &lists, struct weir_sql_exprs) = values;
    }
    expr->switch_.count = whens.count;
    expr->switch_.whens = whens.items;
    if (any_list) make_searched(parser, expr, whens.items, lists.items);
    if (accept_keyword(parser, K(ELSE))) {
        expr->switch_.otherwise = weir_sql_expr_parse(parser);
        weir_sql_raise_over(parser, expr, expr->switch_.otherwise);
    }
    if (!accept_keyword(parser, K(END))) fail_expected(parser, "WHEN, ELSE or END");
    end_span(parser, &expr->span);
    return expr;
}

static struct weir_sql_expr *cast(struct weir_sql_parser *parser)
{
    struct weir_sql_expr *expr = weir_sql_expr_new(parser, WEIR_SQL_EXPR_CAST, span_here(parser));
    expr->cast.try_ = is_keyword(parser, 0, K(TRY_CAST));
    weir_sql_parser_next(parser);
    expect(parser, T(LEFT_PARENTHESIS));
    expr->cast.of = weir_sql_expr_parse(parser);
    weir_sql_raise_over(parser, expr, expr->cast.of);
    expect_keyword(parser, K(AS));
    expr->cast.type = weir_sql_type_parse(parser);
    expect(parser, T(RIGHT_PARENTHESIS));
    end_span(parser, &expr->span);
    return expr;
}

/* ARRAY[..], MAP[..], MULTISET[..], and of a query: ARRAY(..) */
static struct weir_sql_expr *collection(struct weir_sql_parser *parser, enum weir_sql_expr_kind kind)
{
    struct weir_sql_expr *expr = weir_sql_expr_new(parser, kind, span_here(parser));
    weir_sql_parser_next(parser);
    if (at(parser, T(LEFT_PARENTHESIS))) {
        const struct weir_sql_query *query = wrapped_query(parser, WEIR_SQL_EXPR_SUBQUERY, expr->span)->query;
        expr->kind = WEIR_SQL_EXPR_COLLECTION_QUERY;
        expr->collection.of = kind;
        expr->collection.query = query;
        weir_sql_parser_raise(parser, &expr->height, query->height);
    } else {
        expect(parser, T(LEFT_BRACKET));
        if (!at(parser, T(RIGHT_BRACKET))) expr->items = weir_sql_exprs_parse(parser, &expr->height);
        if (!accept(parser, T(RIGHT_BRACKET))) fail_expected(parser, "',' or ']'");
        if (kind == WEIR_SQL_EXPR_MAP && expr->items.count % 2)
            weir_sql_parser_fail_at(parser, expr->span, WEIR_E_SQL_SYNTAX,
                "MAP[...] has %u items, expected an even number (key, value, key, value ...)",
                expr->items.count);
    }
    end_span(parser, &expr->span);
    return expr;
}

static struct weir_sql_expr *row(struct weir_sql_parser *parser)
{
    struct weir_sql_expr *expr = weir_sql_expr_new(parser, WEIR_SQL_EXPR_ROW, span_here(parser));
    weir_sql_parser_next(parser);
    expect(parser, T(LEFT_PARENTHESIS));
    if (!at(parser, T(RIGHT_PARENTHESIS))) expr->items = weir_sql_exprs_parse(parser, &expr->height);
    if (!accept(parser, T(RIGHT_PARENTHESIS))) fail_expected(parser, "',' or ')'");
    end_span(parser, &expr->span);
    return expr;
}

/* UNKNOWN, the BOOLEAN that is not known. */
static struct weir_sql_expr *unknown(struct weir_sql_parser *parser)
{
    struct weir_sql_expr *expr = weir_sql_expr_new(parser, WEIR_SQL_EXPR_CAST, span_here(parser));
    weir_sql_parser_next(parser);
    end_span(parser, &expr->span);
    struct weir_sql_type *type = WEIR_ARENA_NEW(parser->arena, struct weir_sql_type);
    type->span = expr->span;
    type->type = weir_type_of(WEIR_TYPE_BOOLEAN);
    expr->cast.of = weir_sql_expr_new(parser, WEIR_SQL_EXPR_NULL, expr->span);
    expr->cast.type = type;
    expr->height = 2;
    return expr;
}

static struct weir_sql_expr *word(struct weir_sql_parser *parser, enum weir_sql_expr_kind kind, bool value)
{
    struct weir_sql_expr *expr = weir_sql_expr_new(parser, kind, span_here(parser));
    weir_sql_parser_next(parser);
    expr->boolean = value;
    end_span(parser, &expr->span);
    return expr;
}

/* RUNNING x, FINAL x of MATCH_RECOGNIZE. FINAL is not reserved: it is one only before another word. */
static bool at_match_prefix(struct weir_sql_parser *parser)
{
    if (is_keyword(parser, 0, K(RUNNING))) return true;
    return is_keyword(parser, 0, K(FINAL)) &&
           (is_kind(parser, 1, T(WORD)) || is_kind(parser, 1, T(QUOTED_WORD))) &&
           (is_kind(parser, 2, T(LEFT_PARENTHESIS)) || is_kind(parser, 2, T(DOT)));
}

static struct weir_sql_expr *unary(
    struct weir_sql_parser *parser, enum weir_sql_operator op, int floor, struct weir_sql_span from)
{
    weir_sql_parser_next(parser);
    const struct weir_sql_expr *of = binary(parser, floor);
    struct weir_sql_expr *expr = weir_sql_expr_new(parser, WEIR_SQL_EXPR_UNARY, from);
    expr->unary.op = op;
    expr->unary.of = of;
    weir_sql_raise_over(parser, expr, of);
    return expr;
}

/* a, a.b, t.*, f(...), c.d.f(...) */
static struct weir_sql_expr *column_or_call(struct weir_sql_parser *parser)
{
    struct weir_sql_span from = span_here(parser);
    struct weir_sql_path path = weir_sql_path_parse(parser, "an expression");
    if (at(parser, T(LEFT_PARENTHESIS))) return weir_sql_call_parse(parser, path, from);
    struct weir_sql_expr *expr = weir_sql_expr_new(parser, WEIR_SQL_EXPR_COLUMN, from);
    expr->column = path;
    if (at(parser, T(DOT)) && is_kind(parser, 1, T(STAR))) {
        weir_sql_parser_next(parser);
        weir_sql_parser_next(parser);
        expr->kind = WEIR_SQL_EXPR_STAR;
    }
    end_span(parser, &expr->span);
    return expr;
}

static struct weir_sql_expr *refuse(struct weir_sql_parser *parser, const char *what)
{
    struct weir_sql_span span = span_here(parser);
    weir_sql_parser_fail_at(parser, span, WEIR_E_UNSUPPORTED, "%s is not implemented", what);
    return weir_sql_expr_new(parser, WEIR_SQL_EXPR_NULL, span);
}

static struct weir_sql_expr *keyword_primary(struct weir_sql_parser *parser)
{
    struct weir_sql_span from = span_here(parser);
    switch (peek(parser, 0)->keyword) {
    case K(NULL): return word(parser, WEIR_SQL_EXPR_NULL, false);
    case K(TRUE): return word(parser, WEIR_SQL_EXPR_BOOLEAN, true);
    case K(FALSE): return word(parser, WEIR_SQL_EXPR_BOOLEAN, false);
    case K(UNKNOWN): return unknown(parser);
    case K(DEFAULT): return word(parser, WEIR_SQL_EXPR_DEFAULT, false);
    case K(DATE): return temporal(parser, WEIR_SQL_EXPR_DATE, "a date such as '2024-12-31' behind DATE");
    case K(TIME): return temporal(parser, WEIR_SQL_EXPR_TIME, "a time such as '23:59:59' behind TIME");
    case K(TIMESTAMP):
        return temporal(
            parser, WEIR_SQL_EXPR_TIMESTAMP, "a timestamp such as '2024-12-31 23:59:59' behind TIMESTAMP");
    case K(INTERVAL): return interval(parser);
    case K(CASE): return switch_case(parser);
    case K(CAST): return cast(parser);
    case K(TRY_CAST): return is_kind(parser, 1, T(LEFT_PARENTHESIS)) ? cast(parser) : NULL;
    case K(ROW): return row(parser);
    case K(PERIOD): return row(parser);
    case K(ARRAY): return collection(parser, WEIR_SQL_EXPR_ARRAY);
    case K(MULTISET): return collection(parser, WEIR_SQL_EXPR_MULTISET);
    case K(MAP):
        if (is_kind(parser, 1, T(LEFT_BRACKET)) ||
            (is_kind(parser, 1, T(LEFT_PARENTHESIS)) && weir_sql_at_query(parser, 2)))
            return collection(parser, WEIR_SQL_EXPR_MAP);
        return NULL;
    case K(EXISTS): weir_sql_parser_next(parser); return wrapped_query(parser, WEIR_SQL_EXPR_EXISTS, from);
    case K(UNIQUE): weir_sql_parser_next(parser); return wrapped_query(parser, WEIR_SQL_EXPR_UNIQUE, from);
    case K(NEXT): return is_keyword(parser, 1, K(VALUE)) ? refuse(parser, "NEXT VALUE FOR") : NULL;
    case K(CURRENT): return is_keyword(parser, 1, K(VALUE)) ? refuse(parser, "CURRENT VALUE FOR") : NULL;
    case K(CURSOR): return refuse(parser, "CURSOR");
    case K(NEW): return refuse(parser, "NEW (a constructor of a structured type)");
    default: return NULL;
    }
}

static struct weir_sql_expr *primary(struct weir_sql_parser *parser)
{
    struct weir_sql_span from = span_here(parser);
    struct weir_sql_expr *expr = NULL;
    switch (peek(parser, 0)->kind) {
    case T(INTEGER):
    case T(DECIMAL):
    case T(APPROXIMATE): return number(parser);
    case T(STRING):
    case T(UNICODE_STRING):
    case T(ESCAPED_STRING): return weir_sql_string_literal_parse(parser, WEIR_SQL_EXPR_STRING);
    case T(BINARY_STRING): return weir_sql_string_literal_parse(parser, WEIR_SQL_EXPR_BINARY_STRING);
    case T(LEFT_PARENTHESIS): return parenthesized(parser);
    case T(QUOTED_WORD): return column_or_call(parser);
    case T(WORD):
        expr = keyword_primary(parser);
        if (!expr) expr = weir_sql_json_parse(parser);
        if (!expr) expr = weir_sql_special_call_parse(parser);
        if (!expr && weir_sql_at_identifier(parser, 0)) expr = column_or_call(parser);
        break;
    case T(QUESTION): return refuse(parser, "a parameter '?'");
    case T(LEFT_BRACE): return refuse(parser, "the escape syntax {...} of JDBC");
    default: break;
    }
    if (expr) return expr;
    fail_expected(parser, "an expression");
    return weir_sql_expr_new(parser, WEIR_SQL_EXPR_NULL, from);
}

/* x[i], x.field, x.* behind anything but a plain column, whose dots belong to its path. */
static struct weir_sql_expr *postfix(struct weir_sql_parser *parser, struct weir_sql_expr *expr)
{
    struct weir_sql_span from = expr->span;
    for (;;) {
        struct weir_sql_expr *outer;
        if (accept(parser, T(LEFT_BRACKET))) {
            const struct weir_sql_expr *index = weir_sql_expr_parse(parser);
            expect(parser, T(RIGHT_BRACKET));
            outer = weir_sql_expr_new(parser, WEIR_SQL_EXPR_ITEM, from);
            outer->item.of = expr;
            outer->item.index = index;
            weir_sql_raise_over(parser, outer, index);
        } else if (expr->kind != WEIR_SQL_EXPR_STAR && accept(parser, T(DOT))) {
            struct weir_sql_name name = { 0 };
            bool star = accept(parser, T(STAR));
            if (!star) name = weir_sql_name_parse(parser, "a field's name behind '.'");
            outer = weir_sql_expr_new(parser, WEIR_SQL_EXPR_FIELD, from);
            outer->field.of = expr;
            outer->field.name = name;
            outer->field.star = star;
        } else {
            return expr;
        }
        weir_sql_raise_over(parser, outer, expr);
        if (failed(parser)) return outer;
        expr = outer;
    }
}

static struct weir_sql_expr *prefixed(struct weir_sql_parser *parser)
{
    struct weir_sql_span from = span_here(parser);
    if (at(parser, T(PLUS))) return unary(parser, WEIR_SQL_OPERATOR_PLUS, BIND_SIGN, from);
    if (at(parser, T(MINUS))) return unary(parser, WEIR_SQL_OPERATOR_MINUS, BIND_SIGN, from);
    if (is_keyword(parser, 0, K(NOT))) return unary(parser, WEIR_SQL_OPERATOR_NOT, BIND_NOT, from);
    if (at_match_prefix(parser))
        return unary(parser,
            is_keyword(parser, 0, K(FINAL)) ? WEIR_SQL_OPERATOR_FINAL : WEIR_SQL_OPERATOR_RUNNING, BIND_SIGN,
            from);
    return postfix(parser, primary(parser));
}

/* ----------------------------------------------------------------------------------------------------
 * operators */

static struct weir_sql_expr *join_two(struct weir_sql_parser *parser, enum weir_sql_operator op,
    const struct weir_sql_expr *left, const struct weir_sql_expr *right)
{
    struct weir_sql_expr *expr = WEIR_ARENA_NEW(parser->arena, struct weir_sql_expr);
    expr->kind = WEIR_SQL_EXPR_BINARY;
    expr->height = 1;
    expr->span = left->span;
    if (right->span.end > expr->span.end) expr->span.end = right->span.end;
    expr->binary.op = op;
    expr->binary.left = left;
    expr->binary.right = right;
    weir_sql_raise_over(parser, expr, left);
    weir_sql_raise_over(parser, expr, right);
    return expr;
}

static const struct weir_sql_expr *balanced(struct weir_sql_parser *parser, enum weir_sql_operator op,
    const struct weir_sql_expr *const *operands, uint32_t count)
{
    if (count == 1) return operands[0];
    uint32_t half = count / 2;
    return join_two(parser, op, balanced(parser, op, operands, half),
        balanced(parser, op, operands + half, count - half));
}

/* left AND b AND c ..., the whole chain at once. */
static struct weir_sql_expr *chain(
    struct weir_sql_parser *parser, struct weir_sql_expr *left, enum weir_sql_keyword keyword, int floor)
{
    enum weir_sql_operator op = keyword == K(AND) ? WEIR_SQL_OPERATOR_AND : WEIR_SQL_OPERATOR_OR;
    struct weir_sql_list list = { 0 };
    *LIST_ADD(parser, &list, const struct weir_sql_expr *) = left;
    while (accept_keyword(parser, keyword))
        *LIST_ADD(parser, &list, const struct weir_sql_expr *) = binary(parser, floor);
    const struct weir_sql_expr *const *operands = list.items;
    if (list.count >= BALANCED_OPERANDS_MIN)
        return (struct weir_sql_expr *)balanced(parser, op, operands, list.count);
    for (uint32_t i = 1; i < list.count; i++) left = join_two(parser, op, left, operands[i]);
    return left;
}

static struct weir_sql_expr *is_predicate(struct weir_sql_parser *parser, struct weir_sql_expr *left)
{
    weir_sql_parser_next(parser);
    bool negated = accept_keyword(parser, K(NOT));
    if (accept_keyword(parser, K(DISTINCT))) { /* binds like a comparison */
        expect_keyword(parser, K(FROM));
        return join_two(parser,
            negated ? WEIR_SQL_OPERATOR_IS_NOT_DISTINCT_FROM : WEIR_SQL_OPERATOR_IS_DISTINCT_FROM, left,
            binary(parser, BIND_COMPARISON + 1));
    }
    enum weir_sql_is what = WEIR_SQL_IS_NULL;
    if (accept_keyword(parser, K(NULL)))
        what = WEIR_SQL_IS_NULL;
    else if (accept_keyword(parser, K(TRUE)))
        what = WEIR_SQL_IS_TRUE;
    else if (accept_keyword(parser, K(FALSE)))
        what = WEIR_SQL_IS_FALSE;
    else if (accept_keyword(parser, K(UNKNOWN)))
        what = WEIR_SQL_IS_UNKNOWN;
    else if (accept_keyword(parser, K(EMPTY)))
        what = WEIR_SQL_IS_EMPTY;
    else if (accept_keywords(parser, K(A), K(SET)))
        what = WEIR_SQL_IS_A_SET;
    else if (accept_keywords(parser, K(JSON), K(OBJECT)))
        what = WEIR_SQL_IS_JSON_OBJECT;
    else if (accept_keywords(parser, K(JSON), K(ARRAY)))
        what = WEIR_SQL_IS_JSON_ARRAY;
    else if (accept_keywords(parser, K(JSON), K(SCALAR)))
        what = WEIR_SQL_IS_JSON_SCALAR;
    else if (accept_keywords(parser, K(JSON), K(VALUE)) || accept_keyword(parser, K(JSON)))
        what = WEIR_SQL_IS_JSON_VALUE;
    else
        fail_expected(parser, "NULL, TRUE, FALSE, UNKNOWN, DISTINCT FROM or JSON behind IS");
    struct weir_sql_expr *expr = weir_sql_expr_new(parser, WEIR_SQL_EXPR_IS, left->span);
    expr->is.what = what;
    expr->is.negated = negated;
    expr->is.of = left;
    weir_sql_raise_over(parser, expr, left);
    return expr;
}

static struct weir_sql_expr *between(struct weir_sql_parser *parser, struct weir_sql_expr *left, bool negated)
{
    bool symmetric = accept_keyword(parser, K(SYMMETRIC));
    if (!symmetric) accept_keyword(parser, K(ASYMMETRIC));
    const struct weir_sql_expr *low = binary(parser, BIND_RANGE + 1);
    expect_keyword(parser, K(AND));
    const struct weir_sql_expr *high = binary(parser, BIND_RANGE + 1);
    struct weir_sql_expr *expr = weir_sql_expr_new(parser, WEIR_SQL_EXPR_BETWEEN, left->span);
    expr->between.negated = negated;
    expr->between.symmetric = symmetric;
    expr->between.of = left;
    expr->between.low = low;
    expr->between.high = high;
    weir_sql_raise_over(parser, expr, left);
    weir_sql_raise_over(parser, expr, low);
    weir_sql_raise_over(parser, expr, high);
    return expr;
}

static struct weir_sql_expr *like(
    struct weir_sql_parser *parser, struct weir_sql_expr *left, bool negated, enum weir_sql_like kind)
{
    const struct weir_sql_expr *pattern = binary(parser, BIND_RANGE + 1), *escape = NULL;
    if (kind != WEIR_SQL_RLIKE && accept_keyword(parser, K(ESCAPE))) escape = binary(parser, BIND_RANGE + 1);
    struct weir_sql_expr *expr = weir_sql_expr_new(parser, WEIR_SQL_EXPR_LIKE, left->span);
    expr->like.kind = kind;
    expr->like.negated = negated;
    expr->like.of = left;
    expr->like.pattern = pattern;
    expr->like.escape = escape;
    weir_sql_raise_over(parser, expr, left);
    weir_sql_raise_over(parser, expr, pattern);
    if (escape) weir_sql_raise_over(parser, expr, escape);
    return expr;
}

/* (query) or (a, b, c), behind IN and behind ALL and SOME. */
static void list_or_query(struct weir_sql_parser *parser, struct weir_sql_exprs *list,
    const struct weir_sql_query **query, uint32_t *height)
{
    expect(parser, T(LEFT_PARENTHESIS));
    if (weir_sql_at_query(parser, 0)) {
        *query = weir_sql_query_parse(parser);
    } else {
        *list = weir_sql_exprs_parse(parser, height);
        if (list->count == 1 && list->items[0]->kind == WEIR_SQL_EXPR_SUBQUERY &&
            weir_sql_at_query_continuation(parser))
            *query = weir_sql_query_continue(parser, (struct weir_sql_query *)list->items[0]->query);
    }
    if (*query) {
        list->count = 0;
        list->items = NULL;
        weir_sql_parser_raise(parser, height, (*query)->height);
    }
    if (!accept(parser, T(RIGHT_PARENTHESIS))) fail_expected(parser, "',' or ')'");
}

static struct weir_sql_expr *in(struct weir_sql_parser *parser, struct weir_sql_expr *left, bool negated)
{
    struct weir_sql_expr *expr = weir_sql_expr_new(parser, WEIR_SQL_EXPR_IN_LIST, left->span);
    expr->in.negated = negated;
    expr->in.of = left;
    weir_sql_raise_over(parser, expr, left);
    list_or_query(parser, &expr->in.list, &expr->in.query, &expr->height);
    if (expr->in.query) expr->kind = WEIR_SQL_EXPR_IN_QUERY;
    end_span(parser, &expr->span);
    return expr;
}

static struct weir_sql_expr *comparison(
    struct weir_sql_parser *parser, struct weir_sql_expr *left, enum weir_sql_operator op)
{
    enum weir_sql_keyword word = peek(parser, 0)->keyword;
    bool quantified =
        (word == K(ALL) || word == K(SOME) || word == K(ANY)) && is_kind(parser, 1, T(LEFT_PARENTHESIS));
    if (!quantified) return join_two(parser, op, left, binary(parser, BIND_COMPARISON + 1));
    weir_sql_parser_next(parser);
    struct weir_sql_expr *expr = weir_sql_expr_new(parser, WEIR_SQL_EXPR_QUANTIFIED, left->span);
    expr->quantified.op = op;
    expr->quantified.quantifier = word == K(ALL) ? WEIR_SQL_QUANTIFIED_ALL : WEIR_SQL_QUANTIFIED_SOME;
    expr->quantified.of = left;
    weir_sql_raise_over(parser, expr, left);
    list_or_query(parser, &expr->quantified.list, &expr->quantified.query, &expr->height);
    end_span(parser, &expr->span);
    return expr;
}

struct infix {
    int bind;
    enum weir_sql_operator op;
    uint8_t token_count;
};

/* The infix operator at the present token; bind 0: none. Those with a syntax of their own are not here. */
static struct infix infix_at(struct weir_sql_parser *parser)
{
    const struct weir_sql_token *token = peek(parser, 0);
    switch (token->kind) {
    case T(EQUAL): return (struct infix){ BIND_COMPARISON, WEIR_SQL_OPERATOR_EQUAL, 1 };
    case T(NOT_EQUAL): return (struct infix){ BIND_COMPARISON, WEIR_SQL_OPERATOR_NOT_EQUAL, 1 };
    case T(LESS): return (struct infix){ BIND_COMPARISON, WEIR_SQL_OPERATOR_LESS, 1 };
    case T(LESS_OR_EQUAL): return (struct infix){ BIND_COMPARISON, WEIR_SQL_OPERATOR_LESS_OR_EQUAL, 1 };
    case T(GREATER): return (struct infix){ BIND_COMPARISON, WEIR_SQL_OPERATOR_GREATER, 1 };
    case T(GREATER_OR_EQUAL): return (struct infix){ BIND_COMPARISON, WEIR_SQL_OPERATOR_GREATER_OR_EQUAL, 1 };
    case T(PLUS): return (struct infix){ BIND_ADD, WEIR_SQL_OPERATOR_ADD, 1 };
    case T(MINUS): return (struct infix){ BIND_ADD, WEIR_SQL_OPERATOR_SUBTRACT, 1 };
    case T(STAR): return (struct infix){ BIND_MULTIPLY, WEIR_SQL_OPERATOR_MULTIPLY, 1 };
    case T(SLASH): return (struct infix){ BIND_MULTIPLY, WEIR_SQL_OPERATOR_DIVIDE, 1 };
    case T(PERCENT): return (struct infix){ BIND_MULTIPLY, WEIR_SQL_OPERATOR_MODULO, 1 };
    case T(CONCAT): return (struct infix){ BIND_MULTIPLY, WEIR_SQL_OPERATOR_CONCAT, 1 };
    case T(WORD): break;
    default: return (struct infix){ 0 };
    }
    switch (token->keyword) {
    case K(OVERLAPS): return (struct infix){ BIND_COMPARISON, WEIR_SQL_OPERATOR_OVERLAPS, 1 };
    case K(CONTAINS): return (struct infix){ BIND_COMPARISON, WEIR_SQL_OPERATOR_CONTAINS, 1 };
    case K(EQUALS): return (struct infix){ BIND_COMPARISON, WEIR_SQL_OPERATOR_EQUALS, 1 };
    case K(PRECEDES): return (struct infix){ BIND_COMPARISON, WEIR_SQL_OPERATOR_PRECEDES, 1 };
    case K(SUCCEEDS): return (struct infix){ BIND_COMPARISON, WEIR_SQL_OPERATOR_SUCCEEDS, 1 };
    case K(IMMEDIATELY):
        if (is_keyword(parser, 1, K(PRECEDES)))
            return (struct infix){ BIND_COMPARISON, WEIR_SQL_OPERATOR_IMMEDIATELY_PRECEDES, 2 };
        if (is_keyword(parser, 1, K(SUCCEEDS)))
            return (struct infix){ BIND_COMPARISON, WEIR_SQL_OPERATOR_IMMEDIATELY_SUCCEEDS, 2 };
        return (struct infix){ 0 };
    case K(MEMBER): return (struct infix){ BIND_COMPARISON, WEIR_SQL_OPERATOR_MEMBER_OF, 2 };
    case K(SUBMULTISET): return (struct infix){ BIND_COMPARISON, WEIR_SQL_OPERATOR_SUBMULTISET_OF, 2 };
    default: return (struct infix){ 0 };
    }
}

/* [NOT] IN, BETWEEN, LIKE, ILIKE, RLIKE, SIMILAR TO; NULL: none of them. */
static struct weir_sql_expr *range_predicate(struct weir_sql_parser *parser, struct weir_sql_expr *left)
{
    uint32_t ahead = at_keyword(parser, K(NOT)) ? 1 : 0;
    enum weir_sql_keyword keyword = peek(parser, ahead)->keyword;
    bool negated = ahead == 1;
    if (!negated) {
        static const enum weir_sql_keyword words[] = { K(IN), K(BETWEEN), K(LIKE), K(ILIKE), K(RLIKE),
            K(SIMILAR) };
        bool any = false;
        for (size_t i = 0; i < WEIR_ARRAY_COUNT(words); i++) any |= at_keyword(parser, words[i]);
        if (!any) return NULL;
    }
    switch (keyword) {
    case K(IN):
    case K(BETWEEN):
    case K(LIKE):
    case K(ILIKE):
    case K(RLIKE):
    case K(SIMILAR): break;
    default:
        if (!negated) return NULL;
        weir_sql_parser_next(parser);
        fail_expected(parser, "IN, BETWEEN, LIKE or SIMILAR TO behind NOT");
        return left;
    }
    for (uint32_t i = 0; i <= ahead; i++) weir_sql_parser_next(parser);
    if (keyword == K(IN)) return in(parser, left, negated);
    if (keyword == K(BETWEEN)) return between(parser, left, negated);
    if (keyword == K(SIMILAR)) expect_keyword(parser, K(TO));
    return like(parser, left, negated,
        keyword == K(LIKE)    ? WEIR_SQL_LIKE
        : keyword == K(ILIKE) ? WEIR_SQL_ILIKE
        : keyword == K(RLIKE) ? WEIR_SQL_RLIKE
                              : WEIR_SQL_SIMILAR_TO);
}

/* Refuses by name what the grammar knows but nothing behind it does. */
static void refuse_operators(struct weir_sql_parser *parser)
{
    if (at_keyword(parser, K(COLLATE))) refuse(parser, "COLLATE");
    if (is_keyword(parser, 0, K(MULTISET)) &&
        (is_keyword(parser, 1, K(UNION)) || is_keyword(parser, 1, K(INTERSECT)) ||
            is_keyword(parser, 1, K(EXCEPT))))
        refuse(parser, "MULTISET UNION, INTERSECT and EXCEPT between values");
    if (is_keyword(parser, 0, K(AT)) && is_keyword(parser, 1, K(TIME))) refuse(parser, "AT TIME ZONE");
}

/* The operators that bind as tightly as floor or tighter. */
static struct weir_sql_expr *operators(struct weir_sql_parser *parser, int floor)
{
    struct weir_sql_expr *left = prefixed(parser);
    while (!failed(parser)) {
        struct infix infix = infix_at(parser);
        struct weir_sql_expr *range;
        if (infix.bind) {
            if (infix.bind < floor) break;
            for (uint32_t i = 0; i < infix.token_count; i++) {
                if (i == 1 &&
                    (infix.op == WEIR_SQL_OPERATOR_MEMBER_OF || infix.op == WEIR_SQL_OPERATOR_SUBMULTISET_OF))
                    expect_keyword(parser, K(OF));
                else
                    weir_sql_parser_next(parser);
            }
            if (infix.bind == BIND_COMPARISON && infix.op <= WEIR_SQL_OPERATOR_GREATER_OR_EQUAL)
                left = comparison(parser, left, infix.op);
            else
                left = join_two(parser, infix.op, left, binary(parser, infix.bind + 1));
        } else if (floor <= BIND_OR && at_keyword(parser, K(OR))) {
            left = chain(parser, left, K(OR), BIND_OR + 1);
        } else if (floor <= BIND_AND && at_keyword(parser, K(AND))) {
            left = chain(parser, left, K(AND), BIND_AND + 1);
        } else if (floor <= BIND_IS && at_keyword(parser, K(IS))) {
            left = is_predicate(parser, left);
        } else if (floor <= BIND_COMPARISON && is_keyword(parser, 0, K(IS)) &&
                   (is_keyword(parser, 1, K(DISTINCT)) || is_keyword(parser, 2, K(DISTINCT)))) {
            left = is_predicate(parser, left);
        } else if (floor <= BIND_RANGE && (range = range_predicate(parser, left)) != NULL) {
            left = range;
        } else {
            refuse_operators(parser);
            break;
        }
    }
    return left;
}

static struct weir_sql_expr *binary(struct weir_sql_parser *parser, int floor)
{
    struct weir_sql_span from = span_here(parser);
    struct weir_sql_expr *expr = weir_sql_parser_enter(parser) ? operators(parser, floor) : NULL;
    weir_sql_parser_leave(parser);
    return expr ? expr : weir_sql_expr_new(parser, WEIR_SQL_EXPR_NULL, from);
}

struct weir_sql_expr *weir_sql_expr_parse(struct weir_sql_parser *parser)
{
    return binary(parser, 0);
}

struct weir_sql_expr *weir_sql_addition_parse(struct weir_sql_parser *parser)
{
    return binary(parser, BIND_ADD);
}
