/* String and hash functions: one row per rule. Texts of more than 12 bytes take the way over the heap. */
#include "cases.h"

#define TAIL "!Expected signatures"

static const struct function_case length_and_case[] = {
    { "CHAR_LENGTH", { "STRING:" }, "0", "INT" },
    { "CHAR_LENGTH", { "STRING:abc" }, "3", "INT" },
    { "CHARACTER_LENGTH", { "STRING:Grüße aus Köln am Rhein" }, "23", "INT" },
    { "CHAR_LENGTH", { "STRING:😀x世" }, "3", NULL },
    { "CHAR_LENGTH", { "STRING:NULL" }, "NULL", "INT" },
    { "CHAR_LENGTH", { "INT:12345" }, "5", "INT" },
    { "UPPER", { "STRING:aZ09@[`{~" }, "AZ09@[`{~", "STRING" },
    { "UPPER", { "STRING:the quick brown fox jumps" }, "THE QUICK BROWN FOX JUMPS", "STRING" },
    { "UPPER", { "STRING:straße" }, "STRASSE", "STRING" },
    { "UPPER", { "STRING:ǆ éàç ώ" }, "Ǆ ÉÀÇ Ώ", NULL },
    { "UPPER", { "STRING:NULL" }, "NULL", "STRING" },
    { "LOWER", { "STRING:AZ@[`{ THE QUICK Brown" }, "az@[`{ the quick brown", "STRING" },
    { "LOWER", { "STRING:ΟΔΥΣΣΕΥΣ" }, "οδυσσευς", NULL },
    { "LOWER", { "STRING:" }, "", NULL },
    { "INITCAP", { "STRING:hello wORLD 3rd of-may" }, "Hello World 3rd Of-May", "STRING" },
    { "INITCAP", { "STRING:éa" }, "éA", NULL },
};

static const struct function_case joining[] = {
    { "||", { "STRING:abc", "STRING:defghijklmnop" }, "abcdefghijklmnop", "STRING" },
    { "||", { "STRING:a", "STRING:NULL" }, "NULL", "STRING" },
    { "||", { "CHAR(2):ab", "CHAR(3):cde" }, "abcde", "CHAR(5)" },
    { "||", { "CHAR(2):ab", "VARCHAR(3):cde" }, "abcde", "VARCHAR(5)" },
    { "CONCAT", { "STRING:a" }, "a", "STRING" },
    { "CONCAT", { "STRING:a", "STRING:", "STRING:bcdefghijklmn" }, "abcdefghijklmn", "STRING" },
    { "CONCAT", { "STRING:a", "STRING:NULL", "STRING:b" }, "NULL", NULL },
    { "CONCAT", { "STRING:a", "INT:7" }, "a7", "STRING" },
    { "CONCAT_WS", { "STRING:, ", "STRING:a", "STRING:NULL", "STRING:b" }, "a, b", "STRING" },
    { "CONCAT_WS", { "STRING:NULL", "STRING:a" }, "NULL", "STRING" },
    { "CONCAT_WS", { "STRING:-", "STRING:NULL", "STRING:NULL" }, "", NULL },
    { "CONCAT_WS", { "STRING:-" }, "", NULL },
    { "REPEAT", { "STRING:ab", "INT:3" }, "ababab", "STRING" },
    { "REPEAT", { "STRING:abcde", "INT:4" }, "abcdeabcdeabcdeabcde", NULL },
    { "REPEAT", { "STRING:ab", "INT:0" }, "", NULL },
    { "REPEAT", { "STRING:ab", "INT:-1" }, "", NULL },
    { "REPEAT", { "STRING:ab", "INT:2000000000" }, "!the limit is", NULL },
    { "REPEAT", { "STRING:ab", "INT:NULL" }, "NULL", NULL },
};

static const struct function_case cutting[] = {
    { "SUBSTRING", { "STRING:This is a test String.", "INT:2", "INT:3" }, "his", "STRING" },
    { "SUBSTRING", { "STRING:This is a test String.", "INT:2" }, "his is a test String.", "STRING" },
    { "SUBSTRING", { "STRING:abc", "INT:0", "INT:2" }, "ab", NULL },
    { "SUBSTRING", { "STRING:abc", "INT:-2", "INT:1" }, "b", NULL },
    { "SUBSTRING", { "STRING:abc", "INT:-4", "INT:1" }, "", NULL },
    { "SUBSTRING", { "STRING:abc", "INT:4", "INT:1" }, "", NULL },
    { "SUBSTRING", { "STRING:abc", "INT:2", "INT:0" }, "", NULL },
    { "SUBSTRING", { "STRING:abc", "INT:2", "INT:-1" }, "NULL", NULL },
    { "SUBSTRING", { "STRING:", "INT:1", "INT:-1" }, "NULL", NULL },
    { "SUBSTRING", { "STRING:1世3界5", "INT:2", "INT:2" }, "世3", NULL },
    { "SUBSTRING", { "STRING:1世3界5", "INT:-2" }, "界5", NULL },
    { "SUBSTRING", { "STRING:1世3界5", "INT:-9" }, "", NULL },
    { "SUBSTRING", { "STRING:世界", "INT:3" }, "", NULL },
    { "SUBSTRING", { "STRING:abc", "INT:-2147483648" }, "", NULL },
    { "SUBSTRING", { "STRING:äöüäöüäöüäöü!", "INT:11", "INT:2147483647" }, "öü!", NULL },
    { "SUBSTR", { "STRING:abc", "BIGINT:2" }, "bc", NULL },
    { "SUBSTR", { "STRING:NULL", "INT:2", "INT:3" }, "NULL", "STRING" },
    { "LEFT", { "STRING:a世c", "INT:2" }, "a世", "STRING" },
    { "LEFT", { "STRING:abc", "INT:100" }, "abc", NULL },
    { "LEFT", { "STRING:abc", "INT:-2" }, "", NULL },
    { "RIGHT", { "STRING:a世c", "INT:2" }, "世c", "STRING" },
    { "RIGHT", { "STRING:abc", "INT:100" }, "abc", NULL },
    { "RIGHT", { "STRING:abc", "INT:0" }, "", NULL },
    { "SPLIT_INDEX", { "STRING:AQIDBA==", "STRING:I", "INT:0" }, "AQ", "STRING" },
    { "SPLIT_INDEX", { "STRING:AQIDBA==", "STRING:I", "INT:1" }, "DBA==", NULL },
    { "SPLIT_INDEX", { "STRING:AQIDBA==", "STRING:I", "INT:2" }, "NULL", NULL },
    { "SPLIT_INDEX", { "STRING:AQIDBA==", "STRING:I", "INT:-1" }, "NULL", NULL },
    { "SPLIT_INDEX", { "STRING:a::::b", "STRING:::", "INT:1" }, "", NULL },
    { "SPLIT_INDEX", { "STRING:a,", "STRING:,", "INT:1" }, "", NULL },
    { "SPLIT_INDEX", { "STRING:", "STRING:,", "INT:0" }, "NULL", NULL },
    { "SPLIT_INDEX", { "STRING:a b", "STRING:", "INT:1" }, "b", NULL },
    { "SPLIT_INDEX", { "STRING:AQIDBA==", "INT:73", "INT:0" }, "AQ", NULL },
    { "SPLIT_INDEX", { "STRING:AQIDBA==", "INT:256", "INT:0" }, "NULL", NULL },
    { "SPLIT_INDEX", { "STRING:AQIDBA==", "INT:0", "INT:0" }, "NULL", NULL },
    { "SPLIT", { "STRING:a,b,,c", "STRING:," }, "[a, b, , c]", NULL },
    { "SPLIT", { "STRING:,a,", "STRING:," }, "[, a, ]", NULL },
    { "SPLIT", { "STRING:ä世", "STRING:" }, "[ä, 世]", NULL },
    { "SPLIT", { "STRING:none", "STRING:;" }, "[none]", NULL },
    { "SPLIT", { "INT:1", "STRING:;" }, TAIL, NULL },
};

static const struct function_case searching[] = {
    { "POSITION", { "STRING:aa", "STRING:aaads" }, "1", "INT" },
    { "POSITION", { "STRING:st", "STRING:myteststring" }, "5", NULL },
    { "POSITION", { "STRING:x", "STRING:abc" }, "0", NULL },
    { "POSITION", { "STRING:", "STRING:abc" }, "1", NULL },
    { "POSITION", { "STRING:3", "STRING:1世3" }, "3", NULL },
    { "POSITION",
        { "STRING:needle", "STRING:a long haystack, long enough for wide registers, with a needle in it" },
        "57", NULL },
    { "LOCATE", { "STRING:a", "STRING:banana", "INT:3" }, "4", "INT" },
    { "LOCATE", { "STRING:a", "STRING:banana", "INT:7" }, "0", NULL },
    { "LOCATE", { "STRING:a", "STRING:banana", "INT:-5" }, "2", NULL },
    { "LOCATE", { "STRING:NULL", "STRING:a" }, "NULL", NULL },
    { "INSTR", { "STRING:Corporate Floor", "STRING:or", "INT:3", "INT:2" }, "14", "INT" },
    { "INSTR", { "STRING:Corporate Floor", "STRING:or", "INT:-3", "INT:2" }, "2", NULL },
    { "INSTR", { "STRING:Corporate Floor", "STRING:or", "INT:-3", "INT:3" }, "0", NULL },
    { "INSTR", { "STRING:myteststring", "STRING:st" }, "5", NULL },
    { "INSTR", { "STRING:abc", "STRING:b", "INT:0" }, "0", NULL },
    { "INSTR", { "STRING:abc", "STRING:b", "INT:1", "INT:0" }, "!must be positive", NULL },
    { "STARTSWITH", { "STRING:in中文", "STRING:in中" }, "TRUE", "BOOLEAN" },
    { "STARTSWITH", { "STRING:in", "STRING:inn" }, "FALSE", NULL },
    { "STARTSWITH", { "STRING:", "STRING:" }, "TRUE", NULL },
    { "STARTSWITH", { "BYTES:abc", "BYTES:ab" }, "TRUE", NULL },
    { "STARTSWITH", { "STRING:12345", "BYTES:123" }, TAIL, NULL },
    { "ENDSWITH", { "STRING:www.apache.org", "STRING:org" }, "TRUE", "BOOLEAN" },
    { "ENDSWITH", { "STRING:😀", "STRING:?" }, "FALSE", NULL },
    { "ENDSWITH", { "STRING:NULL", "STRING:a" }, "NULL", NULL },
};

static const struct function_case editing[] = {
    { "REPLACE", { "STRING:This is a test", "STRING: ", "STRING:_" }, "This_is_a_test", "STRING" },
    { "REPLACE", { "STRING:abc", "STRING:x", "STRING:y" }, "abc", NULL },
    { "REPLACE", { "STRING:aaaa", "STRING:aa", "STRING:b" }, "bb", NULL },
    { "REPLACE", { "STRING:abc", "STRING:", "STRING:-" }, "-a-b-c-", NULL },
    { "REPLACE", { "STRING:abc", "STRING:b", "STRING:" }, "ac", NULL },
    { "REPLACE", { "STRING:abc", "STRING:b", "STRING:NULL" }, "NULL", NULL },
    { "TRIM", { "STRING:BOTH", "STRING: ", "STRING:  example  " }, "example", "STRING" },
    { "TRIM", { "STRING:LEADING", "STRING:e", "STRING:example" }, "xample", NULL },
    { "TRIM", { "STRING:TRAILING", "STRING: ", "STRING:  example  " }, "  example", NULL },
    { "TRIM", { "STRING:BOTH", "STRING:开心", "STRING:心情开开心心" }, "情", NULL },
    { "TRIM", { "STRING:  a  " }, "a", "STRING" },
    { "LTRIM", { "STRING:abcddcba", "STRING:abd" }, "cddcba", "STRING" },
    { "LTRIM", { "STRING:  a " }, "a ", NULL },
    { "RTRIM", { "STRING:abcddcba", "STRING:abd" }, "abcddc", NULL },
    { "RTRIM", { "STRING:abc", "STRING:" }, "abc", NULL },
    { "BTRIM", { "STRING:xxabcxx", "STRING:x" }, "abc", "STRING" },
    { "BTRIM", { "STRING:aaa", "STRING:a" }, "", NULL },
    { "BTRIM", { "INT:100" }, TAIL, NULL },
    { "OVERLAY", { "STRING:xxxxxtest", "STRING:xxxx", "INT:6" }, "xxxxxxxxx", "STRING" },
    { "OVERLAY", { "STRING:xxxxxtest", "STRING:xxxx", "INT:6", "INT:2" }, "xxxxxxxxxst", NULL },
    { "OVERLAY", { "STRING:123456789", "STRING:It", "INT:-1", "INT:4" }, "123456789", NULL },
    { "OVERLAY", { "STRING:This is a test", "STRING:IS", "INT:6", "INT:-1" }, "This IS", NULL },
    { "OVERLAY", { "STRING:abc", "STRING:It", "INT:4" }, "abc", NULL },
    { "OVERLAY", { "STRING:äöü", "STRING:x", "INT:2", "INT:1" }, "äxü", NULL },
    { "TRANSLATE", { "STRING:www.apache.org", "STRING:abcde", "STRING:123" }, "www.1p13h.org", "STRING" },
    { "TRANSLATE", { "STRING:www.apache.org", "STRING:abcae", "STRING:12345" }, "www.1p13h5.org", NULL },
    { "TRANSLATE", { "STRING:www.😀.org", "STRING:😀w", "STRING:笑α" }, "ααα.笑.org", NULL },
    { "TRANSLATE", { "STRING:abc", "STRING:NULL", "STRING:x" }, "abc", NULL },
    { "TRANSLATE", { "STRING:abc", "STRING:a", "STRING:NULL" }, "bc", NULL },
    { "TRANSLATE", { "STRING:NULL", "STRING:a", "STRING:b" }, "NULL", NULL },
    { "TRANSLATE", { "INT:1", "STRING:a", "STRING:b" }, "!TRANSLATE3(expr", NULL },
    { "LPAD", { "STRING:a", "INT:5", "STRING:??" }, "????a", "STRING" },
    { "LPAD", { "STRING:abcdef", "INT:3", "STRING:?" }, "abc", NULL },
    { "LPAD", { "STRING:Hello", "INT:-1", "STRING:x" }, "NULL", NULL },
    { "LPAD", { "STRING:Hello", "INT:0", "STRING:x" }, "", NULL },
    { "LPAD", { "STRING:Hello", "INT:9", "STRING:" }, "NULL", NULL },
    { "LPAD", { "STRING:a", "INT:4", "STRING:äö" }, "äöäa", NULL },
    { "RPAD", { "STRING:üö", "INT:1", "STRING:??" }, "ü", NULL },
    { "RPAD", { "STRING:a", "INT:5", "STRING:xyz" }, "axyzx", NULL },
    { "REVERSE", { "STRING:ab世😀" }, "😀世ba", "STRING" },
    { "ASCII", { "STRING:efg" }, "101", "INT" },
    { "ASCII", { "STRING:" }, "0", NULL },
    { "CHR", { "INT:65" }, "A", "STRING" },
    { "CHR", { "INT:-9" }, "", NULL },
    { "CHR", { "BIGINT:353" }, "a", NULL },
    { "CHR", { "INT:228" }, "ä", NULL },
    { "ELT", { "INT:2", "STRING:a", "STRING:bcdefghijklmnopq" }, "bcdefghijklmnopq", NULL },
    { "ELT", { "INT:3", "CHAR(1):a", "CHAR(1):b" }, "NULL", "CHAR(1)" },
    { "ELT", { "INT:0", "STRING:a" }, "NULL", NULL },
    { "ELT", { "INT:NULL", "STRING:a" }, "NULL", NULL },
    { "ELT", { "DECIMAL(1,0):1", "STRING:a" }, TAIL, NULL },
    { "STR_TO_MAP", { "STRING:k1=v1,k2=v2" }, "{k1=v1, k2=v2}", NULL },
    { "STR_TO_MAP", { "STRING:k1=v1,k2,k1=v3,," }, "{k1=v3, k2=NULL}", NULL },
    { "STR_TO_MAP", { "STRING:a:1;b:2:3", "STRING:;", "STRING::" }, "{a=1, b=2:3}", NULL },
    { "STR_TO_MAP", { "STRING:a1b2", "STRING:[b]", "STRING:(?=\\d)" }, "{a=1, 2=NULL}", NULL },
    { "STR_TO_MAP", { "STRING:" }, "{}", NULL },
};

static const struct function_case like[] = {
    { "LIKE", { "STRING:", "STRING:" }, "TRUE", "BOOLEAN" },
    { "LIKE", { "STRING:abc", "STRING:%" }, "TRUE", NULL },
    { "LIKE", { "STRING:abc", "STRING:%%" }, "TRUE", NULL },
    { "LIKE", { "STRING:abc", "STRING:abc" }, "TRUE", NULL },
    { "LIKE", { "STRING:abcd", "STRING:abc" }, "FALSE", NULL },
    { "LIKE", { "STRING:abcxxxdef", "STRING:abcx%" }, "TRUE", NULL },
    { "LIKE", { "STRING:abcxxxdef", "STRING:%xdef" }, "TRUE", NULL },
    { "LIKE", { "STRING:abcxxxdef", "STRING:%xqef" }, "FALSE", NULL },
    { "LIKE", { "STRING:abcxxxdef", "STRING:abc%def%" }, "TRUE", NULL },
    { "LIKE", { "STRING:abcxxxdef", "STRING:%abc%def" }, "TRUE", NULL },
    { "LIKE", { "STRING:abcxxxdef", "STRING:abc%qef" }, "FALSE", NULL },
    { "LIKE", { "STRING:This is a test String.", "STRING:%is a%" }, "TRUE", NULL },
    { "LIKE", { "STRING:This is a test String.", "STRING:Th_s%" }, "TRUE", NULL },
    { "LIKE", { "STRING:aXbXc", "STRING:%X_X%" }, "TRUE", NULL },
    { "LIKE", { "STRING:ab", "STRING:a%_b" }, "FALSE", NULL },
    { "LIKE", { "STRING:aba", "STRING:ab%ba" }, "FALSE", NULL },
    { "LIKE", { "STRING:世", "STRING:_" }, "TRUE", NULL },
    { "LIKE", { "STRING:a世b", "STRING:%_b" }, "TRUE", NULL },
    { "LIKE", { "STRING:世界", "STRING:_" }, "FALSE", NULL },
    { "LIKE", { "STRING:mississippi", "STRING:m%iss%ip_i" }, "TRUE", NULL },
    { "LIKE", { "STRING:TE_ST", "STRING:%E\\_S%" }, "FALSE", NULL },
    { "LIKE", { "STRING:TE_ST", "STRING:%E*_S%", "STRING:*" }, "TRUE", NULL },
    { "LIKE", { "STRING:TE-ST", "STRING:%E*_S%", "STRING:*" }, "FALSE", NULL },
    { "LIKE", { "STRING:TE_ST", "STRING:%E__S%", "STRING:_" }, "TRUE", NULL },
    { "LIKE", { "STRING:test%", "STRING:test%%", "STRING:%" }, "TRUE", NULL },
    { "LIKE", { "STRING:te_st", "STRING:te_st", "STRING:_" }, "!Invalid escape sequence 'te_st', 2", NULL },
    { "LIKE", { "STRING:test", "STRING:%e_t%", "STRING:ab" }, "!Invalid escape character 'ab'", NULL },
    { "LIKE", { "STRING:NULL", "STRING:%" }, "NULL", NULL },
    { "LIKE", { "STRING:a", "STRING:NULL" }, "NULL", NULL },
    { "SIMILAR TO", { "STRING:This is a test String.", "STRING:_*" }, "TRUE", "BOOLEAN" },
    { "SIMILAR TO", { "STRING:This is a test String.", "STRING:This (is)? a (test)+ Strin_*" }, "TRUE",
        NULL },
    { "SIMILAR TO", { "STRING:abcd", "STRING:abc" }, "FALSE", NULL },
    { "SIMILAR TO", { "STRING:a.c", "STRING:a.c" }, "TRUE", NULL },
    { "SIMILAR TO", { "STRING:abc", "STRING:a.c" }, "FALSE", NULL },
    { "SIMILAR TO", { "STRING:ab", "STRING:(a|b)%" }, "TRUE", NULL },
    { "SIMILAR TO", { "STRING:A7", "STRING:[[:UPPER:]][0-9]" }, "TRUE", NULL },
    { "SIMILAR TO", { "STRING:*_x", "STRING:&*&_x", "STRING:&" }, "TRUE", NULL },
    { "SIMILAR TO", { "STRING:a", "STRING:[a" }, "!is not closed", NULL },
};

static const struct function_case encodings[] = {
    { "TO_BASE64", { "STRING:hello world" }, "aGVsbG8gd29ybGQ=", "STRING" },
    { "TO_BASE64", { "STRING:你好" }, "5L2g5aW9", NULL },
    { "TO_BASE64", { "STRING:" }, "", NULL },
    { "FROM_BASE64", { "STRING:aGVsbG8gd29ybGQ=" }, "hello world", "STRING" },
    { "FROM_BASE64", { "STRING:aGVsbG8gd29ybGQ" }, "hello world", NULL },
    { "FROM_BASE64", { "STRING:5L2g5aW9" }, "你好", NULL },
    { "FROM_BASE64", { "STRING:a" }, "!is not Base64", NULL },
    { "FROM_BASE64", { "STRING:a*==" }, "!is not Base64", NULL },
    { "DECODE", { "BYTES:aabbef", "STRING:utf-8" }, "aabbef", "STRING" },
    { "DECODE", { "BYTES:aabbef", "STRING:nope" }, "!Unsupported character set 'nope'", NULL },
    { "DECODE", { "BYTES:NULL", "STRING:utf-8" }, "NULL", NULL },
    { "ENCODE", { "STRING:aé", "STRING:US-ASCII" }, "a?", "BYTES" },
    { "ENCODE", { "STRING:NULL", "STRING:utf-8" }, "NULL", NULL },
    { "IS_VALID_UTF8", { "BYTES:aé世😀" }, "TRUE", "BOOLEAN" },
    { "IS_VALID_UTF8", { "BYTES:a\xC3(" }, "FALSE", NULL },
    { "IS_VALID_UTF8", { "BYTES:\xED\xA0\x80" }, "FALSE", NULL },
    { "MAKE_VALID_UTF8", { "BYTES:a\xC3(b\xF0\x9F\x98z" }, "a\uFFFD(b\uFFFDz", "STRING" },
    { "URL_ENCODE", { "STRING:inva lid://u:p@h/f;p?q=*-._" }, "inva+lid%3A%2F%2Fu%3Ap%40h%2Ff%3Bp%3Fq%3D*-._",
        "STRING" },
    { "URL_DECODE", { "STRING:https%3A%2F%2Fflink.apache.org%2F+x" }, "https://flink.apache.org/ x",
        "STRING" },
    { "URL_DECODE", { "STRING:a%" }, "NULL", NULL },
    { "URL_DECODE", { "STRING:a%4" }, "NULL", NULL },
    { "URL_DECODE", { "STRING:a%zz" }, "NULL", NULL },
    { "INET_ATON", { "STRING:127.0.0.1" }, "2130706433", "BIGINT" },
    { "INET_ATON", { "STRING:127.1" }, "2130706433", NULL },
    { "INET_ATON", { "STRING:1" }, "1", NULL },
    { "INET_ATON", { "STRING:001.002.003.004" }, "16909060", NULL },
    { "INET_ATON", { "STRING:256" }, "NULL", NULL },
    { "INET_ATON", { "STRING:.1.2.3" }, "NULL", NULL },
    { "INET_ATON", { "STRING:1.2.3." }, "NULL", NULL },
    { "INET_ATON", { "STRING:1.2.3.4.5" }, "NULL", NULL },
    { "INET_ATON", { "STRING:127.0.0.1 " }, "NULL", NULL },
    { "INET_NTOA", { "BIGINT:4294967295" }, "255.255.255.255", "STRING" },
    { "INET_NTOA", { "SMALLINT:256" }, "0.0.1.0", NULL },
    { "INET_NTOA", { "BIGINT:4294967296" }, "NULL", NULL },
    { "INET_NTOA", { "INT:-1" }, "NULL", NULL },
};

#define URL "STRING:https://use%20r:pas%20s@example.com:80/dir%20/pa.HTML?query=x%20y&q2=2#Ref%20two"
static const struct function_case urls[] = {
    { "PARSE_URL", { URL, "STRING:HOST" }, "example.com", "STRING" },
    { "PARSE_URL", { URL, "STRING:PATH" }, "/dir%20/pa.HTML", NULL },
    { "PARSE_URL", { URL, "STRING:QUERY" }, "query=x%20y&q2=2", NULL },
    { "PARSE_URL", { URL, "STRING:REF" }, "Ref%20two", NULL },
    { "PARSE_URL", { URL, "STRING:PROTOCOL" }, "https", NULL },
    { "PARSE_URL", { URL, "STRING:FILE" }, "/dir%20/pa.HTML?query=x%20y&q2=2", NULL },
    { "PARSE_URL", { URL, "STRING:AUTHORITY" }, "use%20r:pas%20s@example.com:80", NULL },
    { "PARSE_URL", { URL, "STRING:USERINFO" }, "use%20r:pas%20s", NULL },
    { "PARSE_URL", { URL, "STRING:QUERY", "STRING:q2" }, "2", NULL },
    { "PARSE_URL", { URL, "STRING:QUERY", "STRING:uery" }, "NULL", NULL },
    { "PARSE_URL", { URL, "STRING:PATH", "STRING:q2" }, "NULL", NULL },
    { "PARSE_URL", { URL, "STRING:NOPE" }, "NULL", NULL },
    { "PARSE_URL", { "STRING:http://user:pass@host", "STRING:FILE" }, "", NULL },
    { "PARSE_URL", { "STRING:http://user:pass@host", "STRING:REF" }, "NULL", NULL },
    { "PARSE_URL", { "STRING:http://user:pass@host/?#", "STRING:QUERY" }, "", NULL },
    { "PARSE_URL", { "STRING:http://host:port/", "STRING:HOST" }, "NULL", NULL },
    { "PARSE_URL", { "STRING:invalid://user:pass@host/file", "STRING:HOST" }, "NULL", NULL },
    { "PARSE_URL", { "STRING:NULL", "STRING:HOST" }, "NULL", NULL },
};

static const struct function_case formats[] = {
    { "PRINTF", { "STRING:empty" }, "empty", "STRING" },
    { "PRINTF", { "STRING:%s" }, "NULL", NULL },
    { "PRINTF", { "STRING:%d|%5d|%-5d|%05d", "INT:42", "INT:42", "INT:42", "INT:-42" },
        "42|   42|42   |-0042", NULL },
    { "PRINTF", { "STRING:%,d %+d", "BIGINT:1234567", "INT:5" }, "1,234,567 +5", NULL },
    { "PRINTF", { "STRING:%x %X %o", "INT:-1", "INT:255", "INT:8" }, "ffffffff FF 10", NULL },
    { "PRINTF", { "STRING:%2$s %1$s %%%n", "STRING:a", "STRING:b" }, "b a %\n", NULL },
    { "PRINTF", { "STRING:%.2f %8.3f", "DOUBLE:1.005", "DOUBLE:3.14159" }, "1.01    3.142", NULL },
    { "PRINTF", { "STRING:%.1f", "DECIMAL(5,2):12.25" }, "12.3", NULL },
    { "PRINTF", { "STRING:%.1f %.0f %.2f", "DOUBLE:0.05", "DOUBLE:0.5", "DOUBLE:99.999" }, "0.1 1 100.00",
        NULL },
    { "PRINTF", { "STRING:%.0f %f %.2f", "DOUBLE:1E22", "DOUBLE:0", "DOUBLE:-0.001" },
        "10000000000000000000000 0.000000 -0.00", NULL },
    { "PRINTF", { "STRING:%e %.2E %e", "DOUBLE:12345.678", "DOUBLE:0.000999999", "DOUBLE:0" },
        "1.234568e+04 1.00E-03 0.000000e+00", NULL },
    { "PRINTF", { "STRING:%g %.3g %g", "DOUBLE:123456.7", "DOUBLE:1234.5", "DOUBLE:0.00012345678" },
        "123457 1.23e+03 0.000123457", NULL },
    { "PRINTF", { "STRING:%e", "DOUBLE:1E-300" }, "1.000000e-300", NULL },
    { "PRINTF", { "STRING:%10s|%-10s|%.2s", "STRING:abc", "STRING:abc", "STRING:abc" },
        "       abc|abc       |ab", NULL },
    { "PRINTF", { "STRING:%S %b %c", "STRING:abc", "BOOLEAN:true", "INT:65" }, "ABC true A", NULL },
    { "PRINTF", { "STRING:%s", "INT:NULL" }, "null", NULL },
    { "PRINTF", { "STRING:%s", "TIMESTAMP(3):2024-07-30 10:24:00" }, "2024-07-30T10:24", NULL },
    { "PRINTF", { "STRING:%s", "INTERVAL DAY:2" }, "172800000", NULL },
    { "PRINTF", { "STRING:%d", "STRING:abc" }, "NULL", NULL },
    { "PRINTF", { "STRING:%q", "STRING:abc" }, "NULL", NULL },
    { "PRINTF", { "STRING:NULL", "STRING:abc" }, "NULL", NULL },
};

static const struct function_case json[] = {
    { "JSON_QUOTE", { "STRING:[1,\"2\"] \\ / \b\f\n\r\t\x01" },
        "\"[1,\\\"2\\\"] \\\\ \\/ \\b\\f\\n\\r\\t\\u0001\"", "STRING" },
    { "JSON_QUOTE", { "STRING:≠ 😀" }, "\"\\u2260 \\ud83d\\ude00\"", NULL },
    { "JSON_QUOTE", { "STRING:" }, "\"\"", NULL },
    { "JSON_QUOTE", { "INT:1" }, TAIL, NULL },
    { "JSON_UNQUOTE", { "STRING:\"a\\t\\u0041\\/\\ud83d\\ude00\"" }, "a\tA/😀", "STRING" },
    { "JSON_UNQUOTE", { "STRING:\"[\"abc\"]\"" }, "[\"abc\"]", NULL },
    { "JSON_UNQUOTE", { "STRING:{\"key\":1}" }, "{\"key\":1}", NULL },
    { "JSON_UNQUOTE", { "STRING:\"\\u23\"" }, "\"\\u23\"", NULL },
    { "JSON_UNQUOTE", { "STRING:\"a" }, "\"a", NULL },
    { "JSON_UNQUOTE", { "STRING:\"" }, "\"", NULL },
    { "JSON_UNQUOTE", { "STRING:\"a\\\"" }, "\"a\\\"", NULL },
    { "JSON_UNQUOTE", { "STRING:NULL" }, "NULL", NULL },
};

static const struct function_case hashes[] = {
    { "MD5", { "STRING:" }, "d41d8cd98f00b204e9800998ecf8427e", "STRING" },
    { "MD5", { "STRING:a" }, "0cc175b9c0f1b6a831c399e269772661", NULL },
    { "SHA1", { "STRING:test" }, "a94a8fe5ccb19ba61c4c0873d391e987982fbbd3", NULL },
    { "SHA224", { "STRING:test" }, "90a3ed9e32b2aaf4c61c410eb925426119e1a9dc53d4286ade99a809", NULL },
    { "SHA256", { "BYTES:test" }, "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", NULL },
    { "SHA2", { "STRING:test", "INT:256" },
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", NULL },
    { "SHA384", { "STRING:test" },
        "768412320f7b0aa5812fce428dc4706b3cae50e02a64caa16a782249bfe8efc4b7ef1ccb126255d196047dfedf17a0a9",
        NULL },
    { "SHA512", { "STRING:test" },
        "ee26b0dd4af7e749aa1a8ee3c10ae9923f618980772e473f8819a5d4940e0db27ac185f8a0e1d5f84f88bc887fd67b143732"
        "c304cc5fa9ad8e6f57"
        "f50028a8ff",
        NULL },
    { "SHA2", { "STRING:test", "INT:1" }, "!Unsupported algorithm", NULL },
    { "SHA1", { "STRING:NULL" }, "NULL", NULL },
    { "HASH_CODE", { "STRING:abc" }, "96354", "INT" },
    { "HASH_CODE", { "STRING:😀" }, "1772899", NULL },
    { "HASH_CODE", { "STRING:NULL" }, "NULL", NULL },
};

CASE_TABLE_TEST(test_length_and_case, length_and_case)
CASE_TABLE_TEST(test_joining, joining)
CASE_TABLE_TEST(test_cutting, cutting)
CASE_TABLE_TEST(test_searching, searching)
CASE_TABLE_TEST(test_editing, editing)
CASE_TABLE_TEST(test_like, like)
CASE_TABLE_TEST(test_encodings, encodings)
CASE_TABLE_TEST(test_urls, urls)
CASE_TABLE_TEST(test_formats, formats)
CASE_TABLE_TEST(test_hashes, hashes)
CASE_TABLE_TEST(test_json, json)

/* Time grows with the text, not with its square. */
static void test_long_texts(void **state)
{
    enum { PAIRS = 60000, BYTES = 1000000 };
    struct weir_arena arena;
    weir_arena_init(&arena, weir_test_memory_shared());
    char *text = malloc(BYTES);
    size_t length = 0;
    for (uint32_t k = 0; k < PAIRS; k++)
        length += (size_t)snprintf(text + length, BYTES - length, "%u=%u,", k % (PAIRS / 2), k);
    struct weir_expr *argument = weir_expr_literal(&arena, weir_value_string(&arena, text, length)), *call;
    struct weir_error error;
    struct weir_vector *result;
    assert_int_equal(weir_expr_call(&arena, "STR_TO_MAP", &argument, 1, &call, &error), WEIR_OK);
    assert_int_equal(weir_expr_fold(&arena, arena.memory, call, NULL, &result, &error), WEIR_OK);
    assert_int_equal(((struct weir_list *)result->data)->length, PAIRS / 2);
    struct weir_list pairs = ((struct weir_list *)result->data)[0];
    const struct weir_string *last =
        &((struct weir_string *)result->children[1].data)[pairs.offset + pairs.length - 1];
    assert_int_equal(last->length, 5);
    assert_memory_equal(weir_string_data(last), "59999", 5);

    memset(text, 'a', BYTES);
    struct weir_expr *arguments[4] = { weir_expr_literal(&arena, weir_value_string(&arena, text, BYTES)),
        case_literal(&arena, "STRING:a"), case_literal(&arena, "INT:1"), case_literal(&arena, "INT:999999") };
    assert_int_equal(weir_expr_call(&arena, "INSTR", arguments, 4, &call, &error), WEIR_OK);
    assert_int_equal(weir_expr_fold(&arena, arena.memory, call, NULL, &result, &error), WEIR_OK);
    assert_int_equal(*(int32_t *)result->data, 999999);
    free(text);
    weir_arena_done(&arena);
}

/* A pattern that was looked at before cannot fail a row; one from a column can. */
static void test_faults(void **state)
{
    static const char *const names[] = { "LIKE", "SIMILAR TO", "DATE_FORMAT", "TO_TIMESTAMP", "TO_DATE" };
    struct weir_arena arena;
    weir_arena_init(&arena, weir_test_memory_shared());
    for (size_t k = 0; k < WEIR_ARRAY_COUNT(names); k++) {
        struct weir_error error;
        struct weir_expr *call;
        struct weir_expr *arguments[2] = { weir_expr_column(&arena, 0, &weir_type_string),
            case_literal(&arena, "STRING:yyyy") };
        assert_int_equal(weir_expr_call(&arena, names[k], arguments, 2, &call, &error), WEIR_OK);
        assert_false(weir_expr_can_fault(call));
        arguments[1] = weir_expr_column(&arena, 1, &weir_type_string);
        assert_int_equal(weir_expr_call(&arena, names[k], arguments, 2, &call, &error), WEIR_OK);
        assert_true(weir_expr_can_fault(call));
    }
    weir_arena_done(&arena);
}

/* Any bytes may come: nothing reads or writes beyond what it was given (the sanitizers see to that), and what
 * is made of bytes that are no UTF-8 has an end. */
static void test_hostile_bytes(void **state)
{
    static const char *const unary[] = { "UPPER", "LOWER", "INITCAP", "CHAR_LENGTH", "REVERSE", "TO_BASE64",
        "TRIM", "URL_ENCODE", "URL_DECODE", "INET_ATON", "MD5", "HASH_CODE", "ASCII", "TO_DATE",
        "TO_TIMESTAMP", "UNIX_TIMESTAMP", "STR_TO_MAP", "JSON_QUOTE", "JSON_UNQUOTE" };
    static const char *const binary[] = { "LIKE", "SIMILAR TO", "||", "POSITION", "INSTR", "LTRIM", "RTRIM",
        "BTRIM", "STARTSWITH", "ENDSWITH", "REGEXP", "REGEXP_COUNT", "REGEXP_EXTRACT", "REGEXP_EXTRACT_ALL",
        "REGEXP_INSTR", "SPLIT", "PARSE_URL", "PRINTF", "TO_DATE", "TO_TIMESTAMP", "DATE_FORMAT",
        "UNIX_TIMESTAMP", "CONCAT_WS" };
    static const char *const ternary[] = { "LIKE", "REPLACE", "REGEXP_REPLACE", "TRANSLATE", "STR_TO_MAP",
        "CONVERT_TZ", "TRIM" };
    static const char alphabet[] =
        "aA%_\\.*+?()[]{}|^$-&=,;:/@# 0189yMdHs'Z\xC3\xA9\xF0\x9F\x98\x80\xE4\xB8\x96\xFF\xC0\xED\xA0\x80";
    uint64_t seed = 12345;
    for (uint32_t round = 0; round < 400; round++) {
        struct weir_test_memory memory;
        struct weir_arena arena;
        weir_test_memory_init(&memory);
        weir_arena_init(&arena, &memory.base);
        struct weir_vector columns[3];
        struct weir_expr *arguments[3];
        for (uint32_t k = 0; k < 3; k++) {
            weir_vector_init(&columns[k], &weir_type_string, 64, &arena);
            arguments[k] = weir_expr_column(&arena, k, &weir_type_string);
            for (uint32_t row = 0; row < 64; row++) {
                char *text = malloc(40);
                uint32_t length =
                    (uint32_t)((seed = seed * 6364136223846793005u + 1442695040888963407u) >> 33) %
                    (k ? 14 : 40);
                for (uint32_t c = 0; c < length; c++) {
                    seed = seed * 6364136223846793005u + 1442695040888963407u;
                    text[c] = alphabet[(seed >> 33) % (sizeof alphabet - 1)];
                }
                char *exact = malloc(length ? length : 1);
                memcpy(exact, text, length);
                ((struct weir_string *)columns[k].data)[row] = weir_string_view(exact, length);
                if (length <= WEIR_STRING_INLINE_MAX) free(exact);
                free(text);
            }
        }
        struct weir_batch batch = { .row_count = 64, .column_count = 3, .columns = columns };
        for (uint32_t count = 1; count <= 3; count++) {
            const char *const *names = count == 1 ? unary : count == 2 ? binary : ternary;
            size_t name_count = count == 1   ? WEIR_ARRAY_COUNT(unary)
                                : count == 2 ? WEIR_ARRAY_COUNT(binary)
                                             : WEIR_ARRAY_COUNT(ternary);
            for (size_t n = 0; n < name_count; n++) {
                struct weir_error error;
                struct weir_expr *call;
                struct weir_evaluator *evaluator;
                const struct weir_vector *result;
                assert_int_equal(weir_expr_call(&arena, names[n], arguments, count, &call, &error), WEIR_OK);
                assert_int_equal(
                    weir_evaluator_new(&arena, &memory.base, &call, 1, NULL, &evaluator, &error), WEIR_OK);
                for (uint16_t row = 0; row < 64; row++) { /* one by one: an error of one row hides no other */
                    batch.selection = &row, batch.selected = 1;
                    weir_evaluator_reset(evaluator);
                    if (weir_evaluator_run(evaluator, 0, &batch, &result, &error) == WEIR_OK)
                        case_text(&arena, result, row);
                }
                weir_evaluator_free(evaluator);
            }
        }
        for (uint32_t k = 0; k < 3; k++) {
            for (uint32_t row = 0; row < 64; row++) {
                struct weir_string *s = &((struct weir_string *)columns[k].data)[row];
                if (s->length > WEIR_STRING_INLINE_MAX) free((char *)(uintptr_t)s->pointer);
            }
        }
        weir_arena_done(&arena);
        weir_test_memory_check(&memory);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_length_and_case),
        cmocka_unit_test(test_joining),
        cmocka_unit_test(test_cutting),
        cmocka_unit_test(test_searching),
        cmocka_unit_test(test_editing),
        cmocka_unit_test(test_like),
        cmocka_unit_test(test_encodings),
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_formats),
        cmocka_unit_test(test_hashes),
        cmocka_unit_test(test_hostile_bytes),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_long_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
