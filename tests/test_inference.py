"""Resampling of participants: weighted AUC against scikit-learn, intervals in closed form, coverage, clusters."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from fairlib.inference import (
    absolute_interval,
    auc,
    deviation_interval,
    interval,
    interval_over_runs,
    participant_draws,
    seed_interval,
    seed_test,
    skewed_seed_interval,
    undefined_share,
    weighted_auc,
)


@settings(max_examples=60)
@given(n=st.integers(2, 80), levels=st.integers(1, 50), seed=st.integers(0, 10**6))
def test_weighted_auc(n, levels, seed):
    draw = np.random.default_rng(seed)
    y, score = draw.integers(0, 2, n), draw.integers(0, levels, n) / levels  # many ties
    weights = draw.integers(0, 4, (5, n)).astype(np.float32)
    for found, w in zip(weighted_auc(y, score, weights), weights, strict=True):
        if len(set(y[w > 0])) < 2:
            assert np.isnan(found)
        else:
            assert found == pytest.approx(roc_auc_score(y, score, sample_weight=w), abs=1e-9)


def test_auc_by_hand():
    assert auc(np.array([0, 1, 0, 1]), np.array([0.1, 0.9, 0.5, 0.5])) == (1 + 1 + 1 + 0.5) / 4
    assert auc(np.array([0, 1]), np.array([0.9, 0.1])) == 0
    for y in ([], [1, 1], [0]):
        assert np.isnan(auc(np.array(y), np.ones(len(y))))


@pytest.mark.parametrize(
    ("y", "score"),
    [
        ([0, 1, 0, 1], [0.2, np.nan, 0.4, 0.9]),
        ([1, 2, 1, 2], [0.1, 0.9, 0.2, 0.8]),
        ([-1, 1], [0.1, 0.9]),
        (["no", "yes"], [0.1, 0.9]),
        ([0, np.nan], [0.1, 0.9]),
        ([True, False], [np.nan, np.nan]),
    ],
)
def test_what_is_no_label_and_no_score_has_no_auc(y, score):
    """A NaN is in no order, and every label but 1 was a negative: both gave numbers."""
    with pytest.raises(ValueError, match="an AUC needs labels of 0 and 1, and a score of everyone"):
        auc(np.array(y), np.array(score))
    assert auc(np.array([True, False]), np.array([np.inf, -np.inf])) == 1


def test_all_windows_of_a_person_count_alike():
    person = np.array(["d", "a", "b", "a", "c", "b", "b", "e"])
    weights = participant_draws(person, 2000, seed=3)
    assert weights.shape == (2000, 8)
    for who in "ab":
        own = weights[:, person == who]
        assert (own == own[:, :1]).all()
    first = [list(person).index(who) for who in "abcde"]
    assert (weights[:, first].sum(axis=1) == 5).all()  # five people are drawn each time
    np.testing.assert_allclose(weights[:, first].mean(axis=0), 1, atol=0.1)
    np.testing.assert_allclose(weights[:, first].var(axis=0), 0.8, rtol=0.15)  # multinomial: 1 − 1/5


def test_draws_are_the_same_for_every_model():
    person = np.repeat(np.arange(20), 3)
    one, order = participant_draws(person, 50), np.random.default_rng(0).permutation(60)
    assert len(one) == 50
    np.testing.assert_array_equal(one, participant_draws(person, 50))
    np.testing.assert_array_equal(one[:, order], participant_draws(person[order], 50))
    assert not np.array_equal(one, participant_draws(person, 50, seed=1))


def test_interval(monkeypatch):
    values = np.linspace(0, 1, 201)
    assert interval(values) == pytest.approx((0.025, 0.975))
    assert interval(np.r_[values, np.full(200, np.nan)]) == pytest.approx((0.025, 0.975))
    assert all(np.isnan(interval(np.r_[values, np.full(300, np.nan)])))  # most are undefined
    assert all(np.isnan(interval(values[:19])))
    monkeypatch.setattr("fairlib.inference.LEVEL", 0.5)
    assert interval(values) == pytest.approx((0.25, 0.75))


def test_interval_of_one_seed_is_normal():
    replicates = np.random.default_rng(0).normal(0.8, 0.02, 500)
    mean, low, high = seed_interval(np.array([0.81]), replicates[None])
    half = stats.norm.ppf(0.975) * replicates.std(ddof=1)
    assert (mean, low, high) == pytest.approx((0.81, 0.81 - half, 0.81 + half))
    again = seed_interval(np.full(3, 0.81), np.stack([replicates] * 3))  # three equal runs: no variance between them
    assert again == pytest.approx((mean, low, high))


def test_interval_over_people_and_runs_by_hand():
    """Satterthwaite: variance v = v_people + s²/3; degrees of freedom 2 (v / (s²/3))²."""
    estimates, draw = np.array([0.70, 0.74, 0.78]), np.random.default_rng(1)
    replicates = estimates[:, None] + draw.normal(0, 0.03, (3, 400))
    people, runs = replicates.mean(axis=0).var(ddof=1), 0.04**2 / 3
    freedom = 2 * ((people + runs) / runs) ** 2
    half = stats.t.ppf(0.975, freedom) * (people + runs) ** 0.5
    assert seed_interval(estimates, replicates) == pytest.approx((0.74, 0.74 - half, 0.74 + half))
    still = np.tile(estimates[:, None], (1, 400))  # nothing varies over people: the plain t interval of three runs
    half = stats.t.ppf(0.975, 2) * 0.04 / 3**0.5
    assert seed_interval(estimates, still) == pytest.approx((0.74, 0.74 - half, 0.74 + half))


def test_interval_where_undefined():
    replicates = np.full((2, 100), 0.7)
    assert np.isnan(seed_interval(np.array([0.7, np.nan]), replicates)).all()
    replicates[0, :60] = np.nan
    mean, low, high = seed_interval(np.array([0.7, 0.7]), replicates)
    assert mean == pytest.approx(0.7)
    assert np.isnan([low, high]).all()


def test_skewed_interval():
    """One run: percentiles. Draws without skewness: the interval of normal ones. No spread over people: plain t."""
    draw = np.random.default_rng(0)
    skewed = draw.gamma(1.0, 0.02, (1, 4000))
    mean, low, high = skewed_seed_interval(np.array([0.02]), skewed)
    assert (mean, low, high) == pytest.approx((0.02, *interval(skewed[0])))
    assert high - mean > 2 * (mean - low)
    estimates = np.array([0.70, 0.74, 0.78])
    normal = np.tile(stats.norm.ppf((np.arange(4000) + 0.5) / 4000, 0.74, 0.03), (3, 1))
    assert skewed_seed_interval(estimates, normal) == pytest.approx(seed_interval(estimates, normal), abs=1e-3)
    still = np.tile(estimates[:, None], (1, 400))
    assert skewed_seed_interval(estimates, still) == pytest.approx(seed_interval(estimates, still))
    assert np.isnan(skewed_seed_interval(estimates, np.full((3, 400), np.nan))[1:]).all()


def test_interval_from_a_known_variance():
    estimates, replicates = np.array([0.7, 0.8]), np.random.default_rng(0).normal(0.75, 0.02, (2, 300))
    people = replicates.mean(axis=0).var(ddof=1)
    assert interval_over_runs(estimates, people) == pytest.approx(seed_interval(estimates, replicates))


def test_a_draw_is_lost_where_one_seed_is_undefined():
    replicates = np.zeros((2, 10))
    replicates[0, :3], replicates[1, 2:5] = np.nan, np.inf
    assert undefined_share(replicates) == 0.5
    averaged = replicates.mean(axis=0)
    assert (~np.isfinite(averaged)).mean() == 0.5  # what ``seed_interval`` leaves out


def test_seed_test_of_one_run_is_a_z_test():
    drawn = np.random.default_rng(0).normal(0.3, 0.2, (1, 4000))
    spread = drawn.std(ddof=1)
    assert seed_test(np.array([0.3]), drawn) == pytest.approx(2 * stats.norm.sf(0.3 / spread))
    assert seed_test(np.array([-0.3]), drawn) == seed_test(np.array([0.3]), drawn)
    assert (seed_test(np.zeros(1), np.zeros((1, 50))), seed_test(np.ones(1), np.ones((1, 50)))) == (1, 0)


def test_seed_test_without_people_is_student_s_t():
    """Where people add no variance, the seeds are a sample of which the mean is tested."""
    values = np.random.default_rng(1).normal(0.4, 1, 5)
    drawn = np.repeat(values[:, None], 100, axis=1)
    assert seed_test(values, drawn) == pytest.approx(stats.ttest_1samp(values, 0).pvalue)


def test_seed_test_and_interval_agree_and_keep_their_level():
    """p below 0.05 where the interval leaves 0 out; under the null that happens in 5 of 100 cases."""
    draw, small = np.random.default_rng(2), 0
    for _ in range(400):
        people = draw.normal(0, 0.1)
        values = people + draw.normal(0, 0.1, 4)
        drawn = values[:, None] + draw.normal(0, 0.1, 300)
        p, (_, low, high) = seed_test(values, drawn), seed_interval(values, drawn)
        assert (p < 0.05) == (not low <= 0 <= high)
        small += p < 0.05
    assert small / 400 < 0.08


def test_absolute_interval():
    assert absolute_interval(-0.3, -0.1) == pytest.approx((0.1, 0.3))
    assert absolute_interval(-0.1, 0.3) == (0, 0.3)
    assert absolute_interval(0.1, 0.3) == (0.1, 0.3)
    assert np.isnan(absolute_interval(np.nan, 1)).all()


def test_deviation_interval():
    assert deviation_interval(np.log(0.5), np.log(2)) == pytest.approx((0, 1))
    assert deviation_interval(np.log(1.1), np.log(1.5)) == pytest.approx((0.1, 0.5))
    assert deviation_interval(np.log(0.4), np.log(0.9)) == pytest.approx((0.1, 0.6))
    assert deviation_interval(0, np.log(1.5)) == pytest.approx((0, 0.5))
    for ends in ((np.nan, 0.1), (-0.1, np.inf)):
        assert np.isnan(deviation_interval(*ends)).all()


def scored(draw, people, apart):
    """Scores of people whose true AUC is Φ(apart / √2)."""
    y = np.arange(people) % 3 == 0
    return y.astype(int), draw.normal(size=people) + apart * y


def test_auc_interval_covers_the_truth():
    draw, truth = np.random.default_rng(2), stats.norm.cdf(1 / 2**0.5)
    covered = np.zeros(2)
    for cohort in range(300):
        y, score = scored(draw, 120, 1.0)
        replicates = weighted_auc(y, score, participant_draws(np.arange(120), 200, seed=cohort))
        estimate, low, high = seed_interval(np.array([auc(y, score)]), replicates[None])
        both = np.array([(low, high), interval(replicates)])
        covered += (both[:, 0] <= truth) & (truth <= both[:, 1])
        assert low < estimate < high
    assert ((covered / 300 >= 0.90) & (covered / 300 <= 0.98)).all()


def test_windows_of_one_person_add_no_certainty():
    y, score = scored(np.random.default_rng(3), 100, 1.0)
    y5, score5, person = np.repeat(y, 5), np.repeat(score, 5), np.repeat(np.arange(100), 5)

    def width(labels, scores, units):
        low, high = interval(weighted_auc(labels, scores, participant_draws(units, 400)))
        return high - low

    assert width(y5, score5, person) == pytest.approx(width(y, score, np.arange(100)))
    assert width(y5, score5, person) > 1.8 * width(y5, score5, np.arange(500))  # √5 in the long run
