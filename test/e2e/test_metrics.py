"""Figures of tasks under Flink's names: over REST, and as Prometheus reads them."""
import re
import urllib.request

import test_cluster as base
from test_cluster import completed, start, weir_module  # noqa: F401

JOB = """
SET 'parallelism.default' = '2';
SET 'execution.checkpointing.interval' = '500 ms';
CREATE TABLE g (id BIGINT, ts AS TO_TIMESTAMP_LTZ(id, 3), WATERMARK FOR ts AS ts) WITH ('connector' = 'datagen',
  'rows-per-second' = '2000', 'fields.id.kind' = 'sequence', 'fields.id.start' = '0', 'fields.id.end' = '1000000');
CREATE TABLE b (k BIGINT, c BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO b SELECT MOD(id, 10), COUNT(*) FROM g GROUP BY MOD(id, 10);
"""


def values(cluster, path):
    return {m['id']: m for m in cluster.get(path)}


def test_over_rest(start):  # noqa: F811
    cluster = start(arguments=['-Dmetrics.reporter.prom.port=0-0'])
    job = cluster.submit(JOB)
    base.wait_state(cluster, job, 'RUNNING')
    vertices = cluster.wait('vertices', lambda: cluster.get(f'/jobs/{job}')['vertices'])
    assert len(vertices) == 2
    source, aggregate = (f"/jobs/{job}/vertices/{v['id']}" for v in vertices)

    def rate():
        return values(cluster, f'{source}/subtasks/metrics?get=numRecordsOutPerSecond').get('numRecordsOutPerSecond')

    cluster.wait('a rate', lambda: (rate() or {'sum': 0})['sum'] > 500, weir_module.WAIT_SECONDS)
    all_of_it = rate()
    assert set(all_of_it) == {'id', 'min', 'max', 'avg', 'sum', 'skew'}
    assert all_of_it['sum'] < 20000 and 0 <= all_of_it['skew'] <= 100
    assert all_of_it['min'] <= all_of_it['avg'] <= all_of_it['max'] <= all_of_it['sum']
    assert set(values(cluster, f'{source}/subtasks/metrics?get=numRecordsOut&agg=max,min')['numRecordsOut']) == {
        'id', 'max', 'min'}

    # Without get= the names alone; of operators, with their name in front.
    names = values(cluster, f'{source}/subtasks/metrics')
    assert all(set(m) == {'id'} for m in names.values())
    for name in ('numRecordsIn', 'numRecordsOut', 'numBytesOut', 'numBytesInPerSecond', 'busyTimeMsPerSecond',
                 'idleTimeMsPerSecond', 'backPressuredTimeMsPerSecond', 'currentInputWatermark', 'isBackPressured'):
        assert name in names, names
    assert any(re.fullmatch(r'Source__g\[\d+\]\.numRecordsOutPerSecond', name) for name in names), names

    # Single subtasks: values are texts.
    single = values(cluster, f'{aggregate}/metrics?get=0.numRecordsIn,1.numRecordsIn,0.nothing')
    assert set(single) == {'0.numRecordsIn', '1.numRecordsIn'}
    first = {k: int(v['value']) for k, v in single.items()}
    assert sum(first.values()) > 0
    one = values(cluster, f'{aggregate}/subtasks/0/metrics?get=numRecordsIn,numBytesIn')
    assert int(one['numRecordsIn']['value']) >= first['0.numRecordsIn'] and int(one['numBytesIn']['value']) > 0
    cluster.wait('more', lambda: int(values(cluster, f'{aggregate}/metrics?get=0.numRecordsIn')['0.numRecordsIn'][
        'value']) > first['0.numRecordsIn'])

    # Watermarks rise; times add up to about a second.
    marks = values(cluster, f'{source}/watermarks')
    assert set(marks) == {'0.currentInputWatermark', '1.currentInputWatermark'}
    times = ('busyTimeMsPerSecond', 'idleTimeMsPerSecond', 'backPressuredTimeMsPerSecond')

    def whole():
        found = values(cluster, f"{aggregate}/subtasks/0/metrics?get={','.join(times)}")
        return 800 <= sum(float(found[t]['value']) for t in times) <= 1100

    cluster.wait('times', whole, weir_module.WAIT_SECONDS)
    pressure = cluster.get(f'{source}/backpressure')
    assert pressure['status'] == 'ok' and len(pressure['subtasks']) == 2

    # The job's own page.
    shown = cluster.get(f'/jobs/{job}')['vertices']
    assert shown[0]['metrics']['write-records'] > 0 and shown[1]['metrics']['read-records'] > 0
    assert shown[1]['metrics']['read-bytes'] > 0 and shown[0]['metrics']['read-records'] == 0
    subtasks = cluster.get(aggregate)['subtasks']
    assert sum(s['metrics']['read-records'] for s in subtasks) > 0

    # A TaskManager that hangs makes no page late.
    cluster.taskmanagers[0].signal(19)
    try:
        assert len(cluster.get(f'/jobs/{job}')['vertices']) == 2
    finally:
        cluster.taskmanagers[0].signal(18)


def test_for_prometheus(start):  # noqa: F811
    cluster = start(jobmanagers=1, arguments=['-Dmetrics.reporter.prom.port=29249-29349'])
    job = cluster.submit(JOB)
    base.wait_state(cluster, job, 'RUNNING')
    cluster.wait('a checkpoint', lambda: completed(cluster, job) > 0, weir_module.WAIT_SECONDS)
    texts = []
    for process in cluster.taskmanagers:
        address = re.search(r'metrics for Prometheus at (http://\S+)', process.text()).group(1)
        with urllib.request.urlopen(address, timeout=10) as answer:
            assert answer.headers['Content-Type'].startswith('text/plain; version=0.0.4')
            texts.append(answer.read().decode())
    text = '\n'.join(texts)
    sample = re.compile(r'^[a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-zA-Z_]\w*="[^"\\\n]*",)*\})? [-+0-9.eE]+$')
    for line in text.splitlines():
        assert not line or line.startswith(('# HELP ', '# TYPE ')) or sample.match(line), line
    task = re.findall(r'^flink_taskmanager_job_task_numRecordsOut\{([^}]*)\} (\d+)', text, re.M)
    assert len(task) == 4 and sum(int(v) for _, v in task) > 0, text
    labels = dict(re.findall(r'(\w+)="([^"]*)"', task[0][0]))
    assert set(labels) == {'host', 'tm_id', 'job_id', 'job_name', 'task_id', 'task_name', 'task_attempt_id',
                           'task_attempt_num', 'subtask_index'}
    assert labels['job_id'] == job and labels['task_attempt_num'] == '0'
    operator = re.search(r'^flink_taskmanager_job_task_operator_numRecordsIn\{([^}]*operator_name="[^"]*GroupAggregate[^"]*"'
                         r'[^}]*)\}', text, re.M)
    assert operator and 'operator_id="' in operator.group(1)
    assert len(re.findall(r'^flink_taskmanager_Status_JVM_Memory_Heap_Used\{', text, re.M)) == 2
    for text in texts:
        declared = re.findall(r'^# TYPE (\S+) ', text, re.M)
        assert len(declared) == len(set(declared))
