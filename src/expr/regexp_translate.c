/*
 * Java's dialect to PCRE2's. Most of the two is the same. Different are: \uXXXX and \0nn, POSIX classes by
 * \p{Alpha}, properties by \p{IsX}, classes within classes and intersections ([a-z&&[^aeiou]]), the flags d,
 * u and U. What PCRE2 has and Java has not - verbs, recursion, conditions, callouts, \K, \C - is refused, as
 * Java does.
 */
#include "expr/regexp_translate.h"

struct translation {
    const char *at, *end;
    struct weir_text_builder *to;
    uint32_t groups, depth;
    const char *wrong;
};

enum { CLASS_DEPTH_MAX = 32 };

static void fail(struct translation *t, const char *wrong)
{
    if (!t->wrong) t->wrong = wrong;
    t->at = t->end;
}

static void put(struct translation *t, const char *text)
{
    weir_text_builder_add(t->to, text, strlen(text));
}

static void put_quoted(struct translation *t, char c)
{
    bool word =
        (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (uint8_t)c >= 0x80;
    if (!word && c > ' ') weir_text_builder_byte(t->to, '\\');
    weir_text_builder_byte(t->to, c);
}

static void put_point(struct translation *t, uint32_t point)
{
    static const char digits[] = "0123456789ABCDEF";
    char text[16];
    size_t length = 0;
    for (int shift = 20; shift >= 0; shift -= 4) text[length++] = digits[point >> shift & 15];
    put(t, "\\x{");
    weir_text_builder_add(t->to, text, length);
    put(t, "}");
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static bool read_hex(struct translation *t, int digits, uint32_t *ret)
{
    *ret = 0;
    if (t->end - t->at < digits) return false;
    for (int k = 0; k < digits; k++) {
        int value = hex_value(t->at[k]);
        if (value < 0) return false;
        *ret = *ret << 4 | (uint32_t)value;
    }
    t->at += digits;
    return true;
}

/* \uXXXX, two of them where they are a surrogate pair; at stands behind the u. */
static void unicode_escape(struct translation *t)
{
    uint32_t point, low;
    if (!read_hex(t, 4, &point)) {
        fail(t, "\\u wants four hexadecimal digits");
        return;
    }
    if (point >= 0xD800 && point < 0xDC00 && t->end - t->at >= 6 && t->at[0] == '\\' && t->at[1] == 'u') {
        t->at += 2;
        if (read_hex(t, 4, &low) && low >= 0xDC00 && low < 0xE000)
            point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
    }
    if (point >= 0xD800 && point < 0xE000)
        fail(t, "a surrogate stands alone");
    else
        put_point(t, point);
}

static void hex_escape(struct translation *t)
{
    uint32_t point = 0;
    if (t->at < t->end && *t->at == '{') {
        const char *from = ++t->at;
        while (t->at < t->end && hex_value(*t->at) >= 0 && point <= 0x10FFFF)
            point = point << 4 | (uint32_t)hex_value(*t->at++);
        if (t->at == from || t->at == t->end || *t->at != '}' || point > 0x10FFFF) {
            fail(t, "\\x{..} is not closed or no code point");
            return;
        }
        t->at++;
    } else if (!read_hex(t, 2, &point)) {
        fail(t, "\\x wants two hexadecimal digits");
        return;
    }
    put_point(t, point);
}

static void octal_escape(struct translation *t)
{
    uint32_t point = 0;
    int digits = 0;
    while (t->at < t->end && *t->at >= '0' && *t->at <= '7' && digits < 3 && point * 8 <= 0377) {
        point = point * 8 + (uint32_t)(*t->at++ - '0');
        digits++;
    }
    if (digits == 0)
        fail(t, "\\0 wants octal digits");
    else
        put_point(t, point);
}

struct property {
    const char *java, *pcre; /* pcre: the inside of [[:..:]] when posix, else of \p{..} */
    bool posix;
};
static const struct property properties[] = { { "Lower", "lower", true }, { "Upper", "upper", true },
    { "ASCII", "ascii", true }, { "Alpha", "alpha", true }, { "Digit", "digit", true },
    { "Alnum", "alnum", true }, { "Punct", "punct", true }, { "Graph", "graph", true },
    { "Print", "print", true }, { "Blank", "blank", true }, { "Cntrl", "cntrl", true },
    { "XDigit", "xdigit", true }, { "Space", "space", true }, { "javaLowerCase", "Ll", false },
    { "javaUpperCase", "Lu", false }, { "javaWhitespace", "space", true }, { "javaLetter", "L", false },
    { "javaDigit", "Nd", false }, { "javaLetterOrDigit", "Xan", false }, { "IsAlphabetic", "L", false },
    { "IsLetter", "L", false }, { "IsDigit", "Nd", false }, { "IsUppercase", "Lu", false },
    { "IsLowercase", "Ll", false }, { "IsPunctuation", "P", false }, { "IsControl", "Cc", false },
    { "IsWhite_Space", "Xps", false }, { "IsWhiteSpace", "Xps", false }, { "all", "Any", false } };

static bool drop_prefix(struct weir_slice *name, const char *prefix)
{
    size_t length = strlen(prefix);
    if (name->length <= length || memcmp(name->data, prefix, length) != 0) return false;
    name->data += length, name->length -= length;
    return true;
}

/* \p{Name} or \pL; at stands behind the p. */
static void property_escape(struct translation *t, bool negated, bool in_class)
{
    struct weir_slice name;
    if (t->at == t->end) {
        fail(t, "\\p wants a property");
        return;
    }
    if (*t->at == '{') {
        const char *close = memchr(t->at, '}', (size_t)(t->end - t->at));
        if (!close) {
            fail(t, "\\p{..} is not closed");
            return;
        }
        name = (struct weir_slice){ t->at + 1, (size_t)(close - t->at - 1) };
        t->at = close + 1;
    } else {
        name = (struct weir_slice){ t->at++, 1 };
    }
    for (size_t k = 0; k < WEIR_ARRAY_COUNT(properties); k++) {
        const struct property *p = &properties[k];
        if (strlen(p->java) != name.length || memcmp(p->java, name.data, name.length) != 0) continue;
        if (p->posix)
            put(t, in_class ? "[:" : "[[:"), put(t, negated ? "^" : ""), put(t, p->pcre),
                put(t, in_class ? ":]" : ":]]");
        else
            put(t, negated ? "\\P{" : "\\p{"), put(t, p->pcre), put(t, "}");
        return;
    }
    if (drop_prefix(&name, "In") || drop_prefix(&name, "blk=") || drop_prefix(&name, "block=")) {
        fail(t, "Unicode blocks are not implemented");
        return;
    }
    if (!drop_prefix(&name, "script=") && !drop_prefix(&name, "sc=") && !drop_prefix(&name, "gc=") &&
        !drop_prefix(&name, "general_category=")) {
        drop_prefix(&name, "Is");
    }
    put(t, negated ? "\\P{" : "\\p{");
    weir_text_builder_add(t->to, name.data, name.length);
    put(t, "}");
}

static void quote_escape(struct translation *t)
{
    while (t->at < t->end) {
        if (t->end - t->at >= 2 && t->at[0] == '\\' && t->at[1] == 'E') {
            t->at += 2;
            return;
        }
        put_quoted(t, *t->at++);
    }
}

/* \1: further digits belong to it only as long as there are that many groups. */
static void back_reference(struct translation *t)
{
    uint32_t number = (uint32_t)(*t->at++ - '0');
    while (t->at < t->end && *t->at >= '0' && *t->at <= '9' &&
           number * 10 + (uint32_t)(*t->at - '0') <= t->groups) {
        number = number * 10 + (uint32_t)(*t->at++ - '0');
    }
    char text[24] = "\\g{";
    size_t length = 3;
    if (number >= 10) text[length++] = (char)('0' + number / 10 % 10);
    text[length++] = (char)('0' + number % 10);
    text[length++] = '}';
    weir_text_builder_add(t->to, text, length);
}

/* at stands behind the backslash. */
static void escape(struct translation *t, bool in_class)
{
    if (t->at == t->end) {
        fail(t, "a backslash stands at the end");
        return;
    }
    char c = *t->at;
    if (c >= '1' && c <= '9') {
        if (in_class)
            fail(t, "a back reference stands in a class");
        else
            back_reference(t);
        return;
    }
    t->at++;
    switch (c) {
    case 'Q': quote_escape(t); return;
    case 'E': return;
    case 'u': unicode_escape(t); return;
    case 'x': hex_escape(t); return;
    case '0': octal_escape(t); return;
    case 'p': property_escape(t, false, in_class); return;
    case 'P': property_escape(t, true, in_class); return;
    default: break;
    }
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (letter && !strchr(in_class ? "dDsSwWhHvVtnrfaec" : "dDsSwWhHvVtnrfaecbBAZzGRXk", c)) {
        fail(t, "an escape sequence is not known");
        return;
    }
    weir_text_builder_byte(t->to, '\\');
    weir_text_builder_byte(t->to, c);
    if (c == 'c' && t->at < t->end) weir_text_builder_byte(t->to, *t->at++);
}

/*
 * A class from behind its '[' to behind its ']'. PCRE2 knows neither nested classes nor intersections, so
 * alternatives and look-aheads stand for them: [a[^b]] is (?:[a]|[^b]), [A&&B] is (?:(?=A)B), and the
 * complement of such is (?:(?!..)(?s:.)).
 */
static void class_body(struct translation *t);

static void class_union(struct translation *t, bool *ret_last)
{
    struct weir_text_builder *outer = t->to;
    struct weir_text_builder plain = { .arena = outer->arena }, nested = { .arena = outer->arena };
    bool first = true;
    *ret_last = false;
    for (;; first = false) {
        if (t->at == t->end) {
            t->to = outer;
            fail(t, "a class is not closed");
            return;
        }
        char c = *t->at;
        if (c == ']' && !(first && plain.length == 0 && nested.length == 0 && t->end - t->at > 1 &&
                            memchr(t->at + 1, ']', (size_t)(t->end - t->at - 1)))) {
            t->at++;
            *ret_last = true;
            break;
        }
        if (c == '&' && t->end - t->at >= 2 && t->at[1] == '&') {
            t->at += 2;
            break;
        }
        t->at++;
        if (c == '[') {
            if (nested.length) weir_text_builder_byte(&nested, '|');
            t->to = &nested;
            class_body(t);
        } else if (c == '\\') {
            t->to = &plain;
            escape(t, true);
        } else {
            if (c == ']' || c == '^') weir_text_builder_byte(&plain, '\\');
            weir_text_builder_byte(&plain, c);
        }
        if (t->wrong) break;
    }
    t->to = outer;
    if (t->wrong) return;
    if (nested.length) put(t, "(?:");
    if (plain.length) {
        put(t, "[");
        weir_text_builder_add(t->to, plain.data, plain.length);
        put(t, "]");
        if (nested.length) put(t, "|");
    }
    if (nested.length) weir_text_builder_add(t->to, nested.data, nested.length), put(t, ")");
}

static void class_body(struct translation *t)
{
    if (++t->depth > CLASS_DEPTH_MAX) {
        fail(t, "classes are nested too deeply");
        return;
    }
    bool negated = t->at < t->end && *t->at == '^';
    if (negated) t->at++;
    struct weir_text_builder *outer = t->to;
    struct weir_text_builder part = { .arena = outer->arena }, joined = { .arena = outer->arena };
    bool last = false;
    uint32_t parts = 0;
    while (!last && !t->wrong) {
        part.length = 0;
        t->to = &part;
        class_union(t, &last);
        if (part.length == 0 && !t->wrong && last && parts == 0) fail(t, "a class is empty");
        if (part.length == 0) continue;
        if (!last) weir_text_builder_add(&joined, "(?=", 3);
        weir_text_builder_add(&joined, part.data, part.length);
        if (!last) weir_text_builder_byte(&joined, ')');
        parts++;
    }
    t->to = outer;
    t->depth--;
    if (t->wrong) return;
    bool plain = parts == 1 && last && joined.data[0] == '[';
    if (plain) {
        if (!negated) {
            weir_text_builder_add(outer, joined.data, joined.length);
        } else {
            put(t, "[^");
            weir_text_builder_add(outer, joined.data + 1, joined.length - 1);
        }
        return;
    }
    put(t, negated ? "(?:(?!" : "(?:");
    weir_text_builder_add(outer, joined.data, joined.length);
    put(t, negated ? ")(?s:.))" : ")");
}

/* At a '('. */
static void group(struct translation *t)
{
    t->at++;
    if (t->at == t->end || (*t->at != '?' && *t->at != '*')) {
        t->groups++;
        put(t, "(");
        return;
    }
    if (*t->at == '*') {
        fail(t, "a '*' has nothing to repeat");
        return;
    }
    t->at++;
    char c = t->at < t->end ? *t->at : '\0';
    if (c == ':' || c == '=' || c == '!' || c == '>') {
        t->at++;
        put(t, c == ':' ? "(?:" : c == '=' ? "(?=" : c == '!' ? "(?!" : "(?>");
        return;
    }
    if (c == '<') {
        char next = t->end - t->at >= 2 ? t->at[1] : '\0';
        bool name = (next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z');
        if (!name && next != '=' && next != '!') {
            fail(t, "a group is not known");
            return;
        }
        t->groups += name;
        t->at += 1 + !name;
        put(t, next == '=' ? "(?<=" : next == '!' ? "(?<!" : "(?<");
        return;
    }
    char flags[16];
    size_t length = 0;
    while (t->at < t->end && strchr("idmsuxU-", *t->at) && *t->at) {
        if (strchr("imsx-", *t->at) && length < sizeof flags) flags[length++] = *t->at;
        t->at++;
    }
    if (t->at == t->end || (*t->at != ':' && *t->at != ')')) {
        fail(t, "a group is not known");
        return;
    }
    if (length && flags[length - 1] == '-') length--;
    char close = *t->at++;
    if (close == ')' && length == 0) return;
    put(t, "(?");
    weir_text_builder_add(t->to, flags, length);
    weir_text_builder_byte(t->to, close);
}

const char *weir_regexp_translate(struct weir_slice java, struct weir_text_builder *to)
{
    struct translation t = { .at = java.data, .end = java.data + java.length, .to = to };
    while (t.at < t.end) {
        switch (*t.at) {
        case '\\':
            t.at++;
            escape(&t, false);
            break;
        case '[':
            t.at++;
            class_body(&t);
            break;
        case '(': group(&t); break;
        default: weir_text_builder_byte(to, *t.at++); break;
        }
    }
    return t.wrong;
}
