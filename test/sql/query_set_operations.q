-- UNION keeps one of equals, UNION ALL all.

SET 'execution.runtime-mode' = 'batch';

SELECT a FROM (VALUES (1), (2)) AS t(a) UNION ALL SELECT a FROM (VALUES (2), (3)) AS u(a);
!sorted
+I[1]
+I[2]
+I[2]
+I[3]
!end

SELECT a FROM (VALUES (1), (2), (2)) AS t(a) UNION SELECT a FROM (VALUES (2), (3)) AS u(a);
!sorted
+I[1]
+I[2]
+I[3]
!end
