/* weir taskmanager: slots for tasks, in the foreground; log on stderr, print sinks on stdout. */
#include "cluster.h"
#include "host/faults.h"
#include "host/local_recovery.h"
#include "host/memory_sizes.h"
#include "host/metrics_server.h"
#include "host/task_runtime.h"
#include "main.h"
#include "ops/ops.h"
#include "ops/sources.h"
#include "os/local_zone.h"
#include "os/log.h"
#include "os/memory.h"
#include "os/process.h"
#include "plugins/filesystem/file/file_filesystem.h"
#include "plugins/plugins.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* Longer than it takes to send the tasks of a failed region back. */
enum { STATE_MEMORY_KEPT_MS = 10000 };

struct taskmanager {
    struct cluster_setup setup;
    char name[256];
    uint64_t incarnation;
    uint32_t slot_count;
    struct weir_data_exchange *exchange;
    struct weir_control_loop *loop;
    struct weir_task_runtime *runtime;
    struct weir_memory_sizes sizes;
    struct weir_memory network, tasks;
    struct weir_task_metrics *metrics;
    struct weir_metrics_server *metrics_server;
};

static void on_task(void *owner, const struct weir_task_effect *effect)
{
    struct taskmanager *manager = owner;
    weir_task_runtime_execute(manager->runtime, effect);
}

static void on_print(void *console, const char *bytes, size_t length, bool to_stderr)
{
    (void)write_all(to_stderr ? STDERR_FILENO : STDOUT_FILENO, bytes, length);
}

static bool set_budgets(struct taskmanager *manager)
{
    struct weir_error error = { 0 };
    if (weir_memory_sizes_taskmanager(manager->setup.config, &manager->sizes, &error)) {
        print_error(&error);
        return false;
    }
    const struct weir_memory_sizes *sizes = &manager->sizes;
    size_t most = (size_t)weir_memory_sizes_allocated_bytes_max(sizes);
    if (sizes->limited) weir_os_memory()->limit_bytes = most;
    weir_os_memory_keep_blocks(sizes->limited ? most : weir_os_physical_bytes() / 2, STATE_MEMORY_KEPT_MS);
    weir_memory_child_init(&manager->tasks, weir_os_memory(), 0);
    weir_memory_child_init(&manager->network, weir_os_memory(), (size_t)sizes->network_bytes);
    if (sizes->limited)
        weir_log(WEIR_LOG_INFO, "weir.taskmanager",
            "memory of %llu MB: %llu for tasks in %u slots, %llu for the network, %llu left aside",
            (unsigned long long)sizes->process_bytes >> 20,
            (unsigned long long)weir_memory_sizes_task_bytes(sizes) >> 20, manager->slot_count,
            (unsigned long long)sizes->network_bytes >> 20, (unsigned long long)sizes->overhead_bytes >> 20);
    return true;
}

/* As the JobManager's: only where it is asked for. */
static const char *prometheus_ports(const struct weir_config *config)
{
    bool wanted = weir_config_is_set(config, "metrics.reporter.prom.port") ||
                  weir_config_is_set(config, "metrics.reporter.prom.factory.class");
    return wanted ? weir_config_get_text(config, "metrics.reporter.prom.port", "9249") : NULL;
}

static bool open_metrics(struct taskmanager *manager, const char *host, const char *bind)
{
    struct weir_task_metrics_labels labels = { .host = host, .taskmanager = manager->name };
    manager->metrics = weir_task_metrics_new(weir_os_memory(), &labels);
    struct weir_metrics_server_config config = { .memory = weir_os_memory(),
        .metrics = manager->metrics,
        .host = host,
        .bind_address = bind,
        .taskmanager = manager->name,
        .prometheus_ports = prometheus_ports(manager->setup.config),
        .slot_count = manager->slot_count,
        .budgets = { .network = &manager->network, .tasks = &manager->tasks, .sizes = &manager->sizes } };
    weir_log_files_find(manager->setup.config, "taskmanager.log.path", &config.logs);
    struct weir_error error = { 0 };
    if (!weir_metrics_server_new(&config, &manager->metrics_server, &error)) return true;
    print_error(&error);
    return false;
}

static bool open_exchange(struct taskmanager *manager, const char *host, const char *bind)
{
    const struct weir_config *config = manager->setup.config;
    int64_t port = weir_config_get_integer(config, "taskmanager.data.port", 0);
    struct weir_data_exchange_config exchange = { .memory = &manager->network,
        .cluster = manager->setup.cluster,
        .name = manager->name,
        .incarnation = manager->incarnation,
        .host = host,
        .bind_address = bind,
        .port_first = (uint16_t)port,
        .port_last = (uint16_t)port };
    struct weir_error error = { 0 };
    if (!weir_data_exchange_new(&exchange, &manager->exchange, &error)) return true;
    print_error(&error);
    return false;
}

static bool open_loop(struct taskmanager *manager, const char *host, const char *bind)
{
    const struct weir_config *config = manager->setup.config;
    struct weir_control_loop_config loop = { .kind = WEIR_ACTOR_TASKMANAGER,
        .memory = weir_os_memory(),
        .cluster = manager->setup.cluster,
        .name = manager->name,
        .incarnation = manager->incarnation,
        .host = host,
        .bind_address = bind,
        .data_address = weir_data_exchange_address(manager->exchange),
        .rest_address = weir_metrics_server_address(manager->metrics_server),
        .slot_count = manager->slot_count,
        .options = &manager->setup.options,
        .ha = manager->setup.ha,
        .ha_directory = manager->setup.ha_directory,
        .ha_options = manager->setup.ha_options,
        .ha_option_count = manager->setup.ha_option_count,
        .filesystem = weir_faults_filesystem(&weir_file_filesystem),
        .task = on_task,
        .owner = manager,
        .stop_descriptor = weir_os_stop_descriptor() };
    struct weir_error error = { 0 };
    if (cluster_ports(weir_config_get_text(config, "taskmanager.rpc.port", "0"), &loop.port_first,
            &loop.port_last, &error) &&
        !weir_control_loop_new(&loop, &manager->loop, &error))
        return true;
    print_error(&error);
    return false;
}

static void name_manager(struct taskmanager *manager, const char *host)
{
    const char *given = weir_config_get_text(manager->setup.config, "taskmanager.resource-id", NULL);
    if (given && *given)
        snprintf(manager->name, sizeof manager->name, "%s", given);
    else
        snprintf(manager->name, sizeof manager->name, "%.200s-%ld-%06llx", host, (long)getpid(),
            (unsigned long long)(manager->incarnation & 0xffffff));
}

/* The first of a list, without its scheme. */
static const char *first_directory(struct taskmanager *manager, const char *list)
{
    list += strspn(list, " ");
    if (strncmp(list, "file:", 5) == 0) list += 5;
    while (list[0] == '/' && list[1] == '/') list++;
    size_t length = strcspn(list, ",");
    return weir_arena_copy(&manager->setup.arena, list, length);
}

static const char *local_root(struct taskmanager *manager)
{
    const struct weir_config *config = manager->setup.config;
    const char *named = weir_config_get_text(config, "execution.checkpointing.local-backup.dirs", NULL);
    if (!named || !*named) named = weir_config_get_text(config, "io.tmp.dirs", NULL);
    if (named && *named) named = first_directory(manager, named);
    if (!named && strcasecmp(manager->setup.ha->name, "embedded") == 0) named = manager->setup.ha_directory;
    if (!named) named = "/tmp";
    return weir_arena_format(&manager->setup.arena, "%s/localState/%s", named, manager->setup.cluster);
}

/* Without it everything works: restores read from storage. */
static void open_local_recovery(struct taskmanager *manager, struct weir_task_runtime_config *runtime)
{
    const struct weir_config *config = manager->setup.config;
    runtime->keeps_copies =
        weir_config_get_boolean(config, "execution.checkpointing.local-backup.enabled", false);
    runtime->restores_copies = weir_config_get_boolean(config, "execution.state-recovery.from-local", false);
    if (!runtime->keeps_copies && !runtime->restores_copies) return;
    struct weir_local_recovery_config local = { .memory = weir_os_memory(),
        .filesystem = &weir_file_filesystem,
        .root = local_root(manager),
        .owner = manager->name };
    struct weir_error error = { 0 };
    if (!weir_local_recovery_new(&local, &runtime->local_recovery, &error)) return;
    weir_log(WEIR_LOG_WARN, "weir.taskmanager", "No local copies of snapshots are kept: %s", error.message);
    runtime->keeps_copies = runtime->restores_copies = false;
}

static int run(struct taskmanager *manager)
{
    const struct weir_config *config = manager->setup.config;
    const char *host = cluster_address(weir_config_get_text(config, "taskmanager.host", NULL), "127.0.0.1");
    const char *bind =
        cluster_bind_address(weir_config_get_text(config, "taskmanager.bind-host", NULL), host);
    manager->incarnation = cluster_incarnation();
    manager->slot_count =
        (uint32_t)WEIR_MAX(weir_config_get_integer(config, "taskmanager.numberOfTaskSlots", 1), (int64_t)1);
    name_manager(manager, host);
    if (!set_budgets(manager)) return 1;
    if (!open_metrics(manager, host, bind) || !open_exchange(manager, host, bind) ||
        !open_loop(manager, host, bind))
        return 1;
    struct weir_task_runtime_config runtime = { .memory = weir_os_memory(),
        .loop = manager->loop,
        .exchange = manager->exchange,
        .name = manager->name,
        .incarnation = manager->incarnation,
        .slot_count = manager->slot_count,
        .network_memory = &manager->network,
        .task_memory = &manager->tasks,
        .metrics = manager->metrics,
        .managed_bytes_per_slot =
            (size_t)(weir_memory_sizes_task_bytes(&manager->sizes) / manager->slot_count),
        .memory_key = manager->sizes.key,
        .filesystem = weir_faults_filesystem(&weir_file_filesystem),
        .connectors = &weir_plugins,
        .find_operator = weir_operator_ops_find,
        .find_source = weir_operator_source_find,
        .write_stdout = on_print };
    open_local_recovery(manager, &runtime);
    struct weir_error error = { 0 };
    manager->runtime = weir_task_runtime_new(&runtime, &error);
    if (!manager->runtime) return print_error(&error);
    weir_log(WEIR_LOG_INFO, "weir.taskmanager", "TaskManager '%s' of cluster '%s' with %u slots; data on %s",
        manager->name, manager->setup.cluster, manager->slot_count,
        weir_data_exchange_address(manager->exchange));
    return weir_control_loop_run(manager->loop);
}

/* What it holds stays as long as the process: its slot threads work to the end. */
int taskmanager_run(const struct weir_config *config)
{
    struct taskmanager *manager = weir_memory_allocate_zeroed(weir_os_memory(), sizeof *manager);
    return cluster_setup_init(&manager->setup, config) ? run(manager) : 1;
}

int verb_taskmanager(int argument_count, char **arguments)
{
    int code;
    struct weir_config *config = cluster_config("taskmanager", argument_count, arguments, &code);
    if (!config) return code;
    code = taskmanager_run(config);
    /* Tasks end with the process: whoever takes them over starts from a completed checkpoint in any case, and
     * nothing that they would tidy up may be touched after their leader was told that they are gone. */
    fflush(NULL);
    _exit(code);
}
