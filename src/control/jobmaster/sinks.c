/*
 * H10: the files that sinks of this job have begun and nobody will commit any more. Killed attempts leave
 * them where their subtask is not restored before the job ends. Deleted between TERMINAL_DIRTY, from which on
 * no attempt of the job is ever deployed again, and TERMINAL_CLEAN; what comes after that, from processes
 * that do not know yet, goes while the tombstone lives (dispatcher/leftovers.c). A takeover in between begins
 * again.
 *
 * A place that cannot be read or emptied for a while does not keep the job from being clean: the tombstone's
 * sweep goes on.
 */
#include "control/jobmaster/internal.h"
#include "control/uncommitted.h"

void sinks__note(struct weir_jobmaster *jm, Weir__JobResult *result, struct weir_arena *arena)
{
    if (result->n_uncommitted || !jm->plan || !jm->coordinator || result->keep_checkpoints) return;
    weir_uncommitted_note(result, jm->plan, weir_checkpoint_sink_files_from(jm->coordinator, result), arena);
}

static const Weir__JobResult *places(struct weir_jobmaster *jm, struct weir_arena *arena)
{
    const Weir__JobResult *confirmed = jm->record.confirmed->result;
    if (confirmed->n_uncommitted) return confirmed;
    Weir__JobResult *result =
        WEIR_PROTO_COPY(arena, confirmed); /* the plan was not known when it was written */
    sinks__note(jm, result, arena);
    return result;
}

static void next_place(struct weir_jobmaster *jm)
{
    jm->sinks = (struct jobmaster_sinks){ .place = jm->sinks.place + 1, .number = jm->sinks.number };
    jm->progress++;
}

/* All that was asked for has been answered. */
static void round_over(struct weir_jobmaster *jm)
{
    struct jobmaster_sinks *sinks = &jm->sinks;
    if (!sinks->failed && !sinks->more) {
        next_place(jm);
        return;
    }
    if (sinks->failed && ++sinks->tries == JOBMASTER_SINK_TRIES_MAX) {
        next_place(jm);
        return;
    }
    if (!sinks->back_off_us) sinks->back_off_us = JOBMASTER_BACK_OFF_FIRST_US;
    sinks->at_us = sinks->failed ? jm->now_us + jobmaster__back_off(&sinks->back_off_us) : jm->now_us;
    sinks->failed = sinks->more = false;
    jm->progress++;
}

bool sinks__advance(struct weir_jobmaster *jm, struct weir_effects *effects)
{
    struct jobmaster_sinks *sinks = &jm->sinks;
    const Weir__JobResult *result = places(jm, effects->arena);
    if (sinks->place >= result->n_uncommitted || WEIR_PLANTED(uncommitted_never_swept)) return true;
    if (sinks->listing || sinks->deleting) return false;
    if (jm->now_us < sinks->at_us) {
        jobmaster__wake(jm, sinks->at_us);
        return false;
    }
    sinks->listing = true;
    struct weir_tag tag = jobmaster__tag(jm, JOBMASTER_TAG_SINKS_LIST);
    tag.number = ++sinks->number;
    weir_effect_blob(effects, tag, weir_uncommitted_list(result->uncommitted[sinks->place], effects->arena));
    return false;
}

void sinks__listed(struct weir_jobmaster *jm, const struct weir_event *event, struct weir_effects *effects)
{
    struct jobmaster_sinks *sinks = &jm->sinks;
    if (jm->end != END_SINKS || !sinks->listing || event->tag.number != sinks->number) return;
    const Weir__JobResult *result = places(jm, effects->arena);
    const Weir__UncommittedFiles *files = result->uncommitted[sinks->place];
    sinks->listing = false;
    sinks->failed = event->blob.outcome == WEIR_BLOB_ERROR;
    for (uint32_t i = 0; !sinks->failed && i < event->blob.name_count; i++) {
        if (!weir_uncommitted_may_go(files, event->blob.names[i])) continue;
        sinks->more = sinks->deleting == JOBMASTER_SINK_DELETES_MAX;
        if (sinks->more) break;
        sinks->deleting++;
        struct weir_tag tag = jobmaster__tag(jm, JOBMASTER_TAG_SINKS_DELETE);
        tag.number = sinks->number;
        weir_effect_blob(effects, tag,
            (struct weir_blob_effect){ .operation = WEIR_BLOB_DELETE,
                .path = weir_arena_string(effects->arena, event->blob.names[i]) });
    }
    if (sinks->deleting)
        weir_effect_log(effects, WEIR_CONTROL_INFO,
            "Removing %u files below '%s' that nobody commits any more.", sinks->deleting, files->directory);
    else
        round_over(jm);
}

void sinks__deleted(struct weir_jobmaster *jm, const struct weir_event *event)
{
    struct jobmaster_sinks *sinks = &jm->sinks;
    if (jm->end != END_SINKS || !sinks->deleting || event->tag.number != sinks->number) return;
    sinks->failed |= event->blob.outcome == WEIR_BLOB_ERROR;
    if (--sinks->deleting == 0) round_over(jm);
}
