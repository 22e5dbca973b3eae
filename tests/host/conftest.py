"""The real hosts. Tests here run once for every ComfyUI checkout found, and are skipped loudly where there is none."""

from __future__ import annotations

import pytest

from host.server import Checkout, ComfyServer, find_checkouts

CHECKOUTS = find_checkouts()
MISSING = "no ComfyUI checkout found: point COMFYUI_PATH at one (and COMFYUI_PYTHON at its interpreter)"


def pytest_collection_modifyitems(items):
    for item in items:
        if "checkout" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.host)


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
