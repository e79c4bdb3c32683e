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

-- Long lists become look-ups: constants of several types, NULLs, expressions; also negated.
SELECT a, a IN (1, 2, 3, 4, 5, 6, 7, 8, 9, 5000000000, 5000000001, 5000000002, 5000000003, 5000000004, 5000000005, 5000000006, 5000000007), a IN (5000000000, 1.0, 2.5, 3, 4, 5, 6, 7, 8, 9, 10, NULL), a NOT IN (8, 6 + 1, 6, 5, 4, 3, 2, 1, 10, 11, 12, NULL), a NOT IN (8, 6 + 1, 6, 5, 4, 3, 2, 0, 10, b) FROM (VALUES (1, 1), (7, 2), (20, 3), (CAST(NULL AS INT), 4)) AS t(a, b);
!sorted
+I[1, true, true, false, false]
+I[7, true, true, false, false]
+I[20, false, null, null, true]
+I[null, null, null, null, null]
!end
