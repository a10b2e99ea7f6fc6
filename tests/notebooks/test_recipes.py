"""Commands that pages show: each fits the contract of its notebook, and those of the recipes run with profile smoke."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from papermill.cli import _resolve_type

from book.pages.contracts import check
from fairlib.__main__ import main
from fairlib.study.parameters import ROOT

BLOCK = re.compile(r"^```(bash|console|python)\n(.*?)^```", re.S | re.M)
PAGES = sorted(
    path
    for path in [ROOT / "README.md", *(ROOT / "book").rglob("*.md")]
    if not {"executed", "_build"} & set(path.relative_to(ROOT).parts)
)


def blocks(page: Path, *languages: str) -> list[str]:
    return [text for language, text in BLOCK.findall(page.read_text(encoding="utf-8")) if language in languages]


def commands(page: Path) -> list[str]:
    """Command lines of a page, without comments."""
    lines = "\n".join(blocks(page, "bash", "console")).replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def given(command: str, folder: str = "") -> tuple[str, dict]:
    """Notebook and parameters of a papermill command, read as papermill does; DIR and my_data are ``folder``."""
    words = shlex.split(command, comments=True)
    assert words[0] == "papermill"
    assert words[2] == "out.ipynb"
    parameters, rest = {}, words[3:]
    while rest:
        if rest[0] == "-p":
            name, value, *rest = rest[1:]
            parameters[name] = folder if folder and value in ("DIR", "my_data") else _resolve_type(value)
        else:
            assert rest[0] == "-y", f"{rest[0]} in: {command}"
            parameters |= yaml.safe_load(rest[1])
            rest = rest[2:]
    return Path(words[1]).stem, parameters


PAPERMILL = [(page, line) for page in PAGES for line in commands(page) if line.startswith("papermill ")]
RECIPES = ROOT / "book" / "recipes.md"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder that looks like the repository's root, for what the commands write."""
    where = tmp_path_factory.mktemp("place")
    for name in ("book", "notebooks", "data_cards"):
        (where / name).symlink_to(ROOT / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(where)
        for line in commands(RECIPES):
            if line.startswith("printf "):
                subprocess.run(line, shell=True, check=True)
            if line.startswith("python -m fairlib "):
                assert main(shlex.split(line)[3:]) == 0
        yield where


def test_pages_show_commands():
    assert len(PAPERMILL) >= 15
    assert len(commands(RECIPES)) >= 12


@pytest.mark.parametrize(("page", "line"), PAPERMILL, ids=lambda value: getattr(value, "stem", value))
def test_a_command_fits_the_contract_of_its_notebook(place, page, line):
    own = " table " in line
    notebook, parameters = given(line, "book/example_table" if own else str(place))
    assert (ROOT / "notebooks" / f"{notebook}.ipynb").is_file()
    check(notebook, parameters)


def run(notebook: str, parameters: dict) -> dict:
    """Every cell of a notebook in this process, which spares a kernel; returns its variables."""
    path = ROOT / "notebooks" / f"{notebook}.ipynb"
    cells = [cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    scope = {"__name__": "notebook"}
    exec(cells[0], scope)
    scope |= parameters
    for cell in cells[1:]:
        exec(cell, scope)
    return scope


#: Two in every test run, the others with the slow tests; the contract holds for all of them.
OFTEN = ("threshold", "spec.yaml")
RUN = [
    pytest.param(line, id=line, marks=[] if any(word in line for word in OFTEN) else [pytest.mark.slow])
    for page, line in PAPERMILL
    if page == RECIPES and " DIR " not in line
]


@pytest.mark.parametrize("line", RUN)
def test_a_recipe_runs(place, line):
    notebook, parameters = given(line)
    if notebook == "twin":
        parameters |= {"draws": 10_000, "cohorts": 1, "windows": 500}
    else:
        parameters |= {"profile": "smoke"}
    if "people" in parameters:
        parameters["people"] = [20]  # of so few windows
    if parameters.get("seeds"):
        parameters["seeds"] = parameters["seeds"][:2]
    made = run(notebook, parameters)["made"]
    assert made.origin == ("real" if "-p source frozen" in line else "twin")  # the example table is synthetic, too
    for name in {"recipe", "seeds"} & set(parameters):
        assert getattr(made, name) == (tuple(parameters[name]) if name == "seeds" else parameters[name])
    for name in {"threshold", "strategies"} & set(parameters):
        assert f"{name}" in made.command


def test_a_metric_of_ones_own_runs(place, capsys):
    (snippet,) = blocks(RECIPES, "python")
    small = snippet.replace('{"dataset": "mimic"}', '{"dataset": "mimic", "profile": "smoke"}')
    assert small != snippet
    exec(small, {})
    lines = capsys.readouterr().out.splitlines()
    assert lines
    for line in lines:
        share, low, high = (float(number) for number in re.findall(r"\d\.\d\d", line))
        assert low <= share <= high


def test_a_wrong_parameter_in_a_command_would_be_found(place):
    notebook, parameters = given("papermill notebooks/5_evaluation.ipynb out.ipynb -p dataset mimic -p treshold 0.3")
    with pytest.raises(ValueError, match="did you mean 'threshold'"):
        check(notebook, parameters)


def test_commands_of_the_package_exist():
    """Every ``python -m fairlib COMMAND`` on a page is a command of this version."""
    shown = {found for page in PAGES for found in re.findall(r"python -m fairlib ([a-z]+)", page.read_text("utf-8"))}
    done = subprocess.run([sys.executable, "-m", "fairlib", "--help"], capture_output=True, text=True, env=os.environ)
    assert shown
    assert shown <= set(re.findall(r"^    ([a-z]+)", done.stdout, re.M)), done.stdout
