"""Decision curves by segment: what a model is worth to those who act on it, at each risk from which on they might act.

A person who acts at a risk of p takes one true alarm to be worth (1 − p)/p false ones. Net benefit is the share of true
alarms minus that of false ones at this exchange rate (Vickers and Elkin 2006); to flag no one is worth 0. A model can
be worth less to a segment than flagging everyone in it, or no one, whatever its ratios say.
"""

import numpy as np
import pandas as pd

from ..inference import seed_interval
from .thresholds import counts

#: (attribute, segment) → its windows, (n,) boolean.
Segments = dict[tuple[str, str], np.ndarray]
STEP = 0.01  # from one threshold to the next
ALL, NONE = "flag everyone", "flag no one"
COLUMNS = ["attribute", "segment", "model", "threshold", "estimate", "low", "high"]


def grid(lowest: float, highest: float) -> np.ndarray:
    """The thresholds of a card's range, both ends among them, ``STEP`` apart."""
    return np.round(np.arange(lowest, highest + STEP / 2, STEP), 4)


def net_benefit(y: np.ndarray, risk: np.ndarray, weights: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """TP/n − FP/n · p/(1 − p) of the decisions ``risk >= p`` for each threshold p: (draws, thresholds).

    y: (n,) of 0 and 1; risk: (n,) calibrated, 0 to 1; weights: (draws, n); thresholds: ascending, between 0 and 1. At
    most the event rate; NaN for a draw without anyone.
    """
    found, people = counts(y, risk, weights, thresholds), weights.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (found["tp"] - found["fp"] * thresholds / (1 - thresholds)) / people


def curves(
    y: np.ndarray, risks: dict[str, np.ndarray], groups: Segments, weights: np.ndarray, thresholds: np.ndarray
) -> pd.DataFrame:
    """Net benefit of each model in each segment, and the lines of ``ALL`` and ``NONE``, with 95 % intervals.

    Parameters
    ----------
    y: (n,) labels; risks: model → (repeats, n) out-of-fold risks, each recalibrated inside its fold.
    groups: (attribute, segment) → (n,) boolean; weights: (draws, n) participant draws.

    Returns ``COLUMNS``, a row per segment, model and threshold. Intervals are over participants and repeats
    (``inference.seed_interval``).
    """
    lines = {ALL: np.ones((1, len(y))), NONE: np.zeros((1, len(y)))}
    return _table(_drawn(y, risks | lines, groups, weights, thresholds), thresholds)


def gains(
    y: np.ndarray,
    risks: dict[str, np.ndarray],
    groups: Segments,
    weights: np.ndarray,
    thresholds: np.ndarray,
    reference: str = "supervised",
) -> pd.DataFrame:
    """Net benefit of each model minus that of the ``reference``, paired over people and repeats; as ``curves``."""
    found = _drawn(y, risks, groups, weights, thresholds)
    pairs = {key: values - found[*key[:2], reference] for key, values in found.items() if key[2] != reference}
    return _table(pairs, thresholds)


def _drawn(y, risks, groups, weights, thresholds) -> dict[tuple[str, str, str], np.ndarray]:
    """(attribute, segment, model) → net benefit (repeats, 1 + draws, thresholds), that of the data itself first."""
    weights = np.vstack([np.ones((1, len(y)), dtype=weights.dtype), weights])
    return {
        (*group, model): np.stack([net_benefit(y[own], risk[own], weights[:, own], thresholds) for risk in repeats])
        for group, own in groups.items()
        for model, repeats in risks.items()
    }


def _table(found: dict[tuple[str, str, str], np.ndarray], thresholds: np.ndarray) -> pd.DataFrame:
    rows = [
        (*key, threshold, *seed_interval(values[:, 0, place], values[:, 1:, place]))
        for key, values in found.items()
        for place, threshold in enumerate(thresholds)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)
