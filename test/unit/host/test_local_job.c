/* Local executor: a graph of test operators runs, fails, is canceled, is restored. */
#include "support/cmocka_all.h"
#include "support/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/local_job.h"
#include "plugins/filesystem/file/file_filesystem.h"

enum { SPLITS = 6, WAIT_MS = 20000 };

/* What the operators do and what came of it; set while no job runs. */
static struct {
    uint64_t rows_per_split;
    _Atomic uint64_t hold_at; /* sources wait there until it is raised */
    uint64_t fail_at;
    _Atomic uint64_t held; /* splits that wait */
    _Atomic uint64_t count, sum, sinks_ended;
} test;

/* --- source: split s gives s, s + SPLITS, ...; its position is its snapshot --- */

struct counter {
    struct weir_source source;
    uint64_t next[SPLITS];
};

static bool is_mine(const struct counter *c, uint64_t split)
{
    return split % c->source.ctx->parallelism == c->source.ctx->subtask_index;
}

static const struct weir_source_ops counter_ops;

static enum weir_error_code counter_create(struct weir_operator_context *ctx, struct weir_source **ret)
{
    struct counter *c = WEIR_ARENA_NEW(ctx->arena, struct counter);
    c->source = (struct weir_source){ &counter_ops, ctx };
    *ret = &c->source;
    return WEIR_OK;
}

static enum weir_source_result counter_poll(
    struct weir_source *source, struct weir_batch *out, int64_t *idle_until_ms)
{
    struct counter *c = (struct counter *)source;
    uint64_t hold_at = atomic_load(&test.hold_at);
    bool open = false;
    int64_t *values = out->columns[0].data;
    for (uint64_t s = 0; s < SPLITS; s++) {
        if (!is_mine(c, s)) continue;
        for (int i = 0; i < 50 && c->next[s] < test.rows_per_split && c->next[s] < hold_at; i++) {
            if (c->next[s] == test.fail_at && test.fail_at) {
                weir_error_set(source->ctx->error, WEIR_E_DATA, "the source broke");
                return WEIR_SOURCE_FAILED;
            }
            values[out->row_count++] = (int64_t)(s + SPLITS * c->next[s]++);
            if (c->next[s] == hold_at) atomic_fetch_add(&test.held, 1);
        }
        open |= c->next[s] < test.rows_per_split;
    }
    if (out->row_count) return WEIR_SOURCE_ROWS;
    *idle_until_ms = source->ctx->now_us(source->ctx->clock) / 1000 + 1;
    return open ? WEIR_SOURCE_IDLE : WEIR_SOURCE_FINISHED;
}

static enum weir_error_code counter_snapshot(
    struct weir_source *source, uint64_t checkpoint_id, struct weir_buffer *to, struct weir_error *reterr)
{
    struct counter *c = (struct counter *)source;
    for (uint64_t s = 0; s < SPLITS; s++) weir_buffer_append_u64(to, is_mine(c, s) ? c->next[s] : 0);
    return WEIR_OK;
}

static enum weir_error_code counter_restore(struct weir_source *source,
    const struct weir_operator_blob *blobs, uint32_t count, struct weir_error *reterr)
{
    struct counter *c = (struct counter *)source;
    for (uint32_t b = 0; b < count; b++) {
        struct weir_reader reader = { .data = blobs[b].bytes, .length = blobs[b].length };
        for (uint64_t s = 0; s < SPLITS; s++) c->next[s] += weir_reader_u64(&reader);
    }
    return WEIR_OK;
}

static const struct weir_source_ops counter_ops = { .name = "test",
    .create = counter_create,
    .poll = counter_poll,
    .snapshot = counter_snapshot,
    .restore = counter_restore };

/* --- sink: counts and sums, remembers both in its snapshot, tells them when its input has ended --- */

struct adder {
    struct weir_operator op;
    uint64_t count, sum;
};

static const struct weir_operator_ops adder_ops;

static enum weir_error_code adder_create(struct weir_operator_context *ctx, struct weir_operator **ret)
{
    struct adder *a = WEIR_ARENA_NEW(ctx->arena, struct adder);
    a->op = (struct weir_operator){ &adder_ops, ctx };
    *ret = &a->op;
    return WEIR_OK;
}

static enum weir_operator_result adder_process(
    struct weir_operator *op, uint32_t input, const struct weir_batch *in, struct weir_batch *out)
{
    struct adder *a = (struct adder *)op;
    for (uint32_t i = 0; i < weir_batch_selected(in); i++) {
        a->count++;
        a->sum += (uint64_t)((const int64_t *)in->columns[0].data)[weir_batch_row(in, i)];
    }
    return WEIR_OPERATOR_NEED_INPUT;
}

static enum weir_operator_result adder_end(struct weir_operator *op, uint32_t input, struct weir_batch *out)
{
    struct adder *a = (struct adder *)op;
    atomic_fetch_add(&test.count, a->count);
    atomic_fetch_add(&test.sum, a->sum);
    atomic_fetch_add(&test.sinks_ended, 1);
    return WEIR_OPERATOR_NEED_INPUT;
}

static enum weir_error_code adder_snapshot(
    struct weir_operator *op, uint64_t checkpoint_id, struct weir_buffer *to, struct weir_error *reterr)
{
    weir_buffer_append_u64(to, ((struct adder *)op)->count);
    weir_buffer_append_u64(to, ((struct adder *)op)->sum);
    return WEIR_OK;
}

static enum weir_error_code adder_restore(struct weir_operator *op, const struct weir_operator_blob *blobs,
    uint32_t count, struct weir_error *reterr)
{
    struct adder *a = (struct adder *)op;
    for (uint32_t b = 0; b < count; b++) {
        if (blobs[b].subtask_index % op->ctx->parallelism != op->ctx->subtask_index) continue;
        struct weir_reader reader = { .data = blobs[b].bytes, .length = blobs[b].length };
        a->count += weir_reader_u64(&reader);
        a->sum += weir_reader_u64(&reader);
    }
    return WEIR_OK;
}

static const struct weir_operator_ops adder_ops = { .name = "test",
    .create = adder_create,
    .process = adder_process,
    .end_input = adder_end,
    .snapshot = adder_snapshot,
    .restore = adder_restore };

static const struct weir_connector connector = { .name = "test", .source = &counter_ops, .sink = &adder_ops };
static const struct weir_connector *const connector_list[] = { &connector };
static const struct weir_connectors connectors = { .connectors = connector_list, .connector_count = 1 };

/* --- operator in between: passes rows on --- */

static enum weir_error_code pass_create(struct weir_operator_context *ctx, struct weir_operator **ret);
static enum weir_operator_result pass_process(
    struct weir_operator *op, uint32_t input, const struct weir_batch *in, struct weir_batch *out)
{
    weir_batch_reference(out, in);
    return WEIR_OPERATOR_NEED_INPUT;
}
static const struct weir_operator_ops pass_ops = {
    .name = "pass", .create = pass_create, .process = pass_process
};
static enum weir_error_code pass_create(struct weir_operator_context *ctx, struct weir_operator **ret)
{
    *ret = WEIR_ARENA_NEW(ctx->arena, struct weir_operator);
    **ret = (struct weir_operator){ &pass_ops, ctx };
    return WEIR_OK;
}

static const struct weir_operator_ops *find_operator(const char *name)
{
    return strcmp(name, "pass") == 0 ? &pass_ops : NULL;
}

/* --- the graph: source =rebalance=> pass =hash=> sink --- */

struct fixture {
    struct weir_test_memory memory;
    struct weir_arena arena;
    struct weir_plan_node nodes[3];
    struct weir_plan_edge edges[2];
    struct weir_stream_graph graph;
    struct weir_local_job_config config;
    struct weir_local_job *job;
    struct weir_error error;
    char folder[64];
};

static void begin(struct fixture *f, uint64_t rows_per_split)
{
    static const struct weir_type *const types[] = { &weir_type_bigint_not_null };
    static const char *const names[] = { "v" };
    static const uint32_t keys[] = { 0 };
    memset(f, 0, sizeof *f);
    test.rows_per_split = rows_per_split;
    test.fail_at = 0;
    atomic_store(&test.hold_at, UINT64_MAX);
    atomic_store(&test.held, 0);
    atomic_store(&test.count, 0);
    atomic_store(&test.sum, 0);
    atomic_store(&test.sinks_ended, 0);
    weir_test_memory_init(&f->memory);
    weir_arena_init(&f->arena, &f->memory.base);
    static const char *const operators[] = { "test", "pass", "test" };
    for (uint32_t i = 0; i < 3; i++)
        f->nodes[i] = (struct weir_plan_node){ .id = i + 1,
            .kind = i == 0   ? WEIR_PLAN_SOURCE
                    : i == 1 ? WEIR_PLAN_OPERATOR
                             : WEIR_PLAN_SINK,
            .operator_name = operators[i],
            .description = operators[i],
            .spec = weir_spec_map(&f->arena),
            .column_count = i < 2,
            .types = types,
            .names = names,
            .inputs = i ? &f->edges[i - 1] : NULL,
            .input_edge_count = i > 0 };
    f->edges[0] = (struct weir_plan_edge){ .from = 0, .exchange = WEIR_EXCHANGE_REBALANCE };
    f->edges[1] =
        (struct weir_plan_edge){ .from = 1, .exchange = WEIR_EXCHANGE_HASH, .keys = keys, .key_count = 1 };
    f->graph = (struct weir_stream_graph){ f->nodes, 3, false };
    f->config = (struct weir_local_job_config){ .memory = &f->memory.base,
        .connectors = &connectors,
        .filesystem = &weir_file_filesystem,
        .find_operator = find_operator,
        .checkpoint_timeout_ms = 60000 };
}

static enum weir_error_code start(struct fixture *f, uint32_t parallelism)
{
    assert_int_equal(
        weir_job_graph_build(&f->arena, &f->graph, parallelism, 16, true, &f->config.graph, &f->error),
        WEIR_OK);
    return weir_local_job_start(&f->config, &f->job, &f->error);
}

static void stop(struct fixture *f)
{
    weir_local_job_free(f->job);
    f->job = NULL;
}

static void end(struct fixture *f)
{
    stop(f);
    if (f->folder[0]) {
        struct weir_error error;
        assert_int_equal(
            weir_file_filesystem.remove(&weir_file_filesystem, f->folder, true, &error), WEIR_OK);
    }
    weir_arena_done(&f->arena);
    weir_test_memory_check(&f->memory);
}

static void make_folder(struct fixture *f)
{
    const char *base = getenv("TMPDIR");
    snprintf(f->folder, sizeof f->folder, "%.40s/weir-job-XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(f->folder));
    f->config.checkpoint_directory = f->folder;
}

static void expect_everything(uint32_t sinks)
{
    uint64_t rows = test.rows_per_split * SPLITS;
    assert_int_equal(atomic_load(&test.count), rows);
    assert_int_equal(atomic_load(&test.sum), rows * (rows - 1) / 2);
    assert_int_equal(atomic_load(&test.sinks_ended), sinks);
}

static void wait_until_held(void)
{
    for (int i = 0; i < WAIT_MS && atomic_load(&test.held) < SPLITS; i++) usleep(1000);
    assert_int_equal(atomic_load(&test.held), SPLITS);
}

/* --- tests --- */

static void every_row_arrives_at_any_parallelism(void **state)
{
    for (uint32_t parallelism = 1; parallelism <= 3; parallelism++) {
        struct fixture f;
        begin(&f, 20000);
        assert_int_equal(start(&f, parallelism), WEIR_OK);
        assert_int_equal(weir_local_job_wait(f.job, WAIT_MS), WEIR_JOB_FINISHED);
        expect_everything(parallelism);
        struct weir_local_job_progress progress;
        weir_local_job_progress(f.job, &progress);
        assert_int_equal(progress.records_in, 20000 * SPLITS);
        end(&f);
    }
}

static void unequal_parallelism(void **state)
{
    struct fixture f;
    begin(&f, 10000);
    f.nodes[1].parallelism = 3;
    f.nodes[2].parallelism = 1;
    assert_int_equal(start(&f, 2), WEIR_OK);
    assert_int_equal(weir_local_job_wait(f.job, WAIT_MS), WEIR_JOB_FINISHED);
    expect_everything(1);
    end(&f);
}

static void one_failure_fails_the_job_with_its_cause(void **state)
{
    for (uint32_t parallelism = 1; parallelism <= 3; parallelism++) {
        struct fixture f;
        begin(&f, 20000);
        test.fail_at = 7000;
        assert_int_equal(start(&f, parallelism), WEIR_OK);
        assert_int_equal(weir_local_job_wait(f.job, WAIT_MS), WEIR_JOB_FAILED);
        const struct weir_error *error = weir_local_job_error(f.job);
        assert_int_equal(error->code, WEIR_E_DATA);
        assert_non_null(strstr(error->message, "failed"));
        assert_string_equal(error->causes[error->cause_count - 1], "the source broke");
        assert_int_equal(atomic_load(&test.sinks_ended), 0);
        end(&f);
    }
}

static void a_cancel_ends_it_at_once(void **state)
{
    struct fixture f;
    begin(&f, UINT64_MAX);
    atomic_store(&test.hold_at, 100);
    assert_int_equal(start(&f, 3), WEIR_OK);
    wait_until_held();
    assert_int_equal(weir_local_job_wait(f.job, 0), WEIR_JOB_RUNNING);
    weir_local_job_cancel(f.job);
    assert_int_equal(weir_local_job_wait(f.job, 3000), WEIR_JOB_CANCELED);
    assert_int_equal(atomic_load(&test.sinks_ended), 0);
    end(&f);
}

static void a_running_job_can_be_freed(void **state)
{
    struct fixture f;
    begin(&f, UINT64_MAX);
    assert_int_equal(start(&f, 3), WEIR_OK);
    end(&f);
}

static void restored_at_any_parallelism_nothing_is_lost_or_twice(void **state)
{
    static const uint32_t cases[][2] = { { 1, 1 }, { 1, 3 }, { 3, 1 }, { 2, 3 } };
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(cases); i++) {
        struct fixture f;
        begin(&f, 5000);
        make_folder(&f);
        atomic_store(&test.hold_at, 3000);
        assert_int_equal(start(&f, cases[i][0]), WEIR_OK);
        const char *path = NULL;
        usleep(2000); /* somewhere in the middle */
        assert_int_equal(weir_local_job_checkpoint(f.job, &f.arena, &path, &f.error), WEIR_OK);
        assert_non_null(path);
        wait_until_held(); /* what came after the checkpoint is done again */
        weir_local_job_cancel(f.job);
        assert_int_equal(weir_local_job_wait(f.job, WAIT_MS), WEIR_JOB_CANCELED);
        stop(&f);
        atomic_store(&test.hold_at, UINT64_MAX);
        f.config.restore_path = path;
        assert_int_equal(start(&f, cases[i][1]), WEIR_OK);
        assert_int_equal(weir_local_job_wait(f.job, WAIT_MS), WEIR_JOB_FINISHED);
        expect_everything(cases[i][1]);
        end(&f);
    }
}

static void state_that_nothing_takes_is_left_behind_only_when_told(void **state)
{
    struct fixture f;
    const char *path = NULL;
    begin(&f, UINT64_MAX);
    make_folder(&f);
    assert_int_equal(start(&f, 2), WEIR_OK);
    assert_int_equal(weir_local_job_checkpoint(f.job, &f.arena, &path, &f.error), WEIR_OK);
    weir_local_job_cancel(f.job);
    assert_int_equal(weir_local_job_wait(f.job, WAIT_MS), WEIR_JOB_CANCELED);
    stop(&f);
    f.config.restore_path = path;
    f.nodes[0].id += 100;
    assert_int_equal(start(&f, 2), WEIR_E_STATE);
    assert_non_null(strstr(f.error.message, "it holds state of operator '1_"));
    assert_non_null(strstr(f.error.message, path));
    f.config.allow_non_restored_state = true;
    f.error = (struct weir_error){ 0 };
    start(&f, 2);
    assert_null(strstr(f.error.message, "it holds state of operator"));
    end(&f);
}

static void checkpoints_in_quick_succession(void **state)
{
    struct fixture f;
    begin(&f, 60000);
    make_folder(&f);
    f.config.checkpoint_interval_ms = 2;
    assert_int_equal(start(&f, 3), WEIR_OK);
    assert_int_equal(weir_local_job_wait(f.job, WAIT_MS), WEIR_JOB_FINISHED);
    expect_everything(3);
    struct weir_local_job_progress progress;
    weir_local_job_progress(f.job, &progress);
    assert_true(progress.checkpoints_completed > 0);
    assert_int_equal(progress.checkpoints_failed, 0);
    end(&f);
}

static bool take_ten(void *reader, const struct weir_batch *batch)
{
    uint64_t *count = reader;
    *count += weir_batch_selected(batch);
    return *count < 10;
}

static void a_reader_that_has_enough_ends_an_endless_job(void **state)
{
    struct fixture f;
    uint64_t count = 0;
    begin(&f, UINT64_MAX);
    f.nodes[2].operator_name = "collect";
    f.nodes[2].parallelism = 1;
    f.config.on_rows = take_ten;
    f.config.reader = &count;
    assert_int_equal(start(&f, 3), WEIR_OK);
    assert_int_equal(weir_local_job_wait(f.job, WAIT_MS), WEIR_JOB_FINISHED);
    assert_true(count >= 10);
    end(&f);
}

static void what_cannot_start_says_why(void **state)
{
    struct fixture f;
    begin(&f, 10);
    f.nodes[1].operator_name = "unheard_of";
    assert_int_equal(start(&f, 2), WEIR_E_NOT_FOUND);
    assert_non_null(strstr(f.error.causes[0], "unheard_of"));
    f.nodes[1].operator_name = "pass";
    f.config.restore_path = "/nowhere/chk-1";
    assert_int_not_equal(start(&f, 2), WEIR_OK);
    assert_non_null(strstr(f.error.message, "/nowhere/chk-1"));
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_arrives_at_any_parallelism),
        cmocka_unit_test(unequal_parallelism),
        cmocka_unit_test(one_failure_fails_the_job_with_its_cause),
        cmocka_unit_test(a_cancel_ends_it_at_once),
        cmocka_unit_test(a_running_job_can_be_freed),
        cmocka_unit_test(restored_at_any_parallelism_nothing_is_lost_or_twice),
        cmocka_unit_test(state_that_nothing_takes_is_left_behind_only_when_told),
        cmocka_unit_test(checkpoints_in_quick_succession),
        cmocka_unit_test(a_reader_that_has_enough_ends_an_endless_job),
        cmocka_unit_test(what_cannot_start_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
