/* A set of aggregate calls over the rows of one table: filters, distinct sets, and the way to the kinds. */
#include "ops/aggregates.h"

/* --- making --- */

static struct ops_distinct *find_distinct(struct ops_aggregates *set, const struct weir_aggregate_call *call)
{
    for (struct ops_distinct *d = set->distincts; d; d = d->next) {
        if (d->argument_count == call->argument_count &&
            memcmp(d->arguments, call->arguments, call->argument_count * sizeof(uint32_t)) == 0)
            return d;
    }
    struct ops_distinct *d = WEIR_ARENA_NEW(set->ctx->arena, struct ops_distinct);
    d->argument_count = call->argument_count;
    memcpy(d->arguments, call->arguments, sizeof d->arguments);
    d->next = set->distincts;
    set->distincts = d;
    return d;
}

static bool ignores_duplicates(const char *name)
{
    return strcmp(name, "MIN") == 0 || strcmp(name, "MAX") == 0;
}

static enum weir_error_code compile_call(struct ops_aggregates *set, struct ops_aggregate *aggregate)
{
    struct weir_operator_context *ctx = set->ctx;
    struct weir_aggregate_call *call = &aggregate->call;
    for (uint32_t a = 0; a < call->argument_count; a++) {
        if (call->arguments[a] >= ctx->input_column_counts[0]) {
            return weir_error_set(ctx->error, WEIR_E_FORMAT,
                "%s: an argument of %s names column %u of an input of %u columns", ctx->task_name,
                call->function->name, call->arguments[a], ctx->input_column_counts[0]);
        }
    }
    aggregate->set = set;
    aggregate->argument_type = call->argument_count ? ctx->input_types[0][call->arguments[0]] : NULL;
    aggregate->value_column = UINT32_MAX;
    aggregate->value_type = aggregate->argument_type;
    const char *name = call->function->name;
    aggregate->averages = strcmp(name, "AVG") == 0;
    aggregate->zeroes = strcmp(name, "$SUM0") == 0;
    aggregate->largest = strcmp(name, "MAX") == 0 || strcmp(name, "LAST_VALUE") == 0;
    if (strcmp(name, "APPROX_COUNT_DISTINCT") == 0) call->distinct = true;
    if (call->distinct && call->argument_count && !ignores_duplicates(name)) {
        aggregate->distinct = find_distinct(set, call);
        aggregate->distinct_index = aggregate->distinct->user_count++;
    }
    aggregate->kind = ops_aggregate_word(aggregate);
    if (!aggregate->kind) aggregate->kind = ops_aggregate_numeric(aggregate);
    if (!aggregate->kind) aggregate->kind = ops_aggregate_value(aggregate);
    if (!aggregate->kind) aggregate->kind = ops_aggregate_list(aggregate);
    if (!aggregate->kind) {
        return weir_error_set(ctx->error, WEIR_E_UNSUPPORTED,
            "aggregate function %s over %s%s is not implemented", name,
            aggregate->argument_type ? weir_type_text(ctx->arena, aggregate->argument_type) : "no argument",
            set->retract ? " with retractions" : "");
    }
    return WEIR_OK;
}

static void make_scratch(struct ops_aggregates *set)
{
    struct weir_arena *arena = set->ctx->arena;
    for (int level = 0; level < OPS_SCRATCHES; level++) {
        set->scratch_rows[level] = WEIR_ARENA_ARRAY(arena, uint8_t *, WEIR_BATCH_ROWS_MAX);
        set->scratch_refs[level] = WEIR_ARENA_ARRAY(arena, weir_row_ref, WEIR_BATCH_ROWS_MAX);
        set->scratch_at[level] = WEIR_ARENA_ARRAY(arena, uint16_t, WEIR_BATCH_ROWS_MAX);
        set->scratch_retract[level] = WEIR_ARENA_ARRAY(arena, uint8_t, WEIR_BATCH_ROWS_MAX);
    }
    set->scratch_hashes = WEIR_ARENA_ARRAY(arena, uint64_t, WEIR_BATCH_ROWS_MAX);
    set->scratch_groups = WEIR_ARENA_ARRAY(arena, uint16_t, WEIR_BATCH_ROWS_MAX);
    set->side_rows = WEIR_ARENA_ARRAY(arena, uint8_t *, WEIR_BATCH_ROWS_MAX);
    set->side_refs = WEIR_ARENA_ARRAY(arena, weir_row_ref, WEIR_BATCH_ROWS_MAX);
    set->side_states = WEIR_ARENA_ARRAY(arena, uint8_t, WEIR_BATCH_ROWS_MAX);
    weir_vector_init(&set->owner_vector, &weir_type_bigint_not_null, WEIR_BATCH_ROWS_MAX, arena);
    weir_batch_init(&set->scratch, NULL, 0, set->ctx->memory);
    set->fake_columns =
        WEIR_ARENA_ARRAY(arena, struct weir_vector, WEIR_MAX(1u, set->ctx->input_column_counts[0]));
}

enum weir_error_code ops_aggregates_init(struct ops_aggregates *set, struct weir_operator_context *ctx,
    const struct weir_type *const *key_types, uint32_t key_count, bool retract)
{
    *set =
        (struct ops_aggregates){ .ctx = ctx, .retract = retract, .key_count = key_count, .deletable = true };
    const struct weir_spec *list = weir_spec_get(ctx->spec, "aggregates");
    set->count = list ? list->count : 0;
    set->items = WEIR_ARENA_ARRAY(ctx->arena, struct ops_aggregate, WEIR_MAX(1u, set->count));
    set->result_types = WEIR_ARENA_ARRAY(ctx->arena, const struct weir_type *, WEIR_MAX(1u, set->count));
    set->types = WEIR_ARENA_ARRAY(ctx->arena, const struct weir_type *, key_count + set->count + 1);
    for (uint32_t i = 0; i < key_count; i++) set->types[i] = key_types[i];
    set->column_count = key_count;
    set->payload_bytes = sizeof(struct ops_group);
    set->steps = !retract;
    for (uint32_t i = 0; i < set->count; i++) {
        struct ops_aggregate *aggregate = &set->items[i];
        enum weir_error_code code =
            weir_aggregate_call_from_spec(list->items[i], ctx->arena, &aggregate->call, ctx->error);
        if (!code) code = compile_call(set, aggregate);
        if (code) return code;
        set->result_types[i] = aggregate->call.type;
        if (aggregate->value_column != UINT32_MAX) {
            aggregate->value_column = set->column_count;
            set->types[set->column_count++] = weir_type_nullable(ctx->arena, aggregate->value_type, true);
        }
        aggregate->offset = set->payload_bytes;
        if (aggregate->in_group) aggregate->offset = 0;
        set->payload_bytes += (aggregate->bytes + 7) & ~7u;
        set->steps =
            set->steps && aggregate->kind->step && !aggregate->distinct && aggregate->call.filter < 0;
        set->counts_rows = set->counts_rows || ops_aggregate_counts_rows(aggregate);
    }
    for (struct ops_distinct *d = set->distincts; d; d = d->next) {
        d->list_offset = set->payload_bytes;
        set->payload_bytes += sizeof(struct weir_row_list);
    }
    make_scratch(set);
    return WEIR_OK;
}

void ops_aggregates_done(struct ops_aggregates *set)
{
    weir_batch_done(&set->scratch);
}

static struct weir_table *open_distinct(
    struct ops_aggregates *set, const struct ops_distinct *d, uint32_t number)
{
    const struct weir_type *types[5] = { &weir_type_bigint_not_null };
    for (uint32_t a = 0; a < d->argument_count; a++) types[1 + a] = set->ctx->input_types[0][d->arguments[a]];
    return weir_table_open(set->ctx->state,
        &(struct weir_table_options){
            .name = weir_arena_format(set->ctx->arena, "distinct%u", number),
            .types = types,
            .key_count = 1 + d->argument_count,
            .column_count = 1 + d->argument_count,
            .payload_bytes = (uint32_t)(sizeof(struct weir_row_link) + d->user_count * sizeof(int64_t)),
            .indexed = true,
        });
}

uint64_t ops_aggregates_meaning(const struct ops_aggregates *set)
{
    uint64_t meaning = 1469598103934665603ull;
    for (uint32_t i = 0; i < set->count; i++) {
        const struct weir_aggregate_call *call = &set->items[i].call;
        for (const char *at = call->function->name; *at; at++)
            meaning = (meaning ^ (uint8_t)*at) * 1099511628211ull;
        meaning = (meaning ^ ((uint64_t)call->distinct << 8 | (uint64_t)(call->filter >= 0) << 9)) *
                  1099511628211ull;
    }
    return meaning;
}

void ops_aggregates_attach(struct ops_aggregates *set, struct weir_table *table)
{
    uint32_t payload = (uint32_t)weir_table_payload_offset(table);
    uint32_t number = 0;
    for (uint32_t i = 0; i < set->count; i++) {
        set->items[i].offset += payload;
        set->items[i].flags_offset = payload + (uint32_t)offsetof(struct ops_group, flags);
    }
    for (uint32_t i = 0; i < set->count; i++) {
        if (set->items[i].kind->attach) set->items[i].kind->attach(&set->items[i], i);
    }
    for (struct ops_distinct *d = set->distincts; d; d = d->next) {
        d->list_offset += payload;
        d->any = d->table = open_distinct(set, d, number++);
    }
    set->table = table;
}

void ops_aggregates_select(struct ops_aggregates *set, struct weir_table *table)
{
    if (set->table == table) return;
    set->table = table;
    int64_t partition = weir_table_partition_id(table);
    for (struct ops_distinct *d = set->distincts; d; d = d->next)
        d->table = weir_table_partition(d->any, partition, true);
    for (uint32_t i = 0; i < set->count; i++) {
        if (set->items[i].side_any)
            set->items[i].side = weir_table_partition(set->items[i].side_any, partition, true);
    }
}

void ops_aggregates_drop(struct ops_aggregates *set, int64_t partition)
{
    for (struct ops_distinct *d = set->distincts; d; d = d->next) {
        struct weir_table *table = weir_table_partition(d->any, partition, false);
        if (table) weir_table_partition_drop(table);
    }
    for (uint32_t i = 0; i < set->count; i++) {
        if (!set->items[i].side_any) continue;
        struct weir_table *table = weir_table_partition(set->items[i].side_any, partition, false);
        if (table) weir_table_partition_drop(table);
    }
    set->table = NULL; /* what was selected may be gone */
}

/* --- accumulating --- */

struct ops_aggregate_rows ops_rows_narrow(
    struct ops_aggregates *set, int level, const struct ops_aggregate_rows *in)
{
    return (struct ops_aggregate_rows){ .rows = set->scratch_rows[level],
        .refs = set->scratch_refs[level],
        .at = set->scratch_at[level],
        .retract = in->retract ? set->scratch_retract[level] : NULL,
        .batch = in->batch };
}

void ops_rows_keep(struct ops_aggregates *set, int level, struct ops_aggregate_rows *to,
    const struct ops_aggregate_rows *in, uint32_t i)
{
    uint32_t n = to->count++;
    set->scratch_rows[level][n] = in->rows[i];
    set->scratch_refs[level][n] = in->refs[i];
    set->scratch_at[level][n] = in->at[i];
    if (in->retract) set->scratch_retract[level][n] = in->retract[i];
}

/* Every row is written behind those kept and counted if it is one of them: whether a row passes is as good as
 * random, a branch would be guessed wrong. */
static void keep_true(struct ops_aggregates *set, const uint8_t *data, const struct ops_aggregate_rows *in,
    struct ops_aggregate_rows *to)
{
    const struct ops_aggregate_rows from = *in;
    uint8_t **rows = set->scratch_rows[OPS_SCRATCH_FILTER];
    weir_row_ref *refs = set->scratch_refs[OPS_SCRATCH_FILTER];
    uint16_t *at = set->scratch_at[OPS_SCRATCH_FILTER];
    uint8_t *retract = set->scratch_retract[OPS_SCRATCH_FILTER];
    uint32_t n = 0;
    for (uint32_t i = 0; i < from.count; i++) {
        uint16_t row = from.at[i];
        rows[n] = from.rows[i];
        refs[n] = from.refs[i];
        at[n] = row;
        if (from.retract) retract[n] = from.retract[i];
        n += data[row] != 0;
    }
    to->count = n;
}

static struct ops_aggregate_rows apply_filter(
    struct ops_aggregates *set, uint32_t column, const struct ops_aggregate_rows *in)
{
    struct ops_aggregate_rows to = ops_rows_narrow(set, OPS_SCRATCH_FILTER, in);
    const struct weir_vector *v = &in->batch->columns[column];
    if (v->encoding == WEIR_ENCODING_FLAT && !v->validity && v->type->id != WEIR_TYPE_NULL) {
        keep_true(set, v->data, in, &to);
        return to;
    }
    for (uint32_t i = 0; i < in->count; i++) {
        const struct weir_vector *flat;
        uint32_t at = weir_vector_locate(v, in->at[i], &flat);
        if (flat->type->id == WEIR_TYPE_NULL || (flat->validity && !weir_bit_get(flat->validity, at)))
            continue;
        if (((const uint8_t *)flat->data)[at]) ops_rows_keep(set, OPS_SCRATCH_FILTER, &to, in, i);
    }
    return to;
}

enum weir_error_code ops_side_upsert(struct ops_aggregates *set, struct weir_table *side,
    const uint32_t *arguments, uint32_t argument_count, const struct ops_aggregate_rows *in,
    struct weir_error *reterr)
{
    const struct weir_vector *columns[1 + OPS_ARGUMENTS_MAX] = { &set->owner_vector };
    for (uint32_t a = 0; a < argument_count; a++) {
        columns[1 + a] = &in->batch->columns[arguments[a]];
        weir_vector_hash(columns[1 + a], in->at, in->count, set->scratch_hashes, a > 0);
    }
    for (uint32_t i = 0; i < in->count; i++) {
        ((uint64_t *)set->owner_vector.data)[in->at[i]] = in->refs[i];
        set->scratch_hashes[i] = ops_mix(set->scratch_hashes[i] ^ ops_mix(in->refs[i]));
        set->scratch_groups[i] = (uint16_t)weir_row_key_group(in->refs[i]);
    }
    struct weir_table_keys keys = { .count = in->count,
        .rows = in->at,
        .columns = columns,
        .hashes = set->scratch_hashes,
        .key_groups = set->scratch_groups };
    return weir_table_upsert(side, &keys, set->side_rows, set->side_refs, set->side_states, reterr);
}

struct distinct_entry {
    struct weir_row_link link;
    int64_t counts[];
};

static struct distinct_entry *entry_of(const struct ops_distinct *d, uint8_t *row)
{
    return (struct distinct_entry *)(row + weir_table_payload_offset(d->table));
}

static void link_entry(const struct ops_distinct *d, uint8_t *group_row, weir_row_ref entry)
{
    weir_row_list_append(d->table, weir_table_payload_offset(d->table),
        (struct weir_row_list *)(group_row + d->list_offset), entry);
}

static bool is_unused(const struct ops_distinct *d, const struct distinct_entry *entry)
{
    for (uint32_t u = 0; u < d->user_count; u++) {
        if (entry->counts[u]) return false;
    }
    return true;
}

/* The rows whose argument values are NULL are left out, those of the others that change a value's presence
 * are kept. */
static enum weir_error_code apply_distinct(struct ops_aggregate *aggregate,
    const struct ops_aggregate_rows *in, struct ops_aggregate_rows *ret, struct weir_error *reterr)
{
    struct ops_aggregates *set = aggregate->set;
    struct ops_distinct *d = aggregate->distinct;
    struct ops_aggregate_rows valid = ops_rows_narrow(set, OPS_SCRATCH_DISTINCT, in);
    const struct weir_vector *columns[5] = { &set->owner_vector };
    for (uint32_t a = 0; a < d->argument_count; a++) columns[1 + a] = &in->batch->columns[d->arguments[a]];
    for (uint32_t i = 0; i < in->count; i++) {
        bool null = false;
        for (uint32_t a = 0; a < d->argument_count && !null; a++)
            null = weir_vector_is_null(columns[1 + a], in->at[i]);
        if (null) continue;
        ((uint64_t *)set->owner_vector.data)[in->at[i]] = in->refs[i];
        ops_rows_keep(set, OPS_SCRATCH_DISTINCT, &valid, in, i);
    }
    enum weir_error_code code =
        ops_side_upsert(set, d->table, d->arguments, d->argument_count, &valid, reterr);
    if (code) return code;
    *ret = ops_rows_narrow(set, OPS_SCRATCH_DISTINCT, in); /* narrowed in place: entries move down only */
    bool unused = false;
    for (uint32_t i = 0; i < valid.count; i++) {
        struct distinct_entry *entry = entry_of(d, set->side_rows[i]);
        if (set->side_states[i] == WEIR_ROW_NEW) link_entry(d, valid.rows[i], set->side_refs[i]);
        int64_t *count = &entry->counts[aggregate->distinct_index];
        bool retract = valid.retract && valid.retract[i];
        if (retract ? *count == 1 : *count == 0) ops_rows_keep(set, OPS_SCRATCH_DISTINCT, ret, &valid, i);
        if (!retract)
            ++*count;
        else if (*count > 0)
            --*count;
        unused = unused || *count == 0;
        set->scratch_hashes[i] = valid.refs[i]; /* the owner, for below */
    }
    for (uint32_t i = 0; unused && i < valid.count; i++) {
        weir_row_ref ref = set->side_refs[i];
        if (!weir_table_is_live(d->table, ref) || !is_unused(d, entry_of(d, set->side_rows[i]))) continue;
        uint8_t *group_row = weir_table_write(set->table, set->scratch_hashes[i]);
        weir_row_list_remove(d->table, weir_table_payload_offset(d->table),
            (struct weir_row_list *)(group_row + d->list_offset), ref);
        weir_table_delete(d->table, ref);
    }
    return WEIR_OK;
}

enum weir_error_code ops_aggregates_accumulate(
    struct ops_aggregates *set, const struct ops_aggregate_rows *in, struct weir_error *reterr)
{
    int32_t filtered_by = -1; /* calls with the same filter share the narrowing */
    struct ops_aggregate_rows filtered;
    for (uint32_t i = 0; i < set->count; i++) {
        struct ops_aggregate *aggregate = &set->items[i];
        const struct ops_aggregate_rows *rows = in;
        if (aggregate->call.filter >= 0) {
            if (filtered_by != aggregate->call.filter)
                filtered = apply_filter(set, (uint32_t)aggregate->call.filter, in);
            filtered_by = aggregate->call.filter;
            rows = &filtered;
        }
        struct ops_aggregate_rows distinct;
        if (aggregate->distinct) {
            enum weir_error_code code = apply_distinct(aggregate, rows, &distinct, reterr);
            if (code) return code;
            rows = &distinct;
        }
        if (rows->count == 0) continue;
        enum weir_error_code code = aggregate->kind->accumulate(aggregate, rows, reterr);
        if (code) return code;
    }
    return WEIR_OK;
}

void ops_aggregates_step(struct ops_aggregates *set, const struct ops_aggregate_rows *in, uint32_t first,
    const struct ops_aggregate_step *to)
{
    WEIR_ASSERT(set->steps && in->count <= OPS_STEP_ROWS_MAX);
    struct ops_aggregate_step each = *to;
    for (uint32_t i = 0; i < set->count; i++) {
        each.column = &to->owner->columns[first + i];
        set->items[i].kind->step(&set->items[i], in, &each);
    }
}

void ops_aggregates_finish(struct ops_aggregates *set, const uint8_t *const *rows, const weir_row_ref *refs,
    uint32_t n, struct weir_batch *to, uint32_t first, uint32_t at)
{
    for (uint32_t i = 0; i < set->count; i++)
        set->items[i].kind->finish(&set->items[i], rows, refs, n, &to->columns[first + i], at, to);
}

void ops_aggregates_clear(struct ops_aggregates *set, uint8_t *row, weir_row_ref ref)
{
    for (struct ops_distinct *d = set->distincts; d; d = d->next) {
        struct weir_row_list *list = (struct weir_row_list *)(row + d->list_offset);
        size_t link = weir_table_payload_offset(d->table);
        for (weir_row_ref at = list->first; at;) {
            weir_row_ref next = weir_row_list_next(weir_table_read(d->table, at), link);
            weir_table_delete(d->table, at);
            at = next;
        }
        *list = (struct weir_row_list){ 0 };
    }
    for (uint32_t i = 0; i < set->count; i++) {
        struct ops_aggregate *aggregate = &set->items[i];
        if (aggregate->kind->clear) aggregate->kind->clear(aggregate, row, ref);
        if (aggregate->value_column != UINT32_MAX)
            weir_table_column_set_null(set->table, row, aggregate->value_column);
        memset(row + aggregate->offset, 0, aggregate->bytes);
        if (aggregate->flag) *(uint32_t *)(row + aggregate->flags_offset) &= ~aggregate->flag;
    }
}

/* --- merging (slices, sessions): `into` is in the selected partition or table --- */

static void merge_distinct(struct ops_aggregates *set, struct ops_distinct *d, uint8_t *into,
    weir_row_ref into_ref, struct weir_table *from_entries, const uint8_t *from)
{
    size_t payload = weir_table_payload_offset(from_entries);
    const struct weir_row_list *list = (const struct weir_row_list *)(from + d->list_offset);
    for (weir_row_ref at = list->first; at;) {
        const uint8_t *entry_row = weir_table_read(from_entries, at);
        const struct distinct_entry *entry = (const struct distinct_entry *)(entry_row + payload);
        weir_batch_reset(&set->scratch);
        const struct weir_vector *columns[5] = { &set->owner_vector };
        ((uint64_t *)set->owner_vector.data)[0] = into_ref;
        uint64_t hash = 0;
        for (uint32_t a = 0; a < d->argument_count; a++) {
            struct weir_vector *v = &set->fake_columns[d->arguments[a]];
            weir_vector_init(v, set->ctx->input_types[0][d->arguments[a]], 1, &set->scratch.arena);
            weir_table_column_load(
                from_entries, &entry_row, 1, 1 + a, v, 0, &set->scratch.arena, &set->scratch.heap);
            weir_vector_hash(v, NULL, 1, &hash, a > 0);
            columns[1 + a] = v;
        }
        hash = ops_mix(hash ^ ops_mix(into_ref));
        uint16_t group = (uint16_t)weir_row_key_group(into_ref), zero = 0;
        uint8_t *row, state;
        weir_row_ref ref;
        struct weir_table_keys keys = {
            .count = 1, .rows = &zero, .columns = columns, .hashes = &hash, .key_groups = &group
        };
        enum weir_error_code code = weir_table_upsert(d->table, &keys, &row, &ref, &state, NULL);
        WEIR_ASSERT(code == WEIR_OK);
        if (state == WEIR_ROW_NEW) link_entry(d, into, ref);
        struct weir_batch fake = {
            .row_count = 1, .column_count = set->ctx->input_column_counts[0], .columns = set->fake_columns
        };
        struct ops_aggregate_rows one = {
            .count = 1, .rows = &into, .refs = &into_ref, .at = &zero, .batch = &fake
        };
        for (uint32_t i = 0; i < set->count; i++) {
            struct ops_aggregate *aggregate = &set->items[i];
            if (aggregate->distinct != d) continue;
            int64_t *count = &entry_of(d, row)->counts[aggregate->distinct_index],
                    more = entry->counts[aggregate->distinct_index];
            if (*count == 0 && more > 0) aggregate->kind->accumulate(aggregate, &one, NULL);
            *count += more;
        }
        at = entry->link.next;
    }
}

void ops_aggregates_merge(struct ops_aggregates *set, struct weir_table *into_table, uint8_t *into,
    weir_row_ref into_ref, struct weir_table *from_table, const uint8_t *from, weir_row_ref from_ref)
{
    ops_aggregates_select(set, into_table);
    for (uint32_t i = 0; i < set->count; i++) {
        struct ops_aggregate *aggregate = &set->items[i];
        if (!aggregate->distinct)
            aggregate->kind->merge(aggregate, into_table, into, into_ref, from_table, from, from_ref);
    }
    int64_t partition = weir_table_partition_id(from_table);
    for (struct ops_distinct *d = set->distincts; d; d = d->next) {
        merge_distinct(set, d, into, into_ref, weir_table_partition(d->any, partition, true), from);
    }
}
