/* Watches of the embedded HA driver: what follows one is told, however soon it comes. */
#define _GNU_SOURCE
#include "support/cmocka_all.h"
#include "support/memory.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/file.h"
#include "spi/high_availability.h"

extern const struct weir_ha_driver weir_ha_embedded;

enum { ROUNDS = 400, TURNS_MAX = 100000, TURN_US = 200 };

struct posted {
    struct posted *next;
    void (*call)(void *argument);
    void *argument;
};

/* A loop that is turned by the test. */
struct loop {
    struct weir_ha_host host;
    struct weir_ha_session *session;
    pthread_mutex_t mutex;
    struct posted *first, **last;
    uint32_t changes;
    char root[256];
};

static void loop_post(struct weir_ha_host *host, void (*call)(void *argument), void *argument)
{
    struct loop *loop = host->owner;
    struct posted *posted = malloc(sizeof *posted);
    assert_non_null(posted);
    *posted = (struct posted){ .call = call, .argument = argument };
    pthread_mutex_lock(&loop->mutex);
    *loop->last = posted;
    loop->last = &posted->next;
    pthread_mutex_unlock(&loop->mutex);
}

static void loop_turn(struct loop *loop)
{
    pthread_mutex_lock(&loop->mutex);
    struct posted *posted = loop->first, *next;
    loop->first = NULL;
    loop->last = &loop->first;
    pthread_mutex_unlock(&loop->mutex);
    for (; posted; posted = next) {
        next = posted->next;
        posted->call(posted->argument);
        free(posted);
    }
}

static void on_state(struct weir_ha_host *host, enum weir_ha_state state, int64_t session_timeout_us) {}

static void on_done(struct weir_ha_host *host, uint64_t request, enum weir_ha_outcome outcome,
    const struct weir_ha_entry *entries, uint32_t entry_count)
{
}

static void on_changed(struct weir_ha_host *host, const char *key)
{
    struct loop *loop = host->owner;
    loop->changes += strcmp(key, "leader") == 0;
}

static void on_died(struct weir_ha_host *host, const char *key, const uint8_t *value, size_t length) {}

static int setup(void **state)
{
    static struct loop loop;
    loop = (struct loop){ .host = { &loop, loop_post, on_state, on_done, on_changed, on_died },
        .mutex = PTHREAD_MUTEX_INITIALIZER };
    loop.last = &loop.first;
    snprintf(loop.root, sizeof loop.root, "%.200s/weir-watch-XXXXXX",
        getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    assert_non_null(mkdtemp(loop.root));
    struct weir_ha_config config = {
        .memory = weir_test_memory_shared(), .host = &loop.host, .cluster = "c", .directory = loop.root
    };
    struct weir_error error = { 0 };
    assert_int_equal(weir_ha_embedded.open(&config, &loop.session, &error), WEIR_OK);
    *state = &loop;
    return 0;
}

static int teardown(void **state)
{
    struct loop *loop = *state;
    weir_ha_embedded.close(loop->session);
    loop_turn(loop);
    assert_int_equal(weir_directory_remove(loop->root, NULL), WEIR_OK);
    return 0;
}

static const char *leader(const struct loop *loop, const char *version)
{
    static char path[400];
    snprintf(path, sizeof path, "%s/c/records/leader%s%s", loop->root, *version ? "/" : "", version);
    return path;
}

static bool told(struct loop *loop)
{
    for (uint32_t i = 0; i < TURNS_MAX && !loop->changes; i++) {
        loop_turn(loop);
        if (!loop->changes) usleep(TURN_US);
    }
    return loop->changes;
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
    struct loop *loop = *state;
    assert_int_equal(mkdir(leader(loop, ""), 0755), 0);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        char version[16];
        snprintf(version, sizeof version, "%u", i + 1);
        loop_turn(loop);
        loop->changes = 0;
        weir_ha_embedded.watch(loop->session, "leader");
        put(leader(loop, version));
        assert_true(told(loop));
    }
}

static void what_comes_at_once_is_told(void **state)
{
    struct loop *loop = *state;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        loop_turn(loop);
        loop->changes = 0;
        weir_ha_embedded.watch(loop->session, "leader");
        assert_int_equal(mkdir(leader(loop, ""), 0755), 0);
        assert_true(told(loop));
        assert_int_equal(rmdir(leader(loop, "")), 0);
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
