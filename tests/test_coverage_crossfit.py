"""The coverage study of cross-fitting itself: its truth on fresh people, counting by hand, blocks that are kept."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from book.quality import FOLDER
from fairlib.measures import estimands, verdicts
from fairlib.measures.evidence import Evidence
from fairlib.measures.operating import CHOSEN, PRIMARY, SENSITIVE

from . import coverage_crossfit as study
from .coverage_crossfit import KEYS, MODELS, SCENARIOS, SSL, SUPERVISED, Population, simulate


@pytest.mark.parametrize(
    ("name", "people"), [("30 % difference, 8,000 people", 200_000), ("tied groups and scores, 2,000 people", 50_000)]
)
def test_the_truth_is_what_fitted_models_do_on_fresh_people(monkeypatch, name, people):
    """Each of five models on a fifth of many people who did not train it: every number within its error."""
    monkeypatch.setattr(study, "REPEATS", 1)
    scenario = replace(SCENARIOS[name], people=people, points=(PRIMARY, SENSITIVE, CHOSEN[0]))
    of, apart, cuts = simulate(scenario, 0)
    found, truth = (
        estimands.numbers(one, [*MODELS], scenario.points)
        for one in (Evidence(of, 20), Population(of, 1, scenario, apart, cuts))
    )
    error = (found["people_high"] - found["people_low"]) / 3.92
    assert (found[KEYS] == truth[KEYS]).all().all()
    assert len(found) > 60
    distance = (found["estimate"] - truth["estimate"]).abs()
    assert (distance < 5 * error + 1e-5).all(), found.assign(truth=truth["estimate"])[distance >= 5 * error + 1e-5]
    assert error.max() < 0.05


def test_models_are_those_of_their_scenario():
    """At parity neither group is served worse, up to what single runs do; with a difference SSL has 70 % of it."""
    for name, ratio in (("30 % difference, 8,000 people", 0.7), ("difference of log 1.05, 8,000 people", None)):
        scenario = SCENARIOS[name]
        apart = {m: np.broadcast_to(_expected(scenario, m), (4, 5, 4)) for m in MODELS}
        own = Population(simulate(replace(scenario, people=400), 0)[0], 1, scenario, apart)
        level = {m: estimands.folded(own, m, PRIMARY).estimate for m in MODELS}
        if ratio:
            assert level[SSL] == pytest.approx(ratio * level[SUPERVISED], abs=0.01)
        else:
            assert level[SSL] - level[SUPERVISED] == pytest.approx(np.log(1.05), abs=0.01)


def _expected(scenario, model):
    """Distances of the best weights, mean over many runs' features."""
    draw, distance = np.random.default_rng(0), study.loadings(scenario, model)
    share = study.SHARE * np.array(scenario.prevalence)
    best, found = share @ distance / share.sum(), []
    for _ in range(300):
        used = draw.permutation(study.FEATURES)[: study.USED]
        found.append(distance[:, used] @ best[used] / np.linalg.norm(best[used]))
    return np.mean(found, axis=0)


def test_coverage_by_hand():
    ends = [(0.1, 0.3), (0.25, 0.4), (0.0, 0.1), (np.nan, np.nan), (0.2, 0.2)]
    table = pd.DataFrame(ends, columns=["low", "high"]).assign(truth=0.2, scenario="s", **dict.fromkeys(KEYS, "k"))
    table = table.assign(low90=table["high"], high90=0.4, people_low=0, people_high=1, corrected_low=np.nan)
    (row,) = study.coverage(table.assign(corrected_high=np.nan)).itertuples()
    assert (row.cohorts, row.undefined, row.coverage, row.below, row.above) == (5, 0.2, 0.5, 0.25, 0.25)
    assert (row.error, row.length, row.truth) == (0.25, pytest.approx((0.2 + 0.15 + 0.1 + 0) / 4, abs=1e-4), 0.2)
    assert (row.coverage_90, row.coverage_people) == (0.5, 1)
    assert np.isnan(row.coverage_corrected)


def test_errors_by_hand():
    rows = [
        (0, "claim supported", True, True),
        (0, "levelling down: in a", True, True),
        (0, "levelling down: in b", True, False),
        (1, "claim supported", True, False),
        (2, "claim supported", False, True),
        (3, "claim supported", False, False),
        (3, "too little data", True, False),
    ]
    found = pd.DataFrame(rows, columns=["seed", "verdict", "given", "true"]).assign(scenario="s")
    table = study.errors(found).set_index("verdict")
    assert table.loc["claim supported", ["given", "true", "wrong"]].tolist() == [0.5, 0.5, 0.25]
    assert table.loc["claim supported", "error"] == pytest.approx(np.sqrt(0.25 * 0.75 / 4), abs=1e-4)
    assert table.loc["levelling down: in a group", "wrong"] == 0.25
    assert np.isnan(table.loc["levelling down: in a group", "true"])
    assert np.isnan(table.loc["too little data", "wrong"])


def test_a_cohort_and_its_blocks(monkeypatch, tmp_path):
    name = "parity, 60 people"
    monkeypatch.setattr(study, "BLOCK", 1)
    monkeypatch.setattr(study, "DRAWS", 60)
    study.block((name, 3, tmp_path))
    intervals, judged = (
        pd.read_parquet(next(tmp_path.glob(f"*-3-{kind}.parquet"))) for kind in ("intervals", "verdicts")
    )
    assert (intervals["seed"] == 3).all()
    assert not intervals.duplicated(KEYS).any()
    assert "selection rate" not in set(intervals["estimand"])  # the operating point fixes it
    assert intervals["low"].notna().mean() > 0.9
    again, _ = study.cohort(name, 3)
    pd.testing.assert_frame_equal(intervals, again.reset_index(drop=True))
    assert {verdicts.SUPPORTED, verdicts.NON_INFERIOR, verdicts.PAPER} <= set(judged["verdict"])
    assert not list(tmp_path.glob("*.part"))


def test_the_book_keeps_every_scenario_and_no_interval_falls_short():
    """METHOD asks for 93 %: no cell is below that beyond what chance gives in so many cohorts."""
    table = pd.read_csv(FOLDER / "coverage_crossfit.csv", keep_default_na=False, na_values=[""])
    assert set(table["scenario"]) == set(SCENARIOS)
    table = table[table["coverage"].notna()]
    shown = (table["cohorts"] * (1 - table["undefined"])).round()
    chance = stats.binom.cdf((table["coverage"] * shown).round(), shown, 0.93)
    assert (chance > 1e-4).all(), table[chance <= 1e-4]
    judged = pd.read_csv(FOLDER / "coverage_crossfit_verdicts.csv")
    claims = judged[~judged["verdict"].isin(["levelling down: in a group", verdicts.TOO_LITTLE, verdicts.OPEN])]
    wrong = (claims["wrong"] * claims["cohorts"]).round()
    assert (stats.binom.sf(wrong - 1, claims["cohorts"], 0.05) > 1e-3).all()
