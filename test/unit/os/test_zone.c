#include "os/zone.h"
#include <sys/resource.h>
#include "support/cmocka_all.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const struct weir_zone *load(const char *name)
{
    return weir_os_zone_load(name, strlen(name));
}

static void regions_are_found_once(void **state)
{
    const struct weir_zone *berlin = load("Europe/Berlin");
    assert_non_null(berlin);
    assert_ptr_equal(load("Europe/Berlin"), berlin);
    assert_string_equal(weir_zone_name(berlin), "Europe/Berlin");
    assert_int_equal(weir_zone_offset_at_utc(berlin, 1700000000), 3600);
    assert_int_equal(weir_zone_offset_at_utc(berlin, 1720000000), 7200);
    assert_non_null(load("America/Argentina/Buenos_Aires"));
    assert_non_null(load("Etc/GMT+5"));
    assert_int_equal(
        weir_zone_offset_at_utc(load("PST"), 1720000000), -7 * 3600); /* one of Java's short names */
    assert_int_equal(weir_zone_offset_at_utc(load("EST"), 1720000000), -5 * 3600); /* a file of its own */
    assert_null(load("QQT"));
}

static void names_stay_in_the_database(void **state)
{
    static const char *const names[] = { "", "/etc/passwd", "../../../etc/passwd", "Europe/../../passwd",
        "Europe//Berlin", "Europe/", "/Europe/Berlin", "europe berlin", "Europe", "No/Such",
        "right/Europe/Berlin", "posix/UTC", "localtime", "tzdata.zi", "zone.tab", "leapseconds",
        "A/B/C/D/E/F/G/H/I/J/K/L/M/N/O/P/Q/R/S/T/U/V/W/X/Y/Z/A/B/C/D/E/F/G/H" };
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(names); i++) {
        if (load(names[i])) fail_msg("'%s' was taken for a zone", names[i]);
    }
    assert_null(weir_os_zone_load("UTC\0x", 5));
}

static void *load_many(void *argument)
{
    static const char *const names[] = { "Asia/Tokyo", "Asia/Kolkata", "Africa/Cairo", "America/New_York",
        "No/Zone" };
    const struct weir_zone **found = argument;
    for (int round = 0; round < 200; round++) {
        for (size_t i = 0; i < WEIR_ARRAY_COUNT(names); i++) found[i] = load(names[i]);
    }
    return NULL;
}

static void a_zone_that_cannot_be_read_now_is_not_unknown_for_ever(void **state)
{
    struct rlimit before, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){ .rlim_cur = 0, .rlim_max = before.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    const struct weir_zone *zone = weir_os_zone_load("Europe/Lisbon", 13);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_null(zone);
    assert_non_null(weir_os_zone_load("Europe/Lisbon", 13));
}

static void threads_share_what_is_loaded(void **state)
{
    enum { THREADS = 4, ZONES = 5 };
    pthread_t threads[THREADS];
    const struct weir_zone *found[THREADS][ZONES];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, load_many, found[i]), 0);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++) assert_memory_equal(found[i], found[0], sizeof found[0]);
    assert_non_null(found[0][0]);
    assert_null(found[0][ZONES - 1]);
}

static void the_machine_has_a_zone(void **state)
{
    char name[64];
    setenv("TZ", "Asia/Tokyo", 1);
    weir_os_zone_local_name(name, sizeof name);
    assert_string_equal(name, "Asia/Tokyo");
    setenv("TZ", "nonsense/../x", 1);
    weir_os_zone_local_name(name, sizeof name);
    assert_string_not_equal(name, "nonsense/../x");
    assert_true(name[0] != 0);
    unsetenv("TZ");
    weir_os_zone_local_name(name, sizeof name);
    assert_true(name[0] != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(regions_are_found_once),
        cmocka_unit_test(names_stay_in_the_database),
        cmocka_unit_test(a_zone_that_cannot_be_read_now_is_not_unknown_for_ever),
        cmocka_unit_test(threads_share_what_is_loaded),
        cmocka_unit_test(the_machine_has_a_zone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
