"""What moving the decision threshold does: rates of each segment, and metrics between segments, on a fixed grid.

For looking, on twins and open data. A threshold is chosen on validation people, never by what test people show.
"""

import numpy as np
import pandas as pd

from ..fairness import GROUP_RATES, METRICS, ratios
from ..inference import central
from . import group_sizes
from .evaluated import Evaluated

GRID = np.round(np.arange(0.025, 0.99, 0.025), 3)
COLUMNS = ["scope", "attribute", "segment", "metric", "threshold", "estimate", "low", "high"]


def counts(y: np.ndarray, score: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    """tp, fp, tn, fn of the decisions ``score >= t`` for each t of ``GRID``: (draws, thresholds).

    y, score: (n,); weights: (draws, n). Each window is sorted into the grid once, so the thresholds cost one pass.
    """
    place = np.searchsorted(GRID, score, side="right")  # so many thresholds flag it
    out = {}
    for label, flagged, left in ((1, "tp", "fn"), (0, "fp", "tn")):
        binned = np.zeros((len(y), len(GRID) + 1), dtype=weights.dtype)
        chosen = y == label
        binned[np.flatnonzero(chosen), place[chosen]] = 1
        below = np.cumsum(weights @ binned, axis=1)  # of windows that at most so many thresholds flag
        out[left], out[flagged] = below[:, :-1], below[:, -1:] - below[:, :-1]
    return out


def at_thresholds(of: Evaluated) -> pd.DataFrame:
    """Rates of everybody and of reportable segments, and all metrics between segments, at each threshold of ``GRID``.

    Returns the columns ``COLUMNS``, with participant intervals. Restricted data have none of it: from one
    threshold to the next, single people change sides. In open data a value is missing where fewer than ``min_cell``
    people of a group are flagged, or are not.
    """
    if of.rule == "restricted":
        return pd.DataFrame(columns=COLUMNS)
    y, score, weights, frame, card = of.y, of.s, of.weights, of.frame, of.cohort.card
    least = 1 if of.rule == "synthetic" else card.min_cell
    everyone = np.vstack([np.ones((1, len(y)), dtype=weights.dtype), weights])  # the data itself, then its draws

    def counted(chosen: np.ndarray) -> dict[str, np.ndarray]:
        return counts(y[chosen], score[chosen], everyone[:, chosen])

    parts = []
    for (attribute, segment), chosen in of.groups.items():
        found = counted(chosen)
        enough = _enough(frame, score, chosen, least)
        for name, rate in GROUP_RATES.items():
            parts.append(_rows("segment", attribute, segment, name, rate.of(found), enough))
    for attribute in dict.fromkeys(name for name, _ in of.groups if name in card.attributes):
        base = card.attributes[attribute].privileged
        privileged = (frame[attribute] == base).to_numpy()
        others = (frame[attribute].notna() & (frame[attribute] != base)).to_numpy()
        if (attribute, base) not in of.groups or group_sizes.too_few(frame[others], card.min_cell):
            continue
        found = ratios(counted(others), counted(privileged))
        enough = _enough(frame, score, others, least) & _enough(frame, score, privileged, least)
        label = "unprivileged / privileged"
        parts += [_rows("ratio", attribute, label, metric, found[metric], enough) for metric in METRICS]
    return pd.concat(parts, ignore_index=True)[COLUMNS]


def _enough(frame: pd.DataFrame, score: np.ndarray, chosen: np.ndarray, least: int) -> np.ndarray:
    """(thresholds,) whether at least so many people of a group have a flagged window, and one that is not."""
    place = pd.Series(np.searchsorted(GRID, score[chosen], side="right")).groupby(frame["person"].to_numpy()[chosen])
    highest, lowest, steps = place.max().to_numpy(), place.min().to_numpy(), np.arange(len(GRID))
    return ((highest[:, None] > steps).sum(axis=0) >= least) & ((lowest[:, None] <= steps).sum(axis=0) >= least)


def _rows(scope, attribute, segment, metric, values: np.ndarray, enough: np.ndarray) -> pd.DataFrame:
    """values: (1 + draws, thresholds), the data first."""
    drawn = values[1:]
    shown = enough & (np.isfinite(drawn).mean(axis=0) > 0.5)
    ends = np.full((2, len(GRID)), np.nan)
    ends[:, shown] = central(drawn[:, shown], axis=0)
    estimate = np.where(enough, values[0], np.nan)
    row = {"scope": scope, "attribute": attribute, "segment": segment, "metric": metric, "threshold": GRID}
    rounded = [np.float32(np.round(part, 4)) for part in (estimate, *ends)]
    return pd.DataFrame(row | dict(zip(("estimate", "low", "high"), rounded, strict=True)))
