/* Pages: handing out, copying on the first write while a snapshot is pending, heaps of bytes with free lists
 * by size. */
#include "state/internal.h"

/* --- slabs --- */

static const size_t FULL_PAGE_BYTES = PAGE_HEADER_BYTES + (size_t)PAGE_BYTES;

static void slab_link(struct weir_state *state, struct slab *slab)
{
    slab->previous = NULL;
    slab->next = state->slabs;
    if (slab->next) slab->next->previous = slab;
    state->slabs = slab;
}

static void slab_unlink(struct weir_state *state, struct slab *slab)
{
    if (slab->previous)
        slab->previous->next = slab->next;
    else
        state->slabs = slab->next;
    if (slab->next) slab->next->previous = slab->previous;
}

static void slab_release(struct weir_state *state, struct slab *slab)
{
    slab_unlink(state, slab);
    weir_memory_release_aligned(state->memory, slab->memory, SLAB_BYTES, 4096);
    weir_memory_release(state->memory, slab, sizeof *slab);
}

static struct page *slab_take(struct weir_state *state)
{
    struct slab *slab = state->slabs;
    if (!slab) {
        slab = weir_memory_allocate_zeroed(state->memory, sizeof *slab);
        slab->memory = weir_memory_allocate_aligned(state->memory, SLAB_BYTES, 4096);
        slab_link(state, slab);
    }
    struct page *page = slab->free;
    if (page)
        slab->free = page->next_free;
    else
        page = (struct page *)((char *)slab->memory + slab->cut++ * FULL_PAGE_BYTES);
    if (++slab->used == SLAB_PAGES) slab_unlink(state, slab);
    page->slab = slab;
    return page;
}

static void slab_give_back(struct weir_state *state, struct page *page)
{
    struct slab *slab = page->slab;
    if (slab->used-- == SLAB_PAGES) slab_link(state, slab);
    page->next_free = slab->free;
    slab->free = page;
    bool last = state->slabs == slab && !slab->next; /* one is kept while pages come and go */
    if (slab->used == 0 && !last) slab_release(state, slab);
}

void weir_slabs_release(struct weir_state *state)
{
    while (state->slabs) slab_release(state, state->slabs);
}

/* The first full ones come alone: a small state stays small. */
struct page *weir_page_allocate(struct weir_state *state, uint32_t bytes)
{
    struct page *page;
    if (bytes == PAGE_BYTES && state->full_pages++ >= SLAB_PAGES) {
        page = slab_take(state);
    } else {
        page = weir_memory_allocate_aligned(state->memory, PAGE_HEADER_BYTES + (size_t)bytes, 64);
        page->slab = NULL;
    }
    page->epoch = state->epoch;
    page->bytes = bytes;
    page->used = 0;
    return page;
}

/* Also for what is no page: an array of pages, heads of free lists. */
void weir_page_release(struct weir_state *state, void *pointer, size_t bytes, size_t alignment)
{
    struct page *page = pointer;
    bool full = alignment == 64 && bytes == FULL_PAGE_BYTES;
    state->full_pages -= full;
    if (full && page->slab)
        slab_give_back(state, page);
    else
        weir_memory_release_aligned(state->memory, pointer, bytes, alignment);
}

/* seen: a pending snapshot may still read it, so it goes when the last of them ends. */
void weir_retire(struct weir_state *state, void *pointer, size_t bytes, size_t alignment, bool seen)
{
    if (!seen || !state->pending) {
        weir_page_release(state, pointer, bytes, alignment);
        return;
    }
    if (state->retired_count == state->retired_capacity) {
        uint32_t capacity = WEIR_MAX(64u, state->retired_capacity * 2);
        state->retired = weir_memory_reallocate(state->memory, state->retired,
            state->retired_capacity * sizeof(struct retired), capacity * sizeof(struct retired));
        state->retired_capacity = capacity;
    }
    state->retired[state->retired_count++] = (struct retired){ pointer, bytes, alignment };
}

/* The array may be changed in place afterwards. */
void weir_page_list_reserve(struct weir_state *state, struct page_list *list, uint32_t capacity)
{
    bool frozen = state->pending && list->epoch != state->epoch;
    if (!frozen && capacity <= list->capacity) {
        list->epoch = state->epoch;
        return;
    }
    uint32_t room = list->capacity;
    if (capacity > room) room = WEIR_MAX(WEIR_MAX(4u, room * 2), capacity);
    struct page **pages = weir_memory_allocate_zeroed(state->memory, list_bytes(room));
    if (list->pages) {
        memcpy(pages, list->pages, list->count * sizeof *pages);
        memcpy(pages + room, list_written(list), (list->capacity / PART_PAGES + 1) * sizeof(uint32_t));
        weir_retire(state, list->pages, list_bytes(list->capacity), 16, frozen);
    }
    list->pages = pages;
    list->capacity = room;
    list->epoch = state->epoch;
}

struct page *weir_page_list_add(struct weir_state *state, struct page_list *list, uint32_t bytes)
{
    weir_page_list_reserve(state, list, list->count + 1);
    struct page *page = weir_page_allocate(state, bytes);
    list->pages[list->count++] = page;
    note_written(state, list, list->count - 1);
    return page;
}

struct page *weir_page_own(struct weir_state *state, struct page_list *list, uint32_t index)
{
    struct page *page = list->pages[index];
    if (!state->pending) {
        page->epoch = state->epoch;
        return page;
    }
    weir_page_list_reserve(state, list, list->count);
    size_t bytes = PAGE_HEADER_BYTES + (size_t)page->bytes;
    struct page *copy = weir_page_allocate(state, page->bytes);
    copy->used = page->used;
    memcpy(copy->data, page->data, page->bytes);
    list->pages[index] = copy;
    note_written(state, list, index); /* the array may be another one now */
    weir_retire(state, page, bytes, 64, true);
    return copy;
}

void weir_page_list_free(struct weir_state *state, struct page_list *list)
{
    for (uint32_t i = 0; i < list->count; i++) {
        struct page *page = list->pages[i];
        if (!page) continue; /* of a restore that broke off */
        weir_retire(state, page, PAGE_HEADER_BYTES + (size_t)page->bytes, 64, page->epoch != state->epoch);
    }
    if (list->pages)
        weir_retire(state, list->pages, list_bytes(list->capacity), 16, list->epoch != state->epoch);
    *list = (struct page_list){ 0 };
}

uint64_t *weir_group_free_blocks(struct weir_state *state, struct group *group)
{
    size_t bytes = HEAP_CLASSES * sizeof(uint64_t);
    if (!group->free_blocks) {
        group->free_blocks = weir_memory_allocate_zeroed(state->memory, bytes);
    } else if (state->pending && group->free_blocks_epoch != state->epoch) {
        uint64_t *copy = weir_memory_allocate(state->memory, bytes);
        memcpy(copy, group->free_blocks, bytes);
        weir_retire(state, group->free_blocks, bytes, 16, true);
        group->free_blocks = copy;
    }
    group->free_blocks_epoch = state->epoch;
    return group->free_blocks;
}

void weir_group_free(struct weir_state *state, struct group *group)
{
    weir_page_list_free(state, &group->rows);
    weir_page_list_free(state, &group->heap);
    if (group->free_blocks) {
        weir_retire(state, group->free_blocks, HEAP_CLASSES * sizeof(uint64_t), 16,
            group->free_blocks_epoch != state->epoch);
    }
    *group = (struct group){ 0 };
}

/* Size classes: multiples of 16 to 256 bytes, then four steps per doubling. *rounded is what a block of the
 * class has. */
static uint32_t heap_class(uint32_t bytes, uint32_t *rounded)
{
    if (bytes <= 256) {
        uint32_t units = (bytes + 15) / 16;
        *rounded = units * 16;
        return units;
    }
    uint32_t bits = 31 - (uint32_t)__builtin_clz(bytes - 1); /* 2^bits < bytes <= 2^(bits+1) */
    uint32_t step = (uint32_t)1 << (bits - 2);
    uint32_t quarter = (bytes - 1 - ((uint32_t)1 << bits)) / step; /* 0..3 */
    *rounded = ((uint32_t)1 << bits) + (quarter + 1) * step;
    return 17 + (bits - 8) * 4 + quarter;
}

static uint64_t heap_reference(uint32_t key_group, uint32_t page, uint32_t offset)
{
    return (uint64_t)key_group << 48 | (uint64_t)page << 28 | offset / HEAP_UNIT_BYTES;
}

uint64_t weir_heap_allocate(struct weir_table *table, uint32_t key_group, uint32_t bytes)
{
    struct weir_state *state = table->state;
    struct group *group = table_group(table, key_group);
    uint32_t rounded;
    uint32_t class = heap_class(bytes, &rounded);
    if (group->free_blocks && group->free_blocks[class]) {
        uint64_t *heads = weir_group_free_blocks(state, group);
        uint64_t reference = heads[class] - 1; /* kept off by one: 0 is none */
        memcpy(&heads[class], heap_data(table, reference), 8);
        own_page(state, &group->heap, heap_page(reference));
        return reference;
    }
    uint32_t last = group->heap.count - 1;
    struct page *page = group->heap.count ? group->heap.pages[last] : NULL;
    if (!page || page->bytes - page->used < rounded) {
        static const uint32_t sizes[] = { 256, 1 << 10, 4 << 10,
            16 << 10 }; /* many slices, few keys: stay small */
        uint32_t size =
            group->heap.count < WEIR_ARRAY_COUNT(sizes) ? sizes[group->heap.count] : (uint32_t)PAGE_BYTES;
        page = weir_page_list_add(state, &group->heap, WEIR_MAX(size, rounded));
        last = group->heap.count - 1;
        WEIR_ASSERT(last < 1u << 20);
    } else {
        page = own_page(state, &group->heap, last);
    }
    uint32_t offset = page->used;
    page->used += rounded;
    return heap_reference(key_group, last, offset);
}

void weir_heap_release(struct weir_table *table, uint64_t reference, uint32_t bytes)
{
    struct group *group = table_group(table, heap_group(reference));
    uint32_t rounded;
    uint32_t class = heap_class(bytes, &rounded);
    uint64_t *heads = weir_group_free_blocks(table->state, group);
    struct page *page = own_page(table->state, &group->heap, heap_page(reference));
    memcpy(page->data + heap_offset(reference), &heads[class], 8);
    heads[class] = reference + 1;
}
