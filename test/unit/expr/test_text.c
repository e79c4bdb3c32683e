/* Searching and counting in strings, against the plain way of doing it; buffers end where the string does. */
#include "cases.h"

#include "expr/date_pattern.h"
#include "expr/text.h"

static uint64_t seed = 42;

static uint32_t random_below(uint32_t limit)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % limit;
}

static char *random_bytes(uint32_t length, uint32_t letters)
{
    char *text = malloc(length ? length : 1);
    for (uint32_t k = 0; k < length; k++) text[k] = (char)('a' + random_below(letters));
    return text;
}

static void test_find(void **state)
{
    for (uint32_t round = 0; round < 40000; round++) {
        uint32_t length = random_below(100), needle_length = random_below(random_below(3) ? 6 : 40);
        char *text = random_bytes(length, 2), *needle = random_bytes(needle_length, 2);
        if (needle_length && needle_length <= length && random_below(2)) {
            memcpy(text + random_below(length - needle_length + 1), needle, needle_length);
        }
        const char *expected = NULL;
        for (uint32_t at = 0; at + needle_length <= length && !expected; at++) {
            if (memcmp(text + at, needle, needle_length) == 0) expected = text + at;
        }
        if (weir_text_find(text, length, needle, needle_length) != expected) {
            fail_msg("%.*s in %.*s", (int)needle_length, needle, (int)length, text);
        }
        free(text);
        free(needle);
    }
}

static void test_code_points(void **state)
{
    static const char *const points[] = { "a", "é", "世", "😀" };
    for (uint32_t round = 0; round < 5000; round++) {
        uint32_t count = random_below(30), length = 0;
        uint32_t offsets[32] = { 0 };
        char text[128];
        for (uint32_t k = 0; k < count; k++) {
            const char *point = points[random_below(round % 2 ? 4 : 1)];
            memcpy(text + length, point, strlen(point));
            length += (uint32_t)strlen(point);
            offsets[k + 1] = length;
        }
        char *exact = malloc(length ? length : 1);
        memcpy(exact, text, length);
        assert_int_equal(weir_text_length(exact, length), count);
        assert_int_equal(weir_text_is_ascii(exact, length), length == count);
        for (uint32_t k = 0; k <= count; k++) {
            assert_int_equal(weir_text_offset(exact, length, k), offsets[k]);
            assert_int_equal(weir_text_offset_from_end(exact, length, k), offsets[count - k]);
        }
        assert_int_equal(weir_text_offset(exact, length, count + 7), length);
        assert_int_equal(weir_text_offset_from_end(exact, length, count + 7), 0);
        free(exact);
    }
}

static void test_utf8(void **state)
{
    for (uint32_t point = 0; point <= 0x10FFFF; point += point < 0x3000 ? 1 : 37) {
        if (point >= 0xD800 && point < 0xE000) continue;
        char bytes[4];
        uint32_t decoded, length = weir_text_encode(point, bytes);
        assert_int_equal(weir_text_decode(bytes, length, &decoded), length);
        assert_int_equal(decoded, point);
        assert_int_equal(weir_utf8_sequence(bytes, length), length);
        if (length > 1) assert_int_equal(weir_utf8_sequence(bytes, length - 1), 0);
    }
    static const char *const invalid[] = { "\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80",
        "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xC3(" };
    for (size_t k = 0; k < WEIR_ARRAY_COUNT(invalid); k++) {
        uint32_t decoded;
        assert_int_equal(weir_utf8_sequence(invalid[k], strlen(invalid[k])), 0);
        assert_int_equal(weir_text_decode(invalid[k], strlen(invalid[k]), &decoded), 1);
        assert_int_equal(decoded, 0xFFFD);
    }
}

/* What a pattern writes it reads again, in both dialects. */
static void test_patterns_round_trip(void **state)
{
    static const char *const patterns[] = { "yyyy-MM-dd HH:mm:ss.SSS", "dd/MMM/yyyy hh:mm:ss.SSS a",
        "yyyyMMddHHmmssSSS", "EEEE, d MMMM yyyy 'at' H:m:s.SSS" };
    struct weir_arena arena;
    weir_arena_init(&arena, weir_test_memory_shared());
    for (size_t k = 0; k < WEIR_ARRAY_COUNT(patterns); k++) {
        for (int dialect = WEIR_DATE_FORMATTER; dialect <= WEIR_DATE_SIMPLE; dialect++) {
            struct weir_date_pattern *pattern;
            struct weir_slice text = { patterns[k], strlen(patterns[k]) };
            assert_int_equal(
                weir_date_pattern_compile(&arena, text, (enum weir_date_dialect)dialect, &pattern, NULL),
                WEIR_OK);
            for (uint32_t round = 0; round < 2000; round++) {
                int64_t ms = ((int64_t)random_below(1u << 31) << 16 | random_below(1 << 16)) %
                                 INT64_C(250000000000000) -
                             INT64_C(30000000000000);
                char *to = malloc(weir_date_pattern_bytes_max(pattern));
                size_t length = weir_date_pattern_format(pattern, ms * 1000, 0, NULL, 0, to);
                assert_true(length <= weir_date_pattern_bytes_max(pattern));
                struct weir_date_fields fields;
                if (!weir_date_pattern_parse(pattern, (struct weir_slice){ to, length }, &fields)) {
                    fail_msg("%s does not read %.*s", patterns[k], (int)length, to);
                }
                if (weir_date_fields_us(&fields) != ms * 1000)
                    fail_msg("%s: %.*s", patterns[k], (int)length, to);
                free(to);
            }
        }
    }
    weir_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_find), cmocka_unit_test(test_code_points),
        cmocka_unit_test(test_utf8), cmocka_unit_test(test_patterns_round_trip) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
