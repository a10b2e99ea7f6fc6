"""What is kept in the book of real runs is whole, and small."""

import json
from pathlib import Path

import pandas as pd
import pytest

from fairlib.study.parameters import FROZEN
from fairlib.study.results import checksum

RUNS = sorted(FROZEN.glob("*/*/manifest.json"))


@pytest.mark.parametrize("path", RUNS, ids=lambda path: "-".join(path.parts[-3:-1]))
def test_frozen_files_are_those_of_the_manifest(path: Path):
    dataset, manifest = path.parent.parent, json.loads(path.read_text())
    found = [*path.parent.rglob("*.parquet"), *(dataset / "cohort").glob("*.parquet")]
    assert manifest["files"] == {file.relative_to(dataset).as_posix(): checksum(file) for file in found}
    assert manifest["origin"] == "real"
    assert manifest["access"] == "open"


@pytest.mark.parametrize("path", sorted(FROZEN.rglob("*.parquet")), ids=lambda path: "-".join(path.parts[-4:]))
def test_frozen_tables_are_aggregates_of_enough_people(path: Path):
    table = pd.read_parquet(path)
    assert len(table) < 3000
    assert not {"person", "row", "score", "RecordID"} & set(table)
    for column in {"people", "windows", "events"} & set(table):
        assert not table[column].between(1, 10).any()
