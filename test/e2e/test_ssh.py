"""bin/start-cluster.sh and its sisters over ssh: a real sshd on a loopback port, with keys that this makes."""
import getpass
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'ha'))

import weir as weir_module  # noqa: E402
import zookeeper_servers  # noqa: E402

REMOTE = ['127.0.0.2', '127.0.0.3']  # other hosts, as far as the scripts know: not localhost, not 127.0.0.1


@pytest.fixture(scope='module')
def sshd(tmp_path_factory):
    """Options for ssh. Not to be able to start it is a failure."""
    folder = tmp_path_factory.mktemp('sshd')
    program = shutil.which('sshd', path='/usr/sbin:/usr/bin')
    assert program, 'sshd is not installed (tools/deps.sh installs it)'
    for name in ('host', 'user'):
        subprocess.run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', folder / name], check=True)
    (folder / 'authorized').write_text((folder / 'user.pub').read_text())
    port = zookeeper_servers.free_port()
    (folder / 'config').write_text(f'''Port {port}
ListenAddress 0.0.0.0
HostKey {folder}/host
PidFile {folder}/pid
AuthorizedKeysFile {folder}/authorized
StrictModes no
PasswordAuthentication no
UsePAM no
PermitRootLogin yes
''')
    Path('/run/sshd').mkdir(exist_ok=True)
    with open(folder / 'log', 'wb') as log:
        server = subprocess.Popen([program, '-D', '-e', '-f', folder / 'config'], stdout=log, stderr=log)
    for _ in range(4000):
        with socket.socket() as probe:
            if probe.connect_ex(('127.0.0.1', port)) == 0:
                break
        assert server.poll() is None, (folder / 'log').read_text()
        time.sleep(0.01)
    yield (f'-p {port} -i {folder}/user -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR '
           f'-o IdentitiesOnly=yes')
    server.kill()
    server.wait()


class Installation:
    """bin/ and conf/ as they are installed, with logs and pids of their own."""

    def __init__(self, folder, options):
        self.folder = folder
        root = Path(weir_module.ROOT)
        shutil.copytree(root / 'bin', folder / 'bin')
        shutil.copytree(root / 'conf', folder / 'conf')
        (folder / 'bin/weir').symlink_to(weir_module.BINARY)
        ports = [zookeeper_servers.free_port() for _ in range(2)]
        self.ports = ports
        # What the scripts of the other host need is in the configuration: an environment does not travel.
        (folder / 'conf/config.yaml').write_text(f'''high-availability.storageDir: {folder}/ha
env.log.dir: {folder}/log
env.pid.dir: {folder}/pid
env.ssh.opts: "{options}"
taskmanager.numberOfTaskSlots: 2
''')
        (folder / 'conf/masters').write_text(f'{REMOTE[0]}:{ports[0]}\nlocalhost:{ports[1]}  # this one\n')
        (folder / 'conf/workers').write_text(f'{REMOTE[0]}\n# nobody\n{REMOTE[1]}\nlocalhost\n')

    def run(self, script, *arguments):
        environment = {key: value for key, value in os.environ.items() if not key.startswith(('WEIR_', 'FLINK_'))}
        done = subprocess.run([self.folder / 'bin' / script, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=60, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def processes(self):
        """pids of everything that was started here."""
        found = []
        for path in (self.folder / 'pid').glob('*.pid'):
            found += [int(line) for line in path.read_text().split()]
        return [pid for pid in found if Path(f'/proc/{pid}').exists()]

    def overview(self):
        import json
        import urllib.request
        for port, host in zip(self.ports, [REMOTE[0], '127.0.0.1']):
            try:
                with urllib.request.urlopen(f'http://{host}:{port}/overview', timeout=2) as answer:
                    return json.load(answer)
            except OSError:
                continue
        return {}

    def end(self):
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass  # it has ended by itself


@pytest.fixture
def installation(tmp_path, sshd):
    made = Installation(tmp_path / 'weir', sshd)
    yield made
    made.end()


def wait(what, condition, seconds=weir_module.WAIT_SECONDS):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def test_a_cluster_on_other_hosts(installation):
    said = installation.run('start-cluster.sh')
    host = socket.gethostname()
    assert 'Starting HA cluster with 2 masters.' in said
    assert f'Starting standalonesession daemon on host {host}.' in said
    assert f'Starting taskexecutor daemon on host {host}.' in said
    wait('three TaskManagers', lambda: installation.overview().get('taskmanagers') == 3)
    assert installation.overview()['slots-total'] == 6
    assert len(installation.processes()) == 5
    # A second instance on this host says so.
    more = installation.run('taskmanager.sh', 'start')
    assert re.search(r'\[INFO\] [1-3] instance\(s\) of taskexecutor are already running on ' + re.escape(host), more)
    wait('four TaskManagers', lambda: installation.overview().get('taskmanagers') == 4)
    said = installation.run('taskmanager.sh', 'stop')
    assert re.search(rf'Stopping taskexecutor daemon \(pid: \d+\) on host {re.escape(host)}\.', said)
    installation.run('stop-cluster.sh')
    wait('their end', lambda: not installation.processes())
    assert f'No taskexecutor daemon to stop on host {host}.' in installation.run('taskmanager.sh', 'stop')
    log = next((installation.folder / 'log').glob(f'weir-{getpass.getuser()}-standalonesession-0-{host}.log'))
    assert 'leads with epoch' in ''.join(p.read_text() for p in log.parent.glob('*standalonesession*.log'))


def test_a_quorum_on_other_hosts(installation):
    ports = [zookeeper_servers.free_port() for _ in range(3)]
    (installation.folder / 'conf/zoo.cfg').write_text(
        f'tickTime=200\ninitLimit=50\nsyncLimit=10\ndataDir={installation.folder}/zookeeper\nclientPort={ports[0]}\n'
        f'admin.enableServer=false\n4lw.commands.whitelist=srvr\nserver.1={REMOTE[0]}:{ports[1]}:{ports[2]}\n')
    installation.run('start-zookeeper-quorum.sh')

    def serves():
        with socket.socket() as probe:
            return probe.connect_ex(('127.0.0.1', ports[0])) == 0
    wait('the server', serves)
    said = installation.run('zookeeper.sh', 'stop')
    assert 'Stopping zookeeper daemon' in said
    wait('its end', lambda: not installation.processes())
    installation.run('start-zookeeper-quorum.sh')
    wait('the server again', serves)
    installation.run('stop-zookeeper-quorum.sh')
    wait('its end', lambda: not installation.processes())


def test_a_quorum_of_one_host(installation):
    """Servers side by side need data and ports of their own: that is arranged, or said."""
    ports = [zookeeper_servers.free_port() for _ in range(9)]

    def configure(client_ports, more=''):
        lines = ''.join(f'server.{i + 1}=127.0.0.1:{ports[i]}:{ports[i + 3]}{own}\n' for i, own in enumerate(client_ports))
        (installation.folder / 'conf/zoo.cfg').write_text(
            f'tickTime=200\r\ninitLimit=50\r\nsyncLimit=10\r\ndataDir = {installation.folder}/zookeeper \r\nadmin.enableServer=false\r\n'
            f'4lw.commands.whitelist=srvr\r\n{more}{lines}')

    def failed():
        done = subprocess.run([installation.folder / 'bin/start-zookeeper-quorum.sh'], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=60)
        assert done.returncode == 1
        assert 'Could not be started: server 1 on 127.0.0.1, server 2 on 127.0.0.1, server 3 on 127.0.0.1' in done.stderr
        assert 'let each line name a port for clients (server.2=127.0.0.1:2888:3888;2182), and remove clientPort' in done.stderr
        assert not installation.processes()
    configure(['', '', ''], f'clientPort={ports[6]}\n')
    failed()
    configure([f';{ports[6]}', f';{ports[7]}', f';{ports[6]}'])
    failed()
    configure([f';{ports[6]}', f':participant;{ports[7]}', f';127.0.0.1:{ports[8]}'])
    installation.run('start-zookeeper-quorum.sh')

    def modes():
        found = []
        for port in ports[6:]:
            try:
                with socket.create_connection(('127.0.0.1', port), timeout=1) as connection:
                    connection.sendall(b'srvr')
                    found += [line[6:] for line in connection.makefile().read().splitlines() if line.startswith('Mode: ')]
            except OSError:
                pass
        return sorted(found)
    wait('a quorum of three', lambda: modes() == ['follower', 'follower', 'leader'], 120)
    assert sorted(p.name for p in (installation.folder / 'zookeeper').iterdir()) == ['1', '2', '3']
    assert 'Stopping zookeeper daemon' in installation.run('zookeeper.sh', 'stop')
    installation.run('zookeeper.sh', 'start', '3')
    wait('the third again', lambda: len(modes()) == 3, 120)
    installation.run('stop-zookeeper-quorum.sh')
    assert not installation.processes()


def test_a_host_that_cannot_be_reached_is_named(installation):
    (installation.folder / 'conf/workers').write_text('127.0.0.2\n')
    text = (installation.folder / 'conf/config.yaml').read_text()
    (installation.folder / 'conf/config.yaml').write_text(re.sub(r'-p \d+', f'-p {zookeeper_servers.free_port()}', text))
    done = subprocess.run([installation.folder / 'bin/start-cluster.sh'], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60)
    assert done.returncode != 0
    assert '127.0.0.2' in done.stderr
