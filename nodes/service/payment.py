"""One picture: from the kept result where it was paid for before, otherwise from one paid request.

Order of things, each before the next: lock (one payment at a time for a request) -> kept result -> guards -> intent in
the ledger -> send -> the answer as it came on disk -> the picture on disk -> outcome in the ledger -> result.
Nothing between the arrival of the answer and the last of these can be cancelled.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from PIL import Image

from ..errors import OutpaintError
from . import client, contract, credentials, pictures, verify
from .answer import Outcome, Verdict, judge
from .contract import CREDITS, Parameters
from .ledger import Attempt, LedgerError
from .locks import POLL, FileLock, wait_for_any
from .service import Service
from .store import Spool

CREDITS_SENTENCE = {
    Outcome.FREE: "No credits were spent.",
    Outcome.UNKNOWN: f"The service may have charged {CREDITS} credits or none.",
    Outcome.PAID: f"{CREDITS} credits were spent.",
}


class ServiceError(OutpaintError):
    """No picture. ``outcome`` says what it cost; ``hopeless`` that other pictures would fail the same way."""

    def __init__(self, outcome: Outcome, what: str, do: str, hopeless: bool = False, credits: str | None = None):
        self.outcome, self.hopeless = outcome, hopeless
        super().__init__(what, do, credits=credits or CREDITS_SENTENCE[outcome])


class Cancelled(ServiceError):
    """The user cancelled before the request was complete."""

    def __init__(self) -> None:
        super().__init__(
            Outcome.FREE, "The request was cancelled before it was sent completely.", "Run again to send it."
        )


@dataclass(frozen=True)
class Item:
    """One planned request: picture (RGB), what is asked, and its identity."""

    picture: Image.Image = field(repr=False)
    parameters: Parameters
    key: str
    paid: Attempt | None = None

    @cached_property
    def look(self) -> verify.Look:
        """Of the picture, for the comparison with the answer."""
        return verify.look(self.picture)


@dataclass(frozen=True)
class Result:
    """A picture from the service.

    Args:
        picture: RGB, of whatever size came.
        credits: spent for it now; 0 when it was paid for before.
        file: where the paid picture is kept, byte for byte; None when the disk failed after paying.
        seed: used by the service, as far as known.
        warnings: what is odd about it.
    """

    picture: Image.Image = field(repr=False)
    credits: int
    file: Path | None
    seed: int | None
    warnings: tuple[str, ...] = ()


@dataclass
class Watch:
    """How the caller follows a request and ends it. Polled by both sides: no code of the caller runs in the thread."""

    cancelled: Callable[[], bool] = lambda: False
    text: str = "waiting for its turn"
    fraction: float = 0.0

    def say(self, text: str, fraction: float) -> None:
        self.text, self.fraction = text, fraction


def obtain(service: Service, item: Item, watch: Watch) -> Result:
    """The picture of an item, paid for at most once.

    Raises:
        OutpaintError: there is none; the message says why, what was spent, and what to do.
    """
    before = service.ledger.latest(item.key)
    lock = wait_for_any([FileLock(service.store.locks / f"{item.key}.lock")], watch.cancelled)
    if lock is None:
        raise Cancelled
    with lock:
        service.settle_abandoned(item.key)
        latest = service.ledger.latest(item.key)
        bought = service.ledger.paid(item.key) or put_back(service, item.key)
        if bought is not None:
            return kept(service, item, bought)
        waited_for_it = latest is not None and (before is None or before.outcome is None or latest.id > before.id)
        if latest is not None and latest.outcome == Outcome.UNKNOWN and waited_for_it:
            # Somebody else sent this very request while we waited for our turn.
            raise ServiceError(
                Outcome.UNKNOWN, latest.note, "It was not sent again; check your balance at the service.", True
            )
        watch.say("encoding the picture", 0.02)
        upload = contract.encode_upload(item.picture, service.policy.upload_limit)
        slots = [FileLock(service.store.locks / f"slot{number}.lock") for number in range(service.policy.concurrency)]
        slot = wait_for_any(slots, watch.cancelled)
        if slot is None:
            raise Cancelled
        with slot, ThreadPoolExecutor(1) as aside:
            return buy(service, item, upload, watch, aside)


def kept(service: Service, item: Item, attempt: Attempt) -> Result:
    """The result of an earlier payment.

    Raises:
        ServiceError: it was paid for but is not usable, or it is damaged. In the latter case the next request for it
            pays again, and the message says so.
    """
    earlier = f"{CREDITS} credits were spent on it earlier; nothing was sent now."
    if attempt.note:
        raise ServiceError(Outcome.PAID, attempt.note, paid_advice(attempt.file), credits=earlier)
    if attempt.digest is None:
        # The disk failed when it was paid for: what there is, is the answer as it came.
        service.settle_from_disk(attempt)
        attempt = service.ledger.latest(item.key) or attempt
    shown = Path(attempt.file) if attempt.file else None
    data = stored(service, attempt)
    if data is None:
        service.ledger.retire(attempt.id)
        raise ServiceError(
            Outcome.PAID,
            f"The picture paid for earlier is damaged or gone ({shown}).",
            f"Put the file back if you have it; otherwise run again to buy it anew for {CREDITS} credits.",
            credits=earlier,
        )
    try:
        shown = service.store.save(data, shown.stem if shown else item.key[:16], attempt.kind or "")[1]
    except OSError:
        pass
    found = examine(data, item)
    if found.picture is None:
        service.ledger.note(attempt.id, found.problem)
        raise ServiceError(Outcome.PAID, found.problem, paid_advice(shown), credits=earlier)
    return Result(found.picture, 0, shown, attempt.seed or item.parameters.seed or None, found.oddities)


def stored(service: Service, attempt: Attempt) -> bytes | None:
    """The picture that an attempt paid for, if it is there and undamaged."""
    shown = Path(attempt.file) if attempt.file else None
    return service.store.load(attempt.digest, attempt.kind or "", shown) if attempt.digest else None


def put_back(service: Service, key: str) -> Attempt | None:
    """The attempt whose result was lost and has been put back since, as ``kept`` asks for."""
    lost = service.ledger.retired(key)
    if lost is None or stored(service, lost) is None:
        return None
    service.ledger.retire(lost.id, False)
    return lost


def buy(service: Service, item: Item, upload: contract.Upload, watch: Watch, aside: Executor) -> Result:
    """Send until there is an outcome that is not provably free, or trying again makes no sense.

    Args:
        aside: a second thread.
    """
    policy = service.policy
    deadline = time.monotonic() + policy.total
    unsent = paced = 0
    while True:
        result, verdict, trouble = attempt_once(service, item, upload, watch, aside, deadline - time.monotonic())
        if result is not None:
            return result
        if verdict.outcome is not Outcome.FREE or not verdict.retry:
            break
        if trouble is not None:
            unsent += 1
            if unsent > (1 if trouble == "name" else policy.unsent_retries):
                break
            pause = policy.pause_before_retry(unsent)
        else:
            paced += 1
            pause = verdict.pace if verdict.pace is not None else policy.pause_before_retry(paced)
            if paced > policy.paced_retries or pause > policy.longest_pace:
                break
        if time.monotonic() + pause >= deadline:
            break
        wait(pause, watch)
    if trouble == "cancelled":
        raise Cancelled
    do = verdict.do
    if verdict.pace:
        do = f"The service asks to wait {verdict.pace:.0f} s before the next request; run again then."
    raise ServiceError(verdict.outcome, verdict.what, do, verdict.hopeless)


def wait(seconds: float, watch: Watch) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if watch.cancelled():
            raise Cancelled
        watch.say(f"trying again in {left:.0f} s", 0.05)
        time.sleep(min(POLL, left))


def attempt_once(
    service: Service, item: Item, upload: contract.Upload, watch: Watch, aside: Executor, seconds: float
) -> tuple[Result | None, Verdict, str | None]:
    """One request, from the guards to the outcome in the ledger.

    Returns:
        The result if there is one, the verdict, and what went wrong before the request was complete.
    """
    address, policy = service.address, service.policy
    key = credentials.read_key(address, service.store.home, service.environ)
    service.breaker()
    limit = policy.answer_bytes(*item.parameters.expected(*item.picture.size))
    service.store.prepare(limit)
    name = uuid.uuid4().hex
    spool = service.store.spool(name, limit // 2)
    try:
        number = service.ledger.begin(
            item.key, address.origin, item.parameters.expected(*item.picture.size), spool.path.name, service.day_limit()
        )
    except BaseException:
        spool.discard()
        raise
    body, content_type = contract.BODIES[address.body](upload, item.parameters)
    started = time.monotonic()

    def sent(count: int, total: int) -> None:
        if count < total:
            watch.say(f"uploading {count / total:.0%}", 0.05 + 0.25 * count / total)
        else:
            watch.say("the service is working (paid from here on)", 0.3)

    def received(count: int) -> None:
        watch.say(f"receiving {count / 1e6:.1f} MB", 0.9)

    exchange = client.exchange(
        address, key, body, content_type, spool, policy, seconds, limit, watch.cancelled, sent, received
    )
    answer = spool.close(key.scrub_bytes, aside)
    # Reading the answer changes nothing; what it says counts from when it is on disk.
    verdict = judge(exchange, answer, key.source, len(upload.data))
    spool.wait_for_disk()
    facts = {"status": exchange.status, "milliseconds": round(1000 * (time.monotonic() - started))}
    unsent = exchange.trouble if exchange.status is None and not exchange.handed_over else None
    verdict = scrubbed(verdict, key)
    if verdict.outcome is Outcome.PAID:
        notes = [upload.note] if upload.note else []
        return conclude(service, item, number, verdict, spool, facts, notes, aside), verdict, None
    try:
        service.ledger.settle(
            number,
            verdict.outcome,
            note=verdict.what,
            file=str(spool.path) if verdict.outcome is Outcome.UNKNOWN and answer else None,
            **facts,
        )
    except LedgerError:
        # The attempt stays open in the ledger and is settled from the kept answer by the next one.
        return None, verdict, unsent
    if verdict.outcome is Outcome.FREE or not answer:
        spool.discard()
    return None, verdict, unsent


def scrubbed(verdict: Verdict, key: credentials.Key) -> Verdict:
    """The verdict with texts that cannot hold the key: everything said or written about an answer goes through here."""
    return Verdict(
        **{
            **verdict.__dict__,
            "what": key.scrub(verdict.what),
            "do": key.scrub(verdict.do),
            "warnings": tuple(map(key.scrub, verdict.warnings)),
        }
    )


def conclude(
    service: Service,
    item: Item,
    number: int,
    verdict: Verdict,
    spool: Spool,
    facts: dict[str, Any],
    notes: list[str],
    aside: Executor,
) -> Result:
    """Keep what was paid for, and look at it meanwhile: the answer as it came is on disk already.

    Raises:
        ServiceError: what came is no usable picture; it is kept all the same.
    """
    keeping = aside.submit(keep, service, item, number, verdict, spool, facts)
    aside.submit(lambda: item.look)
    found = Examined(problem=verdict.what) if verdict.what else examine(verdict.picture or b"", item)
    file, troubles = keeping.result()
    if found.picture is None:
        with contextlib.suppress(LedgerError):  # there is worse to tell
            service.ledger.note(number, found.problem)
        raise ServiceError(Outcome.PAID, found.problem, paid_advice(file, verdict.do))
    seed = verdict.seed if verdict.seed is not None else item.parameters.seed or None
    return Result(found.picture, CREDITS, file, seed, (*notes, *verdict.warnings, *troubles, *found.oddities))


def keep(
    service: Service, item: Item, number: int, verdict: Verdict, spool: Spool, facts: dict[str, Any]
) -> tuple[Path | None, list[str]]:
    """What was paid for on disk, then the payment in the ledger; where it is, and what went wrong with it."""
    file, on_disk, troubles = spool.path if spool.failed is None else None, False, []
    facts = {**facts, "seed": verdict.seed}
    kind = pictures.sniff(verdict.picture or b"")
    if kind is not None and verdict.picture is not None:
        try:
            digest, file = service.store.save(verdict.picture, f"outpaint_{item.key[:12]}_{number:05d}", kind)
            facts |= {"digest": digest, "kind": kind}
            on_disk = True
        except OSError as error:
            troubles.append(f"the paid picture could not be written to disk ({error.strerror}): save the result now")
    try:
        service.ledger.settle(number, Outcome.PAID, note=verdict.what, file=str(file) if file else None, **facts)
        if on_disk and not spool.failed:
            spool.discard()
    except LedgerError as error:
        # The attempt stays open, with its answer on disk: the next one who opens the ledger settles it from there.
        troubles.append(f"the payment could not be written into the ledger: {error.what}")
    return file, troubles


@dataclass(frozen=True)
class Examined:
    """A decoded picture and what is odd about it, or why there is none."""

    picture: Image.Image | None = None
    oddities: tuple[str, ...] = ()
    problem: str = ""


def examine(data: bytes, item: Item) -> Examined:
    """Look at the bytes that came as the picture.

    The money is spent when this runs: whatever breaks in here must come back as a sentence.
    """
    try:
        picture, notes = pictures.decode(data, area(item))
        return Examined(picture, (*notes, *inspect(picture, item)))
    except pictures.UnusablePicture as error:
        return Examined(problem=f"The service's picture cannot be used: {error}.")
    except verify.BlankAnswer:
        return Examined(problem="The service returned a picture of one single colour.")
    except Exception as error:
        return Examined(problem=f"The service's picture could not be processed ({type(error).__name__}).")


def paid_advice(file: Path | str | None, do: str = "") -> str:
    kept_in = f"What came is kept in {file}. " if file else ""
    return kept_in + (do or "Raise 'reroll' to ask, and pay, for another picture.")


def area(item: Item) -> int:
    width, height = item.parameters.expected(*item.picture.size)
    return width * height


def inspect(picture: Image.Image, item: Item) -> list[str]:
    """What is odd about a decoded answer. Raises BlankAnswer."""
    expected = item.parameters.expected(*item.picture.size)
    if picture.size != expected:
        return [f"the answer is {picture.width}×{picture.height}, expected {expected[0]}×{expected[1]}"]
    left, up = item.parameters.left, item.parameters.up
    box = (left, up, left + item.picture.width, up + item.picture.height)
    return verify.compare(picture, item.look, box).warnings()
