#define _GNU_SOURCE
#include "plugins/filesystem/file/file_filesystem.h"
#include "os/file.h"
#include "os/memory.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct weir_file {
    int descriptor;
    _Atomic bool name_unsynced; /* it was created, and its directory has not been synced since */
    char path[];
};

/* The path without its scheme; a foreign scheme is refused by name. */
static enum weir_error_code plain(const char *path, const char **ret, struct weir_error *reterr)
{
    if (strncmp(path, "file://", 7) == 0) {
        path += 7;
        if (strncmp(path, "localhost/", 10) == 0) path += 9;
        if (*path != '/')
            return weir_error_set(reterr, WEIR_E_ARGUMENT,
                "\"file://%s\" names a host; local files are written file:///path", path);
    } else if (strncmp(path, "file:", 5) == 0) {
        path += 5;
    } else {
        const char *colon = strstr(path, "://");
        if (colon && colon != path && !memchr(path, '/', (size_t)(colon - path)))
            return weir_error_set(reterr, WEIR_E_UNSUPPORTED,
                "file system scheme \"%.*s\" is not implemented (path %s); this build knows file://",
                (int)(colon - path), path, path);
    }
    if (!*path) return weir_error_set(reterr, WEIR_E_ARGUMENT, "an empty path");
    *ret = path;
    return WEIR_OK;
}

static void fill(const struct stat *from, struct weir_file_status *to)
{
    *to = (struct weir_file_status){ .exists = true,
        .is_directory = S_ISDIR(from->st_mode),
        .is_regular = S_ISREG(from->st_mode),
        .size_bytes = from->st_size,
        .modified_us = (int64_t)from->st_mtim.tv_sec * 1000000 + from->st_mtim.tv_nsec / 1000,
        .device = from->st_dev,
        .inode = from->st_ino };
}

static enum weir_error_code file_path_status(
    struct weir_filesystem *fs, const char *path, struct weir_file_status *ret, struct weir_error *reterr)
{
    enum weir_error_code code = plain(path, &path, reterr);
    if (code) return code;
    struct stat status;
    if (stat(path, &status) != 0) {
        if (errno != ENOENT && errno != ENOTDIR)
            return weir_os_error_set(reterr, errno, "cannot look at %s", path);
        *ret = (struct weir_file_status){ 0 };
        return WEIR_OK;
    }
    fill(&status, ret);
    return WEIR_OK;
}

static int compare_entries(const void *a, const void *b)
{
    return strcmp(
        ((const struct weir_directory_entry *)a)->name, ((const struct weir_directory_entry *)b)->name);
}

/* Gone in between, or a dangling link. */
static bool leads_nowhere(int error_number)
{
    return error_number == ENOENT || error_number == ENOTDIR || error_number == ELOOP;
}

/* NULL at the end, and when the directory cannot be read: who took that for its end would miss files. */
static struct dirent *next_entry(
    DIR *directory, const char *path, enum weir_error_code *code, struct weir_error *reterr)
{
    errno = 0;
    struct dirent *entry = readdir(directory);
    if (!entry && errno) *code = weir_os_error_set(reterr, errno, "cannot list %s", path);
    return entry;
}

static enum weir_error_code file_list(struct weir_filesystem *fs, struct weir_arena *arena, const char *path,
    struct weir_directory_entry **ret, uint32_t *ret_count, struct weir_error *reterr)
{
    enum weir_error_code code = plain(path, &path, reterr);
    if (code) return code;
    DIR *directory = opendir(path);
    if (!directory) return weir_os_error_set(reterr, errno, "cannot list %s", path);
    struct weir_directory_entry *entries = NULL;
    uint32_t count = 0, capacity = 0;
    struct dirent *entry;
    struct stat status;
    while (!code && (entry = next_entry(directory, path, &code, reterr))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (fstatat(dirfd(directory), entry->d_name, &status, 0) != 0) {
            if (!leads_nowhere(errno))
                code = weir_os_error_set(reterr, errno, "cannot look at %s/%s", path, entry->d_name);
            continue;
        }
        if (count == capacity) {
            capacity = capacity ? capacity * 2 : 32;
            struct weir_directory_entry *grown =
                WEIR_ARENA_ARRAY(arena, struct weir_directory_entry, capacity);
            if (count) memcpy(grown, entries, count * sizeof *grown);
            entries = grown;
        }
        entries[count].name = weir_arena_string(arena, entry->d_name);
        fill(&status, &entries[count++].status);
    }
    closedir(directory);
    if (count) qsort(entries, count, sizeof *entries, compare_entries);
    *ret = entries;
    *ret_count = count;
    return code;
}

static struct weir_file *handle(int descriptor, const char *path)
{
    size_t length = strlen(path) + 1;
    struct weir_file *file = weir_memory_allocate(weir_os_memory(), sizeof *file + length);
    file->descriptor = descriptor;
    file->name_unsynced = false;
    memcpy(file->path, path, length);
    return file;
}

static enum weir_error_code file_open_read(
    struct weir_filesystem *fs, const char *path, struct weir_file **ret, struct weir_error *reterr)
{
    enum weir_error_code code = plain(path, &path, reterr);
    if (code) return code;
    /* O_NONBLOCK: a FIFO without a writer must not hang the slot; regular files do not care. */
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) return weir_os_error_set(reterr, errno, "cannot open %s for reading", path);
    struct stat status;
    if (fstat(descriptor, &status) != 0 || S_ISDIR(status.st_mode)) {
        close(descriptor);
        return weir_error_set(reterr, WEIR_E_DENIED, "cannot read %s: it is a directory", path);
    }
    *ret = handle(descriptor, path);
    return WEIR_OK;
}

static enum weir_error_code file_open_write(struct weir_filesystem *fs, const char *path, bool replace,
    struct weir_file **ret, struct weir_error *reterr)
{
    enum weir_error_code code = plain(path, &path, reterr);
    if (code) return code;
    int descriptor =
        open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_APPEND | (replace ? O_TRUNC : O_EXCL), 0666);
    if (descriptor < 0) return weir_os_error_set(reterr, errno, "cannot create %s", path);
    *ret = handle(descriptor, path);
    (*ret)->name_unsynced = true;
    return WEIR_OK;
}

static enum weir_error_code file_read_at(struct weir_file *file, int64_t offset, void *bytes, size_t length,
    size_t *ret_read, struct weir_error *reterr)
{
    ssize_t got;
    do got = pread(file->descriptor, bytes, length, offset);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return weir_os_error_set(reterr, errno, "cannot read %s at byte %lld", file->path, (long long)offset);
    *ret_read = (size_t)got;
    return WEIR_OK;
}

static enum weir_error_code file_append(
    struct weir_file *file, const void *bytes, size_t length, struct weir_error *reterr)
{
    for (const char *at = bytes; length > 0;) {
        ssize_t wrote = write(file->descriptor, at, length);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0)
            return weir_os_error_set(reterr, wrote < 0 ? errno : ENOSPC, "cannot write to %s", file->path);
        at += wrote;
        length -= (size_t)wrote;
    }
    return WEIR_OK;
}

static enum weir_error_code file_handle_status(
    struct weir_file *file, struct weir_file_status *ret, struct weir_error *reterr)
{
    struct stat status;
    if (fstat(file->descriptor, &status) != 0)
        return weir_os_error_set(reterr, errno, "cannot look at %s", file->path);
    fill(&status, ret);
    return WEIR_OK;
}

static void file_close(struct weir_file *file)
{
    if (!file) return;
    close(file->descriptor);
    weir_memory_release(weir_os_memory(), file, sizeof *file + strlen(file->path) + 1);
}

static enum weir_error_code sync_parent(const char *path, struct weir_error *reterr)
{
    char parent[4096];
    const char *slash = strrchr(path, '/');
    size_t length = slash == path ? 1 : slash ? (size_t)(slash - path) : 0;
    if (length >= sizeof parent) return weir_error_set(reterr, WEIR_E_ARGUMENT, "path too long: %s", path);
    memcpy(parent, length ? path : ".", length ? length : 1);
    parent[length ? length : 1] = 0;
    int descriptor = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return weir_os_error_set(reterr, errno, "cannot open directory %s", parent);
    int failed = fsync(descriptor) != 0 && errno != EINVAL
                     ? errno
                     : 0; /* EINVAL: this file system has nothing to sync */
    close(descriptor);
    return failed ? weir_os_error_set(reterr, failed, "cannot sync directory %s", parent) : WEIR_OK;
}

/* Bytes that are safe under a name that is not are lost all the same: the first time the directory goes
 * along. */
static enum weir_error_code file_sync(struct weir_file *file, struct weir_error *reterr)
{
    if (fsync(file->descriptor) != 0) return weir_os_error_set(reterr, errno, "cannot sync %s", file->path);
    if (!file->name_unsynced) return WEIR_OK;
    enum weir_error_code code = sync_parent(file->path, reterr);
    if (!code) file->name_unsynced = false;
    return code;
}

static enum weir_error_code file_make_directories(
    struct weir_filesystem *fs, const char *path, struct weir_error *reterr)
{
    char prefix[4096];
    enum weir_error_code code = plain(path, &path, reterr);
    if (code) return code;
    size_t length = strlen(path), existing = length;
    if (length >= sizeof prefix || weir_directory_exists(path)) return weir_directory_create(path, reterr);
    memcpy(prefix, path, length + 1);
    while (existing > 0 && !weir_directory_exists(prefix)) {
        while (existing > 0 && prefix[existing - 1] == '/') existing--;
        while (existing > 0 && prefix[existing - 1] != '/') existing--;
        prefix[existing] = 0;
    }
    code = weir_directory_create(path, reterr);
    /* The names of the new directories are made durable, from the uppermost down. */
    for (size_t i = existing + 1; !code && i <= length; i++) {
        if ((path[i] != '/' && path[i] != 0) || path[i - 1] == '/') continue;
        memcpy(prefix, path, i);
        prefix[i] = 0;
        code = sync_parent(prefix, reterr);
    }
    return code;
}

static enum weir_error_code file_rename(
    struct weir_filesystem *fs, const char *from, const char *to, bool replace, struct weir_error *reterr)
{
    enum weir_error_code code = plain(from, &from, reterr);
    if (!code) code = plain(to, &to, reterr);
    if (code) return code;
    int result = replace ? rename(from, to) : renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
    if (result != 0 && !replace && errno == EINVAL) { /* a file system without RENAME_NOREPLACE */
        result = link(from, to);
        if (result == 0) result = unlink(from);
    }
    if (result != 0) return weir_os_error_set(reterr, errno, "cannot rename %s to %s", from, to);
    return sync_parent(to, reterr);
}

static enum weir_error_code file_remove(
    struct weir_filesystem *fs, const char *path, bool recursive, struct weir_error *reterr)
{
    enum weir_error_code code = plain(path, &path, reterr);
    if (code) return code;
    if (recursive && weir_directory_exists(path)) return weir_directory_remove(path, reterr);
    if (remove(path) != 0 && errno != ENOENT)
        return weir_os_error_set(reterr, errno, "cannot remove %s", path);
    return WEIR_OK;
}

static enum weir_error_code file_link(
    struct weir_filesystem *fs, const char *from, const char *to, struct weir_error *reterr)
{
    enum weir_error_code code = plain(from, &from, reterr);
    if (!code) code = plain(to, &to, reterr);
    if (code) return code;
    if (link(from, to) != 0) return weir_os_error_set(reterr, errno, "cannot link %s to %s", from, to);
    return WEIR_OK;
}

struct weir_filesystem weir_file_filesystem = {
    .status = file_path_status,
    .list = file_list,
    .open_read = file_open_read,
    .open_write = file_open_write,
    .read_at = file_read_at,
    .append = file_append,
    .file_status = file_handle_status,
    .sync = file_sync,
    .close = file_close,
    .make_directories = file_make_directories,
    .rename = file_rename,
    .remove = file_remove,
    .link = file_link,
};
