/* Making relational nodes. */
#include "sql/rel.h"

struct weir_rel *weir_rel_new(struct weir_arena *arena, enum weir_rel_kind kind, uint32_t input_count)
{
    struct weir_rel *rel = WEIR_ARENA_NEW(arena, struct weir_rel);
    rel->kind = kind;
    rel->input_count = input_count;
    rel->inputs = WEIR_ARENA_ARRAY(arena, struct weir_rel *, input_count + 1);
    return rel;
}
