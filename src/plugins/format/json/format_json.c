/* Format json: one object per line. */
#include "plugins/format/json/json.h"

static const struct weir_option_definition options[] = {
    { .key = "fail-on-missing-field",
        .type = "Boolean",
        .default_value = "false",
        .description = "Fail when a record lacks a field, instead of reading NULL." },
#define X(name, kind, value, text) { .key = name, .type = kind, .default_value = value, .description = text },
#include "plugins/format/json/options.def"
#undef X
    { .key = "decode.json-parser.enabled",
        .type = "Boolean",
        .default_value = "true",
        .description = "Accepted; there is one parser here." },
};

static enum weir_error_code describe(const struct weir_format_context *ctx, bool decode,
    const uint32_t *primary_key, uint32_t primary_key_count, uint32_t *ret_kinds, bool *ret_deletes_by_key,
    struct weir_error *reterr)
{
    struct json_options read;
    *ret_kinds = WEIR_KIND_BIT_I;
    *ret_deletes_by_key = false;
    return json_check(ctx, "json", &read, reterr);
}

static bool decode_record(struct weir_decoder *decoder, struct json_scanner *s, uint32_t *rows, uint8_t *kind)
{
    if (!json_decode_row(s, decoder, s->out->row_count)) return false;
    json_space(s);
    *rows = 1;
    *kind = WEIR_ROW_INSERT;
    return s->at == s->end || json_fail(s, "text behind the object");
}

static enum weir_error_code decoder_new(
    const struct weir_format_context *ctx, struct weir_decoder **ret, struct weir_error *reterr)
{
    *ret = WEIR_ARENA_NEW(ctx->arena, struct weir_decoder);
    (*ret)->record = decode_record;
    return json_decoder_init(*ret, ctx, "json", reterr);
}

static enum weir_error_code encoder_new(
    const struct weir_format_context *ctx, struct weir_encoder **ret, struct weir_error *reterr)
{
    return json_encoder_new(ctx, "json", ret, reterr);
}

static enum weir_error_code encode(struct weir_encoder *encoder, const struct weir_batch *in,
    struct weir_buffer *to, struct weir_error *reterr)
{
    uint32_t count = weir_batch_selected(in);
    for (uint32_t i = 0; i < count; i++) {
        if (!json_encode_row(encoder, in, weir_batch_row(in, i), to, reterr)) return WEIR_E_DATA;
        weir_buffer_append_byte(to, '\n');
    }
    return WEIR_OK;
}

extern const struct weir_format weir_format_json;
const struct weir_format weir_format_json = {
    .name = "json",
    .description = "One JSON object per line.",
    .options = options,
    .option_count = WEIR_ARRAY_COUNT(options),
    .changelog_kinds = WEIR_KIND_BIT_I,
    .accepted_kinds = WEIR_KIND_BIT_I,
    .describe = describe,
    .decoder_new = decoder_new,
    .decode = json_decode_lines,
    .decoder_free = json_decoder_free,
    .encoder_new = encoder_new,
    .encode = encode,
};
