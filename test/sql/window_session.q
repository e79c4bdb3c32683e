-- SESSION by key.

CREATE TABLE bids (id INT, auction INT, price INT, `at` TIMESTAMP(3), WATERMARK FOR `at` AS `at` - INTERVAL '2' SECOND) WITH ('connector' = 'filesystem', 'path' = '${DATA}/bids.json', 'format' = 'json');

SELECT window_start, window_end, auction, COUNT(*) AS n FROM TABLE(SESSION(TABLE bids PARTITION BY auction, DESCRIPTOR(`at`), INTERVAL '6' SECOND)) GROUP BY window_start, window_end, auction;
!sorted
+I[2024-05-01T12:00:01, 2024-05-01T12:00:07, 10, 1]
+I[2024-05-01T12:00:04, 2024-05-01T12:00:10, 20, 1]
+I[2024-05-01T12:00:09, 2024-05-01T12:00:18, 10, 2]
+I[2024-05-01T12:00:19, 2024-05-01T12:00:25, 20, 1]
+I[2024-05-01T12:00:31, 2024-05-01T12:00:37, 30, 1]
!end
