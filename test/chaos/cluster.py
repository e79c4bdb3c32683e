"""A real Weir cluster on loopback: processes that this file starts, kills and starts again, and nothing else."""

import http.client
import json
import os
import re
import signal
import subprocess
import time
import urllib.request
from pathlib import Path


class Process:
    """One weir process and its log."""

    def __init__(self, cluster, kind, name, arguments):
        self.cluster, self.kind, self.name, self.arguments = cluster, kind, name, arguments
        self.prefix = []  # in front of the command
        self.environment = {}  # beside the test's own
        self.popen = None
        self.starts = 0
        self.said_before = 0  # bytes of its log that are of earlier lives

    @property
    def log(self):
        return self.cluster.directory / f"{self.name}.log"

    def start(self):
        assert self.popen is None
        self.starts += 1
        self.said_before = self.log.stat().st_size if self.log.exists() else 0
        out = open(self.cluster.directory / f"{self.name}.out", "ab")
        log = open(self.log, "ab")
        self.popen = subprocess.Popen(
            [*self.prefix, self.cluster.weir, self.kind, *self.cluster.arguments, *self.arguments],
            stdin=subprocess.DEVNULL, stdout=out, stderr=log, cwd=self.cluster.directory, start_new_session=True,
            env={**os.environ, **self.environment})
        out.close()
        log.close()
        return self

    def live_apart(self):
        """In a process namespace of its own: nobody sees it end, as on another host."""
        self.prefix = [*self.prefix, "unshare", "--pid", "--fork", "--kill-child", "--"]

    @property
    def pid(self):
        """Of weir itself, which may be the child of what was started."""
        if "--fork" not in self.prefix:
            return self.popen.pid
        for _ in range(1000):
            children = Path(f"/proc/{self.popen.pid}/task/{self.popen.pid}/children").read_text().split()
            if children:
                return int(children[0])
            time.sleep(0.001)
        return self.popen.pid

    def signal(self, number):
        os.kill(self.pid, number)

    def kill(self):
        """kill -9 and reap."""
        if self.popen is None:
            return
        if self.popen.poll() is None and "--fork" in self.prefix:
            os.kill(self.pid, signal.SIGKILL)
        self.popen.kill()
        self.popen.wait()
        self.popen = None

    @property
    def alive(self):
        return self.popen is not None and self.popen.poll() is None

    def text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def text_of_this_life(self):
        return self.log.read_bytes()[self.said_before:].decode(errors="replace") if self.log.exists() else ""

    def rest(self):
        """host:port of its REST endpoint, as its log says; what it had before it was started anew may be another's by now."""
        found = re.findall(r"REST endpoint (?:on|listens on|at) (?:http://)?([0-9.]+:[0-9]+)[^0-9]", self.text_of_this_life())
        return found[-1] if found else None


class Cluster:
    def __init__(self, weir, directory, jobmanagers=2, taskmanagers=2, slots=4, arguments=()):
        self.weir = str(Path(weir).resolve())
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.arguments = [f"-Dhigh-availability.storageDir={self.directory}/ha", "-Drest.port=0",
                          "-Drest.bind-port=0", *arguments]
        self.jobmanagers = [Process(self, "jobmanager", f"jm{i + 1}", []) for i in range(jobmanagers)]
        self.taskmanagers = [
            Process(self, "taskmanager", f"tm{i + 1}", [f"-Dtaskmanager.numberOfTaskSlots={slots}"])
            for i in range(taskmanagers)
        ]

    def __enter__(self):
        for process in self.processes:
            process.start()
        return self

    def __exit__(self, *unused):
        for process in self.processes:
            process.kill()

    @property
    def processes(self):
        return self.jobmanagers + self.taskmanagers

    def get(self, path, timeout=2.0):
        """JSON from whichever JobManager answers; the leader is asked first, for a standby may not reach it."""
        last, leader = None, self.leader()[0]
        for process in sorted(self.jobmanagers, key=lambda p: p is not leader):
            address = process.rest() if process.alive else None
            if not address:
                continue
            try:
                with urllib.request.urlopen(f"http://{address}{path}", timeout=timeout) as answer:
                    return json.load(answer)
            except (OSError, http.client.HTTPException, ValueError) as error:  # it may die in the middle of its answer
                last = error
        raise ConnectionError(f"no JobManager answers {path}: {last}")

    def rest_addresses(self):
        """Of those that run, the leader's first."""
        leader = self.leader()[0]
        alive = sorted((p for p in self.jobmanagers if p.alive), key=lambda p: p is not leader)
        return ",".join(filter(None, (p.rest() for p in alive)))

    def leader(self):
        """The JobManager whose log says last that it leads; who is deposed says of another that it does."""
        newest, who = -1, None
        for process in self.jobmanagers:
            for epoch in re.findall(r"(?:- |\")leads with epoch ([0-9]+)[^0-9]", process.text()):
                if int(epoch) > newest:
                    newest, who = int(epoch), process
        return who, newest

    def wait(self, what, condition, timeout=30.0):
        """The time limits a hang, and judges nothing: it is looked once more when it is over."""
        deadline = time.monotonic() + timeout
        while True:
            last = time.monotonic() >= deadline
            try:
                value = condition()
                if value:
                    return value
            except ConnectionError:
                pass
            if last:
                raise TimeoutError(f"{what}: not within {timeout} s")
            time.sleep(0.01)

    def submit(self, script, *arguments):
        """Runs a SQL script as a detached job; returns its id."""
        path = self.directory / "job.sql"
        path.write_text(script)
        done = subprocess.run([self.weir, "run", "-d", "-m", self.rest_addresses(), *arguments, str(path)],
                              capture_output=True, text=True, timeout=60)
        found = re.search(r"JobID ([0-9a-f]{32})", done.stdout)
        if not found:
            raise RuntimeError(f"submission failed ({done.returncode}): {done.stdout}{done.stderr}")
        return found.group(1)

    def job_state(self, job):
        return self.get(f"/jobs/{job}")["state"]

    def on_hosts(self, network):
        """Every process on a host of its own."""
        for process in self.processes:
            process.host = host = network.host()
            process.prefix = host.prefix
            address = ["jobmanager.rpc.address", "jobmanager.bind-host", "rest.address", "rest.bind-address"]
            if process.kind == "taskmanager":
                address = ["taskmanager.host", "taskmanager.bind-host"]
            process.arguments = [*process.arguments, *(f"-D{key}={host.address}" for key in address)]

    def environment_is_clean(self):
        """Every process still runs as it was started: none ended by itself."""
        return [p.name for p in self.processes if p.popen is not None and p.popen.poll() is not None]


def resident_kib(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
