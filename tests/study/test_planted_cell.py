"""One tiny cell of the twins that judge the method, made by its commands and shown on its page."""

import json

import pandas as pd
import pytest

from book.pages.tables import planted as tables
from fairlib.report.columns import written
from fairlib.study.__main__ import main
from fairlib.study.parameters import FROZEN
from fairlib.twins import planted


def test_a_cell_is_made_kept_and_shown(tmp_path, monkeypatch):
    kept = tmp_path / "twins" / "mimic-turned"
    tiny = ["--profile", "smoke", "--models", "supervised", "--seeds", "1", "--results", str(tmp_path / "results")]
    assert main(["freeze", "mimic", "twin", "--dial", "turned", *tiny, "--kept", str(kept)]) == 0
    assert main(["pack", "mimic", "--kept", str(kept)]) == 0
    assert {path.name for path in kept.glob("*.parquet")} == {"scores.parquet", "cuts.parquet", "tested.parquet"}
    spec = json.loads((tmp_path / "results/mimic/twin-smoke-turned/data/TWIN.json").read_text())["spec"]
    assert spec | planted.knobs("mimic", "turned") | {"windows": spec["windows"]} == spec
    tested = pd.read_parquet(kept / "tested.parquet")
    assert (tested["ethnicity"] == "Asian").mean() > 0.1  # published: 2 %
    monkeypatch.setattr(planted, "TWINS", {"mimic": planted.TWINS["mimic"]})
    rows, lacks = tables.gather(kept.parent, 100, 10)
    assert lacks == ["MIMIC-III twin, dial zero: not computed yet."]
    (told,) = tables.findings(rows)
    assert told.startswith("MIMIC-III twin, dial turned: ")
    assert "(supervised; AUC 0." in told
    assert told.endswith("runs: 1).")
    shown = written(tables.planted_against_found(rows))
    assert shown["found: supervised, dial turned (95 % CI)"].str.contains(r"\[", regex=True).any()
    assert (shown["found: supervised, dial zero (95 % CI)"] == "–").all()


@pytest.mark.parametrize("folder", sorted((FROZEN / "twins").glob("*-*")), ids=lambda folder: folder.name)
def test_a_kept_cell_is_whole(folder):
    dataset, dial = folder.name.rsplit("-", 1)
    assert dataset in planted.TWINS
    assert dial in planted.DIAL
    assert set(pd.read_parquet(folder / "scores.parquet")["strategy"]) >= set(tables.PAIR)
