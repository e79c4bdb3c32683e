/* The directory of a table that is being restored: rows are entered page by page, while they are in the
 * cache. */
#include "state/internal.h"

/* By what the key groups seen so far hold; never more than there are bytes for. */
static uint64_t expected_rows(const struct weir_table *table)
{
    const struct weir_state *state = table->state;
    uint64_t rows_max = state->restore_bytes / table->family->stride;
    if (!table->restored_groups) return 0;
    double rows = (double)table->restored_rows / (double)table->restored_groups * state->group_count;
    return rows < (double)rows_max ? (uint64_t)(rows * 1.02) : rows_max;
}

static void make_room(struct weir_table *table, uint64_t rows)
{
    uint64_t wanted = table->live + rows;
    if (table->directory && wanted * 5 <= (table->directory_mask + 1) * 3) return;
    weir_table_rebuild(table, WEIR_MAX(expected_rows(table), table->directory ? wanted * 2 : wanted));
}

/* Their places in the directory are far apart: they are fetched ahead. */
static void enter_rows(struct weir_table *table, const struct page *page, weir_row_ref first)
{
    enum { AHEAD = 32 };
    const size_t stride = table->family->stride;
    const uint8_t *row = page->data, *end = row + page->used * stride, *ahead = row;
    uint64_t *directory = table->directory, mask = table->directory_mask, entered = 0;
    for (; ahead < end && ahead < row + AHEAD * stride; ahead += stride)
        __builtin_prefetch(&directory[row_hash(ahead) & mask], 1);
    for (weir_row_ref ref = first; row < end; row += stride, ref++) {
        if (ahead < end) __builtin_prefetch(&directory[row_hash(ahead) & mask], 1);
        ahead += stride;
        if (!row_live(row)) continue;
        weir_directory_put(directory, mask, row_hash(row), ref);
        entered++;
    }
    table->entries += entered;
    table->live += entered;
}

static uint64_t live_rows(const struct page *page, size_t stride)
{
    uint64_t rows = 0;
    for (uint32_t slot = 0; slot < page->used; slot++) rows += row_live(page->data + slot * stride);
    return rows;
}

void weir_table_enter_page(struct weir_table *table, uint32_t key_group, uint32_t index)
{
    const struct page *page = table_group(table, key_group)->rows.pages[index];
    if (table->family->indexed) {
        make_room(table, page->used);
        enter_rows(table, page, make_ref(key_group, index, 0));
    } else {
        table->live += live_rows(page, table->family->stride);
    }
}

/* The first key groups may have held far more rows than the others. */
void weir_table_filled(struct weir_table *table)
{
    if (table->restored_groups && table->directory && table->directory_mask >= 16 * DIRECTORY_ENTRIES_MIN &&
        table->entries * 8 < table->directory_mask)
        weir_table_rebuild(table, table->live);
    table->restored_rows = table->restored_groups = 0;
}
