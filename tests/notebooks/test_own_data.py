"""All five notebooks on data of one's own: nothing in them knows the names of an official dataset's attributes."""

import ast
import re

import nbformat
import pandas as pd
import papermill
import pytest

from book.pages.contracts import CONTRACTS
from fairlib.readers import template
from fairlib.report.gate import scan_notebook
from fairlib.study.parameters import ROOT


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The template, enlarged, with an attribute and a card of other names."""
    made = template.write(tmp_path_factory.mktemp("own") / "data", people=140, access="open", name="other", split=True)
    people = pd.read_csv(made / "people.csv").rename(columns={"age": "years"})
    people.to_csv(made / "people.csv", index=False)
    card = (made / "card.yaml").read_text()
    (made / "card.yaml").write_text(card.replace("  age:\n", "  years:\n"))
    return made


#: About no dataset of one's own.
OTHERS = ("twin", "dial", "6_synthesis", "release_audit")


@pytest.mark.parametrize("name", [name for name in CONTRACTS if name not in OTHERS])
def test_every_notebook_runs(name, folder, capsys):
    """Cell by cell in this process, which spares a kernel each; the models of one notebook are found by the next."""
    cells = [
        cell.source for cell in nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", 4).cells if cell.cell_type == "code"
    ]
    given = {
        "dataset": "table",
        "source": str(folder),
        "profile": "smoke",
        "results_dir": str(folder.parent / "results"),
    }
    scope = {"__name__": "notebook"}
    exec(cells[0], scope)
    scope |= {key: value for key, value in given.items() if key in CONTRACTS[name].model_fields}
    for cell in cells[1:]:
        assert ast.parse(cell)
        exec(cell, scope)
    assert scope["made"].access == "open"
    assert name == "data_card" or (folder.parent / "results" / "other" / "real-smoke").is_dir()
    printed = capsys.readouterr().out
    assert "Real data: Bad days" in printed or re.search(r"\[(table|figure)\]|HTML", printed)


@pytest.mark.parametrize(
    ("people", "women", "min_cell", "smallest"),
    [(63, None, 11, None), (140, 6, 11, range(11, 141)), (48, None, 5, range(5, 11))],
    ids=["few people", "a tiny segment", "a card with a smaller size"],
)
def test_the_gate_lets_the_page_of_a_small_open_dataset_out(people, women, min_cell, smallest, tmp_path):
    """smallest: people of the smallest group on the page; None: no numbers on it, since all people are too few."""
    split = smallest is not None  # more test people than by default
    made = template.write(tmp_path / "data", people=people, access="open", name="small", split=split)
    if women:
        table = pd.read_csv(made / "people.csv").assign(sex=["F"] * women + ["M"] * (people - women))
        table.to_csv(made / "people.csv", index=False)
    card = made / "card.yaml"
    card.write_text(card.read_text().replace("min_cell: 11", f"min_cell: {min_cell}"))
    parameters = {"dataset": "table", "source": str(made), "profile": "smoke", "results_dir": str(tmp_path / "results")}
    page = tmp_path / "explorer.ipynb"
    papermill.execute_notebook(ROOT / "notebooks" / "explorer.ipynb", page, parameters, progress_bar=False)
    assert scan_notebook(page) == []
    shown = [int(count) for count in re.findall(r'\\"smallest\\":(\d+)', page.read_text())]
    assert min(shown, default=None) in (smallest or [None])
