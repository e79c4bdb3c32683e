#include "actor/internal.h"
#include "base/assert.h"
#include <string.h>

enum {
    ITEMS_FIRST = 64,
    LOCAL_QUEUE_FIRST = 64,
    LOCAL_QUEUE_MAX = 1 << 20,    /* messages that machines of one process have not read yet */
    TURN_BYTES_KEPT_MAX = 8 << 20 /* a turn that took more gives its memory back */
};

/* A message on its way to a machine of this process. The messages themselves lie in the turn's arena. */
struct queued {
    enum weir_role to;
    struct weir_job_id job;
    uint64_t instance, from_instance; /* of the JobMasters at its ends; 0: another role */
    struct weir_local_message message;
};

/* What is logged once. */
enum log_once { LOG_MALFORMED, LOG_VERSION, LOG_CLUSTER, LOG_EPOCH, LOG_TOO_LONG, LOG_ONCE_COUNT };

/* The machine that is being stepped. */
struct target {
    enum weir_role role;
    struct weir_job_id job;
    uint64_t instance;
    void *machine;
};

struct weir_actor {
    struct weir_actor_config config;
    struct weir_env *env;
    struct weir_memory *memory;
    struct weir_arena lasting; /* names */
    struct weir_nodes nodes;
    struct weir_identity identity;
    struct weir_memory turn_memory;
    struct weir_arena turn;
    struct weir_leader *leader;
    struct weir_dispatcher *dispatcher;
    struct weir_resourcemanager *resourcemanager;
    struct weir_taskexecutor *taskexecutor;
    struct actor__jobs jobs;
    uint64_t instances, seed;
    struct queued *queue; /* a ring */
    uint32_t queue_capacity, queue_first, queue_count;
    struct weir_effect *items;
    struct weir_buffer bytes;
    struct weir_actor_statistics statistics;
    bool logged[LOG_ONCE_COUNT];
    bool in_turn, dead;
};

/* splitmix64: each machine has a generator of its own. */
static uint64_t next_seed(struct weir_actor *actor)
{
    uint64_t z = actor->seed += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static struct weir_machine_config machine_config(struct weir_actor *actor)
{
    return (struct weir_machine_config){ .memory = actor->memory,
        .nodes = &actor->nodes,
        .identity = &actor->identity,
        .options = actor->config.options,
        .random_seed = next_seed(actor) };
}

static void make_machines(struct weir_actor *actor)
{
    struct weir_machine_config config = machine_config(actor);
    if (actor->config.kind == WEIR_ACTOR_TASKMANAGER) {
        actor->taskexecutor = weir_taskexecutor_new(&config, actor->config.slot_count);
        return;
    }
    actor->resourcemanager = weir_resourcemanager_new(&config);
    config = machine_config(actor);
    actor->dispatcher = weir_dispatcher_new(&config);
    config = machine_config(actor);
    actor->leader = weir_leader_new(&config);
}

struct weir_actor *weir_actor_new(const struct weir_actor_config *config)
{
    struct weir_actor *actor = weir_memory_allocate_zeroed(config->memory, sizeof *actor);
    actor->config = *config;
    actor->env = config->env;
    actor->memory = config->memory;
    actor->seed = config->random_seed;
    weir_arena_init(&actor->lasting, actor->memory);
    weir_nodes_init(&actor->nodes, &actor->lasting);
    weir_memory_child_init(&actor->turn_memory, actor->memory, 0);
    weir_arena_init(&actor->turn, &actor->turn_memory);
    struct weir_arena *lasting = &actor->lasting;
    actor->identity = (struct weir_identity){ .cluster = weir_arena_string(lasting, config->cluster),
        .name = weir_arena_string(lasting, config->name),
        .self = weir_nodes_intern(&actor->nodes, config->name),
        .incarnation = config->incarnation,
        .host = weir_arena_string(lasting, config->host ? config->host : ""),
        .rpc_address = weir_arena_string(lasting, config->rpc_address ? config->rpc_address : ""),
        .data_address = weir_arena_string(lasting, config->data_address ? config->data_address : ""),
        .rest_address = weir_arena_string(lasting, config->rest_address ? config->rest_address : ""),
        .jobmanager = config->kind == WEIR_ACTOR_JOBMANAGER };
    if (actor->identity.jobmanager && config->options && config->options->storage_directory)
        actor->identity.storage = weir_arena_string(lasting, config->options->storage_directory);
    WEIR_ASSERT(actor->identity.self);
    actor__jobs_init(&actor->jobs, actor->memory);
    actor->queue_capacity = LOCAL_QUEUE_FIRST;
    actor->queue = weir_memory_allocate(actor->memory, sizeof *actor->queue * actor->queue_capacity);
    actor->items = weir_memory_allocate(actor->memory, sizeof *actor->items * ITEMS_FIRST);
    weir_buffer_init(&actor->bytes, actor->memory, WEIR_ENVELOPE_BYTES_MAX);
    make_machines(actor);
    return actor;
}

void weir_actor_free(struct weir_actor *actor)
{
    if (!actor) return;
    actor__jobs_done(&actor->jobs);
    weir_leader_free(actor->leader);
    weir_dispatcher_free(actor->dispatcher);
    weir_resourcemanager_free(actor->resourcemanager);
    weir_taskexecutor_free(actor->taskexecutor);
    weir_buffer_done(&actor->bytes);
    weir_memory_release(actor->memory, actor->items, sizeof *actor->items * ITEMS_FIRST);
    weir_memory_release(actor->memory, actor->queue, sizeof *actor->queue * actor->queue_capacity);
    weir_arena_done(&actor->turn);
    weir_arena_done(&actor->lasting);
    weir_memory_release(actor->memory, actor, sizeof *actor);
}

/* ---------------------------------------------------------------- the local queue */

static void grow_queue(struct weir_actor *actor)
{
    WEIR_ASSERT(actor->queue_capacity < LOCAL_QUEUE_MAX);
    uint32_t capacity = actor->queue_capacity * 2;
    struct queued *queue = weir_memory_allocate(actor->memory, sizeof *queue * capacity);
    for (uint32_t i = 0; i < actor->queue_count; i++)
        queue[i] = actor->queue[(actor->queue_first + i) & (actor->queue_capacity - 1)];
    weir_memory_release(actor->memory, actor->queue, sizeof *queue * actor->queue_capacity);
    actor->queue = queue;
    actor->queue_capacity = capacity;
    actor->queue_first = 0;
}

static void enqueue(struct weir_actor *actor, const struct queued *queued)
{
    if (actor->queue_count == actor->queue_capacity) grow_queue(actor);
    actor->queue[(actor->queue_first + actor->queue_count++) & (actor->queue_capacity - 1)] = *queued;
    if (actor->queue_count > actor->statistics.local_queue_peak)
        actor->statistics.local_queue_peak = actor->queue_count;
}

static struct queued dequeue(struct weir_actor *actor)
{
    struct queued queued = actor->queue[actor->queue_first];
    actor->queue_first = (actor->queue_first + 1) & (actor->queue_capacity - 1);
    actor->queue_count--;
    return queued;
}

/* ---------------------------------------------------------------- effects */

static void execute(struct weir_actor *actor, const struct weir_effect *effect)
{
    actor->env->execute(actor->env, effect);
    if (!actor->env->alive(actor->env)) actor->dead = true;
}

static void log_once(struct weir_actor *actor, enum log_once kind, const char *text, const char *what)
{
    if (actor->logged[kind]) return;
    actor->logged[kind] = true;
    struct weir_effect effect = { .kind = WEIR_EFFECT_LOG };
    effect.level = WEIR_CONTROL_WARN;
    effect.text = weir_arena_format(
        &actor->turn, "%s: %s; further ones of this kind are counted, not logged", text, what);
    execute(actor, &effect);
}

static void send(struct weir_actor *actor, const struct weir_effect *effect)
{
    const struct weir_identity *identity = &actor->identity;
    Weir__Envelope envelope = *effect->envelope;
    envelope.version = WEIR_PROTOCOL_VERSION;
    envelope.cluster = (char *)identity->cluster;
    envelope.sender = (char *)identity->name;
    envelope.sender_incarnation = identity->incarnation;
    envelope.epoch = identity->epoch;
    envelope.leader_incarnation =
        identity->jobmanager && identity->epoch ? identity->incarnation : identity->leader_incarnation;
    weir_buffer_clear(&actor->bytes);
    actor->bytes.overflowed = false;
    weir_proto_encode(&envelope.base, &actor->bytes);
    if (actor->bytes.overflowed) {
        actor->statistics.too_long++;
        log_once(actor, LOG_TOO_LONG, weir_envelope_body_name(envelope.body_case), "too long to be sent");
        return;
    }
    actor->statistics.messages_out++;
    actor->env->send(actor->env, effect->node, (const uint8_t *)actor->bytes.data, actor->bytes.length);
    if (!actor->env->alive(actor->env)) actor->dead = true;
}

static void queue_local(struct weir_actor *actor, const struct target *from, enum weir_role to,
    const struct weir_job_id *job, const struct weir_local_message *message)
{
    struct queued queued = { .to = to, .job = *job, .from_instance = from->instance, .message = *message };
    queued.message.from = from->role;
    if (from->role == WEIR_ROLE_JOBMASTER) queued.message.job = from->job;
    if (to == WEIR_ROLE_JOBMASTER) {
        const struct actor__job *found = actor__jobs_find(&actor->jobs, job);
        if (!found) return;
        queued.instance = found->instance;
    }
    enqueue(actor, &queued);
}

static void start_job(struct weir_actor *actor, const struct target *from, const struct weir_effect *effect)
{
    struct weir_machine_config config = machine_config(actor);
    struct actor__job job = { .id = effect->to_job, .instance = ++actor->instances };
    job.machine = weir_jobmaster_new(&config, &job.id);
    actor__jobs_add(&actor->jobs, &job);
    queue_local(actor, from, WEIR_ROLE_JOBMASTER, &effect->to_job, effect->local);
}

/* What it held is given back for it. */
static void stop_job(struct weir_actor *actor, const struct weir_job_id *id)
{
    struct actor__job *job = actor__jobs_find(&actor->jobs, id);
    if (!job) return;
    weir_jobmaster_free(job->machine);
    actor__jobs_remove(&actor->jobs, job);
    struct queued queued = { .to = WEIR_ROLE_RESOURCEMANAGER, .job = *id };
    queued.message =
        (struct weir_local_message){ .kind = WEIR_LOCAL_JOB_STOPPED, .from = WEIR_ROLE_NONE, .job = *id };
    enqueue(actor, &queued);
}

static void carry_out(struct weir_actor *actor, const struct target *from, struct weir_effect *effect)
{
    actor->statistics.effects++;
    switch (effect->kind) {
    case WEIR_EFFECT_SEND: send(actor, effect); break;
    case WEIR_EFFECT_LOCAL: queue_local(actor, from, effect->to_role, &effect->to_job, effect->local); break;
    case WEIR_EFFECT_JOB_START: start_job(actor, from, effect); break;
    case WEIR_EFFECT_JOB_STOP: stop_job(actor, &effect->to_job); break;
    default:
        effect->tag.instance = from->instance;
        if (effect->kind == WEIR_EFFECT_LOG) { /* who says it */
            effect->to_role = from->role;
            effect->to_job = from->job;
        }
        execute(actor, effect);
        break;
    }
}

/* ---------------------------------------------------------------- steps */

/* False: nobody of that name is here (any more). instance 0: any. */
static bool find_target(const struct weir_actor *actor, enum weir_role role, const struct weir_job_id *job,
    uint64_t instance, struct target *ret)
{
    struct weir_job_id id = *job; /* may be ret's own */
    *ret = (struct target){ .role = role };
    switch (role) {
    case WEIR_ROLE_LEADER: ret->machine = actor->leader; break;
    case WEIR_ROLE_DISPATCHER: ret->machine = actor->dispatcher; break;
    case WEIR_ROLE_RESOURCEMANAGER: ret->machine = actor->resourcemanager; break;
    case WEIR_ROLE_TASKEXECUTOR: ret->machine = actor->taskexecutor; break;
    case WEIR_ROLE_JOBMASTER: {
        const struct actor__job *found = actor__jobs_find(&actor->jobs, &id);
        if (!found || (instance && found->instance != instance)) return false;
        ret->machine = found->machine;
        ret->job = id;
        ret->instance = found->instance;
        break;
    }
    default: break;
    }
    return ret->machine != NULL;
}

static void step_machine(
    const struct target *target, const struct weir_event *event, struct weir_effects *effects)
{
    switch (target->role) {
    case WEIR_ROLE_LEADER: weir_leader_step(target->machine, event, effects); break;
    case WEIR_ROLE_DISPATCHER: weir_dispatcher_step(target->machine, event, effects); break;
    case WEIR_ROLE_RESOURCEMANAGER: weir_resourcemanager_step(target->machine, event, effects); break;
    case WEIR_ROLE_JOBMASTER: weir_jobmaster_step(target->machine, event, effects); break;
    case WEIR_ROLE_TASKEXECUTOR: weir_taskexecutor_step(target->machine, event, effects); break;
    default: WEIR_UNREACHABLE();
    }
}

/* One step with its effects, and all that it continues with. */
static void step(struct weir_actor *actor, struct target target, struct weir_event *event)
{
    struct weir_local_message again = { .kind = WEIR_LOCAL_CONTINUE, .from = target.role, .job = target.job };
    struct weir_event next = { .kind = WEIR_EVENT_LOCAL, .now_us = event->now_us, .wall_us = event->wall_us };
    next.local = &again;
    for (bool more = true; more && !actor->dead; event = &next) {
        struct weir_effects effects;
        weir_effects_init(&effects, &actor->turn);
        effects.items = actor->items;
        effects.capacity = ITEMS_FIRST;
        actor->statistics.events++;
        step_machine(&target, event, &effects);
        if (actor->config.observe)
            actor->config.observe(actor->config.observer, target.role, event, &effects);
        if (!actor->env->alive(actor->env)) actor->dead = true;
        for (uint32_t i = 0; i < effects.count && !actor->dead; i++)
            carry_out(actor, &target, &effects.items[i]);
        more = effects.more;
        if (target.role == WEIR_ROLE_JOBMASTER && more)
            more = find_target(actor, target.role, &target.job, target.instance, &target);
    }
}

static void step_role(struct weir_actor *actor, enum weir_role role, struct weir_event *event)
{
    struct target target;
    if (!actor->dead && find_target(actor, role, &event->tag.job, 0, &target)) step(actor, target, event);
}

static void deliver_local(struct weir_actor *actor, const struct queued *queued, const struct weir_event *now)
{
    struct target target;
    if (queued->from_instance) {
        const struct actor__job *from = actor__jobs_find(&actor->jobs, &queued->message.job);
        if (!from || from->instance != queued->from_instance) return;
    }
    if (!find_target(actor, queued->to, &queued->job, queued->instance, &target)) return;
    struct weir_event event = { .kind = WEIR_EVENT_LOCAL, .now_us = now->now_us, .wall_us = now->wall_us };
    event.local = &queued->message;
    step(actor, target, &event);
}

static void begin_turn(struct weir_actor *actor, struct weir_event *event)
{
    WEIR_ASSERT(!actor->in_turn); /* env answers later, never inside of a call */
    actor->in_turn = true;
    event->now_us = actor->env->now_us(actor->env);
    event->wall_us = actor->env->wall_us(actor->env);
}

static void end_turn(struct weir_actor *actor, const struct weir_event *event)
{
    while (actor->queue_count && !actor->dead) {
        struct queued queued = dequeue(actor);
        deliver_local(actor, &queued, event);
    }
    actor->in_turn = false;
    if (actor->dead) return;
    if (atomic_load(&actor->turn_memory.used_bytes) > TURN_BYTES_KEPT_MAX)
        weir_arena_done(&actor->turn);
    else
        weir_arena_reset(&actor->turn);
}

/* ---------------------------------------------------------------- from outside */

void weir_actor_start(struct weir_actor *actor)
{
    struct weir_event event = { .kind = WEIR_EVENT_START };
    weir_actor_event(actor, &event);
}

/* What names no machine goes to all whom it may concern; the leader's last, for the others hear what it
 * makes of it by its messages. */
static void spread(struct weir_actor *actor, struct weir_event *event)
{
    if (actor->taskexecutor) {
        step_role(actor, WEIR_ROLE_TASKEXECUTOR, event);
        return;
    }
    bool manager = event->kind == WEIR_EVENT_START || event->kind == WEIR_EVENT_CONNECTION ||
                   event->kind == WEIR_EVENT_PROCESS_DIED || event->kind == WEIR_EVENT_WORKER;
    if (manager) step_role(actor, WEIR_ROLE_RESOURCEMANAGER, event);
    if (event->kind == WEIR_EVENT_WORKER || event->kind == WEIR_EVENT_TASK) return;
    if (event->kind != WEIR_EVENT_PROCESS_DIED && event->kind != WEIR_EVENT_STOP)
        step_role(actor, WEIR_ROLE_DISPATCHER, event);
    step_role(actor, WEIR_ROLE_LEADER, event);
}

void weir_actor_event(struct weir_actor *actor, struct weir_event *event)
{
    if (actor->dead || !actor->env->alive(actor->env)) return;
    begin_turn(actor, event);
    switch (event->kind) {
    case WEIR_EVENT_TIMER:
    case WEIR_EVENT_STORE_DONE:
    case WEIR_EVENT_BLOB_DONE: {
        struct target target;
        if (find_target(actor, event->tag.role, &event->tag.job, event->tag.instance, &target))
            step(actor, target, event);
        break;
    }
    default: spread(actor, event); break;
    }
    end_turn(actor, event);
}

static void reject(
    struct weir_actor *actor, weir_node from, enum actor__verdict verdict, const Weir__Envelope *envelope)
{
    enum log_once kind = LOG_EPOCH;
    const char *why = "of another leader than the one followed";
    if (verdict == ACTOR__MALFORMED) {
        kind = LOG_MALFORMED;
        why = "under another name than its connection's, without a field that it needs, or not for this "
              "process";
        actor->statistics.rejected_malformed++;
    } else if (verdict == ACTOR__CLUSTER) {
        kind = LOG_CLUSTER;
        why = weir_arena_format(
            &actor->turn, "of cluster '%s', this is '%s'", envelope->cluster, actor->identity.cluster);
        actor->statistics.rejected_cluster++;
    } else {
        actor->statistics.rejected_epoch++;
    }
    const char *text = weir_arena_format(&actor->turn, "rejected %s from %s",
        weir_envelope_body_name(envelope->body_case), weir_nodes_name(&actor->nodes, from));
    log_once(actor, kind, text, why);
}

static void report_epoch(struct weir_actor *actor, const Weir__Envelope *envelope, weir_node from)
{
    struct queued queued = { .to = WEIR_ROLE_LEADER };
    queued.message = (struct weir_local_message){ .kind = WEIR_LOCAL_EPOCH_SEEN,
        .from = WEIR_ROLE_NONE,
        .epoch = envelope->epoch,
        .incarnation = envelope->leader_incarnation,
        .node = from };
    enqueue(actor, &queued);
}

static void deliver_message(
    struct weir_actor *actor, const struct actor__fenced *fenced, struct weir_event *event)
{
    struct target target;
    struct weir_job_id job = { 0 };
    if (fenced->to == WEIR_ROLE_JOBMASTER) weir_job_id_from(&event->envelope->job, &job);
    if (!find_target(actor, fenced->to, &job, 0, &target)) {
        actor->statistics.undeliverable++;
        /* What still runs for no job is the resourcemanager's to end. */
        if (event->envelope->body_case == WEIR__ENVELOPE__BODY_TASK_STATE)
            step_role(actor, WEIR_ROLE_RESOURCEMANAGER, event);
        return;
    }
    if (fenced->to_resourcemanager) step_role(actor, WEIR_ROLE_RESOURCEMANAGER, event);
    if (!actor->dead) step(actor, target, event);
}

void weir_actor_bytes(struct weir_actor *actor, weir_node from, const uint8_t *bytes, size_t length)
{
    if (actor->dead || !actor->env->alive(actor->env)) return;
    struct weir_event event = { .kind = WEIR_EVENT_MESSAGE, .from = from };
    struct weir_error error;
    Weir__Envelope *envelope = NULL;
    begin_turn(actor, &event);
    actor->statistics.messages_in++;
    enum weir_error_code code = weir_envelope_decode(&actor->turn, bytes, length, &envelope, &error);
    if (code) {
        bool version = code == WEIR_E_UNSUPPORTED;
        *(version ? &actor->statistics.rejected_version : &actor->statistics.rejected_malformed) += 1;
        const char *text = weir_arena_format(
            &actor->turn, "rejected a message from %s", weir_nodes_name(&actor->nodes, from));
        log_once(actor, version ? LOG_VERSION : LOG_MALFORMED, text, error.message);
        end_turn(actor, &event);
        return;
    }
    event.envelope = envelope;
    event.from_incarnation = envelope->sender_incarnation;
    struct actor__fenced fenced =
        actor__fence(&actor->identity, weir_nodes_name(&actor->nodes, from), envelope);
    if (fenced.verdict == ACTOR__PASS) {
        deliver_message(actor, &fenced, &event);
    } else {
        reject(actor, from, fenced.verdict, envelope);
        if (fenced.verdict == ACTOR__EPOCH_SEEN) report_epoch(actor, envelope, from);
    }
    end_turn(actor, &event);
}

struct weir_nodes *weir_actor_nodes(struct weir_actor *actor)
{
    return &actor->nodes;
}

const struct weir_identity *weir_actor_identity(const struct weir_actor *actor)
{
    return &actor->identity;
}

void weir_actor_statistics(const struct weir_actor *actor, struct weir_actor_statistics *ret)
{
    *ret = actor->statistics;
    ret->jobmasters = actor->jobs.count;
}
