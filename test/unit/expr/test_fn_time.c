/* Time functions: one row per rule, then zones and the clock. */
#include "cases.h"

#include "data/time.h"

static const struct function_case extract[] = {
    { "EXTRACT", { "STRING:YEAR", "DATE:1996-11-10" }, "1996", "BIGINT" },
    { "EXTRACT", { "STRING:MILLENNIUM", "DATE:2001-01-01" }, "3", NULL },
    { "EXTRACT", { "STRING:MILLENNIUM", "DATE:2000-12-31" }, "2", NULL },
    { "EXTRACT", { "STRING:CENTURY", "DATE:1996-11-10" }, "20", NULL },
    { "EXTRACT", { "STRING:DECADE", "DATE:1996-11-10" }, "199", NULL },
    { "EXTRACT", { "STRING:QUARTER", "DATE:1996-11-10" }, "4", NULL },
    { "EXTRACT", { "STRING:WEEK", "TIMESTAMP(3):2020-02-29 01:56:59.987" }, "9", NULL },
    { "EXTRACT", { "STRING:WEEK", "DATE:2005-01-01" }, "53", NULL },
    { "EXTRACT", { "STRING:ISOYEAR", "DATE:2005-01-01" }, "2004", NULL },
    { "EXTRACT", { "STRING:ISOYEAR", "DATE:1969-12-29" }, "1970", NULL },
    { "EXTRACT", { "STRING:DOW", "DATE:1996-11-10" }, "1", NULL },
    { "EXTRACT", { "STRING:ISODOW", "DATE:1996-11-10" }, "7", NULL },
    { "EXTRACT", { "STRING:DOW", "DATE:1960-01-02" }, "7", NULL },
    { "EXTRACT", { "STRING:DOY", "DATE:1996-11-10" }, "315", NULL },
    { "EXTRACT", { "STRING:HOUR", "TIMESTAMP(3):1969-12-31 23:59:58.5" }, "23", NULL },
    { "EXTRACT", { "STRING:SECOND", "TIMESTAMP(3):1969-12-31 23:59:58.5" }, "58", NULL },
    { "EXTRACT", { "STRING:DAY", "TIMESTAMP(3):1969-12-31 23:59:58.5" }, "31", NULL },
    { "EXTRACT", { "STRING:MILLISECOND", "TIMESTAMP(9):2000-01-31 11:22:33.123456789" }, "123", NULL },
    { "EXTRACT", { "STRING:MICROSECOND", "TIMESTAMP(6):2000-01-31 11:22:33.123456" }, "123456", NULL },
    { "EXTRACT", { "STRING:NANOSECOND", "TIMESTAMP(9):2000-01-31 11:22:33.123456789" }, "123456789", NULL },
    { "EXTRACT", { "STRING:EPOCH", "DATE:2018-01-01" }, "1514764800", NULL },
    { "EXTRACT", { "STRING:MINUTE", "TIME:06:07:08" }, "7", NULL },
    { "EXTRACT", { "STRING:HOUR", "DATE:2018-01-01" }, "0", NULL },
    { "EXTRACT", { "STRING:YEAR", "DATE:NULL" }, "NULL", NULL },
    { "EXTRACT", { "STRING:NOPE", "DATE:2018-01-01" }, "!not a valid time unit", NULL },
    { "EXTRACT", { "STRING:DAY", "INTERVAL DAY:16979" }, "16979", NULL },
    { "EXTRACT", { "STRING:YEAR", "INTERVAL MONTH:25" }, "2", NULL },
    { "EXTRACT", { "STRING:QUARTER", "INTERVAL MONTH:25" }, "1", NULL },
    { "EXTRACT", { "STRING:MONTH", "INTERVAL MONTH:-25" }, "-1", NULL },
    { "YEAR", { "DATE:2018-06-05" }, "2018", "BIGINT" },
    { "QUARTER", { "DATE:1997-04-27" }, "2", NULL },
    { "MONTH", { "TIMESTAMP(3):1996-11-10 06:55:44.333" }, "11", NULL },
    { "WEEK", { "DATE:2018-12-31" }, "1", NULL },
    { "DAYOFYEAR", { "DATE:2020-12-31" }, "366", NULL },
    { "DAYOFMONTH", { "DATE:2020-12-31" }, "31", NULL },
    { "DAYOFWEEK", { "DATE:1996-11-10" }, "1", NULL },
    { "HOUR", { "TIMESTAMP(3):1996-11-10 06:55:44.333" }, "6", NULL },
    { "MINUTE", { "TIME:06:55:44" }, "55", NULL },
    { "SECOND", { "TIME:06:55:44" }, "44", NULL },
};
CASE_TABLE_TEST(test_extract, extract)

static const struct function_case rounding[] = {
    { "FLOOR", { "TIMESTAMP(3):1996-11-10 06:55:44.333", "STRING:YEAR" }, "1996-01-01 00:00:00.000",
        "TIMESTAMP(3)" },
    { "FLOOR", { "TIMESTAMP(3):1996-11-10 06:55:44.333", "STRING:SECOND" }, "1996-11-10 06:55:44.000", NULL },
    { "FLOOR", { "TIMESTAMP(3):1969-11-10 06:55:44.333", "STRING:HOUR" }, "1969-11-10 06:00:00.000", NULL },
    { "FLOOR", { "TIMESTAMP(9):2020-02-29 01:56:59.987654321", "STRING:MILLISECOND" },
        "2020-02-29 01:56:59.987000000", NULL },
    { "FLOOR", { "DATE:2021-02-27", "STRING:WEEK" }, "2021-02-21", "DATE" },
    { "FLOOR", { "DATE:2018-07-02", "STRING:DECADE" }, "2010-01-01", NULL },
    { "FLOOR", { "DATE:2000-07-02", "STRING:CENTURY" }, "1901-01-01", NULL },
    { "FLOOR", { "DATE:2018-01-09", "STRING:MILLENNIUM" }, "2001-01-01", NULL },
    { "FLOOR", { "TIME:06:55:44", "STRING:MINUTE" }, "06:55:00", "TIME(0)" },
    { "FLOOR", { "TIME:06:55:44", "STRING:MONTH" }, "!FLOOR", NULL },
    { "CEIL", { "TIMESTAMP(3):1996-11-10 06:55:44.333", "STRING:MINUTE" }, "1996-11-10 06:56:00.000", NULL },
    { "CEIL", { "TIMESTAMP(3):2018-12-02 00:00:00", "STRING:MONTH" }, "2019-01-01 00:00:00.000", NULL },
    { "CEIL", { "TIMESTAMP(3):2018-01-01 21:00:01", "STRING:YEAR" }, "2018-01-01 00:00:00.000", NULL },
    { "CEIL", { "TIMESTAMP(3):2018-01-02 21:00:01", "STRING:YEAR" }, "2019-01-01 00:00:00.000", NULL },
    { "CEIL", { "TIMESTAMP(3):2021-03-21 00:00:00", "STRING:QUARTER" }, "2021-04-01 00:00:00.000", NULL },
    { "CEIL", { "TIMESTAMP(3):2021-12-21 00:00:00", "STRING:QUARTER" }, "2022-01-01 00:00:00.000", NULL },
    { "CEIL", { "TIMESTAMP(3):1999-01-01 00:00:00", "STRING:CENTURY" }, "2001-01-01 00:00:00.000", NULL },
    { "CEIL", { "DATE:1990-10-14", "STRING:DAY" }, "1990-10-15", NULL },
    { "CEIL", { "DATE:1990-10-14", "STRING:WEEK" }, "1990-10-14", NULL },
    { "CEIL", { "DATE:1990-10-14", "STRING:HOUR" }, "1990-10-14", NULL },
    { "CEIL", { "TIMESTAMP(3):2020-02-29 00:00:00", "STRING:DAY" }, "2020-02-29 00:00:00.000", NULL },
    { "CEIL", { "TIME:12:44:31", "STRING:HOUR" }, "13:00:00", NULL },
};
CASE_TABLE_TEST(test_rounding, rounding)

static const struct function_case arithmetic[] = {
    { "TIMESTAMPADD", { "STRING:SQL_TSI_QUARTER", "INT:1", "TIMESTAMP(3):2017-11-29 22:58:58.998" },
        "2018-02-28 22:58:58.998", "TIMESTAMP(3)" },
    { "TIMESTAMPADD", { "STRING:YEAR", "INT:-1000", "TIMESTAMP(3):2017-11-29 22:58:58.998" },
        "1017-11-29 22:58:58.998", NULL },
    { "TIMESTAMPADD", { "STRING:WEEK", "INT:-1", "TIMESTAMP(3):2017-11-29 22:58:58.998" },
        "2017-11-22 22:58:58.998", NULL },
    { "TIMESTAMPADD", { "STRING:MONTH", "INT:-1", "DATE:2016-03-31" }, "2016-02-29", "=DATE" },
    { "TIMESTAMPADD", { "STRING:DAY", "TINYINT:1", "DATE:2016-06-15" }, "2016-06-16", "=DATE" },
    { "TIMESTAMPADD", { "STRING:SECOND", "INT:1", "TIME:23:59:59" }, "00:00:00", "=TIME(0)" },
    { "TIMESTAMPADD", { "STRING:HOUR", "INT:-1", "TIME:00:00:00" }, "23:00:00", NULL },
    { "TIMESTAMPADD", { "STRING:MONTH", "INT:6", "TIME:23:59:59" }, "23:59:59", NULL },
    { "TIMESTAMPADD", { "STRING:HOUR", "INT:-200", "TIMESTAMP:NULL" }, "NULL", NULL },
    { "TIMESTAMPADD", { "STRING:YEAR", "INT:2000000000", "TIMESTAMP(3):2017-11-29 22:58:58" }, "!beyond what",
        NULL },
    { "TIMESTAMPADD", { "STRING:DAY", "BIGINT:9223372036854775807", "TIMESTAMP(3):2017-11-29 22:58:58" },
        "!beyond what", NULL },
    { "TIMESTAMPDIFF", { "STRING:DAY", "DATE:2016-06-15", "TIMESTAMP(0):2016-06-16 11:11:11" }, "1", "INT" },
    { "TIMESTAMPDIFF", { "STRING:HOUR", "DATE:2016-06-15", "DATE:2016-06-12" }, "-72", NULL },
    { "TIMESTAMPDIFF", { "STRING:MINUTE", "TIMESTAMP(0):2016-06-15 11:00:00", "DATE:2016-06-19" }, "5100",
        NULL },
    { "TIMESTAMPDIFF",
        { "STRING:MONTH", "TIMESTAMP(0):2019-09-01 00:00:00", "TIMESTAMP(0):2016-08-01 00:00:00" }, "-37",
        NULL },
    { "TIMESTAMPDIFF", { "STRING:MONTH", "DATE:2016-06-15", "TIMESTAMP(0):2018-06-16 11:11:11" }, "24",
        NULL },
    { "TIMESTAMPDIFF", { "STRING:MONTH", "TIMESTAMP(0):2016-06-15 11:00:00", "DATE:2018-05-19" }, "23",
        NULL },
    { "TIMESTAMPDIFF", { "STRING:MONTH", "TIME:00:00:00", "DATE:2021-02-04" }, "613", NULL },
    { "TIMESTAMPDIFF",
        { "STRING:MONTH", "TIMESTAMP(0):2021-01-31 12:00:00", "TIMESTAMP(0):2021-02-28 11:00:00" }, "0",
        NULL },
    { "TIMESTAMPDIFF", { "STRING:QUARTER", "DATE:2016-06-15", "DATE:2018-03-18" }, "7", NULL },
    { "TIMESTAMPDIFF", { "STRING:YEAR", "DATE:2016-06-15", "DATE:2018-06-14" }, "1", NULL },
    { "TIMESTAMPDIFF", { "STRING:WEEK", "DATE:2016-08-15", "DATE:2016-06-18" }, "-8", NULL },
    { "TIMESTAMPDIFF", { "STRING:MONTH", "TIMESTAMP_LTZ(3):1970-01-01 00:00:00", "DATE:1970-01-01" },
        "!only supports diff", NULL },
    { "OVERLAPS", { "TIME:09:00:00", "TIME:09:30:00", "TIME:09:29:00", "TIME:09:31:00" }, "TRUE", "BOOLEAN" },
    { "OVERLAPS", { "TIME:09:00:00", "TIME:10:00:00", "TIME:10:15:00", "TIME:10:30:00" }, "FALSE", NULL },
    { "OVERLAPS", { "DATE:2011-03-10", "DATE:2011-03-10", "DATE:2011-03-10", "DATE:2011-03-09" }, "TRUE",
        NULL },
    { "OVERLAPS", { "DATE:2011-03-10", "INTERVAL DAY:2", "DATE:2011-03-12", "INTERVAL MONTH:1" }, "TRUE",
        NULL },
    { "OVERLAPS", { "DATE:2011-03-10", "INTERVAL DAY:1", "DATE:2011-03-12", "INTERVAL MONTH:1" }, "FALSE",
        NULL },
};
CASE_TABLE_TEST(test_arithmetic, arithmetic)

static const struct function_case formatting[] = {
    { "DATE_FORMAT", { "TIMESTAMP(6):2018-03-14 01:02:03.123456", "STRING:yyyy/MM/dd HH:mm:ss.SSSSSS" },
        "2018/03/14 01:02:03.123456", "STRING" },
    { "DATE_FORMAT", { "TIMESTAMP(9):2018-03-14 01:02:03.123456789", "STRING:SSSSSSSSS" }, "123456789",
        NULL },
    { "DATE_FORMAT", { "TIMESTAMP(3):2018-03-14 01:02:03.4", "STRING:SSS" }, "400", NULL },
    { "DATE_FORMAT", { "TIMESTAMP(3):2018-03-04 13:02:03.4", "STRING:y M d h:m:s a" }, "2018 3 4 1:2:3 PM",
        NULL },
    { "DATE_FORMAT", { "TIMESTAMP(3):2018-03-04 00:02:03", "STRING:hh kk KK HH a" }, "12 24 00 00 AM", NULL },
    { "DATE_FORMAT", { "TIMESTAMP(3):2018-03-04 00:00:00", "STRING:yy uuuu EEE EEEE MMM MMMM D DDD Q" },
        "18 2018 Sun Sunday Mar March 63 063 1", NULL },
    { "DATE_FORMAT", { "TIMESTAMP(3):2018-03-04 00:00:00", "STRING:'o''clock' yyyy'T'HH ''" },
        "o'clock 2018T00 '", NULL },
    { "DATE_FORMAT", { "TIMESTAMP(3):2018-12-30 00:00:00", "STRING:YYYY-ww G" }, "2019-01 AD", NULL },
    { "DATE_FORMAT", { "TIMESTAMP(3):0999-12-30 00:00:00", "STRING:yyyy" }, "0999", NULL },
    { "DATE_FORMAT", { "DATE:2018-03-04", "STRING:yyyyMMdd" }, "20180304", NULL },
    { "DATE_FORMAT", { "STRING:2018-03-14 01:02:03", "STRING:yyyy/MM/dd HH:mm:ss" }, "2018/03/14 01:02:03",
        NULL },
    { "DATE_FORMAT", { "STRING:2018-14-33 25:61:03 tail", "STRING:yyyy/MM/dd HH:mm:ss" },
        "2019/03/06 02:01:03", NULL },
    { "DATE_FORMAT", { "STRING:invalid value", "STRING:yyyy" }, "NULL", NULL },
    { "DATE_FORMAT", { "TIMESTAMP(3):NULL", "STRING:yyyy" }, "NULL", NULL },
    { "FROM_UNIXTIME", { "INT:3" }, "1970-01-01 00:00:03", "STRING" },
    { "FROM_UNIXTIME", { "BIGINT:-1", "STRING:yy-MM-dd HH-mm-ss" }, "69-12-31 23-59-59", NULL },
    { "FROM_UNIXTIME", { "BIGINT:9223372036854775807" }, "NULL", NULL },
    { "FROM_UNIXTIME", { "INT:NULL" }, "NULL", NULL },
    { "CONVERT_TZ", { "STRING:1970-01-01 00:00:00", "STRING:UTC", "STRING:GMT+08:00" }, "1970-01-01 08:00:00",
        "STRING" },
    { "CONVERT_TZ", { "STRING:invalid value", "STRING:UTC", "STRING:GMT+08:00" }, "NULL", NULL },
};
CASE_TABLE_TEST(test_formatting, formatting)

static const struct function_case parsing[] = {
    { "TO_TIMESTAMP", { "STRING:1970-01-01 08:01:40" }, "1970-01-01 08:01:40.000", "TIMESTAMP(3)" },
    { "TO_TIMESTAMP", { "STRING:1970-01-01 00:00:00.123456789" }, "1970-01-01 00:00:00.123", NULL },
    { "TO_TIMESTAMP", { "STRING:1999-9-10" }, "1999-09-10 00:00:00.000", NULL },
    { "TO_TIMESTAMP", { "STRING:abc" }, "NULL", NULL },
    { "TO_TIMESTAMP", { "STRING:NULL" }, "NULL", NULL },
    { "TO_TIMESTAMP", { "STRING:2000020210", "STRING:yyyyMMddHH" }, "2000-02-02 10:00:00.000", NULL },
    { "TO_TIMESTAMP", { "STRING:20000202101112345", "STRING:yyyyMMddHHmmssSSS" }, "2000-02-02 10:11:12.345",
        NULL },
    { "TO_TIMESTAMP", { "STRING:1970-01-01 00:00:00.12345", "STRING:yyyy-MM-dd HH:mm:ss.SSSSS" },
        "1970-01-01 00:00:00.123", NULL },
    { "TO_TIMESTAMP", { "STRING:2020-02-31", "STRING:yyyy-MM-dd" }, "2020-02-29 00:00:00.000", NULL },
    { "TO_TIMESTAMP", { "STRING:2020-13-01", "STRING:yyyy-MM-dd" }, "NULL", NULL },
    { "TO_TIMESTAMP", { "STRING:2020-1-1 5:06:07", "STRING:yyyy-MM-dd HH:mm:ss" }, "2020-01-01 05:06:07.000",
        NULL },
    { "TO_TIMESTAMP", { "STRING:12:30 PM, Mar 4 2018", "STRING:hh:mm a, MMM d yyyy" },
        "2018-03-04 12:30:00.000", NULL },
    { "TO_TIMESTAMP", { "STRING:03/04/18", "STRING:dd/MM/yy" }, "2018-04-03 00:00:00.000", NULL },
    { "TO_TIMESTAMP", { "STRING:2018-03-04T05:06", "STRING:yyyy-MM-dd'T'HH:mm[:ss]" },
        "2018-03-04 05:06:00.000", NULL },
    { "TO_TIMESTAMP", { "STRING:2018-03-04T05:06:07", "STRING:yyyy-MM-dd'T'HH:mm[:ss]" },
        "2018-03-04 05:06:07.000", NULL },
    { "TO_TIMESTAMP", { "STRING:2018-063", "STRING:yyyy-DDD" }, "2018-03-04 00:00:00.000", NULL },
    { "TO_TIMESTAMP", { "STRING:invalid value", "STRING:yyyy-MM-dd" }, "NULL", NULL },
    { "TO_DATE", { "STRING:2018-03-18" }, "2018-03-18", "DATE" },
    { "TO_DATE", { "STRING:2018-3-8 10:00:00" }, "2018-03-08", NULL },
    { "TO_DATE", { "STRING:invalid value" }, "NULL", NULL },
    { "TO_DATE", { "STRING:18/3/2018", "STRING:dd/MM/yyyy" }, "2018-03-18", NULL },
    { "TO_DATE", { "STRING:nope", "STRING:dd/MM/yyyy" }, "NULL", NULL },
    { "UNIX_TIMESTAMP", { "STRING:2015-07-25 02:02:02" }, "1437789722", "BIGINT" },
    { "UNIX_TIMESTAMP", { "STRING:2015/07/24 10:00:00.5", "STRING:yyyy/MM/dd HH:mm:ss.S" }, "1437732000",
        NULL },
    { "UNIX_TIMESTAMP", { "STRING:2015-07-24 10:00:00 +0800", "STRING:yyyy-MM-dd HH:mm:ss X" }, "1437703200",
        NULL },
    { "UNIX_TIMESTAMP", { "STRING:nope" }, "-9223372036854775808", NULL },
    { "TO_TIMESTAMP_LTZ", { "INT:100", "INT:0" }, "1970-01-01 00:01:40.000", "TIMESTAMP_LTZ(3)" },
    { "TO_TIMESTAMP_LTZ", { "BIGINT:-100", "INT:0" }, "1969-12-31 23:58:20.000", NULL },
    { "TO_TIMESTAMP_LTZ", { "BIGINT:1234" }, "1970-01-01 00:00:01.234", NULL },
    { "TO_TIMESTAMP_LTZ", { "DOUBLE:100.123", "INT:0" }, "1970-01-01 00:01:40.123", NULL },
    { "TO_TIMESTAMP_LTZ", { "DOUBLE:1.7976931348623157E308", "INT:0" }, "NULL", NULL },
    { "TO_TIMESTAMP_LTZ", { "DECIMAL(10,3):100.923", "INT:0" }, "1970-01-01 00:01:40.000", NULL },
    { "TO_TIMESTAMP_LTZ", { "BIGINT:253402300799999", "INT:3" }, "9999-12-31 23:59:59.999", NULL },
    { "TO_TIMESTAMP_LTZ", { "BIGINT:-62167219200001", "INT:3" }, "NULL", NULL },
    { "TO_TIMESTAMP_LTZ", { "INT:123", "INT:5" }, "!the supported value is '0' for second", NULL },
    { "TO_TIMESTAMP_LTZ", { "INT:123", "INT:NULL" }, "NULL", NULL },
    { "TO_TIMESTAMP_LTZ", { "STRING:01/01/2023 00:00:00", "STRING:dd/MM/yyyy HH:mm:ss" },
        "2023-01-01 00:00:00.000", NULL },
    { "TO_TIMESTAMP_LTZ", { "STRING:1234567", "STRING:SSSSSSS" }, "1970-01-01 00:00:00.1234567",
        "=TIMESTAMP_LTZ(7)" },
    { "TO_TIMESTAMP_LTZ", { "STRING:2017-09-15 00:00:00.12345", "STRING:yyyy-MM-dd HH:mm:ss.SSS" },
        "2017-09-15 00:00:00.123", NULL },
    { "TO_TIMESTAMP_LTZ", { "STRING:2023-01-01 00:00:00", "STRING:yyyy-MM-dd HH:mm:ss", "STRING:GMT+08:00" },
        "2022-12-31 16:00:00.000", NULL },
    { "TO_TIMESTAMP_LTZ",
        { "STRING:2023-01-01 00:00:00", "STRING:yyyy-MM-dd HH:mm:ss", "STRING:un-parsable timezone" },
        "!Invalid ID for region-based ZoneId, invalid format: un-parsable timezone", NULL },
};
CASE_TABLE_TEST(test_parsing, parsing)

/* --- zones and the clock --- */
struct fixture {
    struct weir_arena arena;
    struct weir_eval_environment environment;
    int64_t now_us, watermark_ms;
};

static int64_t fixed_clock(void *clock)
{
    return ((struct fixture *)clock)->now_us;
}

static void fixture_init(struct fixture *f, int32_t offset_seconds)
{
    *f = (struct fixture){ .watermark_ms = INT64_MIN };
    weir_arena_init(&f->arena, weir_test_memory_shared());
    f->environment =
        (struct weir_eval_environment){ .local_zone = weir_zone_fixed(&f->arena, "Fixed", offset_seconds),
            .now_us = fixed_clock,
            .clock = f,
            .current_watermark_ms = &f->watermark_ms };
}

/* The text of a call without columns, as a session with the fixture's zone shows it. */
static const char *evaluate(
    struct fixture *f, const char *function, struct weir_expr *const *arguments, uint32_t count)
{
    struct weir_error error;
    struct weir_expr *call;
    struct weir_evaluator *evaluator;
    const struct weir_vector *result;
    struct weir_batch batch = { .row_count = 1 };
    if (weir_expr_call(&f->arena, function, arguments, count, &call, &error) ||
        weir_evaluator_new(&f->arena, f->arena.memory, &call, 1, &f->environment, &evaluator, &error) ||
        weir_evaluator_run(evaluator, 0, &batch, &result, &error)) {
        return weir_arena_string(&f->arena, error.message);
    }
    struct weir_buffer buffer;
    weir_buffer_init(&buffer, f->arena.memory, 1 << 16);
    weir_value_print(result, 0, WEIR_TEXT_CAST, f->environment.local_zone, &buffer);
    const char *text = weir_arena_string(&f->arena, weir_buffer_text(&buffer));
    weir_buffer_done(&buffer);
    weir_evaluator_free(evaluator);
    return text;
}

static void test_clock(void **state)
{
    struct fixture f;
    fixture_init(&f, 8 * 3600);
    f.now_us = INT64_C(1609459199999999); /* 2020-12-31 23:59:59.999999 UTC */
    static const char *const zoned[] = { "CURRENT_TIMESTAMP", "NOW", "CURRENT_ROW_TIMESTAMP", "PROCTIME",
        "LOCALTIMESTAMP" };
    for (size_t k = 0; k < WEIR_ARRAY_COUNT(zoned); k++)
        assert_string_equal(evaluate(&f, zoned[k], NULL, 0), "2021-01-01 07:59:59.999");
    assert_string_equal(evaluate(&f, "CURRENT_DATE", NULL, 0), "2021-01-01");
    assert_string_equal(evaluate(&f, "LOCALTIME", NULL, 0), "07:59:59");
    assert_string_equal(evaluate(&f, "CURRENT_TIME", NULL, 0), "07:59:59");
    assert_string_equal(evaluate(&f, "UNIX_TIMESTAMP", NULL, 0), "1609459199");
    f.environment.statement_start_us = 0 + WEIR_DAY_US;
    assert_string_equal(evaluate(&f, "CURRENT_TIMESTAMP", NULL, 0), "1970-01-02 08:00:00.000");
    assert_string_equal(evaluate(&f, "CURRENT_ROW_TIMESTAMP", NULL, 0), "2021-01-01 07:59:59.999");
    weir_arena_done(&f.arena);
}

static void test_watermark(void **state)
{
    struct fixture f;
    fixture_init(&f, 0);
    const struct weir_type *type = weir_type_with_precision(&f.arena, WEIR_TYPE_TIMESTAMP, 3, true);
    struct weir_expr *plain = weir_expr_null(&f.arena, type);
    struct weir_expr *rowtime =
        weir_expr_null(&f.arena, weir_type_with_time_attribute(&f.arena, type, WEIR_TIME_ATTRIBUTE_ROWTIME));
    assert_string_equal(evaluate(&f, "CURRENT_WATERMARK", &rowtime, 1), "NULL");
    f.watermark_ms = 1500;
    assert_string_equal(evaluate(&f, "CURRENT_WATERMARK", &rowtime, 1), "1970-01-01 00:00:01.500");
    assert_non_null(strstr(evaluate(&f, "CURRENT_WATERMARK", &plain, 1), "single rowtime attribute"));
    weir_arena_done(&f.arena);
}

static void test_zones(void **state)
{
    struct fixture f;
    fixture_init(&f, 5 * 3600 + 1800);
    struct weir_expr *moment =
        case_literal(&f.arena, "TIMESTAMP_LTZ(3):2020-12-31 20:45:00"); /* UTC; 02:15 next day here */
    struct weir_expr *arguments[3] = { case_literal(&f.arena, "STRING:YEAR"), moment };
    assert_string_equal(evaluate(&f, "EXTRACT", arguments, 2), "2021");
    assert_string_equal(evaluate(&f, "HOUR", &moment, 1), "2");
    arguments[0] = moment, arguments[1] = case_literal(&f.arena, "STRING:HOUR");
    assert_string_equal(evaluate(&f, "FLOOR", arguments, 2), "2021-01-01 02:00:00.000");
    assert_string_equal(evaluate(&f, "CEIL", arguments, 2), "2021-01-01 03:00:00.000");
    arguments[1] = case_literal(&f.arena, "STRING:yyyy-MM-dd HH:mm XXX");
    assert_string_equal(evaluate(&f, "DATE_FORMAT", arguments, 2), "2021-01-01 02:15 +05:30");
    arguments[0] = case_literal(&f.arena, "INT:3");
    assert_string_equal(evaluate(&f, "FROM_UNIXTIME", arguments, 1), "1970-01-01 05:30:03");
    arguments[0] = case_literal(&f.arena, "STRING:1970-01-01 05:30:03");
    assert_string_equal(evaluate(&f, "UNIX_TIMESTAMP", arguments, 1), "3");
    arguments[0] = case_literal(&f.arena, "STRING:MONTH"), arguments[1] = case_literal(&f.arena, "INT:1"),
    arguments[2] = moment;
    assert_string_equal(evaluate(&f, "TIMESTAMPADD", arguments, 3), "2021-02-01 02:15:00.000");
    arguments[0] = case_literal(&f.arena, "STRING:HOUR"),
    arguments[2] = case_literal(&f.arena, "DATE:2016-06-15");
    assert_string_equal(evaluate(&f, "TIMESTAMPADD", arguments, 3), "2016-06-15 01:00:00.000000");
    weir_arena_done(&f.arena);
}

static void test_bad_patterns(void **state)
{
    struct fixture f;
    fixture_init(&f, 0);
    static const char *const patterns[] = { "STRING:yyyy-bb", "STRING:'open", "STRING:yyyy]",
        "STRING:{yyyy}" };
    for (size_t k = 0; k < WEIR_ARRAY_COUNT(patterns); k++) {
        struct weir_expr *arguments[2] = { case_literal(&f.arena, "TIMESTAMP(3):2020-01-01 00:00:00"),
            case_literal(&f.arena, patterns[k]) };
        const char *text = evaluate(&f, "DATE_FORMAT", arguments, 2);
        if (!strstr(text, "Invalid date pattern")) fail_msg("%s: %s", patterns[k], text);
    }
    weir_arena_done(&f.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_extract), cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_arithmetic), cmocka_unit_test(test_formatting), cmocka_unit_test(test_parsing),
        cmocka_unit_test(test_clock), cmocka_unit_test(test_watermark), cmocka_unit_test(test_zones),
        cmocka_unit_test(test_bad_patterns) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
