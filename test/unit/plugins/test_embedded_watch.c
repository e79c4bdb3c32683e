/* Watches of the embedded HA driver: what follows one is told, however soon it comes; and who has died. */
#define _GNU_SOURCE
#include "embedded_loop.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plugins/ha/embedded/presence.h"

enum { ROUNDS = 400, QUIET_TURNS = 3000 /* some looks of the driver's */ };

static struct {
    struct loop loop;
    uint32_t changes, candidate_changes, deaths;
} watcher;

static void on_state(struct weir_ha_host *host, enum weir_ha_state state, int64_t session_timeout_us) {}

static void on_done(struct weir_ha_host *host, uint64_t request, enum weir_ha_outcome outcome,
    const struct weir_ha_entry *entries, uint32_t entry_count)
{
}

static void on_changed(struct weir_ha_host *host, const char *key)
{
    watcher.changes += strcmp(key, "leader") == 0;
    watcher.candidate_changes += strcmp(key, "candidates/jm-1") == 0;
}

static void on_died(struct weir_ha_host *host, const char *key, const uint8_t *value, size_t length)
{
    watcher.deaths++;
}

static const struct weir_ha_host host = {
    .state = on_state, .done = on_done, .changed = on_changed, .died = on_died
};

static int setup(void **state)
{
    watcher.changes = watcher.candidate_changes = watcher.deaths = 0;
    loop_open(&watcher.loop, &host);
    return 0;
}

static int teardown(void **state)
{
    loop_close(&watcher.loop);
    return 0;
}

static const char *leader(const char *version)
{
    static char path[400];
    snprintf(path, sizeof path, "%s/c/records/leader%s%s", watcher.loop.root, *version ? "/" : "", version);
    return path;
}

static bool told(void)
{
    for (uint32_t i = 0; i < TURNS_MAX && !watcher.changes; i++) {
        loop_turn(&watcher.loop);
        if (!watcher.changes) usleep(TURN_US);
    }
    return watcher.changes;
}

/* As another process would: without a lock, a worker or a pause of ours in between. */
static void put(const char *path)
{
    int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    assert_true(descriptor >= 0);
    close(descriptor);
}

static void what_follows_at_once_is_told(void **state)
{
    assert_int_equal(mkdir(leader(""), 0755), 0);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        char version[16];
        snprintf(version, sizeof version, "%u", i + 1);
        loop_turn(&watcher.loop);
        watcher.changes = 0;
        weir_ha_embedded.watch(watcher.loop.session, "leader");
        put(leader(version));
        assert_true(told());
    }
}

static void what_comes_at_once_is_told(void **state)
{
    for (uint32_t i = 0; i < ROUNDS; i++) {
        loop_turn(&watcher.loop);
        watcher.changes = 0;
        weir_ha_embedded.watch(watcher.loop.session, "leader");
        assert_int_equal(mkdir(leader(""), 0755), 0);
        assert_true(told());
        assert_int_equal(rmdir(leader("")), 0);
    }
}

/* In a container processes have other numbers: the one that has the number here is another one. The lock says
 * whether its holder lives. */
static void the_death_of_a_namesake_is_nobodys(void **state)
{
    struct embedded_presence presence = { .lock_descriptor = -1 };
    struct weir_error error = { 0 };
    char directory[400];
    snprintf(directory, sizeof directory, "%s/c/candidates", watcher.loop.root);
    pid_t namesake = fork();
    assert_true(namesake >= 0);
    if (!namesake) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) pause();
    }
    assert_int_equal(
        embedded_presence_take(&presence, directory, "jm-1", (const uint8_t *)"x", 1, &error), WEIR_HA_OK);
    atomic_store(&presence.lease->process, (uint64_t)namesake);
    atomic_store(&presence.lease->stamp_ns, embedded_boot_time_ns() + UINT64_C(3600000000000));
    for (uint32_t i = 0; i < TURNS_MAX && !watcher.candidate_changes; i++) {
        loop_turn(&watcher.loop);
        if (!watcher.candidate_changes) usleep(TURN_US);
    }
    assert_int_equal(watcher.candidate_changes, 1);
    for (uint32_t i = 0; i < QUIET_TURNS; i++) {
        if (i == QUIET_TURNS / 2) assert_int_equal(kill(namesake, SIGKILL), 0);
        loop_turn(&watcher.loop);
        usleep(TURN_US);
    }
    assert_int_equal(waitpid(namesake, NULL, 0), namesake);
    assert_int_equal(watcher.deaths, 0);
    assert_int_equal(watcher.candidate_changes, 1);
    embedded_presence_drop(&presence);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_follows_at_once_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(what_comes_at_once_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(the_death_of_a_namesake_is_nobodys, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
