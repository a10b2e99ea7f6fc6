"""ADMISSIONS, PATIENTS and ICUSTAYS of MIMIC-III → the protected attributes of each admission and of each episode.

Tables are ``.csv`` or ``.csv.gz`` with file and column names in any case (v1.4 upper case, the demo lower case).
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from .. import cards
from ..cohort import CohortError
from . import counts as rows_of
from . import files as files_of
from .mimic_csv import AGAIN, OFFICIAL

ADMISSIONS = ("SUBJECT_ID", "HADM_ID", "ADMITTIME", "ETHNICITY", "INSURANCE", "LANGUAGE")
PATIENTS = ("SUBJECT_ID", "GENDER", "DOB")
ICUSTAYS = (
    *("SUBJECT_ID", "HADM_ID", "ICUSTAY_ID", "INTIME", "OUTTIME"),
    *("FIRST_CAREUNIT", "LAST_CAREUNIT", "FIRST_WARDID", "LAST_WARDID"),
)
#: What the study calls windows, positive ones and people.
WORDS = {"windows": "stays", "positive": "deaths", "people": "people"}
#: Most people do not die, and ten stays of v1.4 have no end.
MAY_BE_EMPTY = ("OUTTIME", "DEATHTIME", "DOD")
#: An id, also as pandas writes it beside gaps ("12.0"); and a time as text. Stricter than what pandas reads.
ID, DATE = r" *[0-9]{1,15}(\.0)? *", r" *\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d+)?)?)? *"
#: The benchmark counts years of 365 days and keeps stays of people of 18 and over at ICU admission.
ADULT_DAYS = 18 * 365
ONE_RELEASE = "use tables of one release"


def find_table(name: str, folders: Iterable[Path]) -> Path | None:
    """The file of a table in the first folder that holds it; None if none does."""
    names = (f"{name.lower()}.csv", f"{name.lower()}.csv.gz")
    for folder in folders:
        there = sorted(folder.iterdir()) if folder.is_dir() else ()
        if file := files_of.only([file for file in there if file.name.lower() in names]):
            return file
    return None


def read_table(file: Path, columns: tuple[str, ...], key: str | None = None) -> pd.DataFrame:
    """The named columns as text (empty where missing), ids as int64 and times as datetimes; the index is the line.

    ``key``: a column in which nothing may appear twice.

    Raises ``CohortError`` naming file, line, column and value.
    """
    table = files_of.table(file, columns, AGAIN, OFFICIAL, str.upper, ended=True)
    for name in columns:
        if name.endswith("_ID"):
            parsed = pd.to_numeric(table[name].where(table[name].str.fullmatch(ID)), errors="coerce")
            bad, wanted = parsed.isna(), "a whole number"
        elif name == "LOS":
            parsed = pd.to_numeric(table[name], errors="coerce")
            bad, wanted = ~np.isfinite(parsed) & (table[name] != ""), "a number of days"
        elif name.endswith("TIME") or name in ("DOB", "DOD"):
            parsed = pd.to_datetime(table[name], errors="coerce", format="ISO8601")
            bad, wanted = parsed.isna() | ~table[name].str.fullmatch(DATE), "a date (YYYY-MM-DD HH:MM:SS)"
            if name in MAY_BE_EMPTY:
                bad &= table[name] != ""
        else:  # words, and FIRST_WARDID and LAST_WARDID: a few are empty, and they are only compared with each other
            continue
        files_of.refuse(file, bad, name, table[name], wanted, f"correct the table, or {AGAIN}")
        table[name] = parsed.astype(np.int64) if name.endswith("_ID") else parsed
    if key:
        files_of.refuse_repeated(file, table[[key]])
    return table


def refuse_lost(
    file: Path, key: str, wanted: pd.Series, known: pd.Series | pd.Index, who: str, todo: str = ONE_RELEASE
) -> None:
    """Raise ``CohortError`` where a table has no row for one of the ids that are wanted."""
    if len(lost := wanted[~wanted.isin(known)].unique()):
        raise CohortError(f"{file} has no row for {key} {lost[0]}, {who} ({len(lost)} such case(s)); {todo}")


def calendar_age(born: pd.Series, at: pd.Series) -> pd.Series:
    """Full years between two dates, by the calendar: dates of birth of people over 89 are shifted by about 300 years,
    and such a span does not fit into nanoseconds."""
    before_birthday = 100 * at.dt.month + at.dt.day < 100 * born.dt.month + born.dt.day
    return at.dt.year - born.dt.year - before_birthday


def admission_segments(admissions: pd.DataFrame, patients: pd.DataFrame, files: dict[str, Path]) -> pd.DataFrame:
    """One row an admission (index HADM_ID): SUBJECT_ID and the segment of each attribute of the card, or missing.

    Raises ``CohortError`` for a value that the card does not know, and for who was born after the admission.
    """
    merged = admissions.merge(patients, on="SUBJECT_ID", how="left").set_axis(admissions.index)
    unborn = merged["DOB"].dt.normalize() > merged["ADMITTIME"]
    if unborn.any():
        row = unborn.idxmax()
        raise CohortError(
            f"{files['ADMISSIONS']}, line {row}: ADMITTIME lies before the DOB of SUBJECT_ID"
            f" {merged['SUBJECT_ID'][row]} in {files['PATIENTS'].name}; {ONE_RELEASE}"
        )

    def where(name: str, row: int) -> str:
        file = "PATIENTS" if name == "gender" else "ADMISSIONS"
        line = patients.index[patients["SUBJECT_ID"] == merged["SUBJECT_ID"][row]][0] if name == "gender" else row
        return f"{files[file]}, line {line}, column {name.upper()}"

    raw = merged[["GENDER", "ETHNICITY", "INSURANCE", "LANGUAGE"]].rename(columns=str.lower)
    raw["age"] = calendar_age(merged["DOB"], merged["ADMITTIME"])
    segments = rows_of.segments(cards.load("mimic"), raw, where)
    segments.insert(0, "SUBJECT_ID", merged["SUBJECT_ID"].to_numpy())
    return segments.set_axis(merged["HADM_ID"], axis=0)


def unambiguous(segments: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, set[int]]]:
    """One row a subject: a segment only where all its admissions agree on it; and the subjects where they do not.

    An admission with an unknown value disagrees with one that has a known value: which of them an episode belongs to
    cannot be told.
    """
    by_subject = segments.groupby("SUBJECT_ID")
    people, ambiguous = by_subject.nth(0).set_index("SUBJECT_ID"), {}
    for name in people:
        several = by_subject[name].nunique(dropna=False) > 1
        ambiguous[name] = set(several.index[several])
        people.loc[several.reindex(people.index), name] = None
    return people, ambiguous


def leave_out(stays: pd.DataFrame, keep: pd.Series | np.ndarray, why: str, steps: list) -> pd.DataFrame:
    """The stays to keep; an attrition row is added to ``steps``."""
    out = stays[~keep]
    steps.append((f"left out: {why}", len(out), out["SUBJECT_ID"].nunique(), f"{int(keep.sum()):,} stays remain"))
    return stays[keep].reset_index(drop=True)


def episode_admissions(stays: pd.DataFrame, patients: pd.DataFrame, steps: list | None = None) -> pd.DataFrame:
    """ICUSTAYS → its rows that the benchmark keeps, with column EPISODE: its number k in ``<subject>_episode<k>``.

    The benchmark's rules: no change of care unit or ward, then one remaining stay in the admission, then 18 years and
    over at ICU admission; episodes number the rest of a subject's stays by INTIME (and OUTTIME), from 1.
    ``steps``: attrition rows, one is added for each rule.
    """

    def same(place: str) -> pd.Series:
        """An empty cell equals nothing in the source, not even another empty one."""
        return (stays[f"FIRST_{place}"] == stays[f"LAST_{place}"]) & (stays[f"FIRST_{place}"] != "")

    steps = [] if steps is None else steps
    kept = leave_out(stays, same("CAREUNIT") & same("WARDID"), "care unit or ward changed", steps)
    single = kept.groupby("HADM_ID")["ICUSTAY_ID"].transform("size") == 1
    kept = leave_out(kept, single, "several stays in one admission", steps)
    kept = kept.merge(patients[["SUBJECT_ID", "DOB"]], on="SUBJECT_ID")
    age = kept["INTIME"].to_numpy("datetime64[s]") - kept["DOB"].to_numpy("datetime64[s]")  # 300 years fit into seconds
    kept = leave_out(kept, age >= np.timedelta64(ADULT_DAYS, "D"), "under 18 years", steps)
    kept = kept.sort_values(["SUBJECT_ID", "INTIME", "OUTTIME"], kind="stable")
    return kept.assign(EPISODE=kept.groupby("SUBJECT_ID").cumcount() + 1)
