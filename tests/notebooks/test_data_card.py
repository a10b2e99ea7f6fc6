"""The page of a data card: runs for every dataset without torch or data, says where its facts are from, is gated."""

import json
import re
import subprocess
import sys

import nbformat
import pandas as pd
import pytest
import yaml
from bs4 import BeautifulSoup

from book.pages import provenance
from book.pages.contracts import check
from fairlib import cards
from fairlib.report import show as display
from fairlib.report.columns import Column, typed
from fairlib.report.gate import scan_notebook
from fairlib.study.parameters import ROOT

PAGE = ROOT / "notebooks" / "data_card.ipynb"
EXAMPLE = ROOT / "book" / "example_table"
OFFICIAL = list(cards.all())


@pytest.fixture
def executed(monkeypatch, tmp_path):
    """Run the page in this process, which spares a kernel, and write it with its outputs as papermill would."""

    def run(dataset: str, source: str = ""):
        notebook, scope, outputs = nbformat.read(PAGE, 4), {"__name__": "notebook"}, []
        monkeypatch.setattr(display, "display", lambda data, metadata, raw: outputs.append((data, metadata)))
        for cell in (cell for cell in notebook.cells if cell.cell_type == "code"):
            exec(cell.source, scope)
            if "parameters" in cell.metadata.tags:
                scope |= {"dataset": dataset, "source": source}
                cell.source = f"dataset = {dataset!r}\nsource = {source!r}"
            cell.outputs = [nbformat.v4.new_output("display_data", data, metadata=of) for data, of in outputs]
            outputs.clear()
        nbformat.write(notebook, path := tmp_path / f"{dataset}.ipynb")
        return path, notebook

    return run


def html_of(notebook) -> list[BeautifulSoup]:
    found = [next(iter(output.data.values())) for cell in notebook.cells for output in cell.get("outputs", ())]
    return [BeautifulSoup(html, "html.parser") for html in found]


@pytest.mark.parametrize("dataset", [*OFFICIAL, "table"])
def test_the_page_runs_says_what_it_shows_and_passes_the_gate(executed, dataset):
    own = dataset == "table"
    path, notebook = executed(dataset, str(EXAMPLE) if own else "")
    assert scan_notebook(path) == []
    banner, *shown = html_of(notebook)
    card = cards.of(dataset, EXAMPLE)
    assert f"Facts from the data card: {card.title}." in banner.get_text()
    assert "nothing on it is a result" in banner.get_text()
    assert len(shown) == (9 if own else 14)
    line = banner.select_one(".fairlib-made").get_text()
    assert f"notebook data_card · dataset {card.name} · data card " in line
    assert "papermill notebooks/data_card.ipynb" in line
    assert "recipe" not in line
    for part in shown:  # those that other pages show say it themselves, wherever they are
        own = part.select_one(".fairlib-provenance .fairlib-made")
        assert own is None or own.get_text() == line
    text = " ".join(" ".join(part.get_text() for part in shown).split())
    facts = [card.task.question, card.licence, card.requirements.large_size.evidence, card.metric.for_whom]
    facts += [*card.known_biases, *card.attributes] + ([*card.obtain.steps, card.obtain.publish] if card.obtain else [])
    for fact in facts:
        assert " ".join(fact.split()) in text, fact
    assert "found no error" in text or "not checked here" in text


def test_the_page_needs_neither_torch_nor_data():
    code = (
        "import sys, nbformat\n"
        "scope = {'__name__': 'notebook'}\n"
        "for cell in nbformat.read('notebooks/data_card.ipynb', 4).cells:\n"
        "    exec(cell.source if cell.cell_type == 'code' else '', scope)\n"
        "print([name for name in ('torch', 'fairlib.study.sources', 'fairlib.readers') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert run.stdout.splitlines()[-1] == "[]"


def test_addresses_become_links(executed):
    _, notebook = executed("mesa")
    links = [link["href"] for part in html_of(notebook) for link in part.find_all("a", class_=False)]
    assert "https://sleepdata.org/datasets/mesa" in links
    assert not [link for link in links if link.endswith((".", ",", ";", ")", '"'))]


# -------------------------------------------------------------------------------------------------- the pages around it


def contents(node) -> list[str]:
    """Every page in a table of contents."""
    if isinstance(node, list):
        return [name for item in node for name in contents(item)]
    inside = [name for key in ("parts", "chapters", "sections") for name in contents(node.get(key, []))]
    return [node["file"], *inside] if "file" in node else inside


@pytest.mark.parametrize("dataset", OFFICIAL)
def test_every_dataset_has_its_card_and_its_way_to_the_real_data(dataset):
    toc = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text(encoding="utf-8"))
    assert {f"data/{dataset}", f"executed/{dataset}/data_card"} <= set(contents(toc))
    text = (ROOT / "book" / "data" / f"{dataset}.md").read_text(encoding="utf-8")
    for part in ("facts", "steps", "tree", "files", "sources"):  # rendered from the card, not typed
        assert f"```{{glue:any}} {part}\n:doc: ../executed/{dataset}/data_card.ipynb\n```" in text
    for words in (f"make book DATASET={dataset} SOURCE=DIR", "check_folder.md", "closed_machine.md", "privacy"):
        assert words in text or words in (ROOT / "book" / "data" / "restricted.md").read_text(encoding="utf-8")
    assert ("restricted.md" in text) == (cards.load(dataset).access == "restricted")


def test_the_first_stage_points_to_the_card_and_does_not_repeat_it():
    notebook = json.loads((ROOT / "notebooks" / "1_dataset_requirements.ipynb").read_text(encoding="utf-8"))
    text = "".join("".join(cell["source"]) for cell in notebook["cells"])
    assert "(data_card.ipynb)" in text
    assert "card_tables" not in text
    assert "cards.requirements(card)" in text


def test_an_address_ends_where_its_quotes_do():
    table = pd.DataFrame({"term": ['the address "https://schema.org/version", and (https://a.org/?x=1&y=2).']})
    table = typed(table, term=Column(form="link"))
    html = display.table_html(table, "Terms", provenance.of_card(check("data_card", {"dataset": "mimic"})))
    assert re.findall(r'href="(http[^"]*)"', html) == ["https://schema.org/version", "https://a.org/?x=1&amp;y=2"]
