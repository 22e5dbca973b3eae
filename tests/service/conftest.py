from __future__ import annotations

import pytest

from service.faults import FaultServer
from service.world import World


@pytest.fixture
def server():
    with FaultServer() as server:
        yield server


@pytest.fixture
def world(server, tmp_path, caplog):
    """A user's computer and a server; the invariants are checked when the test is over."""
    world = World(tmp_path, server, caplog)
    yield world
    world.check_invariants()
