"""The files of Challenge 2012: sets as archives or folders, outcomes, and one record a stay → checked values.

Every fault is a ``CohortError`` naming file, line and value; what is accepted though odd is counted.
"""

import re
import tarfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ..cohort import CohortError
from . import files as files_of
from .counts import Step
from .recognise import hint

#: Names in the files: rows at 00:00, the 36 channels in their order, and the header of the outcomes.
DESCRIPTORS, VARIABLES, OUTCOME_COLUMNS = map(tuple, files_of.facts("challenge2012_names.json").values())
COLUMN = {variable: i for i, variable in enumerate(VARIABLES)}
HOURS = 48
#: Time, parameter and value of a row; stricter than ``float``, which reads "1_0", "nan" and digits of other scripts.
ROW = re.compile(r"(\d\d):(\d\d),([^,]*),([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)", re.ASCII)
NOT_FINITE = re.compile(r"[^,]*,([^,]*),([-+]?(?:nan|inf|infinity))", re.IGNORECASE)
#: Bytes; the official record files are under 100,000.
LARGEST_RECORD = 1_000_000
#: Bytes and members of an archive; an official set has 4,000 records of under 100 MB together.
LARGEST_SET, MOST = 500_000_000, 50_000
#: The sets: those that may be looked at, and those that are kept for the confirmation.
DEVELOPMENT, SEALED = ("a", "b"), ("c",)
SETS = (*DEVELOPMENT, *SEALED)
UNREAD = "it lies in the folder; read are sets a and b, or those that are named"
OTHER = "other files in a set: not read"
AGAIN = "fetch the files again"


def find_sets(path: Path, sets: Sequence[str] = DEVELOPMENT) -> tuple[list[str], list[Step]]:
    """The sets to read, each with its outcomes, and an attrition row for each set or archive that is not read.

    sets: their names; of ``DEVELOPMENT`` those that are there, of any other choice all.
    """
    if not sets or (unknown := sorted(set(sets) - set(SETS))):
        what = f"there is no set {unknown[0]!r}" if sets else "no set was named"
        raise CohortError(f"{what}; Challenge 2012 has the sets {', '.join(SETS)}")
    if not path.is_dir():
        raise CohortError(f"{path} is not a folder; give the folder that holds set-a.tar.gz and Outcomes-a.txt")
    there = {file.name for file in path.iterdir()}
    for name in SETS:
        for official in (f"set-{name}", f"set-{name}.tar.gz", f"Outcomes-{name}.txt"):
            files_of.refuse_other_case(path / official)
    lying = [s for s in SETS if f"set-{s}.tar.gz" in there or f"set-{s}" in there]
    found = [name for name in lying if name in sets]
    if lost := sorted(set(sets) - set(found)) if tuple(sets) != DEVELOPMENT or not found else []:
        name, more = lost[0], f" --sealed {' '.join(SEALED)}" * (lost[0] in SEALED)
        only = f"; it holds set {', '.join(lying)} only" if lying else hint(path, "challenge2012")
        raise CohortError(
            f"{path} holds neither set-{name}.tar.gz nor a folder set-{name}{only}; `python -m fairlib"
            f" fetch challenge2012 {path}{more}` downloads the official files"
        )
    unread = [name for name in lying if name not in sets]
    steps = [(f"set {s}: {'sealed, ' * (s in SEALED)}not read", 0, 0, UNREAD) for s in unread]
    for name in sets:
        if name in found and f"Outcomes-{name}.txt" not in there:
            raise CohortError(f"{path} holds set-{name} but not Outcomes-{name}.txt, its labels; {AGAIN}")
        if name not in found and f"Outcomes-{name}.txt" in there:
            raise CohortError(
                f"{path} holds Outcomes-{name}.txt but neither set-{name}.tar.gz nor a folder set-{name}, its records;"
                f" {AGAIN}, or remove Outcomes-{name}.txt to study the other sets"
            )
        if {f"set-{name}.tar.gz", f"set-{name}"} <= there:
            steps.append((f"set {name}: archive", 0, 0, f"not read: the folder set-{name} beside it is"))
    return found, steps


def read_outcomes(file: Path) -> dict[str, int]:
    """RecordID → in-hospital death."""
    table = files_of.table(file, OUTCOME_COLUMNS, AGAIN, "the official file", str, ended=True)
    record, died = table["RecordID"], table["In-hospital_death"]
    files_of.refuse(file, ~record.str.isdecimal(), "RecordID", record, "digits", AGAIN)
    files_of.refuse(file, ~died.isin(["0", "1"]), "In-hospital_death", died, "0 or 1", AGAIN)
    files_of.refuse_repeated(file, table[["RecordID"]])
    return dict(zip(record, died.astype(int), strict=True))


def records(path: Path, name: str, expected: int, counts: Counter) -> Iterator[tuple[str, str]]:
    """(RecordID, text) of each record file, ordered by RecordID whatever the archive's order; other files counted."""
    folder, archive = path / f"set-{name}", path / f"set-{name}.tar.gz"
    if folder.exists():
        if not folder.is_dir():
            raise CohortError(f"{folder} is a file, not a folder of records; {AGAIN}")
        files = sorted(folder.iterdir())
        counts[OTHER] += sum(not _is_record(file.name) for file in files)
        yield from ((file.stem, _text(file, f"set-{name}/{file.name}")) for file in files if _is_record(file.name))
        return
    texts, size = {}, 0
    try:
        with tarfile.open(archive, "r:gz") as tar:  # members are read in memory, nothing is extracted to disk
            for count, member in enumerate(tar, start=1):
                size += member.size
                if size > LARGEST_SET or count > MOST:
                    raise CohortError(f"{archive} unpacks to more than an official set does; {AGAIN}")
                record = Path(member.name)
                if not member.isfile() or not _is_record(record.name):
                    counts[OTHER] += not member.isdir()
                    continue
                _check_size(f"{archive}: {member.name}", member.size)
                if record.stem in texts:
                    raise CohortError(f"{archive}: record {record.stem} is in the archive twice; fetch it again")
                texts[record.stem] = files_of.decoded(tar.extractfile(member).read(), member.name, AGAIN)
            while tar.fileobj.read(1 << 20):  # to the very end, where gzip's checksum is
                pass
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise CohortError(
            f"{archive} is truncated or damaged after {len(texts)} of {expected} records ({error}); download it again"
            f" with `python -m fairlib fetch challenge2012 {path}`"
        ) from error
    yield from sorted(texts.items())


def _is_record(name: str) -> bool:
    """Not the hidden files that some systems put beside others, such as ``._132539.txt``."""
    return name.endswith(".txt") and not name.startswith(".")


def _text(file: Path, name: str) -> str:
    if file.is_file():
        _check_size(name, file.stat().st_size)
    return files_of.text(file, AGAIN, name, ended=True)


def _check_size(name: str, size: int) -> None:
    if size > LARGEST_RECORD:
        raise CohortError(f"{name} is no record of the challenge ({size:,} bytes); {AGAIN}")


def match(path: Path, name: str, records: dict[str, str], outcomes: dict[str, int]) -> None:
    """A label without a record, or a record without a label, is an error: losing stays would bias the cohort."""
    for lonely, what in (
        (outcomes.keys() - records.keys(), f"Outcomes-{name}.txt lists {{}}, but set-{name} holds no such record"),
        (records.keys() - outcomes.keys(), f"set-{name} holds record {{}}, but Outcomes-{name}.txt has no row for it"),
    ):
        if lonely:
            raise CohortError(f"{path}: {what.format(min(lonely))} ({len(lonely)} such case(s)); {AGAIN}")


def parse(text: str, file: str, record: str, counts: Counter) -> tuple[np.ndarray, dict[str, object]]:
    """One record → (48, 36) values with NaN where nothing was measured, and its descriptors; traps are counted."""
    grid = np.full((HOURS, len(VARIABLES)), np.nan, dtype=np.float32)
    descriptors: dict[str, float] = {}
    lines = text.splitlines()
    if not lines or lines[0] != "Time,Parameter,Value":
        found = files_of.shown(lines[0]) if lines else "nothing"
        raise CohortError(f"{file}, line 1: expected 'Time,Parameter,Value', found {found}; {AGAIN}")
    seen, latest = set(), 0

    def fault(number: int, what: str) -> CohortError:
        return CohortError(f"{file}, line {number}: {what}")

    for number, line in enumerate(lines[1:], start=2):
        found = ROW.fullmatch(line)
        if not found or abs(float(found[4])) > files_of.LARGEST_FLOAT:
            raise fault(number, _what_is_wrong(line))
        hours, minutes, parameter = int(found[1]), int(found[2]), found[3]
        minute, value = 60 * hours + minutes, float(found[4])
        if minute > 60 * HOURS or minutes >= 60:
            raise fault(number, f"time {line[:5]} lies outside the first 48 hours; cut the record there")
        if minute < latest:
            raise fault(number, f"time {line[:5]} is earlier than the line before; sort the rows by time")
        latest = minute
        if parameter in DESCRIPTORS and minute == 0 and parameter not in descriptors:
            descriptors[parameter] = value  # descriptors need not be the first six rows
        elif parameter == "Weight":
            counts["Weight as a time series: not a channel"] += 1
        elif parameter == "":
            counts["rows without a parameter name: dropped"] += 1
        elif (column := COLUMN.get(parameter)) is None:
            what = "appears twice, or later than 00:00" if parameter in DESCRIPTORS else "is an unknown parameter"
            raise fault(number, f"{files_of.shown(parameter)} {what}; correct or remove the row")
        elif value == -1:
            counts["measurements of -1 (unknown): kept missing"] += 1
        else:
            if (minute, column) in seen:
                counts["repeated (time, parameter): the last value kept"] += 1
            seen.add((minute, column))
            grid[min(minute // 60, HOURS - 1), column] = value
    if missing := [name for name in DESCRIPTORS if name not in descriptors]:
        raise CohortError(f"{file}: descriptor {missing[0]} is missing at 00:00; {AGAIN}")
    if f"{descriptors['RecordID']:.10g}" != record:
        raise CohortError(f"{file}: RecordID {descriptors['RecordID']:.10g} does not match the file name; {AGAIN}")
    if not (descriptors["Age"] == -1 or 0 <= descriptors["Age"] <= 120):
        raise CohortError(f"{file}: Age is {descriptors['Age']:g}; expected years from 0 to 120, or -1 for unknown")
    unknown = [name for name in ("Age", "Gender", "ICUType") if descriptors[name] == -1]
    for name in unknown:
        counts[f"{name} of -1 (unknown): kept missing"] += 1
    return grid, {
        "RecordID": int(descriptors["RecordID"]),
        "gender": f"{descriptors['Gender']:g}",  # 0.5 is no code of the card, and an error there
        "age": None if "Age" in unknown else descriptors["Age"],
        "icu_type": None if "ICUType" in unknown else f"{descriptors['ICUType']:g}",
    }


def _what_is_wrong(line: str) -> str:
    if (found := NOT_FINITE.fullmatch(line)) or (found := ROW.fullmatch(line)):
        parameter, cell = found.groups()[-2:]
        return f"{parameter} is {cell}; a measurement must be a finite number: correct or remove the row"
    return f"expected 'HH:MM,Parameter,number', found {files_of.shown(line)}; correct or remove the row"
