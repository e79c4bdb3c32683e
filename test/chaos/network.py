"""Hosts of one machine: network namespaces on a bridge, all inside a namespace of their own, so that nothing of the machine changes.

    with Network() as network:
        one, two = network.host(), network.host()
        network.cut(one, two)              # what one sends no longer reaches two; the other way it does
        network.cut(two, one, "reject")    # what two sends is answered with a reset
        network.heal()

While it is entered, the calling thread and what it starts live on the bridge, at 10.77.0.1: they reach every host.
"""

import ctypes
import os
import signal
import subprocess
import time

CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None, use_errno=True)


class Missing(Exception):
    """Networks cannot be made here."""


def run(*command, text=None):
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    if done.returncode:
        raise Missing(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def die_with_parent():
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Host:
    def __init__(self, network, number):
        self.network, self.number, self.address = network, number, f"10.77.0.{number + 10}"
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"], preexec_fn=die_with_parent)
        self.wait_for_namespace()
        inside, outside = "eth0", f"weir{number}"
        run("ip", "link", "add", outside, "type", "veth", "peer", "name", inside, "netns", str(self.holder.pid))
        run("ip", "link", "set", outside, "master", "weirbridge", "up")
        for command in (f"addr add {self.address}/24 dev {inside}", f"link set {inside} up", "link set lo up"):
            run(*self.prefix, "ip", *command.split())
        self.rules("add table inet weir",
                   "add chain inet weir arrives { type filter hook input priority 0; policy accept; }",
                   "add chain inet weir leaves { type filter hook output priority 0; policy accept; }")

    def wait_for_namespace(self):
        own = os.readlink("/proc/self/ns/net")
        for _ in range(2000):
            try:
                # Not before it has become `sleep`: the namespace is made before that.
                if os.readlink(f"/proc/{self.holder.pid}/ns/net") != own:
                    return
            except OSError:
                pass
            if self.holder.poll() is not None:
                break
            time.sleep(0.001)
        raise Missing("unshare --net: no network namespace")

    @property
    def prefix(self):
        """In front of a command that is to run on this host."""
        return ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net", "--"]

    def rules(self, *lines):
        run(*self.prefix, "nft", "-f", "-", text="\n".join(lines) + "\n")

    def slow(self, rate, burst="16kb"):
        """What it sends goes out at this rate at most ("1mbit"); None: as fast as ever."""
        action = "replace" if rate else "del"
        shape = ["tbf", "rate", rate, "burst", burst, "latency", "500ms"] if rate else []
        run(*self.prefix, "tc", "qdisc", action, "dev", "eth0", "root", *shape)


class Network:
    def __enter__(self):
        if os.geteuid() != 0:
            raise Missing("network namespaces need root")
        self.before = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self.hosts = []
        if libc.unshare(CLONE_NEWNET) != 0:
            raise Missing(f"unshare: {os.strerror(ctypes.get_errno())}")
        try:
            run("ip", "link", "set", "lo", "up")
            run("ip", "link", "add", "weirbridge", "type", "bridge")
            run("ip", "addr", "add", "10.77.0.1/24", "dev", "weirbridge")
            run("ip", "link", "set", "weirbridge", "up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *unused):
        for host in self.hosts:
            host.holder.kill()
            host.holder.wait()
        libc.setns(self.before, CLONE_NEWNET)
        os.close(self.before)

    def host(self):
        host = Host(self, len(self.hosts) + 1)
        self.hosts.append(host)
        return host

    def cut(self, sender, receiver, how="drop"):
        """One way: packets of sender do not arrive at receiver any more, or are answered with a reset."""
        verdict = "drop" if how == "drop" else "meta l4proto tcp reject with tcp reset"
        receiver.rules(f"add rule inet weir arrives ip saddr {sender.address} {verdict}")

    def part(self, these, those, how="drop"):
        """Both ways, between two groups."""
        for one in these:
            for other in those:
                self.cut(one, other, how)
                self.cut(other, one, how)

    def unplug(self, host):
        """Nothing comes in or goes out, as when its power is lost: no resets are sent either."""
        host.rules("add rule inet weir arrives drop", "add rule inet weir leaves drop")

    def heal(self):
        for host in self.hosts:
            host.rules("flush chain inet weir arrives", "flush chain inet weir leaves")
