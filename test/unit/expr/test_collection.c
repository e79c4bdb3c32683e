/* Rows, arrays and maps: one row per rule. */
#include "cases.h"

static const struct function_case array_cases[] = {
    { "ARRAY", { "INT:1", "BIGINT:2", "INT:NULL" }, "[1, 2, NULL]", "ARRAY<BIGINT> NOT NULL" },
    { "ARRAY", { "INT:1", "STRING:a" }, "!Invalid function call", NULL },
    { "$ITEM", { "ARRAY<INT>:1|2|3", "INT:2" }, "2", "INT" },
    { "$ITEM", { "ARRAY<INT>:1|2|3", "INT:4" }, "NULL", NULL },
    { "$ITEM", { "ARRAY<INT>:1|2|3", "BIGINT:0" }, "!needs an index starting at 1 but was 0.", NULL },
    { "$ITEM", { "ARRAY<INT>:1|2|3", "INT:-1" }, "!needs an index starting at 1 but was -1.", NULL },
    { "$ITEM", { "ARRAY<INT>:NULL", "INT:1" }, "NULL", NULL },
    { "$ITEM", { "ARRAY<STRING>:a|a string that is not inlined", "INT:2" }, "a string that is not inlined",
        NULL },
    { "CARDINALITY", { "ARRAY<INT>:1|NULL|3" }, "3", "INT" },
    { "CARDINALITY", { "INT:1" }, "!Invalid function call", NULL },
    { "ELEMENT", { "ARRAY<INT>:7" }, "7", "INT" },
    { "ELEMENT", { "ARRAY<INT>:7|8" }, "!Array has more than one element.", NULL },
    { "ELEMENT", { "@ARRAY_REMOVE|ARRAY<INT>:7|INT:7" }, "NULL", NULL },
    { "ARRAY_APPEND", { "ARRAY<INT>:1|2", "INT:3" }, "[1, 2, 3]", "ARRAY<INT>" },
    { "ARRAY_APPEND", { "ARRAY<INT>:1|2", "INT:NULL" }, "[1, 2, NULL]", NULL },
    { "ARRAY_APPEND", { "ARRAY<INT>:NULL", "INT:3" }, "NULL", NULL },
    { "ARRAY_APPEND", { "ARRAY<STRING>:a", "INT:1" }, "!Invalid function call", NULL },
    { "ARRAY_PREPEND", { "ARRAY<STRING>:Hello|World", "STRING:!" }, "[!, Hello, World]", NULL },
    { "ARRAY_CONTAINS", { "ARRAY<INT>:1|2", "INT:2" }, "TRUE", "BOOLEAN" },
    { "ARRAY_CONTAINS", { "ARRAY<INT>:1|2", "INT:3" }, "FALSE", NULL },
    { "ARRAY_CONTAINS", { "ARRAY<INT>:1|NULL", "INT:NULL" }, "TRUE", NULL },
    { "ARRAY_CONTAINS", { "ARRAY<INT>:NULL", "INT:1" }, "NULL", NULL },
    { "ARRAY_DISTINCT", { "ARRAY<INT>:NULL|1|2|1|NULL" }, "[NULL, 1, 2]", NULL },
    { "ARRAY_POSITION", { "ARRAY<STRING>:a|b", "STRING:b" }, "2", "INT" },
    { "ARRAY_POSITION", { "ARRAY<STRING>:a|b", "STRING:c" }, "0", NULL },
    { "ARRAY_POSITION", { "ARRAY<STRING>:a|b", "STRING:NULL" }, "NULL", NULL },
    { "ARRAY_REMOVE", { "ARRAY<INT>:1|2|2", "INT:2" }, "[1]", NULL },
    { "ARRAY_REMOVE", { "ARRAY<INT>:NULL|NULL|1", "INT:NULL" }, "[1]", NULL },
    { "ARRAY_REVERSE", { "ARRAY<INT>:1|2|NULL" }, "[NULL, 2, 1]", NULL },
    { "ARRAY_SLICE", { "ARRAY<INT>:1|2|3|4|5", "INT:-3" }, "[3, 4, 5]", NULL },
    { "ARRAY_SLICE", { "ARRAY<INT>:1|2|3|4|5", "INT:-123" }, "[1, 2, 3, 4, 5]", NULL },
    { "ARRAY_SLICE", { "ARRAY<INT>:1|2|3|4|5", "INT:5", "INT:6" }, "[5]", NULL },
    { "ARRAY_SLICE", { "ARRAY<INT>:1|2|3|4|5", "INT:1", "INT:0" }, "[1]", NULL },
    { "ARRAY_SLICE", { "ARRAY<INT>:1|2|3|4|5", "INT:4", "INT:2" }, "[]", NULL },
    { "ARRAY_SLICE", { "ARRAY<INT>:1|2|3|4|5", "INT:NULL", "INT:2" }, "NULL", NULL },
    { "ARRAY_SORT", { "ARRAY<INT>:3|1|NULL|2" }, "[NULL, 1, 2, 3]", NULL },
    { "ARRAY_SORT", { "ARRAY<INT>:3|1|NULL|2", "BOOLEAN:false" }, "[3, 2, 1, NULL]", NULL },
    { "ARRAY_SORT", { "ARRAY<INT>:3|1|NULL|2", "BOOLEAN:false", "BOOLEAN:true" }, "[NULL, 3, 2, 1]", NULL },
    { "ARRAY_SORT", { "ARRAY<BOOLEAN>:true" }, "!Invalid function call", NULL },
    { "ARRAY_UNION", { "ARRAY<INT>:1|2|NULL", "ARRAY<INT>:1|NULL|4" }, "[1, 2, NULL, 4]", NULL },
    { "ARRAY_CONCAT", { "ARRAY<INT>:1|NULL", "ARRAY<INT>:1", "ARRAY<INT>:4" }, "[1, NULL, 1, 4]", NULL },
    { "ARRAY_EXCEPT", { "ARRAY<INT>:1|2|2", "ARRAY<INT>:1" }, "[2]", NULL },
    { "ARRAY_INTERSECT", { "ARRAY<INT>:1|1|2|NULL", "ARRAY<INT>:1|NULL" }, "[1, NULL]", NULL },
    { "ARRAY_MAX", { "ARRAY<INT>:1|NULL|3" }, "3", "INT" },
    { "ARRAY_MIN", { "ARRAY<STRING>:b|a|NULL" }, "a", NULL },
    { "ARRAY_MIN", { "ARRAY<INT>:NULL" }, "NULL", NULL },
    { "ARRAY_JOIN", { "ARRAY<STRING>:a|NULL|b", "STRING:+" }, "a+b", "STRING" },
    { "ARRAY_JOIN", { "ARRAY<STRING>:a|NULL|b", "STRING:+", "STRING:x" }, "a+x+b", NULL },
    { "ARRAY_JOIN", { "ARRAY<STRING>:a", "STRING:NULL" }, "NULL", NULL },
    { "ARRAY_JOIN", { "ARRAY<INT>:1", "STRING:+" }, "!Invalid function call", NULL },
};

static const struct function_case map_cases[] = {
    { "MAP", { "INT:1", "STRING:a", "INT:2", "STRING:b", "INT:1", "STRING:c" }, "{1=c, 2=b}", NULL },
    { "$ITEM", { "@MAP|INT:1|STRING:a|INT:2|STRING:b", "INT:2" }, "b", "STRING" },
    { "$ITEM", { "@MAP|INT:1|STRING:a|INT:2|STRING:b", "INT:3" }, "NULL", NULL },
    { "CARDINALITY", { "@MAP|INT:1|STRING:a|INT:2|STRING:b" }, "2", NULL },
    { "MAP_KEYS", { "@MAP|INT:1|STRING:a|INT:2|STRING:b" }, "[1, 2]", "ARRAY<INT>" },
    { "MAP_VALUES", { "@MAP|INT:1|STRING:a|INT:2|STRING:NULL" }, "[a, NULL]", "ARRAY<STRING>" },
    { "MAP_ENTRIES", { "@MAP|INT:1|STRING:a|INT:2|STRING:b" }, "[(1, a), (2, b)]", NULL },
    { "MAP_UNION", { "@MAP|INT:1|STRING:a|INT:2|STRING:b", "@MAP|INT:2|STRING:c|INT:3|STRING:d" },
        "{1=a, 2=c, 3=d}", NULL },
    { "MAP_UNION", { "STRING:a", "@MAP|INT:2|STRING:c" }, "!Invalid function call", NULL },
    { "MAP_FROM_ARRAYS", { "ARRAY<INT>:1|2", "ARRAY<STRING>:a|NULL" }, "{1=a, 2=NULL}", NULL },
    { "MAP_FROM_ARRAYS", { "ARRAY<INT>:1", "ARRAY<STRING>:a|b" },
        "!keys array 1 is not equal to the length of the values array 2", NULL },
    { "=", { "@MAP|INT:1|STRING:a|INT:2|STRING:b", "@MAP|INT:2|STRING:b|INT:1|STRING:a" }, "TRUE", NULL },
};

static const struct function_case row_cases[] = {
    { "ROW", { "INT:1", "STRING:a", "INT:NULL" }, "(1, a, NULL)",
        "ROW<`EXPR$0` INT, `EXPR$1` STRING, `EXPR$2` INT> NOT NULL" },
    { "=", { "@ROW|INT:1|STRING:a", "@ROW|BIGINT:1|STRING:a" }, "TRUE", NULL },
    { "<>", { "@ROW|INT:1|STRING:a", "@ROW|INT:1|STRING:b" }, "TRUE", NULL },
    { "$ITEM", { "@ROW|INT:1|STRING:a", "STRING:EXPR$1" }, "a", "=STRING" },
    { "$FIELD", { "@ROW|INT:1|STRING:a", "INT:1" }, "a", "=STRING" },
    { "$FIELD", { "@ROW|INT:1|STRING:NULL", "INT:1" }, "NULL", "=STRING" },
};

CASE_TABLE_TEST(test_array, array_cases)
CASE_TABLE_TEST(test_map, map_cases)
CASE_TABLE_TEST(test_row, row_cases)

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_array), cmocka_unit_test(test_map),
        cmocka_unit_test(test_row) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
