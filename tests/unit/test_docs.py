"""Links, commands and promises in README and the other pages hold."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from outpaint_nodes.nodes.cli import options

ROOT = Path(__file__).resolve().parents[2]
HELP = sorted((ROOT / "js" / "docs").glob("*.md"))
PAGES = [*sorted(ROOT.glob("*.md")), *HELP, ROOT / "tests" / "photos" / "ATTRIBUTION.md"]
IDS = [path.relative_to(ROOT).as_posix() for path in PAGES]
# Hosts that pages may point to; a new one is looked at by a person first.
KNOWN = {"github.com", "keepachangelog.com", "semver.org", "creativecommons.org", "huggingface.co"}
LINK = re.compile(r"""(?:\]\(|\bsrc=")([^)"\s]+)""")
BLOCK = re.compile(r"```(?:sh)?\n(.*?)```", re.DOTALL)


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def anchors(path: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", text(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def lines_of_code(path: Path) -> list[str]:
    return [line.partition("  #")[0].strip() for block in BLOCK.findall(text(path)) for line in block.splitlines()]


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_link_leads_somewhere(page):
    for link in LINK.findall(text(page)):
        if link.startswith("http"):
            assert link.split("/")[2] in KNOWN, link
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), f"{page.name}: {link}"
        assert not anchor or anchor in anchors(target), f"{page.name}: {link}"


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_outpaint_command_can_be_parsed(page, capsys):
    for line in lines_of_code(page):
        for command in line.split("&&"):
            words = shlex.split(command)
            if words[:1] == ["outpaint"] and words[1:2] != ["ledger"]:
                options.parse(words[1:])


def test_the_example_that_the_quick_start_opens_exists():
    (name,) = re.findall(r"\*\*(outpaint_\w+)\*\*", text(ROOT / "README.md"))
    assert (ROOT / "example_workflows" / f"{name}.json").exists()


def test_files_named_in_readme_commands_exist():
    named = re.findall(r"tests/[\w./-]+", text(ROOT / "README.md") + text(ROOT / "CONTRIBUTING.md"))
    assert named
    for name in named:
        assert (ROOT / name.rstrip(".")).exists(), name


def test_the_two_commands_for_a_bare_machine_stand_in_the_readme_and_what_ci_runs_is_the_second():
    commands = [line for line in lines_of_code(ROOT / "README.md") if line.startswith("pip install")]
    assert len(commands) == 2
    assert '".[standalone]"' in commands[0] and "&& outpaint tests/photos/" in commands[0]
    ci = ROOT / ".ci" / "run"
    if ci.exists():
        assert "-m pytest" in commands[1] and "-m pytest" in text(ci)


def test_every_node_is_in_the_readme_with_its_help_page():
    nodes = json.loads(text(ROOT / "node_list.json"))
    public = [name for name, description in nodes.items() if not description.startswith("Part of")]
    assert [path.stem for path in HELP] == sorted(public)
    for name in public:
        assert f"(js/docs/{name}.md)" in text(ROOT / "README.md")


def test_options_named_in_readme_text_exist():
    known = {option for action in options.parser()._actions for option in action.option_strings}
    named = set(re.findall(r"`(--[a-z-]+)", text(ROOT / "README.md")))
    assert named and named <= known


def test_environment_variables_in_the_pages_are_those_of_the_code():
    code = "".join(text(path) for path in (ROOT / "nodes").rglob("*.py"))
    for page in PAGES:
        for name in re.findall(r"OUTPAINT_[A-Z_]+", text(page)):
            assert f'"{name}"' in code, f"{page.name}: {name}"


def test_troubleshooting_answers_what_people_ask():
    for question in ("missing", "Handles", "line at the border", "Out of memory", "command not found"):
        assert question in text(ROOT / "README.md").partition("## Troubleshooting")[2]


def test_every_sample_photo_is_credited():
    credited = text(ROOT / "tests" / "photos" / "ATTRIBUTION.md")
    for photo in (ROOT / "tests" / "photos").glob("*.jpg"):
        assert f"`{photo.name}`" in credited
