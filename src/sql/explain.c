/* EXPLAIN: the abstract syntax tree as bound, the optimised physical plan, the execution plan with what is
 * reused. */
#include "data/number.h"
#include "plan/job_graph.h"
#include "sql/catalog.h"
#include "sql/explain.h"
#include "sql/physical.h"

enum { INDENT_COLUMNS = 3, LINE_BYTES_MAX = 1 << 20 };

/* --- the tree's branches --- */

static void branch(struct weir_buffer *to, const char *prefix, bool root)
{
    if (!root) weir_buffer_format(to, "%s+- ", prefix);
}

/* What the lines below a node begin with: "   " under a last child, ":  " under one with brothers below it.
 */
static const char *below(struct weir_arena *arena, const char *prefix, bool root, bool last)
{
    return root ? "" : weir_arena_format(arena, "%s%s", prefix, last ? "   " : ":  ");
}

/* --- physical and execution plans --- */

struct tree {
    struct weir_planning *planning;
    struct weir_buffer *to;
    uint32_t details;
    bool execution;
    uint32_t reused_count;
    bool row_time;         /* what is above works in event time */
    int64_t mini_batch_ms; /* 0: off */
};

static bool leaves_out(const struct tree *tree, const struct weir_physical *node)
{
    return node->kind == WEIR_PHYSICAL_ENFORCER || node->kind == WEIR_PHYSICAL_MATERIALIZER ||
           (tree->execution && node->kind == WEIR_PHYSICAL_ENFORCER);
}

/* --- estimates: there are no statistics, so they only compare plans of one query with each other --- */

struct cost {
    double rows, cpu, io, network, memory;
};

static double row_count(struct weir_physical *node);

static double estimate_rows(struct weir_physical *node)
{
    double input = node->input_count ? row_count(node->inputs[0]) : 0;
    switch (node->kind) {
    case WEIR_PHYSICAL_SCAN: return 1e8;
    case WEIR_PHYSICAL_VALUES: return node->rel->values.row_count;
    case WEIR_PHYSICAL_CALC: return node->condition ? input / 2 : input;
    case WEIR_PHYSICAL_GROUP_AGGREGATE: return node->key_count ? input / 10 : 1;
    case WEIR_PHYSICAL_WINDOW_AGGREGATE: return input / 10;
    case WEIR_PHYSICAL_EXPAND: return input * node->rel->expand.list_count;
    case WEIR_PHYSICAL_SORT_LIMIT:
    case WEIR_PHYSICAL_LIMIT:
        return node->rel->sort.limit >= 0 && (double)node->rel->sort.limit < input
                   ? (double)node->rel->sort.limit
                   : input;
    case WEIR_PHYSICAL_JOIN:
    case WEIR_PHYSICAL_INTERVAL_JOIN: {
        double right = row_count(node->inputs[1]);
        return input > right ? input : right;
    }
    case WEIR_PHYSICAL_UNION: {
        double sum = 0;
        for (uint32_t i = 0; i < node->input_count; i++) sum += row_count(node->inputs[i]);
        return sum;
    }
    default: return input;
    }
}

static struct cost cost_of(struct weir_physical *node);

/* Rows and cost are computed once for each node. */
static void estimate(struct weir_physical *node)
{
    if (node->estimated) return;
    node->estimate[0] = estimate_rows(node);
    node->estimated = true;
    struct cost cost = cost_of(node);
    const double parts[] = { cost.rows, cost.cpu, cost.io, cost.network, cost.memory };
    memcpy(node->estimate + 1, parts, sizeof parts);
}

static double row_count(struct weir_physical *node)
{
    estimate(node);
    return node->estimate[0];
}

static double row_bytes(const struct weir_physical *node)
{
    double bytes = 0;
    for (uint32_t f = 0; f < node->field_count; f++)
        bytes += weir_type_is_view(node->fields[f].type) ? 12 : 8;
    return bytes;
}

static struct cost cost_of(struct weir_physical *node)
{
    struct cost cost = { 0 };
    double rows = row_count(node), input = node->input_count ? row_count(node->inputs[0]) : rows;
    for (uint32_t i = 0; i < node->input_count; i++) {
        estimate(node->inputs[i]);
        const double *below = node->inputs[i]->estimate + 1;
        cost.rows += below[0];
        cost.cpu += below[1];
        cost.io += below[2];
        cost.network += below[3];
        cost.memory += below[4];
    }
    cost.rows += rows;
    if (node->kind == WEIR_PHYSICAL_SCAN) cost.io += rows * row_bytes(node);
    if (node->kind == WEIR_PHYSICAL_EXCHANGE) cost.network += rows * row_bytes(node);
    if (node->kind == WEIR_PHYSICAL_JOIN || node->kind == WEIR_PHYSICAL_GROUP_AGGREGATE ||
        node->kind == WEIR_PHYSICAL_WINDOW_AGGREGATE || node->kind == WEIR_PHYSICAL_RANK)
        cost.memory += rows * row_bytes(node);
    if (node->kind != WEIR_PHYSICAL_SCAN) cost.cpu += input;
    return cost;
}

static void print_number(struct weir_buffer *to, double value, const char *behind)
{
    char text[64];
    size_t length = weir_double_print(value, text);
    weir_buffer_append(to, text, length);
    weir_buffer_append_text(to, behind);
}

static void print_cost(struct weir_buffer *to, struct weir_physical *node)
{
    estimate(node);
    const double *cost = node->estimate + 1;
    weir_buffer_append_text(to, ": rowcount = ");
    print_number(to, row_count(node), ", cumulative cost = {");
    print_number(to, cost[0], " rows, ");
    print_number(to, cost[1], " cpu, ");
    print_number(to, cost[2], " io, ");
    print_number(to, cost[3], " network, ");
    print_number(to, cost[4], " memory}");
}

static void print_text(struct tree *tree, const char *text, const struct weir_physical *node)
{
    if ((tree->details & WEIR_EXPLAIN_CHANGELOG_MODE)) {
        size_t length = strlen(text);
        bool closes = length && text[length - 1] == ')';
        weir_buffer_append(tree->to, text, closes ? length - 1 : length);
        weir_buffer_format(tree->to, "%schangelogMode=%s)", closes ? ", " : "(", weir_changelog_text(node));
    } else {
        weir_buffer_append_text(tree->to, text);
    }
}

/* Where rows come in, mini-batch gives them their pace: no operator of ours, but a line that is looked for.
 */
static const char *print_mini_batch(
    struct tree *tree, const struct weir_physical *node, const char *prefix, bool root, bool last)
{
    struct weir_arena *arena = tree->planning->arena;
    print_text(tree,
        weir_arena_format(arena, "MiniBatchAssigner(interval=[%lldms], mode=[%s])",
            (long long)tree->mini_batch_ms, tree->row_time ? "RowTime" : "ProcTime"),
        node);
    return below(arena, prefix, root, last);
}

static void print_node(struct tree *tree, struct weir_physical *node)
{
    print_text(tree, weir_physical_describe(tree->planning, node, tree->execution), node);
    if (tree->details & WEIR_EXPLAIN_ESTIMATED_COST) print_cost(tree->to, node);
}

static bool needs_watermarks(const struct weir_physical *node)
{
    switch (node->kind) {
    case WEIR_PHYSICAL_WINDOW_AGGREGATE: return !node->rel->aggregate.window->processing_time;
    case WEIR_PHYSICAL_WINDOW_TVF: return !node->rel->tvf.window.processing_time;
    case WEIR_PHYSICAL_INTERVAL_JOIN:
    case WEIR_PHYSICAL_TEMPORAL_SORT: return true;
    default: return false;
    }
}

static void print_physical(
    struct tree *tree, struct weir_physical *node, const char *prefix, bool root, bool last)
{
    if (tree->to->overflowed) return; /* shared parts are printed each time: such a tree may have no end */
    while (leaves_out(tree, node)) node = node->inputs[0];
    struct weir_buffer *to = tree->to;
    branch(to, prefix, root);
    bool shared = tree->execution && node->consumer_count > 1;
    if (shared && node->reference_id) {
        weir_buffer_format(to, "Reused(reference_id=[%u])\n", node->reference_id);
        return;
    }
    const int64_t mini_batch_ms = tree->mini_batch_ms;
    const bool row_time = tree->row_time;
    bool paced = mini_batch_ms && (node->kind == WEIR_PHYSICAL_SCAN || node->kind == WEIR_PHYSICAL_WATERMARK);
    if (paced)
        prefix = print_mini_batch(tree, node, prefix, root, last);
    else
        print_node(tree, node);
    if (shared) {
        node->reference_id = ++tree->reused_count;
        weir_buffer_format(to, "(reuse_id=[%u])", node->reference_id);
    }
    weir_buffer_append_byte(to, '\n');
    if (paced) {
        tree->mini_batch_ms = 0;
        root = false, last = true;
        branch(to, prefix, root);
        print_node(tree, node);
        weir_buffer_append_byte(to, '\n');
    }
    tree->row_time = row_time || needs_watermarks(node);
    const char *deeper = below(tree->planning->arena, prefix, root, last);
    for (uint32_t i = 0; i < node->input_count; i++)
        print_physical(tree, node->inputs[i], deeper, false, i + 1 == node->input_count);
    tree->mini_batch_ms = mini_batch_ms;
    tree->row_time = row_time;
}

static void print_plans(struct weir_planning *planning, struct weir_physical **physical, uint32_t count,
    uint32_t details, bool execution, struct weir_buffer *to)
{
    struct tree tree = { .planning = planning, .to = to, .details = details, .execution = execution };
    if (execution) tree.details = 0;
    if (!planning->batch && weir_mini_batch_enabled(planning->config))
        tree.mini_batch_ms = weir_mini_batch_latency_ms(planning->config);
    for (uint32_t r = 0; r < count; r++) {
        struct weir_physical *root = physical[r];
        /* A SELECT's sink is not part of what the user wrote. */
        if (!root->rel->sink.table) root = root->inputs[0];
        if (r) weir_buffer_append_byte(to, '\n');
        print_physical(&tree, root, "", true, true);
    }
}

/* --- the abstract syntax tree --- */

static void print_logical(struct weir_planning *planning, const struct weir_rel *rel, struct weir_buffer *to,
    const char *prefix, bool root, bool last)
{
    if (to->overflowed) return;
    branch(to, prefix, root);
    weir_rel_describe(planning, rel, to);
    weir_buffer_append_byte(to, '\n');
    const char *deeper = below(planning->arena, prefix, root, last);
    for (uint32_t i = 0; i < rel->input_count; i++)
        print_logical(planning, rel->inputs[i], to, deeper, false, i + 1 == rel->input_count);
}

static enum weir_error_code print_json(
    struct weir_planning *planning, struct weir_physical **physical, uint32_t count, struct weir_buffer *to)
{
    const struct weir_stream_graph *graph;
    const struct weir_job_graph *job;
    enum weir_error_code code = weir_physical_to_graph(planning, physical, count, &graph);
    uint32_t parallelism = (uint32_t)weir_sql_config_integer(planning->config, "parallelism.default", 1);
    if (!code)
        code = weir_job_graph_build(
            planning->arena, graph, WEIR_MAX(parallelism, 1u), 0, true, &job, planning->error);
    if (code) return code;
    weir_buffer_append_text(to, "\n== Physical Execution Plan ==\n");
    weir_job_graph_print_json(job, to);
    return WEIR_OK;
}

enum weir_error_code weir_sql_explain(const struct weir_sql_planner_input *input, uint32_t details,
    struct weir_buffer *to, struct weir_error *reterr)
{
    struct weir_planning planning;
    struct weir_physical **physical;
    enum weir_error_code code = weir_sql_plan_physical(&planning, input, &physical, reterr);
    if (code) return code;
    weir_buffer_append_text(to, "== Abstract Syntax Tree ==\n");
    for (uint32_t r = 0; r < input->root_count; r++) {
        const struct weir_rel *root = input->roots[r];
        if (r) weir_buffer_append_byte(to, '\n');
        print_logical(&planning, root->sink.table ? root : root->inputs[0], to, "", true, true);
    }
    weir_buffer_append_text(to, "\n== Optimized Physical Plan ==\n");
    print_plans(&planning, physical, input->root_count, details, false, to);
    weir_buffer_append_text(to, "\n== Optimized Execution Plan ==\n");
    print_plans(&planning, physical, input->root_count, details, true, to);
    if (details & WEIR_EXPLAIN_PLAN_ADVICE) weir_buffer_append_text(to, "\nNo available advice...\n");
    if (details & WEIR_EXPLAIN_JSON_EXECUTION_PLAN)
        code = print_json(&planning, physical, input->root_count, to);
    return code;
}
