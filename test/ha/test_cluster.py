"""Real processes over a real quorum of three: what a job sees of dying leaders, servers and sessions."""

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "chaos"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
import cluster as clusters  # noqa: E402
import ledger  # noqa: E402
import zookeeper_servers  # noqa: E402

WEIR = os.environ.get("WEIR", str(Path(__file__).resolve().parents[2] / "build/release/bin/weir"))
RATE = 1000
WAIT_SECONDS = 40  # limits a hang, and judges nothing


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """Not to be able to start them is a failure, not a reason to skip."""
    with zookeeper_servers.Servers(tmp_path_factory.mktemp("zookeeper")) as quorum:
        yield quorum


@pytest.fixture(autouse=True)
def all_servers_run(servers):
    yield
    for server in servers.servers:
        server.start()
    servers.wait()


def arguments(servers, cluster_id, session_timeout):
    return ["-Dhigh-availability.type=zookeeper", f"-Dhigh-availability.zookeeper.quorum={servers.quorum}",
            f"-Dhigh-availability.cluster-id=/{cluster_id}",
            f"-Dhigh-availability.zookeeper.client.session-timeout={session_timeout}"]


def redeployed(cluster):
    return sum(len(re.findall(r"fails over|is deployed again", p.text())) for p in cluster.jobmanagers)


def ready(cluster):
    cluster.wait("a leader", lambda: cluster.leader()[0] and cluster.leader()[0].rest(), WAIT_SECONDS)
    return cluster.leader()


def taken_over(cluster, epoch, seconds=WAIT_SECONDS):
    def another():
        who, newest = cluster.leader()
        return who if newest > epoch else None
    return cluster.wait("another leader", another, seconds)


def run_job(cluster, seconds):
    rows = int(seconds * RATE)
    job = cluster.submit(ledger.script(cluster.directory, rows, RATE, 2))
    cluster.wait("the job to run", lambda: cluster.job_state(job) == "RUNNING")
    return job, rows


def finish(cluster, job, rows, seconds=60):
    """It ends by itself, and nothing is lost, doubled or wrong."""
    cluster.wait("the job to end", lambda: cluster.job_state(job) in ("FINISHED", "FAILED", "CANCELED"), seconds)
    assert cluster.job_state(job) == "FINISHED"
    verdict = ledger.judge(cluster.directory, rows, True)
    assert (verdict["lost"], verdict["doubled"], verdict["wrong"]) == (0, 0, 0), verdict


def committed_rows(cluster):
    return sum(1 for _ in ledger.committed(cluster.directory / "rows_out"))


def committed_at_last(cluster):
    """When nobody may commit any more, and what was ordered before is carried out: the same for a second."""
    before = -1
    while (now := committed_rows(cluster)) != before:
        before = now
        time.sleep(1)
    return before


def test_killed_leaders_are_replaced_and_no_task_is_deployed_again(servers, tmp_path):
    with clusters.Cluster(WEIR, tmp_path, jobmanagers=3, taskmanagers=2,
                          arguments=arguments(servers, "killed", "10 s")) as cluster:
        ready(cluster)
        job, rows = run_job(cluster, 5)
        for _ in range(3):
            leader, epoch = cluster.leader()
            since = time.time()
            leader.kill()
            new = taken_over(cluster, epoch)
            print(f"took over in {(time.time() - since) * 1000:.0f} ms")
            assert "the leader's process ended" in new.text()
            leader.start()
            # One that comes while there is no leader has another reason to lead.
            cluster.wait("two standbys", lambda: len(cluster.get("/ha")["standbys"]) == 2)
        finish(cluster, job, rows)
        assert redeployed(cluster) == 0


def test_a_host_where_everything_was_killed_starts_at_once(servers, tmp_path):
    """Their sessions live on for longer than this waits: what is gone is known by its process, and told once."""
    with clusters.Cluster(WEIR, tmp_path, jobmanagers=3, taskmanagers=1,
                          arguments=arguments(servers, "crashed", "60 s")) as cluster:
        _, epoch = ready(cluster)
        cluster.wait("two standbys", lambda: len(cluster.get("/ha")["standbys"]) == 2)
        for process in cluster.processes:
            process.signal(signal.SIGKILL)
        for process in cluster.processes:
            process.kill()
        for process in cluster.processes:
            process.start()
        new = taken_over(cluster, epoch)
        assert "the leader's process ended" in new.text_of_this_life()
        time.sleep(2.5)  # more than two looks at the candidates
        gone = re.findall(r"the process of (\S+) is gone", new.text_of_this_life())
        assert gone and len(gone) == len(set(gone)), gone


def test_who_may_not_read_says_so(servers, tmp_path):
    given = [*arguments(servers, "closed", "10 s"), "-Dhigh-availability.zookeeper.client.acl=creator"]
    authorized = "-Dhigh-availability.zookeeper.client.authorization=digest:weir:"
    with clusters.Cluster(WEIR, tmp_path, jobmanagers=1, taskmanagers=1, arguments=[*given, f"{authorized}right"]) as cluster:
        ready(cluster)
        other = clusters.Process(cluster, "taskmanager", "other", [f"{authorized}wrong"])
        cluster.taskmanagers.append(other.start())
        cluster.wait("the reason", lambda: "/closed/leader cannot be read: not authenticated; expected the "
                     "high-availability.zookeeper.client.authorization" in other.text())
        shown = [entry["value"] for entry in cluster.get("/jobmanager/config") if entry["key"].endswith("client.authorization")]
        assert shown == ["******"]


def test_clients_find_the_leader_in_the_quorum(servers, tmp_path):
    given = arguments(servers, "clients", "10 s")
    with clusters.Cluster(WEIR, tmp_path, jobmanagers=2, taskmanagers=1, arguments=given) as cluster:
        ready(cluster)
        for kill in (True, False):
            done = subprocess.run([WEIR, "list", *given], capture_output=True, text=True, timeout=60, check=False)
            assert done.returncode == 0, done.stderr
            assert "No running jobs." in done.stdout
            if kill:
                leader, epoch = cluster.leader()
                leader.kill()
                taken_over(cluster, epoch)


def test_clients_do_not_ask_another_cluster(servers, tmp_path):
    """What answers at the configured address is of another cluster than the one that is asked for, of which nobody is there."""
    given = arguments(servers, "a-cluster", "10 s")
    with clusters.Cluster(WEIR, tmp_path, jobmanagers=1, taskmanagers=0, arguments=given) as cluster:
        leader, _ = ready(cluster)
        for identifier, code in (("a-cluster", 0), ("another", 1)):
            asked = [*arguments(servers, identifier, "10 s"), f"-Drest.address={leader.rest()}"]
            done = subprocess.run([WEIR, "list", *asked], capture_output=True, text=True, timeout=60, check=False)
            assert done.returncode == code, done.stdout + done.stderr
        assert "no JobManager of cluster 'another' is in the coordination store" in done.stderr, done.stderr
        done = subprocess.run([WEIR, "list", "-m", leader.rest(), *asked], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr


def test_the_records_are_looked_into_without_a_jobmanager(servers, tmp_path):
    given = arguments(servers, "inspected", "2 s")
    with clusters.Cluster(WEIR, tmp_path, jobmanagers=1, taskmanagers=1, arguments=given) as cluster:
        ready(cluster)
        job, _ = run_job(cluster, 3600)
        cluster.wait("a checkpoint", lambda: cluster.get(f"/jobs/{job}/checkpoints")["latest"]["completed"])
    done = subprocess.run([WEIR, "ha", "inspect", "--json", *given], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["type"] == "zookeeper" and told["leader"]["epoch"] >= 1
    record, = told["jobs"]
    assert record["job"] == job and record["status"] == "ACTIVE" and record["checkpoints"][-1]["bytes"] > 0


def test_two_clusters_with_one_id_are_told_apart(servers, tmp_path):
    """A JobManager with another storage directory would take over jobs that it cannot find."""
    given = arguments(servers, "twice", "10 s")
    with clusters.Cluster(WEIR, tmp_path / "one", jobmanagers=1, taskmanagers=1, arguments=given) as cluster:
        leader, epoch = ready(cluster)
        job, _ = run_job(cluster, 3600)
        other = tmp_path / "two"
        done = subprocess.run(
            [WEIR, "jobmanager", *given, f"-Dhigh-availability.storageDir={other}", "-Drest.port=0"],
            capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 1
        for part in ("cluster-id 'twice'", str(other), str(tmp_path / "one" / "ha"), "expected another cluster-id"):
            assert part in done.stderr, done.stderr
        assert cluster.leader() == (leader, epoch) and cluster.job_state(job) == "RUNNING"
        same = clusters.Process(cluster, "jobmanager", "jm2", [])  # of the same one: it stands by
        cluster.jobmanagers.append(same.start())
        cluster.wait("the standby", lambda: same.rest() and len(cluster.get("/ha")["standbys"]) == 1)


def isolated(directory):
    """weir in process namespaces of its own: nobody sees another's process end, as on different hosts."""
    script = directory / "weir"
    script.write_text(f'#!/bin/sh\nexec unshare --pid --fork --kill-child "{WEIR}" "$@"\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return script


def spread(cluster):
    """Every process on an address of its own, as on different hosts."""
    for number, process in enumerate(cluster.jobmanagers):
        process.arguments += [f"-Djobmanager.rpc.address=127.0.0.{number + 2}", f"-Djobmanager.bind-host=127.0.0.{number + 2}"]
    for number, process in enumerate(cluster.taskmanagers):
        process.arguments += [f"-Dtaskmanager.host=127.0.0.{number + 12}", f"-Dtaskmanager.bind-host=127.0.0.{number + 12}"]


def test_a_taskmanager_elsewhere_is_the_second_witness(servers, tmp_path):
    with_witness = clusters.Cluster(isolated(tmp_path), tmp_path / "c", jobmanagers=2, taskmanagers=2,
                                    arguments=arguments(servers, "witness", "30 s"))
    spread(with_witness)
    with with_witness as cluster:
        leader, epoch = ready(cluster)
        cluster.wait("TaskManagers", lambda: leader.text().count("has registered") >= 2)
        # A standby that had no connection to the leader suspects nobody, and TaskManagers look for candidates once a second.
        cluster.wait("the standby", lambda: len(cluster.get("/ha")["standbys"]) == 1)
        time.sleep(4)
        since = time.time()
        leader.kill()
        new = taken_over(cluster, epoch, 20)  # far below the session timeout
        print(f"took over in {(time.time() - since) * 1000:.0f} ms")
        assert "a TaskManager says so too" in new.text()


def test_without_a_witness_the_session_decides(servers, tmp_path):
    with clusters.Cluster(isolated(tmp_path), tmp_path / "c", jobmanagers=2, taskmanagers=1,
                          arguments=arguments(servers, "session", "2 s")) as cluster:
        leader, epoch = ready(cluster)
        cluster.wait("the standby", lambda: len(cluster.get("/ha")["standbys"]) == 1)
        since = time.time()
        leader.kill()
        new = taken_over(cluster, epoch)
        print(f"took over in {(time.time() - since) * 1000:.0f} ms")
        assert "the leader's session was over" in new.text()


def test_a_stopped_leader_is_replaced_and_steps_down_when_it_wakes(servers, tmp_path):
    with clusters.Cluster(WEIR, tmp_path, jobmanagers=2, taskmanagers=2,
                          arguments=arguments(servers, "stopped", "3 s")) as cluster:
        ready(cluster)
        job, rows = run_job(cluster, 4)
        leader, epoch = cluster.leader()
        since = time.time()
        leader.signal(signal.SIGSTOP)
        try:
            taken_over(cluster, epoch)
            print(f"took over in {(time.time() - since) * 1000:.0f} ms")
        finally:
            leader.signal(signal.SIGCONT)
        cluster.wait("it to step down", lambda: f"no longer leads, epoch {epoch}" in leader.text())
        finish(cluster, job, rows)
        assert cluster.leader()[1] == epoch + 1
        assert redeployed(cluster) == 0


def test_tasks_run_on_without_a_quorum_and_commits_resume(servers, tmp_path):
    with clusters.Cluster(WEIR, tmp_path, jobmanagers=2, taskmanagers=2,
                          arguments=arguments(servers, "quorum", "4 s")) as cluster:
        ready(cluster)
        job, rows = run_job(cluster, 6)
        cluster.wait("a commit", lambda: committed_rows(cluster) > 0)
        servers[1].kill()
        servers[2].kill()
        cluster.wait("the pause", lambda: any("leadership is suspended" in p.text() for p in cluster.jobmanagers))
        before = committed_at_last(cluster)
        time.sleep(1.5)
        assert committed_rows(cluster) == before
        assert not cluster.environment_is_clean()
        servers[1].start()
        servers[2].start()
        servers.wait()
        cluster.wait("commits", lambda: committed_rows(cluster) > before)
        finish(cluster, job, rows)
        assert redeployed(cluster) == 0


def test_servers_are_restarted_one_after_another(servers, tmp_path):
    with clusters.Cluster(WEIR, tmp_path, jobmanagers=2, taskmanagers=2,
                          arguments=arguments(servers, "rolling", "10 s")) as cluster:
        ready(cluster)
        job, rows = run_job(cluster, 6)
        for server in servers.servers:
            server.kill()
            server.start()
            servers.wait()
        finish(cluster, job, rows)
        assert redeployed(cluster) == 0


def test_servers_that_have_lost_their_data_are_served_again(tmp_path):
    """They refuse clients that have seen more than they have; a leader and TaskManagers must come back all the same."""
    with zookeeper_servers.Servers(tmp_path / "zookeeper", count=1) as server:
        given = [*arguments(server, "lost", "10 s"), "-Dhigh-availability.zookeeper.client.connection-timeout=1 s"]
        with clusters.Cluster(WEIR, tmp_path / "cluster", jobmanagers=2, taskmanagers=1, arguments=given) as cluster:
            ready(cluster)
            for number in range(4):  # what they have seen is more than what the empty server will have done by itself
                job, rows = run_job(cluster, 0.5)
                finish(cluster, job, rows)
                for name in ("rows_out", "windows_out"):
                    shutil.rmtree(cluster.directory / name)
            epoch = cluster.leader()[1]
            server[1].kill()
            time.sleep(2.5)  # they have given up twice by then
            server[1].start()
            server.wait()

            def leads():
                ha = cluster.get("/ha")
                return ha["leader"] and not ha["suspended"] and cluster.get("/overview")["taskmanagers"] == 1
            cluster.wait("contact again", leads, WAIT_SECONDS)
            assert cluster.leader()[1] == epoch and not any("session is over" in p.text() for p in cluster.processes)
            server[1].kill()
            for left in (server[1].directory / "data").glob("version-*"):
                shutil.rmtree(left)
            server[1].start()
            server.wait()
            cluster.wait("a leader again", leads, WAIT_SECONDS)
            job, rows = run_job(cluster, 0.5)
            finish(cluster, job, rows)
