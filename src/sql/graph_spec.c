/* The spec of each operator, source and sink, from its physical node. Field names: src/ops/README.md,
 * spi/connector.h. */
#include "sql/graph.h"

#include "base/assert.h"
#include "sql/catalog.h"

struct builder {
    struct weir_planning *planning;
    struct weir_arena *arena;
    const struct weir_physical *node;
    struct weir_spec *spec;
    bool too_high; /* an expression is */
};

static void put_boolean(struct builder *b, const char *name, bool value)
{
    weir_spec_put(b->arena, b->spec, name, weir_spec_boolean(b->arena, value));
}

static void put_integer(struct builder *b, const char *name, int64_t value)
{
    weir_spec_put(b->arena, b->spec, name, weir_spec_integer(b->arena, value));
}

static void put_text(struct builder *b, const char *name, const char *value)
{
    weir_spec_put(b->arena, b->spec, name, weir_spec_text(b->arena, value));
}

static void put_columns(struct builder *b, const char *name, const uint32_t *columns, uint32_t count)
{
    weir_spec_put(b->arena, b->spec, name, weir_spec_integers(b->arena, columns, count));
}

static struct weir_spec *expr_spec(struct builder *b, const struct weir_expr *expr)
{
    b->too_high |= expr->height > WEIR_EXPR_HEIGHT_MAX;
    return weir_expr_to_spec(b->arena, expr);
}

static void put_expr(struct builder *b, const char *name, const struct weir_expr *expr)
{
    if (expr) weir_spec_put(b->arena, b->spec, name, expr_spec(b, expr));
}

static struct weir_spec *expr_list(struct builder *b, struct weir_expr *const *exprs, uint32_t count)
{
    struct weir_spec *list = weir_spec_list(b->arena);
    for (uint32_t i = 0; i < count; i++) weir_spec_add(b->arena, list, expr_spec(b, exprs[i]));
    return list;
}

static int64_t config_ttl(const struct builder *b)
{
    return b->planning->batch ? 0
                              : weir_sql_config_duration_ms(b->planning->config, "table.exec.state.ttl", 0);
}

static bool input_retracts(const struct weir_physical *input)
{
    return (input->modify & ~WEIR_MODIFY_INSERT) != 0;
}

static void put_emit(struct builder *b)
{
    put_boolean(b, "emit_ub", b->node->update_kind != WEIR_UPDATE_ONLY_AFTER);
}

static enum weir_error_code put_mini_batch(struct builder *b)
{
    const struct weir_sql_config *config = b->planning->config;
    bool enabled = !b->planning->batch && weir_mini_batch_enabled(config);
    int64_t rows = weir_sql_config_integer(config, "table.exec.mini-batch.size", -1);
    if (enabled && rows <= 0) {
        return weir_error_set(b->planning->error, WEIR_E_SQL_VALIDATION,
            "Key: 'table.exec.mini-batch.size' , default: -1 (fallback keys: []) must be > 0.");
    }
    put_boolean(b, "mini_batch", enabled && rows != 1); /* a bundle of one row is no bundle */
    put_integer(b, "mini_batch_rows", enabled ? rows : -1);
    put_integer(b, "mini_batch_ms", enabled ? weir_mini_batch_latency_ms(config) : 0);
    return WEIR_OK;
}

/* --- sources and sinks --- */

static void put_table(struct builder *b, const struct weir_sql_table *table, const struct weir_spec *options)
{
    struct weir_spec *columns = weir_spec_list(b->arena);
    for (uint32_t c = 0; c < table->column_count; c++) {
        if (weir_sql_table_physical_index(table, c) == UINT32_MAX) continue;
        struct weir_spec *column = weir_spec_map(b->arena);
        weir_spec_put(b->arena, column, "name", weir_spec_text(b->arena, table->columns[c].name));
        weir_spec_put(b->arena, column, "type", weir_spec_type(b->arena, table->columns[c].type));
        weir_spec_add(b->arena, columns, column);
    }
    put_text(b, "connector", weir_spec_get_text(options, "connector", ""));
    put_text(b, "identifier", table->identifier_text);
    /* Options are constant: the list is shared, not copied. */
    struct weir_spec *shared = WEIR_ARENA_NEW(b->arena, struct weir_spec);
    *shared = options ? *options : *weir_spec_map(b->arena);
    weir_spec_put(b->arena, b->spec, "options", shared);
    weir_spec_put(b->arena, b->spec, "columns", columns);
    struct weir_spec *keys = weir_spec_list(b->arena), *partitions = weir_spec_list(b->arena);
    for (uint32_t k = 0; k < table->primary_key_count; k++)
        weir_spec_add(b->arena, keys,
            weir_spec_integer(b->arena, weir_sql_table_physical_index(table, table->primary_key[k])));
    for (uint32_t k = 0; k < table->partition_key_count; k++)
        weir_spec_add(b->arena, partitions,
            weir_spec_integer(b->arena, weir_sql_table_physical_index(table, table->partition_keys[k])));
    weir_spec_put(b->arena, b->spec, "primary_key", keys);
    weir_spec_put(b->arena, b->spec, "partition_keys", partitions);
}

static void scan_spec(struct builder *b)
{
    const struct weir_rel *rel = b->node->rel;
    put_table(b, rel->scan.table, rel->scan.options);
    struct weir_spec *projection = weir_spec_list(b->arena);
    for (uint32_t f = 0; f < rel->field_count; f++) {
        const struct weir_scan_column *column = &rel->scan.columns[f];
        struct weir_spec *item = weir_spec_map(b->arena);
        if (column->metadata) {
            weir_spec_put(b->arena, item, "metadata", weir_spec_text(b->arena, column->metadata));
        } else {
            weir_spec_put(b->arena, item, "column", weir_spec_integer(b->arena, column->column));
            weir_spec_put(
                b->arena, item, "path", weir_spec_integers(b->arena, column->path, column->path_length));
        }
        weir_spec_add(b->arena, projection, item);
    }
    weir_spec_put(b->arena, b->spec, "projection", projection);
    if (!rel->scan.source) return;
    if (rel->scan.source->keeps_parallelism)
        weir_spec_put(b->arena, b->spec, "keeps_parallelism", weir_spec_boolean(b->arena, true));
    if (!rel->scan.source->enumerated) return;
    weir_spec_put(b->arena, b->spec, "enumerated", weir_spec_boolean(b->arena, true));
    weir_spec_put(b->arena, b->spec, "split_discovery_ms",
        weir_spec_integer(b->arena, (int64_t)rel->scan.source->split_discovery_ms));
}

static int64_t changelog_kinds(const struct weir_physical *node)
{
    int64_t kinds = node->modify & WEIR_MODIFY_INSERT ? WEIR_CHANGE_INSERT : 0;
    if (node->modify & WEIR_MODIFY_UPDATE) kinds |= WEIR_CHANGE_UPDATE_AFTER;
    if ((node->modify & WEIR_MODIFY_UPDATE) && node->update_kind == WEIR_UPDATE_BEFORE_AND_AFTER)
        kinds |= WEIR_CHANGE_UPDATE_BEFORE;
    if (node->modify & WEIR_MODIFY_DELETE) kinds |= WEIR_CHANGE_DELETE;
    return kinds;
}

static void sink_spec(struct builder *b)
{
    const struct weir_rel *rel = b->node->rel;
    put_integer(b, "changelog_kinds", changelog_kinds(b->node->inputs[0]));
    if (!rel->sink.table) return;
    put_table(b, rel->sink.table, rel->sink.options);
    uint32_t metadata_count;
    const uint32_t *metadata = weir_sql_table_persisted_metadata(rel->sink.table, b->arena, &metadata_count);
    struct weir_spec *keys = weir_spec_list(b->arena);
    for (uint32_t m = 0; m < metadata_count; m++)
        weir_spec_add(
            b->arena, keys, weir_spec_text(b->arena, rel->sink.table->columns[metadata[m]].metadata_key));
    weir_spec_put(b->arena, b->spec, "metadata", keys);
    put_boolean(b, "overwrite", rel->sink.overwrite);
    struct weir_spec *partition = weir_spec_map(b->arena);
    if (rel->sink.static_partition) *partition = *rel->sink.static_partition;
    weir_spec_put(b->arena, b->spec, "static_partition", partition);
}

static enum weir_error_code values_spec(struct builder *b)
{
    const struct weir_rel *rel = b->node->rel;
    struct weir_spec *rows = weir_spec_list(b->arena), *types = weir_spec_list(b->arena);
    for (uint32_t f = 0; f < rel->field_count; f++)
        weir_spec_add(b->arena, types, weir_spec_type(b->arena, rel->fields[f].type));
    for (uint32_t r = 0; r < rel->values.row_count; r++) {
        struct weir_spec *row = weir_spec_list(b->arena);
        for (uint32_t f = 0; f < rel->field_count; f++) {
            const struct weir_expr *expr = rel->values.rows[r][f];
            const struct weir_vector *value = expr->kind == WEIR_EXPR_LITERAL ? expr->literal : NULL;
            if (!value) {
                struct weir_vector *folded;
                enum weir_error_code code = weir_expr_fold(b->arena, b->planning->memory, expr,
                    b->planning->input->environment, &folded, b->planning->error);
                if (code) return code;
                value = folded;
            }
            weir_spec_add(b->arena, row, weir_spec_value(b->arena, value));
        }
        weir_spec_add(b->arena, rows, row);
    }
    weir_spec_put(b->arena, b->spec, "rows", rows);
    weir_spec_put(b->arena, b->spec, "types", types);
    return WEIR_OK;
}

static void watermark_spec(struct builder *b)
{
    const struct weir_rel *rel = b->node->rel;
    const struct weir_sql_config *config = b->planning->config;
    const struct weir_spec *options = rel->watermark.options;
    const char *strategy = options ? weir_spec_get_text(options, "scan.watermark.emit.strategy", NULL) : NULL;
    const char *idle = options ? weir_spec_get_text(options, "scan.watermark.idle-timeout", NULL) : NULL;
    int64_t idle_ms = weir_sql_config_duration_ms(config, "table.exec.source.idle-timeout", 0);
    put_integer(b, "rowtime", rel->watermark.rowtime);
    put_expr(b, "expression", rel->watermark.expression);
    put_text(b, "emit", strategy && strcmp(strategy, "on-event") == 0 ? "on-event" : "periodic");
    put_integer(
        b, "interval_ms", weir_sql_config_duration_ms(config, "pipeline.auto-watermark-interval", 200));
    put_integer(b, "idle_timeout_ms", weir_sql_duration_parse(idle, idle_ms));
}

/* --- aggregation and windows --- */

static void put_calls(struct builder *b, const struct weir_aggregate_call *calls, uint32_t count)
{
    struct weir_spec *list = weir_spec_list(b->arena);
    for (uint32_t i = 0; i < count; i++)
        weir_spec_add(b->arena, list, weir_aggregate_call_to_spec(b->arena, &calls[i]));
    weir_spec_put(b->arena, b->spec, "aggregates", list);
}

/* Whether rows may be folded before the exchange: bundles count as if they were. */
static bool preaggregates(const struct builder *b, bool distinct)
{
    const struct weir_rel *rel = b->node->rel;
    const char *phases =
        weir_sql_config_text(b->planning->config, "table.optimizer.agg-phase-strategy", "AUTO");
    if (strcmp(phases, "ONE_PHASE") == 0 || b->node->inputs[0]->kind != WEIR_PHYSICAL_EXCHANGE) return false;
    for (uint32_t i = 0; !distinct && i < rel->aggregate.call_count; i++) {
        const char *name = rel->aggregate.calls[i].function->name;
        if (strcmp(name, "FIRST_VALUE") == 0 || strcmp(name, "LAST_VALUE") == 0) return false;
    }
    return true;
}

static enum weir_error_code group_aggregate_spec(struct builder *b)
{
    const struct weir_rel *rel = b->node->rel;
    bool distinct = rel->kind == WEIR_REL_DISTINCT;
    put_columns(b, "keys", b->node->keys, b->node->key_count);
    put_calls(b, distinct ? NULL : rel->aggregate.calls, distinct ? 0 : rel->aggregate.call_count);
    put_boolean(b, "retract", input_retracts(b->node->inputs[0]));
    put_emit(b);
    put_integer(b, "ttl_ms", config_ttl(b));
    put_boolean(b, "distinct_only", distinct || (!rel->aggregate.call_count && rel->aggregate.key_count));
    put_boolean(b, "mini_batch_preaggregated", preaggregates(b, distinct));
    return put_mini_batch(b);
}

static struct weir_spec *window_map(struct builder *b, const struct weir_window *window)
{
    static const char *const kinds[] = { "tumble", "hop", "cumulate", "session" };
    struct weir_spec *map = weir_spec_map(b->arena), *outer = b->spec;
    b->spec = map;
    put_text(b, "kind", kinds[window->kind]);
    put_integer(b, "size_ms", window->size_ms);
    put_integer(b, "slide_ms", window->slide_ms);
    put_integer(b, "step_ms", window->step_ms);
    put_integer(b, "offset_ms", window->offset_ms);
    put_integer(b, "gap_ms", window->gap_ms);
    if (window->processing_time)
        put_boolean(b, "processing_time", true);
    else
        put_integer(b, "time", window->time_column);
    put_boolean(b, "local_zone", window->local_zone);
    put_boolean(b, "legacy", window->legacy);
    put_columns(b, "partition", window->partition, window->partition_count);
    b->spec = outer;
    return map;
}

static void window_aggregate_spec(struct builder *b)
{
    static const char *const properties[] = { "start", "end", "rowtime", "proctime" };
    const struct weir_rel *rel = b->node->rel;
    struct weir_spec *window = window_map(b, rel->aggregate.window), *list = weir_spec_list(b->arena);
    if (rel->aggregate.attached) {
        struct weir_spec *attached = weir_spec_map(b->arena), *outer = b->spec;
        b->spec = attached;
        if (rel->aggregate.attached_start != UINT32_MAX)
            put_integer(b, "start", rel->aggregate.attached_start);
        if (rel->aggregate.attached_end != UINT32_MAX) put_integer(b, "end", rel->aggregate.attached_end);
        if (rel->aggregate.attached_time != UINT32_MAX) put_integer(b, "time", rel->aggregate.attached_time);
        b->spec = outer;
        weir_spec_put(b->arena, window, "attached", attached);
    }
    for (uint32_t p = 0; p < rel->aggregate.property_count; p++)
        weir_spec_add(b->arena, list, weir_spec_text(b->arena, properties[rel->aggregate.properties[p]]));
    weir_spec_put(b->arena, b->spec, "window", window);
    put_columns(b, "keys", b->node->keys, b->node->key_count);
    put_calls(b, rel->aggregate.calls, rel->aggregate.call_count);
    put_boolean(b, "retract", input_retracts(b->node->inputs[0]));
    weir_spec_put(b->arena, b->spec, "properties", list);
    put_emit(b);
}

/* --- joins --- */

static const char *const join_types[] = { "inner", "left", "right", "full", "semi", "anti" };

static void put_unique(struct builder *b, const char *name, const struct weir_physical *input)
{
    const struct weir_column_set *best = NULL;
    for (uint32_t k = 0; k < input->upsert_keys.count; k++)
        if (!best || input->upsert_keys.keys[k].count < best->count) best = &input->upsert_keys.keys[k];
    if (best) put_columns(b, name, best->columns, best->count);
}

static int64_t hinted_ttl(const struct builder *b, const char *side)
{
    const struct weir_spec *ttl = weir_spec_get(b->node->rel->join.hints, side);
    if (!ttl) return config_ttl(b);
    if (ttl->kind == WEIR_SPEC_INTEGER) return ttl->integer;
    return weir_sql_duration_parse(weir_spec_get_text(b->node->rel->join.hints, side, NULL), config_ttl(b));
}

static enum weir_error_code join_spec(struct builder *b)
{
    const struct weir_physical *node = b->node, *left = node->inputs[0], *right = node->inputs[1];
    struct weir_spec *null_safe = weir_spec_list(b->arena);
    for (uint32_t k = 0; k < node->join_key_count; k++)
        weir_spec_add(b->arena, null_safe, weir_spec_boolean(b->arena, node->null_safe[k]));
    put_text(b, "type", join_types[node->rel->join.type]);
    put_columns(b, "left_keys", node->left_keys, node->join_key_count);
    put_columns(b, "right_keys", node->right_keys, node->join_key_count);
    weir_spec_put(b->arena, b->spec, "null_safe", null_safe);
    put_expr(b, "condition", node->condition);
    put_unique(b, "left_unique", left);
    put_unique(b, "right_unique", right);
    put_boolean(b, "left_append", !input_retracts(left));
    put_boolean(b, "right_append", !input_retracts(right));
    put_boolean(b, "left_upsert", left->update_kind == WEIR_UPDATE_ONLY_AFTER);
    put_boolean(b, "right_upsert", right->update_kind == WEIR_UPDATE_ONLY_AFTER);
    put_emit(b);
    put_integer(b, "left_ttl_ms", hinted_ttl(b, "left_ttl"));
    put_integer(b, "right_ttl_ms", hinted_ttl(b, "right_ttl"));
    put_boolean(b, "null_aware", node->rel->join.null_aware);
    return put_mini_batch(b);
}

static void interval_join_spec(struct builder *b)
{
    const struct weir_rel *rel = b->node->rel;
    bool processing = rel->interval_join.processing_time;
    put_text(b, "type", join_types[rel->interval_join.type]);
    put_columns(b, "left_keys", b->node->left_keys, b->node->join_key_count);
    put_columns(b, "right_keys", b->node->right_keys, b->node->join_key_count);
    put_expr(b, "condition", b->node->condition);
    put_integer(b, "left_time", processing ? -1 : (int64_t)rel->interval_join.left_time);
    put_integer(b, "right_time", processing ? -1 : (int64_t)rel->interval_join.right_time);
    put_integer(b, "lower_ms", rel->interval_join.lower_ms);
    put_integer(b, "upper_ms", rel->interval_join.upper_ms);
    put_boolean(b, "processing_time", processing);
}

/* --- order --- */

static void put_order(struct builder *b, const struct weir_sort_key *keys, uint32_t count)
{
    struct weir_spec *list = weir_spec_list(b->arena);
    for (uint32_t k = 0; k < count; k++) {
        struct weir_spec *item = weir_spec_map(b->arena);
        weir_spec_put(b->arena, item, "column", weir_spec_integer(b->arena, keys[k].column));
        weir_spec_put(b->arena, item, "descending", weir_spec_boolean(b->arena, keys[k].descending));
        weir_spec_put(b->arena, item, "nulls_first", weir_spec_boolean(b->arena, keys[k].nulls_first));
        weir_spec_add(b->arena, list, item);
    }
    weir_spec_put(b->arena, b->spec, "order", list);
}

static void put_strategy(struct builder *b)
{
    static const char *const strategies[] = { "append", "update", "retract" };
    put_text(b, "strategy", strategies[b->node->strategy]);
    if (b->node->strategy == WEIR_RANK_UPDATE)
        put_columns(b, "unique_key", b->node->strategy_key.columns, b->node->strategy_key.count);
}

static void rank_spec(struct builder *b)
{
    const struct weir_rel *rel = b->node->rel;
    const char *function = rel->rank.function;
    put_columns(b, "partition", b->node->keys, b->node->key_count);
    put_order(b, rel->rank.order, rel->rank.order_count);
    put_integer(b, "start", rel->rank.start);
    put_integer(b, "end", rel->rank.end);
    if (rel->rank.end_column >= 0) put_integer(b, "end_column", rel->rank.end_column);
    put_boolean(b, "with_rank", rel->rank.with_rank);
    if (b->node->windowed) {
        put_integer(b, "window_end", b->node->window_end);
        put_boolean(b, "local_zone", b->node->window_local);
    }
    put_strategy(b);
    put_text(b, "function",
        strcmp(function, "RANK") == 0         ? "rank"
        : strcmp(function, "DENSE_RANK") == 0 ? "dense_rank"
                                              : "row_number");
    put_emit(b);
    put_integer(b, "ttl_ms", config_ttl(b));
}

static enum weir_error_code deduplicate_spec(struct builder *b)
{
    const struct weir_rel *rel = b->node->rel;
    put_columns(b, "keys", b->node->keys, b->node->key_count);
    put_text(b, "keep", rel->deduplicate.keep_last ? "last" : "first");
    put_integer(b, "rowtime", rel->deduplicate.rowtime);
    put_emit(b);
    put_boolean(b, "insert_update_after",
        weir_sql_config_boolean(b->planning->config,
            "table.exec.deduplicate.insert-update-after-sensitive-enabled", true) == false);
    put_boolean(b, "mini_batch_compact",
        weir_sql_config_boolean(
            b->planning->config, "table.exec.deduplicate.mini-batch.compact-changes-enabled", false));
    put_integer(b, "ttl_ms", config_ttl(b));
    return put_mini_batch(b);
}

static void sort_spec(struct builder *b)
{
    const struct weir_rel *rel = b->node->rel;
    uint32_t first = 0;
    if (b->node->kind == WEIR_PHYSICAL_TEMPORAL_SORT) {
        const struct weir_type *type = b->node->inputs[0]->fields[rel->sort.keys[0].column].type;
        bool processing = type->time_attribute == WEIR_TIME_ATTRIBUTE_PROCTIME;
        put_integer(b, "rowtime", processing ? -1 : (int64_t)rel->sort.keys[0].column);
        first = 1;
    }
    if (b->node->kind != WEIR_PHYSICAL_LIMIT)
        put_order(b, rel->sort.keys + first, rel->sort.key_count - first);
    if (b->node->kind == WEIR_PHYSICAL_LIMIT || b->node->kind == WEIR_PHYSICAL_SORT_LIMIT) {
        put_integer(b, "offset", WEIR_MAX(rel->sort.offset, (int64_t)0));
        put_integer(b, "limit", rel->sort.limit < 0 ? INT64_MAX : rel->sort.limit);
        put_emit(b);
    }
    if (b->node->kind == WEIR_PHYSICAL_SORT_LIMIT) put_strategy(b);
    if (b->node->kind == WEIR_PHYSICAL_LIMIT) put_boolean(b, "retract", input_retracts(b->node->inputs[0]));
}

static void materializer_spec(struct builder *b)
{
    const char *conflict = b->node->rel->sink.conflict;
    put_columns(b, "keys", b->node->keys, b->node->key_count);
    if (b->node->strategy_key.columns)
        put_columns(b, "upsert_key", b->node->strategy_key.columns, b->node->strategy_key.count);
    put_integer(b, "ttl_ms", config_ttl(b));
    put_text(b, "conflict",
        !conflict || strcmp(conflict, "DEDUPLICATE") == 0 ? "deduplicate"
        : strcmp(conflict, "ERROR") == 0                  ? "error"
                                                          : "nothing");
}

static void expand_spec(struct builder *b)
{
    const struct weir_rel *rel = b->node->rel;
    struct weir_spec *lists = weir_spec_list(b->arena);
    for (uint32_t i = 0; i < rel->expand.list_count; i++)
        weir_spec_add(b->arena, lists, expr_list(b, rel->expand.lists[i], rel->field_count));
    weir_spec_put(b->arena, b->spec, "projections", lists);
}

enum weir_error_code weir_physical_to_spec(
    struct weir_planning *planning, const struct weir_physical *node, struct weir_spec **ret)
{
    struct builder b = { planning, planning->arena, node, weir_spec_map(planning->arena), false };
    enum weir_error_code code = WEIR_OK;
    switch (node->kind) {
    case WEIR_PHYSICAL_SCAN: scan_spec(&b); break;
    case WEIR_PHYSICAL_VALUES: code = values_spec(&b); break;
    case WEIR_PHYSICAL_CALC:
        weir_spec_put(b.arena, b.spec, "projections", expr_list(&b, node->projections, node->field_count));
        put_expr(&b, "condition", node->condition);
        break;
    case WEIR_PHYSICAL_WATERMARK: watermark_spec(&b); break;
    case WEIR_PHYSICAL_EXPAND: expand_spec(&b); break;
    case WEIR_PHYSICAL_GROUP_AGGREGATE: code = group_aggregate_spec(&b); break;
    case WEIR_PHYSICAL_WINDOW_AGGREGATE: window_aggregate_spec(&b); break;
    case WEIR_PHYSICAL_WINDOW_TVF:
        weir_spec_put(b.arena, b.spec, "window", window_map(&b, &node->rel->tvf.window));
        break;
    case WEIR_PHYSICAL_JOIN: code = join_spec(&b); break;
    case WEIR_PHYSICAL_INTERVAL_JOIN: interval_join_spec(&b); break;
    case WEIR_PHYSICAL_RANK: rank_spec(&b); break;
    case WEIR_PHYSICAL_DEDUPLICATE: code = deduplicate_spec(&b); break;
    case WEIR_PHYSICAL_SORT:
    case WEIR_PHYSICAL_TEMPORAL_SORT:
    case WEIR_PHYSICAL_SORT_LIMIT:
    case WEIR_PHYSICAL_LIMIT: sort_spec(&b); break;
    case WEIR_PHYSICAL_CHANGELOG_NORMALIZE:
        put_columns(&b, "keys", node->keys, node->key_count);
        put_emit(&b);
        put_integer(&b, "ttl_ms", config_ttl(&b));
        put_expr(&b, "condition", node->condition);
        code = put_mini_batch(&b);
        break;
    case WEIR_PHYSICAL_MATERIALIZER: materializer_spec(&b); break;
    case WEIR_PHYSICAL_ENFORCER: *b.spec = *node->spec; break;
    case WEIR_PHYSICAL_SINK: sink_spec(&b); break;
    case WEIR_PHYSICAL_DROP_UPDATE_BEFORE:
    case WEIR_PHYSICAL_UNION:
    case WEIR_PHYSICAL_EXCHANGE: break;
    }
    *ret = b.spec;
    if (!code && b.too_high) {
        code = weir_error_set(planning->error, WEIR_E_SQL_VALIDATION,
            "An expression is nested too deeply; at most %d levels are possible", WEIR_EXPR_HEIGHT_MAX);
    }
    return code;
}
