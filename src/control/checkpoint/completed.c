/* What the record names: the completed checkpoints, what they reach, subsumption. */
#include "control/checkpoint/internal.h"
#include "base/assert.h"
#include <string.h>

struct checkpoint_completed *checkpoint__completed_find(
    const struct weir_checkpoint_coordinator *c, uint64_t id)
{
    for (uint32_t i = 0; i < c->completed_count; i++) {
        if (c->completed[i]->id == id) return c->completed[i];
    }
    return NULL;
}

/* For commit and restore. A savepoint that somebody asked for is neither. */
struct checkpoint_completed *checkpoint__newest(const struct weir_checkpoint_coordinator *c)
{
    for (uint32_t i = c->completed_count; i > 0; i--) {
        struct checkpoint_completed *done = c->completed[i - 1];
        if (done->named && done->kind != WEIR__CHECKPOINT_KIND__SAVEPOINT) return done;
    }
    return NULL;
}

const struct checkpoint_completed *checkpoint__restore_point(const struct weir_checkpoint_coordinator *c)
{
    const struct checkpoint_completed *newest = checkpoint__newest(c);
    return newest ? newest : c->origin;
}

uint64_t checkpoint__newest_base(const struct weir_checkpoint_coordinator *c)
{
    for (uint32_t i = c->completed_count; i > 0; i--) {
        const struct checkpoint_completed *done = c->completed[i - 1];
        if (done->named && done->kind == WEIR__CHECKPOINT_KIND__CHECKPOINT) return done->id;
    }
    return 0;
}

const Weir__SubtaskSnapshot *checkpoint__snapshot_of(const Weir__VertexSnapshot *vertex, uint32_t subtask)
{
    if (subtask < vertex->n_subtasks && vertex->subtasks[subtask]->subtask == subtask)
        return vertex->subtasks[subtask];
    for (size_t s = 0; s < vertex->n_subtasks; s++) {
        if (vertex->subtasks[s]->subtask == subtask) return vertex->subtasks[s];
    }
    return NULL;
}

static struct checkpoint_completed *completed_new(struct weir_checkpoint_coordinator *c, uint64_t id,
    uint64_t epoch, Weir__CheckpointKind kind, const char *pointer)
{
    struct checkpoint_completed *done = weir_memory_allocate_zeroed(c->memory, sizeof *done);
    weir_arena_init(&done->arena, c->memory);
    weir_arena_init(&done->metadata_arena, c->memory);
    done->id = id;
    done->epoch = epoch;
    done->kind = kind;
    done->pointer = weir_arena_string(&done->arena, pointer);
    done->load_back_off_us = CHECKPOINT_BACK_OFF_FIRST_US;
    return done;
}

static struct checkpoint_completed *completed_insert(
    struct weir_checkpoint_coordinator *c, struct checkpoint_completed *done)
{
    if (c->completed_count == c->completed_capacity) {
        uint32_t capacity = c->completed_capacity ? c->completed_capacity * 2 : 8;
        c->completed = weir_memory_reallocate(
            c->memory, c->completed, sizeof(void *) * c->completed_capacity, sizeof(void *) * capacity);
        c->completed_capacity = capacity;
    }
    uint32_t at = c->completed_count++;
    for (; at > 0 && c->completed[at - 1]->id > done->id; at--) c->completed[at] = c->completed[at - 1];
    c->completed[at] = done;
    return done;
}

struct checkpoint_completed *checkpoint__origin_new(
    struct weir_checkpoint_coordinator *c, const char *pointer)
{
    return completed_new(c, 0, 0, WEIR__CHECKPOINT_KIND__SAVEPOINT, pointer);
}

void checkpoint__completed_free(struct weir_checkpoint_coordinator *c, struct checkpoint_completed *done)
{
    if (!done) return;
    if (c->loading == done) c->loading = NULL;
    weir_arena_done(&done->arena);
    weir_arena_done(&done->metadata_arena);
    weir_memory_release(c->memory, done, sizeof *done);
}

/* The files that it reaches; the list outlives the metadata. */
void checkpoint__metadata_take(struct checkpoint_completed *done, Weir__CheckpointMetadata *metadata)
{
    uint32_t count = 0;
    for (size_t v = 0; v < metadata->n_vertices; v++) {
        for (size_t s = 0; s < metadata->vertices[v]->n_subtasks; s++)
            count += (uint32_t)metadata->vertices[v]->subtasks[s]->n_files;
    }
    const char **files = WEIR_ARENA_ARRAY(&done->arena, const char *, count);
    done->file_count = 0;
    for (size_t v = 0; v < metadata->n_vertices; v++) {
        for (size_t s = 0; s < metadata->vertices[v]->n_subtasks; s++) {
            const Weir__SubtaskSnapshot *snapshot = metadata->vertices[v]->subtasks[s];
            for (size_t f = 0; f < snapshot->n_files; f++)
                files[done->file_count++] = weir_arena_string(&done->arena, snapshot->files[f]);
        }
    }
    done->files = files;
    done->metadata = metadata;
    done->loaded = true;
}

void checkpoint__completed_add(struct weir_checkpoint_coordinator *c, struct checkpoint_pending *p)
{
    struct checkpoint_completed *done =
        completed_insert(c, completed_new(c, p->id, p->epoch, p->kind, p->pointer));
    done->metadata_arena = p->arena;
    weir_arena_init(&p->arena, c->memory);
    checkpoint__metadata_take(done, p->metadata);
}

/* Confirmed by the same write as one before it: it is added with what it holds in a moment. */
static bool is_about_to_come(const struct weir_checkpoint_coordinator *c, uint64_t id)
{
    const struct checkpoint_pending *p = checkpoint__pending_find(c, id);
    return p && p->state == PENDING_RECORD;
}

static void savepoints_sync(struct weir_checkpoint_coordinator *c, const Weir__JobRecord *record)
{
    for (size_t i = 0; i < record->n_savepoints; i++) {
        const Weir__SavepointRequest *savepoint = record->savepoints[i];
        if (savepoint->state != WEIR__SAVEPOINT_STATE__SAVEPOINT_COMPLETED || !savepoint->checkpoint)
            continue;
        struct checkpoint_completed *done = checkpoint__completed_find(c, savepoint->checkpoint);
        if (!done && is_about_to_come(c, savepoint->checkpoint)) continue;
        if (!done) {
            struct weir_arena scratch;
            weir_arena_init(&scratch, c->memory);
            done = completed_insert(
                c, completed_new(c, savepoint->checkpoint, 0, WEIR__CHECKPOINT_KIND__SAVEPOINT,
                       weir_arena_format(&scratch, "%s/_metadata", savepoint->path)));
            weir_arena_done(&scratch);
        }
        done->named = true;
    }
}

void checkpoint__completed_sync(struct weir_checkpoint_coordinator *c)
{
    const Weir__JobRecord *record = c->record->confirmed;
    for (uint32_t i = 0; i < c->completed_count; i++) c->completed[i]->named = false;
    for (size_t i = 0; i < record->n_checkpoints; i++) {
        const Weir__CompletedCheckpoint *named = record->checkpoints[i];
        struct checkpoint_completed *done = checkpoint__completed_find(c, named->id);
        if (!done && is_about_to_come(c, named->id)) continue;
        if (!done)
            done =
                completed_insert(c, completed_new(c, named->id, named->epoch, named->kind, named->pointer));
        done->named = true;
    }
    savepoints_sync(c, record);
    const struct checkpoint_completed *newest = checkpoint__newest(c);
    for (uint32_t i = 0; i < c->completed_count; i++) {
        struct checkpoint_completed *done = c->completed[i];
        if (done == newest || !done->metadata) continue;
        weir_arena_done(&done->metadata_arena); /* only the newest is restored from */
        done->metadata = NULL;
    }
}

static bool is_base(const struct weir_checkpoint_coordinator *c, uint64_t id)
{
    if (WEIR_PLANTED(checkpoint_base_forgotten)) return false;
    for (uint32_t i = 0; i < c->pending_count; i++) {
        if (c->pending[i]->base == id && c->pending[i]->state != PENDING_RESERVED) return true;
    }
    return false;
}

/* What no longer is reached goes at once; what cannot be judged now is left to the sweep. */
void checkpoint__subsume(struct weir_checkpoint_coordinator *c, struct weir_effects *effects)
{
    for (uint32_t i = 0; i < c->completed_count;) {
        struct checkpoint_completed *done = c->completed[i];
        if (done->named || done->unreadable || is_base(c, done->id)) {
            i++;
            continue;
        }
        c->completed_count--;
        memmove(&c->completed[i], &c->completed[i + 1], sizeof(void *) * (c->completed_count - i));
        if (done->kind != WEIR__CHECKPOINT_KIND__SAVEPOINT &&
            done->kind != WEIR__CHECKPOINT_KIND__STOP_SAVEPOINT) {
            const char **all = WEIR_ARENA_ARRAY(effects->arena, const char *, done->file_count + 1);
            if (done->file_count) memcpy(all, done->files, sizeof *all * done->file_count);
            all[done->file_count] = done->pointer;
            checkpoint__collect(c, all, done->file_count + 1, effects);
        }
        checkpoint__completed_free(c, done);
    }
}

static bool counts_as_retained(const Weir__CompletedCheckpoint *done)
{
    return done->kind == WEIR__CHECKPOINT_KIND__CHECKPOINT ||
           done->kind == WEIR__CHECKPOINT_KIND__FINAL_CHECKPOINT;
}

/* The savepoint of a stop subsumes nothing: it is the user's, and may go at any time. */
void checkpoint__record_add(struct weir_checkpoint_coordinator *c, const struct checkpoint_pending *p)
{
    Weir__JobRecord *wanted = c->record->wanted;
    struct weir_arena *arena = weir_record_arena(c->record);
    uint32_t retained_max = WEIR_MAX(c->settings->checkpoint_retained, 1), retained = 0;
    for (size_t i = 0; i < wanted->n_checkpoints; i++) retained += counts_as_retained(wanted->checkpoints[i]);
    Weir__CompletedCheckpoint *added =
        WEIR_PROTO_NEW(arena, Weir__CompletedCheckpoint, weir__completed_checkpoint);
    added->id = p->id;
    added->epoch = p->epoch;
    added->pointer = weir_arena_string(arena, p->pointer);
    added->kind = p->kind;
    added->completed_ms = c->wall_us / 1000;
    uint32_t surplus =
        counts_as_retained(added) && retained + 1 > retained_max ? retained + 1 - retained_max : 0;
    Weir__CompletedCheckpoint **checkpoints =
        WEIR_ARENA_ARRAY(arena, Weir__CompletedCheckpoint *, wanted->n_checkpoints + 1);
    size_t count = 0;
    for (size_t i = 0; i < wanted->n_checkpoints; i++) {
        if (surplus && counts_as_retained(wanted->checkpoints[i]))
            surplus--;
        else
            checkpoints[count++] = wanted->checkpoints[i];
    }
    checkpoints[count++] = added; /* ids grow, and older ones in flight are given up */
    wanted->checkpoints = checkpoints;
    wanted->n_checkpoints = count;
}

/* The change is not on its way yet, and what it names has lost a subtask: it must not be completed, for the
 * region that fails over now starts from what is confirmed. */
void checkpoint__record_retract(struct weir_checkpoint_coordinator *c, struct weir_effects *effects)
{
    Weir__JobRecord *wanted = c->record->wanted;
    const Weir__JobRecord *confirmed = c->record->confirmed;
    struct weir_arena *arena = weir_record_arena(c->record);
    size_t count = confirmed ? confirmed->n_checkpoints : 0;
    wanted->checkpoints = WEIR_ARENA_ARRAY(arena, Weir__CompletedCheckpoint *, count);
    wanted->n_checkpoints = count;
    for (size_t i = 0; i < count; i++)
        wanted->checkpoints[i] = WEIR_PROTO_COPY(arena, confirmed->checkpoints[i]);
    weir_record_changed(c->record, c->now_us, effects);
}
