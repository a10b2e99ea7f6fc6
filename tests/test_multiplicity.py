"""Families of tests: Holm and FDR against their step-by-step definitions, max-T in closed form and at its level."""

import numpy as np
import pytest
from scipy import stats

from fairlib.inference import false_discovery, holm, max_t

P = [0.010, 0.040, 0.030, 0.005]  # sorted 0.005, 0.01, 0.03, 0.04


def test_holm_by_hand():
    """4 × 0.005 = 0.02; 3 × 0.01 = 0.03; 2 × 0.03 = 0.06; 1 × 0.04, but no less than the one before."""
    assert holm(P) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_false_discovery_by_hand():
    """From the largest: 0.04 × 4/4; 0.03 × 4/3 = 0.04; 0.01 × 4/2; 0.005 × 4/1."""
    assert false_discovery(P) == pytest.approx([0.02, 0.04, 0.04, 0.02])


@pytest.mark.parametrize("m", [1, 2, 7, 60])
def test_by_definition(m):
    p = np.random.default_rng(m).random(m).round(2) ** 2  # small ones, and ties
    order = np.argsort(p, kind="stable")
    stepped = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(m, 0, -1)))
    np.testing.assert_allclose(holm(p)[order], stepped, atol=1e-12)
    np.testing.assert_allclose(false_discovery(p), stats.false_discovery_control(p, method="bh"), atol=1e-12)


@pytest.mark.parametrize("adjust", [holm, false_discovery])
def test_undefined_tests_do_not_count(adjust):
    with_gaps = adjust([np.nan, *P, np.nan])
    np.testing.assert_allclose(with_gaps[1:-1], adjust(P))
    assert np.isnan(with_gaps[[0, -1]]).all()
    assert np.isnan(adjust([np.nan])).all()
    assert adjust([]).shape == (0,)


def test_max_t_of_one_statistic_is_its_permutation_p_value():
    null = np.arange(99.0)[:, None]
    assert max_t([95.5], null) == pytest.approx([(1 + 3) / 100])  # 96, 97, 98 and itself
    assert max_t([200.0], null) == pytest.approx([1 / 100])


def test_max_t_is_fair_to_statistics_of_any_spread():
    draw = np.random.default_rng(0)
    null = draw.normal(size=(999, 3)) * [1, 100, 0.01]
    p = max_t([4.0, 0.0, 0.04], null)
    assert p[0] < 0.01 > p[2]
    assert p[1] > 0.5
    assert max_t([0, 400.0, 0], null)[1] < 0.01


def test_max_t_leaves_out_what_is_undefined():
    null = np.random.default_rng(1).normal(size=(199, 2))
    with_gap = np.c_[null[:, :1], np.full(199, np.nan), null[:, 1:]]
    found = max_t([2.5, np.nan, 0], with_gap)
    np.testing.assert_allclose(found[[0, 2]], max_t([2.5, 0], null))
    assert np.isnan(found[1])
    null[:50, 0] = np.nan
    np.testing.assert_allclose(max_t([2.5, 0], null), max_t([2.5, 0], null[50:]))
    assert np.isnan(max_t([1.0], np.full((9, 1), np.nan))).all()


def test_max_t_holds_the_level_of_correlated_families():
    """Exact by construction: in 1,000 families under the null, 5 % have a corrected p-value of 0.05 or less."""
    draw, false = np.random.default_rng(2), 0
    for _ in range(1000):
        rows = draw.normal(size=(100, 1)) + draw.normal(size=(100, 5)) ** 2
        false += max_t(rows[0], rows[1:]).min() <= 0.05
    assert stats.binomtest(false, 1000, 0.05).pvalue > 0.01
