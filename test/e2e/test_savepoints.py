"""Savepoints and checkpoints as files: moved, claimed, left alone; what a job leaves behind when it has ended."""
import re
import shutil
import subprocess

import pytest

from test_cluster import cancel, client, completed, run_job, start, subtasks, wait_state  # noqa: F401

import ledger
import weir as weir_module

ROWS = 2000


def first_address(cluster):
    return cluster.rest_addresses().split(',')[0]


def stop(cluster, job, directory):
    done = client(cluster, 'stop', '-m', first_address(cluster), '-p', str(directory), job)
    assert done.returncode == 0, done.stdout + done.stderr
    wait_state(cluster, job, 'FINISHED')
    return next(directory.glob('savepoint-*'))


def run_from(cluster, origin, rows, rate, *arguments, parallelism=2):
    script = cluster.directory / 'again.sql'
    script.write_text(ledger.script(cluster.directory, rows, rate, parallelism))
    done = client(cluster, 'run', '-d', '-m', first_address(cluster), '-s', str(origin), *arguments, str(script))
    assert done.returncode == 0, done.stdout + done.stderr
    return re.search('JobID ([0-9a-f]{32})', done.stdout).group(1)


def hidden_files(cluster):
    return [p for name in ('rows_out', 'windows_out') for p in (cluster.directory / name).rglob('.part-*')]


def one_source_ends(directory, rows):
    """As ledger.script, but the subtasks of source a end long before those of b."""
    text = ledger.script(directory, rows, 200, 2)
    return text.replace("'rows-per-second' = '200'", "'rows-per-second' = '100000'", 1)


def test_a_savepoint_is_moved_and_stands_on_its_own(start):
    """Subtasks had ended when it was taken; the job's own files are gone when it is restored from elsewhere."""
    cluster = start(jobmanagers=1)
    job = cluster.submit(one_source_ends(cluster.directory, ROWS))
    wait_state(cluster, job, 'RUNNING')
    cluster.wait('source a to end', lambda: any(
        s['status'] == 'FINISHED' for v in cluster.get(f'/jobs/{job}')['vertices']
        for s in cluster.get(f"/jobs/{job}/vertices/{v['id']}")['subtasks']), weir_module.WAIT_SECONDS)
    savepoint = stop(cluster, job, cluster.directory / 'savepoints')
    moved = cluster.directory / 'elsewhere' / 'mine'
    moved.parent.mkdir()
    shutil.move(savepoint, moved)
    cluster.wait('the clean-up', lambda: not list((cluster.directory / 'checkpoints').rglob('*.state')),
                 weir_module.WAIT_SECONDS)
    again = run_from(cluster, moved, ROWS, 20000)
    wait_state(cluster, again, 'FINISHED')
    verdict = ledger.judge(cluster.directory, ROWS, True)
    assert verdict['lost'] == verdict['doubled'] == verdict['wrong'] == 0, verdict
    assert (moved / '_metadata').exists()  # NO_CLAIM
    cluster.wait('a tidy folder', lambda: hidden_files(cluster) == [], weir_module.WAIT_SECONDS)


def test_a_cancel_with_a_savepoint_ends_as_canceled(start):
    """Exactly-once like a stop, from which a job goes on; what Flink's cancel -s says, and its state."""
    cluster = start(jobmanagers=1)
    job = run_job(cluster, rows=ROWS, rate=400)
    folder = cluster.directory / 'savepoints'
    done = client(cluster, 'cancel', '-m', first_address(cluster), '-s', str(folder), job)
    assert done.returncode == 0 and f'Cancelled job {job}. Savepoint stored in file:{folder}/savepoint-' in done.stdout, done.stderr
    wait_state(cluster, job, 'CANCELED')
    savepoint = next(folder.glob('savepoint-*'))
    wait_state(cluster, run_from(cluster, savepoint, ROWS, 20000), 'FINISHED')
    verdict = ledger.judge(cluster.directory, ROWS, True)
    assert verdict['lost'] == verdict['doubled'] == verdict['wrong'] == 0, verdict


@pytest.mark.parametrize('mode', ['CLAIM', 'NO_CLAIM'])
def test_claim_modes(start, mode):
    cluster = start(jobmanagers=1)
    job = run_job(cluster, rows=100000, rate=400)
    savepoint = stop(cluster, job, cluster.directory / 'savepoints')
    again = run_from(cluster, savepoint, 100000, 400, '--restoreMode' if mode == 'CLAIM' else '-rm', mode)
    cluster.wait('a checkpoint', lambda: completed(cluster, again) > 0, weir_module.WAIT_SECONDS)
    if mode == 'CLAIM':
        cluster.wait('the savepoint to go', lambda: not savepoint.exists(), weir_module.WAIT_SECONDS)
    else:
        assert (savepoint / '_metadata').exists()
        shutil.rmtree(savepoint)  # nothing of the job depends on it any more
    # It is its own checkpoint that the job goes on from.
    cluster.taskmanagers[0].kill()
    cluster.taskmanagers[0].start()
    wait_state(cluster, again, 'RUNNING')
    newest = completed(cluster, again)
    cluster.wait('the next one', lambda: completed(cluster, again) > newest, weir_module.WAIT_SECONDS)
    cancel(cluster, again)
    wait_state(cluster, again, 'CANCELED')
    verdict = ledger.judge(cluster.directory, 100000, False)
    assert verdict['doubled'] == verdict['wrong'] == 0, verdict
    cluster.wait('a tidy folder', lambda: hidden_files(cluster) == [], weir_module.WAIT_SECONDS)


def test_a_checkpoint_that_a_running_job_needs_is_not_taken_from_it(start):
    """Later ones build on its files. Of a job that has ended it is disposed of; a folder of something else never is."""
    cluster = start(jobmanagers=2)
    text = ledger.script(cluster.directory, 100000, 400, 2, interval_ms=3600000)
    job = cluster.submit("SET 'execution.checkpointing.externalized-checkpoint-retention' = 'RETAIN_ON_CANCELLATION';\n" + text)
    wait_state(cluster, job, 'RUNNING')
    done = client(cluster, 'checkpoint', '-m', first_address(cluster), job)
    assert done.returncode == 0, done.stdout + done.stderr
    folder, = (cluster.directory / 'checkpoints' / job).glob('chk-*')
    script = str(cluster.directory / 'job.sql')
    for address in cluster.rest_addresses().split(','):  # a standby asks the leader
        for arguments in (('savepoint', '-m', address, '-d', str(folder)),
                          ('run', '-d', '-m', address, '-s', str(folder), '--claimMode', 'CLAIM', script)):
            done = client(cluster, *arguments)
            assert done.returncode == 1 and f'{folder} is a checkpoint of job {job}, which has not ended' in done.stderr, done.stderr
    assert (folder / '_metadata').exists() and list(folder.glob('*.state'))
    cancel(cluster, job)
    wait_state(cluster, job, 'CANCELED')
    done = client(cluster, 'savepoint', '-m', first_address(cluster), '-d', str(folder))
    assert done.returncode == 0 and not folder.exists(), done.stderr
    other = cluster.directory / 'parquet'
    other.mkdir()
    for content in (b'PAR1' + bytes(100) + b'PAR1', b''):
        (other / '_metadata').write_bytes(content)
        done = client(cluster, 'savepoint', '-m', first_address(cluster), '-d', str(other))
        assert done.returncode == 1 and f'{other} is no savepoint' in done.stderr, done.stdout + done.stderr
        assert (other / '_metadata').read_bytes() == content


def test_what_is_read_only_is_not_claimed(start):
    """It could never be deleted: the job says so, and has not begun. NO_CLAIM goes on from the same place."""
    cluster = start(jobmanagers=1)
    savepoint = stop(cluster, run_job(cluster, rows=100000, rate=400), cluster.directory / 'savepoints')
    mount = ['mount', '-o', 'bind', savepoint, savepoint], ['mount', '-o', 'remount,ro,bind', savepoint]
    if any(subprocess.run(command, capture_output=True, check=False).returncode for command in mount):
        pytest.skip('a folder cannot be mounted read-only here')
    try:
        script = next(cluster.directory.glob('*.sql'))
        arguments = ['run', '-d', '-m', first_address(cluster), '-s', str(savepoint)]
        done = client(cluster, *arguments, '--claimMode', 'CLAIM', str(script))
        assert done.returncode == 1 and f"'{savepoint}' cannot be claimed" in done.stderr, done.stdout + done.stderr
        assert 'Read-only file system' in done.stderr and 'restore with NO_CLAIM' in done.stderr
        assert client(cluster, *arguments, str(script)).returncode == 0
    finally:
        subprocess.run(['umount', '-l', savepoint], check=True)


def test_what_can_never_be_read_fails_the_job_that_is_started_from_it(start):
    """It used to be tried again for ever, without a word, and the client waited."""
    cluster = start(jobmanagers=1, taskmanagers=1)
    (cluster.directory / 'folder' / '_metadata').mkdir(parents=True)
    (cluster.directory / 'loop').mkdir()
    (cluster.directory / 'loop' / '_metadata').symlink_to('_metadata')
    script = cluster.directory / 'job.sql'
    script.write_text(ledger.script(cluster.directory, 100, 100, 1))
    for path, why in (('folder', 'it is a directory'), ('loop', 'symbolic links'), ('x' * 256, 'xxx')):
        done = client(cluster, 'run', '-d', '-m', first_address(cluster), '-s', str(cluster.directory / path), str(script))
        assert done.returncode == 1 and why in done.stderr, done.stdout + done.stderr


def test_state_of_other_functions_or_windows_is_refused(start):
    """Laid out alike, it means something else: the answers would be wrong without a word."""
    cluster = start(jobmanagers=1, taskmanagers=1)
    savepoint = stop(cluster, run_job(cluster, rate=2000), cluster.directory / 'savepoints')
    text = ledger.script(cluster.directory, 100000, 2000, 2)
    script = cluster.directory / 'other.sql'
    for before, after in (('SUM(id)', 'MAX(id)'), ("INTERVAL '10' SECOND", "INTERVAL '20' SECOND")):
        assert before in text
        script.write_text(text.replace(before, after))
        done = client(cluster, 'run', '-d', '-m', first_address(cluster), '-s', str(savepoint), str(script))
        job = re.search('JobID ([0-9a-f]{32})', done.stdout).group(1)
        cluster.wait('why not', lambda: any('functions or windows' in (e.get('stacktrace') or '') for e in cluster.get(
            f'/jobs/{job}/exceptions')['exceptionHistory']['entries']), weir_module.WAIT_SECONDS)
        cancel(cluster, job)
        wait_state(cluster, job, 'CANCELED')
    script.write_text(text)
    again = client(cluster, 'run', '-d', '-m', first_address(cluster), '-s', str(savepoint), str(script))
    job = re.search('JobID ([0-9a-f]{32})', again.stdout).group(1)
    cluster.wait('a checkpoint', lambda: completed(cluster, job) > 0, weir_module.WAIT_SECONDS)


def test_the_claim_mode_legacy_is_refused(start):
    cluster = start(jobmanagers=1, taskmanagers=1)
    script = cluster.directory / 'job.sql'
    script.write_text(ledger.script(cluster.directory, 100, 100, 1))
    done = client(cluster, 'run', '-d', '-m', first_address(cluster), '-s', str(cluster.directory), '-rm', 'LEGACY',
                  str(script))
    assert done.returncode == 1 and 'LEGACY' in done.stdout + done.stderr
    done = client(cluster, 'run', '-d', '-m', first_address(cluster), '-s', str(cluster.directory), '-rm', 'MINE',
                  str(script))
    assert done.returncode == 1 and re.search('NO_CLAIM', done.stdout + done.stderr)


def test_only_a_cluster_claims(weir):
    for mode in ('CLAIM', 'LEGACY'):
        result = weir.run("""CREATE TABLE s (id BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '1');
CREATE TABLE t (id BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO t SELECT id FROM s;""", **{'execution.state-recovery.path': weir.path('nowhere'),
                                       'execution.state-recovery.claim-mode': mode})
        assert result.code == 1 and f'{mode} is not implemented' in result.err and 'NO_CLAIM' in result.err, result.both


def test_a_job_that_ends_leaves_nothing_uncommitted(start):
    """A TaskManager dies and its subtasks are not restored before the job is cancelled."""
    cluster = start(jobmanagers=1, taskmanagers=2, slots=2)
    job = run_job(cluster, rate=400, parallelism=4)
    cluster.wait('files in progress', lambda: hidden_files(cluster), weir_module.WAIT_SECONDS)
    cluster.taskmanagers[1].kill()
    cancel(cluster, job)
    wait_state(cluster, job, 'CANCELED')
    cluster.wait('a tidy folder', lambda: hidden_files(cluster) == [], weir_module.WAIT_SECONDS)
    verdict = ledger.judge(cluster.directory, 100000, False)
    assert verdict['doubled'] == verdict['wrong'] == 0, verdict
