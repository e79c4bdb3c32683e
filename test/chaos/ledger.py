"""The job under test and the judgement of what it committed: two sources, a keyed window, two exactly-once sinks."""

from datetime import datetime, timezone
from pathlib import Path

WINDOW_MS = 10_000
ROW_MS = 10
KEYS = 10


def script(directory, rows, rate, parallelism, interval_ms=200, sources=None):
    """rows per source, at rate rows a second; sources: at a parallelism of their own, which sequences keep. Rows of different
    subtasks of a source are then mixed before they get their watermarks, which must wait for the slowest."""
    delay = "5" if sources else "0.001"
    scan = f", 'scan.parallelism' = '{sources}'" if sources else ""
    source = lambda name: f"""
CREATE TABLE {name} (id BIGINT, ts AS TO_TIMESTAMP_LTZ(id * {ROW_MS}, 3), WATERMARK FOR ts AS ts - INTERVAL '{delay}' SECOND)
WITH ('connector' = 'datagen', 'rows-per-second' = '{rate}', 'fields.id.kind' = 'sequence', 'fields.id.start' = '0',
      'fields.id.end' = '{rows - 1}'{scan});"""
    sink = lambda name, columns: f"""
CREATE TABLE {name} ({columns}) WITH ('connector' = 'filesystem', 'path' = '{directory}/{name}', 'format' = 'csv',
      'sink.rolling-policy.rollover-interval' = '1 s', 'sink.rolling-policy.check-interval' = '200 ms');"""
    return f"""
SET 'parallelism.default' = '{parallelism}';
SET 'table.local-time-zone' = 'UTC';
SET 'execution.checkpointing.interval' = '{interval_ms} ms';
SET 'execution.checkpointing.dir' = '{directory}/checkpoints';
SET 'restart-strategy.type' = 'exponential-delay';
SET 'restart-strategy.exponential-delay.initial-backoff' = '50 ms';
SET 'restart-strategy.exponential-delay.max-backoff' = '500 ms';
{source('a')}{source('b')}{sink('rows_out', 'id BIGINT')}
{sink('windows_out', 'k BIGINT, start_ms BIGINT, c BIGINT, total BIGINT')}
EXECUTE STATEMENT SET BEGIN
INSERT INTO rows_out SELECT id FROM a;
INSERT INTO windows_out SELECT k, MIN(id) * {ROW_MS}, COUNT(*), SUM(id)
  FROM (SELECT MOD(id, {KEYS}) AS k, id, window_start, window_end
          FROM TABLE(TUMBLE(TABLE b, DESCRIPTOR(ts), INTERVAL '{WINDOW_MS // 1000}' SECOND)))
  GROUP BY k, window_start, window_end;
END;
"""


def committed(directory):
    """Lines of every file that readers see."""
    for path in sorted(Path(directory).glob("*")) if Path(directory).exists() else []:
        if path.is_file() and path.name[0] not in "._":
            yield from path.read_text().splitlines()


def disordered(directory, key_of, value_of):
    """Rows that come before one of the same key with a smaller value, in the order in which they were written."""
    newest, wrong, began = {}, 0, {}
    visible = [p for p in Path(directory).glob("*") if p.is_file() and p.name[0] not in "._"] if Path(directory).exists() else []
    for path in visible:  # the name says which attempt wrote it, and which of its files it is; times are coarse
        attempt = path.name.rpartition("-")[0]
        began[attempt] = min(began.get(attempt, 1 << 63), path.stat().st_mtime_ns)
    for path in sorted(visible, key=lambda p: (began[p.name.rpartition("-")[0]], int(p.name.rpartition("-")[2]))):
        for line in path.read_text().splitlines():
            key, value = key_of(path.name, line), value_of(line)
            wrong += value < newest.get(key, value)
            newest[key] = value
    return wrong


def expected_windows(rows):
    windows = {}
    for identifier in range(rows):
        start = identifier * ROW_MS // WINDOW_MS * WINDOW_MS
        key = (identifier % KEYS, start)
        count, total, least = windows.get(key, (0, 0, identifier))
        windows[key] = (count + 1, total + identifier, min(least, identifier))
    return {(k, least * ROW_MS): (count, total) for (k, _), (count, total, least) in windows.items()}


def judge(directory, rows, complete, rescaled=False):
    """Counts of what is lost (only when complete), doubled, wrong and out of order, over both sinks.

    A key is a number of the windowed source, or the subtask that generated the row; when the job was rescaled, keys move between
    files, and their order cannot be told from them."""
    verdict = {"rows": 0, "lost": 0, "doubled": 0, "wrong": 0, "disordered": 0}
    if not rescaled:
        verdict["disordered"] = (disordered(f"{directory}/rows_out", lambda name, line: name.split("-")[-2], int) +
                                 disordered(f"{directory}/windows_out", lambda name, line: line.split(",")[0],
                                            lambda line: int(line.split(",")[1])))
    seen = bytearray(rows)
    for line in committed(f"{directory}/rows_out"):
        identifier = int(line)
        if not 0 <= identifier < rows:
            verdict["wrong"] += 1
        elif seen[identifier]:
            verdict["doubled"] += 1
        else:
            seen[identifier] = 1
            verdict["rows"] += 1
    if complete:
        verdict["lost"] += rows - verdict["rows"]
    windows, met = expected_windows(rows), set()
    for line in committed(f"{directory}/windows_out"):
        key, start, count, total = (int(field) for field in line.split(","))
        verdict["rows"] += 1
        if (key, start) in met:
            verdict["doubled"] += 1
        elif windows.get((key, start)) != (count, total):
            verdict["wrong"] += 1
        met.add((key, start))
    if complete:
        verdict["lost"] += len(windows) - len(met)
    return verdict


def today():
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
