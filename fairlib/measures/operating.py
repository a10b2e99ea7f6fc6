"""Operating points: how scores become decisions, in every bootstrap draw in the same way.

At a fixed *alert rate* a share of the people of each test fold is flagged, those with the highest scores. This is a
capacity rule: it uses no label, and two models flag equally many, so their errors can be compared. Thresholds chosen on
validation people realise a rate of their own, which differs between models and is therefore printed.
"""

from typing import Literal, NamedTuple

import numpy as np
import pandas as pd


class Point(NamedTuple):
    """One way to decide.

    kind, value: the share of people flagged; the share of events flagged; or the threshold itself (score ≥ value).
    validation: the threshold that realises it was chosen on validation people; else it is met within each test fold.
    """

    kind: Literal["alert rate", "sensitivity", "threshold"]
    value: float
    validation: bool = False

    @property
    def name(self) -> str:
        """As tables call it, e.g. ``alert rate 0.20`` or ``sensitivity 0.80, validation``."""
        return f"{self.kind} {self.value:.2f}{', validation' if self.validation else ''}"


PRIMARY = Point("alert rate", 0.20)
SENSITIVE = Point("sensitivity", 0.80)
PUBLISHED = Point("threshold", 0.5)
#: The protocol's further points: other alert rates, sensitivity, and thresholds from validation people.
SECONDARY = (Point("alert rate", 0.10), Point("alert rate", 0.30), SENSITIVE)
CHOSEN = (PRIMARY._replace(validation=True), SENSITIVE._replace(validation=True))
POINTS = (PRIMARY, *SECONDARY, *CHOSEN, PUBLISHED)


def ranking(score: np.ndarray, ties: np.ndarray) -> np.ndarray:
    """Rows (m,) from the highest score to the lowest; ``ties`` (m,), a fixed random order, decides between equals."""
    return np.lexsort((ties, -score.astype(np.float64)))


def flagged(point: Point, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Flagged weight of each row of one test fold, (draws, m), at a rate that is met within the fold.

    Parameters
    ----------
    y: (m,) labels of the rows, in the order of ``ranking``.
    weights: (draws, m) how often each draw takes a row.

    A draw takes a row k times as if there were k such people. Rows are flagged from the top until the flagged weight is
    ``value`` times all weight (of all events, for a sensitivity). The row on the boundary counts in part, as a
    randomised decision does in expectation, so that the rate is met exactly and without rounding.
    """
    counted = weights if point.kind == "alert rate" else weights * (y == 1)
    total = np.cumsum(counted, axis=1, dtype=np.float32)
    # What is still to be flagged when a row's turn comes; the small term keeps rounding from asking for one more.
    left = (point.value * total[:, -1:].astype(np.float64) - 1e-6).astype(np.float32) - (total - counted)
    if point.kind == "alert rate":
        return np.clip(left, 0, weights)
    return np.where(y == 1, np.clip(left, 0, weights), weights * (left > 0))


def thresholds(y: np.ndarray, score: np.ndarray, points: tuple[Point, ...] = CHOSEN) -> pd.DataFrame:
    """Thresholds from validation people, columns point and threshold: decisions are ``score >= threshold``.

    y, score: (n,). For an alert rate q the threshold is the score of the q·n-th person from the top, for a sensitivity
    that of the event with that rank among events; ranks are rounded to the nearest, halves up, and at least 1.
    """
    records = []
    for point in points:
        own = np.sort(score if point.kind == "alert rate" else score[y == 1])[::-1]
        if not len(own):
            raise ValueError(f"no event among {len(y)} validation people: no threshold has a sensitivity")
        rank = max(1, int(np.floor(point.value * len(own) + 0.5)))
        records.append((point._replace(validation=False).name, float(own[rank - 1])))
    return pd.DataFrame(records, columns=["point", "threshold"])


def threshold_of(point: Point, cut: pd.DataFrame | None, repeat: int, fold: int) -> float:
    """The threshold of a run: the point's own, or the one in ``cut``; raises ``KeyError`` where there is none."""
    if point.kind == "threshold":
        return point.value
    name = point._replace(validation=False).name
    if cut is not None:
        own = cut[(cut["repeat"] == repeat) & (cut["fold"] == fold) & (cut["point"] == name)]
        if len(own) == 1:
            return float(own["threshold"].iloc[0])
    raise KeyError(f"no threshold from validation people for {name!r} in fold {fold} of repeat {repeat}")
