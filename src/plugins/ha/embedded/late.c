#include "late.h"
#include "presence.h"
#include <unistd.h>

struct embedded_late_batch {
    struct embedded_late_batch *next;
    uint64_t due_ns; /* of the boot clock */
    int descriptor;
    uint32_t count;
    struct weir_memory *memory;
    struct weir_arena arena; /* directories */
    const char *directories[EMBEDDED_WRITES_MAX];
};

void embedded_late_init(struct embedded_late *late)
{
    *late = (struct embedded_late){ .last = &late->first };
}

static void batch_free(struct embedded_late_batch *batch)
{
    weir_arena_done(&batch->arena);
    weir_memory_release(batch->memory, batch, sizeof *batch);
}

void embedded_late_drop(struct embedded_late *late)
{
    for (struct embedded_late_batch *batch = late->first, *next; batch; batch = next) {
        next = batch->next;
        close(batch->descriptor);
        batch_free(batch);
    }
    embedded_late_init(late);
}

struct embedded_late_batch *embedded_late_batch_new(
    struct weir_memory *memory, int descriptor, const struct embedded_write *writes, uint32_t count)
{
    struct embedded_late_batch *batch = weir_memory_allocate_zeroed(memory, sizeof *batch);
    batch->memory = memory;
    weir_arena_init(&batch->arena, memory);
    batch->due_ns = embedded_boot_time_ns() + (uint64_t)EMBEDDED_LATE_MS * 1000000;
    batch->descriptor = descriptor;
    for (uint32_t i = 0; i < count; i++)
        if (writes[i].relaxed && writes[i].outcome == WEIR_HA_OK)
            batch->directories[batch->count++] = weir_arena_string(&batch->arena, writes[i].directory);
    return batch;
}

void embedded_late_batch_sync(struct embedded_late_batch *batch)
{
    embedded_keys_sync(batch->descriptor, batch->directories, batch->count);
    batch_free(batch);
}

bool embedded_late_add(struct embedded_late *late, struct embedded_late_batch *batch)
{
    if (late->count == EMBEDDED_LATE_MAX) return false;
    *late->last = batch;
    late->last = &batch->next;
    late->count++;
    return true;
}

bool embedded_late_is_due(const struct embedded_late *late)
{
    return late->first && !late->under_way && late->first->due_ns <= embedded_boot_time_ns();
}

struct embedded_late_batch *embedded_late_take(struct embedded_late *late)
{
    if (!embedded_late_is_due(late)) return NULL;
    struct embedded_late_batch *batch = late->first;
    late->first = batch->next;
    if (!batch->next) late->last = &late->first;
    batch->next = NULL;
    late->count--;
    late->under_way = true;
    return batch;
}
