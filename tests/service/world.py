"""A small world for the paid client: server, folders, patience of a second, and the invariants that hold after all.

``World.ask`` is one action of a user. ``World.check_invariants`` runs after every test (see conftest): I1 to I10 of the
client's specification, for each fault, expected or not.
"""

from __future__ import annotations

import hashlib
import logging
import re
import time
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from outpaint_nodes.nodes.errors import OutpaintError
from outpaint_nodes.nodes.service import answer, batch
from outpaint_nodes.nodes.service.batch import Job, Parameters, Service
from outpaint_nodes.nodes.service.ledger import Ledger
from outpaint_nodes.nodes.service.policy import Policy

from .endpoint import CREDITS, KEY
from .faults import FaultServer

PHOTO = Path(__file__).parents[1] / "photos" / "coffee.jpg"
QUICK = Policy(
    connect=3.0,
    stall=3.0,
    read=6.0,
    total=9.0,
    backoff=0.01,
    longest_backoff=0.02,
    longest_pace=1.2,
    breaker_failures=99,
    ledger_wait=1.0,
)
HOST_PHRASES = (
    "Unauthorized: Please login first to use this node.",
    "Payment Required: Please add credits to your account to use this node.",
    "Rate Limit Exceeded:",
    "Your request was flagged by our content moderation system",
)


@cache
def photo(width: int = 256, height: int = 192) -> Image.Image:
    picture = Image.open(PHOTO).convert("RGB")
    return picture.crop((40, 40, 40 + width, 40 + height)) if width <= 400 else picture.resize((width, height))


@cache
def noise(width: int, height: int) -> Image.Image:
    """A picture that no encoder makes small."""
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8))


class World:
    """One user's computer, with the server it talks to."""

    def __init__(self, folder: Path, server: FaultServer, caplog, policy: Policy = QUICK):
        self.server, self.caplog, self.policy = server, caplog, policy
        self.home, self.output = folder / "home", folder / "output"
        self.environ = server.environment()
        self.actions: list[int] = []
        self.asked = 0
        self.said: list[str] = []
        self.errors: list[OutpaintError] = []
        self.results: list[batch.Result] = []
        self.jobs: dict[str, Job] = {}
        self.seconds = 0.0
        self.own_books = True
        caplog.set_level(logging.DEBUG)

    def with_policy(self, **changes) -> World:
        self.policy = replace(self.policy, **changes)
        return self

    @property
    def service(self) -> Service:
        return Service.open(self.home, self.output, self.policy, self.environ)

    @property
    def attempts(self) -> list:
        ledger = Ledger(self.home, self.policy.ledger_wait)
        return ledger.select("ORDER BY id") if ledger.path.exists() else []

    @property
    def outcomes(self) -> list[str | None]:
        return [attempt.outcome for attempt in self.attempts]

    def ask(self, *jobs: Job, max_credits: int | None = None, cancelled=lambda: False) -> list[batch.Result]:
        """A user queues pictures, by default one photo to be extended by 64 px on the right.

        Raises:
            OutpaintError: as the user sees it.
        """
        jobs = jobs or (job(),)
        started = time.monotonic()
        try:
            service = self.service
            self.actions.append(max((attempt.id for attempt in self.attempts), default=0))
            service.recover()
            plan = batch.plan(service, jobs, max_credits)
            self.jobs |= dict(zip([item.key for item in plan.items], jobs, strict=True))
            self.asked += len(plan.new)
            results = batch.run(plan, self.hear, cancelled)
        except OutpaintError as error:
            self.errors.append(error)
            raise
        finally:
            self.seconds = time.monotonic() - started
        self.results += results
        return results

    def fails(self, *jobs: Job, **options) -> OutpaintError:
        """Ask, expecting an error; that error."""
        try:
            self.ask(*jobs, **options)
        except OutpaintError as error:
            return error
        raise AssertionError("no error was raised")

    def hear(self, text: str, fraction: float) -> None:
        self.said.append(text)
        assert 0 <= fraction <= 1

    def check_invariants(self) -> None:
        assert not self.server.crashes, self.server.crashes
        self.charges_at_most_what_was_asked()
        self.sends_nothing_after_an_outcome_that_may_have_cost()
        self.keeps_every_paid_answer()
        self.shows_the_key_to_nobody()
        self.writes_every_complete_request_down()
        self.returns_no_placeholder()
        self.ends_in_time()
        self.explains_every_error()
        self.asks_nothing_again_once_paid()

    def charges_at_most_what_was_asked(self) -> None:
        assert self.server.charged <= CREDITS * self.asked, "I1"

    def sends_nothing_after_an_outcome_that_may_have_cost(self) -> None:
        bounds = [*self.actions, float("inf")]
        for first, last in zip(bounds, bounds[1:], strict=False):
            costly: set[str] = set()
            for attempt in self.attempts:
                if first < attempt.id <= last:
                    assert attempt.key not in costly, "I2"
                    if attempt.outcome != "free":
                        costly.add(attempt.key)

    def keeps_every_paid_answer(self) -> None:
        files = list(contents(self.home).values())
        for picture in self.server.delivered:
            kept = any(content == picture for content in files) or any(
                picture in bodies(content) for content in files if content[:1] in b"{["
            )
            assert kept, "I3: a delivered picture is nowhere on disk"
        for attempt in self.attempts:
            if attempt.outcome == "paid" and attempt.digest and not attempt.retired:
                data = Path(attempt.file).read_bytes()
                assert hashlib.sha256(data).hexdigest() == attempt.digest, "I3"

    def asks_nothing_again_once_paid(self) -> None:
        before = self.server.connections
        for attempt in self.attempts:
            if attempt.outcome == "paid" and not attempt.retired and attempt.key in self.jobs:
                plan = batch.plan(self.service, [self.jobs[attempt.key]], 0)
                try:
                    result = batch.run(plan)[0]
                    assert result.credits == 0, "I4"
                except OutpaintError as error:
                    assert attempt.note, f"I4: {error}"
        assert self.server.connections == before, "I4"

    def shows_the_key_to_nobody(self) -> None:
        texts = [*self.said, self.caplog.text, *map(str, self.errors), *(repr(vars(error)) for error in self.errors)]
        texts += [repr(result) for result in self.results]
        texts += [
            content.decode("latin-1")
            for path, content in (contents(self.home) | contents(self.output)).items()
            if path.name != "key.txt"
        ]
        for error in self.errors:
            texts += [repr(error.__cause__), repr(error.__context__) if not error.__suppress_context__ else ""]
        for text in texts:
            assert KEY not in text, "I5"

    def writes_every_complete_request_down(self) -> None:
        if self.own_books:
            settled = [outcome for outcome in self.outcomes if outcome in ("free", "paid", "unknown")]
            assert len(settled) >= self.server.complete_requests, "I7"
            assert None not in self.outcomes, "I7"
            assert sum(a.credits for a in self.attempts) <= self.server.charged or self.server.charged == 0, "I7"

    def returns_no_placeholder(self) -> None:
        for result in self.results:
            assert np.asarray(result.picture).std() > 1, "I8"

    def ends_in_time(self) -> None:
        assert self.seconds <= self.policy.total + 1 or len(self.jobs) > 1, "I9"

    def explains_every_error(self) -> None:
        for error in self.errors:
            assert error.credits and re.search(r"\bcredits\b", error.credits), f"I10: {error}"
            for sentence in (error.what, error.credits, error.do):
                assert re.search(r"\w.*([.…)]|YOUR-KEY)$", sentence), f"I10: {sentence!r}"
            assert not any(phrase.lower() in str(error).lower() for phrase in HOST_PHRASES), f"I10: {error}"
            assert len(str(error)) < 1500, f"I10: {error}"
            assert str(error).isprintable(), f"I10: {error!r}"


def contents(folder: Path) -> dict[Path, bytes]:
    """What every file in a folder holds.

    SQLite takes its log away when the last connection is closed, which may be while this looks: what was in it may by
    then be in a file that was read before, so everything is read again.
    """
    until = time.monotonic() + 5
    while True:
        try:
            return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        except FileNotFoundError:
            if time.monotonic() > until:
                raise


def bodies(content: bytes) -> list[bytes]:
    """The pictures inside a kept answer."""
    document = answer.parse(content.rstrip(b"\0"))
    found = answer.find_picture(document.get("data")) if isinstance(document, dict) else None
    found = found or answer.find_picture(document)
    return [found] if found else []


def job(picture: Image.Image | None = None, reroll: int = 0, **parameters) -> Job:
    return Job(picture or photo(), Parameters(**({"right": 64, "seed": 7} | parameters)), reroll)
