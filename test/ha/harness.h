/*
 * A process's event loop in small, for the conformance suite of HA drivers: clients that post, answer and are
 * told, driven by the test's own thread.
 */
#ifndef WEIR_TEST_HA_HARNESS_H
#define WEIR_TEST_HA_HARNESS_H

#include "spi/high_availability.h"
#include <pthread.h>

enum {
    CLIENTS_MAX = 8,
    REQUESTS_MAX = 512,
    STATES_MAX = 256,
    CHANGES_MAX = 4096,
    SERVERS = 3,
    HANG_SECONDS = 120 /* limits a hang, and judges nothing: servers start slowly on a loaded machine */
};

struct posted {
    struct posted *next;
    void (*call)(void *argument);
    void *argument;
};

struct answer {
    bool done;
    enum weir_ha_outcome outcome;
    struct weir_ha_entry *entries; /* copies */
    uint32_t entry_count;
};

struct client {
    struct weir_ha_host host;
    const struct weir_ha_driver *driver;
    struct weir_ha_session *session;
    pthread_mutex_t mutex;
    struct posted *posted, **last;
    struct answer answers[REQUESTS_MAX];
    uint64_t request_count;
    enum weir_ha_state states[STATES_MAX];
    uint32_t state_count;
    int64_t session_timeout_us;
    char changes[CHANGES_MAX][64];
    uint32_t change_count;
    char died_key[256];
    uint8_t died_value[1024];
    size_t died_length;
    bool silent;        /* its loop hangs: it neither pumps nor beats */
    bool called_inside; /* a callback came while submit, watch or beat was running */
    bool inside;
};

/* What the cases run against. */
struct world {
    const struct weir_ha_driver *driver;
    char directory[512];
    struct weir_option_value options[16];
    uint32_t option_count;
    char cluster[64]; /* each case has its own */
    bool failed;
    struct client *clients[CLIENTS_MAX];
    uint32_t client_count;
    /* real servers; 0: the driver has none */
    uint32_t server_count;
    int to_servers, from_servers, server_process;
    bool hurt; /* the case has killed or stopped one */
    char quorum[256];
};

struct client *client_open(struct world *world); /* connected */
/* options before those of the world; NULL: what was wrong is in reterr. Not waited for. */
struct client *client_open_with(
    struct world *world, const struct weir_option_value *options, uint32_t count, struct weir_error *reterr);
void client_close(struct world *world, struct client *client);
void world_close_clients(struct world *world);

/* Runs all loops but silent ones for a moment. */
void world_turn(struct world *world);
/* Until condition, at most seconds; false when it did not come. */
bool world_until(struct world *world, double seconds,
    bool (*condition)(struct client *client, const void *argument), struct client *client,
    const void *argument);
void world_run(struct world *world, double seconds);

uint64_t submit(struct client *client, const struct weir_ha_operation *operations, uint32_t count);
struct answer *await(struct world *world, struct client *client, uint64_t request);
struct answer *ask(
    struct world *world, struct client *client, const struct weir_ha_operation *operations, uint32_t count);
struct answer *ask_one(struct world *world, struct client *client, enum weir_ha_operation_kind kind,
    const char *key, uint64_t version, const char *value);
/* Again until there is contact. */
struct answer *ask_until_answered(struct world *world, struct client *client,
    enum weir_ha_operation_kind kind, const char *key, uint64_t version, const char *value);
bool await_state(struct world *world, struct client *client, enum weir_ha_state state, double seconds);
bool await_change(struct world *world, struct client *client, const char *key, double seconds);
uint32_t changes_of(const struct client *client, const char *key);
bool value_is(const struct weir_ha_entry *entry, const char *value);

/* Real servers: "kill 1", "start 1", ...; the answer's number, 0 for "ok". */
bool servers_start(struct world *world, const char *program, const char *directory, char problem[512]);
int servers_obey(struct world *world, const char *line);
void servers_stop(struct world *world);

/* A process that holds an ephemeral entry until it is killed. Returns when the entry is there. */
int holder_start(struct world *world, const char *key, const char *value);
void holder_kill(int process);
int holder_main(int argument_count, char **arguments);

/* --- cases --- */

struct ha_case {
    const char *name;
    void (*run)(struct world *world);
    bool needs_servers; /* kills, stops and starts them */
    bool needs_transactions;
};
extern const struct ha_case contract_cases[], fault_cases[];
extern const uint32_t contract_case_count, fault_case_count;

/* In a case: says what was expected and ends it. */
#define EXPECT(condition)                                                             \
    do {                                                                              \
        if (!(condition)) {                                                           \
            fprintf(stderr, "%s:%d: expected: %s\n", __FILE__, __LINE__, #condition); \
            world->failed = true;                                                     \
            return;                                                                   \
        }                                                                             \
    } while (0)
#define EXPECT_OUTCOME(got, wanted)                                                                          \
    do {                                                                                                     \
        enum weir_ha_outcome outcome_ = (got)->outcome;                                                      \
        if (outcome_ != (wanted)) {                                                                          \
            fprintf(stderr, "%s:%d: outcome %d, expected %s\n", __FILE__, __LINE__, (int)outcome_, #wanted); \
            world->failed = true;                                                                            \
            return;                                                                                          \
        }                                                                                                    \
    } while (0)

extern const struct weir_ha_driver *const all_drivers[];
extern const uint32_t all_driver_count;

#endif
