/*
 * Format debezium-json: {"before":{..},"after":{..},"op":"c"} per line, as the change-data-capture connectors
 * of Debezium write it. op c (create) and r (read by a snapshot) become +I, u becomes -U and +U, d becomes
 * -D. With schema-include the same stands under "payload", beside a "schema". Members come in any order, so
 * the envelope is walked first and the rows are decoded when the operation is known.
 */
#include "data/number.h"
#include "plugins/format/json/json.h"
#include <string.h>

/* Columns that are filled from the envelope instead of the row. */
enum envelope_key {
    ENVELOPE_SCHEMA,
    ENVELOPE_INGESTION_TIMESTAMP,
    ENVELOPE_SOURCE_TIMESTAMP,
    ENVELOPE_SOURCE_DATABASE,
    ENVELOPE_SOURCE_SCHEMA,
    ENVELOPE_SOURCE_TABLE,
    ENVELOPE_SOURCE_PROPERTIES,
    ENVELOPE_KEY_COUNT
};

static const struct weir_type timestamp_type = {
    .id = WEIR_TYPE_TIMESTAMP_LTZ, .precision = 3, .nullable = true
};
static const struct weir_type *const properties_children[] = { &weir_type_string, &weir_type_string };
static const struct weir_type properties_type = {
    .id = WEIR_TYPE_MAP, .nullable = true, .child_count = 2, .children = properties_children
};
static const struct weir_metadata_column metadata[ENVELOPE_KEY_COUNT] = {
    [ENVELOPE_SCHEMA] = { .key = "schema", .type = &weir_type_string },
    [ENVELOPE_INGESTION_TIMESTAMP] = { .key = "ingestion-timestamp", .type = &timestamp_type },
    [ENVELOPE_SOURCE_TIMESTAMP] = { .key = "source.timestamp", .type = &timestamp_type },
    [ENVELOPE_SOURCE_DATABASE] = { .key = "source.database", .type = &weir_type_string },
    [ENVELOPE_SOURCE_SCHEMA] = { .key = "source.schema", .type = &weir_type_string },
    [ENVELOPE_SOURCE_TABLE] = { .key = "source.table", .type = &weir_type_string },
    [ENVELOPE_SOURCE_PROPERTIES] = { .key = "source.properties", .type = &properties_type },
};

struct envelope_column {
    enum envelope_key key;
    uint32_t column;
};

struct debezium_decoder {
    struct weir_decoder json;
    struct envelope_column *envelope_columns;
    uint32_t envelope_column_count;
};

/* Where the parts of one record begin; NULL: absent. */
struct envelope {
    const char *schema, *payload, *before, *after, *source, *ts_ms, *op;
};

static const struct weir_option_definition options[] = {
    { .key = "schema-include",
        .type = "Boolean",
        .default_value = "false",
        .description = "Records hold \"schema\" and \"payload\", as with value.converter.schemas.enable." },
#define X(name, kind, value, text) { .key = name, .type = kind, .default_value = value, .description = text },
#include "plugins/format/json/options.def"
#undef X
};

static enum weir_error_code describe(const struct weir_format_context *ctx, bool decode,
    const uint32_t *primary_key, uint32_t primary_key_count, uint32_t *ret_kinds, bool *ret_deletes_by_key,
    struct weir_error *reterr)
{
    struct json_options read;
    enum weir_error_code code = json_check(ctx, "debezium-json", &read, reterr);
    if (code) return code;
    *ret_kinds = 15;
    *ret_deletes_by_key = false;
    if (!decode && read.schema_include)
        return weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
            "Debezium JSON serialization doesn't support 'debezium-json.schema-include' option been set to "
            "true.");
    return WEIR_OK;
}

/* --- decoding --- */

struct member {
    const char *name;
    const char **at;
};

/* At an object: notes where the values of the members named begin, steps over all; the last of a name counts.
 */
static bool find_members(struct json_scanner *s, const struct member *members, uint32_t count)
{
    if (!json_expect(s, '{')) return false;
    json_space(s);
    if (s->at < s->end && *s->at == '}') {
        s->at++;
        return true;
    }
    for (bool more = true; more;) {
        const char *name;
        size_t length;
        if (!json_scan_name(s, &name, &length)) return false;
        uint32_t m = 0;
        while (m < count && (strlen(members[m].name) != length || memcmp(members[m].name, name, length) != 0))
            m++;
        json_space(s);
        if (m < count) *members[m].at = s->at;
        if (!json_skip(s) || !json_more(s, '}', &more)) return false;
    }
    return true;
}

static bool is_null(const struct json_scanner *s, const char *value)
{
    return !value || (s->end - value >= 4 && memcmp(value, "null", 4) == 0);
}

static bool read_envelope(struct json_scanner *s, const struct weir_decoder *d, struct envelope *e)
{
    const struct member wrapping[] = { { "schema", &e->schema }, { "payload", &e->payload } };
    const struct member own[] = { { "before", &e->before }, { "after", &e->after }, { "op", &e->op },
        { "source", &e->source }, { "ts_ms", &e->ts_ms }, { "payload", &e->payload } };
    if (d->options.schema_include) {
        if (!find_members(s, wrapping, WEIR_ARRAY_COUNT(wrapping))) return false;
        json_space(s);
        if (s->at != s->end) return json_fail(s, "text behind the object");
        if (is_null(s, e->payload))
            return json_fail(s, "the field \"payload\" is missing, which 'schema-include' asks for");
        s->at = e->payload;
        return find_members(s, own, WEIR_ARRAY_COUNT(own) - 1);
    }
    if (!find_members(s, own, WEIR_ARRAY_COUNT(own))) return false;
    json_space(s);
    if (s->at != s->end) return json_fail(s, "text behind the object");
    if (!e->op && e->payload)
        return json_fail(
            s, "the change stands under \"payload\": set 'debezium-json.schema-include' to true");
    return true;
}

static bool read_op(struct json_scanner *s, const struct envelope *e, char *op)
{
    if (is_null(s, e->op)) return json_fail(s, "the field \"op\" is missing");
    s->at = e->op;
    const char *text;
    size_t length;
    if (*s->at != '"') return json_fail(s, "\"op\" must be a string");
    if (!json_scan_string(s, &text, &length)) return false;
    if (length == 1 && memchr("crud", text[0], 4)) {
        *op = text[0];
        return true;
    }
    return json_fail(
        s, "unknown \"op\" value '%.*s': expected c, r, u or d", (int)WEIR_MIN(length, (size_t)20), text);
}

static bool decode_image(
    struct json_scanner *s, struct weir_decoder *d, const char *at, const char *name, char op, uint32_t row)
{
    const char *what = op == 'u' ? "an update" : op == 'd' ? "a delete" : "an insert";
    if (is_null(s, at)) {
        return json_fail(s, "the \"%s\" field of %s is null%s", name, what,
            name[0] == 'b' ? "; a PostgreSQL table needs REPLICA IDENTITY FULL to have it" : "");
    }
    s->at = at;
    return json_decode_row(s, d, row);
}

static bool put_timestamp(struct json_scanner *s, const char *at, struct weir_vector *to, uint32_t row)
{
    if (is_null(s, at)) {
        weir_vector_set_null(to, row, s->arena);
        return true;
    }
    s->at = at;
    const char *text;
    size_t length;
    int64_t ms;
    if (!json_raw(s, &text, &length)) return false;
    if (weir_i64_parse(text, length, INT64_MIN / 1000, INT64_MAX / 1000, &ms) != WEIR_NUMBER_PARSED) {
        s->at = at;
        return json_fail(s, "\"ts_ms\" is no count of milliseconds");
    }
    ((int64_t *)to->data)[row] = ms * 1000;
    return true;
}

static bool put_value(struct json_scanner *s, const char *at, struct weir_vector *to, uint32_t row)
{
    if (is_null(s, at)) {
        weir_vector_set_null(to, row, s->arena);
        return true;
    }
    s->at = at;
    return json_convert(s, to, row);
}

static bool put_metadata(
    struct json_scanner *s, const struct debezium_decoder *decoder, const struct envelope *e, uint32_t row)
{
    const char *database = NULL, *schema = NULL, *table = NULL, *ts_ms = NULL;
    const struct member members[] = { { "db", &database }, { "schema", &schema }, { "table", &table },
        { "ts_ms", &ts_ms } };
    if (!is_null(s, e->source)) {
        s->at = e->source;
        if (!find_members(s, members, WEIR_ARRAY_COUNT(members))) return false;
    }
    bool ok = true;
    for (uint32_t i = 0; ok && i < decoder->envelope_column_count; i++) {
        struct weir_vector *to = &s->out->columns[decoder->envelope_columns[i].column];
        s->field = metadata[decoder->envelope_columns[i].key].key;
        switch (decoder->envelope_columns[i].key) {
        case ENVELOPE_SCHEMA: ok = put_value(s, e->schema, to, row); break;
        case ENVELOPE_INGESTION_TIMESTAMP: ok = put_timestamp(s, e->ts_ms, to, row); break;
        case ENVELOPE_SOURCE_TIMESTAMP: ok = put_timestamp(s, ts_ms, to, row); break;
        case ENVELOPE_SOURCE_DATABASE: ok = put_value(s, database, to, row); break;
        case ENVELOPE_SOURCE_SCHEMA: ok = put_value(s, schema, to, row); break;
        case ENVELOPE_SOURCE_TABLE: ok = put_value(s, table, to, row); break;
        case ENVELOPE_SOURCE_PROPERTIES: ok = put_value(s, e->source, to, row); break;
        case ENVELOPE_KEY_COUNT: break;
        }
    }
    s->field = NULL;
    return ok;
}

/* The row or the two rows of one record; none: the batch has no room for both. */
static bool decode_record(struct weir_decoder *d, struct json_scanner *s, uint32_t *rows, uint8_t *kind)
{
    const struct debezium_decoder *decoder = (const struct debezium_decoder *)d;
    struct envelope e = { 0 };
    char op = 0;
    uint32_t row = s->out->row_count;
    *rows = 0;
    if (!read_envelope(s, d, &e) || !read_op(s, &e, &op)) return false;
    if (op == 'u' && row + 2 > WEIR_BATCH_ROWS_MAX) return true;
    *kind = op == 'u' ? WEIR_ROW_UPDATE_BEFORE : op == 'd' ? WEIR_ROW_DELETE : WEIR_ROW_INSERT;
    *rows = op == 'u' ? 2 : 1;
    if ((op == 'u' || op == 'd') && !decode_image(s, d, e.before, "before", op, row)) return false;
    if (op != 'd' && !decode_image(s, d, e.after, "after", op, row + *rows - 1)) return false;
    for (uint32_t i = 0; decoder->envelope_column_count && i < *rows; i++)
        if (!put_metadata(s, decoder, &e, row + i)) return false;
    return true;
}

static enum weir_error_code decoder_new(
    const struct weir_format_context *ctx, struct weir_decoder **ret, struct weir_error *reterr)
{
    struct debezium_decoder *decoder = WEIR_ARENA_NEW(ctx->arena, struct debezium_decoder);
    *ret = &decoder->json;
    decoder->json.record = decode_record;
    decoder->envelope_columns = WEIR_ARENA_ARRAY(ctx->arena, struct envelope_column, ctx->column_count + 1);
    for (uint32_t c = 0; c < ctx->column_count; c++) {
        const char *key = ctx->columns[c].metadata;
        for (uint32_t k = 0; key && k < ENVELOPE_KEY_COUNT; k++) {
            if (strcmp(key, metadata[k].key) == 0)
                decoder->envelope_columns[decoder->envelope_column_count++] =
                    (struct envelope_column){ (enum envelope_key)k, c };
        }
    }
    return json_decoder_init(&decoder->json, ctx, "debezium-json", reterr);
}

/* --- encoding --- */

static enum weir_error_code encoder_new(
    const struct weir_format_context *ctx, struct weir_encoder **ret, struct weir_error *reterr)
{
    return json_encoder_new(ctx, "debezium-json", ret, reterr);
}

/* Each half of an update is a record of its own: the sink cannot know that both arrive together. */
static enum weir_error_code encode(struct weir_encoder *encoder, const struct weir_batch *in,
    struct weir_buffer *to, struct weir_error *reterr)
{
    bool without_nulls = encoder->options.ignore_null_fields;
    uint32_t count = weir_batch_selected(in);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = weir_batch_row(in, i);
        uint8_t kind = weir_batch_kind(in, row);
        bool gone = kind == WEIR_ROW_UPDATE_BEFORE || kind == WEIR_ROW_DELETE;
        weir_buffer_append_text(to, gone            ? "{\"before\":"
                                    : without_nulls ? "{\"after\":"
                                                    : "{\"before\":null,\"after\":");
        if (!json_encode_row(encoder, in, row, to, reterr)) return WEIR_E_DATA;
        if (gone && !without_nulls) weir_buffer_append_text(to, ",\"after\":null");
        weir_buffer_append_text(to, gone ? ",\"op\":\"d\"}\n" : ",\"op\":\"c\"}\n");
    }
    return WEIR_OK;
}

extern const struct weir_format weir_format_debezium_json;
const struct weir_format weir_format_debezium_json = {
    .name = "debezium-json",
    .description = "A changelog as Debezium writes it, {\"before\":..,\"after\":..,\"op\":\"c\"} per line.",
    .options = options,
    .option_count = WEIR_ARRAY_COUNT(options),
    .changelog_kinds = 15,
    .accepted_kinds = 15,
    .metadata = metadata,
    .metadata_count = WEIR_ARRAY_COUNT(metadata),
    .describe = describe,
    .decoder_new = decoder_new,
    .decode = json_decode_lines,
    .decoder_free = json_decoder_free,
    .encoder_new = encoder_new,
    .encode = encode,
};
