/* MATCH_RECOGNIZE. */
#include "sql/parser_internal.h"

static struct weir_sql_pattern *alternation(struct weir_sql_parser *parser);

static struct weir_sql_pattern *pattern_new(
    struct weir_sql_parser *parser, enum weir_sql_pattern_kind kind, struct weir_sql_span from)
{
    struct weir_sql_pattern *pattern = WEIR_ARENA_NEW(parser->arena, struct weir_sql_pattern);
    pattern->kind = kind;
    pattern->span = from;
    return pattern;
}

static struct weir_sql_pattern *wrap(struct weir_sql_parser *parser, enum weir_sql_pattern_kind kind,
    struct weir_sql_pattern *child, struct weir_sql_span from)
{
    struct weir_sql_pattern *pattern = pattern_new(parser, kind, from);
    const struct weir_sql_pattern **children =
        WEIR_ARENA_ARRAY(parser->arena, const struct weir_sql_pattern *, 1);
    children[0] = child;
    pattern->count = 1;
    pattern->children = children;
    end_span(parser, &pattern->span);
    return pattern;
}

/* One child stands for itself. */
static struct weir_sql_pattern *group(struct weir_sql_parser *parser, enum weir_sql_pattern_kind kind,
    struct weir_sql_list *list, struct weir_sql_span from)
{
    if (list->count == 1 && kind != WEIR_SQL_PATTERN_PERMUTATION)
        return *(struct weir_sql_pattern **)list->items;
    struct weir_sql_pattern *pattern = pattern_new(parser, kind, from);
    pattern->count = list->count;
    pattern->children = list->items;
    end_span(parser, &pattern->span);
    return pattern;
}

static struct weir_sql_pattern *pattern_primary(struct weir_sql_parser *parser)
{
    struct weir_sql_span from = span_here(parser);
    if (accept(parser, T(LEFT_PARENTHESIS))) {
        struct weir_sql_pattern *inner = alternation(parser);
        if (!accept(parser, T(RIGHT_PARENTHESIS))) fail_expected(parser, "a pattern variable, '|' or ')'");
        return inner;
    }
    if (is_kind(parser, 0, T(LEFT_BRACE)) && is_kind(parser, 1, T(MINUS))) {
        weir_sql_parser_next(parser);
        weir_sql_parser_next(parser);
        struct weir_sql_pattern *inner = alternation(parser);
        expect(parser, T(MINUS));
        expect(parser, T(RIGHT_BRACE));
        return wrap(parser, WEIR_SQL_PATTERN_EXCLUSION, inner, from);
    }
    if (accept_keyword(parser, K(PERMUTE))) {
        struct weir_sql_list list = { 0 };
        expect(parser, T(LEFT_PARENTHESIS));
        do *LIST_ADD(parser, &list, struct weir_sql_pattern *) = alternation(parser);
        while (accept(parser, T(COMMA)));
        expect(parser, T(RIGHT_PARENTHESIS));
        return group(parser, WEIR_SQL_PATTERN_PERMUTATION, &list, from);
    }
    struct weir_sql_pattern *pattern = pattern_new(parser, WEIR_SQL_PATTERN_VARIABLE, from);
    pattern->variable = weir_sql_name_parse(parser, "a pattern variable");
    end_span(parser, &pattern->span);
    return pattern;
}

/* *, +, ?, {n}, {n,}, {,m}, {n,m}; false: none. */
static bool quantifier(struct weir_sql_parser *parser, uint32_t *minimum, uint32_t *maximum)
{
    *minimum = 0;
    *maximum = UINT32_MAX;
    if (accept(parser, T(STAR))) return true;
    if (accept(parser, T(PLUS))) {
        *minimum = 1;
        return true;
    }
    if (accept(parser, T(QUESTION))) {
        *maximum = 1;
        return true;
    }
    if (!is_kind(parser, 0, T(LEFT_BRACE)) || is_kind(parser, 1, T(MINUS))) return false;
    weir_sql_parser_next(parser);
    bool from = at(parser, T(INTEGER));
    if (from) *minimum = weir_sql_number_parse(parser, "a number of repetitions", 1u << 20);
    if (accept(parser, T(COMMA))) {
        if (at(parser, T(INTEGER)))
            *maximum = weir_sql_number_parse(parser, "a number of repetitions", 1u << 20);
        else if (!from)
            fail_expected(parser, "a number of repetitions");
    } else if (from) {
        *maximum = *minimum;
    } else {
        fail_expected(parser, "a number of repetitions");
    }
    if (*maximum < *minimum || *maximum == 0)
        weir_sql_parser_fail_at(parser, parser->previous.span, WEIR_E_SQL_SYNTAX,
            "found the repetition {%u,%u}, expected a last number that is not 0 and not below the first",
            *minimum, *maximum);
    expect(parser, T(RIGHT_BRACE));
    return true;
}

static struct weir_sql_pattern *factor(struct weir_sql_parser *parser)
{
    struct weir_sql_span from = span_here(parser);
    struct weir_sql_pattern *inner = pattern_primary(parser);
    uint32_t minimum, maximum;
    if (!quantifier(parser, &minimum, &maximum)) return inner;
    bool reluctant = accept(parser, T(QUESTION));
    struct weir_sql_pattern *pattern = wrap(parser, WEIR_SQL_PATTERN_REPETITION, inner, from);
    pattern->repeat_min = minimum;
    pattern->repeat_max = maximum;
    pattern->reluctant = reluctant;
    return pattern;
}

static bool at_factor(struct weir_sql_parser *parser)
{
    return weir_sql_at_identifier(parser, 0) || at(parser, T(LEFT_PARENTHESIS)) ||
           at_keyword(parser, K(PERMUTE)) ||
           (is_kind(parser, 0, T(LEFT_BRACE)) && is_kind(parser, 1, T(MINUS)));
}

static struct weir_sql_pattern *concatenation(struct weir_sql_parser *parser)
{
    struct weir_sql_span from = span_here(parser);
    struct weir_sql_list list = { 0 };
    do *LIST_ADD(parser, &list, struct weir_sql_pattern *) = factor(parser);
    while (at_factor(parser));
    return group(parser, WEIR_SQL_PATTERN_CONCATENATION, &list, from);
}

static struct weir_sql_pattern *alternation(struct weir_sql_parser *parser)
{
    struct weir_sql_span from = span_here(parser);
    struct weir_sql_list list = { 0 };
    struct weir_sql_pattern *pattern = pattern_new(parser, WEIR_SQL_PATTERN_VARIABLE, from);
    if (weir_sql_parser_enter(parser)) {
        do *LIST_ADD(parser, &list, struct weir_sql_pattern *) = concatenation(parser);
        while (accept(parser, T(BAR)));
        pattern = group(parser, WEIR_SQL_PATTERN_ALTERNATION, &list, from);
    }
    weir_sql_parser_leave(parser);
    return pattern;
}

static void measures(struct weir_sql_parser *parser, struct weir_sql_match *match, uint32_t *height)
{
    struct weir_sql_list list = { 0 };
    if (!accept_keyword(parser, K(MEASURES))) return;
    do {
        struct weir_sql_measure *measure = LIST_ADD(parser, &list, struct weir_sql_measure);
        measure->expr = weir_sql_expr_parse(parser);
        weir_sql_parser_raise(parser, height, measure->expr->height);
        expect_keyword(parser, K(AS));
        measure->alias = weir_sql_name_parse(parser, "the name of a measure");
    } while (accept(parser, T(COMMA)));
    match->measure_count = list.count;
    match->measures = list.items;
}

static void rows_per_match(struct weir_sql_parser *parser, struct weir_sql_match *match)
{
    if (accept_keywords(parser, K(ONE), K(ROW), K(PER), K(MATCH))) {
        match->rows_per_match = WEIR_SQL_ROWS_ONE;
    } else if (accept_keywords(parser, K(ALL), K(ROWS), K(PER), K(MATCH))) {
        match->rows_per_match = WEIR_SQL_ROWS_ALL;
        const struct weir_sql_token *token = peek(parser, 0);
        if (token->keyword == K(SHOW) || token->keyword == K(OMIT) || token->keyword == K(WITH))
            weir_sql_parser_fail_at(parser, token->span, WEIR_E_UNSUPPORTED,
                "SHOW, OMIT and WITH behind ALL ROWS PER MATCH are not implemented");
    }
}

static void after_match(struct weir_sql_parser *parser, struct weir_sql_match *match)
{
    if (!accept_keyword(parser, K(AFTER))) return;
    expect_keyword(parser, K(MATCH));
    expect_keyword(parser, K(SKIP));
    if (accept_keywords(parser, K(PAST), K(LAST), K(ROW))) {
        match->after_match = WEIR_SQL_AFTER_PAST_LAST_ROW;
        return;
    }
    if (!accept_keyword(parser, K(TO))) fail_expected(parser, "TO or PAST LAST ROW behind SKIP");
    if (accept_keywords(parser, K(NEXT), K(ROW))) {
        match->after_match = WEIR_SQL_AFTER_NEXT_ROW;
        return;
    }
    match->after_match = WEIR_SQL_AFTER_LAST;
    bool named = weir_sql_at_identifier(parser, 1); /* FIRST and LAST are no reserved words */
    if (named && accept_keyword(parser, K(FIRST)))
        match->after_match = WEIR_SQL_AFTER_FIRST;
    else if (named)
        accept_keyword(parser, K(LAST));
    match->after_variable = weir_sql_name_parse(parser, "NEXT ROW, FIRST, LAST or a pattern variable");
}

static void subsets(struct weir_sql_parser *parser, struct weir_sql_match *match)
{
    struct weir_sql_list list = { 0 };
    if (!accept_keyword(parser, K(SUBSET))) return;
    do {
        struct weir_sql_subset *subset = LIST_ADD(parser, &list, struct weir_sql_subset);
        subset->name = weir_sql_name_parse(parser, "the name of a subset");
        expect(parser, T(EQUAL));
        subset->variables = weir_sql_names_parse(parser, "a pattern variable");
    } while (accept(parser, T(COMMA)));
    match->subset_count = list.count;
    match->subsets = list.items;
}

static void definitions(struct weir_sql_parser *parser, struct weir_sql_match *match, uint32_t *height)
{
    struct weir_sql_list list = { 0 };
    expect_keyword(parser, K(DEFINE));
    do {
        struct weir_sql_definition *definition = LIST_ADD(parser, &list, struct weir_sql_definition);
        definition->variable = weir_sql_name_parse(parser, "a pattern variable");
        expect_keyword(parser, K(AS));
        definition->condition = weir_sql_expr_parse(parser);
        weir_sql_parser_raise(parser, height, definition->condition->height);
    } while (accept(parser, T(COMMA)));
    match->definition_count = list.count;
    match->definitions = list.items;
}

static void pattern(struct weir_sql_parser *parser, struct weir_sql_match *match)
{
    if (!accept_keyword(parser, K(PATTERN)))
        fail_expected(parser, "ONE ROW PER MATCH, AFTER MATCH SKIP or PATTERN");
    expect(parser, T(LEFT_PARENTHESIS));
    match->starts_at_row = accept(parser, T(CARET));
    match->pattern = alternation(parser);
    match->ends_at_row = accept(parser, T(DOLLAR));
    if (!accept(parser, T(RIGHT_PARENTHESIS)))
        fail_expected(parser, "a pattern variable, a quantifier, '|' or ')'");
}

struct weir_sql_match *weir_sql_match_parse(struct weir_sql_parser *parser, uint32_t *height)
{
    struct weir_sql_match *match = WEIR_ARENA_NEW(parser->arena, struct weir_sql_match);
    expect(parser, T(LEFT_PARENTHESIS));
    if (accept_keyword(parser, K(PARTITION))) {
        expect_keyword(parser, K(BY));
        match->partition_by = weir_sql_exprs_parse(parser, height);
    }
    if (accept_keyword(parser, K(ORDER))) {
        expect_keyword(parser, K(BY));
        match->order_by = weir_sql_order_parse(parser, height);
    }
    measures(parser, match, height);
    rows_per_match(parser, match);
    after_match(parser, match);
    pattern(parser, match);
    if (accept_keyword(parser, K(WITHIN))) {
        match->within = weir_sql_expr_parse(parser);
        weir_sql_parser_raise(parser, height, match->within->height);
    }
    subsets(parser, match);
    definitions(parser, match, height);
    if (!accept(parser, T(RIGHT_PARENTHESIS))) fail_expected(parser, "',' or ')' behind a definition");
    return match;
}
