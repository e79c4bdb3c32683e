-- What subtasks of datagen make up is their own, not each other's.
-- parallelism: 1 2 4

SET 'execution.runtime-mode' = 'batch';

CREATE TABLE made_up (a BIGINT, b BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '400', 'rows-per-second' = '1000000');

SELECT COUNT(*), COUNT(DISTINCT a), COUNT(DISTINCT b) FROM made_up;
!sorted
+I[400, 400, 400]
!end
