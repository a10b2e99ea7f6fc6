"""What is kept in the book of real runs is whole, and small."""

import json
from pathlib import Path

import pandas as pd
import pytest

from fairlib.study.parameters import FROZEN
from fairlib.study.results import checksum
from fairlib.study.tables import TABLES

DATASETS = sorted(path.parent for path in FROZEN.glob("*/manifest.json"))
#: Columns that tell models apart; a table is small per model, however many there are.
KEYS = ["recipe", "strategy", "seed", "labels"]


@pytest.mark.parametrize("folder", DATASETS, ids=lambda folder: folder.name)
def test_frozen_files_are_those_of_the_manifest(folder: Path):
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["files"] == {file.name: checksum(file) for file in folder.glob("*.parquet")}
    assert {file.stem for file in folder.glob("*.parquet")} == set(TABLES)
    for recipe in manifest["recipes"].values():
        assert (recipe["origin"], recipe["access"]) == ("real", "open")


@pytest.mark.parametrize("path", sorted(FROZEN.rglob("*.parquet")), ids=lambda path: "-".join(path.parts[-2:]))
def test_frozen_tables_are_aggregates_of_enough_people(path: Path):
    table = pd.read_parquet(path)
    assert len(table) < 3000 or table.groupby(KEYS).size().max() < 3000
    assert not {"person", "row", "score", "RecordID"} & set(table)
    for column in {"people", "windows", "events"} & set(table):
        assert not table[column].between(1, 10).any()
