#define _GNU_SOURCE
#include "presence.h"
#include "os/file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PATH_BYTES = 4096, TAKE_TRIES_MAX = 10 };

uint64_t embedded_boot_time_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static struct flock whole_file(short type)
{
    return (struct flock){ .l_type = type, .l_whence = SEEK_SET };
}

/* NULL: errno says why; ENOENT: there is none (yet). */
static struct embedded_lease *map_lease(const char *path, bool create)
{
    int descriptor = open(path, (create ? O_RDWR | O_CREAT : O_RDONLY) | O_CLOEXEC, 0644);
    if (descriptor < 0) return NULL;
    struct stat status;
    /* With its block: on a full disk the first stamp in a hole would end this process (SIGBUS). */
    int refused = create ? posix_fallocate(descriptor, 0, sizeof(struct embedded_lease)) : 0;
    if (refused) errno = refused;
    bool good = !refused && fstat(descriptor, &status) == 0;
    if (good && (size_t)status.st_size < sizeof(struct embedded_lease)) {
        good = false;
        errno = ENOENT;
    }
    void *mapped = good ? mmap(NULL, sizeof(struct embedded_lease), PROT_READ | (create ? PROT_WRITE : 0),
                              MAP_SHARED, descriptor, 0)
                        : MAP_FAILED;
    int why = errno;
    close(descriptor);
    errno = why;
    return mapped == MAP_FAILED ? NULL : mapped;
}

/* Whether the path still names the open file: a lock on a file without a name keeps nobody out. */
static bool is_file_of(const char *path, int descriptor)
{
    struct stat open_file, named;
    return fstat(descriptor, &open_file) == 0 && stat(path, &named) == 0 &&
           open_file.st_dev == named.st_dev && open_file.st_ino == named.st_ino;
}

/* -1 with OK: its holder has just dropped it, and the name: once more. */
static enum weir_ha_outcome open_locked(const char *path, int *ret_descriptor, struct weir_error *reterr)
{
    *ret_descriptor = -1;
    int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (descriptor < 0) {
        weir_os_error_set(reterr, errno, "cannot open %s", path);
        return WEIR_HA_UNAVAILABLE;
    }
    struct flock lock = whole_file(F_WRLCK);
    if (fcntl(descriptor, F_OFD_SETLK, &lock) != 0) {
        int why = errno;
        close(descriptor);
        if (why == EAGAIN || why == EACCES) return WEIR_HA_CONFLICT;
        weir_os_error_set(reterr, why, "cannot lock %s", path);
        return WEIR_HA_UNAVAILABLE;
    }
    if (is_file_of(path, descriptor))
        *ret_descriptor = descriptor;
    else
        close(descriptor);
    return WEIR_HA_OK;
}

enum weir_ha_outcome embedded_presence_take(struct embedded_presence *presence, const char *directory,
    const char *name, const uint8_t *value, size_t length, struct weir_error *reterr)
{
    char lease_path[PATH_BYTES];
    snprintf(presence->lock_path, sizeof presence->lock_path, "%.3800s/%.200s.lock", directory, name);
    snprintf(lease_path, sizeof lease_path, "%.3800s/%.200s.lease", directory, name);
    presence->lock_descriptor = -1;
    int descriptor = -1;
    for (uint32_t i = 0; descriptor < 0 && i < TAKE_TRIES_MAX; i++) {
        enum weir_ha_outcome outcome = open_locked(presence->lock_path, &descriptor, reterr);
        if (outcome != WEIR_HA_OK) return outcome;
    }
    if (descriptor < 0) return WEIR_HA_CONFLICT;
    presence->lease = map_lease(lease_path, true);
    if (presence->lease) atomic_store(&presence->lease->stamp_ns, 0); /* a dead holder's may be fresh yet */
    if (!presence->lease || ftruncate(descriptor, 0) != 0 ||
        pwrite(descriptor, value, length, 0) != (ssize_t)length) {
        weir_os_error_set(reterr, errno, "cannot write %s", presence->lock_path);
        close(descriptor);
        if (presence->lease) munmap(presence->lease, sizeof *presence->lease);
        presence->lease = NULL;
        return WEIR_HA_UNAVAILABLE;
    }
    atomic_store(&presence->lease->process, (uint64_t)getpid());
    atomic_store(&presence->lease->stamp_ns, embedded_boot_time_ns());
    presence->lock_descriptor = descriptor;
    return WEIR_HA_OK;
}

void embedded_presence_drop(struct embedded_presence *presence)
{
    if (presence->lease) munmap(presence->lease, sizeof *presence->lease);
    presence->lease = NULL;
    if (presence->lock_descriptor < 0) return;
    char lease_path[PATH_BYTES];
    size_t stem = strlen(presence->lock_path) - strlen(".lock");
    snprintf(lease_path, sizeof lease_path, "%.*s.lease", (int)stem, presence->lock_path);
    /* While it is held: who takes the name now makes files of its own. */
    (void)unlink(lease_path);
    (void)unlink(presence->lock_path);
    close(presence->lock_descriptor);
    presence->lock_descriptor = -1;
}

static void read_value(int descriptor, struct weir_buffer *value)
{
    struct stat status;
    if (fstat(descriptor, &status) != 0 || status.st_size > WEIR_HA_VALUE_BYTES_MAX) return;
    char *to = weir_buffer_reserve(value, (size_t)status.st_size);
    ssize_t got = to ? pread(descriptor, to, (size_t)status.st_size, 0) : -1;
    if (got > 0) value->length += (size_t)got;
}

/* No answer means nothing: without a descriptor, say, nobody is gone. */
static enum weir_ha_outcome cannot_look(const char *path, struct weir_error *reterr)
{
    if (errno == ENOENT) return WEIR_HA_OK;
    weir_os_error_set(reterr, errno, "cannot look at %s", path);
    return WEIR_HA_UNAVAILABLE;
}

static enum weir_ha_outcome look_at_lease(
    const char *path, uint64_t lease_ns, struct embedded_sighting *ret, struct weir_error *reterr)
{
    struct embedded_lease *lease = map_lease(path, false);
    if (!lease) return cannot_look(path, reterr);
    ret->process = atomic_load(&lease->process);
    ret->present = atomic_load(&lease->stamp_ns) + lease_ns >= embedded_boot_time_ns();
    munmap(lease, sizeof *lease);
    return WEIR_HA_OK;
}

enum weir_ha_outcome embedded_presence_look(const char *directory, const char *name, uint64_t lease_ns,
    struct weir_buffer *value, struct embedded_sighting *ret, struct weir_error *reterr)
{
    *ret = (struct embedded_sighting){ 0 };
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%.3800s/%.200s.lock", directory, name);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return cannot_look(path, reterr);
    struct flock lock = whole_file(F_RDLCK);
    enum weir_ha_outcome outcome = WEIR_HA_OK;
    if (fcntl(descriptor, F_OFD_GETLK, &lock) != 0)
        outcome = cannot_look(path, reterr);
    else
        ret->locked = lock.l_type != F_UNLCK;
    if (ret->locked) {
        snprintf(path, sizeof path, "%.3800s/%.200s.lease", directory, name);
        outcome = look_at_lease(path, lease_ns, ret, reterr);
        if (ret->present && value) read_value(descriptor, value);
    }
    close(descriptor);
    return outcome;
}

void embedded_presence_sweep(const char *directory, const char *name)
{
    char lock_path[PATH_BYTES], lease_path[PATH_BYTES];
    snprintf(lock_path, sizeof lock_path, "%.3800s/%.200s.lock", directory, name);
    snprintf(lease_path, sizeof lease_path, "%.3800s/%.200s.lease", directory, name);
    struct stat status;
    if (stat(lock_path, &status) != 0 || status.st_mtime + EMBEDDED_DEAD_SECONDS_KEPT > time(NULL)) return;
    struct weir_error error;
    int descriptor;
    if (open_locked(lock_path, &descriptor, &error) != WEIR_HA_OK || descriptor < 0) return;
    (void)unlink(lease_path); /* under the lock: nobody takes the entry meanwhile */
    (void)unlink(lock_path);
    close(descriptor);
}
