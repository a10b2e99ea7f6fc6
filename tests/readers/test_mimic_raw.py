"""The reader of raw MIMIC-III tables against a slow re-implementation in pandas, on the open demo and on a tiny set."""

import csv
import gzip
import math
import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fairlib.cohort import CohortError
from fairlib.readers import benchmark_episodes, mimic, mimic_events
from tests.readers.small import mimic_raw as small
from tests.readers.small.mimic_raw import PEOPLE

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


def slow_clean(variable: str, value: str, unit: str, label: str, as_text: bool) -> float | str | None:
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
        return number / 100 if number > 1 or as_text else number
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


def slow_episodes(folder: Path, items: dict[str, tuple[str, str]]) -> list[tuple]:
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
                value = slow_clean(variable, event.VALUE, event.VALUEUOM, label, as_text)
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
    wanted = slow_episodes(folder, items)
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
    assert "the card says 21,139 stays, 2,797 deaths and 18,093 people" in steps.loc["cohort", "note"]


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


@pytest.fixture
def tables(tmp_path) -> Path:
    return small.write(tmp_path / "raw [1]")  # DuckDB must not take the brackets for a pattern


def refusal(folder: Path, **options) -> str:
    with pytest.raises(CohortError) as caught:
        mimic.read(folder, **options)
    return str(caught.value)


def test_every_value_of_the_tiny_set_equals_the_slow_reference(tables):
    compare(tables, ITEM)


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
    small.write_table(tables, "DIAGNOSES_ICD", "SUBJECT_ID,HADM_ID,ICD9_CODE", rows)
    cohort = mimic.read(tables)
    assert len(cohort) == 18
    assert 116 not in cohort.person


def test_the_age_is_counted_to_the_second(tables):
    """18 years of 365 days before 12:00, in the source from the difference of the two times."""
    born = (pd.Timestamp(small.IN) - pd.Timedelta(days=18 * 365)).floor("D")
    file = tables / "PATIENTS.csv"
    rows = file.read_text().replace("112,M,2080-06-15 00:00:00", f"112,M,{born} 12:00:01".replace(" 00:00:00", ""))
    assert rows != file.read_text()
    file.write_text(rows)
    assert 112 not in mimic.read(tables).person
    file.write_text(rows.replace("12:00:01", "12:00:00"))
    assert 112 in mimic.read(tables).person


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


def test_the_official_lists_decide_the_split(tables):
    (tables / "testset.csv").write_text("".join(f"{p},{int(p > 114)}\n" for p in PEOPLE))
    (tables / "valset.csv").write_text("".join(f"{p},{int(p in (109, 110, 112))}\n" for p in PEOPLE if 104 < p < 115))
    given = mimic.read(tables)
    for person, split in zip(given.person, given.split, strict=True):
        assert split == ("test" if person > 114 else "val" if person in (109, 110, 112) else "train")
    assert "testset.csv" in given.attrition.set_index("step").loc["train", "note"]


def test_without_lists_the_split_follows_the_subjects_alone(tables):
    cohort = mimic.read(tables)
    split = dict(zip(cohort.person, cohort.split, strict=True))
    for name in ("train", "val", "test"):
        assert set(cohort.y[cohort.split == name]) == {0, 1}
    file = tables / "CHARTEVENTS.csv"
    file.write_text(file.read_text().replace(",98,", ",99,"))
    again = mimic.read(tables)
    assert dict(zip(again.person, again.split, strict=True)) == split


# --- bad input: tests/readers/faults/mimic_raw.py


def test_raw_tables_are_not_read_beside_the_task(tables):
    (tables / "in-hospital-mortality").mkdir()
    assert "listfile.csv is missing" in refusal(tables)
