"""What the scenarios share: a cluster with a job under test, what "not restarted" means, the judgement at the end."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
import json
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import cluster as clusters  # noqa: E402
import ledger  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
WEIR = os.environ.get("WEIR", str(ROOT / "build/release/bin/weir"))
LONG = os.environ.get("WEIR_CHAOS_LONG") == "1"
# Limits a hang, and judges nothing: on a loaded machine a server of ZooKeeper takes more than ten seconds to start. Below the
# heartbeat timeout, so that a death that only this would find out is seen.
WAIT_SECONDS = 60 if LONG else 40
LEASE = 3  # seconds
INTERVAL_MS = 200
RATE = 1000
PARALLELISM = 4
ENDED = ("FINISHED", "FAILED", "CANCELED")

reports = []  # lines for the end of the run: figures, never a reason to fail


def report(text):
    name = os.environ.get("PYTEST_CURRENT_TEST", "").split("::")[-1].split(" ")[0]
    reports.append(f"{name}: {text}")


class Scenario:
    """Two JobManagers, two TaskManagers with two slots each, and the job of ledger.py at parallelism 4 over both."""

    def __init__(self, directory, jobmanagers=2, taskmanagers=2, slots=2, arguments=(), network=None, apart=False):
        # A process that gets no turn for so long has lost its session, as it should: not by accident, on a loaded machine.
        quick = [f"-Dhigh-availability.embedded.lease={LEASE} s", "-Dweir.jobmanager.sweep-interval=2 s"]
        self.cluster = clusters.Cluster(WEIR, directory, jobmanagers, taskmanagers, slots, [*quick, *arguments])
        if network:
            self.cluster.on_hosts(network)
        if apart:
            for process in self.cluster.processes:
                process.live_apart()
        self.directory, self.jobs = self.cluster.directory, {}
        self.job = self.rows = None

    def __enter__(self):
        self.cluster.__enter__()
        self.ready()
        return self

    def __exit__(self, *unused):
        for process in self.cluster.processes:
            process.kill()

    def ready(self):
        self.wait("a leader and all REST endpoints", lambda: self.leads() and
                  all(p.rest() for p in self.cluster.jobmanagers if p.alive))

    # --- asking ---

    def wait(self, what, condition, seconds=WAIT_SECONDS):
        return self.cluster.wait(what, condition, seconds)

    def get(self, path, timeout=5.0):
        """A leader that has just taken over may not know the job yet."""
        return self.cluster.wait(path, lambda: (self.cluster.get(path, timeout),), 10)[0]

    def leads(self):
        """host:port of who is said to lead."""
        try:
            return self.cluster.get("/ha", 5.0)["leader"] or None
        except ConnectionError:
            return None

    def leader(self):
        return self.cluster.leader()[0]

    def epoch(self):
        return self.cluster.leader()[1]

    def standbys(self):
        return [p for p in self.cluster.jobmanagers if p is not self.leader() and p.alive]

    def new_leader(self, epoch, seconds=WAIT_SECONDS):
        return self.wait("another leader", lambda: self.epoch() > epoch and self.leader().alive and self.leader(), seconds)

    def state(self, job=None):
        return self.get(f"/jobs/{job or self.job}")["state"]

    def completed(self, job=None):
        """The id of the newest completed checkpoint."""
        latest = self.get(f"/jobs/{job or self.job}/checkpoints")["latest"]["completed"]
        return latest["id"] if latest else 0

    def more_checkpoints(self, more=1, what="checkpoints"):
        """That many complete from now on; or the job has ended meanwhile, which takes one, too."""
        newest = self.completed()
        self.wait(what, lambda: self.completed() >= newest + more or self.state() == "FINISHED")

    def runs(self):
        """Every task runs that has not finished."""
        return self.state() == "FINISHED" or self.state() == "RUNNING" and self.subtasks()

    def committed(self):
        return sum(1 for _ in ledger.committed(self.directory / "rows_out"))

    def committed_at_last(self):
        """When nobody may commit any more, and what was ordered before is carried out: the same for a second."""
        count = self.committed()
        since = time.monotonic()

        def rests():
            nonlocal count, since
            if (now := self.committed()) != count:
                count, since = now, time.monotonic()
            return time.monotonic() > since + 1
        self.wait("the last commits", rests)
        return count

    def redeployed(self):
        """Regions that any JobManager deployed again."""
        return sum(len(re.findall(r"fails over|is deployed again", p.text())) for p in self.cluster.jobmanagers)

    # --- doing ---

    def client(self, *arguments, seconds=WAIT_SECONDS):
        return subprocess.run([WEIR, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds,
                              cwd=self.directory)

    def address(self):
        return self.cluster.rest_addresses().split(",")[0]

    def start_job(self, seconds, parallelism=PARALLELISM, rate=RATE, settings="", arguments=(), sources=None):
        """The job under test; it ends by itself after so many seconds."""
        self.rows = int(seconds * rate)
        script = ledger.script(self.directory, self.rows, rate, parallelism, INTERVAL_MS, sources)
        script = script.replace("\nCREATE TABLE", f"\n{settings}CREATE TABLE", 1)  # over its own
        self.job = self.cluster.submit(script, *arguments)
        return self.job

    def run_job(self, seconds, **options):
        """As start_job(), until it runs and has completed a checkpoint."""
        self.start_job(seconds, **options)
        self.wait("the job to run", lambda: self.state() == "RUNNING")
        self.wait("a checkpoint", lambda: self.completed() > 0)

    def cancel(self, job=None):
        done = self.client("cancel", "-m", self.address(), job or self.job)
        assert done.returncode == 0, done.stdout + done.stderr

    def kill_leader(self):
        leader, epoch = self.cluster.leader()
        leader.kill()
        return leader, epoch

    def put(self, path, body):
        request = urllib.request.Request(f"http://{self.address()}{path}", json.dumps(body).encode(), method="PUT",
                                         headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status

    # --- not restarted ---

    def subtasks(self):
        """(vertex, subtask) -> (attempt, start, TaskManager), what it has read (None: it has finished); None unless all run or
        have finished."""
        found = {}
        for vertex in self.get(f"/jobs/{self.job}")["vertices"]:
            for subtask in self.get(f"/jobs/{self.job}/vertices/{vertex['id']}")["subtasks"]:
                if subtask["status"] not in ("RUNNING", "FINISHED"):
                    return None
                found[vertex["id"], subtask["subtask"]] = (
                    (subtask["attempt-id"], subtask["start-time"], subtask["taskmanager-id"]),
                    subtask["metrics"]["read-records"] if subtask["status"] == "RUNNING" else None)
        return found or None

    def tasks_now(self):
        threads = {(p.name, thread) for p in self.cluster.taskmanagers if p.alive for thread in threads_of(p.pid)}
        subtasks = self.subtasks()  # those that run now ran when their threads were counted
        return subtasks and (subtasks, threads)

    def tasks(self):
        """All that must stay as it is while tasks are not restarted."""
        return self.wait("all tasks to run", self.tasks_now)

    def used_taskmanagers(self):
        return {where for (_, _, where), _ in self.tasks()[0].values()}

    def assert_untouched(self, before):
        after = self.wait("all tasks to run", lambda: self.tasks_now() or self.state() == "FINISHED" and "the past")
        if after == "the past":  # on a slow machine; a leader knows nothing of the tasks of a job that ended before it
            report("the job had ended before all was done")
            return
        assert after[0].keys() == before[0].keys()
        changed = {}
        for key, (then, _) in before[0].items():
            now, read = after[0][key]
            compared = 3 if read is not None else 2  # what has finished is nowhere any more
            if then[:compared] != now[:compared]:
                changed[key] = then, now
        assert not changed, f"restarted: {changed}"
        read = {key: (before[0][key][1], records) for key, (_, records) in after[0].items()}
        if any(None in pair for pair in read.values()):
            report("the job came to its end before all was done")
            return
        assert before[1] <= after[1], "a thread of a TaskManager has ended"
        assert all(now >= once for once, now in read.values()), "numRecordsIn went backwards"

    def goes_on(self, since, what):
        """The next checkpoint completes; submit and cancel work. since: when the fault came (monotonic)."""
        self.more_checkpoints(what="the next checkpoint")
        took = (time.monotonic() - since) * 1000
        report(f"{what}: the next checkpoint after {took:.0f} ms (interval + 200: {INTERVAL_MS + 200})")

    def submit_and_cancel(self):
        small = ("CREATE TABLE n (i BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '10');\n"
                 "CREATE TABLE nowhere (i BIGINT) WITH ('connector' = 'blackhole');\nINSERT INTO nowhere SELECT i FROM n;\n")
        job = self.cluster.submit(small)
        self.cancel(job)
        self.wait("the small job's end", lambda: self.state(job) == "CANCELED")

    # --- the judgement ---

    def verdict(self, complete=False):
        return ledger.judge(self.directory, self.rows, complete)

    def assert_nothing_doubled(self):
        verdict = self.verdict()
        assert (verdict["doubled"], verdict["wrong"], verdict["disordered"]) == (0, 0, 0), verdict

    def finish(self, seconds=WAIT_SECONDS * 2, leaks=True):
        """It ends by itself; nothing is lost, doubled, wrong or out of order; nothing stays behind."""
        since = time.monotonic()
        self.wait("the job to end", lambda: self.state() in ENDED, seconds)
        report(f"ended {time.monotonic() - since:.1f} s after the last fault")
        assert self.state() == "FINISHED", self.get(f"/jobs/{self.job}/exceptions")
        verdict = self.verdict(True)
        assert (verdict["lost"], verdict["doubled"], verdict["wrong"], verdict["disordered"]) == (0, 0, 0, 0), verdict
        if leaks:
            self.assert_clean()

    def left_behind(self):
        """What an ended job must not leave."""
        left = [p for p in everything_below(self.directory / "ha") if re.search(r"/(plans|records/jobs)/", str(p))]
        left += [p for p in everything_below(self.directory / "checkpoints") if p.name != "filler"]
        for sink in ("rows_out", "windows_out"):
            left += list((self.directory / sink).glob(".*"))
        return [str(p.relative_to(self.directory)) for p in left]

    def assert_clean(self):
        since = time.monotonic()
        try:
            self.wait("nothing left behind", lambda: not self.left_behind(), WAIT_SECONDS)
        except TimeoutError:
            self.assert_taken_by_the_next_leader()
        if time.monotonic() - since > 2:
            report(f"the last file was swept after {time.monotonic() - since:.0f} s")
        overview = self.wait("free slots", lambda: (o := self.get("/overview"))["slots-available"] == o["slots-total"] and o)
        assert overview["jobs-running"] == 0, overview
        assert not self.cluster.environment_is_clean(), "a process ended by itself"
        self.idle()

    def assert_taken_by_the_next_leader(self):
        """A leader that is killed between the last two steps of a removal leaves the empty directory of a record: a leader that
        begins an hour later takes it. Anything else is left behind."""
        left = [self.directory / path for path in self.left_behind()]
        assert all("/records/jobs/" in str(p) and p.is_dir() and not any(p.iterdir()) for p in left), f"left behind: {left}"
        for path in left:
            os.utime(path, (time.time() - 7200,) * 2)
        leader, epoch = self.kill_leader()
        leader.start()
        self.new_leader(epoch)
        self.wait("it to be taken", lambda: not self.left_behind())
        report(f"{len(left)} empty directories were taken by the next leader")

    def idle(self, seconds=1.0):
        before = {p.name: clusters.cpu_seconds(p.pid) for p in self.cluster.processes if p.alive}
        time.sleep(seconds)
        used = {p.name: (clusters.cpu_seconds(p.pid) - before[p.name]) / seconds * 100
                for p in self.cluster.processes if p.alive and p.name in before}
        busiest = max(used, key=used.get)
        report(f"idle afterwards: {used[busiest]:.1f}% CPU at most ({busiest})" + (", MORE THAN 1%" if used[busiest] > 1 else ""))


def everything_below(directory):
    """What goes meanwhile is gone."""
    return [Path(folder, name) for folder, folders, files in os.walk(directory) for name in [*folders, *files]]


def threads_of(pid):
    """(thread, when it started) of a process."""
    found = set()
    for entry in Path(f"/proc/{pid}/task").iterdir():
        try:
            found.add((entry.name, (entry / "stat").read_text().rsplit(")", 1)[1].split()[19]))
        except OSError:
            pass
    return found


class Stopped:
    """A process that is stopped while this is entered."""

    def __init__(self, process):
        self.process = process

    def __enter__(self):
        os.kill(self.process.pid, signal.SIGSTOP)
        return self

    def __exit__(self, *unused):
        if self.process.alive:
            os.kill(self.process.pid, signal.SIGCONT)
