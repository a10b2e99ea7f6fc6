"""The files of a GLOBEM study year: folders, small tables as text, feature files as one row a participant and day.

Layout: ``<institution>_<year>/`` (``INS-W_1`` to ``INS-W_4``) with ``SurveyData``, ``FeatureData`` and
``ParticipantsInfoData``. Column names in any case; rows in any order.
"""

import re
from collections import Counter
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv

from ..cohort import CohortError
from . import files as files_of
from .globem_features import FILES
from .recognise import hint

YEAR = re.compile(r"(?P<institution>.+)_(?P<number>\d{1,3})", re.ASCII)
FOLDERS = ("SurveyData", "FeatureData", "ParticipantsInfoData")
AGAIN, OFFICIAL = "copy it again from PhysioNet", "GLOBEM's own file"
refuse = partial(files_of.refuse, todo=f"correct the file, or {AGAIN}")


class Year(NamedTuple):
    """A study year: its folder, its name (``INS-W_1``) and its number (1)."""

    folder: Path
    name: str
    number: int


class Days(NamedTuple):
    """Feature rows: participant and day (datetime64[D]) of each, and their values (rows + 1, channels) float64.

    The last row is NaN throughout: row number -1 is a day without data.
    """

    pid: np.ndarray
    day: np.ndarray
    values: np.ndarray


def find_years(path: Path) -> list[Year]:
    """The study years in ``path`` (or ``path`` itself, if it is one), in the order of their numbers."""
    if not path.is_dir():
        raise CohortError(f"{path} is not a folder; give the folder that holds INS-W_1, INS-W_2, …")
    places = [path] if _has_parts(path) else sorted(place for place in path.iterdir() if place.is_dir())
    years = []
    for folder in filter(_has_parts, places):
        if not (found := YEAR.fullmatch(folder.resolve().name)):
            raise CohortError(
                f"{folder} looks like a study year, but is not named <institution>_<year>, such as INS-W_1; rename it,"
                " or move it elsewhere"
            )
        years.append(Year(folder, found[0], int(found["number"])))
    if not years:
        raise CohortError(
            f"{path} holds no study year of GLOBEM{hint(path, 'globem')}. A study year is a folder named"
            f" <institution>_<year>, such as INS-W_1, that holds {', '.join(FOLDERS)}"
        )
    years.sort(key=lambda year: (year.number, year.name))
    for first, second in pairwise(years):
        if first.number == second.number:
            raise CohortError(
                f"{path} holds {first.name} and {second.name}: two studies of year {first.number}; keep one"
            )
    return years


def _has_parts(folder: Path) -> bool:
    """Whether one of a study year's three folders is in ``folder``; in another case, ``read_table`` will say so."""
    wanted = {name.lower() for name in FOLDERS}
    try:
        return any(inner.name.lower() in wanted and inner.is_dir() for inner in folder.iterdir())
    except OSError as error:
        raise files_of.unreadable(str(folder), error, AGAIN) from error


def read_table(file: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    """The named columns (lower case) as stripped text, "" where empty; the index is the line in the file.

    Raises ``CohortError`` naming file, line, column and value.
    """
    _refuse_other_name(file)
    table = files_of.table(file, columns, AGAIN, OFFICIAL, str.lower)
    return table.apply(lambda column: column.str.strip())


def days_of(file: Path, dates: pd.Series) -> np.ndarray:
    """Dates ``YYYY-MM-DD`` → (n,) datetime64[D]."""
    parsed = pd.to_datetime(dates, format="%Y-%m-%d", errors="coerce")
    refuse(file, parsed.isna(), "date", dates, "a date (YYYY-MM-DD)")
    return parsed.to_numpy("datetime64[D]")


def read_days(folder: Path, channels: tuple[str, ...]) -> Days:
    """Features of a study year from ``rapids.csv``, or from the files of the single sensors where it is not there.

    Only ``channels`` are read. Sensor files are joined on (pid, date): a day is there if one of them has it.
    """
    if (folder / "rapids.csv").exists():
        parts = {folder / "rapids.csv": channels}
    else:
        parts = {folder / name: tuple(c for c in channels if c.partition(":")[0] == t) for t, name in FILES.items()}
        parts = {file: names for file, names in parts.items() if names}
        if missing := [file.name for file in parts if not file.exists()]:
            needed = ", ".join(file.name for file in parts)
            for file in (folder / "rapids.csv", *(file for file in parts if not file.exists())):
                _refuse_other_name(file)
            raise CohortError(
                f"{folder} holds neither rapids.csv nor {missing[0]}; copy rapids.csv, or all of {needed}, into it"
            )
    tables = {file: _read_features(file, names) for file, names in parts.items()}
    index = pd.concat([keys for keys, _ in tables.values()]).drop_duplicates().reset_index(drop=True)
    place, column = pd.MultiIndex.from_frame(index), {name: i for i, name in enumerate(channels)}
    values = np.full((len(index) + 1, len(channels)), np.nan)
    for file, (keys, numbers) in tables.items():
        rows = place.get_indexer(pd.MultiIndex.from_frame(keys))
        for name, cells in zip(parts[file], numbers.columns, strict=True):
            values[rows, column[name]] = cells.to_numpy()
    return Days(index["pid"].to_numpy(object), index["day"].to_numpy("datetime64[D]"), values)


def _refuse_other_name(file: Path) -> None:
    """Raise where a file that is missing, or its folder, is there in another case or packed."""
    for place in (file.parent, file):
        files_of.refuse_other_case(place, packed="unpack it, GLOBEM's files are not packed")


def _read_features(file: Path, channels: tuple[str, ...]) -> tuple[pd.DataFrame, pa.Table]:
    """(pid and day of each row, table with one float64 column a channel)."""
    header = files_of.header(file, AGAIN)
    where, often = {name.lower(): i for i, name in enumerate(header)}, Counter(map(str.lower, header))
    if twice := [name for name in ("pid", "date", *channels) if often[name] > 1]:
        raise CohortError(f"{file}: column {twice[0]} is there twice; this needs {OFFICIAL} with its header")
    if missing := [name for name in ("pid", "date", *channels) if name not in where]:
        raise CohortError(
            f"{file}: column {missing[0]} is missing ({len(missing):,} of {len(channels) + 2:,} needed columns are),"
            f" line 1 begins {files_of.shown(','.join(header))}; this needs {OFFICIAL} with its header"
        )
    header = [f"{name}#{i}" for i, name in enumerate(header)]  # names of unused columns may repeat
    names = [header[where[name]] for name in ("pid", "date", *channels)]
    types = dict.fromkeys(names, pa.float64()) | dict.fromkeys(names[:2], pa.string())
    try:
        table = pacsv.read_csv(
            file,
            # with threads, errors name no row
            pacsv.ReadOptions(use_threads=False, block_size=1 << 24, column_names=header, skip_rows=1),
            convert_options=pacsv.ConvertOptions(include_columns=names, column_types=types),
        )
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise CohortError(f"{file}{_fault(str(error), header)}") from None  # the original quotes the whole row
    if not len(table):
        raise CohortError(f"{file} holds a header and no rows; {AGAIN}")
    lines = pd.RangeIndex(2, len(table) + 2)
    pid, dates = (table[name].to_pandas().astype(object).fillna("").str.strip().set_axis(lines) for name in names[:2])
    refuse(file, (pid == "") | pid.str.contains("\0", regex=False), "pid", pid, "a participant")
    keys = pd.DataFrame({"pid": pid, "day": days_of(file, dates)}, index=lines)
    files_of.refuse_repeated(file, keys)
    numbers = table.drop(names[:2])
    for name, cells in zip(channels, numbers.columns, strict=True):
        odd = np.abs(cells.to_numpy()) > files_of.LARGEST_FLOAT
        refuse(file, odd, name, cells.to_pandas().set_axis(lines), "a finite number")
    return keys, numbers


def _fault(told: str, header: list[str]) -> str:
    """What pyarrow says is wrong, in our words."""
    row, column, value = (re.search(p, told) for p in (r"Row #(\d+)", r"column #(\d+)", r"invalid value '(.*)'"))
    line = f", line {row[1]}" if row else ""
    name = f", column {header[int(column[1])].rpartition('#')[0]}" if column else ""
    if cells := re.search(r"Expected (\d+) columns, got (\d+)", told):
        return f"{line}: expected {cells[1]} cells, found {cells[2]}; the file is cut off or damaged, {AGAIN}"
    if value:
        return f"{line}{name}: expected a number, found {files_of.shown(value[1])}; correct or empty the cell"
    if "UTF8" in told or "utf-8" in told:
        return f"{line}{name}: the text is not UTF-8; {AGAIN}"
    return f"{line}{name} is truncated or damaged; {AGAIN}"
