-- dpkg's own log, as a table that grows while dpkg works. Lines look like
--   2026-01-31 12:00:00 status unpacked tree:amd64 2.1.0-1
CREATE TABLE dpkg_log (
  line STRING,
  `at` AS TO_TIMESTAMP(SUBSTRING(line, 1, 19)),
  action AS SPLIT_INDEX(line, ' ', 2),
  state AS CASE WHEN SPLIT_INDEX(line, ' ', 2) = 'status' THEN SPLIT_INDEX(line, ' ', 3) END,
  package AS SPLIT_INDEX(SPLIT_INDEX(line, ' ', CASE WHEN SPLIT_INDEX(line, ' ', 2) = 'status' THEN 4 ELSE 3 END), ':', 0),
  WATERMARK FOR `at` AS `at` - INTERVAL '1' SECOND
) WITH ('connector' = 'filesystem', 'path' = '${LOG}', 'format' = 'raw'${FOLLOW});

-- The machine's package index: tens of thousands of records.
CREATE TABLE packages (
  package STRING, version STRING, section STRING, priority STRING, installed_size BIGINT, maintainer STRING
) WITH ('connector' = 'filesystem', 'path' = '${PACKAGES}', 'format' = 'json');

-- Log records per action in windows of five seconds of the log's own time.
CREATE VIEW per_window AS
SELECT window_start, window_end, action, COUNT(*) AS records
FROM TABLE(TUMBLE(TABLE dpkg_log, DESCRIPTOR(`at`), INTERVAL '5' SECOND))
WHERE action <> ''
GROUP BY window_start, window_end, action;

-- What was unpacked, by section: the log joined with the index.
CREATE VIEW per_section AS
SELECT p.section, COUNT(*) AS unpacked, SUM(p.installed_size) AS kib
FROM dpkg_log l JOIN packages p ON l.package = p.package
WHERE l.state = 'unpacked'
GROUP BY p.section;

-- The five sections with the most bytes unpacked so far.
CREATE VIEW top_sections AS
SELECT rank_number, section, unpacked, kib FROM (
  SELECT *, ROW_NUMBER() OVER (ORDER BY kib DESC, section) AS rank_number FROM per_section
) WHERE rank_number <= 5;
