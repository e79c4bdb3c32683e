#include "plugins/format/json/json.h"
#include "data/utf8.h"
#include <emmintrin.h>
#include <stdarg.h>
#include <stdio.h>

bool json_fail(struct json_scanner *s, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    size_t shown = (size_t)WEIR_MIN(s->end - s->start, (ptrdiff_t)200);
    weir_error_set(s->error, WEIR_E_DATA, "%s at column %zu%s%s%s in the JSON record: %.*s%s", text,
        (size_t)(s->at - s->start) + 1, s->field ? " (field \"" : "", s->field ? s->field : "",
        s->field ? "\")" : "", (int)shown, s->start, shown < (size_t)(s->end - s->start) ? " ..." : "");
    return false;
}

bool json_expect(struct json_scanner *s, char c)
{
    json_space(s);
    if (s->at < s->end && *s->at == c) {
        s->at++;
        return true;
    }
    if (s->at >= s->end) return json_fail(s, "the record ends where '%c' is expected", c);
    return json_fail(s, "found '%c' where '%c' is expected", *s->at, c);
}

/* First byte at or after at that is a quote or a backslash; else end. Control characters are let through, as
 * in Flink. */
static const char *string_stop(const char *at, const char *end)
{
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
    for (; end - at >= 16; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)at);
        __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash));
        int mask = _mm_movemask_epi8(hit);
        if (mask) return at + __builtin_ctz((unsigned)mask);
    }
    for (; at < end; at++)
        if (*at == '"' || *at == '\\') return at;
    return end;
}

static bool hex4(const char *at, const char *end, uint32_t *ret)
{
    if (end - at < 4) return false;
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                                : 16;
        if (digit > 15) return false;
        value = value << 4 | digit;
    }
    *ret = value;
    return true;
}

/* \uXXXX, perhaps with its second half; a lone surrogate becomes '?', as Java's UTF-8 encoder writes it. */
static bool unicode_escape(struct json_scanner *s)
{
    uint32_t code;
    if (!hex4(s->at, s->end, &code)) return json_fail(s, "\\u needs four hexadecimal digits");
    s->at += 4;
    if (code >= 0xd800 && code <= 0xdbff) {
        uint32_t low;
        if (s->end - s->at >= 6 && s->at[0] == '\\' && s->at[1] == 'u' && hex4(s->at + 2, s->end, &low) &&
            low >= 0xdc00 && low <= 0xdfff) {
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            s->at += 6;
        } else {
            code = '?';
        }
    } else if (code >= 0xdc00 && code <= 0xdfff) {
        code = '?';
    }
    char bytes[4];
    weir_buffer_append(s->scratch, bytes, weir_utf8_encode(code, bytes));
    return true;
}

static bool escape(struct json_scanner *s)
{
    if (s->at >= s->end) return json_fail(s, "the record ends inside a string");
    char c = *s->at++;
    switch (c) {
    case '"':
    case '\\':
    case '/': weir_buffer_append_byte(s->scratch, c); return true;
    case 'b': weir_buffer_append_byte(s->scratch, '\b'); return true;
    case 'f': weir_buffer_append_byte(s->scratch, '\f'); return true;
    case 'n': weir_buffer_append_byte(s->scratch, '\n'); return true;
    case 'r': weir_buffer_append_byte(s->scratch, '\r'); return true;
    case 't': weir_buffer_append_byte(s->scratch, '\t'); return true;
    case 'u': return unicode_escape(s);
    default: s->at--; return json_fail(s, "unknown escape '\\%c'", c);
    }
}

static bool string_with_escapes(struct json_scanner *s, const char *from, const char **data, size_t *length)
{
    weir_buffer_clear(s->scratch);
    for (;;) {
        const char *stop = string_stop(s->at, s->end);
        weir_buffer_append(s->scratch, from, (size_t)(stop - from));
        s->at = stop;
        if (stop >= s->end) return json_fail(s, "the record ends inside a string");
        if (*stop == '"') break;
        s->at++;
        if (!escape(s)) return false;
        from = s->at;
    }
    s->at++;
    if (s->scratch->overflowed) return json_fail(s, "a string longer than %zu bytes", s->scratch->bytes_max);
    *data = s->scratch->data ? s->scratch->data : "";
    *length = s->scratch->length;
    return weir_utf8_is_valid(*data, *length) || json_fail(s, "invalid UTF-8 in a string");
}

bool json_scan_string(struct json_scanner *s, const char **data, size_t *length)
{
    const char *from = ++s->at;
    const char *stop = string_stop(from, s->end);
    s->at = stop;
    if (stop < s->end && *stop == '"') {
        s->at++;
        *data = from;
        *length = (size_t)(stop - from);
        return weir_utf8_is_valid(from, *length) || json_fail(s, "invalid UTF-8 in a string");
    }
    return string_with_escapes(s, from, data, length);
}

static bool skip_string(struct json_scanner *s)
{
    s->at++;
    for (;;) {
        s->at = string_stop(s->at, s->end);
        if (s->at >= s->end) return json_fail(s, "the record ends inside a string");
        if (*s->at == '"') {
            s->at++;
            return true;
        }
        s->at += 2;
        if (s->at > s->end) return json_fail(s, "the record ends inside a string");
    }
}

/* Inside a nested value only quotes and brackets matter. */
static const char *bracket_stop(const char *at, const char *end)
{
    const __m128i quote = _mm_set1_epi8('"'), open = _mm_set1_epi8('{' & ~0x20),
                  close = _mm_set1_epi8('}' & ~0x20), fold = _mm_set1_epi8((char)~0x20);
    for (; end - at >= 16; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)at);
        __m128i folded = _mm_and_si128(bytes, fold); /* '{' and '[', '}' and ']' differ in this bit */
        __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(bytes, quote),
            _mm_or_si128(_mm_cmpeq_epi8(folded, open), _mm_cmpeq_epi8(folded, close)));
        int mask = _mm_movemask_epi8(hit);
        if (mask) return at + __builtin_ctz((unsigned)mask);
    }
    for (; at < end; at++)
        if (*at == '"' || (*at & ~0x20) == ('{' & ~0x20) || (*at & ~0x20) == ('}' & ~0x20)) return at;
    return end;
}

static bool skip_nested(struct json_scanner *s)
{
    uint8_t open[JSON_DEPTH_MAX]; /* which bracket each level opened with */
    uint32_t depth = 0;
    do {
        s->at = bracket_stop(s->at, s->end);
        if (s->at >= s->end) return json_fail(s, "the record ends inside a nested value");
        char c = *s->at;
        if (c == '"') {
            if (!skip_string(s)) return false;
            continue;
        }
        if (c == '{' || c == '[') {
            if (depth == JSON_DEPTH_MAX) return json_fail(s, "nested deeper than %d levels", JSON_DEPTH_MAX);
            open[depth++] = (uint8_t)c;
        } else if (c == '}' || c == ']') {
            if (open[depth - 1] != (c == '}' ? '{' : '['))
                return json_fail(s, "'%c' closes a '%c'", c, open[depth - 1]);
            depth--;
        }
        s->at++;
    } while (depth > 0);
    return true;
}

static bool is_scalar_end(char c)
{
    return c == ',' || c == '}' || c == ']' || c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool json_scan_name(struct json_scanner *s, const char **data, size_t *length)
{
    json_space(s);
    if (s->at >= s->end || *s->at != '"') return json_fail(s, "a field name in quotes is expected");
    return json_scan_string(s, data, length) && json_expect(s, ':');
}

bool json_skip(struct json_scanner *s)
{
    json_space(s);
    if (s->at >= s->end) return json_fail(s, "the record ends where a value is expected");
    char c = *s->at;
    if (c == '"') return skip_string(s);
    if (c == '{' || c == '[') return skip_nested(s);
    const char *from = s->at;
    while (s->at < s->end && !is_scalar_end(*s->at)) s->at++;
    if (s->at == from) return json_fail(s, "found '%c' where a value is expected", c);
    if (c == '-' || (c >= '0' && c <= '9')) return true;
    size_t length = (size_t)(s->at - from);
    if ((length == 4 && (memcmp(from, "true", 4) == 0 || memcmp(from, "null", 4) == 0)) ||
        (length == 5 && memcmp(from, "false", 5) == 0))
        return true;
    s->at = from;
    return json_fail(s, "unrecognised token '%.*s'", (int)WEIR_MIN(length, (size_t)40), from);
}

bool json_raw(struct json_scanner *s, const char **data, size_t *length)
{
    json_space(s);
    *data = s->at;
    if (!json_skip(s)) return false;
    *length = (size_t)(s->at - *data);
    return true;
}
