#include "base/error.h"
#include "support/cmocka_all.h"
#include <stdio.h>
#include <string.h>

static void set_and_position(void **state)
{
    struct weir_error error;
    assert_int_equal(weir_error_set_at(&error, WEIR_E_SQL_SYNTAX, 3, 7, "got %s", "x"), WEIR_E_SQL_SYNTAX);
    assert_int_equal(error.line, 3);
    assert_int_equal(error.column, 7);
    assert_string_equal(error.message, "got x");
    assert_int_equal(weir_error_set(&error, WEIR_E_DATA, "again: %s", error.message), WEIR_E_DATA);
    assert_string_equal(error.message, "again: got x");
    assert_int_equal(error.line, 0);
    assert_int_equal(weir_error_set(NULL, WEIR_E_IO, "nobody reads this"), WEIR_E_IO);
}

static void wrapping_keeps_the_nearest_causes(void **state)
{
    struct weir_error error;
    weir_error_set_at(&error, WEIR_E_IO, 1, 2, "cause 0");
    for (int i = 1; i <= WEIR_ERROR_CAUSES_MAX + 2; i++) weir_error_wrap(&error, "cause %d", i);
    assert_int_equal(error.code, WEIR_E_IO);
    assert_int_equal(error.line, 1);
    assert_int_equal(error.cause_count, WEIR_ERROR_CAUSES_MAX);
    char expected[32];
    snprintf(expected, sizeof expected, "cause %d", WEIR_ERROR_CAUSES_MAX + 1);
    assert_string_equal(error.causes[0], expected);
    assert_string_equal(error.causes[WEIR_ERROR_CAUSES_MAX - 1], "cause 2");
    weir_error_wrap(&error, "%s, wrapped", error.message); /* an argument may be the old message */
    assert_non_null(strstr(error.message, ", wrapped"));
}

static void long_messages_are_cut(void **state)
{
    static char text[2 * WEIR_ERROR_MESSAGE_BYTES_MAX];
    struct weir_error error;
    memset(text, 'a', sizeof text - 1);
    weir_error_set(&error, WEIR_E_DATA, "%s", text);
    assert_int_equal(strlen(error.message), WEIR_ERROR_MESSAGE_BYTES_MAX - 1);
    weir_error_wrap(&error, "short");
    assert_int_equal(strlen(error.causes[0]), WEIR_ERROR_CAUSE_BYTES_MAX - 1);
}

static void every_code_has_words(void **state)
{
    assert_string_equal(weir_error_code_text(WEIR_OK), "ok");
    assert_int_equal(weir_error_code_reaction(WEIR_OK), WEIR_REACTION_NONE);
    assert_int_equal(weir_error_code_reaction(WEIR_E_BUDGET), WEIR_REACTION_BACK_PRESSURE);
    for (int code = 0; code <= WEIR_E_INTERNAL; code++) {
        assert_string_not_equal(weir_error_code_text((enum weir_error_code)code), "unknown error");
    }
    assert_string_equal(weir_error_code_text((enum weir_error_code)9999), "unknown error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_and_position),
        cmocka_unit_test(wrapping_keeps_the_nearest_causes),
        cmocka_unit_test(long_messages_are_cut),
        cmocka_unit_test(every_code_has_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
