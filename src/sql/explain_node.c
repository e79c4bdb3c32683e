/* One line for each physical node, as Flink's EXPLAIN writes it; also what operators are called in the web UI
 * and metrics. */
#include "sql/physical.h"

#include "sql/catalog.h"
#include "sql/graph.h"

enum { DESCRIPTION_BYTES_MAX = 1 << 20 };

struct printer {
    struct weir_planning *planning;
    struct weir_buffer *to;
    const char *const *names; /* of the input's columns (joins: left, then right) */
    bool execution;           /* the execution plan's form */
};

const char *weir_physical_name(const struct weir_physical *node)
{
    static const char *const names[] = {
        [WEIR_PHYSICAL_SCAN] = "TableSourceScan",
        [WEIR_PHYSICAL_VALUES] = "Values",
        [WEIR_PHYSICAL_CALC] = "Calc",
        [WEIR_PHYSICAL_WATERMARK] = "WatermarkAssigner",
        [WEIR_PHYSICAL_EXPAND] = "Expand",
        [WEIR_PHYSICAL_GROUP_AGGREGATE] = "GroupAggregate",
        [WEIR_PHYSICAL_WINDOW_AGGREGATE] = "WindowAggregate",
        [WEIR_PHYSICAL_WINDOW_TVF] = "WindowTableFunction",
        [WEIR_PHYSICAL_JOIN] = "Join",
        [WEIR_PHYSICAL_INTERVAL_JOIN] = "IntervalJoin",
        [WEIR_PHYSICAL_RANK] = "Rank",
        [WEIR_PHYSICAL_DEDUPLICATE] = "Deduplicate",
        [WEIR_PHYSICAL_SORT] = "Sort",
        [WEIR_PHYSICAL_TEMPORAL_SORT] = "TemporalSort",
        [WEIR_PHYSICAL_SORT_LIMIT] = "SortLimit",
        [WEIR_PHYSICAL_LIMIT] = "Limit",
        [WEIR_PHYSICAL_UNION] = "Union",
        [WEIR_PHYSICAL_EXCHANGE] = "Exchange",
        [WEIR_PHYSICAL_CHANGELOG_NORMALIZE] = "ChangelogNormalize",
        [WEIR_PHYSICAL_DROP_UPDATE_BEFORE] = "DropUpdateBefore",
        [WEIR_PHYSICAL_MATERIALIZER] = "SinkMaterializer",
        [WEIR_PHYSICAL_ENFORCER] = "ConstraintEnforcer",
        [WEIR_PHYSICAL_SINK] = "Sink",
    };
    if (node->kind == WEIR_PHYSICAL_WINDOW_AGGREGATE && node->rel->aggregate.window->legacy)
        return "GroupWindowAggregate";
    return names[node->kind];
}

/* Duplicates of a name get its number behind, so that texts say which is meant. */
static const char *const *field_names(
    struct weir_arena *arena, const struct weir_physical *const *nodes, uint32_t node_count)
{
    uint32_t total = 0, at = 0;
    for (uint32_t n = 0; n < node_count; n++) total += nodes[n]->field_count;
    const char **names = WEIR_ARENA_ARRAY(arena, const char *, total + 1);
    for (uint32_t n = 0; n < node_count; n++) {
        for (uint32_t f = 0; f < nodes[n]->field_count; f++) {
            const char *name = nodes[n]->fields[f].name ? nodes[n]->fields[f].name : "";
            const char *unique = name;
            bool taken = total <= 256;
            for (uint32_t suffix = 0; taken; suffix++) {
                taken = false;
                for (uint32_t i = 0; i < at && !taken; i++) taken = strcmp(names[i], unique) == 0;
                if (taken) unique = weir_arena_format(arena, "%s%u", name, suffix);
            }
            names[at++] = unique;
        }
    }
    return names;
}

const char *const *weir_physical_names(struct weir_planning *planning, const struct weir_physical *node)
{
    const struct weir_physical *nodes[] = { node };
    return field_names(planning->arena, nodes, 1);
}

static void text(struct printer *p, const char *words)
{
    weir_buffer_append_text(p->to, words);
}

static void name_list(struct printer *p, const char *const *names, const uint32_t *columns, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        weir_buffer_format(p->to, "%s%s", i ? ", " : "", columns ? names[columns[i]] : names[i]);
}

static void expression(struct printer *p, const struct weir_expr *expr)
{
    weir_expr_print(expr, p->names, WEIR_EXPR_TEXT_PLAN, p->to);
}

static void select_list(
    struct printer *p, struct weir_expr *const *exprs, const char *const *out, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (i) text(p, ", ");
        expression(p, exprs[i]);
        bool same = exprs[i]->kind == WEIR_EXPR_COLUMN && strcmp(p->names[exprs[i]->column], out[i]) == 0;
        if (!same) weir_buffer_format(p->to, " AS %s", out[i]);
    }
}

static void table_path(struct printer *p, const struct weir_sql_table *table)
{
    weir_buffer_format(
        p->to, "%s, %s, %s", table->identifier.catalog, table->identifier.database, table->identifier.name);
}

static bool reads_all(const struct weir_rel *scan)
{
    uint32_t physical = weir_sql_table_physical_count(scan->scan.table);
    if (scan->field_count < physical) return false;
    for (uint32_t f = 0; f < physical; f++) {
        const struct weir_scan_column *column = &scan->scan.columns[f];
        if (column->metadata || column->path_length || column->column != f) return false;
    }
    return true;
}

static void describe_scan(struct printer *p, const struct weir_physical *node, const char *const *names)
{
    const struct weir_rel *rel = node->rel;
    text(p, "TableSourceScan(table=[[");
    table_path(p, rel->scan.table);
    if (!reads_all(rel)) {
        text(p, ", project=[");
        bool first = true;
        for (uint32_t f = 0; f < rel->field_count; f++) {
            if (rel->scan.columns[f].metadata) continue;
            weir_buffer_format(p->to, "%s%s", first ? "" : ", ", names[f]);
            first = false;
        }
        text(p, "], metadata=[");
        first = true;
        for (uint32_t f = 0; f < rel->field_count; f++) {
            if (!rel->scan.columns[f].metadata) continue;
            weir_buffer_format(p->to, "%s%s", first ? "" : ", ", rel->scan.columns[f].metadata);
            first = false;
        }
        text(p, "]");
    }
    text(p, "]], fields=[");
    name_list(p, names, NULL, node->field_count);
    text(p, "])");
}

static void describe_values(struct printer *p, const struct weir_physical *node, const char *const *names)
{
    const struct weir_rel *rel = node->rel;
    text(p, "Values(tuples=[[");
    for (uint32_t r = 0; r < rel->values.row_count; r++) {
        text(p, r ? ", { " : "{ ");
        for (uint32_t f = 0; f < node->field_count; f++) {
            if (f) text(p, ", ");
            weir_expr_print(rel->values.rows[r][f], names, WEIR_EXPR_TEXT_PLAN, p->to);
        }
        text(p, " }");
    }
    text(p, "]]");
    if (node->field_count) {
        text(p, ", values=[");
        name_list(p, names, NULL, node->field_count);
        text(p, "]");
    }
    text(p, ")");
}

static void describe_calc(struct printer *p, const struct weir_physical *node, const char *const *names)
{
    text(p, "Calc(select=[");
    select_list(p, node->projections, names, node->field_count);
    text(p, "]");
    if (node->condition) {
        text(p, ", where=[");
        expression(p, node->condition);
        text(p, "]");
    }
    text(p, ")");
}

static void duration(struct printer *p, int64_t ms)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = { { "d", 86400000 }, { "h", 3600000 }, { "min", 60000 }, { "s", 1000 }, { "ms", 1 } };
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(units); i++) {
        if (ms % units[i].ms) continue;
        weir_buffer_format(p->to, "%lld %s", (long long)(ms / units[i].ms), units[i].unit);
        return;
    }
}

static void describe_window(struct printer *p, const struct weir_window *window,
    const struct weir_rel *aggregate, const char *const *names)
{
    static const char *const kinds[] = { "TUMBLE", "HOP", "CUMULATE", "SESSION" };
    weir_buffer_format(p->to, "%s(", kinds[window->kind]);
    if (aggregate && aggregate->aggregate.attached) {
        uint32_t start = aggregate->aggregate.attached_start, end = aggregate->aggregate.attached_end;
        if (start != UINT32_MAX) weir_buffer_format(p->to, "win_start=[%s], ", names[start]);
        weir_buffer_format(p->to, "win_end=[%s]", end != UINT32_MAX ? names[end] : "");
    } else if (window->processing_time) {
        text(p, "time_col=[proctime]");
    } else {
        weir_buffer_format(p->to, "time_col=[%s]", names[window->time_column]);
    }
    const struct {
        const char *name;
        int64_t ms;
        bool used;
    } parts[] = { { window->kind == WEIR_WINDOW_CUMULATE ? "max_size" : "size", window->size_ms,
                      window->kind != WEIR_WINDOW_SESSION },
        { "slide", window->slide_ms, window->kind == WEIR_WINDOW_HOP },
        { "step", window->step_ms, window->kind == WEIR_WINDOW_CUMULATE },
        { "gap", window->gap_ms, window->kind == WEIR_WINDOW_SESSION },
        { "offset", window->offset_ms, window->offset_ms != 0 } };
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(parts); i++) {
        if (!parts[i].used) continue;
        weir_buffer_format(p->to, ", %s=[", parts[i].name);
        duration(p, parts[i].ms);
        text(p, "]");
    }
    if (window->partition_count) {
        text(p, ", partition keys=[");
        name_list(p, names, window->partition, window->partition_count);
        text(p, "]");
    }
    text(p, ")");
}

static void aggregate_calls(struct printer *p, const struct weir_aggregate_call *calls, uint32_t count,
    const char *const *out, bool comma)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct weir_aggregate_call *call = &calls[i];
        weir_buffer_format(p->to, "%s%s(%s", i || comma ? ", " : "", call->function->name,
            call->distinct ? "DISTINCT " : "");
        if (!call->argument_count) text(p, "*");
        for (uint32_t a = 0; a < call->argument_count; a++)
            weir_buffer_format(p->to, "%s%s", a ? ", " : "", p->names[call->arguments[a]]);
        text(p, ")");
        if (call->filter >= 0) weir_buffer_format(p->to, " FILTER %s", p->names[call->filter]);
        weir_buffer_format(p->to, " AS %s", out[i]);
    }
}

static void group_by(struct printer *p, const struct weir_physical *node)
{
    if (!node->key_count) return;
    text(p, "groupBy=[");
    name_list(p, p->names, node->keys, node->key_count);
    text(p, "], ");
}

static void describe_group_aggregate(
    struct printer *p, const struct weir_physical *node, const char *const *names)
{
    const struct weir_rel *rel = node->rel;
    text(p, "GroupAggregate(");
    group_by(p, node);
    text(p, "select=[");
    name_list(p, p->names, node->keys, node->key_count);
    if (rel->kind != WEIR_REL_DISTINCT)
        aggregate_calls(
            p, rel->aggregate.calls, rel->aggregate.call_count, names + node->key_count, node->key_count > 0);
    text(p, "])");
}

static void describe_legacy_window(struct printer *p, const struct weir_window *window)
{
    static const char *const kinds[] = { "TumblingGroupWindow", "SlidingGroupWindow", "CumulateGroupWindow",
        "SessionGroupWindow" };
    const char *time = window->processing_time ? "proctime" : p->names[window->time_column];
    weir_buffer_format(p->to, "%s('w$, %s, %lld", kinds[window->kind], time,
        (long long)(window->kind == WEIR_WINDOW_SESSION ? window->gap_ms : window->size_ms));
    if (window->kind == WEIR_WINDOW_HOP) weir_buffer_format(p->to, ", %lld", (long long)window->slide_ms);
    text(p, ")");
}

static void describe_window_aggregate(
    struct printer *p, const struct weir_physical *node, const char *const *names)
{
    static const char *const properties[] = { "start", "end", "rowtime", "proctime" };
    const struct weir_rel *rel = node->rel;
    bool legacy = rel->aggregate.window->legacy;
    text(p, legacy ? "GroupWindowAggregate(" : "WindowAggregate(");
    group_by(p, node);
    text(p, "window=[");
    if (legacy)
        describe_legacy_window(p, rel->aggregate.window);
    else
        describe_window(p, rel->aggregate.window, rel, p->names);
    if (legacy) {
        text(p, "], properties=[");
        for (uint32_t i = 0; i < rel->aggregate.property_count; i++)
            weir_buffer_format(p->to, "%sw$%s", i ? ", " : "", properties[rel->aggregate.properties[i]]);
    }
    text(p, "], select=[");
    name_list(p, p->names, node->keys, node->key_count);
    uint32_t at = node->key_count;
    aggregate_calls(p, rel->aggregate.calls, rel->aggregate.call_count, names + at, at > 0);
    at += rel->aggregate.call_count;
    for (uint32_t i = 0; i < rel->aggregate.property_count; i++, at++)
        weir_buffer_format(
            p->to, "%s%s('w$) AS %s", at ? ", " : "", properties[rel->aggregate.properties[i]], names[at]);
    text(p, "])");
}

static const char *const join_types[] = { "InnerJoin", "LeftOuterJoin", "RightOuterJoin", "FullOuterJoin",
    "LeftSemiJoin", "LeftAntiJoin" };

static void join_where(struct printer *p, const struct weir_physical *node)
{
    bool several = node->join_key_count + (node->condition != NULL) > 1;
    uint32_t width = node->inputs[0]->field_count;
    text(p, "where=[");
    if (several) text(p, "(");
    if (!node->join_key_count && !node->condition) text(p, "true");
    for (uint32_t k = 0; k < node->join_key_count; k++)
        weir_buffer_format(p->to, "%s(%s %s %s)", k ? " AND " : "", p->names[node->left_keys[k]],
            node->null_safe && node->null_safe[k] ? "IS NOT DISTINCT FROM" : "=",
            p->names[width + node->right_keys[k]]);
    if (node->condition) {
        if (node->join_key_count) text(p, " AND ");
        expression(p, node->condition);
    }
    if (several) text(p, ")");
    text(p, "]");
}

static const char *side_spec(const struct weir_physical *node, uint32_t side)
{
    const struct weir_key_list *keys = &node->inputs[side]->upsert_keys;
    const uint32_t *columns = side ? node->right_keys : node->left_keys;
    if (!keys->count) return "NoUniqueKey";
    for (uint32_t k = 0; k < keys->count; k++) {
        bool within = true;
        for (uint32_t i = 0; i < keys->keys[k].count; i++) {
            bool found = false;
            for (uint32_t j = 0; j < node->join_key_count; j++)
                found |= columns[j] == keys->keys[k].columns[i];
            within &= found;
        }
        if (within) return "JoinKeyContainsUniqueKey";
    }
    return "HasUniqueKey";
}

static void describe_join(struct printer *p, const struct weir_physical *node, const char *const *names)
{
    weir_buffer_format(p->to, "Join(joinType=[%s], ", join_types[node->rel->join.type]);
    join_where(p, node);
    text(p, ", select=[");
    name_list(p, names, NULL, node->field_count);
    weir_buffer_format(
        p->to, "], leftInputSpec=[%s], rightInputSpec=[%s])", side_spec(node, 0), side_spec(node, 1));
}

static void describe_interval_join(
    struct printer *p, const struct weir_physical *node, const char *const *names)
{
    const struct weir_rel *rel = node->rel;
    weir_buffer_format(p->to,
        "IntervalJoin(joinType=[%s], windowBounds=[isRowTime=%s, leftLowerBound=%lld, leftUpperBound=%lld, "
        "leftTimeIndex=%u, "
        "rightTimeIndex=%u], ",
        join_types[rel->interval_join.type], rel->interval_join.processing_time ? "false" : "true",
        (long long)rel->interval_join.lower_ms, (long long)rel->interval_join.upper_ms,
        rel->interval_join.left_time, rel->interval_join.right_time);
    join_where(p, node);
    text(p, ", select=[");
    name_list(p, names, NULL, node->field_count);
    text(p, "])");
}

static void order_by(struct printer *p, const struct weir_sort_key *keys, uint32_t count)
{
    text(p, "orderBy=[");
    for (uint32_t k = 0; k < count; k++)
        weir_buffer_format(
            p->to, "%s%s %s", k ? ", " : "", p->names[keys[k].column], keys[k].descending ? "DESC" : "ASC");
    text(p, "]");
}

static void strategy(struct printer *p, const struct weir_physical *node)
{
    if (node->strategy == WEIR_RANK_APPEND) text(p, "strategy=[AppendFastStrategy]");
    if (node->strategy == WEIR_RANK_RETRACT) text(p, "strategy=[RetractStrategy]");
    if (node->strategy != WEIR_RANK_UPDATE) return;
    text(p, "strategy=[UpdateFastStrategy[");
    for (uint32_t i = 0; i < node->strategy_key.count; i++)
        weir_buffer_format(p->to, "%s%u", i ? "," : "", node->strategy_key.columns[i]);
    text(p, "]]");
}

static void describe_rank(struct printer *p, const struct weir_physical *node, const char *const *names)
{
    const struct weir_rel *rel = node->rel;
    text(p, "Rank(");
    strategy(p, node);
    weir_buffer_format(p->to, ", rankType=[%s], rankRange=[", rel->rank.function);
    if (rel->rank.end_column >= 0)
        weir_buffer_format(p->to, "rankEnd=%s", p->names[rel->rank.end_column]);
    else
        weir_buffer_format(
            p->to, "rankStart=%lld, rankEnd=%lld", (long long)rel->rank.start, (long long)rel->rank.end);
    text(p, "], partitionBy=[");
    name_list(p, p->names, node->keys, node->key_count);
    text(p, "], ");
    order_by(p, rel->rank.order, rel->rank.order_count);
    text(p, ", select=[");
    for (uint32_t f = 0; f < node->field_count; f++) {
        bool number = rel->rank.with_rank && f + 1 == node->field_count;
        weir_buffer_format(p->to, "%s%s%s", f ? ", " : "", names[f], number ? "=ROW_NUMBER" : "");
    }
    text(p, "])");
}

static void describe_sort(struct printer *p, const struct weir_physical *node)
{
    const struct weir_rel *rel = node->rel;
    bool limited = node->kind == WEIR_PHYSICAL_SORT_LIMIT || node->kind == WEIR_PHYSICAL_LIMIT;
    weir_buffer_format(p->to, "%s(", weir_physical_name(node));
    if (node->kind != WEIR_PHYSICAL_LIMIT) order_by(p, rel->sort.keys, rel->sort.key_count);
    if (limited) {
        if (node->kind != WEIR_PHYSICAL_LIMIT) text(p, ", ");
        weir_buffer_format(p->to, "offset=[%lld]", (long long)WEIR_MAX(rel->sort.offset, (int64_t)0));
        if (rel->sort.limit >= 0) weir_buffer_format(p->to, ", fetch=[%lld]", (long long)rel->sort.limit);
    }
    if (node->kind == WEIR_PHYSICAL_SORT_LIMIT) {
        text(p, ", ");
        strategy(p, node);
    }
    text(p, ")");
}

static void describe_expand(struct printer *p, const struct weir_physical *node, const char *const *names)
{
    const struct weir_rel *rel = node->rel;
    text(p, "Expand(projects=[");
    for (uint32_t i = 0; i < rel->expand.list_count; i++) {
        text(p, i ? ", {" : "{");
        select_list(p, rel->expand.lists[i], names, node->field_count);
        text(p, "}");
    }
    text(p, "])");
}

static void describe_sink(struct printer *p, const struct weir_physical *node)
{
    const struct weir_sql_table *table = node->rel->sink.table;
    const struct weir_physical *input = node->inputs[0];
    const char *const *names = weir_physical_names(p->planning, input);
    weir_buffer_format(p->to, "Sink(table=[%s], fields=[",
        table ? table->identifier_text : "default_catalog.default_database.Unregistered_Collect_Sink_1");
    name_list(p, names, NULL, input->field_count);
    text(p, "]");
    if (node->materialized) text(p, ", upsertMaterialize=[true]");
    text(p, ")");
}

static void describe_enforcer(struct printer *p, const struct weir_physical *node)
{
    const struct weir_spec *columns = weir_spec_get(node->spec, "not_null_names");
    text(p, "ConstraintEnforcer[");
    if (columns && columns->count) {
        text(p, "NotNullEnforcer(fields=[");
        for (uint32_t i = 0; i < columns->count; i++)
            weir_buffer_format(p->to, "%s%.*s", i ? ", " : "", (int)columns->items[i]->text.length,
                columns->items[i]->text.data);
        text(p, "])");
    }
    text(p, "]");
}

static void keyed(struct printer *p, const struct weir_physical *node)
{
    weir_buffer_format(p->to, "%s(key=[", weir_physical_name(node));
    name_list(p, p->names, node->keys, node->key_count);
    text(p, "]");
    if (node->kind == WEIR_PHYSICAL_CHANGELOG_NORMALIZE && node->condition) {
        text(p, ", condition=[");
        expression(p, node->condition);
        text(p, "]");
    }
    text(p, ")");
}

static void describe_other(struct printer *p, const struct weir_physical *node, const char *const *names)
{
    const struct weir_rel *rel = node->rel;
    switch (node->kind) {
    case WEIR_PHYSICAL_WATERMARK:
        weir_buffer_format(
            p->to, "WatermarkAssigner(rowtime=[%s], watermark=[", names[rel->watermark.rowtime]);
        expression(p, rel->watermark.expression);
        text(p, "])");
        break;
    case WEIR_PHYSICAL_WINDOW_TVF:
        text(p, "WindowTableFunction(window=[");
        describe_window(p, &rel->tvf.window, NULL, p->names);
        text(p, "])");
        break;
    case WEIR_PHYSICAL_DEDUPLICATE:
        weir_buffer_format(
            p->to, "Deduplicate(keep=[%s], key=[", rel->deduplicate.keep_last ? "LastRow" : "FirstRow");
        name_list(p, p->names, node->keys, node->key_count);
        weir_buffer_format(p->to, "], order=[%s], outputInsertOnly=[%s])",
            rel->deduplicate.rowtime >= 0 ? "ROWTIME" : "PROCTIME",
            node->modify == WEIR_MODIFY_INSERT ? "true" : "false");
        break;
    case WEIR_PHYSICAL_UNION:
        text(p, "Union(all=[true], union=[");
        name_list(p, names, NULL, node->field_count);
        text(p, "])");
        break;
    case WEIR_PHYSICAL_EXCHANGE:
        text(p, "Exchange(distribution=[");
        if (node->exchange == WEIR_EXCHANGE_HASH && node->key_count) {
            text(p, "hash[");
            name_list(p, names, node->keys, node->key_count);
            text(p, "]");
        } else {
            text(p, node->exchange == WEIR_EXCHANGE_BROADCAST ? "broadcast" : "single");
        }
        text(p, "])");
        break;
    default: weir_buffer_format(p->to, "%s", weir_physical_name(node)); break;
    }
}

static const char *const *input_names(struct weir_planning *planning, const struct weir_physical *node)
{
    const struct weir_physical *nodes[2] = { NULL, NULL };
    if (node->kind == WEIR_PHYSICAL_UNION || !node->input_count) return NULL;
    nodes[0] = node->inputs[0];
    if (node->input_count > 1) nodes[1] = node->inputs[1];
    return field_names(planning->arena, nodes, node->input_count);
}

const char *weir_physical_describe(
    struct weir_planning *planning, const struct weir_physical *node, bool execution)
{
    struct weir_buffer buffer;
    weir_buffer_init(&buffer, planning->memory, DESCRIPTION_BYTES_MAX);
    struct printer p = { planning, &buffer, input_names(planning, node), execution };
    const char *const *names = weir_physical_names(planning, node);
    switch (node->kind) {
    case WEIR_PHYSICAL_SCAN: describe_scan(&p, node, names); break;
    case WEIR_PHYSICAL_VALUES: describe_values(&p, node, names); break;
    case WEIR_PHYSICAL_CALC: describe_calc(&p, node, names); break;
    case WEIR_PHYSICAL_EXPAND: describe_expand(&p, node, names); break;
    case WEIR_PHYSICAL_GROUP_AGGREGATE: describe_group_aggregate(&p, node, names); break;
    case WEIR_PHYSICAL_WINDOW_AGGREGATE: describe_window_aggregate(&p, node, names); break;
    case WEIR_PHYSICAL_JOIN: describe_join(&p, node, names); break;
    case WEIR_PHYSICAL_INTERVAL_JOIN: describe_interval_join(&p, node, names); break;
    case WEIR_PHYSICAL_RANK: describe_rank(&p, node, names); break;
    case WEIR_PHYSICAL_SORT:
    case WEIR_PHYSICAL_TEMPORAL_SORT:
    case WEIR_PHYSICAL_SORT_LIMIT:
    case WEIR_PHYSICAL_LIMIT: describe_sort(&p, node); break;
    case WEIR_PHYSICAL_CHANGELOG_NORMALIZE:
    case WEIR_PHYSICAL_MATERIALIZER: keyed(&p, node); break;
    case WEIR_PHYSICAL_ENFORCER: describe_enforcer(&p, node); break;
    case WEIR_PHYSICAL_SINK: describe_sink(&p, node); break;
    default: describe_other(&p, node, names); break;
    }
    const char *description = weir_arena_copy(planning->arena, buffer.data ? buffer.data : "", buffer.length);
    weir_buffer_done(&buffer);
    return description;
}
