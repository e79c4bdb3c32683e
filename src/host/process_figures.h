/*
 * What a process knows of itself, under Flink's names: memory, threads, CPU. There is no JVM: its heap is
 * what is allocated, and what is resident beside that is no heap.
 * @thread any
 */
#ifndef WEIR_HOST_PROCESS_FIGURES_H
#define WEIR_HOST_PROCESS_FIGURES_H

#include "base/memory.h"
#include "host/memory_sizes.h"

enum { WEIR_PROCESS_FIGURES_MAX = 48, WEIR_NETWORK_SEGMENT_BYTES = 32 << 10 };

struct weir_process_figure {
    const char *name; /* "Status.JVM.Memory.Heap.Used" */
    double value;
};

/* Of a TaskManager; all may be NULL. */
struct weir_process_budgets {
    const struct weir_memory *network, *tasks;
    const struct weir_memory_sizes *sizes;
};

/* started_ms: wall clock. Returns how many there are. */
uint32_t weir_process_figures(int64_t started_ms, const struct weir_process_budgets *budgets,
    struct weir_process_figure ret[WEIR_PROCESS_FIGURES_MAX]);

struct weir_buffer;
/* {"figures":{..}} and, of a TaskManager, what Flink's pages of one show: "memoryConfiguration", "hardware",
 * "resource" (of all slots, in MB), "metrics". */
void weir_process_print_json(
    int64_t started_ms, const struct weir_process_budgets *budgets, struct weir_buffer *out);

#endif
