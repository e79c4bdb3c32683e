/*
 * Regular join with retractions: inner, left, right, full, semi, anti. Both sides are kept whole in state
 * (join_side.c).
 *
 * A batch of one side is matched against the state of the other, which this batch does not change but for its
 * degrees; so all candidate pairs of the batch can be found, and the condition be evaluated on them, in whole
 * batches. inner        pairs are emitted as they are found, chunk by chunk, with the input row's kind others
 * the degrees decide, row by row: all pairs of the batch are gathered first, then emitted in input order:
 *                  +row no match, outer side        +I(row, NULL)
 *                  +row, other side outer           -D(NULL, other) for each other of degree 0, then +I(row,
 * other) -row                             -D(row, other) / -D(row, NULL); +I(NULL, other) where the degree
 * falls to 0 semi, anti: left rows as the degree of left rows goes 0 -> 1 and 1 -> 0 Flink:
 * StreamingJoinOperator, StreamingSemiAntiJoinOperator; the order of what is emitted is theirs.
 *
 * Batch mode: insert-only; no padding until both inputs have ended, then every row of degree 0 once. When one
 * input has ended, what comes on the other meets all it will ever meet: it is not stored, and padded at once.
 *
 * Mini-batch (not of semi and anti joins): the rows of both sides are held and folded by their unique keys,
 * or as whole rows, and go through side by side: first the side whose rows appear in pairs only, so that
 * fewer rows of the other are padded. An inner join of two insert-only sides has nothing to fold and holds
 * nothing.
 */
#include "ops/join_pairs.h"
#include "ops/join_side.h"
#include "ops/row_bundle.h"

WEIR_OPERATOR(join);

enum join_type { JOIN_INNER, JOIN_LEFT, JOIN_RIGHT, JOIN_FULL, JOIN_SEMI, JOIN_ANTI };
struct join {
    struct ops_bundled own;
    enum join_type type;
    struct join_side sides[2];
    bool outer[2]; /* sides whose rows appear without a match */
    struct join_pairs pairs;
    /* The present input batch. */
    bool started, stored; /* stored: its rows are in state already, or need not be */
    bool final;           /* the other input has ended, in batch mode */
    uint32_t position;    /* of the selection: next row to find pairs for */
    weir_row_ref chain;   /* next member of its chain; 0: not begun */
    uint32_t copies_left; /* of that member, yet to be paired */
    weir_row_ref *firsts; /* per selected row: the first row of the other side with its key */
    /* Emission of outer, semi, anti. */
    uint32_t emit_position, emit_pair, row_pairs, step_pair;
    uint8_t step;
    /* Batch mode, end of input. */
    bool ended[2];
    struct weir_table_cursor cursor;
    uint32_t end_side;
    weir_row_ref end_row; /* whose copies are not all emitted */
    uint32_t end_copies;
};

/* --- making --- */

static enum weir_error_code read_type(struct join *op)
{
    static const char *const names[] = { "inner", "left", "right", "full", "semi", "anti" };
    const char *name = weir_spec_get_text(op->own.base.ctx->spec, "type", "inner");
    for (uint32_t i = 0; i < WEIR_ARRAY_COUNT(names); i++) {
        if (strcmp(names[i], name) != 0) continue;
        op->type = (enum join_type)i;
        op->outer[0] = op->type == JOIN_LEFT || op->type == JOIN_FULL;
        op->outer[1] = op->type == JOIN_RIGHT || op->type == JOIN_FULL;
        return WEIR_OK;
    }
    return weir_error_set(
        op->own.base.ctx->error, WEIR_E_FORMAT, "join: the plan names the unknown type \"%s\"", name);
}

static ops_row_bundle_apply process_rows;

static void open_bundle(struct join *op)
{
    struct weir_operator_context *ctx = op->own.base.ctx;
    struct ops_row_bundle *bundle = &op->own.bundle;
    bundle->apply = process_rows;
    bool appends = op->sides[0].layout == JOIN_APPEND && op->sides[1].layout == JOIN_APPEND;
    if (op->type == JOIN_SEMI || op->type == JOIN_ANTI || (op->type == JOIN_INNER && appends)) return;
    ops_row_bundle_init(bundle, ctx, op->type == JOIN_RIGHT ? 0 : 1);
    for (uint32_t i = 0; i < 2; i++) {
        const struct join_side *side = &op->sides[i];
        if (side->layout == JOIN_APPEND) continue;
        bool upserts = weir_spec_get_boolean(ctx->spec, i == 0 ? "left_upsert" : "right_upsert", false);
        enum ops_fold fold = side->layout == JOIN_MULTISET ? OPS_FOLD_EQUAL
                             : upserts                     ? OPS_FOLD_UPSERTS
                                                           : OPS_FOLD_CHANGES;
        ops_row_bundle_fold(bundle, i, fold, side->order, side->identity_count);
        bundle->inputs[i].keeps_equal = side->ttl_ms > 0;
    }
}

static enum weir_error_code create(struct weir_operator_context *ctx, struct weir_operator **ret)
{
    struct join *op = WEIR_ARENA_NEW(ctx->arena, struct join);
    op->own.base = (struct weir_operator){ &weir_join_operator_ops, ctx };
    enum weir_error_code code = read_type(op);
    if (code) return code;
    const struct weir_spec *flags = weir_spec_get(ctx->spec, "null_safe");
    uint32_t key_count = flags ? flags->count : 0;
    bool *null_safe = WEIR_ARENA_ARRAY(ctx->arena, bool, WEIR_MAX(key_count, 64u));
    for (uint32_t i = 0; i < key_count; i++) null_safe[i] = flags->items[i]->boolean;
    bool one_sided = op->type == JOIN_SEMI || op->type == JOIN_ANTI;
    bool keeps_degree[2] = { op->outer[0] || one_sided, op->outer[1] };
    bool in_pairs_only[2] = { !keeps_degree[0], !keeps_degree[1] };
    code = join_sides_init(op->sides, ctx, null_safe, keeps_degree, in_pairs_only);
    if (!code) {
        for (uint32_t i = 0; i < 2; i++) {
            op->pairs.views[i] = (struct join_view){ op->sides[i].row_table, op->sides[i].column_count,
                op->sides[i].position };
        }
        op->pairs.left_only = one_sided;
        code = join_pairs_init(&op->pairs, ctx);
    }
    if (code) return code;
    op->firsts = WEIR_ARENA_ARRAY(ctx->arena, weir_row_ref, WEIR_BATCH_ROWS_MAX);
    open_bundle(op);
    *ret = &op->own.base;
    return WEIR_OK;
}

static void close_join(struct weir_operator *base)
{
    struct join *op = (struct join *)base;
    join_pairs_done(&op->pairs);
    ops_row_bundle_done(&op->own.bundle);
}

/* --- pairs --- */

/* Finds up to max pairs from where the last call stopped; all of the batch when max is UINT32_MAX. */
static enum weir_error_code find_pairs(
    struct join *op, uint32_t input, const struct weir_batch *in, uint32_t max)
{
    struct join_side *other = &op->sides[1 - input];
    uint32_t n = weir_batch_selected(in), first = op->pairs.count;
    while (op->position < n && op->pairs.count - first < max) {
        if (!op->chain) op->chain = op->firsts[op->position];
        while (op->chain && op->pairs.count - first < max) {
            const uint8_t *row = join_row_at(other, op->chain);
            weir_row_ref next = join_row_next(other, row);
            if (next) join_row_prefetch(other, next);
            if (!op->copies_left) op->copies_left = join_row_copies(other, row);
            while (op->copies_left && op->pairs.count - first < max) {
                join_push_pair(&op->pairs, op->position, op->chain, row);
                op->copies_left--;
            }
            if (op->copies_left) break;
            op->chain = next;
            if (!next) break;
        }
        if (op->chain) break; /* max reached inside a chain */
        op->position++;
    }
    return op->pairs.condition && op->pairs.count > first ? join_filter_pairs(&op->pairs, input, in, first)
                                                          : WEIR_OK;
}

/* --- inner --- */

static enum weir_error_code update_own_side(struct join *op, uint32_t input, const struct weir_batch *in)
{
    struct join_side *side = &op->sides[input];
    for (uint32_t i = 0; i < weir_batch_selected(in); i++) {
        if (side->unmatchable[i]) continue;
        bool add = weir_row_kind_is_add(weir_batch_kind(in, weir_batch_row(in, i)));
        enum weir_error_code code = add ? join_side_add(side, in, i, 0) : join_side_remove(side, in, i);
        if (code) return code;
    }
    return WEIR_OK;
}

static enum weir_operator_result process_inner(
    struct join *op, uint32_t input, const struct weir_batch *in, struct weir_batch *out)
{
    uint32_t n = weir_batch_selected(in);
    while (out->row_count == 0) {
        op->pairs.count = 0;
        if (find_pairs(op, input, in, WEIR_BATCH_ROWS_MAX)) return WEIR_OPERATOR_FAILED;
        for (uint32_t i = 0; i < op->pairs.count; i++) {
            uint32_t row = weir_batch_row(in, op->pairs.items[i].position);
            join_put(&op->pairs, weir_batch_kind(in, row), (uint16_t)row, op->pairs.items[i].row);
        }
        join_flush(&op->pairs, input, in, out);
        if (op->position == n && !op->chain) return WEIR_OPERATOR_NEED_INPUT;
    }
    return WEIR_OPERATOR_HAVE_MORE;
}

/* --- outer, semi, anti --- */

static const uint8_t *other_row(struct join *op, uint32_t input, uint32_t pair)
{
    return join_row_at(&op->sides[1 - input], op->pairs.items[pair].other);
}

/* Occurrences of one stored row stand side by side in the pairs: its degree changes once, with the last of
 * them. */
static bool is_last_copy(const struct join *op, uint32_t pair, uint32_t end)
{
    return pair + 1 == end || op->pairs.items[pair + 1].other != op->pairs.items[pair].other;
}

/* Changes degrees of the other side and says what that makes appear or disappear there; resumable by
 * step_pair. */
static bool change_degrees(struct join *op, uint32_t input, bool add)
{
    struct join_side *other = &op->sides[1 - input];
    uint32_t end = op->emit_pair + op->row_pairs;
    bool streaming = !op->own.base.ctx->bounded;
    for (; op->step_pair < end; op->step_pair++) {
        const uint8_t *row = other_row(op, input, op->step_pair);
        uint32_t degree = join_row_degree(other, row);
        if (op->pairs.out_count == WEIR_BATCH_ROWS_MAX) return false;
        if (streaming && add && degree == 0) join_put(&op->pairs, WEIR_ROW_DELETE, JOIN_NO_ROW, row);
        if (streaming && !add && degree == 1) join_put(&op->pairs, WEIR_ROW_INSERT, JOIN_NO_ROW, row);
        if (!is_last_copy(op, op->step_pair, end)) continue;
        join_row_set_degree(
            other, op->pairs.items[op->step_pair].other, add ? degree + 1 : degree - (degree > 0));
    }
    return true;
}

static bool emit_joined(
    struct join *op, uint32_t input, const struct weir_batch *in, uint32_t row, uint8_t kind)
{
    uint32_t end = op->emit_pair + op->row_pairs;
    for (; op->step_pair < end; op->step_pair++) {
        if (op->pairs.out_count == WEIR_BATCH_ROWS_MAX) return false;
        join_put(&op->pairs, kind, (uint16_t)row, other_row(op, input, op->step_pair));
    }
    return true;
}

/* One input row of an outer join; false: the output is full, come again (step, step_pair tell where). */
static bool emit_outer(
    struct join *op, uint32_t input, const struct weir_batch *in, uint32_t row, uint8_t kind)
{
    bool add = weir_row_kind_is_add(kind), streaming = !op->own.base.ctx->bounded;
    bool own_outer = op->outer[input], other_outer = op->outer[1 - input];
    if (op->row_pairs == 0) {
        if (!own_outer || !(streaming || op->final || op->sides[input].unmatchable[op->emit_position]))
            return true;
        if (op->pairs.out_count == WEIR_BATCH_ROWS_MAX) return false;
        join_put(&op->pairs, add ? WEIR_ROW_INSERT : WEIR_ROW_DELETE, (uint16_t)row, NULL);
        return true;
    }
    uint8_t joined = own_outer || other_outer ? (add            ? WEIR_ROW_INSERT
                                                    : own_outer ? WEIR_ROW_DELETE
                                                                : kind)
                                              : kind;
    if (op->step == 0) {
        if (add && other_outer && !change_degrees(op, input, true)) return false;
        if (!add && !emit_joined(op, input, in, row, joined)) return false;
        op->step = 1;
        op->step_pair = op->emit_pair;
    }
    if (add) return emit_joined(op, input, in, row, joined);
    return !other_outer || change_degrees(op, input, false);
}

/* One input row of a semi or anti join. */
static bool emit_semi(
    struct join *op, uint32_t input, const struct weir_batch *in, uint32_t row, uint8_t kind)
{
    bool add = weir_row_kind_is_add(kind), anti = op->type == JOIN_ANTI,
         streaming = !op->own.base.ctx->bounded;
    if (input == 0) {
        bool matched = op->row_pairs > 0;
        if (matched == anti) return true;
        if (anti && !(streaming || op->final || op->sides[0].unmatchable[op->emit_position])) return true;
        if (op->pairs.out_count == WEIR_BATCH_ROWS_MAX) return false;
        join_put(&op->pairs, kind, (uint16_t)row, NULL);
        return true;
    }
    struct join_side *left = &op->sides[0];
    uint32_t end = op->emit_pair + op->row_pairs;
    for (; op->step_pair < end; op->step_pair++) {
        const uint8_t *stored = other_row(op, 1, op->step_pair);
        uint32_t degree = join_row_degree(left, stored);
        if (op->pairs.out_count == WEIR_BATCH_ROWS_MAX) return false;
        if (add && degree == 0 && (!anti || streaming))
            join_put(&op->pairs, anti ? WEIR_ROW_DELETE : kind, JOIN_NO_ROW, stored);
        if (!add && degree == 1) join_put(&op->pairs, anti ? WEIR_ROW_INSERT : kind, JOIN_NO_ROW, stored);
        if (is_last_copy(op, op->step_pair, end))
            join_row_set_degree(
                left, op->pairs.items[op->step_pair].other, add ? degree + 1 : degree - (degree > 0));
    }
    return true;
}

static uint32_t pairs_of_row(const struct join *op)
{
    uint32_t count = 0;
    while (op->emit_pair + count < op->pairs.count &&
           op->pairs.items[op->emit_pair + count].position == op->emit_position)
        count++;
    return count;
}

static enum weir_error_code update_row(struct join *op, uint32_t input, const struct weir_batch *in, bool add)
{
    struct join_side *side = &op->sides[input];
    if (side->unmatchable[op->emit_position]) return WEIR_OK;
    return add ? join_side_add(side, in, op->emit_position, op->row_pairs)
               : join_side_remove(side, in, op->emit_position);
}

static enum weir_operator_result process_degrees(
    struct join *op, uint32_t input, const struct weir_batch *in, struct weir_batch *out)
{
    uint32_t n = weir_batch_selected(in);
    for (; op->emit_position < n; op->emit_position++) {
        uint32_t row = weir_batch_row(in, op->emit_position);
        uint8_t kind = weir_batch_kind(in, row);
        op->row_pairs = pairs_of_row(op);
        bool one_sided = op->type == JOIN_SEMI || op->type == JOIN_ANTI;
        bool whole = one_sided ? emit_semi(op, input, in, row, kind) : emit_outer(op, input, in, row, kind);
        if (!whole) {
            join_flush(&op->pairs, input, in, out);
            return WEIR_OPERATOR_HAVE_MORE;
        }
        if (!op->stored && update_row(op, input, in, weir_row_kind_is_add(kind))) return WEIR_OPERATOR_FAILED;
        op->emit_pair += op->row_pairs;
        op->step_pair = op->emit_pair;
        op->step = 0;
    }
    join_flush(&op->pairs, input, in, out);
    return WEIR_OPERATOR_NEED_INPUT;
}

/* --- the operator --- */

/* Rows of an insert-only batch, stored before their pairs were known, get their degrees. */
static void set_degrees(struct join *op, uint32_t input)
{
    uint32_t degrees[WEIR_BATCH_ROWS_MAX] = { 0 };
    for (uint32_t i = 0; i < op->pairs.count; i++) degrees[op->pairs.items[i].position]++;
    join_side_set_degrees(&op->sides[input], degrees);
}

/* What a batch does to its own side changes nothing in what it finds on the other: so it is stored as a
 * whole, before the look-up, which gets its results from there; or, with retractions among it, row by row, in
 * an inner join at once, in the others with the emission. */
static enum weir_error_code start_batch(struct join *op, uint32_t input, const struct weir_batch *in)
{
    struct join_side *side = &op->sides[input], *other = &op->sides[1 - input];
    join_side_sweep(&op->sides[0]);
    join_side_sweep(&op->sides[1]);
    join_side_read(side, in);
    op->final = op->own.base.ctx->bounded && op->ended[1 - input];
    bool inner = op->type == JOIN_INNER, whole = side->layout == JOIN_APPEND && !in->kinds && !op->final;
    if (op->final) {
        join_side_find(other, side, in, op->firsts);
    } else if (whole) {
        if (join_side_add_all(side, other, in, op->firsts)) return op->own.base.ctx->error->code;
    } else {
        join_side_find(other, side, in, op->firsts);
        join_side_fetch(side, in);
        if (inner && update_own_side(op, input, in)) return op->own.base.ctx->error->code;
    }
    op->started = true;
    op->stored = whole || inner || op->final;
    op->position = op->pairs.count = op->emit_position = op->emit_pair = op->step_pair = 0;
    op->chain = WEIR_ROW_NONE;
    op->copies_left = 0;
    op->step = 0;
    if (inner) return WEIR_OK;
    enum weir_error_code code = find_pairs(op, input, in, UINT32_MAX);
    if (!code && whole && side->keeps_degree) set_degrees(op, input);
    return code;
}

static enum weir_operator_result process_rows(
    struct weir_operator *base, uint32_t input, const struct weir_batch *in, struct weir_batch *out)
{
    struct join *op = (struct join *)base;
    if (!op->started && start_batch(op, input, in)) return WEIR_OPERATOR_FAILED;
    enum weir_operator_result result =
        op->type == JOIN_INNER ? process_inner(op, input, in, out) : process_degrees(op, input, in, out);
    if (result == WEIR_OPERATOR_NEED_INPUT) op->started = false;
    return result;
}

/* Fills the output with rows of one side that found no match; false: there are no more. */
static bool put_unmatched(struct join *op, struct join_side *side)
{
    for (;;) {
        while (op->end_copies > 0) {
            if (op->pairs.out_count == WEIR_BATCH_ROWS_MAX) return true;
            join_put(&op->pairs, WEIR_ROW_INSERT, JOIN_NO_ROW, weir_table_read(side->row_table, op->end_row));
            op->end_copies--;
        }
        const uint8_t *row;
        if (weir_table_scan(side->row_table, &op->cursor, &row, &op->end_row, 1) == 0)
            return op->pairs.out_count > 0;
        if (join_row_degree(side, row) == 0) op->end_copies = join_row_copies(side, row);
    }
}

/* Batch mode: padding, when both inputs have ended. */
static enum weir_operator_result end_input(struct weir_operator *base, uint32_t input, struct weir_batch *out)
{
    struct join *op = (struct join *)base;
    op->ended[input] = true;
    if (!op->ended[0] || !op->ended[1]) return WEIR_OPERATOR_NEED_INPUT;
    if (!base->ctx->bounded) return ops_row_bundle_flush(base, out);
    for (; op->end_side < 2; op->end_side++, op->cursor = (struct weir_table_cursor){ 0 }) {
        if (!op->outer[op->end_side] && !(op->type == JOIN_ANTI && op->end_side == 0)) continue;
        if (!put_unmatched(op, &op->sides[op->end_side])) continue;
        join_flush(&op->pairs, 1 - op->end_side, NULL, out);
        return WEIR_OPERATOR_HAVE_MORE;
    }
    return WEIR_OPERATOR_NEED_INPUT;
}

const struct weir_operator_ops weir_join_operator_ops = { .name = "join",
    .create = create,
    .process = ops_row_bundle_process,
    .watermark = ops_row_bundle_watermark,
    .timer = ops_row_bundle_timer,
    .end_input = end_input,
    .flush = ops_row_bundle_flush,
    .close = close_join };
