-- nginx's access log (combined format) as a table. Put your own path in, and add
--   'source.follow' = 'true'
-- to go on with it as it grows, through logrotate's renaming or copytruncate.
CREATE TABLE access_log (
  line STRING,
  client AS SPLIT_INDEX(line, ' ', 0),
  `at` AS TO_TIMESTAMP(REGEXP_EXTRACT(line, '\[([^ ]*)', 1), 'dd/MMM/yyyy:HH:mm:ss'),
  verb AS REGEXP_EXTRACT(line, '"([A-Z]+) ', 1),
  path AS REGEXP_EXTRACT(line, '"[A-Z]+ ([^ ?"]*)', 1),
  status AS CAST(REGEXP_EXTRACT(line, '" ([0-9]{3}) ', 1) AS INT),
  sent AS CAST(REGEXP_EXTRACT(line, '" [0-9]{3} ([0-9]+)', 1) AS BIGINT),
  WATERMARK FOR `at` AS `at` - INTERVAL '5' SECOND
) WITH ('connector' = 'filesystem', 'path' = 'examples/nginx/access.log', 'format' = 'raw');

-- Requests, errors and bytes per ten seconds.
SELECT window_start, COUNT(*) AS requests, COUNT(*) FILTER (WHERE status >= 500) AS errors, SUM(sent) AS sent
FROM TABLE(TUMBLE(TABLE access_log, DESCRIPTOR(`at`), INTERVAL '10' SECOND))
GROUP BY window_start, window_end;

-- The three clients with the most bytes, kept up to date.
SELECT * FROM (
  SELECT client, total, ROW_NUMBER() OVER (ORDER BY total DESC) AS place
  FROM (SELECT client, SUM(sent) AS total FROM access_log GROUP BY client)
) WHERE place <= 3;
