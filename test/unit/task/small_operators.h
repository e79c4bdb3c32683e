/*
 * What small jobs read and write: a source of numbered rows in splits, and a two-phase sink whose
 * transactions go into a ledger that remembers who committed what.
 */
#ifndef WEIR_TEST_TASK_SMALL_OPERATORS_H
#define WEIR_TEST_TASK_SMALL_OPERATORS_H

#include "support/cmocka_all.h"
#include "support/memory.h"
#include "data/spec.h"
#include "spi/operator.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SMALL_UNUSED __attribute__((unused))

enum { SMALL_SPLITS = 5, SMALL_KEYS = 7, SMALL_TRANSACTIONS_MAX = 20000 };

/* The world outside of a job: set while it runs. */
static struct {
    uint32_t rows_per_split;
    uint32_t batch_rows_max;
    bool endless; /* sources wait at their end instead of finishing */
    /* The ledger. */
    char *transactions[SMALL_TRANSACTIONS_MAX]; /* ids */
    uint32_t transaction_count;
    char *text; /* all rows that were committed, a line each, in order */
    size_t length, capacity;
    uint32_t commits_failing; /* so many commits fail */
    bool commit_fails_after;  /* ... after they have taken effect */
} world;

static SMALL_UNUSED uint64_t small_mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}
static SMALL_UNUSED uint64_t small_random(uint64_t *state)
{
    return small_mix((*state)++);
}

static SMALL_UNUSED void world_reset(uint32_t rows_per_split)
{
    for (uint32_t i = 0; i < world.transaction_count; i++) free(world.transactions[i]);
    free(world.text);
    memset(&world, 0, sizeof world);
    world.rows_per_split = rows_per_split;
    world.batch_rows_max = 20;
}

/* --- source: split s of SMALL_SPLITS belongs to subtask s % parallelism --- */

struct numbers {
    struct weir_source source;
    uint64_t random;
    uint64_t stream; /* tells two sources apart */
    uint32_t next[SMALL_SPLITS];
};

static const struct weir_source_ops numbers_ops;

static bool numbers_is_mine(const struct numbers *n, uint32_t split)
{
    return split % n->source.ctx->parallelism == n->source.ctx->subtask_index;
}

static enum weir_error_code numbers_create(struct weir_operator_context *ctx, struct weir_source **ret)
{
    struct numbers *n = WEIR_ARENA_NEW(ctx->arena, struct numbers);
    n->source = (struct weir_source){ &numbers_ops, ctx };
    n->random = ctx->random_seed;
    n->stream = (uint64_t)weir_spec_get_integer(ctx->spec, "stream", 0);
    *ret = &n->source;
    return WEIR_OK;
}

/* Sources and their subtasks end at different times. */
static uint32_t numbers_rows(uint64_t stream, uint32_t split)
{
    return world.rows_per_split >> (stream + split) % 3;
}

static void numbers_row(uint64_t stream, uint32_t split, uint32_t i, int64_t *ret_key, int64_t *ret_value)
{
    *ret_key = (int64_t)(small_mix(stream * 1000003 + split * 7919 + i) % SMALL_KEYS);
    *ret_value = (int64_t)(stream * 1000000 + split * 100000 + i);
}

static enum weir_source_result numbers_poll(
    struct weir_source *source, struct weir_batch *out, int64_t *idle_until_ms)
{
    struct numbers *n = (struct numbers *)source;
    uint32_t wanted = (uint32_t)(small_random(&n->random) % (world.batch_rows_max + 1));
    uint32_t split = (uint32_t)(small_random(&n->random) % SMALL_SPLITS);
    bool left = false;
    for (uint32_t tried = 0; tried < SMALL_SPLITS; tried++, split = (split + 1) % SMALL_SPLITS) {
        if (!numbers_is_mine(n, split)) continue;
        uint32_t rows = numbers_rows(n->stream, split);
        for (; n->next[split] < rows && out->row_count < wanted; n->next[split]++) {
            int64_t *keys = out->columns[0].data, *values = out->columns[1].data;
            numbers_row(n->stream, split, n->next[split], &keys[out->row_count], &values[out->row_count]);
            out->row_count++;
        }
        left |= n->next[split] < rows;
    }
    if (out->row_count) return WEIR_SOURCE_ROWS;
    *idle_until_ms = source->ctx->now_us(source->ctx->clock) / 1000 + 1;
    return left || world.endless ? WEIR_SOURCE_IDLE : WEIR_SOURCE_FINISHED;
}

static enum weir_error_code numbers_snapshot(
    struct weir_source *source, uint64_t checkpoint_id, struct weir_buffer *to, struct weir_error *reterr)
{
    struct numbers *n = (struct numbers *)source;
    for (uint32_t s = 0; s < SMALL_SPLITS; s++)
        weir_buffer_append_u32(to, numbers_is_mine(n, s) ? n->next[s] + 1 : 0);
    return WEIR_OK;
}

static enum weir_error_code numbers_restore(struct weir_source *source,
    const struct weir_operator_blob *blobs, uint32_t count, struct weir_error *reterr)
{
    struct numbers *n = (struct numbers *)source;
    for (uint32_t b = 0; b < count; b++) {
        struct weir_reader reader = { .data = blobs[b].bytes, .length = blobs[b].length };
        for (uint32_t s = 0; s < SMALL_SPLITS; s++) {
            uint32_t next = weir_reader_u32(&reader);
            if (!next) continue;
            /* One old subtask had each split. */
            if (n->next[s]) return weir_error_set(reterr, WEIR_E_STATE, "split %u was restored twice", s);
            n->next[s] = next;
        }
    }
    for (uint32_t s = 0; s < SMALL_SPLITS; s++) {
        if (!n->next[s]) return weir_error_set(reterr, WEIR_E_STATE, "split %u was not restored", s);
        n->next[s]--;
    }
    return WEIR_OK;
}

static enum weir_error_code numbers_discover(struct weir_source *source, struct weir_arena *arena,
    const char *const **ret, uint32_t *ret_count, bool *ret_all)
{
    *ret_count = 0;
    *ret_all = true;
    return WEIR_OK;
}

static const struct weir_source_ops numbers_ops = { .name = "numbers",
    .discover = numbers_discover,
    .create = numbers_create,
    .poll = numbers_poll,
    .snapshot = numbers_snapshot,
    .restore = numbers_restore };

/* --- sink: a transaction per checkpoint --- */

enum { LEDGER_PENDING_MAX = 64 };

struct ledger_transaction {
    char id[96];
    uint64_t checkpoint;
    struct weir_buffer text;
    bool restored;
};
struct ledger {
    struct weir_operator op;
    struct weir_buffer open;
    struct ledger_transaction pending[LEDGER_PENDING_MAX];
    uint32_t pending_count;
};

static const struct weir_operator_ops ledger_ops;

static enum weir_error_code ledger_create(struct weir_operator_context *ctx, struct weir_operator **ret)
{
    struct ledger *l = WEIR_ARENA_NEW(ctx->arena, struct ledger);
    l->op = (struct weir_operator){ &ledger_ops, ctx };
    weir_buffer_init(&l->open, ctx->memory, 1 << 30);
    *ret = &l->op;
    return WEIR_OK;
}

static enum weir_operator_result ledger_process(
    struct weir_operator *op, uint32_t input, const struct weir_batch *in, struct weir_batch *out)
{
    struct ledger *l = (struct ledger *)op;
    for (uint32_t i = 0; i < weir_batch_selected(in); i++) {
        uint32_t row = weir_batch_row(in, i);
        weir_buffer_append_text(&l->open, weir_row_kind_text(weir_batch_kind(in, row)));
        for (uint32_t c = 0; c < in->column_count; c++) {
            const struct weir_vector *flat;
            uint32_t at = weir_vector_locate(&in->columns[c], row, &flat);
            weir_buffer_format(&l->open, " %lld", (long long)((const int64_t *)flat->data)[at]);
        }
        weir_buffer_append_byte(&l->open, '\n');
    }
    return WEIR_OPERATOR_NEED_INPUT;
}

static struct ledger_transaction *ledger_add(struct ledger *l, const char *id, uint64_t checkpoint)
{
    assert_true(l->pending_count < LEDGER_PENDING_MAX);
    struct ledger_transaction *t = &l->pending[l->pending_count++];
    *t = (struct ledger_transaction){ .checkpoint = checkpoint };
    snprintf(t->id, sizeof t->id, "%s", id);
    weir_buffer_init(&t->text, l->op.ctx->memory, 1 << 30);
    return t;
}

static enum weir_error_code ledger_snapshot(
    struct weir_operator *op, uint64_t checkpoint_id, struct weir_buffer *to, struct weir_error *reterr)
{
    struct ledger *l = (struct ledger *)op;
    if (l->open.length) {
        char id[96];
        snprintf(id, sizeof id, "%s/%s/%llu.%u/%u/%llu", op->ctx->job_id, op->ctx->uid,
            (unsigned long long)op->ctx->attempt_epoch, op->ctx->attempt_number, op->ctx->subtask_index,
            (unsigned long long)checkpoint_id);
        struct ledger_transaction *t = ledger_add(l, id, checkpoint_id);
        weir_buffer_append(&t->text, l->open.data, l->open.length);
        weir_buffer_clear(&l->open);
    }
    for (uint32_t i = 0; i < l->pending_count; i++) {
        weir_buffer_append_varint(to, strlen(l->pending[i].id));
        weir_buffer_append_text(to, l->pending[i].id);
        weir_buffer_append_varint(to, l->pending[i].text.length);
        weir_buffer_append(to, l->pending[i].text.data, l->pending[i].text.length);
    }
    return WEIR_OK;
}

static void world_write(const char *text, size_t length)
{
    if (world.length + length > world.capacity) {
        world.capacity = (world.length + length) * 2;
        world.text = realloc(world.text, world.capacity);
    }
    memcpy(world.text + world.length, text, length);
    world.length += length;
}

/* Committing again changes nothing, where that may happen. */
static enum weir_error_code ledger_commit(
    struct ledger *l, struct ledger_transaction *t, struct weir_error *reterr)
{
    (void)l;
    if (world.commits_failing && !world.commit_fails_after) {
        world.commits_failing--;
        return weir_error_set(reterr, WEIR_E_IO, "the ledger is not there");
    }
    for (uint32_t i = 0; i < world.transaction_count; i++) {
        if (strcmp(world.transactions[i], t->id) != 0) continue;
        if (t->restored) return WEIR_OK;
        return weir_error_set(reterr, WEIR_E_STATE, "%s was committed twice by who prepared it", t->id);
    }
    assert_true(world.transaction_count < SMALL_TRANSACTIONS_MAX);
    world.transactions[world.transaction_count++] = strdup(t->id);
    world_write(t->text.data, t->text.length);
    if (world.commits_failing && world.commit_fails_after) {
        world.commits_failing--;
        return weir_error_set(reterr, WEIR_E_IO, "the ledger's answer was lost");
    }
    return WEIR_OK;
}

static enum weir_error_code ledger_commit_up_to(
    struct ledger *l, uint64_t checkpoint_id, struct weir_error *reterr)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < l->pending_count; i++) {
        if (l->pending[i].checkpoint > checkpoint_id) {
            l->pending[kept++] = l->pending[i];
            continue;
        }
        enum weir_error_code code = ledger_commit(l, &l->pending[i], reterr);
        if (code) {
            /* As they were, but for those that are done. */
            memmove(l->pending + kept, l->pending + i, (l->pending_count - i) * sizeof *l->pending);
            l->pending_count = kept + l->pending_count - i;
            return code;
        }
        weir_buffer_done(&l->pending[i].text);
    }
    l->pending_count = kept;
    return WEIR_OK;
}

static void ledger_notify(struct weir_operator *op, uint64_t checkpoint_id)
{
    (void)ledger_commit_up_to((struct ledger *)op, checkpoint_id, op->ctx->error);
}

static enum weir_error_code ledger_restore(struct weir_operator *op, const struct weir_operator_blob *blobs,
    uint32_t count, struct weir_error *reterr)
{
    struct ledger *l = (struct ledger *)op;
    for (uint32_t b = 0; b < count; b++) {
        if (blobs[b].subtask_index % op->ctx->parallelism != op->ctx->subtask_index) continue;
        struct weir_reader reader = { .data = blobs[b].bytes, .length = blobs[b].length };
        while (reader.offset < reader.length) {
            char id[96];
            size_t length = weir_reader_varint(&reader);
            snprintf(id, sizeof id, "%.*s", (int)length, (const char *)weir_reader_bytes(&reader, length));
            struct ledger_transaction *t = ledger_add(l, id, 0);
            t->restored = true;
            length = weir_reader_varint(&reader);
            weir_buffer_append(&t->text, weir_reader_bytes(&reader, length), length);
            assert_false(reader.failed);
        }
    }
    return ledger_commit_up_to(l, 0, reterr);
}

static void ledger_close(struct weir_operator *op)
{
    struct ledger *l = (struct ledger *)op;
    weir_buffer_done(&l->open);
    for (uint32_t i = 0; i < l->pending_count; i++) weir_buffer_done(&l->pending[i].text);
}

static const struct weir_operator_ops ledger_ops = { .name = "ledger",
    .create = ledger_create,
    .process = ledger_process,
    .snapshot = ledger_snapshot,
    .restore = ledger_restore,
    .notify_complete = ledger_notify,
    .close = ledger_close };

#endif
