#include "data/decimal.h"
#include "data/number.h"
#include "data/time.h"
#include "data/value.h"
#include "plugins/format/csv/csv.h"
#include <string.h>

enum { CSV_QUOTE_CHECK_MAX = 24 /* longer strings are quoted without a look, as Jackson does */ };

struct weir_encoder {
    struct csv_options options;
    struct weir_format_context ctx;
};

enum weir_error_code csv_encoder_new(
    const struct weir_format_context *ctx, struct weir_encoder **ret, struct weir_error *reterr)
{
    *ret = WEIR_ARENA_NEW(ctx->arena, struct weir_encoder);
    (*ret)->ctx = *ctx;
    return csv_options_read(ctx, &(*ret)->options, reterr);
}

static bool needs_quotes(const struct csv_options *o, const char *text, size_t length)
{
    if (!o->quote) return false;
    if (length > CSV_QUOTE_CHECK_MAX) return true;
    unsigned char safe = (unsigned char)WEIR_MAX(WEIR_MAX(o->delimiter, o->quote), '\r');
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] <= safe || text[i] == o->delimiter || text[i] == o->escape) return true;
    return false;
}

static void put_text(const struct csv_options *o, const char *text, size_t length, struct weir_buffer *to)
{
    if (!needs_quotes(o, text, length)) {
        weir_buffer_append(to, text, length);
        return;
    }
    weir_buffer_append_byte(to, o->quote);
    for (size_t i = 0; i < length; i++) {
        if (text[i] == o->quote)
            weir_buffer_append_byte(to, o->escape ? o->escape : o->quote);
        else if (o->escape && text[i] == o->escape)
            weir_buffer_append_byte(to, o->escape);
        weir_buffer_append_byte(to, text[i]);
    }
    weir_buffer_append_byte(to, o->quote);
}

static void put_base64(const uint8_t *bytes, size_t length, struct weir_buffer *to)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < length; i += 3) {
        uint32_t bits = (uint32_t)bytes[i] << 16 | (i + 1 < length ? (uint32_t)bytes[i + 1] << 8 : 0) |
                        (i + 2 < length ? bytes[i + 2] : 0u);
        char out[4] = { digits[bits >> 18], digits[bits >> 12 & 63],
            i + 1 < length ? digits[bits >> 6 & 63] : '=', i + 2 < length ? digits[bits & 63] : '=' };
        weir_buffer_append(to, out, 4);
    }
}

static void put_decimal(
    const struct csv_options *o, const struct weir_type *type, weir_int128 value, struct weir_buffer *to)
{
    char text[WEIR_DECIMAL_TEXT_BYTES_MAX];
    weir_int128 magnitude = value < 0 ? -value : value;
    int32_t zeros = 0;
    /* Scientific: without trailing zeros, and with an exponent where BigDecimal.toString would write one. */
    while (o->scientific && magnitude != 0 && magnitude % 10 == 0) {
        magnitude /= 10;
        zeros++;
    }
    int32_t scale = type->scale - zeros;
    if (!o->scientific || (scale >= 0 && magnitude == 0)) {
        weir_buffer_append(
            to, text, weir_decimal_print(o->scientific ? 0 : value, o->scientific ? 0 : type->scale, text));
        return;
    }
    size_t count = weir_i128_print(magnitude, text);
    int32_t adjusted = (int32_t)count - 1 - scale;
    if (scale >= 0 && adjusted >= -6) {
        weir_buffer_append(
            to, text, weir_decimal_print(value < 0 ? -magnitude : magnitude, (uint32_t)scale, text));
        return;
    }
    if (value < 0) weir_buffer_append_byte(to, '-');
    weir_buffer_append_byte(to, text[0]);
    if (count > 1) {
        weir_buffer_append_byte(to, '.');
        weir_buffer_append(to, text + 1, count - 1);
    }
    weir_buffer_format(to, "E%+d", adjusted);
}

static void put_timestamp(const struct weir_vector *v, uint32_t at, struct weir_buffer *to)
{
    struct weir_civil civil = weir_type_is_wide_timestamp(v->type)
                                  ? weir_civil_from_ns(((const weir_int128 *)v->data)[at])
                                  : weir_civil_from_us(((const int64_t *)v->data)[at]);
    char text[WEIR_TIME_TEXT_BYTES_MAX];
    size_t length = weir_timestamp_print(&civil, ' ', 9, text);
    while (length && text[length - 1] == '0') length--;
    if (length && text[length - 1] == '.') length--;
    weir_buffer_append(to, text, length);
    if (v->type->id == WEIR_TYPE_TIMESTAMP_LTZ) weir_buffer_append_byte(to, 'Z');
}

/* The plain text of a value, before quoting. */
static void put_value(
    const struct weir_encoder *e, const struct weir_vector *vector, uint32_t row, struct weir_buffer *to)
{
    const struct weir_vector *v;
    uint32_t at = weir_vector_locate(vector, row, &v);
    if (weir_vector_is_null(vector, row)) {
        if (e->options.null_literal) weir_buffer_append_text(to, e->options.null_literal);
        return;
    }
    const struct weir_string *s = (const struct weir_string *)v->data + at;
    char text[WEIR_TIME_TEXT_BYTES_MAX];
    switch (v->type->id) {
    case WEIR_TYPE_CHAR:
    case WEIR_TYPE_VARCHAR: weir_buffer_append(to, weir_string_data(s), s->length); break;
    case WEIR_TYPE_BINARY:
    case WEIR_TYPE_VARBINARY: put_base64((const uint8_t *)weir_string_data(s), s->length, to); break;
    case WEIR_TYPE_DECIMAL:
        put_decimal(&e->options, v->type,
            weir_type_is_wide_decimal(v->type) ? ((const weir_int128 *)v->data)[at]
                                               : ((const int64_t *)v->data)[at],
            to);
        break;
    case WEIR_TYPE_TIMESTAMP:
    case WEIR_TYPE_TIMESTAMP_LTZ: put_timestamp(v, at, to); break;
    case WEIR_TYPE_INTERVAL_YEAR_MONTH:
        weir_buffer_append(to, text, weir_i64_print(((const int32_t *)v->data)[at], text));
        break;
    case WEIR_TYPE_INTERVAL_DAY_TIME:
        weir_buffer_append(to, text, weir_i64_print(((const int64_t *)v->data)[at], text));
        break;
    case WEIR_TYPE_ARRAY: {
        struct weir_list list = ((const struct weir_list *)v->data)[at];
        for (uint32_t i = 0; i < list.length; i++) {
            if (i) weir_buffer_append_text(to, e->options.array_delimiter);
            put_value(e, &v->children[0], list.offset + i, to);
        }
        break;
    }
    case WEIR_TYPE_ROW:
        for (uint32_t i = 0; i < v->type->child_count; i++) {
            if (i) weir_buffer_append_text(to, e->options.array_delimiter);
            put_value(e, &v->children[i], at, to);
        }
        break;
    default: weir_value_print(vector, row, WEIR_TEXT_PRINT, e->ctx.local_zone, to); break;
    }
}

static bool is_text(const struct weir_type *type)
{
    return !weir_type_is_numeric(type) && type->id != WEIR_TYPE_BOOLEAN && !weir_type_is_interval(type);
}

enum weir_error_code csv_encode(
    struct weir_encoder *e, const struct weir_batch *in, struct weir_buffer *to, struct weir_error *reterr)
{
    uint32_t count = weir_batch_selected(in);
    struct weir_buffer field;
    weir_buffer_init(&field, to->memory, (size_t)1 << 30);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = weir_batch_row(in, i);
        for (uint32_t c = 0; c < in->column_count; c++) {
            if (c) weir_buffer_append_byte(to, e->options.delimiter);
            if (weir_vector_is_null(&in->columns[c], row) || !is_text(in->columns[c].type)) {
                put_value(e, &in->columns[c], row, to);
                continue;
            }
            weir_buffer_clear(&field);
            put_value(e, &in->columns[c], row, &field);
            put_text(&e->options, field.data ? field.data : "", field.length, to);
        }
        weir_buffer_append_byte(to, '\n');
    }
    weir_buffer_done(&field);
    return to->overflowed ? weir_error_set(reterr, WEIR_E_DATA,
                                "the records of one batch are longer than %zu bytes", to->bytes_max)
                          : WEIR_OK;
}
