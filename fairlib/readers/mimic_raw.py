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
from ..cohort import SPLITS, Cohort, CohortError, attrition_table
from . import counts as rows_of
from . import files as files_of
from . import mimic_tables as tables_of
from .benchmark_episodes import CHANNELS, EPS, HOURS
from .mimic_events import extract
from .splits import by_person

TABLES = ("ADMISSIONS", "PATIENTS", "ICUSTAYS", "CHARTEVENTS", "LABEVENTS")
DIAGNOSES = ("DIAGNOSES_ICD", "D_ICD_DIAGNOSES")
FIO2 = ("benchmark", "corrected")
#: The benchmark's published lists, ``subject,1`` for the people of that split; for all others ``subject,0``.
LISTS = {"test": "testset.csv", "val": "valset.csv"}


def holds_tables(path: Path) -> bool:
    """Whether a folder has the tables that only this reader uses."""
    return any(tables_of.find_table(name, [path]) for name in ("CHARTEVENTS", "ICUSTAYS"))


def read(
    path: Path,
    tables: Path | str | None = None,
    origin: str = "real",
    fio2: str = "benchmark",
    split_lists: Path | str | None = None,
) -> Cohort:
    """Read the tables in ``path``, or in ``tables`` where one is there.

    ``fio2``: "benchmark" divides fractions of inspired oxygen by 100 as the benchmark does, nearly always also where
    they are fractions already; "corrected" divides only values above 1.
    ``split_lists``: folder of the benchmark's ``testset.csv`` and ``valset.csv``; by default ``path``, if they are
    there. Without them: 70 % train, 15 % val, 15 % test of the people with a death and of those without, by a hash of
    SUBJECT_ID (``splits.by_person``).

    Returns windows (n, 48, 76) float32 equal to those of the benchmark's own files, ordered by SUBJECT_ID and time.
    The label is the benchmark's Mortality: DEATHTIME or DOD lies between ADMITTIME and DISCHTIME of the admission.
    Raises ``CohortError`` naming file, line, column and value for anything the format does not allow.
    """
    if fio2 not in FIO2:
        raise CohortError(f"fio2 must be one of {', '.join(FIO2)}, got {fio2!r}")
    places = [*([Path(tables)] if tables else []), path]
    files = {name: tables_of.find_table(name, places) for name in TABLES}
    if missing := [name for name in TABLES if files[name] is None]:
        raise CohortError(
            f"{path} has no {missing[0]}.csv or {missing[0]}.csv.gz; copy it there from PhysioNet. Needed are"
            f" {', '.join(TABLES)}"
        )
    lists = _lists(path, split_lists)
    patients = tables_of.read_table(files["PATIENTS"], (*tables_of.PATIENTS, "DOD"))
    patients = tables_of.unique(patients, "SUBJECT_ID", files["PATIENTS"])
    admissions = tables_of.read_table(files["ADMISSIONS"], (*tables_of.ADMISSIONS, "DISCHTIME", "DEATHTIME"))
    admissions = tables_of.unique(admissions, "HADM_ID", files["ADMISSIONS"])
    icustays = tables_of.read_table(files["ICUSTAYS"], (*tables_of.ICUSTAYS, "LOS"))
    icustays = tables_of.unique(icustays, "ICUSTAY_ID", files["ICUSTAYS"])
    _check_ids(icustays, admissions, patients, files)
    steps = [("stays in ICUSTAYS", len(icustays), icustays["SUBJECT_ID"].nunique(), "")]
    kept = tables_of.episode_admissions(icustays, patients, steps).reset_index(drop=True)
    stays = _long_and_coded(kept, *(tables_of.find_table(name, places) for name in DIAGNOSES), steps)
    numbered = stays[["ICUSTAY_ID"]].assign(STAY=np.arange(len(stays)))
    if not len(stays):
        why = ", ".join(f"{stays:,} {step}" for step, stays, _, _ in steps if stays)
        raise CohortError(
            f"{files['ICUSTAYS']} holds no stay of {HOURS} h that the benchmark's rules keep ({why}); use tables of one"
            " release"
        )
    events = {name: files[name] for name in ("CHARTEVENTS", "LABEVENTS")}
    x, measured, counts, outside = extract(events, kept.merge(numbered, on="ICUSTAY_ID", how="left"), fio2)
    if not measured.any():
        raise CohortError(
            f"{files['CHARTEVENTS']} and {files['LABEVENTS'].name} hold no measurement of a stay in"
            f" {files['ICUSTAYS'].name}; use tables of one release"
        )
    _leave_out(stays, measured, f"no measurement in the first {HOURS} h", steps)
    stays = stays[measured].merge(admissions, on=["SUBJECT_ID", "HADM_ID"]).merge(patients, on="SUBJECT_ID")
    y, person = _died(stays).to_numpy(np.int8), stays["SUBJECT_ID"].to_numpy()
    split, rule = (by_person(person, y), "by a hash of SUBJECT_ID") if lists is None else _official(lists, person)
    if lists is not None and (nobody := [LISTS[name] for name in LISTS if name not in split]):
        raise CohortError(
            f"{Path(split_lists or path) / nobody[0]} marks none of the {len(np.unique(person)):,} people of the cohort"
            " with 1; copy the lists of this release, or remove both for a split by SUBJECT_ID"
        )
    admissions = admissions[admissions["HADM_ID"].isin(stays["HADM_ID"])]
    attributes = tables_of.admission_segments(admissions, patients, files)
    attributes = attributes.loc[stays["HADM_ID"]].drop(columns="SUBJECT_ID").reset_index(drop=True)
    more = dict.fromkeys(attributes, "; of the stay's own admission")
    steps += rows_of.of_attributes(attributes, person, cards.load("mimic"), more)
    steps += [outside.step(person, path, "kept, as in the benchmark, after its conversions")]
    steps += [_odd_deaths(stays), _odd_order(stays)]
    return Cohort(
        x=x,
        y=y,
        person=person,
        attributes=attributes,
        split=split,
        channels=CHANNELS,
        card=cards.load("mimic"),
        origin=origin,
        attrition=attrition_table(steps + counts + _compare(split, y, person, rule, fio2)),
    )


def _check_ids(
    icustays: pd.DataFrame, admissions: pd.DataFrame, patients: pd.DataFrame, files: dict[str, Path]
) -> None:
    """Tables of different releases must not be mixed: no stay is lost for want of its admission or its patient."""
    for key, name, table in (("HADM_ID", "ADMISSIONS", admissions), ("SUBJECT_ID", "PATIENTS", patients)):
        lost = icustays.loc[~icustays[key].isin(table[key]), key].unique()
        if len(lost):
            raise CohortError(
                f"{files[name]} has no row for {key} {lost[0]}, which is in {files['ICUSTAYS'].name} ({len(lost)} such"
                " case(s)); use tables of one release"
            )
    pairs = icustays.merge(admissions[["HADM_ID", "SUBJECT_ID"]], on="HADM_ID", suffixes=("", "_ADMITTED"))
    wrong = pairs[pairs["SUBJECT_ID"] != pairs["SUBJECT_ID_ADMITTED"]]
    if len(wrong):
        row = wrong.iloc[0]
        raise CohortError(
            f"{files['ICUSTAYS']}: HADM_ID {row['HADM_ID']} is of SUBJECT_ID {row['SUBJECT_ID']}, in"
            f" {files['ADMISSIONS'].name} of {row['SUBJECT_ID_ADMITTED']}; use tables of one release"
        )


def _leave_out(stays: pd.DataFrame, keep: np.ndarray, why: str, steps: list) -> pd.DataFrame:
    out = stays[~keep]
    steps.append((f"left out: {why}", len(out), out["SUBJECT_ID"].nunique(), f"{int(keep.sum()):,} stays remain"))
    return stays[keep].reset_index(drop=True)


def _long_and_coded(kept: pd.DataFrame, diagnoses: Path | None, dictionary: Path | None, steps: list) -> pd.DataFrame:
    """Stays of 48 h and over by LOS, the column that the benchmark uses; and those with a diagnosis, if that is known.

    The benchmark joins DIAGNOSES_ICD with its dictionary, and the stays with both, before it writes their labels. So a
    stay without any code that the dictionary knows has no label there and is left out.
    """
    stays = _leave_out(kept, kept["LOS"].notna().to_numpy(), "no length of stay (LOS)", steps)
    stays = _leave_out(stays, (24 * stays["LOS"] >= HOURS - EPS).to_numpy(), f"under {HOURS} h (LOS)", steps)
    if diagnoses is None:
        steps.append(("left out: no coded diagnosis", 0, 0, "not tested: DIAGNOSES_ICD is not in the folder"))
        return stays
    coded = tables_of.read_table(diagnoses, ("HADM_ID", "ICD9_CODE"))
    coded = coded[coded["ICD9_CODE"] != ""]
    if dictionary is not None:
        coded = coded[coded["ICD9_CODE"].isin(tables_of.read_table(dictionary, ("ICD9_CODE",))["ICD9_CODE"])]
    has_code = stays["HADM_ID"].isin(coded["HADM_ID"]).to_numpy()
    return _leave_out(stays, has_code, f"no coded diagnosis ({' in '.join(DIAGNOSES[: 1 + bool(dictionary)])})", steps)


def _died(stays: pd.DataFrame) -> pd.Series:
    """The benchmark's Mortality: death within the admission, by DEATHTIME (a time) or DOD (a day)."""
    return stays["DOD"].between(stays["ADMITTIME"], stays["DISCHTIME"]) | stays["DEATHTIME"].between(
        stays["ADMITTIME"], stays["DISCHTIME"]
    )


def _odd_deaths(stays: pd.DataFrame) -> rows_of.Step:
    """Attrition row: recorded times of death that do not lie in the admission."""
    odd = stays[stays["DEATHTIME"].notna() & ~stays["DEATHTIME"].between(stays["ADMITTIME"], stays["DISCHTIME"])]
    note = "kept: label 0 by the benchmark's rule, unless DOD lies in it" if len(odd) else "none"
    return "DEATHTIME outside the admission", len(odd), odd["SUBJECT_ID"].nunique(), note


def _odd_order(stays: pd.DataFrame) -> rows_of.Step:
    """Attrition row: stays and admissions that end before they begin."""
    odd = stays[(stays["OUTTIME"] < stays["INTIME"]) | (stays["DISCHTIME"] < stays["ADMITTIME"])]
    note = "kept, as in the benchmark: label 0 where it is DISCHTIME" if len(odd) else "none"
    return "OUTTIME before INTIME, or DISCHTIME before ADMITTIME", len(odd), odd["SUBJECT_ID"].nunique(), note


def _lists(path: Path, folder: Path | str | None) -> dict[str, set[int]] | None:
    """The subjects of the test and validation lists; None where no list is given or lies in ``path``."""
    places = {split: Path(folder or path) / name for split, name in LISTS.items()}
    there = [split for split in places if places[split].is_file()]
    if not there and folder is None:
        return None
    if lost := [file for split, file in places.items() if split not in there]:
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


def _compare(split: np.ndarray, y: np.ndarray, person: np.ndarray, rule: str, fio2: str) -> list[tuple]:
    """Attrition rows: what is kept, beside the counts of the full benchmark."""
    expected, steps = cards.load("mimic").expected, []
    for name in (*SPLITS, "total"):
        rows = (split == name) | (name == "total")
        people, deaths = len(np.unique(person[rows])), int(y[rows].sum())
        counts = {"stays": (int(rows.sum()), expected[name]), "deaths": (deaths, expected[f"{name} deaths"])}
        note = rows_of.beside_card(**counts, people=(people, expected["subjects"] if name == "total" else None))
        note += f"; split {rule}" if name == "train" else ""
        note += f"; fio2 {fio2!r}, normalised with the benchmark's stored statistics" if name == "total" else ""
        steps.append(("cohort" if name == "total" else name, int(rows.sum()), people, note))
    return steps
