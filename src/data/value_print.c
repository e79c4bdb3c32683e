/* Text of values: as Java's Row.toString shows them (the print connector), and as CAST(x AS STRING). */
#include "base/assert.h"
#include "data/decimal.h"
#include "data/number.h"
#include "data/time.h"
#include "data/value.h"
#include "data/zone.h"

struct printing {
    enum weir_text_style style;
    const struct weir_zone *zone;
    struct weir_buffer *to;
};

enum { TEXT_BYTES_MAX = WEIR_DECIMAL_TEXT_BYTES_MAX };
_Static_assert((int)TEXT_BYTES_MAX >= (int)WEIR_TIME_TEXT_BYTES_MAX &&
                   (int)TEXT_BYTES_MAX >= (int)WEIR_NUMBER_TEXT_BYTES_MAX,
    "every value without parts fits");

static void print_at(const struct printing *p, const struct weir_vector *v, uint32_t row);

static void print_bytes(const struct printing *p, const struct weir_string *s)
{
    const char *bytes = weir_string_data(s);
    if (p->style == WEIR_TEXT_CAST) {
        weir_buffer_append(p->to, bytes, s->length);
        return;
    }
    char text[8];
    weir_buffer_append_byte(p->to, '[');
    for (uint32_t i = 0; i < s->length; i++) {
        if (i) weir_buffer_append(p->to, ", ", 2);
        weir_buffer_append(p->to, text, weir_i64_print((int8_t)bytes[i], text));
    }
    weir_buffer_append_byte(p->to, ']');
}

static weir_int128 nanoseconds_of(const struct weir_vector *v, uint32_t at)
{
    if (weir_type_is_wide_timestamp(v->type)) return ((const weir_int128 *)v->data)[at];
    return (weir_int128)((const int64_t *)v->data)[at] * 1000;
}

static size_t print_timestamp(const struct printing *p, const struct weir_vector *v, uint32_t at, char *text)
{
    weir_int128 ns = nanoseconds_of(v, at);
    bool instant = v->type->id == WEIR_TYPE_TIMESTAMP_LTZ;
    struct weir_civil civil;
    if (p->style == WEIR_TEXT_PRINT) {
        civil = weir_civil_from_ns(ns);
        size_t length = weir_timestamp_print_java(&civil, instant, text);
        if (instant) text[length++] = 'Z';
        return length;
    }
    if (instant && p->zone) {
        int64_t seconds = (int64_t)(ns / WEIR_SECOND_NS) - (ns % WEIR_SECOND_NS < 0);
        ns += (weir_int128)weir_zone_offset_at_utc(p->zone, seconds) * WEIR_SECOND_NS;
    }
    civil = weir_civil_from_ns(ns);
    return weir_timestamp_print(&civil, ' ', v->type->precision, text);
}

static size_t print_months(const struct printing *p, const struct weir_vector *v, uint32_t at, char *text)
{
    int32_t months = ((const int32_t *)v->data)[at];
    if (p->style == WEIR_TEXT_CAST) return weir_interval_print_months(months, text);
    /* A period of months alone is not broken up into years. */
    if (v->type->interval_unit != WEIR_INTERVAL_UNIT_MONTH || months == 0)
        return weir_period_print_java(months, text);
    text[0] = 'P';
    size_t length = 1 + weir_i64_print(months, text + 1);
    text[length++] = 'M';
    return length;
}

/* Values without parts; the length. */
static size_t print_scalar(const struct printing *p, const struct weir_vector *v, uint32_t at, char *text)
{
    const void *data = v->data;
    switch (v->type->id) {
    case WEIR_TYPE_TINYINT: return weir_i64_print(((const int8_t *)data)[at], text);
    case WEIR_TYPE_SMALLINT: return weir_i64_print(((const int16_t *)data)[at], text);
    case WEIR_TYPE_INT: return weir_i64_print(((const int32_t *)data)[at], text);
    case WEIR_TYPE_BIGINT: return weir_i64_print(((const int64_t *)data)[at], text);
    case WEIR_TYPE_FLOAT: return weir_float_print(((const float *)data)[at], text);
    case WEIR_TYPE_DOUBLE: return weir_double_print(((const double *)data)[at], text);
    case WEIR_TYPE_DECIMAL:
        return weir_decimal_print(weir_type_is_wide_decimal(v->type)
                                      ? ((const weir_int128 *)data)[at]
                                      : (weir_int128)((const int64_t *)data)[at],
            v->type->scale, text);
    case WEIR_TYPE_DATE: return weir_date_print(((const int32_t *)data)[at], text);
    case WEIR_TYPE_TIME:
        if (p->style == WEIR_TEXT_PRINT) return weir_time_print_java(((const int32_t *)data)[at], text);
        return weir_time_print(((const int32_t *)data)[at], v->type->precision, text);
    case WEIR_TYPE_TIMESTAMP:
    case WEIR_TYPE_TIMESTAMP_LTZ: return print_timestamp(p, v, at, text);
    case WEIR_TYPE_INTERVAL_YEAR_MONTH: return print_months(p, v, at, text);
    case WEIR_TYPE_INTERVAL_DAY_TIME:
        if (p->style == WEIR_TEXT_CAST) return weir_interval_print_ms(((const int64_t *)data)[at], text);
        return weir_duration_print_java(((const int64_t *)data)[at], text);
    default: WEIR_UNREACHABLE();
    }
}

static void print_boolean(const struct printing *p, bool value)
{
    if (p->style == WEIR_TEXT_CAST)
        weir_buffer_append_text(p->to, value ? "TRUE" : "FALSE");
    else
        weir_buffer_append_text(p->to, value ? "true" : "false");
}

static void print_list(const struct printing *p, const struct weir_vector *v, uint32_t at)
{
    struct weir_list list = ((const struct weir_list *)v->data)[at];
    bool entries = v->type->id != WEIR_TYPE_ARRAY;
    weir_buffer_append_byte(p->to, entries ? '{' : '[');
    for (uint32_t i = 0; i < list.length; i++) {
        if (i) weir_buffer_append(p->to, ", ", 2);
        print_at(p, &v->children[0], list.offset + i);
        if (!entries) continue;
        weir_buffer_append_byte(p->to, '=');
        print_at(p, &v->children[1], list.offset + i);
    }
    weir_buffer_append_byte(p->to, entries ? '}' : ']');
}

static void print_row(const struct printing *p, const struct weir_vector *v, uint32_t at)
{
    bool cast = p->style == WEIR_TEXT_CAST;
    weir_buffer_append_text(p->to, cast ? "(" : "+I[");
    for (uint32_t i = 0; i < v->type->child_count; i++) {
        if (i) weir_buffer_append(p->to, ", ", 2);
        print_at(p, &v->children[i], at);
    }
    weir_buffer_append_byte(p->to, cast ? ')' : ']');
}

static void print_at(const struct printing *p, const struct weir_vector *v, uint32_t row)
{
    const struct weir_vector *flat;
    uint32_t at = weir_vector_locate(v, row, &flat);
    if (weir_vector_is_null(v, row)) {
        weir_buffer_append(p->to, p->style == WEIR_TEXT_CAST ? "NULL" : "null", 4);
        return;
    }
    const struct weir_string *string = flat->data;
    switch (flat->type->id) {
    case WEIR_TYPE_BOOLEAN: print_boolean(p, ((const uint8_t *)flat->data)[at]); return;
    case WEIR_TYPE_CHAR:
    case WEIR_TYPE_VARCHAR:
        weir_buffer_append(p->to, weir_string_data(&string[at]), string[at].length);
        return;
    case WEIR_TYPE_BINARY:
    case WEIR_TYPE_VARBINARY: print_bytes(p, &string[at]); return;
    case WEIR_TYPE_ARRAY:
    case WEIR_TYPE_MAP:
    case WEIR_TYPE_MULTISET: print_list(p, flat, at); return;
    case WEIR_TYPE_ROW: print_row(p, flat, at); return;
    default: break;
    }
    char *text = weir_buffer_reserve(p->to, TEXT_BYTES_MAX);
    if (text) p->to->length += print_scalar(p, flat, at, text);
}

void weir_value_print(const struct weir_vector *v, uint32_t row, enum weir_text_style style,
    const struct weir_zone *zone, struct weir_buffer *to)
{
    struct printing p = { style, zone, to };
    print_at(&p, v, row);
}
