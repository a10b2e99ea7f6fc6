"""Intersections of two protected attributes: people can be served worse as, say, older women, though neither older
people nor women are."""

from collections.abc import Iterator
from itertools import combinations, product

import numpy as np
import pandas as pd

from ..cards import UNKNOWN, Card
from ..cohort import Cohort
from . import group_sizes

BETWEEN = " × "


def intersections(frame: pd.DataFrame, card: Card, rule: str) -> Iterator[tuple[str, str, np.ndarray, str]]:
    """Every pair of segments of two protected attributes: attribute pair, segment pair, boolean (n,), and why its
    numbers are suppressed or not reportable ("" if they are shown).

    Restricted data: rows and columns of such a table add up to segments that are shown elsewhere, so one suppressed
    count could be recomputed. A pair with a small count, unknown people included, is suppressed as a whole.
    """
    segments = {name: [*card.attributes[name].segments, UNKNOWN] for name in card.protected()}
    inside = {name: {segment: _is(frame[name], segment) for segment in segments[name]} for name in segments}
    frame = frame[["person", "y"]]
    for one, other in combinations(segments, 2):
        reasons = {}
        for first, second in product(segments[one], segments[other]):
            chosen = inside[one][first] & inside[other][second]
            if chosen.any() or UNKNOWN not in (first, second):  # nobody unknown: no such group
                reasons[first, second] = (chosen, group_sizes.withheld(frame[chosen], rule, card.min_cell))
        together = rule == "restricted" and any(reason for _, reason in reasons.values())
        for (first, second), (chosen, reason) in reasons.items():
            if UNKNOWN in (first, second):
                continue
            note = f"withheld: a cell of {one}{BETWEEN}{other} holds fewer than {card.min_cell} people or events"
            note = note if together else reason or group_sizes.too_few(frame[chosen], card.min_cell)
            yield f"{one}{BETWEEN}{other}", f"{first}{BETWEEN}{second}", chosen, note


def _is(values: pd.Series, segment: str) -> np.ndarray:
    return (values.isna() if segment == UNKNOWN else values == segment).to_numpy()


#: Groups too small to learn from, or to choose thresholds on, share this one.
OTHERS = "others"


def crossed(cohort: Cohort) -> np.ndarray:
    """The group of each window, (n,) text: its segments of all protected attributes, "unknown" where one is.

    Groups with fewer than the card's ``min_cell`` people of either outcome in training or validation are pooled; so are
    the smallest of the rest, as long as the pool itself has too few. If nothing is left, everybody is one group.
    """
    card, frame = cohort.card, group_sizes.frame(cohort)
    crossed = frame[card.protected()].astype("string").fillna(UNKNOWN).agg(", ".join, axis=1).to_numpy(dtype=str)
    fewest = _fewest_people(frame, crossed).sort_values(kind="stable")
    out = np.where(np.isin(crossed, fewest.index[fewest >= card.min_cell]), crossed, OTHERS)
    for name in fewest.index[fewest >= card.min_cell]:  # the smallest first
        pool = out == OTHERS
        if not pool.any() or _fewest_people(frame[pool], out[pool]).min() >= card.min_cell:
            break
        out[out == name] = OTHERS
    return out


def _fewest_people(frame: pd.DataFrame, group: np.ndarray) -> pd.Series:
    """Group → its people with the rarer outcome in the smaller of training and validation."""
    frame = frame.assign(group=group)
    people = frame.groupby(["group", "split", "y"])["person"].nunique()
    wanted = pd.MultiIndex.from_product([np.unique(group), ["train", "val"], [0, 1]])
    return people.reindex(wanted, fill_value=0).groupby(level=0).min()
