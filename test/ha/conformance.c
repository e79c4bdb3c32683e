/*
 * The conformance suite of HA drivers: ha_conformance [DRIVER [CASE]]. Every case runs for every driver, in a
 * cluster of its own; those that need what a driver says it does not have (transactions, servers) are left
 * out. A driver whose servers cannot be started here has failed all of them.
 */
#include "harness.h"
#include "os/clock.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Nobody loses it by accident, on a loaded machine. */
#define SESSION_MS "5000"

static uint32_t passed, failed;

static void heal(struct world *world)
{
    char line[32];
    for (uint32_t i = 1; i <= world->server_count; i++) {
        snprintf(line, sizeof line, "start %u", i);
        servers_obey(world, line);
        snprintf(line, sizeof line, "resume %u", i);
        servers_obey(world, line);
    }
    if (world->server_count) servers_obey(world, "wait");
}

/* A server that nobody has touched was silent for longer than its clients wait: ZooKeeper 3.8.0 can lose the
 * wake-up of a commit (ZOOKEEPER-4537). What the case found then says nothing of the driver. */
static bool was_silent(const struct world *world)
{
    bool suspended = false;
    for (uint32_t i = 0; i < world->client_count; i++)
        for (uint32_t k = 0; world->clients[i] && k < world->clients[i]->state_count; k++)
            suspended |= world->clients[i]->states[k] == WEIR_HA_SUSPENDED;
    return world->server_count && suspended && !world->hurt;
}

static void run_case(struct world *world, const struct ha_case *one, const char *wanted)
{
    enum { RUNS_MAX = 3 };
    static uint32_t number;
    if (wanted && strcmp(wanted, one->name) != 0) return;
    if (one->needs_transactions && !world->driver->transactions) return;
    if (one->needs_servers && !world->server_count) return;
    int64_t began_ms = weir_clock_monotonic_ms();
    bool again = true;
    for (uint32_t run = 0; again && run < RUNS_MAX; run++) {
        snprintf(world->cluster, sizeof world->cluster, "c%u", ++number);
        world->failed = world->hurt = false;
        one->run(world);
        again = world->failed && was_silent(world);
        world_close_clients(world);
        if (one->needs_servers) heal(world);
        if (again) printf("%s: a server was silent that nobody had touched: again\n", one->name);
    }
    printf("%s %s: %s (%lld ms)\n", world->failed ? "FAILED" : "ok", world->driver->name, one->name,
        (long long)(weir_clock_monotonic_ms() - began_ms));
    fflush(stdout);
    world->failed ? failed++ : passed++;
}

static uint32_t case_count(const char *wanted)
{
    return wanted ? 1 : contract_case_count + fault_case_count;
}

static void run_driver(const struct weir_ha_driver *driver, const char *directory, const char *wanted)
{
    struct world world = { .driver = driver };
    snprintf(world.directory, sizeof world.directory, "%.300s/%.32s", directory, driver->name);
    if (strcmp(driver->name, "zookeeper") == 0) {
        char problem[512], servers[512];
        snprintf(servers, sizeof servers, "%.300s/servers", directory);
        if (!servers_start(
                &world, WEIR_TEST_SOURCE_DIRECTORY "/test/ha/zookeeper_servers.py", servers, problem)) {
            printf("FAILED zookeeper: %s: %u cases could not run\n", problem, case_count(wanted));
            failed += case_count(wanted);
            return;
        }
        world.options[world.option_count++] =
            (struct weir_option_value){ "high-availability.zookeeper.quorum", world.quorum };
        world.options[world.option_count++] =
            (struct weir_option_value){ "high-availability.zookeeper.client.session-timeout", SESSION_MS };
    } else {
        world.options[world.option_count++] =
            (struct weir_option_value){ "high-availability.embedded.lease", SESSION_MS };
    }
    for (uint32_t i = 0; i < contract_case_count; i++) run_case(&world, &contract_cases[i], wanted);
    for (uint32_t i = 0; i < fault_case_count; i++) run_case(&world, &fault_cases[i], wanted);
    servers_stop(&world);
}

int main(int argument_count, char **arguments)
{
    signal(SIGPIPE, SIG_IGN);
    if (argument_count > 6 && strcmp(arguments[1], "--hold") == 0)
        return holder_main(argument_count, arguments);
    const char *driver = argument_count > 1 ? arguments[1] : NULL;
    const char *wanted = argument_count > 2 ? arguments[2] : NULL;
    const char *base = getenv("TMPDIR");
    char directory[256], command[300];
    snprintf(directory, sizeof directory, "%.200s/weir-ha-XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(directory)) return 1;
    for (uint32_t i = 0; i < all_driver_count; i++)
        if (!driver || strcmp(driver, all_drivers[i]->name) == 0)
            run_driver(all_drivers[i], directory, wanted);
    snprintf(command, sizeof command, "rm -rf '%s'", directory);
    if (system(command) != 0) fprintf(stderr, "%s is left over\n", directory);
    printf("%u passed, %u failed\n", passed, failed);
    return failed > 0 || !passed;
}
