/* The log: one event is one line, in both layouts, whatever it quotes. */
#define _GNU_SOURCE
#include "os/log.h"
#include "support/cmocka_all.h"
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int ends[2];
static char line[2 * WEIR_LOG_LINE_BYTES_MAX];

static int setup(void **state)
{
    weir_log_level_set(WEIR_LOG_INFO);
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    weir_log_descriptor_set(ends[1]);
    return 0;
}

static int teardown(void **state)
{
    weir_log_descriptor_set(STDERR_FILENO);
    weir_log_json_set(false, "weir");
    close(ends[0]);
    close(ends[1]);
    return 0;
}

static size_t take(void)
{
    ssize_t count = read(ends[0], line, sizeof line - 1);
    line[count > 0 ? count : 0] = '\0';
    return (size_t)(count > 0 ? count : 0);
}

static void lines_look_like_flinks(void **state)
{
    weir_log(WEIR_LOG_INFO, "weir.test", "two\nlines, %d tab\t, \x01 and \"quotes\" of \xc3\xa9", 1);
    size_t length = take();
    assert_string_equal(line + 24, "INFO  weir.test                                                    [] - "
                                   "two\\nlines, 1 tab\\t, \\x01 and \"quotes\" of \xc3\xa9\n");
    assert_int_equal(line[19], ',');
    assert_int_equal(strchr(line, '\n') - line, (long)length - 1);
    weir_log(WEIR_LOG_DEBUG, "weir.test", "not wanted");
    assert_int_equal(take(), 0);
}

static void json_is_of_the_common_schema(void **state)
{
    weir_log_json_set(true, "weir-test");
    weir_log(WEIR_LOG_WARN, "weir.test", "two\nlines, \"quotes\" \\ \x01 of \xc3\xa9 and \xff\xc3");
    size_t length = take();
    assert_memory_equal(line, "{\"@timestamp\":\"20", 17);
    const char *rest = strchr(line, 'Z');
    assert_non_null(rest);
    assert_int_equal(rest - line, 15 + 23);
    assert_memory_equal(rest,
        "Z\",\"ecs.version\":\"1.2.0\",\"service.name\":\"weir-test\",\"log.level\":\"WARN\",\"message\":\"",
        82);
    assert_non_null(strstr(rest,
        "\"message\":\"two\\nlines, \\\"quotes\\\" \\\\ \\u0001 of \xc3\xa9 and \\ufffd\\ufffd\","
        "\"process.thread.name\":\""));
    const char *end = "\",\"log.logger\":\"weir.test\"}\n";
    assert_string_equal(line + length - strlen(end), end);
    assert_int_equal(strchr(line, '\n') - line, (long)length - 1);
}

static void a_line_that_is_too_long_is_cut_and_still_whole(void **state)
{
    static char text[3 * WEIR_LOG_LINE_BYTES_MAX];
    memset(text, '"', sizeof text - 1);
    for (int json = 0; json < 2; json++) {
        weir_log_json_set(json == 1, "weir");
        for (size_t left = 0; left < 400; left++) { /* whatever is at the end of the room */
            weir_log(
                WEIR_LOG_INFO, "weir.test", "%.*s", (int)(WEIR_LOG_LINE_BYTES_MAX / (1 + json) - left), text);
            size_t length = take();
            assert_true(length <= WEIR_LOG_LINE_BYTES_MAX);
            assert_int_equal(line[length - 1], '\n');
            if (json)
                assert_string_equal(line + length - strlen("\",\"log.logger\":\"weir.test\"}\n"),
                    "\",\"log.logger\":\"weir.test\"}\n");
        }
        weir_log(WEIR_LOG_INFO, "weir.test", "%s", text);
        take();
        assert_non_null(strstr(line, " ... (cut)"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_look_like_flinks, setup, teardown),
        cmocka_unit_test_setup_teardown(json_is_of_the_common_schema, setup, teardown),
        cmocka_unit_test_setup_teardown(a_line_that_is_too_long_is_cut_and_still_whole, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
