/*
 * What the files of the ZooKeeper driver share.
 *
 * Threads: one of the driver's own owns the library's handle and everything that is not marked otherwise. The
 * event loop hands requests over in a queue and gets answers through host->post(). Names are resolved on a
 * third thread, so that a resolver that hangs stops neither the loop nor the pings of a session.
 */
#ifndef WEIR_PLUGINS_HA_ZOOKEEPER_INTERNAL_H
#define WEIR_PLUGINS_HA_ZOOKEEPER_INTERNAL_H

#include "base/arena.h"
#include "base/buffer.h"
#include "spi/high_availability.h"
#include <pthread.h>
#include <zookeeper/zookeeper.h>

enum {
    ZOOKEEPER_PATH_BYTES_MAX = 1024,
    ZOOKEEPER_SERVERS_BYTES_MAX = 4096,
    ZOOKEEPER_SERVERS_MAX = 32,
    ZOOKEEPER_AUTHORIZATIONS_MAX = 4,
    ZOOKEEPER_REQUEST_BYTES_MAX = 1000000, /* of all values together: below the servers' jute.maxbuffer */
    ZOOKEEPER_WATCHES_MAX = 16384,
    ZOOKEEPER_KIN_MAX = 64,
    ZOOKEEPER_CHILDREN_IN_FLIGHT_MAX = 256
};

/* --- settings.c --- */

struct zookeeper_authorization {
    char scheme[64], value[512];
};

struct zookeeper_settings {
    char servers[ZOOKEEPER_SERVERS_BYTES_MAX]; /* host:port,host:port */
    char base[ZOOKEEPER_PATH_BYTES_MAX];       /* <chroot><path.root>/<cluster-id>: no slash behind */
    int session_timeout_ms;
    int64_t connection_timeout_ms, retry_wait_ms, retry_wait_max_ms, close_wait_ms;
    uint32_t retry_attempts_max;
    bool creator_only, tolerate_suspended;
    struct zookeeper_authorization authorizations[ZOOKEEPER_AUTHORIZATIONS_MAX];
    uint32_t authorization_count;
};

enum { ZOOKEEPER_OPTIONS = 11 };
extern const struct weir_option_definition zookeeper_options[ZOOKEEPER_OPTIONS];
enum weir_error_code zookeeper_settings_read(
    const struct weir_ha_config *config, struct zookeeper_settings *ret, struct weir_error *reterr);

/* --- servers.c --- */

/* Names to addresses, on a thread of its own. @thread any */
struct zookeeper_servers;
struct zookeeper_servers *zookeeper_servers_new(struct weir_memory *memory, const char *servers);
void zookeeper_servers_free(struct zookeeper_servers *servers);    /* never waits */
void zookeeper_servers_resolve(struct zookeeper_servers *servers); /* begins, unless it is under way */
/* "1.2.3.4:2181,..." of what is resolved so far; false when that is nothing. *ret_complete: no look-up is
 * under way. *ret_failed: the first name that could not be resolved, or "". */
bool zookeeper_servers_addresses(struct zookeeper_servers *servers,
    char addresses[ZOOKEEPER_SERVERS_BYTES_MAX], bool *ret_complete, char failed[256]);

/* --- kin.c --- */

/*
 * Processes of this host. An ephemeral node's value ends with a mark: machine, boot, process namespace,
 * process and its start. Who reads one of this host's follows that process by a pidfd, and so hears of its
 * end at once, long before its session is over.
 */
enum { ZOOKEEPER_MARK_BYTES = 64 };
struct zookeeper_kin {
    char key[WEIR_HA_KEY_BYTES_MAX + 1];
    int process_descriptor;
    uint64_t process, started;
    uint8_t *value;
    size_t length;
};
void zookeeper_mark_write(uint8_t mark[ZOOKEEPER_MARK_BYTES]);
/* Whether a value ends with a mark. */
bool zookeeper_mark_find(const uint8_t *value, size_t length);
/* Follows the process that the mark names when it is another one of this host. */
void zookeeper_kin_follow(struct weir_ha_session *session, const char *key, const uint8_t *value,
    size_t length, const uint8_t mark[ZOOKEEPER_MARK_BYTES]);
void zookeeper_kin_died(struct weir_ha_session *session, uint32_t index);
void zookeeper_kin_done(struct weir_ha_session *session);

/* --- requests.c --- */

enum zookeeper_phase { PHASE_WRITE, PHASE_PARENTS, PHASE_READ };

struct zookeeper_request {
    struct zookeeper_request *next, **link; /* queued, or in flight */
    struct weir_ha_session *session;
    _Atomic uint32_t references; /* calls of the library under way + who answers it */
    struct weir_arena arena;
    uint64_t number;
    struct weir_ha_operation operations[WEIR_HA_OPERATIONS_MAX];
    uint32_t operation_count;

    enum zookeeper_phase phase;
    uint32_t outstanding; /* calls whose answer the next step waits for */
    bool answered, synced;
    enum weir_ha_outcome outcome;
    zoo_op_t writes[2 * WEIR_HA_OPERATIONS_MAX];
    zoo_op_result_t results[2 * WEIR_HA_OPERATIONS_MAX];
    struct Stat stats[2 * WEIR_HA_OPERATIONS_MAX];
    uint8_t operation_of[2 * WEIR_HA_OPERATIONS_MAX], write_of[WEIR_HA_OPERATIONS_MAX];
    uint32_t write_count, parent_rounds;
    uint32_t next_operation;
    const char *const *children;
    uint32_t child_count, child_next;
    struct weir_ha_entry *entries;
    uint32_t entry_count, entry_capacity;
};

/* @thread loop */
struct zookeeper_request *zookeeper_request_new(struct weir_ha_session *session, uint64_t number,
    const struct weir_ha_operation *operations, uint32_t operation_count);
void zookeeper_request_release(struct zookeeper_request *request); /* @thread any */
void zookeeper_request_start(struct zookeeper_request *request);
/* Contact is lost, or never was: answered with what is known. */
void zookeeper_request_fail(struct zookeeper_request *request);

/* --- watches.c --- */

struct zookeeper_watch {
    struct weir_ha_session *session;
    char key[WEIR_HA_KEY_BYTES_MAX + 1];
    bool armed, set; /* asked for, not told yet; known to the server */
};
void zookeeper_watch_arm(struct weir_ha_session *session, const char *key);
/* Those that could not be set, or whose session is over, may have missed something: they are told. */
void zookeeper_watches_connected(struct weir_ha_session *session);
void zookeeper_watches_session_over(struct weir_ha_session *session);

/* --- zookeeper.c --- */

struct zookeeper_item { /* of the queue: exactly one of them */
    struct zookeeper_item *next;
    struct zookeeper_request *request;
    char key[WEIR_HA_KEY_BYTES_MAX + 1]; /* of a watch */
};

struct weir_ha_session {
    struct weir_ha_config config;
    struct zookeeper_settings settings;
    _Atomic uint32_t references; /* the owner, the thread, posts and requests under way */
    _Atomic bool closed;         /* nothing is told any more */
    _Atomic bool refusal_told;   /* on this connection: what may not be read */
    _Atomic bool connected;
    _Atomic int64_t beaten_ms;
    int wake_descriptor;

    pthread_mutex_t mutex; /* guards what follows up to the next line */
    pthread_cond_t condition;
    struct zookeeper_item *first, **last;
    bool closing, ended;

    zhandle_t *handle; /* from here on: the driver's thread alone */
    struct zookeeper_servers *servers;
    char addresses[ZOOKEEPER_SERVERS_BYTES_MAX];
    enum weir_ha_state told;      /* what is so: LOST: in no session */
    enum weir_ha_state announced; /* what the loop knows */
    uint8_t mark[ZOOKEEPER_MARK_BYTES];
    int64_t timeout_ms, contact_ms, resolved_ms, connecting_since_ms, resumed_ms;
    bool warned;
    uint32_t failures;
    int64_t retry_at_ms;
    struct zookeeper_request *in_flight;
    struct zookeeper_watch **watches;
    uint32_t watch_count;
    struct zookeeper_kin kin[ZOOKEEPER_KIN_MAX];
    uint32_t kin_count;
};

void zookeeper_session_retain(struct weir_ha_session *session);
void zookeeper_session_release(struct weir_ha_session *session); /* @thread any */
/* To the loop: */
void zookeeper_tell_done(struct zookeeper_request *request); /* takes one reference of it */
void zookeeper_tell_changed(struct weir_ha_session *session, const char *key);
void zookeeper_tell_died(
    struct weir_ha_session *session, const char *key, const uint8_t *value, size_t length);
const struct ACL_vector *zookeeper_acl(const struct weir_ha_session *session);

#endif
