"""Chromium and the frontends, started once for the whole run: one page for each frontend and renderer.

Every test runs on the oldest frontend and on both renderers of the newest; those marked ``every_frontend`` also on the
ones in between. ``ALL_FRONTENDS=1`` runs everything everywhere.
"""

from __future__ import annotations

import os
import shutil

import pytest

from browser import frontends
from browser.backend import Backend
from browser.desk import FLAGS, Desk

OLDEST, *BETWEEN, NEWEST = frontends.VERSIONS
# Nodes 2.0 of the oldest frontend cannot show any DOM widget.
DESKS = [(OLDEST, "classic")] + [(version, how) for version in (*BETWEEN, NEWEST) for how in ("classic", "vue")]


def pytest_configure(config):
    config.addinivalue_line("markers", "every_frontend: runs on every frontend, not on the oldest and newest alone")


def pytest_collection_modifyitems(config, items):
    left_out = []
    for item in items:
        if "tests/browser/" not in item.path.as_posix():
            continue
        item.add_marker(pytest.mark.browser)
        desk = getattr(item, "callspec", None) and item.callspec.params.get("page_of_frontend")
        everywhere = item.get_closest_marker("every_frontend") or os.environ.get("ALL_FRONTENDS")
        if desk and desk[0] in BETWEEN and not everywhere:
            left_out.append(item)
    if left_out:
        items[:] = [item for item in items if item not in set(left_out)]
        config.hook.pytest_deselected(items=left_out)


def chromium_path() -> str | None:
    """``CHROMIUM``, or a browser of this machine."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


@pytest.fixture(scope="session")
def chromium():
    """A running Chromium."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install -e .[test]")
    path = chromium_path()
    if not path:
        pytest.skip("no Chromium on this machine: apt install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=FLAGS)
        yield browser
        browser.close()


def opened(chromium, version, renderer, settings=None, viewport=(1280, 900), **context):
    """A fresh page on a backend of its own; the caller closes both."""
    static = frontends.find(version)
    if static is None:
        pytest.skip(f"frontend {version} is neither in {frontends.cache()} nor to be had from the package registry")
    chosen = {"Comfy.VueNodes.Enabled": renderer == "vue", "Comfy.Minimap.Visible": False} | (settings or {})
    backend = Backend(static, chosen)
    size = {"width": viewport[0], "height": viewport[1]}
    page = chromium.new_context(viewport=size, reduced_motion="no-preference", **context).new_page()
    return Desk(page, backend, version, renderer).open()


def closed(desk):
    desk.page.context.close()
    desk.backend.close()


@pytest.fixture(scope="session", params=DESKS, ids=lambda desk: f"{desk[0]}-{desk[1]}")
def page_of_frontend(request, chromium):
    desk = opened(chromium, *request.param, has_touch=True)
    yield desk
    closed(desk)


@pytest.fixture
def desk(page_of_frontend):
    """An empty canvas. Whatever the test does, the console stays clean."""
    page_of_frontend.clear()
    page_of_frontend.errors.clear()
    yield page_of_frontend
    assert page_of_frontend.errors == []
