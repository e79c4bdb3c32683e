#include "host/faults.h"
#include "os/fault.h"
#include <string.h>

static struct weir_filesystem *real;

static enum weir_error_code failed(const char *point, struct weir_error *reterr)
{
    return weir_error_set(reterr, WEIR_E_IO, "WEIR_FAULT lets %s fail", point);
}

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool is_sink_part(const char *path)
{
    return strncmp(base_of(path), ".part-", 6) == 0;
}

static bool is_snapshot(const char *path)
{
    return strstr(path, "/chk-") || strstr(path, "/taskowned/") || strstr(path, "/savepoint-");
}

static const char *point_of_rename(const char *from, const char *to)
{
    if (is_sink_part(from)) return "sink.commit";
    if (strcmp(base_of(to), "_metadata") == 0) return "metadata.put";
    return strstr(to, "/plans/") ? "plan.put" : "file.rename";
}

/* Before, the deed itself, after. */
#define AROUND(point, deed)                                                     \
    do {                                                                        \
        if (weir_fault_at(point, false)) return failed(point, reterr);          \
        enum weir_error_code code_ = (deed);                                    \
        if (!code_ && weir_fault_at(point, true)) return failed(point, reterr); \
        return code_;                                                           \
    } while (0)

static enum weir_error_code faulty_open_write(struct weir_filesystem *fs, const char *path, bool replace,
    struct weir_file **ret, struct weir_error *reterr)
{
    const char *point = is_sink_part(path) ? "sink.open" : is_snapshot(path) ? "snapshot.open" : NULL;
    if (point && weir_fault_at(point, false)) return failed(point, reterr);
    enum weir_error_code code = real->open_write(real, path, replace, ret, reterr);
    if (!code && point && weir_fault_at(point, true)) {
        real->close(*ret);
        return failed(point, reterr);
    }
    return code;
}

static enum weir_error_code faulty_append(
    struct weir_file *file, const void *bytes, size_t length, struct weir_error *reterr)
{
    AROUND("file.append", real->append(file, bytes, length, reterr));
}

static enum weir_error_code faulty_sync(struct weir_file *file, struct weir_error *reterr)
{
    AROUND("file.sync", real->sync(file, reterr));
}

static enum weir_error_code faulty_rename(
    struct weir_filesystem *fs, const char *from, const char *to, bool replace, struct weir_error *reterr)
{
    const char *point = point_of_rename(from, to);
    AROUND(point, real->rename(real, from, to, replace, reterr));
}

static enum weir_error_code faulty_remove(
    struct weir_filesystem *fs, const char *path, bool recursive, struct weir_error *reterr)
{
    AROUND("file.remove", real->remove(real, path, recursive, reterr));
}

struct weir_filesystem *weir_faults_filesystem(struct weir_filesystem *filesystem)
{
    static struct weir_filesystem wrapped;
    if (!weir_fault_armed()) return filesystem;
    real = filesystem;
    wrapped = *filesystem; /* what is not wrapped does not look at its fs argument, or gets the wrapper's: it
                              has no state */
    wrapped.open_write = faulty_open_write;
    wrapped.append = faulty_append;
    wrapped.sync = faulty_sync;
    wrapped.rename = faulty_rename;
    wrapped.remove = faulty_remove;
    return &wrapped;
}
