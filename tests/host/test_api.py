"""Outpaint (API) in the real host, against a server that can fail: the rows of the fault catalogue that need a host."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from host.paid import LEDGER, api, keep, original, prompt, put, report, tensor
from service.endpoint import KEY
from service.faults import FaultServer, answers, returns, working
from service.world import contents, photo


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
    for path, content in contents(paid.base).items():
        if "custom_nodes" not in path.parts:
            assert KEY.encode() not in content, path


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


def test_row_1_without_a_key_the_node_says_how_to_set_one(comfy):
    comfy.save_input(photo(), "photo.png")
    run = comfy.run(prompt())
    assert run.status == "error"
    key_file = comfy.base / "user" / "__outpaint" / "key.txt"
    assert str(key_file) in run.message and "OUTPAINT_API_KEY" in run.message and "no credits were spent" in run.message
    assert comfy.run(prompt(api(dry_run=True))).status == "success"
    assert "No usable API key" in report(comfy)
