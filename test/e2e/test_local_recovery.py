"""Local copies of snapshots: a killed TaskManager's state is read from this host, and never a stale one."""
import re
import sys
import tempfile
import urllib.request
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'chaos'))

import cluster as clusters  # noqa: E402
import weir as weir_module  # noqa: E402

SCRIPT = """
SET 'parallelism.default' = '2';
SET 'execution.checkpointing.interval' = '{interval}';
SET 'execution.checkpointing.snapshot-compression' = '{compression}';
CREATE TABLE numbers (id BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '{rate}',
      'fields.id.kind' = 'sequence', 'fields.id.start' = '0', 'fields.id.end' = '100000000');
CREATE TABLE counted (k BIGINT, n BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO counted SELECT MOD(id, {keys}), COUNT(*) FROM numbers GROUP BY MOD(id, {keys});
"""
RESTORED = re.compile(r'restored checkpoint ([0-9]+): ([0-9]+) bytes from local copies, ([0-9]+) from storage; '
                      r'([0-9]+) copies refused; in [0-9]+ ms')


@pytest.fixture
def start(tmp_path):
    started = []

    def start_cluster(*arguments):
        cluster = clusters.Cluster(weir_module.BINARY, tmp_path / 'cluster', 1, 2, 1, arguments)
        for process in cluster.taskmanagers:
            process.arguments.append(f'-Dtaskmanager.resource-id={process.name}')
        started.append(cluster)
        cluster.__enter__()
        cluster.wait('a leader', lambda: cluster.get('/ha')['leader'], weir_module.WAIT_SECONDS)
        return cluster

    yield start_cluster
    for cluster in started:
        for process in cluster.processes:
            process.kill()


def run(cluster, interval='200 ms', compression='false', rate=5000, keys=1000):
    job = cluster.submit(SCRIPT.format(interval=interval, compression=compression, rate=rate, keys=keys))
    cluster.wait('checkpoints', lambda: completed(cluster, job) > 3, weir_module.WAIT_SECONDS)
    return job


def completed(cluster, job):
    latest = cluster.get(f'/jobs/{job}/checkpoints')['latest']['completed']
    return latest['id'] if latest else 0


def restored(cluster):
    """Bytes from local copies, from storage, copies refused: of all restores so far."""
    sums = [0, 0, 0]
    for process in cluster.taskmanagers:
        for found in RESTORED.findall(process.text()):
            sums = [a + int(b) for a, b in zip(sums, found[1:])]
    return sums


def kill_and_wait(cluster, job, process):
    """Killed and started again; until another checkpoint has completed, and all tasks have said what they read."""
    before = sum(len(RESTORED.findall(p.text())) for p in cluster.taskmanagers)
    process.kill()
    process.start()
    cluster.wait('the restored tasks', lambda: sum(
        len(RESTORED.findall(p.text())) for p in cluster.taskmanagers) >= before + 2, weir_module.WAIT_SECONDS)
    id = completed(cluster, job)
    cluster.wait('a checkpoint', lambda: completed(cluster, job) > id, weir_module.WAIT_SECONDS)


def cancel(cluster, job):
    address = cluster.rest_addresses().split(',')[0]
    urllib.request.urlopen(urllib.request.Request(f'http://{address}/jobs/{job}', method='PATCH'), timeout=5)


def copies(cluster, job):
    root = cluster.directory / 'ha' / 'localState'
    return [p for p in root.rglob('*.state') if job in str(p)]


def test_a_new_process_on_the_host_restores_from_local_copies(start):
    cluster = start('-Dstate.backend.local-recovery=true')
    job = run(cluster)
    assert copies(cluster, job)
    kill_and_wait(cluster, job, cluster.taskmanagers[0])
    local, storage, refused = restored(cluster)
    assert local > 0 and storage == 0 and refused == 0
    # One that takes over the folder of a dead one, under another name.
    dead = cluster.taskmanagers[1]
    dead.arguments[-1] = '-Dtaskmanager.resource-id=another'
    kill_and_wait(cluster, job, dead)
    local_now, storage, refused = restored(cluster)
    assert local_now > local and storage == 0 and refused == 0
    cluster.wait('the take-over', lambda: "Took over the local snapshots of 'tm2'" in dead.text())


def test_a_large_state_whose_later_checkpoints_give_way(start):
    cluster = start('-Dstate.backend.local-recovery=true')
    keys = 100000
    job = run(cluster, rate=400000, keys=keys)

    def newest():
        return cluster.get(f'/jobs/{job}/checkpoints')['latest']['completed']

    cluster.wait('all keys', lambda: newest()['state_size'] > keys * 24, weir_module.WAIT_SECONDS)
    id = completed(cluster, job)
    cluster.wait('later ones', lambda: completed(cluster, job) > id + 3, weir_module.WAIT_SECONDS)
    kill_and_wait(cluster, job, cluster.taskmanagers[0])
    local, storage, refused = restored(cluster)
    assert local > keys * 24 and storage == 0 and refused == 0


def test_compressed_snapshots_are_smaller_and_restored(start):
    cluster = start('-Dstate.backend.local-recovery=true')
    sizes = []
    for compression in ('false', 'true'):
        job = run(cluster, compression=compression)
        cluster.wait('all keys', lambda: completed(cluster, job) > 8, weir_module.WAIT_SECONDS)
        sizes.append(cluster.get(f'/jobs/{job}/checkpoints')['latest']['completed']['state_size'])
        if compression == 'true':
            kill_and_wait(cluster, job, cluster.taskmanagers[0])
        cancel(cluster, job)
        cluster.wait('the end', lambda: cluster.job_state(job) == 'CANCELED', weir_module.WAIT_SECONDS)
    assert sizes[1] * 3 < sizes[0] * 2
    local, storage, refused = restored(cluster)
    assert local > 0 and storage == 0 and refused == 0


def test_copies_go_with_what_they_are_of(start):
    cluster = start('-Dstate.backend.local-recovery=true')
    job = run(cluster)
    first = completed(cluster, job)
    cluster.wait('more checkpoints', lambda: completed(cluster, job) > first + 10, weir_module.WAIT_SECONDS)
    cluster.wait('the old ones gone', lambda: not [
        p for p in copies(cluster, job) if int(p.stem.rsplit('-', 1)[1]) <= 1], weir_module.WAIT_SECONDS)
    cancel(cluster, job)
    cluster.wait('the end', lambda: cluster.job_state(job) == 'CANCELED', weir_module.WAIT_SECONDS)
    cluster.wait('nothing left', lambda: not copies(cluster, job), weir_module.WAIT_SECONDS)


def test_damaged_copies_on_another_disk_are_passed_over(start):
    with tempfile.TemporaryDirectory(dir='/dev/shm') as shm:
        cluster = start('-Dstate.backend.local-recovery=true', f'-Dexecution.checkpointing.local-backup.dirs={shm}')
        job = run(cluster, '1 s')
        first = completed(cluster, job)
        cluster.wait('the next checkpoint', lambda: completed(cluster, job) > first, weir_module.WAIT_SECONDS)
        found = list(Path(shm).rglob('*.state'))
        assert found
        for path in found:
            path.write_bytes(bytes(b ^ 255 for b in path.read_bytes()))
        kill_and_wait(cluster, job, cluster.taskmanagers[0])
        local, storage, refused = restored(cluster)
        assert local == 0 and storage > 0 and refused > 0


def test_copies_that_cannot_be_kept_are_told_once(start, tmp_path):
    """Not for each file of each checkpoint: the log of a TaskManager whose disk is full stays readable."""
    cluster = start('-Dstate.backend.local-recovery=true', f'-Dtaskmanager.state.local.root-dirs={tmp_path}/local')
    cluster.wait('all slots', lambda: cluster.get('/overview')['slots-total'] == 2, weir_module.WAIT_SECONDS)
    for process in cluster.taskmanagers:
        folder = next((tmp_path / 'local').rglob(process.name))
        folder.rename(tmp_path / f'was-{process.name}')
        folder.write_text('')
    run(cluster)
    for process in cluster.taskmanagers:
        told = [line for line in process.text().splitlines() if 'No local copy is kept' in line]
        assert len(told) == 1 and str(tmp_path / 'local') in told[0], told
