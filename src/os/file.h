/*
 * Whole files and directories for the edge (configuration, scripts, results). Connectors and snapshots do not
 * come here: they go through the filesystem SPI. Every failure names the path and what the system said.
 * @thread any
 */
#ifndef WEIR_OS_FILE_H
#define WEIR_OS_FILE_H

#include "base/buffer.h"
#include "base/error.h"

/* The code that an errno means: NOT_FOUND, ALREADY_EXISTS, NO_SPACE, otherwise IO. */
enum weir_error_code weir_os_error_code(int error_number);
/* Sets reterr to "<what the format says>: <the system's words>". */
enum weir_error_code weir_os_error_set(struct weir_error *reterr, int error_number, const char *format, ...)
    WEIR_PRINTF(3, 4);

/* Appends the file's bytes; a file larger than bytes_max, a directory or an unreadable one is an error. "-"
 * is no special name. */
enum weir_error_code weir_file_read(
    const char *path, size_t bytes_max, struct weir_buffer *to, struct weir_error *reterr);
/* Replaces the file in one step: readers see the old or the new content, never half. Synced before it becomes
 * visible. */
enum weir_error_code weir_file_write(
    const char *path, const void *bytes, size_t length, struct weir_error *reterr);
bool weir_file_exists(const char *path);      /* a regular file, links followed */
bool weir_directory_exists(const char *path); /* links followed */
enum weir_error_code weir_directory_create(
    const char *path, struct weir_error *reterr); /* with its parents */
/* With all that is in it, links not followed; a path that does not exist is fine. */
enum weir_error_code weir_directory_remove(const char *path, struct weir_error *reterr);
/* A new, private directory "<parent>/<prefix>XXXXXX"; parent NULL: TMPDIR or /tmp. path is appended, see
 * weir_buffer_text(). */
enum weir_error_code weir_directory_create_temporary(
    const char *parent, const char *prefix, struct weir_buffer *path, struct weir_error *reterr);
/* The folder of the running program, without a slash at the end; false when the system does not say. */
bool weir_os_program_directory(char *directory, size_t bytes_max);

#endif
