#include "sim/world.h"
#include "sim/task_runtime.h"
#include <stdio.h>
#include <string.h>

static const char *const feature_names[] = {
#define X(name, chance, text) #name,
#include "sim/features.def"
#undef X
};

const char *weir_sim_feature_name(uint32_t feature)
{
    return feature < WEIR_SIM_FEATURE_COUNT ? feature_names[feature] : "?";
}

static const char *const feature_texts[] = {
#define X(name, chance, text) text,
#include "sim/features.def"
#undef X
};

const char *weir_sim_feature_text(uint32_t feature)
{
    return feature < WEIR_SIM_FEATURE_COUNT ? feature_texts[feature] : "?";
}

void weir_sim_note(struct weir_sim *sim, uint64_t what)
{
    sim->result->trace_hash = weir_sim_mix(sim->result->trace_hash ^ what) + 0x9e3779b97f4a7c15u;
}

void weir_sim_trace(struct weir_sim *sim, const struct weir_sim_process *process, const char *format, ...)
{
    if (!weir_sim_is_traced(sim)) return;
    char line[WEIR_SIM_LINE_BYTES_MAX];
    int64_t now = weir_sim_now(sim);
    int at = snprintf(line, sizeof line, "%9lld.%03lld %-8s ", (long long)now / 1000, (long long)now % 1000,
        process ? process->name : "*");
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line + at, sizeof line - (size_t)at, format, arguments);
    va_end(arguments);
    sim->options->trace(sim->options->trace_owner, line);
}

void weir_sim_fail(struct weir_sim *sim, const char *checker, const char *format, ...)
{
    struct weir_sim_result *result = sim->result;
    if (result->failed) return;
    result->failed = true;
    result->at_us = weir_sim_now(sim);
    snprintf(result->checker, sizeof result->checker, "%s", checker);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(result->text, sizeof result->text, format, arguments);
    va_end(arguments);
    weir_sim_trace(sim, NULL, "!!! %s: %s", result->checker, result->text);
    sim->scheduler.stopped = true;
}

bool weir_sim_run_until(struct weir_sim *sim, int64_t until_us)
{
    struct weir_sim_item item;
    while (weir_sim_scheduler_next(&sim->scheduler, until_us, &item)) {
        sim->result->items++;
        weir_sim_note(sim, (uint64_t)item.at_us ^ item.sequence << 40 ^ item.number);
        if (item.process == WEIR_SIM_PROCESS_NONE) {
            item.function(item.owner, item.payload, item.number);
            weir_sim_item_drop(&sim->scheduler, &item);
        } else {
            weir_sim_process_item(&sim->processes[item.process], &item);
        }
    }
    return !sim->result->failed;
}

static int64_t disk_clock(void *clock)
{
    return WEIR_SIM_WALL_BASE_US + weir_sim_now((const struct weir_sim *)clock);
}

static int64_t exchange_clock(void *clock)
{
    return weir_sim_now((const struct weir_sim *)clock);
}

void weir_sim_world_init(struct weir_sim *sim, const struct weir_sim_history *history,
    const struct weir_sim_options *options, struct weir_sim_result *result, bool with_tasks)
{
    memset(sim, 0, sizeof *sim);
    memset(result, 0, sizeof *result);
    weir_sim_heap_init(&sim->heap, options->memory);
    sim->memory = &sim->heap.base;
    weir_arena_init(&sim->arena, sim->memory);
    weir_arena_init(&sim->scratch, sim->memory);
    sim->history = *history;
    sim->options = options;
    sim->result = result;
    sim->coverage = options->coverage;
    weir_sim_scheduler_init(&sim->scheduler, sim->memory);
    weir_sim_network_init(&sim->network, sim);
    sim->blob_random = weir_sim_stream(sim, WEIR_SIM_STREAM_BLOB);
    sim->process_random = weir_sim_stream(sim, WEIR_SIM_STREAM_PROCESS);
    sim->shared_disk = weir_sim_filesystem_new(&(struct weir_sim_filesystem_config){
        .memory = sim->memory, .seed = history->seed, .wall_us = disk_clock, .clock = sim });
    sim->local_disk = weir_sim_filesystem_new(&(struct weir_sim_filesystem_config){
        .memory = sim->memory, .seed = ~history->seed, .wall_us = disk_clock, .clock = sim });
    if (!with_tasks) return;
    sim->exchange = weir_sim_exchange_new(&(struct weir_sim_exchange_config){ .memory = sim->memory,
        .seed = history->seed,
        .now_us = exchange_clock,
        .clock = sim,
        .delay_min_us = 50,
        .delay_max_us = 2000 });
}

void weir_sim_world_done(struct weir_sim *sim)
{
    weir_sim_processes_done(sim);
    weir_sim_scheduler_done(&sim->scheduler);
    weir_sim_network_done(&sim->network);
    weir_sim_store_done(&sim->store);
    if (sim->exchange) weir_sim_exchange_free(sim->exchange);
    weir_sim_filesystem_free(sim->local_disk);
    weir_sim_filesystem_free(sim->shared_disk);
    weir_arena_done(&sim->arena);
    weir_arena_done(&sim->scratch);
    weir_sim_heap_done(&sim->heap);
}
