"""Two errands, done as a newcomer would do them, in a copy of the packages: a model that is one new row of
``strategies.MODELS``, and a figure that is one new function. Both go from training to a page that passes the gate."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parent.parent
NAME, TITLE = "frozen_2_middle_last", "SSL, middle and last frozen"
ROW = f'\n        Strategy("{NAME}", "{TITLE}", SSL, (True, False, False), True),'
AFTER = 'Strategy("frozen_3", "SSL, all frozen", SSL, (False, False, False), True),'
FIGURE = '''

def precision(summary):
    """Positive predictive power of each model: AUPRC, a dot per model."""
    rows = summary[(summary["scope"] == "overall") & (summary["metric"] == "auprc")]
    figure, panel = axes(WIDTH, 2.5)
    for place, row in enumerate(rows.itertuples()):
        panel.plot(row.mean, place, MARKERS[row.strategy], color=COLOURS[row.strategy])
    return figure, f"AUPRC of {len(rows)} models, from {rows['mean'].min():.2f} to {rows['mean'].max():.2f}."
'''
CELL = 'show.figure(figures.precision(summary), "Precision of all models", made)'


def walk(notebook: str, results: str) -> None:
    """Run stage 3 in this process with three models, the new one among them; keep the page."""
    from book.pages.contracts import CONTRACTS
    from fairlib.report import show
    from fairlib.report.gate import scan_notebook
    from fairlib.twins import truth

    truth.DRAWS = 20_000  # as in conftest, which this process has not read
    page, outputs = nbformat.read(notebook, 4), []
    show.display = lambda data, metadata, raw: outputs.append((data, metadata))
    given = {"dataset": "challenge2012", "profile": "smoke", "results_dir": results}
    given |= {"strategies": ["supervised", NAME]}
    scope = {"__name__": "notebook"}
    for cell in (cell for cell in page.cells if cell.cell_type == "code"):
        exec(cell.source, scope)
        if "parameters" in cell.metadata.tags:
            scope |= {name: given[name] for name in given.keys() & CONTRACTS["3_fine_tuning"].model_fields.keys()}
        cell.outputs = [nbformat.v4.new_output("display_data", data, metadata=of) for data, of in outputs]
        outputs.clear()
    nbformat.write(page, "page.ipynb")
    assert scan_notebook(Path("page.ipynb")) == []


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("errand")
    for part in ("fairlib", "book", "data_cards", "notebooks"):
        ignored = shutil.ignore_patterns("__pycache__", "_build", "executed", "frozen", "course")
        shutil.copytree(ROOT / part, folder / part, ignore=ignored)
    rows = folder / "fairlib" / "strategies.py"
    figures = folder / "book" / "pages" / "figures" / "finetuning.py"
    assert rows.read_text().count(AFTER) == 1
    rows.write_text(rows.read_text().replace(AFTER, AFTER + ROW))
    figures.write_text(figures.read_text() + FIGURE)
    stage = nbformat.read(folder / "notebooks" / "3_fine_tuning.ipynb", 4)
    stage.cells.append(nbformat.v4.new_code_cell(CELL, metadata={"tags": []}))
    nbformat.write(stage, folder / "stage.ipynb")
    command = [sys.executable, "-P", __file__, "stage.ipynb", "results"]
    environment = os.environ | {"PYTHONPATH": str(folder)}
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-2000:]
    return folder


def test_a_made_up_model_is_one_row(page):
    trained = page / "results" / "challenge2012" / "twin-smoke" / "paper_text" / NAME / "seed-1"
    assert (trained / "weights.safetensors").exists()
    assert (trained / "tables" / "metrics" / "metrics.parquet").exists()
    text = (page / "page.ipynb").read_text(encoding="utf-8")
    assert text.count(TITLE) >= 3  # the strategies, the performance, the words of the curves


def test_a_made_up_figure_is_one_function_and_one_call(page):
    last = nbformat.read(page / "page.ipynb", 4).cells[-1].outputs
    assert len(last) == 1
    assert "AUPRC of 2 models" in last[0].data["text/html"]
    assert "Precision of all models" in last[0].data["text/html"]


if __name__ == "__main__":
    walk(*sys.argv[1:])
