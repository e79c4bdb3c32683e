-- Compact emission: one transition for each key.

SET 'table.exec.mini-batch.enabled' = 'true';

SET 'table.exec.mini-batch.allow-latency' = '10 s';

SET 'table.exec.mini-batch.size' = '1000';

SELECT a, COUNT(*) FROM (VALUES (1), (2), (1), (1)) AS t(a) GROUP BY a;
!sorted
+I[1, 3]
+I[2, 1]
!end
