/* Processes of the resource driver: started when slots are missing, stopped when they are idle. */
#include "control/resourcemanager/internal.h"
#include <string.h>

static struct rm__worker *find(struct weir_resourcemanager *rm, weir_node node)
{
    for (uint32_t i = 0; i < rm->worker_count; i++)
        if (rm->workers[i].node == node) return &rm->workers[i];
    return NULL;
}

static void remove_worker(struct weir_resourcemanager *rm, struct rm__worker *worker)
{
    if (worker->state == RM__WORKER_STARTING) rm->starting_count--;
    *worker = rm->workers[--rm->worker_count];
}

void rm__workers_clear(struct weir_resourcemanager *rm)
{
    rm->worker_count = rm->starting_count = 0;
    rm->ended_first = rm->ended_count = rm->names_made = 0;
    rm->worker_back_off_us = 0;
    rm->worker_start_at_us = 0;
    rm->workers_ended = false;
}

/* Workers of an earlier leader are about to register: nothing is started beside them. The first leader of a
 * cluster has nobody to wait for. */
void rm__workers_recover(struct weir_resourcemanager *rm)
{
    if (rm->epoch > 1) rm->worker_start_at_us = rm->own_us + rm->options->worker_recovery_us;
}

static void ask(struct weir_resourcemanager *rm, weir_node node, bool start, struct weir_effects *effects)
{
    struct weir_effect *effect = weir_effect_add(effects, WEIR_EFFECT_WORKER);
    effect->text = weir_arena_string(effects->arena, weir_nodes_name(rm->nodes, node));
    effect->worker_start = start;
}

/* One that is there is told itself: it may be the child of a JobManager that is gone. */
static void end_worker(struct weir_resourcemanager *rm, struct rm__worker *worker, const char *reason,
    struct weir_effects *effects)
{
    struct rm__taskmanager *taskmanager = rm__taskmanager_find(rm, worker->node);
    if (taskmanager && taskmanager->up) {
        Weir__EndTaskManager *end =
            WEIR_PROTO_NEW(effects->arena, Weir__EndTaskManager, weir__end_task_manager);
        end->reason = weir_arena_string(effects->arena, reason);
        weir_effect_send(effects, worker->node, WEIR_ROLE_TASKEXECUTOR, NULL, 0,
            WEIR__ENVELOPE__BODY_END_TASKMANAGER, end);
    }
    if (worker->state == RM__WORKER_STARTING) rm->starting_count--;
    worker->state = RM__WORKER_STOPPING;
    worker->since_us = rm->own_us;
    ask(rm, worker->node, false, effects);
}

/* An earlier leader may have had it started: its name tells. */
void rm__worker_registered(struct weir_resourcemanager *rm, struct rm__taskmanager *taskmanager)
{
    struct rm__worker *worker = find(rm, taskmanager->node);
    const char *name = weir_nodes_name(rm->nodes, taskmanager->node);
    if (!worker && rm->options->workers_wanted_max && rm->worker_count < RM__WORKERS_MAX &&
        strncmp(name, RM__WORKER_PREFIX, strlen(RM__WORKER_PREFIX)) == 0) {
        worker = &rm->workers[rm->worker_count++];
        *worker = (struct rm__worker){ .node = taskmanager->node };
    }
    if (!worker) return;
    if (worker->state == RM__WORKER_STARTING) rm->starting_count--;
    worker->state = RM__WORKER_REGISTERED;
    worker->since_us = worker->registered_us = rm->own_us;
}

bool rm__is_spare_worker(struct weir_resourcemanager *rm, const struct rm__taskmanager *taskmanager)
{
    if (rm->slot_total < rm->options->slots_wanted_min + (uint64_t)taskmanager->slot_count) return false;
    return rm->worker_count && find(rm, taskmanager->node) != NULL;
}

void rm__worker_stop(
    struct weir_resourcemanager *rm, struct rm__taskmanager *taskmanager, struct weir_effects *effects)
{
    struct rm__worker *worker = find(rm, taskmanager->node);
    if (!worker) return;
    rm__slots_withhold(rm, taskmanager);
    end_worker(rm, worker, "it has been idle for long enough", effects);
}

void rm__worker_lost(
    struct weir_resourcemanager *rm, const struct rm__taskmanager *taskmanager, struct weir_effects *effects)
{
    struct rm__worker *worker = find(rm, taskmanager->node);
    if (worker && worker->state == RM__WORKER_REGISTERED)
        end_worker(rm, worker, "its leader has given it up", effects);
}

void rm__workers_end(struct weir_resourcemanager *rm, struct weir_effects *effects)
{
    rm->workers_ended = true;
    for (uint32_t i = 0; i < rm->worker_count; i++)
        end_worker(rm, &rm->workers[i], "the cluster ends", effects);
}

static void back_off(struct weir_resourcemanager *rm)
{
    int64_t wait_us = rm->worker_back_off_us * 2;
    rm->worker_back_off_us =
        WEIR_MIN(WEIR_MAX(wait_us, (int64_t)RM__WORKER_BACK_OFF_US), (int64_t)RM__WORKER_BACK_OFF_MAX_US);
    rm->worker_start_at_us = rm->own_us + rm->worker_back_off_us;
}

static void keep_name(struct weir_resourcemanager *rm, const struct rm__worker *worker)
{
    if (!worker->own || rm->ended_count == RM__WORKER_NAMES_MAX) return;
    rm->ended_names[(rm->ended_first + rm->ended_count++) % RM__WORKER_NAMES_MAX] = worker->node;
}

void rm__on_worker(
    struct weir_resourcemanager *rm, const struct weir_event *event, struct weir_effects *effects)
{
    weir_node node = weir_nodes_find(rm->nodes, event->worker.name);
    struct rm__worker *worker = node ? find(rm, node) : NULL;
    if (!worker || event->worker.started) return;
    bool young = worker->state == RM__WORKER_STARTING ||
                 (worker->registered_us && rm->own_us - worker->registered_us < RM__WORKER_YOUNG_US);
    if (young)
        back_off(rm);
    else
        rm->worker_back_off_us = 0;
    weir_effect_log(effects, WEIR_CONTROL_INFO, "The process of worker '%s' has ended.", event->worker.name);
    keep_name(rm, worker);
    remove_worker(rm, worker);
    struct rm__taskmanager *taskmanager = rm__taskmanager_find(rm, node);
    if (taskmanager) rm__taskmanager_lose(rm, taskmanager, "its process has ended", effects);
}

/* Those that did not register in time are stopped; those that do not stop are asked again. */
static void check_late(struct weir_resourcemanager *rm, struct weir_effects *effects)
{
    for (uint32_t i = 0; i < rm->worker_count && effects->count < RM__STEP_EFFECTS_MAX; i++) {
        struct rm__worker *worker = &rm->workers[i];
        if (worker->state == RM__WORKER_REGISTERED ||
            rm->own_us - worker->since_us < rm->options->registration_timeout_us)
            continue;
        if (worker->state == RM__WORKER_STARTING) back_off(rm);
        end_worker(rm, worker, "it did not register in time", effects);
    }
}

/* Names are never given back, and there is room for so many (WEIR_NODES_MAX): who leads for long enough takes
 * those again whose processes are gone, by the word of the driver that had started them. */
static weir_node name_one(struct weir_resourcemanager *rm, struct weir_arena *arena)
{
    weir_node node = 0;
    if (rm->names_made < RM__WORKER_NAMES_MAX || !rm->ended_count)
        node = weir_nodes_intern(
            rm->nodes, weir_arena_format(arena, RM__WORKER_PREFIX "%llu-%llu", (unsigned long long)rm->epoch,
                           (unsigned long long)++rm->worker_numbers));
    if (node || !rm->ended_count) {
        rm->names_made++;
        return node;
    }
    node = rm->ended_names[rm->ended_first];
    rm->ended_first = (rm->ended_first + 1) % RM__WORKER_NAMES_MAX;
    rm->ended_count--;
    return node;
}

static bool start_one(struct weir_resourcemanager *rm, struct weir_effects *effects)
{
    uint32_t most = WEIR_MIN(rm->options->workers_wanted_max, (uint32_t)RM__WORKERS_MAX);
    if (rm->worker_count >= most) return false;
    weir_node node = name_one(rm, effects->arena);
    if (!node) return false; /* the table of names is full */
    rm->workers[rm->worker_count++] = (struct rm__worker){
        .state = RM__WORKER_STARTING, .node = node, .own = true, .since_us = rm->own_us
    };
    rm->starting_count++;
    ask(rm, node, true, effects);
    weir_effect_log(effects, WEIR_CONTROL_INFO, "Slots are missing: worker '%s' is started.",
        weir_nodes_name(rm->nodes, node));
    return true;
}

static bool is_missing(const struct weir_resourcemanager *rm)
{
    uint64_t starting = (uint64_t)rm->starting_count * rm->options->slots_per_worker;
    return rm->missing_total > rm->free_total + starting ||
           rm->options->slots_wanted_min > rm->slot_total + starting;
}

void rm__workers_advance(struct weir_resourcemanager *rm, struct weir_effects *effects)
{
    if (!rm->options->workers_wanted_max || !rm->options->slots_per_worker) return;
    check_late(rm, effects);
    if (rm->workers_ended || rm->own_us < rm->worker_start_at_us) return;
    for (uint32_t i = 0; i < RM__STARTS_PER_STEP_MAX; i++)
        if (!is_missing(rm) || !start_one(rm, effects)) return;
}
