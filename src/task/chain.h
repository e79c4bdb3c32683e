/*
 * Chain driver: runs a chain of operators as a resumable machine. Each level holds what it is asked to do (a
 * step); the deepest level with work runs first, so that a level's output is drained before the level is
 * called again (HAVE_MORE). weir_chain_run() returns BLOCKED when the output lacks room: nothing is lost, the
 * next call goes on where it stopped.
 *
 * Only one step is given to the chain at a time (weir_chain_idle() is true before). Steps travel: rows by out
 * batches, WATERMARK, FLUSH and END_INPUT from level to level after what they emitted has been drained.
 * @thread slot.
 */
#ifndef WEIR_TASK_CHAIN_H
#define WEIR_TASK_CHAIN_H

#include "spi/operator.h"
#include "task/output.h"

enum weir_chain_action {
    WEIR_CHAIN_NONE,
    WEIR_CHAIN_PROCESS,
    WEIR_CHAIN_WATERMARK,
    WEIR_CHAIN_TIMER,
    WEIR_CHAIN_END_INPUT,
    WEIR_CHAIN_FLUSH
};
enum weir_chain_result { WEIR_CHAIN_DONE, WEIR_CHAIN_BLOCKED, WEIR_CHAIN_FAILED };

struct weir_chain_level {
    struct weir_operator *op;
    struct weir_operator_context *ctx;
    struct weir_batch out;
    enum weir_chain_action action;
    bool called;    /* the call returned other than HAVE_MORE: what is left is to pass the action on */
    uint32_t input; /* PROCESS, END_INPUT */
    const struct weir_batch *in;
    int64_t value; /* WATERMARK: ms; TIMER: now */
    int64_t forward_ms;
    bool finished; /* wants no more input */
    bool idle_sent;
    int64_t timer_ms; /* INT64_MAX = unset */
};

struct weir_chain {
    struct weir_chain_level *levels;
    uint32_t level_count;
    struct weir_output *output;
    struct weir_error *error;
    int64_t watermark_sent_ms;
    uint64_t rows_out;
    uint32_t finished_level; /* level + 1 of the deepest operator that is FINISHED; 0 = none */
    /* Rows of the source (level_count may be 0 then) go straight to the output. */
};

void weir_chain_init(struct weir_chain *chain, struct weir_arena *arena, uint32_t level_count,
    struct weir_output *output, struct weir_error *error);
bool weir_chain_is_idle(const struct weir_chain *chain);
/* Gives the chain its next step, from level on (0 except for TIMER and early ends). in is borrowed until the
 * chain is idle again. */
void weir_chain_start(struct weir_chain *chain, uint32_t level, enum weir_chain_action action, uint32_t input,
    const struct weir_batch *in, int64_t value);
enum weir_chain_result weir_chain_run(struct weir_chain *chain);
/* Earliest processing-time timer of any operator. */
int64_t weir_chain_timer_ms(const struct weir_chain *chain, uint32_t *level);

#endif
