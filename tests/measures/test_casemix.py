"""Equal case mix: by hand, and by simulation where the gap is case mix and nothing else, and where it is not."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from fairlib.fairness import ERROR, FALSE_NEGATIVE, confusion
from fairlib.inference import participant_draws
from fairlib.measures.casemix import (
    equal_case_mix,
    folded_at_equal_case_mix,
    log_ratio_at_equal_case_mix,
    overlap,
)
from fairlib.measures.evidence import Evidence
from fairlib.measures.operating import PRIMARY, PUBLISHED
from tests.measures.scores import out_of_fold

REFERENCE = "logistic_regression"


def test_two_bins_by_hand():
    reference = np.array([0.1, 0.1, 0.9, 0.1, 0.9, 0.9, 0.5])
    one, other = np.array([1, 1, 1, 0, 0, 0, 0], dtype=bool), np.array([0, 0, 0, 1, 1, 1, 0], dtype=bool)
    weights = np.array([[1.0] * 7, [1, 0, 1, 1, 2, 0, 5], [1, 1, 0, 1, 1, 1, 1]])
    found = weights * equal_case_mix(reference, one, other, weights, 2)
    # three of six people below the cut, three above: each group gets half of its weight in each bin
    np.testing.assert_allclose(found[0], [0.75, 0.75, 1.5, 1.5, 0.75, 0.75, 0])
    # drawn: two below (one each), three above (one and two); two fifths and three fifths
    np.testing.assert_allclose(found[1], [0.8, 0, 1.2, 1.2, 0.9 * 2, 0, 0])
    # nobody of the first group above the cut: that bin counts for neither
    np.testing.assert_allclose(found[2], [1, 1, 0, 3, 0, 0, 0])


def simulated(n, extra, seed=0):
    """People whose severity decides outcome and score; the second group is more severe and, with extra, blurred.

    Returns y, decisions, reference risk and the first group.
    """
    draw = np.random.default_rng(seed)
    first = draw.random(n) < 0.5
    severity = np.where(first, -2.2, -0.8) + draw.normal(size=n)
    y = (draw.random(n) < expit(severity)).astype(int)
    score = severity + draw.normal(size=n) * np.where(first, 0.5, 0.5 + extra)
    return y, (score > 0).astype(int), expit(severity), first


def gap(rate, y, decided, first, weights):
    counts = [confusion(y[own], decided[own], weights[:, own]) for own in (~first, first)]
    return np.log(rate.of(counts[0]) / rate.of(counts[1]))


@pytest.mark.parametrize("rate", [ERROR, FALSE_NEGATIVE], ids=lambda rate: rate.name)
def test_a_gap_of_case_mix_alone_vanishes(rate):
    y, decided, reference, first = simulated(200_000, extra=0)
    ones = np.ones((1, len(y)))
    assert abs(gap(rate, y, decided, first, ones)[0]) > 0.3
    weights = equal_case_mix(reference, ~first, first, ones)
    assert gap(rate, y, decided, first, weights)[0] == pytest.approx(0, abs=0.04)


def test_a_gap_of_the_model_stays():
    """Truth: the same people judged twice, once by each group's blur, under the distribution of both groups."""
    y, decided, reference, first = simulated(200_000, extra=2)
    ones = np.ones((1, len(y)))
    draw, severity = np.random.default_rng(5), np.log(reference / (1 - reference))
    wrong = [((severity + blur * draw.normal(size=len(y)) > 0) != y).mean() for blur in (2.5, 0.5)]
    weights = equal_case_mix(reference, ~first, first, ones)
    assert gap(ERROR, y, decided, first, weights)[0] == pytest.approx(np.log(wrong[0] / wrong[1]), abs=0.04)
    assert abs(gap(ERROR, y, decided, first, ones)[0] - np.log(wrong[0] / wrong[1])) > 0.1


def test_the_bootstrap_spreads_as_repeated_samples_do():
    found = []
    for seed in range(150):
        y, decided, reference, first = simulated(1500, extra=0, seed=seed)
        found.append(gap(ERROR, y, decided, first, equal_case_mix(reference, ~first, first, np.ones((1, 1500))))[0])
    weights = participant_draws(np.arange(1500), 300)
    weights = weights * equal_case_mix(reference, ~first, first, weights)
    assert gap(ERROR, y, decided, first, weights).std() == pytest.approx(np.std(found), rel=0.25)


def test_groups_keep_their_weight_and_have_one_distribution():
    _, _, reference, first = simulated(5000, extra=0)
    weights = equal_case_mix(reference, ~first, first, np.ones((1, 5000)))[0]
    assert weights[first].sum() == pytest.approx(first.sum())
    means = [np.average(reference[own], weights=weights[own]) for own in (first, ~first)]
    assert abs(means[0] - means[1]) < 0.005
    assert abs(reference[first].mean() - reference[~first].mean()) > 0.1


def test_overlap_is_what_both_groups_share():
    reference, first = np.linspace(0, 1, 4000), np.arange(4000) < 2000
    assert overlap(reference, ~first, first) == 0
    assert overlap(reference, np.arange(4000) % 2 == 0, np.arange(4000) % 2 == 1) == 1
    second = (np.arange(4000) % 2 == 0) & (np.arange(4000) < 1000)  # nobody in the upper three quarters
    assert overlap(reference, ~second, second) == 0.25


@pytest.fixture(scope="module")
def evidence():
    """With a reference whose scale differs from fold to fold, as that of models does."""
    of = out_of_fold(1500, repeats=3)
    scale = 1 + of.fold  # in the same order within each fold
    draw = np.random.default_rng(0).normal(size=of.fold.shape)
    return Evidence(replace(of, score=of.score | {REFERENCE: scale * (of.y + draw)}), 40)


def test_of_out_of_fold_scores_it_is_that_of_each_repeat(evidence):
    """At a threshold the decisions are those of single people, so each repeat can be computed by itself."""
    of, weights = evidence.of, evidence.weights.astype(np.float64)
    woman = (of.attributes["gender"] == "Female").to_numpy()
    rank = np.stack(
        [pd.Series(own).groupby(fold).rank(pct=True) for own, fold in zip(of.score[REFERENCE], of.fold, strict=True)]
    )
    repeats = [
        gap(ERROR, of.y, (score >= 0.5).astype(int), ~woman, weights * equal_case_mix(own, woman, ~woman, weights))
        for score, own in zip(of.score["supervised"], rank, strict=True)
    ]
    found = log_ratio_at_equal_case_mix(evidence, "supervised", PUBLISHED, "gender")
    assert found.estimate == pytest.approx(np.mean(repeats, axis=0)[0], abs=1e-5)
    np.testing.assert_allclose(found.draws, np.mean(repeats, axis=0)[1:], atol=1e-5)
    assert found.runs.shape == (3, 5)
    both = folded_at_equal_case_mix(evidence, "supervised", PUBLISHED)
    age = log_ratio_at_equal_case_mix(evidence, "supervised", PUBLISHED, "age")
    assert both.estimate == pytest.approx((abs(found.estimate) + abs(age.estimate)) / 2)


def test_the_scale_of_a_fold_does_not_matter(evidence):
    """What a monotone change within a fold cannot change; pooled scores would be blurred by it."""
    of = evidence.of
    other = replace(of, score=of.score | {REFERENCE: np.exp(of.score[REFERENCE] / (1 + of.fold)) + 7 * of.fold})
    values = [log_ratio_at_equal_case_mix(Evidence(own, 2), "supervised", PRIMARY, "age") for own in (of, other)]
    assert values[0].estimate == pytest.approx(values[1].estimate, abs=1e-6)


def test_at_an_alert_rate_the_decisions_stay_those_of_everyone():
    """A reference that is the same for everyone leaves the ratio as it is."""
    evidence = Evidence(out_of_fold(1500), 10)
    evidence.of.score[REFERENCE] = np.full(evidence.of.fold.shape, 0.2, dtype=np.float32)
    found = log_ratio_at_equal_case_mix(evidence, "supervised", PRIMARY, "age")
    usual = evidence.log_ratio("supervised", PRIMARY, "age")
    assert found.estimate == pytest.approx(usual.estimate, abs=1e-5)
    np.testing.assert_allclose(found.draws, usual.draws, atol=1e-4)
