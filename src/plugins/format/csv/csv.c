#include "plugins/format/csv/csv.h"
#include <string.h>
#include <strings.h>

static const struct weir_option_definition options[] = {
    { .key = "field-delimiter",
        .type = "String",
        .default_value = ",",
        .description = "One character between fields; \\t stands for a tab." },
    { .key = "disable-quote-character",
        .type = "Boolean",
        .default_value = "false",
        .description = "No character quotes." },
    { .key = "quote-character",
        .type = "String",
        .default_value = "\"",
        .description = "The character that quotes fields." },
    { .key = "allow-comments",
        .type = "Boolean",
        .default_value = "false",
        .description = "Lines that begin with # are skipped." },
    { .key = "ignore-parse-errors",
        .type = "Boolean",
        .default_value = "false",
        .description = "Fields that cannot be read become NULL, records that cannot be split are skipped; "
                       "both are counted." },
    { .key = "array-element-delimiter",
        .type = "String",
        .default_value = ";",
        .description = "Text between the elements of arrays and rows." },
    { .key = "escape-character",
        .type = "String",
        .description = "The character that takes the next one's meaning away." },
    { .key = "null-literal", .type = "String", .description = "The text that stands for NULL." },
    { .key = "write-bigdecimal-in-scientific-notation",
        .type = "Boolean",
        .default_value = "true",
        .description = "Write decimals such as 100000 as 1E+5." },
    { .key = "trim-spaces",
        .type = "Boolean",
        .default_value = "false",
        .description = "Spaces around unquoted fields do not count." },
    { .key = "empty-string-as-null",
        .type = "Boolean",
        .default_value = "false",
        .description = "An empty field is NULL." },
};

static const char *get(const struct weir_format_context *ctx, const char *key)
{
    for (uint32_t i = 0; i < ctx->option_count; i++)
        if (strcmp(ctx->options[i].key, key) == 0) return ctx->options[i].value;
    return NULL;
}

static enum weir_error_code get_boolean(
    const struct weir_format_context *ctx, const char *key, bool *ret, struct weir_error *reterr)
{
    const char *value = get(ctx, key);
    if (!value) return WEIR_OK;
    if (strcasecmp(value, "true") != 0 && strcasecmp(value, "false") != 0)
        return weir_error_set(
            reterr, WEIR_E_SQL_VALIDATION, "option 'csv.%s' = '%s': expected true or false", key, value);
    *ret = strcasecmp(value, "true") == 0;
    return WEIR_OK;
}

static enum weir_error_code get_character(
    const struct weir_format_context *ctx, const char *key, char *ret, struct weir_error *reterr)
{
    const char *value = get(ctx, key);
    if (!value) return WEIR_OK;
    if (strcmp(value, "\\t") == 0)
        *ret = '\t';
    else if (strlen(value) == 1 && (unsigned char)*value < 0x80 && *value != '\n')
        *ret = *value;
    else
        return weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
            "option 'csv.%s' = '%s': expected one ASCII character", key, value);
    return WEIR_OK;
}

enum weir_error_code csv_options_read(
    const struct weir_format_context *ctx, struct csv_options *ret, struct weir_error *reterr)
{
    *ret = (struct csv_options){ .delimiter = ',', .quote = '"', .scientific = true, .array_delimiter = ";" };
    bool no_quote = false;
    enum weir_error_code code = get_character(ctx, "field-delimiter", &ret->delimiter, reterr);
    if (!code) code = get_boolean(ctx, "disable-quote-character", &no_quote, reterr);
    if (!code) code = get_character(ctx, "quote-character", &ret->quote, reterr);
    if (!code) code = get_character(ctx, "escape-character", &ret->escape, reterr);
    if (!code) code = get_boolean(ctx, "allow-comments", &ret->allow_comments, reterr);
    if (!code) code = get_boolean(ctx, "ignore-parse-errors", &ret->ignore_parse_errors, reterr);
    if (!code) code = get_boolean(ctx, "write-bigdecimal-in-scientific-notation", &ret->scientific, reterr);
    if (!code) code = get_boolean(ctx, "trim-spaces", &ret->trim_spaces, reterr);
    if (!code) code = get_boolean(ctx, "empty-string-as-null", &ret->empty_string_as_null, reterr);
    if (code) return code;
    if (no_quote && get(ctx, "quote-character"))
        return weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
            "Format cannot define a quote character and disabled quote character at the same time.");
    if (no_quote) ret->quote = 0;
    if (ret->delimiter == ret->quote)
        return weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
            "'csv.field-delimiter' and 'csv.quote-character' are the same character");
    ret->null_literal = get(ctx, "null-literal");
    ret->null_literal_length = ret->null_literal ? strlen(ret->null_literal) : 0;
    if (get(ctx, "array-element-delimiter")) ret->array_delimiter = get(ctx, "array-element-delimiter");
    if (!*ret->array_delimiter)
        return weir_error_set(reterr, WEIR_E_SQL_VALIDATION, "option 'csv.array-element-delimiter' is empty");
    return WEIR_OK;
}

static enum weir_error_code describe(const struct weir_format_context *ctx, bool decode,
    const uint32_t *primary_key, uint32_t primary_key_count, uint32_t *ret_kinds, bool *ret_deletes_by_key,
    struct weir_error *reterr)
{
    struct csv_options read;
    *ret_kinds = WEIR_KIND_BIT_I;
    *ret_deletes_by_key = false;
    enum weir_error_code code = csv_options_read(ctx, &read, reterr);
    for (uint32_t i = 0; !code && i < ctx->schema_count; i++) {
        if (!csv_type_is_supported(ctx->schema_types[i], false))
            code = weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
                "format 'csv': the type of column \"%s\" cannot stand in a CSV field", ctx->schema_names[i]);
    }
    return code;
}

extern const struct weir_format weir_format_csv;
const struct weir_format weir_format_csv = {
    .name = "csv",
    .description = "Fields separated by a character, one record per line.",
    .options = options,
    .option_count = WEIR_ARRAY_COUNT(options),
    .changelog_kinds = WEIR_KIND_BIT_I,
    .accepted_kinds = WEIR_KIND_BIT_I,
    .describe = describe,
    .decoder_new = csv_decoder_new,
    .decode = csv_decode,
    .decoder_free = csv_decoder_free,
    .encoder_new = csv_encoder_new,
    .encode = csv_encode,
};
