#include "sim/job_template.h"
#include "base/assert.h"
#include <stdio.h>
#include <string.h>

enum { VALUE_BYTES_MAX = 1024, GRAPH_BYTES_MAX = 16 << 20 };

static const char *print_id(const uint8_t id[16], char text[VALUE_BYTES_MAX])
{
    for (uint32_t i = 0; i < 16; i++) snprintf(text + 2 * i, 3, "%02x", id[i]);
    return text;
}

static const char *value_of(
    const struct weir_sim_job_parameters *p, const char *name, size_t length, char text[VALUE_BYTES_MAX])
{
    const struct {
        const char *name;
        int64_t value;
    } numbers[] = { { "rows", p->rows }, { "rate", p->rate }, { "keys", p->keys },
        { "partitions", p->partitions }, { "batch", p->batch }, { "seed", (int64_t)p->seed },
        { "seed1", (int64_t)p->seed + 1 }, { "seed2", (int64_t)p->seed + 2 },
        { "seed3", (int64_t)p->seed + 3 } };
    for (uint32_t i = 0; i < WEIR_ARRAY_COUNT(numbers); i++) {
        if (strlen(numbers[i].name) == length && memcmp(numbers[i].name, name, length) == 0) {
            snprintf(text, VALUE_BYTES_MAX, "%lld", (long long)numbers[i].value);
            return text;
        }
    }
    if (length == 7 && memcmp(name, "bounded", 7) == 0) return p->bounded ? "true" : "false";
    if (length != 3 || memcmp(name, "job", 3) != 0) return NULL;
    static const uint8_t own[16];
    return print_id(memcmp(p->place, own, 16) == 0 ? p->job : p->place, text);
}

/* "/sink/@job@/rows" with what stands for @job@. */
static struct weir_slice fill_in(
    struct weir_arena *arena, struct weir_slice text, const struct weir_sim_job_parameters *parameters)
{
    char filled[VALUE_BYTES_MAX];
    size_t length = 0;
    for (size_t i = 0; i < text.length; i++) {
        const char *end = text.data[i] == '@' ? memchr(text.data + i + 1, '@', text.length - i - 1) : NULL;
        char value[VALUE_BYTES_MAX];
        const char *found =
            end ? value_of(parameters, text.data + i + 1, (size_t)(end - text.data) - i - 1, value) : NULL;
        const char *from = found ? found : text.data + i;
        size_t bytes = found ? strlen(found) : 1;
        WEIR_ASSERT(length + bytes < sizeof filled);
        memcpy(filled + length, from, bytes);
        length += bytes;
        if (found) i = (size_t)(end - text.data);
    }
    return (struct weir_slice){ weir_arena_copy(arena, filled, length), length };
}

static void fill_options(
    struct weir_arena *arena, const struct weir_spec *spec, const struct weir_sim_job_parameters *parameters)
{
    const struct weir_spec *options = spec ? weir_spec_get(spec, "options") : NULL;
    if (!options || options->kind != WEIR_SPEC_MAP) return;
    for (uint32_t i = 0; i < options->count; i++) {
        struct weir_spec *option = options->items[i];
        if (option->kind == WEIR_SPEC_TEXT) option->text = fill_in(arena, option->text, parameters);
    }
}

/* What its sinks leave behind when they are killed: the end of the job removes it. */
static void note_uncommitted(struct weir_arena *arena, const struct weir_stream_graph *graph, const char *job,
    Weir__ExecutionPlan *plan)
{
    const struct weir_connectors *all = weir_sim_connectors();
    for (uint32_t i = 0; i < graph->node_count; i++) {
        const struct weir_plan_node *node = &graph->nodes[i];
        for (uint32_t k = 0; node->kind == WEIR_PLAN_SINK && k < all->connector_count; k++) {
            const struct weir_connector *connector = all->connectors[k];
            if (strcmp(connector->name, node->operator_name) != 0 || !connector->describe_uncommitted)
                continue;
            struct weir_uncommitted_description found = { 0 };
            const char *uid = weir_plan_node_uid(arena, node);
            connector->describe_uncommitted(node->spec, job, uid, arena, &found);
            if (found.directory)
                weir_execution_plan_uncommitted_add(arena, plan, found.directory, found.prefix);
        }
    }
}

enum weir_error_code weir_sim_job_make(struct weir_arena *arena, struct weir_memory *memory,
    const struct weir_sim_job_template *job, const struct weir_sim_job_parameters *parameters,
    Weir__ExecutionPlan **ret, struct weir_error *reterr)
{
    /* A copy whose options may be written to. */
    struct weir_buffer bytes;
    weir_buffer_init(&bytes, memory, GRAPH_BYTES_MAX);
    weir_stream_graph_write(job->graph, &bytes);
    struct weir_reader reader = { .data = (const uint8_t *)weir_arena_copy(arena, bytes.data, bytes.length),
        .length = bytes.length };
    weir_buffer_done(&bytes);
    const struct weir_stream_graph *graph;
    enum weir_error_code code = weir_stream_graph_read(arena, &reader, &graph, reterr);
    if (code) return code;
    for (uint32_t i = 0; i < graph->node_count; i++) fill_options(arena, graph->nodes[i].spec, parameters);
    code = weir_execution_plan_make(arena, memory, parameters->job, job->name, graph, parameters->parallelism,
        parameters->max_parallelism, true, parameters->settings, ret, reterr);
    char hex[VALUE_BYTES_MAX];
    if (!code) note_uncommitted(arena, graph, print_id(parameters->job, hex), *ret);
    return code;
}

void weir_sim_job_judge(const struct weir_sim_filesystem *disk, const struct weir_sim_job_template *job,
    const struct weir_sim_job_parameters *parameters, bool complete, struct weir_memory *memory,
    struct weir_ledger_verdict *ret)
{
    *ret = (struct weir_ledger_verdict){ 0 };
    for (uint32_t i = 0; i < job->sink_count; i++) {
        char pattern[128], directory[VALUE_BYTES_MAX], hex[VALUE_BYTES_MAX];
        snprintf(pattern, sizeof pattern, "%s", job->sinks[i].name);
        snprintf(directory, sizeof directory, "/sink/%s/%s", value_of(parameters, "job", 3, hex), pattern);
        struct weir_ledger_check check = { .expectation = job->sinks[i].expectation,
            .directory = directory,
            .seed = parameters->seed + job->sinks[i].seed_offset,
            .partitions = parameters->partitions,
            .rows = parameters->rows,
            .keys = parameters->keys,
            .window_ms = WEIR_SIM_WINDOW_MS,
            .complete = complete };
        struct weir_ledger_verdict verdict;
        weir_ledger_judge(disk, &check, memory, &verdict);
        ret->lines += verdict.lines;
        ret->lost += verdict.lost;
        ret->doubled += verdict.doubled;
        ret->wrong += verdict.wrong;
        ret->unordered += verdict.unordered;
        if (!ret->first[0] && verdict.first[0])
            snprintf(ret->first, sizeof ret->first, "%s: %.200s", job->sinks[i].name, verdict.first);
    }
}
