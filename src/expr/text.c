/* What the string functions share; see text.h. */
#include "expr/text.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

bool weir_text_fits(struct weir_call *call, const char *function, uint64_t bytes)
{
    if (WEIR_LIKELY(bytes <= WEIR_TEXT_RESULT_BYTES_MAX)) return true;
    weir_error_set(call->error, WEIR_E_DATA, "%s would make a string of %llu bytes; the limit is %d",
        function, (unsigned long long)bytes, WEIR_TEXT_RESULT_BYTES_MAX);
    return false;
}

void weir_text_builder_reserve(struct weir_text_builder *builder, size_t more)
{
    if (builder->capacity - builder->length >= more) return;
    size_t capacity = WEIR_MAX(builder->capacity * 2, builder->length + more);
    capacity = WEIR_MAX(capacity, (size_t)256);
    char *data = weir_arena_allocate(builder->arena, capacity);
    if (builder->length) memcpy(data, builder->data, builder->length);
    builder->data = data;
    builder->capacity = capacity;
}

bool weir_text_is_ascii(const char *data, size_t length)
{
    uint64_t bits = 0, word;
    size_t i = 0;
    for (; i + 8 <= length; i += 8) {
        memcpy(&word, data + i, 8);
        bits |= word;
    }
    for (; i < length; i++) bits |= (uint8_t)data[i];
    return (bits & 0x8080808080808080u) == 0;
}

/* Bytes of word that are continuation bytes: bit 7 set, bit 6 clear. */
static inline size_t continuation_count(uint64_t word)
{
    return (size_t)__builtin_popcountll((word >> 7) & ~(word >> 6) & 0x0101010101010101u);
}

size_t weir_text_length(const char *data, size_t length)
{
    size_t continuations = 0, i = 0;
    for (; i + 8 <= length; i += 8) {
        uint64_t word;
        memcpy(&word, data + i, 8);
        continuations += continuation_count(word);
    }
    for (; i < length; i++) continuations += weir_utf8_is_continuation(data[i]);
    return length - continuations;
}

size_t weir_text_offset(const char *data, size_t length, size_t points)
{
    size_t i = 0;
    while (i + 8 <= length) {
        uint64_t word;
        memcpy(&word, data + i, 8);
        size_t here = 8 - continuation_count(word);
        if (here > points) break;
        points -= here;
        i += 8;
    }
    /* A word may end within a sequence: what is left of that belongs to the code point before. */
    while (i < length && weir_utf8_is_continuation(data[i])) i++;
    for (; points && i < length; points--) {
        i++;
        while (i < length && weir_utf8_is_continuation(data[i])) i++;
    }
    return i;
}

size_t weir_text_offset_from_end(const char *data, size_t length, size_t points)
{
    size_t i = length;
    for (; points && i; points--) {
        i--;
        while (i && weir_utf8_is_continuation(data[i])) i--;
    }
    return i;
}

uint32_t weir_utf8_sequence(const char *data, size_t length)
{
    const uint8_t *s = (const uint8_t *)data;
    if (s[0] < 0x80) return 1;
    if (s[0] < 0xC2 || s[0] > 0xF4) return 0;
    uint32_t bytes = s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
    if (length < bytes) return 0;
    for (uint32_t i = 1; i < bytes; i++) {
        if (!weir_utf8_is_continuation(data[i])) return 0;
    }
    if (s[0] == 0xE0 && s[1] < 0xA0) return 0;
    if (s[0] == 0xED && s[1] > 0x9F) return 0;
    if (s[0] == 0xF0 && s[1] < 0x90) return 0;
    if (s[0] == 0xF4 && s[1] > 0x8F) return 0;
    return bytes;
}

uint32_t weir_text_decode(const char *data, size_t length, uint32_t *ret)
{
    const uint8_t *s = (const uint8_t *)data;
    switch (weir_utf8_sequence(data, length)) {
    case 1: *ret = s[0]; return 1;
    case 2: *ret = (uint32_t)(s[0] & 0x1F) << 6 | (s[1] & 0x3F); return 2;
    case 3: *ret = (uint32_t)(s[0] & 0x0F) << 12 | (uint32_t)(s[1] & 0x3F) << 6 | (s[2] & 0x3F); return 3;
    case 4:
        *ret = (uint32_t)(s[0] & 0x07) << 18 | (uint32_t)(s[1] & 0x3F) << 12 | (uint32_t)(s[2] & 0x3F) << 6 |
               (s[3] & 0x3F);
        return 4;
    default: *ret = 0xFFFD; return 1;
    }
}

uint32_t weir_text_encode(uint32_t point, char to[4])
{
    if (point < 0x80) {
        to[0] = (char)point;
        return 1;
    }
    if (point < 0x800) {
        to[0] = (char)(0xC0 | point >> 6);
        to[1] = (char)(0x80 | (point & 0x3F));
        return 2;
    }
    if (point < 0x10000) {
        to[0] = (char)(0xE0 | point >> 12);
        to[1] = (char)(0x80 | (point >> 6 & 0x3F));
        to[2] = (char)(0x80 | (point & 0x3F));
        return 3;
    }
    to[0] = (char)(0xF0 | point >> 18);
    to[1] = (char)(0x80 | (point >> 12 & 0x3F));
    to[2] = (char)(0x80 | (point >> 6 & 0x3F));
    to[3] = (char)(0x80 | (point & 0x3F));
    return 4;
}

/* --- searching ---
 * Candidates are places where the first and the last byte of the needle match (W. Mula's "generic SIMD"
 * form). The last block overlaps the one before it, so that nothing is read beyond the data. */
static const char *find_plain(const char *data, size_t length, const char *needle, size_t needle_length)
{
    char first = needle[0], last = needle[needle_length - 1];
    for (size_t i = 0; i + needle_length <= length; i++) {
        if (data[i] == first && data[i + needle_length - 1] == last &&
            memcmp(data + i, needle, needle_length) == 0) {
            return data + i;
        }
    }
    return NULL;
}

#if defined(__x86_64__)
static const char *find_sse2(const char *data, size_t length, const char *needle, size_t needle_length)
{
    size_t places = length - needle_length + 1; /* >= 16 */
    const __m128i first = _mm_set1_epi8(needle[0]), last = _mm_set1_epi8(needle[needle_length - 1]);
    for (size_t i = 0;; i += 16) {
        if (i + 16 > places) i = places - 16;
        __m128i a = _mm_loadu_si128((const __m128i *)(data + i));
        __m128i b = _mm_loadu_si128((const __m128i *)(data + i + needle_length - 1));
        uint32_t mask =
            (uint32_t)_mm_movemask_epi8(_mm_and_si128(_mm_cmpeq_epi8(a, first), _mm_cmpeq_epi8(b, last)));
        for (; mask; mask &= mask - 1) {
            const char *at = data + i + __builtin_ctz(mask);
            if (needle_length <= 2 || memcmp(at + 1, needle + 1, needle_length - 2) == 0) return at;
        }
        if (i + 16 == places) return NULL;
    }
}

__attribute__((target("avx2"))) static const char *find_avx2(
    const char *data, size_t length, const char *needle, size_t needle_length)
{
    size_t places = length - needle_length + 1; /* >= 32 */
    const __m256i first = _mm256_set1_epi8(needle[0]), last = _mm256_set1_epi8(needle[needle_length - 1]);
    for (size_t i = 0;; i += 32) {
        if (i + 32 > places) i = places - 32;
        __m256i a = _mm256_loadu_si256((const __m256i *)(data + i));
        __m256i b = _mm256_loadu_si256((const __m256i *)(data + i + needle_length - 1));
        uint32_t mask = (uint32_t)_mm256_movemask_epi8(
            _mm256_and_si256(_mm256_cmpeq_epi8(a, first), _mm256_cmpeq_epi8(b, last)));
        for (; mask; mask &= mask - 1) {
            const char *at = data + i + __builtin_ctz(mask);
            if (needle_length <= 2 || memcmp(at + 1, needle + 1, needle_length - 2) == 0) return at;
        }
        if (i + 32 == places) return NULL;
    }
}
#endif

const char *weir_text_find(const char *data, size_t length, const char *needle, size_t needle_length)
{
    if (needle_length == 0) return data;
    if (needle_length > length) return NULL;
    if (needle_length == 1) return memchr(data, needle[0], length);
#if defined(__x86_64__)
    size_t places = length - needle_length + 1;
    if (places >= 32 && __builtin_cpu_supports("avx2")) return find_avx2(data, length, needle, needle_length);
    if (places >= 16) return find_sse2(data, length, needle, needle_length);
#endif
    return find_plain(data, length, needle, needle_length);
}

/* --- types --- */
static bool is_plain(const struct weir_type *type)
{
    return type->id < WEIR_TYPE_ARRAY && !weir_type_is_binary(type);
}

static bool match_one(
    struct weir_arena *arena, const struct weir_type *given, char letter, const struct weir_type **wanted)
{
    const struct weir_type *target = NULL;
    bool fits = true, is_null = given->id == WEIR_TYPE_NULL;
    switch (letter) {
    case 'S':
        if (!weir_type_is_string(given)) target = &weir_type_string, fits = is_plain(given);
        break;
    case 's':
        if (!weir_type_is_string(given)) target = &weir_type_string, fits = is_null;
        break;
    case 'B':
        if (!weir_type_is_view(given)) target = &weir_type_string, fits = is_plain(given);
        break;
    case 'b':
        if (!weir_type_is_binary(given)) target = &weir_type_bytes, fits = is_null;
        break;
    case 'I':
        if (given->id != WEIR_TYPE_INT)
            target = weir_type_of(WEIR_TYPE_INT), fits = is_null || weir_type_is_integer(given);
        break;
    case 'L':
        if (given->id != WEIR_TYPE_BIGINT)
            target = weir_type_of(WEIR_TYPE_BIGINT), fits = is_null || weir_type_is_integer(given);
        break;
    default: break;
    }
    if (!fits) return false;
    if (target) *wanted = weir_type_nullable(arena, target, given->nullable);
    return true;
}

bool weir_text_match(struct weir_arena *arena, const struct weir_type *const *given, uint32_t count,
    const char *letters, const struct weir_type *result, enum weir_text_nullability nullability,
    weir_kernel kernel, struct weir_function_match *ret)
{
    const char *letter = letters;
    for (uint32_t i = 0; i < count; i++) {
        if (!match_one(arena, given[i], *letter, &ret->argument_types[i])) return false;
        if (letter[1]) letter++;
    }
    bool nullable =
        nullability == WEIR_TEXT_NULL_ALWAYS ||
        weir_types_any_nullable(given, nullability == WEIR_TEXT_NULL_AS_FIRST ? WEIR_MIN(count, 1u) : count);
    ret->type = weir_type_nullable(arena, result, nullable);
    ret->kernel = kernel;
    return true;
}

bool weir_text_mismatch(struct weir_error *reterr, const char *signatures)
{
    weir_error_set(
        reterr, WEIR_E_SQL_VALIDATION, "Invalid input arguments. Expected signatures are:\n%s", signatures);
    return false;
}

bool weir_literal_text(const struct weir_vector *literal, struct weir_slice *ret)
{
    if (!literal || !weir_type_is_view(literal->type) || weir_argument_is_null(literal, 0)) return false;
    *ret = weir_text_slice(literal, 0);
    return true;
}
