"""state.backend.type: rocksdb runs on hashmap, says so once, and fails clearly where memory does not do."""

SQL = """
CREATE TABLE numbers (id BIGINT) WITH ('connector' = 'datagen', 'fields.id.kind' = 'sequence', 'fields.id.start' = '0',
      'fields.id.end' = '{end}');
CREATE TABLE counted (k BIGINT, n BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO counted SELECT id, COUNT(*) FROM numbers GROUP BY id;
INSERT INTO counted SELECT id, COUNT(*) FROM numbers GROUP BY id;
"""


def test_rocksdb_is_noted_once(weir):
    result = weir.run(SQL.format(end=100), **{'state__backend': 'rocksdb'})
    assert result.code == 0, result.both
    assert result.err.count('rocksdb runs on hashmap') == 1


def test_hashmap_needs_no_note(weir):
    result = weir.run(SQL.format(end=100), **{'state__backend': 'hashmap'})
    assert result.code == 0 and 'hashmap' not in result.err


def test_state_that_outgrows_the_budget_fails_by_name(weir):
    result = weir.run(SQL.format(end=3000000), **{
        'state__backend': 'rocksdb', 'taskmanager__memory__managed__size': '16 mb'})
    assert result.code == 1
    assert 'managed' in result.err and 'memory' in result.err, result.err


def test_others_are_refused_by_name(weir):
    for value, text in (('forst', 'not implemented'), ('rocksdv', 'expected hashmap or rocksdb')):
        result = weir.run(SQL.format(end=100), **{'state__backend': value})
        assert result.code == 1
        assert text in result.err and value in result.err, result.err
