/*
 * State of the origin that the job has no operator for: of a vertex that is gone, or of an operator that is
 * gone from a vertex that stayed. It is named and refused, or, when that was said, named and left behind.
 *
 * Plans and snapshots of before operators were listed name none: of those, vertices are all that is compared.
 */
#include "control/checkpoint/internal.h"
#include <stdio.h>
#include <string.h>

enum { NAMES_BYTES_MAX = 1024 };

struct left_behind {
    struct weir_arena *arena;
    const Weir__PlanVertex *vertex; /* the job's; NULL: it has none of that id */
    uint32_t vertex_id;
    const char *first; /* what a refusal says of the one found first; NULL: all is taken */
    const char **uids; /* of this vertex, each once */
    uint32_t uid_count, uid_capacity;
    uint32_t count; /* of all vertices */
    char names[NAMES_BYTES_MAX];
};

static bool has(char *const *list, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i], text) == 0) return true;
    return false;
}

static void note(struct left_behind *left, const char *name, const char *first)
{
    size_t length = strlen(left->names);
    snprintf(left->names + length, sizeof left->names - length, "%s%.200s", left->count ? ", " : "", name);
    if (!left->first) left->first = first;
    left->count++;
}

static void note_vertex(struct left_behind *left)
{
    note(left, weir_arena_format(left->arena, "vertex %u", left->vertex_id),
        weir_arena_format(left->arena, "vertex %u, which this job does not have", left->vertex_id));
}

static void note_operator(struct left_behind *left, const char *uid)
{
    if (!left->vertex->n_operators || has(left->vertex->operators, left->vertex->n_operators, uid)) return;
    for (uint32_t i = 0; i < left->uid_count; i++)
        if (strcmp(left->uids[i], uid) == 0) return;
    if (left->uid_count == left->uid_capacity) {
        left->uid_capacity = WEIR_MAX(left->uid_capacity * 2, 8u);
        const char **grown = WEIR_ARENA_ARRAY(left->arena, const char *, left->uid_capacity);
        for (uint32_t i = 0; i < left->uid_count; i++) grown[i] = left->uids[i];
        left->uids = grown;
    }
    left->uids[left->uid_count++] = uid;
    note(left, weir_arena_format(left->arena, "operator '%.200s' of vertex %u", uid, left->vertex_id),
        weir_arena_format(left->arena,
            "operator '%.200s' of vertex %u, which this job does not have in that vertex ('%.200s')", uid,
            left->vertex_id, left->vertex->name));
}

static void look_at(struct left_behind *left, const Weir__VertexSnapshot *snapshot)
{
    bool has_state = false;
    left->uid_count = 0;
    for (size_t s = 0; s < snapshot->n_subtasks; s++) {
        const Weir__SubtaskSnapshot *subtask = snapshot->subtasks[s];
        has_state |= subtask->bytes_full > 0;
        for (size_t i = 0; left->vertex && i < subtask->n_operators; i++)
            note_operator(left, subtask->operators[i]);
    }
    if (!left->vertex && has_state) note_vertex(left);
    if (left->vertex && snapshot->enumerator.len && snapshot->enumerated && *snapshot->enumerated)
        note_operator(left, snapshot->enumerated);
}

const char *checkpoint__left_behind(const struct weir_checkpoint_coordinator *c,
    const struct checkpoint_completed *origin, const Weir__CheckpointMetadata *metadata,
    struct weir_effects *effects)
{
    struct left_behind left = { .arena = effects->arena };
    for (size_t s = 0; s < metadata->n_vertices; s++) {
        left.vertex = NULL;
        left.vertex_id = metadata->vertices[s]->vertex;
        for (uint32_t v = 0; v < c->vertex_count; v++)
            if (c->vertices[v]->id == left.vertex_id) left.vertex = c->vertices[v];
        look_at(&left, metadata->vertices[s]);
    }
    if (!left.first) return NULL;
    if (!c->record->confirmed->restore->allow_non_restored_state)
        return weir_arena_format(effects->arena,
            "it holds state of %s: it was taken of another job or plan. -n (--allowNonRestoredState) leaves "
            "such "
            "state behind",
            left.first);
    weir_effect_log(effects, WEIR_CONTROL_WARN,
        "State in '%s' is left behind (--allowNonRestoredState): this job has nothing that takes that of %s.",
        origin->pointer, left.names);
    return NULL;
}
