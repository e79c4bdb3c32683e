-- Compact emission: one transition for each key of a bundle.

SET 'table.exec.mini-batch.allow-latency' = '10 s';

SET 'table.exec.mini-batch.enabled' = 'true';

SELECT a, COUNT(*) FROM (VALUES (1), (2), (1), (1)) AS t(a) GROUP BY a;
!error
[ERROR] Key: 'table.exec.mini-batch.size' , default: -1 (fallback keys: []) must be > 0.
!end

SELECT a FROM (VALUES (1), (2)) AS t(a);
!sorted
+I[1]
+I[2]
!end

SET 'table.exec.mini-batch.size' = '1000';

SELECT a, COUNT(*) FROM (VALUES (1), (2), (1), (1)) AS t(a) GROUP BY a;
!sorted
+I[1, 3]
+I[2, 1]
!end

-- An inner bundle hands on one transition, so the outer one sees no intermediate count.
SELECT n, COUNT(*) FROM (SELECT a, COUNT(*) AS n FROM (VALUES (1), (2), (1), (3)) AS t(a) GROUP BY a) GROUP BY n;
!sorted
+I[1, 2]
+I[2, 1]
!end

SET 'table.optimizer.agg-phase-strategy' = 'ONE_PHASE';

SET 'table.exec.mini-batch.size' = '2';

SELECT a, COUNT(*), MAX(b) FROM (VALUES (1, 5), (1, 4), (1, 3), (1, 2), (2, 1), (1, 9)) AS t(a, b) GROUP BY a;
!output
+I[1, 2, 5]
-U[1, 2, 5]
+U[1, 4, 5]
+I[2, 1, 1]
-U[1, 4, 5]
+U[1, 5, 9]
!end

-- What a bundle leaves as it was is not told again.
SELECT a, MAX(b) FROM (VALUES (1, 5), (1, 4), (1, 3), (1, 2), (1, 7), (1, 6)) AS t(a, b) GROUP BY a;
!output
+I[1, 5]
-U[1, 5]
+U[1, 7]
!end

SET 'table.exec.mini-batch.size' = '1000';

-- Joins fold what they hold: the changes of a row come to one, and the padded row is never seen.
CREATE TABLE c (k INT, v STRING) WITH ('connector' = 'filesystem', 'path' = '${DATA}/changes.json', 'format' = 'changelog-json');

SELECT * FROM c LEFT JOIN (VALUES (1, 'one'), (2, 'two')) AS d(id, name) ON k = id;
!sorted
+I[1, c, 1, one]
+I[3, null, null, null]
!end

SELECT * FROM (SELECT k, MAX(v) AS m FROM c GROUP BY k) AS x LEFT JOIN (SELECT id, COUNT(*) AS n FROM (VALUES (1), (1), (2)) AS d(id) GROUP BY id) AS y ON k = id;
!sorted
+I[1, c, 1, 2]
+I[3, null, null, null]
!end

-- Of an upsert source only the last row of each key counts.
CREATE TABLE u (k INT, v STRING, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'filesystem', 'path' = '${DATA}/upserts.json', 'format' = 'changelog-json', 'changelog-json.changelog-mode' = 'I,UA,D');

SELECT * FROM u;
!output
+I[1, c]
+I[3, null]
!end

-- The last row by arrival: one change of each key.
SELECT a, b FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY a ORDER BY p DESC) AS n FROM (SELECT a, b, PROCTIME() AS p FROM (VALUES (1, 1), (2, 1), (1, 2), (1, 3)) AS t(a, b))) WHERE n = 1;
!output
+I[2, 1]
+I[1, 3]
!end

CREATE TABLE clicks (who STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'datagen', 'number-of-rows' = '3');

EXPLAIN SELECT who, COUNT(*) FROM clicks GROUP BY who;
!output
== Abstract Syntax Tree ==
LogicalProject(who=[$0], EXPR$1=[$1])
+- LogicalAggregate(group=[{0}], EXPR$1=[COUNT()])
   +- LogicalProject(who=[$0])
      +- LogicalWatermarkAssigner(rowtime=[ts], watermark=[$1])
         +- LogicalTableScan(table=[[default_catalog, default_database, clicks]])

== Optimized Physical Plan ==
GroupAggregate(groupBy=[who], select=[who, COUNT(*) AS EXPR$1])
+- Exchange(distribution=[hash[who]])
   +- Calc(select=[who])
      +- MiniBatchAssigner(interval=[10000ms], mode=[ProcTime])
         +- WatermarkAssigner(rowtime=[ts], watermark=[ts])
            +- TableSourceScan(table=[[default_catalog, default_database, clicks]], fields=[who, ts])

== Optimized Execution Plan ==
GroupAggregate(groupBy=[who], select=[who, COUNT(*) AS EXPR$1])
+- Exchange(distribution=[hash[who]])
   +- Calc(select=[who])
      +- MiniBatchAssigner(interval=[10000ms], mode=[ProcTime])
         +- WatermarkAssigner(rowtime=[ts], watermark=[ts])
            +- TableSourceScan(table=[[default_catalog, default_database, clicks]], fields=[who, ts])
!end
