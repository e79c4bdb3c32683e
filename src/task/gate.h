/*
 * Input gate: all input channels of one subtask. Chooses the next element round-robin, aligns barriers,
 * combines watermarks.
 *
 * Watermarks (Flink's StatusWatermarkValve, per input): the input's watermark is the minimum over its
 * aligned, active channels; idle channels leave the minimum; a channel that becomes active again counts once
 * its watermark has reached the last output; when all are idle the maximum over all is flushed and the input
 * is idle. It never goes back. Over the inputs: the minimum of those that are active, by the same rule.
 *
 * Barriers (aligned): a channel that delivered barrier n is blocked until all open channels have; END counts
 * as delivered. A newer id gives up an older alignment; so do CANCEL, weir_gate_give_up() and, for barriers
 * of older epochs, weir_gate_adopt_epoch(). What was given up is remembered: a barrier of it that comes later
 * is dropped. Each id is told once, as BARRIER or as CANCEL. One alignment at a time.
 *
 * @thread slot.
 */
#ifndef WEIR_TASK_GATE_H
#define WEIR_TASK_GATE_H

#include "spi/operator.h"
#include "task/channel.h"

struct weir_gate_channel {
    struct weir_channel *channel;
    uint32_t input;
    int64_t watermark_ms;
    bool idle, aligned /* takes part in the minimum */, blocked /* by a barrier */, ended;
};

struct weir_gate_input {
    int64_t watermark_ms; /* last output */
    bool idle, ended;
    uint32_t channel_count, open_count;
};

enum weir_gate_event_kind {
    WEIR_GATE_NOTHING,
    WEIR_GATE_BATCH,     /* channel, batch; call weir_gate_batch_done() when it is processed */
    WEIR_GATE_WATERMARK, /* value: the operator's combined watermark has advanced to it */
    WEIR_GATE_IDLE,      /* value: 1 = all inputs idle, 0 = active again */
    WEIR_GATE_BARRIER,   /* barrier: aligned now; channels are unblocked by weir_gate_barrier_done() */
    WEIR_GATE_CANCEL,    /* barrier.id, epoch: given up, for reason: pass it on */
    WEIR_GATE_INPUT_END, /* input */
    WEIR_GATE_END        /* all inputs have ended */
};

/* Why a subtask does not take part in a checkpoint. */
enum weir_decline_reason {
    WEIR_DECLINE_ABORTED,       /* weir_subtask_abort() */
    WEIR_DECLINE_EPOCH,         /* it is of an older epoch than the one adopted */
    WEIR_DECLINE_CANCEL_MARKER, /* one came in-band: another subtask gave it up */
    WEIR_DECLINE_NOT_READY,     /* too many snapshots wait to be written */
    WEIR_DECLINE_SUPERSEDED     /* a newer barrier came first */
};

struct weir_gate_event {
    enum weir_gate_event_kind kind;
    int64_t value;
    uint32_t input, channel;
    const struct weir_batch *batch;
    struct weir_barrier barrier;
    enum weir_decline_reason reason; /* CANCEL */
};

/* Given up and newer than the last one aligned: more are possible only with more checkpoints at once than any
 * coordinator triggers; then all up to the oldest of them are. */
enum { WEIR_GATE_GIVEN_UP_MAX = 16 };

struct weir_gate {
    struct weir_gate_channel *channels;
    uint32_t channel_count, open_count, next;
    struct weir_gate_input inputs[WEIR_OPERATOR_INPUTS_MAX];
    uint32_t input_count;
    int64_t watermark_ms; /* combined */
    bool idle, end_reported;
    struct weir_barrier aligning; /* under alignment; id 0 = none */
    uint32_t barriers;            /* channels that delivered it */
    uint64_t barrier_last;        /* newest id that was aligned: older or equal ones are settled */
    uint64_t given_up[WEIR_GATE_GIVEN_UP_MAX]; /* settled, too: newer than barrier_last */
    uint32_t given_up_count;
    uint64_t epoch;                  /* barriers of older ones are given up */
    struct weir_barrier newest_seen; /* on any channel */
    bool barrier_pending;            /* aligned, waiting for barrier_done */
    struct weir_batch *current;
    uint32_t current_channel;
};

/* channels[i] feeds input inputs[i]. Arrays are copied into arena. */
void weir_gate_init(struct weir_gate *gate, struct weir_arena *arena, struct weir_channel *const *channels,
    const uint32_t *inputs, uint32_t channel_count, uint32_t input_count);
/* Consumes elements until there is something to tell. Not to be called while a batch is lent or a barrier
 * pending. */
struct weir_gate_event weir_gate_poll(struct weir_gate *gate);
void weir_gate_batch_done(struct weir_gate *gate);
void weir_gate_barrier_done(struct weir_gate *gate);
/* A gate without channels, a source's, is told of its barriers: BARRIER or CANCEL in *event; false when it is
 * settled already. */
bool weir_gate_trigger(
    struct weir_gate *gate, const struct weir_barrier *barrier, struct weir_gate_event *event);
/* Gives a checkpoint up, under alignment or not yet seen; false when it is settled already (aligned or given
 * up). *ret_epoch: of its barrier when one was seen, else 0. Not to be called while its barrier is pending.
 */
bool weir_gate_give_up(struct weir_gate *gate, uint64_t checkpoint_id, uint64_t *ret_epoch);
/* Barriers of older epochs are given up from now on; *ret is the one under alignment that this ends (then
 * true). */
bool weir_gate_adopt_epoch(struct weir_gate *gate, uint64_t epoch, struct weir_barrier *ret);
/* The subtask wants no more input: producers stop; what is queued is dropped. */
void weir_gate_close(struct weir_gate *gate);

#endif
