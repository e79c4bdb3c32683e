/*
 * What a checkpoint must not refer to where it is, it gets copies of:
 *
 * - A savepoint refers to nothing outside of its own folder: its owner may move it, and the job's clean-up
 * takes what else there is. The snapshots of subtasks that had ended before are elsewhere.
 * - A checkpoint refers to nothing of the one that the job was started from: that one is its owner's
 * (NO_CLAIM), or is deleted as soon as the job has one of its own (CLAIM). The snapshots of subtasks that had
 * ended then are copied to where the job keeps those of its own.
 *
 * Copies are made without replacing, under names that are made of the original's: made again they are the
 * same. They come before the metadata, which names them (H4); of a savepoint that is given up they go with
 * its folder, of a checkpoint with the job's clean-up.
 */
#include "control/checkpoint/internal.h"
#include "base/assert.h"
#include <string.h>

enum { COPIES_IN_FLIGHT_MAX = 16 };

static bool is_users(const struct checkpoint_pending *p)
{
    return p->kind == WEIR__CHECKPOINT_KIND__SAVEPOINT || p->kind == WEIR__CHECKPOINT_KIND__STOP_SAVEPOINT;
}

static bool is_below(const char *path, const char *directory)
{
    size_t length = strlen(directory);
    return strncmp(path, directory, length) == 0 && path[length] == '/';
}

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Where the job's checkpoints have it; path itself: where it is. */
static const char *own_place(
    const struct weir_checkpoint_coordinator *c, struct checkpoint_pending *p, const char *path)
{
    const char *job = checkpoint__job_directory(c, &p->arena);
    if (is_below(path, job)) return path;
    /* Another job's attempts may be called as ours. */
    return weir_arena_format(&p->arena, "%s/taskowned/origin-%s", job, name_of(path));
}

/* Where p has it; path itself: where it is. */
static const char *place_for(struct checkpoint_pending *p, const char *path, const char *own)
{
    if (!is_users(p)) return own;
    if (WEIR_PLANTED(savepoint_refers_out)) return path;
    return weir_arena_format(&p->arena, "%s/%s", p->directory, name_of(own));
}

static bool is_there(const struct weir_checkpoint_coordinator *c, const char *path)
{
    for (uint32_t i = 0; i < c->completed_count; i++) {
        struct checkpoint_completed *done = c->completed[i];
        if (!done->named || !done->loaded) continue;
        if (!done->reached.slot_count) {
            checkpoint__set_init(&done->reached, &done->arena, done->file_count);
            for (uint32_t f = 0; f < done->file_count; f++)
                checkpoint__set_add(&done->reached, done->files[f]);
        }
        if (checkpoint__set_has(&done->reached, path)) return true;
    }
    return false;
}

void checkpoint__copies_plan(const struct weir_checkpoint_coordinator *c, struct checkpoint_pending *p)
{
    uint32_t files = 0;
    for (uint32_t i = 0; i < p->part_count; i++) files += (uint32_t)p->parts[i].snapshot->n_files;
    p->copies = NULL;
    p->copy_count = p->copies_done = 0;
    for (uint32_t i = 0; i < p->part_count; i++) {
        const Weir__SubtaskSnapshot *snapshot = p->parts[i].snapshot;
        for (size_t f = 0; f < snapshot->n_files; f++) {
            const char *path = snapshot->files[f];
            if (is_users(p) && is_below(path, p->directory)) continue;
            const char *own = own_place(c, p, path);
            const char *to = place_for(p, path, own);
            if (to == path) continue;
            if (!p->copies) p->copies = WEIR_ARENA_ARRAY(&p->arena, struct checkpoint_copy, files);
            /* What a job was started from may be gone once it has a copy. */
            const char *from = own != path && is_there(c, own) ? own : path;
            if (!is_there(c, to))
                p->copies[p->copy_count++] = (struct checkpoint_copy){
                    .from = from, .to = to, .back_off_us = CHECKPOINT_BACK_OFF_FIRST_US
                };
            snapshot->files[f] = (char *)to; /* our own copy of the snapshot */
        }
    }
}

bool checkpoint__copies_advance(
    struct weir_checkpoint_coordinator *c, struct checkpoint_pending *p, struct weir_effects *effects)
{
    uint32_t in_flight = 0;
    if (p->copies_done == p->copy_count) return true;
    for (uint32_t i = 0; i < p->copy_count; i++) in_flight += p->copies[i].number && !p->copies[i].done;
    for (uint32_t i = 0; i < p->copy_count && in_flight < COPIES_IN_FLIGHT_MAX; i++) {
        struct checkpoint_copy *copy = &p->copies[i];
        if (copy->done || copy->number || c->now_us < copy->at_us) continue;
        copy->number = ++c->copy_number;
        c->puts_in_flight++;
        in_flight++;
        weir_effect_blob(effects, checkpoint__tag(c, CHECKPOINT_TAG_COPY, copy->number),
            (struct weir_blob_effect){ .operation = WEIR_BLOB_COPY,
                .path = weir_arena_string(effects->arena, copy->from),
                .copy_to = weir_arena_string(effects->arena, copy->to) });
    }
    return false;
}

static struct checkpoint_copy *find(
    const struct weir_checkpoint_coordinator *c, uint64_t number, struct checkpoint_pending **ret)
{
    for (uint32_t i = 0; i < c->pending_count; i++) {
        for (uint32_t k = 0; k < c->pending[i]->copy_count; k++) {
            if (c->pending[i]->copies[k].number != number || c->pending[i]->copies[k].done) continue;
            *ret = c->pending[i];
            return &c->pending[i]->copies[k];
        }
    }
    return NULL;
}

void checkpoint__copied(
    struct weir_checkpoint_coordinator *c, const struct weir_event *event, struct weir_effects *effects)
{
    struct checkpoint_pending *p;
    struct checkpoint_copy *copy = find(c, event->tag.number, &p);
    c->puts_in_flight--;
    if (!copy) {
        checkpoint__sweep_want(c); /* given up meanwhile */
        return;
    }
    copy->number = 0;
    if (event->blob.outcome == WEIR_BLOB_OK || event->blob.outcome == WEIR_BLOB_EXISTS) {
        copy->done = true;
        p->copies_done++;
    } else if (event->blob.outcome == WEIR_BLOB_NOT_FOUND) {
        checkpoint__abort(c, p, ABORT_COUNTED,
            weir_arena_format(
                effects->arena, "'%s', the snapshot of a subtask that has ended, is not there", copy->from),
            effects);
    } else {
        copy->at_us = c->now_us + checkpoint__back_off(&copy->back_off_us);
    }
}

int64_t checkpoint__copies_due(const struct checkpoint_pending *p)
{
    int64_t due_us = INT64_MAX;
    for (uint32_t i = 0; i < p->copy_count; i++)
        if (!p->copies[i].done && !p->copies[i].number) due_us = WEIR_MIN(due_us, p->copies[i].at_us);
    return due_us;
}
