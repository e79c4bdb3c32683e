/* The state of one operator in one subtask: making, freeing, snapshots, restoring. */
#include "state/internal.h"

enum { SECTION_MAGIC = 0x57535431 /* "WST1" */ };

struct weir_state *weir_state_new(struct weir_memory *memory, uint32_t key_group_first,
    uint32_t key_group_last, uint32_t max_parallelism, const int64_t *now_ms)
{
    WEIR_ASSERT(key_group_first <= key_group_last && key_group_last < max_parallelism &&
                max_parallelism <= WEIR_KEY_GROUPS_MAX);
    struct weir_state *state = weir_memory_allocate_zeroed(memory, sizeof *state);
    state->parent = memory;
    weir_memory_child_init(&state->memory_counter, memory, 0);
    state->memory = &state->memory_counter;
    state->group_first = key_group_first;
    state->group_count = key_group_last - key_group_first + 1;
    state->max_parallelism = max_parallelism;
    state->now_ms = now_ms;
    state->epoch = 1;
    weir_arena_init(&state->arena, state->memory);
    weir_arena_init(&state->scratch, state->memory);
    weir_buffer_init(&state->bytes, state->memory, (size_t)1 << 31);
    return state;
}

static void release_retired(struct weir_state *state)
{
    for (uint32_t i = 0; i < state->retired_count; i++) {
        weir_page_release(
            state, state->retired[i].pointer, state->retired[i].bytes, state->retired[i].alignment);
    }
    state->retired_count = 0;
}

void weir_state_free(struct weir_state *state)
{
    if (!state) return;
    state->pending = 0;
    release_retired(state);
    for (struct family *family = state->families; family; family = family->next) {
        for (uint32_t i = 0; i < family->table_count; i++) weir_table_free(family->tables[i]);
        if (family->spare) weir_table_free(family->spare);
        weir_memory_release(
            state->memory, family->tables, family->table_capacity * sizeof(struct weir_table *));
    }
    weir_slabs_release(state);
    weir_memory_release(state->memory, state->retired, state->retired_capacity * sizeof(struct retired));
    weir_buffer_done(&state->bytes);
    weir_arena_done(&state->scratch);
    weir_arena_done(&state->arena);
    weir_memory_release(state->parent, state, sizeof *state);
}

size_t weir_state_bytes(const struct weir_state *state)
{
    return atomic_load(&state->memory_counter.used_bytes);
}

/* --- snapshots --- */

/* A table as it was at the barrier: the arrays and pages that groups name are immutable while the snapshot is
 * pending. */
struct frozen_table {
    const struct family *family;
    int64_t partition;
    struct group *groups;
};

struct weir_state_snapshot {
    struct weir_state *state;
    uint64_t checkpoint_id;
    struct frozen_table *tables;
    uint32_t table_count;
    struct weir_buffer buffer; /* of write() */
};

struct weir_state_snapshot *weir_state_snapshot_begin(struct weir_state *state, uint64_t checkpoint_id)
{
    struct weir_state_snapshot *snapshot = weir_memory_allocate_zeroed(state->memory, sizeof *snapshot);
    snapshot->state = state;
    snapshot->checkpoint_id = checkpoint_id;
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
    state->epoch++;
    state->pending++;
    return snapshot;
}

static void write_pages(const struct page_list *list, size_t unit, struct weir_buffer *to)
{
    weir_buffer_append_u32(to, list->count);
    for (uint32_t i = 0; i < list->count; i++) {
        const struct page *page = list->pages[i];
        weir_buffer_append_u32(to, page->bytes);
        weir_buffer_append_u32(to, page->used);
        weir_buffer_append(to, page->data, page->used * unit);
    }
}

static void write_group(const struct frozen_table *frozen, const struct group *group, struct weir_buffer *to)
{
    size_t name_length = strlen(frozen->family->name);
    weir_buffer_append_u32(to, (uint32_t)name_length);
    weir_buffer_append(to, frozen->family->name, name_length);
    weir_buffer_append_u64(to, (uint64_t)frozen->partition);
    weir_buffer_append_u64(to, frozen->family->layout_hash);
    weir_buffer_append_u32(to, frozen->family->stride);
    weir_buffer_append_u64(to, group->live);
    weir_buffer_append_u64(to, group->free_row);
    weir_buffer_append_byte(to, group->free_blocks != NULL);
    if (group->free_blocks) weir_buffer_append(to, group->free_blocks, HEAP_CLASSES * sizeof(uint64_t));
    write_pages(&group->rows, frozen->family->stride, to);
    write_pages(&group->heap, 1, to);
}

enum weir_error_code weir_state_snapshot_write(struct weir_state_snapshot *snapshot,
    enum weir_error_code (*put)(
        void *context, uint32_t key_group, const void *bytes, size_t length, struct weir_error *reterr),
    void *context, struct weir_error *reterr)
{
    for (uint32_t g = 0; g < snapshot->state->group_count; g++) {
        weir_buffer_clear(&snapshot->buffer);
        for (uint32_t t = 0; t < snapshot->table_count; t++) {
            const struct frozen_table *frozen = &snapshot->tables[t];
            if (!frozen->groups || !frozen->groups[g].live) continue;
            if (snapshot->buffer.length == 0) weir_buffer_append_u32(&snapshot->buffer, SECTION_MAGIC);
            write_group(frozen, &frozen->groups[g], &snapshot->buffer);
        }
        if (snapshot->buffer.length == 0) continue;
        enum weir_error_code code = put(context, snapshot->state->group_first + g, snapshot->buffer.data,
            snapshot->buffer.length, reterr);
        if (code) return code;
    }
    return WEIR_OK;
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
    weir_buffer_done(&snapshot->buffer);
    weir_memory_release(state->memory, snapshot, sizeof *snapshot);
    if (--state->pending == 0) release_retired(state);
}

/* --- restoring --- */

static struct family *find_family(struct weir_state *state, const char *name, size_t length)
{
    for (struct family *family = state->families; family; family = family->next) {
        if (strlen(family->name) == length && memcmp(family->name, name, length) == 0) return family;
    }
    return NULL;
}

static bool read_pages(struct weir_state *state, struct page_list *list, size_t unit, uint32_t pages_max,
    struct weir_reader *from)
{
    uint32_t count = weir_reader_u32(from);
    if (from->failed || count > pages_max) return false;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t bytes = weir_reader_u32(from), used = weir_reader_u32(from);
        if (from->failed || (uint64_t)used * unit > bytes || bytes > (uint32_t)1 << 31) return false;
        const void *data = weir_reader_bytes(from, used * unit);
        if (from->failed) return false;
        struct page *page = weir_page_list_add(state, list, bytes);
        page->used = used;
        if (used) memcpy(page->data, data, used * unit);
    }
    return true;
}

static void enter_rows(struct weir_table *table, uint32_t key_group)
{
    struct group *group = table_group(table, key_group);
    const size_t stride = table->family->stride;
    if (table->family->indexed)
        weir_table_rebuild(table, WEIR_MAX(table->live + group->live, table->directory_mask * 3 / 5));
    for (uint32_t p = 0; p < group->rows.count; p++) {
        const struct page *page = group->rows.pages[p];
        for (uint32_t slot = 0; slot < page->used; slot++) {
            const uint8_t *row = page->data + slot * stride;
            if (!row_live(row)) continue;
            if (table->family->indexed)
                weir_directory_enter(table, row_hash(row), make_ref(key_group, p, slot));
            table->live++;
        }
    }
}

static enum weir_error_code read_group(
    struct weir_state *state, uint32_t key_group, struct weir_reader *from, struct weir_error *reterr)
{
    uint32_t name_length = weir_reader_u32(from);
    const char *name = weir_reader_bytes(from, name_length);
    int64_t partition = (int64_t)weir_reader_u64(from);
    uint64_t layout_hash = weir_reader_u64(from);
    uint32_t stride = weir_reader_u32(from);
    if (from->failed)
        return weir_error_set(reterr, WEIR_E_STATE, "the state of key group %u ends early", key_group);
    struct family *family = find_family(state, name, name_length);
    if (!family) {
        return weir_error_set(reterr, WEIR_E_STATE,
            "the state of key group %u has a table '%.*s' that this operator does not have", key_group,
            (int)WEIR_MIN(name_length, 100u), name);
    }
    if (family->layout_hash != layout_hash || family->stride != stride) {
        return weir_error_set(reterr, WEIR_E_STATE,
            "table '%s' of the snapshot has other column types than the operator: state can be restored "
            "only by a query with the same keys, columns and functions",
            family->name);
    }
    struct weir_table *any = family->tables[0];
    struct weir_table *table = weir_table_partition(any, partition, true);
    struct group *group = table_group(table, key_group);
    if (group->live || group->rows.count) {
        return weir_error_set(
            reterr, WEIR_E_STATE, "table '%s': key group %u is restored twice", family->name, key_group);
    }
    group->live = weir_reader_u64(from);
    group->free_row = weir_reader_u64(from);
    if (weir_reader_byte(from)) {
        const void *heads = weir_reader_bytes(from, HEAP_CLASSES * sizeof(uint64_t));
        if (heads) memcpy(weir_group_free_blocks(state, group), heads, HEAP_CLASSES * sizeof(uint64_t));
    }
    if (from->failed || !read_pages(state, &group->rows, stride, GROUP_PAGES_MAX, from) ||
        !read_pages(state, &group->heap, 1, 1 << 20, from)) {
        return weir_error_set(reterr, WEIR_E_STATE, "table '%s': the pages of key group %u are malformed",
            family->name, key_group);
    }
    enter_rows(table, key_group);
    return WEIR_OK;
}

enum weir_error_code weir_state_restore(
    struct weir_state *state, uint32_t key_group, const void *bytes, size_t length, struct weir_error *reterr)
{
    if (key_group - state->group_first >= state->group_count) {
        return weir_error_set(reterr, WEIR_E_STATE, "key group %u is not one of this subtask's, %u to %u",
            key_group, state->group_first, state->group_first + state->group_count - 1);
    }
    struct weir_reader reader = { .data = bytes, .length = length };
    if (weir_reader_u32(&reader) != SECTION_MAGIC) {
        return weir_error_set(reterr, WEIR_E_STATE,
            "the state of key group %u does not start as a state section does", key_group);
    }
    while (reader.offset < reader.length) {
        enum weir_error_code code = read_group(state, key_group, &reader, reterr);
        if (code) return code;
    }
    return WEIR_OK;
}
