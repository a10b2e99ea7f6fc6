"""Gaps filled and channels scaled, with statistics of the measured training values: learned anew in every fold."""

import hashlib
from collections.abc import Sequence
from functools import cached_property

import numpy as np


def standardise(
    values: np.ndarray, train: np.ndarray, channels: Sequence[str], clip: tuple[float, float] | None = None
) -> str:
    """Impute and scale windows (n, timesteps, channels) float32 in place, NaN where nothing was measured.

    A gap takes the last value before it in its window, else the median of the measured values of the windows ``train``
    (n,); then their mean is 0 and their standard deviation 1. ``clip``: first clip everything to these quantiles of
    them. Returns the end of a note: the channels that were never measured in training, all of whose values are taken
    as deviations from 0.
    """
    step, unmeasured = np.arange(values.shape[1]), []
    for column, channel in enumerate(channels[: values.shape[2]]):
        seen = ~np.isnan(values[:, :, column])
        latest = np.maximum.accumulate(np.where(seen, step, -1), axis=1)  # -1: none yet
        known = values[train, :, column][seen[train]].astype(np.float64)
        if known.size == 0:
            unmeasured.append(channel)
            known = np.zeros(1)
        low, high = np.quantile(known, clip) if clip else (-np.inf, np.inf)
        clipped = np.clip(known, low, high)
        filled = np.take_along_axis(values[:, :, column], np.maximum(latest, 0), axis=1)
        filled = np.where(latest >= 0, np.clip(filled, low, high), np.median(known))
        values[:, :, column] = (filled - clipped.mean()) / (clipped.std() or 1.0)
    return f"; never measured in training: {', '.join(unmeasured)}" if unmeasured else ""


class Prepared:
    """Windows of one fold, imputed and scaled with its training people when they are first looked at.

    Stands in for an array as ``Cohort.x``.

    Parameters
    ----------
    measured: (n, timesteps, V) float32, NaN where nothing was measured.
    rest: (n, timesteps, R) channels that are neither imputed nor scaled, such as observation masks.
    train: (n,) boolean; channels, clip: see ``standardise``.
    """

    dtype = np.dtype(np.float32)

    def __init__(self, measured: np.ndarray, rest: np.ndarray, train: np.ndarray, channels: Sequence[str], clip):
        self._measured, self._rest, self._how = measured, rest, (train, channels, clip)
        self.shape = (*measured.shape[:2], measured.shape[2] + rest.shape[2])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key) -> np.ndarray:
        return self._values[key]

    def digest(self) -> str:
        """SHA-256 over what is measured and how it is prepared."""
        train, channels, clip = self._how
        digest = hashlib.sha256(repr((self.shape, tuple(channels), clip)).encode() + train.tobytes())
        for part in (self._measured, self._rest):
            digest.update(np.ascontiguousarray(part))
        return digest.hexdigest()

    @cached_property
    def _values(self) -> np.ndarray:
        values = self._measured.copy()
        standardise(values, *self._how)
        return np.concatenate([values, self._rest], axis=2)
