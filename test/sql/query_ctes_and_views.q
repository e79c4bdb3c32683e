-- Views, WITH, scalar sub-queries.

CREATE VIEW v AS SELECT a, a * 2 AS b FROM (VALUES (1), (2)) AS t(a);

WITH big AS (SELECT * FROM v WHERE b > 2) SELECT * FROM big;
!sorted
+I[2, 4]
!end

SET 'execution.runtime-mode' = 'batch';

SELECT (SELECT MAX(b) FROM v) AS m;
!sorted
+I[4]
!end

DROP VIEW v;

SHOW VIEWS;
