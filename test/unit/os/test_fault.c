#include "os/fault.h"
#include "support/cmocka_all.h"
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void nothing_is_armed(void **state)
{
    assert_int_equal(weir_fault_init(NULL, NULL), WEIR_OK);
    assert_false(weir_fault_armed());
    assert_false(weir_fault_at("leader.write", false));
}

static void fails_at_the_nth_time(void **state)
{
    assert_int_equal(weir_fault_init("file.sync.before:fail@2,sink.commit.after:fail@2+", NULL), WEIR_OK);
    assert_true(weir_fault_armed());
    bool seen[3], onwards[3];
    for (int i = 0; i < 3; i++) {
        assert_false(weir_fault_at("file.sync", true));
        seen[i] = weir_fault_at("file.sync", false);
        onwards[i] = weir_fault_at("sink.commit", true);
    }
    assert_true(!seen[0] && seen[1] && !seen[2]);
    assert_true(!onwards[0] && onwards[1] && onwards[2]);
}

static void kills(void **state)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)weir_fault_init("record.checkpoint.after:kill", NULL);
        (void)weir_fault_at("record.checkpoint", true);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void what_is_not_understood_is_named(void **state)
{
    static const char *const wrong[] = { "leader.write", "leader.write:kill", "leader.write.during:kill",
        "nowhere.before:kill", "leader.write.before:explode", "leader.write.before:kill@",
        "leader.write.before:kill@0", "leader.write.before:kill@2x", ".before:kill", ":kill",
        "leader.write.before:kill,," };
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(wrong); i++) {
        struct weir_error error = { 0 };
        assert_int_equal(weir_fault_init(wrong[i], &error), WEIR_E_ARGUMENT);
        assert_non_null(strstr(error.message, "expected"));
    }
    assert_int_equal(weir_fault_init("", NULL), WEIR_OK);
    assert_false(weir_fault_armed());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_armed),
        cmocka_unit_test(fails_at_the_nth_time),
        cmocka_unit_test(kills),
        cmocka_unit_test(what_is_not_understood_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
