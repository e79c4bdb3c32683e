/*
 * 128-bit decimals: an unscaled integer and a scale that the type knows. All arithmetic is exact inside and
 * rounds HALF_UP (away from zero) once; what does not fit precision digits is "overflow" (false), which SQL
 * turns into NULL or an error.
 */
#ifndef WEIR_DATA_DECIMAL_H
#define WEIR_DATA_DECIMAL_H

#include "base/macros.h"

enum { WEIR_DECIMAL_DIGITS_MAX = 38, WEIR_DECIMAL_TEXT_BYTES_MAX = 96 };

/* 10^exponent, 0 <= exponent <= 38. */
weir_int128 weir_decimal_power(uint32_t exponent);
extern const int64_t weir_decimal_power_64[19]; /* 10^0 .. 10^18 */
/* |value| < 10^precision */
bool weir_decimal_fits(weir_int128 value, uint32_t precision);
uint32_t weir_decimal_digits(weir_int128 value); /* 0 has 1 digit */

/* Plain or with exponent ("1.5", "-.5", "1E3"), spaces around allowed; rounded HALF_UP to scale. malformed
 * and overflow differ: */
enum weir_decimal_parsed { WEIR_DECIMAL_PARSED, WEIR_DECIMAL_MALFORMED, WEIR_DECIMAL_OVERFLOW };
enum weir_decimal_parsed weir_decimal_parse(
    const char *text, size_t length, uint32_t precision, uint32_t scale, weir_int128 *value);
/* Exact: finds precision and scale of the text itself (a literal). OVERFLOW beyond 38 digits. */
enum weir_decimal_parsed weir_decimal_parse_literal(
    const char *text, size_t length, weir_int128 *value, uint32_t *precision, uint32_t *scale);
/* Plain, with all scale digits, no exponent: "-0.50". Adds no NUL, returns the length. */
size_t weir_decimal_print(weir_int128 value, uint32_t scale, char *to /* WEIR_DECIMAL_TEXT_BYTES_MAX */);

/* Result at scale with at most precision digits; false: overflow (*result unchanged). Scales are 0..38. */
bool weir_decimal_rescale(
    weir_int128 value, uint32_t from_scale, uint32_t precision, uint32_t scale, weir_int128 *result);
bool weir_decimal_add(weir_int128 a, uint32_t scale_a, weir_int128 b, uint32_t scale_b, uint32_t precision,
    uint32_t scale, weir_int128 *result);
bool weir_decimal_subtract(weir_int128 a, uint32_t scale_a, weir_int128 b, uint32_t scale_b,
    uint32_t precision, uint32_t scale, weir_int128 *result);
bool weir_decimal_multiply(weir_int128 a, uint32_t scale_a, weir_int128 b, uint32_t scale_b,
    uint32_t precision, uint32_t scale, weir_int128 *result);
/* b is not 0 in the next two (asserted). The remainder has the sign of a. */
bool weir_decimal_divide(weir_int128 a, uint32_t scale_a, weir_int128 b, uint32_t scale_b, uint32_t precision,
    uint32_t scale, weir_int128 *result);
bool weir_decimal_remainder(weir_int128 a, uint32_t scale_a, weir_int128 b, uint32_t scale_b,
    uint32_t precision, uint32_t scale, weir_int128 *result);

/* digits kept behind the point, negative ones before it; scale of the result is that of value. */
enum weir_rounding { WEIR_ROUND_HALF_UP, WEIR_ROUND_DOWN, WEIR_ROUND_FLOOR, WEIR_ROUND_CEILING };
bool weir_decimal_round(
    weir_int128 value, uint32_t scale, int32_t digits, enum weir_rounding mode, weir_int128 *result);

int weir_decimal_compare(weir_int128 a, uint32_t scale_a, weir_int128 b, uint32_t scale_b); /* exact */

double weir_decimal_double(weir_int128 value, uint32_t scale); /* nearest */
/* HALF_UP of the double's shortest text (as BigDecimal.valueOf); false: NaN, infinite or too large. */
bool weir_decimal_from_double(double value, uint32_t precision, uint32_t scale, weir_int128 *result);
weir_int128 weir_decimal_truncate(weir_int128 value, uint32_t scale); /* the integral part, toward zero */

#endif
