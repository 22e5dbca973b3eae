"""What users read: locales, help pages and the node list hold for the nodes as they are."""

from __future__ import annotations

import json

import pytest

from host import texts

NODES = ["OutpaintAPI", "OutpaintLocal", "OutpaintPrepare", "OutpaintStitch", "OutpaintToRatio"]
WRITE = "write it anew: PYTHONPATH=tests python -m host.texts"


@pytest.fixture(scope="module")
def info(comfy):
    return comfy.get("/object_info")


def test_the_english_locale_is_what_the_nodes_say(info):
    assert texts.read("en") == texts.locale(info), WRITE


def test_the_chinese_locale_has_every_text_and_no_other(info):
    chinese, english = texts.read("zh"), texts.locale(info)
    assert texts.keys(chinese) == texts.keys(english)


def test_the_chinese_descriptions_and_tooltips_are_chinese(info):
    def sentences(tree):
        for key, value in tree.items():
            if isinstance(value, dict):
                yield from sentences(value)
            elif key in ("tooltip", "description"):
                yield value

    latin = [text for text in sentences(texts.read("zh")) if not any("\u4e00" <= letter <= "\u9fff" for letter in text)]
    assert latin == []


def test_the_host_serves_both_locales(comfy):
    served = comfy.get("/i18n")
    for language in ("en", "zh"):
        for name, node in texts.read(language).items():
            assert served[language]["nodeDefs"][name] == node


def test_the_node_list_is_true(info):
    assert json.loads((texts.PACK / "node_list.json").read_text(encoding="utf-8")) == texts.node_list(info), WRITE


def test_the_nodes_that_users_meet_are_these(info):
    assert sorted(texts.public_nodes(info)) == NODES


@pytest.mark.parametrize("node", NODES)
def test_the_help_page_has_every_input_with_its_range(info, node):
    page = texts.help_page(node).read_text(encoding="utf-8")
    assert texts.table(info[node]) in page, WRITE
    for output in info[node]["output_name"]:
        assert f"`{output}`" in page.partition("## Outputs")[2]
    assert "## Common problems" in page


@pytest.mark.parametrize("node", NODES)
def test_the_host_serves_the_help_page_with_its_pictures(comfy, node):
    from urllib.request import urlopen

    page = urlopen(f"{comfy.url}/extensions/outpaint/docs/{node}.md").read().decode()
    pictures = [part.partition(")")[0] for part in page.split("](")[1:] if part.startswith("images/")]
    assert pictures, "a help page shows what the node does"
    for picture in pictures:
        assert urlopen(f"{comfy.url}/extensions/outpaint/docs/{picture}").status == 200


@pytest.mark.parametrize("node", NODES)
def test_every_input_has_a_tooltip_and_every_node_can_be_searched(info, node):
    for name, _, options in texts.declared(info[node]):
        assert options.get("tooltip"), f"{node}.{name}"
    assert info[node]["description"]
    assert info[node].get("search_aliases", ["host too old for aliases"])
