#include "data/utf8.h"
#include <string.h>

#define HIGH_BITS UINT64_C(0x8080808080808080)

static inline uint64_t load(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

/* Bytes at the start that are ASCII. */
static size_t ascii_prefix(const char *text, size_t length)
{
    size_t at = 0;
    for (; at + 8 <= length; at += 8) {
        uint64_t high = load(text + at) & HIGH_BITS;
        if (high) return at + (size_t)__builtin_ctzll(high) / 8;
    }
    while (at < length && !(text[at] & 0x80)) at++;
    return at;
}

bool weir_ascii_is_all(const char *text, size_t length)
{
    return ascii_prefix(text, length) == length;
}

static inline bool is_continuation(unsigned char byte)
{
    return (byte & 0xc0) == 0x80;
}

/* Width of the well-formed sequence at text, 0 when there is none (Unicode, table 3-7). */
static inline size_t well_formed(const unsigned char *text, size_t length)
{
    unsigned char first = text[0];
    if (first < 0x80) return 1;
    if (first < 0xe0) return first >= 0xc2 && length >= 2 && is_continuation(text[1]) ? 2 : 0;
    if (first < 0xf0) {
        if (length < 3 || !is_continuation(text[1]) || !is_continuation(text[2])) return 0;
        bool overlong = first == 0xe0 && text[1] < 0xa0, surrogate = first == 0xed && text[1] > 0x9f;
        return overlong || surrogate ? 0 : 3;
    }
    if (first > 0xf4 || length < 4) return 0;
    if (!is_continuation(text[1]) || !is_continuation(text[2]) || !is_continuation(text[3])) return 0;
    bool overlong = first == 0xf0 && text[1] < 0x90, beyond = first == 0xf4 && text[1] > 0x8f;
    return overlong || beyond ? 0 : 4;
}

size_t weir_utf8_valid_prefix(const char *text, size_t length)
{
    size_t at = 0;
    while (at < length) {
        at += ascii_prefix(text + at, length - at);
        while (at < length && text[at] & 0x80) {
            size_t width = well_formed((const unsigned char *)text + at, length - at);
            if (!width) return at;
            at += width;
        }
    }
    return at;
}

bool weir_utf8_is_valid(const char *text, size_t length)
{
    return weir_utf8_valid_prefix(text, length) == length;
}

/* Continuation bytes among the eight of a word: bit 7 set and bit 6 clear. */
static inline uint32_t continuations(uint64_t word)
{
    return (uint32_t)__builtin_popcountll(word & ~(word << 1) & HIGH_BITS);
}

size_t weir_utf8_count(const char *text, size_t length)
{
    size_t at = 0, count = 0;
    for (; at + 8 <= length; at += 8) count += 8 - continuations(load(text + at));
    for (; at < length; at++) count += !is_continuation((unsigned char)text[at]);
    return count;
}

size_t weir_utf8_offset(const char *text, size_t length, size_t index)
{
    size_t at = 0;
    while (at + 8 <= length) {
        size_t starts = 8 - continuations(load(text + at));
        if (starts > index) break;
        index -= starts;
        at += 8;
    }
    for (; at < length; at++) {
        if (is_continuation((unsigned char)text[at])) continue;
        if (index == 0) return at;
        index--;
    }
    return length;
}

size_t weir_utf8_width(const char *text, size_t length)
{
    unsigned char first = (unsigned char)text[0];
    size_t width = first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    return WEIR_MIN(width, length);
}

uint32_t weir_utf8_decode(const char *text, size_t length, size_t *bytes)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t width = well_formed(at, length);
    *bytes = width ? width : 1;
    switch (width) {
    case 1: return at[0];
    case 2: return (uint32_t)(at[0] & 0x1f) << 6 | (at[1] & 0x3f);
    case 3: return (uint32_t)(at[0] & 0x0f) << 12 | (uint32_t)(at[1] & 0x3f) << 6 | (at[2] & 0x3f);
    case 4:
        return (uint32_t)(at[0] & 0x07) << 18 | (uint32_t)(at[1] & 0x3f) << 12 |
               (uint32_t)(at[2] & 0x3f) << 6 | (at[3] & 0x3f);
    default: return WEIR_CODE_POINT_REPLACEMENT;
    }
}

size_t weir_utf8_encode(uint32_t code_point, char *to)
{
    if (code_point > WEIR_CODE_POINT_MAX || (code_point >= 0xd800 && code_point <= 0xdfff)) {
        code_point = WEIR_CODE_POINT_REPLACEMENT;
    }
    if (code_point < 0x80) {
        to[0] = (char)code_point;
        return 1;
    }
    if (code_point < 0x800) {
        to[0] = (char)(0xc0 | code_point >> 6);
        to[1] = (char)(0x80 | (code_point & 0x3f));
        return 2;
    }
    if (code_point < 0x10000) {
        to[0] = (char)(0xe0 | code_point >> 12);
        to[1] = (char)(0x80 | (code_point >> 6 & 0x3f));
        to[2] = (char)(0x80 | (code_point & 0x3f));
        return 3;
    }
    to[0] = (char)(0xf0 | code_point >> 18);
    to[1] = (char)(0x80 | (code_point >> 12 & 0x3f));
    to[2] = (char)(0x80 | (code_point >> 6 & 0x3f));
    to[3] = (char)(0x80 | (code_point & 0x3f));
    return 4;
}

size_t weir_utf8_utf16_count(const char *text, size_t length)
{
    size_t count = weir_utf8_count(text, length);
    for (size_t i = 0; i < length; i++) count += (unsigned char)text[i] >= 0xf0;
    return count;
}

size_t weir_utf8_repair(const char *text, size_t length, char *to)
{
    char *out = to;
    for (size_t at = 0; at < length;) {
        size_t valid = weir_utf8_valid_prefix(text + at, length - at);
        if (valid) memcpy(out, text + at, valid);
        out += valid;
        at += valid;
        if (at == length) break;
        out += weir_utf8_encode(WEIR_CODE_POINT_REPLACEMENT, out);
        at++;
    }
    return (size_t)(out - to);
}
