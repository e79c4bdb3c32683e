#include "data/string_view.h"
#include "support/cmocka_all.h"
#include <stdlib.h>

/* Every length, from an exact copy on the heap, so that a sanitizer sees a byte read too much. */
static void test_views(void **context)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz\xff\x80\x01";
    for (uint32_t length = 0; length <= 28; length++) {
        for (uint32_t from = 0; from + length <= 28; from++) {
            char *bytes = malloc(length ? length : 1);
            memcpy(bytes, letters + from, length);
            struct weir_string s = weir_string_view(bytes, length);
            assert_int_equal(s.length, length);
            assert_memory_equal(weir_string_data(&s), letters + from, length);
            for (uint32_t i = length; length <= WEIR_STRING_INLINE_MAX && i < WEIR_STRING_INLINE_MAX; i++) {
                assert_int_equal(s.inlined[i], 0);
            }
            if (length > WEIR_STRING_INLINE_MAX) assert_ptr_equal(s.pointer, bytes);
            if (length > WEIR_STRING_INLINE_MAX) assert_memory_equal(s.prefix, bytes, 4);
            free(bytes);
        }
    }
    struct weir_string empty = weir_string_view(NULL, 0);
    assert_int_equal(empty.length, 0);
}

static void test_equality_and_order(void **context)
{
    static const char *const sorted[] = { "", "a", "aa", "aaaaaaaaaaaa", "aaaaaaaaaaaaa", "aaaaaaaaaaaab",
        "aaab", "aaabaaaaaaaaaaaaaaa", "b", "\x7f", "\xc3\xa4", "\xff" };
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(sorted); i++) {
        for (size_t k = 0; k < WEIR_ARRAY_COUNT(sorted); k++) {
            char *copy = strdup(sorted[k]);
            struct weir_string a = weir_string_view(sorted[i], (uint32_t)strlen(sorted[i]));
            struct weir_string b = weir_string_view(copy, (uint32_t)strlen(copy));
            int order = weir_string_compare(&a, &b);
            assert_int_equal((order > 0) - (order < 0), (i > k) - (i < k));
            assert_int_equal(weir_string_equal(&a, &b), i == k);
            free(copy);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_views),
        cmocka_unit_test(test_equality_and_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
