/* What a power loss may bring back of the simulated disk. */
#include "support/cmocka_all.h"
#include "support/memory.h"
#include "sim/filesystem.h"

static int64_t no_time(void *clock)
{
    return 0;
}

static void make(struct weir_filesystem *fs, const char *path)
{
    struct weir_file *file;
    assert_int_equal(fs->open_write(fs, path, true, &file, NULL), WEIR_OK);
    assert_int_equal(fs->append(file, "x", 1, NULL), WEIR_OK);
    assert_int_equal(fs->sync(file, NULL), WEIR_OK);
    fs->close(file);
}

/* In how many of 64 histories "/a/first" is back, which was removed before "/a/second" was renamed. */
static uint32_t returns(const char *renamed_to)
{
    uint32_t count = 0;
    size_t length;
    for (uint64_t seed = 1; seed <= 64; seed++) {
        struct weir_sim_filesystem_config config = {
            .memory = weir_test_memory_shared(), .seed = seed, .wall_us = no_time
        };
        struct weir_sim_filesystem *disk = weir_sim_filesystem_new(&config);
        struct weir_filesystem *fs = weir_sim_filesystem_view(disk);
        make(fs, "/a/first");
        make(fs, "/b/second");
        assert_int_equal(fs->remove(fs, "/a/first", false, NULL), WEIR_OK);
        if (renamed_to) assert_int_equal(fs->rename(fs, "/b/second", renamed_to, false, NULL), WEIR_OK);
        weir_sim_filesystem_power_loss(disk);
        count += weir_sim_filesystem_bytes(disk, "/a/first", &length) != NULL;
        weir_sim_filesystem_view_free(fs);
        weir_sim_filesystem_free(disk);
    }
    return count;
}

static void a_removal_is_durable_when_its_directory_is_synced(void **state)
{
    assert_true(returns(NULL) > 0);
    assert_true(returns("/b/third") > 0); /* another directory */
    assert_true(returns("/aa") > 0);
    assert_int_equal(returns("/a/second"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_removal_is_durable_when_its_directory_is_synced) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
