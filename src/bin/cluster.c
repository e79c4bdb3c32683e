#include "cluster.h"
#include "host/faults.h"
#include "main.h"
#include "os/clock.h"
#include "os/fault.h"
#include "os/file.h"
#include "os/log.h"
#include "os/memory.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <unistd.h>

extern const struct weir_ha_driver weir_ha_embedded, weir_ha_zookeeper;
static const struct weir_ha_driver *const drivers[] = { &weir_ha_embedded, &weir_ha_zookeeper };

enum {
    JOBS_MAX = 100000,
    TOMBSTONES_MAX = 100000,
    SECOND_US = 1000000,
    PATH_BYTES = 4096,
    STORAGE_BYTES_MAX = 2048
};

const char *cluster_address(const char *text, const char *otherwise)
{
    if (!text || !*text) return otherwise;
    return strcmp(text, "localhost") == 0 ? "127.0.0.1" : text;
}

const char *cluster_bind_address(const char *configured, const char *host)
{
    struct in_addr address;
    return cluster_address(configured, inet_pton(AF_INET, host, &address) == 1 ? host : "0.0.0.0");
}

bool cluster_ports(const char *text, uint16_t *ret_first, uint16_t *ret_last, struct weir_error *reterr)
{
    char *end;
    unsigned long first = strtoul(text, &end, 10), last = first;
    if (end != text && *end == '-') {
        const char *second = end + 1;
        last = strtoul(second, &end, 10);
        if (end == second) end = (char *)"?";
    }
    if (end == text || *end || first > 65535 || last > 65535 || last < first) {
        weir_error_set(reterr, WEIR_E_CONFIGURATION,
            "'%s' is no port: expected a number up to 65535, or a range like 50000-50025", text);
        return false;
    }
    *ret_first = (uint16_t)first;
    *ret_last = (uint16_t)last;
    return true;
}

uint64_t cluster_incarnation(void)
{
    uint64_t number = 0;
    while (!number)
        if (getrandom(&number, sizeof number, 0) != sizeof number) number = (uint64_t)weir_clock_epoch_us();
    return number;
}

/* Sockets are IPv4's: said before one of them fails in words of its own, or an address goes out that nobody
 * can dial. */
static bool check_addresses(const struct weir_config *config)
{
    static const char *const keys[] = { "jobmanager.rpc.address", "jobmanager.bind-host", "rest.address",
        "rest.bind-address", "taskmanager.host", "taskmanager.bind-host" };
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(keys); i++) {
        const char *text = weir_config_get_text(config, keys[i], "");
        const char *colon = strchr(text, ':');
        if (text[0] != '[' && (!colon || strchr(text, ',') || !strchr(colon + 1, ':'))) continue;
        struct weir_error error = { 0 };
        weir_error_set(&error, WEIR_E_UNSUPPORTED,
            "%s: '%s': addresses of IPv6 are not implemented; expected one of IPv4, or a host's name",
            keys[i], text);
        print_error(&error);
        return false;
    }
    return true;
}

struct weir_config *cluster_config(const char *verb, int argument_count, char **arguments, int *ret_code)
{
    char *definitions[DEFINITIONS_MAX];
    uint32_t count = 0;
    for (int i = 0; i < argument_count; i++) {
        const char *argument = arguments[i];
        if (strcmp(argument, "-h") == 0 || strcmp(argument, "--help") == 0) {
            printf("usage: %s\n", verb_usage(verb));
            *ret_code = 0;
            return NULL;
        }
        const char *value = strncmp(argument, "-D", 2) == 0 ? argument + 2 : NULL;
        if (value && !*value) value = i + 1 < argument_count ? arguments[++i] : NULL;
        if (!value || count == DEFINITIONS_MAX) {
            *ret_code = usage_error(verb, "'%s' is not understood; expected -D KEY=VALUE", argument);
            return NULL;
        }
        definitions[count++] = (char *)value;
    }
    struct weir_config *config = load_config(definitions, count, true);
    *ret_code = 1;
    if (config && !check_addresses(config)) {
        weir_config_free(config);
        return NULL;
    }
    if (config && !weir_config_is_set(config, "weir.log.level")) weir_log_level_set(WEIR_LOG_INFO);
    return config;
}

static int64_t leaderless_grace_us(const struct weir_config *config)
{
    return weir_config_is_set(config, "weir.taskmanager.leaderless-grace")
               ? weir_config_get_duration_ms(config, "weir.taskmanager.leaderless-grace", 0) * 1000
               : INT64_MAX;
}

static uint32_t rescales_remembered(const struct weir_config *config)
{
    int64_t size = weir_config_get_integer(config, "web.adaptive-scheduler.rescale-history.size", 0);
    return (uint32_t)WEIR_MIN(WEIR_MAX(size, (int64_t)0), (int64_t)WEIR_RESCALES_REMEMBERED_MAX);
}

static void set_defaults(struct cluster_setup *setup)
{
    const struct weir_config *config = setup->config;
    int64_t timeout_ms = weir_config_is_set(config, "heartbeat.timeout")
                             ? weir_config_get_duration_ms(config, "heartbeat.timeout", 50000)
                             : 5000; /* leaders beat ten times a second: Flink's 50 s would be a long wait */
    setup->options = (struct weir_control_options){ .heartbeat_interval_us = SECOND_US / 10,
        .heartbeat_timeout_us = timeout_ms * 1000,
        .leader_silence_us = SECOND_US / 2,
        .reattach_timeout_us =
            weir_config_get_duration_ms(config, "weir.jobmanager.reattach-timeout", 10000) * 1000,
        .leaderless_grace_us = leaderless_grace_us(config),
        .leader_search_us =
            weir_config_get_duration_ms(config, "taskmanager.registration.timeout", 300000) * 1000,
        .registration_timeout_us =
            weir_config_get_duration_ms(config, "taskmanager.registration.timeout", 300000) * 1000,
        .store_poll_us = SECOND_US,
        .suspicion_hold_off_us = 10 * SECOND_US,
        .tombstone_us = INT64_C(3600) * SECOND_US,
        .sweep_interval_us =
            weir_config_get_duration_ms(config, "weir.jobmanager.sweep-interval", 60000) * 1000,
        .slot_request_timeout_us = weir_config_get_duration_ms(config, "slot.request.timeout", 300000) * 1000,
        .idle_taskmanager_us =
            weir_config_get_duration_ms(config, "resourcemanager.taskmanager-timeout", 30000) * 1000,
        .rescales_remembered = rescales_remembered(config),
        .jobs_max = JOBS_MAX,
        .tombstones_max = TOMBSTONES_MAX,
        .slots_per_worker = (uint32_t)weir_config_get_integer(config, "taskmanager.numberOfTaskSlots", 1),
        .storage_directory = setup->storage_directory };
}

/* <installation>/var/ha. */
static const char *default_directory(struct weir_arena *arena)
{
    char program[PATH_BYTES];
    if (!weir_os_program_directory(program, sizeof program)) return "/var/lib/weir/ha";
    char *slash = strrchr(program, '/');
    if (slash) *slash = '\0';
    return weir_arena_format(arena, "%s/var/ha", program);
}

static bool choose_driver(struct cluster_setup *setup)
{
    const char *type = weir_config_get_text(setup->config, "high-availability.type", "NONE");
    bool is_set = weir_config_is_set(setup->config, "high-availability.type");
    if (!is_set) type = "embedded";
    setup->unprotected = strcasecmp(type, "NONE") == 0;
    if (setup->unprotected) type = "embedded";
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(drivers); i++)
        if (strcasecmp(drivers[i]->name, type) == 0) setup->ha = drivers[i];
    if (setup->ha) return true;
    struct weir_error error = { 0 };
    weir_error_set(&error, WEIR_E_UNSUPPORTED,
        "high-availability.type: %s is not implemented; this build has embedded (one host, no server), "
        "zookeeper and NONE",
        type);
    print_error(&error);
    return false;
}

static void copy_options(struct cluster_setup *setup)
{
    setup->ha_options =
        WEIR_ARENA_ARRAY(&setup->arena, struct weir_option_value, setup->ha->option_count + 1);
    for (uint32_t i = 0; i < setup->ha->option_count; i++) {
        const struct weir_option_definition *option = &setup->ha->options[i];
        if (!weir_config_is_set(setup->config, option->key)) continue;
        const char *value = weir_config_get_text(setup->config, option->key, "");
        if (strcmp(option->type, "Duration") == 0)
            value = weir_arena_format(
                &setup->arena, "%lld", (long long)weir_config_get_duration_ms(setup->config, option->key, 0));
        setup->ha_options[setup->ha_option_count++] = (struct weir_option_value){ option->key, value };
    }
}

/* A directory of another file system would become one of that name on this disk. */
static bool check_directories(const struct weir_config *config)
{
    static const char *const keys[] = { "high-availability.storageDir", "execution.checkpointing.dir",
        "execution.checkpointing.savepoint-dir" };
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(keys); i++) {
        const char *path = weir_config_get_text(config, keys[i], "");
        const char *colon = strstr(path, "://");
        if (!colon || strncmp(path, "file://", 7) == 0) continue;
        struct weir_error error = { 0 };
        weir_error_set(&error, WEIR_E_UNSUPPORTED,
            "%s: the file system of %s is not implemented: %.*s; this build has file", keys[i], path,
            (int)(colon - path), path);
        print_error(&error);
        return false;
    }
    return true;
}

/* Both become names of folders, and what lies below them and is named by nobody is swept. */
static bool check_names(const char *storage, const char *cluster)
{
    struct weir_error error = { 0 };
    for (const char *part = cluster; *part; part += strcspn(part, "/"), part += *part == '/') {
        size_t length = strcspn(part, "/");
        if (length && !(length <= 2 && strncmp(part, "..", length) == 0)) continue;
        weir_error_set(&error, WEIR_E_CONFIGURATION,
            "high-availability.cluster-id: '%s' cannot be the name of a folder: expected parts that are not "
            "empty, '.' or '..'",
            cluster);
    }
    if (strlen(storage) > STORAGE_BYTES_MAX)
        weir_error_set(&error, WEIR_E_CONFIGURATION,
            "high-availability.storageDir: the path has %zu bytes, expected at most %d", strlen(storage),
            STORAGE_BYTES_MAX);
    if (error.message[0]) print_error(&error);
    return !error.message[0];
}

/* "/x/" is "/x": two JobManagers may spell the same folder as they like. */
static const char *without_last_slashes(struct weir_arena *arena, const char *path)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') length--;
    return weir_arena_copy(arena, path, length);
}

bool cluster_setup_init(struct cluster_setup *setup, const struct weir_config *config)
{
    *setup = (struct cluster_setup){ .config = config };
    weir_arena_init(&setup->arena, weir_os_memory());
    struct weir_error error = { 0 };
    if (weir_fault_init(getenv("WEIR_FAULT"), &error)) {
        print_error(&error);
        return false;
    }
    if (!choose_driver(setup) || !check_directories(config)) return false;
    setup->ha = weir_faults_ha(setup->ha);
    const char *cluster = weir_config_get_text(config, "high-availability.cluster-id", "/default");
    while (*cluster == '/') cluster++;
    setup->cluster = without_last_slashes(&setup->arena, *cluster ? cluster : "default");
    const char *storage = weir_config_get_text(config, "high-availability.storageDir", NULL);
    if (!storage || !*storage) storage = default_directory(&setup->arena);
    if (!check_names(storage, setup->cluster)) return false;
    storage = without_last_slashes(&setup->arena, storage);
    if (setup->unprotected) /* nobody else is to find it */
        storage = weir_arena_format(&setup->arena, "%s/none-%ld", storage, (long)getpid());
    setup->storage_directory = weir_arena_format(&setup->arena, "%s/%s", storage, setup->cluster);
    const char *plain = strncmp(storage, "file:", 5) == 0 ? storage + 5 : storage;
    while (plain[0] == '/' && plain[1] == '/') plain++;
    setup->ha_directory = plain;
    copy_options(setup);
    set_defaults(setup);
    return true;
}

void cluster_setup_done(struct cluster_setup *setup)
{
    weir_arena_done(&setup->arena);
}
