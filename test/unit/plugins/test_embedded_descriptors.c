/* The embedded HA driver without descriptors, or on a disk that cannot be read: what it cannot look at is
 * neither absent nor somebody else's. */
#define _GNU_SOURCE
#include "embedded_loop.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "plugins/ha/embedded/presence.h"
#include "plugins/ha/embedded/record_directory.h"

enum { DESCRIPTORS_MAX = 64, FREE_MAX = 8, ROUNDS = 50 };

static struct {
    struct loop loop;
    bool done;
    enum weir_ha_outcome outcome;
    uint32_t entry_count;
} asked;

static int filled[DESCRIPTORS_MAX];
static uint32_t filled_count;
static struct rlimit limits;

/* So many more can be opened. */
static void leave_free(uint32_t free_count)
{
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limits), 0);
    struct rlimit few = { .rlim_cur = DESCRIPTORS_MAX, .rlim_max = limits.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    int descriptor;
    while ((descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0) filled[filled_count++] = descriptor;
    assert_true(filled_count > free_count);
    for (uint32_t i = 0; i < free_count; i++) close(filled[--filled_count]);
}

static void give_back(void)
{
    while (filled_count) close(filled[--filled_count]);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limits), 0);
}

static void on_state(struct weir_ha_host *host, enum weir_ha_state state, int64_t session_timeout_us) {}

static void on_done(struct weir_ha_host *host, uint64_t request, enum weir_ha_outcome outcome,
    const struct weir_ha_entry *entries, uint32_t entry_count)
{
    asked.done = true;
    asked.outcome = outcome;
    asked.entry_count = entry_count;
}

static void on_changed(struct weir_ha_host *host, const char *key) {}

static void on_died(struct weir_ha_host *host, const char *key, const uint8_t *value, size_t length) {}

static const struct weir_ha_host host = {
    .state = on_state, .done = on_done, .changed = on_changed, .died = on_died
};

static void list_candidates(void)
{
    struct weir_ha_operation operation = { .kind = WEIR_HA_LIST, .key = "candidates" };
    asked.done = false;
    weir_ha_embedded.submit(asked.loop.session, 1, &operation, 1);
    for (uint32_t i = 0; i < TURNS_MAX && !asked.done; i++) {
        loop_turn(&asked.loop);
        if (!asked.done) usleep(TURN_US);
    }
    assert_true(asked.done);
}

static void who_is_there_stays_there(void **state)
{
    loop_open(&asked.loop, &host);
    struct embedded_presence presence = { .lock_descriptor = -1 };
    struct weir_error error = { 0 };
    char directory[400];
    snprintf(directory, sizeof directory, "%s/c/candidates", asked.loop.root);
    assert_int_equal(
        embedded_presence_take(&presence, directory, "jm-1", (const uint8_t *)"x", 1, &error), WEIR_HA_OK);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        atomic_store(&presence.lease->stamp_ns, embedded_boot_time_ns());
        leave_free(i % FREE_MAX);
        list_candidates();
        give_back();
        assert_true(asked.outcome == WEIR_HA_UNAVAILABLE || asked.outcome == WEIR_HA_OK);
        if (asked.outcome == WEIR_HA_OK) assert_int_equal(asked.entry_count, 1);
    }
    embedded_presence_drop(&presence);
    loop_close(&asked.loop);
}

/* --- records --- */

static char key[300];

static enum weir_ha_outcome read_key(uint64_t *ret_version)
{
    struct weir_buffer value;
    weir_buffer_init(&value, weir_test_memory_shared(), 1 << 20);
    struct weir_error error = { 0 };
    enum weir_ha_outcome outcome = embedded_key_read(key, &value, ret_version, &error);
    weir_buffer_done(&value);
    return outcome;
}

static enum weir_ha_outcome write_key(uint64_t expected, uint64_t *ret_version, bool shared)
{
    struct weir_error error = { 0 };
    if (!shared) return embedded_key_write(key, expected, (const uint8_t *)"x", 1, ret_version, &error);
    struct embedded_write write = {
        .directory = key, .expected = expected, .value = (const uint8_t *)"x", .length = 1
    };
    char parent[300];
    snprintf(parent, sizeof parent, "%s", key);
    *strrchr(parent, '/') = '\0';
    embedded_keys_write(parent, &write, 1, &error);
    *ret_version = write.version;
    return write.outcome;
}

static void make_key(void)
{
    snprintf(key, sizeof key, "%.200s/weir-embedded-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    assert_non_null(mkdtemp(key));
    strcat(key, "/record");
}

static void remove_key(void)
{
    *strrchr(key, '/') = '\0';
    assert_int_equal(weir_directory_remove(key, NULL), WEIR_OK);
}

static void what_is_there_is_read_or_not_known(void **state)
{
    make_key();
    uint64_t version, seen = 0;
    assert_int_equal(write_key(0, &version, false), WEIR_HA_OK);
    for (uint32_t i = 0; i < FREE_MAX; i++) {
        leave_free(i);
        enum weir_ha_outcome outcome = read_key(&seen);
        give_back();
        assert_true(outcome == WEIR_HA_UNAVAILABLE || outcome == WEIR_HA_OK);
        if (outcome == WEIR_HA_OK) assert_int_equal(seen, version);
    }
    assert_int_equal(seen, version);
    remove_key();
}

/* Whoever writes over its own last version has not lost to anybody; and a write that was seen stays. */
static void who_has_the_newest_version_does_not_lose(void **state)
{
    for (uint32_t i = 0; i < 2 * FREE_MAX; i++) {
        make_key();
        uint64_t version, next = 0, seen;
        assert_int_equal(write_key(0, &version, false), WEIR_HA_OK);
        leave_free(i % FREE_MAX);
        enum weir_ha_outcome outcome = write_key(version, &next, i >= FREE_MAX);
        give_back();
        assert_true(outcome != WEIR_HA_CONFLICT && outcome != WEIR_HA_NOT_FOUND);
        assert_int_equal(read_key(&seen), WEIR_HA_OK);
        if (outcome == WEIR_HA_UNAVAILABLE) assert_int_equal(seen, version);
        if (outcome == WEIR_HA_OK) assert_int_equal(seen, next);
        remove_key();
    }
}

/* Versions of a record without a birth come again in a store that was wiped. */
static void nothing_is_created_without_a_birth(void **state)
{
    for (uint32_t i = 0; i < FREE_MAX; i++) {
        make_key();
        uint64_t version, seen;
        leave_free(i);
        enum weir_ha_outcome outcome = write_key(0, &version, false);
        give_back();
        if (read_key(&seen) == WEIR_HA_OK) assert_true(seen > UINT32_MAX);
        if (outcome == WEIR_HA_OK) assert_int_equal(seen, version);
        remove_key();
    }
}

/* In the C library's place: says that the disk cannot be read. */
static bool unreadable;
struct dirent *readdir(DIR *stream)
{
    if (unreadable) {
        errno = EIO;
        return NULL;
    }
    struct dirent *(*next)(DIR * stream);
    *(void **)&next = dlsym(RTLD_NEXT, "readdir");
    return next(stream);
}

static void an_unreadable_directory_is_not_empty(void **state)
{
    make_key();
    uint64_t version, seen;
    assert_int_equal(write_key(0, &version, false), WEIR_HA_OK);
    unreadable = true;
    enum weir_ha_outcome outcome = read_key(&seen);
    unreadable = false;
    assert_int_equal(outcome, WEIR_HA_UNAVAILABLE);
    remove_key();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_there_stays_there),
        cmocka_unit_test(what_is_there_is_read_or_not_known),
        cmocka_unit_test(who_has_the_newest_version_does_not_lose),
        cmocka_unit_test(nothing_is_created_without_a_birth),
        cmocka_unit_test(an_unreadable_directory_is_not_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
