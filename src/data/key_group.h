/*
 * Key hash -> key group -> subtask: the one place that routing, state and rescaling agree on. The numbers are fixed for ever:
 * they are in checkpoints.
 */
#ifndef WEIR_DATA_KEY_GROUP_H
#define WEIR_DATA_KEY_GROUP_H

#include "base/macros.h"

enum { WEIR_KEY_GROUPS_MAX = 32768 };

/* hash is weir_batch_hash() over the key columns. The mixing step is Flink's (MurmurHash3 of one word), so that a skewed hash
 * still spreads over the groups. */
static inline uint32_t weir_key_group(uint64_t hash, uint32_t max_parallelism)
{
    uint32_t code = (uint32_t)(hash ^ hash >> 32);
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
    int32_t positive = (int32_t)code;
    if (positive < 0) positive = positive == INT32_MIN ? 0 : -positive;
    return (uint32_t)positive % max_parallelism;
}

static inline uint32_t weir_key_group_subtask(uint32_t key_group, uint32_t max_parallelism, uint32_t parallelism)
{
    return (uint32_t)((uint64_t)key_group * parallelism / max_parallelism);
}

/* The contiguous range [first, last] of one subtask. */
static inline uint32_t weir_key_group_first(uint32_t subtask, uint32_t max_parallelism, uint32_t parallelism)
{
    return (uint32_t)(((uint64_t)subtask * max_parallelism + parallelism - 1) / parallelism);
}
static inline uint32_t weir_key_group_last(uint32_t subtask, uint32_t max_parallelism, uint32_t parallelism)
{
    return (uint32_t)((((uint64_t)subtask + 1) * max_parallelism - 1) / parallelism);
}

#endif
