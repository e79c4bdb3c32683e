/* weir jobmanager: a candidate for leadership, in the foreground; log on stderr. */
#include "cluster.h"
#include "host/faults.h"
#include "host/memory_sizes.h"
#include "host/rest_server.h"
#include "main.h"
#include "store_reader.h"
#include "os/log.h"
#include "os/memory.h"
#include "os/process.h"
#include "plugins/filesystem/file/file_filesystem.h"
#include "workers.h"
#include <stdio.h>
#include <string.h>

static bool set_budget(const struct weir_config *config)
{
    struct weir_memory_sizes sizes;
    struct weir_error error = { 0 };
    if (weir_memory_sizes_jobmanager(config, &sizes, &error)) {
        print_error(&error);
        return false;
    }
    if (sizes.limited) weir_os_memory()->limit_bytes = (size_t)weir_memory_sizes_allocated_bytes_max(&sizes);
    return true;
}

static bool fill_config(struct cluster_setup *setup, struct weir_control_loop_config *loop)
{
    const struct weir_config *config = setup->config;
    const char *address = weir_config_get_text(config, "jobmanager.rpc.address", NULL);
    /* With ZooKeeper the port is the HA one's, as in Flink, whose configurations name jobmanager.rpc.port for
     * all JobManagers of a host. Else an explicit one is obeyed: others may ask for it. */
    bool fixed =
        weir_config_is_set(config, "jobmanager.rpc.port") && strcmp(setup->ha->name, "zookeeper") != 0;
    char rpc_port[16];
    snprintf(rpc_port, sizeof rpc_port, "%lld",
        (long long)weir_config_get_integer(config, "jobmanager.rpc.port", 6123));
    const char *ports =
        fixed ? rpc_port : weir_config_get_text(config, "high-availability.jobmanager.port", "0");
    *loop = (struct weir_control_loop_config){ .kind = WEIR_ACTOR_JOBMANAGER,
        .memory = weir_os_memory(),
        .cluster = setup->cluster,
        .host = cluster_address(address, "127.0.0.1"),
        .bind_address = cluster_bind_address(weir_config_get_text(config, "jobmanager.bind-host", NULL),
            cluster_address(address, "127.0.0.1")),
        .options = &setup->options,
        .ha = setup->ha,
        .ha_directory = setup->ha_directory,
        .ha_options = setup->ha_options,
        .ha_option_count = setup->ha_option_count,
        .filesystem = weir_faults_filesystem(&weir_file_filesystem),
        .stop_descriptor = weir_os_stop_descriptor() };
    struct weir_error error = { 0 };
    if (cluster_ports(ports, &loop->port_first, &loop->port_last, &error)) return true;
    print_error(&error);
    return false;
}

/* rest.address may be a client's list of JobManagers: nothing to be reached at by itself. */
static bool start_rest(struct cluster_setup *setup, const char *host, struct weir_rest_server **ret)
{
    const struct weir_config *config = setup->config;
    const char *address = weir_config_get_text(config, "rest.address", NULL);
    if (address && strchr(address, ',')) address = NULL;
    char port[16];
    snprintf(port, sizeof port, "%lld", (long long)weir_config_get_integer(config, "rest.port", 8081));
    const char *ports = weir_config_is_set(config, "rest.bind-port")
                            ? weir_config_get_text(config, "rest.bind-port", port)
                            : port;
    struct weir_rest_server_config rest = { .memory = weir_os_memory(),
        .bind_address = cluster_bind_address(
            weir_config_get_text(config, "rest.bind-address", NULL), cluster_address(address, host)),
        .host = cluster_address(address, host),
        .config = config,
        .version = WEIR_VERSION,
        .checkpoint_directory = weir_arena_format(&setup->arena, "%s/checkpoints", setup->storage_directory),
        .filesystem = weir_faults_filesystem(&weir_file_filesystem) };
    struct weir_error error = { 0 };
    if (cluster_ports(ports, &rest.port_first, &rest.port_last, &error) &&
        !weir_rest_server_new(&rest, ret, &error))
        return true;
    print_error(&error);
    return false;
}

static void set_application(struct cluster_setup *setup)
{
    const char *job = weir_config_get_text(setup->config, "$internal.pipeline.job-id", "");
    setup->options.application_mode = true;
    setup->options.outlives_application =
        !weir_config_get_boolean(setup->config, "execution.shutdown-on-application-finish", true);
    (void)weir_job_id_parse(job, &setup->options.application); /* else the cluster chooses */
}

static int run(
    struct cluster_setup *setup, int argument_count, char **arguments, const struct cluster_ready *ready)
{
    struct weir_control_loop_config config;
    struct weir_rest_server *rest = NULL;
    struct workers workers;
    struct weir_error storage = { 0 };
    if (ready->application) set_application(setup);
    if (!store_reader_storage_agrees(setup, &storage)) return print_error(&storage);
    if (!set_budget(setup->config) || !workers_configure(&workers, setup) || !fill_config(setup, &config) ||
        !start_rest(setup, config.host, &rest))
        return 1;
    config.rest_address = weir_rest_server_address(rest);
    config.worker = workers_on_effect;
    config.owner = &workers;
    if (setup->unprotected)
        weir_log(WEIR_LOG_WARN, "weir.jobmanager",
            "high-availability.type is NONE: when this process ends, its jobs are forgotten");
    struct weir_error error = { 0 };
    struct weir_control_loop *loop;
    if (weir_control_loop_new(&config, &loop, &error)) {
        weir_rest_server_stop(rest);
        weir_rest_server_free(rest);
        return print_error(&error);
    }
    weir_rest_server_attach(rest, loop);
    weir_log(WEIR_LOG_INFO, "weir.jobmanager", "JobManager of cluster '%s' listens on %s; HA: %s in %s",
        setup->cluster, weir_control_loop_rpc_address(loop), setup->ha->name, setup->ha_directory);
    weir_log(WEIR_LOG_INFO, "weir.jobmanager", "REST endpoint at http://%s", config.rest_address);
    if (ready->call) ready->call(ready->owner, loop, config.rest_address);
    int code =
        workers_open(&workers, loop, setup, argument_count, arguments) ? weir_control_loop_run(loop) : 1;
    weir_rest_server_stop(rest);
    workers_close(&workers);
    weir_control_loop_free(loop);
    weir_rest_server_free(rest);
    return code;
}

int jobmanager_run(
    const struct weir_config *config, int argument_count, char **arguments, const struct cluster_ready *ready)
{
    struct cluster_setup setup;
    int code = cluster_setup_init(&setup, config) ? run(&setup, argument_count, arguments, ready) : 1;
    cluster_setup_done(&setup);
    return code;
}

int verb_jobmanager(int argument_count, char **arguments)
{
    int code;
    struct weir_config *config = cluster_config("jobmanager", argument_count, arguments, &code);
    if (!config) return code;
    code = jobmanager_run(config, argument_count, arguments, &(struct cluster_ready){ .call = NULL });
    weir_config_free(config);
    return code;
}
