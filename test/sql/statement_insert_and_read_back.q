-- What is inserted is read back.
-- parallelism: 1 2

CREATE TABLE f (a INT, b STRING, d DECIMAL(10, 2)) WITH ('connector' = 'filesystem', 'path' = '${TMP}/out', 'format' = 'json');

SET 'execution.runtime-mode' = 'batch';

SET 'table.dml-sync' = 'true';

INSERT INTO f VALUES (1, 'x', 1.5), (2, CAST(NULL AS STRING), 2.25);

SELECT * FROM f;
!sorted
+I[1, x, 1.50]
+I[2, null, 2.25]
!end
