-- Batch answers of groups; a global aggregate of nothing is one row, a grouped one none.
-- parallelism: 1 2

SET 'execution.runtime-mode' = 'batch';

SELECT a, COUNT(*) AS n, SUM(b) FROM (VALUES (1, 10), (2, 5), (1, 20)) AS t(a, b) GROUP BY a;
!sorted
+I[1, 2, 30]
+I[2, 1, 5]
!end

SELECT COUNT(*), SUM(a) FROM (VALUES (1)) AS t(a) WHERE a > 5;
!sorted
+I[0, null]
!end

SELECT a, COUNT(*) FROM (VALUES (1)) AS t(a) WHERE a > 5 GROUP BY a;
!sorted
!end
