#include "control/checkpoint/internal.h"
void checkpoint__splits_start(struct weir_checkpoint_coordinator *c) {}
void checkpoint__splits_free(struct weir_checkpoint_coordinator *c) {}
void checkpoint__splits_tasks_changed(struct weir_checkpoint_coordinator *c, struct weir_effects *effects) {}
void checkpoint__splits_advance(struct weir_checkpoint_coordinator *c, struct weir_effects *effects) {}
void checkpoint__splits_requested(
    struct weir_checkpoint_coordinator *c, const struct weir_event *event, struct weir_effects *effects)
{
}
void checkpoint__splits_listed(
    struct weir_checkpoint_coordinator *c, const struct weir_event *event, struct weir_effects *effects)
{
}
void checkpoint__splits_resend(
    struct weir_checkpoint_coordinator *c, uint32_t vertex, uint32_t subtask, struct weir_effects *effects)
{
}
void checkpoint__enumerator_write(
    const struct weir_checkpoint_coordinator *c, Weir__VertexSnapshot *vertex, struct weir_arena *arena)
{
}
int64_t checkpoint__splits_due(const struct weir_checkpoint_coordinator *c)
{
    return INT64_MAX;
}
