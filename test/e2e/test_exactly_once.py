"""Killed at any moment and started again from its newest checkpoint, a job writes every row once."""
import os
import random
import signal
import threading
import time

import pytest

from weir import newest_checkpoint, table, visible_rows, wait_for

ROWS, FILES = 6000, 4


class Writer(threading.Thread):
    """Appends rows to several files, rotating one now and then."""

    def __init__(self, folder):
        super().__init__(daemon=True)
        self.folder, self.random = folder, random.Random(7)

    def run(self):
        for first in range(0, ROWS, 50):
            name = os.path.join(self.folder, 'f%d' % (first // 50 % FILES))
            with open(name, 'a') as f:
                f.write(''.join('{"id":%d}\n' % i for i in range(first, first + 50)))
            if self.random.random() < 0.05:
                os.rename(name, '%s.%d' % (name, first))
            time.sleep(0.02)


def job(weir, source_options, settings, parallelism, checkpoint):
    settings = dict(settings, parallelism__default=parallelism)
    if checkpoint:
        settings['execution__state_recovery__path'] = checkpoint
    return weir.start(
        table('t', 'id BIGINT', weir.path('in'), **source_options) +
        table('o', 'id BIGINT', weir.path('out'), sink__rolling_policy__rollover_interval='120 ms',
              sink__rolling_policy__check_interval='60 ms') + 'INSERT INTO o SELECT * FROM t;', **settings)


@pytest.mark.parametrize('parallelisms', [(1,), (2, 1, 3)])
def test_kill_and_restore(weir, parallelisms):
    os.makedirs(weir.path('in'))
    settings = {'execution__checkpointing__interval': '60 ms', 'execution__checkpointing__dir': weir.path('chk'),
                'pipeline__max_parallelism': 8}
    source = {'source__follow': 'true'}
    writer = Writer(weir.path('in'))
    writer.start()
    chance = random.Random(len(parallelisms))
    for attempt in range(5):
        before = newest_checkpoint(weir.path('chk'))
        p = job(weir, source, settings, parallelisms[attempt % len(parallelisms)], before)
        wait_for(lambda: newest_checkpoint(weir.path('chk')) != before, process=p)
        time.sleep(0.1 + chance.random() * 0.4)
        ids = [r['id'] for r in visible_rows(weir.path('out'))]
        assert len(ids) == len(set(ids))
        p.kill()
        p.wait()
    p = job(weir, source, settings, parallelisms[-1], newest_checkpoint(weir.path('chk')))
    writer.join()
    wait_for(lambda: len(visible_rows(weir.path('out'))) >= ROWS, process=p)
    time.sleep(0.3)
    ids = [r['id'] for r in visible_rows(weir.path('out'))]
    assert len(ids) == ROWS and sorted(ids) == list(range(ROWS))
    weir.stop(p)


def test_a_bounded_job_goes_on_where_it_was(weir):
    """Killed in the middle of a large file; aggregation state is restored with the positions."""
    count = 200000
    with open(weir.write('in/a', ''), 'w') as f:
        for i in range(count):
            f.write('{"k":%d,"v":%d}\n' % (i % 7, i))
    sql = (table('t', 'k INT, v BIGINT', weir.path('in/a')) +
           table('o', 'k INT, n BIGINT, s BIGINT', weir.path('out'), fmt='changelog-json') +
           'INSERT INTO o SELECT k, COUNT(*), SUM(v) FROM t GROUP BY k;')
    settings = {'execution__checkpointing__interval': '20 ms', 'execution__checkpointing__dir': weir.path('chk')}
    p = weir.start(sql, **settings)
    wait_for(lambda: newest_checkpoint(weir.path('chk')) or p.poll() is not None)
    p.kill()
    was_killed = p.wait() < 0
    restored = newest_checkpoint(weir.path('chk')) if was_killed else None
    if restored:
        result = weir.run(sql, execution__state_recovery__path=restored, **settings)
        assert result.code == 0, result.both
    counts = {}
    for row in visible_rows(weir.path('out')):
        key = (row['data']['k'], row['data']['n'], row['data']['s'])
        counts[key] = counts.get(key, 0) + (1 if row['op'] in ('+I', '+U') else -1)
        assert counts[key] in (-1, 0, 1)
    state = sorted(key for key, n in counts.items() if n)
    assert [n for n in counts.values() if n] == [1] * 7
    assert state == [(k, len(range(k, count, 7)), sum(range(k, count, 7))) for k in range(7)]


def test_restoring_from_nothing_says_so(weir):
    weir.write('in/a', '{"id":1}\n')
    result = weir.run(table('t', 'id BIGINT', weir.path('in')) + table('o', 'id BIGINT', weir.path('out')) +
                      'INSERT INTO o SELECT * FROM t;', execution__state_recovery__path=weir.path('chk/none'))
    assert result.code == 1 and 'chk/none' in result.err and 'no completed checkpoint' in result.err


def test_a_checkpoint_of_another_job_is_refused(weir):
    weir.write('in/a', '{"id":1}\n')
    settings = {'execution__checkpointing__interval': '50 ms', 'execution__checkpointing__dir': weir.path('chk')}
    p = weir.start(table('t', 'id BIGINT', weir.path('in'), source__follow='true') + table('o', 'id BIGINT', weir.path('out')) +
                   'INSERT INTO o SELECT * FROM t;', **settings)
    wait_for(lambda: newest_checkpoint(weir.path('chk')), process=p)
    weir.stop(p, signal.SIGKILL)
    result = weir.run(table('t', 'id BIGINT', weir.path('in')) + table('o', 'id BIGINT', weir.path('out2')) +
                      'INSERT INTO o SELECT DISTINCT id FROM t;',
                      execution__state_recovery__path=newest_checkpoint(weir.path('chk')), **settings)
    assert result.code == 1 and 'checkpoint' in result.err, result.both


def test_a_damaged_checkpoint_is_refused(weir):
    weir.write('in/a', '{"id":1}\n')
    settings = {'execution__checkpointing__interval': '50 ms', 'execution__checkpointing__dir': weir.path('chk')}
    sql = (table('t', 'id BIGINT', weir.path('in'), source__follow='true') + table('o', 'id BIGINT', weir.path('out')) +
           'INSERT INTO o SELECT * FROM t;')
    p = weir.start(sql, **settings)
    wait_for(lambda: newest_checkpoint(weir.path('chk')), process=p)
    weir.stop(p, signal.SIGKILL)
    checkpoint = newest_checkpoint(weir.path('chk'))
    for name in os.listdir(checkpoint):
        if not name.startswith('vertex'):
            continue
        with open(os.path.join(checkpoint, name), 'r+b') as f:
            f.seek(os.path.getsize(f.name) // 2)
            byte = f.read(1)
            f.seek(-1, 1)
            f.write(bytes([byte[0] ^ 0x40]))
        break
    result = weir.run(sql, execution__state_recovery__path=checkpoint, **settings)
    assert result.code == 1 and 'vertex-' in result.err, result.both


def test_failed_checkpoints_are_tolerated_as_often_as_told(weir):
    """Where checkpoints cannot be written the job fails and says where, unless failures in a row are allowed."""
    weir.write('file', '')
    weir.write('in/a', '{"k":1}\n')
    settings = {'execution__checkpointing__interval': '50 ms', 'execution__checkpointing__dir': weir.path('file', 'chk')}
    sql = (table('t', 'k INT', weir.path('in'), source__follow='true') +
           "CREATE TABLE o (k INT) WITH ('connector'='blackhole');\nINSERT INTO o SELECT k FROM t;")
    result = weir.run(sql, **settings)
    assert result.code == 1 and weir.path('file') in result.err, result.both
    p = weir.start(sql, execution__checkpointing__tolerable_failed_checkpoints='1000', **settings)
    time.sleep(0.5)
    assert p.poll() is None
    weir.stop(p)
