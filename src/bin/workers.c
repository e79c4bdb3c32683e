#include "workers.h"
#include "main.h"
#include "os/log.h"
#include "os/memory.h"
#include <stdlib.h>

extern const struct weir_resource_driver weir_resource_local;

static void on_ended(void *owner, const char *name)
{
    struct workers *workers = owner;
    weir_control_loop_worker_ended(workers->loop, name);
}

void workers_on_effect(void *owner, const char *name, bool start)
{
    struct workers *workers = owner;
    if (start)
        workers->driver->start(workers->session, name);
    else
        workers->driver->stop(workers->session, name);
}

bool workers_configure(struct workers *workers, struct cluster_setup *setup)
{
    const struct weir_config *config = setup->config;
    int64_t wanted = weir_config_get_integer(config, "resourcemanager.local.taskmanagers", 0);
    int64_t slots = weir_config_get_integer(config, "slotmanager.number-of-slots.min", 0);
    if (wanted < 0 || wanted > WORKERS_MAX) {
        struct weir_error error = { 0 };
        weir_error_set(&error, WEIR_E_CONFIGURATION,
            "resourcemanager.local.taskmanagers: %lld is not possible, expected 0 to %d", (long long)wanted,
            WORKERS_MAX);
        print_error(&error);
        return false;
    }
    *workers = (struct workers){ .driver = wanted ? &weir_resource_local : NULL };
    setup->options.workers_wanted_max = (uint32_t)wanted;
    setup->options.slots_wanted_min =
        (uint32_t)WEIR_MIN(WEIR_MAX(slots, (int64_t)0), wanted * (int64_t)setup->options.slots_per_worker);
    setup->options.worker_recovery_us =
        1000 *
        (weir_config_is_set(config, "resourcemanager.previous-worker.recovery.timeout")
                ? weir_config_get_duration_ms(config, "resourcemanager.previous-worker.recovery.timeout", 0)
                : RECOVERY_MS);
    return true;
}

static const char *log_directory(const struct weir_config *config)
{
    const char *directory = getenv("WEIR_LOG_DIR");
    if (!directory || !*directory) directory = getenv("FLINK_LOG_DIR");
    if (!directory || !*directory) directory = weir_config_get_text(config, "env.log.dir", NULL);
    return directory && *directory ? directory : NULL;
}

bool workers_open(struct workers *workers, struct weir_control_loop *loop, struct cluster_setup *setup,
    int argument_count, char **arguments)
{
    if (!workers->driver) return true;
    /* The ports of one TaskManager are not those of several. */
    static const char *const last[] = { "-Dtaskmanager.rpc.port=0", "-Dtaskmanager.data.port=0" };
    uint32_t count = 0, fixed = WEIR_ARRAY_COUNT(last);
    const char **all = WEIR_ARENA_ARRAY(&setup->arena, const char *, (size_t)argument_count + fixed + 1);
    all[count++] = "taskmanager";
    for (int i = 0; i < argument_count; i++) all[count++] = arguments[i];
    for (uint32_t i = 0; i < fixed; i++) all[count++] = last[i];
    workers->loop = loop;
    struct weir_resource_config config = { .memory = weir_os_memory(),
        .arguments = all,
        .argument_count = count,
        .log_directory = log_directory(setup->config),
        .pid_file = getenv("WEIR_WORKER_PIDS"),
        .ended = on_ended,
        .owner = workers };
    struct weir_error error = { 0 };
    if (!workers->driver->open(&config, &workers->session, &error)) {
        weir_log(WEIR_LOG_INFO, "weir.jobmanager",
            "up to %u TaskManagers are started here for jobs that lack slots",
            setup->options.workers_wanted_max);
        return true;
    }
    print_error(&error);
    return false;
}

void workers_close(struct workers *workers)
{
    if (workers->session) workers->driver->close(workers->session);
}
