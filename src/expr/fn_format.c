/*
 * PRINTF(format, values ...) as Java's String.format with the root locale:
 * %[argument$][flags][width][.precision]conversion with the conversions s S d x X o c C b B f e E g h H n %.
 * A format that does not fit its arguments makes NULL, as in Flink.
 */
#include "data/decimal.h"
#include "data/number.h"
#include "data/time.h"
#include "data/value.h"
#include "expr/moment.h"

struct format_spec {
    uint32_t argument; /* 0-based */
    bool left, plus, space, zero, comma, parenthesis, alternate;
    int32_t width, precision; /* -1: none */
    char conversion;
};

enum { FORMAT_WIDTH_MAX = 100000, FORMAT_DIGITS_MAX = 400, FORMAT_PRECISION_MAX = 300 };

static bool take_count(const char **at, const char *end, int32_t *ret)
{
    int32_t value = 0;
    const char *from = *at;
    while (*at < end && **at >= '0' && **at <= '9' && value <= FORMAT_WIDTH_MAX)
        value = value * 10 + (*(*at)++ - '0');
    *ret = value;
    return *at > from && value <= FORMAT_WIDTH_MAX;
}

static void take_flags(const char **at, const char *end, struct format_spec *spec)
{
    for (; *at < end; ++*at) {
        switch (**at) {
        case '-': spec->left = true; break;
        case '+': spec->plus = true; break;
        case ' ': spec->space = true; break;
        case '0': spec->zero = true; break;
        case ',': spec->comma = true; break;
        case '(': spec->parenthesis = true; break;
        case '#': spec->alternate = true; break;
        default: return;
        }
    }
}

/* From behind the %. */
static bool take_spec(
    const char **at, const char *end, uint32_t *next, uint32_t last, struct format_spec *spec)
{
    *spec = (struct format_spec){ .width = -1, .precision = -1 };
    const char *from = *at;
    int32_t number;
    bool named = take_count(at, end, &number) && *at < end && **at == '$';
    if (named)
        ++*at;
    else
        *at = from;
    bool again = !named && *at < end && **at == '<';
    if (again) ++*at;
    take_flags(at, end, spec);
    if (*at < end && **at >= '1' && **at <= '9' && !take_count(at, end, &spec->width)) return false;
    if (*at < end && **at == '.') {
        ++*at;
        if (!take_count(at, end, &spec->precision)) return false;
    }
    if (*at == end) return false;
    spec->conversion = *(*at)++;
    if (spec->conversion == '%' || spec->conversion == 'n') return true;
    if (named && number < 1) return false;
    if (again && last == UINT32_MAX) return false;
    spec->argument = named ? (uint32_t)number - 1 : again ? last : (*next)++;
    return true;
}

static void put_padded(
    struct weir_text_builder *to, const struct format_spec *spec, const char *text, size_t length)
{
    size_t points = weir_text_length(text, length);
    size_t padding = spec->width > 0 && (size_t)spec->width > points ? (size_t)spec->width - points : 0;
    for (size_t k = 0; k < padding && !spec->left; k++) weir_text_builder_byte(to, ' ');
    weir_text_builder_add(to, text, length);
    for (size_t k = 0; k < padding && spec->left; k++) weir_text_builder_byte(to, ' ');
}

/* digits (an integral part, maybe a fraction) with sign, grouping and zero padding. */
static void put_number(struct weir_text_builder *to, const struct format_spec *spec, bool negative,
    const char *digits, size_t length)
{
    char text[FORMAT_DIGITS_MAX * 2];
    size_t integral = 0, used = 0;
    while (integral < length && digits[integral] >= '0' && digits[integral] <= '9') integral++;
    const char *sign = negative ? (spec->parenthesis ? "(" : "-") : spec->plus ? "+" : spec->space ? " " : "";
    size_t sign_length = strlen(sign);
    size_t grouped = length + (spec->comma && integral ? (integral - 1) / 3 : 0);
    size_t whole = sign_length + grouped + (negative && spec->parenthesis);
    text[0] = '\0';
    if (sign_length) text[used++] = sign[0];
    struct weir_text_builder number = { .arena = to->arena };
    weir_text_builder_add(&number, text, used);
    if (spec->zero && spec->width > 0) {
        for (size_t k = whole; k < (size_t)spec->width; k++) weir_text_builder_byte(&number, '0');
    }
    for (size_t k = 0; k < length; k++) {
        if (spec->comma && k && k < integral && (integral - k) % 3 == 0) weir_text_builder_byte(&number, ',');
        weir_text_builder_byte(&number, digits[k]);
    }
    if (negative && spec->parenthesis) weir_text_builder_byte(&number, ')');
    put_padded(to, spec, number.data, number.length);
}

static bool integer_argument(const struct weir_vector *v, uint32_t row, int64_t *ret, uint32_t *bits)
{
    switch (v->type->id) {
    case WEIR_TYPE_TINYINT: *ret = WEIR_ARGUMENT(int8_t, v, row), *bits = 8; return true;
    case WEIR_TYPE_SMALLINT: *ret = WEIR_ARGUMENT(int16_t, v, row), *bits = 16; return true;
    case WEIR_TYPE_INT:
    case WEIR_TYPE_DATE:
    case WEIR_TYPE_TIME:
    case WEIR_TYPE_INTERVAL_YEAR_MONTH: *ret = WEIR_ARGUMENT(int32_t, v, row), *bits = 32; return true;
    case WEIR_TYPE_BIGINT:
    case WEIR_TYPE_INTERVAL_DAY_TIME: *ret = WEIR_ARGUMENT(int64_t, v, row), *bits = 64; return true;
    default: return false;
    }
}

static bool put_integer(
    struct weir_text_builder *to, const struct format_spec *spec, const struct weir_vector *v, uint32_t row)
{
    static const char digits[] = "0123456789abcdef";
    int64_t value;
    uint32_t bits;
    char text[WEIR_NUMBER_TEXT_BYTES_MAX + 32];
    if (spec->precision >= 0 || !integer_argument(v, row, &value, &bits)) return false;
    if (spec->conversion == 'd') {
        uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
        put_number(to, spec, value < 0, text, weir_u64_print(magnitude, text));
        return true;
    }
    bool octal = spec->conversion == 'o', upper = spec->conversion == 'X';
    uint64_t rest = (uint64_t)value & (bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1);
    size_t at = sizeof text;
    do {
        char c = digits[octal ? rest & 7 : rest & 15];
        text[--at] = upper && c >= 'a' ? (char)(c - 32) : c;
        rest >>= octal ? 3 : 4;
    } while (rest);
    struct format_spec plain = *spec;
    plain.comma = plain.plus = plain.space = plain.parenthesis = false;
    if (spec->alternate) {
        text[--at] = octal ? '0' : upper ? 'X' : 'x';
        if (!octal) text[--at] = '0';
    }
    put_number(to, &plain, false, text + at, sizeof text - at);
    return true;
}

static bool double_argument(const struct weir_vector *v, uint32_t row, double *ret)
{
    if (v->type->id == WEIR_TYPE_FLOAT)
        *ret = (double)WEIR_ARGUMENT(float, v, row);
    else if (v->type->id == WEIR_TYPE_DOUBLE)
        *ret = WEIR_ARGUMENT(double, v, row);
    else
        return false;
    return true;
}

static bool put_decimal(
    struct weir_text_builder *to, const struct format_spec *spec, const struct weir_vector *v, uint32_t row)
{
    if (v->type->id != WEIR_TYPE_DECIMAL || spec->conversion != 'f') return false;
    weir_int128 value = weir_type_is_wide_decimal(v->type) ? WEIR_ARGUMENT(weir_int128, v, row)
                                                           : WEIR_ARGUMENT(int64_t, v, row);
    uint32_t scale = v->type->scale, precision = spec->precision < 0 ? 6 : (uint32_t)spec->precision;
    bool negative = value < 0;
    if (negative) value = -value;
    char text[WEIR_DECIMAL_TEXT_BYTES_MAX + FORMAT_DIGITS_MAX];
    if (precision > FORMAT_PRECISION_MAX) return false;
    if (precision < scale && !weir_decimal_rescale(value, scale, WEIR_DECIMAL_DIGITS_MAX, precision, &value))
        return false;
    uint32_t shown = WEIR_MIN(scale, precision);
    size_t length = weir_decimal_print(value, shown, text);
    if (precision > shown && shown == 0) text[length++] = '.';
    for (uint32_t k = shown; k < precision; k++) text[length++] = '0';
    put_number(to, spec, negative, text, length);
    return true;
}

/* --- floating point: rounded half up on the shortest decimal digits, as Java does --- */
struct decimal_digits {
    char text[24]; /* '0'..'9' */
    int32_t count;
    int32_t point; /* value = 0.text * 10^point */
};

static void digits_of_double(double value, struct decimal_digits *d)
{
    *d = (struct decimal_digits){ .count = 0 };
    if (value == 0) return;
    uint64_t digits;
    int32_t exponent;
    weir_double_shortest(value, &digits, &exponent);
    d->count = (int32_t)weir_u64_print(digits, d->text);
    d->point = d->count + exponent;
}

/* Keeps so many digits behind the leading "0.": 0 and less may leave nothing, or a one that was carried. */
static void digits_round(struct decimal_digits *d, int64_t keep)
{
    if (keep >= d->count) return;
    bool up = keep >= 0 && d->text[keep] >= '5';
    d->count = keep > 0 ? (int32_t)keep : 0;
    int32_t at = d->count;
    while (up && at > 0) {
        up = d->text[--at] == '9';
        d->text[at] = up ? '0' : (char)(d->text[at] + 1);
    }
    if (!up) return;
    d->text[0] = '1'; /* all were nines: 0.99 is now 0.10 of ten times as much */
    d->count = 1;
    d->point++;
}

static size_t print_fixed(struct decimal_digits *d, int32_t precision, char *to)
{
    size_t length = 0;
    digits_round(d, (int64_t)d->point + precision);
    for (int32_t k = 0; k < WEIR_MAX(d->point, 1); k++)
        to[length++] = d->point > 0 && k < d->count ? d->text[k] : '0';
    if (precision) to[length++] = '.';
    for (int32_t k = 0; k < precision; k++) {
        int32_t at = d->point + k;
        to[length++] = at >= 0 && at < d->count ? d->text[at] : '0';
    }
    return length;
}

static size_t print_scientific(struct decimal_digits *d, int32_t precision, bool upper, char *to)
{
    size_t length = 0;
    bool zero = d->count == 0;
    digits_round(d, (int64_t)precision + 1);
    for (int32_t k = 0; k <= precision; k++) {
        if (k == 1) to[length++] = '.';
        to[length++] = k < d->count ? d->text[k] : '0';
    }
    int32_t exponent = zero ? 0 : d->point - 1, absolute = exponent < 0 ? -exponent : exponent;
    to[length++] = upper ? 'E' : 'e';
    to[length++] = exponent < 0 ? '-' : '+';
    if (absolute < 10) to[length++] = '0';
    return length + weir_i64_print(absolute, to + length);
}

/* %g: fixed from 10^-4 up to 10^precision, else scientific; precision counts all digits. */
static size_t print_general(struct decimal_digits *d, int32_t precision, bool upper, char *to)
{
    if (precision == 0) precision = 1;
    if (d->count == 0) return print_fixed(d, precision - 1, to);
    digits_round(d, precision);
    if (d->point > -4 && d->point <= precision) return print_fixed(d, precision - d->point, to);
    return print_scientific(d, precision - 1, upper, to);
}

static bool put_double(
    struct weir_text_builder *to, const struct format_spec *spec, const struct weir_vector *v, uint32_t row)
{
    double value;
    if (!double_argument(v, row, &value)) return put_decimal(to, spec, v, row);
    bool negative = __builtin_signbit(value) != 0;
    if (__builtin_isnan(value) || __builtin_isinf(value)) {
        const char *text = __builtin_isnan(value) ? "NaN"
                           : negative             ? "-Infinity"
                           : spec->plus           ? "+Infinity"
                                                  : "Infinity";
        put_padded(to, spec, text, strlen(text));
        return true;
    }
    int32_t precision = spec->precision < 0 ? 6 : spec->precision;
    if (precision > FORMAT_PRECISION_MAX) return false;
    char text[FORMAT_DIGITS_MAX * 2];
    struct decimal_digits digits;
    digits_of_double(negative ? -value : value, &digits);
    size_t length;
    switch (spec->conversion) {
    case 'f': length = print_fixed(&digits, precision, text); break;
    case 'e': length = print_scientific(&digits, precision, false, text); break;
    case 'E': length = print_scientific(&digits, precision, true, text); break;
    default: length = print_general(&digits, precision, spec->conversion == 'G', text); break;
    }
    put_number(to, spec, negative, text, length);
    return true;
}

/* What Java's toString() of the value is. */
static bool value_text(
    struct weir_text_builder *to, const struct weir_vector *v, uint32_t row, struct weir_buffer *buffer)
{
    if (v->type->id == WEIR_TYPE_NULL || weir_argument_is_null(v, row)) {
        weir_text_builder_add(to, "null", 4);
        return true;
    }
    int64_t value;
    uint32_t bits;
    char text[WEIR_NUMBER_TEXT_BYTES_MAX];
    if (weir_type_is_view(v->type)) {
        struct weir_slice s = weir_text_slice(v, row);
        weir_text_builder_add(to, s.data, s.length);
    } else if (integer_argument(v, row, &value, &bits)) {
        weir_text_builder_add(to, text, weir_i64_print(value, text));
    } else if (weir_type_is_timestamp(v->type)) {
        /* Both kinds as the wall clock of UTC: what Flink's internal form prints. */
        struct weir_moment m = weir_moment_argument(v, row);
        struct weir_civil civil = weir_civil_from_us(m.us);
        civil.nanosecond += m.nanoseconds;
        char time[WEIR_TIME_TEXT_BYTES_MAX];
        weir_text_builder_add(to, time, weir_timestamp_print_java(&civil, false, time));
    } else {
        weir_buffer_clear(buffer);
        weir_value_print(v, weir_argument_row(v, row), WEIR_TEXT_PRINT, NULL, buffer);
        weir_text_builder_add(to, buffer->data, buffer->length);
        return !buffer->overflowed;
    }
    return true;
}

static void make_upper(char *text, size_t length)
{
    for (size_t k = 0; k < length; k++) {
        if (text[k] >= 'a' && text[k] <= 'z') text[k] = (char)(text[k] - 32);
    }
}

static bool put_text(struct weir_text_builder *to, const struct format_spec *spec,
    const struct weir_vector *v, uint32_t row, struct weir_buffer *buffer)
{
    struct weir_text_builder text = { .arena = to->arena };
    bool null = weir_argument_is_null(v, row), boolean = spec->conversion == 'b' || spec->conversion == 'B';
    if (boolean) {
        bool value = !null && (v->type->id != WEIR_TYPE_BOOLEAN || WEIR_ARGUMENT(uint8_t, v, row));
        weir_text_builder_add(&text, value ? "true" : "false", value ? 4 : 5);
    } else if (!value_text(&text, v, row, buffer)) {
        return false;
    }
    size_t length = text.length;
    if (spec->precision >= 0) length = weir_text_offset(text.data, length, (size_t)spec->precision);
    if (spec->conversion == 'S' || spec->conversion == 'B') make_upper(text.data, length);
    put_padded(to, spec, text.data, length);
    return true;
}

static bool put_character(
    struct weir_text_builder *to, const struct format_spec *spec, const struct weir_vector *v, uint32_t row)
{
    int64_t value;
    uint32_t bits;
    char text[4];
    if (!integer_argument(v, row, &value, &bits) || value < 0 || value > 0x10FFFF || spec->precision >= 0)
        return false;
    uint32_t length = weir_text_encode((uint32_t)value, text);
    if (spec->conversion == 'C') make_upper(text, length);
    put_padded(to, spec, text, length);
    return true;
}

static bool put_one(struct weir_text_builder *to, const struct format_spec *spec, const struct weir_vector *v,
    uint32_t row, struct weir_buffer *buffer)
{
    bool null = weir_argument_is_null(v, row);
    if (spec->conversion != 'b' && spec->conversion != 'B' && null) {
        if (!strchr("sSdxXocCfeEg", spec->conversion)) return false;
        put_padded(to, spec, spec->conversion == 'S' || spec->conversion == 'X' ? "NULL" : "null", 4);
        return true;
    }
    switch (spec->conversion) {
    case 's':
    case 'S':
    case 'b':
    case 'B': return put_text(to, spec, v, row, buffer);
    case 'd':
    case 'x':
    case 'X':
    case 'o': return put_integer(to, spec, v, row);
    case 'c':
    case 'C': return put_character(to, spec, v, row);
    case 'f':
    case 'e':
    case 'E':
    case 'g':
    case 'G': return put_double(to, spec, v, row);
    default: return false;
    }
}

static bool format_row(struct weir_call *call, const struct weir_vector *const *arguments, uint32_t row,
    struct weir_text_builder *to, struct weir_buffer *buffer)
{
    struct weir_slice format = weir_text_slice(arguments[0], row);
    const char *at = format.data, *end = at + format.length;
    uint32_t next = 0, last = UINT32_MAX, given = call->argument_count - 1;
    while (at < end) {
        if (*at != '%') {
            weir_text_builder_byte(to, *at++);
            continue;
        }
        struct format_spec spec;
        at++;
        if (!take_spec(&at, end, &next, last, &spec)) return false;
        if (spec.conversion == '%' || spec.conversion == 'n') {
            put_padded(to, &spec, spec.conversion == 'n' ? "\n" : "%", 1);
            continue;
        }
        if (spec.argument >= given) return false;
        last = spec.argument;
        if ((spec.left || spec.zero) && spec.width < 0) return false;
        if (!put_one(to, &spec, arguments[spec.argument + 1], row, buffer)) return false;
    }
    return true;
}

enum { FORMAT_TEXT_BYTES_MAX = 64 << 20 };

static enum weir_error_code printf_rows(WEIR_KERNEL_PARAMETERS)
{
    struct weir_text_writer writer;
    weir_text_writer_init(&writer, call);
    struct weir_text_builder builder = { .arena = call->scratch };
    struct weir_buffer buffer;
    weir_buffer_init(&buffer, call->scratch->memory, FORMAT_TEXT_BYTES_MAX);
    WEIR_FOR_ROWS(i, rows, count)
    {
        builder.length = 0;
        if (weir_argument_is_null(arguments[0], i) || !format_row(call, arguments, i, &builder, &buffer)) {
            weir_call_set_null(call, out, i);
        } else {
            WEIR_RESULT(struct weir_string, out, i) = weir_text_copy(&writer, builder.data, builder.length);
        }
    }
    weir_buffer_done(&buffer);
    return WEIR_OK;
}

bool weir_infer_printf(WEIR_INFER_PARAMETERS)
{
    (void)function, (void)literals;
    if (weir_text_match(
            arena, given, count, "sA", &weir_type_string, WEIR_TEXT_NULL_ALWAYS, printf_rows, ret))
        return true;
    return weir_text_mismatch(reterr, "PRINTF(format <CHARACTER_STRING>, obj <ANY>...)");
}
