/* weir local: a whole cluster in one process, for development; with a script, its jobs and nothing after
 * them. Log on stderr, print sinks on stdout. */
#include "cluster.h"
#include "main.h"
#include "os/file.h"
#include "os/log.h"
#include "os/memory.h"
#include "os/process.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SLOTS_MIN = 8, PATH_BYTES = 4096, EXIT_INTERRUPTED = 130 };

struct local {
    struct weir_config *config;
    const char *script; /* NULL: until somebody stops it */
    char *definitions[DEFINITIONS_MAX];
    uint32_t definition_count;
    char parallelism[64];
    struct weir_buffer directory; /* of its own, gone with it; empty: as configured */
    const char *rest_address;
    pthread_t taskmanager, client;
    _Atomic int taskmanager_code, client_code; /* client_code: -1 before it has ended */
};

static bool parse(struct local *local, int argument_count, char **arguments, int *ret_code)
{
    for (int i = 0; i < argument_count; i++) {
        char *argument = arguments[i], *value = NULL;
        if (strcmp(argument, "-h") == 0 || strcmp(argument, "--help") == 0) {
            printf("usage: %s\n", verb_usage("local"));
            *ret_code = 0;
            return false;
        }
        bool definition = strncmp(argument, "-D", 2) == 0;
        bool parallelism = strcmp(argument, "-p") == 0 || strcmp(argument, "--parallelism") == 0;
        if (definition) value = argument[2] ? argument + 2 : i + 1 < argument_count ? arguments[++i] : NULL;
        if (parallelism) value = i + 1 < argument_count ? arguments[++i] : NULL;
        if (value && parallelism) {
            snprintf(local->parallelism, sizeof local->parallelism, "parallelism.default=%.40s", value);
            value = local->parallelism;
        }
        bool script = argument[0] != '-' && !local->script;
        if (script) local->script = argument;
        if (!script && (!value || local->definition_count == DEFINITIONS_MAX)) {
            *ret_code = usage_error("local",
                "'%s' is not understood; expected -D KEY=VALUE, -p N, and at most one SQL script", argument);
            return false;
        }
        if (value) local->definitions[local->definition_count++] = value;
    }
    return true;
}

static bool set(struct local *local, const char *key, const char *value)
{
    struct weir_error error = { 0 };
    if (weir_config_is_set(local->config, key) ||
        !weir_config_set(local->config, WEIR_CONFIG_COMMAND_LINE, key, value, &error))
        return true;
    print_error(&error);
    return false;
}

/* Nothing of it is to be found by another cluster, or to be left behind, unless that was asked for. */
static bool make_directory(struct local *local)
{
    if (weir_config_is_set(local->config, "high-availability.type") ||
        weir_config_is_set(local->config, "high-availability.storageDir"))
        return true;
    struct weir_error error = { 0 };
    if (!weir_directory_create_temporary(NULL, "weir-local-", &local->directory, &error))
        return set(local, "high-availability.storageDir", weir_buffer_text(&local->directory));
    print_error(&error);
    return false;
}

/* What a developer does not want to think of. */
static bool set_defaults(struct local *local)
{
    char slots[16];
    snprintf(slots, sizeof slots, "%u", WEIR_MAX(weir_os_processors(), (unsigned)SLOTS_MIN));
    bool port = weir_config_is_set(local->config, "rest.port");
    return set(local, "taskmanager.numberOfTaskSlots", slots) &&
           (port || set(local, "rest.bind-port", "8081-8180")) && make_directory(local);
}

/* As a signal would: the loops may be gone already, the descriptor never is. */
static void stop_all(void)
{
    uint64_t one = 1;
    ssize_t written = write(weir_os_stop_descriptor(), &one, sizeof one);
    (void)written;
}

static void *run_taskmanager(void *argument)
{
    struct local *local = argument;
    local->taskmanager_code = taskmanager_run(local->config);
    stop_all();
    return NULL;
}

static void *run_script(void *argument)
{
    struct local *local = argument;
    char *arguments[2 * DEFINITIONS_MAX + 8];
    int count = 0;
    arguments[count++] = (char *)"-m";
    arguments[count++] = (char *)local->rest_address;
    for (uint32_t i = 0; i < local->definition_count; i++) {
        arguments[count++] = (char *)"-D";
        arguments[count++] = local->definitions[i];
    }
    arguments[count++] = (char *)local->script;
    local->client_code = client_run(count, arguments);
    stop_all();
    return NULL;
}

static void on_ready(void *owner, struct weir_control_loop *loop, const char *rest_address)
{
    struct local *local = owner;
    local->rest_address = rest_address;
    pthread_create(&local->taskmanager, NULL, run_taskmanager, local);
    if (local->script) pthread_create(&local->client, NULL, run_script, local);
}

static void tidy_up(struct local *local)
{
    struct weir_error error;
    if (local->directory.length) (void)weir_directory_remove(weir_buffer_text(&local->directory), &error);
}

static bool prepare(struct local *local, int argument_count, char **arguments, int *ret_code)
{
    *ret_code = 1;
    if (!parse(local, argument_count, arguments, ret_code)) return false;
    if (local->script && !weir_file_exists(local->script)) {
        struct weir_error error = { 0 };
        weir_error_set(&error, WEIR_E_NOT_FOUND, "the script %s does not exist", local->script);
        print_error(&error);
        return false;
    }
    local->config = load_config(local->definitions, local->definition_count, true);
    if (!local->config) return false;
    if (!weir_config_is_set(local->config, "weir.log.level"))
        weir_log_level_set(local->script ? WEIR_LOG_WARN : WEIR_LOG_INFO);
    return set_defaults(local);
}

int verb_local(int argument_count, char **arguments)
{
    struct local *local = weir_memory_allocate_zeroed(weir_os_memory(), sizeof *local);
    int code;
    local->client_code = -1;
    weir_buffer_init(&local->directory, weir_os_memory(), PATH_BYTES);
    if (!prepare(local, argument_count, arguments, &code)) {
        tidy_up(local);
        weir_config_free(local->config);
        weir_buffer_done(&local->directory);
        weir_memory_release(weir_os_memory(), local, sizeof *local);
        return code;
    }
    struct cluster_ready ready = { .call = on_ready, .owner = local };
    code = jobmanager_run(local->config, 0, NULL, &ready);
    if (!code) code = local->taskmanager_code;
    /* Interrupted, the client may have seen the REST endpoint go before it saw the signal. */
    bool interrupted = local->client_code < 0 || (local->client_code && weir_os_stop_requested());
    if (!code && local->script) code = interrupted ? EXIT_INTERRUPTED : local->client_code;
    tidy_up(local);
    fflush(NULL);
    _exit(code); /* its tasks end with it, as those of any TaskManager */
}
