#include "base/memory.h"
#include "support/cmocka_all.h"
#include "support/memory.h"
#include <string.h>

static void a_child_counts_and_its_parent_too(void **state)
{
    struct weir_test_memory memory;
    weir_test_memory_init(&memory);
    struct weir_memory child, grandchild;
    weir_memory_child_init(&child, &memory.base, 1000);
    weir_memory_child_init(&grandchild, &child, 0);
    char *block = weir_memory_allocate(&grandchild, 600);
    memset(block, 1, 600);
    assert_int_equal(atomic_load(&grandchild.used_bytes), 600);
    assert_int_equal(atomic_load(&child.used_bytes), 600);
    assert_int_equal(atomic_load(&memory.base.used_bytes), 600);
    assert_false(weir_memory_over_limit(&grandchild));
    char *more = weir_memory_allocate_aligned(&grandchild, 500, 4096);
    assert_int_equal((uintptr_t)more & 4095, 0);
    assert_true(weir_memory_over_limit(&grandchild)); /* its parent is over */
    assert_false(weir_memory_over_limit(&memory.base));
    weir_memory_release_aligned(&grandchild, more, 500, 4096);
    assert_false(weir_memory_over_limit(&grandchild));
    assert_int_equal(atomic_load(&child.peak_bytes), 1100);
    weir_memory_release(&grandchild, block, 600);
    weir_test_memory_check(&memory);
}

static void reallocate_keeps_the_bytes(void **state)
{
    struct weir_test_memory memory;
    weir_test_memory_init(&memory);
    char *block = weir_memory_reallocate(&memory.base, NULL, 0, 10);
    memcpy(block, "0123456789", 10);
    block = weir_memory_reallocate(&memory.base, block, 10, 10000);
    assert_memory_equal(block, "0123456789", 10);
    block = weir_memory_reallocate(&memory.base, block, 10000, 5);
    assert_memory_equal(block, "01234", 5);
    weir_memory_release(&memory.base, block, 5);
    weir_memory_release(&memory.base, NULL, 77);
    assert_int_equal(atomic_load(&memory.base.allocation_count), 3);
    weir_test_memory_check(&memory);
}

static void zeroed_is_zero(void **state)
{
    struct weir_test_memory memory;
    weir_test_memory_init(&memory);
    char *block = weir_memory_allocate_zeroed(&memory.base, 5000);
    for (int i = 0; i < 5000; i++) assert_int_equal(block[i], 0);
    weir_memory_release(&memory.base, block, 5000);
    char *nothing = weir_memory_allocate(&memory.base, 0);
    assert_non_null(nothing);
    weir_memory_release(&memory.base, nothing, 0);
    weir_test_memory_check(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_counts_and_its_parent_too),
        cmocka_unit_test(reallocate_keeps_the_bytes),
        cmocka_unit_test(zeroed_is_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
