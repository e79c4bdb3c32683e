"""What impatient and hostile hands do to the client and the scripts: it ends, it says why, it leaves nothing."""
import json
import os
import re
import signal
import socket
import subprocess
import urllib.request

import pytest

from test_cluster import client, completed, ledger, refused, run_job, start, subtasks, wait_state  # noqa: F401
import test_ssh
import weir as weir_module
from test_savepoints import first_address, stop

JOB = """
CREATE TABLE t (a BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '3', 'fields.a.kind' = 'sequence',
    'fields.a.start' = '1', 'fields.a.end' = '3');
CREATE TABLE p (a BIGINT) WITH ('connector' = 'print');
INSERT INTO p SELECT a FROM t;
"""


def run(folder, *arguments, **options):
    return subprocess.run([weir_module.BINARY, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=weir_module.WAIT_SECONDS, cwd=folder, check=False, **options)


@pytest.mark.parametrize('mode', ['streaming', 'batch'])
@pytest.mark.parametrize('text, shown', [('x' * 1100000, '| ' + 'x' * 27 + '... |'), ('日' * 400000, '|  ' + '日' * 13 + '... |')])
def test_a_long_value_is_shown_at_once(tmp_path, mode, text, shown):
    """A cell is cut in one pass, however long the value is, and it shows how the value begins."""
    (tmp_path / 'long.sql').write_text(f"SELECT '{text}' AS v;", encoding='utf-8')
    done = run(tmp_path, 'sql', '-D', f'execution.runtime-mode={mode}', '-f', 'long.sql')
    assert done.returncode == 0 and shown in done.stdout, done.stderr + done.stdout[:1000]


@pytest.mark.parametrize('address', [',', ' ; ', ':', 'localhost:', 'localhost:port', 'localhost:0', 'localhost:65536',
                                     'https://localhost:1'])
def test_an_address_that_is_none(tmp_path, address):
    text = refused(tmp_path, 'list', '-m', address)
    assert 'expected host:port' in text and f"'{address}'" in text


def test_an_address_as_a_browser_shows_it(tmp_path):
    assert 'Could not reach a JobManager at localhost:1:' in refused(tmp_path, 'list', '-m', 'http://localhost:1/')


@pytest.mark.parametrize('target', [['-t', 'LOCAL'], ['-Dexecution.target=local'], ['-t', 'embedded']])
def test_a_script_runs_here_when_it_is_told_to(tmp_path, target):
    (tmp_path / 'job.sql').write_text(JOB)
    done = run(tmp_path, 'run', *target, '-Drest.port=1', f'-Dhigh-availability.storageDir={tmp_path}/ha', 'job.sql')
    assert done.returncode == 0 and '+I[3]' in done.stdout, done.stderr


def test_the_options_of_the_sql_client(tmp_path):
    (tmp_path / 'one.sql').write_text('SELECT 1 AS a_column;')
    done = run(tmp_path, 'sql', '-hist', 'history', '-s', 'default', '-f', 'one.sql')
    assert done.returncode == 0 and 'a_column' in done.stdout
    assert 'SQL gateway is not implemented' in refused(tmp_path, 'sql', 'gateway', '-e', 'localhost:8083')
    assert 'libraries of Java' in refused(tmp_path, 'sql', '-j', 'a.jar', '-f', 'one.sql')


@pytest.mark.parametrize('option, said', [
    ('cluster-id=../../etc', "'../../etc' cannot be the name of a folder"), ('cluster-id=/a/./b', "'a/./b' cannot be"),
    ('cluster-id=a//b', "'a//b' cannot be"), ('storageDir=/tmp/' + 'd/' * 2000, 'expected at most 2048')])
def test_names_that_lead_elsewhere(tmp_path, option, said):
    """What nobody names is swept from below these folders: they are where they seem to be."""
    storage = [f'-Dhigh-availability.storageDir={tmp_path}/ha', '-Drest.port=0']
    assert said in refused(tmp_path, 'jobmanager', *storage, f'-Dhigh-availability.{option}')
    assert not list(tmp_path.iterdir())


def test_mistakes_of_use_end_as_those_of_flink(tmp_path):
    for arguments in [['run'], ['run', '-p'], ['run', '-c', 'Main', 'a.jar'], ['list', '--what'], ['stop', '-type', 'x', '0' * 32],
                      ['cancel'], ['savepoint', '-d'], ['checkpoint', '-what'], ['info']]:
        assert run(tmp_path, *arguments).returncode == 1, arguments


@pytest.mark.parametrize('verb', ['run', 'standalone-job'])
def test_an_empty_savepoint_is_not_none(tmp_path, verb):
    """-s "$SAVEPOINT" with nothing in it: the job would start from nothing, and write again what it has written."""
    (tmp_path / 'job.sql').write_text(JOB)
    done = run(tmp_path, verb, '-s', '', '-t', 'local', 'job.sql') if verb == 'run' else run(tmp_path, verb, '-s', '', 'job.sql')
    assert done.returncode != 0 and '-s: the path of a savepoint is expected, and it is empty' in done.stdout + done.stderr


def opened(descriptors, number):
    """Another process's, which closes what it likes."""
    try:
        return os.readlink(f'{descriptors}/{number}')
    except FileNotFoundError:
        return ''


def test_closed_descriptors_are_nobody_elses(tmp_path):
    """What is printed goes nowhere, and not into a file or a socket that has got the number of a closed one."""
    (tmp_path / 'job.sql').write_text(JOB)
    closed = subprocess.run(['sh', '-c', '"$@" 0<&- 1>&- 2>&-', 'sh', weir_module.BINARY, 'local',
                             f'-Dhigh-availability.storageDir={tmp_path}/ha', 'job.sql'],
                            timeout=weir_module.WAIT_SECONDS, cwd=tmp_path, check=False)
    assert closed.returncode in (0, 1)
    for path in tmp_path.rglob('*'):
        assert not path.is_file() or path.name == 'job.sql' or b'+I[' not in path.read_bytes(), path
    with subprocess.Popen(['sh', '-c', 'exec "$@" 0<&- 1>&- 2>&-', 'sh', weir_module.BINARY, 'jobmanager', '-Drest.port=0',
                           f'-Dhigh-availability.storageDir={tmp_path}/ha2'], cwd=tmp_path) as jobmanager:
        try:
            descriptors = f'/proc/{jobmanager.pid}/fd'
            weir_module.wait_for(lambda: any('socket:' in opened(descriptors, fd) for fd in os.listdir(descriptors)))
            assert [opened(descriptors, fd) for fd in range(3)] == ['/dev/null'] * 3
        finally:
            jobmanager.send_signal(signal.SIGKILL)


def test_a_detached_run_says_that_there_is_no_savepoint(start):
    """Nobody looks at a detached job: that it can never begin is the client's answer. The id of another cluster finds nobody."""
    cluster = start(jobmanagers=1, taskmanagers=1)
    run_job(cluster)
    script = next(cluster.directory.glob('*.sql'))
    for origin in [cluster.directory / 'nowhere', script]:
        done = client(cluster, 'run', '-d', '-m', first_address(cluster), '-s', str(origin), str(script))
        assert done.returncode == 1 and f'{origin}/_metadata' in done.stderr, done.stdout + done.stderr
        job = re.search('JobID ([0-9a-f]{32})', done.stdout).group(1)
        assert cluster.job_state(job) == 'FAILED'
    storage = [f'-Dhigh-availability.storageDir={cluster.directory}/ha', '-Drest.port=1']
    assert client(cluster, 'list', *storage).returncode == 0
    assert client(cluster, 'list', *storage, '-z', 'another').returncode == 1


def test_state_that_nothing_takes_is_left_behind_only_when_told(start):
    """The savepoint of a job with windows, for one that only copies: nothing is dropped unless -n says so."""
    cluster = start(jobmanagers=1, taskmanagers=1)
    savepoint = stop(cluster, run_job(cluster), cluster.directory / 'savepoints')
    path = cluster.directory / 'copy.sql'
    path.write_text("""CREATE TABLE t (a BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '10');
CREATE TABLE o (a BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO o SELECT a FROM t;""")
    arguments = ['run', '-d', '-p', '2', '-m', first_address(cluster), '-s', str(savepoint)]
    refused_run = client(cluster, *arguments, str(path))
    assert refused_run.returncode == 1, refused_run.stdout
    assert f'{savepoint}/_metadata' in refused_run.stderr and '--allowNonRestoredState' in refused_run.stderr
    assert client(cluster, *arguments, '-n', str(path)).returncode == 0


def test_state_of_an_operator_that_is_gone_is_left_behind_only_when_told(start):
    """Counting becomes ranking in the same vertex: refused of a savepoint and of a checkpoint, by -s and by SET."""
    cluster = start(jobmanagers=1, taskmanagers=1)
    folder = cluster.directory
    tables = f"""SET 'execution.checkpointing.dir' = '{folder}/checkpoints';
SET 'execution.checkpointing.interval' = '200 ms';
SET 'execution.checkpointing.externalized-checkpoint-retention' = 'RETAIN_ON_CANCELLATION';
CREATE TABLE t (a BIGINT, b BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '10');
CREATE TABLE o (a BIGINT, n BIGINT) WITH ('connector' = 'blackhole');
"""
    rank = """INSERT INTO o SELECT a, b FROM (
    SELECT a, b, ROW_NUMBER() OVER (PARTITION BY a ORDER BY b) AS r FROM t) WHERE r <= 3;"""
    job = cluster.submit(tables + 'INSERT INTO o SELECT a, COUNT(*) FROM t GROUP BY a;')
    cluster.wait('a row in a checkpoint', lambda: completed(cluster, job) > 5, weir_module.WAIT_SECONDS)
    assert client(cluster, 'savepoint', '-m', first_address(cluster), job, str(folder / 'savepoints')).returncode == 0
    assert client(cluster, 'cancel', '-m', first_address(cluster), job).returncode == 0
    wait_state(cluster, job, 'CANCELED')
    retained = folder / 'checkpoints' / job / f'chk-{completed(cluster, job)}'
    origins = [next((folder / 'savepoints').glob('savepoint-*')), retained]
    arguments = ['run', '-d', '-m', first_address(cluster)]
    for origin in origins:
        script = folder / 'rank.sql'
        script.write_text(tables + rank)
        by_set = folder / 'set.sql'
        by_set.write_text(f"SET 'execution.state-recovery.path' = '{origin}';\n{tables}{rank}")
        for more in [['-s', str(origin), str(script)], [str(by_set)]]:
            done = client(cluster, *arguments, *more)
            said = done.stdout + done.stderr
            assert done.returncode == 1 and f'{origin}/_metadata' in said, said
            assert "state of operator '2_group_aggregate' of vertex 2" in said and '-n (--allowNonRestoredState)' in said, said
        done = client(cluster, *arguments, '-s', str(origin), '-n', str(script))
        assert done.returncode == 0, done.stdout + done.stderr
        again = re.search('JobID ([0-9a-f]{32})', done.stdout).group(1)
        wait_state(cluster, again, 'RUNNING')
        log = cluster.jobmanagers[0].log.read_text()
        assert len([line for line in log.splitlines() if 'is left behind' in line and str(origin) in line]) == 1, log
        assert client(cluster, 'cancel', '-m', first_address(cluster), again).returncode == 0


@pytest.fixture
def installation(tmp_path):
    made = test_ssh.Installation(tmp_path / 'a folder' / 'weir', '')
    (made.folder / 'conf/masters').write_text(f'localhost:{made.ports[0]}\n')
    (made.folder / 'conf/workers').write_text('localhost\n')
    yield made
    made.end()


def script(made, *command):
    environment = {key: value for key, value in os.environ.items() if not key.startswith(('WEIR_', 'FLINK_', 'HOME'))}
    return subprocess.run([made.folder / 'bin' / command[0], *command[1:]], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=60, env=environment, check=False)


def test_a_folder_for_numbers_that_cannot_be_written_is_named(installation):
    folder = installation.folder / 'pid'
    folder.write_text('no folder')
    for command in ['taskmanager.sh', 'start'], ['jobmanager.sh', 'stop']:
        done = script(installation, *command)
        assert done.returncode == 1 and f'{folder}, which cannot be written: set env.pid.dir' in done.stderr, done.stderr
    folder.unlink()


def test_scripts_in_a_folder_with_blanks(installation):
    """Started twice, stopped once, stopped again: no process is left, none that is not ours is touched."""
    first = script(installation, 'start-cluster.sh')
    assert first.returncode == 0, first.stdout + first.stderr
    mine = installation.processes()
    assert len(set(mine)) == 2
    second = script(installation, 'start-cluster.sh')
    assert second.returncode == 1 and 'No TaskManager is started, for no JobManager could be: the JobManager localhost:' in second.stderr
    assert 'ended at once' in second.stderr and f'port {installation.ports[0]}: Address already in use' in second.stderr
    assert set(installation.processes()) == set(mine)
    listed = script(installation, 'flink', 'list')
    assert listed.returncode == 0 and 'No running jobs.' in listed.stdout, listed.stderr
    pids, = (installation.folder / 'pid').glob('*-standalonesession.pid')
    with subprocess.Popen(['sleep', '60']) as bystander: # as after a crash: numbers of nobody, and of somebody else
        pids.write_text(pids.read_text() + f'999999999\nnonsense\n0\n{bystander.pid}\n')
        stopped = script(installation, 'stop-cluster.sh')
        assert stopped.returncode == 0, stopped.stderr
        assert not any(os.path.exists(f'/proc/{pid}/exe') for pid in mine), stopped.stdout
        assert bystander.poll() is None
        assert f'(pid: {bystander.pid}) is running anymore' in stopped.stdout
        bystander.kill()
    again = script(installation, 'stop-cluster.sh')
    assert again.returncode == 0 and again.stdout.count('to stop on host') == 2, again.stdout


def test_what_cannot_start_says_so_and_is_forgotten(installation):
    for command, said in [(['jobmanager.sh', 'start', '-Dbogus.key=1'], "unknown configuration key 'bogus.key'"),
                          (['taskmanager.sh', 'start', '-D'], 'expected -D KEY=VALUE'),
                          (['standalone-job.sh', 'start', 'no.sql'], "cannot open 'no.sql'")]:
        done = script(installation, *command)
        assert done.returncode == 1 and said in done.stderr, done.stdout + done.stderr
    assert not [path for path in (installation.folder / 'pid').glob('*.pid')]
    (installation.folder / 'conf/masters').write_text('# nobody\n')
    done = script(installation, 'start-cluster.sh')
    assert done.returncode == 1 and 'conf/masters names no host' in done.stderr and not installation.processes()


def test_the_name_that_people_type(installation):
    for arguments, said in [([], 'Please specify an action.'), (['what'], '"what" is not a valid action.')]:
        done = script(installation, 'flink', *arguments)
        assert done.returncode == 1 and said in done.stdout, done.stdout
    done = script(installation, 'flink', '-v')
    assert done.returncode == 0 and re.fullmatch(r'Version: \d+\.\d+\.\d+, Commit ID: \S+\n', done.stdout), done.stdout
    for name in ['yarn-session.sh', 'kubernetes-session.sh', 'historyserver.sh', 'sql-gateway.sh']:
        done = script(installation, name)
        assert done.returncode == 1 and 'is not implemented' in done.stderr


def filled(folder):
    """A file that takes all the room there is."""
    path = folder / 'filler'
    with open(path, 'wb', buffering=0) as file:
        try:
            while True:
                file.write(b'x' * 4096)
        except OSError:
            return path


def test_a_submission_to_a_full_disk_says_so(start, tmp_path):
    """At once, by the leader and by a standby; nothing comes of it, and with room again jobs are taken."""
    disk = tmp_path / 'cluster/ha'
    disk.mkdir(parents=True)
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=4m', 'none', disk], capture_output=True, check=False).returncode:
        pytest.skip('a small file system cannot be mounted here')
    try:
        cluster = start(taskmanagers=1)
        first = run_job(cluster)
        script = next(cluster.directory.glob('*.sql'))
        filler = filled(disk)
        for process in cluster.jobmanagers:
            done = client(cluster, 'run', '-d', '-m', process.rest(), str(script))
            assert done.returncode == 1 and not done.stdout, done.stdout
            assert f"the job's plan could not be stored: cannot write to {disk}/default/plans/" in done.stderr, done.stderr
            assert 'No space left on device' in done.stderr
        filler.unlink()
        assert len(list(disk.glob('default/plans/*'))) == len(cluster.get('/jobs')['jobs']) == 1
        second = cluster.submit(script.read_text())
        wait_state(cluster, second, 'RUNNING')
        wait_state(cluster, first, 'RUNNING')
    finally:
        subprocess.run(['umount', '-l', disk], check=True)


def test_one_master_that_cannot_start_keeps_nobody_from_starting(installation):
    """Nor does a host that is not there: all others are started, and stopped; those that failed are named."""
    taken, free = installation.ports
    (installation.folder / 'conf/masters').write_text(f'localhost:{taken}\nlocalhost:{free}\n')
    (installation.folder / 'conf/workers').write_text('host.invalid\nlocalhost\n')
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(('0.0.0.0', taken))
        other.listen()
        started = script(installation, 'start-cluster.sh')
    assert started.returncode == 1, started.stdout + started.stderr
    assert f'port {taken}: Address already in use' in started.stderr
    assert started.stderr.endswith(f'Could not be started: the JobManager localhost:{taken}, the TaskManager on host.invalid\n')
    weir_module.wait_for(lambda: has_taskmanager(installation, free))
    mine = installation.processes()
    assert len(set(mine)) == 2
    stopped = script(installation, 'stop-cluster.sh')
    assert stopped.returncode == 1 and stopped.stderr.endswith('Could not be stopped: the TaskManager on host.invalid\n')
    assert not any(os.path.exists(f'/proc/{pid}/exe') for pid in mine), stopped.stdout


def has_taskmanager(made, port):
    """Whether the JobManager there knows a TaskManager."""
    try:
        with urllib.request.urlopen(f'http://127.0.0.1:{port}/overview', timeout=2) as answer:
            return json.load(answer)['taskmanagers'] == 1
    except OSError:
        return False


def rescaled(cluster, job, parallelism):
    """Of its window; generated sequences keep their parallelism."""
    vertices = cluster.get(f'/jobs/{job}')['vertices']
    body = {v['id']: {'parallelism': {'lowerBound': 1, 'upperBound': parallelism if 'Window' in v['name'] else v['parallelism']}}
            for v in vertices}
    request = urllib.request.Request(f'http://{first_address(cluster)}/jobs/{job}/resource-requirements', method='PUT',
                                     data=json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.status == 200


def free_slots(cluster):
    return cluster.get('/overview')['slots-available']


def test_a_job_that_is_made_narrower_leaves_its_slots_to_others(start):
    cluster = start(taskmanagers=1)
    job = run_job(cluster, parallelism=1)
    assert free_slots(cluster) == 3
    assert rescaled(cluster, job, 4)
    cluster.wait('all slots', lambda: free_slots(cluster) == 0)
    assert rescaled(cluster, job, 2)
    cluster.wait('two of them', lambda: free_slots(cluster) == 2)
    wait_state(cluster, job, 'RUNNING')
    second = cluster.submit(ledger.script(cluster.directory / 'second', 100000, 100, 2))
    wait_state(cluster, second, 'RUNNING')
    wait_state(cluster, job, 'RUNNING')


def test_a_job_is_not_stopped_for_slots_that_are_not_there(start):
    """It goes on as it is until they come, whoever leads; a TaskManager more, and it has them."""
    cluster = start(taskmanagers=2, slots=2)
    cluster.taskmanagers[1].kill()
    job = run_job(cluster, parallelism=1)
    before = cluster.wait('all tasks', lambda: subtasks(cluster, job))
    assert rescaled(cluster, job, 4)
    checkpoint = completed(cluster, job)
    cluster.wait('checkpoints', lambda: completed(cluster, job) > checkpoint + 5)
    assert cluster.job_state(job) == 'RUNNING' and subtasks(cluster, job) == before
    leader = cluster.leader()[0]
    assert 'asks for 3 slots more and goes on as it is' in leader.text()
    leader.kill()
    leader.start()
    cluster.wait('another leader', lambda: cluster.leader()[0] not in (None, leader))
    wait_state(cluster, job, 'RUNNING')
    checkpoint = completed(cluster, job)
    cluster.wait('a checkpoint', lambda: completed(cluster, job) > checkpoint)
    assert subtasks(cluster, job) == before
    wanted = cluster.get(f'/jobs/{job}/resource-requirements').values()
    assert 4 in [vertex['parallelism']['upperBound'] for vertex in wanted]
    cluster.taskmanagers[1].start()
    cluster.wait('all slots', lambda: free_slots(cluster) == 0 and len(subtasks(cluster, job) or ()) > len(before))
    wait_state(cluster, job, 'RUNNING')


def test_relative_folders_mean_one_place(start):
    """The client's folder, or that of the JobManager: a savepoint is whole although TaskManagers run in other folders."""
    cluster = start(jobmanagers=1, taskmanagers=1)
    folder, taskmanager = cluster.directory, cluster.taskmanagers[0]
    taskmanager.kill()
    (folder / 'elsewhere').mkdir()
    (folder / 'user').mkdir()
    taskmanager.prefix = ['env', '-C', str(folder / 'elsewhere')]
    taskmanager.start()
    address = first_address(cluster)

    def as_user(*arguments):
        done = run(folder / 'user', *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def is_whole(path, where):
        assert path.startswith(f'file:{where}/'), path
        assert as_user('checkpoint', 'inspect', '--verify', path.removeprefix('file:'))

    (folder / 'user/job.sql').write_text("""SET 'execution.checkpointing.interval' = '200 ms';
SET 'execution.checkpointing.dir' = 'checkpoints';
CREATE TABLE t (a BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '10');
CREATE TABLE o (a BIGINT, c BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO o SELECT MOD(a, 10), COUNT(*) FROM t GROUP BY MOD(a, 10);""")
    job = re.search('JobID ([0-9a-f]{32})', as_user('run', '-d', '-m', address, 'job.sql')).group(1)
    wait_state(cluster, job, 'RUNNING')
    done = cluster.wait('a checkpoint', lambda: cluster.get(f'/jobs/{job}/checkpoints')['latest']['completed'])
    assert done['external_path'].startswith(f'file:{folder}/user/checkpoints/')
    is_whole(re.search(r'Path: (\S+)', as_user('savepoint', '-m', address, job, 'savepoints')).group(1), folder / 'user/savepoints')
    body = json.dumps({'target-directory': 'rest'}).encode()
    with urllib.request.urlopen(f'http://{address}/jobs/{job}/savepoints', body, timeout=10) as answer:
        trigger = json.load(answer)['request-id']
    done = cluster.wait('the savepoint', lambda: cluster.get(f'/jobs/{job}/savepoints/{trigger}')['operation'])
    is_whole(done['location'], folder / 'rest')
    is_whole(re.search(r'Path: (\S+)', as_user('stop', '-m', address, '-p', 'stopped', job)).group(1), folder / 'user/stopped')
    assert not list((folder / 'elsewhere').iterdir())


@pytest.mark.parametrize('place, said', [('s3://bucket/x', 's3; this build has file'), ('file://host/x', 'names a host')])
def test_folders_of_other_file_systems_are_refused(start, place, said):
    """By whom is asked: such a job ran without a checkpoint, restarted for ever and could not be cleaned up when cancelled."""
    cluster = start(jobmanagers=1, taskmanagers=1)
    address = first_address(cluster)

    def script(*settings):
        text = ''.join(f"SET '{key}' = '{value}';\n" for key, value in settings)
        (cluster.directory / 'job.sql').write_text(text + """CREATE TABLE t (a BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '10');
CREATE TABLE o (a BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO o SELECT a FROM t;""")
        return run(cluster.directory, 'run', '-d', '-m', address, 'job.sql')

    for key in ('execution.checkpointing.dir', 'execution.checkpointing.savepoint-dir'):
        done = script((key, place))
        assert done.returncode == 1 and key in done.stderr and place in done.stderr and said in done.stderr, done.stderr
    (cluster.directory / 'job.sql').write_text(JOB)
    done = run(cluster.directory, 'run', '-d', '-m', address, '-s', place, 'job.sql')
    assert done.returncode == 1 and place in done.stderr and said in done.stderr, done.stderr
    assert cluster.get('/jobs/overview')['jobs'] == []
    job = re.search('JobID ([0-9a-f]{32})', script().stdout).group(1)
    wait_state(cluster, job, 'RUNNING')
    for command in (('savepoint', '-m', address, job, place), ('stop', '-m', address, '-p', place, job)):
        done = run(cluster.directory, *command)
        assert done.returncode == 1 and place in done.stderr and said in done.stderr, done.stderr
    assert cluster.job_state(job) == 'RUNNING'


def test_a_checkpoint_that_fails_is_counted_once(start):
    cluster = start(jobmanagers=1, taskmanagers=1)
    (cluster.directory / 'file').write_text('')
    job = cluster.submit(f"""SET 'execution.checkpointing.interval' = '100 ms';
SET 'execution.checkpointing.dir' = '{cluster.directory}/file';
SET 'execution.checkpointing.tolerable-failed-checkpoints' = '1000';
CREATE TABLE t (a BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '10');
CREATE TABLE o (a BIGINT, c BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO o SELECT MOD(a, 10), COUNT(*) FROM t GROUP BY MOD(a, 10);""")

    def counts():
        return cluster.get(f'/jobs/{job}/checkpoints')['counts']

    cluster.wait('failures', lambda: counts()['failed'] >= 3)
    seen = counts()
    assert seen['completed'] == 0 and seen['failed'] + seen['in_progress'] == seen['total'], seen


def test_a_job_that_writes_to_many_tables_gets_a_name(start):
    cluster = start(jobmanagers=1, taskmanagers=1)
    tables = ''.join("CREATE TABLE b%d (id BIGINT) WITH ('connector' = 'blackhole');\n" % i for i in range(50))
    inserts = ''.join('INSERT INTO b%d SELECT id FROM g;\n' % i for i in range(50))
    job = cluster.submit("CREATE TABLE g (id BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '10');\n" + tables +
                         'EXECUTE STATEMENT SET BEGIN\n' + inserts + 'END;')
    wait_state(cluster, job, 'RUNNING')
    name = cluster.get(f'/jobs/{job}')['name']
    assert name.startswith('insert-into_default_catalog.default_database.b0,default_catalog.default_database.b1,')
    assert name.endswith(',... (50 tables)') and len(name) <= 1024


def test_idle_clients_leave_descriptors_to_the_jobs(start):
    """A JobManager that may have few of them, and more clients at each of its ports than that."""
    cluster = start(jobmanagers=1, taskmanagers=1)
    leader = cluster.jobmanagers[0]
    leader.kill()
    leader.prefix = ['prlimit', '--nofile=96:96']
    leader.start()
    cluster.wait('a leader', lambda: leader.rest() and cluster.get('/ha')['leading'])
    job = run_job(cluster, parallelism=1)
    host, port = leader.rest().split(':')
    idle = [socket.create_connection((host, int(port)), timeout=10) for _ in range(150)]
    try:
        before = completed(cluster, job)
        cluster.wait('checkpoints', lambda: completed(cluster, job) > before + 2, weir_module.WAIT_SECONDS)
        assert 'Too many open files' not in leader.text_of_this_life()
        assert cluster.get(f'/jobs/{job}/exceptions')['exceptionHistory']['entries'] == []
    finally:
        for connection in idle:
            connection.close()


def test_a_new_leader_does_not_answer_before_it_knows(start):
    """Its first words about a job were that it began in 1970, and about its vertices that there are none."""
    cluster = start(jobmanagers=2, taskmanagers=1, slots=8)
    jobs = [run_job(cluster, parallelism=1)]
    for _ in range(7):
        jobs.append(cluster.submit(ledger.script(cluster.directory / 'more', 100000, 10, 1)))
    began = {job: cluster.get(f'/jobs/{job}')['start-time'] for job in jobs}
    vertex = cluster.wait('vertices', lambda: cluster.get(f'/jobs/{jobs[-1]}')['vertices'])[0]['id']
    for turn in range(4):
        leader = cluster.leader()[0]
        standby = next(p for p in cluster.jobmanagers if p is not leader).rest()
        leader.kill()
        for _ in range(50 if turn % 2 else 0):  # which one is asked first sees most
            with urllib.request.urlopen(f'http://{standby}/jobs/overview', timeout=15) as answer:
                assert {job['jid']: job['start-time'] for job in json.load(answer)['jobs']} == began
        for job in jobs[::-1] * 5:
            with urllib.request.urlopen(f'http://{standby}/jobs/{job}', timeout=15) as answer:
                assert json.load(answer)['start-time'] == began[job]
            with urllib.request.urlopen(f'http://{standby}/jobs/{job}/vertices/{vertex}', timeout=15) as answer:
                assert json.load(answer)['subtasks']
        leader.start()
        cluster.wait('its endpoint', leader.rest)


def test_more_slots_than_threads_are_refused(tmp_path):
    done = subprocess.run(['prlimit', '--as=3000000000', weir_module.BINARY, 'taskmanager', '-Dtaskmanager.numberOfTaskSlots=1000',
                           f'-Dhigh-availability.storageDir={tmp_path}/ha', '-Dtaskmanager.memory.process.size=1500m'],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=weir_module.WAIT_SECONDS)
    assert done.returncode == 1 and 'assertion' not in done.stderr
    assert re.search(r'the thread of slot \d+ of 1000 cannot be started.*taskmanager.numberOfTaskSlots', done.stderr), done.stderr
