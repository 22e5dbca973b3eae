"""Other ways in which the pack lies in ``custom_nodes``."""

from __future__ import annotations

import shutil
import subprocess
from urllib.parse import unquote

import pytest

from host.server import PACK

pytestmark = pytest.mark.one_host

NEEDED = ("__init__.py", "nodes", "js", "locales", "pyproject.toml", "node_list.json", "example_workflows")


def install(base, name: str):
    """A copy of the tracked files, as an archive unpacks them."""
    listed = subprocess.run(["git", "ls-files", "-z", *NEEDED], cwd=PACK, capture_output=True, text=True, check=True)
    folder = base / "custom_nodes" / name
    for file in filter(None, listed.stdout.split("\0")):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PACK / file, folder / file)
    return folder


def test_two_copies_are_told_in_the_log_and_the_nodes_still_work(start_comfy, tmp_path):
    install(tmp_path, "outpaint-nodes-main")
    server = start_comfy(base=tmp_path)
    assert "Outpaint is installed twice" in server.log
    assert "'outpaint-nodes-main'" in server.log and "'outpaint'" in server.log
    assert "IMPORT FAILED" not in server.log
    assert server.object_info("OutpaintLocal")["display_name"] == "Outpaint (Local)"


def test_one_copy_says_nothing(comfy):
    assert "installed twice" not in comfy.log


@pytest.mark.parametrize("name", ["Outpaint - \u6269\u56fe 2"])
def test_a_read_only_folder_with_a_strange_name(start_comfy, tmp_path, name):
    """The only copy: the usual link is kept away."""
    folder = install(tmp_path, name)
    (tmp_path / "custom_nodes" / "outpaint").mkdir()
    (tmp_path / "custom_nodes" / "outpaint" / "__init__.py").write_text("NODE_CLASS_MAPPINGS = {}\n")
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        server = start_comfy(base=tmp_path)
        assert "IMPORT FAILED" not in server.log
        assert server.object_info("OutpaintToRatio")["display_name"] == "Outpaint to Ratio"
        listed = [url for url in server.get("/extensions") if url.endswith("/outpaint.js")]
        assert [unquote(url) for url in listed] == [f"/extensions/{name}/outpaint.js"]
        assert name in server.get("/workflow_templates")
        assert server.get("/i18n")["zh"]["nodeDefs"]["OutpaintLocal"]
        server.close()
    finally:
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
