/* Numbers to text. The shortest digits are found as in R. Giulietti, "The Schubfach way to render doubles";
 * those that are printed come from number_java.c. */
#include "data/number.h"
#include "data/number_internal.h"
#include "data/number_powers.h"
#include <string.h>

const char weir_digit_pairs[] =
    "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748"
    "49505152535455565758596061626364656667686970717273747576777879808182838485868788899091929394959697"
    "9899";

size_t weir_u64_print(uint64_t value, char *to)
{
    char text[20];
    size_t at = sizeof text;
    while (value >= 100) {
        at -= 2;
        memcpy(text + at, weir_digit_pairs + value % 100 * 2, 2);
        value /= 100;
    }
    if (value >= 10) {
        at -= 2;
        memcpy(text + at, weir_digit_pairs + value * 2, 2);
    } else {
        text[--at] = (char)('0' + value);
    }
    memcpy(to, text + at, sizeof text - at);
    return sizeof text - at;
}

size_t weir_i64_print(int64_t value, char *to)
{
    if (value >= 0) return weir_u64_print((uint64_t)value, to);
    *to = '-';
    return 1 + weir_u64_print(-(uint64_t)value, to + 1);
}

size_t weir_i128_print(weir_int128 value, char *to)
{
    const uint64_t billions = UINT64_C(10000000000000000000);
    size_t length = 0;
    weir_uint128 rest = (weir_uint128)value;
    if (value < 0) {
        to[length++] = '-';
        rest = -rest;
    }
    if (rest < billions) return length + weir_u64_print((uint64_t)rest, to + length);
    weir_uint128 high = rest / billions;
    uint64_t low = (uint64_t)(rest % billions);
    length += weir_i128_print((weir_int128)high, to + length);
    char digits[20];
    size_t count = weir_u64_print(low, digits);
    memset(to + length, '0', 19 - count);
    memcpy(to + length + 19 - count, digits, count);
    return length + 19;
}

/* floor(exponent * log2(10)), floor(exponent * log10(2)) and the latter for an interval that is shorter
 * below. */
static inline int32_t log2_of_power(int32_t exponent)
{
    return exponent * 1741647 >> 19;
}

static inline int32_t log10_of_power(int32_t exponent, bool closer_below)
{
    return (exponent * 1262611 - (closer_below ? 524031 : 0)) >> 22;
}

/* The product's upper 64 bits; the lowest tells that more than half a unit follows. */
static inline uint64_t round_to_odd(struct weir_power power, uint64_t factor)
{
    weir_uint128 low = (weir_uint128)power.low * factor;
    weir_uint128 high = (weir_uint128)power.high * factor + (uint64_t)(low >> 64);
    return (uint64_t)(high >> 64) | ((uint64_t)high > 1);
}

static inline uint32_t round_to_odd_float(uint64_t power, uint32_t factor)
{
    weir_uint128 product = (weir_uint128)power * factor;
    uint32_t high = (uint32_t)(product >> 64), next = (uint32_t)(product >> 32);
    return high | (next > 1);
}

/* Of the decimals between lower and upper (in quarters of a unit) the shortest, and of these the nearest to
 * value. */
static void choose(
    uint64_t lower, uint64_t value, uint64_t upper, int32_t exponent, uint64_t *digits, int32_t *scale)
{
    uint64_t s = value / 4;
    *scale = exponent;
    if (s >= 10) {
        uint64_t tens = s / 10;
        bool below = lower <= 40 * tens, above = 40 * tens + 40 <= upper;
        if (below != above) {
            *digits = tens + above;
            *scale = exponent + 1;
            return;
        }
    }
    bool below = lower <= 4 * s, above = 4 * s + 4 <= upper;
    if (below != above) {
        *digits = s + above;
        return;
    }
    uint64_t middle = 4 * s + 2;
    *digits = s + (value > middle || (value == middle && (s & 1)));
}

static void strip_zeros(uint64_t *digits, int32_t *exponent)
{
    while (*digits % 10 == 0) {
        *digits /= 10;
        ++*exponent;
    }
}

void weir_double_shortest(double value, uint64_t *digits, int32_t *exponent)
{
    enum { BIAS = 1075 };
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1), c = fraction;
    int32_t biased = (int32_t)(bits >> 52 & 0x7ff), q = 1 - BIAS;
    if (biased == 0 &&
        fraction < 3) { /* too few bits for two digits: Java's answer is the nearest of two digits */
        *digits = fraction == 1 ? 49 : 99;
        *exponent = -325;
        return;
    }
    if (biased) {
        c |= UINT64_C(1) << 52;
        q = biased - BIAS;
        if (q <= 0 && q > -53 && (c & ((UINT64_C(1) << -q) - 1)) == 0) {
            *digits = c >> -q;
            *exponent = 0;
            strip_zeros(digits, exponent);
            return;
        }
    }
    bool even = c % 2 == 0, closer = fraction == 0 && biased > 1;
    int32_t k = log10_of_power(q, closer), h = q + log2_of_power(-k) + 1;
    struct weir_power power = weir_power_ceiling(-k);
    uint64_t lower = round_to_odd(power, (4 * c - 2 + closer) << h), middle = round_to_odd(power, 4 * c << h);
    uint64_t upper = round_to_odd(power, (4 * c + 2) << h);
    choose(lower + !even, middle, upper - !even, k, digits, exponent);
    strip_zeros(digits, exponent);
}

void weir_float_shortest(float value, uint32_t *digits, int32_t *exponent)
{
    enum { BIAS = 150 };
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t fraction = bits & ((1u << 23) - 1), c = fraction;
    int32_t biased = (int32_t)(bits >> 23 & 0xff), q = 1 - BIAS;
    uint64_t found;
    if (biased == 0 && fraction < 8) {
        found = 14 * fraction;
        *exponent = -46;
    } else {
        if (biased) {
            c |= 1u << 23;
            q = biased - BIAS;
        }
        if (biased && q <= 0 && q > -24 && (c & ((1u << -q) - 1)) == 0) {
            found = c >> -q;
            *exponent = 0;
        } else {
            bool even = c % 2 == 0, closer = fraction == 0 && biased > 1;
            int32_t k = log10_of_power(q, closer), h = q + log2_of_power(-k) + 1;
            uint64_t power = weir_power_ceiling_high(-k);
            uint32_t lower = round_to_odd_float(power, (4 * c - 2 + closer) << h);
            uint32_t middle = round_to_odd_float(power, 4 * c << h);
            uint32_t upper = round_to_odd_float(power, (4 * c + 2) << h);
            choose(lower + !even, middle, upper - !even, k, &found, exponent);
        }
    }
    strip_zeros(&found, exponent);
    *digits = (uint32_t)found;
}

/* Java: plain from 1.0E-3 to below 1.0E7, else one digit before the point and an exponent; always a digit
 * behind the point. */
static size_t print_digits(const struct weir_digits *d, char *to)
{
    char text[WEIR_DIGITS_MAX];
    uint32_t count = d->count;
    char *at = to;
    for (uint32_t i = 0; i < count; i++) text[i] = (char)('0' + d->digits[i]);
    if (d->exponent >= -3 && d->exponent < 0) {
        memcpy(at, "0.000", 5);
        at += 1 - d->exponent;
        memcpy(at, text, count);
        return (size_t)(at + count - to);
    }
    uint32_t whole = d->exponent >= 0 && d->exponent < 7 ? (uint32_t)d->exponent + 1 : 1;
    for (uint32_t i = 0; i < whole; i++) *at++ = i < count ? text[i] : '0';
    *at++ = '.';
    if (count <= whole) *at++ = '0';
    for (uint32_t i = whole; i < count; i++) *at++ = text[i];
    if (d->exponent >= -3 && d->exponent < 7) return (size_t)(at - to);
    *at++ = 'E';
    return (size_t)(at - to) + weir_i64_print(d->exponent, at);
}

/* Zero, NaN and the infinities; 0 when value is none of them. */
static size_t print_special(double value, char *to)
{
    const char *text = NULL;
    if (value != value)
        text = "NaN";
    else if (value == 0)
        text = __builtin_signbit(value) ? "-0.0" : "0.0";
    else if (__builtin_isinf(value))
        text = value > 0 ? "Infinity" : "-Infinity";
    if (!text) return 0;
    size_t length = strlen(text);
    memcpy(to, text, length);
    return length;
}

size_t weir_double_print(double value, char *to)
{
    struct weir_digits d;
    uint64_t bits;
    size_t length = print_special(value, to);
    if (length) return length;
    if (value < 0) to[length++] = '-';
    memcpy(&bits, &value, sizeof bits);
    uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
    int32_t exponent = (int32_t)(bits >> 52 & 0x7ff), significant_bits = 53;
    if (exponent) {
        fraction |= UINT64_C(1) << 52;
    } else {
        int32_t zeros = __builtin_clzll(fraction);
        fraction <<= zeros - 11;
        exponent = 12 - zeros;
        significant_bits = 64 - zeros;
    }
    weir_digits_develop(fraction, exponent - 1023, significant_bits, &d);
    return length + print_digits(&d, to + length);
}

size_t weir_float_print(float value, char *to)
{
    struct weir_digits d;
    uint32_t bits;
    size_t length = print_special((double)value, to);
    if (length) return length;
    if (value < 0) to[length++] = '-';
    memcpy(&bits, &value, sizeof bits);
    uint32_t fraction = bits & ((1u << 23) - 1);
    int32_t exponent = (int32_t)(bits >> 23 & 0xff), significant_bits = 24;
    if (exponent) {
        fraction |= 1u << 23;
    } else {
        int32_t zeros = __builtin_clz(fraction);
        fraction <<= zeros - 8;
        exponent = 9 - zeros;
        significant_bits = 32 - zeros;
    }
    weir_digits_develop((uint64_t)fraction << 29, exponent - 127, significant_bits, &d);
    return length + print_digits(&d, to + length);
}
