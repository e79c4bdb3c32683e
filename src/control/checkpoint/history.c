/* The last checkpoints, and those under way, for those who look at them: nothing is decided by it. */
#include "control/checkpoint/internal.h"
#include <stdio.h>
#include <string.h>

static void drop_parts(struct weir_checkpoint_coordinator *c, struct history_parts *kept)
{
    if (!kept->parts) return;
    weir_memory_release(c->memory, kept->parts, sizeof *kept->parts * kept->count);
    c->history_parts_count -= kept->count;
    *kept = (struct history_parts){ .parts = NULL };
}

void checkpoint__history_free(struct weir_checkpoint_coordinator *c)
{
    for (uint32_t i = 0; i < CHECKPOINT_HISTORY_MAX; i++) drop_parts(c, &c->history_parts[i]);
}

void checkpoint__part_note(struct weir_checkpoint_coordinator *c, const struct checkpoint_pending *p,
    struct checkpoint_part *part, const Weir__AcknowledgeCheckpoint *message)
{
    part->shown = (struct weir_checkpoint_part){ .acknowledged = true,
        .acknowledged_wall_us = c->wall_us,
        .duration_us = c->now_us - p->triggered_us,
        .bytes_full = part->snapshot->bytes_full,
        .bytes_written = part->final ? 0 : part->snapshot->bytes_written };
    if (!message) return;
    part->shown.alignment_ms = message->alignment_ms;
    part->shown.sync_ms = message->sync_ms;
    part->shown.async_ms = message->async_ms;
    int64_t delay_ms = message->barrier_ms - p->triggered_wall_us / 1000; /* clocks of two hosts */
    if (message->barrier_ms > 0 && delay_ms > 0)
        part->shown.start_delay_ms = (uint32_t)WEIR_MIN(delay_ms, (int64_t)UINT32_MAX);
}

static void copy_parts(const struct checkpoint_pending *p, struct weir_checkpoint_part *ret)
{
    for (uint32_t i = 0; i < p->part_count; i++) {
        ret[i] = p->parts[i].shown;
        ret[i].vertex = p->parts[i].attempt.vertex;
        ret[i].subtask = p->parts[i].attempt.subtask;
    }
}

static void keep_parts(struct weir_checkpoint_coordinator *c, const struct checkpoint_pending *p, uint32_t at)
{
    drop_parts(c, &c->history_parts[at]);
    if (!p->part_count || p->part_count > WEIR_CHECKPOINT_HISTORY_PARTS_MAX) return;
    for (uint32_t i = 1; c->history_parts_count + p->part_count > WEIR_CHECKPOINT_HISTORY_PARTS_MAX; i++)
        drop_parts(c, &c->history_parts[(at + i) % CHECKPOINT_HISTORY_MAX]);
    struct history_parts *kept = &c->history_parts[at];
    kept->parts = weir_memory_allocate_zeroed(c->memory, sizeof *kept->parts * p->part_count);
    kept->count = p->part_count;
    copy_parts(p, kept->parts);
    c->history_parts_count += kept->count;
}

static struct weir_checkpoint_history_entry entry_of(const struct weir_checkpoint_coordinator *c,
    const struct checkpoint_pending *p, enum weir_checkpoint_outcome outcome, const char *text)
{
    struct weir_checkpoint_history_entry entry = { .id = p->id,
        .kind = p->kind,
        .outcome = outcome,
        .triggered_wall_us = p->triggered_wall_us,
        .subtasks = p->part_count,
        .acknowledged = p->acknowledged_count,
        .bytes_full = p->bytes_full,
        .bytes_written = p->bytes_written };
    if (p->triggered_us) entry.duration_us = c->now_us - p->triggered_us;
    snprintf(entry.text, sizeof entry.text, "%s", text ? text : p->pointer); /* where, or why it is not */
    return entry;
}

void checkpoint__history_add(struct weir_checkpoint_coordinator *c, const struct checkpoint_pending *p,
    enum weir_checkpoint_outcome outcome, const char *text)
{
    uint32_t at = c->history_count++ % CHECKPOINT_HISTORY_MAX;
    c->history[at] = entry_of(c, p, outcome, text);
    keep_parts(c, p, at);
}

uint32_t weir_checkpoint_history(
    const struct weir_checkpoint_coordinator *c, struct weir_checkpoint_history_entry *ret, uint32_t capacity)
{
    uint32_t count = WEIR_MIN(c->history_count, (uint32_t)CHECKPOINT_HISTORY_MAX);
    count = WEIR_MIN(count, capacity);
    for (uint32_t i = 0; i < count; i++)
        ret[i] = c->history[(c->history_count - 1 - i) % CHECKPOINT_HISTORY_MAX];
    return count;
}

uint32_t weir_checkpoint_in_progress(
    const struct weir_checkpoint_coordinator *c, struct weir_checkpoint_history_entry *ret, uint32_t capacity)
{
    uint32_t count = 0;
    for (uint32_t i = c->pending_count; i > 0 && count < capacity; i--)
        if (c->pending[i - 1]->state != PENDING_RESERVED)
            ret[count++] = entry_of(c, c->pending[i - 1], WEIR_CHECKPOINT_IN_PROGRESS, NULL);
    return count;
}

const struct weir_checkpoint_part *weir_checkpoint_parts(const struct weir_checkpoint_coordinator *c,
    uint64_t checkpoint, struct weir_arena *arena, uint32_t *ret_count)
{
    const struct checkpoint_pending *p = checkpoint__pending_find(c, checkpoint);
    if (p && p->state != PENDING_RESERVED) {
        struct weir_checkpoint_part *parts =
            WEIR_ARENA_ARRAY(arena, struct weir_checkpoint_part, p->part_count + 1);
        copy_parts(p, parts);
        *ret_count = p->part_count;
        return parts;
    }
    uint32_t count = WEIR_MIN(c->history_count, (uint32_t)CHECKPOINT_HISTORY_MAX);
    for (uint32_t i = 0; i < count; i++) {
        if (c->history[i].id != checkpoint) continue;
        *ret_count = c->history_parts[i].count;
        return c->history_parts[i].parts;
    }
    return NULL;
}
