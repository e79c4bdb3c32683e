/* Relaxed writes of the embedded HA driver: answered first, synced in the end, nobody waits for them. */
#define _GNU_SOURCE
#include "support/cmocka_all.h"
#include "support/memory.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/file.h"
#include "spi/high_availability.h"

extern const struct weir_ha_driver weir_ha_embedded;

enum { RECORDS = 300, TURNS_MAX = 100000, TURN_US = 200, BEAT_TURNS = 100 };

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
    uint32_t answers, turns;
    uint64_t versions[RECORDS + 1];
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
    if (loop->turns++ % BEAT_TURNS == 0) weir_ha_embedded.beat(loop->session);
    usleep(TURN_US);
}

static void on_state(struct weir_ha_host *host, enum weir_ha_state state, int64_t session_timeout_us) {}

static void on_done(struct weir_ha_host *host, uint64_t request, enum weir_ha_outcome outcome,
    const struct weir_ha_entry *entries, uint32_t entry_count)
{
    struct loop *loop = host->owner;
    assert_int_equal(outcome, WEIR_HA_OK);
    assert_int_equal(entry_count, 1);
    assert_true(request <= RECORDS);
    loop->versions[request] = entries[0].version;
    loop->answers++;
}

static void on_changed(struct weir_ha_host *host, const char *key) {}

static void on_died(struct weir_ha_host *host, const char *key, const uint8_t *value, size_t length) {}

static struct loop *loop_open(void)
{
    static struct loop loop;
    loop = (struct loop){ .host = { &loop, loop_post, on_state, on_done, on_changed, on_died },
        .mutex = PTHREAD_MUTEX_INITIALIZER };
    loop.last = &loop.first;
    snprintf(
        loop.root, sizeof loop.root, "%.200s/weir-late-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    assert_non_null(mkdtemp(loop.root));
    struct weir_ha_config config = {
        .memory = weir_test_memory_shared(), .host = &loop.host, .cluster = "c", .directory = loop.root
    };
    struct weir_error error = { 0 };
    assert_int_equal(weir_ha_embedded.open(&config, &loop.session, &error), WEIR_OK);
    return &loop;
}

static void loop_close(struct loop *loop)
{
    weir_ha_embedded.close(loop->session);
    for (struct posted *posted = loop->first, *next; posted; posted = next) {
        next = posted->next;
        posted->call(posted->argument);
        free(posted);
    }
    assert_int_equal(weir_directory_remove(loop->root, NULL), WEIR_OK);
}

/* Every record at once, as a new leader does; until all are answered. */
static void write_all(struct loop *loop, enum weir_ha_operation_kind kind, bool relaxed)
{
    loop->answers = 0;
    for (uint32_t i = 1; i <= RECORDS; i++) {
        char key[32];
        snprintf(key, sizeof key, "jobs/%u", i);
        struct weir_ha_operation operation = { .kind = kind,
            .key = key,
            .version = loop->versions[i],
            .value = (const uint8_t *)"value",
            .length = 5,
            .relaxed = relaxed };
        weir_ha_embedded.submit(loop->session, i, &operation, 1);
    }
    for (uint32_t i = 0; i < TURNS_MAX && loop->answers < RECORDS; i++) loop_turn(loop);
    assert_int_equal(loop->answers, RECORDS);
}

/* How many records' newest files say that readers must sync. */
static uint32_t unsynced(const struct loop *loop)
{
    uint32_t count = 0;
    for (uint32_t i = 1; i <= RECORDS; i++) {
        char path[400];
        struct stat status;
        snprintf(path, sizeof path, "%s/c/records/jobs/%u/%020llu", loop->root, i,
            (unsigned long long)(loop->versions[i] & 0xffffffff));
        assert_int_equal(stat(path, &status), 0);
        count += (status.st_mode & S_IWUSR) != 0;
    }
    return count;
}

static void what_is_relaxed_is_synced_in_the_end(void **state)
{
    struct loop *loop = loop_open();
    write_all(loop, WEIR_HA_CREATE, false);
    write_all(loop, WEIR_HA_SET, false);
    assert_int_equal(unsynced(loop), 0);
    write_all(loop, WEIR_HA_SET, true);
    for (uint32_t i = 0; i < TURNS_MAX && unsynced(loop); i++) loop_turn(loop);
    assert_int_equal(unsynced(loop), 0);
    loop_close(loop);
}

/* It ends before they were synced, and gives everything back. */
static void an_end_does_not_wait_for_it(void **state)
{
    struct loop *loop = loop_open();
    write_all(loop, WEIR_HA_CREATE, false);
    write_all(loop, WEIR_HA_SET, true);
    loop_close(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_relaxed_is_synced_in_the_end),
        cmocka_unit_test(an_end_does_not_wait_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
