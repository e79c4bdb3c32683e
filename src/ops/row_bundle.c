/*
 * Rows that are held lie in batches, in the order in which they came; folding only says which of them are
 * left (row_fold.c). When the bundle goes out, what is left is copied together, batch by batch, and handed to
 * the operator.
 */
#include "ops/row_fold.h"

/* Held rows are kept whole, so there are not too many of them, whatever the configuration allows. */
enum { ROWS_MAX = 1 << 18, BATCHES_MAX = ROWS_MAX / WEIR_BATCH_ROWS_MAX + 1 };

void ops_row_bundle_init(struct ops_row_bundle *b, struct weir_operator_context *ctx, uint32_t first)
{
    b->enabled = !ctx->bounded && weir_spec_get_boolean(ctx->spec, "mini_batch", false);
    if (!b->enabled) return;
    b->first = first;
    ops_bundle_init(&b->base, ctx, ROWS_MAX);
    for (uint32_t i = 0; i < ctx->input_count; i++) {
        b->inputs[i].rows =
            (struct ops_batches){ .types = ctx->input_types[i], .column_count = ctx->input_column_counts[i] };
        weir_batch_init(&b->replay[i], ctx->input_types[i], ctx->input_column_counts[i], ctx->memory);
        weir_batch_init(&b->stage[i], ctx->input_types[i], ctx->input_column_counts[i], ctx->memory);
    }
}

void ops_row_bundle_fold(
    struct ops_row_bundle *b, uint32_t input, enum ops_fold fold, const uint32_t *keys, uint32_t key_count)
{
    if (!b->enabled) return;
    b->inputs[input].fold = fold;
    ops_keys_init(&b->inputs[input].keys, b->base.ctx, keys, key_count);
}

void ops_row_bundle_done(struct ops_row_bundle *b)
{
    if (!b->enabled) return;
    struct weir_memory *memory = b->base.ctx->memory;
    for (uint32_t i = 0; i < b->base.ctx->input_count; i++) {
        ops_batches_done(&b->inputs[i].rows, memory);
        ops_fold_done(&b->inputs[i], memory);
        weir_batch_done(&b->replay[i]);
        weir_batch_done(&b->stage[i]);
    }
}

/* --- taking in --- */

/* Only now, since rows of the bundle before may have been lent to an output. */
static void begin(struct ops_row_bundle *b)
{
    for (uint32_t i = 0; i < b->base.ctx->input_count; i++) {
        const struct ops_batches *rows = &b->inputs[i].rows;
        for (uint32_t k = 0; k < rows->count && rows->items[k]->row_count; k++)
            weir_batch_reset(rows->items[k]);
    }
    ops_bundle_begin(&b->base);
}

/* How many rows come now: those that fit, and a +U with the -U before it. */
static uint32_t rows_at_once(const struct ops_row_bundle *b, const struct weir_batch *in)
{
    uint32_t left = weir_batch_selected(in) - b->position;
    uint32_t n = (uint32_t)WEIR_MIN((uint64_t)left, b->base.size_max - b->base.rows);
    bool splits =
        n < left && in->kinds && in->kinds[weir_batch_row(in, b->position + n - 1)] == WEIR_ROW_UPDATE_BEFORE;
    return n + splits;
}

static void take(struct ops_row_bundle *b, uint32_t input, const struct weir_batch *in)
{
    struct ops_held_rows *held = &b->inputs[input];
    uint32_t n = rows_at_once(b, in), rows[WEIR_BATCH_ROWS_MAX];
    struct weir_memory *memory = b->base.ctx->memory;
    b->base.rows += n;
    while (n > 0) {
        uint32_t piece = WEIR_MIN(n, WEIR_BATCH_ROWS_MAX - held->count % WEIR_BATCH_ROWS_MAX);
        struct weir_batch *to = ops_batches_at(&held->rows, held->count, memory);
        for (uint32_t i = 0; i < piece; i++) rows[i] = weir_batch_row(in, b->position + i);
        weir_batch_append(to, in, rows, piece);
        ops_fold_rows(held, held->keys.hashes + b->position, piece, memory);
        b->position += piece;
        n -= piece;
    }
    if (b->base.rows >= b->base.size_max) b->base.flushing = true;
}

/* --- letting go --- */

/* Rows at places, in any order, behind each other: first those of each held batch, then in their order. */
static void gather_mixed(struct ops_row_bundle *b, uint32_t input, const uint32_t *places, uint32_t n)
{
    const struct ops_held_rows *held = &b->inputs[input];
    struct weir_batch *stage = &b->stage[input];
    uint32_t starts[BATCHES_MAX + 1] = { 0 }, rows[WEIR_BATCH_ROWS_MAX], ranks[WEIR_BATCH_ROWS_MAX];
    uint32_t batches = (held->count + WEIR_BATCH_ROWS_MAX - 1) / WEIR_BATCH_ROWS_MAX;
    for (uint32_t i = 0; i < n; i++) starts[places[i] / WEIR_BATCH_ROWS_MAX + 1]++;
    for (uint32_t k = 0; k < batches; k++) starts[k + 1] += starts[k];
    for (uint32_t i = 0; i < n; i++) {
        ranks[i] = starts[places[i] / WEIR_BATCH_ROWS_MAX]++;
        rows[ranks[i]] = places[i] % WEIR_BATCH_ROWS_MAX;
    }
    weir_batch_reset(stage);
    for (uint32_t k = 0, from = 0; k < batches; from = starts[k++]) /* starts[k] is the end of k by now */
        if (starts[k] > from) weir_batch_append(stage, held->rows.items[k], rows + from, starts[k] - from);
    weir_batch_append(&b->replay[input], stage, ranks, n);
}

static void gather(struct ops_row_bundle *b, uint32_t input, const uint32_t *places, uint32_t n)
{
    const struct ops_held_rows *held = &b->inputs[input];
    uint32_t rows[WEIR_BATCH_ROWS_MAX];
    weir_batch_reset(&b->replay[input]);
    bool ascend = true;
    for (uint32_t i = 1; i < n; i++) ascend &= places[i - 1] < places[i];
    if (!ascend) {
        gather_mixed(b, input, places, n);
        return;
    }
    for (uint32_t done = 0; done < n;) {
        uint32_t number = places[done] / WEIR_BATCH_ROWS_MAX, count = 0;
        for (; done < n && places[done] / WEIR_BATCH_ROWS_MAX == number; done++)
            rows[count++] = places[done] % WEIR_BATCH_ROWS_MAX;
        weir_batch_append(&b->replay[input], held->rows.items[number], rows, count);
    }
}

/* The next rows of an input that are left; NULL: all are out. */
static const struct weir_batch *next_rows(struct ops_row_bundle *b, uint32_t input)
{
    struct ops_held_rows *held = &b->inputs[input];
    if (b->next == 0) ops_fold_arrange(held, b->base.ctx->memory);
    if (b->next == held->left) return NULL;
    if (held->fold == OPS_FOLD_NONE) { /* as they are */
        const struct weir_batch *batch = held->rows.items[b->next / WEIR_BATCH_ROWS_MAX];
        b->next += batch->row_count;
        return batch;
    }
    const uint32_t *places = held->order + b->next;
    uint32_t n = WEIR_MIN(held->left - b->next, (uint32_t)WEIR_BATCH_ROWS_MAX);
    if (n < held->left - b->next && ops_fold_is_half(held, places[n - 1])) n--;
    gather(b, input, places, n);
    b->next += n;
    return &b->replay[input];
}

static struct ops_row_bundle *bundle_of(struct weir_operator *op)
{
    return &((struct ops_bundled *)op)->bundle;
}

enum weir_operator_result ops_row_bundle_flush(struct weir_operator *op, struct weir_batch *out)
{
    struct ops_row_bundle *b = bundle_of(op);
    if (!b->enabled || b->base.rows == 0) return WEIR_OPERATOR_NEED_INPUT;
    b->base.flushing = true;
    for (; b->turn < b->base.ctx->input_count; b->turn++, b->next = 0) {
        uint32_t input = b->turn == 0 ? b->first : 1 - b->first;
        while (b->replayed || (b->replayed = next_rows(b, input))) {
            /* What is in the output may refer to the rows before these. */
            if (out->row_count) return WEIR_OPERATOR_HAVE_MORE;
            enum weir_operator_result result = b->apply(op, input, b->replayed, out);
            if (result != WEIR_OPERATOR_NEED_INPUT) return result;
            b->replayed = NULL;
        }
    }
    for (uint32_t i = 0; i < b->base.ctx->input_count; i++) ops_fold_clear(&b->inputs[i]);
    b->turn = 0;
    ops_bundle_end(&b->base);
    return WEIR_OPERATOR_NEED_INPUT;
}

enum weir_operator_result ops_row_bundle_process(
    struct weir_operator *op, uint32_t input, const struct weir_batch *in, struct weir_batch *out)
{
    struct ops_row_bundle *b = bundle_of(op);
    if (!b->enabled) return b->apply(op, input, in, out);
    uint32_t n = weir_batch_selected(in);
    if (b->position == 0 && !b->base.flushing && b->inputs[input].fold != OPS_FOLD_NONE)
        ops_keys_read(&b->inputs[input].keys, b->base.ctx, in);
    for (;;) {
        if (b->base.flushing) {
            enum weir_operator_result result = ops_row_bundle_flush(op, out);
            if (result != WEIR_OPERATOR_NEED_INPUT) return result;
        }
        if (b->position == n) break;
        if (out->row_count) return WEIR_OPERATOR_HAVE_MORE; /* it may refer to held rows */
        if (b->base.rows == 0) begin(b);
        take(b, input, in);
    }
    b->position = 0;
    return WEIR_OPERATOR_NEED_INPUT;
}

enum weir_operator_result ops_row_bundle_watermark(
    struct weir_operator *op, int64_t watermark_ms, struct weir_batch *out, int64_t *forward_ms)
{
    struct ops_row_bundle *b = bundle_of(op);
    bool flush = b->enabled && ops_bundle_watermark(&b->base, watermark_ms, forward_ms);
    return flush ? ops_row_bundle_flush(op, out) : WEIR_OPERATOR_NEED_INPUT;
}

enum weir_operator_result ops_row_bundle_timer(
    struct weir_operator *op, int64_t now_ms, struct weir_batch *out)
{
    (void)now_ms;
    return ops_row_bundle_flush(op, out);
}
