"""End-to-end tests: the real binary, real files, real signals. `WEIR=build/debug/bin/weir pytest test/e2e`."""
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import weir as weir_module  # noqa: E402


@pytest.fixture
def weir(tmp_path):
    """A Weir that works in an empty folder; what it started and what still runs is killed at the end."""
    client = weir_module.Weir(tmp_path)
    yield client
    client.end()
