"""weir local: a whole cluster in one process."""
import json
import re
import signal
import subprocess
import urllib.request

from weir import BINARY, WAIT_SECONDS, wait_for

ROWS = """
CREATE TABLE g (id BIGINT) WITH ('connector' = 'datagen', 'fields.id.kind' = 'sequence', 'fields.id.start' = '1',
  'fields.id.end' = '%d', 'rows-per-second' = '%d');
CREATE TABLE p (id BIGINT) WITH ('connector' = 'print');
INSERT INTO p SELECT id FROM g;
"""


def environment(weir):
    return dict(weir.environment, TMPDIR=weir.folder)


def start(weir, *arguments):
    with open(weir.path('out'), 'wb') as out, open(weir.path('err'), 'wb') as err:
        p = subprocess.Popen([BINARY, 'local', *arguments], stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                             env=environment(weir), cwd=weir.folder)
    p.stderr_path = weir.path('err')
    weir.processes.append(p)
    return p


def text(weir, name):
    with open(weir.path(name), encoding='utf-8') as f:
        return f.read()


def leftovers(weir):
    return subprocess.run(['find', weir.folder, '-name', 'weir-local-*'], capture_output=True, text=True).stdout


def test_a_script_runs_to_its_end_and_nothing_is_left(weir):
    script = weir.write('job.sql', ROWS % (5, 10000))
    done = subprocess.run([BINARY, 'local', '-p', '2', script], capture_output=True, text=True,
                          timeout=WAIT_SECONDS, env=environment(weir), cwd=weir.folder)
    assert done.returncode == 0, done.stderr
    assert sorted(re.findall(r'\+I\[(\d)\]', done.stdout)) == list('12345')
    assert 'has finished' in done.stdout
    assert not leftovers(weir)


def test_a_script_that_fails_says_why(weir):
    script = weir.write('job.sql', "CREATE TABLE p (id BIGINT) WITH ('connector' = 'print'); INSERT INTO p SELECT x;")
    done = subprocess.run([BINARY, 'local', script], capture_output=True, text=True, timeout=WAIT_SECONDS,
                          env=environment(weir), cwd=weir.folder)
    assert done.returncode == 1 and "'x'" in done.stderr
    missing = subprocess.run([BINARY, 'local', 'nowhere.sql'], capture_output=True, text=True, timeout=WAIT_SECONDS,
                             env=environment(weir), cwd=weir.folder)
    assert missing.returncode == 1 and 'nowhere.sql does not exist' in missing.stderr
    wrong = subprocess.run([BINARY, 'local', '--what'], capture_output=True, text=True, timeout=WAIT_SECONDS,
                           env=environment(weir), cwd=weir.folder)
    assert wrong.returncode == 2 and "'--what' is not understood" in wrong.stderr


def test_without_a_script_it_serves_until_it_is_stopped(weir):
    p = start(weir, '-Drest.port=0')
    address = wait_for(lambda: re.search(r'REST endpoint at (http://\S+)', text(weir, 'err')), process=p).group(1)

    def overview():
        try:
            with urllib.request.urlopen(address + '/overview', timeout=5) as answer:
                return json.load(answer)
        except OSError:
            return {'taskmanagers': 0}

    wait_for(lambda: overview()['taskmanagers'] == 1, process=p)
    assert overview()['slots-total'] >= 8
    script = weir.write('job.sql', ROWS % (100000, 100))
    job = subprocess.run([BINARY, 'run', '-d', '-m', address[7:], script], capture_output=True, text=True,
                         timeout=WAIT_SECONDS, env=environment(weir), cwd=weir.folder)
    assert job.returncode == 0, job.stderr
    wait_for(lambda: '+I[1]' in text(weir, 'out'), process=p)
    code = weir.stop(p, signal.SIGINT)
    assert code == 0, text(weir, 'err')


def test_a_script_can_be_interrupted(weir):
    script = weir.write('job.sql', ROWS % (100000, 100))
    p = start(weir, script)
    wait_for(lambda: '+I[1]' in text(weir, 'out'), process=p)
    code = weir.stop(p, signal.SIGINT)
    assert code == 130, text(weir, 'err')


def test_with_a_directory_it_goes_on_where_it_was(weir):
    """As configured: the job is recovered by the next one."""
    settings = ['-Drest.port=0', '-Dhigh-availability.storageDir=' + weir.path('ha')]
    p = start(weir, *settings, '-Dexecution.checkpointing.interval=100 ms')
    address = wait_for(lambda: re.search(r'REST endpoint at http://(\S+)', text(weir, 'err')), process=p).group(1)
    script = weir.write('job.sql', ROWS % (100000, 100))
    job = subprocess.run([BINARY, 'run', '-d', '-m', address, script], capture_output=True, text=True,
                         timeout=WAIT_SECONDS, env=environment(weir), cwd=weir.folder)
    assert job.returncode == 0, job.stderr
    wait_for(lambda: '+I[1]' in text(weir, 'out'), process=p)
    weir.stop(p, signal.SIGKILL)
    p = start(weir, *settings)
    wait_for(lambda: '1 jobs recovered' in text(weir, 'err') and '+I[' in text(weir, 'out'), process=p)
    assert weir.stop(p, signal.SIGTERM) == 0
