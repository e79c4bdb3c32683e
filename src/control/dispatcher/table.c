/* Items by job id: open addressing with linear probing. */
#include "control/dispatcher/internal.h"
#include "base/assert.h"

enum { TABLE_CAPACITY_FIRST = 16 };

void dispatcher__table_init(struct dispatcher_table *table, struct weir_memory *memory)
{
    *table = (struct dispatcher_table){ .memory = memory, .capacity = TABLE_CAPACITY_FIRST };
    table->slots = weir_memory_allocate_zeroed(memory, sizeof *table->slots * table->capacity);
}

void dispatcher__table_done(struct dispatcher_table *table)
{
    weir_memory_release(table->memory, table->slots, sizeof *table->slots * table->capacity);
}

/* Its place, or the free one where it would be put. */
static uint32_t probe(const struct dispatcher_table *table, const struct weir_job_id *id)
{
    uint32_t at = (uint32_t)weir_job_id_hash(id) & (table->capacity - 1);
    while (table->slots[at] && !weir_job_id_equal(table->slots[at], id))
        at = (at + 1) & (table->capacity - 1);
    return at;
}

void *dispatcher__table_find(const struct dispatcher_table *table, const struct weir_job_id *id)
{
    return table->slots[probe(table, id)];
}

static void grow(struct dispatcher_table *table)
{
    struct dispatcher_table old = *table;
    table->capacity *= 2;
    table->slots = weir_memory_allocate_zeroed(table->memory, sizeof *table->slots * table->capacity);
    for (uint32_t i = 0; i < old.capacity; i++)
        if (old.slots[i]) table->slots[probe(table, old.slots[i])] = old.slots[i];
    weir_memory_release(old.memory, old.slots, sizeof *old.slots * old.capacity);
}

void dispatcher__table_add(struct dispatcher_table *table, struct weir_job_id *item)
{
    if ((table->count + 1) * 2 > table->capacity) grow(table);
    uint32_t at = probe(table, item);
    WEIR_ASSERT(!table->slots[at]);
    table->slots[at] = item;
    table->count++;
}

/* Moves back what was pushed past the gap, so that no marks of removed items are needed. */
void dispatcher__table_remove(struct dispatcher_table *table, const struct weir_job_id *id)
{
    uint32_t mask = table->capacity - 1, gap = probe(table, id);
    WEIR_ASSERT(table->slots[gap]);
    for (uint32_t at = (gap + 1) & mask; table->slots[at]; at = (at + 1) & mask) {
        uint32_t home = (uint32_t)weir_job_id_hash(table->slots[at]) & mask;
        if (((at - home) & mask) < ((at - gap) & mask)) continue;
        table->slots[gap] = table->slots[at];
        gap = at;
    }
    table->slots[gap] = NULL;
    table->count--;
}
