/* Decimals to and from text and floating point. */
#include "base/assert.h"
#include "data/decimal.h"
#include "data/number.h"
#include "data/number_internal.h"
#include <string.h>

size_t weir_decimal_print(weir_int128 value, uint32_t scale, char *to)
{
    char text[WEIR_NUMBER_TEXT_BYTES_MAX];
    char *at = to;
    weir_int128 magnitude = value;
    if (value < 0) {
        *at++ = '-';
        magnitude = -value;
    }
    size_t count = weir_i128_print(magnitude, text);
    if (count > scale) {
        memcpy(at, text, count - scale);
        at += count - scale;
    } else {
        *at++ = '0';
    }
    if (!scale) return (size_t)(at - to);
    *at++ = '.';
    size_t kept = WEIR_MIN(count, (size_t)scale);
    memset(at, '0', scale - kept);
    at += scale - kept;
    memcpy(at, text + count - kept, kept);
    return (size_t)(at + kept - to);
}

/* Significant digits, without zeros in front: value = digits[0..count-1] * 10^exponent, the first 40 kept. */
enum { DIGITS_KEPT = 40, EXPONENT_LIMIT = 100000 };
struct scanned {
    uint8_t digits[DIGITS_KEPT];
    uint32_t count;   /* kept */
    int64_t exponent; /* of the last kept digit */
    bool sticky;      /* a digit other than 0 was not kept */
    bool negative;
    int64_t
        point_digits; /* digits behind the point less the written exponent: the scale of the text itself */
};

static bool scan_exponent(const char *at, const char *end, int64_t *exponent)
{
    bool negative = false;
    if (at < end && (*at == '-' || *at == '+')) negative = *at++ == '-';
    if (at == end) return false;
    for (; at < end; at++) {
        if (*at < '0' || *at > '9') return false;
        if (*exponent < EXPONENT_LIMIT) *exponent = *exponent * 10 + (*at - '0');
    }
    if (negative) *exponent = -*exponent;
    return true;
}

static bool scan(const char *text, size_t length, struct scanned *s)
{
    struct weir_slice trimmed = weir_slice_trim(text, length);
    const char *at = trimmed.data, *end = trimmed.data + trimmed.length;
    bool point = false, any = false;
    int64_t exponent = 0;
    *s = (struct scanned){ 0 };
    if (at < end && (*at == '-' || *at == '+')) s->negative = *at++ == '-';
    for (; at < end; at++) {
        if (*at == '.') {
            if (point) return false;
            point = true;
            continue;
        }
        if (*at < '0' || *at > '9') break;
        any = true;
        s->point_digits += point;
        if (*at == '0' && !s->count) {
            s->exponent -= point;
        } else if (s->count < DIGITS_KEPT) {
            s->digits[s->count++] = (uint8_t)(*at - '0');
            s->exponent -= point;
        } else {
            s->sticky |= *at != '0';
            s->exponent += !point;
        }
    }
    if (!any) return false;
    if (at < end) {
        if (*at != 'e' && *at != 'E') return false;
        if (!scan_exponent(at + 1, end, &exponent)) return false;
    }
    s->exponent += exponent;
    s->point_digits -= exponent;
    return true;
}

/* Sign, digits and a point alone, at most 18 digits in all: in one word. False where that does not do. */
static bool parse_short(
    const char *text, size_t length, uint32_t precision, uint32_t scale, weir_int128 *value)
{
    if (length == 0 || length > 19 || precision > 18) return false;
    size_t at = text[0] == '-' || text[0] == '+';
    struct weir_plain_number number;
    if (!weir_plain_number_scan(text + at, length - at, &number) || number.count > 18) return false;
    uint32_t behind = number.behind;
    int64_t sum = (int64_t)number.digits;
    if (behind <= scale) {
        if (number.count + scale - behind > 18) return false;
        sum *= weir_decimal_power_64[scale - behind];
    } else {
        int64_t unit = weir_decimal_power_64[behind - scale];
        sum = sum / unit + (sum % unit >= unit - sum % unit);
    }
    if (sum >= weir_decimal_power_64[precision]) return false;
    *value = text[0] == '-' ? -sum : sum;
    return true;
}

enum weir_decimal_parsed weir_decimal_parse(
    const char *text, size_t length, uint32_t precision, uint32_t scale, weir_int128 *value)
{
    if (parse_short(text, length, precision, scale, value)) return WEIR_DECIMAL_PARSED;
    struct scanned s;
    if (!scan(text, length, &s)) return WEIR_DECIMAL_MALFORMED;
    int64_t keep = (int64_t)s.count + s.exponent + scale; /* digits that count at scale */
    if (!s.count || keep < 0) {
        *value = 0;
        return WEIR_DECIMAL_PARSED;
    }
    if (keep > (int64_t)precision) return WEIR_DECIMAL_OVERFLOW; /* the first digit is not 0 */
    weir_uint128 sum = 0;
    for (int64_t i = 0; i < keep; i++) sum = sum * 10 + (i < s.count ? s.digits[i] : 0);
    if (keep < s.count && s.digits[keep] >= 5) sum++;
    if (sum >= (weir_uint128)weir_decimal_power(precision)) return WEIR_DECIMAL_OVERFLOW;
    *value = s.negative ? -(weir_int128)sum : (weir_int128)sum;
    return WEIR_DECIMAL_PARSED;
}

enum weir_decimal_parsed weir_decimal_parse_literal(
    const char *text, size_t length, weir_int128 *value, uint32_t *precision, uint32_t *scale)
{
    struct scanned s;
    if (!scan(text, length, &s)) return WEIR_DECIMAL_MALFORMED;
    int64_t behind = WEIR_MAX(s.point_digits, (int64_t)0);
    if (behind > WEIR_DECIMAL_DIGITS_MAX || s.sticky) return WEIR_DECIMAL_OVERFLOW;
    enum weir_decimal_parsed parsed =
        weir_decimal_parse(text, length, WEIR_DECIMAL_DIGITS_MAX, (uint32_t)behind, value);
    if (parsed != WEIR_DECIMAL_PARSED) return parsed;
    *scale = (uint32_t)behind;
    *precision = WEIR_MAX(weir_decimal_digits(*value), (uint32_t)behind);
    if (*precision == 0) *precision = 1;
    return WEIR_DECIMAL_PARSED;
}

double weir_decimal_double(weir_int128 value, uint32_t scale)
{
    weir_uint128 magnitude = value < 0 ? -(weir_uint128)value : (weir_uint128)value;
    double result;
    if (magnitude < UINT64_MAX) {
        result = weir_double_from_decimal((uint64_t)magnitude, -(int64_t)scale);
    } else {
        char text[WEIR_DECIMAL_TEXT_BYTES_MAX];
        size_t length = weir_decimal_print((weir_int128)magnitude, scale, text);
        enum weir_number_parsed parsed = weir_double_parse(text, length, &result);
        WEIR_ASSERT(parsed == WEIR_NUMBER_PARSED);
    }
    return value < 0 ? -result : result;
}

bool weir_decimal_from_double(double value, uint32_t precision, uint32_t scale, weir_int128 *result)
{
    char text[WEIR_NUMBER_TEXT_BYTES_MAX];
    if (value != value || __builtin_isinf(value)) return false;
    size_t length = weir_double_print(value, text);
    return weir_decimal_parse(text, length, precision, scale, result) == WEIR_DECIMAL_PARSED;
}
