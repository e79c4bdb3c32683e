#include "config/config.h"
#include "support/cmocka_all.h"
#include "support/memory.h"
#include <stdio.h>
#include <string.h>

struct fixture {
    struct weir_test_memory memory;
    struct weir_config *config;
    struct weir_error error;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    weir_test_memory_init(&fixture.memory);
    fixture.config = weir_config_new(&fixture.memory.base);
    memset(&fixture.error, 0, sizeof fixture.error);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    weir_config_free(fixture->config);
    weir_test_memory_check(&fixture->memory);
    return 0;
}

static enum weir_error_code read_yaml(struct fixture *fixture, const char *text)
{
    return weir_config_read_yaml(fixture->config, "config.yaml", text, strlen(text), &fixture->error);
}

static enum weir_error_code read_flat(struct fixture *fixture, const char *text)
{
    return weir_config_read_flat(fixture->config, "flink-conf.yaml", text, strlen(text), &fixture->error);
}

static void assert_text(const struct fixture *fixture, const char *key, const char *expected)
{
    const char *value = weir_config_get_text(fixture->config, key, "(nothing)");
    assert_string_equal(value, expected);
}

static void table_is_sorted_and_sound(void **state)
{
    for (size_t i = 0; i < weir_option_count(); i++) {
        const struct weir_option *option = weir_option_at(i);
        if (i) assert_true(strcmp(weir_option_at(i - 1)->key, option->key) < 0);
        if (!weir_option_is_pattern(option)) {
            assert_ptr_equal(weir_option_find(option->key, strlen(option->key)), option);
        }
        if (option->status == WEIR_OPTION_ACTIVE && !option->meaning[0])
            fail_msg("'%s' has no meaning text", option->key);
    }
    assert_true(weir_option_count() > 1000);
}

/* Every default can be read back as its own type: getters never fall through to their fallback by a misprint.
 */
static void defaults_are_valid(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < weir_option_count(); i++) {
        const struct weir_option *option = weir_option_at(i);
        if (!option->default_value || weir_option_is_pattern(option)) continue;
        if (strcmp(option->default_value, "infinite") == 0) continue;
        enum weir_error_code code = weir_config_set(
            fixture->config, WEIR_CONFIG_SESSION, option->key, option->default_value, &fixture->error);
        if (code) fail_msg("%s: %s", option->key, fixture->error.message);
        weir_config_reset_all(fixture->config);
    }
}

static void a_number_out_of_its_range_is_refused(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *key, *value, *form;
    } cases[] = {
        { "taskmanager.numberOfTaskSlots", "0", "a whole number from 1 to 1024" },
        { "taskmanager.numberOfTaskSlots", "1025", "a whole number from 1 to 1024" },
        { "rest.port", "65536", "a whole number from 0 to 65535" },
        { "rest.port", "-1", "a whole number from 0 to 65535" },
        { "parallelism.default", "0", "a whole number from 1 to 32768" },
    };
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(cases); i++) {
        assert_int_equal(weir_config_set(fixture->config, WEIR_CONFIG_SESSION, cases[i].key, cases[i].value,
                             &fixture->error),
            WEIR_E_CONFIGURATION);
        assert_non_null(strstr(fixture->error.message, cases[i].form));
        assert_non_null(strstr(fixture->error.message, cases[i].key));
    }
    assert_int_equal(weir_config_set(fixture->config, WEIR_CONFIG_SESSION, "taskmanager.numberOfTaskSlots",
                         "1024", &fixture->error),
        WEIR_OK);
}

static void yaml_nested_and_dotted_keys_mix(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(read_yaml(fixture, "# a comment\n"
                                        "parallelism:\n"
                                        "  default: 0x10\n"
                                        "table:\n"
                                        "  exec.state.ttl: 2 h\n"
                                        "  exec:\n"
                                        "    mini-batch: {enabled: True, size: 5_000}\n"),
        WEIR_E_CONFIGURATION); /* 5_000 is no number of YAML 1.2 */
    assert_non_null(
        strstr(fixture->error.message, "config.yaml:7: bad value '5_000' for 'table.exec.mini-batch.size'"));
    assert_int_equal(fixture->error.line, 7);
    assert_int_equal(weir_config_get_integer(fixture->config, "parallelism.default", -5), 16);
    assert_int_equal(weir_config_get_duration_ms(fixture->config, "table.exec.state.ttl", -1), 7200000);
    assert_true(weir_config_get_boolean(fixture->config, "table.exec.mini-batch.enabled", false));
}

static void yaml_lists_and_maps(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(read_yaml(fixture, "pipeline.jars: [a.jar, 'b;c.jar', \"it's\"]\n"
                                        "pipeline:\n"
                                        "  global-job-parameters:\n"
                                        "    k1: v1\n"
                                        "    k2: 'v,2'\n"
                                        "  classpaths:\n"
                                        "  - /one\n"
                                        "  - /two\n"
                                        "metrics.reporters:\n"),
        WEIR_OK);
    assert_text(fixture, "pipeline.jars", "a.jar;'b;c.jar';'it''s'");
    assert_text(fixture, "pipeline.classpaths", "/one;/two");
    assert_text(fixture, "pipeline.global-job-parameters", "k1:v1,'k2:v,2'");
    assert_false(weir_config_is_set(fixture->config, "metrics.reporters"));
}

static void yaml_that_is_wrong(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        { "paralelism.default: 1\n",
            "config.yaml:1: unknown configuration key 'paralelism.default'; did you mean "
            "'parallelism.default'?" },
        { "\n\nnonsense: 1\n", "config.yaml:3: unknown configuration key 'nonsense'" },
        { "parallelism.default: many\n", "expected a whole number" },
        { "execution.runtime-mode: fast\n", "expected one of STREAMING,BATCH,AUTOMATIC" },
        { "table.exec.state.ttl: 5 parsec\n", "expected a duration" },
        { "table.exec.state.ttl: 99999999999999999999 d\n", "expected a duration" },
        { "table.dml-sync: yes\n", "expected true or false" },
        { "a: [\n", "this is no YAML" },
        { "- a\n- b\n", "'key: value' lines are expected" },
        { "just text\n", "'key: value' lines are expected" },
        { "parallelism.default: 1\nparallelism:\n  default: 2\n",
            "config.yaml:3: 'parallelism.default' was already set in "
            "line 1" },
        { "parallelism.default: &x 1\npipeline.name: *x\n", "aliases" },
        { "parallelism.default: 1\n---\npipeline.name: x\n", "second document" },
        { "? [a]\n: b\n", "a key must be plain text" },
        { "pipeline.jars: [[a]]\n", "elements of a list" },
        { "rest:\n  ssl: {password: {a: b}}\n", "unknown configuration key" },
    };
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(cases); i++) {
        struct fixture *fixture = *state;
        assert_int_equal(read_yaml(fixture, cases[i].text), WEIR_E_CONFIGURATION);
        if (!strstr(fixture->error.message, cases[i].message)) {
            fail_msg("case %zu: got '%s', expected '%s'", i, fixture->error.message, cases[i].message);
        }
        weir_config_free(fixture->config);
        fixture->config = weir_config_new(&fixture->memory.base);
    }
}

static void yaml_nesting_is_bounded(void **state)
{
    char text[2000];
    size_t length = 0;
    for (int i = 0; i < 200; i++) length += (size_t)snprintf(text + length, sizeof text - length, "{a: ");
    struct fixture *fixture = *state;
    assert_int_equal(read_yaml(fixture, text), WEIR_E_CONFIGURATION);
    assert_non_null(strstr(fixture->error.message, "nested too deeply"));
}

/* As editors write it, in front of the first key, in both kinds of files; elsewhere it is part of a name. */
static void a_byte_order_mark_is_skipped(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(read_flat(fixture, "\xEF\xBB\xBFparallelism.default: 3\n"), WEIR_OK);
    assert_int_equal(weir_config_get_integer(fixture->config, "parallelism.default", 0), 3);
    assert_int_equal(read_yaml(fixture, "\xEF\xBB\xBFparallelism.default: 4\n"), WEIR_OK);
    assert_int_equal(weir_config_get_integer(fixture->config, "parallelism.default", 0), 4);
    assert_int_equal(read_flat(fixture, "\xEF\xBB\xBF"), WEIR_OK);
    assert_int_equal(
        read_flat(fixture, "pipeline.name: x\n\xEF\xBB\xBFparallelism.default: 5\n"), WEIR_E_CONFIGURATION);
}

static void flat_rules_of_flink_1(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(read_flat(fixture, "# comment\r\n"
                                        "  parallelism.default: 3   # three\r\n"
                                        "pipeline.name: a: b\n"
                                        "pipeline.name: second: wins\n"
                                        "table.dml-sync:true\n"
                                        "execution.runtime-mode: batch"),
        WEIR_OK);
    assert_int_equal(weir_config_get_integer(fixture->config, "parallelism.default", 0), 3);
    assert_text(fixture, "pipeline.name", "second: wins");
    assert_false(weir_config_get_boolean(fixture->config, "table.dml-sync", true));
    assert_int_equal(weir_config_get_enum(fixture->config, "execution.runtime-mode", 0), 1);
    size_t skipped = 0;
    for (size_t i = 0; i < weir_config_notice_count(fixture->config); i++) {
        enum weir_config_notice_kind kind;
        const char *text = weir_config_notice(fixture->config, i, &kind);
        if (kind != WEIR_CONFIG_NOTICE_SKIPPED) continue;
        assert_non_null(strstr(text, "flink-conf.yaml:5"));
        skipped++;
    }
    assert_int_equal(skipped, 1);
    assert_int_equal(read_flat(fixture, "x\nparallelism.defualt: 1\n"), WEIR_E_CONFIGURATION);
    assert_non_null(strstr(fixture->error.message,
        "flink-conf.yaml:2: unknown configuration key 'parallelism.defualt'; did "
        "you mean 'parallelism.default'?"));
}

static void layers_decide_and_reset_uncovers(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(weir_config_get_integer(fixture->config, "parallelism.default", 0), 1);
    assert_int_equal(read_yaml(fixture, "parallelism.default: 2\n"), WEIR_OK);
    assert_int_equal(
        weir_config_read_argument(fixture->config, "parallelism.default=3", &fixture->error), WEIR_OK);
    assert_int_equal(
        weir_config_set(fixture->config, WEIR_CONFIG_SESSION, "parallelism.default", "4", &fixture->error),
        WEIR_OK);
    assert_int_equal(weir_config_get_integer(fixture->config, "parallelism.default", 0), 4);
    struct weir_config *copy = weir_config_copy(fixture->config, &fixture->memory.base);
    assert_int_equal(weir_config_reset(fixture->config, "parallelism.default", &fixture->error), WEIR_OK);
    assert_int_equal(weir_config_get_integer(fixture->config, "parallelism.default", 0), 3);
    assert_int_equal(weir_config_get_integer(copy, "parallelism.default", 0), 4);
    weir_config_free(copy);
    assert_int_equal(
        weir_config_reset(fixture->config, "parallelism.defaul", &fixture->error), WEIR_E_CONFIGURATION);
    assert_int_equal(
        weir_config_read_argument(fixture->config, "no.such=1", &fixture->error), WEIR_E_CONFIGURATION);
    assert_int_equal(weir_config_read_argument(fixture->config, "table.dml-sync", &fixture->error), WEIR_OK);
    assert_true(weir_config_get_boolean(fixture->config, "table.dml-sync", false));
}

static void old_names_are_a_fallback(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(
        read_yaml(fixture, "pipeline.operator-chaining: false\nstate.backend.local-recovery: true\n"),
        WEIR_OK);
    assert_false(weir_config_get_boolean(fixture->config, "pipeline.operator-chaining.enabled", true));
    assert_true(
        weir_config_get_boolean(fixture->config, "execution.checkpointing.local-backup.enabled", false));
    assert_true(weir_config_get_boolean(fixture->config, "execution.state-recovery.from-local", false));
    /* The new name decides in whatever layer it is set. */
    assert_int_equal(read_yaml(fixture, "pipeline.operator-chaining.enabled: true\n"), WEIR_OK);
    assert_int_equal(
        weir_config_read_argument(fixture->config, "pipeline.operator-chaining=false", NULL), WEIR_OK);
    assert_true(weir_config_get_boolean(fixture->config, "pipeline.operator-chaining.enabled", false));
    /* Both the fallback of one option and an option of its own. */
    assert_int_equal(read_yaml(fixture, "table.exec.async-scalar.buffer-capacity: 7\n"), WEIR_OK);
    assert_int_equal(
        weir_config_get_integer(fixture->config, "table.exec.async-scalar.buffer-capacity", 0), 7);
    assert_int_equal(
        weir_config_get_integer(fixture->config, "table.exec.async-scalar.max-concurrent-operations", 0), 7);
}

static void patterns_stand_for_many_keys(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(read_yaml(fixture, "metrics.reporter.prom.factory.class: x\n"
                                        "metrics.reporter.prom.port: 9249\n"
                                        "metrics.reporter.prom.interval: 10 s\n"
                                        "s3.access.key: abc\n"
                                        "fs.oss.endpoint: e\n"
                                        "table.optimizer.rule.filter-push-down: false\n"),
        WEIR_OK);
    assert_false(weir_config_get_boolean(fixture->config, "table.optimizer.rule.filter-push-down", true));
    assert_true(weir_config_get_boolean(fixture->config, "table.optimizer.rule.other", false));
    assert_int_equal(
        weir_config_get_duration_ms(fixture->config, "metrics.reporter.prom.interval", 0), 10000);
    assert_text(fixture, "s3.access-key", "abc");
    assert_int_equal(read_yaml(fixture, "metrics.reporter.prom.interval: soon\n"), WEIR_E_CONFIGURATION);
    assert_int_equal(read_yaml(fixture, "table.optimizer.rule.x: soon\n"), WEIR_E_CONFIGURATION);
    assert_int_equal(read_yaml(fixture, "metrics.reporter: x\n"), WEIR_E_CONFIGURATION);
}

static void one_notice_for_a_key_without_meaning(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(
        read_yaml(fixture, "classloader.resolve-order: parent-first\nblob.server.port: 6124\n"), WEIR_OK);
    assert_int_equal(
        weir_config_read_argument(fixture->config, "classloader.resolve-order=x", NULL), WEIR_OK);
    enum weir_config_notice_kind kind;
    assert_int_equal(weir_config_notice_count(fixture->config), 2);
    assert_non_null(
        strstr(weir_config_notice(fixture->config, 0, &kind), "'classloader.resolve-order' has no meaning"));
    assert_int_equal(kind, WEIR_CONFIG_NOTICE_NO_MEANING);
    weir_config_notice(fixture->config, 1, &kind);
    assert_int_equal(kind, WEIR_CONFIG_NOTICE_CLUSTER);
}

static void print(struct fixture *fixture, enum weir_config_extent extent, struct weir_buffer *text)
{
    weir_buffer_init(text, &fixture->memory.base, 4 << 20);
    weir_config_print(fixture->config, extent, text);
}

static void secrets_are_never_printed(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(
        read_yaml(fixture, "s3.secret-key: hunter2\n"
                           "metrics.reporter.x.apiKey: hunter2\n"
                           "high-availability.zookeeper.client.authorization: digest:me:hunter2\n"
                           "security.redaction.additional-keys: [pipeline.na]\n"
                           "pipeline.name: hunter2\n"),
        WEIR_OK);
    struct weir_buffer text;
    print(fixture, WEIR_CONFIG_ALL, &text);
    assert_null(strstr(weir_buffer_text(&text), "hunter2"));
    assert_non_null(strstr(weir_buffer_text(&text), "s3.secret-key: \"******\"  # config.yaml:1\n"));
    assert_non_null(
        strstr(weir_buffer_text(&text), "metrics.reporter.x.apiKey: \"******\"  # config.yaml:2\n"));
    assert_non_null(strstr(weir_buffer_text(&text), "pipeline.name: \"******\""));
    weir_buffer_done(&text);
    size_t index = 0, count = 0;
    for (struct weir_config_item item; weir_config_next(fixture->config, &index, &item); count++) {
        assert_null(strstr(item.value, "hunter2"));
    }
    assert_int_equal(count, 5);
    assert_int_equal(
        read_yaml(fixture, "security.ssl.internal.session-timeout: hunter2\n"), WEIR_E_CONFIGURATION);
}

static void printed_values_name_their_origin(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(
        read_flat(fixture, "pipeline.name: a # b\npipeline.operator-chaining: false\n"), WEIR_OK);
    assert_int_equal(
        weir_config_set(fixture->config, WEIR_CONFIG_SESSION, "table.exec.state.ttl", "1 h", NULL), WEIR_OK);
    assert_int_equal(
        weir_config_set(fixture->config, WEIR_CONFIG_SESSION, "table.optimizer.rule.b", "false", NULL),
        WEIR_OK);
    struct weir_buffer text;
    print(fixture, WEIR_CONFIG_CHANGED, &text);
    assert_string_equal(weir_buffer_text(&text),
        "pipeline.name: a  # flink-conf.yaml:1\n"
        "pipeline.operator-chaining.enabled: false  # flink-conf.yaml:2 as pipeline.operator-chaining\n"
        "table.exec.state.ttl: 1 h  # SET\n"
        "table.optimizer.rule.b: false  # SET\n");
    weir_buffer_done(&text);
    print(fixture, WEIR_CONFIG_USED, &text);
    assert_non_null(strstr(weir_buffer_text(&text), "\nparallelism.default: 1  # default\n"));
    assert_null(strstr(weir_buffer_text(&text), "classloader"));
    weir_buffer_done(&text);
}

/* What is printed is YAML that gives the same values again. */
static void printed_configuration_can_be_read(void **state)
{
    struct fixture *fixture = *state;
    static const char *const values[] = { "a: b", "#x", "-", "'q'", "\"", "a\\b", " ", "tab\there", "-1",
        "x # y", "[l]" };
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(values); i++) {
        assert_int_equal(
            weir_config_set(fixture->config, WEIR_CONFIG_SESSION, "pipeline.name", values[i], NULL), WEIR_OK);
        struct weir_buffer text;
        print(fixture, WEIR_CONFIG_CHANGED, &text);
        struct weir_config *again = weir_config_new(&fixture->memory.base);
        assert_int_equal(weir_config_read_yaml(again, "x", text.data, text.length, &fixture->error), WEIR_OK);
        assert_string_equal(weir_config_get_text(again, "pipeline.name", "(nothing)"),
            weir_config_get_text(fixture->config, "pipeline.name", ""));
        weir_config_free(again);
        weir_buffer_done(&text);
    }
}

static void every_option_is_documented(void **state)
{
    struct fixture *fixture = *state;
    struct weir_buffer text;
    weir_buffer_init(&text, &fixture->memory.base, 4 << 20);
    weir_config_print_markdown(&text);
    size_t lines = 0;
    const char *at = weir_buffer_text(&text);
    while ((at = strstr(at, "\n| `"))) lines++, at++;
    assert_int_equal(lines, weir_option_count());
    weir_buffer_done(&text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(table_is_sorted_and_sound),
        TEST(defaults_are_valid),
        TEST(a_number_out_of_its_range_is_refused),
        TEST(yaml_nested_and_dotted_keys_mix),
        TEST(yaml_lists_and_maps),
        TEST(yaml_that_is_wrong),
        TEST(yaml_nesting_is_bounded),
        TEST(a_byte_order_mark_is_skipped),
        TEST(flat_rules_of_flink_1),
        TEST(layers_decide_and_reset_uncovers),
        TEST(old_names_are_a_fallback),
        TEST(patterns_stand_for_many_keys),
        TEST(one_notice_for_a_key_without_meaning),
        TEST(secrets_are_never_printed),
        TEST(printed_values_name_their_origin),
        TEST(printed_configuration_can_be_read),
        TEST(every_option_is_documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
