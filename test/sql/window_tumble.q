-- TUMBLE over event time.
-- parallelism: 1 2

CREATE TABLE bids (id INT, auction INT, price INT, `at` TIMESTAMP(3), WATERMARK FOR `at` AS `at` - INTERVAL '2' SECOND) WITH ('connector' = 'filesystem', 'path' = '${DATA}/bids.json', 'format' = 'json');

SELECT window_start, window_end, auction, COUNT(*) AS n, SUM(price) AS s FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(`at`), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, auction;
!sorted
+I[2024-05-01T12:00, 2024-05-01T12:00:10, 10, 2, 14]
+I[2024-05-01T12:00, 2024-05-01T12:00:10, 20, 1, 7]
+I[2024-05-01T12:00:10, 2024-05-01T12:00:20, 10, 1, 1]
+I[2024-05-01T12:00:10, 2024-05-01T12:00:20, 20, 1, 2]
+I[2024-05-01T12:00:30, 2024-05-01T12:00:40, 30, 1, 8]
!end
