#!/usr/bin/env python3
"""Random queries over random tables: Weir against PostgreSQL, SQLite, and itself.

    run.py --weir BIN [--seed N] [--count 2000] [--verbose] [--no-shrink] [--query N]

A world is a few small tables; so many queries are asked of each (QUERIES_PER_WORLD). Every query is answered by PostgreSQL (a
private cluster that lives as long as this runs; left out when it is not installed), by SQLite where it has the form, and by Weir

    streaming     its changes folded strictly: no row may be taken back that is not there
    batch         execution.runtime-mode = batch
    rules         with some optimizer rules switched off, and windows written as equal ones (TUMBLE(s) as HOP(s, s))
    mini-batch    changes compacted, at parallelism 2
    sink          written as changes into a file, and read again
    partitions    Q as (Q WHERE p) UNION ALL (Q WHERE NOT p) UNION ALL (Q WHERE p IS NULL)

All must be the same multiset. What differs by design never comes up: averages and quotients of decimals, sums beyond a type's
bounds, values that are no number, negative zeros, global aggregates of nothing (none in streaming), orders with ties.

A failure is printed with its seed, the smallest query and tables found that still show it, as a script for `weir sql`. Then it is
told how often each operator, rule and type took part; from 2,000 queries on each must have 20 times. Last line: N passed, N failed.
"""
import argparse
import collections
import os
import random
import re
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from grammar import IDENTITY, POSTGRES, SQLITE, TYPES, WEIR, Choices, tables  # noqa: E402
from queries import Queries  # noqa: E402
from readers import Postgres, Refused, Sqlite, Weir  # noqa: E402

QUERIES_PER_WORLD = 40
RULES_PER_WORLD = 17  # whose part in the plans is looked at
SHRINK_SECONDS = 25
TIMES_LEAST = 20
OPERATORS = ('TableSourceScan', 'WatermarkAssigner', 'Calc', 'Exchange', 'GroupAggregate', 'Join', 'IntervalJoin', 'Union', 'Expand', 'Rank',
             'Deduplicate', 'SortLimit', 'WindowAggregate', 'WindowTableFunction', 'GroupWindowAggregate', 'TemporalSort', 'Values')
RULES = re.findall(r'WEIR_RULE\(\w+, "([^"]+)"', open(os.path.join(HERE, '../../src/sql/rules.def'), encoding='utf-8').read())
# Rules about what these tables do not have.
RULES_WITHOUT_CASE = {'scan-nested-projection', 'normalize-filter'}
MODES = ('streaming', 'batch', 'rules', 'mini-batch', 'partitions', 'sink')


class Query:
    def __init__(self, world, seed=None, replay=None):
        c = Choices(seed, replay)
        g = Queries(c, world)
        text, self.columns = g.query()
        front = g.with_clause()
        scope = [('q', n, t) for n, t in self.columns]
        p = g.condition(scope)
        self.forms = [None if t is None or f is None else f + t for f, t in zip(front.forms, text.forms)]
        self.partitions = '%sSELECT * FROM (%s) AS q WHERE %s' % (front.forms[WEIR], text.forms[WEIR], p.forms[WEIR])
        for form in ('NOT (%s)', '(%s) IS NULL'):
            self.partitions += ' UNION ALL SELECT * FROM (%s) AS q WHERE %s' % (text.forms[WEIR], form % p.forms[WEIR])
        self.notes, self.taken = c.notes, c.taken

    def text(self, mode):
        return self.partitions if mode == 'partitions' else self.forms[IDENTITY if mode == 'rules' else WEIR]


class Checker:
    def __init__(self, args, folder):
        self.weir, self.sqlite, self.args = Weir(args.weir, folder), Sqlite(), args
        self.postgres = Postgres() if Postgres.installed() else None
        self.counts = collections.Counter()

    def settings(self, mode, seed):
        r = random.Random(seed)
        parallel = r.choice((1, 2))
        if mode == 'batch':
            return {'execution.runtime-mode': 'batch', 'parallelism.default': parallel}
        if mode == 'rules':
            off = {'table.optimizer.rule.%s' % n: 'false' for n in RULES if r.random() < 0.3}
            if r.random() < 0.4:
                off['execution.runtime-mode'] = 'batch'
            return dict(off, **{'parallelism.default': 1})
        if mode == 'mini-batch':
            return {'table.exec.mini-batch.enabled': 'true', 'table.exec.mini-batch.allow-latency': '1 s',
                    'table.exec.mini-batch.size': r.choice((1, 2, 3, 7, 1000)), 'parallelism.default': 2}
        return {'parallelism.default': parallel if mode == 'partitions' else 1}

    def faults(self, world, queries, seed, modes=MODES):
        """-> for each query {reader: what is wrong}"""
        found = [{} for _ in queries]
        lite = self.sqlite.answers(world, [(q.forms[SQLITE], q.columns) for q in queries])
        great = self.postgres.answers(world, [(q.forms[POSTGRES], q.columns) for q in queries]) if self.postgres else [None] * len(queries)
        reference = []
        for i, (a, b) in enumerate(zip(great, lite)):
            for name, answer in (('PostgreSQL', a), ('SQLite', b)):
                if isinstance(answer, Refused):
                    found[i][name] = str(answer)
                elif answer is not None:
                    self.counts['reader ' + name] += 1
            good = [x for x in (a, b) if x is not None and not isinstance(x, Refused)]
            if len(good) == 2 and a != b:
                found[i]['SQLite'] = difference(a, b, 'PostgreSQL')
            reference.append(good[0] if good else None)
        for mode in modes:
            answers = self.weir.answers(world, [(q.text(mode), q.columns) for q in queries], self.settings(mode, seed), mode == 'sink')
            for i, answer in enumerate(answers):
                if isinstance(answer, Refused):
                    found[i][mode] = str(answer)
                elif reference[i] is None:
                    reference[i] = answer
                elif answer != reference[i]:
                    found[i][mode] = difference(reference[i], answer, 'the oracle')
        return found

    def coverage(self, world, queries):
        """Operators of the plans, and rules whose absence changes a plan: those first that did so least."""
        explains = ['EXPLAIN ' + q.forms[WEIR] for q in queries]
        plans = [physical(p) for p in self.weir.lines(world, explains, {})]
        for plan in plans:
            for name in re.findall(r'^[ |:+-]*(\w+)\(', plan.partition('== Optimized Execution Plan ==')[0], re.M):
                self.counts['operator ' + name] += 1
        for rule in sorted(RULES, key=lambda r: self.counts['rule ' + r])[:RULES_PER_WORLD]:
            others = self.weir.lines(world, explains, {'table.optimizer.rule.%s' % rule: 'false'})
            self.counts['rule ' + rule] += sum(physical(p) != q for p, q in zip(others, plans))


def physical(lines):
    text = '' if isinstance(lines, Refused) else '\n'.join(lines)
    return text.partition('== Optimized Physical Plan ==')[2]


def difference(expected, got, name):
    text = []
    for label, rows in (('missing', expected - got), ('too many', got - expected)):
        for row, n in list(rows.items())[:3]:
            text.append('%s%s: %s' % (label, ' %d times' % n if n > 1 else '', ', '.join('NULL' if v is None else repr(v) for v in row)))
    return 'against %s: %s' % (name, '; '.join(text))


# -------------------------------------------------------------------------------------------------------------- shrinking

def same_kind(old, new):
    """The smaller case must fail for the same reader and in the same way (an error stays that error)."""
    for name, text in old.items():
        if name not in ('PostgreSQL', 'SQLite') or set(old) <= {'PostgreSQL', 'SQLite'}:
            if name in new and kind(text) == kind(new[name]):
                return True
    return False


def kind(text):
    if text.startswith('against') or text.startswith('takes back'):
        return 'wrong'
    return re.sub(r"[0-9]+|'[^']*'|\"[^\"]*\"", '#', text.split('\n')[0])


def smaller_lists(values):
    size = max(1, len(values) // 2)
    while size:
        for i in range(0, len(values), size):
            yield values[:i] + values[i + size:]
        size //= 2
    for i, v in enumerate(values):
        if v:
            yield values[:i] + [0] + values[i + 1:]
    for i, v in enumerate(values):
        if v > 1:
            yield values[:i] + [v // 2] + values[i + 1:]
            yield values[:i] + [v - 1] + values[i + 1:]


def shrink(checker, world, query, fault, seed):
    modes = [m for m in fault if m in MODES] or MODES
    modes = modes[:1] if modes != MODES else MODES[:1]
    deadline = time.time() + SHRINK_SECONDS

    def fails(w, q):
        return same_kind({m: t for m, t in fault.items() if m in modes} or fault, checker.faults(w, [q], seed, modes)[0])
    progress = True
    while progress and time.time() < deadline:
        progress = False
        for taken in smaller_lists(query.taken):
            if time.time() > deadline:
                break
            candidate = Query(world, replay=taken)
            if (len(candidate.forms[WEIR]), sum(candidate.taken)) < (len(query.forms[WEIR]), sum(query.taken)) and fails(world, candidate):
                query, progress = candidate, True
                break
    used = [t for t in world if re.search(r'\b%s\b' % t.name, query.forms[WEIR])]
    deadline = time.time() + SHRINK_SECONDS / 2
    for i in range(len(used)):
        progress = True
        while progress and time.time() < deadline:
            progress = False
            t = used[i]
            rows = t.rows if t.changes is None else t.changes
            for j in range(len(rows)):
                fewer = [r for k, r in enumerate(rows) if k != j]
                if t.changes is not None and not valid(fewer):
                    continue
                smaller = t.copy(fewer, None) if t.changes is None else t.copy(live(fewer), fewer)
                candidate = used[:i] + [smaller] + used[i + 1:]
                if fails(candidate, query):
                    used, progress = candidate, True
                    break
    return used, query


def live(changes):
    rows = []
    for op, row in changes:
        if op[0] == '+':
            rows.append(row)
        else:
            rows.remove(row)
    return rows


def valid(changes):
    try:
        live(changes)
        return True
    except ValueError:
        return False


def show(world, query, fault, seed, number):
    print('FAILED  --seed %d, query %d' % (seed, number))
    for t in world:
        rows = t.rows if t.changes is None else ['%s %s' % (op, row) for op, row in t.changes]
        print('    %s(%s)%s: %s' % (t.name, ', '.join('%s %s' % c for c in t.columns), ' ts is event time' if t.rowtime else '', '; '.join(map(str, rows))))
    print('    %s;' % query.forms[WEIR])
    for name, text in fault.items():
        print('      %s %s' % (name, text.replace('\n', '\n        ')))
        if name == 'partitions':
            print('        %s;' % query.partitions)
    sys.stdout.flush()


# -------------------------------------------------------------------------------------------------------------------- run

def worlds(args, checker):
    failed, number, index = 0, 0, 0
    seen = collections.Counter()
    while number < args.count:
        seed = args.seed * 1000003 + index
        world = tables(Choices(seed))
        asked = range(min(QUERIES_PER_WORLD, args.count - number))
        if args.query is not None:
            asked = [i for i in asked if number + i == args.query]
            if not asked:
                number, index = number + QUERIES_PER_WORLD, index + 1
                continue
        queries = [Query(world, seed=seed * 1009 + i) for i in asked]
        for t in world:
            for _, type_ in t.columns:
                checker.counts['column ' + type_] += 1
        for q in queries:
            for note in set(q.notes):
                checker.counts[note] += 1
        found = checker.faults(world, queries, seed)
        if not args.no_coverage:
            checker.coverage(world, queries)
        for i, fault in enumerate(found):
            if not fault:
                continue
            failed += 1
            label = ' '.join(sorted('%s: %s' % (n, kind(t)) for n, t in fault.items()))
            seen[label] += 1
            if seen[label] > args.show:
                continue
            if args.no_shrink:
                used = [t for t in world if re.search(r'\b%s\b' % t.name, queries[i].forms[WEIR])]
                show(used, queries[i], fault, args.seed, number + asked[i])
            else:
                used, query = shrink(checker, world, queries[i], fault, seed)
                show(used, query, checker.faults(used, [query], seed)[0] or fault, args.seed, number + asked[i])
            if args.first or args.query is not None:
                return number + i + 1, failed
        number += len(asked)
        if args.query is not None:
            break
        index += 1
        if args.verbose:
            print('%d queries, %d failed' % (number, failed), flush=True)
    for label, n in seen.most_common():
        if n > args.show:
            print('%d failures of one kind: %s' % (n, label[:300]))
    return number, failed


def report(args, counts):
    """-> how many of operators, rules and types came up too seldom"""
    seldom = []
    wanted = ['operator ' + n for n in OPERATORS] + ['rule ' + n for n in RULES if n not in RULES_WITHOUT_CASE] + ['type ' + n for n in TYPES]
    for prefix in ('operator ', 'rule ', 'type ', 'reader ', ''):
        shown = sorted((n for n in set(counts) | set(wanted) if n.startswith(prefix) and (prefix or not n.split(' ')[0] in ('operator', 'rule', 'type', 'reader'))))
        print('%s: %s' % ((prefix or 'form ').strip() + 's', ', '.join('%s %d' % (n[len(prefix):], counts[n]) for n in shown)))
    if args.count >= 2000 and not args.no_coverage:
        seldom = [n for n in wanted if counts[n] < TIMES_LEAST]
        for n in seldom:
            print('FAILED  %s came up %d times; at least %d are asked for' % (n, counts[n], TIMES_LEAST))
    return len(seldom)


def main():
    parser = argparse.ArgumentParser(description='Random queries: Weir against PostgreSQL, SQLite and itself.')
    parser.add_argument('--weir', required=True)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--count', type=int, default=2000)
    parser.add_argument('--show', type=int, default=2, help='failures shown of one kind')
    parser.add_argument('--query', type=int, help='this query of the seed alone')
    parser.add_argument('--keep', metavar='FOLDER', help='where tables and scripts are left')
    parser.add_argument('--first', action='store_true', help='stop at the first failure')
    parser.add_argument('--no-shrink', action='store_true')
    parser.add_argument('--no-coverage', action='store_true')
    parser.add_argument('--verbose', action='store_true')
    args = parser.parse_args()
    args.weir = os.path.abspath(args.weir)
    started = time.time()
    with tempfile.TemporaryDirectory(prefix='weir-generated-') as temporary:
        folder = args.keep or temporary
        os.makedirs(folder, exist_ok=True)
        checker = Checker(args, folder)
        if checker.postgres is None:
            print('PostgreSQL is not installed: answers are compared with SQLite\'s alone')
        try:
            number, failed = worlds(args, checker)
            seldom = report(args, checker.counts)
        finally:
            if checker.postgres:
                checker.postgres.stop()
    print('seed %d, %d queries, %d s' % (args.seed, number, time.time() - started))
    print('%d passed, %d failed' % (number - failed, failed + seldom))
    return 1 if failed + seldom else 0


if __name__ == '__main__':
    sys.exit(main())
