/*
 * Drives one operator from rows of integers: any batch size, flat, constant, dictionary or selected input,
 * snapshot and restore after each batch (also split over two subtasks), and folds the changelog strictly
 * (nothing is taken away that is not there).
 *
 * Column types by letter: l BIGINT, s STRING (made of the number; every third one is long), t TIMESTAMP(3) in
 * ms, b BOOLEAN, d DOUBLE. OPS_NULL is NULL. Row text of the fold: values joined by '|'.
 */
#ifndef WEIR_TEST_OPS_HARNESS_H
#define WEIR_TEST_OPS_HARNESS_H

#include "support/cmocka_all.h"
#include "support/memory.h"
#include "data/key_group.h"
#include "data/value.h"
#include "ops/ops.h"
#include "state/state.h"
#include "expr/aggregate.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPS_NULL   INT64_MIN
#define OPS_UNUSED __attribute__((unused))

struct test_row {
    uint8_t kind;
    int64_t values[8];
};

/* TEST_CONSTANT: columns of which all rows of the batch are equal. */
enum test_encoding { TEST_FLAT, TEST_SELECTED, TEST_DICTIONARY, TEST_CONSTANT, TEST_ENCODINGS };

struct test_run {
    const char *operator_name;
    const char *input_types[2], *output_types; /* letters */
    const struct weir_spec *spec;
    uint32_t batch_rows;
    enum test_encoding encoding;
    bool snapshots; /* snapshot, tear down, restore after each batch */
    bool rescale;   /* alternate between one and two subtasks when restoring */
    bool bounded;
    bool keep_log;
    bool by_kind; /* the fold counts rows by kind and text, nothing is taken away */
};

enum { TEST_SUBTASKS = 2, TEST_GROUPS = 128, TEST_FOLD_MAX = 1 << 16 };

/* Counts by text. */
struct test_fold {
    char **texts;
    int64_t *counts;
    uint32_t *index; /* open addressing: place + 1 */
    uint32_t size;
};

struct test_subtask {
    struct weir_arena arena;
    struct weir_state *state;
    struct weir_operator_context ctx;
    struct weir_operator *op;
    struct weir_operator_metrics metrics;
    struct weir_batch out;
};

struct test_driver {
    struct test_run run;
    struct weir_test_memory memory;
    struct weir_arena arena; /* types */
    const struct weir_type **types[2], **output_types;
    uint32_t counts[2], output_count;
    uint32_t subtask_count;
    struct test_subtask subtasks[TEST_SUBTASKS];
    struct weir_error error;
    int64_t clock_us, now_ms, watermark_ms;
    struct test_fold fold;
    uint64_t rows_out, kinds_out[4];
    char *log; /* "+I 1|2\n": the order as emitted */
    size_t log_length, log_capacity;
    const uint32_t *route; /* key columns by which rows go to subtasks, per input 0 */
    uint32_t route_count;
    const uint32_t *second_route; /* of input 1; NULL: the same columns */
    bool lenient;
};

static OPS_UNUSED int64_t test_now_us(void *clock)
{
    return *(int64_t *)clock;
}
static OPS_UNUSED void test_set_timer(struct weir_operator_context *ctx, int64_t at_ms)
{
    *(int64_t *)ctx->timer_owner = at_ms;
}

static OPS_UNUSED const struct weir_type **test_types(struct weir_arena *arena, const char *letters)
{
    const struct weir_type **types = WEIR_ARENA_ARRAY(arena, const struct weir_type *, strlen(letters) + 1);
    for (uint32_t i = 0; letters[i]; i++) {
        switch (letters[i]) {
        case 'l': types[i] = weir_type_of(WEIR_TYPE_BIGINT); break;
        case 's': types[i] = &weir_type_string; break;
        case 't': types[i] = weir_type_with_precision(arena, WEIR_TYPE_TIMESTAMP, 3, true); break;
        case 'b': types[i] = weir_type_of(WEIR_TYPE_BOOLEAN); break;
        case 'd': types[i] = weir_type_of(WEIR_TYPE_DOUBLE); break;
        default: abort();
        }
    }
    return types;
}

/* --- folds --- */

static OPS_UNUSED void test_fold_open(struct test_fold *fold)
{
    fold->texts = calloc(TEST_FOLD_MAX, sizeof(char *));
    fold->counts = calloc(TEST_FOLD_MAX, sizeof(int64_t));
    fold->index = calloc(2 * TEST_FOLD_MAX, sizeof(uint32_t));
    fold->size = 0;
}

static OPS_UNUSED void test_fold_close(struct test_fold *fold)
{
    for (uint32_t i = 0; i < fold->size; i++) free(fold->texts[i]);
    free(fold->texts);
    free(fold->counts);
    free(fold->index);
}

/* The slot of the index that holds the text, or the free one where it belongs. */
static OPS_UNUSED uint32_t *test_fold_slot(const struct test_fold *fold, const char *text)
{
    uint64_t hash = 1469598103934665603ull;
    for (const char *p = text; *p; p++) hash = (hash ^ (uint8_t)*p) * 1099511628211ull;
    for (uint64_t at = hash >> 20;; at++) {
        uint32_t *slot = &fold->index[at % (2 * TEST_FOLD_MAX)];
        if (*slot == 0 || strcmp(fold->texts[*slot - 1], text) == 0) return slot;
    }
}

static OPS_UNUSED int64_t test_fold_add(struct test_fold *fold, const char *text, int64_t count)
{
    uint32_t *slot = test_fold_slot(fold, text);
    if (*slot == 0) {
        if (fold->size == TEST_FOLD_MAX) fail_msg("too many different rows");
        fold->texts[fold->size] = strdup(text);
        *slot = ++fold->size;
    }
    return fold->counts[*slot - 1] += count;
}

static OPS_UNUSED int64_t test_fold_get(const struct test_fold *fold, const char *text)
{
    uint32_t slot = *test_fold_slot(fold, text);
    return slot ? fold->counts[slot - 1] : 0;
}

/* --- subtasks --- */

static OPS_UNUSED void test_subtask_open(struct test_driver *d, uint32_t index, bool restored)
{
    struct test_subtask *s = &d->subtasks[index];
    memset(s, 0, sizeof *s);
    weir_arena_init(&s->arena, &d->memory.base);
    struct weir_key_group_range range = weir_key_group_range_of(index, TEST_GROUPS, d->subtask_count);
    s->state = weir_state_new(&d->memory.base, range.first, range.last, TEST_GROUPS, &d->now_ms);
    s->ctx = (struct weir_operator_context){ .spec = d->run.spec,
        .input_count = d->run.input_types[1] ? 2 : 1,
        .input_types = { d->types[0], d->types[1] },
        .input_column_counts = { d->counts[0], d->counts[1] },
        .output_types = d->output_types,
        .output_column_count = d->output_count,
        .subtask_index = index,
        .parallelism = d->subtask_count,
        .max_parallelism = TEST_GROUPS,
        .task_name = "test",
        .arena = &s->arena,
        .memory = &d->memory.base,
        .state = s->state,
        .metrics = &s->metrics,
        .error = &d->error,
        .now_us = test_now_us,
        .clock = &d->clock_us,
        .set_timer = test_set_timer,
        .watermark_ms = restored ? INT64_MIN : d->watermark_ms,
        .emit_watermark_ms = INT64_MIN,
        .bounded = d->run.bounded,
        .restored = restored };
    static int64_t timer;
    s->ctx.timer_owner = &timer;
    const struct weir_operator_ops *ops = weir_operator_ops_find(d->run.operator_name);
    if (!ops) fail_msg("no operator %s", d->run.operator_name);
    if (ops->create(&s->ctx, &s->op)) fail_msg("create: %s", d->error.message);
    weir_batch_init(&s->out, d->output_types, d->output_count, &d->memory.base);
}

static OPS_UNUSED void test_subtask_close(struct test_subtask *s)
{
    if (s->op->ops->close) s->op->ops->close(s->op);
    weir_batch_done(&s->out);
    weir_state_free(s->state);
    weir_arena_done(&s->arena);
}

static OPS_UNUSED void test_open(struct test_driver *d, const struct test_run *run)
{
    memset(d, 0, sizeof *d);
    d->run = *run;
    weir_test_memory_init(&d->memory);
    weir_arena_init(&d->arena, &d->memory.base);
    d->watermark_ms = INT64_MIN;
    d->clock_us = 1000000;
    d->now_ms = 1000;
    for (int i = 0; i < 2 && run->input_types[i]; i++) {
        d->types[i] = test_types(&d->arena, run->input_types[i]);
        d->counts[i] = (uint32_t)strlen(run->input_types[i]);
    }
    d->output_types = test_types(&d->arena, run->output_types);
    d->output_count = (uint32_t)strlen(run->output_types);
    d->subtask_count = 1;
    test_fold_open(&d->fold);
    test_subtask_open(d, 0, false);
}

static OPS_UNUSED void test_close(struct test_driver *d)
{
    for (uint32_t i = 0; i < d->subtask_count; i++) test_subtask_close(&d->subtasks[i]);
    weir_arena_done(&d->arena);
    test_fold_close(&d->fold);
    free(d->log);
    weir_test_memory_check(&d->memory);
}

/* --- values --- */

static OPS_UNUSED void test_string(int64_t value, char *text, size_t room)
{
    snprintf(text, room, value % 3 == 0 ? "%lld-and-a-long-tail-behind" : "%lld", (long long)value);
}

static OPS_UNUSED void test_store(struct weir_batch *b, uint32_t c, uint32_t row, int64_t value)
{
    struct weir_vector *v = &b->columns[c];
    char text[64];
    if (value == OPS_NULL) {
        weir_vector_set_null(v, row, &b->arena);
        return;
    }
    switch (v->type->id) {
    case WEIR_TYPE_BIGINT: ((int64_t *)v->data)[row] = value; break;
    case WEIR_TYPE_TIMESTAMP: ((int64_t *)v->data)[row] = value * 1000; break;
    case WEIR_TYPE_BOOLEAN: ((uint8_t *)v->data)[row] = (uint8_t)(value != 0); break;
    case WEIR_TYPE_DOUBLE: ((double *)v->data)[row] = (double)value; break;
    default:
        test_string(value, text, sizeof text);
        ((struct weir_string *)v->data)[row] =
            weir_heap_writer_string(&b->heap, text, (uint32_t)strlen(text));
    }
}

static OPS_UNUSED void test_cell_text(const struct weir_vector *v, uint32_t row, char **to)
{
    const struct weir_vector *flat;
    uint32_t at = weir_vector_locate(v, row, &flat);
    if (weir_vector_is_null(v, row)) {
        *to += sprintf(*to, "null");
        return;
    }
    switch (flat->type->id) {
    case WEIR_TYPE_BIGINT: *to += sprintf(*to, "%lld", (long long)((const int64_t *)flat->data)[at]); break;
    case WEIR_TYPE_TIMESTAMP:
        *to += sprintf(*to, "%lld", (long long)((const int64_t *)flat->data)[at] / 1000);
        break;
    case WEIR_TYPE_BOOLEAN: *to += sprintf(*to, "%d", ((const uint8_t *)flat->data)[at]); break;
    case WEIR_TYPE_DOUBLE: *to += sprintf(*to, "%g", ((const double *)flat->data)[at]); break;
    default: {
        const struct weir_string *s = (const struct weir_string *)flat->data + at;
        *to += sprintf(*to, "%.*s", (int)s->length, weir_string_data(s));
    }
    }
}

static OPS_UNUSED void test_log(struct test_driver *d, uint8_t kind, const char *text)
{
    size_t length = strlen(text) + 5;
    if (d->log_length + length + 1 > d->log_capacity) {
        d->log_capacity = (d->log_length + length) * 2 + 64;
        d->log = realloc(d->log, d->log_capacity);
    }
    d->log_length += (size_t)sprintf(d->log + d->log_length, "%s %s\n", weir_row_kind_text(kind), text);
}

static OPS_UNUSED void test_take_output(struct test_driver *d, struct weir_batch *out)
{
    for (uint32_t i = 0, n = weir_batch_selected(out); i < n; i++) {
        uint32_t row = weir_batch_row(out, i);
        uint8_t kind = weir_batch_kind(out, row);
        char text[1024], *end = text;
        if (d->run.by_kind) end += sprintf(end, "%s ", weir_row_kind_text(kind));
        for (uint32_t c = 0; c < d->output_count; c++) {
            if (c) *end++ = '|';
            test_cell_text(&out->columns[c], row, &end);
        }
        *end = '\0';
        if (d->run.keep_log) test_log(d, kind, text);
        bool adds = d->run.by_kind || weir_row_kind_is_add(kind);
        d->kinds_out[kind]++;
        if (test_fold_add(&d->fold, text, adds ? 1 : -1) < 0 && !d->lenient)
            fail_msg("%s of a row that is not there: %s", weir_row_kind_text(kind), text);
        d->rows_out++;
    }
}

#define TEST_CALL(d, s, call)                                                                  \
    do {                                                                                       \
        enum weir_operator_result result_;                                                     \
        do {                                                                                   \
            weir_batch_reset(&(s)->out);                                                       \
            result_ = (call);                                                                  \
            if (result_ == WEIR_OPERATOR_FAILED) fail_msg("operator: %s", (d)->error.message); \
            test_take_output((d), &(s)->out);                                                  \
        } while (result_ == WEIR_OPERATOR_HAVE_MORE);                                          \
    } while (0)

/* --- input --- */

static OPS_UNUSED void test_fill(
    struct test_driver *d, struct weir_batch *b, uint32_t input, const struct test_row *rows, uint32_t n)
{
    uint32_t stride = d->run.encoding == TEST_SELECTED ? 2 : 1;
    bool kinds = false;
    for (uint32_t i = 0; i < n; i++) kinds = kinds || rows[i].kind != WEIR_ROW_INSERT;
    b->row_count = n * stride;
    if (kinds) weir_batch_ensure_kinds(b);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t place = d->run.encoding == TEST_DICTIONARY ? n - 1 - i : i; /* the dictionary is reversed */
        for (uint32_t c = 0; c < d->counts[input]; c++) {
            if (stride == 2) test_store(b, c, i * 2, 987654);
            test_store(b, c, place * stride + stride - 1, rows[i].values[c]);
        }
        for (uint32_t k = 0; kinds && k < stride; k++) b->kinds[i * stride + k] = rows[i].kind;
    }
    if (d->run.encoding == TEST_SELECTED) {
        uint16_t *selection = weir_batch_ensure_selection(b);
        for (uint32_t i = 0; i < n; i++) selection[i] = (uint16_t)(i * 2 + 1);
        b->selected = n;
    }
    if (d->run.encoding == TEST_DICTIONARY) {
        for (uint32_t c = 0; c < d->counts[input]; c++) {
            struct weir_vector *flat = WEIR_ARENA_NEW(&b->arena, struct weir_vector);
            *flat = b->columns[c];
            b->columns[c] = (struct weir_vector){ .type = flat->type,
                .encoding = WEIR_ENCODING_DICTIONARY,
                .dictionary = flat,
                .indices = WEIR_ARENA_ARRAY(&b->arena, uint32_t, n + 1) };
            for (uint32_t i = 0; i < n; i++) b->columns[c].indices[i] = n - 1 - i;
        }
    }
    for (uint32_t c = 0; d->run.encoding == TEST_CONSTANT && c < d->counts[input]; c++) {
        bool equal = n > 0;
        for (uint32_t i = 1; i < n && equal; i++) equal = rows[i].values[c] == rows[0].values[c];
        if (!equal) continue;
        b->columns[c].encoding = WEIR_ENCODING_CONSTANT;
        b->columns[c].capacity = 1;
    }
}

/* The subtask of each row, as an exchange by key would choose it. */
static OPS_UNUSED void test_routes(
    struct test_driver *d, uint32_t input, const struct test_row *rows, uint32_t n, uint32_t *subtasks)
{
    memset(subtasks, 0, n * sizeof *subtasks);
    if (d->subtask_count == 1) return;
    const uint32_t *route = input == 1 && d->second_route ? d->second_route : d->route;
    uint64_t hashes[WEIR_BATCH_ROWS_MAX];
    struct weir_batch b;
    weir_batch_init(&b, d->types[input], d->counts[input], &d->memory.base);
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t c = 0; c < d->counts[input]; c++) test_store(&b, c, i, rows[i].values[c]);
    }
    b.row_count = n;
    weir_batch_hash(&b, route, d->route_count, hashes);
    weir_batch_done(&b);
    for (uint32_t i = 0; i < n; i++)
        subtasks[i] =
            weir_key_group_subtask(weir_key_group_of(hashes[i], TEST_GROUPS), TEST_GROUPS, d->subtask_count);
}

static OPS_UNUSED void test_send(
    struct test_driver *d, uint32_t input, const struct test_row *rows, uint32_t n)
{
    uint32_t subtasks[WEIR_BATCH_ROWS_MAX];
    test_routes(d, input, rows, n, subtasks);
    for (uint32_t t = 0; t < d->subtask_count; t++) {
        struct test_subtask *s = &d->subtasks[t];
        struct test_row *mine = malloc((n + 1) * sizeof *mine);
        uint32_t count = 0;
        for (uint32_t i = 0; i < n; i++) {
            if (subtasks[i] == t) mine[count++] = rows[i];
        }
        struct weir_batch b;
        weir_batch_init(&b, d->types[input], d->counts[input], &d->memory.base);
        test_fill(d, &b, input, mine, count);
        if (count) TEST_CALL(d, s, s->op->ops->process(s->op, input, &b, &s->out));
        weir_batch_done(&b);
        free(mine);
    }
}

static OPS_UNUSED void test_watermark(struct test_driver *d, int64_t ms)
{
    d->watermark_ms = ms;
    for (uint32_t t = 0; t < d->subtask_count; t++) {
        struct test_subtask *s = &d->subtasks[t];
        int64_t forward = ms;
        if (s->op->ops->watermark) TEST_CALL(d, s, s->op->ops->watermark(s->op, ms, &s->out, &forward));
        s->ctx.watermark_ms = ms;
    }
}

static OPS_UNUSED void test_end_input(struct test_driver *d, uint32_t input)
{
    for (uint32_t t = 0; t < d->subtask_count; t++) {
        struct test_subtask *s = &d->subtasks[t];
        if (s->op->ops->end_input && input < s->ctx.input_count)
            TEST_CALL(d, s, s->op->ops->end_input(s->op, input, &s->out));
    }
}

static OPS_UNUSED void test_end(struct test_driver *d)
{
    test_watermark(d, INT64_MAX);
    for (uint32_t input = 0; input < 2; input++) test_end_input(d, input);
}

/* --- snapshots --- */

struct test_section {
    uint32_t key_group;
    char *bytes;
    size_t length;
};
struct test_sections {
    struct test_section items[TEST_GROUPS * TEST_SUBTASKS];
    uint32_t count;
};

static OPS_UNUSED enum weir_error_code test_put(
    void *context, uint32_t key_group, const void *bytes, size_t length, struct weir_error *reterr)
{
    struct test_sections *sections = context;
    (void)reterr;
    struct test_section *section = &sections->items[sections->count++];
    section->key_group = key_group;
    section->bytes = malloc(length);
    memcpy(section->bytes, bytes, length);
    section->length = length;
    return WEIR_OK;
}

static OPS_UNUSED void test_restart(struct test_driver *d)
{
    static struct test_sections sections;
    sections.count = 0;
    struct weir_buffer buffers[TEST_SUBTASKS];
    struct weir_operator_blob blobs[TEST_SUBTASKS];
    uint32_t old_count = d->subtask_count;
    for (uint32_t t = 0; t < old_count; t++) {
        struct test_subtask *s = &d->subtasks[t];
        if (s->op->ops->flush) TEST_CALL(d, s, s->op->ops->flush(s->op, &s->out));
        weir_buffer_init(&buffers[t], &d->memory.base, 1 << 30);
        if (s->op->ops->snapshot && s->op->ops->snapshot(s->op, 1, &buffers[t], &d->error))
            fail_msg("snapshot: %s", d->error.message);
        struct weir_state_snapshot *snapshot = weir_state_snapshot_begin(s->state, 1);
        if (weir_state_snapshot_write(snapshot, test_put, &sections, &d->error))
            fail_msg("snapshot: %s", d->error.message);
        weir_state_snapshot_end(snapshot);
        blobs[t] = (struct weir_operator_blob){ (const uint8_t *)buffers[t].data, buffers[t].length, t };
        test_subtask_close(s);
    }
    if (d->run.rescale) d->subtask_count = old_count == 1 ? TEST_SUBTASKS : 1;
    for (uint32_t t = 0; t < d->subtask_count; t++) {
        test_subtask_open(d, t, true);
        struct test_subtask *s = &d->subtasks[t];
        if (s->op->ops->restore && s->op->ops->restore(s->op, blobs, old_count, &d->error))
            fail_msg("restore: %s", d->error.message);
        for (uint32_t i = 0; i < sections.count; i++) {
            uint32_t owner =
                weir_key_group_subtask(sections.items[i].key_group, TEST_GROUPS, d->subtask_count);
            if (owner != t) continue;
            if (weir_state_restore(s->state, sections.items[i].key_group, sections.items[i].bytes,
                    sections.items[i].length, &d->error)) {
                fail_msg("restore: %s", d->error.message);
            }
        }
    }
    for (uint32_t i = 0; i < sections.count; i++) free(sections.items[i].bytes);
    for (uint32_t t = 0; t < old_count; t++) weir_buffer_done(&buffers[t]);
}

static OPS_UNUSED void test_send_all(
    struct test_driver *d, uint32_t input, const struct test_row *rows, uint32_t n)
{
    for (uint32_t at = 0; at < n; at += d->run.batch_rows) {
        test_send(d, input, rows + at, WEIR_MIN(d->run.batch_rows, n - at));
        if (d->run.snapshots) test_restart(d);
    }
}

/* --- answers --- */

static OPS_UNUSED int64_t test_count(struct test_driver *d, const char *text)
{
    return test_fold_get(&d->fold, text);
}

static OPS_UNUSED uint64_t test_live(const struct test_driver *d)
{
    uint64_t live = 0;
    for (uint32_t i = 0; i < d->fold.size; i++)
        live += (uint64_t)(d->fold.counts[i] > 0 ? d->fold.counts[i] : 0);
    return live;
}

static OPS_UNUSED struct weir_spec *test_columns(
    struct weir_arena *arena, uint32_t count, const uint32_t *columns)
{
    return weir_spec_integers(arena, columns, count);
}

static OPS_UNUSED void test_add_call(struct weir_arena *arena, struct weir_spec *list, const char *function,
    int argument, const struct weir_type *type, int filter, bool distinct)
{
    struct weir_aggregate_call call = { .function = weir_aggregate_function_find(function),
        .type = type,
        .argument_count = argument >= 0,
        .arguments = { argument >= 0 ? (uint32_t)argument : 0 },
        .filter = filter,
        .distinct = distinct };
    if (!call.function) fail_msg("no aggregate %s", function);
    weir_spec_add(arena, list, weir_aggregate_call_to_spec(arena, &call));
}

static OPS_UNUSED uint64_t test_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

#endif
