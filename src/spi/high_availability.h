/*
 * HA drivers: a coordination store as the control plane needs it. A driver is a folder src/plugins/ha/<name>/
 * with one const struct weir_ha_driver and a line in plugins.def.
 *
 * The store: keys ("leader", "jobs/<hex>") hold small values with a version that grows by 1 with every SET. A
 * new key starts at 1; without transactions, at one that this key never had, even when the store was wiped.
 * What a driver must promise, and its conformance suite (test/ha) checks:
 * - A request is applied whole or not at all; a driver without transactions refuses requests of several
 * operations.
 * - READ and LIST see every write that was confirmed, by anybody, before they were asked.
 * - SET and DELETE change nothing unless the version is the one expected.
 * - CREATE_EPHEMERAL is gone once the session is over, and only then or when deleted.
 * - OK means durable; for what was asked relaxed, soon. UNKNOWN means: it may have been applied, it may still
 * be.
 * - A watch tells at least once after a change that follows it, unless the session is lost; it may tell for
 * nothing.
 *
 * @thread submit, watch, close and all callbacks: the thread that opened the driver (its event loop). A
 * driver with threads of its own comes back through host->post(). No call blocks: what could (DNS, connect,
 * fsync) runs elsewhere.
 */
#ifndef WEIR_SPI_HIGH_AVAILABILITY_H
#define WEIR_SPI_HIGH_AVAILABILITY_H

#include "base/error.h"
#include "base/memory.h"
#include "spi/connector.h" /* struct weir_option_value */

enum weir_ha_operation_kind {
    WEIR_HA_CHECK, /* version; 0: any, WEIR_HA_VERSION_NONE: absent */
    WEIR_HA_READ,
    WEIR_HA_READ_STALE, /* may be old */
    WEIR_HA_LIST,       /* children of key, with their values */
    WEIR_HA_CREATE,
    WEIR_HA_CREATE_EPHEMERAL,
    WEIR_HA_SET,
    WEIR_HA_DELETE
};
#define WEIR_HA_VERSION_NONE UINT64_MAX
enum { WEIR_HA_OPERATIONS_MAX = 6, WEIR_HA_KEY_BYTES_MAX = 255, WEIR_HA_VALUE_BYTES_MAX = 512 << 10 };

struct weir_ha_operation {
    enum weir_ha_operation_kind kind;
    const char *key;
    uint64_t version;
    const uint8_t *value;
    size_t length;
    /* SET, a hint: nothing is lost when a power loss takes it back together with all who may have seen it
     * (the store's machine and its clients). What is written to the key afterwards makes it durable, too. */
    bool relaxed;
};

enum weir_ha_outcome {
    WEIR_HA_OK,
    WEIR_HA_CONFLICT,    /* a version differed, or CREATE found the key: nothing was changed */
    WEIR_HA_NOT_FOUND,   /* nothing was changed */
    WEIR_HA_UNAVAILABLE, /* nothing was changed, and will not be by this request */
    WEIR_HA_UNKNOWN
};

struct weir_ha_entry {
    const char *key;
    bool found;
    uint64_t version;
    const uint8_t *value;
    size_t length;
};

enum weir_ha_state {
    WEIR_HA_CONNECTED,
    WEIR_HA_SUSPENDED, /* out of reach; the session may live on */
    WEIR_HA_LOST       /* the session is over; the driver begins a new one by itself and says CONNECTED */
};

struct weir_ha_host {
    void *owner;
    /* Runs call(argument) on the loop's thread, soon. @thread any */
    void (*post)(struct weir_ha_host *host, void (*call)(void *argument), void *argument);
    /* session_timeout_us: negotiated. */
    void (*state)(struct weir_ha_host *host, enum weir_ha_state state, int64_t session_timeout_us);
    /* Entries: one per READ, per child of LIST, and per CREATE or SET (the new version); valid during the
     * call. */
    void (*done)(struct weir_ha_host *host, uint64_t request, enum weir_ha_outcome outcome,
        const struct weir_ha_entry *entries, uint32_t entry_count);
    void (*changed)(struct weir_ha_host *host, const char *key);
    /* A candidate on this host is dead for certain (its process is gone). value: of its ephemeral entry. */
    void (*died)(struct weir_ha_host *host, const char *key, const uint8_t *value, size_t length);
};

struct weir_ha_config {
    struct weir_memory *memory;
    struct weir_ha_host *host;
    const char *cluster;
    const char *directory; /* of this process's HA files: high-availability.storageDir, or var/ha */
    const struct weir_option_value *options; /* high-availability.* */
    uint32_t option_count;
};

struct weir_ha_session;
struct weir_ha_driver {
    const char *name, *description; /* "embedded", "zookeeper": high-availability.type */
    const struct weir_option_definition *options;
    uint32_t option_count;
    bool transactions;
    enum weir_error_code (*open)(
        const struct weir_ha_config *config, struct weir_ha_session **ret, struct weir_error *reterr);
    void (*submit)(struct weir_ha_session *session, uint64_t request,
        const struct weir_ha_operation *operations, uint32_t operation_count);
    void (*watch)(struct weir_ha_session *session, const char *key);
    /* About every 100 ms from the loop: it lives. For drivers whose own threads would outlive a loop that
     * hangs. */
    void (*beat)(struct weir_ha_session *session);
    /* No callback afterwards. Ephemeral entries go. */
    void (*close)(struct weir_ha_session *session);
};

#endif
