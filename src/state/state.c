/* The state of one operator in one subtask: making and freeing. */
#include "state/internal.h"

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

void weir_retired_release(struct weir_state *state)
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
    weir_retired_release(state);
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
