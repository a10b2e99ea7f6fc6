"""Permuted segment labels: who hands a label to whom, gaps against scikit-learn, and the level of the test."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from fairlib.inference import max_t
from fairlib.permutations import label_sources, segment_gaps


def sources(person, y, draws, seed=0):
    return np.concatenate(list(label_sources(np.asarray(person), np.asarray(y), draws, seed)))


def test_participants_swap_labels_within_their_outcomes():
    person, y = np.repeat(np.arange(30), 3), np.repeat(np.arange(30) % 3 == 0, 3).astype(int)
    y[[1, 4]] = 1 - y[[1, 4]]  # two people with both outcomes
    rows = sources(person, y, 50)
    assert rows.shape == (50, 90)
    givers = person[rows].reshape(50, 30, 3)
    assert (givers == givers[:, :, :1]).all()  # all windows of a person take the label of one giver
    assert (np.sort(givers[:, :, 0], axis=1) == np.arange(30)).all()  # and everybody gives once
    kind = [tuple(np.unique(y[person == who])) for who in range(30)]
    assert all(kind[taker] == kind[giver] for givers_ in givers[:, :, 0] for taker, giver in enumerate(givers_))
    assert {frozenset(row) for row in givers[:, :2, 0]} == {frozenset((0, 1))}  # the two only swap
    np.testing.assert_array_equal(rows, sources(person, y, 50))
    assert (rows != sources(person, y, 50, seed=1)).any()


def test_labels_that_change_over_time_are_handed_on_as_a_sequence():
    person, y, label = [0, 0, 0, 1, 1, 2], [0] * 6, np.array(["a", "b", "b", "c", "d", "e"])
    told = {tuple(label[row]) for row in sources(person, y, 200)}
    assert len(told) == 6
    assert ("c", "d", "c", "e", "e", "a") in told  # 0 takes from 1, repeated; 1 from 2; 2 from 0, cut


def test_gaps_by_scikit_learn():
    draw = np.random.default_rng(0)
    person, y = np.repeat(np.arange(120), 2), draw.integers(0, 2, 240)
    score = np.round(y + draw.normal(size=240), 1)
    codes = [draw.integers(-1, 3, 240), draw.integers(0, 2, 240)]
    observed, null = segment_gaps(y, score, person, codes, draws=7)
    assert null.shape == (7, 2)

    def gap(labels):
        aucs = [roc_auc_score(y[labels == k], score[labels == k]) for k in range(labels.max() + 1)]
        return max(aucs) - min(aucs)

    assert observed == pytest.approx([gap(c) for c in codes])
    for i, rows in enumerate(sources(person, y, 7)):
        assert null[i] == pytest.approx([gap(c[rows]) for c in codes])


def clustered(draw, people=90, windows=4):
    """Windows of a person share most of their score; two attributes that say nothing about anybody."""
    person = np.repeat(np.arange(people), windows)
    y = np.repeat(draw.random(people) < 0.4, windows).astype(int)
    score = np.repeat(draw.normal(size=people), windows) + y + 0.3 * draw.normal(size=people * windows)
    codes = [np.repeat(draw.choice(k, people, p=p), windows) for k, p in ((2, [0.7, 0.3]), (3, [0.5, 0.3, 0.2]))]
    return person, y, score, codes


def test_the_null_holds_its_level_though_windows_are_clustered():
    """Permuting participants: 5 % false alarms in 300 cohorts. Permuting windows, as if they were independent: many."""
    draw, false = np.random.default_rng(3), np.zeros(2)
    for cohort in range(300):
        person, y, score, codes = clustered(draw)
        for i, units in enumerate((person, np.arange(len(y)))):
            false[i] += max_t(*segment_gaps(y, score, units, codes, draws=99, seed=cohort)).min() <= 0.05
    assert stats.binomtest(int(false[0]), 300, 0.05).pvalue > 0.01, false
    assert false[1] > 60


def test_a_planted_gap_is_found():
    draw = np.random.default_rng(4)
    person, y, score, codes = clustered(draw, people=600)
    score = np.where(codes[0] == 1, draw.normal(size=len(y)), score)  # noise for one segment
    assert max_t(*segment_gaps(y, score, person, codes, draws=199)).round(3)[0] == 0.005


def test_undefined_permutations_are_nan():
    person, y, score = np.arange(8), np.array([0, 1] * 4), np.linspace(0, 1, 8)
    codes = [np.array([0, 0, 0, 0, 0, 0, 1, -1])]
    observed, null = segment_gaps(y, score, person, codes, draws=20)
    assert np.isnan(observed).all()
    assert np.isnan(null).all()
