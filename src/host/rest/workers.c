/* Workers take whole requests, run their handlers and hand the connection back. They are made when they are
 * needed. */
#include "host/rest/internal.h"
#include "os/clock.h"
#include "os/log.h"

enum { WORKER_STACK_BYTES = 512 << 10 };

struct worker_start {
    struct weir_rest_server *server;
    struct rest_lane_queue *lane;
};

/* The leader's address as it is known now; NULL: nobody is known to lead, or this very process is. */
static const char *leader_address(struct rest_request *request)
{
    const Weir__LeaderSummary *summary = rest__ask_leadership(request);
    if (!summary || summary->leads || !summary->leader || !summary->leader->rest_address[0]) return NULL;
    return summary->leader->rest_address;
}

/* Who leads may change in the middle: tries until somebody answers or the time is over. */
static void serve(struct rest_request *request)
{
    const char *silent = NULL; /* leads, and was asked in vain */
    for (;;) {
        request->not_leader = false;
        request->status = 0;
        request->route->handle(request);
        if (!request->not_leader || request->proxied) break;
        const char *address = leader_address(request);
        if (address && rest__proxy(request, address)) {
            request->not_leader = false;
            return;
        }
        silent = address;
        if (weir_clock_monotonic_ms() + REST_RETRY_MS >= request->deadline_ms || request->server->stopping)
            break;
        weir_clock_sleep_ms(REST_RETRY_MS);
    }
    if (request->not_leader && silent)
        rest__fail(request, MHD_HTTP_SERVICE_UNAVAILABLE,
            "Service temporarily unavailable: the leader at %s did not answer in time", silent);
    else if (request->not_leader)
        rest__fail(request, MHD_HTTP_SERVICE_UNAVAILABLE,
            "Service temporarily unavailable due to an ongoing leader election. Please refresh.");
    if (!request->status) rest__fail(request, MHD_HTTP_INTERNAL_SERVER_ERROR, "Internal server error.");
}

static struct rest_request *take(struct weir_rest_server *server, struct rest_lane_queue *lane)
{
    rest__lock(server);
    lane->idle++;
    while (!lane->first && !server->stopping) pthread_cond_wait(&lane->filled, &server->mutex);
    lane->idle--;
    struct rest_request *request = lane->first;
    if (request) {
        lane->first = request->next;
        if (!lane->first) lane->last = &lane->first;
        lane->waiting--;
    }
    rest__unlock(server);
    return request;
}

static void *run_worker(void *argument)
{
    struct worker_start start = *(struct worker_start *)argument;
    weir_memory_release(start.server->memory, argument, sizeof start);
    struct rest_request *request;
    while ((request = take(start.server, start.lane))) {
        serve(request);
        request->stage = REST_ANSWERED;
        MHD_resume_connection(request->connection);
    }
    return NULL;
}

/* Locked. */
static void start_worker(struct weir_rest_server *server, struct rest_lane_queue *lane)
{
    struct worker_start *start = weir_memory_allocate(server->memory, sizeof *start);
    *start = (struct worker_start){ server, lane };
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, WORKER_STACK_BYTES);
    if (pthread_create(&lane->threads[lane->workers], &attributes, run_worker, start) == 0) {
        lane->workers++;
    } else {
        weir_log(WEIR_LOG_WARN, "weir.rest", "a thread for REST requests could not be started");
        weir_memory_release(server->memory, start, sizeof *start);
    }
    pthread_attr_destroy(&attributes);
}

bool rest__enqueue(struct weir_rest_server *server, struct rest_request *request)
{
    struct rest_lane_queue *lane = &server->lanes[request->route->lane];
    rest__lock(server);
    if (lane->idle <= lane->waiting && lane->workers < lane->workers_max && !server->stopping)
        start_worker(server, lane);
    bool taken = !server->stopping && lane->waiting < WEIR_REST_WAITING_MAX && lane->workers > 0;
    if (taken) {
        request->next = NULL;
        *lane->last = request;
        lane->last = &request->next;
        lane->waiting++;
        pthread_cond_signal(&lane->filled);
    }
    rest__unlock(server);
    return taken;
}

void rest__lanes_init(struct weir_rest_server *server)
{
    for (uint32_t i = 0; i < REST_LANES; i++) {
        struct rest_lane_queue *lane = &server->lanes[i];
        lane->last = &lane->first;
        lane->workers_max = i == REST_LOCAL ? WEIR_REST_LOCAL_WORKERS_MAX : WEIR_REST_WORKERS_MAX;
        pthread_cond_init(&lane->filled, NULL);
    }
}

/* Each worker answers what waits before it ends. */
void rest__lanes_stop(struct weir_rest_server *server)
{
    rest__lock(server);
    server->stopping = true;
    for (uint32_t i = 0; i < REST_LANES; i++) pthread_cond_broadcast(&server->lanes[i].filled);
    rest__unlock(server);
    for (uint32_t i = 0; i < REST_LANES; i++) {
        struct rest_lane_queue *lane = &server->lanes[i];
        for (uint32_t w = 0; w < lane->workers; w++) pthread_join(lane->threads[w], NULL);
        lane->workers = 0;
    }
}
