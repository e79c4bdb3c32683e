"""What a wrong use of a cluster gets: a message that names what, where and what was expected; an exit code; nothing lost."""
import re
import signal
import socket
import struct
import subprocess
import time

import pytest

from test_cluster import client, clusters, completed, refused, run_job, start, wait_state  # noqa: F401
from test_savepoints import first_address, stop

import ledger
import weir as weir_module


@pytest.fixture
def taken_port():
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen(1)
        yield taken.getsockname()[1]


@pytest.mark.parametrize('option', ['taskmanager.rpc.port', 'taskmanager.data.port'])
def test_a_taken_port_of_a_taskmanager(tmp_path, taken_port, option):
    text = refused(tmp_path, 'taskmanager', f'-Dhigh-availability.storageDir={tmp_path}/ha', f'-D{option}={taken_port}')
    assert f'port {taken_port}' in text and 'already in use' in text


@pytest.mark.parametrize('kind', ['jobmanager', 'taskmanager'])
def test_a_storage_directory_that_nobody_can_write(tmp_path, kind):
    text = refused(tmp_path, kind, '-Dhigh-availability.storageDir=/proc/weir', '-Drest.port=0')
    assert "'/proc/weir" in text


@pytest.mark.parametrize('quorum, said', [('', 'needs high-availability.zookeeper.quorum'),
                                          ('127.0.0.1:port', "'127.0.0.1:port' is no server"),
                                          ('127.0.0.1:99999', "'127.0.0.1:99999' is no server")])
def test_a_quorum_that_is_none(tmp_path, quorum, said):
    given = [f'-Dhigh-availability.zookeeper.quorum={quorum}'] if quorum else []
    text = refused(tmp_path, 'jobmanager', '-Dhigh-availability.type=zookeeper', *given, '-Drest.port=0',
                   f'-Dhigh-availability.storageDir={tmp_path}/ha')
    assert said in text and 'expected host:port' in text


def test_a_quorum_where_nobody_answers(tmp_path, start, taken_port):
    """It may come back: a JobManager waits for it, says for whom, and ends when it is told to. Its port is not the one that
    Flink's own configuration names for all JobManagers of a host, and which another one may have."""
    with socket.socket() as unused:
        unused.bind(('127.0.0.1', 0))
        server = '127.0.0.1:%d' % unused.getsockname()[1]
    given = ['-Dhigh-availability.type=zookeeper', f'-Dhigh-availability.zookeeper.quorum={server}',
             f'-Djobmanager.rpc.port={taken_port}', '-Dhigh-availability.zookeeper.client.connection-timeout=1 s',
             f'-Dhigh-availability.storageDir={tmp_path}/ha']
    cluster = clusters.Cluster(weir_module.BINARY, tmp_path, 1, 0, 1, given)
    waiting = cluster.jobmanagers[0].start()
    try:
        cluster.wait('it to say so', lambda: f'none of {server} has answered' in waiting.text(), weir_module.WAIT_SECONDS)
        assert waiting.alive
        waiting.signal(signal.SIGTERM)
        assert waiting.popen.wait(weir_module.WAIT_SECONDS) == 0
    finally:
        waiting.kill()
    text = refused(tmp_path, 'ha', 'inspect', *given)
    assert server in text and 'was not reached' in text


@pytest.mark.parametrize('verb, key, address', [('jobmanager', 'jobmanager.rpc.address', '::1'), ('jobmanager', 'rest.bind-address', '::'),
                                                ('jobmanager', 'rest.address', '[::1]'), ('taskmanager', 'taskmanager.host', 'fe80::1')])
def test_addresses_of_ipv6_are_refused_by_name(tmp_path, verb, key, address):
    text = refused(tmp_path, verb, f'-Dhigh-availability.storageDir={tmp_path}/ha', f'-D{key}={address}')
    assert f"{key}: '{address}': addresses of IPv6 are not implemented; expected one of IPv4, or a host's name" in text


def test_an_unknown_kind_of_store(tmp_path):
    text = refused(tmp_path, 'jobmanager', '-Dhigh-availability.type=etcd', '-Drest.port=0')
    assert 'etcd is not implemented' in text and 'zookeeper' in text


def test_a_taskmanager_that_finds_nobody_ends(tmp_path):
    text = refused(tmp_path, 'taskmanager', f'-Dhigh-availability.storageDir={tmp_path}/ha',
                   '-Dhigh-availability.cluster-id=lonely', '-Dtaskmanager.registration.timeout=2 s')
    assert re.search(r"cluster 'lonely' was found within 2 s \(taskmanager.registration.timeout\).*cluster-id", text)


def rpc_port(process):
    return int(re.findall(r'listens on [0-9.]+:([0-9]+)', process.text())[-1])


def hello(cluster, name, magic=b'WEIRRPC1'):
    text = lambda s: struct.pack('<H', len(s)) + s.encode()
    body = magic + struct.pack('<Q', 77) + text(cluster) + text(name)
    return struct.pack('<I', len(body)) + body


def is_closed(connection):
    connection.settimeout(weir_module.WAIT_SECONDS)
    try:
        while connection.recv(4096):
            pass
    except ConnectionResetError:
        pass
    return True


@pytest.mark.parametrize('first, said', [
    (hello('another', 'tm-x'), "'tm-x' belongs to cluster 'another', this is cluster 'default'"),
    (hello('default', 'tm-x', b'WEIRRPC9'), 'does not speak this protocol, or another version of it'),
    (b'GET / HTTP/1.1\r\n\r\n' + b' ' * 64, 'refused a connection')])
def test_strangers_are_refused_and_named(start, first, said):
    cluster = start(jobmanagers=1, taskmanagers=1)
    job = run_job(cluster)
    with socket.create_connection(('127.0.0.1', rpc_port(cluster.jobmanagers[0]))) as stranger:
        stranger.sendall(first)
        assert is_closed(stranger)
    cluster.wait('it to be logged', lambda: said in cluster.jobmanagers[0].text(), weir_module.WAIT_SECONDS)
    newest = completed(cluster, job)
    cluster.wait('the next checkpoint', lambda: completed(cluster, job) > newest, weir_module.WAIT_SECONDS)


def test_a_message_of_a_newer_version_is_refused_and_named(start):
    """Field 1 of an envelope is its version; a process of a newer one may say hello in the same way."""
    cluster = start(jobmanagers=1, taskmanagers=1)
    cluster.wait('the TaskManager', lambda: cluster.get('/overview')['taskmanagers'] == 1, weir_module.WAIT_SECONDS)
    envelope = b'\x08\x63' + b'\x12\x07default' + b'\x1a\x04tm-x' + b'\x20\x4d'
    with socket.create_connection(('127.0.0.1', rpc_port(cluster.jobmanagers[0]))) as stranger:
        stranger.sendall(hello('default', 'tm-x') + struct.pack('<I', len(envelope)) + envelope)
        cluster.wait('it to be logged', lambda: re.search(
            r'protocol version 99; this process speaks version \d', cluster.jobmanagers[0].text()),
            weir_module.WAIT_SECONDS)
    assert cluster.get('/overview')['taskmanagers'] == 1


# --- checkpoints ---

def run_attached(cluster, origin):
    """What 'weir run' says and returns when it waits for the job."""
    script = cluster.directory / 'again.sql'
    script.write_text(ledger.script(cluster.directory, 100000, 500, 2))
    return client(cluster, 'run', '-m', first_address(cluster), '-s', str(origin), str(script))


@pytest.fixture
def stopped(start):
    cluster = start(jobmanagers=1, taskmanagers=1)
    return cluster, stop(cluster, run_job(cluster), cluster.directory / 'savepoints')


@pytest.mark.parametrize('damage, said', [('missing', 'No such file'), ('short', 'truncated'), ('flipped', 'damaged')])
def test_a_state_file_that_cannot_be_read_fails_the_job(stopped, damage, said):
    cluster, savepoint = stopped
    victim = max(savepoint.glob('*.state'), key=lambda p: p.stat().st_size)
    content = victim.read_bytes()
    if damage == 'missing':
        victim.unlink()
    else:
        middle = len(content) // 2
        victim.write_bytes(content[:-10] if damage == 'short' else
                           content[:middle] + bytes([content[middle] ^ 4]) + content[middle + 1:])
    done = run_attached(cluster, savepoint)
    text = done.stdout + done.stderr
    assert done.returncode == 1 and str(victim) in text and said in text and 'cannot be restored' in text, text
    # Nothing is lost by the try: put right, it goes on.
    victim.write_bytes(content)
    script = cluster.directory / 'again.sql'
    again = re.search('JobID ([0-9a-f]{32})', client(
        cluster, 'run', '-d', '-m', first_address(cluster), '-s', str(savepoint), str(script)).stdout).group(1)
    cluster.wait('a checkpoint', lambda: completed(cluster, again) > 0, weir_module.WAIT_SECONDS)
    verdict = ledger.judge(cluster.directory, 100000, False)
    assert verdict['doubled'] == verdict['wrong'] == 0, verdict


@pytest.mark.parametrize('where', ['nowhere', 'a folder', 'a file'])
def test_what_is_no_savepoint(stopped, where):
    cluster, savepoint = stopped
    origin = {'nowhere': cluster.directory / 'nowhere', 'a folder': cluster.directory,
              'a file': next(savepoint.glob('*.state'))}[where]
    done = run_attached(cluster, origin)
    text = done.stdout + done.stderr
    assert done.returncode == 1 and f'{origin}/_metadata' in text and 'no completed checkpoint or savepoint' in text, text


def test_a_relative_path_is_the_clients(stopped):
    """The client's folder, not the JobManager's."""
    cluster, savepoint = stopped
    script = cluster.directory / 'again.sql'
    script.write_text(ledger.script(cluster.directory, 100000, 500, 2))
    done = subprocess.run([weir_module.BINARY, 'run', '-d', '-m', first_address(cluster), '-s', f'./{savepoint.name}',
                           str(script)], capture_output=True, text=True, timeout=weir_module.WAIT_SECONDS,
                          cwd=savepoint.parent)
    job = re.search('JobID ([0-9a-f]{32})', done.stdout).group(1)
    cluster.wait('a checkpoint', lambda: completed(cluster, job) > 0, weir_module.WAIT_SECONDS)


@pytest.mark.parametrize('script', ['', '-- nothing\n', "CREATE TABLE t (a INT) WITH ('connector' = 'blackhole');\n"])
@pytest.mark.parametrize('verb', ['run', 'local'])
def test_a_script_without_a_job(tmp_path, verb, script):
    path = tmp_path / 'script.sql'
    path.write_text(script)
    text = refused(tmp_path, verb, str(path))
    assert "The script didn't contain a job" in text and str(path) in text


def test_an_empty_metadata_file(tmp_path):
    (tmp_path / '_metadata').write_bytes(b'')
    text = refused(tmp_path, 'checkpoint', 'inspect', str(tmp_path))
    assert 'is damaged: it is empty' in text
