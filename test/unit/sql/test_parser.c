/* Every construct of the dialect: what is written, and the canonical text of the tree that it gives. The
 * canonical text must parse to a tree that prints the same. */
#include "sql/parser.h"
#include "support/cmocka_all.h"
#include "support/memory.h"
#include <string.h>

static const struct {
    const char *sql, *printed;
} cases[] = {
    { "SELECT 1", "SELECT 1" },
    { "SELECT a, t.b AS x, t.* FROM t", "SELECT `a`, `t`.`b` AS `x`, `t`.* FROM `t`" },
    { "SELECT DISTINCT a FROM c.d.t AS x (p, q) WHERE a > 1 AND b <> 2 OR NOT c = 3",
        "SELECT DISTINCT `a` FROM `c`.`d`.`t` AS `x` (`p`, `q`) WHERE `a` > 1 AND `b` <> 2 OR NOT `c` = 3" },
    { "SELECT a + b * c - d / e % 2, (a + b) * c, a || b || 'c', -a, - -a, +a, a - (b - c), a - b - c",
        "SELECT `a` + `b` * `c` - `d` / `e` % 2, (`a` + `b`) * `c`, `a` || `b` || 'c', -`a`, - -`a`, +`a`, "
        "`a` - (`b` - `c`), `a` - `b` - `c`" },
    { "SELECT (a = b) = c, a = (b = c), a AND (b AND c), (a OR b) AND c, NOT (a AND b), (NOT a) IS NULL, NOT "
      "a IS NULL",
        "SELECT `a` = `b` = `c`, `a` = (`b` = `c`), `a` AND `b` AND `c`, (`a` OR `b`) AND `c`, NOT (`a` AND "
        "`b`), (NOT `a`) IS NULL, NOT `a` IS NULL" },
    { "SELECT a IS NULL, a IS NOT NULL, a IS TRUE, a IS NOT FALSE, a IS UNKNOWN, a IS DISTINCT FROM b, a IS "
      "NOT DISTINCT FROM b + 1",
        "SELECT `a` IS NULL, `a` IS NOT NULL, `a` IS TRUE, `a` IS NOT FALSE, `a` IS UNKNOWN, `a` IS DISTINCT "
        "FROM `b`, `a` IS NOT DISTINCT FROM `b` + 1" },
    { "SELECT a IS JSON, a IS NOT JSON OBJECT, a IS JSON ARRAY, a IS JSON SCALAR, a IS JSON VALUE",
        "SELECT `a` IS JSON VALUE, `a` IS NOT JSON OBJECT, `a` IS JSON ARRAY, `a` IS JSON SCALAR, `a` IS "
        "JSON VALUE" },
    { "SELECT a BETWEEN 1 AND 2 AND b, a NOT BETWEEN SYMMETRIC 1 AND 2, a BETWEEN ASYMMETRIC b + 1 AND c * 2",
        "SELECT `a` BETWEEN 1 AND 2 AND `b`, `a` NOT BETWEEN SYMMETRIC 1 AND 2, `a` BETWEEN `b` + 1 AND `c` "
        "* 2" },
    { "SELECT a LIKE 'x%' ESCAPE '!', a NOT LIKE b, a SIMILAR TO 'y', a NOT SIMILAR TO 'y' ESCAPE 'z', a "
      "ILIKE 'q', a RLIKE 'r'",
        "SELECT `a` LIKE 'x%' ESCAPE '!', `a` NOT LIKE `b`, `a` SIMILAR TO 'y', `a` NOT SIMILAR TO 'y' "
        "ESCAPE 'z', `a` ILIKE 'q', `a` RLIKE 'r'" },
    { "SELECT a IN (1, 2, 3), a NOT IN (SELECT b FROM t), (a, b) IN ((1, 2), (3, 4)), a IN ((SELECT 1) UNION "
      "(SELECT 2))",
        "SELECT `a` IN (1, 2, 3), `a` NOT IN (SELECT `b` FROM `t`), ROW(`a`, `b`) IN (ROW(1, 2), ROW(3, 4)), "
        "`a` IN (SELECT 1 UNION SELECT 2)" },
    { "SELECT EXISTS (SELECT 1), a > ALL (SELECT b FROM t), a = ANY (1, 2), a <> SOME (VALUES 1)",
        "SELECT EXISTS (SELECT 1), `a` > ALL (SELECT `b` FROM `t`), `a` = SOME (1, 2), `a` <> SOME (VALUES "
        "1)" },
    { "SELECT CASE WHEN a THEN 1 ELSE 2 END, CASE a WHEN 1 THEN 'x' WHEN 2 THEN 'y' END, CASE a WHEN 1, 2 "
      "THEN 'x' WHEN 3 THEN 'y' END",
        "SELECT CASE WHEN `a` THEN 1 ELSE 2 END, CASE `a` WHEN 1 THEN 'x' WHEN 2 THEN 'y' END, CASE WHEN `a` "
        "IN (1, 2) THEN 'x' WHEN `a` = 3 THEN 'y' END" },
    { "SELECT CAST(a AS INT), TRY_CAST(a AS DECIMAL(10, 2)), CAST(a AS ROW<x INT NOT NULL, y "
      "ARRAY<STRING>>), CAST(a AS MAP<STRING, INT> ARRAY)",
        "SELECT CAST(`a` AS INT), TRY_CAST(`a` AS DECIMAL(10, 2)), CAST(`a` AS ROW<`x` INT NOT NULL, `y` "
        "ARRAY<STRING>>), CAST(`a` AS ARRAY<MAP<STRING, INT>>)" },
    { "SELECT CAST(a AS TIMESTAMP(3) WITH LOCAL TIME ZONE), CAST(a AS TIMESTAMP), CAST(a AS TIME(3)), CAST(a "
      "AS VARCHAR), CAST(a AS CHAR(5)), CAST(a AS BYTES), CAST(a AS DOUBLE PRECISION), CAST(a AS INTERVAL "
      "DAY TO SECOND(3)), CAST(a AS INT MULTISET NOT NULL)",
        "SELECT CAST(`a` AS TIMESTAMP_LTZ(3)), CAST(`a` AS TIMESTAMP(6)), CAST(`a` AS TIME(3)), CAST(`a` AS "
        "STRING), CAST(`a` AS CHAR(5)), CAST(`a` AS BYTES), CAST(`a` AS DOUBLE), CAST(`a` AS INTERVAL "
        "DAY(2) TO SECOND(3)), CAST(`a` AS MULTISET<INT> NOT NULL)" },
    { "SELECT CAST(a AS VARIANT), CAST(a AS RAW('x', 'y')), CAST(a AS ARRAY<BITMAP>), CAST(a AS "
      "mydb.mytype), CAST(a AS STRUCTURED<'c', x INT>)",
        "SELECT CAST(`a` AS VARIANT), CAST(`a` AS RAW('x', 'y')), CAST(`a` AS ARRAY<BITMAP>), CAST(`a` AS "
        "mydb.mytype), CAST(`a` AS STRUCTURED<'c', x INT>)" },
    { "SELECT DATE '2024-01-02', TIME '10:11:12', TIMESTAMP '2024-01-02 03:04:05.678', INTERVAL '1' DAY, "
      "INTERVAL -'1-2' YEAR TO MONTH, INTERVAL '1 2:3:4.5' DAY(3) TO SECOND(1), INTERVAL '2' WEEK, INTERVAL "
      "'1' QUARTER, INTERVAL '5' SECOND(2, 3), INTERVAL n DAY, INTERVAL (-n) HOUR",
        "SELECT DATE '2024-01-02', TIME '10:11:12', TIMESTAMP '2024-01-02 03:04:05.678', INTERVAL '1' DAY, "
        "INTERVAL -'1-2' YEAR TO MONTH, INTERVAL '1 2:3:4.5' DAY(3) TO SECOND(1), INTERVAL '2' WEEK, "
        "INTERVAL '1' QUARTER, INTERVAL '5' SECOND(2, 3), INTERVAL `n` DAY, INTERVAL (-`n`) HOUR" },
    { "SELECT 'it''s', U&'\\00e4\\+01F600', U&'!0041' UESCAPE '!', X'0aFF', N'n', _UTF8'c', E'a\\tb\\u00e4', "
      "'a' 'b', 1, 1.5, .5, 1., 1e3, 1.5E-2",
        "SELECT 'it''s', '\xc3"
        "\xa4"
        "\xf0"
        "\x9f"
        "\x98"
        "\x80"
        "', 'A', X'0AFF', 'n', 'c', 'a\tb\xc3"
        "\xa4"
        "', 'ab', 1, 1.5, .5, 1., 1e3, 1.5E-2" },
    { "SELECT TRUE, FALSE, NULL, UNKNOWN", "SELECT TRUE, FALSE, NULL, CAST(NULL AS BOOLEAN)" },
    { "SELECT a[1], a.b[2].c, f(x).y, (a).b, (a).*, ARRAY[1, 2][1], MAP['k', 1]['k'], ARRAY[], ROW(1, 'x'), "
      "(1, 2), MULTISET[1], ARRAY(SELECT 1), MAP(SELECT 1, 2)",
        "SELECT `a`[1], `a`.`b`[2].`c`, f(`x`).`y`, (`a`).`b`, (`a`).*, ARRAY[1, 2][1], MAP['k', 1]['k'], "
        "ARRAY[], ROW(1, 'x'), ROW(1, 2), MULTISET[1], ARRAY(SELECT 1), MAP(SELECT 1, 2)" },
    { "SELECT COUNT(*), COUNT(DISTINCT a), SUM(ALL b) FILTER (WHERE c > 0), LISTAGG(a, ',') WITHIN GROUP "
      "(ORDER BY b DESC NULLS LAST), FIRST_VALUE(a) IGNORE NULLS OVER w, LAST_VALUE(a IGNORE NULLS), "
      "JSON_ARRAYAGG(a ORDER BY b)",
        "SELECT COUNT(*), COUNT(DISTINCT `a`), SUM(ALL `b`) FILTER (WHERE `c` > 0), LISTAGG(`a`, ',') WITHIN "
        "GROUP (ORDER BY `b` DESC NULLS LAST), FIRST_VALUE(`a`) IGNORE NULLS OVER `w`, LAST_VALUE(`a`) "
        "IGNORE NULLS, JSON_ARRAYAGG(`a` ORDER BY `b`)" },
    { "SELECT ROW_NUMBER() OVER (PARTITION BY a, b ORDER BY c DESC NULLS FIRST, d), SUM(x) OVER (w ROWS "
      "BETWEEN 3 PRECEDING AND CURRENT ROW), SUM(x) OVER (ORDER BY t RANGE INTERVAL '1' HOUR PRECEDING), "
      "AVG(x) OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING), MAX(x) OVER () FROM t WINDOW "
      "w AS (PARTITION BY a), v AS (w ORDER BY b)",
        "SELECT ROW_NUMBER() OVER (PARTITION BY `a`, `b` ORDER BY `c` DESC NULLS FIRST, `d`), SUM(`x`) OVER "
        "(`w` ROWS BETWEEN 3 PRECEDING AND CURRENT ROW), SUM(`x`) OVER (ORDER BY `t` RANGE INTERVAL '1' HOUR "
        "PRECEDING), AVG(`x`) OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING), MAX(`x`) OVER "
        "() FROM `t` WINDOW `w` AS (PARTITION BY `a`), `v` AS (`w` ORDER BY `b`)" },
    { "SELECT EXTRACT(YEAR FROM a), TRIM(BOTH 'x' FROM a), TRIM(LEADING FROM a), TRIM('x' FROM a), TRIM(a), "
      "SUBSTRING(a FROM 2 FOR 3), SUBSTRING(a, 2), POSITION('x' IN a), POSITION('x' || b IN a), OVERLAY(a "
      "PLACING b FROM 1 FOR 2), CEIL(a TO DAY), FLOOR(a), CEILING(a TO HOURS), TIMESTAMPADD(SQL_TSI_DAY, 1, "
      "a), TIMESTAMPDIFF(month, a, b)",
        "SELECT EXTRACT(YEAR FROM `a`), TRIM(BOTH 'x' FROM `a`), TRIM(LEADING ' ' FROM `a`), TRIM(BOTH 'x' "
        "FROM `a`), TRIM(`a`), SUBSTRING(`a` FROM 2 FOR 3), SUBSTRING(`a`, 2), POSITION('x' IN `a`), "
        "POSITION('x' || `b` IN `a`), OVERLAY(`a` PLACING `b` FROM 1 FOR 2), CEIL(`a` TO DAY), FLOOR(`a`), "
        "CEILING(`a` TO HOUR), TIMESTAMPADD(DAY, 1, `a`), TIMESTAMPDIFF(MONTH, `a`, `b`)" },
    { "SELECT CURRENT_DATE, LOCALTIMESTAMP, CURRENT_TIMESTAMP(3), NOW(), YEAR(a), LEFT(a, 1), `count`(a), "
      "db.f(1), IF(a, 1, 2), HASH(a)",
        "SELECT CURRENT_DATE, LOCALTIMESTAMP, CURRENT_TIMESTAMP(3), NOW(), YEAR(`a`), LEFT(`a`, 1), "
        "`count`(`a`), `db`.`f`(1), IF(`a`, 1, 2), HASH(`a`)" },
    { "SELECT JSON_VALUE(a, '$.x' RETURNING INT NULL ON EMPTY DEFAULT -1 ON ERROR), JSON_EXISTS(a, 'lax $' "
      "TRUE ON ERROR), JSON_QUERY(a, '$' WITH CONDITIONAL WRAPPER EMPTY ARRAY ON EMPTY ERROR ON ERROR), "
      "JSON_QUERY(a, '$' WITHOUT ARRAY WRAPPER), JSON_QUERY(a, '$' RETURNING ARRAY<STRING> WITH WRAPPER)",
        "SELECT JSON_VALUE(`a`, '$.x' RETURNING INT NULL ON EMPTY DEFAULT -1 ON ERROR), JSON_EXISTS(`a`, "
        "'lax $' TRUE ON ERROR), JSON_QUERY(`a`, '$' WITH CONDITIONAL ARRAY WRAPPER EMPTY ARRAY ON EMPTY "
        "ERROR ON ERROR), JSON_QUERY(`a`, '$' WITHOUT ARRAY WRAPPER), JSON_QUERY(`a`, '$' RETURNING "
        "ARRAY<STRING> WITH UNCONDITIONAL ARRAY WRAPPER)" },
    { "SELECT JSON_OBJECT('a' VALUE 1, KEY 'b' VALUE 2 ABSENT ON NULL), JSON_OBJECT('a': 1), JSON_OBJECT(), "
      "JSON_ARRAY(1, 'x' NULL ON NULL), JSON_ARRAY(), JSON_OBJECTAGG(KEY a VALUE b), JSON_OBJECT('j' VALUE a "
      "FORMAT JSON), JSON_ARRAYAGG(a ABSENT ON NULL) FILTER (WHERE b)",
        "SELECT JSON_OBJECT(KEY 'a' VALUE 1, KEY 'b' VALUE 2 ABSENT ON NULL), JSON_OBJECT(KEY 'a' VALUE 1), "
        "JSON_OBJECT(), JSON_ARRAY(1, 'x' NULL ON NULL), JSON_ARRAY(), JSON_OBJECTAGG(KEY `a` VALUE `b`), "
        "JSON_OBJECT(KEY 'j' VALUE `a` FORMAT JSON), JSON_ARRAYAGG(`a` ABSENT ON NULL) FILTER (WHERE `b`)" },
    { "SELECT (DATE '2024-01-01', DATE '2024-02-01') OVERLAPS (a, b), a MEMBER OF b",
        "SELECT ROW(DATE '2024-01-01', DATE '2024-02-01') OVERLAPS ROW(`a`, `b`), `a` MEMBER OF `b`" },
    { "SELECT * FROM a, b CROSS JOIN c JOIN d ON a.x = d.x LEFT OUTER JOIN e USING (x, y) NATURAL FULL JOIN "
      "f RIGHT JOIN (g INNER JOIN h ON TRUE) ON FALSE",
        "SELECT * FROM `a`, `b` CROSS JOIN `c` INNER JOIN `d` ON `a`.`x` = `d`.`x` LEFT JOIN `e` USING (`x`, "
        "`y`) NATURAL FULL JOIN `f` RIGHT JOIN (`g` INNER JOIN `h` ON TRUE) ON FALSE" },
    { "SELECT * FROM a LEFT SEMI JOIN b ON a.x = b.x LEFT ANTI JOIN c ON a.y = c.y",
        "SELECT * FROM `a` LEFT SEMI JOIN `b` ON `a`.`x` = `b`.`x` LEFT ANTI JOIN `c` ON `a`.`y` = `c`.`y`" },
    { "SELECT * FROM t, LATERAL TABLE(f(a)) AS x (p, q), UNNEST(t.arr) WITH ORDINALITY AS u (e, o), LATERAL "
      "(SELECT 1) AS l LEFT JOIN LATERAL TABLE(g(b)) ON TRUE",
        "SELECT * FROM `t`, LATERAL TABLE(f(`a`)) AS `x` (`p`, `q`), UNNEST(`t`.`arr`) WITH ORDINALITY AS "
        "`u` (`e`, `o`), LATERAL (SELECT 1) AS `l` LEFT JOIN LATERAL TABLE(g(`b`)) ON TRUE" },
    { "SELECT * FROM o JOIN r FOR SYSTEM_TIME AS OF o.t AS x ON o.k = x.k",
        "SELECT * FROM `o` INNER JOIN `r` FOR SYSTEM_TIME AS OF `o`.`t` AS `x` ON `o`.`k` = `x`.`k`" },
    { "SELECT * FROM t /*+ OPTIONS('a' = 'b', 'c'='d') */ AS x",
        "SELECT * FROM `t` /*+ `OPTIONS`('a' = 'b', 'c' = 'd') */ AS `x`" },
    { "SELECT /*+ BROADCAST(t1, t2), LOOKUP('table'='x', 'async'='true'), STATE_TTL('a'='1d') */ a FROM t1",
        "SELECT /*+ `BROADCAST`('t1', 't2'), `LOOKUP`('table' = 'x', 'async' = 'true'), `STATE_TTL`('a' = "
        "'1d') */ `a` FROM `t1`" },
    { "SELECT * FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' MINUTE))",
        "SELECT * FROM TABLE(TUMBLE(TABLE `t`, DESCRIPTOR(`ts`), INTERVAL '10' MINUTE))" },
    { "SELECT * FROM TABLE(SESSION(DATA => TABLE t PARTITION BY (a, b), TIMECOL => DESCRIPTOR(ts), GAP => "
      "INTERVAL '10' MINUTE)), TUMBLE((SELECT * FROM t), DESCRIPTOR(ts), INTERVAL '1' DAY)",
        "SELECT * FROM TABLE(SESSION(`DATA` => TABLE `t` PARTITION BY (`a`, `b`), `TIMECOL` => "
        "DESCRIPTOR(`ts`), `GAP` => INTERVAL '10' MINUTE)), TUMBLE((SELECT * FROM `t`), DESCRIPTOR(`ts`), "
        "INTERVAL '1' DAY)" },
    { "SELECT * FROM TABLE(f(TABLE t PARTITION BY k ORDER BY v DESC, 5)) AS x, ML_PREDICT(TABLE t, MODEL m, "
      "DESCRIPTOR(f1))",
        "SELECT * FROM TABLE(f(TABLE `t` PARTITION BY (`k`) ORDER BY (`v` DESC), 5)) AS `x`, "
        "ML_PREDICT(TABLE `t`, MODEL `m`, DESCRIPTOR(`f1`))" },
    { "SELECT * FROM t TABLESAMPLE BERNOULLI (10)", "SELECT * FROM `t` TABLESAMPLE BERNOULLI (10)" },
    { "SELECT a, COUNT(*) FROM t GROUP BY a, (b, c), ROLLUP (a, (b, c)), CUBE (a), GROUPING SETS ((a, b), "
      "(a), ()) HAVING COUNT(*) > 1 QUALIFY ROW_NUMBER() OVER (ORDER BY a) = 1",
        "SELECT `a`, COUNT(*) FROM `t` GROUP BY `a`, (`b`, `c`), ROLLUP (`a`, (`b`, `c`)), CUBE (`a`), "
        "GROUPING SETS ((`a`, `b`), `a`, ()) HAVING COUNT(*) > 1 QUALIFY ROW_NUMBER() OVER (ORDER BY `a`) = "
        "1" },
    { "SELECT a FROM t GROUP BY (a + 1) * 2, ROW(a, b), ()",
        "SELECT `a` FROM `t` GROUP BY (`a` + 1) * 2, ROW(`a`, `b`), ()" },
    { "SELECT a FROM t ORDER BY a DESC NULLS LAST, b ASC LIMIT 10 OFFSET 5",
        "SELECT `a` FROM `t` ORDER BY `a` DESC NULLS LAST, `b` LIMIT 10 OFFSET 5" },
    { "SELECT a FROM t ORDER BY a OFFSET 5 ROWS FETCH NEXT 10 ROWS ONLY",
        "SELECT `a` FROM `t` ORDER BY `a` LIMIT 10 OFFSET 5" },
    { "SELECT 1 UNION ALL SELECT 2 UNION SELECT 3 INTERSECT SELECT 4 EXCEPT ALL (SELECT 5 UNION SELECT 6) "
      "ORDER BY 1",
        "SELECT 1 UNION ALL SELECT 2 UNION SELECT 3 INTERSECT SELECT 4 EXCEPT ALL (SELECT 5 UNION SELECT 6) "
        "ORDER BY 1" },
    { "(SELECT 1 ORDER BY 1 LIMIT 1) UNION ALL (SELECT 2 LIMIT 1) LIMIT 3",
        "(SELECT 1 ORDER BY 1 LIMIT 1) UNION ALL (SELECT 2 LIMIT 1) LIMIT 3" },
    { "((SELECT 1) ORDER BY 1) LIMIT 2", "((SELECT 1) ORDER BY 1) LIMIT 2" },
    { "WITH a (x) AS (SELECT 1), b AS (SELECT 2) SELECT * FROM a, b",
        "WITH `a` (`x`) AS (SELECT 1), `b` AS (SELECT 2) SELECT * FROM `a`, `b`" },
    { "WITH RECURSIVE a AS (SELECT 1) (SELECT * FROM a) ORDER BY 1",
        "WITH RECURSIVE `a` AS (SELECT 1) (SELECT * FROM `a`) ORDER BY 1" },
    { "VALUES (1, 'a'), (2, 'b'), ROW(3, 'c')", "VALUES ROW(1, 'a'), ROW(2, 'b'), ROW(3, 'c')" },
    { "VALUES 1, 2", "VALUES 1, 2" },
    { "TABLE t", "TABLE `t`" },
    { "SELECT * FROM ((SELECT 1) UNION (SELECT 2)) AS t, (VALUES (1)) AS v (a), ((a JOIN b ON TRUE))",
        "SELECT * FROM (SELECT 1 UNION SELECT 2) AS `t`, (VALUES 1) AS `v` (`a`), `a` INNER JOIN `b` ON "
        "TRUE" },
    { "SELECT ((SELECT 1) UNION (SELECT 2)), ((SELECT 1)) + 2",
        "SELECT (SELECT 1 UNION SELECT 2), (SELECT 1) + 2" },
    { "SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY k ORDER BY ts MEASURES A.price AS p, LAST(B.price, 1) "
      "AS l, FINAL LAST(C.x) AS f, RUNNING SUM(B.x) AS r ONE ROW PER MATCH AFTER MATCH SKIP PAST LAST ROW "
      "PATTERN (A B* C+? D{2,3} E{2} F{,4} G{1,}? (H | I J)? {- K -} PERMUTE(L, M)) WITHIN INTERVAL '1' HOUR "
      "SUBSET U = (A, B) DEFINE B AS B.price > PREV(B.price), C AS TRUE) AS T",
        "SELECT * FROM `t` MATCH_RECOGNIZE (PARTITION BY `k` ORDER BY `ts` MEASURES `A`.`price` AS `p`, "
        "LAST(`B`.`price`, 1) AS `l`, FINAL LAST(`C`.`x`) AS `f`, RUNNING SUM(`B`.`x`) AS `r` ONE ROW PER "
        "MATCH AFTER MATCH SKIP PAST LAST ROW PATTERN (`A` `B`* `C`+? `D`{2,3} `E`{2} `F`{0,4} `G`+? (`H` | "
        "`I` `J`)? {- `K` -} PERMUTE(`L`, `M`)) WITHIN INTERVAL '1' HOUR SUBSET `U` = (`A`, `B`) DEFINE `B` "
        "AS `B`.`price` > PREV(`B`.`price`), `C` AS TRUE) AS `T`" },
    { "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts ALL ROWS PER MATCH AFTER MATCH SKIP TO FIRST A PATTERN "
      "(^ A | B $) DEFINE A AS TRUE)",
        "SELECT * FROM `t` MATCH_RECOGNIZE (ORDER BY `ts` ALL ROWS PER MATCH AFTER MATCH SKIP TO FIRST `A` "
        "PATTERN (^ `A` | `B` $) DEFINE `A` AS TRUE)" },
    { "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts AFTER MATCH SKIP TO NEXT ROW PATTERN (A) DEFINE A AS "
      "TRUE), u MATCH_RECOGNIZE (ORDER BY ts AFTER MATCH SKIP TO A PATTERN (A) DEFINE A AS TRUE)",
        "SELECT * FROM `t` MATCH_RECOGNIZE (ORDER BY `ts` AFTER MATCH SKIP TO NEXT ROW PATTERN (`A`) DEFINE "
        "`A` AS TRUE), `u` MATCH_RECOGNIZE (ORDER BY `ts` AFTER MATCH SKIP TO LAST `A` PATTERN (`A`) DEFINE "
        "`A` AS TRUE)" },
    { "INSERT INTO t SELECT 1", "INSERT INTO `t` SELECT 1" },
    { "INSERT INTO c.d.t /*+ OPTIONS('a'='b') */ PARTITION (p = 1, q) (a, b.c) VALUES (1, 2) ON CONFLICT DO "
      "DEDUPLICATE",
        "INSERT INTO `c`.`d`.`t` /*+ `OPTIONS`('a' = 'b') */ PARTITION (`p` = 1, `q`) (`a`, `b`.`c`) VALUES "
        "ROW(1, 2) ON CONFLICT DO DEDUPLICATE" },
    { "INSERT OVERWRITE t (SELECT 1) ON CONFLICT DO NOTHING",
        "INSERT OVERWRITE `t` SELECT 1 ON CONFLICT DO NOTHING" },
    { "EXECUTE INSERT INTO t VALUES (1, DEFAULT) ON CONFLICT DO ERROR",
        "EXECUTE INSERT INTO `t` VALUES ROW(1, DEFAULT) ON CONFLICT DO ERROR" },
    { "UPDATE t AS x SET a = 1, b = b + 1 WHERE c IS NULL",
        "UPDATE `t` AS `x` SET `a` = 1, `b` = `b` + 1 WHERE `c` IS NULL" },
    { "DELETE FROM t WHERE a = 1", "DELETE FROM `t` WHERE `a` = 1" },
    { "STATEMENT SET BEGIN INSERT INTO a SELECT 1; INSERT INTO b SELECT CASE WHEN TRUE THEN 1 END; END",
        "STATEMENT SET BEGIN INSERT INTO `a` SELECT 1; INSERT INTO `b` SELECT CASE WHEN TRUE THEN 1 END; "
        "END" },
    { "EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1; END",
        "EXECUTE STATEMENT SET BEGIN INSERT INTO `a` SELECT 1; END" },
    { "BEGIN STATEMENT SET; INSERT INTO a SELECT 1; INSERT INTO b SELECT 2; END",
        "BEGIN STATEMENT SET; INSERT INTO `a` SELECT 1; INSERT INTO `b` SELECT 2; END" },
    { "CALL sys.compact('t', n => 3)", "CALL `sys`.`compact`('t', `n` => 3)" },
    { "TRUNCATE TABLE a.b", "TRUNCATE TABLE `a`.`b`" },
    { "ANALYZE TABLE t PARTITION (a = 1, b) COMPUTE STATISTICS FOR COLUMNS a, b",
        "ANALYZE TABLE `t` PARTITION (`a` = 1, `b`) COMPUTE STATISTICS FOR COLUMNS `a`, `b`" },
    { "ANALYZE TABLE t COMPUTE STATISTICS FOR ALL COLUMNS",
        "ANALYZE TABLE `t` COMPUTE STATISTICS FOR ALL COLUMNS" },
    { "CREATE TABLE t (a INT NOT NULL, b STRING COMMENT 'text', c AS a + 1 COMMENT 'computed', d "
      "TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL, e BIGINT METADATA, PRIMARY KEY (a) NOT ENFORCED, "
      "WATERMARK FOR d AS d - INTERVAL '5' SECOND) COMMENT 'a table' DISTRIBUTED BY HASH(a) INTO 4 BUCKETS "
      "PARTITIONED BY (b) WITH ('connector' = 'kafka', 'x' = 'y')",
        "CREATE TABLE `t` (`a` INT NOT NULL, `b` STRING COMMENT 'text', `c` AS `a` + 1 COMMENT 'computed', "
        "`d` TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL, `e` BIGINT METADATA, PRIMARY KEY (`a`) NOT "
        "ENFORCED, WATERMARK FOR `d` AS `d` - INTERVAL '5' SECOND) COMMENT 'a table' DISTRIBUTED BY HASH "
        "(`a`) INTO 4 BUCKETS PARTITIONED BY (`b`) WITH ('connector' = 'kafka', 'x' = 'y')" },
    { "CREATE TEMPORARY TABLE IF NOT EXISTS c.d.t (a INT PRIMARY KEY NOT ENFORCED, CONSTRAINT pk UNIQUE (a, "
      "b), b ROW<x INT, y STRING NOT NULL>)",
        "CREATE TEMPORARY TABLE IF NOT EXISTS `c`.`d`.`t` (`a` INT, `b` ROW<`x` INT, `y` STRING NOT NULL>, "
        "PRIMARY KEY (`a`) NOT ENFORCED, CONSTRAINT `pk` UNIQUE (`a`, `b`))" },
    { "CREATE TABLE t (x INT) DISTRIBUTED INTO 3 BUCKETS LIKE s (INCLUDING ALL EXCLUDING OPTIONS OVERWRITING "
      "WATERMARKS)",
        "CREATE TABLE `t` (`x` INT) DISTRIBUTED INTO 3 BUCKETS LIKE `s` (INCLUDING ALL EXCLUDING OPTIONS "
        "OVERWRITING WATERMARKS)" },
    { "CREATE TABLE t WITH ('a' = 'b') LIKE s", "CREATE TABLE `t` WITH ('a' = 'b') LIKE `s`" },
    { "CREATE TABLE t (a, b) WITH ('a' = 'b') AS SELECT 1, 2",
        "CREATE TABLE `t` (`a`, `b`) WITH ('a' = 'b') AS SELECT 1, 2" },
    { "CREATE OR REPLACE TABLE t AS SELECT 1", "CREATE OR REPLACE TABLE `t` AS SELECT 1" },
    { "REPLACE TABLE t WITH ('a' = 'b') AS SELECT 1", "REPLACE TABLE `t` WITH ('a' = 'b') AS SELECT 1" },
    { "CREATE VIEW IF NOT EXISTS v (a COMMENT 'x', b) COMMENT 'c' AS SELECT 1, 2",
        "CREATE VIEW IF NOT EXISTS `v` (`a` COMMENT 'x', `b`) COMMENT 'c' AS SELECT 1, 2" },
    { "CREATE OR REPLACE TEMPORARY VIEW v AS SELECT 1", "CREATE OR REPLACE TEMPORARY VIEW `v` AS SELECT 1" },
    { "CREATE DATABASE IF NOT EXISTS c.d COMMENT 'x' WITH ('a' = 'b')",
        "CREATE DATABASE IF NOT EXISTS `c`.`d` COMMENT 'x' WITH ('a' = 'b')" },
    { "CREATE CATALOG IF NOT EXISTS c COMMENT 'x' WITH ('type' = 'generic_in_memory')",
        "CREATE CATALOG IF NOT EXISTS `c` COMMENT 'x' WITH ('type' = 'generic_in_memory')" },
    { "CREATE TEMPORARY SYSTEM FUNCTION IF NOT EXISTS f AS 'a.b.C' LANGUAGE PYTHON",
        "CREATE TEMPORARY SYSTEM FUNCTION IF NOT EXISTS `f` AS 'a.b.C' LANGUAGE PYTHON" },
    { "CREATE FUNCTION c.d.f AS 'sym' LANGUAGE C USING JAR 'a.jar', ARTIFACT 'b' WITH ('k' = 'v')",
        "CREATE FUNCTION `c`.`d`.`f` AS 'sym' LANGUAGE C USING JAR 'a.jar', ARTIFACT 'b' WITH ('k' = 'v')" },
    { "CREATE MODEL IF NOT EXISTS m INPUT (a STRING) OUTPUT (b INT COMMENT 'x') COMMENT 'c' WITH ('provider' "
      "= 'openai')",
        "CREATE MODEL IF NOT EXISTS `m` INPUT (`a` STRING) OUTPUT (`b` INT COMMENT 'x') COMMENT 'c' WITH "
        "('provider' = 'openai')" },
    { "CREATE TEMPORARY SYSTEM CONNECTION c WITH ('type' = 'x')",
        "CREATE TEMPORARY SYSTEM CONNECTION `c` WITH ('type' = 'x')" },
    { "CREATE MATERIALIZED TABLE m (PRIMARY KEY (a) NOT ENFORCED) PARTITIONED BY (d) WITH ('f' = 'json') "
      "FRESHNESS = INTERVAL '1' MINUTE REFRESH_MODE = CONTINUOUS AS SELECT 1",
        "CREATE MATERIALIZED TABLE `m` (PRIMARY KEY (`a`) NOT ENFORCED) PARTITIONED BY (`d`) WITH ('f' = "
        "'json') FRESHNESS = INTERVAL '1' MINUTE REFRESH_MODE = CONTINUOUS AS SELECT 1" },
    { "CREATE OR ALTER MATERIALIZED TABLE m AS SELECT 1",
        "CREATE OR ALTER MATERIALIZED TABLE `m` AS SELECT 1" },
    { "ALTER TABLE t RENAME TO u", "ALTER TABLE `t` RENAME TO `u`" },
    { "ALTER TABLE IF EXISTS t RENAME a.b TO c", "ALTER TABLE IF EXISTS `t` RENAME `a`.`b` TO `c`" },
    { "ALTER TABLE t ADD (a INT FIRST, b STRING COMMENT 'x' AFTER c, d AS a + 1, PRIMARY KEY (a) NOT "
      "ENFORCED, WATERMARK FOR ts AS ts)",
        "ALTER TABLE `t` ADD (`a` INT FIRST, `b` STRING COMMENT 'x' AFTER `c`, `d` AS `a` + 1, PRIMARY KEY "
        "(`a`) NOT ENFORCED, WATERMARK FOR `ts` AS `ts`)" },
    { "ALTER TABLE t ADD a INT METADATA", "ALTER TABLE `t` ADD `a` INT METADATA" },
    { "ALTER TABLE t ADD WATERMARK FOR ts AS ts - INTERVAL '1' SECOND",
        "ALTER TABLE `t` ADD WATERMARK FOR `ts` AS `ts` - INTERVAL '1' SECOND" },
    { "ALTER TABLE t MODIFY (a BIGINT, WATERMARK FOR ts AS ts)",
        "ALTER TABLE `t` MODIFY (`a` BIGINT, WATERMARK FOR `ts` AS `ts`)" },
    { "ALTER TABLE t MODIFY a BIGINT AFTER b", "ALTER TABLE `t` MODIFY `a` BIGINT AFTER `b`" },
    { "ALTER TABLE t ADD DISTRIBUTION BY RANGE(a) INTO 3 BUCKETS",
        "ALTER TABLE `t` ADD DISTRIBUTION BY RANGE (`a`) INTO 3 BUCKETS" },
    { "ALTER TABLE t MODIFY DISTRIBUTION INTO 3 BUCKETS",
        "ALTER TABLE `t` MODIFY DISTRIBUTION INTO 3 BUCKETS" },
    { "ALTER TABLE t DROP (a, b.c)", "ALTER TABLE `t` DROP (`a`, `b`.`c`)" },
    { "ALTER TABLE t DROP a", "ALTER TABLE `t` DROP `a`" },
    { "ALTER TABLE t DROP PRIMARY KEY", "ALTER TABLE `t` DROP PRIMARY KEY" },
    { "ALTER TABLE t DROP CONSTRAINT pk", "ALTER TABLE `t` DROP CONSTRAINT `pk`" },
    { "ALTER TABLE t DROP WATERMARK", "ALTER TABLE `t` DROP WATERMARK" },
    { "ALTER TABLE t DROP DISTRIBUTION", "ALTER TABLE `t` DROP DISTRIBUTION" },
    { "ALTER TABLE t ADD IF NOT EXISTS PARTITION (p = 1) WITH ('a' = 'b') PARTITION (p = 2)",
        "ALTER TABLE `t` ADD IF NOT EXISTS PARTITION (`p` = 1) WITH ('a' = 'b') PARTITION (`p` = 2)" },
    { "ALTER TABLE t DROP IF EXISTS PARTITION (p = 1), PARTITION (p = 2)",
        "ALTER TABLE `t` DROP IF EXISTS PARTITION (`p` = 1), PARTITION (`p` = 2)" },
    { "ALTER TABLE t PARTITION (p = 1) RENAME TO PARTITION (p = 2)",
        "ALTER TABLE `t` PARTITION (`p` = 1) RENAME TO PARTITION (`p` = 2)" },
    { "ALTER TABLE t SET ('a' = 'b')", "ALTER TABLE `t` SET ('a' = 'b')" },
    { "ALTER TABLE t RESET ('a', 'b')", "ALTER TABLE `t` RESET ('a', 'b')" },
    { "ALTER VIEW v RENAME TO w", "ALTER VIEW `v` RENAME TO `w`" },
    { "ALTER VIEW v AS SELECT 1", "ALTER VIEW `v` AS SELECT 1" },
    { "ALTER DATABASE d SET ('a' = 'b')", "ALTER DATABASE `d` SET ('a' = 'b')" },
    { "ALTER CATALOG c RESET ('a')", "ALTER CATALOG `c` RESET ('a')" },
    { "ALTER CATALOG c COMMENT 'x'", "ALTER CATALOG `c` COMMENT 'x'" },
    { "ALTER TEMPORARY SYSTEM FUNCTION IF EXISTS f AS 'c' LANGUAGE JAVA",
        "ALTER TEMPORARY SYSTEM FUNCTION IF EXISTS `f` AS 'c' LANGUAGE JAVA" },
    { "ALTER MODEL IF EXISTS m SET ('a' = 'b')", "ALTER MODEL IF EXISTS `m` SET ('a' = 'b')" },
    { "ALTER MODEL m RENAME TO n", "ALTER MODEL `m` RENAME TO `n`" },
    { "ALTER CONNECTION c RESET ('a')", "ALTER CONNECTION `c` RESET ('a')" },
    { "ALTER MATERIALIZED TABLE m SUSPEND", "ALTER MATERIALIZED TABLE `m` SUSPEND" },
    { "ALTER MATERIALIZED TABLE m RESUME WITH ('a' = 'b')",
        "ALTER MATERIALIZED TABLE `m` RESUME WITH ('a' = 'b')" },
    { "ALTER MATERIALIZED TABLE m REFRESH PARTITION (d = '2024')",
        "ALTER MATERIALIZED TABLE `m` REFRESH PARTITION (`d` = '2024')" },
    { "ALTER MATERIALIZED TABLE m REFRESH", "ALTER MATERIALIZED TABLE `m` REFRESH" },
    { "ALTER MATERIALIZED TABLE m SET FRESHNESS = INTERVAL '1' HOUR",
        "ALTER MATERIALIZED TABLE `m` SET FRESHNESS = INTERVAL '1' HOUR" },
    { "ALTER MATERIALIZED TABLE m SET REFRESH_MODE = FULL",
        "ALTER MATERIALIZED TABLE `m` SET REFRESH_MODE = FULL" },
    { "ALTER MATERIALIZED TABLE m AS SELECT 2", "ALTER MATERIALIZED TABLE `m` AS SELECT 2" },
    { "DROP TABLE IF EXISTS t", "DROP TABLE IF EXISTS `t`" },
    { "DROP TEMPORARY VIEW v", "DROP TEMPORARY VIEW `v`" },
    { "DROP DATABASE IF EXISTS d CASCADE", "DROP DATABASE IF EXISTS `d` CASCADE" },
    { "DROP CATALOG c", "DROP CATALOG `c`" },
    { "DROP TEMPORARY SYSTEM FUNCTION f", "DROP TEMPORARY SYSTEM FUNCTION `f`" },
    { "DROP MODEL m", "DROP MODEL `m`" },
    { "DROP CONNECTION c", "DROP CONNECTION `c`" },
    { "DROP MATERIALIZED TABLE m", "DROP MATERIALIZED TABLE `m`" },
    { "SHOW CATALOGS LIKE 'a%'", "SHOW CATALOGS LIKE 'a%'" },
    { "SHOW CURRENT CATALOG", "SHOW CURRENT CATALOG" },
    { "SHOW CURRENT DATABASE", "SHOW CURRENT DATABASE" },
    { "SHOW DATABASES FROM c NOT ILIKE 'x'", "SHOW DATABASES FROM `c` NOT ILIKE 'x'" },
    { "SHOW TABLES IN c.d LIKE 'x'", "SHOW TABLES IN `c`.`d` LIKE 'x'" },
    { "SHOW VIEWS", "SHOW VIEWS" },
    { "SHOW COLUMNS FROM t NOT LIKE 'a'", "SHOW COLUMNS FROM `t` NOT LIKE 'a'" },
    { "SHOW PARTITIONS t PARTITION (a = 1)", "SHOW PARTITIONS `t` PARTITION (`a` = 1)" },
    { "SHOW USER FUNCTIONS", "SHOW USER FUNCTIONS" },
    { "SHOW FULL MODULES", "SHOW FULL MODULES" },
    { "SHOW PROCEDURES FROM c.d", "SHOW PROCEDURES FROM `c`.`d`" },
    { "SHOW MODELS", "SHOW MODELS" },
    { "SHOW CONNECTIONS", "SHOW CONNECTIONS" },
    { "SHOW MATERIALIZED TABLES", "SHOW MATERIALIZED TABLES" },
    { "SHOW JARS", "SHOW JARS" },
    { "SHOW JOBS", "SHOW JOBS" },
    { "SHOW CREATE TABLE t", "SHOW CREATE TABLE `t`" },
    { "SHOW CREATE MATERIALIZED TABLE t", "SHOW CREATE MATERIALIZED TABLE `t`" },
    { "SHOW CREATE CATALOG c", "SHOW CREATE CATALOG `c`" },
    { "DESCRIBE t", "DESCRIBE `t`" },
    { "DESC EXTENDED c.d.t", "DESCRIBE EXTENDED `c`.`d`.`t`" },
    { "DESCRIBE CATALOG EXTENDED c", "DESCRIBE CATALOG EXTENDED `c`" },
    { "DESCRIBE DATABASE d", "DESCRIBE DATABASE `d`" },
    { "DESCRIBE FUNCTION f", "DESCRIBE FUNCTION `f`" },
    { "DESCRIBE MODEL m", "DESCRIBE MODEL `m`" },
    { "DESCRIBE JOB 'abc'", "DESCRIBE JOB 'abc'" },
    { "DESCRIBE catalog", "DESCRIBE `catalog`" },
    { "EXPLAIN SELECT 1", "EXPLAIN SELECT 1" },
    { "EXPLAIN PLAN FOR SELECT 1", "EXPLAIN PLAN FOR SELECT 1" },
    { "EXPLAIN ESTIMATED_COST, CHANGELOG_MODE, JSON_EXECUTION_PLAN, PLAN_ADVICE INSERT INTO t SELECT 1",
        "EXPLAIN ESTIMATED_COST, CHANGELOG_MODE, JSON_EXECUTION_PLAN, PLAN_ADVICE INSERT INTO `t` SELECT 1" },
    { "EXPLAIN STATEMENT SET BEGIN INSERT INTO a SELECT 1; END",
        "EXPLAIN STATEMENT SET BEGIN INSERT INTO `a` SELECT 1; END" },
    { "COMPILE PLAN 'f' IF NOT EXISTS FOR INSERT INTO t SELECT 1",
        "COMPILE PLAN 'f' IF NOT EXISTS FOR INSERT INTO `t` SELECT 1" },
    { "COMPILE AND EXECUTE PLAN 'f' FOR STATEMENT SET BEGIN INSERT INTO t SELECT 1; END",
        "COMPILE AND EXECUTE PLAN 'f' FOR STATEMENT SET BEGIN INSERT INTO `t` SELECT 1; END" },
    { "EXECUTE PLAN 'f'", "EXECUTE PLAN 'f'" },
    { "USE CATALOG c", "USE CATALOG `c`" },
    { "USE c.d", "USE `c`.`d`" },
    { "USE MODULES a, b", "USE MODULES `a`, `b`" },
    { "LOAD MODULE hive WITH ('v' = '3')", "LOAD MODULE `hive` WITH ('v' = '3')" },
    { "UNLOAD MODULE hive", "UNLOAD MODULE `hive`" },
    { "SET", "SET" },
    { "SET 'a' = 'b'", "SET 'a' = 'b'" },
    { "SET sql-client.execution.result-mode = tableau",
        "SET 'sql-client.execution.result-mode' = 'tableau'" },
    { "RESET", "RESET" },
    { "RESET 'a'", "RESET 'a'" },
    { "ADD JAR 'a.jar'", "ADD JAR 'a.jar'" },
    { "REMOVE JAR 'a.jar'", "REMOVE JAR 'a.jar'" },
    { "STOP JOB 'abc' WITH SAVEPOINT WITH DRAIN", "STOP JOB 'abc' WITH SAVEPOINT WITH DRAIN" },
    { "QUIT", "QUIT" },
    { "SELECT `a``b`, `select` FROM `weird table`", "SELECT `a``b`, `select` FROM `weird table`" },
    { "SELECT a AS first, last, year_x, format, json, temporary FROM object AS name",
        "SELECT `a` AS `first`, `last`, `year_x`, `format`, `json`, `temporary` FROM `object` AS `name`" },
    { "SELECT /* c */ a -- d", "SELECT `a`" },
};

static char *parse_and_print(struct weir_arena *arena, const char *sql)
{
    const struct weir_sql_statement *statement;
    struct weir_error error;
    size_t offset = 0, length = strlen(sql);
    if (weir_sql_parse_statement(arena, sql, length, &offset, &statement, &error) != WEIR_OK) {
        print_error("%s\n%u:%u %s\n", sql, error.line, error.column, error.message);
        fail();
    }
    assert_non_null(statement);
    assert_int_equal(offset, length);
    struct weir_buffer text;
    weir_buffer_init(&text, arena->memory, 1 << 20);
    weir_sql_print_statement(statement, &text);
    assert_false(text.overflowed);
    char *copy = weir_arena_string(arena, weir_buffer_text(&text));
    weir_buffer_done(&text);
    return copy;
}

static void test_every_construct(void **context)
{
    struct weir_test_memory memory;
    (void)context;
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(cases); i++) {
        struct weir_arena arena;
        weir_test_memory_init(&memory);
        weir_arena_init(&arena, &memory.base);
        const char *printed = parse_and_print(&arena, cases[i].sql);
        assert_string_equal(printed, cases[i].printed);
        assert_string_equal(parse_and_print(&arena, printed), printed);
        weir_arena_done(&arena);
        weir_test_memory_check(&memory);
    }
}

/* The case of keywords, white space and comments change nothing. */
static void test_spelling(void **context)
{
    struct weir_test_memory memory;
    struct weir_arena arena;
    (void)context;
    weir_test_memory_init(&memory);
    weir_arena_init(&arena, &memory.base);
    const char *plain = parse_and_print(&arena, "SELECT a FROM t WHERE a IS NOT NULL ORDER BY a DESC");
    assert_string_equal(
        parse_and_print(&arena, "select a from t where a is not null order by a desc"), plain);
    assert_string_equal(parse_and_print(&arena,
                            "/* x */ SELECT--y\n\ta\r\n FROM/**/t WHERE a IS\fNOT NULL ORDER BY a DESC -- z"),
        plain);
    weir_arena_done(&arena);
    weir_test_memory_check(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_construct),
        cmocka_unit_test(test_spelling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
