-- The thinnest whole path: a file in, a filter, an aggregate, a join, a window, rows out.
-- parallelism: 1 2

CREATE TABLE orders (
  id BIGINT, customer STRING, amount DECIMAL(10, 2), `at` TIMESTAMP(3), tags ARRAY<STRING>,
  WATERMARK FOR `at` AS `at` - INTERVAL '1' SECOND
) WITH ('connector' = 'filesystem', 'path' = '${DATA}/orders.json', 'format' = 'json');

CREATE TABLE customers (name STRING, city STRING)
WITH ('connector' = 'filesystem', 'path' = '${DATA}/customers.json', 'format' = 'json');

SELECT id, customer, amount, tags FROM orders WHERE amount > 7;
!sorted
+I[1, ann, 10.50, [a, b]]
+I[2, bob, 20.00, []]
+I[5, bob, 7.75, [c]]
+I[6, cid, 100.00, [a]]
!end

SELECT customer, COUNT(*), SUM(amount) FROM orders GROUP BY customer;
!sorted
+I[ann, 1, 10.50]
+I[bob, 1, 20.00]
+I[cid, 1, 100.00]
+I[null, 1, 1.00]
+U[ann, 2, 15.75]
+U[bob, 2, 27.75]
-U[ann, 1, 10.50]
-U[bob, 1, 20.00]
!end

SELECT o.id, c.city FROM orders o JOIN customers c ON o.customer = c.name;
!sorted
+I[1, Oslo]
+I[2, Rome]
+I[3, Oslo]
+I[5, Rome]
!end

SELECT window_start, window_end, COUNT(*) AS n, SUM(amount) AS total
FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(`at`), INTERVAL '10' SECOND))
GROUP BY window_start, window_end;
!sorted
+I[2024-01-01T10:00, 2024-01-01T10:00:10, 2, 30.50]
+I[2024-01-01T10:00:10, 2024-01-01T10:00:20, 2, 6.25]
+I[2024-01-01T10:00:20, 2024-01-01T10:00:30, 1, 7.75]
+I[2024-01-01T10:00:30, 2024-01-01T10:00:40, 1, 100.00]
!end

SELECT nope FROM orders;
!error
nope
!end
