/* The common casts between integers and strings as tight loops; whatever is unusual goes the long way, value
 * by value. */
#include "expr/cast.h"

enum { FAST_DIGITS_MAX = 18, INTEGER_TEXT_BYTES = 24 };

/* --- strings to integers --- */

static const uint64_t high_nibbles = UINT64_C(0xf0f0f0f0f0f0f0f0), digit_zero = UINT64_C(0x3333333333333333);

static bool is_eight_digits(uint64_t chunk)
{
    uint64_t carried = (chunk + UINT64_C(0x0606060606060606)) & high_nibbles;
    return ((chunk & high_nibbles) | carried >> 4) == digit_zero;
}

/* Eight digits, the first in the lowest byte. */
static uint64_t eight_digits(uint64_t chunk)
{
    chunk = (chunk & UINT64_C(0x0f0f0f0f0f0f0f0f)) * 2561 >> 8;
    chunk = (chunk & UINT64_C(0x00ff00ff00ff00ff)) * 6553601 >> 16;
    return (chunk & UINT64_C(0x0000ffff0000ffff)) * UINT64_C(42949672960001) >> 32;
}

/* [-]digits of at most 18 places; false: something else, or more. */
static bool parse_plain(const struct weir_string *string, int64_t *ret)
{
    const char *text = weir_string_data(string);
    uint32_t length = string->length;
    bool negative = length > 0 && text[0] == '-';
    text += negative;
    length -= negative;
    if (length == 0 || length > FAST_DIGITS_MAX) return false;
    uint64_t value = 0;
    for (; length >= 8; text += 8, length -= 8) {
        uint64_t chunk;
        memcpy(&chunk, text, sizeof chunk);
        if (!is_eight_digits(chunk)) return false;
        value = value * 100000000 + eight_digits(chunk);
    }
    for (; length; text++, length--) {
        uint8_t digit = (uint8_t)(*text - '0');
        if (digit > 9) return false;
        value = value * 10 + digit;
    }
    *ret = negative ? -(int64_t)value : (int64_t)value;
    return true;
}

#define PARSE_KERNEL(suffix, type)                                                                 \
    static enum weir_error_code parse_##suffix(WEIR_KERNEL_PARAMETERS)                             \
    {                                                                                              \
        type *to = out->data;                                                                      \
        WEIR_FOR_ROWS(i, rows, count)                                                              \
        {                                                                                          \
            int64_t value;                                                                         \
            bool plain = parse_plain(&WEIR_ARGUMENT(struct weir_string, arguments[0], i), &value); \
            if (WEIR_LIKELY(plain && value == (type)value)) {                                      \
                to[i] = (type)value;                                                               \
                continue;                                                                          \
            }                                                                                      \
            enum weir_error_code code = weir_cast_row(call, arguments[0], out, i);                 \
            if (code != WEIR_OK) return code;                                                      \
        }                                                                                          \
        return WEIR_OK;                                                                            \
    }
WEIR_FOR_INTEGERS(PARSE_KERNEL)

/* --- integers to strings --- */

static const char digit_pairs[201] =
    "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
    "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
    "8081828384858687888990919293949596979899";

/* Writes backwards from end; returns the start. */
static char *print_integer(int64_t value, char *end)
{
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
    while (rest >= 100) {
        end -= 2;
        memcpy(end, digit_pairs + rest % 100 * 2, 2);
        rest /= 100;
    }
    if (rest >= 10) {
        end -= 2;
        memcpy(end, digit_pairs + rest * 2, 2);
    } else {
        *--end = (char)('0' + rest);
    }
    if (value < 0) *--end = '-';
    return end;
}

#define PRINT_KERNEL(suffix, type)                                                                         \
    static enum weir_error_code print_##suffix(WEIR_KERNEL_PARAMETERS)                                     \
    {                                                                                                      \
        const type *from = arguments[0]->data;                                                             \
        struct weir_string *to = out->data;                                                                \
        WEIR_FOR_ROWS(i, rows, count)                                                                      \
        {                                                                                                  \
            char text[INTEGER_TEXT_BYTES], *end = text + sizeof text;                                      \
            char *start = print_integer(from[weir_argument_row(arguments[0], i)], end);                    \
            uint32_t length = (uint32_t)(end - start);                                                     \
            to[i] = length <= WEIR_STRING_INLINE_MAX ? weir_string_view(start, length)                     \
                                                     : weir_heap_writer_string(call->heap, start, length); \
        }                                                                                                  \
        return WEIR_OK;                                                                                    \
    }
WEIR_FOR_INTEGERS(PRINT_KERNEL)

#define BY_INTEGER(kernel)                                    \
    {                                                         \
        kernel##_i8, kernel##_i16, kernel##_i32, kernel##_i64 \
    }

weir_kernel weir_cast_text_kernel(const struct weir_type *from, const struct weir_type *to)
{
    static const weir_kernel parse[4] = BY_INTEGER(parse), print[4] = BY_INTEGER(print);
    if (weir_type_is_string(from) && weir_type_is_integer(to)) return parse[to->id - WEIR_TYPE_TINYINT];
    bool wide_enough = to->id == WEIR_TYPE_VARCHAR && to->length >= INTEGER_TEXT_BYTES;
    return weir_type_is_integer(from) && wide_enough ? print[from->id - WEIR_TYPE_TINYINT] : NULL;
}
