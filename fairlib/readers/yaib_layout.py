"""What a data card does not say of a cohort in YAIB's layout: where its tables lie, and the rule of its label.

``yaib.yaml`` beside the card of one's own cohort; a JSON file beside the reader for an official dataset.
"""

from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field, FiniteFloat, NonNegativeInt, PositiveInt, ValidationError

from .. import cards
from ..cohort import CohortError
from . import files as files_of

#: The file in a folder of one's own cohort.
LAYOUT = "yaib.yaml"
STAY, TIME, LABEL = "stay_id", "time", "label"
HOUR = pd.Timedelta(hours=1)
#: What is left out and why, with a row a stay that says whether it is: step of the attrition table, stays, note.
Left = list[tuple[str, pd.Series, str]]


class Label(cards.Part):
    """How ``outc`` becomes one label a stay. With a window of W hours, hour 0 to W − 1, s = W + ``gap`` and:

    * rule ``stay``: ``outc`` has one row a stay.
    * rule ``onset``: ``outc`` has one row an hour. A stay is positive if its first true hour is s or later. Left out
      are stays whose rows end before hour s, and stays with an earlier true hour. All others are negative, however long
      they are followed. With a ``horizon``, a first true hour at s + horizon or later is negative too.
    * rule ``hour``: ``outc`` has one row an hour, and the label is that of hour s. Left out are stays that end before.

    lead: how many hours before its onset a label turns true (6 in YAIB); only words need it. above: labels are numbers,
    such as days, and those above this one are positive.
    """

    rule: Literal["stay", "onset", "hour"]
    gap: NonNegativeInt = 0
    horizon: PositiveInt | None = None
    lead: NonNegativeInt = 0
    above: FiniteFloat | None = None


class Table(cards.Part):
    """A table of what ``sta`` lacks: its file, its column ``key``, and the known column ``to`` with the same values."""

    file: str
    key: str = STAY
    to: str = STAY


class Layout(cards.Part):
    """cohort: the folder of dyn, outc and sta. person: the column that names the participant. people: further tables.

    columns: attribute of the card → column, where it has another name. The first table that has a column counts,
    ``sta`` before the others.
    """

    cohort: str = "."
    person: str = STAY
    people: tuple[Table, ...] = ()
    label: Label
    columns: dict[str, str] = Field(default_factory=dict)


def parse(file: Path) -> Layout:
    """The layout that a YAML file says; raises ``CohortError`` for what it cannot be."""
    try:
        content = cards.read(file)
        return Layout(**(content if isinstance(content, dict) else {}))
    except ValidationError as error:
        said = "; ".join(cards._said(fault) for fault in error.errors()[:5])
        raise CohortError(f"{file} does not say how the cohort lies: {said}; see fairlib.readers.yaib") from error
    except (OSError, ValueError) as error:
        raise CohortError(f"{file} is no readable YAML: {error}; correct it, or write it anew") from error


def hours(file: Path, table: pd.DataFrame) -> np.ndarray:
    """The times of a table, durations since admission, as whole hours (rows,) int64."""
    time = table[TIME]
    if not pd.api.types.is_timedelta64_dtype(time):
        raise CohortError(
            f"{file}, column {TIME}: expected durations since admission, found {time.dtype}; a number does not tell its"
            " unit: save durations, as YAIB does (pandas.to_timedelta)"
        )
    whole = "whole hours since admission", "another unit of time? Save one row an hour"
    files_of.refuse(file, (time.isna() | (time % HOUR != pd.Timedelta(0))).to_numpy(), TIME, time, *whole)
    files_of.refuse(file, time < pd.Timedelta(0), TIME, time, "hours from 0 on", "leave out what is before admission")
    return (time // HOUR).to_numpy(np.int64)


def refuse_other_steps(file: Path, stay: pd.Series, hour: np.ndarray) -> None:
    """Raise ``CohortError`` where most rows of a stay are not one hour after the row before."""
    ordered = pd.DataFrame({STAY: stay, TIME: hour}).sort_values([STAY, TIME])
    steps = ordered.groupby(STAY)[TIME].diff().dropna()
    if len(steps) and (usual := steps.median()) != 1:
        raise CohortError(
            f"{file}, column {TIME}: rows of a stay are {usual:g} hours apart, expected 1; another unit of time? Save"
            " one row an hour"
        )


def numbers(file: Path, table: pd.DataFrame, label: Label) -> pd.Series:
    """Labels as 1 and 0, NaN where the cell is empty."""
    cells = table[LABEL]
    number = pd.to_numeric(cells, errors="coerce").astype("Float64").astype(float)
    if label.above is not None:
        todo = "correct or empty the cell"
        files_of.refuse(file, number.isna() & cells.notna(), LABEL, cells, "a number", todo)
        return (number > label.above).astype(float).where(number.notna())
    todo = f"say in {LAYOUT} above which number a label is positive, or correct it"
    files_of.refuse(file, ~number.isin([0, 1]) & cells.notna(), LABEL, cells, "0 or 1, false or true", todo)
    return number


def of_stays(file: Path, table: pd.DataFrame, label: Label, window: int) -> tuple[pd.Series, Left]:
    """Stay → label (1, 0), in the order of ``outc``, and which stays have none for which reason.

    table: ``outc`` with stay, label and, for a label an hour, time. window: W, in hours.
    """
    number = numbers(file, table, label)
    if label.rule == "stay":
        files_of.refuse_repeated(file, table[[STAY]])
        y = number.set_axis(table[STAY])
        return y, [("stays with an empty label", y.isna(), "left out: no label")]
    files_of.refuse(file, number.isna(), LABEL, table[LABEL], "a label an hour", "fill the cell, or leave out the stay")
    hour = pd.Series(hours(file, table), index=table.index)
    files_of.refuse_repeated(file, table[[STAY, TIME]])
    refuse_other_steps(file, table[STAY], hour)
    start, stay = window + label.gap, table[STAY]
    last = hour.groupby(stay, sort=False).max()
    short = last < start
    left = [(f"stays that end before hour {start}", short, "left out: nothing is known of the time after the window")]
    if label.rule == "hour":
        at = number[hour == start].set_axis(stay[hour == start]).reindex(last.index)
        return at, [*left, (f"stays without a label at hour {start}", ~short & at.isna(), "left out: no label")]
    first = hour[number == 1].groupby(stay[number == 1]).min().reindex(last.index)
    early, onset = ~short & (first < start), start + label.lead
    note = f"left out: the label is true before hour {start}"
    left.append((f"stays with onset before hour {onset}", early, note))
    never, late = ~short & first.isna(), first >= start + (label.horizon or np.inf)
    note = f"kept, negative, however long they are followed: until hour {last[never].median():g} in the median"
    left.append(("stays without onset", never, note))
    if label.horizon:
        onset += label.horizon
        left.append((f"stays with onset at hour {onset} or later", late, "kept, negative: after the horizon"))
    return (first.notna() & ~late).astype(float).where(~short & ~early), left
