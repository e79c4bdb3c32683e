"""What the filesystem source finds and reads."""
import json
import os
import time

from weir import table, visible_rows, wait_for


def lines(first, count):
    return ''.join('{"id":%d}\n' % i for i in range(first, first + count))


def test_many_files_of_a_tree(weir):
    for i in range(300):
        weir.write('in/%s/f%03d.json' % ('abc'[i % 3], i), lines(i * 10, 10))
    weir.write('in/.hidden', 'not data')
    weir.write('in/_SUCCESS', '')
    weir.write('in/_temporary/x.json', 'not data')
    for parallelism in (1, 3):
        rows = weir.rows(table('t', 'id BIGINT', weir.path('in')) +
                         "SELECT COUNT(*), SUM(id), COUNT(DISTINCT id) FROM t;",
                         parallelism__default=parallelism, execution__runtime_mode='batch')
        assert rows == ['+I[3000, %d, 3000]' % sum(range(3000))]


def test_last_line_without_newline_and_blank_lines(weir):
    weir.write('in/a', '\n\n{"id":1}\r\n\n{"id":2}')
    weir.write('in/b', '{"id":3}')
    assert weir.rows(table('t', 'id BIGINT', weir.path('in')) + 'SELECT * FROM t;') == [
        '+I[1]', '+I[2]', '+I[3]']


def test_regular_expression(weir):
    for name, i in (('a-1.json', 1), ('a-2.txt', 2), ('sub/b-3.json', 3)):
        weir.write('in/' + name, lines(i, 1))
    sql = table('t', 'id BIGINT', weir.path('in'), source__path__regex_pattern=r'.*/[ab]-[0-9]\.json')
    assert sorted(weir.rows(sql + 'SELECT * FROM t;')) == ['+I[1]', '+I[3]']
    bad = weir.run(table('t', 'id BIGINT', weir.path('in'), source__path__regex_pattern='a[') + 'SELECT * FROM t;')
    assert bad.code == 1 and 'regex' in bad.err


def test_partitions_and_metadata(weir):
    weir.write('in/day=2024-01-02/h=3/x.json', lines(1, 1))
    weir.write('in/day=2024-01-03/h=__DEFAULT_PARTITION__/y.json', lines(2, 1))
    sql = table('t', "id BIGINT, `day` DATE, h INT, p STRING METADATA FROM 'file.path', n STRING METADATA FROM 'file.name', "
                "s BIGINT METADATA FROM 'file.size'", weir.path('in'), partitioned='`day`, h')
    assert sorted(weir.rows(sql + 'SELECT id, `day`, h, n, s FROM t;')) == [
        '+I[1, 2024-01-02, 3, x.json, 9]', '+I[2, 2024-01-03, null, y.json, 9]']
    assert weir.rows(sql + 'SELECT p FROM t WHERE h = 3;') == ['+I[%s]' % weir.path('in/day=2024-01-02/h=3/x.json')]


def test_the_folder_of_a_table_may_be_called_like_a_partition(weir):
    weir.write('p=9/in/p=1/p=7', '{"a":2}\n')
    assert weir.rows(table('t', 'a INT, p INT', weir.path('p=9/in'), partitioned='p') + 'SELECT * FROM t;') == ['+I[2, 1]']


def test_modification_time(weir):
    path = weir.write('in/x.json', lines(1, 1))
    os.utime(path, (1700000000.25, 1700000000.25))
    sql = table('t', "id BIGINT, m TIMESTAMP_LTZ(3) METADATA FROM 'file.modification-time'", weir.path('in'))
    assert weir.rows(sql + 'SELECT m FROM t;') == ['+I[2023-11-14T22:13:20.250Z]']


def test_empty_files_and_an_empty_folder(weir):
    weir.write('in/a', '')
    weir.write('in/b', lines(7, 1))
    weir.write('in/c', '')
    assert weir.rows(table('t', 'id BIGINT', weir.path('in')) + 'SELECT * FROM t;') == ['+I[7]']
    os.makedirs(weir.path('none'))
    assert weir.rows(table('t', 'id BIGINT', weir.path('none')) + 'SELECT * FROM t;') == []
    assert weir.rows(table('t', 'id BIGINT', weir.path('none'), fmt='csv') + 'SELECT COUNT(*) FROM t;',
                     execution__runtime_mode='batch') == ['+I[0]']


def test_new_files_are_picked_up(weir):
    weir.write('in/a', lines(0, 5))
    p = weir.start(table('t', 'id BIGINT', weir.path('in'), source__monitor_interval='50 ms') +
                   table('o', 'id BIGINT', weir.path('out'), sink__rolling_policy__rollover_interval='50 ms',
                         sink__rolling_policy__check_interval='50 ms') + 'INSERT INTO o SELECT * FROM t;',
                   execution__checkpointing__interval='50 ms', execution__checkpointing__dir=weir.path('chk'))
    wait_for(lambda: len(visible_rows(weir.path('out'))) == 5, process=p)
    for i in range(1, 6):
        weir.write('new', lines(i * 5, 5))
        os.makedirs(weir.path('in/sub'), exist_ok=True)
        os.rename(weir.path('new'), weir.path('in/sub/%d' % i if i % 2 else 'in/%d' % i))
        time.sleep(0.05)
    wait_for(lambda: len(visible_rows(weir.path('out'))) >= 30, process=p)
    time.sleep(0.2)
    assert sorted(r['id'] for r in visible_rows(weir.path('out'))) == list(range(30))
    weir.stop(p)


def test_files_that_vanish_before_they_are_read(weir):
    """A followed folder loses files between being listed and being opened: no failure, nothing twice."""
    p = weir.start(table('t', 'id BIGINT', weir.path('in'), source__follow='true') +
                   "CREATE TABLE o (id BIGINT) WITH ('connector' = 'print');\nINSERT INTO o SELECT * FROM t;")
    os.makedirs(weir.path('in'))
    for i in range(60):
        path = weir.write('in/%d' % i, lines(i, 1))
        time.sleep(0.02)
        if i % 2:
            os.remove(path)

    def rows():
        return [line for line in open(p.stdout_path).read().split('\n')[:-1] if line.startswith('+I')]
    wait_for(lambda: {'+I[%d]' % i for i in range(0, 60, 2)} <= set(rows()), process=p)  # those that stay
    assert len(rows()) == len(set(rows()))
    weir.stop(p)


def test_projection_reads_only_what_is_asked_for(weir):
    weir.write('in/a', json.dumps({'id': 1, 'other': {'deep': [1, {'x': 'y'}]}, 'bad': 'no number'}) + '\n')
    sql = table('t', 'id BIGINT, bad INT, other ROW<deep STRING>', weir.path('in'))
    assert weir.rows(sql + 'SELECT id FROM t;') == ['+I[1]']
    result = weir.run(sql + 'SELECT bad FROM t;')
    assert result.code == 1 and 'bad' in result.err and 'byte 0' in result.err
