/*
 * Figures of the tasks of this process, under Flink's names: counters that the slot threads write, rates over
 * the last seconds, how long each task worked, waited for input, or waited for room behind it.
 *
 * @thread add and remove: control. told: the task's slot thread. print: any. One thread of its own takes a
 * sample every second while there are tasks.
 */
#ifndef WEIR_HOST_TASK_METRICS_H
#define WEIR_HOST_TASK_METRICS_H

#include "base/buffer.h"
#include "control/ids.h"
#include "plan/job_graph.h"
#include "proto/codec.h"
#include "task/subtask.h"

struct weir_task_metrics;
struct weir_task_meter;

struct weir_task_metrics_labels {
    const char *host, *taskmanager; /* copied */
};

struct weir_task_metrics *weir_task_metrics_new(
    struct weir_memory *memory, const struct weir_task_metrics_labels *labels);
void weir_task_metrics_free(struct weir_task_metrics *metrics); /* every task was removed */

/* The subtask and its vertex live until remove. */
struct weir_task_meter *weir_task_metrics_add(struct weir_task_metrics *metrics,
    const struct weir_attempt_id *attempt, const char *job_name, const struct weir_job_vertex *vertex,
    const struct weir_subtask *subtask);
void weir_task_metrics_remove(struct weir_task_metrics *metrics, struct weir_task_meter *meter);

/* Of all its life. It goes on counting as long as nobody removes it. */
void weir_task_meter_read(const struct weir_task_meter *meter, Weir__TaskFigures *ret);

/* A step began at start_ns and has just ended with this result. */
void weir_task_meter_told(struct weir_task_meter *meter, int64_t start_ns, enum weir_subtask_result result);

/* [{"job", "vertex", "subtask", "attempt", "epoch", "metrics": {"numRecordsIn": ..}}] of one job (its 32
 * digits), or of all. */
void weir_task_metrics_print_json(
    struct weir_task_metrics *metrics, const char *job, struct weir_buffer *out);
/* What Prometheus reads: scopes task and operator. */
void weir_task_metrics_print_prometheus(struct weir_task_metrics *metrics, struct weir_buffer *out);

#endif
