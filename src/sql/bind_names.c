/* Sets of names, and names that are made different. */
#include "sql/bind.h"
#include "sql/name_hash.h"

#include <string.h>

enum { SLOTS_MIN = 16 };

/* Where name is, or the free slot where it would be. */
static struct bind_name *find(const struct bind_names *names, const char *name)
{
    uint32_t at = weir_sql_name_hash(name) & (names->slot_count - 1);
    while (names->slots[at].text && strcmp(names->slots[at].text, name) != 0)
        at = (at + 1) & (names->slot_count - 1);
    return &names->slots[at];
}

static void grow(struct bind_names *names)
{
    struct bind_names larger = { .context = names->context,
        .count = names->count,
        .slot_count = names->slot_count ? names->slot_count * 2 : SLOTS_MIN };
    larger.slots = WEIR_ARENA_ARRAY(names->context->arena, struct bind_name, larger.slot_count);
    for (uint32_t i = 0; i < names->slot_count; i++)
        if (names->slots[i].text) *find(&larger, names->slots[i].text) = names->slots[i];
    *names = larger;
}

bool weir_bind_names_add(struct bind_names *names, const char *name)
{
    if (names->count * 2 >= names->slot_count) grow(names);
    struct bind_name *slot = find(names, name);
    if (slot->text) return false;
    slot->text = name;
    names->count++;
    return true;
}

void weir_bind_unique_names(struct bind_context *context, const char **names, uint32_t count)
{
    struct bind_names taken = { .context = context };
    for (uint32_t i = 0; i < count; i++) {
        const char *name = names[i];
        while (!weir_bind_names_add(&taken, name)) {
            /* The numbers before next_number are taken for good: none is tried twice. */
            uint32_t number = find(&taken, names[i])->next_number++;
            name = weir_arena_format(context->arena, "%s%u", names[i], number);
        }
        names[i] = name;
    }
}
