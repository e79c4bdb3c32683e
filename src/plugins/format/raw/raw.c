/*
 * Format raw: a record is one value of one column. Text types take the line as it is; numbers are the bytes
 * of their binary form (endianness), BOOLEAN one byte, BYTES the record's bytes. Records end at a newline, or
 * at 'line-delimiter'.
 */
#include "data/utf8.h"
#include "spi/connector.h"
#include <string.h>
#include <strings.h>

struct raw_options {
    bool little_endian;
    const char *delimiter;
    size_t delimiter_length;
};

struct weir_decoder {
    struct raw_options options;
    const struct weir_type *type;
    uint32_t column_count;
};
struct weir_encoder {
    struct raw_options options;
};

static const struct weir_option_definition options[] = {
    { .key = "charset", .type = "String", .default_value = "UTF-8", .description = "Of text columns." },
    { .key = "endianness",
        .type = "Enum(big-endian|little-endian)",
        .default_value = "big-endian",
        .description = "Of numbers." },
    { .key = "line-delimiter",
        .type = "String",
        .default_value = "\\n",
        .description = "What ends a record; \\r\\n and \\t may be written so." },
};

static const char *get(const struct weir_format_context *ctx, const char *key)
{
    for (uint32_t i = 0; i < ctx->option_count; i++)
        if (strcmp(ctx->options[i].key, key) == 0) return ctx->options[i].value;
    return NULL;
}

static enum weir_error_code read_options(
    const struct weir_format_context *ctx, struct raw_options *ret, struct weir_error *reterr)
{
    *ret = (struct raw_options){ .delimiter = "\n", .delimiter_length = 1 };
    const char *charset = get(ctx, "charset"), *endianness = get(ctx, "endianness"),
               *delimiter = get(ctx, "line-delimiter");
    if (charset && strcasecmp(charset, "UTF-8") != 0 && strcasecmp(charset, "UTF8") != 0 &&
        strcasecmp(charset, "US-ASCII") != 0)
        return weir_error_set(
            reterr, WEIR_E_UNSUPPORTED, "option 'raw.charset' = '%s' is not implemented; UTF-8 is", charset);
    ret->little_endian = endianness && strcasecmp(endianness, "little-endian") == 0;
    if (delimiter && strcmp(delimiter, "\\r\\n") == 0)
        delimiter = "\r\n";
    else if (delimiter && strcmp(delimiter, "\\n") == 0)
        delimiter = "\n";
    else if (delimiter && strcmp(delimiter, "\\t") == 0)
        delimiter = "\t";
    if (delimiter && !*delimiter)
        return weir_error_set(reterr, WEIR_E_SQL_VALIDATION, "option 'raw.line-delimiter' is empty");
    if (delimiter) {
        ret->delimiter = delimiter;
        ret->delimiter_length = strlen(delimiter);
    }
    return WEIR_OK;
}

static bool supported(const struct weir_type *type)
{
    return weir_type_is_view(type) || type->id == WEIR_TYPE_BOOLEAN || weir_type_is_integer(type) ||
           weir_type_is_approximate(type);
}

static enum weir_error_code describe(const struct weir_format_context *ctx, bool decode,
    const uint32_t *primary_key, uint32_t primary_key_count, uint32_t *ret_kinds, bool *ret_deletes_by_key,
    struct weir_error *reterr)
{
    struct raw_options read;
    *ret_kinds = WEIR_KIND_BIT_I;
    *ret_deletes_by_key = false;
    if (ctx->schema_count != 1)
        return weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
            "The 'raw' format only supports single physical column. However the defined schema contains %u "
            "physical columns.",
            ctx->schema_count);
    if (!supported(ctx->schema_types[0]))
        return weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
            "The 'raw' format does not support the type of column \"%s\".", ctx->schema_names[0]);
    return read_options(ctx, &read, reterr);
}

static enum weir_error_code decoder_new(
    const struct weir_format_context *ctx, struct weir_decoder **ret, struct weir_error *reterr)
{
    *ret = WEIR_ARENA_NEW(ctx->arena, struct weir_decoder);
    (*ret)->type = ctx->schema_types[0];
    (*ret)->column_count = ctx->column_count;
    return read_options(ctx, &(*ret)->options, reterr);
}

static const char *find(const char *at, const char *end, const struct raw_options *o)
{
    while (at < end && (at = memchr(at, o->delimiter[0], (size_t)(end - at)))) {
        if ((size_t)(end - at) < o->delimiter_length) return NULL;
        if (memcmp(at, o->delimiter, o->delimiter_length) == 0) return at;
        at++;
    }
    return NULL;
}

static void copy_number(const struct raw_options *o, void *to, const void *from, size_t width)
{
    for (size_t i = 0; i < width; i++)
        ((char *)to)[i] = ((const char *)from)[o->little_endian ? i : width - 1 - i];
}

static enum weir_error_code decode_value(struct weir_decoder *d, const char *record, size_t length,
    struct weir_batch *out, uint32_t column, struct weir_error *reterr)
{
    struct weir_vector *v = &out->columns[column];
    uint32_t row = out->row_count;
    if (weir_type_is_view(d->type)) {
        if (weir_type_is_string(d->type) && !weir_utf8_is_valid(record, length))
            return weir_error_set(reterr, WEIR_E_DATA, "the record is not valid UTF-8");
        ((struct weir_string *)v->data)[row] = weir_heap_writer_string(&out->heap, record, (uint32_t)length);
        return WEIR_OK;
    }
    uint32_t width = weir_type_width(d->type);
    if (length != width)
        return weir_error_set(
            reterr, WEIR_E_DATA, "the record has %zu bytes; a value of its type has %u", length, width);
    if (d->type->id == WEIR_TYPE_BOOLEAN)
        ((uint8_t *)v->data)[row] = *record != 0;
    else
        copy_number(&d->options, (char *)v->data + (size_t)row * width, record, width);
    return WEIR_OK;
}

static enum weir_error_code decode(struct weir_decoder *d, const char *bytes, size_t length, bool final,
    struct weir_batch *out, size_t *consumed, struct weir_error *reterr)
{
    const char *at = bytes, *end = bytes + length;
    while (
        at < end && out->row_count < WEIR_BATCH_ROWS_MAX && (size_t)(at - bytes) < WEIR_BATCH_BYTES_MAX * 4) {
        const char *stop = find(at, end, &d->options);
        if (!stop && !final) break;
        size_t record = (size_t)((stop ? stop : end) - at);
        /* A line that ends in CR LF is that line, whoever wrote it. */
        size_t shown = record && d->options.delimiter[0] == '\n' && at[record - 1] == '\r' &&
                               weir_type_is_string(d->type)
                           ? record - 1
                           : record;
        for (uint32_t c = 0; c < d->column_count; c++) {
            enum weir_error_code code = decode_value(d, at, shown, out, c, reterr);
            if (code) {
                *consumed = (size_t)(at - bytes);
                return code;
            }
        }
        out->row_count++;
        at = stop ? stop + d->options.delimiter_length : end;
    }
    *consumed = (size_t)(at - bytes);
    return WEIR_OK;
}

static void decoder_free(struct weir_decoder *decoder) {}

static enum weir_error_code encoder_new(
    const struct weir_format_context *ctx, struct weir_encoder **ret, struct weir_error *reterr)
{
    *ret = WEIR_ARENA_NEW(ctx->arena, struct weir_encoder);
    return read_options(ctx, &(*ret)->options, reterr);
}

static enum weir_error_code encode(
    struct weir_encoder *e, const struct weir_batch *in, struct weir_buffer *to, struct weir_error *reterr)
{
    for (uint32_t i = 0; i < weir_batch_selected(in); i++) {
        uint32_t row = weir_batch_row(in, i);
        const struct weir_vector *v;
        uint32_t at = weir_vector_locate(&in->columns[0], row, &v);
        char number[16];
        uint32_t width = weir_type_width(v->type);
        if (!weir_vector_is_null(&in->columns[0], row)) {
            if (weir_type_is_view(v->type)) {
                const struct weir_string *s = &((const struct weir_string *)v->data)[at];
                weir_buffer_append(to, weir_string_data(s), s->length);
            } else {
                copy_number(&e->options, number, (const char *)v->data + (size_t)at * width, width);
                weir_buffer_append(to, number, width);
            }
        }
        weir_buffer_append(to, e->options.delimiter, e->options.delimiter_length);
    }
    return WEIR_OK;
}

extern const struct weir_format weir_format_raw;
const struct weir_format weir_format_raw = {
    .name = "raw",
    .description = "One value per record, as it is: a line of text, or the bytes of a number.",
    .options = options,
    .option_count = WEIR_ARRAY_COUNT(options),
    .changelog_kinds = WEIR_KIND_BIT_I,
    .accepted_kinds = WEIR_KIND_BIT_I,
    .describe = describe,
    .decoder_new = decoder_new,
    .decode = decode,
    .decoder_free = decoder_free,
    .encoder_new = encoder_new,
    .encode = encode,
};
