"""One level for every interval: at 90 % each kind is as narrow as its formula says, and nobody types 1.96 or 2.5 %."""

import ast
import re
import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from book.pages import cka_gaps, noise
from book.release import audit, simulations
from fairlib import cards, inference
from fairlib.inference import Estimate
from fairlib.measures import calibration, probes, segments, summary, thresholds
from fairlib.measures.half_samples import half_sample_interval
from fairlib.seeds import generator
from tests.release import release_claims

ROOT = Path(__file__).parent.parent
NORMAL = stats.norm.ppf(0.95) / stats.norm.ppf(0.975)  # widths at 90 % over those at 95 %
DRAWN = np.random.default_rng(0).normal(0.7, 0.02, (2, 4000))  # of two runs
NULL = np.random.default_rng(1).random(999)


def ends(draws):
    return np.quantile(draws, [0.05, 0.95])


@pytest.fixture
def ninety(monkeypatch):
    """A function's result at the usual level, and at 90 %."""

    def both(function):
        usual = function()
        with monkeypatch.context() as patch:
            patch.setattr(inference, "LEVEL", 0.9)
            return usual, function()

    return both


def widths(found) -> tuple:
    return tuple(one[-1] - one[-2] for one in found)


def test_the_level_is_95():
    assert inference.LEVEL == 0.95
    assert inference.half_width() == pytest.approx(1.959964, abs=1e-6)


def test_percentiles(ninety):
    assert ninety(lambda: inference.interval(DRAWN[0]))[1] == pytest.approx(ends(DRAWN[0]))
    assert ninety(lambda: inference.central(DRAWN, axis=1))[1] == pytest.approx(
        np.quantile(DRAWN, [0.05, 0.95], axis=1)
    )
    assert ninety(lambda: inference.upper(NULL))[1] == pytest.approx(np.quantile(NULL, 0.9))
    wanted = 0.8 + ends(DRAWN[0] - DRAWN[0].mean())
    assert ninety(lambda: half_sample_interval(0.8, DRAWN[0]))[1] == pytest.approx(wanted)


def test_over_participants_and_runs(ninety):
    one = widths(ninety(lambda: inference.seed_interval(np.array([0.7]), DRAWN[:1])))
    assert one[1] / one[0] == pytest.approx(NORMAL)
    runs = np.array([0.68, 0.72])
    people, between = DRAWN.mean(axis=0).var(ddof=1), runs.var(ddof=1) / 2
    t = stats.t.ppf([0.95, 0.975], ((people + between) / between) ** 2)
    two = widths(ninety(lambda: inference.seed_interval(runs, DRAWN)))
    assert two[1] / two[0] == pytest.approx(t[0] / t[1])
    known = widths(ninety(lambda: inference.interval_over_runs(runs, people)))
    assert known == pytest.approx(two)
    skewed = ninety(lambda: inference.skewed_seed_interval(np.array([0.7]), DRAWN[:1]))[1]
    assert skewed[1:] == pytest.approx(ends(DRAWN[0]))


def test_summaries_and_headlines(ninety):
    base = {"attribute": "gender", "segment": "s", "seed": 1, "note": "", "people": 50, "windows": 50, "events": 20}
    drawn = {"supervised": DRAWN[0], "frozen_0": DRAWN[1]}
    models = pd.DataFrame(
        base
        | {"scope": scope, "metric": metric, "strategy": name, "estimate": center, "replicates": center * own / 0.7}
        for scope, metric, center in (("overall", "auc", 0.7), ("ratio", "error_rate_ratio", 1.5))
        for name, own in drawn.items()
    )
    usual, narrow = ninety(lambda: summary.summarise(models))
    wide, tight = (
        np.where(one["scope"] == "ratio", np.log(one["high"] / one["low"]), one["high"] - one["low"])
        for one in (usual, narrow)
    )
    np.testing.assert_allclose(tight / wide, NORMAL)
    usual, narrow = ninety(lambda: summary.headline(models, ["gender"], "error_rate_ratio"))
    for name in ("auc", "deviation", "auc_difference", "deviation_difference"):
        wide, tight = (one[f"{name}_high"].iloc[1] - one[f"{name}_low"].iloc[1] for one in (usual, narrow))
        assert tight / wide == pytest.approx(NORMAL), name
    assert narrow["people_low"].iloc[0] == pytest.approx(ends(DRAWN[0])[0])


def test_segments_probes_and_permutation_bounds(ninety):
    gaps = pd.DataFrame({"strategy": ["a"], "attribute": ["age"], "gap": [0.5], "permuted": [NULL]})
    assert ninety(lambda: segments.gaps(gaps, ("a",), ["age"]))[1]["null_bound"].item() == pytest.approx(
        np.quantile(NULL, 0.9)
    )
    probe = {"attribute": ["age"], "segment": ["s"], "people": [9], "estimate": [0.7], "chance": [0.5]}
    tables = {"supervised": [pd.DataFrame(probe | {"replicates": [DRAWN[0]]})]}
    found = [(one["low"].item(), one["high"].item()) for one in ninety(lambda: probes.summarise_probes(tables))]
    assert np.divide(*widths(found)[::-1]) == pytest.approx(NORMAL)


def test_cka(ninety):
    def table():
        """A CKA of 0.5 whose standard error over participants is 0.02, as ``similarity_table`` writes it."""
        half = 0.02 * inference.half_width()
        row = {"attribute": "a", "segment": "s", "layer_supervised": 1, "layer_other": 1, "people": 60, "matched": 0.5}
        return pd.DataFrame([row | {"cka": 0.5, "low": 0.5 - half, "high": 0.5 + half}])

    found = [one.iloc[0] for one in ninety(lambda: cka_gaps.over_runs(table()))]
    assert found[1]["high"] - found[1]["low"] == pytest.approx(2 * stats.norm.ppf(0.95) * 0.02)
    records = [
        {
            "attribute": "age",
            "segment": segment,
            "layer_supervised": 1,
            "layer_other": 1,
            "cka": value,
            "matched": value,
        }
        | {"halves": value + DRAWN[0] - 0.7, "permuted": NULL * (segment == "old")}
        for segment, value in (("old", 0.6), ("young", 0.4))
    ]
    pair = {"age": ("old", "young")}
    row = ninety(lambda: cka_gaps.layer_gaps([pd.DataFrame(records)], pair))[1].iloc[0]
    assert (row["null_low"], row["null_high"]) == pytest.approx(ends(NULL))
    row = ninety(lambda: cka_gaps.sizes([pd.DataFrame(records)], pair)[0])[1].iloc[0]
    assert row["null_bound"] == pytest.approx(np.quantile(NULL, 0.9))


def test_noise(ninety):
    n = 12
    rows = pd.DataFrame({"dataset": "d", "attribute": "a", "segment": np.repeat(range(n), 2).astype(str)})
    rows["model"] = ["Supervised", "SSL"] * n
    rows["delta"] = np.random.default_rng(2).normal(0, 0.05, 2 * n)
    rows["x"] = np.repeat(np.linspace(1, 3, n), 2)
    rows = rows.assign(overall_auc=0.8, positives=30, negatives=70, all_positives=300, all_negatives=700)
    usual, narrow = ninety(lambda: noise.with_noise(rows))
    np.testing.assert_allclose(narrow["bound"] / usual["bound"], NORMAL)
    wide, tight = ninety(lambda: noise.fit(usual, "x", 60))
    known = wide[["low", "high"]].notna().all(axis=1)
    assert known.any()
    assert (tight["low"] >= wide["low"])[known].all()
    assert ((tight["high"] - tight["low"]) < (wide["high"] - wide["low"]))[known & (wide["curve"] != "noise")].all()
    change = usual["gap"].to_numpy().reshape(n, 2) @ [-1, 1]
    change = change[np.argsort(np.arange(n).astype(str))]  # segments in the order of their names
    drawn = change[generator(0, "segments").integers(0, n, (500, n))].mean(axis=1)
    found = ninety(lambda: release_claims.mean_gap_difference(usual, 500))[1]
    assert (found["low"], found["high"]) == pytest.approx(ends(drawn))


def test_calibration_and_thresholds(ninety):
    draw = np.random.default_rng(4)
    y, weights = (draw.random(40) < 0.5).astype(int), draw.integers(0, 3, (200, 40)).astype(np.float32)
    frame, everyone = pd.DataFrame({"person": np.arange(40), "y": y}), {("everybody", "everybody"): np.full(40, True)}
    risk = np.linspace(0.1, 0.9, 40)
    found = ninety(lambda: calibration.table(risk, frame, weights, everyone, "synthetic", 40))[1]
    assert len(found) == 1  # bin
    wanted = ends(weights @ y / weights.sum(axis=1))
    assert (found["low"].item(), found["high"].item()) == pytest.approx(wanted, abs=1e-6)
    card = cards.load("mimic")
    of = SimpleNamespace(
        y=y, s=risk, weights=weights, frame=frame, groups=everyone, cohort=SimpleNamespace(card=card), rule="synthetic"
    )
    found = ninety(lambda: thresholds.at_thresholds(of))[1]
    row = found[(found["metric"] == "selection_rate") & (found["threshold"] == 0.5)].iloc[0]
    wanted = ends(weights @ (risk >= 0.5) / weights.sum(axis=1))
    assert (row["low"], row["high"]) == pytest.approx(wanted, abs=1e-4)


def test_the_audit_of_the_release(ninety):
    chance = widths(ninety(lambda: audit.chance_interval(100, 300)))
    assert chance[1] / chance[0] == pytest.approx(NORMAL)
    usual, narrow = ninety(lambda: simulations.interval_widths((1,), people=40, draws=8))
    columns = ["people", "windows", "true"]
    np.testing.assert_allclose(narrow[columns] / usual[columns], NORMAL)


@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
def test_captions_say_the_level(monkeypatch):
    assert runpy.run_module("fairlib.text")["LEVEL_WORDS"] == "95 %"
    monkeypatch.setattr(inference, "LEVEL", 0.9)
    words = runpy.run_module("fairlib.text")
    assert (words["LEVEL_WORDS"], words["OF_100"]) == ("90 %", "90 of 100")


def test_an_estimate_as_columns():
    assert Estimate(0.8, 0.7, 0.9).columns("auc") == {"auc": 0.8, "auc_low": 0.7, "auc_high": 0.9}


QUANTILES = {"quantile", "nanquantile", "percentile", "nanpercentile", "ppf", "isf", "agg"}
OF_NORMAL = {1.96, 1.959964, 1.645, 0.975, 97.5}


def typed(source: str) -> list[int]:
    """Lines of Python in which a level is typed: normal quantiles anywhere, 2.5 % where quantiles are taken."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and node.value in OF_NORMAL:
            found.append(node.lineno)
        if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in QUANTILES:
            inside = (one.value for part in node.args for one in ast.walk(part) if isinstance(one, ast.Constant))
            found += [node.lineno] * bool({0.025, 2.5} & set(inside))
    return sorted(set(found))


def test_typed_levels_are_found():
    source = "np.quantile(x, [0.025, 0.5])\nhalf = 1.96 * sd\nGRID = 0.025\nnorm.ppf(0.975)\npercentile(x, (2.5, 97.5))"
    assert typed(source) == [1, 2, 4, 5]


@pytest.mark.parametrize("folder", ["fairlib", "book"])
def test_nobody_types_a_level(folder):
    files = [path for path in (ROOT / folder).rglob("*.py") if path != ROOT / "fairlib" / "inference.py"]
    assert len(files) > 20
    found = {str(path.relative_to(ROOT)): typed(path.read_text(encoding="utf-8")) for path in files}
    assert not {path: lines for path, lines in found.items() if lines}


def test_captions_type_no_level():
    """Only what was measured at 95 %, and is kept as numbers, says so in words."""
    kept = {"book/quality/coverage.py", "book/quality/coverage_tables.py", "fairlib/inference.py"}
    for path in [*(ROOT / "fairlib").rglob("*.py"), *(ROOT / "book").rglob("*.py")]:
        name = path.relative_to(ROOT).as_posix()
        assert name in kept or not re.search(r"95\s?%|95 of 100", path.read_text(encoding="utf-8")), name
