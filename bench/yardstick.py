"""Weir beside DuckDB: the same queries over the same rows, one thread each, CPU time of whole processes.

A case is a query and a base that reads the same columns without what is measured; the difference of the two processes is
what counts, for both engines, so that neither making or reading the rows nor starting up is in it. Weir makes the numbers (datagen's
sequences) and reads the strings from a file, in batch mode; DuckDB has tables of the same rows, made beforehand. Answers must
be equal, or the run stops.
"""
import decimal
import json
import os
import resource
import subprocess
import sys

CHILD = """
import json, sys
import duckdb
c = duckdb.connect(sys.argv[1], read_only=True)
c.execute('SET threads TO 1')
c.execute('SET enable_progress_bar = false')
print(json.dumps([str(v) for v in c.execute(sys.argv[2]).fetchone()]))
"""

# Of DuckDB, with `rows` rows and `keys` keys.
MAKE = """
CREATE TABLE n AS SELECT i AS a, i + 12345 AS c, i::DOUBLE AS d, i::DECIMAL(15, 2) AS p, (i % 1000)::DECIMAL(10, 4) AS q, i % 100 AS f,
    i * 7919 % {keys} * 1000003 AS k FROM range({rows}) AS r(i);
CREATE TABLE s AS SELECT CASE WHEN i % 2 = 0 THEN upper(substr(md5(i::VARCHAR), 1, 20)) ELSE substr(md5(i::VARCHAR), 1, 20) END AS s
    FROM range({rows}) AS r(i);
CREATE TABLE r AS SELECT i * 1000003 AS k, i AS b FROM range({keys}) AS r(i);
COPY s TO '{strings}' (FORMAT csv, HEADER false);
"""

# Weir's columns that datagen counts up, with their first number, and what is computed from them.
COUNTED = {'a': ('BIGINT', 0), 'c': ('BIGINT', 12345), 'd': ('DOUBLE', 0), 'p': ('DECIMAL(15, 2)', 0)}
COMPUTED = """q AS CAST(MOD(a, CAST(1000 AS BIGINT)) AS DECIMAL(10, 4)), f AS MOD(a, CAST(100 AS BIGINT)),
    k AS MOD(a * 7919, CAST({keys} AS BIGINT)) * 1000003"""


def counted(name, columns, computed, rows):
    options = ["'connector'='datagen','rows-per-second'='1000000000','number-of-rows'='%d'" % rows]
    for column, (_, first) in columns.items():
        options.append("'fields.{0}.kind'='sequence','fields.{0}.start'='{1}','fields.{0}.end'='{2}'".format(column, first, first + rows - 1))
    declared = ', '.join('%s %s' % (column, kind) for column, (kind, _) in columns.items())
    return 'CREATE TABLE %s (%s, %s) WITH (%s);\n' % (name, declared, computed, ', '.join(options))


GROUPS = 'SELECT COUNT(*), SUM(n), SUM(s), SUM(lo), SUM(hi) FROM (SELECT %s, COUNT(*) AS n, SUM(a) AS s, MIN(a) AS lo, MAX(a) AS hi FROM n GROUP BY %s) t'



def many(pattern):
    """Eight of it with other constants, added up: more than what two runs differ by."""
    return ' + '.join('(%s)' % pattern.replace('#', str(i)) for i in range(2, 10))


def any_of(pattern):
    return ' OR '.join('(%s)' % pattern.replace('#', str(i)) for i in range(2, 10))


# Name, query, base.
CASES = [
    ("LIKE '%ab1%' of 20 bytes", "SELECT SUM(CHAR_LENGTH(s)), COUNT(*) FILTER (WHERE s LIKE '%ab1%') FROM s", 'SELECT SUM(CHAR_LENGTH(s)), COUNT(*) FROM s'),
    ('LOWER of 20 bytes', 'SELECT SUM(CHAR_LENGTH(LOWER(s))) FROM s', 'SELECT SUM(CHAR_LENGTH(s)) FROM s'),
    ('SUBSTRING of 20 bytes, 8 of them', 'SELECT SUM(%s) FROM s' % many('CHAR_LENGTH(SUBSTRING(s, #, 10))'), 'SELECT SUM(%s) FROM s' % many('CHAR_LENGTH(s) + #')),
    ('BIGINT, 39 operations', 'SELECT SUM(%s), SUM(c) FROM n' % many('(a + #) * # - c * #'), 'SELECT SUM(a), SUM(c) FROM n'),
    ('BIGINT MOD, 8 of them', 'SELECT SUM(%s), SUM(c) FROM n' % many('MOD(a, CAST(100# AS BIGINT))'), 'SELECT SUM(a), SUM(c) FROM n'),
    ('DOUBLE, 39 operations', 'SELECT SUM(%s) FROM n' % many('(d + #.5E0) * #.0E0 - d / #.0E0'), 'SELECT SUM(d) FROM n'),
    ('DECIMAL(15, 2), 15 operations', 'SELECT SUM(%s), SUM(q) FROM n' % many('p - CAST(# AS DECIMAL(15, 2))'), 'SELECT SUM(p), SUM(q) FROM n'),
    ('DECIMAL(15, 2) * DECIMAL(10, 4), 8 of them', 'SELECT SUM(%s), SUM(q) FROM n' % many('p * (q + #)'), 'SELECT SUM(p), SUM(q) FROM n'),
    ('comparison, 24 of BIGINT', 'SELECT COUNT(*) FILTER (WHERE %s), SUM(a), SUM(c) FROM n' % any_of('a > #00000 AND c < #50000 AND c <> a'),
     'SELECT COUNT(*), SUM(a), SUM(c) FROM n'),
    ('comparison, 2 of strings', "SELECT SUM(CHAR_LENGTH(s)), COUNT(*) FILTER (WHERE s > '4' AND s <> 'b5') FROM s", 'SELECT SUM(CHAR_LENGTH(s)), COUNT(*) FROM s'),
    ('GROUP BY 100 keys, 4 aggregates', GROUPS % ('f', 'f'), 'SELECT SUM(a), SUM(f) FROM n'),
    ('GROUP BY 1 M keys, 4 aggregates', GROUPS % ('k', 'k'), 'SELECT SUM(a), SUM(k) FROM n'),
    ('inner join 10 M x 1 M', 'SELECT COUNT(*), SUM(n.a), SUM(r.b) FROM n JOIN r ON n.k = r.k',
     'SELECT SUM(a), SUM(k) FROM (SELECT a, k FROM n UNION ALL SELECT b, k FROM r) t'),
]


def run(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    p = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if p.returncode != 0:
        raise SystemExit('%s\n%s%s' % (' '.join(command), p.stdout.decode(), p.stderr.decode()))
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, p.stdout.decode()


class Yardstick:
    def __init__(self, weir, folder, rows, keys):
        import duckdb
        self.weir, self.folder, self.database = weir, folder, os.path.join(folder, 'yardstick.duckdb')
        c = duckdb.connect(self.database)
        strings = os.path.join(folder, 'strings')
        c.execute("PRAGMA force_compression='uncompressed'")
        c.execute(MAKE.format(rows=rows, keys=keys, strings=strings))
        c.close()
        self.setup = ("SET 'execution.runtime-mode' = 'batch';\n" + counted('n', COUNTED, COMPUTED.format(keys=keys), rows) +
                      counted('r', {'b': ('BIGINT', 0)}, 'k AS b * 1000003', keys) +
                      "CREATE TABLE s (s STRING) WITH ('connector'='filesystem','path'='%s','format'='raw');\n" % strings)

    def of_weir(self, query):
        path = os.path.join(self.folder, 'yardstick.sql')
        with open(path, 'w') as f:
            f.write(self.setup + query + ';\n')
        cost, text = run([self.weir, 'sql', '--output', 'json', '-f', path])
        rows = [json.loads(line, parse_float=decimal.Decimal) for line in text.splitlines() if line.startswith('{')]
        return cost, list(rows[-1].values())

    def of_duckdb(self, query):
        cost, text = run([sys.executable, '-c', CHILD, self.database, query])
        return cost, [decimal.Decimal(v) for v in json.loads(text)]

    def measure(self, query, base, repeat):
        """CPU seconds of query less those of base: Weir's and DuckDB's."""
        costs = {}
        for _ in range(repeat):
            for text in (base, query):
                for engine in (self.of_weir, self.of_duckdb):
                    cost, answer = engine(text)
                    costs.setdefault((engine, text), []).append(cost)
                    if engine == self.of_weir:
                        expected = answer
                    elif not same(expected, answer):
                        raise SystemExit('%s\nWeir: %s\nDuckDB: %s' % (text, expected, answer))
        return [min(costs[engine, query]) - min(costs[engine, base]) for engine in (self.of_weir, self.of_duckdb)]


def same(a, b):
    """Sums of DOUBLE depend on the order."""
    return len(a) == len(b) and all(abs(decimal.Decimal(x) - y) <= abs(y) * decimal.Decimal('1e-9') for x, y in zip(a, b))
