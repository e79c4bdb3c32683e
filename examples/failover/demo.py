#!/usr/bin/env python3
"""A cluster on this machine: two JobManagers, two TaskManagers, one SQL job. The leader is killed with kill -9, then a
TaskManager. At the end every row is counted: none lost, none doubled, and after the leader's death no task restarted.

    demo.py WEIR [--seconds N] [--zookeeper]

With --zookeeper the JobManagers agree through a quorum of three servers, which is started here and ends with it; else through this
machine's disk.
"""

import json
import random
import re
import signal
import socket
import string
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from pathlib import Path

RATE = 5000
WINDOW_ROWS = 1000  # 10 s of event time, a row every 10 ms


def free_ports(count):
    """Below the ephemeral range, so that no outgoing connection takes one."""
    found = []
    while len(found) < count:
        port = random.randrange(20000, 30000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in found:
            found.append(port)
    return found


class Quorum:
    """Three ZooKeeper servers of the Debian package."""

    CLASSES = "zookeeper.jar:/usr/share/java/slf4j-log4j12.jar:/usr/share/java/log4j-1.2.jar"

    def __init__(self, directory):
        self.servers, self.ports = [], free_ports(9)
        names = "".join(f"server.{n + 1}=127.0.0.1:{self.ports[3 + n]}:{self.ports[6 + n]}\n" for n in range(3))
        for number in range(3):
            home = directory / f"zookeeper{number + 1}"
            (home / "data").mkdir(parents=True)
            (home / "data/myid").write_text(f"{number + 1}\n")
            (home / "log4j.properties").write_text("log4j.rootLogger=ERROR, OUT\nlog4j.appender.OUT=org.apache.log4j.ConsoleAppender\n"
                                                   "log4j.appender.OUT.layout=org.apache.log4j.SimpleLayout\n")
            (home / "zoo.cfg").write_text(f"tickTime=500\ninitLimit=20\nsyncLimit=10\ndataDir={home}/data\n"
                                          f"clientPort={self.ports[number]}\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\n"
                                          f"4lw.commands.whitelist=srvr\n{names}")
            with open(home / "log", "wb") as log:
                self.servers.append(subprocess.Popen(
                    ["java", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{home}:/usr/share/java/{self.CLASSES}",
                     "org.apache.zookeeper.server.quorum.QuorumPeerMain", str(home / "zoo.cfg")],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True))
        self.address = ",".join(f"127.0.0.1:{port}" for port in self.ports[:3])

    def serves(self, port):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                connection.sendall(b"srvr")
                return b"Mode:" in connection.recv(4096)
        except OSError:
            return False

    def wait(self):
        deadline = time.monotonic() + 30
        while not all(self.serves(port) for port in self.ports[:3]):
            if time.monotonic() > deadline or any(server.poll() is not None for server in self.servers):
                sys.exit("the ZooKeeper servers did not start")
            time.sleep(0.02)

    def stop(self):
        for server in self.servers:
            server.kill()
            server.wait()


class Cluster:
    def __init__(self, weir, directory, quorum=None):
        self.weir, self.directory, self.running = weir, directory, {}
        self.common = [f"-Dhigh-availability.storageDir={directory}/ha", "-Drest.port=0", "-Drest.bind-port=0"]
        if quorum:
            self.common += ["-Dhigh-availability.type=zookeeper", f"-Dhigh-availability.zookeeper.quorum={quorum.address}"]

    def start(self, name):
        kind = "jobmanager" if name.startswith("jm") else "taskmanager"
        slots = [] if kind == "jobmanager" else ["-Dtaskmanager.numberOfTaskSlots=3"]
        with open(self.directory / f"{name}.out", "ab") as out, open(self.directory / f"{name}.log", "ab") as log:
            self.running[name] = subprocess.Popen([self.weir, kind, *self.common, *slots], stdin=subprocess.DEVNULL,
                                                  stdout=out, stderr=log, start_new_session=True)

    def kill(self, name):
        process = self.running.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def stop(self):
        for name in list(self.running):
            self.kill(name)

    def log(self, name):
        path = self.directory / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def leader(self):
        """(epoch, name) of who leads."""
        return max(((int(epoch), name) for name in ("jm1", "jm2")
                    for epoch in re.findall(r"leads with epoch ([0-9]+)", self.log(name))), default=(0, None))

    def rest(self):
        for name in (n for n in self.running if n.startswith("jm")):
            found = re.findall(r"REST endpoint at http://([0-9.:]+)", self.log(name))
            if found:
                return found[-1]
        return None

    def state(self, job):
        try:
            with urllib.request.urlopen(f"http://{self.rest()}/jobs/{job}", timeout=1) as answer:
                return json.load(answer)["state"]
        except OSError:
            return "?"

    def redeployed(self):
        return sum(len(re.findall("fails over|is deployed again", self.log(name))) for name in ("jm1", "jm2"))


class Watch:
    """What can be seen from outside: lines of the print sink as they come, files of the exactly-once sink."""

    def __init__(self, directory):
        self.directory, self.sizes, self.lines = directory, {}, 0
        self.last_line = self.last_file = time.monotonic()
        self.files = 0
        self.gaps = {}

    def poll(self, phase):
        now = time.monotonic()
        grown = 0
        for path in self.directory.glob("tm*.out"):
            size = path.stat().st_size
            if size > self.sizes.get(path, 0):
                with open(path, "rb") as file:
                    file.seek(self.sizes.get(path, 0))
                    grown += file.read(size - self.sizes.get(path, 0)).count(b"\n")
                self.sizes[path] = size
        lines, files = self.gaps.setdefault(phase, [0.0, 0.0])
        self.gaps[phase][0] = max(lines, now - self.last_line)
        self.gaps[phase][1] = max(files, now - self.last_file)
        if grown:
            self.lines += grown
            self.last_line = now
        count = sum(1 for path in (self.directory / "every_order").glob("part-*"))
        if count > self.files:
            self.files, self.last_file = count, now


def committed(directory):
    for path in directory.glob("part-*"):
        yield from path.read_text().splitlines()


def judge(directory, rows):
    orders = Counter(int(line) for line in committed(directory / "every_order"))
    lost = rows - len(orders)
    doubled = sum(orders.values()) - len(orders)
    wanted = Counter()
    for start in range(0, rows, WINDOW_ROWS):
        for key in range(10):
            members = [i for i in range(start, min(start + WINDOW_ROWS, rows)) if i % 10 == key]
            if members:
                wanted[f"{key},{len(members)},{sum(members)}"] += 1
    windows = Counter(committed(directory / "per_window"))
    lost += sum((wanted - windows).values())
    doubled += sum((windows - wanted).values())
    return sum(orders.values()) + sum(windows.values()), lost, doubled


def say(text):
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}", flush=True)


def run(cluster, watch, directory, seconds):
    rows = RATE * seconds // 100 * 100
    script = string.Template((Path(__file__).parent / "job.sql").read_text()).substitute(
        directory=directory, rate=RATE, last=rows - 1, last_tick=200 * seconds - 1)
    (directory / "job.sql").write_text(script)
    began = time.monotonic()
    for name in ("jm1", "jm2", "tm1", "tm2"):
        cluster.start(name)
    while not (cluster.leader()[0] and cluster.rest()):
        time.sleep(0.005)
    submitted = subprocess.run([cluster.weir, "run", "-d", "-m", cluster.rest(), str(directory / "job.sql")],
                               capture_output=True, text=True)
    found = re.search("JobID ([0-9a-f]{32})", submitted.stdout)
    if not found:
        sys.exit(f"the job was not taken: {submitted.stdout}{submitted.stderr}")
    while not any((directory / f"tm{i}.out").stat().st_size for i in (1, 2)):
        time.sleep(0.005)
    print(f"2 JobManagers, 2 TaskManagers and the job run after {(time.monotonic() - began) * 1000:.0f} ms")
    watch.last_line = watch.last_file = time.monotonic()
    started, shown, seen = time.monotonic(), 0.0, 0
    phase, restarted, takeover, redeployed_before = "nothing is killed", None, 0.0, 0
    plan = [(seconds * 0.25, "the leader is killed"), (seconds * 0.55, "a TaskManager is killed"), (1e9, "")]
    while time.monotonic() - started < seconds * 3 + 30:
        passed = time.monotonic() - started
        watch.poll(phase)
        if passed > seconds:
            phase = "the end"
        elif passed >= plan[0][0]:
            phase = plan.pop(0)[1]
            epoch, leader = cluster.leader()
            before = cluster.redeployed()
            victim = leader if "leader" in phase else "tm1"
            say(f"kill -9 {victim}" + (" (the leader)" if victim == leader else ""))
            killed = time.monotonic()
            cluster.kill(victim)
            if victim == leader:
                redeployed_before = before
                while cluster.leader()[0] == epoch:
                    watch.poll(phase)
                    time.sleep(0.001)
                takeover = time.monotonic() - killed
                print(f"{cluster.leader()[1]} leads with epoch {cluster.leader()[0]} after {takeover * 1000:.0f} ms")
            else:
                restarted = before - redeployed_before
            cluster.start(victim)
        if passed - shown >= 1:
            epoch, leader = cluster.leader()
            gap_lines, gap_files = watch.gaps[phase]
            print(f"{passed:5.1f} s  leader {leader}  epoch {epoch}  {(watch.lines - seen) / (passed - shown):6.0f} rows/s printed"
                  f"  largest gap: print sink {gap_lines * 1000:4.0f} ms, exactly-once sink {gap_files * 1000:4.0f} ms",
                  flush=True)
            shown, seen = passed, watch.lines
            if passed > seconds and cluster.state(found.group(1)) in ("FINISHED", "FAILED", "?"):
                break
        time.sleep(0.004)
    return rows, restarted, takeover


def main():
    seconds = int(sys.argv[sys.argv.index("--seconds") + 1]) if "--seconds" in sys.argv else 30
    signal.signal(signal.SIGTERM, lambda *unused: sys.exit(143))  # what was started is stopped
    directory = Path(tempfile.mkdtemp(prefix="weir-demo-"))
    quorum = Quorum(directory) if "--zookeeper" in sys.argv else None
    cluster, watch = Cluster(sys.argv[1], directory, quorum), Watch(directory)
    try:
        if quorum:
            began = time.monotonic()
            quorum.wait()
            print(f"a ZooKeeper quorum of three serves after {time.monotonic() - began:.1f} s")
        rows, restarted, takeover = run(cluster, watch, directory, seconds)
        checked, lost, doubled = judge(directory, rows)
    finally:
        cluster.stop()
        if quorum:
            quorum.stop()
    say("What was measured, from outside")
    print(f"{'':28}{'print sink':>14}{'exactly-once sink':>20}")
    for phase, (lines, files) in watch.gaps.items():
        if phase == "the end":
            continue
        print(f"{phase:28}{lines * 1000:11.0f} ms{files * 1000:17.0f} ms")
    print(f"a new leader after {takeover * 1000:.0f} ms; regions restarted after its death: {restarted}")
    print(f"\n{checked} records checked: {lost} lost, {doubled} doubled")
    if lost or doubled or restarted:
        print(f"logs are in {directory}", file=sys.stderr)
        return 1
    subprocess.run(["rm", "-rf", str(directory)], check=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
