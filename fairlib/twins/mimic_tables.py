"""Hospital side of the MIMIC twin: ids, ages, times, and the tables ADMISSIONS, PATIENTS and ICUSTAYS.

Some people have a further, earlier admission that the in-hospital-mortality task leaves out for one of three reasons: a
transfer between care units, two stays in intensive care, or a stay under 48 h (which still takes an episode number). So
a reader that joins episodes to admissions in the wrong order gets other insurances and ages, and tests can see it.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from . import folder
from .people import facts

FACTS = facts("mimic_tables")
#: Ids lie above those of MIMIC-III (subjects under 100,000), so that no synthetic person can be taken for a real one.
FIRST_SUBJECT, FIRST_ADMISSION, FIRST_STAY = 1_000_000, 2_000_000, 3_000_000
#: Share of people with a further, earlier admission, and of these with another insurance then.
FURTHER, OTHER_INSURANCE = 0.15, 0.3
KINDS = ("transfer", "two stays", "short")
UNITS = ("MICU", "SICU", "CCU", "TSICU", "CSRU")
MINUTE, DAY = np.timedelta64(60, "s"), np.timedelta64(86400, "s")


def hospital(stays: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Add subject, episode number, file name, date of birth and times to the stays (rows of a person in time order)."""
    _, first, person = np.unique(stays["person"], return_index=True, return_inverse=True)
    n = len(first)
    subject = FIRST_SUBJECT + rng.permutation(n)
    start = np.datetime64("2110-01-01", "s") + rng.integers(0, 90 * 365 * 1440, n) * MINUTE
    further = np.where(rng.random(n) < FURTHER, rng.choice(KINDS, n), "")
    ordinal = stays.groupby("person").cumcount().to_numpy()
    # whole days of up to 40 between stays that last under 20: stays of a person never overlap, and fit into few years
    begin = start[person] + ordinal * 40 * DAY + rng.integers(0, 10 * 1440, len(stays)) * MINUTE
    old = (stays["age"] == ">=65").to_numpy()
    # the span of all stays of a person under 65 ends before the 65th birthday: the segment holds at each admission
    years = np.where(old[first], 65 + 25 * rng.beta(1.2, 1.6, n), 23 + 37 * rng.beta(2, 1.2, n))
    born = (start - np.ceil(years * 365.25).astype(int) * DAY).astype("datetime64[D]").astype("datetime64[s]")
    over_89 = born < start - np.timedelta64(int(89 * 365.25), "D")
    # MIMIC shifts them to about 300 years
    born = np.where(over_89, born - np.timedelta64(int(211 * 365.25), "D"), born)
    episode = ordinal + 1 + (further[person] == "short")
    stay_days = 2.1 + 8 * rng.beta(1, 4, len(stays))
    return stays.assign(
        subject=subject[person],
        further=further[person],
        born=born[person],
        first=ordinal == 0,
        episode=episode,
        intime=begin,
        outtime=begin + (stay_days * 1440).astype(int) * MINUTE,
        file=[f"{s}_episode{k}_timeseries.csv" for s, k in zip(subject[person], episode, strict=True)],
    )


def write_tables(path: Path, stays: pd.DataFrame, rng: np.random.Generator) -> None:
    """ADMISSIONS.csv, PATIENTS.csv and ICUSTAYS.csv with the columns of MIMIC-III v1.4; further admissions included."""
    further = _further(stays[stays["first"] & (stays["further"] != "")], rng)
    rows = pd.concat([stays.assign(kind="cohort"), further], ignore_index=True)
    rows = rows.iloc[rng.permutation(len(rows))].reset_index(drop=True)
    rows["hadm"] = FIRST_ADMISSION + np.arange(len(rows))
    admitted = rows["intime"] - rng.integers(0, 600, len(rows)) * MINUTE
    discharged = rows["outtime"] + rng.integers(0, 6 * 1440, len(rows)) * MINUTE
    died = discharged.where(rows["label"] == 1)
    admissions = rows.assign(
        ADMITTIME=admitted,
        DISCHTIME=discharged,
        DEATHTIME=died,
        DISCHARGE_LOCATION=np.where(died.isna(), "HOME", "DEAD/EXPIRED"),
        **FACTS["same for all"],
    )
    patients = stays.drop_duplicates("subject").sort_values("subject")
    deaths = patients["subject"].map(died.groupby(rows["subject"]).max())
    patients = patients.assign(DOD=deaths, DOD_HOSP=deaths, DOD_SSN="", EXPIRE_FLAG=deaths.notna().astype(int))
    for name, table in (("ADMISSIONS", admissions), ("PATIENTS", patients), ("ICUSTAYS", _icustays(rows, rng))):
        table = table.rename(columns=FACTS["official"])[FACTS[name]]
        table.insert(0, "ROW_ID", np.arange(1, len(table) + 1))
        folder.save(table, path / f"{name}.csv")


def _further(firsts: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Earlier admissions, one to four years before the first stay; nobody dies in them."""
    n = len(firsts)
    intime = firsts["intime"] - rng.integers(365 * 1440, 4 * 365 * 1440, n) * MINUTE
    days = np.where(firsts["further"] == "short", 1, 4)
    insurance = np.where(firsts["raw insurance"] == "Private", "Medicaid", "Private")
    insurance = np.where(rng.random(n) < OTHER_INSURANCE, insurance, firsts["raw insurance"])
    earlier = {"kind": firsts["further"], "label": 0, "intime": intime, "outtime": intime + days * DAY}
    return firsts.assign(**earlier, **{"raw insurance": insurance})


def _icustays(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """One row a stay, two for the admissions of two stays; rows in no order of time, as in the original."""
    again = rows[rows["kind"] == "two stays"]
    again = again.assign(intime=again["outtime"] + DAY, outtime=again["outtime"] + 2 * DAY)
    rows = pd.concat([rows, again], ignore_index=True)
    unit = rng.integers(0, len(UNITS), len(rows))
    last = np.where(rows["kind"] == "transfer", (unit + 1) % len(UNITS), unit)
    return rows.assign(
        ICUSTAY_ID=FIRST_STAY + np.arange(len(rows)),
        FIRST_CAREUNIT=np.array(UNITS)[unit],
        LAST_CAREUNIT=np.array(UNITS)[last],
        FIRST_WARDID=10 + unit,
        LAST_WARDID=10 + last,
        LOS=((rows["outtime"] - rows["intime"]) / DAY).round(4),
    )
