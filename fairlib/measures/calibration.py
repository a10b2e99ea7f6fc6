"""Calibration by segment: does the same predicted risk mean the same observed rate in every segment?

Scores are mapped to risks first (``recalibration``), by one logistic curve for everyone that is fitted on *validation*
people; what is left on test people is shown segment by segment.
"""

import numpy as np
import pandas as pd

from ..inference import central
from . import group_sizes
from .evaluated import Evaluated
from .recalibration import offset, recalibrate, recalibrated

BINS = 10


def bins(risk: np.ndarray, y: np.ndarray, person: np.ndarray, minimum: int, count: int = BINS) -> np.ndarray:
    """The bin of each window (n,), numbered from the lowest risk: equal shares, merged until each may be shown.

    From the highest risk down, a bin takes in its lower neighbour until ``minimum`` people with and without an event
    are in it; what is left over at the low end joins the last bin. Without anything to merge the bins are those of
    ``sklearn.calibration.calibration_curve(strategy="quantile")``.
    """
    edges = np.quantile(risk, np.linspace(0, 1, count + 1))
    found = np.searchsorted(edges[1:-1], risk)
    merged, start = np.full(len(risk), -1), count
    number = 0
    for n in np.unique(found)[::-1]:
        chosen = (found >= n) & (found < start)
        if min(len(np.unique(person[chosen & (y == label)])) for label in (0, 1)) >= minimum:
            merged[chosen], start, number = number, n, number + 1
    merged[merged < 0] = max(number - 1, 0)
    return merged.max() - merged


def risks(of: Evaluated) -> np.ndarray:
    """(test windows,) risks of a model: its scores after recalibration on validation windows."""
    if of.risk is not None:
        return of.risk
    return recalibrated(of.s, *recalibrate(of.score[of.cohort.rows("val")], of.held["y"].to_numpy()))


def in_the_large(of: Evaluated) -> pd.DataFrame:
    """Calibration-in-the-large: mean predicted minus observed risk of each group, with its participant replicates.

    Returns the columns of ``performance.TABLE``. Values of real people keep three decimals, so that no difference
    between groups gives a single person's risk.
    """
    return offsets(risks(of), of.frame, of.weights, of.groups, of.rule)


def curve(of: Evaluated) -> pd.DataFrame:
    """Predicted and observed risk per bin of each group; see ``table``."""
    return table(risks(of), of.frame, of.weights, of.groups, of.rule, of.cohort.card.min_cell)


def offsets(risk: np.ndarray, frame: pd.DataFrame, weights: np.ndarray, groups: dict, rule: str) -> pd.DataFrame:
    """``in_the_large`` of any risks; arguments as in ``table``."""
    y, records = frame["y"].to_numpy(), []
    digits = 7 if rule == "synthetic" else 3
    for (attribute, segment), chosen in groups.items():
        off, drawn = float((risk[chosen] - y[chosen]).mean()), offset(y, risk, chosen, weights)
        record = {"scope": "calibration", "attribute": attribute, "segment": segment}
        record |= {"metric": "predicted_minus_observed", "estimate": round(off, digits)}
        record |= group_sizes.size(frame[chosen]) | {"note": ""}
        records.append(record | {"replicates": np.float32(np.round(drawn, digits))})
    return pd.DataFrame(records)


def table(
    risk: np.ndarray, frame: pd.DataFrame, weights: np.ndarray, groups: dict, rule: str, minimum: int
) -> pd.DataFrame:
    """Predicted and observed risk per bin of each group.

    Parameters
    ----------
    risk: (n,) recalibrated risks of test windows; frame: person, y of each.
    weights: (draws, n) participant draws, for the interval of the observed rate.
    groups: (attribute, segment) → boolean (n,), of groups that are reportable.

    Returns columns attribute, segment, bin, predicted, observed, low, high, people, windows, events. Predicted risks of
    real people are rounded to two decimals, so that no difference of means gives a single person's risk.
    """
    y, person, records = frame["y"].to_numpy(), frame["person"].to_numpy(), []
    for (attribute, segment), chosen in groups.items():
        rows = np.flatnonzero(chosen)
        number = bins(risk[rows], y[rows], person[rows], minimum)
        for bin_ in range(number.max() + 1):
            own = rows[number == bin_]
            drawn = weights[:, own]
            with np.errstate(invalid="ignore", divide="ignore"):
                low, high = central(drawn @ y[own].astype(np.float32) / drawn.sum(axis=1))
            predicted = float(risk[own].mean())
            record = {"attribute": attribute, "segment": segment, "bin": bin_}
            record["predicted"] = predicted if rule == "synthetic" else round(predicted, 2)
            record |= {"observed": float(y[own].mean()), "low": float(low), "high": float(high)}
            records.append(record | group_sizes.size(frame.iloc[own]))
    return pd.DataFrame(records)
