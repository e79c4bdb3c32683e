/* Aggregates that keep one value of any type, in a column of the state row: MIN, MAX, FIRST_VALUE,
 * LAST_VALUE, SINGLE_VALUE. */
#include "ops/aggregates.h"

static bool is_named(const struct ops_aggregate *aggregate, const char *name)
{
    return strcmp(aggregate->call.function->name, name) == 0;
}

static enum weir_error_code value_accumulate(
    struct ops_aggregate *aggregate, const struct ops_aggregate_rows *in, struct weir_error *reterr)
{
    struct weir_table *table = aggregate->set->table;
    const struct weir_vector *v = &in->batch->columns[aggregate->call.arguments[0]];
    uint32_t c = aggregate->value_column;
    bool first = is_named(aggregate, "FIRST_VALUE"), last = is_named(aggregate, "LAST_VALUE"),
         single = is_named(aggregate, "SINGLE_VALUE");
    for (uint32_t i = 0; i < in->count; i++) {
        uint8_t *row = in->rows[i];
        if (single) {
            int64_t *count = (int64_t *)(row + aggregate->offset);
            *count += in->retract && in->retract[i] ? -1 : 1;
            if (*count > 1)
                return weir_error_set(
                    reterr, WEIR_E_DATA, "SingleValueAggFunction received more than one element.");
            if (in->retract && in->retract[i])
                weir_table_column_set_null(table, row, c);
            else
                weir_table_column_store(table, row, c, v, in->at[i]);
            continue;
        }
        if (weir_vector_is_null(v, in->at[i])) continue;
        bool empty = weir_table_column_is_null(table, row, c);
        bool take = empty || last;
        if (!take && !first) {
            int order = weir_table_column_compare_vector(table, row, c, v, in->at[i], true);
            take = aggregate->largest ? order < 0 : order > 0;
        }
        if (take) weir_table_column_store(table, row, c, v, in->at[i]);
    }
    return WEIR_OK;
}

static void value_finish(struct ops_aggregate *aggregate, const uint8_t *const *rows,
    const weir_row_ref *refs, uint32_t n, struct weir_vector *to, uint32_t at, struct weir_batch *owner)
{
    (void)refs;
    weir_table_column_load(
        aggregate->set->table, rows, n, aggregate->value_column, to, at, &owner->arena, &owner->heap);
}

static void value_merge(struct ops_aggregate *aggregate, struct weir_table *into_table, uint8_t *into,
    weir_row_ref into_ref, struct weir_table *from_table, const uint8_t *from, weir_row_ref from_ref)
{
    uint32_t c = aggregate->value_column;
    if (weir_table_column_is_null(from_table, from, c)) return;
    struct weir_batch *scratch = &aggregate->set->scratch;
    weir_batch_reset(scratch);
    struct weir_vector value;
    weir_vector_init(&value, aggregate->argument_type, 1, &scratch->arena);
    weir_table_column_load(from_table, &from, 1, c, &value, 0, &scratch->arena, &scratch->heap);
    bool take = weir_table_column_is_null(into_table, into, c) || is_named(aggregate, "LAST_VALUE");
    if (!take && !is_named(aggregate, "FIRST_VALUE")) {
        int order = weir_table_column_compare_vector(into_table, into, c, &value, 0, true);
        take = aggregate->largest ? order < 0 : order > 0;
    }
    if (take) weir_table_column_store(into_table, into, c, &value, 0);
}

static const struct ops_aggregate_kind value_kind = {
    .accumulate = value_accumulate, .finish = value_finish, .merge = value_merge
};

const struct ops_aggregate_kind *ops_aggregate_value(struct ops_aggregate *aggregate)
{
    bool extreme = is_named(aggregate, "MIN") || is_named(aggregate, "MAX");
    bool ends = is_named(aggregate, "FIRST_VALUE") || is_named(aggregate, "LAST_VALUE");
    bool single = is_named(aggregate, "SINGLE_VALUE");
    if (!aggregate->argument_type || (aggregate->set->retract && !single) || !(extreme || ends || single))
        return NULL;
    aggregate->bytes = single ? sizeof(int64_t) : 0;
    aggregate->value_column = 0; /* asked for: the set numbers it */
    return &value_kind;
}
