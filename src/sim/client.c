/*
 * A client as real ones are: it asks any JobManager, goes where the answer sends it, gives up waiting and
 * asks again, elsewhere. An action is over when its answer is final. Each client has a share of the actions,
 * and one of them keeps asking how all jobs are.
 */
#include "base/assert.h"
#include "sim/workload.h"
#include <string.h>

enum {
    TIMER_ACTION = 1, /* number: action */
    TIMER_POLL,
    POLL_US = 500000
};

struct request {
    bool started, sent, over;
    uint64_t number; /* of the try in flight */
    uint32_t tries;
    weir_node to;
};

struct client {
    struct weir_sim_process *process;
    struct weir_sim *sim;
    struct weir_arena arena, scratch;
    struct weir_nodes nodes;
    struct weir_sim_random random;
    uint32_t index; /* among clients */
    weir_node favourite;
    uint64_t numbers, poll_number;
    struct request requests[WEIR_SIM_ACTIONS_MAX];
};

static void set_timer(struct client *client, uint32_t kind, uint64_t number, int64_t after_us)
{
    struct weir_effect effect = { .kind = WEIR_EFFECT_TIMER,
        .tag = { .role = WEIR_ROLE_CLIENT, .kind = kind, .number = number },
        .at_us = weir_sim_process_now(client->process) + after_us };
    client->process->env.execute(&client->process->env, &effect);
}

static weir_node any_jobmanager(struct client *client)
{
    uint32_t count = client->sim->knobs.jobmanager_count;
    uint64_t chosen = weir_sim_random_below(&client->random, count);
    for (uint32_t i = 0; i < client->sim->process_count; i++) {
        struct weir_sim_process *process = &client->sim->processes[i];
        if (process->kind == WEIR_SIM_JOBMANAGER && chosen-- == 0)
            return weir_nodes_intern(&client->nodes, process->name);
    }
    return 0;
}

static void send(
    struct client *client, weir_node to, uint64_t number, Weir__Envelope__BodyCase body, void *message)
{
    Weir__Envelope envelope;
    weir__envelope__init(&envelope);
    envelope.version = WEIR_PROTOCOL_VERSION;
    envelope.cluster = "sim";
    envelope.sender = client->process->name;
    envelope.sender_incarnation = client->process->incarnation;
    envelope.to = WEIR__ROLE__ROLE_DISPATCHER;
    envelope.request = number;
    envelope.body_case = body;
    envelope.greeting = (Weir__Greeting *)message;
    struct weir_buffer bytes;
    weir_buffer_init(&bytes, client->sim->memory, WEIR_ENVELOPE_BYTES_MAX);
    weir_proto_encode(&envelope.base, &bytes);
    client->process->env.send(&client->process->env, to, (const uint8_t *)bytes.data, bytes.length);
    weir_buffer_done(&bytes);
}

static void greet(struct client *client, weir_node to)
{
    Weir__Node node;
    weir__node__init(&node);
    node.name = client->process->name;
    node.incarnation = client->process->incarnation;
    Weir__Greeting greeting;
    weir__greeting__init(&greeting);
    greeting.node = &node;
    greeting.role = WEIR__NODE_ROLE__NODE_CLIENT;
    send(client, to, 0, WEIR__ENVELOPE__BODY_GREETING, &greeting);
}

/* Half of those that may: a cancellation with a savepoint. */
static bool stop_cancels(const struct weir_sim_action *action)
{
    return !action->drain && (action->request[0] & 1);
}

/* The body of an action's request; in scratch. */
static Weir__Envelope__BodyCase make_body(
    struct client *client, const struct weir_sim_action *action, void **ret)
{
    struct weir_arena *arena = &client->scratch;
    struct weir_sim_job *job = &client->sim->clients->jobs[action->job];
    ProtobufCBinaryData id = { 16, job->id.bytes }, request = { 16, (uint8_t *)action->request };
    switch (action->kind) {
    case WEIR_SIM_SUBMIT: {
        Weir__SubmitJob *submit = WEIR_PROTO_NEW(arena, Weir__SubmitJob, weir__submit_job);
        submit->job = id;
        submit->plan = job->plan;
        if (job->origin) {
            submit->restore = WEIR_PROTO_NEW(arena, Weir__RestoreOrigin, weir__restore_origin);
            submit->restore->path = (char *)job->origin;
            submit->restore->claim_mode = job->claim_mode;
        }
        *ret = submit;
        return WEIR__ENVELOPE__BODY_SUBMIT;
    }
    case WEIR_SIM_CANCEL: {
        Weir__CancelJob *cancel = WEIR_PROTO_NEW(arena, Weir__CancelJob, weir__cancel_job);
        cancel->job = id;
        *ret = cancel;
        return WEIR__ENVELOPE__BODY_CANCEL;
    }
    case WEIR_SIM_STOP: {
        Weir__StopJob *stop = WEIR_PROTO_NEW(arena, Weir__StopJob, weir__stop_job);
        stop->job = id;
        stop->request = request;
        stop->directory = (char *)action->directory;
        stop->drain = action->drain;
        stop->cancels = stop_cancels(action);
        *ret = stop;
        return WEIR__ENVELOPE__BODY_STOP;
    }
    case WEIR_SIM_SAVEPOINT: {
        Weir__TriggerSavepoint *savepoint =
            WEIR_PROTO_NEW(arena, Weir__TriggerSavepoint, weir__trigger_savepoint);
        savepoint->job = id;
        savepoint->request = request;
        savepoint->directory = (char *)action->directory;
        *ret = savepoint;
        return WEIR__ENVELOPE__BODY_SAVEPOINT;
    }
    case WEIR_SIM_RESCALE: {
        Weir__RescaleJob *rescale = WEIR_PROTO_NEW(arena, Weir__RescaleJob, weir__rescale_job);
        rescale->job = id;
        rescale->n_overrides = 1;
        rescale->overrides = WEIR_ARENA_ARRAY(arena, Weir__ParallelismOverride *, 1);
        rescale->overrides[0] = WEIR_PROTO_NEW(arena, Weir__ParallelismOverride, weir__parallelism_override);
        rescale->overrides[0]->vertex = action->vertex;
        rescale->overrides[0]->parallelism = action->parallelism;
        *ret = rescale;
        return WEIR__ENVELOPE__BODY_RESCALE;
    }
    case WEIR_SIM_END:
        *ret = WEIR_PROTO_NEW(arena, Weir__ShutdownCluster, weir__shutdown_cluster);
        return WEIR__ENVELOPE__BODY_SHUTDOWN;
    case WEIR_SIM_QUERY: break;
    }
    *ret = WEIR_PROTO_NEW(arena, Weir__QueryJobs, weir__query_jobs);
    return WEIR__ENVELOPE__BODY_QUERY;
}

static void ask(struct client *client, uint32_t index)
{
    struct weir_sim *sim = client->sim;
    const struct weir_sim_action *action = &sim->clients->actions[index];
    struct request *request = &client->requests[index];
    struct weir_sim_job *job = &sim->clients->jobs[action->job];
    if (request->over) return;
    bool ends = action->kind == WEIR_SIM_END;
    bool waits = action->kind == WEIR_SIM_SUBMIT && job->predecessor && !weir_sim_job_origin(sim, job);
    if (job->skipped && !ends) {
        request->over = true;
        sim->clients->answered++;
        return;
    }
    /* Nobody stops what he does not know to run. */
    if (waits || (action->kind != WEIR_SIM_SUBMIT && !ends && !job->submitted)) {
        set_timer(client, TIMER_ACTION, index, 300000);
        return;
    }
    if (!request->to || request->tries % 2 == 1)
        request->to = request->tries || !client->favourite ? any_jobmanager(client) : client->favourite;
    request->tries++;
    request->number = ++client->numbers;
    request->sent = true;
    if (action->kind == WEIR_SIM_SUBMIT) job->asked = true;
    bool stop = action->kind == WEIR_SIM_STOP, cancels = stop && stop_cancels(action);
    if (action->kind == WEIR_SIM_CANCEL || cancels) job->asked_cancel = true;
    if (stop && !cancels) job->asked_stop = true;
    if (action->kind == WEIR_SIM_STOP && action->drain) job->asked_drain = true;
    for (uint32_t i = 0; ends && i < sim->clients->job_count; i++) sim->clients->jobs[i].asked_cancel = true;
    void *body;
    weir_arena_reset(&client->scratch);
    Weir__Envelope__BodyCase kind = make_body(client, action, &body);
    send(client, request->to, request->number, kind, body);
    bool impatient = weir_sim_has(sim, WEIR_SIM_client_impatient);
    set_timer(client, TIMER_ACTION, index,
        impatient ? weir_sim_random_range(&client->random, 30000, 400000)
                  : weir_sim_random_range(&client->random, 800000, 3000000));
}

static void poll(struct client *client)
{
    void *body;
    struct weir_sim_action query = { .kind = WEIR_SIM_QUERY };
    weir_arena_reset(&client->scratch);
    Weir__Envelope__BodyCase kind = make_body(client, &query, &body);
    client->poll_number = ++client->numbers;
    weir_node to = client->favourite && weir_sim_random_permille(&client->random, 800)
                       ? client->favourite
                       : any_jobmanager(client);
    send(client, to, client->poll_number, kind, body);
    set_timer(client, TIMER_POLL, 0, POLL_US);
}

static const char *const reply_names[] = { "unspecified", "ok", "not found", "conflict", "bad request",
    "not leader", "unavailable", "too many", "no space" };

static bool is_final(Weir__ReplyCode code)
{
    return code == WEIR__REPLY_CODE__REPLY_OK || code == WEIR__REPLY_CODE__REPLY_NOT_FOUND ||
           code == WEIR__REPLY_CODE__REPLY_CONFLICT || code == WEIR__REPLY_CODE__REPLY_BAD_REQUEST;
}

static void remember(struct client *client, const struct weir_sim_action *action, Weir__ReplyCode code)
{
    struct weir_sim_job *job = &client->sim->clients->jobs[action->job];
    bool good = code == WEIR__REPLY_CODE__REPLY_OK;
    if (action->kind == WEIR_SIM_SUBMIT && (good || code == WEIR__REPLY_CODE__REPLY_CONFLICT))
        job->submitted = true;
    if (action->kind == WEIR_SIM_END && good) client->sim->clients->end_promised = true;
    if (action->kind == WEIR_SIM_CANCEL && good) job->cancel_promised = true;
    if (action->kind == WEIR_SIM_STOP && good) job->stop_promised = true;
}

static void take_reply(struct client *client, uint32_t index, weir_node from, const Weir__ClientReply *reply)
{
    struct weir_sim *sim = client->sim;
    struct request *request = &client->requests[index];
    const struct weir_sim_action *action = &sim->clients->actions[index];
    if ((uint32_t)reply->code < WEIR_ARRAY_COUNT(reply_names))
        weir_sim_cover(sim, WEIR_SIM_COVER_REPLY, reply_names[reply->code]);
    /* It begins anew, and takes the job then. */
    bool ends = action->kind == WEIR_SIM_SUBMIT && strcmp(reply->text, "the cluster is ending") == 0;
    if (!is_final(reply->code) || ends) {
        if (reply->code == WEIR__REPLY_CODE__REPLY_NOT_LEADER) {
            request->to = reply->leader[0] ? weir_nodes_intern(&client->nodes, reply->leader) : 0;
            request->tries += request->tries % 2;
        }
        set_timer(client, TIMER_ACTION, index, weir_sim_random_range(&client->random, 20000, 300000));
        return;
    }
    client->favourite = from;
    request->over = true;
    sim->clients->answered++;
    remember(client, action, reply->code);
    void *body;
    weir_arena_reset(&client->scratch);
    Weir__Envelope envelope;
    weir__envelope__init(&envelope);
    envelope.body_case = make_body(client, action, &body);
    envelope.greeting = (Weir__Greeting *)body;
    WEIR_SIM_CHECK(sim, answered, &envelope, reply);
}

static bool is_terminal(Weir__JobState state)
{
    return state == WEIR__JOB_STATE__JOB_FINISHED || state == WEIR__JOB_STATE__JOB_CANCELED ||
           state == WEIR__JOB_STATE__JOB_FAILED;
}

static void take_list(struct client *client, weir_node from, const Weir__ClientReply *reply)
{
    if (reply->code != WEIR__REPLY_CODE__REPLY_OK) {
        if (reply->code == WEIR__REPLY_CODE__REPLY_NOT_LEADER)
            client->favourite = reply->leader[0] ? weir_nodes_intern(&client->nodes, reply->leader) : 0;
        return;
    }
    client->favourite = from;
    for (size_t i = 0; i < reply->n_jobs; i++) {
        struct weir_job_id id;
        if (!weir_job_id_from(&reply->jobs[i]->job, &id)) continue;
        struct weir_sim_job *job = weir_sim_job_find(client->sim, &id);
        if (!job) continue;
        job->seen = reply->jobs[i]->state;
        if (is_terminal(job->seen)) job->terminal_seen = true;
    }
    Weir__Envelope query;
    Weir__QueryJobs body;
    weir__envelope__init(&query);
    weir__query_jobs__init(&body);
    query.body_case = WEIR__ENVELOPE__BODY_QUERY;
    query.query = &body;
    WEIR_SIM_CHECK(client->sim, answered, &query, reply);
}

/* --- program --- */

static void client_start(struct weir_sim_process *process)
{
    struct client *client = (struct client *)weir_memory_allocate_zeroed(&process->heap.base, sizeof *client);
    struct weir_sim *sim = process->sim;
    client->process = process;
    client->sim = sim;
    weir_arena_init(&client->arena, &process->heap.base);
    weir_arena_init(&client->scratch, &process->heap.base);
    weir_nodes_init(&client->nodes, &client->arena);
    client->index = (uint32_t)(process->name[7] - '1');
    client->random = weir_sim_stream(sim, WEIR_SIM_STREAM_CLIENTS + 5000 + client->index);
    process->self = client;
    for (uint32_t i = 0; i < sim->process_count; i++) {
        if (sim->processes[i].kind != WEIR_SIM_JOBMANAGER) continue;
        struct weir_effect connect = { .kind = WEIR_EFFECT_CONNECT,
            .node = weir_nodes_intern(&client->nodes, sim->processes[i].name) };
        process->env.execute(&process->env, &connect);
    }
    for (uint32_t i = client->index; i < sim->clients->action_count; i += WEIR_SIM_CLIENTS_MAX)
        set_timer(client, TIMER_ACTION, i, sim->clients->actions[i].at_us);
    if (client->index == 0) set_timer(client, TIMER_POLL, 0, POLL_US);
}

static void client_event(void *self, struct weir_event *event)
{
    struct client *client = (struct client *)self;
    if (event->kind == WEIR_EVENT_CONNECTION && event->connection == WEIR_CONNECTION_UP)
        greet(client, event->from);
    if (event->kind != WEIR_EVENT_TIMER) return;
    if (event->tag.kind == TIMER_ACTION)
        ask(client, (uint32_t)event->tag.number);
    else
        poll(client);
}

static void client_bytes(void *self, weir_node from, const uint8_t *bytes, size_t length)
{
    struct client *client = (struct client *)self;
    Weir__Envelope *envelope;
    struct weir_arena arena;
    weir_arena_init(&arena, &client->process->heap.base);
    if (!weir_envelope_decode(&arena, bytes, length, &envelope, NULL) &&
        envelope->body_case == WEIR__ENVELOPE__BODY_REPLY) {
        if (envelope->request == client->poll_number) {
            take_list(client, from, envelope->reply);
        } else {
            for (uint32_t i = client->index; i < client->sim->clients->action_count;
                 i += WEIR_SIM_CLIENTS_MAX)
                if (client->requests[i].sent && !client->requests[i].over &&
                    client->requests[i].number == envelope->request)
                    take_reply(client, i, from, envelope->reply);
        }
    }
    weir_arena_done(&arena);
}

static struct weir_nodes *client_nodes(void *self)
{
    return &((struct client *)self)->nodes;
}

const struct weir_sim_program weir_sim_client_program = {
    .start = client_start, .event = client_event, .bytes = client_bytes, .nodes = client_nodes
};
