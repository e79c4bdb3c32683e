#include "base/buffer.h"
#include "data/time.h"
#include "data/zone.h"
#include "support/cmocka_all.h"
#include "support/memory.h"
#include <stdio.h>
#include <string.h>

struct fixture {
    struct weir_test_memory memory;
    struct weir_arena arena;
    struct weir_buffer file;
};

static int setup(void **context)
{
    static struct fixture fixture;
    weir_test_memory_init(&fixture.memory);
    weir_arena_init(&fixture.arena, &fixture.memory.base);
    weir_buffer_init(&fixture.file, &fixture.memory.base, 1 << 20);
    *context = &fixture;
    return 0;
}

static int teardown(void **context)
{
    struct fixture *f = *context;
    weir_buffer_done(&f->file);
    weir_arena_done(&f->arena);
    weir_test_memory_check(&f->memory);
    return 0;
}

static void put_big(struct weir_buffer *to, uint64_t value, uint32_t bytes)
{
    while (bytes--) weir_buffer_append_byte(to, (char)(value >> bytes * 8));
}

static void put_header(struct weir_buffer *to, uint32_t times, uint32_t types, uint32_t characters)
{
    weir_buffer_append(to, "TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
    uint32_t counts[] = { 0, 0, 0, times, types, characters };
    for (size_t i = 0; i < 6; i++) put_big(to, counts[i], 4);
}

struct turn {
    int64_t at;
    uint8_t type;
};

/* A version 2 file; the version 1 block holds one type and nothing else. */
static void put_file(struct weir_buffer *to, const struct turn *turns, uint32_t turn_count,
    const int32_t *offsets, uint32_t type_count, const char *rule)
{
    weir_buffer_clear(to);
    put_header(to, 0, 1, 1);
    weir_buffer_append(to, "\0\0\0\0\0\0\0", 7);
    put_header(to, turn_count, type_count, 4);
    for (uint32_t i = 0; i < turn_count; i++) put_big(to, (uint64_t)turns[i].at, 8);
    for (uint32_t i = 0; i < turn_count; i++) weir_buffer_append_byte(to, (char)turns[i].type);
    for (uint32_t i = 0; i < type_count; i++) {
        put_big(to, (uint32_t)offsets[i], 4);
        put_big(to, 0, 2);
    }
    weir_buffer_append(to, "ABC\0", 4);
    weir_buffer_format(to, "\n%s\n", rule);
}

static struct weir_zone *parse(struct fixture *f, struct weir_error *error)
{
    return weir_zone_parse_tzif(&f->arena, "Test/Zone", (const uint8_t *)f->file.data, f->file.length, error);
}

static int64_t seconds(int64_t year, int32_t month, int32_t day, int32_t hour, int32_t minute)
{
    return weir_date_days(year, month, day) * 86400 + hour * 3600 + minute * 60;
}

static const int32_t paris[] = { 561, 3600, 7200 };
static const char paris_rule[] = "CET-1CEST,M3.5.0,M10.5.0/3";

static struct weir_zone *paris_zone(struct fixture *f)
{
    struct turn turns[] = { { seconds(1911, 3, 10, 23, 50), 1 }, { seconds(1996, 3, 31, 1, 0), 2 },
        { seconds(1996, 10, 27, 1, 0), 1 } };
    put_file(&f->file, turns, 3, paris, 3, paris_rule);
    struct weir_zone *zone = parse(f, NULL);
    assert_non_null(zone);
    return zone;
}

static void test_rule_far_into_the_future(void **context)
{
    struct weir_zone *zone = paris_zone(*context);
    assert_int_equal(weir_zone_offset_at_utc(zone, seconds(1800, 1, 1, 0, 0)), 561);
    assert_int_equal(weir_zone_offset_at_utc(zone, seconds(1950, 7, 1, 0, 0)), 3600);
    assert_int_equal(weir_zone_offset_at_utc(zone, seconds(1996, 7, 1, 0, 0)), 7200);
    for (int64_t year = 1997; year <= 9999; year++) {
        /* The last Sundays of March and October, at 01:00 UTC. */
        int64_t march = weir_date_days(year, 3, 31), october = weir_date_days(year, 10, 31);
        march -= weir_date_iso_weekday(march) % 7;
        october -= weir_date_iso_weekday(october) % 7;
        assert_int_equal(weir_zone_offset_at_utc(zone, march * 86400 + 3599), 3600);
        assert_int_equal(weir_zone_offset_at_utc(zone, march * 86400 + 3600), 7200);
        assert_int_equal(weir_zone_offset_at_utc(zone, october * 86400 + 3599), 7200);
        assert_int_equal(weir_zone_offset_at_utc(zone, october * 86400 + 3600), 3600);
        assert_int_equal(weir_zone_offset_at_local(zone, march * 86400 + 7199), 3600);
        assert_int_equal(weir_zone_offset_at_local(zone, march * 86400 + 10800), 7200);
        assert_int_equal(weir_zone_offset_at_local(zone, october * 86400 + 10799), 7200);
        assert_int_equal(weir_zone_offset_at_local(zone, october * 86400 + 10800), 3600);
    }
}

/* 02:30 does not exist in spring: it becomes 03:30 summer time. 02:30 exists twice in autumn: the first is
 * meant. */
static void test_gap_and_overlap(void **context)
{
    struct weir_zone *zone = paris_zone(*context);
    int64_t gap = seconds(2021, 3, 28, 2, 30) * 1000000, overlap = seconds(2021, 10, 31, 2, 30) * 1000000;
    assert_int_equal(weir_zone_local_to_utc_us(zone, gap), seconds(2021, 3, 28, 1, 30) * 1000000);
    assert_int_equal(weir_zone_utc_to_local_us(zone, weir_zone_local_to_utc_us(zone, gap)),
        seconds(2021, 3, 28, 3, 30) * 1000000);
    assert_int_equal(weir_zone_local_to_utc_us(zone, overlap), seconds(2021, 10, 31, 0, 30) * 1000000);
    int64_t before = seconds(1969, 12, 31, 23, 59) * 1000000 - 1;
    assert_int_equal(weir_zone_utc_to_local_us(zone, before), before + INT64_C(3600000000));
    assert_int_equal(weir_zone_utc_to_local_us(NULL, 5), 5);
}

static void test_southern_and_odd_rules(void **context)
{
    struct fixture *f = *context;
    static const int32_t sydney[] = { 36000 };
    put_file(&f->file, NULL, 0, sydney, 1, "AEST-10AEDT,M10.1.0,M4.1.0/3");
    struct weir_zone *zone = parse(f, NULL);
    assert_int_equal(weir_zone_offset_at_utc(zone, seconds(2021, 1, 1, 0, 0)), 39600);
    assert_int_equal(weir_zone_offset_at_utc(zone, seconds(2021, 7, 1, 0, 0)), 36000);
    assert_int_equal(weir_zone_offset_at_utc(zone, seconds(9000, 12, 31, 23, 59)), 39600);
    put_file(&f->file, NULL, 0, sydney, 1, "<+03>-3");
    assert_int_equal(weir_zone_offset_at_utc(parse(f, NULL), 0), 10800);
    put_file(&f->file, NULL, 0, sydney, 1, "AAA3BBB,J60/0,300/-2:30");
    zone = parse(f, NULL);
    assert_int_equal(weir_zone_offset_at_utc(zone, seconds(2020, 3, 1, 3, 0)), -7200);
    assert_int_equal(weir_zone_offset_at_utc(zone, seconds(2020, 3, 1, 2, 59)), -10800);
    /* Day 300 from 0 is 27 October in a leap year; 02:30 before its midnight is 23:30 UTC. */
    assert_int_equal(weir_zone_offset_at_utc(zone, seconds(2020, 10, 26, 23, 29)), -7200);
    assert_int_equal(weir_zone_offset_at_utc(zone, seconds(2020, 10, 26, 23, 30)), -10800);
}

static void test_damaged_files(void **context)
{
    struct fixture *f = *context;
    paris_zone(f);
    struct weir_error error;
    size_t length = f->file.length;
    for (size_t cut = 0; cut < length - strlen(paris_rule) - 2; cut++) {
        f->file.length = cut;
        assert_null(parse(f, &error));
        assert_int_equal(error.code, WEIR_E_FORMAT);
    }
    f->file.length = length;
    for (size_t i = 0; i < length; i++) {
        for (uint32_t bit = 0; bit < 8; bit++) {
            f->file.data[i] ^= (char)(1 << bit);
            struct weir_zone *zone = parse(f, &error);
            if (zone) weir_zone_offset_at_local(zone, seconds(2400, 1, 1, 0, 0));
            f->file.data[i] ^= (char)(1 << bit);
            weir_arena_reset(&f->arena);
        }
    }
}

static void expect_offset(const char *name, bool valid, int32_t expected)
{
    int32_t found = 99;
    if (weir_zone_parse_offset(name, strlen(name), &found) != valid) fail_msg("'%s'", name);
    if (valid) assert_int_equal(found, expected);
}

static void test_offsets(void **context)
{
    expect_offset("UTC", true, 0);
    expect_offset("Z", true, 0);
    expect_offset("GMT", true, 0);
    expect_offset("+08:00", true, 28800);
    expect_offset("UTC+8", true, 28800);
    expect_offset("GMT-03:30", true, -12600);
    expect_offset("GMT+0800", true, 28800);
    expect_offset("+01:02:03", true, 3723);
    expect_offset("+18:00", true, 64800);
    expect_offset("+18:01", false, 0);
    expect_offset("+8:60", false, 0);
    expect_offset("+", false, 0);
    expect_offset("", false, 0);
    expect_offset("UTC8", false, 0);
    expect_offset("+123", false, 0);
    expect_offset("Europe/Paris", false, 0);
    expect_offset("+08:00x", false, 0);
}

static const struct weir_zone *test_loader(const char *name, size_t length)
{
    static struct weir_arena arena;
    if (!arena.memory) weir_arena_init(&arena, weir_test_memory_shared());
    return length == 8 && memcmp(name, "Mars/One", 8) == 0 ? weir_zone_fixed(&arena, "Mars/One", 77) : NULL;
}

static void test_find(void **context)
{
    const struct weir_zone *zone = NULL, *again = NULL;
    struct weir_error error;
    assert_int_equal(weir_zone_find("GMT+08:00", 9, &zone, &error), WEIR_OK);
    assert_int_equal(weir_zone_offset_at_utc(zone, 0), 28800);
    assert_string_equal(weir_zone_name(zone), "+08:00");
    assert_int_equal(weir_zone_find("+8", 2, &again, &error), WEIR_OK);
    assert_ptr_equal(zone, again);
    assert_int_equal(weir_zone_find("UTC", 3, &zone, &error), WEIR_OK);
    assert_null(zone);
    assert_string_equal(weir_zone_name(NULL), "UTC");
    assert_int_equal(weir_zone_find("Mars/One", 8, &zone, &error), WEIR_E_ARGUMENT);
    assert_non_null(strstr(error.message, "Mars/One"));
    weir_zone_loader = test_loader;
    assert_int_equal(weir_zone_find("Mars/One", 8, &zone, &error), WEIR_OK);
    assert_int_equal(weir_zone_offset_at_utc(zone, 0), 77);
    weir_zone_loader = NULL;
}

/* With the machine's own files, where it has them. */
static void test_system_files(void **context)
{
    struct fixture *f = *context;
    FILE *file = fopen("/usr/share/zoneinfo/America/New_York", "rb");
    if (!file) skip();
    char bytes[65536];
    size_t length = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    weir_buffer_append(&f->file, bytes, length);
    struct weir_zone *zone = parse(f, NULL);
    assert_non_null(zone);
    assert_int_equal(weir_zone_offset_at_utc(zone, seconds(1880, 1, 1, 0, 0)), -17762);
    assert_int_equal(weir_zone_offset_at_utc(zone, seconds(2021, 1, 1, 0, 0)), -18000);
    assert_int_equal(weir_zone_offset_at_utc(zone, seconds(2021, 3, 14, 6, 59)), -18000);
    assert_int_equal(weir_zone_offset_at_utc(zone, seconds(2021, 3, 14, 7, 0)), -14400);
    assert_int_equal(weir_zone_offset_at_utc(zone, seconds(2100, 7, 1, 0, 0)), -14400);
    assert_int_equal(weir_zone_offset_at_local(zone, seconds(2021, 11, 7, 1, 30)), -14400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rule_far_into_the_future, setup, teardown),
        cmocka_unit_test_setup_teardown(test_gap_and_overlap, setup, teardown),
        cmocka_unit_test_setup_teardown(test_southern_and_odd_rules, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damaged_files, setup, teardown),
        cmocka_unit_test(test_offsets),
        cmocka_unit_test(test_find),
        cmocka_unit_test_setup_teardown(test_system_files, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
