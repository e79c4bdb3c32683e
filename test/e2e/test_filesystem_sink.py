"""What the filesystem sink leaves for readers, and when."""
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'chaos'))

from test_cluster import start, wait_state  # noqa: E402, F401
from weir import WAIT_SECONDS, table, visible_files, visible_rows, wait_for  # noqa: E402

BATCH = {'execution__runtime_mode': 'batch'}
FAST = {'sink__rolling_policy__rollover_interval': '50 ms', 'sink__rolling_policy__check_interval': '50 ms'}


def numbers(count):
    return ("CREATE TABLE n (id BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '%d', 'rows-per-second' = '100000000', "
            "'fields.id.kind' = 'sequence', 'fields.id.start' = '0', 'fields.id.end' = '%d');\n" % (count, count - 1))


def test_readers_see_whole_files_only(weir):
    """Whatever is visible at any moment ends with a whole record, and stays as it is."""
    p = weir.start("CREATE TABLE n (id BIGINT, s STRING) WITH ('connector' = 'datagen', 'rows-per-second' = '20000', "
                   "'fields.id.kind' = 'sequence', 'fields.id.start' = '0', 'fields.id.end' = '100000000', "
                   "'fields.s.length' = '50');\n" +
                   table('o', 'id BIGINT, s STRING', weir.path('out'), **FAST) + 'INSERT INTO o SELECT * FROM n;',
                   execution__checkpointing__interval='40 ms', execution__checkpointing__dir=weir.path('chk'))
    wait_for(lambda: len(visible_files(weir.path('out'))) >= 2, process=p)
    sizes = {}
    until = time.monotonic() + 1.5
    late = until + WAIT_SECONDS
    while time.monotonic() < until or len(sizes) <= 5 and time.monotonic() < late:
        visible_rows(weir.path('out'))
        for path in visible_files(weir.path('out')):
            assert sizes.setdefault(path, os.path.getsize(path)) == os.path.getsize(path)
    weir.stop(p)
    ids = [r['id'] for r in visible_rows(weir.path('out'))]
    assert len(sizes) > 5 and sorted(ids) == list(range(len(ids)))


def test_nothing_is_visible_before_a_checkpoint(weir):
    p = weir.start("CREATE TABLE n (id BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '10000');\n" +
                   table('o', 'id BIGINT', weir.path('out'), **FAST) + 'INSERT INTO o SELECT * FROM n;')
    wait_for(lambda: os.path.isdir(weir.path('out')) and os.listdir(weir.path('out')), process=p)
    time.sleep(0.5)
    assert visible_files(weir.path('out')) == []
    weir.stop(p)
    assert visible_files(weir.path('out')) == []


def test_rolling_by_size(weir):
    result = weir.run(numbers(20000) + table('o', 'id BIGINT', weir.path('out'), sink__rolling_policy__file_size='64 kb') +
                      'INSERT INTO o SELECT * FROM n;', **BATCH)
    assert result.code == 0, result.both
    sizes = [os.path.getsize(f) for f in visible_files(weir.path('out'))]
    assert len(sizes) >= 4 and max(sizes) < 128 * 1024
    assert sorted(r['id'] for r in visible_rows(weir.path('out'))) == list(range(20000))


def test_partitions(weir):
    sql = (table('o', 'a INT, p STRING, d DATE', weir.path('out'), partitioned='p, d',
                 sink__partition_commit__policy__kind='success-file') +
           "INSERT INTO o VALUES (1, 'x', DATE '2024-01-02'), (2, 'a/b=c', DATE '2024-01-02'), "
           "(3, CAST(NULL AS STRING), DATE '2024-01-03');\n")
    rows = weir.rows(sql + 'SELECT * FROM o;', **BATCH)
    assert sorted(rows) == ['+I[1, x, 2024-01-02]', '+I[2, a/b=c, 2024-01-02]', '+I[3, null, 2024-01-03]']
    assert sorted(os.listdir(weir.path('out'))) == ['p=__DEFAULT_PARTITION__', 'p=a%2Fb%3Dc', 'p=x']
    assert os.path.exists(weir.path('out/p=x/d=2024-01-02/_SUCCESS'))
    assert json.loads(open(visible_files(weir.path('out/p=x'))[0]).read()) == {'a': 1}


def test_a_partition_is_committed_by_its_time(weir):
    weir.write('in', '{"t":"2024-01-01 00:10:00","h":"2024-01-01 00"}\n{"t":"2024-01-01 01:10:00","h":"2024-01-01 01"}\n')
    p = weir.start(
        table('t', "t TIMESTAMP(3), h STRING, WATERMARK FOR t AS t", weir.path('in'), source__follow='true') +
        table('o', 't TIMESTAMP(3), h STRING', weir.path('out'), partitioned='h',
              sink__partition_commit__policy__kind='success-file', sink__partition_commit__trigger='partition-time',
              sink__partition_commit__delay='1 h', partition__time_extractor__timestamp_pattern='$h:00:00', **FAST) +
        'INSERT INTO o SELECT * FROM t;',
        execution__checkpointing__interval='50 ms', execution__checkpointing__dir=weir.path('chk'))
    wait_for(lambda: os.path.exists(weir.path('out/h=2024-01-01 00/_SUCCESS')), process=p)
    time.sleep(0.3)
    assert not os.path.exists(weir.path('out/h=2024-01-01 01/_SUCCESS'))
    weir.stop(p)


def test_partitions_of_a_timestamp_are_read_back(weir):
    sql = table('o', 'a INT, t TIMESTAMP(3)', weir.path('out'), partitioned='t') + (
        "INSERT INTO o VALUES (1, TIMESTAMP '2024-01-02 03:04:05.060'), (2, TIMESTAMP '1969-12-31 23:59:00');\n")
    assert sorted(weir.rows(sql + 'SELECT * FROM o;', **BATCH)) == [
        '+I[1, 2024-01-02T03:04:05.060]', '+I[2, 1969-12-31T23:59]']
    assert 't=1969-12-31T23%3A59' in os.listdir(weir.path('out'))


@pytest.mark.parametrize('options', [{}, {'partition__time_extractor__timestamp_pattern': '$h'}])
def test_a_time_of_a_partition_may_have_colons(weir, options):
    weir.write('in', '{"t":"2024-01-01 00:10:00","h":"2024-01-01 00:00:00"}\n{"t":"2024-01-01 00:20:00","h":"2024-01-01 01:00:00"}\n')
    p = weir.start(
        table('t', "t TIMESTAMP(3), h STRING, WATERMARK FOR t AS t", weir.path('in'), source__follow='true') +
        table('o', 't TIMESTAMP(3), h STRING', weir.path('out'), partitioned='h',
              sink__partition_commit__policy__kind='success-file', sink__partition_commit__trigger='partition-time',
              **options, **FAST) +
        'INSERT INTO o SELECT * FROM t;',
        execution__checkpointing__interval='50 ms', execution__checkpointing__dir=weir.path('chk'))
    wait_for(lambda: os.path.exists(weir.path('out/h=2024-01-01 00%3A00%3A00/_SUCCESS')), process=p)
    time.sleep(0.3)
    assert not os.path.exists(weir.path('out/h=2024-01-01 01%3A00%3A00/_SUCCESS'))
    weir.stop(p)


def test_overwrite(weir):
    create = table('o', 'a INT, p INT', weir.path('out'), partitioned='p')
    assert weir.run(create + 'INSERT INTO o VALUES (1, 1), (2, 2);', **BATCH).code == 0
    rows = weir.rows(create + 'INSERT OVERWRITE o VALUES (3, 2);\nSELECT * FROM o;', **BATCH)
    assert sorted(rows) == ['+I[1, 1]', '+I[3, 2]']
    rows = weir.rows(create + 'INSERT OVERWRITE o PARTITION (p = 1) SELECT 9;\nSELECT * FROM o;', **BATCH)
    assert sorted(rows) == ['+I[3, 2]', '+I[9, 1]']
    result = weir.run(create + 'INSERT OVERWRITE o VALUES (4, 1);')
    assert result.code == 1 and 'overwrite' in result.err.lower()
    assert sorted(weir.rows(create + 'SELECT * FROM o;')) == ['+I[3, 2]', '+I[9, 1]']


def test_overwrite_with_nothing_empties_the_table(weir):
    create = table('o', 'a INT', weir.path('out'))
    assert weir.run(create + 'INSERT INTO o VALUES (1), (2);', **BATCH).code == 0
    assert weir.rows(create + 'INSERT OVERWRITE o SELECT a FROM o WHERE a > 5;\nSELECT * FROM o;', **BATCH) == []
    assert weir.rows(create + 'INSERT OVERWRITE o SELECT 3;\nSELECT * FROM o;', **BATCH) == ['+I[3]']


def test_a_job_that_fails_leaves_nothing_visible(weir):
    weir.write('in', ''.join('{"id":%d}\n' % i for i in range(20000)) + 'broken\n')
    result = weir.run(table('t', 'id BIGINT', weir.path('in')) + table('o', 'id BIGINT', weir.path('out')) +
                      'INSERT INTO o SELECT * FROM t;', **BATCH)
    assert result.code == 1
    assert os.listdir(weir.path('out')) == []


def test_parallel_sinks_and_every_format(weir):
    for fmt in ('json', 'csv', 'changelog-json', 'debezium-json'):
        out = weir.path('out-' + fmt)
        rows = weir.rows(numbers(5000) + table('o', 'id BIGINT, t STRING', out, fmt=fmt) +
                         "INSERT INTO o SELECT id, 'x,\"y' || CAST(id AS STRING) FROM n;\n"
                         'SELECT COUNT(*), SUM(id), MIN(t) FROM o;', parallelism__default=3,
                         **(BATCH if fmt in ('json', 'csv') else {}))
        assert rows[-1][2:] == '[5000, %d, x,"y0]' % sum(range(5000)), fmt


def test_a_changelog_through_debezium_json(weir):
    """Updates read from a file, aggregated, written and read again come to the same."""
    lines = []
    for i in range(3000):
        lines.append({'before': None, 'after': {'k': i, 'v': 1}, 'op': 'c'})
        lines.append({'before': {'k': i, 'v': 1}, 'after': {'k': i, 'v': 2}, 'op': 'u'})
        if i % 3 == 0:
            lines.append({'before': {'k': i, 'v': 2}, 'after': None, 'op': 'd'})
    weir.write('in', ''.join(json.dumps(line) + '\n' for line in lines))
    read = table('t', 'k INT, v INT', weir.path('in'), fmt='debezium-json')
    for parallelism in (1, 3):
        out = weir.path('out%d' % parallelism)
        rows = weir.rows(read + table('o', 'k INT, v INT', out, fmt='debezium-json') +
                         'INSERT INTO o SELECT * FROM t;\nSELECT COUNT(*), SUM(v), COUNT(DISTINCT k) FROM o;',
                         parallelism__default=parallelism)
        assert rows[-1] == '+U[2000, 4000, 2000]'


def test_disk_full(weir):
    disk = weir.path('disk')
    os.makedirs(disk)
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=2m', 'none', disk], capture_output=True).returncode:
        pytest.skip('a small file system cannot be mounted here')
    try:
        result = weir.run(numbers(1000000) + table('o', 'id BIGINT', disk + '/out') + 'INSERT INTO o SELECT * FROM n;', **BATCH)
        assert result.code == 1 and 'No space left' in result.err, result.both
        assert visible_files(disk + '/out') == []
    finally:
        subprocess.run(['umount', disk], check=True)


def test_a_folder_that_may_not_be_written(weir):
    weir.write('file', 'x')
    result = weir.run(numbers(3) + table('o', 'id BIGINT', weir.path('file/out')) + 'INSERT INTO o SELECT * FROM n;', **BATCH)
    assert result.code == 1 and weir.path('file') in result.err and 'Not a directory' in result.err
    assert open(weir.path('file')).read() == 'x'


def test_an_overwrite_whose_process_dies_in_the_middle_of_its_commit(start):  # noqa: F811
    """All had ended; the attempt that takes its place is deployed to commit, and is told nothing more."""
    cluster = start(taskmanagers=1)
    victim, d = cluster.taskmanagers[0], cluster.directory
    victim.kill()
    victim.environment = {'WEIR_FAULT': 'sink.commit.before:kill@3'}
    victim.start()
    (d / 'out' / 'p=1').mkdir(parents=True)
    (d / 'out' / 'p=1' / 'old').write_text('{"id":-1}\n')
    job = cluster.submit(f"""
SET 'execution.runtime-mode' = 'batch';
SET 'restart-strategy.type' = 'fixed-delay';
SET 'restart-strategy.fixed-delay.attempts' = '10';
SET 'restart-strategy.fixed-delay.delay' = '100 ms';
CREATE TABLE n (id BIGINT) WITH ('connector' = 'datagen', 'fields.id.kind' = 'sequence', 'fields.id.start' = '0', 'fields.id.end' = '99');
CREATE TABLE o (id BIGINT, p BIGINT) PARTITIONED BY (p) WITH ('connector' = 'filesystem', 'path' = '{d}/out', 'format' = 'json',
      'sink.rolling-policy.file-size' = '50 b', 'sink.partition-commit.policy.kind' = 'success-file', 'sink.parallelism' = '1');
INSERT OVERWRITE o SELECT id, MOD(id, 3) FROM n;
""")
    cluster.wait('the fault', lambda: not victim.alive, WAIT_SECONDS)
    victim.kill()
    victim.environment = {}
    victim.start()
    wait_state(cluster, job, 'FINISHED')
    rows = [json.loads(line)['id'] for path in (d / 'out').glob('*/*') if path.name[0] not in '._'
            for line in path.read_text().splitlines()]
    assert sorted(rows) == list(range(100))
    assert len(list((d / 'out').glob('*/_SUCCESS'))) == 3
