/*
 * Hashes of columns. The values are part of what routing and snapshots rely on: they never change.
 * Integers of any width hash by value, FLOAT as DOUBLE, a wide decimal or timestamp that fits 64 bits as the
 * narrow one.
 */
#include "base/assert.h"
#include "data/vector.h"
#include <xxhash.h>

#define HASH_NULL UINT64_C(0x8e3f5b1d27c94a65)
#define HASH_LIST UINT64_C(0x51a7c3e98d0f264b)

static inline uint64_t mix(uint64_t x)
{
    x ^= x >> 32;
    x *= UINT64_C(0xd6e8feb86659fd93);
    x ^= x >> 32;
    x *= UINT64_C(0xd6e8feb86659fd93);
    return x ^ x >> 32;
}

/* Order matters: (a, b) and (b, a) differ. One multiplication does, because both are well mixed already. */
static inline uint64_t join(uint64_t hash, uint64_t more)
{
    weir_uint128 product =
        (weir_uint128)(hash ^ UINT64_C(0xa0761d6478bd642f)) * (more ^ UINT64_C(0x8ebc6af09c88c6e3));
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t hash_i64(int64_t value)
{
    return mix((uint64_t)value + UINT64_C(0x9e3779b97f4a7c15));
}

static inline uint64_t hash_i128(weir_int128 value)
{
    uint64_t low = (uint64_t)value;
    if (value == (weir_int128)(int64_t)low) return hash_i64((int64_t)low);
    return join(hash_i64((int64_t)low), (uint64_t)((weir_uint128)value >> 64));
}

static inline uint64_t hash_double(double value)
{
    uint64_t bits;
    if (value == 0) value = 0;                     /* -0.0 is 0.0 */
    if (value != value) value = __builtin_nan(""); /* one NaN */
    memcpy(&bits, &value, sizeof bits);
    return mix(bits ^ UINT64_C(0xa0761d6478bd642f));
}

static inline uint64_t hash_string(const struct weir_string *s)
{
    if (s->length > WEIR_STRING_INLINE_MAX) return XXH3_64bits(s->pointer, s->length);
    uint64_t words[2];
    memcpy(words, s, sizeof words);
    return mix(mix(words[0] ^ UINT64_C(0xe7037ed1a0b428db)) + words[1]);
}

static uint64_t hash_at(const struct weir_vector *v, uint32_t row);

static uint64_t hash_entries(const struct weir_vector *v, struct weir_list list)
{
    uint64_t sum = 0;
    for (uint32_t i = list.offset; i < list.offset + list.length; i++) {
        sum += join(hash_at(&v->children[0], i), hash_at(&v->children[1], i));
    }
    return join(HASH_LIST + list.length, sum);
}

static uint64_t hash_nested(const struct weir_vector *v, uint32_t at)
{
    uint64_t hash = HASH_LIST;
    if (v->type->id == WEIR_TYPE_ROW) {
        for (uint32_t c = 0; c < v->type->child_count; c++) hash = join(hash, hash_at(&v->children[c], at));
        return hash;
    }
    struct weir_list list = ((const struct weir_list *)v->data)[at];
    if (v->type->id != WEIR_TYPE_ARRAY) return hash_entries(v, list);
    for (uint32_t i = 0; i < list.length; i++) hash = join(hash, hash_at(&v->children[0], list.offset + i));
    return join(hash, list.length);
}

/* Which rows, and what happens to the hash. Callers pass constants for what is NULL, so that every loop below
 * is made for one case. */
struct task {
    const struct weir_vector *v;
    const uint64_t *validity;
    const uint16_t *selection; /* at most one of these two */
    const uint32_t *positions;
    uint32_t count;
    bool combine;
};

#define INLINE static inline __attribute__((always_inline))

#define HASH_LOOP(value)                                                                            \
    for (uint32_t i = 0; i < task.count; i++) {                                                     \
        uint32_t row = task.positions ? task.positions[i] : task.selection ? task.selection[i] : i; \
        uint64_t hash = !task.validity || weir_bit_get(task.validity, row) ? (value) : HASH_NULL;   \
        hashes[i] = task.combine ? join(hashes[i], hash) : hash;                                    \
    }

INLINE void hash_loops(struct task task, uint64_t *restrict hashes)
{
    const struct weir_vector *v = task.v;
    const void *data = v->data;
    switch (v->type->id) {
    case WEIR_TYPE_BOOLEAN: HASH_LOOP(hash_i64(((const uint8_t *)data)[row])); break;
    case WEIR_TYPE_TINYINT: HASH_LOOP(hash_i64(((const int8_t *)data)[row])); break;
    case WEIR_TYPE_SMALLINT: HASH_LOOP(hash_i64(((const int16_t *)data)[row])); break;
    case WEIR_TYPE_INT:
    case WEIR_TYPE_DATE:
    case WEIR_TYPE_TIME:
    case WEIR_TYPE_INTERVAL_YEAR_MONTH: HASH_LOOP(hash_i64(((const int32_t *)data)[row])); break;
    case WEIR_TYPE_BIGINT:
    case WEIR_TYPE_INTERVAL_DAY_TIME: HASH_LOOP(hash_i64(((const int64_t *)data)[row])); break;
    case WEIR_TYPE_FLOAT: HASH_LOOP(hash_double(((const float *)data)[row])); break;
    case WEIR_TYPE_DOUBLE: HASH_LOOP(hash_double(((const double *)data)[row])); break;
    case WEIR_TYPE_DECIMAL:
    case WEIR_TYPE_TIMESTAMP:
    case WEIR_TYPE_TIMESTAMP_LTZ:
        if (weir_type_width(v->type) == 8)
            HASH_LOOP(hash_i64(((const int64_t *)data)[row]))
        else
            HASH_LOOP(hash_i128(((const weir_int128 *)data)[row]))
        break;
    case WEIR_TYPE_CHAR:
    case WEIR_TYPE_VARCHAR:
    case WEIR_TYPE_BINARY:
    case WEIR_TYPE_VARBINARY: HASH_LOOP(hash_string((const struct weir_string *)data + row)); break;
    case WEIR_TYPE_ARRAY:
    case WEIR_TYPE_MAP:
    case WEIR_TYPE_MULTISET:
    case WEIR_TYPE_ROW: HASH_LOOP(hash_nested(v, row)); break;
    case WEIR_TYPE_NULL:
    case WEIR_TYPE_COUNT: HASH_LOOP(HASH_NULL); break;
    }
}

INLINE void hash_rows(struct task task, uint64_t *hashes)
{
    if (task.selection) {
        task.positions = NULL;
        hash_loops(task, hashes);
    } else if (task.positions) {
        task.selection = NULL;
        hash_loops(task, hashes);
    } else {
        task.selection = NULL;
        task.positions = NULL;
        hash_loops(task, hashes);
    }
}

INLINE void hash_valid(struct task task, uint64_t *hashes)
{
    if (task.validity) {
        hash_rows(task, hashes);
    } else {
        task.validity = NULL;
        hash_rows(task, hashes);
    }
}

static void hash_flat(struct task task, uint64_t *hashes)
{
    task.validity = task.v->validity;
    if (task.combine) {
        task.combine = true;
        hash_valid(task, hashes);
    } else {
        task.combine = false;
        hash_valid(task, hashes);
    }
}

static uint64_t hash_at(const struct weir_vector *v, uint32_t row)
{
    const struct weir_vector *flat;
    uint32_t at = weir_vector_locate(v, row, &flat);
    uint64_t hash = 0;
    hash_loops((struct task){ .v = flat, .validity = flat->validity, .positions = &at, .count = 1 }, &hash);
    return hash;
}

enum { CHUNK_ROWS = 512 };

void weir_vector_hash(
    const struct weir_vector *v, const uint16_t *selection, uint32_t count, uint64_t *hashes, bool combine)
{
    if (v->encoding == WEIR_ENCODING_FLAT) {
        hash_flat(
            (struct task){ .v = v, .selection = selection, .count = count, .combine = combine }, hashes);
        return;
    }
    if (v->encoding == WEIR_ENCODING_CONSTANT) {
        if (!count) return;
        uint64_t hash = hash_at(v, 0);
        for (uint32_t i = 0; i < count; i++) hashes[i] = combine ? join(hashes[i], hash) : hash;
        return;
    }
    uint32_t positions[CHUNK_ROWS];
    for (uint32_t done = 0; done < count;) {
        uint32_t now = WEIR_MIN(count - done, (uint32_t)CHUNK_ROWS);
        for (uint32_t i = 0; i < now; i++) {
            positions[i] = v->indices[selection ? selection[done + i] : done + i];
        }
        struct task task = { .v = v->dictionary, .positions = positions, .count = now, .combine = combine };
        hash_flat(task, hashes + done);
        done += now;
    }
}
