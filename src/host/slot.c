#include "host/local_job_internal.h"
#include "os/clock.h"

enum { SPIN_ROUNDS = 200, PARK_MS_MAX = 100 };

void local_slot_wake(struct weir_waker *waker)
{
    weir_parker_wake(&((struct local_slot *)waker)->parker);
}

static void park(struct local_slot *slot, int64_t wake_ms)
{
    int64_t wait_ms = PARK_MS_MAX;
    if (wake_ms != INT64_MAX) wait_ms = WEIR_MIN(wait_ms, wake_ms - weir_clock_epoch_ms());
    weir_parker_park(&slot->parker, wait_ms);
}

/* A slot that is alone on the job's threads gains nothing from spinning for the others. */
static void wait_for_work(struct local_slot *slot, int64_t wake_ms)
{
    if (slot->job->slot_count > 1) {
        for (uint32_t i = 0; i < SPIN_ROUNDS; i++) {
            if (weir_parker_is_woken(&slot->parker)) return;
            __builtin_ia32_pause();
        }
    }
    park(slot, wake_ms);
}

/* One round over the slot's subtasks. Returns false when the slot is to stop. */
static bool run_round(struct local_slot *slot, bool *worked, int64_t *wake_ms)
{
    struct weir_local_job *job = slot->job;
    uint32_t closed = 0;
    for (uint32_t i = 0; i < slot->subtask_count; i++) {
        struct weir_subtask *subtask = slot->subtasks[i];
        int64_t at_ms;
        switch (weir_subtask_run_once(subtask, &at_ms)) {
        case WEIR_SUBTASK_WORKED: *worked = true; break;
        case WEIR_SUBTASK_IDLE: *wake_ms = WEIR_MIN(*wake_ms, at_ms); break;
        case WEIR_SUBTASK_BLOCKED: break;
        case WEIR_SUBTASK_ENDED:
            closed += subtask->completed_seen >= WEIR_CLOSING_CHECKPOINT_ID && !subtask->in_flight_count;
            break;
        case WEIR_SUBTASK_FAILED: {
            struct weir_error error = subtask->error;
            weir_error_wrap(&error, "%s (%u/%u) failed", subtask->config.vertex->name,
                subtask->config.subtask_index + 1, subtask->config.vertex->parallelism);
            local_job_fail(job, &error);
            return false;
        }
        case WEIR_SUBTASK_CANCELED: return false;
        }
    }
    return closed < slot->subtask_count;
}

void *local_slot_main(void *argument)
{
    struct local_slot *slot = argument;
    struct weir_local_job *job = slot->job;
    for (;;) {
        weir_parker_begin(&slot->parker);
        bool worked = false;
        int64_t wake_ms = INT64_MAX;
        if (atomic_load(&job->cancel) || atomic_load(&job->failed)) break;
        if (!run_round(slot, &worked, &wake_ms)) break;
        if (!worked) wait_for_work(slot, wake_ms);
    }
    pthread_mutex_lock(&job->mutex);
    job->slots_running--;
    pthread_cond_broadcast(&job->coordinator_condition);
    pthread_mutex_unlock(&job->mutex);
    return NULL;
}

void local_job_fail(struct weir_local_job *job, const struct weir_error *error)
{
    pthread_mutex_lock(&job->mutex);
    if (!atomic_load(&job->failed)) {
        job->error = *error;
        atomic_store(&job->failed, true);
    }
    pthread_cond_broadcast(&job->coordinator_condition);
    pthread_mutex_unlock(&job->mutex);
    for (uint32_t i = 0; i < job->slot_count; i++) local_slot_wake(&job->slots[i].waker);
}
