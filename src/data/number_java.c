/*
 * Digits of floating point as Java up to 18 chooses them, which is what Flink prints: the digits of Steele
 * and White with Java's own turns. They are mostly the shortest ones, but not always: an integer of up to 63
 * bits keeps every digit that 24 (53) bits may decide, a power of two counts as if its neighbours were
 * nearer, and a text with an exponent gets at least two digits.
 */
#include "base/assert.h"
#include "data/number_internal.h"
#include <string.h>

enum { FRACTION_BITS = 52, SMALL_EXPONENT_MAX = 62, SMALL_EXPONENT_MIN = -21 };

/* Big integers, as large as 10^325 * 2^64 or 2^1100 needs. */
enum { LIMBS_MAX = 48 };
struct big {
    uint32_t count;
    uint32_t limbs[LIMBS_MAX];
};

static void multiply(struct big *b, uint32_t factor)
{
    uint64_t carry = 0;
    for (uint32_t i = 0; i < b->count; i++) {
        carry += (uint64_t)b->limbs[i] * factor;
        b->limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (!carry) return;
    WEIR_ASSERT(b->count < LIMBS_MAX);
    b->limbs[b->count++] = (uint32_t)carry;
}

/* value * 5^fives * 2^twos */
static struct big make(uint64_t value, int32_t fives, int32_t twos)
{
    struct big b = { .count = value >> 32 ? 2 : 1, .limbs = { (uint32_t)value, (uint32_t)(value >> 32) } };
    for (; fives >= 13; fives -= 13) multiply(&b, 1220703125u);
    for (; fives > 0; fives--) multiply(&b, 5);
    uint32_t words = (uint32_t)twos / 32;
    if (twos % 32) multiply(&b, 1u << twos % 32);
    WEIR_ASSERT(b.count + words <= LIMBS_MAX);
    memmove(b.limbs + words, b.limbs, b.count * sizeof b.limbs[0]);
    memset(b.limbs, 0, words * sizeof b.limbs[0]);
    b.count += words;
    return b;
}

static int compare(const struct big *a, const struct big *b)
{
    if (a->count != b->count) return a->count < b->count ? -1 : 1;
    for (uint32_t i = a->count; i > 0; i--) {
        if (a->limbs[i - 1] != b->limbs[i - 1]) return a->limbs[i - 1] < b->limbs[i - 1] ? -1 : 1;
    }
    return 0;
}

static struct big sum(const struct big *a, const struct big *b)
{
    const struct big *longer = a->count >= b->count ? a : b, *shorter = longer == a ? b : a;
    struct big result = *longer;
    uint64_t carry = 0;
    for (uint32_t i = 0; i < longer->count; i++) {
        carry += (uint64_t)longer->limbs[i] + (i < shorter->count ? shorter->limbs[i] : 0);
        result.limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (!carry) return result;
    WEIR_ASSERT(result.count < LIMBS_MAX);
    result.limbs[result.count++] = (uint32_t)carry;
    return result;
}

/* a -= b, where a >= b */
static void subtract(struct big *a, const struct big *b)
{
    int64_t borrow = 0;
    for (uint32_t i = 0; i < a->count; i++) {
        borrow += (int64_t)a->limbs[i] - (i < b->count ? b->limbs[i] : 0);
        a->limbs[i] = (uint32_t)borrow;
        borrow >>= 32;
    }
    while (a->count > 1 && a->limbs[a->count - 1] == 0) a->count--;
}

static uint8_t quotient(struct big *value, const struct big *divisor)
{
    uint8_t digit = 0;
    while (compare(value, divisor) >= 0) {
        subtract(value, divisor);
        digit++;
    }
    return digit;
}

/* floor(log10) or one more. */
static int32_t estimate_exponent(uint64_t fraction, int32_t exponent)
{
    uint64_t bits = UINT64_C(0x3ff) << FRACTION_BITS | (fraction & ((UINT64_C(1) << FRACTION_BITS) - 1));
    double scaled;
    memcpy(&scaled, &bits, sizeof scaled);
    double log10 = (scaled - 1.5) * 0.289529654 + 0.176091259 + (double)exponent * 0.301029995663981;
    int32_t whole = (int32_t)log10;
    return log10 < (double)whole ? whole - 1 : whole;
}

static void round_up(struct weir_digits *d)
{
    uint32_t i = d->count - 1;
    while (i > 0 && d->digits[i] == 9) d->digits[i--] = 0;
    if (d->digits[i] < 9) {
        d->digits[i]++;
        return;
    }
    d->digits[0] = 1;
    d->exponent++;
}

/* An integer: all its digits but those that the precision does not decide, less the zeros behind. */
static void develop_integer(uint64_t value, int32_t undecided_bits, struct weir_digits *d)
{
    int32_t undecided = undecided_bits > 1 ? undecided_bits * 30103 / 100000 : 0, exponent = 0;
    if (undecided) {
        uint64_t power = 1;
        for (int32_t i = 0; i < undecided; i++) power *= 10;
        uint64_t rest = value % power;
        value /= power;
        exponent = undecided;
        if (rest >= power / 2) value++;
    }
    for (; value % 10 == 0; value /= 10) exponent++;
    uint8_t reversed[20];
    d->count = 0;
    for (; value; value /= 10) reversed[d->count++] = (uint8_t)(value % 10);
    for (uint32_t i = 0; i < d->count; i++) d->digits[i] = reversed[d->count - 1 - i];
    d->exponent = exponent + (int32_t)d->count - 1;
}

/* The scaled fraction: value / unit is the first digit; margin is half the distance to the neighbours. */
struct scaled {
    uint64_t fraction;
    int32_t value_fives, value_twos, unit_fives, unit_twos, margin_fives, margin_twos;
};

static void develop_big(const struct scaled *s, struct weir_digits *d)
{
    struct big value = make(s->fraction, s->value_fives, s->value_twos);
    struct big unit = make(1, s->unit_fives, s->unit_twos), ten = unit;
    struct big margin = make(1, s->margin_fives, s->margin_twos);
    multiply(&ten, 10);
    uint8_t digit = quotient(&value, &unit);
    multiply(&value, 10);
    multiply(&margin, 10);
    struct big above = sum(&value, &margin);
    bool low = compare(&value, &margin) < 0, high = compare(&ten, &above) <= 0;
    if (digit == 0 && !high)
        d->exponent--;
    else
        d->digits[d->count++] = digit;
    if (d->exponent < -3 || d->exponent >= 8) low = high = false;
    while (!low && !high) {
        digit = quotient(&value, &unit);
        multiply(&value, 10);
        multiply(&margin, 10);
        above = sum(&value, &margin);
        low = compare(&value, &margin) < 0;
        high = compare(&ten, &above) <= 0;
        d->digits[d->count++] = digit;
    }
    if (!high) return;
    if (low) {
        multiply(&value, 2);
        int order = compare(&value, &ten);
        if (order < 0 || (order == 0 && !(d->digits[d->count - 1] & 1))) return;
    }
    round_up(d);
}

/* The same in 64 bits. Java's numbers wrap around and are compared with sign, and its answers depend on it.
 */
static void develop_small(const struct scaled *s, struct weir_digits *d)
{
    static const uint64_t fives[] = { 1u, 5u, 25u, 125u, 625u, 3125u, 15625u, 78125u, 390625u, 1953125u,
        9765625u, 48828125u, 244140625u, 1220703125u, 6103515625u, 30517578125u, 152587890625u, 762939453125u,
        3814697265625u, 19073486328125u, 95367431640625u, 476837158203125u, 2384185791015625u,
        11920928955078125u, 59604644775390625u, 298023223876953125u, 1490116119384765625u,
        7450580596923828125u };
    uint64_t unit = fives[s->unit_fives] << s->unit_twos, ten = unit * 10;
    uint64_t value = (s->fraction * fives[s->value_fives]) << s->value_twos;
    uint64_t margin = fives[s->margin_fives] << s->margin_twos;
    uint8_t digit = (uint8_t)(value / unit);
    value = value % unit * 10;
    margin *= 10;
    bool low = (int64_t)value<(int64_t)margin, high = (int64_t)(value + margin)>(int64_t) ten;
    if (digit == 0 && !high)
        d->exponent--;
    else
        d->digits[d->count++] = digit;
    if (d->exponent < -3 || d->exponent >= 8) low = high = false;
    while (!low && !high) {
        digit = (uint8_t)(value / unit);
        value = value % unit * 10;
        margin *= 10;
        low = high = true;
        if ((int64_t)margin > 0) {
            low = (int64_t)value < (int64_t)margin;
            high = (int64_t)(value + margin) > (int64_t)ten;
        }
        d->digits[d->count++] = digit;
    }
    if (!high) return;
    int64_t difference = (int64_t)((value << 1) - ten);
    if (low && (difference < 0 || (difference == 0 && !(d->digits[d->count - 1] & 1)))) return;
    round_up(d);
}

/* Bits of 5^n. */
static int32_t bits_of_fives(int32_t n)
{
    static const uint8_t bits[] = { 0, 3, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28, 31, 33, 35, 38, 40, 42,
        45, 47, 49, 52, 54, 56, 59, 61 };
    return n < (int32_t)sizeof bits ? bits[n] : n * 3;
}

void weir_digits_develop(uint64_t fraction, int32_t exponent, int32_t significant_bits, struct weir_digits *d)
{
    int32_t zeros = __builtin_ctzll(fraction), fraction_bits = FRACTION_BITS + 1 - zeros;
    int32_t tiny_bits = WEIR_MAX(0, fraction_bits - exponent - 1);
    d->count = 0;
    if (exponent <= SMALL_EXPONENT_MAX && exponent >= SMALL_EXPONENT_MIN && tiny_bits == 0) {
        int32_t undecided_bits = exponent > significant_bits ? exponent - significant_bits - 1 : 0;
        uint64_t value = exponent >= FRACTION_BITS ? fraction << (exponent - FRACTION_BITS)
                                                   : fraction >> (FRACTION_BITS - exponent);
        develop_integer(value, undecided_bits, d);
        return;
    }
    d->exponent = estimate_exponent(fraction, exponent);
    struct scaled s = { .fraction = fraction >> zeros };
    s.value_fives = s.margin_fives = WEIR_MAX(0, -d->exponent);
    s.value_twos = s.value_fives + tiny_bits + exponent;
    s.unit_fives = WEIR_MAX(0, d->exponent);
    s.unit_twos = s.unit_fives + tiny_bits;
    s.margin_twos = s.value_twos - significant_bits;
    s.value_twos -= fraction_bits - 1;
    int32_t common = WEIR_MIN(s.value_twos, s.unit_twos);
    s.value_twos -= common;
    s.unit_twos -= common;
    s.margin_twos -= common;
    if (fraction_bits == 1) s.margin_twos--;
    if (s.margin_twos < 0) {
        s.value_twos -= s.margin_twos;
        s.unit_twos -= s.margin_twos;
        s.margin_twos = 0;
    }
    int32_t value_bits = fraction_bits + s.value_twos + bits_of_fives(s.value_fives);
    int32_t ten_bits = s.unit_twos + 1 + bits_of_fives(s.unit_fives + 1);
    if (value_bits < 64 && ten_bits < 64)
        develop_small(&s, d);
    else
        develop_big(&s, d);
}
