/* Cases of the one-input operators. number and text choose the variant; what a spec says is in its function.
 */
#ifndef WEIR_TEST_OPS_CONFORMANCE_CASES_H
#define WEIR_TEST_OPS_CONFORMANCE_CASES_H

#include "conformance.h"

static struct weir_spec *columns_of(uint32_t count)
{
    return test_columns(&case_arena, count, (uint32_t[]){ 0, 1, 2 });
}

static void put_number(struct weir_spec *spec, const char *name, int64_t value)
{
    weir_spec_put(&case_arena, spec, name, weir_spec_integer(&case_arena, value));
}

static void put_flag(struct weir_spec *spec, const char *name, bool value)
{
    weir_spec_put(&case_arena, spec, name, weir_spec_boolean(&case_arena, value));
}

static void put_text(struct weir_spec *spec, const char *name, const char *value)
{
    weir_spec_put(&case_arena, spec, name, weir_spec_text(&case_arena, value));
}

static void put_order(struct weir_spec *spec, uint32_t column, bool descending)
{
    struct weir_spec *list = weir_spec_list(&case_arena), *item = weir_spec_map(&case_arena);
    put_number(item, "column", column);
    put_flag(item, "descending", descending);
    put_flag(item, "nulls_first", !descending);
    weir_spec_add(&case_arena, list, item);
    weir_spec_put(&case_arena, spec, "order", list);
}

static struct weir_expr *bigint_call(const char *name, uint32_t column, int64_t value)
{
    struct weir_error error;
    struct weir_expr *call,
        *operands[2] = { weir_expr_column(&case_arena, column, weir_type_of(WEIR_TYPE_BIGINT)),
            weir_expr_literal(&case_arena, weir_value_bigint(&case_arena, value)) };
    assert_int_equal(weir_expr_call(&case_arena, name, operands, 2, &call, &error), WEIR_OK);
    return call;
}

static void put_mini_batch(struct weir_spec *spec, const struct conformance_case *c)
{
    put_flag(spec, "mini_batch", c->compact);
    put_number(spec, "mini_batch_rows", c->bundle ? c->bundle : -1);
}

static struct weir_spec *empty_spec(const struct conformance_case *c)
{
    (void)c;
    return weir_spec_map(&case_arena);
}

static struct weir_spec *calc_spec(const struct conformance_case *c)
{
    struct weir_spec *spec = weir_spec_map(&case_arena), *list = weir_spec_list(&case_arena);
    weir_spec_add(&case_arena, list, weir_expr_to_spec(&case_arena, bigint_call("+", 1, 5)));
    weir_spec_add(&case_arena, list,
        weir_expr_to_spec(&case_arena, weir_expr_column(&case_arena, 0, &weir_type_string)));
    weir_spec_put(&case_arena, spec, "projections", list);
    if (c->condition)
        weir_spec_put(
            &case_arena, spec, "condition", weir_expr_to_spec(&case_arena, bigint_call("<", 2, c->number)));
    return spec;
}

static struct weir_spec *expand_spec(const struct conformance_case *c)
{
    struct weir_spec *spec = weir_spec_map(&case_arena), *lists = weir_spec_list(&case_arena);
    const struct weir_type *bigint = weir_type_of(WEIR_TYPE_BIGINT);
    for (int64_t id = 0; id < c->number; id++) {
        struct weir_spec *list = weir_spec_list(&case_arena);
        struct weir_expr *exprs[] = { weir_expr_column(&case_arena, 0, &weir_type_string),
            id ? weir_expr_null(&case_arena, bigint) : weir_expr_column(&case_arena, 1, bigint),
            weir_expr_literal(&case_arena, weir_value_bigint(&case_arena, id)) };
        for (int i = 0; i < 3; i++)
            weir_spec_add(&case_arena, list, weir_expr_to_spec(&case_arena, exprs[i]));
        weir_spec_add(&case_arena, lists, list);
    }
    weir_spec_put(&case_arena, spec, "projections", lists);
    return spec;
}

static struct weir_spec *keyed_spec(const struct conformance_case *c)
{
    struct weir_spec *spec = weir_spec_map(&case_arena);
    weir_spec_put(&case_arena, spec, "keys", columns_of(1));
    put_flag(spec, "emit_ub", !c->by_kind);
    put_mini_batch(spec, c);
    if (c->condition)
        weir_spec_put(&case_arena, spec, "condition", weir_expr_to_spec(&case_arena, bigint_call("<", 2, 6)));
    if (c->text) put_text(spec, "keep", c->text);
    put_number(spec, "rowtime", c->number);
    put_flag(spec, "mini_batch_compact", c->bundle > 0);
    return spec;
}

static struct weir_spec *materializer_spec(const struct conformance_case *c)
{
    struct weir_spec *spec = weir_spec_map(&case_arena);
    weir_spec_put(&case_arena, spec, "keys", columns_of(1));
    if (c->data[0] == DATA_UNIQUE)
        weir_spec_put(&case_arena, spec, "upsert_key", test_columns(&case_arena, 1, (uint32_t[]){ 1 }));
    return spec;
}

static struct weir_spec *enforcer_spec(const struct conformance_case *c)
{
    struct weir_spec *spec = weir_spec_map(&case_arena), *names = weir_spec_list(&case_arena),
                     *pads = weir_spec_list(&case_arena);
    weir_spec_add(&case_arena, names, weir_spec_text(&case_arena, "id"));
    weir_spec_add(&case_arena, pads, weir_spec_boolean(&case_arena, true));
    weir_spec_put(&case_arena, spec, "not_null", test_columns(&case_arena, 1, (uint32_t[]){ 1 }));
    weir_spec_put(&case_arena, spec, "not_null_names", names);
    put_text(spec, "not_null_policy", "drop");
    put_text(spec, "length_policy", c->text);
    weir_spec_put(&case_arena, spec, "char_columns", columns_of(1));
    weir_spec_put(&case_arena, spec, "char_lengths", test_columns(&case_arena, 1, (uint32_t[]){ 15 }));
    weir_spec_put(&case_arena, spec, "char_pads", pads);
    return spec;
}

static void put_calls(struct weir_spec *spec, uint32_t argument)
{
    struct weir_spec *calls = weir_spec_list(&case_arena);
    const struct weir_type *bigint = weir_type_of(WEIR_TYPE_BIGINT);
    test_add_call(&case_arena, calls, "COUNT", -1, &weir_type_bigint_not_null, -1, false);
    test_add_call(&case_arena, calls, "SUM", (int)argument, bigint, -1, false);
    test_add_call(&case_arena, calls, "MIN", (int)argument, bigint, -1, false);
    test_add_call(&case_arena, calls, "COUNT", (int)argument, &weir_type_bigint_not_null, -1, true);
    weir_spec_put(&case_arena, spec, "aggregates", calls);
}

/* number: a time to live that no run reaches, or 0. */
static struct weir_spec *group_spec(const struct conformance_case *c)
{
    struct weir_spec *spec = weir_spec_map(&case_arena);
    weir_spec_put(&case_arena, spec, "keys", columns_of(c->key_count));
    if (strlen(c->output_types) == c->key_count) {
        weir_spec_put(&case_arena, spec, "aggregates", weir_spec_list(&case_arena));
        put_flag(spec, "distinct_only", true);
    } else {
        put_calls(spec, 2);
    }
    put_flag(spec, "retract", c->data[0] != DATA_APPEND);
    put_flag(spec, "emit_ub", !c->by_kind);
    put_mini_batch(spec, c);
    put_number(spec, "ttl_ms", c->number);
    return spec;
}

static struct weir_spec *window_spec(const struct conformance_case *c)
{
    struct weir_spec *spec = weir_spec_map(&case_arena), *map = weir_spec_map(&case_arena),
                     *properties = weir_spec_list(&case_arena);
    put_text(map, "kind", c->text);
    put_number(map, "size_ms", 1200);
    put_number(map, "slide_ms", 400);
    put_number(map, "step_ms", 300);
    put_number(map, "gap_ms", 150);
    put_number(map, "time", 1);
    weir_spec_put(&case_arena, map, "partition", columns_of(1));
    weir_spec_put(&case_arena, spec, "window", map);
    weir_spec_put(&case_arena, spec, "keys", columns_of(c->key_count));
    put_calls(spec, 2);
    weir_spec_add(&case_arena, properties, weir_spec_text(&case_arena, "start"));
    weir_spec_add(&case_arena, properties, weir_spec_text(&case_arena, "end"));
    weir_spec_put(&case_arena, spec, "properties", properties);
    put_flag(spec, "retract", c->data[0] != DATA_APPEND);
    return spec;
}

/* Rows 3..number of each partition, or 1..number. */
static struct weir_spec *rank_spec(const struct conformance_case *c)
{
    bool with_rank = strlen(c->output_types) > strlen(c->input_types[0]);
    struct weir_spec *spec = weir_spec_map(&case_arena);
    weir_spec_put(&case_arena, spec, "partition", columns_of(c->key_count));
    put_order(spec, 2, with_rank);
    put_number(spec, "start", c->number > 4 ? 3 : 1);
    put_number(spec, "end", c->number);
    put_flag(spec, "with_rank", with_rank);
    put_text(spec, "strategy", c->text);
    put_flag(spec, "emit_ub", !c->by_kind);
    if (c->key_count == 2) put_number(spec, "window_end", 1);
    return spec;
}

static struct weir_spec *order_spec(const struct conformance_case *c)
{
    struct weir_spec *spec = weir_spec_map(&case_arena);
    put_order(spec, 2, c->condition);
    put_number(spec, "rowtime", 1);
    put_number(spec, "offset", c->number ? 3 : 0);
    if (c->number) put_number(spec, "limit", c->number);
    if (c->text) put_text(spec, "strategy", c->text);
    put_flag(spec, "emit_ub", true);
    put_flag(spec, "retract", c->data[0] != DATA_APPEND);
    return spec;
}

static struct weir_spec *assigner_spec(const struct conformance_case *c)
{
    struct weir_spec *spec = weir_spec_map(&case_arena);
    struct weir_expr *column =
        weir_expr_column(&case_arena, 1, weir_type_with_precision(&case_arena, WEIR_TYPE_TIMESTAMP, 3, true));
    put_number(spec, "rowtime", 1);
    weir_spec_put(&case_arena, spec, "expression", weir_expr_to_spec(&case_arena, column));
    put_text(spec, "emit", c->text);
    put_number(spec, "interval_ms", 200);
    return spec;
}

/* --- references --- */

/* The last row of each key, where it was not taken away (and passes the condition). */
static void last_by_key(const struct conformance_case *c, const struct case_event *events, uint32_t count,
    struct test_fold *expected)
{
    for (uint32_t i = 0; i < count; i++) {
        bool last = !events[i].is_watermark && weir_row_kind_is_add(events[i].row.kind);
        for (uint32_t k = i + 1; k < count && last; k++)
            last = events[k].is_watermark || events[k].row.values[0] != events[i].row.values[0];
        if (!last || (c->condition && (events[i].row.values[2] == OPS_NULL || events[i].row.values[2] >= 6)))
            continue;
        char text[256];
        case_text(text, c->input_types[0], events[i].row.values);
        test_fold_add(expected, text, 1);
    }
}

static bool replaces_by_time(
    const struct conformance_case *c, const struct test_row *row, const struct test_row *by)
{
    return strcmp(c->text, "last") == 0 ? by->values[1] >= row->values[1] : by->values[1] < row->values[1];
}

/* The row with the largest or smallest time of each key: of equal ones the last, or the first. */
static void extreme_by_time(const struct conformance_case *c, const struct case_event *events, uint32_t count,
    struct test_fold *expected)
{
    for (uint32_t i = 0; i < count; i++) {
        bool stays = !events[i].is_watermark;
        for (uint32_t k = 0; k < count && stays; k++) {
            if (k == i || events[k].is_watermark || events[k].row.values[0] != events[i].row.values[0])
                continue;
            stays = k < i ? replaces_by_time(c, &events[k].row, &events[i].row)
                          : !replaces_by_time(c, &events[i].row, &events[k].row);
        }
        if (!stays) continue;
        char text[256];
        case_text(text, c->input_types[0], events[i].row.values);
        test_fold_add(expected, text, 1);
    }
}

static void first_by_key(const struct conformance_case *c, const struct case_event *events, uint32_t count,
    struct test_fold *expected)
{
    for (uint32_t i = 0; i < count; i++) {
        bool first = !events[i].is_watermark;
        for (uint32_t k = 0; k < i && first; k++)
            first = events[k].is_watermark || events[k].row.values[0] != events[i].row.values[0];
        if (!first) continue;
        char text[256];
        case_text(text, c->input_types[0], events[i].row.values);
        test_fold_add(expected, text, 1);
    }
}

static void all_live(const struct conformance_case *c, const struct case_event *events, uint32_t count,
    struct test_fold *expected)
{
    static const struct test_row *live[CASE_ROWS_MAX];
    uint32_t n = case_live(events, count, 0, live);
    for (uint32_t i = 0; i < n; i++) {
        char text[256];
        case_text(text, c->input_types[0], live[i]->values);
        test_fold_add(expected, text, 1);
    }
}

#define NUMBERS .input_types = { "sll" }, .output_types = "sll"
#define TIMED   .input_types = { "stl" }, .output_types = "stl", .no_nulls = true

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
static const struct conformance_case one_input_cases[] = {
    { "calc", "changes", NUMBERS, .output_types = "ls", .spec = calc_spec, .data = { DATA_MULTISET },
        .ordered = true },
    { "calc", "filter", NUMBERS, .output_types = "ls", .spec = calc_spec, .data = { DATA_MULTISET },
        .ordered = true, .condition = true, .number = 6 },
    { "changelog_normalize", "with -U", NUMBERS, .spec = keyed_spec, .data = { DATA_UPSERT }, .key_count = 1,
        .reference = last_by_key },
    { "changelog_normalize", "filter", NUMBERS, .spec = keyed_spec, .data = { DATA_UPSERT }, .key_count = 1,
        .reference = last_by_key, .condition = true },
    { "changelog_normalize", "without -U", NUMBERS, .spec = keyed_spec, .data = { DATA_UPSERT },
        .key_count = 1, .by_kind = true },
    { "changelog_normalize", "compact", NUMBERS, .spec = keyed_spec, .data = { DATA_UPSERT }, .key_count = 1,
        .reference = last_by_key, .compact = true },
    { "changelog_normalize", "compact, filter", NUMBERS, .spec = keyed_spec, .data = { DATA_UPSERT },
        .key_count = 1, .reference = last_by_key, .condition = true, .compact = true, .bundle = 7 },
    { "changelog_normalize", "compact, large", NUMBERS, .spec = keyed_spec, .data = { DATA_UPSERT },
        .key_count = 1, .reference = last_by_key, .compact = true, .bundle = 500 },
    { "changelog_normalize", "bounded", NUMBERS, .spec = keyed_spec, .data = { DATA_UPSERT }, .key_count = 1,
        .reference = last_by_key, .bounded = true },
    { "constraint_enforcer", "cut and pad", NUMBERS, .spec = enforcer_spec, .data = { DATA_MULTISET },
        .text = "trim_pad", .ordered = true },
    { "constraint_enforcer", "drop", NUMBERS, .spec = enforcer_spec, .data = { DATA_APPEND },
        .text = "ignore", .ordered = true },
    { "deduplicate", "first", NUMBERS, .spec = keyed_spec, .key_count = 1, .text = "first", .number = -1,
        .reference = first_by_key },
    { "deduplicate", "last", NUMBERS, .spec = keyed_spec, .key_count = 1, .text = "last", .number = -1,
        .reference = last_by_key },
    { "deduplicate", "last, upserts", NUMBERS, .spec = keyed_spec, .key_count = 1, .text = "last",
        .number = -1, .by_kind = true },
    { "deduplicate", "last, compact", NUMBERS, .spec = keyed_spec, .key_count = 1, .text = "last",
        .number = -1, .reference = last_by_key, .compact = true },
    { "deduplicate", "last, small bundles", NUMBERS, .spec = keyed_spec, .key_count = 1, .text = "last",
        .number = -1, .reference = last_by_key, .compact = true, .bundle = 5 },
    { "deduplicate", "first, compact", NUMBERS, .spec = keyed_spec, .key_count = 1, .text = "first",
        .number = -1, .reference = first_by_key, .compact = true, .bundle = 100 },
    { "deduplicate", "first by time", TIMED, .spec = keyed_spec, .key_count = 1, .text = "first", .number = 1,
        .late = true },
    { "deduplicate", "last by time", TIMED, .spec = keyed_spec, .key_count = 1, .text = "last", .number = 1,
        .late = true },
    { "deduplicate", "last by time, mini-batch", TIMED, .spec = keyed_spec, .key_count = 1, .text = "last",
        .number = 1, .reference = extreme_by_time, .compact = true },
    { "deduplicate", "last by time, compact", TIMED, .spec = keyed_spec, .key_count = 1, .text = "last",
        .number = 1, .reference = extreme_by_time, .compact = true, .bundle = 60 },
    { "deduplicate", "first by time, mini-batch", TIMED, .spec = keyed_spec, .key_count = 1, .text = "first",
        .number = 1, .reference = extreme_by_time, .compact = true, .late = true },
    { "deduplicate", "first by time, compact", TIMED, .spec = keyed_spec, .key_count = 1, .text = "first",
        .number = 1, .reference = extreme_by_time, .compact = true, .bundle = 300, .late = true },
    { "deduplicate", "bounded", NUMBERS, .spec = keyed_spec, .key_count = 1, .text = "last", .number = -1,
        .reference = last_by_key, .bounded = true },
    { "drop_update_before", "changes", NUMBERS, .spec = empty_spec, .data = { DATA_MULTISET },
        .by_kind = true, .ordered = true },
    { "expand", "two", NUMBERS, .spec = expand_spec, .data = { DATA_MULTISET }, .number = 2 },
    { "expand", "five", NUMBERS, .spec = expand_spec, .data = { DATA_MULTISET }, .number = 5 },
    { "group_aggregate", "append", NUMBERS, .output_types = "sllll", .spec = group_spec, .key_count = 1 },
    { "group_aggregate", "retract", NUMBERS, .output_types = "sllll", .spec = group_spec, .key_count = 1,
        .data = { DATA_MULTISET }, .number = 1000000000 },
    { "group_aggregate", "two keys", NUMBERS, .output_types = "slllll", .spec = group_spec, .key_count = 2,
        .data = { DATA_MULTISET } },
    { "group_aggregate", "compact", NUMBERS, .output_types = "sllll", .spec = group_spec, .key_count = 1,
        .data = { DATA_MULTISET }, .compact = true },
    { "group_aggregate", "upserts", NUMBERS, .output_types = "sllll", .spec = group_spec, .key_count = 1,
        .data = { DATA_MULTISET }, .by_kind = true },
    { "group_aggregate", "global", NUMBERS, .output_types = "llll", .spec = group_spec,
        .data = { DATA_MULTISET } },
    { "group_aggregate", "distinct", NUMBERS, .output_types = "sl", .spec = group_spec, .key_count = 2,
        .data = { DATA_MULTISET } },
    { "group_aggregate", "bounded", NUMBERS, .output_types = "sllll", .spec = group_spec, .key_count = 1,
        .data = { DATA_MULTISET }, .bounded = true },
    { "limit", "rows", NUMBERS, .spec = order_spec, .number = 700, .ordered = true },
    { "limit", "changes", NUMBERS, .spec = order_spec, .data = { DATA_MULTISET }, .number = 40,
        .ordered = true },
    { "rank", "append", NUMBERS, .spec = rank_spec, .key_count = 1, .text = "append", .number = 3 },
    { "rank", "append, numbers", NUMBERS, .output_types = "slll", .spec = rank_spec, .key_count = 1,
        .text = "append", .number = 4 },
    { "rank", "retract", NUMBERS, .spec = rank_spec, .key_count = 1, .text = "retract", .number = 6,
        .data = { DATA_MULTISET } },
    { "rank", "retract, numbers", NUMBERS, .output_types = "slll", .spec = rank_spec, .key_count = 1,
        .text = "retract", .number = 4, .data = { DATA_MULTISET } },
    { "rank", "window", TIMED, .output_types = "stll", .spec = rank_spec, .key_count = 2, .text = "append",
        .number = 2, .late = true },
    { "rank", "bounded", NUMBERS, .output_types = "slll", .spec = rank_spec, .key_count = 1,
        .text = "retract", .number = 4, .data = { DATA_MULTISET }, .bounded = true },
    { "sink_upsert_materializer", "rows", NUMBERS, .spec = materializer_spec, .key_count = 1,
        .data = { DATA_MULTISET }, .by_kind = true },
    { "sink_upsert_materializer", "upsert key", NUMBERS, .spec = materializer_spec, .key_count = 1,
        .data = { DATA_UNIQUE }, .by_kind = true },
    { "sort", "rows", NUMBERS, .spec = order_spec, .bounded = true, .reference = all_live, .ordered = true },
    { "sort", "changes", NUMBERS, .spec = order_spec, .data = { DATA_MULTISET }, .bounded = true,
        .reference = all_live, .ordered = true, .condition = true },
    { "sort_limit", "append", NUMBERS, .spec = order_spec, .text = "append", .number = 30 },
    { "sort_limit", "changes", NUMBERS, .spec = order_spec, .text = "retract", .number = 30,
        .data = { DATA_MULTISET }, .ordered = true },
    { "sort_limit", "bounded", NUMBERS, .spec = order_spec, .text = "retract", .number = 30,
        .data = { DATA_MULTISET }, .bounded = true, .ordered = true, .condition = true },
    { "temporal_sort", "late rows", TIMED, .keeps_time = true, .spec = order_spec, .late = true,
        .ordered = true },
    { "temporal_sort", "descending", TIMED, .keeps_time = true, .spec = order_spec, .condition = true,
        .reference = all_live, .ordered = true },
    { "watermark_assigner", "periodic", TIMED, .spec = assigner_spec, .text = "periodic", .late = true,
        .reference = all_live, .ordered = true },
    { "watermark_assigner", "on event", TIMED, .spec = assigner_spec, .text = "on-event", .late = true,
        .reference = all_live, .ordered = true },
#define WINDOWED(kind)                                                                                   \
    {                                                                                                    \
        "window_aggregate", kind, TIMED, .output_types = "slllltt", .spec = window_spec, .key_count = 1, \
                                         .text = kind, .late = true                                      \
    }
    WINDOWED("tumble"),
    WINDOWED("hop"),
    WINDOWED("cumulate"),
    WINDOWED("session"),
    { "window_aggregate", "retract", TIMED, .output_types = "slllltt", .spec = window_spec, .key_count = 1,
        .text = "tumble", .data = { DATA_MULTISET } },
    { "window_aggregate", "global", TIMED, .output_types = "lllltt", .spec = window_spec, .text = "hop" },
#define WINDOWS(kind)                                                                                      \
    {                                                                                                      \
        "window_table_function", kind, TIMED, .output_types = "stlttt", .spec = window_spec, .text = kind, \
                                              .late = true, .no_nulls = false                              \
    }
    WINDOWS("tumble"),
    WINDOWS("hop"),
    WINDOWS("cumulate"),
    { "window_table_function", "session", TIMED, .output_types = "stlttt", .spec = window_spec,
        .key_count = 1, .text = "session", .late = true },
};
#pragma GCC diagnostic pop

#endif
