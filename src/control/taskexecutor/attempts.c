/* The attempts of this TaskManager: found by id, kept by slot, changed in one place. */
#include "base/assert.h"
#include "control/taskexecutor/internal.h"
#include <string.h>

#define STATE(name) WEIR__EXECUTION_STATE__EXECUTION_##name

char *te__text_copy(struct weir_memory *memory, const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = weir_memory_allocate(memory, bytes);
    memcpy(copy, text, bytes);
    return copy;
}

void te__text_free(struct weir_memory *memory, char *text)
{
    if (text) weir_memory_release(memory, text, strlen(text) + 1);
}

bool te__state_is_terminal(Weir__ExecutionState state)
{
    return state == STATE(FINISHED) || state == STATE(CANCELED) || state == STATE(FAILED);
}

bool te__transition_is_legal(Weir__ExecutionState from, Weir__ExecutionState to)
{
    switch (from) {
    case STATE(INITIALIZING):
        return to == STATE(RUNNING) || to == STATE(CANCELING) || te__state_is_terminal(to);
    case STATE(RUNNING): return to == STATE(CANCELING) || te__state_is_terminal(to);
    case STATE(CANCELING): return to == STATE(CANCELED);
    /* A final snapshot that cannot be kept fails the attempt even now. */
    case STATE(FINISHED): return to == STATE(FAILED);
    default: return false;
    }
}

/* All attempts of one subtask share a bucket. */
static struct te__attempt **bucket_of(
    const struct weir_taskexecutor *executor, const struct weir_attempt_id *id)
{
    uint64_t hash = weir_job_id_hash(&id->job) + id->vertex * 0x9e3779b97f4a7c15u + id->subtask;
    hash *= 0xff51afd7ed558ccdu;
    return (struct te__attempt **)&executor->buckets[(hash >> 40) & (TE__BUCKETS - 1)];
}

static bool is_same_subtask(const struct weir_attempt_id *a, const struct weir_attempt_id *b)
{
    return a->vertex == b->vertex && a->subtask == b->subtask && weir_job_id_equal(&a->job, &b->job);
}

struct te__attempt *te__attempt_find(
    const struct weir_taskexecutor *executor, const struct weir_attempt_id *id)
{
    struct te__attempt *attempt = *bucket_of(executor, id);
    while (attempt && !weir_attempt_id_equal(&attempt->id, id)) attempt = attempt->next;
    return attempt;
}

struct te__attempt *te__attempt_in_the_way(
    const struct weir_taskexecutor *executor, const struct weir_attempt_id *id, uint32_t slot)
{
    if (WEIR_PLANTED(two_attempts_in_slot)) return NULL;
    for (struct te__attempt *it = *bucket_of(executor, id); it; it = it->next)
        if (!te__state_is_terminal(it->state) && is_same_subtask(&it->id, id)) return it;
    for (struct te__attempt *it = executor->slots[slot].first; it; it = it->slot_next)
        if (!weir_job_id_equal(&it->id.job, &id->job) || it->id.vertex == id->vertex) return it;
    return NULL;
}

static void slot_leave(struct weir_taskexecutor *executor, struct te__attempt *attempt)
{
    if (attempt->slot >= executor->slot_count) return; /* refused for that */
    struct te__attempt **at = &executor->slots[attempt->slot].first;
    while (*at && *at != attempt) at = &(*at)->slot_next;
    if (*at) *at = attempt->slot_next;
    attempt->slot_next = NULL;
}

bool te__attempt_set_state(
    struct weir_taskexecutor *executor, struct te__attempt *attempt, Weir__ExecutionState state)
{
    if (!te__transition_is_legal(attempt->state, state)) return false;
    attempt->state = state;
    if (te__state_is_terminal(state)) {
        slot_leave(executor, attempt);
        attempt->pending_count = 0;
    }
    return true;
}

void te__attempt_enter_slot(struct weir_taskexecutor *executor, struct te__attempt *attempt)
{
    struct te__slot *slot = &executor->slots[attempt->slot];
    attempt->slot_next = slot->first;
    slot->first = attempt;
}

struct te__attempt *te__attempt_add(struct weir_taskexecutor *executor, const struct weir_attempt_id *id,
    const struct weir_run *run, uint32_t slot)
{
    WEIR_ASSERT(executor->attempt_count < TE__ATTEMPTS_MAX);
    struct te__attempt *attempt = weir_memory_allocate_zeroed(executor->memory, sizeof *attempt);
    struct te__attempt **bucket = bucket_of(executor, id);
    attempt->id = *id;
    attempt->run = *run;
    attempt->state = STATE(INITIALIZING);
    attempt->slot = slot;
    attempt->index = executor->attempt_count;
    attempt->next = *bucket;
    *bucket = attempt;
    executor->attempts[executor->attempt_count++] = attempt;
    return attempt;
}

static void unqueue(struct weir_taskexecutor *executor, struct te__attempt *attempt)
{
    struct te__attempt *previous = NULL;
    for (struct te__attempt *it = executor->queue_first; it; previous = it, it = it->queue_next) {
        if (it != attempt) continue;
        *(previous ? &previous->queue_next : &executor->queue_first) = it->queue_next;
        if (executor->queue_last == it) executor->queue_last = previous;
        return;
    }
}

void te__attempt_remove(struct weir_taskexecutor *executor, struct te__attempt *attempt)
{
    struct weir_memory *memory = executor->memory;
    if (attempt->queued) unqueue(executor, attempt);
    slot_leave(executor, attempt);
    struct te__attempt **at = bucket_of(executor, &attempt->id);
    while (*at != attempt) at = &(*at)->next;
    *at = attempt->next;
    struct te__attempt *last = executor->attempts[--executor->attempt_count];
    last->index = attempt->index;
    executor->attempts[attempt->index] = last;
    while (attempt->held_count) te__held_remove(executor, attempt, attempt->held_count - 1);
    for (uint32_t i = 0; i < attempt->peer_count; i++) te__text_free(memory, attempt->peers[i].name);
    weir_memory_release(memory, attempt->peers, sizeof *attempt->peers * attempt->peer_count);
    for (uint32_t i = 0; i < attempt->split_count; i++) te__text_free(memory, attempt->splits[i].id);
    weir_memory_release(memory, attempt->splits, sizeof *attempt->splits * attempt->split_capacity);
    weir_memory_release(memory, attempt->final_snapshot, attempt->final_snapshot_length);
    te__text_free(memory, attempt->error);
    weir_memory_release(memory, attempt, sizeof *attempt);
}

void te__attempt_queue(struct weir_taskexecutor *executor, struct te__attempt *attempt)
{
    if (attempt->queued) return;
    attempt->queued = true;
    attempt->queue_next = NULL;
    if (executor->queue_last)
        executor->queue_last->queue_next = attempt;
    else
        executor->queue_first = attempt;
    executor->queue_last = attempt;
}

void te__attempt_update(struct weir_taskexecutor *executor, struct te__attempt *attempt)
{
    attempt->update_due = true;
    te__attempt_queue(executor, attempt);
}

void te__attempt_cancel(struct weir_taskexecutor *executor, struct te__attempt *attempt)
{
    if (!te__attempt_set_state(executor, attempt, STATE(CANCELING))) return;
    attempt->cancel_due = true;
    attempt->pending_count = 0;
    attempt->update_due = true;
    te__attempt_queue(executor, attempt);
}
