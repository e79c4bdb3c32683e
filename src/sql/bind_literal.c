/* Literals: the text of numbers, times and intervals as values. */
#include "sql/ast_print.h"
#include "sql/bind.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct weir_vector *new_value(struct bind_context *context, const struct weir_type *type)
{
    struct weir_vector *value = WEIR_ARENA_NEW(context->arena, struct weir_vector);
    weir_vector_init(value, type, 1, context->arena);
    value->encoding = WEIR_ENCODING_CONSTANT;
    return value;
}

static struct weir_expr *value_i32(struct bind_context *context, const struct weir_type *type, int32_t number)
{
    struct weir_vector *value = new_value(context, type);
    memcpy(value->data, &number, sizeof number);
    return weir_expr_literal(context->arena, value);
}

static struct weir_expr *value_i64(struct bind_context *context, const struct weir_type *type, int64_t number)
{
    struct weir_vector *value = new_value(context, type);
    memcpy(value->data, &number, sizeof number);
    return weir_expr_literal(context->arena, value);
}

static struct weir_expr *value_i128(
    struct bind_context *context, const struct weir_type *type, weir_int128 number)
{
    struct weir_vector *value = new_value(context, type);
    memcpy(value->data, &number, sizeof number);
    return weir_expr_literal(context->arena, value);
}

static const struct weir_type *not_null(struct bind_context *context, enum weir_type_id id)
{
    return weir_type_nullable(context->arena, weir_type_of(id), false);
}

/* ---------------------------------------------------------------------------------------------- numbers */

static enum weir_error_code out_of_range(struct bind_context *context, const struct weir_sql_expr *ast)
{
    return weir_bind_error(
        context, WEIR_E_SQL_VALIDATION, ast->span, "Numeric literal '%s' out of range", ast->number.text);
}

static enum weir_error_code bind_integer(
    struct bind_context *context, const struct weir_sql_expr *ast, struct weir_expr **ret)
{
    uint64_t number = 0;
    for (const char *at = ast->number.text; *at; at++) {
        if (__builtin_mul_overflow(number, 10, &number)) return out_of_range(context, ast);
        if (__builtin_add_overflow(number, (uint64_t)(*at - '0'), &number)) return out_of_range(context, ast);
    }
    /* 2^63 is taken for the sake of -9223372036854775808: the sign is applied later and wraps. */
    if (number > (uint64_t)INT64_MAX + 1) return out_of_range(context, ast);
    if (number <= INT32_MAX) {
        *ret = value_i32(context, not_null(context, WEIR_TYPE_INT), (int32_t)number);
    } else {
        *ret = value_i64(context, not_null(context, WEIR_TYPE_BIGINT), (int64_t)number);
    }
    return WEIR_OK;
}

static enum weir_error_code bind_decimal(
    struct bind_context *context, const struct weir_sql_expr *ast, struct weir_expr **ret)
{
    weir_int128 unscaled = 0;
    uint32_t digits = 0, scale = 0;
    bool fraction = false;
    for (const char *at = ast->number.text; *at; at++) {
        if (*at == '.') {
            fraction = true;
            continue;
        }
        scale += fraction;
        if (digits || *at != '0') digits++;
        if (digits > WEIR_DECIMAL_PRECISION_MAX || scale > WEIR_DECIMAL_PRECISION_MAX)
            return out_of_range(context, ast);
        unscaled = unscaled * 10 + (*at - '0');
    }
    if (scale == 0) { /* "12." is an integer */
        if (unscaled > INT64_MAX) return out_of_range(context, ast);
        *ret = unscaled <= INT32_MAX
                   ? value_i32(context, not_null(context, WEIR_TYPE_INT), (int32_t)unscaled)
                   : value_i64(context, not_null(context, WEIR_TYPE_BIGINT), (int64_t)unscaled);
        return WEIR_OK;
    }
    uint32_t precision = digits > scale ? digits : scale;
    const struct weir_type *type =
        weir_type_decimal(context->arena, (uint8_t)precision, (uint8_t)scale, false);
    *ret = weir_type_is_wide_decimal(type) ? value_i128(context, type, unscaled)
                                           : value_i64(context, type, (int64_t)unscaled);
    return WEIR_OK;
}

static enum weir_error_code bind_number(
    struct bind_context *context, const struct weir_sql_expr *ast, struct weir_expr **ret)
{
    if (ast->number.kind == WEIR_SQL_NUMBER_INTEGER) return bind_integer(context, ast, ret);
    if (ast->number.kind == WEIR_SQL_NUMBER_DECIMAL) return bind_decimal(context, ast, ret);
    struct weir_expr *text = weir_expr_literal(
        context->arena, weir_value_string(context->arena, ast->number.text, strlen(ast->number.text)));
    struct weir_expr *cast;
    struct weir_vector *value;
    enum weir_error_code code = weir_expr_cast(
        context->arena, text, not_null(context, WEIR_TYPE_DOUBLE), false, &cast, context->error);
    if (!code) {
        code = weir_expr_fold(context->arena, context->input->memory, cast, context->input->environment,
            &value, context->error);
    }
    if (code) return out_of_range(context, ast);
    value->type = not_null(context, WEIR_TYPE_DOUBLE);
    *ret = weir_expr_literal(context->arena, value);
    return WEIR_OK;
}

/* ---------------------------------------------------------------------------------------------- date and
 * time */

struct cursor {
    const char *at;
    bool failed;
};

static int64_t take_number(struct cursor *cursor, uint32_t digits_min, uint32_t digits_max)
{
    int64_t number = 0;
    uint32_t digits = 0;
    while (*cursor->at >= '0' && *cursor->at <= '9' && digits < digits_max) {
        number = number * 10 + (*cursor->at++ - '0');
        digits++;
    }
    if (digits < digits_min) cursor->failed = true;
    return number;
}

static void take(struct cursor *cursor, char c)
{
    if (*cursor->at == c) {
        cursor->at++;
    } else {
        cursor->failed = true;
    }
}

static void take_fraction(struct cursor *cursor, int64_t *nanoseconds, uint32_t *digits)
{
    *nanoseconds = 0;
    *digits = 0;
    if (*cursor->at != '.') return;
    cursor->at++;
    int64_t unit = 100000000;
    while (*cursor->at >= '0' && *cursor->at <= '9') {
        if (*digits < 9) *nanoseconds += (*cursor->at - '0') * unit;
        unit /= 10;
        (*digits)++;
        cursor->at++;
    }
    if (*digits > 9) *digits = 9;
}

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days since 1970-01-01 of a date of the proleptic Gregorian calendar. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int64_t take_date(struct cursor *cursor)
{
    static const uint8_t month_days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    int64_t year = take_number(cursor, 1, 4);
    take(cursor, '-');
    int64_t month = take_number(cursor, 1, 2);
    take(cursor, '-');
    int64_t day = take_number(cursor, 1, 2);
    if (cursor->failed || month < 1 || month > 12 || day < 1) {
        cursor->failed = true;
        return 0;
    }
    if (day > month_days[month - 1] + (month == 2 && is_leap(year))) cursor->failed = true;
    return days_of(year, month, day);
}

/* Nanoseconds of the day. */
static int64_t take_time(struct cursor *cursor, uint32_t *digits)
{
    int64_t hour = take_number(cursor, 1, 2), minute = 0, second = 0, nanoseconds = 0;
    *digits = 0;
    take(cursor, ':');
    minute = take_number(cursor, 1, 2);
    take(cursor, ':');
    second = take_number(cursor, 1, 2);
    take_fraction(cursor, &nanoseconds, digits);
    if (hour > 23 || minute > 59 || second > 59) cursor->failed = true;
    return ((hour * 60 + minute) * 60 + second) * 1000000000 + nanoseconds;
}

static enum weir_error_code bad_time(
    struct bind_context *context, const struct weir_sql_expr *ast, const char *form)
{
    return weir_bind_error(context, WEIR_E_SQL_VALIDATION, ast->span,
        "Illegal %.*s literal '%s': not in format '%s'", (int)strcspn(form, " "), form, ast->string.text,
        strchr(form, ' ') + 1);
}

static enum weir_error_code bind_date(
    struct bind_context *context, const struct weir_sql_expr *ast, struct weir_expr **ret)
{
    struct cursor cursor = { ast->string.text, false };
    int64_t days = take_date(&cursor);
    if (cursor.failed || *cursor.at) return bad_time(context, ast, "DATE yyyy-MM-dd");
    *ret = value_i32(context, not_null(context, WEIR_TYPE_DATE), (int32_t)days);
    return WEIR_OK;
}

static enum weir_error_code bind_time(
    struct bind_context *context, const struct weir_sql_expr *ast, struct weir_expr **ret)
{
    struct cursor cursor = { ast->string.text, false };
    uint32_t digits;
    int64_t nanoseconds = take_time(&cursor, &digits);
    if (cursor.failed || *cursor.at) return bad_time(context, ast, "TIME HH:mm:ss");
    const struct weir_type *type =
        weir_type_with_precision(context->arena, WEIR_TYPE_TIME, (uint8_t)digits, false);
    *ret = value_i32(context, type, (int32_t)(nanoseconds / 1000000));
    return WEIR_OK;
}

static enum weir_error_code bind_timestamp(
    struct bind_context *context, const struct weir_sql_expr *ast, struct weir_expr **ret)
{
    struct cursor cursor = { ast->string.text, false };
    uint32_t digits = 0;
    int64_t days = take_date(&cursor), nanoseconds = 0;
    if (*cursor.at) {
        take(&cursor, *cursor.at == 'T' ? 'T' : ' ');
        nanoseconds = take_time(&cursor, &digits);
    }
    if (cursor.failed || *cursor.at) return bad_time(context, ast, "TIMESTAMP yyyy-MM-dd HH:mm:ss");
    bool local = ast->kind == WEIR_SQL_EXPR_TIMESTAMP_LTZ;
    enum weir_type_id id = local ? WEIR_TYPE_TIMESTAMP_LTZ : WEIR_TYPE_TIMESTAMP;
    const struct weir_type *type = weir_type_with_precision(context->arena, id, (uint8_t)digits, false);
    int64_t us = days * 86400000000 + nanoseconds / 1000;
    if (local) {
        const struct weir_eval_environment *environment = context->input->environment;
        us = weir_zone_local_to_utc_us(environment ? environment->local_zone : NULL, us);
    }
    *ret = weir_type_is_wide_timestamp(type)
               ? value_i128(context, type, (weir_int128)us * 1000 + nanoseconds % 1000)
               : value_i64(context, type, us);
    return WEIR_OK;
}

/* ------------------------------------------------------------------------------------------------ intervals
 */

static enum weir_error_code bad_interval(struct bind_context *context, const struct weir_sql_expr *ast)
{
    return weir_bind_error(context, WEIR_E_SQL_VALIDATION, ast->span,
        "Illegal interval literal format '%s' for the fields that are named", ast->interval.text);
}

/* First and last field: 0 DAY 1 HOUR 2 MINUTE 3 SECOND */
static void time_fields(enum weir_interval_unit unit, uint32_t *first, uint32_t *last)
{
    static const uint8_t fields[][2] = {
        [WEIR_INTERVAL_UNIT_DAY] = { 0, 0 },
        [WEIR_INTERVAL_UNIT_DAY_TO_HOUR] = { 0, 1 },
        [WEIR_INTERVAL_UNIT_DAY_TO_MINUTE] = { 0, 2 },
        [WEIR_INTERVAL_UNIT_DAY_TO_SECOND] = { 0, 3 },
        [WEIR_INTERVAL_UNIT_HOUR] = { 1, 1 },
        [WEIR_INTERVAL_UNIT_HOUR_TO_MINUTE] = { 1, 2 },
        [WEIR_INTERVAL_UNIT_HOUR_TO_SECOND] = { 1, 3 },
        [WEIR_INTERVAL_UNIT_MINUTE] = { 2, 2 },
        [WEIR_INTERVAL_UNIT_MINUTE_TO_SECOND] = { 2, 3 },
        [WEIR_INTERVAL_UNIT_SECOND] = { 3, 3 },
    };
    *first = fields[unit][0];
    *last = fields[unit][1];
}

/* What may stand behind the first field: hours of a day, minutes, seconds, months of a year. */
static int64_t take_later_field(struct cursor *cursor, char separator, int64_t below)
{
    take(cursor, separator);
    int64_t value = take_number(cursor, 1, 2);
    cursor->failed |= value >= below;
    return value;
}

static int64_t take_day_time(struct cursor *cursor, enum weir_interval_unit unit, int64_t leading)
{
    static const int64_t unit_ms[] = { 86400000, 3600000, 60000, 1000 };
    static const char separators[] = { 0, ' ', ':', ':' };
    static const uint8_t below[] = { 0, 24, 60, 60 };
    uint32_t first, last;
    time_fields(unit, &first, &last);
    int64_t total = leading * unit_ms[first];
    for (uint32_t field = first + 1; field <= last && !cursor->failed; field++)
        total += take_later_field(cursor, separators[field], below[field]) * unit_ms[field];
    int64_t nanoseconds = 0;
    uint32_t digits;
    if (last == 3) take_fraction(cursor, &nanoseconds, &digits);
    return total + nanoseconds / 1000000;
}

static int64_t take_months(struct cursor *cursor, enum weir_interval_unit unit, int64_t leading)
{
    if (unit == WEIR_INTERVAL_UNIT_MONTH) return leading;
    if (unit == WEIR_INTERVAL_UNIT_YEAR) return leading * 12;
    return leading * 12 + take_later_field(cursor, '-', 12);
}

enum { LEADING_DIGITS_DEFAULT = 2, LEADING_DIGITS_MAX = 10 };

/* Of the first field as many digits are possible as its unit's precision says, two where it says nothing:
 * Flink refuses more, too. */
static enum weir_error_code check_leading_field(
    struct bind_context *context, const struct weir_sql_expr *ast, int64_t leading)
{
    int precision = ast->interval.leading_precision;
    if (precision == 0)
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, ast->span,
            "Interval leading field precision '0' out of range: expected 1 to %d", LEADING_DIGITS_MAX);
    if (precision < 0) precision = LEADING_DIGITS_DEFAULT;
    int digits = 1;
    for (int64_t rest = leading; rest >= 10; rest /= 10) digits++;
    if (digits <= precision && leading <= INT32_MAX) return WEIR_OK;
    struct weir_buffer unit, hint;
    weir_buffer_init(&unit, context->input->memory, 64);
    weir_buffer_init(&hint, context->input->memory, 64);
    weir_sql_print_interval_unit(ast->interval.unit, ast->interval.multiplier, -1, -1, &unit);
    int length = (int)strcspn(weir_buffer_text(&unit), " ");
    if (leading <= INT32_MAX)
        weir_buffer_format(&hint, "; %.*s(%d) holds it", length, weir_buffer_text(&unit), digits);
    enum weir_error_code code = weir_bind_error(context, WEIR_E_SQL_VALIDATION, ast->span,
        "Interval field value %lld exceeds precision of %.*s(%d) field%s", (long long)leading, length,
        weir_buffer_text(&unit), precision, weir_buffer_text(&hint));
    weir_buffer_done(&unit);
    weir_buffer_done(&hint);
    return code;
}

static enum weir_error_code bind_interval(
    struct bind_context *context, const struct weir_sql_expr *ast, struct weir_expr **ret)
{
    struct cursor cursor = { ast->interval.text, false };
    bool negative = ast->interval.negative;
    if (*cursor.at == '-' || *cursor.at == '+') negative ^= *cursor.at++ == '-';
    const struct weir_type *type = weir_type_interval(context->arena, ast->interval.unit, false);
    bool months = ast->interval.unit <= WEIR_INTERVAL_UNIT_MONTH;
    int64_t leading = take_number(&cursor, 1, LEADING_DIGITS_MAX);
    int64_t amount = months ? take_months(&cursor, ast->interval.unit, leading)
                            : take_day_time(&cursor, ast->interval.unit, leading);
    if (cursor.failed || *cursor.at) return bad_interval(context, ast);
    WEIR_TRY(check_leading_field(context, ast, leading));
    amount *= ast->interval.multiplier ? ast->interval.multiplier : 1;
    if (negative) amount = -amount;
    if (months && (amount > INT32_MAX || amount < INT32_MIN)) return bad_interval(context, ast);
    *ret = months ? value_i32(context, type, (int32_t)amount) : value_i64(context, type, amount);
    return WEIR_OK;
}

/* ------------------------------------------------------------------------------------------------------ all
 */

static enum weir_error_code bind_binary(
    struct bind_context *context, const struct weir_sql_expr *ast, struct weir_expr **ret)
{
    int32_t length = (int32_t)ast->string.length;
    const struct weir_type *type = weir_type_with_length(context->arena, WEIR_TYPE_BINARY, length, false);
    struct weir_vector *value = new_value(context, type);
    const char *copy = weir_arena_copy(context->arena, ast->string.text, ast->string.length);
    *(struct weir_string *)value->data = weir_string_view(copy, (uint32_t)length);
    *ret = weir_expr_literal(context->arena, value);
    return WEIR_OK;
}

enum weir_error_code weir_bind_literal(
    struct bind_context *context, const struct weir_sql_expr *ast, struct weir_expr **ret)
{
    switch (ast->kind) {
    case WEIR_SQL_EXPR_NULL:
        *ret = weir_expr_null(context->arena, weir_type_of(WEIR_TYPE_NULL));
        return WEIR_OK;
    case WEIR_SQL_EXPR_BOOLEAN:
        *ret = weir_expr_literal(context->arena, weir_value_boolean(context->arena, ast->boolean));
        return WEIR_OK;
    case WEIR_SQL_EXPR_NUMBER: return bind_number(context, ast, ret);
    case WEIR_SQL_EXPR_STRING:
        *ret = weir_expr_literal(
            context->arena, weir_value_string(context->arena, ast->string.text, ast->string.length));
        return WEIR_OK;
    case WEIR_SQL_EXPR_BINARY_STRING: return bind_binary(context, ast, ret);
    case WEIR_SQL_EXPR_DATE: return bind_date(context, ast, ret);
    case WEIR_SQL_EXPR_TIME: return bind_time(context, ast, ret);
    case WEIR_SQL_EXPR_TIMESTAMP:
    case WEIR_SQL_EXPR_TIMESTAMP_LTZ: return bind_timestamp(context, ast, ret);
    default: return bind_interval(context, ast, ret);
    }
}

bool weir_bind_literal_i64(const struct weir_expr *expr, int64_t *ret)
{
    if (expr->kind != WEIR_EXPR_LITERAL || weir_vector_is_null(expr->literal, 0)) return false;
    const void *data = expr->literal->data;
    switch (expr->type->id) {
    case WEIR_TYPE_TINYINT: *ret = *(const int8_t *)data; return true;
    case WEIR_TYPE_SMALLINT: *ret = *(const int16_t *)data; return true;
    case WEIR_TYPE_INT:
    case WEIR_TYPE_INTERVAL_YEAR_MONTH: *ret = *(const int32_t *)data; return true;
    case WEIR_TYPE_BIGINT:
    case WEIR_TYPE_INTERVAL_DAY_TIME: *ret = *(const int64_t *)data; return true;
    default: return false;
    }
}

struct weir_expr *weir_bind_negate_literal(struct bind_context *context, struct weir_expr *literal)
{
    if (literal->kind != WEIR_EXPR_LITERAL || weir_vector_is_null(literal->literal, 0)) return NULL;
    const struct weir_type *type = literal->type;
    int64_t number;
    if (weir_bind_literal_i64(literal, &number)) {
        int64_t negative = (int64_t)(0 - (uint64_t)number);
        if (type->id == WEIR_TYPE_BIGINT && negative == INT32_MIN) {
            return value_i32(
                context, not_null(context, WEIR_TYPE_INT), INT32_MIN); /* 2147483648 is a BIGINT */
        }
        if (weir_type_width(type) == 8) return value_i64(context, type, negative);
        return weir_type_width(type) == 4 ? value_i32(context, type, (int32_t)negative) : NULL;
    }
    if (type->id == WEIR_TYPE_DECIMAL) {
        if (weir_type_is_wide_decimal(type)) {
            weir_int128 wide;
            memcpy(&wide, literal->literal->data, sizeof wide);
            return value_i128(context, type, -wide);
        }
        memcpy(&number, literal->literal->data, sizeof number);
        return value_i64(context, type, -number);
    }
    if (type->id == WEIR_TYPE_DOUBLE) {
        double value;
        memcpy(&value, literal->literal->data, sizeof value);
        struct weir_vector *to = new_value(context, type);
        value = -value;
        memcpy(to->data, &value, sizeof value);
        return weir_expr_literal(context->arena, to);
    }
    return NULL;
}
