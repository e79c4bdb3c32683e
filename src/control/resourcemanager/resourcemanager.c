#include "control/resourcemanager/internal.h"
#include "base/assert.h"

struct weir_resourcemanager *weir_resourcemanager_new(const struct weir_machine_config *config)
{
    struct weir_resourcemanager *rm = weir_memory_allocate_zeroed(config->memory, sizeof *rm);
    rm->memory = config->memory;
    rm->nodes = config->nodes;
    rm->identity = config->identity;
    rm->options = config->options;
    weir_arena_init(&rm->telling_arena, config->memory);
    return rm;
}

void weir_resourcemanager_free(struct weir_resourcemanager *rm)
{
    if (!rm) return;
    rm__taskmanagers_free(rm);
    rm__jobs_clear(rm);
    weir_arena_done(&rm->telling_arena);
    weir_memory_release(rm->memory, rm, sizeof *rm);
}

/* Of a leadership that is over: everything but who is connected. */
static void forget(struct weir_resourcemanager *rm)
{
    rm__taskmanagers_forget(rm);
    rm__jobs_clear(rm);
    rm__workers_clear(rm);
    rm->recovered = rm->recovering = rm->scanning = false;
    rm->awaiting = rm->all_reported = rm->telling_all_reported = false;
}

static void set_tick(const struct weir_resourcemanager *rm, struct weir_effects *effects)
{
    struct weir_tag tag = { .role = WEIR_ROLE_RESOURCEMANAGER, .kind = RM__TAG_TICK };
    weir_effect_timer(
        effects, tag, rm->leading ? rm->now_us + rm->options->heartbeat_interval_us : INT64_MAX);
}

static void on_granted(
    struct weir_resourcemanager *rm, const struct weir_local_message *message, struct weir_effects *effects)
{
    forget(rm);
    rm->leading = true;
    rm->epoch = message->epoch;
    rm->ticked = false;
    rm__workers_recover(rm);
    rm__await_begin(rm, message, effects);
    set_tick(rm, effects);
}

/* Who waits too long lets the others pass: its JobMaster knows its own patience. */
static void rotate_waiting(struct weir_resourcemanager *rm)
{
    int64_t timeout_us = rm->options->slot_request_timeout_us;
    if (timeout_us <= 0) return;
    for (uint32_t at = rm->waiting_first; at;) {
        struct rm__job *job = rm__job(rm, at - 1);
        at = job->next;
        if (rm->own_us - job->waiting_since_us >= timeout_us) rm__job_to_the_end(rm, job);
    }
}

static void on_tick(struct weir_resourcemanager *rm, struct weir_effects *effects)
{
    int64_t interval_us = rm->options->heartbeat_interval_us, passed_us = 0;
    if (rm->ticked) passed_us = rm->now_us - rm->last_tick_us;
    rm->ticked = true;
    rm->last_tick_us = rm->now_us;
    rm->own_us += passed_us > 2 * interval_us ? interval_us : passed_us;
    rm->scanning = true;
    rm->scan_cursor = 0;
    rotate_waiting(rm);
    set_tick(rm, effects);
}

/* JobMasters that were started in this turn have yet to say that they are there. */
static void wait_for_jobs(struct weir_resourcemanager *rm, struct weir_effects *effects)
{
    struct weir_tag tag = {
        .role = WEIR_ROLE_RESOURCEMANAGER, .kind = RM__TAG_RECOVERED, .number = rm->epoch
    };
    weir_effect_timer(effects, tag, rm->now_us);
}

static void on_local(
    struct weir_resourcemanager *rm, const struct weir_local_message *message, struct weir_effects *effects)
{
    if (message->kind == WEIR_LOCAL_GRANTED) on_granted(rm, message, effects);
    if (message->kind == WEIR_LOCAL_TASKMANAGER_GREETED) rm__on_greeted(rm, message);
    if (!rm->leading) return;
    switch (message->kind) {
    case WEIR_LOCAL_REVOKED:
        rm__await_end(rm, effects);
        forget(rm);
        rm->leading = false;
        set_tick(rm, effects);
        break;
    case WEIR_LOCAL_EPOCH: rm->epoch = message->epoch; break;
    case WEIR_LOCAL_RECOVERED: wait_for_jobs(rm, effects); break;
    case WEIR_LOCAL_REQUIRE: rm__on_require(rm, message); break;
    case WEIR_LOCAL_RELEASE: rm__on_release(rm, message); break;
    case WEIR_LOCAL_SLOT_FAILED: rm__on_slot_failed(rm, message); break;
    case WEIR_LOCAL_JOB_STOPPED: rm__on_job_stopped(rm, message); break;
    case WEIR_LOCAL_END_WORKERS: rm__workers_end(rm, effects); break;
    default: break;
    }
}

static void on_message(
    struct weir_resourcemanager *rm, const struct weir_event *event, struct weir_effects *effects)
{
    if (event->envelope->body_case == WEIR__ENVELOPE__BODY_QUERY_TASKMANAGERS) {
        rm__on_query(rm, event, effects);
        return;
    }
    if (!rm->leading) return;
    rm__heard(rm, event->from, event->from_incarnation);
    switch (event->envelope->body_case) {
    case WEIR__ENVELOPE__BODY_REPORT: rm__on_report(rm, event, effects); break;
    case WEIR__ENVELOPE__BODY_HEARTBEAT: rm__on_heartbeat(rm, event, effects); break;
    case WEIR__ENVELOPE__BODY_TASK_STATE: rm__on_task_state(rm, event, effects); break;
    default: break;
    }
}

static void on_timer(
    struct weir_resourcemanager *rm, const struct weir_tag *tag, struct weir_effects *effects)
{
    if (!rm->leading) return;
    if (tag->kind == RM__TAG_TICK) on_tick(rm, effects);
    if (tag->kind == RM__TAG_PROBE) rm__on_probe(rm, effects);
    if (tag->kind == RM__TAG_RECOVERED && !rm->recovered) {
        rm->recovering = true;
        rm->recovering_cursor = 0;
    }
}

/* What a step has to say, in this order: who is there, that these are all, what is gone, who holds what. */
static void finish(struct weir_resourcemanager *rm, struct weir_effects *effects)
{
    if (!rm__tell_new_job(rm, effects) || !rm__tell_report(rm, effects) ||
        !rm__tell_all_reported(rm, effects) || !rm__scan(rm, effects) || !rm__on_recovered(rm, effects)) {
        effects->more = true;
        return;
    }
    rm__allocate(rm);
    if (!rm__tell_slots(rm, effects)) {
        effects->more = true;
        return;
    }
    rm__workers_advance(rm, effects);
}

void weir_resourcemanager_step(
    struct weir_resourcemanager *rm, const struct weir_event *event, struct weir_effects *effects)
{
    rm->now_us = event->now_us;
    switch (event->kind) {
    case WEIR_EVENT_TIMER: on_timer(rm, &event->tag, effects); break;
    case WEIR_EVENT_MESSAGE: on_message(rm, event, effects); break;
    case WEIR_EVENT_CONNECTION: rm__on_connection(rm, event, effects); break;
    case WEIR_EVENT_PROCESS_DIED: rm__on_process_died(rm, event, effects); break;
    case WEIR_EVENT_WORKER: rm__on_worker(rm, event, effects); break;
    case WEIR_EVENT_LOCAL: on_local(rm, event->local, effects); break;
    default: break;
    }
    if (rm->leading) finish(rm, effects);
}
