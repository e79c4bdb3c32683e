/* JSON_QUOTE and JSON_UNQUOTE: a string as a JSON string literal and back. */
#include "expr/text.h"

static void put_unit(struct weir_text_builder *to, uint32_t unit)
{
    static const char digits[] = "0123456789abcdef";
    char text[6] = { '\\', 'u' };
    for (int k = 0; k < 4; k++) text[2 + k] = digits[unit >> (12 - 4 * k) & 15];
    weir_text_builder_add(to, text, sizeof text);
}

/* The letter that stands behind the backslash for a byte; 0: none. */
static char escape_letter(char c)
{
    switch (c) {
    case '"':
    case '\\':
    case '/': return c;
    case '\b': return 'b';
    case '\f': return 'f';
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    default: return 0;
    }
}

static void quote(struct weir_text_builder *to, struct weir_slice s)
{
    weir_text_builder_byte(to, '"');
    for (size_t at = 0; at < s.length;) {
        uint32_t point;
        char letter = escape_letter(s.data[at]);
        at += weir_text_decode(s.data + at, s.length - at, &point);
        if (letter) {
            weir_text_builder_byte(to, '\\');
            weir_text_builder_byte(to, letter);
        } else if (point >= 0x20 && point < 0x80) {
            weir_text_builder_byte(to, (char)point);
        } else if (point >= 0x10000) {
            put_unit(to, 0xD800 + ((point - 0x10000) >> 10));
            put_unit(to, 0xDC00 + ((point - 0x10000) & 0x3FF));
        } else {
            put_unit(to, point);
        }
    }
    weir_text_builder_byte(to, '"');
}

static bool read_unit(struct weir_slice s, size_t at, uint32_t *ret)
{
    *ret = 0;
    if (s.length < at + 4) return false;
    for (size_t k = at; k < at + 4; k++) {
        char c = s.data[k];
        uint32_t value = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                                : 16u;
        if (value == 16) return false;
        *ret = *ret << 4 | value;
    }
    return true;
}

/* Does a JSON string start here and end somewhere? What follows it does not matter, as in Flink. */
static bool starts_with_string(struct weir_slice s)
{
    uint32_t unit;
    for (size_t at = 1; at < s.length; at++) {
        if (s.data[at] == '"') return true;
        if ((uint8_t)s.data[at] < 0x20) return false;
        if (s.data[at] != '\\') continue;
        if (++at == s.length || !strchr("\"\\/bfnrtu", s.data[at]) || !s.data[at]) return false;
        if (s.data[at] == 'u' && !read_unit(s, at + 1, &unit)) return false;
    }
    return false;
}

/* Behind \u; returns the bytes taken, with those of a second half of a surrogate pair; 0: malformed. */
static size_t unquote_unit(struct weir_text_builder *to, struct weir_slice s, size_t at)
{
    uint32_t unit, low;
    char bytes[4];
    size_t taken = 4;
    if (!read_unit(s, at, &unit)) return 0;
    bool high = unit >= 0xD800 && unit < 0xDC00;
    if (high && s.length >= at + 6 && s.data[at + 4] == '\\' && s.data[at + 5] == 'u' &&
        read_unit(s, at + 6, &low) && low >= 0xDC00 && low < 0xE000) {
        unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
        taken = 10;
    }
    if (unit >= 0xD800 && unit < 0xE000) unit = 0xFFFD;
    weir_text_builder_add(to, bytes, weir_text_encode(unit, bytes));
    return taken;
}

/* false: there is no JSON string literal; it stays as it is. */
static bool unquote(struct weir_text_builder *to, struct weir_slice s)
{
    if (s.length < 2 || s.data[0] != '"' || s.data[s.length - 1] != '"' || !starts_with_string(s))
        return false;
    s.length--;
    for (size_t at = 1; at < s.length; at++) {
        if (s.data[at] != '\\') {
            weir_text_builder_byte(to, s.data[at]);
            continue;
        }
        if (++at == s.length) return false;
        static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
        const char *letter = s.data[at] ? strchr(letters, s.data[at]) : NULL;
        if (letter) {
            weir_text_builder_byte(to, meant[letter - letters]);
            continue;
        }
        size_t taken = s.data[at] == 'u' ? unquote_unit(to, s, at + 1) : 0;
        if (taken == 0) return false;
        at += taken;
    }
    return true;
}

static enum weir_error_code json_quote(WEIR_KERNEL_PARAMETERS)
{
    struct weir_text_writer writer;
    weir_text_writer_init(&writer, call);
    struct weir_text_builder builder = { .arena = call->scratch };
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_slice s = weir_text_slice(arguments[0], i);
        if (!weir_text_fits(call, "JSON_QUOTE", (uint64_t)s.length * 6 + 2)) return call->error->code;
        builder.length = 0;
        quote(&builder, s);
        WEIR_RESULT(struct weir_string, out, i) = weir_text_copy(&writer, builder.data, builder.length);
    }
    return WEIR_OK;
}

static enum weir_error_code json_unquote(WEIR_KERNEL_PARAMETERS)
{
    struct weir_text_writer writer;
    weir_text_writer_init(&writer, call);
    struct weir_text_builder builder = { .arena = call->scratch };
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_slice s = weir_text_slice(arguments[0], i);
        builder.length = 0;
        if (unquote(&builder, s)) s = (struct weir_slice){ builder.data, builder.length };
        WEIR_RESULT(struct weir_string, out, i) = weir_text_copy(&writer, s.data, s.length);
    }
    return WEIR_OK;
}

bool weir_infer_json_quote(WEIR_INFER_PARAMETERS)
{
    bool quotes = function->name[5] == 'Q';
    weir_kernel kernel = quotes ? json_quote : json_unquote;
    if (weir_text_match(
            arena, given, count, "s", &weir_type_string, WEIR_TEXT_NULL_AS_ARGUMENTS, kernel, ret))
        return true;
    return weir_text_mismatch(
        reterr, quotes ? "JSON_QUOTE(value <CHARACTER_STRING>)" : "JSON_UNQUOTE(value <CHARACTER_STRING>)");
}
