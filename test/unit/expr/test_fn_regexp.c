/* Regular expressions in Java's dialect: the functions, what is translated, and what is refused. */
#include "cases.h"

#include "expr/regexp.h"

static const struct function_case functions[] = {
    { "REGEXP", { "STRING:100-200", "STRING:(\\d+)" }, "TRUE", "BOOLEAN" },
    { "REGEXP", { "STRING:abc-def", "STRING:(\\d+)" }, "FALSE", NULL },
    { "REGEXP", { "STRING:abc", "STRING:" }, "FALSE", NULL },
    { "REGEXP", { "STRING:abc", "STRING:(" }, "FALSE", NULL },
    { "REGEXP", { "STRING:NULL", "STRING:a" }, "NULL", NULL },
    { "REGEXP", { "STRING:abcdef", "STRING:^abc" }, "TRUE", NULL },
    { "REGEXP", { "STRING:xabc", "STRING:^abc" }, "FALSE", NULL },
    { "REGEXP_EXTRACT", { "STRING:foothebar", "STRING:foo(.*?)(bar)", "INT:2" }, "bar", "STRING" },
    { "REGEXP_EXTRACT", { "STRING:foothebar", "STRING:foo(.*?)(bar)" }, "foothebar", NULL },
    { "REGEXP_EXTRACT", { "STRING:foothebar", "STRING:foo(.*?)(bar)", "INT:3" }, "NULL", NULL },
    { "REGEXP_EXTRACT", { "STRING:foothebar", "STRING:foo(.*?)(bar)", "INT:-1" }, "NULL", NULL },
    { "REGEXP_EXTRACT", { "STRING:foothebar", "STRING:(x)?bar", "INT:1" }, "NULL", NULL },
    { "REGEXP_EXTRACT", { "STRING:foothebar", "STRING:xyz" }, "NULL", NULL },
    { "REGEXP_EXTRACT", { "STRING:a=1&key=v 2&b=3", "STRING:(&|^)key=([^&]*)", "INT:2" }, "v 2", NULL },
    { "REGEXP_EXTRACT", { "STRING:a=1&key=v 2&b=3", "STRING:(&|^)key=([^&]*)", "INT:1" }, "&", NULL },
    { "REGEXP_EXTRACT", { "STRING:key=v", "STRING:(&|^)key=([^&]*)", "INT:1" }, "", NULL },
    { "REGEXP_EXTRACT", { "STRING:xkey=1&key=2", "STRING:(&|^)key=([^&]*)", "INT:2" }, "2", NULL },
    { "REGEXP_EXTRACT", { "STRING:xkey=1&ykey=2", "STRING:(&|^)key=([^&]*)", "INT:2" }, "NULL", NULL },
    { "REGEXP_EXTRACT_ALL", { "STRING:100-200, 300-400", "STRING:(\\d+)-(\\d+)" }, "[100, 300]", NULL },
    { "REGEXP_EXTRACT_ALL", { "STRING:100-200, 300-400", "STRING:(\\d+)-(\\d+)", "INT:0" },
        "[100-200, 300-400]", NULL },
    { "REGEXP_EXTRACT_ALL", { "STRING:abcdeabde", "STRING:(abcdeabde)|([a-z]*)", "INT:2" }, "[NULL, ]",
        NULL },
    { "REGEXP_EXTRACT_ALL", { "STRING:100", "STRING:[a-z]", "INT:0" }, "[]", NULL },
    { "REGEXP_EXTRACT_ALL", { "STRING:100", "STRING:1" }, "NULL", NULL },
    { "REGEXP_EXTRACT_ALL", { "INT:1024", "STRING:1" }, "!extractIndex <INTEGER_NUMERIC>", NULL },
    { "REGEXP_COUNT", { "STRING:abcabcabc", "STRING:abcab" }, "1", "INT" },
    { "REGEXP_COUNT", { "STRING:a.b.c.d", "STRING:\\." }, "3", NULL },
    { "REGEXP_COUNT", { "STRING:abc", "STRING:x*" }, "4", NULL },
    { "REGEXP_COUNT", { "STRING:世界", "STRING:" }, "3", NULL },
    { "REGEXP_COUNT", { "STRING:abc", "STRING:[" }, "NULL", NULL },
    { "REGEXP_INSTR", { "STRING:Helloworld! Hello everyone!", "STRING:\\bHello\\b" }, "13", "INT" },
    { "REGEXP_INSTR", { "STRING:世😀x", "STRING:x" }, "4", NULL },
    { "REGEXP_INSTR", { "STRING:abc", "STRING:x" }, "0", NULL },
    { "REGEXP_SUBSTR", { "STRING:100-200, 300-400", "STRING:(\\d+)-(\\d+)$" }, "300-400", "STRING" },
    { "REGEXP_SUBSTR", { "STRING:abc", "STRING:(" }, "NULL", NULL },
    { "REGEXP_REPLACE", { "STRING:foobar", "STRING:oo|ar", "STRING:abc" }, "fabcbabc", "STRING" },
    { "REGEXP_REPLACE", { "STRING:fooobar", "STRING:oo", "STRING:$" }, "f$obar", NULL },
    { "REGEXP_REPLACE", { "STRING:foobar", "STRING:^f*.*r$", "STRING:" }, "", NULL },
    { "REGEXP_REPLACE", { "STRING:abc", "STRING:", "STRING:-" }, "-a-b-c-", NULL },
    { "REGEXP_REPLACE", { "STRING:a\\1", "STRING:a", "STRING:\\1" }, "\\1\\1", NULL },
    { "REGEXP_REPLACE", { "STRING:abc", "STRING:*", "STRING:x" }, "NULL", NULL },
    { "REGEXP_REPLACE", { "STRING:\xC3(abc", "STRING:b", "STRING:x" }, "\xC3(axc", NULL },
};
CASE_TABLE_TEST(test_functions, functions)

struct dialect_case {
    const char *pattern, *subject, *expected; /* group 0 of the first match, NULL: no match */
};

static const struct dialect_case dialect[] = {
    { "\\u4e16", "a世", "世" },
    { "\\uD83D\\uDE00", "a😀", "😀" },
    { "\\x41", "xA", "A" },
    { "\\x{1F600}", "😀", "😀" },
    { "\\0101", "xA", "A" },
    { "\\Qa.b*\\E+", "a.b**", "a.b**" },
    { "\\p{Alpha}+", "12ab3", "ab" },
    { "\\P{Alpha}+", "ab12", "12" },
    { "[\\p{Digit}x]+", "ab1x2", "1x2" },
    { "\\p{Lu}", "aÄ", "Ä" },
    { "\\pL+", "1é", "é" },
    { "\\p{IsAlphabetic}+", "1é", "é" },
    { "\\p{IsGreek}", "aω", "ω" },
    { "\\w+", "é_a1", "_a1" },
    { "[a-z&&[^aeiou]]+", "aeixyz", "xyz" },
    { "[a-z&&[def]]+", "abcdefg", "def" },
    { "[a-c[x-z]]+", "mnaxzb", "axzb" },
    { "[^a-c[x-z]]+", "axmnz", "mn" },
    { "[^a&&b]", "b", "b" },
    { "[]a]+", "x]a]", "]a]" },
    { "[a\\]b]+", "x]ab", "]ab" },
    { "[\\[\\]]+", "a[]", "[]" },
    { "(?i)ABC", "xabc", "abc" },
    { "(?iu:ABC)d", "abcd", "abcd" },
    { "(?<name>a)\\k<name>", "aa", "aa" },
    { "(a)(b)\\2\\1", "abba", "abba" },
    { "(a)\\10", "aa0", "aa0" },
    { "a(?=b)", "ab", "a" },
    { "(?<!a)b", "abb", "b" },
    { "a++b", "aab", "aab" },
    { "a.c", "a\nc", NULL },
    { "(?s)a.c", "a\nc", "a\nc" },
    { "(?m)^b$", "a\nb\nc", "b" },
    { "b$", "ab\n", "b" },
    { "b\\z", "ab\n", NULL },
    { "\\R", "a\r\nb", "\r\n" },
    { "\\h\\v", "a \n", " \n" },
    { "a{2,3}", "aaaa", "aaa" },
};

static const char *const refused[] = { "(", "a)", "[a", "*a", "(*UTF)a", "(?R)", "(a)(?1)", "(?P<n>a)",
    "(?(1)a|b)", "a\\Kb", "\\C", "\\y", "\\u12", "\\x4", "\\p{", "\\p{Nope}", "\\p{InGreek}", "a\\", "[z-a]",
    "\\c", "(?<1>a)", "(?|a)", "(?#x)", "\\09", "[]" };

static void test_dialect(void **state)
{
    struct weir_arena arena;
    weir_arena_init(&arena, weir_test_memory_shared());
    for (size_t k = 0; k < WEIR_ARRAY_COUNT(dialect); k++) {
        const struct dialect_case *c = &dialect[k];
        struct weir_regexp *regexp;
        struct weir_error error;
        struct weir_slice pattern = { c->pattern, strlen(c->pattern) },
                          subject = { c->subject, strlen(c->subject) }, hit;
        for (uint32_t flags = 0; flags <= WEIR_REGEXP_JIT; flags += WEIR_REGEXP_JIT) {
            if (weir_regexp_compile(&arena, pattern, flags, &regexp, &error))
                fail_msg("%s: %s", c->pattern, error.message);
            bool found = weir_regexp_find(regexp, subject, 0) && weir_regexp_group(regexp, subject, 0, &hit);
            if (found != (c->expected != NULL))
                fail_msg("%s on %s: found is %d", c->pattern, c->subject, found);
            if (found &&
                (hit.length != strlen(c->expected) || memcmp(hit.data, c->expected, hit.length) != 0)) {
                fail_msg(
                    "%s on %s: %.*s, not %s", c->pattern, c->subject, (int)hit.length, hit.data, c->expected);
            }
            weir_regexp_release(regexp);
        }
    }
    weir_arena_done(&arena);
}

static void test_refused(void **state)
{
    struct weir_arena arena;
    weir_arena_init(&arena, weir_test_memory_shared());
    for (size_t k = 0; k < WEIR_ARRAY_COUNT(refused); k++) {
        struct weir_regexp *regexp;
        struct weir_error error = { .code = WEIR_OK };
        struct weir_slice pattern = { refused[k], strlen(refused[k]) };
        if (weir_regexp_compile(&arena, pattern, 0, &regexp, &error) != WEIR_E_ARGUMENT)
            fail_msg("%s is taken", refused[k]);
        if (!strstr(error.message, refused[k])) fail_msg("%s: %s", refused[k], error.message);
    }
    weir_arena_done(&arena);
}

/* A pattern that backtracks without end stops after a number of steps. */
static void test_bounded(void **state)
{
    struct weir_arena arena;
    weir_arena_init(&arena, weir_test_memory_shared());
    struct weir_regexp *regexp;
    struct weir_slice pattern = WEIR_SLICE("(a|aa)+$"),
                      subject =
                          WEIR_SLICE("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!");
    assert_int_equal(weir_regexp_compile(&arena, pattern, WEIR_REGEXP_JIT, &regexp, NULL), WEIR_OK);
    assert_false(weir_regexp_test(regexp, subject));
    weir_regexp_release(regexp);
    weir_arena_done(&arena);
}

/* A subject that wants more stack than machine code has is matched all the same. */
static void test_long_subject(void **state)
{
    enum { BYTES = 50000 };
    struct weir_arena arena;
    weir_arena_init(&arena, weir_test_memory_shared());
    char *text = malloc(BYTES);
    for (uint32_t k = 0; k < BYTES; k++) text[k] = "ab"[k % 3 == 0];
    text[BYTES - 1] = 'c';
    struct weir_regexp *regexp;
    struct weir_slice subject = { text, BYTES }, hit;
    assert_int_equal(
        weir_regexp_compile(&arena, WEIR_SLICE("^(?:(a)|b)*c$"), WEIR_REGEXP_JIT, &regexp, NULL), WEIR_OK);
    assert_true(weir_regexp_find(regexp, subject, 0));
    assert_true(weir_regexp_group(regexp, subject, 0, &hit));
    assert_int_equal(hit.length, BYTES);
    weir_regexp_release(regexp);
    free(text);
    weir_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_functions), cmocka_unit_test(test_dialect),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_bounded), cmocka_unit_test(test_long_subject) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
