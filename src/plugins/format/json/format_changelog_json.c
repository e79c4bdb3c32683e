/*
 * Format changelog-json: {"op":"+I","data":{..}} per line, the way to put a changelog into files and out of
 * them. op and data may come in any order; op is one of +I, -U, +U, -D.
 */
#include "plugins/format/json/json.h"
#include <string.h>

static const struct weir_option_definition options[] = {
    { .key = "fail-on-missing-field",
        .type = "Boolean",
        .default_value = "false",
        .description = "Fail when a record lacks a field, instead of reading NULL." },
#define X(name, kind, value, text) { .key = name, .type = kind, .default_value = value, .description = text },
#include "plugins/format/json/options.def"
#undef X
    { .key = "changelog-mode",
        .type = "String",
        .default_value = "I,UB,UA,D",
        .description = "Kinds that the source emits, of I,UB,UA,D." },
    { .key = "delete-by-key",
        .type = "Boolean",
        .default_value = "false",
        .description = "A -D of the source carries the key columns only." },
};

static enum weir_error_code describe(const struct weir_format_context *ctx, bool decode,
    const uint32_t *primary_key, uint32_t primary_key_count, uint32_t *ret_kinds, bool *ret_deletes_by_key,
    struct weir_error *reterr)
{
    struct json_options read;
    enum weir_error_code code = json_check(ctx, "changelog-json", &read, reterr);
    if (code) return code;
    *ret_kinds = decode ? read.kinds : 15;
    *ret_deletes_by_key = read.delete_by_key;
    if (decode && (read.kinds & WEIR_KIND_BIT_UA) && !(read.kinds & WEIR_KIND_BIT_UB) &&
        primary_key_count == 0)
        return weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
            "'changelog-json.changelog-mode' without UB needs a PRIMARY KEY: updates are found by it");
    return WEIR_OK;
}

static bool read_op(struct json_scanner *s, uint8_t *kind)
{
    json_space(s);
    const char *text;
    size_t length;
    if (s->at >= s->end || *s->at != '"') return json_fail(s, "\"op\" must be a string");
    if (!json_scan_string(s, &text, &length)) return false;
    for (uint8_t k = 0; k < 4; k++) {
        if (length == 2 && memcmp(text, weir_row_kind_text(k), 2) == 0) {
            *kind = k;
            return true;
        }
    }
    return json_fail(
        s, "\"op\" is '%.*s': expected +I, -U, +U or -D", (int)WEIR_MIN(length, (size_t)20), text);
}

static bool decode_change(struct weir_decoder *d, struct json_scanner *s, uint32_t row, uint8_t *kind)
{
    bool has_op = false, has_data = false;
    if (!json_expect(s, '{')) return false;
    for (bool more = true; more;) {
        const char *name;
        size_t length;
        if (!json_scan_name(s, &name, &length)) return false;
        bool is_op = length == 2 && memcmp(name, "op", 2) == 0,
             is_data = length == 4 && memcmp(name, "data", 4) == 0;
        if (is_op) {
            if (!read_op(s, kind)) return false;
            has_op = true;
        } else if (is_data && !has_data) {
            if (!json_decode_row(s, d, row)) return false;
            has_data = true;
        } else if (!json_skip(s)) {
            return false;
        }
        if (!json_more(s, '}', &more)) return false;
    }
    json_space(s);
    if (s->at != s->end) return json_fail(s, "text behind the object");
    if (!has_op) return json_fail(s, "the field \"op\" is missing");
    return has_data || json_fail(s, "the field \"data\" is missing");
}

/* No rows: a -U goes into the next batch, together with its +U. */
static bool decode_record(struct weir_decoder *decoder, struct json_scanner *s, uint32_t *rows, uint8_t *kind)
{
    uint32_t row = s->out->row_count;
    *kind = WEIR_ROW_INSERT;
    if (!decode_change(decoder, s, row, kind)) return false;
    /* An upsert source may say +I or +U for the same thing. */
    uint32_t same = *kind == WEIR_ROW_INSERT ? WEIR_KIND_BIT_I | WEIR_KIND_BIT_UA : 1u << *kind;
    if (!(decoder->options.kinds & same))
        return json_fail(
            s, "a %s in a source whose changelog-mode does not have it", weir_row_kind_text(*kind));
    *rows = *kind != WEIR_ROW_UPDATE_BEFORE || row + 1 < WEIR_BATCH_ROWS_MAX || row == 0;
    return true;
}

static enum weir_error_code decoder_new(
    const struct weir_format_context *ctx, struct weir_decoder **ret, struct weir_error *reterr)
{
    *ret = WEIR_ARENA_NEW(ctx->arena, struct weir_decoder);
    (*ret)->record = decode_record;
    return json_decoder_init(*ret, ctx, "changelog-json", reterr);
}

static enum weir_error_code encoder_new(
    const struct weir_format_context *ctx, struct weir_encoder **ret, struct weir_error *reterr)
{
    return json_encoder_new(ctx, "changelog-json", ret, reterr);
}

static enum weir_error_code encode(struct weir_encoder *encoder, const struct weir_batch *in,
    struct weir_buffer *to, struct weir_error *reterr)
{
    uint32_t count = weir_batch_selected(in);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = weir_batch_row(in, i);
        weir_buffer_format(to, "{\"op\":\"%s\",\"data\":", weir_row_kind_text(weir_batch_kind(in, row)));
        if (!json_encode_row(encoder, in, row, to, reterr)) return WEIR_E_DATA;
        weir_buffer_append(to, "}\n", 2);
    }
    return WEIR_OK;
}

extern const struct weir_format weir_format_changelog_json;
const struct weir_format weir_format_changelog_json = {
    .name = "changelog-json",
    .description = "A changelog, {\"op\":\"+I\",\"data\":{..}} per line.",
    .options = options,
    .option_count = WEIR_ARRAY_COUNT(options),
    .changelog_kinds = 15,
    .accepted_kinds = 15,
    .describe = describe,
    .decoder_new = decoder_new,
    .decode = json_decode_lines,
    .decoder_free = json_decoder_free,
    .encoder_new = encoder_new,
    .encode = encode,
};
