/* Relaxed writes of the embedded HA driver: answered first, synced in the end, nobody waits for them. */
#define _GNU_SOURCE
#include "embedded_loop.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RECORDS = 300, BEAT_TURNS = 100 };

static struct {
    struct loop loop;
    uint32_t answers, turns;
    uint64_t versions[RECORDS + 1];
} writer;

static void turn(void)
{
    loop_turn(&writer.loop);
    if (writer.turns++ % BEAT_TURNS == 0) weir_ha_embedded.beat(writer.loop.session);
    usleep(TURN_US);
}

static void on_state(struct weir_ha_host *host, enum weir_ha_state state, int64_t session_timeout_us) {}

static void on_done(struct weir_ha_host *host, uint64_t request, enum weir_ha_outcome outcome,
    const struct weir_ha_entry *entries, uint32_t entry_count)
{
    assert_int_equal(outcome, WEIR_HA_OK);
    assert_int_equal(entry_count, 1);
    assert_true(request <= RECORDS);
    writer.versions[request] = entries[0].version;
    writer.answers++;
}

static void on_changed(struct weir_ha_host *host, const char *key) {}

static void on_died(struct weir_ha_host *host, const char *key, const uint8_t *value, size_t length) {}

static const struct weir_ha_host host = {
    .state = on_state, .done = on_done, .changed = on_changed, .died = on_died
};

static void open_writer(void)
{
    memset(&writer, 0, sizeof writer);
    loop_open(&writer.loop, &host);
}

/* Every record at once, as a new leader does; until all are answered. */
static void write_all(enum weir_ha_operation_kind kind, bool relaxed)
{
    writer.answers = 0;
    for (uint32_t i = 1; i <= RECORDS; i++) {
        char key[32];
        snprintf(key, sizeof key, "jobs/%u", i);
        struct weir_ha_operation operation = { .kind = kind,
            .key = key,
            .version = writer.versions[i],
            .value = (const uint8_t *)"value",
            .length = 5,
            .relaxed = relaxed };
        weir_ha_embedded.submit(writer.loop.session, i, &operation, 1);
    }
    for (uint32_t i = 0; i < TURNS_MAX && writer.answers < RECORDS; i++) turn();
    assert_int_equal(writer.answers, RECORDS);
}

/* How many records' newest files say that readers must sync. */
static uint32_t unsynced(void)
{
    uint32_t count = 0;
    for (uint32_t i = 1; i <= RECORDS; i++) {
        char path[400];
        struct stat status;
        snprintf(path, sizeof path, "%s/c/records/jobs/%u/%020llu", writer.loop.root, i,
            (unsigned long long)(writer.versions[i] & 0xffffffff));
        assert_int_equal(stat(path, &status), 0);
        count += (status.st_mode & S_IWUSR) != 0;
    }
    return count;
}

static void what_is_relaxed_is_synced_in_the_end(void **state)
{
    open_writer();
    write_all(WEIR_HA_CREATE, false);
    write_all(WEIR_HA_SET, false);
    assert_int_equal(unsynced(), 0);
    write_all(WEIR_HA_SET, true);
    for (uint32_t i = 0; i < TURNS_MAX && unsynced(); i++) turn();
    assert_int_equal(unsynced(), 0);
    loop_close(&writer.loop);
}

/* It ends before they were synced, and gives everything back. */
static void an_end_does_not_wait_for_it(void **state)
{
    open_writer();
    write_all(WEIR_HA_CREATE, false);
    write_all(WEIR_HA_SET, true);
    loop_close(&writer.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_relaxed_is_synced_in_the_end),
        cmocka_unit_test(an_end_does_not_wait_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
