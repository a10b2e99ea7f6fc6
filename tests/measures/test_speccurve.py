"""The joint test of a specification curve: by hand, uniform p under a global null, power, and what it refuses."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest

from fairlib.inference import participant_draws
from fairlib.measures import speccurve
from fairlib.measures.bands import of_numbers, run_deviations, with_runs
from fairlib.measures.measured import Measured

SPECS, PEOPLE, RUNS, DRAWS = 24, 150, 20, 200


def test_statistics_by_hand():
    found = speccurve.statistics(np.array([-3.0, -2.5, -1.0, 2.5]), np.ones(4))
    np.testing.assert_allclose(found, [-1.75, 0.5])  # two of four: the positive one has not the predominant sign
    drawn = speccurve.statistics(np.array([[1.0, -4], [2, -4], [6, 1]]), np.array([1.0, 1, 2]))
    np.testing.assert_allclose(drawn, [[2, -4], [2 / 3, 2 / 3]])


def analysed(draw, effect=0.0):
    """Specifications of two datasets; within one they share people and runs, whose effects on them are alike."""
    estimates, replicates = [], []
    for dataset in ("one", "other"):
        loads = draw.uniform(0.5, 1.5, size=(3, SPECS // 2))  # what a person, or a run, does to all specifications
        people = draw.normal(size=(PEOPLE, 3)) @ loads + draw.normal(size=(PEOPLE, SPECS // 2))
        runs = 0.3 * (draw.normal(size=(RUNS, 3)) @ loads + draw.normal(size=(RUNS, SPECS // 2)))
        weights = participant_draws(np.arange(PEOPLE), DRAWS, seed=int(draw.integers(10_000))) / PEOPLE
        drawn = with_runs(weights @ people, run_deviations(runs), dataset, str(draw.integers(10_000)))
        estimates.append(people.mean(axis=0) + runs.mean(axis=0) + effect)
        replicates.append(drawn.T + effect + 0.05)  # where the draws are centred does not matter
    replicates = np.concatenate(replicates)
    rows = pd.DataFrame({"estimate": np.concatenate(estimates), "se": replicates.std(axis=1, ddof=1)})
    return speccurve.joint_test(rows, replicates).set_index("statistic")


def test_under_a_global_null_p_is_uniform():
    draw = np.random.default_rng(0)
    found = [analysed(draw) for _ in range(250)]
    median = np.array([each.loc["median effect", "p"] for each in found])
    share = np.array([each.loc["share significant", "p"] for each in found])
    assert kstest(median, "uniform").pvalue > 0.01
    for level in (0.05, 0.1, 0.2):  # the share has ties at 0, so its p may be larger, never smaller
        assert (share <= level).mean() < level + 2.6 * np.sqrt(level * (1 - level) / 250)
    counted = np.array([each.loc["share significant", "observed"] for each in found])
    assert (counted > 0.2).mean() > 0.05  # if specifications were independent: 0.001


def test_a_common_effect_is_found():
    found = analysed(np.random.default_rng(0), effect=-0.8)
    assert found.loc["median effect", "observed"] < -0.5
    assert (found["p"] < 0.02).all()
    assert (found["null_median"] < found["null_upper"]).all()


def test_replicates_of_numbers_have_their_spread_and_share_their_runs():
    draw = np.random.default_rng(0)
    shared = draw.normal(size=(4, 5))

    def number(scale, runs):
        draws = draw.normal(size=4000)
        return Measured(0.0, draws, scale * runs, np.zeros((*runs.shape, 4000)))

    numbers = [number(3, shared), number(4, shared), number(5, draw.normal(size=(2, 5)))]
    drawn = [(people[:, 0], runs[:, 0]) for people, runs in (of_numbers([each]) for each in numbers)]
    found = speccurve.drawn_anew(drawn, "one")
    np.testing.assert_allclose(found.std(axis=1), [each.se for each in numbers], rtol=0.05)
    assert np.corrcoef(found)[0, 1] > 0.2
    assert abs(np.corrcoef(found)[0, 2]) < 0.05
    other = speccurve.drawn_anew(drawn, "other")
    runs = [each - np.stack([n.draws for n in numbers]) for each in (found, other)]
    assert abs(np.corrcoef(runs[0][0], runs[1][0])[0, 1]) < 0.05


def test_undefined_draws_are_left_out_and_undefined_specifications_refused():
    draws = np.random.default_rng(0).normal(size=(4, 100))
    rows = pd.DataFrame({"estimate": np.zeros(4), "se": np.ones(4)})
    spoiled = draws.copy()
    spoiled[0, 3] = np.nan
    pd.testing.assert_frame_equal(
        speccurve.joint_test(rows, spoiled), speccurve.joint_test(rows, np.delete(draws, 3, axis=1))
    )
    for column, bad in (("estimate", np.nan), ("se", 0.0)):
        with pytest.raises(ValueError, match="list untrained ones apart"):
            speccurve.joint_test(rows.assign(**{column: [bad, 1, 1, 1]}), draws)
