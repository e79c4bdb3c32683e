"""What the usual guides tell people to type (guides/): each listing is understood as it stands, its keys have their effects on a
real cluster, and what this build does not have is refused by name."""
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'chaos'))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'ha'))

import cluster as clusters  # noqa: E402
import weir as weir_module  # noqa: E402
import zookeeper_servers  # noqa: E402

GUIDES = Path(__file__).parent / 'guides'
EXPECTED = {path.parent.name: json.loads(path.read_text()) for path in sorted(GUIDES.glob('*/expect.json'))}
SCRIPT = '''SET 'execution.checkpointing.interval' = '100 ms';
CREATE TABLE n (i BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '100');
CREATE TABLE nowhere (i BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO nowhere SELECT i FROM n;
'''


@pytest.fixture(scope='module')
def servers(tmp_path_factory):
    with zookeeper_servers.Servers(tmp_path_factory.mktemp('zookeeper'), 1) as started:
        yield started


def listing(name, tmp_path, quorum='127.0.0.1:1', change=None):
    """The folder of a guide's configuration, with this machine's hosts; change: key and another value."""
    folder = tmp_path / 'conf'
    folder.mkdir(exist_ok=True)
    text = (GUIDES / name / 'flink-conf.yaml').read_text().replace('{quorum}', quorum).replace('{directory}', str(tmp_path))
    if change:
        key, value = change
        text, found = re.subn(rf'^{re.escape(key)}: .*$', lambda match: f'{key}: {value}', text, flags=re.M)
        assert found == 1
    (folder / 'flink-conf.yaml').write_text(text)
    (folder / 'job.sql').write_text(SCRIPT)
    return folder


def weir(folder, *arguments):
    return subprocess.run([weir_module.BINARY, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=folder,
                          timeout=weir_module.WAIT_SECONDS, env=dict(os.environ, WEIR_CONF_DIR=str(folder)))


@pytest.mark.parametrize('name', EXPECTED)
def test_every_key_is_understood(name, tmp_path):
    folder = listing(name, tmp_path)
    done = weir(folder, 'config', '--all')
    assert done.returncode == 0, done.stderr
    assert 'unknown' not in done.stderr.lower() and '[ERROR]' not in done.stderr
    for key, value in EXPECTED[name]['values'].items():
        line = next(line for line in done.stdout.splitlines() if line.startswith(f'{key}:'))
        assert value in line.split('  # ')[0], line


@pytest.mark.parametrize('name, refused', [(name, refused) for name in EXPECTED for refused in EXPECTED[name]['refused']],
                         ids=lambda part: part if isinstance(part, str) else part['value'])
def test_what_is_not_there_is_refused_by_name(name, refused, tmp_path):
    folder = listing(name, tmp_path, change=(refused['key'], refused['value']))
    for verb in ('jobmanager', 'taskmanager'):
        done = weir(folder, verb, '-Drest.port=0')
        assert done.returncode == 1, done.stderr
        assert refused['names'] in done.stderr and 'not implemented' in done.stderr
    assert {path.name for path in folder.iterdir()} == {'flink-conf.yaml', 'job.sql'}, 'it left something behind'


@pytest.mark.parametrize('name, command', [(name, command) for name in EXPECTED for command in EXPECTED[name].get('commands', [])],
                         ids=lambda part: part if isinstance(part, str) else ' '.join(part['run'][:4]))
def test_a_command_for_what_is_not_there_says_so(name, command, tmp_path):
    folder = listing(name, tmp_path)
    program, *arguments = command['run']
    program = weir_module.BINARY if program == 'weir' else os.path.join(weir_module.ROOT, program)
    done = subprocess.run([program, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=folder, timeout=60)
    assert done.returncode == 1
    assert command['names'] in done.stderr and 'not implemented' in done.stderr


@pytest.mark.parametrize('name', [name for name in EXPECTED if EXPECTED[name]['starts']])
def test_the_keys_have_their_effects(name, tmp_path, servers):
    folder, expected = listing(name, tmp_path, servers.quorum), EXPECTED[name]
    cluster = clusters.Cluster(weir_module.BINARY, tmp_path / 'cluster', 2, 1)
    cluster.arguments = ['-Drest.port=0', '-Drest.bind-port=0']  # two JobManagers on one host
    for process in cluster.processes:
        process.arguments, process.environment = [], {'WEIR_CONF_DIR': str(folder)}
    with cluster:
        cluster.wait('a leader', lambda: cluster.get('/ha')['leader'] and all(p.rest() for p in cluster.jobmanagers))
        cluster.wait('the TaskManager', lambda: cluster.get('/overview')['taskmanagers'] == 1)
        for pattern in expected['log']['jobmanager']:
            assert all(re.search(pattern, p.text()) for p in cluster.jobmanagers), pattern
        slots = expected.get('slots', 1)
        assert cluster.get('/overview')['slots-total'] == slots
        done = weir(folder, 'run', '-d', '-m', cluster.rest_addresses(), 'job.sql')
        assert done.returncode == 0, done.stdout + done.stderr
        job = re.search('JobID ([0-9a-f]{32})', done.stdout).group(1)
        cluster.wait('the job', lambda: cluster.job_state(job) == 'RUNNING')
        assert all(v['parallelism'] == expected.get('parallelism', 1) for v in cluster.get(f'/jobs/{job}')['vertices'])
        assert list((tmp_path / 'flink/ha').glob('*')), 'nothing is in the storage directory'

        def completed():
            return cluster.get(f'/jobs/{job}/checkpoints')['counts']['completed']
        cluster.wait('checkpoints', lambda: completed() >= 6)
        if 'retained' in expected:
            cluster.wait('what is retained', lambda: len(list(
                (tmp_path / 'flink/checkpoints' / job).glob('chk-*/_metadata'))) == expected['retained'])
        if 'savepoints' in expected:
            done = weir(folder, 'savepoint', '-m', cluster.rest_addresses(), job)
            assert done.returncode == 0, done.stdout + done.stderr
            assert list((tmp_path / expected['savepoints']).glob('*/_metadata'))
        # Kill the leader, as the guides say: the other leads, the job runs.
        leader, epoch = cluster.leader()
        before = completed()
        leader.kill()
        cluster.wait('another leader', lambda: cluster.leader()[1] > epoch)
        cluster.wait('checkpoints after it', lambda: cluster.job_state(job) == 'RUNNING' and completed() != before)
