/* H10, asked for: what the job has given up and has not deleted yet. Its coordinator knows, given the files
 * that there are; whoever asked is answered once, whatever becomes of the listing. */
#include "control/jobmaster/internal.h"

static void answer(struct weir_jobmaster *jm, const struct weir_checkpoint_garbage *found, uint32_t count,
    bool failed, bool cut, struct weir_effects *effects)
{
    Weir__GarbageItem **items = WEIR_ARENA_ARRAY(effects->arena, Weir__GarbageItem *, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        items[i] = WEIR_PROTO_NEW(effects->arena, Weir__GarbageItem, weir__garbage_item);
        items[i]->path = weir_arena_string(effects->arena, found[i].path);
        items[i]->bytes = found[i].bytes;
        items[i]->why = (char *)found[i].why;
    }
    struct weir_local_message message = { .kind = WEIR_LOCAL_GARBAGE_FOUND,
        .from = WEIR_ROLE_JOBMASTER,
        .job = jm->job,
        .garbage = { .number = jm->garbage_number,
            .dry_run = jm->garbage_dry_run,
            .failed = failed,
            .cut = cut,
            .items = items,
            .item_count = count } };
    weir_effect_local(effects, WEIR_ROLE_DISPATCHER, NULL, &message);
}

/* A job that ends deletes all it has: that is no garbage. One that has not begun here has yet to read what it
 * reaches. */
static bool knows(const struct weir_jobmaster *jm)
{
    return jm->coordinator && jm->start == START_DONE && !jobmaster__ending(jm);
}

void garbage__asked(
    struct weir_jobmaster *jm, const struct weir_local_message *message, struct weir_effects *effects)
{
    jm->garbage_number = message->garbage.number;
    jm->garbage_dry_run = message->garbage.dry_run;
    if (!knows(jm)) {
        answer(jm, NULL, 0, false, !jobmaster__ending(jm), effects);
        return;
    }
    struct weir_tag tag = jobmaster__tag(jm, JOBMASTER_TAG_GARBAGE);
    tag.number = jm->garbage_number;
    weir_effect_blob(effects, tag,
        (struct weir_blob_effect){
            .operation = WEIR_BLOB_LIST, .path = weir_checkpoint_folder(jm->coordinator, effects->arena) });
}

void garbage__listed(struct weir_jobmaster *jm, const struct weir_event *event, struct weir_effects *effects)
{
    if (event->tag.number != jm->garbage_number) return; /* asked anew since: that one is answered */
    bool failed = event->blob.outcome == WEIR_BLOB_ERROR, cut = false;
    if (failed || !knows(jm)) {
        answer(jm, NULL, 0, failed, false, effects);
        return;
    }
    struct weir_checkpoint_garbage *found =
        WEIR_ARENA_ARRAY(effects->arena, struct weir_checkpoint_garbage, JOBMASTER_GARBAGE_MAX);
    uint32_t count = weir_checkpoint_garbage(
        jm->coordinator, &event->blob, found, JOBMASTER_GARBAGE_MAX, &cut, effects->arena);
    answer(jm, found, count, false, cut, effects);
    if (!jm->garbage_dry_run)
        weir_checkpoint_collect(jm->coordinator, &event->blob, jm->now_us, jm->wall_us, effects);
}
