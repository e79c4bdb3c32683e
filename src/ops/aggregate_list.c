/*
 * Aggregates that keep many values, in side tables keyed by the group's reference:
 *     ordered   MIN and MAX under retraction, PERCENTILE: each value once with a count, in a tree that hangs
 * on the group bag       COLLECT: each value once with a count, in a list list      LISTAGG, ARRAY_AGG;
 * FIRST_VALUE and LAST_VALUE under retraction: every value, in the order of arrival
 */
#include "ops/aggregates.h"
#include <math.h>

struct ordered_state { /* in the group's row */
    struct weir_row_tree tree;
    int64_t total;
};
struct ordered_entry { /* in the side row's payload */
    struct weir_row_node node;
    int64_t count;
};
struct bag_entry {
    struct weir_row_link link;
    int64_t count;
};

enum { CHUNK = 256 };

static bool is_named(const struct ops_aggregate *aggregate, const char *name)
{
    return strcmp(aggregate->call.function->name, name) == 0;
}

static struct weir_table *open_side(
    struct ops_aggregate *aggregate, uint32_t number, uint32_t payload_bytes, bool indexed)
{
    struct weir_operator_context *ctx = aggregate->set->ctx;
    const struct weir_type *types[2] = { &weir_type_bigint_not_null,
        weir_type_nullable(ctx->arena, aggregate->argument_type, true) };
    return weir_table_open(
        ctx->state, &(struct weir_table_options){ .name = weir_arena_format(ctx->arena, "values%u", number),
                        .types = indexed ? types : types + 1,
                        .key_count = indexed ? 2 : 0,
                        .column_count = indexed ? 2 : 1,
                        .payload_bytes = payload_bytes,
                        .indexed = indexed });
}

/* The entries whose argument is not NULL. */
static struct ops_aggregate_rows without_nulls(
    struct ops_aggregate *aggregate, const struct ops_aggregate_rows *in)
{
    struct ops_aggregate_rows to = ops_rows_narrow(aggregate->set, OPS_SCRATCH_SIDE, in);
    const struct weir_vector *v = &in->batch->columns[aggregate->call.arguments[0]];
    for (uint32_t i = 0; i < in->count; i++) {
        if (!weir_vector_is_null(v, in->at[i])) ops_rows_keep(aggregate->set, OPS_SCRATCH_SIDE, &to, in, i);
    }
    return to;
}

/* One value of a side row as a batch of one row, so that merging is accumulating. */
static struct weir_batch one_value(
    struct ops_aggregate *aggregate, struct weir_table *from, const uint8_t *row, uint32_t column)
{
    struct ops_aggregates *set = aggregate->set;
    weir_batch_reset(&set->scratch);
    struct weir_vector *v = &set->fake_columns[aggregate->call.arguments[0]];
    weir_vector_init(v, aggregate->argument_type, 1, &set->scratch.arena);
    weir_table_column_load(from, &row, 1, column, v, 0, &set->scratch.arena, &set->scratch.heap);
    return (struct weir_batch){
        .row_count = 1, .column_count = set->ctx->input_column_counts[0], .columns = set->fake_columns
    };
}

static struct weir_table *side_of(struct ops_aggregate *aggregate, struct weir_table *table)
{
    return weir_table_partition(aggregate->side_any, weir_table_partition_id(table), true);
}

static void copy_value_column(struct ops_aggregate *aggregate, struct weir_table *into_table, uint8_t *into,
    struct weir_table *from_table, const uint8_t *from)
{
    uint32_t c = aggregate->value_column;
    if (c == UINT32_MAX || weir_table_column_is_null(from_table, from, c)) return;
    struct weir_batch *scratch = &aggregate->set->scratch;
    weir_batch_reset(scratch);
    struct weir_vector v;
    weir_vector_init(&v, aggregate->value_type, 1, &scratch->arena);
    weir_table_column_load(from_table, &from, 1, c, &v, 0, &scratch->arena, &scratch->heap);
    weir_table_column_store(into_table, into, c, &v, 0);
}

/* --- ordered --- */

static int compare_values(const void *context, const uint8_t *a, const uint8_t *b)
{
    return weir_table_column_compare(context, a, b, 1, true);
}

static struct weir_tree_order order_of(const struct ops_aggregate *aggregate, struct weir_table *side)
{
    return (struct weir_tree_order){ .table = side,
        .node_offset = weir_table_payload_offset(side) + offsetof(struct ordered_entry, node),
        .compare = compare_values,
        .context = side };
}

static struct ordered_entry *ordered_entry(struct weir_table *side, const uint8_t *row)
{
    return (struct ordered_entry *)(row + weir_table_payload_offset(side));
}

static void ordered_attach(struct ops_aggregate *aggregate, uint32_t number)
{
    aggregate->side_any = aggregate->side = open_side(aggregate, number, sizeof(struct ordered_entry), true);
}

/* count of the value += by; the tree holds the values with a count above 0. */
static void ordered_count(
    struct ops_aggregate *aggregate, uint8_t *group_row, uint8_t *row, weir_row_ref ref, int64_t by)
{
    struct weir_table *side = aggregate->side;
    struct weir_tree_order order = order_of(aggregate, side);
    struct ordered_state *state = (struct ordered_state *)(group_row + aggregate->offset);
    struct ordered_entry *entry = ordered_entry(side, row);
    bool held = entry->count > 0;
    entry->count += by;
    state->total += by;
    if (!held && entry->count > 0) weir_row_tree_insert(&order, &state->tree, ref);
    if (held && entry->count <= 0) weir_row_tree_remove(&order, &state->tree, ref);
}

/* A percentage lies in [0, 1]. */
static enum weir_error_code check_percentages(
    const struct weir_vector *v, uint32_t row, struct weir_error *reterr)
{
    const struct weir_vector *flat;
    uint32_t at = weir_vector_locate(v, row, &flat), count = 1;
    if (weir_vector_is_null(v, row)) return WEIR_OK;
    const double *values = flat->data;
    if (flat->type->id == WEIR_TYPE_ARRAY) {
        struct weir_list list = ((const struct weir_list *)flat->data)[at];
        values = (const double *)flat->children[0].data;
        at = list.offset;
        count = list.length;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (values[at + i] >= 0 && values[at + i] <= 1) continue;
        return weir_error_set(reterr, WEIR_E_DATA,
            "PERCENTILE: the percentage must lie between 0.0 and 1.0, but was %g", values[at + i]);
    }
    return WEIR_OK;
}

static enum weir_error_code ordered_accumulate(
    struct ops_aggregate *aggregate, const struct ops_aggregate_rows *in, struct weir_error *reterr)
{
    struct ops_aggregates *set = aggregate->set;
    struct ops_aggregate_rows valid = without_nulls(aggregate, in);
    bool frequencies = aggregate->call.argument_count == 3;
    enum weir_error_code code =
        ops_side_upsert(set, aggregate->side, aggregate->call.arguments, 1, &valid, reterr);
    if (code) return code;
    for (uint32_t i = 0; i < valid.count; i++) {
        int64_t by = 1;
        if (frequencies) {
            const struct weir_vector *flat, *v = &in->batch->columns[aggregate->call.arguments[2]];
            uint32_t at = weir_vector_locate(v, valid.at[i], &flat);
            by = weir_vector_is_null(v, valid.at[i]) ? 0 : ((const int64_t *)flat->data)[at];
            if (by <= 0) by = 0; /* what is not positive counts for nothing, as in Flink */
        }
        if (aggregate->value_column != UINT32_MAX) {
            code = check_percentages(&in->batch->columns[aggregate->call.arguments[1]], valid.at[i], reterr);
            if (code) return code;
            weir_table_column_store(set->table, valid.rows[i], aggregate->value_column,
                &in->batch->columns[aggregate->call.arguments[1]], valid.at[i]);
        }
        ordered_count(aggregate, valid.rows[i], set->side_rows[i], set->side_refs[i],
            valid.retract && valid.retract[i] ? -by : by);
    }
    for (uint32_t i = 0; i < valid.count; i++) {
        weir_row_ref ref = set->side_refs[i];
        if (weir_table_is_live(aggregate->side, ref) &&
            ordered_entry(aggregate->side, set->side_rows[i])->count == 0) {
            weir_table_delete(aggregate->side, ref);
        }
    }
    return WEIR_OK;
}

static void extreme_finish(struct ops_aggregate *aggregate, const uint8_t *const *rows,
    const weir_row_ref *refs, uint32_t n, struct weir_vector *to, uint32_t at, struct weir_batch *owner)
{
    (void)refs;
    struct weir_tree_order order = order_of(aggregate, aggregate->side);
    const uint8_t *values[CHUNK];
    for (uint32_t first = 0; first < n; first += CHUNK) {
        uint32_t count = WEIR_MIN(n - first, (uint32_t)CHUNK);
        for (uint32_t i = 0; i < count; i++) {
            const struct ordered_state *state =
                (const struct ordered_state *)(rows[first + i] + aggregate->offset);
            weir_row_ref ref = aggregate->largest ? weir_row_tree_last(&order, &state->tree)
                                                  : weir_row_tree_first(&order, &state->tree);
            values[i] = ref ? weir_table_read(aggregate->side, ref) : NULL;
        }
        weir_table_column_load(
            aggregate->side, values, count, 1, to, at + first, &owner->arena, &owner->heap);
    }
}

static void ordered_clear(struct ops_aggregate *aggregate, uint8_t *row, weir_row_ref ref)
{
    (void)ref;
    struct weir_tree_order order = order_of(aggregate, aggregate->side);
    struct ordered_state *state = (struct ordered_state *)(row + aggregate->offset);
    while (state->tree.root) {
        weir_row_ref member = state->tree.root;
        weir_row_tree_remove(&order, &state->tree, member);
        weir_table_delete(aggregate->side, member);
    }
}

static void ordered_merge(struct ops_aggregate *aggregate, struct weir_table *into_table, uint8_t *into,
    weir_row_ref into_ref, struct weir_table *from_table, const uint8_t *from, weir_row_ref from_ref)
{
    (void)from_ref;
    struct ops_aggregates *set = aggregate->set;
    struct weir_table *from_side = side_of(aggregate, from_table);
    struct weir_tree_order order = order_of(aggregate, from_side);
    const struct ordered_state *state = (const struct ordered_state *)(from + aggregate->offset);
    copy_value_column(aggregate, into_table, into, from_table, from);
    for (weir_row_ref at = weir_row_tree_first(&order, &state->tree); at;
         at = weir_row_tree_next(&order, at)) {
        const uint8_t *value = weir_table_read(from_side, at);
        int64_t count = ordered_entry(from_side, value)->count;
        struct weir_batch batch = one_value(aggregate, from_side, value, 1);
        uint16_t zero = 0;
        struct ops_aggregate_rows one = {
            .count = 1, .rows = &into, .refs = &into_ref, .at = &zero, .batch = &batch
        };
        enum weir_error_code code =
            ops_side_upsert(set, aggregate->side, aggregate->call.arguments, 1, &one, NULL);
        WEIR_ASSERT(code == WEIR_OK);
        ordered_count(aggregate, into, set->side_rows[0], set->side_refs[0], count);
    }
}

static const struct ops_aggregate_kind extreme_kind = { .attach = ordered_attach,
    .accumulate = ordered_accumulate,
    .finish = extreme_finish,
    .merge = ordered_merge,
    .clear = ordered_clear };

/* The value at a position (0 = smallest) of the group's values, each counted as often as it came. */
static double value_at(struct ops_aggregate *aggregate, const struct ordered_state *state, int64_t position)
{
    struct weir_tree_order order = order_of(aggregate, aggregate->side);
    const uint8_t *row = NULL;
    for (weir_row_ref at = weir_row_tree_first(&order, &state->tree); at;
         at = weir_row_tree_next(&order, at)) {
        row = weir_table_read(aggregate->side, at);
        position -= ordered_entry(aggregate->side, row)->count;
        if (position < 0) break;
    }
    double value = 0;
    struct weir_vector v = {
        .type = aggregate->argument_type, .encoding = WEIR_ENCODING_FLAT, .capacity = 1, .data = &value
    };
    if (row) weir_table_column_load(aggregate->side, &row, 1, 1, &v, 0, &aggregate->set->scratch.arena, NULL);
    return value;
}

static double percentile(
    struct ops_aggregate *aggregate, const struct ordered_state *state, double percentage)
{
    double position = (double)(state->total - 1) * percentage, below = floor(position),
           above = ceil(position);
    double low = value_at(aggregate, state, (int64_t)below);
    if (below == above) return low;
    double high = value_at(aggregate, state, (int64_t)above);
    return (above - position) * low + (position - below) * high;
}

static void percentile_finish(struct ops_aggregate *aggregate, const uint8_t *const *rows,
    const weir_row_ref *refs, uint32_t n, struct weir_vector *to, uint32_t at, struct weir_batch *owner)
{
    (void)refs;
    for (uint32_t i = 0; i < n; i++) {
        const struct ordered_state *state = (const struct ordered_state *)(rows[i] + aggregate->offset);
        if (state->total <= 0 ||
            weir_table_column_is_null(aggregate->set->table, rows[i], aggregate->value_column)) {
            weir_vector_set_null(to, at + i, &owner->arena);
            continue;
        }
        struct weir_vector p;
        weir_vector_init(&p, aggregate->value_type, 1, &owner->arena);
        weir_table_column_load(
            aggregate->set->table, &rows[i], 1, aggregate->value_column, &p, 0, &owner->arena, &owner->heap);
        if (to->type->id != WEIR_TYPE_ARRAY) {
            ((double *)to->data)[at + i] = percentile(aggregate, state, ((const double *)p.data)[0]);
            continue;
        }
        struct weir_list list = ((const struct weir_list *)p.data)[0];
        weir_vector_reserve_children(to, list.length, &owner->arena);
        ((struct weir_list *)to->data)[at + i] = (struct weir_list){ to->child_rows, list.length };
        for (uint32_t k = 0; k < list.length; k++) {
            double percentage = ((const double *)p.children[0].data)[list.offset + k];
            ((double *)to->children[0].data)[to->child_rows++] = percentile(aggregate, state, percentage);
        }
    }
}

static const struct ops_aggregate_kind percentile_kind = { .attach = ordered_attach,
    .accumulate = ordered_accumulate,
    .finish = percentile_finish,
    .merge = ordered_merge,
    .clear = ordered_clear };

/* --- bag --- */

static struct bag_entry *bag_entry(struct weir_table *side, const uint8_t *row)
{
    return (struct bag_entry *)(row + weir_table_payload_offset(side));
}

static void bag_attach(struct ops_aggregate *aggregate, uint32_t number)
{
    aggregate->side_any = aggregate->side = open_side(aggregate, number, sizeof(struct bag_entry), true);
}

static void bag_count(struct ops_aggregate *aggregate, uint8_t *group_row, uint32_t i, int64_t by)
{
    struct ops_aggregates *set = aggregate->set;
    size_t link = weir_table_payload_offset(aggregate->side);
    if (set->side_states[i] == WEIR_ROW_NEW) {
        weir_row_list_append(aggregate->side, link, (struct weir_row_list *)(group_row + aggregate->offset),
            set->side_refs[i]);
    }
    bag_entry(aggregate->side, set->side_rows[i])->count += by;
}

static enum weir_error_code bag_accumulate(
    struct ops_aggregate *aggregate, const struct ops_aggregate_rows *in, struct weir_error *reterr)
{
    struct ops_aggregates *set = aggregate->set;
    struct ops_aggregate_rows valid = without_nulls(aggregate, in);
    size_t link = weir_table_payload_offset(aggregate->side);
    enum weir_error_code code =
        ops_side_upsert(set, aggregate->side, aggregate->call.arguments, 1, &valid, reterr);
    if (code) return code;
    for (uint32_t i = 0; i < valid.count; i++)
        bag_count(aggregate, valid.rows[i], i, valid.retract && valid.retract[i] ? -1 : 1);
    for (uint32_t i = 0; i < valid.count && valid.retract; i++) {
        weir_row_ref ref = set->side_refs[i];
        if (!weir_table_is_live(aggregate->side, ref) ||
            bag_entry(aggregate->side, set->side_rows[i])->count != 0)
            continue;
        weir_row_list_remove(
            aggregate->side, link, (struct weir_row_list *)(valid.rows[i] + aggregate->offset), ref);
        weir_table_delete(aggregate->side, ref);
    }
    return WEIR_OK;
}

static void bag_finish(struct ops_aggregate *aggregate, const uint8_t *const *rows, const weir_row_ref *refs,
    uint32_t n, struct weir_vector *to, uint32_t at, struct weir_batch *owner)
{
    (void)refs;
    for (uint32_t i = 0; i < n; i++) {
        const struct weir_row_list *list = (const struct weir_row_list *)(rows[i] + aggregate->offset);
        weir_vector_reserve_children(to, (uint32_t)list->count, &owner->arena);
        uint32_t offset = to->child_rows;
        for (weir_row_ref ref = list->first; ref;) {
            const uint8_t *row = weir_table_read(aggregate->side, ref);
            const struct bag_entry *entry = bag_entry(aggregate->side, row);
            if (entry->count > 0) {
                weir_table_column_load(aggregate->side, &row, 1, 1, &to->children[0], to->child_rows,
                    &owner->arena, &owner->heap);
                ((int32_t *)to->children[1].data)[to->child_rows++] = (int32_t)entry->count;
            }
            ref = entry->link.next;
        }
        ((struct weir_list *)to->data)[at + i] = (struct weir_list){ offset, to->child_rows - offset };
    }
}

static void list_clear(struct ops_aggregate *aggregate, uint8_t *row, weir_row_ref ref)
{
    (void)ref;
    struct weir_row_list *list = (struct weir_row_list *)(row + aggregate->offset);
    size_t link = weir_table_payload_offset(aggregate->side);
    for (weir_row_ref at = list->first; at;) {
        weir_row_ref next = weir_row_list_next(weir_table_read(aggregate->side, at), link);
        weir_table_delete(aggregate->side, at);
        at = next;
    }
    *list = (struct weir_row_list){ 0 };
}

static void bag_merge(struct ops_aggregate *aggregate, struct weir_table *into_table, uint8_t *into,
    weir_row_ref into_ref, struct weir_table *from_table, const uint8_t *from, weir_row_ref from_ref)
{
    struct weir_table *from_side = side_of(aggregate, from_table);
    const struct weir_row_list *list = (const struct weir_row_list *)(from + aggregate->offset);
    for (weir_row_ref ref = list->first; ref;) {
        const uint8_t *row = weir_table_read(from_side, ref);
        struct bag_entry entry = *bag_entry(from_side, row);
        struct weir_batch batch = one_value(aggregate, from_side, row, 1);
        uint16_t zero = 0;
        struct ops_aggregate_rows one = {
            .count = 1, .rows = &into, .refs = &into_ref, .at = &zero, .batch = &batch
        };
        enum weir_error_code code =
            ops_side_upsert(aggregate->set, aggregate->side, aggregate->call.arguments, 1, &one, NULL);
        WEIR_ASSERT(code == WEIR_OK);
        bag_count(aggregate, into, 0, entry.count);
        ref = entry.link.next;
    }
}

static const struct ops_aggregate_kind collect_kind = { .attach = bag_attach,
    .accumulate = bag_accumulate,
    .finish = bag_finish,
    .merge = bag_merge,
    .clear = list_clear };

/* --- list --- */

static void list_attach(struct ops_aggregate *aggregate, uint32_t number)
{
    aggregate->side_any = aggregate->side = open_side(aggregate, number, sizeof(struct weir_row_link), false);
}

static enum weir_error_code list_accumulate(
    struct ops_aggregate *aggregate, const struct ops_aggregate_rows *in, struct weir_error *reterr)
{
    (void)reterr;
    struct weir_table *side = aggregate->side;
    size_t link = weir_table_payload_offset(side);
    const struct weir_vector *v = &in->batch->columns[aggregate->call.arguments[0]];
    bool keeps_nulls = is_named(aggregate, "ARRAY_AGG") && !aggregate->call.ignore_nulls;
    for (uint32_t i = 0; i < in->count; i++) {
        if (!keeps_nulls && weir_vector_is_null(v, in->at[i])) continue;
        struct weir_row_list *list = (struct weir_row_list *)(in->rows[i] + aggregate->offset);
        if (in->retract && in->retract[i]) {
            weir_row_ref ref = list->first;
            while (ref && !weir_table_column_equal(side, weir_table_read(side, ref), 0, v, in->at[i])) {
                ref = weir_row_list_next(weir_table_read(side, ref), link);
            }
            if (!ref) continue;
            weir_row_list_remove(side, link, list, ref);
            weir_table_delete(side, ref);
            continue;
        }
        if (aggregate->value_column != UINT32_MAX) {
            weir_table_column_store(aggregate->set->table, in->rows[i], aggregate->value_column,
                &in->batch->columns[aggregate->call.arguments[1]], in->at[i]);
        }
        weir_row_ref ref;
        uint8_t *row = weir_table_insert(side, weir_row_key_group(in->refs[i]), 0, &ref);
        weir_table_column_store(side, row, 0, v, in->at[i]);
        weir_row_list_append(side, link, list, ref);
    }
    return WEIR_OK;
}

static void list_merge(struct ops_aggregate *aggregate, struct weir_table *into_table, uint8_t *into,
    weir_row_ref into_ref, struct weir_table *from_table, const uint8_t *from, weir_row_ref from_ref)
{
    struct weir_table *from_side = side_of(aggregate, from_table);
    size_t link = weir_table_payload_offset(from_side);
    struct weir_row_list *list = (struct weir_row_list *)(into + aggregate->offset);
    copy_value_column(aggregate, into_table, into, from_table, from);
    for (weir_row_ref at = ((const struct weir_row_list *)(from + aggregate->offset))->first; at;) {
        const uint8_t *row = weir_table_read(from_side, at);
        weir_row_ref next = weir_row_list_next(row, link), ref;
        struct weir_batch batch = one_value(aggregate, from_side, row, 0);
        uint8_t *copy = weir_table_insert(aggregate->side, weir_row_key_group(into_ref), 0, &ref);
        weir_table_column_store(aggregate->side, copy, 0, &batch.columns[aggregate->call.arguments[0]], 0);
        weir_row_list_append(aggregate->side, link, list, ref);
        at = next;
    }
}

static void ends_finish(struct ops_aggregate *aggregate, const uint8_t *const *rows, const weir_row_ref *refs,
    uint32_t n, struct weir_vector *to, uint32_t at, struct weir_batch *owner)
{
    (void)refs;
    for (uint32_t i = 0; i < n; i++) {
        const struct weir_row_list *list = (const struct weir_row_list *)(rows[i] + aggregate->offset);
        weir_row_ref ref = aggregate->largest ? list->last : list->first;
        const uint8_t *row = ref ? weir_table_read(aggregate->side, ref) : NULL;
        weir_table_column_load(aggregate->side, &row, 1, 0, to, at + i, &owner->arena, &owner->heap);
    }
}

static void array_finish(struct ops_aggregate *aggregate, const uint8_t *const *rows,
    const weir_row_ref *refs, uint32_t n, struct weir_vector *to, uint32_t at, struct weir_batch *owner)
{
    (void)refs;
    size_t link = weir_table_payload_offset(aggregate->side);
    for (uint32_t i = 0; i < n; i++) {
        const struct weir_row_list *list = (const struct weir_row_list *)(rows[i] + aggregate->offset);
        if (list->count == 0) {
            weir_vector_set_null(to, at + i, &owner->arena);
            continue;
        }
        weir_vector_reserve_children(to, (uint32_t)list->count, &owner->arena);
        ((struct weir_list *)to->data)[at + i] = (struct weir_list){ to->child_rows, (uint32_t)list->count };
        for (weir_row_ref ref = list->first; ref;) {
            const uint8_t *row = weir_table_read(aggregate->side, ref);
            weir_table_column_load(
                aggregate->side, &row, 1, 0, &to->children[0], to->child_rows++, &owner->arena, &owner->heap);
            ref = weir_row_list_next(row, link);
        }
    }
}

static struct weir_string separator_of(
    struct ops_aggregate *aggregate, const uint8_t *row, struct weir_batch *owner)
{
    struct weir_string separator = weir_string_view(",", 1);
    if (aggregate->value_column == UINT32_MAX ||
        weir_table_column_is_null(aggregate->set->table, row, aggregate->value_column))
        return separator;
    struct weir_vector v = {
        .type = &weir_type_string, .encoding = WEIR_ENCODING_FLAT, .capacity = 1, .data = &separator
    };
    weir_table_column_load(
        aggregate->set->table, &row, 1, aggregate->value_column, &v, 0, &owner->arena, NULL);
    return separator;
}

static struct weir_string string_of(
    struct ops_aggregate *aggregate, const uint8_t *row, struct weir_batch *owner)
{
    struct weir_string value;
    struct weir_vector v = {
        .type = &weir_type_string, .encoding = WEIR_ENCODING_FLAT, .capacity = 1, .data = &value
    };
    weir_table_column_load(aggregate->side, &row, 1, 0, &v, 0, &owner->arena, NULL);
    return value;
}

static void listagg_finish(struct ops_aggregate *aggregate, const uint8_t *const *rows,
    const weir_row_ref *refs, uint32_t n, struct weir_vector *to, uint32_t at, struct weir_batch *owner)
{
    (void)refs;
    size_t link = weir_table_payload_offset(aggregate->side);
    for (uint32_t i = 0; i < n; i++) {
        const struct weir_row_list *list = (const struct weir_row_list *)(rows[i] + aggregate->offset);
        if (list->count == 0) {
            weir_vector_set_null(to, at + i, &owner->arena);
            continue;
        }
        struct weir_string separator = separator_of(aggregate, rows[i], owner);
        size_t length = (size_t)separator.length * (list->count - 1);
        for (weir_row_ref ref = list->first; ref;
             ref = weir_row_list_next(weir_table_read(aggregate->side, ref), link)) {
            length += string_of(aggregate, weir_table_read(aggregate->side, ref), owner).length;
        }
        char *bytes = weir_heap_writer_allocate(&owner->heap, length), *end = bytes;
        for (weir_row_ref ref = list->first; ref;
             ref = weir_row_list_next(weir_table_read(aggregate->side, ref), link)) {
            struct weir_string value = string_of(aggregate, weir_table_read(aggregate->side, ref), owner);
            if (end != bytes || ref != list->first) {
                memcpy(end, weir_string_data(&separator), separator.length);
                end += separator.length;
            }
            memcpy(end, weir_string_data(&value), value.length);
            end += value.length;
        }
        ((struct weir_string *)to->data)[at + i] = weir_string_view(bytes, (uint32_t)length);
    }
}

static const struct ops_aggregate_kind ends_kind = { .attach = list_attach,
    .accumulate = list_accumulate,
    .finish = ends_finish,
    .merge = list_merge,
    .clear = list_clear };
static const struct ops_aggregate_kind array_kind = { .attach = list_attach,
    .accumulate = list_accumulate,
    .finish = array_finish,
    .merge = list_merge,
    .clear = list_clear };
static const struct ops_aggregate_kind listagg_kind = { .attach = list_attach,
    .accumulate = list_accumulate,
    .finish = listagg_finish,
    .merge = list_merge,
    .clear = list_clear };

const struct ops_aggregate_kind *ops_aggregate_list(struct ops_aggregate *aggregate)
{
    if (!aggregate->argument_type) return NULL;
    aggregate->bytes = sizeof(struct weir_row_list);
    if (is_named(aggregate, "COLLECT")) return &collect_kind;
    if (is_named(aggregate, "ARRAY_AGG")) return &array_kind;
    if (is_named(aggregate, "FIRST_VALUE") || is_named(aggregate, "LAST_VALUE")) return &ends_kind;
    if (is_named(aggregate, "LISTAGG")) {
        if (aggregate->call.argument_count == 2) {
            aggregate->value_column = 0; /* asked for: the separator */
            aggregate->value_type = aggregate->set->ctx->input_types[0][aggregate->call.arguments[1]];
        }
        return &listagg_kind;
    }
    aggregate->bytes = sizeof(struct ordered_state);
    if (is_named(aggregate, "MIN") || is_named(aggregate, "MAX")) return &extreme_kind;
    if (is_named(aggregate, "PERCENTILE")) {
        aggregate->value_column = 0; /* asked for: the percentage */
        aggregate->value_type = aggregate->set->ctx->input_types[0][aggregate->call.arguments[1]];
        return &percentile_kind;
    }
    return NULL;
}
