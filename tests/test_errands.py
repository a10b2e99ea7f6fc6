"""Errands of a newcomer: a made-up dataset is added in one place, and everything else finds it."""

import shutil
import sys

import nbformat
import pytest
import yaml

from book.pages.contracts import check
from book.pages.croissant import to_croissant
from book.pages.figures.metric_tree import metric_tree
from fairlib import cards, readers, twins
from fairlib.cards import CardError
from fairlib.readers import recognise, template
from fairlib.report import show
from fairlib.report.gate import scan_notebook
from fairlib.study.check import check as report
from fairlib.study.parameters import ROOT, ParameterError


@pytest.fixture
def tremor(tmp_path, monkeypatch):
    """The folder of an official dataset "tremor": its card lies beside the others, and nothing else knows of it."""
    folder = template.write(tmp_path / "files", **template.EXAMPLE)
    card = yaml.safe_load((folder / cards.CARD).read_text(encoding="utf-8"))
    (folder / cards.CARD).unlink()
    shutil.copytree(cards.FOLDER, tmp_path / "cards")
    facts = dict.fromkeys(("ask", "takes", "costs", "agreement", "publish", "size", "as_of"), "made up")
    files = [{"path": name, "holds": "made up"} for name in ("windows.csv", "labels.csv", "people.csv")]
    card |= {"name": "tremor", "title": "Tremor at the wrist (made up)", "short": "Tremor", "access": "open"}
    card |= {"obtain": facts | {"steps": ["nothing"], "sources": ["nobody"], "files": files}}
    (tmp_path / "cards" / "tremor.yaml").write_text(yaml.safe_dump(card, sort_keys=False), encoding="utf-8")
    monkeypatch.setattr(cards, "FOLDER", tmp_path / "cards")
    yield folder
    for package in (readers, twins):
        sys.modules.pop(f"{package.__name__}.tremor", None)


def executed(name, folder, monkeypatch, **given):
    """Run a notebook in this process, and write it with its outputs as papermill would."""
    notebook, scope, outputs = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", 4), {"__name__": "notebook"}, []
    monkeypatch.setattr(show, "display", lambda data, metadata, raw: outputs.append((data, metadata)))
    for cell in (cell for cell in notebook.cells if cell.cell_type == "code"):
        exec(cell.source, scope)
        scope |= given if "parameters" in cell.metadata.tags else {}
        cell.outputs = [nbformat.v4.new_output("display_data", data, metadata=of) for data, of in outputs]
        outputs.clear()
    notebook.metadata["papermill"] = {"parameters": given}
    nbformat.write(notebook, path := folder / f"{name}.ipynb")
    return path


def test_a_made_up_dataset(tremor, tmp_path, monkeypatch):
    """One file, the card: its tables go through reader, check and pages."""
    cohort = readers.read("tremor", tremor)
    assert (cohort.dataset, cohort.card.called, cohort.origin) == ("tremor", "Tremor", "real")
    assert recognise.looks_like(tremor) == "tremor"
    with pytest.raises(readers.CohortError, match="this looks like Tremor, read it with dataset 'tremor'"):
        readers.read("mimic", tremor)
    text, runs = report(tremor)
    assert runs
    for words in (
        "this looks like Tremor.",
        "people.csv: there",
        "windows: 300 of ",
        "make book DATASET=tremor SOURCE=",
    ):
        assert words in text
    (tmp_path / "empty").mkdir()
    assert "  Tremor: windows.csv, labels.csv, people.csv\n" in report(tmp_path / "empty")[0]

    given = {"dataset": "tremor", "source": str(tremor), "profile": "smoke", "results_dir": str(tmp_path / "results")}
    first = executed("1_dataset_requirements", tmp_path, monkeypatch, **given)
    page = executed("data_card", tmp_path, monkeypatch, dataset="tremor", source="")
    for path in (first, page):
        assert scan_notebook(path) == []
        assert "Tremor at the wrist (made up)" in path.read_text(encoding="utf-8")
    assert to_croissant(cards.load("tremor"))["name"] == "tremor"
    assert "tremor" in metric_tree(cards.all(), "tremor")[1]


def test_a_made_up_dataset_with_files_and_a_twin_of_its_own(tremor, tmp_path, monkeypatch):
    """A module that is named after the card reads the files, and another writes the twin: nobody lists them."""
    assert "tremor" not in twins.known()
    with pytest.raises(ParameterError, match="there is no twin of tremor yet"):
        check("1_dataset_requirements", {"dataset": "tremor"})
    for package, code in {
        readers: "from dataclasses import replace\nfrom . import table\nfrom .. import cards\ndef read(path):\n"
        "    return replace(table.read(path / 'inner', cards.load('tremor')), origin='twin')\n",
        twins: "from ..readers import template\nfrom .people import Spec as TwinSpec\n"
        "def write(path, spec=None, seed=0):\n    made = template.write(path / 'inner', **template.EXAMPLE)\n"
        "    (made / 'TWIN.json').write_text('{}')\n",
    }.items():
        (place := tmp_path / package.__name__).mkdir()
        (place / "tremor.py").write_text(code, encoding="utf-8")
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(place)])
    assert "tremor" in twins.known()
    assert check("1_dataset_requirements", {"dataset": "tremor"}).card.called == "Tremor"
    twins.write("tremor", tmp_path / "twin")
    assert readers.read("tremor", tmp_path / "twin").origin == "twin"


def test_a_card_in_a_file_of_another_name_is_refused(tremor):
    (cards.FOLDER / "tremor.yaml").rename(cards.FOLDER / "tremors.yaml")
    with pytest.raises(CardError, match=r"tremors\.yaml: the card is named 'tremor'"):
        cards.all()
