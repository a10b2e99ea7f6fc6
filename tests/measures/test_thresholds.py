"""Rates at every threshold: against decisions made one by one, and what may be shown."""

import numpy as np
import pandas as pd
import pytest

from fairlib.fairness import GROUP_RATES, METRICS, RATES, confusion
from fairlib.inference import interval
from fairlib.measures import performance, thresholds
from fairlib.measures.evaluated import Evaluated
from fairlib.measures.thresholds import GRID
from tests.tables import evaluation_tables


def scored(make_cohort, origin="twin", dataset="challenge2012", **given):
    cohort = make_cohort(dataset, origin, **{"people": 900, "windows": 2} | given)
    draw = np.random.default_rng(1)
    return cohort, 1 / (1 + np.exp(-(2 * cohort.y - 1 + 2 * draw.normal(size=len(cohort)))))


@pytest.fixture(scope="module")
def open_data(make_cohort):
    cohort, score = scored(make_cohort)
    return cohort, score, evaluation_tables(cohort, score, 0.5, 60)


def test_counts_are_those_of_each_decision():
    draw = np.random.default_rng(0)
    y, score = draw.integers(0, 2, 200), draw.random(200)
    score[:3] = GRID[[0, 5, -1]]  # exactly at a threshold counts as flagged
    weights = draw.integers(0, 3, (7, 200)).astype(np.float32)
    found = thresholds.counts(y, score, weights)
    for i, threshold in enumerate(GRID):
        for cell, value in confusion(y, (score >= threshold).astype(int), weights).items():
            np.testing.assert_array_equal(found[cell][:, i], value)


def test_rows_are_those_of_the_metrics_at_that_threshold(open_data):
    """At any threshold the table says what ``performance.metrics`` says of the same decisions."""
    cohort, score, tables = open_data
    table = tables["thresholds"]
    for threshold in (0.2, 0.5, 0.725):
        wanted = performance.metrics(Evaluated(cohort, score, threshold, 60))
        wanted = wanted.set_index(["scope", "attribute", "segment", "metric"])
        own = table[np.isclose(table["threshold"], threshold)]
        assert len(own) > 30
        for row in own.itertuples():
            scope = "overall" if row.attribute == "everybody" else row.scope
            one = wanted.loc[(scope, row.attribute, row.segment, row.metric)]
            assert row.estimate == pytest.approx(one["estimate"], abs=1e-4)
            assert (row.low, row.high) == pytest.approx(interval(np.float64(one["replicates"])), abs=2e-4)


def test_every_segment_metric_and_threshold_is_there(open_data):
    cohort, _, tables = open_data
    table, card = tables["thresholds"], cohort.card
    rows = table.groupby(["scope", "attribute", "segment", "metric"]).size()
    assert (rows == len(GRID)).all()
    groups = 1 + sum(len(facts.segments) for facts in card.attributes.values())
    assert len(rows) == groups * len(GROUP_RATES) + len(card.attributes) * len(METRICS)
    assert list(table) == thresholds.COLUMNS


def test_a_rate_at_the_end_is_missing_where_few_are_flagged(make_cohort):
    cohort, score = scored(make_cohort, origin="real", people=600, windows=1)
    table = evaluation_tables(cohort, score, 0.5, 60)["thresholds"]
    test = pd.DataFrame({"person": cohort.person, "score": score, "age": cohort.attributes["age"]})[
        cohort.split == "test"
    ]
    own = test[test["age"] == "<65"]
    rows = table[(table["segment"] == "<65") & (table["metric"] == "selection_rate")].set_index("threshold")
    for threshold, row in rows.iterrows():
        flagged = own.loc[own["score"] >= threshold, "person"].nunique()
        passed = own.loc[own["score"] < threshold, "person"].nunique()
        assert np.isfinite(row["estimate"]) == (min(flagged, passed) >= 11)
    assert rows["estimate"].isna().any()
    assert rows["estimate"].notna().any()


def test_restricted_data_have_no_such_table(make_cohort):
    cohort, score = scored(make_cohort, "real", "mimic")
    assert evaluation_tables(cohort, score, 0.5, 30)["thresholds"].empty


def test_a_rate_where_nobody_is_in_the_denominator_is_missing():
    y, score = np.zeros(30), np.linspace(0, 1, 30)
    assert np.isnan(RATES["false_negative_rate_ratio"].of(thresholds.counts(y, score, np.ones((2, 30))))).all()
