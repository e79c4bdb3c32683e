/*
 * struct weir_string: 16 bytes, a string or bytes value in a vector. Up to 12 bytes lie inline; longer ones
 * keep a 4-byte prefix and point into a heap that the batch holds (struct weir_heap), into a plan's arena, or
 * into a pinned state page. Unused inline bytes are zero, so that two inline strings are equal exactly when
 * their 16 bytes are. Form: Umbra (Neumann, CIDR 2020); Arrow's "view" layout at the edges differs only in
 * buffer index and offset for the pointer.
 */
#ifndef WEIR_DATA_STRING_VIEW_H
#define WEIR_DATA_STRING_VIEW_H

#include "base/macros.h"
#include <string.h>

enum { WEIR_STRING_INLINE_MAX = 12 };

struct weir_string {
    uint32_t length;
    union {
        char inlined[WEIR_STRING_INLINE_MAX];
        struct __attribute__((packed)) {
            char prefix[4];
            const char *pointer;
        };
    };
};
_Static_assert(sizeof(struct weir_string) == 16, "views are 16 bytes");

static inline const char *weir_string_data(const struct weir_string *s)
{
    return s->length <= WEIR_STRING_INLINE_MAX ? s->inlined : s->pointer;
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "views are put together in registers");

static inline uint64_t weir_load_u32(const char *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

/* data must outlive the view when longer than 12 bytes. Inline bytes are collected in two words by loads that
 * may overlap: a copy of unknown length would be a call, and single bytes stored before a wide load would
 * stall it. */
static inline struct weir_string weir_string_view(const char *data, uint32_t length)
{
    uint64_t words[2] = { length, 0 };
    struct weir_string s;
    if (length > WEIR_STRING_INLINE_MAX) {
        words[0] |= weir_load_u32(data) << 32;
        memcpy(&words[1], &data, sizeof data);
    } else if (length > 8) {
        words[0] |= weir_load_u32(data) << 32;
        words[1] = weir_load_u32(data + 4) | weir_load_u32(data + length - 4) >> (12 - length) * 8 << 32;
    } else if (length >= 4) {
        words[0] |= weir_load_u32(data) << 32;
        words[1] = length > 4 ? weir_load_u32(data + length - 4) >> (8 - length) * 8 : 0;
    } else if (length) {
        uint64_t first = (unsigned char)data[0], middle = (unsigned char)data[length / 2];
        uint64_t last = (unsigned char)data[length - 1];
        words[0] |= first << 32 | middle << (32 + length / 2 * 8) | last << (24 + length * 8);
    }
    memcpy(&s, words, sizeof s);
    return s;
}

static inline bool weir_string_equal(const struct weir_string *a, const struct weir_string *b)
{
    uint64_t a0, b0;
    memcpy(&a0, a, 8); /* length and prefix */
    memcpy(&b0, b, 8);
    if (a0 != b0) return false;
    if (a->length <= WEIR_STRING_INLINE_MAX) return memcmp((const char *)a + 8, (const char *)b + 8, 8) == 0;
    return memcmp(a->pointer, b->pointer, a->length) == 0;
}

/* Bytes, unsigned: the order of UTF-8 code points. Mostly the first four decide, which are in the view; where
 * a string ends within them there are zeros, and it comes before what goes on. */
static inline int weir_string_compare(const struct weir_string *a, const struct weir_string *b)
{
    uint32_t first_a = __builtin_bswap32((uint32_t)weir_load_u32(a->prefix));
    uint32_t first_b = __builtin_bswap32((uint32_t)weir_load_u32(b->prefix));
    if (first_a != first_b) return first_a < first_b ? -1 : 1;
    uint32_t shorter = a->length < b->length ? a->length : b->length;
    int order = shorter ? memcmp(weir_string_data(a), weir_string_data(b), shorter) : 0;
    return order ? order : (a->length > b->length) - (a->length < b->length);
}

#endif
