-- IN, EXISTS and their negations; NOT IN with NULLs.

SET 'execution.runtime-mode' = 'batch';

CREATE VIEW l AS SELECT * FROM (VALUES (1, 'a'), (2, 'b'), (CAST(NULL AS INT), 'n')) AS t(k, v);

CREATE VIEW r AS SELECT * FROM (VALUES (2), (3)) AS t(k);

SELECT v FROM l WHERE k IN (SELECT k FROM r);
!sorted
+I[b]
!end

SELECT v FROM l WHERE EXISTS (SELECT 1 FROM r WHERE r.k = l.k);
!sorted
+I[b]
!end

SELECT v FROM l WHERE NOT EXISTS (SELECT 1 FROM r WHERE r.k = l.k);
!sorted
+I[a]
+I[n]
!end

SELECT v FROM l WHERE k NOT IN (SELECT k FROM r);
!sorted
+I[a]
!end
