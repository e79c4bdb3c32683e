"""Failures for real, each named after its row: J, E and I are tests that Flink has, or had, and G are those that nobody had.

What every row ends with: the job finishes by itself, no row of its two exactly-once sinks is lost, doubled or out of order, nothing is
left behind. README.md says what each row is.
"""

import os
import random
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from ledger import judge
from scenario import ENDED, INTERVAL_MS, LEASE, LONG, PARALLELISM, RATE, WAIT_SECONDS, Stopped, report

SESSION = 3  # seconds


def zookeeper(servers, name, session=SESSION):
    return ["-Dhigh-availability.type=zookeeper", f"-Dhigh-availability.zookeeper.quorum={servers.quorum}",
            f"-Dhigh-availability.cluster-id=/{name}-{os.getpid()}",
            f"-Dhigh-availability.zookeeper.client.session-timeout={session} s"]


@pytest.fixture(params=["embedded", "zookeeper"])
def store(request):
    """Options of either kind of HA."""
    if request.param == "embedded":
        return []
    return zookeeper(request.getfixturevalue("servers"), re.sub("[^a-zA-Z0-9]+", "-", request.node.name))


def seconds(short, long):
    return long if LONG else short


# --- J: what a Jepsen suite did to Flink ---

def test_J0_nothing_fails(start, store):
    scenario = start(arguments=store)
    scenario.run_job(5)
    before = scenario.tasks()
    assert len({where for (_, _, where), _ in before[0].values()}) == 2, "the job runs on both TaskManagers"
    scenario.assert_untouched(before)
    scenario.submit_and_cancel()
    scenario.finish()


def test_J1_all_taskmanagers_are_killed_again_and_again(start):
    scenario, chance = start(), random.Random(1)
    scenario.run_job(seconds(4, 40))
    for _ in range(seconds(3, 15)):
        for process in scenario.cluster.taskmanagers:
            process.kill()
        time.sleep(chance.uniform(0, 1))
        for process in scenario.cluster.taskmanagers:
            process.start()
        time.sleep(chance.uniform(0, 1))
    scenario.finish()


def test_J2_one_taskmanager_is_killed_again_and_again(start):
    scenario, chance = start(taskmanagers=3), random.Random(2)
    scenario.run_job(seconds(4, 40))
    for _ in range(seconds(3, 20)):
        victim = chance.choice(scenario.cluster.taskmanagers)
        victim.kill()
        time.sleep(chance.uniform(0, 0.5))
        victim.start()
        time.sleep(chance.uniform(0, 1))
    scenario.finish()


def test_J3_kills_in_a_row(start):
    scenario, chance = start(jobmanagers=3, taskmanagers=3), random.Random(3)
    scenario.run_job(seconds(5, 30))
    for _ in range(seconds(1, 5)):
        for _ in range(20):
            victim = chance.choice(scenario.cluster.processes)
            victim.kill()
            victim.start()
            time.sleep(0.05)
        time.sleep(seconds(0, 5))
    scenario.finish()


def test_J4_all_jobmanagers_are_killed_again_and_again(start, store):
    scenario = start(arguments=store)
    scenario.run_job(seconds(8, 40))
    before = scenario.tasks()
    for _ in range(seconds(4, 40)):
        for process in scenario.cluster.jobmanagers:
            process.kill()
        for process in scenario.cluster.jobmanagers:
            process.start()
        time.sleep(0.3)
    since = time.monotonic()
    scenario.wait("a leader", scenario.leads)
    scenario.assert_untouched(before)
    scenario.goes_on(since, "all JobManagers killed in a row")
    scenario.finish()
    assert scenario.redeployed() == 0


def test_J5_canceled_while_all_jobmanagers_are_killed(start):
    scenario = start()
    scenario.run_job(1000)
    scenario.cancel()
    for _ in range(seconds(5, 30)):
        for process in scenario.cluster.jobmanagers:
            process.kill()
        for process in scenario.cluster.jobmanagers:
            process.start()
        time.sleep(0.2)
    scenario.wait("its end", lambda: scenario.state() == "CANCELED")
    for _ in range(3):
        scenario.kill_leader()[0].start()
        scenario.wait("a leader", scenario.leads)
        scenario.wait("its state", lambda: scenario.state() == "CANCELED")  # a job that is recovered initializes for a moment
    scenario.assert_nothing_doubled()
    scenario.assert_clean()


def test_J6_halves_are_parted_while_storage_cannot_be_written(start, network, tmp_path):
    storage = tmp_path / "cluster/checkpoints"
    storage.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "none", storage], check=True)
    try:
        scenario = start(network=network, arguments=["-Dheartbeat.timeout=2 s"])
        scenario.run_job(6, settings="SET 'execution.checkpointing.tolerable-failed-checkpoints' = '1000';\n")
        # Busy while a file is being written there.
        scenario.wait("an unwritable storage", lambda: not subprocess.run(["mount", "-o", "remount,ro", storage],
                                                                          capture_output=True).returncode)
        hosts = [p.host for p in scenario.cluster.processes]
        random.Random(6).shuffle(hosts)
        network.part(hosts[:2], hosts[2:])
        time.sleep(seconds(3, 20))
        network.heal()
        time.sleep(seconds(1, 60))
        subprocess.run(["mount", "-o", "remount,rw", storage], check=True)
        scenario.finish()
    finally:
        subprocess.run(["umount", "-l", storage], check=True)


# --- E: Flink's end-to-end tests ---

def test_E1_the_only_jobmanager_is_killed_and_started_again(start):
    scenario = start(jobmanagers=1)
    scenario.run_job(10)
    only = scenario.cluster.jobmanagers[0]
    for _ in range(3):
        newest = scenario.completed()
        only.kill()
        only.start()
        scenario.wait("the job", lambda: "1 jobs recovered" in only.text_of_this_life() or scenario.state() == "FINISHED")
        scenario.wait("two more checkpoints", lambda: scenario.completed() >= newest + 2 or scenario.state() == "FINISHED")
    assert scenario.redeployed() == 0
    scenario.finish()


def test_E1_a_taskmanager_is_killed_after_each_checkpoint(start):
    scenario = start()
    scenario.run_job(4)
    for number in range(3):
        scenario.more_checkpoints()
        victim = scenario.cluster.taskmanagers[number % 2]
        victim.kill()
        victim.start()
    scenario.finish()


def test_E4_local_recovery(start):
    keys = ["-Dstate.backend.local-recovery=true", "-Dprocess.working-dir=work"]
    scenario = start(arguments=keys)
    scenario.run_job(5)
    for number in range(3):
        victim = scenario.cluster.taskmanagers[number % 2]
        victim.kill()
        victim.start()
        scenario.wait("the job to run", scenario.runs)
        scenario.more_checkpoints()
    scenario.finish()


@pytest.mark.parametrize("before, parallelism", [(PARALLELISM, PARALLELISM), (3, 2), (2, 3)], ids=["as before", "down", "up"])
@pytest.mark.parametrize("origin", ["savepoint", "checkpoint"])
def test_E5_resumed(start, origin, before, parallelism):
    for length in (6, 60):  # the second time on a machine that is so slow that the job has ended before it is told to
        scenario = start()
        scenario.run_job(length, parallelism=before, sources=PARALLELISM,
                         settings="SET 'execution.checkpointing.externalized-checkpoint-retention' = 'RETAIN_ON_CANCELLATION';\n")
        given = ["stop", "-p", str(scenario.directory / "savepoints")] if origin == "savepoint" else ["cancel"]
        done = scenario.client(*given, "-m", scenario.address(), scenario.job)
        if done.returncode == 0:
            break
        assert length == 6 and scenario.state() == "FINISHED", done.stdout + done.stderr
    if origin == "savepoint":
        path = re.search(r"Path: (?:file:)?(\S+)", done.stdout).group(1)
    else:
        scenario.wait("its end", lambda: scenario.state() == "CANCELED")
        path = str(max((scenario.directory / "checkpoints" / scenario.job).glob("chk-*/_metadata"),
                       key=lambda p: int(p.parent.name.removeprefix("chk-"))).parent)  # times are coarse
    scenario.start_job(length, parallelism=parallelism, sources=PARALLELISM, arguments=["-s", path])
    scenario.wait("its end", lambda: scenario.state() in ENDED, length + WAIT_SECONDS)
    assert scenario.state() == "FINISHED", scenario.get(f"/jobs/{scenario.job}/exceptions")
    verdict = judge(scenario.directory, scenario.rows, True, rescaled=parallelism != before)
    assert (verdict["lost"], verdict["doubled"], verdict["wrong"], verdict["disordered"]) == (0, 0, 0, 0), verdict
    if origin == "savepoint":
        assert Path(path, "_metadata").exists()


# --- I: Flink's integration tests ---

def test_I1_the_leader_is_killed_before_the_job_runs(start, store):
    scenario = start(arguments=store)
    scenario.start_job(2)
    _, epoch = scenario.kill_leader()
    scenario.new_leader(epoch)
    scenario.finish()


def test_I3_leaders_leave_in_order(start, store):
    scenario = start(jobmanagers=3, arguments=store)
    scenario.run_job(7)
    before = scenario.tasks()
    for _ in range(3):
        leader, epoch = scenario.cluster.leader()
        leader.signal(signal.SIGTERM)
        since = time.monotonic()
        scenario.new_leader(epoch)
        report(f"another leader {(time.monotonic() - since) * 1000:.0f} ms after SIGTERM")
        assert leader.popen.wait(WAIT_SECONDS) == 0
        leader.popen = None
        leader.start()
        scenario.wait("its standby", lambda: len(scenario.get("/ha")["standbys"]) == 2)
    scenario.assert_untouched(before)
    scenario.finish()
    assert scenario.redeployed() == 0


BATCH = """
SET 'execution.runtime-mode' = 'batch';
SET 'restart-strategy.type' = 'fixed-delay';
SET 'restart-strategy.fixed-delay.attempts' = '10';
SET 'restart-strategy.fixed-delay.delay' = '100 ms';
SET 'parallelism.default' = '4';
CREATE TABLE n (id BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '20000', 'fields.id.kind' = 'sequence',
  'fields.id.start' = '0', 'fields.id.end' = '{last}');
CREATE TABLE sums (k BIGINT, c BIGINT, total BIGINT) WITH ('connector' = 'filesystem', 'path' = '{directory}/sums', 'format' = 'csv');
INSERT INTO sums SELECT MOD(id, 10), COUNT(*), SUM(id) FROM n GROUP BY MOD(id, 10);
"""


def run_batch(scenario, rows):
    scenario.job = scenario.cluster.submit(BATCH.format(last=rows - 1, directory=scenario.directory))
    scenario.wait("the job to run", lambda: scenario.state() == "RUNNING")


def finish_batch(scenario, rows):
    scenario.wait("its end", lambda: scenario.state() in ENDED)
    assert scenario.state() == "FINISHED", scenario.get(f"/jobs/{scenario.job}/exceptions")
    lines = sorted(line for p in (scenario.directory / "sums").glob("[!._]*") for line in p.read_text().splitlines())
    assert lines == [f"{k},{rows // 10},{sum(range(k, rows, 10))}" for k in range(10)]


def test_I9_the_leader_is_killed_in_a_batch_job(start):
    scenario = start()
    run_batch(scenario, 100000)
    before = scenario.tasks()
    for _ in range(2):
        leader, epoch = scenario.kill_leader()
        scenario.new_leader(epoch)
        leader.start()
        scenario.wait("the standby", lambda: len(scenario.get("/ha")["standbys"]) == 1)
    scenario.assert_untouched(before)
    finish_batch(scenario, 100000)
    assert scenario.redeployed() == 0


def test_I10_a_taskmanager_is_killed_in_a_batch_job(start):
    scenario = start()
    run_batch(scenario, 40000)
    victim = scenario.cluster.taskmanagers[0]
    victim.kill()
    victim.start()
    finish_batch(scenario, 40000)


def test_I10_canceled_while_it_fails_over(start):
    scenario = start()
    scenario.run_job(1000)
    scenario.cluster.taskmanagers[0].kill()  # nothing can run until it is back
    scenario.cancel()
    scenario.wait("its end", lambda: scenario.state() == "CANCELED")
    scenario.cluster.taskmanagers[0].start()
    scenario.wait("its slots", lambda: scenario.get("/overview")["slots-total"] == 4)
    assert scenario.state() == "CANCELED"
    scenario.assert_nothing_doubled()
    scenario.assert_clean()


def test_I10_a_rescale_survives_the_leader(start):
    scenario = start()
    scenario.run_job(10, parallelism=2)
    vertices = scenario.get(f"/jobs/{scenario.job}")["vertices"]  # generated sequences keep their parallelism
    assert scenario.put(f"/jobs/{scenario.job}/resource-requirements",
                        {v["id"]: {"parallelism": {"lowerBound": 1, "upperBound": 4 if "Window" in v["name"] else 2}}
                         for v in vertices}) == 200
    _, epoch = scenario.kill_leader()
    scenario.new_leader(epoch)
    scenario.wait("parallelism 4", lambda: any(
        v["parallelism"] == 4 for v in scenario.get(f"/jobs/{scenario.job}")["vertices"]) and scenario.subtasks())
    scenario.wait("its end", lambda: scenario.state() in ENDED)
    assert scenario.state() == "FINISHED"
    verdict = judge(scenario.directory, scenario.rows, True, rescaled=True)
    assert (verdict["lost"], verdict["doubled"], verdict["wrong"]) == (0, 0, 0), verdict


# --- G: gaps in what others test ---

def test_G2_a_leader_stopped_for_three_session_timeouts(start, store):
    scenario = start(arguments=store)
    session = SESSION if store else LEASE
    scenario.run_job(3 * session + 6)
    before, (leader, epoch) = scenario.tasks(), scenario.cluster.leader()
    with Stopped(leader):
        since = time.monotonic()
        scenario.new_leader(epoch)
        report(f"another leader {time.monotonic() - since:.2f} s after SIGSTOP (session or lease: {session} s)")
        time.sleep(max(0.0, since + 3 * session - time.monotonic()))
    since = time.monotonic()
    scenario.wait("the woken one to step down", lambda: f"no longer leads, epoch {epoch}" in leader.text())
    report(f"the woken leader stepped down after {time.monotonic() - since:.2f} s")
    scenario.more_checkpoints(2)
    assert scenario.epoch() == epoch + 1
    scenario.assert_untouched(before)
    scenario.finish()
    assert scenario.redeployed() == 0


def zookeeper_apart(start, servers, network, name, **options):
    """JobManagers and TaskManagers on hosts of their own, where nobody sees another's process."""
    return start(network=network, apart=True, arguments=zookeeper(servers, name), **options)


def test_G3_the_leader_is_parted_from_zookeeper_alone(start, servers, network):
    scenario = zookeeper_apart(start, servers, network, "leader-store")
    scenario.run_job(SESSION + 6)
    before, (leader, epoch) = scenario.tasks(), scenario.cluster.leader()
    network.part([leader.host], [s.host for s in servers.servers])
    since = time.monotonic()
    scenario.new_leader(epoch)
    report(f"another leader {time.monotonic() - since:.2f} s after the cut (session: {SESSION} s)")
    scenario.more_checkpoints(2)
    network.heal()
    scenario.wait("the old one to step down", lambda: f"no longer leads, epoch {epoch}" in leader.text())
    scenario.assert_untouched(before)
    scenario.finish()
    assert scenario.redeployed() == 0


def test_G3_workers_are_parted_from_zookeeper_alone(start, servers, network):
    scenario = zookeeper_apart(start, servers, network, "workers-store")
    scenario.run_job(SESSION + 5)
    before, epoch = scenario.tasks(), scenario.epoch()
    network.part([p.host for p in scenario.cluster.taskmanagers], [s.host for s in servers.servers])
    time.sleep(SESSION + 0.5)
    scenario.more_checkpoints(3)
    scenario.assert_untouched(before)
    network.heal()
    scenario.finish()
    assert scenario.epoch() == epoch and scenario.redeployed() == 0


@pytest.mark.parametrize("how", ["drop", "reject"])
def test_G3_two_jobmanagers_do_not_see_each_other(start, network, how):
    """Both are healthy: neither deposes the other, however long it lasts (zookeeper: the same, below)."""
    scenario = start(network=network)
    scenario.run_job(7)
    before, epoch = scenario.tasks(), scenario.epoch()
    network.part([scenario.cluster.jobmanagers[0].host], [scenario.cluster.jobmanagers[1].host], how)
    time.sleep(seconds(3, 30))
    scenario.more_checkpoints(3)
    assert scenario.epoch() == epoch
    scenario.assert_untouched(before)
    network.heal()
    scenario.finish()


def test_G3_two_jobmanagers_reject_each_other_over_zookeeper(start, servers, network):
    scenario = zookeeper_apart(start, servers, network, "reject")
    scenario.run_job(SESSION + 5)
    before, epoch = scenario.tasks(), scenario.epoch()
    network.part([scenario.cluster.jobmanagers[0].host], [scenario.cluster.jobmanagers[1].host], "reject")
    time.sleep(SESSION + seconds(1, 30))
    scenario.more_checkpoints(3)
    assert scenario.epoch() == epoch
    scenario.assert_untouched(before)
    network.heal()
    scenario.finish()


@pytest.mark.parametrize("side", ["to the workers", "from the workers", "both"])
def test_G3_the_leader_is_parted_from_its_workers(start, network, side):
    scenario = start(network=network, arguments=["-Dheartbeat.timeout=1500 ms"])
    scenario.run_job(6)
    leader = scenario.leader()
    for process in scenario.cluster.taskmanagers:
        if side != "from the workers":
            network.cut(leader.host, process.host)
        if side != "to the workers":
            network.cut(process.host, leader.host)
    time.sleep(seconds(2.5, 20))
    committed = scenario.committed()
    network.heal()
    scenario.wait("commits", lambda: scenario.committed() > committed or scenario.state() == "FINISHED")
    scenario.finish()


def test_G3_a_bridge(start, network):
    """One TaskManager sees everybody, the others see only their half."""
    scenario = start(network=network, taskmanagers=3, arguments=["-Dheartbeat.timeout=1500 ms"])
    scenario.run_job(6)
    leader, (standby,) = scenario.leader(), scenario.standbys()
    _, one, other = scenario.cluster.taskmanagers
    network.part([leader.host, one.host], [standby.host, other.host])
    time.sleep(seconds(2.5, 20))
    network.heal()
    scenario.finish()


def test_G5_zookeeper_servers_restart_one_after_another(start, servers):
    scenario = start(arguments=zookeeper(servers, "rolling", 10))
    scenario.run_job(20)
    before = scenario.tasks()
    for server in servers.servers:
        server.kill(signal.SIGTERM)
        server.start()
        servers.wait()
    scenario.assert_untouched(before)
    scenario.finish()
    assert scenario.redeployed() == 0


def test_G5_zookeeper_has_no_quorum(start, servers):
    scenario = start(arguments=zookeeper(servers, "no-quorum", 4))
    scenario.run_job(seconds(14, 370))
    before = scenario.tasks()
    try:
        servers[1].kill()
        servers[2].kill()
        committed = scenario.committed_at_last()
        time.sleep(seconds(2, 360))
        assert scenario.committed() == committed and not scenario.cluster.environment_is_clean()
    finally:
        servers[1].start()
        servers[2].start()
        servers.wait()
    scenario.wait("commits", lambda: scenario.committed() > committed or scenario.state() == "FINISHED")
    scenario.assert_untouched(before)
    scenario.finish()
    assert scenario.redeployed() == 0


def test_G5_zookeeper_is_slow(start, servers):
    """Servers that stop for a while, again and again, as when their disks take long to sync."""
    scenario = start(arguments=zookeeper(servers, "slow", 10))
    scenario.run_job(6)
    before = scenario.tasks()
    for number in range(6):
        server = servers[number % 3 + 1]
        server.pause()
        time.sleep(0.3)
        server.resume()
    scenario.assert_untouched(before)
    scenario.finish()
    assert scenario.redeployed() == 0


@pytest.fixture(scope="session")
def clock(tmp_path_factory):
    """A library that sets the wall clock of a process off."""
    library = tmp_path_factory.mktemp("clock") / "clock.so"
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, Path(__file__).parent / "clock.c"], check=True)
    return library


@pytest.mark.parametrize("step", ["-60 1", "+60 1", "0 1.2"], ids=["a minute back", "a minute ahead", "too fast"])
def test_G7_the_clock_of_the_leader_is_off(start, clock, step):
    """A step of the leader's clock under way, then takeovers between clocks that differ."""
    scenario = start()
    file = scenario.directory / "clock"
    file.write_text("0 1")
    leader, epoch = scenario.kill_leader()
    leader.environment = {"LD_PRELOAD": str(clock), "CLOCK_FILE": str(file)}
    other = scenario.new_leader(epoch)
    leader.start()
    scenario.ready()
    other.kill()
    scenario.new_leader(epoch + 1)
    other.start()
    scenario.run_job(9)
    before = scenario.tasks()
    (scenario.directory / "clock.new").write_text(step)
    os.replace(scenario.directory / "clock.new", file)  # nobody reads half of it
    scenario.more_checkpoints(2)
    for _ in range(2):
        victim, epoch = scenario.kill_leader()
        scenario.new_leader(epoch)
        victim.start()
        scenario.wait("the standby", lambda: len(scenario.get("/ha")["standbys"]) == 1)
    scenario.more_checkpoints(2)
    scenario.assert_untouched(before)
    scenario.finish()
    assert scenario.redeployed() == 0


@pytest.mark.parametrize("step", ["-3600 1", "+3600 1"], ids=["an hour back", "an hour ahead"])
def test_G7_the_clocks_of_taskmanagers_are_set(start, clock, step):
    """Their tasks wait for moments of the wall clock; they must not wait for the hour to come again."""
    scenario = start()
    file = scenario.directory / "clock"
    file.write_text("0 1")
    for taskmanager in scenario.cluster.taskmanagers:
        taskmanager.kill()
        taskmanager.environment = {"LD_PRELOAD": str(clock), "CLOCK_FILE": str(file)}
        taskmanager.start()
    scenario.ready()
    scenario.run_job(6)
    before = scenario.tasks()
    (scenario.directory / "clock.new").write_text(step)
    os.replace(scenario.directory / "clock.new", file)  # nobody reads half of it
    scenario.more_checkpoints(2)
    scenario.assert_untouched(before)
    scenario.finish()
    assert scenario.redeployed() == 0


@pytest.mark.parametrize("what", ["finishes", "is canceled", "is stopped", "takes a savepoint", "fails"])
def test_G8_while_the_leader_dies_the_job(start, what):
    scenario = start()
    if what == "finishes":
        scenario.run_job(2)
        scenario.wait("the first task's end", lambda: scenario.get(f"/jobs/{scenario.job}")["status-counts"]["FINISHED"] > 0)
        _, epoch = scenario.kill_leader()
        scenario.new_leader(epoch)
        return scenario.finish()
    once = "SET 'restart-strategy.type' = 'none';\nSET 'weir.jobmanager.reattach-timeout' = '1 s';\n"
    scenario.run_job({"fails": 5, "takes a savepoint": 20}.get(what, 1000),
                     settings=once if what == "fails" else "")
    address, savepoints = scenario.cluster.rest_addresses(), scenario.directory / "savepoints"
    verb = {"is canceled": ["cancel"], "is stopped": ["stop", "-p", savepoints], "takes a savepoint": ["savepoint"],
            "fails": None}[what]
    if verb is None:
        scenario.cluster.taskmanagers[0].kill()
    else:
        tail = [str(savepoints)] if verb[0] == "savepoint" else []
        client = subprocess.Popen([scenario.cluster.weir, *map(str, verb), "-m", address, scenario.job, *tail],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        time.sleep(0.02)
    _, epoch = scenario.kill_leader()
    scenario.new_leader(epoch)
    if what == "fails":
        scenario.cluster.taskmanagers[0].start()
    if verb:
        said, _ = client.communicate(timeout=WAIT_SECONDS)
        assert client.returncode == 0, said
    if what == "takes a savepoint":
        assert list(savepoints.glob("*/_metadata"))
        return scenario.finish()
    expected = {"is canceled": ("CANCELED",), "is stopped": ("FINISHED",), "fails": ("FAILED", "FINISHED")}[what]
    scenario.wait("its end", lambda: scenario.state() in ENDED)
    assert scenario.state() in expected
    scenario.assert_nothing_doubled()
    return None


def test_G9_one_of_many_jobs_has_a_plan_that_cannot_be_read(start):
    count = seconds(15, 100)
    scenario = start(slots=count // 2 + 4)
    many = [scenario.cluster.submit(
        "CREATE TABLE n (i BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '10');\n"
        "CREATE TABLE nowhere (i BIGINT) WITH ('connector' = 'blackhole');\nINSERT INTO nowhere SELECT i FROM n;\n")
        for _ in range(count)]
    scenario.run_job(10, parallelism=2)
    before = scenario.tasks()
    damaged = many[count // 2]
    plan, = (scenario.directory / "ha").glob(f"*/plans/{damaged}-*")
    plan.write_bytes(b"no plan at all")
    since = time.monotonic()
    _, epoch = scenario.kill_leader()
    scenario.new_leader(epoch)
    others = [job for job in many if job != damaged]

    def states():
        return {job["jid"]: job["state"] for job in scenario.get("/jobs/overview")["jobs"]}
    scenario.wait("the others", lambda: all((s := states()).get(job) == "RUNNING" for job in others) and s)
    report(f"{count} jobs re-attached after {(time.monotonic() - since) * 1000:.0f} ms")
    scenario.wait("the damaged one", lambda: states().get(damaged) == "FAILED")
    scenario.assert_untouched(before)
    for job in others[:-1]:
        scenario.cancel(job)
    scenario.cancel(others[-1])
    scenario.finish(leaks=False)


def test_G11_jobmanagers_are_replaced_one_after_another(start):
    """A rolling upgrade: the records of the one are read by the next. The binary may be another: WEIR_OTHER."""
    scenario = start()
    scenario.run_job(5)
    before = scenario.tasks()
    other = os.environ.get("WEIR_OTHER")
    for process in list(scenario.cluster.jobmanagers):
        process.kill()
        own, scenario.cluster.weir = scenario.cluster.weir, other or scenario.cluster.weir
        process.start()
        scenario.cluster.weir = own
        scenario.wait("both", lambda: len(scenario.get("/ha")["standbys"]) == 1)
    scenario.assert_untouched(before)
    scenario.finish()


def test_G12_a_taskmanager_hangs(start):
    scenario = start(taskmanagers=3, arguments=["-Dheartbeat.timeout=1 s"])
    scenario.run_job(8)
    used = scenario.used_taskmanagers()
    victim = next(p for p in scenario.cluster.taskmanagers if any(f"-{p.pid}-" in name for name in used))
    with Stopped(victim):
        scenario.wait("it to be given up", lambda: scenario.redeployed() > 0)
        scenario.more_checkpoints(2, "checkpoints without it")
    scenario.finish()


def test_G12_the_power_of_a_taskmanager_is_lost(start, network):
    scenario = start(network=network, taskmanagers=3, arguments=["-Dheartbeat.timeout=1 s"])
    scenario.run_job(8)
    used = scenario.used_taskmanagers()
    victim = next(p for p in scenario.cluster.taskmanagers if any(f"-{p.pid}-" in name for name in used))
    network.unplug(victim.host)
    victim.kill()
    since = time.monotonic()
    scenario.wait("it to be given up", lambda: scenario.redeployed() > 0)
    report(f"given up {time.monotonic() - since:.2f} s after its power was lost (heartbeat timeout: 1 s)")
    scenario.more_checkpoints(2, "checkpoints without it")
    scenario.finish()


def test_G12_the_power_of_the_leader_is_lost(start, servers, network):
    scenario = zookeeper_apart(start, servers, network, "power")
    scenario.run_job(7)
    before, (leader, epoch) = scenario.tasks(), scenario.cluster.leader()
    network.unplug(leader.host)
    leader.kill()
    since = time.monotonic()
    scenario.new_leader(epoch)
    report(f"another leader {time.monotonic() - since:.2f} s after the power was lost (session: {SESSION} s)")
    scenario.assert_untouched(before)
    scenario.finish()
    assert scenario.redeployed() == 0


def test_G12_the_network_is_slow(start, network):
    scenario = start(network=network)
    for process in scenario.cluster.processes:
        process.host.slow("1mbit")
    scenario.run_job(4)
    leader, epoch = scenario.kill_leader()
    scenario.new_leader(epoch)
    scenario.finish()


@pytest.mark.parametrize("whose", ["checkpoints", "ha", "rows_out"])
def test_G12_a_disk_is_full(start, tmp_path, whose):
    """Of the checkpoints, of the leader, of a sink: the job goes on when there is room again."""
    directory = tmp_path / "cluster" / whose
    directory.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", directory], check=True)
    filler = directory / "filler"
    try:
        scenario = start()
        scenario.run_job(6, settings="SET 'execution.checkpointing.tolerable-failed-checkpoints' = '1000';\n")
        with open(filler, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 65536)
            except OSError:
                pass
        time.sleep(1.5)
        assert not scenario.cluster.environment_is_clean()
        filler.unlink()
        scenario.more_checkpoints(what="checkpoints again")
        if whose == "ha":
            for said in ("cannot be written, which is tried again: ", " written again"):
                assert any(said in p.text() for p in scenario.cluster.jobmanagers), said
        scenario.finish()
    finally:
        subprocess.run(["umount", "-l", directory], check=True)


def test_G13_leader_and_taskmanager_at_once(start):
    scenario = start(jobmanagers=3)
    scenario.run_job(10)
    for number in range(2):
        victim, (leader, epoch) = scenario.cluster.taskmanagers[number], scenario.cluster.leader()
        victim.kill()
        leader.kill()
        victim.start()
        scenario.new_leader(epoch)
        leader.start()
        scenario.wait("the job to run", scenario.runs)
    scenario.finish()


# Longer than any test waits: who is dead is found out, not waited for.
PATIENT = "SET 'weir.jobmanager.reattach-timeout' = '10 min';\n"


def long_known(scenario):
    """The standby has been there for so long that it knows every TaskManager (six polls of the store)."""
    scenario.wait("a standby", lambda: len(scenario.get("/ha")["standbys"]) == 1)
    time.sleep(6.5)


def test_G13_leader_and_taskmanager_at_once_with_a_slot_to_spare(start):
    scenario = start(taskmanagers=3)
    scenario.run_job(13, settings=PATIENT)
    long_known(scenario)
    used = scenario.used_taskmanagers()
    victim = next(p for p in scenario.cluster.taskmanagers if any(f"-{p.pid}-" in name for name in used))
    leader, epoch = scenario.cluster.leader()
    since = time.monotonic()
    victim.kill()
    leader.kill()
    scenario.new_leader(epoch)
    scenario.wait("all tasks", scenario.runs)
    report(f"all tasks ran {(time.monotonic() - since) * 1000:.0f} ms after leader and TaskManager were killed")
    assert scenario.redeployed() > 0
    scenario.finish()


def test_G13_the_leader_dies_while_a_taskmanager_is_slow(start):
    scenario = start(taskmanagers=3)
    scenario.run_job(14, settings=PATIENT)
    long_known(scenario)
    before = scenario.tasks()
    used = scenario.used_taskmanagers()
    slow = next(p for p in scenario.cluster.taskmanagers if any(f"-{p.pid}-" in name for name in used))
    with Stopped(slow):
        leader, epoch = scenario.kill_leader()
        scenario.new_leader(epoch)
        time.sleep(3)
        assert scenario.redeployed() == 0
    scenario.assert_untouched(before)
    scenario.finish()
    assert scenario.redeployed() == 0


def test_G13_the_next_leader_dies_while_it_recovers(start):
    scenario = start(jobmanagers=3)
    scenario.run_job(8)
    before = scenario.tasks()
    for _ in range(3):
        first, epoch = scenario.kill_leader()
        second = scenario.new_leader(epoch)
        second.kill()
        scenario.new_leader(epoch + 1)
        first.start()
        second.start()
        scenario.wait("two standbys", lambda: len(scenario.get("/ha")["standbys"]) == 2)
    scenario.assert_untouched(before)
    scenario.finish()
    assert scenario.redeployed() == 0


def test_G13_no_jobmanager_is_left_for_a_while(start, store):
    outage = seconds(10, 600)
    scenario = start(arguments=store)
    scenario.run_job(outage + 5)
    before = scenario.tasks()
    for process in scenario.cluster.jobmanagers:
        process.kill()
    committed = scenario.committed_at_last()
    time.sleep(outage)
    assert all(p.alive for p in scenario.cluster.taskmanagers)
    assert scenario.committed() == committed
    back = scenario.cluster.jobmanagers[1]
    since = time.monotonic()
    back.start()
    scenario.wait("a leader", scenario.leads)
    scenario.wait("all tasks", scenario.runs)
    report(f"re-attached {(time.monotonic() - since) * 1000:.0f} ms after a JobManager was started")
    scenario.assert_untouched(before)
    # What was made in the meantime is committed at once: more than could be made after it came back.
    scenario.wait("the output of the outage", lambda: scenario.committed() > committed + outage * RATE // 2)
    report(f"the output of {outage} s was complete after {(time.monotonic() - since) * 1000:.0f} ms "
           f"(interval: {INTERVAL_MS} ms)")
    scenario.finish()
    assert scenario.redeployed() == 0
