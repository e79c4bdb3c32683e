-- CUMULATE grows a window step by step.

CREATE TABLE bids (id INT, auction INT, price INT, `at` TIMESTAMP(3), WATERMARK FOR `at` AS `at` - INTERVAL '2' SECOND) WITH ('connector' = 'filesystem', 'path' = '${DATA}/bids.json', 'format' = 'json');

SELECT window_start, window_end, SUM(price) AS s FROM TABLE(CUMULATE(TABLE bids, DESCRIPTOR(`at`), INTERVAL '10' SECOND, INTERVAL '30' SECOND)) GROUP BY window_start, window_end;
!sorted
+I[2024-05-01T12:00, 2024-05-01T12:00:10, 21]
+I[2024-05-01T12:00, 2024-05-01T12:00:20, 24]
+I[2024-05-01T12:00, 2024-05-01T12:00:30, 24]
+I[2024-05-01T12:00:30, 2024-05-01T12:00:40, 8]
+I[2024-05-01T12:00:30, 2024-05-01T12:00:50, 8]
+I[2024-05-01T12:00:30, 2024-05-01T12:01, 8]
!end
