-- GROUP BY TUMBLE, the older way.

CREATE TABLE bids (id INT, auction INT, price INT, `at` TIMESTAMP(3), WATERMARK FOR `at` AS `at` - INTERVAL '2' SECOND) WITH ('connector' = 'filesystem', 'path' = '${DATA}/bids.json', 'format' = 'json');

SELECT TUMBLE_START(`at`, INTERVAL '10' SECOND) AS w, COUNT(*) AS n FROM bids GROUP BY TUMBLE(`at`, INTERVAL '10' SECOND);
!sorted
+I[2024-05-01T12:00, 3]
+I[2024-05-01T12:00:10, 2]
+I[2024-05-01T12:00:30, 1]
!end
