#include "proto/metadata.h"
#include <string.h>

enum { TAG_BYTES = 2, CHECKSUM_BYTES = 8 };
static const uint8_t checksum_tag[TAG_BYTES] = { 0xc1, 0x3e }; /* field 1000, fixed64: 1000 << 3 | 1 */

/* Every byte changes it; damage is not an adversary. */
static uint64_t checksum_of(const uint8_t *bytes, size_t length)
{
    uint64_t sum = 0x9e3779b97f4a7c15u ^ length;
    for (size_t i = 0; i < length; i++) {
        sum = (sum ^ bytes[i]) * 0x100000001b3u;
        sum ^= sum >> 29;
    }
    return sum;
}

uint8_t *weir_checkpoint_metadata_encode(
    struct weir_arena *arena, const Weir__CheckpointMetadata *metadata, size_t *ret_length)
{
    size_t length = weir__checkpoint_metadata__get_packed_size(metadata);
    uint8_t *bytes = weir_arena_allocate(arena, length + TAG_BYTES + CHECKSUM_BYTES);
    weir__checkpoint_metadata__pack(metadata, bytes);
    uint64_t sum = checksum_of(bytes, length);
    memcpy(bytes + length, checksum_tag, TAG_BYTES);
    for (uint32_t i = 0; i < CHECKSUM_BYTES; i++) bytes[length + TAG_BYTES + i] = (uint8_t)(sum >> (8 * i));
    *ret_length = length + TAG_BYTES + CHECKSUM_BYTES;
    return bytes;
}

bool weir_checkpoint_metadata_is_sound(const void *bytes, size_t length)
{
    const uint8_t *from = bytes;
    if (length < TAG_BYTES + CHECKSUM_BYTES) return true;
    size_t covered = length - TAG_BYTES - CHECKSUM_BYTES;
    if (memcmp(from + covered, checksum_tag, TAG_BYTES) != 0) return true;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < CHECKSUM_BYTES; i++) sum |= (uint64_t)from[covered + TAG_BYTES + i] << (8 * i);
    return sum == checksum_of(from, covered);
}
