/* Cases of the two-input operators, and what a join comes to, computed naively. */
#ifndef WEIR_TEST_OPS_CONFORMANCE_JOINS_H
#define WEIR_TEST_OPS_CONFORMANCE_JOINS_H

#include "conformance.h"

/* Columns 2 and 5 of left ++ right: the last of either side. */
static struct weir_spec *less_than(uint32_t left, uint32_t right)
{
    struct weir_error error;
    const struct weir_type *bigint = weir_type_of(WEIR_TYPE_BIGINT);
    struct weir_expr *operands[2] = { weir_expr_column(&case_arena, left, bigint),
        weir_expr_column(&case_arena, right, bigint) };
    struct weir_expr *call;
    assert_int_equal(weir_expr_call(&case_arena, "<", operands, 2, &call, &error), WEIR_OK);
    return weir_expr_to_spec(&case_arena, call);
}

static void put_side(struct weir_spec *spec, const struct conformance_case *c, uint32_t input)
{
    static const uint32_t straight[] = { 0, 1 }, swapped[] = { 1, 0 }, unique[] = { 1 };
    const char *prefix = input ? "right" : "left";
    weir_spec_put(&case_arena, spec, weir_arena_format(&case_arena, "%s_keys", prefix),
        test_columns(&case_arena, c->key_count, c->swapped && input ? swapped : straight));
    if (c->data[input] == DATA_UNIQUE)
        weir_spec_put(&case_arena, spec, weir_arena_format(&case_arena, "%s_unique", prefix),
            test_columns(&case_arena, 1, unique));
    weir_spec_put(&case_arena, spec, weir_arena_format(&case_arena, "%s_append", prefix),
        weir_spec_boolean(&case_arena, c->data[input] == DATA_APPEND || c->broken));
    weir_spec_put(&case_arena, spec, weir_arena_format(&case_arena, "%s_ttl_ms", prefix),
        weir_spec_integer(&case_arena, c->number));
}

static struct weir_spec *join_spec(const struct conformance_case *c)
{
    struct weir_spec *spec = weir_spec_map(&case_arena), *flags = weir_spec_list(&case_arena);
    weir_spec_put(&case_arena, spec, "type", weir_spec_text(&case_arena, c->text));
    for (uint32_t k = 0; k < c->key_count; k++)
        weir_spec_add(&case_arena, flags, weir_spec_boolean(&case_arena, c->null_safe));
    weir_spec_put(&case_arena, spec, "null_safe", flags);
    put_side(spec, c, 0);
    put_side(spec, c, 1);
    if (c->condition) weir_spec_put(&case_arena, spec, "condition", less_than(2, 5));
    weir_spec_put(&case_arena, spec, "mini_batch", weir_spec_boolean(&case_arena, c->compact));
    weir_spec_put(
        &case_arena, spec, "mini_batch_rows", weir_spec_integer(&case_arena, c->bundle ? c->bundle : -1));
    return spec;
}

/* Times (column 1): left - right in [-number, number / 2]. */
static struct weir_spec *interval_spec(const struct conformance_case *c)
{
    struct weir_spec *spec = weir_spec_map(&case_arena);
    weir_spec_put(&case_arena, spec, "type", weir_spec_text(&case_arena, c->text));
    weir_spec_put(&case_arena, spec, "left_keys", test_columns(&case_arena, 1, (uint32_t[]){ 0 }));
    weir_spec_put(&case_arena, spec, "right_keys", test_columns(&case_arena, 1, (uint32_t[]){ 0 }));
    weir_spec_put(&case_arena, spec, "left_time", weir_spec_integer(&case_arena, 1));
    weir_spec_put(&case_arena, spec, "right_time", weir_spec_integer(&case_arena, 1));
    weir_spec_put(&case_arena, spec, "lower_ms", weir_spec_integer(&case_arena, -c->number));
    weir_spec_put(&case_arena, spec, "upper_ms", weir_spec_integer(&case_arena, c->number / 2));
    if (c->condition) weir_spec_put(&case_arena, spec, "condition", less_than(2, 5));
    return spec;
}

static bool rows_match(const struct conformance_case *c, const int64_t *left, const int64_t *right)
{
    for (uint32_t k = 0; k < c->key_count; k++) {
        int64_t l = left[k], r = right[c->swapped ? 1 - k : k];
        if (l != r || (l == OPS_NULL && !c->null_safe)) return false;
    }
    if (c->condition && (left[2] == OPS_NULL || right[2] == OPS_NULL || left[2] >= right[2])) return false;
    if (strcmp(c->operator_name, "interval_join") != 0) return true;
    if (left[1] == OPS_NULL || right[1] == OPS_NULL) return false;
    return left[1] - right[1] >= -c->number && left[1] - right[1] <= c->number / 2;
}

static void put_joined(const struct conformance_case *c, const struct test_row *left,
    const struct test_row *right, bool left_only, struct test_fold *expected)
{
    char text[512], *end = case_text(text, c->input_types[0], left ? left->values : NULL);
    if (!left_only) {
        *end++ = '|';
        case_text(end, c->input_types[1], right ? right->values : NULL);
    }
    test_fold_add(expected, text, 1);
}

static void join_reference(const struct conformance_case *c, const struct case_event *events, uint32_t count,
    struct test_fold *expected)
{
    static const struct test_row *left[CASE_ROWS_MAX], *right[CASE_ROWS_MAX];
    static bool matched[CASE_ROWS_MAX];
    uint32_t lefts = case_live(events, count, 0, left), rights = case_live(events, count, 1, right);
    bool semi = strcmp(c->text, "semi") == 0, anti = strcmp(c->text, "anti") == 0;
    bool full = strcmp(c->text, "full") == 0;
    memset(matched, 0, sizeof matched);
    for (uint32_t l = 0; l < lefts; l++) {
        bool any = false;
        for (uint32_t r = 0; r < rights; r++) {
            if (!rows_match(c, left[l]->values, right[r]->values)) continue;
            any = matched[r] = true;
            if (!semi && !anti) put_joined(c, left[l], right[r], false, expected);
        }
        if (semi ? any : anti && !any) put_joined(c, left[l], NULL, true, expected);
        if (!any && (full || strcmp(c->text, "left") == 0)) put_joined(c, left[l], NULL, false, expected);
    }
    for (uint32_t r = 0; r < rights; r++) {
        if (!matched[r] && (full || strcmp(c->text, "right") == 0))
            put_joined(c, NULL, right[r], false, expected);
    }
}

#define JOIN_CASE(type, left, right, ...)                                                                 \
    {                                                                                                     \
        .operator_name = "join", .what = type " join, " #left " " #right " " #__VA_ARGS__,                \
        .input_types = { "sll", "sll" }, .output_types = "sllsll", .spec = join_spec,                     \
        .reference = join_reference, .data = { left, right }, .key_count = 1, .text = type, ##__VA_ARGS__ \
    }
#define SEMI_CASE(type, left, right, ...) JOIN_CASE(type, left, right, .output_types = "sll", ##__VA_ARGS__)
#define INTERVAL_CASE(type, ...)                                                                \
    {                                                                                           \
        .operator_name = "interval_join", .what = type " interval join " #__VA_ARGS__,          \
        .input_types = { "stl", "stl" }, .output_types = "stlstl", .spec = interval_spec,       \
        .reference = join_reference, .key_count = 1, .text = type, .number = 300, ##__VA_ARGS__ \
    }

/* Rows of a few words, which a join may keep beside their key. */
#define WORDS   .input_types = { "lll", "lll" }, .output_types = "llllll"
#define SWAPPED .key_count = 2, .swapped = true, .input_types = { "sll", "lsl" }

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
static const struct conformance_case join_cases[] = {
    JOIN_CASE("inner", DATA_APPEND, DATA_APPEND),
    JOIN_CASE("inner", DATA_UNIQUE, DATA_MULTISET),
    JOIN_CASE("inner", DATA_MULTISET, DATA_APPEND, .condition = true),
    JOIN_CASE("inner", DATA_MULTISET, DATA_MULTISET, .null_safe = true),
    JOIN_CASE("inner", DATA_APPEND, DATA_APPEND, WORDS),
    JOIN_CASE("inner", DATA_APPEND, DATA_APPEND, WORDS, .null_safe = true, .condition = true),
    JOIN_CASE("inner", DATA_APPEND, DATA_APPEND, .input_types = { "l", "l" }, .output_types = "ll"),
    JOIN_CASE("inner", DATA_MULTISET, DATA_MULTISET, WORDS, .broken = true),
    JOIN_CASE("inner", DATA_MULTISET, DATA_MULTISET, .broken = true, .null_safe = true),
    JOIN_CASE("left", DATA_MULTISET, DATA_MULTISET, WORDS, .broken = true, .condition = true),
    JOIN_CASE("full", DATA_MULTISET, DATA_MULTISET, .broken = true),
    JOIN_CASE("inner", DATA_MULTISET, DATA_MULTISET, WORDS, .broken = true, .number = 1000000000),
    JOIN_CASE("right", DATA_APPEND, DATA_APPEND, WORDS),
    JOIN_CASE("left", DATA_APPEND, DATA_APPEND, .condition = true),
    JOIN_CASE("left", DATA_UNIQUE, DATA_UNIQUE),
    JOIN_CASE("left", DATA_MULTISET, DATA_MULTISET, SWAPPED, .output_types = "slllsl"),
    JOIN_CASE("right", DATA_APPEND, DATA_MULTISET),
    JOIN_CASE("right", DATA_UNIQUE, DATA_APPEND, .condition = true, .null_safe = true),
    JOIN_CASE("full", DATA_APPEND, DATA_APPEND),
    JOIN_CASE("full", DATA_UNIQUE, DATA_MULTISET, .condition = true),
    JOIN_CASE("full", DATA_MULTISET, DATA_UNIQUE, .null_safe = true),
    JOIN_CASE("full", DATA_MULTISET, DATA_MULTISET, .number = 1000000000),
    JOIN_CASE("full", DATA_MULTISET, DATA_MULTISET, .key_count = 0, .rows = 240),
    JOIN_CASE("inner", DATA_UNIQUE, DATA_UNIQUE, .compact = true),
    JOIN_CASE("inner", DATA_UNIQUE, DATA_MULTISET, .compact = true, .bundle = 7, .condition = true),
    JOIN_CASE("inner", DATA_MULTISET, DATA_MULTISET, .compact = true, .bundle = 300, .null_safe = true),
    JOIN_CASE("inner", DATA_APPEND, DATA_UNIQUE, .compact = true, WORDS),
    JOIN_CASE("left", DATA_APPEND, DATA_APPEND, .compact = true),
    JOIN_CASE("left", DATA_UNIQUE, DATA_MULTISET, .compact = true, .bundle = 64, .condition = true),
    JOIN_CASE("right", DATA_MULTISET, DATA_UNIQUE, .compact = true),
    JOIN_CASE("right", DATA_UNIQUE, DATA_APPEND, .compact = true, .bundle = 3, WORDS),
    JOIN_CASE("full", DATA_UNIQUE, DATA_UNIQUE, .compact = true, .bundle = 100),
    JOIN_CASE("full", DATA_MULTISET, DATA_MULTISET, .compact = true, .condition = true),
    JOIN_CASE("full", DATA_MULTISET, DATA_UNIQUE, .compact = true, .number = 1000000000),
    JOIN_CASE("full", DATA_APPEND, DATA_APPEND, .bounded = true),
    JOIN_CASE("left", DATA_APPEND, DATA_APPEND, .bounded = true, .condition = true),
    JOIN_CASE("inner", DATA_APPEND, DATA_APPEND, .bounded = true, .ends = 2),
    JOIN_CASE("left", DATA_APPEND, DATA_APPEND, .bounded = true, .ends = 2, .condition = true),
    JOIN_CASE("left", DATA_APPEND, DATA_APPEND, .bounded = true, .ends = 1),
    JOIN_CASE("full", DATA_APPEND, DATA_APPEND, .bounded = true, .ends = 1, .condition = true),
    JOIN_CASE("right", DATA_APPEND, DATA_APPEND, WORDS, .bounded = true, .ends = 2),
    SEMI_CASE("anti", DATA_APPEND, DATA_APPEND, .bounded = true, .ends = 2),
    SEMI_CASE("anti", DATA_APPEND, DATA_APPEND, .bounded = true, .ends = 1, .condition = true),
    SEMI_CASE("semi", DATA_APPEND, DATA_APPEND, .bounded = true, .ends = 2),
    SEMI_CASE("semi", DATA_APPEND, DATA_APPEND, .bounded = true, .ends = 1),
    SEMI_CASE("semi", DATA_APPEND, DATA_APPEND),
    SEMI_CASE("semi", DATA_APPEND, DATA_APPEND, .input_types = { "lll", "lll" }, .output_types = "lll"),
    SEMI_CASE("semi", DATA_MULTISET, DATA_MULTISET, .condition = true),
    SEMI_CASE("semi", DATA_UNIQUE, DATA_UNIQUE, .null_safe = true),
    SEMI_CASE("anti", DATA_APPEND, DATA_APPEND, .condition = true),
    SEMI_CASE("anti", DATA_MULTISET, DATA_UNIQUE),
    SEMI_CASE("anti", DATA_UNIQUE, DATA_MULTISET, SWAPPED, .null_safe = true),
    SEMI_CASE("anti", DATA_APPEND, DATA_APPEND, .bounded = true),
    SEMI_CASE("semi", DATA_APPEND, DATA_APPEND, .bounded = true, .condition = true),
    INTERVAL_CASE("inner"),
    INTERVAL_CASE("left"),
    INTERVAL_CASE("right", .condition = true),
    INTERVAL_CASE("full"),
    INTERVAL_CASE("full", .number = -100),
    INTERVAL_CASE("full", .late = true, .reference = NULL),
    INTERVAL_CASE("full", .bounded = true),
};
#pragma GCC diagnostic pop

#endif
