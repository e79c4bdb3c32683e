#include "data/utf8.h"
#include "support/cmocka_all.h"
#include <string.h>

static void expect_valid(const char *text, size_t length, bool valid)
{
    assert_int_equal(weir_utf8_is_valid(text, length), valid);
}

static void test_validation(void **context)
{
    expect_valid("", 0, true);
    expect_valid("plain ASCII that is longer than a word", 38, true);
    expect_valid("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9, true);
    expect_valid("\xf4\x8f\xbf\xbf", 4, true);
    expect_valid("\xf4\x90\x80\x80", 4, false); /* above U+10FFFF */
    expect_valid("\xed\xa0\x80", 3, false);     /* a surrogate */
    expect_valid("\xed\x9f\xbf", 3, true);
    expect_valid("\xc0\xaf", 2, false); /* overlong */
    expect_valid("\xe0\x9f\xbf", 3, false);
    expect_valid("\xf0\x8f\xbf\xbf", 4, false);
    expect_valid("\x80", 1, false);
    expect_valid("\xff", 1, false);
    expect_valid("abcdefgh\xc3", 9, false); /* cut short */
    expect_valid("abcdefg\xe2\x82", 9, false);
    assert_int_equal(weir_utf8_valid_prefix("abcdefghij\xff"
                                            "k",
                         12),
        10);
    assert_true(weir_ascii_is_all("0123456789", 10));
    assert_false(weir_ascii_is_all("01234567\xc3\xa4", 10));
    assert_false(weir_ascii_is_all("\xc3\xa4 0123456", 10));
}

/* Every code point survives, and counting agrees with walking for mixed texts of every length. */
static void test_code_points(void **context)
{
    char text[4096];
    for (uint32_t c = 0; c <= WEIR_CODE_POINT_MAX; c++) {
        size_t bytes, length = weir_utf8_encode(c, text);
        uint32_t expected = c >= 0xd800 && c <= 0xdfff ? WEIR_CODE_POINT_REPLACEMENT : c;
        assert_int_equal(weir_utf8_decode(text, length, &bytes), expected);
        assert_int_equal(bytes, length);
        assert_int_equal(weir_utf8_width(text, length), length);
    }
    size_t length = 0, offsets[1001];
    uint32_t c = 1;
    for (size_t i = 0; i < 1000; i++) {
        offsets[i] = length;
        c = (c * 7919 + 13) % 0x11000;
        if (i % 3 == 0) c %= 128;
        length += weir_utf8_encode(c, text + length);
        assert_int_equal(weir_utf8_count(text, length), i + 1);
    }
    offsets[1000] = length;
    for (size_t i = 0; i <= 1000; i++) assert_int_equal(weir_utf8_offset(text, length, i), offsets[i]);
    assert_int_equal(weir_utf8_offset(text, length, 5000), length);
    assert_int_equal(weir_utf8_utf16_count("a\xf0\x9f\x98\x80", 5), 3);
}

static void test_repair(void **context)
{
    char out[64];
    size_t length = weir_utf8_repair("a\xff\xc3\xa4\xe2\x82", 6, out);
    assert_true(weir_utf8_is_valid(out, length));
    assert_int_equal(length, 1 + 3 + 2 + 6);
    assert_memory_equal(out, "a\xef\xbf\xbd\xc3\xa4", 6);
    size_t bytes;
    assert_int_equal(weir_utf8_decode("\xe2\x82", 2, &bytes), WEIR_CODE_POINT_REPLACEMENT);
    assert_int_equal(bytes, 1);
    assert_int_equal(weir_utf8_width("\xf0\x9f", 2), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_validation),
        cmocka_unit_test(test_code_points),
        cmocka_unit_test(test_repair),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
