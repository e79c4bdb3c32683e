"""Shards, fixtures, and the table of rows at the end.

    pytest test/chaos --shard N/M     a part, for runs side by side: the first two have what needs ZooKeeper,
                                      for each part that does starts a quorum
    pytest test/chaos --every-row     also what only the long form runs, but with the waits of the short one
"""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "ha"))
import network as networks  # noqa: E402
import scenario as scenarios  # noqa: E402
import zookeeper_servers  # noqa: E402

outcomes = {}


def pytest_addoption(parser):
    parser.addoption("--shard", default="1/1", help="N/M: the Nth of M parts")
    parser.addoption("--every-row", action="store_true", help="rows of the long form, too, with the waits of the short one")


def pytest_configure(config):
    config.addinivalue_line("markers", "long: only with WEIR_CHAOS_LONG=1 or --every-row")


def pytest_collection_modifyitems(config, items):
    number, count = (int(word) for word in config.getoption("--shard").split("/"))
    every = scenarios.LONG or config.getoption("--every-row")
    run = [item for item in items if every or not item.get_closest_marker("long")]
    over_zookeeper = [item for item in run if "servers" in item.fixturenames or "zookeeper" in item.name]
    others = [item for item in run if item not in over_zookeeper]
    if count < 3:
        chosen = run[number - 1::count]
    elif number < 3:
        chosen = over_zookeeper[number - 1::2]
    else:
        chosen = others[number - 3::count - 2]
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = [item for item in items if item in chosen]


@pytest.fixture(scope="session")
def network():
    """Hosts to cut off from each other. Where the machine allows none, the tests that need them fail."""
    with networks.Network() as made:
        yield made


@pytest.fixture(autouse=True)
def healed(request):
    yield
    if "network" in request.fixturenames:
        request.getfixturevalue("network").heal()


@pytest.fixture(scope="session")
def servers(network, tmp_path_factory):
    """A ZooKeeper quorum of three, each server on a host of its own."""
    hosts = [network.host() for _ in range(3)]
    with zookeeper_servers.Servers(tmp_path_factory.mktemp("zookeeper"), hosts=hosts) as quorum:
        yield quorum


@pytest.fixture
def start(tmp_path):
    """Makes scenarios in an empty folder; their processes are killed at the end."""
    started = []

    def make(**options):
        made = scenarios.Scenario(tmp_path / f"cluster{len(started)}" if started else tmp_path / "cluster", **options)
        started.append(made)
        made.__enter__()
        return made

    yield make
    for made in started:
        made.__exit__()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    result = (yield).get_result()
    if result.when == "call" or result.outcome != "passed":
        # What could not run here has failed here.
        outcomes[item.name] = "passed" if result.outcome == "passed" else "FAILED"
        if result.when == "setup":
            outcomes[item.name] = "FAILED (could not run here)"


def pytest_terminal_summary(terminalreporter):
    terminalreporter.section("measured")
    for line in scenarios.reports:
        terminalreporter.line(line)
    terminalreporter.section("rows that ran")
    for name in sorted(outcomes):
        terminalreporter.line(f"{outcomes[name]:7} {name.removeprefix('test_')}")
