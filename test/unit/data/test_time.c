#include "data/time.h"
#include "support/cmocka_all.h"
#include <string.h>

static void test_dates_both_ways(void **context)
{
    assert_int_equal(weir_date_days(1970, 1, 1), 0);
    assert_int_equal(weir_date_days(2000, 3, 1), 11017);
    assert_int_equal(weir_date_days(1, 1, 1), -719162);
    assert_int_equal(weir_date_days(9999, 12, 31), 2932896);
    assert_int_equal(weir_date_days(0, 3, 1), -719468);
    int64_t expected = weir_date_days(-800, 1, 1);
    for (int64_t year = -800; year <= 10100; year++) {
        for (int32_t month = 1; month <= 12; month++) {
            int32_t last = weir_month_days(year, month);
            assert_int_equal(weir_date_days(year, month, 1), expected);
            for (int32_t day = 1; day <= last; day += last - 1) {
                struct weir_civil civil = weir_date_civil(expected + day - 1);
                assert_int_equal(civil.year, year);
                assert_int_equal(civil.month, month);
                assert_int_equal(civil.day, day);
            }
            expected += last;
        }
    }
}

static void test_timestamps_both_ways(void **context)
{
    static const int64_t samples[] = { 0, -1, 1, 999999, -1000000, 86399999999, -86400000000,
        -62135596800000000, 253402300799999999, 1602324000123456, -377705116800000000 };
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(samples); i++) {
        struct weir_civil civil = weir_civil_from_us(samples[i]);
        assert_int_equal(weir_civil_us(&civil), samples[i]);
        struct weir_civil same = weir_civil_from_ns((weir_int128)samples[i] * 1000 + 7);
        civil.nanosecond += 7;
        assert_memory_equal(&civil, &same, sizeof civil);
        assert_true(weir_civil_ns(&same) == (weir_int128)samples[i] * 1000 + 7);
    }
    struct weir_civil before = weir_civil_from_us(-1);
    assert_int_equal(before.year, 1969);
    assert_int_equal(before.hour, 23);
    assert_int_equal(before.nanosecond, 999999000);
    assert_int_equal(weir_timestamp_us_floor(-1, 3), -1000);
    assert_int_equal(weir_timestamp_us_floor(1999999, 0), 1000000);
    assert_int_equal(weir_timestamp_us_floor(1999999, 6), 1999999);
}

static void test_weeks_and_days(void **context)
{
    int64_t year;
    assert_int_equal(weir_date_iso_weekday(0), 4); /* a Thursday */
    assert_int_equal(weir_date_iso_weekday(-1), 3);
    assert_int_equal(weir_date_iso_week(weir_date_days(2021, 1, 3), &year), 53);
    assert_int_equal(year, 2020);
    assert_int_equal(weir_date_iso_week(weir_date_days(2019, 12, 30), &year), 1);
    assert_int_equal(year, 2020);
    assert_int_equal(weir_date_iso_week(weir_date_days(2016, 1, 1), &year), 53);
    assert_int_equal(weir_date_iso_week(weir_date_days(2018, 1, 1), NULL), 1);
    assert_int_equal(weir_date_day_of_year(weir_date_days(2020, 12, 31)), 366);
    assert_int_equal(weir_date_add_months(weir_date_days(2020, 1, 31), 1), weir_date_days(2020, 2, 29));
    assert_int_equal(weir_date_add_months(weir_date_days(2020, 3, 31), -13), weir_date_days(2019, 2, 28));
    assert_int_equal(weir_date_add_months(weir_date_days(2020, 12, 1), 1), weir_date_days(2021, 1, 1));
}

static void expect_date(const char *text, bool valid, int64_t year, int32_t month, int32_t day)
{
    int32_t days = 12345;
    if (weir_date_parse(text, strlen(text), &days) != valid) fail_msg("'%s'", text);
    assert_int_equal(days, valid ? weir_date_days(year, month, day) : 12345);
}

static void test_date_parse(void **context)
{
    expect_date("2020-01-02", true, 2020, 1, 2);
    expect_date("2020-1-2", true, 2020, 1, 2);
    expect_date("2020", true, 2020, 1, 1);
    expect_date("2020-7", true, 2020, 7, 1);
    expect_date("2020-02-29", true, 2020, 2, 29);
    expect_date("2017-12-12 09:30:00.0", true, 2017, 12, 12);
    expect_date("0001-01-01", true, 1, 1, 1);
    expect_date("9999-12-31", true, 9999, 12, 31);
    expect_date("2019-02-29", false, 0, 0, 0);
    expect_date("2020-13-01", false, 0, 0, 0);
    expect_date("2020-04-31", false, 0, 0, 0);
    expect_date("2020-00-01", false, 0, 0, 0);
    expect_date("10000-01-01", false, 0, 0, 0);
    expect_date("-2020-01-01", false, 0, 0, 0);
    expect_date("2020-01-01T00:00", false, 0, 0, 0);
    expect_date("2020/01/01", false, 0, 0, 0);
    expect_date("2020-01-02-03", false, 0, 0, 0);
    expect_date("", false, 0, 0, 0);
    expect_date("abc", false, 0, 0, 0);
    expect_date("2020-", false, 0, 0, 0);
    expect_date("99999999999999999999-01-01", false, 0, 0, 0);
}

static void expect_time(const char *text, bool valid, int32_t ms)
{
    int32_t found = -7;
    if (weir_time_parse(text, strlen(text), &found) != valid) fail_msg("'%s'", text);
    assert_int_equal(found, valid ? ms : -7);
}

static void test_time_parse(void **context)
{
    expect_time("10:20:30", true, 37230000);
    expect_time("10:20:30.123", true, 37230123);
    expect_time("10:20:30.1", true, 37230100);
    expect_time("10:20:30.123567", true, 37230124);
    expect_time("1:2:3", true, 3723000);
    expect_time("10:20", true, 37200000);
    expect_time("10", true, 36000000);
    expect_time("23:59:59.999", true, 86399999);
    expect_time("24:00:00", false, 0);
    expect_time("10:60:00", false, 0);
    expect_time("10:20:61", false, 0);
    expect_time("", false, 0);
    expect_time("a:b:c", false, 0);
    expect_time("10:20:", false, 0);
    expect_time("-10:00", false, 0);
}

static void expect_timestamp(const char *text, uint32_t precision, const char *expected)
{
    struct weir_civil civil;
    char printed[WEIR_TIME_TEXT_BYTES_MAX + 1];
    bool parsed = weir_timestamp_parse(text, strlen(text), precision, &civil);
    if (parsed != (expected != NULL)) fail_msg("'%s'", text);
    if (!parsed) return;
    printed[weir_timestamp_print(&civil, ' ', precision, printed)] = 0;
    assert_string_equal(printed, expected);
}

static void test_timestamp_parse(void **context)
{
    expect_timestamp("2020-01-01 10:00:00.123", 3, "2020-01-01 10:00:00.123");
    expect_timestamp("2020-01-01 10:00:00.123456789", 9, "2020-01-01 10:00:00.123456789");
    expect_timestamp("2020-01-01 10:00:00.123999999", 3, "2020-01-01 10:00:00.123");
    expect_timestamp("2020-01-01 10:00:00", 0, "2020-01-01 10:00:00");
    expect_timestamp("2020-01-01", 6, "2020-01-01 00:00:00.000000");
    expect_timestamp("2020-1-2 3:4:5", 0, "2020-01-02 03:04:05");
    expect_timestamp("2020-04-31", 0, "2020-04-30 00:00:00");
    expect_timestamp("0001-01-01 00:00:00", 0, "0001-01-01 00:00:00");
    expect_timestamp("9999-12-31 23:59:59.999999999", 9, "9999-12-31 23:59:59.999999999");
    expect_timestamp("2020-01-01T10:00:00", 3, NULL);
    expect_timestamp("2020-01-01 10:00", 3, NULL);
    expect_timestamp("2020-01-01 25:00:00", 3, NULL);
    expect_timestamp("2020-01-01 10:00:00.", 3, NULL);
    expect_timestamp("2020-01-01 10:00:00.1234567890", 3, NULL);
    expect_timestamp("2020-01-32", 3, NULL);
    expect_timestamp("20-01-01", 3, NULL);
    expect_timestamp("", 3, NULL);
    expect_timestamp("2020-01-01 ", 3, NULL);
}

static void test_strict_forms(void **context)
{
    struct weir_civil civil;
    assert_true(weir_timestamp_parse_strict("2020-10-10T10:11:12.5", 21, 'T', false, &civil));
    assert_int_equal(civil.nanosecond, 500000000);
    assert_true(weir_timestamp_parse_strict("2020-10-10T10:11", 16, 'T', false, &civil));
    assert_true(weir_timestamp_parse_strict("2020-10-10T10:11:12Z", 20, 'T', true, &civil));
    assert_true(weir_timestamp_parse_strict("2020-10-10 10:11:12", 19, ' ', false, &civil));
    assert_false(weir_timestamp_parse_strict("2020-10-10 10:11", 16, ' ', false, &civil));
    assert_false(weir_timestamp_parse_strict("2020-10-10T10:11:12", 19, 'T', true, &civil));
    assert_false(weir_timestamp_parse_strict("2020-10-10T10:11:12Z", 20, 'T', false, &civil));
    assert_false(weir_timestamp_parse_strict("2020-1-1 10:11:12", 17, ' ', false, &civil));
    assert_false(weir_timestamp_parse_strict("2020-02-30T10:11:12", 19, 'T', false, &civil));
    for (size_t length = 0; length < 19; length++) {
        assert_false(weir_timestamp_parse_strict("2020-10-10 10:11:12", length, ' ', false, &civil));
    }
}

static void expect_text(size_t length, char *text, const char *expected)
{
    text[length] = 0;
    assert_string_equal(text, expected);
}

static void test_print(void **context)
{
    char text[WEIR_TIME_TEXT_BYTES_MAX + 1];
    struct weir_civil civil = weir_civil_from_us(1602288000000000);
    expect_text(weir_timestamp_print_java(&civil, false, text), text, "2020-10-10T00:00");
    expect_text(weir_timestamp_print_java(&civil, true, text), text, "2020-10-10T00:00:00");
    civil = weir_civil_from_us(1602288001120000);
    expect_text(weir_timestamp_print_java(&civil, false, text), text, "2020-10-10T00:00:01.120");
    civil = weir_civil_from_us(1602288000000001);
    expect_text(weir_timestamp_print_java(&civil, false, text), text, "2020-10-10T00:00:00.000001");
    expect_text(weir_date_print(weir_date_days(-1, 2, 3), text), text, "-0001-02-03");
    expect_text(weir_date_print(weir_date_days(12345, 2, 3), text), text, "+12345-02-03");
    expect_text(weir_time_print(37230123, 3, text), text, "10:20:30.123");
    expect_text(weir_time_print(37230120, 3, text), text, "10:20:30.12");
    expect_text(weir_time_print(37230120, 2, text), text, "10:20:30.12");
    expect_text(weir_time_print(37230105, 2, text), text, "10:20:30.10");
    expect_text(weir_time_print(37230000, 3, text), text, "10:20:30.0");
    expect_text(weir_time_print(37230005, 0, text), text, "10:20:30");
    expect_text(weir_time_print(-1000, 0, text), text, "23:59:59");
    expect_text(weir_time_print_java(37200000, text), text, "10:20");
    expect_text(weir_time_print_java(37200001, text), text, "10:20:00.001");
    expect_text(weir_interval_print_months(14, text), text, "+1-02");
    expect_text(weir_interval_print_months(-14, text), text, "-1-02");
    expect_text(weir_interval_print_months(INT32_MIN, text), text, "-178956970-08");
    expect_text(weir_interval_print_ms(1000, text), text, "+0 00:00:01.000");
    expect_text(weir_interval_print_ms(-90061001, text), text, "-1 01:01:01.001");
    expect_text(weir_interval_print_ms(INT64_MIN, text), text, "-106751991167 07:12:55.808");
    expect_text(weir_period_print_java(14, text), text, "P1Y2M");
    expect_text(weir_period_print_java(0, text), text, "P0D");
    expect_text(weir_period_print_java(-1, text), text, "P-1M");
    expect_text(weir_duration_print_java(0, text), text, "PT0S");
    expect_text(weir_duration_print_java(172800000, text), text, "PT48H");
    expect_text(weir_duration_print_java(7380000, text), text, "PT2H3M");
    expect_text(weir_duration_print_java(1500, text), text, "PT1.5S");
    expect_text(weir_duration_print_java(-500, text), text, "PT-0.5S");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dates_both_ways),
        cmocka_unit_test(test_timestamps_both_ways),
        cmocka_unit_test(test_weeks_and_days),
        cmocka_unit_test(test_date_parse),
        cmocka_unit_test(test_time_parse),
        cmocka_unit_test(test_timestamp_parse),
        cmocka_unit_test(test_strict_forms),
        cmocka_unit_test(test_print),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
