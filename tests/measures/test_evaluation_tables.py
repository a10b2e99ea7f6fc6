"""Evidence of stage 5 beyond metrics: what is chosen on validation, gaps, calibration, and draws that are undefined."""

import numpy as np
import pandas as pd
import pytest

from fairlib import cards
from fairlib.cohort import CohortError
from fairlib.inference import participant_draws
from fairlib.measures import group_sizes
from fairlib.measures.evaluated import Evaluated
from fairlib.measures.summary import summarise
from tests.tables import evaluation_tables

DRAWS = 40


def scored(cohort, seed=0):
    noise = np.random.default_rng(seed).normal(size=len(cohort))
    return 1 / (1 + np.exp(-(2 * cohort.y - 1 + noise)))


@pytest.fixture(scope="module")
def cohort(make_cohort):
    return make_cohort("mimic", "twin", people=2000)


@pytest.fixture(scope="module")
def tables(cohort):
    return evaluation_tables(cohort, scored(cohort), 0.5, DRAWS)


def test_choosing_sees_validation_people_only(cohort, tables):
    for split, changed in (
        ("val", {"validation", "cuts", "scores", "calibration", "calibration_in_the_large"}),  # scores: as risks
        ("test", set(tables) - {"validation", "cuts"}),
    ):
        other = np.where(cohort.split == split, scored(cohort, seed=1), scored(cohort))
        found = evaluation_tables(cohort, other, 0.5, DRAWS)
        assert {name for name in tables if not tables[name].equals(found[name])} == changed, split
    training = np.where(cohort.split == "train", np.nan, scored(cohort))
    again = evaluation_tables(cohort, training, 0.5, DRAWS)
    assert all(tables[name].equals(again[name]) for name in tables)


@pytest.mark.parametrize(("split", "value"), [("test", np.nan), ("val", np.nan), ("test", np.inf)])
def test_every_window_that_is_judged_needs_a_score(make_cohort, split, value):
    """A NaN would be a decision against somebody; those of training windows are never read."""
    cohort = make_cohort()
    score = np.where(cohort.split == "train", np.nan, 0.5)
    Evaluated(cohort, score, 0.5, 30)
    score[np.flatnonzero(cohort.split == split)[:3]] = value
    with pytest.raises(CohortError, match=r"challenge2012: 3 of .* validation and test windows have no finite score"):
        Evaluated(cohort, score, 0.5, 30)


def test_validation_names_no_sizes(make_cohort):
    """Sizes of all splits together would add up to those that are withheld."""
    restricted = make_cohort("mimic", people=2000)
    table = evaluation_tables(restricted, scored(restricted), 0.5, DRAWS)["validation"]
    assert list(table) == ["attribute", "segment", "auc"]
    assert len(table) >= 6


def test_gaps_are_those_of_the_segments(tables):
    metrics, nulls = tables["metrics"], tables["permutation_null"].set_index("attribute")
    rows = metrics[(metrics["scope"] == "segment") & (metrics["metric"] == "auc") & metrics["estimate"].notna()]
    for attribute, own in rows.groupby("attribute"):
        assert nulls.loc[attribute, "gap"] == pytest.approx(np.ptp(own["estimate"]))
        assert len(nulls.loc[attribute, "permuted"]) == 2 * DRAWS
        assert (nulls.loc[attribute, "permuted"] >= 0).all()
    assert "everybody" not in nulls.index


@pytest.mark.parametrize(("dataset", "origin"), [("mimic", "real"), ("challenge2012", "real"), ("mimic", "twin")])
def test_every_calibration_bin_may_be_shown(make_cohort, dataset, origin):
    cohort = make_cohort(dataset, origin, people=1500, windows=2)
    card, score = cards.load(dataset), scored(cohort)
    found = evaluation_tables(cohort, score, 0.5, DRAWS)
    table = found["calibration"]
    assert (table["people"] >= 2 * card.min_cell).all()
    assert (table["events"] >= card.min_cell).all()
    assert (table["windows"] - table["events"] >= card.min_cell).all()
    metrics = found["metrics"]
    shown = metrics[metrics["scope"].isin(["overall", "segment"]) & metrics["estimate"].notna()]
    keys = ["attribute", "segment"]
    assert set(map(tuple, table[keys].to_numpy())) == set(map(tuple, shown[keys].to_numpy()))
    sizes = table.groupby(keys)[["windows", "events"]].sum()
    wanted = shown.drop_duplicates(keys).set_index(keys)[["windows", "events"]]
    pd.testing.assert_frame_equal(sizes, wanted.loc[sizes.index], check_dtype=False)


def test_undefined_draws_are_counted(make_cohort):
    """Two of a segment's people have an event: in about one draw of eight neither is drawn."""
    card = cards.load("challenge2012").model_copy(update={"min_cell": 1})
    base = make_cohort(people=900, origin="twin")
    test = base.rows("test")
    few = np.concatenate([test[base.y[test] == label][:count] for label, count in ((1, 2), (0, 30))])
    gender = np.full(900, "Male", dtype=object)
    gender[few] = "Female"
    cohort = make_cohort(people=900, origin="twin", gender=gender, card=card)
    metrics = evaluation_tables(cohort, scored(cohort), 0.5, 400)["metrics"]
    weights = participant_draws(cohort.person[test], 400)
    events = np.isin(test, few[:2])
    missing = (weights[:, events].sum(axis=1) == 0).mean()
    assert 0.05 < missing < 0.25
    summary = summarise(metrics.assign(strategy="supervised", seed=1)).set_index(["segment", "metric"])
    for metric in ("auc", "false_negative_rate", "balanced_accuracy"):
        assert summary.loc[("Female", metric), "undefined_draws"] == pytest.approx(missing), metric
    assert summary.loc[("Female", "error_rate"), "undefined_draws"] == 0
    assert summary.loc[("Male", "auc"), "undefined_draws"] == 0


def test_a_judged_segment_is_shown_and_large_enough(cohort):
    rows = group_sizes.frame(cohort).iloc[cohort.rows("test")].reset_index(drop=True)
    rows.loc[rows["ethnicity"] == "Asian", "y"] = 0
    segments = cards.load("mimic").attributes["ethnicity"].segments
    assert set(segments) - set(group_sizes.reportable(rows, "ethnicity", segments, "synthetic", 11)) == {"Asian"}
