#include "plugins/connector/filesystem/partition_path.h"
#include "data/decimal.h"
#include "data/number.h"
#include "data/time.h"
#include <string.h>
#include <strings.h>

enum { PARTITION_VALUE_BYTES_MAX = 4096 };

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

size_t partition_unescape(const char *from, char *to, size_t bytes_max)
{
    size_t length = 0;
    while (*from && *from != '/' && length < bytes_max) {
        if (*from == '%' && hex(from[1]) >= 0 && hex(from[2]) >= 0) {
            to[length++] = (char)(hex(from[1]) * 16 + hex(from[2]));
            from += 3;
        } else {
            to[length++] = *from++;
        }
    }
    return length;
}

bool partition_timestamp_parse(const char *text, size_t length, uint32_t precision, struct weir_civil *ret)
{
    return weir_timestamp_parse_strict(text, length, 'T', false, ret) ||
           weir_timestamp_parse(text, length, precision, ret);
}

/* Finds the last folder "key=value", for the table itself may lie in one of such a name, and unescapes %XX.
 */
static bool find_value(const char *path, const char *key, char *value, size_t *length)
{
    size_t key_length = strlen(key);
    const char *from = NULL;
    for (const char *at = path; (at = strchr(at, '/')); at++) {
        bool is_key = strncmp(at + 1, key, key_length) == 0 && at[1 + key_length] == '=';
        if (is_key && strchr(at + 1, '/')) from = at + key_length + 2;
    }
    if (from) *length = partition_unescape(from, value, PARTITION_VALUE_BYTES_MAX);
    return from != NULL;
}

static bool convert(const char *text, size_t length, struct weir_batch *out, struct weir_vector *v)
{
    int64_t integer;
    weir_int128 decimal;
    struct weir_civil civil;
    switch (v->type->id) {
    case WEIR_TYPE_CHAR:
    case WEIR_TYPE_VARCHAR:
        ((struct weir_string *)v->data)[0] = weir_heap_writer_string(&out->heap, text, (uint32_t)length);
        return true;
    case WEIR_TYPE_BOOLEAN:
        ((uint8_t *)v->data)[0] = length == 4 && strncasecmp(text, "true", 4) == 0;
        return ((uint8_t *)v->data)[0] || (length == 5 && strncasecmp(text, "false", 5) == 0);
    case WEIR_TYPE_TINYINT:
        if (weir_i64_parse(text, length, INT8_MIN, INT8_MAX, &integer)) return false;
        ((int8_t *)v->data)[0] = (int8_t)integer;
        return true;
    case WEIR_TYPE_SMALLINT:
        if (weir_i64_parse(text, length, INT16_MIN, INT16_MAX, &integer)) return false;
        ((int16_t *)v->data)[0] = (int16_t)integer;
        return true;
    case WEIR_TYPE_INT:
        if (weir_i64_parse(text, length, INT32_MIN, INT32_MAX, &integer)) return false;
        ((int32_t *)v->data)[0] = (int32_t)integer;
        return true;
    case WEIR_TYPE_BIGINT:
        return weir_i64_parse(text, length, INT64_MIN, INT64_MAX, (int64_t *)v->data) == WEIR_NUMBER_PARSED;
    case WEIR_TYPE_FLOAT: return weir_float_parse(text, length, (float *)v->data) == WEIR_NUMBER_PARSED;
    case WEIR_TYPE_DOUBLE: return weir_double_parse(text, length, (double *)v->data) == WEIR_NUMBER_PARSED;
    case WEIR_TYPE_DECIMAL:
        if (weir_decimal_parse(text, length, v->type->precision, v->type->scale, &decimal)) return false;
        if (weir_type_is_wide_decimal(v->type))
            ((weir_int128 *)v->data)[0] = decimal;
        else
            ((int64_t *)v->data)[0] = (int64_t)decimal;
        return true;
    case WEIR_TYPE_DATE: return weir_date_parse(text, length, (int32_t *)v->data);
    case WEIR_TYPE_TIMESTAMP:
        if (!partition_timestamp_parse(text, length, v->type->precision, &civil)) return false;
        if (weir_type_is_wide_timestamp(v->type))
            ((weir_int128 *)v->data)[0] = weir_civil_ns(&civil);
        else
            ((int64_t *)v->data)[0] = weir_timestamp_us_floor(weir_civil_us(&civil), v->type->precision);
        return true;
    default: return false;
    }
}

enum weir_error_code partition_value(const char *path, const char *key, const char *default_name,
    struct weir_batch *out, uint32_t column, struct weir_error *reterr)
{
    char value[PARTITION_VALUE_BYTES_MAX];
    size_t length;
    struct weir_vector *v = &out->columns[column];
    if (!find_value(path, key, value, &length))
        return weir_error_set(reterr, WEIR_E_DATA,
            "%s is in no directory \"%s=...\" although %s is a partition key", path, key, key);
    if (length == strlen(default_name) && memcmp(value, default_name, length) == 0) {
        weir_vector_init_null(v, v->type, &out->arena);
        return WEIR_OK;
    }
    if (!convert(value, length, out, v))
        return weir_error_set(reterr, WEIR_E_DATA,
            "%s: the partition value '%.*s' of %s is no value of its type", path,
            (int)WEIR_MIN(length, (size_t)200), value, key);
    v->encoding = WEIR_ENCODING_CONSTANT;
    return WEIR_OK;
}
