#include "ops/window.h"
#include "data/time.h"

static int64_t greatest_common_divisor(int64_t a, int64_t b)
{
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static uint32_t column_of(const struct weir_spec *map, const char *name)
{
    return (uint32_t)weir_spec_get_integer(map, name, UINT32_MAX);
}

enum weir_error_code ops_window_read(struct ops_window *window, struct weir_operator_context *ctx)
{
    const struct weir_spec *map = weir_spec_get(ctx->spec, "window");
    const char *kind = weir_spec_get_text(map, "kind", "");
    *window = (struct ops_window){ .size_ms = weir_spec_get_integer(map, "size_ms", 0),
        .offset_ms = weir_spec_get_integer(map, "offset_ms", 0),
        .gap_ms = weir_spec_get_integer(map, "gap_ms", 0),
        .processing_time = weir_spec_get_boolean(map, "processing_time", false),
        .local_zone = weir_spec_get_boolean(map, "local_zone", false),
        .legacy = weir_spec_get_boolean(map, "legacy", false),
        .time_column = column_of(map, "time"),
        .start_column = UINT32_MAX,
        .end_column = UINT32_MAX };
    window->partition = weir_spec_get_integers(map, "partition", &window->partition_count, ctx->arena);
    if (window->local_zone || window->processing_time) window->zone = ctx->local_zone;
    const struct weir_spec *attached = weir_spec_get(map, "attached");
    if (attached && attached->kind == WEIR_SPEC_MAP) {
        window->attached = true;
        window->start_column = column_of(attached, "start");
        window->end_column = column_of(attached, "end");
        if (window->end_column == UINT32_MAX) window->end_column = column_of(attached, "time");
        if (window->end_column >= ctx->input_column_counts[0]) {
            return weir_error_set(ctx->error, WEIR_E_FORMAT,
                "%s: the plan's attached window has no end column", ctx->task_name);
        }
    }
    if (strcmp(kind, "tumble") == 0) {
        window->kind = OPS_WINDOW_TUMBLE;
        window->slice_ms = window->slide_ms = window->size_ms;
    } else if (strcmp(kind, "hop") == 0) {
        window->kind = OPS_WINDOW_HOP;
        window->slide_ms = weir_spec_get_integer(map, "slide_ms", 0);
        window->slice_ms = greatest_common_divisor(window->size_ms, window->slide_ms);
    } else if (strcmp(kind, "cumulate") == 0) {
        window->kind = OPS_WINDOW_CUMULATE;
        window->slide_ms = window->slice_ms = weir_spec_get_integer(map, "step_ms", 0);
    } else if (strcmp(kind, "session") == 0) {
        window->kind = OPS_WINDOW_SESSION;
    } else if (!window->attached) {
        return weir_error_set(
            ctx->error, WEIR_E_UNSUPPORTED, "%s: window kind '%s' is not implemented", ctx->task_name, kind);
    }
    bool timed =
        window->processing_time || window->attached || window->time_column < ctx->input_column_counts[0];
    bool sized = window->attached ||
                 (window->kind == OPS_WINDOW_SESSION ? window->gap_ms > 0
                                                     : window->size_ms > 0 && window->slice_ms > 0);
    if (!timed || !sized) {
        return weir_error_set(ctx->error, WEIR_E_FORMAT,
            "%s: the plan's %s window lacks its time column or sizes", ctx->task_name, kind);
    }
    return WEIR_OK;
}

int64_t ops_window_local_ms(const struct ops_window *window, int64_t utc_ms)
{
    if (!window->zone || utc_ms == INT64_MIN || utc_ms == INT64_MAX) return utc_ms;
    return utc_ms + (int64_t)weir_zone_offset_at_utc(window->zone, weir_floor_div(utc_ms, 1000)) * 1000;
}

static int64_t local_to_utc(const struct weir_zone *zone, int64_t local_ms)
{
    return local_ms - (int64_t)weir_zone_offset_at_local(zone, weir_floor_div(local_ms, 1000)) * 1000;
}

int64_t ops_window_utc_ms(const struct ops_window *window, int64_t local_ms)
{
    enum { HOUR_MS = 3600 * 1000 };
    if (!window->zone || local_ms == INT64_MIN || local_ms == INT64_MAX) return local_ms;
    int64_t here = local_to_utc(window->zone, local_ms),
            later = local_to_utc(window->zone, local_ms + HOUR_MS);
    if (here == later) return here - weir_floor_mod(here, HOUR_MS);
    if (later - here > HOUR_MS) return here + HOUR_MS;
    return here;
}

int64_t ops_window_row_ms(
    const struct ops_window *window, const struct weir_batch *batch, uint32_t row, int64_t now_ms)
{
    int64_t ms = window->processing_time ? now_ms : ops_time_ms(&batch->columns[window->time_column], row);
    return ops_window_local_ms(window, ms);
}

int64_t ops_window_slice_end(const struct ops_window *window, int64_t ms)
{
    return ms - weir_floor_mod(ms - window->offset_ms, window->slice_ms) + window->slice_ms;
}

int64_t ops_window_step(const struct ops_window *window)
{
    return window->slide_ms;
}

int64_t ops_window_first_end(const struct ops_window *window, int64_t slice_end)
{
    if (window->kind != OPS_WINDOW_HOP) return slice_end;
    int64_t past = weir_floor_mod(slice_end - window->offset_ms - window->size_ms, window->slide_ms);
    return past ? slice_end + window->slide_ms - past : slice_end;
}

int64_t ops_window_last_end(const struct ops_window *window, int64_t slice_end)
{
    if (window->attached || window->kind == OPS_WINDOW_TUMBLE) return slice_end;
    int64_t slice_start = slice_end - window->slice_ms;
    int64_t unit = window->kind == OPS_WINDOW_HOP ? window->slide_ms : window->size_ms;
    return slice_start - weir_floor_mod(slice_start - window->offset_ms, unit) + window->size_ms;
}

int64_t ops_window_next_end(const struct ops_window *window, int64_t slice_end, int64_t after)
{
    int64_t last = ops_window_last_end(window, slice_end);
    if (last <= after) return INT64_MAX;
    if (window->attached || window->kind == OPS_WINDOW_TUMBLE) return slice_end;
    int64_t first = ops_window_first_end(window, slice_end);
    if (first > after) return first <= last ? first : INT64_MAX;
    int64_t next = first + ((after - first) / window->slide_ms + 1) * window->slide_ms;
    return next <= last ? next : INT64_MAX;
}

int64_t ops_window_start(const struct ops_window *window, int64_t window_end)
{
    if (window->kind != OPS_WINDOW_CUMULATE) return window_end - window->size_ms;
    return window_end - 1 - weir_floor_mod(window_end - 1 - window->offset_ms, window->size_ms);
}

/* --- the past --- */

void ops_past_snapshot(
    const struct ops_past *past, const struct weir_operator_context *ctx, struct weir_buffer *to)
{
    struct weir_key_group_range range =
        weir_key_group_range_of(ctx->subtask_index, ctx->max_parallelism, ctx->parallelism);
    weir_buffer_append_u32(to, range.first);
    weir_buffer_append_u32(to, range.last);
    int64_t now = ctx->watermark_ms == INT64_MAX ? INT64_MIN : ctx->watermark_ms;
    for (uint32_t g = range.first; g <= range.last; g++) {
        int64_t before = past->watermarks ? past->watermarks[g] : INT64_MIN;
        weir_buffer_append_u64(to, (uint64_t)WEIR_MAX(now, before));
    }
}

enum weir_error_code ops_past_restore(struct ops_past *past, struct weir_operator_context *ctx,
    const struct weir_operator_blob *blobs, uint32_t count, struct weir_error *reterr)
{
    uint32_t groups = ctx->max_parallelism;
    past->watermarks = WEIR_ARENA_ARRAY(ctx->arena, int64_t, groups);
    for (uint32_t g = 0; g < groups; g++) past->watermarks[g] = INT64_MIN;
    for (uint32_t b = 0; b < count; b++) {
        if (blobs[b].length == 0) continue;
        struct weir_reader reader = { .data = blobs[b].bytes, .length = blobs[b].length };
        uint32_t first = weir_reader_u32(&reader), last = weir_reader_u32(&reader);
        for (uint32_t g = first; g <= last && g < groups && !reader.failed; g++)
            past->watermarks[g] = (int64_t)weir_reader_u64(&reader);
        if (reader.failed)
            return weir_error_set(
                reterr, WEIR_E_STATE, "%s: the operator's snapshot is malformed", ctx->task_name);
    }
    return WEIR_OK;
}
