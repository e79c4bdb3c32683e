#include "data/decimal.h"
#include "data/number.h"
#include "data/time.h"
#include "data/utf8.h"
#include "plugins/format/json/json.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* A scalar's text: a string's content, or a number's or literal's raw text. */
struct scalar {
    const char *data;
    size_t length;
    bool is_string;
};

static bool not_its_type(struct json_scanner *s, const char *problem)
{
    s->bad_value = true;
    return json_fail(s, "%s", problem);
}

/* The bracket that a value of its type begins with. */
static bool enter(struct json_scanner *s, char bracket)
{
    json_space(s);
    s->bad_value = s->at < s->end && *s->at != bracket;
    return json_expect(s, bracket);
}

static bool read_scalar(struct json_scanner *s, struct scalar *ret)
{
    json_space(s);
    if (s->at >= s->end) return json_fail(s, "the record ends where a value is expected");
    ret->is_string = *s->at == '"';
    if (ret->is_string) return json_scan_string(s, &ret->data, &ret->length);
    if (*s->at == '{' || *s->at == '[')
        return not_its_type(s, "found a nested value where a single one is expected");
    return json_raw(s, &ret->data, &ret->length);
}

static bool bad(struct json_scanner *s, const struct weir_vector *to, const struct scalar *value)
{
    char type[256];
    struct weir_buffer text;
    double number;
    bool is_number = !value->is_string && value->length && *value->data != 't' && *value->data != 'f';
    s->bad_value = !is_number || weir_double_parse(value->data, value->length, &number) == WEIR_NUMBER_PARSED;
    weir_buffer_init(&text, s->arena->memory, 4096);
    weir_type_print(to->type, false, &text);
    snprintf(type, sizeof type, "%s", weir_buffer_text(&text));
    weir_buffer_done(&text);
    return json_fail(
        s, "'%.*s' is no value of type %s", (int)WEIR_MIN(value->length, (size_t)100), value->data, type);
}

static bool convert_integer(
    struct json_scanner *s, struct weir_vector *to, uint32_t row, int64_t min, int64_t max)
{
    json_space(s);
    /* The common case: plain digits, few enough not to overflow. */
    const char *at = s->at;
    bool negative = at < s->end && *at == '-';
    at += negative;
    const char *digits = at;
    int64_t value = 0;
    while (at < s->end && at - digits < 18 && *at >= '0' && *at <= '9') value = value * 10 + (*at++ - '0');
    if (at > digits && at < s->end && (*at == ',' || *at == '}' || *at == ']')) {
        s->at = at;
        if (negative) value = -value;
    } else {
        struct scalar text;
        if (!read_scalar(s, &text)) return false;
        struct weir_slice trimmed = weir_slice_trim(text.data, text.length);
        /* A number with a fraction is cut, as Jackson's asInt does; a string must be an integer. */
        enum weir_number_parsed parsed = weir_i64_parse(trimmed.data, trimmed.length, min, max, &value);
        if (parsed == WEIR_NUMBER_MALFORMED && !text.is_string) {
            double number;
            if (weir_double_parse(text.data, text.length, &number) != WEIR_NUMBER_PARSED ||
                !(number >= (double)min && number <= (double)max))
                return bad(s, to, &text);
            value = weir_double_to_i64(number);
        } else if (parsed != WEIR_NUMBER_PARSED) {
            return bad(s, to, &text);
        }
    }
    if (value < min || value > max) {
        char digits_text[32];
        struct scalar text = { digits_text, weir_i64_print(value, digits_text), false };
        return bad(s, to, &text);
    }
    switch (to->type->id) {
    case WEIR_TYPE_TINYINT: ((int8_t *)to->data)[row] = (int8_t)value; break;
    case WEIR_TYPE_SMALLINT: ((int16_t *)to->data)[row] = (int16_t)value; break;
    case WEIR_TYPE_INT:
    case WEIR_TYPE_INTERVAL_YEAR_MONTH: ((int32_t *)to->data)[row] = (int32_t)value; break;
    default: ((int64_t *)to->data)[row] = value; break;
    }
    return true;
}

static bool convert_boolean(struct json_scanner *s, struct weir_vector *to, uint32_t row)
{
    struct scalar text;
    if (!read_scalar(s, &text)) return false;
    struct weir_slice t = text.is_string ? weir_slice_trim(text.data, text.length)
                                         : (struct weir_slice){ text.data, text.length };
    /* Java's Boolean.parseBoolean for strings: anything but "true" is false; numbers count as Jackson's
     * asBoolean. */
    uint8_t value;
    if (t.length == 4 && strncasecmp(t.data, "true", 4) == 0)
        value = 1;
    else if (text.is_string || (t.length == 5 && memcmp(t.data, "false", 5) == 0))
        value = 0;
    else if (t.length > 0 && (*t.data == '-' || (*t.data >= '0' && *t.data <= '9')))
        value = !(t.length == 1 && *t.data == '0');
    else
        return bad(s, to, &text);
    ((uint8_t *)to->data)[row] = value;
    return true;
}

static bool convert_floating(struct json_scanner *s, struct weir_vector *to, uint32_t row)
{
    struct scalar text;
    if (!read_scalar(s, &text)) return false;
    enum weir_number_parsed parsed;
    if (to->type->id == WEIR_TYPE_DOUBLE)
        parsed = weir_double_parse(text.data, text.length, &((double *)to->data)[row]);
    else
        parsed = weir_float_parse(text.data, text.length, &((float *)to->data)[row]);
    return parsed == WEIR_NUMBER_PARSED || bad(s, to, &text);
}

static bool convert_decimal(struct json_scanner *s, struct weir_vector *to, uint32_t row, bool *is_null)
{
    struct scalar text;
    if (!read_scalar(s, &text)) return false;
    weir_int128 value;
    enum weir_decimal_parsed parsed =
        weir_decimal_parse(text.data, text.length, to->type->precision, to->type->scale, &value);
    if (parsed == WEIR_DECIMAL_MALFORMED) return bad(s, to, &text);
    *is_null = parsed == WEIR_DECIMAL_OVERFLOW; /* as Flink: a decimal that does not fit is NULL */
    if (*is_null) value = 0;
    if (weir_type_is_wide_decimal(to->type))
        ((weir_int128 *)to->data)[row] = value;
    else
        ((int64_t *)to->data)[row] = (int64_t)value;
    return true;
}

static bool store_string(
    struct json_scanner *s, struct weir_vector *to, uint32_t row, const char *data, size_t length)
{
    if (length > INT32_MAX) return json_fail(s, "a string of %zu bytes: at most %d fit", length, INT32_MAX);
    ((struct weir_string *)to->data)[row] = weir_heap_writer_string(&s->out->heap, data, (uint32_t)length);
    return true;
}

static bool convert_string(struct json_scanner *s, struct weir_vector *to, uint32_t row)
{
    json_space(s);
    const char *data;
    size_t length;
    if (s->at < s->end && *s->at == '"') {
        if (!json_scan_string(s, &data, &length)) return false;
    } else if (!json_raw(s, &data, &length)) {
        return false; /* numbers and nested values are kept as they are written */
    }
    return store_string(s, to, row, data, length);
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

static bool convert_bytes(struct json_scanner *s, struct weir_vector *to, uint32_t row)
{
    struct scalar text;
    if (!read_scalar(s, &text)) return false;
    if (!text.is_string) return bad(s, to, &text);
    char *bytes = weir_heap_writer_allocate(&s->out->heap, text.length);
    size_t length = 0;
    uint32_t bits = 0, count = 0;
    for (size_t i = 0; i < text.length && text.data[i] != '='; i++) {
        int digit = base64_digit(text.data[i]);
        if (digit < 0) return not_its_type(s, "the bytes are not in base64");
        bits = bits << 6 | (uint32_t)digit;
        if (++count % 4 == 0) {
            bytes[length++] = (char)(bits >> 16);
            bytes[length++] = (char)(bits >> 8);
            bytes[length++] = (char)bits;
        }
    }
    if (count % 4 == 1) return not_its_type(s, "the bytes are not in base64");
    if (count % 4 == 2) bytes[length++] = (char)(bits >> 4);
    if (count % 4 == 3) {
        bytes[length++] = (char)(bits >> 10);
        bytes[length++] = (char)(bits >> 2);
    }
    ((struct weir_string *)to->data)[row] = weir_string_view(bytes, (uint32_t)length);
    return true;
}

static bool convert_time(struct json_scanner *s, struct weir_vector *to, uint32_t row)
{
    struct scalar text;
    if (!read_scalar(s, &text)) return false;
    int32_t value;
    bool ok =
        text.is_string && (to->type->id == WEIR_TYPE_DATE ? weir_date_parse(text.data, text.length, &value)
                                                          : weir_time_parse(text.data, text.length, &value));
    if (ok && to->type->id == WEIR_TYPE_TIME && text.length && text.data[text.length - 1] == 'Z') ok = true;
    if (!ok) return bad(s, to, &text);
    ((int32_t *)to->data)[row] = value;
    return true;
}

/* "dddd-dd-dd?dd:dd:dd[.fraction][Z]" by fixed places: what files mostly hold, without a general parser. */
static bool fast_timestamp(const char *t, size_t length, char separator, bool zoned, int64_t *ret_us)
{
    if (zoned) {
        if (length == 0 || t[length - 1] != 'Z') return false;
        length--;
    }
    if (length < 19 || length > 26 || t[4] != '-' || t[7] != '-' || t[10] != separator || t[13] != ':' ||
        t[16] != ':')
        return false;
    static const uint8_t places[14] = { 0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18 };
    uint32_t d[14];
    for (int i = 0; i < 14; i++) {
        d[i] = (uint32_t)(t[places[i]] - '0');
        if (d[i] > 9) return false;
    }
    int64_t fraction = 0, scale = 100000;
    if (length > 19) {
        if (t[19] != '.' || length == 20) return false;
        for (size_t i = 20; i < length; i++, scale /= 10) {
            uint32_t digit = (uint32_t)(t[i] - '0');
            if (digit > 9) return false;
            fraction += digit * scale;
        }
    }
    int32_t year = (int32_t)(d[0] * 1000 + d[1] * 100 + d[2] * 10 + d[3]),
            month = (int32_t)(d[4] * 10 + d[5]), day = (int32_t)(d[6] * 10 + d[7]);
    int32_t hour = (int32_t)(d[8] * 10 + d[9]), minute = (int32_t)(d[10] * 10 + d[11]),
            second = (int32_t)(d[12] * 10 + d[13]);
    if (hour > 23 || minute > 59 || second > 59 || !weir_date_is_valid(year, month, day)) return false;
    *ret_us = weir_date_days(year, month, day) * WEIR_DAY_US +
              ((int64_t)hour * 3600 + minute * 60 + second) * WEIR_SECOND_US + fraction;
    return true;
}

static bool convert_timestamp(struct json_scanner *s, struct weir_vector *to, uint32_t row)
{
    struct scalar text;
    if (!read_scalar(s, &text)) return false;
    bool zoned = to->type->id == WEIR_TYPE_TIMESTAMP_LTZ;
    char separator = s->options->timestamps == JSON_TIMESTAMP_SQL ? ' ' : 'T';
    int64_t us;
    struct weir_civil civil;
    if (!text.is_string) return bad(s, to, &text);
    if (to->type->precision <= WEIR_TIMESTAMP_COMPACT_PRECISION_MAX &&
        fast_timestamp(text.data, text.length, separator, zoned, &us)) {
        ((int64_t *)to->data)[row] = weir_timestamp_us_floor(us, to->type->precision);
        return true;
    }
    if (!weir_timestamp_parse_strict(text.data, text.length, separator, zoned, &civil))
        return bad(s, to, &text);
    if (weir_type_is_wide_timestamp(to->type))
        ((weir_int128 *)to->data)[row] = weir_civil_ns(&civil);
    else
        ((int64_t *)to->data)[row] = weir_timestamp_us_floor(weir_civil_us(&civil), to->type->precision);
    return true;
}

static bool convert_array(struct json_scanner *s, struct weir_vector *to, uint32_t row)
{
    if (!enter(s, '[')) return false;
    struct weir_list list = { .offset = to->child_rows };
    json_space(s);
    if (s->at < s->end && *s->at == ']') {
        s->at++;
    } else {
        for (bool more = true; more;) {
            weir_vector_reserve_children(to, 1, s->arena);
            uint32_t child = to->child_rows++;
            list.length++;
            if (!json_convert(s, &to->children[0], child)) return false;
            if (!json_more(s, ']', &more)) return false;
        }
    }
    ((struct weir_list *)to->data)[row] = list;
    return true;
}

/* The key of a map entry is a string in the text; other key types are read from all of its content. One that
 * is no value of its type makes the map none of its own. */
static bool convert_key(struct json_scanner *s, struct weir_vector *keys, uint32_t row)
{
    if (keys->validity) weir_bit_set(keys->validity, row); /* of a key that came twice, or was none */
    if (weir_type_is_string(keys->type)) return convert_string(s, keys, row);
    const char *data;
    size_t length;
    if (!json_scan_string(s, &data, &length)) return false;
    struct json_scanner inner = *s;
    char quoted[512];
    s->bad_value = true; /* the record is JSON, whatever its key is */
    if (length > sizeof quoted - 4)
        return json_fail(s, "a map key of %zu bytes is no value of its type", length);
    bool bare = weir_type_is_numeric(keys->type) || keys->type->id == WEIR_TYPE_BOOLEAN;
    char *end = quoted;
    if (!bare) *end++ = '"';
    memcpy(end, data, length);
    end += length;
    if (!bare) *end++ = '"';
    *end = ',';
    inner.at = inner.start = quoted;
    inner.end = end + 1;
    if (!json_convert(&inner, keys, row)) return false;
    json_space(&inner);
    if (inner.at != end || inner.nulled != s->nulled)
        return json_fail(s, "the map key '%.*s' is no value of its type", (int)length, quoted + !bare);
    s->bad_value = false;
    return true;
}

/* MAP and MULTISET: an object; of a name that comes twice the last counts. */
static bool convert_map(struct json_scanner *s, struct weir_vector *to, uint32_t row)
{
    if (!enter(s, '{')) return false;
    struct weir_list list = { .offset = to->child_rows };
    json_space(s);
    if (s->at < s->end && *s->at == '}') {
        s->at++;
        ((struct weir_list *)to->data)[row] = list;
        return true;
    }
    for (bool more = true; more;) {
        json_space(s);
        if (s->at >= s->end || *s->at != '"') return json_fail(s, "a field name in quotes is expected");
        weir_vector_reserve_children(to, 1, s->arena);
        uint32_t child = to->child_rows;
        if (!convert_key(s, &to->children[0], child) || !json_expect(s, ':')) return false;
        uint32_t target = child;
        for (uint32_t i = list.offset; i < child; i++)
            if (weir_vector_equal_at(&to->children[0], i, &to->children[0], child)) target = i;
        if (target == child) {
            to->child_rows++;
            list.length++;
        } else if (to->children[1].validity) {
            weir_bit_set(to->children[1].validity, target);
        }
        if (!json_convert(s, &to->children[1], target)) return false;
        if (!json_more(s, '}', &more)) return false;
    }
    ((struct weir_list *)to->data)[row] = list;
    return true;
}

static void set_null_deep(struct json_scanner *s, struct weir_vector *to, uint32_t row)
{
    weir_vector_set_null(to, row, s->arena);
    if (to->type->id == WEIR_TYPE_ROW) {
        for (uint32_t i = 0; i < to->type->child_count; i++) set_null_deep(s, &to->children[i], row);
    } else if (weir_type_width(to->type) > 0) {
        uint32_t width = weir_type_width(to->type);
        memset((char *)to->data + (size_t)row * width, 0, width);
    }
}

static bool convert_row(struct json_scanner *s, struct weir_vector *to, uint32_t row)
{
    if (!enter(s, '{')) return false;
    uint32_t count = to->type->child_count;
    uint64_t seen[(JSON_FIELDS_MAX + 63) / 64];
    memset(seen, 0, weir_validity_words(count) * sizeof *seen);
    json_space(s);
    bool more = s->at >= s->end || *s->at != '}';
    if (!more) s->at++;
    for (uint32_t hint = 0; more;) {
        const char *name;
        size_t length;
        if (!json_scan_name(s, &name, &length)) return false;
        uint32_t field = count;
        for (uint32_t tried = 0; tried < count; tried++) {
            uint32_t i = hint + tried < count ? hint + tried : hint + tried - count;
            if (strlen(to->type->field_names[i]) == length &&
                memcmp(to->type->field_names[i], name, length) == 0) {
                field = i;
                break;
            }
        }
        if (field < count) {
            if (to->children[field].validity) weir_bit_set(to->children[field].validity, row);
            weir_bit_set(seen, field);
            if (!json_convert(s, &to->children[field], row)) return false;
            hint = field + 1 < count ? field + 1 : 0;
        } else if (!json_skip(s)) {
            return false;
        }
        if (!json_more(s, '}', &more)) return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (weir_bit_get(seen, i)) continue;
        if (s->options->fail_on_missing_field)
            return json_fail(s, "the field \"%s\" is missing", to->type->field_names[i]);
        set_null_deep(s, &to->children[i], row);
    }
    return true;
}

bool json_forgive(struct json_scanner *s, const char *from, uint32_t depth)
{
    bool forgiven = s->bad_value && s->options->ignore_parse_errors;
    s->bad_value = false;
    if (!forgiven) return false;
    s->at = from;
    s->depth = depth;
    s->nulled++;
    return json_skip(s);
}

static bool convert_value(struct json_scanner *s, struct weir_vector *to, uint32_t row)
{
    if (s->end - s->at >= 4 && memcmp(s->at, "null", 4) == 0) {
        s->at += 4;
        set_null_deep(s, to, row);
        return true;
    }
    if (++s->depth > JSON_DEPTH_MAX) return json_fail(s, "nested deeper than %d levels", JSON_DEPTH_MAX);
    bool ok = false, is_null = false;
    switch (to->type->id) {
    case WEIR_TYPE_BOOLEAN: ok = convert_boolean(s, to, row); break;
    case WEIR_TYPE_TINYINT: ok = convert_integer(s, to, row, INT8_MIN, INT8_MAX); break;
    case WEIR_TYPE_SMALLINT: ok = convert_integer(s, to, row, INT16_MIN, INT16_MAX); break;
    case WEIR_TYPE_INT:
    case WEIR_TYPE_INTERVAL_YEAR_MONTH: ok = convert_integer(s, to, row, INT32_MIN, INT32_MAX); break;
    case WEIR_TYPE_BIGINT:
    case WEIR_TYPE_INTERVAL_DAY_TIME: ok = convert_integer(s, to, row, INT64_MIN, INT64_MAX); break;
    case WEIR_TYPE_FLOAT:
    case WEIR_TYPE_DOUBLE: ok = convert_floating(s, to, row); break;
    case WEIR_TYPE_DECIMAL:
        ok = convert_decimal(s, to, row, &is_null);
        if (ok && is_null) weir_vector_set_null(to, row, s->arena);
        break;
    case WEIR_TYPE_CHAR:
    case WEIR_TYPE_VARCHAR: ok = convert_string(s, to, row); break;
    case WEIR_TYPE_BINARY:
    case WEIR_TYPE_VARBINARY: ok = convert_bytes(s, to, row); break;
    case WEIR_TYPE_DATE:
    case WEIR_TYPE_TIME: ok = convert_time(s, to, row); break;
    case WEIR_TYPE_TIMESTAMP:
    case WEIR_TYPE_TIMESTAMP_LTZ: ok = convert_timestamp(s, to, row); break;
    case WEIR_TYPE_ARRAY: ok = convert_array(s, to, row); break;
    case WEIR_TYPE_MAP:
    case WEIR_TYPE_MULTISET: ok = convert_map(s, to, row); break;
    case WEIR_TYPE_ROW: ok = convert_row(s, to, row); break;
    case WEIR_TYPE_NULL: ok = json_skip(s); break;
    case WEIR_TYPE_COUNT: break;
    }
    s->depth--;
    return ok;
}

bool json_convert(struct json_scanner *s, struct weir_vector *to, uint32_t row)
{
    json_space(s);
    const char *from = s->at;
    uint32_t depth = s->depth;
    if (WEIR_LIKELY(convert_value(s, to, row))) return true;
    if (!json_forgive(s, from, depth)) return false;
    set_null_deep(s, to, row);
    return true;
}
