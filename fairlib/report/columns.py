"""How the columns of a table are set: a frame holds numbers with their units, and only ``show`` writes them as text."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from .. import text

#: Counts of people or of what happened to them: what the shower holds against the cell size when a table is made.
SIZES = ("people", "windows", "events")


@dataclass(frozen=True)
class Column:
    """One column of a shown table.

    Attributes
    ----------
    title: its header, a noun phrase with its unit; "" for the name of the column.
    form: how a value is written. "count": a whole number, "percent": a share as a percentage, "p": a p-value.
    digits: decimals of a number.
    low, high: columns with the ends of the interval that is written behind the value.
    fewest: missing counts were suppressed below this number, and are written as "<11".
    """

    title: str = ""
    form: Literal["text", "count", "number", "signed", "percent", "p"] = "text"
    digits: int = 3
    low: str = ""
    high: str = ""
    fewest: int | None = None

    def write(self, row: Mapping, name: str) -> str:
        """The cell of one row; a dash where the value is unknown."""
        value = row[name]
        if self.form == "text":
            return "–" if value is None or value is pd.NA or value != value else str(value)
        if self.form == "count":
            return text.count(value, self.fewest)
        if self.form == "percent":
            return text.percent(value)
        if self.form == "p":
            return text.p_value(value)
        if self.low:
            return text.with_interval(value, row[self.low], row[self.high], self.digits, self.form == "signed")
        return (text.signed if self.form == "signed" else text.number)(value, self.digits)


def typed(frame: pd.DataFrame, heads: int = 1, **columns: Column) -> pd.DataFrame:
    """The frame with a record of which columns are shown, in which order and how; ends of intervals are not columns of
    their own.

    heads: how many leading columns tell the rows apart, and are headers of the rows.
    """
    unknown = {*columns, *(end for c in columns.values() for end in (c.low, c.high) if end)} - set(frame)
    if unknown:
        raise KeyError(f"no column {sorted(unknown)[0]!r} in the frame (it has: {', '.join(map(str, frame))})")
    out = frame.copy()
    out.attrs = {"columns": columns, "heads": heads}
    return out
