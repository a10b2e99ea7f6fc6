"""PhysioNet/CinC Challenge 2012: tarballs or extracted folders of one text file a stay → ``Cohort``.

Layout: ``set-a.tar.gz`` (or a folder ``set-a``) with ``<RecordID>.txt`` of rows ``Time,Parameter,Value``, beside
``Outcomes-a.txt``; any subset of the sets a, b, c. Source: https://physionet.org/content/challenge-2012/1.0.0/.
"""

import hashlib
import re
import tarfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from .. import cards
from ..cohort import Cohort, CohortError, attrition_table
from .recognise import hint

DESCRIPTORS = ("RecordID", "Age", "Gender", "Height", "ICUType", "Weight")
# fmt: off
VARIABLES = (
    "ALP", "ALT", "AST", "Albumin", "BUN", "Bilirubin", "Cholesterol", "Creatinine", "DiasABP", "FiO2", "GCS",
    "Glucose", "HCO3", "HCT", "HR", "K", "Lactate", "MAP", "MechVent", "Mg", "NIDiasABP", "NIMAP", "NISysABP", "Na",
    "PaCO2", "PaO2", "Platelets", "RespRate", "SaO2", "SysABP", "Temp", "TroponinI", "TroponinT", "Urine", "WBC",
    "pH",
)
# fmt: on
COLUMN = {variable: i for i, variable in enumerate(VARIABLES)}
HOURS = 48
#: Measured values are clipped to these quantiles of the training values (a temperature of -17.8 °C is 0 °F).
CLIP = (0.005, 0.995)
#: Time, parameter and value of a row; stricter than ``float``, which reads "1_0", "nan" and digits of other scripts.
ROW = re.compile(r"(\d\d):(\d\d),([^,]*),([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)", re.ASCII)
LARGEST = float(np.finfo(np.float32).max)  # beyond it, a float32 is infinite
NOT_FINITE = re.compile(r"[^,]*,([^,]*),([-+]?(?:nan|inf|infinity))", re.IGNORECASE)
#: Written by ``fairlib.twins.challenge2012``: these files are synthetic.
TWIN_MARK = "TWIN.json"
OUTCOME_COLUMNS = ("RecordID", "SAPS-I", "SOFA", "Length_of_stay", "Survival", "In-hospital_death")


def read(path: Path | str, sets: tuple[str, ...] | None = None, origin: str | None = None) -> Cohort:
    """Read the sets found in ``path`` (or the named ``sets``, e.g. ``("a", "b")``) into a cohort.

    ``origin``: "twin" or "real"; by default "twin" where a TWIN.json lies in ``path``.

    Returns windows (n, 48, 72): 36 variables at 1-hour steps (last value in the hour, carried forward, before the first
    measurement the training median; clipped and standardised with training statistics), then their 36 observation
    masks (1 = measured in this hour).

    Raises ``CohortError`` naming file, line and value for anything the format does not allow.
    """
    path = Path(path)
    found = _find_sets(path, sets)
    twin = (path / TWIN_MARK).exists()
    if twin and origin == "real":
        raise CohortError(f"{path} holds {TWIN_MARK}: its files are synthetic and cannot be read as real")
    counts, grids, raw, labels, split, steps = Counter(), [], [], [], [], []
    known: set[str] = set()
    for name in found:
        outcomes = _read_outcomes(path / f"Outcomes-{name}.txt")
        records = dict(_records(path, name, len(outcomes)))
        _match(path, name, records, outcomes)
        if not records:
            raise CohortError(
                f"{path}: set-{name} and Outcomes-{name}.txt hold no record at all; fetch the files again"
            )
        if again := sorted(records.keys() & known):
            raise CohortError(
                f"{path}: record {again[0]} is in set-{name} and in another set ({len(again)} such case(s))"
            )
        known |= records.keys()
        for record, text in tqdm(records.items(), desc=f"set {name}", unit="stay", mininterval=2):
            grid, descriptors = _parse(text, f"set-{name}/{record}.txt", record, counts)
            grids.append(grid)
            raw.append(descriptors)
        deaths = np.array([outcomes[record] for record in records], dtype=np.int8)
        labels.append(deaths)
        split.append(_split(list(records), deaths))
        expected = cards.load("challenge2012").expected
        note = f"{int(deaths.sum())} deaths; the official set has {expected[f'set-{name}']:,} stays and"
        note += f" {expected[f'set-{name} deaths']} deaths"
        steps.append((f"set {name}: record files with an outcome", len(records), len(records), note))
    values, split = np.stack(grids), np.concatenate(split)
    frame = pd.DataFrame(raw)
    n = len(values)
    empty = int((~np.isfinite(values).any(axis=(1, 2))).sum())
    steps.append(("stays without any measurement", empty, empty, "kept: every value imputed, every mask 0"))
    for trap, count in sorted(counts.items()):
        steps.append((trap, 0, 0, f"{count:,} rows"))
    x, statistics_note = _standardise(values, split == "train")
    steps.append(("cohort", n, n, statistics_note))
    return Cohort(
        x=x,
        y=np.concatenate(labels),
        person=frame.pop("RecordID").to_numpy(),
        attributes=cards.load("challenge2012").segment(frame),
        split=split,
        channels=(*VARIABLES, *(f"mask {variable}" for variable in VARIABLES)),
        dataset="challenge2012",
        origin=origin or ("twin" if twin else "real"),
        attrition=attrition_table(steps),
    )


def _find_sets(path: Path, wanted: tuple[str, ...] | None) -> list[str]:
    if not path.is_dir():
        raise CohortError(f"{path} is not a folder; give the folder that holds set-a.tar.gz and Outcomes-a.txt")
    found = [s for s in "abc" if (path / f"set-{s}.tar.gz").exists() or (path / f"set-{s}").is_dir()]
    missing = sorted(set(wanted or ()) - set(found))
    if missing or not found:
        what = f"set-{missing[0] if missing else 'a'}"
        raise CohortError(
            f"{path} holds neither {what}.tar.gz nor a folder {what}{hint(path, 'challenge2012')}; `python -m fairlib"
            f" fetch challenge2012 {path}` downloads the official files"
        )
    chosen = [s for s in found if wanted is None or s in wanted]
    for name in chosen:
        if not (path / f"Outcomes-{name}.txt").exists():
            raise CohortError(f"{path} holds set-{name} but not Outcomes-{name}.txt, its labels")
    return chosen


def _read_outcomes(file: Path) -> dict[str, int]:
    """RecordID → in-hospital death. Lines are checked one by one so that an error can name the line."""
    lines = _decode(file.read_bytes(), file.name).splitlines()
    if not lines or tuple(lines[0].split(",")) != OUTCOME_COLUMNS:
        found = lines[0] if lines else "nothing"
        raise CohortError(f"{file}: first line must be {','.join(OUTCOME_COLUMNS)}, found {found!r}")
    outcomes = {}
    for number, line in enumerate(lines[1:], start=2):
        cells = line.split(",")
        if len(cells) != len(OUTCOME_COLUMNS) or cells[-1] not in ("0", "1"):
            raise CohortError(
                f"{file}, line {number}: expected 6 cells ending in In-hospital_death 0 or 1, found {line!r}"
            )
        if cells[0] in outcomes:
            raise CohortError(f"{file}, line {number}: RecordID {cells[0]} appears twice")
        outcomes[cells[0]] = int(cells[-1])
    return outcomes


def _records(path: Path, name: str, expected: int) -> Iterator[tuple[str, str]]:
    """(RecordID, text) of each record file, ordered by RecordID whatever the archive's order."""
    folder, archive = path / f"set-{name}", path / f"set-{name}.tar.gz"
    if folder.is_dir():
        files = sorted(folder.glob("*.txt"))
        yield from ((file.stem, _decode(file.read_bytes(), f"set-{name}/{file.name}")) for file in files)
        return
    texts = {}
    try:
        with tarfile.open(archive, "r:gz") as tar:  # members are read in memory, nothing is extracted to disk
            for member in tar:
                if member.isfile() and member.name.endswith(".txt"):
                    if member.size > 1_000_000 or len(texts) > 100_000:
                        raise CohortError(
                            f"{archive}: {member.name} is no record of the challenge ({member.size} bytes)"
                        )
                    record = Path(member.name).stem
                    if record in texts:
                        raise CohortError(f"{archive}: record {record} is in the archive twice; fetch it again")
                    texts[record] = _decode(tar.extractfile(member).read(), member.name)
            while tar.fileobj.read(1 << 20):  # to the very end, where gzip's checksum is
                pass
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise CohortError(
            f"{archive} is truncated or damaged after {len(texts)} of {expected} records ({error}); download it again"
            f" with `python -m fairlib fetch challenge2012 {path}`"
        ) from error
    yield from sorted(texts.items())


def _decode(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CohortError(
            f"{name}: byte {error.start} is not UTF-8 text; the file is damaged or of another kind"
        ) from error


def _match(path: Path, name: str, records: dict[str, str], outcomes: dict[str, int]) -> None:
    """A label without a record, or a record without a label, is an error: losing stays would bias the cohort."""
    for left, right, what in (
        (outcomes, records, f"Outcomes-{name}.txt lists {{}}, but set-{name} holds no such record"),
        (records, outcomes, f"set-{name} holds record {{}}, but Outcomes-{name}.txt has no row for it"),
    ):
        lonely = sorted(left.keys() - right.keys())
        if lonely:
            raise CohortError(f"{path}: {what.format(lonely[0])} ({len(lonely)} such case(s)); fetch the files again")


def _parse(text: str, file: str, record: str, counts: Counter) -> tuple[np.ndarray, dict[str, object]]:
    """One record → (48, 36) values with NaN where nothing was measured, and its descriptors; traps are counted."""
    grid = np.full((HOURS, len(VARIABLES)), np.nan, dtype=np.float32)
    descriptors: dict[str, float] = {}
    seen = set()
    lines = text.splitlines()
    if not lines or lines[0] != "Time,Parameter,Value":
        raise CohortError(
            f"{file}, line 1: expected 'Time,Parameter,Value', found {lines[0] if lines else 'nothing'!r}"
        )
    latest = 0
    for number, line in enumerate(lines[1:], start=2):
        found = ROW.fullmatch(line)
        if not found or abs(float(found[4])) > LARGEST:
            raise CohortError(f"{file}, line {number}: {_what_is_wrong(line)}")
        hours, minutes, parameter = int(found[1]), int(found[2]), found[3]
        minute, value = 60 * hours + minutes, float(found[4])
        if minute > 60 * HOURS or minutes >= 60:
            raise CohortError(f"{file}, line {number}: time {line[:5]} lies outside the first 48 hours")
        if minute < latest:
            raise CohortError(
                f"{file}, line {number}: time {line[:5]} is earlier than the line before; rows must be in order"
            )
        latest = minute
        if parameter in DESCRIPTORS and minute == 0 and parameter not in descriptors:
            descriptors[parameter] = value  # descriptors need not be the first six rows
        elif parameter == "Weight":
            counts["Weight as a time series: not a channel"] += 1
        elif parameter == "":
            counts["rows without a parameter name: dropped"] += 1
        elif value == -1:
            counts["measurements of -1 (unknown): kept missing"] += 1
        elif (column := COLUMN.get(parameter)) is not None:
            if (minute, column) in seen:
                counts["repeated (time, parameter): the last value kept"] += 1
            seen.add((minute, column))
            grid[min(minute // 60, HOURS - 1), column] = value
        else:
            raise CohortError(f"{file}, line {number}: unknown parameter {parameter!r}")
    missing = [name for name in DESCRIPTORS if name not in descriptors]
    if missing:
        raise CohortError(f"{file}: descriptor {missing[0]} is missing at 00:00")
    if f"{descriptors['RecordID']:.10g}" != record:
        raise CohortError(f"{file}: RecordID {descriptors['RecordID']:.10g} does not match the file name")
    if not (descriptors["Age"] == -1 or 0 <= descriptors["Age"] <= 120):
        raise CohortError(f"{file}: Age is {descriptors['Age']:g}; expected years from 0 to 120, or -1 for unknown")
    unknown = {name for name in ("Age", "Gender", "ICUType") if descriptors[name] == -1}
    for name in sorted(unknown):
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
        return f"{parameter} is {cell}; a measurement must be a finite number"
    return f"expected 'HH:MM,Parameter,number', found {line!r}"


def _split(records: list[str], deaths: np.ndarray) -> np.ndarray:
    """70 % train, 15 % val, 15 % test within each outcome, ordered by a hash of the RecordID.

    The hash makes the split of a set independent of which other sets are there, and of the order of the files.
    """
    split = np.empty(len(records), dtype=object)
    order = np.argsort([hashlib.sha256(record.encode()).hexdigest() for record in records], kind="stable")
    for outcome in (0, 1):
        rows = order[deaths[order] == outcome]
        first, second = round(0.70 * len(rows)), round(0.85 * len(rows))
        split[rows[:first]], split[rows[first:second]], split[rows[second:]] = "train", "val", "test"
    return split.astype(str)


def _standardise(values: np.ndarray, train: np.ndarray) -> tuple[np.ndarray, str]:
    """Clip, impute and scale with statistics of the measured *training* values; append the masks."""
    observed = np.isfinite(values)
    x = np.empty((*values.shape[:2], 2 * values.shape[2]), dtype=np.float32)
    x[:, :, values.shape[2] :] = observed
    rows = np.arange(values.shape[1])[None, :, None]
    latest = np.maximum.accumulate(np.where(observed, rows, -1), axis=1)  # hour of the last measurement, -1: none yet
    unmeasured = []
    for column, variable in enumerate(VARIABLES):
        known = values[train, :, column][observed[train, :, column]].astype(np.float64)
        if known.size == 0:
            unmeasured.append(variable)
            known = np.zeros(1)
        low, high = np.quantile(known, CLIP)
        clipped = np.clip(known, low, high)
        mean, sd, median = clipped.mean(), clipped.std() or 1.0, np.median(known)
        filled = np.take_along_axis(values[:, :, column], np.maximum(latest[:, :, column], 0), axis=1)
        filled = np.where(latest[:, :, column] >= 0, np.clip(filled, low, high), median)
        x[:, :, column] = (filled - mean) / sd
    note = "clipped, imputed and scaled with statistics of the training stays"
    if unmeasured:
        note += f"; never measured in training: {', '.join(unmeasured)}"
    return x, note
