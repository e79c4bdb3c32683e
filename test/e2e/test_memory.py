"""Memory budgets hold, in a control group of exactly process.size where the machine allows one: exhaustion is a clear
failure of the job, never the end of the process. Without a control group the budget alone is tested, and says so."""
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'chaos'))

import cluster as clusters  # noqa: E402
import weir as weir_module  # noqa: E402

MB = 1 << 20
SIZE_MB = 256
MEMORY = [f'-Dtaskmanager.memory.process.size={SIZE_MB}m', '-Dtaskmanager.memory.jvm-overhead.min=40m',
          '-Dtaskmanager.memory.jvm-overhead.max=40m', '-Dtaskmanager.memory.jvm-metaspace.size=16m',
          '-Dtaskmanager.memory.framework.heap.size=16m', '-Dtaskmanager.memory.framework.off-heap.size=16m',
          '-Dtaskmanager.memory.network.min=16m', '-Dtaskmanager.memory.network.max=16m']
TASKS_MB = SIZE_MB - 40 - 16 - 16 - 16 - 16

JOB = """
SET 'restart-strategy.type' = 'none';
SET 'parallelism.default' = '2';
CREATE TABLE g (id BIGINT, s STRING) WITH ('connector' = 'datagen', 'rows-per-second' = '100000000', 'fields.id.kind' = 'sequence', 'fields.id.start' = '1',
  'fields.id.end' = '%d', 'fields.s.length' = '%d');
CREATE TABLE b (id BIGINT, c BIGINT, m STRING) WITH ('connector' = 'blackhole');
INSERT INTO b SELECT %s, COUNT(*), MAX(s) FROM g GROUP BY %s;
"""


class Group:
    """A control group with a limit and no swap; None where the machine has none to give."""

    def __init__(self, size):
        self.path = None
        name = f'weir-test-{os.getpid()}'
        for root, limit, peak in (('/sys/fs/cgroup/memory', 'memory.limit_in_bytes', 'memory.max_usage_in_bytes'),
                                  ('/sys/fs/cgroup', 'memory.max', 'memory.peak')):
            path = os.path.join(root, name)
            try:
                os.mkdir(path)
                with open(os.path.join(path, limit), 'w') as f:
                    f.write(str(size))
                self.path, self.peak = path, peak
                return
            except OSError:
                if os.path.isdir(path):
                    os.rmdir(path)

    def add(self, pid):
        with open(os.path.join(self.path, 'cgroup.procs'), 'w') as f:
            f.write(str(pid))

    def killed(self):
        """How often the kernel ended a process of it."""
        for name in ('memory.oom_control', 'memory.events'):
            path = os.path.join(self.path, name)
            if os.path.exists(path):
                with open(path) as f:
                    return int(re.search(r'^oom_kill (\d+)', f.read(), re.M).group(1))
        return 0

    def end(self):
        if self.path:
            os.rmdir(self.path)


@pytest.fixture
def limited(tmp_path):
    """A cluster whose TaskManager lives in a group of its process.size."""
    group = Group(SIZE_MB * MB)
    cluster = clusters.Cluster(weir_module.BINARY, tmp_path / 'cluster', 1, 1, 2, MEMORY)
    cluster.__enter__()
    if group.path:
        group.add(cluster.taskmanagers[0].popen.pid)
    else:
        print('no control group can be made here: only the budget is tested')
    cluster.wait('a TaskManager', lambda: cluster.jobmanagers[0].rest() and
                 cluster.get('/overview')['slots-total'] == 2, weir_module.WAIT_SECONDS)
    yield cluster, group
    cluster.__exit__(None, None, None)
    group.end()


def ends(cluster, job, seconds=180):  # it computes: longer on a loaded machine
    return cluster.wait('the end of the job', lambda: cluster.job_state(job) in ('FAILED', 'FINISHED') and
                        cluster.job_state(job), seconds)


def test_a_job_that_needs_too_much_fails_and_says_what_to_raise(limited):
    cluster, group = limited
    job = cluster.submit(JOB % (100_000_000, 100, 'id', 'id'))
    assert ends(cluster, job) == 'FAILED'
    why = json.dumps(cluster.get(f'/jobs/{job}/exceptions'))
    found = re.search(r"the memory of this (slot|TaskManager) is used up \((\d+) of (\d+) MB\): operator '([^']*)' "
                      r"\(\d/2\) holds (\d+) MB of it; raise taskmanager.memory.process.size", why)
    assert found, why
    assert int(found.group(3)) == TASKS_MB // 2, why
    assert 'GroupAggregate' in found.group(4), why
    # Nobody else is hurt: the process lives, and the next job that is modest runs.
    assert cluster.taskmanagers[0].alive
    assert not group.path or group.killed() == 0
    modest = cluster.submit(JOB % (1_000_000, 100, 'MOD(id, 1000)', 'MOD(id, 1000)'))
    assert ends(cluster, modest) == 'FINISHED'
    assert cluster.taskmanagers[0].alive and (not group.path or group.killed() == 0)


def test_parts_that_do_not_fit_are_refused(tmp_path):
    done = subprocess.run([weir_module.BINARY, 'taskmanager', f'-Dhigh-availability.storageDir={tmp_path}',
                           '-Dtaskmanager.memory.process.size=300m'], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    assert 'taskmanager.memory.process.size is 300 MB, but' in done.stderr
