-- ROLLUP and GROUPING SETS.

SET 'execution.runtime-mode' = 'batch';

SELECT a, b, SUM(c) FROM (VALUES (1, 'x', 10), (1, 'y', 20), (2, 'x', 30)) AS t(a, b, c) GROUP BY ROLLUP(a, b);
!sorted
+I[1, null, 30]
+I[1, x, 10]
+I[1, y, 20]
+I[2, null, 30]
+I[2, x, 30]
+I[null, null, 60]
!end

SELECT a, b, COUNT(*), GROUPING(a), GROUPING(b) FROM (VALUES (1, 'x'), (2, 'x')) AS t(a, b) GROUP BY GROUPING SETS ((a), (b), ());
!sorted
+I[1, null, 1, 0, 1]
+I[2, null, 1, 0, 1]
+I[null, null, 2, 1, 1]
+I[null, x, 2, 1, 0]
!end
