"""Outpaint (API) in the real host, against a server that can fail: the rows of the fault catalogue that need a host."""

from __future__ import annotations

import itertools
import signal
import threading
import time

import numpy as np
import pytest
from PIL import Image

from host.server import ComfyServer
from service.endpoint import KEY
from service.faults import FaultServer, answers, returns, working, works
from service.world import photo

SEEDS = itertools.count(100, 100)
LEDGER = "user/__outpaint/ledger.sqlite"
# Spinning OpenMP threads of several hosts on one machine hold each other up a hundredfold.
ONE_THREAD = {"OMP_NUM_THREADS": "1"}


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


def api(image=("load", 0), **changes) -> dict:
    """The node with its defaults, 64 px to the right, and a seed that no other test has."""
    inputs = {
        "image": list(image), "left": 0, "right": 64, "up": 0, "down": 0, "creativity": 0.5, "prompt": "",
        "seed": next(SEEDS), "output_format": "png", "keep_original": True, "max_credits": 80, "dry_run": False,
        "reroll": 0,
    }  # fmt: skip
    return {"class_type": "OutpaintAPI", "inputs": inputs | changes}


def keep(node: str) -> dict:
    """Nodes that write a node's five outputs into the output folder, bit for bit."""
    names = ("image", "mask", "raw", "seed", "report")
    return {
        f"keep_{name}": {"class_type": "TestSaveTensor", "inputs": {"value": [node, slot], "name": name}}
        for slot, name in enumerate(names)
    }


def prompt(node: dict | None = None, **others) -> dict:
    load = {"class_type": "LoadImage", "inputs": {"image": "photo.png"}}
    return {"load": load, "api": node or api(), **keep("api"), **others}


def tensor(comfy, name: str) -> np.ndarray:
    return np.load(comfy.output / f"{name}.npy")


def report(comfy) -> str:
    return (comfy.output / "report.txt").read_text()


def original() -> np.ndarray:
    return np.asarray(photo(), np.float32)[None] / 255


def put(comfy, values: np.ndarray) -> dict:
    """A node that loads these values; its name is new, because the host caches by inputs."""
    name = f"{next(SEEDS)}.npy"
    np.save(comfy.input / name, values)
    return {"class_type": "TestLoadTensor", "inputs": {"name": name}}


def until(condition, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def test_the_picture_is_extended_and_the_original_is_bit_identical(paid, server):
    run = paid.run(prompt(api(left=13, right=64, up=7, down=31, seed=77)))
    assert run.status == "success", run.message
    image, mask, raw = (tensor(paid, name) for name in ("image", "mask", "raw"))
    assert image.shape == raw.shape == (1, 192 + 38, 256 + 77, 3) and mask.shape == image.shape[:3]
    assert np.array_equal(image[:, 7:199, 13:269], original())
    assert mask[:, 7:199, 13:269].max() == 0 and mask.sum() == mask.size - 192 * 256
    assert not np.array_equal(raw[:, 7:199, 13:269], original())
    assert (paid.output / "seed.txt").read_text() == "77"
    assert report(paid).startswith("8 credits · today ") and "outpaint_" in report(paid)
    assert server.charged == 8


def test_the_answer_as_it_came_without_the_original(paid, server):
    paid.run(prompt(api(keep_original=False)))
    assert np.array_equal(tensor(paid, "image"), tensor(paid, "raw"))


def test_a_picture_paid_for_is_free_next_time_also_with_other_settings_of_the_paste(paid, server):
    node = api()
    paid.run(prompt(node))
    node["inputs"]["keep_original"] = False
    run = paid.run(prompt(node))
    assert run.status == "success" and report(paid).startswith("0 credits")
    assert server.connections == 1


def test_row_7_alpha_is_kept_and_the_new_area_is_opaque(paid, server):
    values = np.random.default_rng(0).random((1, 100, 120, 4), np.float32)
    run = paid.run(prompt(api(("rgba", 0)), rgba=put(paid, values)))
    assert run.status == "success", run.message
    image = tensor(paid, "image")
    assert image.shape == (1, 100, 184, 4)
    assert np.array_equal(image[:, :, :120], values) and image[:, :, 120:, 3].min() == 1


@pytest.mark.parametrize(
    "values",
    [
        np.full((1, 100, 120, 1), 0.3, np.float32) + np.linspace(0, 0.5, 120, dtype=np.float32)[:, None],
        original()[:, :100, :120].astype(np.float16),
        np.asfortranarray(original()[:, :100, :120]),
        original()[:, :100, :120] * 3 - 1,
    ],
    ids=["one channel", "half precision", "not contiguous", "outside 0 to 1"],
)
def test_row_7_other_tensors_are_taken(paid, server, values):
    run = paid.run(prompt(api(("tensor", 0)), tensor=put(paid, values)))
    assert run.status == "success", run.message
    kept = tensor(paid, "image")[:, :, :120]
    assert np.array_equal(kept, np.broadcast_to(values.astype(np.float32), kept.shape))


@pytest.mark.parametrize(
    "values, word",
    [
        (np.full((1, 100, 120, 3), np.nan, np.float32), "not numbers"),
        (np.zeros((0, 100, 120, 3), np.float32), "empty"),
        (np.zeros((1, 100, 120, 5), np.float32), "5 channels"),
        (np.zeros((1, 1, 1, 3), np.float32), "1×1"),
        (np.zeros((1, 60, 120, 3), np.float32), "120×60"),
    ],
    ids=["NaN", "empty", "5 channels", "one pixel", "too small for the service"],
)
def test_row_7_what_is_no_picture_is_named_before_anything_is_sent(paid, server, values, word):
    run = paid.run(prompt(api(("tensor", 0)), tensor=put(paid, values)))
    assert run.status == "error" and word in run.message and "no credits were spent" in run.message
    assert server.connections == 0


def test_all_sides_zero_is_an_error_and_no_picture(paid, server):
    run = paid.run(prompt(api(right=0)))
    assert run.status == "error" and "all 0" in run.message and "no credits" in run.message


def test_row_11_a_workflow_cannot_name_address_or_key(paid, server):
    with FaultServer() as evil:
        node = api(base_url=evil.url, url=evil.url, api_key="stolen-key-123", endpoint=evil.url)
        run = paid.run(prompt(node))
        assert run.status == "success" and evil.connections == 0
    assert server.heads[-1]["authorization"] == KEY


def test_dry_run_shows_cost_and_canvas_and_sends_nothing(paid, server):
    run = paid.run(prompt(api(dry_run=True, up=10)))
    assert run.status == "success", run.message
    assert "nothing sent" in report(paid) and "8 credits" in report(paid) and "320×202" in report(paid)
    assert np.array_equal(tensor(paid, "image")[:, 10:, :256], original())
    assert tensor(paid, "mask").sum() == 320 * 202 - 256 * 192
    assert tensor(paid, "image")[:, :, 256:].std() > 0.01
    assert server.connections == 0


def test_row_9_max_credits_stops_a_batch_before_it_starts(paid, server):
    batch = {"class_type": "RepeatImageBatch", "inputs": {"image": ["load", 0], "amount": 3}}
    run = paid.run(prompt(api(("many", 0), max_credits=23), many=batch))
    assert run.status == "error" and "24 credits" in run.message and server.connections == 0


def test_a_batch_counts_the_seed_up_and_gives_each_picture_its_own_answer(paid, server):
    values = np.concatenate([original(), original()[:, ::-1], original()[:, :, ::-1]])
    run = paid.run(prompt(api(("three", 0), seed=4294967293), three=put(paid, values)))
    assert run.status == "success", run.message
    assert np.array_equal(tensor(paid, "image")[:, :, :256], values)
    assert sorted(request.seed for request in server.requests[-3:]) == [1, 4294967293, 4294967294]
    assert report(paid).startswith("24 credits") and server.charged == 24


def test_row_74_one_failure_in_a_batch_keeps_the_others(paid, server):
    batch = {"class_type": "RepeatImageBatch", "inputs": {"image": ["load", 0], "amount": 3}}
    node = api(("many", 0))
    server.then(answers(400, {"message": "too dark"}))
    run = paid.run(prompt(node, many=batch))
    assert run.status == "error" and "2 of 3 pictures came" in run.message and "16 credits were spent" in run.message
    assert "too dark" in run.message and str(paid.output / "outpaint") in run.message
    run = paid.run(prompt(node, many=batch))
    assert run.status == "success" and report(paid).startswith("8 credits")
    assert server.charged == 24


def test_row_78_a_list_is_sent_two_at_a_time(paid, server):
    server.default = working(0.1)
    for number in range(6):
        np.save(paid.input / f"list{number}.npy", np.roll(original(), number, 1))
    many = {"class_type": "TestLoadList", "inputs": {"name": ",".join(f"list{number}.npy" for number in range(6))}}
    run = paid.run(prompt(api(("many", 0)), many=many))
    assert run.status == "success", run.message
    assert server.generations == 6 and server.most_at_once <= 2


def test_row_79_answers_of_different_size_are_said_and_padded_not_scaled(paid, server):
    server.then(returns(lambda request: photo(330, 200)))
    batch = {"class_type": "RepeatImageBatch", "inputs": {"image": ["load", 0], "amount": 2}}
    run = paid.run(prompt(api(("many", 0), keep_original=False), many=batch))
    assert run.status == "success", run.message
    assert tensor(paid, "raw").shape == (2, 200, 330, 3)
    assert "were padded to 330×200" in report(paid) and "expected 320×192" in report(paid)


@pytest.mark.parametrize("size, shape", [((640, 384), (1, 192, 320, 3)), ((192, 320), (1, 320, 192, 3))])
def test_row_71_a_wrong_size_is_joined_where_the_shape_fits_and_never_squeezed(paid, server, size, shape):
    server.then(returns(lambda request: photo(400, 400).resize(size)))
    run = paid.run(prompt())
    assert run.status == "success", run.message
    assert tensor(paid, "raw").shape == (1, size[1], size[0], 3)
    assert tensor(paid, "image").shape == shape
    if shape[2] == 320:
        assert np.array_equal(tensor(paid, "image")[:, :, :256], original())
    assert f"{size[0]}×{size[1]}" in report(paid)


def test_two_nodes_asking_the_same_pay_once(paid, server):
    server.default = working(0.4)
    node = api()
    run = paid.run(prompt(node, twin=node, **{f"twin_{k}": v for k, v in keep("twin").items()}))
    assert run.status == "success", run.message
    assert server.connections == 1


def test_two_prompts_asking_the_same_pay_once(paid, server):
    server.default = working(0.4)
    node = api()
    first, second = paid.submit(prompt(node)), paid.submit(prompt(node | {"_meta": {"title": "again"}}))
    assert first.wait().status == second.wait().status == "success"
    assert server.connections == 1


def interrupt(paid, pending) -> float:
    """Press Cancel; seconds until the host said that the prompt was interrupted."""
    started = time.monotonic()
    paid.interrupt()
    run = pending.wait()
    assert run.status == "interrupted", run.message
    return time.monotonic() - started


def test_row_24_cancelled_during_the_upload_nothing_is_made(paid, server):
    server.then(lambda wire: wire.read(pause=0.05, block=4096))
    noise = np.random.default_rng(5).random((1, 1500, 1500, 3), np.float32)
    pending = paid.submit(prompt(api(("noise", 0)), noise=put(paid, noise)))
    until(lambda: server.connections == 1)
    time.sleep(0.3)
    assert interrupt(paid, pending) < 1.5
    until(lambda: outcomes(paid)[-1] == "free")
    assert server.generations == 0


def outcomes(paid) -> list:
    import sqlite3

    connection = sqlite3.connect(paid.base / LEDGER)
    rows = connection.execute("SELECT outcome FROM attempts ORDER BY id").fetchall()
    connection.close()
    return [outcome for (outcome,) in rows]


def test_row_28_cancelled_while_waiting_the_answer_is_kept_and_free_next_time(paid, server):
    node = api()
    server.then(working(1.5))
    pending = paid.submit(prompt(node))
    until(lambda: server.complete_requests == 1)
    assert interrupt(paid, pending) < 1.5, "I6"
    until(lambda: server.generations == 1)
    run = paid.run(prompt(node))
    assert run.status == "success" and report(paid).startswith("0 credits")
    assert server.connections == 1


def test_row_29_a_failing_neighbour_loses_nothing_and_holds_nothing_up(paid, server):
    node = api()
    arrived, finish = paid.input / f"{next(SEEDS)}.arrived", threading.Event()

    def slow(wire):
        wire.read()
        arrived.touch()
        finish.wait(60)
        wire.deliver(wire.generate())

    server.then(slow)
    fail = {"class_type": "TestFail", "inputs": {"after": arrived.name}}
    run = paid.run(prompt(node, fail=fail))
    assert run.status == "error" and "always fails" in run.message
    assert server.complete_requests == 1 and server.generations == 0
    load = {"class_type": "LoadImage", "inputs": {"image": "photo.png"}}
    next_prompt = {"load": load, "save": {"class_type": "PreviewImage", "inputs": {"images": ["load", 0]}}}
    assert paid.run(next_prompt).status == "success"
    assert server.generations == 0, "the next prompt does not wait for the request of the one before"
    finish.set()
    run = paid.run(prompt(node))
    assert run.status == "success" and server.connections == 1


def test_row_46_cancelled_while_the_service_asks_to_wait(paid, server):
    server.then(answers(429, {"message": "slow"}, {"Retry-After": "30"}))
    pending = paid.submit(prompt())
    until(lambda: server.complete_requests == 1)
    time.sleep(0.3)
    assert interrupt(paid, pending) < 1.5


def test_row_80_cancelled_in_a_batch_what_is_under_way_is_kept(paid, server):
    server.default = working(0.7)
    batch = {"class_type": "RepeatImageBatch", "inputs": {"image": ["load", 0], "amount": 8}}
    node = api(("many", 0))
    pending = paid.submit(prompt(node, many=batch))
    until(lambda: server.complete_requests >= 3)
    assert interrupt(paid, pending) < 1.5
    until(lambda: server.at_once == 0)
    assert server.generations <= 4
    made = server.generations
    run = paid.run(prompt(node, many=batch))
    assert run.status == "success" and report(paid).startswith(f"{8 * (8 - made)} credits")
    assert server.generations == 8


def test_an_error_says_what_happened_what_it_cost_and_what_to_do(paid, server):
    server.then(answers(401, {"message": "Unauthorized: Please login first to use this node."}))
    run = paid.run(prompt())
    assert run.status == "error"
    assert "rejected the API key" in run.message and "No credits were spent." in run.message
    assert "Please login" not in run.message


def test_row_90_the_key_is_nowhere_but_in_the_header(paid, server):
    pending = paid.submit(
        prompt(save={"class_type": "SaveImage", "inputs": {"images": ["api", 0], "filename_prefix": "x"}})
    )
    run = pending.wait()
    assert run.status == "success", run.message
    saved = run.outputs["save"]["images"][0]["filename"]
    assert "prompt" in Image.open(paid.output / saved).text
    texts = [
        str(run.events),
        str(paid.history(run.prompt_id)),
        str(pending.previews),
        paid.log,
        str(paid.object_info("OutpaintAPI")),
    ]
    assert not any(KEY in text for text in texts)
    for path in paid.base.rglob("*"):
        if path.is_file() and "custom_nodes" not in path.parts:
            assert KEY.encode() not in path.read_bytes(), path


def test_the_private_folder_is_not_served(paid, server):
    import urllib.error

    assert (paid.base / LEDGER).exists()
    for path in ("/userdata/..%2F__outpaint%2Fledger.sqlite", "/userdata/%2e%2e%2f__outpaint%2fledger.sqlite"):
        with pytest.raises(urllib.error.HTTPError):
            paid.get(path)


def test_the_results_go_on_into_the_hosts_own_nodes(paid, server):
    run = paid.run(
        prompt(
            scale={
                "class_type": "ImageScale",
                "inputs": {
                    "image": ["api", 0], "upscale_method": "bilinear", "width": 160, "height": 96, "crop": "disabled"
                },
            },
            paste={
                "class_type": "ImageCompositeMasked",
                "inputs": {
                    "destination": ["api", 2], "source": ["api", 0], "mask": ["api", 1],
                    "x": 0, "y": 0, "resize_source": False,
                },
            },
            save={"class_type": "SaveImage", "inputs": {"images": ["scale", 0], "filename_prefix": "x"}},
            save2={"class_type": "SaveImage", "inputs": {"images": ["paste", 0], "filename_prefix": "x"}},
        )
    )  # fmt: skip
    assert run.status == "success", run.message
    assert run.images("save")[0].shape == (96, 160, 3) and run.images("save2")[0].shape == (192, 320, 3)


def test_rows_82_and_87_a_killed_host_leaves_a_note_and_a_stopped_one_is_not_held_up(start_comfy, tmp_path):
    with FaultServer() as server:
        comfy = start_comfy(server.environment() | ONE_THREAD, base=tmp_path)
        comfy.save_input(photo(), "photo.png")
        done, lost = api(), api()
        assert comfy.run(prompt(done)).status == "success"
        server.then(lambda wire: wire.read().hang())
        comfy.submit(prompt(lost))
        until(lambda: server.complete_requests == 2)
        comfy.process.send_signal(signal.SIGKILL)
        comfy.process.wait()
        comfy.start()
        run = comfy.run(prompt(done))
        assert run.status == "success" and server.connections == 2
        assert "1 earlier request ended without a known outcome" in report(comfy)
        assert outcomes(comfy) == ["paid", "unknown"]

        server.then(lambda wire: wire.read().hang(60))
        comfy.submit(prompt())
        until(lambda: server.complete_requests == 3)
        comfy.process.send_signal(signal.SIGINT)
        comfy.process.wait(20)


def test_row_1_without_a_key_the_node_says_how_to_set_one(comfy):
    comfy.save_input(photo(), "photo.png")
    run = comfy.run(prompt())
    assert run.status == "error"
    key_file = comfy.base / "user" / "__outpaint" / "key.txt"
    assert str(key_file) in run.message and "OUTPAINT_API_KEY" in run.message and "no credits were spent" in run.message
    assert comfy.run(prompt(api(dry_run=True))).status == "success"
    assert "No usable API key" in report(comfy)
