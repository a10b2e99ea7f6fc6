"""CKA in float32 where few windows lie far from all others, as after a glitch of a sensor, against float64.

float32 holds seven digits; a Gram matrix that is centred by a mean which one row pulls away holds none of the others.
"""

import warnings

import numpy as np
import pytest

from fairlib.measures.cka import need_float64, similarity_table
from fairlib.measures.compared import Compared
from fairlib.measures.half_samples import half_sample_interval, subsample_table
from fairlib.similarity import cka, cka_table, coarse, gram
from tests.measures.halves import half_samples
from tests.test_similarity import cka_by_definition

WIDTHS = (40, 60, 80)


def layers(n: int, seed: int = 0) -> list[list[np.ndarray]]:
    """Activations of three layers of two models, after ReLU, with a shared part; float32."""
    draw = np.random.default_rng(seed)
    shared = draw.normal(size=(n, 8))

    def layer(width):
        return np.maximum(shared @ draw.normal(size=(8, width)) / 3 + draw.normal(size=(n, width)), 0)

    return [[layer(width).astype(np.float32) for width in WIDTHS] for _ in range(2)]


def changed(both, change):
    return [[change(x.copy()) for x in side] for side in both]


def far_row(size, row=5):
    def change(x):
        x[row] = size * np.maximum(x[row], 0.1)
        return x

    return change


def far_columns(x):
    """One stay at 17,493 standard deviations in a few features."""
    x[7, :5] += 17_493 * x[:, :5].std(axis=0)
    return x


def constant_columns(x):
    x[:, ::3] = (0.1, 7.7, 1e4)[len(x) % 3]
    return far_row(1e4)(x)


def by_definition(x, y):
    """Equation 3 in float64. The columns' medians are taken off first, which changes nothing but the digits left."""
    return cka_by_definition(*(a.astype(float) - np.median(a.astype(float), axis=0) for a in (x, y)))


CASES = {
    "1e3": (80, far_row(1e3)),
    "1e4": (80, far_row(1e4)),
    "1e6": (80, far_row(1e6)),
    "1e6, the first row": (80, far_row(1e6, 0)),
    "1e15": (80, far_row(1e15)),
    "17,493 sd of 500": (500, far_columns),
    "1e3 of 500": (500, far_row(1e3)),
    "constant columns": (80, constant_columns),
    "two rows": (80, lambda x: far_row(1e5, 60)(far_row(1e4)(x))),
    "all very large": (80, lambda x: x * np.float32(1e15)),
    "all very small": (80, lambda x: x * np.float32(1e-15)),
}


@pytest.mark.parametrize("case", CASES)
def test_values_and_intervals_lie_where_float64_puts_them(case):
    n, change = CASES[case]
    both, weights = changed(layers(n), change), half_samples(n, 60, np.random.default_rng(1))
    grams = [[gram(x) for x in side] for side in both]
    values, halves = cka_table(*grams), subsample_table(*grams, weights)
    for i, x in enumerate(both[0]):
        for j, y in enumerate(both[1]):
            true = np.array([by_definition(x[w == 1], y[w == 1]) for w in weights.T])
            assert np.isfinite(true).all()
            np.testing.assert_allclose(halves[i, j], true, atol=1e-4)
            whole = by_definition(x, y)
            assert values[i, j] == pytest.approx(whole, abs=1e-4)
            assert cka(x, y) == pytest.approx(whole, abs=1e-4)
            found, wanted = half_sample_interval(values[i, j], halves[i, j]), half_sample_interval(whole, true)
            assert found == pytest.approx(wanted, abs=2e-4)
    assert np.abs(values).max() <= 1 + 1e-6  # by Cauchy and Schwarz; nothing is clipped
    assert np.abs(halves).max() <= 1 + 1e-6


def test_a_layer_with_itself_is_alike_whatever_lies_far():
    for size in (1e3, 1e6, 1e12):
        x = far_row(size)(layers(80)[0][0])
        assert cka(x, x) == pytest.approx(1, abs=1e-6)
        assert cka(x, 3 * x + 1) == pytest.approx(1, abs=1e-4)


def test_ordinary_rows_are_centred_at_their_mean():
    """No digit of ordinary data changes: all rows are near, so that the centre is the mean of all."""
    x = layers(80)[0][0]
    centred = x - x.mean(axis=0, dtype=np.float64).astype(np.float32)
    expected = centred @ centred.T
    np.fill_diagonal(expected, 0)
    assert (gram(x) == expected).all()
    assert gram(x).dtype == gram(far_row(1e4)(x)).dtype == np.float32  # as fast as ever


def test_a_row_five_times_as_far_as_the_median_is_no_part_of_the_centre():
    x = np.random.default_rng(0).normal(size=(60, 400))
    for times, near in ((3, slice(None)), (5, slice(1, None))):
        far = np.vstack([times * x[:1], x[1:]])
        centred = far - far[near].mean(axis=0)
        expected = centred @ centred.T
        np.fill_diagonal(expected, 0)
        np.testing.assert_allclose(gram(far), expected, atol=1e-9)


def test_small_values_stay_in_float32():
    x = layers(80)[0][0]
    assert gram(x * np.float32(1e-3)).dtype == np.float32
    assert gram(x * np.float32(1e-9)).dtype == np.float64


def test_infinite_values_are_refused_and_large_ones_are_not():
    x = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
    x[3] = 1e38
    with warnings.catch_warnings(action="error"):
        assert np.isfinite(gram(x)).all()
        assert gram(x).dtype == np.float64
        x[3, 0] = np.inf
        with pytest.raises(ValueError, match="NaN or infinite"):
            gram(x)


@pytest.fixture(scope="module")
def apart(make_cohort):
    """A cohort, a test window a person, and layers in which Female people lie 30 standard deviations from the others:
    another device in one place."""
    gender = np.random.default_rng(2).choice(np.array(["Male", "Female"], dtype=object), 900, p=(0.7, 0.3))
    cohort = make_cohort(people=900, gender=gender)
    rows = cohort.rows("test")
    female = (cohort.attributes["gender"].iloc[rows] == "Female").to_numpy()

    def change(x):
        x[female] += 30
        return x

    return cohort, rows, female, changed(layers(len(rows)), change)


def test_a_segment_far_from_the_others_needs_float64(apart):
    cohort, rows, female, both = apart
    grams = [[gram(x) for x in side] for side in both]
    assert coarse(grams[0][0][female][:, female])
    assert not coarse(grams[0][0])
    assert need_float64(cohort, grams[0], rows)
    plain = [gram(x) for x in layers(len(rows))[0]]
    assert not need_float64(cohort, plain, rows)
    exact = [[gram(x.astype(float)) for x in side] for side in both]
    assert not need_float64(cohort, exact[0], rows)
    table = similarity_table(cohort, *exact, rows, draws=40)
    for row in table[table["segment"] == "Female"].itertuples():
        x, y = both[0][row.layer_supervised - 1][female], both[1][row.layer_other - 1][female]
        assert row.cka == pytest.approx(by_definition(x, y), abs=1e-6)


def test_the_study_makes_gram_matrices_of_such_a_segment_in_float64(apart, monkeypatch):
    (cohort, _, _, both), taken = apart, []

    def take(cohort, left, right, rows, **options):
        taken.extend(k.dtype for k in (*left, *right))
        raise InterruptedError

    monkeypatch.setattr("fairlib.measures.cka.similarity_table", take)
    for found in (both, layers(len(both[0][0]))):
        taken.clear()
        with pytest.raises(InterruptedError):
            _ = Compared(cohort, lambda rows, found=found: found[0], lambda rows, found=found: found[1]).table
        assert set(taken) == {np.dtype(np.float64 if found is both else np.float32)}
