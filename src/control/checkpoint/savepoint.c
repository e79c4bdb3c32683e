/* What clients ask for: savepoints and stops. What was promised to them is in the record. */
#include "control/checkpoint/internal.h"
#include "base/assert.h"
#include <stdio.h>
#include <string.h>

static bool same_request(const ProtobufCBinaryData *bytes, const uint8_t request[16])
{
    return bytes->len == 16 && memcmp(bytes->data, request, 16) == 0;
}

struct savepoint_request *checkpoint__request_find(
    const struct weir_checkpoint_coordinator *c, const uint8_t request[16])
{
    for (uint32_t i = 0; i < c->request_count; i++) {
        if (memcmp(c->requests[i].request, request, 16) == 0) return &c->requests[i];
    }
    return NULL;
}

void checkpoint__request_drop(struct weir_checkpoint_coordinator *c, const uint8_t request[16])
{
    struct savepoint_request *found = checkpoint__request_find(c, request);
    if (found) *found = c->requests[--c->request_count];
}

static Weir__SavepointRequest *record_request(
    struct weir_checkpoint_coordinator *c, const uint8_t request[16])
{
    Weir__JobRecord *wanted = c->record->wanted;
    struct weir_arena *arena = weir_record_arena(c->record);
    for (size_t i = 0; i < wanted->n_savepoints; i++) {
        if (same_request(&wanted->savepoints[i]->request, request)) return wanted->savepoints[i];
    }
    Weir__SavepointRequest *added = WEIR_PROTO_NEW(arena, Weir__SavepointRequest, weir__savepoint_request);
    added->request.len = 16;
    added->request.data = (uint8_t *)weir_arena_copy(arena, request, 16);
    Weir__SavepointRequest **savepoints =
        WEIR_ARENA_ARRAY(arena, Weir__SavepointRequest *, wanted->n_savepoints + 1);
    if (wanted->n_savepoints) memcpy(savepoints, wanted->savepoints, sizeof(void *) * wanted->n_savepoints);
    savepoints[wanted->n_savepoints++] = added;
    wanted->savepoints = savepoints;
    return added;
}

uint64_t checkpoint__request_write(struct weir_checkpoint_coordinator *c, const uint8_t request[16],
    Weir__SavepointState state, const char *path, const char *error, uint64_t checkpoint,
    struct weir_effects *effects)
{
    Weir__SavepointRequest *entry = record_request(c, request);
    struct weir_arena *arena = weir_record_arena(c->record);
    entry->state = state;
    if (path) entry->path = weir_arena_string(arena, path);
    entry->error = weir_arena_string(arena, error ? error : "");
    entry->checkpoint = checkpoint;
    return weir_record_changed(c->record, c->now_us, effects);
}

void checkpoint__request_failed(struct weir_checkpoint_coordinator *c, const uint8_t request[16],
    const char *error, struct weir_effects *effects)
{
    checkpoint__request_write(c, request, WEIR__SAVEPOINT_STATE__SAVEPOINT_FAILED, NULL, error, 0, effects);
    checkpoint__request_drop(c, request);
}

static void request_add(struct weir_checkpoint_coordinator *c, const uint8_t request[16],
    const char *directory, struct weir_effects *effects)
{
    if (checkpoint__request_find(c, request)) return;
    if (!directory || !directory[0]) directory = c->settings->savepoint_directory;
    const char *refused = NULL;
    if (!directory || !directory[0])
        refused = "no directory was given for the savepoint and the job has none configured";
    else if (strlen(directory) >= CHECKPOINT_PATH_BYTES_MAX)
        refused = "the savepoint's directory is too long";
    else if (c->request_count == CHECKPOINT_REQUESTS_MAX)
        refused = "too many savepoints of this job are in progress";
    if (refused) {
        checkpoint__request_failed(c, request, refused, effects);
        return;
    }
    struct savepoint_request *added = &c->requests[c->request_count++];
    *added = (struct savepoint_request){ .at_us = c->now_us };
    memcpy(added->request, request, 16);
    snprintf(added->directory, sizeof added->directory, "%s", directory);
}

/* Whoever empties it may die over that, and what was on its way to it arrives late: until the job has ended
 * each leader looks there, once more at the end, and after it while the tombstone lives. The next write takes
 * it along; that is soon enough, for the one that makes the record forget the try is a write, too. */
void checkpoint__folder_given_up(struct weir_checkpoint_coordinator *c, const char *directory)
{
    Weir__JobRecord *wanted = c->record->wanted;
    struct weir_arena *arena = weir_record_arena(c->record);
    if (WEIR_PLANTED(checkpoint_never_swept)) return; /* nor by those who come later */
    checkpoint__sweep_aside(c, directory);
    size_t first = wanted->n_given_up, bytes = strlen(directory);
    for (size_t i = 0; i < wanted->n_given_up; i++)
        if (strcmp(wanted->given_up[i], directory) == 0) return;
    while (first > 0 && wanted->n_given_up - first < CHECKPOINT_FOLDERS_MAX - 1) {
        bytes += strlen(wanted->given_up[first - 1]);
        if (bytes > CHECKPOINT_FOLDERS_BYTES_MAX) break;
        first--;
    }
    size_t kept = wanted->n_given_up - first;
    char **folders = WEIR_ARENA_ARRAY(arena, char *, kept + 1);
    if (kept) memcpy(folders, wanted->given_up + first, sizeof *folders * kept);
    folders[kept] = weir_arena_string(arena, directory);
    wanted->given_up = folders;
    wanted->n_given_up = kept + 1;
}

/* A takeover goes on with what was promised; what tries of older leaders have left goes. */
void checkpoint__requests_found(struct weir_checkpoint_coordinator *c, struct weir_effects *effects)
{
    const Weir__JobRecord *record = c->record->confirmed;
    for (size_t i = 0; i < record->n_given_up; i++) checkpoint__sweep_aside(c, record->given_up[i]);
    for (size_t i = 0; i < record->n_savepoints; i++) {
        const Weir__SavepointRequest *entry = record->savepoints[i];
        if (entry->state == WEIR__SAVEPOINT_STATE__SAVEPOINT_COMPLETED || entry->request.len != 16) continue;
        /* Also of one that has FAILED: a job that ends fails what is in progress. */
        if (entry->checkpoint && entry->path && entry->path[0])
            checkpoint__folder_given_up(
                c, checkpoint__savepoint_directory(c, effects->arena, entry->path, entry->checkpoint));
        if (entry->state == WEIR__SAVEPOINT_STATE__SAVEPOINT_IN_PROGRESS)
            request_add(c, entry->request.data, entry->path, effects);
    }
    const Weir__Target *target = record->target;
    if (!target || !target->checkpoint) return; /* of a STOP, which a CANCEL may have taken the place of */
    const char *parent = target->path && target->path[0] ? target->path : c->settings->savepoint_directory;
    if (parent && !checkpoint__completed_find(c, target->checkpoint))
        checkpoint__folder_given_up(
            c, checkpoint__savepoint_directory(c, effects->arena, parent, target->checkpoint));
}

void weir_checkpoint_savepoint(struct weir_checkpoint_coordinator *c, const uint8_t request[16],
    const char *directory, int64_t now_us, int64_t wall_us, struct weir_effects *effects)
{
    checkpoint__enter(c, now_us, wall_us);
    request_add(c, request, directory, effects);
    checkpoint__leave(c, effects);
}

void weir_checkpoint_stop_job(struct weir_checkpoint_coordinator *c, const char *directory, bool drain,
    int64_t now_us, int64_t wall_us, struct weir_effects *effects)
{
    checkpoint__enter(c, now_us, wall_us);
    if (!directory || !directory[0]) directory = c->settings->savepoint_directory;
    if (!directory || !directory[0] || strlen(directory) >= CHECKPOINT_PATH_BYTES_MAX) {
        snprintf(c->call_stop_failed_text, sizeof c->call_stop_failed_text,
            "no directory was given for the savepoint and the job has none configured");
        c->call_stop_failed = c->call_stop_failed_text;
    } else if (!c->stopping && !c->closing) {
        c->stopping = true;
        c->stop_drain = drain;
        c->stop_tries = 0;
        snprintf(c->stop_directory, sizeof c->stop_directory, "%s", directory);
    }
    checkpoint__leave(c, effects);
}
