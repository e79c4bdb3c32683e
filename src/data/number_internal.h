/* Digits of numbers on their way to text and from it. Private to this folder. */
#ifndef WEIR_DATA_NUMBER_INTERNAL_H
#define WEIR_DATA_NUMBER_INTERNAL_H

#include "base/macros.h"

/* "00" to "99", one behind the other. */
extern const char weir_digit_pairs[201];

enum { WEIR_DIGITS_MAX = 24 };
struct weir_digits {
    uint8_t digits[WEIR_DIGITS_MAX]; /* 0..9 */
    uint32_t count;
    int32_t exponent; /* of the first digit: digits[0].digits[1].. * 10^exponent */
};

/* fraction has bit 52 set and nothing above; the value is fraction * 2^(exponent - 52); significant_bits of
 * it are known. */
void weir_digits_develop(
    uint64_t fraction, int32_t exponent, int32_t significant_bits, struct weir_digits *d);

/* Digits and a point alone, at most 19 digits: most of the numbers that there are. */
struct weir_plain_number {
    uint64_t digits;
    uint32_t count, behind; /* digits; those behind the point */
};
/* What follows the sign. False: there is something else, too. */
static inline bool weir_plain_number_scan(const char *text, size_t length, struct weir_plain_number *number)
{
    uint64_t sum = 0;
    uint32_t behind = 0, count = 0;
    bool point = false;
    for (size_t at = 0; at < length; at++) {
        uint32_t digit = (uint32_t)(unsigned char)text[at] - '0';
        if (digit <= 9) {
            sum = sum * 10 + digit;
            count++;
            behind += point;
        } else if (text[at] == '.' && !point) {
            point = true;
        } else {
            return false;
        }
    }
    *number = (struct weir_plain_number){ sum, count, behind };
    return count > 0;
}

#endif
