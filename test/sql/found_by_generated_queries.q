-- What generated queries found.

CREATE VIEW v AS SELECT * FROM (VALUES (1, 0.5), (2, 0.25), (5, 1.5)) AS t(k, d);

SELECT LEAST(3, k) AS a, GREATEST(1, 2, k) AS b, LEAST(2.00, d) AS c FROM v;
!sorted
+I[1, 2, 0.50]
+I[2, 2, 0.25]
+I[3, 5, 1.50]
!end

CREATE TABLE e (k INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'filesystem', 'path' = '${TMP}/e', 'format' = 'json');

INSERT INTO e VALUES (1, TIMESTAMP '2024-01-01 00:00:00'), (1, TIMESTAMP '2024-01-01 00:00:01'), (2, TIMESTAMP '2024-01-01 00:02:02');

CREATE TABLE s (k INT, v BOOLEAN, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'filesystem', 'path' = '${TMP}/s', 'format' = 'json');

INSERT INTO s VALUES (1, FALSE, TIMESTAMP '2024-01-01 00:00:00'), (1, TRUE, TIMESTAMP '2024-01-01 00:00:20');

SELECT k, ts FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k, k ORDER BY ts) AS n FROM e) WHERE n = 1;
!sorted
+I[1, 2024-01-01T00:00]
+I[2, 2024-01-01T00:02:02]
!end

SELECT window_end, COUNT(*) AS n FROM TABLE(HOP(TABLE e, DESCRIPTOR(ts), INTERVAL '60' SECOND(2), INTERVAL '120' SECOND(3))) GROUP BY window_start, window_end;
!sorted
+I[2024-01-01T00:01, 2]
+I[2024-01-01T00:02, 2]
+I[2024-01-01T00:03, 1]
+I[2024-01-01T00:04, 1]
!end

SELECT window_start, window_end FROM TABLE(SESSION(TABLE s PARTITION BY k, DESCRIPTOR(ts), INTERVAL '30' SECOND)) WHERE v GROUP BY window_start, window_end, k;
!sorted
+I[2024-01-01T00:00, 2024-01-01T00:00:50]
!end

SET 'execution.runtime-mode' = 'batch';

SELECT k FROM (SELECT k, SUM(1) FILTER (WHERE k > 1) AS s FROM v GROUP BY k) WHERE s IS NOT NULL;
!sorted
+I[2]
+I[5]
!end

SELECT v.k FROM v LEFT JOIN (VALUES (7)) AS w(x) ON v.k = w.x WHERE 2 NOT BETWEEN w.x AND v.k;
!sorted
+I[1]
!end

SELECT v.k FROM v LEFT JOIN (VALUES (7)) AS w(x) ON v.k = w.x WHERE NOT (w.x IS NOT NULL AND v.k > 2);
!sorted
+I[1]
+I[2]
+I[5]
!end

CREATE TABLE c (k INT, v STRING) WITH ('connector' = 'filesystem', 'path' = '${DATA}/changes.json', 'format' = 'changelog-json');

SELECT * FROM c;
!error
Querying a table in batch mode is currently only possible for INSERT-only table sources
!end

CREATE TABLE b (k INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'filesystem', 'path' = '${TMP}/e', 'format' = 'json');

CREATE VIEW w AS SELECT window_start AS a, window_end AS z, k, COUNT(*) AS c FROM TABLE(TUMBLE(TABLE b, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end, k;

SELECT z, a FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY a, z ORDER BY c, k) AS n FROM w) WHERE n <= 1 GROUP BY z, a;
!sorted
+I[2024-01-01T00:01, 2024-01-01T00:00]
+I[2024-01-01T00:03, 2024-01-01T00:02]
!end

CREATE TABLE session_rows (v3 STRING, v4 STRING, ts TIMESTAMP(3), unused STRING, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)
WITH ('connector' = 'filesystem', 'path' = '${DATA}/orders.json', 'format' = 'json', 'json.ignore-parse-errors' = 'true');

EXPLAIN SELECT window_start, window_end, v4, v3, MAX(v3) FROM TABLE(SESSION(TABLE session_rows PARTITION BY v4, DESCRIPTOR(ts), INTERVAL '1' HOUR))
GROUP BY window_start, window_end, v4, v3;
!output
== Abstract Syntax Tree ==
LogicalProject(window_start=[$0], window_end=[$1], v4=[$2], v3=[$3], EXPR$4=[$4])
+- LogicalAggregate(group=[{0, 1, 2, 3}], EXPR$4=[MAX($3)])
   +- LogicalProject(window_start=[$4], window_end=[$5], v4=[$1], v3=[$0])
      +- LogicalTableFunctionScan(invocation=[SESSION(DESCRIPTOR($2), 3600000:INTERVAL)])
         +- LogicalTableScan(table=[[default_catalog, default_database, session_rows]])

== Optimized Physical Plan ==
Calc(select=[window_start, window_end, v4, v3, EXPR$4])
+- WindowAggregate(groupBy=[v4, v3], window=[SESSION(win_start=[window_start], win_end=[window_end], gap=[1 h])], select=[v4, v3, MAX(v3) AS EXPR$4, start('w$) AS window_start, end('w$) AS window_end])
   +- Exchange(distribution=[hash[v4, v3]])
      +- Calc(select=[window_start, window_end, v4, v3])
         +- WindowTableFunction(window=[SESSION(time_col=[ts], gap=[1 h], partition keys=[v4])])
            +- Exchange(distribution=[hash[v4]])
               +- TableSourceScan(table=[[default_catalog, default_database, session_rows, project=[v3, v4, ts], metadata=[]]], fields=[v3, v4, ts])

== Optimized Execution Plan ==
Calc(select=[window_start, window_end, v4, v3, EXPR$4])
+- WindowAggregate(groupBy=[v4, v3], window=[SESSION(win_start=[window_start], win_end=[window_end], gap=[1 h])], select=[v4, v3, MAX(v3) AS EXPR$4, start('w$) AS window_start, end('w$) AS window_end])
   +- Exchange(distribution=[hash[v4, v3]])
      +- Calc(select=[window_start, window_end, v4, v3])
         +- WindowTableFunction(window=[SESSION(time_col=[ts], gap=[1 h], partition keys=[v4])])
            +- Exchange(distribution=[hash[v4]])
               +- TableSourceScan(table=[[default_catalog, default_database, session_rows, project=[v3, v4, ts], metadata=[]]], fields=[v3, v4, ts])
!end
