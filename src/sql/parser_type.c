/* Data types. */
#include "sql/parser_internal.h"
#include <string.h>

enum { FIELD_NAME_TYPES_MAX = WEIR_ROW_FIELDS_MAX };

static struct weir_sql_type *type_inner(struct weir_sql_parser *parser);

static const struct weir_type *plain(enum weir_type_id id)
{
    return weir_type_of(id);
}

static void refuse(struct weir_sql_parser *parser, struct weir_sql_type *type, const char *name)
{
    type->type = NULL;
    if (!type->refused) type->refused = name;
}

/* Of an element type that is part of type: false when it (and so the whole) has no struct weir_type. */
static bool usable(struct weir_sql_type *type, const struct weir_sql_type *element)
{
    if (element->type) return true;
    type->type = NULL;
    if (!type->refused) type->refused = element->refused;
    return false;
}

/* [(n)], or absent when not written. */
static uint32_t parameter(
    struct weir_sql_parser *parser, const char *what, uint32_t minimum, uint32_t maximum, uint32_t absent)
{
    if (!accept(parser, T(LEFT_PARENTHESIS))) return absent;
    struct weir_sql_span span = span_here(parser);
    uint32_t value = weir_sql_number_parse(parser, what, maximum);
    if (value < minimum)
        weir_sql_parser_fail_at(parser, span, WEIR_E_SQL_SYNTAX, "found %u, expected %s between %u and %u",
            value, what, minimum, maximum);
    expect(parser, T(RIGHT_PARENTHESIS));
    return value;
}

static const struct weir_type *with_length(
    struct weir_sql_parser *parser, enum weir_type_id fixed, enum weir_type_id varying)
{
    enum weir_type_id id = accept_keyword(parser, K(VARYING)) ? varying : fixed;
    bool bounded = id == fixed && fixed != varying; /* CHAR is CHAR(1), VARCHAR any length, as in Flink */
    uint32_t length = parameter(parser, "a length", 1, WEIR_LENGTH_MAX, bounded ? 1 : WEIR_LENGTH_MAX);
    if (failed(parser)) return plain(WEIR_TYPE_NULL);
    return weir_type_with_length(parser->arena, id, (int32_t)length, true);
}

static const struct weir_type *decimal(struct weir_sql_parser *parser)
{
    uint32_t precision = 10, scale = 0;
    if (accept(parser, T(LEFT_PARENTHESIS))) {
        struct weir_sql_span span = span_here(parser);
        precision = weir_sql_number_parse(parser, "a precision", WEIR_DECIMAL_PRECISION_MAX);
        if (precision == 0)
            weir_sql_parser_fail_at(parser, span, WEIR_E_SQL_SYNTAX,
                "found 0, expected a precision between 1 and %d", WEIR_DECIMAL_PRECISION_MAX);
        span = span_here(parser);
        if (accept(parser, T(COMMA)))
            scale = weir_sql_number_parse(parser, "a scale", WEIR_DECIMAL_PRECISION_MAX);
        if (scale > precision)
            weir_sql_parser_fail_at(parser, span, WEIR_E_SQL_SYNTAX,
                "found the scale %u, expected at most the precision %u", scale, precision);
        expect(parser, T(RIGHT_PARENTHESIS));
    }
    if (failed(parser)) return plain(WEIR_TYPE_NULL);
    return weir_type_decimal(parser->arena, (uint8_t)precision, (uint8_t)scale, true);
}

/* [(p)] [WITHOUT TIME ZONE | WITH LOCAL TIME ZONE] */
static const struct weir_type *temporal(
    struct weir_sql_parser *parser, struct weir_sql_type *type, enum weir_type_id id)
{
    uint32_t precision = parameter(parser, "a precision", 0, 9, id == WEIR_TYPE_TIME ? 0 : 6);
    if (accept_keywords(parser, K(WITH), K(LOCAL), K(TIME), K(ZONE))) {
        if (id == WEIR_TYPE_TIME) refuse(parser, type, "TIME WITH LOCAL TIME ZONE");
        id = WEIR_TYPE_TIMESTAMP_LTZ;
    } else if (accept_keywords(parser, K(WITH), K(TIME), K(ZONE))) {
        refuse(parser, type, id == WEIR_TYPE_TIME ? "TIME WITH TIME ZONE" : "TIMESTAMP WITH TIME ZONE");
    } else {
        accept_keywords(parser, K(WITHOUT), K(TIME), K(ZONE));
    }
    if (failed(parser)) return plain(WEIR_TYPE_NULL);
    return weir_type_with_precision(parser->arena, id, (uint8_t)precision, true);
}

static void collection(struct weir_sql_parser *parser, struct weir_sql_type *type, bool multiset)
{
    expect(parser, T(LESS));
    struct weir_sql_type *element = type_inner(parser);
    expect(parser, T(GREATER));
    if (!usable(type, element)) return;
    type->type = multiset ? weir_type_multiset(parser->arena, element->type, true)
                          : weir_type_array(parser->arena, element->type, true);
}

static void map(struct weir_sql_parser *parser, struct weir_sql_type *type)
{
    expect(parser, T(LESS));
    struct weir_sql_type *key = type_inner(parser);
    expect(parser, T(COMMA));
    struct weir_sql_type *value = type_inner(parser);
    expect(parser, T(GREATER));
    if (usable(type, key) && usable(type, value))
        type->type = weir_type_map(parser->arena, key->type, value->type, true);
}

/* ROW<name type ['comment'], ...> and ROW(name type, ...) */
static void row(struct weir_sql_parser *parser, struct weir_sql_type *type)
{
    struct weir_sql_span span = span_here(parser);
    struct weir_sql_list types = { 0 }, names = { 0 };
    bool complete = true;
    enum weir_sql_token_kind close = T(GREATER);
    if (!accept(parser, T(NOT_EQUAL))) { /* ROW<> */
        if (accept(parser, T(LEFT_PARENTHESIS)))
            close = T(RIGHT_PARENTHESIS);
        else
            expect(parser, T(LESS));
        while (!at(parser, close) && !failed(parser)) {
            struct weir_sql_name name = weir_sql_name_parse(parser, "a field's name");
            struct weir_sql_type *field = type_inner(parser);
            if (at(parser, T(STRING))) weir_sql_string_parse(parser, "a comment");
            *LIST_ADD(parser, &names, const char *) = name.text;
            *LIST_ADD(parser, &types, const struct weir_type *) = field->type;
            complete &= usable(type, field);
            if (!accept(parser, T(COMMA))) break;
        }
        if (!accept(parser, close))
            fail_expected(
                parser, close == T(GREATER) ? "',' or '>' behind a field" : "',' or ')' behind a field");
    }
    if (types.count > FIELD_NAME_TYPES_MAX)
        weir_sql_parser_fail_at(parser, span, WEIR_E_SQL_SYNTAX,
            "a ROW has %u fields; at most %d are possible", types.count, FIELD_NAME_TYPES_MAX);
    if (complete && !failed(parser))
        type->type = weir_type_row(parser->arena, types.items, names.items, types.count, true);
}

/* The parentheses or angle brackets behind a type that is refused anyway. */
static void skip_parameters(struct weir_sql_parser *parser)
{
    enum weir_sql_token_kind open = peek(parser, 0)->kind, close;
    if (open == T(LEFT_PARENTHESIS))
        close = T(RIGHT_PARENTHESIS);
    else if (open == T(LESS))
        close = T(GREATER);
    else
        return;
    uint32_t depth = 0;
    do {
        if (at(parser, open)) depth++;
        if (at(parser, close)) depth--;
        if (at(parser, T(END)) || at(parser, T(SEMICOLON))) {
            fail_expected(parser, weir_sql_token_kind_text(close));
            return;
        }
        weir_sql_parser_next(parser);
    } while (depth > 0);
}

static void interval(struct weir_sql_parser *parser, struct weir_sql_type *type)
{
    struct weir_sql_span span = span_here(parser);
    enum weir_interval_unit unit = WEIR_INTERVAL_UNIT_DAY;
    uint8_t multiplier = 1;
    int8_t leading, fraction;
    if (!weir_sql_interval_unit_parse(parser, &unit, &multiplier, &leading, &fraction))
        fail_expected(parser, "an interval's unit such as DAY or YEAR TO MONTH");
    if (multiplier != 1)
        weir_sql_parser_fail_at(
            parser, span, WEIR_E_SQL_SYNTAX, "found an interval of weeks or quarters, expected DAY or MONTH");
    type->type = weir_type_interval(parser->arena, unit, true);
}

static void named_type(struct weir_sql_parser *parser, struct weir_sql_type *type)
{
    if (!weir_sql_at_identifier(parser, 0)) {
        fail_expected(parser, "a data type");
        return;
    }
    bool plain_word = is_kind(parser, 0, T(WORD));
    struct weir_sql_path path = weir_sql_path_parse(parser, "a data type");
    if (failed(parser)) return;
    uint32_t length = path.span.end - path.span.begin;
    const char *name = weir_arena_copy(parser->arena, parser->text + path.span.begin, length);
    if (plain_word && path.count == 1) {
        /* a word that is no type: a misspelling is likelier than a user-defined type */
        static const uint16_t types[] = { K(BOOLEAN), K(TINYINT), K(SMALLINT), K(INT), K(INTEGER), K(BIGINT),
            K(FLOAT), K(DOUBLE), K(DECIMAL), K(NUMERIC), K(CHAR), K(VARCHAR), K(STRING), K(BINARY),
            K(VARBINARY), K(BYTES), K(DATE), K(TIME), K(TIMESTAMP), K(TIMESTAMP_LTZ), K(INTERVAL), K(ARRAY),
            K(MAP), K(MULTISET), K(ROW) };
        enum weir_sql_keyword near = weir_sql_keyword_nearest(name, length, types, WEIR_ARRAY_COUNT(types));
        if (near)
            weir_sql_parser_fail_at(parser, path.span, WEIR_E_SQL_SYNTAX,
                "found \"%s\", expected a data type; did you mean %s?", name, weir_sql_keyword_text(near));
    }
    skip_parameters(parser);
    refuse(parser, type, name);
}

static bool keyword_type(struct weir_sql_parser *parser, struct weir_sql_type *type)
{
    enum weir_sql_keyword keyword = peek(parser, 0)->keyword;
    static const struct {
        uint16_t keyword;
        uint8_t id;
    } simple[] = { { K(BOOLEAN), WEIR_TYPE_BOOLEAN }, { K(TINYINT), WEIR_TYPE_TINYINT },
        { K(SMALLINT), WEIR_TYPE_SMALLINT }, { K(INT), WEIR_TYPE_INT }, { K(INTEGER), WEIR_TYPE_INT },
        { K(BIGINT), WEIR_TYPE_BIGINT }, { K(FLOAT), WEIR_TYPE_FLOAT }, { K(REAL), WEIR_TYPE_FLOAT },
        { K(DATE), WEIR_TYPE_DATE }, { K(NULL), WEIR_TYPE_NULL } };
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(simple); i++) {
        if (simple[i].keyword != keyword) continue;
        weir_sql_parser_next(parser);
        type->type = plain((enum weir_type_id)simple[i].id);
        return true;
    }
    if (keyword == K(MAP) && !is_kind(parser, 1, T(LESS))) return false;
    switch (keyword) {
    case K(DOUBLE):
    case K(DECIMAL):
    case K(DEC):
    case K(NUMERIC):
    case K(CHAR):
    case K(CHARACTER):
    case K(VARCHAR):
    case K(STRING):
    case K(BINARY):
    case K(VARBINARY):
    case K(BYTES):
    case K(TIME):
    case K(TIMESTAMP):
    case K(TIMESTAMP_LTZ):
    case K(INTERVAL):
    case K(ARRAY):
    case K(MULTISET):
    case K(MAP):
    case K(ROW):
    case K(RAW):
    case K(STRUCTURED):
    case K(VARIANT):
    case K(BITMAP): break;
    default: return false;
    }
    weir_sql_parser_next(parser);
    switch (keyword) {
    case K(DOUBLE):
        accept_keyword(parser, K(PRECISION));
        type->type = plain(WEIR_TYPE_DOUBLE);
        break;
    case K(DECIMAL):
    case K(DEC):
    case K(NUMERIC): type->type = decimal(parser); break;
    case K(CHAR):
    case K(CHARACTER): type->type = with_length(parser, WEIR_TYPE_CHAR, WEIR_TYPE_VARCHAR); break;
    case K(VARCHAR): type->type = with_length(parser, WEIR_TYPE_VARCHAR, WEIR_TYPE_VARCHAR); break;
    case K(BINARY): type->type = with_length(parser, WEIR_TYPE_BINARY, WEIR_TYPE_VARBINARY); break;
    case K(VARBINARY): type->type = with_length(parser, WEIR_TYPE_VARBINARY, WEIR_TYPE_VARBINARY); break;
    case K(STRING): type->type = &weir_type_string; break;
    case K(BYTES): type->type = &weir_type_bytes; break;
    case K(TIME): type->type = temporal(parser, type, WEIR_TYPE_TIME); break;
    case K(TIMESTAMP): type->type = temporal(parser, type, WEIR_TYPE_TIMESTAMP); break;
    case K(TIMESTAMP_LTZ): type->type = temporal(parser, type, WEIR_TYPE_TIMESTAMP_LTZ); break;
    case K(INTERVAL): interval(parser, type); break;
    case K(ARRAY): collection(parser, type, false); break;
    case K(MULTISET): collection(parser, type, true); break;
    case K(MAP): map(parser, type); break;
    case K(ROW): row(parser, type); break;
    default: refuse(parser, type, weir_sql_keyword_text(keyword)); skip_parameters(parser);
    }
    return true;
}

/* Sets the nullability that is written; types are nullable by default. */
static void nullability(struct weir_sql_parser *parser, struct weir_sql_type *type)
{
    if (accept_keywords(parser, K(NOT), K(NULL))) {
        if (type->type) type->type = weir_type_nullable(parser->arena, type->type, false);
    } else if (!is_keyword(parser, 1, K(ON))) { /* RETURNING INT NULL ON EMPTY */
        accept_keyword(parser, K(NULL));
    }
}

static struct weir_sql_type *type_inner(struct weir_sql_parser *parser)
{
    struct weir_sql_type *type = WEIR_ARENA_NEW(parser->arena, struct weir_sql_type);
    type->span = span_here(parser);
    type->type = plain(WEIR_TYPE_NULL);
    if (weir_sql_parser_enter(parser)) {
        if (parser->depth > 0 && !keyword_type(parser, type)) named_type(parser, type);
        if (type->refused) type->type = NULL;
        nullability(parser, type);
        uint32_t wrapped = 0; /* INT ARRAY, INT NOT NULL MULTISET */
        while (at_keyword(parser, K(ARRAY)) || at_keyword(parser, K(MULTISET))) {
            bool multiset = at_keyword(parser, K(MULTISET));
            weir_sql_parser_next(parser);
            if (++wrapped > WEIR_TYPE_DEPTH_MAX)
                fail_expected(parser, "fewer ARRAY and MULTISET behind each other");
            if (type->type)
                type->type = multiset ? weir_type_multiset(parser->arena, type->type, true)
                                      : weir_type_array(parser->arena, type->type, true);
            nullability(parser, type);
        }
    }
    weir_sql_parser_leave(parser);
    end_span(parser, &type->span);
    if (type->refused && !failed(parser)) {
        uint32_t length = type->span.end - type->span.begin;
        type->text = weir_arena_copy(parser->arena, parser->text + type->span.begin, length);
        if (strlen(type->text) != length)
            weir_sql_parser_fail_at(
                parser, type->span, WEIR_E_SQL_SYNTAX, "found a NUL character in the parameters of a type");
    }
    return type;
}

const struct weir_sql_type *weir_sql_type_parse(struct weir_sql_parser *parser)
{
    struct weir_sql_type *type = type_inner(parser);
    if (type->type && !failed(parser) && weir_type_depth(type->type) > WEIR_TYPE_DEPTH_MAX)
        weir_sql_parser_fail_at(parser, type->span, WEIR_E_SQL_SYNTAX,
            "the type is nested too deeply; at most %d levels are possible", WEIR_TYPE_DEPTH_MAX);
    return type;
}
