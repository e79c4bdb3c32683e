/* Arithmetic, comparison and logic: one row per rule. */
#include "cases.h"

static const struct function_case integer_cases[] = {
    { "+", { "INT:1", "INT:2" }, "3", "INT" },
    { "+", { "INT:1", "BIGINT:2" }, "3", "BIGINT" },
    { "+", { "TINYINT:127", "TINYINT:1" }, "-128", "TINYINT" },
    { "+", { "INT:2147483647", "INT:1" }, "-2147483648", "INT" },
    { "+", { "BIGINT:9223372036854775807", "BIGINT:1" }, "-9223372036854775808", "BIGINT" },
    { "-", { "SMALLINT:-32768", "SMALLINT:1" }, "32767", "SMALLINT" },
    { "*", { "INT:65536", "INT:65536" }, "0", "INT" },
    { "/", { "INT:7", "INT:2" }, "3", "INT" },
    { "/", { "INT:-7", "INT:2" }, "-3", "INT" },
    { "/", { "INT:-2147483648", "INT:-1" }, "-2147483648", "INT" },
    { "/", { "INT:1", "INT:0" }, "!Division by zero", NULL },
    { "/", { "INT:NULL", "INT:0" }, "NULL", NULL },
    { "%", { "INT:-7", "INT:3" }, "-1", "INT" },
    { "%", { "BIGINT:44", "INT:3" }, "2", "INT" },
    { "%", { "INT:44", "BIGINT:3" }, "2", "BIGINT" },
    { "MOD", { "BIGINT:-9223372036854775808", "BIGINT:-1" }, "0", "BIGINT" },
    { "MOD", { "INT:1", "INT:0" }, "!Division by zero", NULL },
    { "-", { "INT:5" }, "-5", "INT" },
    { "+", { "DOUBLE:5" }, "5.0", "DOUBLE" },
    { "+", { "INT:1", "FLOAT:2.5" }, "3.5", "FLOAT" },
    { "+", { "FLOAT:1", "DOUBLE:2.5" }, "3.5", "DOUBLE" },
    { "/", { "DOUBLE:1", "DOUBLE:0" }, "Infinity", "DOUBLE" },
    { "/", { "DOUBLE:0", "DOUBLE:0" }, "NaN", "DOUBLE" },
    { "+", { "INT:1", "STRING:2" }, "!Cannot apply '+'", NULL },
    { "+", { "INT:NULL", "INT:1" }, "NULL", "INT" },
};

static const struct function_case decimal_cases[] = {
    { "+", { "DECIMAL(10,2):100.12", "DECIMAL(10,4):200.1234" }, "300.2434", "DECIMAL(13, 4)" },
    { "+", { "INT:42", "DECIMAL(7,2):123.45" }, "165.45", "DECIMAL(13, 2)" },
    { "+", { "DECIMAL(38,0):50000000000000000000000000000000000000", "DECIMAL(38,0):50000000000000000000000000000000000000" },
        "NULL", "DECIMAL(38, 0)" },
    { "-", { "DECIMAL(38,10):100.0123456789", "DECIMAL(38,28):200.0123456789012345678901234567" }, "-100.000000000",
        "DECIMAL(38, 9)" },
    { "-", { "DECIMAL(10,2):1.5", "DECIMAL(10,2):2.25" }, "-0.75", "DECIMAL(11, 2)" },
    { "*", { "DECIMAL(5,2):1.00", "DECIMAL(10,4):2.0000" }, "2.000000", "DECIMAL(16, 6)" },
    { "*", { "DECIMAL(3,3):0.908", "BIGINT:1000" }, "908.000", "DECIMAL(23, 3)" },
    { "*", { "DECIMAL(38,10):0.0000006", "DECIMAL(38,10):1.0" }, "0.000001", "DECIMAL(38, 6)" },
    { "*", { "DECIMAL(30,20):1.0", "DECIMAL(30,20):1.0" }, "1.00000000000000000", "DECIMAL(38, 17)" },
    { "/", { "DECIMAL(20,2):1.00", "DECIMAL(4,3):3" }, "0.3333333", "DECIMAL(28, 7)" },
    { "/", { "DECIMAL(20,2):1.00", "DECIMAL(20,16):3" }, "0.333333", "DECIMAL(38, 6)" },
    { "/", { "DECIMAL(5,2):1.00", "DECIMAL(5,2):0" }, "!Division by zero", NULL },
    { "%", { "DECIMAL(10,2):3.00", "DECIMAL(10,4):5.00" }, "3.0000", "DECIMAL(10, 4)" },
    { "%", { "DECIMAL(1,0):-3", "DECIMAL(1,0):5" }, "-3", "DECIMAL(1, 0)" },
    { "*", { "DECIMAL(5,2):1.00", "DOUBLE:3.14" }, "3.14", "DOUBLE" },
    { "-", { "DECIMAL(7,2):123.45" }, "-123.45", "DECIMAL(7, 2)" },
    { "-", { "DECIMAL(20,2):123.45" }, "-123.45", "DECIMAL(20, 2)" },
};

static const struct function_case comparison_cases[] = {
    { "=", { "INT:1", "BIGINT:1" }, "TRUE", "BOOLEAN" },
    { "<>", { "INT:1", "INT:1" }, "FALSE", NULL },
    { "<", { "TINYINT:1", "DOUBLE:1.5" }, "TRUE", NULL },
    { "<=", { "DOUBLE:NaN", "DOUBLE:1.5" }, "FALSE", NULL },
    { "=", { "DOUBLE:NaN", "DOUBLE:NaN" }, "FALSE", NULL },
    { ">", { "INT:NULL", "INT:1" }, "NULL", NULL },
    { ">=", { "DECIMAL(8,2):1", "DECIMAL(8,4):1" }, "TRUE", NULL },
    { "<", { "DECIMAL(1,0):1", "DECIMAL(30,10):1.0000000001" }, "TRUE", NULL },
    { "=", { "DECIMAL(8,2):1", "INT:1" }, "TRUE", NULL },
    { "=", { "FLOAT:0.1", "DOUBLE:0.1" }, "FALSE", NULL },
    { "=", { "STRING:abc", "STRING:abc" }, "TRUE", NULL },
    { "<", { "STRING:abc", "STRING:abcd" }, "TRUE", NULL },
    { ">", { "STRING:a long string of more than 12", "STRING:a long string of more than 11" }, "TRUE", NULL },
    { "=", { "CHAR(5):abc", "STRING:abc" }, "FALSE", NULL },
    { "=", { "STRING:1", "INT:1" }, "!implicit type conversion between VARCHAR and INTEGER is not supported now", NULL },
    { "=", { "DATE:1996-11-10", "STRING:1996-11-10" }, "TRUE", NULL },
    { "=", { "DATE:1996-11-10", "STRING:no date" }, "NULL", NULL },
    { "=", { "STRING:1996-11-10 12:34:57", "TIMESTAMP(6):1996-11-10 12:34:56" }, "FALSE", NULL },
    { "<", { "TIMESTAMP(0):1970-01-01 00:00:01", "TIMESTAMP(9):1970-01-01 00:00:01.000000001" }, "TRUE", NULL },
    { "=", { "TIMESTAMP(3):1970-01-01 00:00:01", "TIMESTAMP_LTZ(6):1970-01-01 00:00:01" }, "TRUE", NULL },
    { "=", { "DATE:1970-01-02", "TIMESTAMP(3):1970-01-02 00:00:00" }, "TRUE", NULL },
    { "=", { "ARRAY<INT>:1|2", "ARRAY<INT>:1|2" }, "TRUE", NULL },
    { "=", { "ARRAY<INT>:1|2", "ARRAY<BIGINT>:1|3" }, "FALSE", NULL },
    { "<>", { "ARRAY<INT>:1|NULL", "ARRAY<INT>:1|NULL" }, "FALSE", NULL },
    { "=", { "BOOLEAN:true", "INT:1" }, "!cannot be compared", NULL },
    { "IS DISTINCT FROM", { "INT:NULL", "INT:1" }, "TRUE", "BOOLEAN NOT NULL" },
    { "IS DISTINCT FROM", { "INT:NULL", "INT:NULL" }, "FALSE", NULL },
    { "IS DISTINCT FROM", { "STRING:abcdefghijklmnop", "STRING:abcdefghijklmnop" }, "FALSE", NULL },
    { "IS NOT DISTINCT FROM", { "DECIMAL(8,2):1", "DECIMAL(8,4):1" }, "TRUE", NULL },
    { "IS NULL", { "INT:NULL" }, "TRUE", "BOOLEAN NOT NULL" },
    { "IS NOT NULL", { "STRING:x" }, "TRUE", NULL },
};

static const struct function_case logic_cases[] = {
    { "NOT", { "BOOLEAN:true" }, "FALSE", "BOOLEAN" },
    { "NOT", { "BOOLEAN:NULL" }, "NULL", NULL },
    { "AND", { "BOOLEAN:true", "BOOLEAN:NULL" }, "NULL", "BOOLEAN" },
    { "AND", { "BOOLEAN:NULL", "BOOLEAN:false" }, "FALSE", NULL },
    { "AND", { "BOOLEAN:true", "BOOLEAN:true" }, "TRUE", NULL },
    { "OR", { "BOOLEAN:NULL", "BOOLEAN:true" }, "TRUE", NULL },
    { "OR", { "BOOLEAN:false", "BOOLEAN:NULL" }, "NULL", NULL },
    { "OR", { "BOOLEAN:false", "BOOLEAN:false" }, "FALSE", NULL },
    { "OR", { "BOOLEAN:false", "INT:1" }, "!must be of type BOOLEAN", NULL },
    { "IS TRUE", { "BOOLEAN:NULL" }, "FALSE", "BOOLEAN NOT NULL" },
    { "IS NOT TRUE", { "BOOLEAN:NULL" }, "TRUE", NULL },
    { "IS FALSE", { "BOOLEAN:false" }, "TRUE", NULL },
    { "IS NOT FALSE", { "BOOLEAN:false" }, "FALSE", NULL },
    { "IS UNKNOWN", { "BOOLEAN:NULL" }, "TRUE", NULL },
    { "IS NOT UNKNOWN", { "BOOLEAN:NULL" }, "FALSE", NULL },
    { "COALESCE", { "INT:NULL", "BIGINT:7" }, "7", "BIGINT" },
    { "COALESCE", { "STRING:NULL", "STRING:NULL" }, "NULL", NULL },
    { "IFNULL", { "INT:NULL", "INT:7" }, "7", NULL },
    { "IF", { "BOOLEAN:NULL", "INT:1", "INT:2" }, "2", NULL },
    { "IF", { "BOOLEAN:true", "STRING:a long string, not inlined", "STRING:b" }, "a long string, not inlined", NULL },
    { "IF", { "BOOLEAN:true", "INT:1", "STRING:b" }, "!no common type", NULL },
    { "NULLIF", { "INT:1", "INT:1" }, "NULL", NULL },
    { "NULLIF", { "INT:1", "INT:2" }, "1", NULL },
    { "CASE", { "BOOLEAN:false", "INT:1", "BOOLEAN:true", "DECIMAL(5,2):2.5", "BIGINT:3" }, "2.50", "DECIMAL(21, 2)" },
    { "CASE", { "BOOLEAN:false", "ARRAY<INT>:1", "BOOLEAN:true", "ARRAY<INT>:2|3" }, "[2, 3]", NULL },
};

static const struct function_case temporal_cases[] = {
    { "+", { "TIMESTAMP(3):2020-01-31 10:00:00", "INTERVAL MONTH:1" }, "2020-02-29 10:00:00.000", "TIMESTAMP(3)" },
    { "-", { "TIMESTAMP(3):2020-03-31 10:00:00", "INTERVAL MONTH:1" }, "2020-02-29 10:00:00.000", NULL },
    { "+", { "TIMESTAMP(9):2020-01-31 10:00:00.123456789", "INTERVAL DAY:1" }, "2020-02-01 10:00:00.123456789", NULL },
    { "+", { "INTERVAL DAY:2", "DATE:2020-02-28" }, "2020-03-01", "DATE" },
    { "-", { "DATE:2020-03-01", "INTERVAL DAY:1" }, "2020-02-29", NULL },
    { "+", { "DATE:2020-01-31", "INTERVAL MONTH:1" }, "2020-02-29", NULL },
    { "+", { "TIME:23:30:00", "INTERVAL DAY:1" }, "23:30:00", "TIME(0)" },
    { "+", { "INTERVAL MONTH:13", "INTERVAL MONTH:1" }, "+1-02", NULL },
    { "-", { "INTERVAL DAY:1", "INTERVAL DAY:2" }, "-1 00:00:00.000", NULL },
    { "*", { "INTERVAL DAY:2", "INT:3" }, "+6 00:00:00.000", NULL },
    { "*", { "INT:3", "INTERVAL MONTH:2" }, "+0-06", NULL },
    { "/", { "INTERVAL DAY:2", "INT:0" }, "!Division by zero", NULL },
    { "-", { "INTERVAL DAY:2" }, "-2 00:00:00.000", NULL },
    { "-", { "TIMESTAMP(3):2020-01-02 00:00:00", "TIMESTAMP(6):2020-01-01 00:00:00" }, "+1 00:00:00.000", NULL },
    { "+", { "DATE:2020-01-02", "DATE:2020-01-02" }, "!Cannot apply '+'", NULL },
};

#define RUN(table)                                                                                                                 \
    static void test_##table(void **state)                                                                                         \
    {                                                                                                                              \
        for (size_t i = 0; i < WEIR_ARRAY_COUNT(table##_cases); i++) case_run(&table##_cases[i]);                                  \
    }
RUN(integer)
RUN(decimal)
RUN(comparison)
RUN(logic)
RUN(temporal)

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_integer), cmocka_unit_test(test_decimal),
        cmocka_unit_test(test_comparison), cmocka_unit_test(test_logic), cmocka_unit_test(test_temporal) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
