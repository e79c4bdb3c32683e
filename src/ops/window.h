/*
 * Windows on time: assigning rows to slices and slices to windows, in milliseconds of local wall time (for
 * TIMESTAMP_LTZ the wall time of table.local-time-zone, for TIMESTAMP the value itself). A slice is named by
 * its end.
 */
#ifndef WEIR_OPS_WINDOW_H
#define WEIR_OPS_WINDOW_H

#include "ops/common.h"

enum ops_window_kind { OPS_WINDOW_TUMBLE, OPS_WINDOW_HOP, OPS_WINDOW_CUMULATE, OPS_WINDOW_SESSION };

struct ops_window {
    enum ops_window_kind kind;
    int64_t size_ms, slide_ms, offset_ms, gap_ms;
    int64_t slice_ms;
    bool processing_time, local_zone, legacy;
    bool attached;                                  /* rows carry their window */
    uint32_t time_column, start_column, end_column; /* UINT32_MAX: absent */
    const uint32_t *partition;
    uint32_t partition_count;
    const struct weir_zone *zone; /* NULL: no shift */
};

enum weir_error_code ops_window_read(struct ops_window *window, struct weir_operator_context *ctx);

/* UTC to the time that windows count in, and back as Flink's timers do it: in a gap the first instant after
 * it, in an overlap the second. */
int64_t ops_window_local_ms(const struct ops_window *window, int64_t utc_ms);
int64_t ops_window_utc_ms(const struct ops_window *window, int64_t local_ms);

/* Window time of a row: its time column or the clock's; INT64_MIN: NULL. */
int64_t ops_window_row_ms(
    const struct ops_window *window, const struct weir_batch *batch, uint32_t row, int64_t now_ms);
int64_t ops_window_slice_end(const struct ops_window *window, int64_t ms);
/* First and last end of the windows that hold the slice. */
int64_t ops_window_first_end(const struct ops_window *window, int64_t slice_end);
int64_t ops_window_last_end(const struct ops_window *window, int64_t slice_end);
/* Smallest end of a window that holds the slice and whose end is larger than `after`; INT64_MAX: none. */
int64_t ops_window_next_end(const struct ops_window *window, int64_t slice_end, int64_t after);
/* Distance of the ends of neighbouring windows. */
int64_t ops_window_step(const struct ops_window *window);
int64_t ops_window_start(const struct ops_window *window, int64_t window_end);

/* How far time had come before a restart, per key group: the sources' watermarks begin anew, and what was
 * late must stay late, or windows that have fired would fire again. */
struct ops_past {
    int64_t *watermarks; /* NULL: nothing was restored */
};
/* The end of all time is not noted: a job that was drained may go on. */
void ops_past_snapshot(
    const struct ops_past *past, const struct weir_operator_context *ctx, struct weir_buffer *to);
enum weir_error_code ops_past_restore(struct ops_past *past, struct weir_operator_context *ctx,
    const struct weir_operator_blob *blobs, uint32_t count, struct weir_error *reterr);
/* By which rows of the key group are late; INT64_MIN: none is. */
static inline int64_t ops_past_watermark(
    const struct ops_past *past, const struct weir_operator_context *ctx, uint32_t key_group)
{
    int64_t before = past->watermarks ? past->watermarks[key_group] : INT64_MIN;
    return WEIR_MAX(before, ctx->watermark_ms);
}

#endif
