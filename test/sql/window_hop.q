-- HOP puts a row into several windows.

CREATE TABLE bids (id INT, auction INT, price INT, `at` TIMESTAMP(3), WATERMARK FOR `at` AS `at` - INTERVAL '2' SECOND) WITH ('connector' = 'filesystem', 'path' = '${DATA}/bids.json', 'format' = 'json');

SELECT window_start, window_end, COUNT(*) AS n FROM TABLE(HOP(TABLE bids, DESCRIPTOR(`at`), INTERVAL '5' SECOND, INTERVAL '10' SECOND)) GROUP BY window_start, window_end;
!sorted
+I[2024-05-01T11:59:55, 2024-05-01T12:00:05, 2]
+I[2024-05-01T12:00, 2024-05-01T12:00:10, 3]
+I[2024-05-01T12:00:05, 2024-05-01T12:00:15, 2]
+I[2024-05-01T12:00:10, 2024-05-01T12:00:20, 2]
+I[2024-05-01T12:00:15, 2024-05-01T12:00:25, 1]
+I[2024-05-01T12:00:25, 2024-05-01T12:00:35, 1]
+I[2024-05-01T12:00:30, 2024-05-01T12:00:40, 1]
!end
