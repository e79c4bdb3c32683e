/*
 * Directories of relaxed writes, synced some time after they were answered: by then whoever has written so
 * many at once, a new leader, has what it needs. Until then, and when this process ends before, readers sync
 * them.
 * @thread any: whoever has them guards the list by a lock of its own.
 */
#ifndef WEIR_PLUGINS_HA_EMBEDDED_LATE_H
#define WEIR_PLUGINS_HA_EMBEDDED_LATE_H

#include "record_directory.h"

enum { EMBEDDED_LATE_MAX = 128 /* batches; each has a file open */, EMBEDDED_LATE_MS = 500 };

struct embedded_late_batch;
struct embedded_late {
    struct embedded_late_batch *first, **last;
    uint32_t count;
    bool under_way; /* one at a time, so that they are in nobody's way; its taker's to set back */
};

void embedded_late_init(struct embedded_late *late);
void embedded_late_drop(struct embedded_late *late);

/* Of writes that embedded_keys_write() has returned this descriptor for; takes it over. */
struct embedded_late_batch *embedded_late_batch_new(
    struct weir_memory *memory, int descriptor, const struct embedded_write *writes, uint32_t count);
void embedded_late_batch_sync(struct embedded_late_batch *batch); /* and frees it; takes its time */

bool embedded_late_add(struct embedded_late *late, struct embedded_late_batch *batch); /* false: no room */
bool embedded_late_is_due(const struct embedded_late *late);
struct embedded_late_batch *embedded_late_take(struct embedded_late *late); /* NULL: none is due */

#endif
