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
    rm->worker_back_off_us = 0;
    rm->worker_start_at_us = 0;
}

static void ask(struct weir_resourcemanager *rm, weir_node node, bool start, struct weir_effects *effects)
{
    struct weir_effect *effect = weir_effect_add(effects, WEIR_EFFECT_WORKER);
    effect->text = weir_arena_string(effects->arena, weir_nodes_name(rm->nodes, node));
    effect->worker_start = start;
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
    worker->since_us = rm->own_us;
    rm->worker_back_off_us = 0;
}

bool rm__is_worker(struct weir_resourcemanager *rm, const struct rm__taskmanager *taskmanager)
{
    return rm->worker_count && find(rm, taskmanager->node) != NULL;
}

void rm__worker_stop(
    struct weir_resourcemanager *rm, struct rm__taskmanager *taskmanager, struct weir_effects *effects)
{
    struct rm__worker *worker = find(rm, taskmanager->node);
    if (!worker) return;
    rm__slots_withhold(rm, taskmanager);
    worker->state = RM__WORKER_STOPPING;
    worker->since_us = rm->own_us;
    ask(rm, taskmanager->node, false, effects);
}

static void back_off(struct weir_resourcemanager *rm)
{
    int64_t wait_us = rm->worker_back_off_us * 2;
    rm->worker_back_off_us =
        WEIR_MIN(WEIR_MAX(wait_us, (int64_t)RM__WORKER_BACK_OFF_US), (int64_t)RM__WORKER_BACK_OFF_MAX_US);
    rm->worker_start_at_us = rm->own_us + rm->worker_back_off_us;
}

void rm__on_worker(
    struct weir_resourcemanager *rm, const struct weir_event *event, struct weir_effects *effects)
{
    weir_node node = weir_nodes_find(rm->nodes, event->worker.name);
    struct rm__worker *worker = node ? find(rm, node) : NULL;
    if (!worker || event->worker.started) return;
    if (worker->state == RM__WORKER_STARTING) back_off(rm);
    struct rm__taskmanager *taskmanager = rm__taskmanager_find(rm, node);
    if (taskmanager) rm__taskmanager_lose(rm, taskmanager, "its process has ended", effects);
    worker = find(rm, node);
    if (worker) remove_worker(rm, worker);
}

/* Those that did not register in time are stopped; those that do not stop are asked again. */
static void check_late(struct weir_resourcemanager *rm, struct weir_effects *effects)
{
    for (uint32_t i = 0; i < rm->worker_count && effects->count < RM__STEP_EFFECTS_MAX; i++) {
        struct rm__worker *worker = &rm->workers[i];
        if (worker->state == RM__WORKER_REGISTERED ||
            rm->own_us - worker->since_us < rm->options->registration_timeout_us)
            continue;
        if (worker->state == RM__WORKER_STARTING) {
            rm->starting_count--;
            back_off(rm);
        }
        worker->state = RM__WORKER_STOPPING;
        worker->since_us = rm->own_us;
        ask(rm, worker->node, false, effects);
    }
}

static bool start_one(struct weir_resourcemanager *rm, struct weir_effects *effects)
{
    uint32_t most = WEIR_MIN(rm->options->workers_wanted_max, (uint32_t)RM__WORKERS_MAX);
    if (rm->worker_count >= most) return false;
    const char *name = weir_arena_format(effects->arena, RM__WORKER_PREFIX "%llu-%llu",
        (unsigned long long)rm->epoch, (unsigned long long)++rm->worker_numbers);
    weir_node node = weir_nodes_intern(rm->nodes, name);
    if (!node) return false; /* the table of names is full */
    rm->workers[rm->worker_count++] =
        (struct rm__worker){ .state = RM__WORKER_STARTING, .node = node, .since_us = rm->own_us };
    rm->starting_count++;
    ask(rm, node, true, effects);
    return true;
}

void rm__workers_advance(struct weir_resourcemanager *rm, struct weir_effects *effects)
{
    if (!rm->options->workers_wanted_max || !rm->options->slots_per_worker) return;
    check_late(rm, effects);
    if (rm->own_us < rm->worker_start_at_us) return;
    for (uint32_t i = 0; i < RM__STARTS_PER_STEP_MAX; i++) {
        uint64_t coming = rm->free_total + (uint64_t)rm->starting_count * rm->options->slots_per_worker;
        if (rm->missing_total <= coming || !start_one(rm, effects)) return;
    }
}
