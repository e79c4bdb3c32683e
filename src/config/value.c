#include "config/value.h"
#include <string.h>

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char to_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool equals_ignoring_case(struct weir_slice text, const char *word)
{
    size_t length = strlen(word);
    if (text.length != length) return false;
    for (size_t i = 0; i < length; i++) {
        if (to_lower(text.data[i]) != to_lower(word[i])) return false;
    }
    return true;
}

struct weir_slice weir_value_trim(struct weir_slice text)
{
    while (text.length && is_space(text.data[0])) text.data++, text.length--;
    while (text.length && is_space(text.data[text.length - 1])) text.length--;
    return text;
}

bool weir_value_parse_boolean(struct weir_slice text, bool *value)
{
    text = weir_value_trim(text);
    bool yes = equals_ignoring_case(text, "true");
    if (!yes && !equals_ignoring_case(text, "false")) return false;
    *value = yes;
    return true;
}

/* The digits at the front; *used tells how many. False on overflow of 64 unsigned bits or without a digit. */
static bool parse_digits(struct weir_slice text, uint64_t *value, size_t *used)
{
    uint64_t sum = 0;
    size_t at = 0;
    for (; at < text.length && is_digit(text.data[at]); at++) {
        if (__builtin_mul_overflow(sum, 10, &sum)) return false;
        if (__builtin_add_overflow(sum, (uint64_t)(text.data[at] - '0'), &sum)) return false;
    }
    *value = sum;
    *used = at;
    return at > 0;
}

bool weir_value_parse_long(struct weir_slice text, int64_t *value)
{
    text = weir_value_trim(text);
    bool negative = text.length && text.data[0] == '-';
    if (text.length && (text.data[0] == '-' || text.data[0] == '+')) text.data++, text.length--;
    uint64_t digits;
    size_t used;
    if (!parse_digits(text, &digits, &used) || used != text.length) return false;
    uint64_t limit = (uint64_t)INT64_MAX + negative;
    if (digits > limit) return false;
    *value = negative ? (int64_t)(0 - digits) : (int64_t)digits;
    return true;
}

/* Enough for options: up to 18 digits, one rounding. Not for data, whose parser is exact. */
bool weir_value_parse_double(struct weir_slice text, double *value)
{
    text = weir_value_trim(text);
    size_t at = 0;
    bool negative = text.length && text.data[0] == '-';
    if (text.length && (text.data[0] == '-' || text.data[0] == '+')) at++;
    uint64_t digits = 0;
    int digit_count = 0, exponent = 0;
    bool point = false;
    for (; at < text.length && (is_digit(text.data[at]) || (text.data[at] == '.' && !point)); at++) {
        if (text.data[at] == '.') {
            point = true;
            continue;
        }
        if (digits > 99999999999999999u) return false;
        digits = digits * 10 + (uint64_t)(text.data[at] - '0');
        digit_count++;
        exponent -= point;
    }
    if (digit_count == 0) return false;
    if (at < text.length && to_lower(text.data[at]) == 'e') {
        int64_t written;
        if (!weir_value_parse_long((struct weir_slice){ text.data + at + 1, text.length - at - 1 }, &written))
            return false;
        if (written < -300 || written > 300) return false;
        exponent += (int)written;
        at = text.length;
    }
    if (at != text.length) return false;
    double power = 1, result = (double)digits;
    for (int i = exponent < 0 ? -exponent : exponent; i > 0; i--) power *= 10;
    result = exponent < 0 ? result / power : result * power;
    *value = negative ? -result : result;
    return true;
}

struct unit {
    const char *words; /* separated by spaces */
    uint64_t factor;
};

static bool parse_with_unit(struct weir_slice text, const struct unit *units, size_t unit_count,
    uint64_t bare_factor, uint64_t *value)
{
    text = weir_value_trim(text);
    uint64_t number;
    size_t used;
    if (!parse_digits(text, &number, &used)) return false;
    struct weir_slice label = weir_value_trim((struct weir_slice){ text.data + used, text.length - used });
    uint64_t factor = label.length ? 0 : bare_factor;
    for (size_t i = 0; i < unit_count && !factor; i++) {
        for (const char *word = units[i].words; *word;) {
            char one[24];
            size_t length = strcspn(word, " ");
            memcpy(one, word, length);
            one[length] = 0;
            if (equals_ignoring_case(label, one)) factor = units[i].factor;
            word += length + (word[length] == ' ');
        }
    }
    return factor && !__builtin_mul_overflow(number, factor, value);
}

/* ISO 8601, as Java's Duration prints itself: P1DT2H3M4.5S, PT10S. */
static bool parse_iso_duration_ns(struct weir_slice text, int64_t *value_ns)
{
    static const struct {
        char letter;
        bool time;
        int64_t factor;
    } units[] = { { 'D', false, 86400000000000 }, { 'H', true, 3600000000000 }, { 'M', true, 60000000000 },
        { 'S', true, 1000000000 } };
    if (text.length < 3 || (text.data[0] != 'P' && text.data[0] != 'p')) return false;
    size_t at = 1, next = 0;
    bool time = false;
    int64_t sum = 0;
    while (at < text.length) {
        if (!time && (text.data[at] == 'T' || text.data[at] == 't')) {
            time = true;
            at++;
            continue;
        }
        uint64_t number, fraction = 0, fraction_scale = 1000000000;
        size_t used;
        if (!parse_digits((struct weir_slice){ text.data + at, text.length - at }, &number, &used))
            return false;
        at += used;
        if (at < text.length && text.data[at] == '.') {
            for (at++; at < text.length && text.data[at] >= '0' && text.data[at] <= '9'; at++) {
                fraction_scale /= 10;
                fraction += fraction_scale * (uint64_t)(text.data[at] - '0');
            }
        }
        if (at == text.length) return false;
        while (next < WEIR_ARRAY_COUNT(units) &&
               (units[next].letter != (text.data[at] & ~0x20) || units[next].time != time))
            next++;
        if (next == WEIR_ARRAY_COUNT(units) || (fraction && units[next].letter != 'S')) return false;
        int64_t part;
        if (number > INT64_MAX || __builtin_mul_overflow((int64_t)number, units[next].factor, &part) ||
            __builtin_add_overflow(sum, part + (int64_t)fraction, &sum))
            return false;
        next++;
        at++;
    }
    *value_ns = sum;
    return next > 0;
}

bool weir_value_parse_duration_ns(struct weir_slice text, int64_t *value_ns)
{
    if (parse_iso_duration_ns(weir_value_trim(text), value_ns)) return true;
    static const struct unit units[] = {
        { "ms milli millis millisecond milliseconds", 1000000 },
        { "s sec secs second seconds", 1000000000 },
        { "min m minute minutes", 60000000000 },
        { "h hour hours", 3600000000000 },
        { "d day days", 86400000000000 },
        { "\xc2\xb5s micro micros microsecond microseconds us", 1000 },
        { "ns nano nanos nanosecond nanoseconds", 1 },
    };
    uint64_t value;
    if (!parse_with_unit(text, units, WEIR_ARRAY_COUNT(units), 1000000, &value) || value > INT64_MAX)
        return false;
    *value_ns = (int64_t)value;
    return true;
}

bool weir_value_parse_memory_bytes(struct weir_slice text, uint64_t *value_bytes)
{
    static const struct unit units[] = {
        { "b bytes byte", 1 },
        { "k kb kibibytes kib", 1ull << 10 },
        { "m mb mebibytes mib", 1ull << 20 },
        { "g gb gibibytes gib", 1ull << 30 },
        { "t tb tebibytes tib", 1ull << 40 },
    };
    uint64_t value;
    if (!parse_with_unit(text, units, WEIR_ARRAY_COUNT(units), 1, &value) || value > INT64_MAX) return false;
    *value_bytes = value;
    return true;
}

bool weir_value_parse_enum(const char *words, struct weir_slice text, size_t *index, struct weir_slice *word)
{
    text = weir_value_trim(text);
    for (size_t place = 0; *words; place++) {
        size_t length = strcspn(words, "|");
        bool same = length == text.length;
        for (size_t i = 0; i < length && same; i++) {
            char a = to_lower(text.data[i]), b = to_lower(words[i]);
            same = (a == '-' ? '_' : a) == (b == '-' ? '_' : b);
        }
        if (same) {
            *index = place;
            *word = (struct weir_slice){ words, length };
            return true;
        }
        words += length + (words[length] == '|');
    }
    return false;
}

bool weir_value_list_next(struct weir_slice *rest, char separator, struct weir_buffer *out)
{
    *rest = weir_value_trim(*rest);
    if (rest->length == 0) return false;
    const char *at = rest->data, *end = at + rest->length;
    if (*at == '\'' || *at == '"') {
        char quote = *at++;
        for (; at < end; at++) {
            if (*at == quote) {
                if (at + 1 == end || at[1] != quote) break;
                at++;
            }
            weir_buffer_append_byte(out, *at);
        }
        at += at < end;
        while (at < end && *at != separator) at++;
    } else {
        while (at < end && *at != separator) at++;
        struct weir_slice plain =
            weir_value_trim((struct weir_slice){ rest->data, (size_t)(at - rest->data) });
        weir_buffer_append(out, plain.data, plain.length);
    }
    at += at < end;
    *rest = (struct weir_slice){ at, (size_t)(end - at) };
    return true;
}

void weir_value_list_append(struct weir_buffer *list, char separator, struct weir_slice element)
{
    if (list->length) weir_buffer_append_byte(list, separator);
    bool plain =
        element.length > 0 && !is_space(element.data[0]) && !is_space(element.data[element.length - 1]);
    for (size_t i = 0; i < element.length && plain; i++) {
        char c = element.data[i];
        plain = c != separator && c != '\'' && c != '"';
    }
    if (plain) {
        weir_buffer_append(list, element.data, element.length);
        return;
    }
    weir_buffer_append_byte(list, '\'');
    for (size_t i = 0; i < element.length; i++) {
        if (element.data[i] == '\'') weir_buffer_append_byte(list, '\'');
        weir_buffer_append_byte(list, element.data[i]);
    }
    weir_buffer_append_byte(list, '\'');
}

bool weir_value_is_valid(const struct weir_option *option, struct weir_slice text)
{
    bool boolean;
    int64_t number, least, most;
    uint64_t bytes;
    double real;
    size_t index;
    struct weir_slice word;
    switch (option->type) {
    case WEIR_OPTION_BOOLEAN: return weir_value_parse_boolean(text, &boolean);
    case WEIR_OPTION_INTEGER:
    case WEIR_OPTION_LONG:
        weir_option_range(option, &least, &most);
        return weir_value_parse_long(text, &number) && number >= least && number <= most;
    case WEIR_OPTION_DOUBLE: return weir_value_parse_double(text, &real);
    case WEIR_OPTION_DURATION: return weir_value_parse_duration_ns(text, &number);
    case WEIR_OPTION_MEMORY: return weir_value_parse_memory_bytes(text, &bytes);
    case WEIR_OPTION_ENUM:
        return !option->unit[0] || weir_value_parse_enum(option->unit, text, &index, &word);
    case WEIR_OPTION_TEXT:
    case WEIR_OPTION_LIST: return true;
    case WEIR_OPTION_MAP:
        text = weir_value_trim(text);
        return text.length == 0 || memchr(text.data, ':', text.length) != NULL;
    }
    return false;
}
