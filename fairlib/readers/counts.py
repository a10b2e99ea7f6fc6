"""Rows of the attrition table that every reader writes alike: unknown and empty segments, and what the card expects."""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from .. import cards
from ..cohort import SPLITS, Cohort, CohortError, attrition_table
from .files import MARK, QUOTED
from .spelling import bounds, damage, is_missing, plain

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
    """``card.segment``, whatever the spelling of the same text, and with ages such as "> 89" where the cut allows it.

    A value that the card does not know, or that would become ``otherwise`` though it says that nothing is known or was
    damaged by a spreadsheet, is a ``CohortError`` that begins with its place.

    ``where``: name of an attribute and index of the first row with the value → file, line and column in words.
    """
    spelled = {name: _spelled(facts) for name, facts in card.attributes.items()}

    def meant(name: str, values: pd.Series) -> pd.Series:
        found = {value: _meant(value, spelled[name]) for value in values.dropna().unique()}
        return values.astype(object).map(found)

    try:
        found = {name: meant(name, raw[name]) for name in spelled if name in raw}
        found = pd.DataFrame(found, index=raw.index)
        return card.model_copy(update={"attributes": spelled}).segment(found)
    except cards.CardError:
        for name, facts in spelled.items():
            for row, value in raw.get(name, pd.Series(dtype=object)).drop_duplicates().items():
                try:
                    facts.segment(meant(name, pd.Series([value], dtype=object)), name)
                except cards.CardError as error:
                    raise CohortError(f"{where(name, row)}{str(error).removeprefix(name)}") from error
        raise


def _spelled(facts: cards.Attribute) -> cards.Attribute:
    """The attribute with its raw values in one spelling; the longest prefix counts, wherever it is listed."""
    of = {kind: {plain(raw): to for raw, to in getattr(facts, kind).items()} for kind in ("values", "prefixes")}
    of["prefixes"] = dict(sorted(of["prefixes"].items(), key=lambda pair: -len(pair[0])))
    return facts.model_copy(update={**of, "missing": [plain(raw) for raw in facts.missing]})


def _meant(value: object, facts: cards.Attribute) -> object:
    """A raw value in one spelling; of a range of numbers the one that tells its side of the cut."""
    if not isinstance(value, str) or (value := plain(value)) in ("", *facts.missing):
        return value
    if facts.cut is not None:
        return _side(value, facts.cut)
    known = {raw.lower() for raw in (*facts.missing, *facts.values)}
    if facts.otherwise and value.lower() not in known and not value.lower().startswith(_prefixes(facts)):
        why = "a missing one" if is_missing(value) else damage(value)
        if why:
            raise cards.CardError(
                f": value {value[:QUOTED]!r} looks like {why}; correct or empty the cell, or list it in the card: under"
                f" missing, or under values if it is {facts.otherwise}"
            )
    return value


def _prefixes(facts: cards.Attribute) -> tuple[str, ...]:
    return tuple(prefix.lower() for prefix in facts.prefixes)


def _side(value: str, cut: float) -> object:
    """A number as it is; of a range such as "> 89" its end on one side of the cut."""
    value = value.replace("\u2212", "-")
    ends = bounds(value)
    if ends and ends[0] < cut <= ends[1]:
        raise cards.CardError(
            f": {value[:QUOTED]!r} may lie on either side of the cut at {cut:g}; give the number, or another cut"
        )
    return value if not ends else ends[0] if ends[0] >= cut else ends[1]
