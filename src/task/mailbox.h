/*
 * Mailbox of a subtask: what other threads ask of it, in one cell that the slot thread reads whole, without
 * waiting (a sequence lock that is free of fences). The cell holds the newest value of everything, so it is
 * bounded by construction, and orders given one after the other are seen in that order or together.
 *
 * A writer takes the cell by making its version odd; writers wait for one another, for as long as it takes to
 * copy WEIR_MAILBOX_WORDS words. The slot thread skips a cell that is being written: the writer wakes it.
 *
 * Memory order: a writer stores its words with release after the odd version, and the even version with
 * release after them; the reader loads the version with acquire, the words with acquire, and the version
 * again. Had it met a word of an unfinished write, the acquire would show it the odd version, too.
 */
#ifndef WEIR_TASK_MAILBOX_H
#define WEIR_TASK_MAILBOX_H

#include "base/macros.h"
#include <stdatomic.h>

/* A checkpoint as a source is told to begin it. */
struct weir_checkpoint_trigger {
    uint64_t id, epoch;
    uint64_t base_id; /* newest completed checkpoint; 0 = none */
    bool savepoint;   /* stands on its own */
    bool suspend;     /* stop without drain: a source emits nothing after the barrier */
};

/* More at once are lost in favour of newer ones (and superseded downstream): as many as a coordinator may
 * have in flight. */
enum { WEIR_MAILBOX_TRIGGERS_MAX = 4, WEIR_MAILBOX_ABORTS_MAX = 16 };

struct weir_mailbox_orders {
    struct weir_checkpoint_trigger triggers[WEIR_MAILBOX_TRIGGERS_MAX]; /* [count % MAX] is the next one's */
    uint64_t trigger_count;
    uint64_t aborts[WEIR_MAILBOX_ABORTS_MAX]; /* likewise */
    uint64_t abort_count;
    uint64_t epoch;                         /* adopted; 0 = whatever comes */
    uint64_t completed_id, completed_count; /* newest told; how often it was told */
    uint64_t resumed_id;                    /* suspensions by this checkpoint or an older one are over */
    uint64_t drain;                         /* 1: end as if the input were over */
};
enum { WEIR_MAILBOX_WORDS = sizeof(struct weir_mailbox_orders) / sizeof(uint64_t) };

struct weir_mailbox {
    _Atomic uint64_t version; /* odd while it is written */
    _Atomic uint64_t words[WEIR_MAILBOX_WORDS];
};

/* Takes the cell for writing: *ret is what it holds; write back what is changed. @thread any */
void weir_mailbox_begin(struct weir_mailbox *mailbox, struct weir_mailbox_orders *ret);
void weir_mailbox_end(struct weir_mailbox *mailbox, const struct weir_mailbox_orders *orders);
/* True when there is something newer than *version: then both are set. @thread slot */
bool weir_mailbox_poll(struct weir_mailbox *mailbox, uint64_t *version, struct weir_mailbox_orders *ret);

/* Two words that one thread writes and any may read together; by the same rule. */
struct weir_pair_cell {
    _Atomic uint64_t version, first, second;
};
void weir_pair_cell_write(struct weir_pair_cell *cell, uint64_t first, uint64_t second);
void weir_pair_cell_read(struct weir_pair_cell *cell, uint64_t *ret_first, uint64_t *ret_second);

#endif
