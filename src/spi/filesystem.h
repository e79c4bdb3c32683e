/*
 * Files as connectors and snapshot writers see them. os implements it on POSIX (host path scheme "file"), the
 * simulator with power-loss semantics. Paths are UTF-8, "file:///x", "file:/x" or plain; the connector passes
 * them on as the user wrote them.
 * @thread any, one file handle has one owner; but sync may be called beside its owner's append, by several
 * threads at once, and then covers at least what was appended before. Blocking calls: slot threads of file
 * sources and sinks only.
 */
#ifndef WEIR_SPI_FILESYSTEM_H
#define WEIR_SPI_FILESYSTEM_H

#include "base/arena.h"
#include "base/error.h"

struct weir_file;

struct weir_file_status {
    bool exists, is_directory, is_regular;
    int64_t size_bytes;
    int64_t modified_us;    /* UTC */
    uint64_t device, inode; /* identity: survives rename */
};

struct weir_directory_entry {
    const char *name; /* without path; in the caller's arena */
    struct weir_file_status status;
};

struct weir_filesystem {
    enum weir_error_code (*status)(struct weir_filesystem *fs, const char *path, struct weir_file_status *ret,
        struct weir_error *reterr); /* absent: OK, exists = false */
    enum weir_error_code (*list)(struct weir_filesystem *fs, struct weir_arena *arena, const char *path,
        struct weir_directory_entry **ret, uint32_t *ret_count,
        struct weir_error *reterr); /* sorted by name */
    enum weir_error_code (*open_read)(
        struct weir_filesystem *fs, const char *path, struct weir_file **ret, struct weir_error *reterr);
    /* replace false: fails with ALREADY_EXISTS when the name is taken. */
    enum weir_error_code (*open_write)(struct weir_filesystem *fs, const char *path, bool replace,
        struct weir_file **ret, struct weir_error *reterr);
    enum weir_error_code (*read_at)(struct weir_file *file, int64_t offset, void *bytes, size_t length,
        size_t *ret_read, struct weir_error *reterr); /* 0 = end */
    enum weir_error_code (*append)(struct weir_file *file, const void *bytes, size_t length,
        struct weir_error *reterr); /* all or an error */
    enum weir_error_code (*file_status)(struct weir_file *file, struct weir_file_status *ret,
        struct weir_error *reterr); /* of the open file, whatever its name is now */
    enum weir_error_code (*sync)(struct weir_file *file, struct weir_error *reterr);
    void (*close)(struct weir_file *file);
    enum weir_error_code (*make_directories)(
        struct weir_filesystem *fs, const char *path, struct weir_error *reterr);
    enum weir_error_code (*rename)(struct weir_filesystem *fs, const char *from, const char *to, bool replace,
        struct weir_error *reterr); /* syncs the directories */
    enum weir_error_code (*remove)(struct weir_filesystem *fs, const char *path, bool recursive,
        struct weir_error *reterr); /* absent: OK */
    /* A second name of the same file; not synced. NULL: there are none, copy it. */
    enum weir_error_code (*link)(
        struct weir_filesystem *fs, const char *from, const char *to, struct weir_error *reterr);
};

#endif
