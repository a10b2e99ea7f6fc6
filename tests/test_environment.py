"""The two commands, the exact versions and the layout, held together."""

import json
import re
import tomllib
from itertools import chain
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
NAME = re.compile(r"^[A-Za-z0-9._-]+")


def pinned() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_every_dependency_has_one_exact_version():
    wanted = [*project()["dependencies"], *chain.from_iterable(project()["optional-dependencies"].values())]
    names = {NAME.match(requirement)[0].lower().replace("_", "-") for requirement in wanted}
    versions = {name.lower().replace("_", "-") for name in pinned()}
    assert names <= versions
    assert all(re.fullmatch(r"[0-9][A-Za-z0-9.]*", version) for version in pinned().values())


def test_constraints_fulfil_the_bounds_of_the_project():
    assert pinned()["torch"] == "2.13.0"
    assert pinned()["jupyter-book"].startswith("1.")


def test_environment_and_makefile_use_the_constraints():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    conda = [entry for entry in environment["dependencies"] if isinstance(entry, str)]
    pip = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert [re.split("[=<>]", entry)[0] for entry in conda] == ["python", "pip"]  # conda gives these, pip the rest
    assert pip == ["--constraint constraints.txt", "--editable .[book,test]"]
    makefile = (ROOT / "Makefile").read_text()
    assert len(re.findall(r"pip install.*--constraint constraints.txt", makefile)) == 2
    assert re.search(r"python=3\.(\d+)", " ".join(conda))[1] in project()["requires-python"]


def test_readme_shows_both_commands_and_ci_calls_the_test_command():
    readme = (ROOT / "README.md").read_text()
    assert "make book" in readme
    assert "make test" in readme
    assert "TORCH_INDEX=" in readme
    assert "make test" in (ROOT / ".ci" / "run").read_text()


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_notebooks_are_stored_without_outputs(path):
    cells = json.loads(path.read_text())["cells"]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)


def test_files_stay_readable_in_size():
    long = [p for p in (ROOT / "fairlib").rglob("*.py") if len(p.read_text().splitlines()) > 400]
    assert not long
