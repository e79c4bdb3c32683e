/*
 * Text to numbers. Floating point is read in three steps: exact double arithmetic where digits and power are
 * small, D. Lemire's "Number parsing at a gigabyte per second" (with the proof of Mushtak and Lemire that it
 * needs no fallback), and big integers where more than 19 digits leave a doubt.
 */
#include "base/assert.h"
#include "data/number.h"
#include "data/number_internal.h"
#include "data/number_powers.h"
#include <string.h>

struct weir_slice weir_slice_trim(const char *text, size_t length)
{
    while (length && (unsigned char)text[0] <= ' ') {
        text++;
        length--;
    }
    while (length && (unsigned char)text[length - 1] <= ' ') length--;
    return (struct weir_slice){ text, length };
}

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

enum weir_number_parsed weir_i64_parse(
    const char *text, size_t length, int64_t min, int64_t max, int64_t *value)
{
    size_t at = 0;
    bool negative = false;
    if (length && (text[0] == '-' || text[0] == '+')) negative = text[at++] == '-';
    if (at == length) return WEIR_NUMBER_MALFORMED;
    uint64_t sum = 0;
    for (; at < length && text[at] == '0'; at++) {}
    size_t significant = length - at;
    for (; at < length; at++) {
        uint32_t digit = (uint32_t)(unsigned char)text[at] - '0';
        if (digit > 9) return WEIR_NUMBER_MALFORMED;
        sum = sum * 10 + digit; /* 19 digits fit; more are told apart below */
    }
    if (significant > 19 || sum > (uint64_t)INT64_MAX + negative) return WEIR_NUMBER_OVERFLOW;
    int64_t found = negative ? (int64_t)-sum : (int64_t)sum;
    if (found < min || found > max) return WEIR_NUMBER_OVERFLOW;
    *value = found;
    return WEIR_NUMBER_PARSED;
}

enum weir_number_parsed weir_i64_parse_cast(
    const char *text, size_t length, int64_t min, int64_t max, int64_t *value)
{
    struct weir_slice trimmed = weir_slice_trim(text, length);
    const char *point = trimmed.length ? memchr(trimmed.data, '.', trimmed.length) : NULL;
    size_t whole = point ? (size_t)(point - trimmed.data) : trimmed.length;
    for (size_t i = whole + 1; i < trimmed.length; i++) {
        if (!is_digit(trimmed.data[i])) return WEIR_NUMBER_MALFORMED;
    }
    size_t sign = whole && (trimmed.data[0] == '-' || trimmed.data[0] == '+');
    if (point && whole == sign && trimmed.length > sign) {
        int64_t zero = 0; /* ".5" and "-.5" are 0 */
        if (min > zero || max < zero) return WEIR_NUMBER_OVERFLOW;
        *value = zero;
        return WEIR_NUMBER_PARSED;
    }
    return weir_i64_parse(trimmed.data, whole, min, max, value);
}

/* A decimal as scanned: digits * 10^exponent; more digits follow in the text when truncated. */
struct decimal {
    uint64_t digits;
    int64_t exponent;
    bool truncated;
    const char *first, *end; /* of the mantissa in the text, with its point */
};

enum { EXPONENT_LIMIT = 1000000 };

static bool scan(const char *text, size_t length, struct decimal *d)
{
    const char *at = text, *end = text + length;
    uint32_t kept = 0;
    size_t seen = 0;
    bool point = false;
    *d = (struct decimal){ .first = text };
    for (; at < end; at++) {
        if (*at == '.') {
            if (point) return false;
            point = true;
            continue;
        }
        if (!is_digit(*at)) break;
        seen++;
        if (kept < 19) {
            d->digits = d->digits * 10 + (uint64_t)(*at - '0');
            kept += d->digits != 0;
            d->exponent -= point;
        } else {
            d->truncated |= *at != '0';
            d->exponent += !point;
        }
    }
    d->end = at;
    if (!seen) return false;
    if (at == end) return true;
    if (*at != 'e' && *at != 'E') return false;
    bool negative = false;
    if (++at < end && (*at == '-' || *at == '+')) negative = *at++ == '-';
    if (at == end) return false;
    int64_t exponent = 0;
    for (; at < end; at++) {
        if (!is_digit(*at)) return false;
        if (exponent < EXPONENT_LIMIT) exponent = exponent * 10 + (*at - '0');
    }
    d->exponent += negative ? -exponent : exponent;
    return true;
}

/* Powers of ten that a double holds exactly. */
static const double exact_powers[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12,
    1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };

static double make_double(uint64_t mantissa, int32_t biased)
{
    uint64_t bits = mantissa | (uint64_t)biased << 52;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

double weir_double_from_decimal(uint64_t digits, int64_t exponent)
{
    if (digits == 0 || exponent < WEIR_POWER_MIN) return 0;
    if (exponent > 308) return __builtin_inf();
    if (digits <= UINT64_C(1) << 53 && exponent >= -22 && exponent <= 22) {
        return exponent < 0 ? (double)digits / exact_powers[-exponent]
                            : (double)digits * exact_powers[exponent];
    }
    int32_t q = (int32_t)exponent, zeros = __builtin_clzll(digits);
    uint64_t w = digits << zeros;
    /* From 10^-27 on a product may be exactly between two doubles: the power rounded up does not fall short
     * of it. */
    struct weir_power power = q < 0 && q >= -27 ? weir_power_ceiling(q) : weir_powers[q - WEIR_POWER_MIN];
    weir_uint128 product = (weir_uint128)w * power.high;
    if (((uint64_t)(product >> 64) & 0x1ff) == 0x1ff)
        product += (uint64_t)((weir_uint128)w * power.low >> 64);
    uint64_t high = (uint64_t)(product >> 64), low = (uint64_t)product;
    uint32_t upper = (uint32_t)(high >> 63);
    uint64_t mantissa = high >> (upper + 9);
    int32_t biased = ((217706 * q) >> 16) + 63 + (int32_t)upper - zeros + 1023;
    if (biased <= 0) { /* subnormal, or rounded up to the smallest normal */
        if (1 - biased >= 64) return 0;
        mantissa >>= 1 - biased;
        mantissa = (mantissa + (mantissa & 1)) >> 1;
        return make_double(mantissa, 0);
    }
    /* Exactly between two: to even. */
    if (low <= 1 && q >= -4 && q <= 23 && (mantissa & 3) == 1 && mantissa << (upper + 9) == high)
        mantissa &= ~UINT64_C(1);
    mantissa = (mantissa + (mantissa & 1)) >> 1;
    if (mantissa >= UINT64_C(1) << 53) {
        mantissa = UINT64_C(1) << 52;
        biased++;
    }
    if (biased >= 0x7ff) return __builtin_inf();
    return make_double(mantissa & ~(UINT64_C(1) << 52), biased);
}

/* Big integers, only as large as the slow path needs: 800 digits times 10^350 times 2^1100. */
enum { LIMBS_MAX = 176, SLOW_DIGITS_MAX = 800 };
struct big {
    uint32_t count;
    uint32_t limbs[LIMBS_MAX];
};

static void big_multiply_add(struct big *b, uint32_t factor, uint32_t more)
{
    uint64_t carry = more;
    for (uint32_t i = 0; i < b->count; i++) {
        carry += (uint64_t)b->limbs[i] * factor;
        b->limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (!carry) return;
    WEIR_ASSERT(b->count < LIMBS_MAX);
    b->limbs[b->count++] = (uint32_t)carry;
}

static void big_multiply_power(struct big *b, uint32_t base, int64_t exponent)
{
    for (; exponent > 0; exponent--) big_multiply_add(b, base, 0);
}

static void big_shift_left(struct big *b, int64_t bits)
{
    for (; bits >= 31; bits -= 31) big_multiply_add(b, 1u << 31, 0);
    if (bits > 0) big_multiply_add(b, 1u << bits, 0);
}

static int big_compare(const struct big *a, const struct big *b)
{
    if (a->count != b->count) return a->count < b->count ? -1 : 1;
    for (uint32_t i = a->count; i > 0; i--) {
        if (a->limbs[i - 1] != b->limbs[i - 1]) return a->limbs[i - 1] < b->limbs[i - 1] ? -1 : 1;
    }
    return 0;
}

/* The decimal against mantissa * 2^exponent, exactly. */
static int compare_exactly(const struct decimal *d, uint64_t mantissa, int32_t exponent)
{
    struct big left = { 0 }, right = { 0 };
    uint32_t digits = 0;
    int64_t scale = 0;
    bool point = false, more = false;
    for (const char *at = d->first; at < d->end; at++) {
        if (*at == '.') {
            point = true;
        } else if (digits < SLOW_DIGITS_MAX) {
            big_multiply_add(&left, 10, (uint32_t)(*at - '0'));
            digits += left.count != 0;
            scale -= point;
        } else {
            more |= *at != '0';
            scale += !point;
        }
    }
    /* The exponent that was written: what scan() found less what its kept digits took. */
    int64_t kept_scale = 0;
    uint32_t kept = 0;
    bool nonzero = false;
    point = false;
    for (const char *at = d->first; at < d->end; at++) {
        if (*at == '.') {
            point = true;
            continue;
        }
        if (kept < 19) {
            nonzero |= *at != '0';
            kept += nonzero;
            kept_scale -= point;
        } else {
            kept_scale += !point;
        }
    }
    scale += d->exponent - kept_scale;
    right.limbs[0] = (uint32_t)mantissa;
    right.limbs[1] = (uint32_t)(mantissa >> 32);
    right.count = right.limbs[1] ? 2 : 1;
    if (scale >= 0)
        big_multiply_power(&left, 10, scale);
    else
        big_multiply_power(&right, 10, -scale);
    if (exponent >= 0)
        big_shift_left(&right, exponent);
    else
        big_shift_left(&left, -exponent);
    int order = big_compare(&left, &right);
    return order == 0 && more ? 1 : order;
}

static double read_double(const struct decimal *d)
{
    double value = weir_double_from_decimal(d->digits, d->exponent);
    if (!d->truncated) return value;
    double above = weir_double_from_decimal(d->digits + 1, d->exponent);
    if (value == above) return value;
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    int32_t biased = (int32_t)(bits >> 52);
    uint64_t mantissa = bits & ((UINT64_C(1) << 52) - 1);
    if (biased)
        mantissa |= UINT64_C(1) << 52;
    else
        biased = 1;
    int order = compare_exactly(d, mantissa * 2 + 1, biased - 1076);
    if (order == 0) return mantissa & 1 ? above : value;
    return order > 0 ? above : value;
}

/* Reads what is neither sign nor digits; true when the text is one of Java's words. */
static bool parse_word(const char *text, size_t length, double *value)
{
    if (length == 3 && memcmp(text, "NaN", 3) == 0)
        *value = __builtin_nan("");
    else if (length == 8 && memcmp(text, "Infinity", 8) == 0)
        *value = __builtin_inf();
    else
        return false;
    return true;
}

static bool prepare(const char *text, size_t length, struct decimal *d, bool *negative, double *word)
{
    struct weir_slice trimmed = weir_slice_trim(text, length);
    *negative = false;
    if (trimmed.length && (trimmed.data[0] == '-' || trimmed.data[0] == '+')) {
        *negative = trimmed.data[0] == '-';
        trimmed.data++;
        trimmed.length--;
    }
    *d = (struct decimal){ 0 };
    if (parse_word(trimmed.data, trimmed.length, word)) return true;
    if (trimmed.length > 1 && memchr("dDfF", trimmed.data[trimmed.length - 1], 4)) trimmed.length--;
    return scan(trimmed.data, trimmed.length, d);
}

/* Sign, digits and a point alone, few enough for one exact division: most of the numbers that there are. */
static bool parse_plain(const char *text, size_t length, double *value)
{
    if (length == 0 || length > 18) return false;
    size_t at = text[0] == '-';
    struct weir_plain_number number;
    if (!weir_plain_number_scan(text + at, length - at, &number)) return false;
    if (number.digits > UINT64_C(1) << 53) return false;
    double found = (double)number.digits / exact_powers[number.behind];
    *value = text[0] == '-' ? -found : found;
    return true;
}

enum weir_number_parsed weir_double_parse(const char *text, size_t length, double *value)
{
    struct decimal d;
    bool negative;
    double found = 0;
    if (parse_plain(text, length, value)) return WEIR_NUMBER_PARSED;
    if (!prepare(text, length, &d, &negative, &found)) return WEIR_NUMBER_MALFORMED;
    if (d.first) found = read_double(&d);
    *value = negative ? -found : found;
    return WEIR_NUMBER_PARSED;
}

/* Rounding twice goes wrong only where the double lies exactly between two floats without being the decimal
 * itself. */
static float read_float(const struct decimal *d)
{
    double value = read_double(d);
    float found = (float)value;
    if (value == 0 || __builtin_isinf(value)) return found;
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    if ((double)found == value) return found;
    uint32_t exponent = (uint32_t)(bits >> 52);
    uint32_t dropped = exponent >= 897 ? 29 : 29 + 897 - exponent;
    if (dropped > 53) return found; /* less than half of the smallest float */
    uint64_t mantissa = (bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52;
    if ((mantissa & ((UINT64_C(1) << dropped) - 1)) != UINT64_C(1) << (dropped - 1)) return found;
    int order = compare_exactly(d, mantissa, (int32_t)exponent - 1075);
    if (order == 0) return found;
    uint32_t words;
    memcpy(&words, &found, sizeof words);
    bool rounded_up = (double)found > value;
    if (order > 0 && !rounded_up) words++;
    if (order < 0 && rounded_up) words--;
    memcpy(&found, &words, sizeof found);
    return found;
}

enum weir_number_parsed weir_float_parse(const char *text, size_t length, float *value)
{
    struct decimal d;
    bool negative;
    double word = 0;
    if (!prepare(text, length, &d, &negative, &word)) return WEIR_NUMBER_MALFORMED;
    float found = d.first ? read_float(&d) : (float)word;
    *value = negative ? -found : found;
    return WEIR_NUMBER_PARSED;
}

int64_t weir_double_to_i64(double value)
{
    if (value != value) return 0;
    if (value >= 0x1p63) return INT64_MAX;
    if (value < -0x1p63) return INT64_MIN;
    return (int64_t)value;
}

int32_t weir_double_to_i32(double value)
{
    if (value != value) return 0;
    if (value >= 0x1p31) return INT32_MAX;
    if (value <= -0x1p31) return INT32_MIN;
    return (int32_t)value;
}
