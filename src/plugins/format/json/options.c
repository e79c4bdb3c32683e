#include "plugins/format/json/json.h"
#include <string.h>
#include <strings.h>

static const char *get(const struct weir_format_context *ctx, const char *key)
{
    for (uint32_t i = 0; i < ctx->option_count; i++)
        if (strcmp(ctx->options[i].key, key) == 0) return ctx->options[i].value;
    return NULL;
}

static enum weir_error_code get_boolean(const struct weir_format_context *ctx, const char *format,
    const char *key, bool *ret, struct weir_error *reterr)
{
    const char *value = get(ctx, key);
    if (!value) return WEIR_OK;
    if (strcasecmp(value, "true") != 0 && strcasecmp(value, "false") != 0)
        return weir_error_set(reterr, WEIR_E_SQL_VALIDATION, "option '%s.%s' = '%s': expected true or false",
            format, key, value);
    *ret = strcasecmp(value, "true") == 0;
    return WEIR_OK;
}

static enum weir_error_code read_kinds(
    const char *text, const char *format, uint32_t *ret, struct weir_error *reterr)
{
    static const char *const names[] = { "I", "UB", "UA", "D" };
    *ret = 0;
    for (const char *at = text; *at;) {
        size_t length = strcspn(at, ",");
        const char *behind = at + length + (at[length] == ',');
        for (; length && *at == ' '; at++) length--;
        while (length && at[length - 1] == ' ') length--;
        uint32_t kind = 0;
        while (kind < 4 && (strlen(names[kind]) != length || memcmp(names[kind], at, length) != 0)) kind++;
        if (kind == 4)
            return weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
                "option '%s.changelog-mode' = '%s': \"%.*s\" is none of I, UB, UA, D", format, text,
                (int)length, at);
        *ret |= 1u << kind;
        at = behind;
    }
    return WEIR_OK;
}

enum weir_error_code json_options_read(const struct weir_format_context *ctx, const char *name,
    struct json_options *ret, struct weir_error *reterr)
{
    *ret = (struct json_options){ .map_null_key_literal = "null", .kinds = 15 };
    enum weir_error_code code =
        get_boolean(ctx, name, "fail-on-missing-field", &ret->fail_on_missing_field, reterr);
    if (!code) code = get_boolean(ctx, name, "ignore-parse-errors", &ret->ignore_parse_errors, reterr);
    if (!code) code = get_boolean(ctx, name, "encode.decimal-as-plain-number", &ret->decimals_plain, reterr);
    if (!code) code = get_boolean(ctx, name, "encode.ignore-null-fields", &ret->ignore_null_fields, reterr);
    if (!code) code = get_boolean(ctx, name, "schema-include", &ret->schema_include, reterr);
    if (!code) code = get_boolean(ctx, name, "delete-by-key", &ret->delete_by_key, reterr);
    if (code) return code;
    if (ret->fail_on_missing_field && ret->ignore_parse_errors)
        return weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
            "'%s.fail-on-missing-field' and '%s.ignore-parse-errors' cannot both be true", name, name);
    const char *value = get(ctx, "timestamp-format.standard");
    if (value && strcasecmp(value, "SQL") != 0 && strcasecmp(value, "ISO-8601") != 0)
        return weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
            "option '%s.timestamp-format.standard' = '%s': expected SQL or ISO-8601", name, value);
    if (value && strcasecmp(value, "ISO-8601") == 0) ret->timestamps = JSON_TIMESTAMP_ISO;
    value = get(ctx, "map-null-key.mode");
    if (value && strcasecmp(value, "DROP") == 0)
        ret->map_null_key = JSON_MAP_NULL_KEY_DROP;
    else if (value && strcasecmp(value, "LITERAL") == 0)
        ret->map_null_key = JSON_MAP_NULL_KEY_LITERAL;
    else if (value && strcasecmp(value, "FAIL") != 0)
        return weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
            "option '%s.map-null-key.mode' = '%s': expected FAIL, DROP or LITERAL", name, value);
    value = get(ctx, "map-null-key.literal");
    if (value) ret->map_null_key_literal = value;
    value = get(ctx, "changelog-mode");
    return value ? read_kinds(value, name, &ret->kinds, reterr) : WEIR_OK;
}

static bool supported(const struct weir_type *type, uint32_t depth)
{
    if (depth > WEIR_TYPE_DEPTH_MAX) return false;
    if (type->id == WEIR_TYPE_ROW && type->child_count > JSON_FIELDS_MAX) return false;
    for (uint32_t i = 0; i < type->child_count; i++)
        if (!supported(type->children[i], depth + 1)) return false;
    return true;
}

bool json_type_is_supported(const struct weir_type *type)
{
    return supported(type, 0);
}

enum weir_error_code json_check(const struct weir_format_context *ctx, const char *format_name,
    struct json_options *ret, struct weir_error *reterr)
{
    enum weir_error_code code = json_options_read(ctx, format_name, ret, reterr);
    for (uint32_t i = 0; !code && i < ctx->schema_count; i++) {
        if (!json_type_is_supported(ctx->schema_types[i]))
            code = weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
                "format '%s': column \"%s\" is nested too deep or too wide", format_name,
                ctx->schema_names[i]);
    }
    return code;
}
