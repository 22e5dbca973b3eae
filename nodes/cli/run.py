"""The course of one run: options, photos, engine, results."""

from __future__ import annotations

import argparse
import contextlib
import queue
import sys
import threading
from collections.abc import Sequence

import torch
from torch import Tensor

from ..errors import OutpaintError
from ..imaging import codec
from ..imaging.canvas import Canvas, Extents
from . import files, options
from .engines import Engine, Extended, FillEngine, Hopeless, Task, Unavailable, Worker, canvas_size, size_of
from .progress import Progress

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


class Cancelled(Exception):
    """Ctrl-C was pressed."""


def main(chosen: argparse.Namespace, growth: options.Growth) -> int:
    try:
        sources = files.find(chosen.photos)
        if not sources:
            raise OutpaintError(f"No picture in {', '.join(chosen.photos)}.", "Give photos, or folders with photos.")
        several = len(sources) > 1 or len(chosen.photos) > 1 or files.is_folder(chosen.photos[0])
        jobs = files.plan(sources, several, chosen.output, chosen.format, chosen.mask)
        tasks = [Task(job, growth) for job in jobs]
        engine = make_engine(chosen)
    except OutpaintError as error:
        print(f"outpaint: {error}", file=sys.stderr)
        return USAGE
    if chosen.dry_run:
        return preview(engine, tasks)
    try:
        return run(engine, tasks, chosen.report)
    except OutpaintError as error:
        print(f"outpaint: {error}", file=sys.stderr)
        return FAILED


def make_engine(chosen: argparse.Namespace) -> Engine:
    if chosen.engine == "api":
        from .api import ApiEngine

        return ApiEngine(chosen)
    if chosen.engine == "comfyui":
        from .comfyui import ComfyEngine

        return ComfyEngine(chosen)
    return FillEngine(chosen)


def preview(engine: Engine, tasks: Sequence[Task]) -> int:
    """What a run would do: nothing is made, nothing is sent."""
    result = DONE
    for task in tasks:
        try:
            picture, extents = task.open()
        except OutpaintError as error:
            print(f"outpaint: {error}", file=sys.stderr)
            result = FAILED
            continue
        sides = ", ".join(f"{side} {getattr(extents, side)}" for side in ("left", "right", "up", "down"))
        sizes = f"{size_of(picture.image)} -> {canvas_size(picture, extents)} ({sides})"
        print(f"{task.job.source} -> {task.job.target}: {sizes}")
    try:
        said = engine.announce(tasks)
    except OutpaintError as error:
        print(f"outpaint: {error}", file=sys.stderr)
        return FAILED
    if said:
        print(said)
    return result


def run(engine: Engine, tasks: Sequence[Task], report: bool) -> int:
    """Extend every photo; one that fails does not stop the rest.

    Raises:
        OutpaintError: the engine refuses the whole run.
    """
    said = engine.announce(tasks)
    if said:
        print(said, file=sys.stderr)
    waiting: queue.SimpleQueue[Task] = queue.SimpleQueue()
    for task in tasks:
        waiting.put(task)
    workers = engine.workers()
    work = Work(waiting, len(tasks), len(workers), report)
    try:
        for worker in workers:
            threading.Thread(target=work.loop, args=[worker], daemon=True).start()
        work.wait()
    except KeyboardInterrupt:
        work.interrupt()
        return INTERRUPTED
    for task in work.left():
        work.fail(task, f"not tried, {work.gone or 'no worker is left'}")
    return FAILED if work.failures else DONE


class Work:
    """The photos still to do, shared by the workers of an engine."""

    def __init__(self, waiting: queue.SimpleQueue[Task], total: int, workers: int, report: bool):
        self.waiting, self.busy, self.report = waiting, workers, report
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.progress = Progress(total)
        self.stop = threading.Event()
        self.hopeless = threading.Event()
        self.failures = 0
        self.gone = ""

    def loop(self, worker: Worker) -> None:
        """What the thread of a worker does."""
        try:
            self.do_all(worker)
        finally:
            with self.lock:
                self.busy -= 1
                if not self.busy:
                    self.over.set()

    def wait(self) -> None:
        """Wait for the workers. Not by ``Thread.join``: interrupted in it, Python before 3.13 takes the thread for
        ended (bpo-45274)."""
        while not self.over.wait(0.2):
            pass

    def do_all(self, worker: Worker) -> None:
        """Do photos until none is left, or the worker is gone."""
        while not (self.stop.is_set() or self.hopeless.is_set()):
            try:
                task = self.waiting.get_nowait()
            except queue.Empty:
                return
            try:
                self.do(worker, task)
            except Unavailable as error:
                # Nothing came of it and it cost nothing: another worker may have better luck.
                self.gone = str(error)
                self.progress.say(f"outpaint: {error}")
                self.waiting.put(task)
                return
            except Cancelled:
                return
            except Hopeless as error:
                self.gone = "for the same reason as the one before"
                self.hopeless.set()
                self.fail(task, str(error))
            except OutpaintError as error:
                self.fail(task, str(error))
            except Exception as error:  # A photo that breaks something unforeseen must not stop the others.
                self.fail(task, f"unexpected {type(error).__name__}: {error}")

    def do(self, worker: Worker, task: Task) -> None:
        def progress(share: float) -> None:
            if self.stop.is_set():
                raise Cancelled
            self.progress.update(task.name, share)

        progress(0.0)
        picture, extents = task.open()
        if task.growth.said and not extents:
            extended = Extended(picture.image, extents, "Nothing to add: the picture has that ratio or size already.")
        else:
            with torch.inference_mode():
                extended = worker.extend(task, picture, extents, progress)
        save(task, picture, extended)
        line = f"{task.job.source} -> {task.job.target} ({size_of(picture.image)} -> {size_of(extended.image)})"
        if self.report or not extents:
            line += "".join(f"\n  {text}" for text in extended.report.splitlines())
        self.progress.finish(task.name, line, sys.stdout)

    def interrupt(self) -> None:
        """End the work under way. What is paid for is waited for, unless Ctrl-C is pressed again."""
        self.stop.set()
        self.progress.say("outpaint: interrupted; waiting for what is under way (Ctrl-C again to leave at once).")
        with contextlib.suppress(KeyboardInterrupt):
            self.wait()
        self.progress.close()

    def fail(self, task: Task, why: str) -> None:
        self.failures += 1
        self.progress.finish(task.name, f"{task.job.source}: FAILED: {why}")

    def left(self) -> list[Task]:
        tasks = []
        while not self.waiting.empty():
            tasks.append(self.waiting.get_nowait())
        return tasks


def save(task: Task, picture: codec.Picture, extended: Extended) -> None:
    """Write the result, with the photo's colour profile, camera data and transparency, and the mask."""
    job, extents = task.job, extended.extents
    if job.mask and extents is None:
        raise OutpaintError(
            "The workflow gave a size of its own, so the mask is unknown.", "Save the mask in the workflow."
        )
    alpha = None
    if picture.alpha is not None and extents is not None:
        alpha = around(picture.alpha, extents)
    data = codec.encode(
        extended.image, job.format, alpha=alpha, icc_profile=picture.icc_profile, exif=picture.exif
    )
    files.write(job.target, data)
    if job.mask and extents is not None:
        files.write(job.mask, codec.encode(around(torch.zeros_like(picture.image), extents), "png"))


def around(original: Tensor, extents: Extents) -> Tensor:
    """``original`` (``[1, H, W]`` or ``[1, H, W, 3]``) with 1 all around it."""
    canvas = Canvas(options.Size(original.shape[2], original.shape[1]), extents)
    whole = torch.ones(1, canvas.size.height, canvas.size.width, *original.shape[3:])
    whole[(slice(None), *canvas.rect.slices)] = original
    return whole
