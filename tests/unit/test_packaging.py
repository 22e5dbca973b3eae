"""What gets installed, in every way that people install: wheel, archive of the registry, folder."""

from __future__ import annotations

import ast
import fnmatch
import importlib.metadata
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from PIL import Image

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli", reason="tomllib is in Python from 3.11 on; for 3.10: pip install tomli")

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MEGABYTE = 1_000_000


def tracked() -> list[str]:
    """The files of the repository, as a clone or an archive has them."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def sources() -> list[str]:
    """The files of the Python package."""
    return [name for name in tracked() if name == "__init__.py" or name.startswith("nodes/")]


def in_registry() -> list[str]:
    """What ComfyUI users download: tracked files without those of .comfyignore."""
    lines = (ROOT / ".comfyignore").read_text().splitlines()
    ignored = [line.strip() for line in lines if line.strip() and not line.startswith("#")]

    def is_ignored(name: str) -> bool:
        return any(name.startswith(p) if p.endswith("/") else fnmatch.fnmatch(name, p) for p in ignored)

    return [name for name in tracked() if not is_ignored(name)]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    """A copy of the tracked files: a build leaves nothing in the repository."""
    folder = tmp_path_factory.mktemp("build") / "pack"
    copy(tracked(), folder)
    return folder


def copy(names: list[str], folder: Path) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)


def installed(package: str) -> int:
    """Its major version, 0 when it is not installed."""
    try:
        return int(importlib.metadata.version(package).partition(".")[0])
    except importlib.metadata.PackageNotFoundError:
        return 0


@pytest.fixture(scope="module")
def artefacts(checkout) -> tuple[Path, Path]:
    """Wheel and source archive."""
    pytest.importorskip("build", reason="python -m build is not installed: pip install build")
    # Isolated, it fetches setuptools from the package registry: only where there is none that is new enough.
    isolation = ["--no-isolation"] if installed("setuptools") >= 77 else []
    command = [sys.executable, "-m", "build", *isolation, str(checkout)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (wheel,), (archive,) = (checkout / "dist").glob("*.whl"), (checkout / "dist").glob("*.tar.gz")
    return wheel, archive


def test_the_wheel_has_the_modules_and_nothing_else(artefacts):
    names = set(zipfile.ZipFile(artefacts[0]).namelist())
    modules = {f"outpaint_nodes/{n}" for n in sources() if n.endswith(".py")}
    code = {name for name in names if ".dist-info/" not in name}
    assert code == modules | {"outpaint_nodes/nodes/cli/local_workflow.json"}
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_source_archive_builds_the_same_and_carries_no_tests(artefacts):
    names = [name.partition("/")[2] for name in tarfile.open(artefacts[1]).getnames()]
    assert {"pyproject.toml", "README.md", "LICENSE", "__init__.py"} <= set(names)
    assert not [name for name in names if name.startswith(("tests", ".github", "dist", "build"))]


def test_the_library_works_from_the_wheel_alone(artefacts, tmp_path):
    zipfile.ZipFile(artefacts[0]).extractall(tmp_path)
    code = """
import sys
sys.path.insert(0, sys.argv[1])
import torch
from outpaint_nodes.nodes.imaging import canvas, prefill, stitch
extents = canvas.Extents(right=9)
original = torch.rand(1, 40, 40, 3)
image = stitch.stitch(original, prefill.prefill(original, extents, "smooth"), extents).image
assert image.shape == (1, 40, 49, 3) and torch.equal(image[:, :, :40], original)
print(canvas.__file__)
"""
    done = subprocess.run([sys.executable, "-I", "-c", code, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert str(tmp_path) in done.stdout


def test_every_package_of_the_project_is_listed():
    folders = {Path(name).parent.as_posix() for name in tracked() if re.fullmatch(r"nodes/(.*/)?__init__\.py", name)}
    listed = PROJECT["tool"]["setuptools"]["packages"]
    assert {name.replace(".", "/") for name in listed} == {"outpaint_nodes", *(f"outpaint_nodes/{f}" for f in folders)}


def test_what_is_installed_weighs_little():
    total = sum((ROOT / name).stat().st_size for name in in_registry())
    assert total < 3 * MEGABYTE, f"{total / MEGABYTE:.1f} MB"


def test_a_clone_weighs_little():
    total = sum((ROOT / name).stat().st_size for name in tracked())
    assert total < 10 * MEGABYTE, f"{total / MEGABYTE:.1f} MB"


def test_the_registry_archive_has_all_that_comfyui_needs_and_no_tests():
    names = in_registry()
    for needed in ("__init__.py", "pyproject.toml", "requirements.txt", "node_list.json", "LICENSE", "README.md",
                   "nodes/extension.py", "js/outpaint.js", "js/docs/OutpaintLocal.md", "locales/zh/nodeDefs.json",
                   "example_workflows/outpaint_quick_start.json"):  # fmt: skip
        assert needed in names
    assert not [name for name in names if name.startswith(("tests/", ".github/", ".ci/", "nodes/cli/"))]


def test_requirements_are_the_dependencies_without_torch():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    required = {line.strip() for line in lines if line.strip() and not line.startswith("#")}
    assert required == {name for name in PROJECT["project"]["dependencies"] if not name.startswith("torch")}


def test_the_lowest_versions_that_ci_runs_with_are_those_that_are_allowed():
    lines = (ROOT / "tests" / "lowest.txt").read_text().splitlines()
    lowest = [line for line in lines if not line.startswith("#")]
    allowed = [re.fullmatch(r"([\w-]+)>=([\d.]+)", name).groups() for name in PROJECT["project"]["dependencies"]]
    assert lowest == [f"{name}=={version}" + ".0" * (2 - version.count(".")) for name, version in allowed]
    assert "pip install -r tests/lowest.txt" in text(".github/workflows/ci.yml")
    python = PROJECT["project"]["requires-python"].removeprefix(">=")
    assert f'python: "{python}", bounds: lowest' in text(".github/workflows/ci.yml")


def test_the_version_stands_in_one_place_and_in_the_changelog():
    version = PROJECT["project"]["version"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    code = [name for name in tracked() if name.endswith((".py", ".js", ".mjs", ".toml"))]
    holders = [name for name in code if re.search(r"^__version__ *=", text(name), re.MULTILINE)]
    assert holders == []


def test_registry_metadata_is_complete():
    project, comfy = PROJECT["project"], PROJECT["tool"]["comfy"]
    assert "comfyui" not in project["name"].lower()
    assert project["license"] and project["urls"]["Repository"]
    assert comfy["PublisherId"] and comfy["DisplayName"] and comfy["requires-comfyui"] == ">=0.3.64"
    # The registry takes every Environment for an accelerator without which the pack cannot be used.
    assert not [name for name in project["classifiers"] if name.startswith("Environment ::")]
    for key, fits in (("Icon", lambda w, h: w == h <= 400), ("Banner", lambda w, h: w * 9 == h * 21)):
        path = comfy[key].partition("/main/")[2]
        assert path in tracked()
        with Image.open(ROOT / path) as picture:
            assert fits(*picture.size), f"{key} is {picture.size}"


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_registrys_rules_on_code_hold():
    """No eval, exec, installation at run time, or statements joined by a semicolon; network and environment only where
    the client needs them."""
    network, environment = [], []
    for name in (name for name in in_registry() if name.endswith(".py")):
        tree = ast.parse(text(name))
        calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
        assert not {f.id for f in calls if isinstance(f, ast.Name)} & {"eval", "exec", "compile", "__import__"}, name
        imported = {a.name.split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
        imported |= {n.module.split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module}
        assert not imported & {"subprocess", "pip", "ctypes", "pickle", "marshal"}, name
        network += [name] if imported & {"requests", "urllib3", "aiohttp", "socket", "http"} else []
        environment += [name] if "os.environ" in text(name) else []
    assert network == ["nodes/service/client.py"]
    assert all(name.startswith("nodes/service/") for name in environment)


def test_no_path_of_anyones_machine_is_in_the_files():
    ending = (".py", ".md", ".json", ".toml", ".yml", ".js", ".mjs", ".txt", ".css")
    pattern = re.compile(r"/(?:root|home/\w+|Users/\w+|work)/")
    found = [name for name in tracked() if name.endswith(ending) and pattern.search(text(name))]
    assert found == []


@pytest.mark.parametrize(
    "name", ["outpaint", "spaces and - dashes", "outpaint-nodes-main", "\u56fe\u7247 \u6269\u5c55", "Ünïcode"]
)
def test_the_pack_imports_from_a_folder_of_any_name(name, tmp_path):
    """As ComfyUI loads it: by path, under a name with characters that no module name has."""
    folder = tmp_path / name
    copy([n for n in in_registry() if n.endswith((".py", ".json"))], folder)
    code = f"""
import importlib.util, sys
path = {str(folder)!r}
spec = importlib.util.spec_from_file_location(path.replace(".", "_x_"), path + "/__init__.py")
pack = importlib.util.module_from_spec(spec)
sys.modules[path.replace(".", "_x_")] = pack
spec.loader.exec_module(pack)
print(pack.WEB_DIRECTORY, callable(pack.comfy_entrypoint), "torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, encoding="utf-8")
    assert done.stdout.split() == ["./js", "True", "False"], done.stderr


def test_a_read_only_installation_is_enough(tmp_path):
    """Nothing is ever written beside the code."""
    folder = tmp_path / "outpaint_nodes"
    copy(sources(), folder)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        before = sorted(path.relative_to(folder) for path in folder.rglob("*"))
        code = "import sys; sys.path.insert(0, sys.argv.pop(1)); "
        code += "from outpaint_nodes.nodes import cli; sys.exit(cli.main())"
        picture = tmp_path / "p.png"
        Image.linear_gradient("L").resize((32, 32)).save(picture)
        call = [sys.executable, "-I", "-B", "-c", code, str(tmp_path), str(picture), "--right", "8", "-o"]
        done = subprocess.run([*call, str(tmp_path / "o.png")], capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert sorted(path.relative_to(folder) for path in folder.rglob("*")) == before
    finally:
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)


@pytest.mark.parametrize("version", ["3.10", "3.13"])
def test_the_code_compiles_and_its_torch_free_parts_run_with_other_pythons(version, tmp_path):
    python = find_python(version)
    if not python:
        pytest.skip(f"no Python {version} on this machine")
    copy(sources(), tmp_path / "outpaint_nodes")
    compiled = subprocess.run([python, "-m", "compileall", "-q", "-f", str(tmp_path)], capture_output=True, text=True)
    assert compiled.returncode == 0, compiled.stdout
    code = """
import sys
sys.path.insert(0, sys.argv[1])
from outpaint_nodes.nodes.cli import files, options, workflow
from outpaint_nodes.nodes.imaging.canvas import Size, parse_ratio, to_ratio
assert to_ratio(Size(100, 100), parse_ratio("16:9")).left == 39
assert options.parse(["a.png", "--right", "10%"])[1].right.percent
"""
    done = subprocess.run([python, "-I", "-c", code, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def find_python(version: str) -> str | None:
    if f"{sys.version_info.major}.{sys.version_info.minor}" == version:
        return sys.executable
    installed = sorted(map(str, Path.home().glob(f".pyenv/versions/{version}.*/bin/python")))
    for python in [*reversed(installed), shutil.which(f"python{version}")]:
        # A version manager's stand-in may be on the path without a Python behind it.
        if python and subprocess.run([python, "-c", ""], capture_output=True).returncode == 0:
            return python
    return None


def test_paths_are_never_joined_by_hand():
    """Windows: no separator in a string that becomes a path."""
    joined = re.compile(r"""(?:open|Path)\(f?["'][^"']*[\w}]/[\w{]""")
    code = [name for name in in_registry() + tracked() if name.startswith("nodes/") and name.endswith(".py")]
    assert [name for name in code if joined.search(text(name))] == []
    assert [name for name in tracked() if re.search(r'[<>:"|?*\\]', name) or name != name.rstrip(". ")] == []
    assert len({name.lower() for name in tracked()}) == len(tracked()), "names that differ in case only"


def test_files_are_opened_with_their_encoding_named():
    """Windows reads text as cp1252 unless told otherwise."""
    vague = re.compile(r"\.(?:read_text|write_text)\((?![^)]*encoding)[^)]*\)")
    code = [name for name in tracked() if name.startswith("nodes/") and name.endswith(".py")]
    assert {name: vague.findall(text(name)) for name in code if vague.search(text(name))} == {}


def test_the_registrys_own_linter_is_content():
    pytest.importorskip("ruff", reason="ruff is not installed")
    files = [str(ROOT / name) for name in in_registry() if name.endswith(".py")]
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "S102,S307,E702", *files]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
