"""Probes, tests, distances and regions on features whose contents are known; brute force beside every fast path."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp
from sklearn.metrics import roc_auc_score
from statsmodels.stats.multitest import multipletests

from book.pages.tables import representation as tables_of_features
from fairlib.inference import participant_draws
from fairlib.measures import features as r
from fairlib.measures import probes


@pytest.fixture(scope="module")
def cohort(make_cohort):
    return make_cohort("mimic", "twin", people=1000)


def features(cohort, split, tells=2.0, seed=0):
    """(rows, features): ten of noise, of which the first tells the gender, the second a little of the outcome."""
    rows = cohort.rows(split)
    x = np.random.default_rng([seed, len(rows)]).normal(size=(len(rows), 10))
    x[:, 0] += tells * (cohort.attributes["gender"].iloc[rows] == "Male").to_numpy()
    x[:, 1] += cohort.y[rows]
    return rows, x


# -------------------------------------------------------------------------------------------------------------- probes


def test_probes_read_what_is_there_and_nothing_else(cohort):
    table = probes.probes(cohort, features(cohort, "val"), features(cohort, "test"), draws=40, shuffles=10)
    table = table.set_index(["attribute", "segment"])
    assert table.index[0] == ("outcome", "positive")
    (gender,) = table.loc["gender"].itertuples()  # of two segments only one
    assert gender.estimate == pytest.approx(0.92, abs=0.04)  # Φ(2/√2)
    assert table.loc[("outcome", "positive"), "estimate"] == pytest.approx(0.76, abs=0.07)  # Φ(1/√2)
    others = table[~table.index.get_level_values(0).isin(["gender", "outcome"])]
    assert set(others.index.get_level_values(0)) >= {"age", "ethnicity", "insurance"}
    assert others["estimate"].between(0.36, 0.64).all()
    assert table["chance"].between(0.5, 0.76).all()  # a random direction may tell the gender
    silent = probes.probes(cohort, features(cohort, "val", 0), features(cohort, "test", 0), draws=40, shuffles=2)
    assert silent.set_index("attribute").loc["gender", "estimate"] == pytest.approx(0.5, abs=0.1)


def test_probe_replicates_are_those_of_participants(cohort):
    fitted, tested = features(cohort, "val"), features(cohort, "test")
    row = probes.probes(cohort, fitted, tested, draws=30, shuffles=1).iloc[0]
    assert len(row["replicates"]) == 30
    assert row["replicates"].min() < row["estimate"] < row["replicates"].max()
    # A probe of one informative feature ranks as that feature does.
    label = cohort.y[tested[0]]
    alone = [
        (rows, np.column_stack([cohort.y[rows] + np.sin(np.arange(len(rows)))] * 2)) for rows in (fitted[0], tested[0])
    ]
    row = probes.probes(cohort, *alone, draws=3, shuffles=1).iloc[0]
    weights = participant_draws(cohort.person[tested[0]], 3)
    wanted = [roc_auc_score(label, alone[1][1][:, 0], sample_weight=w) for w in weights]
    np.testing.assert_allclose(row["replicates"], wanted, atol=1e-6)


def test_probes_of_several_models(cohort):
    tables = {
        name: [
            probes.probes(cohort, features(cohort, "val", tells, s), features(cohort, "test", tells, s), 40, 1)
            for s in (1, 2)
        ]
        for name, tells in (("supervised", 0.0), ("frozen_0", 2.0))
    }
    found = probes.summarise_probes(tables).query("attribute == 'gender'").set_index(["strategy", "attribute"])
    row = found.loc[("frozen_0", "gender")]
    means = [np.mean([t.set_index("attribute").loc["gender", "estimate"] for t in runs]) for runs in tables.values()]
    assert row["difference"] == pytest.approx(means[1] - means[0])
    assert row["difference_low"] > 0.2
    assert np.isnan(found.loc[("supervised", "gender"), "difference"])
    screen = probes.summarise_probes(tables)
    telling = screen.query("strategy == 'frozen_0' and attribute == 'gender'").iloc[0]
    assert (telling["q"], telling["difference_q"]) == (pytest.approx(0, abs=0.01), pytest.approx(0, abs=0.05))
    assert screen["q"].between(0, 1).all()
    assert (screen["seeds"] == 2).all()
    tables["frozen_0"][0]["replicates"].iloc[0][:10] = np.nan  # draws without one of the classes
    lost = probes.summarise_probes(tables)["undefined_draws"]
    assert sorted(lost)[-1] == pytest.approx(10 / 40)  # undefined for one seed or more
    assert (lost == 0).sum() == len(lost) - 1


def test_too_few_people_are_not_shown(make_cohort):
    few = make_cohort("mimic", "real", people=120)
    fitted, tested = features(few, "val"), features(few, "test")
    assert len(probes.probes(few, fitted, tested)) == 0
    assert len(r.tests(few, *tested)) == len(r.distances(few, *tested)) == 0
    assert r.embedding(few, *tested).empty


# --------------------------------------------------------------------------------------------------------------- tests


def test_tests_by_scipy_and_statsmodels(cohort):
    rows, x = features(cohort, "test")
    found = r.tests(cohort, rows, x)
    projected = r.components(x)
    gender = cohort.attributes["gender"].iloc[rows].to_numpy()
    own = found[found["attribute"] == "gender"]
    assert set(zip(own["segment"], own["against"], strict=True)) == {("Female", "Male")}
    for row in own.itertuples():
        values = projected[:, row.component - 1]
        wanted = ks_2samp(values[gender == "Female"], values[gender == "Male"])
        assert (row.statistic, row.p) == (pytest.approx(wanted.statistic), pytest.approx(wanted.pvalue))
    np.testing.assert_allclose(found["p_adjusted"], multipletests(found["p"], method="fdr_by")[1])
    ordered, m = found.sort_values("p"), len(found)
    harmonic = sum(1 / k for k in range(1, m + 1))  # Benjamini and Yekutieli 2001, by hand
    step = (ordered["p"] * m * harmonic / np.arange(1, m + 1))[::-1].cummin()[::-1].clip(upper=1)
    np.testing.assert_allclose(ordered["p_adjusted"], step)
    assert own["p_adjusted"].min() < 0.001
    assert (found.loc[~found["attribute"].isin(["gender", "outcome"]), "p_adjusted"] > 0.05).all()


def test_components(cohort):
    x = features(cohort, "test")[1]
    found = r.components(x)
    _, singular, _ = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(found.std(axis=0) * len(x) ** 0.5, singular[:3])
    np.testing.assert_allclose(r.components(-x), -found, atol=1e-9)  # the sign is that of the largest loading


# ----------------------------------------------------------------------------------------------------------- distances


def test_distances_by_brute_force(cohort):
    rows, x = features(cohort, "test")
    table = r.distances(cohort, rows, x, permutations=50).set_index(["attribute", "segment", "other"])
    apart = [[sum(abs(a - b) for a, b in zip(one, other, strict=True)) for other in x] for one in x]
    n = len(x)
    spread = sum(map(sum, apart)) / (n * (n - 1))
    gender = cohort.attributes["gender"].iloc[rows].to_numpy()
    members = {s: [i for i in range(n) if gender[i] == s] for s in ("Male", "Female")}
    medoid = {s: min(own, key=lambda i, own=own: sum(apart[i][j] for j in own)) for s, own in members.items()}
    between = table.loc[("gender", "Male", "Female")]
    assert between["medoids"] == pytest.approx(apart[medoid["Male"]][medoid["Female"]] / spread)
    pairs = [apart[i][j] for i in members["Male"] for j in members["Female"]]
    assert between["mean"] == pytest.approx(np.mean(pairs) / spread)
    inside = [apart[i][j] for i in members["Male"] for j in members["Male"] if i != j]  # no self-pairs
    within = table.loc[("gender", "Male", "Male")]
    assert within["mean"] == pytest.approx(np.mean(inside) / spread)
    to_medoid = [apart[medoid["Male"]][j] for j in members["Male"] if j != medoid["Male"]]
    assert within["medoids"] == pytest.approx(np.mean(to_medoid) / spread)
    assert within["people"] == len(members["Male"])
    assert table["spread"].tolist() == pytest.approx([spread] * len(table))
    assert 0 < between["chance"] < 2
    assert between["p"] > 0.01  # features tell nothing of gender here
    assert np.isnan(within["p"])
    assert np.isnan(table.loc[("outcome", "positive", "negative"), "p"])


def test_distances_do_not_depend_on_the_scale_of_features(cohort):
    rows, x = features(cohort, "test")
    one, other = (r.distances(cohort, rows, scale * x, permutations=20) for scale in (1, 30))
    pd.testing.assert_frame_equal(one.drop(columns="spread"), other.drop(columns="spread"))
    np.testing.assert_allclose(other["spread"], 30 * one["spread"])


# ------------------------------------------------------------------------------------------------------------- regions


def test_regions_of_a_normal_cloud():
    """The densest half of a round cloud is a disc of radius √(2 ln 2), four fifths one of √(2 ln 5), unsmoothed."""
    points = np.random.default_rng(0).normal(size=(200_000, 2))
    edges = np.linspace(-r.REACH, r.REACH, r.BINS + 1)
    counts = np.histogram2d(*points.T, bins=[edges, edges])[0]
    area = (2 * r.REACH / r.BINS) ** 2
    found = r.regions(counts, 1)
    assert (found == 2).sum() * area == pytest.approx(np.pi * 2 * np.log(2), rel=0.08)
    assert (found > 0).sum() * area == pytest.approx(np.pi * 2 * np.log(5), rel=0.08)
    middle = (edges[1:] + edges[:-1]) / 2
    radius = np.hypot(*np.meshgrid(middle, middle))
    assert radius[found == 2].max() < radius[found < 2].min() + 0.3
    assert not r.regions(counts, 10**6).any()
    assert not r.regions(np.zeros_like(counts), 1).any()


@pytest.mark.parametrize(("origin", "smallest"), [("real", 11), ("twin", 1)])
def test_regions_hold_no_cell_with_few_people_near(origin, smallest, make_cohort):
    cohort = make_cohort(people=700, origin=origin)
    rows, x = features(cohort, "test")
    table = r.embedding(cohort, rows, x)
    assert set(table["method"]) == {"PCA", "t-SNE"}
    plane = r.components(x, 2)
    everyone = {"everybody": np.full(len(rows), True), "positive": cohort.y[rows] == 1, "negative": cohort.y[rows] == 0}
    for row in table[table["method"] == "PCA"].itertuples():
        chosen = everyone.get(row.segment)
        if chosen is None:
            chosen = (cohort.attributes[row.attribute].iloc[rows] == row.segment).to_numpy()
        points, region = plane[chosen], np.asarray(row.region).reshape(r.BINS, r.BINS)
        assert len(points) == row.people >= (50 if row.attribute in cohort.attributes else 20)
        width, height = (row.right - row.left) / r.BINS, (row.top - row.bottom) / r.BINS
        column = np.floor((points[:, 0] - row.left) / width)
        line = np.floor((points[:, 1] - row.bottom) / height)
        inside = ((column >= 0) & (column < r.BINS) & (line >= 0) & (line < r.BINS)).sum()
        reach = round(inside ** (-1 / 6) * r.BINS / (2 * r.REACH))
        for i, j in np.argwhere(region > 0):
            assert ((abs(column - j) <= reach) & (abs(line - i) <= reach)).sum() >= smallest
        assert (region == 2).any() or row.people < 120
    assert len(table) < 40
    pd.testing.assert_frame_equal(table, r.embedding(cohort, rows, x))  # deterministic, t-SNE too


def test_undefined_half_samples_are_counted():
    halves = [np.array([0.5, np.nan, 0.4], dtype=np.float32), np.array([0.1, 0.2, 0.3], dtype=np.float32)]
    text = tables_of_features.undefined([pd.DataFrame({"halves": halves}), pd.DataFrame({"halves": halves})])
    assert "in 2 of 12 half-samples" in text
