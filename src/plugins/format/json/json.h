/*
 * JSON records, decoded straight into columns. Shared by the formats json, changelog-json and debezium-json,
 * which differ in what stands around the row.
 *
 * A record is one line. A compiled tree of the fields that the query needs (struct json_node) is walked
 * beside the text: needed values are converted at once into their vector's row, others are skipped by a
 * scanner that looks 16 or 32 bytes at a time. Fields are looked up first where the record before had them.
 */
#ifndef WEIR_PLUGINS_FORMAT_JSON_H
#define WEIR_PLUGINS_FORMAT_JSON_H

#include "spi/connector.h"

enum { JSON_DEPTH_MAX = 512, JSON_FIELDS_MAX = 4096 };

enum json_timestamp_standard { JSON_TIMESTAMP_SQL, JSON_TIMESTAMP_ISO };
enum json_map_null_key { JSON_MAP_NULL_KEY_FAIL, JSON_MAP_NULL_KEY_DROP, JSON_MAP_NULL_KEY_LITERAL };

struct json_options {
    bool fail_on_missing_field, ignore_parse_errors;
    enum json_timestamp_standard timestamps;
    enum json_map_null_key map_null_key;
    const char *map_null_key_literal;
    bool decimals_plain;     /* encode.decimal-as-plain-number */
    bool ignore_null_fields; /* encode.ignore-null-fields */
    bool schema_include;     /* debezium-json */
    uint32_t kinds;          /* changelog-json.changelog-mode */
    bool delete_by_key;      /* changelog-json.delete-by-key */
};
/* Reads and checks the options of format name. */
enum weir_error_code json_options_read(const struct weir_format_context *ctx, const char *name,
    struct json_options *ret, struct weir_error *reterr);
bool json_type_is_supported(const struct weir_type *type);

/* A field that is needed: whole (into column) or in parts (children). */
struct json_node {
    const char *name;
    size_t name_length;
    const struct weir_type *type;
    int32_t column;        /* >= 0: convert the whole value into this output column */
    int32_t *more_columns; /* further output columns that take the same value */
    uint32_t more_count;
    struct json_node *children; /* parts of a ROW */
    uint32_t child_count;
    uint32_t seen; /* stamp of the record in which it was met */
};

struct json_scanner {
    const char *at, *end;
    const char *start; /* of the record, for error positions */
    struct weir_batch *out;
    struct weir_arena *arena; /* of out */
    const struct json_options *options;
    const struct weir_zone *zone;
    struct weir_buffer *scratch; /* unescaped strings */
    struct weir_error *error;
    const char *field; /* being converted, for messages */
    uint32_t depth, stamp;
    bool bad_value;  /* the error is of the value just met, which is none of its column's; the text is JSON */
    uint32_t nulled; /* values that became NULL for that, with ignore-parse-errors */
};

/* --- scan.c: text --- */
static inline void json_space(struct json_scanner *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r')) s->at++;
}
/* All return false after an error. */
bool json_fail(struct json_scanner *s, const char *format, ...) WEIR_PRINTF(2, 3);
bool json_expect(struct json_scanner *s, char c);
/* Behind a value in an array or an object: whether a comma and more follow; else it is closed. */
static inline bool json_more(struct json_scanner *s, char close, bool *more)
{
    json_space(s);
    *more = s->at < s->end && *s->at == ',';
    if (!*more) return json_expect(s, close);
    s->at++;
    return true;
}
/* At a quote: reads the string; *data is in the text when it has no escapes, else in scratch. Invalid UTF-8
 * is an error. */
bool json_scan_string(struct json_scanner *s, const char **data, size_t *length);
/* Up to the colon behind the name of a field. */
bool json_scan_name(struct json_scanner *s, const char **data, size_t *length);
bool json_skip(struct json_scanner *s); /* any value */
/* At a value: its raw text (numbers, literals, or nested). */
bool json_raw(struct json_scanner *s, const char **data, size_t *length);

/* --- convert.c: one value into row of a FLAT vector --- */
bool json_convert(struct json_scanner *s, struct weir_vector *to, uint32_t row);

/* After an error in the value that begins at from: whether it may count as NULL. Then it is passed over. */
bool json_forgive(struct json_scanner *s, const char *from, uint32_t depth);

/* --- decode.c --- */
struct weir_decoder {
    /* What a format makes of one line: rows from s->out->row_count on, *rows of them: 1, or 2 of an update;
     * kind is that of the first. *rows 0 and true: there is no room for it in the batch. */
    bool (*record)(struct weir_decoder *d, struct json_scanner *s, uint32_t *rows, uint8_t *kind);
    struct json_options options;
    struct weir_format_context ctx; /* copied */
    struct json_node root;          /* parts of the row */
    struct weir_buffer scratch;
    uint32_t stamp;
};
enum weir_error_code json_decoder_init(struct weir_decoder *d, const struct weir_format_context *ctx,
    const char *format_name, struct weir_error *reterr);
/* A format's decoder_free(). */
void json_decoder_free(struct weir_decoder *d);
void json_scanner_begin(struct json_scanner *s, struct weir_decoder *d, const char *line, size_t length,
    struct weir_batch *out, struct weir_error *error);
/* At '{': the object's fields into row of out; what is missing becomes NULL (or an error). */
bool json_decode_row(struct json_scanner *s, struct weir_decoder *d, uint32_t row);
/* A format's decode(): a record a line, blank ones passed over; bad ones too, and counted, if so wished. */
enum weir_error_code json_decode_lines(struct weir_decoder *d, const char *bytes, size_t length, bool final,
    struct weir_batch *out, size_t *consumed, struct weir_error *reterr);

/* --- encode.c --- */
struct weir_encoder {
    struct json_options options;
    struct weir_format_context ctx;
    const struct weir_type *row_type;
};
bool json_encode_value(const struct weir_encoder *e, const struct weir_vector *v, uint32_t row,
    struct weir_buffer *to, struct weir_error *reterr);
bool json_encode_row(const struct weir_encoder *e, const struct weir_batch *in, uint32_t row,
    struct weir_buffer *to, struct weir_error *reterr);
enum weir_error_code json_encoder_new(const struct weir_format_context *ctx, const char *format_name,
    struct weir_encoder **ret, struct weir_error *reterr);
/* For describe(): options and types. */
enum weir_error_code json_check(const struct weir_format_context *ctx, const char *format_name,
    struct json_options *ret, struct weir_error *reterr);

#endif
