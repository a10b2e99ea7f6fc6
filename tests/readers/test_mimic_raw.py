"""The reader of raw MIMIC-III tables against a slow re-implementation in pandas, on the open demo and on a tiny set."""

import csv
import gzip
import math
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fairlib.cohort import CohortError
from fairlib.readers import benchmark_episodes, mimic, mimic_events, mimic_raw

SHARED = Path(os.environ.get("FAIRLIB_SHARED", Path(__file__).parents[2].parent / "shared")) / "data"
DEMO = SHARED / "mimic-iii-demo"
needs_demo = pytest.mark.skipif(not DEMO.is_dir(), reason=f"the open demo is not in {DEMO}; set FAIRLIB_SHARED")


# --- the slow reference: FORMAT.md, "Event cleaning, exactly", one subject and one value at a time


EVENT_COLUMNS = ["SUBJECT_ID", "HADM_ID", "ICUSTAY_ID", "ITEMID", "CHARTTIME", "VALUE", "VALUEUOM"]


def slow_table(folder: Path, name: str) -> pd.DataFrame:
    file = next(f for f in folder.iterdir() if f.name.lower().startswith(f"{name.lower()}.csv"))
    wanted = (lambda column: column.upper() in EVENT_COLUMNS) if name.endswith("EVENTS") else None
    table = pd.read_csv(file, dtype=object, keep_default_na=False, usecols=wanted)
    return table.set_axis(table.columns.str.upper(), axis=1)


def slow_stays(folder: Path) -> pd.DataFrame:
    """The stays that the benchmark keeps, in order of subject and time, with the label; short ones included."""
    stays = slow_table(folder, "ICUSTAYS")
    stays = stays[(stays.FIRST_CAREUNIT == stays.LAST_CAREUNIT) & (stays.FIRST_WARDID == stays.LAST_WARDID)]
    stays = stays[[(hadm == stays.HADM_ID).sum() == 1 for hadm in stays.HADM_ID]]
    stays = stays.merge(slow_table(folder, "ADMISSIONS").drop(columns="SUBJECT_ID"), on="HADM_ID")
    stays = stays.merge(slow_table(folder, "PATIENTS"), on="SUBJECT_ID")
    for name in ("INTIME", "OUTTIME", "ADMITTIME", "DISCHTIME", "DEATHTIME", "DOD"):
        stays[name] = pd.to_datetime(stays[name])
    years = [(i.date() - pd.Timestamp(b).date()).days / 365 for i, b in zip(stays.INTIME, stays.DOB, strict=True)]
    stays = stays[[year >= 18 for year in years]]
    died = [
        any(row.ADMITTIME <= time <= row.DISCHTIME for time in (row.DOD, row.DEATHTIME) if pd.notna(time))
        for row in stays.itertuples()
    ]
    stays = stays.assign(LABEL=died, SUBJECT=stays.SUBJECT_ID.astype(int))
    return stays.sort_values(["SUBJECT", "INTIME"])


def is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def slow_clean(variable: str, value: str, unit: str, label: str, as_text: bool, fio2: str) -> float | str | None:
    """One VALUE → number, text (of the scales), or None where it is left out."""
    unit, label = unit.lower(), label.lower()
    if variable.startswith("Glascow"):
        return value
    if variable == "Capillary refill rate":
        return {"Normal <3 secs": 0.0, "Brisk": 0.0, "Abnormal >3 secs": 1.0, "Delayed": 1.0}.get(value)
    if "blood pressure" in variable and "Mean" not in variable and (pair := re.fullmatch(r"(\d+)/(\d+)", value)):
        return float(pair[1 if variable.startswith("Systolic") else 2])
    if not is_number(value):
        return None
    number = float(value)
    plain = re.fullmatch(r"\d+(\.\d*)?|\.\d+", value)
    if variable in ("Glucose", "pH", "Oxygen saturation") and as_text and not plain:
        return None
    if variable == "Oxygen saturation" and number <= 1:
        return number * 100
    if variable == "Fraction inspired oxygen" and "torr" not in unit:
        return number / 100 if number > 1 or (as_text and fio2 == "benchmark") else number
    if variable == "Temperature" and number >= 79:
        return (number - 32) * 5 / 9
    if variable == "Weight" and ("oz" in unit or "oz" in label):
        return number / 16 * 0.453592
    if variable == "Weight" and ("lb" in unit or "lb" in label):
        return number * 0.453592
    if variable == "Height" and ("in" in unit or "in" in label):
        return float(np.round(number * 2.54))
    if variable in ("Heart Rate", "Respiratory rate", "Mean blood pressure") and as_text:
        return value  # never cleaned in the source: stays text, is ordered as text
    return number


def slow_episodes(folder: Path, items: dict[str, tuple[str, str]], fio2: str = "benchmark") -> list[tuple]:
    """(subject, label, text of the episode file) of every stay of the cohort."""
    events = []
    for name in ("CHARTEVENTS", "LABEVENTS"):
        table = slow_table(folder, name)
        events.append(table.reindex(columns=EVENT_COLUMNS, fill_value=""))
    kept, episodes = slow_stays(folder), []
    events = pd.concat([table[table.HADM_ID.isin(kept.HADM_ID)] for table in events], ignore_index=True)
    by_subject = dict(tuple(events.groupby("SUBJECT_ID")))
    for subject, stays in kept.groupby("SUBJECT", sort=True):
        stay_of = dict(zip(stays.HADM_ID, stays.ICUSTAY_ID, strict=True))
        mine = by_subject.get(str(subject), events[:0])
        mine = mine[mine.HADM_ID.isin(stay_of)]
        owner = mine.HADM_ID.map(stay_of)
        mine = mine.assign(OWNER=owner)[(mine.ICUSTAY_ID == "") | (owner == mine.ICUSTAY_ID)]
        mine = mine[mine.VALUE != ""]
        as_text = not all(map(is_number, mine.VALUE))
        mine = mine[mine.ITEMID.isin(items)].assign(CHARTTIME=pd.to_datetime(mine.CHARTTIME))
        for stay in stays.itertuples():
            if not stay.LOS or 24 * float(stay.LOS) < 48 - 1e-6:
                continue
            rows: dict[float, dict[str, float | str]] = {}
            inside = (mine.OWNER == stay.ICUSTAY_ID) | mine.CHARTTIME.between(stay.INTIME, stay.OUTTIME)
            for event in mine[inside].itertuples():
                hours = (event.CHARTTIME - stay.INTIME) / pd.Timedelta(hours=1)
                variable, label = items[event.ITEMID]
                value = slow_clean(variable, event.VALUE, event.VALUEUOM, label, as_text, fio2)
                if value is None or not -1e-6 < hours < 48 + 1e-6:
                    continue
                row = rows.setdefault(hours, {})
                row[variable] = max(row.get(variable, value), value)  # the last in sort order
            if rows:
                lines = [",".join(benchmark_episodes.HEADER)]
                for hours in sorted(rows):
                    cells = [rows[hours].get(name, "") for name in benchmark_episodes.HEADER[1:]]
                    lines.append(",".join(c if isinstance(c, str) else repr(c) for c in [repr(hours), *cells]))
                episodes.append((subject, int(stay.LABEL), "\n".join(lines)))
    return episodes


def compare(folder: Path, items: dict[str, tuple[str, str]], **options) -> None:
    """Person, label, measured cells and every value are those of the slow reference."""
    cohort = mimic.read(folder, **options)
    wanted = slow_episodes(folder, items, options.get("fio2", "benchmark"))
    assert cohort.person.tolist() == [subject for subject, _, _ in wanted]
    assert cohort.y.tolist() == [label for _, label, _ in wanted]
    grid = np.full((len(wanted), 48 * 17), np.nan)
    for row, (_, _, text) in zip(grid, wanted, strict=True):
        positions, values = benchmark_episodes.parse(text, "episode")
        row[positions] = values
    np.testing.assert_array_equal(cohort.x, benchmark_episodes.to_channels(grid.reshape(-1, 48, 17)))


# --- the demo


@needs_demo
def test_every_value_of_the_demo_equals_the_slow_reference():
    with (SHARED / "mimic-benchmark" / "itemids.csv").open() as stream:
        items = {row["itemid"]: (row["variable"], row["label"]) for row in csv.DictReader(stream)}
    assert len(items) == 114
    compare(DEMO, items)


@needs_demo
def test_the_demo_has_57_stays_and_17_deaths_and_every_row_is_counted():
    cohort = mimic.read(DEMO)
    assert (len(cohort), int(cohort.y.sum())) == (57, 17)  # its README.md
    assert cohort.attributes["gender"].value_counts().to_dict() == {"Male": 30, "Female": 27}
    assert cohort.origin == "real"
    steps = cohort.attrition.set_index("step")
    lost = steps[steps.index.str.startswith("left out:")]
    assert steps.loc["stays in ICUSTAYS", "windows"] - lost["windows"].sum() == 57
    events = steps[steps.index.str.startswith("events:")]["note"]
    assert sum(int(note.split(" ")[0].replace(",", "")) for note in events) == 758_355 + 76_074
    assert "the benchmark has 21,139 with 2,797" in steps.loc["cohort", "note"]


@needs_demo
def test_item_ids_are_those_of_the_benchmark():
    with (SHARED / "mimic-benchmark" / "itemids.csv").open() as stream:
        rows = sorted((int(r["itemid"]), r["table"].upper(), r["label"], r["variable"]) for r in csv.DictReader(stream))
    assert sorted((*item, variable) for variable, items in mimic_events.ITEMS.items() for item in items) == rows


# --- a tiny set with every rule in it

ITEM = {
    **{
        "115": ("Capillary refill rate", ""),
        "8368": ("Diastolic blood pressure", ""),
        "51": ("Systolic blood pressure", ""),
    },
    **{"189": ("Fraction inspired oxygen", ""), "184": ("Glascow coma scale eye opening", "")},
    **{"454": ("Glascow coma scale motor response", ""), "198": ("Glascow coma scale total", "")},
    **{"723": ("Glascow coma scale verbal response", ""), "807": ("Glucose", ""), "50931": ("Glucose", "")},
    **{"211": ("Heart Rate", ""), "618": ("Respiratory rate", ""), "615": ("Respiratory rate", "")},
    **{"1394": ("Height", "Height Inches"), "226730": ("Height", "Height (cm)"), "52": ("Mean blood pressure", "")},
    **{"646": ("Oxygen saturation", ""), "678": ("Temperature", ""), "780": ("pH", ""), "50820": ("pH", "")},
    **{"763": ("Weight", "Daily Weight"), "3581": ("Weight", "Present Weight  (lb)")},
    "3582": ("Weight", "Present Weight  (oz)"),
}
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


def write(folder: Path, name: str, header: str, rows: list[str]) -> None:
    (folder / f"{name}.csv").write_text("\n".join([header, *rows, ""]), encoding="utf-8")


@pytest.fixture
def tables(tmp_path) -> Path:
    """Eighteen people with all events, every third one dies; then people and events for each rule."""
    folder = tmp_path / "raw [1]"  # DuckDB must not take the brackets for a pattern
    folder.mkdir()
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
    write(folder, "ICUSTAYS", header, [f"{i},{row}" for i, row in enumerate(stays)])
    admissions = []
    for row in stays:
        subject, hadm, *_ = row.split(",")
        dead = "2140-06-20 01:00:00" if hadm.endswith("0") and int(subject) % 3 == 0 else ""
        year = 2140 if hadm in ("1011",) or hadm.endswith("0") else 2141
        admissions.append(f"{subject},{hadm},{year}-06-15 08:00:00,{year}-08-22 08:00:00,{dead},WHITE,Private,ENGL")
    admissions = sorted(set(admissions))
    header = "SUBJECT_ID,HADM_ID,ADMITTIME,DISCHTIME,DEATHTIME,ETHNICITY,INSURANCE,LANGUAGE"
    write(folder, "ADMISSIONS", header, admissions)
    # 110 died on the day of discharge by DOD alone; 111 a year later
    dod = {110: "2140-08-22 00:00:00", 111: "2141-08-22 00:00:00"}
    rows = [f"{p},{'MF'[p % 2]},2080-06-15 00:00:00,{dod.get(p, '')}" for p in PEOPLE]
    write(folder, "PATIENTS", "SUBJECT_ID,GENDER,DOB,DOD", rows)
    events = []
    for person in PEOPLE:
        for item, hours, value, unit in EVENTS:
            if person == 118 and not (is_number(value) or value == ""):
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
    write(folder, "CHARTEVENTS", CHART, events)
    labs = [f"1,{p},{p}0,50931,{at(h)},{v},,mg/dL,abnormal" for p in PEOPLE for h, v in ((2, 120), (-5, 90), (5, 130))]
    write(folder, "LABEVENTS", "ROW_ID,SUBJECT_ID,HADM_ID,ITEMID,CHARTTIME,VALUE,VALUENUM,VALUEUOM,FLAG", labs)
    return folder


def refusal(folder: Path, **options) -> str:
    with pytest.raises(CohortError) as caught:
        mimic.read(folder, **options)
    return str(caught.value)


@pytest.mark.parametrize("fio2", ["benchmark", "corrected"])
def test_every_value_of_the_tiny_set_equals_the_slow_reference(tables, fio2):
    compare(tables, ITEM, fio2=fio2)


def channel(cohort, name: str, person: int) -> np.ndarray:
    """Values of a continuous channel for a person's first stay, in its own unit."""
    j = cohort.channels.index(name)
    k = next(k for k, i in enumerate(benchmark_episodes.CONTINUOUS) if benchmark_episodes.STARTS[i] == j)
    x = cohort.x[np.flatnonzero(cohort.person == person)[0], :, j]
    return x * benchmark_episodes.SD[k] + benchmark_episodes.MEAN[k]


def test_units_and_order_by_hand(tables):
    cohort = mimic.read(tables)
    values = {name: channel(cohort, name, 105) for name in ("Temperature", "Heart Rate", "Fraction inspired oxygen")}
    np.testing.assert_allclose(values["Temperature"][:3], [37.0, 37.1, 78.9], rtol=1e-5)
    assert values["Heart Rate"][0].round(3) == 98  # as text, "98" comes after "102"
    assert channel(cohort, "Heart Rate", 118)[1].round(3) == 102  # whose values are all numbers
    np.testing.assert_allclose(values["Fraction inspired oxygen"][:4], [0.005, 0.4, 300, 55], rtol=1e-4)
    corrected = channel(mimic.read(tables, fio2="corrected"), "Fraction inspired oxygen", 105)
    np.testing.assert_allclose(corrected[:4], [0.5, 0.4, 300, 55], rtol=1e-4)
    assert "fio2 must be one of benchmark, corrected" in refusal(tables, fio2="right")


def test_labels_rules_and_attrition(tables):
    cohort = mimic.read(tables)
    assert len(cohort) == 19  # 18 people, one of them with a second stay
    assert sorted(set(cohort.person[cohort.y == 1])) == [102, 105, 108, 110, 111, 114, 117]
    assert "111" not in str(cohort.attrition)
    steps = cohort.attrition.set_index("step")["windows"]
    for step, windows in {
        "stays in ICUSTAYS": 27,
        "left out: care unit or ward changed": 2,
        "left out: several stays in one admission": 2,
        "left out: under 18 years": 1,
        "left out: no length of stay (LOS)": 1,
        "left out: under 48 h (LOS)": 1,
        "left out: no measurement in the first 48 h": 1,
        "cohort": 19,
    }.items():
        assert steps[step] == windows, step
    notes = cohort.attrition.set_index("step")["note"]
    assert notes["events: no HADM_ID"] == "1 rows left out"
    assert notes["events: ICUSTAY_ID names another stay than the HADM_ID"] == "1 rows left out"
    assert notes["events: HADM_ID is not of a stay kept so far"] == "1 rows left out"
    assert notes["events: VALUE is text that the rules of the variable do not know (Respiratory rate)"][:2] == "17"
    assert notes["left out: no coded diagnosis"].startswith("not tested")


def test_a_stay_without_a_coded_diagnosis_is_left_out(tables):
    rows = [f"{p},{p}0,{'' if p == 116 else '4019'}" for p in PEOPLE] + ["108,1081,4019"]
    write(tables, "DIAGNOSES_ICD", "SUBJECT_ID,HADM_ID,ICD9_CODE", rows)
    cohort = mimic.read(tables)
    assert len(cohort) == 18
    assert 116 not in cohort.person


def test_any_case_of_names_and_headers_zipped_or_not(tables):
    plain = mimic.read(tables).fingerprint()
    for i, file in enumerate(sorted(tables.iterdir())):
        header, rows = file.read_text().split("\n", 1)
        header = ",".join(f'"{name.lower()}"' for name in header.split(","))
        content = f"{header}\n{rows}".encode()
        file.unlink()
        name = file.name.lower() if i % 2 else file.stem + ".CSV"
        (tables / name).write_bytes(content) if i % 3 else (tables / f"{name}.gz").write_bytes(gzip.compress(content))
    assert mimic.read(tables).fingerprint() == plain


def test_the_order_of_columns_and_rows_does_not_matter(tables):
    plain = mimic.read(tables).fingerprint()
    file = tables / "CHARTEVENTS.csv"
    table = pd.read_csv(file, dtype=str, keep_default_na=False).sample(frac=1, random_state=0)
    table[table.columns[::-1]].to_csv(file, index=False)
    assert mimic.read(tables).fingerprint() == plain


def test_blocks_of_stays_do_not_matter(tables, monkeypatch):
    plain = mimic.read(tables).fingerprint()
    monkeypatch.setattr(mimic_events, "BLOCK", 4)
    assert mimic.read(tables).fingerprint() == plain


# --- splits


def test_the_official_lists_decide_the_split(tables, tmp_path):
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "testset.csv").write_text("".join(f"{p},{int(p > 114)}\n" for p in PEOPLE))
    (lists / "valset.csv").write_text("".join(f"{p},{int(p in (109, 110, 112))}\n" for p in PEOPLE if 104 < p < 115))
    given = mimic.read(tables, split_lists=lists)
    for person, split in zip(given.person, given.split, strict=True):
        assert split == ("test" if person > 114 else "val" if person in (109, 110, 112) else "train")
    assert "testset.csv" in given.attrition.set_index("step").loc["train", "note"]
    for file in lists.iterdir():
        shutil.copy(file, tables)
    assert mimic.read(tables).split.tolist() == given.split.tolist()  # found in the folder, too


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("valset.csv", None, ["valset.csv is missing", "both"]),
        ("testset.csv", None, ["testset.csv is missing", "both"]),
        ("valset.csv", "101,2\n", ["line 1", "'101,2'"]),
        ("valset.csv", "subject,y\n", ["line 1", "'subject,y'"]),
        ("valset.csv", "101,1\n101,0\n", ["line 2", "101 is listed twice"]),
        ("valset.csv", "101,0\n", ["marks nobody"]),
        ("valset.csv", "117,1\n", ["117", "testset.csv too"]),
        ("valset.csv", "", ["marks nobody"]),
        ("valset.csv", b"\xff", ["not UTF-8"]),
        ("valset.csv", "109,1\n", ["val split holds only class 0"]),
    ],
)
def test_bad_lists_are_named(tables, name, text, words):
    (tables / "testset.csv").write_text("116,1\n117,1\n")
    (tables / "valset.csv").write_text("109,1\n110,1\n")
    if text is None:
        (tables / name).unlink()
    else:
        (tables / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    message = refusal(tables)
    for word in words:
        assert word in message


def test_without_lists_the_split_follows_the_subjects_alone(tables):
    cohort = mimic.read(tables)
    split = dict(zip(cohort.person, cohort.split, strict=True))
    for name in ("train", "val", "test"):
        assert set(cohort.y[cohort.split == name]) == {0, 1}
    file = tables / "CHARTEVENTS.csv"
    file.write_text(file.read_text().replace(",98,", ",99,"))
    again = mimic.read(tables)
    assert dict(zip(again.person, again.split, strict=True)) == split


# --- bad input: the message names the file, the place, the value and what to do


def edit(file: Path, line: int, old: str, new: str) -> None:
    lines = file.read_text().splitlines()
    assert old in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new, 1)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.mark.parametrize("name", mimic_raw.TABLES)
def test_a_missing_table_is_named(tables, name):
    (tables / f"{name}.csv").unlink()
    message = refusal(tables)
    assert f"no {name}.csv or {name}.csv.gz" in message
    assert "PhysioNet" in message


@pytest.mark.parametrize(
    ("name", "column"),
    [
        *[("CHARTEVENTS", c) for c in CHART.split(",")[1:] if c != "VALUENUM"],
        *[("LABEVENTS", "HADM_ID"), ("LABEVENTS", "VALUEUOM"), ("ICUSTAYS", "LOS"), ("PATIENTS", "DOD")],
        *[("ADMISSIONS", "DEATHTIME"), ("ADMISSIONS", "DISCHTIME")],
    ],
)
def test_a_missing_column_is_named(tables, name, column):
    file = tables / f"{name}.csv"
    header = file.read_text().splitlines()[0].split(",")
    edit(file, 1, ",".join(header), ",".join("X" if c == column else c for c in header))
    message = refusal(tables)
    assert f"{name}.csv: column {column} is missing" in message


@pytest.mark.parametrize(
    ("name", "line", "old", "new", "words"),
    [
        ("CHARTEVENTS", 5, "2140-06-15", "2140-26-15", ["line 5", "column CHARTTIME", "'2140-26-15", "date"]),
        ("CHARTEVENTS", 6, ",1010,", ",one,", ["line 6", "column HADM_ID", "'one'", "whole number"]),
        ("CHARTEVENTS", 6, ",101,", ",x101,", ["line 6", "column SUBJECT_ID", "'x101'"]),
        ("CHARTEVENTS", 7, ",mmHg", ",mmHg,x,y", ["line 7", "cells"]),
        ("CHARTEVENTS", 7, ",mmHg", "", ["line 7", "expected 9 cells, found 8"]),
        ("CHARTEVENTS", 13, "None", "Wide open", ["'Wide open'", "eye opening", "4 Spontaneously"]),
        ("CHARTEVENTS", 16, '"15"', '"16"', ["'16'", "coma scale total"]),
        ("CHARTEVENTS", 1, "VALUENUM", "value", ["column VALUE is there twice"]),
        ("LABEVENTS", 3, "2140-06-15", "yesterday", ["line 3", "column CHARTTIME", "'yesterday"]),
        ("ICUSTAYS", 4, ",10300,", ",10200,", ["line 4", "ICUSTAY_ID 10200 appears twice"]),
        ("ICUSTAYS", 4, ",1030,", ",99,", ["HADM_ID 99", "one release"]),
        ("ICUSTAYS", 4, ",103,", ",104,", ["HADM_ID 1030", "104", "103"]),
        ("ICUSTAYS", 4, ",4.0", ",four", ["line 4", "column LOS", "'four'"]),
        ("ICUSTAYS", 4, "2140", "214O", ["line 4", "column INTIME", "'214O"]),
        ("ADMISSIONS", 3, ",1011,", ",1010,", ["line 3", "HADM_ID 1010 appears twice"]),
        ("ADMISSIONS", 4, ",,", ",dead,", ["line 4", "column DEATHTIME", "'dead'"]),
        ("PATIENTS", 3, "102", "101", ["line 3", "SUBJECT_ID 101 appears twice"]),
        ("PATIENTS", 3, "102", "99", ["no row for SUBJECT_ID 102", "ICUSTAYS"]),
        ("PATIENTS", 11, "2140-08-22", "summer", ["line 11", "column DOD", "'summer"]),
    ],
)
def test_bad_cells_are_named(tables, name, line, old, new, words):
    if name == "ADMISSIONS" and new == ",dead,":
        line = next(i for i, row in enumerate((tables / "ADMISSIONS.csv").read_text().splitlines(), 1) if ",," in row)
        words = [f"line {line}", *words[1:]]
    edit(tables / f"{name}.csv", line, old, new)
    message = refusal(tables)
    for word in ("CHARTEVENTS" if name == "CHARTEVENTS" else f"{name}.csv", *words):
        assert word in message


@pytest.mark.parametrize("name", ["CHARTEVENTS", "LABEVENTS", "ICUSTAYS"])
def test_damaged_files_are_named(tables, name):
    file = tables / f"{name}.csv"
    content = file.read_bytes()
    for bad, word in [
        (b"", "is empty"),
        (content.replace(b",M", b",\xff").replace(b"mg/dL", b"\xffg").replace(b"bpm", b"\xff"), "not UTF-8"),
        (content[:-30], None if name == "ICUSTAYS" else "cut off"),
        (b"\xff" + content, "not UTF-8"),
    ]:
        file.write_bytes(bad)
        if word:
            assert word in (message := refusal(tables))
            assert f"{name}.csv" in message
    file.unlink()
    packed = gzip.compress(content)
    for bad in (packed[: len(packed) // 2], packed[:-4], packed[:12], content):
        (tables / f"{name}.csv.gz").write_bytes(bad)
        assert "truncated or damaged" in (message := refusal(tables))
        assert f"{name}.csv.gz" in message


@pytest.mark.parametrize(
    ("names", "title"),
    [
        (["set-a/1.txt", "Outcomes-a.txt"], "Challenge 2012"),
        (["actigraphy/mesa-sleep-0001.csv", "overlap/mesa-actigraphy-psg-overlap.csv"], "MESA"),
        (["INS-W_1/FeatureData/rapids.csv", "INS-W_1/SurveyData/dep_weekly.csv"], "GLOBEM"),
    ],
)
def test_a_folder_of_another_dataset_is_recognised(tmp_path, names, title):
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    assert f"this looks like {title}" in refusal(tmp_path)


def test_options_of_the_raw_tables_are_refused_for_episode_files(tables):
    (tables / "in-hospital-mortality").mkdir()
    assert "for the raw tables only" in refusal(tables, fio2="corrected")
    assert "listfile.csv is missing" in refusal(tables)


def test_a_cohort_of_nobody_is_refused(tables):
    file = tables / "ICUSTAYS.csv"
    file.write_text(re.sub(r",(4\.0|8|9|2\.0)\n", ",1.5\n", file.read_text()))
    assert "no stay of 48 h" in refusal(tables)
