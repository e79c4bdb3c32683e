-- Each row that enters a Top-N pushes one out.

SELECT a, b FROM (
  SELECT a, b, ROW_NUMBER() OVER (PARTITION BY a ORDER BY b DESC) AS r FROM (VALUES (1, 5), (1, 7), (1, 6), (2, 1), (1, 9)) AS t(a, b)
) WHERE r <= 2;
!output
+I[1, 5]
+I[1, 7]
-D[1, 5]
+I[1, 6]
+I[2, 1]
-D[1, 6]
+I[1, 9]
!end
