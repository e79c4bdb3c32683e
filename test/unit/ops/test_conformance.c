/* Operator conformance over every line of ops.def: see conformance.h for the ways each is driven. */
#include "conformance.h"
#include "conformance_joins.h"
#include "conformance_cases.h"

struct weir_arena case_arena;
static struct weir_test_memory memory;
static struct case_event events[CASE_ROWS_MAX];

/* --- texts and live rows --- */

char *case_text(char *to, const char *types, const int64_t *values)
{
    for (uint32_t c = 0; types[c]; c++) {
        if (c) *to++ = '|';
        if (!values || values[c] == OPS_NULL)
            to += sprintf(to, "null");
        else if (types[c] == 's')
            to += (test_string(values[c], to, 64), strlen(to));
        else
            to += sprintf(to, "%lld", (long long)values[c]);
    }
    *to = '\0';
    return to;
}

static bool same_row(const struct test_row *a, const struct test_row *b)
{
    return memcmp(a->values, b->values, sizeof a->values) == 0;
}

uint32_t case_live(
    const struct case_event *list, uint32_t count, uint32_t input, const struct test_row **live)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (list[i].is_watermark || list[i].input != input) continue;
        if (weir_row_kind_is_add(list[i].row.kind)) {
            live[n++] = &list[i].row;
            continue;
        }
        uint32_t at = 0;
        while (at < n && !same_row(live[at], &list[i].row)) at++;
        if (at == n) fail_msg("the generator takes away a row that is not there");
        memmove(&live[at], &live[at + 1], (--n - at) * sizeof *live);
    }
    return n;
}

/* --- random input --- */

struct generator {
    const struct conformance_case *c;
    uint64_t seed;
    uint32_t count, wanted;
    struct test_row live[2][CASE_ROWS_MAX];
    uint32_t live_count[2];
    int64_t key, id, time_ms, watermark_ms;
};

static uint64_t below(struct generator *g, uint64_t limit)
{
    return test_random(&g->seed) % limit;
}

static void put_row(struct generator *g, uint32_t input, const struct test_row *row, uint8_t kind)
{
    struct case_event *event = &events[g->count++];
    *event = (struct case_event){ .input = (uint8_t)input, .row = *row };
    event->row.kind = kind;
}

static int64_t random_time(struct generator *g)
{
    if (g->c->no_nulls == false && below(g, 25) == 0) return OPS_NULL;
    int64_t time_ms = g->time_ms + (int64_t)below(g, 400);
    if (g->c->late && below(g, 20) == 0) time_ms -= 3000;
    return time_ms;
}

/* Columns by letter: the first is the key (runs of equal ones, one hot), the others are of few values. */
static struct test_row random_row(struct generator *g, uint32_t input)
{
    const char *types = g->c->input_types[input];
    struct test_row row = { 0 };
    if (below(g, 2) == 0) g->key = below(g, 5) == 0 ? 7 : (int64_t)below(g, 40);
    if (below(g, 30) == 0) g->key = OPS_NULL;
    for (uint32_t i = 0; types[i]; i++) {
        if (types[i] == 't')
            row.values[i] = random_time(g);
        else
            row.values[i] =
                below(g, 25) == 0 ? OPS_NULL : (int64_t)below(g, i == 1 && g->c->key_count == 2 ? 3 : 12);
    }
    uint32_t key = g->c->swapped && input == 1 ? 1 : 0;
    row.values[key] = g->key;
    if (key == 1) row.values[0] = (int64_t)below(g, 3);
    if (g->c->data[input] == DATA_UNIQUE) row.values[1] = g->id++;
    return row;
}

static void random_change(struct generator *g, uint32_t input)
{
    struct test_row *live = g->live[input];
    uint32_t *n = &g->live_count[input], at = *n ? (uint32_t)below(g, *n) : 0;
    uint64_t what = *n ? below(g, 10) : 9;
    bool upsert = g->c->data[input] == DATA_UPSERT;
    if (g->c->data[input] == DATA_APPEND || what >= 5 || (upsert && what >= 2)) {
        struct test_row row = random_row(g, input);
        if (upsert) {
            for (at = 0; at < *n && live[at].values[0] != row.values[0]; at++) continue;
            put_row(g, input, &row, at < *n || below(g, 2) ? WEIR_ROW_UPDATE_AFTER : WEIR_ROW_INSERT);
            live[at] = row;
            *n += at == *n;
            return;
        }
        put_row(g, input, &row, WEIR_ROW_INSERT);
        if (g->c->data[input] != DATA_APPEND) live[(*n)++] = row;
    } else if (what < 3) {
        put_row(g, input, &live[at], WEIR_ROW_DELETE);
        live[at] = live[--*n];
    } else {
        uint32_t last = (uint32_t)strlen(g->c->input_types[input]) - 1;
        put_row(g, input, &live[at], WEIR_ROW_UPDATE_BEFORE);
        live[at].values[last] = (int64_t)below(g, 12);
        put_row(g, input, &live[at], WEIR_ROW_UPDATE_AFTER);
    }
}

static uint32_t generate(const struct conformance_case *c, uint64_t seed)
{
    static struct generator g;
    memset(&g, 0, sizeof g);
    g.c = c;
    g.seed = seed * 7919 + 13;
    g.wanted = c->rows ? c->rows : CASE_EVENTS_MAX;
    g.time_ms = 10000;
    bool timed = strchr(c->input_types[0], 't') != NULL;
    while (g.count < g.wanted) {
        uint32_t input = c->input_types[1] ? (uint32_t)below(&g, 2) : 0;
        if (c->ends && g.count > CASE_SHORT / 2) input = 2 - c->ends;
        uint64_t longest = g.count < CASE_SHORT ? 9 : (uint64_t[]){ 4, 60, 60, 1300 }[below(&g, 4)];
        for (uint64_t length = 1 + below(&g, longest); length > 0 && g.count < g.wanted; length--) {
            random_change(&g, input);
            g.time_ms += (int64_t)below(&g, 30);
            if (!timed || below(&g, 40)) continue;
            events[g.count++] = (struct case_event){ .is_watermark = true, .watermark_ms = g.time_ms - 1 };
        }
    }
    return g.count;
}

/* --- driving --- */

struct feeder {
    const struct conformance_case *c;
    struct test_driver *d;
    struct test_row pending[CASE_ROWS_MAX];
    uint32_t count, input;
};

static void flush_rows(struct feeder *f)
{
    if (f->count == 0) return;
    test_send(f->d, f->input, f->pending, f->count);
    f->count = 0;
    if (!f->d->run.snapshots) return;
    int64_t watermark_ms = f->d->watermark_ms;
    test_restart(f->d);
    if (watermark_ms != INT64_MIN && !f->c->keeps_time) test_watermark(f->d, watermark_ms);
}

/* A -U is never split from its +U: a batch may be larger by one. */
static void feed(struct feeder *f, const struct case_event *list, uint32_t count)
{
    uint32_t most = WEIR_MIN(f->d->run.batch_rows, f->d->run.encoding == TEST_SELECTED ? 500u : 1023u);
    for (uint32_t i = 0; i < count; i++) {
        const struct case_event *event = &list[i];
        bool whole = f->count == 0 || f->pending[f->count - 1].kind != WEIR_ROW_UPDATE_BEFORE;
        bool other_key = f->d->run.encoding == TEST_CONSTANT && f->count &&
                         f->pending[f->count - 1].values[0] != event->row.values[0];
        if (whole && (event->is_watermark || event->input != f->input || f->count >= most || other_key))
            flush_rows(f);
        if (event->is_watermark) {
            test_watermark(f->d, event->watermark_ms);
            continue;
        }
        f->input = event->input;
        f->pending[f->count++] = event->row;
    }
    flush_rows(f);
}

static void compare(const struct conformance_case *c, const struct test_run *run,
    const struct test_fold *expected, const struct test_fold *got)
{
    const struct test_fold *both[] = { expected, got };
    for (int side = 0; side < 2; side++) {
        for (uint32_t i = 0; i < both[side]->size; i++) {
            const char *text = both[side]->texts[i];
            int64_t want = test_fold_get(expected, text), is = test_fold_get(got, text);
            if (want == is) continue;
            fail_msg("%s, %s: batches of %u, encoding %d, snapshots %d, rescale %d: %lld times, not %lld: %s",
                c->operator_name, c->what, run->batch_rows, run->encoding, run->snapshots, run->rescale,
                (long long)is, (long long)want, text);
        }
    }
}

static void open_run(const struct conformance_case *c, const struct weir_spec *spec, struct test_driver *d,
    uint32_t batch_rows, enum test_encoding encoding, int restarts)
{
    static const uint32_t straight[] = { 0, 1 }, swapped[] = { 1, 0 };
    struct test_run run = { .operator_name = c->operator_name,
        .input_types = { c->input_types[0], c->input_types[1] },
        .output_types = c->output_types,
        .spec = spec,
        .batch_rows = batch_rows,
        .encoding = encoding,
        .snapshots = restarts > 0,
        .rescale = restarts > 1,
        .bounded = c->bounded,
        .keep_log = c->ordered,
        .by_kind = c->by_kind };
    test_open(d, &run);
    d->route = straight;
    d->second_route = c->swapped ? swapped : NULL;
    d->route_count = c->key_count;
}

static void drive(const struct conformance_case *c, struct test_driver *d, uint32_t count)
{
    static struct feeder f;
    f = (struct feeder){ .c = c, .d = d };
    uint32_t first = c->ends ? count : 0;
    while (first > 0 && events[first - 1].input != c->ends - 1) first--;
    feed(&f, events, first);
    if (c->ends) test_end_input(d, c->ends - 1);
    feed(&f, events + first, count - first);
    test_end(d);
}

/* The plain run, and whether it is what the reference says. */
static void plain_run(
    const struct conformance_case *c, const struct weir_spec *spec, struct test_driver *plain, uint32_t count)
{
    open_run(c, spec, plain, 1, TEST_FLAT, 0);
    drive(c, plain, count);
    /* Other input may come to nothing, and so may what is folded before it goes out. */
    if (plain->rows_out == 0 && !c->compact && !getenv("WEIR_TEST_SEED"))
        fail_msg("%s, %s: no row came out of %u", c->operator_name, c->what, count);
    if (!c->reference) return;
    struct test_fold expected;
    test_fold_open(&expected);
    c->reference(c, events, count, &expected);
    compare(c, &plain->run, &expected, &plain->fold);
    test_fold_close(&expected);
}

static void other_run(const struct conformance_case *c, const struct weir_spec *spec,
    const struct test_driver *plain, uint32_t count, uint32_t batch_rows, enum test_encoding encoding,
    int restarts)
{
    struct test_driver d;
    open_run(c, spec, &d, batch_rows, encoding, restarts);
    drive(c, &d, count);
    compare(c, &d.run, &plain->fold, &d.fold);
    for (int kind = 0; kind < 4 && !c->compact; kind++) {
        if (d.kinds_out[kind] == plain->kinds_out[kind]) continue;
        fail_msg("%s, %s: batches of %u, encoding %d, restarts %d: %llu rows of %s, not %llu",
            c->operator_name, c->what, batch_rows, encoding, restarts, (unsigned long long)d.kinds_out[kind],
            weir_row_kind_text((enum weir_row_kind)kind), (unsigned long long)plain->kinds_out[kind]);
    }
    if (c->ordered && restarts < 2) assert_string_equal(d.log, plain->log);
    test_close(&d);
}

/* Of the case alone, so that a failure comes again; WEIR_TEST_SEED: other input, for long runs by hand. */
static uint64_t case_seed(const struct conformance_case *c)
{
    const char *more = getenv("WEIR_TEST_SEED");
    uint64_t seed = more ? strtoull(more, NULL, 10) : 0;
    for (const char *p = c->what; *p; p++) seed = seed * 31 + (uint8_t)*p;
    return seed;
}

void case_run(const struct conformance_case *c)
{
    uint64_t seed = case_seed(c);
    const struct weir_spec *spec = c->spec(c);
    uint32_t total = generate(c, seed), few = WEIR_MIN(total, (uint32_t)CASE_SHORT);
    int kinds_of_restart = c->key_count ? 3 : 2;
    while (events[few - 1].row.kind == WEIR_ROW_UPDATE_BEFORE) few--;
    struct test_driver plain;
    plain_run(c, spec, &plain, few);
    for (int restarts = 1; restarts < kinds_of_restart; restarts++)
        other_run(c, spec, &plain, few, 1, TEST_FLAT, restarts);
    test_close(&plain);
    plain_run(c, spec, &plain, total);
    for (uint32_t encoding = 0; encoding < TEST_ENCODINGS; encoding++) {
        other_run(c, spec, &plain, total, 1024, (enum test_encoding)encoding, 0);
        if ((seed + encoding) % 2) other_run(c, spec, &plain, total, 7, (enum test_encoding)encoding, 0);
    }
    for (int restarts = 1; restarts < kinds_of_restart; restarts++)
        other_run(c, spec, &plain, total, 1024, (enum test_encoding)(seed % TEST_ENCODINGS), restarts);
    other_run(
        c, spec, &plain, total, 7, (enum test_encoding)((seed + 1) % TEST_ENCODINGS), kinds_of_restart - 1);
    test_close(&plain);
}

/* --- the tests --- */

static void run_all(const struct conformance_case *cases, uint32_t count, const char *operator_name)
{
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(cases[i].operator_name, operator_name) == 0) case_run(&cases[i]);
    }
}

static void test_join(void **state)
{
    (void)state;
    run_all(join_cases, WEIR_ARRAY_COUNT(join_cases), "join");
}

static void test_interval_join(void **state)
{
    (void)state;
    run_all(join_cases, WEIR_ARRAY_COUNT(join_cases), "interval_join");
}

static void test_one_input(void **state)
{
    run_all(one_input_cases, WEIR_ARRAY_COUNT(one_input_cases), *state);
}

/* An operator without a case is an operator without a test. */
static void test_every_line_has_a_case(void **state)
{
    (void)state;
    for (uint32_t i = 0; weir_operator_table[i]; i++) {
        const char *name = weir_operator_table[i]->name;
        bool found = false;
        for (uint32_t k = 0; k < WEIR_ARRAY_COUNT(join_cases); k++)
            found |= strcmp(join_cases[k].operator_name, name) == 0;
        for (uint32_t k = 0; k < WEIR_ARRAY_COUNT(one_input_cases); k++)
            found |= strcmp(one_input_cases[k].operator_name, name) == 0;
        if (!found) fail_msg("the operator %s has no conformance case", name);
    }
}

static int setup(void **state)
{
    (void)state;
    weir_test_memory_init(&memory);
    weir_arena_init(&case_arena, &memory.base);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    weir_arena_done(&case_arena);
    weir_test_memory_check(&memory);
    return 0;
}

#define one_input(name)                                \
    {                                                  \
        name, test_one_input, NULL, NULL, (void *)name \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_join),
        cmocka_unit_test(test_interval_join),
        one_input("calc"),
        one_input("changelog_normalize"),
        one_input("constraint_enforcer"),
        one_input("deduplicate"),
        one_input("drop_update_before"),
        one_input("expand"),
        one_input("group_aggregate"),
        one_input("limit"),
        one_input("rank"),
        one_input("sink_upsert_materializer"),
        one_input("sort"),
        one_input("sort_limit"),
        one_input("temporal_sort"),
        one_input("watermark_assigner"),
        one_input("window_aggregate"),
        one_input("window_table_function"),
        cmocka_unit_test(test_every_line_has_a_case),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
