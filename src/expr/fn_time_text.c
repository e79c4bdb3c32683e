/* Between texts and times: DATE_FORMAT, FROM_UNIXTIME, UNIX_TIMESTAMP, TO_DATE, TO_TIMESTAMP, CONVERT_TZ. */
#include "expr/date_pattern.h"
#include "expr/moment.h"

#include "data/decimal.h"
#include "data/number.h"

static const struct weir_slice default_pattern = { "yyyy-MM-dd HH:mm:ss", 19 };

/* The compiled pattern of a row: prepared for a constant one, else the last one is kept. */
struct pattern_cache {
    struct weir_call *call;
    const struct weir_vector *patterns; /* NULL: the default */
    enum weir_date_dialect dialect;
    struct weir_slice known;
    struct weir_date_pattern *pattern;
};

static void cache_init(struct pattern_cache *cache, struct weir_call *call,
    const struct weir_vector *patterns, enum weir_date_dialect dialect)
{
    *cache = (struct pattern_cache){
        .call = call, .patterns = patterns, .dialect = dialect, .pattern = call->prepared
    };
}

static enum weir_error_code cache_get(
    struct pattern_cache *cache, uint32_t row, struct weir_date_pattern **ret)
{
    if (!cache->call->prepared) {
        struct weir_slice text = cache->patterns ? weir_text_slice(cache->patterns, row) : default_pattern;
        if (!cache->known.data || text.length != cache->known.length ||
            memcmp(text.data, cache->known.data, text.length) != 0) {
            enum weir_error_code code = weir_date_pattern_compile(
                cache->call->scratch, text, cache->dialect, &cache->pattern, cache->call->error);
            if (code) return code;
            cache->known = text;
        }
    }
    *ret = cache->pattern;
    return WEIR_OK;
}

static enum weir_error_code bind_pattern(
    struct weir_call *call, uint32_t argument, enum weir_date_dialect dialect)
{
    struct weir_slice text = default_pattern;
    if (call->argument_count > argument && !weir_literal_text(call->constants[argument], &text))
        return WEIR_OK;
    struct weir_date_pattern *pattern;
    enum weir_error_code code = weir_date_pattern_compile(call->arena, text, dialect, &pattern, call->error);
    if (!code) call->prepared = pattern;
    return code;
}

/* A literal pattern is looked at before anything runs. */
static bool check_pattern(struct weir_arena *arena, const struct weir_vector *const *literals, uint32_t count,
    enum weir_date_dialect dialect, struct weir_error *reterr)
{
    struct weir_slice text;
    struct weir_date_pattern *pattern;
    if (count < 2 || !weir_literal_text(literals[1], &text)) return true;
    return weir_date_pattern_compile(arena, text, dialect, &pattern, reterr) == WEIR_OK;
}

static enum weir_date_dialect dialect_of(const struct weir_type *type)
{
    return weir_type_is_timestamp(type) ? WEIR_DATE_FORMATTER : WEIR_DATE_SIMPLE;
}

/* Formatting keeps the last text: rows of one day, minute ... (whatever the pattern shows) share it. */
struct text_cache {
    struct weir_text_writer writer;
    const struct weir_date_pattern *pattern;
    int64_t key;
    int32_t nanoseconds;
    struct weir_string text;
};

static struct weir_string format_moment(struct text_cache *cache, struct weir_date_pattern *pattern,
    struct weir_moment local, const struct weir_zone *zone, int64_t utc_us)
{
    int64_t resolution = weir_date_pattern_resolution_us(pattern), key = weir_floor_div(local.us, resolution);
    int32_t nanoseconds = resolution == 1 ? local.nanoseconds : 0;
    if (cache->pattern == pattern && cache->key == key && cache->nanoseconds == nanoseconds)
        return cache->text;
    char *to = weir_text_reserve(&cache->writer, weir_date_pattern_bytes_max(pattern));
    int32_t offset = (int32_t)((local.us - utc_us) / WEIR_SECOND_US);
    size_t length = weir_date_pattern_format(pattern, local.us, local.nanoseconds, zone, offset, to);
    cache->pattern = pattern, cache->key = key, cache->nanoseconds = nanoseconds;
    cache->text = weir_text_finish(&cache->writer, to, length);
    return cache->text;
}

/* --- DATE_FORMAT(timestamp | date | 'yyyy-MM-dd HH:mm:ss', pattern) --- */
static enum weir_error_code date_format(WEIR_KERNEL_PARAMETERS)
{
    const struct weir_vector *v = arguments[0];
    struct text_cache texts = { .pattern = NULL };
    weir_text_writer_init(&texts.writer, call);
    struct pattern_cache patterns;
    cache_init(&patterns, call, arguments[1], dialect_of(v->type));
    struct weir_date_pattern *input = NULL, *pattern;
    enum weir_error_code code = WEIR_OK;
    bool is_text = weir_type_is_string(v->type), zoned = v->type->id == WEIR_TYPE_TIMESTAMP_LTZ;
    if (is_text)
        code =
            weir_date_pattern_compile(call->scratch, default_pattern, WEIR_DATE_SIMPLE, &input, call->error);
    if (code) return code;
    const struct weir_zone *zone = zoned ? call->environment->local_zone : NULL;
    WEIR_FOR_ROWS(i, rows, count)
    {
        code = cache_get(&patterns, i, &pattern);
        if (code) return code;
        struct weir_moment utc, local;
        struct weir_date_fields fields;
        if (is_text) {
            if (!weir_date_pattern_parse(input, weir_text_slice(v, i), &fields)) {
                weir_call_set_null(call, out, i);
                continue;
            }
            local = utc = (struct weir_moment){ weir_date_fields_us(&fields), 0 };
        } else {
            utc = weir_moment_argument(v, i);
            local = zone ? weir_moment_local(call, v, i) : utc;
        }
        WEIR_RESULT(struct weir_string, out, i) = format_moment(&texts, pattern, local, zone, utc.us);
    }
    return WEIR_OK;
}

bool weir_infer_date_format(WEIR_INFER_PARAMETERS)
{
    (void)function;
    const struct weir_type *type = given[0];
    bool fits = weir_type_is_string(type) || weir_type_is_timestamp(type) || type->id == WEIR_TYPE_DATE ||
                type->id == WEIR_TYPE_NULL;
    if (!fits || !weir_text_match(
                     arena, given, count, "AS", &weir_type_string, WEIR_TEXT_NULL_ALWAYS, date_format, ret))
        return false;
    if (type->id == WEIR_TYPE_NULL) ret->argument_types[0] = &weir_type_string;
    return check_pattern(arena, literals, count, dialect_of(ret->argument_types[0]), reterr);
}

enum weir_error_code weir_bind_date_format(struct weir_call *call)
{
    return bind_pattern(call, 1, dialect_of(call->argument_types[0]));
}

/* --- FROM_UNIXTIME(seconds [, pattern]): on the wall clock of the session --- */
static enum weir_error_code from_unixtime(WEIR_KERNEL_PARAMETERS)
{
    struct text_cache texts = { .pattern = NULL };
    weir_text_writer_init(&texts.writer, call);
    struct pattern_cache patterns;
    cache_init(&patterns, call, call->argument_count > 1 ? arguments[1] : NULL, WEIR_DATE_SIMPLE);
    const struct weir_zone *zone = call->environment->local_zone;
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_date_pattern *pattern;
        enum weir_error_code code = cache_get(&patterns, i, &pattern);
        if (code) return code;
        int64_t utc_us;
        if (__builtin_mul_overflow(WEIR_ARGUMENT(int64_t, arguments[0], i), WEIR_SECOND_US, &utc_us) ||
            utc_us > INT64_MAX - WEIR_DAY_US * 2 || utc_us < INT64_MIN + WEIR_DAY_US * 2) {
            weir_call_set_null(call, out, i);
            continue;
        }
        struct weir_moment local = { weir_zone_utc_to_local_us(zone, utc_us), 0 };
        WEIR_RESULT(struct weir_string, out, i) = format_moment(&texts, pattern, local, zone, utc_us);
    }
    return WEIR_OK;
}

bool weir_infer_from_unixtime(WEIR_INFER_PARAMETERS)
{
    (void)function;
    return check_pattern(arena, literals, count, WEIR_DATE_SIMPLE, reterr) &&
           weir_text_match(
               arena, given, count, "LS", &weir_type_string, WEIR_TEXT_NULL_AS_ARGUMENTS, from_unixtime, ret);
}

enum weir_error_code weir_bind_from_unixtime(struct weir_call *call)
{
    return bind_pattern(call, 1, WEIR_DATE_SIMPLE);
}

/* UTC microseconds of a text; false: the pattern does not fit it. */
static bool parse_in_zone(const struct weir_date_pattern *pattern, struct weir_slice text,
    const struct weir_zone *zone, int64_t *ret_us)
{
    struct weir_date_fields fields;
    if (!weir_date_pattern_parse(pattern, text, &fields)) return false;
    int64_t us = weir_date_fields_us(&fields);
    *ret_us =
        fields.has_offset ? us - fields.offset_seconds * WEIR_SECOND_US : weir_zone_local_to_utc_us(zone, us);
    return true;
}

/* --- UNIX_TIMESTAMP([text [, pattern]]): a text that does not fit gives the smallest BIGINT, as in Flink ---
 */
static enum weir_error_code unix_timestamp_now(WEIR_KERNEL_PARAMETERS)
{
    (void)arguments;
    const struct weir_eval_environment *environment = call->environment;
    int64_t us = environment->statement_start_us;
    if (!us && environment->now_us) us = environment->now_us(environment->clock);
    WEIR_FOR_ROWS(i, rows, count) WEIR_RESULT(int64_t, out, i) = weir_floor_div(us, WEIR_SECOND_US);
    return WEIR_OK;
}

static enum weir_error_code unix_timestamp(WEIR_KERNEL_PARAMETERS)
{
    struct pattern_cache patterns;
    cache_init(&patterns, call, call->argument_count > 1 ? arguments[1] : NULL, WEIR_DATE_SIMPLE);
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_date_pattern *pattern;
        enum weir_error_code code = cache_get(&patterns, i, &pattern);
        if (code) return code;
        int64_t us;
        bool good =
            parse_in_zone(pattern, weir_text_slice(arguments[0], i), call->environment->local_zone, &us);
        WEIR_RESULT(int64_t, out, i) = good ? us / WEIR_SECOND_US : INT64_MIN;
    }
    return WEIR_OK;
}

bool weir_infer_unix_timestamp(WEIR_INFER_PARAMETERS)
{
    (void)function;
    const struct weir_type *bigint = weir_type_of(WEIR_TYPE_BIGINT);
    weir_kernel kernel = count ? unix_timestamp : unix_timestamp_now;
    return check_pattern(arena, literals, count, WEIR_DATE_SIMPLE, reterr) &&
           weir_text_match(arena, given, count, "S", bigint, WEIR_TEXT_NULL_AS_ARGUMENTS, kernel, ret);
}

enum weir_error_code weir_bind_unix_timestamp(struct weir_call *call)
{
    return call->argument_count ? bind_pattern(call, 1, WEIR_DATE_SIMPLE) : WEIR_OK;
}

/* --- TO_DATE(text [, pattern]) --- */
static enum weir_error_code to_date(WEIR_KERNEL_PARAMETERS)
{
    struct pattern_cache patterns;
    cache_init(&patterns, call, call->argument_count > 1 ? arguments[1] : NULL, WEIR_DATE_SIMPLE);
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_slice text = weir_text_slice(arguments[0], i);
        struct weir_date_pattern *pattern;
        struct weir_date_fields fields;
        int32_t days = 0;
        bool good;
        if (call->argument_count == 1) {
            good = weir_date_parse(text.data, text.length, &days);
        } else {
            enum weir_error_code code = cache_get(&patterns, i, &pattern);
            if (code) return code;
            good = weir_date_pattern_parse(pattern, text, &fields);
            if (good) days = (int32_t)weir_floor_div(weir_date_fields_us(&fields), WEIR_DAY_US);
        }
        if (!good) weir_call_set_null(call, out, i);
        WEIR_RESULT(int32_t, out, i) = days;
    }
    return WEIR_OK;
}

bool weir_infer_to_date(WEIR_INFER_PARAMETERS)
{
    (void)function;
    return check_pattern(arena, literals, count, WEIR_DATE_SIMPLE, reterr) &&
           weir_text_match(
               arena, given, count, "S", weir_type_of(WEIR_TYPE_DATE), WEIR_TEXT_NULL_ALWAYS, to_date, ret);
}

enum weir_error_code weir_bind_to_date(struct weir_call *call)
{
    return call->argument_count > 1 ? bind_pattern(call, 1, WEIR_DATE_SIMPLE) : WEIR_OK;
}

/* --- TO_TIMESTAMP(text [, pattern]), TO_TIMESTAMP_LTZ(text [, pattern [, zone]]) --- */
/* Without a pattern, or where it does not fit: the forms that CAST takes. */
static bool parse_plain(struct weir_slice text, uint32_t precision, struct weir_moment *ret)
{
    struct weir_civil civil;
    struct weir_slice trimmed = weir_slice_trim(text.data, text.length);
    if (!weir_timestamp_parse(trimmed.data, trimmed.length, precision, &civil)) return false;
    *ret = (struct weir_moment){ weir_civil_us(&civil), civil.nanosecond % 1000 };
    return true;
}

static bool parse_timestamp(const struct weir_date_pattern *pattern, struct weir_slice text,
    uint32_t precision, struct weir_moment *ret)
{
    struct weir_date_fields fields;
    if (!pattern || !weir_date_pattern_parse(pattern, text, &fields))
        return parse_plain(text, precision, ret);
    int64_t unit = weir_decimal_power_64[9 - precision];
    int32_t nanosecond = (int32_t)(fields.nanosecond / unit * unit);
    fields.nanosecond = nanosecond;
    *ret = (struct weir_moment){ weir_date_fields_us(&fields), nanosecond % 1000 };
    return true;
}

static enum weir_error_code to_timestamp(WEIR_KERNEL_PARAMETERS)
{
    struct pattern_cache patterns;
    bool has_pattern = call->argument_count > 1;
    cache_init(&patterns, call, has_pattern ? arguments[1] : NULL, WEIR_DATE_FORMATTER);
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_date_pattern *pattern = NULL;
        struct weir_moment m = { 0, 0 };
        enum weir_error_code code = has_pattern ? cache_get(&patterns, i, &pattern) : WEIR_OK;
        if (code) return code;
        if (!parse_timestamp(pattern, weir_text_slice(arguments[0], i), out->type->precision, &m))
            weir_call_set_null(call, out, i);
        weir_moment_put(out, i, m);
    }
    return WEIR_OK;
}

bool weir_infer_to_timestamp(WEIR_INFER_PARAMETERS)
{
    (void)function;
    const struct weir_type *result = weir_type_with_precision(arena, WEIR_TYPE_TIMESTAMP, 3, true);
    return check_pattern(arena, literals, count, WEIR_DATE_FORMATTER, reterr) &&
           weir_text_match(arena, given, count, "S", result, WEIR_TEXT_NULL_ALWAYS, to_timestamp, ret);
}

enum weir_error_code weir_bind_to_timestamp(struct weir_call *call)
{
    bool has_pattern = call->argument_count > 1 && weir_type_is_string(call->argument_types[1]);
    return has_pattern ? bind_pattern(call, 1, WEIR_DATE_FORMATTER) : WEIR_OK;
}

/* Zones by name; the last one is kept. */
struct zone_cache {
    struct weir_slice known;
    const struct weir_zone *zone;
    bool found;
};

static bool zone_get(struct zone_cache *cache, struct weir_slice name)
{
    if (!cache->known.data || name.length != cache->known.length ||
        memcmp(name.data, cache->known.data, name.length) != 0) {
        cache->zone = NULL;
        cache->found = weir_zone_find(name.data, name.length, &cache->zone, NULL) == WEIR_OK;
        cache->known = name;
    }
    return cache->found;
}

static enum weir_error_code to_timestamp_ltz_text(WEIR_KERNEL_PARAMETERS)
{
    struct pattern_cache patterns;
    struct zone_cache zones = { .found = true };
    bool has_pattern = call->argument_count > 1;
    cache_init(&patterns, call, has_pattern ? arguments[1] : NULL, WEIR_DATE_FORMATTER);
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_date_pattern *pattern = NULL;
        struct weir_moment m = { 0, 0 };
        enum weir_error_code code = has_pattern ? cache_get(&patterns, i, &pattern) : WEIR_OK;
        if (code) return code;
        bool good = call->argument_count < 3 || zone_get(&zones, weir_text_slice(arguments[2], i));
        good = good && parse_timestamp(pattern, weir_text_slice(arguments[0], i), out->type->precision, &m);
        if (!good) weir_call_set_null(call, out, i);
        m.us = weir_zone_local_to_utc_us(zones.zone, m.us);
        weir_moment_put(out, i, m);
    }
    return WEIR_OK;
}

/* Years 0 to 9999; what lies outside is NULL. */
#define EPOCH_SECONDS_MIN INT64_C(-62167219200)
#define EPOCH_SECONDS_MAX INT64_C(253402300799)

static bool put_epoch_ms(struct weir_vector *out, uint32_t row, int64_t ms)
{
    if (ms < EPOCH_SECONDS_MIN * 1000 || ms > EPOCH_SECONDS_MAX * 1000 + 999) return false;
    weir_moment_put(out, row, (struct weir_moment){ ms * 1000, 0 });
    return true;
}

/* The number as milliseconds; false: out of range. */
static bool epoch_ms(const struct weir_vector *v, uint32_t row, bool seconds, int64_t *ret)
{
    if (v->type->id == WEIR_TYPE_DOUBLE) {
        double value = WEIR_ARGUMENT(double, v, row);
        if (seconds && !(value >= (double)EPOCH_SECONDS_MIN && value <= (double)EPOCH_SECONDS_MAX))
            return false;
        *ret = weir_double_to_i64(seconds ? value * 1000 : value);
        return true;
    }
    weir_int128 value;
    if (v->type->id == WEIR_TYPE_DECIMAL) {
        value = weir_type_is_wide_decimal(v->type) ? WEIR_ARGUMENT(weir_int128, v, row)
                                                   : WEIR_ARGUMENT(int64_t, v, row);
        value = weir_decimal_truncate(value, v->type->scale);
    } else {
        value = WEIR_ARGUMENT(int64_t, v, row);
    }
    int64_t limit = EPOCH_SECONDS_MAX * (seconds ? 1 : 1000) + 1000;
    if (value > limit || value < -limit) return false;
    *ret = (int64_t)value * (seconds ? 1000 : 1);
    return true;
}

static enum weir_error_code to_timestamp_ltz_number(WEIR_KERNEL_PARAMETERS)
{
    WEIR_FOR_ROWS(i, rows, count)
    {
        int32_t precision = call->argument_count > 1 ? WEIR_ARGUMENT(int32_t, arguments[1], i) : 3;
        if (precision != 0 && precision != 3) {
            return weir_error_set(call->error, WEIR_E_ARGUMENT,
                "The precision value '%d' for function TO_TIMESTAMP_LTZ(numeric, precision) is unsupported, "
                "the supported value is '0' "
                "for second or '3' for millisecond.",
                precision);
        }
        int64_t ms;
        if (!epoch_ms(arguments[0], i, precision == 0, &ms) || !put_epoch_ms(out, i, ms))
            weir_call_set_null(call, out, i);
    }
    return WEIR_OK;
}

static bool is_zone_name(struct weir_slice name)
{
    for (size_t k = 0; k < name.length; k++) {
        char c = name.data[k];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && (k == 0 || !strchr("0123456789~/._+-", c) || !c)) return false;
    }
    return name.length > 1;
}

static bool check_zone(const struct weir_vector *literal, struct weir_error *reterr)
{
    struct weir_slice name;
    struct zone_cache cache = { 0 };
    if (!weir_literal_text(literal, &name) || zone_get(&cache, name)) return true;
    weir_error_set(reterr, WEIR_E_SQL_VALIDATION, "Invalid timezone for parsing TIMESTAMP_LTZ: %s%.*s",
        is_zone_name(name) ? "Unknown time-zone ID: "
                           : "Invalid ID for region-based ZoneId, invalid format: ",
        (int)name.length, name.data);
    return false;
}

bool weir_infer_to_timestamp_ltz(WEIR_INFER_PARAMETERS)
{
    (void)function;
    const struct weir_type *type = given[0];
    const struct weir_type *result = weir_type_with_precision(arena, WEIR_TYPE_TIMESTAMP_LTZ, 3, true);
    bool second_is_text = count > 1 && weir_type_is_string(given[1]);
    if (weir_type_is_string(type) || (type->id == WEIR_TYPE_NULL && (count != 2 || second_is_text))) {
        struct weir_slice pattern;
        if (count > 1 && weir_literal_text(literals[1], &pattern)) {
            uint32_t precision = WEIR_MIN(WEIR_MAX(weir_date_pattern_fraction(pattern), 3u), 9u);
            result = weir_type_with_precision(arena, WEIR_TYPE_TIMESTAMP_LTZ, (uint8_t)precision, true);
        }
        if (!weir_text_match(
                arena, given, count, "s", result, WEIR_TEXT_NULL_ALWAYS, to_timestamp_ltz_text, ret))
            return false;
        if (!check_pattern(arena, literals, count, WEIR_DATE_FORMATTER, reterr)) return false;
        return count < 3 || check_zone(literals[2], reterr);
    }
    if (!weir_type_is_numeric(type) && type->id != WEIR_TYPE_NULL) return false;
    /* FLOAT is cut to a whole number first, as in Flink; DOUBLE and DECIMAL come as they are. */
    bool as_it_is =
        type->id == WEIR_TYPE_DECIMAL || type->id == WEIR_TYPE_DOUBLE || type->id == WEIR_TYPE_FLOAT;
    if (count > 2 || !weir_text_match(arena, given, count, as_it_is ? "AI" : "LI", result,
                         WEIR_TEXT_NULL_ALWAYS, to_timestamp_ltz_number, ret)) {
        return false;
    }
    if (type->id == WEIR_TYPE_FLOAT) {
        ret->argument_types[0] = weir_type_nullable(arena, weir_type_of(WEIR_TYPE_BIGINT), type->nullable);
    }
    return true;
}

/* --- CONVERT_TZ('yyyy-MM-dd HH:mm:ss', from, to): a zone that nobody knows is UTC, as in Java --- */
static enum weir_error_code convert_tz(WEIR_KERNEL_PARAMETERS)
{
    struct text_cache texts = { .pattern = NULL };
    weir_text_writer_init(&texts.writer, call);
    struct weir_date_pattern *pattern;
    enum weir_error_code code =
        weir_date_pattern_compile(call->scratch, default_pattern, WEIR_DATE_SIMPLE, &pattern, call->error);
    if (code) return code;
    struct zone_cache from = { 0 }, to = { 0 };
    WEIR_FOR_ROWS(i, rows, count)
    {
        int64_t utc_us;
        zone_get(&from, weir_text_slice(arguments[1], i));
        zone_get(&to, weir_text_slice(arguments[2], i));
        if (!parse_in_zone(pattern, weir_text_slice(arguments[0], i), from.zone, &utc_us)) {
            weir_call_set_null(call, out, i);
            continue;
        }
        struct weir_moment local = { weir_zone_utc_to_local_us(to.zone, utc_us), 0 };
        WEIR_RESULT(struct weir_string, out, i) = format_moment(&texts, pattern, local, to.zone, utc_us);
    }
    return WEIR_OK;
}

bool weir_infer_convert_tz(WEIR_INFER_PARAMETERS)
{
    (void)function, (void)literals, (void)reterr;
    return weir_text_match(
        arena, given, count, "S", &weir_type_string, WEIR_TEXT_NULL_ALWAYS, convert_tz, ret);
}
