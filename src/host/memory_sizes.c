#include "host/memory_sizes.h"
#include <stdio.h>
#include <string.h>

#define MIB UINT64_C(1048576)

/* A part that is a fraction of a whole within bounds. */
struct fraction {
    double part;
    uint64_t least, most;
};

static uint64_t bytes_of(const struct weir_config *config, const char *key, uint64_t otherwise)
{
    return weir_config_get_memory_bytes(config, key, otherwise);
}

static uint64_t within(const struct fraction *fraction, double wanted)
{
    uint64_t bytes = wanted >= (double)fraction->most ? fraction->most : (uint64_t)wanted;
    return WEIR_MAX(bytes, fraction->least);
}

/* Of a whole that includes it. */
static uint64_t share(const struct fraction *fraction, uint64_t whole)
{
    return within(fraction, (double)whole * fraction->part);
}

/* Of a whole that does not include it yet. */
static uint64_t share_beside(const struct fraction *fraction, uint64_t others)
{
    return within(fraction, (double)others * fraction->part / (1 - fraction->part));
}

static uint64_t bytes_or_all(const struct weir_config *config, const char *key)
{
    const char *text = weir_config_get_text(config, key, NULL);
    if (text && strcmp(text, "infinite") == 0) return UINT64_MAX;
    return bytes_of(config, key, UINT64_MAX);
}

static enum weir_error_code read_fraction(const struct weir_config *config, const char *part_key,
    const char *least_key, const char *most_key, struct fraction *ret, struct weir_error *reterr)
{
    ret->part = weir_config_get_double(config, part_key, 0.1);
    ret->least = bytes_of(config, least_key, 0);
    ret->most = bytes_or_all(config, most_key);
    if (!(ret->part >= 0 && ret->part < 1))
        return weir_error_set(reterr, WEIR_E_CONFIGURATION, "%s: %g is not possible, expected 0 to below 1",
            part_key, ret->part);
    if (ret->least > ret->most)
        return weir_error_set(reterr, WEIR_E_CONFIGURATION, "%s (%llu MB) is larger than %s (%llu MB)",
            least_key, (unsigned long long)(ret->least / MIB), most_key,
            (unsigned long long)(ret->most / MIB));
    return WEIR_OK;
}

static enum weir_error_code too_small(
    struct weir_error *reterr, const char *what, uint64_t whole, const char *parts, uint64_t sum)
{
    return weir_error_set(reterr, WEIR_E_CONFIGURATION,
        "%s is %llu MB, but %s take %llu MB: raise it, or lower them", what,
        (unsigned long long)(whole / MIB), parts, (unsigned long long)((sum + MIB - 1) / MIB));
}

/* Process, flink, metaspace and overhead, of which process or flink is known: that one is not 0. */
static enum weir_error_code frame(const char *prefix, const struct fraction *overhead,
    struct weir_memory_sizes *sizes, struct weir_error *reterr)
{
    char what[96], parts[160];
    snprintf(what, sizeof what, "%s.memory.process.size", prefix);
    snprintf(parts, sizeof parts, "%s.memory.{flink.size, jvm-metaspace.size, jvm-overhead.*}", prefix);
    if (!sizes->process_bytes) {
        uint64_t others = sizes->flink_bytes + sizes->metaspace_bytes;
        sizes->overhead_bytes = share_beside(overhead, others);
        sizes->process_bytes = others + sizes->overhead_bytes;
        return WEIR_OK;
    }
    if (sizes->flink_bytes) {
        uint64_t others = sizes->flink_bytes + sizes->metaspace_bytes;
        if (others + overhead->least > sizes->process_bytes)
            return too_small(reterr, what, sizes->process_bytes, parts, others + overhead->least);
        sizes->overhead_bytes = sizes->process_bytes - others;
        return WEIR_OK;
    }
    sizes->overhead_bytes = share(overhead, sizes->process_bytes);
    uint64_t others = sizes->overhead_bytes + sizes->metaspace_bytes;
    if (others >= sizes->process_bytes) return too_small(reterr, what, sizes->process_bytes, parts, others);
    sizes->flink_bytes = sizes->process_bytes - others;
    return WEIR_OK;
}

static bool is_set(const struct weir_config *config, const char *key)
{
    return weir_config_is_set(config, key);
}

/* The parts of flink.size, which is known. */
static enum weir_error_code divide(const struct weir_config *config, const struct fraction *network,
    struct weir_memory_sizes *sizes, struct weir_error *reterr)
{
    uint64_t whole = sizes->flink_bytes;
    bool heap_set = is_set(config, "taskmanager.memory.task.heap.size");
    if (!is_set(config, "taskmanager.memory.managed.size"))
        sizes->managed_bytes = (uint64_t)((double)whole * weir_config_get_double(config,
                                                              "taskmanager.memory.managed.fraction", 0.4));
    uint64_t fixed = sizes->framework_heap_bytes + sizes->framework_off_heap_bytes +
                     sizes->task_off_heap_bytes + sizes->managed_bytes;
    if (heap_set) { /* then the network has what is left */
        fixed += sizes->task_heap_bytes;
        if (fixed + network->least > whole)
            return too_small(reterr, "the memory of Flink's own (taskmanager.memory.flink.size)", whole,
                "taskmanager.memory.{framework.*, task.*, managed.*, network.min}", fixed + network->least);
        sizes->network_bytes = WEIR_MIN(whole - fixed, network->most);
        return WEIR_OK;
    }
    sizes->network_bytes = share(network, whole);
    fixed += sizes->network_bytes;
    if (fixed > whole)
        return too_small(reterr, "the memory of Flink's own (taskmanager.memory.flink.size)", whole,
            "taskmanager.memory.{framework.*, task.off-heap.size, managed.*, network.*}", fixed);
    sizes->task_heap_bytes = whole - fixed;
    return WEIR_OK;
}

static void read_parts(const struct weir_config *config, struct weir_memory_sizes *sizes)
{
    *sizes = (struct weir_memory_sizes){
        .process_bytes = bytes_of(config, "taskmanager.memory.process.size", 0),
        .flink_bytes = bytes_of(config, "taskmanager.memory.flink.size", 0),
        .framework_heap_bytes = bytes_of(config, "taskmanager.memory.framework.heap.size", 128 * MIB),
        .framework_off_heap_bytes = bytes_of(config, "taskmanager.memory.framework.off-heap.size", 128 * MIB),
        .task_heap_bytes = bytes_of(config, "taskmanager.memory.task.heap.size", 0),
        .task_off_heap_bytes = bytes_of(config, "taskmanager.memory.task.off-heap.size", 0),
        .managed_bytes = bytes_of(config, "taskmanager.memory.managed.size", 0),
        .metaspace_bytes = bytes_of(config, "taskmanager.memory.jvm-metaspace.size", 256 * MIB),
    };
}

enum weir_error_code weir_memory_sizes_taskmanager(
    const struct weir_config *config, struct weir_memory_sizes *ret, struct weir_error *reterr)
{
    struct weir_memory_sizes sizes;
    struct fraction network, overhead;
    read_parts(config, &sizes);
    bool fine = is_set(config, "taskmanager.memory.task.heap.size") &&
                is_set(config, "taskmanager.memory.managed.size");
    sizes.key = sizes.process_bytes ? "taskmanager.memory.process.size"
                : sizes.flink_bytes ? "taskmanager.memory.flink.size"
                                    : "taskmanager.memory.managed.size";
    sizes.limited = sizes.process_bytes || sizes.flink_bytes || fine;
    if (!sizes.limited) {
        *ret = (struct weir_memory_sizes){ .managed_bytes = sizes.managed_bytes, .key = sizes.key };
        return WEIR_OK;
    }
    enum weir_error_code code = read_fraction(config, "taskmanager.memory.network.fraction",
        "taskmanager.memory.network.min", "taskmanager.memory.network.max", &network, reterr);
    if (!code)
        code = read_fraction(config, "taskmanager.memory.jvm-overhead.fraction",
            "taskmanager.memory.jvm-overhead.min", "taskmanager.memory.jvm-overhead.max", &overhead, reterr);
    if (code) return code;
    if (fine && !sizes.flink_bytes) {
        uint64_t others = sizes.framework_heap_bytes + sizes.framework_off_heap_bytes +
                          sizes.task_heap_bytes + sizes.task_off_heap_bytes + sizes.managed_bytes;
        sizes.network_bytes = share_beside(&network, others);
        sizes.flink_bytes = others + sizes.network_bytes;
    }
    code = frame("taskmanager", &overhead, &sizes, reterr);
    if (!code && !sizes.network_bytes) code = divide(config, &network, &sizes, reterr);
    if (!code) *ret = sizes;
    return code;
}

enum weir_error_code weir_memory_sizes_jobmanager(
    const struct weir_config *config, struct weir_memory_sizes *ret, struct weir_error *reterr)
{
    struct fraction overhead;
    struct weir_memory_sizes sizes = {
        .process_bytes = bytes_of(config, "jobmanager.memory.process.size", 0),
        .flink_bytes = bytes_of(config, "jobmanager.memory.flink.size", 0),
        .task_heap_bytes = bytes_of(config, "jobmanager.memory.heap.size", 0),
        .task_off_heap_bytes = bytes_of(config, "jobmanager.memory.off-heap.size", 128 * MIB),
        .metaspace_bytes = bytes_of(config, "jobmanager.memory.jvm-metaspace.size", 256 * MIB),
        .key = "jobmanager.memory.process.size",
    };
    sizes.limited = sizes.process_bytes || sizes.flink_bytes || sizes.task_heap_bytes;
    if (!sizes.limited) {
        *ret = (struct weir_memory_sizes){ .key = sizes.key };
        return WEIR_OK;
    }
    enum weir_error_code code = read_fraction(config, "jobmanager.memory.jvm-overhead.fraction",
        "jobmanager.memory.jvm-overhead.min", "jobmanager.memory.jvm-overhead.max", &overhead, reterr);
    if (code) return code;
    if (sizes.task_heap_bytes && !sizes.flink_bytes)
        sizes.flink_bytes = sizes.task_heap_bytes + sizes.task_off_heap_bytes;
    code = frame("jobmanager", &overhead, &sizes, reterr);
    if (code) return code;
    if (sizes.task_off_heap_bytes >= sizes.flink_bytes)
        return too_small(reterr, "the memory of Flink's own (jobmanager.memory.flink.size)",
            sizes.flink_bytes, "jobmanager.memory.off-heap.size", sizes.task_off_heap_bytes);
    if (!sizes.task_heap_bytes) sizes.task_heap_bytes = sizes.flink_bytes - sizes.task_off_heap_bytes;
    *ret = sizes;
    return WEIR_OK;
}

uint64_t weir_memory_sizes_task_bytes(const struct weir_memory_sizes *sizes)
{
    return sizes->task_heap_bytes + sizes->task_off_heap_bytes + sizes->managed_bytes;
}

uint64_t weir_memory_sizes_allocated_bytes_max(const struct weir_memory_sizes *sizes)
{
    return sizes->limited ? sizes->process_bytes - sizes->overhead_bytes : 0;
}
