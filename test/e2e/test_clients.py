"""Clients find who leads without being told: from the coordination store that the configuration names."""
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'chaos'))

import cluster as clusters  # noqa: E402
import ledger  # noqa: E402
import weir as weir_module  # noqa: E402

LEASE = '-Dhigh-availability.embedded.lease=1 s'


@pytest.fixture
def cluster(tmp_path):
    with clusters.Cluster(weir_module.BINARY, tmp_path / 'cluster', 2, 1, 2, [LEASE]) as started:
        started.wait('both JobManagers and one of them leads',
                     lambda: all(p.rest() for p in started.jobmanagers) and started.get('/ha')['leader'] and
                     started.get('/ha')['standbys'], weir_module.WAIT_SECONDS)
        yield started


def list_jobs(directory, *arguments):
    return subprocess.run([weir_module.BINARY, 'list', f'-Dhigh-availability.storageDir={directory}', *arguments],
                          capture_output=True, text=True, timeout=60, check=False)


def test_whoever_leads_is_found_in_the_embedded_store(cluster):
    """The ports are any free ones: nothing but the store names them. The leader dies, and the next is found."""
    storage = cluster.directory / 'ha'
    first = list_jobs(storage)
    assert first.returncode == 0, first.stderr
    assert 'No running jobs.' in first.stdout
    leader, epoch = cluster.leader()
    leader.kill()
    cluster.wait('another leader', lambda: cluster.leader()[1] > epoch, weir_module.WAIT_SECONDS)
    second = list_jobs(storage)
    assert second.returncode == 0, second.stderr
    assert 'No running jobs.' in second.stdout


def test_a_client_that_waits_finds_jobmanagers_that_came_after_it(cluster):
    """Every JobManager is replaced by one with other ports while the client waits for its job: it is told how it ended."""
    script = cluster.directory / 'job.sql'
    script.write_text(ledger.script(cluster.directory, 100000, 500, 2))
    with subprocess.Popen([weir_module.BINARY, 'run', f'-Dhigh-availability.storageDir={cluster.directory}/ha', '-Drest.port=1',
                           str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as waiting:
        job = waiting.stdout.readline().split()[-1]
        for _ in cluster.jobmanagers:
            leader, epoch = cluster.leader()
            leader.kill()
            cluster.wait('another leader', lambda epoch=epoch: cluster.leader()[1] > epoch, weir_module.WAIT_SECONDS)
            leader.start()
            cluster.wait('a standby', lambda: cluster.get('/ha')['standbys'], weir_module.WAIT_SECONDS)
        cluster.wait('the job to run', lambda: cluster.job_state(job) == 'RUNNING', weir_module.WAIT_SECONDS)
        subprocess.run([weir_module.BINARY, 'cancel', '-m', cluster.rest_addresses(), job], check=True, timeout=60,
                       stdout=subprocess.DEVNULL)
        _, said = waiting.communicate(timeout=60)
    assert f'Job with JobID {job} has been canceled.' in said


def test_a_store_of_this_host_says_nothing_of_another_one(cluster):
    """rest.address names a host that is not there: no other cluster is asked instead."""
    done = list_jobs(cluster.directory / 'ha', '-Drest.address=nobody.invalid:1')
    assert done.returncode == 1
    assert 'Could not reach a JobManager at nobody.invalid:1' in done.stderr


def test_a_client_makes_no_store(tmp_path):
    done = list_jobs(tmp_path / 'nothing', '-Drest.port=1')
    assert done.returncode == 1
    assert 'Could not reach a JobManager at localhost:1' in done.stderr
    assert not (tmp_path / 'nothing').exists()
