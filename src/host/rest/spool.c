#define _GNU_SOURCE /* O_TMPFILE, mkostemp */
/* Answers of other processes that may be long: a log is not held in memory. */
#include "base/assert.h"
#include "host/rest/internal.h"
#include "os/file.h"
#include "os/log.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void rest__spool_init(struct rest_spool *spool, struct weir_rest_server *server)
{
    *spool = (struct rest_spool){ .server = server, .file = -1 };
    weir_buffer_init(&spool->head, server->memory, REST_SPOOL_MEMORY_BYTES_MAX);
}

void rest__spool_done(struct rest_spool *spool)
{
    weir_buffer_done(&spool->head);
    if (spool->file >= 0) close(spool->file);
    spool->file = -1;
}

/* Gone with its last descriptor, however the process ends. */
static int open_nameless(const struct weir_config *settings)
{
    const char *list = weir_config_get_text(settings, "io.tmp.dirs", "/tmp");
    char path[1024];
    snprintf(path, sizeof path, "%.*s", (int)strcspn(list, ","), list);
    int file = open(path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (file >= 0) return file;
    snprintf(path, sizeof path, "%.*s/weir-rest-XXXXXX", (int)strcspn(list, ","), list);
    file = mkostemp(path, O_CLOEXEC);
    if (file >= 0) (void)unlink(path);
    return file;
}

static bool write_all(int file, const char *bytes, size_t length)
{
    while (length) {
        ssize_t written = write(file, bytes, length);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        bytes += written;
        length -= (size_t)written;
    }
    return true;
}

static bool move_to_file(struct rest_spool *spool)
{
    spool->file = open_nameless(spool->server->settings);
    if (spool->file >= 0 && write_all(spool->file, (const char *)spool->head.data, spool->head.length))
        return true;
    struct weir_error error = { 0 };
    weir_os_error_set(&error, errno, "a long answer cannot be kept on disk (io.tmp.dirs)");
    weir_log(WEIR_LOG_WARN, "weir.rest", "%s", error.message);
    return false;
}

size_t rest__spool_append(char *bytes, size_t size, size_t count, void *owner)
{
    struct rest_spool *spool = owner;
    size_t length = size * count;
    if (length > REST_SPOOL_BYTES_MAX - spool->bytes) return 0;
    if (spool->file < 0 && spool->bytes + length <= REST_SPOOL_MEMORY_BYTES_MAX) {
        weir_buffer_append(&spool->head, bytes, length);
        if (spool->head.overflowed) return 0;
    } else if ((spool->file < 0 && !move_to_file(spool)) || !write_all(spool->file, bytes, length)) {
        return 0;
    }
    spool->bytes += length;
    return length;
}

void rest__answer_spool(
    struct rest_request *request, unsigned status, const char *type, struct rest_spool *spool)
{
    WEIR_ASSERT(!request->answer_is_file);
    request->status = status;
    request->answer_type = type ? weir_arena_string(&request->arena, type) : NULL;
    request->answer_bytes = spool->bytes;
    if (spool->file >= 0) {
        request->answer_is_file = true;
        request->answer_file = spool->file;
        request->answer_offset = 0;
        spool->file = -1;
    } else {
        request->answer = weir_arena_copy(
            &request->arena, spool->head.data ? (const char *)spool->head.data : "", spool->head.length);
    }
}
