"""Rows of the attrition table that every reader writes alike: unknown and empty segments, and what the card expects."""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from .. import cards
from ..cohort import SPLITS, Cohort, CohortError, attrition_table
from .files import MARK

Step = tuple[str, int, int, str]


def cohort(card: cards.Card, places: Iterable[Path], steps: list[Step], *arrays, **more) -> Cohort:
    """The cohort of x, y, person, attributes, split and channels, and ``more`` of its fields; a twin by its card, or by
    a TWIN.json in a place."""
    synthetic = card.access == "synthetic" or any((place / MARK).exists() for place in places)
    return Cohort(*arrays, card=card, origin="twin" if synthetic else "real", attrition=attrition_table(steps), **more)


def beside_card(**counts: tuple[int, int | None]) -> str:
    """What was read beside what the data card says of the full dataset; None: the card does not say.

    >>> beside_card(stays=(57, 3236), deaths=(17, 374))
    'you have 57 stays and 17 deaths, the card says 3,236 stays and 374 deaths'
    >>> beside_card(stays=(3236, 3236))
    'you have 3,236 stays, as the card says'
    """
    known = {name.replace("_", " "): pair for name, pair in counts.items() if pair[1] is not None}
    have, says = (_listed([f"{pair[i]:,} {name}" for name, pair in known.items()]) for i in (0, 1))
    return f"you have {have}, as the card says" if have == says else f"you have {have}, the card says {says}"


def _listed(parts: list[str]) -> str:
    return " and ".join([", ".join(parts[:-1])] * (len(parts) > 1) + parts[-1:])


def of_splits(
    card: cards.Card, split: np.ndarray, person: np.ndarray, y: np.ndarray, words: dict[str, str], notes: dict[str, str]
) -> list[Step]:
    """The size of each of the splits, and of the cohort, beside the card's.

    words: what the dataset calls windows, positive ones and people, in the order in which they are said. notes: what
    else to say of a split or of the "total".
    """
    steps = []
    for name in (*SPLITS, "total"):
        rows = (split == name) | (name == "total")
        n, persons = int(rows.sum()), len(np.unique(person[rows]))
        found = {
            "windows": (n, card.expected[name]),
            "positive": (int(y[rows].sum()), card.expected[f"{name} {words['positive']}"]),
            "people": (persons, card.expected.get(f"{name} people", card.people if name == "total" else None)),
        }
        note = beside_card(**{word: found[kind] for kind, word in words.items()}) + notes.get(name, "")
        steps.append(("cohort" if name == "total" else name, n, persons, note))
    return steps


def of_attributes(
    attributes: pd.DataFrame, person: np.ndarray, card: cards.Card, more: dict[str, str] | None = None
) -> list[Step]:
    """For each attribute, how many windows and people are unknown; and the card's segments with nobody in them.

    ``more``: what else to say of an attribute's unknown values.
    """
    steps, more = [], more or {}
    for name, facts in card.attributes.items():
        unknown = attributes[name].isna().to_numpy()
        people = len(np.unique(person[unknown]))
        steps.append((f"{name} unknown", int(unknown.sum()), people, f"kept, {name} missing{more.get(name, '')}"))
        empty = [segment for segment in facts.segments if not (attributes[name] == segment).any()]
        if not unknown.all():
            steps += [(f"{name}: nobody in {s}", 0, 0, "on the card, not in the data; not judged") for s in empty]
    return steps


def segments(card: cards.Card, raw: pd.DataFrame, where: Callable[[str, int], str]) -> pd.DataFrame:
    """``card.segment``; a value that the card does not know is a ``CohortError`` that begins with its place.

    ``where``: name of an attribute and index of the first row with the value → file, line and column in words.
    """
    try:
        return card.segment(raw)
    except cards.CardError:
        for name, facts in card.attributes.items():
            for row, value in raw.get(name, pd.Series(dtype=object)).drop_duplicates().items():
                try:
                    facts.segment(pd.Series([value], dtype=object), name)
                except cards.CardError as error:
                    raise CohortError(f"{where(name, row)}{str(error).removeprefix(name)}") from error
        raise
