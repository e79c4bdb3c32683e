/* RAND, RAND_INTEGER, UUID. With a seed: the sequence of java.util.Random, so that results are those of
 * Flink. */
#include "expr/kernel.h"

enum { JAVA_BITS = 48 };
static const uint64_t java_multiplier = 0x5deece66dULL, java_mask = ((uint64_t)1 << JAVA_BITS) - 1;

static uint64_t java_seed(int64_t seed)
{
    return ((uint64_t)seed ^ java_multiplier) & java_mask;
}

static int32_t java_next(uint64_t *state, uint32_t bits)
{
    *state = (*state * java_multiplier + 0xb) & java_mask;
    return (int32_t)(*state >> (JAVA_BITS - bits));
}

static double java_next_double(uint64_t *state)
{
    uint64_t high = (uint64_t)(uint32_t)java_next(state, 26) << 27;
    return (double)(high + (uint32_t)java_next(state, 27)) * 0x1.0p-53;
}

static int32_t java_next_int(uint64_t *state, int32_t bound)
{
    if ((bound & -bound) == bound) return (int32_t)(((int64_t)bound * java_next(state, 31)) >> 31);
    int32_t bits, value;
    do {
        bits = java_next(state, 31);
        value = bits % bound;
    } while (bits - value + (bound - 1) < 0); /* wraps: the last incomplete range is drawn again */
    return value;
}

/* SplitMix64: for calls without a seed. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* A constant seed starts one sequence for the whole query; a seed per row starts a new one each time. */
enum weir_error_code weir_bind_random(struct weir_call *call)
{
    uint32_t seeded_count = call->type->id == WEIR_TYPE_DOUBLE ? 1 : 2;
    if (call->argument_count < seeded_count) return WEIR_OK;
    if (!call->constants[0] || weir_vector_is_null(call->constants[0], 0)) return WEIR_OK;
    uint64_t *state = WEIR_ARENA_NEW(call->arena, uint64_t);
    *state = java_seed(*(const int32_t *)call->constants[0]->data);
    call->prepared = state;
    return WEIR_OK;
}

static uint64_t *seeded(struct weir_call *call, const struct weir_vector *seed, uint32_t row, uint64_t *own)
{
    if (call->prepared) return call->prepared;
    *own = java_seed(WEIR_ARGUMENT(int32_t, seed, row));
    return own;
}

static enum weir_error_code rand_kernel(WEIR_KERNEL_PARAMETERS)
{
    WEIR_FOR_ROWS(i, rows, count)
    {
        uint64_t own;
        WEIR_RESULT(double, out, i) = call->argument_count
                                          ? java_next_double(seeded(call, arguments[0], i, &own))
                                          : (double)(next_random(call->random_state) >> 11) * 0x1.0p-53;
    }
    return WEIR_OK;
}

static enum weir_error_code rand_integer_kernel(WEIR_KERNEL_PARAMETERS)
{
    const struct weir_vector *bounds = arguments[call->argument_count - 1];
    WEIR_FOR_ROWS(i, rows, count)
    {
        int32_t bound = WEIR_ARGUMENT(int32_t, bounds, i);
        uint64_t own;
        if (bound <= 0) {
            return weir_error_set(
                call->error, WEIR_E_ARITHMETIC, "RAND_INTEGER: bound must be positive, but is %d", bound);
        }
        WEIR_RESULT(int32_t, out, i) =
            call->argument_count == 2
                ? java_next_int(seeded(call, arguments[0], i, &own), bound)
                : (int32_t)(((next_random(call->random_state) >> 32) * (uint32_t)bound) >> 32);
    }
    return WEIR_OK;
}

static bool as_ints(const struct weir_type *const *given, uint32_t count, struct weir_function_match *ret)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!weir_type_is_integer(given[i]) && given[i]->id != WEIR_TYPE_NULL) return false;
        if (given[i]->id != WEIR_TYPE_INT) ret->argument_types[i] = weir_type_of(WEIR_TYPE_INT);
    }
    return true;
}

bool weir_infer_rand(WEIR_INFER_PARAMETERS)
{
    ret->type = weir_type_of(WEIR_TYPE_DOUBLE);
    ret->kernel = rand_kernel;
    return as_ints(given, count, ret);
}

bool weir_infer_rand_integer(WEIR_INFER_PARAMETERS)
{
    ret->type = weir_type_of(WEIR_TYPE_INT);
    ret->kernel = rand_integer_kernel;
    return as_ints(given, count, ret);
}

enum { UUID_TEXT_BYTES = 36 };

static enum weir_error_code uuid_kernel(WEIR_KERNEL_PARAMETERS)
{
    WEIR_FOR_ROWS(i, rows, count)
    {
        uint64_t bits[2] = { next_random(call->random_state), next_random(call->random_state) };
        bits[0] = (bits[0] & ~UINT64_C(0xf000)) | 0x4000;                 /* version 4 */
        bits[1] = (bits[1] & ~(UINT64_C(3) << 62)) | (UINT64_C(2) << 62); /* variant */
        char text[UUID_TEXT_BYTES];
        uint32_t nibble = 0;
        for (uint32_t k = 0; k < UUID_TEXT_BYTES; k++) {
            bool dash = k == 8 || k == 13 || k == 18 || k == 23;
            text[k] = dash ? '-' : "0123456789abcdef"[bits[nibble / 16] >> (60 - nibble % 16 * 4) & 15];
            nibble += !dash;
        }
        WEIR_RESULT(struct weir_string, out, i) = weir_heap_writer_string(call->heap, text, UUID_TEXT_BYTES);
    }
    return WEIR_OK;
}

bool weir_infer_uuid(WEIR_INFER_PARAMETERS)
{
    ret->type = weir_type_with_length(arena, WEIR_TYPE_CHAR, UUID_TEXT_BYTES, false);
    ret->kernel = uuid_kernel;
    return true;
}
