"""The real hosts. Tests here run once for every ComfyUI checkout found, and are skipped loudly where there is none."""

from __future__ import annotations

import pytest

from host.paid import ONE_THREAD
from host.server import Checkout, ComfyServer, find_checkouts
from service.endpoint import KEY
from service.faults import FaultServer, works
from service.world import photo

CHECKOUTS = find_checkouts()
MISSING = "no ComfyUI checkout found: point COMFYUI_PATH at one (and COMFYUI_PYTHON at its interpreter)"


def pytest_configure(config):
    config.addinivalue_line("markers", "one_host: what it shows does not depend on the host's version")


def pytest_collection_modifyitems(config, items):
    again = []
    for item in items:
        if "checkout" not in getattr(item, "fixturenames", ()):
            continue
        item.add_marker(pytest.mark.host)
        chosen = item.callspec.params.get("checkout") if hasattr(item, "callspec") else None
        if item.get_closest_marker("one_host") and chosen in CHECKOUTS[1:]:
            again.append(item)
    if again:
        items[:] = [item for item in items if item not in set(again)]
        config.hook.pytest_deselected(items=again)


@pytest.fixture(scope="session", params=CHECKOUTS or [None], ids=lambda c: c.version if c else "no-host")
def checkout(request) -> Checkout:
    if request.param is None:
        pytest.skip(MISSING)
    return request.param


@pytest.fixture(scope="session")
def comfy(checkout):
    """One running host of this version, shared by the tests: no key, no endpoint configured."""
    with ComfyServer(checkout) as server:
        yield server


@pytest.fixture
def start_comfy(checkout):
    """Start further hosts of this version with own environment or arguments; they end with the test."""
    servers = []

    def start(env: dict[str, str] | None = None, args: tuple[str, ...] = (), base=None) -> ComfyServer:
        servers.append(ComfyServer(checkout, env, args, base))
        return servers[-1].start()

    yield start
    for server in servers:
        server.close()


@pytest.fixture(scope="module")
def paid(checkout):
    """A host whose environment points to a fault server."""
    with FaultServer() as server, ComfyServer(checkout, server.environment() | ONE_THREAD) as comfy:
        comfy.service = server
        comfy.save_input(photo(), "photo.png")
        yield comfy


@pytest.fixture
def server(paid):
    """The fault server, its books opened anew."""
    paid.service.queue.clear()
    paid.service.default = works
    paid.service.connections = paid.service.complete_requests = paid.service.generations = 0
    paid.service.most_at_once = 0
    yield paid.service
    assert not paid.service.crashes
    assert KEY not in paid.log
