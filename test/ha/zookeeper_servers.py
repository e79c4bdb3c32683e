"""Real ZooKeeper servers on loopback, for tests: started, stopped, killed and started again by this file alone.

As a program: zookeeper_servers.py DIRECTORY [COUNT]: starts COUNT servers, prints "ready HOST:PORT,HOST:PORT,..." and obeys
lines on stdin: "kill N", "start N", "pause N", "resume N", "wait" (until all that run serve), "leader"; each is answered by one
line. End of input stops everything.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

JAVA_CLASSES = ("zookeeper.jar", "slf4j-log4j12.jar", "log4j-1.2.jar")
READY_SECONDS_MAX = 120  # a hang, not a judgement: one that ends is seen at once, and Java starts slowly on a loaded machine


class Missing(Exception):
    """ZooKeeper cannot be started here."""


given = set()  # ports of this process


def free_port(address="127.0.0.1"):
    """A port below the ephemeral range, so that no outgoing connection takes it while its server is down; no port is given twice."""
    for _ in range(1000):
        port = 20000 + int.from_bytes(os.urandom(2), "big") % 10000
        with socket.socket() as probe:
            try:
                probe.bind((address, port))
            except OSError:
                continue
        if (address, port) not in given:
            given.add((address, port))
            return port
    raise Missing("no free port")


def own_address():
    """A loopback address that nobody else listens on: whoever looks for free ports at the same time finds those of another."""
    one, two = os.urandom(2)
    return f"127.{one % 200 + 50}.{two}.{os.getpid() % 250 + 1}"


class Server:
    def __init__(self, directory, number, address, ports, quorum, tick_ms, extra, hosts):
        self.number, self.directory, self.client_port = number, Path(directory) / f"server{number}", ports[0]
        self.host = hosts[number - 1] if hosts else None  # a network.Host of test/chaos; None: this one
        self.name = self.host.address if hosts else address
        names = {n: hosts[n - 1].address if hosts else address for n in quorum}
        self.popen = None
        data = self.directory / "data"
        data.mkdir(parents=True, exist_ok=True)
        (data / "myid").write_text(f"{number}\n")
        lines = [f"tickTime={tick_ms}", f"dataDir={data}", f"clientPort={self.client_port}",
                 f"clientPortAddress={self.name}", "admin.enableServer=false", "4lw.commands.whitelist=*",
                 "maxClientCnxns=0", "initLimit=50", "syncLimit=10", "maxSessionTimeout=60000", *extra]
        if len(quorum) > 1:
            lines += [f"server.{n}={names[n]}:{p[1]}:{p[2]}" for n, p in quorum.items()]
        (self.directory / "zoo.cfg").write_text("\n".join(lines) + "\n")
        (self.directory / "log4j.properties").write_text(
            "log4j.rootLogger=WARN, OUT\nlog4j.appender.OUT=org.apache.log4j.ConsoleAppender\n"
            "log4j.appender.OUT.layout=org.apache.log4j.PatternLayout\n"
            "log4j.appender.OUT.layout.ConversionPattern=%d %p %c{1} %m%n\n")

    @property
    def address(self):
        return f"{self.name}:{self.client_port}"

    def start(self):
        if self.popen is not None:
            return
        classes = ":".join([str(self.directory)] + [f"/usr/share/java/{jar}" for jar in JAVA_CLASSES])
        with open(self.directory / "log", "ab") as log:
            self.popen = subprocess.Popen(
                [*(self.host.prefix if self.host else []), "java", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", classes,
                 "org.apache.zookeeper.server.quorum.QuorumPeerMain", str(self.directory / "zoo.cfg")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory, start_new_session=True)

    def kill(self, number=signal.SIGKILL):
        if self.popen is None:
            return
        self.popen.send_signal(signal.SIGCONT)
        self.popen.send_signal(number)
        self.popen.wait()
        self.popen = None

    def pause(self):
        self.popen.send_signal(signal.SIGSTOP)

    def resume(self):
        self.popen.send_signal(signal.SIGCONT)

    def mode(self):
        """"leader", "follower", "standalone", or None while it does not serve."""
        try:
            with socket.create_connection((self.name, self.client_port), timeout=1) as connection:
                connection.sendall(b"srvr")
                text = b""
                while part := connection.recv(4096):
                    text += part
        except OSError:
            return None
        for line in text.decode(errors="replace").splitlines():
            if line.startswith("Mode: "):
                return line[6:]
        return None


class Servers:
    """A quorum (or one server). With it as context, everything is gone at the end."""

    def __init__(self, directory, count=3, tick_ms=200, extra=(), hosts=None):
        if not Path("/usr/share/java/zookeeper.jar").exists():
            raise Missing("ZooKeeper is not installed (tools/deps.sh installs it)")
        address = own_address()
        ports = {n: (free_port(address), free_port(address), free_port(address)) for n in range(1, count + 1)}
        self.servers = [Server(directory, n, address, ports[n], ports, tick_ms, extra, hosts) for n in ports]

    def __enter__(self):
        try:
            for server in self.servers:
                server.start()
            self.wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *unused):
        for server in self.servers:
            server.kill()

    @property
    def quorum(self):
        return ",".join(s.address for s in self.servers)

    def __getitem__(self, number):
        return self.servers[number - 1]

    def wait(self):
        """Until every server that runs serves."""
        deadline = time.monotonic() + READY_SECONDS_MAX
        for server in self.servers:
            while server.popen is not None and server.mode() is None:
                if server.popen.poll() is not None or time.monotonic() > deadline:
                    log = (server.directory / "log").read_text(errors="replace")[-2000:]
                    raise Missing(f"ZooKeeper server {server.number} does not serve: {log}")
                time.sleep(0.02)

    def leader(self):
        return next((s for s in self.servers if s.popen is not None and s.mode() in ("leader", "standalone")), None)


def obey(servers, line):
    words = line.split()
    server = servers[int(words[1])] if len(words) > 1 else None
    if words[0] == "leader":
        leader = servers.leader()
        return str(leader.number if leader else 0)
    if words[0] == "wait":
        servers.wait()
    else:
        {"kill": lambda: server.kill(), "start": server and server.start, "pause": server and server.pause,
         "resume": server and server.resume}[words[0]]()
    return "ok"


def main():
    try:
        with Servers(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3) as servers:
            print("ready", servers.quorum, flush=True)
            for line in sys.stdin:
                print(obey(servers, line), flush=True)
    except Missing as problem:
        print("missing", problem, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
