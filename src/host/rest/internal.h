/* Shared inside host/rest/. A handler fills in the answer of its struct rest_request; it may wait, for it
 * runs on a worker. */
#ifndef WEIR_HOST_REST_INTERNAL_H
#define WEIR_HOST_REST_INTERNAL_H

#include "base/arena.h"
#include "host/log_files.h"
#include "host/rest_server.h"
#include <jansson.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

enum {
    REST_PATH_SEGMENTS_MAX = 16,
    REST_ARGUMENTS_MAX = 32,
    REST_CHECKPOINT_TRIGGERS_MAX = 256,
    REST_RETRY_MS = 20,
    REST_SPOOL_MEMORY_BYTES_MAX = 4 << 20,
    REST_SPOOL_BYTES_MAX = WEIR_LOG_BYTES_SHOWN_MAX
};

/* A client's connection. The HTTP library's thread owns it. */
struct rest_connection {
    struct rest_connection *next, **at;
    struct rest_connections *all;
    int fd;
    bool served; /* its request has been read whole, and is not answered yet */
};

/* Oldest first: by when a request was last expected of it. */
struct rest_connections {
    struct weir_memory *memory;
    struct rest_connection *first, **last;
    uint32_t count, count_max;
};

enum rest_method { REST_GET, REST_POST, REST_PUT, REST_PATCH, REST_DELETE, REST_METHODS };
/* LOCAL: this process knows. LEADER: who leads does. */
enum rest_lane { REST_LOCAL, REST_LEADER, REST_LANES };

struct rest_pair {
    const char *name, *value;
};

struct rest_request {
    struct rest_request *next;
    struct weir_rest_server *server;
    struct MHD_Connection *connection;
    struct weir_arena arena;
    enum rest_method method;
    const char *url;                                     /* as asked, decoded */
    const char *path;                                    /* without the version */
    struct rest_pair parameters[REST_PATH_SEGMENTS_MAX]; /* of the path */
    uint32_t parameter_count;
    struct rest_pair arguments[REST_ARGUMENTS_MAX]; /* behind the '?' */
    uint32_t argument_count;
    bool too_many_arguments, too_long;
    struct weir_buffer body;
    const char *content_type;
    bool proxied; /* a standby has sent it: it is not sent on */
    const struct rest_route *route;
    enum { REST_READING, REST_WAITING, REST_ANSWERED } stage;
    int64_t deadline_ms;
    json_t *figures; /* of the tasks of the path's job, once asked for */

    /* the answer */
    bool not_leader; /* this process cannot answer: the leader can */
    unsigned status;
    const char *answer_type; /* NULL: JSON */
    const char *answer;      /* in arena */
    size_t answer_bytes;
    bool answer_is_file; /* answer_bytes of answer_file, which is closed then */
    int answer_file;
    uint64_t answer_offset;
};

struct rest_route {
    enum rest_method method;
    const char *pattern; /* "/jobs/:jobid" */
    enum rest_lane lane;
    void (*handle)(struct rest_request *request);
};

/* A question to a machine of this process. Two own it: who waits, and the control thread. */
struct rest_ask {
    struct rest_ask *next;
    struct weir_rest_server *server;
    struct weir_arena arena;
    Weir__Envelope *envelope;
    Weir__ClientReply *reply;
    uint64_t number;
    uint32_t owners;
    pthread_cond_t answered;
};

struct rest_lane_queue {
    struct rest_request *first, **last;
    uint32_t waiting, workers, idle, workers_max;
    pthread_cond_t filled;
    pthread_t threads[WEIR_REST_WORKERS_MAX];
};

/* A checkpoint that was asked for by hand, and what it is recognised by. */
struct rest_checkpoint_trigger {
    uint8_t request[16], job[16];
    int64_t triggered_ms;
    uint64_t after; /* newest checkpoint when it was asked for */
};

struct weir_rest_server {
    struct weir_rest_server_config config;
    struct weir_memory *memory;
    struct weir_config *settings;
    const char *allow_origin;
    char host[256], address[300], version[64], checkpoint_directory[4096];
    struct weir_log_files logs;
    uint16_t port;
    int64_t started_ms;
    int listener, metrics_listener; /* -1: none */
    struct MHD_Daemon *daemon, *metrics_daemon;
    struct rest_connections connections[2]; /* of each daemon */
    pthread_mutex_t mutex;                  /* guards what follows */
    _Atomic bool stopping;                  /* read without the lock where late is early enough */
    struct weir_control_loop *loop;
    weir_node node;
    struct rest_lane_queue lanes[REST_LANES];
    struct rest_ask *asks;
    uint64_t ask_next;
    struct rest_checkpoint_trigger triggers[REST_CHECKPOINT_TRIGGERS_MAX]; /* a ring */
    uint32_t trigger_next;
};

/* --- server.c --- */
void rest__lock(struct weir_rest_server *server);
void rest__unlock(struct weir_rest_server *server);

/* --- connections.c: who is slow makes room for others --- */
void rest__connections_init(
    struct rest_connections *connections, uint32_t count_max, struct weir_memory *memory);
/* For the HTTP library: a connection came, or has ended. owner: a struct rest_connections. */
void rest__on_connection(
    void *owner, struct MHD_Connection *connection, void **context, enum MHD_ConnectionNotificationCode code);
/* Its request was read whole; is answered. */
void rest__connection_served(struct MHD_Connection *connection, bool served);

/* --- workers.c --- */
void rest__lanes_init(struct weir_rest_server *server);
/* False: too many wait. */
bool rest__enqueue(struct weir_rest_server *server, struct rest_request *request);
void rest__lanes_stop(struct weir_rest_server *server);

/* --- router.c --- */
/* NULL: no such path, or only with another method. Fills in the parameters. */
const struct rest_route *rest__find_route(struct rest_request *request);
const char *rest__parameter(const struct rest_request *request, const char *name); /* of the path; is there */
const char *rest__argument(const struct rest_request *request, const char *name);  /* NULL: was not given */

/* --- control.c --- */
/* All of it waits until the request's deadline. NULL: the answer of the request is filled in, or not_leader
 * is set. The reply's code is one of OK, NOT_FOUND, CONFLICT, BAD_REQUEST, TOO_MANY. */
const Weir__ClientReply *rest__ask(struct rest_request *request, Weir__Envelope *envelope);
Weir__Envelope *rest__envelope(struct rest_request *request, Weir__Envelope__BodyCase body, void *message);
/* NULL: no answer in time. */
const Weir__LeaderSummary *rest__ask_leadership(struct rest_request *request);
/* What is said of all jobs, without them. NULL: not now: this JobManager does not lead, or still recovers. */
const Weir__ClientReply *rest__ask_totals(struct rest_request *request);
void rest__asks_init(struct weir_rest_server *server);
void rest__asks_stop(struct weir_rest_server *server); /* nobody waits any more */

/* --- spool.c: what comes from another process, and may be long --- */
/* In memory as long as it is short, else in a file without a name. */
struct rest_spool {
    struct weir_rest_server *server;
    struct weir_buffer head;
    int file; /* -1: all is in head */
    uint64_t bytes;
};
void rest__spool_init(struct rest_spool *spool, struct weir_rest_server *server);
void rest__spool_done(struct rest_spool *spool);
/* For curl; owner: a spool. Takes nothing past its limit, and nothing when the disk is full. */
size_t rest__spool_append(char *bytes, size_t size, size_t count, void *owner);
/* The spool is empty then. type: borrowed; NULL: JSON. */
void rest__answer_spool(
    struct rest_request *request, unsigned status, const char *type, struct rest_spool *spool);

/* --- routes_cluster.c --- */
/* That of the path, from the leader. NULL: answered. */
const Weir__TaskManagerSummary *rest__find_taskmanager(struct rest_request *request);

/* --- routes_disposal.c --- */
/* directory holds a checkpoint of a job that has not ended: what it goes on from builds on those files, so
 * they are neither claimed nor disposed of. True: answered 409, or not_leader is set. What cannot be read is
 * nobody's. */
bool rest__is_needed(struct rest_request *request, const char *directory);

/* --- proxy.c --- */
/* False: the leader could not be asked, and what was sent has changed nothing. */
bool rest__proxy(struct rest_request *request, const char *address);

void rest__init_curl(void);

/* --- figures.c --- */
/* Of the tasks of the path's job, as its TaskManagers say now: an array, borrowed. Never NULL. */
json_t *rest__figures(struct rest_request *request);
/* {name: number} of its present attempt, borrowed; NULL: nobody tells. */
json_t *rest__attempt_figures(
    struct rest_request *request, uint32_t vertex, const Weir__SubtaskDetails *subtask);
double rest__figure(json_t *figures, const char *name); /* 0: it is not there */
void rest__answer_subtask_figures(struct rest_request *request, uint32_t vertex, int64_t subtask);
void rest__answer_vertex_aggregates(struct rest_request *request, uint32_t vertex);
void rest__answer_watermarks(struct rest_request *request, uint32_t vertex);

/* What processes say of themselves (weir_process_print_json()), appended to ret in order; {} of those that do
 * not answer in time. */
void rest__processes(struct rest_request *request, const Weir__TaskManagerSummary *const *summaries,
    size_t count, json_t *ret);
/* Pages of metrics: figures is {name: number}, sets an array of such; get= and agg= are obeyed. Borrowed. */
void rest__answer_singles(struct rest_request *request, json_t *figures);
void rest__answer_aggregates(struct rest_request *request, json_t *sets);
/* By a list of names, "?jobs=a,b"; without one all are. */
bool rest__is_chosen(const struct rest_request *request, const char *argument, const char *text);

/* --- prometheus.c --- */
/* {name: number} of a job; the caller's. */
json_t *rest__job_figures(const Weir__JobSummary *summary, const Weir__JobDetails *details);

/* --- answer.c --- */
void rest__answer(struct rest_request *request, unsigned status, json_t *json); /* takes json */
void rest__answer_text(struct rest_request *request, const char *type, const char *text, size_t length);
void rest__fail(struct rest_request *request, unsigned status, const char *format, ...) WEIR_PRINTF(3, 4);
/* Of a reply that is not OK. */
void rest__refuse(struct rest_request *request, const Weir__ClientReply *reply);
/* NULL: it was answered 400. An empty body is {}. The caller's, to be given back with json_decref(). */
json_t *rest__body(struct rest_request *request);
/* Of a body: one of choices ("A,B"), in any case, or not said. False: it was answered 400. */
bool rest__choice(struct rest_request *request, const json_t *body, const char *name, const char *choices);
/* triggerId of a body, the client's own, so that a request sent twice is one; else a new one. False: it was
 * answered 400. */
bool rest__trigger_id(struct rest_request *request, const json_t *body, uint8_t ret[16]);
/* Of the query: a number of at most 9 digits. False: it was answered 400. */
bool rest__count(struct rest_request *request, const char *name, uint32_t otherwise, uint32_t *ret);

/* --- shapes.c: names and pieces that several handlers show --- */
const char *rest__job_state(Weir__JobState state);
const char *rest__execution_state(Weir__ExecutionState state);
bool rest__job_is_over(Weir__JobState state);
char *rest__hex(struct rest_request *request, const uint8_t *bytes, size_t length);
/* 16 bytes of 32 hex digits. */
bool rest__parse_id(const char *text, uint8_t ret[16]);
char *rest__vertex_id(struct rest_request *request, uint32_t vertex);
bool rest__parse_vertex_id(const char *text, uint32_t *ret);
/* A parameter of the path that is a number. False: it was answered 400. */
bool rest__number(struct rest_request *request, const char *name, uint64_t *ret);
/* The job of the path, or the application's. False: it was answered 400. */
bool rest__job_id(struct rest_request *request, ProtobufCBinaryData *ret);
/* NULL: answered. */
const Weir__ClientReply *rest__query_job(struct rest_request *request, bool details);
/* query: what is asked for beside the job, which is the path's. */
const Weir__ClientReply *rest__query_one(struct rest_request *request, Weir__QueryJobs *query);
/* With details: until its vertices are known, or it is over. */
const Weir__ClientReply *rest__query_planned_job(struct rest_request *request);
const Weir__ClientReply *rest__list_jobs(struct rest_request *request);
int64_t rest__now_ms(void);
int64_t rest__duration_ms(int64_t started_ms, int64_t ended_ms); /* -1: it has not started */
json_t *rest__end_ms(int64_t ended_ms);                          /* -1 when it has none */
json_t *rest__states(const uint32_t counts[], size_t count, bool upper_case, bool total);
json_t *rest__job_shape(struct rest_request *request, const Weir__JobSummary *job); /* routes_jobs.c */
json_t *rest__job_timestamps(const Weir__JobSummary *job);
/* "file:/x" of a plain path; without the name of the metadata. */
const char *rest__location(struct rest_request *request, const char *pointer);
json_t *rest__throwable(const char *text);
json_t *rest__vertex_shape(
    struct rest_request *request, const Weir__VertexDetails *vertex); /* routes_vertices.c */

/* --- checkpoint_shapes.c --- */
json_t *rest__checkpoint_shape(struct rest_request *request, const Weir__CheckpointDetails *checkpoint);
/* NULL: nothing is known of the vertex. */
json_t *rest__checkpoint_subtasks_shape(
    struct rest_request *request, const Weir__CheckpointDetails *checkpoint, uint32_t vertex);
/* {min,max,avg,p50,..}; sorts them; zeros of none. */
json_t *rest__statistics(uint64_t *values, size_t count);

/* Handlers, by the table. */
#define X(method, pattern, lane, handler) void handler(struct rest_request *request);
#include "host/rest/routes.def"
#undef X

#endif
