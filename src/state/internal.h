/* What the files of state/ share. See table.h for the model, state.h for snapshots. */
#ifndef WEIR_STATE_INTERNAL_H
#define WEIR_STATE_INTERNAL_H

#include "base/assert.h"
#include "data/value.h"
#include "state/table.h"

enum {
    PAGE_HEADER_BYTES = 64,
    /* Data bytes of a page, once a key group holds more than the small first ones: with its header 64 KiB. */
    PAGE_BYTES = (64 << 10) - PAGE_HEADER_BYTES,
    GROUP_PAGES_MAX = 1 << 17, /* 17 bits of a reference */
    PAGE_SLOTS_MAX = 65535,    /* 16 bits, slot 0 unused */
    HEAP_UNIT_BYTES = 16,
    HEAP_CLASSES = 112,
    DIRECTORY_ENTRIES_MIN = 64,
    SLAB_BYTES = 2 << 20,
    SLAB_PAGES = SLAB_BYTES / (64 << 10),
    PART_PAGES = 1,       /* what is noted as written, and written again, together */
    SNAPSHOTS_KNOWN = 32, /* that a later one may build on */
};

struct page {
    uint64_t epoch;         /* older than the state's epoch while a snapshot is pending: immutable */
    uint32_t bytes;         /* of data */
    uint32_t used;          /* slots (rows) or bytes (heap) handed out so far */
    struct slab *slab;      /* NULL: allocated by itself */
    struct page *next_free; /* in its slab */
    uint64_t reserved[4];
    uint8_t data[];
};
_Static_assert(sizeof(struct page) == PAGE_HEADER_BYTES, "a row of 64 bytes lies in one cache line");

/* Full pages of a state that has many of them come in slabs of the size of a huge page. */
struct slab {
    struct slab *next, *previous; /* among those with free pages */
    void *memory;
    struct page *free;
    uint32_t used; /* pages handed out and not given back */
    uint32_t cut;  /* pages handed out at least once */
};

/* Behind the pages, in the same block: for each PART_PAGES of them the epoch of the last write (its lower 32
 * bits). Who reads a frozen list may find a later one: the part then counts as changed, which is safe. */
struct page_list {
    struct page **pages;
    uint32_t count, capacity;
    uint64_t epoch; /* of the array: like a page's */
};

struct group {
    struct page_list rows, heap;
    uint64_t *free_blocks; /* heads by size class, allocated on the first free; copied for a snapshot as a
                              page would be */
    uint64_t free_blocks_epoch;
    weir_row_ref
        free_row; /* chain of free slots: the next one lies where the row's hash was not (offset 8) */
    uint64_t live;
};

enum column_kind {
    COLUMN_NONE,
    COLUMN_1,
    COLUMN_2,
    COLUMN_4,
    COLUMN_8,
    COLUMN_16,
    COLUMN_FLOAT,
    COLUMN_DOUBLE,
    COLUMN_STRING,
    COLUMN_NESTED
};

struct column {
    const struct weir_type *type;
    uint32_t offset; /* from the row's start */
    uint8_t kind, width;
};

/* What all partitions of a table have in common. */
struct family {
    struct family *next;
    struct weir_state *state;
    char *name;
    uint32_t key_count, column_count, payload_bytes, payload_offset, nulls_offset, stamp_offset, stride;
    struct column *columns;
    int64_t ttl_ms;
    bool indexed, transient, one_word_key, has_strings;
    uint64_t meaning;           /* as in the options */
    uint64_t layout_hash;       /* a snapshot's rows must have been laid out alike */
    struct weir_table **tables; /* ascending by partition */
    uint32_t table_count, table_capacity;
    struct weir_table *spare; /* an empty table, kept for the next partition */
};

struct weir_table {
    struct family *family;
    struct weir_state *state;
    int64_t partition;
    struct group *groups; /* of the state's range */
    uint64_t *directory;
    uint64_t directory_mask;
    uint64_t entries; /* in the directory, tombstones included */
    uint64_t live;
    struct weir_table_cursor sweep;
    uint64_t restored_rows, restored_groups; /* as heads say, while it is restored */
};

struct retired {
    void *pointer;
    size_t bytes, alignment;
};

struct weir_state {
    struct weir_memory memory_counter; /* a child: weir_state_bytes() */
    struct weir_memory *memory;
    struct weir_memory *parent;
    uint32_t group_first, group_count, max_parallelism;
    const int64_t *now_ms;
    uint64_t epoch;
    uint64_t structure_epoch; /* of the last table made, cleared or freed */
    struct known {
        uint64_t checkpoint_id, epoch; /* what was written up to this epoch is in it */
    } known[SNAPSHOTS_KNOWN];
    uint32_t known_next;
    uint64_t pages_missing; /* named by heads, not restored yet */
    bool restored_large_whole;
    uint64_t restore_bytes; /* of the sections that are to come; 0: not known */
    uint32_t pending;       /* snapshots that have begun and not ended */
    struct retired *retired;
    uint32_t retired_count, retired_capacity;
    struct slab *slabs; /* with free pages */
    uint64_t full_pages;
    struct family *families;
    struct weir_arena arena;   /* definitions: as long as the state */
    struct weir_arena scratch; /* nested values, for the length of a call */
    struct weir_buffer bytes;  /* likewise */
};

/* page.c */
struct page *weir_page_allocate(struct weir_state *state, uint32_t bytes); /* not zeroed */
struct page *weir_page_list_add(struct weir_state *state, struct page_list *list, uint32_t bytes);
void weir_page_list_reserve(struct weir_state *state, struct page_list *list, uint32_t capacity);
struct page *weir_page_own(struct weir_state *state, struct page_list *list, uint32_t index);
void weir_page_list_free(struct weir_state *state, struct page_list *list);
void weir_group_free(struct weir_state *state, struct group *group);
void weir_page_release(struct weir_state *state, void *pointer, size_t bytes, size_t alignment);
void weir_slabs_release(struct weir_state *state); /* all pages have been given back */
void weir_retire(struct weir_state *state, void *pointer, size_t bytes, size_t alignment, bool seen);
void weir_retired_release(struct weir_state *state); /* state.c: no snapshot is pending */
uint64_t *weir_group_free_blocks(struct weir_state *state, struct group *group);
uint64_t weir_heap_allocate(struct weir_table *table, uint32_t key_group, uint32_t bytes);
void weir_heap_release(struct weir_table *table, uint64_t reference, uint32_t bytes);

/* table.c */
struct weir_table *weir_table_new(struct family *family, int64_t partition);
void weir_table_free(struct weir_table *table);
void weir_table_directory_release(struct weir_table *table);
void weir_table_rebuild(struct weir_table *table, uint64_t rows_min);
void weir_directory_enter(struct weir_table *table, uint64_t hash, weir_row_ref ref);
void weir_row_strings_free(struct weir_table *table, uint8_t *row);

/* filling.c: a table that is restored. */
void weir_table_enter_page(struct weir_table *table, uint32_t key_group, uint32_t index);
void weir_table_filled(struct weir_table *table);

/* An entry of a directory has the upper 16 bits of a 48-bit hash beside the reference; its place comes from
 * the lower ones. There is room. */
static inline void weir_directory_put(uint64_t *directory, uint64_t mask, uint64_t hash, weir_row_ref ref)
{
    uint64_t at = hash & mask;
    while (directory[at]) at = (at + 1) & mask;
    directory[at] = hash >> 32 << 48 | ref;
}

/* A row starts with 48 bits of its hash, its key group, and a bit that is set while the row lives. */
static inline uint64_t row_header(const uint8_t *row)
{
    uint64_t header;
    memcpy(&header, row, 8);
    return header;
}
static inline uint64_t row_hash(const uint8_t *row)
{
    return row_header(row) >> 16;
}
static inline bool row_live(const uint8_t *row)
{
    return row[0] & 1;
}
static inline uint32_t row_group(const uint8_t *row)
{
    return (uint32_t)(row_header(row) >> 1) & 0x7fff;
}
static inline uint64_t short_hash(uint64_t hash)
{
    return hash & (((uint64_t)1 << 48) - 1);
}
static inline weir_row_ref make_ref(uint32_t key_group, uint32_t page, uint32_t slot)
{
    return (uint64_t)key_group << 33 | (uint64_t)page << 16 | (slot + 1);
}
static inline uint32_t ref_page(weir_row_ref ref)
{
    return (uint32_t)(ref >> 16) & (GROUP_PAGES_MAX - 1);
}
static inline uint32_t ref_slot(weir_row_ref ref)
{
    return (uint32_t)(ref & 0xffff) - 1;
}
static inline struct group *table_group(const struct weir_table *table, uint32_t key_group)
{
    return &table->groups[key_group - table->state->group_first];
}
static inline uint8_t *row_at(const struct weir_table *table, weir_row_ref ref)
{
    return table_group(table, weir_row_key_group(ref))->rows.pages[ref_page(ref)]->data +
           (size_t)ref_slot(ref) * table->family->stride;
}
static inline size_t list_bytes(uint32_t capacity)
{
    return capacity * sizeof(struct page *) + (capacity / PART_PAGES + 1) * sizeof(uint32_t);
}
static inline uint32_t *list_written(const struct page_list *list)
{
    return (uint32_t *)(list->pages + list->capacity);
}
static inline void note_written(const struct weir_state *state, const struct page_list *list, uint32_t index)
{
    __atomic_store_n(&list_written(list)[index / PART_PAGES], (uint32_t)state->epoch, __ATOMIC_RELAXED);
}
static inline void note_row_written(const struct weir_table *table, weir_row_ref ref)
{
    note_written(table->state, &table_group(table, weir_row_key_group(ref))->rows, ref_page(ref));
}
static inline struct page *own_page(struct weir_state *state, struct page_list *list, uint32_t index)
{
    struct page *page = list->pages[index];
    note_written(state, list, index);
    /* Without a pending snapshot nothing is copied, and the header, a cache line far from the row, is not
     * read: a page whose epoch is old then is taken for unwritten by the next snapshot, which is right. */
    if (WEIR_LIKELY(!state->pending)) return page;
    return WEIR_LIKELY(page->epoch == state->epoch) ? page : weir_page_own(state, list, index);
}
static inline uint8_t *row_for_writing(struct weir_table *table, weir_row_ref ref)
{
    struct group *group = table_group(table, weir_row_key_group(ref));
    return own_page(table->state, &group->rows, ref_page(ref))->data +
           (size_t)ref_slot(ref) * table->family->stride;
}
/* Heap references: key group 15 bits at 48, page 20 at 28, offset in units 28 (a page of one big value is
 * dedicated to it). */
static inline uint32_t heap_group(uint64_t reference)
{
    return (uint32_t)(reference >> 48);
}
static inline uint32_t heap_page(uint64_t reference)
{
    return (uint32_t)(reference >> 28) & 0xfffff;
}
static inline size_t heap_offset(uint64_t reference)
{
    return (size_t)(reference & 0xfffffff) * HEAP_UNIT_BYTES;
}
static inline const char *heap_data(const struct weir_table *table, uint64_t reference)
{
    return (const char *)table_group(table, heap_group(reference))->heap.pages[heap_page(reference)]->data +
           heap_offset(reference);
}
static inline bool null_get(const struct family *family, const uint8_t *row, uint32_t c)
{
    return row[family->nulls_offset + (c >> 3)] >> (c & 7) & 1;
}

#endif
