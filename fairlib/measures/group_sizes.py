"""Sizes of a cohort's groups, and why the numbers of some are suppressed, or are not reportable for few people."""

from collections.abc import Iterator

import pandas as pd

from .. import disclosure
from ..cards import UNKNOWN
from ..cohort import Cohort


def frame(cohort: Cohort) -> pd.DataFrame:
    """Person, label, split and attributes of each window."""
    base = pd.DataFrame({"person": cohort.person, "y": cohort.y, "split": cohort.split})
    return pd.concat([base, cohort.attributes.reset_index(drop=True)], axis=1)


def size(rows: pd.DataFrame) -> dict:
    """People, windows and positive windows."""
    return {"people": len(pd.unique(rows["person"].to_numpy())), "windows": len(rows), "events": int(rows["y"].sum())}


def people(rows: pd.DataFrame) -> dict:
    """Participants with a positive and with a negative window: the privacy rule counts people, not windows."""
    person, label = rows["person"].to_numpy(), rows["y"].to_numpy()
    return {f"people_{y}": len(pd.unique(person[label == y])) for y in (0, 1)}


def counts(rows: pd.DataFrame) -> dict:
    """All of ``size`` and of ``people``: what ``suppress`` takes."""
    return size(rows) | people(rows)


def withheld(rows: pd.DataFrame, rule: str, minimum: int) -> str | None:
    """Why the numbers of one group must be suppressed, or None."""
    found = counts(rows)
    return disclosure.withheld(found["people"], found["people_1"], rule, minimum, found["people_0"])


def suppress(table: pd.DataFrame, rule: str, minimum: int) -> pd.DataFrame:
    """Suppress segments by their people with and without an event; windows and events go with them."""
    table = disclosure.suppress(table, rule, minimum, "people", "people_1", "people_0", values=["windows", "events"])
    return table.drop(columns=["people_0", "people_1"])


def parts(rows: pd.DataFrame, attribute: str, segments: list[str]) -> Iterator[tuple[str, pd.DataFrame]]:
    """Each segment with its rows; "unknown" comes last, where there are any: it completes the total."""
    for segment in segments:
        yield segment, rows[rows[attribute] == segment]
    if rows[attribute].isna().any():
        yield UNKNOWN, rows[rows[attribute].isna()]


def withheld_segments(rows: pd.DataFrame, attribute: str, segments: list[str], rule: str, minimum: int) -> dict:
    """Segment → why it is suppressed, "unknown" among them."""
    records = [{"segment": name} | counts(part) for name, part in parts(rows, attribute, segments)]
    table = suppress(pd.DataFrame(records), rule, minimum)
    hidden = table[table["people"].isna()]
    return dict(zip(hidden["segment"], hidden["note"], strict=True))


def too_few(rows: pd.DataFrame, minimum: int) -> str:
    """Why a segment is not reportable, though it may be shown: an AUC of two deaths says nothing; "" if it can."""
    if not len(rows):
        return "nobody in the test split"
    fewest = min(people(rows).values())
    if fewest == 0:
        return "one class only: no AUC"
    return f"too few to judge: under {minimum} people with or without the outcome" if fewest < minimum else ""


def reportable(rows: pd.DataFrame, attribute: str, segments: list[str], rule: str, minimum: int) -> list[str]:
    """Segments whose numbers may be shown and rest on enough people, in the card's order."""
    hidden = withheld_segments(rows, attribute, segments, rule, minimum)
    return [name for name in segments if name not in hidden and not too_few(rows[rows[attribute] == name], minimum)]
