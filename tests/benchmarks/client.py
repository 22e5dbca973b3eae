"""What the paid client adds to the service's own time: seconds, memory, and what it leaves behind.

    python tests/benchmarks/client.py [--quick]

For pictures of 1, 4 and 9 megapixels: time from tensor to finished tensor (encode, hash, upload, store, decode, verify,
paste) against a server that answers at once from memory, compared with encoding and decoding the same PNG alone, as
the client does it (level 3) and as the host's SaveImage does it (level 4); and peak memory over the picture's
own float32 size. Then a batch of 8 against a server that takes 2 s, and 200 requests in a row. Prints a table and ends
with 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import multiprocessing
import os
import resource
import statistics
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from PIL import Image

from outpaint_nodes.nodes.imaging import codec
from outpaint_nodes.nodes.service import batch
from outpaint_nodes.nodes.service.batch import Job, Parameters, Service
from outpaint_nodes.nodes.service.contract import PNG_LEVEL
from outpaint_nodes.nodes.service.policy import Policy

TESTS = Path(__file__).parents[1]
KEY = "benchmark-key-0123"
RIGHT = 256
SIZES = {"1 MP": (1152, 864), "4 MP": (2304, 1728), "9 MP": (3456, 2592)}
# The shorter a run, the more a disk that is busy for a moment weighs.
RUNS = {"1 MP": 21, "4 MP": 11, "9 MP": 7}


def photo(width: int, height: int, seed: int = 0) -> Image.Image:
    """A real photo at this size, with sensor-like grain so that it packs as badly as a photo does."""
    picture = (
        Image.open(TESTS / "photos" / "coffee.jpg").convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
    )
    grain = np.random.default_rng(seed).normal(0, 2, (height, width, 1))
    return Image.fromarray((np.asarray(picture) + grain).round().clip(0, 255).astype(np.uint8))


def png(picture: Image.Image, level: int = PNG_LEVEL) -> bytes:
    """As the client sends it; level 4 is what ComfyUI's SaveImage writes."""
    data = io.BytesIO()
    picture.save(data, "PNG", compress_level=level)
    return data.getvalue()


def serve(pipe, answers: list[bytes], seconds: float) -> None:
    """A server that says the same for every request, after reading it; runs in a process of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            left = int(self.headers["content-length"])
            while left:
                left -= len(self.rfile.read(min(left, 1 << 20)))
            time.sleep(seconds)
            body = answers[0]
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    pipe.send(server.server_port)
    server.serve_forever()


class Answering:
    """A process that answers every request with this picture."""

    def __init__(self, picture: Image.Image, seconds: float = 0.0):
        envelope = {
            "code": 0,
            "message": "success",
            "data": {"image": base64.b64encode(png(picture)).decode(), "seed": 1},
        }
        here, there = multiprocessing.Pipe()
        self.process = multiprocessing.get_context("fork").Process(
            target=serve, args=(there, [json.dumps(envelope).encode()], seconds), daemon=True
        )
        self.process.start()
        self.origin = f"http://127.0.0.1:{here.recv()}"

    def service(self, folder: str) -> Service:
        environ = {"OUTPAINT_API_URL": f"{self.origin}/api", "OUTPAINT_API_KEY": f"{self.origin} {KEY}"}
        # As PNG whatever its size: 9 MP would otherwise be encoded a second time, as JPEG.
        policy = Policy(upload_limit=100_000_000)
        return Service.open(Path(folder), Path(folder) / "output", policy, environ)

    def __enter__(self) -> Answering:
        return self

    def __exit__(self, *_) -> None:
        self.process.kill()
        self.process.join()


def extended(picture: Image.Image) -> Image.Image:
    return Image.fromarray(np.pad(np.asarray(picture), ((0, 0), (0, RIGHT), (0, 0)), mode="symmetric"))


def once(service: Service, tensor: torch.Tensor, seed: int) -> torch.Tensor:
    """From the node's input to its output with the original pasted back; matching is measured in joining.py."""
    plan = batch.plan(service, [Job(codec.to_pil(tensor), Parameters(right=RIGHT, seed=seed))])
    flight = batch.start(plan)
    while not flight.wait(0.1):
        pass
    image = codec.from_pil(flight.results()[0].picture)
    image[:, :, : tensor.shape[2]] = tensor
    return image


def forget(service: Service) -> None:
    """Remove the kept pictures, so that each run writes its own."""
    for folder in (service.store.results, service.store.keep_in):
        for path in folder.iterdir():
            path.unlink()


def timed(work) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def measure(name: str, runs: int) -> tuple[float, float, float, float]:
    """Seconds of the client, of PNG encode (picture out) and decode (answer in) as sent and as saved, memory factor."""
    picture = photo(*SIZES[name])
    tensor = codec.from_pil(picture)
    answer = extended(picture)
    times: dict[str, list[float]] = {"client": [], "sent": [], "saved": []}
    with Answering(answer) as server, tempfile.TemporaryDirectory() as folder:
        service = server.service(folder)
        once(service, tensor, 999)
        levels = {"sent": PNG_LEVEL, "saved": 4}
        data = {level: png(answer, level) for level in levels.values()}
        for run in range(runs):
            for name_of, level in levels.items():
                alone = timed(lambda level=level: (png(picture, level), Image.open(io.BytesIO(data[level])).load()))
                times[name_of].append(alone)
            forget(service)
            times["client"].append(timed(lambda run=run: once(service, tensor, run + 1)))
    return *(statistics.median(times[what]) for what in ("client", "sent", "saved")), memory(name)


def memory(name: str) -> float:
    """Peak memory of one request in a process of its own, over what it held before, in float32 pictures."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=peak, args=(there, name))
    process.start()
    value = here.recv()
    process.join()
    return value


def peak(pipe, name: str) -> None:
    picture = photo(*SIZES[name])
    tensor = codec.from_pil(picture)
    with Answering(extended(picture)) as server, tempfile.TemporaryDirectory() as folder:
        service = server.service(folder)
        once(service, tensor, 999)
        del picture
        with open("/proc/self/clear_refs", "w") as reset:
            reset.write("5")
        before = resident()
        once(service, tensor, 1)
        pipe.send((high_water() - before) / (tensor.numel() * 4))


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def high_water() -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def batch_of_eight() -> tuple[float, int]:
    """Seconds for 8 pictures against a server that takes 2 s each, and how many were sent at once."""
    picture = photo(512, 384)
    with Answering(extended(picture), 2.0) as server, tempfile.TemporaryDirectory() as folder:
        service = server.service(folder)
        jobs = [Job(picture, Parameters(right=RIGHT, seed=seed)) for seed in range(1, 9)]
        started = time.perf_counter()
        batch.run(batch.plan(service, jobs))
        return time.perf_counter() - started, service.policy.concurrency


def two_hundred(number: int) -> dict[str, int]:
    """What a row of requests leaves behind: threads, open files, megabytes, files in pending and locks."""
    picture = photo(256, 192)
    with Answering(extended(picture)) as server, tempfile.TemporaryDirectory() as folder:
        service = server.service(folder)

        def ask(seed: int) -> None:
            batch.run(batch.plan(service, [Job(picture, Parameters(right=RIGHT, seed=seed))]))

        for seed in range(1, 21):
            ask(seed)
        threads, files, memory_before = threading.active_count(), len(os.listdir("/proc/self/fd")), resident()
        for seed in range(21, 21 + number):
            ask(seed)
        time.sleep(0.2)
        return {
            "threads": threading.active_count() - threads,
            "open files and sockets": len(os.listdir("/proc/self/fd")) - files,
            "MB": round((resident() - memory_before) / 1e6),
            "files": sum(1 for part in ("pending", "locks") for _ in (Path(folder) / part).iterdir()),
        }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one run each, 20 requests in a row")
    quick = parser.parse_args().quick
    missed = []
    print("picture    client   PNG as sent  ratio (limit 1.30)   PNG as saved ratio   memory (limit 6.0)")
    for name in SIZES:
        client, fast, usual, factor = measure(name, 1 if quick else RUNS[name])
        print(
            f"{name:8} {client:7.2f}s  {fast:10.2f}s {client / fast:6.2f}  {usual:23.2f}s {client / usual:6.2f}"
            f"  {factor:21.1f}x",
            flush=True,
        )
        missed += [f"{name} time"] if client / fast > 1.3 else []
        missed += [f"{name} memory"] if factor > 6 else []
    seconds, concurrency = batch_of_eight()
    limit = 2.2 * 8 / concurrency
    print(f"batch of 8 at 2 s each, {concurrency} at once: {seconds:.2f}s, limit {limit:.2f}s")
    missed += ["batch"] if seconds > limit else []
    left = two_hundred(20 if quick else 200)
    print("left behind by the requests in a row:", ", ".join(f"{value} {name}" for name, value in left.items()))
    missed += [name for name, value in left.items() if value > (20 if name == "MB" else 0)]
    print("missed: " + ", ".join(missed) if missed else "all targets met")
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
