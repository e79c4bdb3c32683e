#include "config/value.h"
#include "support/cmocka_all.h"
#include "support/memory.h"
#include <string.h>

static struct weir_slice slice(const char *text)
{
    return (struct weir_slice){ text, strlen(text) };
}

static void durations(void **state)
{
    static const struct {
        const char *text;
        int64_t ns; /* -1: refused */
    } cases[] = {
        { "10 s", 10000000000 },
        { "10s", 10000000000 },
        { " 1 Min ", 60000000000 },
        { "200", 200000000 },
        { "1 d", 86400000000000 },
        { "2hours", 7200000000000 },
        { "3 m", 180000000000 },
        { "5 \xc2\xb5s", 5000 },
        { "7 micros", 7000 },
        { "9 nanoseconds", 9 },
        { "0 ms", 0 },
        { "106751 d", 9223286400000000000 },
        { "106752 d", -1 },
        { "", -1 },
        { "s", -1 },
        { "-1 s", -1 },
        { "1.5 s", -1 },
        { "1 s s", -1 },
        { "18446744073709551616", -1 },
        { "1 fortnight", -1 },
    };
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(cases); i++) {
        int64_t value = -1;
        bool parsed = weir_value_parse_duration_ns(slice(cases[i].text), &value);
        if (parsed != (cases[i].ns >= 0) || value != cases[i].ns) fail_msg("'%s'", cases[i].text);
    }
}

static void memory_sizes(void **state)
{
    static const struct {
        const char *text;
        int64_t bytes;
    } cases[] = {
        { "1024", 1024 },
        { "1 kb", 1024 },
        { "2k", 2048 },
        { "3 MB", 3 << 20 },
        { "1 gibibytes", 1 << 30 },
        { "1 tb", (int64_t)1 << 40 },
        { "10485760b", 10485760 },
        { "0 bytes", 0 },
        { "1 pb", -1 },
        { "-1", -1 },
        { "8388608 tb", -1 },
        { "x", -1 },
    };
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(cases); i++) {
        uint64_t value = 77;
        bool parsed = weir_value_parse_memory_bytes(slice(cases[i].text), &value);
        if (parsed != (cases[i].bytes >= 0)) fail_msg("'%s'", cases[i].text);
        if (parsed)
            assert_int_equal(value, cases[i].bytes);
        else
            assert_int_equal(value, 77);
    }
}

static void numbers(void **state)
{
    int64_t value;
    assert_true(weir_value_parse_long(slice("-9223372036854775808"), &value));
    assert_int_equal(value, INT64_MIN);
    assert_true(weir_value_parse_long(slice("+5"), &value));
    assert_false(weir_value_parse_long(slice("9223372036854775808"), &value));
    assert_false(weir_value_parse_long(slice("--5"), &value));
    assert_false(weir_value_parse_long(slice("5x"), &value));
    double real;
    assert_true(weir_value_parse_double(slice("0.1"), &real));
    assert_true(real == 0.1);
    assert_true(weir_value_parse_double(slice("-2.5e3"), &real));
    assert_true(real == -2500);
    assert_false(weir_value_parse_double(slice("."), &real));
    assert_false(weir_value_parse_double(slice("1e999"), &real));
    assert_false(weir_value_parse_double(slice("1..2"), &real));
}

static void words(void **state)
{
    size_t index = 9;
    struct weir_slice word;
    assert_true(weir_value_parse_enum("AT_LEAST_ONCE|EXACTLY_ONCE", slice("exactly-once"), &index, &word));
    assert_int_equal(index, 1);
    assert_int_equal(word.length, strlen("EXACTLY_ONCE"));
    assert_false(weir_value_parse_enum("A|B", slice("C"), &index, &word));
    assert_false(weir_value_parse_enum("A|B", slice(""), &index, &word));
    bool yes;
    assert_true(weir_value_parse_boolean(slice(" TRUE"), &yes) && yes);
    assert_true(weir_value_parse_boolean(slice("False"), &yes) && !yes);
    assert_false(weir_value_parse_boolean(slice("1"), &yes));
}

static void lists_come_back_as_they_were(void **state)
{
    static const char *const elements[] = { "plain", "a;b", "it's", "", " space ", "\"quoted\"", "k:v" };
    struct weir_buffer list, element;
    weir_buffer_init(&list, weir_test_memory_shared(), 1000);
    weir_buffer_init(&element, weir_test_memory_shared(), 1000);
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(elements); i++)
        weir_value_list_append(&list, ';', slice(elements[i]));
    struct weir_slice rest = { list.data, list.length };
    size_t count = 0;
    for (; weir_value_list_next(&rest, ';', &element); count++) {
        assert_string_equal(weir_buffer_text(&element), elements[count]);
        weir_buffer_clear(&element);
    }
    assert_int_equal(count, WEIR_ARRAY_COUNT(elements));
    weir_buffer_done(&list);
    weir_buffer_done(&element);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations),
        cmocka_unit_test(memory_sizes),
        cmocka_unit_test(numbers),
        cmocka_unit_test(words),
        cmocka_unit_test(lists_come_back_as_they_were),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
