/* Inside of snapshots: constants of the stored form. */
#ifndef WEIR_TASK_SNAPSHOT_FORMAT_H
#define WEIR_TASK_SNAPSHOT_FORMAT_H

#define SNAPSHOT_FILE_MAGIC     "WEIRSNAP"
#define SNAPSHOT_MANIFEST_MAGIC "WEIRMANI"

enum {
    SNAPSHOT_MAGIC_BYTES = 8,
    SNAPSHOT_FILE_VERSION = 2,
    SNAPSHOT_HEADER_BYTES = 16,
    SNAPSHOT_MANIFEST_VERSION = 1,
    SNAPSHOT_MANIFEST_VERSION_PARTS = 2, /* with parts or compression: written only where there are any */
    SNAPSHOT_PACKED_MIN = 64,
    SNAPSHOT_PACKED_MAX = 0x7E000000, /* of bytes that one LZ4 block holds */
    SNAPSHOT_RATIO_MAX = 255,         /* LZ4 cannot make more of a byte */
    SNAPSHOT_UID_BYTES_MAX = 4096,
    SNAPSHOT_PATH_BYTES_MAX = 8192
};

#include "base/buffer.h"

/* False: it does not become smaller. to is cleared first. */
bool weir_snapshot_pack(const void *bytes, size_t length, struct weir_buffer *to);
bool weir_snapshot_unpack(const void *packed, size_t packed_length, void *bytes, size_t length);

#endif
