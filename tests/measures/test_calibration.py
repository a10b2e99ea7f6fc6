"""Calibration: bins against scikit-learn, and what no bin may show."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.calibration import calibration_curve

from fairlib.inference import participant_draws
from fairlib.measures import calibration


def people(n=2000, seed=0, rate=-2.0):
    """True risks, outcomes, and scores whose odds a class-weighted loss has multiplied by six."""
    draw = np.random.default_rng(seed)
    odds = rate + 1.2 * draw.normal(size=n)
    return expit(odds), (draw.random(n) < expit(odds)).astype(int), expit(odds + np.log(6))


def tabled(risk, y, person=None, rule="open", minimum=11, groups=None, draws=200):
    person = np.arange(len(y)) if person is None else person
    frame = pd.DataFrame({"person": person, "y": y})
    groups = groups or {("everybody", "everybody"): np.full(len(y), True)}
    return calibration.table(risk, frame, participant_draws(person, draws), groups, rule, minimum)


@pytest.mark.parametrize("digits", [2, 8])
def test_bins_are_those_of_scikit_learn(digits):
    risk, y, _ = people()
    risk = risk.round(digits)  # with and without ties
    found = tabled(risk, y, rule="synthetic", minimum=0)
    observed, predicted = calibration_curve(y, risk, n_bins=calibration.BINS, strategy="quantile")
    np.testing.assert_allclose(found["observed"], observed)
    np.testing.assert_allclose(found["predicted"], predicted)
    assert found[["people", "windows", "events"]].sum().tolist() == [2000, 2000, y.sum()]


def test_every_bin_holds_enough_people_with_and_without_an_event():
    for seed, rate in ((0, -2.0), (1, -4.0), (2, 2.0)):
        risk, y, _ = people(seed=seed, rate=rate)
        person = np.arange(2000) // 2  # two windows each: people count, not windows
        number = calibration.bins(risk, y, person, 11)
        assert number.min() == 0
        for bin_ in np.unique(number):
            for label in (0, 1):
                assert len(np.unique(person[(number == bin_) & (y == label)])) >= 11
        means = [risk[number == bin_].mean() for bin_ in np.unique(number)]
        assert (np.diff(means) > 0).all()
        assert set(np.unique(number)) == set(range(number.max() + 1))
    assert (calibration.bins(risk, y, np.arange(2000), 600) == 0).all()  # one bin where there are too few for two


def test_offsets_are_mean_differences_with_their_draws():
    """By hand for each draw; the mean of everybody is that of the segments, weighted."""
    risk, y, _ = people()
    person = np.arange(2000) // 2
    weights = participant_draws(person, 50)
    half = np.arange(2000) < 800
    groups = {("everybody", "everybody"): np.full(2000, True), ("age", "<65"): half, ("age", ">=65"): ~half}
    frame = pd.DataFrame({"person": person, "y": y})
    exact = calibration.offsets(risk, frame, weights, groups, "synthetic").set_index("segment")
    for segment, chosen in ((name, rows) for (_, name), rows in groups.items()):
        assert exact.loc[segment, "estimate"] == pytest.approx(risk[chosen].mean() - y[chosen].mean(), abs=1e-6)
        by_hand = [np.average((risk - y)[chosen], weights=w[chosen]) for w in weights]
        np.testing.assert_allclose(exact.loc[segment, "replicates"], by_hand, atol=1e-5)
    assert exact.loc["<65", ["people", "windows", "events"]].tolist() == [400, 800, y[half].sum()]
    mean = 0.4 * exact.loc["<65", "estimate"] + 0.6 * exact.loc[">=65", "estimate"]
    assert exact.loc["everybody", "estimate"] == pytest.approx(mean, abs=1e-6)
    rounded = calibration.offsets(risk, frame, weights, groups, "restricted")["estimate"]
    assert (rounded.round(3) == rounded).all()


def test_a_segment_whose_scores_mean_something_else_is_seen():
    risk, y, _ = people(6000)
    apart = np.arange(6000) % 2 == 0
    y = np.where(apart & (np.random.default_rng(1).random(6000) < 0.3), 1, y)  # more events than their scores say
    groups = {("gender", "a"): apart, ("gender", "b"): ~apart}
    found = tabled(risk, y, groups=groups)
    off = (found["observed"] - found["predicted"]).groupby(found["segment"]).mean()
    assert off["a"] > 0.15 > 0.05 > abs(off["b"])
    inside = found["predicted"].between(found["low"], found["high"]).groupby(found["segment"]).mean()
    assert inside["a"] == 0
    assert inside["b"] > 0.7
    assert (found["low"] <= found["observed"]).all()
    assert (found["observed"] <= found["high"]).all()


def test_predicted_risks_of_real_people_are_rounded():
    risk, y, _ = people()
    real, twin = (tabled(risk, y, rule=rule)["predicted"] for rule in ("restricted", "synthetic"))
    assert (real == real.round(2)).all()
    np.testing.assert_allclose(real, twin, atol=0.005001)
    assert (twin != twin.round(2)).any()
