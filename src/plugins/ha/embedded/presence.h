/*
 * Who of this host is alive: ephemeral entries of the embedded driver.
 *
 * An entry is a file <name>.lock with the value in it, held by an open-file-description lock as long as its
 * process lives (descriptors are close-on-exec, and nobody forks without exec: a child would keep the lock),
 * and a file <name>.lease, mapped by all, with the process's id and a CLOCK_BOOTTIME stamp that its event
 * loop renews. A killed process loses the lock at once; a stopped one keeps it, but its stamp grows old.
 * @thread any
 */
#ifndef WEIR_PLUGINS_HA_EMBEDDED_PRESENCE_H
#define WEIR_PLUGINS_HA_EMBEDDED_PRESENCE_H

#include "base/buffer.h"
#include "spi/high_availability.h"

enum { EMBEDDED_DEAD_SECONDS_KEPT = 30 };

struct embedded_lease {
    _Atomic uint64_t stamp_ns; /* CLOCK_BOOTTIME */
    _Atomic uint64_t process;  /* id */
};

struct embedded_presence {
    char lock_path[4096];
    int lock_descriptor; /* -1: not held by this process */
    struct embedded_lease *lease;
};

uint64_t embedded_boot_time_ns(void);
/* CONFLICT: another living process holds it. */
enum weir_ha_outcome embedded_presence_take(struct embedded_presence *presence, const char *directory,
    const char *name, const uint8_t *value, size_t length, struct weir_error *reterr);
void embedded_presence_drop(struct embedded_presence *presence);
/* Removes the files of an entry whose process has died, once they are EMBEDDED_DEAD_SECONDS_KEPT old. */
void embedded_presence_sweep(const char *directory, const char *name);
static inline bool embedded_presence_is_held(const struct embedded_presence *presence)
{
    return presence->lock_descriptor >= 0;
}

struct embedded_sighting {
    bool present; /* locked, and its lease is fresh */
    bool locked;
    uint64_t process;
};
/* What <directory>/<name> looks like from outside. value (may be NULL) is appended when it is present.
 * UNAVAILABLE: it cannot be looked at, which says nothing. */
enum weir_ha_outcome embedded_presence_look(const char *directory, const char *name, uint64_t lease_ns,
    struct weir_buffer *value, struct embedded_sighting *ret, struct weir_error *reterr);

#endif
