-- Two sources, a keyed window, two exactly-once file sinks, and a sink that shows at once that rows flow.
-- Names behind a dollar sign are filled in by demo.py.
SET 'pipeline.name' = 'orders';
SET 'parallelism.default' = '4';
SET 'table.local-time-zone' = 'UTC';
SET 'execution.checkpointing.interval' = '200 ms';
SET 'execution.checkpointing.dir' = '${directory}/checkpoints';
SET 'restart-strategy.type' = 'exponential-delay';
SET 'restart-strategy.exponential-delay.initial-backoff' = '50 ms';

CREATE TABLE orders (
  id BIGINT,
  ts AS TO_TIMESTAMP_LTZ(id * 10, 3),
  WATERMARK FOR ts AS ts - INTERVAL '0.001' SECOND
) WITH ('connector' = 'datagen', 'rows-per-second' = '${rate}',
        'fields.id.kind' = 'sequence', 'fields.id.start' = '0', 'fields.id.end' = '${last}');

CREATE TABLE ticks (n BIGINT)
WITH ('connector' = 'datagen', 'rows-per-second' = '200',
      'fields.n.kind' = 'sequence', 'fields.n.start' = '0', 'fields.n.end' = '${last_tick}');

CREATE TABLE every_order (id BIGINT)
WITH ('connector' = 'filesystem', 'path' = '${directory}/every_order', 'format' = 'csv',
      'sink.rolling-policy.rollover-interval' = '500 ms', 'sink.rolling-policy.check-interval' = '100 ms');

CREATE TABLE per_window (k BIGINT, c BIGINT, total BIGINT)
WITH ('connector' = 'filesystem', 'path' = '${directory}/per_window', 'format' = 'csv',
      'sink.rolling-policy.rollover-interval' = '500 ms', 'sink.rolling-policy.check-interval' = '100 ms');

CREATE TABLE heartbeat (n BIGINT) WITH ('connector' = 'print');

EXECUTE STATEMENT SET BEGIN
  INSERT INTO every_order SELECT id FROM orders;
  INSERT INTO per_window
    SELECT k, COUNT(*), SUM(id)
    FROM (SELECT MOD(id, 10) AS k, id, window_start, window_end
          FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '10' SECOND)))
    GROUP BY k, window_start, window_end;
  INSERT INTO heartbeat SELECT n FROM ticks;
END;
