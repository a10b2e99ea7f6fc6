"""All five notebooks on data of one's own: nothing in them knows the names of an official dataset's attributes."""

import re

import nbformat
import pandas as pd
import pytest

from book.pages.contracts import CONTRACTS
from fairlib.readers import template
from fairlib.report import show
from fairlib.report.gate import scan_notebook
from fairlib.study.parameters import ROOT


@pytest.fixture(scope="module", params=["enough people", "twenty people"])
def folder(request, tmp_path_factory):
    """The template with an attribute and a card of other names: enlarged, one segment tiny; or so small that the test
    split is smaller than any group that may be shown."""
    many = request.param == "enough people"
    where = tmp_path_factory.mktemp("own") / "data"
    made = template.write(where, people=140 if many else 20, access="open", name="other", split=many)
    people = pd.read_csv(made / "people.csv").rename(columns={"age": "years"})
    people["sex"] = ["F"] * 6 + ["M"] * 134 if many else people["sex"]
    people.to_csv(made / "people.csv", index=False)
    card = (made / "card.yaml").read_text()
    (made / "card.yaml").write_text(card.replace("  age:\n", "  years:\n"))
    return made


#: About no dataset of one's own.
OTHERS = ("twin", "dial", "answer", "6_synthesis", "release_audit", "paper_figures", "beside_paper", "planted")
OTHERS += ("pretraining_people", "contributed")


def executed(name: str, given: dict, page, monkeypatch) -> dict:
    """A notebook run cell by cell in this process, which spares a kernel each; its variables. page: where it is written
    with its outputs."""
    notebook, outputs = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", 4), []
    monkeypatch.setattr(show, "display", lambda data, metadata, raw: outputs.append((data, metadata)))
    scope = {"__name__": "notebook"}
    for cell in (cell for cell in notebook.cells if cell.cell_type == "code"):
        exec(cell.source, scope)
        if "parameters" in cell.metadata.tags:
            scope |= {key: value for key, value in given.items() if key in CONTRACTS[name].model_fields}
        cell.outputs = [nbformat.v4.new_output("display_data", data, metadata=of) for data, of in outputs]
        outputs.clear()
    nbformat.write(notebook, page)
    return scope


@pytest.mark.parametrize("name", [name for name in CONTRACTS if name not in OTHERS])
def test_every_notebook_runs_and_passes_the_gate(name, folder, monkeypatch):
    """The models of one notebook are found by the next."""
    given = {
        "dataset": "table",
        "source": str(folder),
        "profile": "smoke",
        "results_dir": str(folder.parent / "results"),
    }
    scope = executed(name, given, page := folder.parent / f"{name}.ipynb", monkeypatch)
    assert scope["made"].access == "open"
    assert name == "data_card" or (folder.parent / "results" / "other" / "real-smoke").is_dir()
    assert scan_notebook(page) == []
    text = page.read_text(encoding="utf-8")
    assert "Bad days" in text
    smallest = [int(number) for number in re.findall(r'"smallest": (\d+)', text)]
    assert min(smallest, default=11) >= 11


@pytest.mark.parametrize(
    ("people", "women", "min_cell", "smallest"),
    [(63, None, 11, None), (140, 6, 11, range(11, 141)), (48, None, 5, range(5, 11))],
    ids=["few people", "a tiny segment", "a card with a smaller size"],
)
def test_the_gate_lets_the_page_of_a_small_open_dataset_out(people, women, min_cell, smallest, tmp_path, monkeypatch):
    """smallest: people of the smallest group on the page; None: no numbers on it, since all people are too few."""
    split = smallest is not None  # more test people than by default
    made = template.write(tmp_path / "data", people=people, access="open", name="small", split=split)
    if women:
        table = pd.read_csv(made / "people.csv").assign(sex=["F"] * women + ["M"] * (people - women))
        table.to_csv(made / "people.csv", index=False)
    card = made / "card.yaml"
    card.write_text(card.read_text().replace("min_cell: 11", f"min_cell: {min_cell}"))
    parameters = {"dataset": "table", "source": str(made), "profile": "smoke", "results_dir": str(tmp_path / "results")}
    parameters |= {"folds": 0}  # cross-fitted, all people would be tested
    page = tmp_path / "explorer.ipynb"
    executed("explorer", parameters, page, monkeypatch)
    assert scan_notebook(page) == []
    shown = [int(count) for count in re.findall(r'\\"smallest\\":(\d+)', page.read_text())]
    assert min(shown, default=None) in (smallest or [None])
