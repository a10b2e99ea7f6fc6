"""MIMIC-III in-hospital mortality straight from the hospital's tables: what the mimic3-benchmarks make, without files.

Layout: a folder with ADMISSIONS, PATIENTS, ICUSTAYS, CHARTEVENTS and LABEVENTS of MIMIC-III v1.4 or its demo, ``.csv``
or ``.csv.gz``, file and column names in any case; DIAGNOSES_ICD and its dictionary D_ICD_DIAGNOSES are used if there.
OUTPUTEVENTS holds none of the 17 variables. Source of the rules: YerevaNN/mimic3-benchmarks at ea0314c (Harutyunyan et
al., Sci Data 2019;6:96).
"""

from pathlib import Path

import numpy as np
import pandas as pd

from .. import cards
from ..cohort import Cohort, CohortError
from . import counts as rows_of
from . import files as files_of
from . import mimic_tables as tables_of
from .benchmark_episodes import CHANNELS, EPS, HOURS
from .mimic_events import extract
from .splits import by_person

TABLES = ("ADMISSIONS", "PATIENTS", "ICUSTAYS", "CHARTEVENTS", "LABEVENTS")
DIAGNOSES = ("DIAGNOSES_ICD", "D_ICD_DIAGNOSES")
#: The benchmark's published lists, ``subject,1`` for the people of that split; for all others ``subject,0``.
LISTS = {"test": "testset.csv", "val": "valset.csv"}


def holds_tables(path: Path) -> bool:
    """Whether a folder has the tables that only this reader uses."""
    return any(tables_of.find_table(name, [path]) for name in ("CHARTEVENTS", "ICUSTAYS"))


def read(path: Path, places: list[Path]) -> Cohort:
    """Read the tables in ``path``; ``places``: where a TWIN.json would lie.

    The split is that of the benchmark's ``testset.csv`` and ``valset.csv``, if they are there; else 70 % train, 15 %
    val, 15 % test of the people with a death and of those without, by a hash of SUBJECT_ID (``splits.by_person``).

    Returns windows (n, 48, 76) float32 equal to those of the benchmark's own files, ordered by SUBJECT_ID and time.
    The label is the benchmark's Mortality: DEATHTIME or DOD lies between ADMITTIME and DISCHTIME of the admission.
    Raises ``CohortError`` naming file, line, column and value for anything the format does not allow.
    """
    files = {name: tables_of.find_table(name, [path]) for name in TABLES}
    if missing := [name for name in TABLES if files[name] is None]:
        raise CohortError(
            f"{path} has no {missing[0]}.csv or {missing[0]}.csv.gz; copy it there from PhysioNet. Needed are"
            f" {', '.join(TABLES)}"
        )
    lists = _lists(path)
    patients = tables_of.read_table(files["PATIENTS"], (*tables_of.PATIENTS, "DOD"), "SUBJECT_ID")
    columns = (*tables_of.ADMISSIONS, "DISCHTIME", "DEATHTIME")
    admissions = tables_of.read_table(files["ADMISSIONS"], columns, "HADM_ID")
    icustays = tables_of.read_table(files["ICUSTAYS"], (*tables_of.ICUSTAYS, "LOS"), "ICUSTAY_ID")
    _check_ids(icustays, admissions, patients, files)
    steps = [("stays in ICUSTAYS", len(icustays), icustays["SUBJECT_ID"].nunique(), "")]
    kept = tables_of.episode_admissions(icustays, patients, steps).reset_index(drop=True)
    stays = _long_and_coded(kept, *(tables_of.find_table(name, [path]) for name in DIAGNOSES), steps)
    numbered = stays[["ICUSTAY_ID"]].assign(STAY=np.arange(len(stays)))
    if not len(stays):
        why = ", ".join(f"{stays:,} {step}" for step, stays, _, _ in steps if stays)
        raise CohortError(
            f"{files['ICUSTAYS']} holds no stay of {HOURS} h that the benchmark's rules keep ({why});"
            f" {tables_of.ONE_RELEASE}"
        )
    events = {name: files[name] for name in ("CHARTEVENTS", "LABEVENTS")}
    x, measured, counts, outside = extract(events, kept.merge(numbered, on="ICUSTAY_ID", how="left"))
    if not measured.any():
        raise CohortError(
            f"{files['CHARTEVENTS']} and {files['LABEVENTS'].name} hold no measurement of a stay in"
            f" {files['ICUSTAYS'].name}; {tables_of.ONE_RELEASE}"
        )
    tables_of.leave_out(stays, measured, f"no measurement in the first {HOURS} h", steps)
    stays = stays[measured].merge(admissions, on=["SUBJECT_ID", "HADM_ID"]).merge(patients, on="SUBJECT_ID")
    died = [stays[time].between(stays["ADMITTIME"], stays["DISCHTIME"]) for time in ("DOD", "DEATHTIME")]
    y, person = np.any(died, axis=0).astype(np.int8), stays["SUBJECT_ID"].to_numpy()
    split, rule = (by_person(person, y), "by a hash of SUBJECT_ID") if lists is None else _official(lists, person)
    if lists is not None and (nobody := [LISTS[name] for name in LISTS if name not in split]):
        raise CohortError(
            f"{path / nobody[0]} marks none of the {len(np.unique(person)):,} people of the cohort"
            " with 1; copy the lists of this release, or remove both for a split by SUBJECT_ID"
        )
    admissions = admissions[admissions["HADM_ID"].isin(stays["HADM_ID"])]
    attributes = tables_of.admission_segments(admissions, patients, files)
    attributes = attributes.loc[stays["HADM_ID"]].drop(columns="SUBJECT_ID").reset_index(drop=True)
    more = dict.fromkeys(attributes, "; of the stay's own admission")
    steps += rows_of.of_attributes(attributes, person, cards.load("mimic"), more)
    steps += [outside.step(person, path, "kept, as in the benchmark, after its conversions")]
    steps += [*_odd(stays), *counts]
    notes = {"total": "; fio2 and normalisation as in the benchmark", "train": f"; split {rule}"}
    steps += rows_of.of_splits(cards.load("mimic"), split, person, y, tables_of.WORDS, notes)
    return rows_of.cohort(cards.load("mimic"), places, steps, x, y, person, attributes, split, CHANNELS)


def _check_ids(
    icustays: pd.DataFrame, admissions: pd.DataFrame, patients: pd.DataFrame, files: dict[str, Path]
) -> None:
    """Tables of different releases must not be mixed: no stay is lost for want of its admission or its patient."""
    for key, name, table in (("HADM_ID", "ADMISSIONS", admissions), ("SUBJECT_ID", "PATIENTS", patients)):
        tables_of.refuse_lost(files[name], key, icustays[key], table[key], f"which is in {files['ICUSTAYS'].name}")
    pairs = icustays.merge(admissions[["HADM_ID", "SUBJECT_ID"]], on="HADM_ID", suffixes=("", "_ADMITTED"))
    if len(wrong := pairs[pairs["SUBJECT_ID"] != pairs["SUBJECT_ID_ADMITTED"]]):
        row = wrong.iloc[0]
        raise CohortError(
            f"{files['ICUSTAYS']}: HADM_ID {row['HADM_ID']} is of SUBJECT_ID {row['SUBJECT_ID']}, in"
            f" {files['ADMISSIONS'].name} of {row['SUBJECT_ID_ADMITTED']}; {tables_of.ONE_RELEASE}"
        )


def _long_and_coded(kept: pd.DataFrame, diagnoses: Path | None, dictionary: Path | None, steps: list) -> pd.DataFrame:
    """Stays of 48 h and over by LOS, the column that the benchmark uses; and those with a diagnosis, if that is known.

    The benchmark joins DIAGNOSES_ICD with its dictionary, and the stays with both, before it writes their labels. So a
    stay without any code that the dictionary knows has no label there and is left out.
    """
    stays = tables_of.leave_out(kept, kept["LOS"].notna().to_numpy(), "no length of stay (LOS)", steps)
    stays = tables_of.leave_out(stays, (24 * stays["LOS"] >= HOURS - EPS).to_numpy(), f"under {HOURS} h (LOS)", steps)
    if diagnoses is None:
        steps.append(("left out: no coded diagnosis", 0, 0, "not tested: DIAGNOSES_ICD is not in the folder"))
        return stays
    coded = tables_of.read_table(diagnoses, ("HADM_ID", "ICD9_CODE"))
    coded = coded[coded["ICD9_CODE"] != ""]
    if dictionary is not None:
        coded = coded[coded["ICD9_CODE"].isin(tables_of.read_table(dictionary, ("ICD9_CODE",))["ICD9_CODE"])]
    has_code = stays["HADM_ID"].isin(coded["HADM_ID"]).to_numpy()
    why = f"no coded diagnosis ({' in '.join(DIAGNOSES[: 1 + bool(dictionary)])})"
    return tables_of.leave_out(stays, has_code, why, steps)


def _odd(stays: pd.DataFrame) -> list[rows_of.Step]:
    """Attrition rows: recorded deaths outside the admission, and stays and admissions that end before they begin."""
    inside = stays["DEATHTIME"].between(stays["ADMITTIME"], stays["DISCHTIME"])
    turned = (stays["OUTTIME"] < stays["INTIME"]) | (stays["DISCHTIME"] < stays["ADMITTIME"])
    outside, late = stays["DEATHTIME"].notna() & ~inside, "OUTTIME before INTIME, or DISCHTIME before ADMITTIME"
    steps = []
    for name, odd, note in (
        ("DEATHTIME outside the admission", outside, ": label 0 by the benchmark's rule, unless DOD lies in it"),
        (late, turned, ", as in the benchmark: label 0 where it is DISCHTIME"),
    ):
        people = stays.loc[odd, "SUBJECT_ID"].nunique()
        steps.append((name, int(odd.sum()), people, f"kept{note}" if odd.any() else "none"))
    return steps


def _lists(path: Path) -> dict[str, set[int]] | None:
    """The subjects of the test and validation lists; None where no list lies in ``path``."""
    places = {split: path / name for split, name in LISTS.items()}
    lost = [file for file in places.values() if not file.is_file()]
    if len(lost) == len(places):
        return None
    if lost:
        raise CohortError(f"{lost[0]} is missing; the official split needs both {' and '.join(LISTS.values())}")
    subjects = {split: _list(file) for split, file in places.items()}
    if both := sorted(subjects["test"] & subjects["val"]):
        raise CohortError(f"{places['val']}: subject {both[0]} is in {LISTS['test']} too; a person may be in one split")
    return subjects


def _list(file: Path) -> set[int]:
    """The subjects that a list marks with 1; it has no header."""
    chosen, known = set(), set()
    for number, line in enumerate(files_of.text(file, "copy the benchmark's list again").splitlines(), start=1):
        subject, _, mark = line.strip().partition(",")
        if not (subject.isascii() and subject.isdigit() and mark in ("0", "1")):
            raise CohortError(
                f"{file}, line {number}: expected <SUBJECT_ID>,0 or <SUBJECT_ID>,1, found"
                f" {files_of.shown(line)}; copy the benchmark's list again"
            )
        if int(subject) in known:
            raise CohortError(f"{file}, line {number}: subject {subject} is listed twice; remove one line")
        known.add(int(subject))
        chosen |= {int(subject)} if mark == "1" else set()
    if not chosen:
        raise CohortError(f"{file} marks nobody with 1; copy the benchmark's list again")
    return chosen


def _official(lists: dict[str, set[int]], person: np.ndarray) -> tuple[np.ndarray, str]:
    test, val = (np.isin(person, sorted(lists[split])) for split in ("test", "val"))
    split = np.where(test, "test", np.where(val, "val", "train"))
    return split, f"by {' and '.join(LISTS.values())}; people in neither are train, as in the benchmark"
