"""The best of several strategies: the naive value is biased where there is no difference, the cross-chosen is not."""

import numpy as np
import pytest

from fairlib.measures.chosen import best, best_of, halves
from fairlib.measures.estimands import folded
from fairlib.measures.evidence import Evidence
from fairlib.measures.measured import Measured
from fairlib.measures.operating import PRIMARY
from tests.measures.scores import out_of_fold

NAMES = ["supervised", *(f"ssl_{k}" for k in range(6))]
DRAWS, SPREAD = 150, 0.1


def measured(estimate, draws, folds=5):
    """A number whose runs all agree with it."""
    runs = np.full((2, folds), estimate)
    return Measured(float(estimate), draws, runs, np.broadcast_to(draws, (*runs.shape, len(draws))))


def half_of(draw, truth):
    """Disparities of seven models on one half's people; models share half of their noise, draws are as noisy."""

    def noise(count):
        return SPREAD * (draw.normal(size=(count, 1)) + draw.normal(size=(count, len(truth)))) / np.sqrt(2)

    found = truth + noise(1)[0]
    return {n: measured(f, d) for n, f, d in zip(NAMES, found, (found + noise(DRAWS)).T, strict=True)}


def simulated(truth, times=600):
    """Naive and cross-chosen gains of the best of six, and how often the latter's interval holds their expectation."""
    draw, naive, crossed, ends = np.random.default_rng(0), [], [], []
    for _ in range(times):
        levels = (half_of(draw, truth), half_of(draw, truth))
        both = {name: (levels[0][name].estimate + levels[1][name].estimate) / 2 for name in NAMES}
        naive.append(min(both[name] for name in NAMES[1:]) - both["supervised"])
        found = best_of(levels)
        crossed.append(found.gain.estimate)
        ends.append(found.gain.interval())
    low, high = np.transpose(ends)
    return np.array(naive), np.array(crossed), low, high


def test_without_differences_the_naive_best_of_six_is_biased_and_this_is_not():
    naive, crossed, low, high = simulated(np.full(7, 0.3))
    assert naive.mean() < -0.04
    assert abs(crossed.mean()) < 3.5 * crossed.std() / np.sqrt(len(crossed))
    assert ((low < 0) & (high > 0)).mean() > 0.93
    assert (high < 0).mean() < 0.04


def test_a_strategy_that_is_better_is_found():
    truth = np.array([0.5, 0.5, 0.5, 0.2, 0.5, 0.5, 0.5])
    _, crossed, _, high = simulated(truth, times=100)
    assert crossed.mean() == pytest.approx(-0.3, abs=0.03)
    assert (high < 0).mean() > 0.7
    found = best_of((half_of(np.random.default_rng(0), truth),) * 2)
    assert found.strategies == ("ssl_2", "ssl_2")
    assert max(found.shares, key=found.shares.get) == "ssl_2"
    assert sum(found.shares.values()) == pytest.approx(1)


def test_the_choice_is_that_of_each_draw_and_undefined_is_never_chosen():
    nan = np.nan
    first = {"supervised": (1, [1, 1, 1]), "a": (0.5, [0.5, 0.9, nan]), "b": (0.6, [0.6, 0.2, 0.7])}
    second = {"supervised": (2, [2, 3, 4]), "a": (1.9, [1.9, 1.8, 1.7]), "b": (1.0, [1.0, 1.1, 1.2])}
    levels = tuple({n: measured(e, np.array(d, dtype=float)) for n, (e, d) in each.items()} for each in (first, second))
    found = best_of(levels)
    assert found.strategies == ("a", "b")
    assert found.gain.estimate == pytest.approx(((1.9 - 2) + (0.6 - 1)) / 2)
    forth, back = np.array([1.9 - 2, 1.1 - 3, 1.2 - 4]), np.array([0.6, 0.2, 0.7]) - 1
    np.testing.assert_allclose(found.gain.draws, (forth + back) / 2)
    np.testing.assert_allclose(found.gain.run_draws[1, 2], (forth + back) / 2)
    assert found.shares == pytest.approx({"a": 1 / 6, "b": 5 / 6})


def test_of_out_of_fold_scores_the_halves_are_judged_apart():
    of = out_of_fold(1200)
    woman = (of.attributes["gender"] == "Female").to_numpy()
    of.score["frozen_3"] = of.score["supervised"] * np.where(woman, -1, 1)  # women are ranked the wrong way round
    found = best(of, ["frozen_1_middle", "frozen_3"], PRIMARY, count=30)
    assert found.strategies == ("frozen_1_middle",) * 2
    first = halves(of.person)
    parts = [Evidence(of.only(rows), 30) for rows in (first, ~first)]
    gains = [folded(each, "frozen_1_middle", PRIMARY) - folded(each, "supervised", PRIMARY) for each in parts]
    assert found.gain.estimate == pytest.approx(np.mean([gain.estimate for gain in gains]))


def test_halves_are_of_people_and_do_not_depend_on_the_others():
    person = np.repeat(np.arange(4000), 2)
    first = halves(person)
    assert (first[::2] == first[1::2]).all()
    assert abs(first.mean() - 0.5) < 0.03
    some = np.random.default_rng(0).permutation(8000)[:300]
    np.testing.assert_array_equal(halves(person[some]), first[some])
