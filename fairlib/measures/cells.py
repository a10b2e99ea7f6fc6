"""Confusion counts of each run for any decisions, also randomised ones, in the form that ``measured`` takes."""

from collections.abc import Callable

import numpy as np

from .evidence import Evidence


def cells(evidence: Evidence, chosen: np.ndarray, decide: Callable[[int, np.ndarray], np.ndarray]) -> np.ndarray:
    """tp, fn, fp and tn of a group, (4, repeats, folds, 1 + draws, k).

    chosen: (n,) boolean. decide: (repeat, rows (m,)) → k decisions per window, (m, k): 0, 1, or a probability, with
    which a window counts on both sides.
    """
    parts = []
    for repeat, _, rows in evidence.of.runs():
        rows = rows[chosen[rows]]
        yes, y = decide(repeat, rows), evidence.of.y[rows][:, None]
        each = (y * yes, y * (1 - yes), (1 - y) * yes, (1 - y) * (1 - yes))
        parts.append([evidence.total(rows, own) for own in each])
    parts = np.moveaxis(np.array(parts), 1, 0)
    return parts.reshape(4, evidence.of.repeats, evidence.of.folds, *parts.shape[2:])
