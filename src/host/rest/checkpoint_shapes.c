/* How checkpoints are shown: one, its part in a vertex, its parts in subtasks, and figures over several. */
#include "host/rest/internal.h"
#include <stdlib.h>

static bool is_savepoint(Weir__CheckpointKind kind)
{
    return kind == WEIR__CHECKPOINT_KIND__SAVEPOINT || kind == WEIR__CHECKPOINT_KIND__STOP_SAVEPOINT;
}

static const char *type_of(Weir__CheckpointKind kind)
{
    if (kind == WEIR__CHECKPOINT_KIND__STOP_SAVEPOINT) return "SYNC_SAVEPOINT";
    return is_savepoint(kind) ? "SAVEPOINT" : "CHECKPOINT";
}

static const char *status_of(const Weir__CheckpointDetails *checkpoint)
{
    switch (checkpoint->outcome) {
    case WEIR__CHECKPOINT_OUTCOME__CHECKPOINT_COMPLETED: return "COMPLETED";
    case WEIR__CHECKPOINT_OUTCOME__CHECKPOINT_IN_PROGRESS: return "IN_PROGRESS";
    default: return "FAILED";
    }
}

/* ---------------------------------------------------------------- figures */

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Between two values lies a line; values are sorted, at least one. */
static double percentile(const uint64_t *values, size_t count, double percent)
{
    double at = percent * (double)(count + 1) / 100;
    if (at < 1) return (double)values[0];
    if (at >= (double)count) return (double)values[count - 1];
    size_t below = (size_t)at;
    double low = (double)values[below - 1], high = (double)values[below];
    return low + (at - (double)below) * (high - low);
}

json_t *rest__statistics(uint64_t *values, size_t count)
{
    static const uint64_t nothing[1] = { 0 };
    const uint64_t *sorted = count ? values : nothing;
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += (double)values[i];
    if (count) qsort(values, count, sizeof *values, compare);
    size_t most = count ? count : 1;
    return json_pack("{s:I,s:I,s:I,s:f,s:f,s:f,s:f,s:f}", "min", (json_int_t)sorted[0], "max",
        (json_int_t)sorted[most - 1], "avg", (json_int_t)(sum / (double)most), "p50",
        percentile(sorted, most, 50), "p90", percentile(sorted, most, 90), "p95",
        percentile(sorted, most, 95), "p99", percentile(sorted, most, 99), "p999",
        percentile(sorted, most, 99.9));
}

/* ---------------------------------------------------------------- a checkpoint, and what a vertex has of it
 */

/* The part of a checkpoint in one vertex, summed up. */
struct share {
    uint32_t subtasks, acknowledged;
    int64_t latest_ms, duration_ms;
    uint64_t bytes_full, bytes_written;
};

static struct share share_of(const Weir__CheckpointDetails *checkpoint, uint32_t vertex)
{
    struct share share = { .latest_ms = -1 };
    for (size_t i = 0; i < checkpoint->n_parts; i++) {
        const Weir__CheckpointPart *part = checkpoint->parts[i];
        if (part->vertex != vertex) continue;
        share.subtasks++;
        if (!part->acknowledged) continue;
        share.acknowledged++;
        share.latest_ms = WEIR_MAX(share.latest_ms, part->acknowledged_ms);
        share.duration_ms = WEIR_MAX(share.duration_ms, part->duration_ms);
        share.bytes_full += part->bytes_full;
        share.bytes_written += part->bytes_written;
    }
    return share;
}

static json_t *share_shape(const Weir__CheckpointDetails *checkpoint, const struct share *share)
{
    return json_pack("{s:I,s:s,s:I,s:I,s:I,s:I,s:i,s:i,s:i,s:I,s:I}", "id", (json_int_t)checkpoint->id,
        "status", status_of(checkpoint), "latest_ack_timestamp", (json_int_t)share->latest_ms,
        "checkpointed_size", (json_int_t)share->bytes_written, "state_size", (json_int_t)share->bytes_full,
        "end_to_end_duration", (json_int_t)(share->acknowledged ? share->duration_ms : -1),
        "alignment_buffered", 0, "processed_data", 0, "persisted_data", 0, "num_subtasks",
        (json_int_t)share->subtasks, "num_acknowledged_subtasks", (json_int_t)share->acknowledged);
}

/* Empty where parts were not asked for. */
static json_t *tasks_of(struct rest_request *request, const Weir__CheckpointDetails *checkpoint)
{
    json_t *tasks = json_object();
    for (size_t i = 0; i < checkpoint->n_parts; i++) {
        const char *id = rest__vertex_id(request, checkpoint->parts[i]->vertex);
        if (json_object_get(tasks, id)) continue;
        struct share share = share_of(checkpoint, checkpoint->parts[i]->vertex);
        json_object_set_new(tasks, id, share_shape(checkpoint, &share));
    }
    return tasks;
}

json_t *rest__checkpoint_shape(struct rest_request *request, const Weir__CheckpointDetails *checkpoint)
{
    bool completed = checkpoint->outcome == WEIR__CHECKPOINT_OUTCOME__CHECKPOINT_COMPLETED;
    bool in_progress = checkpoint->outcome == WEIR__CHECKPOINT_OUTCOME__CHECKPOINT_IN_PROGRESS;
    bool savepoint = is_savepoint(checkpoint->kind);
    int64_t ended_ms = checkpoint->triggered_ms + checkpoint->duration_ms;
    json_t *shown =
        json_pack("{s:s,s:I,s:s,s:b,s:s?,s:I,s:I,s:I,s:I,s:I,s:i,s:i,s:i,s:I,s:I,s:s,s:o}", "className",
            completed     ? "completed"
            : in_progress ? "in_progress"
                          : "failed",
            "id", (json_int_t)checkpoint->id, "status", status_of(checkpoint), "is_savepoint", (int)savepoint,
            "savepointFormat", savepoint ? "CANONICAL" : NULL, "trigger_timestamp",
            (json_int_t)checkpoint->triggered_ms, "latest_ack_timestamp",
            (json_int_t)(in_progress ? -1 : ended_ms), "checkpointed_size",
            (json_int_t)checkpoint->bytes_written, "state_size", (json_int_t)checkpoint->bytes_full,
            "end_to_end_duration", (json_int_t)checkpoint->duration_ms, "alignment_buffered", 0,
            "processed_data", 0, "persisted_data", 0, "num_subtasks", (json_int_t)checkpoint->subtasks,
            "num_acknowledged_subtasks", (json_int_t)checkpoint->acknowledged, "checkpoint_type",
            type_of(checkpoint->kind), "tasks", tasks_of(request, checkpoint));
    if (completed) {
        json_object_set_new(shown, "external_path", json_string(rest__location(request, checkpoint->text)));
        json_object_set_new(shown, "discarded", json_false());
    } else if (!in_progress) {
        json_object_set_new(shown, "failure_timestamp", json_integer(ended_ms));
        json_object_set_new(shown, "failure_message", json_string(checkpoint->text));
    }
    return shown;
}

/* ---------------------------------------------------------------- subtasks */

static json_t *part_shape(const Weir__CheckpointPart *part)
{
    if (!part->acknowledged)
        return json_pack("{s:s,s:I,s:s}", "className", "pending", "index", (json_int_t)part->subtask,
            "status", "pending_or_failed");
    return json_pack("{s:s,s:I,s:s,s:I,s:I,s:I,s:I,s:{s:I,s:I},s:{s:i,s:i,s:i,s:I},s:I,s:b,s:b}", "className",
        "completed", "index", (json_int_t)part->subtask, "status", "completed", "ack_timestamp",
        (json_int_t)part->acknowledged_ms, "end_to_end_duration", (json_int_t)part->duration_ms,
        "checkpointed_size", (json_int_t)part->bytes_written, "state_size", (json_int_t)part->bytes_full,
        "checkpoint", "sync", (json_int_t)part->sync_ms, "async", (json_int_t)part->async_ms, "alignment",
        "buffered", 0, "processed", 0, "persisted", 0, "duration", (json_int_t)part->alignment_ms,
        "start_delay", (json_int_t)part->start_delay_ms, "unaligned_checkpoint", 0, "aborted", 0);
}

enum figure { WRITTEN, FULL, DURATION, SYNC, ASYNC, ALIGNMENT, DELAY, FIGURES };

static uint64_t figure_of(const Weir__CheckpointPart *part, enum figure figure)
{
    switch (figure) {
    case WRITTEN: return part->bytes_written;
    case FULL: return part->bytes_full;
    case DURATION: return (uint64_t)WEIR_MAX(part->duration_ms, (int64_t)0);
    case SYNC: return part->sync_ms;
    case ASYNC: return part->async_ms;
    case ALIGNMENT: return part->alignment_ms;
    default: return part->start_delay_ms;
    }
}

/* Of those that have acknowledged. */
static json_t *summary_of(
    struct rest_request *request, const Weir__CheckpointDetails *checkpoint, uint32_t vertex)
{
    json_t *figures[FIGURES];
    for (int f = 0; f < FIGURES; f++) {
        uint64_t *values = WEIR_ARENA_ARRAY(&request->arena, uint64_t, checkpoint->n_parts + 1);
        size_t count = 0;
        for (size_t i = 0; i < checkpoint->n_parts; i++)
            if (checkpoint->parts[i]->vertex == vertex && checkpoint->parts[i]->acknowledged)
                values[count++] = figure_of(checkpoint->parts[i], (enum figure)f);
        figures[f] = rest__statistics(values, count);
    }
    return json_pack("{s:o,s:o,s:o,s:{s:o,s:o},s:{s:o,s:o,s:o,s:o},s:o}", "checkpointed_size",
        figures[WRITTEN], "state_size", figures[FULL], "end_to_end_duration", figures[DURATION],
        "checkpoint_duration", "sync", figures[SYNC], "async", figures[ASYNC], "alignment", "buffered",
        rest__statistics(NULL, 0), "processed", rest__statistics(NULL, 0), "persisted",
        rest__statistics(NULL, 0), "duration", figures[ALIGNMENT], "start_delay", figures[DELAY]);
}

json_t *rest__checkpoint_subtasks_shape(
    struct rest_request *request, const Weir__CheckpointDetails *checkpoint, uint32_t vertex)
{
    struct share share = share_of(checkpoint, vertex);
    if (!share.subtasks) return NULL;
    json_t *subtasks = json_array(), *shown = share_shape(checkpoint, &share);
    for (size_t i = 0; i < checkpoint->n_parts; i++)
        if (checkpoint->parts[i]->vertex == vertex)
            json_array_append_new(subtasks, part_shape(checkpoint->parts[i]));
    json_object_set_new(shown, "summary", summary_of(request, checkpoint, vertex));
    json_object_set_new(shown, "subtasks", subtasks);
    return shown;
}
