/* Strings and bytes: Base64, character sets, checking and mending UTF-8. */
#include "expr/text.h"

/* --- TO_BASE64, FROM_BASE64 (RFC 4648 with padding; no line ends) --- */
static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static enum weir_error_code to_base64(WEIR_KERNEL_PARAMETERS)
{
    struct weir_text_writer writer;
    weir_text_writer_init(&writer, call);
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_slice s = weir_text_slice(arguments[0], i);
        size_t length = (s.length + 2) / 3 * 4;
        if (!weir_text_fits(call, "TO_BASE64", length)) return call->error->code;
        char *to = weir_text_reserve(&writer, length), *at = to;
        for (size_t k = 0; k < s.length; k += 3) {
            size_t rest = s.length - k;
            uint32_t bits = (uint32_t)(uint8_t)s.data[k] << 16;
            if (rest > 1) bits |= (uint32_t)(uint8_t)s.data[k + 1] << 8;
            if (rest > 2) bits |= (uint8_t)s.data[k + 2];
            *at++ = base64_digits[bits >> 18];
            *at++ = base64_digits[bits >> 12 & 63];
            *at++ = rest > 1 ? base64_digits[bits >> 6 & 63] : '=';
            *at++ = rest > 2 ? base64_digits[bits & 63] : '=';
        }
        WEIR_RESULT(struct weir_string, out, i) = weir_text_finish(&writer, to, length);
    }
    return WEIR_OK;
}

bool weir_infer_to_base64(WEIR_INFER_PARAMETERS)
{
    (void)function, (void)literals, (void)reterr;
    return weir_text_match(
        arena, given, count, "B", &weir_type_string, WEIR_TEXT_NULL_AS_ARGUMENTS, to_base64, ret);
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* false: no Base64. Padding may be left out, but is complete if it is there. */
static bool base64_decode(struct weir_slice s, char *to, size_t *ret_length)
{
    size_t digits = s.length;
    while (digits && s.length - digits < 2 && s.data[digits - 1] == '=') digits--;
    size_t padding = s.length - digits;
    if (digits % 4 == 1 || (padding && s.length % 4 != 0)) return false;
    uint32_t bits = 0;
    size_t length = 0;
    for (size_t k = 0; k < digits; k++) {
        int value = base64_value(s.data[k]);
        if (value < 0) return false;
        bits = bits << 6 | (uint32_t)value;
        if (k % 4 == 1)
            to[length++] = (char)(bits >> 4);
        else if (k % 4 == 2)
            to[length++] = (char)(bits >> 2);
        else if (k % 4 == 3)
            to[length++] = (char)bits;
    }
    *ret_length = length;
    return true;
}

static enum weir_error_code from_base64(WEIR_KERNEL_PARAMETERS)
{
    struct weir_text_writer writer;
    weir_text_writer_init(&writer, call);
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_slice s = weir_text_slice(arguments[0], i);
        char *to = weir_text_reserve(&writer, s.length / 4 * 3 + 3);
        size_t length;
        if (!base64_decode(s, to, &length)) {
            return weir_error_set(call->error, WEIR_E_DATA, "FROM_BASE64: '%.*s' is not Base64",
                (int)WEIR_MIN(s.length, (size_t)200), s.data);
        }
        WEIR_RESULT(struct weir_string, out, i) = weir_text_finish(&writer, to, length);
    }
    return WEIR_OK;
}

bool weir_infer_from_base64(WEIR_INFER_PARAMETERS)
{
    (void)function, (void)literals, (void)reterr;
    return weir_text_match(
        arena, given, count, "B", &weir_type_string, WEIR_TEXT_NULL_AS_ARGUMENTS, from_base64, ret);
}

/* --- ENCODE(text, character set), DECODE(bytes, character set) --- */
enum charset {
    CHARSET_ASCII,
    CHARSET_LATIN_1,
    CHARSET_UTF_8,
    CHARSET_UTF_16,
    CHARSET_UTF_16BE,
    CHARSET_UTF_16LE,
    CHARSET_NONE
};

static enum charset charset_of(struct weir_slice name)
{
    static const struct {
        const char *name;
        enum charset charset;
    } known[] = { { "US-ASCII", CHARSET_ASCII }, { "ASCII", CHARSET_ASCII },
        { "ISO-8859-1", CHARSET_LATIN_1 }, { "LATIN1", CHARSET_LATIN_1 }, { "UTF-8", CHARSET_UTF_8 },
        { "UTF8", CHARSET_UTF_8 }, { "UTF-16", CHARSET_UTF_16 }, { "UTF_16", CHARSET_UTF_16 },
        { "UTF-16BE", CHARSET_UTF_16BE }, { "UTF-16LE", CHARSET_UTF_16LE } };
    for (size_t k = 0; k < WEIR_ARRAY_COUNT(known); k++) {
        size_t length = strlen(known[k].name), c = 0;
        if (length != name.length) continue;
        while (c < length &&
               (name.data[c] & ~(name.data[c] >= 'a' && name.data[c] <= 'z' ? 32 : 0)) == known[k].name[c])
            c++;
        if (c == length) return known[k].charset;
    }
    return CHARSET_NONE;
}

static enum weir_error_code no_charset(struct weir_call *call, struct weir_slice name)
{
    return weir_error_set(call->error, WEIR_E_ARGUMENT,
        "Unsupported character set '%.*s'; known are US-ASCII, ISO-8859-1, UTF-8, UTF-16, UTF-16BE, UTF-16LE",
        (int)WEIR_MIN(name.length, (size_t)100), name.data);
}

static void put_unit(struct weir_text_builder *to, uint32_t unit, bool little)
{
    weir_text_builder_byte(to, (char)(little ? unit : unit >> 8));
    weir_text_builder_byte(to, (char)(little ? unit >> 8 : unit));
}

static void encode_text(struct weir_text_builder *to, struct weir_slice s, enum charset charset)
{
    if (charset == CHARSET_UTF_16 && s.length) put_unit(to, 0xFEFF, false);
    for (size_t at = 0; at < s.length;) {
        uint32_t point;
        at += weir_text_decode(s.data + at, s.length - at, &point);
        if (charset == CHARSET_ASCII || charset == CHARSET_LATIN_1) {
            weir_text_builder_byte(
                to, point < (charset == CHARSET_ASCII ? 0x80u : 0x100u) ? (char)point : '?');
            continue;
        }
        bool little = charset == CHARSET_UTF_16LE;
        if (point >= 0x10000) {
            put_unit(to, 0xD800 + ((point - 0x10000) >> 10), little);
            put_unit(to, 0xDC00 + ((point - 0x10000) & 0x3FF), little);
        } else {
            put_unit(to, point, little);
        }
    }
}

static enum weir_error_code encode(WEIR_KERNEL_PARAMETERS)
{
    struct weir_text_writer writer;
    weir_text_writer_init(&writer, call);
    struct weir_text_builder builder = { .arena = call->scratch };
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_slice name = weir_text_slice(arguments[1], i);
        enum charset charset = charset_of(name);
        if (charset == CHARSET_NONE) return no_charset(call, name);
        if (charset == CHARSET_UTF_8) {
            WEIR_RESULT(struct weir_string, out, i) =
                weir_text_pass(&writer, weir_text_argument(arguments[0], i));
            continue;
        }
        builder.length = 0;
        encode_text(&builder, weir_text_slice(arguments[0], i), charset);
        WEIR_RESULT(struct weir_string, out, i) = weir_text_copy(&writer, builder.data, builder.length);
    }
    return WEIR_OK;
}

bool weir_infer_encode(WEIR_INFER_PARAMETERS)
{
    (void)function, (void)literals, (void)reterr;
    return weir_text_match(
        arena, given, count, "S", &weir_type_bytes, WEIR_TEXT_NULL_AS_ARGUMENTS, encode, ret);
}

static void put_utf8(struct weir_text_builder *to, uint32_t point)
{
    char bytes[4];
    weir_text_builder_add(to, bytes, weir_text_encode(point, bytes));
}

static void decode_utf16(struct weir_text_builder *to, struct weir_slice s, enum charset charset)
{
    bool little = charset == CHARSET_UTF_16LE;
    size_t at = 0;
    if (charset == CHARSET_UTF_16 && s.length >= 2) {
        uint8_t a = (uint8_t)s.data[0], b = (uint8_t)s.data[1];
        little = a == 0xFF && b == 0xFE;
        if (little || (a == 0xFE && b == 0xFF)) at = 2;
    }
    while (at < s.length) {
        if (s.length - at < 2) {
            put_utf8(to, 0xFFFD);
            break;
        }
        uint32_t unit = (uint32_t)(uint8_t)s.data[at + !little] | (uint32_t)(uint8_t)s.data[at + little] << 8;
        at += 2;
        if (unit >= 0xD800 && unit < 0xDC00 && s.length - at >= 2) {
            uint32_t low = (uint32_t)(uint8_t)s.data[at + !little] | (uint32_t)(uint8_t)s.data[at + little]
                                                                         << 8;
            if (low >= 0xDC00 && low < 0xE000) {
                unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
                at += 2;
            }
        }
        put_utf8(to, unit >= 0xD800 && unit < 0xE000 ? 0xFFFD : unit);
    }
}

/* Bytes of the longest start of a valid sequence at s: what one replacement character stands for. */
static size_t invalid_length(const char *s, size_t length)
{
    uint8_t first = (uint8_t)s[0];
    if (first < 0xC2 || first > 0xF4) return 1;
    size_t wanted = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if (length < 2) return 1;
    uint8_t low = first == 0xE0   ? 0xA0
                  : first == 0xF0 ? 0x90
                                  : 0x80,
            high = first == 0xED   ? 0x9F
                   : first == 0xF4 ? 0x8F
                                   : 0xBF;
    if ((uint8_t)s[1] < low || (uint8_t)s[1] > high) return 1;
    size_t bytes = 2;
    while (bytes < wanted && bytes < length && weir_utf8_is_continuation(s[bytes])) bytes++;
    return bytes;
}

static void mend_utf8(struct weir_text_builder *to, struct weir_slice s)
{
    size_t at = 0, from = 0;
    while (at < s.length) {
        uint32_t bytes = weir_utf8_sequence(s.data + at, s.length - at);
        if (bytes) {
            at += bytes;
            continue;
        }
        weir_text_builder_add(to, s.data + from, at - from);
        put_utf8(to, 0xFFFD);
        at += invalid_length(s.data + at, s.length - at);
        from = at;
    }
    weir_text_builder_add(to, s.data + from, s.length - from);
}

static bool is_utf8(struct weir_slice s)
{
    if (weir_text_is_ascii(s.data, s.length)) return true;
    for (size_t at = 0; at < s.length;) {
        uint32_t bytes = weir_utf8_sequence(s.data + at, s.length - at);
        if (!bytes) return false;
        at += bytes;
    }
    return true;
}

static enum weir_error_code decode_row(
    struct weir_call *call, struct weir_text_builder *builder, struct weir_slice s, enum charset charset)
{
    (void)call;
    builder->length = 0;
    if (charset == CHARSET_UTF_8) {
        mend_utf8(builder, s);
    } else if (charset >= CHARSET_UTF_16) {
        decode_utf16(builder, s, charset);
    } else {
        for (size_t k = 0; k < s.length; k++) {
            uint8_t byte = (uint8_t)s.data[k];
            put_utf8(builder, charset == CHARSET_ASCII && byte >= 0x80 ? 0xFFFD : byte);
        }
    }
    return WEIR_OK;
}

static enum weir_error_code decode(WEIR_KERNEL_PARAMETERS)
{
    struct weir_text_writer writer;
    weir_text_writer_init(&writer, call);
    struct weir_text_builder builder = { .arena = call->scratch };
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_slice name = weir_text_slice(arguments[1], i), s = weir_text_slice(arguments[0], i);
        enum charset charset = charset_of(name);
        if (charset == CHARSET_NONE) return no_charset(call, name);
        decode_row(call, &builder, s, charset);
        WEIR_RESULT(struct weir_string, out, i) = weir_text_copy(&writer, builder.data, builder.length);
    }
    return WEIR_OK;
}

bool weir_infer_decode(WEIR_INFER_PARAMETERS)
{
    (void)function, (void)literals, (void)reterr;
    return weir_text_match(
        arena, given, count, "bS", &weir_type_string, WEIR_TEXT_NULL_AS_ARGUMENTS, decode, ret);
}

/* --- IS_VALID_UTF8(bytes), MAKE_VALID_UTF8(bytes) --- */
static enum weir_error_code is_valid_utf8(WEIR_KERNEL_PARAMETERS)
{
    (void)call;
    WEIR_FOR_ROWS(i, rows, count) WEIR_RESULT(uint8_t, out, i) = is_utf8(weir_text_slice(arguments[0], i));
    return WEIR_OK;
}

bool weir_infer_is_valid_utf8(WEIR_INFER_PARAMETERS)
{
    (void)function, (void)literals;
    const struct weir_type *boolean = weir_type_of(WEIR_TYPE_BOOLEAN);
    if (weir_text_match(arena, given, count, "b", boolean, WEIR_TEXT_NULL_AS_ARGUMENTS, is_valid_utf8, ret))
        return true;
    return weir_text_mismatch(reterr, "IS_VALID_UTF8(bytes <BINARY_STRING>)");
}

static enum weir_error_code make_valid_utf8(WEIR_KERNEL_PARAMETERS)
{
    struct weir_text_writer writer;
    weir_text_writer_init(&writer, call);
    struct weir_text_builder builder = { .arena = call->scratch };
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_slice s = weir_text_slice(arguments[0], i);
        if (is_utf8(s)) {
            WEIR_RESULT(struct weir_string, out, i) = weir_text_copy(&writer, s.data, s.length);
            continue;
        }
        builder.length = 0;
        mend_utf8(&builder, s);
        WEIR_RESULT(struct weir_string, out, i) = weir_text_copy(&writer, builder.data, builder.length);
    }
    return WEIR_OK;
}

bool weir_infer_make_valid_utf8(WEIR_INFER_PARAMETERS)
{
    (void)function, (void)literals;
    if (weir_text_match(
            arena, given, count, "b", &weir_type_string, WEIR_TEXT_NULL_AS_ARGUMENTS, make_valid_utf8, ret))
        return true;
    return weir_text_mismatch(reterr, "MAKE_VALID_UTF8(bytes <BINARY_STRING>)");
}
