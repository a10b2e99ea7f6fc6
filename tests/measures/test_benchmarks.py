"""Benchmarks of a disparity: the coin against coins that are tossed, the calibrated score against simulated people."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit, logit, ndtri

from fairlib.fairness import ERROR, FALSE_DISCOVERY, FALSE_NEGATIVE, FALSE_POSITIVE, SELECTION, confusion
from fairlib.inference import auc
from fairlib.measures import benchmarks
from fairlib.measures.evidence import Evidence
from fairlib.measures.operating import PRIMARY, PUBLISHED
from tests.measures.scores import MODELS, out_of_fold


@pytest.fixture(scope="module")
def people():
    """Two attributes that overlap, one with unknown people, unlike base rates, and three folds."""
    draw = np.random.default_rng(0)
    older, woman = draw.random(2400) < 0.6, draw.random(2400) < 0.5
    known = draw.random(2400) < 0.9
    y = (draw.random(2400) < np.where(older, 0.18, 0.09)).astype(int)
    return y, {"sex": (woman & known, ~woman & known), "age": (older, ~older)}, np.arange(2400) % 3


def tossed(y, groups, alert, rate, fold, times):
    """Log ratios (times, k) of coins that flag a share of each fold."""
    draw, out = np.random.default_rng(1), np.empty((times, len(groups)))
    for row in out:
        score, flagged = draw.random(len(y)), np.zeros(len(y))
        for k in np.unique(fold):
            own = np.flatnonzero(fold == k)
            flagged[own[np.argsort(score[own])[: round(alert * len(own))]]] = 1
        row[:] = [
            np.log(rate.of(confusion(y[u], flagged[u])) / rate.of(confusion(y[p], flagged[p])))
            for u, p in groups.values()
        ]
    return out


@pytest.mark.parametrize(
    "rate", [ERROR, FALSE_NEGATIVE, FALSE_POSITIVE, SELECTION, FALSE_DISCOVERY], ids=lambda r: r.name
)
def test_the_coin_is_that_of_coins_that_are_tossed(people, rate):
    y, groups, fold = people
    drawn = tossed(y, groups, 0.25, rate, fold, 800)
    expected, covariance = benchmarks.coin(y, groups, 0.25, rate, fold)
    spread = drawn.std(axis=0)
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), spread, rtol=0.1)
    np.testing.assert_allclose(expected, drawn.mean(axis=0), atol=4 * spread.max() / np.sqrt(800))
    assert covariance[0, 1] / spread.prod() == pytest.approx(np.corrcoef(drawn.T)[0, 1], abs=0.12)
    mean, low, high = benchmarks.mean_size(expected, covariance)
    sizes = np.abs(drawn).mean(axis=1)
    assert mean == pytest.approx(sizes.mean(), abs=4 * sizes.std() / np.sqrt(800))
    np.testing.assert_allclose([low, high], np.quantile(sizes, [0.025, 0.975]), atol=0.15 * spread.max())


def test_more_coins_bring_the_mean_to_what_base_rates_do(people):
    y, groups, fold = people
    expected, one = benchmarks.coin(y, groups, 0.2, fold=fold)
    _, four = benchmarks.coin(y, groups, 0.2, fold=fold, tosses=4)
    np.testing.assert_allclose(four, one / 4)
    assert benchmarks.mean_size(expected, 0 * one) == pytest.approx([np.abs(expected).mean()] * 3)
    older, base = groups["age"][0], [y[chosen].mean() for chosen in groups["age"]]
    assert older.any()
    wrong = [0.8 * p + 0.2 * (1 - p) for p in base]  # by hand: missed events, false alarms
    assert expected[1] == pytest.approx(np.log(wrong[0] / wrong[1]))


def test_folded_normal_at_zero():
    assert benchmarks.mean_size(np.zeros(1), np.eye(1))[0] == pytest.approx(np.sqrt(2 / np.pi))


@pytest.mark.parametrize("alert", [0.1, 0.26])
def test_the_calibrated_score_is_that_of_simulated_people(alert):
    draw, n = np.random.default_rng(0), 1_000_000
    older = draw.random(n) < 0.55
    base = np.where(older, 0.18, 0.089)
    y = (draw.random(n) < base).astype(int)
    distance = np.sqrt(2) * ndtri(0.83)
    risk = expit(logit(base) + distance * (distance * y + draw.normal(size=n)) - distance**2 / 2)
    assert auc(y[older][:100_000], risk[older][:100_000]) == pytest.approx(0.83, abs=0.005)
    flagged = (risk >= np.quantile(risk, 1 - alert)).astype(int)
    for rate in (ERROR, FALSE_NEGATIVE, FALSE_POSITIVE):
        u, p = (rate.of(confusion(y[chosen], flagged[chosen])) for chosen in (older, ~older))
        assert benchmarks.calibrated(y, older, ~older, 0.83, alert, rate) == pytest.approx(np.log(u / p), abs=0.02)


def test_a_calibrated_score_is_far_from_parity_where_base_rates_are(people):
    """1.85 at 26 % alarms for base rates of 8.9 and 18.0 %; parity for equal ones, whatever the alert rate."""
    y = np.r_[np.arange(1000) < 180, np.arange(1000) < 89].astype(int)
    older = np.arange(2000) < 1000
    assert np.exp(benchmarks.calibrated(y, older, ~older, 0.83, 0.26)) == pytest.approx(1.85, abs=0.05)
    same = np.r_[np.arange(1000) < 89, np.arange(1000) < 89].astype(int)
    assert benchmarks.calibrated(same, older, ~older, 0.83, 0.26) == pytest.approx(0, abs=1e-9)


def test_the_table_has_a_row_per_attribute_and_their_mean(people):
    y, groups, fold = people
    found = benchmarks.table(y, groups, 0.83, 0.2, fold=fold).set_index(["benchmark", "attribute"])
    assert list(found.columns) == benchmarks.COLUMNS[2:]
    assert len(found) == 6
    coin, fair = found.loc["coin"], found.loc["calibrated score"]
    assert (coin["low"] < coin["estimate"]).all()
    assert (coin["estimate"] < coin["high"]).all()
    assert fair["low"].isna().all()
    assert fair.loc[benchmarks.DISPARITY, "estimate"] == pytest.approx(fair["estimate"][["sex", "age"]].abs().mean())


def test_beside_out_of_fold_scores_stand_the_benchmarks_of_their_people():
    evidence = Evidence(out_of_fold(1500, repeats=4), 2)
    found = benchmarks.beside(evidence, MODELS[1], PRIMARY).set_index(["benchmark", "attribute"])
    groups = {
        name: (evidence.sides[name, "unprivileged"], evidence.sides[name, "privileged"]) for name in ("gender", "age")
    }
    y, area = evidence.of.y, evidence.auc("supervised").estimate
    expected, covariance = benchmarks.coin(y, groups, 0.2, fold=evidence.of.fold[0], tosses=4)
    np.testing.assert_allclose(found.loc["coin"].loc[["gender", "age"], "estimate"], expected)
    width = found.loc["coin", "high"] - found.loc["coin", "low"]
    np.testing.assert_allclose(width[["gender", "age"]], 2 * 1.96 * np.sqrt(np.diag(covariance)), rtol=1e-4)
    fair = found.loc["calibrated score", "estimate"]
    assert fair["age"] == pytest.approx(benchmarks.calibrated(y, *groups["age"], area, 0.2))
    half = benchmarks.beside(evidence, MODELS[1], PUBLISHED).set_index(["benchmark", "attribute"])
    flagged = (evidence.of.score[MODELS[1]] >= 0.5).mean()  # at a threshold the alert rate is the one that is realised
    expected, _ = benchmarks.coin(y, groups, flagged)
    np.testing.assert_allclose(half.loc["coin"].loc[["gender", "age"], "estimate"], expected, rtol=1e-5)


def test_models_that_know_nothing_are_coins():
    """A hundred models with random scores, through folds, repeats and ties as any model: their spread is the coin's."""
    of, draw = out_of_fold(1200, repeats=3), np.random.default_rng(0)
    names = [f"random {k}" for k in range(100)]
    scores = {name: draw.random(of.fold.shape).astype(np.float32) for name in names}
    evidence = Evidence(replace(of, score=of.score | scores), 1)
    found = np.array([evidence.log_ratio(name, PRIMARY, "age").estimate for name in names])
    coin = benchmarks.beside(evidence, names[0], PRIMARY).set_index(["benchmark", "attribute"]).loc[("coin", "age")]
    spread = (coin["high"] - coin["low"]) / 2 / 1.96
    assert found.mean() == pytest.approx(coin["estimate"], abs=4 * spread / 10)
    assert found.std() == pytest.approx(spread, rel=0.25)
