-- ORDER BY, LIMIT, OFFSET; NULLs come first when ascending.

SET 'execution.runtime-mode' = 'batch';

SELECT a, b FROM (VALUES (3, 'c'), (1, 'a'), (2, 'b'), (CAST(NULL AS INT), 'n')) AS t(a, b) ORDER BY a;
!output
+I[null, n]
+I[1, a]
+I[2, b]
+I[3, c]
!end

SELECT a FROM (VALUES (3), (1), (2), (5)) AS t(a) ORDER BY a DESC LIMIT 2;
!output
+I[5]
+I[3]
!end

SELECT a FROM (VALUES (3), (1), (2), (5)) AS t(a) ORDER BY a LIMIT 2 OFFSET 1;
!output
+I[2]
+I[3]
!end
