/*
 * Format csv: what its decoder and encoder share. Rules are Flink's (which are Jackson's): see README.md.
 */
#ifndef WEIR_PLUGINS_FORMAT_CSV_H
#define WEIR_PLUGINS_FORMAT_CSV_H

#include "spi/connector.h"

struct csv_options {
    char delimiter, quote, escape; /* quote, escape: 0 = none */
    bool allow_comments, ignore_parse_errors, trim_spaces, empty_string_as_null;
    bool scientific;          /* write-bigdecimal-in-scientific-notation */
    const char *null_literal; /* NULL = none */
    size_t null_literal_length;
    const char *array_delimiter;
};

enum weir_error_code csv_options_read(
    const struct weir_format_context *ctx, struct csv_options *ret, struct weir_error *reterr);

/* One field's text into row of a FLAT vector. Strings are copied to heap. false: the text is no value of the
 * type. */
bool csv_convert(const struct csv_options *options, const char *text, size_t length, struct weir_vector *to,
    uint32_t row, struct weir_batch *out);
bool csv_type_is_supported(const struct weir_type *type, bool nested);

/* --- decode.c, encode.c: struct weir_decoder and weir_encoder of this format --- */
enum weir_error_code csv_decoder_new(
    const struct weir_format_context *ctx, struct weir_decoder **ret, struct weir_error *reterr);
enum weir_error_code csv_decode(struct weir_decoder *decoder, const char *bytes, size_t length, bool final,
    struct weir_batch *out, size_t *consumed, struct weir_error *reterr);
void csv_decoder_free(struct weir_decoder *decoder);
enum weir_error_code csv_encoder_new(
    const struct weir_format_context *ctx, struct weir_encoder **ret, struct weir_error *reterr);
enum weir_error_code csv_encode(struct weir_encoder *encoder, const struct weir_batch *in,
    struct weir_buffer *to, struct weir_error *reterr);

#endif
