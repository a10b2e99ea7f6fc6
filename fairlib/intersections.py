"""Intersections of two protected attributes: people can be served worse as, say, older women, though neither older
people nor women are."""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pandas as pd

from . import cells
from .cards import Card

BETWEEN = " × "


def groups(frame: pd.DataFrame, card: Card, rule: str) -> Iterator[tuple[str, str, np.ndarray, str]]:
    """Every pair of segments of two protected attributes: attribute pair, segment pair, boolean (n,), and why its
    numbers are withheld or not judged ("" if they are shown).

    Restricted data: rows and columns of such a table add up to segments that are shown elsewhere, so one withheld cell
    could be recomputed. A pair of attributes with a small cell, the unknown ones counted, is withheld as a whole.
    """
    for one, other in combinations(card.protected(), 2):
        segments = [card.attributes[name].segments for name in (one, other)]
        reasons = {}
        for first in [*segments[0], None]:
            for second in [*segments[1], None]:
                chosen = _is(frame[one], first) & _is(frame[other], second)
                known = first is not None and second is not None
                if known or chosen.any():  # nobody unknown: no such cell
                    reasons[first, second] = (chosen, cells.withheld(frame[chosen], rule, card.min_cell))
        together = rule == "restricted" and any(reason for _, reason in reasons.values())
        for (first, second), (chosen, reason) in reasons.items():
            if first is None or second is None:
                continue
            note = f"withheld: a cell of {one}{BETWEEN}{other} holds fewer than {card.min_cell} people or events"
            note = note if together else reason or cells.too_few(frame[chosen], card.min_cell)
            yield f"{one}{BETWEEN}{other}", f"{first}{BETWEEN}{second}", chosen, note


def _is(values: pd.Series, segment: str | None) -> np.ndarray:
    return (values.isna() if segment is None else values == segment).to_numpy()
