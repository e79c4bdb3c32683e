/*
 * The data plane of a TaskManager: slot threads that run subtasks, the exchange between them, snapshots on
 * the work pool. It takes the taskexecutor's effects and answers with task events.
 *
 * @thread control, all of it: slot threads and the pool come back through the control loop.
 */
#ifndef WEIR_HOST_TASK_RUNTIME_H
#define WEIR_HOST_TASK_RUNTIME_H

#include "host/control_loop.h"
#include "host/data_exchange.h"
#include "host/task_metrics.h"
#include "host/local_recovery.h"
#include "spi/connector.h"

struct weir_task_runtime_config {
    struct weir_memory *memory;
    struct weir_control_loop *loop;
    struct weir_data_exchange *exchange;
    const char *name; /* of this process */
    uint64_t incarnation;
    uint32_t slot_count;
    struct weir_memory *task_memory;    /* of all slots, counted together; NULL: memory */
    struct weir_memory *network_memory; /* of channels, as the exchange's; its budget is back-pressure */
    size_t managed_bytes_per_slot;      /* 0 = no limit */
    const char *memory_key;             /* what to raise when that is used up */
    struct weir_filesystem *filesystem;
    struct weir_local_recovery *local_recovery; /* NULL: there are no local copies of snapshots */
    bool keeps_copies, restores_copies;
    struct weir_task_metrics *metrics; /* NULL: nothing is measured */
    const struct weir_connectors *connectors;
    const struct weir_operator_ops *(*find_operator)(const char *name);
    const struct weir_source_ops *(*find_source)(const char *name);
    const struct weir_zone *local_zone;
    /* Whole lines of print sinks. @thread any slot thread, one at a time */
    void (*write_stdout)(void *console, const char *bytes, size_t length, bool to_stderr);
    void *console;
};

struct weir_task_runtime;
/* NULL: there are not as many threads as slots; what was made stays until the process ends, which is then. */
struct weir_task_runtime *weir_task_runtime_new(
    const struct weir_task_runtime_config *config, struct weir_error *reterr);
void weir_task_runtime_execute(struct weir_task_runtime *runtime, const struct weir_task_effect *effect);
/* Everything ends, nothing is told any more; the loop goes on until is_stopped, then free. */
void weir_task_runtime_stop(struct weir_task_runtime *runtime);
bool weir_task_runtime_is_stopped(const struct weir_task_runtime *runtime);
void weir_task_runtime_free(struct weir_task_runtime *runtime);

struct weir_task_runtime_statistics {
    uint32_t tasks, slots_busy;
    uint64_t snapshots_written;
    uint64_t bytes_restored_local, bytes_restored_storage;
};
void weir_task_runtime_statistics(
    const struct weir_task_runtime *runtime, struct weir_task_runtime_statistics *ret);

#endif
