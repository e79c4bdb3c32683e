"""What is shown of a job that has ended: the last figures of its subtasks, its checkpoints with what each subtask had put in."""
import json

import pytest
from test_rest import Cluster, wait_for

COUNTS = 'read-records write-records read-bytes write-bytes'.split()
BOUNDED = """
CREATE TABLE s (id BIGINT, k BIGINT) WITH ('connector'='datagen','number-of-rows'='500','rows-per-second'='400',
    'fields.id.kind'='sequence','fields.id.start'='1','fields.id.end'='500','fields.k.min'='1','fields.k.max'='9');
CREATE TABLE o (k BIGINT, n BIGINT) WITH ('connector'='blackhole');
-- %s
INSERT INTO o SELECT k, COUNT(*) FROM s GROUP BY k;
"""


@pytest.fixture
def cluster(tmp_path):
    made = Cluster(tmp_path)
    made.jobmanager()
    wait_for(lambda: made.get('/ha')['leading'])
    made.jobmanager()
    made.start('taskmanager', taskmanager_numberOfTaskSlots=4)
    wait_for(lambda: made.get('/overview')['taskmanagers'] == 1)
    yield made
    made.end()


def run(cluster, sql, *options):
    code, out, err = cluster.client('run', '-d', '-p', '2', '-D', 'execution.checkpointing.interval=100ms', *options,
                                    cluster.script(sql, 'out'))
    assert code == 0, err
    return out.split()[-1]


def ended(cluster, job, state):
    return wait_for(lambda: (lambda shown: shown if shown['state'] == state else None)(cluster.get('/jobs/' + job)))


def check_pages(cluster, job, status, port):
    """All pages of its vertices say the same, and it is complete."""
    shown = cluster.get('/jobs/' + job, port)
    count = 2 * len(shown['vertices'])
    listed = wait_for(lambda: [one for one in cluster.get('/jobs/overview', port)['jobs'] if one['jid'] == job and
                               one['tasks'][status.lower()] == one['tasks']['total'] == count])[0]
    assert listed['last-modification'] == listed['end-time'] == shown['timestamps'][status]
    assert [vertex['status'] for vertex in shown['vertices']] == [status] * len(shown['vertices'])
    for vertex in shown['vertices']:
        page = '/jobs/%s/vertices/%s' % (job, vertex['id'])
        subtasks = cluster.get(page, port)['subtasks']
        assert vertex['tasks'][status] == len(subtasks) == 2
        assert vertex['start-time'] > 0 and vertex['end-time'] == max(one['end-time'] for one in subtasks)
        assert vertex['duration'] == vertex['end-time'] - vertex['start-time']
        for subtask in subtasks:
            assert subtask == cluster.get(page + '/subtasks/%d' % subtask['subtask'], port)
            assert subtask['status'] == status and subtask['endpoint'] != '(unassigned)'
            assert subtask['duration'] == subtask['end-time'] - subtask['start-time'] >= 0
            assert subtask['status-duration']['RUNNING'] == subtask['duration']
            assert all(subtask['metrics'][name + '-complete'] for name in COUNTS)
        for name in COUNTS:
            assert vertex['metrics'][name] == sum(one['metrics'][name] for one in subtasks)
            assert vertex['metrics'][name + '-complete']
        managers = cluster.get(page + '/taskmanagers', port)['taskmanagers']
        assert [manager['metrics'] for manager in managers] == [vertex['metrics']]
        times = cluster.get(page + '/subtasktimes', port)['subtasks']
        assert [time['duration'] for time in times] == [one['duration'] for one in subtasks]
        assert [time['timestamps'][status] for time in times] == [one['end-time'] for one in subtasks]
        assert [time['timestamps']['RUNNING'] for time in times] == [one['start-time'] for one in subtasks]
    return shown['vertices']


def test_a_finished_job_shows_what_was_counted(cluster):
    job = run(cluster, BOUNDED)
    ended(cluster, job, 'FINISHED')
    for port in cluster.ports:
        source, sink = check_pages(cluster, job, 'FINISHED', port)
        assert (source['metrics']['write-records'], sink['metrics']['read-records']) == (500, 500)
        assert source['metrics']['write-bytes'] == sink['metrics']['read-bytes'] > 0
        assert source['metrics']['read-records'] == sink['metrics']['write-records'] == 0
        assert source['metrics']['accumulated-idle-time'] + source['metrics']['accumulated-busy-time'] > 0


def test_a_subtask_that_ends_early_keeps_its_figures_when_the_leader_dies(cluster):
    bounded, lasting = ("CREATE TABLE %s (id BIGINT) WITH ('connector'='datagen'%s);" % table for table in (
        ('a', ",'number-of-rows'='50','rows-per-second'='10000'"), ('b', ",'rows-per-second'='20'")))
    job = run(cluster, bounded + lasting + """CREATE TABLE o (id BIGINT) WITH ('connector'='blackhole');
        -- %s
        EXECUTE STATEMENT SET BEGIN INSERT INTO o SELECT id FROM a; INSERT INTO o SELECT id FROM b; END;""",
              '-D', 'execution.checkpointing.interval=1h')

    def figures(port):
        shown = cluster.get('/jobs/' + job, port)
        return [vertex for vertex in shown['vertices'] if vertex['status'] == 'FINISHED']
    before = wait_for(lambda: figures(cluster.ports[1]))
    cluster.processes[0].kill()
    wait_for(lambda: cluster.get('/ha', cluster.ports[1])['leading'])
    after = wait_for(lambda: figures(cluster.ports[1]))
    assert [vertex['end-time'] for vertex in after] == [vertex['end-time'] for vertex in before]
    assert [vertex['metrics'] for vertex in after] == [vertex['metrics'] for vertex in before]
    assert after[0]['metrics']['read-records-complete'] and after[0]['end-time'] > 0


def test_a_canceled_job_shows_what_was_counted_and_what_its_checkpoints_held(cluster):
    job = run(cluster, BOUNDED.replace("'number-of-rows'='500',", '').replace(
        "'fields.id.kind'='sequence','fields.id.start'='1','fields.id.end'='500',", ''))
    wait_for(lambda: cluster.get('/jobs/%s/checkpoints' % job)['counts']['completed'] >= 2)
    assert cluster.call('PATCH', '/jobs/%s?mode=cancel' % job, '{}') == (202, {})
    ended(cluster, job, 'CANCELED')
    wait_for(lambda: cluster.get('/overview')['slots-available'] == 4)
    for port in cluster.ports:
        source, sink = check_pages(cluster, job, 'CANCELED', port)
        assert source['metrics']['write-records'] > 0 and sink['metrics']['read-records'] > 0
        history = cluster.get('/jobs/%s/checkpoints' % job, port)['history']
        assert len(history) >= 2
        for checkpoint in [one for one in history if one['status'] == 'COMPLETED']:
            page = '/jobs/%s/checkpoints/details/%d' % (job, checkpoint['id'])
            details = cluster.get(page, port)
            assert set(details['tasks']) == {source['id'], sink['id']}
            for vertex in details['tasks']:
                of_vertex = cluster.get(page + '/subtasks/' + vertex, port)
                assert [one['index'] for one in of_vertex['subtasks']] == [0, 1]
                assert all(one['className'] == 'completed' for one in of_vertex['subtasks'])
                assert details['tasks'][vertex]['state_size'] == of_vertex['state_size']
    got, answer = cluster.call('GET', '/jobs/%s/checkpoints/details/%d/subtasks/%s' % (job, history[0]['id'], 'f' * 32))
    assert got == 404 and 'errors' in answer, json.dumps(answer)


def test_a_failed_job_shows_what_was_counted_before_its_sinks_committed_once_more(cluster):
    job = run(cluster, """CREATE TABLE s (id BIGINT) WITH ('connector'='datagen','rows-per-second'='400',
        'fields.id.kind'='sequence','fields.id.start'='1','fields.id.end'='100000');
        CREATE TABLE o (id BIGINT) WITH ('connector'='blackhole');
        -- %s
        INSERT INTO o SELECT CAST(CAST(id AS STRING) || CASE WHEN id > 100 THEN 'x' ELSE '' END AS BIGINT) FROM s;""",
              '-D', 'restart-strategy.type=none')
    ended(cluster, job, 'FAILED')
    for port in cluster.ports:
        vertex, = cluster.get('/jobs/' + job, port)['vertices']
        assert vertex['tasks']['FAILED'] + vertex['tasks']['CANCELED'] + vertex['tasks']['FINISHED'] == 2
        assert vertex['metrics']['write-records-complete'] and vertex['end-time'] - vertex['start-time'] == vertex['duration'] > 0
        subtasks = cluster.get('/jobs/%s/vertices/%s' % (job, vertex['id']), port)['subtasks']
        for subtask in subtasks:
            assert subtask['duration'] == subtask['end-time'] - subtask['start-time'] > 0
            assert subtask['metrics']['accumulated-idle-time'] + subtask['metrics']['accumulated-busy-time'] > 0


def test_a_running_job_says_since_when_it_runs(cluster):
    job = run(cluster, BOUNDED.replace("'number-of-rows'='500',", '').replace(
        "'fields.id.kind'='sequence','fields.id.start'='1','fields.id.end'='500',", ''))
    before = ended(cluster, job, 'RUNNING')
    wait_for(lambda: cluster.get('/jobs/%s/checkpoints' % job)['counts']['completed'] >= 2)
    after = cluster.get('/jobs/' + job, cluster.ports[1])
    assert after['timestamps']['RUNNING'] == before['timestamps']['RUNNING'] < after['now']
    assert after['start-time'] <= after['timestamps']['RUNNING']
    changed = [cluster.get('/jobs/overview')['jobs'][0]['last-modification'] for _ in range(2)]
    assert changed[0] == changed[1] < after['now']
