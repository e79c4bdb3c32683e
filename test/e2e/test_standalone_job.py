"""An application cluster: JobManagers that are started with one SQL script, run it once, and end with it."""
import re
import signal

import pytest

from test_cluster import cancel, client, clusters, refused, wait_state
from test_ssh import Installation

import ledger
import weir as weir_module

APPLICATION_FAILED = 1443 % 256  # Flink's exit code


@pytest.fixture
def application(tmp_path):
    """Starts JobManagers with a script, and a TaskManager; what is left of them is killed at the end."""
    started = []

    def start_application(script, *arguments, jobmanagers=2, name='cluster'):
        cluster = clusters.Cluster(weir_module.BINARY, tmp_path / name, jobmanagers, 1, 4,
                                   ['-Dhigh-availability.embedded.lease=3 s'])
        started.append(cluster)
        path = cluster.directory / 'job.sql'
        path.write_text(script)
        for process in cluster.jobmanagers:
            process.kind = 'standalone-job'
            process.arguments = [*arguments, str(path)]
        cluster.__enter__()
        return cluster

    yield start_application
    for cluster in started:
        for process in cluster.processes:
            process.kill()


def the_job(cluster, known=()):
    """Its id, once a JobManager has submitted it; known: ids of earlier runs."""
    def look():
        texts = [(cluster.directory / f'{p.name}.out').read_text() for p in cluster.jobmanagers]
        found = {job for text in texts for job in re.findall(r'JobID ([0-9a-f]{32})', text)} - set(known)
        assert len(found) < 2
        return found.pop() if found else None
    return cluster.wait('the application to be submitted', look, weir_module.WAIT_SECONDS)


def ended(cluster, process):
    cluster.wait(f'{process.name} to end', lambda: not process.alive, weir_module.WAIT_SECONDS)
    return process.popen.returncode


def whole(verdict):
    return verdict['rows'] and not any(count for what, count in verdict.items() if what != 'rows')


def script_for(directory, count=3000, rate=1000):
    return ledger.script(directory, count, rate, 2)


def test_the_leader_dies_and_the_application_goes_on(application, tmp_path):
    directory = tmp_path / 'cluster'
    cluster = application(script_for(directory, 6000))
    job = the_job(cluster)
    leader, epoch = cluster.leader()
    standby = next(p for p in cluster.jobmanagers if p is not leader)
    assert cluster.get('/ha')['application'] == job
    leader.kill()
    cluster.wait('the standby to lead', lambda: cluster.leader()[1] > epoch, weir_module.WAIT_SECONDS)
    wait_state(cluster, job, 'RUNNING', 'FINISHED')
    assert ended(cluster, standby) == 0
    assert 'the application has finished' in standby.text()
    assert whole(ledger.judge(directory, 6000, True))
    assert cluster.taskmanagers[0].alive


def test_it_may_run_again_as_another_job(application, tmp_path):
    directory = tmp_path / 'cluster'
    cluster = application(script_for(directory, 2000))  # long enough for both JobManagers to be there
    first = the_job(cluster)
    assert [ended(cluster, p) for p in cluster.jobmanagers] == [0, 0]
    for process in cluster.jobmanagers:
        process.kill()
        process.start()
    the_job(cluster, {first})
    assert [ended(cluster, p) for p in cluster.jobmanagers] == [0, 0]
    assert sorted(int(line) for line in ledger.committed(directory / 'rows_out')) == sorted(2 * list(range(2000)))


def test_a_named_job_runs_once_for_all(application, tmp_path):
    directory, job = tmp_path / 'cluster', '00c0ffee' * 4
    cluster = application(script_for(directory, 500), '--job-id', job)
    assert the_job(cluster) == job
    assert [ended(cluster, p) for p in cluster.jobmanagers] == [0, 0]
    cluster.jobmanagers[0].kill()
    cluster.jobmanagers[0].start()
    assert ended(cluster, cluster.jobmanagers[0]) == 0
    assert whole(ledger.judge(directory, 500, True))


def lives_of_a_named_job(application, tmp_path, first_rows):
    """Two clusters run one job in turn. The second one knows of nothing: epochs and attempts are counted from 1 again."""
    for life, rows in ('first', first_rows), ('second', 500):
        yield application(f"""
SET 'execution.checkpointing.interval' = '100 ms';
SET 'execution.checkpointing.dir' = '{tmp_path}/chk';
CREATE TABLE t (id BIGINT) WITH ('connector' = 'datagen', 'fields.id.kind' = 'sequence', 'fields.id.start' = '0',
    'fields.id.end' = '{rows - 1}', 'rows-per-second' = '1000');
CREATE TABLE o (id BIGINT) WITH ('connector' = 'filesystem', 'path' = '{tmp_path}/rows', 'format' = 'csv');
INSERT INTO o SELECT * FROM t;
""", '--job-id', '00c0ffee' * 4, jobmanagers=1, name=life)


def test_a_named_job_writes_beside_what_it_wrote_in_an_earlier_life(application, tmp_path):
    for cluster in lives_of_a_named_job(application, tmp_path, 300):
        assert ended(cluster, cluster.jobmanagers[0]) == 0
    assert sorted(int(line) for line in ledger.committed(tmp_path / 'rows')) == sorted([*range(300), *range(500)])


def test_what_a_killed_life_has_begun_does_not_stop_the_next_one(application, tmp_path):
    lives = lives_of_a_named_job(application, tmp_path, 1000000)
    cluster = next(lives)
    cluster.wait('a checkpoint', lambda: 'Completed checkpoint' in cluster.jobmanagers[0].text(), weir_module.WAIT_SECONDS)
    for process in cluster.processes:
        process.kill()
    cluster = next(lives)
    assert ended(cluster, cluster.jobmanagers[0]) == 0
    assert 'fails over' not in cluster.jobmanagers[0].text()
    assert sorted(int(line) for line in ledger.committed(tmp_path / 'rows')) == list(range(500))


def test_other_jobs_are_refused(application, tmp_path):
    directory = tmp_path / 'cluster'
    cluster = application(script_for(directory, 100000), jobmanagers=1)
    job = the_job(cluster)
    done = client(cluster, 'run', '-d', '-m', cluster.rest_addresses(), str(directory / 'job.sql'))
    assert done.returncode == 1
    assert f'this cluster runs one application, with JobID {job}, and no other job' in done.stderr
    cancel(cluster, job)
    assert ended(cluster, cluster.jobmanagers[0]) == 0


def test_a_failure_is_the_exit_code_of_all(application, tmp_path):
    (tmp_path / 'in').mkdir()
    (tmp_path / 'in' / 'bad.csv').write_text('1\nnone\n')
    cluster = application(f"""
CREATE TABLE t (a INT) WITH ('connector' = 'filesystem', 'path' = '{tmp_path}/in', 'format' = 'csv');
CREATE TABLE p (a INT) WITH ('connector' = 'print');
INSERT INTO p SELECT a FROM t;
""")
    assert [ended(cluster, p) for p in cluster.jobmanagers] == [APPLICATION_FAILED] * 2


def test_a_cluster_may_outlive_its_application(application, tmp_path):
    directory = tmp_path / 'cluster'
    cluster = application(script_for(directory, 200), '-Dexecution.shutdown-on-application-finish=false', jobmanagers=1)
    job = the_job(cluster)
    wait_state(cluster, job, 'FINISHED')
    assert cluster.jobmanagers[0].alive
    cluster.jobmanagers[0].signal(signal.SIGTERM)
    assert ended(cluster, cluster.jobmanagers[0]) == 0


def test_what_cannot_be_planned_ends_it(application):
    cluster = application(PRINT + 'INSERT INTO p SELECT b FROM (VALUES (1)) AS t (a);\n', jobmanagers=1)
    assert ended(cluster, cluster.jobmanagers[0]) == 1
    assert "'b'" in cluster.jobmanagers[0].text()


PRINT = "CREATE TABLE p (a INT) WITH ('connector' = 'print');\n"


@pytest.mark.parametrize('script, arguments, said', [
    ('', [], "the script didn't contain a job"),
    (PRINT, [], "the script didn't contain a job"),
    (PRINT + 'INSERT INTO p VALUES (1);\nINSERT INTO p VALUES (2);\n', [], 'the script has 2 jobs'),
    ('SELECT 1;\n', [], 'nobody to show the rows of a query to'),
    (PRINT + 'INSERT INTO p VALEUS (1);\n', [], 'VALEUS'),
    (PRINT + 'INSERT INTO p VALUES (1);\n', ['--job-id', '12'], "'12' is not a valid JobID"),
    (PRINT + 'INSERT INTO p VALUES (1);\n', ['--job-classname', 'Main'], 'for programs of Java'),
    (PRINT + 'INSERT INTO p VALUES (1);\n', ['-m', 'localhost:1'], 'this verb is the cluster itself'),
])
def test_wrong_uses(tmp_path, script, arguments, said):
    path = tmp_path / 'job.sql'
    path.write_text(script)
    text = refused(tmp_path, 'standalone-job', f'-Dhigh-availability.storageDir={tmp_path}/ha', *arguments, str(path))
    assert said in text


def test_no_script(tmp_path):
    assert 'expected a SQL script' in refused(tmp_path, 'standalone-job')
    assert 'none.sql' in refused(tmp_path, 'standalone-job', 'none.sql')


def test_the_script_that_starts_and_stops_it(tmp_path):
    installation = Installation(tmp_path / 'installation', '')
    script = tmp_path / 'job.sql'
    script.write_text(script_for(tmp_path, 100000))
    arguments = ['-Drest.bind-port=0', '-Dresourcemanager.local.taskmanagers=1', '-Dtaskmanager.numberOfTaskSlots=4']
    try:
        assert 'Starting standalonejob daemon on host' in installation.run('standalone-job.sh', 'start', *arguments, str(script))
        log, = (installation.folder / 'log').glob('*-standalonejob-*.log')
        ready = clusters.Cluster(weir_module.BINARY, tmp_path / 'none', 0, 0)
        ready.wait('a checkpoint', lambda: 'Completed checkpoint' in log.read_text(), weir_module.WAIT_SECONDS)
    finally:
        said = installation.run('standalone-job.sh', 'stop')
    assert re.search(r'Stopping standalonejob daemon \(pid: [0-9]+\) on host', said)
