/*
 * Output: where a chain's rows go: for each outgoing edge the channels to all consumer subtasks, with a batch
 * under construction per channel. Rows are copied (views of strings, not bytes) out of the lent batch; small
 * pieces are coalesced until a batch is full or until flush, which comes when the subtask has nothing else to
 * do or a moment has passed: full batches cost half the wake-ups of half full ones.
 *
 * Credits: weir_output_has_room() is asked before every step of the chain. It keeps WEIR_OUTPUT_RESERVE
 * elements of room per channel: one batch may complete the batch under construction and fill another, and a
 * watermark or barrier needs one more.
 *
 * -U/+U pairs stay in one batch; when a key change routes the halves to different subtasks they become -D and
 * +I.
 * @thread slot.
 */
#ifndef WEIR_TASK_OUTPUT_H
#define WEIR_TASK_OUTPUT_H

#include "plan/job_graph.h"
#include "task/channel.h"

enum { WEIR_OUTPUT_RESERVE = 5 };

struct weir_output_edge {
    enum weir_exchange exchange;
    const uint32_t *keys;
    uint32_t key_count;
    struct weir_channel **channels; /* to each consumer subtask; FORWARD: exactly one */
    struct weir_batch **building;   /* per channel; NULL = none */
    uint32_t channel_count;
    uint32_t next;           /* REBALANCE */
    uint16_t *consumers;     /* HASH over several channels: of each key group; made by weir_output_init */
    uint32_t *starts;        /* scratch of many channels: channel_count + 1 */
    uint64_t bytes, batches; /* sent: fixed parts; read torn-free by others */
    bool hashes_travel;      /* hashing is dearer than taking hashes along */
};

struct weir_output {
    struct weir_output_edge *edges;
    uint32_t edge_count;
    uint32_t max_parallelism;
    bool building;     /* rows wait in a batch under construction */
    uint16_t *targets; /* scratch: WEIR_BATCH_ROWS_MAX */
    uint32_t *rows;    /* scratch */
    uint64_t *hashes;  /* scratch */
    uint8_t *kinds;    /* scratch: kinds after downgrading split pairs */
};

void weir_output_init(struct weir_output *output, struct weir_arena *arena, struct weir_output_edge *edges,
    uint32_t edge_count, uint32_t max_parallelism);
bool weir_output_has_room(struct weir_output *output);
/* All consumers have closed: nobody wants rows. False without edges. */
bool weir_output_unwanted(struct weir_output *output);
void weir_output_write(struct weir_output *output, const struct weir_batch *batch);
void weir_output_flush(struct weir_output *output);
/* Flushes, then sends to every channel: watermark, idle, end. */
void weir_output_broadcast(struct weir_output *output, enum weir_element_kind kind, int64_t value);
void weir_output_barrier(struct weir_output *output, const struct weir_barrier *barrier);
void weir_output_cancel(struct weir_output *output, uint64_t checkpoint_id, uint64_t epoch);

#endif
