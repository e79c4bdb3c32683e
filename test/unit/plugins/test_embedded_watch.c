/* Watches of the embedded HA driver: what follows one is told, however soon it comes. */
#define _GNU_SOURCE
#include "embedded_loop.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROUNDS = 400 };

static struct {
    struct loop loop;
    uint32_t changes;
} watcher;

static void on_state(struct weir_ha_host *host, enum weir_ha_state state, int64_t session_timeout_us) {}

static void on_done(struct weir_ha_host *host, uint64_t request, enum weir_ha_outcome outcome,
    const struct weir_ha_entry *entries, uint32_t entry_count)
{
}

static void on_changed(struct weir_ha_host *host, const char *key)
{
    watcher.changes += strcmp(key, "leader") == 0;
}

static void on_died(struct weir_ha_host *host, const char *key, const uint8_t *value, size_t length) {}

static const struct weir_ha_host host = {
    .state = on_state, .done = on_done, .changed = on_changed, .died = on_died
};

static int setup(void **state)
{
    watcher.changes = 0;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_follows_at_once_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(what_comes_at_once_is_told, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
