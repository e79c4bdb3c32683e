#include "base/arena.h"
#include "support/cmocka_all.h"
#include "support/memory.h"
#include <string.h>

static void allocates_aligned_and_disjoint(void **state)
{
    struct weir_test_memory memory;
    weir_test_memory_init(&memory);
    struct weir_arena arena;
    weir_arena_init(&arena, &memory.base);
    assert_int_equal(atomic_load(&memory.base.allocation_count), 0);
    char *last = NULL;
    for (size_t bytes = 1; bytes < 5000; bytes += 7) {
        char *at = weir_arena_allocate(&arena, bytes);
        assert_int_equal((uintptr_t)at & 15, 0);
        memset(at, (int)(bytes & 0xff), bytes);
        if (last) assert_int_equal((uint8_t)last[0], (bytes - 7) & 0xff);
        last = at;
    }
    weir_arena_done(&arena);
    weir_test_memory_check(&memory);
}

static void reset_reuses_its_blocks(void **state)
{
    struct weir_test_memory memory;
    weir_test_memory_init(&memory);
    struct weir_arena arena;
    weir_arena_init(&arena, &memory.base);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 1000; i++) memset(weir_arena_allocate(&arena, 333), round, 333);
        weir_arena_reset(&arena);
    }
    uint64_t warm = atomic_load(&memory.base.allocation_count);
    for (int i = 0; i < 1000; i++) memset(weir_arena_allocate(&arena, 333), 1, 333);
    assert_int_equal(atomic_load(&memory.base.allocation_count), warm);
    weir_arena_done(&arena);
    weir_test_memory_check(&memory);
}

static void takes_blocks_larger_than_its_own(void **state)
{
    struct weir_test_memory memory;
    weir_test_memory_init(&memory);
    struct weir_arena arena;
    weir_arena_init(&arena, &memory.base);
    char *small = weir_arena_string(&arena, "small");
    char *large = weir_arena_allocate_zeroed(&arena, 3 << 20);
    assert_int_equal(large[(3 << 20) - 1], 0);
    memset(large, 1, 3 << 20);
    assert_string_equal(small, "small");
    assert_string_equal(weir_arena_format(&arena, "%d-%s", 42, "x"), "42-x");
    weir_arena_done(&arena);
    weir_test_memory_check(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocates_aligned_and_disjoint),
        cmocka_unit_test(reset_reuses_its_blocks),
        cmocka_unit_test(takes_blocks_larger_than_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
