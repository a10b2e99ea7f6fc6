"""The simultaneous band: coverage by simulation, known critical values, and what runs add."""

import numpy as np
import pytest
from scipy.special import ndtri

from fairlib.inference import participant_draws
from fairlib.measures.bands import band, curve, of_numbers, over_alert_rates, run_deviations, with_runs
from fairlib.measures.estimands import folded
from fairlib.measures.evidence import Evidence
from fairlib.measures.operating import PRIMARY, Point
from tests.measures.scores import MODELS, out_of_fold

POINTS = 7


def walk(draw, shape, step=0.5):
    """Standard normal values whose neighbours along the last axis are alike."""
    noise = draw.normal(size=(*shape, POINTS))
    for k in range(1, POINTS):
        noise[..., k] = np.sqrt(1 - step**2) * noise[..., k - 1] + step * noise[..., k]
    return noise


@pytest.mark.parametrize("share", [0.0, 0.7])
def test_the_whole_curve_is_inside_as_often_as_said(share):
    """People's noise moves neighbouring points together; runs move each point by itself, and take a share."""
    draw, n, runs, inside, pointwise = np.random.default_rng(1), 120, 20, 0, 0
    weights = participant_draws(np.arange(n), 300) / n
    for _ in range(500):
        people = walk(draw, (n,)) * np.sqrt((1 - share) * n) * 0.1
        trained = draw.normal(size=(runs, POINTS)) * np.sqrt(share * runs) * 0.1
        estimate = people.mean(axis=0) + trained.mean(axis=0)  # truth: 0 everywhere
        off = run_deviations(trained) if share else None
        found = band(estimate, weights @ people, off, freedom=(runs - 1) / share**2 if share else np.inf)
        inside += (np.abs(estimate) < found.high - estimate).all()
        pointwise += (np.abs(estimate) < (found.high - estimate) / found.critical * 1.96).all()
    assert 0.92 < inside / 500 < 0.98
    assert pointwise / 500 < 0.87


def test_critical_values_of_one_point_and_of_independent_points():
    draw = np.random.default_rng(0)
    assert band(np.zeros(1), draw.normal(size=(20_000, 1))).critical == pytest.approx(1.96, abs=0.03)
    sidak = ndtri(1 - (1 - 0.95 ** (1 / POINTS)) / 2)
    found = band(np.zeros(POINTS), draw.normal(size=(20_000, POINTS)))
    assert found.critical == pytest.approx(sidak, abs=0.03)
    np.testing.assert_allclose(found.high, found.critical, rtol=0.02)
    np.testing.assert_allclose(found.low, -found.high)
    same = np.repeat(draw.normal(size=(20_000, 1)), POINTS, axis=1)
    assert band(np.zeros(POINTS), same).critical == pytest.approx(1.96, abs=0.03)


def test_runs_that_are_few_widen_the_band():
    draws = np.random.default_rng(0).normal(size=(5000, POINTS))
    assert band(np.zeros(POINTS), draws, freedom=4).critical == pytest.approx(
        band(np.zeros(POINTS), draws).critical * 2.776 / 1.96, rel=1e-3
    )


def test_deviations_add_up_to_the_variance_of_the_mean():
    values = np.random.default_rng(0).normal(size=(20, POINTS))
    values[:, 3] = 1.0  # all runs agree
    off = run_deviations(values)
    np.testing.assert_allclose((off**2).sum(axis=0), values.var(axis=0, ddof=1) / 20)
    known = np.r_[0.0, np.full(POINTS - 1, 0.02)]
    np.testing.assert_allclose((run_deviations(values, known) ** 2).sum(axis=0), np.where(np.arange(7) == 3, 0, known))


def test_runs_are_drawn_with_replacement():
    """The spread is that of the mean; points of one run move together; names draw independently."""
    values = np.random.default_rng(0).normal(size=(20, POINTS))
    off = run_deviations(values)
    drawn = with_runs(np.zeros((20_000, POINTS)), off)
    np.testing.assert_allclose(drawn.std(axis=0), values.std(axis=0, ddof=1) / np.sqrt(20), rtol=0.03)
    np.testing.assert_allclose(np.corrcoef(drawn.T), np.corrcoef(values.T), atol=0.03)
    np.testing.assert_array_equal(drawn, with_runs(np.zeros((20_000, POINTS)), off))
    other = with_runs(np.zeros((20_000, POINTS)), off, "another dataset")
    assert abs(np.corrcoef(drawn[:, 0], other[:, 0])[0, 1]) < 0.03


def test_a_curve_of_numbers_over_alert_rates():
    evidence = Evidence(out_of_fold(600, repeats=3), 100)
    points = {rate: Point("alert rate", rate) for rate in (0.1, 0.2, 0.3)}
    numbers = {
        rate: evidence.log_ratio(MODELS[1], point, "age") - evidence.log_ratio(MODELS[0], point, "age")
        for rate, point in points.items()
    }
    found = curve(numbers)
    assert found["alert_rate"].tolist() == [0.1, 0.2, 0.3]
    np.testing.assert_allclose(found["high"], [number.interval()[1] for number in numbers.values()])
    assert (found["band_low"] < found["low"]).all()
    assert (found["band_high"] > found["high"]).all()
    people, runs = of_numbers(list(numbers.values()))
    np.testing.assert_allclose((runs**2).sum(axis=0), [number.over_runs for number in numbers.values()], atol=1e-12)
    assert (people.shape, runs.shape) == ((100, 3), (15, 3))


def test_over_alert_rates_each_point_is_the_estimand_there():
    evidence = Evidence(out_of_fold(300), 40)
    found = over_alert_rates(evidence, MODELS[1], MODELS[0]).set_index("alert_rate")
    assert (found.index[0], found.index[-1], len(found)) == (0.1, 0.4, 31)
    one, other = (folded(evidence, model, PRIMARY) for model in MODELS[::-1])
    assert found.loc[0.2, "estimate"] == pytest.approx((one - other).estimate)
    np.testing.assert_allclose(found.loc[0.2, ["low", "high"]], (one - other).interval())


def test_undefined_draws_are_left_out_and_a_point_that_never_moves_has_no_width():
    draws = np.random.default_rng(0).normal(size=(400, POINTS))
    draws[:, 2] = 0
    draws[:100, 0] = np.nan
    found = band(np.zeros(POINTS), draws)
    assert found.high[2] == 0
    assert found.critical == band(np.zeros(POINTS), draws[100:]).critical
    draws[:250, 0] = np.nan
    assert np.isnan(band(np.zeros(POINTS), draws).low).all()
