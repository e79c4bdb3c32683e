#include "ops/rows.h"

void ops_row_table_init(struct ops_row_table *rows, struct weir_operator_context *ctx,
    const struct ops_row_table_options *options)
{
    uint32_t n = ctx->input_column_counts[options->input], next = options->key_count;
    const struct weir_type *const *input = ctx->input_types[options->input];
    const struct weir_type **types = WEIR_ARENA_ARRAY(ctx->arena, const struct weir_type *, n + 1);
    *rows = (struct ops_row_table){ .column_count = n, .key_count = options->key_count };
    rows->place = WEIR_ARENA_ARRAY(ctx->arena, uint32_t, n + 1);
    rows->vectors = WEIR_ARENA_ARRAY(ctx->arena, const struct weir_vector *, n + 1);
    for (uint32_t c = 0; c < n; c++) rows->place[c] = UINT32_MAX;
    for (uint32_t k = 0; k < options->key_count; k++) rows->place[options->keys[k]] = k;
    for (uint32_t c = 0; c < n; c++) {
        if (rows->place[c] == UINT32_MAX) rows->place[c] = next++;
        types[rows->place[c]] = input[c];
    }
    rows->table = weir_table_open(ctx->state, &(struct weir_table_options){ .name = options->name,
                                                  .types = types,
                                                  .key_count = options->key_count,
                                                  .column_count = n,
                                                  .payload_bytes = options->payload_bytes,
                                                  .ttl_ms = options->ttl_ms,
                                                  .indexed = options->indexed });
    rows->payload = weir_table_payload_offset(rows->table);
}

void ops_row_table_store(
    struct ops_row_table *rows, uint8_t *row, const struct weir_batch *batch, uint32_t at, bool with_key)
{
    for (uint32_t c = 0; c < rows->column_count; c++) {
        if (with_key || rows->place[c] >= rows->key_count)
            weir_table_column_store(rows->table, row, rows->place[c], &batch->columns[c], at);
    }
}

bool ops_row_table_equal(
    struct ops_row_table *rows, const uint8_t *row, const struct weir_batch *batch, uint32_t at)
{
    for (uint32_t c = 0; c < rows->column_count; c++) {
        if (!weir_table_column_equal(rows->table, row, rows->place[c], &batch->columns[c], at)) return false;
    }
    return true;
}

int ops_row_table_compare(const struct ops_row_table *rows, const struct ops_sort_key *order, uint32_t count,
    const uint8_t *a, const uint8_t *b)
{
    for (uint32_t k = 0; k < count; k++) {
        bool nulls_first =
            order[k].nulls_first != order[k].descending; /* as seen before the result is turned round */
        int result = weir_table_column_compare(rows->table, a, b, rows->place[order[k].column], nulls_first);
        if (result) return order[k].descending ? -result : result;
    }
    return 0;
}

int ops_row_table_compare_batch(const struct ops_row_table *rows, const struct ops_sort_key *order,
    uint32_t count, const uint8_t *row, const struct weir_batch *batch, uint32_t at)
{
    for (uint32_t k = 0; k < count; k++) {
        bool nulls_first = order[k].nulls_first != order[k].descending;
        uint32_t c = order[k].column;
        int result = weir_table_column_compare_vector(
            rows->table, row, rows->place[c], &batch->columns[c], at, nulls_first);
        if (result) return order[k].descending ? -result : result;
    }
    return 0;
}

/* --- output --- */

void ops_mixer_init(
    struct ops_mixer *mixer, struct weir_operator_context *ctx, struct ops_row_table *rows, bool numbered)
{
    *mixer = (struct ops_mixer){ .rows = rows, .numbered = numbered, .capacity = WEIR_BATCH_ROWS_MAX };
    mixer->kinds = WEIR_ARENA_ARRAY(ctx->arena, uint8_t, WEIR_BATCH_ROWS_MAX);
    mixer->states = WEIR_ARENA_ARRAY(ctx->arena, const uint8_t *, WEIR_BATCH_ROWS_MAX);
    mixer->at = WEIR_ARENA_ARRAY(ctx->arena, uint32_t, WEIR_BATCH_ROWS_MAX);
    mixer->numbers = WEIR_ARENA_ARRAY(ctx->arena, int64_t, WEIR_BATCH_ROWS_MAX);
    mixer->load = WEIR_ARENA_ARRAY(ctx->arena, const uint8_t *, WEIR_BATCH_ROWS_MAX);
    mixer->gather = WEIR_ARENA_ARRAY(ctx->arena, uint32_t, WEIR_BATCH_ROWS_MAX);
    mixer->order = WEIR_ARENA_ARRAY(ctx->arena, uint32_t, WEIR_BATCH_ROWS_MAX);
    weir_batch_init(&mixer->scratch, ctx->input_types[0], rows->column_count, ctx->memory);
}

void ops_mixer_done(struct ops_mixer *mixer)
{
    weir_batch_done(&mixer->scratch);
}

void ops_mixer_flush(struct ops_mixer *mixer, const struct weir_batch *batch, struct weir_batch *out)
{
    uint32_t n = mixer->count, first = out->row_count, loaded = 0, gathered = 0;
    if (n == 0) return;
    WEIR_ASSERT(first + n <= WEIR_BATCH_ROWS_MAX);
    bool inserts = !out->kinds;
    for (uint32_t i = 0; i < n; i++) {
        inserts = inserts && mixer->kinds[i] == WEIR_ROW_INSERT;
        if (mixer->states[i])
            mixer->load[loaded++] = mixer->states[i];
        else
            mixer->gather[gathered++] = mixer->at[i];
    }
    if (!inserts) memcpy(weir_batch_ensure_kinds(out) + first, mixer->kinds, n);
    bool shared = gathered && weir_batch_share_heaps(out, batch);
    struct weir_heap_writer *heap = shared ? NULL : &out->heap;
    bool mixed = loaded && gathered;
    if (mixed) {
        uint32_t l = 0, g = loaded;
        for (uint32_t i = 0; i < n; i++) mixer->order[i] = mixer->states[i] ? l++ : g++;
        weir_batch_reset(&mixer->scratch);
    }
    for (uint32_t c = 0; c < mixer->rows->column_count; c++) {
        struct weir_vector *to = mixed ? &mixer->scratch.columns[c] : &out->columns[c];
        struct weir_arena *arena = mixed ? &mixer->scratch.arena : &out->arena;
        uint32_t offset = mixed ? 0 : first;
        if (loaded)
            weir_table_column_load(mixer->rows->table, mixer->load, loaded, mixer->rows->place[c], to, offset,
                arena, &out->heap);
        if (gathered)
            weir_vector_gather(to, offset + loaded, &batch->columns[c], mixer->gather, gathered, arena, heap);
        if (mixed) weir_vector_gather(&out->columns[c], first, to, mixer->order, n, &out->arena, NULL);
    }
    if (mixer->numbered)
        memcpy((int64_t *)out->columns[mixer->rows->column_count].data + first, mixer->numbers,
            n * sizeof(int64_t));
    out->row_count += n;
    mixer->count = 0;
}

/* --- heap --- */

void ops_heap_push(struct ops_heap *heap, int64_t time, weir_row_ref row)
{
    if (heap->count == heap->capacity) {
        uint32_t capacity = WEIR_MAX(256u, heap->capacity * 2);
        heap->entries = weir_memory_reallocate(heap->memory, heap->entries,
            heap->capacity * sizeof *heap->entries, capacity * sizeof *heap->entries);
        heap->capacity = capacity;
    }
    uint32_t at = heap->count++;
    while (at > 0 && heap->entries[(at - 1) / 2].time > time) {
        heap->entries[at] = heap->entries[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap->entries[at] = (struct ops_heap_entry){ time, row };
}

struct ops_heap_entry ops_heap_pop(struct ops_heap *heap)
{
    struct ops_heap_entry top = heap->entries[0], last = heap->entries[--heap->count];
    uint32_t at = 0;
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= heap->count) break;
        if (child + 1 < heap->count && heap->entries[child + 1].time < heap->entries[child].time) child++;
        if (heap->entries[child].time >= last.time) break;
        heap->entries[at] = heap->entries[child];
        at = child;
    }
    if (heap->count) heap->entries[at] = last;
    return top;
}

void ops_heap_done(struct ops_heap *heap)
{
    weir_memory_release(heap->memory, heap->entries, heap->capacity * sizeof *heap->entries);
}
