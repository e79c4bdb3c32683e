"""TaskManagers that a JobManager starts by itself: resourcemanager.local.taskmanagers."""
import os
import re
import subprocess
import signal
import time

import pytest

import test_cluster as clusters_test
import test_ssh
from test_cluster import completed, kill_leader, ledger, leads, subtasks, wait_state, weir_module

clusters = clusters_test.clusters


def workers_of(cluster):
    """pid -> resource id of the TaskManagers of this cluster, as the machine has them."""
    found = {}
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{pid}/cmdline', 'rb') as f:
                arguments = f.read().decode().split('\0')
        except OSError:
            continue
        if 'taskmanager' in arguments[1:2] and any(str(cluster.directory) in a for a in arguments):
            found[int(pid)] = next(a for a in arguments if 'resource-id=' in a).split('=')[1]
    return found


@pytest.fixture
def start(tmp_path):
    started = []

    def start_cluster(jobmanagers=2, taskmanagers=2, arguments=()):
        cluster = clusters.Cluster(weir_module.BINARY, tmp_path / 'cluster', jobmanagers, 0, 2, [
            clusters_test.LEASE, f'-Dresourcemanager.local.taskmanagers={taskmanagers}',
            '-Dtaskmanager.numberOfTaskSlots=2', *arguments])
        started.append(cluster)
        cluster.__enter__()
        cluster.wait('a leader with a REST endpoint', lambda: leads(cluster) and
                     all(p.rest() for p in cluster.jobmanagers), weir_module.WAIT_SECONDS)
        return cluster

    yield start_cluster
    for cluster in started:
        for process in cluster.processes:
            process.kill()
        for pid in workers_of(cluster):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass  # it has ended by itself


def run(cluster, rows=100000, rate=500, parallelism=4):
    job = cluster.submit(ledger.script(cluster.directory, rows, rate, parallelism))
    wait_state(cluster, job, 'RUNNING')
    cluster.wait('a completed checkpoint', lambda: completed(cluster, job) > 0, weir_module.WAIT_SECONDS)
    return job


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    try:
        with open(f'/proc/{pid}/stat') as f:
            return f.read().rsplit(')', 1)[1].split()[0] == 'Z'
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_they_come_with_the_job_and_a_dead_one_is_replaced(start):
    cluster = start(jobmanagers=1)
    assert not workers_of(cluster)
    rows = 3000
    job = run(cluster, rows)
    before = workers_of(cluster)
    assert len(before) == 2
    time.sleep(1.1)  # what dies younger waits for its successor
    victim = min(before)
    os.kill(victim, signal.SIGKILL)
    cluster.wait('the job again', lambda: subtasks(cluster, job) and victim not in workers_of(cluster) and
                 len(workers_of(cluster)) == 2, weir_module.WAIT_SECONDS)
    after = workers_of(cluster)
    assert victim not in after and len(set(before) & set(after)) == 1
    wait_state(cluster, job, 'FINISHED')
    verdict = ledger.judge(cluster.directory, rows, True)
    assert verdict['lost'] == verdict['doubled'] == verdict['wrong'] == 0


def test_they_survive_the_leader_and_the_next_one_starts_no_doubles(start):
    cluster = start()
    job = run(cluster)
    workers, tasks = workers_of(cluster), cluster.wait('all tasks', lambda: subtasks(cluster, job))
    checkpoint = completed(cluster, job)
    kill_leader(cluster)
    cluster.wait('the next checkpoint', lambda: completed(cluster, job) > checkpoint, weir_module.WAIT_SECONDS)
    assert subtasks(cluster, job) == tasks
    time.sleep(1.5)  # longer than a new leader waits for them
    assert workers_of(cluster) == workers
    # One that this leader has not started itself is replaced, too.
    victim = min(workers)
    os.kill(victim, signal.SIGKILL)
    cluster.wait('another one', lambda: len(workers_of(cluster)) == 2 and victim not in workers_of(cluster),
                 weir_module.WAIT_SECONDS)
    cluster.wait('the job again', lambda: subtasks(cluster, job), weir_module.WAIT_SECONDS)
    # The last JobManager takes them with it when it ends in order.
    last = next(p for p in cluster.jobmanagers if p.alive)
    last.signal(signal.SIGTERM)
    assert last.popen.wait(weir_module.WAIT_SECONDS) == 0
    cluster.wait('the end of the workers', lambda: not workers_of(cluster), weir_module.WAIT_SECONDS)


def test_a_leader_that_ends_in_order_leaves_them_to_its_standby(start):
    cluster = start()
    job = run(cluster)
    workers, tasks = workers_of(cluster), cluster.wait('all tasks', lambda: subtasks(cluster, job))
    leader, epoch = cluster.leader()
    leader.signal(signal.SIGTERM)
    leader.popen.wait(weir_module.WAIT_SECONDS)
    cluster.wait('another leader', lambda: cluster.leader()[1] > epoch, weir_module.WAIT_SECONDS)
    assert cluster.wait('all tasks', lambda: subtasks(cluster, job)) == tasks
    assert workers_of(cluster) == workers


def test_one_that_dies_at_once_is_started_ever_more_slowly(start):
    cluster = start(jobmanagers=1, arguments=['-Dtaskmanager.bind-host=192.0.2.1'])  # nothing can be bound there
    cluster.submit(ledger.script(cluster.directory, 10, 10, 2))

    def starts():
        return len(re.findall(r"worker 'worker-[0-9-]+' was started", cluster.jobmanagers[0].text()))
    time.sleep(3.5)
    assert starts() <= 4, cluster.jobmanagers[0].text()
    cluster.wait('the second try', lambda: starts() >= 2 and 'has ended: exit code 1' in cluster.jobmanagers[0].text())


def test_stop_cluster_finds_those_whose_jobmanagers_were_killed(tmp_path):
    installation = test_ssh.Installation(tmp_path / 'weir', '')
    other = test_ssh.Installation(tmp_path / 'other', '')
    for made in (installation, other):
        with open(made.folder / 'conf/config.yaml', 'a') as f:
            f.write('resourcemanager.local.taskmanagers: 2\nslotmanager.number-of-slots.min: 4\n')
        (made.folder / 'conf/masters').write_text(f'localhost:{made.ports[0]}\nlocalhost:{made.ports[1]}\n')
        (made.folder / 'conf/workers').write_text('')
    # Both list their processes in one place, as those of one user do by default.
    text = (other.folder / 'conf/config.yaml').read_text()
    (other.folder / 'conf/config.yaml').write_text(
        text.replace(f'env.pid.dir: {other.folder}', f'env.pid.dir: {installation.folder}'))

    def listed():
        return {int(pid) for path in (installation.folder / 'pid').glob('*-localworker.pid') for pid in path.read_text().split()}

    try:
        for made in (installation, other):
            made.run('start-cluster.sh')
            test_ssh.wait('two TaskManagers', lambda: made.overview().get('taskmanagers') == 2)
        everybody = listed()
        assert len(everybody) == 4
        own = {pid for pid in everybody
               if f'WEIR_CONF_DIR={installation.folder}/conf'.encode() in open(f'/proc/{pid}/environ', 'rb').read().split(b'\0')}
        assert len(own) == 2
        bystander = subprocess.Popen(['sleep', '60'])
        path, = (installation.folder / 'pid').glob('*-localworker.pid')
        with open(path, 'a') as f:
            f.write(f'{bystander.pid}\n999999999\n')
        for made in (installation, other):  # all JobManagers of both
            for path in (made.folder / 'log').glob('*-standalonesession-*.pid'):
                os.kill(int(path.read_text()), signal.SIGKILL)
        said = installation.run('stop-cluster.sh')
        assert all(f'Stopping localworker daemon (pid: {pid})' in said for pid in own), said
        assert all(gone(pid) for pid in own) and not any(gone(pid) for pid in everybody - own)
        assert bystander.poll() is None and listed() == everybody - own | {bystander.pid}
        other.run('stop-cluster.sh')
        assert all(gone(pid) for pid in everybody)
        bystander.kill()
        bystander.wait()
        installation.run('stop-cluster.sh')
        assert not listed()
    finally:
        installation.end()
        other.end()
