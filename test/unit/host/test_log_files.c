/* Which files a process shows as its logs, and that it shows no others. */
#include "host/log_files.h"
#include "support/cmocka_all.h"
#include "support/memory.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[256];

static const char *path_of(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(path_of(name), "w");
    assert_non_null(file);
    assert_int_equal(fputs(text, file) >= 0, 1);
    assert_int_equal(fclose(file), 0);
}

static int setup(void **state)
{
    snprintf(folder, sizeof folder, "/tmp/weir-log-files-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    write_file("mine.log", "log");
    write_file("mine.log.1", "older");
    write_file("mine.out", "out");
    write_file("minerva.log", "another's");
    write_file(".mine.log", "hidden");
    (void)symlink("/etc/passwd", path_of("mine.log.2"));
    (void)mkdir(path_of("mine.d"), 0700);
    (void)mkfifo(path_of("mine.fifo"), 0600);
    return 0;
}

static int teardown(void **state)
{
    static const char *const names[] = { "mine.log", "mine.log.1", "mine.out", "minerva.log", ".mine.log",
        "mine.log.2", "mine.fifo", "mine.d" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) (void)remove(path_of(names[i]));
    return rmdir(folder);
}

static struct weir_log_files files_of(bool all)
{
    struct weir_log_files files = { .all = all };
    snprintf(files.log, sizeof files.log, "%s/mine.log", folder);
    snprintf(files.directory, sizeof files.directory, "%s/", folder);
    return files;
}

static bool opens(const struct weir_log_files *files, const char *name)
{
    uint64_t offset, bytes;
    int file = weir_log_files_open(files, WEIR_LOG_KIND_NAMED, name, &offset, &bytes);
    if (file >= 0) close(file);
    return file >= 0;
}

static void a_process_shows_what_is_named_like_its_log(void **state)
{
    const struct weir_log_files files = files_of(false);
    struct weir_buffer out;
    weir_buffer_init(&out, weir_test_memory_shared(), 1 << 20);
    weir_log_files_print_json(&files, &out);
    const char *text = weir_buffer_text(&out);
    assert_ptr_equal(strstr(text, "{\"logs\":[{\"name\":\"mine.log\",\"size\":3,\"mtime\":"), text);
    assert_non_null(strstr(text, "mine.log.1"));
    assert_non_null(strstr(text, "mine.out"));
    assert_null(strstr(text, "minerva"));
    assert_null(strstr(text, "mine.log.2"));
    assert_null(strstr(text, "mine.d"));
    assert_null(strstr(text, "mine.fifo"));
    weir_buffer_done(&out);
    assert_true(opens(&files, "mine.log"));
    assert_false(opens(&files, "minerva.log"));
}

static void nothing_else_is_opened(void **state)
{
    static const char *const names[] = { "", ".", "..", "../mine.log", "/etc/passwd", "../../etc/passwd",
        "mine.log/../minerva.log", "mine.log.2", "mine.d", "mine.fifo", ".mine.log", "nothing" };
    for (int all = 0; all < 2; all++) {
        const struct weir_log_files files = files_of(all);
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) assert_false(opens(&files, names[i]));
        assert_int_equal(opens(&files, "minerva.log"), all);
    }
    const struct weir_log_files none = { .all = false };
    uint64_t offset, bytes;
    assert_false(opens(&none, "mine.log"));
    assert_int_equal(weir_log_files_open(&none, WEIR_LOG_KIND_LOG, NULL, &offset, &bytes), -1);
    assert_int_equal(weir_log_files_open(&none, WEIR_LOG_KIND_OUT, NULL, &offset, &bytes), -1);
}

static void of_a_long_log_the_end_is_shown(void **state)
{
    const struct weir_log_files files = files_of(false);
    const uint64_t size = WEIR_LOG_BYTES_SHOWN_MAX + 5ULL;
    assert_int_equal(truncate(path_of("mine.log"), (off_t)size), 0);
    uint64_t offset, bytes;
    int file = weir_log_files_open(&files, WEIR_LOG_KIND_LOG, NULL, &offset, &bytes);
    assert_true(file >= 0);
    close(file);
    assert_int_equal(bytes, WEIR_LOG_BYTES_SHOWN_MAX);
    assert_int_equal(offset, 5);
}

static void a_folder_of_logs_is_shown_whole_when_it_is_configured(void **state)
{
    struct weir_config *config = weir_config_new(weir_test_memory_shared());
    struct weir_error error;
    struct weir_log_files files;
    assert_int_equal(
        weir_config_set(config, WEIR_CONFIG_COMMAND_LINE, "web.log.path", path_of("mine.log"), &error), 0);
    unsetenv("FLINK_LOG_DIR");
    unsetenv("WEIR_LOG_DIR");
    weir_log_files_find(config, "web.log.path", &files);
    assert_false(files.all);
    assert_true(opens(&files, "mine.out"));
    assert_false(opens(&files, "minerva.log"));
    setenv("WEIR_LOG_DIR", "/", 1);
    weir_log_files_find(config, "web.log.path", &files);
    assert_false(opens(&files, "minerva.log"));
    setenv("WEIR_LOG_DIR", folder, 1);
    weir_log_files_find(config, "web.log.path", &files);
    assert_true(opens(&files, "minerva.log"));
    unsetenv("WEIR_LOG_DIR");
    weir_config_free(config);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_process_shows_what_is_named_like_its_log),
        TEST(nothing_else_is_opened),
        TEST(of_a_long_log_the_end_is_shown),
        TEST(a_folder_of_logs_is_shown_whole_when_it_is_configured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
