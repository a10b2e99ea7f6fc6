"""Lazy windows against windows cut one by one: every kind of index, selections, digest, memory, and in training."""

import copy
import time
import tracemalloc

import numpy as np
import pytest

from fairlib.finetuning import Windows, fit, scores
from fairlib.pretraining import pretrain
from fairlib.strategies import MODELS
from fairlib.windows import LazyWindows, SomeRows

STEPS = 7
BACKWARDS = (3, 2, 1, 0, 4, 5, 6)


def recordings(lengths=(12, 1, 30, 5), channels=3, seed=0):
    draw = np.random.default_rng(seed)
    return [draw.normal(size=(length, channels)).astype(np.float32) for length in lengths]


def naive(parts, timesteps=STEPS, padding=-1.0, lags=None):
    """Shift and concatenate, a participant, a channel and a lag at a time."""
    half, out = timesteps // 2, []
    for part in parts:
        window = np.full((len(part), timesteps, part.shape[1]), padding, dtype=np.float32)
        for position, lag in enumerate(range(-half, half + 1) if lags is None else lags):
            for i in range(len(part)):
                if 0 <= i + lag < len(part):
                    window[i, position] = part[i + lag]
        out.append(window)
    return np.concatenate(out)


@pytest.fixture
def lazy():
    return LazyWindows.centred(recordings(), STEPS, -1.0)


def test_every_window_equals_shift_and_concatenate(lazy):
    wanted = naive(recordings())
    assert lazy.shape == wanted.shape == (48, 7, 3)
    assert len(lazy) == 48
    assert lazy.dtype == np.float32
    np.testing.assert_array_equal(lazy[:], wanted)
    rows = np.random.default_rng(1).integers(0, 48, 100)
    np.testing.assert_array_equal(lazy[rows], wanted[rows])


def test_another_order_of_time():
    lazy = LazyWindows.centred(recordings(), STEPS, -1.0, BACKWARDS)
    np.testing.assert_array_equal(lazy[:], naive(recordings(), lags=(0, -1, -2, -3, 1, 2, 3)))
    np.testing.assert_array_equal(lazy.select([5, 40])[:], lazy[[5, 40]])
    assert lazy[:].flags.c_contiguous


@pytest.mark.parametrize(
    "key",
    [
        slice(3, 20),
        slice(40, 999),
        slice(None, None, -5),
        slice(0, 0),
        [1, 1, 47],
        [-1, 0],
        [],
        np.array([4, 12, 13], dtype=np.int32),
        np.arange(48) % 3 == 0,
        7,
        -48,
        np.int64(12),
    ],
    ids=str,
)
def test_indexing_is_that_of_an_array(lazy, key):
    wanted = naive(recordings())
    if isinstance(key, list):
        wanted = wanted[np.array(key, dtype=int)]
    else:
        wanted = wanted[key]
    found = lazy[key]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, wanted)
    if not np.isscalar(key):
        np.testing.assert_array_equal(lazy.select(key)[:], wanted)


@pytest.mark.parametrize("key", [48, [48], [-49], [0.5], np.ones(47, bool), [[1, 2]], (slice(None), -1)], ids=str)
def test_other_indices_are_refused(lazy, key):
    with pytest.raises(IndexError):
        lazy[key]


def test_what_is_gathered_is_a_copy(lazy):
    batch = lazy[0:4]
    batch[:] = 9
    assert not (lazy[0:4] == 9).any()


def test_a_selection_of_a_selection(lazy):
    wanted = naive(recordings())
    chosen = lazy.select(np.arange(10, 40)).select([0, 5, 6, 7, 29])
    np.testing.assert_array_equal(chosen[:], wanted[[10, 15, 16, 17, 39]])
    assert chosen.shape == (5, 7, 3)
    assert chosen._epochs is lazy._epochs  # no copy of the data
    np.testing.assert_array_equal(copy.deepcopy(chosen)[1:3], wanted[[15, 16]])


def test_a_selection_of_whole_recordings_keeps_two_numbers_a_run(lazy):
    rows = np.r_[0:12, 13:43]
    assert len(lazy.select(rows)._first) == 2
    assert lazy.select(np.arange(12)).nbytes - lazy._epochs.nbytes <= 3 * 8


def test_digest_tells_data_windows_and_order_apart(lazy):
    same = LazyWindows.centred(recordings(), STEPS, -1.0)
    changed = recordings()
    changed[2][17, 1] += 1e-3
    others = [
        LazyWindows.centred(changed, STEPS, -1.0),
        LazyWindows.centred(recordings((13, 0 + 1, 29, 5)), STEPS, -1.0),
        LazyWindows.centred(recordings(), STEPS, -2.0),
        LazyWindows.centred(recordings(), 5, -1.0),
        LazyWindows.centred(recordings(), STEPS, -1.0, BACKWARDS),
        lazy.select(np.arange(47)),
    ]
    assert same.digest() == lazy.digest()
    assert lazy.select(slice(None)).digest() == lazy.select(np.arange(48)).digest()
    assert len({lazy.digest(), *(other.digest() for other in others)}) == 7


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros((10, 2)), [4], [1], 7), "reaches beyond the 10 epochs"),
        ((np.zeros((10, 2)), [-1], [1], 7), "reaches beyond"),
        ((np.zeros(10), [0], [1], 7), "expected epochs"),
        ((np.full((10, 2), np.nan), [0], [1], 7), "NaN or infinite"),
        ((np.zeros((10, 2)), [0], [1], 7, (0, 0, 1, 2, 3, 4, 5)), "each of 0 to 6 once"),
    ],
)
def test_what_is_no_window_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        LazyWindows(*arguments)
    with pytest.raises(ValueError, match="odd number"):
        LazyWindows.centred(recordings(), 6, -1.0)


def test_memory_stays_within_a_fifth_more_than_the_epochs():
    lengths = np.random.default_rng(0).integers(1000, 1500, 60)
    parts = recordings(lengths, channels=5)
    raw = sum(part.nbytes for part in parts)
    tracemalloc.start()
    lazy = LazyWindows.centred(parts, 101, -1.0)
    train = lazy.select(np.arange(len(lazy))[: int(0.7 * len(lazy))])
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert lazy.nbytes == lazy._epochs.nbytes + 8 * (2 * 60 + 1)
    assert held <= 1.2 * raw
    assert len(train) * 101 * 5 * 4 > 50 * held  # what the same windows would need


def test_a_batch_of_1024_windows_takes_about_a_millisecond():
    lazy = LazyWindows.centred(recordings([1246] * 100, channels=5), 101, -1.0)
    rows = np.random.default_rng(0).integers(0, len(lazy), (30, 1024))
    best = np.inf
    for batch in rows:
        start = time.perf_counter()
        lazy[batch]
        best = min(best, time.perf_counter() - start)
    assert best < 5e-3  # 0.4 ms alone on the machine; tests share it


def test_training_on_lazy_windows_equals_training_on_arrays(tiny):
    draw = np.random.default_rng(3)
    parts = recordings([40] * 4, channels=2)
    y = (draw.random(160) < 0.5).astype(np.int8)
    lazy = LazyWindows.centred(parts, 25, -1.0)
    dense, recipe = lazy[:], tiny()
    rows, held_out = np.arange(100), np.arange(100, 160)
    results = []
    for x in (lazy, dense):
        take = x.select if x is lazy else x.__getitem__
        encoder, losses = pretrain(take(rows), recipe, 1)
        train, validation = Windows(take(rows), y[rows]), Windows(take(held_out), y[held_out])
        model, _ = fit(train, validation, MODELS["frozen_1_first"], recipe, 1, encoder)
        results.append((losses, scores(model, take(held_out))))
    np.testing.assert_array_equal(results[0][0], results[1][0])
    np.testing.assert_array_equal(results[0][1], results[1][1])


def test_some_rows_of_an_array_are_those_rows():
    x, rows = np.random.default_rng(0).normal(size=(9, 4, 2)).astype(np.float32), np.array([7, 2, 2, 5])
    some = SomeRows(x, rows)
    assert (len(some), some.shape, some.dtype) == (4, (4, 4, 2), np.float32)
    for key in (slice(1, 3), [3, 0], np.array([2]), 1):
        np.testing.assert_array_equal(some[key], x[rows][key])
