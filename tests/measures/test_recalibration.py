"""Recalibration: against statsmodels, undoing class weights; the calibration gap by hand, and paired."""

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.special import expit, logit

from fairlib.measures.evidence import Evidence
from fairlib.measures.recalibration import calibration_gap, offset, recalibrate, recalibrated
from tests.measures.scores import MODELS, out_of_fold


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


def test_offsets_by_hand():
    y, risk, one = np.array([0, 1, 1]), np.array([0.2, 0.4, 0.5]), np.array([True, True, False])
    weights = np.array([[1.0, 1, 1], [2, 0, 3], [0, 0, 1]])
    np.testing.assert_allclose(offset(y, risk, one, weights), [-0.2, 0.2, np.nan])


@pytest.fixture(scope="module")
def scored():
    """Two models with the true risk and the same noise; the second adds 0.05 for women."""
    draw = np.random.default_rng(0)
    truth = expit(-1 + draw.normal(size=1500))
    plain = out_of_fold(1500, repeats=2, y=(draw.random(1500) < truth).astype(np.int8))
    woman = (plain.attributes["gender"] == "Female").to_numpy()
    exact = np.clip(truth + 0.02 * draw.normal(size=(2, 1500)), 0, 1)
    risk = {"supervised": exact, "frozen_1_middle": exact + 0.05 * woman}
    return Evidence(replace(plain, risk=risk), 200), woman


def test_the_gap_is_that_of_the_offsets_of_a_repeat(scored):
    evidence, woman = scored
    found, of = calibration_gap(evidence, "supervised", "gender"), evidence.of
    offsets = [
        [offset(of.y, run, chosen, evidence.weights) for run in of.risk["supervised"]] for chosen in (woman, ~woman)
    ]
    expected = np.subtract(*offsets).mean(axis=0)
    assert found.estimate == pytest.approx(expected[0], abs=1e-6)
    np.testing.assert_allclose(found.draws, expected[1:], atol=1e-6)
    assert found.runs.shape == (2, 5)


def test_the_paired_gap_finds_risks_that_are_shifted(scored):
    """The same noise in both models cancels: their difference is known far better than either gap."""
    evidence, _ = scored
    gaps = [calibration_gap(evidence, model, "gender") for model in MODELS[::-1]]
    difference = gaps[0] - gaps[1]
    assert difference.estimate == pytest.approx(0.05, abs=1e-6)
    assert difference.se < gaps[0].se / 10
    assert abs(gaps[1].estimate) < 3 * gaps[1].se
