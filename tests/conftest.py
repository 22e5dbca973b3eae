"""Fixtures shared by every layer."""

from __future__ import annotations

import os
import re

import pytest

# Several processes that each use all cores wait for each other: with one thread each they take a third of the time.
# Set before torch is imported; what a test starts inherits it.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def _no_keys_from_this_machine(monkeypatch):
    """No test may spend: whatever key or endpoint this machine knows is out of reach."""
    for name in list(os.environ):
        if name.startswith("OUTPAINT_"):
            monkeypatch.delenv(name)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Two processes share the work. Tests of one host or one frontend stay together, as do those of one file: what
    they share is then started once."""
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            version = re.search(r"\[(\d+\.\d+\.\d+(-classic|-vue)?)", nodeid)
            return version[1] if version else nodeid.split("::")[0]

    return Together(config, log)


def pytest_terminal_summary(terminalreporter):
    """A layer that did not run is said out loud, never hidden among the dots."""
    reasons = {}
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reasons[reason.removeprefix("Skipped: ")] = reasons.get(reason.removeprefix("Skipped: "), 0) + 1
    for reason, count in reasons.items():
        terminalreporter.write_line(f"NOT RUN ({count} tests): {reason}", yellow=True, bold=True)
