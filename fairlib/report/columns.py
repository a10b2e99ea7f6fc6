"""How the columns of a table are set: a frame holds numbers with their units, and only ``show`` writes them as text."""

from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Literal

import pandas as pd

from .. import text

#: Counts of people or of what happened to them: what the shower holds against the cell size when a table is made.
SIZES = ("people", "windows", "events")
#: Forms that are read and not compared, so they are set flush left.
WORDS = ("text", "link", "file")


@dataclass(frozen=True)
class Column:
    """One column of a shown table.

    Attributes
    ----------
    title: its header, a noun phrase with its unit; "" for the name of the column.
    form: how a value is written. "count": a whole number, "percent": a share as a percentage, "p": a p-value; "link":
        text with addresses, "file": the name of a file, which may break between its words.
    digits: decimals of a number.
    low, high: columns with the ends of the interval that is written behind the value.
    fewest: missing counts were suppressed below this number, and are written as "<11".
    instead: a column with the text for missing values, where it is not a dash.
    then: what follows a known value, such as "{mark}", " of {tested}" or a unit; a column named in braces is written
        in its own form, and not shown on its own.
    """

    title: str = ""
    form: Literal["text", "link", "file", "count", "number", "signed", "percent", "p"] = "text"
    digits: int = 3
    low: str = ""
    high: str = ""
    fewest: int | None = None
    instead: str = ""
    then: str = ""

    def inside(self) -> set[str]:
        """The other columns that are written in this one."""
        return {name for _, name, _, _ in Formatter().parse(self.then) if name} | {
            self.low,
            self.high,
            self.instead,
        } - {""}

    def write(self, row: Mapping, name: str, others: Mapping[str, "Column"]) -> str:
        """The cell of one row; a dash where the value is unknown. others: how the columns named in ``then`` are set."""
        if pd.isna(row[name]):
            return row[self.instead] if self.instead else text.count(None, self.fewest)
        written = self._value(row, row[name])
        parts = {part: others[part].write(row, part, others) for part in self.inside() & others.keys()}
        return written + self.then.format(**parts)

    def _value(self, row: Mapping, value) -> str:
        if self.form == "count":
            return text.count(value)
        if self.form == "percent":
            return text.percent(value).replace(" ", "\u00a0")
        if self.form == "p":
            return text.p_value(value)
        if self.form in WORDS or isinstance(value, str):
            return str(value)
        if self.low:
            return text.with_interval(value, row[self.low], row[self.high], self.digits, self.form == "signed")
        return (text.signed if self.form == "signed" else text.number)(value, self.digits)


def typed(frame: pd.DataFrame, heads: int = 1, **columns: Column) -> pd.DataFrame:
    """The frame with a record of which columns are shown, in which order and how.

    Columns that are written inside others, such as the ends of intervals, are not shown on their own.

    heads: how many leading columns tell the rows apart, and are headers of the rows.
    """
    if unknown := set().union(columns, *(column.inside() for column in columns.values())) - set(frame):
        raise KeyError(f"no column {sorted(unknown)[0]!r} in the frame (it has: {', '.join(map(str, frame))})")
    out = frame.copy()
    out.attrs = {"columns": columns, "heads": heads}
    return out


def shown(frame: pd.DataFrame) -> dict[str, Column]:
    """The columns of a typed frame that are shown, in order; those that were dropped since are not."""
    columns = frame.attrs["columns"]
    inside = set().union(*(column.inside() for column in columns.values()))
    return {name: column for name, column in columns.items() if name in frame and name not in inside}


def written(frame: pd.DataFrame) -> pd.DataFrame:
    """The cells of a typed frame as readers see them, under the titles of the columns."""
    columns = frame.attrs["columns"]
    rows = frame.to_dict("records")
    return pd.DataFrame(
        {
            column.title or name: [column.write(row, name, columns) for row in rows]
            for name, column in shown(frame).items()
        }
    ).map(text.readable)
