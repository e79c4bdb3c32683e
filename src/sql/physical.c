/* Rels to physical nodes: exchanges where rows must meet, one operator for each rel, projections and filters
 * merged. */
#include "sql/physical.h"

#include "base/assert.h"
#include "sql/catalog.h"
#include "sql/optimizer.h"

struct memo_entry {
    const struct weir_rel *rel;
    struct weir_physical *physical;
};

struct converter {
    struct weir_planning *planning;
    struct memo_entry *memo; /* a rel with several parents is converted once */
    uint32_t memo_count, memo_capacity;
    struct weir_rel_map seen, parents; /* parents: rels with more than one */
};

static enum weir_error_code convert(
    struct converter *c, const struct weir_rel *rel, struct weir_physical **ret);

struct weir_physical *weir_physical_new(struct weir_planning *planning, enum weir_physical_kind kind,
    const struct weir_rel *rel, uint32_t input_count)
{
    struct weir_physical *node = WEIR_ARENA_NEW(planning->arena, struct weir_physical);
    node->kind = kind;
    node->id = ++planning->physical_id;
    node->rel = rel;
    node->inputs = WEIR_ARENA_ARRAY(planning->arena, struct weir_physical *, input_count + 1);
    node->input_count = input_count;
    node->input_update = WEIR_ARENA_ARRAY(planning->arena, uint8_t, input_count + 1);
    if (rel) {
        node->fields = rel->fields;
        node->field_count = rel->field_count;
    }
    return node;
}

void weir_physical_finish(struct weir_planning *planning, struct weir_physical *node)
{
    weir_physical_modify_kinds(planning, node);
    weir_physical_upsert_keys(planning, node);
}

/* --- distribution --- */

static bool same_columns(const uint32_t *a, uint32_t a_count, const uint32_t *b, uint32_t b_count)
{
    if (a_count != b_count) return false;
    for (uint32_t i = 0; i < a_count; i++)
        if (a[i] != b[i]) return false;
    return true;
}

/* Whether the rows of node are already distributed by exactly these keys, in this order. A subtask's state is
 * found by the key group of the same columns, so nothing weaker will do. */
static bool distributed_by(
    const struct weir_physical *node, enum weir_exchange exchange, const uint32_t *keys, uint32_t count)
{
    uint32_t below[64];
    if (count > WEIR_ARRAY_COUNT(below)) return false;
    switch (node->kind) {
    case WEIR_PHYSICAL_EXCHANGE:
        return node->exchange == exchange && same_columns(node->keys, node->key_count, keys, count);
    case WEIR_PHYSICAL_CALC:
        for (uint32_t k = 0; k < count; k++) {
            if (node->projections[keys[k]]->kind != WEIR_EXPR_COLUMN) return false;
            below[k] = node->projections[keys[k]]->column;
        }
        return distributed_by(node->inputs[0], exchange, below, count);
    case WEIR_PHYSICAL_GROUP_AGGREGATE:
        /* The result's first columns are the keys. */
        for (uint32_t k = 0; k < count; k++) {
            if (keys[k] >= node->key_count) return false;
            below[k] = node->keys[keys[k]];
        }
        return distributed_by(node->inputs[0], exchange, below, count);
    case WEIR_PHYSICAL_WINDOW_AGGREGATE:
        for (uint32_t k = 0; k < count; k++) {
            if (keys[k] >= node->key_count) return false;
            below[k] = node->keys[keys[k]];
        }
        return distributed_by(node->inputs[0], exchange, below, count);
    case WEIR_PHYSICAL_RANK:
    case WEIR_PHYSICAL_DEDUPLICATE:
    case WEIR_PHYSICAL_CHANGELOG_NORMALIZE:
    case WEIR_PHYSICAL_SORT_LIMIT:
    case WEIR_PHYSICAL_LIMIT:
    case WEIR_PHYSICAL_SORT:
    case WEIR_PHYSICAL_TEMPORAL_SORT:
    case WEIR_PHYSICAL_WINDOW_TVF:
    case WEIR_PHYSICAL_WATERMARK:
        for (uint32_t k = 0; k < count; k++)
            if (keys[k] >= node->inputs[0]->field_count) return false;
        return distributed_by(node->inputs[0], exchange, keys, count);
    case WEIR_PHYSICAL_JOIN:
        if (node->rel->join.type != WEIR_JOIN_INNER && node->rel->join.type != WEIR_JOIN_LEFT &&
            node->rel->join.type != WEIR_JOIN_SEMI && node->rel->join.type != WEIR_JOIN_ANTI)
            return false;
        for (uint32_t k = 0; k < count; k++)
            if (keys[k] >= node->inputs[0]->field_count) return false;
        return distributed_by(node->inputs[0], exchange, keys, count);
    default: return false;
    }
}

struct weir_physical *weir_physical_exchange_always(struct weir_planning *planning,
    struct weir_physical *input, enum weir_exchange exchange, const uint32_t *keys, uint32_t key_count)
{
    struct weir_physical *node = weir_physical_new(planning, WEIR_PHYSICAL_EXCHANGE, NULL, 1);
    node->inputs[0] = input;
    node->fields = input->fields;
    node->field_count = input->field_count;
    node->exchange = exchange;
    node->keys = keys;
    node->key_count = key_count;
    weir_physical_finish(planning, node);
    return node;
}

struct weir_physical *weir_physical_exchange(struct weir_planning *planning, struct weir_physical *input,
    enum weir_exchange exchange, const uint32_t *keys, uint32_t key_count)
{
    if (exchange == WEIR_EXCHANGE_HASH && weir_rule_enabled(planning, WEIR_RULE_EXCHANGE_REMOVE) &&
        distributed_by(input, exchange, keys, key_count))
        return input;
    return weir_physical_exchange_always(planning, input, exchange, keys, key_count);
}

static struct weir_physical *hash(
    struct converter *c, struct weir_physical *input, const uint32_t *keys, uint32_t count)
{
    return weir_physical_exchange(c->planning, input, WEIR_EXCHANGE_HASH, keys, count);
}

/* --- calc --- */

static bool all_deterministic(struct weir_expr *const *exprs, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (!weir_expr_is_deterministic(exprs[i])) return false;
    return true;
}

/* A filter right on a normalisation becomes part of it: rows that never match need no state. Only where
 * nobody else reads the normalised rows. */
static struct weir_physical *filtered_normalize(
    struct converter *c, struct weir_physical *input, struct weir_expr *condition)
{
    if (input->kind != WEIR_PHYSICAL_CHANGELOG_NORMALIZE || !condition || input->condition) return NULL;
    if (!weir_rule_enabled(c->planning, WEIR_RULE_NORMALIZE_FILTER) || !weir_expr_is_deterministic(condition))
        return NULL;
    if (weir_rel_map_get(&c->parents, input->rel) != NULL) return NULL;
    struct weir_physical *node =
        weir_physical_new(c->planning, WEIR_PHYSICAL_CHANGELOG_NORMALIZE, input->rel, 1);
    node->keys = input->keys;
    node->key_count = input->key_count;
    node->inputs[0] = input->inputs[0];
    node->condition = condition;
    weir_physical_finish(c->planning, node);
    return node;
}

/* Writes the calc node out over the input of the calc below it, where it does not grow too much. */
static void merge_calc(struct weir_arena *arena, struct weir_physical *node)
{
    const struct weir_physical *input = node->inputs[0];
    uint32_t count = node->field_count, all = count + (node->condition ? 1 : 0);
    struct weir_expr **above = WEIR_ARENA_ARRAY(arena, struct weir_expr *, count + 1);
    struct weir_expr **inlined = WEIR_ARENA_ARRAY(arena, struct weir_expr *, count + 1);
    for (uint32_t i = 0; i < all; i++) {
        above[i] = i < count ? node->projections[i] : node->condition;
        inlined[i] = weir_expr_substitute(arena, above[i], input->projections);
    }
    if (!weir_exprs_may_inline(above, inlined, all, input->projections, input->field_count)) return;
    struct weir_expr *both[2] = { input->condition, NULL };
    uint32_t both_count = input->condition ? 1 : 0;
    if (node->condition) both[both_count++] = inlined[count];
    node->projections = inlined;
    node->condition = both_count ? weir_expr_and(arena, both, both_count) : NULL;
    node->inputs[0] = input->inputs[0];
}

/* A projection and filter on top of input; merged with a calc that input already is. projections NULL: all
 * columns. */
static struct weir_physical *calc(struct converter *c, const struct weir_rel *rel,
    struct weir_physical *input, struct weir_expr *const *projections, uint32_t count,
    const struct weir_rel_field *fields, struct weir_expr *condition)
{
    struct weir_arena *arena = c->planning->arena;
    struct weir_physical *normalized = filtered_normalize(c, input, condition);
    if (normalized && !projections) return normalized;
    struct weir_physical *node = weir_physical_new(c->planning, WEIR_PHYSICAL_CALC, rel, 1);
    bool merge = input->kind == WEIR_PHYSICAL_CALC && weir_rule_enabled(c->planning, WEIR_RULE_CALC_MERGE) &&
                 all_deterministic(input->projections, input->field_count);
    if (!projections) {
        struct weir_expr **identity = WEIR_ARENA_ARRAY(arena, struct weir_expr *, input->field_count + 1);
        for (uint32_t i = 0; i < input->field_count; i++)
            identity[i] = weir_expr_column(arena, i, input->fields[i].type);
        projections = identity;
        count = input->field_count;
        fields = input->fields;
    }
    node->inputs[0] = input;
    node->projections = projections;
    node->fields = fields;
    node->field_count = count;
    node->condition = condition;
    if (merge) merge_calc(arena, node);
    weir_physical_finish(c->planning, node);
    return node;
}

/* --- one function per rel kind --- */

static enum weir_error_code check_window(struct converter *c, const struct weir_rel *rel)
{
    const struct weir_window *window = rel->aggregate.window;
    if (rel->aggregate.attached) return WEIR_OK;
    if (window->kind == WEIR_WINDOW_HOP && !window->legacy && window->slide_ms &&
        window->size_ms % window->slide_ms)
        return weir_error_set_at(c->planning->error, WEIR_E_SQL_VALIDATION, rel->line, rel->column,
            "HOP table function based aggregate requires size must be an integral multiple of slide, but got "
            "size %lld ms and "
            "slide %lld ms",
            (long long)window->size_ms, (long long)window->slide_ms);
    if (window->kind == WEIR_WINDOW_CUMULATE && window->step_ms && window->size_ms % window->step_ms)
        return weir_error_set_at(c->planning->error, WEIR_E_SQL_VALIDATION, rel->line, rel->column,
            "CUMULATE table function based aggregate requires maxSize must be an integral multiple of step, "
            "but got maxSize "
            "%lld ms and step %lld ms",
            (long long)window->size_ms, (long long)window->step_ms);
    return WEIR_OK;
}

static enum weir_error_code convert_aggregate(
    struct converter *c, const struct weir_rel *rel, struct weir_physical *input, struct weir_physical **ret)
{
    bool distinct = rel->kind == WEIR_REL_DISTINCT;
    bool windowed = rel->kind == WEIR_REL_WINDOW_AGGREGATE || (!distinct && rel->aggregate.window);
    enum weir_error_code code = windowed ? check_window(c, rel) : WEIR_OK;
    if (code) return code;
    struct weir_physical *node = weir_physical_new(
        c->planning, windowed ? WEIR_PHYSICAL_WINDOW_AGGREGATE : WEIR_PHYSICAL_GROUP_AGGREGATE, rel, 1);
    if (distinct) {
        uint32_t *keys = WEIR_ARENA_ARRAY(c->planning->arena, uint32_t, rel->field_count + 1);
        for (uint32_t i = 0; i < rel->field_count; i++) keys[i] = i;
        node->keys = keys;
        node->key_count = rel->field_count;
    } else {
        node->keys = rel->aggregate.keys;
        node->key_count = rel->aggregate.key_count;
    }
    node->inputs[0] = hash(c, input, node->keys, node->key_count);
    weir_physical_finish(c->planning, node);
    *ret = node;
    return WEIR_OK;
}

static enum weir_error_code convert_interval_join(struct converter *c, const struct weir_rel *rel,
    struct weir_physical *left, struct weir_physical *right, struct weir_physical **ret)
{
    struct weir_physical *node = weir_physical_new(c->planning, WEIR_PHYSICAL_INTERVAL_JOIN, rel, 2);
    node->left_keys = rel->interval_join.left_keys;
    node->right_keys = rel->interval_join.right_keys;
    node->join_key_count = rel->interval_join.key_count;
    node->condition = rel->interval_join.condition;
    node->inputs[0] = hash(c, left, node->left_keys, node->join_key_count);
    node->inputs[1] = hash(c, right, node->right_keys, node->join_key_count);
    weir_physical_finish(c->planning, node);
    *ret = node;
    return WEIR_OK;
}

static enum weir_error_code convert_sort(
    struct converter *c, const struct weir_rel *rel, struct weir_physical *input, struct weir_physical **ret)
{
    bool bounded = c->planning->batch, limited = rel->sort.limit >= 0, ordered = rel->sort.key_count > 0;
    enum weir_physical_kind kind;
    if (!limited && rel->sort.offset > 0 && !bounded)
        return weir_error_set_at(c->planning->error, WEIR_E_SQL_VALIDATION, rel->line, rel->column,
            "FETCH is missed, which on streaming table is not supported currently: OFFSET needs a LIMIT");
    if (ordered && limited) {
        kind = WEIR_PHYSICAL_SORT_LIMIT;
    } else if (!ordered) {
        kind = WEIR_PHYSICAL_LIMIT;
    } else if (bounded) {
        kind = rel->sort.offset > 0 ? WEIR_PHYSICAL_SORT_LIMIT : WEIR_PHYSICAL_SORT;
    } else {
        const struct weir_sort_key *first = &rel->sort.keys[0];
        const struct weir_type *type = input->fields[first->column].type;
        if (type->time_attribute == WEIR_TIME_ATTRIBUTE_NONE || first->descending)
            return weir_error_set_at(c->planning->error, WEIR_E_SQL_VALIDATION, rel->line, rel->column,
                "Sort on a non-time-attribute field is not supported: in streaming mode ORDER BY without "
                "LIMIT needs an "
                "ascending time attribute first, but '%s' is %s",
                input->fields[first->column].name,
                type->time_attribute == WEIR_TIME_ATTRIBUTE_NONE ? "no time attribute" : "descending");
        kind = WEIR_PHYSICAL_TEMPORAL_SORT;
    }
    struct weir_physical *node = weir_physical_new(c->planning, kind, rel, 1);
    node->inputs[0] = hash(c, input, NULL, 0);
    node->parallelism = 1;
    if (kind == WEIR_PHYSICAL_SORT_LIMIT) weir_physical_choose_strategy(c->planning, node);
    weir_physical_finish(c->planning, node);
    *ret = node;
    return WEIR_OK;
}

static enum weir_error_code convert_rank(
    struct converter *c, const struct weir_rel *rel, struct weir_physical *input, struct weir_physical **ret)
{
    if (!c->planning->batch && strcmp(rel->rank.function, "ROW_NUMBER") != 0)
        return weir_error_set_at(c->planning->error, WEIR_E_SQL_VALIDATION, rel->line, rel->column,
            "%s() on streaming table is not supported currently", rel->rank.function);
    struct weir_physical *node = weir_physical_new(c->planning, WEIR_PHYSICAL_RANK, rel, 1);
    node->keys = rel->rank.partition;
    node->key_count = rel->rank.partition_count;
    node->inputs[0] = hash(c, input, node->keys, node->key_count);
    weir_physical_choose_strategy(c->planning, node);
    weir_physical_finish(c->planning, node);
    *ret = node;
    return WEIR_OK;
}

static struct weir_physical *keyed(struct converter *c, enum weir_physical_kind kind,
    const struct weir_rel *rel, struct weir_physical *input, const uint32_t *keys, uint32_t count)
{
    struct weir_physical *node = weir_physical_new(c->planning, kind, rel, 1);
    node->keys = keys;
    node->key_count = count;
    node->inputs[0] = hash(c, input, keys, count);
    weir_physical_finish(c->planning, node);
    return node;
}

static struct weir_physical *plain(struct converter *c, enum weir_physical_kind kind,
    const struct weir_rel *rel, struct weir_physical *const *inputs)
{
    struct weir_physical *node = weir_physical_new(c->planning, kind, rel, rel->input_count);
    for (uint32_t i = 0; i < rel->input_count; i++) node->inputs[i] = inputs[i];
    weir_physical_finish(c->planning, node);
    return node;
}

/* Top-1 by row time within a window: its rows come when the window closes. */
static bool is_window_deduplicate(
    const struct converter *c, const struct weir_rel *rel, const struct weir_physical *input)
{
    uint32_t end;
    return !c->planning->batch && rel->deduplicate.rowtime >= 0 &&
           weir_physical_window(input, rel->deduplicate.keys, rel->deduplicate.key_count, &end);
}

static enum weir_error_code convert_window_deduplicate(
    struct converter *c, const struct weir_rel *rel, struct weir_physical *input, struct weir_physical **ret)
{
    struct weir_rel *rank =
        weir_rel_make(c->planning, WEIR_REL_RANK, rel->inputs, 1, rel->fields, rel->field_count);
    struct weir_sort_key *order = WEIR_ARENA_NEW(c->planning->arena, struct weir_sort_key);
    *order = (struct weir_sort_key){ .column = (uint32_t)rel->deduplicate.rowtime,
        .descending = rel->deduplicate.keep_last,
        .nulls_first = !rel->deduplicate.keep_last };
    rank->rank.partition = rel->deduplicate.keys;
    rank->rank.partition_count = rel->deduplicate.key_count;
    rank->rank.order = order;
    rank->rank.order_count = 1;
    rank->rank.start = rank->rank.end = 1;
    rank->rank.end_column = -1;
    rank->rank.with_rank = false;
    rank->rank.function = "ROW_NUMBER";
    return convert_rank(c, rank, input, ret);
}

/* A ranking function whose result nobody bounds is a Top-N without an end. */
static enum weir_error_code convert_over(
    struct converter *c, const struct weir_rel *rel, struct weir_physical *input, struct weir_physical **ret)
{
    const struct weir_over_call *call = rel->over.call_count ? &rel->over.calls[0] : NULL;
    if (!call || rel->over.call_count > 1 || call->aggregate)
        return weir_error_set_at(c->planning->error, WEIR_E_UNSUPPORTED, rel->line, rel->column,
            "OVER aggregation (%s) is not implemented: one ROW_NUMBER() is, with or without a filter on its "
            "result (Top-N, "
            "deduplication)",
            call ? call->function : "OVER");
    struct weir_rel *rank =
        weir_rel_make(c->planning, WEIR_REL_RANK, rel->inputs, 1, rel->fields, rel->field_count);
    rank->line = rel->line;
    rank->column = rel->column;
    rank->rank.partition = rel->over.partition;
    rank->rank.partition_count = rel->over.partition_count;
    rank->rank.order = rel->over.order;
    rank->rank.order_count = rel->over.order_count;
    rank->rank.start = 1;
    rank->rank.end = INT64_MAX;
    rank->rank.end_column = -1;
    rank->rank.with_rank = true;
    rank->rank.function = call->function;
    return convert_rank(c, rank, input, ret);
}

static struct weir_physical *convert_tvf(
    struct converter *c, const struct weir_rel *rel, struct weir_physical *input)
{
    if (rel->tvf.window.kind == WEIR_WINDOW_SESSION)
        input = hash(c, input, rel->tvf.window.partition, rel->tvf.window.partition_count);
    return plain(c, WEIR_PHYSICAL_WINDOW_TVF, rel, &input);
}

/* scan.parallelism, or no more subtasks than the source can use. A changelog must not be torn apart behind
 * it: rows of one key travel together. */
static enum weir_error_code convert_scan(
    struct converter *c, const struct weir_rel *rel, struct weir_physical **ret)
{
    struct weir_physical *node = plain(c, WEIR_PHYSICAL_SCAN, rel, NULL);
    uint32_t most = rel->scan.source ? rel->scan.source->parallelism_max : 0;
    bool wanted = weir_spec_get(rel->scan.options, "scan.parallelism") != NULL;
    uint32_t usual = weir_default_parallelism(c->planning);
    *ret = node;
    if (!most || (!wanted && most >= usual)) return WEIR_OK;
    node->parallelism = most;
    if (node->modify == WEIR_MODIFY_INSERT || most == usual) return WEIR_OK;
    if (!node->upsert_keys.count && most > 1)
        return weir_error_set_at(c->planning->error, WEIR_E_SQL_VALIDATION, rel->line, rel->column,
            "scan.parallelism of %s is %u, but a source of changes that runs at another parallelism than the "
            "job's needs a "
            "primary key",
            rel->scan.table->identifier_text, most);
    if (node->upsert_keys.count)
        *ret = weir_physical_exchange(c->planning, node, WEIR_EXCHANGE_HASH,
            node->upsert_keys.keys[0].columns, node->upsert_keys.keys[0].count);
    return WEIR_OK;
}

static enum weir_error_code convert_one(struct converter *c, const struct weir_rel *rel,
    struct weir_physical **inputs, struct weir_physical **ret)
{
    switch (rel->kind) {
    case WEIR_REL_SCAN: return convert_scan(c, rel, ret);
    case WEIR_REL_VALUES: *ret = plain(c, WEIR_PHYSICAL_VALUES, rel, inputs); return WEIR_OK;
    case WEIR_REL_PROJECT:
        *ret = calc(c, rel, inputs[0], rel->project.exprs, rel->field_count, rel->fields, NULL);
        return WEIR_OK;
    case WEIR_REL_FILTER:
        *ret = calc(c, rel, inputs[0], NULL, 0, NULL, rel->filter.condition);
        return WEIR_OK;
    case WEIR_REL_WATERMARK: *ret = plain(c, WEIR_PHYSICAL_WATERMARK, rel, inputs); return WEIR_OK;
    case WEIR_REL_EXPAND: *ret = plain(c, WEIR_PHYSICAL_EXPAND, rel, inputs); return WEIR_OK;
    case WEIR_REL_UNION: *ret = plain(c, WEIR_PHYSICAL_UNION, rel, inputs); return WEIR_OK;
    case WEIR_REL_AGGREGATE:
    case WEIR_REL_DISTINCT:
    case WEIR_REL_WINDOW_AGGREGATE: return convert_aggregate(c, rel, inputs[0], ret);
    case WEIR_REL_WINDOW_TVF: *ret = convert_tvf(c, rel, inputs[0]); return WEIR_OK;
    case WEIR_REL_JOIN: return weir_physical_join(c->planning, rel, inputs[0], inputs[1], ret);
    case WEIR_REL_INTERVAL_JOIN: return convert_interval_join(c, rel, inputs[0], inputs[1], ret);
    case WEIR_REL_SORT: return convert_sort(c, rel, inputs[0], ret);
    case WEIR_REL_OVER: return convert_over(c, rel, inputs[0], ret);
    case WEIR_REL_RANK: return convert_rank(c, rel, inputs[0], ret);
    case WEIR_REL_DEDUPLICATE:
        if (is_window_deduplicate(c, rel, inputs[0]))
            return convert_window_deduplicate(c, rel, inputs[0], ret);
        *ret = keyed(
            c, WEIR_PHYSICAL_DEDUPLICATE, rel, inputs[0], rel->deduplicate.keys, rel->deduplicate.key_count);
        return WEIR_OK;
    case WEIR_REL_CHANGELOG_NORMALIZE:
        *ret = keyed(c, WEIR_PHYSICAL_CHANGELOG_NORMALIZE, rel, inputs[0], rel->normalize.keys,
            rel->normalize.key_count);
        return WEIR_OK;
    case WEIR_REL_SINK: return weir_physical_sink(c->planning, rel, inputs[0], ret);
    }
    return weir_error_set(
        c->planning->error, WEIR_E_INTERNAL, "a relational node of kind %d has no operator", rel->kind);
}

static void remember(struct converter *c, const struct weir_rel *rel, struct weir_physical *physical)
{
    if (c->memo_count == c->memo_capacity) {
        uint32_t capacity = c->memo_capacity ? 2 * c->memo_capacity : 64;
        struct memo_entry *grown = WEIR_ARENA_ARRAY(c->planning->arena, struct memo_entry, capacity);
        if (c->memo_count) memcpy(grown, c->memo, c->memo_count * sizeof *grown);
        c->memo = grown;
        c->memo_capacity = capacity;
    }
    c->memo[c->memo_count++] = (struct memo_entry){ rel, physical };
}

static enum weir_error_code convert(
    struct converter *c, const struct weir_rel *rel, struct weir_physical **ret)
{
    for (uint32_t i = 0; i < c->memo_count; i++) {
        if (c->memo[i].rel != rel) continue;
        *ret = c->memo[i].physical;
        return WEIR_OK;
    }
    if (c->planning->physical_id > 4 * WEIR_PLAN_NODES_MAX)
        return weir_error_set(c->planning->error, WEIR_E_SQL_VALIDATION,
            "the plan has more than %d operators", WEIR_PLAN_NODES_MAX);
    struct weir_physical **inputs =
        WEIR_ARENA_ARRAY(c->planning->arena, struct weir_physical *, rel->input_count + 1);
    for (uint32_t i = 0; i < rel->input_count; i++) {
        enum weir_error_code code = convert(c, rel->inputs[i], &inputs[i]);
        if (code) return code;
    }
    enum weir_error_code code = convert_one(c, rel, inputs, ret);
    if (!code) remember(c, rel, *ret);
    return code;
}

static void count_parents(struct converter *c, struct weir_rel *rel)
{
    if (weir_rel_map_get(&c->seen, rel)) {
        weir_rel_map_put(&c->parents, rel, rel);
        return;
    }
    weir_rel_map_put(&c->seen, rel, rel);
    for (uint32_t i = 0; i < rel->input_count; i++) count_parents(c, rel->inputs[i]);
}

enum weir_error_code weir_physical_convert(struct weir_planning *planning, struct weir_rel *const *roots,
    uint32_t root_count, struct weir_physical ***ret)
{
    struct converter c = { .planning = planning };
    weir_rel_map_init(&c.seen, planning->arena);
    weir_rel_map_init(&c.parents, planning->arena);
    for (uint32_t r = 0; r < root_count; r++) count_parents(&c, roots[r]);
    struct weir_physical **physical =
        WEIR_ARENA_ARRAY(planning->arena, struct weir_physical *, root_count + 1);
    for (uint32_t r = 0; r < root_count; r++) {
        enum weir_error_code code = convert(&c, roots[r], &physical[r]);
        if (code) return code;
    }
    *ret = physical;
    return WEIR_OK;
}
