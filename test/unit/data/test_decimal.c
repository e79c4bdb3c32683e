#include "data/decimal.h"
#include "support/cmocka_all.h"
#include <string.h>

static weir_int128 parse(const char *text)
{
    weir_int128 value = 0;
    uint32_t precision, scale;
    assert_int_equal(
        weir_decimal_parse_literal(text, strlen(text), &value, &precision, &scale), WEIR_DECIMAL_PARSED);
    return value;
}

static void expect_print(weir_int128 value, uint32_t scale, const char *expected)
{
    char text[WEIR_DECIMAL_TEXT_BYTES_MAX + 1];
    text[weir_decimal_print(value, scale, text)] = 0;
    assert_string_equal(text, expected);
}

static void expect_parse(const char *text, uint32_t precision, uint32_t scale,
    enum weir_decimal_parsed expected, const char *printed)
{
    weir_int128 value = 77;
    enum weir_decimal_parsed parsed = weir_decimal_parse(text, strlen(text), precision, scale, &value);
    if (parsed != expected) fail_msg("'%s' as DECIMAL(%u, %u): %d", text, precision, scale, (int)parsed);
    if (parsed == WEIR_DECIMAL_PARSED)
        expect_print(value, scale, printed);
    else
        assert_true(value == 77);
}

#define NINES_38 "99999999999999999999999999999999999999"

static void test_parse(void **context)
{
    expect_parse("0", 10, 2, WEIR_DECIMAL_PARSED, "0.00");
    expect_parse("1.005", 10, 2, WEIR_DECIMAL_PARSED, "1.01");
    expect_parse("-1.005", 10, 2, WEIR_DECIMAL_PARSED, "-1.01");
    expect_parse("1.00499999", 10, 2, WEIR_DECIMAL_PARSED, "1.00");
    expect_parse(".5", 10, 0, WEIR_DECIMAL_PARSED, "1");
    expect_parse("0.4999", 10, 0, WEIR_DECIMAL_PARSED, "0");
    expect_parse("  12.5  ", 10, 1, WEIR_DECIMAL_PARSED, "12.5");
    expect_parse("1E3", 10, 1, WEIR_DECIMAL_PARSED, "1000.0");
    expect_parse("1.25e-1", 10, 3, WEIR_DECIMAL_PARSED, "0.125");
    expect_parse("1e-100", 10, 3, WEIR_DECIMAL_PARSED, "0.000");
    expect_parse("0e100000000000", 10, 3, WEIR_DECIMAL_PARSED, "0.000");
    expect_parse("1e100000000000", 10, 3, WEIR_DECIMAL_OVERFLOW, NULL);
    expect_parse("999.995", 5, 2, WEIR_DECIMAL_OVERFLOW, NULL);
    expect_parse("999.994", 5, 2, WEIR_DECIMAL_PARSED, "999.99");
    expect_parse(NINES_38, 38, 0, WEIR_DECIMAL_PARSED, NINES_38);
    expect_parse("-" NINES_38, 38, 0, WEIR_DECIMAL_PARSED, "-" NINES_38);
    expect_parse(NINES_38 ".4", 38, 0, WEIR_DECIMAL_PARSED, NINES_38);
    expect_parse(NINES_38 ".5", 38, 0, WEIR_DECIMAL_OVERFLOW, NULL);
    expect_parse(NINES_38 "0", 38, 0, WEIR_DECIMAL_OVERFLOW, NULL);
    expect_parse("0." NINES_38, 38, 38, WEIR_DECIMAL_PARSED, "0." NINES_38);
    expect_parse("000000000000000000000000000000000000000000000000001", 1, 0, WEIR_DECIMAL_PARSED, "1");
    expect_parse("0.00000000000000000000000000000000000000000000000001e50", 1, 0, WEIR_DECIMAL_PARSED, "1");
    static const char *const bad[] = { "", " ", ".", "-", "1.2.3", "1e", "e1", "abc", "1 2", "1e+", "0x1",
        "--1" };
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(bad); i++)
        expect_parse(bad[i], 38, 10, WEIR_DECIMAL_MALFORMED, NULL);
}

static void test_literals(void **context)
{
    weir_int128 value;
    uint32_t precision, scale;
    assert_int_equal(weir_decimal_parse_literal("12.50", 5, &value, &precision, &scale), WEIR_DECIMAL_PARSED);
    assert_int_equal(precision, 4);
    assert_int_equal(scale, 2);
    assert_int_equal(weir_decimal_parse_literal("0.001", 5, &value, &precision, &scale), WEIR_DECIMAL_PARSED);
    assert_int_equal(precision, 3);
    assert_int_equal(scale, 3);
    assert_int_equal(weir_decimal_parse_literal("0", 1, &value, &precision, &scale), WEIR_DECIMAL_PARSED);
    assert_int_equal(precision, 1);
    assert_int_equal(scale, 0);
    assert_int_equal(
        weir_decimal_parse_literal(NINES_38 "9", 39, &value, &precision, &scale), WEIR_DECIMAL_OVERFLOW);
}

static void test_digits_and_powers(void **context)
{
    weir_int128 power = 1;
    for (uint32_t i = 0; i <= 38; i++) {
        assert_true(weir_decimal_power(i) == power);
        assert_int_equal(weir_decimal_digits(power), i < 38 ? i + 1 : 38);
        assert_int_equal(weir_decimal_digits(-(power - 1)), i ? i : 1);
        assert_false(weir_decimal_fits(power, i));
        assert_true(weir_decimal_fits(power - 1, i));
        if (i < 38) power *= 10;
    }
    expect_print(-5, 3, "-0.005");
    expect_print(0, 0, "0");
    expect_print(120, 2, "1.20");
}

typedef bool (*operation)(weir_int128, uint32_t, weir_int128, uint32_t, uint32_t, uint32_t, weir_int128 *);

static void expect(operation apply, const char *a, uint32_t scale_a, const char *b, uint32_t scale_b,
    uint32_t precision, uint32_t scale, const char *expected)
{
    weir_int128 result = 77;
    bool fits = apply(parse(a), scale_a, parse(b), scale_b, precision, scale, &result);
    if (fits != (expected != NULL)) fail_msg("%s %s", a, b);
    if (fits)
        expect_print(result, scale, expected);
    else
        assert_true(result == 77);
}

static void test_arithmetic(void **context)
{
    expect(weir_decimal_add, "1.10", 2, "2.205", 3, 10, 3, "3.305");
    expect(weir_decimal_add, "1.10", 2, "2.205", 3, 10, 2, "3.31");
    expect(weir_decimal_add, "1.10", 2, "-2.205", 3, 10, 3, "-1.105");
    expect(weir_decimal_add, NINES_38, 0, "1", 0, 38, 0, NULL);
    expect(weir_decimal_add, NINES_38, 0, "0.1", 1, 38, 0, NINES_38);
    expect(
        weir_decimal_add, NINES_38, 0, "-0." NINES_38, 38, 38, 0, "99999999999999999999999999999999999998");
    expect(weir_decimal_subtract, "1.00", 2, "1.00", 2, 10, 2, "0.00");
    expect(weir_decimal_subtract, "1", 0, "0.01", 2, 10, 2, "0.99");
    expect(weir_decimal_multiply, "1.5", 1, "-2.25", 2, 10, 3, "-3.375");
    expect(weir_decimal_multiply, "1.5", 1, "-2.25", 2, 10, 1, "-3.4");
    expect(weir_decimal_multiply, NINES_38, 0, NINES_38, 0, 38, 0, NULL);
    expect(weir_decimal_multiply, "0." NINES_38, 38, "0." NINES_38, 38, 38, 38,
        "0.99999999999999999999999999999999999998");
    expect(weir_decimal_multiply, "0." NINES_38, 38, "0." NINES_38, 38, 38, 6, "1.000000");
    expect(weir_decimal_multiply, "12345678901234567890", 0, "98765432109876543210", 0, 38, 0, NULL);
    expect(weir_decimal_multiply, "1234567890123456789", 0, "9876543210987654321", 0, 38, 0,
        "12193263113702179522374638011112635269");
    expect(weir_decimal_divide, "1", 0, "3", 0, 38, 37, "0.3333333333333333333333333333333333333");
    expect(weir_decimal_divide, "2", 0, "3", 0, 38, 6, "0.666667");
    expect(weir_decimal_divide, "-2", 0, "3", 0, 38, 6, "-0.666667");
    expect(weir_decimal_divide, "1", 0, "8", 0, 10, 2, "0.13");
    expect(weir_decimal_divide, "1.00", 2, "0.001", 3, 38, 6, "1000.000000");
    expect(weir_decimal_divide, NINES_38, 0, "0." NINES_38, 38, 38, 0, NULL);
    expect(weir_decimal_divide, "1", 0, "0." NINES_38, 38, 38, 6, "1.000000");
    expect(weir_decimal_divide, "0." NINES_38, 38, NINES_38, 0, 38, 38,
        "0.00000000000000000000000000000000000001");
    expect(weir_decimal_divide, "0." NINES_38, 38, NINES_38, 0, 38, 0, "0");
    expect(weir_decimal_divide, "0", 0, "5", 0, 10, 2, "0.00");
    expect(weir_decimal_remainder, "5", 0, "3", 0, 10, 0, "2");
    expect(weir_decimal_remainder, "-5.5", 1, "3", 0, 10, 1, "-2.5");
    expect(weir_decimal_remainder, "0.1", 1, NINES_38, 0, 38, 1, "0.1");
    expect(weir_decimal_remainder, NINES_38, 0, "0.7", 1, 38, 1, "0.3");
}

/* Against 64-bit arithmetic that cannot overflow. */
static void test_small_values_agree(void **context)
{
    uint64_t state = 42;
    for (int i = 0; i < 200000; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        int64_t a = (int64_t)(state >> 40) - (1 << 23);
        state = state * 6364136223846793005u + 1442695040888963407u;
        int64_t b = (int64_t)(state >> 48) - (1 << 15);
        weir_int128 result;
        assert_true(weir_decimal_add(a, 2, b, 4, 38, 4, &result));
        assert_true(result == a * 100 + b);
        assert_true(weir_decimal_multiply(a, 2, b, 4, 38, 6, &result));
        assert_true(result == a * b);
        assert_int_equal(weir_decimal_compare(a, 2, b, 4), (a * 100 > b) - (a * 100 < b));
        if (!b) continue;
        assert_true(weir_decimal_divide(a, 2, b, 2, 38, 4, &result));
        int64_t numerator = (a < 0 ? -a : a) * 10000, divisor = b < 0 ? -b : b;
        int64_t quotient = (numerator * 2 + divisor) / (2 * divisor);
        assert_true(result == ((a < 0) != (b < 0) ? -quotient : quotient));
        assert_true(weir_decimal_remainder(a, 2, b, 2, 38, 2, &result));
        assert_true(result == a % b);
    }
}

static void expect_round(
    const char *a, uint32_t scale, int32_t digits, enum weir_rounding mode, const char *expected)
{
    weir_int128 result;
    assert_true(weir_decimal_round(parse(a), scale, digits, mode, &result));
    expect_print(result, scale, expected);
}

static void test_rounding(void **context)
{
    expect_round("1.25", 2, 1, WEIR_ROUND_HALF_UP, "1.30");
    expect_round("-1.25", 2, 1, WEIR_ROUND_HALF_UP, "-1.30");
    expect_round("1.24", 2, 1, WEIR_ROUND_HALF_UP, "1.20");
    expect_round("155.00", 2, -1, WEIR_ROUND_HALF_UP, "160.00");
    expect_round("155.00", 2, -3, WEIR_ROUND_HALF_UP, "0.00");
    expect_round("155.00", 2, 5, WEIR_ROUND_HALF_UP, "155.00");
    expect_round("-1.29", 2, 1, WEIR_ROUND_DOWN, "-1.20");
    expect_round("-1.21", 2, 0, WEIR_ROUND_FLOOR, "-2.00");
    expect_round("1.21", 2, 0, WEIR_ROUND_CEILING, "2.00");
    expect_round("-1.21", 2, 0, WEIR_ROUND_CEILING, "-1.00");
    expect_round("1.00", 2, 0, WEIR_ROUND_CEILING, "1.00");
    weir_int128 result;
    assert_true(weir_decimal_round(1, 0, -60, WEIR_ROUND_HALF_UP, &result));
    assert_true(result == 0);
    assert_false(weir_decimal_round(1, 0, -60, WEIR_ROUND_CEILING, &result));
    assert_true(weir_decimal_rescale(12345, 3, 4, 1, &result) && result == 123);
    assert_true(weir_decimal_rescale(-12350, 3, 4, 1, &result) && result == -124);
    assert_false(weir_decimal_rescale(99995, 3, 3, 1, &result));
    assert_true(weir_decimal_truncate(-1299, 2) == -12);
}

static void test_floating_point(void **context)
{
    weir_int128 value;
    assert_true(weir_decimal_double(15, 1) == 1.5);
    assert_true(weir_decimal_double(-1, 1) == -0.1);
    assert_true(weir_decimal_double(parse(NINES_38), 0) == 1e38);
    assert_true(weir_decimal_double(parse("12345678901234567890123"), 10) == 1234567890123.4567890123);
    assert_true(weir_decimal_from_double(0.1, 10, 3, &value) && value == 100);
    assert_true(weir_decimal_from_double(-2.675, 10, 2, &value) &&
                value == -268); /* by its text, as BigDecimal.valueOf */
    assert_true(weir_decimal_from_double(1e20, 38, 0, &value) && value == parse("100000000000000000000"));
    assert_false(weir_decimal_from_double(1e20, 20, 0, &value));
    assert_false(weir_decimal_from_double(__builtin_nan(""), 38, 0, &value));
    assert_false(weir_decimal_from_double(__builtin_inf(), 38, 0, &value));
    assert_int_equal(weir_decimal_compare(parse(NINES_38), 0, parse("0." NINES_38), 38), 1);
    assert_int_equal(weir_decimal_compare(parse("-" NINES_38), 0, parse("-0." NINES_38), 38), -1);
    assert_int_equal(weir_decimal_compare(10, 1, 1, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_literals),
        cmocka_unit_test(test_digits_and_powers),
        cmocka_unit_test(test_arithmetic),
        cmocka_unit_test(test_small_values_agree),
        cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_floating_point),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
