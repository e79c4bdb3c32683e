"""weir checkpoint inspect, weir ha inspect and gc: what a cluster keeps, as files and records."""
import json
import os
import re
import subprocess
import time

import pytest

from test_cluster import client, completed, kill_leader, run_job, start, wait_state  # noqa: F401
from test_savepoints import first_address, stop

import weir as weir_module


def run(*arguments, code=0):
    done = subprocess.run([weir_module.BINARY, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=weir_module.WAIT_SECONDS)
    assert done.returncode == code, done.stdout + done.stderr
    assert 'Sanitizer' not in done.stderr
    return done.stdout, done.stderr


def inspect_checkpoint(path, *arguments, code=0):
    return run('checkpoint', 'inspect', *arguments, path, code=code)


def ha(cluster, *arguments, code=0):
    return run('ha', *arguments, f'-Dhigh-availability.storageDir={cluster.directory}/ha', code=code)


@pytest.fixture
def stopped(start):
    """A cluster whose job was stopped with a savepoint."""
    cluster = start(jobmanagers=1)
    job = run_job(cluster, rate=2000)
    return cluster, job, stop(cluster, job, cluster.directory / 'savepoints')


def test_a_savepoint_is_looked_into(stopped):
    _, job, savepoint = stopped
    out, _ = inspect_checkpoint(savepoint, '--verify')
    assert job in out and 'STOP_SAVEPOINT' in out and 'Movable' in out and 'verified' in out
    told = json.loads(inspect_checkpoint(savepoint / '_metadata', '--json', '--verify')[0])
    assert told['job'] == job and told['verified'] and told['movable'] and told['format'] == 1
    assert {f['path'] for f in told['files']} == {str(p) for p in savepoint.glob('*.state')}
    assert told['bytes'] == sum(p.stat().st_size for p in savepoint.glob('*.state'))
    uids = {o['uid'] for v in told['vertices'] for o in v['operators']}
    assert any(u.endswith('_datagen') for u in uids) and any(u.endswith('_filesystem') for u in uids), uids
    assert all(v['parallelism'] == 2 and v['max-parallelism'] >= 2 for v in told['vertices'])


def test_what_is_wrong_with_a_savepoint_is_named(stopped, tmp_path):
    _, _, savepoint = stopped
    victim = sorted(savepoint.glob('*.state'))[0]
    content = victim.read_bytes()
    victim.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    inspect_checkpoint(savepoint)  # as long as it should be
    assert re.search(f"'{victim}'.*damaged", inspect_checkpoint(savepoint, '--verify', code=1)[1])
    victim.write_bytes(content[:-1])
    assert re.search(f"'{victim}'.*{len(content) - 1}.*expected {len(content)}", inspect_checkpoint(savepoint, code=1)[1])
    victim.unlink()
    assert re.search(f"'{victim}'.*does not exist", inspect_checkpoint(savepoint, code=1)[1])
    metadata = savepoint / '_metadata'
    bytes_ = bytearray(metadata.read_bytes())
    bytes_[len(bytes_) // 2] ^= 0x10
    metadata.write_bytes(bytes_)
    assert str(metadata) in inspect_checkpoint(savepoint, code=1)[1]
    metadata.write_bytes(b'')
    assert str(metadata) in inspect_checkpoint(savepoint, code=1)[1]
    metadata.unlink()
    assert str(metadata) in inspect_checkpoint(savepoint, code=1)[1]
    assert 'does not exist' in inspect_checkpoint(tmp_path / 'nowhere', code=1)[1]
    run('checkpoint', 'inspect', code=1)
    run('checkpoint', 'inspect', '--wrong', savepoint, code=1)


def test_a_checkpoint_of_a_local_run(weir):
    running = weir.start("""CREATE TABLE s (id BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '200');
CREATE TABLE t (id BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO t SELECT id FROM s;""", **{'execution.checkpointing.dir': weir.path('cp'),
                                       'execution.checkpointing.interval': '50 ms'})
    kept = weir_module.wait_for(lambda: weir_module.newest_checkpoint(weir.path('cp')), process=running)
    running.kill()
    running.wait()
    kept = weir_module.newest_checkpoint(weir.path('cp'))
    out, _ = inspect_checkpoint(kept, '--verify')
    assert 'local run' in out and '_datagen' in out


def test_the_store_is_looked_into_without_a_jobmanager(start):
    cluster = start()
    job = run_job(cluster)
    kill_leader(cluster)
    told = json.loads(ha(cluster, 'inspect', '--json')[0])
    assert told['leader']['present'] and told['leader']['epoch'] >= 2
    for process in cluster.processes:
        process.kill()
    told = json.loads(ha(cluster, 'inspect', '--json')[0])
    assert not told['leader']['present'] and told['type'] == 'embedded'
    record, = told['jobs']
    assert record['job'] == job and record['status'] == 'ACTIVE' and record['target'] == 'RUN' and record['bytes'] > 0
    assert record['plan']['bytes'] > 0 and record['checkpoints'][-1]['bytes'] > 0
    text, _ = ha(cluster, 'inspect')
    assert job in text and 'nobody leads now' in text and record['plan']['path'] in text


def test_a_store_that_is_none(tmp_path):
    _, err = run('ha', 'inspect', f'-Dhigh-availability.storageDir={tmp_path}/nothing', code=1)
    assert f'{tmp_path}/nothing' in err
    run('ha', code=2)
    run('ha', 'inspect', 'more', code=2)
    run('ha', 'collect', code=2)


def test_garbage_is_collected_by_the_leader(start):
    cluster = start()
    job = run_job(cluster)
    plans = next((cluster.directory / 'ha').rglob('plans'))
    garbage = plans / f'{"ab" * 16}-e1-99'
    garbage.write_bytes(b'x' * 1000)
    named = [p for p in plans.iterdir() if p != garbage]
    for process in cluster.jobmanagers:  # a standby proxies
        out, _ = run('ha', 'gc', '--dry-run', '-m', process.rest())
        assert str(garbage) in out and '1 objects, 1,000 bytes would be deleted' in out
    assert garbage.exists()
    told = json.loads(run('ha', 'gc', '--json', '-m', first_address(cluster))[0])
    assert told['deleted'] and told['bytes'] == 1000 and [o['path'] for o in told['objects']] == [str(garbage)]
    cluster.wait('it to go', lambda: not garbage.exists(), weir_module.WAIT_SECONDS)
    assert all(p.exists() for p in named) and cluster.job_state(job) == 'RUNNING'
    assert '0 objects' in run('ha', 'gc', '-m', first_address(cluster))[0]


def test_checkpoints_that_never_were_go_with_jobs_that_nobody_knows(start):
    cluster = start(jobmanagers=1)
    job = run_job(cluster)
    checkpoints = next((cluster.directory / 'ha').rglob('plans')).parent / 'checkpoints'

    def put(name, hours):
        path = checkpoints / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b'x' * 10)
        at = time.time() - hours * 3600
        os.utime(path, (at, at))
        return path

    strangers = ['ab' * 16, 'cd' * 16, 'ef' * 16]
    garbage = [put(f'{strangers[0]}/chk-1/e1.1-1-0', 48), put(f'{strangers[0]}/taskowned/e1.1-1-0-final', 30)]
    kept = [put(f'{strangers[1]}/chk-1/e1.1-1-0', 48), put(f'{strangers[1]}/chk-1/_metadata', 48),
            put(f'{strangers[2]}/chk-1/e1.1-1-0', 1), put(f'{job}/chk-999999/e1.1-1-0', 48)]
    address = first_address(cluster)
    told = json.loads(run('ha', 'gc', '--dry-run', '--json', '-m', address)[0])
    assert sorted(o['path'] for o in told['objects']) == sorted(map(str, garbage)) and not told['deleted']
    assert all(p.exists() for p in [*garbage, *kept])
    out, _ = run('ha', 'gc', '-m', address)
    assert '2 objects, 20 bytes deleted' in out
    cluster.wait('them to go', lambda: not (checkpoints / strangers[0]).exists(), weir_module.WAIT_SECONDS)
    assert all(p.exists() for p in kept) and cluster.job_state(job) == 'RUNNING'


def test_empty_folders_of_checkpoints_go_with_their_job(start):
    """As a leader leaves them that is killed between a folder's last file and the folder. Only the job's own, only empty ones."""
    cluster = start(jobmanagers=1)
    job = run_job(cluster)
    checkpoints = cluster.directory / 'checkpoints'
    cluster.wait('a checkpoint', lambda: (checkpoints / job).exists(), weir_module.WAIT_SECONDS)
    for name in [f'{job}/chk-999999/a/b', f'{job}/taskowned', f'{"ab" * 16}/chk-1']:
        (checkpoints / name).mkdir(parents=True, exist_ok=True)
    assert client(cluster, 'cancel', '-m', first_address(cluster), job).returncode == 0
    cluster.wait('its folder to go', lambda: not (checkpoints / job).exists(), weir_module.WAIT_SECONDS)
    assert (checkpoints / ('ab' * 16) / 'chk-1').is_dir()


def test_what_came_after_the_end_is_garbage(start):
    """A file that a cut-off sink wrote after its job's clean-up; another job's is left alone."""
    cluster = start(jobmanagers=1)
    job = run_job(cluster, rate=2000)
    savepoint = stop(cluster, job, cluster.directory / 'savepoints')
    uid = next(o['uid'] for v in json.loads(inspect_checkpoint(savepoint, '--json')[0])['vertices']
               for o in v['operators'] if o['uid'].endswith('_filesystem'))
    cluster.wait('the tombstone', lambda: json.loads(ha(cluster, 'inspect', '--json')[0])['ended'],
                 weir_module.WAIT_SECONDS)
    late = [cluster.directory / sink / f'.part-{job}-{uid}-1-1-0-99-7.inprogress' for sink in ('rows_out', 'windows_out')]
    other = cluster.directory / 'rows_out' / f'.part-{"cd" * 16}-{uid}-1-1-0-99-7.inprogress'
    for path in [*late, other]:
        path.parent.mkdir(exist_ok=True)
        path.write_text('1\n')
    out, _ = run('ha', 'gc', '-m', first_address(cluster))
    assert '1 objects, 2 bytes deleted' in out and job in out  # of the sink whose operator it names
    cluster.wait('it to go', lambda: sum(p.exists() for p in late) == 1, weir_module.WAIT_SECONDS)
    assert other.exists() and (savepoint / '_metadata').exists()
