-- Literals and values of most types.

SELECT CAST(1 AS TINYINT) AS t, CAST(1.50 AS DECIMAL(10, 2)) AS d, DATE '2024-02-29' AS dy, TIME '12:34:56' AS tm, TIMESTAMP '2024-02-29 12:34:56.789' AS ts, X'0aff' AS bin, ARRAY[1, 2] AS arr, MAP['k', 1] AS m, ROW(1, 'x') AS r, CAST(NULL AS INT) AS n, TRUE AS b, 1e0 AS f;
!sorted
+I[1, 1.50, 2024-02-29, 12:34:56, 2024-02-29T12:34:56.789, [10, -1], [1, 2], {k=1}, +I[1, x], null, true, 1.0]
!end
