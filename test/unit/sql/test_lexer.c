#include "sql/lexer.h"
#include "sql/parser.h"
#include "support/cmocka_all.h"
#include "support/memory.h"
#include <string.h>

static void expect_kinds(const char *text, const enum weir_sql_token_kind *kinds, size_t count)
{
    struct weir_sql_lexer lexer;
    struct weir_sql_token token;
    struct weir_error error;
    weir_sql_lexer_init(&lexer, text, (uint32_t)strlen(text));
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(weir_sql_lexer_next(&lexer, &token, &error), WEIR_OK);
        assert_int_equal(token.kind, kinds[i]);
    }
    assert_int_equal(weir_sql_lexer_next(&lexer, &token, &error), WEIR_OK);
    assert_int_equal(token.kind, WEIR_SQL_TOKEN_END);
}

#define EXPECT_KINDS(text, ...)                                             \
    expect_kinds((text), (const enum weir_sql_token_kind[]){ __VA_ARGS__ }, \
        sizeof((const enum weir_sql_token_kind[]){ __VA_ARGS__ }) / sizeof(enum weir_sql_token_kind))

static void test_symbols(void **context)
{
    (void)context;
    EXPECT_KINDS("<= < > >= <> != = => + - / % || |", WEIR_SQL_TOKEN_LESS_OR_EQUAL, WEIR_SQL_TOKEN_LESS,
        WEIR_SQL_TOKEN_GREATER, WEIR_SQL_TOKEN_GREATER_OR_EQUAL, WEIR_SQL_TOKEN_NOT_EQUAL,
        WEIR_SQL_TOKEN_NOT_EQUAL, WEIR_SQL_TOKEN_EQUAL, WEIR_SQL_TOKEN_ARROW, WEIR_SQL_TOKEN_PLUS,
        WEIR_SQL_TOKEN_MINUS, WEIR_SQL_TOKEN_SLASH, WEIR_SQL_TOKEN_PERCENT, WEIR_SQL_TOKEN_CONCAT,
        WEIR_SQL_TOKEN_BAR);
    EXPECT_KINDS("()[]{},.;:*^$?", WEIR_SQL_TOKEN_LEFT_PARENTHESIS, WEIR_SQL_TOKEN_RIGHT_PARENTHESIS,
        WEIR_SQL_TOKEN_LEFT_BRACKET, WEIR_SQL_TOKEN_RIGHT_BRACKET, WEIR_SQL_TOKEN_LEFT_BRACE,
        WEIR_SQL_TOKEN_RIGHT_BRACE, WEIR_SQL_TOKEN_COMMA, WEIR_SQL_TOKEN_DOT, WEIR_SQL_TOKEN_SEMICOLON,
        WEIR_SQL_TOKEN_COLON, WEIR_SQL_TOKEN_STAR, WEIR_SQL_TOKEN_CARET, WEIR_SQL_TOKEN_DOLLAR,
        WEIR_SQL_TOKEN_QUESTION);
    EXPECT_KINDS("/*+ a */ /* b */ c -- d", WEIR_SQL_TOKEN_HINT_BEGIN, WEIR_SQL_TOKEN_WORD,
        WEIR_SQL_TOKEN_HINT_END, WEIR_SQL_TOKEN_WORD);
}

static void test_numbers_and_words(void **context)
{
    (void)context;
    EXPECT_KINDS("1 12.5 .5 3. 1e5 1.5E-3 .5e+1", WEIR_SQL_TOKEN_INTEGER, WEIR_SQL_TOKEN_DECIMAL,
        WEIR_SQL_TOKEN_DECIMAL, WEIR_SQL_TOKEN_DECIMAL, WEIR_SQL_TOKEN_APPROXIMATE,
        WEIR_SQL_TOKEN_APPROXIMATE, WEIR_SQL_TOKEN_APPROXIMATE);
    /* an exponent without digits is none */
    EXPECT_KINDS(
        "1e 2ex", WEIR_SQL_TOKEN_INTEGER, WEIR_SQL_TOKEN_WORD, WEIR_SQL_TOKEN_INTEGER, WEIR_SQL_TOKEN_WORD);
    EXPECT_KINDS("EXPR$0 $f _x \xc3\xa4 `a b`", WEIR_SQL_TOKEN_WORD, WEIR_SQL_TOKEN_WORD, WEIR_SQL_TOKEN_WORD,
        WEIR_SQL_TOKEN_WORD, WEIR_SQL_TOKEN_QUOTED_WORD);
    EXPECT_KINDS("'a' N'b' _UTF8'c' U&'d' u&'d' X'00' x'00' E'\\''", WEIR_SQL_TOKEN_STRING,
        WEIR_SQL_TOKEN_STRING, WEIR_SQL_TOKEN_STRING, WEIR_SQL_TOKEN_UNICODE_STRING,
        WEIR_SQL_TOKEN_UNICODE_STRING, WEIR_SQL_TOKEN_BINARY_STRING, WEIR_SQL_TOKEN_BINARY_STRING,
        WEIR_SQL_TOKEN_ESCAPED_STRING);
}

static void test_positions(void **context)
{
    struct weir_sql_lexer lexer;
    struct weir_sql_token token;
    struct weir_error error;
    const char *text = "\xEF\xBB\xBF"
                       "a\n  '\xc3\xa4\n\xf0\x9f\x98\x80' b";
    (void)context;
    weir_sql_lexer_init(&lexer, text, (uint32_t)strlen(text));
    assert_int_equal(weir_sql_lexer_next(&lexer, &token, &error), WEIR_OK);
    assert_int_equal(token.span.line, 1);
    assert_int_equal(token.span.column, 1);
    assert_int_equal(token.span.begin, 3);
    assert_int_equal(weir_sql_lexer_next(&lexer, &token, &error), WEIR_OK);
    assert_int_equal(token.span.line, 2);
    assert_int_equal(token.span.column, 3);
    assert_int_equal(weir_sql_lexer_next(&lexer, &token, &error), WEIR_OK);
    assert_int_equal(token.span.line, 3);
    assert_int_equal(token.span.column, 4); /* the emoji is one character */
    assert_int_equal(token.span.end, strlen(text));
}

static void check_value(const char *text, char escape, const char *value, size_t value_length)
{
    struct weir_arena arena;
    struct weir_sql_lexer lexer;
    struct weir_sql_token token;
    struct weir_error error;
    const char *found;
    size_t length;
    weir_arena_init(&arena, weir_test_memory_shared());
    weir_sql_lexer_init(&lexer, text, (uint32_t)strlen(text));
    assert_int_equal(weir_sql_lexer_next(&lexer, &token, &error), WEIR_OK);
    enum weir_error_code code = weir_sql_token_text(&arena, text, &token, escape, &found, &length, &error);
    if (value) {
        assert_int_equal(code, WEIR_OK);
        assert_int_equal(length, value_length);
        assert_memory_equal(found, value, value_length + 1);
    } else {
        assert_int_equal(code, WEIR_E_SQL_SYNTAX);
    }
    weir_arena_done(&arena);
}

static void test_values(void **context)
{
    (void)context;
    check_value("'it''s'", '\\', "it's", 4);
    check_value("''", '\\', "", 0);
    check_value("`a``b`", '\\', "a`b", 3);
    check_value("x'00fF'", '\\', "\x00\xff", 2);
    check_value("U&'a\\00e4\\\\'", '\\', "a\xc3\xa4\\", 4);
    check_value("U&'!+01F600'", '!', "\xf0\x9f\x98\x80", 4);
    check_value("U&'\\D83D\\DE00'", '\\', "\xf0\x9f\x98\x80", 4); /* a surrogate pair */
    check_value("E'\\n\\x41\\u00e4\\''", '\\', "\nA\xc3\xa4'", 5);
    check_value("X'0'", '\\', NULL, 0);
    check_value("X'0g'", '\\', NULL, 0);
    check_value("U&'\\D83D'", '\\', NULL, 0); /* half a pair */
    check_value("U&'\\00'", '\\', NULL, 0);
    check_value("U&'\\0000'", '\\', NULL, 0);
    check_value("E'\\q'", '\\', NULL, 0);
}

static void check_error(const char *text, size_t length, uint32_t line, uint32_t column, const char *part)
{
    struct weir_sql_lexer lexer;
    struct weir_sql_token token;
    struct weir_error error;
    enum weir_error_code code;
    weir_sql_lexer_init(&lexer, text, (uint32_t)length);
    do code = weir_sql_lexer_next(&lexer, &token, &error);
    while (code == WEIR_OK && token.kind != WEIR_SQL_TOKEN_END);
    assert_int_equal(code, WEIR_E_SQL_SYNTAX);
    assert_int_equal(error.line, line);
    assert_int_equal(error.column, column);
    assert_non_null(strstr(error.message, part));
}

static void test_errors(void **context)
{
    (void)context;
    check_error("a 'b", 4, 1, 3, "no end");
    check_error("a\n`b", 4, 2, 1, "no end");
    check_error("/* b", 4, 1, 1, "no end");
    check_error("a \"b\"", 5, 1, 3, "identifiers are quoted");
    check_error("a @", 3, 1, 3, "begins nothing");
    check_error("a\0b", 3, 1, 2, "NUL");
    check_error("a \xff", 3, 1, 3, "UTF-8");
    check_error("'\xc0\xaf'", 4, 1, 2, "UTF-8");      /* an overlong form */
    check_error("-- \xed\xa0\x80", 6, 1, 4, "UTF-8"); /* a surrogate */
    check_error("a \xe2\x80\x9cx", 6, 1, 3, "typographic");
    check_error("SELECT\xc2\xa0"
                "a",
        9, 1, 7, "no-break");
    check_error("a \x01", 3, 1, 3, "control");
}

/* A NUL is a character of a string. */
static void test_nul_in_a_string(void **context)
{
    struct weir_arena arena;
    const struct weir_sql_expr *expr;
    const struct weir_sql_statement *statement;
    struct weir_error error;
    size_t offset = 0;
    (void)context;
    weir_arena_init(&arena, weir_test_memory_shared());
    assert_int_equal(weir_sql_parse_expression(&arena, "'a\0b'", 5, &expr, &error), WEIR_OK);
    assert_int_equal(expr->string.length, 3);
    assert_memory_equal(expr->string.text, "a\0b", 4);
    assert_int_equal(weir_sql_parse_statement(&arena, "ADD JAR 'a\0b'", 13, &offset, &statement, &error),
        WEIR_E_SQL_SYNTAX);
    weir_arena_done(&arena);
}

static void test_keywords(void **context)
{
    (void)context;
    for (uint32_t i = 2; i < WEIR_SQL_KEYWORDS; i++) {
        const char *last = weir_sql_keyword_text((enum weir_sql_keyword)(i - 1));
        const char *word = weir_sql_keyword_text((enum weir_sql_keyword)i);
        assert_true(strcmp(last, word) < 0); /* the search bisects */
        assert_int_equal(weir_sql_keyword_find(word, strlen(word)), i);
    }
    assert_int_equal(weir_sql_keyword_find("select", 6), WEIR_SQL_KEYWORD_SELECT);
    assert_int_equal(weir_sql_keyword_find("selec", 5), WEIR_SQL_NO_KEYWORD);
    assert_int_equal(weir_sql_keyword_find("", 0), WEIR_SQL_NO_KEYWORD);
    assert_true(weir_sql_is_reserved("Value", 5));
    assert_true(weir_sql_is_reserved("COUNT", 5));
    assert_false(weir_sql_is_reserved("metadata", 8));
    assert_false(weir_sql_is_reserved("name", 4));
}

static void test_nearest(void **context)
{
    static const uint16_t words[] = { WEIR_SQL_KEYWORD_FROM, WEIR_SQL_KEYWORD_WHERE,
        WEIR_SQL_KEYWORD_MATCH_RECOGNIZE };
    (void)context;
    assert_int_equal(weir_sql_keyword_nearest("FORM", 4, words, 3), WEIR_SQL_KEYWORD_FROM);
    assert_int_equal(weir_sql_keyword_nearest("wher", 4, words, 3), WEIR_SQL_KEYWORD_WHERE);
    assert_int_equal(
        weir_sql_keyword_nearest("match_recognise", 15, words, 3), WEIR_SQL_KEYWORD_MATCH_RECOGNIZE);
    assert_int_equal(weir_sql_keyword_nearest("orders", 6, words, 3), WEIR_SQL_NO_KEYWORD);
    assert_int_equal(weir_sql_keyword_nearest("f", 1, words, 3), WEIR_SQL_NO_KEYWORD);
}

static void check_end(const char *text, enum weir_sql_end end, size_t offset)
{
    size_t found = 0;
    assert_int_equal(weir_sql_find_end(text, strlen(text), &found), end);
    assert_int_equal(found, offset);
}

static void test_ends(void **context)
{
    (void)context;
    check_end("", WEIR_SQL_END_NOTHING, 0);
    check_end(" -- x\n /* y */ ;; ", WEIR_SQL_END_NOTHING, 18);
    check_end("SELECT 1; SELECT 2;", WEIR_SQL_END_STATEMENT, 9);
    check_end("SELECT 1", WEIR_SQL_END_UNFINISHED, 8);
    check_end("SELECT ';' /* ; */ -- ;\n, `;`; x", WEIR_SQL_END_STATEMENT, 30);
    check_end("SELECT 'a;", WEIR_SQL_END_IN_STRING, 10);
    check_end("SELECT `a;", WEIR_SQL_END_IN_STRING, 10);
    check_end("SELECT /* a;", WEIR_SQL_END_IN_COMMENT, 12);
    check_end("BEGIN STATEMENT SET; INSERT INTO a SELECT 1;", WEIR_SQL_END_IN_SET, 44);
    check_end("BEGIN STATEMENT SET; INSERT INTO a SELECT CASE WHEN b THEN 1 END; END; x",
        WEIR_SQL_END_STATEMENT, 70);
    check_end("execute statement set begin insert into a select 1; end; x", WEIR_SQL_END_STATEMENT, 56);
    check_end("EXPLAIN STATEMENT SET BEGIN INSERT INTO a SELECT 1; END; x", WEIR_SQL_END_STATEMENT, 56);
    check_end("SELECT @ \x01 a; b", WEIR_SQL_END_STATEMENT, 13); /* what is no SQL does not hide the end */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_symbols),
        cmocka_unit_test(test_numbers_and_words),
        cmocka_unit_test(test_positions),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_nul_in_a_string),
        cmocka_unit_test(test_keywords),
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
