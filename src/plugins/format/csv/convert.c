#include "data/decimal.h"
#include "data/number.h"
#include "data/time.h"
#include "data/utf8.h"
#include "plugins/format/csv/csv.h"
#include <string.h>
#include <strings.h>

bool csv_type_is_supported(const struct weir_type *type, bool nested)
{
    if (type->id == WEIR_TYPE_MAP || type->id == WEIR_TYPE_MULTISET) return false;
    if (!weir_type_is_nested(type)) return true;
    if (nested) return false; /* there is one delimiter for elements */
    for (uint32_t i = 0; i < type->child_count; i++)
        if (!csv_type_is_supported(type->children[i], true)) return false;
    return true;
}

static bool integer(const char *text, size_t length, int64_t min, int64_t max, int64_t *value)
{
    if (length > 0 && length < 18) { /* plain digits: what files hold */
        size_t i = *text == '-';
        int64_t sum = 0;
        for (; i < length && text[i] >= '0' && text[i] <= '9'; i++) sum = sum * 10 + (text[i] - '0');
        if (i == length && length > (size_t)(*text == '-')) {
            *value = *text == '-' ? -sum : sum;
            return *value >= min && *value <= max;
        }
    }
    struct weir_slice trimmed = weir_slice_trim(text, length);
    return weir_i64_parse(trimmed.data, trimmed.length, min, max, value) == WEIR_NUMBER_PARSED;
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static bool bytes(const char *text, size_t length, struct weir_string *to, struct weir_batch *out)
{
    char *at = weir_heap_writer_allocate(&out->heap, length + 1);
    size_t written = 0;
    uint32_t bits = 0, held = 0;
    while (length && text[length - 1] == '=') length--;
    for (size_t i = 0; i < length; i++) {
        int digit = base64_digit(text[i]);
        if (digit < 0) return false;
        bits = bits << 6 | (uint32_t)digit;
        held += 6;
        if (held >= 8) at[written++] = (char)(bits >> (held -= 8));
    }
    *to = weir_string_view(at, (uint32_t)written);
    return length % 4 != 1;
}

static bool timestamp(const char *text, size_t length, struct weir_vector *to, uint32_t row)
{
    struct weir_civil civil;
    struct weir_slice t = weir_slice_trim(text, length);
    bool zoned = to->type->id == WEIR_TYPE_TIMESTAMP_LTZ;
    if (!weir_timestamp_parse_strict(t.data, t.length, ' ', zoned, &civil) &&
        !weir_timestamp_parse_strict(t.data, t.length, 'T', zoned, &civil))
        return false;
    if (weir_type_is_wide_timestamp(to->type))
        ((weir_int128 *)to->data)[row] = weir_civil_ns(&civil);
    else
        ((int64_t *)to->data)[row] = weir_timestamp_us_floor(weir_civil_us(&civil), to->type->precision);
    return true;
}

static bool decimal(
    const char *text, size_t length, struct weir_vector *to, uint32_t row, struct weir_batch *out)
{
    weir_int128 value;
    enum weir_decimal_parsed parsed =
        weir_decimal_parse(text, length, to->type->precision, to->type->scale, &value);
    if (parsed == WEIR_DECIMAL_MALFORMED) return false;
    if (parsed == WEIR_DECIMAL_OVERFLOW) {
        weir_vector_set_null(to, row, &out->arena);
        value = 0;
    }
    if (weir_type_is_wide_decimal(to->type))
        ((weir_int128 *)to->data)[row] = value;
    else
        ((int64_t *)to->data)[row] = (int64_t)value;
    return true;
}

/* Elements of an array, fields of a row: parts of the text between the element delimiter. */
static bool parts(const struct csv_options *options, const char *text, size_t length, struct weir_vector *to,
    uint32_t row, struct weir_batch *out)
{
    bool is_array = to->type->id == WEIR_TYPE_ARRAY;
    struct weir_list list = { .offset = to->child_rows };
    size_t separator = strlen(options->array_delimiter), from = 0;
    uint32_t count = 0;
    for (bool last = is_array && length == 0; !last; count++) {
        size_t to_at = from;
        while (to_at + separator <= length && memcmp(text + to_at, options->array_delimiter, separator) != 0)
            to_at++;
        last = to_at + separator > length;
        if (last) to_at = length;
        struct weir_vector *child = is_array ? &to->children[0] : &to->children[count];
        uint32_t at = row;
        if (is_array) {
            weir_vector_reserve_children(to, 1, &out->arena);
            child = &to->children[0];
            at = to->child_rows++;
        } else if (count >= to->type->child_count) {
            return false;
        }
        if (!csv_convert(options, text + from, to_at - from, child, at, out)) return false;
        from = to_at + separator;
    }
    if (!is_array) return count == to->type->child_count;
    list.length = count;
    ((struct weir_list *)to->data)[row] = list;
    return true;
}

bool csv_convert(const struct csv_options *options, const char *text, size_t length, struct weir_vector *to,
    uint32_t row, struct weir_batch *out)
{
    if ((options->null_literal && length == options->null_literal_length &&
            memcmp(text, options->null_literal, length) == 0) ||
        (options->empty_string_as_null && length == 0)) {
        weir_vector_set_null(to, row, &out->arena);
        if (weir_type_is_view(to->type)) ((struct weir_string *)to->data)[row] = weir_string_view("", 0);
        return true;
    }
    int64_t value;
    struct weir_slice t;
    switch (to->type->id) {
    case WEIR_TYPE_CHAR:
    case WEIR_TYPE_VARCHAR:
        if (!weir_utf8_is_valid(text, length) || length > INT32_MAX) return false;
        ((struct weir_string *)to->data)[row] = weir_heap_writer_string(&out->heap, text, (uint32_t)length);
        return true;
    case WEIR_TYPE_BOOLEAN:
        t = weir_slice_trim(text, length);
        ((uint8_t *)to->data)[row] = t.length == 4 && strncasecmp(t.data, "true", 4) == 0;
        return true;
    case WEIR_TYPE_TINYINT:
        if (!integer(text, length, INT8_MIN, INT8_MAX, &value)) return false;
        ((int8_t *)to->data)[row] = (int8_t)value;
        return true;
    case WEIR_TYPE_SMALLINT:
        if (!integer(text, length, INT16_MIN, INT16_MAX, &value)) return false;
        ((int16_t *)to->data)[row] = (int16_t)value;
        return true;
    case WEIR_TYPE_INT:
    case WEIR_TYPE_INTERVAL_YEAR_MONTH:
        if (!integer(text, length, INT32_MIN, INT32_MAX, &value)) return false;
        ((int32_t *)to->data)[row] = (int32_t)value;
        return true;
    case WEIR_TYPE_BIGINT:
    case WEIR_TYPE_INTERVAL_DAY_TIME:
        if (!integer(text, length, INT64_MIN, INT64_MAX, &value)) return false;
        ((int64_t *)to->data)[row] = value;
        return true;
    case WEIR_TYPE_FLOAT:
        return weir_float_parse(text, length, &((float *)to->data)[row]) == WEIR_NUMBER_PARSED;
    case WEIR_TYPE_DOUBLE:
        return weir_double_parse(text, length, &((double *)to->data)[row]) == WEIR_NUMBER_PARSED;
    case WEIR_TYPE_DECIMAL: return decimal(text, length, to, row, out);
    case WEIR_TYPE_DATE: return weir_date_parse(text, length, &((int32_t *)to->data)[row]);
    case WEIR_TYPE_TIME: return weir_time_parse(text, length, &((int32_t *)to->data)[row]);
    case WEIR_TYPE_TIMESTAMP:
    case WEIR_TYPE_TIMESTAMP_LTZ: return timestamp(text, length, to, row);
    case WEIR_TYPE_BINARY:
    case WEIR_TYPE_VARBINARY: return bytes(text, length, &((struct weir_string *)to->data)[row], out);
    case WEIR_TYPE_ARRAY:
    case WEIR_TYPE_ROW: return parts(options, text, length, to, row, out);
    default: return false;
    }
}
