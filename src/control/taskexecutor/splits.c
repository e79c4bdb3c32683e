/* Splits of enumerated sources: received in order, remembered until a checkpoint covers them (DESIGN 4.4). */
#include "control/taskexecutor/internal.h"

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
