"""What is kept in the book of real runs is whole, and small."""

import ast
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from fairlib import cards
from fairlib.cohort import CohortError
from fairlib.study import sources
from fairlib.study.frozen import FOLD_KEYS, JUDGED_BY
from fairlib.study.parameters import FROZEN, ROOT
from fairlib.study.results import checksum
from fairlib.study.tables import MODEL, TABLES

DATASETS = sorted(path.parent for path in FROZEN.glob("*/manifest.json"))
IMPORTS = (ast.Import, ast.ImportFrom)


@pytest.mark.parametrize("folder", DATASETS, ids=lambda folder: folder.name)
def test_frozen_files_are_those_of_the_manifest(folder: Path):
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["files"] == {file.name: checksum(file) for file in folder.glob("*.parquet")}
    scored = {"folds" in recipe for recipe in manifest["recipes"].values()}  # those of version 0.1 kept no scores
    wanted = {name for name, table in TABLES.items() if False in scored or table.of != MODEL}  # computed from scores
    found = {file.stem for file in folder.glob("*.parquet")}
    assert found == (wanted if True in scored else wanted - {"tested", "scores", "cuts"})
    for recipe in manifest["recipes"].values():
        assert (recipe["origin"], recipe["access"]) == ("real", "open")


@pytest.mark.parametrize("path", sorted(FROZEN.glob("*/*.parquet")), ids=lambda path: "-".join(path.parts[-2:]))
def test_frozen_tables_are_aggregates_of_enough_people(path: Path):
    table = pd.read_parquet(path)
    if path.stem in ("scores", "tested"):  # by a random number; read by code, and never shown
        own = {"row", "score", "risk"} if path.stem == "scores" else {"row", "person", "y"}
        names = set(cards.load(path.parent.name).attributes)
        assert own <= set(table) <= own | set(FOLD_KEYS) | names | {f"{name} band" for name in names} | {JUDGED_BY}
        return
    keys = [key for key in FOLD_KEYS if key in table]
    assert len(table) < 3000 or table.groupby(keys).size().max() < 3000
    assert not {"person", "row", "score", "RecordID"} & set(table)
    for column in {"people", "windows", "events"} & set(table):
        assert not table[column].between(1, 10).any()


def test_a_page_on_frozen_results_never_imports_pytorch():
    """All that the notebooks import, and a table; PyTorch takes seconds to start, and nobody would use it."""
    across = {
        "6_synthesis",
        "release_audit",
        "paper_figures",
        "beside_paper",
    }  # they open models that were trained here, too
    pages = [page for page in sorted((ROOT / "notebooks").glob("*.ipynb")) if page.stem not in across]
    cells = [cell for page in pages for cell in nbformat.read(page, 4).cells if cell.cell_type == "code"]
    lines = [node for cell in cells for node in ast.parse(cell.source).body if isinstance(node, IMPORTS)]
    opened = 'open_study(check("5_evaluation", {"dataset": "challenge2012", "source": "frozen"}))'
    code = [*map(ast.unparse, lines), "from fairlib.study.parameters import check", f"study = {opened}"]
    code += ["assert len(study.table('sizes'))", "import sys", "print('torch' in sys.modules)"]
    assert len(lines) > 60
    done = subprocess.run([sys.executable, "-c", "\n".join(code)], cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("False\n", 0), done.stderr


@pytest.mark.parametrize(
    ("origin", "access", "people", "folds", "refused"),
    [
        ("real", "restricted", 60, 0, False),  # 18 are tested
        ("real", "restricted", 30, 0, True),  # 9
        ("real", "restricted", 30, 5, False),  # everyone is
        ("real", "open", 30, 0, False),
        ("twin", "restricted", 30, 0, False),
    ],
)
def test_of_few_restricted_people_not_even_a_number_of_all_is_made(make_cohort, origin, access, people, folds, refused):
    cohort = make_cohort("challenge2012", origin, people=people, gaps=0.2)
    cohort = replace(cohort, card=cohort.card.model_copy(update={"access": access}))
    if not refused:
        return sources.refuse_too_few(cohort, folds > 0)
    with pytest.raises(CohortError, match=r"9 people are tested, and of fewer than 11 people of restricted data"):
        sources.refuse_too_few(cohort, folds > 0)
