/*
 * Key groups: how keys are spread over the subtasks of an operator, by Flink's formulas, so that state moves
 * in contiguous ranges when the parallelism changes. The number of groups (the maximum parallelism) is fixed
 * in a job's state.
 */
#ifndef WEIR_DATA_KEY_GROUP_H
#define WEIR_DATA_KEY_GROUP_H

#include "base/macros.h"

enum { WEIR_KEY_GROUPS_MIN = 128, WEIR_KEY_GROUPS_MAX = 32768 };

/* The finaliser: never negative. */
static inline uint32_t weir_key_group_mix(uint32_t code)
{
    code *= 0xcc9e2d51u;
    code = code << 15 | code >> 17;
    code *= 0x1b873593u;
    code = code << 13 | code >> 19;
    code = code * 5 + 0xe6546b64u;
    code ^= 4;
    code ^= code >> 16;
    code *= 0x85ebca6bu;
    code ^= code >> 13;
    code *= 0xc2b2ae35u;
    code ^= code >> 16;
    uint32_t sign = code >> 31; /* no branch: half of the codes are negative */
    code = (code ^ (0u - sign)) + sign;
    return code & 0x7fffffffu; /* the smallest number has no opposite: 0 */
}

/* hash is what weir_batch_hash gives. */
static inline uint32_t weir_key_group_of(uint64_t hash, uint32_t group_count)
{
    return weir_key_group_mix((uint32_t)(hash ^ hash >> 32)) % group_count;
}

static inline uint32_t weir_key_group_subtask(uint32_t group, uint32_t group_count, uint32_t parallelism)
{
    return (uint32_t)((uint64_t)group * parallelism / group_count);
}

struct weir_key_group_range {
    uint32_t first, last; /* inclusive */
};
static inline struct weir_key_group_range weir_key_group_range_of(
    uint32_t subtask, uint32_t group_count, uint32_t parallelism)
{
    return (struct weir_key_group_range){
        (uint32_t)(((uint64_t)subtask * group_count + parallelism - 1) / parallelism),
        (uint32_t)((((uint64_t)subtask + 1) * group_count - 1) / parallelism),
    };
}

/* Default number of groups: 1.5 times the parallelism, rounded up to a power of two, 128 to 32768. */
uint32_t weir_key_group_count_default(uint32_t parallelism);
/* Groups, or the subtasks that own them, of count hashes. */
void weir_key_groups(const uint64_t *hashes, uint32_t count, uint32_t group_count, uint16_t *groups);
void weir_key_group_subtasks(
    const uint64_t *hashes, uint32_t count, uint32_t group_count, uint32_t parallelism, uint16_t *subtasks);

#endif
