"""One tiny cell of the twins that judge the method, made twice by its command and shown on its page."""

import pandas as pd
import pytest

from book.pages.tables import planted as tables
from fairlib.report.columns import written
from fairlib.study.__main__ import main
from fairlib.study.parameters import FROZEN
from fairlib.study.results import checksum
from fairlib.twins import planted


def made(folder):
    """Freeze and pack one cell, trained anew; returns its folder."""
    kept = folder / "twins" / "mimic-turned"
    tiny = ["--profile", "smoke", "--models", "supervised", "--seeds", "1", "--results", str(folder / "results")]
    assert main(["freeze", "mimic", "twin", "--dial", "turned", *tiny, "--kept", str(kept)]) == 0
    assert main(["pack", "mimic", "--kept", str(kept)]) == 0
    return kept


def test_a_cell_is_remade_to_the_byte_and_shown(tmp_path, monkeypatch):
    one, again = made(tmp_path / "one"), made(tmp_path / "again")
    names = {path.name for path in one.glob("*.parquet")}
    assert names == {"scores.parquet", "cuts.parquet", "tested.parquet"}
    assert {name: checksum(one / name) for name in names} == {name: checksum(again / name) for name in names}
    assert "race" not in pd.read_parquet(one / "tested.parquet")
    monkeypatch.setattr(planted, "TWINS", {"mimic": planted.TWINS["mimic"]})
    rows, lacks = tables.gather(one.parent, 100, 10)
    assert lacks == ["MIMIC-III twin, dial zero: not computed yet."]
    (told,) = tables.findings(rows)
    assert told.startswith("MIMIC-III twin, dial turned: ")
    assert "1 runs" in told
    shown = written(tables.planted_against_found(rows))
    assert shown["found: supervised, dial turned (95 % CI)"].str.contains(r"\[", regex=True).any()
    assert (shown["found: supervised, dial zero (95 % CI)"] == "–").all()


@pytest.mark.parametrize("folder", sorted((FROZEN / "twins").glob("*-*")), ids=lambda folder: folder.name)
def test_a_kept_cell_is_whole(folder):
    dataset, dial = folder.name.rsplit("-", 1)
    assert dataset in planted.TWINS
    assert dial in planted.DIAL
    assert set(pd.read_parquet(folder / "scores.parquet")["strategy"]) >= set(tables.PAIR)
