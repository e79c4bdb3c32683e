"""Random tables and queries, each query in the words of four readers: Weir, Weir with window identities, PostgreSQL, SQLite.

Everything is drawn from Choices, a recorded list of small numbers. A list that is replayed gives the same query, a shorter or
smaller list a simpler one (the choice 0 is always the simplest): that is what shrinking works on.
"""
import datetime
import json
import random

WEIR, IDENTITY, POSTGRES, SQLITE = range(4)
TYPES = ('INT', 'BIGINT', 'STRING', 'DOUBLE', 'DECIMAL', 'BOOLEAN', 'DATE', 'TIMESTAMP')
NUMERIC = ('INT', 'BIGINT', 'DOUBLE', 'DECIMAL')
DDL = {'INT': 'INT', 'BIGINT': 'BIGINT', 'STRING': 'STRING', 'DOUBLE': 'DOUBLE', 'DECIMAL': 'DECIMAL(10, 2)',
       'BOOLEAN': 'BOOLEAN', 'DATE': 'DATE', 'TIMESTAMP': 'TIMESTAMP(3)'}
POSTGRES_DDL = dict(DDL, STRING='TEXT', DOUBLE='DOUBLE PRECISION')
EPOCH = datetime.datetime(1970, 1, 1)


class Choices:
    def __init__(self, seed=None, replay=None):
        self.random, self.replay, self.taken, self.notes = random.Random(seed), replay, [], []

    def draw(self, n):
        """-> a number of 0 .. n - 1."""
        i = len(self.taken)
        value = self.random.randrange(n) if self.replay is None else self.replay[i] % n if i < len(self.replay) else 0
        self.taken.append(value)
        return value

    def of(self, values):
        return values[self.draw(len(values))]

    def some(self, percent):
        """-> TRUE in so many of a hundred cases; FALSE is the simple one."""
        return self.draw(100) >= 100 - percent

    def note(self, name):
        self.notes.append(name)


class Text:
    """SQL in four forms; a form is None where the reader has no such thing."""

    def __init__(self, forms, type_=None, columns=None, constant=False):
        self.forms, self.type, self.columns, self.constant = forms, type_, columns, constant


def join(type_, parts, weir, postgres=None, sqlite=None, identity=None, **more):
    """Fills parts into one template for each form; '' as a template says that the reader has no such thing."""
    templates = (weir, identity or weir, weir if postgres is None else postgres, (weir if postgres is None else postgres) if sqlite is None else sqlite)
    forms = []
    for i, template in enumerate(templates):
        filled = [p.forms[i] if isinstance(p, Text) else str(p) for p in parts]
        forms.append(None if template == '' or None in filled else template.format(*filled))
    return Text(forms, type_, constant=all(p.constant for p in parts if isinstance(p, Text)), **more)


def comma(texts):
    return join(None, texts, ', '.join(['{}'] * len(texts)))


def plain(text, type_=None):
    return Text([text] * 4, type_)


# ---------------------------------------------------------------------------------------------------------------- values

STRINGS = ('a', 'b', 'ab', 'A', '', 'aB c', 'x_y', '%', ' a', 'ba', '語')


def value(c, type_):
    """-> a Python value of a small domain: quarters, so that sums of binary and decimal fractions are exact everywhere."""
    if type_ == 'INT':
        return c.draw(6) - (2 if c.some(30) else 0)
    if type_ == 'BIGINT':
        return c.draw(5) if not c.some(10) else 10000000000 + c.draw(2)
    if type_ in ('DOUBLE', 'DECIMAL'):
        return (c.draw(12) - 3) / 4.0
    if type_ == 'STRING':
        return c.of(STRINGS)
    if type_ == 'BOOLEAN':
        return c.draw(2) == 1
    if type_ == 'DATE':
        return '2024-%s' % c.of(('02-28', '02-29', '03-01', '12-31', '01-01'))
    return stamp(1709164800000 + c.draw(30) * 30500)


def stamp(milliseconds):
    return (EPOCH + datetime.timedelta(milliseconds=milliseconds)).isoformat(sep=' ', timespec='milliseconds')


def milliseconds(text):
    return round((datetime.datetime.fromisoformat(text) - EPOCH) / datetime.timedelta(milliseconds=1))


def literal(v, type_):
    if v is None:
        return join(type_, [], 'CAST(NULL AS %s)' % DDL[type_], 'CAST(NULL AS %s)' % POSTGRES_DDL[type_], 'NULL')
    if type_ == 'STRING':
        quoted = "'%s'" % v.replace("'", "''")
        return join(type_, [], '{}'.format(quoted), 'CAST({} AS TEXT)'.format(quoted), quoted)
    if type_ == 'DATE':
        return join(type_, [], "DATE '%s'" % v, sqlite="'%s'" % v)
    if type_ == 'TIMESTAMP':
        return join(type_, [], "TIMESTAMP '%s'" % v, sqlite="'%s'" % v)
    if type_ == 'DOUBLE':
        return join(type_, [], '%rE0' % v, 'CAST(%r AS DOUBLE PRECISION)' % v, repr(v))
    if type_ == 'DECIMAL':
        return join(type_, [], '%.2f' % v)
    if type_ == 'BOOLEAN':
        return join(type_, [], 'TRUE' if v else 'FALSE')
    if type_ == 'BIGINT':
        return join(type_, [], 'CAST(%d AS BIGINT)' % v, sqlite=str(v))
    return join(type_, [], str(v) if v >= 0 else '(%d)' % v)


# ---------------------------------------------------------------------------------------------------------------- tables

class Table:
    def __init__(self, name, columns, rows, rowtime=None, changelog=False, changes=None):
        self.name, self.columns, self.rows, self.rowtime, self.changes = name, columns, rows, rowtime, changes

    def copy(self, rows, changes):
        return Table(self.name, self.columns, rows, self.rowtime, changes=changes)

    def weir(self, folder, final=False):
        """Writes the file; -> DDL. With final, a table that changes is what it is at the end (batch mode reads nothing else)."""
        changes = None if final else self.changes
        path = '%s/%s.json' % (folder, self.name)
        with open(path, 'w', encoding='utf-8') as f:
            for kind, row in changes if changes is not None else [(None, r) for r in self.rows]:
                data = {n: v for (n, _), v in zip(self.columns, row)}
                f.write(json.dumps(data if kind is None else {'op': kind, 'data': data}, ensure_ascii=False) + '\n')
        columns = ['%s %s' % (n, DDL[t]) for n, t in self.columns]
        if self.rowtime:
            columns.append("WATERMARK FOR %s AS %s - INTERVAL '1' SECOND" % (self.rowtime, self.rowtime))
        return "CREATE TABLE %s (%s) WITH ('connector' = 'filesystem', 'path' = '%s', 'format' = '%s');" % (
            self.name, ', '.join(columns), path, 'json' if changes is None else 'changelog-json')


def tables(c):
    """-> the tables of one world: two events tables in the order of their time, one insert-only, one that changes."""
    result = []
    for i, kind in enumerate(('plain', 'events', 'changes', 'events', 'plain')):
        columns = [('k', 'INT')] + [('v%d' % j, c.of(TYPES)) for j in range(2 + c.draw(4))]
        rows, at = [], 1709164800000
        count = c.of((8, 5, 12, 20, 3, 1, 0))
        rowtime = None
        if kind == 'events':
            rowtime = 'ts'
            columns.append(('ts', 'TIMESTAMP'))
            count = c.of((10, 6, 20, 30, 2))
        for _ in range(count):
            at += c.of((1000, 17000, 61000, 500, 1, 3599999, 30000, 60000))
            row = [None if c.some(15) else value(c, t) for _, t in columns]
            if rowtime:
                row[-1] = stamp(at)
            rows.append(row if not rows or rowtime or not c.some(15) else list(c.of(rows)))
        changes = None
        if kind == 'changes':
            changes, live = [], []
            for row in rows:
                changes.append(('+I', row))
                live.append(row)
                while live and c.some(35):
                    old = live.pop(c.draw(len(live)))
                    if c.some(50):
                        new = [None if c.some(10) else value(c, t) for _, t in columns]
                        changes += [('-U', old), ('+U', new)]
                        live.append(new)
                    else:
                        changes.append(('-D', old))
            rows = live
        result.append(Table('t%d' % i, columns, rows, rowtime, changes=changes))
    return result


# ----------------------------------------------------------------------------------------------------------- expressions

class Grammar:
    def __init__(self, c, world):
        self.c, self.world, self.count = c, world, 0
        self.with_ = []

    def name(self, letter):
        self.count += 1
        return '%s%d' % (letter, self.count)

    def column(self, scope, type_):
        """scope: [(alias, name, type)] -> a reference, or None."""
        fitting = [s for s in scope if s[2] == type_]
        if not fitting:
            return None
        alias, name, _ = self.c.of(fitting)
        return plain('%s.%s' % (alias, name), type_)

    def leaf(self, type_, scope):
        self.c.note('type ' + type_)
        column = self.column(scope, type_) if not self.c.some(25) else None
        if column is not None:
            return column
        if self.c.some(10):
            return literal(None, type_)
        return self.literal(type_)

    def literal(self, type_):
        result = literal(value(self.c, type_), type_)
        result.constant = True
        return result

    def expression(self, type_, scope, depth=2):
        c = self.c
        if depth <= 0 or not c.some(60):
            return self.leaf(type_, scope)

        def sub(t=type_):
            return self.expression(t, scope, depth - 1)
        general = ('case', 'coalesce', 'nullif', 'simple case', 'greatest')
        form = c.of(general + FORMS[type_])
        c.note('form ' + form)
        if form == 'case':
            return join(type_, [sub('BOOLEAN'), sub(), sub()], 'CASE WHEN {} THEN {} ELSE {} END')
        if form == 'coalesce':
            return join(type_, [sub(), sub()], 'COALESCE({}, {})')
        if form == 'nullif':
            return join(type_, [sub(), sub()], 'NULLIF({}, {})')
        if form == 'simple case':
            return join(type_, [sub('INT'), c.draw(3), sub(), c.draw(3) + 3, sub()], 'CASE {} WHEN {} THEN {} WHEN {} THEN {} END')
        if form == 'greatest':
            if type_ == 'BOOLEAN':
                return sub()
            a, b, op = sub(), sub(), c.of(('GREATEST', 'LEAST'))
            return join(type_, [a, b], op + '({0}, {1})', 'CASE WHEN {0} IS NULL OR {1} IS NULL THEN NULL ELSE ' + op + '({0}, {1}) END',
                        ('MAX' if op == 'GREATEST' else 'MIN') + '({0}, {1})')
        return getattr(self, '_' + type_.lower())(form, sub)

    def _int(self, form, sub):
        c = self.c
        if form == 'length':
            return join('INT', [sub('STRING')], 'CHAR_LENGTH({})', sqlite='LENGTH({})')
        if form == 'extract':
            unit, code = c.of((('YEAR', '%Y'), ('MONTH', '%m'), ('DAY', '%d'), ('HOUR', '%H'), ('MINUTE', '%M')))
            at = sub('TIMESTAMP')
            cast = 'CAST(EXTRACT(%s FROM {}) AS INT)' % unit
            return join('INT', [at], cast, sqlite="CAST(strftime('%s', {}) AS INTEGER)" % code)
        if form == 'flag':
            return join('INT', [sub('BOOLEAN')], 'CAST({} AS INT)')
        if form == 'day of year':
            return join('INT', [sub('TIMESTAMP')], 'CAST(EXTRACT(DOY FROM {}) AS INT)', sqlite="CAST(strftime('%j', {}) AS INTEGER)")
        if form == 'position':
            return join('INT', [self.literal('STRING'), sub('STRING')], 'POSITION({0} IN {1})', sqlite='INSTR({1}, {0})')
        return self._number('INT', form, sub)

    def _number(self, type_, form, sub):
        c = self.c
        if form == 'arithmetic':
            return join(type_, [sub(), sub()], c.of(('({} + {})', '({} - {})')))
        if form == 'product':
            return join(type_, [sub(), self.literal('INT' if type_ != 'DOUBLE' else 'DOUBLE')], '({} * {})')
        if form == 'modulo':
            return join(type_, [sub(), c.of((2, 3, -2))], 'MOD({}, {})', sqlite='({} % {})')
        if form == 'quotient':
            return join(type_, [sub(), c.of((2, 3, -2))], '({} / {})')
        return join(type_, [sub()], c.of(('ABS({})', '(- {})')))

    def _bigint(self, form, sub):
        if form == 'widen':
            return join('BIGINT', [sub('INT')], 'CAST({} AS BIGINT)')
        return self._number('BIGINT', form, sub)

    def _double(self, form, sub):
        c = self.c
        if form == 'widen':
            return join('DOUBLE', [sub(c.of(('INT', 'DECIMAL', 'BIGINT')))], 'CAST({} AS DOUBLE)', 'CAST({} AS DOUBLE PRECISION)', 'CAST({} AS REAL)')
        if form == 'floor':
            return join('DOUBLE', [sub()], c.of(('FLOOR({})',)))
        if form == 'half':
            return join('DOUBLE', [sub()], '({} / 4.0E0)')
        if form == 'scale':  # never by 0 or below: a negative zero is a group of its own in some readers
            return join('DOUBLE', [sub(), c.of(('2.0E0', '0.5E0'))], '({} * {})')
        if form == 'arithmetic':
            return self._number('DOUBLE', form, sub)
        return join('DOUBLE', [sub()], 'ABS({})')

    def _decimal(self, form, sub):
        c = self.c
        if form == 'widen':
            return join('DECIMAL', [sub('INT')], 'CAST({} AS DECIMAL(10, 2))', sqlite='CAST({} AS REAL)')
        if form == 'round':
            return join('DECIMAL', [sub()], c.of(('ROUND({}, 1)', 'ROUND({}, 0)')), sqlite='')
        if form == 'product':
            return join('DECIMAL', [sub(), self.literal('DECIMAL')], '({} * {})')
        return self._number('DECIMAL', form, sub)

    def _string(self, form, sub):
        c = self.c
        if form == 'case of letters':
            return join('STRING', [sub()], c.of(('UPPER({})', 'LOWER({})')), sqlite=None)
        if form == 'concatenate':
            return join('STRING', [sub(), sub()], '({} || {})')
        if form == 'substring':
            return join('STRING', [sub(), c.draw(3) + 1, c.draw(3)], 'SUBSTRING({} FROM {} FOR {})', sqlite='SUBSTR({}, {}, {})')
        if form == 'trim':
            where, function = c.of((('BOTH', 'TRIM'), ('LEADING', 'LTRIM'), ('TRAILING', 'RTRIM')))
            return join('STRING', [sub()], 'TRIM(%s FROM {})' % where, sqlite=function + '({})')
        if form == 'cut':
            return join('STRING', [c.of(('LEFT', 'RIGHT')), sub(), c.draw(3)], '{}({}, {})', sqlite='')
        if form == 'turn':
            return join('STRING', [sub()], c.of(('REVERSE({})', 'REPEAT({}, 2)')), sqlite='')
        if form == 'fill':
            return join('STRING', [c.of(('LPAD', 'RPAD')), sub(), c.draw(5), c.of(('x', 'ab'))], "{}({}, {}, '{}')", sqlite='')  # an empty filling gives NULL in Weir
        if form == 'digits':
            return join('STRING', [sub('INT')], 'CAST({} AS STRING)', 'CAST({} AS TEXT)')
        return join('STRING', [sub(), c.of(('a', 'b', 'aB'))], "REPLACE({}, '{}', 'xy')")

    def _date(self, form, sub):
        if form == 'of time':
            return join('DATE', [sub('TIMESTAMP')], 'CAST({} AS DATE)', sqlite='SUBSTR({}, 1, 10)')
        n = self.c.draw(40) - 5
        return join('DATE', [sub(), n], "({} + INTERVAL '{}' DAY)", "CAST({} + INTERVAL '{} day' AS DATE)", "date({}, '{} day')")

    def _timestamp(self, form, sub):
        c = self.c
        if form == 'midnight':
            return join('TIMESTAMP', [sub('DATE')], 'CAST({} AS TIMESTAMP(3))', sqlite="({} || ' 00:00:00.000')")
        if form == 'floor':
            unit, code = c.of((('MINUTE', '%Y-%m-%d %H:%M:00.000'), ('HOUR', '%Y-%m-%d %H:00:00.000'), ('DAY', '%Y-%m-%d 00:00:00.000')))
            return join('TIMESTAMP', [sub()], 'FLOOR({} TO %s)' % unit, "DATE_TRUNC('%s', {})" % unit.lower(), "strftime('%s', {})" % code)
        n, unit = c.draw(80) - 10, c.of(('SECOND', 'MINUTE', 'HOUR', 'DAY'))
        return join('TIMESTAMP', [sub(), n], "({} + INTERVAL '{}' %s)" % unit, "({} + INTERVAL '{} %s')" % unit.lower(),
                    "strftime('%%Y-%%m-%%d %%H:%%M:%%f', {}, '{} %s')" % unit.lower())

    def _boolean(self, form, sub):
        c = self.c
        if form == 'and':
            return join('BOOLEAN', [sub(), sub()], '({} AND {})')
        if form == 'or':
            return join('BOOLEAN', [sub(), sub()], '({} OR {})')
        if form == 'not':
            return join('BOOLEAN', [sub()], '(NOT {})')
        if form == 'like':
            return join('BOOLEAN', [sub('STRING'), c.of(('', 'NOT ')), c.of(('%a%', 'a%', '_', '%b', '', 'a_', '%'))], "({} {}LIKE '{}')")
        t = c.of(TYPES)
        if form == 'null':
            return join('BOOLEAN', [sub(t), c.of(('', 'NOT '))], '({} IS {}NULL)')
        if form == 'truth':
            return join('BOOLEAN', [sub(), c.of(('TRUE', 'FALSE', 'NOT TRUE', 'NOT FALSE'))], '({} IS {})')
        if form == 'between':
            t = 'INT' if t == 'BOOLEAN' else t
            return join('BOOLEAN', [sub(t), c.of(('', 'NOT ')), sub(t), sub(t)], '({} {}BETWEEN {} AND {})')
        if form == 'in':
            values = [self.literal(t) for _ in range(1 + c.draw(4))]
            return join('BOOLEAN', [sub(t), c.of(('', 'NOT ')), comma(values)], '({} {}IN ({}))')
        if form == 'distinct':
            no = c.draw(2)
            return join('BOOLEAN', [sub(t), sub(t)], '({} IS %sDISTINCT FROM {})' % ('NOT ' if no else ''), sqlite='({} IS %s{})' % ('' if no else 'NOT '))
        other = c.of(NUMERIC) if t in NUMERIC else t
        return join('BOOLEAN', [sub(t), c.of(('=', '<>', '<', '<=', '>', '>=')), sub(other)], '({} {} {})')


NUMBER_FORMS = ('arithmetic', 'product', 'sign')
FORMS = {'INT': NUMBER_FORMS + ('modulo', 'quotient', 'length', 'extract', 'flag', 'position', 'day of year'),
         'BIGINT': NUMBER_FORMS + ('modulo', 'quotient', 'widen'), 'DOUBLE': ('arithmetic', 'absolute', 'scale', 'widen', 'floor', 'half'),
         'DECIMAL': NUMBER_FORMS + ('widen', 'round'), 'STRING': ('case of letters', 'concatenate', 'substring', 'trim', 'digits', 'replace', 'cut', 'turn', 'fill'),
         'DATE': ('of time', 'add'), 'TIMESTAMP': ('midnight', 'floor', 'add'),
         'BOOLEAN': ('compare', 'compare', 'compare', 'and', 'or', 'not', 'like', 'null', 'truth', 'between', 'in', 'distinct')}
