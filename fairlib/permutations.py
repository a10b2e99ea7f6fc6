"""The gap that chance gives: segment labels are permuted among *participants*, who keep all their windows.

Among several segments, one is always served best and one worst. Their gap is compared with the gaps that appear when
labels are dealt out anew. A label goes only to somebody with the same outcomes (events, none, or both), so every
segment keeps its people, its people with an event, and so the precision of its AUC.
"""

from collections.abc import Iterator

import numpy as np

from .inference import BLOCK, weighted_auc
from .seeds import generator


def label_sources(person: np.ndarray, y: np.ndarray, draws: int, seed: int = 0) -> Iterator[np.ndarray]:
    """Blocks (≤ draws, n) of rows: row j of a draw takes the label of the row that stands there.

    The permutations depend on participants, outcomes and seed only: the same ones for every model and attribute. Whose
    label changes over time hands it on as a sequence, which is repeated or cut to the receiver's number of windows.
    """
    _, who, windows = np.unique(person, return_inverse=True, return_counts=True)
    order = np.argsort(who, kind="stable")
    start = np.cumsum(windows) - windows
    place = np.empty(len(who), dtype=np.int64)  # which of the participant's windows a row is
    place[order] = np.arange(len(who)) - np.repeat(start, windows)
    events = np.bincount(who, weights=y)
    kind = (events > 0).astype(int) + (events == windows)  # none, both, only events
    strata = [np.flatnonzero(kind == k) for k in np.unique(kind)]
    draw, donor = generator(seed, "permutations"), np.arange(len(windows))
    block = max(1, BLOCK // len(who))
    for first in range(0, draws, block):
        rows = np.empty((min(block, draws - first), len(who)), dtype=np.int64)
        for row in rows:
            for members in strata:
                donor[members] = draw.permutation(members)
            giver = donor[who]
            row[:] = order[start[giver] + place % windows[giver]]
        yield rows


def segment_gaps(
    y: np.ndarray, score: np.ndarray, person: np.ndarray, codes: list[np.ndarray], draws: int, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Largest minus smallest AUC over the segments of each attribute, and the same after each permutation.

    Parameters
    ----------
    y, score, person: (n,) labels, scores and participants.
    codes: one (n,) array an attribute: the segment's number, −1 for windows of no judged segment. They are permuted
        together, so that what attributes share stays shared.

    Returns (attributes,) and (draws, attributes); NaN where a segment has one class only.
    """

    def gap(drawn: np.ndarray, attribute: np.ndarray) -> np.ndarray:
        segments = np.unique(attribute[attribute >= 0])
        aucs = np.stack([weighted_auc(y, score, drawn == segment) for segment in segments])
        return aucs.max(axis=0) - aucs.min(axis=0)

    observed = np.array([gap(attribute[None], attribute)[0] for attribute in codes])
    null = [
        np.stack([gap(attribute[rows], attribute) for attribute in codes], axis=1)
        for rows in label_sources(person, y, draws, seed)
    ]
    return observed, np.concatenate(null)
