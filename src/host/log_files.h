/*
 * The files that this process logs into, for those who look at them over HTTP. The log is what the
 * configuration names, else the file that standard error goes to; standard output likewise. Shown are these
 * and, from the log's folder, what is named like it (rotated ones); everything in the folder where it is
 * configured as one of logs (WEIR_LOG_DIR, FLINK_LOG_DIR, env.log.dir). A process in the foreground has none.
 * @thread find: one; the others: any, they change nothing.
 */
#ifndef WEIR_HOST_LOG_FILES_H
#define WEIR_HOST_LOG_FILES_H

#include "base/buffer.h"
#include "config/config.h"
#include <stdint.h>

enum {
    WEIR_LOG_FILES_SHOWN_MAX = 1000,
    WEIR_LOG_BYTES_SHOWN_MAX = 256 << 20, /* of a longer one the end */
    WEIR_THREADS_SHOWN_MAX = 4096
};

struct weir_log_files {
    char log[1024], out[1024]; /* paths; empty: none */
    char directory[1024];      /* empty: none */
    bool all;                  /* whatever lies there */
};

enum weir_log_kind { WEIR_LOG_KIND_LOG, WEIR_LOG_KIND_OUT, WEIR_LOG_KIND_NAMED };

/* option: names the log's path. */
void weir_log_files_find(const struct weir_config *config, const char *option, struct weir_log_files *ret);
/* {"logs":[{"name":..,"size":..,"mtime":..}]}, by name */
void weir_log_files_print_json(const struct weir_log_files *files, struct weir_buffer *out);
/* A descriptor of the caller's, at *ret_offset of which *ret_bytes are to be shown; -1: there is no such file
 * to be shown. name: of a NAMED one. */
int weir_log_files_open(const struct weir_log_files *files, enum weir_log_kind kind, const char *name,
    uint64_t *ret_offset, uint64_t *ret_bytes);

/* {"threadInfos":[{"threadName":..,"stringifiedThreadInfo":..}]} of this process: what the system knows. */
void weir_threads_print_json(struct weir_buffer *out);

#endif
