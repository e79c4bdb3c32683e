#!/usr/bin/env python3
"""Runs the SQL scripts of this folder and compares what they print.

    run.py --weir BIN [FILE.q ...] [--update] [-D key=value]

A .q file holds statements, each ended by a line that ends in ';', and what they give:

    SELECT a FROM t;
    !output            (lines printed, in this order; with `!sorted`, in any)
    +I[1]
    !end

    SELECT nope FROM t;
    !error             (the statement fails and stderr holds each of these lines)
    SQL validation
    !end

A statement without a block may print anything but must succeed. Lines before the first statement that begin with `--` are
comments. `${DATA}` is the folder test/sql/data, `${TMP}` a new empty folder per file. `-- parallelism: 1 2` in the head of the
file runs it once per value (sort the output then). Last line: `N passed, N failed`; a file counts once per run.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TIMEOUT_SECONDS = 120


class Step:
    def __init__(self, line, sql):
        self.line, self.sql, self.kind, self.lines = line, sql, None, []


def parse(path):
    steps, sql, block, head = [], [], None, []
    for number, line in enumerate(open(path, encoding='utf-8').read().split('\n'), 1):
        if block is not None:
            if line == '!end':
                block = None
            else:
                steps[-1].lines.append(line)
        elif line in ('!output', '!sorted', '!error'):
            steps[-1].kind, block = line[1:], True
        elif not steps and not sql and line.startswith('--'):
            head.append(line)
        elif line.strip() or sql:
            sql.append(line)
            if line.rstrip().endswith(';'):
                steps.append(Step(number, '\n'.join(sql)))
                sql = []
    if sql or block is not None:
        raise SystemExit('%s: the last statement or block is not ended' % path)
    return head, steps


def marker(i):
    return 'end-of-statement-%d' % i


def run_script(args, text, folder, defines):
    path = os.path.join(folder, 'script.sql')
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)
    command = [args.weir, 'sql', '--output', 'changelog', '-f', path]
    for d in defines:
        command += ['-D', d]
    p = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_SECONDS, env=dict(os.environ, TZ='UTC'))
    return p.returncode, p.stdout.decode('utf-8', 'replace'), p.stderr.decode('utf-8', 'replace')


def substitute(text, tmp):
    return text.replace('${DATA}', os.path.join(HERE, 'data')).replace('${TMP}', tmp)


def run_file(args, path, defines):
    """-> list of complaints; with --update the file gets the present output."""
    head, steps = parse(path)
    complaints = []
    with tempfile.TemporaryDirectory(prefix='weir-sql-test-') as tmp:
        good = [s for s in steps if s.kind != 'error']
        script = ''.join('%s\nSELECT \'%s\';\n' % (s.sql, marker(i)) for i, s in enumerate(good))
        code, out, err = run_script(args, substitute(script, tmp), tmp, defines)
        if code != 0:
            complaints.append('exit code %d\n%s' % (code, err.strip()))
        rest = out
        for i, s in enumerate(good):
            found = rest.partition('+I[%s]\n' % marker(i))
            if not found[1]:
                complaints.append('line %d: the statement did not come to its end' % s.line)
                break
            rest = found[2]
            got = [l for l in found[0].replace(tmp, '${TMP}').replace(os.path.join(HERE, 'data'), '${DATA}').split('\n')
                   if not l.startswith('[INFO]')][:-1]
            if s.kind is None:
                continue
            same = sorted(got) == sorted(s.lines) if s.kind == 'sorted' else got == s.lines
            if not same and args.update:
                s.lines = sorted(got) if s.kind == 'sorted' else got
            elif not same:
                complaints.append('line %d: expected\n%s\n  but got\n%s' % (s.line, '\n'.join('    ' + l for l in s.lines), '\n'.join('    ' + l for l in got)))
        for i, s in enumerate(steps):
            if s.kind != 'error':
                continue
            before = ''.join(t.sql + '\n' for t in steps[:i] if t.kind is None and not re.match(r'\s*(SELECT|INSERT|EXECUTE|WITH|EXPLAIN)', t.sql, re.I))
            code, out, err = run_script(args, substitute(before + s.sql, tmp), tmp, defines)
            err = err.replace(tmp, '${TMP}')
            missing = [l for l in s.lines if l not in err]
            if code == 0:
                complaints.append('line %d: succeeded, but an error is expected' % s.line)
            elif missing or code != 1:
                complaints.append('line %d: exit code %d, the error lacks %s:\n%s' % (s.line, code, missing, err.strip()))
    if args.update:
        write(path, head, steps)
    return complaints


def write(path, head, steps):
    with open(path, 'w', encoding='utf-8') as f:
        for line in head:
            f.write(line + '\n')
        for s in steps:
            f.write('\n' + s.sql.strip('\n') + '\n')
            if s.kind:
                f.write('\n'.join(['!' + s.kind] + s.lines + ['!end']) + '\n')


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--weir', required=True)
    p.add_argument('--update', action='store_true', help='write the present output into the files: look at the difference')
    p.add_argument('-D', dest='define', action='append', default=[])
    p.add_argument('files', nargs='*')
    args = p.parse_args()
    args.weir = os.path.abspath(args.weir)
    files = args.files or sorted(os.path.join(HERE, f) for f in os.listdir(HERE) if f.endswith('.q'))
    passed = failed = 0
    for path in files:
        head, _ = parse(path)
        widths = next((l.split(':', 1)[1].split() for l in head if l.startswith('-- parallelism:')), [None])
        for width in widths:
            defines = args.define + (['parallelism.default=' + width] if width else [])
            try:
                complaints = run_file(args, path, defines)
            except subprocess.TimeoutExpired:
                complaints = ['timed out after %d s' % TIMEOUT_SECONDS]
            name = os.path.basename(path) + (' at parallelism ' + width if width else '')
            if complaints:
                failed += 1
                print('FAILED %s' % name)
                for c in complaints:
                    print('  ' + c.replace('\n', '\n  '))
            else:
                passed += 1
    print('%d passed, %d failed' % (passed, failed))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
