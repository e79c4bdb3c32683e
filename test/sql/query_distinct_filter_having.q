-- DISTINCT aggregates, FILTER, HAVING; DISTINCT takes NULLs as equal.

SET 'execution.runtime-mode' = 'batch';

SELECT COUNT(DISTINCT a), SUM(DISTINCT a), COUNT(*) FILTER (WHERE a > 1) FROM (VALUES (1), (1), (2), (3), (3)) AS t(a);
!sorted
+I[3, 6, 3]
!end

SELECT a, COUNT(*) AS n FROM (VALUES (1), (1), (2)) AS t(a) GROUP BY a HAVING COUNT(*) > 1;
!sorted
+I[1, 2]
!end

SELECT DISTINCT a, b FROM (VALUES (1, 'x'), (1, 'x'), (1, CAST(NULL AS STRING)), (1, CAST(NULL AS STRING))) AS t(a, b);
!sorted
+I[1, null]
+I[1, x]
!end
