#define _GNU_SOURCE
#include "os/file.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_CHUNK_BYTES = 64 << 10, OPEN_DIRECTORIES_MAX = 16 };

enum weir_error_code weir_os_error_code(int error_number)
{
    switch (error_number) {
    case ENOENT:
    case ENOTDIR: return WEIR_E_NOT_FOUND;
    case EEXIST: return WEIR_E_ALREADY_EXISTS;
    case ENOSPC:
    case EDQUOT: return WEIR_E_NO_SPACE;
    case EACCES:
    case EPERM:
    case EISDIR:
    case ELOOP:
    case ENAMETOOLONG:
    case EROFS: return WEIR_E_DENIED;
    default: return WEIR_E_IO;
    }
}

enum weir_error_code weir_os_error_set(struct weir_error *reterr, int error_number, const char *format, ...)
{
    char what[WEIR_ERROR_MESSAGE_BYTES_MAX - 128];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    const char *words = strerrordesc_np(error_number);
    return weir_error_set(
        reterr, weir_os_error_code(error_number), "%s: %s", what, words ? words : "unknown system error");
}

static enum weir_error_code read_descriptor(
    int descriptor, const char *path, size_t bytes_max, struct weir_buffer *to, struct weir_error *reterr)
{
    size_t total = 0;
    for (;;) {
        char *at = weir_buffer_reserve(to, READ_CHUNK_BYTES);
        size_t room = READ_CHUNK_BYTES;
        char spare[512]; /* the buffer's end is near: read the last bytes aside */
        if (!at) {
            to->overflowed = false;
            at = spare;
            room = sizeof spare;
        }
        ssize_t count = read(descriptor, at, room);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return weir_os_error_set(reterr, errno, "cannot read '%s'", path);
        if (count == 0) return WEIR_OK;
        total += (size_t)count;
        if (at == spare)
            weir_buffer_append(to, spare, (size_t)count);
        else
            to->length += (size_t)count;
        if (total > bytes_max || to->overflowed) {
            return weir_error_set(
                reterr, WEIR_E_IO, "'%s' is too large: at most %zu bytes are expected", path, bytes_max);
        }
    }
}

enum weir_error_code weir_file_read(
    const char *path, size_t bytes_max, struct weir_buffer *to, struct weir_error *reterr)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return weir_os_error_set(reterr, errno, "cannot open '%s'", path);
    enum weir_error_code code = read_descriptor(descriptor, path, bytes_max, to, reterr);
    close(descriptor);
    return code;
}

static enum weir_error_code write_descriptor(
    int descriptor, const char *path, const char *bytes, size_t length, struct weir_error *reterr)
{
    while (length) {
        ssize_t count = write(descriptor, bytes, length);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return weir_os_error_set(reterr, errno, "cannot write '%s'", path);
        bytes += count;
        length -= (size_t)count;
    }
    if (fsync(descriptor)) return weir_os_error_set(reterr, errno, "cannot sync '%s'", path);
    return WEIR_OK;
}

enum weir_error_code weir_file_write(
    const char *path, const void *bytes, size_t length, struct weir_error *reterr)
{
    char temporary[PATH_MAX];
    int wanted = snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
    if (wanted < 0 || (size_t)wanted >= sizeof temporary) {
        return weir_os_error_set(reterr, ENAMETOOLONG, "cannot write '%.100s...'", path);
    }
    int descriptor = mkostemp(temporary, O_CLOEXEC);
    if (descriptor < 0) return weir_os_error_set(reterr, errno, "cannot create a file beside '%s'", path);
    enum weir_error_code code = write_descriptor(descriptor, path, bytes, length, reterr);
    if (!code && fchmod(descriptor, 0644)) code = weir_os_error_set(reterr, errno, "cannot write '%s'", path);
    if (close(descriptor) && !code) code = weir_os_error_set(reterr, errno, "cannot close '%s'", path);
    if (!code && rename(temporary, path))
        code = weir_os_error_set(reterr, errno, "cannot replace '%s'", path);
    if (code) unlink(temporary);
    return code;
}

bool weir_file_exists(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

bool weir_directory_exists(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

enum weir_error_code weir_directory_create(const char *path, struct weir_error *reterr)
{
    char prefix[PATH_MAX];
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof prefix) {
        return weir_error_set(reterr, WEIR_E_ARGUMENT,
            "cannot create a directory: a path of 1 to %zu bytes is expected", sizeof prefix - 1);
    }
    memcpy(prefix, path, length + 1);
    for (size_t i = 1; i <= length; i++) {
        if (prefix[i] != '/' && prefix[i] != 0) continue;
        char kept = prefix[i];
        prefix[i] = 0;
        if (mkdir(prefix, 0777) && !(errno == EEXIST && weir_directory_exists(prefix))) {
            int error_number = errno == EEXIST ? ENOTDIR : errno; /* a file is in the way */
            return weir_os_error_set(reterr, error_number, "cannot create directory '%s'", prefix);
        }
        prefix[i] = kept;
    }
    return WEIR_OK;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    return remove(path);
}

enum weir_error_code weir_directory_remove(const char *path, struct weir_error *reterr)
{
    if (nftw(path, remove_entry, OPEN_DIRECTORIES_MAX, FTW_DEPTH | FTW_PHYS) == 0 || errno == ENOENT)
        return WEIR_OK;
    return weir_os_error_set(reterr, errno, "cannot remove directory '%s'", path);
}

enum weir_error_code weir_directory_create_temporary(
    const char *parent, const char *prefix, struct weir_buffer *path, struct weir_error *reterr)
{
    const char *environment = getenv("TMPDIR");
    if (!parent) parent = environment && *environment ? environment : "/tmp";
    char name[PATH_MAX];
    int wanted = snprintf(name, sizeof name, "%s/%sXXXXXX", parent, prefix);
    if (wanted < 0 || (size_t)wanted >= sizeof name) {
        return weir_os_error_set(reterr, ENAMETOOLONG, "cannot create a directory in '%.100s...'", parent);
    }
    if (!mkdtemp(name)) return weir_os_error_set(reterr, errno, "cannot create a directory in '%s'", parent);
    weir_buffer_append_text(path, name);
    return WEIR_OK;
}

bool weir_os_program_directory(char *directory, size_t bytes_max)
{
    ssize_t length = readlink("/proc/self/exe", directory, bytes_max);
    if (length <= 0 || (size_t)length >= bytes_max) return false;
    while (length > 0 && directory[length - 1] != '/') length--;
    if (length < 2) return false;
    directory[length - 1] = 0;
    return true;
}
