"""Recalibration: against statsmodels, undoing class weights; the calibration gap by hand, paired and over repeats."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.special import expit, logit

from fairlib.inference import participant_draws
from fairlib.measures.recalibration import calibration_gap, offset, recalibrate, recalibrated


def people(n=4000, seed=0):
    """True risks, outcomes, and scores whose odds a class-weighted loss has multiplied by six."""
    draw = np.random.default_rng(seed)
    odds = -2 + 1.2 * draw.normal(size=n)
    return expit(odds), (draw.random(n) < expit(odds)).astype(int), expit(odds + np.log(6))


def test_the_curve_is_that_of_statsmodels():
    _, y, score = people()
    found = sm.Logit(y, sm.add_constant(logit(score))).fit(disp=0).params
    np.testing.assert_allclose(recalibrate(score, y), found, rtol=1e-3)


def test_recalibration_undoes_class_weights():
    """On validation people the map takes scores back to risks; on others they then agree with what happened."""
    truth, y, score = people(20_000)
    _, y_test, score_test = people(20_000, seed=5)
    curve = recalibrate(score, y)
    np.testing.assert_allclose(recalibrated(score, *curve), truth, atol=0.02)
    assert abs(recalibrated(score_test, *curve).mean() - y_test.mean()) < 0.01
    assert score_test.mean() > 2 * y_test.mean()
    assert recalibrated(score.reshape(4, -1), *curve).shape == (4, 5000)


def test_scores_of_exactly_0_or_1_and_separated_classes_stay_finite():
    curve = recalibrate(np.array([0.0, 0.0, 1.0, 1.0]), np.array([0, 0, 1, 1]))
    assert np.isfinite([*curve, *recalibrated(np.array([0.0, 1.0]), *curve)]).all()


def test_the_gap_by_hand_and_its_mean_over_repeats():
    risk, y = np.array([[0.2, 0.4, 0.5, 0.1], [0.4, 0.4, 0.7, 0.3]]), np.array([0, 1, 1, 0])
    one, other = np.array([1, 1, 0, 0], dtype=bool), np.array([0, 0, 1, 1], dtype=bool)
    weights = np.array([[1.0, 1, 1, 1], [2, 0, 3, 1], [0, 0, 1, 1]])
    np.testing.assert_allclose(offset(y, risk[0], one, weights)[:2], [-0.2, 0.2])
    gap = calibration_gap(y, risk, one, other, weights)
    np.testing.assert_allclose(gap[:, 0], [0, -0.1], atol=1e-12)
    assert np.isnan(gap[:, 2]).all()
    np.testing.assert_allclose(calibration_gap(y, risk.mean(axis=0), one, other, weights)[:2], gap[:, :2].mean(axis=0))


def test_the_paired_gap_finds_a_segment_whose_risk_is_shifted():
    """The same noise in both models cancels: their difference is known far better than either gap."""
    truth, y, _ = people()
    person, older = np.arange(4000), np.arange(4000) % 2 == 0
    shifted = np.clip(truth + 0.05 * older, 0, 1)
    weights = participant_draws(person, 200)
    gaps = [calibration_gap(y, risk, older, ~older, weights) for risk in (shifted, truth)]
    assert (gaps[0] - gaps[1]).mean() == pytest.approx(0.05, abs=0.005)
    assert (gaps[0] - gaps[1]).std() < gaps[0].std() / 10
