"""How the columns of a table are set: a frame holds numbers with their units, and only ``show`` writes them as text."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from string import Formatter
from typing import Literal

import numpy as np
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
        text with addresses, "file": the name of a file, which may break between its words. Numbers that come as text,
        such as durations with their units, stay as they are.
    digits: decimals of a number; None: as many as it has, at most six figures.
    low, high: columns with the ends of the interval that is written behind the value.
    fewest: missing counts were suppressed below this number, and are written as "<11".
    instead: a column with the text for missing values, where it is not a dash.
    then: what follows a known value, such as "{mark}", " of {tested}" or a unit; a column named in braces is written
        in its own form, or as its type says, and not shown on its own.
    """

    title: str = ""
    form: Literal["text", "link", "file", "count", "number", "signed", "percent", "p"] = "text"
    digits: int | None = 3
    low: str = ""
    high: str = ""
    fewest: int | None = None
    instead: str = ""
    then: str = ""

    def inside(self) -> set[str]:
        """The other columns that are written in this one."""
        named = {name for _, name, _, _ in Formatter().parse(self.then) if name}
        return named | {self.low, self.high, self.instead} - {""}

    def write(self, row: Mapping, name: str, others: Mapping[str, "Column"]) -> str:
        """The cell of one row; a dash where the value is unknown. others: how the columns are set."""
        if pd.isna(row[name]) or row[name] in (np.inf, -np.inf):
            return row[self.instead] if self.instead else text.count(None, self.fewest)
        written = self._value(row, row[name])
        parts = {part: others[part].write(row, part, others) for part in self.inside() & others.keys()}
        return written + self.then.format(**parts)

    def _value(self, row: Mapping, value) -> str:
        if self.form in WORDS or isinstance(value, str):
            return str(value)
        if self.form == "count":
            return text.count(value)
        if self.form == "percent":
            return text.percent(value).replace(" ", "\u00a0")
        if self.form == "p":
            return text.p_value(value)
        if self.digits is None:
            return text.minus(f"{value:g}")
        if self.low:
            return text.with_interval(value, row[self.low], row[self.high], self.digits, self.form == "signed")
        return (text.signed if self.form == "signed" else text.number)(value, self.digits)


def typed(frame: pd.DataFrame, heads: Sequence[str] = (), **columns: Column) -> pd.DataFrame:
    """The columns of a frame that a table needs, with a record of which are shown, in which order and how.

    Columns that are written inside others, such as the ends of intervals, are not shown on their own.

    heads: the columns that tell the rows apart, in front, as headers of the rows; without them the first column is.
    """
    columns = dict.fromkeys(heads, Column()) | columns
    needed = set().union(columns, *(column.inside() for column in columns.values()))
    if frame.empty:  # where nothing was found there may be no columns either
        frame = pd.DataFrame(columns=sorted(needed))
    if unknown := needed - set(frame):
        raise KeyError(f"no column {sorted(unknown)[0]!r} in the frame (it has: {', '.join(map(str, frame))})")
    out = frame[[*columns, *sorted(needed - set(columns))]].copy()
    out.attrs = {"columns": columns, "heads": len(heads) or 1}
    titles = [column.title or name for name, column in shown(out).items()]
    if twice := sorted({title for title in titles if titles.count(title) > 1}):
        raise ValueError(f"two columns of a table are titled {twice[0]!r}; a reader cannot tell them apart")
    return out


def ranged(name: str, title: str = "", form: str = "number", digits: int = 3, **options) -> Column:
    """A column whose interval ends in ``<name>_low`` and ``<name>_high``."""
    return Column(title, form, digits, f"{name}_low", f"{name}_high", **options)


def beside(rows: pd.DataFrame, keys: list[str], of: str, names: Iterable[str]) -> pd.DataFrame:
    """A row for each ``keys``, in the order of ``rows``, with what the first of its rows says; for each name found in
    the column ``of``, its mean and interval as ``<name>``, ``<name>_low`` and ``<name>_high`` (missing where there is
    none).
    """
    out = rows.drop_duplicates(keys)
    for name in names:
        own = rows.loc[rows[of] == name, [*keys, "mean", "low", "high"]]
        own.columns = [*keys, name, f"{name}_low", f"{name}_high"]
        out = out.merge(own, on=keys, how="left")
    return out


def _by_type(frame: pd.DataFrame) -> dict[str, Column]:
    """How columns without a record are written."""
    kinds = {"i": Column(form="count"), "u": Column(form="count"), "f": Column(form="number")}
    return {name: kinds.get(frame[name].dtype.kind, Column()) for name in frame}


def shown(frame: pd.DataFrame) -> dict[str, Column]:
    """The columns of a frame that are shown, in order; those that were dropped since are not."""
    columns = frame.attrs.get("columns") or _by_type(frame)
    inside = set().union(*(column.inside() for column in columns.values()))
    return {name: column for name, column in columns.items() if name in frame and name not in inside}


def written(frame: pd.DataFrame) -> pd.DataFrame:
    """The cells of a frame as readers see them, under the titles of the columns."""
    columns, rows = _by_type(frame) | frame.attrs.get("columns", {}), frame.to_dict("records")
    return pd.DataFrame(
        {
            column.title or str(name): [column.write(row, name, columns) for row in rows]
            for name, column in shown(frame).items()
        }
    ).map(text.readable)
