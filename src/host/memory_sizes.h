/*
 * What taskmanager.memory.* and jobmanager.memory.* come to: the parts of a process's memory, computed as
 * Flink computes them from whichever of process.size, flink.size and the single parts are set. There is no
 * JVM here; its parts are room for code, stacks, the allocator and the control plane.
 *
 * @thread any; pure.
 */
#ifndef WEIR_HOST_MEMORY_SIZES_H
#define WEIR_HOST_MEMORY_SIZES_H

#include "config/config.h"

struct weir_memory_sizes {
    bool limited; /* false: nothing but managed may be set, and the process has no limit */
    uint64_t process_bytes, flink_bytes;
    uint64_t framework_heap_bytes, framework_off_heap_bytes; /* of a TaskManager */
    uint64_t task_heap_bytes, task_off_heap_bytes;           /* JobManager: heap and off-heap */
    uint64_t managed_bytes, network_bytes;
    uint64_t metaspace_bytes, overhead_bytes;
    const char *key; /* what to raise when tasks lack memory */
};

enum weir_error_code weir_memory_sizes_taskmanager(
    const struct weir_config *config, struct weir_memory_sizes *ret, struct weir_error *reterr);
enum weir_error_code weir_memory_sizes_jobmanager(
    const struct weir_config *config, struct weir_memory_sizes *ret, struct weir_error *reterr);
/* What the tasks of all slots may use for state and rows: task heap, task off-heap and managed memory; 0: no
 * limit. */
uint64_t weir_memory_sizes_task_bytes(const struct weir_memory_sizes *sizes);
/* What the process may ask its allocator for; the rest is room for what no allocator counts. 0: no limit. */
uint64_t weir_memory_sizes_allocated_bytes_max(const struct weir_memory_sizes *sizes);

#endif
