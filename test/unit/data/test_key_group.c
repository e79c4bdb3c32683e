#include "data/key_group.h"
#include "support/cmocka_all.h"

static void test_ranges_cover_all_groups(void **context)
{
    static const uint32_t counts[] = { 128, 129, 1000, 32768 }, parallelisms[] = { 1, 2, 3, 7, 64, 127, 128 };
    for (size_t c = 0; c < WEIR_ARRAY_COUNT(counts); c++) {
        for (size_t p = 0; p < WEIR_ARRAY_COUNT(parallelisms); p++) {
            uint32_t next = 0;
            for (uint32_t subtask = 0; subtask < parallelisms[p]; subtask++) {
                struct weir_key_group_range range =
                    weir_key_group_range_of(subtask, counts[c], parallelisms[p]);
                assert_int_equal(range.first, next);
                assert_true(range.last >= range.first);
                for (uint32_t group = range.first; group <= range.last; group++) {
                    assert_int_equal(weir_key_group_subtask(group, counts[c], parallelisms[p]), subtask);
                }
                next = range.last + 1;
            }
            assert_int_equal(next, counts[c]);
        }
    }
}

static void test_default_count(void **context)
{
    assert_int_equal(weir_key_group_count_default(1), 128);
    assert_int_equal(weir_key_group_count_default(85), 128);
    assert_int_equal(weir_key_group_count_default(86), 256);
    assert_int_equal(weir_key_group_count_default(200), 512);
    assert_int_equal(weir_key_group_count_default(30000), 32768);
}

/* Computed apart from the formula; state written by one build is read by another. */
static void test_mix_is_fixed(void **context)
{
    static const uint32_t fixed[][2] = { { 0u, 593689054u }, { 1u, 68075478u }, { 2u, 1085422463u },
        { 42u, 1134849565u }, { 2147483647u, 1653689534u }, { 2147483648u, 1718298732u },
        { 4294967295u, 1982413648u } };
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(fixed); i++)
        assert_int_equal(weir_key_group_mix(fixed[i][0]), fixed[i][1]);
    uint32_t seen[128] = { 0 };
    uint64_t hashes[1024];
    uint16_t groups[1024], subtasks[1024];
    for (uint32_t round = 0; round < 128; round++) {
        for (uint32_t i = 0; i < 1024; i++) hashes[i] = (uint64_t)(round * 1024 + i) * 0x9e3779b97f4a7c15u;
        weir_key_groups(hashes, 1024, 128, groups);
        weir_key_group_subtasks(hashes, 1024, 128, 5, subtasks);
        for (uint32_t i = 0; i < 1024; i++) {
            assert_int_equal(groups[i], weir_key_group_of(hashes[i], 128));
            assert_int_equal(subtasks[i], weir_key_group_subtask(groups[i], 128, 5));
            seen[groups[i]]++;
        }
    }
    for (uint32_t group = 0; group < 128; group++) assert_in_range(seen[group], 800, 1250);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges_cover_all_groups),
        cmocka_unit_test(test_default_count),
        cmocka_unit_test(test_mix_is_fixed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
