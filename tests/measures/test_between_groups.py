"""The double-corrected variance: unbiased where groups are alike and where they differ, against the paper's formula."""

import numpy as np
import pytest

from fairlib.inference import participant_draws
from fairlib.measures.segments import between_groups


def drawn(draw, rates, people, draws=200):
    """Shares of events in groups with these true rates, and their bootstrap draws."""
    group = np.repeat(np.arange(len(rates)), people)
    y = (draw.random(len(group)) < np.repeat(rates, people)).astype(float)
    weights = participant_draws(np.arange(len(group)), draws, seed=int(draw.integers(1e6)))
    shares = [(weights[:, group == g] @ y[group == g]) / weights[:, group == g].sum(axis=1) for g in range(len(rates))]
    return np.array([y[group == g].mean() for g in range(len(rates))]), np.stack(shares, axis=1), y, group


def test_the_estimate_is_that_of_the_paper():
    """Naive − mean p(1−p)/n; the draws − 2 × that (Lum, Zhang and Bower 2022, binomial shares)."""
    estimates, replicates, *_ = drawn(np.random.default_rng(0), [0.3, 0.3, 0.5, 0.4], 400, draws=5000)
    found = between_groups(estimates, replicates)
    noise = np.mean(estimates * (1 - estimates) / 400)
    assert found.naive == pytest.approx(np.var(estimates, ddof=1))
    assert found.noise == pytest.approx(noise, rel=0.05)
    assert found.variance == pytest.approx(found.naive - found.noise)
    np.testing.assert_allclose(found.replicates, replicates.var(axis=1, ddof=1) - 2 * found.noise, atol=1e-12)
    assert found.replicates.mean() == pytest.approx(found.variance, abs=4 * found.replicates.std() / 5000**0.5)


@pytest.mark.parametrize("rates", [[0.3] * 5, [0.2, 0.25, 0.3, 0.35, 0.4]], ids=["alike", "apart"])
def test_unbiased(rates):
    draw, found = np.random.default_rng(1), []
    for _ in range(400):
        one = between_groups(*drawn(draw, rates, 60)[:2])
        found.append((one.naive, one.variance))
    naive, variance = np.mean(found, axis=0)
    truth, error = np.var(rates, ddof=1), np.std([v for _, v in found]) / 20
    assert variance == pytest.approx(truth, abs=3 * error)
    assert naive > truth + 10 * error  # what everybody computes


def test_the_interval_of_the_draws_covers_the_truth():
    draw, rates, covered = np.random.default_rng(2), [0.2, 0.3, 0.3, 0.45], 0
    for _ in range(200):
        low, high = np.quantile(between_groups(*drawn(draw, rates, 150)[:2]).replicates, [0.025, 0.975])
        covered += low <= np.var(rates, ddof=1) <= high
    assert covered >= 180


def test_windows_of_one_person_are_no_more_people():
    """Five copies of each window: the same estimate and the same noise, not a fifth of it."""
    draw = np.random.default_rng(3)
    estimates, _, y, group = drawn(draw, [0.3, 0.5], 80)
    five = participant_draws(np.repeat(np.arange(160), 5), 200, seed=9)
    one = participant_draws(np.arange(160), 200, seed=9)
    noises = []
    for weights, labels, groups in ((one, y, group), (five, np.repeat(y, 5), np.repeat(group, 5))):
        shares = [weights[:, groups == g] @ labels[groups == g] / weights[:, groups == g].sum(axis=1) for g in (0, 1)]
        noises.append(between_groups(estimates, np.stack(shares, axis=1)).noise)
    assert noises[0] == pytest.approx(noises[1])


def test_undefined_draws_stay_undefined():
    estimates, replicates, *_ = drawn(np.random.default_rng(4), [0.3, 0.5, 0.4], 50)
    replicates[:30, 1] = np.nan
    found = between_groups(estimates, replicates)
    assert np.isnan(found.replicates).sum() == 30
    assert found.noise == pytest.approx(between_groups(estimates, replicates[30:]).noise)
    for values, draws in (
        (estimates[:1], replicates[:, :1]),
        (estimates, replicates[:45]),
        ([0.1, np.nan], replicates[:, :2]),
    ):
        assert np.isnan(between_groups(np.array(values), draws)[:3]).all()
