"""Net benefit: against the formula person by person, its lines, closed forms, and paired gains."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from fairlib import cards
from fairlib.inference import participant_draws, seed_interval
from fairlib.measures import netbenefit
from fairlib.measures.netbenefit import ALL, NONE


def people(n=3000, repeats=3, seed=0):
    """Labels, true risks, two models' (repeats, n) risks (one exact, one noisy), and folds of each repeat."""
    draw = np.random.default_rng(seed)
    odds = -1.5 + draw.normal(size=n)
    noisy = expit(odds + draw.normal(size=(repeats, n)))
    return (draw.random(n) < expit(odds)).astype(int), np.tile(expit(odds), (repeats, 1)), noisy


def by_hand(y, risk, p):
    """Vickers and Elkin 2006, person by person."""
    worth = sum(1 if label else -p / (1 - p) for label, own in zip(y, risk, strict=True) if own >= p)
    return worth / len(y)


def test_net_benefit_is_that_of_the_formula_in_each_fold_and_draw():
    y, _, noisy = people(600)
    fold, grid = np.arange(600) % 5, netbenefit.grid(0.05, 0.4)
    for k in range(5):
        own = fold == k
        weights = participant_draws(np.arange(own.sum()), 3).astype(np.float64)
        found = netbenefit.net_benefit(y[own], noisy[0, own], weights, grid)
        for row, weight in zip(found, weights, strict=True):
            again = np.repeat(np.arange(own.sum()), weight.astype(int))
            expected = [by_hand(y[own][again], noisy[0, own][again], p) for p in grid[::7]]
            np.testing.assert_allclose(row[::7], expected, atol=1e-12)


def test_a_fold_counts_with_its_people():
    """Net benefit of everyone is the mean over folds, weighted by their people."""
    y, _, noisy = people(900)
    fold, grid, one = np.arange(900) ** 2 % 7 % 3, np.array([0.1, 0.3]), lambda n: np.ones((1, n))
    parts = [
        netbenefit.net_benefit(y[fold == k], noisy[0, fold == k], one((fold == k).sum()), grid)[0] for k in range(3)
    ]
    whole = netbenefit.net_benefit(y, noisy[0], one(900), grid)[0]
    np.testing.assert_allclose(whole, np.average(parts, axis=0, weights=np.bincount(fold)))


def test_a_risk_at_the_threshold_is_flagged_and_an_empty_draw_is_undefined():
    y, grid = np.array([1, 0]), np.array([0.2, 0.5])
    weights = np.array([[1.0, 1.0], [0.0, 0.0]])
    found = netbenefit.net_benefit(y, np.array([0.5, 0.2]), weights, grid)
    np.testing.assert_allclose(found[0], [0.5 - 0.5 * 0.25, 0.5])
    assert np.isnan(found[1]).all()


@pytest.fixture(scope="module")
def drawn():
    y, exact, noisy = people()
    older = np.arange(3000) % 3 == 0
    groups = {("everybody", "everybody"): np.full(3000, True), ("age", ">=65"): older}
    return y, {"supervised": noisy, "exact": exact}, groups, participant_draws(np.arange(3000), 100), older


def test_the_lines_of_everyone_and_no_one(drawn):
    y, risks, groups, weights, older = drawn
    grid = netbenefit.grid(0.05, 0.4)
    found = netbenefit.curves(y, risks, groups, weights, grid)
    assert list(found.columns) == netbenefit.COLUMNS
    assert len(found) == 2 * 4 * len(grid)
    found = found.set_index(["segment", "model"])
    assert (found.loc[("everybody", NONE), ["estimate", "low", "high"]] == 0).all(axis=None)
    rate = y[older].mean()
    flagged = found.loc[(">=65", ALL)]
    np.testing.assert_allclose(flagged["estimate"], rate - (1 - rate) * grid / (1 - grid), atol=1e-6)
    assert ((flagged["low"] < flagged["estimate"]) & (flagged["estimate"] < flagged["high"])).all()
    best = found.loc[("everybody", "exact"), "estimate"].to_numpy()
    assert (best >= np.maximum(found.loc[("everybody", ALL), "estimate"].to_numpy(), 0) - 0.002).all()


def test_gains_are_paired(drawn):
    y, risks, groups, weights, older = drawn
    grid = np.array([0.1, 0.2])
    found = netbenefit.gains(y, risks, groups, weights, grid).set_index(["segment", "threshold"])
    assert (found["model"] == "exact").all()
    assert found.loc[("everybody", 0.2), "low"] > 0
    pair = [
        np.stack([netbenefit.net_benefit(y[older], run[older], w, grid)[:, 1] for run in risks[name]])
        for w in (np.ones((1, older.sum()), dtype=np.float32), weights[:, older])
        for name in ("exact", "supervised")
    ]
    expected = seed_interval((pair[0] - pair[1])[:, 0], pair[2] - pair[3])
    np.testing.assert_allclose(found.loc[(">=65", 0.2), ["estimate", "low", "high"]].astype(float), expected, rtol=1e-5)


def test_the_range_is_that_of_the_card():
    grid = netbenefit.grid(*cards.load("challenge2012").thresholds)
    assert (grid[0], grid[-1], len(grid)) == (0.05, 0.4, 36)
    assert pd.Series(np.diff(grid)).round(6).unique().tolist() == [netbenefit.STEP]
