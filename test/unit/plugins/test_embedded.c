/* The embedded HA driver's files: compare-and-set among processes, deletion, damage, and who is alive. */
#define _GNU_SOURCE
#include "support/cmocka_all.h"
#include "support/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/file.h"
#include "plugins/ha/embedded/presence.h"
#include "plugins/ha/embedded/record_directory.h"

enum { RACERS = 4, WINS_EACH = 60 };

static char root[512];

static void new_root(void)
{
    snprintf(root, sizeof root, "%s/weir-embedded-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    assert_non_null(mkdtemp(root));
}

static void remove_root(void)
{
    assert_int_equal(weir_directory_remove(root, NULL), WEIR_OK);
}

static const char *record(void)
{
    static char path[600];
    snprintf(path, sizeof path, "%s/record", root);
    return path;
}

static enum weir_ha_outcome read_record(uint64_t *ret_version, char text[256])
{
    struct weir_buffer value;
    weir_buffer_init(&value, weir_test_memory_shared(), 1 << 20);
    struct weir_error error = { 0 };
    enum weir_ha_outcome outcome = embedded_record_read(record(), &value, ret_version, &error);
    snprintf(text, 256, "%.*s", (int)value.length, value.data ? value.data : "");
    weir_buffer_done(&value);
    return outcome;
}

static enum weir_ha_outcome write_record(uint64_t expected, const char *text)
{
    uint64_t version;
    struct weir_error error = { 0 };
    return embedded_record_write(record(), expected, (const uint8_t *)text, strlen(text), &version, &error);
}

/* As one of several at once, which they are not here. */
static enum weir_ha_outcome write_shared(uint64_t expected, const char *text)
{
    struct embedded_write write = {
        .directory = record(), .expected = expected, .value = (const uint8_t *)text, .length = strlen(text)
    };
    struct weir_error error = { 0 };
    embedded_keys_write(root, &write, 1, &error);
    return write.outcome;
}

/* --- compare-and-set --- */

/* This program again, as a process of its own: <program> --race <directory> <racer>. Appends a line for each
 * version that it won. */
static int race(const char *directory, const char *racer)
{
    snprintf(root, sizeof root, "%s", directory);
    char path[700], text[256];
    snprintf(path, sizeof path, "%s/wins-%s", root, racer);
    FILE *wins = fopen(path, "w");
    if (!wins) return 2;
    for (uint32_t won = 0; won < WINS_EACH;) {
        uint64_t version = 0;
        enum weir_ha_outcome outcome = read_record(&version, text);
        if (outcome != WEIR_HA_OK && outcome != WEIR_HA_NOT_FOUND) return 3;
        char next[64];
        snprintf(next, sizeof next, "%d from %s", atoi(outcome == WEIR_HA_OK ? text : "0") + 1, racer);
        bool shared = version && atoi(racer) % 2;
        if ((shared ? write_shared : write_record)(version, next) != WEIR_HA_OK) continue;
        fprintf(wins, "%llu\n", (unsigned long long)version + 1);
        won++;
    }
    return fclose(wins) == 0 ? 0 : 4;
}

static pid_t start(const char *role, const char *argument)
{
    pid_t process = fork();
    assert_true(process >= 0);
    if (!process) {
        execl("/proc/self/exe", "test", role, root, argument, (char *)NULL);
        _exit(127);
    }
    return process;
}

static void one_winner_per_version(void **state)
{
    new_root();
    pid_t racers[RACERS];
    for (int i = 0; i < RACERS; i++) racers[i] = start("--race", (char[]){ (char)('a' + i), 0 });
    for (int i = 0; i < RACERS; i++) {
        int status;
        assert_int_equal(waitpid(racers[i], &status, 0), racers[i]);
        assert_int_equal(status, 0);
    }
    uint8_t winners[RACERS * WINS_EACH + 1] = { 0 };
    for (int i = 0; i < RACERS; i++) {
        char path[700];
        snprintf(path, sizeof path, "%s/wins-%c", root, 'a' + i);
        FILE *wins = fopen(path, "r");
        assert_non_null(wins);
        for (unsigned long long version; fscanf(wins, "%llu", &version) == 1;) {
            assert_in_range(version, 1, RACERS * WINS_EACH);
            winners[version]++;
        }
        fclose(wins);
    }
    for (int v = 1; v <= RACERS * WINS_EACH; v++) assert_int_equal(winners[v], 1);
    uint64_t version;
    char text[256];
    assert_int_equal(read_record(&version, text), WEIR_HA_OK);
    assert_int_equal(version, RACERS * WINS_EACH);
    assert_int_equal(atoi(text), RACERS * WINS_EACH); /* no increment was lost */
    remove_root();
}

static void versions_are_pruned(void **state)
{
    new_root();
    for (uint64_t v = 0; v < 3 * WEIR_RECORD_VERSIONS_KEPT; v++)
        assert_int_equal(write_record(v, "value"), WEIR_HA_OK);
    uint32_t there = 0;
    for (uint64_t v = 1; v <= 3 * WEIR_RECORD_VERSIONS_KEPT; v++) {
        char path[700];
        snprintf(path, sizeof path, "%s/%020llu", record(), (unsigned long long)v);
        there += access(path, F_OK) == 0;
    }
    assert_int_equal(there, WEIR_RECORD_VERSIONS_KEPT);
    /* A writer that slept: its version's name is free again, but it is deposed, and leaves nothing. */
    uint64_t version;
    char text[256];
    for (uint64_t stale = 0; stale < 3 * WEIR_RECORD_VERSIONS_KEPT; stale++)
        assert_int_equal(write_record(stale, "stale"), WEIR_HA_CONFLICT);
    assert_int_equal(read_record(&version, text), WEIR_HA_OK);
    assert_int_equal(version, 3 * WEIR_RECORD_VERSIONS_KEPT);
    assert_string_equal(text, "value");
    remove_root();
}

/* Another stale writer's version lies there for a moment: it is no predecessor. */
static void a_stale_predecessor_does_not_help(void **state)
{
    new_root();
    for (uint64_t v = 0; v < 30; v++) assert_int_equal(write_record(v, "value"), WEIR_HA_OK);
    char newest[700], stale[700];
    snprintf(newest, sizeof newest, "%s/%020d", record(), 30);
    snprintf(stale, sizeof stale, "%s/%020d", record(), 3);
    assert_int_equal(link(newest, stale), 0);
    assert_int_equal(write_record(3, "stale"), WEIR_HA_CONFLICT);
    remove_root();
}

/* Others may build on a version before its writer has looked whether it won. */
static void a_creator_that_is_overtaken_has_won(void **state)
{
    new_root();
    assert_int_equal(mkdir(record(), 0755), 0);
    assert_int_equal(write_record(0, "first"), WEIR_HA_OK);
    char first[700], second[700];
    snprintf(first, sizeof first, "%s/%020d", record(), 1);
    snprintf(second, sizeof second, "%s/%020d", record(), 2);
    assert_int_equal(rename(first, second), 0); /* as when 2 comes between link and look */
    assert_int_equal(write_record(0, "creator"), WEIR_HA_OK);
    remove_root();
}

static void deleted_is_absent(void **state)
{
    new_root();
    struct weir_error error = { 0 };
    uint64_t version;
    char text[256];
    assert_int_equal(read_record(&version, text), WEIR_HA_NOT_FOUND);
    for (uint64_t v = 0; v < 20; v++) assert_int_equal(write_record(v, "value"), WEIR_HA_OK);
    assert_int_equal(embedded_record_delete(record(), 19, &error), WEIR_HA_CONFLICT);
    assert_int_equal(embedded_record_delete(record(), 20, &error), WEIR_HA_OK);
    assert_int_equal(read_record(&version, text), WEIR_HA_NOT_FOUND);
    assert_true(access(record(), F_OK) != 0 && errno == ENOENT);
    assert_int_equal(write_record(20, "late"), WEIR_HA_NOT_FOUND);
    assert_int_equal(write_record(21, "late"), WEIR_HA_NOT_FOUND);
    assert_int_equal(embedded_record_delete(record(), 20, &error), WEIR_HA_NOT_FOUND);
    remove_root();
}

/* The remover died half-way: the version that says so was to go last. */
static void half_deleted_is_absent(void **state)
{
    new_root();
    uint64_t version;
    char text[256], path[700], kept[700];
    struct weir_error error = { 0 };
    for (uint64_t v = 0; v < 3; v++) assert_int_equal(write_record(v, "value"), WEIR_HA_OK);
    snprintf(path, sizeof path, "%s/keeps-it", record());
    int descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644); /* no rmdir succeeds now */
    assert_true(descriptor >= 0);
    close(descriptor);
    assert_int_equal(embedded_record_delete(record(), 3, &error), WEIR_HA_OK);
    assert_int_equal(read_record(&version, text), WEIR_HA_NOT_FOUND);
    for (uint64_t v = 1; v <= 3; v++) {
        snprintf(kept, sizeof kept, "%s/%020llu", record(), (unsigned long long)v);
        assert_true(access(kept, F_OK) != 0);
        assert_int_not_equal(write_record(v, "late"), WEIR_HA_OK);
    }
    assert_int_equal(read_record(&version, text), WEIR_HA_NOT_FOUND);
    remove_root();
}

/* Whoever reads it afterwards goes on where the remover was stopped. */
static void half_deleted_is_removed_by_the_next_reader(void **state)
{
    new_root();
    uint64_t version;
    char text[256], path[700];
    struct weir_error error = { 0 };
    for (uint64_t v = 0; v < 3; v++) assert_int_equal(write_record(v, "value"), WEIR_HA_OK);
    snprintf(path, sizeof path, "%s/%020d", record(), 1);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0755), 0); /* no unlink succeeds now */
    assert_int_equal(embedded_record_delete(record(), 3, &error), WEIR_HA_OK);
    assert_int_equal(access(record(), F_OK), 0);
    assert_int_equal(read_record(&version, text), WEIR_HA_NOT_FOUND);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(read_record(&version, text), WEIR_HA_NOT_FOUND);
    assert_int_not_equal(access(record(), F_OK), 0);
    remove_root();
}

/* Its file lay there when the deleter wanted to remove the directory, which nobody else would come back for.
 */
static void who_writes_over_a_deleted_record_leaves_no_directory(void **state)
{
    new_root();
    assert_int_equal(mkdir(record(), 0755), 0);
    assert_int_not_equal(write_record(3, "late"), WEIR_HA_OK);
    assert_int_not_equal(access(record(), F_OK), 0);
    remove_root();
}

/* A leader is killed while it writes, and the next one deletes the record within the same second. */
static void what_a_dead_writer_left_goes_with_the_record(void **state)
{
    new_root();
    char path[700];
    assert_int_equal(write_record(0, "a"), WEIR_HA_OK);
    snprintf(path, sizeof path, "%s/.tmp-1-1", record());
    int descriptor = open(path, O_WRONLY | O_CREAT, 0644);
    assert_true(descriptor >= 0);
    close(descriptor);
    struct weir_error error = { 0 };
    assert_int_equal(embedded_record_delete(record(), 1, &error), WEIR_HA_OK);
    assert_int_not_equal(access(record(), F_OK), 0);
    remove_root();
}

static void what_a_dead_creator_left_is_removed_by_a_late_reader(void **state)
{
    new_root();
    uint64_t version;
    char text[256], path[700];
    assert_int_equal(mkdir(record(), 0755), 0);
    static const char *const names[] = { ".birth", ".tmp-1-1" };
    struct timespec long_ago[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
    for (uint32_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", record(), names[i]);
        int descriptor = open(path, O_WRONLY | O_CREAT, 0644);
        assert_int_equal(futimens(descriptor, long_ago), 0);
        close(descriptor);
    }
    assert_int_equal(read_record(&version, text), WEIR_HA_NOT_FOUND);
    assert_int_equal(access(record(), F_OK), 0); /* it may be creating yet */
    assert_int_equal(utimensat(AT_FDCWD, record(), long_ago, 0), 0);
    assert_int_equal(read_record(&version, text), WEIR_HA_NOT_FOUND);
    assert_int_not_equal(access(record(), F_OK), 0);
    remove_root();
}

/* --- several at once --- */

enum { KEYS = 3 };

static const char *key(uint32_t i)
{
    static char paths[KEYS + 1][600];
    snprintf(paths[i], sizeof paths[i], "%s/key%u", root, i);
    return paths[i];
}

static uint64_t make_key(uint32_t i)
{
    uint64_t version;
    assert_int_equal(embedded_key_write(key(i), 0, (const uint8_t *)"first", 5, &version, NULL), WEIR_HA_OK);
    return version;
}

static void assert_key(uint32_t i, uint64_t version, const char *text)
{
    struct weir_buffer value;
    uint64_t found;
    weir_buffer_init(&value, weir_test_memory_shared(), 1 << 20);
    assert_int_equal(embedded_key_read(key(i), &value, &found, NULL), WEIR_HA_OK);
    assert_true(found == version);
    assert_int_equal(value.length, strlen(text));
    assert_memory_equal(value.data, text, value.length);
    weir_buffer_done(&value);
}

/* The key's newest file. */
static const char *newest(uint32_t i, uint64_t version, struct stat *ret)
{
    static char path[700];
    snprintf(path, sizeof path, "%s/%020llu", key(i), (unsigned long long)(version & 0xffffffff));
    assert_int_equal(stat(path, ret), 0);
    return path;
}

static void write_all(struct embedded_write writes[KEYS], const uint64_t versions[KEYS])
{
    static const char *const texts[KEYS] = { "nought", "", "the second" };
    struct weir_error error = { 0 };
    for (uint32_t i = 0; i < KEYS; i++)
        writes[i] = (struct embedded_write){ .directory = key(i),
            .expected = versions[i],
            .value = (const uint8_t *)texts[i],
            .length = strlen(texts[i]) };
    embedded_keys_write(root, writes, KEYS, &error);
}

static void several_are_written_with_one_file(void **state)
{
    new_root();
    uint64_t versions[KEYS];
    struct embedded_write writes[KEYS];
    struct stat status[KEYS];
    for (uint32_t i = 0; i < KEYS; i++) versions[i] = make_key(i);
    write_all(writes, versions);
    for (uint32_t i = 0; i < KEYS; i++) {
        assert_int_equal(writes[i].outcome, WEIR_HA_OK);
        assert_true(writes[i].version == versions[i] + 1);
        newest(i, writes[i].version, &status[i]);
        assert_int_equal(status[i].st_ino, status[0].st_ino);
        assert_int_equal(status[i].st_nlink, KEYS);
        assert_int_equal(status[i].st_mode & 0777, 0444); /* readers need not sync it */
    }
    assert_key(0, versions[0] + 1, "nought");
    assert_key(1, versions[1] + 1, "");
    assert_key(2, versions[2] + 1, "the second");
    /* Written alone again, and again together; old ones go. */
    assert_int_equal(
        embedded_key_write(key(1), versions[1] + 1, (const uint8_t *)"alone", 5, &versions[1], NULL),
        WEIR_HA_OK);
    versions[0]++, versions[2]++;
    for (uint32_t n = 0; n < WEIR_RECORD_VERSIONS_KEPT; n++) {
        write_all(writes, versions);
        for (uint32_t i = 0; i < KEYS; i++) versions[i] = writes[i].version;
    }
    assert_key(1, versions[1], "");
    assert_int_not_equal(access(newest(0, versions[0], &status[0]), F_OK), -1);
    char first[700];
    snprintf(first, sizeof first, "%s/%020d", key(0), 1);
    assert_int_equal(access(first, F_OK), -1);
    remove_root();
}

static mode_t mode_of(uint32_t i, uint64_t version)
{
    struct stat status;
    newest(i, version, &status);
    return status.st_mode & 0777;
}

/* Until its directory is synced the file says so: readers do it. */
static void a_relaxed_write_is_synced_later(void **state)
{
    new_root();
    uint64_t versions[KEYS] = { make_key(0), make_key(1), make_key(2) };
    struct weir_error error = { 0 };
    struct embedded_write writes[KEYS];
    const char *directories[KEYS];
    for (uint32_t i = 0; i < KEYS; i++) {
        writes[i] = (struct embedded_write){ .directory = directories[i] = key(i),
            .expected = versions[i],
            .value = (const uint8_t *)"late",
            .length = 4,
            .relaxed = i != 1 };
        if (i == 2) writes[i].expected++; /* loses */
    }
    int descriptor = embedded_keys_write(root, writes, KEYS, &error);
    assert_true(descriptor >= 0);
    assert_int_equal(writes[0].outcome, WEIR_HA_OK);
    assert_int_equal(writes[1].outcome, WEIR_HA_OK);
    assert_int_equal(writes[2].outcome, WEIR_HA_CONFLICT);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(mode_of(i, writes[i].version), 0644);
        assert_key(i, versions[i] + 1, "late");
    }
    /* One that is gone meanwhile is in nobody's way. */
    directories[1] = key(KEYS);
    embedded_keys_sync(descriptor, directories, 2);
    assert_int_equal(mode_of(0, writes[0].version), 0444);
    assert_key(0, versions[0] + 1, "late");
    assert_key(2, versions[2], "first");
    remove_root();
}

static void of_several_each_wins_or_loses_alone(void **state)
{
    new_root();
    uint64_t versions[KEYS] = { make_key(0), make_key(1) };
    versions[2] = versions[0]; /* of a key that is not there */
    uint64_t stale = versions[1];
    assert_int_equal(
        embedded_key_write(key(1), stale, (const uint8_t *)"faster", 6, &versions[1], NULL), WEIR_HA_OK);
    struct embedded_write writes[KEYS];
    write_all(writes, (uint64_t[KEYS]){ versions[0], stale, versions[2] });
    assert_int_equal(writes[0].outcome, WEIR_HA_OK);
    assert_int_equal(writes[1].outcome, WEIR_HA_CONFLICT);
    assert_int_equal(writes[2].outcome, WEIR_HA_NOT_FOUND);
    assert_key(0, versions[0] + 1, "nought");
    assert_key(1, versions[1], "faster");
    /* Made anew since: of another birth. */
    assert_int_equal(weir_directory_remove(key(0), NULL), WEIR_OK);
    uint64_t anew = make_key(0);
    assert_true(anew != versions[0]);
    write_all(writes, (uint64_t[KEYS]){ versions[0], versions[1], versions[2] });
    assert_int_equal(writes[0].outcome, WEIR_HA_CONFLICT);
    assert_int_equal(writes[1].outcome, WEIR_HA_OK);
    assert_key(0, anew, "first");
    remove_root();
}

static void damage_of_a_shared_file_is_named(void **state)
{
    new_root();
    uint64_t versions[KEYS];
    struct embedded_write writes[KEYS];
    struct stat status;
    for (uint32_t i = 0; i < KEYS; i++) versions[i] = make_key(i);
    write_all(writes, versions);
    const char *path = newest(2, writes[2].version, &status);
    assert_int_equal(chmod(path, 0644), 0);
    for (off_t at = 0; at < status.st_size; at++) {
        int descriptor = open(path, O_RDWR | O_CLOEXEC);
        uint8_t byte, flipped;
        assert_int_equal(pread(descriptor, &byte, 1, at), 1);
        flipped = byte ^ 0x20;
        assert_int_equal(pwrite(descriptor, &flipped, 1, at), 1);
        struct weir_buffer value;
        uint64_t found;
        struct weir_error error = { 0 };
        weir_buffer_init(&value, weir_test_memory_shared(), 1 << 20);
        enum weir_ha_outcome outcome = embedded_key_read(key(2), &value, &found, &error);
        bool read = outcome == WEIR_HA_OK && value.length == 10 && !memcmp(value.data, "the second", 10);
        assert_true(read || outcome == WEIR_HA_UNAVAILABLE); /* never anything else */
        if (!read) assert_non_null(strstr(error.message, path));
        weir_buffer_done(&value);
        assert_int_equal(pwrite(descriptor, &byte, 1, at), 1);
        close(descriptor);
    }
    remove_root();
}

static void damage_is_named(void **state)
{
    new_root();
    assert_int_equal(write_record(0, "a value of some length"), WEIR_HA_OK);
    char path[700];
    snprintf(path, sizeof path, "%s/%020d", record(), 1);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    for (off_t at = 0; at < status.st_size; at++) {
        if (at >= 8 && at < 16) continue; /* the kind, and what is reserved */
        int descriptor = open(path, O_RDWR | O_CLOEXEC);
        uint8_t byte;
        assert_int_equal(pread(descriptor, &byte, 1, at), 1);
        assert_int_equal(pwrite(descriptor, &(uint8_t){ (uint8_t)(byte ^ 0x41) }, 1, at), 1);
        struct weir_buffer value;
        weir_buffer_init(&value, weir_test_memory_shared(), 32 << 20);
        struct weir_error error = { 0 };
        uint64_t version;
        assert_int_equal(embedded_record_read(record(), &value, &version, &error), WEIR_HA_UNAVAILABLE);
        assert_non_null(strstr(error.message, path));
        assert_non_null(strstr(error.message, "damaged"));
        assert_int_equal(value.length, 0);
        weir_buffer_done(&value);
        assert_int_equal(pwrite(descriptor, &byte, 1, at), 1);
        close(descriptor);
    }
    for (off_t length = 0; length < status.st_size; length += 7) {
        assert_int_equal(truncate(path, length), 0);
        uint64_t version;
        char text[256];
        assert_int_equal(read_record(&version, text), WEIR_HA_UNAVAILABLE);
        assert_string_equal(text, "");
    }
    remove_root();
}

/* --- presence --- */

/* <program> --hold <directory> <name>: takes the entry, says so, and waits to be killed. */
static int hold(const char *directory, const char *name)
{
    struct embedded_presence presence = { .lock_descriptor = -1 };
    struct weir_error error = { 0 };
    if (embedded_presence_take(&presence, directory, name, (const uint8_t *)"held", 4, &error)) return 2;
    char path[700];
    snprintf(path, sizeof path, "%s/held", directory);
    close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    for (;;) pause();
}

static void wait_for(const char *name)
{
    char path[700];
    snprintf(path, sizeof path, "%s/%s", root, name);
    for (int i = 0; i < 2000 && access(path, F_OK) != 0; i++) usleep(10000);
    assert_int_equal(access(path, F_OK), 0);
}

static struct embedded_sighting look(uint64_t lease_ns, char text[64])
{
    struct weir_buffer value;
    weir_buffer_init(&value, weir_test_memory_shared(), 1 << 20);
    struct embedded_sighting sighting;
    assert_int_equal(embedded_presence_look(root, "node", lease_ns, &value, &sighting, NULL), WEIR_HA_OK);
    snprintf(text, 64, "%.*s", (int)value.length, value.data ? value.data : "");
    weir_buffer_done(&value);
    return sighting;
}

static void a_killed_holder_is_gone_at_once(void **state)
{
    enum { HOUR = 3600 };
    new_root();
    char text[64];
    struct embedded_presence presence = { .lock_descriptor = -1 };
    struct weir_error error = { 0 };
    assert_false(look(1, text).locked);
    pid_t holder = start("--hold", "node");
    wait_for("held");
    struct embedded_sighting sighting = look(HOUR * UINT64_C(1000000000), text);
    assert_true(sighting.locked && sighting.present);
    assert_int_equal(sighting.process, holder);
    assert_string_equal(text, "held");
    assert_int_equal(embedded_presence_take(&presence, root, "node", (const uint8_t *)"mine", 4, &error),
        WEIR_HA_CONFLICT);
    /* It hangs: the lock stays, the lease runs out. */
    assert_int_equal(kill(holder, SIGSTOP), 0);
    sighting = look(0, text);
    assert_true(sighting.locked && !sighting.present);
    assert_int_equal(kill(holder, SIGKILL), 0);
    assert_int_equal(waitpid(holder, NULL, 0), holder);
    sighting = look(HOUR * UINT64_C(1000000000), text);
    assert_false(sighting.locked || sighting.present);
    assert_int_equal(
        embedded_presence_take(&presence, root, "node", (const uint8_t *)"mine", 4, &error), WEIR_HA_OK);
    sighting = look(HOUR * UINT64_C(1000000000), text);
    assert_true(sighting.present);
    assert_int_equal(sighting.process, getpid());
    assert_string_equal(text, "mine");
    embedded_presence_drop(&presence);
    assert_false(embedded_presence_is_held(&presence));
    assert_false(look(HOUR * UINT64_C(1000000000), text).locked);
    char path[700];
    snprintf(path, sizeof path, "%s/node.lease", root);
    assert_true(access(path, F_OK) != 0); /* who goes in order leaves nothing */
    remove_root();
}

static void files_of_the_dead_are_swept(void **state)
{
    new_root();
    char path[700], text[64];
    pid_t holder = start("--hold", "node");
    wait_for("held");
    snprintf(path, sizeof path, "%s/node.lock", root);
    struct timespec old[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
    assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
    embedded_presence_sweep(root, "node"); /* it lives */
    assert_true(look(UINT64_C(3600000000000), text).present);
    assert_int_equal(kill(holder, SIGKILL), 0);
    assert_int_equal(waitpid(holder, NULL, 0), holder);
    assert_int_equal(utimensat(AT_FDCWD, path, NULL, 0), 0);
    embedded_presence_sweep(root, "node"); /* it has just died: it may come back under its name */
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
    embedded_presence_sweep(root, "node");
    assert_true(access(path, F_OK) != 0);
    snprintf(path, sizeof path, "%s/node.lease", root);
    assert_true(access(path, F_OK) != 0);
    remove_root();
}

static bool write_text(const char *path, const char *text)
{
    int descriptor = open(path, O_WRONLY | O_CLOEXEC);
    bool wrote = descriptor >= 0 && write(descriptor, text, strlen(text)) == (ssize_t)strlen(text);
    if (descriptor >= 0) close(descriptor);
    return wrote;
}

/* A file system of this process's own; false: it may not have one. */
static bool mount_small(const char *directory)
{
    char user[64], group[64];
    snprintf(user, sizeof user, "0 %u 1", (unsigned)geteuid());
    snprintf(group, sizeof group, "0 %u 1", (unsigned)getegid());
    return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && write_text("/proc/self/setgroups", "deny") &&
           write_text("/proc/self/uid_map", user) && write_text("/proc/self/gid_map", group) &&
           mount("none", directory, "tmpfs", 0, "size=64k") == 0;
}

/* <program> --full <directory> <name>: what a full disk does to who takes an entry. 9: it cannot be tried. */
static int full(const char *directory, const char *name)
{
    if (!mount_small(directory)) return 9;
    char path[700], page[4096] = { 0 };
    snprintf(path, sizeof path, "%s/filler", directory);
    int descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (descriptor < 0) return 9;
    while (write(descriptor, page, sizeof page) > 0) {}
    struct embedded_presence presence = { .lock_descriptor = -1 };
    struct weir_error error = { 0 };
    if (embedded_presence_take(&presence, directory, name, (const uint8_t *)"x", 1, &error) !=
        WEIR_HA_UNAVAILABLE)
        return 2;
    if (embedded_presence_is_held(&presence) || ftruncate(descriptor, 0) != 0) return 3;
    if (embedded_presence_take(&presence, directory, name, (const uint8_t *)"x", 1, &error) != WEIR_HA_OK)
        return 4;
    embedded_presence_drop(&presence);
    return 0;
}

static void a_full_disk_kills_nobody(void **state)
{
    new_root();
    pid_t process = start("--full", "node");
    int status;
    assert_int_equal(waitpid(process, &status, 0), process);
    remove_root();
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 9) skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* <program> --fight <directory> <name>: takes and drops in turn; two holders at a time are told by the file
 * that each makes without replacing. */
static int fight(const char *directory, const char *name)
{
    char mark[700];
    snprintf(mark, sizeof mark, "%s/mark", directory);
    for (int won = 0; won < 300;) {
        struct embedded_presence presence = { .lock_descriptor = -1 };
        struct weir_error error = { 0 };
        enum weir_ha_outcome outcome =
            embedded_presence_take(&presence, directory, name, (const uint8_t *)"x", 1, &error);
        if (outcome == WEIR_HA_CONFLICT) continue;
        if (outcome != WEIR_HA_OK) return 2;
        int descriptor = open(mark, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (descriptor < 0) return 3;
        close(descriptor);
        if (unlink(mark) != 0) return 4;
        embedded_presence_drop(&presence);
        won++;
    }
    return 0;
}

static void one_holder_at_a_time(void **state)
{
    new_root();
    pid_t fighters[RACERS];
    for (int i = 0; i < RACERS; i++) fighters[i] = start("--fight", "node");
    for (int i = 0; i < RACERS; i++) {
        int status;
        assert_int_equal(waitpid(fighters[i], &status, 0), fighters[i]);
        assert_int_equal(status, 0);
    }
    remove_root();
}

/* As that of a job index: the next leader knows from it which jobs there are. */
static void what_is_written_can_be_read_however_long_it_is(void **state)
{
    enum { BYTES = 12 << 20 };
    uint64_t version;
    struct weir_error error = { 0 };
    struct weir_buffer value;
    new_root();
    uint8_t *bytes = malloc(BYTES);
    for (size_t i = 0; i < BYTES; i++) bytes[i] = (uint8_t)(i * 2654435761u >> 13);
    assert_int_equal(embedded_record_write(record(), 0, bytes, BYTES, &version, &error), WEIR_HA_OK);
    weir_buffer_init(&value, weir_test_memory_shared(), EMBEDDED_VALUE_BYTES_MAX + 1);
    assert_int_equal(embedded_record_read(record(), &value, &version, &error), WEIR_HA_OK);
    assert_int_equal(value.length, BYTES);
    assert_memory_equal(value.data, bytes, BYTES);
    weir_buffer_done(&value);
    uint8_t *longer = calloc(1, EMBEDDED_VALUE_BYTES_MAX + 1);
    assert_int_not_equal(
        embedded_record_write(record(), version, longer, EMBEDDED_VALUE_BYTES_MAX + 1, &version, &error),
        WEIR_HA_OK); /* nobody could read it */
    free(longer);
    free(bytes);
    remove_root();
}

int main(int count, char **arguments)
{
    if (count == 4 && strcmp(arguments[1], "--race") == 0) return race(arguments[2], arguments[3]);
    if (count == 4 && strcmp(arguments[1], "--hold") == 0) return hold(arguments[2], arguments[3]);
    if (count == 4 && strcmp(arguments[1], "--fight") == 0) return fight(arguments[2], arguments[3]);
    if (count == 4 && strcmp(arguments[1], "--full") == 0) return full(arguments[2], arguments[3]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_can_be_read_however_long_it_is),
        cmocka_unit_test(one_winner_per_version),
        cmocka_unit_test(versions_are_pruned),
        cmocka_unit_test(a_stale_predecessor_does_not_help),
        cmocka_unit_test(a_creator_that_is_overtaken_has_won),
        cmocka_unit_test(deleted_is_absent),
        cmocka_unit_test(half_deleted_is_absent),
        cmocka_unit_test(half_deleted_is_removed_by_the_next_reader),
        cmocka_unit_test(who_writes_over_a_deleted_record_leaves_no_directory),
        cmocka_unit_test(what_a_dead_writer_left_goes_with_the_record),
        cmocka_unit_test(what_a_dead_creator_left_is_removed_by_a_late_reader),
        cmocka_unit_test(several_are_written_with_one_file),
        cmocka_unit_test(a_relaxed_write_is_synced_later),
        cmocka_unit_test(of_several_each_wins_or_loses_alone),
        cmocka_unit_test(damage_of_a_shared_file_is_named),
        cmocka_unit_test(damage_is_named),
        cmocka_unit_test(a_killed_holder_is_gone_at_once),
        cmocka_unit_test(files_of_the_dead_are_swept),
        cmocka_unit_test(one_holder_at_a_time),
        cmocka_unit_test(a_full_disk_kills_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
