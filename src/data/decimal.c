#include "data/decimal.h"
#include "base/assert.h"
#include "data/number.h"
#include <string.h>

const int64_t weir_decimal_power_64[19] = { 1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000,
    1000000000, 10000000000, 100000000000, 1000000000000, 10000000000000, 100000000000000, 1000000000000000,
    10000000000000000, 100000000000000000, 1000000000000000000 };

weir_int128 weir_decimal_power(uint32_t exponent)
{
    WEIR_ASSERT(exponent <= WEIR_DECIMAL_DIGITS_MAX);
    if (exponent <= 18) return weir_decimal_power_64[exponent];
    if (exponent <= 36) return (weir_int128)weir_decimal_power_64[18] * weir_decimal_power_64[exponent - 18];
    return (weir_int128)weir_decimal_power_64[18] * weir_decimal_power_64[18] *
           weir_decimal_power_64[exponent - 36];
}

static inline weir_uint128 magnitude_of(weir_int128 value)
{
    return value < 0 ? -(weir_uint128)value : (weir_uint128)value;
}

bool weir_decimal_fits(weir_int128 value, uint32_t precision)
{
    return magnitude_of(value) < (weir_uint128)weir_decimal_power(precision);
}

uint32_t weir_decimal_digits(weir_int128 value)
{
    weir_uint128 magnitude = magnitude_of(value);
    uint32_t digits = 1;
    while (digits < WEIR_DECIMAL_DIGITS_MAX && magnitude >= (weir_uint128)weir_decimal_power(digits))
        digits++;
    return digits;
}

/* 256 bits without sign, for products and shifted dividends. */
struct wide {
    weir_uint128 high, low;
};

static struct wide multiply_wide(weir_uint128 a, weir_uint128 b)
{
    uint64_t a0 = (uint64_t)a, a1 = (uint64_t)(a >> 64), b0 = (uint64_t)b, b1 = (uint64_t)(b >> 64);
    weir_uint128 low = (weir_uint128)a0 * b0, middle = (weir_uint128)a1 * b0, other = (weir_uint128)a0 * b1;
    weir_uint128 carry = (low >> 64) + (uint64_t)middle + (uint64_t)other;
    return (struct wide){
        .high = (weir_uint128)a1 * b1 + (middle >> 64) + (other >> 64) + (carry >> 64),
        .low = carry << 64 | (uint64_t)low,
    };
}

static bool wide_less(struct wide a, struct wide b)
{
    return a.high != b.high ? a.high < b.high : a.low < b.low;
}

static struct wide wide_subtract(struct wide a, struct wide b)
{
    return (struct wide){ a.high - b.high - (a.low < b.low), a.low - b.low };
}

static struct wide wide_add(struct wide a, struct wide b)
{
    weir_uint128 low = a.low + b.low;
    return (struct wide){ a.high + b.high + (low < a.low), low };
}

/* Quotient and remainder, bit by bit; only where 128 bits do not do. */
static struct wide wide_divide(struct wide dividend, weir_uint128 divisor, weir_uint128 *remainder)
{
    if (!dividend.high) {
        *remainder = dividend.low % divisor;
        return (struct wide){ 0, dividend.low / divisor };
    }
    struct wide quotient = { dividend.high / divisor, 0 };
    weir_uint128 rest = dividend.high % divisor;
    for (int32_t bit = 127; bit >= 0; bit--) {
        bool carry = rest >> 127;
        rest = rest << 1 | (dividend.low >> bit & 1);
        if (carry || rest >= divisor) {
            rest -= divisor;
            quotient.low |= (weir_uint128)1 << bit;
        }
    }
    *remainder = rest;
    return quotient;
}

/* HALF_UP of magnitude / divisor; false when it does not fit 128 bits. */
static bool divide_half_up(struct wide magnitude, weir_uint128 divisor, weir_uint128 *result)
{
    weir_uint128 rest;
    struct wide quotient = wide_divide(magnitude, divisor, &rest);
    if (quotient.high) return false;
    *result = quotient.low;
    if (rest >= divisor - rest) {
        if (++*result == 0) return false;
    }
    return true;
}

static bool finish(bool negative, weir_uint128 magnitude, uint32_t precision, weir_int128 *result)
{
    if (magnitude >= (weir_uint128)weir_decimal_power(precision)) return false;
    *result = negative ? -(weir_int128)magnitude : (weir_int128)magnitude;
    return true;
}

/* sign and magnitude at from_scale to scale. The scale may drop by more than 38 digits (a product's is up to
 * 76). */
static bool finish_scaled(bool negative, struct wide magnitude, uint32_t from_scale, uint32_t scale,
    uint32_t precision, weir_int128 *result)
{
    weir_uint128 low = magnitude.low;
    if (from_scale <= scale) {
        if (magnitude.high) return false;
        if (scale - from_scale > WEIR_DECIMAL_DIGITS_MAX) {
            if (low) return false;
        } else {
            struct wide product = multiply_wide(low, (weir_uint128)weir_decimal_power(scale - from_scale));
            if (product.high) return false;
            low = product.low;
        }
        return finish(negative, low, precision, result);
    }
    uint32_t drop = from_scale - scale;
    if (drop > WEIR_DECIMAL_DIGITS_MAX) {
        /* Two steps: what the first one cuts off only matters when the second is exactly between two. */
        weir_uint128 rest, first = (weir_uint128)weir_decimal_power(drop - WEIR_DECIMAL_DIGITS_MAX);
        magnitude = wide_divide(magnitude, first, &rest);
        drop = WEIR_DECIMAL_DIGITS_MAX;
    }
    if (!divide_half_up(magnitude, (weir_uint128)weir_decimal_power(drop), &low)) return false;
    return finish(negative, low, precision, result);
}

bool weir_decimal_rescale(
    weir_int128 value, uint32_t from_scale, uint32_t precision, uint32_t scale, weir_int128 *result)
{
    return finish_scaled(
        value < 0, (struct wide){ 0, magnitude_of(value) }, from_scale, scale, precision, result);
}

static bool add(weir_int128 a, uint32_t scale_a, weir_int128 b, uint32_t scale_b, uint32_t precision,
    uint32_t scale, weir_int128 *result)
{
    uint32_t common = WEIR_MAX(scale_a, scale_b);
    struct wide x = multiply_wide(magnitude_of(a), (weir_uint128)weir_decimal_power(common - scale_a));
    struct wide y = multiply_wide(magnitude_of(b), (weir_uint128)weir_decimal_power(common - scale_b));
    if ((a < 0) == (b < 0)) return finish_scaled(a < 0, wide_add(x, y), common, scale, precision, result);
    if (wide_less(x, y)) return finish_scaled(b < 0, wide_subtract(y, x), common, scale, precision, result);
    return finish_scaled(a < 0, wide_subtract(x, y), common, scale, precision, result);
}

bool weir_decimal_add(weir_int128 a, uint32_t scale_a, weir_int128 b, uint32_t scale_b, uint32_t precision,
    uint32_t scale, weir_int128 *result)
{
    weir_int128 sum;
    if (scale_a == scale_b && scale_a == scale && !__builtin_add_overflow(a, b, &sum)) {
        if (!weir_decimal_fits(sum, precision)) return false;
        *result = sum;
        return true;
    }
    return add(a, scale_a, b, scale_b, precision, scale, result);
}

bool weir_decimal_subtract(weir_int128 a, uint32_t scale_a, weir_int128 b, uint32_t scale_b,
    uint32_t precision, uint32_t scale, weir_int128 *result)
{
    return weir_decimal_add(a, scale_a, -b, scale_b, precision, scale, result);
}

bool weir_decimal_multiply(weir_int128 a, uint32_t scale_a, weir_int128 b, uint32_t scale_b,
    uint32_t precision, uint32_t scale, weir_int128 *result)
{
    struct wide product = multiply_wide(magnitude_of(a), magnitude_of(b));
    return finish_scaled((a < 0) != (b < 0), product, scale_a + scale_b, scale, precision, result);
}

bool weir_decimal_divide(weir_int128 a, uint32_t scale_a, weir_int128 b, uint32_t scale_b, uint32_t precision,
    uint32_t scale, weir_int128 *result)
{
    WEIR_ASSERT(b != 0);
    bool negative = (a < 0) != (b < 0);
    int32_t shift = (int32_t)scale + (int32_t)scale_b - (int32_t)scale_a;
    weir_uint128 dividend = magnitude_of(a), divisor = magnitude_of(b), quotient;
    if (a == 0) {
        *result = 0;
        return true;
    }
    if (shift >= 0) {
        /* a * 10^shift / b; past 38 digits of shift the quotient is taken in two steps with its remainder. */
        uint32_t first = WEIR_MIN((uint32_t)shift, (uint32_t)WEIR_DECIMAL_DIGITS_MAX),
                 second = (uint32_t)shift - first;
        struct wide numerator = multiply_wide(dividend, (weir_uint128)weir_decimal_power(first));
        if (!second) {
            return divide_half_up(numerator, divisor, &quotient) &&
                   finish(negative, quotient, precision, result);
        }
        weir_uint128 rest, power = (weir_uint128)weir_decimal_power(second);
        struct wide whole = wide_divide(numerator, divisor, &rest);
        if (whole.high) return false;
        struct wide high = multiply_wide(whole.low, power);
        if (high.high || !divide_half_up(multiply_wide(rest, power), divisor, &quotient)) return false;
        if (quotient + high.low < quotient) return false;
        return finish(negative, quotient + high.low, precision, result);
    }
    struct wide denominator = multiply_wide(divisor, (weir_uint128)weir_decimal_power((uint32_t)-shift));
    if (denominator.high) { /* larger than any dividend: at most half of one */
        struct wide twice = multiply_wide(dividend, 2);
        return finish(negative, !wide_less(twice, denominator), precision, result);
    }
    return divide_half_up((struct wide){ 0, dividend }, denominator.low, &quotient) &&
           finish(negative, quotient, precision, result);
}

bool weir_decimal_remainder(weir_int128 a, uint32_t scale_a, weir_int128 b, uint32_t scale_b,
    uint32_t precision, uint32_t scale, weir_int128 *result)
{
    WEIR_ASSERT(b != 0);
    weir_uint128 x = magnitude_of(a), y = magnitude_of(b), rest;
    uint32_t common = WEIR_MAX(scale_a, scale_b);
    struct wide dividend = multiply_wide(x, (weir_uint128)weir_decimal_power(common - scale_a));
    struct wide divisor = multiply_wide(y, (weir_uint128)weir_decimal_power(common - scale_b));
    if (divisor
            .high) { /* then scale_a is the larger and the dividend is x itself, smaller than the divisor */
        rest = x;
    } else {
        wide_divide(dividend, divisor.low, &rest);
    }
    return finish_scaled(a < 0, (struct wide){ 0, rest }, common, scale, precision, result);
}

bool weir_decimal_round(
    weir_int128 value, uint32_t scale, int32_t digits, enum weir_rounding mode, weir_int128 *result)
{
    if (digits >= (int32_t)scale) {
        *result = value;
        return true;
    }
    int64_t drop = (int64_t)scale - digits;
    weir_uint128 magnitude = magnitude_of(value);
    if (drop > WEIR_DECIMAL_DIGITS_MAX) {
        bool away = value != 0 &&
                    ((mode == WEIR_ROUND_FLOOR && value < 0) || (mode == WEIR_ROUND_CEILING && value > 0));
        if (away) return false;
        *result = 0;
        return true;
    }
    weir_uint128 unit = (weir_uint128)weir_decimal_power((uint32_t)drop), rest = magnitude % unit;
    bool up = (mode == WEIR_ROUND_HALF_UP && rest >= unit - rest) ||
              (mode == WEIR_ROUND_FLOOR && value < 0 && rest) ||
              (mode == WEIR_ROUND_CEILING && value > 0 && rest);
    magnitude -= rest;
    if (up) magnitude += unit;
    return finish(value < 0, magnitude, WEIR_DECIMAL_DIGITS_MAX, result);
}

int weir_decimal_compare(weir_int128 a, uint32_t scale_a, weir_int128 b, uint32_t scale_b)
{
    if (scale_a == scale_b || (a < 0) != (b < 0) || a == 0 || b == 0) return (a > b) - (a < b);
    uint32_t common = WEIR_MAX(scale_a, scale_b);
    struct wide x = multiply_wide(magnitude_of(a), (weir_uint128)weir_decimal_power(common - scale_a));
    struct wide y = multiply_wide(magnitude_of(b), (weir_uint128)weir_decimal_power(common - scale_b));
    int order = wide_less(y, x) - wide_less(x, y);
    return a < 0 ? -order : order;
}

weir_int128 weir_decimal_truncate(weir_int128 value, uint32_t scale)
{
    return value / weir_decimal_power(scale);
}
