/* URLs and internet addresses. */
#include "expr/text.h"

/* --- URL_ENCODE, URL_DECODE: application/x-www-form-urlencoded over UTF-8 --- */
static bool is_alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static enum weir_error_code url_encode(WEIR_KERNEL_PARAMETERS)
{
    static const char digits[] = "0123456789ABCDEF";
    struct weir_text_writer writer;
    weir_text_writer_init(&writer, call);
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_slice s = weir_text_slice(arguments[0], i);
        if (!weir_text_fits(call, "URL_ENCODE", (uint64_t)s.length * 3)) return call->error->code;
        char *to = weir_text_reserve(&writer, s.length * 3), *at = to;
        for (size_t k = 0; k < s.length; k++) {
            char c = s.data[k];
            if (is_alphanumeric(c) || c == '.' || c == '-' || c == '*' || c == '_') {
                *at++ = c;
            } else if (c == ' ') {
                *at++ = '+';
            } else {
                *at++ = '%';
                *at++ = digits[(uint8_t)c >> 4];
                *at++ = digits[(uint8_t)c & 15];
            }
        }
        WEIR_RESULT(struct weir_string, out, i) = weir_text_finish(&writer, to, (size_t)(at - to));
    }
    return WEIR_OK;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* A % that is not followed by two hexadecimal digits: NULL. */
static enum weir_error_code url_decode(WEIR_KERNEL_PARAMETERS)
{
    struct weir_text_writer writer;
    weir_text_writer_init(&writer, call);
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_slice s = weir_text_slice(arguments[0], i);
        char *to = weir_text_reserve(&writer, s.length), *at = to;
        bool good = true;
        for (size_t k = 0; k < s.length && good; k++) {
            if (s.data[k] != '%') {
                *at++ = s.data[k] == '+' ? ' ' : s.data[k];
                continue;
            }
            int high = s.length - k > 2 ? hex_value(s.data[k + 1]) : -1,
                low = high >= 0 ? hex_value(s.data[k + 2]) : -1;
            good = low >= 0;
            if (good) *at++ = (char)(high << 4 | low), k += 2;
        }
        if (good)
            WEIR_RESULT(struct weir_string, out, i) = weir_text_finish(&writer, to, (size_t)(at - to));
        else
            weir_call_set_null(call, out, i);
    }
    return WEIR_OK;
}

bool weir_infer_url_encode(WEIR_INFER_PARAMETERS)
{
    (void)literals;
    bool encodes = function->name[4] == 'E';
    if (weir_text_match(arena, given, count, "s", &weir_type_string, WEIR_TEXT_NULL_ALWAYS,
            encodes ? url_encode : url_decode, ret))
        return true;
    return weir_text_mismatch(
        reterr, encodes ? "URL_ENCODE(value <CHARACTER_STRING>)" : "URL_DECODE(value <CHARACTER_STRING>)");
}

/* --- PARSE_URL(url, part [, key]): the parts as Java's URL class names them; unknown protocols are no URL
 * --- */
struct url_parts {
    struct weir_slice protocol, authority, user_info, host, path, query, ref, file;
    bool has_authority, has_user_info, has_query, has_ref;
};

static struct weir_slice slice_of(const char *from, const char *end)
{
    return (struct weir_slice){ from, (size_t)(end - from) };
}

static const char *find_byte(const char *from, const char *end, char byte)
{
    return from < end ? memchr(from, byte, (size_t)(end - from)) : NULL;
}

static bool is_known_protocol(struct weir_slice name)
{
    static const char *const known[] = { "http", "https", "ftp", "file", "jar", "mailto" };
    for (size_t k = 0; k < WEIR_ARRAY_COUNT(known); k++) {
        size_t c = 0;
        if (strlen(known[k]) != name.length) continue;
        while (c < name.length && (name.data[c] | 32) == known[k][c]) c++;
        if (c == name.length) return true;
    }
    return false;
}

/* host[:port] with an IPv6 address in brackets; a port that is no number makes the URL invalid. */
static bool parse_host(struct url_parts *url, const char *at, const char *end)
{
    const char *close = at < end && *at == '[' ? find_byte(at, end, ']') : NULL;
    if (at < end && *at == '[' && !close) return false;
    const char *host_end = close ? close + 1 : find_byte(at, end, ':');
    if (!host_end) host_end = end;
    url->host = slice_of(at, host_end);
    if (host_end == end) return true;
    if (*host_end != ':' || end - host_end > 11) return false;
    int64_t port = 0;
    for (const char *digit = host_end + 1; digit < end; digit++) {
        if (*digit < '0' || *digit > '9') return false;
        port = port * 10 + (*digit - '0');
    }
    return port <= INT32_MAX;
}

static bool parse_url(struct weir_slice text, struct url_parts *url)
{
    const char *at = text.data, *end = at + text.length;
    while (end > at && (uint8_t)end[-1] <= ' ') end--;
    while (at < end && (uint8_t)*at <= ' ') at++;
    if (end - at > 4 && (at[0] | 32) == 'u' && (at[1] | 32) == 'r' && (at[2] | 32) == 'l' && at[3] == ':')
        at += 4;
    *url = (struct url_parts){ 0 };
    const char *colon = find_byte(at, end, ':');
    if (!colon || !is_known_protocol(slice_of(at, colon))) return false;
    url->protocol = slice_of(at, colon);
    at = colon + 1;
    const char *hash = find_byte(at, end, '#');
    if (hash) {
        url->has_ref = true;
        url->ref = slice_of(hash + 1, end);
        end = hash;
    }
    const char *question = find_byte(at, end, '?'), *path_end = end;
    if (question) {
        url->has_query = true;
        url->query = slice_of(question + 1, end);
        path_end = question;
    }
    if (path_end - at >= 2 && at[0] == '/' && at[1] == '/') {
        at += 2;
        const char *slash = find_byte(at, path_end, '/'), *stop = slash ? slash : path_end;
        url->has_authority = true;
        url->authority = slice_of(at, stop);
        const char *sign = find_byte(at, stop, '@');
        if (sign && find_byte(sign + 1, stop, '@')) {
            sign = NULL; /* two of them: no host, as in Java */
            at = stop;
        }
        if (sign) {
            url->has_user_info = true;
            url->user_info = slice_of(at, sign);
            at = sign + 1;
        }
        if (!parse_host(url, at, stop)) return false;
        at = stop;
    }
    url->path = slice_of(at, path_end);
    url->file = slice_of(at, end);
    return true;
}

static bool slice_is(struct weir_slice s, const char *text)
{
    return s.length == strlen(text) && memcmp(s.data, text, s.length) == 0;
}

static bool url_part(const struct url_parts *url, struct weir_slice part, struct weir_slice *ret)
{
    bool there = true;
    if (slice_is(part, "HOST"))
        *ret = url->host.data ? url->host : (struct weir_slice){ "", 0 };
    else if (slice_is(part, "PATH"))
        *ret = url->path;
    else if (slice_is(part, "QUERY"))
        *ret = url->query, there = url->has_query;
    else if (slice_is(part, "REF"))
        *ret = url->ref, there = url->has_ref;
    else if (slice_is(part, "PROTOCOL"))
        *ret = url->protocol;
    else if (slice_is(part, "FILE"))
        *ret = url->file;
    else if (slice_is(part, "AUTHORITY"))
        *ret = url->authority, there = url->has_authority;
    else if (slice_is(part, "USERINFO"))
        *ret = url->user_info, there = url->has_user_info;
    else
        there = false;
    return there;
}

/* The value behind key= in a query. */
static bool query_value(struct weir_slice query, struct weir_slice key, struct weir_slice *ret)
{
    const char *at = query.data, *end = query.data + query.length;
    for (;;) {
        const char *stop = find_byte(at, end, '&');
        if (!stop) stop = end;
        if ((size_t)(stop - at) > key.length && memcmp(at, key.data, key.length) == 0 &&
            at[key.length] == '=') {
            *ret = slice_of(at + key.length + 1, stop);
            return true;
        }
        if (stop == end) return false;
        at = stop + 1;
    }
}

static enum weir_error_code parse_url_rows(WEIR_KERNEL_PARAMETERS)
{
    struct weir_text_writer writer;
    weir_text_writer_init(&writer, call);
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct url_parts url;
        struct weir_slice part, wanted = weir_text_slice(arguments[1], i);
        bool found = parse_url(weir_text_slice(arguments[0], i), &url) && url_part(&url, wanted, &part);
        if (found && call->argument_count == 3)
            found = slice_is(wanted, "QUERY") && query_value(part, weir_text_slice(arguments[2], i), &part);
        if (found)
            WEIR_RESULT(struct weir_string, out, i) = weir_text_copy(&writer, part.data, part.length);
        else
            weir_call_set_null(call, out, i);
    }
    return WEIR_OK;
}

bool weir_infer_parse_url(WEIR_INFER_PARAMETERS)
{
    (void)function, (void)literals, (void)reterr;
    return weir_text_match(
        arena, given, count, "S", &weir_type_string, WEIR_TEXT_NULL_ALWAYS, parse_url_rows, ret);
}

/* --- INET_ATON, INET_NTOA: short forms as in MySQL, "127.1" is 127.0.0.1 --- */
static bool parse_address(struct weir_slice s, int64_t *ret)
{
    uint32_t parts[4], count = 0, digits = 0, value = 0;
    for (size_t k = 0; k <= s.length; k++) {
        char c = k < s.length ? s.data[k] : '.';
        if (c == '.') {
            if (digits == 0 || count == 4) return false;
            parts[count++] = value;
            digits = value = 0;
        } else if (c >= '0' && c <= '9') {
            value = value * 10 + (uint32_t)(c - '0');
            digits++;
            if (value > 255) return false;
        } else {
            return false;
        }
    }
    int64_t address = parts[count - 1];
    for (uint32_t k = 0; k + 1 < count; k++) address |= (int64_t)parts[k] << (24 - 8 * k);
    *ret = address;
    return true;
}

static enum weir_error_code inet_aton_rows(WEIR_KERNEL_PARAMETERS)
{
    WEIR_FOR_ROWS(i, rows, count)
    {
        int64_t address = 0;
        if (!parse_address(weir_text_slice(arguments[0], i), &address)) weir_call_set_null(call, out, i);
        WEIR_RESULT(int64_t, out, i) = address;
    }
    return WEIR_OK;
}

static enum weir_error_code inet_ntoa_rows(WEIR_KERNEL_PARAMETERS)
{
    struct weir_text_writer writer;
    weir_text_writer_init(&writer, call);
    WEIR_FOR_ROWS(i, rows, count)
    {
        int64_t address = WEIR_ARGUMENT(int64_t, arguments[0], i);
        if (address < 0 || address > UINT32_MAX) {
            weir_call_set_null(call, out, i);
            continue;
        }
        char text[16];
        size_t length = 0;
        for (int shift = 24; shift >= 0; shift -= 8) {
            uint32_t part = (uint32_t)(address >> shift) & 255;
            if (part >= 100) text[length++] = (char)('0' + part / 100);
            if (part >= 10) text[length++] = (char)('0' + part / 10 % 10);
            text[length++] = (char)('0' + part % 10);
            if (shift) text[length++] = '.';
        }
        WEIR_RESULT(struct weir_string, out, i) = weir_text_copy(&writer, text, length);
    }
    return WEIR_OK;
}

bool weir_infer_inet(WEIR_INFER_PARAMETERS)
{
    (void)literals;
    bool to_number = function->name[5] == 'A';
    const struct weir_type *result = to_number ? weir_type_of(WEIR_TYPE_BIGINT) : &weir_type_string;
    if (weir_text_match(arena, given, count, to_number ? "s" : "L", result, WEIR_TEXT_NULL_ALWAYS,
            to_number ? inet_aton_rows : inet_ntoa_rows, ret))
        return true;
    return weir_text_mismatch(reterr,
        to_number ? "INET_ATON(ipAddress <CHARACTER_STRING>)" : "INET_NTOA(ipNumber <INTEGER_NUMERIC>)");
}
