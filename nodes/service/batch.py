"""Several pictures: plan first (what is new, what it costs), then run (few at once, each result kept as it comes).

service = Service.open(home)
plan = batch.plan(service, [batch.Job(picture, Parameters(right=256))], max_credits=80)
print(plan.text())
results = batch.run(plan)
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from PIL import Image

from ..errors import InputError, OutpaintError
from . import contract, payment
from .answer import Outcome
from .contract import CREDITS, Parameters
from .ledger import DayLimitReached, count
from .locks import POLL
from .payment import Item, Result, ServiceError, Watch
from .service import Service
from .store import Store

__all__ = ["BatchError", "Flight", "Job", "Parameters", "Plan", "Result", "Service", "Store", "plan", "run", "start"]


@dataclass(frozen=True)
class Job:
    """One picture and what is asked for it. ``reroll`` asks on purpose for another result of the same inputs."""

    picture: Image.Image = field(repr=False)
    parameters: Parameters
    reroll: int = 0


@dataclass(frozen=True)
class Plan:
    """What a run would do.

    Args:
        items: one for each job, in their order.
        new: keys of the requests that have to be paid for, each once.
    """

    service: Service
    items: tuple[Item, ...]
    new: tuple[str, ...]

    @property
    def credits(self) -> int:
        """What the run costs if everything succeeds."""
        return CREDITS * len(self.new)

    @property
    def free(self) -> int:
        """Pictures that cost nothing: paid for before, or the same as another one of this run."""
        return len(self.items) - len(self.new)

    def text(self) -> str:
        pictures = count(len(self.items), "picture")
        if not self.new:
            return f"{pictures}: paid for before, 0 credits"
        if self.free:
            return f"{pictures} ({self.free} of them free: paid for before, or the same): {self.credits} credits"
        return f"{pictures}: {self.credits} credits"


class BatchError(ServiceError):
    """Not all pictures of a run came. ``results`` holds those that did, None in place of the others."""

    def __init__(self, what: str, do: str, credits: str, outcome: Outcome, results: list[Result | None]):
        super().__init__(outcome, what, do, credits=credits)
        self.results = results


def plan(service: Service, jobs: Sequence[Job], max_credits: int | None = None) -> Plan:
    """Check everything that can be checked without sending, and count the cost.

    Args:
        max_credits: refuse when the run would cost more.

    Raises:
        OutpaintError: an input the service would not take, a run too expensive, a day's limit reached, no key.
    """
    items = []
    for job in jobs:
        picture = job.picture if job.picture.mode == "RGB" else job.picture.convert("RGB")
        contract.check_picture(picture)
        key = contract.request_key(service.address.url, picture, job.parameters, job.reroll)
        items.append(Item(picture, job.parameters, key, service.ledger.paid(key)))
    new = tuple(dict.fromkeys(item.key for item in items if item.paid is None))
    planned = Plan(service, tuple(items), new)
    if max_credits is not None and planned.credits > max_credits:
        raise contract.refuse(
            f"This run would cost {planned.credits} credits ({planned.text()}), more than max_credits = {max_credits}.",
            f"Raise max_credits to {planned.credits}, or send fewer pictures.",
        )
    limit = service.day_limit()
    if limit is not None and planned.new:
        spent = service.ledger.committed_today()
        if spent + planned.credits > limit:
            raise DayLimitReached(spent, planned.credits, limit)
    return planned


class Flight:
    """A run under way, in daemon threads of its own: it survives whoever waits for it."""

    def __init__(self, planned: Plan):
        self.plan = planned
        self.outcomes: dict[str, Result | OutpaintError] = {}
        self.cancelled = threading.Event()
        self.stopped = threading.Event()
        self.watches = {item.key: Watch(self.cancelled.is_set) for item in planned.items}
        self.queue = list({item.key: item for item in planned.items}.values())
        self.guard = threading.Lock()
        self.working = min(planned.service.policy.concurrency, len(self.queue))
        self.over = threading.Event()

    def start(self) -> None:
        for number in range(self.working):
            threading.Thread(target=self.work, name=f"outpaint-{number}", daemon=True).start()

    def work(self) -> None:
        """What each thread does. Its end is counted here: a join that Ctrl-C interrupts takes a thread for ended."""
        with self.plan.service.ledger.kept_open():
            try:
                self.take_items()
            finally:
                with self.guard:
                    self.working -= 1
                    if not self.working:
                        self.over.set()

    def take_items(self) -> None:
        while not self.cancelled.is_set() and not self.stopped.is_set():
            with self.guard:
                if not self.queue:
                    return
                item = self.queue.pop(0)
            outcome: Result | OutpaintError
            try:
                outcome = payment.obtain(self.plan.service, item, self.watches[item.key])
            except OutpaintError as error:
                outcome = error
            except Exception as error:
                outcome = ServiceError(
                    Outcome.UNKNOWN,
                    f"The request ended in an internal error ({type(error).__name__}).",
                    "See 'outpaint ledger' for what became of it, and report this.",
                    hopeless=True,
                )
            if isinstance(outcome, OutpaintError) and is_hopeless(outcome):
                self.stopped.set()
            self.outcomes[item.key] = outcome

    def cancel(self) -> None:
        """Send nothing more. Requests already handed over go on, and their answers are kept."""
        self.cancelled.set()

    @property
    def done(self) -> bool:
        return self.over.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait at most that long; whether everything is over."""
        return self.over.wait(seconds)

    @property
    def fraction(self) -> float:
        """How far it is, 0 to 1."""
        shares = [1.0 if key in self.outcomes else watch.fraction for key, watch in self.watches.items()]
        return sum(shares) / max(1, len(shares))

    def lines(self) -> list[str]:
        """How far it is: in all, where there are several pictures, and each request under way."""
        busy = [watch.text for key, watch in self.watches.items() if key not in self.outcomes and watch.fraction]
        if len(self.watches) == 1:
            return busy or [Watch.text]
        return [f"{len(self.outcomes)} of {len(self.watches)} done", *busy]

    def text(self) -> str:
        """The same in one line."""
        return ", ".join(self.lines())

    def results(self) -> list[Result]:
        """The results in the order of the plan.

        Raises:
            OutpaintError: the one picture asked for did not come.
            BatchError: some of several did not.
        """
        found = [self.outcomes.get(item.key) for item in self.plan.items]
        results = [outcome for outcome in found if isinstance(outcome, Result)]
        if len(results) == len(found):
            paid: set[str] = set()
            for index, item in enumerate(self.plan.items):
                # The same request twice in one run is one payment.
                results[index] = replace(results[index], credits=0) if item.key in paid else results[index]
                paid.add(item.key)
            return results
        if len(found) == 1:
            raise found[0] if isinstance(found[0], OutpaintError) else payment.Cancelled()
        raise self.failure(found)

    def failure(self, found: list[Result | OutpaintError | None]) -> BatchError:
        results = [outcome if isinstance(outcome, Result) else None for outcome in found]
        unique = self.outcomes.values()
        paid = sum(outcome.credits for outcome in unique if isinstance(outcome, Result))
        errors = [outcome for outcome in unique if isinstance(outcome, OutpaintError)]
        paid += sum(CREDITS for error in errors if getattr(error, "outcome", None) is Outcome.PAID)
        unknown = sum(getattr(error, "outcome", None) is Outcome.UNKNOWN for error in errors)
        reasons: dict[str, list[str]] = {}
        for number, outcome in enumerate(found, start=1):
            if isinstance(outcome, OutpaintError):
                reasons.setdefault(outcome.what, []).append(str(number))
        unsent = [str(number) for number, outcome in enumerate(found, start=1) if outcome is None]
        failed = len(found) - len(unsent) - sum(result is not None for result in results)
        what = (
            f"{len(found) - failed - len(unsent)} of {len(found)} pictures came, {failed} failed, "
            f"{len(unsent)} were not sent."
        )
        for reason, numbers in reasons.items():
            what += f" Reason for picture {', '.join(numbers)}: {reason}"
        if unsent:
            what += f" Not sent: picture {', '.join(unsent)}."
        credits = f"{paid} credits were spent."
        if unknown:
            requests = count(unknown, "request")
            credits = (
                f"{paid} credits were spent, and the outcome of {requests} is unknown (0 or {CREDITS} credits each)."
            )
        kept_in = where(results)
        do = f"The pictures that came are kept{kept_in}; running again collects them free and sends only the others."
        if errors:
            do += " " + errors[0].do
        worst = Outcome.UNKNOWN if unknown else Outcome.PAID if paid else Outcome.FREE
        return BatchError(what, do, credits, worst, results)


def is_hopeless(error: OutpaintError) -> bool:
    """Whether the next pictures need not be tried: all errors but those that concern one picture."""
    return getattr(error, "hopeless", not isinstance(error, InputError))


def where(results: list[Result | None]) -> str:
    folders = {str(Path(result.file).parent) for result in results if result and result.file}
    return f" in {', '.join(sorted(folders))}" if folders else ""


def start(planned: Plan) -> Flight:
    """Begin a run. Nothing of the caller is called from its threads.

    Raises:
        OutpaintError: no key. Only needed when something has to be paid.
    """
    if planned.new:
        planned.service.key()
    flight = Flight(planned)
    flight.start()
    return flight


def run(
    planned: Plan,
    progress: Callable[[str, float], None] = lambda text, fraction: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> list[Result]:
    """Run a plan to its end, from an ordinary program; the results in the order of its items.

    Interrupted (Ctrl-C, or ``cancelled`` true), it sends nothing more but waits for answers under way, because they
    are paid for; a second Ctrl-C leaves at once.

    Args:
        progress: called from this thread, at most ten times a second, with a line of text and a fraction.

    Raises:
        OutpaintError: see ``Flight.results``.
    """
    flight = start(planned)
    try:
        follow(flight, progress, cancelled)
    except KeyboardInterrupt:
        flight.cancel()
        follow(
            flight,
            lambda text, fraction: progress(f"cancelled; waiting for answers already paid for: {text}", fraction),
        )
    return flight.results()


def follow(
    flight: Flight, progress: Callable[[str, float], None], cancelled: Callable[[], bool] = lambda: False
) -> None:
    while not flight.wait(2 * POLL):
        progress(flight.text(), flight.fraction)
        if cancelled():
            flight.cancel()
    progress(flight.text(), 1.0)
