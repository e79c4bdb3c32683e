/* Tables: the directory (salted linear probing), rows in pages, families of partitions. */
#include "state/internal.h"

enum { TOMBSTONE = 1 << 16, REF_BITS = 48, LOOK_AHEAD = 64 };
static const uint64_t REF_MASK = ((uint64_t)1 << REF_BITS) - 1;

/* Of a 48-bit hash: the upper 16 bits beside the reference; the place in the directory comes from the lower
 * ones. */
static uint64_t salt_of(uint64_t hash)
{
    return hash >> 32 << REF_BITS;
}

/* --- definition --- */

static enum column_kind kind_of(const struct weir_type *type)
{
    if (type->id == WEIR_TYPE_NULL) return COLUMN_NONE;
    if (weir_type_is_nested(type)) return COLUMN_NESTED;
    if (weir_type_is_view(type)) return COLUMN_STRING;
    if (type->id == WEIR_TYPE_FLOAT) return COLUMN_FLOAT;
    if (type->id == WEIR_TYPE_DOUBLE) return COLUMN_DOUBLE;
    switch (weir_type_width(type)) {
    case 1: return COLUMN_1;
    case 2: return COLUMN_2;
    case 4: return COLUMN_4;
    case 8: return COLUMN_8;
    default: return COLUMN_16;
    }
}

static uint32_t kind_width(enum column_kind kind)
{
    static const uint8_t widths[] = { 0, 1, 2, 4, 8, 16, 4, 8, 16, 16 };
    return widths[kind];
}

static void family_layout(struct family *family)
{
    uint32_t at = 8;
    if (family->ttl_ms) {
        family->stamp_offset = at;
        at += 8;
    }
    uint64_t layout = 1469598103934665603ull;
    for (uint32_t c = 0; c < family->column_count; c++) {
        struct column *column = &family->columns[c];
        uint32_t width = kind_width(column->kind), alignment = WEIR_MAX(1u, WEIR_MIN(8u, width));
        at = (at + alignment - 1) & ~(alignment - 1);
        column->offset = at;
        column->width = (uint8_t)width;
        at += width;
        if (column->kind >= COLUMN_STRING) family->has_strings = true;
        layout = (layout ^ column->kind ^ (uint64_t)column->type->id << 8 ^
                     (uint64_t)column->type->precision << 16) *
                 1099511628211ull;
    }
    family->nulls_offset = at;
    at += (family->column_count + 7) / 8;
    at = (at + 7) & ~7u;
    family->payload_offset = at;
    family->stride = (WEIR_MAX(at + family->payload_bytes, 16u) + 7) & ~7u;
    layout = (layout ^ family->payload_bytes) * 1099511628211ull;
    layout = (layout ^ family->key_count) * 1099511628211ull;
    if (family->meaning) layout = (layout ^ family->meaning) * 1099511628211ull;
    family->layout_hash = layout ^ (family->ttl_ms != 0);
    family->one_word_key = family->key_count == 1 && family->columns[0].kind == COLUMN_8;
}

struct weir_table *weir_table_open(struct weir_state *state, const struct weir_table_options *options)
{
    struct family *family = weir_arena_allocate_zeroed(&state->arena, sizeof *family);
    family->state = state;
    family->name = weir_arena_string(&state->arena, options->name);
    family->key_count = options->key_count;
    family->column_count = options->column_count;
    family->payload_bytes = options->payload_bytes;
    family->ttl_ms = options->ttl_ms;
    family->indexed = options->indexed;
    family->transient = options->transient;
    family->meaning = options->meaning;
    family->columns = weir_arena_allocate_zeroed(
        &state->arena, WEIR_MAX(1u, options->column_count) * sizeof(struct column));
    for (uint32_t c = 0; c < options->column_count; c++) {
        family->columns[c].type = options->types[c];
        family->columns[c].kind = (uint8_t)kind_of(options->types[c]);
    }
    family_layout(family);
    for (const struct family *other = state->families; other; other = other->next)
        WEIR_ASSERT(strcmp(other->name, family->name) != 0);
    family->next = state->families;
    state->families = family;
    return weir_table_new(family, 0);
}

/* --- families --- */

struct weir_table *weir_table_new(struct family *family, int64_t partition)
{
    struct weir_state *state = family->state;
    struct weir_table *table = family->spare;
    family->spare = NULL;
    if (!table) {
        table = weir_memory_allocate_zeroed(state->memory, sizeof *table);
        table->family = family;
        table->state = state;
        table->groups = weir_memory_allocate_zeroed(state->memory, state->group_count * sizeof(struct group));
    }
    table->partition = partition;
    if (family->table_count == family->table_capacity) {
        uint32_t capacity = WEIR_MAX(8u, family->table_capacity * 2);
        family->tables = weir_memory_reallocate(state->memory, family->tables,
            family->table_capacity * sizeof(struct weir_table *), capacity * sizeof(struct weir_table *));
        family->table_capacity = capacity;
    }
    uint32_t at = family->table_count;
    while (at > 0 && family->tables[at - 1]->partition > partition) at--;
    memmove(&family->tables[at + 1], &family->tables[at],
        (family->table_count - at) * sizeof(struct weir_table *));
    family->tables[at] = table;
    family->table_count++;
    return table;
}

void weir_table_directory_release(struct weir_table *table)
{
    if (table->directory) {
        weir_memory_release_aligned(
            table->state->memory, table->directory, (table->directory_mask + 1) * sizeof(uint64_t), 64);
    }
    table->directory = NULL;
    table->directory_mask = 0;
    table->entries = 0;
}

void weir_table_clear(struct weir_table *table)
{
    struct weir_state *state = table->state;
    if (!table->family->transient) state->structure_epoch = state->epoch;
    for (uint32_t g = 0; g < state->group_count; g++) weir_group_free(state, &table->groups[g]);
    if (table->directory && table->directory_mask < 1 << 16) {
        memset(table->directory, 0, (table->directory_mask + 1) * sizeof(uint64_t));
        table->entries = 0;
    } else {
        weir_table_directory_release(table);
    }
    table->live = 0;
    table->sweep = (struct weir_table_cursor){ 0 };
}

void weir_table_free(struct weir_table *table)
{
    struct weir_state *state = table->state;
    weir_table_clear(table);
    weir_table_directory_release(table);
    weir_memory_release(state->memory, table->groups, state->group_count * sizeof(struct group));
    weir_memory_release(state->memory, table, sizeof *table);
}

static uint32_t partition_index(const struct family *family, int64_t partition)
{
    uint32_t low = 0, high = family->table_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (family->tables[middle]->partition < partition)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct weir_table *weir_table_partition(struct weir_table *any, int64_t partition, bool create)
{
    struct family *family = any->family;
    uint32_t at = partition_index(family, partition);
    if (at < family->table_count && family->tables[at]->partition == partition) return family->tables[at];
    return create ? weir_table_new(family, partition) : NULL;
}

static struct weir_table *first_with_rows(const struct family *family, uint32_t at)
{
    for (; at < family->table_count; at++) {
        if (family->tables[at]->live) return family->tables[at];
    }
    return NULL;
}

struct weir_table *weir_table_partition_first(struct weir_table *any)
{
    return first_with_rows(any->family, 0);
}
struct weir_table *weir_table_partition_next(struct weir_table *table)
{
    return first_with_rows(table->family, partition_index(table->family, table->partition) + 1);
}
int64_t weir_table_partition_id(const struct weir_table *table)
{
    return table->partition;
}

void weir_table_partition_drop(struct weir_table *table)
{
    struct family *family = table->family;
    weir_table_clear(table);
    if (table->partition == 0) return; /* partition 0 is the handle the operator holds */
    uint32_t at = partition_index(family, table->partition);
    memmove(&family->tables[at], &family->tables[at + 1],
        (family->table_count - at - 1) * sizeof(struct weir_table *));
    family->table_count--;
    if (family->spare)
        weir_table_free(table);
    else
        family->spare = table;
}

/* --- directory --- */

void weir_table_rebuild(struct weir_table *table, uint64_t rows_min)
{
    uint64_t capacity = DIRECTORY_ENTRIES_MIN;
    while (capacity * 3 < rows_min * 5) capacity *= 2; /* at most 0.6 full */
    uint64_t *old = table->directory, old_count = old ? table->directory_mask + 1 : 0;
    uint64_t *directory = weir_memory_allocate_aligned(table->state->memory, capacity * sizeof(uint64_t), 64);
    memset(directory, 0, capacity * sizeof(uint64_t));
    for (uint64_t i = 0; i < old_count; i++) {
        if (i + 16 < old_count && (old[i + 16] & REF_MASK) > TOMBSTONE)
            __builtin_prefetch(row_at(table, old[i + 16] & REF_MASK));
        weir_row_ref ref = old[i] & REF_MASK;
        if (old[i] != 0 && old[i] != TOMBSTONE)
            weir_directory_put(directory, capacity - 1, row_hash(row_at(table, ref)), ref);
    }
    if (old) weir_memory_release_aligned(table->state->memory, old, old_count * sizeof(uint64_t), 64);
    table->directory = directory;
    table->directory_mask = capacity - 1;
    table->entries = table->live;
}

void weir_directory_enter(struct weir_table *table, uint64_t hash, weir_row_ref ref)
{
    if (!table->directory || (table->entries + 1) * 5 > (table->directory_mask + 1) * 3) {
        uint64_t growth = table->directory_mask < 1 << 19 ? 4 : 2;
        weir_table_rebuild(table, table->live * 5 > (table->directory_mask + 1)
                                      ? (table->live + 1) * growth * 3 / 5 + 16
                                      : table->live * 2 + 16);
    }
    weir_directory_put(table->directory, table->directory_mask, hash, ref);
    table->entries++;
}

static void directory_remove(struct weir_table *table, uint64_t hash, weir_row_ref ref)
{
    uint64_t mask = table->directory_mask, at = hash & mask, entry = salt_of(hash) | ref;
    while (table->directory[at] != entry) {
        WEIR_ASSERT(table->directory[at] != 0);
        at = (at + 1) & mask;
    }
    if (table->directory[(at + 1) & mask] == 0) {
        table->directory[at] = 0;
        table->entries--;
    } else {
        table->directory[at] = TOMBSTONE;
    }
}

/* --- rows --- */

static bool key_equal(
    const struct weir_table *table, const uint8_t *row, const struct weir_table_keys *keys, uint32_t at)
{
    const struct family *family = table->family;
    if (family->one_word_key) {
        const struct weir_vector *v = keys->columns[0];
        if (WEIR_LIKELY(v->encoding == WEIR_ENCODING_FLAT && v->type->id != WEIR_TYPE_NULL)) {
            bool null = v->validity && !weir_bit_get(v->validity, at);
            if (null || null_get(family, row, 0)) return null && null_get(family, row, 0);
            int64_t stored;
            memcpy(&stored, row + family->columns[0].offset, 8);
            return stored == ((const int64_t *)v->data)[at];
        }
    }
    return weir_table_columns_equal(table, row, 0, family->key_count, keys->columns, at);
}

static weir_row_ref probe(
    const struct weir_table *table, const struct weir_table_keys *keys, uint32_t i, uint64_t hash)
{
    if (!table->directory) return 0;
    uint64_t mask = table->directory_mask, salt = salt_of(hash);
    uint32_t at = keys->rows ? keys->rows[i] : i;
    uint32_t key_group = keys->key_groups ? keys->key_groups[i] : UINT32_MAX;
    for (uint64_t slot = hash & mask;; slot = (slot + 1) & mask) {
        uint64_t entry = table->directory[slot];
        if (entry == 0) return 0;
        if ((entry ^ salt) >> REF_BITS || entry == TOMBSTONE) continue;
        weir_row_ref ref = entry & REF_MASK;
        const uint8_t *row = row_at(table, ref);
        if (row_hash(row) == hash && (key_group == UINT32_MAX || row_group(row) == key_group) &&
            key_equal(table, row, keys, at))
            return ref;
    }
}

uint8_t *weir_table_insert(struct weir_table *table, uint32_t key_group, uint64_t hash, weir_row_ref *reterf)
{
    struct weir_state *state = table->state;
    const struct family *family = table->family;
    struct group *group = table_group(table, key_group);
    weir_row_ref ref = group->free_row;
    uint8_t *row;
    hash = short_hash(hash);
    if (ref) {
        row = row_for_writing(table, ref);
        memcpy(&group->free_row, row + 8, 8);
    } else {
        struct page_list *list = &group->rows;
        struct page *page = list->count ? list->pages[list->count - 1] : NULL;
        if (!page || page->bytes - (size_t)page->used * family->stride < family->stride) {
            static const uint32_t sizes[] = { 256, 1 << 10, 4 << 10,
                16 << 10 }; /* many slices, few keys: stay small */
            uint32_t size = list->count < WEIR_ARRAY_COUNT(sizes) ? sizes[list->count] : (uint32_t)PAGE_BYTES;
            page = weir_page_list_add(state, list, WEIR_MAX(size, family->stride));
            WEIR_ASSERT(list->count <= GROUP_PAGES_MAX);
        } else {
            page = own_page(state, list, list->count - 1);
        }
        row = page->data + (size_t)page->used * family->stride;
        ref = make_ref(key_group, list->count - 1, page->used);
        page->used++;
    }
    memset(row, 0, family->stride);
    uint64_t header = hash << 16 | key_group << 1 | 1;
    memcpy(row, &header, 8);
    if (family->column_count) memset(row + family->nulls_offset, 0xff, (family->column_count + 7) / 8);
    if (family->ttl_ms) memcpy(row + family->stamp_offset, state->now_ms, 8);
    group->live++;
    if (family->indexed) weir_directory_enter(table, hash, ref);
    table->live++;
    if (reterf) *reterf = ref;
    return row;
}

void weir_table_delete(struct weir_table *table, weir_row_ref ref)
{
    uint8_t *row = row_for_writing(table, ref);
    struct group *group = table_group(table, weir_row_key_group(ref));
    WEIR_ASSERT(row_live(row));
    if (table->family->indexed) directory_remove(table, row_hash(row), ref);
    if (table->family->has_strings) weir_row_strings_free(table, row);
    memset(row, 0, 8);
    memcpy(row + 8, &group->free_row, 8);
    group->free_row = ref;
    group->live--;
    table->live--;
}

/* --- looking up: a chunk of keys at a time, so that their cache misses overlap --- */

/* Below, everything lies in the cache anyway. */
static bool is_large(const struct weir_table *table)
{
    return table->live * (table->family->stride + 16) > 1 << 20;
}

static void prefetch_places(const struct weir_table *table, const uint64_t *hashes, uint32_t count)
{
    const uint64_t *directory = table->directory, mask = table->directory_mask;
    for (uint32_t i = 0; i < count; i++) __builtin_prefetch(&directory[short_hash(hashes[i]) & mask]);
    __asm__ volatile("" ::: "memory"); /* gcc drops a function that only prefetches */
}

/* The rows that the keys most likely have: the first entry with the hash's salt. NULL: probe. */
struct candidates {
    weir_row_ref refs[LOOK_AHEAD];
    uint8_t *rows[LOOK_AHEAD];
};

static void find_candidates(
    const struct weir_table *table, const uint64_t *hashes, uint32_t count, struct candidates *to)
{
    const uint64_t *directory = table->directory, mask = table->directory_mask;
    const uint32_t stride = table->family->stride;
    if (!directory) {
        memset(to->rows, 0, count * sizeof to->rows[0]);
        return;
    }
    bool large = is_large(table);
    if (large) prefetch_places(table, hashes, count);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t hash = short_hash(hashes[i]), salt = salt_of(hash);
        uint64_t slot = hash & mask, entry = directory[slot];
        while (entry != 0 && ((entry ^ salt) >> REF_BITS || entry == TOMBSTONE)) {
            slot = (slot + 1) & mask;
            entry = directory[slot];
        }
        to->rows[i] = NULL;
        if (entry == 0) continue;
        weir_row_ref ref = entry & REF_MASK;
        uint8_t *row = row_at(table, ref);
        to->refs[i] = ref;
        to->rows[i] = row;
        if (!large) continue;
        __builtin_prefetch(row, 1);
        if (stride > 64) __builtin_prefetch(row + 64, 1);
    }
}

void weir_table_prefetch(const struct weir_table *table, const uint64_t *hashes, uint32_t count)
{
    if (is_large(table)) prefetch_places(table, hashes, count);
}

/* The one key column, when it is a FLAT word without NULLs: compared without further questions. */
static const int64_t *plain_words(const struct family *family, const struct weir_table_keys *keys)
{
    if (!family->one_word_key || !keys->key_groups) return NULL;
    const struct weir_vector *v = keys->columns[0];
    if (v->encoding != WEIR_ENCODING_FLAT || v->validity || v->type->id == WEIR_TYPE_NULL) return NULL;
    return v->data;
}

/* Whether the row has this hash, key group and key; words: see plain_words. */
static inline bool is_row_of(const struct weir_table *table, const uint8_t *row,
    const struct weir_table_keys *keys, uint32_t i, const int64_t *words)
{
    const struct family *family = table->family;
    uint64_t hash = short_hash(keys->hashes[i]);
    uint32_t at = keys->rows ? keys->rows[i] : i;
    if (words) {
        int64_t stored;
        memcpy(&stored, row + family->columns[0].offset, 8);
        uint64_t expected = hash << 16 | (uint64_t)keys->key_groups[i] << 1 | 1;
        return row_header(row) == expected && stored == words[at] && !null_get(family, row, 0);
    }
    return row_hash(row) == hash && (!keys->key_groups || row_group(row) == keys->key_groups[i]) &&
           key_equal(table, row, keys, at);
}

static enum weir_error_code add_row(struct weir_table *table, const struct weir_table_keys *keys, uint32_t i,
    uint8_t **row, weir_row_ref *ref, struct weir_error *reterr)
{
    const struct family *family = table->family;
    const struct weir_state *state = table->state;
    uint32_t key_group =
        keys->key_groups ? keys->key_groups[i] : weir_key_group_of(keys->hashes[i], state->max_parallelism);
    if (key_group - state->group_first >= state->group_count) {
        return weir_error_set(reterr, WEIR_E_INTERNAL,
            "state '%s': a row of key group %u arrived at a subtask that has the key groups %u to %u",
            family->name, key_group, state->group_first, state->group_first + state->group_count - 1);
    }
    *row = weir_table_insert(table, key_group, keys->hashes[i], ref);
    uint32_t at = keys->rows ? keys->rows[i] : i;
    for (uint32_t c = 0; c < family->key_count; c++)
        weir_table_column_store(table, *row, c, keys->columns[c], at);
    return WEIR_OK;
}

enum weir_error_code weir_table_upsert(struct weir_table *table, const struct weir_table_keys *keys,
    uint8_t **rows, weir_row_ref *refs, uint8_t *states, struct weir_error *reterr)
{
    const struct family *family = table->family;
    const struct weir_state *state = table->state;
    const int64_t *words = plain_words(family, keys);
    struct candidates candidates;
    for (uint32_t i = 0; i < keys->count; i++) {
        uint32_t c = i % LOOK_AHEAD;
        if (c == 0) {
            uint32_t count = WEIR_MIN((uint32_t)LOOK_AHEAD, keys->count - i);
            find_candidates(table, keys->hashes + i, count, &candidates);
        }
        uint8_t *row = candidates.rows[c];
        weir_row_ref ref = candidates.refs[c];
        bool pending = state->pending != 0; /* then an earlier key may have moved the page */
        if (row && pending) row = row_at(table, ref);
        if (WEIR_UNLIKELY(!row || !is_row_of(table, row, keys, i, words))) {
            ref = probe(table, keys, i, short_hash(keys->hashes[i]));
            row = ref ? row_at(table, ref) : NULL;
        }
        uint8_t row_state = WEIR_ROW_FOUND;
        if (row) {
            if (pending)
                row = row_for_writing(table, ref);
            else
                note_row_written(table, ref);
            if (family->ttl_ms) {
                if (weir_table_expired(table, row)) row_state = WEIR_ROW_EXPIRED;
                memcpy(row + family->stamp_offset, state->now_ms, 8);
            }
        } else {
            enum weir_error_code code = add_row(table, keys, i, &row, &ref, reterr);
            if (code) return code;
            row_state = WEIR_ROW_NEW;
        }
        rows[i] = row;
        if (refs) refs[i] = ref;
        if (states) states[i] = row_state;
    }
    return WEIR_OK;
}

void weir_table_find(
    struct weir_table *table, const struct weir_table_keys *keys, const uint8_t **rows, weir_row_ref *refs)
{
    const int64_t *words = plain_words(table->family, keys);
    struct candidates candidates;
    for (uint32_t i = 0; i < keys->count; i++) {
        uint32_t c = i % LOOK_AHEAD;
        if (c == 0) {
            uint32_t count = WEIR_MIN((uint32_t)LOOK_AHEAD, keys->count - i);
            find_candidates(table, keys->hashes + i, count, &candidates);
        }
        const uint8_t *row = candidates.rows[c];
        weir_row_ref ref = row ? candidates.refs[c] : 0;
        if (row && !is_row_of(table, row, keys, i, words)) {
            ref = probe(table, keys, i, short_hash(keys->hashes[i]));
            row = ref ? row_at(table, ref) : NULL;
        }
        if (row && table->family->ttl_ms && weir_table_expired(table, row)) {
            row = NULL;
            ref = 0;
        }
        rows[i] = row;
        if (refs) refs[i] = ref;
    }
}

const uint8_t *weir_table_read(const struct weir_table *table, weir_row_ref ref)
{
    return row_at(table, ref);
}
uint8_t *weir_table_write(struct weir_table *table, weir_row_ref ref)
{
    return row_for_writing(table, ref);
}
uint64_t weir_table_row_hash(const struct weir_table *table, const uint8_t *row)
{
    return row_hash(row);
}
size_t weir_table_payload_offset(const struct weir_table *table)
{
    return table->family->payload_offset;
}
size_t weir_table_rows(const struct weir_table *table)
{
    return table->live;
}

void weir_table_touch(struct weir_table *table, uint8_t *row)
{
    if (table->family->ttl_ms) memcpy(row + table->family->stamp_offset, table->state->now_ms, 8);
}

bool weir_table_is_live(const struct weir_table *table, weir_row_ref ref)
{
    return row_live(row_at(table, ref));
}

bool weir_table_expired(const struct weir_table *table, const uint8_t *row)
{
    if (!table->family->ttl_ms) return false;
    int64_t stamp;
    memcpy(&stamp, row + table->family->stamp_offset, 8);
    return *table->state->now_ms - stamp >= table->family->ttl_ms;
}

/* --- going through --- */

uint32_t weir_table_scan(struct weir_table *table, struct weir_table_cursor *cursor, const uint8_t **rows,
    weir_row_ref *refs, uint32_t n)
{
    uint32_t found = 0;
    const size_t stride = table->family->stride;
    for (; cursor->key_group < table->state->group_count;
         cursor->key_group++, cursor->page = 0, cursor->slot = 0) {
        const struct group *group = &table->groups[cursor->key_group];
        if (!group->live) continue;
        for (; cursor->page < group->rows.count; cursor->page++, cursor->slot = 0) {
            const struct page *page = group->rows.pages[cursor->page];
            for (; cursor->slot < page->used; cursor->slot++) {
                const uint8_t *row = page->data + cursor->slot * stride;
                if (!row_live(row)) continue;
                if (found == n) return found;
                if (rows) rows[found] = row;
                if (refs)
                    refs[found] =
                        make_ref(table->state->group_first + cursor->key_group, cursor->page, cursor->slot);
                found++;
            }
        }
    }
    return found;
}

void weir_table_sweep(struct weir_table *table, uint32_t budget,
    void (*expire)(void *context, struct weir_table *table, weir_row_ref ref), void *context)
{
    if (!table->family->ttl_ms || !table->live) return;
    enum { CHUNK = 64 };
    weir_row_ref refs[CHUNK];
    while (budget) {
        uint32_t n = weir_table_scan(table, &table->sweep, NULL, refs, WEIR_MIN((uint32_t)CHUNK, budget));
        if (n == 0) {
            table->sweep = (struct weir_table_cursor){ 0 };
            return;
        }
        budget -= n;
        for (uint32_t i = 0; i < n; i++) {
            if (weir_table_expired(table, row_at(table, refs[i]))) expire(context, table, refs[i]);
        }
    }
}
