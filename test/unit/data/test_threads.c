/* What threads share: heap blocks by reference count, and zones of fixed offsets. Meant for the thread
 * sanitizer. */
#include "data/batch.h"
#include "data/zone.h"
#include "support/cmocka_all.h"
#include "support/memory.h"
#include <pthread.h>
#include <sched.h>

enum { ROUNDS = 2000, SLOTS = 4 };

/* A ring between a producer of batches and a consumer that lets their heaps go. */
struct pipe {
    _Atomic(struct weir_heap *) heaps[SLOTS];
    _Atomic uint32_t written, read;
    uint64_t sum;
};

static void *consume(void *argument)
{
    struct pipe *pipe = argument;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        while (atomic_load(&pipe->written) == i) sched_yield();
        struct weir_heap *heap = atomic_load(&pipe->heaps[i % SLOTS]);
        for (size_t k = 0; k < heap->used; k++) pipe->sum += (unsigned char)heap->data[k];
        weir_heap_unref(heap);
        atomic_store(&pipe->read, i + 1);
    }
    return NULL;
}

/* A block that the other thread still reads is never written again: the sum would be wrong, and the sanitizer
 * would say so. */
static void test_blocks_are_reused_only_when_let_go(void **context)
{
    struct weir_test_memory memory;
    struct weir_heap_writer writer;
    struct pipe pipe = { 0 };
    pthread_t consumer;
    weir_test_memory_init(&memory);
    weir_heap_writer_init(&writer, &memory.base);
    assert_int_equal(pthread_create(&consumer, NULL, consume, &pipe), 0);
    uint64_t expected = 0;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        char *at = weir_heap_writer_allocate(&writer, 100);
        memset(at, (int)(i % 251), 100);
        expected += 100 * (i % 251);
        while (i - atomic_load(&pipe.read) >= SLOTS) sched_yield();
        atomic_store(&pipe.heaps[i % SLOTS], weir_heap_ref(writer.blocks[0]));
        weir_heap_writer_reset(&writer);
        atomic_store(&pipe.written, i + 1);
    }
    pthread_join(consumer, NULL);
    assert_int_equal(pipe.sum, expected);
    /* At most what lies in the ring, what is read and what is written, and the writer's table: reused all the
     * time. */
    assert_in_range(atomic_load(&memory.base.allocation_count), 1, SLOTS + 4);
    weir_heap_writer_done(&writer);
    weir_test_memory_check(&memory);
}

static void *find_zones(void *argument)
{
    const struct weir_zone **zones = argument;
    char name[] = "+00:00";
    for (int i = 0; i < 600; i++) {
        name[1] = (char)('0' + i / 60 / 10);
        name[2] = (char)('0' + i / 60 % 10);
        name[4] = (char)('0' + i % 60 / 10);
        name[5] = (char)('0' + i % 10);
        if (weir_zone_find(name, 6, &zones[i], NULL) || weir_zone_offset_at_utc(zones[i], 0) != i * 60)
            return NULL;
    }
    return argument;
}

static void test_zones_are_shared(void **context)
{
    static const struct weir_zone *zones[3][600];
    pthread_t threads[3];
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, find_zones, zones[i]), 0);
    for (uint32_t i = 0; i < 3; i++) {
        void *result;
        pthread_join(threads[i], &result);
        assert_non_null(result);
    }
    assert_memory_equal(zones[0], zones[1], sizeof zones[0]);
    assert_memory_equal(zones[0], zones[2], sizeof zones[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_are_reused_only_when_let_go),
        cmocka_unit_test(test_zones_are_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
