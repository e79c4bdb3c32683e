#include "data/key_group.h"
#include "base/assert.h"

uint32_t weir_key_group_count_default(uint32_t parallelism)
{
    uint64_t wanted = (uint64_t)parallelism + parallelism / 2, count = WEIR_KEY_GROUPS_MIN;
    while (count < wanted && count < WEIR_KEY_GROUPS_MAX) count *= 2;
    return (uint32_t)count;
}

void weir_key_groups(const uint64_t *hashes, uint32_t count, uint32_t group_count, uint16_t *groups)
{
    WEIR_ASSERT(group_count >= 1 && group_count <= WEIR_KEY_GROUPS_MAX);
    if ((group_count & (group_count - 1)) == 0) { /* the usual case: no division */
        for (uint32_t i = 0; i < count; i++) {
            uint32_t code = weir_key_group_mix((uint32_t)(hashes[i] ^ hashes[i] >> 32));
            groups[i] = (uint16_t)(code & (group_count - 1));
        }
        return;
    }
    for (uint32_t i = 0; i < count; i++) groups[i] = (uint16_t)weir_key_group_of(hashes[i], group_count);
}

void weir_key_group_subtasks(
    const uint64_t *hashes, uint32_t count, uint32_t group_count, uint32_t parallelism, uint16_t *subtasks)
{
    WEIR_ASSERT(group_count >= 1 && group_count <= WEIR_KEY_GROUPS_MAX && parallelism <= group_count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t group = weir_key_group_of(hashes[i], group_count);
        subtasks[i] = (uint16_t)weir_key_group_subtask(group, group_count, parallelism);
    }
}
