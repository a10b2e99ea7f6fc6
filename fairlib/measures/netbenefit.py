"""Decision curves by segment: what a model is worth to those who act on it, at each risk from which on they might act.

A person who acts at a risk of p takes one true alarm to be worth (1 − p)/p false ones. Net benefit is the share of true
alarms minus that of false ones at this exchange rate (Vickers and Elkin 2006); to flag no one is worth 0. A model can
be worth less to a segment than flagging everyone in it, or no one, whatever its ratios say.
"""

from functools import partial

import numpy as np
import pandas as pd

from .cells import cells
from .evidence import Evidence, divide
from .measured import Measured, measured

STEP = 0.01  # from one threshold to the next
ALL, NONE = "flag everyone", "flag no one"
KEYS = ["attribute", "segment", "model", "minus", "threshold"]


def grid(lowest: float, highest: float) -> np.ndarray:
    """The thresholds of a card's range, both ends among them, ``STEP`` apart."""
    return np.round(np.arange(lowest, highest + STEP / 2, STEP), 4)


def net_benefit(evidence: Evidence, model: str, group: tuple[str, str], thresholds: np.ndarray) -> list[Measured]:
    """TP/n − FP/n · p/(1 − p) of the decisions ``risk >= p`` in one group, for each threshold p.

    model: whose out-of-fold risks, recalibrated inside the fold, are meant; ``ALL`` and ``NONE`` decide without one.
    Counts are pooled over the folds of a repeat; mean over repeats.
    """
    everyone = np.ones_like(evidence.of.fold, dtype=np.float32)
    risk = (evidence.of.risk | {ALL: everyone, NONE: 0 * everyone})[model]
    counts = cells(evidence, evidence.members[group], lambda repeat, rows: risk[repeat, rows, None] >= thresholds)

    def at(odds: float, tp, fn, fp, tn):
        return divide(tp - odds * fp, tp + fn + fp + tn)

    odds = thresholds / (1 - thresholds)
    return [measured(partial(at, own), *counts[..., place]) for place, own in enumerate(odds)]


def curves(evidence: Evidence, models: list[str], reference: str = "supervised") -> pd.DataFrame:
    """Decision curves over the thresholds of the card: columns ``KEYS`` and those of ``Measured.columns``.

    A row per group of the evidence, model and threshold, and rows of ``ALL`` and ``NONE``. ``minus`` is "" for a net
    benefit, and ``reference`` for its difference to that of the reference, paired over people and runs. Restricted data
    have no curves: from one threshold to the next single people change sides.
    """
    thresholds, rows = grid(*evidence.of.card.thresholds), []
    if evidence.of.card.access == "restricted":
        return pd.DataFrame(columns=KEYS)
    for group in evidence.members:
        found = {name: net_benefit(evidence, name, group, thresholds) for name in (reference, *models, ALL, NONE)}
        curves = {(name, ""): values for name, values in found.items()}
        for name in models:
            curves[name, reference] = [one - other for one, other in zip(found[name], found[reference], strict=True)]
        for (name, minus), values in curves.items():
            keys = ((*group, name, minus, threshold) for threshold in thresholds)
            rows += [
                dict(zip(KEYS, key, strict=True)) | value.columns() for key, value in zip(keys, values, strict=True)
            ]
    return pd.DataFrame(rows)
