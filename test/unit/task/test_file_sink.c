/*
 * The file sink as attempts come and go: whose a file is, what is committed, what is removed. The sink alone
 * is driven here, with a format of one number a line.
 */
#include "memory_filesystem.h"
#include "support/memory.h"

#include "plugins/connector/filesystem/filesystem.h"

#include "task/subtask.h"

#define FINAL_ID WEIR_FINAL_CHECKPOINT_ID

static enum weir_error_code lines_encoder_new(
    const struct weir_format_context *ctx, struct weir_encoder **ret, struct weir_error *reterr)
{
    *ret = NULL;
    return WEIR_OK;
}
static enum weir_error_code lines_encode(struct weir_encoder *encoder, const struct weir_batch *in,
    struct weir_buffer *to, struct weir_error *reterr)
{
    for (uint32_t i = 0; i < weir_batch_selected(in); i++)
        weir_buffer_format(
            to, "%lld\n", (long long)((const int64_t *)in->columns[0].data)[weir_batch_row(in, i)]);
    return WEIR_OK;
}
static const struct weir_format lines = {
    .name = "lines", .encoder_new = lines_encoder_new, .encode = lines_encode
};
static const struct weir_format *const formats[] = { &lines };
static const struct weir_connectors connectors = { .formats = formats, .format_count = 1 };
static const struct weir_type *types[] = { &weir_type_bigint_not_null, &weir_type_bigint_not_null };

struct fixture {
    struct weir_test_memory memory;
    struct weir_arena arena;
    struct memory_filesystem fs;
    struct weir_error error;
    struct weir_spec *spec, *options;
    int64_t now_us;
    bool bounded, restored_ended;
    const char *job_id;
};

/* What a checkpoint holds of one subtask. */
struct blob {
    struct weir_buffer bytes;
    uint32_t subtask;
};

struct attempt {
    struct fixture *f;
    struct weir_arena arena;
    struct weir_operator_context ctx;
    struct weir_operator_metrics metrics;
    struct weir_operator *op;
    struct weir_error error;
};

static int64_t now_us(void *clock)
{
    return *(int64_t *)clock;
}
static void set_timer(struct weir_operator_context *ctx, int64_t at_ms) {}

static void begin(struct fixture *f, bool partitioned)
{
    memset(f, 0, sizeof *f);
    weir_test_memory_init(&f->memory);
    weir_arena_init(&f->arena, &f->memory.base);
    memory_filesystem_init(&f->fs);
    f->now_us = 1700000000000000;
    struct weir_arena *a = &f->arena;
    f->spec = weir_spec_map(a);
    f->options = weir_spec_map(a);
    struct weir_spec *columns = weir_spec_list(a);
    for (int i = 0; i < 2; i++) {
        struct weir_spec *column = weir_spec_map(a);
        weir_spec_put(a, column, "name", weir_spec_text(a, i ? "p" : "v"));
        weir_spec_put(a, column, "type", weir_spec_type(a, types[i]));
        weir_spec_add(a, columns, column);
    }
    weir_spec_put(a, f->options, "path", weir_spec_text(a, "/out"));
    weir_spec_put(a, f->options, "format", weir_spec_text(a, "lines"));
    weir_spec_put(a, f->spec, "identifier", weir_spec_text(a, "t"));
    weir_spec_put(a, f->spec, "options", f->options);
    weir_spec_put(a, f->spec, "columns", columns);
    if (partitioned) weir_spec_put(a, f->spec, "partition_keys", weir_spec_integers(a, (uint32_t[]){ 1 }, 1));
}

static void set_option(struct fixture *f, const char *key, const char *value)
{
    weir_spec_put(&f->arena, f->options, key, weir_spec_text(&f->arena, value));
}

static void end(struct fixture *f)
{
    assert_null(f->fs.violation);
    memory_filesystem_done(&f->fs);
    weir_arena_done(&f->arena);
    weir_test_memory_check(&f->memory);
}

/* Starts; blobs NULL: fresh. What it failed with is in a->error. */
static enum weir_error_code start(struct fixture *f, struct attempt *a, uint64_t epoch, uint32_t number,
    uint32_t subtask, uint32_t parallelism, uint64_t restored_id, const struct blob *blobs, uint32_t count)
{
    memset(a, 0, sizeof *a);
    a->f = f;
    weir_arena_init(&a->arena, &f->memory.base);
    a->ctx = (struct weir_operator_context){ .spec = f->spec,
        .subtask_index = subtask,
        .parallelism = parallelism,
        .max_parallelism = 128,
        .task_name = "Sink",
        .uid = "4_filesystem",
        .job_id = f->job_id ? f->job_id : "0a0b",
        .attempt_epoch = epoch,
        .attempt_number = number,
        .restored_checkpoint_id = restored_id,
        .restored = blobs != NULL,
        .restored_ended = f->restored_ended,
        .bounded = f->bounded,
        .arena = &a->arena,
        .memory = &f->memory.base,
        .connectors = &connectors,
        .filesystem = &f->fs.base,
        .metrics = &a->metrics,
        .error = &a->error,
        .now_us = now_us,
        .clock = &f->now_us,
        .statement_start_us = f->now_us,
        .set_timer = set_timer };
    enum weir_error_code code = weir_filesystem_sink_ops.create(&a->ctx, &a->op);
    assert_int_equal(code, WEIR_OK);
    struct weir_operator_blob given[8];
    for (uint32_t i = 0; i < count; i++)
        given[i] = (struct weir_operator_blob){ (const uint8_t *)blobs[i].bytes.data, blobs[i].bytes.length,
            blobs[i].subtask };
    return blobs ? weir_filesystem_sink_ops.restore(a->op, given, count, &a->error) : WEIR_OK;
}

static void stop(struct attempt *a)
{
    weir_filesystem_sink_ops.close(a->op);
    weir_arena_done(&a->arena);
}

static void kill_it(struct attempt *a)
{
    a->f->fs.dead = true;
    stop(a);
    a->f->fs.dead = false;
}

/* Numbers from to from + count - 1; partition: number % 3. */
static enum weir_operator_result write_rows(struct attempt *a, int64_t from, uint32_t count)
{
    struct weir_batch batch;
    weir_batch_init(&batch, types, 2, &a->f->memory.base);
    for (uint32_t i = 0; i < count; i++) {
        ((int64_t *)batch.columns[0].data)[i] = from + i;
        ((int64_t *)batch.columns[1].data)[i] = (from + i) % 3;
    }
    batch.row_count = count;
    enum weir_operator_result result = weir_filesystem_sink_ops.process(a->op, 0, &batch, NULL);
    weir_batch_done(&batch);
    return result;
}

static enum weir_error_code snapshot(struct attempt *a, uint64_t id, struct blob *ret)
{
    if (ret->bytes.memory)
        weir_buffer_clear(&ret->bytes);
    else
        weir_buffer_init(&ret->bytes, &a->f->memory.base, 1 << 20);
    ret->subtask = a->ctx.subtask_index;
    return weir_filesystem_sink_ops.snapshot(a->op, id, &ret->bytes, &a->error);
}

static enum weir_error_code notify(struct attempt *a, uint64_t id)
{
    a->error.code = WEIR_OK;
    weir_filesystem_sink_ops.notify_complete(a->op, id);
    return a->error.code;
}

static void blob_done(struct blob *blob)
{
    if (blob->bytes.memory) weir_buffer_done(&blob->bytes);
}

/* Visible numbers, in any order: each of 0 to count - 1 exactly once. */
static void expect_numbers(struct fixture *f, uint32_t count)
{
    uint8_t met[256] = { 0 };
    for (uint32_t i = 0; i < f->fs.count; i++) {
        struct fs_node *node = f->fs.nodes[i];
        const char *name = strrchr(node->path, '/') + 1;
        if (node->is_directory || strncmp(node->path, "/out/", 5) != 0 || name[0] == '.' || name[0] == '_')
            continue;
        for (size_t at = 0; at < node->length;) {
            char *rest;
            long number = strtol(node->bytes + at, &rest, 10);
            assert_true(number >= 0 && number < 256 && *rest == '\n');
            met[number]++;
            at = (size_t)(rest - node->bytes) + 1;
        }
    }
    for (uint32_t i = 0; i < 256; i++)
        if (met[i] != (i < count)) fail_msg("%u is there %u times", i, met[i]);
}

/* --- names --- */

static void a_file_says_whose_it_is(void **state)
{
    struct fixture f;
    struct attempt a;
    struct blob blob = { 0 };
    begin(&f, false);
    set_option(&f, "sink.rolling-policy.file-size", "4 b");
    assert_int_equal(start(&f, &a, 12, 3, 1, 2, 0, NULL, 0), WEIR_OK);
    write_rows(&a, 0, 4);
    assert_non_null(memory_filesystem_first(&f.fs, "/out/.part-0a0b-4_filesystem-12-3-1-0-0.inprogress"));
    assert_int_equal(snapshot(&a, 7, &blob), WEIR_OK);
    write_rows(&a, 4, 1);
    assert_non_null(memory_filesystem_first(&f.fs, "/out/.part-0a0b-4_filesystem-12-3-1-7-1.inprogress"));
    expect_numbers(&f, 0);
    assert_int_equal(notify(&a, 7), WEIR_OK);
    expect_numbers(&f, 4);
    const char *visible = memory_filesystem_first(&f.fs, "/out/part-")->path;
    assert_int_equal(strlen(visible), strlen("/out/part-01234567-0123-0123-0123-0123456789ab-1-0"));
    assert_string_equal(visible + strlen(visible) - 4, "-1-0");
    stop(&a);
    blob_done(&blob);
    end(&f);
}

/* A job that keeps its id begins anew where nobody knows of its earlier life. */
static void attempts_never_share_a_name(void **state)
{
    struct fixture f;
    struct attempt a;
    struct blob blob = { 0 };
    begin(&f, false);
    for (int life = 0; life < 2; life++) {
        f.now_us++;
        assert_int_equal(start(&f, &a, 1, 1, 0, 1, 0, NULL, 0), WEIR_OK);
        write_rows(&a, 2 * life, 1);
        a.ctx.savepoint = true; /* closes the part */
        assert_int_equal(snapshot(&a, 1, &blob), WEIR_OK);
        assert_int_equal(notify(&a, 1), WEIR_OK);
        assert_int_equal(write_rows(&a, 2 * life + 1, 1), WEIR_OPERATOR_NEED_INPUT);
        kill_it(&a);
        assert_int_equal(memory_filesystem_count(&f.fs, ".part-"), life + 1);
    }
    assert_int_equal(memory_filesystem_count(&f.fs, "/out/part-"), 2);
    blob_done(&blob);
    end(&f);
}

/* --- committing --- */

static void a_missing_committable_is_an_error_at_the_first_commit(void **state)
{
    struct fixture f;
    struct attempt a;
    struct blob blob = { 0 };
    begin(&f, false);
    assert_int_equal(start(&f, &a, 1, 1, 0, 1, 0, NULL, 0), WEIR_OK);
    write_rows(&a, 0, 3);
    assert_int_equal(snapshot(&a, FINAL_ID, &blob), WEIR_OK);
    fs_drop(&f.fs, memory_filesystem_first(&f.fs, ".part-"));
    assert_int_equal(notify(&a, FINAL_ID), WEIR_E_IO);
    assert_non_null(strstr(a.error.message, "gone before it was committed"));
    stop(&a);
    blob_done(&blob);
    end(&f);
}

static void a_restored_commit_may_have_been_done(void **state)
{
    struct fixture f;
    struct attempt a, b;
    struct blob blob = { 0 };
    begin(&f, false);
    assert_int_equal(start(&f, &a, 1, 1, 0, 1, 0, NULL, 0), WEIR_OK);
    write_rows(&a, 0, 3);
    assert_int_equal(snapshot(&a, FINAL_ID, &blob), WEIR_OK);
    assert_int_equal(notify(&a, FINAL_ID), WEIR_OK);
    assert_int_equal(notify(&a, FINAL_ID), WEIR_OK); /* repeated by a new leader */
    kill_it(&a);
    expect_numbers(&f, 3);
    assert_int_equal(start(&f, &b, 2, 1, 0, 1, 9, &blob, 1), WEIR_OK);
    expect_numbers(&f, 3);
    stop(&b);
    blob_done(&blob);
    end(&f);
}

static void a_renaming_whose_answer_was_lost_is_settled_by_the_next_attempt(void **state)
{
    struct fixture f;
    struct attempt a, b;
    struct blob blob = { 0 };
    begin(&f, false);
    assert_int_equal(start(&f, &a, 1, 1, 0, 1, 0, NULL, 0), WEIR_OK);
    write_rows(&a, 0, 3);
    assert_int_equal(snapshot(&a, FINAL_ID, &blob), WEIR_OK);
    f.fs.fault.call = FS_RENAME;
    f.fs.fault.code = WEIR_E_IO;
    f.fs.fault.takes_effect = true;
    assert_int_equal(notify(&a, FINAL_ID), WEIR_E_IO);
    stop(&a); /* what a checkpoint names is not removed */
    assert_int_equal(start(&f, &b, 1, 2, 0, 1, 9, &blob, 1), WEIR_OK);
    expect_numbers(&f, 3);
    stop(&b);
    blob_done(&blob);
    end(&f);
}

static void a_place_that_is_taken_is_not_written_over(void **state)
{
    struct fixture f;
    struct attempt a;
    struct blob blob = { 0 };
    begin(&f, false);
    assert_int_equal(start(&f, &a, 1, 1, 0, 1, 0, NULL, 0), WEIR_OK);
    write_rows(&a, 0, 3);
    assert_int_equal(snapshot(&a, 5, &blob), WEIR_OK);
    a.ctx.savepoint = true;
    assert_int_equal(snapshot(&a, 6, &blob), WEIR_OK);
    assert_int_equal(notify(&a, 6), WEIR_OK);
    char visible[256];
    snprintf(visible, sizeof visible, "%s", memory_filesystem_first(&f.fs, "/out/part-")->path);
    visible[strlen(visible) - 1]++; /* the next one's */
    memory_filesystem_put(&f.fs, visible, "100\n");
    write_rows(&a, 3, 3);
    assert_int_equal(snapshot(&a, 7, &blob), WEIR_OK);
    assert_int_equal(notify(&a, 7), WEIR_E_ALREADY_EXISTS);
    assert_string_equal(memory_filesystem_first(&f.fs, visible)->bytes, "100\n");
    assert_int_equal(memory_filesystem_count(&f.fs, ".part-"), 1);
    stop(&a);
    blob_done(&blob);
    end(&f);
}

static void committables_of_an_aborted_checkpoint_ride_on(void **state)
{
    struct fixture f;
    struct attempt a, b;
    struct blob five = { 0 }, six = { 0 };
    begin(&f, false);
    set_option(&f, "sink.rolling-policy.file-size", "4 b");
    assert_int_equal(start(&f, &a, 1, 1, 0, 1, 0, NULL, 0), WEIR_OK);
    write_rows(&a, 0, 4);
    assert_int_equal(snapshot(&a, 5, &five), WEIR_OK); /* given up */
    write_rows(&a, 4, 4);
    assert_int_equal(snapshot(&a, 6, &six), WEIR_OK);
    kill_it(&a); /* nobody was told that 6 is complete */
    memory_filesystem_power_loss(&f.fs);
    expect_numbers(&f, 0);
    assert_int_equal(start(&f, &b, 1, 2, 0, 1, 6, &six, 1), WEIR_OK);
    expect_numbers(&f, 8);
    stop(&b);
    blob_done(&five);
    blob_done(&six);
    end(&f);
}

static void a_deposed_attempt_that_wakes_up_commits_nothing_twice(void **state)
{
    struct fixture f;
    struct attempt a, b;
    struct blob blob = { 0 };
    begin(&f, false);
    assert_int_equal(start(&f, &a, 1, 1, 0, 1, 0, NULL, 0), WEIR_OK);
    write_rows(&a, 0, 3);
    a.ctx.savepoint = true;
    assert_int_equal(snapshot(&a, 5, &blob), WEIR_OK);
    write_rows(&a, 3, 3);
    struct blob later = { 0 };
    assert_int_equal(snapshot(&a, 6, &later), WEIR_OK); /* never complete */
    assert_int_equal(start(&f, &b, 2, 1, 0, 1, 5, &blob, 1), WEIR_OK);
    write_rows(&b, 3, 3);
    assert_int_equal(notify(&a, 6), WEIR_E_IO); /* what the old leader had sent */
    stop(&a);
    assert_int_equal(snapshot(&b, FINAL_ID, &blob), WEIR_OK);
    assert_int_equal(notify(&b, FINAL_ID), WEIR_OK);
    expect_numbers(&f, 6);
    stop(&b);
    blob_done(&blob);
    blob_done(&later);
    end(&f);
}

/* --- restoring --- */

static void the_confirmed_prefix_goes_on_in_a_file_of_its_own(void **state)
{
    struct fixture f;
    struct attempt a, b, c;
    struct blob five = { 0 }, six = { 0 };
    begin(&f, false);
    assert_int_equal(start(&f, &a, 1, 1, 0, 1, 0, NULL, 0), WEIR_OK);
    write_rows(&a, 0, 5);
    assert_int_equal(snapshot(&a, 5, &five), WEIR_OK);
    write_rows(&a, 100, 5); /* not confirmed */
    kill_it(&a);
    const char *old = ".part-0a0b-4_filesystem-1-1-0-0-0.inprogress";
    size_t length = memory_filesystem_first(&f.fs, old)->length;
    assert_int_equal(start(&f, &b, 1, 2, 0, 1, 5, &five, 1), WEIR_OK);
    assert_int_equal(memory_filesystem_first(&f.fs, old)->length, length);
    assert_int_equal(notify(&b, 5), WEIR_OK); /* repeated: no checkpoint that does without the old file */
    write_rows(&b, 5, 2);
    kill_it(&b);
    assert_non_null(memory_filesystem_first(&f.fs, old));
    assert_int_equal(start(&f, &c, 1, 3, 0, 1, 5, &five, 1), WEIR_OK);
    assert_null(memory_filesystem_first(&f.fs, "-1-2-0-5-0.inprogress")); /* the second attempt's is no use */
    write_rows(&c, 5, 3);
    assert_int_equal(snapshot(&c, 6, &six), WEIR_OK);
    assert_non_null(memory_filesystem_first(&f.fs, old));
    assert_int_equal(notify(&c, 6), WEIR_OK);
    assert_null(memory_filesystem_first(&f.fs, old));
    assert_int_equal(snapshot(&c, FINAL_ID, &six), WEIR_OK);
    assert_int_equal(notify(&c, FINAL_ID), WEIR_OK);
    expect_numbers(&f, 8);
    stop(&c);
    assert_int_equal(memory_filesystem_count(&f.fs, ".part-"), 0);
    blob_done(&five);
    blob_done(&six);
    end(&f);
}

static void predecessors_files_are_removed_and_no_others(void **state)
{
    static const char *const kept[] = { "/out/.part-ffff-4_filesystem-1-1-0-0-0.inprogress", /* another job */
        "/out/.part-0a0b-5_filesystem-1-1-0-0-0.inprogress", /* another sink */
        "/out/.part-0a0b-4_filesystem-1-1-1-0-0.inprogress", /* subtask 1 */
        "/out/.part-0a0b-4_filesystem-3-1-0-0-0.inprogress", /* later epochs */
        "/out/.part-0a0b-4_filesystem-2-3-0-0-0.inprogress", /* later number */
        "/out/.part-0a0b-4_filesystem-1-1-0-0.inprogress",   /* a name that is none of ours */
        "/out/.part-0a0b-4_filesystem-1-1-0-0-0.inprogress.bak", "/out/part-x-0-0", "/out/.other",
        "/out/p=1/q=1/.part-0a0b-4_filesystem-1-1-0-0-0.inprogress" };
    static const char *const removed[] = { "/out/.part-0a0b-4_filesystem-1-9-0-0-0.inprogress",
        "/out/.part-0a0b-4_filesystem-2-1-0-4-77.inprogress",
        "/out/.part-0a0b-4_filesystem-1-1-2-0-0.inprogress", /* subtask 2 of more than there are now */
        "/out/p=1/.part-0a0b-4_filesystem-1-1-0-0-3.inprogress" };
    for (int restored = 0; restored < 2; restored++) {
        struct fixture f;
        struct attempt a;
        struct blob blob = { 0 };
        begin(&f, true);
        fs_make_directories(&f.fs.base, "/out/p=1/q=1", NULL);
        for (size_t i = 0; i < WEIR_ARRAY_COUNT(kept); i++) memory_filesystem_put(&f.fs, kept[i], "1\n");
        for (size_t i = 0; i < WEIR_ARRAY_COUNT(removed); i++)
            memory_filesystem_put(&f.fs, removed[i], "1\n");
        assert_int_equal(start(&f, &a, 2, 2, 0, 2, restored ? 3 : 0, restored ? &blob : NULL, 0), WEIR_OK);
        for (size_t i = 0; i < WEIR_ARRAY_COUNT(kept); i++) assert_non_null(fs_find(&f.fs, kept[i]));
        for (size_t i = 0; i < WEIR_ARRAY_COUNT(removed); i++) assert_null(fs_find(&f.fs, removed[i]));
        stop(&a);
        end(&f);
    }
}

static void files_that_the_checkpoint_names_are_no_litter(void **state)
{
    struct fixture f;
    struct attempt a[3], b;
    struct blob blobs[3] = { 0 };
    begin(&f, false);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(start(&f, &a[i], 1, 1, i, 3, 0, NULL, 0), WEIR_OK);
        write_rows(&a[i], i * 4, 4);
        a[i].ctx.savepoint = true;
        assert_int_equal(snapshot(&a[i], 5, &blobs[i]), WEIR_OK);
    }
    for (uint32_t i = 0; i < 3; i++) kill_it(&a[i]);
    /* The first of two: 0 and 2 are its, 1 is the other's, and waits. */
    assert_int_equal(start(&f, &b, 1, 2, 0, 2, 5, blobs, 3), WEIR_OK);
    assert_int_equal(memory_filesystem_count(&f.fs, ".part-"), 1);
    assert_int_equal(memory_filesystem_count(&f.fs, "/out/part-"), 2);
    stop(&b);
    assert_int_equal(start(&f, &b, 1, 2, 1, 2, 5, blobs, 3), WEIR_OK);
    expect_numbers(&f, 12);
    stop(&b);
    for (uint32_t i = 0; i < 3; i++) blob_done(&blobs[i]);
    end(&f);
}

static void each_committable_is_restored_once_at_any_parallelism(void **state)
{
    for (uint32_t parallelism = 1; parallelism <= 6; parallelism++) {
        struct fixture f;
        struct attempt a[3], b[6];
        struct blob blobs[3] = { 0 }, last = { 0 };
        begin(&f, true);
        for (uint32_t i = 0; i < 3; i++) {
            assert_int_equal(start(&f, &a[i], 1, 1, i, 3, 0, NULL, 0), WEIR_OK);
            write_rows(&a[i], i * 8, 8);
            a[i].ctx.savepoint = i == 1; /* committables of one, open parts of two */
            assert_int_equal(snapshot(&a[i], 5, &blobs[i]), WEIR_OK);
        }
        for (uint32_t i = 0; i < 3; i++) kill_it(&a[i]);
        memory_filesystem_power_loss(&f.fs);
        for (uint32_t i = 0; i < parallelism; i++)
            assert_int_equal(start(&f, &b[i], 2, 1, i, parallelism, 5, blobs, 3), WEIR_OK);
        for (uint32_t i = 0; i < parallelism; i++) {
            assert_int_equal(snapshot(&b[i], FINAL_ID, &last), WEIR_OK);
            assert_int_equal(notify(&b[i], FINAL_ID), WEIR_OK);
            stop(&b[i]);
        }
        expect_numbers(&f, 24);
        assert_int_equal(memory_filesystem_count(&f.fs, ".part-"), 0);
        for (uint32_t i = 0; i < 3; i++) blob_done(&blobs[i]);
        blob_done(&last);
        end(&f);
    }
}

/* The job goes on and commits what it had open: the savepoint does not miss it. */
static void a_savepoint_names_no_open_file(void **state)
{
    struct fixture f;
    struct attempt a, b;
    struct blob savepoint = { 0 }, later = { 0 };
    begin(&f, false);
    assert_int_equal(start(&f, &a, 1, 1, 0, 1, 0, NULL, 0), WEIR_OK);
    write_rows(&a, 0, 4);
    a.ctx.savepoint = true;
    assert_int_equal(snapshot(&a, 5, &savepoint), WEIR_OK);
    a.ctx.savepoint = false;
    write_rows(&a, 4, 4);
    assert_int_equal(snapshot(&a, FINAL_ID, &later), WEIR_OK);
    assert_int_equal(notify(&a, FINAL_ID), WEIR_OK);
    expect_numbers(&f, 8);
    stop(&a);
    /* Another job from it: its rows are there already, the later ones are its own affair. */
    assert_int_equal(start(&f, &b, 2, 1, 0, 1, 5, &savepoint, 1), WEIR_OK);
    expect_numbers(&f, 8);
    stop(&b);
    blob_done(&savepoint);
    blob_done(&later);
    end(&f);
}

static void what_no_checkpoint_names_goes_with_its_attempt(void **state)
{
    struct fixture f;
    struct attempt a;
    struct blob blob = { 0 };
    begin(&f, true);
    assert_int_equal(start(&f, &a, 1, 1, 0, 1, 0, NULL, 0), WEIR_OK);
    write_rows(&a, 0, 2);
    assert_int_equal(snapshot(&a, 5, &blob), WEIR_OK);
    write_rows(&a, 2, 1);
    assert_int_equal(memory_filesystem_count(&f.fs, ".part-"), 3);
    stop(&a);
    assert_int_equal(memory_filesystem_count(&f.fs, ".part-"), 2);
    blob_done(&blob);
    end(&f);
}

/* The job that it belongs to may still need it. */
static void bytes_taken_over_from_another_job_stay(void **state)
{
    struct fixture f;
    struct attempt a, b;
    struct blob blob = { 0 };
    begin(&f, false);
    assert_int_equal(start(&f, &a, 1, 1, 0, 1, 0, NULL, 0), WEIR_OK);
    write_rows(&a, 0, 5);
    assert_int_equal(snapshot(&a, 5, &blob), WEIR_OK);
    kill_it(&a);
    f.job_id = "another";
    assert_int_equal(start(&f, &b, 7, 1, 0, 1, 5, &blob, 1), WEIR_OK);
    assert_int_equal(snapshot(&b, 6, &blob), WEIR_OK);
    assert_int_equal(notify(&b, 6), WEIR_OK);
    assert_int_equal(memory_filesystem_count(&f.fs, ".part-0a0b-"), 1);
    assert_int_equal(memory_filesystem_count(&f.fs, ".part-another-"), 1);
    stop(&b);
    blob_done(&blob);
    end(&f);
}

static void memory_does_not_grow_with_time(void **state)
{
    struct fixture f;
    struct attempt a;
    struct blob blob = { 0 };
    begin(&f, true);
    set_option(&f, "sink.rolling-policy.file-size", "4 b");
    set_option(&f, "sink.partition-commit.policy.kind", "success-file");
    assert_int_equal(start(&f, &a, 1, 1, 0, 1, 0, NULL, 0), WEIR_OK);
    size_t used = 0;
    for (uint64_t id = 1; id <= 300; id++) {
        write_rows(&a, (int64_t)id * 10, 6);
        assert_int_equal(snapshot(&a, id, &blob), WEIR_OK);
        assert_int_equal(notify(&a, id), WEIR_OK);
        if (id == 100) used = atomic_load(&f.memory.base.used_bytes);
    }
    assert_int_equal(memory_filesystem_count(&f.fs, "_SUCCESS"), 3);
    assert_true(memory_filesystem_count(&f.fs, "/part-") > 800);
    assert_true(atomic_load(&f.memory.base.used_bytes) <= used + 1024);
    stop(&a);
    blob_done(&blob);
    end(&f);
}

/* --- syncing beside the slot thread --- */

static struct weir_durable_work works[16];
static uint32_t work_count;

static void keep_work(struct weir_operator_context *ctx, struct weir_durable_work work)
{
    assert_true(work_count < WEIR_ARRAY_COUNT(works));
    works[work_count++] = work;
}

static void release_works(void)
{
    for (uint32_t i = 0; i < work_count; i++) works[i].release(works[i].argument);
    work_count = 0;
}

static void a_snapshot_leaves_the_syncing_to_its_writer(void **state)
{
    struct fixture f;
    struct attempt a, b;
    struct blob five = { 0 }, six = { 0 };
    begin(&f, false);
    assert_int_equal(start(&f, &a, 1, 1, 0, 1, 0, NULL, 0), WEIR_OK);
    a.ctx.defer = keep_work;
    write_rows(&a, 0, 3);
    assert_int_equal(snapshot(&a, 5, &five), WEIR_OK);
    assert_int_equal(work_count, 1);
    struct fs_node *file = memory_filesystem_first(&f.fs, ".part-");
    assert_int_equal(file->durable, 0);
    write_rows(&a, 3, 3); /* goes on meanwhile */
    a.ctx.savepoint = true;
    assert_int_equal(snapshot(&a, 6, &six), WEIR_OK); /* closes it */
    assert_int_equal(work_count, 2);
    assert_int_equal(works[1].run(works[1].argument, &f.error), WEIR_OK);
    assert_int_equal(file->durable, file->length);
    assert_int_equal(works[0].run(works[0].argument, &f.error), WEIR_OK); /* the older one ends later */
    release_works();
    assert_int_equal(file->writers, 1); /* nobody has looked since */
    kill_it(&a);
    memory_filesystem_power_loss(&f.fs);
    assert_int_equal(start(&f, &b, 1, 2, 0, 1, 6, &six, 1), WEIR_OK);
    expect_numbers(&f, 6);
    stop(&b);
    blob_done(&five);
    blob_done(&six);
    end(&f);
}

static void what_nobody_synced_is_synced_before_it_is_committed(void **state)
{
    struct fixture f;
    struct attempt a;
    struct blob blob = { 0 };
    begin(&f, false);
    assert_int_equal(start(&f, &a, 1, 1, 0, 1, 0, NULL, 0), WEIR_OK);
    a.ctx.defer = keep_work;
    write_rows(&a, 0, 3);
    a.ctx.savepoint = true;
    assert_int_equal(snapshot(&a, 5, &blob), WEIR_OK); /* given up, never written */
    release_works();
    write_rows(&a, 3, 3);
    assert_int_equal(snapshot(&a, 6, &blob), WEIR_OK);
    assert_int_equal(work_count, 2);
    release_works();
    assert_int_equal(notify(&a, 6), WEIR_OK); /* the file system would tell of what is not synced */
    expect_numbers(&f, 6);
    memory_filesystem_power_loss(&f.fs);
    expect_numbers(&f, 6);
    stop(&a);
    blob_done(&blob);
    end(&f);
}

static void a_sync_that_failed_is_not_tried_again(void **state)
{
    struct fixture f;
    struct attempt a;
    struct blob blob = { 0 };
    begin(&f, false);
    assert_int_equal(start(&f, &a, 1, 1, 0, 1, 0, NULL, 0), WEIR_OK);
    a.ctx.defer = keep_work;
    write_rows(&a, 0, 3);
    assert_int_equal(snapshot(&a, 5, &blob), WEIR_OK);
    f.fs.fault.call = FS_SYNC;
    f.fs.fault.code = WEIR_E_IO;
    assert_int_equal(works[0].run(works[0].argument, &f.error), WEIR_E_IO);
    release_works();
    assert_int_equal(snapshot(&a, 6, &blob), WEIR_E_IO);
    assert_int_equal(write_rows(&a, 3, 3), WEIR_OPERATOR_FAILED);
    assert_int_equal(notify(&a, 5), WEIR_E_IO);
    assert_non_null(strstr(a.error.message, "could not be made durable"));
    stop(&a);
    blob_done(&blob);
    end(&f);
}

/* --- every place to die at --- */

struct record { /* what the job's record names */
    uint64_t id;
    int64_t position;
    struct blob blob;
    bool final;
};

enum { NUMBERS = 150 };

static bool checkpoint(struct attempt *a, uint64_t id, int64_t position, struct record *record)
{
    struct blob blob = { 0 };
    if (snapshot(a, id, &blob)) {
        blob_done(&blob);
        return false;
    }
    /* Every third one is given up. */
    if (id % 3 == 0) {
        blob_done(&blob);
        return true;
    }
    blob_done(&record->blob);
    *record = (struct record){ .id = id, .position = position, .blob = blob, .final = id == FINAL_ID };
    return notify(a, id) == WEIR_OK;
}

/* One attempt's life; false: it died. */
static bool live(struct fixture *f, uint32_t number, uint64_t *next_id, struct record *record)
{
    struct attempt a;
    uint64_t restored = record->final ? 1000 : record->id;
    bool good = start(f, &a, 1, number, 0, 1, restored, record->id ? &record->blob : NULL,
                    record->id ? 1 : 0) == WEIR_OK;
    int64_t at = record->position;
    while (good && !record->final && at < NUMBERS) {
        good = write_rows(&a, at, 5) != WEIR_OPERATOR_FAILED;
        at += 5;
        if (good && at % 10 == 0) good = checkpoint(&a, (*next_id)++, at, record);
    }
    if (good && !record->final) good = checkpoint(&a, FINAL_ID, at, record);
    stop(&a);
    return good;
}

static void die_everywhere(bool partitioned)
{
    uint32_t deaths = 0;
    for (uint32_t dies_at = 1;; dies_at++) {
        struct fixture f;
        struct record record = { 0 };
        uint64_t next_id = 1;
        uint32_t number = 1;
        begin(&f, partitioned);
        set_option(&f, "sink.rolling-policy.file-size", "16 b");
        f.fs.dies_at = dies_at;
        bool died = !live(&f, number, &next_id, &record);
        deaths += died;
        while (!record.final || died) {
            assert_true(++number < 5);
            f.fs.dead = false;
            /* Again at some later place. */
            f.fs.dies_at = number == 2 ? f.fs.calls + dies_at % 23 + 1 : 0;
            memory_filesystem_power_loss(&f.fs);
            died = !live(&f, number, &next_id, &record);
        }
        expect_numbers(&f, NUMBERS);
        assert_int_equal(memory_filesystem_count(&f.fs, ".part-"), 0);
        blob_done(&record.blob);
        bool all = deaths < dies_at;
        end(&f);
        if (all) break; /* it lived longer than that */
    }
    assert_true(deaths > 25);
}

static void wherever_it_dies_each_row_is_there_once(void **state)
{
    die_everywhere(false);
}
static void wherever_it_dies_with_partitions(void **state)
{
    die_everywhere(true);
}

/* INSERT OVERWRITE: the old goes and the new appears, wherever it dies on the way. */
static void an_overwrite_that_dies_is_repeated(void **state)
{
    bool died = true;
    for (uint32_t dies_at = 1; died; dies_at++) {
        struct fixture f;
        struct attempt a;
        struct blob blob = { 0 };
        begin(&f, false);
        f.bounded = true;
        set_option(&f, "sink.rolling-policy.file-size", "8 b");
        weir_spec_put(&f.arena, f.spec, "overwrite", weir_spec_boolean(&f.arena, true));
        fs_make_directories(&f.fs.base, "/out", NULL);
        memory_filesystem_put(&f.fs, "/out/old-1", "200\n");
        memory_filesystem_put(&f.fs, "/out/old-2", "201\n");
        assert_int_equal(start(&f, &a, 1, 1, 0, 1, 0, NULL, 0), WEIR_OK);
        write_rows(&a, 0, 8);
        assert_int_equal(snapshot(&a, 5, &blob), WEIR_OK);
        assert_int_equal(notify(&a, 5), WEIR_OK); /* nothing appears before the end */
        assert_int_equal(memory_filesystem_count(&f.fs, "/out/part-"), 0);
        write_rows(&a, 8, 8);
        assert_int_equal(snapshot(&a, FINAL_ID, &blob), WEIR_OK);
        f.fs.dies_at = f.fs.calls + dies_at;
        died = notify(&a, FINAL_ID) != WEIR_OK;
        stop(&a);
        f.fs.dead = false;
        f.fs.dies_at = 0;
        assert_int_equal(start(&f, &a, 1, 2, 0, 1, 9, &blob, 1), WEIR_OK);
        struct blob again = { 0 };
        assert_int_equal(snapshot(&a, FINAL_ID, &again), WEIR_OK);
        assert_int_equal(notify(&a, FINAL_ID), WEIR_OK);
        expect_numbers(&f, 16);
        stop(&a);
        blob_done(&blob);
        blob_done(&again);
        end(&f);
    }
}

/* All had ended and prepared its commit; who takes its place is told nothing, for it starts only to commit.
 */
static void what_had_ended_is_committed_by_starting(void **state)
{
    for (int overwrite = 0; overwrite < 2; overwrite++) {
        bool died = true;
        for (uint32_t dies_at = 1; died; dies_at++) {
            struct fixture f;
            struct attempt a;
            struct blob blob = { 0 };
            begin(&f, true);
            f.bounded = true;
            set_option(&f, "sink.rolling-policy.file-size", "8 b");
            set_option(&f, "sink.partition-commit.policy.kind", "success-file");
            weir_spec_put(&f.arena, f.spec, "overwrite", weir_spec_boolean(&f.arena, overwrite > 0));
            if (overwrite) {
                fs_make_directories(&f.fs.base, "/out/p=1", NULL);
                memory_filesystem_put(&f.fs, "/out/p=1/old", "200\n");
            }
            assert_int_equal(start(&f, &a, 1, 1, 0, 1, 0, NULL, 0), WEIR_OK);
            write_rows(&a, 0, 16);
            assert_int_equal(snapshot(&a, FINAL_ID, &blob), WEIR_OK);
            f.fs.dies_at = f.fs.calls + dies_at;
            died = notify(&a, FINAL_ID) != WEIR_OK;
            stop(&a);
            f.fs.dead = false;
            f.fs.dies_at = 0;
            f.restored_ended = true;
            for (uint32_t number = 2; number < 4; number++) {
                assert_int_equal(start(&f, &a, 1, number, 0, 1, 9, &blob, 1), WEIR_OK);
                stop(&a);
            }
            expect_numbers(&f, 16);
            for (int p = 0; p < 3; p++) {
                char name[32];
                snprintf(name, sizeof name, "/out/p=%d/_SUCCESS", p);
                assert_non_null(memory_filesystem_first(&f.fs, name));
            }
            blob_done(&blob);
            end(&f);
        }
    }
}

/* A commit for a stop or a cancel: the input had not ended, so nothing is overwritten yet. */
static void an_overwrite_waits_for_its_end(void **state)
{
    struct fixture f;
    struct attempt a;
    struct blob blob = { 0 };
    begin(&f, false);
    f.bounded = true;
    set_option(&f, "sink.rolling-policy.file-size", "8 b");
    weir_spec_put(&f.arena, f.spec, "overwrite", weir_spec_boolean(&f.arena, true));
    fs_make_directories(&f.fs.base, "/out", NULL);
    memory_filesystem_put(&f.fs, "/out/old", "0\n");
    assert_int_equal(start(&f, &a, 1, 1, 0, 1, 0, NULL, 0), WEIR_OK);
    write_rows(&a, 1, 8);
    assert_int_equal(snapshot(&a, 5, &blob), WEIR_OK);
    stop(&a);
    assert_int_equal(start(&f, &a, 1, 2, 0, 1, 5, &blob, 1), WEIR_OK);
    expect_numbers(&f, 1);
    stop(&a);
    blob_done(&blob);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_says_whose_it_is),
        cmocka_unit_test(attempts_never_share_a_name),
        cmocka_unit_test(a_missing_committable_is_an_error_at_the_first_commit),
        cmocka_unit_test(a_restored_commit_may_have_been_done),
        cmocka_unit_test(a_renaming_whose_answer_was_lost_is_settled_by_the_next_attempt),
        cmocka_unit_test(a_place_that_is_taken_is_not_written_over),
        cmocka_unit_test(committables_of_an_aborted_checkpoint_ride_on),
        cmocka_unit_test(a_deposed_attempt_that_wakes_up_commits_nothing_twice),
        cmocka_unit_test(the_confirmed_prefix_goes_on_in_a_file_of_its_own),
        cmocka_unit_test(predecessors_files_are_removed_and_no_others),
        cmocka_unit_test(files_that_the_checkpoint_names_are_no_litter),
        cmocka_unit_test(each_committable_is_restored_once_at_any_parallelism),
        cmocka_unit_test(a_savepoint_names_no_open_file),
        cmocka_unit_test(what_no_checkpoint_names_goes_with_its_attempt),
        cmocka_unit_test(bytes_taken_over_from_another_job_stay),
        cmocka_unit_test(memory_does_not_grow_with_time),
        cmocka_unit_test(a_snapshot_leaves_the_syncing_to_its_writer),
        cmocka_unit_test(what_nobody_synced_is_synced_before_it_is_committed),
        cmocka_unit_test(a_sync_that_failed_is_not_tried_again),
        cmocka_unit_test(wherever_it_dies_each_row_is_there_once),
        cmocka_unit_test(wherever_it_dies_with_partitions),
        cmocka_unit_test(an_overwrite_that_dies_is_repeated),
        cmocka_unit_test(what_had_ended_is_committed_by_starting),
        cmocka_unit_test(an_overwrite_waits_for_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
