-- Changes that come in are taken back from an aggregate.

CREATE TABLE c (k INT, v STRING) WITH ('connector' = 'filesystem', 'path' = '${DATA}/changes.json', 'format' = 'changelog-json');

SELECT * FROM c;
!output
+I[1, a]
+I[2, b]
-U[1, a]
+U[1, c]
-D[2, b]
+I[3, null]
!end

SELECT COUNT(*) AS n, MAX(k) AS m FROM c;
!output
+I[1, 1]
-U[1, 1]
+U[2, 2]
-U[2, 2]
+U[1, 2]
-U[1, 2]
+U[2, 2]
-U[2, 2]
+U[1, 1]
-U[1, 1]
+U[2, 3]
!end
