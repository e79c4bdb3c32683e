/*
 * Deletion of the job's files, and the sweep (H5, H10).
 *
 * Every rule here says "nothing will ever name this", not "nothing names it now": so a deletion that is
 * carried out late, even by a leader that has been deposed meanwhile, takes nothing that a newer one builds
 * on. chk-<id>/...   the id was used by an older leader, or by this one and is not in flight; and neither
 * what the record names nor a pending base reaches it. Ids of a newer leader are larger than ours.
 *   ...-final...   of an attempt below the one that the newest completed checkpoint names for that subtask
 *   else           not touched before the job's clean-up
 */
#include "control/checkpoint/internal.h"
#include "base/assert.h"
#include <string.h>

/* ---------------------------------------------------------------- what is reached */

static void mark_snapshot(struct text_set *set, const Weir__SubtaskSnapshot *snapshot)
{
    for (size_t f = 0; snapshot && f < snapshot->n_files; f++) checkpoint__set_add(set, snapshot->files[f]);
}

static void mark_completed(struct text_set *set, const struct checkpoint_completed *done)
{
    checkpoint__set_add(set, done->pointer);
    for (uint32_t f = 0; f < done->file_count; f++) checkpoint__set_add(set, done->files[f]);
}

void checkpoint__mark_checkpoints(
    const struct weir_checkpoint_coordinator *c, struct text_set *set, struct weir_arena *arena)
{
    checkpoint__set_init(set, arena, 256);
    for (uint32_t i = 0; i < c->completed_count; i++) mark_completed(set, c->completed[i]);
}

void checkpoint__mark_all(
    const struct weir_checkpoint_coordinator *c, struct text_set *set, struct weir_arena *arena)
{
    checkpoint__mark_checkpoints(c, set, arena);
    if (c->origin && !checkpoint__origin_is_ours(c)) mark_completed(set, c->origin);
    if (WEIR_PLANTED(checkpoint_sweep_takes_pending)) return;
    for (uint32_t i = 0; i < c->pending_count; i++) {
        const struct checkpoint_pending *p = c->pending[i];
        checkpoint__set_add(set, p->pointer);
        for (uint32_t s = 0; s < p->part_count; s++) mark_snapshot(set, p->parts[s].snapshot);
    }
    for (uint32_t i = 0; i < c->task_count; i++) mark_snapshot(set, c->tasks[i].final_snapshot);
}

/* ---------------------------------------------------------------- what may go */

static bool number_before(const char **end, const char *start, uint64_t *ret)
{
    const char *at = *end;
    uint64_t value = 0, place = 1;
    while (at > start && at[-1] >= '0' && at[-1] <= '9' && place < UINT64_MAX / 100) {
        value += (uint64_t)(*--at - '0') * place;
        place *= 10;
    }
    bool some = at < *end;
    *end = at;
    *ret = value;
    return some;
}

static bool character_before(const char **end, const char *start, char character)
{
    if (*end == start || (*end)[-1] != character) return false;
    (*end)--;
    return true;
}

/* "...e<epoch>.<number>-<vertex>-<subtask>-final...": whose final snapshot a file is. */
static bool final_of(const char *path, struct weir_attempt_id *ret)
{
    const char *name = strrchr(path, '/');
    name = name ? name + 1 : path;
    const char *end = strstr(name, "-final");
    uint64_t vertex, subtask, epoch, number;
    if (!end || !number_before(&end, name, &subtask) || !character_before(&end, name, '-') ||
        !number_before(&end, name, &vertex) || !character_before(&end, name, '-') ||
        !number_before(&end, name, &number) || !character_before(&end, name, '.') ||
        !number_before(&end, name, &epoch) || !character_before(&end, name, 'e'))
        return false;
    *ret = (struct weir_attempt_id){
        .vertex = (uint32_t)vertex, .subtask = (uint32_t)subtask, .epoch = epoch, .number = (uint32_t)number
    };
    return true;
}

static bool final_is_deposed(const struct weir_checkpoint_coordinator *c, const char *path)
{
    struct weir_attempt_id attempt, named;
    const struct checkpoint_completed *newest = checkpoint__newest(c);
    if (!newest || !newest->metadata || !final_of(path, &attempt)) return false;
    for (size_t v = 0; v < newest->metadata->n_vertices; v++) {
        const Weir__VertexSnapshot *vertex = newest->metadata->vertices[v];
        if (vertex->vertex != attempt.vertex) continue;
        const Weir__SubtaskSnapshot *snapshot = checkpoint__snapshot_of(vertex, attempt.subtask);
        if (!snapshot || !weir_attempt_id_from(snapshot->attempt, &named)) return false;
        return named.epoch > attempt.epoch || (named.epoch == attempt.epoch && named.number > attempt.number);
    }
    return false;
}

static bool is_final(const char *path)
{
    const char *name = strrchr(path, '/');
    return strstr(name ? name : path, "-final") != NULL;
}

static bool may_go(const struct weir_checkpoint_coordinator *c, const char *directory, const char *path)
{
    uint64_t id = checkpoint__path_id(directory, path);
    if (is_final(path)) return final_is_deposed(c, path);
    if (!id || id >= c->next_id) return WEIR_PLANTED(checkpoint_stale_sweep) && id;
    if (checkpoint__pending_find(c, id)) return WEIR_PLANTED(checkpoint_sweep_takes_pending);
    const struct checkpoint_completed *done = checkpoint__completed_find(c, id);
    return !done || !done->unreadable;
}

static bool may_collect(const struct weir_checkpoint_coordinator *c)
{
    if (!checkpoint__may_act(c) || !c->ids_known) return false;
    return checkpoint__all_loaded(c) || (WEIR_PLANTED(checkpoint_sweep_before_load) && c->newest_loaded);
}

void checkpoint__collect(struct weir_checkpoint_coordinator *c, const char *const *paths, uint32_t count,
    struct weir_effects *effects)
{
    if (!count) return;
    if (!may_collect(c)) {
        checkpoint__sweep_want(c);
        return;
    }
    struct text_set reached;
    checkpoint__mark_all(c, &reached, effects->arena);
    const char *directory = checkpoint__job_directory(c, effects->arena);
    for (uint32_t i = 0; i < count; i++) {
        if (!checkpoint__set_has(&reached, paths[i]) && may_go(c, directory, paths[i]))
            checkpoint__delete(c, paths[i]);
    }
}

/* ---------------------------------------------------------------- carrying it out */

/* Past the maximum a path is dropped: a later sweep finds it again. */
void checkpoint__delete(struct weir_checkpoint_coordinator *c, const char *path)
{
    size_t bytes = strlen(path) + 1;
    if (c->deletion_count == CHECKPOINT_DELETIONS_MAX) return;
    if (c->deletion_count == c->deletion_capacity) {
        uint32_t capacity = c->deletion_capacity ? c->deletion_capacity * 2 : 16;
        c->deletions = weir_memory_reallocate(
            c->memory, c->deletions, sizeof(char *) * c->deletion_capacity, sizeof(char *) * capacity);
        c->deletion_capacity = capacity;
    }
    char *copy = weir_memory_allocate(c->memory, bytes);
    memcpy(copy, path, bytes);
    c->deletions[c->deletion_count++] = copy;
}

static void delete_send(
    struct weir_checkpoint_coordinator *c, struct deletion *deletion, struct weir_effects *effects)
{
    deletion->in_flight = true;
    deletion->number = ++c->deletion_number;
    weir_effect_blob(effects, checkpoint__tag(c, CHECKPOINT_TAG_DELETE, deletion->number),
        (struct weir_blob_effect){
            .operation = WEIR_BLOB_DELETE, .path = weir_arena_string(effects->arena, deletion->path) });
}

static void deletions_advance(struct weir_checkpoint_coordinator *c, struct weir_effects *effects)
{
    for (uint32_t i = 0; i < CHECKPOINT_DELETIONS_IN_FLIGHT_MAX; i++) {
        struct deletion *deletion = &c->deleting[i];
        if (!deletion->path) {
            if (!c->deletion_count) continue;
            char *path = c->deletions[--c->deletion_count];
            *deletion = (struct deletion){
                .path = path, .bytes = (uint32_t)strlen(path) + 1, .back_off_us = CHECKPOINT_BACK_OFF_FIRST_US
            };
            c->deleting_count++;
        }
        if (!deletion->in_flight && c->now_us >= deletion->at_us) delete_send(c, deletion, effects);
    }
}

static void deleted(struct weir_checkpoint_coordinator *c, const struct weir_event *event)
{
    for (uint32_t i = 0; i < CHECKPOINT_DELETIONS_IN_FLIGHT_MAX; i++) {
        struct deletion *deletion = &c->deleting[i];
        if (!deletion->path || !deletion->in_flight || deletion->number != event->tag.number) continue;
        deletion->in_flight = false;
        if (event->blob.outcome == WEIR_BLOB_ERROR) {
            deletion->at_us = c->now_us + checkpoint__back_off(&deletion->back_off_us);
            return;
        }
        weir_memory_release(c->memory, deletion->path, deletion->bytes);
        *deletion = (struct deletion){ 0 };
        c->deleting_count--;
        return;
    }
}

/* For a planted bug alone: whoever has no answer cannot know whether the write was applied. */
void weir_checkpoint_write_unknown(struct weir_checkpoint_coordinator *c, struct weir_effects *effects)
{
    for (uint32_t i = 0; WEIR_PLANTED(loser_deletes) && i < c->pending_count; i++) {
        if (c->pending[i]->state != PENDING_RECORD) continue;
        weir_effect_blob(effects, checkpoint__tag(c, CHECKPOINT_TAG_DELETE, UINT64_MAX),
            (struct weir_blob_effect){ .operation = WEIR_BLOB_DELETE,
                .path = weir_arena_string(effects->arena, c->pending[i]->pointer) });
    }
}

/* ---------------------------------------------------------------- sweeps */

/* Soon, and again: a task that was told late may still write. After that, now and then. */
void checkpoint__sweep_want(struct weir_checkpoint_coordinator *c)
{
    if (WEIR_PLANTED(checkpoint_never_swept)) return;
    /* Not all jobs of a new leader at the same time. */
    c->random = c->random * 6364136223846793005u + 1442695040888963407u;
    int64_t spread_us = (int64_t)(c->random >> 33) % CHECKPOINT_SWEEP_FIRST_US;
    if (WEIR_PLANTED(checkpoint_stale_sweep)) spread_us = -CHECKPOINT_SWEEP_FIRST_US;
    c->sweep_at_us = WEIR_MIN(c->sweep_at_us, c->now_us + CHECKPOINT_SWEEP_FIRST_US + spread_us);
    c->sweeps_left = 2;
}

/* When there are too many, one that was looked at most often goes: what was given up last is written to last.
 */
static struct aside *aside_new(struct weir_checkpoint_coordinator *c)
{
    struct aside *least = NULL;
    if (c->aside_count < CHECKPOINT_ASIDES_MAX) return &c->asides[c->aside_count++];
    for (uint32_t i = 0; i < c->aside_count; i++) {
        struct aside *aside = &c->asides[i];
        if (!aside->in_flight && (!least || aside->passes_left < least->passes_left)) least = aside;
    }
    weir_memory_release(c->memory, least->path, least->bytes);
    return least;
}

void checkpoint__sweep_aside(struct weir_checkpoint_coordinator *c, const char *directory)
{
    if (WEIR_PLANTED(checkpoint_never_swept)) return;
    for (uint32_t i = 0; i < c->aside_count; i++)
        if (strcmp(c->asides[i].path, directory) == 0) return;
    uint32_t bytes = (uint32_t)strlen(directory) + 1;
    char *path = weir_memory_allocate(c->memory, bytes);
    memcpy(path, directory, bytes);
    *aside_new(c) = (struct aside){ .path = path, .bytes = bytes, .passes_left = 2, .at_us = c->now_us };
}

static void aside_swept(
    struct weir_checkpoint_coordinator *c, const struct weir_event *event, struct weir_effects *effects)
{
    struct aside *aside = NULL;
    uint32_t at = 0;
    for (; at < c->aside_count && !aside; at++) {
        if (c->asides[at].in_flight) aside = &c->asides[at];
    }
    if (!aside) return;
    aside->in_flight = false;
    bool failed = event->blob.outcome == WEIR_BLOB_ERROR;
    int64_t pause_us = c->clean == CLEAN_NONE ? CHECKPOINT_SWEEP_INTERVAL_US : 0;
    aside->at_us = c->now_us + (failed ? CHECKPOINT_SWEEP_FIRST_US : pause_us);
    if (failed) return;
    for (uint32_t i = 0; i < event->blob.name_count; i++) checkpoint__delete(c, event->blob.names[i]);
    if (--aside->passes_left) return;
    weir_memory_release(c->memory, aside->path, aside->bytes);
    c->asides[at - 1] = c->asides[--c->aside_count];
}

/* A clean-up looks once: not before what this leader itself has sent has arrived. */
static bool asides_wait(const struct weir_checkpoint_coordinator *c)
{
    return c->clean != CLEAN_NONE && c->puts_in_flight;
}

/* One at a time, so that an answer needs no name. */
static void asides_advance(struct weir_checkpoint_coordinator *c, struct weir_effects *effects)
{
    if (asides_wait(c)) return;
    for (uint32_t i = 0; i < c->aside_count; i++) {
        if (c->asides[i].in_flight) return;
    }
    for (uint32_t i = 0; i < c->aside_count; i++) {
        struct aside *aside = &c->asides[i];
        if (c->now_us < aside->at_us) continue;
        aside->in_flight = true;
        weir_effect_blob(effects, checkpoint__tag(c, CHECKPOINT_TAG_SWEEP_ASIDE, 0),
            (struct weir_blob_effect){
                .operation = WEIR_BLOB_LIST, .path = weir_arena_string(effects->arena, aside->path) });
        return;
    }
}

static void sweep_send(struct weir_checkpoint_coordinator *c, struct weir_effects *effects)
{
    c->sweep_in_flight = true;
    weir_effect_blob(effects, checkpoint__tag(c, CHECKPOINT_TAG_SWEEP, ++c->sweep_number),
        (struct weir_blob_effect){
            .operation = WEIR_BLOB_LIST, .path = checkpoint__job_directory(c, effects->arena) });
}

/* ---------------------------------------------------------------- the end of the job */

/* Nothing is written any more: one look at what was given up is enough. */
void checkpoint__clean_start(struct weir_checkpoint_coordinator *c, struct weir_effects *effects)
{
    checkpoint__origin_release(c, effects);
    c->clean = CLEAN_LOADING;
    c->sweep_at_us = c->now_us;
    c->sweep_in_flight = false; /* an answer to an older one is not waited for */
    c->sweep_number++;
    const Weir__JobRecord *record = c->record->confirmed;
    for (size_t i = 0; i < record->n_given_up; i++) checkpoint__sweep_aside(c, record->given_up[i]);
    for (uint32_t i = 0; i < c->aside_count; i++) {
        c->asides[i].passes_left = c->asides[i].in_flight ? 2 : 1; /* an older look does not count */
        c->asides[i].at_us = c->now_us;
    }
}

/* What the clean-up leaves alone: what the retention keeps, and what users have asked for. */
bool checkpoint__clean_leaves(
    const struct weir_checkpoint_coordinator *c, const struct checkpoint_completed *done)
{
    bool users =
        done->kind == WEIR__CHECKPOINT_KIND__SAVEPOINT || done->kind == WEIR__CHECKPOINT_KIND__STOP_SAVEPOINT;
    if (users && WEIR_PLANTED(checkpoint_clean_takes_savepoint)) return false;
    return done->named && (users || c->clean_keeps);
}

/* It is not known yet whose the origin is: an earlier leader may have marked it. */
static bool claim_is_open(const struct weir_checkpoint_coordinator *c)
{
    return c->claim == CLAIM_MARKING || c->claim == CLAIM_READING ||
           (c->claim == CLAIM_MARK && c->now_us >= c->claim_at_us);
}

/* What is left alone must have been read, or nobody knows what it reaches. */
static bool clean_is_ready(const struct weir_checkpoint_coordinator *c, bool *ret_unknown)
{
    *ret_unknown = false;
    if (c->puts_in_flight || claim_is_open(c)) return false; /* what is written late would stay behind */
    for (uint32_t i = 0; i < c->completed_count; i++) {
        const struct checkpoint_completed *done = c->completed[i];
        if (!checkpoint__clean_leaves(c, done) || done->loaded) continue;
        if (!done->unreadable) return false;
        *ret_unknown = true;
    }
    const struct checkpoint_completed *origin = c->origin;
    return !origin || origin->loaded || origin->unreadable || c->claim == CLAIM_DELETED;
}

/* The job has ended: all goes but that. */
static void clean_listed(
    struct weir_checkpoint_coordinator *c, const struct weir_event *event, struct weir_effects *effects)
{
    struct text_set kept;
    checkpoint__set_init(&kept, effects->arena, 256);
    for (uint32_t i = 0; i < c->completed_count; i++) {
        if (checkpoint__clean_leaves(c, c->completed[i])) mark_completed(&kept, c->completed[i]);
    }
    if (c->origin && !checkpoint__origin_is_ours(c)) mark_completed(&kept, c->origin);
    c->clean = CLEAN_LISTED;
    c->sweep_at_us = c->now_us;
    for (uint32_t i = 0; i < event->blob.name_count; i++) {
        if (!checkpoint__set_has(&kept, event->blob.names[i])) checkpoint__delete(c, event->blob.names[i]);
    }
    if (c->deletion_count == CHECKPOINT_DELETIONS_MAX) c->clean = CLEAN_LOADING; /* list again */
}

static void swept(
    struct weir_checkpoint_coordinator *c, const struct weir_event *event, struct weir_effects *effects)
{
    if (!c->sweep_in_flight || event->tag.number != c->sweep_number) return;
    c->sweep_in_flight = false;
    c->sweep_at_us = c->now_us + CHECKPOINT_SWEEP_INTERVAL_US;
    if (event->blob.outcome == WEIR_BLOB_ERROR) {
        c->sweep_at_us = c->now_us + CHECKPOINT_BACK_OFF_MAX_US;
        if (c->clean == CLEAN_LISTING) c->clean = CLEAN_LOADING;
        return;
    }
    if (c->clean == CLEAN_LISTING) {
        clean_listed(c, event, effects);
        return;
    }
    if (!may_collect(c)) return;
    if (c->sweeps_left && --c->sweeps_left == 0) c->sweep_at_us = c->now_us + CHECKPOINT_SWEEP_SLOW_US;
    if (!c->sweeps_left) c->sweeps_left = 1;
    /* Planted: often, for leaders that are deposed and do not know it are so for moments only. */
    if (WEIR_PLANTED(checkpoint_stale_sweep)) c->sweep_at_us = c->now_us + CHECKPOINT_BACK_OFF_FIRST_US;
    checkpoint__collect(c, event->blob.names, event->blob.name_count, effects);
}

/* Folders go with their last file. A leader that died between the two has left empty ones, of which no list
 * tells: they go last, when all that was to be deleted is. */
static bool may_prune(const struct weir_checkpoint_coordinator *c)
{
    return c->clean == CLEAN_LISTED && !c->deletion_count && !c->deleting_count && !c->aside_count &&
           c->claim != CLAIM_DELETING;
}

static void prune_send(struct weir_checkpoint_coordinator *c, struct weir_effects *effects)
{
    c->clean = CLEAN_PRUNING;
    weir_effect_blob(effects, checkpoint__tag(c, CHECKPOINT_TAG_PRUNE, 0),
        (struct weir_blob_effect){
            .operation = WEIR_BLOB_PRUNE, .path = checkpoint__job_directory(c, effects->arena) });
}

static void pruned(struct weir_checkpoint_coordinator *c, const struct weir_event *event)
{
    bool failed = event->blob.outcome == WEIR_BLOB_ERROR;
    c->clean = failed ? CLEAN_LISTED : CLEAN_DONE;
    if (failed) c->sweep_at_us = c->now_us + CHECKPOINT_BACK_OFF_MAX_US;
}

void checkpoint__files_done(
    struct weir_checkpoint_coordinator *c, const struct weir_event *event, struct weir_effects *effects)
{
    switch (event->tag.kind) {
    case CHECKPOINT_TAG_DELETE: deleted(c, event); break;
    case CHECKPOINT_TAG_SWEEP: swept(c, event, effects); break;
    case CHECKPOINT_TAG_SWEEP_ASIDE: aside_swept(c, event, effects); break;
    case CHECKPOINT_TAG_PRUNE: pruned(c, event); break;
    default: break;
    }
}

void checkpoint__files_advance(struct weir_checkpoint_coordinator *c, struct weir_effects *effects)
{
    if (!checkpoint__may_act(c)) return;
    deletions_advance(c, effects);
    asides_advance(c, effects);
    if (c->sweep_in_flight) return;
    bool unknown;
    if (c->clean == CLEAN_LOADING && c->now_us >= c->sweep_at_us && clean_is_ready(c, &unknown)) {
        checkpoint__origin_release(c, effects);
        c->clean = unknown ? CLEAN_LISTED : CLEAN_LISTING;
        if (!unknown) sweep_send(c, effects);
    } else if (c->clean == CLEAN_NONE && c->sweeps_left && c->now_us >= c->sweep_at_us && may_collect(c)) {
        sweep_send(c, effects);
    } else if (may_prune(c) && c->now_us >= c->sweep_at_us) {
        prune_send(c, effects);
    }
}

int64_t checkpoint__files_due(const struct weir_checkpoint_coordinator *c)
{
    int64_t due_us = INT64_MAX;
    for (uint32_t i = 0; c->deleting_count && i < CHECKPOINT_DELETIONS_IN_FLIGHT_MAX; i++) {
        if (c->deleting[i].path && !c->deleting[i].in_flight) due_us = WEIR_MIN(due_us, c->deleting[i].at_us);
    }
    for (uint32_t i = 0; i < c->aside_count && !asides_wait(c); i++) {
        if (!c->asides[i].in_flight) due_us = WEIR_MIN(due_us, c->asides[i].at_us);
    }
    bool sweeps = c->clean == CLEAN_NONE && c->sweeps_left;
    if ((sweeps || c->clean == CLEAN_LOADING || may_prune(c)) && !c->sweep_in_flight)
        due_us = WEIR_MIN(due_us, c->sweep_at_us);
    return due_us;
}

void checkpoint__files_free(struct weir_checkpoint_coordinator *c)
{
    for (uint32_t i = 0; i < c->deletion_count; i++)
        weir_memory_release(c->memory, c->deletions[i], strlen(c->deletions[i]) + 1);
    weir_memory_release(c->memory, c->deletions, sizeof(char *) * c->deletion_capacity);
    for (uint32_t i = 0; i < CHECKPOINT_DELETIONS_IN_FLIGHT_MAX; i++)
        weir_memory_release(c->memory, c->deleting[i].path, c->deleting[i].bytes);
    for (uint32_t i = 0; i < c->aside_count; i++)
        weir_memory_release(c->memory, c->asides[i].path, c->asides[i].bytes);
}

/* ---------------------------------------------------------------- what weir_checkpoint_garbage() tells */

static void mark_deletions(
    const struct weir_checkpoint_coordinator *c, struct text_set *set, struct weir_arena *arena)
{
    checkpoint__set_init(set, arena, c->deletion_count + CHECKPOINT_DELETIONS_IN_FLIGHT_MAX);
    for (uint32_t i = 0; i < c->deletion_count; i++) checkpoint__set_add(set, c->deletions[i]);
    for (uint32_t i = 0; i < CHECKPOINT_DELETIONS_IN_FLIGHT_MAX; i++)
        if (c->deleting[i].path) checkpoint__set_add(set, c->deleting[i].path);
}

const char *weir_checkpoint_folder(const struct weir_checkpoint_coordinator *c, struct weir_arena *arena)
{
    return checkpoint__job_directory(c, arena);
}

uint32_t weir_checkpoint_garbage(const struct weir_checkpoint_coordinator *c,
    const struct weir_blob_event *listed, struct weir_checkpoint_garbage *ret, uint32_t capacity,
    bool *ret_cut, struct weir_arena *scratch)
{
    struct text_set reached, leaving;
    const char *directory = checkpoint__job_directory(c, scratch);
    uint32_t count = 0;
    *ret_cut = !may_collect(c); /* what is reached is not known yet */
    checkpoint__mark_all(c, &reached, scratch);
    mark_deletions(c, &leaving, scratch);
    for (uint32_t i = 0; i < listed->name_count; i++) {
        const char *path = listed->names[i], *why = "of a running job, being deleted";
        if (!checkpoint__set_has(&leaving, path)) {
            if (!may_collect(c) || checkpoint__set_has(&reached, path) || !may_go(c, directory, path))
                continue;
            why = "of a checkpoint of a running job that came to nothing or is not needed any more";
        }
        *ret_cut |= count == capacity;
        if (count == capacity) return count;
        uint64_t bytes = listed->size_bytes ? (uint64_t)WEIR_MAX(listed->size_bytes[i], (int64_t)0) : 0;
        ret[count++] = (struct weir_checkpoint_garbage){ .path = path, .bytes = bytes, .why = why };
    }
    *ret_cut |= c->aside_count > capacity - count;
    for (uint32_t i = 0; i < c->aside_count && count < capacity; i++)
        ret[count++] = (struct weir_checkpoint_garbage){ .path = c->asides[i].path,
            .why = "folder of a savepoint of a running job that came to nothing, being emptied" };
    return count;
}

void weir_checkpoint_collect(struct weir_checkpoint_coordinator *c, const struct weir_blob_event *listed,
    int64_t now_us, int64_t wall_us, struct weir_effects *effects)
{
    checkpoint__enter(c, now_us, wall_us);
    struct text_set leaving;
    mark_deletions(c, &leaving, effects->arena);
    const char **names = WEIR_ARENA_ARRAY(effects->arena, const char *, listed->name_count + 1);
    uint32_t count = 0;
    for (uint32_t i = 0; i < listed->name_count; i++)
        if (!checkpoint__set_has(&leaving, listed->names[i])) names[count++] = listed->names[i];
    if (may_collect(c)) checkpoint__collect(c, names, count, effects);
    checkpoint__leave(c, effects);
}
