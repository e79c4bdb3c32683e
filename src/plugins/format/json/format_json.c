/* Format json: one object per line. */
#include "plugins/format/json/json.h"

struct weir_decoder {
    struct json_decoder json;
};
struct weir_encoder {
    struct json_encoder json;
};

static enum weir_error_code describe(const struct weir_format_context *ctx, bool decode,
    const uint32_t *primary_key, uint32_t primary_key_count, uint32_t *ret_kinds, bool *ret_deletes_by_key,
    struct weir_error *reterr)
{
    struct json_options options;
    *ret_kinds = WEIR_KIND_BIT_I;
    *ret_deletes_by_key = false;
    return json_check(ctx, "json", &options, reterr);
}

static enum weir_error_code decoder_new(
    const struct weir_format_context *ctx, struct weir_decoder **ret, struct weir_error *reterr)
{
    *ret = WEIR_ARENA_NEW(ctx->arena, struct weir_decoder);
    return json_decoder_init(&(*ret)->json, ctx, "json", reterr);
}

static void decoder_free(struct weir_decoder *decoder)
{
    if (decoder) json_decoder_done(&decoder->json);
}

static bool is_blank(const char *line, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r') return false;
    return true;
}

static bool decode_line(
    struct json_decoder *d, const char *line, size_t length, struct weir_batch *out, struct weir_error *error)
{
    struct json_scanner s;
    json_scanner_begin(&s, d, line, length, out, error);
    if (!json_decode_row(&s, d, out->row_count)) return false;
    json_space(&s);
    return s.at == s.end || json_fail(&s, "text behind the object");
}

static enum weir_error_code decode(struct weir_decoder *decoder, const char *bytes, size_t length, bool final,
    struct weir_batch *out, size_t *consumed, struct weir_error *reterr)
{
    struct json_decoder *d = &decoder->json;
    size_t at = 0;
    struct weir_error error; /* large: not cleared per record, json_fail() sets all of it */
    *consumed = 0;
    while (out->row_count < WEIR_BATCH_ROWS_MAX && at < WEIR_BATCH_BYTES_MAX * 4) {
        size_t line, used;
        if (!json_record_end(bytes + at, length - at, final, &line, &used)) break;
        if (!is_blank(bytes + at, WEIR_MIN(line, (size_t)1)) || !is_blank(bytes + at, line)) {
            if (decode_line(d, bytes + at, line, out, &error)) {
                out->row_count++;
            } else {
                json_rows_forget(out, out->row_count, out->row_count + 1);
                if (!d->options.ignore_parse_errors) {
                    *consumed = at;
                    if (reterr) *reterr = error;
                    return error.code;
                }
                if (d->ctx.metrics) d->ctx.metrics->parse_errors++;
            }
        }
        at += used;
    }
    *consumed = at;
    return WEIR_OK;
}

static enum weir_error_code encoder_new(
    const struct weir_format_context *ctx, struct weir_encoder **ret, struct weir_error *reterr)
{
    *ret = WEIR_ARENA_NEW(ctx->arena, struct weir_encoder);
    return json_encoder_init(&(*ret)->json, ctx, "json", reterr);
}

static enum weir_error_code encode(struct weir_encoder *encoder, const struct weir_batch *in,
    struct weir_buffer *to, struct weir_error *reterr)
{
    uint32_t count = weir_batch_selected(in);
    for (uint32_t i = 0; i < count; i++) {
        if (!json_encode_row(&encoder->json, in, weir_batch_row(in, i), to, reterr)) return WEIR_E_DATA;
        weir_buffer_append_byte(to, '\n');
    }
    return WEIR_OK;
}

extern const struct weir_format weir_format_json;
const struct weir_format weir_format_json = {
    .name = "json",
    .description = "One JSON object per line.",
    .options = json_option_definitions,
    .option_count = 8,
    .changelog_kinds = WEIR_KIND_BIT_I,
    .accepted_kinds = WEIR_KIND_BIT_I,
    .describe = describe,
    .decoder_new = decoder_new,
    .decode = decode,
    .decoder_free = decoder_free,
    .encoder_new = encoder_new,
    .encode = encode,
};
