"""Who answers a query: Weir in several modes, PostgreSQL, SQLite. Every answer is a multiset of rows of canonical texts."""
import collections
import datetime
import glob
import json
import os
import shutil
import sqlite3
import subprocess
import tempfile

from grammar import DDL, EPOCH, POSTGRES_DDL, milliseconds, stamp

TIMEOUT_SECONDS = 60


class Refused(Exception):
    """The reader answered with an error."""


def canonical(type_, value):
    if value is None:
        return None
    if type_ in ('INT', 'BIGINT'):
        return int(value)
    if type_ in ('DOUBLE', 'DECIMAL'):
        return '%.8f' % (float(value) + 0.0) if abs(float(value)) > 1e-9 else '0.00000000'
    if type_ == 'BOOLEAN':
        return value in (True, 1, 't', 'true')
    if type_ == 'TIMESTAMP':
        text = str(value).replace('T', ' ')
        head, _, fraction = text.partition('.')
        return head + (':00' if head.count(':') == 1 else '') + '.' + (fraction + '000')[:3]
    return str(value)


def row_of(columns, values):
    return tuple(canonical(t, v) for (_, t), v in zip(columns, values))


def fold(lines, columns):
    """Strictly: what is taken back must be there."""
    rows = collections.Counter()
    for line in lines:
        if not line.startswith('{'):
            continue
        change = json.loads(line, parse_float=str)
        kind, data = (change['op'], change['data']) if set(change) == {'op', 'data'} else ('+I', change)
        if len(data) != len(columns):
            raise Refused('%d columns instead of %d: %s' % (len(data), len(columns), line))
        row = row_of(columns, data.values())
        if kind in ('+I', '+U'):
            rows[row] += 1
        elif rows[row] <= 0:
            raise Refused('takes back a row that is not there: %s' % line)
        else:
            rows[row] -= 1
    return +rows


# ------------------------------------------------------------------------------------------------------------------ Weir

class Weir:
    def __init__(self, binary, folder):
        self.binary, self.folder, self.sinks = binary, folder, 0

    def lines(self, world, statements, settings):
        """-> for each statement the lines it printed, or Refused; one process for all while none fails."""
        ddl = '\n'.join(t.weir(self.folder, settings.get('execution.runtime-mode') == 'batch') for t in world)
        answers, start = [], 0
        while start < len(statements):
            text = [ddl]
            for i in range(start, len(statements)):
                text.append("SELECT 'statement-%d' AS marker;\n%s;" % (i, statements[i]))
            path = os.path.join(self.folder, 'script.sql')
            with open(path, 'w', encoding='utf-8') as f:
                f.write('\n'.join(text) + '\n')
            command = [self.binary, 'sql', '--output', 'json', '-f', path]
            for k, v in settings.items():
                command += ['-D', '%s=%s' % (k, v)]
            try:
                p = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_SECONDS, env=dict(os.environ, TZ='UTC'))
                code, out, err = p.returncode, p.stdout, p.stderr
            except subprocess.TimeoutExpired as e:
                code, out, err = -1, e.stdout or b'', b'takes too long'
            found = []
            for line in out.decode('utf-8', 'replace').split('\n'):
                if '"statement-' in line and '"marker":"statement-%d"' % (start + len(found)) in line:
                    found.append([])
                elif found and line:
                    found[-1].append(line)
            if code == 0 and len(found) == len(statements) - start:
                return answers + found
            message = err.decode('utf-8', 'replace').strip() or 'no message'
            refused = Refused('exit code %d: %s' % (code, message))
            if not found:
                return answers + [refused] * (len(statements) - start)
            found[-1] = refused
            answers += found
            start += len(found)
        return answers

    def through_sink(self, number, sql, columns):
        """-> statements that write the answer as changes into a file and read it again"""
        self.sinks += 1
        name = 'sink%d' % self.sinks
        os.mkdir(os.path.join(self.folder, name))
        types = ', '.join('%s %s' % (n, 'DECIMAL(38, 12)' if t == 'DECIMAL' else DDL[t]) for n, t in columns)
        return ("CREATE TABLE %s (%s) WITH ('connector' = 'filesystem', 'path' = '%s/%s', 'format' = 'changelog-json');\nINSERT INTO %s %s;\nSELECT * FROM %s"
                % (name, types, self.folder, name, name, sql, name))

    def answers(self, world, queries, settings, sink=False):
        """queries: [(SQL, columns)]"""
        results = []
        statements = [self.through_sink(i, *q) if sink else q[0] for i, q in enumerate(queries)]
        for lines, (_, columns) in zip(self.lines(world, statements, settings), queries):
            if isinstance(lines, Refused):
                results.append(lines)
                continue
            try:
                results.append(fold(lines, columns))
            except (Refused, ValueError) as e:
                results.append(Refused(str(e)))
        return results


# ---------------------------------------------------------------------------------------------------------------- SQLite

def later(text, ms):
    return None if text is None else stamp(milliseconds(text) + ms)


def bin_of(text, size, offset, ms):
    return None if text is None else stamp((milliseconds(text) - offset) // size * size + offset + ms)


class Sqlite:
    def answers(self, world, queries):
        db = sqlite3.connect(':memory:')
        db.create_function('later', 2, later, deterministic=True)
        db.create_function('bin', 4, bin_of, deterministic=True)
        db.create_function('ms', 1, lambda text: None if text is None else milliseconds(text), deterministic=True)
        db.execute('PRAGMA case_sensitive_like = ON')
        for t in world:
            db.execute('CREATE TABLE %s (%s)' % (t.name, ', '.join(n for n, _ in t.columns)))
            db.executemany('INSERT INTO %s VALUES (%s)' % (t.name, ', '.join('?' * len(t.columns))), t.rows)
        results = []
        for sql, columns in queries:
            if sql is None:
                results.append(None)
                continue
            try:
                results.append(collections.Counter(row_of(columns, r) for r in db.execute(sql)))
            except sqlite3.Error as e:
                results.append(Refused(str(e)))
        db.close()
        return results


# ------------------------------------------------------------------------------------------------------------ PostgreSQL

class Postgres:
    """A private cluster in a temporary folder, on a Unix socket there."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix='weir-generated-pg-')
        bins = sorted(glob.glob('/usr/lib/postgresql/*/bin'))
        self.bin = bins[-1] if bins else os.path.dirname(shutil.which('initdb') or '')
        self.user = ['runuser', '-u', 'postgres', '--'] if os.geteuid() == 0 else []
        if self.user:
            shutil.chown(self.folder, 'postgres')
        data = os.path.join(self.folder, 'data')
        self.run('initdb', '-D', data, '-U', 'weir', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync')
        options = "-c listen_addresses='' -c unix_socket_directories='%s' -c fsync=off -c timezone=UTC -c jit=off -c full_page_writes=off" % self.folder
        self.run('pg_ctl', '-D', data, '-w', '-l', os.path.join(self.folder, 'log'), '-o', options, 'start')
        self.started = True

    @staticmethod
    def installed():
        return bool(shutil.which('psql') and (glob.glob('/usr/lib/postgresql/*/bin/initdb') or shutil.which('initdb')))

    def run(self, program, *arguments):
        p = subprocess.run(self.user + [os.path.join(self.bin, program)] + list(arguments), capture_output=True, cwd='/', timeout=120)
        if p.returncode != 0:
            raise SystemExit('%s failed: %s' % (program, p.stderr.decode('utf-8', 'replace') + p.stdout.decode('utf-8', 'replace')))

    def stop(self):
        self.run('pg_ctl', '-D', os.path.join(self.folder, 'data'), '-m', 'immediate', 'stop')
        shutil.rmtree(self.folder, ignore_errors=True)

    def answers(self, world, queries):
        text = []
        for t in world:
            text.append('CREATE TEMP TABLE %s (%s);' % (t.name, ', '.join('%s %s' % (n, POSTGRES_DDL[y]) for n, y in t.columns)))
            text.append('COPY %s FROM STDIN;' % t.name)
            for row in t.rows:
                text.append('\t'.join('\\N' if v is None else str(v) for v in row))
            text.append('\\.')
        for i, (sql, _) in enumerate(queries):
            text.append('\\echo statement-%d' % i)
            text.append('\\warn statement-%d' % i)
            text.append('COPY (%s) TO STDOUT;' % sql)
        p = subprocess.run(['psql', '-X', '-q', '-h', self.folder, '-U', 'weir', '-d', 'postgres'], input='\n'.join(text).encode(), capture_output=True,
                           timeout=TIMEOUT_SECONDS * 5, env=dict(os.environ, PGCLIENTENCODING='UTF8'))
        results = []
        rows, complaints = self.parts(p.stdout), self.parts(p.stderr)
        for i, (_, columns) in enumerate(queries):
            if i not in rows or complaints.get(i):
                results.append(Refused('\n'.join(complaints.get(i, ['no answer']))))
                continue
            split = [[unescape(v) for v in line.split('\t')] for line in rows[i]]
            results.append(collections.Counter(row_of(columns, r) for r in split))
        return results

    @staticmethod
    def parts(data):
        found, current = {}, None
        for line in data.decode('utf-8', 'replace').split('\n')[:-1]:
            if line.startswith('statement-'):
                current = found.setdefault(int(line[10:]), [])
            elif current is not None:
                current.append(line)
        return found


def unescape(text):
    return None if text == '\\N' else text.replace('\\\\', '\\')
