"""The walls of the house: who may import whom, what the mathematics may know, and how large the rooms may be."""

import json
import shutil
import subprocess
import sys

import pytest

from tests import house

#: Floors from the top; wings on one line do not import each other.
FLOORS = (
    ("book.release", "book.quality", "book.course"),
    ("book.pages",),
    ("fairlib.audit", "fairlib.lessons"),
    ("fairlib.report",),
    ("fairlib.study",),
    ("fairlib.measures",),
    ("fairlib.twins",),
    ("fairlib.readers",),
)
MATHEMATICS = ["encoder", "convolution", "views", "pretraining", "optimisation", "schedules", "similarity", "fairness"]
MATHEMATICS += ["inference", "permutations", "pretexts", "channels"]
PEOPLE = {"fairlib.cohort", "fairlib.cards", "pandas"}


def imports(root=house.ROOT) -> dict[str, set[str]]:
    """Module → what it imports outside of type checks, of both packages; doors (``__main__``) are left out."""
    code = (
        "import grimp, json; graph = grimp.build_graph('fairlib', 'book', exclude_type_checking_imports=True,"
        " include_external_packages=True, cache_dir=None);"
        "print(json.dumps({m: sorted(graph.find_modules_directly_imported_by(m)) for m in graph.modules}))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    found = json.loads(run.stdout)
    ours = {name for name in found if name.split(".")[0] in ("fairlib", "book") and not name.endswith("__main__")}
    return {name: set(found[name]) for name in ours}


def place(module: str) -> tuple[int, str]:
    """Floor of a module, the root of fairlib lowest, and its wing."""
    for height, wings in enumerate(reversed(FLOORS), start=1):
        for wing in wings:
            if f"{module}.".startswith(f"{wing}."):
                return height, wing
    return 0, "fairlib"


def upwards(graph: dict[str, set[str]]) -> list[str]:
    """Imports that lead up, or from a wing to another on the same floor."""
    found = []
    for module, others in graph.items():
        height, wing = place(module)
        for other in others & graph.keys():
            above, theirs = place(other)
            if above > height or (above == height and wing != theirs):
                found.append(f"{module} imports {other}, which is {'above' if above > height else 'beside'} it")
    return sorted(found)


@pytest.fixture(scope="module")
def graph():
    return imports()


def test_nobody_imports_upwards(graph):
    assert upwards(graph) == []


def test_the_mathematics_knows_no_people(graph):
    knows = {name: graph[f"fairlib.{name}"] & PEOPLE for name in MATHEMATICS}
    assert {name: found for name, found in knows.items() if found} == {}


def test_the_doors_of_fairlib_do_not_open_into_the_book():
    for door in house.ROOT.glob("fairlib/**/__main__.py"):
        assert "book" not in {
            word for line in door.read_text().splitlines() for word in line.split(".")[0].split()[1:2]
        }


def test_the_rooms_have_their_size(capsys):
    sizes = house.sizes(house.files())
    with capsys.disabled():
        print("\nThe house in code lines:", *(f"{name} {n:,} (≤ {house.BOUNDS[name]:,})" for name, n in sizes.items()))
    assert {name: n for name, n in sizes.items() if n > house.BOUNDS[name]} == {}
    assert house.too_long() == []


def test_the_house_is_small_in_files():
    assert len(list((house.ROOT / "book" / "frozen").rglob("*.parquet"))) < 100


# ------------------------------------------------------------------------------------------------- the test is tested


def test_an_import_upwards_and_a_long_file_are_seen(tmp_path):
    for package in ("fairlib", "book"):
        shutil.copytree(
            house.ROOT / package,
            tmp_path / package,
            ignore=shutil.ignore_patterns("frozen", "_build", "executed", "__pycache__", "*.json", "*.md"),
        )
    room = tmp_path / "fairlib" / "fairness.py"
    room.write_text(room.read_text() + "\nfrom . import cohort\nfrom .measures import summary\n" + "x = 1\n" * 401)
    (tmp_path / "book" / "quality" / "costs.py").write_text("from ..release import audit\n")
    found = imports(tmp_path)
    assert "fairlib.fairness imports fairlib.measures.summary, which is above it" in upwards(found)
    assert "book.quality.costs imports book.release.audit, which is beside it" in upwards(found)
    assert "fairlib.cohort" in found["fairlib.fairness"] & PEOPLE
    assert any(name.startswith("fairlib/fairness.py: ") for name in house.too_long(tmp_path))
    assert house.sizes(house.files(tmp_path))["the hour"] > house.BOUNDS["the hour"] - 400


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ('"""Doc."""\n\n# why\nx = 1  # because\n', 1),
        ('def f():\n    """Doc\n\n    more."""\n    return """a\nb"""\n', 3),
        ("x = (\n    1,\n)\n", 3),
    ],
)
def test_code_lines_are_neither_words_nor_blanks(text, lines):
    assert house.python_lines(text) == lines


def test_lines_of_scripts_and_notebooks():
    assert house.script_lines("// why\n\n/* a\n b */\nlet x = 1; // because\n") == 1
    cells = [{"cell_type": "code", "source": ["# why\n", "x = 1"]}, {"cell_type": "markdown", "source": ["y"]}]
    assert house.notebook_lines(json.dumps({"cells": cells})) == 1
