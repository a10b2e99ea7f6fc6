"""A small folder of MIMIC-III's raw tables with every rule of the benchmark in it."""

import math
from pathlib import Path

import pandas as pd

PEOPLE = range(101, 119)
IN, OUT = "2140-06-15 12:00:00", "2140-06-19 12:00:00"
CHART = "ROW_ID,SUBJECT_ID,HADM_ID,ICUSTAY_ID,ITEMID,CHARTTIME,VALUE,VALUENUM,VALUEUOM"
EVENTS = [  # item, hours after INTIME, value, unit
    *[("115", 1, "Brisk", ""), ("115", 2, "Delayed", ""), ("115", 3, "Other/Remarks", ""), ("51", 1, "120/80", "mmHg")],
    *[("8368", 1, "120/80", "mmHg"), ("51", 2, "118", "mmHg"), ("8368", 2, "a/b", ""), ("189", 1, "0.5", "")],
    *[("189", 2, "40", ""), ("189", 3, "300", "torr"), ("189", 4, "55", "Torr"), ("184", 1, "None", "")],
    *[("184", 2, "4 Spontaneously", ""), ("454", 1, "6 Obeys Commands", ""), ("198", 1, "15", ""), ("198", 2, "3", "")],
    *[("723", 1, "1.0 ET/Trach", ""), ("807", 1, "ERROR", ""), ("807", 2, "101.5", ""), ("807", 3, "-4", "")],
    *[
        ("211", 1, "98", "bpm"),
        ("211", 1, "102", "bpm"),
        ("211", 0, "60", ""),
        ("211", 48, "61", ""),
        ("211", 49, "62", ""),
    ],
    *[
        ("618", 1, "9", ""),
        ("615", 1, "12", ""),
        ("618", 2, "fast", ""),
        ("1394", 1, "70", ""),
        ("226730", 2, "181", "cm"),
    ],
    *[
        ("226730", 3, "71", "Inch"),
        ("52", 1, "77.5", ""),
        ("646", 1, "0.97", "%"),
        ("646", 2, "97", "%"),
        ("646", 3, ">90", ""),
    ],
    *[
        ("678", 1, "98.6", "?F"),
        ("678", 2, "37.1", "?F"),
        ("678", 3, "78.9", ""),
        ("780", 1, "7.4", ""),
        ("780", 2, "clotted", ""),
    ],
    *[
        ("763", 1, "80", "kg"),
        ("3581", 2, "176", ""),
        ("3582", 3, "2800", ""),
        ("763", 4, "170", "lbs"),
        ("763", 5, "", "kg"),
    ],
    *[("9999", 1, "Sinus Rhythm", ""), ("211", 5, "NA", ""), ("211", -1, "59", ""), ("52", 1.0000001, "80", "")],
]


def at(hours: float) -> str:
    return str((pd.Timestamp(IN) + pd.Timedelta(hours=hours)).round("s"))


def write_table(folder: Path, name: str, header: str, rows: list[str]) -> None:
    (folder / f"{name}.csv").write_text("\n".join([header, *rows, ""]), encoding="utf-8")


def write(folder: Path) -> Path:
    """Eighteen people with all events, every third one dies; then people and events for each rule."""
    folder.mkdir(parents=True)
    stay = "MICU,MICU,50,50"
    stays = [f"{p},{p}0,{p}00,{stay},{IN},{OUT},4.0" for p in PEOPLE]
    stays += [  # who has a second stay, and whether it is kept
        f"101,1011,10101,{stay},2140-07-01 00:00:00,2140-07-01 20:00:00,0.8333",  # short, its events count elsewhere
        "102,1021,10201,MICU,SICU,50,50,2141-07-01 00:00:00,2141-07-09 00:00:00,8",
        "103,1031,10301,MICU,MICU,50,51,2141-07-01 00:00:00,2141-07-09 00:00:00,8",
        f"104,1041,10401,{stay},2141-07-01 00:00:00,2141-07-09 00:00:00,8",
        f"104,1041,10402,{stay},2141-07-10 00:00:00,2141-07-19 00:00:00,9",
        f"105,1051,10501,{stay},2090-07-01 00:00:00,2090-07-09 00:00:00,8",  # ten years old
        f"106,1061,10601,{stay},2141-07-01 00:00:00,2141-07-09 00:00:00,8",  # nothing measured
        f"107,1071,10701,{stay},2141-07-01 00:00:00,,",  # no end
        f"108,1081,10801,{stay},2141-07-01 00:00:00,2141-07-02 23:59:59,2.0",  # LOS is rounded to 48 h
    ]
    header = (
        "ROW_ID,SUBJECT_ID,HADM_ID,ICUSTAY_ID,FIRST_CAREUNIT,LAST_CAREUNIT,FIRST_WARDID,LAST_WARDID,INTIME,OUTTIME,LOS"
    )
    write_table(folder, "ICUSTAYS", header, [f"{i},{row}" for i, row in enumerate(stays)])
    admissions = []
    for row in stays:
        subject, hadm, *_ = row.split(",")
        dead = "2140-06-20 01:00:00" if hadm.endswith("0") and int(subject) % 3 == 0 else ""
        year = 2140 if hadm in ("1011",) or hadm.endswith("0") else 2141
        admissions.append(f"{subject},{hadm},{year}-06-15 08:00:00,{year}-08-22 08:00:00,{dead},WHITE,Private,ENGL")
    admissions = sorted(set(admissions))
    header = "SUBJECT_ID,HADM_ID,ADMITTIME,DISCHTIME,DEATHTIME,ETHNICITY,INSURANCE,LANGUAGE"
    write_table(folder, "ADMISSIONS", header, admissions)
    # 110 died on the day of discharge by DOD alone; 111 a year later
    dod = {110: "2140-08-22 00:00:00", 111: "2141-08-22 00:00:00"}
    rows = [f"{p},{'MF'[p % 2]},2080-06-15 00:00:00,{dod.get(p, '')}" for p in PEOPLE]
    write_table(folder, "PATIENTS", "SUBJECT_ID,GENDER,DOB,DOD", rows)
    events = []
    for person in PEOPLE:
        for item, hours, value, unit in EVENTS:
            if person == 118 and not (_is_number(value) or value == ""):
                continue  # the only one whose values are all numbers: nothing is read as text
            value = f'"{value}"' if person % 2 else value
            stay_id = "" if hours == 2 else f"{person}00"
            events.append(f"1,{person},{person}0,{stay_id},{item},{at(hours + (person % 5) / 7)},{value},,{unit}")
    events += [
        f"1,101,1011,10101,211,{at(6)},200,,bpm",  # of the short stay, charted in the first one
        f"1,101,1010,10101,211,{at(7)},201,,bpm",  # names another stay
        f"1,101,,10100,211,{at(8)},202,,bpm",  # no admission
        f"1,101,1020,,211,{at(9)},203,,bpm",  # another person's admission
        "1,108,1081,10801,211,2141-07-01 05:00:00,70,,bpm",
    ]
    write_table(folder, "CHARTEVENTS", CHART, events)
    labs = [f"1,{p},{p}0,50931,{at(h)},{v},,mg/dL,abnormal" for p in PEOPLE for h, v in ((2, 120), (-5, 90), (5, 130))]
    write_table(folder, "LABEVENTS", "ROW_ID,SUBJECT_ID,HADM_ID,ITEMID,CHARTTIME,VALUE,VALUENUM,VALUEUOM,FLAG", labs)
    return folder


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
