/* Converters from and to CHAR and VARCHAR. */
#include "expr/cast.h"
#include "expr/decimal_access.h"

#include "data/number.h"
#include "data/time.h"
#include "data/utf8.h"

/* --- to strings --- */

void weir_cast_store_text(
    const struct weir_cast *cast, struct weir_vector *to, uint32_t row, const char *data, size_t length)
{
    struct weir_string *result = &((struct weir_string *)to->data)[row];
    struct weir_heap_writer *heap = cast->call->heap;
    if (cast->to->length == WEIR_LENGTH_MAX) {
        *result = weir_heap_writer_string(heap, data, (uint32_t)length);
        return;
    }
    size_t code_points = weir_utf8_count(data, length), wanted = (size_t)cast->to->length;
    if (code_points > wanted) length = weir_utf8_offset(data, length, wanted);
    if (cast->to->id != WEIR_TYPE_CHAR || code_points >= wanted) {
        *result = weir_heap_writer_string(heap, data, (uint32_t)length);
        return;
    }
    size_t padding = wanted - code_points;
    char *padded = weir_heap_writer_allocate(heap, length + padding);
    if (length) memcpy(padded, data, length);
    memset(padded + length, ' ', padding);
    *result = weir_string_view(padded, (uint32_t)(length + padding));
}

/* A string that needs neither cutting nor padding is shared, not copied. */
static enum weir_cast_result string_to_string(const struct weir_cast *cast, const struct weir_vector *from,
    uint32_t at, struct weir_vector *to, uint32_t row)
{
    const struct weir_string *value = &((const struct weir_string *)from->data)[at];
    bool fits = cast->to->length == WEIR_LENGTH_MAX ||
                (cast->to->id == WEIR_TYPE_VARCHAR && value->length <= (uint32_t)cast->to->length);
    if (fits) {
        ((struct weir_string *)to->data)[row] = *value;
    } else {
        weir_cast_store_text(cast, to, row, weir_string_data(value), value->length);
    }
    return WEIR_CAST_DONE;
}

static enum weir_cast_result binary_to_string(const struct weir_cast *cast, const struct weir_vector *from,
    uint32_t at, struct weir_vector *to, uint32_t row)
{
    const struct weir_string *value = &((const struct weir_string *)from->data)[at];
    const char *data = weir_string_data(value);
    if (weir_utf8_is_valid(data, value->length)) return string_to_string(cast, from, at, to, row);
    char *repaired = weir_arena_allocate(cast->call->scratch, (size_t)value->length * 3);
    weir_cast_store_text(cast, to, row, repaired, weir_utf8_repair(data, value->length, repaired));
    return WEIR_CAST_DONE;
}

static enum weir_cast_result integer_to_string(const struct weir_cast *cast, const struct weir_vector *from,
    uint32_t at, struct weir_vector *to, uint32_t row)
{
    char text[WEIR_NUMBER_TEXT_BYTES_MAX];
    int64_t value;
    switch (cast->from->id) {
    case WEIR_TYPE_TINYINT: value = ((const int8_t *)from->data)[at]; break;
    case WEIR_TYPE_SMALLINT: value = ((const int16_t *)from->data)[at]; break;
    case WEIR_TYPE_INT: value = ((const int32_t *)from->data)[at]; break;
    default: value = ((const int64_t *)from->data)[at]; break;
    }
    weir_cast_store_text(cast, to, row, text, weir_i64_print(value, text));
    return WEIR_CAST_DONE;
}

enum { VALUE_TEXT_BYTES_MAX = 64 << 20, SHORT_TEXT_BYTES_MAX = 512 };

static enum weir_cast_result long_to_string(const struct weir_cast *cast, const struct weir_vector *from,
    uint32_t at, struct weir_vector *to, uint32_t row)
{
    struct weir_buffer text;
    weir_buffer_init(&text, cast->call->scratch->memory, VALUE_TEXT_BYTES_MAX);
    weir_value_print(from, at, WEIR_TEXT_CAST, cast->call->environment->local_zone, &text);
    bool overflowed = text.overflowed;
    if (!overflowed) weir_cast_store_text(cast, to, row, text.data, text.length);
    weir_buffer_done(&text);
    return overflowed ? WEIR_CAST_FAILED : WEIR_CAST_DONE;
}

/* Most texts fit a buffer on the stack, which its maximum keeps from growing. */
static enum weir_cast_result any_to_string(const struct weir_cast *cast, const struct weir_vector *from,
    uint32_t at, struct weir_vector *to, uint32_t row)
{
    char room[SHORT_TEXT_BYTES_MAX + 1];
    struct weir_buffer text = { .data = room, .capacity = sizeof room, .bytes_max = SHORT_TEXT_BYTES_MAX };
    weir_value_print(from, at, WEIR_TEXT_CAST, cast->call->environment->local_zone, &text);
    if (text.overflowed) return long_to_string(cast, from, at, to, row);
    weir_cast_store_text(cast, to, row, text.data, text.length);
    return WEIR_CAST_DONE;
}

weir_cast_value weir_cast_choose_to_string(const struct weir_type *from, const struct weir_type *to)
{
    if (weir_type_is_string(from)) return string_to_string;
    if (weir_type_is_binary(from)) return binary_to_string;
    if (weir_type_is_integer(from)) return integer_to_string;
    return any_to_string;
}

/* --- from strings --- */

static struct weir_slice text_of(const struct weir_vector *from, uint32_t at)
{
    const struct weir_string *value = &((const struct weir_string *)from->data)[at];
    return (struct weir_slice){ weir_string_data(value), value->length };
}

static bool is_word(struct weir_slice text, const char *word)
{
    size_t length = strlen(word);
    if (text.length != length) return false;
    for (size_t i = 0; i < length; i++) {
        char c = text.data[i];
        if ((c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c) != word[i]) return false;
    }
    return true;
}

static enum weir_cast_result parse_boolean(const struct weir_cast *cast, const struct weir_vector *from,
    uint32_t at, struct weir_vector *to, uint32_t row)
{
    static const char *const words[] = { "true", "false", "t", "f", "yes", "no", "y", "n", "1", "0" };
    struct weir_slice text = text_of(from, at);
    text = weir_slice_trim(text.data, text.length);
    for (uint32_t i = 0; i < WEIR_ARRAY_COUNT(words); i++) {
        if (!is_word(text, words[i])) continue;
        ((uint8_t *)to->data)[row] = i % 2 == 0;
        return WEIR_CAST_DONE;
    }
    return WEIR_CAST_FAILED;
}

static enum weir_cast_result parse_integer(const struct weir_cast *cast, const struct weir_vector *from,
    uint32_t at, struct weir_vector *to, uint32_t row)
{
    uint32_t bits = weir_type_width(cast->to) * 8;
    int64_t max = (int64_t)(UINT64_MAX >> (65 - bits)), value;
    struct weir_slice text = text_of(from, at);
    if (weir_i64_parse_cast(text.data, text.length, -max - 1, max, &value) != WEIR_NUMBER_PARSED)
        return WEIR_CAST_FAILED;
    switch (bits) {
    case 8: ((int8_t *)to->data)[row] = (int8_t)value; break;
    case 16: ((int16_t *)to->data)[row] = (int16_t)value; break;
    case 32: ((int32_t *)to->data)[row] = (int32_t)value; break;
    default: ((int64_t *)to->data)[row] = value; break;
    }
    return WEIR_CAST_DONE;
}

static enum weir_cast_result parse_float(const struct weir_cast *cast, const struct weir_vector *from,
    uint32_t at, struct weir_vector *to, uint32_t row)
{
    struct weir_slice text = text_of(from, at);
    if (cast->to->id == WEIR_TYPE_FLOAT) {
        float *value = &((float *)to->data)[row];
        return weir_float_parse(text.data, text.length, value) == WEIR_NUMBER_PARSED ? WEIR_CAST_DONE
                                                                                     : WEIR_CAST_FAILED;
    }
    double *value = &((double *)to->data)[row];
    return weir_double_parse(text.data, text.length, value) == WEIR_NUMBER_PARSED ? WEIR_CAST_DONE
                                                                                  : WEIR_CAST_FAILED;
}

static enum weir_cast_result parse_decimal(const struct weir_cast *cast, const struct weir_vector *from,
    uint32_t at, struct weir_vector *to, uint32_t row)
{
    struct weir_slice text = text_of(from, at);
    weir_int128 value;
    if (weir_decimal_parse(text.data, text.length, cast->to->precision, cast->to->scale, &value) !=
        WEIR_DECIMAL_PARSED) {
        return WEIR_CAST_FAILED;
    }
    weir_wide_store(to, row, value);
    return WEIR_CAST_DONE;
}

static enum weir_cast_result parse_date(const struct weir_cast *cast, const struct weir_vector *from,
    uint32_t at, struct weir_vector *to, uint32_t row)
{
    struct weir_slice text = text_of(from, at);
    return weir_date_parse(text.data, text.length, &((int32_t *)to->data)[row]) ? WEIR_CAST_DONE
                                                                                : WEIR_CAST_FAILED;
}

int32_t weir_time_cut(int32_t ms, uint32_t precision)
{
    static const int32_t units[] = { 1000, 100, 10, 1 };
    int32_t unit = units[WEIR_MIN(precision, 3u)];
    return ms - ms % unit;
}

static enum weir_cast_result parse_time(const struct weir_cast *cast, const struct weir_vector *from,
    uint32_t at, struct weir_vector *to, uint32_t row)
{
    struct weir_slice text = text_of(from, at);
    int32_t ms;
    if (!weir_time_parse(text.data, text.length, &ms)) return WEIR_CAST_FAILED;
    ((int32_t *)to->data)[row] = weir_time_cut(ms, cast->to->precision);
    return WEIR_CAST_DONE;
}

static enum weir_cast_result parse_timestamp(const struct weir_cast *cast, const struct weir_vector *from,
    uint32_t at, struct weir_vector *to, uint32_t row)
{
    struct weir_slice text = text_of(from, at);
    struct weir_civil civil;
    if (!weir_timestamp_parse(text.data, text.length, cast->to->precision, &civil)) return WEIR_CAST_FAILED;
    const struct weir_zone *zone =
        cast->to->id == WEIR_TYPE_TIMESTAMP_LTZ ? cast->call->environment->local_zone : NULL;
    if (weir_type_is_wide_timestamp(cast->to)) {
        weir_int128 ns = weir_civil_ns(&civil);
        if (zone) {
            int64_t us = weir_civil_us(&civil);
            ns += (weir_int128)(weir_zone_local_to_utc_us(zone, us) - us) * 1000;
        }
        ((weir_int128 *)to->data)[row] = ns;
    } else {
        int64_t us = weir_civil_us(&civil);
        ((int64_t *)to->data)[row] = zone ? weir_zone_local_to_utc_us(zone, us) : us;
    }
    return WEIR_CAST_DONE;
}

weir_cast_value weir_cast_choose_from_string(const struct weir_type *to)
{
    switch (to->id) {
    case WEIR_TYPE_BOOLEAN: return parse_boolean;
    case WEIR_TYPE_TINYINT:
    case WEIR_TYPE_SMALLINT:
    case WEIR_TYPE_INT:
    case WEIR_TYPE_BIGINT: return parse_integer;
    case WEIR_TYPE_FLOAT:
    case WEIR_TYPE_DOUBLE: return parse_float;
    case WEIR_TYPE_DECIMAL: return parse_decimal;
    case WEIR_TYPE_DATE: return parse_date;
    case WEIR_TYPE_TIME: return parse_time;
    default: return parse_timestamp;
    }
}
