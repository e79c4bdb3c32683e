#include "host/process_figures.h"
#include "base/assert.h"
#include "base/buffer.h"
#include "os/clock.h"
#include "os/memory.h"
#include <dirent.h>
#include <string.h>
#include <unistd.h>

struct figures {
    struct weir_process_figure *all;
    uint32_t count;
};

static void add(struct figures *figures, const char *name, double value)
{
    WEIR_ASSERT(figures->count < WEIR_PROCESS_FIGURES_MAX);
    figures->all[figures->count++] = (struct weir_process_figure){ name, value };
}

static uint32_t thread_count(void)
{
    uint32_t count = 0;
    DIR *directory = opendir("/proc/self/task");
    if (!directory) return 0;
    while (readdir(directory)) count++;
    closedir(directory);
    return count > 2 ? count - 2 : 0;
}

static uint64_t used_by(const struct weir_memory *memory)
{
    return memory ? atomic_load_explicit(&memory->used_bytes, memory_order_relaxed) : 0;
}

/* In bytes. */
struct heap {
    uint64_t used, committed, most, beside;
};

static struct heap read_heap(void)
{
    const struct weir_memory *root = weir_os_memory();
    uint64_t resident = weir_os_resident_bytes();
    struct heap heap = { .used = used_by(root) };
    heap.committed = WEIR_MAX(heap.used, resident);
    heap.most = root->limit_bytes ? root->limit_bytes : weir_os_physical_bytes();
    heap.beside = heap.committed - heap.used;
    return heap;
}

static void add_network(struct figures *figures, const struct weir_memory *network)
{
    double total = (double)network->limit_bytes, used = (double)used_by(network);
    double segments = (double)(network->limit_bytes / WEIR_NETWORK_SEGMENT_BYTES);
    double used_segments =
        (double)((used_by(network) + WEIR_NETWORK_SEGMENT_BYTES - 1) / WEIR_NETWORK_SEGMENT_BYTES);
    double left = WEIR_MAX(total - used, 0.0), left_segments = WEIR_MAX(segments - used_segments, 0.0);
    add(figures, "Status.Shuffle.Netty.TotalMemory", total);
    add(figures, "Status.Shuffle.Netty.UsedMemory", used);
    add(figures, "Status.Shuffle.Netty.AvailableMemory", left);
    add(figures, "Status.Shuffle.Netty.TotalMemorySegments", segments);
    add(figures, "Status.Shuffle.Netty.UsedMemorySegments", used_segments);
    add(figures, "Status.Shuffle.Netty.AvailableMemorySegments", left_segments);
}

uint32_t weir_process_figures(int64_t started_ms, const struct weir_process_budgets *budgets,
    struct weir_process_figure ret[WEIR_PROCESS_FIGURES_MAX])
{
    static const char *const none[] = { "Status.JVM.Memory.Metaspace.Used",
        "Status.JVM.Memory.Metaspace.Committed", "Status.JVM.Memory.Metaspace.Max",
        "Status.JVM.Memory.Mapped.Count", "Status.JVM.Memory.Mapped.MemoryUsed",
        "Status.JVM.Memory.Mapped.TotalCapacity", "Status.JVM.GarbageCollector.All.Count",
        "Status.JVM.GarbageCollector.All.Time", "Status.JVM.GarbageCollector.All.TimeMsPerSecond" };
    struct figures figures = { .all = ret };
    struct heap heap = read_heap();
    double cpu_ns = (double)weir_clock_process_cpu_ns(), up_ms = (double)(weir_clock_epoch_ms() - started_ms);
    uint64_t direct = used_by(budgets->network);
    add(&figures, "Status.JVM.CPU.Load", up_ms > 0 ? cpu_ns / 1e6 / up_ms : 0);
    add(&figures, "Status.JVM.CPU.Time", cpu_ns);
    add(&figures, "Status.JVM.Threads.Count", thread_count());
    add(&figures, "Status.JVM.Memory.Heap.Used", (double)heap.used);
    add(&figures, "Status.JVM.Memory.Heap.Committed", (double)heap.committed);
    add(&figures, "Status.JVM.Memory.Heap.Max", (double)heap.most);
    add(&figures, "Status.JVM.Memory.NonHeap.Used", (double)heap.beside);
    add(&figures, "Status.JVM.Memory.NonHeap.Committed", (double)heap.beside);
    add(&figures, "Status.JVM.Memory.NonHeap.Max", -1);
    add(&figures, "Status.JVM.Memory.Direct.Count",
        (double)((direct + WEIR_NETWORK_SEGMENT_BYTES - 1) / WEIR_NETWORK_SEGMENT_BYTES));
    add(&figures, "Status.JVM.Memory.Direct.MemoryUsed", (double)direct);
    add(&figures, "Status.JVM.Memory.Direct.TotalCapacity",
        budgets->network ? (double)budgets->network->limit_bytes : 0);
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(none); i++) add(&figures, none[i], 0);
    if (budgets->network) add_network(&figures, budgets->network);
    if (budgets->sizes) {
        add(&figures, "Status.Flink.Memory.Managed.Total",
            (double)weir_memory_sizes_task_bytes(budgets->sizes));
        add(&figures, "Status.Flink.Memory.Managed.Used", (double)used_by(budgets->tasks));
    }
    return figures.count;
}

/* ---------------------------------------------------------------- pages of a TaskManager */

struct member {
    const char *name;
    uint64_t value;
};

static void print_members(
    struct weir_buffer *out, const char *name, const struct member *members, uint32_t count)
{
    weir_buffer_format(out, ",\"%s\":{", name);
    for (uint32_t i = 0; i < count; i++)
        weir_buffer_format(
            out, "%s\"%s\":%llu", i ? "," : "", members[i].name, (unsigned long long)members[i].value);
    weir_buffer_append_byte(out, '}');
}

static uint32_t cpu_count(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? (uint32_t)count : 1;
}

static void print_sizes(struct weir_buffer *out, const struct weir_memory_sizes *sizes)
{
    const struct member parts[] = { { "frameworkHeap", sizes->framework_heap_bytes },
        { "taskHeap", sizes->task_heap_bytes }, { "frameworkOffHeap", sizes->framework_off_heap_bytes },
        { "taskOffHeap", sizes->task_off_heap_bytes }, { "networkMemory", sizes->network_bytes },
        { "managedMemory", sizes->managed_bytes }, { "jvmMetaspace", sizes->metaspace_bytes },
        { "jvmOverhead", sizes->overhead_bytes }, { "totalFlinkMemory", sizes->flink_bytes },
        { "totalProcessMemory", sizes->process_bytes } };
    const struct member slots[] = { { "cpuCores", cpu_count() },
        { "taskHeapMemory", sizes->task_heap_bytes >> 20 },
        { "taskOffHeapMemory", sizes->task_off_heap_bytes >> 20 },
        { "managedMemory", sizes->managed_bytes >> 20 }, { "networkMemory", sizes->network_bytes >> 20 } };
    struct heap heap = read_heap();
    const struct member hardware[] = { { "cpuCores", cpu_count() },
        { "physicalMemory", weir_os_physical_bytes() },
        { "freeMemory", heap.most > heap.used ? heap.most - heap.used : 0 },
        { "managedMemory", weir_memory_sizes_task_bytes(sizes) } };
    print_members(out, "memoryConfiguration", parts, WEIR_ARRAY_COUNT(parts));
    print_members(out, "resource", slots, WEIR_ARRAY_COUNT(slots));
    print_members(out, "hardware", hardware, WEIR_ARRAY_COUNT(hardware));
}

static void print_figure(struct weir_buffer *out, const char *name, double value, bool first)
{
    bool whole = value >= -9e15 && value <= 9e15 && value == (double)(int64_t)value;
    weir_buffer_format(out, "%s\"%s\":", first ? "" : ",", name);
    weir_buffer_format(out, whole ? "%.0f" : "%.17g", value);
}

/* What the page of one TaskManager calls them. */
static void print_page_metrics(
    struct weir_buffer *out, const struct weir_process_figure *figures, uint32_t count)
{
    static const struct {
        const char *name, *figure;
    } shown[] = { { "heapUsed", "Status.JVM.Memory.Heap.Used" },
        { "heapCommitted", "Status.JVM.Memory.Heap.Committed" }, { "heapMax", "Status.JVM.Memory.Heap.Max" },
        { "nonHeapUsed", "Status.JVM.Memory.NonHeap.Used" },
        { "nonHeapCommitted", "Status.JVM.Memory.NonHeap.Committed" },
        { "nonHeapMax", "Status.JVM.Memory.NonHeap.Max" },
        { "directCount", "Status.JVM.Memory.Direct.Count" },
        { "directUsed", "Status.JVM.Memory.Direct.MemoryUsed" },
        { "directMax", "Status.JVM.Memory.Direct.TotalCapacity" },
        { "mappedCount", "Status.JVM.Memory.Mapped.Count" },
        { "mappedUsed", "Status.JVM.Memory.Mapped.MemoryUsed" },
        { "mappedMax", "Status.JVM.Memory.Mapped.TotalCapacity" },
        { "nettyShuffleMemorySegmentsAvailable", "Status.Shuffle.Netty.AvailableMemorySegments" },
        { "nettyShuffleMemorySegmentsUsed", "Status.Shuffle.Netty.UsedMemorySegments" },
        { "nettyShuffleMemorySegmentsTotal", "Status.Shuffle.Netty.TotalMemorySegments" },
        { "nettyShuffleMemoryAvailable", "Status.Shuffle.Netty.AvailableMemory" },
        { "nettyShuffleMemoryUsed", "Status.Shuffle.Netty.UsedMemory" },
        { "nettyShuffleMemoryTotal", "Status.Shuffle.Netty.TotalMemory" } };
    weir_buffer_append_text(out, ",\"metrics\":{");
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(shown); i++)
        for (uint32_t f = 0; f < count; f++)
            if (strcmp(shown[i].figure, figures[f].name) == 0)
                print_figure(out, shown[i].name, figures[f].value, i == 0);
    weir_buffer_append_byte(out, '}');
}

void weir_process_print_json(
    int64_t started_ms, const struct weir_process_budgets *budgets, struct weir_buffer *out)
{
    struct weir_process_figure figures[WEIR_PROCESS_FIGURES_MAX];
    uint32_t count = weir_process_figures(started_ms, budgets, figures);
    weir_buffer_append_text(out, "{\"figures\":{");
    for (uint32_t i = 0; i < count; i++) print_figure(out, figures[i].name, figures[i].value, i == 0);
    weir_buffer_append_byte(out, '}');
    if (budgets->sizes) print_sizes(out, budgets->sizes);
    print_page_metrics(out, figures, count);
    weir_buffer_append_byte(out, '}');
}
