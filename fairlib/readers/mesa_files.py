"""Files of NSRR's MESA Sleep → checked arrays: tables (.csv, .csv.gz) and sleep stages (Profusion .xml, .xml.gz).

Column names in any case. Every fault is a ``CohortError`` naming file, line, column and value.
"""

import io
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv

from ..cohort import CohortError
from . import files as files_of

#: activity in counts, white light in lux, the others in microW/cm2
CHANNELS = ("activity", "whitelight", "redlight", "greenlight", "bluelight")
INTERVALS = ("ACTIVE", "REST", "REST-S", "EXCLUDED")
EPOCH_SECONDS = 30
#: 0 wake, 1 to 4 NREM, 5 REM, above: movement or unscored
STAGE = re.compile(r"\d", re.ASCII)
#: Of a clock time HH:MM:SS.
CLOCK, DAY_SECONDS = re.compile(r"(\d{1,2}):(\d\d):(\d\d)", re.ASCII), 86_400
LARGEST_WHOLE = 2**53  # beyond it, a float64 holds no single whole numbers
AGAIN = "copy it again from NSRR"


def find(folder: Path, pattern: str) -> dict[int, Path]:
    """Participant → file, in the order of the directory listing; ``pattern`` matches a name without .gz, one group."""
    found: dict[int, Path] = {}
    for file in folder.iterdir() if folder.is_dir() else ():
        if match := re.fullmatch(rf"{pattern}(?:\.gz)?", file.name, re.IGNORECASE | re.ASCII):
            if int(match[1]) in found:
                names = " and ".join(sorted((file.name, found[int(match[1])].name)))
                raise CohortError(f"{folder} holds {names} of one participant; remove one of them")
            found[int(match[1])] = file
    return found


def others(folder: Path, pattern: str) -> list[Path]:
    """The files of ``folder`` that begin as NSRR's nights do, and are not found by ``pattern``."""
    nights = {file for file in folder.glob("*") if file.name.lower().startswith("mesa-sleep")}
    return sorted(nights - set(find(folder, pattern).values()))


def newest(folder: Path, name: str) -> Path | None:
    """The file of a NSRR dataset table ``name``-X.Y.Z.csv with the highest version; None if there is none."""
    files = {}
    for file in folder.iterdir() if folder.is_dir() else ():
        if match := re.fullmatch(rf"{name}-(\d+)\.(\d+)\.(\d+)\.csv(?:\.gz)?", file.name, re.IGNORECASE | re.ASCII):
            files.setdefault(tuple(map(int, match.groups())), []).append(file)
    return files_of.only(files[max(files)]) if files else None


def read_table(file: Path, numbers: tuple[str, ...] = (), texts: tuple[str, ...] = ()) -> pd.DataFrame:
    """The named columns: ``numbers`` float64 with NaN for an empty cell, ``texts`` categorical with "" for it.

    The index is the line in the file.
    """
    data = files_of.content(file, AGAIN)
    text = files_of.decoded(data, str(file), AGAIN)
    head = re.match(r"[^\r\n]*", text)[0]
    header = [name.strip().strip('"').lower() for name in head.split(",")]
    files_of.refuse_marks(header, str(file))
    for name in (*numbers, *texts):
        files_of.place(header, name, str(file), "NSRR's own file")
    kinds = dict.fromkeys(numbers, pa.float64()) | dict.fromkeys(texts, pa.dictionary(pa.int32(), pa.string()))
    try:
        table = csv.read_csv(
            pa.BufferReader(data),
            csv.ReadOptions(use_threads=False, column_names=header, skip_rows=1),
            convert_options=csv.ConvertOptions(include_columns=[*kinds], column_types=kinds, null_values=[""]),
        )
        for name in numbers:
            if (~(np.abs(table[name].to_numpy()) <= files_of.LARGEST_FLOAT)).sum() != table[name].null_count:
                raise pa.ArrowInvalid(f"column {name} holds a value that is no finite number")
    except pa.ArrowInvalid as error:
        _refuse_line(file, text, header, numbers)
        raise CohortError(f"{file} is no readable table ({error}); {AGAIN}") from error
    if not table.num_rows:
        raise CohortError(f"{file} holds a header and no rows; {AGAIN}")
    return table.to_pandas().set_axis(pd.RangeIndex(2, table.num_rows + 2))


def _refuse_line(file: Path, text: str, header: list[str], numbers: tuple[str, ...]) -> None:
    """Raise for the first line that is no row of the table; read slowly, since something is wrong anyway."""
    for number, row in files_of.cells(io.StringIO(text, newline=""), str(file), AGAIN):
        if number == 1 or not row:
            continue
        for name in numbers:
            found = row[header.index(name)]
            known = re.fullmatch(r" *[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)? *", found, re.ASCII)
            if found and not (known and abs(float(found)) <= files_of.LARGEST_FLOAT):
                raise CohortError(
                    f"{file}, line {number}, column {name}: expected a number or nothing, found"
                    f" {files_of.shown(found)}; correct or empty the cell"
                )


def whole(file: Path, table: pd.DataFrame, name: str) -> pd.Series:
    """A column of whole numbers from 1, int64."""
    values = table[name]
    bad = ~((values >= 1) & (values < LARGEST_WHOLE) & (values % 1 == 0))
    files_of.refuse(file, bad, name, values, "a whole number from 1", AGAIN)
    return values.astype(np.int64)


def read_actigraphy(file: Path, participant: int) -> pd.DataFrame:
    """line (int64, increasing), interval (categorical), the five channels (NaN: off wrist or invalid), and jump.

    jump: whether the clock is not where the epoch before, at half a minute an epoch, would have it.
    """
    table = read_table(file, ("mesaid", "line", *CHANNELS), ("interval", "linetime"))
    for column, wrong, wanted in (
        ("mesaid", table["mesaid"] != participant, f"{participant}, as the file is named"),
        ("interval", ~table["interval"].isin([*INTERVALS, ""]), f"one of {', '.join(INTERVALS)}"),
    ):
        files_of.refuse(file, wrong, column, table[column], wanted, AGAIN)
    line = whole(file, table, "line").to_numpy()
    if len(step := np.flatnonzero(np.diff(line) <= 0)):
        row = step[0] + 1
        what = "appears twice" if line[row] == line[row - 1] else f"comes after {line[row - 1]}"
        raise CohortError(
            f"{file}, line {row + 2}, column line: epoch {line[row]} {what}; epochs must be in order, once"
        )
    return table.assign(line=line, jump=_jumps(file, line, table["linetime"]))


def _jumps(file: Path, line: np.ndarray, clock: pd.Series) -> np.ndarray:
    """(n,) which epochs are not EPOCH_SECONDS a line after the one before; an epoch of another length is refused."""
    parts = [CLOCK.fullmatch(text.strip()) for text in clock.cat.categories]
    seconds = [int(p[1]) * 3600 + int(p[2]) * 60 + int(p[3]) if p else np.nan for p in parts]
    moved = np.diff(np.array([*seconds, np.nan])[clock.cat.codes]) % DAY_SECONDS
    jump = moved != EPOCH_SECONDS * np.diff(line) % DAY_SECONDS
    if 2 * jump.sum() > len(jump):
        row = int(np.argmax(jump)) + 1
        raise CohortError(
            f"{file}, line {row + 2}, column linetime: {clock.iloc[row]!r} comes after {clock.iloc[row - 1]!r}, and so"
            f" in most lines; expected {EPOCH_SECONDS} seconds an epoch, as HH:MM:SS. Use NSRR's own file"
        )
    return np.append(False, jump)


def read_stages(file: Path) -> np.ndarray:
    """Sleep stage of each 30-second epoch of a polysomnography, int8, as scored (0 is wake)."""
    data = files_of.content(file, AGAIN)
    try:
        root = ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError, LookupError) as error:  # the latter: an encoding that nobody knows
        raise CohortError(f"{file} is truncated, damaged or no UTF-8 text ({error}); {AGAIN}") from error
    if root.tag != "CMPStudyConfig":
        raise CohortError(
            f"{file}: expected a Profusion export (CMPStudyConfig), found {files_of.shown(root.tag)}; {AGAIN}"
        )
    seconds = (root.findtext("EpochLength") or "nothing").strip()
    if seconds != str(EPOCH_SECONDS):
        raise CohortError(f"{file}: EpochLength is {seconds}, expected {EPOCH_SECONDS} seconds; {AGAIN}")
    parts = root.findall("SleepStages")
    if len(parts) > 1:
        raise CohortError(f"{file} holds {len(parts)} lists SleepStages, of which one is meant; {AGAIN}")
    for part in parts:
        if stray := "".join([part.text or "", *(child.tail or "" for child in part)]).strip():
            raise CohortError(f"{file}: SleepStages holds {files_of.shown(stray)} between its epochs; {AGAIN}")
    stages = [(stage.text or "").strip() for stage in root.iterfind("SleepStages/SleepStage")]
    if not stages:
        raise CohortError(f"{file} holds no SleepStage; {AGAIN}")
    for number, stage in enumerate(stages, start=1):
        if not STAGE.fullmatch(stage):
            raise CohortError(
                f"{file}: SleepStage {number} is {files_of.shown(stage)}; expected 0 (wake), 1 to 5 (sleep) or 6 to 9"
                f" (unscored); {AGAIN}"
            )
    return np.array(stages, dtype=np.int8)
