/* Splits on their way from one thread to another: all of them, whole, in their order. */
#include "support/cmocka_all.h"
#include "support/memory.h"
#include "task/split_inbox.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { ITEMS = 20000 };

static void *writer(void *argument)
{
    for (uint64_t i = 1; i <= ITEMS; i++) {
        char id[64];
        snprintf(id, sizeof id, "/data/%llu/part", (unsigned long long)i);
        weir_split_inbox_put(argument, WEIR_SPLIT_ITEM_SPLIT, id, i / 100, i);
    }
    weir_split_inbox_put(argument, WEIR_SPLIT_ITEM_END, NULL, 0, 0);
    return NULL;
}

static void what_one_thread_puts_another_takes_in_order(void **state)
{
    struct weir_split_inbox inbox;
    weir_split_inbox_init(&inbox, weir_test_memory_shared());
    assert_null(weir_split_inbox_take(&inbox));
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, writer, &inbox), 0);
    for (uint64_t next = 1; next <= ITEMS;) {
        const struct weir_split_item *item = weir_split_inbox_take(&inbox);
        if (!item) continue;
        char id[64];
        snprintf(id, sizeof id, "/data/%llu/part", (unsigned long long)next);
        assert_int_equal(item->kind, WEIR_SPLIT_ITEM_SPLIT);
        assert_string_equal(item->id, id);
        assert_int_equal(item->epoch, next / 100);
        assert_int_equal(item->sequence, next);
        next++;
    }
    pthread_join(thread, NULL);
    assert_int_equal(weir_split_inbox_take(&inbox)->kind, WEIR_SPLIT_ITEM_END);
    assert_null(weir_split_inbox_take(&inbox));
    weir_split_inbox_done(&inbox);
}

static void what_nobody_took_is_let_go(void **state)
{
    struct weir_split_inbox inbox;
    struct weir_memory *memory = weir_test_memory_shared();
    weir_split_inbox_init(&inbox, memory);
    weir_split_inbox_put(&inbox, WEIR_SPLIT_ITEM_SPLIT, "a", 1, 1);
    weir_split_inbox_put(&inbox, WEIR_SPLIT_ITEM_DISCOVER, NULL, 0, 0);
    assert_string_equal(weir_split_inbox_take(&inbox)->id, "a");
    weir_split_inbox_done(&inbox); /* leaks are found by who runs this with a sanitizer */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_one_thread_puts_another_takes_in_order),
        cmocka_unit_test(what_nobody_took_is_let_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
