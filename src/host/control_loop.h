/*
 * The control thread of a JobManager or TaskManager: struct weir_env on a libuv event loop. Timers, standing
 * connections (rpc.h), the coordination store through an HA driver, blobs on the work pool; all of it feeds
 * one actor.
 *
 * @thread new, run and free: one thread, the control thread while it runs. stop and post: any.
 */
#ifndef WEIR_HOST_CONTROL_LOOP_H
#define WEIR_HOST_CONTROL_LOOP_H

#include "actor/actor.h"
#include "spi/filesystem.h"
#include "spi/high_availability.h"

struct weir_control_loop_config {
    enum weir_actor_kind kind;
    struct weir_memory *memory;
    const char *cluster;
    const char *name;                        /* NULL: host:port as it listens */
    uint64_t incarnation;                    /* 0: a random one */
    int stop_descriptor;                     /* readable: stop; -1: none */
    const char *host;                        /* as others reach it */
    const char *bind_address;                /* "0.0.0.0" */
    uint16_t port_first, port_last;          /* first free one; 0: any */
    const char *data_address, *rest_address; /* advertised; may be NULL */
    uint32_t slot_count;
    const struct weir_control_options *options;
    const struct weir_ha_driver
        *ha; /* NULL: no coordination store (a TaskManager that only listens to JobManagers) */
    const char *ha_directory;
    const struct weir_option_value *ha_options;
    uint32_t ha_option_count;
    struct weir_filesystem *filesystem; /* blobs: called on the work pool */
    /* A TaskManager's data plane; on the control thread. */
    void (*task)(void *owner, const struct weir_task_effect *effect);
    /* A worker is wanted or not any more (resource driver); NULL: there is none. */
    void (*worker)(void *owner, const char *name, bool start);
    void *owner;
};

struct weir_control_loop;

/* Binds and listens; nothing runs yet. */
enum weir_error_code weir_control_loop_new(
    const struct weir_control_loop_config *config, struct weir_control_loop **ret, struct weir_error *reterr);
const char *weir_control_loop_rpc_address(const struct weir_control_loop *loop); /* host:port */
/* Until stop or until the machines want the process to end. Returns the exit code. */
int weir_control_loop_run(struct weir_control_loop *loop);
void weir_control_loop_free(struct weir_control_loop *loop);

void weir_control_loop_stop(struct weir_control_loop *loop); /* @thread any */
void weir_control_loop_post(
    struct weir_control_loop *loop, void (*call)(void *), void *argument); /* @thread any */

/* The resource driver: a worker has ended, could not be started, or was never known. @thread any */
void weir_control_loop_worker_ended(struct weir_control_loop *loop, const char *name);

/* On the control thread: */
/* work runs on the pool, then done on the control thread, always. */
void weir_control_loop_work(
    struct weir_control_loop *loop, void (*work)(void *), void (*done)(void *), void *argument);
struct weir_actor *weir_control_loop_actor(struct weir_control_loop *loop);
void weir_control_loop_event(struct weir_control_loop *loop, struct weir_event *event);
/* A peer inside this process (REST): what machines send to `name` comes to received; it says things with
 * weir_control_loop_say(). */
weir_node weir_control_loop_inner_peer(struct weir_control_loop *loop, const char *name,
    void (*received)(void *owner, const Weir__Envelope *envelope), void *owner);
void weir_control_loop_say(struct weir_control_loop *loop, weir_node from, Weir__Envelope *envelope);

struct weir_control_loop_statistics {
    uint64_t connections, bytes_in, bytes_out, messages_dropped;
    uint32_t timers, requests;
};
void weir_control_loop_statistics(
    const struct weir_control_loop *loop, struct weir_control_loop_statistics *ret);

#endif
