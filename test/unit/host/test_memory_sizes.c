/* The parts of a process's memory, against what Flink computes from the same settings. */
#include "host/memory_sizes.h"
#include "support/cmocka_all.h"
#include "support/memory.h"

#define MIB UINT64_C(1048576)

struct fixture {
    struct weir_config *config;
    struct weir_memory_sizes sizes;
    struct weir_error error;
};

static void set(struct fixture *f, const char *key, const char *value)
{
    struct weir_error error = { 0 };
    assert_int_equal(weir_config_set(f->config, WEIR_CONFIG_COMMAND_LINE, key, value, &error), WEIR_OK);
}

static int setup(void **state)
{
    static struct fixture f;
    f = (struct fixture){ .config = weir_config_new(weir_test_memory_shared()) };
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    weir_config_free(((struct fixture *)*state)->config);
    return 0;
}

static void nothing_set_is_no_limit(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(weir_memory_sizes_taskmanager(f->config, &f->sizes, &f->error), WEIR_OK);
    assert_false(f->sizes.limited);
    assert_int_equal(weir_memory_sizes_task_bytes(&f->sizes), 0);
    assert_int_equal(weir_memory_sizes_allocated_bytes_max(&f->sizes), 0);
    set(f, "taskmanager.memory.managed.size", "64m");
    assert_int_equal(weir_memory_sizes_taskmanager(f->config, &f->sizes, &f->error), WEIR_OK);
    assert_int_equal(weir_memory_sizes_task_bytes(&f->sizes), 64 * MIB);
    assert_string_equal(f->sizes.key, "taskmanager.memory.managed.size");
}

/* The example of Flink's own default configuration: 1728m. */
static void process_size_is_divided_as_flink_does(void **state)
{
    struct fixture *f = *state;
    set(f, "taskmanager.memory.process.size", "1728m");
    assert_int_equal(weir_memory_sizes_taskmanager(f->config, &f->sizes, &f->error), WEIR_OK);
    assert_int_equal(f->sizes.overhead_bytes, 192 * MIB);
    assert_int_equal(f->sizes.metaspace_bytes, 256 * MIB);
    assert_int_equal(f->sizes.flink_bytes, 1280 * MIB);
    assert_int_equal(f->sizes.managed_bytes, 512 * MIB);
    assert_int_equal(f->sizes.network_bytes, 128 * MIB);
    assert_int_equal(f->sizes.task_heap_bytes, 384 * MIB);
    assert_int_equal(weir_memory_sizes_task_bytes(&f->sizes), 896 * MIB);
    assert_int_equal(weir_memory_sizes_allocated_bytes_max(&f->sizes), 1536 * MIB);
    assert_string_equal(f->sizes.key, "taskmanager.memory.process.size");
}

static void flink_size_grows_by_the_overhead(void **state)
{
    struct fixture *f = *state;
    set(f, "taskmanager.memory.flink.size", "2g");
    set(f, "taskmanager.memory.network.max", "100m");
    set(f, "taskmanager.memory.managed.fraction", "0");
    assert_int_equal(weir_memory_sizes_taskmanager(f->config, &f->sizes, &f->error), WEIR_OK);
    assert_int_equal(f->sizes.network_bytes, 100 * MIB);
    assert_int_equal(f->sizes.managed_bytes, 0);
    assert_int_equal(f->sizes.task_heap_bytes, (2048 - 256 - 100) * MIB);
    assert_int_equal(f->sizes.overhead_bytes, 2304 * MIB / 9);
    assert_int_equal(f->sizes.process_bytes, 2560 * MIB);
}

static void single_parts_make_the_whole(void **state)
{
    struct fixture *f = *state;
    set(f, "taskmanager.memory.task.heap.size", "512m");
    set(f, "taskmanager.memory.managed.size", "256m");
    assert_int_equal(weir_memory_sizes_taskmanager(f->config, &f->sizes, &f->error), WEIR_OK);
    assert_int_equal(f->sizes.network_bytes, 1024 * MIB / 9);
    assert_int_equal(f->sizes.flink_bytes, 1024 * MIB + 1024 * MIB / 9);
    assert_true(f->sizes.limited);
}

/* Flink's size and the heap are set: the network has what is left, and not more than its largest. */
static void the_network_has_what_is_left(void **state)
{
    struct fixture *f = *state;
    set(f, "taskmanager.memory.flink.size", "2g");
    set(f, "taskmanager.memory.task.heap.size", "512m");
    set(f, "taskmanager.memory.managed.size", "768m");
    assert_int_equal(weir_memory_sizes_taskmanager(f->config, &f->sizes, &f->error), WEIR_OK);
    assert_int_equal(f->sizes.network_bytes, 512 * MIB);
    set(f, "taskmanager.memory.network.max", "300m");
    assert_int_equal(weir_memory_sizes_taskmanager(f->config, &f->sizes, &f->error), WEIR_OK);
    assert_int_equal(f->sizes.network_bytes, 300 * MIB);
}

/* Process and Flink's size are set: the overhead is what is between them, and not less than its least. */
static void the_overhead_has_its_least(void **state)
{
    struct fixture *f = *state;
    set(f, "taskmanager.memory.process.size", "2600m");
    set(f, "taskmanager.memory.flink.size", "2g");
    assert_int_equal(weir_memory_sizes_taskmanager(f->config, &f->sizes, &f->error), WEIR_OK);
    assert_int_equal(f->sizes.overhead_bytes, (2600 - 2048 - 256) * MIB);
    set(f, "taskmanager.memory.process.size", "2495m");
    assert_int_equal(weir_memory_sizes_taskmanager(f->config, &f->sizes, &f->error), WEIR_E_CONFIGURATION);
    assert_non_null(strstr(f->error.message, "taskmanager.memory.process.size is 2495 MB, but"));
    set(f, "taskmanager.memory.process.size", "2496m"); /* 2048 + 256 + 192 */
    assert_int_equal(weir_memory_sizes_taskmanager(f->config, &f->sizes, &f->error), WEIR_OK);
}

static void what_does_not_fit_is_refused_by_name(void **state)
{
    struct fixture *f = *state;
    set(f, "taskmanager.memory.process.size", "400m");
    assert_int_equal(weir_memory_sizes_taskmanager(f->config, &f->sizes, &f->error), WEIR_E_CONFIGURATION);
    assert_non_null(strstr(f->error.message, "taskmanager.memory.process.size is 400 MB, but"));
    assert_non_null(strstr(f->error.message, "448 MB"));
    set(f, "taskmanager.memory.process.size", "700m");
    set(f, "taskmanager.memory.managed.size", "300m");
    assert_int_equal(weir_memory_sizes_taskmanager(f->config, &f->sizes, &f->error), WEIR_E_CONFIGURATION);
    assert_non_null(strstr(f->error.message, "taskmanager.memory.{framework.*"));
    set(f, "taskmanager.memory.flink.size", "690m");
    assert_int_equal(weir_memory_sizes_taskmanager(f->config, &f->sizes, &f->error), WEIR_E_CONFIGURATION);
    set(f, "taskmanager.memory.network.fraction", "1.5");
    assert_int_equal(weir_memory_sizes_taskmanager(f->config, &f->sizes, &f->error), WEIR_E_CONFIGURATION);
    assert_non_null(strstr(f->error.message, "taskmanager.memory.network.fraction: 1.5 is not possible"));
    set(f, "taskmanager.memory.network.fraction", "0.1");
    set(f, "taskmanager.memory.network.max", "1m");
    assert_int_equal(weir_memory_sizes_taskmanager(f->config, &f->sizes, &f->error), WEIR_E_CONFIGURATION);
    assert_non_null(strstr(f->error.message, "is larger than taskmanager.memory.network.max (1 MB)"));
}

static void a_jobmanager_has_heap_and_off_heap(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(weir_memory_sizes_jobmanager(f->config, &f->sizes, &f->error), WEIR_OK);
    assert_false(f->sizes.limited);
    set(f, "jobmanager.memory.process.size", "1600m"); /* Flink's default configuration */
    assert_int_equal(weir_memory_sizes_jobmanager(f->config, &f->sizes, &f->error), WEIR_OK);
    assert_int_equal(f->sizes.overhead_bytes, 192 * MIB);
    assert_int_equal(f->sizes.task_heap_bytes, 1024 * MIB);
    assert_int_equal(f->sizes.task_off_heap_bytes, 128 * MIB);
    assert_int_equal(f->sizes.flink_bytes, 1152 * MIB);
    set(f, "jobmanager.memory.process.size", "500m");
    assert_int_equal(weir_memory_sizes_jobmanager(f->config, &f->sizes, &f->error), WEIR_E_CONFIGURATION);
    assert_non_null(strstr(f->error.message, "jobmanager.memory.off-heap.size"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_set_is_no_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(process_size_is_divided_as_flink_does, setup, teardown),
        cmocka_unit_test_setup_teardown(flink_size_grows_by_the_overhead, setup, teardown),
        cmocka_unit_test_setup_teardown(single_parts_make_the_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(the_network_has_what_is_left, setup, teardown),
        cmocka_unit_test_setup_teardown(the_overhead_has_its_least, setup, teardown),
        cmocka_unit_test_setup_teardown(what_does_not_fit_is_refused_by_name, setup, teardown),
        cmocka_unit_test_setup_teardown(a_jobmanager_has_heap_and_off_heap, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
