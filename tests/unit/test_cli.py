"""The ``outpaint`` command with its embedded engine: a real process on real files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from outpaint_nodes.nodes.cli import files, main, options
from outpaint_nodes.nodes.imaging.canvas import Extents, Size

PHOTOS = Path(__file__).resolve().parents[1] / "photos"


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def outpaint(*arguments: object, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "outpaint_nodes.nodes.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, "PYTHONIOENCODING": "utf-8", "OMP_NUM_THREADS": "1", **(env or {})},
        timeout=240,
    )


def photo(path: str, size: tuple[int, int] = (64, 48), **save: object) -> Path:
    """A small crop of a real photo."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with Image.open(PHOTOS / "coffee.jpg") as whole:
        whole.crop((200, 100, 200 + size[0], 100 + size[1])).save(path, **save)
    return Path(path)


def pixels(path: str | Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_one_photo_becomes_wider_beside_itself_and_its_pixels_stay():
    photo("cat.jpg", quality=90)
    done = outpaint("cat.jpg", "--right", 20, "--up", "25%")
    assert (done.returncode, done.stderr) == (0, "")
    assert "cat.jpg -> cat-outpaint.png (64×48 -> 84×60)" in done.stdout
    result = pixels("cat-outpaint.png")
    assert result.shape == (60, 84, 3)
    assert np.array_equal(result[12:, :64], pixels("cat.jpg"))


def test_the_new_area_is_neither_grey_nor_black_and_continues_the_picture():
    outpaint(PHOTOS / "sunset.jpg", "--left", "10%", "-o", "wide.png")
    result = pixels("wide.png").astype(float)
    new, beside = result[:, :128], result[:, 128:256]
    assert new.std() > 10
    assert np.abs(new.mean((0, 1)) - beside.mean((0, 1))).max() < 20


def test_the_source_is_byte_for_byte_as_before():
    before = photo("cat.png").read_bytes()
    outpaint("cat.png", "--down", 8)
    assert Path("cat.png").read_bytes() == before


@pytest.mark.parametrize("name", ["cat.png", "./cat.png", "sub/../cat.png"])
def test_a_result_never_overwrites_its_source(name):
    before = photo("cat.png").read_bytes()
    Path("sub").mkdir()
    done = outpaint("cat.png", "--right", 8, "-o", name)
    assert done.returncode == 2
    assert "overwrite" in done.stderr
    assert Path("cat.png").read_bytes() == before


def test_a_folder_of_photos_goes_into_another_and_one_bad_file_does_not_stop_the_rest():
    photo("in/a.jpg")
    photo("in/b.png")
    Path("in/broken.jpg").write_bytes(b"\xff\xd8 not a photo")
    Path("in/notes.txt").write_text("not a picture")
    done = outpaint("in", "--ratio", "16:9", "-o", "out")
    assert done.returncode == 1
    assert sorted(os.listdir("out")) == ["a-outpaint.png", "b-outpaint.png"]
    assert pixels("out/a-outpaint.png").shape == (48, 85, 3)
    assert "broken.jpg: FAILED" in done.stderr
    assert "notes.txt" not in done.stdout + done.stderr


def test_photos_of_one_name_get_results_of_their_own():
    photo("cat.jpg")
    photo("cat.png")
    done = outpaint("cat.jpg", "cat.png", "--right", 8, "-o", "out/")
    assert done.returncode == 0, done.stderr
    assert sorted(os.listdir("out")) == ["cat-outpaint-2.png", "cat-outpaint.png"]


def test_results_beside_their_photos_are_not_extended_again_by_a_second_run():
    photo("in/a.png")
    for _ in range(2):
        assert outpaint("in", "--right", 8).returncode == 0
    assert sorted(os.listdir("in")) == ["a-outpaint.png", "a.png"]


def test_a_photo_that_has_the_ratio_already_is_kept_as_it_is():
    photo("wide.png", (64, 36))
    done = outpaint("wide.png", "--ratio", "16:9", "-o", "out.png")
    assert done.returncode == 0
    assert "Nothing to add" in done.stdout
    assert np.array_equal(pixels("out.png"), pixels("wide.png"))


def test_size_and_anchor_place_the_picture():
    photo("cat.png")
    assert outpaint("cat.png", "--size", "100x50", "--anchor", "bottom-right", "-o", "o.png").returncode == 0
    assert np.array_equal(pixels("o.png")[2:, 36:], pixels("cat.png"))


def test_the_mask_is_white_where_the_picture_is_new():
    photo("cat.png")
    assert outpaint("cat.png", "--left", 10, "--mask", "mask.png", "-o", "o.png").returncode == 0
    mask = pixels("mask.png")[..., 0]
    assert mask.shape == (48, 74)
    assert (mask[:, :10] == 255).all() and (mask[:, 10:] == 0).all()


def test_transparency_stays_and_the_new_area_is_opaque():
    photo("cat.png")
    with Image.open("cat.png") as picture:
        picture.putalpha(Image.linear_gradient("L").resize(picture.size))
        picture.save("clear.png")
    assert outpaint("clear.png", "--right", 10, "-o", "o.webp").returncode == 0
    result = pixels("o.webp")
    assert np.array_equal(result[:, :64], pixels("clear.png"))
    assert (result[:, 64:, 3] == 255).all()


def test_colour_profile_and_camera_data_stay_and_the_picture_is_upright():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Camera"
    photo("cat.jpg", icc_profile=profile, exif=exif)
    for name in ("o.png", "o.jpg", "o.webp"):
        done = outpaint("cat.jpg", "--right", 10, "-o", name)
        assert done.returncode == 0, done.stderr
        with Image.open(name) as result:
            assert result.size == (58, 64)
            assert result.info["icc_profile"] == profile
            assert result.getexif()[0x010F] == "Camera"
            assert result.getexif().get(0x0112, 1) == 1


@pytest.mark.parametrize(("format", "suffix"), [("png", ".png"), ("jpeg", ".jpg"), ("webp", ".webp")])
def test_formats(format, suffix):
    photo("cat.png")
    assert outpaint("cat.png", "--right", 8, "--format", format).returncode == 0
    with Image.open(f"cat-outpaint{suffix}") as result:
        assert result.format.lower() == format


def test_a_dry_run_shows_sizes_and_makes_nothing():
    photo("cat.png")
    done = outpaint("cat.png", "--ratio", "2:1", "--dry-run")
    assert done.returncode == 0
    assert "64×48 -> 96×48 (left 16, right 16, up 0, down 0)" in done.stdout
    assert os.listdir() == ["cat.png"]


def test_the_report_says_what_the_joining_did():
    photo("cat.png")
    quiet, told = (outpaint("cat.png", "--right", 8, *more).stdout for more in ((), ("--report",)))
    assert len(quiet.splitlines()) == 1
    assert len(told.splitlines()) > 1


def test_the_same_seed_gives_the_same_picture():
    photo("cat.png")
    for name in ("a.png", "b.png"):
        outpaint("cat.png", "--right", 16, "--seed", 7, "-o", name)
    assert np.array_equal(pixels("a.png"), pixels("b.png"))


def test_names_with_spaces_and_other_alphabets():
    photo("Été à Paris/\u0444\u043e\u0442\u043e 1.png")
    done = outpaint("Été à Paris/\u0444\u043e\u0442\u043e 1.png", "--right", 8, "-o", "\u7ed3\u679c/")
    assert done.returncode == 0, done.stderr
    assert os.listdir("\u7ed3\u679c") == ["\u0444\u043e\u0442\u043e 1-outpaint.png"]


def test_a_name_that_the_output_cannot_spell_does_not_stop_a_run():
    """Windows writes redirected output in a code page of 256 characters."""
    photo("\u56fe\u7247.png")
    photo("b.png")
    done = outpaint(
        "\u56fe\u7247.png", "b.png", "--right", 8, "-o", "out", "--report", env={"PYTHONIOENCODING": "cp1252"}
    )
    assert done.returncode == 0, done.stderr
    assert sorted(os.listdir("out")) == ["b-outpaint.png", "\u56fe\u7247-outpaint.png"]
    assert r"\u56fe\u7247.png" in done.stdout


def test_a_pattern_that_the_shell_left_alone_is_expanded():
    photo("a.png")
    photo("b.png")
    assert outpaint("*.png", "--right", 8, "-o", "out").returncode == 0
    assert len(os.listdir("out")) == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["cat.png"], "say how far"),
        (["cat.png", "--right", "8", "--ratio", "16:9"], "one way only"),
        (["cat.png", "--right", "-8"], "is not an amount"),
        (["cat.png", "--right", "1.5"], "is not an amount"),
        (["cat.png", "--right", "nan%"], "is not an amount"),
        (["cat.png", "--right", "65537"], "more than 65536"),
        (["cat.png", "--right", "1001%"], "more than 1000%"),
        (["cat.png", "--ratio", "0:9"], "The ratio '0:9' cannot be used"),
        (["cat.png", "--size", "100"], "WIDTHxHEIGHT"),
        (["cat.png", "--right", "8", "--anchor", "top"], "--anchor goes with"),
        (["cat.png", "--right", "8", "--creativity", "2"], "between 0 and 1"),
        (["cat.png", "--right", "8", "--seed", "4294967295"], "from 0 to 4294967294"),
        (["cat.png", "--right", "8", "--server", "http://a"], "go with --engine comfyui"),
        (["cat.png", "--right", "8", "--prompt", "a cat"], "go with --engine api or comfyui"),
        (["cat.png", "--right", "8", "--creativity", "0"], "go with --engine api or comfyui"),
        (["cat.png", "--right", "8", "-o", "o.gif"], "no format that can be written"),
        (["cat.png", "--right", "8", "-o", "o.png", "--format", "webp"], "not named as a webp"),
        (["cat.png", "cat.png", "empty", "--right", "8", "-o", "o.png"], "Give a folder with -o"),
        (["empty", "--right", "8"], "No picture in empty"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_made(arguments, says, capsys):
    photo("cat.png")
    Path("empty").mkdir()
    try:
        code = main(arguments)
    except SystemExit as exit:
        code = exit.code
    assert code == 2
    assert says in capsys.readouterr().err
    assert sorted(os.listdir()) == ["cat.png", "empty"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["missing.png", "--right", "8"], "missing.png"),
        (["cat.png", "--size", "10x10"], "smaller than the picture"),
        (["cat.png", "--right", "0.1%"], "less than one pixel"),
    ],
)
def test_a_photo_that_cannot_be_extended_fails_by_name(arguments, says):
    photo("cat.png")
    done = outpaint(*arguments)
    assert done.returncode == 1
    assert "FAILED" in done.stderr and says in done.stderr
    assert os.listdir() == ["cat.png"]


def test_a_file_in_the_place_of_the_output_folder_is_named():
    photo("cat.png")
    Path("out").write_text("a file")
    done = outpaint("cat.png", "--right", 8, "-o", "out/")
    assert done.returncode == 1
    assert "cannot be written" in done.stderr


def test_help_names_every_option_without_loading_torch():
    done = outpaint("--help")
    assert done.returncode == 0
    for option in ("--ratio", "--engine", "--server", "--workflow", "--mask", "--dry-run", "outpaint ledger"):
        assert option in done.stdout
    loaded = "import sys; from outpaint_nodes.nodes.cli import options; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", loaded]).returncode == 0


def test_the_package_installs_the_command():
    script = Path(sys.executable).with_name("outpaint.exe" if os.name == "nt" else "outpaint")
    assert "Extend pictures" in subprocess.run([script, "--help"], capture_output=True, text=True).stdout


def test_shares_are_of_the_side_they_lie_on():
    growth = options.Growth(left=options.amount("10%"), up=options.amount("10%"), right=options.amount("7"))
    assert growth.extents(Size(200, 50)) == Extents(20, 7, 5, 0)


def test_a_write_that_fails_leaves_what_was_there(monkeypatch):
    Path("old.png").write_bytes(b"old")
    with pytest.raises(TypeError):
        files.write(Path("old.png"), "text instead of bytes")
    assert Path("old.png").read_bytes() == b"old"
    assert os.listdir() == ["old.png"]
