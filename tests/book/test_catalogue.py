"""Items are named where they are made; the index finds them, and says what is unknown of the paper."""

import json
import re
from collections import Counter
from types import SimpleNamespace

import items  # book/_ext
import pytest
from docutils import nodes
from docutils.utils import new_document

from fairlib.study.parameters import ROOT

INDEX = (ROOT / "book" / "index_of_items.md").read_text(encoding="utf-8")
NAMED = {path.stem: list(items.named(path)) for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}
NAMES = {name for found in NAMED.values() for name, *_ in found}


def test_each_item_is_named_once_in_a_notebook_by_a_cell_that_shows_it():
    assert NAMES
    for notebook, found in NAMED.items():
        assert max(Counter(name for name, *_ in found).values(), default=1) == 1, notebook
        for name, _, code in found:
            shower = r"show\.(figure|tabs)\(" if name.startswith("F-") else r"show\.(table|browsable)\("
            assert re.search(shower, code), f"{notebook}: the cell of {name} shows none"


def test_items_have_the_names_of_the_method(shared):
    """Later items of the method are not asked for; a name that the method does not know is a slip."""
    text = (shared / "METHOD.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([FT]-[^|]+) \|", text[text.index("## 4") : text.index("## 5")], re.M)
    assert {name for row in rows for name in row.split(" · ")} >= NAMES


def test_what_the_index_says_of_the_paper_is_about_items_that_are_there():
    assert set(re.findall(r"\*\*([FT]-[a-z-]+)\*\*", INDEX)) <= NAMES | {"F-framework"}
    for number in range(1, 13):
        told = re.findall(r"Figures? (\d+)(?: to (\d+))?", INDEX[INDEX.index("| in the paper") :])
        assert sum(int(first) <= number <= int(last or first) for first, last in told) == 1, f"Figure {number}"


@pytest.fixture
def pages(tmp_path):
    """Two executed pages of one made-up notebook, each with a cell that makes an item."""
    found = {}
    for dataset in ("mesa", "mimic"):
        source = ["# F-made-up: a figure of nothing\n", "show.figure(drawn, 'A caption', made)"]
        cells = [{"cell_type": "code", "source": source}, {"cell_type": "markdown", "source": ["# F-prose: no code"]}]
        made = {"input_path": "notebooks/2_pre_training.ipynb", "duration": 1.0, "parameters": {"dataset": dataset}}
        found[f"executed/{dataset}/2_pre_training"] = path = tmp_path / f"{dataset}.ipynb"
        path.write_text(json.dumps({"cells": cells, "metadata": {"papermill": made}}), encoding="utf-8")
    return found


def test_an_item_that_is_named_in_one_place_is_in_the_index_with_all_its_pages(pages):
    text = items.rows(pages)
    assert text.startswith("| **F-made-up** | a figure of nothing | {ref}`MESA twin <executed-mesa-")
    assert len(text.splitlines()) == 1
    source = ["| item |\nITEMS\n"]
    env = SimpleNamespace(found_docs={*pages, "limits"}, doc2path=lambda name: pages.get(name, "book/limits.md"))
    items.list_items(SimpleNamespace(env=env), "limits", source)
    assert source == ["| item |\nITEMS\n"]
    items.list_items(SimpleNamespace(env=env), "index_of_items", source)
    assert source == [f"| item |\n{text}\n"]


def test_the_links_of_the_index_lead_to_the_cells(pages):
    labels: dict[str, tuple[str, str]] = {}
    for docname, path in pages.items():
        code = nodes.literal_block("", next(items.named(path))[2])
        cell = nodes.container("", nodes.container("", code))
        page = new_document("")
        page += [cell, nodes.container("", nodes.container("", nodes.literal_block("", "x = 1  # F-roc: not first")))]
        env = SimpleNamespace(docname=docname, get_domain=lambda name: SimpleNamespace(anonlabels=labels))
        items.anchor(SimpleNamespace(env=env), page)
        assert labels[cell["ids"][0]] == (docname, cell["ids"][0])
    assert set(re.findall(r"<(.+?)>", items.rows(pages))) == set(labels)


def test_chapters_refer_to_every_equation_and_the_algorithm():
    texts = [
        path.read_text(encoding="utf-8") for folder in ("", "stages") for path in (ROOT / "book" / folder).glob("*.md")
    ]
    text = "".join(one for one in texts if one != INDEX)
    labels = re.findall(r":label: ((?:eq|alg)-\S+)", text)
    assert {"eq-ntxent", "eq-hsic", "eq-cka", "eq-parity", "alg-framework"} <= set(labels)
    for label in ("eq-ntxent", "eq-hsic", "eq-cka", "eq-parity", "alg-framework"):
        role = "prf:ref" if label.startswith("alg") else "eq"
        assert text.count(f"{{{role}}}`{label}`") >= 2, label
        assert f"{{{role}}}`{label}`" in INDEX
