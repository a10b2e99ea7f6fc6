"""Lazy windows: overlapping windows are cut from the epochs they share when they are asked for, and never stored; and
some windows of an array, gathered when they are asked for."""

import hashlib
from collections.abc import Sequence
from numbers import Integral

import numpy as np
from numpy.lib.stride_tricks import as_strided


class SomeRows:
    """Some rows of an array (n, …), gathered when asked for: a split of a large array without a copy of it."""

    def __init__(self, x: np.ndarray, rows: np.ndarray):
        self._x, self._rows, self.dtype = x, np.asarray(rows), x.dtype
        self.shape = (len(self._rows), *x.shape[1:])

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, key) -> np.ndarray:
        return self._x[self._rows[key]]


class LazyWindows:
    """Windows (n, timesteps, channels) over ``epochs``; indexing gathers some of them into a new float32 array.

    Stands in for an array as ``Cohort.x`` and ``finetuning.Windows.x``: ``x[7]`` is one window, ``x[rows]`` (a slice,
    whole numbers, or a boolean mask) a batch of them. Neighbouring windows share all but one epoch, so n windows need
    little more memory than n epochs.

    Parameters
    ----------
    epochs: (m, channels) float32, finite, in time order; recordings one after the other, padding between them included.
    first: (runs,) the epoch at which the first window of each run of consecutive windows begins.
    sizes: (runs,) how many windows a run has; each begins one epoch after the one before.
    timesteps: epochs a window.
    order: the order in which a window shows its epochs, a permutation of 0 … timesteps - 1; None: as they lie.
    """

    dtype = np.dtype(np.float32)

    def __init__(
        self,
        epochs: np.ndarray,
        first: np.ndarray,
        sizes: np.ndarray,
        timesteps: int,
        order: Sequence[int] | None = None,
    ):
        epochs, first, sizes = np.ascontiguousarray(epochs, np.float32), np.asarray(first), np.asarray(sizes)
        if epochs.ndim != 2 or first.shape != sizes.shape or first.ndim != 1:
            raise ValueError(
                f"expected epochs (m, channels) and runs, got {epochs.shape}, {first.shape}, {sizes.shape}"
            )
        if len(first) and (first.min() < 0 or sizes.min() < 1 or (first + sizes - 1).max() + timesteps > len(epochs)):
            raise ValueError(f"a window of {timesteps} epochs reaches beyond the {len(epochs)} epochs there are")
        if order is not None and sorted(order) != list(range(timesteps)):
            raise ValueError(f"order must hold each of 0 to {timesteps - 1} once")
        if not np.isfinite(epochs.sum(dtype=np.float64)):  # without a mask as long as the epochs
            raise ValueError("epochs hold NaN or infinite values; impute or mark them before windows are cut")
        self._epochs, self._first, self._order = epochs, first.astype(np.int64), order
        self._bounds = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        self.shape = (int(self._bounds[-1]), timesteps, epochs.shape[1])

    @classmethod
    def centred(
        cls,
        recordings: Sequence[np.ndarray],
        timesteps: int,
        padding: float,
        order: Sequence[int] | None = None,
    ) -> "LazyWindows":
        """One window an epoch, which lies in its middle; beyond the ends of its recording all channels are ``padding``.

        ``recordings``: one array (length, channels) a participant; ``timesteps``: odd. Windows are in their order.
        """
        if timesteps % 2 == 0:
            raise ValueError(f"a window with an epoch in its middle has an odd number of epochs, got {timesteps}")
        sizes = np.array([len(recording) for recording in recordings])
        first = np.cumsum(sizes + timesteps - 1) - (sizes + timesteps - 1)
        epochs = np.full((int((sizes + timesteps - 1).sum()), recordings[0].shape[1]), padding, dtype=np.float32)
        for recording, start in zip(recordings, first + timesteps // 2, strict=True):
            epochs[start : start + len(recording)] = recording
        return cls(epochs, first, sizes, timesteps, order)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key) -> np.ndarray:
        """One window (timesteps, channels), or several (k, timesteps, channels); always a copy."""
        if isinstance(key, Integral):
            return self[[key]][0]
        starts, (_, timesteps, channels) = self._starts(key), self.shape
        size = self._epochs.itemsize
        # As overlapping rows of timesteps x channels numbers, so that a window is copied in one piece.
        last = len(self._epochs) - timesteps
        rows = as_strided(self._epochs, (last + 1, timesteps * channels), (channels * size, size), writeable=False)
        windows = rows[starts].reshape(len(starts), timesteps, channels)
        return windows if self._order is None else np.take(windows, self._order, axis=1)

    def select(self, rows) -> "LazyWindows":
        """Lazy windows of these rows, in this order, over the same epochs; keeps two numbers a run of rows."""
        starts = self._starts(rows)
        begins = np.flatnonzero(np.diff(starts, prepend=-2) != 1)  # a run ends where the next window is not the next
        chosen = object.__new__(LazyWindows)
        chosen._epochs, chosen._order, chosen._first = self._epochs, self._order, starts[begins]
        chosen._bounds = np.append(begins, len(starts))
        chosen.shape = (len(starts), *self.shape[1:])
        return chosen

    def digest(self) -> str:
        """SHA-256 over the epochs, where windows begin, and their order of time; walks no window."""
        digest = hashlib.sha256(repr((self.shape, None if self._order is None else list(self._order))).encode())
        for part in (self._epochs, self._first, self._bounds):
            digest.update(part)
        return digest.hexdigest()

    @property
    def nbytes(self) -> int:
        """Bytes held, the shared epochs included."""
        return self._epochs.nbytes + self._first.nbytes + self._bounds.nbytes

    def _starts(self, key) -> np.ndarray:
        """The epoch at which each of the rows begins, int64; raises ``IndexError`` as an array does."""
        n = len(self)
        if isinstance(key, slice):
            rows = np.arange(*key.indices(n))
        else:
            rows = np.asarray(key)
            if rows.dtype == bool:
                if rows.shape != (n,):
                    raise IndexError(f"a mask of {n} windows must have shape ({n},), got {rows.shape}")
                rows = np.flatnonzero(rows)
            if rows.ndim != 1 or (rows.size and rows.dtype.kind not in "iu"):
                raise IndexError(f"rows must be a slice, a list of whole numbers or a mask, got {key!r}")
            if rows.size and not -n <= rows.min() <= rows.max() < n:
                raise IndexError(f"rows {rows.min()} to {rows.max()} asked for, there are {n} windows")
            rows = np.where(rows < 0, rows + n, rows).astype(np.int64)
        run = np.searchsorted(self._bounds, rows, side="right") - 1
        return self._first[run] + rows - self._bounds[run]


def rows_of(x, rows: np.ndarray) -> SomeRows | LazyWindows:
    """Windows of these rows, gathered batch by batch: a copy of a whole split may not fit into memory."""
    return x.select(rows) if hasattr(x, "select") else SomeRows(x, rows)
