#define _GNU_SOURCE
#include "harness.h"
#include "os/clock.h"
#include "os/memory.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern const struct weir_ha_driver weir_ha_embedded, weir_ha_zookeeper;
const struct weir_ha_driver *const all_drivers[] = { &weir_ha_embedded, &weir_ha_zookeeper };
const uint32_t all_driver_count = WEIR_ARRAY_COUNT(all_drivers);

enum { HOLDER_ARGUMENTS = 5 };

/* --- the host of a driver --- */

static void host_post(struct weir_ha_host *host, void (*call)(void *argument), void *argument)
{
    struct client *client = host->owner;
    struct posted *posted = malloc(sizeof *posted);
    if (!posted) abort();
    *posted = (struct posted){ .call = call, .argument = argument };
    pthread_mutex_lock(&client->mutex);
    *client->last = posted;
    client->last = &posted->next;
    pthread_mutex_unlock(&client->mutex);
}

static void host_state(struct weir_ha_host *host, enum weir_ha_state state, int64_t session_timeout_us)
{
    struct client *client = host->owner;
    if (client->state_count < STATES_MAX) client->states[client->state_count++] = state;
    if (state == WEIR_HA_CONNECTED) client->session_timeout_us = session_timeout_us;
}

static void host_done(struct weir_ha_host *host, uint64_t request, enum weir_ha_outcome outcome,
    const struct weir_ha_entry *entries, uint32_t entry_count)
{
    struct client *client = host->owner;
    struct answer *answer = &client->answers[request % REQUESTS_MAX];
    if (client->inside) client->called_inside = true;
    if (answer->done) abort(); /* answered twice */
    answer->entries = calloc(entry_count + 1, sizeof *answer->entries);
    if (!answer->entries) abort();
    for (uint32_t i = 0; i < entry_count; i++) {
        struct weir_ha_entry *entry = &answer->entries[i];
        uint8_t *value = malloc(entries[i].length + 1);
        if (!value) abort();
        if (entries[i].length) memcpy(value, entries[i].value, entries[i].length);
        *entry = entries[i];
        entry->key = strdup(entries[i].key);
        entry->value = value;
    }
    answer->entry_count = entry_count;
    answer->outcome = outcome;
    answer->done = true;
}

static void host_changed(struct weir_ha_host *host, const char *key)
{
    struct client *client = host->owner;
    if (client->inside) client->called_inside = true;
    if (client->change_count < CHANGES_MAX)
        snprintf(client->changes[client->change_count++], sizeof client->changes[0], "%s", key);
}

static void host_died(struct weir_ha_host *host, const char *key, const uint8_t *value, size_t length)
{
    struct client *client = host->owner;
    snprintf(client->died_key, sizeof client->died_key, "%s", key);
    client->died_length = WEIR_MIN(length, sizeof client->died_value);
    memcpy(client->died_value, value, client->died_length);
}

/* --- clients --- */

struct client *client_open_with(
    struct world *world, const struct weir_option_value *options, uint32_t count, struct weir_error *reterr)
{
    struct weir_option_value all[32];
    if (count) memcpy(all, options, sizeof *all * count); /* the first of a key counts */
    memcpy(all + count, world->options, sizeof *all * world->option_count);
    struct client *client = calloc(1, sizeof *client);
    if (!client || world->client_count == CLIENTS_MAX) abort();
    client->host = (struct weir_ha_host){ .owner = client,
        .post = host_post,
        .state = host_state,
        .done = host_done,
        .changed = host_changed,
        .died = host_died };
    client->driver = world->driver;
    client->last = &client->posted;
    pthread_mutex_init(&client->mutex, NULL);
    struct weir_ha_config config = { .memory = weir_os_memory(),
        .host = &client->host,
        .cluster = world->cluster,
        .directory = world->directory,
        .options = all,
        .option_count = world->option_count + count };
    if (world->driver->open(&config, &client->session, reterr)) {
        pthread_mutex_destroy(&client->mutex);
        free(client);
        return NULL;
    }
    world->clients[world->client_count++] = client;
    return client;
}

struct client *client_open(struct world *world)
{
    struct weir_error error = { 0 };
    struct client *client = client_open_with(world, NULL, 0, &error);
    if (!client) {
        fprintf(stderr, "cannot open %s: %s\n", world->driver->name, error.message);
        abort();
    }
    if (!await_state(world, client, WEIR_HA_CONNECTED, HANG_SECONDS)) {
        fprintf(stderr, "%s does not connect\n", world->driver->name);
        abort();
    }
    return client;
}

static void free_answer(struct answer *answer)
{
    for (uint32_t i = 0; i < answer->entry_count; i++) {
        free((void *)(uintptr_t)answer->entries[i].key);
        free((void *)(uintptr_t)answer->entries[i].value);
    }
    free(answer->entries);
    *answer = (struct answer){ 0 };
}

static void turn(struct client *client)
{
    pthread_mutex_lock(&client->mutex);
    struct posted *posted = client->posted;
    client->posted = NULL;
    client->last = &client->posted;
    pthread_mutex_unlock(&client->mutex);
    while (posted) {
        struct posted *next = posted->next;
        posted->call(posted->argument);
        free(posted);
        posted = next;
    }
    if (client->session && client->driver->beat) client->driver->beat(client->session);
}

void client_close(struct world *world, struct client *client)
{
    client->driver->close(client->session);
    client->session = NULL;
    turn(client); /* what was posted before: it may free, it may not tell */
    for (uint32_t i = 0; i < world->client_count; i++)
        if (world->clients[i] == client) world->clients[i] = world->clients[--world->client_count];
    for (uint32_t i = 0; i < REQUESTS_MAX; i++) free_answer(&client->answers[i]);
    pthread_mutex_destroy(&client->mutex);
    free(client);
}

void world_close_clients(struct world *world)
{
    while (world->client_count) client_close(world, world->clients[0]);
}

void world_turn(struct world *world)
{
    for (uint32_t i = 0; i < world->client_count; i++)
        if (!world->clients[i]->silent) turn(world->clients[i]);
    usleep(200);
}

bool world_until(struct world *world, double seconds,
    bool (*condition)(struct client *client, const void *argument), struct client *client,
    const void *argument)
{
    int64_t end_ns = weir_clock_monotonic_ns() + (int64_t)(seconds * 1e9);
    while (!condition(client, argument)) {
        if (weir_clock_monotonic_ns() > end_ns) return false;
        world_turn(world);
    }
    return true;
}

static bool never(struct client *client, const void *argument)
{
    return false;
}

void world_run(struct world *world, double seconds)
{
    (void)world_until(world, seconds, never, NULL, NULL);
}

/* --- requests --- */

uint64_t submit(struct client *client, const struct weir_ha_operation *operations, uint32_t count)
{
    uint64_t number = ++client->request_count;
    free_answer(&client->answers[number % REQUESTS_MAX]);
    client->inside = true;
    client->driver->submit(client->session, number, operations, count);
    client->inside = false;
    return number;
}

static bool is_done(struct client *client, const void *argument)
{
    return client->answers[*(const uint64_t *)argument % REQUESTS_MAX].done;
}

struct answer *await(struct world *world, struct client *client, uint64_t request)
{
    if (!world_until(world, HANG_SECONDS, is_done, client, &request)) {
        fprintf(stderr, "a request was never answered\n");
        abort();
    }
    return &client->answers[request % REQUESTS_MAX];
}

struct answer *ask(
    struct world *world, struct client *client, const struct weir_ha_operation *operations, uint32_t count)
{
    return await(world, client, submit(client, operations, count));
}

struct answer *ask_one(struct world *world, struct client *client, enum weir_ha_operation_kind kind,
    const char *key, uint64_t version, const char *value)
{
    struct weir_ha_operation operation = { .kind = kind,
        .key = key,
        .version = version,
        .value = (const uint8_t *)value,
        .length = value ? strlen(value) : 0 };
    return ask(world, client, &operation, 1);
}

struct answer *ask_until_answered(struct world *world, struct client *client,
    enum weir_ha_operation_kind kind, const char *key, uint64_t version, const char *value)
{
    for (;;) {
        struct answer *answer = ask_one(world, client, kind, key, version, value);
        if (answer->outcome != WEIR_HA_UNAVAILABLE) return answer;
        world_run(world, 0.05);
    }
}

static bool is_in_state(struct client *client, const void *argument)
{
    return client->state_count &&
           client->states[client->state_count - 1] == *(const enum weir_ha_state *)argument;
}

bool await_state(struct world *world, struct client *client, enum weir_ha_state state, double seconds)
{
    return world_until(world, seconds, is_in_state, client, &state);
}

uint32_t changes_of(const struct client *client, const char *key)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < client->change_count; i++) count += strcmp(client->changes[i], key) == 0;
    return count;
}

static bool has_changed(struct client *client, const void *argument)
{
    return changes_of(client, argument) > 0;
}

bool await_change(struct world *world, struct client *client, const char *key, double seconds)
{
    return world_until(world, seconds, has_changed, client, key);
}

bool value_is(const struct weir_ha_entry *entry, const char *value)
{
    return entry->found && entry->length == strlen(value) && memcmp(entry->value, value, entry->length) == 0;
}

/* --- real servers --- */

static bool read_line(int descriptor, char *line, size_t bytes)
{
    size_t length = 0;
    char one;
    while (read(descriptor, &one, 1) == 1) {
        if (one == '\n') {
            line[length] = '\0';
            return true;
        }
        if (length + 1 < bytes) line[length++] = one;
    }
    line[length] = '\0';
    return false;
}

static int spawn(char *const arguments[], int *ret_to, int *ret_from)
{
    int to[2], from[2];
    if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0) abort();
    pid_t process = fork();
    if (process == 0) {
        dup2(to[0], 0);
        dup2(from[1], 1);
        execvp(arguments[0], arguments);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    *ret_to = to[1];
    *ret_from = from[0];
    return (int)process;
}

bool servers_start(struct world *world, const char *program, const char *directory, char problem[512])
{
    char *arguments[] = { "python3", (char *)(uintptr_t)program, (char *)(uintptr_t)directory, "3", NULL };
    world->server_process = spawn(arguments, &world->to_servers, &world->from_servers);
    char line[512];
    bool got = read_line(world->from_servers, line, sizeof line);
    if (got && strncmp(line, "ready ", 6) == 0) {
        snprintf(world->quorum, sizeof world->quorum, "%.250s", line + 6);
        world->server_count = SERVERS;
        return true;
    }
    snprintf(problem, 512, "%s", got ? line : "python3 did not start the servers");
    servers_stop(world);
    return false;
}

int servers_obey(struct world *world, const char *line)
{
    char answer[64];
    if (strncmp(line, "kill", 4) == 0 || strncmp(line, "pause", 5) == 0) world->hurt = true;
    dprintf(world->to_servers, "%s\n", line);
    /* It may take its time: the clients live on. */
    struct pollfd answered = { .fd = world->from_servers, .events = POLLIN };
    while (poll(&answered, 1, 0) == 0) world_turn(world);
    if (!read_line(world->from_servers, answer, sizeof answer)) abort();
    return atoi(answer);
}

void servers_stop(struct world *world)
{
    if (!world->server_process) return;
    close(world->to_servers);
    close(world->from_servers);
    waitpid(world->server_process, NULL, 0);
    world->server_process = 0;
}

/* --- a process that holds an entry --- */

int holder_start(struct world *world, const char *key, const char *value)
{
    char *arguments[8 + 2 * 16] = { "/proc/self/exe", "--hold", (char *)(uintptr_t)world->driver->name,
        world->directory, world->cluster, (char *)(uintptr_t)key, (char *)(uintptr_t)value };
    uint32_t count = 7;
    for (uint32_t i = 0; i < world->option_count; i++) {
        arguments[count++] = (char *)(uintptr_t)world->options[i].key;
        arguments[count++] = (char *)(uintptr_t)world->options[i].value;
    }
    int to, from;
    int process = spawn(arguments, &to, &from);
    char line[64];
    if (!read_line(from, line, sizeof line) || strcmp(line, "held") != 0) {
        fprintf(stderr, "the holder says '%s'\n", line);
        abort();
    }
    close(to);
    close(from);
    return process;
}

void holder_kill(int process)
{
    kill(process, SIGKILL);
    waitpid(process, NULL, 0);
}

int holder_main(int argument_count, char **arguments)
{
    struct world world = { 0 };
    snprintf(world.cluster, sizeof world.cluster, "%s", arguments[4]);
    for (uint32_t i = 0; i < all_driver_count; i++)
        if (strcmp(all_drivers[i]->name, arguments[2]) == 0) world.driver = all_drivers[i];
    snprintf(world.directory, sizeof world.directory, "%s", arguments[3]);
    for (int i = 7; i + 1 < argument_count; i += 2)
        world.options[world.option_count++] = (struct weir_option_value){ arguments[i], arguments[i + 1] };
    struct client *client = client_open(&world);
    const struct answer *answer =
        ask_one(&world, client, WEIR_HA_CREATE_EPHEMERAL, arguments[5], 0, arguments[6]);
    printf("%s\n", answer->outcome == WEIR_HA_OK ? "held" : "refused");
    fflush(stdout);
    for (;;) world_run(&world, 1);
}
