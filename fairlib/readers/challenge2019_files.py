"""The files of Challenge 2019: a hospital as an archive or a folder of one ``.psv`` a stay → checked values.

Stays are read in blocks, of which the first 24 hours are kept, so that memory does not grow with the number of hours.
Every fault is a ``CohortError`` naming file, line, column and value; what is accepted though odd is counted.
"""

import io
import re
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv as pacsv

from .. import cards
from ..cohort import CohortError
from . import files as files_of
from . import inventory
from .counts import Step
from .recognise import hint

#: The 34 channels in their order, and the columns that follow them.
VARIABLES, OTHERS = map(tuple, files_of.facts("challenge2019_names.json").values())
COLUMNS = (*VARIABLES, *OTHERS)
HEADER = "|".join(COLUMNS).encode()
#: Of a window, which begins with the first hour in intensive care, ICULOS 1.
HOURS = 24
#: The hospitals: the one that may be looked at, and the one that is kept for the confirmation.
DEVELOPMENT, SEALED = ("A",), ("B",)
HOSPITALS = (*DEVELOPMENT, *SEALED)
#: Stricter than ``float``, which reads "1_0", "inf" and digits of other scripts.
NUMBER = re.compile(r"NaN|-?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?", re.ASCII)
MARK = b"\xef\xbb\xbf"  # the byte order mark of Windows programs
#: Bytes; the official record files are under 100,000.
LARGEST_RECORD = 1_000_000
#: Stays that are in memory with all their hours.
BLOCK = 512
#: What Python says of an archive that cannot be unpacked, or whose names are no text.
DAMAGED = (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, RuntimeError, zlib.error, UnicodeDecodeError)
UNREAD = "it lies in the folder; read is hospital A, or those that are named"
OTHER, ELSEWHERE = (
    "other files in an archive or folder: not read",
    "records of another hospital in an archive: not read",
)
AGAIN = "get the official file again"
#: Oldest age that is believed; 100 stands for 90 and above.
OLDEST = 120


def find_sets(path: Path, sets: Sequence[str] = DEVELOPMENT) -> tuple[dict[str, Path], list[Step]]:
    """Hospital → its archive or folder, and an attrition row for each that lies there and is not read.

    sets: names of the hospitals to read; all of them must be there. Where they lie, the data card says.
    """
    if not sets or (unknown := sorted(set(sets) - set(HOSPITALS))):
        what = f"there is no hospital {unknown[0]!r}" if sets else "no hospital was named"
        raise CohortError(f"{what}; Challenge 2019 has the hospitals {', '.join(HOSPITALS)}")
    if not path.is_dir():
        raise CohortError(f"{path} is not a folder; give the folder that holds training_setA.zip")
    found, steps = {}, []
    for name, file in zip(HOSPITALS, cards.load("challenge2019").obtain.files, strict=True):
        forms = [inventory.find(path, file.model_copy(update={"found_by": [one]})) for one in file.patterns]
        there = [place for form in forms for place in form]
        if name not in sets:
            unread = f"hospital {name}: {'sealed, ' * (name in SEALED)}not read"
            steps += [(unread, 0, 0, UNREAD)] * bool(there)
        elif there:
            found[name] = there[0]
            steps += [
                (f"hospital {name}: {other.name}", 0, 0, f"not read: {there[0].name} is, which lies beside it")
                for other in there[1:]
            ]
        else:
            command = f"python -m fairlib fetch challenge2019 {path}" + f" --sealed {name}" * (name in SEALED)
            raise CohortError(
                f"{path} holds no training_set{name}, neither as .zip or .tar.gz nor as a folder"
                f"{hint(path, 'challenge2019')}; `{command}` says how to get it"
            )
    return found, steps


def blocks(place: Path, hospital: str, traps: Counter) -> Iterator[tuple[np.ndarray, pd.DataFrame]]:
    """(windows, stays) of some stays at a time, in the order of the files.

    windows: (n, 24, 34) float32, NaN where nothing was measured. stays, n rows: file, person (name of the file),
    hours, first and last (ICULOS), early and sepsis (label 1 until hour 24, and ever), Age, Gender, Unit1, Unit2.
    """
    names, contents = [], []
    for name, content in _records(place, hospital, traps):
        names.append(name)
        contents.append(content)
        if len(names) == BLOCK:
            yield _block(names, contents)
            names, contents = [], []
    if names:
        yield _block(names, contents)


def _records(place: Path, hospital: str, traps: Counter) -> Iterator[tuple[str, bytes]]:
    """(name, content) of each record file; other files, and those of another hospital, are counted and not opened."""
    elsewhere, seen = {f"training_set{name}".lower() for name in HOSPITALS if name != hospital}, set()
    try:
        for name, size, content in _members(place):
            file = PurePosixPath(name)
            if not file.name.endswith(".psv") or file.name.startswith("."):  # hidden ones that some systems add
                traps[OTHER] += 1
            elif elsewhere & {part.lower() for part in file.parts}:
                traps[ELSEWHERE] += 1
            elif size > LARGEST_RECORD:
                raise CohortError(f"{name} is not a record of the challenge ({size:,} bytes); {AGAIN}")
            elif file.stem in seen:
                raise CohortError(f"{place}: record {file.stem} is there twice; keep one file of it")
            else:
                seen.add(file.stem)
                yield name, content()
    except DAMAGED as error:
        what = str(error)[:80]  # of an archive's damage some quote all they saw
        raise CohortError(f"{place} is truncated or damaged after {len(seen)} records ({what}); {AGAIN}") from error
    if not seen:
        raise CohortError(f"{place} holds no record of hospital {hospital}, such as p000001.psv; {AGAIN}")


def _members(place: Path) -> Iterator[tuple[str, int, Callable[[], bytes]]]:
    """Name, bytes and content of each file in a folder or an archive; nothing is extracted to disk."""
    if place.is_dir():
        for file in sorted(place.iterdir()):
            name = f"{place.name}/{file.name}"
            yield name, file.stat().st_size, lambda file=file, name=name: files_of.content(file, AGAIN, name)
    elif place.suffix.lower() == ".zip":
        with zipfile.ZipFile(place) as packed:
            for member in packed.infolist():
                if not member.is_dir():
                    yield member.filename, member.file_size, lambda member=member: packed.read(member)
    else:
        with tarfile.open(place, "r:gz") as tar:
            for member in tar:
                if not member.isdir():
                    name = member.name + " (not a file)" * (not member.isfile())
                    yield name, member.size, lambda member=member: tar.extractfile(member).read()
                tar.members = []  # it would remember each
            while tar.fileobj.read(1 << 20):  # to the very end, where gzip's checksum is
                pass


def _block(names: list[str], contents: list[bytes]) -> tuple[np.ndarray, pd.DataFrame]:
    values, rows = _numbers(names, contents)
    stay, end = np.repeat(np.arange(len(rows)), rows), np.cumsum(rows)
    _check(names, values, stay, end - rows)
    column = dict(zip(COLUMNS, values.T, strict=True))
    hour, label = column["ICULOS"].astype(int), column["SepsisLabel"] == 1
    windows, inside = np.full((len(rows), HOURS, len(VARIABLES)), np.nan, dtype=np.float32), hour <= HOURS
    windows[stay[inside], hour[inside] - 1] = values[inside, : len(VARIABLES)]
    stays = pd.DataFrame({"file": names, "person": [PurePosixPath(name).stem for name in names], "hours": rows})
    stays["first"], stays["last"] = hour[end - rows], hour[end - 1]
    stays["early"] = np.bincount(stay, label & inside, len(rows)) > 0
    stays["sepsis"] = label[end - 1]
    return windows, stays.assign(**{name: column[name][end - 1] for name in ("Age", "Gender", "Unit1", "Unit2")})


def _numbers(names: list[str], contents: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """All rows of some records (rows, 41) float64, NaN where missing, and how many rows each has."""
    bodies = []
    for name, content in zip(names, contents, strict=True):
        head, _, body = content.removeprefix(MARK).partition(b"\n")
        if head.removesuffix(b"\r") != HEADER or not body.endswith(b"\n"):
            raise _fault(name, content)
        bodies.append(body)
    rows = np.array([body.count(b"\n") for body in bodies])
    try:
        table = pacsv.read_csv(
            io.BytesIO(b"".join(bodies)),
            pacsv.ReadOptions(column_names=COLUMNS),
            pacsv.ParseOptions(delimiter="|", quote_char=False, ignore_empty_lines=False),
            pacsv.ConvertOptions(column_types=dict.fromkeys(COLUMNS, pa.float64()), null_values=["NaN"]),
        )
        values = np.column_stack([column.to_numpy() for column in table.columns])
        missing = sum(column.null_count for column in table.columns)
        odd = len(values) != rows.sum() or np.isnan(values).sum() != missing
        if odd or np.nanmax(np.abs(values), initial=0) > files_of.LARGEST_FLOAT:
            raise pa.ArrowInvalid("numbers that no official file holds")
    except pa.ArrowInvalid as error:
        found = map(_fault, names, contents)
        raise next((fault for fault in found if fault), CohortError(f"{names[0]} and {names[-1]}: {error}")) from error
    return values, rows


def _fault(name: str, content: bytes) -> CohortError | None:
    """What is wrong with the text of a record, where it is, and what to do; None for what can be read."""
    if not content:
        return CohortError(f"{name} is empty (0 bytes); {AGAIN}")
    lines = files_of.decoded(content, name, AGAIN).split("\n")
    head = lines[0].removesuffix("\r").split("|")
    if head != list(COLUMNS):
        lost, more = ([c for c in one if c not in other] for one, other in ((COLUMNS, head), (head, COLUMNS)))
        what = "the columns are in another order, or one is there twice"
        if more:
            what = f"column {files_of.shown(more[0])} is not of the format"
        if lost:
            what = f"column {lost[0]} is missing" + (f", found {files_of.shown(more[0])}" if more else "")
        return CohortError(f"{name}, line 1: {what}; the {len(COLUMNS)} official columns are needed: {AGAIN}")
    if len(lines) == 1 or lines[1:] == [""]:
        return CohortError(f"{name} holds a header and no rows; {AGAIN}")
    if lines[-1]:
        return CohortError(f"{name}: the last line has no end, so the file is cut off; {AGAIN}")
    for number, line in enumerate(lines[1:-1], start=2):
        cells = line.removesuffix("\r").split("|")
        if len(cells) != len(COLUMNS):
            return CohortError(f"{name}, line {number}: expected {len(COLUMNS)} cells, found {len(cells)}; {AGAIN}")
        for column, cell in zip(COLUMNS, cells, strict=True):
            if not NUMBER.fullmatch(cell) or abs(float(cell)) > files_of.LARGEST_FLOAT:
                found = f"expected a number or NaN, found {files_of.shown(cell)}"
                return CohortError(f"{name}, line {number}, column {column}: {found}; correct the cell")
    return None


def _check(names: list[str], values: np.ndarray, stay: np.ndarray, first: np.ndarray) -> None:
    """Raise ``CohortError`` for the first row that contradicts the format or the rows before it.

    values: (rows, 41); stay: (rows,) number of the stay; first: number of the first row of each stay.
    """
    column = dict(zip(COLUMNS, values.T, strict=True))
    hour, label, age = column["ICULOS"], column["SepsisLabel"], column["Age"]
    begins = np.isin(np.arange(len(stay)), first)
    before, labelled = (np.where(begins, 0, np.roll(one, 1)) for one in (hour, label))
    rules = [
        ("ICULOS", ~((hour >= 1) & (hour % 1 == 0)), "a whole hour from 1 on", "correct the cell"),
        ("ICULOS", hour == before, "each hour once", "keep one row of it"),
        ("ICULOS", hour < before, "hours in ascending order", "sort the rows by ICULOS"),
        ("SepsisLabel", ~np.isin(label, [0, 1]), "0 or 1", AGAIN),
        ("SepsisLabel", label < labelled, "1 to the end of the record once it is 1", AGAIN),
        ("Age", (age <= 0) | (age > OLDEST), f"years above 0 up to {OLDEST}, or NaN for unknown", "correct the cells"),
    ]
    for name in ("Gender", "Unit1", "Unit2"):
        other = ~(np.isin(column[name], [0, 1]) | np.isnan(column[name]))
        rules.append((name, other, "0, 1 or NaN for unknown", "correct the cells"))
    for name in ("Age", "Gender", "Unit1", "Unit2"):
        at_first = column[name][first][stay]
        changed = (column[name] != at_first) & ~(np.isnan(column[name]) & np.isnan(at_first))
        rules.append((name, changed, "the same value in each row of a stay", "correct the cells"))
    both = (column["Unit1"] == 1) & (column["Unit2"] == 1)
    rules.append(("Unit2", both, "0 where Unit1 is 1, since a stay has one unit", "correct the cells"))
    for name, bad, wanted, todo in rules:
        if bad.any():
            row = int(bad.argmax())
            place = f"{names[stay[row]]}, line {row - first[stay[row]] + 2}, column {name}"
            raise CohortError(f"{place}: expected {wanted}, found {files_of.shown(column[name][row])}; {todo}")
