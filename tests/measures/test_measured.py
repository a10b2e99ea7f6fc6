"""Intervals over people and runs: formulas by hand, parts of the variance where they are known."""

import numpy as np
import pytest
from scipy import stats

from fairlib.measures.measured import Measured, mean, measured
from fairlib.seeds import generator


def number(runs, people=0.1, estimate=None, draws=4000, noise=0.0, seed=0) -> Measured:
    """A number whose draws of people are normal, and whose runs have the noise of people ``noise`` (sd)."""
    draw, runs = generator(seed, "tests", "measured"), np.asarray(runs, dtype=float)
    estimate = runs.mean() if estimate is None else estimate
    run_draws = runs[..., None] + noise * draw.normal(size=(*runs.shape, draws))
    return Measured(estimate, estimate + people * draw.normal(size=draws), runs, run_draws)


RUNS = np.linspace(-1, 1, 20).reshape(4, 5)


def test_variance_of_people_and_of_runs_by_hand():
    one = number(RUNS)
    assert one.people == pytest.approx(0.01, rel=0.1)
    assert one.over_runs == pytest.approx(RUNS.var(ddof=1) / 20)
    assert one.se == pytest.approx(np.sqrt(one.people + RUNS.var(ddof=1) / 20))
    assert one.freedom == pytest.approx(19 * (one.se**2 / (RUNS.var(ddof=1) / 20)) ** 2)
    low, high = one.interval()
    assert (low, high) == pytest.approx(
        (-one.se * stats.t.ppf(0.975, one.freedom), one.se * stats.t.ppf(0.975, one.freedom))
    )
    assert one.interval(0.90) == pytest.approx(stats.t.interval(0.90, one.freedom, 0, one.se))
    assert one.interval(runs=False) == pytest.approx(stats.norm.interval(0.95, 0, np.sqrt(one.people)))


def test_people_are_taken_out_of_the_variance_between_runs():
    noisy = number(RUNS, noise=0.5)
    assert noisy.over_runs == pytest.approx((RUNS.var(ddof=1) - 0.25) / 20, rel=0.02)
    assert number(RUNS, noise=5.0).over_runs == 0
    assert number(RUNS, noise=5.0).freedom == np.inf


def test_people_who_are_tested_in_several_runs_are_no_difference_between_these():
    """Draws that move all runs alike are no noise between them."""
    draw = generator(1, "tests", "measured")
    together = RUNS[..., None] + 5 * draw.normal(size=1000)
    assert Measured(0.0, together.mean(axis=(0, 1)), RUNS, together).over_runs == pytest.approx(RUNS.var(ddof=1) / 20)


def test_under_ten_runs_the_interval_is_of_people_alone():
    few = number(RUNS[:1])
    assert few.over_runs == 0
    assert few.interval() == few.interval(runs=False)


def test_corrected_resampled_t_by_hand():
    """Bouckaert and Frank 2004: r = 4 repeats of K = 5 folds."""
    half = np.sqrt((1 / 20 + 1 / 4) * RUNS.var(ddof=1)) * stats.t.ppf(0.975, 19)
    assert number(RUNS).corrected() == pytest.approx((-half, half))
    assert np.isnan(number(RUNS.reshape(20, 1)).corrected()).all()
    found = number(RUNS).columns(checked=True)
    assert (found["corrected_low"], found["corrected_high"]) == pytest.approx((-half, half))


def test_the_check_is_shown_only_where_it_differs_by_a_fifth():
    shown = {
        people: not np.isnan(number(RUNS, people=people).columns(checked=True)["corrected_low"])
        for people in (0.1, 0.31, 1.0)
    }
    assert shown == {0.1: True, 0.31: False, 1.0: True}


def test_columns():
    found = number(RUNS + 3).columns()
    assert np.isnan(found["corrected_low"])
    assert found["detectable"] == pytest.approx(2.8 * found["se"])
    assert found["runs_share"] == pytest.approx(number(RUNS).over_runs / found["se"] ** 2)
    assert (found["runs"], found["undefined_draws"]) == (20, 0)


def test_undefined_draws_are_left_out_and_most_of_them_undo_the_interval():
    one = number(RUNS)
    one.draws[:1000] = np.nan
    assert one.undefined == 0.25
    assert one.people == pytest.approx(0.01, rel=0.1)
    one.draws[:2500] = np.nan
    assert np.isnan(one.interval()).all()
    assert np.isnan(Measured(np.nan, number(RUNS).draws, RUNS, one.run_draws).interval()).all()


def test_arithmetic_is_paired():
    a, b = number(RUNS + 2), number(2 * RUNS + 1, seed=1)
    for got, expected in (
        (a - b, lambda x, y: x - y),
        (a + b * 0.5, lambda x, y: x + y / 2),
        (mean([a, b]), lambda x, y: (x + y) / 2),
    ):
        for name in ("estimate", "draws", "runs", "run_draws"):
            np.testing.assert_allclose(getattr(got, name), expected(getattr(a, name), getattr(b, name)))


def test_what_is_folded_keeps_the_spread_of_its_runs():
    """Averaged first, folded last: runs on both sides of 0 do not add up."""
    below = number(RUNS - 0.01)
    assert abs(below).estimate == pytest.approx(0.01)
    np.testing.assert_allclose(abs(below).runs, 0.01 - RUNS)
    assert abs(below).between == pytest.approx(below.between)
    assert (abs(below).draws >= 0).all()


def _counts(draw, folds=5, repeats=4, draws=0):
    """Events found and missed, of folds of one size."""
    found = draw.integers(1, 40, size=(repeats, folds, 1 + draws)).astype(float)
    return found, 40 - found


def test_a_rate_is_pooled_over_folds_and_averaged_over_repeats():
    found, missed = _counts(generator(2, "tests", "measured"))
    one = measured(lambda a, b: a / (a + b), found, missed)
    assert one.estimate == pytest.approx((found.sum(axis=1) / 200).mean())
    np.testing.assert_allclose(one.runs, found[..., 0] / 40)  # folds of one size: their own rates
    log = measured(lambda a, b: np.log(a / (a + b)), found, missed)
    assert log.estimate == pytest.approx(np.log(found.sum(axis=1) / 200).mean())
    assert log.runs.mean() == pytest.approx(log.estimate, abs=0.05)
    single = measured(lambda a, b: np.log(a / (a + b)), found[:, :1], missed[:, :1])
    np.testing.assert_allclose(single.runs, np.log(found[:, :1, 0] / 40))


def test_a_run_whose_fold_has_no_error_has_a_value():
    found, missed = np.full((4, 5, 1), 36.0), np.full((4, 5, 1), 4.0)
    found[0, 0], missed[0, 0] = 40, 0
    log = measured(lambda a, b: np.log(b / (a + b)), found, missed)
    assert np.isfinite(log.runs).all()
    assert log.runs[0, 0] < log.runs[0, 1]


def test_the_composition_of_a_fold_is_dealt_and_no_noise():
    """Draws with other numbers of events but the same rates within outcomes leave a run as it is."""
    tp, fn, fp, tn = (
        np.array(x, dtype=float).reshape(1, 1, 3) for x in ([8, 16, 4], [2, 4, 1], [5, 5, 10], [15, 15, 30])
    )
    error = measured(lambda a, b, c, d: (b + c) / (a + b + c + d), tp, fn, fp, tn)
    np.testing.assert_allclose(error.run_draws, 7 / 30)
    assert error.draws == pytest.approx([9 / 40, 11 / 45])
