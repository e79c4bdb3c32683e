#include "data/number.h"
#include "support/cmocka_all.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state = 88172645463325252u;
static uint64_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static double double_of(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void expect_double(double value, const char *expected)
{
    char text[WEIR_NUMBER_TEXT_BYTES_MAX + 1];
    text[weir_double_print(value, text)] = 0;
    assert_string_equal(text, expected);
}

static void expect_float(float value, const char *expected)
{
    char text[WEIR_NUMBER_TEXT_BYTES_MAX + 1];
    text[weir_float_print(value, text)] = 0;
    assert_string_equal(text, expected);
}

static void test_double_text_is_java(void **context)
{
    expect_double(0.0, "0.0");
    expect_double(-0.0, "-0.0");
    expect_double(1.0, "1.0");
    expect_double(-1.5, "-1.5");
    expect_double(100, "100.0");
    expect_double(1234567.0, "1234567.0");
    expect_double(9999999.0, "9999999.0");
    expect_double(1e7, "1.0E7");
    expect_double(12345678.9, "1.23456789E7");
    expect_double(1e10, "1.0E10");
    expect_double(0.001, "0.001");
    expect_double(0.00123, "0.00123");
    expect_double(0.0009999, "9.999E-4");
    expect_double(1e-5, "1.0E-5");
    expect_double(0.1, "0.1");
    expect_double(0.1 + 0.2, "0.30000000000000004");
    expect_double(2e-3, "0.002");
    expect_double(1e23, "9.999999999999999E22");
    expect_double(2e23, "1.9999999999999998E23");
    expect_double(9007199254740993.0, "9.007199254740992E15");
    expect_double(123456789012345680.0, "1.2345678901234568E17");
    expect_double(1.7976931348623157e308, "1.7976931348623157E308");
    expect_double(2.2250738585072014e-308, "2.2250738585072014E-308");
    expect_double(double_of(1), "4.9E-324");
    expect_double(double_of(2), "1.0E-323");
    expect_double(double_of(3), "1.5E-323");
    expect_double(__builtin_nan(""), "NaN");
    expect_double(__builtin_inf(), "Infinity");
    expect_double(-__builtin_inf(), "-Infinity");
}

static void test_float_text_is_java(void **context)
{
    expect_float(1.0f, "1.0");
    expect_float(0.1f, "0.1");
    expect_float(3.14f, "3.14");
    expect_float(-123.456f, "-123.456");
    expect_float(16777216.0f, "1.6777216E7");
    expect_float(3.4028235e38f, "3.4028235E38");
    expect_float(1.17549435e-38f, "1.17549435E-38");
    expect_float(1.4e-45f, "1.4E-45");
    expect_float(9.8e-45f, "9.8E-45");
    expect_float(1.1e-44f, "1.1E-44");
    expect_float(0.001f, "0.001");
    expect_float(1e-4f, "1.0E-4");
    expect_float(33554432.0f, "3.3554432E7");
}

/* What Java 17 prints: large integers keep digits that the precision does not decide, powers of two have near
 * neighbours. */
static void test_texts_of_java_17(void **context)
{
    static const struct {
        uint64_t bits;
        const char *text;
    } doubles[] = {
        { 0x43cef08d1494edc8u, "4.4588738701717381E18" },
        { 0x43dd438435f3a923u, "8.434697671182421E18" },
        { 0xc3d8d8d86cc90657u, "-7.1616752544819026E18" },
        { 0xc3d5b046b9387ba3u, "-6.2513073281123318E18" },
        { 0x3210000000000000u, "1.4836824602749686E-67" },
        { 0x5520000000000000u, "1.1198723710889021E102" },
        { 0x3e10000000000000u, "9.313225746154785E-10" },
        { 0xb70000000000000u, "1.3639663065038175E-253" },
        { 0x3d89u, "7.783E-320" },
        { 0xb899u, "2.3348E-319" },
        { 0x67164011d51u, "3.4999999999946E-311" },
        { 0xecb9u, "2.9941E-319" },
        { 0x67e0000000000000u, "2.2812203088110976E192" },
        { 0x625d8561372e674du, "6.8E165" },
        { 0x42620b5c27000000u, "6.2E11" },
        { 0x43d9c75c56b19edeu, "7.4302195949221622E18" },
        { 0x104e8u, "3.29996E-319" },
        { 0xf1d9u, "3.0589E-319" },
        { 0xb7adu, "2.32315E-319" },
        { 0x4764u, "9.0295E-320" },
    };
    static const struct {
        uint32_t bits;
        const char *text;
    } floats[] = {
        { 0x5640d019u, "5.3000001E13" },
        { 0x5e547764u, "3.82745385E18" },
        { 0xd6028e97u, "-3.5887233E13" },
        { 0x5e42f4c4u, "3.51201716E18" },
        { 0x2000000u, "9.403955E-38" },
        { 0x72800000u, "5.0706024E30" },
        { 0x78800000u, "2.0769187E34" },
        { 0x59000000u, "2.25179981E15" },
        { 0x2d000000u, "7.2759576E-12" },
        { 0x2e4b9685u, "4.6290544E-11" },
        { 0x27349617u, "2.5061382E-15" },
        { 0xaf1a0876u, "-1.4009224E-10" },
        { 0x3b8038e7u, "0.0039130333" },
        { 0x3c21fdc0u, "0.009887159" },
        { 0x3b9a0275u, "0.0047" },
        { 0x3c1eecbfu, "0.009699999" },
        { 0x126b1u, "1.05715E-40" },
        { 0x13072u, "1.09214E-40" },
        { 0xc20fu, "6.9615E-41" },
        { 0x571c0u, "4.99983E-40" },
        { 0x3c881220u, "0.016610205" },
        { 0x3df9bfc8u, "0.121947825" },
        { 0x3d312a70u, "0.043253362" },
        { 0x3dcb1c68u, "0.099175274" },
        { 0xd43ebdd1u, "-3.27691351E12" },
    };
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(doubles); i++)
        expect_double(double_of(doubles[i].bits), doubles[i].text);
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(floats); i++) {
        float value;
        memcpy(&value, &floats[i].bits, sizeof value);
        expect_float(value, floats[i].text);
    }
}

/* Every double reads back as itself; the shortest digits do, and none fewer. */
static void test_double_text_reads_back(void **context)
{
    for (int i = 0; i < 200000; i++) {
        double value = double_of(next_random() & INT64_MAX), back = 0;
        if (i % 3 == 0) value = (double)(next_random() % 100000) / 1000;
        if (value != value || __builtin_isinf(value) || value == 0) continue;
        char text[WEIR_NUMBER_TEXT_BYTES_MAX + 1];
        size_t length = weir_double_print(value, text);
        text[length] = 0;
        assert_true(length < WEIR_NUMBER_TEXT_BYTES_MAX);
        assert_int_equal(bits_of(strtod(text, NULL)), bits_of(value));
        assert_int_equal(weir_double_parse(text, length, &back), WEIR_NUMBER_PARSED);
        assert_int_equal(bits_of(back), bits_of(value));
        uint64_t digits;
        int32_t exponent;
        weir_double_shortest(value, &digits, &exponent);
        char least[64];
        int count = snprintf(least, sizeof least, "%llu", (unsigned long long)digits);
        snprintf(least + count, sizeof least - (size_t)count, "e%d", exponent);
        assert_int_equal(bits_of(strtod(least, NULL)), bits_of(value));
        if (count < 3) continue;
        char shorter[64];
        snprintf(shorter, sizeof shorter, "%.*e", count - 2, value);
        assert_true(strtod(shorter, NULL) != value);
    }
}

static void test_float_text_reads_back(void **context)
{
    for (int i = 0; i < 200000; i++) {
        uint32_t bits = (uint32_t)next_random() & INT32_MAX, back_bits;
        float value, back = 0;
        memcpy(&value, &bits, sizeof value);
        if (value != value || __builtin_isinf(value)) continue;
        char text[WEIR_NUMBER_TEXT_BYTES_MAX + 1];
        size_t length = weir_float_print(value, text);
        text[length] = 0;
        assert_int_equal(weir_float_parse(text, length, &back), WEIR_NUMBER_PARSED);
        memcpy(&back_bits, &back, sizeof back_bits);
        assert_int_equal(back_bits, bits);
        assert_true(strtof(text, NULL) == value);
    }
}

static void expect_parsed(const char *text)
{
    double value = -1, expected = strtod(text, NULL);
    assert_int_equal(weir_double_parse(text, strlen(text), &value), WEIR_NUMBER_PARSED);
    if (bits_of(value) != bits_of(expected)) fail_msg("%s: %.17g instead of %.17g", text, value, expected);
    float single = -1, expected_single = strtof(text, NULL);
    assert_int_equal(weir_float_parse(text, strlen(text), &single), WEIR_NUMBER_PARSED);
    if (single != expected_single)
        fail_msg("%s: float %.9g instead of %.9g", text, (double)single, (double)expected_single);
}

static void test_double_parse_rounds_correctly(void **context)
{
    static const char *const hard[] = { "0", "1", "-1", "1e0", "1.5E3", ".5", "5.", "0.1", "1e22", "1e23",
        "1e-22", "9007199254740993", "9007199254740992.99999",
        "9007199254740993.00000000000000000000000000001", "9007199254740992.9999999999999999999999",
        "2.2250738585072011e-308", "2.2250738585072014e-308", "2.4703282292062327e-324",
        "2.4703282292062328e-324", "4.9e-324", "1e-400", "1e400", "1.7976931348623157e308",
        "1.7976931348623158e308", "1.7976931348623159e308", "8.5e-5", "123456789012345678901234567890",
        "6.02214076e23", "0.000000000000000000000000000000000000001e39",
        "1000000000000000000000000000000000000000000000000000000000000e-60", "16777217", "16777219",
        "16777217.0000000001", "16777216.99999999999999999", "3.4028235677973366e38", "3.4028235677973365e38",
        "7.006492321624085e-46", "7.006492321624086e-46", "1.00000017881393432617187499",
        "1.00000017881393432617187501", "1.000000178813934326171875", "89255e-22",
        "104308485241983990666713401708072175773165034278682682111762292935331454163e-75" };
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(hard); i++) expect_parsed(hard[i]);
    char text[128];
    for (int i = 0; i < 100000; i++) {
        snprintf(text, sizeof text, "%llu%llue%d", (unsigned long long)next_random(),
            (unsigned long long)(i % 2 ? next_random() : 0), (int)(next_random() % 700) - 360);
        expect_parsed(text);
        /* The middle between two doubles, to all its digits, and just beside it. */
        double value = double_of((next_random() & INT64_MAX) % (UINT64_C(0x7fe) << 52));
        if (i % 50 == 0) {
            char exact[2048];
            double next = double_of(bits_of(value) + 1);
            /* long double holds the middle exactly */
            long double middle = ((long double)value + (long double)next) / 2;
            snprintf(exact, sizeof exact, "%.780Le", middle);
            expect_parsed(exact);
            exact[700] = exact[700] == '9' ? '8' : (char)(exact[700] + 1);
            expect_parsed(exact);
        }
    }
}

static void test_double_parse_refuses(void **context)
{
    static const char *const bad[] = { "", " ", "-", "+", ".", "e5", "1e", "1e+", "1.2.3", "1 2", "abc",
        "0x10", "1,5", "nan", "infinity", "Inf", "--1", "1e5.5", "d" };
    double value = 7;
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(bad); i++) {
        if (weir_double_parse(bad[i], strlen(bad[i]), &value) != WEIR_NUMBER_MALFORMED)
            fail_msg("accepted '%s'", bad[i]);
    }
    assert_true(value == 7);
    assert_int_equal(weir_double_parse(" 12.5 ", 6, &value), WEIR_NUMBER_PARSED);
    assert_true(value == 12.5);
    assert_int_equal(weir_double_parse("-Infinity", 9, &value), WEIR_NUMBER_PARSED);
    assert_true(value == -__builtin_inf());
    assert_int_equal(weir_double_parse("NaN", 3, &value), WEIR_NUMBER_PARSED);
    assert_true(value != value);
    assert_int_equal(weir_double_parse("1.5f", 4, &value), WEIR_NUMBER_PARSED);
    assert_true(value == 1.5);
}

static void expect_i64(const char *text, enum weir_number_parsed expected, int64_t value)
{
    int64_t found = 99;
    assert_int_equal(weir_i64_parse(text, strlen(text), INT64_MIN, INT64_MAX, &found), expected);
    assert_int_equal(found, expected == WEIR_NUMBER_PARSED ? value : 99);
}

static void expect_cast(
    const char *text, int64_t min, int64_t max, enum weir_number_parsed expected, int64_t value)
{
    int64_t found = 99;
    assert_int_equal(weir_i64_parse_cast(text, strlen(text), min, max, &found), expected);
    assert_int_equal(found, expected == WEIR_NUMBER_PARSED ? value : 99);
}

static void test_integers(void **context)
{
    expect_i64("0", WEIR_NUMBER_PARSED, 0);
    expect_i64("+7", WEIR_NUMBER_PARSED, 7);
    expect_i64("-0", WEIR_NUMBER_PARSED, 0);
    expect_i64("9223372036854775807", WEIR_NUMBER_PARSED, INT64_MAX);
    expect_i64("-9223372036854775808", WEIR_NUMBER_PARSED, INT64_MIN);
    expect_i64("9223372036854775808", WEIR_NUMBER_OVERFLOW, 0);
    expect_i64("-9223372036854775809", WEIR_NUMBER_OVERFLOW, 0);
    expect_i64("99999999999999999999999999", WEIR_NUMBER_OVERFLOW, 0);
    expect_i64("999999999999999999999999999x", WEIR_NUMBER_MALFORMED, 0);
    expect_i64("", WEIR_NUMBER_MALFORMED, 0);
    expect_i64("-", WEIR_NUMBER_MALFORMED, 0);
    expect_i64(" 1", WEIR_NUMBER_MALFORMED, 0);
    expect_i64("1.0", WEIR_NUMBER_MALFORMED, 0);
    expect_cast(" 12.9 ", INT32_MIN, INT32_MAX, WEIR_NUMBER_PARSED, 12);
    expect_cast("-3.99", INT8_MIN, INT8_MAX, WEIR_NUMBER_PARSED, -3);
    expect_cast("127", INT8_MIN, INT8_MAX, WEIR_NUMBER_PARSED, 127);
    expect_cast("128", INT8_MIN, INT8_MAX, WEIR_NUMBER_OVERFLOW, 0);
    expect_cast("1.2.3", INT8_MIN, INT8_MAX, WEIR_NUMBER_MALFORMED, 0);
    expect_cast("1e3", INT32_MIN, INT32_MAX, WEIR_NUMBER_MALFORMED, 0);
    expect_cast("abc", INT32_MIN, INT32_MAX, WEIR_NUMBER_MALFORMED, 0);
    expect_cast("", INT32_MIN, INT32_MAX, WEIR_NUMBER_MALFORMED, 0);
    expect_cast("7.", INT32_MIN, INT32_MAX, WEIR_NUMBER_PARSED, 7);
    expect_cast(".7", INT32_MIN, INT32_MAX, WEIR_NUMBER_PARSED, 0);
    char text[WEIR_NUMBER_TEXT_BYTES_MAX + 1];
    text[weir_i64_print(INT64_MIN, text)] = 0;
    assert_string_equal(text, "-9223372036854775808");
    text[weir_u64_print(UINT64_MAX, text)] = 0;
    assert_string_equal(text, "18446744073709551615");
    weir_int128 largest = (weir_int128)((weir_uint128)-1 >> 1);
    text[weir_i128_print(largest, text)] = 0;
    assert_string_equal(text, "170141183460469231731687303715884105727");
    text[weir_i128_print(-largest - 1, text)] = 0;
    assert_string_equal(text, "-170141183460469231731687303715884105728");
    text[weir_i128_print((weir_int128)10000000000 * 1000000000, text)] = 0;
    assert_string_equal(text, "10000000000000000000");
    text[weir_i128_print((weir_int128)10000000000 * 1000000000 + 5, text)] = 0;
    assert_string_equal(text, "10000000000000000005");
}

static void test_narrowing_is_java(void **context)
{
    assert_int_equal(weir_double_to_i64(__builtin_nan("")), 0);
    assert_int_equal(weir_double_to_i64(1e300), INT64_MAX);
    assert_int_equal(weir_double_to_i64(-1e300), INT64_MIN);
    assert_int_equal(weir_double_to_i64(-2.9), -2);
    assert_int_equal(weir_double_to_i32(2147483647.5), INT32_MAX);
    assert_int_equal(weir_double_to_i32(-2147483648.5), INT32_MIN);
    assert_int_equal(weir_double_to_i32(-7.9), -7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_double_text_is_java),
        cmocka_unit_test(test_float_text_is_java),
        cmocka_unit_test(test_texts_of_java_17),
        cmocka_unit_test(test_double_text_reads_back),
        cmocka_unit_test(test_float_text_reads_back),
        cmocka_unit_test(test_double_parse_rounds_correctly),
        cmocka_unit_test(test_double_parse_refuses),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_narrowing_is_java),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
