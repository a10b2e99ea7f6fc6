"""CKA against its definition in float64, its invariances, its bias; subsamples, half-samples, one window a person."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlib.measures.half_samples import half_sample_interval, subsample_table
from fairlib.similarity import cka, cka_table, gram, hsic, one_window_each
from tests.measures.halves import cka_subsamples, half_samples


def hsic_by_definition(k, l):  # noqa: E741
    """METHOD equation 2, letter by letter."""
    n, one = len(k), np.ones(len(k))
    first = np.trace(k @ l)
    second = (one @ k @ one) * (one @ l @ one) / ((n - 1) * (n - 2))
    third = 2 / (n - 2) * (one @ k @ l @ one)
    return (first + second - third) / (n * (n - 3))


def cka_by_definition(x, y):
    """METHOD equation 3, without centring."""
    k, l = (a.reshape(len(a), -1).astype(float) @ a.reshape(len(a), -1).T.astype(float) for a in (x, y))  # noqa: E741
    np.fill_diagonal(k, 0)
    np.fill_diagonal(l, 0)
    return hsic_by_definition(k, l) / np.sqrt(hsic_by_definition(k, k) * hsic_by_definition(l, l))


def related(n, p, q, seed, noise=0.5):
    """Two representations of the same n rows."""
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(n, p))
    return x, x @ draw.normal(size=(p, q)) + noise * draw.normal(size=(n, q))


@settings(max_examples=60)
@given(n=st.integers(4, 60), p=st.integers(1, 20), q=st.integers(1, 20), seed=st.integers(0, 10**6))
def test_hsic_by_definition(n, p, q, seed):
    k, l = (gram(a) for a in related(n, p, q, seed))  # noqa: E741
    scale = np.abs(k).max() * np.abs(l).max()
    assert hsic(k, l) == pytest.approx(hsic_by_definition(k, l), rel=1e-9, abs=1e-9 * scale)


@settings(max_examples=60)
@given(n=st.integers(20, 60), p=st.integers(1, 6), q=st.integers(1, 6), seed=st.integers(0, 10**6))
def test_cka_by_definition(n, p, q, seed):
    x, y = related(n, p, q, seed)
    assert cka(x, y) == pytest.approx(cka_by_definition(x, y), abs=1e-9)


def test_by_definition_on_windows():
    draw = np.random.default_rng(0)
    x, y = draw.normal(size=(40, 6, 5)) + 3, draw.normal(size=(40, 4, 2))
    assert cka(x, y) == pytest.approx(cka_by_definition(x, y), abs=1e-9)
    assert cka(x, y) == cka(x.reshape(40, 30), y)


def test_invariances():
    x, y = related(50, 12, 9, 1)
    draw, here = np.random.default_rng(2), cka(x, y)
    rotation = np.linalg.qr(draw.normal(size=(12, 12)))[0]
    for same in (x @ rotation, 1000 * x, x / 1000, -x, x + draw.normal(size=12) * 10, x[:, ::-1]):
        assert cka(same, y) == pytest.approx(here, abs=1e-9)
    order = draw.permutation(50)
    assert cka(x[order], y[order]) == pytest.approx(here, abs=1e-9)
    assert cka(y, x) == pytest.approx(here, abs=1e-12)
    assert cka(x, x) == pytest.approx(1, abs=1e-12)
    assert cka(x, 3 * x @ rotation + 7) == pytest.approx(1, abs=1e-9)
    assert abs(cka(x * np.r_[20, np.ones(11)], y) - here) > 0.05  # not to a general linear map
    assert abs(cka(x[order], y) - here) > 0.05


@pytest.mark.parametrize("n", [8, 16, 32, 64])
def test_mean_near_zero_for_independent_inputs(n):
    draw = np.random.default_rng(n)
    values = np.array([cka(draw.normal(size=(n, 20)), draw.normal(size=(n, 30))) for _ in range(400)])
    assert abs(values.mean()) < 4 * values.std() / 20
    assert values.std() < 1


def test_batches_are_as_unbiased():
    """A mean over random batches has the U-statistic of all rows as its expectation: the parts of CKA, by their own."""
    draw = np.random.default_rng(2)
    x = draw.standard_normal((60, 3))
    y = x @ draw.standard_normal((3, 4)) + draw.standard_normal((60, 4))
    whole = cka(x, y)
    assert cka(x, y, max_rows=60) == whole
    values = np.array([cka(x, y, max_rows=20, seed=seed) for seed in range(400)])
    assert len(np.unique(values)) == 400
    assert abs(values.mean() - whole) < 0.005  # a ratio of unbiased parts
    hsics = [
        np.mean([hsic(gram(x[rows]), gram(y[rows])) for rows in np.array_split(draw.permutation(60), 3)])
        for _ in range(400)
    ]
    assert abs(np.mean(hsics) - hsic(gram(x), gram(y))) < 4 * np.std(hsics) / 20


@pytest.mark.parametrize("n", [9, 16, 17, 23])
def test_no_batch_is_too_small(n):
    x = np.random.default_rng(n).standard_normal((n, 50))
    assert cka(x, 2 * x + 1, max_rows=8) == pytest.approx(1)


def test_refuses():
    x = np.random.default_rng(0).normal(size=(10, 3))
    with pytest.raises(ValueError, match="CKA needs at least 4 rows, got 3"):
        cka(x[:3], x[:3])
    for bad in (np.nan, np.inf):
        broken = x.copy()
        broken[2, 1] = bad
        with pytest.raises(ValueError, match="NaN or infinite"):
            cka(broken, x)
    with pytest.raises(ValueError, match="the same rows, got 10 and 9"):
        cka(x, x[:9])
    with pytest.raises(ValueError, match=r"got \(10, 10\) and \(9, 9\)"):
        hsic(gram(x), gram(x[:9]))
    with pytest.raises(ValueError, match="max_rows must be at least 8, got 7"):
        cka(x, x, max_rows=7)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("value", [0, 0.1, 0.3, 7.7, 1000, -1e6])
def test_a_constant_layer_is_undefined(value, dtype):
    constant = np.full((51, 13), value, dtype)
    other = np.random.default_rng(0).normal(size=(51, 4)).astype(dtype)
    for left, right in ((constant, other), (other, constant), (constant, constant)):
        with pytest.warns(UserWarning, match="CKA is undefined.*constant layer"):
            assert np.isnan(cka(left, right))


def test_float32_is_precise():
    for offset in (0, 5, 100):
        x, y = (a.astype(np.float32) for a in related(200, 30, 20, 3))
        assert cka(x + np.float32(offset), y) == pytest.approx(cka(x.astype(float), y.astype(float)), abs=1e-5)


# ------------------------------------------------------------------------------------------ segments and subsamples


def test_a_segment_is_a_sub_block():
    layers = [related(60, 8, width, seed)[1] for seed, width in ((0, 5), (1, 7), (2, 4))]
    grams, rows = [gram(layer) for layer in layers], np.flatnonzero(np.arange(60) % 3 != 1)
    for chosen in (None, rows, rows[::-1]):
        part = slice(None) if chosen is None else chosen
        direct = [[cka(a[part], b[part]) for b in layers[:2]] for a in layers]
        np.testing.assert_allclose(cka_table(grams, grams[:2], chosen), direct, atol=1e-9)


def test_subsamples_at_once():
    x, y = related(40, 6, 5, 4)
    weights = half_samples(40, 30, np.random.default_rng(5))
    direct = [cka(x[w == 1], y[w == 1]) for w in weights.T]
    np.testing.assert_allclose(cka_subsamples(gram(x), gram(y), weights), direct, atol=1e-9)
    single = [gram(a.astype(np.float32)) for a in (x, y)]
    np.testing.assert_allclose(cka_subsamples(*single, weights), direct, atol=1e-4)


def test_subsamples_of_many_layers():
    """More rows than a chunk holds, float32 as in the study: each value is that of its pair alone."""
    layers = [related(300, 8, width, seed)[1].astype(np.float32) for seed, width in ((0, 5), (1, 7), (2, 4))]
    grams, weights = [gram(layer) for layer in layers], half_samples(300, 7, np.random.default_rng(0))
    table = subsample_table(grams, grams[1:], weights)
    assert table.shape == (3, 2, 7)
    direct = [
        [[cka(a[w == 1].astype(float), b[w == 1].astype(float)) for w in weights.T] for b in layers[1:]] for a in layers
    ]
    np.testing.assert_allclose(table, direct, atol=1e-4)


def test_subsamples_refuse_repeated_rows_and_too_few():
    k = gram(np.random.default_rng(0).normal(size=(10, 3)))
    for count in (2, 0.5, -1):
        weights = np.ones((10, 2))
        weights[3, 1] = count
        with pytest.raises(ValueError, match="repeated rows"):
            cka_subsamples(k, k, weights)
    with pytest.raises(ValueError, match="at least 4 rows"):
        cka_subsamples(k, k, (np.arange(10) < 3).astype(float)[:, None])


def test_an_undefined_subsample_is_nan():
    x = np.zeros((20, 2))
    x[10:] = np.random.default_rng(0).normal(size=(10, 2)) + 1
    weights = np.stack([np.arange(20) < 10, np.arange(20) >= 10], axis=1).astype(float)
    k = gram(x)
    k[:10, :10] = 0
    found = cka_subsamples(k, k, weights)
    assert np.isnan(found[0])
    assert found[1] == pytest.approx(1)


@pytest.mark.parametrize("n", [8, 9, 101])
def test_half_samples(n):
    weights = half_samples(n, 500, np.random.default_rng(0))
    assert weights.shape == (n, 500)
    assert set(np.unique(weights)) == {0, 1}
    assert (weights.sum(axis=0) == n // 2).all()
    share = n // 2 / n
    np.testing.assert_allclose(weights.mean(axis=1), share, atol=4.5 * (share * (1 - share) / 500) ** 0.5)
    np.testing.assert_array_equal(weights, half_samples(n, 500, np.random.default_rng(0)))


def test_half_sample_interval_by_hand(monkeypatch):
    monkeypatch.setattr("fairlib.inference.LEVEL", 0.9)
    draws = np.r_[np.linspace(0.4, 0.6, 101), np.nan]
    assert half_sample_interval(0.7, draws) == pytest.approx((0.61, 0.79))
    assert all(np.isnan(half_sample_interval(0.7, draws[:19])))


@pytest.mark.parametrize("n", [60, 150])
def test_half_sample_interval_covers_the_truth(n):
    """X ~ N(0, I), Y = XA + noise: CKA of the population is ‖Σxy‖² / (‖Σxx‖ ‖Σyy‖), Frobenius norms."""
    draw, covered = np.random.default_rng(6), 0
    mix = draw.normal(size=(6, 5)) / 2
    norms = [np.linalg.norm(a) for a in (mix, np.eye(6), mix.T @ mix + np.eye(5))]
    truth = norms[0] ** 2 / (norms[1] * norms[2])
    assert 0.2 < truth < 0.8
    for _ in range(200):
        x = draw.normal(size=(n, 6))
        k, l = gram(x), gram(x @ mix + draw.normal(size=(n, 5)))  # noqa: E741
        halves = cka_subsamples(k, l, half_samples(n, 200, draw))
        low, high = half_sample_interval(cka_table([k], [l])[0, 0], halves)
        covered += low <= truth <= high
    assert 180 <= covered <= 196  # 90 to 98 %


# ---------------------------------------------------------------------------------------------- one window a person


def test_one_window_of_each_person():
    person = np.random.default_rng(0).integers(0, 50, 400)
    rows = one_window_each(person, seed=1)
    assert sorted(person[rows]) == sorted(set(person))
    assert (np.diff(rows) > 0).all()
    np.testing.assert_array_equal(rows, one_window_each(person, seed=1))
    for other in (one_window_each(person, seed=2), one_window_each(person, seed=1, draw=1)):
        assert len(other) == 50
        assert 25 < (other != rows).sum() <= 50
    many = one_window_each(np.repeat(np.arange(2000), 4), seed=0) % 4
    np.testing.assert_allclose(np.bincount(many) / 2000, 0.25, atol=0.05)  # each window is as likely


def test_the_choice_for_a_person_depends_on_nobody_else():
    person = np.repeat(["a", "b", "c", "d", "e", "f", "g", "h"], 7)
    chosen = dict(zip("abcdefgh", one_window_each(person, seed=0) % 7, strict=True))
    for others in ("bcdefgh", "hgb", "e"):
        alone = np.repeat(list(others), 7)
        rows = one_window_each(alone, seed=0)
        assert {alone[row]: row % 7 for row in rows} == {who: chosen[who] for who in others}
