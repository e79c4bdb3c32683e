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

    all_of_it = cluster.wait('a rate', lambda: (r := rate()) and r['sum'] > 500 and r, weir_module.WAIT_SECONDS)
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


COUNTED = """
SET 'parallelism.default' = '2';
SET 'execution.checkpointing.interval' = '300 ms';
CREATE TABLE f (id BIGINT, name STRING) WITH ('connector' = 'filesystem', 'path' = '{path}', 'format' = 'csv',
  'source.monitor-interval' = '100 ms');
CREATE TABLE b (id BIGINT, name STRING) WITH ('connector' = 'blackhole');
INSERT INTO b SELECT id, MAX(name) FROM f GROUP BY id;
"""
ROW_BYTES = 8 + 4 + 10  # id, length of the name, the name


def io(cluster, job, name):
    """That figure of both vertices and of all their subtasks, once all TaskManagers have told it."""
    vertices = cluster.get(f'/jobs/{job}')['vertices']
    pages = [cluster.get(f"/jobs/{job}/vertices/{v['id']}") for v in vertices]
    shapes = [v['metrics'] for v in vertices] + [s['metrics'] for page in pages for s in page['subtasks']]
    if len(vertices) != 2 or not all(shape[name + '-complete'] for shape in shapes):
        return None
    for vertex, page in zip(vertices, pages):
        parts = [s['metrics'][name] for s in page['subtasks']]
        spread = page['aggregated']['metrics'][name]
        assert (spread['min'], spread['max'], spread['sum']) == (min(parts), max(parts), sum(parts))
        if sum(parts) != vertex['metrics'][name]:
            return None  # it has grown between two pages
    return [v['metrics'][name] for v in vertices]


def test_counters_are_exact_and_outlive_the_leader(start, tmp_path):  # noqa: F811
    cluster = start()
    path = tmp_path / 'rows'
    path.mkdir()

    def add(name, first, last):
        (tmp_path / name).write_text(''.join(f'{i},{i:010d}\n' for i in range(first, last)))
        (tmp_path / name).rename(path / name)

    add('a.csv', 0, 700)
    job = cluster.submit(COUNTED.format(path=path))

    def becomes(name, expected):  # TaskManagers tell their figures one by one
        cluster.wait(f'{name} {expected}', lambda: io(cluster, job, name) == expected, weir_module.WAIT_SECONDS)
    becomes('read-records', [0, 700])
    becomes('write-records', [700, 0])
    becomes('write-bytes', [700 * ROW_BYTES, 0])
    becomes('read-bytes', [0, 700 * ROW_BYTES])
    source = cluster.get(f'/jobs/{job}')['vertices'][0]
    operator = next(name for name in values(cluster, f"/jobs/{job}/vertices/{source['id']}/subtasks/metrics")
                    if re.fullmatch(r'Source__f\[\d+\]\.numRecordsIn', name))
    url = f"/jobs/{job}/vertices/{source['id']}/subtasks/metrics?get={operator}&agg=sum"
    cluster.wait('its figure', lambda: cluster.get(url) == [{'id': operator, 'sum': 700.0}])
    assert cluster.get(url + '&subtasks=0-1') == cluster.get(url) and cluster.get(url + '&subtasks=7') == []

    base.kill_leader(cluster)
    shown = cluster.wait('figures', lambda: io(cluster, job, 'read-records'), weir_module.WAIT_SECONDS)
    assert shown == [0, 700]
    add('b.csv', 700, 1000)
    becomes('read-records', [0, 1000])
    becomes('read-bytes', [0, 1000 * ROW_BYTES])


def test_what_processes_know_of_themselves(start):  # noqa: F811
    cluster = start(jobmanagers=1, arguments=['-Dtaskmanager.memory.process.size=1g'])
    job = cluster.submit(JOB)
    base.wait_state(cluster, job, 'RUNNING')
    cluster.wait('a checkpoint', lambda: completed(cluster, job) > 0, weir_module.WAIT_SECONDS)
    listed = cluster.wait('two', lambda: (lambda t: len(t) == 2 and t)(cluster.get('/taskmanagers')['taskmanagers']))
    for entry in listed:
        page = cluster.get(f"/taskmanagers/{entry['id']}")
        memory, hardware, metrics = page['memoryConfiguration'], page['hardware'], page['metrics']
        assert memory == entry['memoryConfiguration'] and memory['totalProcessMemory'] == 1 << 30
        assert sum(memory[part] for part in memory if not part.startswith('total')) == 1 << 30
        assert hardware['cpuCores'] > 0 and hardware['physicalMemory'] > hardware['freeMemory'] > 0
        assert 0 < metrics['heapUsed'] <= metrics['heapCommitted'] and metrics['heapUsed'] < metrics['heapMax'] <= 1 << 30
        assert metrics['nettyShuffleMemoryTotal'] == memory['networkMemory'] == metrics['directMax']
        segments = [metrics[f'nettyShuffleMemorySegments{which}'] for which in ('Total', 'Used', 'Available')]
        assert segments[0] == segments[1] + segments[2] == memory['networkMemory'] // 32768
        assert page['totalResource']['managedMemory'] == memory['managedMemory'] >> 20
        shares = [slot['resource']['managedMemory'] for slot in page['allocatedSlots']]
        assert all(share == (memory['managedMemory'] >> 20) // 4 for share in shares)
        own = values(cluster, f"/taskmanagers/{entry['id']}/metrics?get=Status.JVM.Memory.Heap.Max,weir.slots")
        assert int(own['Status.JVM.Memory.Heap.Max']['value']) == metrics['heapMax'] and own['weir.slots']['value'] == '4'
    assert sum(slot['jobId'] == job for entry in listed
               for slot in cluster.get(f"/taskmanagers/{entry['id']}")['allocatedSlots']) == 2

    both = values(cluster, '/taskmanagers/metrics?get=weir.slots,Status.Flink.Memory.Managed.Used')
    assert both['weir.slots'] == {'id': 'weir.slots', 'min': 4, 'max': 4, 'avg': 4, 'sum': 8, 'skew': 0}
    assert both['Status.Flink.Memory.Managed.Used']['sum'] > 0
    one = listed[0]['id']
    assert cluster.get(f'/taskmanagers/metrics?get=weir.slots&agg=sum&taskmanagers={one}') == [
        {'id': 'weir.slots', 'sum': 4}]
    jobmanager = values(cluster, '/jobmanager/metrics?get=Status.JVM.Memory.Heap.Used,Status.JVM.Memory.Heap.Max,taskSlotsTotal')
    assert 0 < int(jobmanager['Status.JVM.Memory.Heap.Used']['value']) < int(
        jobmanager['Status.JVM.Memory.Heap.Max']['value'])
    assert jobmanager['taskSlotsTotal']['value'] == '8'
    assert 'Status.JVM.GarbageCollector.All.Count' in values(cluster, '/jobmanager/metrics')

    names = values(cluster, f'/jobs/{job}/metrics')
    assert {'uptime', 'numberOfCompletedCheckpoints', 'lastCheckpointSize', 'numRestarts'} <= set(names)
    single = values(cluster, f'/jobs/{job}/metrics?get=numberOfCompletedCheckpoints,uptime,nothing')
    assert set(single) == {'numberOfCompletedCheckpoints', 'uptime'}
    assert int(single['numberOfCompletedCheckpoints']['value']) > 0
    assert cluster.get('/jobs/metrics?get=numRunningTasks') == [
        {'id': 'numRunningTasks', 'min': 4, 'max': 4, 'avg': 4, 'sum': 4, 'skew': 0}]
    assert cluster.get(f'/jobs/metrics?get=numRunningTasks&agg=max&jobs={job}') == [{'id': 'numRunningTasks', 'max': 4}]
    assert cluster.get(f"/jobs/metrics?get=numRunningTasks&jobs={'0' * 32}") == []
