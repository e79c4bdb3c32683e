"""What test/chaos/answers runs: queries over two tables of files, a and b, each with the columns of its result."""

WINDOW = "window_start, window_end"
OUTER = ("INNER", "LEFT", "RIGHT", "FULL")


def windowed(kind, table):
    """A window function of that kind over a table."""
    cut = {"TUMBLE": "DESCRIPTOR(ts), INTERVAL '7' SECOND",
           "HOP": "DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '15' SECOND",
           "CUMULATE": "DESCRIPTOR(ts), INTERVAL '4' SECOND, INTERVAL '20' SECOND",
           "SESSION": "DESCRIPTOR(ts), INTERVAL '1' SECOND"}[kind]
    partition = " PARTITION BY k" if kind == "SESSION" else ""
    return f"TABLE({kind}(TABLE {table}{partition}, {cut}))"


def ranked(query, partition, order, count):
    """The first rows of a query, by ROW_NUMBER."""
    over = f"PARTITION BY {partition} ORDER BY {order}" if partition else f"ORDER BY {order}"
    return f"(SELECT *, ROW_NUMBER() OVER ({over}) AS place FROM ({query})) WHERE place <= {count}"


def windows():
    for kind in ("TUMBLE", "HOP", "CUMULATE", "SESSION"):
        yield (f"window_{kind.lower()}",
               "ws TIMESTAMP(3), we TIMESTAMP(3), k STRING, n BIGINT, s INT, sd DECIMAL(38, 3), first TIMESTAMP(3), nd BIGINT",
               f"SELECT {WINDOW}, k, COUNT(*), SUM(v), SUM(d), MIN(ts), COUNT(DISTINCT v) FROM {windowed(kind, 'a')} GROUP BY {WINDOW}, k")
    counted = f"SELECT {WINDOW}, k, COUNT(*) AS n FROM {windowed('HOP', 'a')} GROUP BY {WINDOW}, k"
    yield ("window_without_key", "ws TIMESTAMP(3), n BIGINT, average DECIMAL(38, 6), nd BIGINT",
           f"SELECT window_start, COUNT(v), AVG(d), COUNT(DISTINCT k) FROM {windowed('HOP', 'b')} GROUP BY {WINDOW}")
    yield ("window_of_windows", "ws TIMESTAMP(3), n BIGINT, s BIGINT",
           f"SELECT window_start, COUNT(*), SUM(n) FROM ({counted}) GROUP BY {WINDOW}")
    rows = "SELECT * FROM " + windowed("TUMBLE", "a")
    yield ("window_rank", "ws TIMESTAMP(3), k STRING, id BIGINT, v INT",
           f"SELECT window_start, k, id, v FROM {ranked(rows, WINDOW + ', k', 'v DESC, id', 2)}")
    yield ("window_rank_of_counts", "ws TIMESTAMP(3), k STRING, n BIGINT",
           f"SELECT window_start, k, n FROM {ranked(counted, WINDOW, 'n DESC, k', 3)}")
    left, right = (f"(SELECT * FROM {windowed('TUMBLE', table)})" for table in "ab")
    same = "x.k = y.k AND x.window_start = y.window_start AND x.window_end = y.window_end"
    for join in OUTER:
        yield (f"window_join_{join.lower()}", "k STRING, ws TIMESTAMP(3), x BIGINT, y BIGINT",
               f"SELECT COALESCE(x.k, y.k), COALESCE(x.window_start, y.window_start), x.id, y.id FROM {left} x {join} JOIN {right} y ON {same}")


def joins():
    counts = "SELECT k, COUNT(*) AS n, SUM(d) AS s FROM {} GROUP BY k"
    for join in OUTER:
        yield (f"interval_join_{join.lower()}", "x BIGINT, y BIGINT, k STRING, ts TIMESTAMP(3)",
               f"SELECT x.id, y.id, x.k, y.ts FROM a x {join} JOIN b y ON x.k = y.k "
               "AND x.ts BETWEEN y.ts - INTERVAL '3' SECOND AND y.ts + INTERVAL '2' SECOND")
        yield (f"join_{join.lower()}", "x BIGINT, y BIGINT, v INT, w INT",
               f"SELECT x.id, y.id, x.v, y.v FROM a x {join} JOIN b y ON x.id = y.id AND x.k = y.k")
        yield (f"join_of_counts_{join.lower()}", "k STRING, l STRING, n BIGINT, m BIGINT, s DECIMAL(38, 3)",
               f"SELECT x.k, y.k, x.n, y.n, x.s FROM ({counts.format('a')}) x {join} JOIN ({counts.format('b')}) y ON x.k = y.k")
    for name, word in (("semi", "EXISTS"), ("anti", "NOT EXISTS")):
        yield f"join_{name}", "id BIGINT, k STRING", f"SELECT id, k FROM a WHERE {word} (SELECT 1 FROM b WHERE b.id = a.id AND b.v > a.v)"
    yield "join_in", "id BIGINT", "SELECT id FROM a WHERE v IN (SELECT v FROM b GROUP BY v HAVING COUNT(*) > 3)"


def groups():
    per_key = "SELECT k, COUNT(*) AS n FROM a GROUP BY k"
    yield "group_of_counts", "n BIGINT, keys BIGINT, last STRING", f"SELECT n, COUNT(*), MAX(k) FROM ({per_key}) GROUP BY n"
    yield ("group_of_sums", "v INT, n BIGINT, most DECIMAL(38, 3), least DECIMAL(38, 3)",
           "SELECT v, COUNT(*), MAX(s), MIN(s) FROM (SELECT k, v, SUM(d) AS s FROM a GROUP BY k, v) GROUP BY v")
    yield ("group_distinct", "k STRING, x BIGINT, y BIGINT, n BIGINT, s INT",
           "SELECT k, COUNT(DISTINCT v), COUNT(DISTINCT d) FILTER (WHERE v > 0), COUNT(*), SUM(DISTINCT v) FROM a GROUP BY k")
    yield "group_all", "n BIGINT, s DECIMAL(38, 3), nd BIGINT", "SELECT COUNT(*), SUM(d), COUNT(DISTINCT k) FROM a"
    yield "group_sets", "k STRING, v INT, n BIGINT", "SELECT k, v, COUNT(*) FROM a GROUP BY GROUPING SETS ((k), (v), ())"
    yield "distinct", "k STRING, v INT", "SELECT DISTINCT k, v FROM a"
    yield ("rank", "k STRING, id BIGINT, v INT",
           f"SELECT k, id, v FROM {ranked('SELECT DISTINCT k, id, v FROM a', 'k', 'v DESC, id DESC', 3)}")
    yield "rank_of_counts", "k STRING, n BIGINT, place BIGINT", f"SELECT k, n, place FROM {ranked(per_key, '', 'n DESC, k', 5)}"
    yield ("last_of_each", "id BIGINT, k STRING, v INT, d DECIMAL(12, 3)",
           f"SELECT id, k, v, d FROM {ranked('SELECT DISTINCT id, k, v, d, ts FROM a', 'id', 'ts DESC', 1)}")


def plain():
    yield "all_of_both", "id BIGINT, k STRING, d DECIMAL(12, 3)", "SELECT id, k, d FROM a UNION ALL SELECT id, k, d FROM b WHERE v > 0"
    yield "union", "k STRING, v INT", "SELECT k, v FROM a UNION SELECT k, v FROM b"
    yield "as_it_is", "id BIGINT, k STRING, v INT, d DECIMAL(12, 3), ts TIMESTAMP(3)", "SELECT id, k, v, d, ts FROM a"


QUERIES = {name: (columns, query) for part in (windows, joins, groups, plain) for name, columns, query in part()}
