"""A cluster of real processes on loopback: what is killed, stopped or damaged, and what goes on."""
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'chaos'))

import cluster as clusters  # noqa: E402
import ledger  # noqa: E402
import weir as weir_module  # noqa: E402

LEASE = '-Dhigh-availability.embedded.lease=3 s'  # nobody loses it by accident, on a loaded machine
ENDED = ('FINISHED', 'FAILED', 'CANCELED')


@pytest.fixture
def start(tmp_path):
    """Starts clusters in an empty folder; what they started is killed at the end."""
    started = []

    def start_cluster(jobmanagers=2, taskmanagers=2, slots=4, arguments=()):
        cluster = clusters.Cluster(weir_module.BINARY, tmp_path / 'cluster', jobmanagers, taskmanagers, slots,
                                   [LEASE, *arguments])
        started.append(cluster)
        cluster.__enter__()
        cluster.wait('a leader with a REST endpoint', lambda: leads(cluster) and
                     all(p.rest() for p in cluster.jobmanagers), weir_module.WAIT_SECONDS)
        return cluster

    yield start_cluster
    for cluster in started:
        for process in cluster.processes:
            process.kill()


def leads(cluster):
    """Who says over REST that it leads itself."""
    try:
        ha = cluster.get('/ha')
    except (ConnectionError, ValueError):
        return None
    return ha['leader'] or None


def run_job(cluster, rows=100000, rate=500, parallelism=2):
    job = cluster.submit(ledger.script(cluster.directory, rows, rate, parallelism))
    wait_state(cluster, job, 'RUNNING')
    cluster.wait('a completed checkpoint', lambda: completed(cluster, job) > 0, weir_module.WAIT_SECONDS)
    return job


def wait_state(cluster, job, *states):
    return cluster.wait(f'{job} {states}', lambda: cluster.job_state(job) in states, weir_module.WAIT_SECONDS)


def completed(cluster, job):
    latest = cluster.get(f'/jobs/{job}/checkpoints')['latest']['completed']
    return latest['id'] if latest else 0


def subtasks(cluster, job):
    """(vertex, subtask) -> attempt id, start time and TaskManager of all that run; None unless all do."""
    result = {}
    for vertex in cluster.get(f'/jobs/{job}')['vertices']:
        for subtask in cluster.get(f"/jobs/{job}/vertices/{vertex['id']}")['subtasks']:
            if subtask['status'] != 'RUNNING':
                return None
            result[vertex['id'], subtask['subtask']] = (
                subtask['attempt-id'], subtask['start-time'], subtask['taskmanager-id'])
    return result or None


def kill_leader(cluster):
    leader, epoch = cluster.leader()
    leader.kill()
    cluster.wait('another leader', lambda: cluster.leader()[1] > epoch, weir_module.WAIT_SECONDS)
    return leader, epoch


def client(cluster, *arguments):
    return subprocess.run([weir_module.BINARY, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=weir_module.WAIT_SECONDS, cwd=cluster.directory)


def cancel(cluster, job):
    done = client(cluster, 'cancel', '-m', cluster.rest_addresses().split(',')[0], job)
    assert done.returncode == 0, done.stdout + done.stderr


# --- the leader ---

def test_tasks_outlive_the_leader(start):
    cluster = start()
    job = run_job(cluster)
    before = cluster.wait('all tasks', lambda: subtasks(cluster, job))
    checkpoint = completed(cluster, job)
    leader, epoch = kill_leader(cluster)
    standby = next(p for p in cluster.jobmanagers if p.alive)
    ha = cluster.wait('the standby to lead', lambda: leads(cluster) == standby.rest() and cluster.get('/ha'))
    assert ha['epoch'] > epoch and ha['self'] == ha['leader']
    after = cluster.wait('all tasks', lambda: subtasks(cluster, job))
    assert after == before
    cluster.wait('the next checkpoint', lambda: completed(cluster, job) > checkpoint, weir_module.WAIT_SECONDS)
    assert subtasks(cluster, job) == before
    # The dead one comes back and follows; the old one's end was no reason to start anything again.
    leader.start()
    cluster.wait('the standby', lambda: leader.rest() and len(cluster.get('/ha')['standbys']) == 1)
    assert subtasks(cluster, job) == before
    verdict = ledger.judge(cluster.directory, 100000, False)
    assert verdict['doubled'] == verdict['wrong'] == 0


def test_submit_and_cancel_right_after_a_kill(start):
    cluster = start()
    first = run_job(cluster)
    kill_leader(cluster)
    cancel(cluster, first)
    second = cluster.submit(ledger.script(cluster.directory / 'second', 100000, 100, 1))
    wait_state(cluster, second, 'RUNNING')
    wait_state(cluster, first, 'CANCELED')
    cancel(cluster, second)
    wait_state(cluster, second, 'CANCELED')


def test_cancel_during_a_failover_stays_canceled(start):
    cluster = start(jobmanagers=3)
    job = run_job(cluster)
    cancel(cluster, job)
    kill_leader(cluster)
    wait_state(cluster, job, 'CANCELED')
    kill_leader(cluster)
    wait_state(cluster, job, 'CANCELED')  # a job that is recovered initializes for a moment
    cluster.wait('free slots', lambda: (o := cluster.get('/overview'))['slots-available'] == o['slots-total'] == 8)
    assert cluster.job_state(job) == 'CANCELED'


def test_a_woken_leader_changes_nothing(start):
    cluster = start()
    job = run_job(cluster)
    before = cluster.wait('all tasks', lambda: subtasks(cluster, job))
    leader, epoch = cluster.leader()
    leader.signal(signal.SIGSTOP)
    others = [p for p in cluster.jobmanagers if p is not leader]
    try:
        cluster.wait('another leader', lambda: cluster.leader()[1] > epoch, weir_module.WAIT_SECONDS)
    finally:
        leader.signal(signal.SIGCONT)
    _, newest = cluster.leader()
    cluster.wait('the woken one to follow', lambda: not clusters_ha(cluster, leader).get('leading', True))
    checkpoint = completed(cluster, job)
    cluster.wait('checkpoints', lambda: completed(cluster, job) > checkpoint + 1, weir_module.WAIT_SECONDS)
    assert cluster.leader()[1] == newest and cluster.leader()[0] in others
    assert clusters_ha(cluster, leader)['leader'] == others[0].rest()
    assert subtasks(cluster, job) == before


def clusters_ha(cluster, process):
    """/ha of this very process."""
    alone = clusters.Cluster(cluster.weir, cluster.directory, 0, 0)
    alone.jobmanagers = [process]
    return alone.get('/ha')


def test_tasks_run_on_without_any_jobmanager(start):
    cluster = start()
    job = run_job(cluster, rate=300)
    before = cluster.wait('all tasks', lambda: subtasks(cluster, job))
    cpu = {p.name: clusters.cpu_seconds(p.popen.pid) for p in cluster.taskmanagers}
    for process in cluster.jobmanagers:
        process.kill()
    time.sleep(5)
    assert all(p.alive for p in cluster.taskmanagers)
    assert sum(clusters.cpu_seconds(p.popen.pid) - cpu[p.name] for p in cluster.taskmanagers) > 0
    committed = len(list(ledger.committed(f'{cluster.directory}/rows_out')))
    cluster.jobmanagers[1].start()
    cluster.wait('the leader', lambda: leads(cluster), weir_module.WAIT_SECONDS)
    after = cluster.wait('all tasks', lambda: subtasks(cluster, job), weir_module.WAIT_SECONDS)
    assert after == before
    # What was made in the meantime is committed at once: more than could be made after it came back.
    cluster.wait('the output of five seconds',
                 lambda: len(list(ledger.committed(f'{cluster.directory}/rows_out'))) > committed + 1000,
                 weir_module.WAIT_SECONDS)
    verdict = ledger.judge(cluster.directory, 100000, False)
    assert verdict['doubled'] == verdict['wrong'] == 0


# --- TaskManagers ---

@pytest.mark.parametrize('slots', [4, 2], ids=['spare slots', 'no spare slots'])
def test_a_taskmanager_dies(start, slots):
    cluster = start(slots=slots)
    job = run_job(cluster, rows=3000, rate=500, parallelism=4)
    used = {where for _, _, where in cluster.wait('all tasks', lambda: subtasks(cluster, job)).values()}
    victim = next(p for p in cluster.taskmanagers if any(str(p.popen.pid) in name for name in used))
    victim.kill()
    if slots == 2: # nothing can run until it is back
        time.sleep(0.5)
        assert cluster.job_state(job) not in ENDED
        victim.start()
    wait_state(cluster, job, *ENDED)
    assert cluster.job_state(job) == 'FINISHED'
    verdict = ledger.judge(cluster.directory, 3000, True)
    assert (verdict['lost'], verdict['doubled'], verdict['wrong']) == (0, 0, 0)


def test_a_young_jobmanager_waits_no_longer_than_it_is_told(start):
    """Of itself it would wait for 6 s for TaskManagers that it cannot know of, the job for 5.5 s."""
    cluster = start(jobmanagers=1)
    cluster.arguments.append('-Dweir.jobmanager.reattach-timeout=500 ms')
    job = cluster.submit(ledger.script(cluster.directory, 100000, 500, 4), '-Dweir.jobmanager.reattach-timeout=5500 ms')
    wait_state(cluster, job, 'RUNNING')
    before = cluster.wait('all tasks', lambda: subtasks(cluster, job))
    used = {where for _, _, where in before.values()}
    process = cluster.jobmanagers[0]
    process.kill()
    next(p for p in cluster.taskmanagers if any(str(p.popen.pid) in name for name in used)).kill()
    process.start()
    cluster.wait('what is lost', lambda: ' is deployed again: ' in process.text(), weir_module.WAIT_SECONDS)
    assert 'is deployed again: none of the TaskManagers that are there runs all of it' in process.text()
    wait_state(cluster, job, 'RUNNING')
    after = cluster.wait('all tasks again', lambda: subtasks(cluster, job))
    newest = cluster.get('/ha')['failovers'][-1]
    assert newest['tasks-restarted'] == sum(after[key] != before[key] for key in before) > 0, newest
    assert 'to RESTARTING.\n' in process.text() and 'Reason: \n' not in process.text()  # no failure of the job


def test_the_storage_may_be_spelled_otherwise(start):
    """Who leads next says "file:" and a last slash: plans are known by their names, and only what nobody names is swept."""
    cluster = start(jobmanagers=1, taskmanagers=1, arguments=['-Dweir.jobmanager.sweep-interval=1 s'])
    job = run_job(cluster)
    plans = cluster.directory / 'ha/default/plans'
    process = cluster.jobmanagers[0]
    process.kill()
    stray = plans / ('f' * 32 + '-e1-9')
    stray.write_bytes(b'of nobody')
    cluster.arguments += [f'-Dhigh-availability.storageDir=file://{cluster.directory}/ha/', '-Dhigh-availability.cluster-id=/default/']
    process.start()
    cluster.wait('the sweep', lambda: not stray.exists(), weir_module.WAIT_SECONDS)
    assert [path.name for path in plans.iterdir()] == [f'{job}-e1-1']
    wait_state(cluster, job, 'RUNNING')


# --- wrong use ---

def refused(tmp_path, *arguments):
    """Exit code and message of a process that is to end by itself."""
    done = subprocess.run([weir_module.BINARY, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=weir_module.WAIT_SECONDS, cwd=tmp_path)
    assert done.returncode == 1 or done.returncode == 2, (done.returncode, done.stderr)
    assert 'Sanitizer' not in done.stderr
    return done.stderr + done.stdout


@pytest.mark.parametrize('option', ['jobmanager.rpc.port', 'rest.port'])
def test_a_taken_port(tmp_path, option):
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        ports = {'jobmanager.rpc.port': 0, 'rest.port': 0, option: port}
        if option == 'rest.port':
            ports['rest.bind-port'] = port
        text = refused(tmp_path, 'jobmanager', f'-Dhigh-availability.storageDir={tmp_path}/ha',
                       *(f'-D{key}={value}' for key, value in ports.items()))
    assert str(port) in text and 'in use' in text.lower()


def test_a_storage_directory_that_cannot_be_made(tmp_path):
    (tmp_path / 'file').write_text('')
    text = refused(tmp_path, 'jobmanager', f'-Dhigh-availability.storageDir={tmp_path}/file/ha', '-Drest.port=0')
    assert f'{tmp_path}/file' in text


def test_a_taskmanager_of_another_cluster(start, tmp_path):
    cluster = start(taskmanagers=1)
    cluster.wait('the TaskManager', lambda: cluster.get('/overview')['taskmanagers'] == 1)
    stranger = clusters.Process(cluster, 'taskmanager', 'stranger', ['-Dhigh-availability.cluster-id=another'])
    cluster.taskmanagers.append(stranger.start())
    time.sleep(1)
    assert cluster.get('/overview')['taskmanagers'] == 1


def test_a_slot_runs_more_than_a_thousand_tasks(start):
    cluster = start(jobmanagers=1, taskmanagers=1, slots=1)
    tables = [f't{i}' for i in range(1100)]
    sql = ["SET 'parallelism.default' = '1';", "CREATE TABLE o (a BIGINT) WITH ('connector' = 'blackhole');"]
    sql += [f"""CREATE TABLE {t} (a BIGINT) WITH ('connector' = 'datagen', 'fields.a.kind' = 'sequence',
                'fields.a.start' = '1', 'fields.a.end' = '3');""" for t in tables]
    inserts = [' UNION ALL '.join(f'SELECT a FROM {t}' for t in half) for half in (tables[::2], tables[1::2])]
    sql += ['EXECUTE STATEMENT SET BEGIN', *(f'INSERT INTO o {query};' for query in inserts), 'END;']
    job = cluster.submit('\n'.join(sql))
    wait_state(cluster, job, *ENDED)
    assert cluster.job_state(job) == 'FINISHED'
    assert cluster.taskmanagers[0].alive


def test_a_corrupted_checkpoint(start):
    cluster = start()
    job = run_job(cluster)
    savepoints = cluster.directory / 'savepoints'
    done = client(cluster, 'stop', '-m', cluster.rest_addresses().split(',')[0], '-p', str(savepoints), job)
    assert done.returncode == 0, done.stdout + done.stderr
    metadata = next(savepoints.glob('*/_metadata'))
    content = bytearray(metadata.read_bytes())
    content[len(content) // 2] ^= 0x55
    metadata.write_bytes(content)
    script = cluster.directory / 'again.sql'
    script.write_text(ledger.script(cluster.directory, 100000, 500, 2))
    for origin, text in ((metadata.parent, 'damaged|checksum|corrupt|wrong'),
                         (savepoints / 'nowhere', 'not found|does not exist|no such|cannot|not there|missing')):
        done = client(cluster, 'run', '-d', '-m', cluster.rest_addresses().split(',')[0], '-s', str(origin),
                      str(script))
        said = done.stdout + done.stderr
        if done.returncode == 0:  # taken, and found wrong by the job itself: nothing of it ever runs
            again = re.search('JobID ([0-9a-f]{32})', said).group(1)
            wait_state(cluster, again, 'FAILED')
            assert completed(cluster, again) == 0
            said = cluster.get(f'/jobs/{again}/exceptions')['root-exception']
        assert re.search(text, said, re.I), said
    assert metadata.exists()
