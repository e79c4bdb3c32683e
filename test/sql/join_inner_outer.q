-- All regular joins; NULL keys meet nobody.
-- parallelism: 1 2

SET 'execution.runtime-mode' = 'batch';

CREATE VIEW l AS SELECT * FROM (VALUES (1, 'a'), (2, 'b'), (2, 'bb'), (CAST(NULL AS INT), 'n')) AS t(k, v);

CREATE VIEW r AS SELECT * FROM (VALUES (2, 'x'), (3, 'y'), (CAST(NULL AS INT), 'z')) AS t(k, w);

SELECT l.v, r.w FROM l JOIN r ON l.k = r.k;
!sorted
+I[b, x]
+I[bb, x]
!end

SELECT l.v, r.w FROM l LEFT JOIN r ON l.k = r.k;
!sorted
+I[a, null]
+I[b, x]
+I[bb, x]
+I[n, null]
!end

SELECT l.v, r.w FROM l RIGHT JOIN r ON l.k = r.k;
!sorted
+I[b, x]
+I[bb, x]
+I[null, y]
+I[null, z]
!end

SELECT l.v, r.w FROM l FULL JOIN r ON l.k = r.k;
!sorted
+I[a, null]
+I[b, x]
+I[bb, x]
+I[n, null]
+I[null, y]
+I[null, z]
!end

SELECT l.v, r.w FROM l CROSS JOIN r WHERE l.k < r.k;
!sorted
+I[a, x]
+I[a, y]
+I[b, y]
+I[bb, y]
!end
