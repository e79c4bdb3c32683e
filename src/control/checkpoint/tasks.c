/* The subtasks as the coordinator knows them, by vertex and number; attempts grouped by TaskManager. */
#include "control/checkpoint/internal.h"
#include "base/assert.h"
#include <string.h>

static uint32_t note_hash(uint32_t vertex, uint32_t subtask)
{
    uint64_t hash = ((uint64_t)vertex << 32 | subtask) * 0x9e3779b97f4a7c15u;
    return (uint32_t)(hash >> 32);
}

static struct task_note *note_slot(struct task_note *notes, uint32_t slots, uint32_t vertex, uint32_t subtask)
{
    for (uint32_t i = note_hash(vertex, subtask);; i++) {
        struct task_note *note = &notes[i & (slots - 1)];
        if (!note->used || (note->vertex == vertex && note->subtask == subtask)) return note;
    }
}

struct task_note *checkpoint__note(
    const struct weir_checkpoint_coordinator *c, uint32_t vertex, uint32_t subtask)
{
    if (!c->note_slots) return NULL;
    struct task_note *note = note_slot(c->notes, c->note_slots, vertex, subtask);
    return note->used ? note : NULL;
}

const struct weir_checkpoint_task *checkpoint__task(
    const struct weir_checkpoint_coordinator *c, uint32_t vertex, uint32_t subtask)
{
    const struct task_note *note = checkpoint__note(c, vertex, subtask);
    return note && note->task < c->task_count ? &c->tasks[note->task] : NULL;
}

static void notes_grow(struct weir_checkpoint_coordinator *c)
{
    uint32_t slots = c->note_slots ? c->note_slots * 2 : 64;
    struct task_note *notes = weir_memory_allocate_zeroed(c->memory, sizeof *notes * slots);
    for (uint32_t i = 0; i < c->note_slots; i++) {
        if (c->notes[i].used) *note_slot(notes, slots, c->notes[i].vertex, c->notes[i].subtask) = c->notes[i];
    }
    weir_memory_release(c->memory, c->notes, sizeof *notes * c->note_slots);
    c->notes = notes;
    c->note_slots = slots;
}

struct task_note *checkpoint__note_add(
    struct weir_checkpoint_coordinator *c, uint32_t vertex, uint32_t subtask)
{
    if ((c->note_count + 1) * 2 > c->note_slots) notes_grow(c);
    struct task_note *note = note_slot(c->notes, c->note_slots, vertex, subtask);
    if (!note->used) {
        *note = (struct task_note){ .used = true, .vertex = vertex, .subtask = subtask, .task = UINT32_MAX };
        c->note_count++;
    }
    return note;
}

/* A new attempt has committed nothing yet. */
void checkpoint__tasks_noted(struct weir_checkpoint_coordinator *c)
{
    c->committed_at = 0;
    for (uint32_t i = 0; i < c->note_slots; i++) c->notes[i].task = UINT32_MAX;
    for (uint32_t i = 0; i < c->task_count; i++) {
        const struct weir_checkpoint_task *task = &c->tasks[i];
        struct task_note *note = checkpoint__note_add(c, task->attempt.vertex, task->attempt.subtask);
        note->task = i;
        if (weir_attempt_id_equal(&note->attempt, &task->attempt)) continue;
        if (note->attempt.number || note->attempt.epoch) c->deposed_since = true;
        note->attempt = task->attempt;
        note->committed = note->split_epoch = note->split_sequence = 0;
        note->split_waiting = false;
    }
}

bool checkpoint__all_finished(const struct weir_checkpoint_coordinator *c)
{
    for (uint32_t i = 0; i < c->task_count; i++) {
        if (!c->tasks[i].finished || !c->tasks[i].final_snapshot) return false;
    }
    return c->task_count > 0;
}

void checkpoint__groups_init(struct node_groups *groups, struct weir_arena *arena)
{
    *groups = (struct node_groups){ .arena = arena };
}

static struct node_group *group_of(struct node_groups *groups, weir_node node)
{
    if ((groups->count + 1) * 2 > groups->slot_count) {
        groups->slot_count = groups->slot_count ? groups->slot_count * 2 : 16;
        groups->slots = WEIR_ARENA_ARRAY(groups->arena, uint32_t, groups->slot_count);
        for (uint32_t g = 0; g < groups->count; g++) {
            uint32_t at = groups->items[g].node * 0x9e3779b9u;
            while (groups->slots[at & (groups->slot_count - 1)]) at++;
            groups->slots[at & (groups->slot_count - 1)] = g + 1;
        }
    }
    uint32_t at = node * 0x9e3779b9u;
    for (;; at++) {
        uint32_t *slot = &groups->slots[at & (groups->slot_count - 1)];
        if (*slot && groups->items[*slot - 1].node == node) return &groups->items[*slot - 1];
        if (*slot) continue;
        if (groups->count == groups->capacity) {
            uint32_t capacity = groups->capacity ? groups->capacity * 2 : 8;
            struct node_group *items = WEIR_ARENA_ARRAY(groups->arena, struct node_group, capacity);
            if (groups->count) memcpy(items, groups->items, sizeof *items * groups->count);
            groups->items = items;
            groups->capacity = capacity;
        }
        groups->items[groups->count].node = node;
        *slot = ++groups->count;
        return &groups->items[groups->count - 1];
    }
}

void checkpoint__groups_add(struct node_groups *groups, weir_node node, const struct weir_attempt_id *attempt)
{
    struct node_group *group = group_of(groups, node);
    if (group->attempt_count == group->capacity) {
        size_t capacity = group->capacity ? group->capacity * 2 : 8;
        Weir__AttemptId **attempts = WEIR_ARENA_ARRAY(groups->arena, Weir__AttemptId *, capacity);
        if (group->attempt_count) memcpy(attempts, group->attempts, sizeof *attempts * group->attempt_count);
        group->attempts = attempts;
        group->capacity = capacity;
    }
    group->attempts[group->attempt_count++] = weir_attempt_id_to(groups->arena, attempt);
}
