/* Splits of enumerated sources: received in order, remembered until a checkpoint covers them (DESIGN 4.4). */
#include "control/taskexecutor/internal.h"

enum { ASK_AGAIN_US = 1000000 };

static bool keep_split(
    struct weir_taskexecutor *executor, struct te__attempt *attempt, const Weir__Split *split)
{
    if (attempt->split_count == TE__SPLITS_MAX) return false;
    if (attempt->split_count == attempt->split_capacity) {
        uint32_t capacity = attempt->split_capacity ? attempt->split_capacity * 2 : 8;
        attempt->splits = weir_memory_reallocate(executor->memory, attempt->splits,
            sizeof *attempt->splits * attempt->split_capacity, sizeof *attempt->splits * capacity);
        attempt->split_capacity = capacity;
    }
    attempt->splits[attempt->split_count++] =
        (struct te__split){ .id = te__text_copy(executor->memory, split->id),
            .epoch = split->epoch,
            .sequence = split->sequence,
            .order = split->order,
            .vertex = split->vertex,
            .finished = split->finished };
    attempt->split_epoch = split->epoch;
    attempt->split_sequence = split->sequence;
    return true;
}

/* In order, each once. An older epoch's that comes late was given to somebody else meanwhile. */
static bool is_next(
    const struct weir_taskexecutor *executor, const struct te__attempt *attempt, const Weir__Split *split)
{
    if (WEIR_PLANTED(late_split_taken)) return true;
    if (split->epoch != executor->identity->epoch) return false;
    if (attempt->split_epoch != split->epoch) return split->sequence == 1; /* its first of this epoch */
    return split->sequence == attempt->split_sequence + 1;
}

void te__on_splits(
    struct weir_taskexecutor *executor, const struct weir_event *event, struct weir_effects *effects)
{
    const Weir__AssignSplits *assign = event->envelope->assign_splits;
    struct weir_attempt_id id;
    weir_attempt_id_from(assign->attempt, &id);
    struct te__attempt *attempt = te__attempt_find(executor, &id);
    if (!attempt || te__state_is_terminal(attempt->state)) return;
    Weir__AssignSplits *taken = WEIR_PROTO_NEW(effects->arena, Weir__AssignSplits, weir__assign_splits);
    taken->attempt = assign->attempt;
    taken->no_more = assign->no_more;
    taken->splits = WEIR_ARENA_ARRAY(effects->arena, Weir__Split *, assign->n_splits + 1);
    for (size_t i = 0; i < assign->n_splits; i++) {
        const Weir__Split *split = assign->splits[i];
        if (!is_next(executor, attempt, split)) {
            bool known = split->epoch == attempt->split_epoch && split->sequence <= attempt->split_sequence;
            if (known) continue;    /* told twice */
            taken->no_more = false; /* one lacks: a trigger will find out */
            break;
        }
        if (!keep_split(executor, attempt, split)) break;
        taken->splits[taken->n_splits++] = assign->splits[i];
    }
    if (!taken->n_splits && !taken->no_more) return;
    attempt->split_wanted = false;
    struct weir_effect *effect = weir_effect_add(effects, WEIR_EFFECT_TASK);
    effect->task = (struct weir_task_effect){
        .action = WEIR_TASK_ASSIGN_SPLITS, .attempt = id, .epoch = executor->identity->epoch, .splits = taken
    };
}

void te__splits_covered(
    struct weir_taskexecutor *executor, struct te__attempt *attempt, uint64_t epoch, uint64_t sequence)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < attempt->split_count; i++) {
        struct te__split *split = &attempt->splits[i];
        bool covered = split->epoch < epoch || (split->epoch == epoch && split->sequence <= sequence);
        if (covered)
            te__text_free(executor->memory, split->id);
        else
            attempt->splits[kept++] = *split;
    }
    attempt->split_count = kept;
}

static void ask(struct weir_taskexecutor *executor, struct te__attempt *attempt, int64_t now_us,
    struct weir_effects *effects)
{
    attempt->split_asked_us = now_us;
    Weir__RequestSplits *message = WEIR_PROTO_NEW(effects->arena, Weir__RequestSplits, weir__request_splits);
    message->attempt = weir_attempt_id_to(effects->arena, &attempt->id);
    message->epoch = attempt->split_epoch;
    message->sequence = attempt->split_sequence;
    te__send_to_leader(executor, effects, WEIR_ROLE_JOBMASTER, &attempt->id.job,
        WEIR__ENVELOPE__BODY_REQUEST_SPLITS, message);
}

void te__on_splits_wanted(struct weir_taskexecutor *executor, struct te__attempt *attempt, int64_t now_us,
    struct weir_effects *effects)
{
    if (te__state_is_terminal(attempt->state)) return;
    attempt->split_wanted = true;
    ask(executor, attempt, now_us, effects);
}

void te__splits_ask_again(struct weir_taskexecutor *executor, int64_t now_us, struct weir_effects *effects)
{
    if (!te__leader_hears(executor)) return;
    for (uint32_t i = 0; i < executor->attempt_count && effects->count < TE__STEP_EFFECTS_MAX; i++) {
        struct te__attempt *attempt = executor->attempts[i];
        if (!attempt->split_wanted || te__state_is_terminal(attempt->state)) continue;
        if (now_us - attempt->split_asked_us >= ASK_AGAIN_US) ask(executor, attempt, now_us, effects);
    }
}

void te__on_discover(
    struct weir_taskexecutor *executor, const struct weir_event *event, struct weir_effects *effects)
{
    struct weir_attempt_id id;
    weir_attempt_id_from(event->envelope->discover_splits->attempt, &id);
    struct te__attempt *attempt = te__attempt_find(executor, &id);
    if (!attempt || te__state_is_terminal(attempt->state)) return;
    struct weir_effect *effect = weir_effect_add(effects, WEIR_EFFECT_TASK);
    effect->task = (struct weir_task_effect){
        .action = WEIR_TASK_DISCOVER_SPLITS, .attempt = id, .epoch = executor->identity->epoch
    };
}

/* All messages of one answer leave in one step: the last one does not arrive without the others. */
void te__on_splits_found(struct weir_taskexecutor *executor, struct te__attempt *attempt,
    const struct weir_task_event *task, struct weir_effects *effects)
{
    uint32_t at = 0;
    do {
        uint32_t count = WEIR_MIN(task->found_count - at, (uint32_t)TE__FOUND_MAX);
        Weir__SplitsFound *message = WEIR_PROTO_NEW(effects->arena, Weir__SplitsFound, weir__splits_found);
        message->attempt = weir_attempt_id_to(effects->arena, &attempt->id);
        message->ids = WEIR_ARENA_ARRAY(effects->arena, char *, count + 1);
        for (uint32_t i = 0; i < count; i++)
            message->ids[message->n_ids++] = weir_arena_string(effects->arena, task->found[at + i]);
        at += count;
        message->more = at < task->found_count;
        message->complete = !message->more && task->found_all;
        te__send_to_leader(executor, effects, WEIR_ROLE_JOBMASTER, &attempt->id.job,
            WEIR__ENVELOPE__BODY_SPLITS_FOUND, message);
    } while (at < task->found_count);
}
