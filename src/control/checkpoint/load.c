/*
 * Reading what earlier leaders have completed, and what the job was started from.
 *
 * H9: unreadable is what was read whole and is wrong, or was not found twice with a delay between; any other
 * error is tried again for as long as it takes.
 */
#include "control/checkpoint/internal.h"
#include "base/assert.h"
#include "proto/metadata.h"
#include <stdio.h>
#include <string.h>

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);
    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

static const char *origin_directory(const struct weir_checkpoint_coordinator *c, struct weir_arena *arena)
{
    const char *path = c->record->confirmed->restore->path;
    size_t length = strlen(path);
    if (ends_with(path, "/_metadata")) length -= strlen("/_metadata");
    while (length > 1 && path[length - 1] == '/') length--;
    return weir_arena_copy(arena, path, length);
}

static void ids_known(struct weir_checkpoint_coordinator *c, uint64_t largest)
{
    c->next_id = WEIR_MAX(largest, c->origin_id) + 1;
    c->ids_known = true;
}

void checkpoint__load_start(struct weir_checkpoint_coordinator *c, struct weir_effects *effects)
{
    const Weir__JobRecord *record = c->record->confirmed;
    checkpoint__completed_sync(c);
    c->reserved_before = record->checkpoint_id_reserved;
    for (uint32_t i = 0; i < c->completed_count; i++)
        c->reserved_before = WEIR_MAX(c->reserved_before, c->completed[i]->id);
    if (c->reserved_before) ids_known(c, c->reserved_before);
    if (WEIR_PLANTED(checkpoint_id_reused) && c->reserved_before) {
        const struct checkpoint_completed *newest = checkpoint__newest(c);
        c->next_id = newest ? newest->id + 1 : 1;
    }
    if (record->restore && record->restore->path && record->restore->path[0]) {
        const char *directory = origin_directory(c, effects->arena);
        c->origin = checkpoint__origin_new(c, weir_arena_format(effects->arena, "%s/_metadata", directory));
        bool claims = record->restore->claim_mode == WEIR__CLAIM_MODE__CLAIM;
        /* Once there is a checkpoint the marker is known to be ours. */
        c->claim = !claims ? CLAIM_NONE : checkpoint__newest(c) ? CLAIM_OWNED : CLAIM_MARK;
    }
    c->ids_back_off_us = c->claim_back_off_us = CHECKPOINT_BACK_OFF_FIRST_US;
}

/* ---------------------------------------------------------------- ids of a job that starts */

static void ids_list(struct weir_checkpoint_coordinator *c, struct weir_effects *effects)
{
    c->ids_listing = true;
    weir_effect_blob(effects, checkpoint__tag(c, CHECKPOINT_TAG_LIST_IDS, 0),
        (struct weir_blob_effect){
            .operation = WEIR_BLOB_LIST, .path = checkpoint__job_directory(c, effects->arena) });
}

/* A job of the same id may have left checkpoints there: no name is used twice. */
void checkpoint__ids_listed(
    struct weir_checkpoint_coordinator *c, const struct weir_event *event, struct weir_effects *effects)
{
    if (!c->ids_listing) return;
    c->ids_listing = false;
    if (event->blob.outcome == WEIR_BLOB_ERROR) {
        c->ids_at_us = c->now_us + checkpoint__back_off(&c->ids_back_off_us);
        return;
    }
    const char *directory = checkpoint__job_directory(c, effects->arena);
    uint64_t largest = 0;
    for (uint32_t i = 0; i < event->blob.name_count; i++)
        largest = WEIR_MAX(largest, checkpoint__path_id(directory, event->blob.names[i]));
    c->reserved_before = WEIR_MAX(c->reserved_before, largest);
    ids_known(c, c->reserved_before);
}

/* ---------------------------------------------------------------- the mark of a claimed origin */

#define MARKER_NAME "_claimed" /* in the folder of an origin: whose it is */

static const char *marker_path(const struct weir_checkpoint_coordinator *c, struct weir_arena *arena)
{
    return weir_arena_format(arena, "%s/" MARKER_NAME, origin_directory(c, arena));
}

/* With what an earlier leader, dead in the middle of it, had written of the marker. */
static void marker_delete(struct weir_checkpoint_coordinator *c, struct weir_effects *effects)
{
    checkpoint__delete(c, marker_path(c, effects->arena));
    weir_effect_blob(effects, checkpoint__tag(c, CHECKPOINT_TAG_CLAIM_LIST, 0),
        (struct weir_blob_effect){ .operation = WEIR_BLOB_LIST,
            .path = origin_directory(c, effects->arena),
            .name_prefix = MARKER_NAME });
}

/* ---------------------------------------------------------------- metadata */

static void load(
    struct weir_checkpoint_coordinator *c, struct checkpoint_completed *done, struct weir_effects *effects)
{
    c->loading = done;
    weir_effect_blob(effects, checkpoint__tag(c, CHECKPOINT_TAG_LOAD, ++c->load_number),
        (struct weir_blob_effect){ .operation = WEIR_BLOB_GET,
            .path = weir_arena_string(effects->arena, done->pointer),
            .bytes_max = WEIR_METADATA_BYTES_MAX });
}

/* Explicit, logged, and never below what an exactly-once sink has committed. */
static bool may_fall_back(
    const struct weir_checkpoint_coordinator *c, const struct checkpoint_completed *from)
{
    if (!c->settings->allow_fall_back) return false;
    if (c->settings->exactly_once_sinks && !WEIR_PLANTED(checkpoint_falls_below_commit)) return false;
    for (uint32_t i = 0; i < c->completed_count; i++) {
        const struct checkpoint_completed *older = c->completed[i];
        if (older->id < from->id && older->named && older->kind == WEIR__CHECKPOINT_KIND__CHECKPOINT &&
            !older->unreadable)
            return true;
    }
    return false;
}

static void fall_back(struct weir_checkpoint_coordinator *c, const struct checkpoint_completed *from,
    struct weir_effects *effects)
{
    weir_effect_log(effects, WEIR_CONTROL_WARN,
        "Checkpoint %llu cannot be read (%s); falling back to an older one, as configured.",
        (unsigned long long)from->id, from->failure);
    Weir__JobRecord *wanted = c->record->wanted;
    size_t count = 0;
    for (size_t i = 0; i < wanted->n_checkpoints; i++) {
        if (wanted->checkpoints[i]->id < from->id) wanted->checkpoints[count++] = wanted->checkpoints[i];
    }
    wanted->n_checkpoints = count;
    c->fall_back_change = weir_record_changed(c->record, c->now_us, effects);
}

static void unreadable(struct weir_checkpoint_coordinator *c, struct checkpoint_completed *done,
    const char *text, struct weir_effects *effects)
{
    done->failure = weir_arena_format(&done->arena, "'%s': %s", done->pointer, text);
    if (done == c->origin) {
        done->unreadable = true;
        if (!checkpoint__newest(c)) c->load_failure = done->failure;
        return;
    }
    bool users = done->kind == WEIR__CHECKPOINT_KIND__SAVEPOINT ||
                 (done->kind == WEIR__CHECKPOINT_KIND__STOP_SAVEPOINT && c->clean != CLEAN_NONE);
    if (users) { /* its owner has taken it away */
        done->loaded = true;
        return;
    }
    done->unreadable = true;
    if (done != checkpoint__newest(c)) {
        weir_effect_log(effects, WEIR_CONTROL_WARN, "Checkpoint %llu cannot be read: %s",
            (unsigned long long)done->id, done->failure);
        return;
    }
    if (may_fall_back(c, done))
        fall_back(c, done, effects);
    else
        c->load_failure = done->failure;
}

static bool metadata_fits(const struct weir_checkpoint_coordinator *c,
    const struct checkpoint_completed *done, const Weir__CheckpointMetadata *metadata)
{
    struct weir_job_id job;
    if (done == c->origin) return true;
    return metadata->id == done->id && weir_job_id_from(&metadata->job, &job) &&
           weir_job_id_equal(&job, &c->job);
}

static void not_found(
    struct weir_checkpoint_coordinator *c, struct checkpoint_completed *done, struct weir_effects *effects)
{
    if (done == c->origin && c->claim == CLAIM_OWNED && checkpoint__newest(c)) {
        marker_delete(c, effects); /* an earlier leader has seen to the rest */
        c->claim = CLAIM_DELETED;
        done->loaded = true;
        return;
    }
    if (done->not_found_once || WEIR_PLANTED(checkpoint_outage_unreadable)) {
        unreadable(c, done,
            done == c->origin ? "not found: no completed checkpoint or savepoint is there" : "not found",
            effects);
        return;
    }
    done->not_found_once = true;
    done->load_at_us = c->now_us + CHECKPOINT_NOT_FOUND_DELAY_US;
}

/* Its owner lets nobody in. It is of no use to the job, and what it holds is not among the job's files:
 * nothing may wait for it. */
static bool is_closed(const struct weir_checkpoint_coordinator *c, const struct checkpoint_completed *done,
    struct weir_arena *scratch)
{
    bool users = done->kind == WEIR__CHECKPOINT_KIND__SAVEPOINT ||
                 (done->kind == WEIR__CHECKPOINT_KIND__STOP_SAVEPOINT && c->clean != CLEAN_NONE);
    return users && !checkpoint__starts_with(done->pointer, checkpoint__job_directory(c, scratch));
}

void checkpoint__loaded(
    struct weir_checkpoint_coordinator *c, const struct weir_event *event, struct weir_effects *effects)
{
    struct checkpoint_completed *done = c->loading;
    if (!done || event->tag.number != c->load_number) return;
    c->loading = NULL;
    if (event->blob.outcome == WEIR_BLOB_NOT_FOUND) {
        not_found(c, done, effects);
        return;
    }
    if (event->blob.outcome != WEIR_BLOB_OK) {
        if (WEIR_PLANTED(checkpoint_outage_unreadable)) {
            unreadable(c, done, "input/output error", effects);
            return;
        }
        const char *why = event->blob.error ? event->blob.error : "input/output error";
        if (event->blob.denied && done == c->origin && !checkpoint__newest(c)) {
            unreadable(c, done, why, effects); /* who has just named it waits for an answer */
            return;
        }
        if (event->blob.denied && is_closed(c, done, effects->arena)) {
            weir_effect_log(
                effects, WEIR_CONTROL_WARN, "'%s' cannot be read, and is left alone: %s", done->pointer, why);
            unreadable(c, done, why, effects);
            return;
        }
        if (done->load_back_off_us == CHECKPOINT_BACK_OFF_FIRST_US)
            weir_effect_log(effects, WEIR_CONTROL_WARN, "'%s' cannot be read, which is tried again: %s",
                done->pointer, why);
        done->load_at_us = c->now_us + checkpoint__back_off(&done->load_back_off_us);
        return;
    }
    Weir__CheckpointMetadata *metadata = NULL;
    struct weir_error error;
    if (weir_checkpoint_metadata_decode(
            &done->metadata_arena, event->blob.bytes, event->blob.length, &metadata, &error)) {
        unreadable(c, done, error.message, effects);
        return;
    }
    if (weir_checkpoint_metadata_place(&done->metadata_arena, metadata, done->pointer, &error)) {
        unreadable(c, done, error.message, effects);
        return;
    }
    if (!metadata_fits(c, done, metadata)) {
        unreadable(c, done, "it is of another job or checkpoint", effects);
        return;
    }
    /* A job that has a checkpoint of its own was accepted when it began. */
    bool begins = done == c->origin && !checkpoint__newest(c);
    const char *left = begins ? checkpoint__left_behind(c, done, metadata, effects) : NULL;
    if (left) {
        unreadable(c, done, left, effects);
        return;
    }
    if (done == c->origin && metadata->id < UINT64_MAX / 2) {
        c->origin_id = metadata->id;
        if (c->ids_known) c->next_id = WEIR_MAX(c->next_id, c->origin_id + 1);
    }
    checkpoint__metadata_take(done, metadata);
    if (done == checkpoint__restore_point(c)) return;
    weir_arena_done(&done->metadata_arena);
    done->metadata = NULL;
}

/* ---------------------------------------------------------------- the claim of an origin */

static void claim_send(struct weir_checkpoint_coordinator *c, struct weir_effects *effects)
{
    char job[WEIR_JOB_ID_TEXT_BYTES];
    weir_job_id_print(&c->job, job);
    c->claim = CLAIM_MARKING;
    weir_effect_blob(effects, checkpoint__tag(c, CHECKPOINT_TAG_CLAIM_PUT, 0),
        (struct weir_blob_effect){ .operation = WEIR_BLOB_PUT,
            .path = marker_path(c, effects->arena),
            .bytes = (const uint8_t *)weir_arena_copy(effects->arena, job, strlen(job)),
            .length = strlen(job) });
}

static void claim_refuse(struct weir_checkpoint_coordinator *c, const char *why)
{
    c->claim = CLAIM_REFUSED;
    c->load_failure = why;
}

static void mark_read(struct weir_checkpoint_coordinator *c, const struct weir_event *event)
{
    char job[WEIR_JOB_ID_TEXT_BYTES];
    weir_job_id_print(&c->job, job);
    const char *origin = c->record->confirmed->restore->path;
    c->claim = CLAIM_OWNED;
    if (event->blob.length == strlen(job) && memcmp(event->blob.bytes, job, strlen(job)) == 0) return;
    claim_refuse(
        c, weir_arena_format(&c->origin->arena,
               "'%s' is claimed by job %.*s already; restore with NO_CLAIM, or from another one", origin,
               (int)WEIR_MIN(event->blob.length, (size_t)32), (const char *)event->blob.bytes));
}

/* Without replacing: of two jobs that claim one checkpoint only one gets it. Where nothing may be written, an
 * earlier leader may have marked it nevertheless, while it could. */
void checkpoint__claim_done(
    struct weir_checkpoint_coordinator *c, const struct weir_event *event, struct weir_effects *effects)
{
    enum weir_blob_outcome outcome = event->blob.outcome;
    bool put = c->claim == CLAIM_MARKING && event->tag.kind == CHECKPOINT_TAG_CLAIM_PUT;
    bool denied = put && outcome == WEIR_BLOB_ERROR && event->blob.denied;
    if (denied) c->claim_denied = weir_arena_string(&c->origin->arena, event->blob.error);
    if (put && outcome == WEIR_BLOB_OK) {
        c->claim = CLAIM_OWNED;
    } else if (denied || (put && outcome == WEIR_BLOB_EXISTS)) {
        c->claim = CLAIM_READING;
        weir_effect_blob(effects, checkpoint__tag(c, CHECKPOINT_TAG_CLAIM_GET, 0),
            (struct weir_blob_effect){ .operation = WEIR_BLOB_GET,
                .path = marker_path(c, effects->arena),
                .bytes_max = WEIR_JOB_ID_TEXT_BYTES });
    } else if (c->claim == CLAIM_READING && outcome == WEIR_BLOB_OK) {
        mark_read(c, event);
    } else if (c->claim == CLAIM_READING && outcome == WEIR_BLOB_NOT_FOUND && c->claim_denied) {
        claim_refuse(
            c, weir_arena_format(&c->origin->arena,
                   "'%s' cannot be claimed, for it cannot be deleted later: %s; restore with NO_CLAIM",
                   c->record->confirmed->restore->path, c->claim_denied));
    } else if (c->claim == CLAIM_MARKING || c->claim == CLAIM_READING) {
        c->claim = CLAIM_MARK;
        c->claim_denied = NULL;
        c->claim_at_us = c->now_us + checkpoint__back_off(&c->claim_back_off_us);
    }
}

/* The mark itself may be another job's by now. */
void checkpoint__claim_listed(struct weir_checkpoint_coordinator *c, const struct weir_event *event)
{
    const size_t length = sizeof MARKER_NAME - 1;
    bool over = c->claim == CLAIM_DELETED || c->claim == CLAIM_NONE;
    if (!over || event->blob.outcome != WEIR_BLOB_OK) return;
    for (uint32_t i = 0; i < event->blob.name_count; i++) {
        const char *path = event->blob.names[i], *slash = strrchr(path, '/');
        if (slash && strncmp(slash + 1, MARKER_NAME, length) == 0 && slash[1 + length])
            checkpoint__delete(c, path);
    }
}

bool checkpoint__origin_is_ours(const struct weir_checkpoint_coordinator *c)
{
    return c->claim == CLAIM_OWNED || c->claim == CLAIM_DELETING || c->claim == CLAIM_DELETED;
}

/* The first checkpoint of its own is complete and refers to nothing of the origin: what was claimed goes. The
 * metadata goes when the files are gone that it names, so that the next leader finds those that are not. */
static void origin_delete(struct weir_checkpoint_coordinator *c, struct weir_effects *effects)
{
    struct text_set reached; /* checkpoints of before copies were made may refer to what had ended there */
    checkpoint__mark_checkpoints(c, &reached, effects->arena);
    for (uint32_t f = 0; f < c->origin->file_count; f++) {
        if (!checkpoint__set_has(&reached, c->origin->files[f])) checkpoint__delete(c, c->origin->files[f]);
    }
    c->claim = CLAIM_DELETING;
}

static void origin_deleted(struct weir_checkpoint_coordinator *c, struct weir_effects *effects)
{
    if (c->deletion_count || c->deleting_count) return;
    checkpoint__delete(c, c->origin->pointer);
    marker_delete(c, effects);
    c->claim = CLAIM_DELETED;
}

void checkpoint__origin_release(struct weir_checkpoint_coordinator *c, struct weir_effects *effects)
{
    if (c->claim != CLAIM_OWNED || checkpoint__newest(c)) return;
    c->claim = CLAIM_NONE;
    marker_delete(c, effects);
}

/* ---------------------------------------------------------------- step by step */

bool checkpoint__all_loaded(const struct weir_checkpoint_coordinator *c)
{
    if (c->origin && !c->origin->loaded && !c->origin->unreadable) return false;
    for (uint32_t i = 0; i < c->completed_count; i++) {
        const struct checkpoint_completed *done = c->completed[i];
        if (!done->loaded && (done->named || !done->unreadable)) return false;
    }
    return c->newest_loaded && !c->load_failure;
}

static struct checkpoint_completed *load_next(const struct weir_checkpoint_coordinator *c)
{
    bool clean = c->clean != CLEAN_NONE; /* only what it leaves alone matters then */
    for (uint32_t i = c->completed_count; i > 0; i--) {
        struct checkpoint_completed *done = c->completed[i - 1];
        bool later = !c->newest_loaded && done != checkpoint__newest(c);
        if (clean ? !checkpoint__clean_leaves(c, done) : later || !done->named) continue;
        if (!done->loaded && !done->unreadable) return done->load_at_us <= c->now_us ? done : NULL;
    }
    struct checkpoint_completed *origin = c->origin;
    if (!origin || origin->loaded || origin->unreadable || origin->load_at_us > c->now_us) return NULL;
    return origin;
}

static void newest_check(struct weir_checkpoint_coordinator *c)
{
    if (c->newest_loaded) return;
    const struct checkpoint_completed *point = checkpoint__restore_point(c);
    bool claimed = c->claim != CLAIM_MARK && c->claim != CLAIM_MARKING && c->claim != CLAIM_READING;
    c->newest_loaded =
        c->load_failure ||
        (claimed && weir_record_is_confirmed(c->record, c->fall_back_change) && (!point || point->loaded));
}

void checkpoint__load_advance(struct weir_checkpoint_coordinator *c, struct weir_effects *effects)
{
    if (!checkpoint__may_act(c)) return;
    if (!c->ids_known && !c->ids_listing && c->now_us >= c->ids_at_us) ids_list(c, effects);
    if (c->claim == CLAIM_MARK && c->now_us >= c->claim_at_us) claim_send(c, effects);
    newest_check(c);
    if (!c->loading) {
        struct checkpoint_completed *next = load_next(c);
        if (next) load(c, next, effects);
    }
    const struct checkpoint_completed *newest = checkpoint__newest(c);
    if (c->claim == CLAIM_OWNED && newest && c->origin->loaded && !c->load_failure) origin_delete(c, effects);
    if (c->claim == CLAIM_DELETING) origin_deleted(c, effects);
}
