-- AND, OR, NOT, IN and the like with unknowns.

SELECT a, b, a AND b, a OR b, NOT a, a IS TRUE, b IS NOT UNKNOWN FROM (VALUES (TRUE, CAST(NULL AS BOOLEAN)), (FALSE, CAST(NULL AS BOOLEAN)), (TRUE, FALSE)) AS t(a, b);
!sorted
+I[false, null, false, null, true, false, false]
+I[true, false, false, true, false, true, true]
+I[true, null, null, true, false, true, false]
!end

SELECT 1 IN (2, CAST(NULL AS INT)), 1 NOT IN (2, CAST(NULL AS INT)), 1 IN (1, CAST(NULL AS INT)), NULLIF(1, 1), COALESCE(CAST(NULL AS INT), 7);
!sorted
+I[null, null, true, null, 7]
!end
