#include "data/decimal.h"
#include "data/number.h"
#include "data/time.h"
#include "data/value.h"
#include "plugins/format/json/json.h"
#include <math.h>
#include <string.h>

static void encode_string(const char *text, size_t length, struct weir_buffer *to)
{
    weir_buffer_append_byte(to, '"');
    size_t from = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c >= 0x20 && c != '"' && c != '\\') continue;
        weir_buffer_append(to, text + from, i - from);
        from = i + 1;
        switch (c) {
        case '"': weir_buffer_append(to, "\\\"", 2); break;
        case '\\': weir_buffer_append(to, "\\\\", 2); break;
        case '\n': weir_buffer_append(to, "\\n", 2); break;
        case '\r': weir_buffer_append(to, "\\r", 2); break;
        case '\t': weir_buffer_append(to, "\\t", 2); break;
        case '\b': weir_buffer_append(to, "\\b", 2); break;
        case '\f': weir_buffer_append(to, "\\f", 2); break;
        default: weir_buffer_format(to, "\\u%04X", c);
        }
    }
    weir_buffer_append(to, text + from, length - from);
    weir_buffer_append_byte(to, '"');
}

static void encode_base64(const uint8_t *bytes, size_t length, struct weir_buffer *to)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    weir_buffer_append_byte(to, '"');
    for (size_t i = 0; i < length; i += 3) {
        uint32_t bits = (uint32_t)bytes[i] << 16 | (i + 1 < length ? (uint32_t)bytes[i + 1] << 8 : 0) |
                        (i + 2 < length ? bytes[i + 2] : 0u);
        char out[4] = { digits[bits >> 18], digits[bits >> 12 & 63],
            i + 1 < length ? digits[bits >> 6 & 63] : '=', i + 2 < length ? digits[bits & 63] : '=' };
        weir_buffer_append(to, out, 4);
    }
    weir_buffer_append_byte(to, '"');
}

static void encode_decimal(
    const struct weir_encoder *e, const struct weir_type *type, weir_int128 value, struct weir_buffer *to)
{
    char text[WEIR_DECIMAL_TEXT_BYTES_MAX];
    if (e->options.decimals_plain) {
        weir_buffer_append(to, text, weir_decimal_print(value, type->scale, text));
        return;
    }
    /* As Java's BigDecimal.toString: an exponent when the point stands six places or more before the digits.
     */
    bool negative = value < 0;
    weir_int128 magnitude = negative ? -value : value;
    size_t count = weir_i128_print(magnitude, text);
    int32_t adjusted = (int32_t)count - 1 - type->scale;
    if (type->scale == 0 || adjusted >= -6) {
        weir_buffer_append(to, text, weir_decimal_print(value, type->scale, text));
        return;
    }
    if (negative) weir_buffer_append_byte(to, '-');
    weir_buffer_append_byte(to, text[0]);
    if (count > 1) {
        weir_buffer_append_byte(to, '.');
        weir_buffer_append(to, text + 1, count - 1);
    }
    weir_buffer_format(to, "E%d", adjusted);
}

static void encode_timestamp(
    const struct weir_encoder *e, const struct weir_vector *v, uint32_t at, struct weir_buffer *to)
{
    struct weir_civil civil = weir_type_is_wide_timestamp(v->type)
                                  ? weir_civil_from_ns(((const weir_int128 *)v->data)[at])
                                  : weir_civil_from_us(((const int64_t *)v->data)[at]);
    char text[WEIR_TIME_TEXT_BYTES_MAX];
    size_t length =
        weir_timestamp_print(&civil, e->options.timestamps == JSON_TIMESTAMP_SQL ? ' ' : 'T', 9, text);
    /* The fraction without its trailing zeros; none at all when it is zero. */
    while (length && text[length - 1] == '0') length--;
    if (length && text[length - 1] == '.') length--;
    weir_buffer_append_byte(to, '"');
    weir_buffer_append(to, text, length);
    if (v->type->id == WEIR_TYPE_TIMESTAMP_LTZ) weir_buffer_append_byte(to, 'Z');
    weir_buffer_append_byte(to, '"');
}

static void encode_double(double value, bool is_float, struct weir_buffer *to)
{
    char text[WEIR_NUMBER_TEXT_BYTES_MAX];
    size_t length = is_float ? weir_float_print((float)value, text) : weir_double_print(value, text);
    if (isfinite(value))
        weir_buffer_append(to, text, length);
    else
        encode_string(text, length, to);
}

static bool encode_map(const struct weir_encoder *e, const struct weir_vector *v, uint32_t at,
    struct weir_buffer *to, struct weir_error *reterr)
{
    struct weir_list list = ((const struct weir_list *)v->data)[at];
    weir_buffer_append_byte(to, '{');
    bool first = true;
    for (uint32_t i = list.offset; i < list.offset + list.length; i++) {
        bool null_key = weir_vector_is_null(&v->children[0], i);
        if (null_key && e->options.map_null_key == JSON_MAP_NULL_KEY_DROP) continue;
        if (null_key && e->options.map_null_key == JSON_MAP_NULL_KEY_FAIL) {
            weir_error_set(reterr, WEIR_E_DATA,
                "JSON has no null map keys: set json.map-null-key.mode to DROP or LITERAL");
            return false;
        }
        if (!first) weir_buffer_append_byte(to, ',');
        first = false;
        if (null_key) {
            encode_string(e->options.map_null_key_literal, strlen(e->options.map_null_key_literal), to);
        } else {
            struct weir_buffer key;
            weir_buffer_init(&key, to->memory, 1 << 24);
            weir_value_print(&v->children[0], i, WEIR_TEXT_PRINT, e->ctx.local_zone, &key);
            encode_string(key.data ? key.data : "", key.length, to);
            weir_buffer_done(&key);
        }
        weir_buffer_append_byte(to, ':');
        if (!json_encode_value(e, &v->children[1], i, to, reterr)) return false;
    }
    weir_buffer_append_byte(to, '}');
    return true;
}

static bool encode_fields(const struct weir_encoder *e, const struct weir_vector *columns,
    const char *const *names, uint32_t count, uint32_t row, struct weir_buffer *to, struct weir_error *reterr)
{
    weir_buffer_append_byte(to, '{');
    bool first = true;
    for (uint32_t i = 0; i < count; i++) {
        if (e->options.ignore_null_fields && weir_vector_is_null(&columns[i], row)) continue;
        if (!first) weir_buffer_append_byte(to, ',');
        first = false;
        encode_string(names[i], strlen(names[i]), to);
        weir_buffer_append_byte(to, ':');
        if (!json_encode_value(e, &columns[i], row, to, reterr)) return false;
    }
    weir_buffer_append_byte(to, '}');
    return true;
}

static bool encode_array(const struct weir_encoder *e, const struct weir_vector *v, uint32_t at,
    struct weir_buffer *to, struct weir_error *reterr)
{
    struct weir_list list = ((const struct weir_list *)v->data)[at];
    weir_buffer_append_byte(to, '[');
    for (uint32_t i = 0; i < list.length; i++) {
        if (i) weir_buffer_append_byte(to, ',');
        if (!json_encode_value(e, &v->children[0], list.offset + i, to, reterr)) return false;
    }
    weir_buffer_append_byte(to, ']');
    return true;
}

bool json_encode_value(const struct weir_encoder *e, const struct weir_vector *vector, uint32_t row,
    struct weir_buffer *to, struct weir_error *reterr)
{
    if (weir_vector_is_null(vector, row)) {
        weir_buffer_append(to, "null", 4);
        return true;
    }
    const struct weir_vector *v;
    uint32_t at = weir_vector_locate(vector, row, &v);
    char text[WEIR_NUMBER_TEXT_BYTES_MAX + WEIR_TIME_TEXT_BYTES_MAX];
    switch (v->type->id) {
    case WEIR_TYPE_BOOLEAN:
        weir_buffer_append_text(to, ((const uint8_t *)v->data)[at] ? "true" : "false");
        break;
    case WEIR_TYPE_TINYINT:
        weir_buffer_append(to, text, weir_i64_print(((const int8_t *)v->data)[at], text));
        break;
    case WEIR_TYPE_SMALLINT:
        weir_buffer_append(to, text, weir_i64_print(((const int16_t *)v->data)[at], text));
        break;
    case WEIR_TYPE_INT:
    case WEIR_TYPE_INTERVAL_YEAR_MONTH:
        weir_buffer_append(to, text, weir_i64_print(((const int32_t *)v->data)[at], text));
        break;
    case WEIR_TYPE_BIGINT:
    case WEIR_TYPE_INTERVAL_DAY_TIME:
        weir_buffer_append(to, text, weir_i64_print(((const int64_t *)v->data)[at], text));
        break;
    case WEIR_TYPE_FLOAT: encode_double((double)((const float *)v->data)[at], true, to); break;
    case WEIR_TYPE_DOUBLE: encode_double(((const double *)v->data)[at], false, to); break;
    case WEIR_TYPE_DECIMAL:
        encode_decimal(e, v->type,
            weir_type_is_wide_decimal(v->type) ? ((const weir_int128 *)v->data)[at]
                                               : ((const int64_t *)v->data)[at],
            to);
        break;
    case WEIR_TYPE_CHAR:
    case WEIR_TYPE_VARCHAR: {
        const struct weir_string *s = &((const struct weir_string *)v->data)[at];
        encode_string(weir_string_data(s), s->length, to);
        break;
    }
    case WEIR_TYPE_BINARY:
    case WEIR_TYPE_VARBINARY: {
        const struct weir_string *s = &((const struct weir_string *)v->data)[at];
        encode_base64((const uint8_t *)weir_string_data(s), s->length, to);
        break;
    }
    case WEIR_TYPE_DATE:
        weir_buffer_format(to, "\"%.*s\"", (int)weir_date_print(((const int32_t *)v->data)[at], text), text);
        break;
    case WEIR_TYPE_TIME: {
        size_t length = weir_time_print(((const int32_t *)v->data)[at], 3, text);
        while (length && text[length - 1] == '0' && length > 8) length--;
        if (length && text[length - 1] == '.') length--;
        weir_buffer_format(to, "\"%.*s\"", (int)length, text);
        break;
    }
    case WEIR_TYPE_TIMESTAMP:
    case WEIR_TYPE_TIMESTAMP_LTZ: encode_timestamp(e, v, at, to); break;
    case WEIR_TYPE_ARRAY: return encode_array(e, v, at, to, reterr);
    case WEIR_TYPE_MAP:
    case WEIR_TYPE_MULTISET: return encode_map(e, v, at, to, reterr);
    case WEIR_TYPE_ROW:
        return encode_fields(e, v->children, v->type->field_names, v->type->child_count, at, to, reterr);
    case WEIR_TYPE_NULL:
    case WEIR_TYPE_COUNT: weir_buffer_append(to, "null", 4); break;
    }
    return true;
}

bool json_encode_row(const struct weir_encoder *e, const struct weir_batch *in, uint32_t row,
    struct weir_buffer *to, struct weir_error *reterr)
{
    return encode_fields(e, in->columns, e->ctx.schema_names, e->ctx.schema_count, row, to, reterr);
}

enum weir_error_code json_encoder_new(const struct weir_format_context *ctx, const char *format_name,
    struct weir_encoder **ret, struct weir_error *reterr)
{
    struct weir_encoder *e = WEIR_ARENA_NEW(ctx->arena, struct weir_encoder);
    e->ctx = *ctx;
    *ret = e;
    return json_options_read(ctx, format_name, &e->options, reterr);
}
