#include "os/clock.h"
#include "os/file.h"
#include "os/log.h"
#include "os/memory.h"
#include "os/process.h"
#include "support/cmocka_all.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void memory_is_aligned_and_counted(void **state)
{
    struct weir_memory *memory = weir_os_memory();
    size_t before = atomic_load(&memory->used_bytes);
    for (size_t alignment = 1; alignment <= 4096; alignment *= 2) {
        char *block = weir_memory_allocate_aligned(memory, 100, alignment);
        assert_int_equal((uintptr_t)block & (alignment - 1), 0);
        memset(block, 1, 100);
        weir_memory_release_aligned(memory, block, 100, alignment);
    }
    static const size_t large[] = { (2 << 20) - 1, 2 << 20, (2 << 20) + 1, 9 << 20 };
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(large); i++) {
        char *block = weir_memory_allocate(memory, large[i]);
        memset(block, 1, large[i]);
        block = weir_memory_reallocate(memory, block, large[i], large[i] + (1 << 20));
        assert_true(block[0] == 1 && block[large[i] - 1] == 1);
        weir_memory_release(memory, block, large[i] + (1 << 20));
    }
    assert_int_equal(atomic_load(&memory->used_bytes), before);
    assert_true(weir_os_resident_bytes() > 100000);
    assert_true(weir_os_physical_bytes() > weir_os_resident_bytes());
    assert_true(weir_os_processors() >= 1);
}

/* In a sanitizer build nothing is kept. */
static void large_blocks_stay_for_a_while(void **state)
{
    struct weir_memory *memory = weir_os_memory();
    const size_t bytes = 2 << 20, most = atomic_load(&memory->used_bytes) + 3 * bytes;
    char *blocks[4];
    weir_os_memory_keep_blocks(most, 0);
    for (size_t i = 0; i < 4; i++) memset(blocks[i] = weir_memory_allocate(memory, bytes), (int)i, bytes);
    for (size_t i = 0; i < 4; i++) weir_memory_release(memory, blocks[i], bytes);
    size_t kept = weir_os_memory_kept_bytes();
    assert_true(kept == 0 || kept == 3 * bytes);
    char *again = weir_memory_allocate(memory, bytes);
    assert_true(kept == 0 || again == blocks[3]);
    assert_int_equal(weir_os_memory_kept_bytes(), kept ? 2 * bytes : 0);
    char *odd = weir_memory_allocate(memory, bytes + 1); /* of no size that is kept: room is made for it */
    odd[0] = odd[bytes] = 1;
    assert_true(weir_os_memory_kept_bytes() < bytes);
    weir_memory_release(memory, odd, bytes + 1);
    assert_true(kept == 0 || weir_os_memory_kept_bytes() >= bytes + 1);
    weir_memory_release(memory, again, bytes);
    weir_os_memory_give_back(); /* kept for no time at all */
    assert_int_equal(weir_os_memory_kept_bytes(), 0);
    weir_os_memory_keep_blocks(most, 3600000);
    weir_memory_release(memory, weir_memory_allocate(memory, bytes), bytes);
    kept = weir_os_memory_kept_bytes();
    weir_os_memory_give_back();
    assert_int_equal(weir_os_memory_kept_bytes(), kept);
    weir_os_memory_keep_blocks(0, 0); /* and one that comes back from now on is not kept */
    weir_memory_release(memory, weir_memory_allocate(memory, 9 * bytes), 9 * bytes);
    assert_int_equal(weir_os_memory_kept_bytes(), 0);
}

/* A block that is kept serves its own size alone. */
static void blocks_that_are_kept_are_told_apart_by_their_sizes(void **state)
{
    struct weir_memory *memory = weir_os_memory();
    const size_t small = 3 << 20, large = 5 << 20, most = atomic_load(&memory->used_bytes) + small + large;
    weir_os_memory_keep_blocks(most, 3600000);
    char *first = weir_memory_allocate(memory, large), *second = weir_memory_allocate(memory, small);
    weir_memory_release(memory, first, large);
    weir_memory_release(memory, second, small);
    size_t kept = weir_os_memory_kept_bytes();
    assert_true(kept == 0 || kept == small + large);
    char *again = weir_memory_allocate(memory, large); /* the other one was released later */
    assert_true(kept == 0 || again == first);
    memset(again, 1, large);
    assert_int_equal(weir_os_memory_kept_bytes(), kept ? small : 0);
    weir_memory_release(memory, again, large);
    weir_os_memory_keep_blocks(0, 0);
    weir_memory_release(memory, weir_memory_allocate(memory, small + 4096), small + 4096);
    assert_int_equal(weir_os_memory_kept_bytes(), 0);
}

static void blocks_are_made_before_they_are_wanted(void **state)
{
    struct weir_memory *memory = weir_os_memory(), user;
    const size_t bytes = 2 << 20, used = atomic_load(&memory->used_bytes);
    const _Atomic bool enough = true, not_enough = false;
    weir_memory_child_init(&user, memory, 0);
    weir_os_memory_make_blocks(4 * bytes, &user, &not_enough); /* nothing is kept unless it is asked for */
    assert_int_equal(weir_os_memory_kept_bytes(), 0);
    weir_os_memory_keep_blocks(used + 6 * bytes, 0);
    weir_os_memory_make_blocks(4 * bytes, &user, &enough);
    assert_int_equal(weir_os_memory_kept_bytes(), 0);
    char *block = weir_memory_allocate(&user, bytes);
    weir_os_memory_make_blocks(4 * bytes, &user, &not_enough);
    size_t kept = weir_os_memory_kept_bytes();
    assert_true(kept == 0 || kept == 3 * bytes);
    weir_os_memory_make_blocks(100 * bytes, &user, &not_enough); /* no more than may be kept */
    assert_int_equal(weir_os_memory_kept_bytes(), kept ? 5 * bytes : 0);
    weir_memory_release(&user, block, bytes);
    weir_os_memory_keep_blocks(0, 0);
    weir_os_memory_give_back();
    assert_int_equal(weir_os_memory_kept_bytes(), 0);
}

static void a_clock_that_is_set_back_goes_on_at_half_its_pace(void **state)
{
    struct weir_forward_clock clock = { 0 };
    assert_int_equal(weir_forward_clock_at(&clock, 1000000, 50), 1000000);
    assert_int_equal(weir_forward_clock_at(&clock, 1000100, 150), 1000100);
    /* Ten thousand back; looks that are too short for half of anything lose nothing. */
    for (int i = 1; i <= 1000; i++) (void)weir_forward_clock_at(&clock, 990100 + i, 150 + i);
    assert_int_equal(clock.last_us, 1000600);
    assert_int_equal(weir_forward_clock_at(&clock, 1000599, 20000), 1000600 + (20000 - 1150) / 2);
    assert_int_equal(weir_forward_clock_at(&clock, 1050000, 40000), 1050000); /* caught up, or set ahead */
    assert_true(weir_forward_clock_us(&clock) > 1600000000000000);
}

static void clocks_go_forward(void **state)
{
    int64_t monotonic = weir_clock_monotonic_ns(), wall = weir_clock_epoch_ms();
    weir_clock_sleep_ms(5);
    assert_true(weir_clock_monotonic_ns() - monotonic >= 5000000);
    assert_true(wall > 1600000000000 && weir_clock_epoch_ms() >= wall);
    assert_true(weir_clock_process_cpu_ns() >= weir_clock_thread_cpu_ns() / 2);
}

struct folder {
    struct weir_buffer path, content;
    struct weir_error error;
};

static int folder_make(void **state)
{
    static struct folder folder;
    memset(&folder, 0, sizeof folder);
    weir_buffer_init(&folder.path, weir_os_memory(), 4096);
    weir_buffer_init(&folder.content, weir_os_memory(), 1 << 20);
    *state = &folder;
    return weir_directory_create_temporary(NULL, "weir-test-", &folder.path, &folder.error);
}

static int folder_remove(void **state)
{
    struct folder *folder = *state;
    int code = weir_directory_remove(weir_buffer_text(&folder->path), &folder->error);
    bool left = weir_directory_exists(weir_buffer_text(&folder->path));
    weir_buffer_done(&folder->path);
    weir_buffer_done(&folder->content);
    return code || left;
}

static const char *in_folder(struct folder *folder, const char *name, char path[static 4096])
{
    snprintf(path, 4096, "%s/%s", weir_buffer_text(&folder->path), name);
    return path;
}

static void files_are_written_whole_and_read_back(void **state)
{
    struct folder *folder = *state;
    char path[4096], deep[4096];
    assert_int_equal(weir_directory_create(in_folder(folder, "a/b/c", deep), &folder->error), WEIR_OK);
    assert_int_equal(weir_directory_create(deep, &folder->error), WEIR_OK);
    assert_true(weir_directory_exists(deep));
    in_folder(folder, "a/b/c/file", path);
    assert_int_equal(weir_file_write(path, "old", 3, &folder->error), WEIR_OK);
    assert_int_equal(weir_file_write(path, "new text", 8, &folder->error), WEIR_OK);
    assert_true(weir_file_exists(path));
    assert_int_equal(weir_file_read(path, 8, &folder->content, &folder->error), WEIR_OK);
    assert_string_equal(weir_buffer_text(&folder->content), "new text");
    weir_buffer_clear(&folder->content);
    assert_int_equal(weir_file_read(path, 7, &folder->content, &folder->error), WEIR_E_IO);
    assert_non_null(strstr(folder->error.message, "too large"));
    assert_int_equal(weir_file_read(deep, 100, &folder->content, &folder->error), WEIR_E_DENIED);
    assert_int_equal(
        weir_file_read("/no/such/file", 100, &folder->content, &folder->error), WEIR_E_NOT_FOUND);
    assert_string_equal(folder->error.message, "cannot open '/no/such/file': No such file or directory");
    assert_int_equal(weir_file_write("/no/such/file", "x", 1, &folder->error), WEIR_E_NOT_FOUND);
    assert_int_equal(
        weir_directory_create(in_folder(folder, "a/b/c/file/x", deep), &folder->error), WEIR_E_NOT_FOUND);
}

/* The reader meets the end of its buffer exactly: nothing is lost, nothing invented. */
static void a_file_may_fill_its_buffer(void **state)
{
    struct folder *folder = *state;
    char path[4096];
    static char bytes[200001];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (char)(i * 31 >> 3);
    in_folder(folder, "large", path);
    assert_int_equal(weir_file_write(path, bytes, sizeof bytes, &folder->error), WEIR_OK);
    struct weir_buffer exact;
    weir_buffer_init(&exact, weir_os_memory(), sizeof bytes);
    assert_int_equal(weir_file_read(path, sizeof bytes, &exact, &folder->error), WEIR_OK);
    assert_int_equal(exact.length, sizeof bytes);
    assert_memory_equal(exact.data, bytes, sizeof bytes);
    weir_buffer_done(&exact);
}

static void a_log_event_is_one_line(void **state)
{
    struct folder *folder = *state;
    char path[4096], text[300];
    int descriptor = open(in_folder(folder, "log", path), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    weir_log_descriptor_set(descriptor);
    enum weir_log_level level;
    assert_true(weir_log_level_parse("info", &level) && level == WEIR_LOG_INFO);
    assert_false(weir_log_level_parse("loud", &level));
    weir_log_level_set(WEIR_LOG_INFO);
    weir_log(WEIR_LOG_DEBUG, "weir.test", "not this");
    weir_log(WEIR_LOG_INFO, "weir.test", "two\nlines and a \x01");
    weir_log_descriptor_set(STDERR_FILENO);
    weir_log_level_set(WEIR_LOG_WARN);
    ssize_t length = pread(descriptor, text, sizeof text - 1, 0);
    close(descriptor);
    assert_true(length > 0);
    text[length] = 0;
    int year, month, day, hour, minute, second, millisecond;
    assert_int_equal(sscanf(text, "%4d-%2d-%2d %2d:%2d:%2d,%3d", &year, &month, &day, &hour, &minute, &second,
                         &millisecond),
        7);
    char expected[200];
    snprintf(expected, sizeof expected, " INFO  %-60s [] - two\\nlines and a \\x01\n", "weir.test");
    assert_string_equal(text + 23, expected);
}

static void a_long_event_is_cut(void **state)
{
    struct folder *folder = *state;
    char path[4096];
    static char message[3 * WEIR_LOG_LINE_BYTES_MAX], text[4 * WEIR_LOG_LINE_BYTES_MAX];
    memset(message, '\n', sizeof message - 1);
    int descriptor = open(in_folder(folder, "log", path), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    weir_log_descriptor_set(descriptor);
    weir_log(WEIR_LOG_ERROR, "weir.test", "%s", message);
    weir_log_descriptor_set(STDERR_FILENO);
    ssize_t length = pread(descriptor, text, sizeof text, 0);
    close(descriptor);
    assert_true(length > 1000 && length <= WEIR_LOG_LINE_BYTES_MAX);
    assert_memory_equal(text + length - 11, " ... (cut)\n", 11);
}

static void stop_signals_are_told(void **state)
{
    weir_os_signals_install();
    assert_false(weir_os_stop_requested());
    struct pollfd poller = { .fd = weir_os_stop_descriptor(), .events = POLLIN };
    assert_int_equal(poll(&poller, 1, 0), 0);
    raise(SIGINT);
    assert_true(weir_os_stop_requested());
    assert_int_equal(weir_os_stop_signal(), SIGINT);
    assert_int_equal(poll(&poller, 1, 0), 1);
    weir_os_stop_clear();
    assert_false(weir_os_stop_requested());
    assert_int_equal(poll(&poller, 1, 0), 0);
    pid_t child = fork();
    if (child == 0) {
        raise(SIGTERM);
        raise(SIGTERM); /* the second ends it at once */
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 128 + SIGTERM);
}

struct yielded {
    pthread_t thread;
    int nice;
};

static void note_thread(void *argument)
{
    struct yielded *yielded = argument;
    *yielded = (struct yielded){ pthread_self(), getpriority(PRIO_PROCESS, 0) };
}

static void yielding_work_is_nicer_and_waited_for(void **state)
{
    struct yielded yielded = { 0 };
    int nice = getpriority(PRIO_PROCESS, 0);
    weir_os_run_yielding(note_thread, &yielded);
    assert_int_equal(yielded.nice, nice + 10 > 19 ? 19 : nice + 10);
    assert_false(pthread_equal(yielded.thread, pthread_self()));
    assert_int_equal(getpriority(PRIO_PROCESS, 0), nice); /* nobody else is */
}

/* The exit code of a client that gets a SIGTERM and computes on, without asking or having asked. */
static int stopped_client(bool asks)
{
    pid_t child = fork();
    if (child == 0) {
        weir_os_signals_install();
        weir_os_stop_clear();
        weir_os_stop_deadline();
        raise(SIGTERM);
        bool asked = asks && weir_os_stop_requested();
        int64_t end_ms = weir_clock_monotonic_ms() + (asked ? 2000 : 30000);
        while (weir_clock_monotonic_ms() < end_ms) {}
        _exit(asked ? 7 : 8);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void a_client_that_does_not_ask_ends_all_the_same(void **state)
{
    assert_int_equal(stopped_client(false), 128 + SIGTERM);
    assert_int_equal(stopped_client(true), 7);
}

/* In a process of its own, for a limit that is lowered stays. */
static int child_with_few_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit)) return 1;
    limit.rlim_cur = 40;
    if (setrlimit(RLIMIT_NOFILE, &limit)) return 2;
    if (weir_os_descriptors_share(4, 512) != 10 || weir_os_descriptors_share(4, 7) != 7) return 3;
    if (weir_os_descriptors_share(100, 512) != 1) return 4;
    rlim_t wanted = limit.rlim_max < 65536 ? limit.rlim_max : 65536;
    weir_os_descriptors_raise();
    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur != wanted) return 5;
    return 0;
}

static void descriptors_are_asked_for_and_shared(void **state)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) _exit(child_with_few_descriptors());
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_aligned_and_counted),
        cmocka_unit_test(large_blocks_stay_for_a_while),
        cmocka_unit_test(blocks_that_are_kept_are_told_apart_by_their_sizes),
        cmocka_unit_test(blocks_are_made_before_they_are_wanted),
        cmocka_unit_test(clocks_go_forward),
        cmocka_unit_test(a_clock_that_is_set_back_goes_on_at_half_its_pace),
        cmocka_unit_test_setup_teardown(files_are_written_whole_and_read_back, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(a_file_may_fill_its_buffer, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(a_log_event_is_one_line, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(a_long_event_is_cut, folder_make, folder_remove),
        cmocka_unit_test(stop_signals_are_told),
        cmocka_unit_test(a_client_that_does_not_ask_ends_all_the_same),
        cmocka_unit_test(yielding_work_is_nicer_and_waited_for),
        cmocka_unit_test(descriptors_are_asked_for_and_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
