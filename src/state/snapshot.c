/*
 * Snapshots and restoring. A section is one key group:
 *
 *   whole   "WST1", then for each table with rows: head, pages of rows, pages of the heap
 *   head    "WST2", then for each table with rows: head, u32 pages of rows, u32 pages of the heap
 *   part    "WSTP", u32 length and name of the table, u64 partition, byte 1 = heap, u32 first page, pages
 *
 * A head is u32 length and name of the table, u64 partition, u64 hash of the layout, u32 stride, u64 live
 * rows, u64 first free row, byte 1 = heads of the heap's free lists follow. Pages are u32 count and for each
 * u32 bytes, u32 used, data. Key groups of few pages are written whole; the others as a head and its parts,
 * in this order.
 */
#include "state/internal.h"

enum {
    WHOLE_MAGIC = 0x57535431, /* "WST1" */
    HEAD_MAGIC = 0x57535432,  /* "WST2" */
    PART_MAGIC = 0x57535450,  /* "WSTP" */
    WHOLE_PAGES_MAX = 8,
    HEAP_PAGES_MAX = 1 << 20
};

/* A table as it was at the barrier: the arrays and pages that groups name are immutable while the snapshot is
 * pending. */
struct frozen_table {
    const struct family *family;
    int64_t partition;
    struct group *groups;
};

struct part {
    uint64_t id;
    const struct frozen_table *frozen;
    const struct page_list *list;
    bool is_heap;
    uint32_t first, count;
};

struct weir_state_snapshot {
    struct weir_state *state;
    struct frozen_table *tables;
    uint32_t table_count;
    uint64_t structure_epoch;
    struct known known[SNAPSHOTS_KNOWN];
    struct weir_buffer buffer; /* of write() */
    struct part *parts;        /* of one key group */
    uint32_t part_capacity;
};

static void remember(struct weir_state *state, uint64_t checkpoint_id)
{
    uint32_t at = state->known_next++ % SNAPSHOTS_KNOWN;
    state->known[at].checkpoint_id = checkpoint_id;
    state->known[at].epoch = state->epoch;
    state->epoch++;
}

struct weir_state_snapshot *weir_state_snapshot_begin(struct weir_state *state, uint64_t checkpoint_id)
{
    struct weir_state_snapshot *snapshot = weir_memory_allocate_zeroed(state->memory, sizeof *snapshot);
    snapshot->state = state;
    snapshot->structure_epoch = state->structure_epoch;
    memcpy(snapshot->known, state->known, sizeof state->known);
    uint32_t count = 0;
    for (struct family *family = state->families; family; family = family->next) {
        if (!family->transient) count += family->table_count;
    }
    snapshot->tables =
        weir_memory_allocate_zeroed(state->memory, WEIR_MAX(1u, count) * sizeof(struct frozen_table));
    snapshot->table_count = count;
    count = 0;
    for (struct family *family = state->families; family; family = family->next) {
        for (uint32_t i = 0; i < family->table_count && !family->transient; i++) {
            struct frozen_table *frozen = &snapshot->tables[count++];
            frozen->family = family;
            frozen->partition = family->tables[i]->partition;
            if (!family->tables[i]->live) continue;
            frozen->groups = weir_memory_allocate(state->memory, state->group_count * sizeof(struct group));
            memcpy(frozen->groups, family->tables[i]->groups, state->group_count * sizeof(struct group));
        }
    }
    weir_buffer_init(&snapshot->buffer, state->memory, (size_t)1 << 40);
    remember(state, checkpoint_id);
    state->pending++;
    return snapshot;
}

void weir_state_snapshot_end(struct weir_state_snapshot *snapshot)
{
    struct weir_state *state = snapshot->state;
    for (uint32_t t = 0; t < snapshot->table_count; t++) {
        if (snapshot->tables[t].groups) {
            weir_memory_release(
                state->memory, snapshot->tables[t].groups, state->group_count * sizeof(struct group));
        }
    }
    weir_memory_release(
        state->memory, snapshot->tables, WEIR_MAX(1u, snapshot->table_count) * sizeof(struct frozen_table));
    weir_memory_release(state->memory, snapshot->parts, snapshot->part_capacity * sizeof(struct part));
    weir_buffer_done(&snapshot->buffer);
    weir_memory_release(state->memory, snapshot, sizeof *snapshot);
    if (--state->pending == 0) weir_retired_release(state);
}

/* --- writing --- */

static void write_pages(
    const struct page_list *list, uint32_t first, uint32_t count, size_t unit, struct weir_buffer *to)
{
    weir_buffer_append_u32(to, count);
    for (uint32_t i = first; i < first + count; i++) {
        const struct page *page = list->pages[i];
        weir_buffer_append_u32(to, page->bytes);
        weir_buffer_append_u32(to, page->used);
        weir_buffer_append(to, page->data, page->used * unit);
    }
}

static void write_name(const struct frozen_table *frozen, struct weir_buffer *to)
{
    size_t name_length = strlen(frozen->family->name);
    weir_buffer_append_u32(to, (uint32_t)name_length);
    weir_buffer_append(to, frozen->family->name, name_length);
    weir_buffer_append_u64(to, (uint64_t)frozen->partition);
}

static void write_head(const struct frozen_table *frozen, const struct group *group, struct weir_buffer *to)
{
    write_name(frozen, to);
    weir_buffer_append_u64(to, frozen->family->layout_hash);
    weir_buffer_append_u32(to, frozen->family->stride);
    weir_buffer_append_u64(to, group->live);
    weir_buffer_append_u64(to, group->free_row);
    weir_buffer_append_byte(to, group->free_blocks != NULL);
    if (group->free_blocks) weir_buffer_append(to, group->free_blocks, HEAP_CLASSES * sizeof(uint64_t));
}

/* NULL: no rows of this key group. */
static const struct group *live_group(const struct frozen_table *frozen, uint32_t g)
{
    return frozen->groups && frozen->groups[g].live ? &frozen->groups[g] : NULL;
}

static void write_whole(struct weir_state_snapshot *snapshot, uint32_t g, bool head_only)
{
    struct weir_buffer *to = &snapshot->buffer;
    weir_buffer_clear(to);
    for (uint32_t t = 0; t < snapshot->table_count; t++) {
        const struct frozen_table *frozen = &snapshot->tables[t];
        const struct group *group = live_group(frozen, g);
        if (!group) continue;
        if (to->length == 0) weir_buffer_append_u32(to, head_only ? HEAD_MAGIC : WHOLE_MAGIC);
        write_head(frozen, group, to);
        if (head_only) {
            weir_buffer_append_u32(to, group->rows.count);
            weir_buffer_append_u32(to, group->heap.count);
        } else {
            write_pages(&group->rows, 0, group->rows.count, frozen->family->stride, to);
            write_pages(&group->heap, 0, group->heap.count, 1, to);
        }
    }
}

enum weir_error_code weir_state_snapshot_write(struct weir_state_snapshot *snapshot,
    enum weir_error_code (*put)(
        void *context, uint32_t key_group, const void *bytes, size_t length, struct weir_error *reterr),
    void *context, struct weir_error *reterr)
{
    for (uint32_t g = 0; g < snapshot->state->group_count; g++) {
        write_whole(snapshot, g, false);
        if (snapshot->buffer.length == 0) continue;
        enum weir_error_code code = put(context, snapshot->state->group_first + g, snapshot->buffer.data,
            snapshot->buffer.length, reterr);
        if (code) return code;
    }
    return WEIR_OK;
}

/* --- parts --- */

struct writing {
    struct weir_state_snapshot *snapshot;
    const struct weir_state_sink *sink;
    bool has_base;
    uint64_t base_epoch;
    uint32_t g, key_group;
};

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

/* The same place has the same id in every snapshot; a base whose parts were longer has none of them. */
static uint64_t part_id(const struct frozen_table *frozen, bool is_heap, uint32_t first)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (const char *c = frozen->family->name; *c; c++) hash = (hash ^ (uint8_t)*c) * 0x100000001b3u;
    hash = mix(mix(mix(hash, (uint64_t)frozen->partition), is_heap | PART_PAGES << 1), first);
    return hash ? hash : 1;
}

static bool is_unchanged(const struct writing *writing, const struct page_list *list, uint32_t part)
{
    return writing->has_base &&
           __atomic_load_n(&list_written(list)[part], __ATOMIC_RELAXED) <= writing->base_epoch;
}

static bool list_is_unchanged(const struct writing *writing, const struct page_list *list)
{
    for (uint32_t first = 0; first < list->count; first += PART_PAGES)
        if (!is_unchanged(writing, list, first / PART_PAGES)) return false;
    return true;
}

static bool group_is_unchanged(const struct writing *writing)
{
    const struct weir_state_snapshot *snapshot = writing->snapshot;
    if (!writing->has_base || snapshot->structure_epoch > writing->base_epoch) return false;
    for (uint32_t t = 0; t < snapshot->table_count; t++) {
        const struct group *groups = snapshot->tables[t].groups;
        if (!groups) continue;
        /* Also one whose last row is gone: the base has it. */
        if (!list_is_unchanged(writing, &groups[writing->g].rows) ||
            !list_is_unchanged(writing, &groups[writing->g].heap))
            return false;
    }
    return true;
}

static void add_parts(struct writing *writing, uint32_t *count, const struct frozen_table *frozen,
    const struct page_list *list, bool is_heap)
{
    struct weir_state_snapshot *snapshot = writing->snapshot;
    for (uint32_t first = 0; first < list->count; first += PART_PAGES) {
        if (*count == snapshot->part_capacity) {
            uint32_t capacity = WEIR_MAX(64u, *count * 2);
            snapshot->parts = weir_memory_reallocate(snapshot->state->memory, snapshot->parts,
                *count * sizeof(struct part), capacity * sizeof(struct part));
            snapshot->part_capacity = capacity;
        }
        snapshot->parts[(*count)++] = (struct part){ .id = part_id(frozen, is_heap, first),
            .frozen = frozen,
            .list = list,
            .is_heap = is_heap,
            .first = first,
            .count = WEIR_MIN((uint32_t)PART_PAGES, list->count - first) };
    }
}

static void sort_parts(struct part *parts, uint32_t count)
{
    uint32_t gap = 1;
    while (gap < count / 3) gap = gap * 3 + 1;
    for (; gap > 0; gap /= 3) {
        for (uint32_t i = gap; i < count; i++) {
            struct part part = parts[i];
            uint32_t at = i;
            for (; at >= gap && parts[at - gap].id > part.id; at -= gap) parts[at] = parts[at - gap];
            parts[at] = part;
        }
    }
}

static enum weir_error_code put_buffer(struct writing *writing, uint64_t part, struct weir_error *reterr)
{
    const struct weir_buffer *buffer = &writing->snapshot->buffer;
    return writing->sink->put(
        writing->sink->context, writing->key_group, part, buffer->data, buffer->length, reterr);
}

static enum weir_error_code write_part(
    struct writing *writing, const struct part *part, struct weir_error *reterr)
{
    const struct weir_state_sink *sink = writing->sink;
    if (is_unchanged(writing, part->list, part->first / PART_PAGES) &&
        sink->reuse(sink->context, writing->key_group, part->id))
        return WEIR_OK;
    struct weir_buffer *to = &writing->snapshot->buffer;
    weir_buffer_clear(to);
    weir_buffer_append_u32(to, PART_MAGIC);
    write_name(part->frozen, to);
    weir_buffer_append_byte(to, part->is_heap);
    weir_buffer_append_u32(to, part->first);
    write_pages(part->list, part->first, part->count, part->is_heap ? 1 : part->frozen->family->stride, to);
    return put_buffer(writing, part->id, reterr);
}

static enum weir_error_code write_key_group(struct writing *writing, struct weir_error *reterr)
{
    struct weir_state_snapshot *snapshot = writing->snapshot;
    const struct weir_state_sink *sink = writing->sink;
    uint32_t pages = 0, count = 0;
    for (uint32_t t = 0; t < snapshot->table_count; t++) {
        const struct group *group = live_group(&snapshot->tables[t], writing->g);
        if (group) pages += group->rows.count + group->heap.count;
    }
    if (pages == 0) return WEIR_OK;
    bool whole = pages <= WHOLE_PAGES_MAX;
    if (!group_is_unchanged(writing) || !sink->reuse(sink->context, writing->key_group, 0)) {
        write_whole(snapshot, writing->g, !whole);
        enum weir_error_code code = put_buffer(writing, 0, reterr);
        if (code) return code;
    }
    if (whole) return WEIR_OK;
    for (uint32_t t = 0; t < snapshot->table_count; t++) {
        const struct group *group = live_group(&snapshot->tables[t], writing->g);
        if (!group) continue;
        add_parts(writing, &count, &snapshot->tables[t], &group->rows, false);
        add_parts(writing, &count, &snapshot->tables[t], &group->heap, true);
    }
    sort_parts(snapshot->parts, count);
    for (uint32_t i = 0; i < count; i++) {
        enum weir_error_code code = write_part(writing, &snapshot->parts[i], reterr);
        if (code) return code;
    }
    return WEIR_OK;
}

enum weir_error_code weir_state_snapshot_write_parts(struct weir_state_snapshot *snapshot, uint64_t base_id,
    const struct weir_state_sink *sink, struct weir_error *reterr)
{
    struct writing writing = { .snapshot = snapshot, .sink = sink };
    for (uint32_t i = 0; base_id && i < SNAPSHOTS_KNOWN; i++) {
        if (snapshot->known[i].checkpoint_id != base_id) continue;
        writing.has_base = true;
        writing.base_epoch = snapshot->known[i].epoch;
    }
    for (uint32_t g = 0; g < snapshot->state->group_count; g++) {
        writing.g = g;
        writing.key_group = snapshot->state->group_first + g;
        enum weir_error_code code = write_key_group(&writing, reterr);
        if (code) return code;
    }
    return WEIR_OK;
}

/* --- restoring --- */

static struct family *find_family(struct weir_state *state, const char *name, size_t length)
{
    for (struct family *family = state->families; family; family = family->next) {
        if (strlen(family->name) == length && memcmp(family->name, name, length) == 0) return family;
    }
    return NULL;
}

/* One page, in its place in the list. */
static bool read_page(
    struct weir_state *state, struct page_list *list, uint32_t index, size_t unit, struct weir_reader *from)
{
    uint32_t bytes = weir_reader_u32(from), used = weir_reader_u32(from);
    if (from->failed || (uint64_t)used * unit > bytes || bytes > (uint32_t)1 << 31) return false;
    const void *data = weir_reader_bytes(from, used * unit);
    if (from->failed || list->pages[index]) return false;
    struct page *page = weir_page_allocate(state, bytes);
    list->pages[index] = page;
    page->used = used;
    if (used) memcpy(page->data, data, used * unit);
    return true;
}

static bool read_pages(struct weir_table *table, uint32_t key_group, bool is_heap, uint32_t first,
    uint32_t count, struct weir_reader *from)
{
    struct group *group = table_group(table, key_group);
    for (uint32_t i = first; i < first + count; i++) {
        if (!read_page(table->state, is_heap ? &group->heap : &group->rows, i,
                is_heap ? 1 : table->family->stride, from))
            return false;
        if (!is_heap) weir_table_enter_page(table, key_group, i);
    }
    return true;
}

/* Room for count pages, which come later. */
static bool expect_pages(struct weir_state *state, struct page_list *list, uint32_t count, uint32_t pages_max)
{
    if (count > pages_max) return false;
    if (!count) return true;
    weir_page_list_reserve(state, list, count);
    memset(list->pages, 0, count * sizeof *list->pages);
    list->count = count;
    for (uint32_t i = 0; i < count; i += PART_PAGES) note_written(state, list, i);
    return true;
}

static enum weir_error_code find_table(struct weir_state *state, uint32_t key_group, struct weir_reader *from,
    struct weir_table **ret, struct weir_error *reterr)
{
    uint32_t name_length = weir_reader_u32(from);
    const char *name = weir_reader_bytes(from, name_length);
    int64_t partition = (int64_t)weir_reader_u64(from);
    if (from->failed)
        return weir_error_set(reterr, WEIR_E_STATE, "the state of key group %u ends early", key_group);
    struct family *family = find_family(state, name, name_length);
    if (!family) {
        return weir_error_set(reterr, WEIR_E_STATE,
            "the state of key group %u has a table '%.*s' that this operator does not have", key_group,
            (int)WEIR_MIN(name_length, 100u), name);
    }
    *ret = weir_table_partition(family->tables[0], partition, true);
    return WEIR_OK;
}

static enum weir_error_code read_head(struct weir_state *state, uint32_t key_group, struct weir_reader *from,
    struct weir_table **ret, struct weir_error *reterr)
{
    enum weir_error_code code = find_table(state, key_group, from, ret, reterr);
    if (code) return code;
    const struct family *family = (*ret)->family;
    uint64_t layout_hash = weir_reader_u64(from);
    uint32_t stride = weir_reader_u32(from);
    if (from->failed)
        return weir_error_set(reterr, WEIR_E_STATE, "the state of key group %u ends early", key_group);
    if (family->layout_hash != layout_hash || family->stride != stride) {
        return weir_error_set(reterr, WEIR_E_STATE,
            "table '%s' of the snapshot has other column types, functions or windows than the operator: "
            "state "
            "can be restored only by a query with the same keys, columns, functions and windows",
            family->name);
    }
    struct group *group = table_group(*ret, key_group);
    if (group->live || group->rows.count) {
        return weir_error_set(
            reterr, WEIR_E_STATE, "table '%s': key group %u is restored twice", family->name, key_group);
    }
    group->live = weir_reader_u64(from);
    (*ret)->restored_rows += group->live;
    (*ret)->restored_groups++;
    group->free_row = weir_reader_u64(from);
    if (weir_reader_byte(from)) {
        const void *heads = weir_reader_bytes(from, HEAP_CLASSES * sizeof(uint64_t));
        if (heads) memcpy(weir_group_free_blocks(state, group), heads, HEAP_CLASSES * sizeof(uint64_t));
    }
    return WEIR_OK;
}

static enum weir_error_code malformed(
    const struct weir_table *table, uint32_t key_group, struct weir_error *reterr)
{
    return weir_error_set(reterr, WEIR_E_STATE, "table '%s': the pages of key group %u are malformed",
        table->family->name, key_group);
}

/* Counts of pages are believed as far as there are bytes for them. */
static enum weir_error_code read_whole_table(
    struct weir_state *state, uint32_t key_group, struct weir_reader *from, struct weir_error *reterr)
{
    enum { PAGE_BYTES_MIN = 8 };
    struct weir_table *table;
    enum weir_error_code code = read_head(state, key_group, from, &table, reterr);
    if (code) return code;
    struct group *group = table_group(table, key_group);
    for (uint32_t kind = 0; kind < 2; kind++) {
        struct page_list *list = kind ? &group->heap : &group->rows;
        uint32_t count = weir_reader_u32(from);
        if (from->failed || count > (from->length - from->offset) / PAGE_BYTES_MIN ||
            !expect_pages(state, list, count, kind ? HEAP_PAGES_MAX : GROUP_PAGES_MAX) ||
            !read_pages(table, key_group, kind, 0, count, from))
            return malformed(table, key_group, reterr);
    }
    if (group->rows.count + group->heap.count > WHOLE_PAGES_MAX) state->restored_large_whole = true;
    return WEIR_OK;
}

static enum weir_error_code read_head_table(
    struct weir_state *state, uint32_t key_group, struct weir_reader *from, struct weir_error *reterr)
{
    struct weir_table *table;
    enum weir_error_code code = read_head(state, key_group, from, &table, reterr);
    if (code) return code;
    struct group *group = table_group(table, key_group);
    uint32_t rows = weir_reader_u32(from), heap = weir_reader_u32(from);
    if (from->failed || !expect_pages(state, &group->rows, rows, GROUP_PAGES_MAX) ||
        !expect_pages(state, &group->heap, heap, HEAP_PAGES_MAX) ||
        group->live > (uint64_t)rows * PAGE_SLOTS_MAX)
        return malformed(table, key_group, reterr);
    state->pages_missing += rows + heap;
    return WEIR_OK;
}

static enum weir_error_code read_part(
    struct weir_state *state, uint32_t key_group, struct weir_reader *from, struct weir_error *reterr)
{
    struct weir_table *table;
    enum weir_error_code code = find_table(state, key_group, from, &table, reterr);
    if (code) return code;
    struct group *group = table_group(table, key_group);
    bool is_heap = weir_reader_byte(from) != 0;
    uint32_t first = weir_reader_u32(from), count = weir_reader_u32(from);
    struct page_list *list = is_heap ? &group->heap : &group->rows;
    if (from->failed || first > list->count || count > list->count - first ||
        !read_pages(table, key_group, is_heap, first, count, from))
        return malformed(table, key_group, reterr);
    state->pages_missing -= count;
    return WEIR_OK;
}

void weir_state_restore_expect(struct weir_state *state, uint64_t bytes)
{
    state->restore_bytes = bytes;
}

enum weir_error_code weir_state_restore(
    struct weir_state *state, uint32_t key_group, const void *bytes, size_t length, struct weir_error *reterr)
{
    if (key_group - state->group_first >= state->group_count) {
        return weir_error_set(reterr, WEIR_E_STATE, "key group %u is not one of this subtask's, %u to %u",
            key_group, state->group_first, state->group_first + state->group_count - 1);
    }
    struct weir_reader reader = { .data = bytes, .length = length };
    uint32_t magic = weir_reader_u32(&reader);
    if (magic != WHOLE_MAGIC && magic != HEAD_MAGIC && magic != PART_MAGIC) {
        return weir_error_set(reterr, WEIR_E_STATE,
            "the state of key group %u does not start as a state section does", key_group);
    }
    while (reader.offset < reader.length) {
        enum weir_error_code code = magic == PART_MAGIC ? read_part(state, key_group, &reader, reterr)
                                    : magic == HEAD_MAGIC
                                        ? read_head_table(state, key_group, &reader, reterr)
                                        : read_whole_table(state, key_group, &reader, reterr);
        if (code) return code;
    }
    return WEIR_OK;
}

enum weir_error_code weir_state_restored(
    struct weir_state *state, uint64_t checkpoint_id, struct weir_error *reterr)
{
    if (state->pages_missing)
        return weir_error_set(reterr, WEIR_E_STATE, "the state lacks %llu pages that its key groups name",
            (unsigned long long)state->pages_missing);
    for (struct family *family = state->families; family; family = family->next)
        for (uint32_t t = 0; t < family->table_count; t++) weir_table_filled(family->tables[t]);
    state->restore_bytes = 0;
    /* What was written whole and would be written in parts now has no parts to refer to. */
    if (!state->restored_large_whole) remember(state, checkpoint_id);
    return WEIR_OK;
}
