"""Gaps filled and channels scaled, with statistics of the measured training values."""

from collections.abc import Sequence

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
    for column, channel in enumerate(channels):
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
