"""Random queries over the tables of a world: what a SELECT is made of, from FROM to LIMIT."""
from grammar import DDL, NUMERIC, POSTGRES_DDL, TYPES, Grammar, Text, comma, join, literal, plain

AGGREGATED = ('INT', 'BIGINT', 'DOUBLE', 'DECIMAL', 'STRING', 'DATE', 'TIMESTAMP')


def text_of(parts, template, **more):
    return join(None, parts, template, **more)


class Relation:
    """What may stand in FROM: its text, its columns [(name, type)], and the column of event time if it still is one."""

    def __init__(self, text, columns, rowtime=None):
        self.text, self.columns, self.rowtime = text, columns, rowtime

    def scope(self, alias):
        return [(alias, n, t) for n, t in self.columns]


class Queries(Grammar):
    def query(self):
        """-> (the query, its columns); CTEs go in front of it."""
        if self.c.some(3):
            return self._sorted_by_time()
        return self.select(2)

    def _sorted_by_time(self):
        self.c.note('order by time')
        table, alias = self.events(), self.name('r')
        chosen, columns = self.named([(alias, n, t) for n, t in table.columns])
        return text_of([chosen, table.name, alias, self.where([(alias, n, t) for n, t in table.columns], 0), alias], 'SELECT {} FROM {} AS {}{} ORDER BY {}.ts'), columns

    def with_clause(self):
        if not self.with_:
            return plain('')
        return join(None, [comma([join(None, [n, t], '{} AS ({})') for n, t, _ in self.with_])], 'WITH {} ')

    # ---- FROM

    def relation(self, depth):
        c = self.c
        kind = c.of(('table', 'table', 'table', 'query', 'cte', 'values')) if depth > 0 else 'table'
        if kind == 'values':
            return self.values()
        if kind == 'cte' and self.with_ and c.some(50):
            name, _, columns = c.of(self.with_)
            c.note('cte again')
            return Relation(plain(name), columns)
        if kind == 'table':
            table = c.of(self.world)
            return Relation(plain(table.name), table.columns, table.rowtime)
        text, columns = self.select(depth - 1)
        if kind == 'cte':
            name = self.name('w')
            self.with_.append((name, text, columns))
            c.note('cte')
            return Relation(plain(name), columns)
        return Relation(text_of([text], '({})'), columns)

    def values(self):
        c = self.c
        c.note('values')
        columns = [(self.name('c'), c.of(TYPES)) for _ in range(1 + c.draw(3))]
        rows = [join(None, [comma([self.literal(t) if not c.some(15) else literal(None, t) for _, t in columns])], '({})') for _ in range(1 + c.draw(4))]
        names, inner = ', '.join(n for n, _ in columns), self.name('r')
        lite = ', '.join('column%d AS %s' % (i + 1, n) for i, (n, _) in enumerate(columns))
        return Relation(join(None, [comma(rows)], '(SELECT * FROM (VALUES {}) AS %s(%s))' % (inner, names), sqlite='(SELECT %s FROM (VALUES {}))' % lite), columns)

    def item(self, depth):
        """-> (text with its alias, scope)"""
        relation, alias = self.relation(depth), self.name('r')
        return text_of([relation.text, alias], '{} AS {}'), relation.scope(alias)

    def equality(self, left, right):
        pairs = [(a, b) for a in left for b in right if a[2] == b[2]]
        if not pairs:
            return None
        a, b = self.c.of(pairs)
        self.c.note('key ' + a[2])
        return plain('%s.%s = %s.%s' % (a[0], a[1], b[0], b[1]), 'BOOLEAN')

    def source(self, depth):
        """The FROM clause: one relation or a few joined ones."""
        c = self.c
        text, scope = self.item(depth)
        for _ in range(c.of((0, 0, 1, 1, 2)) if depth > 0 else 0):
            other, right = self.item(depth - 1)
            kind = c.of(('JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN', 'CROSS JOIN'))
            condition = self.equality(scope, right)
            if condition is None:
                kind = 'CROSS JOIN'
            c.note(kind.lower())
            if kind == 'CROSS JOIN':
                text = text_of([text, other], '{} CROSS JOIN {}')
            else:
                if c.some(30):
                    extra = self.equality(scope, right) if c.draw(2) == 0 else self.condition(scope + right)
                    condition = text_of([condition, extra], '{} AND {}')
                text = text_of([text, kind, other, condition], '{} {} {} ON {}')
            scope = scope + right
        return text, scope

    def condition(self, scope):
        """A predicate that speaks of a column at least."""
        result = self.expression('BOOLEAN', scope, 3)
        if result.constant or '.' not in (result.forms[0] or '.'):
            alias, name, _ = self.c.of(scope)
            result = plain('%s.%s IS NOT NULL' % (alias, name), 'BOOLEAN')
        return result

    def where(self, scope, depth):
        c = self.c
        parts = []
        if c.some(60):
            parts.append(self.condition(scope))
        if depth > 0 and c.some(25):
            parts.append(self.subquery_condition(scope, depth))
        if not parts:
            return plain('')
        c.note('where')
        # a correlated EXISTS must be a condition of its own
        word = ' OR ' if c.some(20) and 'EXISTS' not in parts[-1].forms[0] else ' AND '
        return text_of([text_of(parts, word.join(['{}'] * len(parts)))], ' WHERE {}')

    def subquery_condition(self, scope, depth):
        c = self.c
        text, inner = self.item(depth - 1)
        no = c.of(('', 'NOT '))
        if c.some(20):
            return self.scalar_condition(scope, text, inner)
        local = text_of([self.condition(inner)], '{}') if c.some(40) else None
        if c.draw(2) == 0:
            pairs = [(a, b) for a in scope for b in inner if a[2] == b[2]]
            if pairs:
                c.note('%sin' % no.lower())
                a, b = c.of(pairs)
                parts = ['%s.%s %sIN' % (a[0], a[1], no), '%s.%s' % (b[0], b[1]), text]
                return text_of(parts + [local], '{} (SELECT {} FROM {} WHERE {})') if local else text_of(parts, '{} (SELECT {} FROM {})')
        c.note('%sexists' % no.lower())
        condition = self.equality(scope, inner) or self.condition(inner)
        if local:
            condition = text_of([condition, local], '{} AND {}')
        return text_of([no, text, condition], '{}EXISTS (SELECT 1 FROM {} WHERE {})')

    def scalar_condition(self, scope, text, inner):
        c = self.c
        c.note('scalar sub-query')
        alias, name, t = c.of([s for s in inner if s[2] != 'BOOLEAN'] or inner)
        call, t = ('COUNT', 'BIGINT') if t == 'BOOLEAN' else c.of((('MAX', t), ('MIN', t), ('COUNT', 'BIGINT')))
        having = ' HAVING COUNT(*) > 0'
        return text_of([self.expression(t, scope, 1), c.of(('>', '=', '<=', '<>')), call, '%s.%s' % (alias, name), text, having], '({} {} (SELECT {}({}) FROM {}{}))')

    # ---- SELECT

    def select(self, depth):
        c = self.c
        kinds = ['plain', 'plain', 'aggregate', 'aggregate', 'distinct']
        if depth > 0:
            kinds += ['union', 'topn', 'window', 'window', 'interval', 'limit', 'grouping', 'first', 'shape', 'shape', 'shape', 'shape']
        kind = c.of(kinds)
        c.note('select ' + kind)
        return getattr(self, '_select_' + kind)(depth)

    def _select_shape(self, depth):
        shape = self.c.of(('filter', 'constant', 'twice', 'same', 'same', 'cast', 'cast', 'literal', 'alternatives', 'computed', 'alternatives', 'computed', 'member', 'member', 'chain', 'reuse', 'union', 'slots', 'keyed', 'rows', 'best'))
        self.c.note('shape ' + shape)
        return getattr(self, '_shape_' + shape)(depth)

    def outputs(self, texts):
        """-> (the list of a SELECT, its columns)"""
        names = [self.name('c') for _ in texts]
        return comma([text_of([t, n], '{} AS {}') for t, n in zip(texts, names)]), [(n, t.type) for t, n in zip(texts, names)]

    def _select_plain(self, depth, types=None, distinct=''):
        c = self.c
        text, scope = self.source(depth)
        where = self.where(scope, depth)
        if types is None and c.some(10):
            where = plain('') if c.draw(2) else where
        types = types or [c.of(TYPES) if c.some(60) else c.of(scope)[2] for _ in range(1 + c.draw(4))]
        chosen, columns = self.outputs([self.expression(t, scope) for t in types])
        return text_of([distinct, chosen, text, where], 'SELECT {}{} FROM {}{}'), columns

    def _select_distinct(self, depth):
        return self._select_plain(depth, distinct='DISTINCT ')

    def _select_union(self, depth):
        c = self.c
        a, columns = self._select_plain(depth - 1)
        result = a
        for _ in range(1 + c.draw(2)):
            b, _ = self._select_plain(depth - 1, [t for _, t in columns])
            word = c.of(('UNION ALL', 'UNION'))
            c.note(word.lower())
            # PostgreSQL and SQLite read a chain from the left, as Weir does
            result = text_of([result, word, b], '{} {} {}')
        return result, columns

    def call(self, scope):
        """One aggregate call over the columns of scope."""
        c = self.c
        kind = c.of(('count all', 'count', 'sum', 'min', 'max', 'average', 'count', 'sum'))
        alias, name, t = c.of(scope)
        x = plain('%s.%s' % (alias, name), t)
        if c.some(25):
            x = self.expression(t, scope, 1)
        x.type = t
        distinct = 'DISTINCT ' if kind in ('count', 'sum') and c.some(35) else ''
        if kind in ('sum', 'average') and t not in NUMERIC or kind in ('min', 'max') and t not in AGGREGATED:
            kind = 'count'
        if kind == 'average':
            kind, distinct = ('average', '') if t == 'DOUBLE' else ('sum', distinct)
        if kind == 'count all':
            result, t = plain('COUNT(*)'), 'BIGINT'
        elif kind == 'count':
            result, t = text_of([distinct, x], 'COUNT({}{})'), 'BIGINT'
        elif kind == 'sum':
            result = text_of([distinct, x], 'SUM({}{})')
        else:
            result = text_of([{'min': 'MIN', 'max': 'MAX', 'average': 'AVG'}[kind], x], '{}({})')
        c.note('aggregate ' + kind + (' distinct' if distinct else ''))
        if c.some(20):
            c.note('aggregate filter')
            result = text_of([result, self.condition(scope)], '{} FILTER (WHERE {})')
        if kind == 'sum' and t in ('INT', 'BIGINT'):
            result = text_of([result], '{}', postgres='CAST({} AS %s)' % t)
        result.type = t
        return result

    def calls(self, scope):
        return [self.call(scope) for _ in range(1 + self.c.draw(3))]

    def having(self, scope):
        c = self.c
        if not c.some(25):
            return plain('')
        c.note('having')
        call = self.call(scope)
        return text_of([call, c.of(('>', '<=', '<>')), self.literal(call.type)], ' HAVING {} {} {}')

    def _select_aggregate(self, depth, source=None, keys=None):
        c = self.c
        text, scope = source or self.source(depth)
        where = self.where(scope, depth)
        keys = list(keys or [])
        for _ in range(c.draw(3)):
            alias, name, t = c.of(scope)
            if t != 'BOOLEAN' or c.draw(2) == 0:
                keys.append(plain('%s.%s' % (alias, name), t))
        for k in keys:
            c.note('group by ' + k.type)
        having = self.having(scope) if keys else plain(' HAVING COUNT(*) > 0')
        shown = [k for k in keys if c.some(85) or c.draw(2)]
        calls = self.calls(scope) if not keys or c.some(90) else []
        chosen, columns = self.outputs(shown + calls or keys)
        if not keys:
            return text_of([chosen, text, where, having], 'SELECT {} FROM {}{}{}'), columns
        return text_of([chosen, text, where, comma(keys), having], 'SELECT {} FROM {}{} GROUP BY {}{}'), columns

    def _select_grouping(self, depth):
        c = self.c
        text, scope = self.source(depth - 1)
        where = self.where(scope, 0)
        chosen = []
        for _ in range(1 + c.draw(3)):
            s = c.of(scope)
            if s not in chosen:
                chosen.append(s)
        keys = [plain('%s.%s' % (s[0], s[1]), s[2]) for s in chosen]
        kind = c.of(('ROLLUP', 'CUBE', 'GROUPING SETS'))
        c.note(kind.lower())
        if kind == 'GROUPING SETS':
            sets = [[k.forms[0] for k in keys]]
            for _ in range(1 + c.draw(3)):
                sets.append([k.forms[0] for k in keys if c.draw(2)])
            group = '%s (%s)' % (kind, ', '.join('(%s)' % ', '.join(s) for s in sets))
        else:
            group = '%s (%s)' % (kind, ', '.join(k.forms[0] for k in keys))
        outputs = keys + self.calls(scope)
        if c.some(40):
            c.note('grouping()')
            outputs.append(join('BIGINT', [keys[0]], 'GROUPING({})'))
        chosen, columns = self.outputs(outputs)
        return join(None, [chosen, text, where, group], 'SELECT {} FROM {}{} GROUP BY {} HAVING COUNT(*) > 0', sqlite=''), columns

    def ordering(self, scope, first=()):
        """ORDER BY every column (so that ties are rows that are the same), NULLs where Weir has them by itself or as told."""
        c = self.c
        rest = [s for s in scope if s not in first]
        for i in range(len(rest)):
            j = c.draw(len(rest) - i) + i
            rest[i], rest[j] = rest[j], rest[i]
        parts = []
        for alias, name, _ in list(first) + rest:
            word, nulls = c.of((('ASC', 'FIRST'), ('DESC', 'LAST')))
            if c.some(20):
                nulls = c.of(('FIRST', 'LAST'))
                parts.append(plain('%s.%s %s NULLS %s' % (alias, name, word, nulls)))
            else:
                parts.append(join(None, [], '%s.%s %s' % (alias, name, word), '%s.%s %s NULLS %s' % (alias, name, word, nulls)))
        return comma(parts)

    def _select_limit(self, depth):
        c = self.c
        relation = self.relation(depth)
        alias = self.name('r')
        scope = relation.scope(alias)
        where = self.where(scope, 0)
        chosen, columns = self.outputs([plain('%s.%s' % (a, n), t) for a, n, t in scope])
        offset = ' OFFSET %d' % c.draw(4) if c.some(25) else ''
        text = text_of([chosen, relation.text, alias, where, self.ordering(scope), 1 + c.draw(6), offset],
                       'SELECT {} FROM {} AS {}{} ORDER BY {} LIMIT {}{}')
        return text_of([text, self.name('r')], 'SELECT * FROM ({}) AS {}'), columns

    def _select_topn(self, depth):
        c = self.c
        relation = self.relation(depth)
        alias, outer, rank = self.name('r'), self.name('r'), self.name('n')
        scope = relation.scope(alias)
        by = ', '.join('%s.%s' % (a, n) for a, n, _ in [c.of(scope) for _ in range(c.draw(3))])
        chosen, columns = self.outputs([plain('%s.%s' % (a, n), t) for a, n, t in scope])
        where = self.where(scope, 0)
        inner = text_of([chosen, 'PARTITION BY ' + by if by else '', self.ordering(scope), rank, relation.text, alias, where],
                        'SELECT {}, ROW_NUMBER() OVER ({} ORDER BY {}) AS {} FROM {} AS {}{}')
        limit = c.of(('{0}.{1} <= 2', '{0}.{1} = 1', '{0}.{1} <= 1', '{0}.{1} < 4', '{0}.{1} <= 3 AND {0}.{1} >= 2')).format(outer, rank)
        if c.some(30):
            limit += ' AND ' + self.condition_text([(outer, n, t) for n, t in columns])
        shown = columns[:]
        if c.some(50):
            shown.append((rank, 'BIGINT'))
        return text_of([', '.join('%s.%s' % (outer, n) for n, _ in shown), inner, outer, limit], 'SELECT {} FROM ({}) AS {} WHERE {}'), shown

    def condition_text(self, scope):
        alias, name, _ = self.c.of(scope)
        return '%s.%s IS %sNULL' % (alias, name, self.c.of(('NOT ', '')))

    # ---- shapes that optimizer rules are for

    def named(self, scope):
        return self.outputs([plain('%s.%s' % (a, n), t) for a, n, t in scope])

    def key_of(self, scope):
        return self.c.of([s for s in scope if s[2] == 'INT'] or scope)

    def _shape_filter(self, depth):
        text, columns = self.select(depth - 1)
        alias = self.name('r')
        scope = [(alias, n, t) for n, t in columns]
        chosen, shown = self.named(scope)
        return text_of([chosen, text, alias, self.condition(scope)], 'SELECT {} FROM ({}) AS {} WHERE {}'), shown

    def _shape_union(self, depth):
        text, columns = self._select_union(1)
        alias = self.name('r')
        scope = [(alias, n, t) for n, t in columns]
        chosen, shown = self.named(scope)
        return text_of([chosen, text, alias, self.condition(scope)], 'SELECT {} FROM ({}) AS {} WHERE {}'), shown

    def _shape_constant(self, depth):
        text, scope = self.source(depth - 1)
        chosen, shown = self.named(scope[:3])
        condition = self.c.of(('TRUE', '1 = 2', 'FALSE', '1 < 2', 'NOT FALSE'))
        return text_of([chosen, text, condition], 'SELECT {} FROM {} WHERE {}'), shown

    def _shape_twice(self, depth):
        text, scope = self.item(0)
        chosen, columns = self.named(scope)
        outer = self.name('r')
        over = [(outer, n, t) for n, t in columns]
        shown, result = self.named(over)
        return text_of([shown, chosen, text, self.condition(scope), outer, self.condition(over)],
                       'SELECT {} FROM (SELECT {} FROM {} WHERE {}) AS {} WHERE {}'), result

    def _shape_same(self, depth):
        """Equal aggregate calls under other names."""
        c = self.c
        text, scope = self.item(0)
        key, x, outer = self.key_of(scope), self.c.of(scope), self.name('r')
        inner, columns = self.named([key, x, x])
        over = [plain('%s.%s' % (outer, n), t) for n, t in columns]
        word, type_ = c.of((('COUNT', 'BIGINT'), ('MAX', x[2]) if x[2] != 'BOOLEAN' else ('COUNT', 'BIGINT')))
        calls = [text_of([o], word + '({})') for o in over[1:]]
        for call in calls:
            call.type = type_
        chosen, shown = self.outputs([over[0]] + calls)
        return text_of([chosen, inner, text, outer, over[0]], 'SELECT {} FROM (SELECT {} FROM {}) AS {} GROUP BY {}'), shown

    def _shape_cast(self, depth):
        text, scope = self.item(depth - 1)
        key, c = self.key_of(scope), self.c
        to = c.of(('BIGINT', 'INT') if key[2] == 'INT' else (key[2],))
        operand = join(to, ['%s.%s' % key[:2]], 'CAST({} AS %s)' % DDL[to], 'CAST({} AS %s)' % POSTGRES_DDL[to], '{}')
        condition = text_of([operand, c.of(('>', '=', '<=', '<>')), self.literal(to)], '{} {} {}')
        chosen, shown = self.named(scope[:3])
        return text_of([chosen, text, condition], 'SELECT {} FROM {} WHERE {}'), shown

    def joined(self, depth):
        a, left = self.item(depth - 1)
        b, right = self.item(depth - 1)
        return a, left, b, right

    def _shape_literal(self, depth):
        """A join key that is told to be a constant."""
        c = self.c
        a, left, b, right = self.joined(0)
        x, y = self.key_of(left), self.key_of(right)
        kind = c.of(('JOIN', 'LEFT JOIN', 'RIGHT JOIN'))
        told = y if kind == 'RIGHT JOIN' else x
        if x[2] != y[2]:
            return self._shape_filter(depth)
        chosen, shown = self.named([x, y, c.of(left + right)])
        return text_of([chosen, a, kind, b, '%s.%s = %s.%s' % (x[:2] + y[:2]), '%s.%s' % told[:2], self.literal(told[2])],
                       'SELECT {} FROM {} {} {} ON {} WHERE {} = {}'), shown

    def _shape_alternatives(self, depth):
        c = self.c
        a, left, b, right = self.joined(depth)
        key = self.equality(left, right)
        if key is None:
            return self._shape_filter(depth)
        branches = [text_of([self.condition(left), self.condition(right)], '({} AND {})') for _ in range(2)]
        chosen, shown = self.named([c.of(left), c.of(right)])
        kind = c.of(('JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN'))
        return text_of([chosen, a, kind, b, key] + branches, 'SELECT {} FROM {} {} {} ON {} AND ({} OR {})'), shown

    def _shape_computed(self, depth):
        """A join by expressions."""
        c = self.c
        a, left, b, right = self.joined(depth)
        x, y = self.key_of(left), self.key_of(right)
        if x[2] != 'INT' or y[2] != 'INT':
            return self._shape_filter(depth)
        chosen, shown = self.named([x, y, c.of(left + right)])
        key = c.of(('{0} + 1 = {1}', '{0} + 1 = {1} - 1', '{0} = MOD({1}, 3)', 'COALESCE({0}, 1) = COALESCE({1}, 1)'))
        lite = key.replace('MOD({1}, 3)', '{1} % 3')
        condition = join('BOOLEAN', ['%s.%s' % x[:2], '%s.%s' % y[:2]], key, sqlite=lite)
        return text_of([chosen, a, c.of(('JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN')), b, condition], 'SELECT {} FROM {} {} {} ON {}'), shown

    def _shape_member(self, depth):
        """A semi or anti join with a table that changes."""
        c = self.c
        text, scope = self.item(depth - 1)
        table, inner = c.of([t for t in self.world if t.changes is not None]), self.name('r')
        x = self.key_of(scope)
        if x[2] != 'INT':
            return self._shape_filter(depth)
        chosen, shown = self.named([x, c.of(scope)])
        key, no = '%s.%s' % x[:2], c.of(('', 'NOT '))
        exists = c.draw(2) == 1
        template = 'SELECT {0} FROM {1} WHERE {3}EXISTS (SELECT 1 FROM {4} AS {5} WHERE {5}.k = {2})' if exists else \
            'SELECT {0} FROM {1} WHERE {2} {3}IN (SELECT {5}.k FROM {4} AS {5})'
        return text_of([chosen, text, key, no, table.name, inner], template), shown

    def _shape_chain(self, depth):
        """By the same key twice: no second exchange."""
        c = self.c
        a, left, b, right = self.joined(0)
        x, y = self.key_of(left), self.key_of(right)
        if x[2] != y[2]:
            return self._shape_filter(depth)
        key = plain('%s.%s' % c.of((x, y))[:2], x[2])
        chosen, shown = self.outputs([key] + self.calls(left + right))
        return text_of([chosen, a, c.of(('JOIN', 'LEFT JOIN', 'FULL JOIN')), b, '%s.%s = %s.%s' % (x[:2] + y[:2]), key],
                       'SELECT {} FROM {} {} {} ON {} GROUP BY {}'), shown

    def _shape_reuse(self, depth):
        c = self.c
        inner, columns = self._select_aggregate(0)
        a, b = self.name('r'), self.name('r')
        name, type_ = c.of(columns)
        chosen, shown = self.named([(a, n, t) for n, t in columns] + [(b,) + columns[-1]])
        return text_of([chosen, inner, a, c.of(('JOIN', 'LEFT JOIN', 'FULL JOIN')), inner, b, '%s.%s = %s.%s' % (a, name, b, name)],
                       'SELECT {} FROM ({}) AS {} {} ({}) AS {} ON {}'), shown

    def _shape_slots(self, depth):
        text, scope = self.window()
        chosen, shown = self.named([s for s in scope if s[1].startswith('window_')] + [self.c.of(scope[:-2])])
        return text_of([chosen, text], 'SELECT DISTINCT {} FROM {}'), shown

    def _shape_rows(self, depth):
        text, scope = self.window()
        chosen, shown = self.named(scope)
        return text_of([chosen, text, self.condition(scope[:-3])], 'SELECT {} FROM {} WHERE {}'), shown

    def _shape_keyed(self, depth):
        """The partition of a Top-N, told from above."""
        c = self.c
        text, scope = self.item(depth - 1)
        key, outer, rank = self.key_of(scope), self.name('r'), self.name('n')
        inner, columns = self.named(scope)
        over = [(outer, n, t) for n, t in columns]
        told = plain('%s.%s' % over[scope.index(key)][:2], key[2])
        chosen, shown = self.named(over)
        condition = text_of([told, c.of(('=', '>', '<>')), self.literal(key[2])], '{} {} {}')
        return text_of([chosen, inner, '%s.%s' % key[:2], self.ordering(scope), rank, text, outer, '%s.%s' % (outer, rank), c.draw(3) + 1, condition],
                       'SELECT {} FROM (SELECT {}, ROW_NUMBER() OVER (PARTITION BY {} ORDER BY {}) AS {} FROM {}) AS {} WHERE {} <= {} AND {}'), shown

    # ---- time

    def events(self):
        return self.c.of([t for t in self.world if t.rowtime])

    def _select_first(self, depth):
        """The first or last row of a key by event time (which no two rows of a table share)."""
        c = self.c
        table, alias, outer, rank = self.events(), self.name('r'), self.name('r'), self.name('n')
        keys = [c.of(table.columns[:-1])[0] for _ in range(1 + c.draw(2))]
        word = c.of(('ASC', 'DESC'))
        inner = 'SELECT *, ROW_NUMBER() OVER (PARTITION BY %s ORDER BY ts %s) AS %s FROM %s AS %s' % (', '.join(keys), word, rank, table.name, alias)
        shown = [s for s in table.columns if s[0] != 'ts'] + ([(rank, 'BIGINT')] if c.some(30) else [])
        return plain('SELECT %s FROM (%s) AS %s WHERE %s.%s = 1' % (', '.join('%s.%s' % (outer, n) for n, _ in shown), inner, outer, outer, rank)), shown

    def window(self):
        """-> (text of a window table function, scope of its rows)"""
        c = self.c
        table, alias = self.events(), self.name('r')
        kind = c.of(('TUMBLE', 'HOP', 'CUMULATE', 'SESSION'))
        if kind == 'SESSION':
            return self.session(table, alias)
        step, count = c.of((60, 30, 7, 3600)), 1 + c.draw(4)
        size = step * count
        offset = c.of((1, 5)) if c.some(20) else 0
        if kind == 'TUMBLE':
            step, count = size, 1
        c.note('window ' + kind)
        interval = "INTERVAL '%d' SECOND(6)"
        data, end = table.name, ", " + interval % offset if offset else ''
        argument = 'TABLE %s, DESCRIPTOR(ts)' % data
        steps = {'TUMBLE': (size,), 'HOP': (step, size), 'CUMULATE': (step, size)}[kind]
        function = '%s(%s, %s%s)' % (kind, argument, ', '.join(interval % s for s in steps), end)
        identity = function
        if kind == 'TUMBLE' or step == size:
            name = {'TUMBLE': c.of(('HOP', 'CUMULATE')), 'HOP': 'TUMBLE', 'CUMULATE': 'HOP'}[kind]
            identity = '%s(%s, %s%s)' % (name, argument, ', '.join([interval % size] * (1 if name == 'TUMBLE' else 2)), end)
        weir = 'TABLE({}) AS %s' % alias
        slices = ', '.join('(%d)' % i for i in range(count))
        base = size if kind == 'CUMULATE' else step
        origin = "TIMESTAMP '1970-01-01 00:00:00' + INTERVAL '%d second'" % offset
        start = "date_bin(INTERVAL '%d second', x.ts, %s)" % (base, origin)
        second = "INTERVAL '%d second'"
        if kind == 'CUMULATE':
            first, last, keep = start, start + ' + (s.i + 1) * ' + second % step, 'x.ts < window_end'
        else:
            first, last, keep = start + ' - s.i * ' + second % step, start + ' - s.i * ' + second % step + ' + ' + second % size, 'TRUE'
        oracle = ('(SELECT * FROM (SELECT x.*, %s AS window_start, %s AS window_end FROM %s AS x CROSS JOIN (VALUES %s) AS s(i)) AS x WHERE %s) AS %s'
                  % (first, last, data, slices, keep, alias))
        low = 'bin(x.ts, %d, %d, ' % (base * 1000, offset * 1000)
        if kind == 'CUMULATE':
            first, last = low + '0)', low + '(s.i + 1) * %d)' % (step * 1000)
        else:
            first, last = low + '- s.i * %d)' % (step * 1000), low + '- s.i * %d + %d)' % (step * 1000, size * 1000)
        lite = ('(SELECT * FROM (SELECT x.*, %s AS window_start, %s AS window_end FROM %s AS x CROSS JOIN (SELECT column1 AS i FROM (VALUES %s)) AS s) AS x WHERE %s) AS %s'
                % (first, last, data, slices, keep, alias))
        columns = table.columns + [('window_start', 'TIMESTAMP'), ('window_end', 'TIMESTAMP')]
        self.old = None if kind == 'CUMULATE' or offset else (kind, ', '.join(interval % s for s in steps), '%s AS %s' % (data, alias), alias)
        return Text([weir.format(function), weir.format(identity), oracle, lite]), [(alias, n, t) for n, t in columns]

    def session(self, table, alias):
        """Sessions of a key: rows not further apart than the gap."""
        c = self.c
        c.note('window SESSION')
        self.old = None
        gap, key = c.of((30, 61, 17, 3600)), c.of(table.columns[:-1])[0]
        weir = "TABLE(SESSION(TABLE %s PARTITION BY %s, DESCRIPTOR(ts), INTERVAL '%d' SECOND(6))) AS %s" % (table.name, key, gap, alias)
        oracle = ('(SELECT y.*, MIN(ts) OVER (PARTITION BY %s, part) AS window_start, %s AS window_end FROM (SELECT x.*, SUM(new) OVER '
                  '(PARTITION BY %s ORDER BY ts) AS part FROM (SELECT x.*, CASE WHEN %s THEN 0 ELSE 1 END AS new FROM %s AS x) AS x) AS y) AS %s')
        last, before = 'MAX(ts) OVER (PARTITION BY %s, part)' % key, 'LAG(ts) OVER (PARTITION BY %s ORDER BY ts)' % key
        forms = (("%s + INTERVAL '%d second'" % (last, gap), "ts - %s <= INTERVAL '%d second'" % (before, gap)),
                 ('later(%s, %d)' % (last, gap * 1000), 'ms(ts) - ms(%s) <= %d' % (before, gap * 1000)))
        texts = [oracle % (key, end, key, near, table.name, alias) for end, near in forms]
        columns = table.columns + [('window_start', 'TIMESTAMP'), ('window_end', 'TIMESTAMP')]
        self.session_key = [plain('%s.%s' % (alias, key), dict(table.columns)[key])]
        return Text([weir, weir] + texts), [(alias, n, t) for n, t in columns]

    def legacy(self, text, scope):
        """GROUP BY TUMBLE(..) in Weir's words; the others group by the columns of the table function."""
        c = self.c
        c.note('legacy window')
        kind, steps, source, alias = self.old
        weir = '%s(%s.ts, %s)' % (kind, alias, steps)
        start, end = ['%s_%s(%s.ts, %s)' % (kind, what, alias, steps) for what in ('START', 'END')]
        rows = [s for s in scope if not s[1].startswith('window_')]
        keys = [plain('%s.%s' % s[:2], s[2]) for s in [c.of(rows[:-1]) for _ in range(c.draw(2))]]
        bounds = [Text([start, start] + ['%s.window_start' % alias] * 2, 'TIMESTAMP'), Text([end, end] + ['%s.window_end' % alias] * 2, 'TIMESTAMP')]
        chosen, columns = self.outputs(bounds + keys + self.calls(rows))
        both = '%s.window_start, %s.window_end' % (alias, alias)
        group = comma([Text([weir, weir, both, both])] + keys)
        return text_of([chosen, Text([source, source] + text.forms[2:]), self.where(rows, 0), group], 'SELECT {} FROM {}{} GROUP BY {}'), columns

    def _shape_best(self, depth):
        """The first few groups of each window."""
        c = self.c
        text, scope = self.window()
        alias = scope[0][0]
        keys = [plain('%s.%s' % (alias, n), 'TIMESTAMP') for n in ('window_start', 'window_end')] + [plain('%s.%s' % s[:2], s[2]) for s in [c.of(scope[:-3])]]
        inner, columns = self.outputs(keys + self.calls(scope))
        group, middle, outer, rank = comma(keys), self.name('r'), self.name('r'), self.name('n')
        over = [(middle, n, t) for n, t in columns]
        chosen, shown = self.named([(outer, n, t) for n, t in columns])
        return text_of([chosen, '%s.%s, %s.%s' % (over[0][:2] + over[1][:2]), self.ordering(over), rank, inner, text, group, middle, outer,
                        '%s.%s' % (outer, rank), c.draw(3) + 1],
                       'SELECT {} FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY {} ORDER BY {}) AS {} FROM (SELECT {} FROM {} GROUP BY {}) AS {}) AS {} WHERE {} <= {}'), shown

    def _select_window(self, depth):
        c = self.c
        self.session_key = []
        text, scope = self.window()
        if self.old and c.some(45):
            return self.legacy(text, scope)
        keys = [plain('%s.%s' % (a, n), t) for a, n, t in scope if n in ('window_start', 'window_end')] + self.session_key
        if c.some(15):
            c.note('window rows')
            where = self.where(scope, 0)
            chosen, columns = self.outputs([plain('%s.%s' % (a, n), t) for a, n, t in scope])
            return text_of([chosen, text, where], 'SELECT {} FROM {}{}'), columns
        return self._select_aggregate(0, (text, scope), keys)

    def _select_interval(self, depth):
        c = self.c
        left, right, a, b = self.events(), self.events(), self.name('r'), self.name('r')
        scope = [(a, n, t) for n, t in left.columns] + [(b, n, t) for n, t in right.columns]
        kind = c.of(('JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN'))
        c.note('interval ' + kind.lower())
        key = self.equality(scope[:len(left.columns) - 1], scope[len(left.columns):-1]) or plain('%s.k = %s.k' % (a, b))
        low, high = c.of((0, 30, 600, 4000)), c.of((0, 20, 900))
        weir = "%s.ts BETWEEN %s.ts - INTERVAL '%d' SECOND(6) AND %s.ts + INTERVAL '%d' SECOND(6)" % (a, b, low, b, high)
        other = "%s.ts BETWEEN %s.ts - INTERVAL '%d second' AND %s.ts + INTERVAL '%d second'" % (a, b, low, b, high)
        lite = "%s.ts BETWEEN later(%s.ts, %d) AND later(%s.ts, %d)" % (a, b, -low * 1000, b, high * 1000)
        condition = Text([weir, weir, other, lite])
        if c.some(25):
            key = text_of([key, self.condition([s for s in scope if s[1] != 'ts'])], '{} AND {}')
        shown = [plain('%s.%s' % (x, n), t) for x, n, t in [c.of(scope) for _ in range(1 + c.draw(4))]]
        chosen, columns = self.outputs(shown)
        where = self.where(scope, 0)
        return text_of([chosen, left.name, a, kind, right.name, b, key, condition, where],
                       'SELECT {} FROM {} AS {} {} {} AS {} ON {} AND {}{}'), columns
