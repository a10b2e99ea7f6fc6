"""GLOBEM's channels and windows: names in the platform's order, 28 days ending on the label, imputed and normalised.

Facts: the GLOBEM platform's data preparation (github.com/UW-EXP/GLOBEM, Apache-2.0; Xu et al., PACM IMWUT 2022;6:190),
as written down in ``FORMAT.md`` beside the authors' sample; feature names are in ``globem_channels.json``.
"""

import numpy as np
import pandas as pd

from .files import facts

TYPES = facts("globem_channels.json")["types"]
#: Feature type → the file of its sensor.
FILES = {kind["type"]: kind["file"] for kind in TYPES}
SEGMENTS = ("morning", "afternoon", "evening", "night", "allday")
DAYS = 28
#: Windows prepared at once: bounds the memory beside the result.
BLOCK = 64


def channels() -> tuple[str, ...]:
    """Names of the 1390 channels in order.

    Segment outermost, then type, then feature in file order: ``type:feature:segment``; then all of them again as
    ``type:feature_norm:segment``, which the provider normalised by participant.

    >>> len(channels())
    1390
    """
    parts = [(kind["type"], feature, segment) for segment in SEGMENTS for kind in TYPES for feature in kind["features"]]
    return tuple(f"{kind}:{feature}{form}:{segment}" for form in ("", "_norm") for kind, feature, segment in parts)


def window_rows(pid: np.ndarray, day: np.ndarray, label_pid: np.ndarray, label_day: np.ndarray) -> np.ndarray:
    """(n, 28) row number of each day of each label's window, time ascending, the label's own day last; -1: no such row.

    pid, day: (rows,) participant and datetime64[D] of the feature rows. label_pid, label_day: (n,) of the labels.
    """
    wanted = label_day[:, None] - np.arange(DAYS - 1, -1, -1)
    keys = pd.MultiIndex.from_arrays([np.repeat(label_pid, DAYS), wanted.ravel()])
    return pd.MultiIndex.from_arrays([pid, day]).get_indexer(keys).reshape(-1, DAYS)


def fill(out: np.ndarray, values: np.ndarray, rows: np.ndarray) -> int:
    """Write the windows of ``rows`` (n, 28) of ``values`` (its last row NaN) into ``out`` (n, 28, channels) float32.

    Returns how many of their values were missing.
    """
    missing = 0
    for start in range(0, len(rows), BLOCK):
        windows = values[rows[start : start + BLOCK]]
        missing += int(np.isnan(windows).sum())
        impute(windows)
        plain = windows[:, :, : windows.shape[2] // 2]  # the second half is normalised by participant already
        plain[:] = normalise(plain, axis=1)
        out[start : start + BLOCK] = windows
    return missing


def impute(windows: np.ndarray) -> None:
    """Fill gaps of (n, 28, channels) in place, each window and channel by itself.

    A gap takes the median of the known days; 0 where there is none (the platform's rule).
    """
    known = ~np.isnan(windows)
    ordered, count = np.sort(windows, axis=1), known.sum(axis=1, keepdims=True)  # NaN sorts to the end
    middle = [np.take_along_axis(ordered, np.maximum(at, 0), axis=1) for at in ((count - 1) // 2, count // 2)]
    value = np.where(count > 0, (middle[0] + middle[1]) / 2, 0.0)
    np.copyto(windows, value, where=~known)


def normalise(values: np.ndarray, axis: int) -> np.ndarray:
    """(x - median) / (95th - 5th percentile + 1e-9) along an axis, clipped to [-2, 2]; no NaN allowed."""
    low, middle, high = np.percentile(values, [5, 50, 95], axis=axis, keepdims=True)
    return np.clip((values - middle) / (high - low + 1e-9), -2, 2)
