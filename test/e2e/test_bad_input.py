"""What cannot be read or was written wrong is answered with a message that says what and where."""
import os

import pytest

from weir import table


def failure(weir, sql, **settings):
    result = weir.run(sql, **settings)
    assert result.code == 1, result.both
    assert 'assertion' not in result.err
    return result.err


def test_a_missing_path(weir):
    text = failure(weir, table('t', 'id BIGINT', weir.path('none')) + 'SELECT * FROM t;')
    assert weir.path('none') in text and 'does not exist' in text


def test_a_path_that_is_no_file(weir):
    os.mkfifo(weir.path('pipe'))
    text = failure(weir, table('t', 'id BIGINT', weir.path('pipe')) + 'SELECT * FROM t;', timeout=10)
    assert weir.path('pipe') in text


def test_binary_input(weir):
    weir.write('in', bytes(range(256)) * 400)
    for fmt in ('json', 'changelog-json', 'debezium-json'):
        text = failure(weir, table('t', 'id BIGINT', weir.path('in'), fmt=fmt) + 'SELECT * FROM t;')
        assert 'at byte 0 of ' + weir.path('in') in text, fmt
    text = failure(weir, table('t', 'id BIGINT, s STRING', weir.path('in'), fmt='csv') + 'SELECT * FROM t;')
    assert 'at byte ' in text and weir.path('in') in text


@pytest.mark.parametrize('record, part', [
    ('{"id":"x"}', 'field "id"'), ('{"id":1', 'column 8'), ('{"id":99999999999999999999}', 'field "id"'), ('[1]', 'object'),
    ('{"id":1}{', 'behind'), ('{"id":"\\q"}', 'escape')])
def test_broken_json(weir, record, part):
    weir.write('in', '{"id":1}\n' * 3 + record + '\n{"id":5}\n')
    text = failure(weir, table('t', 'id BIGINT', weir.path('in')) + 'SELECT * FROM t;')
    assert 'at byte 27 of ' + weir.path('in') in text and part in text
    rows = weir.rows(table('t', 'id BIGINT', weir.path('in'), json__ignore_parse_errors='true') + 'SELECT * FROM t;')
    is_json = part == 'field "id"'  # what is none is skipped, a value that is none of its column's becomes NULL
    assert rows == ['+I[1]'] * 3 + ['+I[null]'] * is_json + ['+I[5]']


def test_json_values_that_are_ignored(weir):
    weir.write('in', '\n'.join((
        '{"id":1,"r":{"x":"q","y":2},"s":"a\tb"}', '{"id":2,"a":["p",7]}', '{"id":3,"r":5,"a":5,"m":5}', '{"id":4,"m":{"k":"q","l":2}}',
        '{"id":5,"a":[1,[2],{"z":3}],"s":6}', '{"id":6,"a":[1,}', '{"id":7,"r":{"x":12abc}}', '{"id":8,"b":"*"}')))
    create = table('t', 'id INT, r ROW<x INT, y INT>, a ARRAY<INT>, m MAP<STRING, INT>, s STRING, b BYTES', weir.path('in'),
                   json__ignore_parse_errors='true')
    assert weir.rows(create + 'SELECT id, r, a, m, s, b FROM t;') == [
        '+I[1, +I[null, 2], null, null, a\tb, null]', '+I[2, null, [null, 7], null, null, null]', '+I[3, null, null, null, null, null]',
        '+I[4, null, null, {k=null, l=2}, null, null]', '+I[5, null, [1, null, null], null, 6, null]', '+I[8, null, null, null, null, null]']
    assert weir.rows(create + 'SELECT id, r.x, r.y FROM t;') == [
        '+I[1, null, 2]', '+I[2, null, null]', '+I[3, null, null]', '+I[4, null, null]', '+I[5, null, null]', '+I[8, null, null]']


def test_keys_of_json_maps(weir):
    """One that is no string in SQL is read whole; what is none of its type makes the map NULL."""
    maps = ('{"1,2":5}', r'{"1\u00002":5}', '{" 7 ":5}', '{"x":5}', '{"[1]":5}', '{"":5}', '{"' + '1' * 600 + '":5}', '{"null":1,"null":2,"8":3}',
            '{"3":1,"q":2}', '{"4":1}')
    weir.write('in', '\n'.join(f'{{"id":{i},"m":{text}}}' for i, text in enumerate(maps)))
    create = table('t', 'id INT, m MAP<INT, INT>', weir.path('in'), json__ignore_parse_errors='true')
    known = {2: '{7=5}', 7: '{null=2, 8=3}', 9: '{4=1}'}
    assert weir.rows(create + 'SELECT id, m FROM t;') == [f'+I[{i}, {known.get(i, "null")}]' for i in range(len(maps))]
    text = failure(weir, table('t', 'id INT, m MAP<INT, INT>', weir.path('in')) + 'SELECT id, m FROM t;')
    assert "the map key '1,2' is no value of its type" in text


@pytest.mark.parametrize('record, part', [('x,a', 'id'), ('1', 'column'), ('"1', 'quote')])
def test_broken_csv(weir, record, part):
    weir.write('in', '1,a\n' * 3 + record + '\n5,e\n')
    text = failure(weir, table('t', 'id BIGINT, s STRING', weir.path('in'), fmt='csv') + 'SELECT * FROM t;')
    assert 'at byte 12 of ' + weir.path('in') in text and part in text
    if record[0] != '"':
        result = weir.run(table('t', 'id BIGINT, s STRING', weir.path('in'), fmt='csv', csv__ignore_parse_errors='true') +
                          'SELECT * FROM t;')
        assert result.code == 0 and result.rows[:3] == ['+I[1, a]'] * 3 and result.rows[-1] == '+I[5, e]'


def test_a_long_record_is_read(weir):
    weir.write('in', '{"id":1,"s":"' + 'x' * (20 << 20) + '"}\n{"id":2,"s":"y"}\n')
    assert weir.rows(table('t', 'id BIGINT, s STRING', weir.path('in')) + 'SELECT id, CHAR_LENGTH(s) FROM t;') == [
        '+I[1, %d]' % (20 << 20), '+I[2, 1]']


def test_a_record_beyond_the_limit(weir):
    """A file without any newline, sparse: it is not read without end."""
    with open(weir.path('in'), 'wb') as f:
        f.truncate(300 << 20)
    text = failure(weir, table('t', 'id BIGINT', weir.path('in')) + 'SELECT * FROM t;')
    assert 'longer than' in text and 'byte 0 of ' + weir.path('in') in text


@pytest.mark.parametrize('options, parts', [
    ("'connector' = 'filesystm', 'path' = 'x', 'format' = 'json'", ("'filesystm'", "did you mean 'filesystem'")),
    ("'connector' = 'filesystem', 'path' = 'x', 'format' = 'jsn'", ("'jsn'", "'json'")),
    ("'connector' = 'filesystem', 'path' = 'x', 'format' = 'json', 'source.folow' = 'true'",
     ("'source.folow'", "did you mean 'source.follow'")),
    ("'connector' = 'filesystem', 'path' = 'x', 'format' = 'json', 'json.ignore-parse-error' = 'true'",
     ("did you mean 'json.ignore-parse-errors'",)),
    ("'connector' = 'filesystem', 'path' = 'x', 'format' = 'json', 'source.follow' = 'maybe'", ("'source.follow'", "'maybe'")),
    ("'connector' = 'filesystem', 'path' = 'x', 'format' = 'json', 'source.monitor-interval' = 'soon'",
     ("'source.monitor-interval'", "'soon'")),
    ("'connector' = 'filesystem', 'path' = 'x'", ("'format'",)),
    ("'connector' = 'filesystem', 'format' = 'json'", ("'path'",)),
    ("'path' = 'x'", ("'connector'",)),
])
def test_wrong_options(weir, options, parts):
    text = failure(weir, 'CREATE TABLE t (id BIGINT) WITH (%s);\nSELECT * FROM t;' % options)
    for part in parts:
        assert part in text, text


@pytest.mark.parametrize('option, value', [
    ('sink.rolling-policy.file-size', 'big'), ('sink.rolling-policy.rollover-interval', 'soon'), ('sink.parallelism', '0'),
    ('sink.parallelism', '-1'), ('sink.partition-commit.policy.kind', 'metastore')])
def test_wrong_options_of_a_sink(weir, option, value):
    text = failure(weir, "CREATE TABLE o (id BIGINT) WITH ('connector' = 'filesystem', 'path' = 'x', 'format' = 'json', "
                   "'%s' = '%s');\nINSERT INTO o VALUES (1);" % (option, value))
    assert option in text and value in text


def test_wrong_names(weir):
    weir.write('in', '')
    create = table('t', 'id BIGINT', weir.path('in'))
    assert 'idd' in failure(weir, create + 'SELECT idd FROM t;')
    assert 'INTEGR' in failure(weir, table('t', 'id INTEGR', weir.path('in')) + 'SELECT * FROM t;')
    assert 'tt' in failure(weir, create + 'SELECT * FROM tt;')
    assert 'file.nam' in failure(weir, table('t', "n STRING METADATA FROM 'file.nam'", weir.path('in')) + 'SELECT * FROM t;')


def test_debezium_records_that_are_none(weir):
    sql = table('t', 'id BIGINT', weir.path('in'), fmt='debezium-json') + 'SELECT * FROM t;'
    for record, part in (('{"before":null,"after":{"id":1},"op":"x"}', 'expected c, r, u or d'),
                         ('{"before":null,"after":{"id":1},"op":"u"}', 'REPLICA IDENTITY FULL'),
                         ('{"payload":{"after":{"id":1},"op":"c"}}', 'debezium-json.schema-include'),
                         ('{"after":{"id":1}}', '"op" is missing')):
        weir.write('in', record)
        assert part in failure(weir, sql)
    weir.write('in', 'x\n{"after":{"id":1},"op":"c"}\n{"after":{"id":2},"before":{"id":"q"},"op":"u"}\n{"before":{"id":1},"op":"d"}\n')
    assert weir.rows(table('t', 'id BIGINT', weir.path('in'), fmt='debezium-json', debezium_json__ignore_parse_errors='true') +
                     'SELECT * FROM t;') == ['+I[1]', '-U[null]', '+U[2]', '-D[1]']
