-- A group by key: first an insert, then updates in pairs; NULLs are not counted.

SELECT a, COUNT(*) AS n, SUM(b) AS s, MIN(b), MAX(b), AVG(b) FROM (VALUES (1, 10), (2, 5), (1, 20), (1, CAST(NULL AS INT))) AS t(a, b) GROUP BY a;
!sorted
+I[1, 1, 10, 10, 10, 10]
+I[2, 1, 5, 5, 5, 5]
+U[1, 2, 30, 10, 20, 15]
+U[1, 3, 30, 10, 20, 15]
-U[1, 1, 10, 10, 10, 10]
-U[1, 2, 30, 10, 20, 15]
!end

SELECT COUNT(*), COUNT(b), SUM(b) FROM (VALUES (1, 10), (2, CAST(NULL AS INT))) AS t(a, b);
!sorted
+I[1, 1, 10]
+U[2, 1, 10]
-U[1, 1, 10]
!end
