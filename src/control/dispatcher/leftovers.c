/*
 * H10: what comes late. A JobManager that was deposed without knowing, or a TaskManager that was cut off, may
 * write files of a job after its clean-up. While the job's tombstone lives its directory is looked at again,
 * ever less often, and so are the folders of its savepoints that came to nothing. The id is refused
 * meanwhile, so nothing there is anybody's.
 */
#include "control/dispatcher/internal.h"
#include "control/planted.h"
#include "control/uncommitted.h"
#include <string.h>

enum { LOOKS_PER_STEP_MAX = 64, LOOKS_DOUBLINGS_MAX = 6 };

const Weir__JobResult *dispatcher__leftovers_of(
    const struct dispatcher_tombstone *tombstone, struct weir_arena *arena)
{
    ProtobufCMessage *message = NULL;
    struct weir_error error;
    if (weir_proto_decode(&weir__tombstone__descriptor, arena, tombstone->bytes, tombstone->length,
            WEIR_RECORD_BYTES_MAX, &message, &error))
        return NULL;
    const Weir__JobResult *result = ((const Weir__Tombstone *)message)->result;
    if (!result) return NULL;
    bool has_directory = result->leftovers_directory && result->leftovers_directory[0];
    return has_directory || result->n_uncommitted || result->n_given_up ? result : NULL;
}

static void look(struct weir_dispatcher *dispatcher, struct dispatcher_tombstone *tombstone,
    const Weir__JobResult *result, struct weir_effects *effects)
{
    struct weir_tag tag = {
        .role = WEIR_ROLE_DISPATCHER, .kind = DISPATCHER_TAG_SWEEP_LEFTOVERS, .job = tombstone->id
    };
    for (tag.number = 0; tag.number < dispatcher__leftover_places(result); tag.number++) {
        bool of_sink = tag.number > 0 && tag.number <= result->n_uncommitted;
        struct weir_blob_effect list;
        if (of_sink && WEIR_PLANTED(uncommitted_never_swept)) continue;
        if (dispatcher__leftover_list(result, tag.number, &list, effects->arena))
            weir_effect_blob(effects, tag, list);
    }
}

uint64_t dispatcher__leftover_places(const Weir__JobResult *result)
{
    return 1 + result->n_uncommitted + result->n_given_up;
}

static const char *given_up(const Weir__JobResult *result, uint64_t place)
{
    return result->given_up[place - 1 - result->n_uncommitted];
}

bool dispatcher__leftover_list(
    const Weir__JobResult *result, uint64_t place, struct weir_blob_effect *ret, struct weir_arena *arena)
{
    if (place > 0 && place <= result->n_uncommitted) {
        *ret = weir_uncommitted_list(result->uncommitted[place - 1], arena);
        return true;
    }
    const char *path = place ? given_up(result, place) : result->leftovers_directory;
    *ret = (struct weir_blob_effect){ .operation = WEIR_BLOB_LIST,
        .path = weir_arena_string(arena, path ? path : "") };
    return path && path[0];
}

bool dispatcher__leftover_may_go(const Weir__JobResult *result, uint64_t place, const char *path)
{
    if (place > 0 && place <= result->n_uncommitted)
        return weir_uncommitted_may_go(result->uncommitted[place - 1], path);
    const char *folder = place ? given_up(result, place) : result->leftovers_directory;
    size_t length = strlen(folder);
    if (strncmp(path, folder, length) != 0 || path[length] != '/') return false;
    return place > 0 || !result->leftovers_only_checkpoints || strncmp(path + length, "/chk-", 5) == 0;
}

void dispatcher__sweep_leftovers(
    struct weir_dispatcher *dispatcher, int64_t now_us, struct weir_effects *effects)
{
    if (WEIR_PLANTED(leftovers_never_swept)) return;
    uint32_t looks = 0;
    for (uint32_t i = 0; i < dispatcher->queue_count && looks < LOOKS_PER_STEP_MAX; i++) {
        if (effects->count >= DISPATCHER_EFFECTS_PER_STEP_MAX) return;
        uint32_t at = (dispatcher->queue_first + i) % dispatcher->queue_capacity;
        struct dispatcher_tombstone *tombstone = dispatcher->tombstone_queue[at];
        if (now_us < tombstone->leftovers_at_us) continue;
        const Weir__JobResult *result = dispatcher__leftovers_of(tombstone, effects->arena);
        uint32_t doublings = WEIR_MIN(tombstone->leftovers_looks, (uint32_t)LOOKS_DOUBLINGS_MAX);
        tombstone->leftovers_looks++;
        tombstone->leftovers_at_us =
            result ? now_us + (dispatcher->options->sweep_interval_us << doublings) : INT64_MAX;
        if (!result) continue;
        look(dispatcher, tombstone, result, effects);
        looks++;
    }
}

/* A leader that was killed between the last file and its folder has left the folder. */
static void prune(const Weir__JobResult *result, uint64_t place, struct weir_effects *effects)
{
    struct weir_blob_effect folder;
    bool of_sink = place > 0 && place <= result->n_uncommitted;
    if (of_sink || !dispatcher__leftover_list(result, place, &folder, effects->arena)) return;
    folder.operation = WEIR_BLOB_PRUNE;
    weir_effect_blob(effects,
        (struct weir_tag){ .role = WEIR_ROLE_DISPATCHER, .kind = DISPATCHER_TAG_SWEEP_DELETE }, folder);
}

/* A deletion that is carried out late still finds nobody else's: a later job of the same id starts above what
 * it finds there. */
void dispatcher__on_leftovers(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects)
{
    struct dispatcher_tombstone *tombstone = dispatcher__table_find(&dispatcher->tombstones, &event->tag.job);
    if (!tombstone || event->blob.outcome != WEIR_BLOB_OK || dispatcher->suspended) return;
    if (dispatcher->state != DISPATCHER_SERVING) return;
    if (dispatcher__table_find(&dispatcher->jobs, &event->tag.job)) return;
    const Weir__JobResult *result = dispatcher__leftovers_of(tombstone, effects->arena);
    if (!result || event->tag.number >= dispatcher__leftover_places(result)) return;
    uint32_t deleted = 0;
    for (uint32_t i = 0; i < event->blob.name_count && deleted < DISPATCHER_SWEEP_DELETES_MAX; i++) {
        const char *path = event->blob.names[i];
        if (!dispatcher__leftover_may_go(result, event->tag.number, path)) continue;
        struct weir_tag tag = { .role = WEIR_ROLE_DISPATCHER, .kind = DISPATCHER_TAG_SWEEP_DELETE };
        weir_effect_blob(effects, tag,
            (struct weir_blob_effect){
                .operation = WEIR_BLOB_DELETE, .path = weir_arena_string(effects->arena, path) });
        deleted++;
    }
    if (event->blob.name_count == 0) prune(result, event->tag.number, effects);
    dispatcher->swept += deleted;
    if (deleted)
        weir_effect_log(effects, WEIR_CONTROL_INFO, "swept %u files that a job got after its end", deleted);
}
