/*
 * Snapshots on the real file system while the disk does what disks do: short writes, no space, EIO, a sync or
 * a rename that fails. What is reported as written is whole and durable; what failed leaves nothing that
 * counts.
 */
#define _GNU_SOURCE
#include "support/cmocka_all.h"
#include "support/memory.h"

#include "plugins/filesystem/file/file_filesystem.h"
#include "task/snapshot.h"
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum call { NONE, WRITE, SYNC_FILE, SYNC_DIRECTORY, RENAME, READ_DIRECTORY, LOOK };

/* The after-th call of a kind fails with error. */
static struct {
    enum call call;
    uint32_t after;
    int error;
    size_t short_bytes; /* writes take at most so many at a time; 0: all */
} fault;

static bool strikes(enum call call)
{
    if (fault.call != call || fault.after-- > 1) return false;
    fault.call = NONE;
    errno = fault.error;
    return true;
}

/* In front of those of the C library, in this program. */
ssize_t write(int descriptor, const void *bytes, size_t length)
{
    if (descriptor > 2) {
        if (strikes(WRITE)) return -1;
        if (fault.short_bytes && length > fault.short_bytes) length = fault.short_bytes;
    }
    return syscall(SYS_write, descriptor, bytes, length);
}

int fsync(int descriptor)
{
    struct stat status;
    bool directory = fstat(descriptor, &status) == 0 && S_ISDIR(status.st_mode);
    if (strikes(directory ? SYNC_DIRECTORY : SYNC_FILE)) return -1;
    return (int)syscall(SYS_fsync, descriptor);
}

int rename(const char *from, const char *to)
{
    return strikes(RENAME) ? -1 : (int)syscall(SYS_rename, from, to);
}

struct dirent *readdir(DIR *directory)
{
    struct dirent *(*next)(DIR *);
    *(void **)&next = dlsym(RTLD_NEXT, "readdir");
    return strikes(READ_DIRECTORY) ? NULL : next(directory);
}

int fstatat(int directory, const char *name, struct stat *ret, int flags)
{
    return strikes(LOOK) ? -1 : (int)syscall(SYS_newfstatat, directory, name, ret, flags);
}

int renameat2(int old_directory, const char *from, int new_directory, const char *to, unsigned int flags)
{
    return strikes(RENAME) ? -1 : (int)syscall(SYS_renameat2, old_directory, from, new_directory, to, flags);
}

static const struct weir_plan_node node = { .id = 3, .operator_name = "test" };
static const struct weir_plan_node *const operators[] = { &node };

struct fixture {
    struct weir_test_memory memory;
    struct weir_arena arena;
    struct weir_error error;
    struct weir_job_vertex vertex;
    char directory[64];
};

static void begin(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    memset(&fault, 0, sizeof fault);
    weir_test_memory_init(&f->memory);
    weir_arena_init(&f->arena, &f->memory.base);
    snprintf(f->directory, sizeof f->directory, "/tmp/weir-faults-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    f->vertex = (struct weir_job_vertex){ .id = 9,
        .name = "Test",
        .operators = operators,
        .operator_count = 1,
        .parallelism = 1,
        .max_parallelism = 8 };
}

static void end(struct fixture *f)
{
    struct weir_filesystem *fs = &weir_file_filesystem;
    fault.call = NONE;
    assert_int_equal(fs->remove(fs, f->directory, true, &f->error), WEIR_OK);
    weir_arena_done(&f->arena);
    weir_test_memory_check(&f->memory);
}

static enum weir_error_code take(struct fixture *f, uint64_t id, struct weir_snapshot_manifest *ret)
{
    static char blob[100000];
    struct weir_snapshot_item item = { .uid = "3_test" };
    struct weir_subtask_snapshot snapshot = {
        .checkpoint_id = id, .epoch = 1, .item_count = 1, .items = &item
    };
    memset(blob, 'b', sizeof blob);
    weir_buffer_init(&item.blob, &f->memory.base, 1 << 20);
    weir_buffer_append(&item.blob, blob, sizeof blob);
    enum weir_error_code code = weir_snapshot_write(&weir_file_filesystem, f->directory, "a", &f->vertex, 0,
        &snapshot, NULL, &f->memory.base, &f->arena, ret, &f->error);
    weir_buffer_done(&item.blob);
    return code;
}

static uint32_t files(struct fixture *f)
{
    struct weir_directory_entry *entries;
    uint32_t count;
    assert_int_equal(weir_file_filesystem.list(
                         &weir_file_filesystem, &f->arena, f->directory, &entries, &count, &f->error),
        WEIR_OK);
    return count;
}

static void expect_whole(struct fixture *f, const struct weir_snapshot_manifest *manifest)
{
    struct weir_subtask_restore restore;
    assert_int_equal(weir_snapshot_restore(&weir_file_filesystem, manifest->checkpoint_id, manifest, 1,
                         &f->vertex, 0, &f->arena, &restore, &f->error),
        WEIR_OK);
    assert_int_equal(restore.section_count, 1);
    assert_int_equal(restore.sections[0].length, 100000);
}

static void short_writes_are_continued(void **state)
{
    struct fixture f;
    struct weir_snapshot_manifest manifest;
    begin(&f);
    fault.short_bytes = 777;
    assert_int_equal(take(&f, 1, &manifest), WEIR_OK);
    expect_whole(&f, &manifest);
    /* And interrupted ones. */
    fault.call = WRITE;
    fault.after = 9;
    fault.error = EINTR;
    assert_int_equal(take(&f, 2, &manifest), WEIR_OK);
    assert_int_equal(fault.call, NONE);
    expect_whole(&f, &manifest);
    end(&f);
}

/* Each failure, wherever it strikes: it is told with the file's name, nothing is left, and the next one
 * works. */
static void a_snapshot_that_fails_leaves_nothing(void **state)
{
    static const struct {
        enum call call;
        int error;
        enum weir_error_code code;
        uint32_t most;
    } cases[] = { { WRITE, ENOSPC, WEIR_E_NO_SPACE, 20 }, { WRITE, EDQUOT, WEIR_E_NO_SPACE, 20 },
        { WRITE, EIO, WEIR_E_IO, 20 }, { SYNC_FILE, EIO, WEIR_E_IO, 1 },
        { SYNC_FILE, ENOSPC, WEIR_E_NO_SPACE, 1 }, { SYNC_DIRECTORY, EIO, WEIR_E_IO, 1 } };
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        struct fixture f;
        struct weir_snapshot_manifest manifest;
        begin(&f);
        fault.short_bytes = 9000;
        for (uint32_t after = 1; after <= cases[c].most; after++) {
            fault.call = cases[c].call;
            fault.after = after;
            fault.error = cases[c].error;
            enum weir_error_code code = take(&f, after, &manifest);
            if (fault.call == cases[c].call) break; /* there are no more calls than that */
            assert_int_equal(code, cases[c].code);
            assert_non_null(strstr(f.error.message, f.directory));
            assert_int_equal(files(&f), 0);
        }
        fault.call = NONE;
        assert_int_equal(take(&f, 100, &manifest), WEIR_OK);
        expect_whole(&f, &manifest);
        end(&f);
    }
}

/* A name whose directory could not be synced is no durable name: the next sync tries again. */
static void a_name_is_durable_only_with_its_directory(void **state)
{
    struct fixture f;
    struct weir_file *file;
    struct weir_filesystem *fs = &weir_file_filesystem;
    begin(&f);
    const char *path = weir_arena_format(&f.arena, "%s/file", f.directory);
    assert_int_equal(fs->open_write(fs, path, false, &file, &f.error), WEIR_OK);
    assert_int_equal(fs->append(file, "x", 1, &f.error), WEIR_OK);
    for (uint32_t i = 0; i < 2; i++) {
        fault.call = SYNC_DIRECTORY;
        fault.after = 1;
        fault.error = EIO;
        assert_int_equal(fs->sync(file, &f.error), WEIR_E_IO);
        assert_int_equal(fault.call, NONE);
    }
    assert_int_equal(fs->sync(file, &f.error), WEIR_OK);
    fault.call = SYNC_DIRECTORY; /* once it is durable the directory is not asked any more */
    fault.after = 1;
    assert_int_equal(fs->sync(file, &f.error), WEIR_OK);
    assert_int_equal(fault.call, SYNC_DIRECTORY);
    fs->close(file);
    end(&f);
}

static void a_rename_that_fails_is_told_and_may_be_repeated(void **state)
{
    struct fixture f;
    struct weir_file *file;
    struct weir_file_status status;
    struct weir_filesystem *fs = &weir_file_filesystem;
    begin(&f);
    const char *from = weir_arena_format(&f.arena, "%s/from", f.directory);
    const char *to = weir_arena_format(&f.arena, "%s/to", f.directory);
    for (uint32_t replace = 0; replace < 2; replace++) {
        assert_int_equal(fs->open_write(fs, from, true, &file, &f.error), WEIR_OK);
        fs->close(file);
        fault.call = RENAME;
        fault.after = 1;
        fault.error = EIO;
        assert_int_equal(fs->rename(fs, from, to, replace, &f.error), WEIR_E_IO);
        assert_non_null(strstr(f.error.message, from));
        assert_int_equal(fs->status(fs, from, &status, &f.error), WEIR_OK);
        assert_true(status.exists);
        /* The directory's sync fails after the name has changed: that, too, is no success. */
        fault.call = SYNC_DIRECTORY;
        fault.after = 1;
        assert_int_equal(fs->rename(fs, from, to, replace, &f.error), WEIR_E_IO);
        assert_int_equal(fs->status(fs, to, &status, &f.error), WEIR_OK);
        assert_true(status.exists);
        assert_int_equal(fs->rename(fs, to, from, true, &f.error), WEIR_OK);
    }
    end(&f);
}

/* Whoever reads a folder once must not take a part of it for all. */
static void a_folder_is_listed_whole_or_not(void **state)
{
    struct fixture f;
    begin(&f);
    struct weir_filesystem *fs = &weir_file_filesystem;
    struct weir_directory_entry *entries;
    struct weir_file *file;
    uint32_t count;
    for (int i = 0; i < 3; i++) {
        char path[200];
        snprintf(path, sizeof path, "%s/f%d", f.directory, i);
        assert_int_equal(fs->open_write(fs, path, true, &file, &f.error), WEIR_OK);
        fs->close(file);
    }
    static const struct {
        enum call call;
        int error;
        enum weir_error_code code;
        uint32_t count;
    } cases[] = { { READ_DIRECTORY, EIO, WEIR_E_IO, 0 }, { LOOK, EIO, WEIR_E_IO, 0 },
        { LOOK, EACCES, WEIR_E_DENIED, 0 }, { LOOK, ENOENT, WEIR_OK, 2 }, { NONE, 0, WEIR_OK, 3 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fault.call = cases[i].call;
        fault.after = 2;
        fault.error = cases[i].error;
        assert_int_equal(fs->list(fs, &f.arena, f.directory, &entries, &count, &f.error), cases[i].code);
        if (cases[i].code) assert_non_null(strstr(f.error.message, f.directory));
        if (!cases[i].code) assert_int_equal(count, cases[i].count);
    }
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_writes_are_continued),
        cmocka_unit_test(a_snapshot_that_fails_leaves_nothing),
        cmocka_unit_test(a_name_is_durable_only_with_its_directory),
        cmocka_unit_test(a_folder_is_listed_whole_or_not),
        cmocka_unit_test(a_rename_that_fails_is_told_and_may_be_repeated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
