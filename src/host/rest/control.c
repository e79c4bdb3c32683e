/* Questions of workers to the machines on the control thread, and their answers. */
#include "host/rest/internal.h"
#include "os/clock.h"
#include <errno.h>
#include <time.h>

static void disown(struct rest_ask *ask)
{
    struct weir_rest_server *server = ask->server;
    rest__lock(server);
    bool last = --ask->owners == 0;
    rest__unlock(server);
    if (!last) return;
    pthread_cond_destroy(&ask->answered);
    weir_arena_done(&ask->arena);
    weir_memory_release(server->memory, ask, sizeof *ask);
}

/* On the control thread, or while the loop is being freed. */
static void say(void *argument)
{
    struct rest_ask *ask = argument;
    struct weir_rest_server *server = ask->server;
    rest__lock(server);
    bool stopping = server->stopping;
    rest__unlock(server);
    if (!stopping) weir_control_loop_say(server->loop, server->node, ask->envelope);
    disown(ask);
}

/* On the control thread. */
static void on_reply(void *owner, const Weir__Envelope *envelope)
{
    struct weir_rest_server *server = owner;
    if (envelope->body_case != WEIR__ENVELOPE__BODY_REPLY) return;
    rest__lock(server);
    for (struct rest_ask *ask = server->asks; ask; ask = ask->next) {
        if (ask->number != envelope->request || ask->reply) continue;
        ask->reply = WEIR_PROTO_COPY(&ask->arena, envelope->reply);
        pthread_cond_signal(&ask->answered);
        break;
    }
    rest__unlock(server);
}

static struct timespec time_of(int64_t deadline_ms)
{
    return (struct timespec){ .tv_sec = deadline_ms / 1000, .tv_nsec = deadline_ms % 1000 * 1000000 };
}

static struct rest_ask *new_ask(struct weir_rest_server *server, const Weir__Envelope *envelope)
{
    struct rest_ask *ask = weir_memory_allocate_zeroed(server->memory, sizeof *ask);
    ask->server = server;
    ask->owners = 2;
    weir_arena_init(&ask->arena, server->memory);
    ask->envelope = WEIR_PROTO_COPY(&ask->arena, envelope);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&ask->answered, &attributes);
    pthread_condattr_destroy(&attributes);
    return ask;
}

/* Locked. */
static void forget(struct weir_rest_server *server, struct rest_ask *ask)
{
    struct rest_ask **at = &server->asks;
    while (*at != ask) at = &(*at)->next;
    *at = ask->next;
}

/* NULL: no answer until then. The answer lives as long as the request. */
static const Weir__ClientReply *ask_once(
    struct rest_request *request, const Weir__Envelope *envelope, int64_t deadline_ms)
{
    struct weir_rest_server *server = request->server;
    struct rest_ask *ask = new_ask(server, envelope);
    rest__lock(server);
    if (!server->loop || server->stopping) {
        ask->owners = 1;
        rest__unlock(server);
        disown(ask);
        return NULL;
    }
    ask->number = ask->envelope->request = ++server->ask_next;
    ask->next = server->asks;
    server->asks = ask;
    rest__unlock(server);
    weir_control_loop_post(server->loop, say, ask);
    struct timespec until = time_of(deadline_ms);
    rest__lock(server);
    while (!ask->reply && !server->stopping)
        if (pthread_cond_timedwait(&ask->answered, &server->mutex, &until) == ETIMEDOUT) break;
    forget(server, ask);
    Weir__ClientReply *reply = ask->reply;
    rest__unlock(server);
    if (reply) reply = WEIR_PROTO_COPY(&request->arena, reply);
    disown(ask);
    return reply;
}

Weir__Envelope *rest__envelope(struct rest_request *request, Weir__Envelope__BodyCase body, void *message)
{
    Weir__Envelope *envelope = WEIR_PROTO_NEW(&request->arena, Weir__Envelope, weir__envelope);
    envelope->to = WEIR__ROLE__ROLE_DISPATCHER;
    envelope->body_case = body;
    envelope->greeting = message; /* all members of the union are pointers */
    return envelope;
}

const Weir__ClientReply *rest__ask(struct rest_request *request, Weir__Envelope *envelope)
{
    const char *why = "the JobManager does not answer";
    while (weir_clock_monotonic_ms() < request->deadline_ms && !request->server->stopping) {
        const Weir__ClientReply *reply = ask_once(request, envelope, request->deadline_ms);
        if (!reply) break;
        switch (reply->code) {
        case WEIR__REPLY_CODE__REPLY_NOT_LEADER: request->not_leader = true; return NULL;
        case WEIR__REPLY_CODE__REPLY_UNAVAILABLE: break;
        default: return reply;
        }
        why = reply->text;
        weir_clock_sleep_ms(REST_RETRY_MS);
    }
    rest__fail(request, MHD_HTTP_SERVICE_UNAVAILABLE, "Service temporarily unavailable: %s", why);
    return NULL;
}

const Weir__LeaderSummary *rest__ask_leadership(struct rest_request *request)
{
    Weir__QueryLeader *query = WEIR_PROTO_NEW(&request->arena, Weir__QueryLeader, weir__query_leader);
    const Weir__Envelope *envelope = rest__envelope(request, WEIR__ENVELOPE__BODY_QUERY_LEADER, query);
    const Weir__ClientReply *reply = ask_once(request, envelope, request->deadline_ms);
    return reply ? reply->leadership : NULL;
}

const Weir__ClientReply *rest__ask_totals(struct rest_request *request)
{
    Weir__QueryJobs *query = WEIR_PROTO_NEW(&request->arena, Weir__QueryJobs, weir__query_jobs);
    query->none = true;
    const Weir__Envelope *envelope = rest__envelope(request, WEIR__ENVELOPE__BODY_QUERY, query);
    const Weir__ClientReply *reply = ask_once(request, envelope, request->deadline_ms);
    return reply && reply->code == WEIR__REPLY_CODE__REPLY_OK ? reply : NULL;
}

void weir_rest_server_attach(struct weir_rest_server *server, struct weir_control_loop *loop)
{
    weir_node node = weir_control_loop_inner_peer(loop, "rest", on_reply, server);
    rest__lock(server);
    server->node = node;
    server->loop = loop;
    rest__unlock(server);
}

void rest__asks_stop(struct weir_rest_server *server)
{
    rest__lock(server);
    server->stopping = true;
    for (struct rest_ask *ask = server->asks; ask; ask = ask->next) pthread_cond_signal(&ask->answered);
    rest__unlock(server);
}
