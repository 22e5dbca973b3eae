"""Engine "api": the paid service. Says what it costs before it starts, and pays for no picture twice."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from ..errors import InputError, OutpaintError
from ..imaging import codec, returned
from ..imaging.canvas import Extents
from ..imaging.progress import Share
from ..service import batch
from ..service.contract import CREDITS, Parameters
from ..service.service import Service
from ..service.store import user_folder
from .engines import Extended, Hopeless, Task, canvas_size, size_of

POLL = 0.2


class ApiEngine:
    """Sends each picture to the service, and joins the answer to the untouched original."""

    def __init__(self, options: argparse.Namespace):
        self.max_credits = options.max_credits
        self.settings = {"prompt": options.prompt or "", "seed": options.seed or 0}
        if options.creativity is not None:
            self.settings["creativity"] = options.creativity
        self.service = Service.open(user_folder())

    def announce(self, tasks: Sequence[Task]) -> str:
        """The cost. Photos that will fail on their own count nothing.

        Raises:
            InputError: it is more than ``--max-credits``.
        """
        self.service.recover()
        sent: set[str] = set()
        pictures = 0
        for task in tasks:
            try:
                picture, extents = task.open()
                plan = self.plan(picture, extents) if extents else None
            except InputError:
                continue
            if plan:
                pictures += 1
                sent.update(plan.new)
        cost = CREDITS * len(sent)
        free = f", {pictures - len(sent)} of them free (paid for before, or the same)" if pictures > len(sent) else ""
        if cost > self.max_credits:
            raise InputError(
                f"This run would cost {cost} credits, more than the {self.max_credits} allowed. Nothing was sent.",
                f"Allow it with --max-credits {cost}, or give fewer photos.",
            )
        return f"{batch.count(pictures, 'picture')}{free}: {cost} credits at {self.service.address.origin}"

    def plan(self, picture: codec.Picture, extents: Extents) -> batch.Plan:
        sides = {side: getattr(extents, side) for side in ("left", "right", "up", "down")}
        return batch.plan(self.service, [batch.Job(codec.to_pil(picture.image), Parameters(**sides, **self.settings))])

    def workers(self) -> list[ApiEngine]:
        return [self] * self.service.policy.concurrency

    def extend(self, task: Task, picture: codec.Picture, extents: Extents, progress: Share) -> Extended:
        try:
            result = self.obtain(self.plan(picture, extents), progress)
        except OutpaintError as error:
            if batch.is_hopeless(error):
                raise Hopeless(error.what, error.do, error.credits) from error
            raise
        joined = returned.join(picture.image, codec.from_pil(result.picture), extents)
        lines = [
            f"credits: {result.credits}",
            f"seed: {result.seed if result.seed is not None else 'not told'}",
            *(f"warning: {warning}" for warning in (*result.warnings, *joined.warnings)),
            *joined.text.splitlines(),
            *([f"answer kept as: {result.file}"] if result.file else []),
        ]
        fits = size_of(joined.image) == canvas_size(picture, extents)
        return Extended(joined.image, extents if fits else None, "\n".join(lines))

    def obtain(self, plan: batch.Plan, progress: Share) -> batch.Result:
        """The service's picture. Cancelled, it sends nothing more but still takes in what is paid for."""
        flight = batch.start(plan)
        while not flight.wait(POLL):
            try:
                progress(flight.fraction)
            except Exception:
                flight.cancel()
        return flight.results()[0]
