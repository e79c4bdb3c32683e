/* Many new rows of a table without a directory at once, so that their cache misses overlap. */
#include "state/internal.h"

enum { BLOCK_ROWS = 64 };

/* Where the next row of each key group goes: the header of the group's last page says it. */
static void fetch_ends(const struct weir_table *table, const uint16_t *key_groups, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct page_list *list = &table_group(table, key_groups[i])->rows;
        if (list->count) __builtin_prefetch(list->pages[list->count - 1], 1);
    }
}

static void place_rows(struct weir_table *table, uint32_t count, const uint16_t *key_groups,
    const uint64_t *hashes, uint8_t **rows, weir_row_ref *refs)
{
    const struct family *family = table->family;
    const uint32_t stride = family->stride;
    bool plain = !family->ttl_ms && !table->state->pending;
    for (uint32_t i = 0; i < count; i++) {
        struct group *group = table_group(table, key_groups[i]);
        struct page_list *list = &group->rows;
        struct page *page = list->count ? list->pages[list->count - 1] : NULL;
        if (!plain || !page || group->free_row || page->bytes - (size_t)page->used * stride < stride) {
            rows[i] = weir_table_insert(table, key_groups[i], hashes[i], &refs[i]);
            continue;
        }
        rows[i] = page->data + (size_t)page->used * stride;
        refs[i] = make_ref(key_groups[i], list->count - 1, page->used);
        page->used++;
        note_written(table->state, list, list->count - 1);
        group->live++;
        table->live++;
        /* Its header is written when its line has come. */
        __builtin_prefetch(rows[i], 1);
        __builtin_prefetch(rows[i] + stride - 1, 1);
    }
    for (uint32_t i = 0; i < count; i++) {
        uint64_t header = short_hash(hashes[i]) << 16 | (uint64_t)key_groups[i] << 1 | 1;
        if (plain) memset(rows[i], 0, stride); /* else weir_table_insert() has done it, and set the stamp */
        memcpy(rows[i], &header, 8);
        if (family->column_count)
            memset(rows[i] + family->nulls_offset, 0xff, (family->column_count + 7) / 8);
    }
}

#define STORE_WORDS(type)                                            \
    for (uint32_t i = 0; i < count; i++) {                           \
        const type *value = (const type *)from->data + from_rows[i]; \
        memcpy(rows[i] + offset, value, sizeof *value);              \
        rows[i][nulls] &= (uint8_t)~bit;                             \
    }                                                                \
    return

static void store_column(struct weir_table *table, uint32_t c, uint8_t *const *rows, uint32_t count,
    const struct weir_vector *from, const uint16_t *from_rows)
{
    const struct column *column = &table->family->columns[c];
    const uint32_t offset = column->offset, nulls = table->family->nulls_offset + (c >> 3);
    const uint8_t bit = (uint8_t)(1u << (c & 7));
    if (from->encoding == WEIR_ENCODING_FLAT && !from->validity && from->type->id != WEIR_TYPE_NULL) {
        if (column->kind == COLUMN_8 || column->kind == COLUMN_DOUBLE) {
            STORE_WORDS(uint64_t);
        }
        if (column->kind == COLUMN_4 || column->kind == COLUMN_FLOAT) {
            STORE_WORDS(uint32_t);
        }
    }
    for (uint32_t i = 0; i < count; i++) weir_table_column_store(table, rows[i], c, from, from_rows[i]);
}

void weir_table_append(struct weir_table *table, const struct weir_table_keys *keys,
    const struct weir_vector *const *vectors, uint8_t **rows, weir_row_ref *refs)
{
    WEIR_ASSERT(!table->family->indexed && keys->rows && keys->key_groups);
    for (uint32_t first = 0; first < keys->count; first += BLOCK_ROWS) {
        uint32_t count = WEIR_MIN((uint32_t)BLOCK_ROWS, keys->count - first);
        fetch_ends(table, keys->key_groups + first, count);
        place_rows(table, count, keys->key_groups + first, keys->hashes + first, rows + first, refs + first);
        for (uint32_t c = 0; c < table->family->column_count; c++)
            store_column(table, c, rows + first, count, vectors[c], keys->rows + first);
    }
}
