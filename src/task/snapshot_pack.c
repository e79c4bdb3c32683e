/* LZ4 blocks. */
#include "base/assert.h"
#include "task/snapshot.h"
#include "task/snapshot_format.h"
#include <lz4.h>

bool weir_snapshot_pack(const void *bytes, size_t length, struct weir_buffer *to)
{
    weir_buffer_clear(to);
    if (length < SNAPSHOT_PACKED_MIN || length > SNAPSHOT_PACKED_MAX) return false;
    /* Not worth it below an eighth: reading costs, too. */
    size_t room = length - length / 8;
    weir_buffer_reserve(to, room + sizeof(LZ4_stream_t) + 8);
    if (to->overflowed) return false;
    LZ4_stream_t *stream =
        LZ4_initStream(to->data + room + (-(uintptr_t)(to->data + room) & 7), sizeof *stream);
    WEIR_ASSERT(stream);
    int packed = LZ4_compress_fast_extState(stream, bytes, (char *)to->data, (int)length, (int)room, 1);
    if (packed <= 0) return false;
    to->length = (size_t)packed;
    return true;
}

bool weir_snapshot_unpack(const void *packed, size_t packed_length, void *bytes, size_t length)
{
    if (packed_length > SNAPSHOT_PACKED_MAX || length > SNAPSHOT_PACKED_MAX) return false;
    return LZ4_decompress_safe(packed, bytes, (int)packed_length, (int)length) == (int)length;
}
