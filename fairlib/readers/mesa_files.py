"""Files of NSRR's MESA Sleep → checked arrays: tables (.csv, .csv.gz) and sleep stages (Profusion .xml, .xml.gz).

Column names in any case. Every fault is a ``CohortError`` naming file, line, column and value.
"""

import csv as lines_of
import gzip
import io
import re
import zlib
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv

from ..cohort import CohortError

#: activity in counts, white light in lux, the others in microW/cm2
CHANNELS = ("activity", "whitelight", "redlight", "greenlight", "bluelight")
INTERVALS = ("ACTIVE", "REST", "REST-S", "EXCLUDED")
EPOCH_SECONDS = 30
#: 0 wake, 1 to 4 NREM, 5 REM, above: movement or unscored
STAGE = re.compile(r"\d", re.ASCII)
AGAIN = "copy it again from NSRR"


def find(folder: Path, pattern: str) -> dict[int, Path]:
    """Participant → file, in the order of the directory listing; ``pattern`` matches a name without .gz, one group."""
    found: dict[int, Path] = {}
    for file in folder.iterdir() if folder.is_dir() else ():
        if match := re.fullmatch(rf"{pattern}(?:\.gz)?", file.name, re.IGNORECASE | re.ASCII):
            if int(match[1]) in found:
                raise CohortError(f"{file} and {found[int(match[1])].name} are of one participant; remove one of them")
            found[int(match[1])] = file
    return found


def newest(folder: Path, name: str) -> Path | None:
    """The file of a NSRR dataset table ``name``-X.Y.Z.csv with the highest version; None if there is none."""
    files = {}
    for file in folder.iterdir() if folder.is_dir() else ():
        if match := re.fullmatch(rf"{name}-(\d+)\.(\d+)\.(\d+)\.csv(?:\.gz)?", file.name, re.IGNORECASE | re.ASCII):
            files[tuple(map(int, match.groups()))] = file
    return files[max(files)] if files else None


def content(file: Path) -> bytes:
    """The bytes of a file, unpacked."""
    try:
        data = file.read_bytes()
        data = gzip.decompress(data) if file.suffix.lower() == ".gz" and data else data
    except FileNotFoundError:
        raise CohortError(f"{file} is missing; {AGAIN}") from None
    except (EOFError, OSError, zlib.error) as error:
        raise CohortError(f"{file} is truncated or damaged ({error}); {AGAIN}") from error
    if not data:
        raise CohortError(f"{file} is empty; {AGAIN}")
    return data


def read_table(file: Path, numbers: tuple[str, ...] = (), texts: tuple[str, ...] = ()) -> pd.DataFrame:
    """The named columns: ``numbers`` float64 with NaN for an empty cell, ``texts`` categorical with "" for it.

    Row i of the table is line i + 2 of the file.
    """
    data = content(file)
    try:
        head = data.partition(b"\n")[0].decode("utf-8-sig")
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CohortError(f"{file}: byte {error.start} is not UTF-8 text; the file is damaged, {AGAIN}") from error
    header = [name.strip().strip('"').lower() for name in head.split(",")]
    for name in (*numbers, *texts):
        if name not in header:
            raise CohortError(
                f"{file}, line 1: column {name} is missing, found {head.strip()[:80]!r}; use NSRR's own file"
            )
        if header.count(name) > 1:
            raise CohortError(f"{file}, line 1: column {name} is there {header.count(name)} times; use NSRR's own file")
    kinds = dict.fromkeys(numbers, pa.float64()) | dict.fromkeys(texts, pa.dictionary(pa.int32(), pa.string()))
    try:
        table = csv.read_csv(
            pa.BufferReader(data),
            csv.ReadOptions(use_threads=False, column_names=header, skip_rows=1),
            convert_options=csv.ConvertOptions(include_columns=[*kinds], column_types=kinds, null_values=[""]),
        )
    except pa.ArrowInvalid as error:
        raise CohortError(_fault(file, data, header, numbers) or f"{file} is no readable table ({error})") from error
    for name in numbers:
        column = table[name].to_numpy()
        if (~np.isfinite(column)).sum() != table[name].null_count:
            raise CohortError(_fault(file, data, header, numbers))
    if not table.num_rows:
        raise CohortError(f"{file} holds a header and no rows; {AGAIN}")
    return table.to_pandas()


def _fault(file: Path, data: bytes, header: list[str], numbers: tuple[str, ...]) -> str | None:
    """The first line that is no row of the table, in words; read slowly, since something is wrong anyway."""
    for number, row in enumerate(lines_of.reader(io.StringIO(data.decode("utf-8"))), start=1):
        if number == 1 or not row:
            continue
        if len(row) != len(header):
            return f"{file}, line {number}: {len(row)} cells, the header has {len(header)}; truncated? {AGAIN}"
        for name in numbers:
            text = row[header.index(name)]
            if text and not re.fullmatch(r" *[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)? *", text, re.ASCII):
                return f"{file}, line {number}, column {name}: expected a number or nothing, found {text!r}"
    return None


def whole(file: Path, table: pd.DataFrame, name: str) -> np.ndarray:
    """A column of whole numbers from 1, int64."""
    values = table[name].to_numpy()
    bad = np.flatnonzero(~((values >= 1) & (values % 1 == 0)))
    if len(bad):
        found = "nothing" if np.isnan(values[bad[0]]) else f"{values[bad[0]]:g}"
        raise CohortError(f"{file}, line {bad[0] + 2}, column {name}: expected a whole number from 1, found {found}")
    return values.astype(np.int64)


def read_actigraphy(file: Path, participant: int) -> pd.DataFrame:
    """line (int64, increasing), interval (categorical) and the five channels (NaN: off wrist or invalid)."""
    table = read_table(file, ("mesaid", "line", *CHANNELS), ("interval",))
    for column, wrong, wanted in (
        ("mesaid", table["mesaid"] != participant, f"{participant}, as the file is named"),
        ("interval", ~table["interval"].isin([*INTERVALS, ""]), f"one of {', '.join(INTERVALS)}"),
    ):
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise CohortError(
                f"{file}, line {row + 2}, column {column}: expected {wanted}, found {table[column][row]!r}"
            )
    line = whole(file, table, "line")
    step = np.flatnonzero(np.diff(line) <= 0)
    if len(step):
        row = step[0] + 1
        what = "appears twice" if line[row] == line[row - 1] else f"comes after {line[row - 1]}"
        raise CohortError(
            f"{file}, line {row + 2}, column line: epoch {line[row]} {what}; epochs must be in order, once"
        )
    return table.assign(line=line)


def read_stages(file: Path) -> np.ndarray:
    """Sleep stage of each 30-second epoch of a polysomnography, int8, as scored (0 is wake)."""
    data = content(file)
    try:
        root = ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        raise CohortError(f"{file} is truncated, damaged or no UTF-8 text ({error}); {AGAIN}") from error
    if root.tag != "CMPStudyConfig":
        raise CohortError(f"{file}: expected a Profusion export (CMPStudyConfig), found {root.tag!r}")
    seconds = (root.findtext("EpochLength") or "nothing").strip()
    if seconds != str(EPOCH_SECONDS):
        raise CohortError(f"{file}: EpochLength is {seconds}, expected {EPOCH_SECONDS} seconds")
    stages = [(stage.text or "").strip() for stage in root.iterfind("SleepStages/SleepStage")]
    if not stages:
        raise CohortError(f"{file} holds no SleepStage; {AGAIN}")
    for number, stage in enumerate(stages, start=1):
        if not STAGE.fullmatch(stage):
            raise CohortError(
                f"{file}: SleepStage {number} is {stage!r}; expected 0 (wake), 1 to 5 (sleep) or 6 to 9 (unscored)"
            )
    return np.array(stages, dtype=np.int8)
