"""ADMISSIONS, PATIENTS and ICUSTAYS of MIMIC-III → the protected attributes of each admission and of each episode.

Tables are ``.csv`` or ``.csv.gz`` with file and column names in any case (v1.4 upper case, the demo lower case).
"""

import gzip
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from .. import cards
from ..cohort import CohortError

ADMISSIONS = ("SUBJECT_ID", "HADM_ID", "ADMITTIME", "ETHNICITY", "INSURANCE", "LANGUAGE")
PATIENTS = ("SUBJECT_ID", "GENDER", "DOB")
ICUSTAYS = (
    *("SUBJECT_ID", "HADM_ID", "ICUSTAY_ID", "INTIME", "OUTTIME"),
    *("FIRST_CAREUNIT", "LAST_CAREUNIT", "FIRST_WARDID", "LAST_WARDID"),
)
#: Most people do not die, and ten stays of v1.4 have no end.
MAY_BE_EMPTY = ("OUTTIME", "DEATHTIME", "DOD")
#: The benchmark counts years of 365 days and keeps stays of people of 18 and over at ICU admission.
ADULT_DAYS = 18 * 365


def find_table(name: str, folders: Iterable[Path]) -> Path | None:
    """The file of a table in the first folder that holds it; None if none does."""
    for folder in folders:
        for file in sorted(folder.iterdir()) if folder.is_dir() else ():
            if file.name.lower() in (f"{name.lower()}.csv", f"{name.lower()}.csv.gz"):
                return file
    return None


def read_table(file: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    """The named columns as text (empty where missing), ids as int64 and times as datetimes; rows in file order.

    Raises ``CohortError`` naming file, line, column and value; a line is counted in rows, the header being line 1.
    """
    try:
        with gzip.open(file, "rb") if file.suffix.lower() == ".gz" else file.open("rb") as stream:
            table = pd.read_csv(stream, dtype=str, keep_default_na=False, usecols=lambda name: name.upper() in columns)
    except pd.errors.EmptyDataError:
        raise CohortError(f"{file} is empty; copy it again from PhysioNet") from None
    except UnicodeDecodeError as error:
        raise CohortError(f"{file} is not UTF-8 text (byte {error.start}); copy it again from PhysioNet") from error
    except (EOFError, OSError, zlib.error, pd.errors.ParserError) as error:
        raise CohortError(f"{file} is truncated or damaged ({error}); copy it again from PhysioNet") from error
    table.columns = table.columns.str.upper()
    if missing := [name for name in columns if name not in table]:
        raise CohortError(
            f"{file}: column {missing[0]} is missing; this needs the MIMIC-III v1.4 table with its header"
        )
    table = table[list(columns)]
    if not len(table):
        raise CohortError(f"{file} holds a header and no rows; copy it again from PhysioNet")
    for name in columns:
        if name.endswith("WARDID"):  # a few are empty; they are only compared with each other
            continue
        if name.endswith("_ID"):
            parsed = pd.to_numeric(table[name], errors="coerce")
            bad, wanted = parsed.isna() | (parsed % 1 != 0), "a whole number"
        elif name == "LOS":
            parsed = pd.to_numeric(table[name], errors="coerce")
            bad, wanted = ~np.isfinite(parsed) & (table[name] != ""), "a number of days"
        elif name.endswith("TIME") or name in ("DOB", "DOD"):
            parsed = pd.to_datetime(table[name], errors="coerce", format="ISO8601")
            bad, wanted = parsed.isna(), "a date (YYYY-MM-DD HH:MM:SS)"
            if name in MAY_BE_EMPTY:
                bad &= table[name] != ""
        else:
            continue
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise CohortError(
                f"{file}, line {row + 2}, column {name}: expected {wanted}, found {table[name].iloc[row]!r}"
            )
        table[name] = parsed.astype(np.int64) if name.endswith("_ID") else parsed
    return table


def unique(table: pd.DataFrame, key: str, file: Path) -> pd.DataFrame:
    """The table, if no key appears twice."""
    again = np.flatnonzero(table[key].duplicated())
    if len(again):
        raise CohortError(
            f"{file}, line {again[0] + 2}: {key} {table[key].iloc[again[0]]} appears twice; keep one row of it"
        )
    return table


def calendar_age(born: pd.Series, at: pd.Series) -> pd.Series:
    """Full years between two dates, by the calendar: dates of birth of people over 89 are shifted by about 300 years,
    and such a span does not fit into nanoseconds."""
    before_birthday = 100 * at.dt.month + at.dt.day < 100 * born.dt.month + born.dt.day
    return at.dt.year - born.dt.year - before_birthday


def admission_segments(admissions: pd.DataFrame, patients: pd.DataFrame) -> pd.DataFrame:
    """One row an admission (index HADM_ID): SUBJECT_ID and the segment of each attribute of the card, or missing."""
    merged = admissions.merge(patients, on="SUBJECT_ID", how="left")
    raw = pd.DataFrame(
        {
            "gender": merged["GENDER"],
            "age": calendar_age(merged["DOB"], merged["ADMITTIME"]),
            "ethnicity": merged["ETHNICITY"],
            "insurance": merged["INSURANCE"],
            "language": merged["LANGUAGE"],
        }
    )
    segments = cards.load("mimic").segment(raw)
    segments.insert(0, "SUBJECT_ID", merged["SUBJECT_ID"])
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


def episode_admissions(stays: pd.DataFrame, patients: pd.DataFrame, steps: list | None = None) -> pd.DataFrame:
    """ICUSTAYS → its rows that the benchmark keeps, with column EPISODE: its number k in ``<subject>_episode<k>``.

    The benchmark's rules: no change of care unit or ward, then one remaining stay in the admission, then 18 years and
    over at ICU admission; episodes number the rest of a subject's stays by INTIME (and OUTTIME), from 1.
    ``steps``: attrition rows, one is added for each rule.
    """

    def keep(table: pd.DataFrame, rows: pd.Series | np.ndarray, why: str) -> pd.DataFrame:
        if steps is not None:
            people = table.loc[~rows, "SUBJECT_ID"].nunique()
            steps.append((f"left out: {why}", int((~rows).sum()), people, f"{int(rows.sum()):,} stays remain"))
        return table[rows]

    same_unit = stays["FIRST_CAREUNIT"] == stays["LAST_CAREUNIT"]
    same_ward = (stays["FIRST_WARDID"] == stays["LAST_WARDID"]) & (stays["FIRST_WARDID"] != "")
    kept = keep(stays, same_unit & same_ward, "care unit or ward changed")
    single = kept.groupby("HADM_ID")["ICUSTAY_ID"].transform("size") == 1
    kept = keep(kept, single, "several stays in one admission").merge(patients[["SUBJECT_ID", "DOB"]], on="SUBJECT_ID")
    days = kept["INTIME"].to_numpy("datetime64[D]") - kept["DOB"].to_numpy("datetime64[D]")
    kept = keep(kept, days >= np.timedelta64(ADULT_DAYS, "D"), "under 18 years")
    kept = kept.sort_values(["SUBJECT_ID", "INTIME", "OUTTIME"], kind="stable")
    return kept.assign(EPISODE=kept.groupby("SUBJECT_ID").cumcount() + 1)
