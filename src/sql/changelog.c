/*
 * Changelog inference in three passes: modify kinds bottom up (as nodes are made), update kinds and delete
 * kinds top down, where a node may answer that it cannot and its consumer asks for something else.
 *
 * A node with several consumers gives -U when any of them needs it; those that do not get DROP_UPDATE_BEFORE
 * in between, as does whoever wants +U alone from a source that always gives both.
 */
#include "sql/physical.h"

#include "base/assert.h"
#include "expr/function.h"
#include "sql/catalog.h"

/* --- pass 1: modify kinds --- */

static uint8_t kinds_to_modify(uint32_t kinds)
{
    uint8_t modify = 0;
    if (kinds & WEIR_CHANGE_INSERT) modify |= WEIR_MODIFY_INSERT;
    if (kinds & (WEIR_CHANGE_UPDATE_AFTER | WEIR_CHANGE_UPDATE_BEFORE)) modify |= WEIR_MODIFY_UPDATE;
    if (kinds & WEIR_CHANGE_DELETE) modify |= WEIR_MODIFY_DELETE;
    return modify;
}

static uint8_t join_modify(const struct weir_physical *node)
{
    uint8_t both = node->inputs[0]->modify | node->inputs[1]->modify;
    enum weir_join_type type = node->rel->join.type;
    return type == WEIR_JOIN_INNER || type == WEIR_JOIN_SEMI ? both : WEIR_MODIFY_ALL;
}

static uint8_t deduplicate_modify(const struct weir_planning *planning, const struct weir_physical *node)
{
    bool mini_batch = weir_mini_batch_enabled(planning->config);
    return !node->rel->deduplicate.keep_last && !mini_batch ? WEIR_MODIFY_INSERT : WEIR_MODIFY_ALL;
}

void weir_physical_modify_kinds(struct weir_planning *planning, struct weir_physical *node)
{
    uint8_t input = node->input_count ? node->inputs[0]->modify : 0;
    switch (node->kind) {
    case WEIR_PHYSICAL_SCAN:
        node->modify = node->rel->scan.source ? kinds_to_modify(node->rel->scan.source->changelog_kinds)
                                              : WEIR_MODIFY_INSERT;
        return;
    case WEIR_PHYSICAL_VALUES: node->modify = WEIR_MODIFY_INSERT; return;
    case WEIR_PHYSICAL_UNION:
        for (uint32_t i = 0; i < node->input_count; i++) node->modify |= node->inputs[i]->modify;
        return;
    case WEIR_PHYSICAL_CALC:
    case WEIR_PHYSICAL_WATERMARK:
    case WEIR_PHYSICAL_EXPAND:
    case WEIR_PHYSICAL_WINDOW_TVF:
    case WEIR_PHYSICAL_EXCHANGE:
    case WEIR_PHYSICAL_DROP_UPDATE_BEFORE:
    case WEIR_PHYSICAL_ENFORCER: node->modify = input; return;
    case WEIR_PHYSICAL_SINK: node->modify = 0; return;
    default: break;
    }
    /* In batch mode whatever keeps state answers once, at the end. */
    if (planning->batch) {
        node->modify = WEIR_MODIFY_INSERT;
        return;
    }
    switch (node->kind) {
    case WEIR_PHYSICAL_GROUP_AGGREGATE:
        node->modify =
            input == WEIR_MODIFY_INSERT ? WEIR_MODIFY_INSERT | WEIR_MODIFY_UPDATE : WEIR_MODIFY_ALL;
        if (input == WEIR_MODIFY_INSERT && node->rel->kind == WEIR_REL_DISTINCT)
            node->modify = WEIR_MODIFY_INSERT;
        if (input == WEIR_MODIFY_INSERT && node->rel->kind == WEIR_REL_AGGREGATE &&
            !node->rel->aggregate.call_count)
            node->modify = WEIR_MODIFY_INSERT;
        return;
    case WEIR_PHYSICAL_JOIN: node->modify = join_modify(node); return;
    case WEIR_PHYSICAL_DEDUPLICATE: node->modify = deduplicate_modify(planning, node); return;
    case WEIR_PHYSICAL_LIMIT:
        node->modify = input == WEIR_MODIFY_INSERT ? WEIR_MODIFY_INSERT : WEIR_MODIFY_ALL;
        return;
    case WEIR_PHYSICAL_RANK: node->modify = node->windowed ? WEIR_MODIFY_INSERT : WEIR_MODIFY_ALL; return;
    case WEIR_PHYSICAL_SORT_LIMIT:
    case WEIR_PHYSICAL_CHANGELOG_NORMALIZE:
    case WEIR_PHYSICAL_MATERIALIZER: node->modify = WEIR_MODIFY_ALL; return;
    default: node->modify = WEIR_MODIFY_INSERT; return;
    }
}

static const char *requester_name(const struct weir_physical *node, struct weir_arena *arena)
{
    if (node->kind != WEIR_PHYSICAL_SINK) return weir_physical_name(node);
    if (!node->rel->sink.table)
        return "Table sink 'default_catalog.default_database.Unregistered_Collect_Sink_1'";
    return weir_arena_format(arena, "Table sink '%s'", node->rel->sink.table->identifier_text);
}

/* The node whose own doing the changes are. */
static const struct weir_physical *producer_of(const struct weir_physical *node)
{
    while (node->kind == WEIR_PHYSICAL_EXCHANGE || node->kind == WEIR_PHYSICAL_CALC ||
           node->kind == WEIR_PHYSICAL_WATERMARK || node->kind == WEIR_PHYSICAL_ENFORCER ||
           node->kind == WEIR_PHYSICAL_WINDOW_TVF)
        node = node->inputs[0];
    return node;
}

static enum weir_error_code check_accepted(struct weir_planning *planning, const struct weir_physical *node,
    const struct weir_physical *input, uint8_t accepted)
{
    uint8_t refused = input->modify & (uint8_t)~accepted;
    if (!refused) return WEIR_OK;
    const char *what = refused == WEIR_MODIFY_UPDATE   ? "update"
                       : refused == WEIR_MODIFY_DELETE ? "delete"
                                                       : "update and delete";
    if (refused == WEIR_MODIFY_INSERT) what = "insert";
    return weir_error_set_at(planning->error, WEIR_E_SQL_VALIDATION, node->rel ? node->rel->line : 0,
        node->rel ? node->rel->column : 0,
        "%s doesn't support consuming %s changes which is produced by node %s",
        requester_name(node, planning->arena), what,
        weir_physical_describe(planning, producer_of(input), false));
}

static uint8_t accepted_modify(const struct weir_physical *node)
{
    switch (node->kind) {
    case WEIR_PHYSICAL_SINK:
        return node->rel->sink.sink ? kinds_to_modify(node->rel->sink.sink->accepted_kinds) : WEIR_MODIFY_ALL;
    case WEIR_PHYSICAL_INTERVAL_JOIN:
    case WEIR_PHYSICAL_TEMPORAL_SORT:
    case WEIR_PHYSICAL_DEDUPLICATE: return WEIR_MODIFY_INSERT;
    default: return WEIR_MODIFY_ALL;
    }
}

/* In batch mode nothing keeps what it would need to take rows back. */
static enum weir_error_code check_scan(struct weir_planning *planning, const struct weir_physical *node)
{
    if (!planning->batch || node->kind != WEIR_PHYSICAL_SCAN || node->modify == WEIR_MODIFY_INSERT)
        return WEIR_OK;
    return weir_error_set_at(planning->error, WEIR_E_SQL_VALIDATION, node->rel->line, node->rel->column,
        "Querying a table in batch mode is currently only possible for INSERT-only table sources. But the "
        "source "
        "for table '%s' produces other changelog messages than INSERT",
        node->rel->scan.table->identifier_text);
}

static enum weir_error_code check_kinds(
    struct weir_planning *planning, struct weir_physical *node, uint32_t mark)
{
    if (node->mark == mark) return WEIR_OK;
    node->mark = mark;
    enum weir_error_code scan = check_scan(planning, node);
    if (scan) return scan;
    for (uint32_t i = 0; i < node->input_count; i++) {
        enum weir_error_code code = check_kinds(planning, node->inputs[i], mark);
        if (!code) code = check_accepted(planning, node, node->inputs[i], accepted_modify(node));
        if (code) return code;
    }
    return WEIR_OK;
}

/* --- pass 2: update kinds --- */

static bool visit_update(
    struct weir_planning *planning, struct weir_physical *node, enum weir_update_kind required);

static enum weir_update_kind or_none(const struct weir_physical *node, enum weir_update_kind kind)
{
    return node->modify & WEIR_MODIFY_UPDATE ? kind : WEIR_UPDATE_NONE;
}

static bool visit_input(
    struct weir_planning *planning, struct weir_physical *node, uint32_t i, enum weir_update_kind kind)
{
    struct weir_physical *input = node->inputs[i];
    kind = or_none(input, kind);
    node->input_update[i] = (uint8_t)kind;
    return visit_update(planning, input, kind);
}

static bool visit_inputs(
    struct weir_planning *planning, struct weir_physical *node, enum weir_update_kind kind)
{
    for (uint32_t i = 0; i < node->input_count; i++)
        if (!visit_input(planning, node, i, kind)) return false;
    return true;
}

/* A row that stops matching must be retracted, which +U alone cannot tell, unless the filter looks at the key
 * only. */
static bool filters_beyond_key(struct weir_planning *planning, const struct weir_physical *node)
{
    if (!node->condition) return false;
    const struct weir_physical *input = node->inputs[0];
    bool *used = WEIR_ARENA_ARRAY(planning->arena, bool, input->field_count + 1);
    uint32_t *columns = WEIR_ARENA_ARRAY(planning->arena, uint32_t, input->field_count + 1), count = 0;
    weir_expr_columns_used(node->condition, used);
    for (uint32_t c = 0; c < input->field_count; c++)
        if (used[c]) columns[count++] = c;
    return !weir_key_list_find(&input->upsert_keys, columns, count);
}

/* An update of this side cannot move to another join key. */
static bool key_covers_join(const struct weir_physical *join, uint32_t side)
{
    const uint32_t *keys = side ? join->right_keys : join->left_keys;
    return weir_key_list_find(&join->inputs[side]->upsert_keys, keys, join->join_key_count) != NULL;
}

static bool visit_join(
    struct weir_planning *planning, struct weir_physical *node, enum weir_update_kind required)
{
    for (uint32_t i = 0; i < 2; i++) {
        bool updates = node->inputs[i]->modify & WEIR_MODIFY_UPDATE;
        if (required == WEIR_UPDATE_ONLY_AFTER && updates && !key_covers_join(node, i)) return false;
        if (!visit_input(planning, node, i,
                required == WEIR_UPDATE_ONLY_AFTER ? required : WEIR_UPDATE_BEFORE_AND_AFTER))
            return false;
    }
    return true;
}

static bool visit_rank(struct weir_planning *planning, struct weir_physical *node)
{
    if (node->strategy == WEIR_RANK_APPEND) return visit_inputs(planning, node, WEIR_UPDATE_NONE);
    if (node->strategy == WEIR_RANK_UPDATE) {
        if (visit_inputs(planning, node, WEIR_UPDATE_ONLY_AFTER)) return true;
        node->strategy = WEIR_RANK_RETRACT;
    }
    return visit_inputs(planning, node, WEIR_UPDATE_BEFORE_AND_AFTER);
}

/* Pass-through nodes provide what their inputs do. */
static bool forwards(const struct weir_physical *node)
{
    switch (node->kind) {
    case WEIR_PHYSICAL_CALC:
    case WEIR_PHYSICAL_WATERMARK:
    case WEIR_PHYSICAL_EXPAND:
    case WEIR_PHYSICAL_WINDOW_TVF:
    case WEIR_PHYSICAL_EXCHANGE:
    case WEIR_PHYSICAL_ENFORCER:
    case WEIR_PHYSICAL_UNION: return true;
    default: return false;
    }
}

static bool decide_update(
    struct weir_planning *planning, struct weir_physical *node, enum weir_update_kind required)
{
    enum weir_update_kind provided = or_none(node, required);
    bool fits = true;
    switch (node->kind) {
    case WEIR_PHYSICAL_SCAN:
        if (!(node->modify & WEIR_MODIFY_UPDATE)) break;
        provided = node->rel->scan.source->changelog_kinds & WEIR_CHANGE_UPDATE_BEFORE
                       ? WEIR_UPDATE_BEFORE_AND_AFTER
                       : WEIR_UPDATE_ONLY_AFTER;
        fits = provided == WEIR_UPDATE_BEFORE_AND_AFTER || required == WEIR_UPDATE_ONLY_AFTER;
        break;
    case WEIR_PHYSICAL_VALUES: break;
    case WEIR_PHYSICAL_CALC:
        if (required == WEIR_UPDATE_ONLY_AFTER && filters_beyond_key(planning, node)) return false;
        fits = visit_inputs(planning, node, required);
        break;
    case WEIR_PHYSICAL_JOIN: fits = visit_join(planning, node, required); break;
    case WEIR_PHYSICAL_RANK:
    case WEIR_PHYSICAL_SORT_LIMIT: fits = visit_rank(planning, node); break;
    case WEIR_PHYSICAL_CHANGELOG_NORMALIZE:
        fits = visit_inputs(planning, node, WEIR_UPDATE_ONLY_AFTER);
        break;
    default:
        fits = visit_inputs(planning, node, forwards(node) ? required : WEIR_UPDATE_BEFORE_AND_AFTER);
        break;
    }
    node->update_kind = (uint8_t)provided;
    return fits;
}

/* True when the consumer gets what it requires, if need be through a DROP_UPDATE_BEFORE. */
static bool visit_update(
    struct weir_planning *planning, struct weir_physical *node, enum weir_update_kind required)
{
    if (node->force_before && required == WEIR_UPDATE_ONLY_AFTER) required = WEIR_UPDATE_BEFORE_AND_AFTER;
    if (node->update_round[required] == planning->round) {
        /* What lies below was last arranged for another answer: with -U it does for both. */
        if (node->update_asked != required && node->update_fits[required]) {
            node->force_before = true;
            planning->update_conflict = true;
        }
        return node->update_fits[required];
    }
    bool fits = decide_update(planning, node, required);
    node->update_round[required] = planning->round;
    node->update_fits[required] = fits;
    node->update_asked = (uint8_t)required;
    return fits;
}

/* Finds consumers that need -U of a node that was last asked to give none. Such a node is asked anew, with
 * force. */
static bool find_conflicts(struct weir_physical *node, uint32_t mark)
{
    bool found = false;
    if (node->mark == mark) return false;
    node->mark = mark;
    for (uint32_t i = 0; i < node->input_count; i++) {
        struct weir_physical *input = node->inputs[i];
        if (node->input_update[i] == WEIR_UPDATE_BEFORE_AND_AFTER &&
            input->update_kind == WEIR_UPDATE_ONLY_AFTER && !input->force_before) {
            input->force_before = true;
            found = true;
        }
        found |= find_conflicts(input, mark);
    }
    return found;
}

static struct weir_physical *drop_before(struct weir_planning *planning, struct weir_physical *input)
{
    struct weir_physical *node = weir_physical_new(planning, WEIR_PHYSICAL_DROP_UPDATE_BEFORE, NULL, 1);
    node->inputs[0] = input;
    node->fields = input->fields;
    node->field_count = input->field_count;
    weir_physical_finish(planning, node);
    node->update_kind = WEIR_UPDATE_ONLY_AFTER;
    node->delete_kind = input->delete_kind;
    return node;
}

/* Puts DROP_UPDATE_BEFORE where +U alone is wanted and both come. */
static void reconcile(struct weir_planning *planning, struct weir_physical *node, uint32_t mark)
{
    if (node->mark == mark) return;
    node->mark = mark;
    for (uint32_t i = 0; i < node->input_count; i++) {
        struct weir_physical *input = node->inputs[i];
        reconcile(planning, input, mark);
        if (node->input_update[i] == WEIR_UPDATE_ONLY_AFTER &&
            input->update_kind == WEIR_UPDATE_BEFORE_AND_AFTER)
            node->inputs[i] = drop_before(planning, input);
    }
    if (forwards(node) && node->input_count && node->update_kind == WEIR_UPDATE_ONLY_AFTER &&
        node->kind != WEIR_PHYSICAL_UNION && (node->modify & WEIR_MODIFY_UPDATE))
        node->update_kind = node->inputs[0]->update_kind;
}

/* --- pass 3: delete kinds --- */

static bool visit_delete(
    struct weir_planning *planning, struct weir_physical *node, enum weir_delete_kind required);

static bool delete_inputs(
    struct weir_planning *planning, struct weir_physical *node, enum weir_delete_kind kind)
{
    for (uint32_t i = 0; i < node->input_count; i++) {
        struct weir_physical *input = node->inputs[i];
        if (!visit_delete(planning, input, input->modify & WEIR_MODIFY_DELETE ? kind : WEIR_DELETE_NONE))
            return false;
    }
    return true;
}

static bool join_delete(
    struct weir_planning *planning, struct weir_physical *node, enum weir_delete_kind required)
{
    for (uint32_t i = 0; i < 2 && required == WEIR_DELETE_BY_KEY; i++)
        if ((node->inputs[i]->modify & WEIR_MODIFY_DELETE) && !key_covers_join(node, i)) return false;
    return delete_inputs(planning, node, required == WEIR_DELETE_BY_KEY ? required : WEIR_DELETE_FULL);
}

/* -D of an upsert source may go through without its row when nobody asks for more than the key. */
static bool normalize_is_needless(
    struct weir_planning *planning, const struct weir_physical *node, enum weir_delete_kind required)
{
    const struct weir_physical *scan = node->inputs[0];
    while (scan->kind == WEIR_PHYSICAL_EXCHANGE || scan->kind == WEIR_PHYSICAL_CALC) scan = scan->inputs[0];
    if (node->update_kind != WEIR_UPDATE_ONLY_AFTER || node->condition || scan->kind != WEIR_PHYSICAL_SCAN)
        return false;
    if (weir_sql_config_boolean(planning->config, "table.exec.source.cdc-events-duplicate", false))
        return false;
    for (uint32_t f = 0; f < scan->field_count; f++)
        if (scan->rel->scan.columns[f].metadata) return false;
    return required == WEIR_DELETE_BY_KEY || !scan->rel->scan.source->deletes_by_key;
}

static bool decide_delete(
    struct weir_planning *planning, struct weir_physical *node, enum weir_delete_kind required)
{
    enum weir_delete_kind provided = node->modify & WEIR_MODIFY_DELETE ? required : WEIR_DELETE_NONE;
    bool fits = true;
    node->skipped = false;
    switch (node->kind) {
    case WEIR_PHYSICAL_SCAN:
        if (!(node->modify & WEIR_MODIFY_DELETE)) break;
        provided = node->rel->scan.source->deletes_by_key ? WEIR_DELETE_BY_KEY : WEIR_DELETE_FULL;
        fits = provided == WEIR_DELETE_FULL || required == WEIR_DELETE_BY_KEY;
        break;
    case WEIR_PHYSICAL_VALUES: break;
    case WEIR_PHYSICAL_CALC:
        if (required == WEIR_DELETE_BY_KEY && filters_beyond_key(planning, node)) return false;
        fits = delete_inputs(planning, node, required);
        break;
    case WEIR_PHYSICAL_DROP_UPDATE_BEFORE: fits = delete_inputs(planning, node, required); break;
    case WEIR_PHYSICAL_JOIN: fits = join_delete(planning, node, required); break;
    case WEIR_PHYSICAL_CHANGELOG_NORMALIZE:
        node->skipped =
            normalize_is_needless(planning, node, required) && delete_inputs(planning, node, required);
        if (!node->skipped)
            fits = delete_inputs(planning, node, WEIR_DELETE_BY_KEY) ||
                   delete_inputs(planning, node, WEIR_DELETE_FULL);
        break;
    default: fits = delete_inputs(planning, node, forwards(node) ? required : WEIR_DELETE_FULL); break;
    }
    /* What just passes is what came. */
    if (forwards(node) && node->input_count && provided != WEIR_DELETE_NONE)
        provided = (enum weir_delete_kind)node->inputs[0]->delete_kind;
    node->delete_kind = (uint8_t)provided;
    return fits;
}

static bool visit_delete(
    struct weir_planning *planning, struct weir_physical *node, enum weir_delete_kind required)
{
    if (node->delete_round[required] == planning->round) return node->delete_fits[required];
    bool fits = decide_delete(planning, node, required);
    node->delete_round[required] = planning->round;
    node->delete_fits[required] = fits;
    return fits;
}

/* Takes out the normalisations that were found needless. */
static void remove_skipped(struct weir_physical *node, uint32_t mark)
{
    if (node->mark == mark) return;
    node->mark = mark;
    for (uint32_t i = 0; i < node->input_count; i++) {
        remove_skipped(node->inputs[i], mark);
        struct weir_physical *input = node->inputs[i];
        if (input->kind != WEIR_PHYSICAL_CHANGELOG_NORMALIZE || !input->skipped || input->consumer_count > 1)
            continue;
        struct weir_physical *below = input->inputs[0];
        /* Another consumer may count on how the exchange distributes. */
        bool sink = node->kind == WEIR_PHYSICAL_SINK || node->kind == WEIR_PHYSICAL_ENFORCER;
        node->inputs[i] = sink && below->kind == WEIR_PHYSICAL_EXCHANGE ? below->inputs[0] : below;
    }
}

/* --- sinks --- */

static const uint32_t *primary_key_of(
    struct weir_planning *planning, const struct weir_rel *sink, uint32_t *ret_count)
{
    const struct weir_sql_table *table = sink->sink.table;
    *ret_count = table ? table->primary_key_count : 0;
    uint32_t *keys = WEIR_ARENA_ARRAY(planning->arena, uint32_t, *ret_count + 1);
    for (uint32_t k = 0; k < *ret_count; k++)
        keys[k] = weir_sql_table_physical_index(table, table->primary_key[k]);
    return keys;
}

static bool has_key_exactly(const struct weir_key_list *list, struct weir_column_set key)
{
    for (uint32_t k = 0; k < list->count; k++)
        if (list->keys[k].count == key.count &&
            weir_column_set_contains(key, list->keys[k].columns, key.count))
            return true;
    return false;
}

/* Some upsert key of the input lies within the primary key: updates of one sink row then come in order. */
static bool key_within(const struct weir_key_list *list, struct weir_column_set key)
{
    for (uint32_t k = 0; k < list->count; k++)
        if (weir_column_set_contains(key, list->keys[k].columns, list->keys[k].count)) return true;
    return false;
}

/* DO ERROR and DO NOTHING can only judge once no more rows of a time can come. The first source without a
 * watermark. */
static const char *source_without_watermark(struct weir_physical *node, uint32_t mark)
{
    if (node->mark == mark) return NULL;
    node->mark = mark;
    if (node->kind == WEIR_PHYSICAL_SCAN) {
        const struct weir_sql_table *table = node->rel->scan.table;
        return table->has_watermark ? NULL : table->identifier_text;
    }
    const char *found = NULL;
    for (uint32_t i = 0; i < node->input_count && !found; i++)
        found = source_without_watermark(node->inputs[i], mark);
    return found;
}

static bool waits_for_watermark(const struct weir_rel *sink)
{
    return sink->sink.conflict && strcmp(sink->sink.conflict, "DEDUPLICATE") != 0;
}

static bool needs_materializer(
    struct weir_planning *planning, const struct weir_physical *sink, struct weir_column_set key)
{
    const char *mode = weir_sql_config_text(planning->config, "table.exec.sink.upsert-materialize", "AUTO");
    const struct weir_physical *input = sink->inputs[0];
    uint32_t accepted = sink->rel->sink.sink ? sink->rel->sink.sink->accepted_kinds : 15;
    if (planning->batch || !key.count || strcmp(mode, "NONE") == 0) return false;
    if (strcmp(mode, "FORCE") == 0) return true;
    bool retracts = accepted & WEIR_CHANGE_UPDATE_BEFORE;
    if (waits_for_watermark(sink->rel) && !key_within(&input->upsert_keys, key)) return true;
    return input->modify != WEIR_MODIFY_INSERT && accepted != WEIR_CHANGE_INSERT && !retracts &&
           !key_within(&input->upsert_keys, key);
}

static void materialize(
    struct weir_planning *planning, struct weir_physical *sink, const uint32_t *keys, uint32_t count)
{
    struct weir_physical *input = sink->inputs[0];
    struct weir_physical *node = weir_physical_new(planning, WEIR_PHYSICAL_MATERIALIZER, sink->rel, 1);
    node->fields = input->fields;
    node->field_count = input->field_count;
    node->keys = keys;
    node->key_count = count;
    node->parallelism = sink->parallelism;
    node->inputs[0] = sink->parallelism
                          ? weir_physical_exchange_always(planning, input, WEIR_EXCHANGE_HASH, keys, count)
                          : weir_physical_exchange(planning, input, WEIR_EXCHANGE_HASH, keys, count);
    if (input->upsert_keys.count) node->strategy_key = input->upsert_keys.keys[0];
    weir_physical_finish(planning, node);
    sink->inputs[0] = node;
}

/* Changes of one key must reach one subtask of the sink, in order. */
static void shuffle_by_key(
    struct weir_planning *planning, struct weir_physical *sink, const uint32_t *keys, uint32_t count)
{
    const char *mode = weir_sql_config_text(planning->config, "table.exec.sink.keyed-shuffle", "AUTO");
    uint32_t usual = weir_default_parallelism(planning);
    bool differs =
        sink->parallelism && sink->parallelism != usual && sink->inputs[0]->modify != WEIR_MODIFY_INSERT;
    if (!count || strcmp(mode, "NONE") == 0 || (strcmp(mode, "FORCE") != 0 && !differs)) return;
    if (sink->parallelism == 1 || (!sink->parallelism && usual == 1)) return;
    sink->inputs[0] =
        weir_physical_exchange_always(planning, sink->inputs[0], WEIR_EXCHANGE_HASH, keys, count);
}

static enum weir_error_code check_conflict(
    struct weir_planning *planning, struct weir_physical *sink, bool materializer)
{
    const struct weir_rel *rel = sink->rel;
    const char *source =
        materializer && waits_for_watermark(rel) ? source_without_watermark(sink, ++planning->mark) : NULL;
    if (source)
        return weir_error_set_at(planning->error, WEIR_E_SQL_VALIDATION, rel->line, rel->column,
            "ON CONFLICT DO %s requires all source tables to define watermarks: %s has none",
            rel->sink.conflict, source);
    if (materializer && !rel->sink.conflict &&
        weir_sql_config_boolean(planning->config, "table.exec.sink.require-on-conflict", true) &&
        strcmp(weir_sql_config_text(planning->config, "table.exec.sink.upsert-materialize", "AUTO"),
            "FORCE") != 0)
        return weir_error_set_at(planning->error, WEIR_E_SQL_VALIDATION, rel->line, rel->column,
            "The query has an upsert key that differs from the primary key of the sink table '%s'. Add an ON "
            "CONFLICT clause "
            "(ON CONFLICT DO DEDUPLICATE, DO ERROR or DO NOTHING), or set "
            "'table.exec.sink.require-on-conflict' to false",
            rel->sink.table->identifier_text);
    return WEIR_OK;
}

static enum weir_error_code no_plan(struct weir_planning *planning, const struct weir_physical *sink)
{
    return weir_error_set_at(planning->error, WEIR_E_SQL_VALIDATION, sink->rel->line, sink->rel->column,
        "Can't generate a valid execution plan for the given query: no combination of changelog modes "
        "satisfies %s",
        requester_name(sink, planning->arena));
}

/* Which update kinds the sink may be given, best first; returns how many. */
static uint32_t sink_updates(
    const struct weir_physical *sink, struct weir_column_set key, enum weir_update_kind wanted[2])
{
    uint32_t accepted = sink->rel->sink.sink ? sink->rel->sink.sink->accepted_kinds : 15;
    const struct weir_physical *input = sink->inputs[0];
    wanted[0] = wanted[1] = WEIR_UPDATE_BEFORE_AND_AFTER;
    bool only_after = (accepted & WEIR_CHANGE_UPDATE_AFTER) && !(accepted & WEIR_CHANGE_UPDATE_BEFORE);
    if (!only_after || (key.count && !has_key_exactly(&input->upsert_keys, key))) return 1;
    wanted[0] = WEIR_UPDATE_ONLY_AFTER;
    return 2;
}

static enum weir_error_code infer_updates(
    struct weir_planning *planning, struct weir_physical *sink, bool prepare)
{
    uint32_t key_count;
    const uint32_t *keys = primary_key_of(planning, sink->rel, &key_count);
    struct weir_column_set key = weir_column_set_make(planning->arena, keys, key_count);
    if (prepare) {
        bool materializer = needs_materializer(planning, sink, key);
        enum weir_error_code code = check_conflict(planning, sink, materializer);
        if (code) return code;
        sink->input_count = 1;
        sink->materialized = materializer;
        sink->sink_update_count = (uint8_t)sink_updates(sink, key, sink->sink_updates);
        if (!materializer) shuffle_by_key(planning, sink, keys, key_count);
        if (materializer) {
            materialize(planning, sink, keys, key_count);
            sink->sink_updates[0] = WEIR_UPDATE_BEFORE_AND_AFTER;
            sink->sink_update_count = 1;
        }
    }
    for (uint32_t i = 0; i < sink->sink_update_count; i++, planning->round++)
        if (visit_input(planning, sink, 0, sink->sink_updates[i])) return WEIR_OK;
    return no_plan(planning, sink);
}

static enum weir_error_code infer_deletes(struct weir_planning *planning, struct weir_physical *sink)
{
    uint32_t key_count;
    const uint32_t *keys = primary_key_of(planning, sink->rel, &key_count);
    struct weir_column_set key = weir_column_set_make(planning->arena, keys, key_count);
    const struct weir_sql_sink_description *description = sink->rel->sink.sink;
    bool by_key = description && description->takes_deletes_by_key && !sink->materialized &&
                  (!key.count || has_key_exactly(&sink->inputs[0]->upsert_keys, key));
    planning->round++;
    if (by_key && delete_inputs(planning, sink, WEIR_DELETE_BY_KEY)) return WEIR_OK;
    planning->round++;
    return delete_inputs(planning, sink, WEIR_DELETE_FULL) ? WEIR_OK : no_plan(planning, sink);
}

enum weir_error_code weir_changelog_infer(
    struct weir_planning *planning, struct weir_physical **roots, uint32_t root_count)
{
    enum weir_error_code code = WEIR_OK;
    for (uint32_t r = 0; r < root_count && !code; r++)
        code = check_kinds(planning, roots[r], ++planning->mark);
    if (code) return code;
    bool again = true;
    for (uint32_t round = 0; again; round++) {
        again = planning->update_conflict = false;
        planning->round++;
        for (uint32_t r = 0; r < root_count && !code; r++)
            code = infer_updates(planning, roots[r], round == 0);
        if (code) return code;
        planning->mark++;
        for (uint32_t r = 0; r < root_count; r++) again |= find_conflicts(roots[r], planning->mark);
        again |= planning->update_conflict;
    }
    planning->mark++;
    for (uint32_t r = 0; r < root_count; r++) reconcile(planning, roots[r], planning->mark);
    for (uint32_t r = 0; r < root_count && !code; r++) code = infer_deletes(planning, roots[r]);
    planning->mark++;
    for (uint32_t r = 0; r < root_count && !code; r++) remove_skipped(roots[r], planning->mark);
    return code;
}

const char *weir_changelog_text(const struct weir_physical *node)
{
    static const char *const texts[] = { "[NONE]", "[I]", "[UA]", "[I,UA]", "[D]", "[I,D]", "[UA,D]",
        "[I,UA,D]", "[NONE]", "[I]", "[UB,UA]", "[I,UB,UA]", "[D]", "[I,D]", "[UB,UA,D]", "[I,UB,UA,D]" };
    bool both = node->update_kind == WEIR_UPDATE_BEFORE_AND_AFTER;
    if (node->delete_kind == WEIR_DELETE_BY_KEY && (node->modify & WEIR_MODIFY_DELETE)) {
        static const char *const by_key[] = { "[PD]", "[I,PD]", "[UA,PD]", "[I,UA,PD]", "[PD]", "[I,PD]",
            "[UB,UA,PD]", "[I,UB,UA,PD]" };
        return by_key[(node->modify & 3) + (both ? 4 : 0)];
    }
    return texts[node->modify + (both ? 8 : 0)];
}
