"""G4: a process dies, is stopped or is told that it failed between any two durable writes: every point of src/os/fault_points.def,
before and after. Without WEIR_CHAOS_LONG those that decide most are run."""

import os
import re
import signal
from pathlib import Path

import pytest
from scenario import ENDED, ROOT

POINTS = re.findall(r'FAULT\("([^"]+)"\)', (ROOT / "src/os/fault_points.def").read_text())
# Met elsewhere: by a takeover, by a client's request, by a store with transactions, by nothing yet.
ELSEWHERE = {"record.claim", "record.target", "tombstone.write", "file.rename"}
ON_WORKERS = ("snapshot.open", "sink.open", "sink.commit", "file.append", "file.sync")
ON_LEADERS = [p for p in POINTS if p not in ELSEWHERE and p not in ("snapshot.open", "sink.open", "sink.commit")]
SHORT = {("record.create", "after"), ("record.checkpoint", "before"), ("record.checkpoint", "after"), ("metadata.put", "after"),
         ("record.dirty", "after"), ("record.clean", "after"), ("record.delete", "before"), ("index.write", "after"),
         ("sink.commit", "before"), ("sink.commit", "after"), ("snapshot.open", "after"), ("tombstone.write", "after")}


def sides(points, short=SHORT):
    return [pytest.param(point, side, id=f"{side} {point}", marks=[] if (point, side) in short else [pytest.mark.long])
            for point in points for side in ("before", "after")]


def leads_with_fault(scenario, spec):
    """Starts the cluster anew: its first leader has the fault from its first write on."""
    for process in scenario.cluster.processes:
        process.kill()
    for path in scenario.directory.glob("*.log"):
        path.unlink()
    first = scenario.cluster.jobmanagers[0]
    first.environment = {"WEIR_FAULT": spec}
    first.start()
    scenario.wait("it to lead or to be struck", lambda: scenario.leader() is first or struck(first))
    for process in scenario.cluster.processes[1:]:
        process.start()
    scenario.wait("all REST endpoints", lambda: all(p.rest() for p in scenario.cluster.jobmanagers if p.alive))
    return first


def struck(process):
    return "weir.fault" in process.text()


def stopped(process):
    return process.alive and Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T"


def heal(process):
    """What was struck goes on: a killed process is started again, a stopped one continued."""
    process.environment = {}
    if stopped(process):
        os.kill(process.pid, signal.SIGCONT)
    elif not process.alive:
        process.kill()
        process.start()


def meet(scenario, victim):
    scenario.wait("the fault", lambda: struck(victim) and (stopped(victim) or not victim.alive))


def run(scenario):
    """One submission, over whichever JobManager answers: the client repeats it, and it is done once."""
    scenario.start_job(1.5, settings="SET 'weir.jobmanager.reattach-timeout' = '1 s';\n")


@pytest.mark.parametrize("point, side", sides(ON_LEADERS))
def test_G4_the_leader_is_killed(start, point, side):
    scenario = start()
    victim = leads_with_fault(scenario, f"{point}.{side}:kill")
    run(scenario)
    meet(scenario, victim)
    heal(victim)
    scenario.finish()


@pytest.mark.parametrize("side", ["before", "after"])
def test_G4_the_leader_is_killed_writing_a_tombstone_over_zookeeper(start, servers, side):
    from test_scenarios import zookeeper
    scenario = start(arguments=zookeeper(servers, f"tombstone-{side}"))
    victim = leads_with_fault(scenario, f"tombstone.write.{side}:kill")
    run(scenario)
    meet(scenario, victim)
    heal(victim)
    scenario.finish()


@pytest.mark.parametrize("side", ["before", "after"])
def test_G4_the_next_leader_is_killed_claiming_a_record(start, side):
    scenario = start(jobmanagers=3)
    scenario.run_job(8)
    before = scenario.tasks()
    for victim in scenario.standbys():
        victim.kill()
        victim.environment = {"WEIR_FAULT": f"record.claim.{side}:kill"}
        victim.start()
    scenario.wait("two standbys", lambda: len(scenario.get("/ha")["standbys"]) == 2)
    victims = scenario.standbys()
    first, _ = scenario.kill_leader()
    scenario.wait("both to be struck", lambda: all(struck(p) and not p.alive for p in victims))
    first.start()
    for victim in victims:
        heal(victim)
    scenario.ready()
    scenario.assert_untouched(before)
    scenario.finish()
    assert scenario.redeployed() == 0


@pytest.mark.parametrize("side", ["before", "after"])
def test_G4_the_leader_is_killed_writing_a_stop(start, side):
    scenario = start()
    victim = leads_with_fault(scenario, f"record.target.{side}:kill")
    scenario.run_job(1000)
    done = scenario.client("stop", "-m", scenario.cluster.rest_addresses(), "-p", str(scenario.directory / "savepoints"), scenario.job)
    meet(scenario, victim)
    heal(victim)
    assert done.returncode == 0, done.stdout + done.stderr
    scenario.wait("its end", lambda: scenario.state() in ENDED)
    assert scenario.state() == "FINISHED" and len(list((scenario.directory / "savepoints").glob("*/_metadata"))) == 1
    scenario.assert_nothing_doubled()


@pytest.mark.parametrize("point, side", sides(ON_WORKERS))
def test_G4_a_taskmanager_is_killed(start, point, side):
    scenario = start()
    victim = scenario.cluster.taskmanagers[0]
    victim.kill()
    victim.environment = {"WEIR_FAULT": f"{point}.{side}:kill@3"}
    victim.start()
    scenario.wait("both TaskManagers", lambda: scenario.get("/overview")["taskmanagers"] == 2)
    run(scenario)
    meet(scenario, victim)
    heal(victim)
    scenario.finish()


STOPS = sides(["record.checkpoint", "metadata.put", "record.dirty", "record.clean", "leader.write"],
              {("record.checkpoint", "before"), ("metadata.put", "after"), ("record.dirty", "before")})


@pytest.mark.parametrize("point, side", STOPS)
def test_G4_the_leader_is_stopped_and_woken(start, point, side):
    """In the middle of a write, until another has led for a while: what it does when it wakes changes nothing."""
    scenario = start()
    victim = leads_with_fault(scenario, f"{point}.{side}:stop")
    run(scenario)
    meet(scenario, victim)
    scenario.wait("another leader", lambda: scenario.leader() is not victim and scenario.leads())
    if scenario.state() == "RUNNING":
        newest = scenario.completed()
        scenario.wait("its checkpoints", lambda: scenario.completed() > newest or scenario.state() in ENDED)
    heal(victim)
    scenario.finish()
    assert scenario.leader() is not victim


FAILS = sides(["leader.write", "record.create", "record.checkpoint", "record.dirty", "record.delete", "index.write", "metadata.put",
               "file.sync", "file.append"],
              {("record.create", "after"), ("record.checkpoint", "after"), ("metadata.put", "after"), ("file.sync", "before")})


@pytest.mark.parametrize("point, side", FAILS)
def test_G6_the_leader_is_told_that_a_write_failed(start, point, side):
    """Before: it did. After: it did not, and the answer was lost."""
    scenario = start()
    victim = leads_with_fault(scenario, f"{point}.{side}:fail")
    run(scenario)
    scenario.wait("the fault", lambda: struck(victim))
    scenario.finish()


@pytest.mark.parametrize("point, side", sides(ON_WORKERS, {("file.sync", "before"), ("sink.commit", "after")}))
def test_G12_the_disk_of_a_taskmanager_fails_once(start, point, side):
    scenario = start()
    victim = scenario.cluster.taskmanagers[0]
    victim.kill()
    victim.environment = {"WEIR_FAULT": f"{point}.{side}:fail@3"}
    victim.start()
    scenario.wait("both TaskManagers", lambda: scenario.get("/overview")["taskmanagers"] == 2)
    run(scenario)
    scenario.wait("the fault", lambda: struck(victim))
    scenario.finish()
