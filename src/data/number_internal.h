/* Digits of floating point on their way to text. Private to this folder. */
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

#endif
