/*
 * Files in memory for tests of what is written: power losses, calls that fail, processes that are gone, and a
 * note of what must not be done (a file renamed while it is open or not synced).
 *
 * A name is durable from the first sync of its file or from a rename; bytes up to the last sync.
 */
#ifndef WEIR_TEST_TASK_MEMORY_FILESYSTEM_H
#define WEIR_TEST_TASK_MEMORY_FILESYSTEM_H

#include "support/cmocka_all.h"
#include "spi/filesystem.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FS_UNUSED __attribute__((unused))

enum fs_call { FS_NONE, FS_OPEN_READ, FS_OPEN_WRITE, FS_READ, FS_APPEND, FS_SYNC, FS_RENAME, FS_REMOVE };

struct fs_node {
    char *path;
    bool is_directory, name_durable, gone; /* gone: removed while it was open */
    char *bytes;
    size_t length, durable;
    uint64_t inode;
    uint32_t writers, readers;
};

struct memory_filesystem {
    struct weir_filesystem base;
    struct fs_node **nodes;
    uint32_t count, capacity;
    uint64_t next_inode;
    bool dead;          /* the process is gone: nothing it calls does anything */
    bool needs_folders; /* else a file may be written where there is none */
    uint32_t calls,
        dies_at; /* calls that change something; the process is gone from this one on (0: never) */
    /* The after-th call of a kind on a path that holds text fails with code; before it takes effect, or
     * after. */
    struct {
        enum fs_call call;
        const char *text;
        uint32_t after;
        enum weir_error_code code;
        bool takes_effect;
    } fault;
    const char *violation;
};

struct weir_file {
    struct memory_filesystem *fs;
    struct fs_node *node;
    bool writes;
};

static struct fs_node *fs_find(struct memory_filesystem *fs, const char *path)
{
    for (uint32_t i = 0; i < fs->count; i++)
        if (!fs->nodes[i]->gone && strcmp(fs->nodes[i]->path, path) == 0) return fs->nodes[i];
    return NULL;
}

static struct fs_node *fs_add(struct memory_filesystem *fs, const char *path, bool is_directory)
{
    if (fs->count == fs->capacity) {
        fs->capacity = fs->capacity ? fs->capacity * 2 : 64;
        fs->nodes = realloc(fs->nodes, fs->capacity * sizeof *fs->nodes);
    }
    struct fs_node *node = calloc(1, sizeof *node);
    node->path = strdup(path);
    node->is_directory = node->name_durable = is_directory;
    node->inode = ++fs->next_inode;
    return fs->nodes[fs->count++] = node;
}

static void fs_drop(struct memory_filesystem *fs, struct fs_node *node)
{
    node->gone = true;
    if (node->writers || node->readers) return;
    for (uint32_t i = 0; i < fs->count; i++) {
        if (fs->nodes[i] != node) continue;
        fs->nodes[i] = fs->nodes[--fs->count];
        break;
    }
    free(node->path);
    free(node->bytes);
    free(node);
}

static enum weir_error_code fs_fault(
    struct memory_filesystem *fs, enum fs_call call, const char *path, struct weir_error *reterr)
{
    if (call != FS_OPEN_READ && call != FS_READ && !fs->dead && ++fs->calls == fs->dies_at) fs->dead = true;
    if (fs->dead) return weir_error_set(reterr, WEIR_E_IO, "this process is gone");
    if (fs->fault.call != call || (fs->fault.text && !strstr(path, fs->fault.text))) return WEIR_OK;
    if (fs->fault.after-- > 1) return WEIR_OK;
    fs->fault.call = FS_NONE;
    return weir_error_set(reterr, fs->fault.code, "%s: planted fault", path);
}

static void fs_fill(const struct fs_node *node, struct weir_file_status *ret)
{
    *ret = (struct weir_file_status){ .exists = true,
        .is_directory = node->is_directory,
        .is_regular = !node->is_directory,
        .size_bytes = (int64_t)node->length,
        .device = 1,
        .inode = node->inode };
}

static enum weir_error_code fs_status(
    struct weir_filesystem *base, const char *path, struct weir_file_status *ret, struct weir_error *reterr)
{
    struct memory_filesystem *fs = (struct memory_filesystem *)base;
    if (fs->dead) return weir_error_set(reterr, WEIR_E_IO, "this process is gone");
    struct fs_node *node = fs_find(fs, path);
    *ret = (struct weir_file_status){ 0 };
    if (node) fs_fill(node, ret);
    return WEIR_OK;
}

static int fs_compare(const void *a, const void *b)
{
    return strcmp(
        ((const struct weir_directory_entry *)a)->name, ((const struct weir_directory_entry *)b)->name);
}

static enum weir_error_code fs_list(struct weir_filesystem *base, struct weir_arena *arena, const char *path,
    struct weir_directory_entry **ret, uint32_t *ret_count, struct weir_error *reterr)
{
    struct memory_filesystem *fs = (struct memory_filesystem *)base;
    if (fs->dead) return weir_error_set(reterr, WEIR_E_IO, "this process is gone");
    struct fs_node *node = fs_find(fs, path);
    if (!node || !node->is_directory) return weir_error_set(reterr, WEIR_E_NOT_FOUND, "%s: no folder", path);
    size_t length = strlen(path);
    *ret = WEIR_ARENA_ARRAY(arena, struct weir_directory_entry, fs->count + 1);
    *ret_count = 0;
    for (uint32_t i = 0; i < fs->count; i++) {
        const char *other = fs->nodes[i]->path;
        if (fs->nodes[i]->gone || strncmp(other, path, length) != 0 || other[length] != '/') continue;
        if (strchr(other + length + 1, '/')) continue;
        struct weir_directory_entry *entry = &(*ret)[(*ret_count)++];
        entry->name = weir_arena_string(arena, other + length + 1);
        fs_fill(fs->nodes[i], &entry->status);
    }
    qsort(*ret, *ret_count, sizeof **ret, fs_compare);
    return WEIR_OK;
}

static struct weir_file *fs_handle(struct memory_filesystem *fs, struct fs_node *node, bool writes)
{
    struct weir_file *file = calloc(1, sizeof *file);
    *file = (struct weir_file){ fs, node, writes };
    if (writes)
        node->writers++;
    else
        node->readers++;
    return file;
}

static enum weir_error_code fs_open_read(
    struct weir_filesystem *base, const char *path, struct weir_file **ret, struct weir_error *reterr)
{
    struct memory_filesystem *fs = (struct memory_filesystem *)base;
    enum weir_error_code code = fs_fault(fs, FS_OPEN_READ, path, reterr);
    if (code) return code;
    struct fs_node *node = fs_find(fs, path);
    if (!node) return weir_error_set(reterr, WEIR_E_NOT_FOUND, "%s: there is no such file", path);
    *ret = fs_handle(fs, node, false);
    return WEIR_OK;
}

static enum weir_error_code fs_open_write(struct weir_filesystem *base, const char *path, bool replace,
    struct weir_file **ret, struct weir_error *reterr)
{
    struct memory_filesystem *fs = (struct memory_filesystem *)base;
    enum weir_error_code code = fs_fault(fs, FS_OPEN_WRITE, path, reterr);
    if (code) return code;
    struct fs_node *node = fs_find(fs, path);
    if (node && !replace) return weir_error_set(reterr, WEIR_E_ALREADY_EXISTS, "%s: the name is taken", path);
    char folder[512];
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    if (fs->needs_folders && folder[0] && !fs_find(fs, folder))
        return weir_error_set(reterr, WEIR_E_NOT_FOUND, "%s: there is no %s", path, folder);
    if (!node) node = fs_add(fs, path, false);
    node->length = node->durable = 0;
    *ret = fs_handle(fs, node, true);
    return WEIR_OK;
}

static enum weir_error_code fs_read_at(struct weir_file *file, int64_t offset, void *bytes, size_t length,
    size_t *ret_read, struct weir_error *reterr)
{
    enum weir_error_code code = fs_fault(file->fs, FS_READ, file->node->path, reterr);
    if (code) return code;
    size_t at = (size_t)offset < file->node->length ? (size_t)offset : file->node->length;
    *ret_read = WEIR_MIN(length, file->node->length - at);
    if (*ret_read) memcpy(bytes, file->node->bytes + at, *ret_read);
    return WEIR_OK;
}

static enum weir_error_code fs_append(
    struct weir_file *file, const void *bytes, size_t length, struct weir_error *reterr)
{
    enum weir_error_code code = fs_fault(file->fs, FS_APPEND, file->node->path, reterr);
    if (code) return code;
    file->node->bytes = realloc(file->node->bytes, file->node->length + length + 1);
    if (length) memcpy(file->node->bytes + file->node->length, bytes, length);
    file->node->bytes[file->node->length + length] = '\0'; /* so that tests may read it as text */
    file->node->length += length;
    return WEIR_OK;
}

static enum weir_error_code fs_file_status(
    struct weir_file *file, struct weir_file_status *ret, struct weir_error *reterr)
{
    (void)reterr;
    fs_fill(file->node, ret);
    return WEIR_OK;
}

static enum weir_error_code fs_sync(struct weir_file *file, struct weir_error *reterr)
{
    enum weir_error_code code = fs_fault(file->fs, FS_SYNC, file->node->path, reterr);
    if (code) return code;
    file->node->durable = file->node->length;
    file->node->name_durable = true;
    return WEIR_OK;
}

static void fs_close(struct weir_file *file)
{
    if (file->writes)
        file->node->writers--;
    else
        file->node->readers--;
    if (file->node->gone) fs_drop(file->fs, file->node);
    free(file);
}

static enum weir_error_code fs_make_directories(
    struct weir_filesystem *base, const char *path, struct weir_error *reterr)
{
    struct memory_filesystem *fs = (struct memory_filesystem *)base;
    if (fs->dead) return weir_error_set(reterr, WEIR_E_IO, "this process is gone");
    char prefix[512];
    for (size_t i = 1; i <= strlen(path); i++) {
        if (path[i] != '/' && path[i] != 0) continue;
        snprintf(prefix, sizeof prefix, "%.*s", (int)i, path);
        if (!fs_find(fs, prefix)) fs_add(fs, prefix, true);
    }
    return WEIR_OK;
}

static enum weir_error_code fs_rename(
    struct weir_filesystem *base, const char *from, const char *to, bool replace, struct weir_error *reterr)
{
    struct memory_filesystem *fs = (struct memory_filesystem *)base;
    enum weir_error_code code = fs_fault(fs, FS_RENAME, from, reterr);
    if (code && (fs->dead || !fs->fault.takes_effect)) return code;
    struct fs_node *node = fs_find(fs, from), *target = fs_find(fs, to);
    if (!node) return weir_error_set(reterr, WEIR_E_NOT_FOUND, "%s: there is no such file", from);
    if (target && !replace) return weir_error_set(reterr, WEIR_E_ALREADY_EXISTS, "%s: the name is taken", to);
    if (node->writers) fs->violation = "a file was renamed while it was open for writing";
    if (node->durable < node->length) fs->violation = "a file was renamed before it was synced";
    if (target) fs_drop(fs, target);
    for (uint32_t i = 0; node->is_directory && i < fs->count; i++) { /* with what is in it */
        struct fs_node *below = fs->nodes[i];
        size_t length = strlen(from);
        if (strncmp(below->path, from, length) != 0 || below->path[length] != '/') continue;
        char moved[1024];
        snprintf(moved, sizeof moved, "%s%s", to, below->path + length);
        free(below->path);
        below->path = strdup(moved);
    }
    free(node->path);
    node->path = strdup(to);
    node->name_durable = true;
    return code;
}

static enum weir_error_code fs_remove(
    struct weir_filesystem *base, const char *path, bool recursive, struct weir_error *reterr)
{
    struct memory_filesystem *fs = (struct memory_filesystem *)base;
    enum weir_error_code code = fs_fault(fs, FS_REMOVE, path, reterr);
    if (code) return code;
    struct fs_node *node = fs_find(fs, path);
    if (node) fs_drop(fs, node);
    size_t length = strlen(path);
    for (uint32_t i = fs->count; recursive && i > 0; i--)
        if (i <= fs->count && !fs->nodes[i - 1]->gone && strncmp(fs->nodes[i - 1]->path, path, length) == 0 &&
            fs->nodes[i - 1]->path[length] == '/')
            fs_drop(fs, fs->nodes[i - 1]);
    return WEIR_OK;
}

static FS_UNUSED void memory_filesystem_init(struct memory_filesystem *fs)
{
    *fs = (struct memory_filesystem){ .base = { .status = fs_status,
                                          .list = fs_list,
                                          .open_read = fs_open_read,
                                          .open_write = fs_open_write,
                                          .read_at = fs_read_at,
                                          .append = fs_append,
                                          .file_status = fs_file_status,
                                          .sync = fs_sync,
                                          .close = fs_close,
                                          .make_directories = fs_make_directories,
                                          .rename = fs_rename,
                                          .remove = fs_remove } };
}

static FS_UNUSED void memory_filesystem_done(struct memory_filesystem *fs)
{
    while (fs->count) {
        assert_int_equal(fs->nodes[0]->writers + fs->nodes[0]->readers, 0);
        fs_drop(fs, fs->nodes[0]);
    }
    free(fs->nodes);
}

/* Nothing is open. What was not durable is gone. */
static FS_UNUSED void memory_filesystem_power_loss(struct memory_filesystem *fs)
{
    for (uint32_t i = fs->count; i > 0; i--) {
        struct fs_node *node = fs->nodes[i - 1];
        node->length = WEIR_MIN(node->length, node->durable);
        if (!node->name_durable) fs_drop(fs, node);
    }
}

static FS_UNUSED void memory_filesystem_put(struct memory_filesystem *fs, const char *path, const char *text)
{
    struct fs_node *node = fs_find(fs, path);
    if (!node) node = fs_add(fs, path, false);
    free(node->bytes);
    node->bytes = strdup(text);
    node->length = node->durable = strlen(text);
    node->name_durable = true;
}

/* Files whose path holds text. */
static FS_UNUSED uint32_t memory_filesystem_count(const struct memory_filesystem *fs, const char *text)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < fs->count; i++)
        count += !fs->nodes[i]->gone && !fs->nodes[i]->is_directory && strstr(fs->nodes[i]->path, text);
    return count;
}

/* The first of them in the order of their paths, or NULL. */
static FS_UNUSED struct fs_node *memory_filesystem_first(const struct memory_filesystem *fs, const char *text)
{
    struct fs_node *first = NULL;
    for (uint32_t i = 0; i < fs->count; i++) {
        struct fs_node *node = fs->nodes[i];
        if (node->gone || node->is_directory || !strstr(node->path, text)) continue;
        if (!first || strcmp(node->path, first->path) < 0) first = node;
    }
    return first;
}

#endif
